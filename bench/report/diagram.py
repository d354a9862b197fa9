"""Routes as pictures: a column for each place, and from top to bottom what a request does there and where it goes.

What engineers know as a sequence diagram. Ways that part stand in frames, each below the label that says who goes it. A
box that stands for a station says how busy it was, and the busiest is drawn heavier. The layout is
ours: rows follow the order of the route, so nothing has to be searched for, and any route has a picture.

Limits:
    Who goes which way is said in words; a picture does not show how many do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from bench.pictures.style import drawable, wrap
from bench.pictures.themes import GROUND, INK, MUTED, RULE, WARMUP
from bench.quantities import milliseconds, percent
from bench.report.inline import SVG, name
from models.kernel.outline import CLIENTS, Move

LANE = 150.0
"""Width of a column; all lengths are pixels of 1/96 inch."""
SIZE = 12.0
LINE = 15.0
PAD = 5.0
GAP = 9.0
INSET = 5.0
"""How much narrower a frame is than the one around it."""
INSETS_MAX = 6
ARROW = 5.0
LOOP = 26.0
TEXT_PT = SIZE * 0.75 * 1.05
"""Type as it is measured: in a font that is wide, and a little larger, so that any other fits, too."""


@dataclass(frozen=True)
class Load:
    """How busy stations were, by name, and which one was busiest."""

    utilization: Mapping[str, float]
    busiest: str | None = None


def draw(moves: Sequence[Move], load: Load, prefix: str, title: str, description: str) -> str:
    """A route as an element of a page.

    Args:
        moves: The route.
        load: What was found of its stations.
        prefix: What its names begin with, unlike those of any other picture on the page.
        title: What is seen.
        description: The same in more words.
    """
    sheet = _Sheet(list(dict.fromkeys([CLIENTS, *_places(moves)])), load)
    top = sheet.y
    sheet.moves(moves, 0)
    return sheet.finish(top, prefix, title, description)


def time_text(move: Move) -> str:
    """How long a move takes, in the mean."""
    some = list(dict.fromkeys(milliseconds(1e3 * mean_s, 2) for mean_s in move.means_s))
    if not some:
        return ""
    if move.kind == "go" and len(some) > 1:
        return f"{some[0]}, across zones {some[1]}"
    return f"{some[0]} for {move.per}" if move.per else some[0]


def load_text(move: Move, load: Load) -> str:
    """How busy the station of a move was."""
    used = load.utilization.get(move.station)
    return "" if used is None else f"{percent(used, 2)} busy"


def _places(moves: Sequence[Move]) -> Iterator[str]:
    """Places in the order in which they are come to."""
    for move in moves:
        yield move.at
        if move.to:
            yield move.to
        for way in move.ways:
            yield from _places(way.moves)


class _Sheet:
    """Draws from top to bottom; `y` is how far down it has come."""

    def __init__(self, places: Sequence[str], load: Load) -> None:
        self.lanes = {place: index for index, place in enumerate(places)}
        self.load = load
        self.behind = ET.Element(f"{{{SVG}}}g")
        self.front = ET.Element(f"{{{SVG}}}g")
        self.y = PAD
        heads = [wrap(drawable(place), (LANE - 24.0) / 96.0, TEXT_PT, 2, bold=True) for place in places]
        height = max(map(len, heads)) * LINE + 2 * PAD
        for place, lines in zip(places, heads, strict=True):
            self._box(self._x(place), LANE - 16.0, height, WARMUP, MUTED)
            self._lines(lines, self._x(place), self.y + (height - len(lines) * LINE) / 2, bold=True)
        self.y += height + GAP

    def moves(self, moves: Sequence[Move], depth: int) -> None:
        """Some moves, one below the other."""
        for move in moves:
            if move.kind == "go":
                self._go(move)
            else:
                self._do(move, depth)
            for way in move.ways:
                self._frame(move, way.label, way.moves, depth)

    def finish(self, top: float, prefix: str, title: str, description: str) -> str:
        """The whole picture, with a line down from each place."""
        width, height = LANE * len(self.lanes), self.y
        root = ET.Element(
            f"{{{SVG}}}svg",
            {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}", "height": f"{height:g}", "class": "route"},
        )
        for place in self.lanes:
            x = self._x(place)
            self._line(root, (x, top - GAP), (x, height - PAD), RULE, 1.5)
        root.extend([self.behind, self.front])
        name(root, prefix, title, description)
        ET.register_namespace("", SVG)
        return ET.tostring(root, encoding="unicode")

    def _do(self, move: Move, depth: int) -> None:
        """A box in its column."""
        width = LANE - 2 * INSET * min(depth + 1, INSETS_MAX) - 8.0
        words = drawable(move.text)
        lines = wrap(words, (width - 8.0) / 96.0, TEXT_PT, 4)
        notes = [
            line
            for text in (time_text(move), load_text(move, self.load))
            for line in wrap(text, (width - 8.0) / 96.0, TEXT_PT, 2)
        ]
        height = (len(lines) + len(notes)) * LINE + PAD
        limits = bool(move.station) and move.station == self.load.busiest
        corner = 6.0 if move.kind == "do" else 1.5
        self._box(self._x(move.at), width, height, GROUND, INK, heavy=limits, corner=corner)
        self._lines(lines, self._x(move.at), self.y + PAD / 2)
        self._lines(notes, self._x(move.at), self.y + PAD / 2 + len(lines) * LINE, colour=MUTED)
        self.y += height + GAP

    def _go(self, move: Move) -> None:
        """An arrow from column to column, its words above it; or one that comes back to its column."""
        start, end = self._x(move.at), self._x(move.to)
        room = max(abs(end - start), LANE) - 20.0
        texts = [drawable(text) for text in (move.text, time_text(move)) if text]
        lines = [line for text in texts for line in wrap(text, room / 96.0, TEXT_PT, 2)]
        middle = (start + end) / 2 if start != end else start
        self._lines(lines, middle, self.y - 2.0, colour=MUTED, over=True)
        self.y += len(lines) * LINE + 3.0
        dashes = "" if move.means_s else "3 3"
        if start == end:
            path = f"M{start:g} {self.y:g} h{LOOP:g} v9 h{ARROW - LOOP:g}"
            ET.SubElement(self.front, f"{{{SVG}}}path", {"d": path, "fill": "none", "stroke": INK} | _dashed(dashes))
            self.y += 9.0
            self._head(start, -1.0)
        else:
            way = 1.0 if end > start else -1.0
            self._line(self.front, (start, self.y), (end - way * ARROW, self.y), INK, 1.2, dashes)
            self._head(end, way)
        self.y += GAP + 2.0

    def _frame(self, move: Move, label: str, moves: Sequence[Move], depth: int) -> None:
        """A frame around a way, over all columns that it comes to."""
        lanes = [self.lanes[place] for place in (move.at, *_places(moves))]
        inset = INSET * min(depth + 1, INSETS_MAX)
        left, right = min(lanes) * LANE + inset, (max(lanes) + 1) * LANE - inset
        top = self.y - 3.0
        lines = wrap(drawable(label), (right - left - 12.0) / 96.0, TEXT_PT, 2)
        for index, line in enumerate(lines):
            self._text(line, left + 6.0, top + (index + 0.8) * LINE, "start", MUTED, italic=True)
        self.y = top + len(lines) * LINE + GAP
        place = len(self.behind)
        self.moves(moves, depth + 1)
        box = ET.Element(
            f"{{{SVG}}}rect",
            _numbers(x=left, y=top, width=right - left, height=self.y - top - 2.0, rx=3.0)
            | {"fill": "none", "stroke": MUTED, "stroke-width": "0.8", "stroke-dasharray": "5 3"},
        )
        self.behind.insert(place, box)
        self.y += GAP - 2.0

    def _x(self, place: str) -> float:
        return (self.lanes[place] + 0.5) * LANE

    def _box(
        self,
        x: float,
        width: float,
        height: float,
        fill: str,
        stroke: str,
        *,
        heavy: bool = False,
        corner: float = 1.5,
    ) -> None:
        ET.SubElement(
            self.front,
            f"{{{SVG}}}rect",
            _numbers(x=x - width / 2, y=self.y, width=width, height=height, rx=corner)
            | {"fill": fill, "stroke": stroke, "stroke-width": "3" if heavy else "1"},
        )

    def _lines(
        self, lines: Sequence[str], x: float, top: float, *, colour: str = INK, bold: bool = False, over: bool = False
    ) -> None:
        for index, line in enumerate(lines):
            self._text(line, x, top + (index + 0.78) * LINE, "middle", colour, bold=bold, over=over)

    def _text(
        self, text: str, x: float, y: float, anchor: str, colour: str, *, bold: bool = False, italic: bool = False,
        over: bool = False,
    ) -> None:  # fmt: skip
        looks = _numbers(x=x, y=y) | {"text-anchor": anchor, "fill": colour, "font-size": f"{SIZE:g}"}
        looks |= {"font-weight": "bold"} if bold else {}
        looks |= {"font-style": "italic"} if italic else {}
        # A rim of the ground keeps lines behind the words from crossing them.
        looks |= {"paint-order": "stroke", "stroke": GROUND, "stroke-width": "4"} if over else {}
        ET.SubElement(self.front, f"{{{SVG}}}text", looks).text = text

    def _line(
        self, parent: ET.Element, start: tuple[float, float], end: tuple[float, float], colour: str, width: float,
        dashes: str = "",
    ) -> None:  # fmt: skip
        places = _numbers(x1=start[0], y1=start[1], x2=end[0], y2=end[1])
        ET.SubElement(
            parent, f"{{{SVG}}}line", places | {"stroke": colour, "stroke-width": f"{width:g}"} | _dashed(dashes)
        )

    def _head(self, x: float, way: float) -> None:
        """The head of an arrow that ends here."""
        back = x - way * (ARROW + 2.0)
        points = f"{x:g},{self.y:g} {back:g},{self.y - ARROW:g} {back:g},{self.y + ARROW:g}"
        ET.SubElement(self.front, f"{{{SVG}}}polygon", {"points": points, "fill": INK})


def _numbers(**values: float) -> dict[str, str]:
    return {key: f"{value:.6g}" for key, value in values.items()}


def _dashed(dashes: str) -> dict[str, str]:
    return {"stroke-dasharray": dashes} if dashes else {}
