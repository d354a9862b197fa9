"""Where latency begins to rise: the knee of each system's curve, and the cells that would show it closer.

The knee is where throughput divided by mean latency, the power of a system, is largest: before it, load brings more
answers than delay; beyond it, more delay than answers. For M/M/1 it lies at half of the saturation rate.

Source:
    Kleinrock, "Power and deterministic rules of thumb for probabilistic problems in computer communications", ICC 1979.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bench.statistics.intervals import estimate
from bench.statistics.values import Figure

if TYPE_CHECKING:
    from bench.sweep.plan import Parameters, Plan
    from bench.sweep.run import Finished

SPREAD_MIN = 1.3
"""Throughput must vary by this factor along an axis for it to be one of load."""
ENOUGH = 0.01
"""Neighbours of a knee that differ by less than this part are near enough."""


def power(figures: Iterable[Figure], system: str) -> float:
    """Answers a second by seconds of mean latency, over all operations; nan where there is none."""
    rate, mean_s = flow(figures, system)
    return rate / mean_s if mean_s > 0.0 else math.nan


def flow(figures: Iterable[Figure], system: str) -> tuple[float, float]:
    """Answers a second of all operations, and their mean latency, seconds; nan where there is none."""
    rates: dict[str, float] = {}
    means_ms: dict[str, float] = {}
    for figure in figures:
        section, _, rest = figure.name.partition(".")
        operation, _, what = rest.partition(".")
        if figure.system != system or section != "ops" or what not in ("throughput_per_s", "latency_ms.mean"):
            continue
        mean = estimate(figure.values).mean if figure.values else None
        if mean is not None:
            (rates if what == "throughput_per_s" else means_ms)[operation] = mean
    total = math.fsum(rate for operation, rate in rates.items() if operation in means_ms)
    weighted = math.fsum(rate * means_ms[operation] for operation, rate in rates.items() if operation in means_ms)
    return (total, weighted / total / 1e3) if total > 0.0 else (math.nan, math.nan)


def knees(plan: Plan, finished: Sequence[Finished]) -> dict[str, list[Finished]]:
    """By system, the cell of largest power on each line of cells along the first axis of numbers, if that is a load."""
    axis = load_axis(plan)
    if axis is None:
        return {}
    found: dict[str, list[Finished]] = {}
    for system in plan.scenario.systems:
        for line in lines(finished, axis):
            known = [each for each in line if math.isfinite(power(each.gave.figures, system))]
            rates = [flow(each.gave.figures, system)[0] for each in known]
            if len(known) > 2 and max(rates) >= SPREAD_MIN * min(rates):
                found.setdefault(system, []).append(max(known, key=lambda each: power(each.gave.figures, system)))
    return found


def load_axis(plan: Plan) -> str | None:
    """The first path whose values are all numbers, and more than two."""
    for path, values in plan.axes.items():
        if len(values) > 2 and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            return path
    return None


def lines(finished: Sequence[Finished], axis: str) -> list[list[Finished]]:
    """Cells that differ along an axis alone, each line in order of its values."""
    found: dict[str, list[Finished]] = {}
    for each in finished:
        others = {path: value for path, value in each.cell.parameters.items() if path != axis}
        if axis in each.cell.parameters:
            found.setdefault(repr(others), []).append(each)
    return [sorted(line, key=lambda each: each.cell.parameters[axis]) for line in found.values()]


def refinements(plan: Plan, finished: Sequence[Finished]) -> list[Parameters]:
    """Values halfway between each knee and its neighbours, as far as those are apart, and not simulated yet."""
    axis = load_axis(plan)
    if axis is None:
        return []
    known = {repr(each.cell.parameters) for each in finished}
    wanted: dict[str, Parameters] = {}
    for tops in knees(plan, finished).values():
        for top in tops:
            line = next(line for line in lines(finished, axis) if top in line)
            values = [each.cell.parameters[axis] for each in line]
            at = line.index(top)
            if at == len(line) - 1:
                # Still rising at the end: the knee lies beyond.
                continue
            for neighbour in values[max(0, at - 1) : at] + values[at + 1 : at + 2]:
                middle = _between(values[at], neighbour)
                parameters = {**top.cell.parameters, axis: middle}
                near = abs(neighbour - values[at]) <= ENOUGH * max(abs(neighbour), abs(values[at]))
                if not near and repr(parameters) not in known:
                    wanted[repr(parameters)] = parameters
    return list(wanted.values())


def _between(one: Any, other: Any) -> int | float:
    """The middle of two numbers, whole where both are, else with six digits."""
    middle = (one + other) / 2
    return round(middle) if isinstance(one, int) and isinstance(other, int) else float(f"{middle:.6g}")
