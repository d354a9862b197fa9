"""The product of `sweep` on a terminal: a line for each system in each cell, where the knees are, what did not hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from bench.pages import NAME_WIDTH_MAX, Page, grid, tally
from bench.quantities import interval, percent, significant
from bench.statistics.intervals import Estimate
from bench.sweep.knee import knees, lines, load_axis
from bench.sweep.pictures import value_text
from bench.sweep.plan import Plan
from bench.sweep.points import Point, main_operations, points, short_names
from bench.sweep.run import Finished
from bench.terminal import safe_text

ROWS_MAX = 60
"""Lines of the table; those of more cells stand in cells.csv."""
OPERATIONS_MAX = 2
ROWS_OF_SEVERAL_OPERATIONS_MAX = 24
"""Lines up to which a second operation gets a table, too."""
FAILURES_SHOWN = 6
WARNINGS_SHOWN = 5
WIDTH_WITH_INTERVALS = 120
_LATENCIES = ("mean", "p50", "p99")


def print_sweep(
    console: Console, plan: Plan, finished: Sequence[Finished], document: Mapping[str, Any], written: Sequence[str],
    next_command: str,
) -> None:  # fmt: skip
    """Print a sweep.

    Args:
        console: Where to; with its file's width and encoding.
        plan: What was to be done.
        finished: What came of it.
        document: The document of `sweep`.
        written: Paths that were written.
        next_command: What to do now.
    """
    page = _Page(console)
    if plan.scenario.spec.question:
        page.line(plan.scenario.spec.question, "bold")
    judged = [each for cell in finished for each in cell.gave.document["expectations"]]
    page.verdict(str(document["verdict"]), f"{len(finished)} cells; {tally(judged)}", str(document["scenario"]))
    some = _ordered(plan, finished)
    operations = main_operations(some)[:OPERATIONS_MAX]
    if len(some) > ROWS_OF_SEVERAL_OPERATIONS_MAX:
        operations = operations[:1]
    for operation in operations:
        page.gap()
        page.points(plan, [point for point in some if point.operation == operation], operation)
    if len(main_operations(some)) > len(operations):
        page.line("other operations: see cells.csv", "dim")
    page.gap()
    for text in _knees(plan, finished, some):
        page.line(text, "bold")
    for text in _failures(plan, finished):
        page.line(text, "red")
    if any(map(_has_theory, some)):
        page.line("theory: the mean by closed forms, each station taken alone, without retries and throttling.", "dim")
    page.line(page.remark, "dim")
    warnings = list(dict.fromkeys(text for each in finished for text in each.gave.warnings))
    if len(warnings) > WARNINGS_SHOWN:
        warnings[WARNINGS_SHOWN:] = [f"and {len(warnings) - WARNINGS_SHOWN} more warnings: see sweep.json"]
    page.ending(warnings, written, next_command)


def _ordered(plan: Plan, finished: Sequence[Finished]) -> list[Point]:
    """Points of all cells; those of cells that were added around a knee stand where they belong."""
    axis = load_axis(plan)
    some = points(finished)
    if axis is None:
        return some
    places = {id(each): place for place, each in enumerate(each for line in lines(finished, axis) for each in line)}
    return sorted(some, key=lambda point: places.get(id(point.finished), len(places)))


class _Page(Page):
    """Prints the points of a sweep in a form that suits the console."""

    @property
    def remark(self) -> str:
        """What the figures are."""
        if self._wide:
            return "±: half of the 95 % interval over replications."
        return "means over replications; their 95 % intervals are in cells.csv, and here from 120 columns on."

    @property
    def _wide(self) -> bool:
        return self._console.width >= WIDTH_WITH_INTERVALS

    def points(self, plan: Plan, some: Sequence[Point], operation: str) -> None:
        """A line for each system in each cell."""
        names = short_names(plan.paths)
        header = [*names.values(), "system", "answers/s", "mean ms", "p50 ms", "p99 ms", "failed", "theory ms"]
        rows = [self._row(plan, point) for point in some[:ROWS_MAX]]
        if not any(map(_has_theory, some)):
            header, rows = header[:-1], [row[:-1] for row in rows]
        self.line(f"{operation}: latencies, and what else its requests say", "bold")
        if self._narrow:
            for row in rows:
                self._list(" ".join(row[: len(names) + 1]), list(zip(header, row, strict=True))[len(names) + 1 :], [])
        else:
            table = grid(header)
            table.columns[len(names)].justify = "left"
            for row in rows:
                table.add_row(*map(self._text, row))
            self._print(table)
        if len(some) > ROWS_MAX:
            self.line(f"and {len(some) - ROWS_MAX:,} more lines: see cells.csv", "dim")

    def _row(self, plan: Plan, point: Point) -> list[str]:
        figures = point.figures
        return [
            *(value_text(point.cell.parameters.get(path)) for path in plan.paths),
            safe_text(point.system, NAME_WIDTH_MAX),
            self._figure(figures.get("throughput_per_s")),
            *(self._figure(figures.get(f"latency_ms.{name}")) for name in _LATENCIES),
            _share(figures.get("error_ratio")),
            _closed_form(point.closed_form_ms),
        ]

    def _figure(self, known: Estimate | None) -> str:
        if known is None or known.mean is None:
            return "–"
        low, high = (math.nan, math.nan) if known.interval is None else known.interval
        value, plus_minus = interval(known.mean, low, high)
        return f"{value} {plus_minus}".rstrip() if self._wide else value


def _has_theory(point: Point) -> bool:
    return not math.isnan(point.closed_form_ms)


def _share(known: Estimate | None) -> str:
    return "–" if known is None or known.mean is None else percent(known.mean) if known.mean else "0"


def _closed_form(mean_ms: float) -> str:
    return "saturated" if mean_ms == math.inf else "–" if math.isnan(mean_ms) else significant(mean_ms)


def _knees(plan: Plan, finished: Sequence[Finished], some: Sequence[Point]) -> Iterator[str]:
    """Where each system's power is largest."""
    axis = load_axis(plan)
    if axis is None:
        return
    names = short_names(plan.paths)
    ends = [line[-1] for line in lines(finished, axis)]
    for system, tops in knees(plan, finished).items():
        for top in tops[:4]:
            others = [f"{names[p]} {value_text(v)}" for p, v in top.cell.parameters.items() if p != axis]
            where = f" ({', '.join(others)})" if others else ""
            index = finished.index(top)
            mine = [p for p in some if p.index == index and p.system == system]
            rate = math.fsum(p.figures["throughput_per_s"].mean or 0.0 for p in mine)
            value = value_text(top.cell.parameters[axis])
            at = f"beyond {names[axis]} {value}" if top in ends else f"{names[axis]} {value}"
            yield f"knee of {safe_text(system, NAME_WIDTH_MAX)}{where}: {at}, {significant(rate)} answers/s"


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
        count = f"all {len(cells)}" if len(cells) == len(finished) else f"{len(cells)} of {len(finished)}"
        shown = "" if len(cells) == len(finished) else ": " + "; ".join(cells[:FAILURES_SHOWN])
        more = f"; and {len(cells) - FAILURES_SHOWN} more" if shown and len(cells) > FAILURES_SHOWN else ""
        yield f"{verdict} in {count} cells: {text}{shown}{more}"
