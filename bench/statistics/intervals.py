"""One number per replication in, a mean and its Student t-interval out.

Requests of one replication depend on each other, replications do not: so each replication is reduced to one number
first, and only those numbers make the interval. Two systems saw the same arrivals, so they are compared replication by
replication, before the interval is taken.

When is a number known, and how well?

- A replication may have no value (a percentile of too few requests, a ratio to zero). Then the estimate has none
  either: leaving the replication out would favour the runs that went well.
- Two or more replications with differing values give a t-interval.
- Two or more replications with equal values are *exact*: no variance at all was seen, and the interval is the value.
- One replication has a mean and no interval; how far chance moved it cannot be known. There is one exception: where the
  caller knows that nothing was left to chance (a run that drew no random number at all, such as a trace over constant
  laws), each further replication would repeat the first, and the one value is exact. The caller says so with `certain`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LEVEL = 0.95
"""Confidence level of every interval that is reported; the `95` in `ci95`."""


@dataclass(frozen=True)
class Estimate:
    """A mean over replications and its interval; see the module for when which part is missing.

    Args:
        mean: Mean over the replications; None where any of them has no value.
        low: Lower end of the interval; None where there is no interval.
        high: Upper end; None together with `low`.
        values: What each replication gave, in order.
        exact: The value is a fact: the interval has no width because there was nothing to vary.
    """

    mean: float | None
    low: float | None
    high: float | None
    values: tuple[float | None, ...]
    exact: bool

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def as_json(self) -> dict[str, float | list[float] | None]:
        """The form of the JSON documents: `{"mean": …, "ci95": [low, high]}`, each null where it is unknown."""
        return {"mean": self.mean, "ci95": None if self.interval is None else list(self.interval)}


def estimate(values: Sequence[float | None], level: float = LEVEL, *, certain: bool = False) -> Estimate:
    """Mean of one number per replication, with a Student t-interval.

    Args:
        values: One finite number per replication, at least one; None where a replication has no value.
        level: Confidence level, in (0, 1).
        certain: Nothing was left to chance, so that even a single replication is exact.

    Raises:
        ValueError: If there is no replication, a value is not finite, or `level` is out of range.

    Source:
        Student (1908); Law, Simulation Modeling and Analysis, 5th ed. (2015), equation 4.12. Exact for normal values.
    """
    if not values:
        raise ValueError("an estimate needs at least one replication")
    known = [float(value) for value in values if value is not None]
    if not all(map(math.isfinite, known)):
        raise ValueError(f"values must be finite, got {known}")
    if len(known) < len(values):
        return Estimate(None, None, None, tuple(values), exact=False)
    count = len(known)
    if known.count(known[0]) == count:
        # Not the rounded sum over the count: equal values have themselves as their mean.
        exact = count > 1 or certain
        end = known[0] if exact else None
        return Estimate(known[0], end, end, tuple(known), exact)
    mean = math.fsum(known) / count
    # hypot neither overflows nor loses small deviations, as a plain sum of squares may.
    deviation = math.hypot(*(value - mean for value in known)) / math.sqrt(count - 1)
    half = t_quantile(level, count - 1) * deviation / math.sqrt(count)
    return Estimate(mean, mean - half, mean + half, tuple(known), exact=False)


def ratio(numerators: Sequence[float | None], denominators: Sequence[float | None]) -> tuple[float | None, ...]:
    """Quotient of two systems' numbers in each replication; None where one is missing or the denominator is zero.

    Raises:
        ValueError: If the two do not have the same number of replications.
    """
    quotients = []
    for numerator, denominator in zip(numerators, denominators, strict=True):
        quotient = None if numerator is None or not denominator else numerator / denominator
        # Next to nothing in the denominator is as good as zero.
        quotients.append(quotient if quotient is not None and math.isfinite(quotient) else None)
    return tuple(quotients)


def difference(minuends: Sequence[float | None], subtrahends: Sequence[float | None]) -> tuple[float | None, ...]:
    """Difference of two systems' numbers in each replication; None where one is missing.

    Raises:
        ValueError: If the two do not have the same number of replications.
    """
    pairs = zip(minuends, subtrahends, strict=True)
    return tuple(
        None if minuend is None or subtrahend is None else minuend - subtrahend for minuend, subtrahend in pairs
    )


@dataclass(frozen=True)
class Band:
    """Estimates side by side, such as a curve with its interval; nan where one is unknown.

    Args:
        mean: Means, shape (points,).
        low: Lower ends, shape (points,).
        high: Upper ends, shape (points,).
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray


def band(rows: Sequence[Sequence[float] | FloatArray], level: float = LEVEL, *, certain: bool = False) -> Band:
    """Estimate each column of a table that has one row per replication; nan stands for no value.

    Raises:
        ValueError: As `estimate` does.
    """
    columns = np.asarray(rows, dtype=np.float64).T
    estimates = [
        estimate([None if math.isnan(value) else value for value in column.tolist()], level, certain=certain)
        for column in columns
    ]
    means, lows, highs = (
        np.array([math.nan if number is None else number for number in numbers], dtype=np.float64)
        for numbers in (
            [each.mean for each in estimates],
            [each.low for each in estimates],
            [each.high for each in estimates],
        )
    )
    return Band(means, lows, highs)


@lru_cache(maxsize=64)
def t_quantile(level: float, degrees: float) -> float:
    """Two-sided quantile of Student's t.

    SciPy's special functions, not its `stats`, which calls the same one and takes three times as long to import.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"a confidence level lies in (0, 1), got {level}")
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + level / 2.0))
