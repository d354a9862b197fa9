"""Stations that work in rounds, against group commit by hand and in closed form.

Goal: a round takes all who wait, does for them once what any of them wants, and lets them go together. Method: a trace
by hand; and clients that come at random to a disk that needs d seconds for a round, however many are in it. Whoever
comes to an idle disk waits for d; whoever comes during a round, for what is left of it, d / 2 in the mean, and for
another one. After a round the disk is idle with chance exp(-rate d), and then until somebody comes. Clients that ask
again at once are in every other round, as each of them misses the one that it has just seen the end of.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from models.kernel.arrivals import Closed, Poisson
from models.kernel.laws import Constant, ConstantSeconds, Exponential, Law
from models.kernel.outcome import Outcome
from models.kernel.parts import Group, Station
from models.kernel.plane import Plane
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.steps import Occupy, Serve
from models.kernel.system import Operation, Route, System
from tests.oracle.test_queues import latency_s
from tests.strategies.runs import assert_mean, recorded, replicate, workload

ENGINES = ("simpy", "compiled")
NODE = Group("node")
LOOP = Station("loop", NODE, rounds=True)
ROUND_S = 0.01


def commit(once: Law = Constant(value=ROUND_S)) -> System:  # noqa: B008 - laws do not change
    """A disk that takes as long for many as for one."""
    disk = Serve(Station("disk", NODE, rounds=True), Constant(value=0.0), once=once)
    return System({"read": Operation(Route(disk))})


@pytest.mark.parametrize("engine", ENGINES)
def test_a_trace_by_hand(engine: str) -> None:
    """A read takes 1 s of the loop, a write as long and, once for all of a round, 10 s more.

    The write of time 0 ends at 11. The reads of 2 and 5 are the next round, of 2 s, which ends at 13 for both. The read
    of 11.5 is with the writes of 12 and 12.5 in the one that begins then: 3 s, and 10 s once, to 26. The loop is idle
    then; the write of 30 is alone, to 41.
    """
    operations = {
        "write": Operation(Route(Serve(LOOP, Constant(value=1.0), once=Constant(value=10.0)))),
        "read": Operation(Route(Serve(LOOP, Constant(value=1.0)))),
    }
    asked = [(0.0, "write"), (2.0, "read"), (5.0, "read"), (11.5, "read"), (12.0, "write"), (12.5, "write")]
    work = recorded(*asked, (30.0, "write"))
    (outcome,) = replicate(System(operations), work, Span(0.0, 40.0, 60.0, 1), 1, engine)

    assert outcome.operations["write"].latency.few_s.tolist() == pytest.approx([11.0, 11.0, 13.5, 14.0])
    assert outcome.operations["read"].latency.few_s.tolist() == pytest.approx([8.0, 11.0, 14.5])
    assert outcome.stations["loop"].span_busy_s.sum() == pytest.approx(26.0 + 10.0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("how", ["refuse", "silent"])
def test_a_crash_takes_the_whole_round(engine: str, how: str) -> None:
    """Nobody of a round, or of those who wait for the next, has an answer."""

    def crash(plane: Plane) -> Any:
        yield plane.until(3.0)
        plane.down(LOOP, 0, "refuse" if how == "refuse" else "silent")

    write = Operation(Route(Serve(LOOP, Constant(value=1.0), once=Constant(value=1.0))))
    system = System({"write": write}, controls=(crash,))
    asked = [(0.0, "write"), (0.5, "write"), (1.0, "write"), (2.5, "write")]
    (outcome,) = replicate(system, recorded(*asked), Span(0.0, 5.0, 9.0, 1), 1, engine)

    assert outcome.operations["write"].latency.few_s.tolist() == [2.0]
    assert outcome.operations["write"].unfinished == (3 if how == "silent" else 0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("load", [0.3, 1.0, 4.0])
def test_group_commit_of_clients_that_come_at_random(engine: str, load: float) -> None:
    """One by one, a disk could take a load of 1."""
    span = Span(1.0, 61.0, 62.0, 1) if engine == "compiled" else Span(1.0, 21.0, 22.0, 1)
    outcomes = replicate(commit(), workload(Poisson(rate_per_s=load / ROUND_S)), span, 8, engine)

    idle = math.exp(-load)
    assert_mean(outcomes, latency_s, ROUND_S * (1.0 + load / 2.0 / (load + idle)), widest=0.05)
    assert_mean(outcomes, busy, load / (load + idle))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("load", [0.3, 1.0, 4.0])
def test_rounds_of_random_length(engine: str, load: float) -> None:
    """What is left of an exponential round is as long as a whole one; at its end nobody waits with 1 / (1 + load)."""
    span = Span(1.0, 1001.0, 1002.0, 1) if engine == "compiled" else Span(1.0, 201.0, 202.0, 1)
    work = workload(Poisson(rate_per_s=load / ROUND_S))
    outcomes = replicate(commit(Exponential(mean=ROUND_S)), work, span, 8, engine)

    share = load / (load + 1.0 / (1.0 + load))
    assert_mean(outcomes, latency_s, ROUND_S * (1.0 + share), widest=0.07)
    assert_mean(outcomes, busy, share)


def busy(outcome: Outcome) -> float:
    """Share of the time for which the disk is busy."""
    begin_s, end_s = outcome.span_s
    return float(outcome.stations["disk"].span_busy_s.sum()) / (end_s - begin_s)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("clients", [2, 3, 10])
def test_clients_that_ask_again_at_once_are_in_every_other_round(engine: str, clients: int) -> None:
    """One of them comes first, and is alone; all others are together in the next, which it has missed."""
    closed = workload(Closed(clients=clients, think=ConstantSeconds(value_s=0.0)))
    (outcome,) = replicate(commit(), closed, Span(1.0, 11.0, 12.0, 1), 1, engine)

    assert latency_s(outcome) == pytest.approx(2 * ROUND_S, rel=1e-3)
    assert outcome.operations["read"].answers_in_span == pytest.approx(clients * 10.0 / (2 * ROUND_S), abs=2 * clients)


def test_rounds_have_one_server_that_nobody_keeps() -> None:
    with pytest.raises(ValueError, match="one server works in rounds, got 2"):
        Station("loop", NODE, 2, rounds=True)
    with pytest.raises(ValueError, match="only a station that works in rounds"):
        Serve(Station("one by one", NODE), Constant(value=1.0), once=Constant(value=1.0))
    with pytest.raises(ValueError, match="must be constant"):
        Serve(LOOP, Exponential(mean=1.0), once=Exponential(mean=1.0))
    with pytest.raises(ValueError, match="nobody occupies station loop"):
        Program(System({"read": Operation(Route(Occupy(LOOP, Route())))}), "system")
