"""Deadlines of attempts, of which nearly none ever comes.

All attempts of an operation have the same patience, so their deadlines come in the order in which they began: they wait
in a line, and only its head has an event. Whoever is answered leaves the line; the event of a head that has left brings
the next one. So a thousand requests in flight are no burden to the order of events, in which each deadline keeps the
place that it was given when its attempt began.

Plain functions on a `World`, compiled when the engine runs.
"""

from __future__ import annotations

from typing import Any

from models.kernel.slots import NEXT, TIMER, heap_put

NOBODY = -1


def start_timer(w: Any, r: int) -> None:
    """The time of a request's attempt begins to run."""
    clock, request = w.clock[0], w.requests[r]
    index = request.operation
    operation = w.operations[index]
    request.timed, request.deadline = 1, clock.now + operation.timeout
    request.deadline_since, request.deadline_seq = clock.now, clock.seq
    clock.seq += NEXT
    request.sooner, request.later = operation.last, NOBODY
    if operation.last >= 0:
        w.requests[operation.last].later = r
    else:
        operation.first = r
    operation.last = r
    if operation.timing == 0:
        _expect(w, index)


def stop_timer(w: Any, r: int) -> None:
    """Nobody waits for the end of this time any more."""
    request = w.requests[r]
    if request.timed:
        request.timed = 0
        operation = w.operations[request.operation]
        if request.sooner >= 0:
            w.requests[request.sooner].later = request.later
        else:
            operation.first = request.later
        if request.later >= 0:
            w.requests[request.later].sooner = request.sooner
        else:
            operation.last = request.sooner


def timed_out(w: Any, index: int, time: float, seq: int) -> int:
    """An operation's event has come; returns whose time is up, or nobody."""
    operation = w.operations[index]
    operation.timing = 0
    r = operation.first
    if r >= 0 and w.requests[r].deadline == time and w.requests[r].deadline_seq == seq:
        stop_timer(w, r)
    else:
        r = NOBODY
    _expect(w, index)
    return int(r)


def _expect(w: Any, index: int) -> None:
    """Schedule the deadline of whoever is first in line."""
    operation = w.operations[index]
    if operation.first >= 0:
        request = w.requests[operation.first]
        operation.timing = 1
        heap_put(w.clock[0], w.heap, request.deadline, request.deadline_since, request.deadline_seq, TIMER, index, 0)
