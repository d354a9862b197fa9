"""Capacity of a table: units by size and consistency, what partitions serve, and who is throttled.

Capacity is unlimited, or provisioned: read and write units for the whole table, unused ones kept for 300 s. Two ways of
admission: `partition`, the older one, gives each partition its even share; `global` lets all partitions draw on the
table's units. In both a partition serves no more than its ceiling. What is admitted is decided by the request router,
before the replicas work.

Source:
    Elhemali et al., Amazon DynamoDB, USENIX ATC 2022, section 4; Amazon DynamoDB Developer Guide (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from models.kernel.amounts import Of
from models.kernel.parts import Bucket, Group
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Admit, Step
from models.kernel.system import Route

PARTITIONS = 4
READ_UNIT_BYTES, WRITE_UNIT_BYTES = 4096, 1024
PARTITION_READ_UNITS, PARTITION_WRITE_UNITS = 3_000.0, 1_000.0
"""Units a second that one partition serves at most (DynamoDB guide, 2023)."""
MAX_UNITS = 40_000.0 * 1_000
"""A thousand times the default quota of a table (DynamoDB guide, 2023)."""
STRONG, EVENTUAL = 1.0, 0.5
"""Read units of a strongly and of an eventually consistent read of up to 4 KB."""
DDB22 = "Elhemali et al., USENIX ATC 2022"
Buckets = tuple[Bucket, ...]


class Provisioned(Parameters):
    """Provisioned capacity of a table."""

    mode: Literal["provisioned"] = parameter(..., "capacity mode")
    read_units_per_s: Annotated[float, Field(ge=1, le=MAX_UNITS)] = parameter(
        ..., "read units (RCU): a strongly consistent read of up to 4 KB, two eventually consistent ones, per second"
    )
    write_units_per_s: Annotated[float, Field(ge=1, le=MAX_UNITS)] = parameter(
        ..., "write units (WCU): a write of up to 1 KB, per second"
    )
    admission: Literal["global", "partition"] = parameter(
        "global", "whether partitions share the table's units, or have each an even share", source=f"{DDB22}, section 4"
    )
    burst_s: Annotated[float, Field(ge=0, le=86_400)] = parameter(
        300.0, "seconds of unused units that can be used later", source="DynamoDB guide: 300 s (2023)"
    )


Capacity = Literal["unlimited"] | Provisioned


def partitions_needed(units_per_s: float, ceiling: float, before: int = 1) -> int:
    """Partitions of a table that is given so many units: they split in two until each is below its ceiling.

    Args:
        units_per_s: Read or write units of the table.
        ceiling: Units that one partition serves at most.
        before: Partitions that there are already; they never merge. A new table starts with just enough.
    """
    if before == 1:
        return max(1, math.ceil(units_per_s / ceiling))
    while units_per_s / before > ceiling:
        before *= 2
    return before


def partitions_of(partitions: int | None, capacity: Capacity) -> int:
    """Partitions of a table: as many as are said, or as its capacity needs."""
    if partitions is not None:
        return partitions
    if isinstance(capacity, str):
        return PARTITIONS
    return max(
        partitions_needed(capacity.read_units_per_s, PARTITION_READ_UNITS),
        partitions_needed(capacity.write_units_per_s, PARTITION_WRITE_UNITS),
    )


def _buckets(kind: str, units_per_s: float, ceiling: float, capacity: Provisioned, partitions: Group) -> Buckets:
    """The buckets that reads, or writes, take tokens from."""
    shared = capacity.admission == "global"
    rate = units_per_s if shared else units_per_s / partitions.size
    where = Group("table") if shared else partitions
    return (
        Bucket(f"{kind} capacity", where, rate, rate * max(1.0, capacity.burst_s)),
        Bucket(f"{kind} ceiling", partitions, ceiling, ceiling),
    )


@dataclass(frozen=True)
class Admission:
    """Who is let in: the buckets that reads and writes take tokens from, none where capacity is unlimited."""

    reads: Buckets = ()
    writes: Buckets = ()

    @classmethod
    def of(cls, capacity: Capacity, partitions: Group) -> Admission:
        """Admission to a table's partitions."""
        if isinstance(capacity, str):
            return cls()
        return cls(
            _buckets("read", capacity.read_units_per_s, PARTITION_READ_UNITS, capacity, partitions),
            _buckets("write", capacity.write_units_per_s, PARTITION_WRITE_UNITS, capacity, partitions),
        )

    def read(self, units: float, *work: Step, of: Of = "item") -> tuple[Step, ...]:
        """A read's work, if there are units for it: for one item, or for all that a query brings."""
        return (Admit(self.reads, units, READ_UNIT_BYTES, Route(*work), of),) if self.reads else work

    def write(self, *work: Step) -> tuple[Step, ...]:
        """A write's work, if there are units for it."""
        return (Admit(self.writes, 1.0, WRITE_UNIT_BYTES, Route(*work)),) if self.writes else work
