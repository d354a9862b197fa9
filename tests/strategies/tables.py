"""DynamoDB tables of some capacity, and one replication of one operation on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from models.dynamodb.capacity import OnDemand, Provisioned
from models.dynamodb.model import DynamodbParameters, build
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.outcome import Outcome
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import Control
from tests.strategies.runs import replicate

ENGINES = ("simpy", "compiled")


def table(**keys: Any) -> DynamodbParameters:
    """A table of provisioned capacity, whose routers draw on its units at once unless it is said otherwise."""
    partitions = keys.pop("partitions", None)
    capacity = {"mode": "provisioned", "read_units_per_s": 1e6, "write_units_per_s": 1e6, "router_refill_s": 0.0}
    return DynamodbParameters(capacity=Provisioned(**capacity | keys), partitions=partitions)


def on_demand(**keys: Any) -> DynamodbParameters:
    """A table on demand, likewise."""
    partitions = keys.pop("partitions", None)
    capacity = {"mode": "on-demand", "router_refill_s": 0.0}
    return DynamodbParameters(capacity=OnDemand(**capacity | keys), partitions=partitions)


def simulated(
    parameters: DynamodbParameters, operation: str, arrivals: Any, duration_s: float, *, keys: Any = None,
    size_bytes: float = 100.0, engine: str = "compiled", windows: int = 10, beside: tuple[Control, ...] = (),
) -> Outcome:  # fmt: skip
    """One replication of one operation; control beside the table's own goes first."""
    work = Workload(arrivals, keys or UniformKeys(count=10_000), Constant(value=size_bytes), {operation: 1.0})
    span = Span(0.0, duration_s, duration_s + 10.0, windows)
    system = build(parameters, (operation,))
    return replicate(replace(system, controls=(*beside, *system.controls)), work, span, 1, engine)[0]
