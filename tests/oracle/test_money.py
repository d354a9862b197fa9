"""Bills worked by hand: what is held by the hour, what is used by the unit, and where a cache pays for itself.

Prices are those of us-east-1 that the models give as defaults: read request units 0.125 and write request units 0.625
dollars a million, read units 0.00013 and write units 0.00065 dollars an hour, a dax.r5.large 0.255 dollars an hour.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from bench import library
from bench.errors import ScenarioError
from bench.scenario.load import load
from bench.statistics.figures import charge_dollars_per_hour, dollars_per_hour, dollars_per_million_requests, imbalances
from bench.statistics.windows import within
from models.catalogue import MODELS
from models.dax.model import NODE_TYPES
from models.dax.prices import NODE_DOLLARS_PER_HOUR
from models.dynamodb.capacity import Provisioned
from models.dynamodb.model import DynamodbParameters, build
from models.dynamodb.prices import Prices, charges
from models.kernel.arrivals import ConstantArrivals
from models.kernel.charges import Hourly, PerToken
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.outcome import Outcome
from models.kernel.plane import Plane
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import System
from tests.strategies.runs import replicate

ENGINES = ("simpy", "compiled")
SPAN = Span(0.0, 4.0, 8.0, 4)
AMPLE = {"mode": "provisioned", "read_units_per_s": 1e6, "write_units_per_s": 1e6, "router_refill_s": 0.0}


def on_demand(system: System) -> System:
    """The same system, its table paid on demand."""
    held = tuple(charge for charge in system.charges if charge.name not in {"read units", "write units"})
    return replace(system, charges=(*held, *charges(Prices(), "unlimited")))


def table(*operations: str, **capacity: Any) -> System:
    return build(DynamodbParameters(capacity=Provisioned(**{**AMPLE, **capacity})), operations)


def dax(**parameters: Any) -> System:
    model = MODELS["dax"]
    given = {"table": {"capacity": AMPLE}, **parameters}
    return model.build(model.parameters.model_validate(given), ("read",))


def billed(
    system: System, mix: dict[str, float], rate_per_s: float = 1_000.0, *, size_bytes: float = 100.0,
    keys: int = 10_000, span: Span = SPAN, engine: str = "compiled",
) -> Outcome:  # fmt: skip
    """One replication of requests at even distances; what it says adds up."""
    arrivals = ConstantArrivals(rate_per_s=rate_per_s)
    work = Workload(arrivals, UniformKeys(count=keys), Constant(value=size_bytes), mix)
    (outcome,) = replicate(system, work, span, 1, engine)
    assert imbalances(outcome) == []
    return outcome


# What is used.


@pytest.mark.parametrize("engine", ENGINES)
def test_strong_reads_of_six_kilobytes_take_two_units_each(engine: str) -> None:
    """1,000 a second x 2 units x 3,600 s x 0.125 dollars a million = 0.90 dollars an hour, 0.25 a million reads."""
    outcome = billed(on_demand(table("strong_read")), {"strong_read": 1.0}, size_bytes=6_000.0, engine=engine)

    assert dollars_per_hour(outcome) == pytest.approx(0.90, rel=1e-3)
    assert dollars_per_million_requests(outcome) == pytest.approx(0.25, rel=5e-3)
    assert set(outcome.charges) == {"read requests"}


def test_writes_and_eventual_reads_are_paid_by_their_units() -> None:
    """A read of 100 bytes takes half a unit, a write one: 0.0625 and 0.625 dollars a million."""
    reads = billed(on_demand(table("read")), {"read": 1.0})
    writes = billed(on_demand(table("write")), {"write": 1.0})

    assert dollars_per_hour(reads) == pytest.approx(1_000 * 3_600 * 0.0625e-6, rel=1e-3)
    assert dollars_per_hour(writes) == pytest.approx(1_000 * 3_600 * 0.625e-6, rel=1e-3)


def test_who_is_throttled_pays_nothing() -> None:
    """Once a full bucket is used up, 100 units a second feed 200 eventual reads of the 1,000 that ask."""
    system = on_demand(table("read", read_units_per_s=100.0, burst_s=0.0))

    outcome = billed(system, {"read": 1.0}, span=Span(1.0, 4.0, 8.0, 4))

    assert charge_dollars_per_hour(outcome, "read requests") == pytest.approx(100 * 3_600 * 0.125e-6, rel=0.02)
    assert dollars_per_million_requests(outcome) == pytest.approx(0.0625, rel=0.01)


# What is held.


@pytest.mark.parametrize("rate_per_s", [10.0, 90.0])
def test_provisioned_units_cost_the_same_used_or_not(rate_per_s: float) -> None:
    """100 x 0.00013 + 50 x 0.00065 = 0.0455 dollars an hour."""
    system = table("strong_read", read_units_per_s=100.0, write_units_per_s=50.0)

    outcome = billed(system, {"strong_read": 1.0}, rate_per_s)

    assert dollars_per_hour(outcome) == pytest.approx(0.0455)
    assert dollars_per_million_requests(outcome) == pytest.approx(0.0455 / 3_600 / rate_per_s * 1e6, rel=0.05)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_level_that_changes_half_way_is_paid_half_and_half(engine: str) -> None:
    """100 read units, from 2 of 4 s on 300: 200 on average, 0.026 dollars an hour; 0.013, then 0.039 by window."""

    def control(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(2.0)
        plane.level("read units provisioned", 300.0)

    system = table("strong_read", read_units_per_s=100.0, write_units_per_s=1.0)
    outcome = billed(replace(system, controls=(control,)), {"strong_read": 1.0}, 50.0, engine=engine)

    assert charge_dollars_per_hour(outcome, "read units") == pytest.approx(0.026)
    assert charge_dollars_per_hour(within(outcome, (0.0, 2.0)), "read units") == pytest.approx(0.013)
    assert charge_dollars_per_hour(within(outcome, (2.0, 4.0)), "read units") == pytest.approx(0.039)


def test_a_level_that_control_sets_at_the_start_replaces_what_the_charge_says() -> None:
    def control(plane: Plane) -> Generator[Any, Any, None]:
        plane.level("read units provisioned", 7.0)
        yield plane.until(1.0)

    outcome = billed(replace(table("strong_read"), controls=(control,)), {"strong_read": 1.0}, 50.0)

    assert charge_dollars_per_hour(outcome, "read units") == pytest.approx(7 * 0.00013)


# A cluster of nodes before a table.


def test_three_nodes_cost_three_times_a_node() -> None:
    outcome = billed(dax(nodes=3), {"read": 1.0}, 100.0)

    assert charge_dollars_per_hour(outcome, "nodes") == pytest.approx(0.765)
    assert dollars_per_hour(outcome) == pytest.approx(0.765 + 1e6 * 0.00013 + 1e6 * 0.00065)


@pytest.mark.parametrize(("part", "dearer"), [(0.97, "dax"), (1.03, "direct")])
def test_a_cluster_pays_for_itself_from_the_rate_on_at_which_its_hits_save_its_price(part: float, dearer: str) -> None:
    """A hit saves half a unit: 1 hit/s for an hour 3,600 x 0.0625 dollars a million = 0.000225 dollars. Three nodes of
    0.255 dollars are saved by 0.765 / 0.000225 = 3,400 hits/s. Ten keys, read long since, are hits and nothing else.
    """
    break_even_per_s = 3_400.0
    span = Span(1.0, 3.0, 5.0, 6)
    rate_per_s = part * break_even_per_s
    direct = billed(on_demand(table("read")), {"read": 1.0}, rate_per_s, keys=10, span=span)
    cached = billed(on_demand(dax(nodes=3)), {"read": 1.0}, rate_per_s, keys=10, span=span)

    assert cached.charges["read requests"].dollars == 0.0
    assert dollars_per_hour(direct) == pytest.approx(0.765 * part, rel=1e-3)
    costs = {"direct": dollars_per_hour(direct) or 0.0, "dax": dollars_per_hour(cached) or 0.0}
    assert max(costs, key=costs.__getitem__) == dearer


def test_every_node_type_has_a_price_that_grows_with_its_size() -> None:
    assert set(NODE_TYPES) <= set(NODE_DOLLARS_PER_HOUR)
    sizes = [NODE_DOLLARS_PER_HOUR[name] for name in NODE_TYPES if name.startswith("dax.r5.")]
    assert sizes == sorted(sizes)
    assert all(
        NODE_DOLLARS_PER_HOUR[name] == pytest.approx(0.255 * node_type.memory_gb / 16, rel=0.01)
        for name, node_type in NODE_TYPES.items()
        if name.startswith("dax.r5.")
    )


def test_a_node_without_a_known_price_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(NODE_DOLLARS_PER_HOUR, "dax.r5.large")

    with pytest.raises(ScenarioError, match=r"no price of dax\.r5\.large is known; give node_dollars_per_hour"):
        load(library.find("dax_write_heavy"), ())
    scenario = load(
        library.find("dax_write_heavy"),
        ("systems.three.node_dollars_per_hour=0.5", "systems.nine.node_dollars_per_hour=0.5"),
    )
    assert scenario.systems["three"].charges[0] == Hourly("nodes", 0.5, 3)


# Charges as data.


def test_a_charge_names_its_price_and_is_finite() -> None:
    assert Hourly("nodes", 0.255, 3.0).words == "3 x $0.255 an hour"
    assert PerToken("reads", 0.125e-6, "read capacity").words == "$0.125 for a million units of read capacity"
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="charge 'nodes'"):
            Hourly("nodes", wrong)


def test_charges_have_names_of_their_own() -> None:
    system = replace(table("read"), charges=(Hourly("nodes", 1.0), PerToken("nodes", 1.0, "read capacity")))

    with pytest.raises(ValueError, match="names of their own"):
        Program(system, "system")


def test_a_generic_model_has_no_bill() -> None:
    scenario = load(library.find("queue_mmc"), ())

    assert all(not system.charges for system in scenario.systems.values())
    assert all(not shape.charges for shape in scenario.shapes.values())
