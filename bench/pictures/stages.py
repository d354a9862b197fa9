"""Places the stages of the course over time: numbers above the panels, and below them what each number means.

Stages of a failover follow each other within seconds, so texts beside their lines would lie over one another. Numbers
need little room, and where even they would touch, neighbours are drawn as one: "2–4".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from bench.pictures.course import Stage, TimelineData
from bench.pictures.style import (
    SMALL_PT,
    Sheet,
    as_high,
    body_in,
    drawable,
    side_by_side,
    width_in,
    wrap,
)
from bench.pictures.themes import MUTED

LINE_IN = 0.17
"""Height of a line of text."""
_PAD_IN = 0.05
_NUMBER_IN = 0.2
_GAP_IN = 0.2
"""Between two columns."""
_TWO_COLUMNS_MIN = 4
"""Entries from which on there are two columns, if texts are short enough for them."""

Entry = tuple[str, str, Sequence[str]]
"""Number, time, and text of a stage in lines."""


@dataclass(frozen=True)
class _Group:
    """Stages next to each other that share a label: their first and last number, and where these stand, inches."""

    first: int
    last: int
    from_in: float
    until_in: float

    @property
    def text(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"

    @property
    def middle_in(self) -> float:
        return (self.from_in + self.until_in) / 2.0

    @property
    def half_in(self) -> float:
        return width_in(self.text, SMALL_PT) / 2.0

    def touches(self, later: _Group) -> bool:
        return self.middle_in + self.half_in + _PAD_IN > later.middle_in - later.half_in

    def with_(self, later: _Group) -> _Group:
        return _Group(self.first, later.last, self.from_in, later.until_in)


def numbers(stages: Sequence[Stage], duration_s: float, room_in: float) -> list[tuple[str, float]]:
    """Labels of the stages and their middles, inches from the panels' left; none lies over another.

    Args:
        stages: In order of time; those after the end of the axis get no label.
        duration_s: Where the axis ends.
        room_in: Its length, inches.
    """
    groups: list[_Group] = []
    for number, stage in enumerate(stages, 1):
        if stage.at_s > duration_s:
            break
        place_in = stage.at_s / duration_s * room_in
        group = _Group(number, number, place_in, place_in)
        while groups and groups[-1].touches(group):
            group = groups.pop().with_(group)
        groups.append(group)
    return [(group.text, group.middle_in) for group in groups]


@dataclass(frozen=True)
class Key:
    """What the numbers mean.

    Args:
        heading: Above the entries.
        entries: Of each stage; where there are two columns, in one line.
        columns: One, or two.
        time_in: Width of the longest time, inches.
    """

    heading: str
    entries: Sequence[Entry]
    columns: int
    time_in: float

    @classmethod
    def of(cls, data: TimelineData) -> Self:
        """The key to the stages of a course."""
        several = len(data.systems) > 1
        times = [f"{stage.at_s:,.3f} s" for stage in data.stages]
        texts = [drawable(f"{stage.system}: {stage.text}" if several else stage.text) for stage in data.stages]
        time_in = max((width_in(time, SMALL_PT) for time in times), default=0.0)
        longest_in = max((width_in(text, SMALL_PT) for text in texts), default=0.0)
        fits = longest_in <= _text_room_in(2, time_in)
        columns = 2 if fits and side_by_side(2) == 2 and len(texts) >= _TWO_COLUMNS_MIN else 1
        room_in = _text_room_in(columns, time_in)
        entries = [
            (str(number), time, wrap(text, room_in, SMALL_PT, as_high(2)))
            for number, (time, text) in enumerate(zip(times, texts, strict=True), 1)
        ]
        heading = "what control did in replication 0"
        if data.stages_left_out:
            heading += f": the first {len(entries)}, and {data.stages_left_out:,} more"
        return cls(heading, entries, columns, time_in)

    @property
    def height_in(self) -> float:
        """Of all lines, inches."""
        return max((self._top_in(column) for column in self._by_column()), default=0.0)

    def write(self, sheet: Sheet, top_in: float) -> None:
        """Numbers and times flush right, texts flush left."""
        if not self.entries:
            return
        sheet.write(self.heading, 0.0, top_in + LINE_IN / 2, colour=MUTED)
        for column, entries in enumerate(self._by_column()):
            left_in = column * (_column_in(self.columns) + _GAP_IN)
            text_in = left_in + _text_left_in(self.time_in)
            for row, (number, time, lines) in enumerate(entries):
                middle_in = top_in + self._top_in(entries[:row]) + LINE_IN / 2
                sheet.write(number, left_in + _NUMBER_IN, middle_in, ha="right")
                sheet.write(time, text_in - 2 * _PAD_IN, middle_in, colour=MUTED, ha="right")
                for index, line in enumerate(lines):
                    sheet.write(line, text_in, middle_in + index * LINE_IN)

    def _by_column(self) -> list[Sequence[Entry]]:
        rows = -(-len(self.entries) // self.columns)
        return [self.entries[first : first + rows] for first in range(0, len(self.entries), max(rows, 1))]

    @staticmethod
    def _top_in(entries: Sequence[Entry]) -> float:
        """Where the line below these entries begins, inches below the top of the heading."""
        return (1 + sum(len(lines) for *_, lines in entries)) * LINE_IN


def _text_left_in(time_in: float) -> float:
    return _NUMBER_IN + time_in + 4 * _PAD_IN


def _text_room_in(columns: int, time_in: float) -> float:
    return _column_in(columns) - _text_left_in(time_in)


def _column_in(columns: int) -> float:
    return (body_in() - (columns - 1) * _GAP_IN) / columns
