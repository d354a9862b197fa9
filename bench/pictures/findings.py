"""Titles that say what a picture shows, in words that its numbers bear out.

A difference between two systems is claimed only when it is visible and sure: their intervals do not overlap, the
interval of their ratio, replication by replication, leaves out one, and the ratio is beyond the margin of practical
indifference. Otherwise there is "no difference seen". What happens over time is told by `course_findings`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bench.quantities import factor, milliseconds, percent, significant
from bench.statistics.figures import errors, percentile_ms
from bench.statistics.intervals import Estimate, estimate, ratio
from bench.terminal import safe_text
from models.kernel.outcome import Outcome

Outcomes = Mapping[str, Sequence[Outcome]]
"""Replications by system, in the scenario's order; at least one of each."""
Values = Sequence[float | None]
"""One number per replication; None where a replication has none."""

MARGIN = 0.01
"""Practical indifference: a ratio within this of one is no difference worth a title."""

NAME_CHARACTERS_MAX = 40
"""Characters of a name within a sentence."""


@dataclass(frozen=True)
class Span:
    """A stretch of simulated time and what happened in it, such as a fault."""

    from_s: float
    until_s: float
    label: str


@dataclass(frozen=True)
class _Comparison:
    """How one system's figure differs from another's.

    Args:
        ratio: The one by the other.
        sure: The difference is beyond chance.
    """

    ratio: float
    sure: bool

    @property
    def size(self) -> float:
        """The ratio, whichever way it is at least one."""
        return max(self.ratio, 1.0 / self.ratio)

    @property
    def claimed(self) -> bool:
        """Whether the difference is worth a title."""
        return self.sure and self.size > 1.0 + MARGIN

    @property
    def times(self) -> str:
        """By how much: "2.4×", or "4 %" where it is little."""
        return factor(self.size) if self.size >= 1.1 else f"{significant((self.size - 1.0) * 100.0, 2)} %"

    @property
    def none_seen(self) -> str:
        """The words where there is nothing to claim."""
        return f"no difference beyond {MARGIN:.0%} seen".replace("%", " %") if self.sure else "no difference seen"


# Latency by percentile.


def percentiles_finding(outcomes: Outcomes, operations: Sequence[str], *, certain: Collection[str] = ()) -> str:
    """What the percentile curves show: with two systems, the second against the first.

    Args:
        outcomes: Replications by system.
        operations: Operations to speak of, the most important one first; the first two are mentioned.
        certain: Systems that left nothing to chance, whose single replication is exact.
    """
    if not any(_answers(outcomes, name) for name in operations):
        return nothing_answered(outcomes)
    names = list(outcomes)
    by_chance = any(len(replications) == 1 and name not in certain for name, replications in outcomes.items())
    if len(names) == 1:
        clauses = [_single_clause(names[0], outcomes, name, brief=i > 0) for i, name in enumerate(operations[:2])]
    elif len(names) == 2 and by_chance:
        clauses = [_single_clause(name, outcomes, operations[0], brief=False) for name in names]
    elif len(names) == 2:
        clauses = [_pair_clause(outcomes, name, brief=i > 0, certain=certain) for i, name in enumerate(operations[:2])]
    else:
        clauses = [_range_clause(outcomes, operations[0], certain=certain)]
    return "; ".join(filter(None, clauses)) + (" (one replication: chance unknown)" if by_chance else "")


def _pair_clause(outcomes: Outcomes, operation: str, *, brief: bool, certain: Collection[str]) -> str:
    """How the second system's latency differs from the first's at the median and in the tail."""
    first, second = outcomes
    subject = plural(operation)
    found: dict[str, _Comparison] = {}
    for words, fraction in (("the median", 0.5), _tail(outcomes, operation)):
        slower, faster = (_percentiles(outcomes[name], operation, fraction) for name in (first, second))
        comparison = _compared(slower, faster, certain={first, second} <= set(certain))
        if comparison is not None:
            found[words] = comparison
    if not found:
        return "" if brief else f"Too few {subject} to compare {short_name(second)} with {short_name(first)}"
    claimed = {words: comparison for words, comparison in found.items() if comparison.claimed}
    others = {words: comparison for words, comparison in found.items() if not comparison.claimed}
    if not claimed:
        none_seen = max(comparison.none_seen for comparison in others.values())
        if brief:
            return f"{subject}: {none_seen}"
        both = f"{short_name(second)} and {short_name(first)} {subject}"
        return capital(f"{none_seen} between {both} at {' and '.join(others)}")
    (words, comparison), *more = claimed.items()
    clause = (
        f"{'' if brief else f'{short_name(second)} '}{subject} are {comparison.times} {_direction(comparison)}"
        f"{'' if brief else f' than {short_name(first)}'} at {words}"
    )
    for its_words, its in more:
        if _direction(its) != _direction(comparison):
            clause += f" but {its.times} {_direction(its)} at {its_words}"
        else:
            clause += f" and {its_words}" if its.times == comparison.times else f", {its.times} at {its_words}"
    return clause + "".join(f", with {its.none_seen} at {its_words}" for its_words, its in others.items())


def _single_clause(name: str, outcomes: Outcomes, operation: str, *, brief: bool) -> str:
    """Median and tail of the only system."""
    words, fraction = _tail(outcomes, operation)
    pieces = [
        f"{word} {milliseconds(mean)}"
        for word, level in (("median", 0.5), (words, fraction))
        if (mean := estimate(_percentiles(outcomes[name], operation, level)).mean) is not None
    ]
    subject = plural(operation) if brief else f"{short_name(name)} {plural(operation)}"
    if not pieces:
        return "" if brief else f"Too few {plural(operation)} of {short_name(name)} to show a distribution"
    return f"{subject}: {', '.join(pieces)}"


def _range_clause(outcomes: Outcomes, operation: str, *, certain: Collection[str]) -> str:
    """From which to which latency several systems reach."""
    words, fraction = _tail(outcomes, operation)
    pieces: list[str] = []
    ends_before: tuple[str, str] | None = None
    for word, level in ((f"Median {plural(operation)} take", 0.5), (words, fraction)):
        values = {name: _percentiles(each, operation, level) for name, each in outcomes.items()}
        means = {name: mean for name in values if (mean := estimate(values[name]).mean) is not None}
        if len(means) < 2:
            continue
        ends = (min(means, key=means.__getitem__), max(means, key=means.__getitem__))
        comparison = _compared(values[ends[1]], values[ends[0]], certain=set(ends) <= set(certain))
        low, high = (milliseconds(means[name], 2) for name in ends)
        if comparison is None:
            pieces.append(f"{word} from {low} to {high}")
        elif not comparison.claimed:
            pieces.append(f"{word} about {high} ({comparison.none_seen} among {len(means)} systems)")
        elif ends == ends_before:
            pieces.append(f"{word} from {low} to {high}")
        else:
            pieces.append(f"{word} from {low} ({short_name(ends[0])}) to {high} ({short_name(ends[1])})")
        ends_before = ends
    return ", ".join(pieces) or f"Too few {plural(operation)} to compare {len(outcomes)} systems"


# Figures by system.


def bars_finding(
    throughputs: Mapping[str, Values],
    most_used: Mapping[str, tuple[str, float]],
    losses: Mapping[str, Values] | None = None,
    failures: Mapping[str, Values] | None = None,
    *,
    certain: Collection[str] = (),
) -> str:
    """What the bars show: throughput, failed requests, lost writes, and the most used station of all.

    Args:
        throughputs: Answers per second by system.
        most_used: Of each system that has one, its most used station and that station's utilization.
        losses: Acknowledged writes that are lost by system, percent.
        failures: Requests that failed by system, percent.
        certain: Systems that left nothing to chance, whose single replication is exact.
    """
    means = {name: mean for name, values in throughputs.items() if (mean := estimate(values).mean) is not None}
    clauses = []
    if not any(means.values()):
        clauses.append("No request was answered in the measured time")
    elif len(means) == 1:
        (name, mean), *_ = means.items()
        clauses.append(f"{short_name(name)} answers {significant(mean)} requests per second")
    else:
        least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        comparison = _compared(throughputs[most], throughputs[least], certain={most, least} <= set(certain))
        if comparison is None:
            rates = f"{significant(means[most])} requests per second, {short_name(least)} {significant(means[least])}"
            clauses.append(f"{short_name(most)} answers {rates}")
        elif not comparison.claimed:
            about = f"about {significant(means[most])} per second"
            clauses.append(capital(f"{comparison.none_seen} in throughput ({about})"))
        else:
            more = f"{comparison.times} as many" if comparison.times.endswith("×") else f"{comparison.times} more"
            than = "as" if comparison.times.endswith("×") else "than"
            clauses.append(f"{short_name(most)} answers {more} requests per second {than} {short_name(least)}")
    clauses += _failures(failures or {})
    clauses += _losses(losses or {})
    if most_used:
        busiest = max(most_used, key=lambda name: most_used[name][1])
        station, share = most_used[busiest]
        whose = f" of {short_name(busiest)}" if len(throughputs) > 1 else ""
        clauses.append(f"the most used station is {short_name(station)}{whose}, at {percent(share, 2)}")
    return "; ".join(clauses)


def _failures(failures: Mapping[str, Values]) -> list[str]:
    """Of whose requests most fail, and of whose fewest."""
    means = {name: mean for name, values in failures.items() if (mean := estimate(values).mean) is not None}
    if not any(means.values()):
        return []
    least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    beside = ""
    if means[least] < means[most]:
        beside = f", {percent(means[least] / 100.0, 2) if means[least] else 'none'} of {short_name(least)}'s"
    return [f"{percent(means[most] / 100.0, 2)} of {short_name(most)}'s requests fail{beside}"]


def _losses(losses: Mapping[str, Values]) -> list[str]:
    """Who loses most of the writes that it acknowledged, and who none."""
    means = {name: mean for name, values in losses.items() if (mean := estimate(values).mean) is not None}
    if not any(means.values()):
        return []
    most = max(means, key=means.__getitem__)
    none = next((name for name, mean in means.items() if not mean), None)
    beside = "" if none is None else f", {short_name(none)} none"
    return [f"{short_name(most)} loses {percent(means[most] / 100.0, 2)} of acknowledged writes{beside}"]


# Cost against latency.


def cost_finding(
    outcomes: Outcomes, millions: Mapping[str, Values], operations: Sequence[str], *, certain: Collection[str] = ()
) -> str:
    """What the systems' costs show: with two, the dearer one against the other.

    Args:
        outcomes: Replications of the systems that are charged.
        millions: Dollars a million requests, by system.
        operations: Operations to speak of, the most important one first; only that one is mentioned.
        certain: Systems that left nothing to chance, whose single replication is exact.
    """
    means = {name: mean for name, values in millions.items() if (mean := estimate(values).mean) is not None}
    if not means:
        return nothing_answered(outcomes)
    cheap, dear = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    comparison = _compared(millions[dear], millions[cheap], certain={cheap, dear} <= set(certain))
    operation = next(iter(operations), "")
    if cheap == dear or comparison is None:
        costs = [f"{short_name(name)} ${significant(mean)}" for name, mean in list(means.items())[:2]]
        verb = "costs" if len(means) == 1 else "cost"
        return f"A million requests {verb.removesuffix('s')} {', '.join(costs)}"
    if not comparison.claimed:
        return capital(f"{comparison.none_seen} in cost: about ${significant(means[dear])} a million requests")
    if len(means) > 2:
        ends = " to ".join(f"${significant(means[name])} ({short_name(name)})" for name in (cheap, dear))
        tails = _range_clause(outcomes, operation, certain=certain)
        return f"A million requests cost from {ends}; {tails[:1].lower()}{tails[1:]}"
    much = f"{comparison.times} as much as" if comparison.size >= 1.1 else f"{comparison.times} more than"
    clause = f"{short_name(dear)} costs {much} {short_name(cheap)} for each request"
    pieces = []
    for words, fraction in (_tail(outcomes, operation), ("the median", 0.5)):
        both = (_percentiles(outcomes[name], operation, fraction) for name in (cheap, dear))
        latency = _compared(*both, certain={cheap, dear} <= set(certain))
        if latency is not None:
            how = f"{latency.times} {_direction(latency)}" if latency.claimed else latency.none_seen
            pieces.append(f"{how} at {words}")
    return f"{clause}; its {plural(operation)}: {', '.join(pieces)}" if pieces else clause


# Words and helpers.


def plural(operation: str) -> str:
    """Several of an operation: "reads", "queries", "fetches"."""
    word = short_name(operation)
    if word.endswith("y") and word[-2:-1] not in set("aeiou"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def nothing_answered(outcomes: Outcomes) -> str:
    """Why there is nothing to show."""
    operations = [operation for every in outcomes.values() for each in every for operation in each.operations.values()]
    if not any(operation.requests for operation in operations):
        return "No request was measured"
    if all(errors(each) == each.requests for each in operations):
        return "Every request failed"
    return "No request was answered"


def short_name(text: str) -> str:
    """A name as it may stand within a sentence."""
    return safe_text(" ".join(text.split()), NAME_CHARACTERS_MAX)


def capital(sentence: str) -> str:
    """The sentence with a capital at its beginning."""
    return sentence[:1].upper() + sentence[1:]


def _direction(comparison: _Comparison) -> str:
    return "faster" if comparison.ratio > 1.0 else "slower"


def _percentiles(replications: Sequence[Outcome], operation: str, fraction: float) -> Values:
    return [
        percentile_ms(each.operations[operation].latency, fraction) if operation in each.operations else None
        for each in replications
    ]


def _answers(outcomes: Outcomes, operation: str) -> int:
    return sum(
        each.operations[operation].ok for every in outcomes.values() for each in every if operation in each.operations
    )


def _tail(outcomes: Outcomes, operation: str) -> tuple[str, float]:
    """The farthest of p99 and p90 that every system knows; p99 if neither."""
    for words, fraction in (("p99", 0.99), ("p90", 0.9)):
        if all(None not in _percentiles(each, operation, fraction) for each in outcomes.values()):
            return words, fraction
    return "p99", 0.99


def _compared(first: Values, second: Values, *, certain: bool) -> _Comparison | None:
    """The first by the second; None if they cannot be compared, as when there is no interval."""
    if None in first or None in second:
        return None
    if list(first) == list(second):
        return _Comparison(1.0, sure=False)
    if len(first) != len(second):
        return None
    forth, back = (estimate(ratio(*pair), certain=certain) for pair in ((first, second), (second, first)))
    if not forth.mean or not back.mean or forth.low is None or forth.high is None:
        return None
    # A ratio below one is said the other way round, so it is the inverse ratios whose mean is taken.
    middle = forth.mean if forth.mean >= 1.0 else 1.0 / back.mean
    apart = not _overlap(estimate(first, certain=certain), estimate(second, certain=certain))
    return _Comparison(middle, sure=apart and not forth.low <= 1.0 <= forth.high)


def _overlap(first: Estimate, second: Estimate) -> bool:
    assert first.low is not None
    assert first.high is not None
    assert second.low is not None
    assert second.high is not None
    return first.low <= second.high and second.low <= first.high
