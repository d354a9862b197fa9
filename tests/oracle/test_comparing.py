"""Comparisons agree with SciPy's tests, with procedures worked by hand, and cry wolf no oftener than they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench.statistics.comparing import (
    BY_CHANCE,
    ONE_REPLICATION,
    REACHES_ACROSS,
    Difference,
    _sure,
    compare,
    contrast,
    overall,
)
from bench.statistics.metrics import Better
from bench.statistics.values import Figure

COUNTS = [(2, 2), (5, 5), (3, 11), (40, 7)]


def samples(seed: int, *counts: int) -> list[list[float]]:
    """Normal samples with different spreads."""
    random = np.random.default_rng([23, seed])
    return [random.normal(10.0 + index, 1.0 + 2.0 * index, count).tolist() for index, count in enumerate(counts)]


def figure(*values: float | None, better: Better = "lower", name: str = "ops.read.latency_ms.p50") -> Figure:
    """A figure with these values."""
    return Figure("one", name, "ms", better, values)


def only(baseline: Figure, contender: Figure, *, paired: bool = False, margin: float = 0.01) -> Difference:
    """The only difference of a comparison."""
    ((found,), skipped) = compare([(baseline, contender)], paired=paired, margin=margin)
    assert skipped == []
    return found


# Against SciPy.


@pytest.mark.parametrize("counts", COUNTS)
def test_independent_runs_are_compared_as_welch_does(counts: tuple[int, int]) -> None:
    baseline, contender = samples(counts[0], *counts)

    found = contrast(baseline, contender, paired=False)

    expected = stats.ttest_ind(contender, baseline, equal_var=False)
    assert found.degrees == pytest.approx(float(expected.df))
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert 2.0 * min(found.chance_beyond(0.0), (-found).chance_beyond(0.0)) == pytest.approx(float(expected.pvalue))


@pytest.mark.parametrize("count", [2, 5, 40])
def test_paired_runs_are_compared_by_their_differences(count: int) -> None:
    baseline, contender = samples(count, count, count)

    found = contrast(baseline, contender, paired=True)

    expected = stats.ttest_rel(contender, baseline)
    assert found.degrees == float(expected.df)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert 2.0 * min(found.chance_beyond(0.0), (-found).chance_beyond(0.0)) == pytest.approx(float(expected.pvalue))


def test_a_margin_shifts_what_is_tested() -> None:
    """One-sided tests against the ends of the margin, as SciPy makes them of shifted samples."""
    baseline, contender = samples(3, 9, 9)

    found = contrast(baseline, contender, paired=True)

    shifted = [value - 0.7 for value in contender]
    expected = stats.ttest_rel(shifted, baseline, alternative="greater").pvalue
    assert found.chance_beyond(0.7) == pytest.approx(float(expected))


def test_of_paired_runs_the_common_replications_count() -> None:
    baseline, contender = samples(1, 6, 4)

    assert contrast(baseline, contender, paired=True) == contrast(baseline[:4], contender, paired=True)


# By hand.


def test_holm_stops_at_the_first_that_is_not_sure() -> None:
    """Four figures: 0.01 < 0.05 / 4; 0.013 < 0.05 / 3; 0.03 > 0.05 / 2, which ends it, though 0.04 < 0.05 / 1."""
    assert _sure([0.04, 0.01, 0.03, 0.013]) == [False, True, False, True]


def test_holm_of_one_is_the_test_itself() -> None:
    assert _sure([0.049]) == [True]
    assert _sure([0.051]) == [False]
    assert _sure([]) == []


@pytest.mark.parametrize(
    ("contender", "better", "verdict", "moved"),
    [
        ((102.0, 102.0, 102.0), "lower", "worse", True),
        ((102.0, 102.0, 102.0), "higher", "better", True),
        ((98.0, 98.0, 98.0), "lower", "better", True),
        ((102.0, 102.0, 102.0), "", None, True),
        ((101.0, 101.0, 101.0), "lower", "same", False),
        ((100.5, 100.5, 100.5), "", None, False),
        # Mean 1.5, s = 1.5: the interval is 1.5 ± 4.303 · 1.5 / √3 = [-2.2, 5.2], across the margin of 1.
        ((100.0, 101.5, 103.0), "lower", "unknown", None),
    ],
)
def test_verdicts_by_hand(
    contender: tuple[float, ...], better: Better, verdict: str | None, moved: bool | None
) -> None:
    """The baseline is 100 in each of three replications, so a margin of 1 % is 1."""
    found = only(figure(100.0, 100.0, 100.0, better=better), figure(*contender, better=better))

    assert found.verdict == verdict
    assert found.moved is moved
    assert found.reason == ("" if verdict != "unknown" else REACHES_ACROSS)
    assert found.ratio == pytest.approx(sum(contender) / 300.0)


def test_the_margin_is_a_part_of_the_baseline_whatever_its_sign() -> None:
    assert only(figure(-100.0, -100.0), figure(-100.5, -100.5)).verdict == "same"
    assert only(figure(0.0, 0.0), figure(0.0, 0.0)).verdict == "same"
    assert only(figure(0.0, 0.0), figure(1e-9, 1e-9)).verdict == "worse"
    assert only(figure(0.0, 0.0), figure(1e-9, 1e-9)).ratio is None


def test_without_a_margin_only_what_is_exact_is_the_same() -> None:
    assert only(figure(1.0, 2.0), figure(1.0, 2.0), paired=True, margin=0.0).verdict == "same"
    assert only(figure(1.0, 2.0), figure(1.1, 2.1), paired=True, margin=0.0).verdict == "worse"
    assert only(figure(1.0, 2.0), figure(1.1, 1.9), paired=True, margin=0.0).verdict == "unknown"


def test_one_replication_is_unknown_unless_nothing_was_left_to_chance() -> None:
    assert only(figure(1.0), figure(2.0)).verdict == "unknown"
    assert only(figure(1.0), figure(2.0)).reason == ONE_REPLICATION
    certain = [Figure("one", "ops.read.latency_ms.p50", "ms", "lower", (value,), certain=True) for value in (1.0, 2.0)]
    assert only(*certain).verdict == "worse"


def test_what_is_beyond_the_margin_alone_may_be_chance_among_many() -> None:
    """At t = 4.5 of four degrees, p is 0.01: enough for one figure, not for one of twenty."""
    baseline = figure(100.0, 100.0, 100.0, 100.0, 100.0)
    contender = figure(*(110.0 + step for step in (-5.0, -2.5, 0.0, 2.5, 5.0)))
    dull = figure(1.0, 1.0, 1.0, 1.0, 1.0)

    alone = only(baseline, contender, margin=0.02)
    among, *_ = compare([(baseline, contender), *[(dull, dull)] * 19], paired=False, margin=0.02)[0]

    assert alone.verdict == "worse"
    assert (among.verdict, among.reason) == ("unknown", BY_CHANCE)


def test_what_has_no_value_everywhere_is_not_compared() -> None:
    pairs = [(figure(1.0, None), figure(1.0, 2.0)), (figure(1.0), figure(None)), (figure(None), figure(None))]

    found, skipped = compare(pairs, paired=True)

    assert found == []
    assert [each.reason.partition(" of ")[2] for each in skipped] == ["the baseline", "the contender", "either side"]


def test_the_worst_speaks_for_all() -> None:
    assert overall(["same", "better", "unknown", "worse", None]) == "worse"
    assert overall(["same", "better", "unknown"]) == "unknown"
    assert overall(["same", "better"]) == "better"
    assert overall([None, "same"]) == "same"
    assert overall([None]) == "unknown"
    assert overall([]) == "unknown"


# False alarms.

DRAWS, FIGURES, REPLICATIONS = 2_000, 10, 5


def alarms(*, paired: bool, corrected: bool = True) -> int:
    """In how many of many comparisons of equal samples some figure is worse or better."""
    random = np.random.default_rng(91)
    count = 0
    for _ in range(DRAWS):
        both = random.normal(10.0, 1.0, (2, FIGURES, REPLICATIONS)).tolist()
        pairs = [(figure(*one), figure(*other)) for one, other in zip(*both, strict=True)]
        batches = [pairs] if corrected else [[pair] for pair in pairs]
        found = [each for batch in batches for each in compare(batch, paired=paired, margin=0.0)[0]]
        count += any(each.verdict in {"worse", "better"} for each in found)
    return count


@pytest.mark.parametrize("paired", [True, False])
def test_equal_samples_seldom_differ(paired: bool) -> None:
    """Goal: any false alarm at all in at most 5 % of comparisons. Method: the binomial's 99.9 % band."""
    assert alarms(paired=paired) <= stats.binom.ppf(0.999, DRAWS, 0.05)


def test_without_correction_the_alarms_are_too_many() -> None:
    """Canary: ten figures, each with its own chance of one in twenty."""
    assert alarms(paired=True, corrected=False) > stats.binom.ppf(0.999, DRAWS, 0.05)
    assert math.isclose(alarms(paired=True, corrected=False) / DRAWS, 1.0 - 0.95**FIGURES, abs_tol=0.05)
