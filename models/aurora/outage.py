"""A zone that is dark for long: its copies are left out of their groups, so that one more may be lost.

While two of six copies are gone, all four of the others must have a record: nothing can be written when one of these is
lost, too. When nobody of another zone has had an answer from a zone for so long, three of the four are to be enough,
and two to find what is durable, which any three of four meet. That takes two steps. First a record must satisfy the old
rule and the new one, and the four take from each other what they lack, until three of them surely have all that is
durable. Then the new rule holds alone. When the zone answers again, the way back is the same: both rules, until one of
its copies has all that is durable, then the old one.

Source:
    Verbitski and others, SIGMOD 2018, section 4.1: a 3/4 write quorum on the remaining copies in a long outage of a
    zone; membership changes in two steps, with epochs.

Limits:
    How long is long is not published. One zone at a time is left out. While its group changes in another way, nobody
    looks.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from models.kernel.predicates import both
from models.looks import Process

if TYPE_CHECKING:
    import simpy

    from models.aurora.upkeep import Segments

LOOKS = 10
"""How often a zone is looked at until it is taken to be dark for long."""


class Outage:
    """Whoever minds dark zones.

    Args:
        segments: The volume's, and what can be asked.
        long_s: Seconds without an answer until a zone is left out.
    """

    def __init__(self, segments: Segments, long_s: float) -> None:
        self.segments, self.long_s = segments, long_s

    def look(self, group: int) -> Process:
        """Leave out the copies of a zone that is dark, or take them back when it is not any more."""
        s = self.segments
        dark = {zone for zone in range(s.upkeep.region.zones) if self._is_dark(group, zone)}
        out = s.out[group]
        if not out and len(dark) == 1:
            yield from self._leave_out(group, dark.pop())
        elif out and not any(s.zone_of(group, slot) in dark for slot in out):
            yield from self._take_back(group)

    def _is_dark(self, group: int, zone: int) -> bool:
        """Whether nobody of another zone has heard of any member in this one for so long."""
        s = self.segments
        mine = [s.heard_abroad_s[s.segment(group, slot)] for slot in s.members[group] if s.zone_of(group, slot) == zone]
        return bool(mine) and s.now - max(mine) > self.long_s

    def _leave_out(self, group: int, zone: int) -> Process:
        s = self.segments
        out = frozenset(slot for slot in s.members[group] if s.zone_of(group, slot) == zone)
        stay = [slot for slot in s.members[group] if slot not in out]
        if len(stay) <= s.quorum.write // 2:
            return
        left = s.quorum.writes_left(s.width, stay)
        self._suffice(group, out)
        having = yield from self._bring(group, stay, stay, s.quorum.reads(s.width, s.members[group]))
        if left[having]:
            s.out[group] = out
            s.plane.note(f"group {group}: zone {zone} is left out, {len(stay) - 1} of {len(stay)} are enough")
        s.suffice(group)

    def _take_back(self, group: int) -> Process:
        s = self.segments
        out = s.out[group].intersection(s.members[group])
        stay = [slot for slot in s.members[group] if slot not in out]
        self._suffice(group, out)
        if not out or (yield from self._bring(group, sorted(out), stay, s.quorum.reads_left(s.width, stay))):
            s.out[group] = frozenset()
            s.plane.note(f"group {group}: all zones are back, {s.quorum.write} of {len(s.members[group])} are enough")
        s.suffice(group)

    def _suffice(self, group: int, out: frozenset[int]) -> None:
        """A record must satisfy the rule with some slots and the one without; what finds it stays as it is."""
        s = self.segments
        members = s.members[group]
        stay = [slot for slot in members if slot not in out]
        table = both(s.quorum.writes(s.width, members), s.quorum.writes_left(s.width, stay))
        s.plane.suffice(s.storage.volume, group, table)

    def _bring(
        self, group: int, targets: Sequence[int], sources: Sequence[int], finds: Sequence[bool]
    ) -> Generator[simpy.Event, Any, int]:
        """Let some slots take what others have; returns the set of those that have all that is durable."""
        s, having = self.segments, 0
        for target in targets:
            asked = 1 << target if target in sources else 0
            for source in sources:
                if source != target and (yield from s.pull(s.segment(group, target), s.segment(group, source))):
                    asked |= 1 << source
            having |= finds[asked] << target
        return having
