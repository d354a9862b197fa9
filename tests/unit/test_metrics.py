"""Names of figures: what they read, and that every figure of the document has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from bench.statistics.metrics import Shape, known_metrics
from bench.statistics.windows import within
from bench.summary import summarise
from models.kernel.outcome import LevelOutcome, Outcome
from tests.strategies.handmade import bucket, cache, charge, operation, outcome, station
from tests.strategies.outcomes import direct_and_dax

SHAPE = Shape(
    operations=("read",),
    stations=("nodes", "nodes.cpu"),
    caches=("item_cache",),
    counters=("writes.lost", "writes.kept"),
    error_kinds=("timeout", "refused"),
    buckets=("read capacity",),
    charges=("nodes", "read requests"),
    stages=("recovery", "promotion"),
    disturbed=True,
)


AGES_S = [0.5] * 900 + [2.0] * 80 + [16.0] * 19 + [17.3]


def whole() -> Outcome:
    """20,000 answers of 2 ms in 20 s, but one of 9 ms, a twentieth of them stale; errors; each part once; a bill."""
    return outcome(
        operations={"read": operation([0.002] * 19_999 + [0.009], {"timeout": 3}, unfinished=1, ages_s=AGES_S)},
        stations={
            "nodes": station([2, 4], [20.0, 20.0], [10.0, 30.0]),
            "nodes.cpu": station([1], [5.0], [20.0]),
        },
        caches={"item_cache": cache([60, 40], [50, 40])},
        counters={"writes.lost": 4},
        buckets={"read capacity": bucket(2_000.0, 40.0)},
        charges={"nodes": charge(0.00425), "read requests": charge(0.00025)},
        levels={
            "stage recovery": LevelOutcome(np.array([12.0, 12.5, 29.0]), np.array([1.0, 0.0, 1.0])),
            "units": LevelOutcome(np.array([0.0]), np.array([1.0])),
        },
    )


VALUES: dict[str, float | None] = {
    "ops.read.latency_ms.mean": 2.0 + 7.0 / 20_000,
    "ops.read.latency_ms.p50": 2.0,
    "ops.read.latency_ms.p90": 2.0,
    "ops.read.latency_ms.p95": 2.0,
    "ops.read.latency_ms.p99": 2.0,
    "ops.read.latency_ms.p999": 2.0,
    "ops.read.latency_ms.max": 9.0,
    "ops.read.throughput_per_s": 1000.0,
    "ops.read.requests": 20_004,
    "ops.read.ok": 20_000,
    "ops.read.unfinished": 1,
    "ops.read.attempts": 20_004,
    "ops.read.errors": 3,
    "ops.read.error_ratio": 3 / 20_004,
    "ops.read.unavailable_s": 10.0,
    "ops.read.stale_ratio": 0.05,
    "ops.read.stale_ms.mean": 1000.0 * (0.5 * 900 + 2.0 * 80 + 16.0 * 19 + 17.3) / 1000.0,
    "ops.read.stale_ms.p50": 500.0,
    "ops.read.stale_ms.p99": 16_000.0,
    "ops.read.stale_ms.max": 17_300.0,
    "ops.read.errors.timeout": 3,
    "ops.read.errors.refused": 0,
    "caches.item_cache.lookups": 100,
    "caches.item_cache.hits": 90,
    "caches.item_cache.misses": 10,
    "caches.item_cache.hit_ratio": 0.9,
    "stations.nodes.utilization": 0.375,
    "stations.nodes.mean_queue": 1.0,
    "stations.nodes.cpu.utilization": 0.25,
    "stations.nodes.cpu.mean_queue": 1.0,
    "counters.item_cache.lookups": 100,
    "counters.item_cache.hits": 90,
    "counters.writes.lost": 4,
    "counters.writes.kept": None,
    "buckets.read capacity.taken_per_s": 100.0,
    "buckets.read capacity.refused_per_s": 2.0,
    "money.dollars_per_hour": 0.81,
    "money.dollars_per_million_requests": 0.225,
    "money.charges.nodes.dollars_per_hour": 0.765,
    "money.charges.read requests.dollars_per_hour": 0.045,
    "stages.recovery.time_s": 0.5 + 1.0,
    "stages.promotion.time_s": 0.0,
    "cost.events": 4000,
}


@pytest.mark.parametrize("name", VALUES)
def test_metric_reads_what_it_names(name: str) -> None:
    metric = known_metrics({"dax": SHAPE})[f"dax.{name}"]

    exact = 1 / 64 if "stale_ms" in name else 1 / 1024
    assert metric.read(whole()) == (None if VALUES[name] is None else pytest.approx(VALUES[name], rel=exact))
    assert metric.name == f"dax.{name}"
    assert metric.system == "dax"


def test_staleness_is_no_data_where_answers_have_no_version_and_ages_where_too_few_are_stale() -> None:
    known = known_metrics({"dax": SHAPE})
    without, fresh, few = (
        outcome(operations={"read": operation([0.002] * 1000, ages_s=ages_s)}) for ages_s in (None, [], [1.0] * 19)
    )

    assert known["dax.read.stale_ratio"].read(without) is None
    assert known["dax.read.stale_ratio"].read(fresh) == 0.0
    assert known["dax.read.stale_ratio"].read(few) == 0.019
    assert known["dax.read.stale_ms.max"].read(fresh) is None
    assert known["dax.read.stale_ms.p50"].read(few) is None
    assert known["dax.read.stale_ms.mean"].read(few) == pytest.approx(1000.0, rel=1 / 64)


def test_a_stretch_of_time_has_a_stale_ratio() -> None:
    known = known_metrics({"dax": SHAPE})
    reads = outcome(operations={"read": operation([0.002] * 1000, ages_s=[1.0] * 19)})

    assert known["dax.read.stale_ratio"].windowed
    assert known["dax.read.stale_ratio"].read(within(reads, (10.0, 20.0))) == 0.019
    assert known["dax.read.stale_ratio"].read(within(reads, (0.0, 10.0))) is None
    assert not known["dax.read.stale_ms.p50"].windowed


def test_every_metric_is_tried_here() -> None:
    assert {metric.name for metric in known_metrics({"dax": SHAPE}).values()} == {f"dax.{name}" for name in VALUES}


def test_short_names_leave_the_section_out() -> None:
    known = known_metrics({"dax": SHAPE})

    for name in VALUES:
        section, _, rest = name.partition(".")
        if section in {"ops", "caches", "stations", "buckets"}:
            assert known[f"dax.{rest}"] is known[f"dax.{name}"]


def test_a_short_name_means_the_operation_before_the_cache() -> None:
    """Nothing keeps a model from calling an operation `counters`; the full names tell the two apart."""
    known = known_metrics({"dax": Shape(operations=("counters",), counters=("ok",))})

    assert known["dax.counters.ok"].label == "dax.ok"
    assert known["dax.ops.counters.ok"].label == "dax.counters answers"


def test_parts_that_an_outcome_lacks_are_no_data() -> None:
    """But for stages: control that never came to one spent no time in it."""
    for name, metric in known_metrics({"dax": SHAPE}).items():
        if name != "dax.cost.events":
            assert metric.read(outcome()) == (0.0 if name.startswith("dax.stages.") else None)


def figures_of(document: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Paths of all figures in a document."""
    for key, value in document.items():
        place = f"{path}.{key}" if path else key
        if isinstance(value, Mapping) and "ci95" not in value:
            yield from figures_of(value, place)
        elif not isinstance(value, str):
            yield place


def test_every_figure_of_the_document_is_a_metric_but_for_the_machines_cost() -> None:
    outcomes = direct_and_dax(2, 400.0)

    paths = set(figures_of(summarise(outcomes)))

    known = known_metrics({system: Shape.of(replications) for system, replications in outcomes.items()})
    cost = {"wall_s", "requests_per_wall_s", "peak_memory_mb"}
    assert {path for path in paths if path.rpartition(".")[2] not in cost} <= set(known)
    assert not [name for name in known if name.rpartition(".")[2] in cost]


def test_shape_of_outcomes_holds_all_that_occurred() -> None:
    late = outcome(replication=1, operations={"read": operation(errors={"refused": 1}), "write": operation()})

    assert Shape.of([whole(), late]) == Shape(
        ("read", "write"), ("nodes", "nodes.cpu"), ("item_cache",), ("writes.lost",), ("timeout", "refused"),
        ("read capacity",), ("nodes", "read requests"), ("recovery",), disturbed=True,
    )  # fmt: skip
