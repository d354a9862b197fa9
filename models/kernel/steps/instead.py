"""Going another way where one has failed: to the database when a cache refuses, to a spare pool, to another member.

A way that fails says so, and is left at once (`Try`). One that is silent says nothing: the client's patience ends, and
its next attempt goes another way (`Attempt`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.codes import OP_ATTEMPT, OP_CATCH, OP_GUARD
from models.kernel.steps.base import Step
from models.kernel.system import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token


@dataclass(frozen=True, eq=False)
class Try(Step):
    """Go a way and, where it fails, another way instead, as if nothing had been wrong; both go on behind.

    What has failed before stays so, and goes neither way. A walk that is lost on the first way without a word is lost:
    nobody tells it to go another way.

    Args:
        then: The way that is gone first.
        instead: The way after a failure; one on this way is final.
        error: The kind of failure that leads there, a code as in `system`; 0: any.
    """

    then: Route
    instead: Route
    error: int = 0
    op = OP_CATCH

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        instead = program.flatten(self.instead, after, depth)
        catch = program.add(Site(self, self.op, c=self.error, next=after, other=instead, carries=1))
        then = program.flatten(self.then, catch, depth)
        return program.add(Site(_Guard(), OP_GUARD, next=then, other=after, carries=1))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        instead, kind = site.other, site.c

        def catch(token: Token) -> int:
            if token.error and (kind == 0 or kind == token.error):  # noqa: PLR1714
                token.error = 0
                return instead
            return token.site

        return catch


class _Guard(Step):
    """Who has failed already goes past what follows."""

    op = OP_GUARD

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        past = site.other

        def guard(token: Token) -> int:
            return past if token.error else token.site

        return guard


@dataclass(frozen=True, eq=False)
class Attempt(Step):
    """Go one way on the first attempts of a request, and another on all later ones; both go on behind.

    Args:
        first: The way of the first attempts.
        later: The way of the others.
        count: How many attempts are the first.
    """

    first: Route
    later: Route
    count: int = 1
    op = OP_ATTEMPT

    @property
    def then(self) -> Route:
        """The way of whoever has failed at nothing yet."""
        return self.first

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        later = program.flatten(self.later, after, depth)
        first = program.flatten(self.first, after, depth)
        return program.add(Site(self, self.op, c=self.count, next=first, other=later))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        count, later = site.c, site.other

        def attempt(token: Token) -> int:
            return token.site if token.attempt < count else later

        return attempt


def by_attempt(token: Any, site: Any) -> int:
    """Compiled form of `Attempt`."""
    if token.attempt < site.c:
        return int(site.next)
    return int(site.other)


def guard(token: Any, site: Any) -> int:
    """Compiled form of `_Guard`."""
    return int(site.other if token.error else site.next)


def catch(token: Any, site: Any) -> int:
    """Compiled form of `Try`."""
    if token.error and (site.c == 0 or site.c == token.error):  # noqa: PLR1714
        token.error = 0
        return int(site.other)
    return int(site.next)
