"""Which of the kernel's plain functions the compiled engine calls, and the machine code that is made of them.

llvmlite is imported by the package `machine`, that package by this module, and this module when the compiled engine
first runs. Whoever drives the engine may name a place where code is kept (`keep_in`), so that a second process pays
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from typing import Any, Protocol

from models.kernel import arrivals, columns, keys, ledger, loop, station
from models.kernel import cache as caches
from models.kernel.machine.layout import Layout
from models.kernel.machine.native import callables, object_code
from models.kernel.machine.unit import Entry, Known, Unit
from models.kernel.specialisation import known_of, name_of
from models.kernel.steps import admit, hold, log, volume
from models.kernel.world import ARRAYS, NICKNAME, World

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
    loop.advance, loop.act, loop.submit, loop.wake_clients, loop.issue_parked,
    station.station_resize, station.station_pause, station.station_resume, station.station_slow,
    station.station_down, station.station_up, admit.refresh_bucket, caches.cache_flush,
    caches.cache_save, caches.cache_restore, caches.cache_sizes, caches.cache_move,
    hold.room_clear, log.log_go, ledger.ledger_audit, ledger.ledger_copy, ledger.ledger_save,
    volume.volume_halt, volume.volume_interrupt, volume.volume_recover, volume.volume_gossip, volume.volume_wipe,
    volume.volume_suffice, volume.volume_learn,
    ledger.ledger_restore, ledger.ledger_move, ledger.ledger_share, ledger.ledger_begin,
))  # fmt: skip
"""What acts on a world."""
ALONE = tuple(entry for entry in LOOP if entry.function in (
    loop.advance, loop.wake_clients, ledger.ledger_audit, ledger.ledger_begin,
))  # fmt: skip
"""Those of them that a run without control needs."""
BLOCKS = tuple(Entry(function) for function in (
    arrivals.fill_exponentials, arrivals.fill_pairs, arrivals.fill_operations, keys.fill_keys, columns.fill_columns,
))  # fmt: skip
"""What fills blocks with draws."""


class Loop:
    """The functions for all worlds of one structure: those that walk any system, until it pays to have some that are
    made for these worlds alone.

    It pays at once where they are kept already. Else they are compiled when so much has been simulated that compiling
    would take an eighth of the time: what has run long will likely run as long again, and saves about that much.

    Args:
        name: Of the structure.
        known: What is known of such worlds.
        entries: What is called for them.
        sites: Places on their routes, which say how long compiling takes.
    """

    def __init__(self, name: str, known: Known, entries: tuple[Entry, ...], sites: int) -> None:
        self._name, self._known, self._entries = name, known, entries
        self._left = EVENTS_TO_PAY + EVENTS_TO_PAY_PER_SITE * sites
        self._lock, self._looked = Lock(), False
        self._functions: Functions | None = None

    def functions(self, *, wanted: bool | None = None) -> Functions:
        """The functions to call now.

        Args:
            wanted: Whether they are to be specialised; None: if it pays.
        """
        if wanted is False or (wanted is None and self._lock.locked()):
            # While another thread compiles, there is something to do meanwhile.
            return interpreting()
        with self._lock:
            compiling = wanted or self._left <= 0
            if self._functions is None and (compiling or not self._looked):
                by_name, self._looked = _by_name(self._entries), True
                code = _kept_code(self._name)
                if code is None and compiling:
                    code = _made_code(self._name, by_name, self._known)
                if code is not None:
                    self._functions = {**interpreting(), **callables(code, by_name)}
        return interpreting() if self._functions is None else self._functions

    def ran(self, events: int) -> None:
        """So many events have come to pass without."""
        self._left -= events


EVENTS_TO_PAY, EVENTS_TO_PAY_PER_SITE = 50_000_000, 3_500_000
"""Events that take eight times as long as compiling does."""
_loops: dict[str, Loop] = {}


def loop_for(w: World, *, controlled: bool) -> Loop:
    """The loop for a world that has not begun to run.

    Args:
        w: The world.
        controlled: Whether control may act on it.
    """
    entries = LOOP if controlled else ALONE
    known = known_of(w, controlled=controlled)
    name = name_of(known, [entry.function.__name__ for entry in entries])
    return _loops.setdefault(name, Loop(name, known, entries, len(w.sites)))


@cache
def interpreting() -> Functions:
    """A loop that walks any system, and all that control does to a world."""
    return _compiled("loop", LOOP)


@cache
def drawing() -> Functions:
    """Draws by the block."""
    return _compiled("blocks", BLOCKS, inline=True)


def _compiled(name: str, entries: tuple[Entry, ...], *, inline: bool = False) -> Functions:
    by_name = _by_name(entries)
    return callables(_kept_code(name) or _made_code(name, by_name, Known(), inline=inline), by_name)


def _by_name(entries: tuple[Entry, ...]) -> dict[str, Entry]:
    return {entry.function.__name__: entry for entry in entries}


def _kept_code(name: str) -> bytes | None:
    return _shelves[0].get(name) if _shelves else None


def written(entries: Mapping[str, Entry], known: Known, *, inline: bool = False) -> Unit:
    """Some entry points written down for LLVM, with those facts alone that hold whatever they do."""
    while True:
        unit = Unit(Layout(ARRAYS), known, NICKNAME, inline=inline)
        for name, entry in entries.items():
            unit.entry(name, entry)
        if not unit.broken:
            return unit
        known = known.without(unit.broken)


def _made_code(name: str, entries: Mapping[str, Entry], known: Known, *, inline: bool = False) -> bytes:
    """Object code of some entry points, kept where there is a place."""
    code = object_code(written(entries, known, inline=inline).module)
    if _shelves:
        _shelves[0].put(name, code)
    return code
