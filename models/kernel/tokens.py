"""What goes round in the SimPy engine: requests, and the tokens that walk the routes for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import simpy

    from models.kernel.station import StationState
    from models.kernel.steps.each import PartsState
    from models.kernel.steps.fork import QuorumState


class Request:
    """What a client waits for. `lane` plus a walk's branch names what draws belong to, apart from the ordinal;
    `paid` are the tokens of its last retry.
    """

    __slots__ = (
        "answer", "arrival", "attempt", "attempts", "client", "items", "key", "lane", "leg", "measured", "operation",
        "ordinal", "paid", "settled", "size", "source", "stamp", "ttl",
    )  # fmt: skip

    def __init__(
        self, source: int, client: int, ordinal: int, operation: int, key: int, size: int, items: int, ttl: float,
    ) -> None:  # fmt: skip
        self.source, self.client, self.ordinal, self.operation = source, client, ordinal, operation
        self.key, self.size, self.items, self.ttl, self.lane = key, size, items, ttl, client << 24
        self.arrival, self.attempt, self.attempts, self.stamp = 0.0, 0, 0, 0
        self.settled, self.measured, self.leg, self.paid = False, False, 0, 0.0
        self.answer: simpy.Event | None = None


class Token:
    """One walk over a route: an attempt, a leg of a fork, or a part of what is done for each.

    `key` and `items` are what this walk asks for: at first its request's, in a part of the result the part's.
    """

    __slots__ = (
        "access", "answered", "attempt", "begin", "branch", "due", "error", "failed", "items", "join", "key", "leg",
        "members", "outstanding", "parent", "parent_join", "parts", "quorum", "record", "request", "site",
        "stamp", "station", "version",
    )  # fmt: skip

    answered: int
    begin: Callable[[StationState, Token], bool]
    due: float
    failed: int
    outstanding: int
    parts: PartsState | None
    quorum: QuorumState

    def __init__(
        self, request: Request, site: int, attempt: int, branch: int, leg: int, members: list[int],
        parent: Token | None = None, parent_join: int = 0,
    ) -> None:  # fmt: skip
        self.request, self.site, self.attempt = request, site, attempt
        self.branch, self.leg, self.members = branch, leg, members
        self.parent, self.parent_join = parent, parent_join
        self.error = self.stamp = self.join = 0
        self.station: StationState | None = None
        if parent is None:
            self.key, self.items = request.key, request.items
            self.version = self.access = self.record = 0
        else:
            self.key, self.items = parent.key, parent.items
            self.version, self.access, self.record = parent.version, parent.access, parent.record
