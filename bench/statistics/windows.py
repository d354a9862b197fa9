"""Figures of a stretch of time: what the windows say that lie wholly within it.

A replication counts by window what was answered, failed, looked up and worked on, by the time at which it happened. An
outcome made of some of them has the same form as that of the whole, so that the same figures can be read from it.
Latencies within windows are known to 1/64 (`COARSE`), a mean of them too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from models.kernel.outcome import (
    COARSE,
    FINE,
    TICKS_PER_S,
    BucketOutcome,
    CacheOutcome,
    ChargeOutcome,
    Distribution,
    OperationOutcome,
    Outcome,
    StationOutcome,
)

Phase = Literal["before", "during", "after"]
Stretch = tuple[float, float]
"""From when until when, seconds."""


def phases(faults: Sequence[Stretch], warmup_s: float, duration_s: float) -> dict[Phase, Stretch]:
    """What lies before the first fault, between its begin and the end of the last, and after that; none of no length.

    Args:
        faults: From when until when, inf for ever.
        warmup_s: Where measuring begins.
        duration_s: Where it ends.
    """
    if not faults:
        return {}
    first_s, last_s = min(at_s for at_s, _ in faults), min(duration_s, max(until_s for _, until_s in faults))
    found: dict[Phase, Stretch] = {
        "before": (warmup_s, first_s), "during": (first_s, last_s), "after": (last_s, duration_s),
    }  # fmt: skip
    return {phase: stretch for phase, stretch in found.items() if stretch[0] < stretch[1]}


def windows_within(edges_s: Sequence[float], stretch: Stretch) -> slice:
    """The windows that lie wholly within a stretch; empty where none does. Edges may miss by rounding."""
    slack_s = 1e-9 * edges_s[-1]
    first = int(np.searchsorted(edges_s, stretch[0] - slack_s))
    last = int(np.searchsorted(edges_s, stretch[1] + slack_s, side="right")) - 1
    return slice(first, max(first, last))


def within(outcome: Outcome, stretch: Stretch) -> Outcome:
    """A replication, as far as its windows within a stretch tell; counts of attempts and kinds of failure are not told.

    Raises:
        AssertionError: If no window lies within.
    """
    edges_s = outcome.window_edges_s
    some = windows_within(edges_s.tolist(), stretch)
    assert some.start < some.stop, f"no window lies within {stretch}"
    span_s = (float(edges_s[some.start]), float(edges_s[some.stop]))
    return replace(
        outcome,
        span_s=span_s,
        window_edges_s=edges_s[some.start : some.stop + 1],
        operations={name: _operation(each, some) for name, each in outcome.operations.items()},
        stations={name: _station(each, some) for name, each in outcome.stations.items()},
        caches={name: _cache(each, some) for name, each in outcome.caches.items()},
        buckets={name: _bucket(each, some) for name, each in outcome.buckets.items()},
        charges={name: _charge(each, some) for name, each in outcome.charges.items()},
        counters={},
    )


def recovery_s(
    values: Sequence[float | None], edges_s: Sequence[float], usual: float, at_s: float, tolerance: float
) -> float:
    """Seconds from a fault until a figure is as usual again, and stays so until the end.

    Args:
        values: The figure in each window; None where nothing was answered, which is not as usual.
        edges_s: Edges of the windows.
        usual: The figure before the fault.
        at_s: When the fault began.
        tolerance: Part of the usual value by which the figure may differ.

    Returns:
        Up to the end of the last window that differs; to the end of all if that is the last one: it takes longer.
    """
    for index in reversed(range(len(values))):
        if edges_s[index + 1] <= at_s:
            break
        value = values[index]
        if value is None or abs(value - usual) > tolerance * abs(usual):
            return float(edges_s[index + 1]) - at_s
    return 0.0


def _operation(whole: OperationOutcome, some: slice) -> OperationOutcome:
    counts = whole.window_latency[some].sum(axis=0)
    middles_s = COARSE.middles_s()
    used = np.flatnonzero(counts)
    fine = np.zeros(FINE.bins, np.int64)
    bins = np.clip(np.searchsorted(FINE.edges_s(), middles_s[used], side="right") - 1, 0, FINE.bins - 1)
    np.add.at(fine, bins, counts[used])
    ticks = sum(int(count) * int(middles_s[i] * TICKS_PER_S) for i, count in zip(used, counts[used], strict=True))
    lowest_s, highest_s = (middles_s[used[0]], middles_s[used[-1]]) if len(used) else (math.inf, -math.inf)
    ok, failed = int(whole.window_ok[some].sum()), int(whole.window_errors[some].sum())
    return replace(
        whole, requests=ok + failed, ok=ok, errors={"failed": failed}, unfinished=0, attempts=0, answers_in_span=ok,
        latency=Distribution(fine, ticks, np.empty(0), float(lowest_s), float(highest_s)),
        window_ok=whole.window_ok[some], window_errors=whole.window_errors[some],
        window_latency=whole.window_latency[some],
        reads=ok if whole.reads else 0, stale=int(whole.window_stale[some].sum()), ages=np.zeros_like(whole.ages),
        window_stale=whole.window_stale[some],
    )  # fmt: skip


def _station(whole: StationOutcome, some: slice) -> StationOutcome:
    return replace(
        whole,
        servers_s=whole.servers_s[:, some], busy_s=whole.busy_s[:, some], queue_s=whole.queue_s[:, some],
        span_servers_s=whole.servers_s[:, some].sum(axis=1), span_busy_s=whole.busy_s[:, some].sum(axis=1),
        span_queue_s=whole.queue_s[:, some].sum(axis=1),
    )  # fmt: skip


def _bucket(whole: BucketOutcome, some: slice) -> BucketOutcome:
    taken, refused = whole.window_taken[some], whole.window_refused[some]
    return BucketOutcome(float(taken.sum()), float(refused.sum()), taken, refused)


def _charge(whole: ChargeOutcome, some: slice) -> ChargeOutcome:
    dollars = whole.window_dollars[some]
    return ChargeOutcome(float(dollars.sum()), dollars)


def _cache(whole: CacheOutcome, some: slice) -> CacheOutcome:
    lookups, hits = whole.window_lookups[some], whole.window_hits[some]
    return CacheOutcome(
        lookups=lookups.sum(keepdims=True), hits=hits.sum(keepdims=True), misses=(lookups - hits).sum(keepdims=True),
        window_lookups=lookups, window_hits=hits,
    )  # fmt: skip
