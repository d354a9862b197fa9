"""Holding a key, or what is a member's, in a waiting room, and asking whether a member is there at all.

`RoomState` is the SimPy form of a waiting room; the functions below it are the compiled form: `w.owners` has for each
room and key, or member, one more than the slot of the walk that holds it, and whoever waits is linked to that walk, in
order.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.codes import GONE, OP_ENTER, OP_LEAVE, OP_PASS, PARKED
from models.kernel.parts import Room, Station
from models.kernel.slots import ready_put, room_release
from models.kernel.station import REFUSING, SILENT, vanish
from models.kernel.steps.base import Step
from models.kernel.system import REFUSED, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token


@dataclass(frozen=True, eq=False)
class Hold(Step):
    """Go a way while holding the walk's key, or what is a member's, in the chosen member's room; others wait meanwhile.

    A walk holds one thing at a time; if it is lost on the way, the first who waits has it.

    Args:
        room: Where.
        then: The way.
        share: Whether those who wait share what came of it, and go on behind it (single flight; or, where the room is
            not by key, a boxcar, of which all that they share is whether it failed); else the first of them is the next
            to hold it and to go the way (a lock).
    """

    room: Room
    then: Route
    share: bool = True
    op = OP_ENTER

    @property
    def reads_key(self) -> bool:  # type: ignore[override]
        """Whether it is a key that is held."""
        return self.room.by is None

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        if depth in program.holding:
            raise ValueError(f"{program.name}: a walk comes to room {self.room.name} while it holds something already")
        room, group = program.room(self.room), program.group(self.room.group)
        leave = program.add(Site(_Leave(), OP_LEAVE, c=room, d=self.share, next=after, carries=1))
        program.holding.append(depth)
        then = program.flatten(self.then, leave, depth)
        program.holding.pop()
        return program.add(Site(self, self.op, a=room, b=group, next=then, other=after))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        rooms, group, after, first = plane.rooms, site.b, site.other, site.a

        def enter(token: Token) -> int:
            assert token not in plane.holding, "a walk holds one thing at a time"
            return rooms[first + token.members[group]].enter(token, after)

        return enter


class _Leave(Step):
    """The way is over."""

    op = OP_LEAVE

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        share = site.d

        def leave(token: Token) -> int:
            # A walk that failed before it came here holds nothing, nor does one whose room was cleared.
            if token in plane.holding:
                room, key = plane.holding.pop(token)
                if share:
                    room.share(token, key)
                else:
                    room.hand_over(key)
            return token.site

        return leave


@dataclass(frozen=True, eq=False)
class Pass(Step):
    """Go on only if the chosen member's station is up; one that is down refuses, or is silent. Nothing is asked."""

    station: Station
    op = OP_PASS
    is_private = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        return program.add(
            Site(self, self.op, a=program.station(self.station), b=program.group(self.station.group), next=after)
        )

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        stations, group = plane.stations[site.a : site.a + self.station.group.size], site.b

        def walk(token: Token) -> int:
            state = stations[token.members[group]].state
            if state == SILENT:
                plane.vanish(token)
                return GONE
            if state == REFUSING:
                token.error = REFUSED
            return token.site

        return walk


class RoomState:
    """One waiting room of the SimPy engine."""

    def __init__(self, plane: SimpyPlane, part: Room) -> None:
        self.plane, self.waited = plane, 0
        self.by = -1 if part.by is None else plane.program.group(part.by)
        self.waiting: dict[int, deque[tuple[Token, int]]] = {}
        self.owners: dict[int, Token] = {}

    def key(self, token: Token) -> int:
        """What a walk that comes would hold."""
        return token.key if self.by < 0 else token.members[self.by]

    def enter(self, token: Token, after: int) -> int:
        """Hold the key and go the way, or wait behind who holds it, to go on at `after` if it is shared."""
        key = self.key(token)
        if key not in self.owners:
            self._own(token, key)
            return token.site
        self.waiting.setdefault(key, deque()).append((token, after))
        self.waited += 1
        return PARKED

    def _own(self, token: Token, key: int) -> None:
        self.owners[key] = token
        self.plane.holding[token] = self, key

    def share(self, owner: Token, key: int) -> None:
        """All who wait go on with what came of it."""
        del self.owners[key]
        for token, after in self.waiting.pop(key, ()):
            token.error, token.site = owner.error, after
            if self.by < 0:
                token.version, token.access = owner.version, owner.access
            self.plane.ready.append(token)

    def hand_over(self, key: int) -> None:
        """The first who waits holds the key."""
        del self.owners[key]
        waiting = self.waiting.get(key)
        if waiting:
            token, _ = waiting.popleft()
            self._own(token, key)
            self.plane.ready.append(token)
        if not waiting:
            self.waiting.pop(key, None)

    def clear(self, state: int) -> None:
        """Nobody holds anything; whoever waits is refused or lost, in order of key."""
        for owner in self.owners.values():
            self.plane.holding.pop(owner, None)
        self.owners.clear()
        waiting, self.waiting = self.waiting, {}
        for key in sorted(waiting):
            for token, after in waiting[key]:
                if state == REFUSING:
                    token.error, token.site = REFUSED, after
                    self.plane.ready.append(token)
                else:
                    self.plane.vanish(token)


# The compiled form.


def enter(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `RoomState.enter`."""
    index = site.a + token.members[site.b]
    room = w.rooms[index]
    at = room.base + (token.key if room.by < 0 else token.members[room.by])
    if w.owners[at] == 0:
        w.owners[at] = i + 1
        token.held, token.first, token.last = at, -1, -1
        return int(site.next)
    owner = w.tokens[w.owners[at] - 1]
    token.after = -1
    if owner.first < 0:
        owner.first = i
    else:
        w.tokens[owner.last].after = i
    owner.last = i
    room.waited += 1
    return PARKED


def leave(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `_Leave`, with `RoomState.share`."""
    if token.held < 0:
        return int(site.next)
    if site.d == 0:
        room_release(w, i)
        return int(site.next)
    by_key = w.rooms[site.c].by < 0
    w.owners[token.held] = 0
    token.held = -1
    waiting = token.first
    while waiting >= 0:
        other = w.tokens[waiting]
        after = other.after
        other.error = token.error
        if by_key:
            other.version, other.access = token.version, token.access
        other.site = w.sites[other.place].other
        ready_put(w.clock[0], w.tokens, waiting)
        waiting = after
    return int(site.next)


def pass_by(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Pass`."""
    state = w.stations[site.a + token.members[site.b]].state
    if state == SILENT:
        vanish(w, i)
        return GONE
    if state == REFUSING:
        token.error = REFUSED
    return int(site.next)


def room_clear(w: Any, index: int, state: int) -> None:
    """Compiled form of `RoomState.clear`."""
    room = w.rooms[index]
    for at in range(room.base, room.base + room.width):
        # First of all, as a walk that is lost below may end one that holds another place, which would go to the next.
        if w.owners[at]:
            w.tokens[w.owners[at] - 1].held = -1
    for at in range(room.base, room.base + room.width):
        if w.owners[at]:
            waiting = w.tokens[w.owners[at] - 1].first
            w.owners[at] = 0
            while waiting >= 0:
                other = w.tokens[waiting]
                after = other.after
                if state == REFUSING:
                    other.error = REFUSED
                    other.site = w.sites[other.place].other
                    ready_put(w.clock[0], w.tokens, waiting)
                else:
                    vanish(w, waiting)
                waiting = after
