"""The document of a run: what all replications of each system say together, and the fingerprint of what they produced.

The document's form is a contract with whoever reads it; it changes only together with the schema's number.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from bench.statistics.figures import (
    PERCENTILES,
    STALE_PERCENTILES,
    charge_dollars_per_hour,
    counters,
    dollars_per_hour,
    dollars_per_million_requests,
    imbalances,
    latency_mean_ms,
    mean_queue,
    percentile_ms,
    stage_s,
    stale_max_ms,
    stale_mean_ms,
    stale_percentile_ms,
    stale_ratio,
    throughput_per_s,
    utilization,
)
from bench.statistics.intervals import estimate, ratio
from models.kernel.outcome import OperationOutcome, Outcome

DOCUMENT_PERCENTILES = ("p50", "p90", "p99", "p999")
"""Percentiles in the document."""


def summarise(
    outcomes: Mapping[str, Sequence[Outcome]],
    *,
    peak_memory_mb: Mapping[str, float] | None = None,
    certain: Collection[str] = (),
) -> dict[str, dict[str, Any]]:
    """The `systems` part of the document of `run`: strict JSON, no figure that is not a finite number.

    Counts are sums over replications. Every other figure is a mean over replications; where any of them has no value it
    is null, and where there is no interval `ci95` is null. A system without charges has no `money`, and one whose
    control came to no stage has no `stages`.

    Args:
        outcomes: Replications in order, by system; at least one of each.
        peak_memory_mb: The largest memory that simulating each system took, in MB; null in the document where unknown.
        certain: Systems that left nothing to chance, whose single replication is exact.

    Raises:
        AssertionError: If the outcomes do not balance or do not fit together.
    """
    _assert_sound(outcomes)
    memory = peak_memory_mb or {}
    systems = {
        name: {
            "engine": replications[0].engine,
            "ops": {
                operation: _operation(replications, operation, certain=name in certain)
                for operation in replications[0].operations
            },
            "counters": _sums(counters(each) for each in replications),
            "stations": {
                station: {
                    "utilization": estimate([utilization(each, station) for each in replications]).mean,
                    "mean_queue": estimate([mean_queue(each, station) for each in replications]).mean,
                }
                for station in replications[0].stations
            },
            **_money(replications, certain=name in certain),
            **_stages(replications, certain=name in certain),
            "cost": _cost(replications, memory.get(name)),
        }
        for name, replications in outcomes.items()
    }
    # Strictness on a second path: neither NaN nor a NumPy number gets through here.
    json.dumps(systems, allow_nan=False)
    return systems


def fingerprint(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """Digest of what the models produced: of all systems, by name, and all their replications, in order."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(outcomes):
        for outcome in outcomes[name]:
            digest.update(f"{name}\0{outcome.replication}\0{outcome.fingerprint()}\n".encode())
    return digest.hexdigest()


def _operation(replications: Sequence[Outcome], name: str, *, certain: bool) -> dict[str, Any]:
    """One operation's entry in the document."""
    operations = [each.operations[name] for each in replications]

    def over(values: Iterable[float | None]) -> dict[str, Any]:
        return estimate(list(values), certain=certain).as_json()

    return {
        "requests": sum(int(each.requests) for each in operations),
        "ok": sum(int(each.ok) for each in operations),
        "errors": {kind: count for kind, count in _sums(each.errors for each in operations).items() if count},
        "unfinished": sum(int(each.unfinished) for each in operations),
        "throughput_per_s": over(throughput_per_s(each, name) for each in replications),
        "latency_ms": {
            "mean": over(latency_mean_ms(each.latency) for each in operations),
            **{
                percentile: over(percentile_ms(each.latency, PERCENTILES[percentile]) for each in operations)
                for percentile in DOCUMENT_PERCENTILES
            },
        },
        **(_staleness(operations, certain=certain) if any(each.reads for each in operations) else {}),
    }


def _staleness(operations: Sequence[OperationOutcome], *, certain: bool) -> dict[str, Any]:
    """What an operation whose answers have versions says of them."""

    def over(figure: Callable[[OperationOutcome], float | None]) -> dict[str, Any]:
        return estimate([figure(each) for each in operations], certain=certain).as_json()

    return {
        "stale_ratio": over(stale_ratio),
        "stale_ms": {
            "mean": over(stale_mean_ms),
            **{name: over(partial(stale_percentile_ms, fraction=PERCENTILES[name])) for name in STALE_PERCENTILES},
            "max": over(stale_max_ms),
        },
    }


def _money(replications: Sequence[Outcome], *, certain: bool) -> dict[str, Any]:
    """What a system is charged, as an entry of its document; nothing where it has no charges."""

    def over(values: Iterable[float | None]) -> dict[str, Any]:
        return estimate(list(values), certain=certain).as_json()

    charges = {
        charge: {"dollars_per_hour": over(charge_dollars_per_hour(each, charge) for each in replications)}
        for charge in replications[0].charges
    }
    if not charges:
        return {}
    total = over(map(dollars_per_hour, replications))
    million = over(map(dollars_per_million_requests, replications))
    return {"money": {"dollars_per_hour": total, "dollars_per_million_requests": million, "charges": charges}}


def _stages(replications: Sequence[Outcome], *, certain: bool) -> dict[str, Any]:
    """How long each stage of what control did took, as an entry of the document; nothing where it came to none."""
    names = dict.fromkeys(name for each in replications for name in each.stages)
    times = {
        name: {"time_s": estimate([stage_s(each, name) for each in replications], certain=certain).as_json()}
        for name in names
    }
    return {"stages": times} if times else {}


def _cost(replications: Sequence[Outcome], peak_memory_mb: float | None) -> dict[str, Any]:
    """What simulating a system took; requests replayed before time zero are simulated, too."""
    wall_s = math.fsum(each.wall_s for each in replications)
    simulated = sum(int(each.simulated_requests + each.primed_requests) for each in replications)
    return {
        "events": sum(int(each.events) for each in replications),
        "wall_s": wall_s,
        "requests_per_wall_s": ratio([simulated], [wall_s])[0],
        "peak_memory_mb": peak_memory_mb,
    }


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Sums by name, in order of name."""
    totals: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            totals[name] = totals.get(name, 0) + int(count)
    return dict(sorted(totals.items()))


def _assert_sound(outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """Outcomes balance, and their replications are the same experiment."""
    for name, replications in outcomes.items():
        assert replications, f"{name}: no replication"
        assert [each.replication for each in replications] == list(range(len(replications))), f"{name}: not in order"
        assert all(each.system == name for each in replications), f"{name}: another system's outcome"
        kinds = {
            (each.engine, *map(tuple, (each.operations, each.stations, each.caches, each.charges)))
            for each in replications
        }
        assert len(kinds) == 1, f"{name}: replications differ in engine or parts"
        for each in replications:
            found = imbalances(each)
            assert not found, "; ".join(found)
    assert len({len(replications) for replications in outcomes.values()}) <= 1, "systems differ in replications"
