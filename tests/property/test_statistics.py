"""What must hold of estimates, cuts, verdicts and documents, whatever the numbers."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.expectations import verdict_on
from bench.statistics.figures import EXCEEDANCES_MIN, percentile_is_known
from bench.statistics.intervals import difference, estimate, ratio
from bench.statistics.warmup import mser
from bench.summary import fingerprint, summarise
from models.kernel.outcome import Outcome
from tests.strategies.handmade import cache, operation, outcome, station

CALMLY = settings(deadline=None)
"""A busy machine, or the first import of SciPy, is no failure."""
WHOLE = st.integers(-1_000_000, 1_000_000)
SAMPLES = st.lists(WHOLE.map(float), min_size=2, max_size=12)
POSITIVE = st.lists(st.integers(1, 1_000_000).map(float), min_size=2, max_size=12)


@CALMLY
@given(SAMPLES)
def test_interval_holds_the_mean_in_its_middle(values: list[float]) -> None:
    found = estimate(values)

    assert found.mean is not None
    assert found.interval is not None
    low, high = found.interval
    assert low <= found.mean <= high
    assert found.mean == pytest.approx((low + high) / 2, rel=1e-12, abs=1e-6)
    assert found.exact == (len(set(values)) == 1)
    assert found.exact == (low == high)


@CALMLY
@given(SAMPLES, st.randoms(use_true_random=False))
def test_order_of_replications_does_not_matter(values: list[float], random: object) -> None:
    mixed = list(values)
    random.shuffle(mixed)  # type: ignore[attr-defined]

    assert estimate(mixed).mean == estimate(values).mean
    assert estimate(mixed).interval == pytest.approx(estimate(values).interval, rel=1e-12, abs=1e-9)


@CALMLY
@given(SAMPLES, WHOLE, st.sampled_from([2.0**power for power in range(-20, 21)]))
def test_interval_moves_and_grows_with_its_values(values: list[float], shift: int, scale: float) -> None:
    """Goal: units do not matter. Method: powers of two scale floats exactly."""
    moved = estimate([value * scale + shift * scale for value in values])
    still = estimate(values)

    assert still.mean is not None
    assert still.interval is not None
    assert moved.mean == pytest.approx((still.mean + shift) * scale, rel=1e-9, abs=1e-6 * scale)
    expected = [(end + shift) * scale for end in still.interval]
    assert moved.interval == pytest.approx(expected, rel=1e-9, abs=1e-6 * scale)


@CALMLY
@given(SAMPLES, st.floats(0.5, 0.98), st.floats(0.001, 0.019))
def test_more_confidence_is_a_wider_interval(values: list[float], level: float, more: float) -> None:
    narrow, wide = estimate(values, level).interval, estimate(values, level + more).interval

    assert narrow is not None
    assert wide is not None
    assert wide[0] <= narrow[0]
    assert narrow[1] <= wide[1]


@CALMLY
@given(POSITIVE, st.integers(1, 1000))
def test_a_system_that_is_always_so_many_times_another_is_exactly_that(values: list[float], times: int) -> None:
    found = estimate(ratio([value * times for value in values], values))

    assert found.exact
    assert found.mean == times


@CALMLY
@given(SAMPLES, WHOLE)
def test_a_system_that_is_always_so_much_more_is_exactly_that(values: list[float], more: int) -> None:
    found = estimate(difference([value + more for value in values], values))

    assert found.exact
    assert found.mean == more


@CALMLY
@given(st.integers(1, 500), st.floats(1e-6, 1.0))
def test_ten_beyond_means_ten_beyond(count: int, fraction: float) -> None:
    """Goal: the rule by counting. Method: the percentile of 1..count is the first number with enough at or below it."""
    percentile = next(number for number in range(1, count + 1) if number >= Fraction(fraction) * count - 1e-9)
    beyond = sum(number > percentile for number in range(1, count + 1))

    assert percentile_is_known(count, fraction) == (beyond >= EXCEEDANCES_MIN)


def literal_cut(series: list[int]) -> tuple[int, dict[int, Fraction]]:
    """MSER's definition word by word, in fractions: the cut, and the statistic of each."""

    def statistic(cut: int) -> Fraction:
        kept = series[cut:]
        mean = Fraction(sum(kept), len(kept))
        return sum(((value - mean) ** 2 for value in kept), Fraction(0)) / len(kept) ** 2

    statistics = {cut: statistic(cut) for cut in range(len(series) // 2 + 1)}
    return min(statistics, key=lambda cut: (statistics[cut], cut)), statistics


@CALMLY
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=40))
def test_warmup_cut_is_the_definitions(series: list[int]) -> None:
    """Goal: the running sums are right. Method: brute force; of cuts that tie within rounding, either will do."""
    cut = mser([float(value) for value in series])

    expected, statistics = literal_cut(series)
    assert cut.batches == expected or statistics[cut.batches] - statistics[expected] < Fraction(1, 10**12)


@CALMLY
@given(SAMPLES, WHOLE, st.integers(0, 1000))
def test_a_looser_bound_is_never_harder(values: list[float], bound: int, looser: int) -> None:
    rank = {"fail": 0, "unknown": 1, "pass": 2}
    value = estimate(values)

    assert rank[verdict_on(value, bound - looser, None)] >= rank[verdict_on(value, bound, None)]
    assert rank[verdict_on(value, None, bound + looser)] >= rank[verdict_on(value, None, bound)]


@CALMLY
@given(SAMPLES, WHOLE)
def test_both_sides_of_a_bound_never_fail_together(values: list[float], bound: int) -> None:
    """A value is at least or at most anything; and it is both only if it equals it."""
    value = estimate(values)

    sides = {verdict_on(value, bound, None), verdict_on(value, None, bound)}
    assert sides in ({"pass", "fail"}, {"unknown"}, {"pass"}, {"pass", "unknown"})
    assert verdict_on(value, bound, bound) != "pass" or sides == {"pass"}


@st.composite
def runs(draw: st.DrawFn) -> dict[str, list[Outcome]]:
    """One to three systems with equally many replications of anything that balances."""
    count = draw(st.integers(1, 3))
    latencies = st.lists(st.floats(0.0, 1e6), max_size=60)
    counts = st.integers(0, 50)

    def one(system: str, replication: int) -> Outcome:
        looked_up = draw(counts)
        return outcome(
            system,
            replication,
            operations={"read": operation(draw(latencies), {"timeout": draw(counts)}, draw(counts))},
            stations={
                "nodes": station([draw(st.integers(0, 3))], [draw(st.floats(0.0, 60.0))], [draw(st.floats(0, 9))])
            },
            caches={"cache": cache([looked_up], [draw(st.integers(0, looked_up))])},
            counters={"writes.lost": draw(counts)},
            wall_s=draw(st.floats(0.0, 9.0)),
        )

    names = draw(st.lists(st.sampled_from(["direct", "dax", "redis"]), min_size=1, max_size=3, unique=True))
    return {name: [one(name, replication) for replication in range(count)] for name in names}


@CALMLY
@given(runs())
def test_document_balances_and_is_strict_json(outcomes: dict[str, list[Outcome]]) -> None:
    document = summarise(outcomes)

    assert json.loads(json.dumps(document, allow_nan=False)) == document
    for system in document.values():
        read = system["ops"]["read"]
        assert read["requests"] == read["ok"] + sum(read["errors"].values()) + read["unfinished"]
        assert system["counters"]["cache.hits"] <= system["counters"]["cache.lookups"]
        means = [read["latency_ms"][name]["mean"] for name in ("p50", "p90", "p99", "p999")]
        known = [mean for mean in means if mean is not None]
        assert means == known + [None] * (len(means) - len(known))
        assert np.all(np.diff(known) >= 0.0)


@CALMLY
@given(runs())
def test_order_of_systems_does_not_matter(outcomes: dict[str, list[Outcome]]) -> None:
    backwards = dict(reversed(outcomes.items()))

    assert summarise(backwards) == summarise(outcomes)
    assert fingerprint(backwards) == fingerprint(outcomes)
