"""Simulating a sweep: all cells, finished ones kept, knees looked at closer.

Who simulates is a `Carrier`: the cores of this machine (`here`), or a cluster (`bench.sweep.cluster`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from bench.machine import has_compiled_code
from bench.runs import Part, gather
from bench.simulate import Engine, Replication, warm_up
from bench.statistics.values import figures_of
from bench.sweep.kept import Keeper, Kept
from bench.sweep.knee import refinements
from bench.sweep.plan import Cell, Plan
from bench.workers import Recipe, Task, do_all, made

Tick = Callable[[int, int], None]
"""Told of replications that are done, and of further ones that are to be done."""
Carrier = Callable[[Sequence[Cell], Engine, Tick], Generator[tuple[Cell, Kept]]]
"""Simulates cells, and gives each when it is done, in any order."""


@dataclass(frozen=True)
class Finished:
    """A cell and what it gave."""

    cell: Cell
    gave: Kept


def sweep(plan: Plan, keeper: Keeper, carry: Carrier, tick: Tick = lambda _done, _more: None) -> list[Finished]:
    """Simulate all cells that are not finished yet.

    Args:
        plan: What to do.
        keeper: Where finished cells are kept.
        carry: Who simulates.
        tick: Told how it goes on.

    Returns:
        The cells of the plan in order, then those that were added around the knees.

    Raises:
        ResultError: If a kept cell is not what was written.
    """
    cells = list(plan.cells)
    found = _finished(plan, cells, keeper, carry, tick)
    left = plan.refine
    while left > 0:
        more = plan.with_values(refinements(plan, found)[:left])
        if not more:
            break
        tick(0, sum(cell.replications for cell in more))
        found += _finished(plan, more, keeper, carry, tick)
        left -= len(more)
    return found


def _finished(plan: Plan, cells: Sequence[Cell], keeper: Keeper, carry: Carrier, tick: Tick) -> list[Finished]:
    """The cells, each as it was kept or else simulated."""
    gave: dict[str, Kept] = {}
    for cell in cells:
        kept = keeper.find(cell.recipe.key)
        if kept is not None:
            gave[cell.recipe.key] = kept
            tick(cell.replications, 0)
    missing = {cell.recipe.key: cell for cell in cells if cell.recipe.key not in gave}
    with closing(carry(list(missing.values()), plan.engine, tick)) as results:
        for cell, kept in results:
            keeper.keep(cell.recipe.key, kept)
            gave[cell.recipe.key] = kept
    return [Finished(cell, gave[cell.recipe.key]) for cell in cells]


def here(workers: int) -> Carrier:
    """The processes of this machine: so many at once, each with one replication; if that is one, it is this one."""

    def carry(cells: Sequence[Cell], engine: Engine, tick: Tick) -> Generator[tuple[Cell, Kept]]:
        by_key = {cell.recipe.key: cell for cell in cells}
        parts: dict[str, dict[Part, Replication]] = {key: {} for key in by_key}
        if cells and engine == "compiled" and not has_compiled_code():
            # Compiled once, before workers come who would all compile it.
            warm_up()
        with closing(do_all(_tasks(cells, engine), workers)) as results:
            for task, replications in results:
                key = task.recipe.key
                parts[key] |= {(name, task.replication): each for name, each in replications.items()}
                tick(1, 0)
                if len(parts[key]) == by_key[key].replications * len(by_key[key].systems):
                    yield by_key[key], gathered(by_key[key].recipe, parts.pop(key))

    return carry


def _tasks(cells: Iterable[Cell], engine: Engine) -> Iterable[Task]:
    return (
        Task(cell.recipe, cell.systems, replication, engine)
        for cell in cells
        for replication in range(cell.replications)
    )


def gathered(recipe: Recipe, parts: Mapping[Part, Replication]) -> Kept:
    """What a cell gave, made of all its replications."""
    scenario = made(recipe)
    result = gather(scenario, parts)
    figures = figures_of(result.outcomes, result.certain, scenario.shapes)
    return Kept(result.document, tuple(figures), tuple(result.warnings))
