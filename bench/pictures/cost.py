"""Draws cost against tail latency: a mark for each system with its intervals both ways, a panel for each operation and
way of counting the cost. Towards the lower left it is cheap and fast.

Marks are named beside themselves as long as all names find a place in which they cover nothing; else a legend does it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.pictures.bills import CostData, CostPanel, Mark
from bench.pictures.data import FloatArray
from bench.pictures.style import (
    HEADING_IN,
    SMALL_PT,
    Sheet,
    axis_label,
    body_in,
    drawable,
    empty_sheet,
    font,
    log_ticks,
    look,
    shorten,
    side_by_side,
    ticks,
    wants_log,
    width_in,
)
from bench.pictures.themes import INK, RULE

_LEFT_IN = 0.6
_GAP_IN = 0.6
_HEIGHT_IN = 2.3
_FOOT_IN = 0.52
_TICKS_MAX = 5
_NAME_IN_MAX = 1.5
_NAME_HEIGHT_IN = SMALL_PT / 72.0
_MARK_IN = 0.06
"""Half of a mark's size, and the distance of its name."""
_MARK_PT = 6.5

Box = tuple[float, float, float, float]
"""Left, bottom, right and top, inches from the lower left of a panel."""


@dataclass(frozen=True)
class Scale:
    """From values to inches along one axis of a panel."""

    low: float
    high: float
    log: bool
    length_in: float

    @classmethod
    def over(cls, values: FloatArray, length_in: float) -> Scale:
        """A scale that shows some values: from zero, or logarithmic where they are far apart."""
        if wants_log(values):
            positive = values[values > 0.0]
            return cls(float(positive.min()) / 1.5, float(positive.max()) * 1.5, log=True, length_in=length_in)
        high = float(values.max()) * 1.25
        return cls(0.0, high if high > 0.0 else 1.0, log=False, length_in=length_in)

    def inches(self, value: float) -> float:
        """Where a value is; what lies beyond an end is at that end."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return self.length_in * math.log(value / self.low) / math.log(self.high / self.low)
        return self.length_in * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Places that are marked."""
        if self.log:
            return log_ticks(self.low, self.high, _TICKS_MAX)
        places = MaxNLocator(nbins=_TICKS_MAX, steps=[1, 2, 2.5, 5, 10]).tick_values(0.0, self.high)
        return [place for place in places if 0.0 <= place <= self.high * (1 + 1e-9)]


def draw(data: CostData) -> Figure:
    """The figure; call it within `style_sheet`."""
    if not data.panels:
        return empty_sheet(data.frame, "No operation has enough answers for a p99.").figure
    columns = side_by_side(2)
    width = (body_in() - _LEFT_IN - (columns - 1) * _GAP_IN) / columns
    row_in = HEADING_IN + _HEIGHT_IN + _FOOT_IN
    names = {name: shorten(drawable(name), _NAME_IN_MAX, SMALL_PT) for name in data.systems}
    scales = [
        (Scale.over(_values(panel, 0), width), Scale.over(_values(panel, 1), _HEIGHT_IN)) for panel in data.panels
    ]
    placed = [place_names(panel.marks, names, *both) for panel, both in zip(data.panels, scales, strict=True)]
    named = all(len(places) == len(panel.marks) for places, panel in zip(placed, data.panels, strict=True))
    sheet = Sheet(data.frame, () if named else data.systems, math.ceil(len(data.panels) / columns) * row_in)
    for index, panel in enumerate(data.panels):
        row, column = divmod(index, columns)
        left_in = _LEFT_IN + column * (width + _GAP_IN)
        sheet.heading(panel.heading, left_in, row * row_in, width)
        axes = sheet.axes(left_in, row * row_in + HEADING_IN, width, _HEIGHT_IN)
        _draw_panel(axes, panel, *scales[index])
        for mark in panel.marks if named else ():
            box = placed[index][mark.label]
            axes.text(
                box[0] / width, box[1] / _HEIGHT_IN, names[mark.label], transform=axes.transAxes, color=INK,
                fontproperties=font(SMALL_PT), va="bottom", parse_math=False,
            )  # fmt: skip
    return sheet.figure


def place_names(marks: Sequence[Mark], names: dict[str, str], across: Scale, up: Scale) -> dict[str, Box]:
    """Where the names of marks can stand, each beside its own and over nothing; those without a place are left out."""
    taken = [box for mark in marks for box in _covered(mark, across, up)]
    found: dict[str, Box] = {}
    for mark in marks:
        wide, high, gap = width_in(names[mark.label], SMALL_PT), _NAME_HEIGHT_IN, 2 * _MARK_IN
        x, y = across.inches(mark.x[0]), up.inches(mark.y[0])
        corners = [
            (x + gap, y - high / 2), (x - wide / 2, y + gap), (x - wide / 2, y - gap - high),
            (x - gap - wide, y - high / 2), (x + gap, y + gap), (x + gap, y - gap - high),
            (x - gap - wide, y + gap), (x - gap - wide, y - gap - high),
        ]  # fmt: skip
        for left, bottom in corners:
            box = (left, bottom, left + wide, bottom + high)
            inside = left >= 0.0 and bottom >= 0.02 and box[2] <= across.length_in and box[3] <= up.length_in
            if inside and not any(_overlap(box, other) for other in taken):
                found[mark.label] = box
                taken.append(box)
                break
    return found


def _covered(mark: Mark, across: Scale, up: Scale) -> list[Box]:
    """What a mark and its whiskers take."""
    x, y = across.inches(mark.x[0]), up.inches(mark.y[0])
    boxes = [(x - _MARK_IN, y - _MARK_IN, x + _MARK_IN, y + _MARK_IN)]
    if math.isfinite(mark.x[1]):
        boxes.append((across.inches(mark.x[1]), y - 0.03, across.inches(mark.x[2]), y + 0.03))
    if math.isfinite(mark.y[1]):
        boxes.append((x - 0.03, up.inches(mark.y[1]), x + 0.03, up.inches(mark.y[2])))
    return boxes


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _values(panel: CostPanel, axis: int) -> FloatArray:
    """All finite values that a panel shows along an axis."""
    ends = [(mark.x, mark.y)[axis] for mark in panel.marks]
    return np.array([value for each in ends for value in each if math.isfinite(value)])


def _draw_panel(axes: Axes, panel: CostPanel, across: Scale, up: Scale) -> None:
    for scale, axis in ((across, "x"), (up, "y")):
        if scale.log:
            (axes.set_xscale if axis == "x" else axes.set_yscale)("log")
        (axes.set_xlim if axis == "x" else axes.set_ylim)(scale.low, scale.high)
        ticks(axes.xaxis if axis == "x" else axes.yaxis, scale.ticks())
    axis_label(axes, "x", panel.x_unit)
    axis_label(axes, "y", panel.y_unit)
    axes.grid(color=RULE, linewidth=0.6)
    for mark in panel.marks:
        style = look(mark.look)
        (x, x_low, x_high), (y, y_low, y_high) = mark.x, mark.y
        if math.isfinite(x_low):
            axes.plot([max(x_low, across.low), x_high], [y, y], color=INK, linewidth=1.1)
        if math.isfinite(y_low):
            axes.plot([x, x], [max(y_low, up.low), y_high], color=INK, linewidth=1.1)
        axes.plot(
            [x], [y], marker=style.marker, markersize=_MARK_PT, markeredgewidth=0, color=style.colour, linestyle="none",
            clip_on=False, zorder=3,
        )  # fmt: skip
