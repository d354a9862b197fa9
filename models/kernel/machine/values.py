"""What an expression stands for while code is written.

Each value is handed to another function in two pieces: its `key`, which is known while code is written, and its
`parts`, which are LLVM's. A function is written once for each key of its arguments, and makes its parameters with
`again`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

INT, FLOAT, BOOL, BYTE = ir.IntType(64), ir.DoubleType(), ir.IntType(1), ir.IntType(8)
POINTER = ir.PointerType()
Parts = list[ir.Value]
MOST_AMONG = 64
"""Constants that a number is followed as one of."""


class Value:
    """Anything that an expression can stand for."""

    @property
    def key(self) -> Hashable:
        """What is known of it."""
        raise NotImplementedError

    def parts(self) -> Parts:
        """What is not."""
        return []

    def again(self, parts: Iterator[ir.Value]) -> Value:
        """The same kind of value, of other parts."""
        return self


@dataclass(frozen=True)
class Thing(Value):
    """Something of Python's: a function, a module, a tuple of constants, None."""

    object: Any

    @property
    def key(self) -> Hashable:
        return ("thing", id(self.object))


@dataclass(frozen=True)
class Constant(Value):
    """A number that is known."""

    number: int | float | bool

    @property
    def key(self) -> Hashable:
        return ("constant", type(self.number).__name__, repr(self.number))


@dataclass(frozen=True, eq=False)
class Number(Value):
    """A number that is not known; `among` holds the constants that it can be, where there are few."""

    value: ir.Value
    among: frozenset[int] | None = None

    @property
    def key(self) -> Hashable:
        return ("number", str(self.value.type))

    def parts(self) -> Parts:
        return [self.value]

    def again(self, parts: Iterator[ir.Value]) -> Value:
        return Number(next(parts))


@dataclass(frozen=True, eq=False)
class Several(Value):
    """A tuple."""

    items: tuple[Value, ...]

    @property
    def key(self) -> Hashable:
        return ("several", *(item.key for item in self.items))

    def parts(self) -> Parts:
        return [part for item in self.items for part in item.parts()]

    def again(self, parts: Iterator[ir.Value]) -> Value:
        return Several(tuple(item.again(parts) for item in self.items))


@dataclass(frozen=True)
class Whole(Value):
    """The world; each function has its table at hand, so nothing is handed over."""

    @property
    def key(self) -> Hashable:
        return ("world",)


@dataclass(frozen=True)
class Rows(Value):
    """An array of records of the world."""

    array: str

    @property
    def key(self) -> Hashable:
        return ("rows", self.array)


@dataclass(frozen=True, eq=False)
class Record(Value):
    """One record of such an array: by its index where that is known, by its address where not."""

    array: str
    address: ir.Value | None
    index: int | None = None

    @property
    def key(self) -> Hashable:
        return ("record", self.array, self.index)

    def parts(self) -> Parts:
        return [] if self.index is not None else [self.address]

    def again(self, parts: Iterator[ir.Value]) -> Value:
        return Record(self.array, None, self.index) if self.index is not None else Record(self.array, next(parts))


@dataclass(frozen=True, eq=False)
class Numbers(Value):
    """An array of numbers, or a row of one.

    Args:
        dtype: Of its elements.
        dimensions: How many.
        tag: What no other array's elements bear; loads and stores of different tags never meet.
        address: Of its first element; None: the world's table says it.
        lengths: Of each dimension, None where the table says them.
        at: Where the row lies in the world's array, as far as that is known.
    """

    dtype: np.dtype[Any]
    dimensions: int
    tag: str
    address: ir.Value | None = None
    lengths: tuple[ir.Value, ...] | None = None
    at: tuple[int, ...] | None = None

    @property
    def key(self) -> Hashable:
        return ("numbers", self.dtype.str, self.dimensions, self.tag, self.address is None, self.at)

    def parts(self) -> Parts:
        return [] if self.address is None else [self.address, *(self.lengths or ())]

    def again(self, parts: Iterator[ir.Value]) -> Value:
        if self.address is None:
            return self
        address, lengths = next(parts), tuple(next(parts) for _ in self.lengths or ())
        return Numbers(self.dtype, self.dimensions, self.tag, address, lengths, self.at)


def are_numbers(values: list[Value]) -> bool:
    """Whether all of them are plain numbers, known or not."""
    return all(isinstance(value, Constant | Number) for value in values)


def returned(told: Value, got: Value) -> Value:
    """What a call gives, with what is told of it."""
    if isinstance(told, Several) and isinstance(got, Several):
        return Several(tuple(returned(*pair) for pair in zip(told.items, got.items, strict=True)))
    return Number(got.value, among(told)) if isinstance(got, Number) else got


def among(value: Value) -> frozenset[int] | None:
    """Which integers a value can be, where that is known."""
    if isinstance(value, Constant) and isinstance(value.number, int):
        return frozenset([int(value.number)])
    return value.among if isinstance(value, Number) else None
