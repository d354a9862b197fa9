"""What goes another way when something has failed, against ways that are reckoned by hand.

Goal: who fails on a way goes the other one, and who has failed before goes neither. Method: a station that turns
everybody away in front of such a way, or on it, and ways that take known times; on both engines.
"""

from __future__ import annotations

import pytest

from models.kernel.arrivals import ConstantArrivals
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.outcome import OperationOutcome
from models.kernel.parts import UNLIMITED, Group, Station
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.steps import Pass, Serve, Step, Try
from models.kernel.system import REFUSED, REJECTED, Operation, Route, System
from tests.strategies.runs import replicate

NODE = Group("node")
FULL = Station("full", NODE, 1, queue_limit=0)
DEAD, FREE = Station("dead", NODE), Station("free", NODE, UNLIMITED)
ENGINES = ("simpy", "compiled")
LONG, FIRST, OTHER, BEHIND = (Serve(station, Constant(value=s)) for station, s in (
    (FULL, 1e6), (FREE, 0.01), (FREE, 0.02), (FREE, 0.004),
))  # fmt: skip


def asked(*steps: Step, engine: str) -> OperationOutcome:
    """Ten requests, of which the first takes the only place for ever, if it comes by."""

    def control(plane):  # type: ignore[no-untyped-def]
        yield plane.until(0.0)
        plane.down(DEAD, 0, "refuse")

    system = System({"read": Operation(Route(*steps))}, controls=(control,))
    work = Workload(ConstantArrivals(rate_per_s=1.0), UniformKeys(count=1), Constant(value=1.0), {"read": 1.0})
    return replicate(system, work, Span(0.0, 10.0, 20.0, 1), 1, engine)[0].operations["read"]


@pytest.mark.parametrize("engine", ENGINES)
def test_who_fails_on_the_way_goes_the_other_one(engine: str) -> None:
    read = asked(Try(Route(FIRST, Pass(DEAD)), Route(OTHER)), BEHIND, engine=engine)

    assert (read.ok, dict(read.errors)) == (10, {})
    assert read.latency.mean_s == pytest.approx(0.01 + 0.02 + 0.004)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("error", [0, REFUSED, REJECTED])
def test_who_has_failed_before_goes_neither_way(engine: str, error: int) -> None:
    read = asked(LONG, Try(Route(FIRST), Route(OTHER), error), engine=engine)

    assert (read.ok, dict(read.errors), read.unfinished) == (0, {"rejected": 9}, 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_of_another_kind_is_not_caught(engine: str) -> None:
    read = asked(Try(Route(FIRST, Pass(DEAD)), Route(OTHER), REJECTED), BEHIND, engine=engine)

    assert (read.ok, dict(read.errors)) == (0, {"refused": 10})
