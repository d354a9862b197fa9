"""Draws stages as one bar for each system, part by part, on a time axis of its own, and says below how long each took.

A system that is back after seconds and one that takes minutes have no common axis on which both can be read. Parts are
told apart by shade and by number; the numbers are explained, with times, below the axis.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.pictures.recovery import RecoveryData, Row, ends
from bench.pictures.stages import LINE_IN
from bench.pictures.style import (
    HEADING_IN,
    SMALL_PT,
    Sheet,
    axis_label,
    body_in,
    drawable,
    font,
    look,
    ticks,
    width_in,
)
from bench.pictures.themes import GROUND, INK, ON_DARK, RULE
from bench.quantities import interval

_BAR_IN = 0.3
_FOOT_IN = 0.45
_GAP_IN = 0.16
_PAD_IN = 0.12
_TICKS_X_MAX = 10
_REACH = 1.02
_COLOURS = 8
"""Stages after which colours come again, paler."""


def draw(data: RecoveryData) -> Figure:
    """The figure; call it within `style_sheet`."""
    keys = [_lines(_entries(row, data)) for row in data.rows]
    heights = [HEADING_IN + _BAR_IN + _FOOT_IN + len(lines) * LINE_IN + _GAP_IN for lines in keys]
    sheet = Sheet(data.frame, (), sum(heights))
    top_in = 0.0
    for row, lines, height_in in zip(data.rows, keys, heights, strict=True):
        sheet.heading(row.system, 0.0, top_in, body_in())
        axes = sheet.axes(0.0, top_in + HEADING_IN, body_in(), _BAR_IN)
        _draw_bar(axes, row, data)
        for index, line in enumerate(lines):
            place_in = top_in + HEADING_IN + _BAR_IN + _FOOT_IN + (index + 0.5) * LINE_IN
            sheet.write(line, 0.0, place_in, colour=INK)
        top_in += height_in
    return sheet.figure


def _draw_bar(axes: Axes, row: Row, data: RecoveryData) -> None:
    end_s = max(stay.until_s for stay in row.stays) * _REACH
    axes.set_xlim(0.0, end_s)
    axes.set_ylim(0.0, 1.0)
    axes.set_yticks([])
    places = MaxNLocator(nbins=_TICKS_X_MAX, steps=[1, 2, 2.5, 5, 10]).tick_values(0.0, end_s)
    ticks(axes.xaxis, [place for place in places if 0.0 <= place <= end_s])
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axis_label(axes, "x", f"time since {row.zero}, s")
    labelled_until_s = 0.0
    for stay in row.stays:
        number = data.stages.index(stay.stage)
        length_s = stay.until_s - stay.from_s
        axes.barh(
            0.5, length_s, left=stay.from_s, height=0.8, color=look(number).colour, edgecolor=GROUND, linewidth=0.8,
            alpha=1.0 if number < _COLOURS else 0.65,
        )  # fmt: skip
        text = str(number + 1)
        middle_s, half_s = stay.from_s + length_s / 2.0, width_in(text, SMALL_PT) / body_in() * end_s / 2.0
        if 2.0 * half_s < length_s and middle_s - half_s > labelled_until_s:
            axes.text(
                middle_s, 0.5, text, fontproperties=font(SMALL_PT, bold=True), color=ON_DARK, ha="center", va="center",
                parse_math=False,
            )  # fmt: skip
            labelled_until_s = middle_s + half_s


def _entries(row: Row, data: RecoveryData) -> list[str]:
    """What each number means, and how long it took; the sum at the end."""
    entries = [(f"{data.stages.index(stage) + 1} {stage}", time) for stage, time in row.times]
    return [
        f"{drawable(words)} {' '.join(interval(*ends(time))).rstrip()} s"
        for words, time in [*entries, ("in all", row.total)]
    ]


def _lines(entries: list[str]) -> list[str]:
    """Entries side by side, as many to a line as fit."""
    lines: list[str] = []
    for entry in entries:
        joined = f"{lines[-1]}    {entry}" if lines else entry
        if lines and width_in(joined, SMALL_PT) <= body_in() - _PAD_IN:
            lines[-1] = joined
        else:
            lines.append(entry)
    return lines
