"""Outcomes made up by direct sampling, for tests of everything that reads outcomes and needs no engine.

They keep the laws that real outcomes keep (requests = ok + errors + unfinished, histograms that add up), and look like
what a table with a cache in front would give; nothing about them is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.kernel.outcome import (
    COARSE,
    FEW,
    FINE,
    TICKS_PER_S,
    CacheOutcome,
    Distribution,
    OperationOutcome,
    Outcome,
    Scale,
    StationOutcome,
)
from models.kernel.recorder import BATCHES

FloatArray = npt.NDArray[np.float64]
Law = Callable[[np.random.Generator, FloatArray], FloatArray]
"""Latencies in seconds of requests that arrive at the given times."""


@dataclass(frozen=True)
class OperationSketch:
    """What to sample for one operation: how many requests, how long they take, how many fail."""

    rate_per_s: float
    law: Law
    error_share: Callable[[FloatArray], FloatArray] | float = 0.0
    error_kind: str = "timeout"
    unfinished: int = 0
    stale_share: float | None = None
    """Part of the answers that are stale; none where answers have no version."""
    age: Law | None = None
    """How old these are."""


@dataclass(frozen=True)
class SystemSketch:
    """What to sample for one system."""

    operations: Mapping[str, OperationSketch]
    hit_ratio: float | None = None
    cold_s: float = 0.0
    stations: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """Servers and utilization by name."""


def bins_of(scale: Scale, values_s: FloatArray) -> npt.NDArray[np.int64]:
    """Bin of each value."""
    bits = np.ascontiguousarray(values_s, dtype=np.float64).view(np.int64)
    return np.clip((bits >> scale.shift) - scale.offset, 0, scale.bins - 1)


def distribution_of(values_s: FloatArray) -> Distribution:
    """The distribution that an engine would report for these latencies."""
    return Distribution(
        counts=np.bincount(bins_of(FINE, values_s), minlength=FINE.bins).astype(np.int64),
        total_ticks=int(np.rint(values_s * TICKS_PER_S).astype(object).sum()) if len(values_s) else 0,
        few_s=np.sort(values_s) if len(values_s) <= FEW else np.empty(0),
        lowest_s=float(values_s.min()) if len(values_s) else math.inf,
        highest_s=float(values_s.max()) if len(values_s) else -math.inf,
    )


def constant(seconds: float) -> Law:
    """Every request takes as long."""
    return lambda _, times: np.full(len(times), seconds)


def lognormal(median_s: float, sigma: float, floor_s: float = 0.0) -> Law:
    """A floor and a lognormal above it."""
    return lambda generator, times: floor_s + median_s * np.exp(sigma * generator.standard_normal(len(times)))


def mixture(share: float, first: Law, second: Law) -> Law:
    """A share of requests takes the first law, the others the second: hits and misses."""

    def draw(generator: np.random.Generator, times: FloatArray) -> FloatArray:
        return np.where(generator.random(len(times)) < share, first(generator, times), second(generator, times))

    return draw


def during(from_s: float, until_s: float, times_slower: float, law: Law) -> Law:
    """The law, slower between two instants: a fault."""

    def draw(generator: np.random.Generator, times: FloatArray) -> FloatArray:
        slow = np.where((times >= from_s) & (times < until_s), times_slower, 1.0)
        return law(generator, times) * slow

    return draw


def make_outcome(
    system: str,
    sketch: SystemSketch,
    replication: int = 0,
    *,
    duration_s: float = 60.0,
    warmup_s: float = 5.0,
    windows: int = 60,
    seed: int = 7,
) -> Outcome:
    """One replication of one system, sampled from a sketch of it."""
    generator = np.random.default_rng([seed, replication, *system.encode()])
    edges = np.linspace(0.0, duration_s, windows + 1)
    operations = {
        name: _operation(generator, operation, edges, warmup_s) for name, operation in sketch.operations.items()
    }
    counters: dict[str, int] = {}
    caches = {}
    if sketch.hit_ratio is not None and operations:
        cache = _cache(generator, sketch, next(iter(operations.values())), edges, warmup_s)
        caches["item_cache"] = cache
        counters = {"item_cache.lookups": int(cache.lookups.sum()), "item_cache.hits": int(cache.hits.sum())}
    requests = sum(operation.requests for operation in operations.values())
    return Outcome(
        system=system,
        replication=replication,
        engine="compiled",
        span_s=(warmup_s, duration_s),
        window_edges_s=edges,
        operations=operations,
        stations={
            name: _station(generator, servers, utilization, edges, warmup_s)
            for name, (servers, utilization) in sketch.stations.items()
        },
        caches=caches,
        counters=counters,
        primed_requests=0,
        simulated_requests=requests,
        events=4 * requests,
        wall_s=0.5,
    )


def make_outcomes(
    sketches: Mapping[str, SystemSketch],
    replications: int = 10,
    *,
    duration_s: float = 60.0,
    warmup_s: float = 5.0,
    windows: int = 60,
    seed: int = 7,
) -> dict[str, list[Outcome]]:
    """Some replications of each system."""
    return {
        system: [
            make_outcome(system, sketch, index, duration_s=duration_s, warmup_s=warmup_s, windows=windows, seed=seed)
            for index in range(replications)
        ]
        for system, sketch in sketches.items()
    }


def direct_and_dax(
    replications: int = 10, rate_per_s: float = 2000.0, fault: tuple[float, float] | None = None
) -> dict[str, list[Outcome]]:
    """A table read directly, and the same table behind a cache, which a fault slows and makes fail, if one is given."""
    table_read = lognormal(2.4e-3, 0.35, 1.1e-3)
    table_write = lognormal(3.8e-3, 0.35, 1.2e-3)
    hit = lognormal(2.2e-4, 0.25, 1.6e-4)
    dax_read = mixture(0.91, hit, lognormal(2.9e-3, 0.38, 1.3e-3))
    dax_write = lognormal(4.4e-3, 0.38, 1.5e-3)
    share: Callable[[FloatArray], FloatArray] | float = 2e-5
    if fault is not None:
        from_s, until_s = fault
        dax_read = during(from_s, until_s, 3.0, dax_read)
        dax_write = during(from_s, until_s, 1.5, dax_write)

        def share(times: FloatArray) -> FloatArray:
            return np.where((times >= from_s) & (times < from_s + 4.0), 0.2, 2e-5)

    sketches = {
        "direct": SystemSketch(
            operations={
                "read": OperationSketch(0.95 * rate_per_s, table_read),
                "write": OperationSketch(0.05 * rate_per_s, table_write, 1e-4, "throttled"),
            },
            stations={"replicas": (64, 0.11), "capacity": (1, 0.63)},
        ),
        "dax": SystemSketch(
            operations={
                "read": OperationSketch(0.95 * rate_per_s, dax_read, share),
                "write": OperationSketch(0.05 * rate_per_s, dax_write, 1e-4, "throttled", unfinished=1),
            },
            hit_ratio=0.91,
            cold_s=4.0,
            stations={"nodes": (6, 0.41), "replicas": (64, 0.012), "capacity": (1, 0.09)},
        ),
    }
    return make_outcomes(sketches, replications)


def _operation(
    generator: np.random.Generator, sketch: OperationSketch, edges: FloatArray, warmup_s: float
) -> OperationOutcome:
    duration_s = float(edges[-1])
    arrivals = np.sort(generator.random(generator.poisson(sketch.rate_per_s * duration_s)) * duration_s)
    latencies = sketch.law(generator, arrivals)
    share = sketch.error_share(arrivals) if callable(sketch.error_share) else np.full(len(arrivals), sketch.error_share)
    failed = generator.random(len(arrivals)) < share
    answers = arrivals + latencies
    measured = arrivals >= warmup_s
    ok = measured & ~failed
    failures = int((measured & failed).sum())
    inside = answers[~failed & (answers < duration_s)]
    which = np.searchsorted(edges, inside, side="right") - 1
    window_latency = np.zeros((len(edges) - 1, COARSE.bins), dtype=np.int64)
    np.add.at(window_latency, (which, bins_of(COARSE, latencies[~failed & (answers < duration_s)])), 1)
    ended = answers[failed & (answers < duration_s)]
    stale = generator.random(len(arrivals)) < (sketch.stale_share or 0.0) if sketch.stale_share else np.zeros_like(ok)
    ages = sketch.age(generator, arrivals[ok & stale]) if sketch.age else np.empty(0)
    batch = (inside / duration_s * BATCHES).astype(np.int64)
    inside_s = latencies[~failed & (answers < duration_s)]
    return OperationOutcome(
        requests=int(ok.sum()) + failures + sketch.unfinished,
        ok=int(ok.sum()),
        errors={sketch.error_kind: failures} if failures else {},
        unfinished=sketch.unfinished,
        attempts=int(measured.sum()) + sketch.unfinished,
        answers_in_span=int(((answers >= warmup_s) & (answers < duration_s) & ~failed).sum()),
        latency=distribution_of(latencies[ok]),
        batch_ok=np.bincount(batch, minlength=BATCHES),
        batch_total_s=np.bincount(batch, inside_s, minlength=BATCHES),
        window_ok=window_latency.sum(axis=1),
        window_errors=np.histogram(ended, edges)[0].astype(np.int64),
        window_latency=window_latency,
        reads=int(ok.sum()) if sketch.stale_share is not None else 0,
        stale=len(ages),
        ages=np.bincount(bins_of(COARSE, ages), minlength=COARSE.bins).astype(np.int64),
        oldest_s=float(ages.max(initial=0.0)),
        window_stale=np.histogram(answers[~failed & stale & (answers < duration_s)], edges)[0].astype(np.int64),
    )


def _cache(
    generator: np.random.Generator,
    sketch: SystemSketch,
    operation: OperationOutcome,
    edges: FloatArray,
    warmup_s: float,
) -> CacheOutcome:
    assert sketch.hit_ratio is not None
    lookups = operation.window_ok
    warming = 1.0 - np.exp(-(edges[:-1] + 0.5) / sketch.cold_s) if sketch.cold_s else np.ones(len(lookups))
    hits = generator.binomial(lookups, np.clip(sketch.hit_ratio * warming, 0.0, 1.0))
    kept = edges[:-1] >= warmup_s
    return CacheOutcome(
        lookups=np.array([int(lookups[kept].sum())], dtype=np.int64),
        hits=np.array([int(hits[kept].sum())], dtype=np.int64),
        misses=np.array([int((lookups - hits.astype(np.int64))[kept].sum())], dtype=np.int64),
        window_lookups=lookups,
        window_hits=hits.astype(np.int64),
    )


def _station(
    generator: np.random.Generator, servers: int, utilization: float, edges: FloatArray, warmup_s: float
) -> StationOutcome:
    widths = np.diff(edges)
    noise = np.clip(generator.normal(utilization, utilization * 0.02, len(widths)), 0.0, 1.0)
    busy = noise * servers * widths
    queue = busy * utilization
    share = (edges[-1] - warmup_s) / edges[-1]
    return StationOutcome(
        servers_s=widths[np.newaxis, :] * (servers or math.inf),
        span_servers_s=np.array([widths.sum() * share * (servers or math.inf)]),
        busy_s=busy[np.newaxis, :],
        queue_s=queue[np.newaxis, :],
        span_busy_s=np.array([busy.sum() * share]),
        span_queue_s=np.array([queue.sum() * share]),
        started=np.array([int(busy.sum() * 1000)], dtype=np.int64),
        rejected=np.zeros(1, dtype=np.int64),
    )


def degenerate() -> dict[str, dict[str, list[Outcome]]]:
    """Outcomes at the edges of what can happen, by what is odd about them."""
    read = OperationSketch(200.0, lognormal(2e-3, 0.4))
    names = (
        "aurora-postgresql-serverless-v2-with-two-readers", "dynamodb-provisioned", "dax.r5.large-three-nodes",
        "elasticache-redis-cluster-mode-enabled-6-shards", "memcached", "s3-express-one-zone-directory-bucket",
    )  # fmt: skip
    six = {
        name: SystemSketch(
            {
                "read": OperationSketch(300.0, lognormal(2e-4 * 2.2**index, 0.3 + 0.1 * index)),
                "write": OperationSketch(100.0, lognormal(9e-4 * 1.7**index, 0.4)),
            },
            hit_ratio=0.5 + 0.08 * index if index % 2 else None,
            stations={"nodes-of-the-primary-availability-zone": (4, 0.1 + 0.13 * index)},
        )
        for index, name in enumerate(names)
    }
    wide = mixture(0.9, lognormal(2e-5, 0.3), mixture(0.9, lognormal(4e-3, 0.5), lognormal(1.5, 0.4)))
    failing = OperationSketch(50.0, constant(1.0), 1.0)
    fresh = OperationSketch(200.0, lognormal(2e-3, 0.4), stale_share=0.0)
    stale = OperationSketch(200.0, lognormal(2e-3, 0.4), stale_share=0.02, age=lognormal(0.03, 1.5))
    old = OperationSketch(100.0, lognormal(2e-3, 0.4), stale_share=0.1, age=constant(300.0))
    sketches: dict[str, tuple[int, dict[str, SystemSketch]]] = {
        "one-system": (5, {"alone": SystemSketch({"read": read})}),
        "one-replication": (1, {"a": SystemSketch({"read": read}), "b": SystemSketch({"read": read})}),
        "no-requests": (3, {"idle": SystemSketch({"read": OperationSketch(0.0, constant(1.0))})}),
        "no-operations": (2, {"empty": SystemSketch({})}),
        "few": (2, {"few": SystemSketch({"read": OperationSketch(0.2, constant(1e-3))})}),
        "constant": (3, {name: SystemSketch({"read": OperationSketch(200.0, constant(1e-3))}) for name in "ab"}),
        "zero": (3, {"zero": SystemSketch({"read": OperationSketch(200.0, constant(0.0))})}),
        "six-long-names": (4, six),
        "five-decades": (4, {"wide": SystemSketch({"read": OperationSketch(3000.0, wide)})}),
        "stale": (3, {"fresh": SystemSketch({"read": fresh}), "stale": SystemSketch({"read": stale, "scan": old})}),
        "only-errors": (3, {"broken": SystemSketch({"read": failing}), "worse": SystemSketch({"read": failing})}),
    }
    outcomes = {name: make_outcomes(systems, replications) for name, (replications, systems) in sketches.items()}
    outcomes["one-window"] = make_outcomes({"a": SystemSketch({"read": read}, hit_ratio=0.5)}, 3, windows=1)
    outcomes["no-warmup"] = make_outcomes({"a": SystemSketch({"read": read})}, 3, warmup_s=0.0)
    return outcomes
