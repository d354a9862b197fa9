"""Walks that go ahead of the clock: where nothing on the way is seen by anybody else, no event is needed to know when
the walk comes to its end.

Only a run without control has such ways: links are up and at their own speed, stations without limit take whoever
comes. What is counted on the way, services begun and busy servers over time, is counted with the times that the walk
is at; what would come to pass after the run's end is left out.
"""

from __future__ import annotations

from typing import Any

from models.kernel.codes import OP_CHOOSE, OP_DELAY, OP_SERVE, OP_VIA, PARKED
from models.kernel.recorder import shift_level_at
from models.kernel.slots import AHEAD, heap_put
from models.kernel.station import work_of
from models.kernel.steps.choose import choose
from models.kernel.steps.travel import delay_of, via


def go_ahead(w: Any, i: int, token: Any, index: int) -> int:
    """Let a walk go on to the first step that others see, or to its end, ahead of the clock; returns where to go on
    now, or that it waits for the clock.
    """
    now, since, token.origin, index = walk_ahead(w, token, index)
    if now == w.clock[0].now:
        return int(index)
    token.site = index
    heap_put(w.clock[0], w.heap, now, since, -1, AHEAD, i, token.stamp)
    return PARKED


def walk_ahead(w: Any, token: Any, index: int) -> Any:
    """Let a walk go on to the first step that others see, or to its end; returns when it comes there, or some time
    after the run's end, when its last step and the one before that began, and where it is.
    """
    clock = w.clock[0]
    now, since, origin = clock.now, clock.now, clock.since
    while index > 0:
        site = w.sites[index]
        if site.private == 0:
            break
        if token.error and site.carries == 0:
            index = site.next
            continue
        op, spent_s = site.op, 0.0
        if op == OP_DELAY:
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
            if now >= clock.end:
                break
            clock.events += 1
    return now, since, origin, index


def serve_ahead(w: Any, token: Any, site: Any, now: float) -> float:
    """Begin a service at a station without limit; returns how long it takes."""
    index = site.a + token.members[site.b]
    station = w.stations[index]
    station.started += 1
    work_s = work_of(w, token, site) * station.slowdown
    if work_s > 0.0:
        shift_level_at(w, 3 * index, 1, now)
        if now + work_s < w.clock[0].end:
            shift_level_at(w, 3 * index, -1, now + work_s)
    return float(work_s)
