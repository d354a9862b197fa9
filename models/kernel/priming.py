"""When caches have been replayed enough to be taken as they are at time zero.

The workload's past is replayed, with every delay taken as zero, on its own clock: so ages are right, and an object's
time to live has run down as far as it would have. It ends when the hit ratio of the second half of the past differs
from that of the first by less than `TOLERANCE`, and several times to live have passed; the past is doubled until then.

Limits:
    Replay knows no queueing, no timeouts and no faults; a closed loop is replayed as an open one of its predicted rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.kernel.program import Program
    from models.kernel.sources import Workload

FIRST = 1 << 14
"""Requests in the shortest past."""
MOST = 1 << 24
"""Requests in the longest; a run says so when the hit ratio had not settled by then."""
TOLERANCE = 0.002
TTLS = 3.0
"""So many times to live must pass, of the longest there is."""


@dataclass
class Priming:
    """Decides when the past is long enough.

    Args:
        ttl_s: The longest finite time to live of any cache, 0 where there is none.
        first: Requests in the shortest past.
        most: Requests in the longest.
    """

    ttl_s: float
    first: int = FIRST
    most: int = MOST
    requests: int = 0
    settled: bool = False
    _goal: int = 0
    _lookups: int = 0
    _hits: int = 0
    _ratio: float = math.nan

    def enough(self, requests: int, now_s: float, lookups: int, hits: int) -> bool:
        """Take note of one more block; true when the past may end here."""
        self.requests += requests
        self._lookups += lookups
        self._hits += hits
        if self.requests < (self._goal or self.first):
            return False
        ratio = self._hits / self._lookups if self._lookups else 0.0
        self.settled = abs(ratio - self._ratio) < TOLERANCE and now_s >= TTLS * self.ttl_s
        self._ratio, self._goal, self._lookups, self._hits = ratio, 2 * (self._goal or self.first), 0, 0
        return self.settled or self.requests >= self.most


def longest_ttl_s(program: Program, workload: Workload) -> float:
    """How long an object of the workload lives in any cache at most, seconds; 0 where there is none, or no end."""
    most_s = workload.longest_ttl_s()
    lives_s = (min(cache.ttl_s or math.inf, most_s) for cache in program.caches)
    return max((ttl_s for ttl_s in lives_s if ttl_s < math.inf), default=0.0)


def predicted_requests(ttl_s: float, rate_per_s: float, capacity: int) -> int:
    """About how many requests the past will have, for an estimate of cost."""
    wanted = max(2 * FIRST, int(min(TTLS * ttl_s * rate_per_s, MOST)), 4 * capacity)
    return min(1 << (wanted - 1).bit_length(), MOST)
