"""The pictures of a sweep as numbers: latency against throughput, figures along an axis, and heat maps over two axes.

One axis is drawn from left to right: the first whose values are numbers. The combinations of all other values are the
columns of small multiples. The throughput of a cell is that of all operations together, as load is; the latency is that
of the operation with the most requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.pictures.data import Curve, Frame, Panel, Picture
from bench.pictures.findings import plural
from bench.pictures.stored import Drawable, draw
from bench.quantities import milliseconds, plain, significant
from bench.statistics.intervals import Estimate
from bench.sweep.knee import SPREAD_MIN, knees, load_axis
from bench.sweep.plan import Plan
from bench.sweep.points import Point, main_operations, points, short_names
from bench.sweep.run import Finished
from bench.terminal import safe_text

if TYPE_CHECKING:
    from bench.pictures.heat import HeatData
    from bench.pictures.multiples import Multiple, MultiplesData

COLUMNS_MAX = 4
FILLED_MIN = 0.5
"""Part of the fields of a heat map that must have a cell."""
VALUE_CHARACTERS_MAX = 24


@dataclass(frozen=True)
class View:
    """How a sweep is looked at.

    Args:
        plan: The sweep.
        finished: Its cells.
        points: What they say.
        operation: The operation that is shown.
        axis: The path that is drawn from left to right.
        columns: The combinations of all other values that are shown, as indices of cells in order of the axis.
        headings: What each of them is.
        left_out: How many more there are.
    """

    plan: Plan
    finished: Sequence[Finished]
    points: Sequence[Point]
    operation: str
    axis: str
    columns: Sequence[Sequence[int]]
    headings: Sequence[str]
    left_out: int

    @property
    def systems(self) -> list[str]:
        """Names of the systems."""
        return list(self.plan.scenario.systems)

    @property
    def axis_values(self) -> list[Any]:
        """Values along the axis; numbers in their order."""
        known = {
            repr(each.cell.parameters[self.axis]): each.cell.parameters[self.axis]
            for each in self.finished
            if self.axis in each.cell.parameters
        }
        values = list(known.values())
        return sorted(values) if self.numeric else values

    @property
    def numeric(self) -> bool:
        """Whether the axis is one of numbers."""
        return all(
            isinstance(value, int | float) and not isinstance(value, bool)
            for each in self.finished
            if (value := each.cell.parameters.get(self.axis)) is not None
        )

    @cached_property
    def _by_place(self) -> dict[tuple[int, str], dict[str, Point]]:
        """Points by operation, of each system in each cell."""
        found: dict[tuple[int, str], dict[str, Point]] = {}
        for point in self.points:
            found.setdefault((point.index, point.system), {})[point.operation] = point
        return found

    def at(self, index: int, system: str) -> Point | None:
        """What a system's operation that is shown says in a cell."""
        return self._by_place.get((index, system), {}).get(self.operation)

    def throughput(self, index: int, system: str) -> float:
        """Answers a second of all operations; nan where there is none."""
        means = [point.figures["throughput_per_s"].mean for point in self._by_place.get((index, system), {}).values()]
        return math.nan if not means or None in means else math.fsum(mean for mean in means if mean is not None)


def view(plan: Plan, finished: Sequence[Finished]) -> View:
    """Choose what to show."""
    every = points(finished)
    axis = load_axis(plan) or plan.paths[0]
    names = short_names(plan.paths)
    others: dict[str, list[int]] = {}
    for index, each in enumerate(finished):
        rest = {path: value for path, value in each.cell.parameters.items() if path != axis}
        heading = ", ".join(f"{names[path]} {value_text(value)}" for path, value in rest.items())
        others.setdefault(heading, []).append(index)
    shown = list(others)
    if len(shown) > COLUMNS_MAX:
        shown = [shown[round(step * (len(shown) - 1) / (COLUMNS_MAX - 1))] for step in range(COLUMNS_MAX)]
    looked_at = View(plan, finished, every, main_operations(every)[0], axis, (), shown, len(others) - len(shown))
    order = {repr(value): place for place, value in enumerate(looked_at.axis_values)}
    columns = [
        sorted(others[heading], key=lambda index: order.get(repr(finished[index].cell.parameters.get(axis)), -1))
        for heading in shown
    ]
    return View(plan, finished, every, looked_at.operation, axis, columns, shown, looked_at.left_out)


def draw_all(plan: Plan, finished: Sequence[Finished], fingerprint: str) -> dict[str, Picture]:
    """Draw every picture of a sweep.

    Returns:
        Pictures by name: "load" if throughput varies along the axis, "axis", and "heat" if there are two axes.
    """
    seen = view(plan, finished)
    some: dict[str, Drawable | None] = {
        "load": load_data(seen, fingerprint),
        "axis": axis_data(seen, fingerprint),
        "heat": heat_data(seen, fingerprint),
    }
    return draw({name: data for name, data in some.items() if data is not None})


def load_data(seen: View, fingerprint: str) -> MultiplesData | None:
    """Mean and tail latency against throughput; None where throughput hardly varies."""
    from bench.pictures.multiples import MultiplesData

    rates = [seen.throughput(index, system) for column in seen.columns for index in column for system in seen.systems]
    known = [rate for rate in rates if rate > 0.0]
    if not seen.numeric or not known or max(known) < SPREAD_MIN * min(known):
        return None

    def place(index: int, system: str) -> float:
        return seen.throughput(index, system)

    rows = [
        _row(
            seen,
            f"{seen.operation} latency, mean",
            "ms",
            "mean",
            place,
            lambda p: p.figures.get("latency_ms.mean"),
            closed=True,
        ),
        _row(seen, f"{seen.operation} latency, p99", "ms", "p99", place, lambda p: p.figures.get("latency_ms.p99")),
    ]
    notes = ["dotted: mean by closed forms, each station alone, and the rate at which the bottleneck saturates"]
    frame = Frame(
        "Latency against throughput",
        seen.plan.scenario.spec.question,
        _load_finding(seen),
        _caption(seen, fingerprint, notes),
    )
    return MultiplesData(frame, seen.systems, _with_values(rows), "throughput of all operations, answers/s")


def axis_data(seen: View, fingerprint: str) -> MultiplesData:
    """Latency, throughput and failures along the axis."""
    from bench.pictures.multiples import MultiplesData

    values = seen.axis_values

    def place(index: int, _: str) -> float:
        value = seen.finished[index].cell.parameters.get(seen.axis)
        if value is None:
            return math.nan
        return float(value) if seen.numeric else float(values.index(value))

    op = seen.operation
    rows = [
        _row(seen, f"{op} latency, p50", "ms", "p50", place, lambda p: p.figures.get("latency_ms.p50")),
        _row(seen, f"{op} latency, p99", "ms", "p99", place, lambda p: p.figures.get("latency_ms.p99")),
        _row(seen, f"{op} throughput", "answers/s", "rate", place, lambda p: p.figures.get("throughput_per_s")),
        _row(seen, f"failed {plural(op)}", "%", "share", place, lambda p: _percent(p.figures.get("error_ratio"))),
    ]
    if not any((curve.y > 0.0).any() for multiple in rows[-1] for curve in multiple.panel.curves):
        rows.pop()
    names = () if seen.numeric else tuple(value_text(value) for value in values)
    ticks = () if seen.numeric else tuple(map(float, range(len(values))))
    frame = Frame(
        "Figures along an axis", seen.plan.scenario.spec.question, _axis_finding(seen), _caption(seen, fingerprint, [])
    )
    return MultiplesData(frame, seen.systems, _with_values(rows), seen.axis, ticks, names)


def heat_data(seen: View, fingerprint: str) -> HeatData | None:
    """The tail over the first two axes, and how the systems compare if there are two; None without two axes."""
    from bench.pictures.heat import HeatData, HeatPanel

    if len(seen.plan.paths) < 2:
        return None
    x_path = seen.axis
    y_path = next(path for path in seen.plan.paths if path != x_path)
    fixed = {path: values[0] for path, values in seen.plan.axes.items() if path not in (x_path, y_path)}
    cells = {
        (repr(each.cell.parameters.get(x_path)), repr(each.cell.parameters.get(y_path))): index
        for index, each in enumerate(seen.finished)
        if all(each.cell.parameters.get(path) == value for path, value in fixed.items())
    }
    xs, ys = seen.axis_values, seen.plan.axes[y_path]
    if len(cells) < FILLED_MIN * len(xs) * len(ys) or len(ys) < 2:
        return None

    def tail(x: Any, y: Any, system: str) -> float:
        index = cells.get((repr(x), repr(y)))
        point = None if index is None else seen.at(index, system)
        known = None if point is None else point.figures.get("latency_ms.p99")
        return math.nan if known is None or known.mean is None else known.mean

    grids = {name: np.array([[tail(x, y, name) for x in xs] for y in ys]) for name in seen.systems}
    panels = [HeatPanel(f"{name}: {seen.operation} p99, ms", grid) for name, grid in grids.items()]
    if len(grids) == 2:
        (one, first), (other, second) = grids.items()
        panels.append(HeatPanel(f"p99 of {one} by that of {other}", first / second, own_scale=True))
    names = short_names(seen.plan.paths)
    notes = [f"{names[path]} {value_text(value)}" for path, value in fixed.items()]
    frame = Frame(
        "Over two axes",
        seen.plan.scenario.spec.question,
        _heat_finding(grids, xs, ys, names[x_path], names[y_path], seen.operation),
        _caption(seen, fingerprint, notes, whiskers=False),
    )
    return HeatData(frame, panels, x_path, names[y_path], [value_text(x) for x in xs], [value_text(y) for y in ys])


def value_text(value: Any) -> str:
    """A parameter's value as a label."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int | float):
        return plain(float(value))
    if isinstance(value, dict):
        return safe_text(" ".join(map(value_text, value.values())), VALUE_CHARACTERS_MAX)
    return safe_text(str(value), VALUE_CHARACTERS_MAX)


# Helpers.


def _row(
    seen: View, heading: str, unit: str, kind: str, place: Callable[[int, str], float],
    figure: Callable[[Point], Estimate | None], *, closed: bool = False,
) -> list[Multiple]:  # fmt: skip
    """One figure, a panel for each column."""
    from bench.pictures.multiples import Multiple

    found = []
    for column, words in zip(seen.columns, seen.headings, strict=True):
        curves, forms, limits = [], [], []
        for look, system in enumerate(seen.systems):
            estimates = [None if (point := seen.at(index, system)) is None else figure(point) for index in column]
            x = np.array([place(index, system) for index in column])
            ends = [
                np.array([math.nan if e is None or (v := getattr(e, end)) is None else v for e in estimates])
                for end in ("mean", "low", "high")
            ]
            curves.append(Curve(system, look, x, ends[0], ends[1], ends[2]))
            if closed:
                forms.append(_closed_form(seen, column, system, look))
            limits += sorted({
                (limit, look)
                for index in column
                if closed and math.isfinite(limit := seen.finished[index].cell.expected[system].saturation_per_s)
            })[:1]  # fmt: skip
        panel = Panel(f"{heading}; {words}" if words else heading, unit, curves, kind)
        found.append(Multiple(panel, [form for form in forms if len(form.x)], limits))
    return found


def _closed_form(seen: View, column: Sequence[int], system: str, look: int) -> Curve:
    expected = [seen.finished[index].cell.expected[system] for index in column]
    known = [(each.rate_per_s, each.means_ms.get(seen.operation, math.nan)) for each in expected]
    finite = sorted(point for point in known if all(map(math.isfinite, point)))
    x, y = np.array([point[0] for point in finite]), np.array([point[1] for point in finite])
    nothing = np.full(len(x), math.nan)
    return Curve(system, look, x, y, nothing, nothing)


def _with_values(rows: Sequence[Sequence[Multiple]]) -> list[Sequence[Multiple]]:
    """Rows in which anything has a value."""
    return [row for row in rows if any(np.isfinite(c.y).any() for multiple in row for c in multiple.panel.curves)]


def _percent(share: Estimate | None) -> Estimate | None:
    if share is None or share.mean is None:
        return None
    low, high = (None, None) if share.interval is None else (100.0 * end for end in share.interval)
    return Estimate(100.0 * share.mean, low, high, share.values, share.exact)


def _load_finding(seen: View) -> str:
    """Where the knees are, in the first column."""
    clauses = []
    for system, tops in knees(seen.plan, seen.finished).items():
        first = [top for top in tops if seen.finished.index(top) in seen.columns[0]]
        for top in first[:1]:
            index = seen.finished.index(top)
            point = seen.at(index, system)
            mean = None if point is None else point.figures["latency_ms.mean"].mean
            if mean is not None:
                rate = significant(seen.throughput(index, system))
                at = "beyond" if index == seen.columns[0][-1] else "at"
                clauses.append(f"that of {_short(system)} {at} {rate} answers/s (mean {milliseconds(mean)})")
    if not clauses:
        return f"Latency of {plural(seen.operation)} against throughput"
    where = f" with {seen.headings[0]}" if seen.headings[0] else ""
    return "The knee" + ", that".join(clause.removeprefix("that") for clause in clauses) + where


def _axis_finding(seen: View) -> str:
    """From where to where the tail goes, in the first column."""
    column = seen.columns[0]
    clauses = []
    for system in seen.systems:
        ends = [seen.at(index, system) for index in (column[0], column[-1])]
        values = [None if point is None else point.figures["latency_ms.p99"].mean for point in ends]
        if values[0] is not None and values[1] is not None:
            clauses.append(f"{_short(system)} from {milliseconds(values[0])} to {milliseconds(values[1])}")
    name = short_names(seen.plan.paths)[seen.axis]
    first, last = (value_text(seen.finished[index].cell.parameters.get(seen.axis)) for index in (column[0], column[-1]))
    if not clauses:
        return f"{plural(seen.operation).capitalize()} from {name} {first} to {last}"
    where = f", with {seen.headings[0]}" if seen.headings[0] else ""
    return f"p99 of {plural(seen.operation)} from {name} {first} to {last}{where}: {'; '.join(clauses)}"


def _heat_finding(grids: dict[str, Any], xs: Sequence[Any], ys: Sequence[Any], x: str, y: str, operation: str) -> str:
    """The lowest and the highest field."""
    known = [
        (float(grid[row, column]), f"{_short(name)}, {x} {value_text(xs[column])}, {y} {value_text(ys[row])}")
        for name, grid in grids.items()
        for row, column in np.argwhere(np.isfinite(grid)).tolist()
    ]
    if not known:
        return f"p99 of {plural(operation)} over {x} and {y}"
    (least, here), (most, there) = min(known), max(known)
    return f"p99 of {plural(operation)}: from {milliseconds(least)} ({here}) to {milliseconds(most)} ({there})"


def _caption(seen: View, fingerprint: str, notes: Sequence[str], *, whiskers: bool = True) -> str:
    replications = {each.cell.replications for each in seen.finished}
    count = plain(float(max(replications)))
    requests = sum(point.requests for point in seen.points)
    cells = f"{len(seen.finished)} cells of {count} replication{'' if count == '1' else 's'}"
    pieces = [
        f"{cells}, {requests:,} measured requests",
        "whiskers: 95 % interval of the mean over replications" if whiskers and max(replications) > 1 else "",
        *notes,
        f"{seen.left_out} more combinations are left out" if seen.left_out else "",
    ]
    scenario = f"Scenario {safe_text(seen.plan.scenario.name)}, fingerprint {fingerprint[:8]}."
    return f"{'; '.join(filter(None, pieces))}. {scenario}"


def _short(name: str) -> str:
    return safe_text(name, 40)
