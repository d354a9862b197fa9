"""Faults: each kind does to its part what physics says, on both engines alike; what names nothing is refused.

Goal: a fault's effect follows from the mechanism, not from what the report would like to show. Method: systems of one
part whose answers can be worked out by hand; overlapping faults; random schedules of faults on both engines.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import Problem, ScenarioError
from bench.scenario.faults import NodeDown, ZoneDown, resolve
from bench.scenario.load import load
from bench.simulate import Engine, simulate
from models.kernel.arrivals import ConstantArrivals, EvenSchedule, Poisson, Schedule, with_load
from models.kernel.faults import Effect, Fault, Flush, LinkFault, Move, StationFault, schedule
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.outcome import Outcome
from models.kernel.parts import Cache, Group, Network, Station, everybody
from models.kernel.program import Program
from models.kernel.random import stream
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.steps import Choose, Fill, Lookup, Serve, Travel
from models.kernel.system import Client, Operation, Route, System
from tests.strategies.runs import replicate
from tests.tools.command import tierbench

ENGINES = ("simpy", "compiled")
SPAN = Span(0.0, 10.0, 30.0, 10)
WORK = Workload(ConstantArrivals(rate_per_s=10.0), UniformKeys(count=1), Constant(value=100.0), {"read": 1.0})
"""A request each 0.1 s, at 0.0, 0.1, ..., 9.9; windows of a second."""


class Site:
    """Two nodes in two zones, a cache on each, and a way there; round robin, or as the membership says."""

    def __init__(self, client: Client | None = None, *, volatile: bool = True) -> None:
        self.nodes = Group("nodes", 2, (0, 1))
        self.station = Station("nodes", self.nodes, 1)
        self.network = Network("network", Constant(value=0.01), Constant(value=0.02), 2)
        self.cache = Cache("cache", self.nodes, capacity_items=10, volatile=volatile)
        self.members = everybody(self.nodes)
        self.route = Route(
            Choose(self.members), Travel(self.network, None, self.nodes), Serve(self.station, Constant(value=0.03)),
            Lookup(self.cache, Route(Fill(self.cache))), Travel(self.network, self.nodes, None),
        )  # fmt: skip
        self.client = client or Client()

    def under(self, *faults: Fault, engine: str) -> Outcome:
        """What comes of faults."""
        system = System({"read": Operation(self.route, self.client)}, controls=(schedule(faults),))
        return replicate(system, WORK, SPAN, 1, engine)[0]


def windows(outcome: Outcome) -> list[int]:
    """Answers by second."""
    return [int(count) for count in outcome.operations["read"].window_ok]


@pytest.mark.parametrize("engine", ENGINES)
class TestEachKind:
    """Nodes answer in 50 ms (near) and 70 ms (far), in turn."""

    def test_a_silent_node_swallows_half_of_the_requests(self, engine: str) -> None:
        site = Site()
        read = site.under(Fault(2.0, 4.0, (StationFault(site.station, 1, "silent"),)), engine=engine).operations["read"]

        # Requests at 2.1, 2.3, ..., 3.9; that of 1.9 was done at 1.95, that of 4.1 comes when all is well.
        assert (read.requests, read.ok, read.unfinished, dict(read.errors)) == (100, 90, 10, {})

    def test_a_refusing_node_answers_at_once_with_an_error(self, engine: str) -> None:
        site = Site()
        read = site.under(Fault(2.0, 4.0, (StationFault(site.station, 1, "refuse"),)), engine=engine).operations["read"]

        assert (read.ok, dict(read.errors)) == (90, {"refused": 10})

    def test_retries_find_the_other_node(self, engine: str) -> None:
        site = Site(Client(timeout_s=0.08, max_attempts=2))
        read = site.under(Fault(2.0, 4.0, (StationFault(site.station, 1, "refuse"),)), engine=engine).operations["read"]

        assert read.ok == 100
        assert read.attempts > 100

    def test_a_pause_delays_and_loses_nothing(self, engine: str) -> None:
        site = Site()
        read = site.under(Fault(2.0, 3.0, (StationFault(site.station, 0, paused=True),)), engine=engine)

        near_waited = read.operations["read"].latency.highest_s
        assert read.operations["read"].ok == 100
        # The request of 2.0 arrives at 2.01, waits until 3.0, and is served for 30 ms and 10 ms on its way.
        assert near_waited == pytest.approx(1.04, abs=1e-9)

    def test_slow_work_takes_as_many_times_as_long(self, engine: str) -> None:
        site = Site()
        outcome = site.under(Fault(2.0, 8.0, (StationFault(site.station, 0, factor=5.0),)), engine=engine)

        # 150 ms each, one every 200 ms: no queue.
        assert outcome.operations["read"].latency.percentile_s(0.99) == pytest.approx(0.17)
        busy_s = outcome.stations["nodes"].busy_s
        assert busy_s[0, 5] == pytest.approx(5 * 0.15, abs=1e-6)
        assert busy_s[1, 5] == pytest.approx(5 * 0.03, abs=1e-6)

    def test_overlapping_slowness_multiplies_and_ends_with_the_last(self, engine: str) -> None:
        site = Site()
        faults = [Fault(2.0, 6.0, (StationFault(site.station, 0, factor=2.0),)),
                  Fault(4.0, 8.0, (StationFault(site.station, 0, factor=2.5),))]  # fmt: skip
        busy_s = site.under(*faults, engine=engine).stations["nodes"].busy_s[0]

        assert busy_s[[1, 3, 5, 7, 9]] == pytest.approx(5 * 0.03 * np.array([1.0, 2.0, 5.0, 2.5, 1.0]), abs=1e-6)

    def test_a_node_is_dead_until_the_last_fault_that_says_so_ends(self, engine: str) -> None:
        site = Site()
        faults = [Fault(2.0, 5.0, (StationFault(site.station, 1, "refuse"),)),
                  Fault(3.0, 7.0, (StationFault(site.station, 1, "silent"),))]  # fmt: skip
        read = site.under(*faults, engine=engine).operations["read"]

        # Refused from 2 to 3 s, silent from 3 to 7.
        assert (dict(read.errors), read.unfinished) == ({"refused": 5}, 20)

    def test_a_cut_link_swallows_what_crosses_it(self, engine: str) -> None:
        site = Site()
        cut = Fault(2.0, 4.0, (LinkFault(site.network, 0, 1, "silent"),))
        read = site.under(cut, engine=engine).operations["read"]

        assert (read.ok, read.unfinished) == (90, 10)

    def test_a_slow_link_adds_its_way_and_nothing_else(self, engine: str) -> None:
        site = Site()
        slow = Fault(0.0, math.inf, (LinkFault(site.network, 0, 1, factor=10.0),))
        latency = site.under(slow, engine=engine).operations["read"].latency

        # Half near, 50 ms; half far, 200 ms there, 30 ms, 20 ms back.
        assert latency.percentile_s(0.5) == pytest.approx(0.05)
        assert latency.percentile_s(0.9) == pytest.approx(0.25)

    def test_a_flush_costs_one_miss(self, engine: str) -> None:
        site = Site()
        flush = Fault(5.0, math.inf, (Flush(site.cache, 0), Flush(site.cache, 1)))
        cache = site.under(flush, engine=engine).caches["cache"]

        assert cache.misses.tolist() == [2, 2], "one cold, one after the flush"

    def test_a_moved_slot_comes_home(self, engine: str) -> None:
        site = Site()
        move = Fault(2.0, 4.0, (Move(site.members, 0, 1, 0),))
        started = site.under(move, engine=engine).stations["nodes"].started

        assert started.tolist() == [60, 40]


EFFECTS: Sequence[Any] = [
    lambda site, member: StationFault(site.station, member, "silent"),
    lambda site, member: StationFault(site.station, member, "refuse"),
    lambda site, member: StationFault(site.station, member, paused=True),
    lambda site, member: StationFault(site.station, member, factor=3.0),
    lambda site, member: LinkFault(site.network, 0, member, "silent"),
    lambda site, member: LinkFault(site.network, 0, member, "refuse"),
    lambda site, member: LinkFault(site.network, member, 0, factor=2.0),
    lambda site, member: Flush(site.cache, member),
    lambda site, member: Move(site.members, 0, member, 1 - member),
]
instants = st.integers(0, 80).map(lambda step: step * 0.125)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.lists(st.tuples(instants, instants, st.sampled_from(range(len(EFFECTS))), st.integers(0, 1)), max_size=8))
def test_random_faults_give_the_same_bits_on_both_engines_and_end(stretches: list[Any]) -> None:
    """Faults that begin and end with arrivals, overlap and repeat; after the last, all is as if none had been."""
    site = Site(Client(timeout_s=0.5, max_attempts=3, backoff_base_s=0.1, jitter="full"))
    faults = []
    for at_s, length_s, kind, member in stretches:
        effect: Effect = EFFECTS[kind](site, member)
        faults.append(Fault(at_s, min(at_s + 0.125 + length_s, 9.0), (effect,)) if at_s < 9.0 else Fault(8.0, 9.0, ()))

    seen = [site.under(*faults, engine=engine) for engine in ENGINES]

    assert seen[0].fingerprint() == seen[1].fingerprint()
    read = seen[0].operations["read"]
    assert read.requests == read.ok + sum(read.errors.values()) + read.unfinished
    assert read.unfinished == 0, "a client with a timeout always comes to an end"


# Load.


def times_of(arrivals: Schedule, count: int) -> list[float]:
    """The first arrivals of an even process."""
    return [float(t) for t in arrivals.clock(stream(1, 0, "x"))(np.arange(count, dtype=np.float64))]


def test_even_arrivals_come_as_many_times_as_often() -> None:
    arrivals = with_load(ConstantArrivals(rate_per_s=1.0), [(2.0, 4.0, 2.0), (3.0, 5.0, 3.0)])

    assert isinstance(arrivals, EvenSchedule)
    # 0 to 2 s: 1/s; 2 to 3: 2/s; 3 to 4: 6/s; 4 to 5: 3/s; then 1/s.
    assert times_of(arrivals, 15) == pytest.approx(
        [0, 1, 2, 2.5, 3, *(3 + k / 6 for k in range(1, 7)), 4 + 1 / 3, 4 + 2 / 3, 5, 6]
    )


def test_a_load_of_zero_is_silence() -> None:
    arrivals = with_load(ConstantArrivals(rate_per_s=2.0), [(1.0, 3.0, 0.0)])

    times = times_of(arrivals, 6)
    assert times[:3] == pytest.approx([0.0, 0.5, 1.0])
    assert times[3:] == pytest.approx([3.5, 4.0, 4.5])


def test_a_ramp_keeps_its_slope_beside_a_change() -> None:
    ramp = Schedule(points=[[0.0, 0.0], [10.0, 10.0]])

    changed = with_load(ramp, [(4.0, math.inf, 2.0)])

    assert changed.points == [[0, 0], [0, 0], [4, 4], [4, 8], [10, 20], [10, 20]]
    assert isinstance(with_load(Poisson(rate_per_s=1.0), [(0.5, 1.0, 2.0)]), Schedule)


# Scenario files.

SCENARIO = """
schema = 1
name = "faults"
replications = 2
duration_s = 20.0
warmup_s = 2.0
[workload]
arrivals = {{ kind = "poisson", rate_per_s = 200.0 }}
[systems.dax]
model = "dax"
client = {{ timeout_s = 0.1, max_attempts = 2 }}
[systems.four]
model = "queue"
service = {{ kind = "exponential", mean_s = 0.001 }}
{faults}
"""


def scenario(folder: Path, *faults: str) -> Path:
    """A scenario with these faults."""
    path = folder / "faults.toml"
    path.write_text(SCENARIO.format(faults="\n".join(f"[[faults]]\n{fault}" for fault in faults)), "utf-8")
    return path


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ('at_s = 5.0\nkind = "node-down"\ntarget = "dax.nodez[0]"', "faults[0].target: dax has no 'nodez'"),
        ('at_s = 5.0\nkind = "node-down"\ntarget = "dx.nodes[0]"', "no system 'dx'; did you mean dax?"),
        ('at_s = 5.0\nkind = "node-down"\ntarget = "dax.nodes[3]"', "nodes has 3 members, none is [3]; [0] to [2]"),
        ('at_s = 5.0\nkind = "node-down"\ntarget = "dax"', "names no part"),
        ('at_s = 5.0\nkind = "node-down"\ntarget = "four.network"', "four has no 'network'"),
        ('at_s = 5.0\nkind = "zone-down"\ntarget = "dax.zones[3]"', "zones[0] to zones[2]"),
        (
            'at_s = 5.0\nkind = "link-cut"\ntarget = "dax.network"\nzones = [0, 7]',
            "there is no zone 7",
        ),
        ('at_s = 5.0\nkind = "link-cut"\ntarget = "dax.network[1]"\nzones = [0, 1]', "a network has no members"),
        ('at_s = 5.0\nkind = "cache-flush"\ntarget = "dax.nodes"', "did you mean"),
        ('at_s = 5.0\nkind = "cache-flush"\ntarget = "dax.item_cache"\nuntil_s = 6.0', "a flush is over at once"),
        ('at_s = 5.0\nuntil_s = 4.0\nkind = "load"\nfactor = 2.0', "until_s must be later than at_s = 5"),
        ('at_s = 25.0\nkind = "load"\nfactor = 2.0', "requests end at 20 s"),
        ('at_s = 1.0\nkind = "load"\nfactor = 2.0', "lies within the warm-up of 2 s"),
        ('at_s = 5.0\nkind = "node-down"\ntarget = "dax.nodes[0]"\nhow = "loud"', "how"),
        ('at_s = 5.0\nkind = "nod-down"\ntarget = "dax.nodes[0]"', "node-down"),
        ('at_s = 5.0\nkind = "slow"\ntarget = "dax.nodes[0]"\nfactor = 0.0', "factor"),
    ],
)
def test_a_fault_that_names_what_is_not_there_is_refused_before_the_run(
    tmp_path: Path, fault: str, message: str
) -> None:
    if "cache-flush" in fault and "dax.nodes" in fault:
        message = "item_cache"
    with pytest.raises(ScenarioError) as caught:
        load(scenario(tmp_path, fault))

    said = [str(problem) for problem in caught.value.problems]
    assert any(message in each for each in said), said
    assert all(each.split(":")[1].isdigit() for each in said), "with their lines"


def test_a_star_is_every_system_that_has_the_part(tmp_path: Path) -> None:
    fault = 'at_s = 5.0\nuntil_s = 6.0\nkind = "pause"\ntarget = "*.{}"'

    systems = load(scenario(tmp_path, fault.format("server"))).systems

    assert (len(systems["dax"].controls), len(systems["four"].controls)) == (0, 1)
    with pytest.raises(ScenarioError, match="no 'nothing'"):
        load(scenario(tmp_path, fault.format("nothing")))


@pytest.mark.parametrize("volatile", [True, False])
@pytest.mark.parametrize("fault", [
    NodeDown(at_s=2.0, until_s=4.0, kind="node-down", target="system.nodes[0]"),
    ZoneDown(at_s=2.0, until_s=4.0, kind="zone-down", target="system.zones[0]"),
])  # fmt: skip
def test_a_lost_node_comes_back_with_what_outlasts_it(fault: NodeDown | ZoneDown, volatile: bool) -> None:
    """Two misses, one for each node's only object; and one of a node that had it in memory alone."""
    site = Site(volatile=volatile)
    system = System({"read": Operation(site.route, site.client)})
    meant, problems = resolve([fault], {"system": Program(system, "system")}, partial(Problem, "test", 1, 1))

    cache = site.under(*meant["system"], engine="compiled").caches["cache"]

    assert problems == []
    assert cache.misses.tolist() == [1 + volatile, 1]


def test_bursts_and_clients_that_wait_have_their_own_load(tmp_path: Path) -> None:
    path = scenario(tmp_path, 'at_s = 5.0\nkind = "load"\nfactor = 2.0')
    for arrivals in (
        '{ kind = "closed", clients = 5 }',
        '{ kind = "bursty", on_rate_per_s = 9.0, on_mean_s = 1.0, off_mean_s = 1.0 }',
    ):
        with pytest.raises(ScenarioError, match="only steady or scheduled arrivals"):
            load(path, [f"workload.arrivals={arrivals}"])


LOST_ZONE = """
schema = 1
name = "lost-zone"
duration_s = 20.0
windows = 20
[workload]
arrivals = { kind = "poisson", rate_per_s = 1000.0 }
[systems.table]
model = "dynamodb"
partitions = 1
failover = "off"
client = { timeout_s = 0.1 }
[[faults]]
at_s = 5.0
until_s = 15.0
kind = "zone-down"
target = "table.zones[2]"
reroute_s = 4.0
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_routers_of_a_lost_zone_are_asked_until_they_are_left_out(tmp_path: Path, engine: Engine) -> None:
    """Nobody replaces the third of the replicas that is lost. With a third of the routers, (2/3)^2 of the reads come
    through, and two thirds without those; when the zone is back, two thirds of the routers do for all.
    """
    path = tmp_path / "lost-zone.toml"
    path.write_text(LOST_ZONE, "utf-8")

    read = simulate(load(path), "table", 0, engine).outcome.operations["read"]

    def answered(from_s: int, until_s: int) -> float:
        ok, failed = (int(each[from_s:until_s].sum()) for each in (read.window_ok, read.window_errors))
        return ok / (ok + failed)

    assert answered(0, 5) == answered(16, 20) == 1.0
    assert answered(6, 9) == pytest.approx(4 / 9, abs=0.035)
    assert answered(10, 15) == pytest.approx(2 / 3, abs=0.025)


def test_faults_run_alike_on_both_engines_and_show(tmp_path: Path) -> None:
    path = scenario(
        tmp_path,
        'at_s = 5.0\nuntil_s = 8.0\nkind = "node-down"\ntarget = "dax.nodes[1]"\ntext = "a node is lost"',
        'at_s = 9.0\nuntil_s = 10.0\nkind = "zone-down"\ntarget = "dax.zones[0]"\nhow = "refuse"',
        'at_s = 9.5\nuntil_s = 12.0\nkind = "slow"\ntarget = "four.server"\nfactor = 3.0',
        'at_s = 13.0\nkind = "cache-flush"\ntarget = "dax.item_cache"',
        'at_s = 13.0\nuntil_s = 14.0\nkind = "link-slow"\ntarget = "dax.network"\nzones = [0, 1]\nfactor = 5.0',
        'at_s = 15.0\nuntil_s = 16.0\nkind = "pause"\ntarget = "dax.storage nodes"',
        'at_s = 17.0\nuntil_s = 18.0\nkind = "load"\nfactor = 3.0',
    )
    documents = [
        json.loads(tierbench("run", path.name, "--engine", engine, "--json", "--quiet", cwd=tmp_path).out)
        for engine in ENGINES
    ]

    assert documents[0]["fingerprint"] == documents[1]["fingerprint"]
    assert "MSER" not in tierbench("run", path.name, cwd=tmp_path).out, "the faults are what changes the course"
    assert documents[0]["systems"]["dax"]["ops"]["read"]["errors"]["timeout"] > 0
    pictures = list(tmp_path.rglob("timeline.svg"))
    assert pictures
    assert "a node is lost" in pictures[0].read_text("utf-8")
    assert tierbench("explain", path.name, cwd=tmp_path).code == 0
