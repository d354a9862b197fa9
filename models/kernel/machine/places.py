"""Fields and elements: loads and stores, and what of them is known."""

from __future__ import annotations

import ast
from typing import Any

from llvmlite import ir

from models.kernel.machine.layout import ELEMENTS, load, store
from models.kernel.machine.paths import Paths
from models.kernel.machine.values import (
    BYTE,
    FLOAT,
    INT,
    Constant,
    Number,
    Numbers,
    Record,
    Rows,
    Several,
    Thing,
    Value,
    Whole,
)


class Places(Paths):
    """Writes down what reads and what changes the world."""

    def _field(self, node: ast.Attribute, holder: Value) -> Value:
        if isinstance(holder, Whole):
            return self._array(node)
        if isinstance(holder, Numbers) and node.attr == "shape":
            return Several(tuple(Number(length) for length in self._lengths(holder)))
        if isinstance(holder, Rows) and node.attr == "shape":
            return Several((Number(self.unit.layout.entry(self.builder, self.table, holder.array, 1)),))
        if isinstance(holder, Thing):
            return self._known(node, getattr(holder.object, node.attr))
        if not isinstance(holder, Record) or not self.unit.layout.has_field(holder.array, node.attr):
            self._refuse(node, f"this has no field {node.attr}")
        dtype, offset = self.unit.layout.field(holder.array, node.attr)
        known = self.unit.known.field(holder.array, node.attr, holder.index)
        if known is not None and dtype.subdtype is None:
            return Constant(known)
        tag = f"{holder.array}.{node.attr}"
        address = self.builder.gep(self._address(holder), [ir.Constant(INT, offset)], source_etype=BYTE)
        if dtype.subdtype is not None:
            inner, (length,) = dtype.subdtype
            return Numbers(inner, 1, tag, address, (ir.Constant(INT, length),))
        return Number(load(self.builder, address, dtype, tag), self.unit.known.among(holder.array, node.attr))

    def _array(self, node: ast.Attribute) -> Value:
        layout, name = self.unit.layout, node.attr
        if name == self.unit.nickname:
            return Whole()
        if name not in layout:
            self._refuse(node, f"the world has no array {name}")
        if layout.dtype(name).fields:
            return Rows(name)
        return Numbers(layout.dtype(name), layout.dimensions(name), name, at=())

    def _put_field(self, node: ast.Attribute, holder: Value, value: Value) -> None:
        if not isinstance(holder, Record) or not self.unit.layout.has_field(holder.array, node.attr):
            self._refuse(node, f"this has no field {node.attr}")
        if self.unit.keeps(holder.array, node.attr, value):
            return
        dtype, offset = self.unit.layout.field(holder.array, node.attr)
        address = self.builder.gep(self._address(holder), [ir.Constant(INT, offset)], source_etype=BYTE)
        self._store(node, address, dtype, f"{holder.array}.{node.attr}", value)

    def _element(self, node: ast.AST, holder: Value, index: Value) -> Value:
        if isinstance(holder, Several) and isinstance(index, Constant):
            return holder.items[int(index.number)]
        if isinstance(holder, Rows):
            return self._row(node, holder.array, index)
        if not isinstance(holder, Numbers):
            self._refuse(node, "this has no elements")
        indexes = index.items if isinstance(index, Several) else (index,)
        at = self._known_place(holder, indexes)
        known = self.unit.known.element(holder.tag, at if len(indexes) == holder.dimensions else None)
        if known is not None:
            return Constant(known)
        address, rest = self._element_address(node, holder, indexes)
        if len(indexes) == holder.dimensions:
            return Number(load(self.builder, address, holder.dtype, holder.tag))
        return Numbers(holder.dtype, holder.dimensions - len(indexes), holder.tag, address, tuple(rest), at)

    def _put_element(self, node: ast.AST, holder: Value, index: Value, value: Value) -> None:
        if not isinstance(holder, Numbers):
            self._refuse(node, "this has no elements")
        indexes = index.items if isinstance(index, Several) else (index,)
        if len(indexes) != holder.dimensions:
            self._refuse(node, "only single elements can be assigned")
        array, _, field_name = holder.tag.partition(".")
        if self.unit.keeps(array, field_name, value):
            return
        address, _ = self._element_address(node, holder, indexes)
        self._store(node, address, holder.dtype, holder.tag, value)

    def _store(self, node: ast.AST, address: ir.Value, dtype: Any, tag: str, value: Value) -> None:
        wanted = FLOAT if ELEMENTS[dtype] is FLOAT else INT
        llvm = self.arithmetic.as_llvm(value, wanted)
        if llvm is None:
            self._refuse(node, f"no {dtype} can hold this")
        store(self.builder, llvm, address, dtype, tag)

    @staticmethod
    def _known_place(holder: Numbers, indexes: tuple[Value, ...]) -> tuple[int, ...] | None:
        if holder.at is None or not all(isinstance(index, Constant) for index in indexes):
            return None
        return holder.at + tuple(int(index.number) for index in indexes if isinstance(index, Constant))

    def _row(self, node: ast.AST, array: str, index: Value) -> Record:
        only = self.unit.known.only(array, index.number if isinstance(index, Constant) else None)
        if only is not None:
            return Record(array, None, only)
        base = self.unit.layout.entry(self.builder, self.table, array)
        size = ir.Constant(INT, self.unit.layout.dtype(array).itemsize)
        offset = self.builder.mul(self._int(node, index), size)
        return Record(array, self.builder.gep(base, [offset], source_etype=BYTE))

    def _lengths(self, holder: Numbers) -> list[ir.Value]:
        if holder.lengths is not None:
            return list(holder.lengths)
        entry = self.unit.layout.entry
        return [entry(self.builder, self.table, holder.tag, column + 1) for column in range(holder.dimensions)]

    def _element_address(
        self, node: ast.AST, holder: Numbers, indexes: tuple[Value, ...]
    ) -> tuple[ir.Value, list[ir.Value]]:
        """Where an element or a row lies, and the lengths of what is left."""
        lengths = self._lengths(holder) if holder.dimensions > 1 else list(holder.lengths or ())
        offset = self._int(node, indexes[0])
        for dimension in range(1, holder.dimensions):
            offset = self.builder.mul(offset, lengths[dimension])
            if dimension < len(indexes):
                offset = self.builder.add(offset, self._int(node, indexes[dimension]))
        base = holder.address
        if base is None:
            base = self.unit.layout.entry(self.builder, self.table, holder.tag)
        return self.builder.gep(base, [offset], source_etype=ELEMENTS[holder.dtype]), lengths[len(indexes) :]

    def _known(self, node: ast.AST, thing: Any) -> Value:
        if isinstance(thing, bool | int | float):
            return Constant(thing)
        return Thing(thing)
