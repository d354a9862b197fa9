"""Requests whose whole way takes no time: a trace replayed through a cache, or the past before a run.

Such a request is over at the instant that it arrives at. So there is never more than one, it needs no slot of its own
and no event, and requests need only be taken one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.kernel.codes import (
    OP_APPLY,
    OP_CHOOSE,
    OP_DROP,
    OP_FILL,
    OP_LOOKUP,
    OP_ORDER,
    OP_READ,
    OP_SERVE,
    OP_VIA,
)
from models.kernel.fetching import fetch_ahead
from models.kernel.ledger import ledger_finished
from models.kernel.recorder import record_at_once
from models.kernel.steps.choose import choose
from models.kernel.steps.lookup import drop, fill, look_up
from models.kernel.steps.travel import via
from models.kernel.steps.versions import apply, order, read

if TYPE_CHECKING:
    from models.kernel.program import Program


def is_instant(program: Program, entries: list[int]) -> bool:
    """Whether nothing takes time on any way from some sites to their route's end, nor parts, nor can fail."""
    return all(site.step.is_instant for site in program.reached(entries))


def has_room_at_once(w: Any) -> bool:
    """Whether there is room for all that one request may put in caches, or write."""
    clock, ledger = w.clock[0], w.ledger[0]
    return bool(clock.spare_entries >= clock.fills and ledger.spare >= ledger.orders)


def stand_ready(w: Any, client: int) -> None:
    """What all requests have in common, and their walks; they take the first free slots, one after the other."""
    clock = w.clock[0]
    request, token = w.requests[clock.free_requests], w.tokens[clock.free_tokens]
    request.client, request.probe, request.spot = client, -1, -1
    token.request, token.attempt, token.branch, token.leg, token.error = clock.free_requests, 0, 0, 0, 0


def ask_at_once(w: Any, s: int, at: int, entry: int) -> None:
    """A request of a source's block comes, and goes all of its way from its entry."""
    clock, source = w.clock[0], w.sources[s]
    fetch_ahead(w, at, source.block_end)
    request, token = w.requests[clock.free_requests], w.tokens[clock.free_tokens]
    request.ordinal = source.ordinal
    source.ordinal += 1
    request.operation, request.key, request.size = w.block_operations[at], w.block_keys[at], w.block_sizes[at]
    request.items, request.ttl, request.arrival = w.block_items[at], w.block_ttls[at], clock.now
    request.measured = 1 if clock.priming == 0 and clock.now >= clock.warmup else 0
    token.key, token.items, token.version, token.access = request.key, request.items, 0, 0
    for group in range(clock.groups):
        token.members[group] = 0
    walk_at_once(w, token, entry)
    if token.access:
        ledger_finished(w, token, request)
    if clock.priming == 0:
        settle_at_once(w, request.operation, request.measured)


def settle_at_once(w: Any, op: int, measured: int) -> None:
    """A request has come to its end; those in a row that count for the same are counted together."""
    clock = w.clock[0]
    if op != clock.run_operation or measured != clock.run_measured or clock.batch_now != clock.run_batch:
        count_run(w)
        clock.run_operation, clock.run_measured = op, measured
        clock.run_window, clock.run_batch = clock.window_now, clock.batch_now
    clock.run += 1


def count_run(w: Any) -> None:
    """Count requests in a row, which all were answered in no time."""
    clock = w.clock[0]
    if clock.run:
        clock.simulated += clock.run
        clock.events += clock.run
        record_at_once(w, clock.run_operation, clock.run_window, clock.run_batch, clock.run_measured, clock.run)
        clock.run = 0


def walk_at_once(w: Any, token: Any, index: int) -> None:
    """Let a walk go its whole way."""
    while index > 0:
        site = w.sites[index]
        op = site.op
        if op == OP_LOOKUP:
            index = look_up(w, token, site)
        elif op == OP_FILL:
            index = fill(w, token, site)
        elif op == OP_SERVE:
            w.stations[site.a + token.members[site.b]].started += 1
            index = site.next
        elif op == OP_CHOOSE:
            index = choose(w, token, site)
        elif op == OP_VIA:
            index = via(w, token, site)
        elif op == OP_DROP:
            index = drop(w, token, site)
        elif op == OP_READ:
            index = read(w, token, site)
        elif op == OP_APPLY:
            index = apply(w, token, site)
        elif op == OP_ORDER:
            index = order(w, token, site)
        else:
            index = site.next
