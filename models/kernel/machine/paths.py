"""Where the paths of a function part and meet.

Variables are followed by what they stand for (`values`), not by places in memory: where paths meet, a variable that
stands for different numbers becomes LLVM's phi. So what is known of it stays known as long as it is, and a branch that
cannot be taken is not written.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from llvmlite import ir

from models.kernel.machine import sources
from models.kernel.machine.arithmetic import Arithmetic
from models.kernel.machine.values import (
    BYTE,
    FLOAT,
    INT,
    MOST_AMONG,
    POINTER,
    Constant,
    Number,
    Record,
    Several,
    Thing,
    Value,
    among,
)

if TYPE_CHECKING:
    from models.kernel.machine.unit import Unit

Variables = dict[str, Value]


@dataclass
class Edge:
    """A way to where paths meet: the block that it leaves, still open, and what the variables stand for there."""

    block: ir.Block
    variables: Variables
    value: Value | None = None


class Paths:
    """A function that is being written: where the builder stands, and what its variables stand for there.

    Args:
        unit: What it belongs to.
        function: What is written.
        llvm: LLVM's function, without blocks; its first argument is the world's table.
        arguments: What the parameters stand for.
    """

    def __init__(self, unit: Unit, function: sources.Function, llvm: ir.Function, arguments: list[Value]) -> None:
        self.unit, self.function, self.llvm = unit, function, llvm
        self.names = sources.names_known_to(function)
        self.builder = ir.IRBuilder(llvm.append_basic_block("begin"))
        self.arithmetic = Arithmetic(self.builder)
        self.table = llvm.args[0]
        self.variables: Variables = dict(zip(sources.parameters_of(function), arguments, strict=True))
        self.alive = True

    def _leave(self, edges: list[Edge], value: Value | None = None) -> None:
        """Go where these edges meet."""
        edges.append(Edge(self.builder.block, dict(self.variables), value))
        self.alive = False

    def _at(self, edge: Edge) -> None:
        self.builder.position_at_end(edge.block)
        self.variables, self.alive = dict(edge.variables), True

    def _meet(self, edges: list[Edge]) -> Value:
        """Go on where edges meet, if there are any; returns what their values stand for together."""
        self.alive = bool(edges)
        if not edges:
            return Thing(None)
        if len(edges) == 1:
            self._at(edges[0])
            return edges[0].value or Thing(None)
        block = self.llvm.append_basic_block("meet")
        names = [name for name in edges[0].variables if all(name in edge.variables for edge in edges)]
        merged = {name: self._merge(block, edges, [edge.variables[name] for edge in edges]) for name in names}
        value = self._merge(block, edges, [edge.value or Thing(None) for edge in edges])
        for edge in edges:
            self.builder.position_at_end(edge.block)
            self.builder.branch(block)
        self.builder.position_at_end(block)
        self.variables = {name: found for name, found in merged.items() if found is not None}
        if value is None:
            self._refuse(sources.tree_of(self.function), "its ends return different kinds of things")
        return value

    def _merge(self, block: ir.Block, edges: list[Edge], values: list[Value]) -> Value | None:
        """What a variable stands for where edges meet; None if that is no one thing."""
        first = values[0]
        if all(value is first or (not value.parts() and value.key == first.key) for value in values):
            return first
        if all(isinstance(value, Constant | Number) for value in values):
            return self._merge_numbers(block, edges, values)
        if all(isinstance(value, Several) for value in values):
            columns = zip(*(value.items for value in values), strict=True)  # type: ignore[attr-defined]
            items = [self._merge(block, edges, list(column)) for column in columns]
            return None if None in items else Several(tuple(item for item in items if item is not None))
        if all(isinstance(value, Record) and value.array == first.array for value in values):  # type: ignore[attr-defined]
            addresses = []
            for edge, value in zip(edges, values, strict=True):
                self.builder.position_at_end(edge.block)
                addresses.append(self._address(value))  # type: ignore[arg-type]
            return Record(first.array, self._phi(block, edges, addresses, POINTER))  # type: ignore[attr-defined]
        return None

    def _merge_numbers(self, block: ir.Block, edges: list[Edge], values: list[Value]) -> Value | None:
        kinds = {self._type_of(value) for value in values}
        kind = kinds.pop() if len(kinds) == 1 else FLOAT if FLOAT in kinds else INT
        found = []
        for edge, value in zip(edges, values, strict=True):
            self.builder.position_at_end(edge.block)
            found.append(self.arithmetic.as_llvm(value, kind))
        sets = [among(value) for value in values]
        union = None if None in sets else frozenset().union(*(each for each in sets if each is not None))
        return Number(
            self._phi(block, edges, found, kind), union if union is not None and len(union) <= MOST_AMONG else None
        )

    def _phi(self, block: ir.Block, edges: list[Edge], values: list[Any], kind: ir.Type) -> ir.Value:
        builder = ir.IRBuilder(block)
        phi = builder.phi(kind)
        for edge, value in zip(edges, values, strict=True):
            phi.add_incoming(value, edge.block)
        return phi

    def _fork(self, condition: Value) -> tuple[Edge | None, Edge | None]:
        """Part in two; None for a way that cannot be taken."""
        truth = self.arithmetic.truth(condition)
        here = dict(self.variables)
        if isinstance(truth, Constant):
            edge = Edge(self.builder.block, here)
            return (edge, None) if truth.number else (None, edge)
        assert truth is not None
        yes, no = self.llvm.append_basic_block("yes"), self.llvm.append_basic_block("no")
        self.builder.cbranch(self.arithmetic.as_llvm(truth), yes, no)
        return Edge(yes, here), Edge(no, dict(here))

    def _address(self, record: Record) -> ir.Value:
        """Where a record lies."""
        if record.address is not None:
            return record.address
        assert record.index is not None
        base = self.unit.layout.entry(self.builder, self.table, record.array)
        size = self.unit.layout.dtype(record.array).itemsize
        return self.builder.gep(base, [ir.Constant(INT, record.index * size)], source_etype=BYTE)

    def _type_of(self, value: Value) -> ir.Type:
        llvm = self.arithmetic.as_llvm(value)
        assert llvm is not None
        return llvm.type

    def _int(self, node: ast.AST, value: Value) -> ir.Value:
        llvm = self.arithmetic.as_llvm(value, INT)
        return llvm if llvm is not None else self._refuse(node, "an integer is needed")

    def _refuse(self, node: ast.AST, what: str) -> NoReturn:
        sources.unsupported(self.function, node, what)
