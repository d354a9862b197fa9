"""Node types of ElastiCache: threads that they have room for, memory, network, and price.

Source:
    Virtual CPUs and memory: ElastiCache supported node types (2023). Prices: see `DOLLARS_PER_HOUR`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NodeTypeName = Literal["cache.r7g.large", "cache.r7g.xlarge", "cache.r7g.2xlarge", "cache.r7g.4xlarge"]
GIB = 1 << 30


@dataclass(frozen=True)
class NodeType:
    """One node type.

    Args:
        vcpus: Virtual CPUs.
        memory_gib: Memory for data, in GiB, before what is reserved.
        dollars_per_hour: On demand, us-east-1.
    """

    vcpus: int
    memory_gib: float
    dollars_per_hour: float


NODE_TYPES: dict[str, NodeType] = {
    "cache.r7g.large": NodeType(2, 13.07, 0.219),
    "cache.r7g.xlarge": NodeType(4, 26.32, 0.437),
    "cache.r7g.2xlarge": NodeType(8, 52.82, 0.874),
    "cache.r7g.4xlarge": NodeType(16, 105.81, 1.749),
}
