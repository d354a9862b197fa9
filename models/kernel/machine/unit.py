"""All functions that some entry points need, each written once for each kind of arguments, and what is known of the
world that they act on.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from llvmlite import ir

from models.kernel import numerics
from models.kernel.machine import sources
from models.kernel.machine.arithmetic import Arithmetic
from models.kernel.machine.body import Body
from models.kernel.machine.layout import Layout
from models.kernel.machine.values import (
    FLOAT,
    INT,
    MOST_AMONG,
    POINTER,
    Constant,
    Number,
    Numbers,
    Thing,
    Value,
    Whole,
    are_numbers,
)

STANDS_FOR = {numerics.normal_quantile: numerics.normal_quantile_of_one}
"""Functions that look at what they are given, and what they do with a number."""


@dataclass(frozen=True)
class Known:
    """What is known of a world before any of its code runs.

    Args:
        tables: Arrays that never change, by name; of records, with those fields alone that never do.
        facts: Fields that have one value in all records, and keep it; by "array.field".
        single: Arrays of one record.
        along: Functions whose loop is laid out along a variable: its name, and all that it can be.
    """

    tables: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    facts: Mapping[str, int | float] = field(default_factory=dict)
    single: frozenset[str] = frozenset()
    along: Mapping[sources.Function, tuple[str, frozenset[int]]] = field(default_factory=dict)

    def field(self, array: str, name: str, index: int | None) -> int | float | None:
        """A field's value, where it is known."""
        if index is not None and self.fixed(array, name):
            return _plain(self.tables[array][index][name])
        return self.facts.get(f"{array}.{name}")

    def fixed(self, array: str, name: str) -> bool:
        """Whether an array, or a field of it, never changes."""
        table = self.tables.get(array)
        return table is not None and (not name or name in (table.dtype.names or ()))

    def among(self, array: str, name: str) -> frozenset[int] | None:
        """What a field can be in any record, if that is known and few."""
        if not self.fixed(array, name) or self.tables[array][name].dtype != np.int64:
            return None
        values = frozenset(self.tables[array][name].tolist())
        return values if len(values) <= MOST_AMONG else None

    def element(self, tag: str, at: tuple[int, ...] | None) -> int | float | None:
        """An element's value, where it is known."""
        if at is not None and tag in self.tables:
            return _plain(self.tables[tag][at])
        return self.facts.get(tag)

    def only(self, array: str, index: float | None) -> int | None:
        """A record's index, where it is known."""
        return 0 if array in self.single else None if index is None else int(index)

    def without(self, broken: set[str]) -> Known:
        """What is left when some facts turn out not to be."""
        return replace(self, facts={tag: value for tag, value in self.facts.items() if tag not in broken})


@dataclass(frozen=True)
class Entry:
    """A function that Python calls.

    Args:
        function: What it is; its parameters are annotated, the world as `Any`.
        given: Functions that it is given for some of its parameters.
    """

    function: sources.Function
    given: Mapping[str, sources.Function] = field(default_factory=dict)

    def kinds(self) -> list[str]:
        """What Python hands over: "int", "float", "bool", the name of an array's type, or "Any" for the world."""
        tree = sources.tree_of(self.function)
        return [_annotation(arg) for arg in tree.args.args if arg.arg not in self.given]

    def returns(self) -> str:
        """What Python gets back: "int", "float", "bool" or "None"."""
        return _annotation(sources.tree_of(self.function))


class Unit:
    """Writes functions into one LLVM module.

    Args:
        layout: Where the world's arrays lie.
        known: What is known of it.
        nickname: A field of the world that is the world itself.
        inline: Whether every function becomes part of whoever calls it: for loops over blocks, of which LLVM then works
            at several elements at once.
    """

    def __init__(self, layout: Layout, known: Known, nickname: str = "", *, inline: bool = False) -> None:
        self.layout, self.known, self.nickname, self.inline = layout, known, nickname, inline
        self.module = ir.Module("world")
        self.broken: set[str] = set()
        self._written: dict[Hashable, tuple[ir.Function, Value]] = {}

    def keeps(self, array: str, name: str, value: Value) -> bool:
        """Whether a field is known to have this value already; where it is known to have another, it is not known."""
        tag = f"{array}.{name}" if name else array
        if self.known.fixed(array, name):
            raise AssertionError(f"{tag} is said never to change")
        fact = self.known.facts.get(tag)
        if fact is None:
            return False
        if isinstance(value, Constant) and value.number == fact:
            return True
        self.broken.add(tag)
        return False

    def stands_for(self, function: Any) -> sources.Function:
        """The function to write for one that is called."""
        found: sources.Function = STANDS_FOR.get(function, function)
        return found

    def call(self, function: sources.Function, arguments: list[Value]) -> tuple[ir.Function, list[Value], Value]:
        """The function for such arguments, the arguments to call it with, and what it returns."""
        if are_numbers(arguments):
            # Mere arithmetic is written once, whatever is known of the numbers.
            arithmetic = Arithmetic(ir.IRBuilder())
            arguments = [Number(arithmetic.as_llvm(argument)) for argument in arguments]
        key = (function, *(argument.key for argument in arguments))
        if key not in self._written:
            self._written[key] = self._write(function, arguments)
        llvm, result = self._written[key]
        return llvm, arguments, result

    def _write(self, function: sources.Function, arguments: list[Value]) -> tuple[ir.Function, Value]:
        types = [part.type for argument in arguments for part in argument.parts()]
        name = self.module.get_unique_name(function.__name__)
        llvm = ir.Function(self.module, ir.FunctionType(ir.VoidType(), [POINTER, *types]), name)
        llvm.linkage = "internal"
        llvm.attributes.add("nounwind")
        if self.inline:
            llvm.attributes.add("alwaysinline")
        parts = iter(llvm.args[1:])
        body = Body(self, function, llvm, [argument.again(parts) for argument in arguments])
        result = body.write()
        _end(body, llvm, result.parts())
        return llvm, result

    def entry(self, name: str, entry: Entry) -> None:
        """Write a function that Python calls."""
        kinds, returns = entry.kinds(), entry.returns()
        types = [part for kind in kinds for part in _llvm_types(kind)]
        wanted = {"int": INT, "bool": INT, "float": FLOAT, "None": ir.VoidType()}[returns]
        outer = ir.Function(self.module, ir.FunctionType(wanted, types), name)
        builder = ir.IRBuilder(outer.append_basic_block("begin"))
        table: ir.Value = ir.Constant(POINTER, None)
        arguments: list[Value] = []
        parts, ordinary = iter(outer.args), iter(kinds)
        for parameter in sources.parameters_of(entry.function):
            if parameter in entry.given:
                arguments.append(Thing(entry.given[parameter]))
                continue
            kind = next(ordinary)
            if kind == "Any":
                table = next(parts)
                arguments.append(Whole())
            elif kind in _ARRAYS:
                address, length = next(parts), next(parts)
                arguments.append(Numbers(_ARRAYS[kind], 1, f"argument {parameter}", address, (length,)))
            else:
                arguments.append(Number(next(parts)))
        llvm, arguments, result = self.call(entry.function, arguments)
        called = builder.call(llvm, [table, *(part for argument in arguments for part in argument.parts())])
        if returns == "None":
            builder.ret_void()
            return
        value = Number(called) if result.parts() else result
        found = Arithmetic(builder).as_llvm(value, wanted)
        assert found is not None, f"{name} does not return {returns}"
        builder.ret(found)


def _end(body: Body, llvm: ir.Function, parts: list[ir.Value]) -> None:
    """Write the end of a function, now that it is known what it returns."""
    builder = body.builder
    kinds = [part.type for part in parts]
    returned = ir.VoidType() if not kinds else kinds[0] if len(kinds) == 1 else ir.LiteralStructType(kinds)
    llvm.ftype.return_type = llvm.return_value.type = returned
    if not body.alive:
        # It never returns: its last path goes round and round, or ends in a way that has an end already.
        if not builder.block.is_terminated:
            builder.unreachable()
    elif not parts:
        builder.ret_void()
    elif len(parts) == 1:
        builder.ret(parts[0])
    else:
        whole: ir.Value = ir.Constant(returned, ir.Undefined)
        for place, part in enumerate(parts):
            whole = builder.insert_value(whole, part, place)
        builder.ret(whole)


_ARRAYS: dict[str, np.dtype[Any]] = {
    "FloatArray": np.dtype(np.float64), "IntArray": np.dtype(np.int64), "Int32Array": np.dtype(np.int32),
}  # fmt: skip


def _llvm_types(kind: str) -> list[ir.Type]:
    if kind in _ARRAYS:
        return [POINTER, INT]
    return [POINTER if kind == "Any" else FLOAT if kind == "float" else INT]


def _annotation(node: Any) -> str:
    annotation = node.returns if hasattr(node, "returns") else node.annotation
    return str(getattr(annotation, "id", getattr(annotation, "value", "None")))


def _plain(value: Any) -> int | float:
    plain: int | float = value.item()
    return plain
