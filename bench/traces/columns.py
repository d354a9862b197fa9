"""From fields to numbers: all fields of a block at once, or one by one to find out what is wrong with them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.scenario.suggest import names_text
from bench.terminal import safe_text
from bench.traces import limits
from bench.traces.numbering import KeyTable
from bench.traces.plain import PlainFields

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

OPERATIONS: Mapping[str, str] = {
    **dict.fromkeys(("read", "r", "get", "gets", "mget", "hget", "query", "select", "fetch", "find", "lookup"), "read"),
    **dict.fromkeys(
        ("write", "w", "set", "add", "put", "cas", "hset", "update", "insert", "upsert", "replace"), "write"
    ),
    **dict.fromkeys(("append", "prepend", "incr", "decr"), "write"),
}
"""What the names of operations in a file stand for, in upper or lower case. A delete is neither a read nor a write."""


class FieldError(Exception):
    """A field is not what its column holds."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


class Column(ABC):
    """One of our columns, converted block by block: all fields at once, or one by one to find what is wrong."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.numbers: dict[str, int] = {}

    def convert_plain(self, fields: PlainFields) -> npt.NDArray[Any] | None:
        """All fields, as they stand in the text; None where they need a closer look."""
        return None

    @abstractmethod
    def convert(self, texts: list[str]) -> npt.NDArray[Any]:
        """All fields; raises ValueError, OverflowError or FieldError where they need a closer look."""

    @abstractmethod
    def convert_one(self, text: str) -> float:
        """One field; raises FieldError, which says what is wrong."""


class Times(Column):
    """Seconds that never go back."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.last_s = -math.inf

    def convert(self, texts: list[str]) -> FloatArray:
        """All fields."""
        values = np.fromiter(map(float, _plain(texts)), np.float64, len(texts))
        if not self._continue(values):
            raise ValueError
        return values

    def convert_plain(self, fields: PlainFields) -> FloatArray | None:
        """All fields."""
        values = fields.decimals()
        return values if values is not None and self._continue(values) else None

    def _continue(self, values: FloatArray) -> bool:
        """Whether time goes on like this."""
        if not np.isfinite(values).all() or values[0] < self.last_s or (values[1:] < values[:-1]).any():
            return False
        self.last_s = float(values[-1])
        return True

    def convert_one(self, text: str) -> float:
        """One field."""
        value = _number(text)
        if not math.isfinite(value):
            raise FieldError(f"{shown(text)} is not a finite number of seconds")
        last_s, self.last_s = self.last_s, value
        if value < last_s:
            raise FieldError(f"time goes back from {last_s!r} to {value!r}", "sort the trace by time, or set a rate")
        return value


class Sizes(Column):
    """Whole numbers of bytes."""

    def convert(self, texts: list[str]) -> IntArray:
        """All fields."""
        values = np.fromiter(map(int, _plain(texts)), np.int64, len(texts))
        if values.min() < 0 or values.max() > limits.TRACE_SIZE_BYTES_MAX:
            raise ValueError
        return values

    def convert_plain(self, fields: PlainFields) -> IntArray | None:
        """All fields."""
        values = fields.whole_numbers()
        return None if values is None or values.max() > limits.TRACE_SIZE_BYTES_MAX else values

    def convert_one(self, text: str) -> float:
        """One field."""
        try:
            value = int(_plain([text])[0])
        except ValueError:
            value = -1
        if value < 0:
            raise FieldError(f"{shown(text)} is not a size", "write a whole number of bytes, 0 or more")
        if value > limits.TRACE_SIZE_BYTES_MAX:
            raise FieldError(f"{shown(text)} is more than {limits.TRACE_SIZE_BYTES_MAX:,} bytes")
        return value


class Ttls(Column):
    """Seconds from the fill on; empty, 0, nan or inf for none."""

    def convert(self, texts: list[str]) -> FloatArray:
        """All fields."""
        values = np.fromiter(map(float, [text or "inf" for text in _plain(texts)]), np.float64, len(texts))
        if (values < 0.0).any():
            raise ValueError
        return np.where(values > 0.0, values, math.inf)

    def convert_one(self, text: str) -> float:
        """One field."""
        value = _number(text) if text.strip() else math.nan
        if value < 0.0:
            raise FieldError(f"{shown(text)} is a negative time to live", "write seconds, or nothing for none")
        return value if value > 0.0 else math.inf


class Keys(Column):
    """Any text, numbered: short plain ones by a table; by a dictionary as soon as there are others."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.numbers = defaultdict(count().__next__)
        self.table: KeyTable | None = None

    @property
    def distinct(self) -> int:
        """Number of different keys."""
        return len(self.numbers) if self.table is None else self.table.count

    def convert_plain(self, fields: PlainFields) -> IntArray | None:
        """All fields."""
        if self.numbers:
            return None
        width = fields.width() if self.table is None else self.table.width
        words = fields.words(width)
        if words is None:
            return None
        self.table = self.table or KeyTable(width)
        return self.table.numbers(words)

    def convert(self, texts: list[str]) -> IntArray:
        """All fields."""
        if "" in texts:
            raise ValueError
        return np.fromiter(map(self._dictionary().__getitem__, texts), np.int64, len(texts))

    def convert_one(self, text: str) -> float:
        """One field."""
        if not text:
            raise FieldError("the key is empty")
        return self._dictionary()[text]

    def _dictionary(self) -> dict[str, int]:
        """The dictionary, which takes over what the table knows."""
        if self.table is not None:
            self.numbers = defaultdict(count(self.table.count).__next__, self.table.texts())
            self.table = None
        return self.numbers


class Operations(Column):
    """Names of operations, by what they stand for.

    Args:
        index: Of the column in the file.
        meanings: From names in a file, in lower case, to operations.
    """

    def __init__(self, index: int, meanings: Mapping[str, str]) -> None:
        super().__init__(index)
        self.meanings = meanings
        self.codes: dict[str, int] = {}

    def convert(self, texts: list[str]) -> IntArray:
        """All fields."""
        for text in dict.fromkeys(texts):
            if text not in self.codes:
                self.codes[text] = int(self.convert_one(text))
        return np.fromiter(map(self.codes.__getitem__, texts), np.int64, len(texts))

    def convert_one(self, text: str) -> float:
        """One field."""
        operation = self.meanings.get(text.strip().casefold())
        if operation is None:
            remedy = f"known are {names_text(self.meanings)}; say in `operations` what it stands for"
            raise FieldError(f"unknown operation {shown(text)}", remedy)
        return self.numbers.setdefault(operation, len(self.numbers))


def _plain(texts: list[str]) -> list[str]:
    """The fields, if numbers among them are written plainly: int and float take 1_000 and digits of other scripts."""
    together = "".join(texts)
    if "_" in together or not together.isascii():
        raise ValueError
    return texts


def _number(text: str) -> float:
    """A number from a field."""
    try:
        return float(_plain([text])[0])
    except ValueError:
        raise FieldError(f"{shown(text)} is not a number") from None


def shown(text: str) -> str:
    """A field's text, short and in quotes."""
    return f'"{safe_text(text, 60)}"'
