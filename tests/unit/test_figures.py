"""Figures of one replication, worked by hand, and the balance that each outcome must keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.statistics import figures
from models.kernel.outcome import Outcome
from models.kernel.parts import UNLIMITED
from tests.strategies.handmade import bucket, cache, charge, operation, outcome, station

COUNTERS = {
    "item_cache.lookups": 100,
    "item_cache.hits": 90,
    "item_cache.misses": 10,
    "writes.acknowledged": 10,
    "writes.kept": 7,
    "writes.lost": 1,
    "writes.superseded": 2,
}


def whole() -> Outcome:
    """One of everything. 30 answers of 1 to 30 ms in 20 s, 9 errors, 1 unfinished."""
    reads = operation([index / 1000.0 for index in range(1, 31)], {"timeout": 6, "refused": 3}, unfinished=1)
    return outcome(
        operations={"read": reads, "write": operation()},
        stations={"nodes": station([2, 4], [20.0, 20.0], [10.0, 30.0]), "backing": station([UNLIMITED], [20.0], [0.0])},
        caches={"item_cache": cache([60, 40], [50, 40]), "query_cache": cache([0], [0])},
        counters=COUNTERS,
        buckets={"capacity": bucket(9.0, 1.0)},
        charges={"nodes": charge(0.5), "requests": charge(0.0)},
    )


def test_figures_of_an_operation_as_worked_by_hand() -> None:
    """Mean of 1..30 is 15.5; the 20th of 30 sorted values has exactly ten beyond; 30 answers in 20 s are 1.5 per s."""
    each = whole()
    latency = each.operations["read"].latency

    assert figures.latency_mean_ms(latency) == pytest.approx(15.5, abs=1e-9)
    assert figures.latency_max_ms(latency) == 30.0
    assert figures.percentile_ms(latency, 0.5) == 15.0
    assert figures.percentile_ms(latency, 20 / 30) == 20.0
    assert figures.throughput_per_s(each, "read") == 1.5
    assert figures.errors(each.operations["read"]) == 9
    assert figures.error_ratio(each.operations["read"]) == 9 / 40


@pytest.mark.parametrize(
    ("answered", "failed", "expected_s"),
    [
        ([9, 5, 5], [9, 0, 4], 0.0),
        ([9, 5, 0], [0, 0, 7], 10.0),
        ([0, 5, 0], [0, 5, 0], 20.0),
        ([1, 0, 0], [0, 0, 0], None),
    ],
)
def test_time_without_answers_is_that_of_windows_in_which_no_more_than_half_was_answered(
    answered: list[int], failed: list[int], expected_s: float | None
) -> None:
    """Windows of 10 s, of which the first is not measured; one in which nothing ended counts, but not all of them."""
    reads = replace(operation(), window_ok=np.array(answered), window_errors=np.array(failed))

    assert figures.unavailable_s(outcome(operations={"read": reads}), "read") == expected_s


def test_a_percentile_needs_ten_requests_beyond_it() -> None:
    """The 21st of 30 values has nine beyond it."""
    assert figures.percentile_ms(whole().operations["read"].latency, 20.5 / 30) is None


@pytest.mark.parametrize(("fraction", "least"), [(0.5, 20), (0.9, 100), (0.95, 200), (0.99, 1000), (0.999, 10_000)])
def test_a_percentile_is_known_from_ten_over_its_tail_on(fraction: float, least: int) -> None:
    assert figures.percentile_is_known(least, fraction)
    assert not figures.percentile_is_known(least - 1, fraction)


def test_an_operation_without_requests_has_no_figures_but_a_throughput_of_zero() -> None:
    each = whole()
    idle = each.operations["write"]

    assert figures.latency_mean_ms(idle.latency) is None
    assert figures.latency_max_ms(idle.latency) is None
    assert figures.percentile_ms(idle.latency, 0.5) is None
    assert figures.error_ratio(idle) is None
    assert figures.throughput_per_s(each, "write") == 0.0


def test_figures_of_a_station_are_means_over_members() -> None:
    """20 of 2 x 20 and 20 of 4 x 20 server-seconds: (.5 + .25) / 2; queues of 10 and 30 in 20 s: (.5 + 1.5) / 2."""
    each = whole()

    assert figures.utilization(each, "nodes") == 0.375
    assert figures.mean_queue(each, "nodes") == 1.0


def test_servers_without_number_have_no_utilization() -> None:
    assert figures.utilization(whole(), "backing") is None
    assert figures.mean_queue(whole(), "backing") == 0.0


def test_figures_of_a_cache_add_its_members_up() -> None:
    each = whole()

    assert figures.lookups(each, "item_cache") == 100
    assert figures.hits(each, "item_cache") == 90
    assert figures.misses(each, "item_cache") == 10
    assert figures.hit_ratio(each, "item_cache") == 0.9
    assert figures.hit_ratio(each, "query_cache") is None


def test_a_run_of_no_length_has_no_rates() -> None:
    """A trace may lie in one instant."""
    each = replace(whole(), span_s=(10.0, 10.0))

    assert figures.throughput_per_s(each, "read") is None
    assert figures.utilization(each, "nodes") is None
    assert figures.mean_queue(each, "nodes") is None


def test_counters_hold_those_of_the_caches() -> None:
    found = figures.counters(whole())

    assert found == COUNTERS | {"query_cache.lookups": 0, "query_cache.hits": 0}


def test_a_sound_outcome_balances() -> None:
    assert figures.imbalances(whole()) == []


def of_read(**changes: object) -> Callable[[Outcome], Outcome]:
    """A change to the reads of an outcome."""

    def change(each: Outcome) -> Outcome:
        reads = replace(each.operations["read"], **changes)  # type: ignore[arg-type]
        return replace(each, operations={**each.operations, "read": reads})

    return change


def of_counter(name: str, count: int) -> Callable[[Outcome], Outcome]:
    """A change to a counter of an outcome."""
    return lambda each: replace(each, counters={**each.counters, name: count})


MUTANTS: dict[str, Callable[[Outcome], Outcome]] = {
    "requests = ok": of_read(requests=41),
    "read: requests": of_read(errors={"timeout": 6}),
    "unfinished": of_read(unfinished=0),
    "latencies = ok": of_read(ok=29, unfinished=2),
    "over all windows": of_read(window_ok=np.array([0, 29, 0])),
    "-1": of_read(errors={"timeout": 10, "refused": -1}),
    "hits + misses": lambda each: replace(each, caches={**each.caches, "query_cache": cache([1], [2])}),
    "item_cache: misses = their": of_counter("item_cache.misses", 11),
    "item_cache: lookups = their": of_counter("item_cache.lookups", 101),
    "item_cache: hits = their": of_counter("item_cache.hits", 91),
    "kept + lost": of_counter("writes.lost", 0),
    "capacity: tokens taken": lambda each: replace(each, buckets={"capacity": replace(bucket(9.0, 1.0), taken=9.1)}),
    "capacity: tokens refused": lambda each: replace(
        each, buckets={"capacity": replace(bucket(9.0, 1.0), refused=0.9)}
    ),
    "nodes: dollars": lambda each: replace(each, charges={"nodes": replace(charge(0.5), dollars=0.4)}),
    "nodes: dollars: -": lambda each: replace(each, charges={"nodes": charge(-0.5)}),
}


@pytest.mark.parametrize("message", MUTANTS)
def test_an_outcome_that_does_not_balance_is_noticed(message: str) -> None:
    found = figures.imbalances(MUTANTS[message](whole()))

    assert any(message in each for each in found), found
    assert all(each.startswith("dax, replication 0: ") for each in found)
