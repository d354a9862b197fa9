"""What a system costs: charges as data, and the bill that a replication makes of them.

There are two kinds. What is held is paid by the hour, used or not: nodes, provisioned units. What is used is paid by
the token: request units, I/Os; the token bucket that they are taken from counts them. No request knows of it: the bill
is written after the run, from the buckets' tokens and from the levels that control sets.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.kernel.outcome import BucketOutcome, ChargeOutcome, FloatArray, LevelOutcome

HOUR_S = 3600.0
MILLION = 1e6


@dataclass(frozen=True)
class Hourly:
    """Units paid by the hour, used or not.

    Args:
        name: Unique within the system.
        dollars_per_unit_hour: Price of a unit.
        units: So many, until control says otherwise.
        level: Name of the level by which control says so (`Plane.level`); None where the number never changes.
    """

    name: str
    dollars_per_unit_hour: float
    units: float = 1.0
    level: str | None = None

    def __post_init__(self) -> None:
        _check(self.name, self.dollars_per_unit_hour, self.units)

    @property
    def words(self) -> str:
        """The price in a sentence."""
        price = f"{self.units:,.6g} x ${self.dollars_per_unit_hour:.6g} an hour"
        return price if self.level is None else f"{price}, more or less as {self.level} changes"

    def dollars(self, from_s: float, until_s: float, levels: Mapping[str, LevelOutcome]) -> float:
        """For a stretch of time."""
        known = levels.get(self.level) if self.level is not None else None
        if known is None:
            known = LevelOutcome(np.empty(0), np.empty(0))
        course = LevelOutcome(np.append(0.0, known.times_s), np.append(self.units, known.values))
        return self.dollars_per_unit_hour * course.integral(from_s, until_s) / HOUR_S


@dataclass(frozen=True)
class PerToken:
    """Tokens paid one by one, as they are taken; who finds too few pays nothing.

    Args:
        name: Unique within the system.
        dollars_per_token: Price of a token.
        bucket: Name of the bucket family; where no route takes its tokens, there is no such charge.
    """

    name: str
    dollars_per_token: float
    bucket: str

    def __post_init__(self) -> None:
        _check(self.name, self.dollars_per_token)

    @property
    def words(self) -> str:
        """The price in a sentence."""
        return f"${self.dollars_per_token * MILLION:.6g} for a million units of {self.bucket}"


Charge = Hourly | PerToken


def charges_made(charges: Sequence[Charge], buckets: Collection[str]) -> tuple[Charge, ...]:
    """Those charges that a system with these bucket families makes."""
    return tuple(charge for charge in charges if isinstance(charge, Hourly) or charge.bucket in buckets)


def bill(
    charges: Sequence[Charge],
    span_s: tuple[float, float],
    window_edges_s: FloatArray,
    buckets: Mapping[str, BucketOutcome],
    levels: Mapping[str, LevelOutcome],
) -> dict[str, ChargeOutcome]:
    """What a replication costs, by charge.

    Args:
        charges: Of the system.
        span_s: Warm-up and duration.
        window_edges_s: Edges of the windows, shape (windows + 1,).
        buckets: What was taken.
        levels: What control set.
    """
    found = {}
    for charge in charges_made(charges, buckets):
        if isinstance(charge, Hourly):
            windows = [charge.dollars(*window, levels) for window in pairwise(window_edges_s.tolist())]
            found[charge.name] = ChargeOutcome(charge.dollars(*span_s, levels), np.array(windows))
        else:
            taken = buckets[charge.bucket]
            price = charge.dollars_per_token
            found[charge.name] = ChargeOutcome(price * taken.taken, price * taken.window_taken)
    return found


def _check(name: str, *numbers: float) -> None:
    if not name or not all(0.0 <= number < float("inf") for number in numbers):
        raise ValueError(f"charge {name!r}: needs a name, and prices and units that are finite and not negative")
