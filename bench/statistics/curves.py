"""Figures as curves, for pictures and data files: over time, and over percentiles; nan where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.statistics.figures import is_unlimited, percentile_is_known, percentile_rank
from bench.statistics.intervals import Band, band
from models.kernel.outcome import COARSE, BucketOutcome, OperationOutcome, Outcome, StationOutcome

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CURVE_FRACTIONS: tuple[float, ...] = tuple(
    sorted({0.01, 0.5, 0.95} | {1.0 - math.pow(10.0, -step / 40.0) for step in range(1, 241)})
)
"""Where a percentile curve is evaluated: forty points to each nine, up to six nines, so that a step shows as one."""


@dataclass(frozen=True)
class OperationSeries:
    """One operation over time, by window of completion, warm-up included; each array of shape (windows,).

    Args:
        throughput_per_s: Answers per second, with intervals over replications.
        errors_per_s: Final failures per second, with intervals over replications.
        p50_ms: Median latency of the answers of all replications.
        p99_ms: Their 99th percentile.
        stale_ratio: Part of the answers of all replications that were stale; empty where nothing tracks versions.
    """

    throughput_per_s: Band
    errors_per_s: Band
    p50_ms: FloatArray
    p99_ms: FloatArray
    stale_ratio: FloatArray


@dataclass(frozen=True)
class StationSeries:
    """One station family over time, each array of shape (windows,).

    Args:
        utilization: Mean over members and replications.
        mean_queue: Likewise.
        present: Requests in service or waiting, all members together, with intervals over replications.
    """

    utilization: FloatArray
    mean_queue: FloatArray
    present: Band


@dataclass(frozen=True)
class BucketSeries:
    """One token bucket family over time, all members together, with intervals over replications.

    Args:
        taken_per_s: Tokens taken.
        refused_per_s: Tokens wanted by those who found too few.
    """

    taken_per_s: Band
    refused_per_s: Band


@dataclass(frozen=True)
class SystemSeries:
    """One system over time.

    Args:
        edges_s: Edges of the windows, seconds, shape (windows + 1,).
        operations: By name.
        hit_ratio: By cache family: hits by lookups of all replications, shape (windows,).
        stations: By family name.
        buckets: By family name.
    """

    edges_s: FloatArray
    operations: Mapping[str, OperationSeries]
    hit_ratio: Mapping[str, FloatArray]
    stations: Mapping[str, StationSeries]
    buckets: Mapping[str, BucketSeries]

    @property
    def middles_s(self) -> FloatArray:
        """Middles of the windows, seconds, shape (windows,)."""
        return (self.edges_s[:-1] + self.edges_s[1:]) / 2.0


@dataclass(frozen=True)
class PercentileCurve:
    """Latency over the fraction of requests that are no slower.

    Args:
        fractions: In (0, 1), rising, as far as every replication can say; shape (points,).
        latency_ms: With intervals over replications, shape (points,).
    """

    fractions: FloatArray
    latency_ms: Band


def time_series(replications: Sequence[Outcome], *, certain: bool = False) -> SystemSeries:
    """One system over time.

    Latencies and hit ratios of a window are those of all replications pooled: good enough for a drawing, and no
    interval is claimed for them. Percentiles keep the rule of ten requests beyond them.
    """
    first = replications[0]
    assert all(np.array_equal(first.window_edges_s, each.window_edges_s) for each in replications), "windows must agree"
    widths_s = np.diff(first.window_edges_s)
    return SystemSeries(
        edges_s=first.window_edges_s,
        operations={
            name: _operation_series([each.operations[name] for each in replications], widths_s, certain=certain)
            for name in first.operations
        },
        hit_ratio={
            name: _quotient(
                np.sum([each.caches[name].window_hits for each in replications], axis=0),
                np.sum([each.caches[name].window_lookups for each in replications], axis=0),
            )
            for name in first.caches
        },
        stations={
            name: _station_series([each.stations[name] for each in replications], widths_s, certain=certain)
            for name in first.stations
        },
        buckets={
            name: _bucket_series([each.buckets[name] for each in replications], widths_s, certain=certain)
            for name in first.buckets
        },
    )


def percentile_curve(replications: Sequence[Outcome], operation: str, *, certain: bool = False) -> PercentileCurve:
    """Latency of one operation at many percentiles, as far out as every replication has ten requests beyond."""
    latencies = [each.operations[operation].latency for each in replications]
    fewest = min(latency.count for latency in latencies)
    fractions = [fraction for fraction in CURVE_FRACTIONS if percentile_is_known(fewest, fraction)]
    rows = [(latency.percentiles_s(fractions) * 1000.0).tolist() for latency in latencies]
    return PercentileCurve(np.array(fractions, dtype=np.float64), band(rows, certain=certain))


def _operation_series(
    operations: Sequence[OperationOutcome], widths_s: FloatArray, *, certain: bool
) -> OperationSeries:
    """One operation over time."""
    pooled: IntArray = np.sum([each.window_latency for each in operations], axis=0)
    return OperationSeries(
        throughput_per_s=band([_quotient(each.window_ok, widths_s) for each in operations], certain=certain),
        errors_per_s=band([_quotient(each.window_errors, widths_s) for each in operations], certain=certain),
        p50_ms=_coarse_percentile_ms(pooled, 0.5),
        p99_ms=_coarse_percentile_ms(pooled, 0.99),
        stale_ratio=_stale_ratio(operations),
    )


def _stale_ratio(operations: Sequence[OperationOutcome]) -> FloatArray:
    """Stale reads by answers of each window; an operation whose answers have versions gives one with each."""
    if not any(each.reads for each in operations):
        return np.empty(0)
    stale: IntArray = np.sum([each.window_stale for each in operations], axis=0)
    return _quotient(stale, np.sum([each.window_ok for each in operations], axis=0))


def _station_series(stations: Sequence[StationOutcome], widths_s: FloatArray, *, certain: bool) -> StationSeries:
    """One station family over time."""
    shares = [
        np.full(len(widths_s), math.nan)
        if is_unlimited(each)
        else np.mean(_quotient(each.busy_s, each.servers_s), axis=0)
        for each in stations
    ]
    queues = [np.mean(_quotient(each.queue_s, widths_s), axis=0) for each in stations]
    present = [_quotient(np.sum(each.busy_s + each.queue_s, axis=0), widths_s) for each in stations]
    return StationSeries(np.mean(shares, axis=0), np.mean(queues, axis=0), band(present, certain=certain))


def _bucket_series(buckets: Sequence[BucketOutcome], widths_s: FloatArray, *, certain: bool) -> BucketSeries:
    """One token bucket family over time."""
    return BucketSeries(
        band([_quotient(each.window_taken, widths_s) for each in buckets], certain=certain),
        band([_quotient(each.window_refused, widths_s) for each in buckets], certain=certain),
    )


def _coarse_percentile_ms(counts: IntArray, fraction: float) -> FloatArray:
    """A percentile of each row of counts by bin of `COARSE`, shape (windows,)."""
    middles_ms = COARSE.middles_s() * 1000.0
    totals = counts.sum(axis=1).tolist()
    known = [
        middles_ms[np.searchsorted(np.cumsum(row), percentile_rank(total, fraction))]
        if percentile_is_known(total, fraction)
        else math.nan
        for row, total in zip(counts, totals, strict=True)
    ]
    return np.array(known, dtype=np.float64)


def _quotient(numerator: FloatArray | IntArray, denominator: FloatArray | IntArray) -> FloatArray:
    """Element by element, nan where the denominator is zero."""
    quotient = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), math.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient
