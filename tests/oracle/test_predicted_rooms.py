"""What closed forms say of walks that go on together, against exact means of boxcars, and against Aurora's writer."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from scipy.optimize import brentq

from models.aurora.model import AuroraParameters, build
from models.kernel.arrivals import Arrivals, Closed, Poisson
from models.kernel.closed_forms import mmc_wait_mean_s
from models.kernel.laws import Constant, Exponential, Law
from models.kernel.outcome import Outcome
from models.kernel.parts import UNLIMITED, Bucket, Group, Membership, Room, Station
from models.kernel.predict import mean_responses_s, predict
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.steps import Admit, Choose, Hold, Occupy, Serve, Step
from models.kernel.system import Operation, Route, System
from tests.strategies.runs import assert_mean, replicate, workload

NODES, THINGS = Group("nodes"), Group("things", 4)
UNEVEN = Membership(THINGS, ((0, 1, 2, 3, 3, 3, 3, 3),))
"""Each of three things an eighth of the time, and one all other times."""
PARTS = (0.125, 0.125, 0.125, 0.625)
BEYOND_S = 0.5
COUNTED = Admit((Bucket("went", NODES, 0.0, math.inf),))
SPAN = Span(200.0, 20_000.0, 21_000.0, 4)
REPLICATIONS = 8


def boxcars(*way: Step, share: bool = True, by: Group | None = THINGS, before: tuple[Step, ...] = ()) -> System:
    """Walks that want a thing of the node, go the way for it, or another goes for them, and each then goes on."""
    hold = Hold(Room("room", NODES, by), Route(*way, COUNTED), share)
    beyond = Serve(Station("beyond", NODES, UNLIMITED), Constant(value=BEYOND_S))
    return System({"read": Operation(Route(Choose(UNEVEN, "random"), *before, hold, beyond))})


def went(outcome: Outcome) -> float:
    """Of those who came, the part that went the way by itself."""
    going, waiting = outcome.counters["went.admitted"], outcome.counters["room.waited"]
    return going / (going + waiting)


def latency_s(outcome: Outcome) -> float:
    return outcome.operations["read"].latency.mean_s


def firsts(rate_per_s: float, way_s: float) -> float:
    """Of a thing with Poisson arrivals, one in 1 + a D goes by itself: a D come meanwhile, and are of its boxcar."""
    return sum(part / (1.0 + rate_per_s * part * way_s) for part in PARTS)


@pytest.mark.parametrize("rate_per_s", [0.2, 2.0, 20.0])
@pytest.mark.parametrize(
    ("law", "left"), [(Constant(value=1.0), 0.5), (Exponential(mean=1.0), 1.0)], ids=["constant", "exponential"]
)
def test_boxcars_of_poisson_arrivals_are_as_renewal_theory_has_them(law: Law, left: float, rate_per_s: float) -> None:
    """Goal: how many go by themselves, and the mean of all, are exact where nobody queues. Method: the way takes 1 s in
    the mean; who comes meanwhile finds half a second of it left where it is constant, and a whole one where it has no
    memory. Held against the closed form, and both against simulation.
    """
    system = boxcars(Serve(Station("station", NODES, UNLIMITED), law))
    work, alone = workload(Poisson(rate_per_s=rate_per_s)), firsts(rate_per_s, 1.0)
    mean_s = alone * 1.0 + (1.0 - alone) * left + BEYOND_S

    prediction = predict(program := Program(system, "system"), work, SPAN.duration_s)
    means_s = mean_responses_s(program, work, prediction)
    outcomes = replicate(system, work, SPAN, REPLICATIONS)

    assert prediction.stations["station"].work_s.tolist() == pytest.approx([alone])
    assert prediction.stations["beyond"].work_s.tolist() == [BEYOND_S], "each goes on"
    assert prediction.unloaded_s["read"] == 1.0 + BEYOND_S, "where nobody waits, nobody goes with another"
    assert means_s["read"] == pytest.approx(mean_s)
    assert_mean(outcomes, went, alone)
    assert_mean(outcomes, latency_s, mean_s)


def test_boxcars_on_simpy() -> None:
    system = boxcars(Serve(Station("station", NODES, UNLIMITED), Constant(value=1.0)))

    outcomes = replicate(system, workload(Poisson(rate_per_s=2.0)), Span(20.0, 500.0, 510.0, 4), 8, "simpy")

    assert_mean(outcomes, went, firsts(2.0, 1.0))


def test_a_way_of_several_steps_is_shared_as_a_whole() -> None:
    """A connection is occupied while two stations are at work, for half a second in all; a quarter is left of it."""
    pool, first, second = (Station(name, NODES, UNLIMITED) for name in ("pool", "first", "second"))
    stations = Route(Serve(first, Constant(value=0.2)), Serve(second, Constant(value=0.3)))
    system, work, alone = boxcars(Occupy(pool, stations)), workload(Poisson(rate_per_s=4.0)), firsts(4.0, 0.5)

    prediction = predict(program := Program(system, "system"), work, SPAN.duration_s)
    outcomes = replicate(system, work, SPAN, REPLICATIONS)

    loads, mean_s = prediction.stations, 0.5 * alone + 0.25 * (1.0 - alone) + BEYOND_S
    expected_s = {"pool": 0.5 * alone, "first": 0.2 * alone, "second": 0.3 * alone, "beyond": BEYOND_S}
    assert {name: load.work_s.tolist() for name, load in loads.items()} == {
        name: pytest.approx([each_s]) for name, each_s in expected_s.items()
    }
    assert mean_responses_s(program, work, prediction)["read"] == pytest.approx(mean_s)
    assert_mean(outcomes, went, alone)
    assert_mean(outcomes, latency_s, mean_s)


@pytest.mark.parametrize(("share", "by"), [(False, THINGS), (True, None), (False, None)], ids=["lock", "key", "turns"])
def test_where_a_key_is_held_or_a_lock_each_is_taken_to_go_by_itself(share: bool, by: Group | None) -> None:
    system = boxcars(Serve(Station("station", NODES), Constant(value=1.0)), share=share, by=by)

    prediction = predict(Program(system, "system"), workload(Poisson(rate_per_s=0.5)), 1.0)

    assert prediction.rooms == {}
    assert prediction.stations["station"].work_s.tolist() == [1.0]
    assert prediction.stations["station"].saturation_per_s == 1.0


@pytest.mark.parametrize("rate_per_s", [0.1, 1.0, 2.0, 3.0, 3.9, 3.999])
def test_how_many_go_and_how_long_they_wait_bring_each_other_about(rate_per_s: float) -> None:
    """Goal: the share of those who go is that of the wait which so many make. Method: four servers work a second for
    each walk before the room and another for each that goes the way, in exponential times: M/M/4, whose equation is
    solved by other means. However many come, only the second before the room keeps a server busy for good.
    """
    station = Station("station", NODES, 4)
    serve = Serve(station, Exponential(mean=1.0))
    work = workload(Poisson(rate_per_s=rate_per_s))

    def busy(waited_s: float) -> float:
        return rate_per_s * (1.0 + firsts(rate_per_s, 1.0 + waited_s)) / 4.0

    def excess_s(waited_s: float) -> float:
        used = busy(waited_s)
        return (mmc_wait_mean_s(4.0 * used, 1.0, 4) if used < 1.0 else 1e9) - waited_s

    expected = busy(float(brentq(excess_s, 0.0, 1e6, xtol=1e-12)))
    load = predict(Program(boxcars(serve, before=(serve,)), "system"), work, 1.0).stations["station"]

    assert load.utilization(rate_per_s) == pytest.approx(expected, rel=1e-6)
    assert load.saturation_per_s == 4.0


def test_beyond_saturation_nobody_is_said_to_go_by_itself() -> None:
    serve = Serve(Station("station", NODES, 4), Exponential(mean=1.0))
    system, work = boxcars(serve, before=(serve,)), workload(Poisson(rate_per_s=6.0))

    prediction = predict(program := Program(system, "system"), work, 1.0)

    assert prediction.stations["station"].utilization(6.0) == 1.5
    assert mean_responses_s(program, work, prediction)["read"] == math.inf


# Aurora's writer


WRITE_S, SEND_S, CPUS = 0.00026, 0.00002, 32
"""Seconds of a CPU for a write, and for sending one of its six records."""


def aurora() -> System:
    return build(AuroraParameters(replicas=0), ("write",))


def writes(arrivals: Arrivals | Closed) -> Workload:
    return workload(arrivals, mix={"write": 1.0})


def simulated(figure: Callable[[Outcome], float], arrivals: Arrivals | Closed) -> float:
    """Mean of two short runs."""
    outcomes = replicate(aurora(), writes(arrivals), Span(0.2, 0.7, 0.8, 1), 2)
    return sum(map(figure, outcomes)) / len(outcomes)


def busy_cpus(outcome: Outcome) -> float:
    station = outcome.stations["cpu"]
    return float(station.span_busy_s[0] / station.span_servers_s[0])


@pytest.mark.parametrize("rate_per_s", [20_000.0, 90_000.0, 105_000.0, 115_000.0])
def test_a_busy_writer_sends_less_for_each_write(rate_per_s: float) -> None:
    """Six sends for each write would be more than all CPUs from 84,211 writes/s on."""
    arrivals = Poisson(rate_per_s=rate_per_s)

    predicted = predict(Program(aurora(), "aurora"), writes(arrivals), 1.0).stations["cpu"].utilization(rate_per_s)

    assert predicted is not None
    assert rate_per_s * WRITE_S / CPUS < predicted < min(1.0, rate_per_s * (WRITE_S + 6 * SEND_S) / CPUS)
    assert predicted == pytest.approx(simulated(busy_cpus, arrivals), rel=0.05)


def test_the_writer_saturates_by_what_it_does_for_each_write_alone() -> None:
    """Goal: sends do not count, as ever more of them are shared. Method: clients that wait for nothing but answers keep
    all CPUs busy; each is answered some 16 ms later, and meanwhile each of 24 connections sends one batch.
    """
    clients, limit_per_s = Closed(clients=2_000), CPUS / WRITE_S

    prediction = predict(Program(aurora(), "aurora"), writes(clients), 1.0)
    answered_per_s = simulated(lambda outcome: outcome.operations["write"].answers_in_span / 0.5, clients)

    assert prediction.stations["cpu"].saturation_per_s == pytest.approx(limit_per_s)
    assert prediction.rate_per_s == pytest.approx(limit_per_s)
    assert prediction.stations["cpu"].utilization(prediction.rate_per_s) == pytest.approx(1.0, rel=1e-12)
    assert prediction.bottleneck is prediction.stations["cpu"]
    assert answered_per_s == pytest.approx(limit_per_s, rel=0.02)
