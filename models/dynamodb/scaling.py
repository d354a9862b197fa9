"""What decides how many units a table has: auto scaling of provisioned units, and the growth of a table on demand.

Both look at CloudWatch's figures, which are means over a minute. These are rules alone, without clock or table; the
control process that applies them is `control`'s.

Source:
    Amazon DynamoDB Developer Guide (2023), pages on auto scaling, on quotas and on on-demand capacity.
"""

from __future__ import annotations

import math
from collections import deque

from models.dynamodb.capacity import AutoScaling

MINUTE_S, HOUR_S, DAY_S = 60.0, 3_600.0, 86_400.0
DECREASES_AT_ANY_TIME, DECREASES_PER_DAY = 4, 27
"""Decreases of a day: four whenever, then one more for each hour without one (DynamoDB guide, 2023)."""


class Decreases:
    """How often a table's units may be decreased. Days begin at time zero."""

    def __init__(self) -> None:
        self._day, self._count, self._last_s = 0, 0, -math.inf

    def allowed(self, now_s: float) -> bool:
        """Whether a decrease is allowed now."""
        count = self._count if self._day == int(now_s // DAY_S) else 0
        idle = now_s - self._last_s >= HOUR_S
        return count < DECREASES_AT_ANY_TIME or (idle and count < DECREASES_PER_DAY)

    def made(self, now_s: float) -> None:
        """One was made."""
        day = int(now_s // DAY_S)
        self._count = self._count + 1 if day == self._day else 1
        self._day, self._last_s = day, now_s


class Scaler:
    """Target tracking of one kind of units.

    Args:
        terms: Target, windows, cool-down.
        units_per_s: Units at first.
        least: Fewest units.
        most: Most units.
    """

    def __init__(self, terms: AutoScaling, units_per_s: float, least: float, most: float) -> None:
        self.terms, self.units_per_s, self.least, self.most = terms, units_per_s, least, most
        self.decreases, self._changed_s = Decreases(), -math.inf
        self._above = self._below = 0

    def minute(self, now_s: float, consumed_per_s: float) -> float | None:
        """A minute is over; returns the units that the table shall have from now on, or None for no change.

        A minute without any traffic has no figure, so a table that is not asked at all is never scaled in.
        """
        terms = self.terms
        if consumed_per_s <= 0.0:
            return None
        utilization = consumed_per_s / self.units_per_s
        self._above = self._above + 1 if utilization > terms.target else 0
        self._below = self._below + 1 if utilization < terms.target - terms.scale_in_below else 0
        out, back = self._above >= terms.scale_out_minutes, self._below >= terms.scale_in_minutes
        if not (out or back) or now_s - self._changed_s < terms.cooldown_s:
            return None
        wanted = min(max(float(math.ceil(consumed_per_s / terms.target)), self.least), self.most)
        if wanted == self.units_per_s or (wanted < self.units_per_s) != back:
            return None
        if back:
            if not self.decreases.allowed(now_s):
                return None
            self.decreases.made(now_s)
        self.units_per_s, self._changed_s = wanted, now_s
        self._above = self._below = 0
        return wanted


class Growth:
    """What a table on demand carries: twice the highest minute that lies far enough back, and what it began with.

    Args:
        first_units_per_s: Units that it carries at first; half of them count as its peak.
        growth_s: Seconds until a minute counts.
    """

    def __init__(self, first_units_per_s: float, growth_s: float) -> None:
        self.peak_per_s, self.growth_s = first_units_per_s / 2.0, growth_s
        self._recent: deque[tuple[float, float]] = deque()

    def minute(self, now_s: float, consumed_per_s: float) -> float:
        """A minute is over; returns the units that the table carries from now on."""
        self._recent.append((now_s, consumed_per_s))
        while self._recent and now_s - self._recent[0][0] >= self.growth_s:
            self.peak_per_s = max(self.peak_per_s, self._recent.popleft()[1])
        return 2.0 * self.peak_per_s
