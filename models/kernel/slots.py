"""Slots, lists and events of the compiled engine: what its steps and its loop both stand on.

Plain functions on a `World`, compiled when the engine runs. Nothing here allocates: free slots are linked in lists, and
`has_room` says whether there are enough of them for whatever one walk can start.
"""

from __future__ import annotations

from typing import Any

from models.kernel.laws import (
    CONSTANT,
    EXPONENTIAL,
    GENERALIZED_EXTREME_VALUE,
    GENERALIZED_PARETO,
    LOGNORMAL,
    LOGS,
    NORMALS,
    PARETO,
    PLAIN,
    UNIFORM,
    WEIBULL,
    draw_law,
    of_standard,
)
from models.kernel.numerics import log, normal_quantile_of_one
from models.kernel.random import uniforms

WAKE, TIMER, RETRY, CLIENT, AHEAD = range(5)
"""Kinds of events: a walk goes on; an operation's next deadline; a wait before a retry is over; a client of a closed
source has thought; the clock comes to where a walk went ahead of it."""
ANSWERED, QUEUE_GREW, FAILED = range(3)
"""Kinds of wakeups: control's own request is answered; a queue, or the failures of an operation, have come to a
mark."""
NEXT = 2
"""From one event's number to the next; between them is room for a walk that went ahead of the clock."""
PROBE_CLIENT = (1 << 24) - 1
PRIMING_CLIENT = (1 << 24) - 2
"""Clients of their own for control's requests and for those before time zero."""
MARGIN = 32
"""Events, walks and wakeups that a walk, and the event after it, may start beside the legs of its forks."""


def has_room(w: Any) -> bool:
    """Whether one more walk can start all that it may start, and the event after it too."""
    clock = w.clock[0]
    return bool(
        clock.spare_tokens > clock.reserve
        and clock.spare_requests > clock.reserve
        and clock.heap < clock.heap_most
        and clock.wakeups < clock.wakeups_most
        and clock.spare_entries >= clock.fills
        and w.ledger[0].spare >= w.ledger[0].orders
        and w.volume[0].spare >= w.volume[0].appends + w.volume[0].queued
    )


def take_token(w: Any, r: int) -> int:
    """A free slot for a walk of a request."""
    clock = w.clock[0]
    i = clock.free_tokens
    token = w.tokens[i]
    clock.free_tokens = token.after
    clock.spare_tokens -= 1
    token.request, token.error, token.parts, token.where, token.held = r, 0, 0, -1, -1
    w.requests[r].tokens += 1
    return int(i)


def free_token(w: Any, i: int) -> None:
    """A walk has ended; what was to wake it is stale."""
    clock, token = w.clock[0], w.tokens[i]
    r = token.request
    token.stamp += 1
    token.join += 1
    token.after = clock.free_tokens
    clock.free_tokens = i
    clock.spare_tokens += 1
    w.requests[r].tokens -= 1
    if w.requests[r].tokens == 0 and w.requests[r].settled:
        free_request(w, r)


def free_request(w: Any, r: int) -> None:
    """Nobody waits for this request and nothing walks for it any more."""
    clock = w.clock[0]
    w.requests[r].after = clock.free_requests
    clock.free_requests = r
    clock.spare_requests += 1


def take_entry(w: Any) -> int:
    """A free slot for an object in a cache: one that was given back, or the next that never was used."""
    clock = w.clock[0]
    clock.spare_entries -= 1
    i = clock.free_entries
    if i >= 0:
        clock.free_entries = w.entries[i].after
    else:
        i = clock.entries
        clock.entries += 1
    return int(i)


def free_entry(w: Any, i: int) -> None:
    """An object has left a cache."""
    clock = w.clock[0]
    w.entries[i].after = clock.free_entries
    clock.free_entries = i
    clock.spare_entries += 1


def ready_put(clock: Any, tokens: Any, i: int) -> None:
    """Put a walk in line."""
    tokens[i].after = -1
    if clock.ready_head < 0:
        clock.ready_head = i
    else:
        tokens[clock.ready_tail].after = i
    clock.ready_tail = i


def stamp_of(stamp: int) -> int:
    """As much of a stamp as an event carries."""
    return stamp & 0xFFFFFFF


def heap_push(clock: Any, heap: Any, time: float, kind: int, who: int, stamp: int) -> None:
    """Schedule an event now; those of one time keep their order."""
    heap_put(clock, heap, time, clock.now, clock.seq, kind, who, stamp)
    clock.seq += NEXT


def heap_put(
    clock: Any, heap: Any, time: float, since: float, seq: int, kind: int, who: int, stamp: int
) -> None:  # fmt: skip
    """Schedule an event, among those of one time behind what was scheduled before."""
    i = clock.heap
    clock.heap = i + 1
    while i > 0:
        parent = (i - 1) >> 1
        above = heap[parent]
        if above.time < time or (above.time == time and comes_before(above, since, seq)):
            break
        here = heap[i]
        here.time, here.since, here.seq, here.what = above.time, above.since, above.seq, above.what
        i = parent
    here = heap[i]
    here.time, here.since, here.seq, here.what = time, since, seq, kind | who << 3 | stamp_of(stamp) << 35


def comes_before(event: Any, since: float, seq: int) -> bool:
    """Whether an event comes before another of its time."""
    return bool(event.since < since or (event.since == since and event.seq < seq))


def heap_pop(clock: Any, heap: Any) -> None:
    """Remove the first event."""
    n = clock.heap - 1
    clock.heap = n
    last = heap[n]
    time, since, seq, what, i = last.time, last.since, last.seq, last.what, 0
    child = 1
    while child < n:
        below = heap[child]
        if child + 1 < n:
            other = heap[child + 1]
            if other.time < below.time or (other.time == below.time and comes_before(other, below.since, below.seq)):
                child += 1
                below = other
        if time < below.time or (time == below.time and not comes_before(below, since, seq)):
            break
        here = heap[i]
        here.time, here.since, here.seq, here.what = below.time, below.since, below.seq, below.what
        i = child
        child = 2 * i + 1
    here = heap[i]
    here.time, here.since, here.seq, here.what = time, since, seq, what


def room_release(w: Any, i: int) -> None:
    """Compiled form of `RoomState.hand_over`."""
    token = w.tokens[i]
    waiting, w.owners[token.held] = token.first, token.first + 1
    if waiting >= 0:
        other = w.tokens[waiting]
        after = other.after
        other.held, other.first, other.last = token.held, after, token.last if after >= 0 else -1
        ready_put(w.clock[0], w.tokens, waiting)
    token.held = -1


def start_walk(w: Any, r: int, entry: int) -> None:
    """The walk of an attempt."""
    i = take_token(w, r)
    token = w.tokens[i]
    token.site, token.attempt, token.branch, token.leg = entry, w.requests[r].attempt, 0, w.requests[r].leg
    token.parent, token.version, token.access, token.record = -1, 0, 0, 0
    token.key, token.items = w.requests[r].key, w.requests[r].items
    for group in range(w.clock[0].groups):
        token.members[group] = 0
    ready_put(w.clock[0], w.tokens, i)


def start_leg(w: Any, parent: int, leg: int, entry: int) -> int:
    """A walk down one leg of a fork; returns its slot."""
    above = w.tokens[parent]
    i = take_token(w, above.request)
    token = w.tokens[i]
    token.site, token.attempt, token.branch, token.leg = entry, above.attempt, above.branch * 64 + leg + 1, leg
    token.parent, token.parent_join = parent, above.join
    token.version, token.access, token.record = above.version, above.access, above.record
    token.key, token.items = above.key, above.items
    for group in range(w.clock[0].groups):
        token.members[group] = above.members[group]
    ready_put(w.clock[0], w.tokens, i)
    return i


def draw(w: Any, token: Any, site: Any, law: int) -> float:
    """The variate of a site for a token's identity."""
    kind, at = w.law_kinds[law], w.law_starts[law]
    if kind == CONSTANT:
        return float(w.law_data[at])
    if kind in (EXPONENTIAL, WEIBULL, PARETO, GENERALIZED_PARETO, GENERALIZED_EXTREME_VALUE):
        return of_standard(kind, w.law_data, at, standard_draw(w, token, site, LOGS))
    if kind == LOGNORMAL:
        return of_standard(kind, w.law_data, at, standard_draw(w, token, site, NORMALS))
    if kind == UNIFORM:
        return of_standard(kind, w.law_data, at, standard_draw(w, token, site, PLAIN))
    request, stream = w.requests[token.request], site.stream
    return float(
        draw_law(
            w.law_kinds, w.law_starts, w.law_data, law, w.keys[stream, 0], w.keys[stream, 1],
            request.ordinal, request.client, token.attempt, token.branch, site.visit,
        )
    )  # fmt: skip


def standard_draw(w: Any, token: Any, site: Any, form: int) -> float:
    """What a walk draws at a site: from its column, or drawn now."""
    request = w.requests[token.request]
    if site.column >= 0:
        index = site.column + token.branch
        column = w.columns[index]
        column.used += 1
        if request.spot >= 0 and column.first <= request.ordinal < column.end:
            return float(w.drawn[index, request.spot])
    key = w.keys[site.stream]
    u, _ = uniforms(key[0], key[1], request.ordinal, request.client, token.attempt, token.branch, site.visit, 0)
    return float(standard(form, u))


def standard(form: int, u: float) -> float:
    """The part of a variate that does not depend on its law's parameters."""
    if form == LOGS:
        return float(-log(u))
    if form == NORMALS:
        return float(normal_quantile_of_one(u))
    return u


def wake_control(w: Any, kind: int, who: int, value: int, latency: float) -> None:
    """Something that control waits for has happened."""
    clock = w.clock[0]
    wakeup = w.wakeups[clock.wakeups]
    wakeup.kind, wakeup.who, wakeup.value, wakeup.latency = kind, who, value, latency
    clock.wakeups += 1
