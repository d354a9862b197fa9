"""Draws how stale reads are: the share of reads that is older than an age, on logarithmic axes, a panel by operation.

Both axes are logarithmic, because a bound of seconds that one read in ten thousand breaks is what a reader looks for.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.pictures.ages import StalenessData
from bench.pictures.data import Panel
from bench.pictures.style import (
    HEADING_IN,
    Sheet,
    axis_label,
    body_in,
    draw_curve,
    empty_sheet,
    log_ticks,
    scale_y,
    side_by_side,
    ticks,
    values_of,
    wants_log,
)
from bench.pictures.themes import RULE

_LEFT_IN = 0.72
_GAP_IN = 0.28
_FOOT_IN = 0.44
_HEIGHT_IN = 2.8
_TICKS_MAX = 7
_MARKS = 8
"""Markers on a curve."""


def draw(data: StalenessData) -> Figure:
    """The figure; call it within `style_sheet`."""
    if not data.panels:
        return empty_sheet(data.frame, "No read was stale.").figure
    columns = side_by_side(len(data.panels))
    row_in = HEADING_IN + _HEIGHT_IN + _FOOT_IN
    sheet = Sheet(data.frame, data.systems, math.ceil(len(data.panels) / columns) * row_in)
    width_in = (body_in() - _LEFT_IN - (columns - 1) * _GAP_IN) / columns
    for index, panel in enumerate(data.panels):
        row, column = divmod(index, columns)
        left_in = _LEFT_IN + column * (width_in + _GAP_IN)
        sheet.heading(panel.heading, left_in, row * row_in, width_in)
        axes = sheet.axes(left_in, row * row_in + HEADING_IN, width_in, _HEIGHT_IN)
        _draw_panel(axes, panel, data, first=column == 0)
    return sheet.figure


def _draw_panel(axes: Axes, panel: Panel, data: StalenessData, *, first: bool) -> None:
    """All panels share their scales, so operations compare."""
    curves = [curve for each in data.panels for curve in each.curves]
    scale_y(axes, curves, _TICKS_MAX, log=wants_log(values_of(curves)), top=100.0)
    ages_s = np.concatenate([curve.x for curve in curves])
    low_s, high_s = float(ages_s.min()), float(ages_s.max()) * 1.2
    axes.set_xscale("log")
    axes.set_xlim(low_s, high_s)
    ticks(axes.xaxis, log_ticks(low_s, high_s, _TICKS_MAX))
    axes.grid(color=RULE, linewidth=0.6)
    axis_label(axes, "x", "age of the version that was read, s")
    if first:
        axis_label(axes, "y", panel.unit)
    else:
        axes.tick_params(labelleft=False)
    for order, curve in enumerate(panel.curves):
        step = max(1, len(curve.x) // _MARKS)
        draw_curve(axes, curve, marks=np.arange(order % step, len(curve.x), step).tolist())
