"""Published figures of DynamoDB and DAX, and what closed forms say of the models before they run.

Which figures are evidence: the ratio of p99 to p50 is fitted on YCSB A and predicted for YCSB B. Capacities and the
sizing arithmetic of DAX are parameters, so what is tested of them is that the model's routes add up to the same.
"""

from __future__ import annotations

import numpy as np
import pytest

from bench import library
from bench.scenario.load import Scenario, load
from bench.simulate import simulate
from models.dynamodb.placement import place
from models.kernel.outcome import Outcome
from models.kernel.predict import Prediction, predict
from models.kernel.program import Program

FIGURE_5 = {"read": (1.71, 1.53, 1.79, 2.13), "write": (1.60, 1.51, 1.64, 1.87)}
"""p99/p50 of YCSB A at 100 K to 1 M operations/s, digitised (Elhemali et al., USENIX ATC 2022)."""
FIGURE_6 = {"read": (1.77, 1.65, 1.90, 2.00), "write": (1.58, 1.54, 1.67, 1.74)}
"""The same for YCSB B."""


def scenario(*settings: str) -> Scenario:
    return load(library.find("dax_vs_dynamodb"), settings)


def outcome(of: Scenario, system: str, replication: int = 0) -> Outcome:
    return simulate(of, system, replication, "compiled").outcome


def prediction(of: Scenario, system: str) -> Prediction:
    return predict(Program(of.systems[system], system), of.workload, of.span.duration_s)


def tail(of: Outcome, operation: str) -> float:
    latency = of.operations[operation].latency
    return latency.percentile_s(0.99) / latency.percentile_s(0.5)


UNIFORM = "workload.keys={kind='uniform',count=1000000}"
SIZE = "workload.value_size_bytes={kind='constant',value=900}"


@pytest.mark.parametrize(
    ("preset", "published"), [("ycsb-a", FIGURE_5), ("ycsb-b", FIGURE_6)], ids=["fitted", "predicted"]
)
@pytest.mark.parametrize("operation", ["read", "write"])
def test_the_tail_of_dynamodb_is_as_long_as_published(
    preset: str, published: dict[str, tuple[float, ...]], operation: str
) -> None:
    """Goal: p99/p50. Method: within the published spread over load, and within 8 % of its mean."""
    of = scenario(f"workload.preset='{preset}'", UNIFORM, SIZE, "duration_s=60.0")

    ratio = tail(outcome(of, "direct"), operation)

    assert min(published[operation]) < ratio < max(published[operation])
    assert ratio == pytest.approx(np.mean(published[operation]), rel=0.08)


def test_latency_of_dynamodb_stays_flat_over_ten_times_the_load() -> None:
    """Goal: no percentile moves by more than 25 % from 100 K to 1 M operations/s, scaled down. Method: a table whose
    nodes have little to do at either rate; `test_storage_nodes` has those that are half busy.
    """
    slow, fast = (
        outcome(scenario(UNIFORM, SIZE, f"workload.arrivals.rate_per_s={rate}", "duration_s=20.0"), "direct")
        for rate in (2_000.0, 20_000.0)
    )

    for fraction in (0.5, 0.99):
        ratio = fast.operations["read"].latency.percentile_s(fraction) / slow.operations["read"].latency.percentile_s(
            fraction
        )
        assert 0.8 < ratio < 1.25


def test_strong_reads_are_answered_by_the_leader_alone() -> None:
    of = scenario("systems={direct={model='dynamodb',partitions=5}}", "workload.mix={strong_read=1.0}", "expect=[]",
                  "duration_s=5.0")  # fmt: skip

    started = outcome(of, "direct").stations["storage nodes"].started
    leaders = {row[0] for row in place([tuple((p + slot) % 3 for slot in range(3)) for p in range(5)], 1).rows}

    assert len(leaders) == 5
    assert set(np.flatnonzero(started).tolist()) == leaders


@pytest.mark.parametrize(("nodes", "capacity_per_s"), [(1, 75_000), (3, 225_000), (5, 375_000), (11, 825_000)])
def test_a_cluster_that_only_hits_saturates_at_its_published_capacity(nodes: int, capacity_per_s: float) -> None:
    """Method: a handful of keys that never expire are always hits of at most 1 KB."""
    of = scenario(
        "workload.mix={read=1.0}", "workload.keys={kind='uniform',count=2}", "systems.dax.item_ttl_s=0.0",
        f"systems.dax.nodes={nodes}", "expect=[]",
    )  # fmt: skip

    assert prediction(of, "dax").stations["nodes"].saturation_per_s == pytest.approx(capacity_per_s)


@pytest.mark.parametrize(
    ("node_type", "capacity_per_s"),
    [
        ("dax.r5.xlarge", 450_000),
        ("dax.r5.2xlarge", 900_000),
        ("dax.r5.4xlarge", 1_800_000),
        ("dax.r5.24xlarge", 3_000_000),
    ],
)
def test_larger_nodes_have_their_published_capacity(node_type: str, capacity_per_s: float) -> None:
    of = scenario(
        "workload.mix={read=1.0}", "workload.keys={kind='uniform',count=2}", "systems.dax.item_ttl_s=0.0",
        f"systems.dax.node_type='{node_type}'", "expect=[]",
    )  # fmt: skip

    assert prediction(of, "dax").stations["nodes"].saturation_per_s == pytest.approx(capacity_per_s)


def test_the_sizing_guide_s_arithmetic_is_what_the_nodes_work() -> None:
    """Goal: hits x KB + 10 misses x KB + 25 writes x KB x nodes. Method: the work that a run brings to three nodes, in
    normalised requests of 1/75,000 s, against the formula with the hits, misses and writes that it counted.
    """
    of = scenario("initial='cold'", "workload.value_size_bytes={kind='constant',value=1500}", "warmup_s=0.0",
                  "duration_s=20.0")  # fmt: skip
    result = outcome(of, "dax")
    cache, kb, nodes = result.caches["item_cache"], 2, 3

    units = result.stations["nodes"].span_busy_s.sum() * 75_000
    hits, misses = cache.hits.sum(), (cache.lookups - cache.hits).sum()
    writes = result.operations["write"].requests

    assert units == pytest.approx(kb * (hits + 10 * misses + 25 * writes * nodes), rel=1e-3)


def test_a_write_reaches_every_node_s_cache() -> None:
    """Method: after one write of the only key, reads at every node hit."""
    of = scenario(
        "initial='cold'", "workload.mix={write=0.5,read=0.5}", "workload.keys={kind='uniform',count=1}", "warmup_s=1.0",
        "duration_s=3.0", "expect=[]",
    )  # fmt: skip

    cache = outcome(of, "dax").caches["item_cache"]

    assert np.array_equal(cache.hits, cache.lookups)
    assert np.all(cache.lookups > 0)


def test_a_miss_is_slower_than_no_cache_at_all() -> None:
    """Goal: one extra hop. Method: an item cache that forgets at once."""
    of = scenario("systems.dax.item_ttl_s=1e-9", "workload.mix={read=1.0}", "expect=[]")

    dax, direct = outcome(of, "dax"), outcome(of, "direct")

    assert dax.caches["item_cache"].hits.sum() == 0
    assert dax.operations["read"].latency.mean_s > direct.operations["read"].latency.mean_s + 0.0004


@pytest.mark.parametrize("system", ["direct", "dax"])
def test_what_closed_forms_predict_is_what_a_run_measures(system: str) -> None:
    """Goal: utilisation, hit ratio, events and latency without waiting. Method: prediction against one long
    replication, with room for the writes, which keep objects alive and which the prediction leaves out.
    """
    of = scenario("duration_s=40.0", "workload.keys.count=100000")
    expected, result = prediction(of, system), outcome(of, system)

    assert result.events / result.simulated_requests == pytest.approx(expected.events, rel=0.05)
    read = result.operations["read"].latency.mean_s
    assert read == pytest.approx(expected.unloaded_s["read"], rel=0.1)
    if system == "dax":
        cache = result.caches["item_cache"]
        assert cache.hits.sum() / cache.lookups.sum() == pytest.approx(expected.hit_ratios["item_cache"], abs=0.04)
        busy = result.stations["nodes"].span_busy_s.sum() / (of.span.duration_s - of.span.warmup_s) / 3
        assert busy == pytest.approx(expected.stations["nodes"].utilization(expected.rate_per_s), rel=0.05)
