"""Partial quorums (`copies` with delays) against order statistics, a Monte Carlo of WARS and what PBS published.

Method: the Monte Carlo below is plain NumPy with its own generator and its own transformations, and knows nothing of
the kernel: a write and a read t later, drawn in independent trials, as the paper's section 4 says it. Its figures are
held against the paper's first, and then the model's, in which requests come at random and overlap, against its.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from pydantic import ValidationError

from models.generic.copies import CopiesParameters, build
from models.generic.wars import Delays
from models.kernel.arrivals import Poisson
from models.kernel.closed_forms import k_of_n_mean_s, k_of_n_quantile_s
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, ConstantSeconds, ExponentialSeconds
from models.kernel.outcome import COARSE, FloatArray, Outcome
from models.kernel.parts import Copies, Group, Quorum, Station, everybody
from models.kernel.recorder import Span
from models.kernel.steps import Apply, Choose, Fork, Order, Read, Serve
from models.kernel.system import Operation, Route, System
from tests.strategies.runs import assert_mean, recorded, replicate, workload

COPIES, TRIALS = 3, 1_000_000
NOTHING, MEAN = ConstantSeconds(value_s=0.0), ExponentialSeconds(mean_s=1.0)

# ---------------------------------------------------------------- the Monte Carlo


def fit(share: float, minimum_ms: float, shape: float, rate_per_ms: float) -> Callable[[np.random.Generator], Any]:
    """Draws of a Pareto body with an exponential tail, ms, shape (trials, copies)."""

    def draw(generator: np.random.Generator) -> Any:
        body = minimum_ms * (1.0 + generator.pareto(shape, (TRIALS, COPIES)))
        tail = generator.exponential(1.0 / rate_per_ms, (TRIALS, COPIES))
        return np.where(generator.random((TRIALS, COPIES)) < share, body, tail)

    return draw


SSD, DISK = fit(0.9122, 0.235, 10.0, 1.66), fit(0.38, 1.05, 1.51, 0.183)
SETS = {
    "lnkd-ssd": (SSD, SSD, 0.0),
    "lnkd-disk": (DISK, SSD, 0.0),
    "ymmr": (fit(0.939, 3.0, 3.35, 0.0028), fit(0.982, 1.5, 3.8, 0.0217), 0.0),
    "wan": (DISK, SSD, 75.0),
}
"""W, A = R = S, and ms more between zones: table 3 of the paper."""


class Trials(NamedTuple):
    """What came of the trials, ms: when reads begin to see a write, as from its commit, and what each took."""

    visible: FloatArray
    write: FloatArray
    read: FloatArray

    def consistent(self, t_ms: float) -> float:
        """Probability that a read that begins so long after the commit sees the write."""
        return float(np.mean(self.visible <= t_ms))


def monte_carlo(name: str, needed: int, read_needed: int) -> Trials:
    """A read sees the write if a copy among its first answers had it when asked: for some, t >= W - R - commit."""
    generator = np.random.default_rng(20261123)
    to_write, others, apart_ms = SETS[name]
    w, a, r, s = (draw(generator) for draw in (to_write, others, others, others))
    writer_apart_ms, reader_apart_ms = (
        apart_ms * (np.arange(COPIES) != generator.integers(0, COPIES, (TRIALS, 1))) for _ in range(2)
    )
    w, a, r, s = w + writer_apart_ms, a + writer_apart_ms, r + reader_apart_ms, s + reader_apart_ms
    commit, answers = np.sort(w + a, axis=1)[:, needed - 1], np.sort(r + s, axis=1)
    first = np.argsort(r + s, axis=1)[:, :read_needed]
    visible = np.take_along_axis(w - r, first, axis=1).min(axis=1) - commit
    return Trials(visible, commit, answers[:, read_needed - 1])


@pytest.mark.parametrize(
    ("name", "needed", "read_needed", "t_ms"),
    [("lnkd-ssd", 1, 1, 1.85), ("lnkd-disk", 1, 1, 45.5), ("ymmr", 1, 1, 1364.0), ("ymmr", 1, 2, 202.0)],
)
def test_the_monte_carlo_becomes_consistent_when_the_paper_says(
    name: str, needed: int, read_needed: int, t_ms: float
) -> None:
    """99.9 % of reads see the write t later, sections 1 and 5.6.

    The paper's own is the first t of a noisy sweep that comes to 99.9 %, which is early, by 6 to 13 % here.
    """
    found_ms = float(np.quantile(monte_carlo(name, needed, read_needed).visible, 0.999))

    assert t_ms < found_ms < 1.15 * t_ms


def test_the_monte_carlo_has_the_probabilities_and_latencies_of_the_paper() -> None:
    """Section 5.6: 43.9 % at once on disks; YMMR's 99.9th percentiles of a read and a write, together."""
    assert monte_carlo("lnkd-disk", 1, 1).consistent(0.0) == pytest.approx(0.439, abs=0.005)
    for read_needed, both_ms in ((1, 16.4), (2, 43.3), (3, 230.0)):
        trials = monte_carlo("ymmr", 1, read_needed)
        found_ms = np.quantile(trials.write, 0.999) + np.quantile(trials.read, 0.999)
        assert found_ms == pytest.approx(both_ms, rel=0.05)


# ---------------------------------------------------------------- the model


def partial(needed: int, read_needed: int, delays: Any) -> System:
    parameters = CopiesParameters(copies=COPIES, needed=needed, read_needed=read_needed, delays=delays)
    return build(parameters, ("read", "write"))


@pytest.mark.parametrize(("copies", "needed"), [(3, 1), (3, 2), (6, 4), (6, 6)])
@pytest.mark.parametrize("operation", ["write", "read"])
def test_waiting_for_some_copies_is_an_order_statistic(operation: str, copies: int, needed: int) -> None:
    """H(n) - H(n - k), and its quantiles, where one way takes an exponential time and the other none."""
    delays = Delays(write=MEAN, acknowledge=NOTHING, read=NOTHING, respond=MEAN)
    system = build(CopiesParameters(copies=copies, needed=needed, delays=delays), (operation,))
    work = workload(Poisson(rate_per_s=10.0), mix={operation: 1.0})

    outcomes = replicate(system, work, Span(100.0, 4_000.0, 5_000.0, 4), 10)

    def percentile_s(fraction: float) -> Callable[[Outcome], float]:
        return lambda outcome: outcome.operations[operation].latency.percentile_s(fraction)

    assert_mean(outcomes, lambda o: o.operations[operation].latency.mean_s, k_of_n_mean_s(copies, needed), widest=0.01)
    for fraction in (0.5, 0.99):
        expected_s = k_of_n_quantile_s(lambda p: -math.log1p(-p), copies, needed, fraction)
        assert_mean(outcomes, percentile_s(fraction), expected_s, widest=0.03)


@pytest.mark.parametrize(
    ("name", "needed", "read_needed", "writes_per_s"),
    [
        ("lnkd-ssd", 1, 1, 20.0), ("lnkd-disk", 1, 1, 0.5), ("lnkd-disk", 1, 2, 1.0), ("lnkd-disk", 2, 1, 0.5),
        ("ymmr", 1, 1, 0.02), ("wan", 1, 1, 0.05), ("wan", 1, 2, 0.5),
    ],
)  # fmt: skip
def test_reads_are_as_stale_as_the_monte_carlo_says(
    name: str, needed: int, read_needed: int, writes_per_s: float
) -> None:
    """Of reads t after the last commit, so many are stale.

    An object is written so seldom that writes hardly ever overlap; then as many reads come t after a commit, for any t,
    as reads and writes of the object come at all, and the share of the stale ones among them is the probability.
    """
    rate_per_s, share = 10_000.0, 0.1
    keys = UniformKeys(count=round(rate_per_s * share / writes_per_s))
    work = workload(Poisson(rate_per_s=rate_per_s), keys, {"read": 1.0 - share, "write": share})
    trials = monte_carlo(name, needed, read_needed)

    outcomes = replicate(partial(needed, read_needed, name), work, Span(2.0, 102.0, 120.0, 4), 2)

    reads = [outcome.operations["read"] for outcome in outcomes]
    per_s = sum(read.reads for read in reads) * writes_per_s
    ages, edges_s = sum(read.ages for read in reads), COARSE.edges_s()
    stale_ms = np.clip(trials.visible, 0.0, None)
    marks = [0.0, *np.quantile(stale_ms[stale_ms > 0.0], [0.1, 0.3, 0.5, 0.7, 0.9]) * 1e-3, math.inf]
    cuts = np.searchsorted(edges_s[:-1], marks)
    cuts[-1] = COARSE.bins
    for low, high in pairwise(cuts):
        below_s, above_s = edges_s[low], edges_s[high]
        # Reads that come between these ages after a commit and are stale: the integral of the probability.
        expected = per_s * float(np.mean(np.clip(stale_ms * 1e-3, below_s, above_s) - below_s))
        found = int(ages[low:high].sum())
        assert abs(found - expected) < 4.0 * math.sqrt(expected) + 0.01 * expected
    assert sum(read.stale for read in reads) == ages.sum()


@pytest.mark.parametrize(("needed", "read_needed"), [(2, 2), (1, 3), (3, 1)])
@pytest.mark.parametrize("name", sorted(SETS))
def test_no_read_is_stale_where_quorums_overlap(name: str, needed: int, read_needed: int) -> None:
    """R + W > N; where they do not, some are, as above."""
    work = workload(Poisson(rate_per_s=2_000.0), UniformKeys(count=20), {"read": 0.5, "write": 0.5})

    (outcome,) = replicate(partial(needed, read_needed, name), work, Span(0.0, 20.0, 60.0, 4), 1)

    read = outcome.operations["read"]
    assert read.reads > 19_000
    assert read.stale == 0
    assert outcome.counters["writes.lost"] == 0


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize(
    ("needed", "stale"),
    [
        # The write of 1.0 is at the copies at 1.1, 1.5 and 1.9, and acknowledged at 1.1. Reads ask at 1.2, 1.6 and 2.0,
        # and copy 2 answers first, then 1, then 0.
        (1, [0.1, 0.5]),
        (2, [0.1]),
        (3, []),
    ],
)
def test_the_newest_of_the_first_answers_counts(engine: str, needed: int, stale: list[float]) -> None:
    group = Group("copies", 3)
    members, way = everybody(group), Station("ways", group, 0)
    copies = Copies("versions", members)

    def legs(what: Apply | Read, *times_s: float) -> tuple[Route, ...]:
        waits = (Serve(way, Constant(value=time_s)) for time_s in times_s)
        if isinstance(what, Read):
            return tuple(Route(Choose(members, copy), what, wait) for copy, wait in enumerate(waits))
        return tuple(Route(Choose(members, copy), wait, what) for copy, wait in enumerate(waits))

    write = Route(Order(copies), Fork(Quorum("write", 3, 1), legs(Apply(copies), 0.1, 0.5, 0.9)))
    read = Route(Fork(Quorum("read", 3, needed), legs(Read(copies), 0.03, 0.02, 0.01)))
    system = System({"write": Operation(write), "read": Operation(read)})

    (outcome,) = replicate(
        system, recorded((1.0, "write"), (1.2, "read"), (1.6, "read"), (2.0, "read")), Span(0.0, 4.0, 8.0, 4), 1, engine
    )

    ages = np.repeat(COARSE.middles_s(), outcome.operations["read"].ages)
    assert outcome.operations["read"].reads == 3
    assert ages == pytest.approx(stale, rel=1 / 64)


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize(("led", "kept", "lost"), [(True, 0, 1), (False, 1, 0)])
def test_any_copy_keeps_a_write_where_none_leads(engine: str, led: bool, kept: int, lost: int) -> None:
    """Copy 0 would have the write at 9 s; the run ends at 8 s."""
    group = Group("copies", 3)
    members, way = everybody(group), Station("ways", group, 0)
    copies = Copies("versions", members, led=led)
    legs = tuple(
        Route(Choose(members, copy), Serve(way, Constant(value=time_s)), Apply(copies))
        for copy, time_s in enumerate((8.0, 0.1, 0.2))
    )
    system = System({"write": Operation(Route(Order(copies), Fork(Quorum("write", 3, 2), legs)))})

    (outcome,) = replicate(system, recorded((1.0, "write")), Span(0.0, 4.0, 8.0, 4), 1, engine)

    assert outcome.counters["writes.acknowledged"] == 1
    assert (outcome.counters["writes.kept"], outcome.counters["writes.lost"]) == (kept, lost)


@pytest.mark.parametrize(
    "wrong",
    [{"read_needed": 2}, {"delays": "wan", "read_needed": 4}, {"delays": "wan", "leader": True},
     {"delays": "wan", "servers": 2}, {"delays": "lan"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CopiesParameters(copies=3, needed=1, **wrong)
