"""How often too few copies are there, and how long until that happens first, by truth tables over sets of copies.

Copies fail and are repaired independently; the zones that they are in fail as well, and take with them, while they are
down, whatever they hold. Both are added up over all sets, from positive terms alone, so that a probability of 1e-20 has
as many digits as one of a half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.kernel.closed_forms.numeric import require_non_negative, require_positive, require_probability
from models.kernel.outcome import FloatArray
from models.kernel.predicates import Table

MAX_STATES = 1 << 11


def unavailability(
    table: Table, availability: float, zones: Sequence[int] = (), zone_availability: float = 1.0
) -> float:
    """Probability that the copies that are up do not suffice.

    Args:
        table: Which sets of copies suffice.
        availability: Of each copy, in a zone that is up.
        zones: Zone of each copy; none: no zone fails.
        zone_availability: Of each zone.

    Raises:
        ValueError: If an availability is no probability, or the zones are not as many as the copies.

    Source:
        All sets of copies and zones, enumerated; exact for independent copies and zones.
    """
    require_probability(availability=availability, zone_availability=zone_availability)
    copies, held_by_zone = _copies_of(table), _held_by_zone(table, zones)
    down = _chance_of_sets(len(held_by_zone), 1.0 - zone_availability)
    lost = _chance_of_sets(copies, 1.0 - availability)
    return math.fsum(
        zone_chance * copy_chance
        for dark, zone_chance in enumerate(down)
        for gone, copy_chance in enumerate(lost)
        if not table[_left(gone, dark, held_by_zone, copies)]
    )


@dataclass(frozen=True)
class Repairs:
    """Failures and repairs, all exponential and independent of one another.

    Args:
        mttf_s: Mean seconds until a copy fails.
        repair_s: Mean seconds until a failed copy is there again.
        zone_mttf_s: Mean seconds until a zone fails; inf: never.
        zone_repair_s: Mean seconds until it is there again, with what its copies had.

    Raises:
        ValueError: If a time is not positive, or another one than zone_mttf_s is not finite.
    """

    mttf_s: float
    repair_s: float
    zone_mttf_s: float = math.inf
    zone_repair_s: float = 3600.0

    def __post_init__(self) -> None:
        require_positive(mttf_s=self.mttf_s, repair_s=self.repair_s, zone_repair_s=self.zone_repair_s)
        if not self.zone_mttf_s > 0.0:
            raise ValueError(f"zone_mttf_s must be positive, got {self.zone_mttf_s}")

    @property
    def availability(self) -> float:
        """Of a copy in a zone that is up."""
        return self.mttf_s / (self.mttf_s + self.repair_s)

    @property
    def zone_availability(self) -> float:
        """Of a zone."""
        return 1.0 / (1.0 + self.zone_repair_s / self.zone_mttf_s)


def mean_time_to_loss_s(table: Table, repairs: Repairs, zones: Sequence[int] = ()) -> float:
    """Mean seconds until the copies that are up first do not suffice, from when all are up.

    Args:
        table: Which sets of copies suffice.
        repairs: How copies and zones fail and come back.
        zones: Zone of each copy; none: no zone fails.

    Returns:
        Seconds; 0 where not even all copies suffice, inf where any set does.

    Raises:
        ValueError: If there are too many sets, or the zones are not as many as the copies.

    Source:
        Continuous-time Markov chain over all sets of copies and zones that are down, those that do not suffice being
        absorbing. Its states are taken away one by one, and what led through them goes on to where they led; nothing is
        subtracted (Grassmann, Taksar and Heyman, Operations Research 33(5), 1985), so it is exact to rounding however
        rare the loss. Takes time that grows with the cube of the states, 512 for six copies in three zones.
    """
    copies, held_by_zone = _copies_of(table), _held_by_zone(table, zones)
    units = copies + len(held_by_zone)
    if 1 << units > MAX_STATES:
        raise ValueError(f"{copies} copies in {len(held_by_zone)} zones must have {MAX_STATES} states at most")
    states = [
        state for state in range(1 << units)
        if table[_left(state & (1 << copies) - 1, state >> copies, held_by_zone, copies)]
    ]  # fmt: skip
    if 0 not in states:
        return 0.0
    number = {state: index for index, state in enumerate(states)}
    rates, lost = np.zeros((len(states), len(states))), np.zeros(len(states))
    for index, state in enumerate(states):
        for unit in range(units):
            failed_s, back_s = (
                (repairs.mttf_s, repairs.repair_s) if unit < copies
                else (repairs.zone_mttf_s, repairs.zone_repair_s)
            )  # fmt: skip
            rate_per_s = 1.0 / (back_s if state >> unit & 1 else failed_s)
            target = number.get(state ^ 1 << unit)
            if target is None:
                lost[index] += rate_per_s
            else:
                rates[index, target] = rate_per_s
    return _first_passage_s(rates, lost)


def loss_probability(mean_s: float, within_s: float) -> float:
    """Probability of a loss within some time, where repairs are much faster than losses come.

    Args:
        mean_s: Mean time to the first loss, seconds.
        within_s: The time, seconds.

    Raises:
        ValueError: If a time is negative, or the mean is not positive.

    Source:
        Losses are rare events of a chain that forgets its past between them, so the time to the first is exponential.

    Limits:
        The error is about the time that a repair takes, divided by the mean.
    """
    if not mean_s > 0.0:
        raise ValueError(f"mean_s must be positive, got {mean_s}")
    require_non_negative(within_s=within_s)
    return -math.expm1(-within_s / mean_s)


def _first_passage_s(rates: FloatArray, lost: FloatArray) -> float:
    """Mean time from state 0 to loss.

    Args:
        rates: From each state to each other, per second, shape (states, states).
        lost: From each state to loss, per second, shape (states,).
    """
    stays = np.ones(len(lost))
    for last in range(len(lost) - 1, 0, -1):
        # A visit to the last state counts to the one it came from: with the time it takes, and with where it leads.
        share = rates[:last, last] / (rates[last, :last].sum() + lost[last])
        rates[:last, :last] += np.outer(share, rates[last, :last])
        np.fill_diagonal(rates, 0.0)
        lost[:last] += share * lost[last]
        stays[:last] += share * stays[last]
    return float(stays[0] / lost[0]) if lost[0] > 0.0 else math.inf


def _copies_of(table: Table) -> int:
    return (len(table) - 1).bit_length()


def _held_by_zone(table: Table, zones: Sequence[int]) -> list[int]:
    """The set of copies in each zone."""
    if zones and len(zones) != _copies_of(table):
        raise ValueError(f"{len(zones)} zones must be those of {_copies_of(table)} copies")
    return [sum(1 << copy for copy, its in enumerate(zones) if its == zone) for zone in sorted(set(zones))]


def _left(gone: int, dark: int, held_by_zone: Sequence[int], copies: int) -> int:
    """The copies that are up."""
    for zone, held in enumerate(held_by_zone):
        if dark >> zone & 1:
            gone |= held
    return (1 << copies) - 1 & ~gone


def _chance_of_sets(count: int, chance: float) -> list[float]:
    """Probability of each set, each of whose members is in it with the same chance."""
    return [chance ** some.bit_count() * (1.0 - chance) ** (count - some.bit_count()) for some in range(1 << count)]
