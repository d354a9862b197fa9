"""Two runs compared, figure by figure: by how much they differ, how sure that is, and whether it matters.

Runs with the same seed saw the same requests, so their figures are subtracted replication by replication before an
interval is taken; others are compared by Welch's interval. Differences within a margin of practical indifference, a
part of the baseline's value, do not matter. A figure is

    worse, better   where its difference is beyond the margin, and surely so for one of so many figures
    same            where the whole 95 % interval lies within the margin
    unknown         otherwise

Who looks at forty figures finds two beyond chance where there is nothing. So worse and better are said only as far as
Holm's procedure allows, with one chance in twenty that any of them is said wrongly; the intervals that are shown are
those of the figure alone. Figures without a better side get no verdict, only whether they moved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.statistics.intervals import LEVEL, Estimate, difference, estimate, ratio, t_quantile
from bench.statistics.values import Figure

Comparison = Literal["better", "worse", "same", "unknown"]
MARGIN = 0.01
"""Practical indifference, as part of the baseline's value, unless said otherwise."""
ONE_REPLICATION = "one replication has no interval"
REACHES_ACROSS = "the interval reaches across the margin; more or longer replications would tell"
BY_CHANCE = "beyond the margin, but among so many figures one may be so by chance"


@dataclass(frozen=True)
class Contrast:
    """Contender minus baseline.

    Args:
        mean: Mean of the difference.
        error: Its standard error; 0 where nothing varies.
        degrees: Degrees of freedom; 0 where a single replication leaves none.
        paired: Replication by replication.
    """

    mean: float
    error: float
    degrees: float
    paired: bool

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return self.degrees > 0.0

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval; None where there is none."""
        if not self.known:
            return None
        half = t_quantile(LEVEL, self.degrees) * self.error if self.error else 0.0
        return self.mean - half, self.mean + half

    def chance_beyond(self, limit: float) -> float:
        """How likely a difference at least as far above `limit` is where the true one is `limit` (one-sided p)."""
        if not self.error:
            return 0.0 if self.mean > limit else 1.0
        from scipy.special import stdtr

        return float(stdtr(self.degrees, (limit - self.mean) / self.error))

    def __neg__(self) -> Contrast:
        return replace(self, mean=-self.mean)


@dataclass(frozen=True)
class Difference:
    """One figure of both sides.

    Args:
        baseline: The figure on the one side.
        contender: The same on the other; its system may have another name.
        estimates: Mean and interval of each side.
        contrast: How they differ.
        ratio: Contender by baseline; None where the baseline is zero.
        margin: What does not matter, in the figure's unit.
        verdict: Whether that is better or worse; None where the figure has no better side.
        moved: Whether the difference is surely beyond the margin, on either side; None where that is unknown.
        reason: Why it is unknown; empty otherwise.
    """

    baseline: Figure
    contender: Figure
    estimates: tuple[Estimate, Estimate]
    contrast: Contrast
    ratio: float | None
    margin: float
    verdict: Comparison | None
    moved: bool | None
    reason: str


@dataclass(frozen=True)
class NotCompared:
    """A figure that only one side has, or that has no value on one of them."""

    system: str
    name: str
    reason: str
    cell: str = ""


def compare(
    pairs: Iterable[tuple[Figure, Figure]], *, paired: bool, margin: float = MARGIN
) -> tuple[list[Difference], list[NotCompared]]:
    """Compare figures, all of one comparison at once, since the more there are, the surer each must be.

    Args:
        pairs: Baseline and contender of each figure.
        paired: Replications with the same index saw the same requests.
        margin: Part of the baseline's value that does not matter, at least 0.

    Returns:
        Differences in order, and what could not be compared.

    Source:
        Welch, Biometrika 34 (1947); Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
        Journal of Statistics 6 (1979), valid under any dependence of the figures.
    """
    found, skipped = [], []
    for baseline, contender in pairs:
        lacking = [
            side for side, figure in (("the baseline", baseline), ("the contender", contender)) if _lacks(figure)
        ]
        if lacking:
            reason = f"no value in some replication of {lacking[0] if len(lacking) == 1 else 'either side'}"
            skipped.append(NotCompared(baseline.system, baseline.name, reason, baseline.cell))
        else:
            found.append(_difference(baseline, contender, paired=paired, margin=margin))
    return _judged(found), skipped


def contrast(baseline: Sequence[float], contender: Sequence[float], *, paired: bool, certain: bool = False) -> Contrast:
    """How a contender's values differ from a baseline's.

    Args:
        baseline: One number per replication.
        contender: Likewise; where `paired`, what one side has more of is left out.
        paired: Replications with the same index saw the same requests.
        certain: Nothing was left to chance on either side.
    """
    if paired:
        count = min(len(baseline), len(contender))
        by_replication = [each for each in difference(contender[:count], baseline[:count]) if each is not None]
        mean, variance = _moments(by_replication)
        degrees: float = count - 1 if count > 1 else math.inf if certain else 0
        return Contrast(mean, math.sqrt(variance / count), degrees, paired=True)
    (first, one), (second, other) = _moments(baseline), _moments(contender)
    shares = [one / len(baseline), other / len(contender)]
    error = math.sqrt(math.fsum(shares))
    if min(len(baseline), len(contender)) < 2:
        return Contrast(second - first, 0.0, math.inf if certain else 0, paired=False)
    counts = (len(baseline), len(contender))
    spread = math.fsum(share**2 / (count - 1) for share, count in zip(shares, counts, strict=True))
    degrees = math.fsum(shares) ** 2 / spread if spread > 0.0 else math.inf
    return Contrast(second - first, error, degrees, paired=False)


def overall(verdicts: Iterable[Comparison | None]) -> Comparison:
    """What several figures say together: worse beats unknown beats better beats same; nothing at all is unknown."""
    found = {verdict for verdict in verdicts if verdict is not None}
    order: tuple[Comparison, ...] = ("worse", "unknown", "better", "same")
    return next((each for each in order if each in found), "unknown")


def _lacks(figure: Figure) -> bool:
    """Whether it has no value in some replication."""
    return not figure.values or None in figure.values


def _difference(baseline: Figure, contender: Figure, *, paired: bool, margin: float) -> Difference:
    """One figure, not yet judged."""
    values = [[value for value in figure.values if value is not None] for figure in (baseline, contender)]
    sides = (estimate(values[0], certain=baseline.certain), estimate(values[1], certain=contender.certain))
    both = contrast(values[0], values[1], paired=paired, certain=baseline.certain and contender.certain)
    first, second = sides[0].mean, sides[1].mean
    assert first is not None
    assert second is not None
    quotient = ratio([second], [first])[0]
    return Difference(baseline, contender, sides, both, quotient, margin * abs(first), None, None, "")


def _judged(found: Sequence[Difference]) -> list[Difference]:
    """All figures with their verdicts."""
    sure = _sure([_chance(each) for each in found])
    return [_verdict(each, sure=each_sure) for each, each_sure in zip(found, sure, strict=True)]


def _chance(each: Difference) -> float:
    """How likely so large a difference is where the true one is just within the margin (two-sided p)."""
    if not each.contrast.known:
        return 1.0
    return min(1.0, 2.0 * min(each.contrast.chance_beyond(each.margin), (-each.contrast).chance_beyond(each.margin)))


def _sure(chances: Sequence[float]) -> list[bool]:
    """Holm's procedure: which may be said, with one chance in twenty that any is said wrongly."""
    sure = [False] * len(chances)
    order = sorted(range(len(chances)), key=chances.__getitem__)
    for rank, index in enumerate(order):
        if chances[index] > (1.0 - LEVEL) / (len(chances) - rank):
            break
        sure[index] = True
    return sure


def _verdict(each: Difference, *, sure: bool) -> Difference:
    ends = each.contrast.interval
    has_side = bool(each.baseline.better)
    if ends is None:
        return replace(each, verdict="unknown" if has_side else None, reason=ONE_REPLICATION)
    if sure:
        higher = each.contrast.mean > 0.0
        verdict: Comparison = "better" if higher == (each.baseline.better == "higher") else "worse"
        return replace(each, verdict=verdict if has_side else None, moved=True)
    if -each.margin <= ends[0] and ends[1] <= each.margin:
        return replace(each, verdict="same" if has_side else None, moved=False)
    beyond = ends[0] > each.margin or ends[1] < -each.margin
    reason = BY_CHANCE if beyond else REACHES_ACROSS
    return replace(each, verdict="unknown" if has_side else None, reason=reason)


def _moments(values: Sequence[float]) -> tuple[float, float]:
    """Mean and variance; values that are all equal have no variance at all."""
    if values.count(values[0]) == len(values):
        return values[0], 0.0
    mean = math.fsum(values) / len(values)
    deviation = math.hypot(*(value - mean for value in values))
    return mean, deviation**2 / (len(values) - 1)
