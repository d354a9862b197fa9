"""Walks that go ahead of the clock: where nothing on the way is seen by anybody else, no event is needed to know when
the walk comes to its end; and none at all where nobody waits for that.

Only a run without control has such ways: links are up and at their own speed, stations without limit take whoever
comes, and others serve in turn (see `turns`). What is counted on the way, services begun, levels and answers, is
counted with the times that the walk is at; what would come to pass after the run's end is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.kernel.codes import GONE, OP_CHOOSE, OP_DELAY, OP_OCCUPY, OP_SERVE, OP_VIA, PARKED
from models.kernel.parts import UNLIMITED
from models.kernel.recorder import record_settled, shift_level_between
from models.kernel.slots import AHEAD, WAKE, free_token, heap_push, heap_put
from models.kernel.station import work_of
from models.kernel.steps.choose import choose
from models.kernel.steps.travel import delay_of, via
from models.kernel.turns import serve_in_turn

if TYPE_CHECKING:
    from models.kernel.program import Program


def lay_ahead(program: Program) -> None:
    """Find the sites from which walks go ahead, and the stations that serve in turn: where all walks go on from there.

    They go on where it saves an event: two steps in a row take time, or one, and then the request is at its end.
    """
    main = {site.index for site in program.reached(program.entries[: len(program.operation_names)])}
    past = {site.index for site in program.reached(program.past_entries)}
    saved = [0] * len(program.sites)
    for site in program.sites[1:]:
        # What follows a site was added before it.
        beyond = saved[site.next] if site.next else int(site.index in main)
        if site.step.is_private:
            saved[site.index] = beyond + int(site.step.takes_time)
            site.private, site.ahead = 1, int(saved[site.index] > 1)
    for part in program.stations:
        base = program.station(part)
        sites = [site for site in program.sites if site.op == OP_SERVE and site.a == base and site.index not in past]
        occupied = any(site.op == OP_OCCUPY and site.a == base for site in program.sites)
        goes_on = all(saved[site.next] if site.next else site.index in main for site in sites)
        if part.servers != UNLIMITED and part.queue_limit is None and goes_on and not occupied and not part.rounds:
            for site in sites:
                site.turn = site.ahead = 1


# Compiled.


def go_ahead(w: Any, i: int, token: Any, index: int) -> int:
    """Let a walk go on to the first step that others see, or to its end, ahead of the clock; returns where to go on
    now, that it waits for the clock, or that it is gone.
    """
    clock = w.clock[0]
    now, since, origin, index = walk_ahead(w, token, index, clock.now, clock.since, clock.since)
    if now == clock.now:
        return int(index)
    if ends_ahead(w, i, token, now, index):
        return GONE
    token.site, token.origin = index, origin
    if since == clock.now:
        # Its last step begins now, and so is scheduled as in step, to be counted when the clock comes to its end.
        clock.events -= now < clock.end
        heap_push(clock, w.heap, now, WAKE, i, token.stamp)
    else:
        heap_put(clock, w.heap, now, since, -1, AHEAD, i, token.stamp)
    return PARKED


def ends_ahead(w: Any, i: int, token: Any, now: float, index: int) -> bool:
    """End a walk that came somewhere ahead of the clock, if it is at its end and nobody waits for it."""
    clock = w.clock[0]
    if index > 0 or clock.unheard == 0 or token.parent >= 0 or token.error or now >= clock.end:
        return False
    request = w.requests[token.request]
    request.settled = 1
    record_settled(w, request.operation, now - request.arrival, request.measured, 0, now)
    free_token(w, i)
    return True


def walk_ahead(w: Any, token: Any, index: int, now: float, since: float, origin: float) -> Any:
    """Let a walk go on, from some time not before now, to the first step that others see, or to its end.

    Args:
        w: The world.
        token: The walk.
        index: The site that it is at.
        now: When.
        since: Since when the event is scheduled in which it goes on.
        origin: Since when that was in which it was scheduled.

    Returns:
        The last four when it is there, or some time after the run's end; the site comes last.
    """
    clock = w.clock[0]
    while index > 0 and now < clock.end:
        site = w.sites[index]
        if site.private == 0 and (site.turn == 0 or now > clock.now):
            break
        if token.error and site.carries == 0:
            index = site.next
            continue
        op, spent_s = site.op, 0.0
        if site.turn:
            now, since, origin = serve_in_turn(w, token, site, since, origin)
        elif op == OP_DELAY:
            spent_s = delay_of(w, token, site, token.members[site.b])
        elif op == OP_SERVE:
            spent_s = serve_ahead(w, token, site, now)
        elif op == OP_CHOOSE:
            choose(w, token, site)
        elif op == OP_VIA:
            via(w, token, site)
        index = site.next
        if spent_s > 0.0:
            origin, since = since, now
            now += spent_s
            clock.events += now < clock.end
    return now, since, origin, index


def serve_ahead(w: Any, token: Any, site: Any, now: float) -> float:
    """Begin a service at a station without limit; returns how long it takes."""
    index = site.a + token.members[site.b]
    station = w.stations[index]
    station.started += 1
    work_s = work_of(w, token, site) * station.slowdown
    if work_s > 0.0:
        shift_level_between(w, 3 * index, now, now + work_s)
    return float(work_s)
