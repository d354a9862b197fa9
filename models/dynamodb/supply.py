"""How a table's units get into the buckets that admit its requests.

Control sets the units; a supply brings them where they are used: into the table's one bucket, to the request routers,
or to the partitions. A supply lives as long as a replication.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from models.dynamodb.admission import Units
from models.kernel.parts import Bucket
from models.kernel.plane import Plane

LIFT = 2.0
"""Adaptive capacity lifts a share by so many times what was throttled (assumed, 1 to 4)."""
FORGETS = 0.5
"""Weight of the last interval in what a router is taken to want (assumed, 0.2 to 1)."""


class Supply(Protocol):
    """Where a table's units go."""

    units_per_s: float

    def provide(self, units_per_s: float) -> None:
        """From now on the table has so many units."""

    def taken(self) -> float:
        """Units used since time zero."""


class TableSupply:
    """All units flow into one bucket.

    Args:
        plane: The data plane.
        units: The buckets.
        burst_s: Seconds of unused units that are kept.
    """

    def __init__(self, plane: Plane, units: Units, burst_s: float) -> None:
        self.plane, self.bucket, self.burst_s, self.units_per_s = plane, units.capacity, burst_s, units.units_per_s

    def provide(self, units_per_s: float) -> None:
        """From now on the table has so many units."""
        self.units_per_s = units_per_s
        for member in range(self.bucket.group.size):
            self.plane.refill(self.bucket, member, units_per_s, units_per_s * self.burst_s)

    def taken(self) -> float:
        """Units used since time zero."""
        return _sum(self.plane, self.bucket)[0]


class RouterSupply(TableSupply):
    """Routers have tokens of their own, which a central service deals out every few seconds (global admission control).

    The service keeps the table's bucket: what flows in, less what the routers say they have used. It gives each router
    what it wanted lately, and of the rest an even share; or, when there is too little for all, shares in proportion to
    what they wanted. What a router has not used by then expires, and is the table's again.

    Args:
        plane: The data plane.
        units: The buckets.
        burst_s: Seconds of unused units that are kept.
        every_s: Seconds between refills.
    """

    def __init__(self, plane: Plane, units: Units, burst_s: float, every_s: float) -> None:
        super().__init__(plane, units, max(burst_s, every_s))
        self.routers = range(self.bucket.group.size)
        self.seen = [(0.0, 0.0)] * len(self.routers)
        self.wanted = [self.units_per_s * every_s / len(self.routers)] * len(self.routers)
        self.tokens, self.since_s = self.units_per_s * self.burst_s, 0.0
        self._deal()

    def provide(self, units_per_s: float) -> None:
        """From now on the table has so many units; routers notice at the next refill."""
        self._flow()
        self.units_per_s = units_per_s

    def refill(self) -> None:
        """The routers tell what they have used and wanted, and get new tokens."""
        self._flow()
        for router in self.routers:
            taken, missed = self.plane.tokens(self.bucket, router)
            used, lacked = taken - self.seen[router][0], missed - self.seen[router][1]
            self.seen[router] = taken, missed
            self.wanted[router] += FORGETS * (used + lacked - self.wanted[router])
            self.tokens -= used
        self.tokens = min(max(self.tokens, 0.0), self.units_per_s * self.burst_s)
        self._deal()

    def _flow(self) -> None:
        now = self.plane.env.now
        self.tokens += (now - self.since_s) * self.units_per_s
        self.since_s = now

    def _deal(self) -> None:
        total = sum(self.wanted)
        rest = (self.tokens - total) / len(self.routers)
        for router, wanted in zip(self.routers, self.wanted, strict=True):
            share = wanted + rest if rest >= 0.0 else self.tokens * (wanted / total)
            self.plane.refill(self.bucket, router, 0.0, share, share)


class PartitionSupply:
    """Each partition has a share, even at first; adaptive capacity lifts the shares of those that are throttled.

    It acts only while the table as a whole uses less than its units, and takes lifts back while it uses more.

    Args:
        plane: The data plane.
        units: The buckets.
        burst_s: Seconds of unused units that are kept.
    """

    def __init__(self, plane: Plane, units: Units, burst_s: float) -> None:
        assert units.allocated is not None
        assert units.burst is not None
        self.plane, self.burst_s, self.units_per_s = plane, burst_s, units.units_per_s
        self.allocated, self.burst, self.capacity = units.allocated, units.burst, units.capacity
        self.partitions = range(self.allocated.group.size)
        self.lifts = [0.0] * len(self.partitions)
        self.seen = [(0.0, 0.0)] * len(self.partitions)

    def provide(self, units_per_s: float) -> None:
        """From now on the table has so many units."""
        self.units_per_s = units_per_s
        for partition in self.partitions:
            self._give(partition)

    def taken(self) -> float:
        """Units used since time zero."""
        return _sum(self.plane, self.capacity)[0]

    def adapt(self, every_s: float) -> None:
        """One look of adaptive capacity, at what was used and throttled in so many seconds."""
        rates = [(used / every_s, lacked / every_s) for used, lacked in self._drawn()]
        used_per_s = sum(used for used, _ in rates)
        for partition, (used, lacked) in enumerate(rates):
            before = self.lifts[partition]
            if used_per_s > self.units_per_s:
                self.lifts[partition] = max(0.0, before - (used_per_s - self.units_per_s))
            elif lacked > 0.0:
                left = self.units_per_s - (used_per_s - used) - self._share()
                self.lifts[partition] = min(max(0.0, left), before + LIFT * lacked)
            if self.lifts[partition] != before:
                self._give(partition)

    def _share(self) -> float:
        return self.units_per_s / len(self.partitions)

    def _give(self, partition: int) -> None:
        share = self._share() + self.lifts[partition]
        self.plane.refill(self.allocated, partition, share, share)
        self.plane.refill(self.burst, partition, 0.0, share * (self.burst_s - 1.0))

    def _drawn(self) -> Iterator[tuple[float, float]]:
        """Units used and lacked by each partition since the last look: who finds too few allocated may still burst."""
        for partition in self.partitions:
            (allocated, missed), (burst, _) = (
                self.plane.tokens(bucket, partition) for bucket in (self.allocated, self.burst)
            )
            before, self.seen[partition] = self.seen[partition], (allocated + burst, missed - burst)
            yield allocated + burst - before[0], missed - burst - before[1]


def _sum(plane: Plane, bucket: Bucket) -> tuple[float, float]:
    drawn: list[Any] = [plane.tokens(bucket, member) for member in range(bucket.group.size)]
    return sum(taken for taken, _ in drawn), sum(missed for _, missed in drawn)
