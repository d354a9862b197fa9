"""Routes that cannot be: what is said when a system is read."""

from __future__ import annotations

import pytest

from models.kernel.codes import MAX_OCCUPIED
from models.kernel.laws import Constant
from models.kernel.parts import Group, Quorum, Room, Station
from models.kernel.program import Program
from models.kernel.steps import Fork, Hold, Occupy, Serve
from models.kernel.system import Operation, Route, System

NODE = Group("node")
WORK = Serve(Station("work", NODE, 0), Constant(value=1.0))


def nested(stations: list[Station]) -> Route:
    """A way that occupies one station after the other, and works while it occupies all."""
    route = Route(WORK)
    for station in reversed(stations):
        route = Route(Occupy(station, route))
    return route


def program(route: Route) -> Program:
    return Program(System({"read": Operation(route)}), "system")


def test_a_walk_does_not_occupy_a_station_that_it_occupies() -> None:
    """It would wait for itself."""
    pool, lock = Station("pool", NODE, 2), Station("lock", NODE, 1)

    with pytest.raises(ValueError, match="system: station pool is occupied already"):
        program(nested([pool, lock, pool]))


def test_it_may_do_so_again_and_so_may_a_leg() -> None:
    """One after the other, and in a walk of its own."""
    pool = Station("pool", NODE, 2)
    leg = Route(Occupy(pool, Route(WORK)))

    program(Route(*nested([pool]).steps, *nested([pool]).steps, Occupy(pool, Route(Fork(Quorum("q", 2, 1), leg)))))


def test_a_walk_occupies_so_many_stations_at_most() -> None:
    stations = [Station(f"station {index}", NODE) for index in range(MAX_OCCUPIED + 1)]

    program(nested(stations[:-1]))
    with pytest.raises(ValueError, match=f"a walk occupies {MAX_OCCUPIED} stations at most"):
        program(nested(stations))


def test_a_walk_holds_one_thing_at_a_time_and_a_leg_another() -> None:
    """In one room as in several; whoever holds two would be remembered with the second alone."""
    room, other, quorum = Room("room", NODE), Room("other", NODE), Quorum("q", 1, 1)

    program(Route(Hold(room, Route(WORK)), Hold(other, Route(Fork(quorum, Route(Hold(room, Route(WORK))))))))
    with pytest.raises(ValueError, match="system: a walk comes to room other while it holds something already"):
        program(Route(Hold(room, Route(WORK, Hold(other, Route(WORK))))))
