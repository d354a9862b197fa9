"""What every step has: an operation code, its sites on a flattened route, and two forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from models.kernel.codes import OP_END

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token


class Step:
    """One step of a route."""

    op: ClassVar[int]
    takes_time: ClassVar[bool] = False
    is_private: bool = False
    """Whether it touches nothing that other walks, or measures that mind the order, can see."""
    is_instant: bool = False
    """Whether it takes no time, whatever is drawn, starts no other walk and cannot fail."""
    reads_key: bool = False
    """Whether the walk's key decides what the step does."""

    def place(self, program: Program, after: int, depth: int) -> int:
        """Add this step's sites to a program, before the site `after`; returns the index of the first."""
        raise NotImplementedError

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        """SimPy form at one site: a function that acts on a walk, and returns the site to go on with, or PARKED, or
        GONE.

        `token.site` is the next site already. Later sites of the route are bound before earlier ones, so a step that
        takes no time and cannot fail may go straight on to the next (`SimpyPlane.sites`).
        """
        raise NotImplementedError


class End(Step):
    """The end of a route: the engines see to it themselves."""

    op = OP_END

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        return lambda _: site.index
