"""How all pictures look: colours, lines, type, and a sheet with title, legend, panels and caption.

Every system has a colour, a dash pattern and a marker of its own, so that it is told apart in grey and by colour-blind
readers. The sheet is laid out by hand, in inches: text is measured before it is placed, wrapped to the width, and cut
with an ellipsis when it is too long, so nothing can overflow, whatever a scenario calls itself. The font is the one
that comes with matplotlib, drawn as paths; with a fixed salt and no date, the same data give the same bytes of SVG.

matplotlib is imported here, at the top; so whoever wants to start quickly imports this module only to draw. It is
longer than most, because everything that two pictures must do alike stands here.
"""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter, NullLocator

from bench.pictures.data import Curve, FloatArray, Frame
from bench.pictures.themes import COLOURS, INK, LIGHT, MUTED, WARMUP, Theme
from bench.quantities import plain
from bench.terminal import ELLIPSIS, safe_text

Form = Literal["svg", "png", "pdf"]

PNG_DPI = 144
WIDTH_IN = 8.0
"""Width of a sheet, unless another is asked for."""
MARGIN_IN = 0.3
HEADING_IN = 0.24
"""Height of the strip for a panel's name."""
NARROW_IN = 6.0
"""Width of a sheet below which panels do not stand side by side."""

FAULT_ALPHA = 0.4
"""Faults that overlap shade twice."""
BAND_ALPHA = 0.18

TITLE_PT = 13.0
TEXT_PT = 9.0
SMALL_PT = 8.0
LEADING = 1.35
"""Distance of two lines of text, in sizes of their type."""

_UNITS = frozenset({"s", "ms", "µs", "%"})
COMBINING_MAX = 2
"""Marks that may stand on one letter; more of them would climb out of their line."""

_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": False,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": True,
    "figure.facecolor": "white",
    "hatch.linewidth": 0.6,
    "lines.solid_capstyle": "butt",
    "path.simplify": False,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "tierbench",
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}

_DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (5, 1.6),
    (1.4, 1.4),
    (6, 1.6, 1.4, 1.6),
    (9, 2),
    (3, 1.4, 1.4, 1.4, 1.4, 1.4),
    (2.5, 2.5),
)
SECOND_DASHES = (4.0, 1.6)
"""Of another figure of a system whose first is drawn solid."""
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p")


@dataclass(frozen=True)
class Look:
    """Colour, dashes (empty: a solid line) and marker of one system."""

    colour: str
    dashes: tuple[float, ...]
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """Keywords for a line."""
        style: Any = (0, self.dashes) if self.dashes else "-"
        marker = {"marker": self.marker, "markersize": 4.0, "markeredgewidth": 0}
        return {"color": self.colour, "linestyle": style, **marker}


def look(index: int) -> Look:
    """Look of the system at a place in the scenario; the three cycles differ in length, so hundreds stay distinct."""
    return Look(COLOURS[index % len(COLOURS)], _DASHES[index % len(_DASHES)], _MARKERS[index % len(_MARKERS)])


_sheet_in: ContextVar[float] = ContextVar("sheet_in", default=WIDTH_IN)


@contextmanager
def style_sheet(width_in: float = WIDTH_IN) -> Iterator[None]:
    """Draw on sheets of a width, with our settings alone, whatever the user's own settings of matplotlib say."""
    before = _sheet_in.set(width_in)
    try:
        with matplotlib.style.context(["default", _STYLE]):
            yield
    finally:
        _sheet_in.reset(before)


def sheet_in() -> float:
    """Width of the sheet that is drawn, inches."""
    return _sheet_in.get()


def body_in() -> float:
    """Width of what lies between its margins, inches."""
    return sheet_in() - 2 * MARGIN_IN


def side_by_side(count: int) -> int:
    """How many of so many panels stand side by side: two, where there is room."""
    return min(2, count) if sheet_in() >= NARROW_IN else 1


def as_wide(count: int) -> int:
    """How many ticks there may be where a sheet of the usual width has so many; two at least."""
    return max(2, round(count * body_in() / (WIDTH_IN - 2 * MARGIN_IN)))


def render(figure: Figure, form: Form, theme: Theme = LIGHT, dpi: int = PNG_DPI) -> bytes:
    """A drawn figure as the content of a file; call it within `style_sheet`.

    Args:
        figure: It; in a theme other than the one it was drawn in, it is painted over.
        form: "svg", "png" or "pdf".
        theme: Its colours.
        dpi: Dots to an inch of a PNG.
    """
    if theme is not LIGHT:
        _repaint(figure, theme)
    content = io.BytesIO()
    canvas: Any
    if form == "svg":
        canvas = FigureCanvasSVG(figure)
        canvas.print_svg(content, metadata={"Date": None, "Creator": None})
    elif form == "pdf":
        canvas = FigureCanvasPdf(figure)
        canvas.print_pdf(content, metadata={"CreationDate": None, "Creator": None, "Producer": None})
    else:
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.print_png(content, metadata={"Software": None})
    return content.getvalue()


def _repaint(figure: Figure, theme: Theme) -> None:
    """Give everything on a figure the colour that a theme has for its own; fields of a colour scale keep theirs."""
    # Ticks are there only once something was drawn.
    figure.draw_without_rendering()
    for artist in figure.findobj():
        if isinstance(artist, Line2D):
            paints = ["color", "markerfacecolor", "markeredgecolor"]
        elif isinstance(artist, Text):
            paints = ["color"]
        elif isinstance(artist, Patch) or (isinstance(artist, Collection) and artist.get_array() is None):
            paints = ["facecolor", "edgecolor"]
        elif isinstance(artist, Collection):
            paints = ["edgecolor"]
        else:
            continue
        for paint in paints:
            before = getattr(artist, f"get_{paint}")()
            colours = to_rgba_array(before)
            if len(colours) and colours[0][3] > 0.0:
                getattr(artist, f"set_{paint}")(theme.colour(to_hex(colours[0])))


def as_high(count: int) -> int:
    """How many lines a text may take that has so many on a sheet of the usual width."""
    return max(count, math.ceil(count * (WIDTH_IN - 2 * MARGIN_IN) / body_in()))


# Text ---------------------------------------------------------------------------------------------------------------


@cache
def _font_file(bold: bool) -> Path:
    return Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")


@cache
def _known_characters(bold: bool) -> frozenset[int]:
    return frozenset(get_font(str(_font_file(bold))).get_charmap())


def font(size_pt: float, bold: bool = False) -> FontProperties:
    """The font that comes with matplotlib, at a size."""
    return FontProperties(fname=str(_font_file(bold)), size=size_pt)


def drawable(text: str, limit: int = 400) -> str:
    """Text from anywhere as something that can be drawn: printable, in one line, of letters that the font has.

    Letters that it lacks (emoji, Chinese) appear as a replacement character; piled-up accents are thinned out.
    """
    shown = []
    marks = 0
    for character in safe_text(" ".join(unicodedata.normalize("NFC", text[: 4 * limit]).split()), limit):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= COMBINING_MAX:
            both = ord(character) in _known_characters(bold=False) and ord(character) in _known_characters(bold=True)
            shown.append(character if both else "\ufffd")
    return "".join(shown)


@lru_cache(maxsize=4096)
def width_in(text: str, size_pt: float, bold: bool = False) -> float:
    """Width of a line of text, inches."""
    return float(text_to_path.get_text_width_height_descent(text, font(size_pt, bold), ismath=False)[0]) / 72.0


def wrap(text: str, room_in: float, size_pt: float, lines_max: int, bold: bool = False) -> list[str]:
    """Lines no wider than `room_in`; a word that is wider is broken; what exceeds `lines_max` ends in an ellipsis."""
    lines: list[str] = []
    words: list[str] = []
    for word in text.split():
        # A number and its unit stay together.
        if words and word.rstrip(".,;:)") in _UNITS and words[-1][-1].isdigit():
            words[-1] += f" {word}"
        else:
            words.append(word)
    while words:
        if len(lines) == lines_max:
            lines[-1] = shorten(f"{lines[-1]} {words[0]}", room_in, size_pt, bold, always=True)
            break
        count = 1
        while count < len(words) and width_in(" ".join(words[: count + 1]), size_pt, bold) <= room_in:
            count += 1
        line = " ".join(words[:count])
        del words[:count]
        if width_in(line, size_pt, bold) > room_in:
            fits = _fitting(line, room_in, size_pt, bold)
            # A name is broken after a hyphen or the like, if it has one near the end of the line.
            fits = max((line.rfind(mark, fits // 2, fits) + 1 for mark in "-_./:"), default=0) or fits
            words.insert(0, line[fits:])
            line = line[:fits]
        lines.append(line)
    return lines


def shorten(text: str, room_in: float, size_pt: float, bold: bool = False, *, always: bool = False) -> str:
    """Text cut to a width, with an ellipsis where it was too long (or `always`)."""
    if not always and width_in(text, size_pt, bold) <= room_in:
        return text
    return text[: _fitting(text, room_in - width_in(ELLIPSIS, size_pt, bold), size_pt, bold)].rstrip() + ELLIPSIS


def _fitting(text: str, room_in: float, size_pt: float, bold: bool) -> int:
    """How many characters fit, at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if width_in(text[:middle], size_pt, bold) <= room_in else (low, middle - 1)
    return low


# The sheet ----------------------------------------------------------------------------------------------------------


class Sheet:
    """A figure with its title, legend and caption in place, and a body in between for the panels.

    Args:
        frame: What stands around the panels.
        systems: Systems that a legend explains; with fewer than two there is nothing to tell apart.
        body_height_in: Height of what lies between, inches.
    """

    def __init__(self, frame: Frame, systems: Sequence[str], body_height_in: float) -> None:
        question = f". {frame.question}" if frame.question else ""
        kicker = wrap(drawable(f"{frame.subject}{question}"), body_in(), TEXT_PT, as_high(2))
        title = wrap(drawable(frame.finding, 600), body_in(), TITLE_PT, as_high(4), bold=True)
        caption = wrap(drawable(frame.caption, 1200), body_in(), SMALL_PT, as_high(6))
        rows = _legend_rows(systems) if len(systems) > 1 else []
        heights = [
            MARGIN_IN * 0.8,
            len(kicker) * _leading_in(TEXT_PT) + 0.04,
            len(title) * _leading_in(TITLE_PT) + 0.08,
            len(rows) * _LEGEND_ROW_IN + (0.08 if rows else 0.0),
            body_height_in,
            0.12 + len(caption) * _leading_in(SMALL_PT),
            MARGIN_IN * 0.7,
        ]
        tops = np.cumsum([0.0, *heights])
        self.height_in = float(tops[-1])
        self.figure = Figure(figsize=(sheet_in(), self.height_in), dpi=PNG_DPI)
        self.body_top_in = float(tops[4])
        self._write_block(kicker, float(tops[1]), TEXT_PT, MUTED)
        self._write_block(title, float(tops[2]), TITLE_PT, INK, bold=True)
        for index, row in enumerate(rows):
            self._draw_legend_row(row, float(tops[3]) + (index + 0.5) * _LEGEND_ROW_IN)
        self._write_block(caption, float(tops[5]) + 0.12, SMALL_PT, MUTED)

    def axes(self, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
        """Axes within the body, from its left and top, inches."""
        bottom_in = self.height_in - self.body_top_in - top_in - height_in
        rectangle = (
            (MARGIN_IN + left_in) / sheet_in(),
            bottom_in / self.height_in,
            width_in / sheet_in(),
            height_in / self.height_in,
        )
        axes = self.figure.add_axes(rectangle)
        axes.tick_params(length=2.5, pad=2.5)
        return axes

    def heading(self, text: str, left_in: float, top_in: float, room_in: float) -> None:
        """The name of a panel, in the strip of `HEADING_IN` above its axes."""
        shown = shorten(drawable(text), room_in, TEXT_PT, bold=True)
        self.write(shown, left_in, top_in + HEADING_IN * 0.55, TEXT_PT, bold=True)

    def shade(
        self, left_in: float, top_in: float, width_in: float, height_in: float, colour: str, alpha: float
    ) -> None:
        """A filled rectangle within the body."""
        corner = (
            (MARGIN_IN + left_in) / sheet_in(),
            1.0 - (self.body_top_in + top_in + height_in) / self.height_in,
        )
        size = (width_in / sheet_in(), height_in / self.height_in)
        patch = Rectangle(corner, *size, transform=self.figure.transFigure, color=colour, alpha=alpha, linewidth=0.0)
        self.figure.add_artist(patch)

    def write(
        self, text: str, left_in: float, top_in: float, size_pt: float = SMALL_PT, colour: str = INK, **options: Any
    ) -> None:
        """One line of text within the body; `top_in` is the middle of its height."""
        self._write(text, MARGIN_IN + left_in, self.body_top_in + top_in, size_pt, colour, **options)

    def _write_block(
        self, lines: Sequence[str], top_in: float, size_pt: float, colour: str, *, bold: bool = False
    ) -> None:
        for index, line in enumerate(lines):
            middle_in = top_in + (index + 0.5) * _leading_in(size_pt)
            self._write(line, MARGIN_IN, middle_in, size_pt, colour, bold=bold)

    def _write(
        self, text: str, x_in: float, y_in: float, size_pt: float, colour: str, *, bold: bool = False, **options: Any
    ) -> None:
        # The baseline, not the middle of the glyphs, is what keeps neighbouring texts on one line.
        baseline_in = y_in + 0.36 * size_pt / 72.0
        self.figure.text(
            x_in / sheet_in(),
            1.0 - baseline_in / self.height_in,
            text,
            fontproperties=font(size_pt, bold),
            color=colour,
            parse_math=False,
            va="baseline",
            **options,
        )

    def _draw_legend_row(self, row: Sequence[tuple[float, str, int]], middle_in: float) -> None:
        for left_in, name, index in row:
            start_in = MARGIN_IN + left_in
            xs = np.array([start_in, start_in + _HANDLE_IN / 2, start_in + _HANDLE_IN]) / sheet_in()
            y = 1.0 - middle_in / self.height_in
            line = Line2D(
                xs, [y, y, y], transform=self.figure.transFigure, linewidth=1.8, markevery=[1], **look(index).line
            )
            self.figure.add_artist(line)
            self._write(name, start_in + _HANDLE_IN + 0.07, middle_in, TEXT_PT, INK)


def empty_sheet(frame: Frame, message: str) -> Sheet:
    """A sheet that says why it shows nothing."""
    sheet = Sheet(frame, (), _EMPTY_IN)
    axes = sheet.axes(0.0, 0.08, body_in(), _EMPTY_IN - 0.16)
    axes.set_facecolor(WARMUP)
    axes.set_axis_off()
    axes.add_artist(axes.patch)
    lines = wrap(message, body_in() - 0.4, TEXT_PT, 1)
    sheet.write(lines[0], body_in() / 2, _EMPTY_IN / 2, TEXT_PT, MUTED, ha="center")
    return sheet


_EMPTY_IN = 1.4
_HANDLE_IN = 0.42
_LEGEND_ROW_IN = 0.2


def _leading_in(size_pt: float) -> float:
    return size_pt * LEADING / 72.0


def _legend_rows(systems: Sequence[str]) -> list[list[tuple[float, str, int]]]:
    """Entries from left to right and then below; of each row its entries with their left edge, inches."""
    rows: list[list[tuple[float, str, int]]] = [[]]
    left_in = 0.0
    for index, name in enumerate(systems):
        shown = shorten(drawable(name), body_in() - _HANDLE_IN - 0.1, TEXT_PT)
        entry_in = _HANDLE_IN + 0.07 + width_in(shown, TEXT_PT)
        if rows[-1] and left_in + entry_in > body_in():
            rows.append([])
            left_in = 0.0
        rows[-1].append((left_in, shown, index))
        left_in += entry_in + 0.28
    return rows


# Axes ---------------------------------------------------------------------------------------------------------------


def ticks(axis: Any, positions: Sequence[float], labels: Sequence[str] | None = None) -> None:
    """Ticks at the given places, labelled in our type (with plain numbers by default), and no others."""
    axis.set_major_locator(FixedLocator(list(positions)))
    texts = [plain(position) for position in positions] if labels is None else list(labels)
    axis.set_major_formatter(FixedFormatter(texts))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    for label in axis.get_ticklabels():
        label.set_fontproperties(font(SMALL_PT))
        label.set_parse_math(False)


def axis_label(axes: Axes, which: str, text: str) -> None:
    """Name and unit of an axis, "x" or "y"."""
    setter = axes.set_xlabel if which == "x" else axes.set_ylabel
    setter(text, fontproperties=font(SMALL_PT), color=MUTED, parse_math=False, labelpad=3.0)


def values_of(curves: Sequence[Curve]) -> FloatArray:
    """All finite values that the curves and their bands show."""
    pieces = [np.concatenate([curve.y, curve.low, curve.high]) for curve in curves]
    values = np.concatenate(pieces) if pieces else np.empty(0)
    return values[np.isfinite(values)]


def wants_log(values: FloatArray) -> bool:
    """Whether values ask for a logarithmic axis: beyond a factor of eight, a linear one hides the low end."""
    positive = values[values > 0.0]
    return bool(len(positive)) and float(positive.max() / positive.min()) > 8.0


def log_ticks(low: float, high: float, count_max: int) -> list[float]:
    """Places for ticks between two positive numbers: 1-2-5 where they fit, else every decade, or every second, ..."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = range(first, last + 1)
    for steps in ((1.0, 2.0, 5.0), (1.0, 3.0)):
        found = [step * 10.0**decade for decade in decades for step in steps]
        found = [value for value in found if low <= value <= high]
        if len(found) <= count_max:
            return found
    every = 1
    while True:
        found = [10.0**decade for decade in decades if decade % every == 0 and low <= 10.0**decade <= high]
        if len(found) <= count_max:
            return found
        every += 1


def scale_y(axes: Axes, curves: Sequence[Curve], count_max: int, *, log: bool, top: float | None = None) -> None:
    """Set the range and the ticks of the y axis to what the curves show.

    A linear axis starts at zero and, with `top`, does not go beyond it; a logarithmic one hugs the curves (and not the
    lower ends of bands, which an uncertain mean may put anywhere).
    """
    values = values_of(curves)
    if log:
        centres = np.concatenate([curve.y for curve in curves])
        centres = centres[np.isfinite(centres) & (centres > 0.0)]
        low, high = float(centres.min()) / 1.3, float(values.max()) * 1.2
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        ticks(axes.yaxis, log_ticks(low, high, count_max))
        return
    high = float(values.max()) * 1.12 if len(values) and values.max() > 0.0 else 1.0
    high = min(high, top) if top is not None else high
    axes.set_ylim(0.0, high)
    places = MaxNLocator(nbins=count_max, steps=[1, 2, 2.5, 5, 10]).tick_values(0.0, high)
    ticks(axes.yaxis, [place for place in places if 0.0 <= place <= high * (1 + 1e-9)])


def draw_curve(axes: Axes, curve: Curve, *, marks: Sequence[int], line_width: float = 1.6) -> None:
    """A curve in its look with its band, and markers at the given points and wherever a point has no neighbour."""
    finite = np.isfinite(curve.y)
    padded = np.concatenate([[False], finite, [False]])
    alone = np.flatnonzero(finite & ~padded[:-2] & ~padded[2:])
    style = replace(look(curve.look), dashes=SECOND_DASHES) if curve.second else look(curve.look)
    banded = np.isfinite(curve.low) & np.isfinite(curve.high)
    if banded.any():
        floor = np.maximum(curve.low, np.nanmin(curve.y[finite]) * 1e-3) if axes.get_yscale() == "log" else curve.low
        axes.fill_between(curve.x, floor, curve.high, where=banded, color=style.colour, alpha=BAND_ALPHA, linewidth=0.0)
    every = sorted({int(index) for index in (*marks, *alone)})
    # A line at zero is drawn whole, not cut in half by the axis.
    axes.plot(curve.x, curve.y, linewidth=line_width, markevery=every, label=curve.label, clip_on=False, **style.line)
