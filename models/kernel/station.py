"""A station at work: servers, an explicit first-come-first-served queue, and everything that control can do to it.

Service starts when a server takes the request, so a crash, a pause, a change of speed or of servers means the same for work
that waits and for work in service. `StationState` is the SimPy form; the functions below it are the compiled form. Both act
in the same order, which fixes the order of events at one instant.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from models.kernel.laws import draw_law
from models.kernel.steps.base import GONE, PARKED
from models.kernel.system import REFUSED, REJECTED

if TYPE_CHECKING:
    from models.kernel.parts import Station
    from models.kernel.program import Site
    from models.kernel.simpy_engine import SimpyPlane, Token

UP, REFUSING, SILENT = range(3)
IDLE, QUEUED, IN_SERVICE, IN_FLIGHT = range(4)
"""Where a token is."""


class StationState:
    """One station of the SimPy engine."""

    def __init__(self, plane: SimpyPlane, part: Station) -> None:
        self.plane = plane
        self.servers, self.limit = part.servers, part.queue_limit
        self.state, self.paused, self.paused_at, self.slowdown = UP, False, 0.0, 1.0
        self.busy, self.started, self.rejected = 0, 0, 0
        self.queue: deque[Token] = deque()
        self.in_service: dict[Token, None] = {}
        self.watches: list[tuple[int, Any]] = []
        self.busy_changes, self.queue_changes = plane.meter(), plane.meter()

    def enter(self, token: Token, site: Site) -> int:
        """Begin service, wait, or be turned away."""
        if self.state == REFUSING:
            token.error = REFUSED
            return site.next
        if self.state == SILENT:
            self.plane.vanish(token)
            return GONE
        if self.has_room():
            return site.next if self.start(token, site) else PARKED
        if self.limit is not None and len(self.queue) >= self.limit:
            self.rejected += 1
            token.error = REJECTED
            return site.next
        self.queue.append(token)
        self.queue_changes.add(1)
        if self.watches:
            self.plane.notice(self.watches, len(self.queue))
        return PARKED

    def has_room(self) -> bool:
        """Whether a server would take a request now."""
        return not self.paused and (self.servers == 0 or self.busy < self.servers)

    def start(self, token: Token, site: Site) -> bool:
        """A server takes the request; true when it needs no time at all."""
        work_s = self.plane.draw(site, token)
        if site.c:
            work_s *= float(-(-token.request.size // site.c))
        work_s *= self.slowdown
        self.started += 1
        if work_s <= 0.0:
            return True
        self.busy += 1
        self.busy_changes.add(1)
        self.in_service[token] = None
        token.due = self.plane.now + work_s
        self.plane.wake_at(token.due, token, self)
        return False

    def complete(self, token: Token) -> None:
        """A service has ended: the request goes on, then a waiting one begins."""
        del self.in_service[token]
        self.busy -= 1
        self.busy_changes.add(-1)
        self.plane.ready.append(token)
        self.take_waiting()

    def take_waiting(self) -> None:
        """Free servers take waiting requests, in order of arrival."""
        while self.queue and self.has_room():
            token = self.queue.popleft()
            self.queue_changes.add(-1)
            if self.start(token, self.plane.sites[token.site]):
                self.plane.ready.append(token)

    def resize(self, servers: int) -> None:
        """Change the number of servers."""
        self.servers = servers
        self.take_waiting()

    def pause(self) -> None:
        """Stand still."""
        if not self.paused:
            self.paused, self.paused_at = True, self.plane.now
            for token in self.in_service:
                self.plane.cancel(token)

    def resume(self) -> None:
        """Go on."""
        if self.paused:
            self.paused = False
            for token in self.in_service:
                token.due += self.plane.now - self.paused_at
                self.plane.wake_at(token.due, token, self)
            self.take_waiting()

    def slow(self, factor: float) -> None:
        """Change the speed of all work."""
        base_s = self.paused_at if self.paused else self.plane.now
        for token in self.in_service:
            token.due = base_s + (token.due - base_s) * (factor / self.slowdown)
            if not self.paused:
                self.plane.cancel(token)
                self.plane.wake_at(token.due, token, self)
        self.slowdown = factor

    def down(self, state: int) -> None:
        """Lose all work; refuse or ignore what comes."""
        victims = [*self.in_service, *self.queue]
        self.busy_changes.add(-self.busy)
        self.queue_changes.add(-len(self.queue))
        self.in_service.clear()
        self.queue.clear()
        self.busy = 0
        self.state = state
        for token in victims:
            self.plane.cancel(token)
            if state == REFUSING:
                token.error = REFUSED
                self.plane.ready.append(token)
            else:
                self.plane.vanish(token)

    def up(self) -> None:
        """Take requests again."""
        self.state, self.paused = UP, False


def station_enter(w, index, i, site):
    raise NotImplementedError
