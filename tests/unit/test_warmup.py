"""The warm-up cut, against series worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.statistics.warmup import BATCHES_MIN, mser, warmup_cuts
from tests.strategies.handmade import operation, outcome


def test_one_odd_batch_is_cut_as_worked_by_hand() -> None:
    """Series 10 1 2 1 2 1 2 1; the statistic is the squares of what remains by its number squared; d goes up to 8/2.

    d = 0: mean 20/8, squares 66, 66/64 = 1.031; d = 1: mean 10/7, squares 12/7, 12/343 = .0350;
    d = 2: mean 3/2, squares 3/2, 1.5/36 = .0417; d = 3: 1.2/25 = .0480; d = 4: 1/16 = .0625. The least is at d = 1.
    """
    cut = mser([10.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0])

    assert (cut.batches, cut.count, cut.settled) == (1, 8, True)
    assert cut.fraction == 1 / 8
    assert cut.seconds(0.5) == 0.5


def test_only_the_first_half_is_eligible() -> None:
    """Without the rule, the three equal batches at the end (statistic 0) would win; such a series is too short."""
    cut = mser([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 1.0, 1.0, 1.0])

    assert (cut.batches, cut.settled) == (5, False)


def test_a_level_series_is_not_cut() -> None:
    """Neither where all batches are equal, nor where only the clock's rounding tells them apart."""
    noise = np.random.default_rng(3).standard_normal(100) * 1e-14

    assert mser([0.1] * 20).batches == 0
    assert mser((0.1 + noise).tolist()).batches == 0
    assert mser([0.0] * 20).settled


@pytest.mark.parametrize("series", [[], [1.0], [1.0, math.nan]])
def test_what_is_no_series_is_refused(series: list[float]) -> None:
    with pytest.raises(ValueError, match="batch"):
        mser(series)


def test_cut_finds_the_end_of_a_decaying_bias() -> None:
    """Goal: it does what it is for. Method: a bias e^(-i/20) under noise of .05 is down to the noise at i = 60."""
    index = np.arange(1_000)
    series = 1.0 + np.exp(-index / 20.0) + 0.05 * np.random.default_rng(11).standard_normal(1_000)

    cut = mser(series)

    assert cut.settled
    assert 30 <= cut.batches <= 120


def test_cut_on_the_clock_counts_the_answers_that_had_come() -> None:
    """Four batches of five are cut: 20 answers; 10 come in the first ten seconds, 40 in the next ten: 12.5 s."""
    series = [5.0, 4.0, 3.0, 2.0, *([1.0, 1.1] * 8)]
    each = operation(batch_means_s=series, window_ok=[10, 40, 50])
    outcomes = [outcome(replication=index, operations={"read": each}) for index in range(2)]

    found = warmup_cuts(outcomes)["read"]

    assert found is not None
    assert found.cut.batches == 4
    assert found.warmup_s == 12.5


def test_replications_of_unlike_batch_sizes_are_joined_and_averaged() -> None:
    """One has batches of five, the other of ten: pairs of the first are joined; what then differs cancels out."""
    fine = operation(batch_means_s=[9.0, 9.0] + [1.5, 2.5] * 10, batch_size=5, window_ok=[110, 0, 0])
    coarse = operation(batch_means_s=[9.0] + [2.0] * 10, batch_size=10, window_ok=[110, 0, 0])

    outcomes = [outcome(replication=index, operations={"read": each}) for index, each in enumerate([fine, coarse])]
    found = warmup_cuts(outcomes)["read"]

    assert found is not None
    assert (found.cut.batches, found.cut.count) == (1, 11)
    assert found.warmup_s == pytest.approx(10.0 * 10 / 110)


def test_few_batches_say_nothing() -> None:
    each = operation(batch_means_s=[1.0] * (BATCHES_MIN - 1), window_ok=[10, 40, 50])

    assert warmup_cuts([outcome(operations={"read": each})]) == {"read": None}


def test_no_cut_is_no_time_even_where_answers_come_late() -> None:
    each = operation(batch_means_s=[1.0] * BATCHES_MIN, window_ok=[0, 0, 50])

    found = warmup_cuts([outcome(operations={"read": each})])["read"]

    assert found is not None
    assert found.warmup_s == 0.0
