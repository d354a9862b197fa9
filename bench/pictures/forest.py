"""Draws differences with their intervals: a row for each figure, a panel for each system, the margin shaded.

Differences are parts of the baseline's value, in percent. Where some are small and others many times that, the axis is
linear about zero and logarithmic beyond. The verdict is told by marker and by colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.datafiles import csv_text
from bench.pictures.data import Frame
from bench.pictures.style import (
    HEADING_IN,
    MARGIN_IN,
    SMALL_PT,
    Sheet,
    as_wide,
    axis_label,
    body_in,
    drawable,
    empty_sheet,
    sheet_in,
    shorten,
    ticks,
    width_in,
)
from bench.pictures.themes import BETTER, GROUND, INK, MUTED, RULE, UNKNOWN, WARMUP, WORSE
from bench.quantities import plain

_ROW_IN = 0.185
_FOOT_IN = 0.42
_KEY_IN = 0.24
_NAMES_IN_MAX = 2.6
_TICKS_MAX = 11
_LINEAR_MAX = 12.0
"""A greatest value that is so many times the margin (or one percent) is still drawn on a linear axis."""
_PERCENT_MAX = 1e5
_LOG_ROOM = 1.3
"""Beyond the ends on a logarithmic axis, where the same factor is less of a distance."""
_MARKS = {
    "worse": (WORSE, "X", True),
    "better": (BETTER, "o", True),
    "unknown": (UNKNOWN, "D", False),
    "same": (MUTED, "o", False),
}
"""Colour and marker of a verdict, and whether the marker is filled."""


@dataclass(frozen=True)
class Mark:
    """The difference of one figure, in percent of the baseline's value; nan at the ends where there is no interval."""

    figure: str
    verdict: str
    percent: float
    low: float
    high: float


@dataclass(frozen=True)
class ForestPanel:
    """The differences of one system."""

    heading: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class ForestData:
    """Differences by system; the margin is in percent."""

    frame: Frame
    panels: Sequence[ForestPanel]
    margin_percent: float

    def csv_text(self) -> str:
        """The plotted numbers."""
        rows = [
            (panel.heading, mark.figure, mark.verdict, mark.percent, mark.low, mark.high)
            for panel in self.panels
            for mark in panel.marks
        ]
        return csv_text(("system", "figure", "verdict", "difference_percent", "low", "high"), rows)


def draw(data: ForestData) -> Figure:
    """The figure; call it within `style_sheet`."""
    if not data.panels:
        return empty_sheet(data.frame, "No figure was compared.").figure
    names = [drawable(mark.figure) for panel in data.panels for mark in panel.marks]
    left_in = min(_NAMES_IN_MAX, 0.4 * body_in(), max(width_in(name, SMALL_PT) for name in names)) + 0.14
    panel_in = body_in() - left_in
    heights = [HEADING_IN + _ROW_IN * len(panel.marks) + _FOOT_IN for panel in data.panels]
    sheet = Sheet(data.frame, (), _KEY_IN + sum(heights))
    _draw_key(sheet, left_in, [mark.verdict for panel in data.panels for mark in panel.marks])
    axis = _Axis.of(data)
    top_in = _KEY_IN
    for panel, height_in in zip(data.panels, heights, strict=True):
        sheet.heading(panel.heading, left_in, top_in, panel_in)
        axes = sheet.axes(left_in, top_in + HEADING_IN, panel_in, _ROW_IN * len(panel.marks))
        _draw_panel(axes, panel, axis, data.margin_percent, left_in - 0.1)
        top_in += height_in
    return sheet.figure


@dataclass(frozen=True)
class _Axis:
    """The scale that all panels share: where it ends, and how far it is linear; 0 where it is so all the way."""

    low: float
    high: float
    linear: float

    @classmethod
    def of(cls, data: ForestData) -> _Axis:
        marks = [mark for panel in data.panels for mark in panel.marks]
        ends = [end for mark in marks for end in (mark.percent, mark.low, mark.high) if math.isfinite(end)]
        least = max(data.margin_percent * 1.6, max(map(abs, ends)) * 0.05, 1e-3)
        low, high = (min(_PERCENT_MAX, max(least, *each)) * 1.12 for each in ([-end for end in ends], ends))
        unit = data.margin_percent or 1.0
        if max(low, high) <= unit * _LINEAR_MAX:
            return cls(-low, high, 0.0)
        return cls(-low * _LOG_ROOM, high * _LOG_ROOM, unit)

    def ticks(self) -> list[float]:
        """Places for ticks."""
        if not self.linear:
            places = MaxNLocator(nbins=as_wide(_TICKS_MAX), steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
            return [float(place) for place in places if self.low <= place <= self.high]
        found: list[float] = []
        for factors in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
            sizes = [self.linear * factor * 10.0**decade for decade in range(6) for factor in factors]
            places = [*(-size for size in reversed(sizes)), 0.0, *sizes]
            found = [place for place in places if self.low <= place <= self.high]
            if len(found) <= as_wide(_TICKS_MAX):
                return found
        return found[:: math.ceil(len(found) / as_wide(_TICKS_MAX))]


def _draw_panel(axes: Axes, panel: ForestPanel, axis: _Axis, margin: float, room_in: float) -> None:
    if axis.linear:
        axes.set_xscale("symlog", linthresh=axis.linear, linscale=0.8)
    axes.set_xlim(axis.low, axis.high)
    axes.set_ylim(len(panel.marks) - 0.5, -0.5)
    if margin:
        axes.axvspan(-margin, margin, color=WARMUP, linewidth=0.0, zorder=0.2)
    axes.axvline(0.0, color=MUTED, linewidth=0.8, zorder=0.5)
    places = axis.ticks()
    ticks(axes.xaxis, places, [f"{_sign(place)}{plain(abs(place))}" for place in places])
    ticks(axes.yaxis, range(len(panel.marks)), [shorten(drawable(m.figure), room_in, SMALL_PT) for m in panel.marks])
    axes.tick_params(axis="y", length=0, colors=INK)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axis_label(axes, "x", "difference, % of the baseline's value")
    for row, mark in enumerate(panel.marks):
        colour, marker, filled = _MARKS[mark.verdict]
        if math.isfinite(mark.low) and math.isfinite(mark.high):
            axes.plot([mark.low, mark.high], [row, row], color=colour, linewidth=1.3, solid_capstyle="butt", zorder=2.0)
        axes.plot(
            [mark.percent], [row], color=colour, marker=marker, markersize=5.5, zorder=2.5,
            markerfacecolor=colour if filled else GROUND, markeredgewidth=0.0 if filled else 1.1,
        )  # fmt: skip


def _sign(value: float) -> str:
    return "+" if value > 0.0 else "−" if value < 0.0 else ""


def _draw_key(sheet: Sheet, left_in: float, verdicts: Sequence[str]) -> None:
    """What the markers stand for, as far as they occur."""
    at_in = left_in
    middle_in = _KEY_IN * 0.35
    for verdict, (colour, marker, filled) in _MARKS.items():
        if verdict not in verdicts:
            continue
        y_in = sheet.body_top_in + middle_in
        line = Line2D(
            [(MARGIN_IN + at_in + 0.05) / sheet_in()], [1.0 - y_in / sheet.height_in],
            transform=sheet.figure.transFigure, linestyle="none", color=colour, marker=marker, markersize=5.5,
            markerfacecolor=colour if filled else GROUND, markeredgewidth=0.0 if filled else 1.1,
        )  # fmt: skip
        sheet.figure.add_artist(line)
        words = f"{verdict} ({verdicts.count(verdict)})"
        sheet.write(words, at_in + 0.16, middle_in, colour=INK)
        at_in += 0.16 + width_in(words, SMALL_PT) + 0.3
