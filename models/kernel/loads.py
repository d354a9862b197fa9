"""What comes to stations, buckets and rooms, and what follows from that: how busy they are, and when they saturate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.kernel.closed_forms.queueing import approximate_ggc_wait_mean_s
from models.kernel.laws import as_floats
from models.kernel.outcome import FloatArray


@dataclass
class StationLoad:
    """What comes to a station family, at the rate of the prediction: where walks go on together, that tells how many
    go by themselves.

    Args:
        name: Its name.
        servers: Servers of each member, 0 for unlimited.
        visits: Visits of a request to each member, mean over the mix, shape (members,).
        work_s: Seconds of work that a request brings to each member, mean over the mix, shape (members,).
        squares_s2: Mean of the squares of its visits' work, added up over the visits of a request, shape (members,).
        unshared_s: Seconds of its work that it brings at any rate, which no other request's walk does for it, shape
            (members,).
    """

    name: str
    servers: int
    visits: FloatArray
    work_s: FloatArray
    squares_s2: FloatArray
    unshared_s: FloatArray

    def utilization(self, rate_per_s: float) -> float | None:
        """Mean over members at a rate of requests, that of the prediction where work is shared; None where servers are
        unlimited.
        """
        return float(self.work_s.mean()) * rate_per_s / self.servers if self.servers else None

    def hottest(self, rate_per_s: float) -> float | None:
        """The same for the busiest member."""
        return float(self.work_s.max()) * rate_per_s / self.servers if self.servers else None

    def waits_s(self, rate_per_s: float, members: Iterable[int] | None = None) -> FloatArray:
        """Mean wait of a visit to each member at a rate of requests, shape (members,); inf where it saturates.

        Args:
            rate_per_s: As `utilization` has it.
            members: Those that are asked for; all others have zero. None: all.

        Source:
            Lee and Longton 1959, as `approximate_ggc_wait_mean_s`, of each member alone, as if visits were random.
        """
        waits = np.zeros(len(self.visits))
        for member in (range(len(waits)) if members is None else members) if self.servers else ():
            if not self.work_s[member]:
                continue
            visits, work_s = float(self.visits[member]), float(self.work_s[member])
            mean_s = work_s / visits
            cv = math.sqrt(max(0.0, float(self.squares_s2[member]) / visits / mean_s**2 - 1.0))
            waits[member] = approximate_ggc_wait_mean_s(rate_per_s * visits, mean_s, self.servers, service_cv=cv)
        return waits

    @property
    def saturation_per_s(self) -> float:
        """The rate of requests at which the busiest member is always busy; inf where there is none.

        Work that is shared does not count: as waits grow without bound, so do boxcars.
        """
        busiest = float(self.unshared_s.max())
        return self.servers / busiest if self.servers and busiest > 0 else math.inf


@dataclass
class BucketLoad:
    """What is wanted of a token bucket family.

    Args:
        name: Its name.
        rate_per_s: Tokens that flow into each member's bucket.
        tokens: Tokens that a request wants of each member at the rate of the prediction, mean over the mix, shape
            (members,).
    """

    name: str
    rate_per_s: float
    tokens: FloatArray

    @property
    def saturation_per_s(self) -> float:
        """The rate of requests from which the member that is asked most throttles for good; inf where none does."""
        most = float(self.tokens.max())
        return self.rate_per_s / most if most > 0 else math.inf


@dataclass
class RoomLoad:
    """What comes to a room family whose members have something to hold for each member of some group.

    Args:
        name: Its name.
        visits: Visits of a request for each thing, mean over the mix, shape (members, members of that group).
    """

    name: str
    visits: FloatArray

    def alone(self, rate_per_s: float, shares: FloatArray, took_s: FloatArray) -> FloatArray:
        """Of those who come, the part that goes by itself; all others go on with one that is on its way.

        Args:
            rate_per_s: Requests a second.
            shares: How likely each thing is what is wanted, shape (ways, members, members of that group).
            took_s: Mean seconds from when one comes that goes by itself until all go on, shape (ways,).

        Returns:
            Shape (ways,).

        Source:
            A renewal argument, exact for Poisson arrivals at rate a for a thing, and times T that do not depend on
            them: from one that goes by itself to the next it takes T + 1/a, in which 1 + a T come.
        """
        arrivals = 1.0 + rate_per_s * self.visits * took_s[:, None, None]
        return as_floats((shares / arrivals).sum(axis=(-2, -1)))
