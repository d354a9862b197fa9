"""Reads of the volume: whom they ask, what hedging does, and that nothing incomplete is read; and what writes wait for.

Goal: a read waits for one segment, or for the first of two; that segment has all that is durable; one that is slow is
left alone after a while; writers keep to the limit of records; and no write waits for work that gives way. Method:
closed forms for two independent answers of which the second is asked for later, ways and work that take no time but
what is looked at, Little's law, and random faults with reads among the writes, in which the rule is also taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from math import exp, log
from statistics import NormalDist
from typing import Any

import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from models import catalogue
from models.kernel.arrivals import ConstantArrivals, Poisson
from models.kernel.closed_forms.quorums import k_of_n_mean_s
from models.kernel.faults import Fault, StationFault, schedule
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.outcome import Outcome
from models.kernel.parts import Group, Membership, Station, Volume
from models.kernel.plane import Plane
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.steps import Choose, Find, Seek, Serve
from models.kernel.steps.volume import Segment, VolumeState
from models.kernel.system import Control, Operation, Route, System
from tests.oracle.test_aurora_faults import FAST, Cluster
from tests.strategies.runs import recorded, replicate
from tests.strategies.systems import first_difference, sufficing

MODEL = catalogue.MODELS["aurora"]
AT_ONCE = {"kind": "constant", "value_s": 0.0}
MEAN_S = 0.001
ENGINES = ("simpy", "compiled")


def aurora(region: dict[str, Any] | None = None, **storage: Any) -> System:
    """Nothing is in memory, and nothing takes time but segments."""
    storage = {
        "protection_groups": 1, "send_s": 0.0, "write_s": 0.0, "record_s": 0.0, "persist": AT_ONCE,
        "readers": "unlimited", "read": {"kind": "exponential", "mean_s": MEAN_S}, **storage,
    }  # fmt: skip
    parameters = MODEL.parameters(
        replicas=0, region=region or {"near": AT_ONCE, "far": AT_ONCE}, storage=storage, failover="off",
        instance={"read_s": AT_ONCE, "write_s": AT_ONCE, "bytes_per_s": 1e18, "memory_bytes": 1.0},
    )  # fmt: skip
    return MODEL.build(parameters, ("read", "write"))


def ran(
    system: System, until_s: float, *controls: Control, rate_per_s: float = 1000.0, reads: float = 1.0,
    from_s: float = 0.0, engine: str = "compiled", poisson: bool = False,
) -> Outcome:  # fmt: skip
    """What comes of reads and writes at even distances, or as they come; with faults, if controls bring some."""
    arrivals = Poisson(rate_per_s=rate_per_s) if poisson else ConstantArrivals(rate_per_s=rate_per_s)
    mix = {name: share for name, share in (("read", reads), ("write", 1.0 - reads)) if share}
    work = Workload(arrivals, UniformKeys(count=100), Constant(value=100.0), mix)
    system = replace(system, operations={name: system.operations[name] for name in mix})
    watchers = system.watchers if controls else ()
    system = replace(system, controls=(*controls, *system.controls, *watchers), watchers=())
    return replicate(system, work, Span(from_s, until_s, until_s + 5.0, 10), 1, engine)[0]


def parts(system: System) -> tuple[Volume, dict[str, Station]]:
    """The volume, and stations by name."""
    program = Program(system, "system")
    assert program.volume is not None
    return program.volume, {station.name: station for station in program.stations}


# ---------------------------------------------------------------- one answer of one or two


def exponential(time_s: float) -> float:
    """Probability that a read takes longer."""
    return exp(-max(time_s, 0.0) / MEAN_S)


def lognormal(time_s: float) -> float:
    """The same, of a median of 1 ms and a 99th percentile of 5 ms."""
    sigma = log(5.0) / NormalDist().inv_cdf(0.99)
    return 1.0 - NormalDist(log(0.001), sigma).cdf(log(time_s)) if time_s > 0.0 else 1.0


LOGNORMAL = {"kind": "lognormal", "median_s": 0.001, "p99_s": 0.005}


@pytest.mark.parametrize("hedge_s", [0.0005, 0.002, 0.005])
@pytest.mark.parametrize(("beyond", "law"), [(exponential, None), (lognormal, LOGNORMAL)], ids=["exp", "lognormal"])
def test_the_first_of_two_answers_counts(
    beyond: Callable[[float], float], law: dict[str, Any] | None, hedge_s: float
) -> None:
    """P(T > x) = P(T1 > x) P(T2 > x - t); the second is asked in a share P(T1 > t) of reads."""

    def hedged(time_s: float) -> float:
        return beyond(time_s) * beyond(time_s - hedge_s)

    count = 100_000
    storage = {"hedge_s": hedge_s, **({} if law is None else {"read": law})}
    outcome = ran(aurora(**storage), count / 1000.0)
    latency, counters = outcome.operations["read"].latency, outcome.counters

    mean_s = quad(hedged, 0.0, hedge_s)[0] + quad(hedged, hedge_s, 0.1)[0]
    assert latency.mean_s == pytest.approx(mean_s, rel=0.015)
    for fraction in (0.5, 0.9, 0.99):
        expected_s = brentq(lambda x, f=fraction: hedged(x) - (1.0 - f), 1e-9, 0.1)
        assert latency.percentile_s(fraction) == pytest.approx(expected_s, rel=0.04)
    share = counters["hedged reads.admitted"] / count
    assert share == pytest.approx(beyond(hedge_s), abs=3.3 * (beyond(hedge_s) / count) ** 0.5)
    assert counters["segment reads.admitted"] == count + counters["hedged reads.admitted"]
    if law is None:
        assert mean_s == pytest.approx(MEAN_S * (1.0 - 0.5 * exp(-hedge_s / MEAN_S)), rel=1e-6)


def test_without_hedges_a_read_is_one_answer() -> None:
    outcome = ran(aurora(hedge_s="off"), 50.0)

    assert outcome.operations["read"].latency.mean_s == pytest.approx(MEAN_S, rel=0.02)
    assert outcome.counters["segment reads.admitted"] == 50_000
    assert "hedged reads.admitted" not in outcome.counters


def test_a_quorum_read_waits_for_the_last_of_three() -> None:
    """And asks three times as many segments."""
    outcome = ran(aurora(reads="quorum"), 50.0)

    assert outcome.operations["read"].latency.mean_s == pytest.approx(k_of_n_mean_s(3, 3, MEAN_S), rel=0.02)
    assert outcome.counters["segment reads.admitted"] == 150_000


def test_a_hedge_that_is_not_needed_does_nothing() -> None:
    """Each read takes a millisecond, and after ten nobody waits any more."""
    outcome = ran(aurora(read={"kind": "constant", "value_s": 0.001}, hedge_s=0.01), 5.0)

    assert outcome.counters["hedged reads.admitted"] == 0
    assert outcome.stations["page disk"].started.sum() == 5000


@pytest.mark.parametrize("engine", ENGINES)
def test_the_nearest_is_in_the_zone_of_who_reads(engine: str) -> None:
    """A way of 0.1 ms within a zone and of 1 ms to another: two thirds of any segments are 1.8 ms farther there and
    back.
    """
    region = {"near": {"kind": "constant", "value_s": 0.0001}, "far": {"kind": "constant", "value_s": 0.001}}
    near, any_ = (
        ran(aurora(region, reads=reads, read=AT_ONCE, hedge_s="off"), 20.0, engine=engine).operations["read"].latency
        for reads in ("nearest", "any")
    )

    assert any_.mean_s - near.mean_s == pytest.approx(2.0 / 3.0 * 0.0018, rel=0.02)


# ---------------------------------------------------------------- whom a read asks


@pytest.mark.parametrize("engine", ENGINES)
def test_a_replica_answers_with_what_it_has_applied(engine: str) -> None:
    """A write is durable at 11 ms, and applied 100 ms later. A read at 50 ms brings the page from the volume, which has
    the write, and is answered with what was before, out of date by 39 ms; a read at 200 ms is not.
    """
    constant = {"kind": "constant", "value_s": 0.001}
    parameters = MODEL.parameters(
        replicas=1, read_from="replicas", region={"near": AT_ONCE, "far": AT_ONCE},
        storage={"protection_groups": 1, "send_s": 0.0, "write_s": 0.0, "record_s": 0.0, "persist": AT_ONCE,
                 "read": constant},
        instance={"read_s": AT_ONCE, "write_s": AT_ONCE, "bytes_per_s": 1e18, "memory_bytes": 1.0,
                  "stream": {"kind": "constant", "value_s": 0.1}},
    )  # fmt: skip
    work = recorded((0.010, "write"), (0.050, "read"), (0.200, "read"))
    system = MODEL.build(parameters, ("write", "read"))

    (outcome,) = replicate(system, work, Span(0.0, 1.0, 2.0, 1), 1, engine)

    reads = outcome.operations["read"]
    assert outcome.counters["segment reads.admitted"] == 3
    assert (reads.reads, reads.stale) == (2, 1)
    assert reads.oldest_s == pytest.approx(0.039, rel=1e-6)


@pytest.mark.parametrize("reads", ["nearest", "any"])
def test_a_segment_that_lags_is_not_asked(reads: str) -> None:
    """One of the writer's zone writes nothing any more, and answers: from the next durable record on, nobody reads
    there, though nobody has told anybody.
    """
    system = aurora(reads=reads, gossip_s=1000.0, probe_s=1000.0)
    _, stations = parts(system)
    deaf = Fault(10.0, float("inf"), (StationFault(stations["log disk"], 0, "silent"),))
    before, after = (
        ran(system, until_s, schedule((deaf,)), reads=0.5, poisson=True).stations["page disk"].started
        for until_s in (10.0, 20.0)
    )

    assert before[0] > 800
    assert after[0] - before[0] < 10
    assert after.sum() > 1.9 * before.sum()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_slow_segment_is_found_out(engine: str) -> None:
    """That of the writer's zone which is asked first takes twenty times as long. Without looks it is asked all the
    same, and each read takes long; with looks, a fifth of a second later only looks ask it.
    """
    ways = {"near": {"kind": "constant", "value_s": 0.0001}, "far": {"kind": "constant", "value_s": 0.0005}}
    means = []
    for probe_s in (0.2, 1000.0):
        system = aurora(ways, hedge_s="off", read={"kind": "constant", "value_s": 0.001}, probe_s=probe_s)
        _, stations = parts(system)
        grey = Fault(0.0, float("inf"), (StationFault(stations["page disk"], 0, factor=20.0),))
        outcome = ran(system, 6.0, schedule((grey,)), from_s=1.0, engine=engine)
        means.append(outcome.operations["read"].latency.mean_s)

    assert means[1] - means[0] == pytest.approx(0.019, rel=1e-6)


# ---------------------------------------------------------------- nothing incomplete is read


class Reading(Cluster):
    """A cluster of which clients read, too, and nothing is in memory."""

    @classmethod
    def of(cls, **storage: Any) -> Reading:
        storage = {**FAST["storage"], "probe_s": 0.2, "hedge_s": 0.03, **storage}
        parameters = MODEL.parameters(**{**FAST, "storage": storage, "instance": {"memory_bytes": 1.0}})
        system = MODEL.build(parameters, ("read", "write"))
        program = Program(system, "system")
        assert program.volume is not None
        return cls(system, program.volume.writers, program.volume.segments, program)

    def read(self, number: int, engine: str) -> Outcome:
        """What comes of one schedule of faults."""
        faults = self.faults(number)
        controls = (schedule(faults), *self.system.controls, *self.system.watchers)
        work = Workload(
            Poisson(rate_per_s=400.0), UniformKeys(count=50), Constant(value=200.0), {"read": 0.5, "write": 0.5}
        )
        system = replace(self.system, controls=controls, watchers=())
        return replicate(system, work, Span(0.0, 5.0, 8.0, 10), 1, engine)[0]


def refused(numbers: range, changes: dict[str, Any]) -> tuple[int, int]:
    """How often a segment was asked for a page that is not all it lacks, and that it has, by the reference engine."""
    seen = [0, 0]

    def look(has: Callable[..., bool]) -> Callable[..., bool]:
        def look_and_see(volume: VolumeState, segment: Segment, record: int) -> bool:
            found = has(volume, segment, record)
            seen[found] += 1
            return found

        return look_and_see

    with pytest.MonkeyPatch.context() as patch:
        for name, change in changes.items():
            patch.setattr(VolumeState, name, change)
        patch.setattr(VolumeState, "has", look(VolumeState.has))
        for number in numbers:
            Reading.of().read(number, "simpy")
    return seen[0], seen[1]


def any_first(*asked: Any) -> int:
    """Whoever is preferred, whatever it has."""
    _, _, order, _, but = asked
    return int(next(member for member in order if member != but))


def test_no_segment_is_asked_that_lacks_what_is_durable() -> None:
    """Zones, segments, writers and links fail, segments are replaced, and none of those that read must be refused."""
    lacking, having = refused(range(12), {})

    assert lacking == 0
    assert having > 5000


def test_who_asks_whom_it_prefers_is_refused() -> None:
    lacking, _ = refused(range(12), {"seek": any_first})

    assert lacking > 0


@pytest.mark.parametrize("number", [3, 8, 41])
def test_both_engines_read_the_same(number: int) -> None:
    seen = [Reading.of().read(number, engine) for engine in ENGINES]

    assert first_difference(*seen) is None


@pytest.mark.parametrize("engine", ENGINES)
def test_an_old_writer_reads_nothing_from_segments_of_a_new_term(engine: str) -> None:
    """The second one takes over after a second; the first does not know, and asks segments that do."""
    writers, rows, segments = Group("writers", 2), Group("rows"), Group("segments", 3)
    volume = Volume("volume", writers, rows, segments, sufficing(3, 2))
    order, disk = Membership(segments, ((0, 1, 2),)), Station("disk", segments)

    def ask(writer: int) -> Route:
        return Route(
            Choose(Membership(writers, ((writer,),))), Choose(Membership(rows, ((0,),))), Seek(volume, order),
            Serve(disk, Constant(value=0.001)), Find(volume),
        )  # fmt: skip

    def take_over(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(1.0)
        plane.recover(volume, 1, (0, 1))

    system = System({"old": Operation(ask(0)), "new": Operation(ask(1))}, controls=(take_over,))
    work = Workload(
        ConstantArrivals(rate_per_s=100.0), UniformKeys(count=1), Constant(value=1.0), {"old": 0.5, "new": 0.5}
    )
    outcome = replicate(system, work, Span(0.0, 2.0, 3.0, 2), 1, engine)[0]

    old, new = outcome.operations["old"], outcome.operations["new"]
    assert new.errors == {}
    assert old.errors == {"refused": old.window_errors[1]}
    assert old.window_ok[1] == 0
    assert old.window_ok[0] > 40
