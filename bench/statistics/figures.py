"""What one replication says: each figure is one number, or None where the replication has none.

Intervals are taken over these numbers, and expectations look at them. A percentile with fewer than ten requests beyond
it is none: whatever it says, the next replication would say something else. Before anything is said at all, the outcome
must balance; `imbalances` lists what does not.
"""

from __future__ import annotations

import math

import numpy as np

from models.kernel.charges import HOUR_S, MILLION
from models.kernel.outcome import COARSE, Distribution, FloatArray, OperationOutcome, Outcome, StationOutcome

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
"""Fractions by name."""
STALE_PERCENTILES = ("p50", "p99")
"""Those of the ages of stale reads."""
EXCEEDANCES_MIN = 10
"""Requests that must lie beyond a percentile, in each replication, for it to be said."""


def latency_mean_ms(latency: Distribution) -> float | None:
    """Mean latency, ms; None without an answer."""
    return latency.mean_s * 1000.0 if latency.count else None


def latency_max_ms(latency: Distribution) -> float | None:
    """The largest latency, ms; None without an answer. It grows with the length of a run."""
    return latency.highest_s * 1000.0 if latency.count else None


def percentile_ms(latency: Distribution, fraction: float) -> float | None:
    """A percentile, ms; None if fewer than `EXCEEDANCES_MIN` of the latencies lie beyond it."""
    return latency.percentile_s(fraction) * 1000.0 if percentile_is_known(latency.count, fraction) else None


def percentile_is_known(count: int, fraction: float) -> bool:
    """Whether so many values have `EXCEEDANCES_MIN` beyond a percentile."""
    return count - percentile_rank(count, fraction) >= EXCEEDANCES_MIN


def percentile_rank(count: int, fraction: float) -> int:
    """Which of so many sorted values the percentile is, from 1; as `Distribution.percentile_s` has it."""
    return max(1, math.ceil(fraction * count - 1e-9))


def throughput_per_s(outcome: Outcome, operation: str) -> float | None:
    """Answers per second between warm-up and duration; None if no time lies between."""
    span_s = _span_s(outcome)
    return int(outcome.operations[operation].answers_in_span) / span_s if span_s > 0.0 else None


def errors(operation: OperationOutcome) -> int:
    """Requests that failed in the end, of any kind."""
    return sum(map(int, operation.errors.values()))


def error_ratio(operation: OperationOutcome) -> float | None:
    """Part of the requests that failed in the end; None without a request."""
    return errors(operation) / int(operation.requests) if operation.requests else None


def unavailable_s(outcome: Outcome, operation: str) -> float | None:
    """Seconds of those measured windows in which no more than half of what came to its end was answered, or nothing
    came to its end; None if no window was measured, or in all of them together there was nothing.

    Of operations that are rare beside the windows it says nothing.
    """
    each, (start_s, end_s) = outcome.operations[operation], outcome.span_s
    measured = (outcome.window_edges_s[:-1] >= start_s) & (outcome.window_edges_s[1:] <= end_s * (1.0 + 1e-9))
    lengths_s = np.diff(outcome.window_edges_s)[measured]
    answered, failed = each.window_ok[measured], each.window_errors[measured]
    if not (answered.any() or failed.any()):
        return None
    return float(lengths_s[answered <= failed].sum())


def stage_s(outcome: Outcome, stage: str) -> float:
    """Seconds that a stage of what control does took in all; 0 if it never came to it."""
    known = outcome.stages.get(stage)
    return 0.0 if known is None else known.integral(0.0, float(outcome.span_s[1]))


def stale_ratio(operation: OperationOutcome) -> float | None:
    """Part of the reads whose answer had been superseded before they were asked; None where none has a version."""
    return int(operation.stale) / int(operation.reads) if operation.reads else None


def stale_mean_ms(operation: OperationOutcome) -> float | None:
    """Mean age of the stale reads, ms, known to 1/64; None if none is stale."""
    count = int(operation.stale)
    return math.fsum((operation.ages * COARSE.middles_s()).tolist()) / count * 1000.0 if count else None


def stale_percentile_ms(operation: OperationOutcome, fraction: float) -> float | None:
    """A percentile of the ages of stale reads, ms, known to 1/64; None with fewer than `EXCEEDANCES_MIN` beyond it."""
    count = int(operation.stale)
    if not percentile_is_known(count, fraction):
        return None
    index = int(np.searchsorted(np.cumsum(operation.ages), percentile_rank(count, fraction)))
    return float(COARSE.middles_s()[index]) * 1000.0


def stale_max_ms(operation: OperationOutcome) -> float | None:
    """The largest age of a stale read, ms; None if none is stale. It grows with the length of a run."""
    return operation.oldest_s * 1000.0 if operation.stale else None


def lookups(outcome: Outcome, cache: str) -> int:
    """Lookups in all members of a cache family."""
    return int(outcome.caches[cache].lookups.sum())


def hits(outcome: Outcome, cache: str) -> int:
    """Hits in all members of a cache family."""
    return int(outcome.caches[cache].hits.sum())


def misses(outcome: Outcome, cache: str) -> int:
    """Misses in all members of a cache family, counted on their own."""
    return int(outcome.caches[cache].misses.sum())


def hit_ratio(outcome: Outcome, cache: str) -> float | None:
    """Hits by lookups over all members; None without a lookup."""
    count = lookups(outcome, cache)
    return hits(outcome, cache) / count if count else None


def utilization(outcome: Outcome, station: str) -> float | None:
    """Part of its servers' time that a member was busy, mean over members; None where servers have no number."""
    part = outcome.stations[station]
    span_s = _span_s(outcome)
    if span_s <= 0.0 or is_unlimited(part):
        return None
    present = part.span_servers_s > 0.0
    return float(np.mean(part.span_busy_s[present] / part.span_servers_s[present])) if present.any() else None


def is_unlimited(station: StationOutcome) -> bool:
    """Whether any member had servers without number, of which no part can be busy."""
    return bool(np.isinf(station.span_servers_s).any() or np.isinf(station.servers_s).any())


def mean_queue(outcome: Outcome, station: str) -> float | None:
    """Requests waiting at a member, mean over time and members; None if no time was measured."""
    span_s = _span_s(outcome)
    return float(np.mean(outcome.stations[station].span_queue_s)) / span_s if span_s > 0.0 else None


def taken_per_s(outcome: Outcome, bucket: str) -> float | None:
    """Tokens taken per second, by all requests, from all members of a bucket family; None if no time was measured."""
    span_s = _span_s(outcome)
    return outcome.buckets[bucket].taken / span_s if span_s > 0.0 else None


def refused_per_s(outcome: Outcome, bucket: str) -> float | None:
    """Tokens wanted per second by those who found too few; None if no time was measured."""
    span_s = _span_s(outcome)
    return outcome.buckets[bucket].refused / span_s if span_s > 0.0 else None


def charge_dollars_per_hour(outcome: Outcome, charge: str) -> float | None:
    """What one charge comes to in an hour like the measured time; None if no time was measured."""
    span_s = _span_s(outcome)
    return outcome.charges[charge].dollars / span_s * HOUR_S if span_s > 0.0 else None


def dollars_per_hour(outcome: Outcome) -> float | None:
    """What all charges come to in an hour like the measured time; None without charges or measured time."""
    span_s = _span_s(outcome)
    return _dollars(outcome) / span_s * HOUR_S if outcome.charges and span_s > 0.0 else None


def dollars_per_million_requests(outcome: Outcome) -> float | None:
    """Dollars for each million answers (ok) of all operations in the measured time; None without charges or answers."""
    answers = sum(int(each.answers_in_span) for each in outcome.operations.values())
    return _dollars(outcome) / answers * MILLION if outcome.charges and answers else None


def counters(outcome: Outcome) -> dict[str, int]:
    """All counters by dotted name, `<cache family>.lookups` and `.hits` among them."""
    counts = {name: int(count) for name, count in outcome.counters.items()}
    for cache in outcome.caches:
        counts[f"{cache}.lookups"] = lookups(outcome, cache)
        counts[f"{cache}.hits"] = hits(outcome, cache)
    return counts


def imbalances(outcome: Outcome) -> list[str]:
    """What does not add up in one replication; empty if all does.

    Requests are answered, failed or unfinished, and each answer has a latency; lookups are hits or misses; acknowledged
    writes are kept, lost or superseded, where a model counts them; what a counter repeats is the same; tokens and
    dollars of the measured time are those of its windows.
    """
    found: list[str] = []

    def equal(what: str, whole: int, *pieces: int) -> None:
        if whole != sum(pieces) or min(whole, *pieces) < 0:
            place = f"{outcome.system}, replication {outcome.replication}"
            found.append(f"{place}: {what}: {whole} is not {' + '.join(map(str, pieces))}")

    for name, each in outcome.operations.items():
        settled = (each.ok, *each.errors.values())
        equal(f"{name}: requests = ok + errors + unfinished", each.requests, *settled, each.unfinished)
        equal(f"{name}: latencies = ok", each.latency.count, each.ok)
        by_window = int(each.window_latency.sum())
        equal(f"{name}: latencies = answers, over all windows", by_window, int(each.window_ok.sum()))
        equal(f"{name}: stale reads = their ages", int(each.stale), int(each.ages.sum()))
        equal(f"{name}: reads = fresh + stale", int(each.reads), int(each.reads - each.stale), int(each.stale))
    counts = outcome.counters
    for name in outcome.caches:
        all_, hit, missed = lookups(outcome, name), hits(outcome, name), misses(outcome, name)
        equal(f"{name}: lookups = hits + misses", all_, hit, missed)
        equal(f"{name}: misses = their counter", missed, counts.get(f"{name}.misses", missed))
        equal(f"{name}: lookups = their counter", all_, counts.get(f"{name}.lookups", all_))
        equal(f"{name}: hits = their counter", hit, counts.get(f"{name}.hits", hit))
    fates = [f"writes.{fate}" for fate in ("acknowledged", "kept", "lost", "superseded")]
    if all(fate in counts for fate in fates):
        equal("writes: acknowledged = kept + lost + superseded", *(counts[fate] for fate in fates))
    totals = [
        *((f"{name}: tokens taken", each.taken, each.window_taken) for name, each in outcome.buckets.items()),
        *((f"{name}: tokens refused", each.refused, each.window_refused) for name, each in outcome.buckets.items()),
        *((f"{name}: dollars", each.dollars, each.window_dollars) for name, each in outcome.charges.items()),
    ]
    for what, whole, windows in totals:
        least, most = _from_windows(outcome, windows)
        slack = 1e-9 * most
        if not (0.0 <= whole < math.inf and least - slack <= whole <= most + slack):
            place = f"{outcome.system}, replication {outcome.replication}"
            found.append(f"{place}: {what}: {whole} is not between {least} and {most}, as its windows say")
    return found


def _dollars(outcome: Outcome) -> float:
    """The whole bill of the measured time."""
    return math.fsum(each.dollars for each in outcome.charges.values())


def _from_windows(outcome: Outcome, values: FloatArray) -> tuple[float, float]:
    """Sums over the windows that lie wholly within the measured span, and over those that reach into it."""
    begins, ends = outcome.window_edges_s[:-1], outcome.window_edges_s[1:]
    start_s, end_s = outcome.span_s
    slack_s = 1e-9 * end_s
    inside = (begins >= start_s - slack_s) & (ends <= end_s + slack_s)
    touching = (ends > start_s - slack_s) & (begins < end_s + slack_s)
    return math.fsum(values[inside].tolist()), math.fsum(values[touching].tolist())


def _span_s(outcome: Outcome) -> float:
    """Length of the measured span, seconds."""
    start_s, end_s = outcome.span_s
    return end_s - start_s
