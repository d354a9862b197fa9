"""Draws small multiples: rows and columns of panels that share their x axis, and their y axis row by row.

Each figure has a row, each value of a further parameter a column; so what changes from left to right is that parameter,
and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.datafiles import csv_text
from bench.pictures.data import Curve, Frame, Panel, points
from bench.pictures.style import (
    HEADING_IN,
    Sheet,
    as_wide,
    axis_label,
    body_in,
    draw_curve,
    empty_sheet,
    log_ticks,
    look,
    scale_y,
    side_by_side,
    ticks,
    values_of,
    wants_log,
)
from bench.pictures.themes import INK, MUTED, RULE

_LEFT_IN = 0.66
_GAP_IN = 0.22
_HEIGHTS_IN = {1: 3.2, 2: 2.1}
_HEIGHT_IN = 1.55
_BELOW_IN = 0.14
_FOOT_IN = 0.42
_TICKS_Y_MAX = 6
_TICKS_X_MAX = {1: 9, 2: 7}


@dataclass(frozen=True, eq=False)
class Multiple:
    """One panel, and what stands behind its curves.

    Args:
        panel: Heading, unit and curves.
        closed_forms: What closed forms say, as thin dotted lines without markers.
        limits: Places on the x axis that no curve can pass, each with the look of its system.
    """

    panel: Panel
    closed_forms: Sequence[Curve] = ()
    limits: Sequence[tuple[float, int]] = ()


@dataclass(frozen=True, eq=False)
class MultiplesData:
    """Rows of panels of equal length.

    Args:
        frame: The texts around them.
        curves: Names of the curves, in the order of their looks.
        rows: Panels, row by row; rows of one kind of panel have the same y axis.
        x_label: What is on the x axes, with its unit.
        x_ticks: Places that are marked there; none to choose them.
        x_names: Names of these places, where they are no numbers.
        levels: Values that are marked on all y axes, the last one as the one that matters.
        own_scales: Whether the panels of a row have y axes of their own, so that each says its numbers.
    """

    frame: Frame
    curves: Sequence[str]
    rows: Sequence[Sequence[Multiple]]
    x_label: str
    x_ticks: Sequence[float] = ()
    x_names: Sequence[str] = ()
    levels: Sequence[float] = field(default=())
    own_scales: bool = False

    def csv_text(self) -> str:
        """The plotted numbers."""
        rows = [
            (multiple.panel.heading, multiple.panel.unit, curve.label, kind, x, y, low, high)
            for some in self.rows
            for multiple in some
            for kind, curves in (("simulated", multiple.panel.curves), ("closed form", multiple.closed_forms))
            for curve in curves
            for x, y, low, high in points(curve)
        ]
        return csv_text(("panel", "unit", "system", "kind", "x", "value", "low", "high"), rows)


def draw(data: MultiplesData) -> Figure:
    """The figure; call it within `style_sheet`."""
    if not data.rows:
        return empty_sheet(data.frame, "No cell has a value to show.").figure
    if side_by_side(2) == 1:
        data = replace(data, rows=[[multiple] for some in data.rows for multiple in some])
    height_in = _HEIGHTS_IN.get(len(data.rows), _HEIGHT_IN)
    row_in = HEADING_IN + height_in + _BELOW_IN
    sheet = Sheet(data.frame, data.curves, len(data.rows) * row_in + _FOOT_IN)
    columns = len(data.rows[0])
    gap_in = _LEFT_IN if data.own_scales else _GAP_IN
    panel_in = (body_in() - _LEFT_IN - (columns - 1) * gap_in) / columns
    for row, some in enumerate(data.rows):
        for column, multiple in enumerate(some):
            left_in, top_in = _LEFT_IN + column * (panel_in + gap_in), row * row_in
            sheet.heading(multiple.panel.heading, left_in, top_in, panel_in)
            axes = sheet.axes(left_in, top_in + HEADING_IN, panel_in, height_in)
            _draw_panel(axes, multiple, data, first=column == 0, last=row == len(data.rows) - 1)
    return sheet.figure


def _draw_panel(axes: Axes, multiple: Multiple, data: MultiplesData, *, first: bool, last: bool) -> None:
    alike = [m for some in data.rows for m in some if m.panel.kind == multiple.panel.kind]
    curves = [curve for m in alike for curve in m.panel.curves]
    log = bool(data.levels) or wants_log(values_of([_line(curve) for curve in curves]))
    scale_y(axes, curves, _TICKS_Y_MAX, log=log)
    if data.levels:
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 0.8 * min(data.levels)), max(high, 1.15 * max(data.levels)))
    _scale_x(axes, data)
    axes.grid(color=RULE, linewidth=0.6)
    for level in data.levels[:-1]:
        axes.axhline(level, color=MUTED, linewidth=0.8)
    for level in data.levels[-1:]:
        axes.axhline(level, color=INK, linewidth=1.0, linestyle=(0, (2, 2)))
    if first:
        axis_label(axes, "y", multiple.panel.unit)
    elif not data.own_scales:
        axes.tick_params(labelleft=False)
    if last:
        axis_label(axes, "x", data.x_label)
    else:
        axes.tick_params(labelbottom=False)
    right = axes.get_xlim()[1]
    for place, which in multiple.limits:
        if place <= right:
            axes.axvline(place, color=look(which).colour, linewidth=0.9, linestyle=(0, (1, 2)))
    for curve in multiple.closed_forms:
        axes.plot(curve.x, curve.y, color=look(curve.look).colour, linewidth=1.0, linestyle=(0, (1, 1.4)))
    for curve in multiple.panel.curves:
        draw_curve(axes, _line(curve), marks=list(range(len(curve.x))), line_width=1.3)
        bars = np.stack([curve.y - curve.low, curve.high - curve.y])
        axes.errorbar(curve.x, curve.y, yerr=np.abs(bars), fmt="none", ecolor=MUTED, elinewidth=0.8, capsize=1.5)


def _line(curve: Curve) -> Curve:
    """The curve without its band; whiskers say the same at each of its few points."""
    nothing = np.full(len(curve.x), math.nan)
    return Curve(curve.label, curve.look, curve.x, curve.y, nothing, nothing, curve.second)


def _scale_x(axes: Axes, data: MultiplesData) -> None:
    """The same range and ticks in all panels."""
    every = np.concatenate([curve.x for some in data.rows for m in some for curve in m.panel.curves])
    known = every[np.isfinite(every)]
    if data.x_ticks:
        known = np.concatenate([known, np.array(data.x_ticks)])
    low, high = float(known.min()), float(known.max())
    columns = len(data.rows[0])
    if not data.x_names and not data.x_ticks and wants_log(known) and len(known) > 2:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.1, high * 1.1)
        ticks(axes.xaxis, log_ticks(low / 1.1, high * 1.1, as_wide(_TICKS_X_MAX.get(columns, 5))))
        return
    margin = 0.04 * (high - low) or 0.5
    axes.set_xlim(low - margin, high + margin)
    if data.x_ticks:
        ticks(axes.xaxis, list(data.x_ticks), list(data.x_names) or None)
        return
    from matplotlib.ticker import MaxNLocator

    places = MaxNLocator(nbins=as_wide(_TICKS_X_MAX.get(columns, 5)), steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    ticks(axes.xaxis, [place for place in places if low - margin <= place <= high + margin])
