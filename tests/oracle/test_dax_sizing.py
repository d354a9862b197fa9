"""The sizing guide of DAX: its table of clusters, its worked example, what a lost node leaves, the bound of a node.

Goal: predictions and runs come to what is published. Method: offer a cluster more than it can do and count what it
answers. A hit on an object of many KB is worth as many normalised requests, so that few fill a large cluster.

Source:
    DAX guide, "Sizing your DAX cluster" (2026).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from models.catalogue import MODELS
from models.dax.node_types import NODE_TYPES
from models.kernel.arrivals import Poisson
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.predict import predict
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Block, Trace, Workload
from models.kernel.system import System
from tests.strategies.runs import replicate

NODES = (1, 3, 5, 11)
TABLE: dict[str, tuple[float, ...]] = {
    "dax.r5.large": (75e3, 225e3, 375e3, 825e3),
    "dax.r5.xlarge": (150e3, 450e3, 750e3, 1.65e6),
    "dax.r5.2xlarge": (300e3, 900e3, 1.5e6, 3.3e6),
    "dax.r5.4xlarge": (600e3, 1.8e6, 3e6, 6.6e6),
    "dax.r5.8xlarge": (1e6, 3e6, 5e6, 11e6),
    "dax.r5.12xlarge": (1e6, 3e6, 5e6, 11e6),
    "dax.r5.16xlarge": (1e6, 3e6, 5e6, 11e6),
    "dax.r5.24xlarge": (1e6, 3e6, 5e6, 11e6),
}
"""Normalised requests a second of clusters of 1, 3, 5 and 11 nodes."""
MEMORY_GB = (16, 32, 64, 128, 256, 384, 512, 768)
CELLS = [(name, nodes, units) for name, row in TABLE.items() for nodes, units in zip(NODES, row, strict=True)]


def cluster(name: str, nodes: int, operations: tuple[str, ...] = ("read",)) -> System:
    """Its items never expire."""
    dax = MODELS["dax"]
    return dax.build(dax.parameters(node_type=name, nodes=nodes, item_ttl_s=0.0), operations)


def hits(rate_per_s: float, kb: int) -> Workload:
    """Reads of two keys."""
    return Workload(Poisson(rate_per_s=rate_per_s), UniformKeys(count=2), Constant(value=kb * 1000.0), {"read": 1.0})


def answered_per_s(system: System, work: Workload, warmup_s: float, duration_s: float) -> float:
    """Answers a second between two times that are multiples of a quarter, of all operations."""
    outcome = replicate(system, work, Span(warmup_s, duration_s, duration_s + 60.0, round(4 * duration_s)), 1)[0]
    answers = sum(int(each.window_ok[round(4 * warmup_s) :].sum()) for each in outcome.operations.values())
    return answers / (duration_s - warmup_s)


@pytest.mark.parametrize(("name", "nodes", "units_per_s"), CELLS)
def test_a_cluster_is_predicted_to_saturate_where_the_table_says(name: str, nodes: int, units_per_s: float) -> None:
    prediction = predict(Program(cluster(name, nodes), "dax"), hits(1000.0, 1), 1.0)

    assert prediction.stations["nodes"].saturation_per_s == pytest.approx(units_per_s, rel=0.02)


@pytest.mark.parametrize(("name", "nodes", "units_per_s"), [cell for cell in CELLS if cell[0] in [*TABLE][:5]])
def test_a_cluster_answers_as_much_as_the_table_says(name: str, nodes: int, units_per_s: float) -> None:
    """Offered is a fifth more; all but the first second of three is measured."""
    kb = round(units_per_s / 10_000.0)

    answered = answered_per_s(cluster(name, nodes), hits(1.2 * units_per_s / kb, kb), 1.0, 3.0)

    assert answered * kb == pytest.approx(units_per_s, rel=0.02)


def test_memory_is_as_published() -> None:
    assert tuple(NODE_TYPES[name].memory_gb for name in TABLE) == MEMORY_GB


def test_no_node_exceeds_the_bound_of_a_node() -> None:
    """1,000,000 network operations/s, so 40,000 writes/s at most, whatever the cluster."""
    assert max(each.units_per_s for each in NODE_TYPES.values()) == 1_000_000
    for nodes in NODES:
        writes = Workload(Poisson(rate_per_s=1.0), UniformKeys(), Constant(value=1.0), {"write": 1.0})
        prediction = predict(Program(cluster("dax.r5.24xlarge", nodes, ("write",)), "dax"), writes, 1.0)
        assert prediction.stations["nodes"].saturation_per_s == pytest.approx(40_000.0)


# 50,000 hits, 1,000 misses and 100 writes a second of 2 KB on three nodes: 135,000 normalised requests.

EXAMPLE = {"hit": 50_000, "miss": 1_000, "write": 100}
OFFERED = 135_000.0


def example(rate_per_s: float, duration_s: float) -> Workload:
    """The example's mix at any rate: hits of one key, misses of keys that nobody asks for twice."""
    total, count = sum(EXAMPLE.values()), round(rate_per_s * duration_s)
    at = np.arange(count)
    # Spread evenly: request i is a miss or a write where the running share passes the next whole number.
    miss, write = ((at + shift) * EXAMPLE[kind] // total != (at + shift + 1) * EXAMPLE[kind] // total
                   for kind, shift in (("miss", 0), ("write", total // 2)))  # fmt: skip
    keys = np.where(miss, 1 + np.cumsum(miss), 0)
    block = Block(
        at / rate_per_s, write.astype(np.int64), keys.astype(np.int64), np.full(count, 2_000), np.ones(count, np.int64),
        np.full(count, math.inf),
    )  # fmt: skip
    return Workload(
        Poisson(rate_per_s=1.0), UniformKeys(), Constant(value=1.0), {"read": 1.0, "write": 0.0},
        Trace.of(block, int(keys.max()) + 1, ("read", "write")),
    )  # fmt: skip


def test_the_worked_example_is_predicted() -> None:
    """225,000 / 135,000 of the example's rate. A strong read works like a miss, so it stands for one."""
    total = sum(EXAMPLE.values())
    mix = {"read": EXAMPLE["hit"] / total, "strong_read": EXAMPLE["miss"] / total, "write": EXAMPLE["write"] / total}
    work = Workload(Poisson(rate_per_s=float(total)), UniformKeys(count=2), Constant(value=2_000.0), mix)

    nodes = predict(Program(cluster("dax.r5.large", 3, tuple(mix)), "dax"), work, 1.0).stations["nodes"]

    assert nodes.saturation_per_s == pytest.approx(225_000 / OFFERED * total, rel=0.02)
    assert nodes.utilization(total) == pytest.approx(OFFERED / 225_000, rel=0.02)


def test_the_worked_example_saturates_where_the_arithmetic_says() -> None:
    """Offered is little more, for what a write brings to other nodes comes a queue later than the write itself."""
    total = sum(EXAMPLE.values())
    saturated_per_s = 225_000 / OFFERED * total
    system = cluster("dax.r5.large", 3, ("read", "write"))

    answered = answered_per_s(system, example(1.03 * saturated_per_s, 3.0), 1.0, 3.0)

    assert answered == pytest.approx(saturated_per_s, rel=0.02)


def test_at_the_example_s_rate_nodes_work_as_much_as_the_arithmetic_says() -> None:
    total = sum(EXAMPLE.values())
    outcome = replicate(
        cluster("dax.r5.large", 3, ("read", "write")), example(float(total), 2.0), Span(0.5, 2.0, 10.0, 1), 1
    )[0]

    busy = outcome.stations["nodes"].span_busy_s.sum() / 1.5

    assert busy * 75_000 == pytest.approx(OFFERED, rel=0.02)


@pytest.mark.parametrize(("nodes", "factor"), [(3, 1.5), (11, 1.1)])
def test_survivors_of_a_lost_node_have_its_load(nodes: int, factor: float) -> None:
    """By n / (n - 1), predicted and measured, at 60 % before."""
    load = hits(0.6 * nodes * 750, 100)
    systems = [cluster("dax.r5.large", count) for count in (nodes, nodes - 1)]

    predicted = [predict(Program(each, "dax"), load, 1.0).stations["nodes"].utilization(1.0) for each in systems]
    measured = [
        float(np.mean(replicate(each, load, Span(1.0, 21.0, 30.0, 1), 1)[0].stations["nodes"].span_busy_s))
        for each in systems
    ]

    assert predicted[1] == pytest.approx(factor * (predicted[0] or 0.0))
    assert measured[1] == pytest.approx(factor * measured[0], rel=0.02)


@pytest.mark.parametrize("name", [name for name in NODE_TYPES if name not in TABLE])
def test_every_other_node_type_can_be_had(name: str) -> None:
    """Their capacities are assumed: as many for each virtual CPU as r5, which has 37,500."""
    node_type = NODE_TYPES[name]
    assert node_type.units_per_s == min(1_000_000, 37_500 * node_type.vcpus)

    prediction = predict(Program(cluster(name, 3), "dax"), hits(1.0, 1), 1.0)

    assert prediction.stations["nodes"].saturation_per_s == pytest.approx(3 * node_type.units_per_s)


def test_a_node_s_capacity_can_be_said() -> None:
    """A t2.small without credits: a fifth of a virtual CPU."""
    dax: Any = MODELS["dax"]
    system = dax.build(
        dax.parameters(node_type="dax.t2.small", nodes=1, item_ttl_s=0.0, units_per_node_s=7_500.0), ("read",)
    )

    prediction = predict(Program(system, "dax"), hits(1.0, 1), 1.0)

    assert prediction.stations["nodes"].saturation_per_s == pytest.approx(7_500.0)
