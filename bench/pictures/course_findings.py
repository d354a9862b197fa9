"""Titles that say what happens over time: who fails, from when to when, who recovers, and what latency does meanwhile.

A system fails in the windows in which at least `FAILING` of the requests that end do so with an error. A change of
latency is claimed only when it leaves the range of the windows that it is compared with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.pictures.findings import Span, capital, short_name
from bench.quantities import milliseconds, percent, plain

FloatArray = npt.NDArray[np.float64]

FAILING = 0.01
"""Part of the requests that must fail in a window, and over the whole of a failure, for it to be one."""
STEADY = 0.8
"""Part of the windows of a failure that fail, above which it is said to last from one time to another."""
STUCK = 0.5
"""Part of its usual answers below which a system has not recovered."""
WINDOWS_MIN = 3
"""Windows that each side of a comparison over time must have."""
NAMED_MAX = 3
"""Failing systems that a title tells of."""


@dataclass(frozen=True, eq=False)
class Course:
    """A latency over time.

    Args:
        name: Whose it is, such as "dax read p99".
        middles_s: Middles of its windows, shape (windows,).
        values: By window, ms, nan where there is none, shape (windows,).
    """

    name: str
    middles_s: FloatArray
    values: FloatArray


@dataclass(frozen=True, eq=False)
class Ends:
    """How a system's requests end over time; arrays of shape (windows,).

    Args:
        name: The system.
        middles_s: Middles of the windows, which begin at zero and have one length.
        answers_per_s: Answers.
        errors_per_s: Failures.
    """

    name: str
    middles_s: FloatArray
    answers_per_s: FloatArray
    errors_per_s: FloatArray


def timeline_finding(
    courses: Sequence[Course],
    warmup_s: float,
    faults: Sequence[Span],
    errors_total: int,
    systems: Sequence[Ends] = (),
    unsettled: float = 0.0,
) -> str:
    """What the course over time shows: who fails and when, and the largest change during a fault, or else a drift.

    Args:
        courses: Latencies over time.
        warmup_s: End of the warm-up.
        faults: Faults with their times.
        errors_total: Requests of all systems that failed.
        systems: How the requests of each system end.
        unsettled: Part of all requests that never ended, which no window tells.
    """
    failures = [found for each in systems if (found := _failure(each, warmup_s)) is not None]
    stuck = [each.name for each in systems if _stays_down(each, warmup_s, faults)]
    if stuck:
        others = [each.name for each in systems if each.name not in stuck]
        return _stuck_sentence(stuck, others, failures, max(fault.until_s for fault in faults))
    changes = [
        change
        for course in courses
        for change in (_fault_changes(course, warmup_s, faults) if faults else _drifts(course, warmup_s))
    ]
    clauses = [capital(_failures_clause(failures, systems))] if failures else []
    if changes:
        clauses.append(_change_clause(changes, faults, first=not failures))
    if errors_total and not failures:
        failed = "one request failed" if errors_total == 1 else f"{errors_total:,} requests failed"
        clauses.append(failed if clauses else capital(failed))
    if unsettled >= FAILING:
        clauses.append(f"{percent(unsettled, 2)} of all requests never end")
    if not clauses:
        return "Too few windows of time to see a change"
    return "; ".join(clauses)


# Failures.


@dataclass(frozen=True)
class _Failure:
    """A stretch of time in which a system fails.

    Args:
        name: The system.
        from_s: Begin of the first window that fails; none if that is the first of all.
        until_s: End of the last one; none if that is the last of all.
        worst: The largest part of the requests that fails in a window.
        steady: Whether nearly all windows in between fail.
        whole: Whether all requests in between do.
    """

    name: str
    from_s: float | None
    until_s: float | None
    worst: float
    steady: bool
    whole: bool

    @property
    def when(self) -> str:
        """From when to when."""
        if self.from_s is None and self.until_s is None:
            return "throughout"
        words = ("from", "to") if self.steady else ("between", "and")
        begin = "the beginning" if self.from_s is None else f"{plain(self.from_s)} s"
        return f"{words[0]} {begin} {words[1]} {'the end' if self.until_s is None else f'{plain(self.until_s)} s'}"


def _failure(ends: Ends, warmup_s: float) -> _Failure | None:
    """When a system fails, if it does."""
    measured = np.flatnonzero(ends.middles_s >= warmup_s)
    failed, ended = ends.errors_per_s[measured], (ends.answers_per_s + ends.errors_per_s)[measured]
    shares = np.divide(failed, ended, out=np.zeros(len(measured)), where=ended > 0.0)
    failing = np.flatnonzero(shares >= FAILING)
    if not len(failing):
        return None
    first, last = int(failing[0]), int(failing[-1])
    meanwhile = slice(first, last + 1)
    if failed[meanwhile].sum() < FAILING * ended[meanwhile].sum():
        return None
    middles_s, half_s = ends.middles_s[measured], float(ends.middles_s[0])
    return _Failure(
        ends.name,
        None if first == 0 else float(middles_s[first]) - half_s,
        None if last == len(measured) - 1 else float(middles_s[last]) + half_s,
        float(shares.max()),
        len(failing) >= STEADY * (last + 1 - first),
        bool((shares[meanwhile] == 1.0).all()),
    )


def _failures_clause(failures: Sequence[_Failure], systems: Sequence[Ends]) -> str:
    """Of whose requests how many fail, and when; and who never fails."""
    worst = sorted(failures, key=lambda each: -each.worst)[:NAMED_MAX]
    pieces: list[str] = []
    for each in (failure for failure in failures if failure in worst):
        share = "all" if each.whole else f"up to {percent(each.worst, 2)}"
        whose = f"{short_name(each.name)}'s"
        pieces.append(f"{share} of {whose}{'' if pieces else ' requests fail'} {each.when}")
    if len(failures) > NAMED_MAX:
        more = len(failures) - NAMED_MAX
        pieces.append("another system's fail, too" if more == 1 else f"{more} other systems' fail, too")
    clause = ", ".join(pieces)
    others = [each for each in systems if each.name not in {failure.name for failure in failures}]
    if others and not any(each.errors_per_s.any() for each in others):
        clause += (
            f"; none of {'the others' if len(others) > 1 else short_name(others[0].name)}'{'s' * (len(others) == 1)}"
        )
    return clause


def _stuck_sentence(stuck: Sequence[str], others: Sequence[str], failures: Sequence[_Failure], until_s: float) -> str:
    """Who does not recover, and when the others did."""
    does = "does" if len(stuck) == 1 else "do"
    text = f"{' and '.join(map(short_name, stuck))} {does} not recover from what ends at {plain(until_s)} s"
    if not others:
        return text
    text += "; the other does" if len(others) == 1 else "; the others do"
    ends = [each.until_s for each in failures if each.name in others]
    known = [end for end in ends if end is not None]
    return f"{text} by {plain(max(known))} s" if known and len(known) == len(ends) else text


def _stays_down(ends: Ends, warmup_s: float, faults: Sequence[Span]) -> bool:
    """Whether a system answers less than half of what it did before the faults, long after them and to the end."""
    if not faults:
        return False
    first_s, last_s = min(fault.from_s for fault in faults), max(fault.until_s for fault in faults)
    before = ends.answers_per_s[(ends.middles_s >= warmup_s) & (ends.middles_s < first_s)]
    after = ends.answers_per_s[ends.middles_s >= last_s]
    if len(before) < WINDOWS_MIN or len(after) < 2 * WINDOWS_MIN:
        return False
    return bool(np.median(after[len(after) // 2 :]) < STUCK * np.median(before))


# Changes of latency.


@dataclass(frozen=True)
class _Change:
    """From one stretch of time to another; the ratio is 1 if the later median lies in the range of what was before."""

    course: str
    when: str
    before_ms: float
    after_ms: float
    ratio: float


def _change_clause(changes: Sequence[_Change], faults: Sequence[Span], *, first: bool) -> str:
    """The largest change, or that there is none; of a title, the first clause or another."""
    largest = max(changes, key=lambda change: abs(math.log(change.ratio)))
    if largest.ratio == 1.0 and not first:
        return "latencies are as before most of the time"
    if largest.ratio == 1.0:
        names = sorted({change.when for change in changes})
        return f"No change of latency seen {names[0] if len(names) == 1 else f'during {len(faults)} faults'}"
    direction = "rises" if largest.ratio > 1.0 else "falls"
    values = f"from {milliseconds(largest.before_ms, 2)} to {milliseconds(largest.after_ms, 2)}"
    # A name stays as it is spelt, even where it begins a sentence.
    return f"{largest.course} {direction} {values} {largest.when}"


def _fault_changes(course: Course, warmup_s: float, faults: Sequence[Span]) -> list[_Change]:
    """What each fault changed, against the measured windows outside of all faults."""
    during = [(course.middles_s >= fault.from_s) & (course.middles_s < fault.until_s) for fault in faults]
    calm = (course.middles_s >= warmup_s) & ~np.any(during, axis=0)
    changes = [
        _changed(course, f'during "{short_name(fault.label)}"', course.values[calm], course.values[mask])
        for fault, mask in zip(faults, during, strict=True)
    ]
    return [change for change in changes if change is not None]


def _drifts(course: Course, warmup_s: float) -> list[_Change]:
    """What changed from the start to the end of the measured time."""
    measured = course.values[course.middles_s >= warmup_s]
    third = len(measured) // 3
    if not third:
        return []
    when = "from the first to the last third of the measured time"
    change = _changed(course, when, measured[:third], measured[-third:])
    return [] if change is None else [change]


def _changed(course: Course, when: str, before: FloatArray, after: FloatArray) -> _Change | None:
    earlier, later = before[np.isfinite(before)], after[np.isfinite(after)]
    if len(earlier) < WINDOWS_MIN or len(later) < WINDOWS_MIN:
        return None
    before_ms, after_ms = float(np.median(earlier)), float(np.median(later))
    seen = before_ms > 0.0 and after_ms > 0.0 and not earlier.min() <= after_ms <= earlier.max()
    return _Change(course.name, when, before_ms, after_ms, after_ms / before_ms if seen else 1.0)
