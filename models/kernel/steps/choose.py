"""Choosing a member of a group, through its key-to-member table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from models.kernel.codes import OP_CHOOSE, OP_REDIRECT
from models.kernel.laws import PLAIN
from models.kernel.parts import Group, Membership
from models.kernel.random import mix
from models.kernel.slots import standard_draw
from models.kernel.steps.base import Step
from models.kernel.system import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token

By = Literal["round-robin", "random", "key", "leg"]
ROUND_ROBIN, RANDOM, KEY, LEG, SLOT = range(5)
BY = {"round-robin": ROUND_ROBIN, "random": RANDOM, "key": KEY, "leg": LEG}


@dataclass(frozen=True, eq=False)
class Choose(Step):
    """Pick a slot of the membership's row, and remember its member.

    Args:
        membership: The table to pick from; its row is that of the member chosen of the group `of`.
        by: "round-robin" over the slots, "random", "key" (hash of the walk's key), "leg" (the number of the leg or
            part), or the number of a slot.
    """

    membership: Membership
    by: By | int = "round-robin"
    op = OP_CHOOSE
    is_instant = True

    @property
    def is_private(self) -> bool:  # type: ignore[override]
        return self.by != "round-robin"

    @property
    def reads_key(self) -> bool:  # type: ignore[override]
        return self.by == "key"

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        by, slot = (SLOT, self.by) if isinstance(self.by, int) else (BY[self.by], 0)
        drawn = program.visit(f"{self.membership.group.name} choice") if by == RANDOM else {}
        return program.add(
            Site(self, self.op, a=program.membership(self.membership), b=by, c=slot, next=after, **drawn)
        )

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        pick, group = picker(plane, site), plane.memberships[site.a].group
        then, after, _ = plane.sites[site.next]

        def choose(token: Token) -> int:
            token.members[group] = pick(token)
            token.site = after
            return then(token)

        return choose


def by_leg(group: Group, members: list[int]) -> Choose:
    """The member of a group that a leg's number stands for."""
    return Choose(Membership(group, (tuple(members),)), "leg")


@dataclass(frozen=True, eq=False)
class Redirect(Step):
    """Where another member is chosen than a table says, choose that, and go a way before going on.

    As whoever asks by a table of its own, out of date, and is told by whom it asked where to ask instead.

    Args:
        membership: The table that says so.
        then: The way of those who were wrong.
        by: As in `Choose`, by key or the number of a slot.
    """

    membership: Membership
    then: Route
    by: Literal["key"] | int = "key"
    op = OP_REDIRECT

    @property
    def reads_key(self) -> bool:  # type: ignore[override]
        return self.by == "key"

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        by, slot = (SLOT, self.by) if isinstance(self.by, int) else (KEY, 0)
        then = program.flatten(self.then, after, depth)
        return program.add(
            Site(self, self.op, a=program.membership(self.membership), b=by, c=slot, next=after, other=then)
        )

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        pick, group, instead = picker(plane, site), plane.memberships[site.a].group, site.other

        def redirect(token: Token) -> int:
            member = pick(token)
            if token.members[group] == member:
                return token.site
            token.members[group] = member
            return instead

        return redirect


def picker(plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
    """Which member a site's table gives a walk."""
    table = plane.memberships[site.a]
    rows, of, by = table.rows, table.of, site.b
    first, width = rows[0], len(rows[0])
    fixed = site.c % width
    draw: Any = plane.draws.get(site.index)

    def pick(token: Token) -> int:
        if by == LEG:
            slot = token.leg % width
        elif by == RANDOM:
            slot = int(draw(token) * width)
        elif by == KEY:
            slot = mix(token.key) % width
        elif by == ROUND_ROBIN:
            slot = table.turn % width
            table.turn += 1
        else:
            slot = fixed
        return (first if of < 0 else rows[token.members[of]])[slot]

    return pick


def choose(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Choose`."""
    token.members[w.memberships[site.a].group] = picked(w, token, site)
    return int(site.next)


def redirect(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Redirect`."""
    group = w.memberships[site.a].group
    before = token.members[group]
    member = picked(w, token, site)
    token.members[group] = member
    return int(site.next if member == before else site.other)


def picked(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `picker`."""
    table = w.memberships[site.a]
    by, width = site.b, table.width
    row = token.members[table.of] if table.of >= 0 else 0
    if by == ROUND_ROBIN:
        slot = table.turn % width
        table.turn += 1
    elif by == RANDOM:
        slot = int(standard_draw(w, token, site, PLAIN) * width)
    elif by == KEY:
        slot = mix(token.key) % width
    elif by == LEG:
        slot = token.leg % width
    else:
        slot = site.c % width
    return int(w.slots[table.start + row * width + slot])
