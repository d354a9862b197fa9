"""Splitting of hot partitions: when one has been hot for minutes, half of its heat goes to a spare partition.

Keys are hashed to ranges; a partition holds some of them. The split goes where the heat that was observed falls into
halves, as far as ranges let it. A partition whose heat is nearly all in one range is left alone: one hot key cannot be
split.

Source:
    Elhemali et al., Amazon DynamoDB, USENIX ATC 2022, section 4 (splitting for consumption).

Limits:
    The parts of a split keep their replicas' places in turn of zones; copying takes no work of the replicas.
"""

from __future__ import annotations

from itertools import accumulate

from models.dynamodb.admission import Admission, Units
from models.dynamodb.capacity import SplitForHeat
from models.kernel.plane import Plane

LEAST_SHARE = 0.1
"""Heat that either side of a split must have at least (assumed, 0.05 to 0.3)."""


def cut(heat: list[float]) -> int | None:
    """Where to split ranges with so much heat each: the number of those that stay; None where it is of no use."""
    total = sum(heat)
    before = list(accumulate(heat))[:-1]
    if not before or total <= 0.0:
        return None
    best = min(range(len(before)), key=lambda at: abs(before[at] - total / 2.0))
    return best + 1 if LEAST_SHARE * total <= before[best] <= (1.0 - LEAST_SHARE) * total else None


class Splitter:
    """Watches the partitions of one table in one replication, and splits them.

    Args:
        plane: The data plane.
        admission: The table's partitions and ranges.
        terms: When a partition is hot.
        every_s: Seconds from one look to the next.
    """

    def __init__(self, plane: Plane, admission: Admission, terms: SplitForHeat, every_s: float) -> None:
        assert admission.ranges is not None
        self.plane, self.admission, self.terms, self.every_s = plane, admission, terms, every_s
        self.kinds = [u for u in (admission.reads, admission.writes) if plane.uses(u.capacity)]
        self.owner = [r % admission.count for r in range(admission.ranges.size)]
        self.partitions = admission.count
        self.hot_s = [0.0] * admission.partitions.size
        self.seen_wanted = {kind.kind: [0.0] * admission.partitions.size for kind in self.kinds}
        self.seen_heat = {kind.kind: [0.0] * admission.ranges.size for kind in self.kinds}

    def look(self) -> None:
        """See which partitions are hot, and split those that have been so for long."""
        hot = [False] * len(self.hot_s)
        for kind in self.kinds:
            for partition, wanted in enumerate(self._wanted(kind)):
                assert kind.ceiling is not None
                hot[partition] |= wanted / self.every_s >= self.terms.hot_share * kind.ceiling.rate_per_s
        heat = self._heat()
        for partition in range(self.partitions):
            self.hot_s[partition] = self.hot_s[partition] + self.every_s if hot[partition] else 0.0
            if self.hot_s[partition] >= self.terms.hot_s:
                self.hot_s[partition] = 0.0
                self._split(partition, heat)

    def _split(self, partition: int, heat: list[float]) -> None:
        mine = [r for r, owner in enumerate(self.owner) if owner == partition]
        stay = cut([heat[r] for r in mine])
        if stay is None:
            self.plane.note(f"partition {partition} is hot, and cannot be split")
            return
        if self.partitions == self.admission.partitions.size:
            self.plane.note(f"partition {partition} is hot, and no spare partition is left")
            return
        new, self.partitions = self.partitions, self.partitions + 1
        for r in mine[stay:]:
            self.owner[r] = new
            self.plane.assign(self.admission.by_key, 0, r, new)
        self.plane.note(f"partition {partition} split: {len(mine) - stay} of {len(mine)} ranges go to partition {new}")

    def _wanted(self, kind: Units) -> list[float]:
        """Units that each partition was asked for since the last look, throttled ones included."""
        assert kind.ceiling is not None
        drawn = [sum(self.plane.tokens(kind.ceiling, p)) for p in range(kind.ceiling.group.size)]
        before, self.seen_wanted[kind.kind] = self.seen_wanted[kind.kind], drawn
        return [now - then for now, then in zip(drawn, before, strict=True)]

    def _heat(self) -> list[float]:
        """Share of each range in what its table served since the last look: reads and writes by their ceilings."""
        total = [0.0] * len(self.owner)
        for kind in self.kinds:
            assert kind.heat is not None
            assert kind.ceiling is not None
            drawn = [self.plane.tokens(kind.heat, r)[0] for r in range(len(self.owner))]
            for r, (then, now) in enumerate(zip(self.seen_heat[kind.kind], drawn, strict=True)):
                total[r] += (now - then) / kind.ceiling.rate_per_s
            self.seen_heat[kind.kind] = drawn
        return total
