"""Who is let in, and what control makes of it: routers' tokens, nodes' limits on bursts, lifted shares, splits.

Source:
    Elhemali et al., USENIX ATC 2022, section 4; DynamoDB Developer Guide (2023), example of adaptive capacity.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from models.dynamodb.admission import Units
from models.dynamodb.heat import cut
from models.dynamodb.model import DynamodbParameters
from models.dynamodb.supply import PartitionSupply
from models.kernel.arrivals import ConstantArrivals, Poisson
from models.kernel.keys import Hotspot, UniformKeys
from models.kernel.parts import Bucket, Group
from tests.strategies.tables import ENGINES, on_demand, simulated, table

# Routers with tokens of their own.


def all_to_one_router(plane: Any) -> Generator[Any, Any, None]:
    """A table of names that knows one router only."""
    names = next(each for each in plane.program.memberships if each.group.name == "routers")
    for slot in range(names.width):
        plane.assign(names, 0, slot, 0)
    yield plane.until(0.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_router_that_gets_all_traffic_is_throttled_until_it_is_dealt_more(engine: str) -> None:
    """Method: 300 reads/s on 300 units, of which each of three routers has a third at first. Every two seconds a
    router's share moves half of the way to what it wanted: 1/3, 2/3, 5/6, 11/12. What is lacking halves each time.
    """
    parameters = table(read_units_per_s=300.0, burst_s=0.0, router_refill_s=2.0, partitions=4)
    arrivals = ConstantArrivals(rate_per_s=300.0)

    hot = simulated(parameters, "strong_read", arrivals, 8.0, engine=engine, windows=4, beside=(all_to_one_router,))
    even = simulated(parameters, "strong_read", arrivals, 8.0, engine=engine, windows=4)

    assert hot.operations["strong_read"].window_errors[:4] == pytest.approx([400, 200, 100, 50], abs=3)
    assert hot.buckets["read capacity"].window_taken[0] == pytest.approx(200, abs=2), "the table has 600 units to give"
    assert even.operations["strong_read"].errors.get("throttled", 0) < 0.1 * 2_400


def test_a_router_that_gets_all_traffic_loses_nothing_where_all_draw_on_the_table() -> None:
    parameters = table(read_units_per_s=300.0, burst_s=0.0, router_refill_s=0.0, partitions=4)

    outcome = simulated(parameters, "strong_read", ConstantArrivals(rate_per_s=300.0), 8.0, beside=(all_to_one_router,))

    assert outcome.operations["strong_read"].errors == {}


@pytest.mark.parametrize("refill_s", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("one", [False, True])
def test_routers_give_no_more_than_the_table_has(refill_s: float, one: bool) -> None:
    """Conservation: units taken are at most those saved at first and those that flowed in; nearly all where demand is
    three times as high and has settled.
    """
    parameters = table(read_units_per_s=100.0, burst_s=20.0, router_refill_s=refill_s, partitions=4)

    outcome = simulated(
        parameters, "strong_read", Poisson(rate_per_s=300.0), 60.0, windows=60,
        beside=(all_to_one_router,) if one else (),
    )  # fmt: skip

    taken = np.cumsum(outcome.buckets["read capacity"].window_taken[:60])
    had = 100.0 * (20.0 + np.arange(1, 61))
    assert (taken <= had).all()
    assert taken[-1] >= had[-1] - 100.0 * refill_s - 1.0


# Bursts, and what nodes have for them.


@pytest.mark.parametrize(
    ("operation", "rate_per_s", "bursts_per_s"),
    [("strong_read", 200.0, 20.0), ("read", 400.0, 60.0), ("write", 200.0, 20.0)],
)
def test_bursts_are_limited_by_nodes(operation: str, rate_per_s: float, bursts_per_s: float) -> None:
    """Method: a partition of 100 units with 300 s saved is asked for 200; each node has 20 units for bursts. A strong
    read takes those of the leader's node, an eventual one those of any of three nodes, a write those of all three.
    """
    parameters = table(
        read_units_per_s=100.0, write_units_per_s=100.0, admission="partition", partitions=1,
        node_read_units_per_s=20.0, node_write_units_per_s=20.0,
    )  # fmt: skip

    outcome = simulated(parameters, operation, ConstantArrivals(rate_per_s=rate_per_s), 30.0)

    kind = "write" if operation == "write" else "read"
    units = 0.5 if operation == "read" else 1.0
    # A second's allocation and bursts are there at first; while the allocation lasts, for a second, bursts flow over.
    assert units * outcome.operations[operation].ok == pytest.approx(31 * 100 + 30 * bursts_per_s, abs=5)
    admitted = {name: outcome.counters[f"{kind} {name}.admitted"] for name in ("allocation", "burst", "node")}
    assert admitted["allocation"] + admitted["burst"] == outcome.operations[operation].ok
    assert admitted["node"] == admitted["burst"] * (3 if operation == "write" else 1), "all or none"


def follower_is_busy(plane: Any) -> Generator[Any, Any, None]:
    """The node of the partition's second replica has nothing to spare."""
    for bucket in plane.program.buckets:
        if bucket.name.endswith(" node"):
            plane.refill(bucket, 1, 0.0, 0.0)
    yield plane.until(0.0)


@pytest.mark.parametrize(("operation", "bursts"), [("strong_read", True), ("write", False)])
def test_a_write_bursts_only_if_the_followers_nodes_can(operation: str, bursts: bool) -> None:
    parameters = table(read_units_per_s=100.0, write_units_per_s=100.0, admission="partition", partitions=1)

    outcome = simulated(parameters, operation, ConstantArrivals(rate_per_s=200.0), 10.0, beside=(follower_is_busy,))

    read = outcome.operations[operation]
    assert read.ok == pytest.approx(2_000 if bursts else 1_100, abs=2)
    assert (read.errors == {}) == bursts


def test_a_partition_within_its_allocation_uses_no_burst() -> None:
    parameters = table(write_units_per_s=100.0, admission="partition", partitions=1)

    outcome = simulated(parameters, "write", ConstantArrivals(rate_per_s=99.0), 20.0)

    assert outcome.counters["write burst.admitted"] == outcome.counters["write node.admitted"] == 0
    assert outcome.counters["write allocation.admitted"] == outcome.operations["write"].ok


def test_what_is_not_used_can_be_used_later() -> None:
    """Method: 100 units, nothing saved at first; idle for 20 s, so that 20 s are saved, then 200 writes/s: they last
    for 20 s, and one more for the second that the allocation itself holds.
    """
    parameters = table(write_units_per_s=100.0, admission="partition", partitions=1)

    def nothing_saved(plane: Any) -> Generator[Any, Any, None]:
        for bucket in plane.program.buckets:
            if bucket.name in ("write burst", "write allocation"):
                plane.refill(bucket, 0, bucket.rate_per_s, bucket.burst, 0.0)
        plane.stop_source(0)
        yield plane.until(20.0)
        plane.start_source(0)

    outcome = simulated(
        parameters, "write", ConstantArrivals(rate_per_s=200.0), 60.0, windows=60, beside=(nothing_saved,)
    )

    assert outcome.operations["write"].ok == pytest.approx(60 * 100, abs=2)
    assert int((outcome.operations["write"].window_errors > 0).argmax()) == pytest.approx(40, abs=1)


# Adaptive capacity: 400 units, four partitions of 100, demand 50, 50, 50 and 150.

HOT = Hotspot(count=40_000, hot_keys=1 / 40_000, hot_operations=1 / 3)


@pytest.mark.parametrize("engine", ENGINES)
def test_adaptive_capacity_lifts_the_hot_partition(engine: str) -> None:
    parameters = table(write_units_per_s=400.0, partitions=4, admission="partition", burst_s=1.0, adaptive_s=30.0)

    outcome = simulated(parameters, "write", Poisson(rate_per_s=300.0), 60.0, keys=HOT, engine=engine, windows=2)

    write = outcome.operations["write"]
    hot = (write.window_ok[0] + write.window_errors[0]) / 2
    # Before its first look a third of 150/s, but for the 100 units that are there at first.
    assert write.window_errors[0] / hot == pytest.approx((50 * 30 - 100) / (150 * 30), abs=0.03)
    assert write.window_errors[1:].sum() == 0, "after it, nothing"


def test_adaptive_capacity_gives_no_more_than_the_table_has() -> None:
    """Demand 50, 50, 50 and 400: what the others leave of 400 units is 250."""
    keys = Hotspot(count=40_000, hot_keys=1 / 40_000, hot_operations=350 / 550)
    parameters = table(write_units_per_s=400.0, partitions=4, admission="partition", burst_s=1.0, adaptive_s=10.0)

    outcome = simulated(parameters, "write", Poisson(rate_per_s=550.0), 60.0, keys=keys, windows=6)

    per_s = outcome.operations["write"].window_ok[2:6] / 10.0
    assert per_s.mean() == pytest.approx(400.0, rel=0.02)
    assert per_s == pytest.approx([400.0] * 4, rel=0.05), "lifts are taken back when it is too much"


class Counts:
    """A plane that says what buckets have given, and keeps what they are given."""

    def __init__(self) -> None:
        self.drawn: dict[tuple[Bucket, int], tuple[float, float]] = {}
        self.terms: dict[tuple[Bucket, int], tuple[float, float]] = {}

    def tokens(self, bucket: Bucket, member: int) -> tuple[float, float]:
        return self.drawn.get((bucket, member), (0.0, 0.0))

    def refill(self, bucket: Bucket, member: int, rate_per_s: float, burst: float) -> None:
        self.terms[bucket, member] = rate_per_s, burst


def test_lifts_are_taken_back_while_the_table_is_over_its_units() -> None:
    """By hand: shares of 100; in 10 s the first uses 100/s and lacks 30/s, the second uses 50/s: a lift of 60, as
    100 + 60 + 50 does not exceed 200 by more than is free: 200 - 50 - 100 = 50, so 50. Then they use 150/s and 80/s,
    which is 30 too many: 20 are left. Burst that was used is not lacking.
    """
    group, plane = Group("partitions", 2), Counts()
    burst = Bucket("burst", group, 0.0, 0.0)
    allocated = Bucket("allocation", group, 100.0, 100.0, burst)
    units = Units("write", 200.0, Bucket("capacity", Group("table"), 0.0, 1.0), allocated=allocated, burst=burst)
    supply = PartitionSupply(plane, units, 3.0)  # type: ignore[arg-type]

    plane.drawn = {(allocated, 0): (900.0, 400.0), (burst, 0): (100.0, 0.0), (allocated, 1): (500.0, 0.0)}
    supply.adapt(10.0)
    lifted = dict(plane.terms)
    plane.drawn = {(allocated, 0): (2_400.0, 400.0), (burst, 0): (100.0, 0.0), (allocated, 1): (1_300.0, 0.0)}
    supply.adapt(10.0)

    assert lifted == {(allocated, 0): (150.0, 150.0), (burst, 0): (0.0, 300.0)}
    assert plane.terms == {(allocated, 0): (120.0, 120.0), (burst, 0): (0.0, 240.0)}


# Splits for heat.


def splitting(spare_partitions: int = 2) -> DynamodbParameters:
    """One partition that splits after ten hot seconds, with units to spare."""
    return table(partitions=1, split_for_heat={"hot_s": 10.0, "spare_partitions": spare_partitions})


@pytest.mark.parametrize("engine", ENGINES)
def test_two_hot_keys_are_throttled_until_their_partition_splits(engine: str) -> None:
    """900 writes/s each, 1,000 for their partition; then 1,000 for each."""
    outcome = simulated(
        splitting(), "write", ConstantArrivals(rate_per_s=1_800.0), 20.0, keys=UniformKeys(count=2), engine=engine,
        windows=20,
    )  # fmt: skip

    errors = outcome.operations["write"].window_errors
    # The first second's worth stands ready.
    assert errors[:10].sum() == pytest.approx(10 * 800 - 1_000, abs=10)
    assert errors[11:].sum() == 0
    assert next(note.text for note in outcome.notes if "split:" in note.text).startswith("partition 0 split")


def test_one_hot_key_stays_throttled() -> None:
    outcome = simulated(
        splitting(), "write", ConstantArrivals(rate_per_s=1_800.0), 30.0, keys=UniformKeys(count=1), windows=3
    )

    assert outcome.operations["write"].ok == pytest.approx(31_000, abs=5)
    assert {note.text for note in outcome.notes} == {"partition 0 is hot, and cannot be split"}


def test_splits_end_with_the_spare_partitions() -> None:
    """Eight times a partition's ceiling on one of them, and one to spare: two serve, and both are hot."""
    outcome = simulated(
        splitting(1), "write", ConstantArrivals(rate_per_s=8_000.0), 30.0, keys=UniformKeys(count=1_000), windows=30
    )

    assert outcome.operations["write"].window_ok[25:30] == pytest.approx([2_000.0] * 5, abs=3)
    assert outcome.notes[-1].text.endswith("no spare partition is left")


def test_a_table_that_splits_finds_keys_where_it_did() -> None:
    """Before anything has split, ranges lead to the partitions that the hash alone leads to."""
    plain, split = table(partitions=6), table(partitions=6, split_for_heat={"spare_partitions": 3})
    arrivals = Poisson(rate_per_s=500.0)

    seen = [simulated(each, "write", arrivals, 4.0).operations["write"] for each in (plain, split)]

    assert (seen[0].latency.counts == seen[1].latency.counts).all()


@pytest.mark.parametrize(
    ("heat", "expected"),
    [
        ([1.0, 1.0, 1.0, 1.0], 2), ([5.0, 5.0], 1), ([1.0, 0.0, 0.0, 3.0, 4.0], 4), ([0.0, 9.0, 1.0], 2),
        ([10.0, 0.0, 0.0], None), ([0.0, 10.0], None), ([0.5, 9.0, 0.5], None), ([0.0, 0.0], None), ([7.0], None),
    ],
)  # fmt: skip
def test_a_split_halves_the_heat_or_is_of_no_use(heat: list[float], expected: int | None) -> None:
    assert cut(heat) == expected


# Both engines.


@pytest.mark.parametrize(
    "parameters",
    [
        table(write_units_per_s=50.0, burst_s=2.0, router_refill_s=1.5),
        table(write_units_per_s=50.0, burst_s=3.0, admission="partition", adaptive_s=2.0, node_write_units_per_s=5.0),
        table(split_for_heat={"hot_s": 2.0, "hot_share": 0.01}, partitions=1, router_refill_s=1.0),
        on_demand(first_write_units_per_s=20.0, growth_s=60.0, router_refill_s=1.0),
        table(
            write_units_per_s=20.0, burst_s=60.0,
            auto_scaling={"max_read_units_per_s": 1e6, "max_write_units_per_s": 60.0},
        ),
    ],
)  # fmt: skip
def test_engines_agree_on_tables_that_throttle(parameters: DynamodbParameters) -> None:
    seen = [
        simulated(parameters, "write", Poisson(rate_per_s=30.0), 200.0, keys=HOT, engine=engine) for engine in ENGINES
    ]

    assert seen[0].fingerprint() == seen[1].fingerprint()
    assert seen[0].notes == seen[1].notes
