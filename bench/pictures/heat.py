"""Draws heat maps: a panel for each system, a field for each pair of values, its number written into it.

All panels share one scale, so that the systems compare by colour; where numbers differ by much, it is logarithmic.
Lightness alone tells small from large, so it reads in grey as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure

from bench.datafiles import csv_text
from bench.pictures.data import FloatArray, Frame
from bench.pictures.style import (
    HEADING_IN,
    SMALL_PT,
    Sheet,
    axis_label,
    body_in,
    drawable,
    empty_sheet,
    font,
    shorten,
    side_by_side,
    ticks,
    wants_log,
    width_in,
)
from bench.pictures.themes import GROUND, INK, ON_DARK, ON_LIGHT, ON_NOTHING
from bench.quantities import significant

_GAP_IN = 0.3
_CELL_IN = 0.34
_FOOT_IN = 0.5
_NAMES_IN_MAX = 1.4
_LIGHT = 0.55
"""Part of the scale up to which the field is light enough for dark numbers."""


@dataclass(frozen=True, eq=False)
class HeatPanel:
    """One figure of one system over two axes.

    Args:
        heading: What is shown.
        values: By y and x value, nan where there is none; shape (y values, x values).
        own_scale: Whether its colours have a scale of their own, as a ratio among latencies has.
    """

    heading: str
    values: FloatArray
    own_scale: bool = False


@dataclass(frozen=True, eq=False)
class HeatData:
    """Panels over the same two axes.

    Args:
        frame: The texts around them.
        panels: One for each system, and perhaps one of their ratio.
        x_label: What is on the x axis.
        y_label: What is on the y axis.
        x_names: Its values, as they are written.
        y_names: Likewise.
    """

    frame: Frame
    panels: Sequence[HeatPanel]
    x_label: str
    y_label: str
    x_names: Sequence[str]
    y_names: Sequence[str]

    def csv_text(self) -> str:
        """The numbers in the fields."""
        rows = [
            (panel.heading, x, y, float(panel.values[row, column]))
            for panel in self.panels
            for row, y in enumerate(self.y_names)
            for column, x in enumerate(self.x_names)
        ]
        return csv_text(("panel", self.x_label, self.y_label, "value"), rows)


def draw(data: HeatData) -> Figure:
    """The figure; call it within `style_sheet`."""
    known = [panel for panel in data.panels if np.isfinite(panel.values).any()]
    if not known:
        return empty_sheet(data.frame, "No cell has a value to show.").figure
    names = [shorten(drawable(name), min(_NAMES_IN_MAX, 0.3 * body_in()), SMALL_PT) for name in data.y_names]
    left_in = max(width_in(name, SMALL_PT) for name in names) + 0.34
    columns = side_by_side(len(known))
    panel_in = (body_in() - left_in - (columns - 1) * _GAP_IN) / columns
    height_in = _CELL_IN * len(names)
    row_in = HEADING_IN + height_in + _FOOT_IN
    sheet = Sheet(data.frame, (), math.ceil(len(known) / columns) * row_in)
    shared = np.concatenate([panel.values.ravel() for panel in known if not panel.own_scale] or [np.ones(1)])
    for index, panel in enumerate(known):
        row, column = divmod(index, columns)
        panel_left_in = left_in + column * (panel_in + _GAP_IN)
        sheet.heading(panel.heading, panel_left_in, row * row_in, panel_in)
        axes = sheet.axes(panel_left_in, row * row_in + HEADING_IN, panel_in, height_in)
        scale = _norm(panel.values if panel.own_scale else shared)
        _draw_panel(axes, panel, scale, panel_in / len(data.x_names))
        ticks(axes.xaxis, *_thinned(data.x_names, panel_in))
        ticks(axes.yaxis, list(range(len(names))), names if column == 0 else [""] * len(names))
        axes.tick_params(length=0, colors=INK)
        axis_label(axes, "x", drawable(data.x_label, 60))
        if column == 0:
            axis_label(axes, "y", drawable(data.y_label, 60))
    return sheet.figure


def _norm(values: FloatArray) -> Normalize:
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    return LogNorm(low, high) if wants_log(known) and low > 0.0 else Normalize(low, high)


def _draw_panel(axes: Axes, panel: HeatPanel, scale: Normalize, field_in: float) -> None:
    colours: Colormap = mpl.colormaps["Blues"].with_extremes(bad="#f2f2f2")
    rows, columns = panel.values.shape
    axes.pcolormesh(
        np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5, np.ma.masked_invalid(panel.values),
        cmap=colours, norm=scale, edgecolors=GROUND, linewidth=1.0,
    )  # fmt: skip
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for row in range(rows):
        for column in range(columns):
            value = float(panel.values[row, column])
            text = significant(value) if math.isfinite(value) else "–"
            if width_in(text, SMALL_PT) > field_in * 0.94:
                continue
            dark = math.isfinite(value) and float(scale(value)) > _LIGHT
            axes.text(
                column, row, text, ha="center", va="center", fontproperties=font(SMALL_PT),
                color=ON_DARK if dark else ON_LIGHT if math.isfinite(value) else ON_NOTHING, parse_math=False,
            )  # fmt: skip


def _thinned(names: Sequence[str], room_in: float) -> tuple[list[float], list[str]]:
    """Places and names of ticks, as many as do not touch each other."""
    shown = [shorten(drawable(name), _NAMES_IN_MAX, SMALL_PT) for name in names]
    widest_in = max(width_in(name, SMALL_PT) for name in shown) + 0.1
    every = max(1, math.ceil(widest_in * len(names) / room_in))
    return [float(index) for index in range(0, len(names), every)], shown[::every]
