"""Node types of DAX: what each serves and holds.

The guide has a table for r5 alone. It comes to 37,500 normalised requests a second for each virtual CPU, and no more
than 1,000,000 for a node, which is a bound on network operations; the other families are assumed to do the same.

Source:
    DAX guide: "Sizing your DAX cluster" for r5, "DAX T3/T2 burstable instances" for families and credits (2026).
    Memory and virtual CPUs: EC2 instance types of the same names (2026).

Limits:
    Capacities of r4, r7i, t2 and t3 are assumed, to a factor of two; which sizes of r7i there are is assumed as in r5.
    CPU credits are not counted. A t3 node needs none to go on (unlimited mode); a t2 node without credits falls to 20 %
    of each virtual CPU, which `units_per_node_s` can say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

UNITS_PER_VCPU_S = 37_500
"""Normalised requests a second: 75,000 of an r5.large with two virtual CPUs."""
UNITS_PER_NODE_MAX_S = 1_000_000

NodeTypeName = Literal[
    "dax.r5.large", "dax.r5.xlarge", "dax.r5.2xlarge", "dax.r5.4xlarge", "dax.r5.8xlarge", "dax.r5.12xlarge",
    "dax.r5.16xlarge", "dax.r5.24xlarge",
    "dax.r7i.large", "dax.r7i.xlarge", "dax.r7i.2xlarge", "dax.r7i.4xlarge", "dax.r7i.8xlarge", "dax.r7i.12xlarge",
    "dax.r7i.16xlarge", "dax.r7i.24xlarge",
    "dax.r4.large", "dax.r4.xlarge", "dax.r4.2xlarge", "dax.r4.4xlarge", "dax.r4.8xlarge", "dax.r4.16xlarge",
    "dax.t3.small", "dax.t3.medium", "dax.t2.small", "dax.t2.medium",
]  # fmt: skip


@dataclass(frozen=True)
class NodeType:
    """One node type.

    Args:
        vcpus: Virtual CPUs.
        memory_gb: Memory.
    """

    vcpus: int
    memory_gb: float

    @property
    def units_per_s(self) -> int:
        """Normalised requests a second."""
        return min(UNITS_PER_NODE_MAX_S, UNITS_PER_VCPU_S * self.vcpus)


def _sizes(family: str, memory_gb: float, vcpus: dict[str, int]) -> dict[str, NodeType]:
    """A family of nodes with so much memory for each virtual CPU."""
    return {f"dax.{family}.{size}": NodeType(count, memory_gb * count) for size, count in vcpus.items()}


R4 = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "16xlarge": 64}
R5 = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64,
      "24xlarge": 96}  # fmt: skip
NODE_TYPES: dict[str, NodeType] = {
    **_sizes("r5", 8.0, R5),
    **_sizes("r7i", 8.0, R5),
    **_sizes("r4", 7.625, R4),
    "dax.t3.small": NodeType(2, 2.0),
    "dax.t3.medium": NodeType(2, 4.0),
    "dax.t2.small": NodeType(1, 2.0),
    "dax.t2.medium": NodeType(2, 4.0),
}
