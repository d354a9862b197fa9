"""Where the warm-up ends, judged afterwards: MSER-5 on the batch means of the latencies.

The start of a run is biased, its length noisy: cutting more removes bias and leaves fewer batches. MSER cuts where the
standard error of what remains is smallest. A run states its own `warmup_s`; this says whether it was long enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.kernel.outcome import OperationOutcome, Outcome

FloatArray = npt.NDArray[np.float64]

BATCHES_MIN = 10
"""Batches from which a cut is looked for; assumed. Of fewer, half are a handful, and their spread says nothing."""

LEVEL_SERIES_SPREAD = 1e-9
"""A series that varies by no more than this part of its size is level; what is left is the clock's rounding."""


@dataclass(frozen=True)
class Cut:
    """How many batches from the start are warm-up.

    Args:
        batches: Batches to cut off.
        count: Batches there are.
        settled: The minimum lies before the last point that was eligible; otherwise the run was too short to tell.
    """

    batches: int
    count: int
    settled: bool

    @property
    def fraction(self) -> float:
        """The part of the run that is cut off."""
        return self.batches / self.count

    def seconds(self, batch_s: float) -> float:
        """Time that is cut off where a batch takes `batch_s` on average."""
        return self.batches * batch_s


@dataclass(frozen=True)
class WarmupCut:
    """A cut on the run's own clock.

    Args:
        cut: The cut in batches.
        warmup_s: The time until which so many answers had come, seconds.
    """

    cut: Cut
    warmup_s: float


def mser(batch_means: Sequence[float] | FloatArray) -> Cut:
    """Truncation point of a series of batch means; of batches of five, MSER-5.

    The cut d minimises the sum of (Y_i - mean)^2 over i > d, divided by (n - d)^2, among 0 <= d <= n/2; the smallest of
    equal ones. Takes time linear in the length of the series.

    Args:
        batch_means: Means of consecutive batches of equal size, in order of time; at least two.

    Raises:
        ValueError: If there are fewer than two batches, or one is not finite.

    Source:
        White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69(6), 1997;
        batches of five: White, Cobb and Spratt, "A comparison of five steady-state truncation heuristics for
        simulation", WSC 2000. Exact.
    """
    series = [float(mean) for mean in batch_means]
    count = len(series)
    if count < 2:
        raise ValueError(f"a cut needs at least two batches, got {count}")
    if not all(map(math.isfinite, series)):
        raise ValueError("batch means must be finite")
    if max(series) - min(series) <= LEVEL_SERIES_SPREAD * max(map(abs, series)):
        return Cut(0, count, settled=True)
    latest = count // 2
    best, best_statistic = 0, math.inf
    mean, squares = 0.0, 0.0
    # Backwards, one batch more at a time (Welford), so nothing cancels.
    for index in range(count - 1, -1, -1):
        kept = count - index
        step = series[index] - mean
        mean += step / kept
        squares += step * (series[index] - mean)
        statistic = squares / kept**2
        if index <= latest and statistic <= best_statistic:
            best, best_statistic = index, statistic
    return Cut(best, count, settled=best < latest)


def warmup_cuts(outcomes: Sequence[Outcome]) -> dict[str, WarmupCut | None]:
    """The cut for each operation of one system, on the average of its replications.

    Batch means are averaged over replications before the cut is looked for, which removes most of the noise and none of
    the bias. Where replications hold batches of different sizes, neighbours are joined until all agree.

    Args:
        outcomes: One system's replications, at least one.

    Returns:
        By operation; None where there are fewer than `BATCHES_MIN` batches.

    Source:
        Averaging: Hoad, Robinson and Davies, "Automating warm-up length estimation", Journal of the Operational
        Research Society 61, 2010.
    """
    return {name: _warmup_cut(outcomes, name) for name in outcomes[0].operations}


def _warmup_cut(outcomes: Sequence[Outcome], operation: str) -> WarmupCut | None:
    """The cut for one operation."""
    replications = [outcome.operations[operation] for outcome in outcomes]
    size = max(each.batch_size for each in replications)
    rows = [_joined(each, size) for each in replications]
    shortest = min(map(len, rows))
    if shortest < BATCHES_MIN:
        return None
    cut = mser(np.mean([row[:shortest] for row in rows], axis=0))
    if cut.batches == 0:
        return WarmupCut(cut, 0.0)
    edges_s = outcomes[0].window_edges_s
    answers = np.mean([each.window_ok for each in replications], axis=0)
    came = np.concatenate([[0.0], np.cumsum(answers)])
    return WarmupCut(cut, float(np.interp(cut.batches * size, came, edges_s)))


def _joined(operation: OperationOutcome, size: int) -> FloatArray:
    """Batch means of batches of `size` answers; what does not fill a batch at the end is dropped."""
    factor, rest = divmod(size, operation.batch_size)
    assert rest == 0, f"batches of {operation.batch_size} and of {size} answers cannot be joined"
    means = operation.batch_means_s[: len(operation.batch_means_s) // factor * factor]
    joined: FloatArray = means.reshape(-1, factor).mean(axis=1)
    return joined
