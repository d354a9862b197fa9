"""Storage nodes: replicas spread over them, and latency that stays flat because a larger table has more of them.

Source:
    Elhemali et al., USENIX ATC 2022: three replicas in three zones; figures 5 and 6: over ten times the load no
    percentile changes by more than a quarter, and medians have no upward trend.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from models.dynamodb.model import DynamodbParameters, build
from models.dynamodb.placement import Placement, place
from models.kernel.arrivals import Poisson
from models.kernel.faults import Fault, StationFault, schedule
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.outcome import FloatArray, Outcome
from models.kernel.predict import predict
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import System
from tests.strategies.runs import replicate


def homes(partitions: int, zones: int) -> list[tuple[int, ...]]:
    """Zones of three replicas, one after the other."""
    return [tuple((p + slot) % zones for slot in range(3)) for p in range(partitions)]


SHAPES = [
    (p, zones, per_node) for p in (1, 2, 4, 7, 40) for zones in (1, 2, 3, 4, 5, 6) for per_node in (1, 3, 4, 1000)
]


@pytest.mark.parametrize(("partitions", "zones", "per_node"), SHAPES)
def test_replicas_of_a_partition_stand_apart_and_in_their_zones(partitions: int, zones: int, per_node: int) -> None:
    wanted = homes(partitions, zones)

    placed = place(wanted, per_node)

    assert [tuple(placed.zones[node] for node in row) for row in placed.rows] == wanted
    assert all({node % 3 for node in row} == {0, 1, 2} for row in placed.rows)


@pytest.mark.parametrize(("partitions", "zones", "per_node"), SHAPES)
def test_replicas_and_leaders_are_spread_evenly(partitions: int, zones: int, per_node: int) -> None:
    """Over nodes of one zone and one kind; with three zones a zone's nodes are all of one kind."""
    placed = place(homes(partitions, zones), per_node)

    replicas = Counter(node for row in placed.rows for node in row)
    leaders = Counter(row[0] for row in placed.rows)
    assert set(replicas) == set(range(len(placed.zones))), "no node is idle"
    assert max(replicas.values()) <= per_node
    for counts in (replicas, leaders):
        for zone, kind in {(zone, node % 3) for node, zone in enumerate(placed.zones)}:
            here = [counts[node] for node, home in enumerate(placed.zones) if (home, node % 3) == (zone, kind)]
            assert max(here) - min(here) <= 1


@pytest.mark.parametrize("per_node", [1, 3, 4, 1000])
def test_with_three_zones_a_zone_s_nodes_are_alike(per_node: int) -> None:
    placed = place(homes(40, 3), per_node)

    assert placed.zones == tuple(node % 3 for node in range(len(placed.zones)))


def test_a_small_table_by_hand() -> None:
    """Two partitions, three zones, two replicas a node: one node in each zone, nodes are zones."""
    assert place(homes(2, 3), 2) == Placement((0, 1, 2), ((0, 1, 2), (1, 2, 0)))


def test_a_table_has_nodes_as_its_replicas_need() -> None:
    """Forty partitions, four replicas a node: forty replicas and ten nodes in each zone."""
    assert Counter(place(homes(40, 3), 4).zones) == {0: 10, 1: 10, 2: 10}


# Flat over ten times the load.

LOADS = (1.0, 2.5, 5.0, 10.0)
BASE_PARTITIONS, BASE_PER_S = 8, 11_000.0


def table(**keys: Any) -> System:
    """Four replicas on a node that works on eight requests at once, so that a node is half busy at the base load."""
    return build(DynamodbParameters(replicas_per_node=4, node_servers=8, **keys), ("read",))


def reads(rate_per_s: float) -> Workload:
    return Workload(Poisson(rate_per_s=rate_per_s), UniformKeys(count=100_000), Constant(value=900.0), {"read": 1.0})


def percentiles_ms(system: System, rate_per_s: float) -> FloatArray:
    """p50 and p99 of 50,000 reads."""
    duration_s = 0.5 + 50_000 / rate_per_s
    outcome = replicate(system, reads(rate_per_s), Span(0.5, duration_s, duration_s + 60.0, 1), 1)[0]
    return 1e3 * outcome.operations["read"].latency.percentiles_s([0.5, 0.99])


def test_latency_is_flat_as_the_table_grows_with_its_load() -> None:
    """Partitions in proportion to load; nodes are half busy at every load, so waiting is part of what stays flat."""
    rates = [factor * BASE_PER_S for factor in LOADS]
    systems = [table(partitions=round(factor * BASE_PARTITIONS)) for factor in LOADS]
    busy = [predict(Program(s, "table"), reads(r), 1.0).stations["storage nodes"].utilization(r)
            for s, r in zip(systems, rates, strict=True)]  # fmt: skip

    p50, p99 = np.array([percentiles_ms(s, r) for s, r in zip(systems, rates, strict=True)]).T

    assert all(0.4 < (each or 0.0) < 0.6 for each in busy)
    for values in (p50, p99):
        assert values.max() / values.min() < 1.25
    assert max(p50[1:]) <= 1.02 * p50[0], "no upward trend"


def test_latency_is_not_flat_where_the_table_does_not_grow() -> None:
    """The same nodes at 1, 1.5 and 1.9 times the load, which they can just do, and at ten times, which they cannot."""
    system = table(partitions=BASE_PARTITIONS)

    base, more, twice, ten = (percentiles_ms(system, f * BASE_PER_S) for f in (1.0, 1.5, 1.9, 10.0))

    assert base[1] < more[1] < twice[1]
    assert twice[1] > 1.25 * base[1]
    assert ten[0] > 10.0 * base[0]


def test_partitions_on_one_node_wait_for_each_other() -> None:
    """Goal: the queue is the node's, not the replica's. Method: one server for twelve replicas, which stand apart or on
    three nodes; an M/G/1 queue of four times the load waits longer, by Pollaczek and Khinchine.
    """
    rate_per_s, work_s = 1_200.0, 0.002

    def mean_s(per_node: int) -> float:
        law = {"kind": "exponential", "mean_s": work_s}
        parameters = DynamodbParameters(partitions=4, replicas_per_node=per_node, node_servers=1, read=law)  # type: ignore[arg-type]
        outcome = replicate(build(parameters, ("read",)), reads(rate_per_s), Span(1.0, 101.0, 160.0, 1), 1)[0]
        return outcome.operations["read"].latency.mean_s

    # Utilisation of a node: 1,200 / 12 x 2 ms = 0.2 apart, 0.8 together; M/M/1 takes work / (1 - utilisation).
    assert mean_s(4) - mean_s(1) == pytest.approx(work_s / 0.2 - work_s / 0.8, rel=0.05)


def test_a_lost_storage_node_takes_all_its_partitions_replicas() -> None:
    """With one of three nodes lost, a third of eventual reads are refused, and a third of writes: those that it led.
    The others still have two of three replicas.
    """

    def outcome(down: bool) -> Outcome:
        system = build(DynamodbParameters(partitions=6, replicas_per_node=6), ("read", "write"))
        group = next(g for g in Program(system, "table").groups if g.name == "storage nodes")
        station = next(s for s in Program(system, "table").stations if s.group is group)
        faults = [Fault(0.0, 1e6, (StationFault(station, 0, "refuse"),))] if down else []
        work = Workload(
            Poisson(rate_per_s=2_000.0), UniformKeys(count=60_000), Constant(value=1.0), {"read": 0.5, "write": 0.5}
        )
        return replicate(System(system.operations, controls=(schedule(faults),)), work, Span(0.0, 10.0, 20.0, 1), 1)[0]

    whole, lost = outcome(False).operations, outcome(True).operations
    assert whole["read"].errors == {}
    assert whole["write"].errors == {}
    for name in ("read", "write"):
        assert lost[name].errors["refused"] / lost[name].requests == pytest.approx(1 / 3, abs=0.02)
