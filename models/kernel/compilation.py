"""Which of the kernel's plain functions the compiled engine calls, and the machine code that is made of them.

llvmlite is imported by the package `machine`, that package by this module, and this module when the compiled engine
first runs. Whoever drives the engine may name a place where code is kept (`keep_in`), so that a second process pays
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

from models.kernel import arrivals, keys, ledger, loop, station
from models.kernel import cache as caches
from models.kernel.machine.layout import Layout
from models.kernel.machine.native import callables, object_code
from models.kernel.machine.unit import Entry, Known, Unit
from models.kernel.steps import admit, hold
from models.kernel.world import ARRAYS, NICKNAME

Functions = Mapping[str, Callable[..., Any]]


class Shelf(Protocol):
    """Where object code is kept between two processes."""

    def get(self, name: str) -> bytes | None:
        """Code that was put there under this name, whole and as it was; None if there is none."""

    def put(self, name: str, code: bytes) -> None:
        """Keep code under a name."""


_shelves: list[Shelf] = []


def keep_in(shelf: Shelf) -> None:
    """Keep compiled code there, from now on; what it was made from, and for which machine, is the shelf's to know."""
    _shelves[:] = [shelf]


LOOP = tuple(Entry(function) for function in (
    loop.advance, loop.submit, loop.wake_clients, loop.issue_parked,
    station.station_resize, station.station_pause, station.station_resume, station.station_slow,
    station.station_down, station.station_up, admit.refresh_bucket, caches.cache_flush,
    hold.room_clear, ledger.ledger_audit, ledger.ledger_copy, ledger.ledger_begin,
))  # fmt: skip
"""What acts on a world."""
BLOCKS = tuple(Entry(function) for function in (arrivals.fill_exponentials, arrivals.fill_pairs, keys.fill_keys))
"""What fills blocks with draws."""


@cache
def loop_functions() -> Functions:
    """The interpreting loop, and all that control does to a world."""
    return compiled("loop", LOOP, Known())


@cache
def block_functions() -> Functions:
    """Draws by the block."""
    return compiled("blocks", BLOCKS, Known(), inline=True)


def compiled(name: str, entries: tuple[Entry, ...], known: Known, *, inline: bool = False) -> Functions:
    """Machine code for some entry points, by their functions' names; kept under this name where there is a place."""
    by_name = {entry.function.__name__: entry for entry in entries}
    shelf = _shelves[0] if _shelves else None
    code = shelf.get(name) if shelf is not None else None
    if code is None:
        unit = Unit(Layout(ARRAYS), known, NICKNAME, inline=inline)
        for entry_name, entry in by_name.items():
            unit.entry(entry_name, entry)
        code = object_code(unit.module)
        if shelf is not None:
            shelf.put(name, code)
    return callables(code, by_name)
