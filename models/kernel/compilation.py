"""Turning the plain functions of the compiled forms into machine code, with numba, when the engine first runs.

numba is imported by this module and `numba_types`, and by nothing else. Whoever drives the engine may name a folder in
which compiled code is kept (`keep_in`), so that a second process pays nothing.
"""

# What numba keeps its code with has no types to speak of.
# mypy: disable-error-code="no-untyped-call, misc, list-item"

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

from models.kernel import amounts, arrivals, keys, laws, ledger, loop, numerics, random, recorder, slots, station
from models.kernel import cache as caches
from models.kernel.steps import admit, choose, each, fork, hold, lookup, serve, travel, versions

CALLED: tuple[Callable[..., Any], ...] = (
    numerics.log, numerics.exp, numerics.power, numerics.normal_quantile_of_one,
    numerics._central, numerics._middle, numerics._outer,
    random.philox, random.uniforms, random.mix,
    laws.exponential, laws.lognormal, laws.weibull, laws.pareto, laws.between, laws.draw_law,
    keys.ycsb_rank, keys.fnv, keys.draw_key,
    amounts.all_items, amounts.units, amounts.items_in_part,
    recorder.to_ticks, recorder.to_area_ticks, recorder.bin_of, recorder.window_of, recorder.close_batch,
    recorder.record_settled, recorder.record_drawn, recorder.record_read,
    ledger.ledger_order, ledger.ledger_put, ledger.ledger_acknowledge, ledger.ledger_superseded_at, ledger.ledger_row,
    ledger.ledger_finished, slots.room_release,
    hold.enter, hold.leave, hold.pass_by, versions.order, versions.apply, versions.read,
    recorder.shift_level, recorder.set_now,
    slots.vanish, slots.start_leg, slots.wake_control, slots.free_request, slots.ready_put, slots.stamp_of,
    slots.heap_push, slots.heap_pop, slots.start_walk, slots.take_token, slots.free_token, slots.draw, slots.has_room,
    slots.take_entry, slots.free_entry,
    station.station_has_room, station.station_enter, station.station_start, station.station_complete,
    station.station_take_waiting,
    caches.cache_lookup, caches.cache_fill, caches.cache_has_newer, caches.cache_drop,
    caches.cache_touch, caches.cache_make_room, caches.cache_link, caches.cache_unlink,
    travel.via, travel.delay, serve.serve, choose.choose, lookup.look_up, lookup.fill, lookup.drop,
    admit.admit, admit.bucket_refresh, fork.fork, fork.quorum_met, fork.join_leg,
    each.each, each.begin_part, each.join_part,
    loop.prime, loop.tick, loop.drain, loop.walk, loop.finish, loop.begin, loop.attempt, loop.arrive, loop.settle,
    loop.fail, loop.quota_of, loop.pay, loop.refund, loop.think, loop.issue,
)  # fmt: skip
"""Plain functions that compiled code calls."""


@cache
def _prepared() -> Any:
    """numba, told how to compile the kernel's plain functions wherever compiled code calls them."""
    import numba
    from numba.extending import register_jitable

    importlib.import_module("models.kernel.numba_types")
    for function in CALLED:
        register_jitable(error_model="numpy")(function)
    return numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the kernel, compiled; kept on disk where there is a place for it."""
    dispatcher: Callable[..., Any] = _prepared().njit(nogil=True, error_model="numpy")(function)
    _keep(dispatcher)
    return dispatcher


_shelf: dict[str, str] = {}
"""The folder where compiled code is kept, and the stamp that it must bear; empty: nowhere."""


def keep_in(folder: str, stamp: str) -> None:
    """Keep compiled code in a folder, under a stamp that changes with whatever it was made from.

    To be called before the first function is compiled; otherwise each process compiles for itself.
    """
    _shelf.update(folder=folder, stamp=stamp)


def _keep(dispatcher: Any) -> None:
    """Let numba keep a function's code under our name for it."""
    if not _shelf:
        return
    from numba.core import caching

    class Place(caching._CacheLocator):
        """Files named after the content, whatever file the function came from."""

        def __init__(self, function: Any) -> None:
            self._name = str(function.__qualname__)

        def get_cache_path(self) -> str:
            return f"{_shelf['folder']}/{_shelf['stamp']}"

        def get_source_stamp(self) -> str:
            return _shelf["stamp"]

        def get_disambiguator(self) -> str:
            return self._name

        @classmethod
        def from_function(cls, function: Any, path: str) -> Any:  # noqa: ARG003 - numba's contract
            return cls(function)

    class Implementation(caching.CompileResultCacheImpl):
        _locator_classes = [Place]  # noqa: RUF012 - numba's contract

    class Cache(caching.FunctionCache):
        _impl_class = Implementation

    dispatcher._cache = Cache(dispatcher.py_func)


@cache
def functions() -> dict[str, Callable[..., Any]]:
    """The kernel's compiled entry points, by name."""
    entries: tuple[Callable[..., Any], ...] = (
        loop.advance, loop.submit, loop.wake_clients, loop.issue_parked,
        station.station_resize, station.station_pause, station.station_resume, station.station_slow,
        station.station_down, station.station_up, admit.refresh_bucket, caches.cache_flush,
        hold.room_clear, ledger.ledger_audit, ledger.ledger_copy, ledger.ledger_begin,
        arrivals.fill_exponentials, arrivals.fill_pairs, keys.fill_keys,
    )  # fmt: skip
    return {function.__name__: compiled(function) for function in entries}
