"""Draws the course over time: panels one below the other that share time, so that cause stands above effect.

The warm-up and the windows of faults are shaded through all panels and named above the first, where their names step
aside for each other. A stage, something that control did, is a thin line through all panels with a number at its top;
below the panels the numbers are explained, with exact times. What there is no room to name is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.pictures.course import TimelineData
from bench.pictures.data import Panel
from bench.pictures.stages import LINE_IN, Key, numbers
from bench.pictures.style import (
    FAULT_ALPHA,
    HEADING_IN,
    SMALL_PT,
    Sheet,
    as_wide,
    axis_label,
    body_in,
    draw_curve,
    drawable,
    empty_sheet,
    look,
    scale_y,
    shorten,
    ticks,
    values_of,
    wants_log,
    width_in,
)
from bench.pictures.themes import FAULT, MUTED, RULE, WARMUP

_LEFT_IN = 0.72
_HEIGHT_IN = 0.95
_GAP_IN = 0.12
_FOOT_IN = 0.42
_LANE_IN = LINE_IN
_LANES_MAX = 4
_PAD_IN = 0.05
_LABEL_WIDTH_IN = 2.6
_TICKS_Y_MAX = 4
_TICKS_X_MAX = 10


@dataclass(frozen=True)
class _Label:
    """A shaded stretch above the panels: its name, where both begin and the stretch ends, and on which line they stand.

    Lengths are inches from the panels' left.
    """

    text: str
    text_in: float
    from_in: float
    until_in: float
    colour: str
    lane: int


def draw(data: TimelineData) -> Figure:
    """The figure; call it within `style_sheet`."""
    if not data.panels:
        return empty_sheet(data.frame, "No request ended in any window of time.").figure
    panels_in = body_in() - _LEFT_IN
    labels, unnamed = _labels(data, panels_in)
    lanes = max((label.lane for label in labels), default=-1) + 1 + (unnamed > 0)
    top_in = (lanes + bool(data.stages)) * _LANE_IN
    row_in = HEADING_IN + _HEIGHT_IN + _GAP_IN
    key = Key.of(data)
    panels_end_in = top_in + len(data.panels) * row_in - _GAP_IN + _FOOT_IN
    sheet = Sheet(data.frame, data.systems, panels_end_in + key.height_in)
    for label in labels:
        lane_in = label.lane * _LANE_IN
        alpha = 1.0 if label.colour == WARMUP else FAULT_ALPHA
        length_in = label.until_in - label.from_in
        sheet.shade(_LEFT_IN + label.from_in, lane_in + 0.01, length_in, _LANE_IN - 0.02, label.colour, alpha)
        sheet.write(label.text, _LEFT_IN + label.text_in, lane_in + _LANE_IN / 2, colour=MUTED)
    if unnamed:
        sheet.write(f"and {unnamed} more", _LEFT_IN + _PAD_IN, (lanes - 0.5) * _LANE_IN, colour=MUTED)
    for text, middle_in in numbers(data.stages, data.duration_s, panels_in):
        sheet.write(text, _LEFT_IN + middle_in, (lanes + 0.5) * _LANE_IN, ha="center")
    for index, panel in enumerate(data.panels):
        panel_in = top_in + index * row_in
        sheet.heading(panel.heading, _LEFT_IN, panel_in, panels_in)
        axes = sheet.axes(_LEFT_IN, panel_in + HEADING_IN, panels_in, _HEIGHT_IN)
        _draw_panel(axes, panel, data, last=index == len(data.panels) - 1)
    key.write(sheet, panels_end_in)
    return sheet.figure


def _draw_panel(axes: Axes, panel: Panel, data: TimelineData, *, last: bool) -> None:
    # Zero, which a level may be, has no place on a logarithmic axis.
    positive = all((curve.y[np.isfinite(curve.y)] > 0.0).all() for curve in panel.curves)
    log = wants_log(values_of(panel.curves)) and (panel.kind == "latency" or (panel.kind == "level" and positive))
    scale_y(axes, panel.curves, _TICKS_Y_MAX, log=log, top=100.0 if panel.kind == "share" else None)
    axes.set_xlim(0.0, data.duration_s)
    places = MaxNLocator(nbins=as_wide(_TICKS_X_MAX), steps=[1, 2, 5, 10]).tick_values(0.0, data.duration_s)
    ticks(axes.xaxis, [place for place in places if 0.0 <= place <= data.duration_s])
    axes.grid(color=RULE, linewidth=0.6)
    axis_label(axes, "y", panel.unit)
    if last:
        axis_label(axes, "x", "time, s")
    else:
        axes.tick_params(labelbottom=False)
    if data.warmup_s > 0.0:
        axes.axvspan(0.0, data.warmup_s, color=WARMUP, linewidth=0.0, zorder=0.2)
    for fault in data.faults:
        until_s = min(fault.until_s, data.duration_s)
        axes.axvspan(fault.from_s, until_s, color=FAULT, alpha=FAULT_ALPHA, linewidth=0.0, zorder=0.3)
    for stage in data.stages:
        if stage.at_s <= data.duration_s:
            colour = look(stage.look).colour if len(data.systems) > 1 else MUTED
            axes.axvline(stage.at_s, color=colour, linewidth=0.7, zorder=0.6)
    for order, curve in enumerate(panel.curves):
        # Markers of different systems keep out of each other's way.
        step = max(1, len(curve.x) // 8)
        draw_curve(axes, curve, marks=np.arange(order % step, len(curve.x), step).tolist(), line_width=1.3)


def _labels(data: TimelineData, panels_in: float) -> tuple[list[_Label], int]:
    """Names of the shaded stretches, each on the highest line where it has room, and how many have none.

    Faults of several parts that go by one name at one time are one stretch.
    """
    stretches = [(0.0, data.warmup_s, "warm-up", WARMUP)] if data.warmup_s > 0.0 else []
    stretches += [(fault.from_s, fault.until_s, fault.label, FAULT) for fault in data.faults]
    labels = []
    unnamed = 0
    ends = [-1.0] * _LANES_MAX
    for from_s, until_s, name, colour in sorted(set(stretches)):
        if not 0.0 <= from_s < data.duration_s:
            continue
        text = shorten(drawable(name), _LABEL_WIDTH_IN, SMALL_PT)
        size_in = width_in(text, SMALL_PT) + _PAD_IN
        from_in = from_s / data.duration_s * panels_in
        until_in = min(until_s / data.duration_s, 1.0) * panels_in
        text_in = max(0.0, min(from_in + _PAD_IN, panels_in - size_in))
        lane = next((lane for lane, end in enumerate(ends) if min(from_in, text_in) >= end), None)
        if lane is None:
            unnamed += 1
        else:
            labels.append(_Label(text, text_in, from_in, until_in, colour, lane))
            ends[lane] = max(until_in, text_in + size_in)
    return labels, unnamed
