"""Being served at a station."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.codes import OP_SERVE, PARKED
from models.kernel.laws import Law
from models.kernel.parts import Station
from models.kernel.station import station_enter
from models.kernel.steps.base import Step

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        stations = plane.stations[site.a : site.a + self.station.group.size]
        group, draw, unit_bytes = site.b, plane.draws[site.index], site.c

        def units(token: Token) -> float:
            return draw(token) * float(-(-token.request.size // unit_bytes))

        work_s = units if unit_bytes else draw

        def serve(token: Token) -> int:
            station = stations[token.members[group]]
            if station.room > 0:
                return token.site if station.start(token, work_s) else PARKED
            return station.wait(token, work_s)

        return serve


def serve(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Serve`."""
    return int(station_enter(w, site.a + token.members[site.b], i, token, site))
