"""What numba is told about the kernel: the bits of a float, a choice between two numbers, and what a `World` is.

Imported by `compilation` alone, when the compiled engine first runs. A world is one address to compiled code, of the
table that says where its arrays lie and how long they are: functions hand it to one another as one number, and
`w.tokens` reads the table. (A tuple of arrays would be handed over as some three hundred numbers in each call.)
"""
# The functions given to numba carry no annotations: it compares their signatures to the letter.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc, call-arg, attr-defined"
# Their lambdas name what they stand for, and intrinsics take what numba hands them.
# ruff: noqa: ARG001, ARG005, D103, PLW0108

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import (
    NativeValue,
    intrinsic,
    models,
    overload,
    overload_attribute,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.numpy_support import from_dtype

from models.kernel import numerics
from models.kernel.world import ARRAYS, World


@intrinsic
def as_bits(typing_context, x):
    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def as_float(typing_context, x):
    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def wrapped_product(typing_context, a, b):
    def generate(context, builder, signature, args):
        return builder.mul(args[0], args[1])

    return types.int64(types.int64, types.int64), generate


overload(numerics.normal_quantile)(lambda p: lambda p: numerics.normal_quantile_of_one(p))
overload(numerics.times)(lambda a, b: lambda a, b: wrapped_product(a, b))
overload(numerics.float_bits)(lambda x: lambda x: as_bits(x))
overload(numerics.bits_float)(lambda bits: lambda bits: as_float(bits))
overload(numerics.to_int)(lambda x: lambda x: int(x))
overload(numerics.select)(lambda condition, yes, no: lambda condition, yes, no: yes if condition else no)


class WorldType(types.Type):
    """numba's type of a `World`."""

    def __init__(self) -> None:
        super().__init__(name="World")


WORLD = WorldType()


@typeof_impl.register(World)
def _typeof(value, context):
    return WORLD


@register_model(WorldType)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, frontend: Any) -> None:
        super().__init__(manager, frontend, ir.IntType(64))


@unbox(WorldType)
def _unbox(type_, value, context):
    address = context.pyapi.object_getattr_string(value, "address")
    number = context.pyapi.long_as_longlong(address)
    context.pyapi.decref(address)
    return NativeValue(number, is_error=cgutils.is_not_null(context.builder, context.pyapi.err_occurred()))


def _entry(builder, world, at):
    """A number of the table; it never changes while compiled code runs, so it may be kept in a register."""
    address = builder.add(world, ir.Constant(ir.IntType(64), 8 * at))
    value = builder.load(builder.inttoptr(address, ir.IntType(64).as_pointer()))
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


def _entry_of(at: int) -> Any:
    @intrinsic
    def entry(typing_context, w):
        def generate(context, builder, signature, args):
            return _entry(builder, args[0], at)

        return types.int64(WORLD), generate

    return entry


@intrinsic
def pointer(typing_context, address):
    def generate(context, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


class RowsType(types.Type):
    """numba's type of an array of records, known by its address alone: no length, so no bound is looked at."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.record = from_dtype(dtype)
        self.itemsize = dtype.itemsize
        super().__init__(name=f"Rows({self.record})")


@register_model(RowsType)
class _RowsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, frontend: Any) -> None:
        super().__init__(manager, frontend, ir.IntType(64))


@intrinsic
def row_at(typing_context, rows, index):
    def generate(context, builder, signature, args):
        offset = builder.mul(args[1], ir.Constant(ir.IntType(64), rows.itemsize))
        return builder.inttoptr(builder.add(args[0], offset), context.get_value_type(rows.record))

    return rows.record(rows, types.int64), generate


@overload(operator.getitem)
def _getitem(rows, index):
    if isinstance(rows, RowsType) and isinstance(index, types.Integer):
        return lambda rows, index: row_at(rows, index)
    return None


def _rows(index: int, dtype: np.dtype[Any]) -> Any:
    """How to get at an array of records: by its address."""
    rows = RowsType(dtype)

    @intrinsic
    def form(typing_context, w):
        def generate(context, builder, signature, args):
            return _entry(builder, args[0], 4 * index)

        return rows(WORLD), generate

    return lambda w: lambda w: form(w)


def _numbers(index: int, dtype: np.dtype[Any], dimensions: int) -> Any:
    """How to get at an array of numbers: by its address, and its lengths behind it."""
    address, first, second, third = (_entry_of(4 * index + i) for i in range(4))

    def one(w):
        return carray(pointer(address(w)), (first(w),), dtype)

    def two(w):
        return carray(pointer(address(w)), (first(w), second(w)), dtype)

    def three(w):
        return carray(pointer(address(w)), (first(w), second(w), third(w)), dtype)

    form = (one, two, three)[dimensions - 1]
    return lambda w: form


for _index, (_name, _dtype, _dimensions) in enumerate(ARRAYS):
    _form = _rows(_index, _dtype) if _dtype.fields else _numbers(_index, _dtype, _dimensions)
    overload_attribute(WorldType, _name)(_form)
overload_attribute(WorldType, "tally")(lambda w: lambda w: w)
