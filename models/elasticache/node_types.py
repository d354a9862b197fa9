"""Node types of ElastiCache: room for threads, how fast these are, memory, network, and price.

How much a thread does is published for Redis alone, by size of an r7g node: what one shard answers at most when a
thousand clients read over a network. Small nodes do less with a thread than large ones, as the kernel's network stack
shares their few CPUs. The work of a thread on each size follows from that, as a multiple of what it takes on the
machine of the benchmark that `commands` is tuned on; all threads of a node, and Memcached's too, are taken to be slower
or faster alike.

Source:
    Virtual CPUs, memory: ElastiCache supported node types (2023), EC2 types of the same names. Bandwidth, baseline and
    burst: ElastiCache guide, "Supported node types" (2025). Throughput of r7g: figure in the MemoryDB paper (SIGMOD
    2024), digitised, 2 %. Graviton 3 over Graviton 2: up to 28 % more, AWS Database Blog, ElastiCache 7.1 (2023).
    Prices on demand in us-east-1: AWS price list as public cost tools restate it (2026); of every type listed, Valkey
    costs 0.8 times what Redis costs, and Memcached as much as Redis.

Limits:
    m7g is taken to be as fast as r7g, the generation before 28 % slower, and t4g nodes as a large one of m6g; their CPU
    credits are not counted. Nor are the minutes that a burst of the network lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NodeTypeName = Literal[
    "cache.r7g.large", "cache.r7g.xlarge", "cache.r7g.2xlarge", "cache.r7g.4xlarge", "cache.r7g.8xlarge",
    "cache.r7g.12xlarge", "cache.r7g.16xlarge",
    "cache.m7g.large", "cache.m7g.xlarge", "cache.m7g.2xlarge", "cache.m7g.4xlarge", "cache.m7g.8xlarge",
    "cache.m7g.12xlarge", "cache.m7g.16xlarge",
    "cache.r6g.large", "cache.r6g.xlarge", "cache.r6g.2xlarge", "cache.r6g.4xlarge", "cache.r6g.8xlarge",
    "cache.r6g.12xlarge", "cache.r6g.16xlarge",
    "cache.m6g.large", "cache.m6g.xlarge", "cache.m6g.2xlarge", "cache.m6g.4xlarge", "cache.m6g.8xlarge",
    "cache.m6g.12xlarge", "cache.m6g.16xlarge",
    "cache.t4g.micro", "cache.t4g.small", "cache.t4g.medium",
]  # fmt: skip
Engine = Literal["memcached", "redis", "valkey"]
GIB = 1 << 30
GBIT_BYTES = 125_000_000
VALKEY_TO_REDIS = 0.8
"""What a Valkey node costs, in parts of a Redis node's price."""
BENCHMARK_READ_S = 3.395e-6
"""What a read takes the only thread of a Redis with 1,000 connections on the benchmark's machine, as `commands` has
it."""
R7G_READS_PER_S = {
    "large": 186e3, "xlarge": 202e3, "2xlarge": 230e3, "4xlarge": 292e3, "8xlarge": 346e3, "12xlarge": 323e3,
    "16xlarge": 323e3,
}  # fmt: skip
"""Reads that one Redis answers at most, by size."""
GRAVITON_3_TO_2 = 1.28


@dataclass(frozen=True)
class NodeType:
    """One node type.

    Args:
        vcpus: Virtual CPUs.
        memory_gib: Memory for data, in GiB, before what is reserved.
        dollars_per_hour: On demand, us-east-1, Redis or Memcached.
        baseline_gbit_per_s: Network bandwidth that lasts.
        burst_gbit_per_s: Network bandwidth for some minutes.
        slowness: What a thread's work takes, in multiples of what it takes on the benchmark's machine.
    """

    vcpus: int
    memory_gib: float
    dollars_per_hour: float
    baseline_gbit_per_s: float
    burst_gbit_per_s: float
    slowness: float

    def price(self, engine: Engine) -> float:
        """Dollars per hour under an engine."""
        return self.dollars_per_hour * (VALKEY_TO_REDIS if engine == "valkey" else 1.0)


_VCPUS = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64}
_R_GIB = (13.07, 26.32, 52.82, 105.81, 209.55, 317.77, 419.09)
_M_GIB = (6.38, 12.93, 26.04, 52.26, 103.68, 157.12, 209.55)
_GRAVITON_3_GBIT = ((0.937, 1.876, 3.75, 7.5, 15.0, 22.5, 30.0), (12.5, 12.5, 15.0, 15.0, 15.0, 22.5, 30.0))
_GRAVITON_2_GBIT = ((0.75, 1.25, 2.5, 5.0, 12.0, 20.0, 25.0), (10.0, 10.0, 10.0, 10.0, 12.0, 20.0, 25.0))
_R7G = (0.219, 0.437, 0.873, 1.745, 3.491, 5.235, 6.981)
_M7G = (0.158, 0.315, 0.629, 1.257, 2.514, 3.77, 5.028)
_R6G = (0.206, 0.411, 0.821, 1.642, 3.284, 4.925, 6.567)
_M6G = (0.149, 0.297, 0.593, 1.186, 2.372, 3.557, 4.743)


def _slowness(size: str) -> float:
    """Of a node of the third generation."""
    return 1.0 / (R7G_READS_PER_S[size] * BENCHMARK_READ_S)


def _family(
    name: str, gib: tuple[float, ...], dollars: tuple[float, ...], gbit: tuple[tuple[float, ...], ...], to_r7g: float
) -> dict[str, NodeType]:
    """All sizes of a family, from `large` on."""
    return {
        f"cache.{name}.{size}": NodeType(vcpus, gib[i], dollars[i], gbit[0][i], gbit[1][i], to_r7g * _slowness(size))
        for i, (size, vcpus) in enumerate(_VCPUS.items())
    }


_T4G_SLOWNESS = GRAVITON_3_TO_2 * _slowness("large")
NODE_TYPES: dict[str, NodeType] = {
    **_family("r7g", _R_GIB, _R7G, _GRAVITON_3_GBIT, 1.0),
    **_family("m7g", _M_GIB, _M7G, _GRAVITON_3_GBIT, 1.0),
    **_family("r6g", _R_GIB, _R6G, _GRAVITON_2_GBIT, GRAVITON_3_TO_2),
    **_family("m6g", _M_GIB, _M6G, _GRAVITON_2_GBIT, GRAVITON_3_TO_2),
    "cache.t4g.micro": NodeType(2, 0.5, 0.016, 0.064, 5.0, _T4G_SLOWNESS),
    "cache.t4g.small": NodeType(2, 1.37, 0.032, 0.128, 5.0, _T4G_SLOWNESS),
    "cache.t4g.medium": NodeType(2, 3.09, 0.065, 0.256, 5.0, _T4G_SLOWNESS),
}


@dataclass(frozen=True)
class Machine:
    """What a node's threads run on, and how many clients hold a connection to them.

    Args:
        vcpus: Virtual CPUs; threads beyond these add nothing.
        slowness: As in `NodeType`; 1 on the benchmark's machine.
        bytes_per_s: Bandwidth of the network card, each way.
        connections: Open connections.
    """

    vcpus: int
    slowness: float
    bytes_per_s: float
    connections: int
