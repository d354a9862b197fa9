"""Expressions, conditions and calls."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from models.kernel.machine import hints, sources
from models.kernel.machine.layout import SHORT
from models.kernel.machine.paths import Edge
from models.kernel.machine.places import Places
from models.kernel.machine.values import BOOL, POINTER, Constant, Number, Numbers, Rows, Several, Thing, Value, returned

PREFETCH = "llvm.prefetch.p0"
Ways = tuple[Edge | None, Edge | None]
"""Where a condition holds and where not; None for a way that cannot be taken."""


class Expressions(Places):
    """Writes down expressions."""

    def _value(self, node: ast.expr) -> Value:
        visit: Callable[[Any], Value] | None = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if visit is None:
            self._refuse(node, f"{type(node).__name__} is not known")
        return visit(node)

    def _of_constant(self, node: ast.Constant) -> Value:
        return self._known(node, node.value)

    def _of_name(self, node: ast.Name) -> Value:
        return self._name(node)

    def _name(self, node: ast.Name) -> Value:
        if node.id in self.variables:
            return self.variables[node.id]
        if node.id not in self.names:
            self._refuse(node, f"{node.id} does not stand for one thing here")
        return self._known(node, self.names[node.id])

    def _of_tuple(self, node: ast.Tuple) -> Value:
        return Several(tuple(self._value(item) for item in node.elts))

    def _of_attribute(self, node: ast.Attribute) -> Value:
        return self._field(node, self._value(node.value))

    def _of_subscript(self, node: ast.Subscript) -> Value:
        return self._element(node, self._value(node.value), self._value(node.slice))

    def _of_unaryop(self, node: ast.UnaryOp) -> Value:
        found = self.arithmetic.unary(node.op, self._value(node.operand))
        return found if found is not None else self._refuse(node, "no such operator for this")

    def _of_binop(self, node: ast.BinOp) -> Value:
        return self._operated(node, node.op, self._value(node.left), self._value(node.right))

    def _operated(self, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Value:
        found = self.arithmetic.binary(op, left, right)
        return found if found is not None else self._refuse(node, "no such operator for these")

    def _of_compare(self, node: ast.Compare) -> Value:
        return self._decided(node)

    def _of_boolop(self, node: ast.BoolOp) -> Value:
        return self._decided(node)

    def _decided(self, node: ast.expr) -> Value:
        """A condition as a truth value."""
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._compared(node, node.ops[0], self._value(node.left), node.comparators[0])
        ends: list[Edge] = []
        for edge, answer in zip(self._condition(node), (True, False), strict=True):
            if edge is not None:
                self._at(edge)
                self._leave(ends, Constant(answer))
        return self._meet(ends)

    def _compared(self, node: ast.Compare, op: ast.cmpop, left: Value, right: ast.expr) -> Value:
        if isinstance(op, ast.In | ast.NotIn):
            items = self._value(right)
            if not isinstance(items, Several):
                self._refuse(node, "this can only be in a written tuple")
            found: Value | None = Constant(False)
            for item in items.items:
                same = self.arithmetic.compare(ast.Eq(), left, item)
                if isinstance(same, Constant) and same.number:
                    found = same
                    break
                found = None if same is None or found is None else self._either(found, same)
            if isinstance(op, ast.NotIn) and found is not None:
                found = self.arithmetic.unary(ast.Not(), found)
        else:
            found = self.arithmetic.compare(op, left, self._value(right))
        return found if found is not None else self._refuse(node, "these cannot be compared")

    def _either(self, a: Value, b: Value) -> Value:
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Constant):
                return one if one.number else other
        return Number(self.builder.or_(self.arithmetic.as_llvm(a, BOOL), self.arithmetic.as_llvm(b, BOOL)))

    def _of_ifexp(self, node: ast.IfExp) -> Value:
        ends: list[Edge] = []
        for edge, branch in zip(self._condition(node.test), (node.body, node.orelse), strict=True):
            if edge is not None:
                self._at(edge)
                value = self._value(branch)
                self._leave(ends, value)
        return self._meet(ends)

    def _condition(self, node: ast.expr) -> Ways:
        """Part at a condition, which is worked out only as far as need be."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yes, no = self._condition(node.operand)
            return no, yes
        if isinstance(node, ast.BoolOp):
            return self._in_turn([lambda n=value: self._condition(n) for value in node.values],  # type: ignore[misc]
                                 all_of_them=isinstance(node.op, ast.And))  # fmt: skip
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            return self._chain(node)
        value = self._value(node)
        if not isinstance(value, Constant | Number):
            self._refuse(node, "this is neither true nor false")
        return self._fork(value)

    def _chain(self, node: ast.Compare) -> Ways:
        """`a < b < c`: each is worked out once, and no further than need be."""
        left = [self._value(node.left)]

        def part(op: ast.cmpop, right: ast.expr) -> Ways:
            value = self._value(right)
            found = self.arithmetic.compare(op, left[0], value)
            left[0] = value
            return self._fork(found if found is not None else self._refuse(node, "these cannot be compared"))

        pairs = zip(node.ops, node.comparators, strict=True)
        return self._in_turn([lambda o=op, r=right: part(o, r) for op, right in pairs], all_of_them=True)  # type: ignore[misc]

    def _in_turn(self, conditions: list[Callable[[], Ways]], *, all_of_them: bool) -> Ways:
        """Conditions one after the other, until one decides."""
        decided: list[Edge] = []
        go_on: Edge | None = None
        for condition in conditions:
            if go_on is not None:
                self._at(go_on)
            yes, no = condition()
            go_on, stop = (yes, no) if all_of_them else (no, yes)
            if stop is not None:
                decided.append(stop)
            if go_on is None:
                break
        stopped = None
        if decided:
            self._meet(decided)
            stopped = Edge(self.builder.block, dict(self.variables))
        return (go_on, stopped) if all_of_them else (stopped, go_on)

    def _of_call(self, node: ast.Call) -> Value:
        called = self._value(node.func)
        arguments = [self._value(argument) for argument in node.args]
        if not isinstance(called, Thing) or node.keywords:
            self._refuse(node, "only functions are called, and without keywords")
        written = self.arithmetic.function(called.object)
        if written is not None:
            found = written(*arguments)
            return found if found is not None else self._refuse(node, f"{called.object.__name__} does not take this")
        if called.object is hints.soon:
            return self._fetched(node, *arguments)
        function = self.unit.stands_for(called.object)
        given = [
            item if isinstance(item, Value) else self._known(node, item)
            for item in sources.complete(function, list(arguments))
        ]
        return self._result(*self.unit.call(function, given))

    def _fetched(self, node: ast.Call, array: Value, index: Value) -> Value:
        if isinstance(array, Rows):
            address = self._address(self._row(node, array.array, index))
        elif isinstance(array, Numbers):
            address, _ = self._element_address(node, array, (index,))
        else:
            self._refuse(node, "only elements of an array can be fetched")
        kind = ir.FunctionType(ir.VoidType(), [POINTER, *[SHORT] * 3])
        prefetch = self.builder.module.globals.get(PREFETCH) or ir.Function(self.builder.module, kind, PREFETCH)
        # To read, to be kept as close as can be, data and not code.
        self.builder.call(prefetch, [address, *(ir.Constant(SHORT, number) for number in (0, 3, 1))])
        return Thing(None)

    def _result(self, llvm: ir.Function, arguments: list[Value], result: Value) -> Value:
        """Call a function that is written already."""
        parts = [part for argument in arguments for part in argument.parts()]
        called = self.builder.call(llvm, [self.table, *parts])
        wanted = result.parts()
        if not wanted:
            return result
        found = [called] if len(wanted) == 1 else [self.builder.extract_value(called, i) for i in range(len(wanted))]
        return returned(result, result.again(iter(found)))
