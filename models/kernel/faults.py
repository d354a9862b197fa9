"""Faults: timed events against parts, which one process of the control plane carries out.

A fault is a stretch of time and what it does to parts while it lasts. Faults may overlap: a part's condition is made of
all that bears on it (dead while any fault says so, silent rather than refusing; paused while any; slowed by the product
of all factors), and it is sound again when the last of them is over.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from models.kernel.parts import Cache, Copies, Group, Membership, Network, Room, Station, Volume
from models.kernel.plane import Down, Plane
from models.kernel.system import Control


@dataclass(frozen=True)
class StationFault:
    """What a fault does to one member's station: it is down (so or so), or stands still, or all work takes longer."""

    station: Station
    member: int
    down: Down | None = None
    paused: bool = False
    factor: float = 1.0


@dataclass(frozen=True)
class LinkFault:
    """What a fault does to the link from one zone to another: it is cut (so or so), or messages take longer."""

    network: Network
    source_zone: int
    target_zone: int
    cut: Down | None = None
    factor: float = 1.0


@dataclass(frozen=True)
class Flush:
    """One member's cache forgets everything when the fault begins."""

    cache: Cache
    member: int


@dataclass(frozen=True)
class Clear:
    """One member's waiting room is cleared when the fault begins: whoever waits is refused, or lost."""

    room: Room
    member: int
    how: Down


@dataclass(frozen=True)
class Forget:
    """What one member's copy has is gone when the fault begins."""

    copies: Copies
    member: int


@dataclass(frozen=True)
class Interrupt:
    """The process of a volume's writer or segment dies when the fault begins."""

    volume: Volume
    group: Group
    member: int


@dataclass(frozen=True)
class Move:
    """While the fault lasts, one slot of a key-to-member table points at another member."""

    membership: Membership
    row: int
    slot: int
    member: int


Effect = StationFault | LinkFault | Flush | Clear | Forget | Interrupt | Move


@dataclass(frozen=True)
class Fault:
    """Effects, all together, from one time to another.

    Args:
        at_s: When it begins, seconds.
        until_s: When it is over; inf: never.
        effects: What it does.
    """

    at_s: float
    until_s: float
    effects: tuple[Effect, ...]


def schedule(faults: Sequence[Fault]) -> Control:
    """The process that carries faults out. At one instant what ends goes before what begins, else in order given."""
    changes = [(fault.until_s, False, fault) for fault in faults] + [(fault.at_s, True, fault) for fault in faults]
    changes = sorted((change for change in changes if change[0] < math.inf), key=lambda change: change[:2])

    def control(plane: Plane) -> Generator[Any, Any, None]:
        active: list[Fault] = []
        for at_s, begins, fault in changes:
            yield plane.until(at_s)
            before = [effect for each in active for effect in each.effects]
            if begins:
                active.append(fault)
            else:
                active.remove(fault)
            after = [effect for each in active for effect in each.effects]
            for effect in fault.effects:
                _apply(plane, effect, before, after, begins=begins)

    return control


def _apply(plane: Plane, effect: Effect, before: list[Effect], after: list[Effect], *, begins: bool) -> None:
    """Bring what an effect bears on from the condition that it had to the one that it has now."""
    if isinstance(effect, Flush):
        if begins:
            plane.flush(effect.cache, effect.member)
    elif isinstance(effect, Clear):
        if begins:
            plane.clear(effect.room, effect.member, effect.how)
    elif isinstance(effect, Forget):
        if begins:
            plane.forget(effect.copies, effect.member)
    elif isinstance(effect, Interrupt):
        if begins:
            plane.interrupt(effect.volume, effect.group, effect.member)
    elif isinstance(effect, Move):
        moves = [e for e in after if isinstance(e, Move) and _slot(e) == _slot(effect)]
        home = effect.membership.rows[effect.row][effect.slot]
        plane.assign(effect.membership, effect.row, effect.slot, moves[-1].member if moves else home)
    elif isinstance(effect, LinkFault):
        _set_link(plane, effect, [e for e in after if isinstance(e, LinkFault) and _link(e) == _link(effect)])
    else:
        was, now = (
            [e for e in effects if isinstance(e, StationFault) and _station(e) == _station(effect)]
            for effects in (before, after)
        )
        _set_station(plane, effect, was, now)


def _set_station(plane: Plane, where: StationFault, was: list[StationFault], now: list[StationFault]) -> None:
    station, member = where.station, where.member
    down, factor = _worst([effect.down for effect in now]), math.prod(effect.factor for effect in now)
    if down != _worst([effect.down for effect in was]):
        if down is None:
            plane.up(station, member)
        else:
            plane.down(station, member, down)
    if any(effect.paused for effect in now):
        plane.pause(station, member)
    else:
        plane.resume(station, member)
    if factor != math.prod(effect.factor for effect in was):
        plane.slow(station, member, factor)


def _set_link(plane: Plane, where: LinkFault, now: list[LinkFault]) -> None:
    link = (where.network, where.source_zone, where.target_zone)
    plane.mend(*link)
    factor = math.prod(effect.factor for effect in now)
    if factor != 1.0:
        plane.degrade(*link, factor)
    cut = _worst([effect.cut for effect in now])
    if cut is not None:
        plane.cut(*link, cut)


def _worst(hows: list[Down | None]) -> Down | None:
    """Silence beats refusal: nobody hears a part that some fault has silenced."""
    return "silent" if "silent" in hows else "refuse" if "refuse" in hows else None


def _station(effect: StationFault) -> tuple[int, int]:
    return id(effect.station), effect.member


def _link(effect: LinkFault) -> tuple[int, int, int]:
    return id(effect.network), effect.source_zone, effect.target_zone


def _slot(effect: Move) -> tuple[int, int, int]:
    return id(effect.membership), effect.row, effect.slot
