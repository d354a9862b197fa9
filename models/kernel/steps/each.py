"""Doing the same for each part of a result: page after page, or for all items at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.amounts import items_in_part
from models.kernel.codes import OP_EACH, PARKED
from models.kernel.slots import ready_put, start_leg
from models.kernel.station import vanish
from models.kernel.steps.base import Step
from models.kernel.system import REJECTED, Route
from models.kernel.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane

AT_ONCE_MAX = 1000
"""Walks that one walk may start at once."""
DIGITS = 2
"""A part takes as much of the draws' identity as this many forks."""
BRANCHES = 64**DIGITS


@dataclass(frozen=True, eq=False)
class Each(Step):
    """Take a route once for each part of what the walk asks for, and go on when all of them have come to its end.

    With `page_bytes` the parts are pages, one after the other: each holds as many whole items as fit, and one at least.
    Without, they are items, all at once. A part is a walk of its own, whose key is that of its first item: the walk's
    key and as many keys further as there are items before it, around the ring of keys. The first part that fails fails
    the walk; if a part is lost without a word, so is the walk when the others have ended. A part begins with no
    version, as its object is another one. The version that the first part has read or written is the walk's; what the
    others read or write is their own affair.

    Args:
        route: What each part does.
        page_bytes: Bytes of a page; 0: item by item.
        most: Items at most; a walk that asks for more is rejected. 0: any number, of pages only.
    """

    route: Route
    page_bytes: int = 0
    most: int = 0
    op = OP_EACH
    reads_key = True

    def __post_init__(self) -> None:
        if self.page_bytes < 0 or self.most < 0:
            raise ValueError("page_bytes and most must not be negative")
        if self.page_bytes == 0 and not 1 <= self.most <= AT_ONCE_MAX:
            raise ValueError(f"1 to {AT_ONCE_MAX} items at once, got {self.most}")

    @property
    def at_once(self) -> int:
        """Parts that may begin at one instant."""
        return 1 if self.page_bytes else self.most

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import END, Site

        entry = program.flatten(self.route, END, depth + DIGITS)
        return program.add(
            Site(self, self.op, a=entry, b=self.at_once, c=self.page_bytes, d=self.most, next=after)
        )  # fmt: skip

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        parts, most = PartsState(plane, site), site.d

        def each(token: Token) -> int:
            if 0 < most < token.items:
                token.error = REJECTED
                return token.site
            token.join += 1
            parts.begin(token)
            return PARKED

        return each


class PartsState:
    """An `Each` of the SimPy engine: `answered` of the walk that waits are the parts that have come to their end."""

    def __init__(self, plane: SimpyPlane, site: Site) -> None:
        self.start, self.vanish = plane.ready.append, plane.vanish
        self.key_count = plane.sources[0].workload.key_count
        self.entry, self.page_bytes = site.a, site.c

    def begin(self, token: Token) -> None:
        """Start the first page, or all items."""
        count = 1 if self.page_bytes else token.items
        token.parts, token.answered, token.outstanding = self, 0, count
        for part in range(count):
            self.begin_part(token, part)

    def begin_part(self, token: Token, part: int) -> None:
        """A walk for one part."""
        branch = token.branch * BRANCHES + part % (BRANCHES - 1) + 1
        walk = Token(token.request, self.entry, token.attempt, branch, part, token.members.copy(), token, token.join)
        size = self.items_in_part(token)
        walk.key = (token.key + part * size) % self.key_count
        walk.items = min(size, token.items - part * size)
        walk.version = walk.access = walk.record = 0
        self.start(walk)

    def items_in_part(self, token: Token) -> int:
        """Items of a full part."""
        return items_in_part(token.items, token.request.size, self.page_bytes)

    def join(self, part: Token, token: Token) -> None:
        """A part has come to its end: tell the walk that still waits for it."""
        if part.error:
            token.error = part.error
        else:
            token.answered += 1
            if part.leg == 0 and part.access:
                token.version, token.access = part.version, part.access
            if token.answered * self.items_in_part(token) < token.items:
                if self.page_bytes:
                    token.outstanding = 1
                    self.begin_part(token, token.answered)
                elif token.outstanding == 0:
                    token.join += 1
                    self.vanish(token)
                return
        token.join += 1
        token.parts = None
        self.start(token)


def each(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Each`."""
    if 0 < site.d < token.items:
        token.error = REJECTED
        return int(site.next)
    token.join += 1
    count = 1 if site.c else token.items
    token.parts, token.answered, token.outstanding = 1, 0, count
    for part in range(count):
        begin_part(w, i, token, site, part)
    return PARKED


def begin_part(w: Any, i: int, token: Any, site: Any, part: int) -> None:
    """Compiled form of `PartsState.begin_part`."""
    walk = w.tokens[start_leg(w, i, part, site.a)]
    walk.branch = token.branch * BRANCHES + part % (BRANCHES - 1) + 1
    size = items_in_part(token.items, w.requests[token.request].size, site.c)
    walk.key = (token.key + part * size) % w.key_law[1]
    walk.items = min(size, token.items - part * size)
    walk.version, walk.access, walk.record = 0, 0, 0


def join_part(w: Any, i: int, token: Any, part: Any) -> None:
    """Compiled form of `PartsState.join`; the walk that waits is in slot i."""
    if part.error:
        token.error = part.error
    else:
        site = w.sites[token.place]
        token.answered += 1
        if part.leg == 0 and part.access:
            token.version, token.access = part.version, part.access
        if token.answered * items_in_part(token.items, w.requests[token.request].size, site.c) < token.items:
            if site.c:
                token.outstanding = 1
                begin_part(w, i, token, site, token.answered)
            elif token.outstanding == 0:
                token.join += 1
                vanish(w, i)
            return
    token.join += 1
    token.parts = 0
    ready_put(w.clock[0], w.tokens, i)
