"""Being served at a station."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.codes import OP_SERVE
from models.kernel.laws import Law
from models.kernel.parts import Station
from models.kernel.station import station_enter
from models.kernel.steps.base import Step

if TYPE_CHECKING:
    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token


@dataclass(frozen=True, eq=False)
class Serve(Step):
    """Take a server of the chosen member's station for a time, waiting for it in the queue if need be.

    Args:
        station: Where.
        work: Seconds of service, for one unit.
        unit_bytes: If given, the work is done once for each unit of the request's size, rounded up.
    """

    station: Station
    work: Law
    unit_bytes: int = 0
    carries: bool = False
    op = OP_SERVE
    takes_time = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        return program.add(
            Site(
                self, self.op, a=program.station(self.station), b=program.group(self.station.group), c=self.unit_bytes,
                law=program.law(self.work), next=after, carries=int(self.carries), **program.visit(self.station.name),
            )
        )  # fmt: skip

    def walk(self, plane: SimpyPlane, token: Token, site: Site) -> int:
        return plane.stations[site.a + token.members[site.b]].enter(token, site)


def serve(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Serve`."""
    return int(station_enter(w, site.a + token.members[site.b], i, token, site))
