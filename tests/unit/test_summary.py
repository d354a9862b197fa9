"""The document of a run, on outcomes small enough to work out by hand and on outcomes at the edges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bench.statistics.intervals import estimate
from bench.summary import fingerprint, summarise
from models.kernel.outcome import Outcome
from models.kernel.parts import UNLIMITED
from tests.strategies.handmade import cache, operation, outcome, reads, station
from tests.strategies.outcomes import degenerate, direct_and_dax

EDGES = degenerate()


def two() -> list[Outcome]:
    """Two replications: 100 reads of 1 ms and 100 of 3 ms."""
    return [
        outcome(
            replication=index,
            operations={"read": operation([latency_s] * 100, {"timeout": 1 + index, "refused": 0}, unfinished=index)},
            stations={"nodes": station([2], [busy_s], [queue_s]), "backing": station([UNLIMITED], [5.0], [0.0])},
            caches={"item_cache": cache([60, 40], [50, 40])},
            counters={"writes.lost": index},
        )
        for index, (latency_s, busy_s, queue_s) in enumerate([(0.001, 10.0, 4.0), (0.003, 20.0, 8.0)])
    ]


def test_document_as_worked_by_hand() -> None:
    """Means 2 ms, (.25 + .5) / 2, (.2 + .4) / 2; counts add up; p99 of 100 values has one beyond it, so it is null."""
    document = summarise({"dax": two()}, peak_memory_mb={"dax": 210.0})

    unknown = {"mean": None, "ci95": None}
    spread = estimate([1.0, 3.0]).as_json()
    assert document == {
        "dax": {
            "engine": "simpy",
            "ops": {
                "read": {
                    "requests": 204,
                    "ok": 200,
                    "errors": {"timeout": 3},
                    "unfinished": 1,
                    "throughput_per_s": {"mean": 5.0, "ci95": [5.0, 5.0]},
                    "latency_ms": {
                        "mean": {"mean": pytest.approx(2.0), "ci95": pytest.approx(spread["ci95"])},
                        "p50": spread,
                        "p90": spread,
                        "p99": unknown,
                        "p999": unknown,
                    },
                }
            },
            "counters": {"item_cache.hits": 180, "item_cache.lookups": 200, "writes.lost": 1},
            "stations": {
                "nodes": {"utilization": 0.375, "mean_queue": pytest.approx(0.3)},
                "backing": {"utilization": None, "mean_queue": 0.0},
            },
            "cost": {"events": 8000, "wall_s": 1.0, "requests_per_wall_s": 2000.0, "peak_memory_mb": 210.0},
        }
    }


def test_a_percentile_that_one_replication_cannot_say_is_null() -> None:
    """100 values have ten beyond their p90, 99 have not."""
    outcomes = [
        outcome(replication=index, operations={"read": operation([0.001] * count)})
        for index, count in enumerate([100, 99])
    ]

    latency = summarise({"dax": outcomes})["dax"]["ops"]["read"]["latency_ms"]

    assert latency["p50"] == {"mean": 1.0, "ci95": [1.0, 1.0]}
    assert latency["p90"] == {"mean": None, "ci95": None}


def test_a_single_replication_has_no_interval_unless_nothing_was_left_to_chance() -> None:
    document = summarise({"direct": reads("direct", 5.0), "dax": reads("dax", 5.0)}, certain={"dax"})

    assert document["direct"]["ops"]["read"]["latency_ms"]["p50"] == {"mean": 5.0, "ci95": None}
    assert document["dax"]["ops"]["read"]["latency_ms"]["p50"] == {"mean": 5.0, "ci95": [5.0, 5.0]}


def test_a_run_too_fast_for_the_clock_has_no_speed() -> None:
    cost = summarise({"dax": [outcome(wall_s=0.0)]})["dax"]["cost"]

    assert cost["requests_per_wall_s"] is None
    assert cost["peak_memory_mb"] is None


def strict(text: str) -> object:
    """What a parser that knows no NaN makes of it."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("name", EDGES)
def test_document_is_strict_json_at_the_edges(name: str) -> None:
    document = summarise(EDGES[name])

    assert strict(json.dumps(document)) == document


def test_numpy_counts_become_plain_numbers() -> None:
    """An engine may leave NumPy's integers; JSON knows none."""
    reading = two()[0].operations["read"]
    counts = replace(reading, requests=np.int64(101), ok=np.int64(100), errors={"timeout": np.int64(1)})
    each = replace(two()[0], operations={"read": counts}, counters={"writes.lost": np.int64(1)}, events=np.int64(7))

    document = summarise({"dax": [each]})

    assert strict(json.dumps(document)) == document


def test_document_follows_the_contracts_keys() -> None:
    """The keys that outside readers rely on, as the design lists them."""
    document = summarise(direct_and_dax(2, 400.0))

    assert list(document) == ["direct", "dax"]
    for system in document.values():
        assert list(system) == ["engine", "ops", "counters", "stations", "cost"]
        assert list(system["cost"]) == ["events", "wall_s", "requests_per_wall_s", "peak_memory_mb"]
        for each in system["ops"].values():
            assert list(each) == ["requests", "ok", "errors", "unfinished", "throughput_per_s", "latency_ms"]
            assert list(each["latency_ms"]) == ["mean", "p50", "p90", "p99", "p999"]
    assert list(document["dax"]["counters"]) == ["item_cache.hits", "item_cache.lookups"]


def broken() -> dict[str, Sequence[Outcome]]:
    """Runs that are none, by what is wrong with them."""
    first, second = two()
    unbalanced = replace(first, operations={"read": replace(first.operations["read"], requests=7)})
    return {
        "no replication": [],
        "not in order": [second, first],
        "another system": [replace(first, system="direct")],
        "differ in engine": [first, replace(second, engine="compiled")],
        "or parts": [first, replace(second, stations={})],
        "requests = ok": [unbalanced],
    }


@pytest.mark.parametrize("message", broken())
def test_outcomes_that_do_not_fit_together_are_refused(message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        summarise({"dax": broken()[message]})


def test_systems_need_equal_numbers_of_replications() -> None:
    with pytest.raises(AssertionError, match="systems differ"):
        summarise({"direct": reads("direct", 1.0), "dax": reads("dax", 1.0, 2.0)})


def test_fingerprint_is_of_what_was_produced_and_of_nothing_else() -> None:
    direct, dax = reads("direct", 4.0, 5.0), reads("dax", 1.0, 2.0)
    print_ = fingerprint({"direct": direct, "dax": dax})

    slower = [replace(each, wall_s=9.0, engine="compiled") for each in dax]
    assert fingerprint({"dax": slower, "direct": direct}) == print_
    assert fingerprint({"direct": direct, "dax": reads("dax", 1.0, 2.1)}) != print_
    assert fingerprint({"direct": direct, "dax": dax[:1]}) != print_
    assert fingerprint({"direct": direct, "dax": dax[::-1]}) != print_
    assert fingerprint({"direct": direct, "xad": dax}) != print_


def test_an_operation_whose_answers_have_versions_says_how_stale_they_are() -> None:
    """5 and 15 of 100 reads are stale; ages are known to 1/64, their largest exactly."""
    outcomes = [
        outcome(
            replication=index,
            operations={"read": operation([0.002] * 100, ages_s=[1.0] * count), "write": operation([0.002])},
        )
        for index, count in enumerate((5, 15))
    ]

    operations = summarise({"dax": outcomes})["dax"]["ops"]

    assert operations["read"]["stale_ratio"]["mean"] == pytest.approx(0.1)
    assert operations["read"]["stale_ms"]["mean"]["mean"] == pytest.approx(1000.0, rel=1 / 64)
    assert operations["read"]["stale_ms"]["p50"] == {"mean": None, "ci95": None}
    assert operations["read"]["stale_ms"]["max"] == {"mean": 1000.0, "ci95": [1000.0, 1000.0]}
    assert not {"stale_ratio", "stale_ms"} & set(operations["write"])
