"""Walks that go ahead of the clock: where nothing on the way is seen by anybody else, no event is needed to know when
the walk comes to its end.

Only a run without control has such ways: links are up and at their own speed, stations without limit take whoever
comes. What is counted on the way, services begun and busy servers over time, is counted with the times that the walk
is at; what would come to pass after the run's end is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.kernel.codes import OP_CHOOSE, OP_DELAY, OP_SERVE, OP_VIA
from models.kernel.recorder import shift_level_at
from models.kernel.station import work_of
from models.kernel.steps.choose import choose
from models.kernel.steps.travel import delay_of, via

if TYPE_CHECKING:
    from models.kernel.program import Program


def is_private(program: Program, entry: int) -> bool:
    """Whether a way, from a site to its route's end, touches nothing that others see."""
    while entry > 0:
        site = program.sites[entry]
        if not site.step.is_private:
            return False
        entry = site.next
    return True


def walk_ahead(w: Any, token: Any, index: int) -> float:
    """Let a walk go on to the end of such a way; returns when it comes there, or some time after the run's end."""
    clock = w.clock[0]
    now = clock.now
    while index > 0:
        site = w.sites[index]
        op, spent_s = site.op, 0.0
        if op == OP_DELAY:
            spent_s = delay_of(w, token, site, token.members[site.b])
        elif op == OP_SERVE:
            spent_s = serve_ahead(w, token, site, now)
        elif op == OP_CHOOSE:
            choose(w, token, site)
        elif op == OP_VIA:
            via(w, token, site)
        if spent_s > 0.0:
            now += spent_s
            if now >= clock.end:
                return float(now)
            clock.events += 1
        index = site.next
    return float(now)


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
