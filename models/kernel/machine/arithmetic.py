"""Operators and built-in functions on numbers.

What is known is computed by Python itself. Of floats nothing is taken for granted that IEEE 754 does not say, so they
come out as Python's and NumPy's do; integers wrap at 64 bits.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from models.kernel import numerics
from models.kernel.machine.layout import converted
from models.kernel.machine.values import BOOL, FLOAT, INT, Constant, Number, Value, among

KNOWN: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.LShift: operator.lshift,
    ast.RShift: operator.rshift, ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert, ast.Not: operator.not_,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
OF_INTS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.LShift: "shl", ast.RShift: "ashr", ast.BitAnd: "and_",
    ast.BitOr: "or_", ast.BitXor: "xor",
}  # fmt: skip
OF_FLOATS = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
COMPARED = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class Arithmetic:
    """Writes down arithmetic where its builder stands.

    Every method returns None where it does not know how.
    """

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder

    # ------------------------------------------------------------ types

    def as_llvm(self, value: Value, wanted: ir.Type | None = None) -> ir.Value | None:
        """A number as LLVM knows it, of its own type or as another that holds all of it."""
        if isinstance(value, Constant):
            kind = wanted or (
                BOOL if isinstance(value.number, bool) else INT if isinstance(value.number, int) else FLOAT
            )
            if kind == FLOAT:
                return ir.Constant(FLOAT, float(value.number))
            if isinstance(value.number, float):
                return None
            return ir.Constant(kind, _wrapped(int(value.number)) if kind == INT else int(value.number))
        if isinstance(value, Number):
            return converted(self.builder, value.value, wanted or value.value.type)
        return None

    def alike(self, *values: Value) -> list[ir.Value] | None:
        """Numbers as the least of types that holds them all; truth values count as integers."""
        types = {_type_of(value) for value in values}
        if None in types:
            return None
        kind = FLOAT if FLOAT in types else INT
        return [found for value in values if (found := self.as_llvm(value, kind)) is not None]

    def truth(self, value: Value) -> Value | None:
        """Whether a number is not zero."""
        if isinstance(value, Constant):
            return Constant(bool(value.number))
        if not isinstance(value, Number):
            return None
        llvm = value.value
        if llvm.type == BOOL:
            return value
        zero = ir.Constant(llvm.type, 0 if llvm.type == INT else 0.0)
        found = (
            self.builder.fcmp_unordered("!=", llvm, zero)
            if llvm.type == FLOAT
            else self.builder.icmp_signed("!=", llvm, zero)
        )
        return Number(found)

    # ------------------------------------------------------------ operators

    def unary(self, op: ast.unaryop, value: Value) -> Value | None:
        """An operator on one number."""
        kind = type(op)
        if isinstance(value, Constant):
            return Constant(KNOWN[kind](value.number))
        if kind is ast.Not:
            truth = self.truth(value)
            return Number(self.builder.not_(self.as_llvm(truth))) if truth is not None else None
        alike = self.alike(value)
        if alike is None:
            return None
        (llvm,) = alike
        if kind is ast.USub:
            return Number(self.builder.fneg(llvm) if llvm.type == FLOAT else self.builder.neg(llvm))
        if kind is ast.Invert and llvm.type == INT:
            return Number(self.builder.not_(llvm))
        return Number(llvm) if kind is ast.UAdd else None

    def binary(self, op: ast.operator, left: Value, right: Value) -> Value | None:
        """An operator between two numbers."""
        kind = type(op)
        if isinstance(left, Constant) and isinstance(right, Constant):
            try:
                return Constant(KNOWN[kind](left.number, right.number))
            except (ArithmeticError, ValueError):
                # Nobody comes here with these numbers: it stands on a way that is not taken.
                return Constant(0)
        alike = self.alike(left, right)
        if alike is None:
            return None
        a, b = alike
        if kind is ast.Div:
            a, b = (converted(self.builder, x, FLOAT) for x in (a, b))
        if a.type == FLOAT:
            return Number(getattr(self.builder, OF_FLOATS[kind])(a, b)) if kind in OF_FLOATS else None
        if kind is ast.FloorDiv:
            return Number(self._floor(a, b)[0])
        if kind is ast.Mod:
            return Number(self._floor(a, b)[1])
        return Number(getattr(self.builder, OF_INTS[kind])(a, b)) if kind in OF_INTS else None

    def _floor(self, a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Quotient, rounded down, and remainder, which has the divisor's sign."""
        build, zero = self.builder, ir.Constant(INT, 0)
        quotient, rest = build.sdiv(a, b), build.srem(a, b)
        apart = build.and_(build.icmp_signed("!=", rest, zero), build.icmp_signed("<", build.xor(rest, b), zero))
        down = build.sub(quotient, build.zext(apart, INT))
        return down, build.select(apart, build.add(rest, b), rest)

    def compare(self, op: ast.cmpop, left: Value, right: Value) -> Value | None:
        """A comparison of two numbers."""
        kind = type(op)
        if isinstance(left, Constant) and isinstance(right, Constant):
            return Constant(KNOWN[kind](left.number, right.number))
        known = _told_apart(kind, left, right)
        if known is not None:
            return Constant(known)
        alike = self.alike(left, right)
        if alike is None or kind not in COMPARED:
            return None
        a, b = alike
        if a.type != FLOAT:
            return Number(self.builder.icmp_signed(COMPARED[kind], a, b))
        unordered = kind is ast.NotEq
        compare = self.builder.fcmp_unordered if unordered else self.builder.fcmp_ordered
        return Number(compare(COMPARED[kind], a, b))

    # ------------------------------------------------------------ functions

    def function(self, function: Any) -> Callable[..., Value | None] | None:
        """How to write down a call of a built-in function."""
        known: dict[Any, Callable[..., Value | None]] = {
            int: self._int, float: self._float, bool: self.truth, abs: self._abs, min: self._min, max: self._max,
            math.ceil: self._ceil, np.floor: self._floor_of, np.sqrt: self._sqrt, numerics.times: self._times,
            numerics.float_bits: self._bits, numerics.bits_float: self._from_bits, numerics.to_int: self._int,
            numerics.select: self.select,
        }  # fmt: skip
        return known.get(function)

    def _int(self, value: Value) -> Value | None:
        if isinstance(value, Constant):
            return Constant(int(value.number))
        if isinstance(value, Number) and value.value.type == FLOAT:
            return Number(self.builder.fptosi(value.value, INT))
        found = self.as_llvm(value, INT)
        return Number(found, among(value)) if found is not None else None

    def _float(self, value: Value) -> Value | None:
        if isinstance(value, Constant):
            return Constant(float(value.number))
        found = self.as_llvm(value, FLOAT)
        return Number(found) if found is not None else None

    def _abs(self, value: Value) -> Value | None:
        if isinstance(value, Constant):
            return Constant(abs(value.number))
        if _type_of(value) == FLOAT:
            return self._call("llvm.fabs", value)
        return self.select(self.compare(ast.Lt(), value, Constant(0)), self.unary(ast.USub(), value), value)

    def _min(self, first: Value, *others: Value) -> Value | None:
        return self._least(ast.Lt(), first, *others)

    def _max(self, first: Value, *others: Value) -> Value | None:
        return self._least(ast.Gt(), first, *others)

    def _least(self, before: ast.cmpop, first: Value, *others: Value) -> Value | None:
        best: Value | None = first
        for other in others:
            best = None if best is None else self.select(self.compare(before, other, best), other, best)
        return best

    def select(self, condition: Value | None, yes: Value | None, no: Value | None) -> Value | None:
        """One of two numbers, both of which are there."""
        if condition is None or yes is None or no is None:
            return None
        truth = self.truth(condition)
        if isinstance(truth, Constant):
            return yes if truth.number else no
        alike = self.alike(yes, no)
        if truth is None or alike is None:
            return None
        return Number(self.builder.select(self.as_llvm(truth), *alike))

    def _ceil(self, value: Value) -> Value | None:
        if isinstance(value, Constant):
            return Constant(math.ceil(value.number))
        rounded = self._call("llvm.ceil", value)
        return None if rounded is None else self._int(rounded)

    def _floor_of(self, value: Value) -> Value | None:
        if isinstance(value, Constant):
            return Constant(float(np.floor(value.number)))
        return self._call("llvm.floor", value)

    def _sqrt(self, value: Value) -> Value | None:
        if isinstance(value, Constant):
            return Constant(float(np.sqrt(value.number)))
        return self._call("llvm.sqrt", value)

    def _times(self, a: Value, b: Value) -> Value | None:
        if isinstance(a, Constant) and isinstance(b, Constant):
            return Constant(_wrapped(int(a.number) * int(b.number)))
        return self.binary(ast.Mult(), a, b)

    def _bits(self, value: Value) -> Value | None:
        if isinstance(value, Constant):
            return Constant(numerics.float_bits(float(value.number)))
        found = self.as_llvm(value, FLOAT)
        return Number(self.builder.bitcast(found, INT)) if found is not None else None

    def _from_bits(self, value: Value) -> Value | None:
        if isinstance(value, Constant):
            return Constant(numerics.bits_float(int(value.number)))
        found = self.as_llvm(value, INT)
        return Number(self.builder.bitcast(found, FLOAT)) if found is not None else None

    def _call(self, intrinsic: str, value: Value) -> Value | None:
        found = self.as_llvm(value, FLOAT)
        if found is None:
            return None
        return Number(self.builder.call(self.builder.module.declare_intrinsic(intrinsic, [FLOAT]), [found]))


def _type_of(value: Value) -> ir.Type | None:
    if isinstance(value, Constant):
        return BOOL if isinstance(value.number, bool) else INT if isinstance(value.number, int) else FLOAT
    return value.value.type if isinstance(value, Number) else None


def _told_apart(kind: type[ast.cmpop], left: Value, right: Value) -> bool | None:
    """What a comparison comes to where each side is one of few constants, and all of them say the same."""
    lefts, rights = among(left), among(right)
    if lefts is None or rights is None:
        return None
    found = {bool(KNOWN[kind](a, b)) for a in lefts for b in rights}
    return found.pop() if len(found) == 1 else None


def _wrapped(number: int) -> int:
    return ((number + (1 << 63)) & ((1 << 64) - 1)) - (1 << 63)
