"""The kernel's plain functions, run in compiled code over arrays, to be held against the same functions in Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from models.kernel.laws import draw_law
from models.kernel.machine.layout import Layout
from models.kernel.machine.native import callables, object_code
from models.kernel.machine.unit import Entry, Known, Unit
from models.kernel.outcome import FloatArray, IntArray
from models.kernel.random import Stream
from models.kernel.world import ARRAYS


@cache
def compiled(loop: Callable[..., Any], **given: Callable[..., Any]) -> Callable[..., Any]:
    """A function in compiled code; its parameters are annotated, or given here."""
    entries = {"loop": Entry(loop, given)}
    unit = Unit(Layout(ARRAYS), Known())
    for name, entry in entries.items():
        unit.entry(name, entry)
    return callables(object_code(unit.module), entries)["loop"]


def over_one(function: Any, xs: FloatArray, out: FloatArray) -> None:
    for i in range(xs.shape[0]):
        out[i] = function(xs[i])


def over_two(function: Any, xs: FloatArray, ys: FloatArray, out: FloatArray) -> None:
    for i in range(xs.shape[0]):
        out[i] = function(xs[i], ys[i])


def compiled_over(function: Any, *columns: FloatArray) -> FloatArray:
    """The function of each row of float columns, computed in compiled code."""
    out = np.empty(len(columns[0]))
    compiled(over_one if len(columns) == 1 else over_two, function=function)(*columns, out)
    return out


def drawn(
    kinds: IntArray, starts: IntArray, data: FloatArray, law: int, k0: int, k1: int, identities: IntArray,
    out: FloatArray,
) -> None:  # fmt: skip
    for i in range(out.shape[0]):
        j = 5 * i
        out[i] = draw_law(
            kinds, starts, data, law, k0, k1,
            identities[j], identities[j + 1], identities[j + 2], identities[j + 3], identities[j + 4],
        )  # fmt: skip


def compiled_draws(
    arrays: tuple[IntArray, IntArray, FloatArray], law: int, key: Stream, identities: IntArray
) -> FloatArray:
    """`draw_law` of a law of a table for each row of an identity, in compiled code."""
    out = np.empty(len(identities))
    compiled(drawn)(*arrays, law, *key, np.ascontiguousarray(identities), out)
    return out
