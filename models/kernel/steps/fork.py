"""Doing several things at once, and going on when enough of them are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.codes import GONE, OP_FORK, OP_NEEDED, PARKED
from models.kernel.ledger import READ, WROTE
from models.kernel.parts import Quorum
from models.kernel.slots import AHEAD, free_token, heap_put, ready_put, start_leg, take_token
from models.kernel.station import vanish
from models.kernel.steps.ahead import ends_ahead, walk_ahead
from models.kernel.steps.base import Step
from models.kernel.steps.each import join_part
from models.kernel.system import Route
from models.kernel.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane


ANSWERED_NOW = -1
"""Instead of the legs that have answered: enough of them have, in no time, and it is their turn."""


@dataclass(frozen=True, eq=False)
class Fork(Step):
    """Send one walk down each leg; go on when the legs that have answered satisfy the quorum.

    Legs that come later finish their work unnoticed. A leg that fails counts against the quorum; when it can no longer
    be reached, the request fails with that leg's error. A quorum that needs nobody makes the legs detached work. Of the
    versions that legs have read when they answer, the newest is what the walk has read, unless it writes.

    Args:
        quorum: Which answers suffice.
        legs: A route for each leg, or one route that every leg takes (with `Choose(..., by="leg")` in it).
    """

    quorum: Quorum
    legs: tuple[Route, ...] | Route
    op = OP_FORK

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import END, Site

        count = self.quorum.legs
        if isinstance(self.legs, Route):
            entries = [program.flatten(self.legs, END, depth + 1)] * count
        else:
            assert len(self.legs) == count, "a route for each leg"
            entries = [program.flatten(leg, END, depth + 1) for leg in self.legs]
        start = len(program.legs)
        program.legs.extend(entries)
        private = all(site.step.is_private for site in program.reached(entries))
        return program.add(
            Site(self, self.op, a=start, b=count, c=program.quorum(self.quorum), d=int(private), next=after)
        )

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        quorum, count, start = plane.quorums[site.c], site.b, plane.ready.append
        legs = list(enumerate(plane.program.legs[site.a : site.a + count]))

        def fork(token: Token) -> int:
            token.join += 1
            request, attempt, branch, members, join = (
                token.request, token.attempt, token.branch * 64 + 1, token.members, token.join,
            )  # fmt: skip
            for leg, entry in legs:
                start(Token(request, entry, attempt, branch + leg, leg, members.copy(), token, join))
            if quorum.met(0):
                token.join += 1
                return token.site
            token.quorum, token.answered, token.failed, token.outstanding = quorum, 0, 0, count
            token.parts = None
            return PARKED

        return fork


@dataclass(frozen=True, eq=False)
class Needed(Step):
    """A leg ends here without a word where its walk has gone on without it: what would be done in vain is not done.

    Whoever is not on a leg goes on.
    """

    op = OP_NEEDED

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        return program.add(Site(self, self.op, next=after))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        def needed(token: Token) -> int:
            if token.parent is not None and token.parent.join != token.parent_join:
                plane.vanish(token)
                return GONE
            return token.site

        return needed


class QuorumState:
    """A quorum of the SimPy engine; control may swap what it needs. `met` tells whether a set of legs suffices."""

    met: Callable[[int], bool]

    def __init__(self, part: Quorum) -> None:
        self.all = (1 << part.legs) - 1
        if part.needed is not None:
            self.swap(part.needed)
        else:
            assert part.table is not None
            self.met = part.table.__getitem__

    def swap(self, needed: int) -> None:
        """So many legs suffice from now on."""
        self.met = lambda answered: answered.bit_count() >= needed


def join(plane: SimpyPlane, token: Token, parent: Token) -> None:
    """A leg has come to its end: tell the walk that still waits for it."""
    parent.outstanding -= 1
    if parent.parts is not None:
        parent.parts.join(token, parent)
        return
    quorum = parent.quorum
    if token.error:
        parent.failed |= 1 << token.leg
        if not quorum.met(quorum.all & ~parent.failed):
            parent.error = token.error
            parent.join += 1
            plane.ready.append(parent)
            return
    else:
        bring_version(token, parent)
        parent.answered |= 1 << token.leg
        if quorum.met(parent.answered):
            parent.join += 1
            plane.ready.append(parent)
            return
    if parent.outstanding == 0:
        parent.join += 1
        plane.vanish(parent)


def bring_version(leg: Any, walk: Any) -> None:
    """What a leg that answers has read, its walk has read too, unless it has a newer version, or writes; both forms."""
    if leg.access == READ and walk.access != WROTE:
        walk.version, walk.access = max(walk.version, leg.version), READ


def fork(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Fork`."""
    if site.d and w.clock[0].ahead:
        if token.answered == ANSWERED_NOW:
            token.answered = 0
            ready_put(w.clock[0], w.tokens, i)
            return PARKED
        return fork_ahead(w, i, token, site)
    token.join += 1
    for leg in range(site.b):
        start_leg(w, i, leg, w.legs[site.a + leg])
    if quorum_met(w, site.c, 0):
        token.join += 1
        return int(site.next)
    token.quorum, token.answered, token.failed, token.outstanding = site.c, 0, 0, site.b
    return PARKED


def fork_ahead(w: Any, i: int, token: Any, site: Any) -> int:
    """`Fork` where no leg touches what others see: when the quorum is met is known at once, and the walk goes on."""
    clock = w.clock[0]
    slot = take_token(w, token.request)
    walk = w.tokens[slot]
    walk.attempt, walk.key, walk.items, walk.error = token.attempt, token.key, token.items, 0
    for leg in range(site.b):
        walk.leg, walk.branch = leg, token.branch * 64 + leg + 1
        for group in range(clock.groups):
            walk.members[group] = token.members[group]
        end, since, origin, _ = walk_ahead(w, walk, w.legs[site.a + leg], clock.now, clock.since, clock.since)
        at = leg
        while at > 0 and (w.leg_ends[at - 1] > end or (w.leg_ends[at - 1] == end and w.leg_sinces[at - 1] > since)):
            w.leg_ends[at], w.leg_sinces[at] = w.leg_ends[at - 1], w.leg_sinces[at - 1]
            w.leg_origins[at], w.leg_order[at] = w.leg_origins[at - 1], w.leg_order[at - 1]
            at -= 1
        w.leg_ends[at], w.leg_sinces[at], w.leg_origins[at], w.leg_order[at] = end, since, origin, leg
    free_token(w, slot)
    answered, count = 0, 0
    while count < site.b and not quorum_met(w, site.c, answered):
        answered |= 1 << w.leg_order[count]
        count += 1
    if not quorum_met(w, site.c, answered):
        vanish(w, i)
        return GONE
    if count == 0:
        return int(site.next)
    last, index = count - 1, site.next
    now, since, origin = w.leg_ends[last], w.leg_sinces[last], w.leg_origins[last]
    if now == clock.now:
        # A leg would have its turn behind those who are ready now, and this walk behind those who are ready then.
        token.site, token.answered = token.place, ANSWERED_NOW
        ready_put(clock, w.tokens, i)
        return PARKED
    now, since, origin, index = walk_ahead(w, token, index, now, since, origin)
    if ends_ahead(w, i, token, now, index):
        return GONE
    token.site, token.origin = index, origin
    heap_put(clock, w.heap, now, since, -1, AHEAD, i, token.stamp)
    return PARKED


def needed(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Needed`."""
    if token.parent >= 0 and w.tokens[token.parent].join != token.parent_join:
        vanish(w, i)
        return GONE
    return int(site.next)


def quorum_met(w: Any, index: int, answered: int) -> bool:
    """Compiled form of `QuorumState.met`."""
    quorum = w.quorums[index]
    if quorum.needed < 0:
        return bool(w.quorum_table[quorum.start + answered])
    count = 0
    while answered:
        answered &= answered - 1
        count += 1
    return bool(count >= quorum.needed)


def join_leg(w: Any, token: Any) -> None:
    """Compiled form of `join`."""
    up = token.parent
    parent = w.tokens[up]
    if parent.join != token.parent_join:
        return
    parent.outstanding -= 1
    if parent.parts:
        join_part(w, up, parent, token)
        return
    bit = 1 << token.leg
    if token.error:
        parent.failed |= bit
        if not quorum_met(w, parent.quorum, w.quorums[parent.quorum].everyone & ~parent.failed):
            parent.error = token.error
            parent.join += 1
            ready_put(w.clock[0], w.tokens, up)
            return
    else:
        bring_version(token, parent)
        parent.answered |= bit
        if quorum_met(w, parent.quorum, parent.answered):
            parent.join += 1
            ready_put(w.clock[0], w.tokens, up)
            return
    if parent.outstanding == 0:
        parent.join += 1
        vanish(w, up)
