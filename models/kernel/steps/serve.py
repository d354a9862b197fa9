"""Being served at a station."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.amounts import ITEM, OF, Of, units
from models.kernel.codes import OP_SERVE, PARKED
from models.kernel.laws import Constant, ConstantSeconds, Law
from models.kernel.parts import UNLIMITED, Station
from models.kernel.station import station_enter
from models.kernel.steps.base import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.station import StationState
    from models.kernel.tokens import Token


@dataclass(frozen=True, eq=False)
class Serve(Step):
    """Take a server of the chosen member's station for a time, waiting for it in the queue if need be.

    Args:
        station: Where.
        work: Seconds of service, for one unit.
        unit_bytes: If given, the work is done once for each unit of so many bytes, rounded up.
        least: Units at least; of nothing there are none unless it says so.
        of: What the units are of.
        further: Work of each item of the walk beyond its first, as a part of all that the first makes.
        once: Seconds of what a round does for all in it, where any of them wants it; of the first who does. It is
            drawn as the work is, so that one of the two at most may be random.
    """

    station: Station
    work: Law
    unit_bytes: int = 0
    carries: bool = False
    of: Of = "item"
    further: float = 0.0
    least: int = 0
    once: Law | None = None
    op = OP_SERVE
    takes_time = True

    @property
    def is_private(self) -> bool:  # type: ignore[override]
        return self.station.servers == UNLIMITED

    @property
    def is_instant(self) -> bool:  # type: ignore[override]
        return self.work.is_zero() and self.once is None

    def __post_init__(self) -> None:
        if self.once is None:
            return
        if not self.station.rounds:
            raise ValueError(f"station {self.station.name}: only a station that works in rounds does anything once")
        if not any(isinstance(law, Constant | ConstantSeconds) for law in (self.work, self.once)):
            raise ValueError(f"station {self.station.name}: what each does or what is done once must be constant")

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        return program.add(
            Site(
                self, self.op, a=program.station(self.station), b=program.group(self.station.group), c=self.unit_bytes,
                d=self.least, of=OF[self.of], x=self.further, law=program.law(self.work), next=after,
                once=-1 if self.once is None else program.law(self.once), carries=int(self.carries),
                **program.visit(self.station.name),
            )
        )  # fmt: skip

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        stations = plane.stations[site.a : site.a + self.station.group.size]
        group, draw, unit_bytes, of, further = site.b, plane.draws[site.index], site.c, site.of, site.x
        least, once_s = site.d, plane.once_draws.get(site.index, nothing)

        def of_one(token: Token) -> float:
            return draw(token) * float(max(least, -(-token.request.size // unit_bytes)))

        def of_all(token: Token) -> float:
            work_s = draw(token)
            if unit_bytes:
                work_s *= float(units(of, token.items, token.request.size, unit_bytes, least))
            return work_s * (1.0 + further * float(token.items - 1)) if further else work_s

        work_s = of_all if of != ITEM or further else of_one if unit_bytes else draw

        def begin(station: StationState, token: Token) -> bool:
            return station.start(token, work_s)

        def begin_in_round(station: StationState, token: Token) -> bool:
            return station.add(token, work_s(token), once_s(token))

        def serve_in_rounds(token: Token) -> int:
            station = stations[token.members[group]]
            if station.room > 0:
                begin_in_round(station, token)
                return PARKED if station.start_round() else token.site
            return station.wait(token, begin_in_round)

        if self.station.rounds:
            return serve_in_rounds

        def serve(token: Token) -> int:
            station = stations[token.members[group]]
            if station.room > 0:
                return token.site if station.start(token, work_s) else PARKED
            return station.wait(token, begin)

        return serve


def nothing(_: Token) -> float:
    """What a round does once where nothing is to be done."""
    return 0.0


def serve(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Serve`."""
    return int(station_enter(w, site.a + token.members[site.b], i, token, site))
