"""Simulating a sweep: replications of all cells on all cores, finished cells kept, knees looked at closer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from bench.machine import has_compiled_code
from bench.runs import Part, gather
from bench.simulate import Replication, warm_up
from bench.statistics.values import figures_of
from bench.sweep.kept import Keeper, Kept
from bench.sweep.knee import refinements
from bench.sweep.plan import Cell, Plan
from bench.workers import Task, do_all, made

Tick = Callable[[int, int], None]
"""Told of replications that are done, and of further ones that are to be done."""


@dataclass(frozen=True)
class Finished:
    """A cell and what it gave."""

    cell: Cell
    gave: Kept


def sweep(plan: Plan, keeper: Keeper, workers: int, tick: Tick = lambda _done, _more: None) -> list[Finished]:
    """Simulate all cells that are not finished yet.

    Args:
        plan: What to do.
        keeper: Where finished cells are kept.
        workers: Processes that work at once; one works in this process.
        tick: Told how it goes on.

    Returns:
        The cells of the plan in order, then those that were added around the knees.

    Raises:
        ResultError: If a kept cell is not what was written.
    """
    cells = list(plan.cells)
    found = _finished(plan, cells, keeper, workers, tick)
    left = plan.refine
    while left > 0:
        more = plan.with_values(refinements(plan, found)[:left])
        if not more:
            break
        tick(0, sum(cell.replications for cell in more))
        found += _finished(plan, more, keeper, workers, tick)
        left -= len(more)
    return found


def _finished(plan: Plan, cells: Sequence[Cell], keeper: Keeper, workers: int, tick: Tick) -> list[Finished]:
    """The cells, each as it was kept or else simulated."""
    gave: dict[str, Kept] = {}
    for cell in cells:
        kept = keeper.find(cell.recipe.key)
        if kept is not None:
            gave[cell.recipe.key] = kept
            tick(cell.replications, 0)
    missing = {cell.recipe.key: cell for cell in cells if cell.recipe.key not in gave}
    parts: dict[str, dict[Part, Replication]] = {key: {} for key in missing}
    tasks = (
        Task(cell.recipe, cell.systems, replication, plan.engine)
        for cell in missing.values()
        for replication in range(cell.replications)
    )
    if missing and plan.engine == "compiled" and not has_compiled_code():
        # Compiled once, before workers come who would all compile it.
        warm_up()
    with closing(do_all(tasks, workers)) as results:
        for task, replications in results:
            key = task.recipe.key
            parts[key] |= {(name, task.replication): each for name, each in replications.items()}
            tick(1, 0)
            if len(parts[key]) == missing[key].replications * len(missing[key].systems):
                gave[key] = _gathered(missing[key], parts.pop(key))
                keeper.keep(key, gave[key])
    return [Finished(cell, gave[cell.recipe.key]) for cell in cells]


def _gathered(cell: Cell, parts: dict[Part, Replication]) -> Kept:
    scenario = made(cell.recipe)
    result = gather(scenario, parts)
    figures = figures_of(result.outcomes, result.certain, scenario.shapes)
    return Kept(result.document, tuple(figures), tuple(result.warnings))
