"""Replication by a log, against what is known of it without an engine.

Goal: a follower takes every record once and in order, however they overtake one another; what a new leader lacks is
what replication had not carried, record by record; and the acknowledged writes that are lost are those. Method: writes
of objects that nobody writes twice, so that each record is one write, on both engines.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.kernel.arrivals import ConstantArrivals
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, Exponential, Law
from models.kernel.outcome import WRITES
from models.kernel.parts import Copies, Group, Log, Membership, Network, Quorum, Station
from models.kernel.plane import Plane
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.simpy_engine import SimpyPlane
from models.kernel.sources import Block, NumpyDrawing, OpenSource, Streams, Trace, Workload
from models.kernel.steps import Append, Apply, Choose, Fork, Order, Receive, Serve, Travel
from models.kernel.system import Operation, Route, System

COUNT, EVERY_S, BYTES, HEADER = 1000, 0.001, 70, 30
NODES, PEERS = Group("nodes", 3, (0, 1, 2)), Group("peers", 3, (0, 1, 2))
MEMBERS = Membership(NODES, ((0, 1, 2),))
COPIES, LOG = Copies("copies", MEMBERS), Log("log", NODES, (0, 0, 0), HEADER)
ENGINES = ["simpy", "compiled"]


def route(delay: Law, needed: int) -> Route:
    """Write at the leader, and send it to both followers."""
    net = Network("net", delay)
    here = Membership(NODES, ((0,), (1,), (2,)), of=PEERS)
    leg = Route(
        Choose(Membership(PEERS, ((1, 2),)), "leg"), Travel(net), Choose(here, 0), Receive(LOG),
        Serve(Station("apply", NODES), Constant(value=0.0)), Apply(COPIES), Travel(net),
    )  # fmt: skip
    write = (Append(LOG), Order(COPIES), Apply(COPIES), Fork(Quorum("acknowledged", 2, needed), leg))
    return Route(Choose(MEMBERS, 0), *write)


def run(engine: str, system: Route, control: Any) -> Any:
    """A thousand writes, a millisecond apart, each of an object of its own."""
    whole = np.arange(COUNT)
    block = Block(
        whole * EVERY_S, whole * 0, whole, whole * 0 + BYTES, whole * 0 + 1, np.full(COUNT, math.inf)
    )  # fmt: skip
    work = Workload(
        ConstantArrivals(rate_per_s=1.0), UniformKeys(count=COUNT), Constant(value=1.0), {"write": 1.0},
        Trace.of(block, COUNT, ("write",)),
    )  # fmt: skip
    program = Program(System({"write": Operation(system)}, controls=(control,)), "system")
    span = Span(0.0, COUNT * EVERY_S, 10.0, 1)
    drawing: Any = NumpyDrawing()
    make: Any = SimpyPlane
    if engine == "compiled":
        from models.kernel.compiled_engine import CompiledDrawing, CompiledPlane

        drawing, make = CompiledDrawing(), CompiledPlane
    plane = make(program, [OpenSource(work, Streams.of(7, 0), span.duration_s, drawing)], span, 7, 0)
    plane.run()
    return SimpleNamespace(**{what: plane.outcome(0, 0.0).counters[f"writes.{what}"] for what in WRITES})


@pytest.mark.parametrize("engine", ENGINES)
def test_followers_take_all_in_order_though_records_overtake_one_another(engine: str) -> None:
    """Delays of forty times the distance between two records: nearly all are overtaken."""
    seen: list[tuple[int, int]] = []

    def look(plane: Plane) -> Generator[Any, Any, None]:
        for at_s in np.arange(1, 30) * 0.05:
            yield plane.until(float(at_s))
            leader, *followers = (plane.position(LOG, member) for member in range(3))
            for records, size, _ in followers:
                assert records <= leader[0]
                assert size == records * (BYTES + HEADER)
            seen.append((leader[0], followers[0][0]))

    copies = run(engine, route(Exponential(mean=0.04), 0), look)

    assert seen[-1] == (COUNT, COUNT)
    assert any(leader > follower + 50 for leader, follower in seen)
    assert (copies.acknowledged, copies.lost, copies.kept) == (COUNT, 0, COUNT)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("delay_s", [0.0, 0.0105, 0.2505])
def test_a_failover_loses_what_was_under_way(engine: str, delay_s: float) -> None:
    """Rate times lag: with a delay that never changes, exactly so many; and none of those still to be written."""
    gone: list[int] = []

    def fail_over(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(0.6004)
        gone.append(plane.position(LOG, 0)[0] - plane.position(LOG, 1)[0])
        plane.lead(LOG, 1)
        plane.part(LOG, 0)
        plane.follow(LOG, 2, 1)
        plane.copy(COPIES, 0, 1, 2)
        plane.assign(MEMBERS, 0, 0, 1)
        plane.assign(MEMBERS, 0, 1, 0)

    copies = run(engine, route(Constant(value=delay_s), 0), fail_over)

    assert gone == [math.ceil(delay_s / EVERY_S - 1e-9) if delay_s else 0]
    assert (copies.acknowledged, copies.lost) == (COUNT, gone[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_writes_lost_are_the_records_gone(engine: str) -> None:
    """With delays at random: acknowledged writes lost, from the ledger, are the records gone, from the log."""
    gone: list[int] = []

    def fail_over(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(0.6004)
        gone.append(plane.position(LOG, 0)[0] - plane.position(LOG, 2)[0])
        plane.lead(LOG, 2)
        plane.part(LOG, 0)
        plane.assign(MEMBERS, 0, 0, 2)

    copies = run(engine, route(Exponential(mean=0.02), 0), fail_over)

    assert gone[0] > 20
    assert (copies.acknowledged, copies.lost) == (COUNT, gone[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_who_waits_for_a_follower_loses_nothing_to_it(engine: str) -> None:
    """Both followers acknowledge, or the write is not acknowledged: whoever leads then has all that was."""

    def fail_over(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(0.6004)
        plane.lead(LOG, 2)
        plane.part(LOG, 0)
        plane.assign(MEMBERS, 0, 0, 2)

    copies = run(engine, route(Exponential(mean=0.02), 2), fail_over)

    assert copies.lost == 0
    assert 400 < copies.acknowledged < COUNT


@pytest.mark.parametrize("engine", ENGINES)
def test_who_no_longer_leads_takes_no_writes(engine: str) -> None:
    def resign(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(0.6004)
        plane.part(LOG, 0)

    copies = run(engine, route(Constant(value=0.0), 0), resign)

    assert copies.acknowledged == 601
