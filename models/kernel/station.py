"""A station at work: servers, an explicit first-come-first-served queue, and everything that control can do to it.

Service starts when a server takes the request, so a crash, a pause, a change of speed or of servers means the same for
work that waits and for work in service. `StationState` is the SimPy form; the functions below it are the compiled form.
Both act in the same order, which fixes the order of events at one instant.
"""

from __future__ import annotations

from collections import deque
from heapq import heappush
from typing import TYPE_CHECKING, Any

from models.kernel.amounts import units
from models.kernel.codes import DATA, GONE, MAX_OCCUPIED, OP_OCCUPY, PARKED
from models.kernel.parts import UNLIMITED
from models.kernel.recorder import shift_level
from models.kernel.slots import (
    QUEUE_GREW,
    WAKE,
    draw,
    free_token,
    heap_push,
    ready_put,
    room_release,
    wake_control,
)
from models.kernel.system import ERRORS, REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.parts import Station
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token

UP, REFUSING, SILENT = range(3)
PLENTY = 1 << 29
"""More servers than requests can be in flight."""


class StationState:
    """One station of the SimPy engine."""

    def __init__(self, plane: SimpyPlane, part: Station) -> None:
        self.plane = plane
        self.servers, self.limit = part.servers, part.queue_limit
        self.state, self.paused, self.paused_at, self.slowdown = UP, False, 0.0, 1.0
        self.started, self.rejected, self.full = 0, 0, ERRORS.index(part.full)
        self.queue: deque[Token] = deque()
        self.rounds = part.rounds
        self.round: list[Token] = []
        self.round_s = self.once_s = 0.0
        self.halted: list[Token] = []
        self.watches: list[tuple[int, Any]] = []
        busy, queued, servers = plane.meter(), plane.meter(), plane.meter()
        self.busy_changes, self.queue_changes, self.server_changes = busy, queued, servers
        self.busy_up, self.busy_down = busy.ups.append, busy.downs.append
        self.queue_up, self.queue_down = queued.ups.append, queued.downs.append
        self.unlimited = self.servers == UNLIMITED
        self.server_changes.change(self.servers)
        self.room = self.free_servers()

    def in_service(self) -> list[Token]:
        """What the servers work at, in order of start; only control asks, so it is looked up in the event queue."""
        return self.halted if self.paused else self.plane.served_by(self)

    def occupied(self) -> list[tuple[Token, int]]:
        """Which walks occupy servers, and at which nesting; only control asks."""
        return [place for place, station in self.plane.occupying.items() if station is self]

    def free_servers(self) -> int:
        """Requests that could start now; below zero when servers were taken away from under them."""
        if self.state != UP or self.paused:
            return 0
        if self.servers == UNLIMITED:
            return PLENTY
        return self.servers - len(self.in_service()) - len(self.occupied())

    def wait(self, token: Token, begin: Callable[[StationState, Token], bool]) -> int:
        """No server is free: wait, or be turned away; `begin` tells what to do with a server, and is true where the
        walk goes on at once.
        """
        if self.state == REFUSING:
            token.error = REFUSED
            return token.site
        if self.state == SILENT:
            self.plane.vanish(token)
            return GONE
        if self.limit is not None and len(self.queue) >= self.limit:
            self.rejected += 1
            token.error = self.full
            return token.site
        token.begin = begin
        self.queue.append(token)
        self.queue_up(self.plane.now)
        if self.watches:
            self.plane.notice(self.watches, len(self.queue))
        return PARKED

    def start(self, token: Token, work_s: Callable[[Token], float]) -> bool:
        """A server takes the request; true when it needs no time at all."""
        service_s = work_s(token) * self.slowdown
        self.started += 1
        if service_s <= 0.0:
            return True
        plane = self.plane
        now = plane.now
        self.room -= 1
        self.busy_up(now)
        token.station = self
        token.due = due = now + service_s
        heappush(plane.queue, (due, DATA, next(plane.numbers), None, token, token.stamp))
        return False

    def add(self, token: Token, work_s: float, once_s: float) -> bool:
        """The round that is about to begin takes one more; nobody goes on at once."""
        self.started += 1
        self.round.append(token)
        self.round_s += work_s
        self.once_s = self.once_s or once_s
        return False

    def start_round(self) -> bool:
        """The server does the work of all in the round, whose first has the event of its end; false when it needs no
        time at all.
        """
        round_s = (self.round_s + self.once_s) * self.slowdown
        self.round_s = self.once_s = 0.0
        if round_s <= 0.0:
            self.round = []
            return False
        first, now = self.round[0], self.plane.now
        self.room -= 1
        self.busy_up(now)
        first.station = self
        first.due = now + round_s
        self.plane.wake_at(first.due, first)
        return True

    def occupy(self, token: Token, nesting: int) -> None:
        """A walk takes a server with it."""
        self.started += 1
        self.room -= 1
        self.busy_up(self.plane.now)
        self.plane.occupying[token, nesting] = self

    def release(self) -> None:
        """A walk has given its server back."""
        self.room += not self.paused
        self.busy_down(self.plane.now)
        if self.queue:
            self.take_waiting()

    def complete(self, token: Token) -> None:
        """A service has ended: the next begins. The request, which stands in line already, goes on before all that it
        sets free.
        """
        token.station = None
        self.room += 1
        self.busy_down(token.due)
        self.plane.ready.extend(self.round[1:])
        self.round = []
        if self.queue:
            self.take_waiting()

    def take_waiting(self) -> None:
        """Free servers take waiting requests, in order of arrival; a round takes all of them."""
        if self.rounds:
            self.take_all()
            return
        while self.queue and self.room > 0:
            token = self.queue.popleft()
            self.queue_down(self.plane.now)
            if token.begin(self, token):
                self.plane.ready.append(token)

    def take_all(self) -> None:
        """The one server begins a round with all who wait."""
        if self.queue and self.room > 0:
            self.queue_changes.change(-len(self.queue))
            for token in self.queue:
                token.begin(self, token)
            self.queue.clear()
            taken = self.round
            if not self.start_round():
                self.plane.ready.extend(taken)

    def resize(self, servers: int) -> None:
        """Change the number of servers."""
        self.server_changes.change(servers - self.servers)
        self.servers = servers
        self.unlimited = self.unlimited or servers == UNLIMITED
        self.room = self.free_servers()
        self.take_waiting()

    def pause(self) -> None:
        """Stand still."""
        if not self.paused:
            self.halted = self.in_service()
            self.paused, self.paused_at, self.room = True, self.plane.now, 0
            for token in self.halted:
                self.plane.cancel(token)

    def resume(self) -> None:
        """Go on."""
        if self.paused:
            for token in self.halted:
                token.due += self.plane.now - self.paused_at
                self.plane.wake_at(token.due, token)
            self.paused = False
            self.room = self.free_servers()
            self.take_waiting()

    def slow(self, factor: float) -> None:
        """Change the speed of all work."""
        base_s = self.paused_at if self.paused else self.plane.now
        for token in self.in_service():
            token.due = base_s + (token.due - base_s) * (factor / self.slowdown)
            if not self.paused:
                self.plane.cancel(token)
                self.plane.wake_at(token.due, token)
        self.slowdown = factor

    def down(self, state: int) -> None:
        """Lose all work; refuse or ignore what comes."""
        in_service, occupied = self.in_service(), self.occupied()
        victims = [*in_service, *self.round[1:], *self.queue]
        self.busy_changes.change(-len(in_service) - len(occupied))
        self.queue_changes.change(-len(self.queue))
        self.halted, self.round = [], []
        for place in occupied:
            del self.plane.occupying[place]
        self.queue.clear()
        self.state, self.room = state, 0
        for token in victims:
            self.plane.cancel(token)
            token.station = None
            if state == REFUSING:
                token.error = REFUSED
                self.plane.ready.append(token)
            else:
                self.plane.vanish(token)

    def up(self) -> None:
        """Take requests again; a station that is not down goes on as it is, paused or not."""
        if self.state != UP:
            self.state, self.paused = UP, False
            self.room = self.free_servers()


# The compiled form.


def station_enter(w: Any, index: int, i: int, token: Any, site: Any) -> int:
    """Compiled form of `StationState.enter`."""
    station = w.stations[index]
    if station_has_room(station):
        if station.rounds:
            station.head = station.tail = i
            token.due, token.after = work_of(w, token, site), -1
            return PARKED if station_start_round(w, index) else int(site.next)
        return int(site.next) if station_start(w, index, i, token, work_of(w, token, site)) else PARKED
    return station_wait(w, index, i, token, site)


def station_wait(w: Any, index: int, i: int, token: Any, site: Any) -> int:
    """Compiled form of `StationState.wait`; who comes to occupy a server waits with less than no work."""
    station = w.stations[index]
    if station.state == REFUSING:
        token.error = REFUSED
        return int(site.next)
    if station.state == SILENT:
        vanish(w, i)
        return GONE
    if station.limit >= 0 and station.queued >= station.limit:
        station.rejected += 1
        token.error = station.full
        return int(site.next)
    # Drawn here, where the site is at hand; a variate does not depend on when it is drawn.
    token.due = -1.0 if site.op == OP_OCCUPY else work_of(w, token, site)
    token.after = -1
    if station.queued == 0:
        station.head = i
    else:
        w.tokens[station.tail].after = i
    station.tail = i
    station.queued += 1
    shift_level(w.clock[0], w.tally, 3 * index + 1, 1)
    if station.queued >= station.watch_at:
        wake_control(w, QUEUE_GREW, index, station.queued, 0.0)
    return PARKED


def station_has_room(station: Any) -> bool:
    """Compiled form of `StationState.has_room`."""
    free = station.servers == UNLIMITED or station.busy < station.servers
    return bool(station.state == UP and station.paused == 0 and free)


def work_of(w: Any, token: Any, site: Any) -> float:
    """Seconds of service of a walk at a site, by a server of ordinary speed."""
    work_s = draw(w, token, site, site.law)
    if site.c:
        work_s *= float(units(site.of, token.items, w.requests[token.request].size, site.c, site.d))
    if site.x > 0.0:
        work_s *= 1.0 + site.x * float(token.items - 1)
    return work_s


def station_start(w: Any, index: int, i: int, token: Any, work_s: float) -> bool:
    """Compiled form of `StationState.start`."""
    station, clock = w.stations[index], w.clock[0]
    work_s = work_s * station.slowdown
    station.started += 1
    if work_s <= 0.0:
        return True
    station.busy += 1
    shift_level(clock, w.tally, 3 * index, 1)
    token.where = index
    if clock.controlled:
        token.before, token.after = station.last, -1
        if station.last < 0:
            station.first = i
        else:
            w.tokens[station.last].after = i
        station.last = i
    token.due, token.origin = clock.now + work_s, clock.since
    heap_push(clock, w.heap, token.due, WAKE, i, token.stamp)
    return False


def station_start_round(w: Any, index: int) -> bool:
    """Compiled form of `StationState.start_round`, for all from the queue's head on, which is empty then."""
    station, clock = w.stations[index], w.clock[0]
    first, before, round_s, once_s = station.head, -1, 0.0, 0.0
    i = first
    while i >= 0:
        token = w.tokens[i]
        station.started += 1
        token.before = before
        round_s += token.due
        if once_s == 0.0:
            site = w.sites[token.place]
            once_s = draw(w, token, site, site.once) if site.once >= 0 else 0.0
        before = i
        i = token.after
    station.head, station.tail = -1, -1
    round_s = (round_s + once_s) * station.slowdown
    if round_s <= 0.0:
        return False
    station.busy += 1
    shift_level(clock, w.tally, 3 * index, 1)
    station.first, station.last = first, before
    leader = w.tokens[first]
    leader.where, leader.due, leader.origin = index, clock.now + round_s, clock.since
    heap_push(clock, w.heap, leader.due, WAKE, first, leader.stamp)
    return True


def station_take_all(w: Any, index: int) -> None:
    """Compiled form of `StationState.take_all`."""
    station = w.stations[index]
    if station.queued > 0 and station_has_room(station):
        i = station.head
        shift_level(w.clock[0], w.tally, 3 * index + 1, -station.queued)
        station.queued = 0
        if not station_start_round(w, index):
            release_all(w, i)


def release_all(w: Any, i: int) -> None:
    """All walks from one on, as they are linked, go on."""
    while i >= 0:
        after = w.tokens[i].after
        ready_put(w.clock[0], w.tokens, i)
        i = after


def station_complete(w: Any, index: int, i: int, token: Any) -> None:
    """Compiled form of `StationState.complete`."""
    station = w.stations[index]
    if station.rounds:
        token.where = -1
        station.busy -= 1
        station.first, station.last = -1, -1
        shift_level(w.clock[0], w.tally, 3 * index, -1)
        release_all(w, i)
        station_take_all(w, index)
        return
    if w.clock[0].controlled:
        if token.before < 0:
            station.first = token.after
        else:
            w.tokens[token.before].after = token.after
        if token.after < 0:
            station.last = token.before
        else:
            w.tokens[token.after].before = token.before
    token.where = -1
    station.busy -= 1
    shift_level(w.clock[0], w.tally, 3 * index, -1)
    ready_put(w.clock[0], w.tokens, i)
    station_take_waiting(w, index)


def station_take_waiting(w: Any, index: int) -> None:
    """Compiled form of `StationState.take_waiting`."""
    station = w.stations[index]
    if station.rounds:
        station_take_all(w, index)
        return
    while station.queued > 0 and station_has_room(station):
        i = station.head
        token = w.tokens[i]
        station.head = token.after
        station.queued -= 1
        shift_level(w.clock[0], w.tally, 3 * index + 1, -1)
        if token.due < 0.0:
            station_occupy(w, index, token, w.sites[token.place].d)
            ready_put(w.clock[0], w.tokens, i)
        elif station_start(w, index, i, token, token.due):
            ready_put(w.clock[0], w.tokens, i)


def station_occupy(w: Any, index: int, token: Any, nesting: int) -> None:
    """Compiled form of `StationState.occupy`."""
    station = w.stations[index]
    station.started += 1
    station.busy += 1
    shift_level(w.clock[0], w.tally, 3 * index, 1)
    token.occupied[nesting] = index + 1 | station.times_down << 32


def station_release(w: Any, token: Any, nesting: int) -> None:
    """Compiled form of `StationState.release`, for whoever occupies a server that is still there."""
    held = token.occupied[nesting]
    if held:
        token.occupied[nesting] = 0
        index = (held & 0xFFFFFFFF) - 1
        station = w.stations[index]
        if held >> 32 == station.times_down:
            station.busy -= 1
            shift_level(w.clock[0], w.tally, 3 * index, -1)
            station_take_waiting(w, index)


def vanish(w: Any, i: int) -> None:
    """A walk is lost without a word, and with it whoever waits only for it."""
    while i >= 0:
        token = w.tokens[i]
        parent, parent_join = token.parent, token.parent_join
        if token.held >= 0:
            room_release(w, i)
        for nesting in range(MAX_OCCUPIED):
            station_release(w, token, nesting)
        free_token(w, i)
        i = -1
        if parent >= 0 and w.tokens[parent].join == parent_join:
            w.tokens[parent].outstanding -= 1
            if w.tokens[parent].outstanding == 0:
                w.tokens[parent].join += 1
                i = parent


def station_resize(w: Any, index: int, servers: int) -> None:
    """Compiled form of `StationState.resize`."""
    station = w.stations[index]
    shift_level(w.clock[0], w.tally, 3 * index + 2, servers - station.servers)
    station.servers = servers
    if servers == UNLIMITED:
        station.unlimited = 1
    station_take_waiting(w, index)


def station_pause(w: Any, index: int) -> None:
    """Compiled form of `StationState.pause`."""
    station = w.stations[index]
    if station.paused == 0:
        station.paused, station.paused_at = 1, w.clock[0].now
        i = station.first
        while i >= 0:
            w.tokens[i].stamp += 1
            i = w.tokens[i].after


def station_resume(w: Any, index: int) -> None:
    """Compiled form of `StationState.resume`."""
    station, clock = w.stations[index], w.clock[0]
    if station.paused:
        station.paused = 0
        i = station.first
        while i >= 0:
            token = w.tokens[i]
            token.due += clock.now - station.paused_at
            heap_push(clock, w.heap, token.due, WAKE, i, token.stamp)
            i = -1 if station.rounds else token.after
        station_take_waiting(w, index)


def station_slow(w: Any, index: int, factor: float) -> None:
    """Compiled form of `StationState.slow`."""
    station, clock = w.stations[index], w.clock[0]
    base_s = station.paused_at if station.paused else clock.now
    i = station.first
    while i >= 0:
        token = w.tokens[i]
        token.due = base_s + (token.due - base_s) * (factor / station.slowdown)
        if station.paused == 0:
            token.stamp += 1
            heap_push(clock, w.heap, token.due, WAKE, i, token.stamp)
        i = -1 if station.rounds else token.after
    station.slowdown = factor


def station_down(w: Any, index: int, state: int) -> None:
    """Compiled form of `StationState.down`."""
    station, clock = w.stations[index], w.clock[0]
    shift_level(clock, w.tally, 3 * index, -station.busy)
    shift_level(clock, w.tally, 3 * index + 1, -station.queued)
    in_service, waiting = station.first, station.head if station.queued else -1
    station.first, station.last, station.head, station.tail, station.busy, station.queued = -1, -1, -1, -1, 0, 0
    station.state = state
    station.times_down += 1
    for head in (in_service, waiting):
        i = head
        while i >= 0:
            token = w.tokens[i]
            after = token.after
            token.stamp += 1
            token.where = -1
            if state == REFUSING:
                token.error = REFUSED
                ready_put(clock, w.tokens, i)
            else:
                vanish(w, i)
            i = after


def station_up(w: Any, index: int) -> None:
    """Compiled form of `StationState.up`."""
    station = w.stations[index]
    if station.state != UP:
        station.state, station.paused = UP, 0
