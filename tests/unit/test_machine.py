"""Functions in machine code do what they do in Python, and what is not understood is refused with its place.

Each function below runs twice on the same numbers: as Python runs it, and compiled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.kernel.machine.layout import Layout
from models.kernel.machine.native import callables, object_code
from models.kernel.machine.sources import UnsupportedError
from models.kernel.machine.unit import Entry, Known, Unit
from models.kernel.outcome import FloatArray, IntArray

DOOR = np.dtype([("open", np.int64), ("width", np.float64), ("next", np.int32), ("hinges", np.int64, (3,))])
ARRAYS = (("doors", DOOR, 1), ("grid", np.dtype(np.int64), 2), ("small", np.dtype(np.int32), 1))
SEVEN = 7
EDGES = [0, 1, -1, 2, -2, 7, -7, 1 << 40, -(1 << 40), (1 << 62) - 1, -(1 << 62)]
INTS = st.sampled_from(EDGES) | st.integers(-(1 << 31), 1 << 31)
FLOATS = st.floats(-1e9, 1e9, allow_nan=False)


class House:
    """A world of doors."""

    def __init__(self) -> None:
        self.doors, self.grid = np.zeros(4, DOOR), np.arange(6).reshape(2, 3)
        self.small = np.array([5, -6, 7], np.int32)
        self.table = np.zeros((len(ARRAYS), 4), np.int64)
        for row, (name, _, dimensions) in zip(self.table, ARRAYS, strict=True):
            array = getattr(self, name)
            row[0], row[1 : 1 + dimensions] = array.ctypes.data, array.shape
        self.address = self.table.ctypes.data


class Doors:
    """The same for Python, which sees fields as attributes."""

    def __init__(self, house: House) -> None:
        self.doors = house.doors.view(np.recarray)
        self.grid, self.small = house.grid, house.small


def compiled(function: Callable[..., Any], known: Known | None = None) -> Callable[..., Any]:
    unit, entries = Unit(Layout(ARRAYS), known or Known()), {"it": Entry(function)}
    unit.entry("it", entries["it"])
    return callables(object_code(unit.module), entries)["it"]


def cached(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled once, for all examples of a test."""
    return CODE.setdefault(function, None) or CODE.update({function: compiled(function)}) or CODE[function]


CODE: dict[Callable[..., Any], Any] = {}


# ---------------------------------------------------------------- arithmetic


def quotient(a: int, b: int) -> int:
    return a // b


def rest(a: int, b: int) -> int:
    return a % b


def bits(a: int, b: int) -> int:
    return ((a & b) ^ (a | 12)) + (~b >> 3) + ((a & 0xFF) << 4)


def least(a: int, b: int) -> int:
    return min(a, b, 3) - max(a, b) + abs(a)


def compared(a: int, b: int) -> int:
    return (a < b) + 2 * (a <= b) + 4 * (a == b) + 8 * (a != b) + 16 * (a > b) + 32 * (a >= b) + 64 * (a in (1, b))


@pytest.mark.parametrize("function", [quotient, rest, bits, least, compared], ids=lambda f: f.__name__)
@given(a=INTS, b=INTS)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_integers_are_worked_out_as_python_does(function: Callable[[int, int], int], a: int, b: int) -> None:
    if b == 0 and function in (quotient, rest):
        b = 1
    assert cached(function)(a, b) == int(function(a, b))


def mixed(a: float, b: float) -> float:
    return a * b - a / (1.0 + abs(b)) + min(a, b) * 0.25 - (-b if a < 0.0 else 3)


def rounded(a: float, b: float) -> int:
    return int(a) + math.ceil(b) + int(np.floor(a / 3.0))


@pytest.mark.parametrize("function", [mixed, rounded], ids=lambda f: f.__name__)
@given(a=FLOATS, b=FLOATS)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_floats_are_the_same_bits(function: Callable[[float, float], float], a: float, b: float) -> None:
    assert cached(function)(a, b) == function(a, b)


# ---------------------------------------------------------------- control


def collatz(n: int) -> int:
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n //= 2
        else:
            n = 3 * n + 1
        steps += 1
        if steps > 500:
            break
    return steps


def odd_sum(n: int) -> int:
    total = 0
    for i in range(n):
        if i % 2 == 0:
            continue
        if i > 40:
            break
        total += i
    return total


def unrolled(n: int) -> int:
    found = -1
    for i in range(1, 12, 3):
        for j in (n, i, SEVEN):
            if i * j == 28:
                return 100 * i + j
        if i > n:
            break
        found = i
    return found


def chained(n: int) -> bool:
    return 3 < n <= 2 * SEVEN < 100


def either(n: int) -> int:
    return 1 if (n > 2 and n % 3 == 0) or not (n != 5 or n == 6) else 0


def pair(n: int, m: int) -> Any:
    return n + m, n * 0.5


def through_calls(n: int) -> float:
    a, b = pair(n, 4)
    c, _ = pair(a, n)
    return a * b + c


def forever(n: int) -> int:
    while True:
        n += 3
        if n > 20:
            return n


@pytest.mark.parametrize(
    "function", [collatz, odd_sum, unrolled, chained, either, through_calls, forever], ids=lambda f: f.__name__
)
def test_paths_are_taken_as_in_python(function: Callable[[int], Any]) -> None:
    code = compiled(function)

    assert [code(n) for n in range(1, 60)] == [function(n) for n in range(1, 60)]


def put(out: IntArray, at: int, value: int) -> bool:
    out[at] = value
    return value > 0


def in_order(out: IntArray, n: int) -> int:
    if (put(out, 0, n) and put(out, 1, n - 3)) or put(out, 2, 9 - n):
        return 1
    return 0


def test_conditions_are_worked_out_only_as_far_as_need_be() -> None:
    for n in range(-2, 12):
        here, there = np.zeros(3, np.int64), np.zeros(3, np.int64)
        assert compiled(in_order)(here, n) == in_order(there, n)
        assert here.tolist() == there.tolist()


# ---------------------------------------------------------------- the world


def walk_doors(w: Any, at: int) -> float:
    door, total = w.doors[at], 0.0
    door.open = 1
    door.open, door.width = door.open + 4, 2.5
    door.hinges[at - 1] += 3
    w.grid[1, at - 1] -= door.open
    w.small[at - 1] = 2 * w.small[at - 1]
    row = w.grid[0]
    while door.next > 0:
        door.width += 0.5
        total += door.width * row[1] + w.grid.shape[1]
        door = w.doors[door.next]
    return total + door.hinges[0]


@pytest.mark.parametrize("at", [1, 2, 3])
def test_fields_and_elements_are_read_and_written(at: int) -> None:
    here, there = House(), House()
    for house in (here, there):
        house.doors["next"] = [0, 2, 3, 0]

    assert compiled(walk_doors)(here, at) == walk_doors(Doors(there), at)
    for name in ("doors", "grid", "small"):
        assert getattr(here, name).tobytes() == getattr(there, name).tobytes()


def width_of(w: Any, at: int) -> float:
    door = w.doors[at]
    if door.open:
        door.width = 1.0
        return 1.0
    return door.width


def shut(w: Any, at: int) -> float:
    w.doors[at].open = 0
    return width_of(w, at)


def opened(w: Any, at: int) -> float:
    w.doors[at].open = 1
    return width_of(w, at)


def test_a_fact_is_used_and_one_that_a_store_breaks_is_reported() -> None:
    facts = Known(facts={"doors.open": 0, "doors.width": 0.0})
    kept, broken = Unit(Layout(ARRAYS), facts), Unit(Layout(ARRAYS), facts)

    kept.entry("it", Entry(shut))
    broken.entry("it", Entry(opened))

    # Where no door is open, none is ever given a width: the branch is not even written.
    assert kept.broken == set()
    assert broken.broken == {"doors.open"}
    assert "store" not in str(kept.module)


def along_doors(w: Any, at: int) -> int:
    steps = 0
    while at > 0:
        door = w.doors[at]
        w.small[0] += 1
        steps += 10 * at
        at = door.next if w.small[0] < 8 else 0
    return steps + at


def test_a_loop_along_what_is_known_is_laid_out() -> None:
    here, there = House(), House()
    for house in (here, there):
        house.doors["next"] = [0, 3, 1, 2]
    known = Known(tables={"doors": here.doors}, along={along_doors: ("at", frozenset(range(4)))})

    for at in (2, 0, 3, 1):
        assert compiled(along_doors, known)(here, at) == along_doors(Doors(there), at)
        assert here.small.tolist() == there.small.tolist()


# ---------------------------------------------------------------- what is refused


def with_a_list(n: int) -> int:
    return len([n])


def by_keyword(n: int) -> float:
    return pair(n, m=2)[1]


def of_two_kinds(n: int) -> int:
    total = 0
    while n > 0:
        total = total + 0.5
        n -= 1
    return int(total)


def without_such_a_field(w: Any) -> int:
    return w.doors[0].colour


def not_always_there(n: int) -> int:
    if n > 3:
        m = 4
    return m


def not_the_module_s(n: int) -> int:
    if n > 3:
        SEVEN = n  # noqa: N806 - the name of something of the module, on purpose
    return SEVEN


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (not_the_module_s, "SEVEN does not stand for one thing here"),
        (with_a_list, "List is not known"),
        (by_keyword, "only functions are called, and without keywords"),
        (of_two_kinds, "total changes its type from turn to turn"),
        (without_such_a_field, "this has no field colour"),
        (not_always_there, "m does not stand for one thing here"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_what_is_not_understood_is_refused_with_its_place(function: Callable[..., Any], what: str) -> None:
    first = function.__code__.co_firstlineno

    with pytest.raises(UnsupportedError, match=rf"test_machine\.py:\d+: in {function.__name__}: {what}") as caught:
        compiled(function)

    line = int(str(caught.value).split(".py:")[1].split(":")[0])
    assert first < line <= first + 5


def total(xs: FloatArray) -> float:
    result = 0.0
    for i in range(xs.shape[0]):
        result += xs[i]
    return result


def test_sums_are_added_in_order() -> None:
    """A compiler that may reorder floats would add several at once; 1e16 swallows what comes one by one."""
    xs = np.array([1e16] + [1.0] * 999)

    assert compiled(total)(xs) == total(xs) == 1e16
