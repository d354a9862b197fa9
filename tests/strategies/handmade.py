"""Outcomes written by hand: a few numbers are given, the rest follows so that everything balances.

Unlike sampled outcomes, these are small enough that every figure can be worked out on paper.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from models.kernel.outcome import (
    COARSE,
    BucketOutcome,
    CacheOutcome,
    ChargeOutcome,
    LevelOutcome,
    OperationOutcome,
    Outcome,
    StationOutcome,
)
from models.kernel.parts import UNLIMITED
from tests.strategies.outcomes import bins_of, distribution_of

SPAN_S = (10.0, 30.0)
EDGES_S = np.array([0.0, 10.0, 20.0, 30.0])


def operation(
    latencies_s: Sequence[float] = (),
    errors: Mapping[str, int] | None = None,
    unfinished: int = 0,
    batch_means_s: Sequence[float] = (),
    batch_ok: Sequence[int] | None = None,
    window_ok: Sequence[int] | None = None,
    ages_s: Sequence[float] | None = None,
) -> OperationOutcome:
    """Answers with these latencies, all of them in the second window unless `window_ok` says otherwise; some may be
    stale, and then all have a version.
    """
    values = np.array(latencies_s, dtype=np.float64)
    failed = dict(errors or {})
    ok = len(values)
    by_bin = np.bincount(bins_of(COARSE, values), minlength=COARSE.bins).astype(np.int64)
    window_latency = np.zeros((3, COARSE.bins), dtype=np.int64)
    window_latency[1] = by_bin
    windows = window_latency.sum(axis=1)
    if window_ok is not None:
        windows = np.array(window_ok, dtype=np.int64)
        window_latency = np.zeros((3, COARSE.bins), dtype=np.int64)
        window_latency[:, 1] = windows
    batches = np.full(len(batch_means_s), 5) if batch_ok is None else np.array(batch_ok, dtype=np.int64)
    ages = np.array(ages_s or (), dtype=np.float64)
    return OperationOutcome(
        requests=ok + sum(failed.values()) + unfinished,
        ok=ok,
        errors=failed,
        unfinished=unfinished,
        attempts=ok + sum(failed.values()) + unfinished,
        answers_in_span=ok,
        latency=distribution_of(values),
        batch_ok=batches,
        batch_total_s=batches * np.array(batch_means_s, dtype=np.float64),
        window_ok=windows,
        window_errors=np.array([0, sum(failed.values()), 0], dtype=np.int64),
        window_latency=window_latency,
        reads=0 if ages_s is None else ok,
        stale=len(ages),
        ages=np.bincount(bins_of(COARSE, ages), minlength=COARSE.bins).astype(np.int64),
        oldest_s=float(ages.max(initial=0.0)),
        window_stale=np.array([0, len(ages), 0], dtype=np.int64),
    )


def station(servers: Sequence[int], busy_s: Sequence[float], queue_s: Sequence[float]) -> StationOutcome:
    """Members with so many server-seconds and request-seconds from 10 to 30 s, half of them in each window there."""
    busy, queue = np.array(busy_s, dtype=np.float64), np.array(queue_s, dtype=np.float64)
    counts = np.array(servers, dtype=np.float64)
    unlimited = counts == UNLIMITED
    halves = np.array([[0.0, 0.5, 0.5]])
    return StationOutcome(
        servers_s=np.where(unlimited, math.inf, counts * 10.0)[:, np.newaxis] * np.ones(3),
        span_servers_s=np.where(unlimited, math.inf, counts * 20.0),
        busy_s=busy[:, np.newaxis] * halves,
        queue_s=queue[:, np.newaxis] * halves,
        span_busy_s=busy,
        span_queue_s=queue,
        started=np.zeros(len(busy), dtype=np.int64),
        rejected=np.zeros(len(busy), dtype=np.int64),
    )


def cache(lookups: Sequence[int], hits: Sequence[int]) -> CacheOutcome:
    """Members with so many lookups and hits, all in the second window."""
    return CacheOutcome(
        lookups=np.array(lookups, dtype=np.int64),
        hits=np.array(hits, dtype=np.int64),
        misses=np.array(lookups, dtype=np.int64) - np.array(hits, dtype=np.int64),
        window_lookups=np.array([0, sum(lookups), 0], dtype=np.int64),
        window_hits=np.array([0, sum(hits), 0], dtype=np.int64),
    )


def bucket(taken: float, refused: float) -> BucketOutcome:
    """So many tokens from 10 to 30 s, half of them in each window there, and none before."""
    halves = np.array([0.0, 0.5, 0.5])
    return BucketOutcome(taken, refused, taken * halves, refused * halves)


def charge(dollars: float) -> ChargeOutcome:
    """So many dollars from 10 to 30 s, a quarter of them in the first window there."""
    return ChargeOutcome(dollars, dollars * np.array([0.0, 0.25, 0.75]))


def outcome(
    system: str = "dax",
    replication: int = 0,
    *,
    operations: Mapping[str, OperationOutcome] | None = None,
    stations: Mapping[str, StationOutcome] | None = None,
    caches: Mapping[str, CacheOutcome] | None = None,
    counters: Mapping[str, int] | None = None,
    buckets: Mapping[str, BucketOutcome] | None = None,
    charges: Mapping[str, ChargeOutcome] | None = None,
    levels: Mapping[str, LevelOutcome] | None = None,
    wall_s: float = 0.5,
) -> Outcome:
    """One replication, measured from 10 s to 30 s."""
    return Outcome(
        system=system,
        replication=replication,
        engine="simpy",
        span_s=SPAN_S,
        window_edges_s=EDGES_S,
        operations=operations or {},
        stations=stations or {},
        caches=caches or {},
        counters=counters or {},
        primed_requests=0,
        simulated_requests=1000,
        events=4000,
        wall_s=wall_s,
        buckets=buckets or {},
        charges=charges or {},
        levels=levels or {},
    )


def reads(system: str, *latencies_ms: float) -> list[Outcome]:
    """Replications in each of which 40 reads took the given time."""
    return [
        outcome(system, index, operations={"read": operation([latency_ms / 1000.0] * 40)})
        for index, latency_ms in enumerate(latencies_ms)
    ]
