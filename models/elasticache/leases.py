"""Leases: one client at a time reads the database for a key that all of them miss.

The node hands a lease to the first that misses. Whoever misses meanwhile waits for what that one brings. A node hands
out one lease for a key in so many seconds at most: who misses later in that time, as the object was deleted or has
expired again, gets the value that was there before, stale as it may be.

Source:
    Nishtala et al., Scaling Memcache at Facebook, NSDI 2013, section 3.2.1: a token every 10 seconds for a key.

Limits:
    Who waits is told at once, and does not ask again a few milliseconds later; his connection is taken meanwhile. A
    delete takes no lease back, so that a value read before a write can be set after it. Where the holder of a lease is
    lost, the next who waits asks in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.elasticache.commands import Steps
from models.kernel.parts import Cache, Room
from models.kernel.steps import Fill, Hold, Lookup
from models.kernel.system import Route

PERIOD_S = 10.0
"""Seconds in which a node hands out one lease for a key. Source: as above."""
ENTRY_BYTES = 64
"""Memory of a lease; assumed: it is not taken from that of objects."""


@dataclass(frozen=True, eq=False)
class Leases:
    """What a node keeps of leases.

    Args:
        room: Where those wait whose object another one is bringing.
        handed_out: Keys for which a lease was handed out less than a period ago; None: no such bound.
        stale: Values that may be given to those who get no lease.
    """

    room: Room
    handed_out: Cache | None
    stale: Cache | None

    @classmethod
    def on(cls, cache: Cache, period_s: float | None) -> Leases:
        """Leases of the nodes of a cache."""
        room = Room("leases", cache.group)
        if period_s is None:
            return cls(room, None, None)
        count = max(1, cache.capacity // ENTRY_BYTES)
        handed_out = Cache("leases handed out", cache.group, "fifo", capacity_items=count, ttl_s=period_s)
        stale = Cache(
            "stale values", cache.group, "lru", capacity_bytes=cache.capacity, overhead_bytes=cache.overhead_bytes
        )
        return cls(room, handed_out, stale)

    def one_at_a_time(self, fetch: Steps) -> Steps:
        """The way of those who miss, of whom one fetches what is missing."""
        if self.handed_out is None or self.stale is None:
            return (Hold(self.room, Route(*fetch)),)
        brings = Route(*fetch, Fill(self.stale))
        leased = Lookup(self.handed_out, Route(Fill(self.handed_out), *brings.steps))
        return (Hold(self.room, Route(leased, Lookup(self.stale, brings))),)
