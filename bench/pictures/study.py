"""Draws a study: small multiples of one ratio, a column for each panel of a row, all with the same scales.

A line at one says "no faster"; another marks the claim that the study is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.pictures.data import Frame, Panel
from bench.pictures.style import (
    BODY_WIDTH_IN,
    HEADING_IN,
    INK,
    MUTED,
    RULE,
    Sheet,
    axis_label,
    draw_curve,
    scale_y,
    ticks,
)

_LEFT_IN = 0.62
_GAP_IN = 0.22
_HEIGHT_IN = 1.55
_BELOW_IN = 0.12
_FOOT_IN = 0.42
_TICKS_Y_MAX = 6


@dataclass(frozen=True, eq=False)
class StudyData:
    """What a study shows.

    Args:
        frame: The texts around it.
        curves: Names of the curves, in the order of their looks.
        rows: Panels, row by row; rows have equal lengths.
        x_label: What is on the x axes, with its unit.
        x_ticks: Places that are marked there.
        claim: The ratio that the claim states.
    """

    frame: Frame
    curves: Sequence[str]
    rows: Sequence[Sequence[Panel]]
    x_label: str
    x_ticks: Sequence[float]
    claim: float


def draw(data: StudyData) -> Figure:
    """The figure; call it within `style_sheet`."""
    row_in = HEADING_IN + _HEIGHT_IN + _BELOW_IN
    sheet = Sheet(data.frame, data.curves, len(data.rows) * row_in + _FOOT_IN)
    columns = len(data.rows[0])
    panel_in = (BODY_WIDTH_IN - _LEFT_IN - (columns - 1) * _GAP_IN) / columns
    for row, panels in enumerate(data.rows):
        for column, panel in enumerate(panels):
            left_in, top_in = _LEFT_IN + column * (panel_in + _GAP_IN), row * row_in
            sheet.heading(panel.heading, left_in, top_in, panel_in)
            axes = sheet.axes(left_in, top_in + HEADING_IN, panel_in, _HEIGHT_IN)
            _draw_panel(axes, panel, data, first=column == 0, last=row == len(data.rows) - 1)
    return sheet.figure


def _draw_panel(axes: Axes, panel: Panel, data: StudyData, *, first: bool, last: bool) -> None:
    curves = [curve for panels in data.rows for each in panels for curve in each.curves]
    scale_y(axes, curves, _TICKS_Y_MAX, log=True)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.8), max(high, 1.15 * data.claim))
    reach = data.x_ticks[-1] - data.x_ticks[0]
    axes.set_xlim(data.x_ticks[0] - 0.03 * reach, data.x_ticks[-1] + 0.03 * reach)
    ticks(axes.xaxis, list(data.x_ticks))
    axes.grid(color=RULE, linewidth=0.6)
    axes.axhline(1.0, color=MUTED, linewidth=0.8)
    axes.axhline(data.claim, color=INK, linewidth=1.0, linestyle=(0, (2, 2)))
    if first:
        axis_label(axes, "y", panel.unit)
    else:
        axes.tick_params(labelleft=False)
    if last:
        axis_label(axes, "x", data.x_label)
    else:
        axes.tick_params(labelbottom=False)
    for curve in panel.curves:
        draw_curve(axes, curve, marks=list(range(len(curve.x))), line_width=1.3)
        bars = np.stack([curve.y - curve.low, curve.high - curve.y])
        axes.errorbar(curve.x, curve.y, yerr=np.abs(bars), fmt="none", ecolor=MUTED, elinewidth=0.8, capsize=1.5)
