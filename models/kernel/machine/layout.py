"""Where a world's arrays lie, and loads and stores that say which array and field they touch.

Compiled code is given one address, of a table with a row for each array: its address and up to three lengths, 8 bytes
each. The table never changes while compiled code runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from models.kernel.machine.values import BOOL, BYTE, FLOAT, INT, POINTER

Arrays = tuple[tuple[str, np.dtype[Any], int], ...]
"""Name, type of elements and dimensions of each array."""
TABLE_WIDTH = 4

SHORT = ir.IntType(32)
ELEMENTS = {np.dtype(np.int64): INT, np.dtype(np.float64): FLOAT, np.dtype(np.int32): SHORT}


class Layout:
    """A world's arrays by name."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = {name: (index, dtype, dimensions) for index, (name, dtype, dimensions) in enumerate(arrays)}

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def dtype(self, name: str) -> np.dtype[Any]:
        """Type of an array's elements."""
        return self._arrays[name][1]

    def dimensions(self, name: str) -> int:
        """Dimensions of an array."""
        return self._arrays[name][2]

    def field(self, name: str, field: str) -> tuple[np.dtype[Any], int]:
        """Type of a field of an array of records, and where in the record it lies."""
        fields = self.dtype(name).fields
        assert fields is not None
        dtype, offset = fields[field][:2]
        return dtype, offset

    def has_field(self, name: str, field: str) -> bool:
        """Whether the records of an array have such a field."""
        return field in (self.dtype(name).names or ())

    def entry(self, builder: ir.IRBuilder, table: ir.Value, name: str, column: int = 0) -> ir.Value:
        """An array's address, or one of its lengths."""
        offset = 8 * (TABLE_WIDTH * self._arrays[name][0] + column)
        place = builder.gep(table, [ir.Constant(INT, offset)], source_etype=BYTE)
        loaded = builder.load(place, typ=INT if column else POINTER, align=8)
        loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
        return loaded


def load(builder: ir.IRBuilder, address: ir.Value, dtype: np.dtype[Any], tag: str) -> ir.Value:
    """An element, as a 64-bit integer or a float."""
    element = ELEMENTS[dtype]
    loaded = builder.load(address, typ=element, align=dtype.itemsize)
    loaded.set_metadata("tbaa", _tag(builder.module, tag))
    return builder.sext(loaded, INT) if element is SHORT else loaded


def store(builder: ir.IRBuilder, value: ir.Value, address: ir.Value, dtype: np.dtype[Any], tag: str) -> None:
    """Put an integer or a float into an element."""
    element = ELEMENTS[dtype]
    if element is SHORT:
        value = builder.trunc(value, element)
    stored = builder.store(value, address, align=dtype.itemsize)
    stored.set_metadata("tbaa", _tag(builder.module, tag))


def converted(builder: ir.IRBuilder, value: ir.Value, wanted: ir.Type) -> ir.Value | None:
    """A number as another type, where nothing is lost; None where something would be."""
    if value.type == wanted:
        return value
    if wanted == INT and value.type == BOOL:
        return builder.zext(value, INT)
    if wanted == FLOAT and value.type == BOOL:
        return builder.uitofp(value, FLOAT)
    if wanted == FLOAT and value.type == INT:
        return builder.sitofp(value, FLOAT)
    return None


def _tag(module: ir.Module, tag: str) -> Any:
    """What LLVM is told of an access: those of different tags never touch the same place."""
    root = module.add_metadata([ir.MetaDataString(module, "world")])
    kind = module.add_metadata([ir.MetaDataString(module, tag), root])
    return module.add_metadata([kind, kind, ir.Constant(INT, 0)])
