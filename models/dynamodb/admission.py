"""Who is let in: the token buckets that a table's reads and writes take from, and where they stand.

Every request counts its units at the bucket "read capacity" or "write capacity", in every mode. With global admission,
or on demand, these buckets are the limit: the table's one, or one of each request router. With admission by partitions
they only count; what a partition has been allocated is taken first, and then its burst, if the storage nodes have
tokens for bursts too: that of the replica which is read, or those of all replicas that write. In each mode with limits
a partition has its ceiling as well. Admission is decided by the request router, before the replicas work.

Where hot partitions split, keys are hashed to ranges, and ranges to partitions. Each range counts its units, so that
control sees where the heat is.

Source:
    Elhemali et al., Amazon DynamoDB, USENIX ATC 2022, section 4; Amazon DynamoDB Developer Guide (2023).

Limits:
    Work within its partition's allocation takes no tokens of the storage nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from models.dynamodb.capacity import (
    PARTITION_READ_UNITS,
    PARTITION_WRITE_UNITS,
    READ_UNIT_BYTES,
    WRITE_UNIT_BYTES,
    Capacity,
    Provisioned,
)
from models.kernel.amounts import Of
from models.kernel.parts import Bucket, Group, Membership, everybody
from models.kernel.steps import Admit, At, Choose, Step
from models.kernel.system import Route

RANGES = 64
"""Hash ranges of each partition that there is at first: it can split so often that a range is its own."""
MAX_RANGES = 1 << 16


@dataclass(frozen=True, eq=False)
class Units:
    """The buckets of one kind of units, read or write.

    Args:
        kind: "read" or "write".
        units_per_s: Of the table; inf if there is no limit.
        capacity: Where all units are counted.
        ceiling: What a partition serves at most.
        allocated: What a partition has been given.
        burst: What it has not used.
        node: What a storage node has for bursts.
        heat: Counts the units of a range of keys.
    """

    kind: str
    units_per_s: float
    capacity: Bucket
    ceiling: Bucket | None = None
    allocated: Bucket | None = None
    burst: Bucket | None = None
    node: Bucket | None = None
    heat: Bucket | None = None

    def admit(
        self, units: float, unit_bytes: int, nodes: tuple[At, ...], work: tuple[Step, ...], of: Of = "item"
    ) -> Admit:
        """Work, if there are units for it; bursts take tokens of these nodes, or of the one that is chosen already."""
        always = tuple(bucket for bucket in (self.capacity, self.heat, self.ceiling) if bucket is not None)
        if self.allocated is None or self.burst is None or self.node is None:
            return Admit(always, units, unit_bytes, Route(*work), of)
        either = ((self.allocated,), (self.burst, *(nodes or (self.node,))))
        return Admit(always, units, unit_bytes, Route(*work), of, either)


@dataclass(frozen=True, eq=False)
class Admission:
    """Admission to a table.

    Args:
        capacity: As the scenario gives it.
        partitions: All partitions, spare ones last.
        count: Those that there are at first.
        routers: The request routers.
        replicas: Where the replicas of each partition stand, the leader's place first.
    """

    capacity: Capacity
    partitions: Group
    count: int
    routers: Group
    replicas: Membership

    @cached_property
    def ranges(self) -> Group | None:
        """Hash ranges of keys; none where partitions do not split."""
        if self.partitions.size == self.count:
            return None
        return Group("key ranges", self.count * max(1, min(RANGES, MAX_RANGES // self.count)))

    @cached_property
    def by_key(self) -> Membership:
        """The partition of each range of keys; as a key's hash alone would have it, until one splits."""
        ranges = self.count if self.ranges is None else self.ranges.size
        return Membership(self.partitions, (tuple(r % self.count for r in range(ranges)),))

    @property
    def find(self) -> tuple[Step, ...]:
        """How a key's partition is found, and the range that counts its units."""
        ranges = () if self.ranges is None else (Choose(everybody(self.ranges), "key"),)
        return *ranges, Choose(self.by_key, "key")

    @cached_property
    def table(self) -> Group:
        """The table as a whole."""
        return Group("table")

    @cached_property
    def reads(self) -> Units:
        """What reads take."""
        return self._units("read", PARTITION_READ_UNITS)

    @cached_property
    def writes(self) -> Units:
        """What writes take."""
        return self._units("write", PARTITION_WRITE_UNITS)

    def read(self, units: float, *work: Step, of: Of = "item") -> Admit:
        """A read's work at a replica that has been chosen, if there are units for it: one item, or all of a query."""
        return self.reads.admit(units, READ_UNIT_BYTES, (), work, of)

    def write(self, *work: Step) -> Admit:
        """A write's work, if there are units for it."""
        node, slots = self.writes.node, (*range(1, self.replicas.width), 0)
        nodes = () if node is None else tuple(At(Choose(self.replicas, slot), node) for slot in slots)
        return self.writes.admit(1.0, WRITE_UNIT_BYTES, nodes, work)

    def _units(self, kind: str, ceiling: float) -> Units:
        capacity = self.capacity
        name, counts = f"{kind} capacity", (0.0, math.inf)
        if isinstance(capacity, str):
            return Units(kind, math.inf, Bucket(name, self.table, *counts))
        at_most = Bucket(f"{kind} ceiling", self.partitions, ceiling, ceiling)
        if isinstance(capacity, Provisioned):
            units, burst_s = getattr(capacity, f"{kind}_units_per_s"), max(1.0, capacity.burst_s)
            if capacity.admission == "partition":
                share, spare = units / self.count, getattr(capacity, f"node_{kind}_units_per_s")
                burst = Bucket(f"{kind} burst", self.partitions, 0.0, share * (burst_s - 1.0))
                return Units(
                    kind, units, Bucket(name, self.table, *counts), at_most,
                    Bucket(f"{kind} allocation", self.partitions, share, share, burst), burst,
                    Bucket(f"{kind} node", self.replicas.group, spare, spare),
                )  # fmt: skip
        else:
            units, burst_s = getattr(capacity, f"first_{kind}_units_per_s"), 1.0
        local = capacity.router_refill_s > 0
        where = self.routers if local else self.table
        # Before control has refilled them for the first time, the routers have even shares.
        share = units / where.size
        heat = None if self.ranges is None else Bucket(f"{kind} heat", self.ranges, *counts)
        return Units(
            kind, units, Bucket(name, where, share, share * max(burst_s, capacity.router_refill_s)), at_most, heat=heat
        )
