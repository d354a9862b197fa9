"""What both engines do alike for control: the clock, the journal, control's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from models.kernel.codes import CONTROL
from models.kernel.plane import Position, check_member
from models.kernel.random import mix, uniforms
from models.kernel.steps.log import TERM

if TYPE_CHECKING:
    from models.kernel.journal import Journal
    from models.kernel.outcome import IntArray
    from models.kernel.parts import Bucket, Cache, Copies, Group, Log, Membership, Station, Volume
    from models.kernel.plane import Image
    from models.kernel.program import Program
    from models.kernel.random import Stream


class Controlled:
    """The part of `plane.Plane` that no engine has a way of its own with."""

    __slots__ = ()

    env: Any
    program: Program
    journal: Journal
    control_key: Callable[[str], Stream]
    """The key of a stream of control's own, by its name."""
    up_watches: dict[int, list[simpy.Event]]
    """Whoever waits for a station to come up again, by its index."""
    terms: Iterator[int]
    """Terms for which nobody has led yet, of any log."""
    _end: Callable[[Log, int], tuple[int, int, bool]]
    """The record at the end of a member's log, bytes up to there, and whether others wait for some in front of them."""
    _go: Callable[[Log, int, int, int, bool], None]
    """Let a member's log end at another record and so many bytes, and the member lead or not."""
    save: Callable[[Cache, int], Image]
    restore: Callable[[Cache, int, Image | None], None]
    key_count: int
    by_slot: dict[int, list[IntArray]]
    """Keys by the slot of a table of so many that their hash falls on."""

    def until(self, time_s: float) -> simpy.Event:
        event: simpy.Event = self.env.at(max(time_s, self.env.now), CONTROL)
        return event

    def watch_up(self, station: Station, member: int) -> simpy.Event:
        check_member(station.group, member)
        woken = simpy.Event(self.env)
        self.up_watches.setdefault(self.program.station(station) + member, []).append(woken)
        return woken

    def _came_up(self, index: int) -> None:
        """A station that was down has come up."""
        for woken in self.up_watches.pop(index, ()):
            woken.succeed()

    def _on_member(self, part: Group | Station, member: int) -> list[int]:
        """Indexes of the stations on a group's member, or of the one that is meant."""
        mine = [station for station in self.program.stations if part in (station, station.group)]
        for station in mine:
            check_member(station.group, member)
        return [self.program.station(station) + member for station in mine]

    def position(self, log: Log, member: int) -> Position:
        end, size, gap = self._end(log, member)
        return Position(end % TERM, size, gap)

    def lead(self, log: Log, member: int) -> None:
        records, size, _ = self.position(log, member)
        self._go(log, member, next(self.terms) * TERM + records, size, True)

    def follow(self, log: Log, member: int, leader: int) -> None:
        end, size, _ = self._end(log, leader)
        self._go(log, member, end, size, False)

    def part(self, log: Log, member: int) -> None:
        records, size, _ = self.position(log, member)
        self._go(log, member, records, size, False)

    def take_over(self, cache: Cache, target: int, source: int) -> None:
        if source != target:
            self.restore(cache, target, self.save(cache, source))

    def keys_of(self, membership: Membership, slot: int) -> IntArray:
        width = membership.width
        if width not in self.by_slot:
            slots = mix(np.arange(self.key_count)) % width
            order = np.argsort(slots, kind="stable")
            self.by_slot[width] = np.split(order, np.searchsorted(slots[order], np.arange(1, width)))
        return self.by_slot[width][slot]

    def _check_volume(self, volume: Volume, group: Group, *members: int) -> None:
        for member in members:
            check_member(group, member)
        assert volume is self.program.volume

    def uses(self, part: Bucket | Log) -> bool:
        return part in self.program.buckets or part in self.program.logs

    def uniform(self, name: str, who: int, ordinal: int) -> float:
        return float(uniforms(*self.control_key(name), ordinal, who, 0, 0, 0, 0)[0])

    def _row_of(self, copies: Copies, member: int) -> int:
        """The row of a member as it was at first: rows have no members in common."""
        return next(row for row, members in enumerate(copies.members.rows) if member in members)

    def note(self, text: str) -> None:
        self.journal.note(self.env.now, text)

    def level(self, name: str, value: float, since_s: float | None = None) -> None:
        self.journal.level(self.env.now if since_s is None else since_s, name, value)
