"""Stations that are served in turn: a walk that comes to one learns at once when a server will be free for it.

So it needs no event when its service begins or ends, and goes on ahead of the clock (see `steps.ahead`). That is right
where walks come in the order of the clock, as all do that take a turn, nobody is turned away, and no control acts.

Source: the recursions of Lindley, "The theory of queues with a single server", 1952, and of Kiefer and Wolfowitz, "On
the theory of queues with many servers", 1955.
"""

from __future__ import annotations

from typing import Any

from models.kernel.recorder import shift_level_between
from models.kernel.station import work_of


def serve_in_turn(w: Any, token: Any, site: Any, since: float, origin: float) -> Any:
    """Let a walk, which came here in an event scheduled `since` then, take the server that is free first.

    Returns:
        When its service ends, or some time after the run's end; since when that is scheduled; and since when that was
        in whose event it is.
    """
    clock, index = w.clock[0], site.a + token.members[site.b]
    station = w.stations[index]
    work_s = work_of(w, token, site) * station.slowdown
    first, now = station.turns, clock.now
    server = w.turns[first]
    if server.free == now and server.since >= since and work_s <= 0.0:
        # In step, the walk would go on in another event of this instant.
        clock.tied = 1
    if server.free > now or (server.free == now and server.since > since):
        shift_level_between(w, 3 * index + 1, now, server.free)
        now, since, origin = server.free, server.since, server.origin
    if now < clock.end:
        station.started += 1
        if work_s > 0.0:
            origin, since = since, now
            now += work_s
            clock.events += now < clock.end
            shift_level_between(w, 3 * index, since, now)
            keep_busy(w.turns, first, station.servers, now, since, origin)
    return now, since, origin


def keep_busy(turns: Any, first: int, servers: int, free: float, since: float, origin: float) -> None:
    """The server that was free first, of those from a place on, is free again at some later time.

    Servers are a heap, by when they are free and, of those that are at once, by whose event comes first.
    """
    i, child = 0, 1
    while child < servers:
        below = turns[first + child]
        if child + 1 < servers:
            other = turns[first + child + 1]
            if other.free < below.free or (other.free == below.free and other.since < below.since):
                child += 1
                below = other
        if free < below.free or (free == below.free and since <= below.since):
            break
        here = turns[first + i]
        here.free, here.since, here.origin = below.free, below.since, below.origin
        i = child
        child = 2 * i + 1
    here = turns[first + i]
    here.free, here.since, here.origin = free, since, origin
