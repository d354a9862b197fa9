"""Whichever loop runs, the bits are the same: interpreting or made for one system, in step with the clock or ahead.

The SimPy engine is the reference. Systems without control are those whose walks may go ahead; of random ones, most tie
on the grid and are run again in step, so some are drawn that never tie.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from models.kernel import compilation
from models.kernel.arrivals import Closed, ConstantArrivals, Poisson
from models.kernel.compiled_engine import CompiledDrawing, CompiledPlane, TiedError
from models.kernel.keys import UniformKeys
from models.kernel.laws import (
    Component,
    Constant,
    Erlang,
    Exponential,
    ExponentialSeconds,
    Law,
    Lognormal,
    Mixture,
    Pareto,
    Uniform,
    Weibull,
)
from models.kernel.parts import Bucket, Group, Network, Quorum, Station, everybody
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Block, Trace, Workload, sources_of
from models.kernel.specialisation import known_of
from models.kernel.steps import Admit, Choose, Fork, Occupy, Serve, Step, Travel
from models.kernel.system import Client, Operation, Route, System
from tests.strategies.systems import (
    GRID_S,
    Case,
    busy_case,
    cases,
    expiring_case,
    run,
    run_on,
    several_case,
    unlike,
)

RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
SMOOTH: tuple[Law, ...] = (
    Exponential(mean=3 * GRID_S), Uniform(low=0.0, high=4 * GRID_S), Erlang(shape=3, mean=3 * GRID_S),
    Lognormal(median=2 * GRID_S, p99=9 * GRID_S), Weibull(shape=0.7, scale=2 * GRID_S),
    Pareto(shape=2.5, minimum=GRID_S),
    Mixture(components=[Component(weight=1.0, law=Exponential(mean=GRID_S)),
                        Component(weight=2.0, law=Uniform(low=GRID_S, high=2 * GRID_S))]),
)  # fmt: skip
"""Laws of which no two variates ever meet."""


@st.composite
def forks(draw: DrawFn) -> Case:
    """Reads and writes that fork into legs which nobody else sees, and that meet at a station before and after."""
    legs, groups = draw(st.integers(1, 7)), (Group("copies", 7, (0, 1, 2, 0, 1, 2, 0)), Group("front"))
    laws = st.sampled_from(SMOOTH)
    copies, front = groups
    net = Network("net", draw(laws), draw(laws), 3)
    anybody = Station("anybody", copies, 0)
    ways: tuple[tuple[Step, ...], ...] = (
        (Choose(everybody(copies), "leg"), Serve(anybody, draw(laws))),
        (Choose(everybody(copies), "random"), Travel(net, front, copies), Serve(anybody, draw(laws), unit_bytes=64)),
        (Choose(everybody(copies), 2), Travel(net, None, copies), Travel(net, copies, front)),
    )

    def quorum(name: str) -> Quorum:
        needed = draw(st.integers(0, legs))
        if draw(st.booleans()):
            return Quorum(name, legs, needed)
        table = tuple(answered.bit_count() >= needed and answered >= needed for answered in range(1 << legs))
        monotone = tuple(any(table[a] for a in range(s + 1) if a & s == a) for s in range(1 << legs))
        return Quorum(name, legs, table=monotone)

    def fork(name: str) -> Fork:
        chosen = st.sampled_from(ways).map(lambda steps: Route(*steps))
        return Fork(quorum(name), draw(chosen) if draw(st.booleans()) else tuple(draw(chosen) for _ in range(legs)))

    server = Station("server", front, draw(st.sampled_from([1, 3])))
    once, twice = fork("once"), (fork("first"), fork("second"))
    operations = {
        "read": Operation(Route(Serve(server, draw(laws)), once)),
        "write": Operation(Route(*twice, Serve(server, draw(laws)))),
    }
    mix = {"read": 0.5, "write": 0.5}
    work = Workload(Poisson(rate_per_s=0.3 / GRID_S), UniformKeys(count=5), Uniform(low=1.0, high=300.0), mix)
    span = Span(10 * GRID_S, 300 * GRID_S, 300 * GRID_S + draw(st.sampled_from([0.0, 2.0, 40.0])) * GRID_S, 5)
    return Case(operations, (), (work,), span, draw(st.integers(0, 1000)))


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=RELAXED)
@given(forks())
def test_legs_go_ahead_of_the_clock_and_nobody_notices(case: Case) -> None:
    """No two of their times meet, so none is run again: what agrees has gone ahead."""
    ahead = run_on(CompiledPlane, CompiledDrawing(), case)

    assert unlike(run(case, "simpy"), ahead) is None


def test_a_fork_that_takes_no_time_has_its_turn_behind_whoever_is_ready() -> None:
    """A service ends at the very instant of an arrival whose fork is over at once, and both want the one server."""
    station = Station("station", Group("group"), 2)
    serve = Serve(station, Constant(value=GRID_S))
    at_once = Fork(Quorum("at once", 1, table=(False, True)), (Route(),))
    operations = {
        "read": Operation(Route(Occupy(station, Route(serve)), serve)), "insert": Operation(Route(at_once, serve)),
    }  # fmt: skip
    work = Workload(
        ConstantArrivals(rate_per_s=1.0 / GRID_S), UniformKeys(count=1), Constant(value=1.0),
        {"read": 0.5, "insert": 0.5},
    )  # fmt: skip
    case = Case(operations, (), (work,), Span(0.0, 96 * GRID_S, 160 * GRID_S, 4), 0)

    assert unlike(run(case, "simpy"), run(case, "compiled")) is None


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=RELAXED)
@given(cases(controlled=False))
def test_engines_agree_where_nothing_controls(case: Case) -> None:
    assert unlike(run(case, "simpy"), run(case, "compiled")) is None


@st.composite
def queues(draw: DrawFn) -> Case:
    """Reads and writes that go through stations of one or several servers, some of which may serve in turn; others have
    a limit, or a step behind them that all see. Works are of smooth laws, or nothing at all.
    """
    wide, one = Group("wide", 3, (0, 1, 2)), Group("one")
    laws = st.sampled_from(SMOOTH)
    idle = Mixture(components=[Component(weight=1.0, law=Constant(value=0.0)), Component(weight=2.0, law=SMOOTH[0])])
    works = st.sampled_from((*SMOOTH, idle))
    stations = [
        Station(f"station {index}", draw(st.sampled_from((wide, one))), draw(st.sampled_from((0, 1, 1, 2, 3))),
                draw(st.sampled_from((None, None, None, 2))))
        for index in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    net = Network("net", draw(laws), draw(laws), 3, draw(st.sampled_from((None, 100.0 / GRID_S))))
    seen = Bucket("seen", one, rate_per_s=0.2 / GRID_S, burst=5.0)

    def steps(depth: int = 0) -> Route:
        kinds = ["serve", "serve", "travel", "seen", "fork"][: 4 + (depth == 0)]
        way: list[Step] = [Choose(everybody(wide), "random"), Choose(everybody(one), "random")]
        for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4)):
            if kind == "serve":
                way.append(Serve(draw(st.sampled_from(stations)), draw(works)))
            elif kind == "travel":
                way.append(Travel(net, None, wide))
            elif kind == "seen":
                way.append(Admit((seen,)))
            else:
                way.append(Fork(Quorum(f"quorum {len(quorums)}", 2, draw(st.integers(0, 2))), steps(1)))
                quorums.append(True)
        return Route(*way)

    quorums: list[bool] = []
    clients = st.sampled_from((Client(), Client(), Client(timeout_s=9.1 * GRID_S, max_attempts=2)))
    operations = {name: Operation(steps(), draw(clients)) for name in ("read", "write")}
    arrivals = draw(
        st.sampled_from(
            (Poisson(rate_per_s=0.3 / GRID_S), Closed(clients=4, think=ExponentialSeconds(mean_s=4 * GRID_S)))
        )
    )
    work = Workload(arrivals, UniformKeys(count=5), Uniform(low=1.0, high=300.0), {"read": 0.5, "write": 0.5})
    span = Span(10 * GRID_S, 200 * GRID_S, 200 * GRID_S + draw(st.sampled_from([0.0, 2.0, 40.0])) * GRID_S, 5)
    return Case(operations, (), (work,), span, draw(st.integers(0, 1000)))


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=RELAXED)
@given(queues())
def test_stations_that_serve_in_turn_do_as_in_step(case: Case) -> None:
    assert unlike(run(case, "simpy"), run(case, "compiled")) is None


def test_many_stations_serve_in_turn_and_few_runs_are_made_again() -> None:
    """Else what agrees might have been in step."""
    found = Counter[str]()

    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=RELAXED)
    @given(queues())
    def count(case: Case) -> None:
        planes: list[CompiledPlane] = []

        def make(*given: Any, **options: Any) -> CompiledPlane:
            planes.append(CompiledPlane(*given, **options))
            return planes[-1]

        try:
            run_on(make, CompiledDrawing(), case)
        except TiedError:
            found["tied"] += 1
        (plane,) = planes
        found["in turn"] += any(site.turn for site in plane.program.sites)
        found["waited"] += bool((plane.w.turns["origin"] > 0.0).any())
        found["unheard"] += bool(plane.clock["unheard"])

    count()
    assert min(found[what] for what in ("in turn", "waited", "unheard")) >= 20, found
    assert found["tied"] <= 6, found


def test_who_forks_into_nothing_takes_its_turn_behind_those_that_are_ready() -> None:
    """Of two legs, the first has a fork whose leg takes no time; it is the second that comes to the station first."""
    group = Group("group")
    server, after = Station("server", group, 1), Station("after", group, 0)
    ways = [Route(Serve(server, law), Serve(after, SMOOTH[0])) for law in (SMOOTH[0], SMOOTH[3])]
    nothing = Fork(Quorum("nothing", 1, 1), Route(Serve(after, Constant(value=0.0))))
    legs = (Route(nothing, *ways[0].steps), ways[1])
    operations = {"read": Operation(Route(Fork(Quorum("detached", 2, 0), legs)))}
    work = Workload(Poisson(rate_per_s=0.1 / GRID_S), UniformKeys(count=1), Constant(value=1.0), {"read": 1.0})
    case = Case(operations, (), (work,), Span(0.0, 200 * GRID_S, 300 * GRID_S, 2), 1)

    in_turn = [site.turn for site in Program(System(operations), "s").sites if site.step is ways[1].steps[0]]
    ahead = run_on(CompiledPlane, CompiledDrawing(), case)

    assert in_turn == [1]
    assert unlike(run(case, "simpy"), ahead) is None


def lockstep(*, pairs: bool = True) -> Case:
    """Requests at each step of the grid, whose legs take two steps: they come back at the instants of others' starts,
    and meet at a station.

    Of a pair, both come back at one instant, and began at one: nothing but their order in the block tells them apart.
    """
    copies = Group("copies", 3)
    leg = Route(Choose(everybody(copies), "leg"), Serve(Station("copies", copies, 0), Constant(value=2 * GRID_S)))
    times_s = np.repeat(np.arange(50) * GRID_S, 2 if pairs else 1)
    none = np.zeros(len(times_s), np.int64)
    block = Block(times_s, none, none, none, none + 1, none + math.inf)
    arrivals = ConstantArrivals(rate_per_s=1 / GRID_S)
    trace = Trace.of(block, 1, ("read",))
    work = Workload(arrivals, UniformKeys(count=1), Constant(value=1.0), {"read": 1.0}, trace)
    span = Span(0.0, 50 * GRID_S, 60 * GRID_S, 2)
    meet = Serve(Station("meet", Group("meet"), 3), SMOOTH[0])
    return Case({"read": Operation(Route(Fork(Quorum("quorum", 3, 2), leg), meet))}, (), (work,), span, 1)


def test_what_went_ahead_keeps_its_place_among_others_of_its_instant() -> None:
    """What was scheduled earlier comes first, as its last step would have been in step with the clock."""
    case = lockstep(pairs=False)

    ahead = run_on(CompiledPlane, CompiledDrawing(), case)

    assert unlike(run(case, "simpy"), ahead) is None


def test_a_tie_with_what_went_ahead_is_noticed_and_run_again_in_step() -> None:
    case = lockstep()

    with pytest.raises(TiedError):
        run_on(CompiledPlane, CompiledDrawing(), case)
    assert unlike(run(case, "simpy"), run(case, "compiled")) is None


@st.composite
def meeting(draw: DrawFn, *, apart: bool = False) -> Case:
    """Requests on a grid, each with two steps of whole grid lengths that nobody sees, then one at a station: many come
    there at one instant from steps that began at one instant, and only when they arrived tells who was first.
    """
    group = Group("group")
    lengths = [
        Component(weight=1.0, law=Constant(value=steps * GRID_S)) for steps in range(1, draw(st.integers(5, 10)))
    ]
    before = Serve(Station("before", group, 0), Mixture(components=lengths))
    last = Serve(Station("last", group, 0), Constant(value=draw(st.integers(1, 2)) * GRID_S))
    # In turn, or with a limit that nobody comes to.
    limit = draw(st.sampled_from([None, 999]))
    meet = Serve(Station("meet", group, draw(st.sampled_from([1, 2])), limit), draw(st.sampled_from(SMOOTH)))
    # With a limit, so that walks do not go ahead: these are in the order of events with those that do.
    alone = Serve(Station("alone", group, 999, 999), Mixture(components=lengths))
    gaps = draw(st.lists(st.integers(1, 3), min_size=40, max_size=80))
    # With long gaps no request arrives as long after another as the last step takes, and fewer places are alike.
    times_s = (3 if apart or draw(st.booleans()) else 1) * np.cumsum(gaps) * GRID_S
    none = np.zeros(len(gaps), np.int64)
    operations = np.array(draw(st.lists(st.integers(0, 1), min_size=len(gaps), max_size=len(gaps))))
    trace = Trace.of(Block(times_s, operations, none, none, none + 1, none + math.inf), 1, ("read", "write"))
    mix = {"read": 0.5, "write": 0.5}
    work = Workload(Poisson(rate_per_s=1.0), UniformKeys(count=1), Constant(value=1.0), mix, trace)
    span = Span(0.0, float(times_s[-1]), float(times_s[-1]) + 1.0, 3)
    routes = {"read": Operation(Route(before, last, meet)), "write": Operation(Route(alone, meet))}
    return Case(routes, (), (work,), span, draw(st.integers(0, 1000)))


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=RELAXED)
@given(meeting())
def test_walks_that_meet_go_on_in_the_order_that_they_would_have_in_step(case: Case) -> None:
    assert unlike(run(case, "simpy"), run(case, "compiled")) is None


def test_few_of_those_that_meet_must_be_run_again() -> None:
    """Else the order of the others would not have been put to the test."""
    again = Counter[bool]()

    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=RELAXED)
    @given(meeting(apart=True))
    def count(case: Case) -> None:
        try:
            run_on(CompiledPlane, CompiledDrawing(), case)
        except TiedError:
            again[True] += 1
        else:
            again[False] += 1

    count()
    assert again[False] > again[True]


# ---------------------------------------------------------------- loops for one system


@pytest.mark.parametrize("case", [busy_case(), expiring_case(), several_case(), lockstep()],
                         ids=["busy", "expiring", "several", "lockstep"])  # fmt: skip
def test_a_loop_for_one_system_agrees(case: Case) -> None:
    assert unlike(run(case, "simpy"), run(case, "compiled", specialised=True)) is None


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(4))
def test_loops_for_many_systems_agree(round_: int) -> None:
    """With control and without; each is compiled for itself."""

    @settings(max_examples=50, deadline=None, suppress_health_check=RELAXED, print_blob=True)
    @given((cases(), cases(controlled=False), forks(), queues())[round_])
    def check(case: Case) -> None:
        assert unlike(run(case, "simpy"), run(case, "compiled", specialised=True)) is None

    check()


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=RELAXED)
@given(cases() | cases(controlled=False))
def test_what_a_loop_takes_for_granted_holds_to_the_end(case: Case) -> None:
    """Whatever compiled code, the engine and control do to a world: each fact that is left is true of it afterwards."""
    planes: list[tuple[CompiledPlane, dict[str, float]]] = []

    def make(program: Program, *rest: Any, **options: Any) -> CompiledPlane:
        plane = CompiledPlane(program, *rest, ahead=False, specialised=False, **options)
        controlled = bool(program.system.controls)
        entries = compilation.LOOP if controlled else compilation.ALONE
        known = known_of(plane.w, controlled=controlled)
        unit = compilation.written({entry.function.__name__: entry for entry in entries}, known)
        planes.append((plane, dict(unit.known.facts)))
        return plane

    run_on(make, CompiledDrawing(), case)

    ((plane, facts),) = planes
    assert facts
    for tag, value in facts.items():
        array, field = tag.split(".")
        assert (getattr(plane.w, array)[field] == value).all(), tag


class Shelf(dict[str, bytes]):
    """A shelf in memory, which counts what is put there."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: Counter[str] = Counter()

    def put(self, name: str, code: bytes) -> None:
        self.puts[name] += 1
        self[name] = code


def queue(requests: int, **options: Any) -> CompiledPlane:
    station = Station("server", Group("server"), servers=2)
    system = System({"read": Operation(Route(Serve(station, Exponential(mean=0.001))))})
    work = Workload(Poisson(rate_per_s=1000.0), UniformKeys(), Constant(value=100.0), {"read": 1.0})
    span = Span(0.0, requests / 1000.0, requests / 1000.0 + 10.0)
    sources = sources_of(work, 1, 0, span.duration_s, CompiledDrawing())
    plane = CompiledPlane(Program(system, "queue"), sources, span, 1, 0, **options)
    plane.run()
    return plane


def test_a_loop_is_made_when_enough_has_run_and_kept_for_the_next_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a run, too: from the next block on, another loop acts on the same world."""
    shelf = Shelf()
    monkeypatch.setattr(compilation, "_shelves", [shelf])
    monkeypatch.setattr(compilation, "_loops", {})
    monkeypatch.setattr(compilation, "EVENTS_TO_PAY", 50_000)
    monkeypatch.setattr(compilation, "EVENTS_TO_PAY_PER_SITE", 10)
    expected = queue(100_000, specialised=False).outcome(0, 0.0).fingerprint()
    monkeypatch.setattr(compilation, "_loops", {})

    few = queue(10_000)
    assert not shelf
    assert few.f["advance"] is compilation.interpreting()["advance"]
    many = queue(100_000)
    assert many.f["advance"] is not few.f["advance"]
    assert list(shelf.puts.values()) == [1]
    assert many.outcome(0, 0.0).fingerprint() == expected

    # Another process, which finds the code on the shelf.
    monkeypatch.setattr(compilation, "_loops", {})
    again = queue(1_000)
    assert again.f["advance"] is not few.f["advance"]
    assert list(shelf.puts.values()) == [1]
    assert queue(100_000).outcome(0, 0.0).fingerprint() == expected


def test_systems_of_like_structure_share_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Means, rates and durations may differ, as in a sweep; another step, law or limit is another structure."""
    monkeypatch.setattr(compilation, "_loops", {})
    group = Group("g")

    def loop_of(law: Law, limit: int | None = None, rate_per_s: float = 10.0) -> int:
        system = System({"read": Operation(Route(Serve(Station("s", group, 1, limit), law)))})
        work = Workload(Poisson(rate_per_s=rate_per_s), UniformKeys(), Constant(value=1.0), {"read": 1.0})
        CompiledPlane(Program(system, "x"), sources_of(work, 1, 0, 1.0, CompiledDrawing()), Span(0.0, 1.0, 2.0), 1, 0)
        return len(compilation._loops)

    assert loop_of(Exponential(mean=1.0)) == 1
    assert loop_of(Exponential(mean=2.0), rate_per_s=33.0) == 1
    assert loop_of(Weibull(shape=0.5, scale=1.0)) == 2
    assert loop_of(Exponential(mean=1.0), limit=7) == 3
    assert loop_of(Exponential(mean=1.0), limit=9) == 3
