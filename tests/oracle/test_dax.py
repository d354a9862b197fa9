"""DAX against what can be worked out by hand: hits and misses, missing items, coalescing, copies, results of queries.

Goal: each figure follows from the parts of a request's way, which are known. Method: one zone and constant times where
single events are followed; closed forms where chance has its part. What a node does in how many normalised requests is
the sizing guide's.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from models.catalogue import MODELS
from models.kernel.arrivals import Arrivals, ConstantArrivals, Poisson
from models.kernel.keys import KeyLaw, UniformKeys
from models.kernel.laws import Constant, Law
from models.kernel.outcome import Outcome
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import System
from models.region import FAR, NEAR
from tests.strategies.runs import assert_mean, replicate

ENGINES = ("simpy", "compiled")
UNIT_S = 1.0 / 75_000
ONE_WAY_S = 0.0001
"""Within a zone, and in the request router, where times are constant."""
ROUND_TRIP_S = 2 * (NEAR.mean() / 3 + FAR.mean() * 2 / 3)
"""Mean, between members of groups that are spread over three zones."""


def at_once(value_s: float) -> dict[str, Any]:
    return {"kind": "constant", "value_s": value_s}


def system(model: str = "dax", operations: tuple[str, ...] = ("read",), **settings: Any) -> System:
    """A system with such parameters."""
    return MODELS[model].build(MODELS[model].parameters.model_validate(settings), operations)


def fixed(operations: tuple[str, ...] = ("read",), read_s: float = 0.01, **settings: Any) -> System:
    """One node in one zone, and nothing left to chance."""
    table = {"read": at_once(read_s), "append": at_once(0.001), "router": at_once(ONE_WAY_S), "partitions": 1}
    region = {"zones": 1, "near": at_once(ONE_WAY_S), "far": at_once(ONE_WAY_S)}
    return system("dax", operations, **{"nodes": 1, "table": table, "region": region} | settings)


def work(
    arrivals: Arrivals, mix: dict[str, float] | None = None, keys: KeyLaw | None = None, sizes: Law | None = None
) -> Workload:
    """Items of 900 bytes, one key, reads."""
    return Workload(arrivals, keys or UniformKeys(count=1), sizes or Constant(value=900.0), mix or {"read": 1.0})


def mean_s(outcome: Outcome, operation: str = "read") -> float:
    return outcome.operations[operation].latency.mean_s


# Hits and misses.


def test_a_hit_takes_a_round_trip_and_one_unit_hundreds_of_microseconds() -> None:
    outcomes = replicate(system(), work(Poisson(rate_per_s=500.0)), Span(1.0, 21.0, 30.0), 6, primed_ttl_s=300.0)

    assert_mean(outcomes, mean_s, ROUND_TRIP_S + UNIT_S, widest=0.02)
    assert all(200e-6 < outcome.operations["read"].latency.percentile_s(0.5) < 1000e-6 for outcome in outcomes)


def test_a_miss_pays_a_round_trip_and_ten_units_more_than_a_direct_read() -> None:
    """Goal: the hop more that the guide speaks of. Method: all keys are new, and cost both systems the same draws."""
    load = work(Poisson(rate_per_s=500.0), keys=UniformKeys(count=10_000_000))

    through, direct = (replicate(system(model), load, Span(0.0, 20.0, 30.0), 6) for model in ("dax", "dynamodb"))

    assert_mean(
        through, lambda each: mean_s(each) - mean_s(direct[each.replication]), ROUND_TRIP_S + 10 * UNIT_S, widest=0.05
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_item_is_read_from_the_table_once(engine: str) -> None:
    """Ten reads of nothing: one miss of ten units, nine hits of one, though nothing has no KB."""
    load = work(ConstantArrivals(rate_per_s=10.0), sizes=Constant(value=0.0))

    (outcome,) = replicate(fixed(), load, Span(0.0, 1.0, 2.0), 1, engine)

    assert int(outcome.stations["storage nodes"].started.sum()) == 1
    assert int(outcome.caches["item_cache"].hits.sum()) == 9
    assert outcome.stations["nodes"].span_busy_s.sum() == pytest.approx((10 + 9 * 1) * UNIT_S, abs=2e-8)


def test_a_missing_item_lives_as_long_as_others() -> None:
    """Read every 0.1 s with 0.35 s to live: filled 10.6 ms after the read, so every fifth reads the table again."""
    load = work(ConstantArrivals(rate_per_s=10.0), sizes=Constant(value=0.0))

    (outcome,) = replicate(fixed(item_ttl_s=0.35), load, Span(0.0, 2.0, 3.0), 1)

    assert int(outcome.stations["storage nodes"].started.sum()) == 5


@pytest.mark.parametrize("engine", ENGINES)
def test_a_transaction_that_reads_passes_through_in_two_phases_and_fills_nothing(engine: str) -> None:
    """A hop to the node, ten units, and the table: to its router once, to the leader twice, at two units in all."""
    load = work(ConstantArrivals(rate_per_s=5.0), {"transact_read": 1.0})

    outcome = replicate(fixed(("transact_read",)), load, Span(0.0, 4.0, 9.0), 1, engine)[0]

    through = outcome.operations["transact_read"]
    one_phase_s = 0.01 + 2 * ONE_WAY_S
    assert through.latency.mean_s == pytest.approx(4 * ONE_WAY_S + 10 * UNIT_S + ONE_WAY_S + 2 * one_phase_s, rel=1e-9)
    assert not outcome.caches, "no cache is even looked into"
    assert outcome.buckets["read capacity"].taken == 2.0 * through.ok
    assert outcome.stations["storage nodes"].started.sum() == 2 * through.ok


# Misses that overlap: a read each millisecond. The first looks its item up at 0.1133 ms (a way and a unit), and fills
# the cache at 10.7333 (nine units, the router and four ways, the table's 10 ms). The eleven that look it up by then
# miss, all of which are answered at 10.8333 where they wait for the first.


@pytest.mark.parametrize("engine", ENGINES)
def test_overlapping_misses_all_read_the_table(engine: str) -> None:
    (outcome,) = replicate(fixed(), work(ConstantArrivals(rate_per_s=1000.0)), Span(0.0, 0.03, 1.0), 1, engine)

    assert int(outcome.stations["storage nodes"].started.sum()) == 11


@pytest.mark.parametrize("engine", ENGINES)
def test_where_they_are_coalesced_one_reads_the_table_and_all_share_its_answer(engine: str) -> None:
    coalescing = fixed(single_flight=True)

    (outcome,) = replicate(coalescing, work(ConstantArrivals(rate_per_s=1000.0)), Span(0.0, 0.03, 1.0), 1, engine)

    assert int(outcome.stations["storage nodes"].started.sum()) == 1
    assert outcome.counters["misses.waited"] == 10
    miss_s = [0.0108333333 - 0.001 * index for index in range(11)]
    hit_s = 2 * ONE_WAY_S + UNIT_S
    assert sorted(outcome.operations["read"].latency.few_s) == pytest.approx(sorted(miss_s + [hit_s] * 19), rel=1e-6)


# Copies on other nodes.


def test_what_a_node_has_read_all_nodes_hold() -> None:
    """Each key is read from the table once; without copies, once by each of three nodes that is asked for it."""
    load = work(Poisson(rate_per_s=1000.0), keys=UniformKeys(count=200))

    shared, alone = (
        replicate(system(copy_misses=copies), load, Span(0.0, 20.0, 30.0), 1)[0] for copies in (True, False)
    )

    assert int(alone.stations["storage nodes"].started.sum()) >= 600
    assert 200 <= int(shared.stations["storage nodes"].started.sum()) < 220


def test_a_read_is_stale_only_where_the_write_has_not_arrived_yet() -> None:
    """Goal: staleness of the item cache. Method: two zones 50 ms apart, a node in each, one item.

    A write by the primary is acknowledged to a client of its zone after 1 ms, and reaches the other node after 50 ms
    and 25 units. Reads by clients of that node's zone are there in 1 ms and look the item up a unit later: those that
    begin within 48.32 ms of the acknowledgement are stale. Any other pair of zones is too late: an eighth is left.
    """
    near_s, far_s, write_rate_per_s = 0.001, 0.05, 1.0
    window_s = (far_s + 25 * UNIT_S) - near_s - (near_s + UNIT_S)
    region = {"zones": 2, "near": at_once(near_s), "far": at_once(far_s)}
    two = system("dax", ("read", "write"), nodes=2, region=region)
    load = work(Poisson(rate_per_s=200.0 + write_rate_per_s), {"read": 200 / 201, "write": 1 / 201})

    outcomes = replicate(two, load, Span(2.0, 202.0, 210.0), 8, primed_ttl_s=300.0)

    reads = [outcome.operations["read"] for outcome in outcomes]
    assert max(read.oldest_s for read in reads) == pytest.approx(window_s, rel=0.03)
    assert max(read.oldest_s for read in reads) <= window_s
    expected = write_rate_per_s * window_s / 8
    assert_mean(outcomes, lambda each: each.operations["read"].stale / each.operations["read"].reads, expected, 0.3)


# Results of queries.


def test_stale_results_are_as_many_as_writes_come_within_their_time_to_live() -> None:
    """A result is filled, hit by queries (rate q) for a time to live T, and stale at age a with 1 - exp(-wa)."""
    keys, q, w, ttl_s = 100, 20.0, 1.0, 1.0
    one = fixed(("query", "write"), 1e-6, query_ttl_s=ttl_s, region={"zones": 1, "near": at_once(1e-6)},
                table={"read": at_once(1e-6), "append": at_once(1e-6), "router": at_once(1e-6)})  # fmt: skip
    load = work(
        Poisson(rate_per_s=keys * (q + w)), {"query": q / (q + w), "write": w / (q + w)}, UniformKeys(count=keys)
    )

    outcomes = replicate(one, load, Span(2.0, 62.0, 70.0), 8)

    stale = q * (ttl_s - (1.0 - math.exp(-w * ttl_s)) / w) / (1.0 + q * ttl_s)
    assert_mean(outcomes, lambda each: each.operations["query"].stale / each.operations["query"].reads, stale)
    oldest_s = max(outcome.operations["query"].oldest_s for outcome in outcomes)
    assert 0.95 * ttl_s < oldest_s <= ttl_s * (1 + 1e-3)


def test_results_that_do_not_live_are_not_cached() -> None:
    uncached = fixed(("query",), query_ttl_s=0.0)

    (outcome,) = replicate(uncached, work(ConstantArrivals(rate_per_s=10.0), {"query": 1.0}), Span(0.0, 1.0, 2.0), 1)

    assert "query_cache" not in outcome.caches
    assert int(outcome.stations["storage nodes"].started.sum()) == 10


# Overload.


def test_an_overloaded_node_throttles_what_it_has_no_capacity_for() -> None:
    """Hits of 100 units, 1,125 a second for 750: a third is turned away, however long the queue is."""
    load = work(Poisson(rate_per_s=1125.0), sizes=Constant(value=100_000.0))

    outcomes = replicate(fixed(queue_limit=20), load, Span(5.0, 65.0, 70.0), 6)

    assert all(set(outcome.operations["read"].errors) == {"throttled"} for outcome in outcomes)
    assert_mean(
        outcomes, lambda each: each.operations["read"].errors["throttled"] / each.operations["read"].requests, 1 / 3
    )
