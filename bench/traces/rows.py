"""From text to rows. Python's own csv module takes them apart, since it gets every quoting right."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import chain, islice

from bench.traces.complaints import Complaints

_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Rows:
    """Rows of the file in sequence, empty lines among them, and the line on which the first begins."""

    rows: list[list[str]]
    first_line: int

    def line_of(self, index: int) -> int:
        """The line on which a row begins; quoted fields may hold line ends."""
        return self.first_line + sum(1 + sum(field.count("\n") for field in row) for row in self.rows[:index])


class RowReader:
    """Takes text apart into rows.

    Args:
        texts: Blocks of whole lines.
        complaints: Where problems go.
    """

    def __init__(self, texts: Iterator[str], complaints: Complaints) -> None:
        self.lines_given = 0
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
            found = Rows(rows, self.reader.line_num + 1)
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
