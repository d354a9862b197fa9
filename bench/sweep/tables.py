"""The product of `sweep` on a terminal: a line for each system in each cell, where the knees are, what did not hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.quantities import interval, milliseconds, milliseconds_interval, percent, significant
from bench.statistics.intervals import Estimate
from bench.sweep.knee import knees, load_axis
from bench.sweep.pictures import value_text
from bench.sweep.plan import Plan
from bench.sweep.points import Point, main_operations, points, short_names
from bench.sweep.run import Finished
from bench.tables import NAME_WIDTH_MAX, Page, tally
from bench.terminal import safe_text

ROWS_MAX = 60
"""Lines of the table; those of more cells stand in cells.csv."""
OPERATIONS_MAX = 2
ROWS_OF_SEVERAL_OPERATIONS_MAX = 24
"""Lines up to which a second operation gets a table, too."""
FAILURES_SHOWN = 10


def print_sweep(
    console: Console, plan: Plan, finished: Sequence[Finished], document: Mapping[str, Any], folder: Path,
    pictures: Sequence[str],
) -> None:  # fmt: skip
    """Print a sweep."""
    page = Page(console)
    if plan.scenario.spec.question:
        page.line(plan.scenario.spec.question, "bold")
    judged = [each for cell in finished for each in cell.gave.document["expectations"]]
    page.verdict(str(document["verdict"]), f"{len(finished)} cells; {tally(judged)}", str(document["scenario"]))
    some = points(finished)
    operations = main_operations(some)[:OPERATIONS_MAX]
    if len(some) > ROWS_OF_SEVERAL_OPERATIONS_MAX:
        operations = operations[:1]
    for operation in operations:
        page.gap()
        _table(page, plan, [point for point in some if point.operation == operation], operation)
    if len(main_operations(some)) > len(operations):
        page.line("other operations: see cells.csv", "dim")
    page.gap()
    for text in _knees(plan, finished, some):
        page.line(text, "bold")
    for text in _failures(plan, finished):
        page.line(text, "red")
    for warning in dict.fromkeys(text for each in finished for text in each.gave.warnings[:1]):
        page.line(f"warning: {warning}", "yellow")
    page.line("±: half of the 95 % interval over replications; closed form: the mean, each station alone.", "dim")
    for name in ("sweep.json", "cells.csv", *(f"pictures/{picture}.png" for picture in pictures)):
        page.unbroken("written", page.path(folder / name))
    page.unbroken("next", f"tierbench compare {page.path(folder)} OTHER-SWEEP")


def _table(page: Page, plan: Plan, some: Sequence[Point], operation: str) -> None:
    """A line for each system in each cell."""
    names = short_names(plan.paths)
    header = [*names.values(), "system", "answers/s", f"{operation} mean", "p50", "p99", "failed", "closed form"]
    rows = []
    for point in some[:ROWS_MAX]:
        values = [(value_text(point.cell.parameters.get(path)), "") for path in plan.paths]
        figures = [
            (safe_text(point.system, NAME_WIDTH_MAX), ""),
            _figure(point.figures.get("throughput_per_s"), interval),
            *(_figure(point.figures.get(f"latency_ms.{name}"), milliseconds_interval) for name in ("mean", "p50", "p99")),
            (_share(point.figures.get("error_ratio")), ""),
            (_closed_form(point.closed_form_ms), ""),
        ]
        rows.append([*values, *figures])
    page.grid(header, rows, words=len(names) + 1)
    if len(some) > ROWS_MAX:
        page.line(f"and {len(some) - ROWS_MAX:,} more lines: see cells.csv", "dim")


def _figure(known: Estimate | None, say: Any) -> tuple[str, str]:
    if known is None or known.mean is None:
        return "–", ""
    low, high = (math.nan, math.nan) if known.interval is None else known.interval
    value, plus_minus = say(known.mean, low, high)
    return str(value), str(plus_minus)


def _share(known: Estimate | None) -> str:
    return "–" if known is None or known.mean is None else percent(known.mean) if known.mean else "0"


def _closed_form(mean_ms: float) -> str:
    return "saturated" if mean_ms == math.inf else "–" if math.isnan(mean_ms) else milliseconds(mean_ms)


def _knees(plan: Plan, finished: Sequence[Finished], some: Sequence[Point]) -> Iterator[str]:
    """Where each system's power is largest."""
    axis = load_axis(plan)
    if axis is None:
        return
    names = short_names(plan.paths)
    for system, tops in knees(plan, finished).items():
        for top in tops[:4]:
            others = [f"{names[p]} {value_text(v)}" for p, v in top.cell.parameters.items() if p != axis]
            where = f" ({', '.join(others)})" if others else ""
            index = finished.index(top)
            mine = [p for p in some if p.index == index and p.system == system]
            rate = math.fsum(p.figures["throughput_per_s"].mean or 0.0 for p in mine)
            value = value_text(top.cell.parameters[axis])
            yield f"knee of {safe_text(system, NAME_WIDTH_MAX)}{where}: {names[axis]} {value}, {significant(rate)} answers/s"


def _failures(plan: Plan, finished: Sequence[Finished]) -> Iterator[str]:
    """Which expectations did not hold, and where."""
    names = short_names(plan.paths)
    found: dict[tuple[str, str], list[str]] = {}
    for each in finished:
        where = ", ".join(f"{names[path]} {value_text(value)}" for path, value in each.cell.parameters.items())
        for judgement in each.gave.document["expectations"]:
            if judgement["verdict"] != "pass":
                found.setdefault((judgement["verdict"], judgement["text"]), []).append(where)
    for (verdict, text), cells in found.items():
        shown = "; ".join(cells[:FAILURES_SHOWN])
        more = f"; and {len(cells) - FAILURES_SHOWN} more" if len(cells) > FAILURES_SHOWN else ""
        yield f"{verdict}: {text}: in {len(cells)} of {len(finished)} cells: {shown}{more}"
