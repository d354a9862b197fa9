"""What the engines measure, worked by hand: servers that change in number, what is left at the end, what is certain."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from bench.statistics import figures
from models.kernel.arrivals import Closed, ConstantArrivals, Poisson
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, ConstantSeconds, Exponential
from models.kernel.parts import Cache, Group, Station, everybody
from models.kernel.plane import Plane
from models.kernel.recorder import Span
from models.kernel.steps import Choose, Fill, Lookup, Serve
from models.kernel.system import Client, Operation, Route, System
from tests.strategies.runs import replicate, workload

ENGINES = pytest.mark.parametrize("engine", ["simpy", "compiled"])
STATION = Station("station", Group("group"), servers=1)
SERVE = Route(Serve(STATION, Constant(value=1.0)))
EACH_SECOND = workload(ConstantArrivals(rate_per_s=1.0))


@ENGINES
def test_utilization_knows_of_a_resize(engine: str) -> None:
    """One server for 4 s, four for 6 s: 28 server-seconds. Arrivals at 0, 1, ... keep one server busy all the time."""

    def control(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(4.0)
        plane.resize(STATION, 0, 4)

    system = System({"read": Operation(SERVE)}, controls=(control,))

    outcome = replicate(system, EACH_SECOND, Span(0.0, 10.0, 20.0, 5), 1, engine)[0]

    station = outcome.stations["station"]
    assert station.servers_s.tolist() == [[2.0, 2.0, 8.0, 8.0, 8.0]]
    assert station.span_servers_s.tolist() == [28.0]
    assert station.busy_s.tolist() == [[2.0, 2.0, 2.0, 2.0, 2.0]]
    assert figures.utilization(outcome, "station") == pytest.approx(10.0 / 28.0)


@ENGINES
def test_servers_without_number_for_a_while_have_no_utilization(engine: str) -> None:
    def control(plane: Plane) -> Generator[Any, Any, None]:
        plane.resize(STATION, 0, 0)
        yield plane.until(1.0)
        plane.resize(STATION, 0, 2)

    system = System({"read": Operation(SERVE)}, controls=(control,))
    outcome = replicate(system, EACH_SECOND, Span(0.0, 4.0, 8.0, 2), 1, engine)[0]

    assert figures.utilization(outcome, "station") is None


@ENGINES
def test_what_never_settles_is_counted_at_the_end(engine: str) -> None:
    """The station falls silent at 2.5 s, with the request of 2 s in service; those of 2 to 5 s never hear of it."""

    def control(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(2.5)
        plane.down(STATION.group, 0, "silent")

    system = System({"read": Operation(SERVE)}, controls=(control,))
    outcome = replicate(system, EACH_SECOND, Span(1.0, 6.0, 9.0, 2), 1, engine)[0]

    read = outcome.operations["read"]
    assert (read.requests, read.ok, read.unfinished) == (5, 1, 4)
    assert figures.imbalances(outcome) == []


@ENGINES
def test_misses_are_counted_by_themselves(engine: str) -> None:
    cache = Cache("cache", Group("node"), capacity_items=1)
    system = System({"read": Operation(Route(Lookup(cache, Route(Fill(cache)))))})

    outcome = replicate(
        system, workload(ConstantArrivals(rate_per_s=1.0), UniformKeys(count=1)), Span(0.0, 5.0, 6.0, 1), 1, engine
    )[0]

    counts = outcome.caches["cache"]
    assert (counts.lookups.tolist(), counts.hits.tolist(), counts.misses.tolist()) == ([5], [4], [1])


CLOSED = workload(Closed(clients=2, think=ConstantSeconds(value_s=1.0)))
BY_KEY = Route(Choose(everybody(STATION.group), "key"), *SERVE.steps)
AT_RANDOM = Route(Choose(everybody(STATION.group), "random"), *SERVE.steps)


@pytest.mark.parametrize(
    ("operation", "work", "certain"),
    [
        (Operation(SERVE), EACH_SECOND, True),
        (Operation(SERVE), CLOSED, True),
        (Operation(SERVE), workload(Poisson(rate_per_s=1.0)), False),
        (Operation(Route(Serve(STATION, Exponential(mean=0.1)))), EACH_SECOND, False),
        (Operation(AT_RANDOM), EACH_SECOND, False),
        (Operation(BY_KEY), EACH_SECOND, False),
        (Operation(BY_KEY), replace(EACH_SECOND, keys=UniformKeys(count=1)), True),
        (Operation(SERVE, Client(1.0, 2, backoff_base_s=1.0, jitter="full")), EACH_SECOND, False),
        (Operation(SERVE, Client(1.0, 2, backoff_base_s=1.0)), EACH_SECOND, True),
    ],
    ids=["constant", "closed", "poisson", "exponential", "random", "keys", "one key", "jitter", "no jitter"],
)
def test_a_run_is_certain_when_nothing_that_matters_is_random(operation: Operation, work: Any, certain: bool) -> None:
    outcome = replicate(System({"read": operation}), work, Span(0.0, 3.0, 6.0, 1), 1, "simpy")[0]

    assert outcome.certain is certain
