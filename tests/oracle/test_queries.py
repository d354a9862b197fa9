"""Query, Scan and BatchGetItem against AWS's arithmetic: units, pages, batches; and the same operations through DAX.

Source:
    DynamoDB Developer Guide (2023), capacity units and pagination; API reference, BatchGetItem.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.catalogue import MODELS
from models.dynamodb.capacity import Provisioned
from models.dynamodb.model import DynamodbParameters, build
from models.dynamodb.placement import place
from models.kernel.arrivals import ConstantArrivals
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, ConstantSeconds
from models.kernel.outcome import IntArray, Outcome
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import System
from models.region import RegionParameters
from tests.strategies.runs import replicate

ENGINES = ("simpy", "compiled")
ROUND_TRIP_S = 0.001
STILL = RegionParameters(near=ConstantSeconds(value_s=ROUND_TRIP_S / 2), far=ConstantSeconds(value_s=ROUND_TRIP_S / 2))


def simulated(
    system: System, operation: str, items: int, size_bytes: int, *, requests: int = 200, engine: str = "compiled",
    keys: int = 10_000,
) -> Outcome:  # fmt: skip
    """Evenly spaced requests of one operation, ten a second."""
    work = Workload(
        ConstantArrivals(rate_per_s=10.0), UniformKeys(count=keys), Constant(value=float(size_bytes)),
        {operation: 1.0}, items=Constant(value=float(items)),
    )  # fmt: skip
    duration_s = (requests - 0.5) / 10.0
    return replicate(system, work, Span(0.0, duration_s, duration_s + 20.0, 1), 1, engine)[0]


def started(of: Outcome, partitions: int) -> IntArray:
    """Reads of each partition, where each replica has a node to itself."""
    nodes = np.array(place([tuple((p + slot) % 3 for slot in range(3)) for p in range(partitions)], 1).rows)
    return np.asarray(of.stations["storage nodes"].started[nodes].sum(axis=1))


def plain(operation: str, **parameters: Any) -> System:
    """A table of constant times, whose replica takes 2 ms for a read."""
    still = {"region": STILL, "read": ConstantSeconds(value_s=0.002), "router": ConstantSeconds(value_s=0.0)}
    return build(DynamodbParameters(**{**still, **parameters}), (operation,))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("operation", "items", "size_bytes", "strong_units"),
    [
        ("query", 10, 1500, 4), ("scan", 10, 1500, 4), ("query", 1, 100, 1), ("query", 40, 100, 1),
        ("query", 41, 100, 2),
        ("query", 1024, 1024, 256), ("batch_get", 10, 1500, 10), ("batch_get", 3, 4097, 6), ("batch_get", 100, 1, 100),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("consistency", "share"), [("strong", 1.0), ("eventual", 0.5)])
def test_units_are_those_of_aws_s_arithmetic(
    operation: str, items: int, size_bytes: int, strong_units: int, consistency: str, share: float, engine: str
) -> None:
    """Ten items of 1,500 bytes are 15,000 bytes: 4 units for a query, 10 for a batch, half of it when eventual; a page
    of 1 MB is 128 when eventual. Method: a reservoir of units for exactly fifty requests, and next to no refill.
    """
    units = strong_units * share
    capacity = Provisioned(
        mode="provisioned",
        read_units_per_s=1.0,
        write_units_per_s=1.0,
        burst_s=50 * units,
        admission="global",
        router_refill_s=0.0,
    )
    # No partition's ceiling of 3,000 units/s is near ten requests/s.
    system = build(DynamodbParameters(capacity=capacity, consistency=consistency, partitions=1), (operation,))
    of = simulated(system, operation, items, size_bytes, requests=60, engine=engine).operations[operation]

    # Six units flow in meanwhile.
    assert 50 <= of.ok <= 50 + 6 / units
    assert of.errors.get("throttled", 0) == of.requests - of.ok


@pytest.mark.parametrize("operation", ["query", "scan"])
@pytest.mark.parametrize(
    ("items", "size_bytes", "pages"),
    [(2_560, 1024, 3), (1024, 1024, 1), (1025, 1024, 2), (5, 400 * 1024, 3), (10_000, 1000, 10)],
)
def test_a_result_of_two_and_a_half_megabytes_has_three_pages(
    operation: str, items: int, size_bytes: int, pages: int
) -> None:
    """Every page is a round trip through a router to one replica of one partition, and pages follow one another."""
    system = plain(operation, further_item=0.0, partitions=7)

    of = simulated(system, operation, items, size_bytes)

    requests = of.operations[operation].requests
    assert of.stations["routers"].started.sum() == pages * requests
    assert of.stations["storage nodes"].started.sum() == pages * requests
    # There and back between client and router, and between router and replica.
    assert of.operations[operation].latency.mean_s == pytest.approx(pages * (2 * ROUND_TRIP_S + 0.002), rel=1e-9)


def test_all_pages_come_from_the_first_key_s_partition() -> None:
    system = plain("query", partitions=7)

    of = simulated(system, "query", 5_000, 1000, requests=1, keys=100_000)

    assert sorted(started(of, 7).tolist()) == [0, 0, 0, 0, 0, 0, 5]


def test_each_further_item_of_a_query_is_a_part_of_the_first_s_work() -> None:
    system = plain("query", further_item=0.01)

    found = simulated(system, "query", 101, 10).operations["query"].latency.mean_s

    assert found == pytest.approx(2 * ROUND_TRIP_S + 2 * 0.002, rel=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("items", "size_bytes", "batches"), [(100, 300 * 1024, 2), (52, 300 * 1024, 1), (53, 300 * 1024, 2), (100, 1000, 1)]
)
def test_of_a_hundred_items_of_300_kb_fifty_two_come_at_once(
    items: int, size_bytes: int, batches: int, engine: str
) -> None:
    """Goal: the 16 MB of a batch, by AWS's example; the rest is asked for in another round trip. Every item comes."""
    of = simulated(plain("batch_get"), "batch_get", items, size_bytes, requests=20, engine=engine)

    assert of.stations["routers"].started.sum() == batches * 20
    assert of.stations["storage nodes"].started.sum() == items * 20
    assert of.operations["batch_get"].latency.mean_s == pytest.approx(batches * (2 * ROUND_TRIP_S + 0.002), rel=1e-9), (
        "items at the same time, batches one after the other"
    )


@pytest.mark.parametrize("model", ["dynamodb", "dax"])
def test_a_hundred_items_are_a_batch_and_one_more_is_rejected(model: str) -> None:
    parameters = MODELS[model].parameters()
    system = MODELS[model].build(parameters, ("batch_get",))

    for items, errors in ((100, {}), (101, {"rejected": 200})):
        assert simulated(system, "batch_get", items, 100).operations["batch_get"].errors == errors


def test_items_of_a_batch_are_looked_for_in_their_own_partitions() -> None:
    of = simulated(plain("batch_get", partitions=5), "batch_get", 100, 100)

    assert started(of, 5) == pytest.approx(np.full(5, 100 * 200 / 5), rel=0.1)


@pytest.mark.parametrize("engine", ENGINES)
def test_read_modify_write_reads_and_then_writes(engine: str) -> None:
    append = ConstantSeconds(value_s=0.003)
    read, write, both = (
        simulated(plain(operation, append=append), operation, 1, 100, engine=engine)
        for operation in ("read", "write", "read_modify_write")
    )

    assert both.operations["read_modify_write"].latency.mean_s == pytest.approx(
        read.operations["read"].latency.mean_s + write.operations["write"].latency.mean_s, rel=1e-9
    )
    assert both.stations["storage nodes"].started.sum() == 200 * (1 + 3)


# ---------------------------------------------------------------- through DAX


def dax(operation: str, **parameters: Any) -> System:
    model = MODELS["dax"]
    return model.build(model.parameters(**parameters), (operation,))


def test_a_batch_through_dax_costs_a_node_what_its_hits_and_misses_do() -> None:
    """Sizing guide: hits x KB + 10 misses x KB. Items of 1,500 bytes count as 2 KB each."""
    of = simulated(dax("batch_get"), "batch_get", 20, 1500, keys=300)
    cache = of.caches["item_cache"]
    hits, misses = cache.hits.sum(), cache.misses.sum()

    assert hits + misses == 20 * 200
    assert hits > 1_000
    assert misses >= 300
    units = of.stations["nodes"].span_busy_s.sum() * 75_000
    assert units == pytest.approx(2 * hits + 20 * misses, rel=1e-3)
    assert of.stations["storage nodes"].started.sum() == misses


def test_a_query_passes_through_dax_and_fills_nothing() -> None:
    """Ten items of 1,500 bytes are 15 KB, at ten units for each KB."""
    of = simulated(dax("query"), "query", 10, 1500)

    assert of.stations["nodes"].span_busy_s.sum() * 75_000 == pytest.approx(200 * 150, rel=1e-3)
    assert of.stations["storage nodes"].started.sum() == 200
    assert "item_cache" not in of.caches


def test_what_is_inserted_through_dax_is_in_every_node_s_cache() -> None:
    """Ten keys, inserted over and over, are then always found."""
    model = MODELS["dax"]
    system = model.build(model.parameters(), ("insert", "read"))
    work = Workload(
        ConstantArrivals(rate_per_s=10.0), UniformKeys(count=10), Constant(value=100.0), {"insert": 0.5, "read": 0.5}
    )

    cache = replicate(system, work, Span(10.0, 60.0, 70.0, 1), 1)[0].caches["item_cache"]

    assert cache.lookups.sum() > 200
    assert cache.hits.sum() == cache.lookups.sum()
