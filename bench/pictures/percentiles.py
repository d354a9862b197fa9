"""Draws latency percentile curves on a log-nines axis: a panel for each operation, a line for each system.

From 90 % to 99 % is as far as from 99 % to 99.9 %, so that the tail, which clients feel, gets the room that a plain
distribution function denies it.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from bench.pictures.data import BODY_EMPTY, PercentileData
from bench.pictures.style import (
    BODY_WIDTH_IN,
    INK,
    MUTED,
    RULE,
    TEXT_PT,
    Sheet,
    axis_label,
    draw_curve,
    drawable,
    font,
    scale_y,
    shorten,
    ticks,
    values_of,
    wants_log,
)

_LEFT_IN = 0.62
_GAP_IN = 0.3
_HEADING_IN = 0.24
_FOOT_IN = 0.52
_HEIGHT_IN = {1: 3.3, 2: 3.0}
"""Height of a panel by the number of columns."""

_TICKS = ("0", "50", "90", "99", "99.9", "99.99", "99.999", "99.9999", "99.99999")
_MARKED_NINES = (-math.log10(0.5), 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def draw(data: PercentileData) -> Figure:
    """The figure; call it within `style_sheet`."""
    panels = data.panels
    columns = min(2, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    height_in = _HEIGHT_IN[columns]
    row_in = _HEADING_IN + height_in + _FOOT_IN
    legend = [(name, index) for index, name in enumerate(data.systems)]
    sheet = Sheet(data.frame, legend if panels else [], rows * row_in if panels else BODY_EMPTY_IN)
