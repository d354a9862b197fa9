"""What numba is told about the kernel: the bits of a float, a choice between two numbers, and what a `World` is.

Imported by `compilation` alone, when the compiled engine first runs. A world is one address to compiled code, of the table
that says where its arrays lie and how long they are: functions hand it to one another as one number, and `w.tokens` reads
the table. (A tuple of arrays would be handed over as some three hundred numbers in each call.)
"""
# The functions given to numba carry no annotations: it compares their signatures to the letter.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc"
# ruff: noqa: ANN001, ANN201, ANN202, D103

from __future__ import annotations

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


def _as_pointer(context, builder, signature, args):
    return builder.inttoptr(args[0], cgutils.voidptr_t)


@intrinsic
def table_of(typing_context, w):
    return types.voidptr(WORLD), _as_pointer


@intrinsic
def pointer(typing_context, address):
    return types.voidptr(types.int64), _as_pointer


NUMBERS = 4 * len(ARRAYS)


def _attribute(index: int, dtype: np.dtype[Any], dimensions: int) -> Any:
    """How to get at one array: its address, and its lengths behind it."""
    at = 4 * index

    def one(w):
        table = carray(table_of(w), (NUMBERS,), np.int64)
        return carray(pointer(table[at]), (table[at + 1],), dtype)

    def two(w):
        table = carray(table_of(w), (NUMBERS,), np.int64)
        return carray(pointer(table[at]), (table[at + 1], table[at + 2]), dtype)

    def three(w):
        table = carray(table_of(w), (NUMBERS,), np.int64)
        return carray(pointer(table[at]), (table[at + 1], table[at + 2], table[at + 3]), dtype)

    form = (one, two, three)[dimensions - 1]
    return lambda w: form


for _index, (_name, _dtype, _dimensions) in enumerate(ARRAYS):
    overload_attribute(WorldType, _name)(_attribute(_index, _dtype, _dimensions))
overload_attribute(WorldType, "tally")(lambda w: lambda w: w)
