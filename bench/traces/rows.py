"""From text to rows, in two ways.

Text without a quote is split at its commas and line ends, many times as fast. All other text is left to Python's own
csv module, since it gets every quoting right and tells what is wrong.
"""

from __future__ import annotations

import csv
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from itertools import chain, islice
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from bench.traces.complaints import Complaints
from bench.traces.plain import PADDING, IntArray, PlainFields

_ROWS_AT_ONCE = 64
_TEXTS_AT_ONCE = 4
"""Plain texts are worked on together, so that each of few steps does much."""
_COMMA, _LINE_END = b",\n"


class Block(ABC):
    """Rows in sequence that have as many fields as the first row of the file; their places count from 0."""

    width: int

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows."""

    @abstractmethod
    def column(self, index: int, start: int) -> list[str]:
        """One field of each row, from a place on."""

    def plain_column(self, index: int, start: int) -> PlainFields | None:
        """The same fields where they stand in the text, if they stand there as they are."""
        return None

    @abstractmethod
    def line_of(self, place: int) -> int:
        """The line on which a row begins."""

    def misfits(self) -> Iterator[tuple[int, int]]:
        """The rows among these that had to be left out: line and number of fields. Empty lines are no rows."""
        return iter(())


class PlainBlock(Block):
    """Rows of text without a quote, each on a line of its own.

    Args:
        text: The lines, ended by LF.
        data: Its bytes, padded.
        ends: Where the fields end in them, of shape (rows, fields of a row).
        first_line: On which the first row stands.
    """

    def __init__(self, text: str, data: npt.NDArray[np.uint8], ends: IntArray, first_line: int) -> None:
        self.text, self.data, self.ends, self.first_line = text, data, ends, first_line
        self.width = ends.shape[1]
        self.starts = np.append(len(PADDING), ends.ravel()[:-1] + 1).reshape(ends.shape)

    @classmethod
    def of(cls, text: str, width: int, first_line: int) -> PlainBlock | None:
        """Take lines apart into rows as wide as said, or, for 0, as the first; None if they are not as simple as that.

        They are not if one is empty, has another number of fields, holds a quote or a lone carriage return, or is so
        long that a field can exceed what the csv module allows.
        """
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        if not text or '"' in text or "\r" in text:
            return None
        if not text.endswith("\n"):
            text += "\n"
        data = np.frombuffer(b"".join((PADDING, text.encode(), PADDING)), np.uint8)
        marks = np.flatnonzero((data == _COMMA) | (data == _LINE_END))
        width = width or text.count(",", 0, text.index("\n")) + 1
        if len(marks) % width:
            return None
        ends = marks.reshape(-1, width)
        if (data[ends] != np.array([_COMMA] * (width - 1) + [_LINE_END])).any():
            return None
        lengths = np.diff(ends[:, -1], prepend=len(PADDING) - 1)
        if lengths.min() < 2 or lengths.max() > csv.field_size_limit():
            return None
        return cls(text, data, ends, first_line)

    @cached_property
    def fields(self) -> list[str]:
        """All fields, row by row, and an empty text behind them."""
        return self.text.replace("\n", ",").split(",")

    def __len__(self) -> int:
        return len(self.ends)

    def column(self, index: int, start: int) -> list[str]:
        return self.fields[start * self.width + index : -1 : self.width]

    def plain_column(self, index: int, start: int) -> PlainFields:
        return PlainFields(self.data, self.starts[start:, index], self.ends[start:, index])

    def line_of(self, place: int) -> int:
        return self.first_line + place


@dataclass(frozen=True)
class Rows:
    """Rows of the file in sequence, empty lines among them, and the line on which the first begins."""

    rows: list[list[str]]
    first_line: int

    def line_of(self, index: int) -> int:
        """The line on which a row begins; quoted fields may hold line ends."""
        return self.first_line + sum(1 + sum(field.count("\n") for field in row) for row in self.rows[:index])


class FittingBlock(Block):
    """Those of some rows that have the right number of fields.

    Args:
        found: The rows.
        width: Fields of a row.
    """

    def __init__(self, found: Rows, width: int) -> None:
        self.found, self.width = found, width
        self.rows = found.rows
        self.indices: Sequence[int] = range(len(found.rows))
        if set(map(len, found.rows)) - {width}:
            self.indices = [index for index, row in enumerate(found.rows) if len(row) == width]
            self.rows = [found.rows[index] for index in self.indices]

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, index: int, start: int) -> list[str]:
        return list(map(itemgetter(index), self.rows[start:]))

    def line_of(self, place: int) -> int:
        return self.found.line_of(self.indices[place])

    def misfits(self) -> Iterator[tuple[int, int]]:
        if len(self.rows) < len(self.found.rows):
            for index, row in enumerate(self.found.rows):
                if len(row) not in {0, self.width}:
                    yield self.found.line_of(index), len(row)


def blocks_of(texts: Iterator[str], complaints: Complaints) -> Iterator[Block]:
    """Rows in blocks, a few texts in each at most; the first row of the file is the first of the first block.

    Args:
        texts: Blocks of whole lines.
        complaints: Where problems go.
    """
    width = lines = 0
    while batch := list(islice(texts, _TEXTS_AT_ONCE)):
        text = "".join(batch)
        plain = PlainBlock.of(text, width, lines + 1)
        if plain is not None:
            width = plain.width
            lines += len(plain)
            yield plain
            continue
        # A quote can open a field that ends in a later text: from here on, one reader takes all of them.
        for found in RowReader(chain(batch, texts if '"' in text else ()), complaints, lines):
            width = width or next(filter(None, map(len, found.rows)), 0)
            if width:
                yield FittingBlock(found, width)
        lines += text.count("\n")


class RowReader:
    """Takes text apart into rows by Python's csv module.

    Args:
        texts: Blocks of whole lines.
        complaints: Where problems go.
        lines_before: Lines of the file in front of them.
    """

    def __init__(self, texts: Iterator[str], complaints: Complaints, lines_before: int = 0) -> None:
        self.lines_before, self.lines_given = lines_before, 0
        self.reader = csv.reader(chain.from_iterable(map(self._lines, texts)), strict=True)
        self.complaints = complaints

    def _lines(self, text: str) -> Iterable[str]:
        """The lines of one block, their ends as they are."""
        self.lines_given += text.count("\n")
        return StringIO(text, newline="\n")

    def __iter__(self) -> Iterator[Rows]:
        """Rows in blocks as large as those of the text."""
        going = True
        while going:
            rows: list[list[str]] = []
            found = Rows(rows, self.lines_before + self.reader.line_num + 1)
            broken, last_line = "", math.inf
            try:
                # Few at a time, so that the rows run hardly beyond the block, which the first of them opens.
                while going and self.reader.line_num < last_line:
                    before = len(rows)
                    rows.extend(islice(self.reader, _ROWS_AT_ONCE))
                    going = len(rows) == before + _ROWS_AT_ONCE
                    last_line = min(last_line, self.lines_given)
            except csv.Error as error:
                broken = str(error)
            yield found
            if broken:
                self.complaints.stop(found.line_of(len(rows)), *_csv_advice(broken))


def _csv_advice(message: str) -> tuple[str, str]:
    """What is wrong with a row and what to do, from what Python's csv module says."""
    if "end of data" in message:
        return "a quote that opens here is never closed", "close it; a quote inside quotes is written twice"
    if "field limit" in message:
        return "a field longer than 131,072 characters", "is a quote not closed?"
    if "expected after" in message:
        return "text follows a closing quote", "a comma or the line's end must; a quote inside quotes is written twice"
    if "new-line" in message:
        return "a carriage return in the middle of a line", "end lines by LF or CRLF"
    return f"broken CSV: {message}", ""
