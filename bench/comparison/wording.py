"""The words of a comparison: by how much a figure differs, and what some figures say together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bench.comparison.judging import Compared
from bench.pictures.findings import capital, short_name
from bench.quantities import factor, interval, milliseconds, milliseconds_interval, percent, plain, significant
from bench.statistics.comparing import Difference

NAMED_MAX = 3
"""Figures that a title names."""

_SHARES = ("_ratio", ".utilization")
"""How the names of figures end that are parts of one, and said in percent."""

Chosen = Callable[[Difference], bool]


def relative(each: Difference) -> float:
    """Difference as part of the baseline's value; inf where that is zero."""
    return _relative(each.ratio, each.contrast.mean)


def _relative(ratio: float | None, mean: float) -> float:
    if ratio is None:
        return math.inf if mean else 0.0
    return ratio - 1.0


def change(each: Difference) -> str:
    """By how much: "+1.2 %", "3.4×", "from 0"."""
    return change_text(each.ratio, each.contrast.mean)


def change_text(ratio: float | None, mean: float) -> str:
    """By how much a figure differs, of its ratio, if there is one, and its difference."""
    part = _relative(ratio, mean)
    if math.isinf(part):
        return "from 0"
    if part == 0.0:
        return "0 %"
    if part >= 1.0 or part <= -0.5:
        return factor(1.0 + part) if part > -1.0 else "to 0"
    return f"{'+' if part > 0.0 else '−'}{significant(abs(part) * 100.0, 2)} %"


def values(each: Difference) -> tuple[str, str, str]:
    """Baseline, contender, and the difference with its uncertainty."""
    means = [math.nan if one.mean is None else one.mean for one in each.estimates]
    low, high = each.contrast.interval or (math.nan, math.nan)
    return value_texts(each.baseline.name, each.baseline.unit, means, (each.contrast.mean, low, high))


def value_texts(
    name: str, unit: str, means: Sequence[float], numbers: tuple[float, float, float]
) -> tuple[str, str, str]:
    """The means of both sides, and the difference, as its mean and the ends of its interval, in the figure's unit."""
    if unit == "ms":
        sides = [milliseconds(mean, 4) for mean in means]
        text = " ".join(milliseconds_interval(*numbers))
    elif name.endswith(_SHARES):
        sides = [percent(mean, 4) for mean in means]
        text = f"{' '.join(interval(*(100.0 * number for number in numbers)))} %"
    else:
        sides = [significant(mean, 4) for mean in means]
        text = " ".join(interval(*numbers))
    text = text.replace("-", "−", 1).strip()
    return sides[0], sides[1], f"+{text}" if numbers[0] > 0.0 else text


def words(each: Difference) -> str:
    """A figure as a title names it: "read p99"."""
    name = each.baseline.short.removeprefix("money.").replace(".latency_ms.", ".").replace("_", " ")
    return name.replace(".", " ").replace("stale ms", "staleness").replace("p999", "p99.9")


def within(margin: float) -> str:
    """A margin in percent: "1 %"."""
    return f"{plain(margin * 100.0)} %"


def figures(count: int, *, verb: bool = True) -> str:
    """So many figures are, or is."""
    return f"{count} {'figure' if count == 1 else 'figures'}{(' is' if count == 1 else ' are') if verb else ''}"


def by_weight(differences: Sequence[Difference]) -> list[Difference]:
    """Those that are worse or better: the worse ones first, the larger differences before the smaller ones."""
    changed = [each for each in differences if each.verdict in {"worse", "better"}]
    return sorted(changed, key=lambda each: (each.verdict != "worse", -abs(relative(each))))


def finding(some: Sequence[Compared], margin: float, chosen: Chosen) -> str:
    """What the chosen figures say, of each contender.

    Args:
        some: One for each contender.
        margin: Part of the baseline's value that does not matter.
        chosen: Which figures.
    """
    clauses = []
    for compared in some:
        judged = [each for each in compared.differences if each.verdict and chosen(each)]
        whose = f"{short_name(compared.contender.label)}: " if len(some) > 1 else ""
        clauses.append(whose + _clause(judged, margin))
    return capital(clauses[0]) if len(clauses) == 1 else "; ".join(clauses)


def _clause(judged: Sequence[Difference], margin: float) -> str:
    if not judged:
        return "nothing could be compared"
    beyond = f" beyond {within(margin)}" if margin else ""
    changed = by_weight(judged)
    unknown = sum(each.verdict == "unknown" for each in judged)
    if not changed:
        if not unknown:
            return f"no figure differs{beyond}"
        return f"no difference{beyond} is sure, {unknown} of {figures(len(judged))} unknown"
    tally = {verdict: sum(each.verdict == verdict for each in changed) for verdict in ("worse", "better")}
    (first, count), *others = ((verdict, count) for verdict, count in tally.items() if count)
    counts = f"{count} of {figures(len(judged), verb=False)} {'is' if count == 1 else 'are'} {first}"
    counts += "".join(f" and {count} {'is' if count == 1 else 'are'} {verdict}" for verdict, count in others)
    several = len({each.baseline.system for each in judged}) > 1
    # Of a figure that differs in many cells of a sweep, the cell where it differs most stands for all.
    cells: dict[tuple[str, str], list[Difference]] = {}
    for each in changed:
        cells.setdefault((each.baseline.system, each.baseline.name), []).append(each)
    named = [
        f"{f'{short_name(system)} ' if several else ''}{short_name(words(found[0]))} "
        f"{'up to ' if len(found) > 1 else ''}{change(found[0])}"
        for (system, _), found in list(cells.items())[:NAMED_MAX]
    ]
    more = ", …" if len(cells) > NAMED_MAX else ""
    return f"{counts}: {', '.join(named)}{more}"
