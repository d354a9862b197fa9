"""Titles that say what a picture shows, in words that its numbers bear out.

A difference between two systems is claimed only when it is visible and sure: their intervals do not overlap, and the
interval of their ratio, replication by replication, lies beyond the margin of practical indifference. Otherwise there is
"no difference seen". A change over time is claimed only when it leaves the range of the windows that it is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.quantities import factor, milliseconds, percent, significant
from bench.statistics.intervals import Estimate, estimate, ratio
from bench.summary import error_ratio, percentile_ms
from bench.terminal import safe_text
from models.kernel.outcome import Outcome

FloatArray = npt.NDArray[np.float64]
Values = Sequence[float | None]
"""One number per replication; None where a replication has none."""

MARGIN = 0.01
"""Practical indifference: a ratio within this of one is no difference worth a title."""

NAME_CHARACTERS_MAX = 40
"""Characters of a name within a sentence."""

WINDOWS_MIN = 3
"""Windows that each side of a comparison over time must have."""

ALL_EQUAL = "no difference seen"


@dataclass(frozen=True)
class Span:
    """A stretch of simulated time and what happened in it, such as a fault."""

    from_s: float
    until_s: float
    label: str


# Latency by percentile.


def percentiles_finding(
    outcomes: Mapping[str, Sequence[Outcome]], operations: Sequence[str], *, certain: bool = False
) -> str:
    """What the percentile curves show: with two systems, the second against the first.

    Args:
        outcomes: Replications by system.
        operations: Operations to speak of, the most important one first; the first two are mentioned.
        certain: Nothing was left to chance, so that one replication is exact.
    """
    if not any(_answers(outcomes, name) for name in operations):
        return _nothing_answered(outcomes)
    names = list(outcomes)
    if len(names) == 2:
        clauses = [
            _pair_clause(outcomes, names[0], names[1], operation, brief=index > 0, certain=certain)
            for index, operation in enumerate(operations[:2])
        ]
    elif len(names) == 1:
        clauses = [_single_clause(names[0], outcomes[names[0]], name, brief=i > 0) for i, name in enumerate(operations[:2])]
    else:
        clauses = [_range_clause(outcomes, operations[0], certain=certain)]
    alone = all(len(replications) == 1 for replications in outcomes.values()) and not certain
    return "; ".join(filter(None, clauses)) + (" (one replication, so chance is unknown)" if alone else "")


def _pair_clause(
    outcomes: Mapping[str, Sequence[Outcome]], first: str, second: str, operation: str, *, brief: bool, certain: bool
) -> str:
    """How the second system's latency differs from the first's at the median and in the tail."""
    subject = plural(operation)
    found = []
    for words, fraction in (("the median", 0.5), _tail(outcomes, operation)):
        pair = [_percentiles(outcomes[name], operation, fraction) for name in (first, second)]
        change = _change(*pair, certain=certain)
        if change is not None:
            found.append((words, change))
    if not found:
        return "" if brief else f"too few {subject} to compare {_name(second)} with {_name(first)}"
    changed = [(words, change) for words, change in found if change != 1.0]
    same = [words for words, change in found if change == 1.0]
    if not changed:
        places = " and ".join(same)
        if brief:
            return f"{subject}: {ALL_EQUAL}"
        return f"{ALL_EQUAL} between {_name(second)} and {_name(first)} {subject} at {places}"
    start = f"{subject} are" if brief else f"{_name(second)} {subject} are"
    words, change = changed[0]
    clause = f"{start} {_faster(change)}{'' if brief else f' than {_name(first)}'} at {words}"
    for other, its_change in changed[1:]:
        alike = (change > 1.0) == (its_change > 1.0)
        clause += f", {_times(its_change)} at {other}" if alike else f" but {_faster(its_change)} at {other}"
    return clause + (f", with {ALL_EQUAL} at {same[0]}" if same else "")


def _single_clause(name: str, replications: Sequence[Outcome], operation: str, *, brief: bool) -> str:
    """Median and tail of the only system."""
    words, fraction = _tail({name: replications}, operation)
    pieces = [
        f"{word} {milliseconds(mean)}"
        for word, level in (("median", 0.5), (words, fraction))
        if (mean := estimate(_percentiles(replications, operation, level)).mean) is not None
    ]
    if not pieces:
        return "" if brief else f"too few {plural(operation)} of {_name(name)} to show a distribution"
    return f"{plural(operation) if brief else f'{_name(name)} {plural(operation)}'}: {', '.join(pieces)}"


def _range_clause(outcomes: Mapping[str, Sequence[Outcome]], operation: str, *, certain: bool) -> str:
    """From which to which latency several systems reach."""
    words, fraction = _tail(outcomes, operation)
    clause = ""
    for word, level in ((f"median {plural(operation)} take", 0.5), (f"{words} is", fraction)):
        values = {name: _percentiles(each, operation, level) for name, each in outcomes.items()}
        means = {name: mean for name in values if (mean := estimate(values[name]).mean) is not None}
        if len(means) < 2:
            continue
        best, worst = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        clause += ", " if clause else ""
        if _change(values[worst], values[best], certain=certain) in {1.0, None}:
            clause += f"{word} about {milliseconds(means[best], 2)} ({ALL_EQUAL} among {len(means)} systems)"
        else:
            clause += f"{word} from {milliseconds(means[best], 2)} ({_name(best)}) to {milliseconds(means[worst], 2)} ({_name(worst)})"
    return clause or f"too few {plural(operation)} to compare {len(outcomes)} systems"


# Figures by system.


def bars_finding(
    throughputs: Mapping[str, Values], utilizations: Mapping[str, tuple[str, float]], *, certain: bool = False
) -> str:
    """What the bars show: throughput, and the most used station of all.

    Args:
        throughputs: Answers per second by system.
        utilizations: Of each system that has one, its most used station and that station's utilisation.
        certain: As for `percentiles_finding`.
    """
    means = {name: mean for name, values in throughputs.items() if (mean := estimate(values).mean) is not None}
    clauses = []
    if not any(means.values()):
        clauses.append("no request was answered in the measured time")
    elif len(means) == 1:
        (name, mean), *_ = means.items()
        clauses.append(f"{_name(name)} answers {significant(mean)} requests per second")
    else:
        least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        change = _change(throughputs[most], throughputs[least], certain=certain)
        if change is None:
            clauses.append(f"{_name(most)} answers {significant(means[most])} requests per second, {_name(least)} {significant(means[least])}")
        elif change == 1.0:
            clauses.append(f"{ALL_EQUAL} in throughput (about {significant(means[most])} per second)")
        else:
            clauses.append(f"{_name(most)} answers {_times(change, 'more')} requests per second than {_name(least)}")
    if utilizations:
        busiest = max(utilizations, key=lambda name: utilizations[name][1])
        station, share = utilizations[busiest]
        whose = f"{_name(busiest)}'s {_name(station)}" if len(throughputs) > 1 else f"its {_name(station)}"
        clauses.append(f"the most used station is {whose}, at {percent(share, 2)}")
    return "; ".join(clauses)


# Over time.


def timeline_finding(
    latencies: Mapping[tuple[str, str, str], FloatArray],
    middles_s: FloatArray,
    warmup_s: float,
    faults: Sequence[Span],
    errors_total: int,
) -> str:
    """What the course over time shows: the largest change during a fault, or a drift, or none.

    Args:
        latencies: Latency by window, ms, by system, operation and percentile ("p50", "p99").
        middles_s: Middles of the windows.
        warmup_s: End of the warm-up.
        faults: Faults with their times.
        errors_total: Requests of all systems that failed, warm-up included.
    """
    measured = middles_s >= warmup_s
    faulty = np.zeros(len(middles_s), dtype=bool)
    for fault in faults:
        faulty |= (middles_s >= fault.from_s) & (middles_s < fault.until_s)
    if faults:
        changes = _changes(latencies, measured & ~faulty, measured & faulty)
        what = f"during {_name(faults[0].label)}" if len(faults) == 1 else f"during {len(faults)} faults"
    else:
        positions = np.flatnonzero(measured)
        third = max(1, len(positions) // 3)
        first, last = np.zeros(len(middles_s), dtype=bool), np.zeros(len(middles_s), dtype=bool)
        first[positions[:third]] = True
        last[positions[-third:]] = len(positions) > 1
        changes = _changes(latencies, first, last)
        what = "from the first to the last third of the measured time"
    errors = f"{errors_total:,} requests failed" if errors_total > 1 else "one request failed" if errors_total else ""
    if not changes:
        return errors or "too few windows of time to see a change"
    change, (system, operation, percentile), before, after = max(changes, key=lambda each: (max(each[0], 1 / each[0]), each[1]))
    if change == 1.0:
        text = f"no change of latency seen {what}"
    else:
        direction = "rises" if change > 1.0 else "falls"
        text = f"{_name(system)} {operation} {percentile} {direction} from {milliseconds(before, 2)} to {milliseconds(after, 2)} {what}"
    return f"{text}; {errors}" if errors else text


def _changes(
    latencies: Mapping[tuple[str, str, str], FloatArray], before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_]
) -> list[tuple[float, tuple[str, str, str], float, float]]:
    """Of each curve its change as a ratio, its name, and the middle values; 1.0 if the later one lies in the earlier range."""
    found = []
    for name, curve in latencies.items():
        known = np.isfinite(curve)
        earlier, later = curve[before & known], curve[after & known]
        if len(earlier) < WINDOWS_MIN or len(later) < WINDOWS_MIN:
            continue
        low, high = float(np.median(earlier)), float(np.median(later))
        seen = not earlier.min() <= high <= earlier.max() and low > 0.0 and high > 0.0
        found.append((high / low if seen else 1.0, name, low, high))
    return found


# Words and helpers.


def plural(operation: str) -> str:
    """Several of an operation: "reads", "queries", "fetches"."""
    word = _name(operation)
    if word.endswith("y") and word[-2:-1] not in set("aeiou"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _name(text: str) -> str:
    return safe_text(text, NAME_CHARACTERS_MAX)


def _percentiles(replications: Sequence[Outcome], operation: str, fraction: float) -> Values:
    return [
        percentile_ms(each.operations[operation].latency, fraction) if operation in each.operations else None
        for each in replications
    ]


def _answers(outcomes: Mapping[str, Sequence[Outcome]], operation: str) -> int:
    return sum(
        each.operations[operation].ok for every in outcomes.values() for each in every if operation in each.operations
    )


def _tail(outcomes: Mapping[str, Sequence[Outcome]], operation: str) -> tuple[str, float]:
    """The farthest of p99 and p90 that every system knows; the 99th percentile if none is known."""
    for words, fraction in (("p99", 0.99), ("p90", 0.9)):
        if all(None not in _percentiles(each, operation, fraction) for each in outcomes.values()):
            return words, fraction
    return "p99", 0.99


def _nothing_answered(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    shares = [
        error_ratio(operation) for every in outcomes.values() for each in every for operation in each.operations.values()
    ]
    return "every request failed" if any(shares) else "no request was measured"


def _change(first: Values, second: Values, *, certain: bool) -> float | None:
    """Mean of first / second if they differ for sure, 1.0 if no difference is seen, None if they cannot be compared.

    Of a single replication nothing is sure: there the ratio is given as it is.
    """
    if None not in first and list(first) == list(second):
        return 1.0
    if len(first) != len(second):
        return None
    quotient = estimate(ratio(first, second), certain=certain)
    if quotient.mean is None or quotient.mean <= 0.0:
        return None
    inverse = estimate(ratio(second, first), certain=certain).mean
    # A mean of ratios below one is said the other way round, as the mean of the inverse ratios.
    change = quotient.mean if quotient.mean >= 1.0 or not inverse else 1.0 / inverse
    if quotient.low is None or quotient.high is None:
        return change if abs(np.log(change)) > np.log1p(MARGIN) else 1.0
    sure = quotient.low > 1.0 + MARGIN or quotient.high < 1.0 / (1.0 + MARGIN)
    return change if sure and not _overlap(estimate(first, certain=certain), estimate(second, certain=certain)) else 1.0


def _overlap(first: Estimate, second: Estimate) -> bool:
    ours, theirs = first.interval, second.interval
    assert ours is not None
    assert theirs is not None
    return ours[0] <= theirs[1] and theirs[0] <= ours[1]


def _times(change: float, more: str = "") -> str:
    """By how much, whichever way: "2.4×", or "4 %" where it is little."""
    size = max(change, 1.0 / change)
    if size < 1.1:
        return f"{significant((size - 1.0) * 100.0, 2)} %{' ' + more if more else ''}"
    return factor(size) + (" as many" if more else "")


def _faster(change: float) -> str:
    return f"{_times(change)} {'faster' if change > 1.0 else 'slower'}"
