"""Choosing a member of a group, through its key-to-member table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from models.kernel.codes import OP_CHOOSE
from models.kernel.laws import PLAIN
from models.kernel.parts import Membership
from models.kernel.random import mix
from models.kernel.slots import standard_draw
from models.kernel.steps.base import Step

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
        table = plane.memberships[site.a]
        rows, of, group, by, fixed = table.rows, table.of, table.group, site.b, site.c % self.membership.width
        width, first = self.membership.width, rows[0]
        then, after, _ = plane.sites[site.next]
        draw: Any = plane.draws.get(site.index)

        def choose(token: Token) -> int:
            members = token.members
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
            members[group] = (first if of < 0 else rows[members[of]])[slot]
            token.site = after
            return then(token)

        return choose


def choose(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Choose`."""
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
    token.members[table.group] = w.slots[table.start + row * width + slot]
    return int(site.next)
