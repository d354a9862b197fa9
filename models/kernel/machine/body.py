"""Statements of one function, written down for LLVM."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from llvmlite import ir

from models.kernel.machine import sources
from models.kernel.machine.expressions import Expressions, Ways
from models.kernel.machine.paths import Edge, Variables
from models.kernel.machine.values import BOOL, INT, POINTER, Constant, Number, Record, Several, Thing, Value, among

MOST_UNROLLED = 16
"""A loop of so many known turns at most is written out."""


@dataclass
class Loop:
    """The ways out of a loop's body."""

    again: list[Edge] = field(default_factory=list)
    out: list[Edge] = field(default_factory=list)


@dataclass
class Head:
    """Where turns of a loop begin: what the variables stand for there, and which of them go from turn to turn."""

    block: ir.Block
    variables: Variables
    carried: dict[str, ir.PhiInstr] = field(default_factory=dict)


class Body(Expressions):
    """Writes one function."""

    def __init__(self, *what: Any) -> None:
        super().__init__(*what)
        self.tree = sources.tree_of(self.function)
        self.loops: list[Loop] = []
        self.returned: list[Edge] = []

    def write(self) -> Value:
        """Write all of it, but for the end; returns what it returns, where the builder stands."""
        self._statements(self.tree.body)
        if self.alive:
            self._leave(self.returned, Thing(None))
        return self._meet(self.returned)

    def _statements(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if not self.alive:
                return
            visit: Callable[[Any], None] | None = getattr(self, f"_do_{type(statement).__name__.lower()}", None)
            if visit is None:
                self._refuse(statement, f"{type(statement).__name__} is not known")
            visit(statement)

    def _do_expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self._value(node.value)

    def _do_pass(self, node: ast.Pass) -> None:
        """Nothing."""

    def _do_return(self, node: ast.Return) -> None:
        self._leave(self.returned, Thing(None) if node.value is None else self._value(node.value))

    def _do_break(self, node: ast.Break) -> None:
        self._leave(self.loops[-1].out)

    def _do_continue(self, node: ast.Continue) -> None:
        self._leave(self.loops[-1].again)

    def _do_assign(self, node: ast.Assign) -> None:
        value = self._value(node.value)
        for target in node.targets:
            self._assign(target, value)

    def _do_annassign(self, node: ast.AnnAssign) -> None:
        assert node.value is not None
        self._assign(node.target, self._value(node.value))

    def _do_augassign(self, node: ast.AugAssign) -> None:
        target = node.target
        place: Callable[[], Value]
        put: Callable[[Value], None]
        if isinstance(target, ast.Name):
            self._assign(target, self._operated(node, node.op, self._name(target), self._value(node.value)))
            return
        # What holds the place is worked out once.
        holder = self._value(target.value)
        if isinstance(target, ast.Attribute):
            place, put = (
                lambda: self._field(target, holder),
                lambda value: self._put_field(target, holder, value),
            )
        else:
            index = self._value(target.slice)
            place, put = (
                lambda: self._element(target, holder, index),
                lambda value: self._put_element(target, holder, index, value),
            )
        old = place()
        put(self._operated(node, node.op, old, self._value(node.value)))

    def _do_if(self, node: ast.If) -> None:
        ends: list[Edge] = []
        for edge, body in zip(self._condition(node.test), (node.body, node.orelse), strict=True):
            if edge is not None:
                self._at(edge)
                self._statements(body)
                if self.alive:
                    self._leave(ends)
        self._meet(ends)

    def _do_while(self, node: ast.While) -> None:
        if node.orelse:
            self._refuse(node, "a loop has no else")
        along = self.unit.known.along.get(self.function)
        if along is not None:
            self._laid_out(node, *along)
            return

        def test() -> Ways:
            return self._condition(node.test)

        self._loop(node, sources.assigned_in(node), test, lambda: None)

    def _loop(
        self, node: ast.While | ast.For, names: frozenset[str], test: Callable[[], Ways], step: Callable[[], None]
    ) -> None:
        """A loop that assigns some names: `test` parts ways at its head, `step` comes at the end of each turn."""
        head = self._head(names, "head")
        self.builder.branch(self._arrive(node, head))
        self._at(Edge(head.block, head.variables))
        inside, outside = test()
        loop = Loop(out=[outside] if outside is not None else [])
        if inside is not None:
            self._at(inside)
            self._turn(node, loop)
            self._meet(loop.again)
            if self.alive:
                step()
                self.builder.branch(self._arrive(node, head))
                self.alive = False
        self._meet(loop.out)

    def _turn(self, node: ast.While | ast.For, loop: Loop) -> None:
        """One turn of a loop, up to its ways out."""
        self.loops.append(loop)
        self._statements(node.body)
        if self.alive:
            self._leave(loop.again)
        self.loops.pop()

    def _head(self, names: frozenset[str], label: str) -> Head:
        """A block where turns of a loop begin, and which of some names go from turn to turn, as LLVM's phi."""
        head = Head(self.llvm.append_basic_block(label), dict(self.variables))
        builder = ir.IRBuilder(head.block)
        for carried in sorted(names & set(self.variables)):
            value = self.variables[carried]
            if isinstance(value, Constant | Number):
                kind = self._type_of(value)
                phi = builder.phi(INT if kind == BOOL else kind)
                head.variables[carried] = Number(phi)
            elif isinstance(value, Record):
                phi = builder.phi(POINTER)
                head.variables[carried] = Record(value.array, phi)
            else:
                # Only what the turn itself makes may be looked at.
                del head.variables[carried]
                continue
            head.carried[carried] = phi
        return head

    def _arrive(self, node: ast.AST, head: Head) -> ir.Block:
        """Bring along what a turn begins with, from where the builder stands; returns the block to go to."""
        for name, phi in head.carried.items():
            value = self.variables.get(name)
            llvm = (
                self._address(value) if isinstance(value, Record)
                else None if value is None else self.arithmetic.as_llvm(value, phi.type)
            )  # fmt: skip
            if llvm is None:
                self._refuse(node, f"{name} changes its type from turn to turn")
            phi.add_incoming(llvm, self.builder.block)
        return head.block

    def _laid_out(self, node: ast.While, name: str, all_of: frozenset[int]) -> None:
        """A loop along something known, with a body of its own for each value of one variable; what a turn makes of
        that variable says where to go on.
        """
        before = self.variables
        heads: dict[int, Head] = {}
        waiting: list[int] = []

        def place(number: int) -> ir.Block:
            if number not in heads:
                here, self.variables = self.variables, {**before, name: Constant(number)}
                heads[number] = self._head(sources.assigned_in(node) - {name}, f"{name}.{number}")
                self.variables = here
                waiting.append(number)
            return self._arrive(node, heads[number])

        def go_on() -> None:
            value = self.variables[name]
            if isinstance(value, Constant):
                self.builder.branch(place(int(value.number)))
            else:
                self._switch(self.arithmetic.as_llvm(value, INT), sorted(among(value) or all_of), place)
            self.alive = False

        go_on()
        out: list[Edge] = []
        while waiting:
            head = heads[waiting.pop()]
            self._at(Edge(head.block, head.variables))
            inside, outside = self._condition(node.test)
            if outside is not None:
                out.append(outside)
            if inside is None:
                continue
            loop = Loop(out=out)
            self._at(inside)
            self._turn(node, loop)
            for edge in loop.again:
                self._at(edge)
                go_on()
        self._meet(out)

    def _switch(self, value: Any, numbers: list[int], place: Callable[[int], ir.Block]) -> None:
        never = self.llvm.append_basic_block("never")
        switch = self.builder.switch(value, never)
        for number in numbers:
            switch.add_case(ir.Constant(INT, number), place(number))
        self.builder.position_at_end(never)
        self.builder.unreachable()

    def _do_for(self, node: ast.For) -> None:
        over = self._over(node)
        if isinstance(over, list):
            out: list[Edge] = []
            for item in over:
                self._assign(node.target, item)
                loop = Loop(out=out)
                self._turn(node, loop)
                self._meet(loop.again)
                if not self.alive:
                    break
            if self.alive:
                self._leave(out)
            self._meet(out)
            return
        first, end, by = over
        if not isinstance(node.target, ast.Name):
            self._refuse(node, "the numbers of a range go to one name")
        # The counter is a variable of its own, as the body may do with its name what it likes.
        counter = f"{node.target.id}.next"
        self.variables[counter] = Number(self._int(node, first))
        limit = self._int(node, end)
        self.variables.pop(node.target.id, None)
        target = node.target

        def test() -> Ways:
            self.variables[target.id] = self.variables[counter]
            value = self._int(node, self.variables[counter])
            return self._fork(Number(self.builder.icmp_signed("<", value, limit)))

        def step() -> None:
            value = self._int(node, self.variables[counter])
            self.variables[counter] = Number(self.builder.add(value, ir.Constant(INT, by)))

        self._loop(node, sources.assigned_in(node) | {counter}, test, step)
        self.variables.pop(target.id, None)

    def _over(self, node: ast.For) -> list[Value] | tuple[Value, Value, int]:
        """What a loop runs over: values to be written out, or a range's bounds and its step."""
        if isinstance(node.iter, ast.Tuple):
            return [self._value(item) for item in node.iter.elts]
        call = node.iter
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range"):
            self._refuse(node, "a loop runs over a range or a written tuple")
        given = [self._value(argument) for argument in call.args]
        first = given[0] if len(given) > 1 else Constant(0)
        end = given[1] if len(given) > 1 else given[0]
        by = given[2] if len(given) > 2 else Constant(1)
        if not isinstance(by, Constant) or by.number <= 0:
            self._refuse(node, "a range has a known step, and goes up")
        if isinstance(first, Constant) and isinstance(end, Constant):
            numbers = range(int(first.number), int(end.number), int(by.number))
            if len(numbers) <= MOST_UNROLLED:
                return [Constant(number) for number in numbers]
        return first, end, int(by.number)

    def _assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.variables[target.id] = value
        elif isinstance(target, ast.Tuple):
            if not isinstance(value, Several) or len(value.items) != len(target.elts):
                self._refuse(target, "a tuple of this length is needed")
            for each, item in zip(target.elts, value.items, strict=True):
                self._assign(each, item)
        elif isinstance(target, ast.Attribute):
            self._put_field(target, self._value(target.value), value)
        elif isinstance(target, ast.Subscript):
            self._put_element(target, self._value(target.value), self._value(target.slice), value)
        else:
            self._refuse(target, "nothing can be assigned to this")
