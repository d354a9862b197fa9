"""Holding a server while going a way: a worker thread that waits for a lock, a connection out of a pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.codes import MAX_OCCUPIED, OP_OCCUPY, OP_RELEASE
from models.kernel.parts import Station
from models.kernel.station import station_has_room, station_occupy, station_release, station_wait
from models.kernel.steps.base import Step
from models.kernel.system import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.station import StationState
    from models.kernel.tokens import Token


@dataclass(frozen=True, eq=False)
class Occupy(Step):
    """Go a way while occupying a server of the chosen member's station, waiting for it in the queue if need be.

    The server is free again when the walk comes to the way's end, has failed, or is lost. A walk whose station goes
    down meanwhile goes on, and occupies nothing any more. Whoever is served by the station stands in the same queue.

    Args:
        station: Whose server.
        then: The way; it may not occupy the same station.
    """

    station: Station
    then: Route
    op = OP_OCCUPY

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        open_here = [station for at, station in program.occupied if at == depth]
        nesting = len(open_here)
        if self.station.rounds:
            raise ValueError(f"{program.name}: nobody occupies station {self.station.name}, which works in rounds")
        if self.station in open_here:
            raise ValueError(f"{program.name}: station {self.station.name} is occupied already")
        if nesting == MAX_OCCUPIED:
            raise ValueError(f"{program.name}: a walk occupies {MAX_OCCUPIED} stations at most")
        station, group = program.station(self.station), program.group(self.station.group)
        release = program.add(Site(_Release(), OP_RELEASE, d=nesting, next=after, carries=1))
        program.occupied.append((depth, self.station))
        then = program.flatten(self.then, release, depth)
        program.occupied.pop()
        return program.add(Site(self, self.op, a=station, b=group, d=nesting, next=then, other=release))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        stations = plane.stations[site.a : site.a + self.station.group.size]
        group, nesting = site.b, site.d

        def begin(station: StationState, token: Token) -> bool:
            station.occupy(token, nesting)
            return True

        def occupy(token: Token) -> int:
            station = stations[token.members[group]]
            if station.room > 0:
                station.occupy(token, nesting)
                return token.site
            return station.wait(token, begin)

        return occupy


class _Release(Step):
    """The way is over."""

    op = OP_RELEASE

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        nesting, occupying = site.d, plane.occupying

        def release(token: Token) -> int:
            station = occupying.pop((token, nesting), None)
            # A walk that failed before it came here occupies nothing, nor does one whose station went down.
            if station is not None:
                station.release()
            return token.site

        return release


def occupy(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Occupy`."""
    index = site.a + token.members[site.b]
    if station_has_room(w.stations[index]):
        station_occupy(w, index, token, site.d)
        return int(site.next)
    return station_wait(w, index, i, token, site)


def release(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `_Release`."""
    station_release(w, token, site.d)
    return int(site.next)
