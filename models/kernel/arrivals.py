"""When requests come, when nobody's answer is waited for: open arrivals.

Every open arrival process is one of unit rate, mapped through the inverse of its cumulated rate: the i-th arrival is at
the time when so much rate has passed as the i-th arrival of the unit process says.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.kernel.laws import ConstantSeconds, NonNegative, Positive, SecondsLaw, as_floats, exponential
from models.kernel.outcome import FloatArray, IntArray
from models.kernel.random import Stream, uniforms

MAX_CLIENTS = 100_000
MAX_POINTS = 10_000


class Arrivals(BaseModel):
    """An open arrival process."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    random_gaps: ClassVar[bool] = True

    def mean_rate_per_s(self, duration_s: float) -> float:
        """Mean rate from zero to the duration."""
        raise NotImplementedError

    def initial_rate_per_s(self) -> float:
        """The rate to assume before time zero."""
        raise NotImplementedError

    def steady_until_s(self) -> float:
        """When the rate first changes as it was told to, seconds; inf: never."""
        return math.inf

    def clock(self, key: Stream) -> Callable[[FloatArray], FloatArray]:
        """Maps cumulated rate (non-decreasing over all calls) to seconds; inf where it is never reached."""
        raise NotImplementedError

    def gaps(self, key: Stream) -> Callable[[int, int], FloatArray] | None:
        """Gaps of the unit process for the ordinals from a first on, so many; None: exponentials."""
        return None


class SteadyArrivals(Arrivals):
    """Arrivals at one rate."""

    rate_per_s: Positive

    def mean_rate_per_s(self, duration_s: float) -> float:
        return self.rate_per_s

    def initial_rate_per_s(self) -> float:
        return self.rate_per_s

    def clock(self, key: Stream) -> Callable[[FloatArray], FloatArray]:
        return lambda passed: passed / self.rate_per_s


class Poisson(SteadyArrivals):
    """Independent clients without number: exponential gaps."""

    kind: Literal["poisson"] = "poisson"


class ConstantArrivals(SteadyArrivals):
    """One every 1 / rate_per_s, the first at zero."""

    random_gaps = False
    kind: Literal["constant"] = "constant"


class Schedule(Arrivals):
    """Poisson arrivals at a rate that changes with time: linear between points, a jump where two have one time.

    Before the first point the rate is the first one's, after the last the last one's.
    """

    kind: Literal["schedule"] = "schedule"
    points: Annotated[
        list[Annotated[list[NonNegative], Field(min_length=2, max_length=2)]],
        Field(min_length=1, max_length=MAX_POINTS, description="pairs of time (s) and rate (requests/s)"),
    ]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(a[0] > b[0] for a, b in pairwise(self.points)):
            raise ValueError("the points' times must not go back")
        if all(rate == 0.0 for _, rate in self.points):
            raise ValueError("some rate must be positive")
        return self

    def _cumulated(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Times, rates, slopes and cumulated rates at the beginning of each segment."""
        points = [[0.0, self.points[0][1]], *self.points]
        times, rates = np.array([p[0] for p in points]), np.array([p[1] for p in points])
        widths = np.diff(times)
        slopes = np.where(widths > 0, np.diff(rates) / np.where(widths > 0, widths, 1.0), 0.0)
        passed = np.concatenate([[0.0], np.cumsum((rates[:-1] + rates[1:]) / 2 * widths)])
        return times, rates, np.append(slopes, 0.0), passed

    def mean_rate_per_s(self, duration_s: float) -> float:
        times, rates, slopes, passed = self._cumulated()
        i = int(np.searchsorted(times, duration_s, side="right")) - 1
        d = duration_s - times[i]
        return float(passed[i] + rates[i] * d + slopes[i] * d * d / 2) / duration_s

    def initial_rate_per_s(self) -> float:
        return next(rate for _, rate in self.points if rate > 0)

    def steady_until_s(self) -> float:
        changes = (before[0] for before, after in pairwise(self.points) if before[1] != after[1])
        return next(changes, math.inf)

    def clock(self, key: Stream) -> Callable[[FloatArray], FloatArray]:
        times, rates, slopes, passed = self._cumulated()

        def seconds(wanted: FloatArray) -> FloatArray:
            i = np.searchsorted(passed, wanted, side="left") - 1
            i = np.maximum(i, 0)
            y, rate, slope = wanted - passed[i], rates[i], slopes[i]
            root = rate + np.sqrt(np.maximum(rate * rate + 2.0 * slope * y, 0.0))
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(root > 0.0, times[i] + 2.0 * y / root, np.where(y > 0.0, math.inf, times[i]))

        return seconds


class EvenSchedule(Schedule):
    """As `Schedule`, but evenly: each arrival as soon as the cumulated rate has passed the next whole number."""

    random_gaps = False
    kind: Literal["even schedule"] = "even schedule"  # type: ignore[assignment]


def with_load(arrivals: Arrivals, changes: Sequence[tuple[float, float, float]]) -> Schedule:
    """Steady or scheduled arrivals under changes of load.

    Args:
        arrivals: `SteadyArrivals` or a `Schedule`.
        changes: From when until when (seconds, inf for ever) the rate is so many times as high; they may overlap.
    """
    assert isinstance(arrivals, SteadyArrivals | Schedule)
    plain = arrivals.points if isinstance(arrivals, Schedule) else [[0.0, arrivals.rate_per_s]]
    edges = sorted({edge for at_s, until_s, _ in changes for edge in (at_s, until_s) if edge < math.inf})
    points = []
    for time_s in sorted({*edges, *(time_s for time_s, _ in plain)}):
        rates = [rate for at_s, rate in plain if at_s == time_s] or [_rate_at(plain, time_s)]
        before, after = (
            math.prod(factor for at_s, until_s, factor in changes if begun(at_s, time_s) and not begun(until_s, time_s))
            for begun in (operator.lt, operator.le)
        )
        points += [[time_s, rates[0] * before], [time_s, rates[-1] * after]]
    return (Schedule if arrivals.random_gaps else EvenSchedule)(points=points)


def _rate_at(points: Sequence[Sequence[float]], time_s: float) -> float:
    """The rate at a time at which no point stands."""
    times, rates = np.array(points).T
    return float(np.interp(time_s, times, rates))


class Bursty(Arrivals):
    """Poisson arrivals at one of two rates, in turns of exponential length (a two-state modulated Poisson process)."""

    kind: Literal["bursty"] = "bursty"
    on_rate_per_s: Positive
    off_rate_per_s: NonNegative = 0.0
    on_mean_s: Positive
    off_mean_s: Positive

    def mean_rate_per_s(self, duration_s: float) -> float:
        return self.initial_rate_per_s()

    def initial_rate_per_s(self) -> float:
        on, off = self.on_mean_s, self.off_mean_s
        return (self.on_rate_per_s * on + self.off_rate_per_s * off) / (on + off)

    def clock(self, key: Stream) -> Callable[[FloatArray], FloatArray]:
        begins = uniforms(key.key_0, key.key_1, 0, 1, 0, 0, 0, 0)[0]
        off_first = int(begins >= self.on_mean_s / (self.on_mean_s + self.off_mean_s))
        times, passed = [0.0], [0.0]
        rates = [(self.on_rate_per_s, self.off_rate_per_s)[off_first]]

        def extend(goal: float) -> None:
            while passed[-1] <= goal:
                first = len(times) - 1
                u, _ = uniforms(key.key_0, key.key_1, np.arange(first + 1, first + 1025), 1, 0, 0, 0, 0)
                for value in u.tolist():
                    off = (len(times) - 1 + off_first) & 1
                    rate = (self.on_rate_per_s, self.off_rate_per_s)[off]
                    length_s = exponential(value, (self.on_mean_s, self.off_mean_s)[off])
                    times.append(times[-1] + length_s)
                    passed.append(passed[-1] + rate * length_s)
                    rates.append((self.on_rate_per_s, self.off_rate_per_s)[1 - off])

        def seconds(wanted: FloatArray) -> FloatArray:
            if wanted.size:
                extend(float(wanted[-1]))
            begin, rate, at = np.array(passed), np.array(rates), np.array(times)
            i = np.maximum(np.searchsorted(begin, wanted, side="left") - 1, 0)
            return as_floats(at[i] + (wanted - begin[i]) / np.where(rate[i] > 0.0, rate[i], 1.0))

        return seconds


class Renewal(Arrivals):
    """Independent gaps of any one law: more even than Poisson arrivals, or less.

    Limits:
        A gap begins at time zero. What came before is taken as Poisson arrivals of the same rate.
    """

    kind: Literal["renewal"] = "renewal"
    gap: SecondsLaw

    @model_validator(mode="after")
    def _has_a_rate(self) -> Self:
        if not 0.0 < self.gap.mean() < math.inf:
            raise ValueError(f"the gap's mean must be positive and finite, this one is {self.gap.mean():g} s")
        return self

    def mean_rate_per_s(self, duration_s: float) -> float:
        return self.initial_rate_per_s()

    def initial_rate_per_s(self) -> float:
        return 1.0 / self.gap.mean()

    def clock(self, key: Stream) -> Callable[[FloatArray], FloatArray]:
        return lambda passed: passed * self.gap.mean()

    def gaps(self, key: Stream) -> Callable[[int, int], FloatArray] | None:
        def block(first: int, size: int) -> FloatArray:
            numbers = ordinals(first, size)
            values_s = self.gap.block(lambda draw: uniforms(key.key_0, key.key_1, numbers, 0, 0, 0, 0, draw))
            return values_s / self.gap.mean()

        return block


class Closed(BaseModel):
    """Clients that wait for an answer, think, and ask again: closed loop."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    kind: Literal["closed"] = "closed"
    clients: Annotated[int, Field(ge=1, le=MAX_CLIENTS)]
    think: SecondsLaw = ConstantSeconds(value_s=0.0)


AnyArrivals = Annotated[Poisson | ConstantArrivals | Schedule | Bursty | Renewal | Closed, Field(discriminator="kind")]


def unit_process(
    random_gaps: bool, gaps_of: Callable[[int, int], FloatArray], size: int
) -> Callable[[], tuple[int, FloatArray]]:
    """Successive blocks of the cumulated unit process: first ordinal, and shape (size,)."""
    state: list[float] = [0, 0.0]

    def block() -> tuple[int, FloatArray]:
        first = int(state[0])
        state[0] = first + size
        if not random_gaps:
            return first, np.arange(first, first + size, dtype=np.float64)
        gaps = gaps_of(first, size)
        gaps[0] += state[1]
        passed = np.cumsum(gaps)
        state[1] = float(passed[-1])
        return first, passed

    return block


def ordinals(first: int, size: int) -> IntArray:
    """Numbers of a block's requests, shape (size,)."""
    return np.arange(first, first + size, dtype=np.int64)


# Blocks, compiled.


def fill_exponentials(k0: int, k1: int, first: int, out: FloatArray) -> None:
    """Unit exponentials for the ordinals from `first` on."""
    for i in range(out.shape[0]):
        u, _ = uniforms(k0, k1, first + i, 0, 0, 0, 0, 0)
        out[i] = exponential(u, 1.0)


def fill_operations(shares: FloatArray, k0: int, k1: int, first: int, u: FloatArray, out: IntArray) -> None:
    """How many cumulated shares the uniform of each ordinal from `first` on reaches; `u` is room for those."""
    for i in range(out.shape[0]):
        u[i], _ = uniforms(k0, k1, first + i, 0, 0, 0, 0, 0)
        out[i] = 0
    for share in range(shares.shape[0]):
        least = shares[share]
        for i in range(out.shape[0]):
            out[i] += least <= u[i]


def fill_pairs(k0: int, k1: int, first: int, client: int, first_of_pair: FloatArray, second: FloatArray) -> None:
    """Pairs of uniforms for the ordinals from `first` on."""
    for i in range(second.shape[0]):
        first_of_pair[i], second[i] = uniforms(k0, k1, first + i, client, 0, 0, 0, 0)
