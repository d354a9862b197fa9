"""A table's own control processes: units scale or grow, routers get tokens, shares are lifted, hot partitions split."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from models.dynamodb.admission import Admission, Units
from models.dynamodb.capacity import AutoScaling, OnDemand, Provisioned
from models.dynamodb.heat import Splitter
from models.dynamodb.scaling import MINUTE_S, Growth, Scaler
from models.dynamodb.supply import PartitionSupply, RouterSupply, Supply, TableSupply
from models.kernel.plane import Plane
from models.kernel.system import Control

Process = Generator[Any, Any, None]


def controls(admission: Admission) -> tuple[Control, ...]:
    """What runs beside a table; nothing where capacity is unlimited."""
    if isinstance(admission.capacity, str):
        return ()
    return (partial(_govern, admission=admission),)


def _govern(plane: Plane, admission: Admission) -> Process:
    capacity = admission.capacity
    assert not isinstance(capacity, str)
    for units in (admission.reads, admission.writes):
        name = f"{units.kind} units {'provisioned' if isinstance(capacity, Provisioned) else 'allowed'}"
        plane.level(name, units.units_per_s)
        if not plane.uses(units.capacity):
            continue
        supply = _supply(plane, units, capacity)
        if isinstance(capacity, OnDemand):
            grow = Growth(units.units_per_s, capacity.growth_s)
            plane.env.process(_minutes(plane, supply, partial(_grow, plane, supply, name, grow)))
        elif capacity.auto_scaling is not None:
            terms = capacity.auto_scaling
            scaler = Scaler(terms, units.units_per_s, *_bounds(terms, units.kind))
            plane.env.process(_minutes(plane, supply, partial(_scale, plane, supply, name, scaler)))
    if (splits := capacity.split_for_heat) is not None:
        every_s = min(MINUTE_S, splits.hot_s)
        plane.env.process(_regularly(plane, every_s, Splitter(plane, admission, splits, every_s).look))
    yield plane.until(0.0)


def _supply(plane: Plane, units: Units, capacity: Provisioned | OnDemand) -> Supply:
    """Bring a table's units where they are used."""
    burst_s = max(1.0, capacity.burst_s) if isinstance(capacity, Provisioned) else 1.0
    if units.allocated is not None:
        shares = PartitionSupply(plane, units, burst_s)
        if isinstance(capacity, Provisioned) and (every_s := capacity.adaptive_s) is not None:
            plane.env.process(_regularly(plane, every_s, partial(shares.adapt, every_s)))
        return shares
    if capacity.router_refill_s > 0:
        routers = RouterSupply(plane, units, burst_s, capacity.router_refill_s)
        plane.env.process(_regularly(plane, capacity.router_refill_s, routers.refill))
        return routers
    return TableSupply(plane, units, burst_s)


def _regularly(plane: Plane, every_s: float, act: Callable[[], None]) -> Process:
    turn = 1
    while True:
        yield plane.until(turn * every_s)
        act()
        turn += 1


def _minutes(plane: Plane, supply: Supply, act: Callable[[float], None]) -> Process:
    """Tell what was consumed in each minute, units/s."""
    minute, before = 1, 0.0
    while True:
        yield plane.until(minute * MINUTE_S)
        taken = supply.taken()
        act((taken - before) / MINUTE_S)
        minute, before = minute + 1, taken


def _grow(plane: Plane, supply: Supply, level: str, growth: Growth, consumed_per_s: float) -> None:
    units_per_s = growth.minute(plane.env.now, consumed_per_s)
    if units_per_s != supply.units_per_s:
        supply.provide(units_per_s)
        plane.level(level, units_per_s)


def _scale(plane: Plane, supply: Supply, level: str, scaler: Scaler, consumed_per_s: float) -> None:
    units_per_s = scaler.minute(plane.env.now, consumed_per_s)
    if units_per_s is not None:
        plane.env.process(_later(plane, supply, level, units_per_s, plane.env.now + scaler.terms.delay_s))


def _later(plane: Plane, supply: Supply, level: str, units_per_s: float, at_s: float) -> Process:
    yield plane.until(at_s)
    supply.provide(units_per_s)
    plane.level(level, units_per_s)


def _bounds(terms: AutoScaling, kind: str) -> tuple[float, float]:
    if kind == "read":
        return terms.min_read_units_per_s, terms.max_read_units_per_s
    return terms.min_write_units_per_s, terms.max_write_units_per_s
