"""Means, intervals and paired comparisons, against numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.statistics.intervals import band, difference, estimate, ratio


def test_interval_of_one_to_five_as_worked_by_hand() -> None:
    """Mean 3; s^2 = (4 + 1 + 0 + 1 + 4) / 4 = 2.5; t(.975; 4) = 2.776; half-width 2.776 sqrt(2.5 / 5) = 1.963."""
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0])

    assert found.mean == 3.0
    assert found.interval == (pytest.approx(1.037, abs=5e-4), pytest.approx(4.963, abs=5e-4))
    assert not found.exact


def test_equal_values_are_exact() -> None:
    """0.1 + 0.1 + 0.1 over 3 is not 0.1 in floats; the mean of equal values is the value."""
    found = estimate([0.1, 0.1, 0.1])

    assert found.as_json() == {"mean": 0.1, "ci95": [0.1, 0.1]}
    assert found.exact


def test_one_replication_has_a_mean_and_no_interval() -> None:
    found = estimate([7.0])

    assert found.as_json() == {"mean": 7.0, "ci95": None}
    assert not found.exact


def test_one_replication_without_chance_is_exact() -> None:
    found = estimate([7.0], certain=True)

    assert found.as_json() == {"mean": 7.0, "ci95": [7.0, 7.0]}
    assert found.exact


def test_a_replication_without_a_value_takes_the_estimate_with_it() -> None:
    found = estimate([1.0, None, 1.0], certain=True)

    assert found.as_json() == {"mean": None, "ci95": None}
    assert found.values == (1.0, None, 1.0)
    assert not found.exact


@pytest.mark.parametrize(
    ("values", "level"), [([], 0.95), ([1.0, math.nan], 0.95), ([math.inf], 0.95), ([1.0, 2.0], 1.0), ([1.0, 2.0], 0.0)]
)
def test_what_is_no_sample_is_refused(values: list[float], level: float) -> None:
    with pytest.raises(ValueError, match=r"replication|finite|level"):
        estimate(values, level)


def test_large_values_do_not_overflow() -> None:
    found = estimate([1e200, 3e200])

    assert found.mean == 2e200
    assert found.interval is not None
    assert all(map(math.isfinite, found.interval))


def test_ratio_is_taken_within_each_replication() -> None:
    """Systems that vary together: 2/1, 4/2, 8/4 are all 2, so their ratio is exact though neither of them is."""
    found = estimate(ratio([2.0, 4.0, 8.0], [1.0, 2.0, 4.0]))

    assert found.exact
    assert found.mean == 2.0


def test_difference_is_taken_within_each_replication() -> None:
    assert difference([3.0, 5.0, None, 1.0], [1.0, 1.0, 1.0, None]) == (2.0, 4.0, None, None)


def test_ratio_to_nothing_is_no_value() -> None:
    assert ratio([1.0, 0.0, None, 1.0, 1.0], [0.0, 0.0, 1.0, None, 5e-324]) == (None,) * 5


@pytest.mark.parametrize("combine", [ratio, difference])
def test_pairs_need_equal_numbers_of_replications(combine: type) -> None:
    with pytest.raises(ValueError, match="shorter"):
        combine([1.0, 2.0], [1.0])


def test_band_estimates_each_column() -> None:
    found = band([[1.0, 5.0, 1.0], [3.0, 5.0, math.nan]])

    expected = estimate([1.0, 3.0])
    np.testing.assert_array_equal(found.mean, [2.0, 5.0, math.nan])
    np.testing.assert_array_equal(found.low, [expected.low, 5.0, math.nan])
    np.testing.assert_array_equal(found.high, [expected.high, 5.0, math.nan])


def test_band_of_no_points_is_empty() -> None:
    assert len(band([[], []]).mean) == 0
