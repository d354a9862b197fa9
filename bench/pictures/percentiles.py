"""Draws latency percentile curves on a log-nines axis: a panel for each operation, a line for each system.

From 90 % to 99 % is as far as from 99 % to 99.9 %, so that the tail, which clients feel, gets the room that a plain
distribution function denies it. All panels share their scales, so a read can be compared with a write.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.pictures.data import Panel, PercentileData
from bench.pictures.style import (
    HEADING_IN,
    Sheet,
    axis_label,
    body_in,
    draw_curve,
    empty_sheet,
    scale_y,
    side_by_side,
    ticks,
    values_of,
    wants_log,
)
from bench.pictures.themes import RULE

_LEFT_IN = 0.6
_GAP_IN = 0.28
_FOOT_IN = 0.44
_HEIGHT_IN = {1: 3.4, 2: 3.1}
"""Height of a panel by the number of columns."""
_TICKS_Y_MAX = 8

_LABELS = {0.0: "0", -math.log10(0.5): "50"} | {
    float(nines): "9" * min(nines, 2) + ("." + "9" * (nines - 2) if nines > 2 else "") for nines in range(2, 10)
} | {1.0: "90"}  # fmt: skip
"""Percentiles that are marked on the axis, by their place in nines."""


def draw(data: PercentileData) -> Figure:
    """The figure; call it within `style_sheet`."""
    if not data.panels:
        return empty_sheet(data.frame, "No operation has enough answers for a curve.").figure
    columns = side_by_side(len(data.panels))
    row_in = HEADING_IN + _HEIGHT_IN[columns] + _FOOT_IN
    sheet = Sheet(data.frame, data.systems, math.ceil(len(data.panels) / columns) * row_in)
    width_in = (body_in() - _LEFT_IN - (columns - 1) * _GAP_IN) / columns
    for index, panel in enumerate(data.panels):
        row, column = divmod(index, columns)
        left_in = _LEFT_IN + column * (width_in + _GAP_IN)
        top_in = row * row_in
        sheet.heading(panel.heading, left_in, top_in, width_in)
        axes = sheet.axes(left_in, top_in + HEADING_IN, width_in, _HEIGHT_IN[columns])
        _draw_panel(axes, panel, data, first=column == 0)
    return sheet.figure


def _draw_panel(axes: Axes, panel: Panel, data: PercentileData, *, first: bool) -> None:
    curves = [curve for each in data.panels for curve in each.curves]
    scale_y(axes, curves, _TICKS_Y_MAX, log=wants_log(values_of(curves)))
    last = max(float(curve.x[-1]) for curve in curves)
    axes.set_xlim(0.0, last * 1.03)
    marked = {place: label for place, label in _LABELS.items() if place <= last * 1.03}
    ticks(axes.xaxis, list(marked), list(marked.values()))
    axes.grid(color=RULE, linewidth=0.6)
    axis_label(axes, "x", "percentile of answers, %")
    if first:
        axis_label(axes, "y", panel.unit)
    else:
        axes.tick_params(labelleft=False)
    for curve in panel.curves:
        marks = [int(np.argmin(np.abs(curve.x - place))) for place in marked if 0.0 < place <= curve.x[-1] + 1e-9]
        draw_curve(axes, curve, marks=marks)
