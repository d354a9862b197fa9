"""Auto scaling and on-demand growth against their published rules.

Source:
    DynamoDB Developer Guide (2023): target tracking, limits of decreases, first and previous peaks of on-demand tables.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from models.dynamodb.capacity import AutoScaling
from models.dynamodb.scaling import Decreases, Growth, Scaler
from models.kernel.arrivals import ConstantArrivals
from models.kernel.outcome import Outcome
from tests.strategies.tables import on_demand, simulated, table

TERMS = AutoScaling(max_read_units_per_s=1_000.0, max_write_units_per_s=1_000.0)


def changes(scaler: Scaler, consumed_per_s: list[float]) -> list[tuple[int, float]]:
    """Minutes in which the units change, and what to."""
    answers = [(minute, scaler.minute(60.0 * minute, each)) for minute, each in enumerate(consumed_per_s, 1)]
    return [(minute, units) for minute, units in answers if units is not None]


def level(outcome: Outcome, name: str) -> list[tuple[float, float]]:
    """Times and values of a level."""
    return list(zip(outcome.levels[name].times_s.tolist(), outcome.levels[name].values.tolist(), strict=True))


# The rules alone.


def test_a_table_scales_out_after_two_minutes_above_its_target() -> None:
    """70 % of 100 units: 90 consumed call for 90 / 0.7 = 128.6 units."""
    assert changes(Scaler(TERMS, 100.0, 1.0, 1_000.0), [90.0, 60.0, 90.0, 90.0, 90.0]) == [(4, 129.0)]


def test_a_table_scales_in_after_fifteen_minutes_below_it() -> None:
    assert changes(Scaler(TERMS, 100.0, 1.0, 1_000.0), [30.0] * 14 + [60.0] + [30.0] * 15) == [(30, 43.0)]


@pytest.mark.parametrize("consumed_per_s", [50.0, 60.0, 70.0, 0.0])
def test_a_table_near_its_target_or_without_traffic_stays_as_it_is(consumed_per_s: float) -> None:
    """Alarms of a table of 5 units stand at 210 and 150 units a minute: 70 and 50 %."""
    assert changes(Scaler(TERMS, 100.0, 1.0, 1_000.0), [consumed_per_s] * 40) == []


def test_units_stay_within_their_bounds() -> None:
    assert changes(Scaler(TERMS, 100.0, 1.0, 110.0), [100.0] * 9) == [(2, 110.0)]
    assert changes(Scaler(TERMS, 100.0, 80.0, 110.0), [1.0] * 40) == [(15, 80.0)]


def test_nothing_changes_while_it_cools_down() -> None:
    terms = TERMS.model_copy(update={"cooldown_s": 300.0})

    assert changes(Scaler(terms, 100.0, 1.0, 1_000.0), [100.0, 100.0, *[140.0] * 9]) == [(2, 143.0), (7, 200.0)]


def test_a_day_has_at_most_27_decreases() -> None:
    """Whoever decreases as often as allowed makes four in the first hour, then one for each hour, 27 in a day."""
    decreases, made = Decreases(), []
    for minute in range(2 * 1_440):
        if decreases.allowed(60.0 * minute):
            decreases.made(60.0 * minute)
            made.append(minute)

    first = [minute for minute in made if minute < 1_440]
    assert (len(first), len([minute for minute in first if minute < 60])) == (27, 4)
    assert all(later - earlier == 60 for earlier, later in pairwise(first[3:]))
    assert len(made) == 2 * 27


def test_a_peak_counts_when_it_lies_far_enough_back() -> None:
    """By hand: half of 40 at first; 30/s in the first minute counts ten minutes later, 5/s never."""
    growth = Growth(40.0, 600.0)

    carried = [growth.minute(60.0 * minute, 30.0 if minute == 1 else 5.0) for minute in range(1, 30)]

    assert carried == [40.0] * 10 + [60.0] * 19


# Tables that follow them.


def test_a_scaled_table_is_throttled_until_it_has_scaled() -> None:
    """By hand: 15 writes/s on 10 units without burst, so that 10/s are consumed. After two minutes 10 / 0.7 = 15 units
    are decided on, which come a minute later, at 180 s. Two minutes of 15/s more call for 15 / 0.7 = 22, at 360 s.
    """
    parameters = table(
        write_units_per_s=10.0, burst_s=0.0, partitions=1,
        auto_scaling={"max_read_units_per_s": 1e6, "max_write_units_per_s": 100.0},
    )  # fmt: skip

    outcome = simulated(parameters, "write", ConstantArrivals(rate_per_s=15.0), 600.0, windows=10)

    assert level(outcome, "write units provisioned") == [(0.0, 10.0), (180.0, 15.0), (360.0, 22.0)]
    assert level(outcome, "read units provisioned") == [(0.0, 1e6)]
    assert outcome.operations["write"].window_errors[:3] == pytest.approx([290, 300, 300], abs=2)
    assert outcome.operations["write"].window_errors[6:].sum() == 0


def test_saved_units_carry_a_table_until_it_has_scaled() -> None:
    """15 writes/s on 10 units with 300 s saved: what is consumed tells the demand, 15 / 0.7 = 22 units at once."""
    parameters = table(
        write_units_per_s=10.0, partitions=1,
        auto_scaling={"max_read_units_per_s": 1e6, "max_write_units_per_s": 100.0},
    )  # fmt: skip

    outcome = simulated(parameters, "write", ConstantArrivals(rate_per_s=15.0), 600.0)

    assert level(outcome, "write units provisioned") == [(0.0, 10.0), (180.0, 22.0)]
    assert outcome.operations["write"].errors == {}


@pytest.mark.parametrize("refill_s", [0.0, 2.0])
def test_a_new_table_on_demand_carries_4000_writes_at_once(refill_s: float) -> None:
    parameters = on_demand(partitions=8, router_refill_s=refill_s)

    outcome = simulated(parameters, "write", ConstantArrivals(rate_per_s=5_000.0), 8.0, windows=4)

    # What is there at first is used up after four seconds.
    assert outcome.operations["write"].window_ok[2:4] / 2.0 == pytest.approx([4_000.0] * 2, rel=0.03)
    assert level(outcome, "write units allowed") == [(0.0, 4_000.0)]


def test_a_table_on_demand_doubles_when_its_peak_is_old_enough() -> None:
    """By hand: 100 writes/s on a table that carries 40. A first minute of 40/s, and the 40 units that are there at
    first, counts at 360 s: 81. One of 81/s ends at 420 s and counts at 720 s: 163, and nobody is throttled. One of
    100/s counts at 1,080 s: 200.
    """
    parameters = on_demand(first_write_units_per_s=40.0, growth_s=300.0)

    outcome = simulated(parameters, "write", ConstantArrivals(rate_per_s=100.0), 1_200.0, windows=20)

    allowed = level(outcome, "write units allowed")
    values = [[value for at, value in allowed if at <= until][-1] for until in (359, 360, 719, 720, 1_079, 1_080)]
    assert values == pytest.approx([40, 81, 81, 163, 163, 200], rel=0.01)
    errors = outcome.operations["write"].window_errors
    assert errors[1:6] == pytest.approx([3_600] * 5, abs=3)
    assert errors[7:12] == pytest.approx([60 * 18.7] * 5, abs=10)
    assert errors[12:].sum() == 0
