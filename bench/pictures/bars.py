"""Draws figures by system as horizontal bars with their intervals, a panel for each figure, two panels side by side.

Bars start at zero, so their lengths compare. Each is named at its left and says its value at its end.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.pictures.data import BarPanel, BarsData
from bench.pictures.style import (
    HEADING_IN,
    SMALL_PT,
    Sheet,
    axis_label,
    body_in,
    drawable,
    empty_sheet,
    font,
    look,
    shorten,
    side_by_side,
    ticks,
    width_in,
    wrap,
)
from bench.pictures.themes import INK, MUTED, RULE
from bench.quantities import interval

_NAMES_IN_MAX = 1.9
_GAP_IN = 0.3
_BAR_IN = 0.34
_FOOT_IN = 0.5
_TICKS_X_MAX = 4
_LABEL_PART_MAX = 0.62
"""Part of a panel's width that the label at a bar's end may take."""
_NOTE_IN_MIN = 0.45
_END_IN = 0.08
"""Between a bar's whisker and its value."""


def draw(data: BarsData) -> Figure:
    """The figure; call it within `style_sheet`."""
    if not data.panels:
        return empty_sheet(data.frame, "No figure has a value.").figure
    wrapped = [wrap(drawable(name), min(_NAMES_IN_MAX, 0.3 * body_in()), SMALL_PT, 2) for name in data.systems]
    names = ["\n".join(lines) for lines in wrapped]
    left_in = max(width_in(line, SMALL_PT) for lines in wrapped for line in lines) + 0.12
    columns = side_by_side(len(data.panels))
    panel_in = (body_in() - left_in - (columns - 1) * _GAP_IN) / columns
    height_in = _BAR_IN * len(names)
    row_in = HEADING_IN + height_in + _FOOT_IN
    sheet = Sheet(data.frame, (), math.ceil(len(data.panels) / columns) * row_in)
    for index, panel in enumerate(data.panels):
        row, column = divmod(index, columns)
        panel_left_in = left_in + column * (panel_in + _GAP_IN)
        sheet.heading(panel.heading, panel_left_in, row * row_in, panel_in)
        axes = sheet.axes(panel_left_in, row * row_in + HEADING_IN, panel_in, height_in)
        _draw_panel(axes, panel, names if column == 0 else [""] * len(names), panel_in)
    return sheet.figure


def _draw_panel(axes: Axes, panel: BarPanel, names: list[str], panel_in: float) -> None:
    places = range(len(names))
    ends = np.fmax(panel.values, panel.high)
    labels = [_label(panel, index, panel_in * _LABEL_PART_MAX) for index in places]
    room_in = max(width_in(label, SMALL_PT) for label in labels) + 2 * _END_IN
    largest = float(np.nanmax(ends))
    # The longest bar and the widest label fit side by side, whichever bars they belong to.
    reach = largest * panel_in / (panel_in - room_in) if largest > 0.0 else 1.0
    axes.set_xlim(0.0, reach)
    axes.set_ylim(len(names) - 0.5, -0.5)
    ticks(axes.yaxis, list(places), names)
    axes.tick_params(axis="y", length=0, colors=INK)
    marks = MaxNLocator(nbins=_TICKS_X_MAX, steps=[1, 2, 2.5, 5, 10]).tick_values(0.0, min(reach, panel.highest))
    ticks(axes.xaxis, [mark for mark in marks if 0.0 <= mark <= min(reach, panel.highest)])
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axis_label(axes, "x", panel.unit)
    for index in places:
        value = float(panel.values[index])
        if math.isfinite(value):
            axes.barh(index, value, height=0.62, color=look(index).colour, linewidth=0.0)
        low, high = float(panel.low[index]), float(panel.high[index])
        if high > low:
            axes.plot([max(low, 0.0), high], [index, index], color=INK, linewidth=1.1, solid_capstyle="butt")
            axes.plot([max(low, 0.0), high], [index, index], color=INK, linestyle="none", marker="|", markersize=5.0)
        axes.annotate(
            labels[index],
            (float(ends[index]) if math.isfinite(value) else 0.0, index),
            xytext=(_END_IN * 72.0, 0.0),
            textcoords="offset points",
            fontproperties=font(SMALL_PT),
            color=INK if math.isfinite(value) else MUTED,
            va="center",
            parse_math=False,
            annotation_clip=False,
        )


def _label(panel: BarPanel, index: int, room_in: float) -> str:
    """Value with its half-width, and, if there is room, what the bar is about."""
    if math.isnan(panel.values[index]):
        return "no value"
    text = " ".join(interval(float(panel.values[index]), float(panel.low[index]), float(panel.high[index])))
    text = shorten(text.rstrip(), room_in, SMALL_PT)
    note_in = room_in - width_in(f"{text} ()", SMALL_PT)
    if not panel.notes[index] or note_in < _NOTE_IN_MIN:
        return text
    return f"{text} ({shorten(drawable(panel.notes[index]), note_in, SMALL_PT)})"
