"""How long a commit takes, through the whole way of a write, against order statistics and against by-hand traces.

Goal: a record is durable when the fourth of six copies has it, in the mean and in the tail; with a zone gone, the last
of four; when copies of a zone are far, those of the others decide. Records are acknowledged in order, and a segment has
one when it has all in front of it. Method: ways and work that take no time, but for the law that is looked at; writes
far apart, or two of them a known time apart; `closed_forms.quorums` and figures that were reckoned elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import exp, log, log1p, sqrt
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from bench import library
from bench.runs import run
from bench.scenario.load import load
from models import catalogue
from models.aurora.quorums import QuorumParameters
from models.aurora.storage import StorageParameters
from models.kernel.arrivals import ConstantArrivals
from models.kernel.closed_forms.quorums import k_of_n_mean_s, k_of_n_quantile_s
from models.kernel.faults import Fault, Interrupt, StationFault, schedule
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, Law, Lognormal
from models.kernel.outcome import FloatArray, Outcome
from models.kernel.plane import Down
from models.kernel.predicates import both, either, meets, satisfied_by_losses
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import System
from tests.strategies.runs import assert_mean, replicate

MODEL = catalogue.MODELS["aurora"]
ENGINES = ("simpy", "compiled")
AT_ONCE = {"kind": "constant", "value_s": 0.0}
MEAN_S = 0.001
BIN = 1.0 / 1024.0
"""Within which a percentile is read from counts."""
WINDOW_BIN = 1.0 / 64.0
"""The same where it is of some windows."""


def aurora(instance: dict[str, Any] | None = None, **storage: Any) -> System:
    """Nothing takes time but what segments do to have a record."""
    storage = {
        "protection_groups": 2, "send_s": 0.0, "write_s": 0.0, "record_s": 0.0, "read": AT_ONCE,
        "persist": {"kind": "exponential", "mean_s": MEAN_S},
        **storage,
    }  # fmt: skip
    parameters = MODEL.parameters(
        replicas=0, region={"near": AT_ONCE, "far": AT_ONCE}, storage=storage,
        instance={"write_s": AT_ONCE, "bytes_per_s": 1e18, **(instance or {})},
    )  # fmt: skip
    return MODEL.build(parameters, ("write",))


def replicated(
    system: System, *faults: Fault, count: int = 60_000, every_s: float = 0.05, engine: str = "compiled",
    replications: int = 20, minded: bool = False,
) -> list[Outcome]:  # fmt: skip
    """Writes at even distances; nobody minds the volume unless told so, which would take the longest by far."""
    work = Workload(
        ConstantArrivals(rate_per_s=1.0 / every_s), UniformKeys(count=100), Constant(value=100.0), {"write": 1.0}
    )
    watchers = system.watchers if minded else ()
    system = replace(system, controls=(schedule(faults), *system.controls, *watchers), watchers=())
    until_s = count * every_s
    return replicate(system, work, Span(0.0, until_s, until_s + 5.0, 1), replications, engine)


def written(system: System, count: int, *faults: Fault, every_s: float = 0.05, engine: str = "compiled") -> Outcome:
    """One replication; where there are faults, the volume is minded."""
    minded = bool(faults)
    return replicated(system, *faults, count=count, every_s=every_s, engine=engine, replications=1, minded=minded)[0]


def latency_s(outcome: Outcome) -> float:
    """Mean seconds of a write."""
    return outcome.operations["write"].latency.mean_s


def lost(
    system: System, *segments: int, at_s: float = 0.0, until_s: float = float("inf"), how: Down = "silent"
) -> Fault:
    """Segments that are not there, from the beginning and for ever unless told otherwise."""
    program = Program(system, "system")
    volume = program.volume
    assert volume is not None
    stations = [station for station in program.stations if station.group is volume.segments]
    effects = [StationFault(station, segment, how) for segment in segments for station in stations]
    return Fault(at_s, until_s, (*effects, *(Interrupt(volume, volume.segments, segment) for segment in segments)))


def exponential_s(fraction: float) -> float:
    """Quantile of exponential delays, seconds."""
    return -MEAN_S * log1p(-fraction)


def assert_order_statistic(
    outcomes: Sequence[Outcome], of: int, needed: int, inverse_s: Callable[[float], float] = exponential_s
) -> None:
    """Median and tail of writes lie in the 99.9 % t-bands of their replications, which are at most 2 % wide."""
    for fraction in (0.5, 0.9, 0.99, 0.999):
        expected_s = k_of_n_quantile_s(inverse_s, of, needed, fraction)
        found_s = np.array([each.operations["write"].latency.percentile_s(fraction) for each in outcomes])
        half_s = float(stats.t.ppf(0.9995, len(found_s) - 1)) * found_s.std(ddof=1) / sqrt(len(found_s))
        assert half_s < 0.02 * expected_s, f"{found_s.mean()} ± {half_s} says nothing about p{100 * fraction:g}"
        assert abs(found_s.mean() - expected_s) <= half_s + BIN * expected_s, f"p{100 * fraction:g}: {found_s.mean()}"


@pytest.mark.parametrize(
    ("copies", "write", "read", "mean"),
    [(6, 1, 6, 0.166667), (6, 3, 4, 0.616667), (6, 4, 3, 0.95), (6, 6, 1, 2.45), (3, 2, 2, 0.833333),
     (4, 3, 2, 1.083333)],
)  # fmt: skip
def test_a_commit_waits_for_the_last_copy_that_it_needs(copies: int, write: int, read: int, mean: float) -> None:
    """Means are those that were reckoned for exponential delays of mean 1."""
    system = aurora(quorum={"copies": copies, "write": write, "read": read, "unsafe_quorum": 2 * write <= copies})

    outcomes = replicated(system)

    assert k_of_n_mean_s(copies, write, MEAN_S) == pytest.approx(mean * MEAN_S, rel=1e-5)
    assert_mean(outcomes, latency_s, k_of_n_mean_s(copies, write, MEAN_S), widest=0.005)
    assert_order_statistic(outcomes, copies, write)


@pytest.mark.parametrize(
    ("copies", "write", "quantiles"),
    [(3, 2, (0.6931, 2.8319, 3.9970)), (6, 4, (0.8642, 2.4683, 3.2724)), (6, 6, (2.2155, 6.3927, 8.6991))],
)
def test_the_closed_form_gives_the_quantiles_that_were_reckoned_elsewhere(
    copies: int, write: int, quantiles: tuple[float, ...]
) -> None:
    """Of exponential delays of mean 1: median, p99 and p99.9."""
    found = [k_of_n_quantile_s(lambda level: -log1p(-level), copies, write, each) for each in (0.5, 0.99, 0.999)]

    assert found == pytest.approx(quantiles, abs=6e-5)


@pytest.mark.parametrize("needed", [1, 4, 6])
def test_lognormal_delays_keep_the_order_statistic(needed: int) -> None:
    """With the law that segments have by default, whose tail is longer."""
    law = StorageParameters().persist
    assert isinstance(law, Lognormal)
    median_s, p99_s = law.median, law.p99
    assert median_s
    assert p99_s
    quorum = {"write": needed, "read": 7 - needed, "unsafe_quorum": needed < 4}

    def lognormal_s(fraction: float) -> float:
        spread = log(p99_s / median_s) / float(stats.norm.ppf(0.99))
        return median_s * exp(spread * float(stats.norm.ppf(fraction)))

    outcomes = replicated(aurora(persist={"kind": "lognormal", "median_s": median_s, "p99_s": p99_s}, quorum=quorum))

    assert_order_statistic(outcomes, 6, needed, lognormal_s)


@pytest.mark.parametrize(("gone", "of"), [((2,), 5), ((2, 3), 4), ((4, 5), 4)])
def test_with_copies_gone_the_slowest_of_the_rest_decide(gone: tuple[int, ...], of: int) -> None:
    """Of both groups; four of five, or all four, whichever zone is lost: in the mean, and in the tail."""
    system = aurora()
    both_groups = [group * 6 + slot for group in range(2) for slot in gone]

    outcomes = replicated(system, lost(system, *both_groups))

    assert_mean(outcomes, latency_s, k_of_n_mean_s(of, 4, MEAN_S), widest=0.005)
    assert_order_statistic(outcomes, of, 4)


@dataclass(frozen=True)
class Writes:
    """Writes whose latencies are drawn from a scenario's own laws, beside its engines.

    Args:
        parameters: Of the system.
        rate_per_s: Poisson arrivals, each to some group.
        slots: Zone of each copy of a group that is there; the writer is in zone 0.
        near: Share of clients in zone 0.
    """

    parameters: Any
    rate_per_s: float
    slots: tuple[int, ...]
    near: float

    def latencies_s(self, count: int, seed: int) -> FloatArray:
        """Of so many writes in a row, that queue for nothing: a client's ways, work, then until enough copies have it.

        A copy has a record when it has all of its group in front of it, and says so; the group has it when `needed`
        copies have said so, and it is durable when all in front of it are.
        """
        p, rng = self.parameters, np.random.default_rng(seed)
        storage, region, instance = p.storage, p.region, p.instance

        def drawn(law: Law, size: int) -> FloatArray:
            return law.block(lambda _: (rng.random(size), rng.random(size)))

        def way(zone: int, size: int) -> FloatArray:
            return drawn(region.near if zone == 0 else region.far, size)

        asked_s = np.cumsum(rng.exponential(1.0 / self.rate_per_s, count))
        is_near = rng.random(count) < self.near
        there_s, back_s = (np.where(is_near, way(0, count), way(1, count)) for _ in range(2))
        ready_s = asked_s + there_s + drawn(instance.write_s, count)
        order = np.argsort(ready_s)
        group, enough_s = rng.integers(storage.protection_groups, size=count), np.empty(count)
        for each in range(storage.protection_groups):
            mine = np.flatnonzero(group == each)
            said_s = []
            for zone in self.slots:
                takes_s = storage.send_s + storage.write_s + storage.record_s + drawn(storage.persist, len(mine))
                has_s = np.maximum.accumulate(ready_s[order][mine] + way(zone, len(mine)) + takes_s)
                heard_s = has_s + way(zone, len(mine))
                said_s.append(np.minimum.accumulate(heard_s[::-1])[::-1])
            enough_s[mine] = np.sort(said_s, axis=0)[storage.quorum.write - 1]
        durable_s = np.empty(count)
        durable_s[order] = np.maximum.accumulate(enough_s)
        return durable_s + back_s - asked_s

    def figures_ms(self) -> tuple[float, ...]:
        """Mean, median, p99 and p99.9 of 400,000."""
        found = np.array([self.latencies_s(100_000, seed) for seed in range(4)]) * 1e3
        return float(found.mean()), *map(float, np.quantile(found, (0.5, 0.99, 0.999)))


def test_a_lost_zone_costs_what_the_order_statistic_of_the_other_copies_says() -> None:
    """`aurora_zone_loss` while a zone is gone: four of four, of which two are near, and its clients are with the
    others; against times of copies that are drawn from the same laws, which are a tenth shorter in the tail with four
    of six.
    """
    scenario = load(library.find("aurora_zone_loss"), ("replications=10",))
    (asked,) = (each for each in scenario.spec.expect if each.metric == "copies.write.latency_ms.p99")
    figures = [
        asked.model_copy(update={"metric": f"copies.write.latency_ms.{each}"})
        for each in ("mean", "p50", "p99", "p999")
    ]
    spec = scenario.spec.model_copy(update={"expect": figures})
    parameters = spec.systems["copies"]
    before, after = Writes(parameters, 500.0, (0, 0, 1, 1, 2, 2), 1 / 3), Writes(parameters, 500.0, (0, 0, 1, 1), 2 / 3)

    found = run(replace(scenario, spec=spec, systems={"copies": scenario.systems["copies"]}), "compiled").judgements

    expected, p99_before_ms = after.figures_ms(), before.figures_ms()[2]
    for judgement, expected_ms, bin_ in zip(found, expected, (0.0, *(WINDOW_BIN,) * 3), strict=True):
        values = np.array(judgement.estimate.values, float)
        half_ms = float(stats.t.ppf(0.9995, len(values) - 1)) * values.std(ddof=1) / sqrt(len(values))
        assert half_ms < 0.05 * expected_ms
        assert abs(values.mean() - expected_ms) <= half_ms + bin_ * expected_ms, (values.mean(), half_ms, expected_ms)
    assert expected[2] == pytest.approx(3.42, abs=0.015), "as the scenario says"
    assert p99_before_ms == pytest.approx(3.11, abs=0.015), "as the scenario says"
    assert p99_before_ms < asked.at_least < expected[2] < asked.at_most


def test_without_four_copies_nothing_is_acknowledged() -> None:
    system = aurora()

    write = written(system, 200, lost(system, 0, 1, 2)).operations["write"]

    assert write.ok < 20, "those in front of the first record of the group that lacks three"
    assert write.ok + write.unfinished == write.requests


@pytest.mark.parametrize("engine", ENGINES)
def test_records_are_acknowledged_in_order(engine: str) -> None:
    """Each write takes 10 ms at its segments, which have them in parallel; those of an odd number come 1 ms behind
    one that takes as long: nothing waits, and none is acknowledged before the one in front of it.
    """
    system = aurora(persist={"kind": "constant", "value_s": 0.01})

    latency = written(system, 100, every_s=0.001, engine=engine).operations["write"].latency

    assert latency.mean_s == pytest.approx(0.01, rel=1e-6)
    assert latency.highest_s == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_comes_until_a_batch_is_sent_goes_along(engine: str) -> None:
    """It takes 3.5 ms to send: of writes 1 ms apart, the first and the three behind it leave together, after 3.5, 2.5,
    1.5 and 0.5 ms; and so do the next four.
    """
    system = aurora(protection_groups=1, send_s=0.0035, persist=AT_ONCE)

    outcome = written(system, 8, every_s=0.001, engine=engine)

    latency = outcome.operations["write"].latency
    assert latency.count == 8
    assert latency.mean_s == pytest.approx((3.5 + 2.5 + 1.5 + 0.5) * 0.001 / 4, rel=1e-6)
    assert outcome.counters["batches.admitted"] == 2 * 6
    assert outcome.counters["boxcars.waited"] == 6 * 6


@pytest.mark.parametrize("engine", ENGINES)
def test_a_busy_writer_sends_more_at_once(engine: str) -> None:
    """Writes come half a millisecond apart. One CPU has three statements of 1 ms to work on before it comes to the
    first write's six batches of 0.1 ms; the other two go along, and all are durable as the fourth batch is sent, at
    3.4 ms.
    """
    system = aurora(
        protection_groups=1, send_s=0.0001, persist=AT_ONCE,
        instance={"vcpus": 1, "write_s": {"kind": "constant", "value_s": 0.001}},
    )  # fmt: skip

    latency = written(system, 3, every_s=2.0**-11, engine=engine).operations["write"].latency

    assert latency.count == 3
    assert latency.highest_s == pytest.approx(0.0034, rel=1e-6)
    assert latency.mean_s == pytest.approx(0.0034 - 2.0**-11, rel=1e-6)


def test_a_busy_segment_writes_what_has_come_in_one_go() -> None:
    """At 5,000 writes/s a disk of 1 ms a write would be busy five times over; it writes five or six at once."""
    system = aurora(protection_groups=1, write_s=0.001, persist=AT_ONCE)

    write = written(system, 20_000, every_s=0.0002).operations["write"]

    assert write.ok == write.requests
    assert write.latency.highest_s < 0.0021


# ---------------------------------------------------------------- sets


def test_all_subsets_of_lost_copies() -> None:
    """Writable and readable, as reckoned for 4 of 6 and 3 of 6."""
    quorum, members = QuorumParameters(), range(6)
    writes, reads = quorum.writes(6, members), quorum.reads(6, members)

    assert satisfied_by_losses(writes) == ((1, 1), (6, 6), (15, 15), (0, 20), (0, 15), (0, 6), (0, 1))
    assert satisfied_by_losses(reads) == ((1, 1), (6, 6), (15, 15), (20, 20), (0, 15), (0, 6), (0, 1))


def test_full_and_tail_segments_by_enumeration() -> None:
    """Three of a zone each are full: any four, or those three; to read any three with a full one among them."""
    quorum, members = QuorumParameters(full=3), range(6)
    full = {place for place in members if quorum.is_full(place)}
    writes, reads = quorum.writes(6, members), quorum.reads(6, members)

    assert {place // 2 for place in full} == {0, 1, 2}
    for having in range(64):
        there = {place for place in members if having >> place & 1}
        assert writes[having] == (len(there) >= 4 or full <= there)
        assert reads[having] == (len(there) >= 3 and bool(full & there))
    assert meets(writes, reads)
    assert meets(writes, writes)


def test_both_sets_meet_either_set_while_a_member_changes() -> None:
    quorum = QuorumParameters()
    old, new = range(6), [0, 1, 2, 3, 4, 6]
    writes = both(quorum.writes(7, old), quorum.writes(7, new))
    reads = either(quorum.reads(7, old), quorum.reads(7, new))

    assert meets(writes, reads)
    assert meets(writes, writes)
    assert not meets(quorum.writes(7, old), either(quorum.reads(7, old), quorum.reads(7, new)))


@pytest.mark.parametrize("quorum", [{"write": 3}, {"read": 2}, {"copies": 4, "write": 2, "read": 3}, {"copies": 3}])
def test_quorums_that_cannot_be_are_refused(quorum: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"need not meet|at most copies"):
        QuorumParameters(**quorum)
