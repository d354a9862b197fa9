"""Where the warm-up ends, judged afterwards: MSER on the batch means of the latencies.

The start of a run is biased, its length noisy: cutting more removes bias and leaves fewer batches. MSER cuts where the
standard error of what remains is smallest. A run states its own `warmup_s`; this says whether it was long enough.

What is changed on purpose in the course of a run, by a fault, a load that rises or an act of control, is no bias of its
start: whoever asks says until when nothing was, and later answers are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.kernel.outcome import Outcome

FloatArray = npt.NDArray[np.float64]

BATCH_ANSWERS = 5
"""Answers that a batch holds on average, at least."""

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
        warmup_s: When the first batch begins that is kept, seconds.
    """

    cut: Cut
    warmup_s: float


def mser(batch_means: Sequence[float] | FloatArray) -> Cut:
    """Truncation point of a series of batch means.

    The cut d minimises the sum of (Y_i - mean)^2 over i > d, divided by (n - d)^2, among 0 <= d <= n/2; the smallest of
    equal ones. Takes time linear in the length of the series.

    Args:
        batch_means: Means of consecutive batches, in order of time; at least two. All count alike.

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


def warmup_cuts(outcomes: Sequence[Outcome], until_s: float = math.inf) -> dict[str, WarmupCut | None]:
    """The cut for each operation of one system, on all of its replications together.

    Replications are put together batch by batch before the cut is looked for, which removes most of the noise and none
    of the bias. A batch is what was answered in some part of the run; neighbours are joined until a replication has
    `BATCH_ANSWERS` in each on average, and those that hold none are passed over.

    Args:
        outcomes: One system's replications, at least one.
        until_s: What is answered later is not looked at.

    Returns:
        By operation; None where there are fewer than `BATCHES_MIN` batches.

    Source:
        Averaging: Hoad, Robinson and Davies, "Automating warm-up length estimation", Journal of the Operational
        Research Society 61, 2010.
    """
    return {name: _warmup_cut(outcomes, name, until_s) for name in outcomes[0].operations}


def _warmup_cut(outcomes: Sequence[Outcome], operation: str, until_s: float) -> WarmupCut | None:
    """The cut for one operation."""
    replications = [outcome.operations[operation] for outcome in outcomes]
    ok = np.sum([each.batch_ok for each in replications], axis=0)
    total_s = np.sum([each.batch_total_s for each in replications], axis=0)
    end_s = float(outcomes[0].window_edges_s[-1])
    if until_s < end_s:
        whole = int(len(ok) * until_s / end_s)
        ok, total_s, end_s = ok[:whole], total_s[:whole], end_s * whole / len(ok)
    while len(ok) >= BATCHES_MIN and ok.mean() < BATCH_ANSWERS * len(outcomes):
        ok, total_s = _pairs(ok), _pairs(total_s)
    held = np.flatnonzero(ok)
    if len(held) < BATCHES_MIN:
        return None
    cut = mser(total_s[held] / ok[held])
    batch_s = end_s / len(ok)
    return WarmupCut(cut, float(held[cut.batches] * batch_s) if cut.batches else 0.0)


def _pairs(sums: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Neighbours joined, the odd one at the end left out."""
    joined: npt.NDArray[Any] = sums[: len(sums) // 2 * 2].reshape(-1, 2).sum(axis=1)
    return joined
