"""What goes round in the SimPy engine: requests, and the tokens that walk the routes for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import simpy

    from models.kernel.station import StationState
    from models.kernel.steps.fork import QuorumState
    from models.kernel.steps.hold import RoomState


class Request:
    """What a client waits for. `lane` plus a walk's branch names what draws belong to, apart from the ordinal."""

    __slots__ = (
        "answer", "arrival", "attempt", "attempts", "client", "key", "lane", "leg", "measured", "operation",
        "ordinal", "settled", "size", "source", "stamp", "ttl",
    )  # fmt: skip

    def __init__(self, source: int, client: int, ordinal: int, operation: int, key: int, size: int, ttl: float) -> None:
        self.source, self.client, self.ordinal, self.operation = source, client, ordinal, operation
        self.key, self.size, self.ttl, self.lane = key, size, ttl, client << 24
        self.arrival, self.attempt, self.attempts, self.stamp = 0.0, 0, 0, 0
        self.settled, self.measured, self.leg = False, False, 0
        self.answer: simpy.Event | None = None


class Token:
    """One walk over a route: an attempt, or a leg of a fork."""

    __slots__ = (
        "access", "answered", "attempt", "branch", "due", "error", "failed", "held", "join", "leg", "members",
        "outstanding", "parent", "parent_join", "quorum", "request", "site", "stamp", "station", "version", "work_s",
    )  # fmt: skip

    answered: int
    due: float
    failed: int
    outstanding: int
    quorum: QuorumState | None
    work_s: Callable[[Token], float]

    def __init__(
        self, request: Request, site: int, attempt: int, branch: int, leg: int, members: list[int],
        parent: Token | None = None, parent_join: int = 0,
    ) -> None:  # fmt: skip
        self.request, self.site, self.attempt = request, site, attempt
        self.branch, self.leg, self.members = branch, leg, members
        self.parent, self.parent_join = parent, parent_join
        self.error = self.stamp = self.join = self.version = self.access = 0
        self.station: StationState | None = None
        self.held: RoomState | None = None
