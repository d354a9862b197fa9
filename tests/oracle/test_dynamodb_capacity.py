"""DynamoDB's capacity against its published arithmetic: units, bursts, partitions, ceilings, hot partitions.

Source:
    DynamoDB Developer Guide (2023); AWS re:Post (burst example); Elhemali et al., USENIX ATC 2022 (partition example).
"""

from __future__ import annotations

import math

import pytest

from models.dynamodb.capacity import (
    PARTITION_READ_UNITS,
    PARTITION_WRITE_UNITS,
    partitions_needed,
    partitions_of,
)
from models.dynamodb.model import DynamodbParameters, build
from models.kernel.arrivals import ConstantArrivals, Poisson
from models.kernel.keys import Hotspot, UniformKeys
from models.kernel.laws import Constant
from models.kernel.predict import predict
from models.kernel.program import Program
from models.kernel.sources import Workload
from tests.strategies.tables import ENGINES, on_demand, simulated, table

# Units.


@pytest.mark.parametrize(
    ("operation", "size_bytes", "units"),
    [
        ("strong_read", 0, 1.0), ("strong_read", 1, 1.0), ("strong_read", 4096, 1.0), ("strong_read", 4097, 2.0),
        ("strong_read", 400 * 1024, 100.0), ("read", 4096, 0.5), ("read", 4097, 1.0),
        ("write", 1, 1.0), ("write", 1024, 1.0), ("write", 1025, 2.0), ("write", 400 * 1024, 400.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ENGINES)
def test_units_follow_size_and_consistency(operation: str, size_bytes: int, units: float, engine: str) -> None:
    """Method: a table with a burst of exactly 1,200 units and next to no refill admits 1,200 / units requests."""
    parameters = table(read_units_per_s=1.0, write_units_per_s=1.0, burst_s=1_200.0, partitions=4, admission="global")
    # Four partitions' ceilings of 3,000 and 1,000 units are out of the way of 1,200 in three seconds and more.
    outcome = simulated(
        parameters, operation, ConstantArrivals(rate_per_s=1_000.0), 3.0, size_bytes=size_bytes, engine=engine
    )

    kind = "write" if operation == "write" else "read"
    # Three units flow in meanwhile.
    assert math.floor(1_200 / units) <= outcome.operations[operation].ok <= math.floor(1_203 / units)
    assert outcome.counters[f"{kind} capacity.admitted"] == outcome.operations[operation].ok
    assert outcome.operations[operation].errors == {"throttled": outcome.counters[f"{kind} capacity.throttled"]}


@pytest.mark.parametrize(
    "parameters",
    [
        DynamodbParameters(), table(), table(admission="partition"), table(router_refill_s=2.0), on_demand(),
        on_demand(split_for_heat={"spare_partitions": 1}),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("operation", "units"), [("read", 1.0), ("strong_read", 2.0), ("write", 5.0)])
def test_units_are_counted_in_every_mode(parameters: DynamodbParameters, operation: str, units: float) -> None:
    """Items of 4,097 to 5,120 bytes; money is counted by these names."""
    arrivals = ConstantArrivals(rate_per_s=50.0)

    outcome = simulated(parameters, operation, arrivals, 4.0, size_bytes=5_000, engine="simpy", windows=4)

    drawn = outcome.buckets["write capacity" if operation == "write" else "read capacity"]
    assert outcome.operations[operation].ok == outcome.operations[operation].requests == 200
    assert drawn.window_taken.sum() + units >= 200 * units, "the last one may come after the last window"
    assert drawn.refused == 0.0


# The burst example: 150 units, idle for five minutes; then 200 reads/s for 900 s.


@pytest.mark.parametrize("admission", ["global", "partition"])
def test_a_full_reservoir_carries_fifty_units_too_many_for_900_seconds(admission: str) -> None:
    parameters = table(read_units_per_s=150.0, partitions=1, admission=admission)

    outcome = simulated(parameters, "strong_read", ConstantArrivals(rate_per_s=200.0), 1_200.0, windows=1_200)

    read = outcome.operations["strong_read"]
    first = int((read.window_errors > 0).argmax())
    assert first == pytest.approx(900, abs=1)
    assert read.ok == pytest.approx(45_000 + 150 * 1_200, abs=2), "what was saved, and what flowed in"
    assert read.errors == {"throttled": read.requests - read.ok}


# Partitions.


def test_partitions_split_in_two_and_never_merge() -> None:
    """The paper's example: 3,200 units on 4 partitions, 3,600, 6,000 on 8, and 5,000 on the same 8: 625 each."""
    counts = [partitions_needed(3_200, PARTITION_WRITE_UNITS)]
    for units in (3_600, 6_000, 5_000):
        counts.append(partitions_needed(units, PARTITION_WRITE_UNITS, counts[-1]))

    assert counts == [4, 4, 8, 8]
    assert [units / count for units, count in zip((3_200, 3_600, 6_000, 5_000), counts, strict=True)] == [
        800, 900, 750, 625,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("read", "write", "expected"), [(1, 1, 1), (3_000, 1_000, 1), (3_001, 1, 2), (1, 1_001, 2), (40_000, 40_000, 40)]
)
def test_a_new_table_has_as_many_partitions_as_its_units_need(read: float, write: float, expected: int) -> None:
    capacity = table(read_units_per_s=float(read), write_units_per_s=float(write)).capacity
    assert partitions_of(None, capacity) == expected


@pytest.mark.parametrize(
    ("operation", "ceiling"), [("strong_read", PARTITION_READ_UNITS), ("write", PARTITION_WRITE_UNITS)]
)
@pytest.mark.parametrize("admission", ["global", "partition"])
def test_a_single_key_gets_no_more_than_its_partition_has(operation: str, ceiling: float, admission: str) -> None:
    parameters = table(read_units_per_s=4e4, write_units_per_s=4e4, partitions=8, admission=admission)

    outcome = simulated(
        parameters, operation, ConstantArrivals(rate_per_s=2 * ceiling), 10.0, keys=UniformKeys(count=1)
    )

    # A second's worth stands ready at the start.
    assert outcome.operations[operation].ok == pytest.approx(ceiling * 11, abs=2)
    kind = operation.removeprefix("strong_")
    assert outcome.counters[f"{kind} ceiling.throttled"] == outcome.operations[operation].errors["throttled"]
    assert outcome.counters[f"{kind} capacity.admitted"] == outcome.operations[operation].ok, "none without the other"


# The hot partition: 400 units, four partitions of 100, demand 50, 50, 50 and 150.

HOT = Hotspot(count=40_000, hot_keys=1 / 40_000, hot_operations=1 / 3)


def test_a_hot_partition_is_throttled_at_its_share_and_lifted_by_the_table() -> None:
    arrivals = Poisson(rate_per_s=300.0)
    alone = table(write_units_per_s=400.0, partitions=4, admission="partition", burst_s=1.0)
    shared = table(write_units_per_s=400.0, partitions=4, admission="global", burst_s=1.0)

    throttled = simulated(alone, "write", arrivals, 200.0, keys=HOT).operations["write"]
    lifted = simulated(shared, "write", arrivals, 200.0, keys=HOT).operations["write"]

    # 150 asked, 100 served: 50 of 300 fail.
    assert throttled.errors["throttled"] / throttled.requests == pytest.approx(50 / 300, abs=0.015)
    assert lifted.errors == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_who_is_throttled_is_told_by_the_router(engine: str) -> None:
    """A way to the router and back, and no replica has worked."""
    parameters = table(read_units_per_s=1.0, burst_s=0.0, partitions=1)

    outcome = simulated(parameters, "strong_read", ConstantArrivals(rate_per_s=100.0), 10.0, engine=engine)

    read = outcome.operations["strong_read"]
    assert read.ok == outcome.stations["storage nodes"].started.sum() == 10
    assert read.errors == {"throttled": 990}


# What is said before it runs.


@pytest.mark.parametrize(
    ("parameters", "bucket", "rate_per_s"),
    [
        (table(write_units_per_s=400.0, partitions=4), "write capacity", 400.0 / 2),
        (table(write_units_per_s=400.0, partitions=4, router_refill_s=2.0), "write capacity", 400.0 / 2),
        (table(write_units_per_s=400.0, partitions=4, admission="partition"), "write allocation", 100.0 / 2),
        (table(partitions=1), "write ceiling", 1_000.0 / 2),
        (on_demand(partitions=8), "write ceiling", 1_000.0 / 2),
    ],
)
def test_the_rate_that_throttles_is_told_before_the_run(
    parameters: DynamodbParameters, bucket: str, rate_per_s: float
) -> None:
    """Writes of 2 KB, two units each, all to one key."""
    work = Workload(Poisson(rate_per_s=10.0), UniformKeys(count=1), Constant(value=2048.0), {"write": 1.0})

    throttle = predict(Program(build(parameters, ("write",)), "table"), work, 10.0).throttle

    assert throttle is not None
    assert throttle.name == bucket
    assert throttle.saturation_per_s == pytest.approx(rate_per_s)


def test_unlimited_capacity_never_throttles() -> None:
    work = Workload(Poisson(rate_per_s=10.0), UniformKeys(), Constant(value=100.0), {"read": 1.0})

    assert predict(Program(build(DynamodbParameters(), ("read",)), "table"), work, 10.0).throttle is None
