"""The compiled engine's loop: events, walks, requests. Plain functions on a `World`, compiled when the engine runs.

It is the SimPy engine's counterpart, line by line where it can be: `ready`, `drain`, `finish`, `vanish`, `fail` and
`settle` mean the same there. Nothing here allocates: before each walk the loop looks whether there is room for what one
walk can start, and returns for more when there is not.
"""

from __future__ import annotations

import math
from typing import Any

from models.kernel.amounts import ITEMS_MAX, SIZE_BYTES_MAX
from models.kernel.codes import (
    GONE,
    OP_ADMIT,
    OP_ALLOCATE,
    OP_APPEND,
    OP_APPLY,
    OP_ATTEMPT,
    OP_AWAIT,
    OP_CATCH,
    OP_CHOOSE,
    OP_DELAY,
    OP_DROP,
    OP_EACH,
    OP_ENTER,
    OP_FILL,
    OP_FIND,
    OP_FIT,
    OP_FORK,
    OP_GUARD,
    OP_LEAVE,
    OP_LOOKUP,
    OP_NEEDED,
    OP_OCCUPY,
    OP_ORDER,
    OP_PASS,
    OP_PEEK,
    OP_PERSIST,
    OP_READ,
    OP_RECEIVE,
    OP_REDIRECT,
    OP_RELEASE,
    OP_REPORT,
    OP_SEEK,
    OP_SERVE,
    OP_VIA,
)
from models.kernel.fetching import fetch_ahead
from models.kernel.instant import ask_at_once, count_run, has_room_at_once, stand_ready
from models.kernel.keys import LATEST, draw_key
from models.kernel.laws import draw_law
from models.kernel.ledger import ledger_finished
from models.kernel.random import uniforms
from models.kernel.recorder import record_settled, set_now, set_time
from models.kernel.slots import (
    AHEAD,
    ANSWERED,
    CLIENT,
    FAILED,
    NEXT,
    PRIMING_CLIENT,
    PROBE_CLIENT,
    RETRY,
    TIMER,
    WAKE,
    comes_before,
    free_request,
    free_token,
    has_room,
    heap_pop,
    heap_push,
    heap_put,
    ready_put,
    stamp_of,
    start_walk,
    wake_control,
)
from models.kernel.station import station_complete
from models.kernel.steps.admit import admit
from models.kernel.steps.ahead import go_ahead
from models.kernel.steps.choose import choose, redirect
from models.kernel.steps.each import each
from models.kernel.steps.fork import fork, join_leg, needed
from models.kernel.steps.hold import enter, leave, pass_by
from models.kernel.steps.instead import by_attempt, catch, guard
from models.kernel.steps.log import append, receive
from models.kernel.steps.lookup import drop, fill, fit, look_up, peek
from models.kernel.steps.occupy import occupy, release
from models.kernel.steps.serve import serve
from models.kernel.steps.travel import delay, via
from models.kernel.steps.versions import apply, order, read
from models.kernel.steps.volume import allocate, find, persist, report, seek, wait_durable
from models.kernel.system import THROTTLED, TIMEOUT
from models.kernel.timers import start_timer, stop_timer, timed_out

NOBODY, UNKNOWN, LATER = -1, -2, -3
"""Instead of the source whose request comes next, or of the walk that goes on."""
NOTHING, ROOM, REQUESTS, CONTROL, STUCK, TIED = range(6)
"""What the loop returns for: time is up; more room; more requests of a source; control is woken; time stands still; a
walk that went ahead of the clock has its place in the order of events together with others."""


def advance(w: Any, until: float) -> int:
    """Run all events before `until`; returns what it needs, and nothing is half done then.

    It is the one way into the loop, so that the loop is compiled once: for what is ready now, with a time in the past,
    and before time zero too.
    """
    clock = w.clock[0]
    if clock.priming:
        return int(prime(w))
    if clock.instant:
        return int(replay(w, until))
    if clock.ready_head >= 0:
        drain(w)
        if clock.need:
            return int(clock.need)
        if clock.wakeups:
            return CONTROL
    find_next(w)
    while True:
        if clock.next_source == UNKNOWN:
            return REQUESTS
        if arrival_is_next(w):
            if clock.next_time >= until:
                break
            arrive(w, clock.next_source)
        else:
            if clock.heap == 0 or w.heap[0].time >= until:
                break
            if not happen(w):
                return TIED
        drain(w)
        if clock.tied:
            return TIED
        if clock.need:
            return int(clock.need)
        if clock.wakeups:
            return CONTROL
    return NOTHING


def happen(w: Any) -> bool:
    """Let the first event happen, if it is still to; false where its place among others is not known."""
    clock, top = w.clock[0], w.heap[0]
    now, since, seq, what = top.time, top.since, top.seq, top.what
    kind, who, stamp = what & 7, (what >> 3) & 0xFFFFFFFF, what >> 35
    heap_pop(clock, w.heap)
    if kind == WAKE:
        token = w.tokens[who]
        if stamp_of(token.stamp) == stamp:
            tick(w, clock, now, since)
            if token.where >= 0:
                station_complete(w, token.where, who, token)
            else:
                ready_put(clock, w.tokens, who)
    elif kind == AHEAD:
        first = first_ahead(w, now, since, who)
        if first == UNKNOWN:
            return False
        if first != LATER:
            # Its steps have been counted.
            come_to(w, clock, now, since)
            ready_put(clock, w.tokens, first)
    elif kind == CLIENT:
        tick(w, clock, now, since)
        wake_client(w, stamp, who)
    elif kind == TIMER:
        late = timed_out(w, who, now, seq)
        if late >= 0:
            tick(w, clock, now, since)
            fail(w, late, TIMEOUT)
    elif stamp_of(w.requests[who].stamp) == stamp:
        tick(w, clock, now, since)
        attempt(w, who)
    return True


def find_next(w: Any) -> None:
    """Find the open source whose request comes next, as long as each has told of its next."""
    clock = w.clock[0]
    clock.next_source, clock.next_time = NOBODY, math.inf
    seq = 0
    for s in range(w.sources.shape[0]):
        source = w.sources[s]
        if source.closed == 0:
            if source.block_at == source.block_end:
                if source.more:
                    clock.next_source = UNKNOWN
                    return
                continue
            time = w.block_times[source.block_at]
            if clock.next_source < 0 or time < clock.next_time or (time == clock.next_time and source.seq < seq):
                clock.next_source, clock.next_time, seq = s, time, source.seq


def arrival_is_next(w: Any) -> bool:
    """Whether a request of an open source comes before all other events."""
    clock = w.clock[0]
    if clock.next_source < 0:
        return False
    if clock.heap == 0:
        return True
    top = w.heap[0]
    if clock.next_time != top.time:
        return bool(clock.next_time < top.time)
    source = w.sources[clock.next_source]
    return not comes_before(top, source.since, source.seq)


def first_ahead(w: Any, time: float, since: float, i: int) -> int:
    """Which walk goes on, now that the clock comes to one that went ahead of it: this one, or another of its time.

    Of two events of one time that were scheduled since one time, that comes first which was scheduled in the event that
    came first: which had been scheduled earlier itself. Beyond that, nobody knows. Walks that went ahead are asked
    before all others of their time; one that others come before is put behind the last of those.

    Returns:
        Its slot, or `LATER`, or `UNKNOWN`.
    """
    clock = w.clock[0]
    arriving = clock.next_time == time and w.sources[clock.next_source].since == since
    if not arriving and (clock.heap == 0 or w.heap[0].time != time or w.heap[0].since != since):
        return i
    first = i
    for k in range(clock.heap):
        event = w.heap[k]
        if event.time == time and event.since == since and (event.what & 7) == AHEAD:
            other = (event.what >> 3) & 0xFFFFFFFF
            if w.tokens[other].origin == w.tokens[first].origin:
                return UNKNOWN
            if w.tokens[other].origin < w.tokens[first].origin:
                event.what = AHEAD | first << 3 | stamp_of(w.tokens[first].stamp) << 35
                first = other
    origin, last = w.tokens[first].origin, -1
    if arriving:
        source = w.sources[clock.next_source]
        if source.origin == origin:
            return UNKNOWN
        if source.origin < origin:
            last = source.seq
    for k in range(clock.heap):
        event = w.heap[k]
        if event.time == time and event.since == since and (event.what & 7) != AHEAD:
            other = (event.what >> 3) & 0xFFFFFFFF
            if (event.what & 7) != WAKE or w.tokens[other].origin == origin:
                return UNKNOWN
            if w.tokens[other].origin < origin:
                last = max(last, event.seq)
    if last < 0:
        return int(first)
    heap_put(clock, w.heap, time, since, last + 1, AHEAD, first, w.tokens[first].stamp)
    return LATER


def tick(w: Any, clock: Any, now: float, since: float) -> None:
    """An event has come."""
    clock.events += 1
    come_to(w, clock, now, since)


def come_to(w: Any, clock: Any, now: float, since: float) -> None:
    """The clock comes to an event, which was scheduled since some time."""
    clock.since = since
    if now != clock.now:
        set_now(clock, w.tally, now)


def drain(w: Any) -> None:
    """Let all that is ready walk to its first positive delay."""
    clock = w.clock[0]
    clock.need = NOTHING
    while clock.ready_head >= 0:
        if not has_room(w):
            clock.need = ROOM
            return
        clock.walks += 1
        if clock.walks > clock.walks_max:
            if clock.now == clock.walks_at:
                clock.need = STUCK
                return
            clock.walks, clock.walks_at = 0, clock.now
        i = clock.ready_head
        clock.ready_head = w.tokens[i].after
        walk(w, i)


def walk(w: Any, i: int) -> None:
    """Let one token walk on."""
    clock, token = w.clock[0], w.tokens[i]
    index = token.site
    while index > 0:
        site = w.sites[index]
        if token.error and not site.carries:
            index = site.next
            continue
        if site.ahead and clock.ahead:
            index = go_ahead(w, i, token, index)
            continue
        token.place, token.site = index, site.next
        op = site.op
        if op == OP_DELAY:
            index = delay(w, i, token, site)
        elif op == OP_SERVE:
            index = serve(w, i, token, site)
        elif op == OP_CHOOSE:
            index = choose(w, token, site)
        elif op == OP_LOOKUP:
            index = look_up(w, token, site)
        elif op == OP_FILL:
            index = fill(w, token, site)
        elif op == OP_VIA:
            index = via(w, token, site)
        elif op == OP_FORK:
            index = fork(w, i, token, site)
        elif op == OP_EACH:
            index = each(w, i, token, site)
        elif op == OP_ADMIT:
            index = admit(w, token, site)
        elif op == OP_READ:
            index = read(w, token, site)
        elif op == OP_APPLY:
            index = apply(w, token, site)
        elif op == OP_ORDER:
            index = order(w, token, site)
        elif op == OP_ENTER:
            index = enter(w, i, token, site)
        elif op == OP_LEAVE:
            index = leave(w, i, token, site)
        elif op == OP_PASS:
            index = pass_by(w, i, token, site)
        elif op == OP_OCCUPY:
            index = occupy(w, i, token, site)
        elif op == OP_APPEND:
            index = append(w, token, site)
        elif op == OP_RECEIVE:
            index = receive(w, i, token, site)
        elif op == OP_REDIRECT:
            index = redirect(w, token, site)
        elif op == OP_CATCH:
            index = catch(token, site)
        elif op == OP_GUARD:
            index = guard(token, site)
        elif op == OP_ATTEMPT:
            index = by_attempt(token, site)
        elif op == OP_RELEASE:
            index = release(w, token, site)
        elif op == OP_DROP:
            index = drop(w, token, site)
        elif op == OP_PEEK:
            index = peek(w, token, site)
        elif op == OP_PERSIST:
            index = persist(w, i, token, site)
        elif op == OP_REPORT:
            index = report(w, token, site)
        elif op == OP_ALLOCATE:
            index = allocate(w, i, token, site)
        elif op == OP_AWAIT:
            index = wait_durable(w, i, token, site)
        elif op == OP_SEEK:
            index = seek(w, token, site)
        elif op == OP_FIND:
            index = find(w, token, site)
        elif op == OP_NEEDED:
            index = needed(w, i, token, site)
        elif op == OP_FIT:
            index = fit(w, token, site)
        else:
            index = GONE
    if index == 0:
        finish(w, i, token)


def finish(w: Any, i: int, token: Any) -> None:
    """A walk has come to the end of its route."""
    r = token.request
    request = w.requests[r]
    if token.parent >= 0:
        join_leg(w, token)
    elif request.settled == 0 and request.attempt == token.attempt:
        if token.error == 0 and token.access:
            ledger_finished(w, token, request)
        if w.clock[0].priming:
            request.settled = 1
        elif token.error:
            fail(w, r, token.error)
        else:
            settle(w, r, 0)
    free_token(w, i)


def prime(w: Any) -> int:
    """Replay the block's requests through the caches, every delay taken as zero; returns what it needs."""
    clock, source = w.clock[0], w.sources[0]
    if clock.past_instant:
        stand_ready(w, PRIMING_CLIENT)
    while True:
        drain(w)
        if clock.need:
            return int(clock.need)
        at = source.block_at
        if at == source.block_end:
            return NOTHING
        if clock.past_instant and not has_room_at_once(w):
            return ROOM
        source.block_at += 1
        clock.now = w.block_times[at]
        if clock.past_instant:
            ask_at_once(w, 0, at, w.operations[w.block_operations[at]].past_entry)
            continue
        clock.walks = 0
        ordinal = source.ordinal
        source.ordinal += 1
        begin(
            w, 0, PRIMING_CLIENT, ordinal, w.block_operations[at], w.block_keys[at], w.block_sizes[at],
            w.block_items[at], w.block_ttls[at], -1,
        )  # fmt: skip


def replay(w: Any, until: float) -> int:
    """Run all requests before `until`, none of which takes any time; returns what it needs."""
    clock, need, ready = w.clock[0], NOTHING, NOBODY
    while True:
        find_next(w)
        s = clock.next_source
        if s == UNKNOWN:
            need = REQUESTS
            break
        if s == NOBODY or clock.next_time >= until:
            break
        if not has_room_at_once(w):
            need = ROOM
            break
        set_time(clock, clock.next_time)
        source = w.sources[s]
        if s != ready:
            ready = s
            stand_ready(w, source.client_base)
        at = source.block_at
        source.block_at += 1
        source.seq = clock.seq
        clock.seq += NEXT
        ask_at_once(w, s, at, w.operations[w.block_operations[at]].entry)
    count_run(w)
    return need


def act(w: Any, now: float) -> None:
    """Control acts: the data plane comes to the same instant, and what follows is not its own doing."""
    clock = w.clock[0]
    clock.walks = 0
    set_now(clock, w.tally, now)


def submit(w: Any, now: float, probe: int, operation: int, key: int, size: int, leg: int) -> bool:
    """A request of control's own begins; false, and nothing is done, where there is no room for it."""
    if not has_room(w):
        return False
    act(w, now)
    begin(w, 0, PROBE_CLIENT, probe, operation, key, size, 1, math.inf, probe, leg)
    return True


def wake_clients(w: Any, s: int) -> None:
    """The clients of a closed source think before their first request."""
    clock, source = w.clock[0], w.sources[s]
    stream = clock.work_stream + 3
    for client in range(source.clients):
        think_s = draw_law(
            w.law_kinds, w.law_starts, w.law_data, source.think_law, w.keys[stream, 0], w.keys[stream, 1],
            0, source.client_base + client, 0, 0, 1,
        )  # fmt: skip
        heap_push(clock, w.heap, think_s, CLIENT, client, s)


def issue_parked(w: Any, s: int, first: int) -> int:
    """A closed source goes on: clients that have thought meanwhile ask, in order; returns how many of them have, fewer
    than there are where there is no room for the next one.
    """
    clock, source = w.clock[0], w.sources[s]
    for index in range(first, source.parked_count):
        if not has_room(w):
            return int(index)
        if clock.now < clock.duration:
            issue(w, s, w.parked[s, index])
    count, source.parked_count = source.parked_count, 0
    return int(count)


# ---------------------------------------------------------------- requests


def arrive(w: Any, s: int) -> None:
    """An open source's next request."""
    clock, source = w.clock[0], w.sources[s]
    tick(w, clock, clock.next_time, source.since)
    clock.walks = 0
    at, ordinal = source.block_at, source.ordinal
    source.block_at += 1
    source.ordinal += 1
    source.origin, source.since, source.seq = source.since, clock.now, clock.seq
    clock.seq += NEXT
    find_next(w)
    fetch_ahead(w, at, source.block_end)
    if source.active:
        spot = ordinal & (w.drawn.shape[1] - 1) if s == 0 else -1
        begin(
            w, s, source.client_base, ordinal, w.block_operations[at], w.block_keys[at], w.block_sizes[at],
            w.block_items[at], w.block_ttls[at], -1, 0, spot,
        )  # fmt: skip


def wake_client(w: Any, s: int, client: int) -> None:
    """A closed source's client has thought."""
    clock, source = w.clock[0], w.sources[s]
    if source.active == 0:
        w.parked[s, source.parked_count] = client
        source.parked_count += 1
    elif clock.now < clock.duration:
        issue(w, s, client)


def issue(w: Any, s: int, client: int) -> None:
    """A closed source's client asks."""
    clock, source = w.clock[0], w.sources[s]
    ordinal = w.client_ordinals[s, client]
    w.client_ordinals[s, client] = ordinal + 1
    who, stream = source.client_base + client, clock.work_stream
    u1, u2 = uniforms(w.keys[stream, 0], w.keys[stream, 1], ordinal, who, 0, 0, 0, 0)
    key = draw_key(w.key_law[0], w.key_law[1], w.key_floats[0], w.key_floats[1], w.key_table, w.key_guide, u1, u2)
    operation = 0
    if w.shares.shape[0]:
        u1, _ = uniforms(w.keys[stream + 1, 0], w.keys[stream + 1, 1], ordinal, who, 0, 0, 0, 0)
        while operation < w.shares.shape[0] and w.shares[operation] <= u1:
            operation += 1
    if operation == source.insert:
        key = source.inserted % w.key_law[1]
        source.inserted += 1
    elif w.key_law[0] == LATEST:
        key = (key + source.inserted) % w.key_law[1]
    items = 1.0
    if w.operations[operation].several:
        items = draw_law(
            w.law_kinds, w.law_starts, w.law_data, source.items_law, w.keys[stream + 4, 0], w.keys[stream + 4, 1],
            ordinal, who, 0, 0, 0,
        )  # fmt: skip
    size = draw_law(
        w.law_kinds, w.law_starts, w.law_data, source.size_law, w.keys[stream + 2, 0], w.keys[stream + 2, 1],
        key, 0, 0, 0, 0,
    )  # fmt: skip
    key_size = draw_law(
        w.law_kinds, w.law_starts, w.law_data, source.key_size_law, w.keys[stream + 5, 0], w.keys[stream + 5, 1],
        key, 0, 0, 0, 0,
    )  # fmt: skip
    ttl = math.inf
    if source.ttl_law >= 0:
        ttl = draw_law(
            w.law_kinds, w.law_starts, w.law_data, source.ttl_law, w.keys[stream + 6, 0], w.keys[stream + 6, 1],
            key, 0, 0, 0, 0,
        )  # fmt: skip
    items = min(max(items, 1.0), float(ITEMS_MAX))
    size_bytes = math.ceil(min(size, SIZE_BYTES_MAX)) + math.ceil(min(key_size, SIZE_BYTES_MAX))
    begin(w, s, who, ordinal, operation, key, size_bytes, math.ceil(items), ttl, -1)


def begin(
    w: Any, source: int, client: int, ordinal: int, operation: int, key: int, size: int, items: int, ttl: float,
    probe: int, leg: int = 0, spot: int = -1,
) -> None:  # fmt: skip
    """A request begins."""
    clock = w.clock[0]
    r = clock.free_requests
    request = w.requests[r]
    clock.free_requests = request.after
    clock.spare_requests -= 1
    request.source, request.client, request.ordinal, request.operation = source, client, ordinal, operation
    request.key, request.size, request.items, request.ttl, request.arrival = key, size, items, ttl, clock.now
    request.attempt, request.tokens, request.settled, request.measured, request.probe = 0, 0, 0, 0, probe
    request.leg, request.spot = leg, spot
    if clock.priming == 0:
        if probe < 0:
            clock.simulated += 1
            if clock.now >= clock.warmup:
                request.measured = 1
                w.tally.requests_measured[operation] += 1
        attempt(w, r)
    else:
        start_walk(w, r, w.operations[operation].past_entry)


def attempt(w: Any, r: int) -> None:
    """An attempt begins, and its time runs."""
    request = w.requests[r]
    operation = w.operations[request.operation]
    if request.measured:
        w.tally.attempts_measured[request.operation] += 1
    if operation.timeout < math.inf:
        start_timer(w, r)
    start_walk(w, r, operation.entry)


def fail(w: Any, r: int, error: int) -> None:
    """An attempt has failed: try again after a while, or give up."""
    clock, request = w.clock[0], w.requests[r]
    operation = w.operations[request.operation]
    request.stamp += 1
    stop_timer(w, r)
    if request.attempt + 1 >= operation.max_attempts or not pay(w, request, error):
        settle(w, r, error)
        return
    wait_s = w.ceilings[2 * request.operation + (error == THROTTLED), request.attempt]
    request.attempt += 1
    request.spot = -1
    if wait_s > 0.0 and operation.jitter:
        stream = clock.backoff_stream
        u, _ = uniforms(w.keys[stream, 0], w.keys[stream, 1], request.ordinal, request.client, request.attempt, 0, 0, 0)
        wait_s = wait_s * u if operation.jitter == 1 else wait_s * 0.5 + wait_s * 0.5 * u
    if wait_s > 0.0:
        heap_push(clock, w.heap, clock.now + wait_s, RETRY, r, request.stamp)
    else:
        attempt(w, r)


def quota_of(w: Any, request: Any) -> int:
    """Compiled form of `SimpyPlane._quota`: its index, or -1."""
    operation = w.operations[request.operation]
    if operation.quota < 0 or request.probe >= 0:
        return -1
    who = request.client if w.sources[request.source].closed else request.ordinal
    return int(operation.quota + who % operation.processes)


def pay(w: Any, request: Any, error: int) -> bool:
    """Compiled form of `QuotaState.pay`, for whoever has a quota."""
    index = quota_of(w, request)
    if index < 0:
        return True
    quota = w.quotas[index]
    cost = quota.timeout_cost if error == TIMEOUT else quota.throttled_cost if error == THROTTLED else quota.cost
    if quota.tokens < cost:
        return False
    quota.tokens -= cost
    request.paid = cost
    return True


def refund(w: Any, request: Any) -> None:
    """Compiled form of `QuotaState.refund`, for whoever has a quota."""
    index = quota_of(w, request)
    if index >= 0:
        quota = w.quotas[index]
        back = request.paid if quota.returns_cost and request.attempt > 0 else quota.refund
        quota.tokens = min(quota.capacity, quota.tokens + back)


def settle(w: Any, r: int, error: int) -> None:
    """A request has come to its end; a client of a closed source thinks of its next."""
    clock, request = w.clock[0], w.requests[r]
    request.settled = 1
    request.stamp += 1
    stop_timer(w, r)
    if request.probe >= 0:
        wake_control(w, ANSWERED, request.probe, error, clock.now - request.arrival)
    else:
        record_settled(w, request.operation, clock.now - request.arrival, request.measured, error, clock.now)
        if error:
            operation = w.operations[request.operation]
            operation.failures += 1
            if operation.failures >= operation.watch_at:
                wake_control(w, FAILED, request.operation, operation.failures, 0.0)
        else:
            refund(w, request)
        if w.sources[request.source].closed:
            think(w, request.source, request.client, request.ordinal)
    if request.tokens == 0:
        free_request(w, r)


def think(w: Any, s: int, who: int, ordinal: int) -> None:
    """A client of a closed source has its answer."""
    clock, source = w.clock[0], w.sources[s]
    stream, client = clock.work_stream + 3, who - source.client_base
    think_s = draw_law(
        w.law_kinds, w.law_starts, w.law_data, source.think_law, w.keys[stream, 0], w.keys[stream, 1],
        ordinal, who, 0, 0, 0,
    )  # fmt: skip
    if think_s > 0.0:
        heap_push(clock, w.heap, clock.now + think_s, CLIENT, client, s)
    else:
        wake_client(w, s, client)
