"""Which sets of copies suffice, how often they are there and how long until they are not, by enumeration.

Method: the rules of the papers are written once more, in words over names of copies, and every subset is asked; what
is published of unavailabilities is compared; mean times to loss come from exact fractions, the known formula of a
mirrored pair, and linear equations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np
import pytest

from models.generic.copies import leader_and
from models.kernel.closed_forms import Repairs, loss_probability, mean_time_to_loss_s, unavailability
from models.kernel.parts import Quorum
from models.kernel.predicates import Table, at_least, both, either, meets, members, satisfied_by_losses

SEGMENTS, ZONES = "ABCDEF", (0, 0, 1, 1, 2, 2)
WRITE, READ = at_least(6, 4), at_least(6, 3)
FULL = members(0, 2, 4)
"""One of two segments in each zone has pages, the other only the tail of the log (SIGMOD 2018, section 4.2)."""
MIXED_WRITE = either(at_least(6, 4), at_least(6, 3, among=FULL))
MIXED_READ = both(at_least(6, 3), at_least(6, 1, among=FULL))
PAIR = Repairs(mttf_s=1000.0, repair_s=10.0)

# ---------------------------------------------------------------- sets


@pytest.mark.parametrize(
    ("table", "sets"),
    [
        (WRITE, [1, 6, 15, 0, 0, 0, 0]),
        (READ, [1, 6, 15, 20, 0, 0, 0]),
    ],
)
def test_all_64_subsets_are_as_counted(table: Table, sets: list[int]) -> None:
    found = satisfied_by_losses(table)

    assert [enough for enough, _ in found] == sets
    assert [every for _, every in found] == [1, 6, 15, 20, 15, 6, 1]


def held(sets: str) -> int:
    return members(*(SEGMENTS.index(name) for name in sets))


def subsets(names: str) -> Iterable[str]:
    return ("".join(some) for size in range(len(names) + 1) for some in itertools.combinations(names, size))


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (MIXED_WRITE, lambda some: len(some) > 3 or {"A", "C", "E"} <= set(some)),
        (MIXED_READ, lambda some: len(some) > 2 and not set(some) <= {"B", "D", "F"}),
    ],
)
def test_full_and_tail_segments_by_their_own_rule(table: Table, rule: Callable[[str], bool]) -> None:
    assert {some for some in subsets(SEGMENTS) if table[held(some)]} == {
        some for some in subsets(SEGMENTS) if rule(some)
    }


def test_full_and_tail_segments_survive_other_losses() -> None:
    """Worked by hand: of 20 sets of three left, ACE alone can write, and all but BDF can read."""
    assert [enough for enough, _ in satisfied_by_losses(MIXED_WRITE)] == [1, 6, 15, 1, 0, 0, 0]
    assert [enough for enough, _ in satisfied_by_losses(MIXED_READ)] == [1, 6, 15, 19, 0, 0, 0]


@pytest.mark.parametrize("zone", range(3))
def test_a_zone_is_lost_and_writes_go_on_a_zone_and_one_and_reads_do(zone: int) -> None:
    left = [copy for copy, its in enumerate(ZONES) if its != zone]

    assert all(table[members(*left)] for table in (WRITE, READ, MIXED_WRITE, MIXED_READ))
    for lost in left:
        still = members(*(copy for copy in left if copy != lost))
        assert (WRITE[still], READ[still]) == (False, True)


def test_leader_and_one_is_a_table() -> None:
    assert leader_and(3, 2) == (False, False, False, True, False, True, False, True)


# ---------------------------------------------------------------- overlap


def overlaps(one: Table, other: Table) -> bool:
    """Every pair of sets."""
    return all(a & b for a in range(len(one)) if one[a] for b in range(len(other)) if other[b])


TABLES = [
    *(at_least(6, needed) for needed in range(1, 7)), MIXED_WRITE, MIXED_READ, at_least(6, 1, among=FULL),
    at_least(6, 3, among=FULL), leader_and(6, 2), both(at_least(6, 2, among=FULL), at_least(6, 4)),
]  # fmt: skip


def test_tables_meet_where_each_pair_of_their_sets_overlaps() -> None:
    found = [[meets(one, other) for other in TABLES] for one in TABLES]

    assert found == [[overlaps(one, other) for other in TABLES] for one in TABLES]
    assert {True, False} <= set(itertools.chain.from_iterable(found))


@pytest.mark.parametrize(
    ("write", "read"),
    [(WRITE, READ), (MIXED_WRITE, MIXED_READ), (at_least(3, 2), at_least(3, 2)), (at_least(4, 3), at_least(4, 2))],
)
def test_reads_see_writes_and_writers_exclude_one_another(write: Table, read: Table) -> None:
    assert meets(read, write)
    assert meets(write, write)


def test_less_than_the_published_rules_would_not_do() -> None:
    """Vr + Vw > V, Vw > V / 2; and tails alone are no read where full segments alone are a write."""
    assert not meets(at_least(6, 2), WRITE)
    assert not meets(READ, READ)
    assert not meets(at_least(6, 3), MIXED_WRITE)


def test_a_change_of_membership_goes_by_steps_that_can_be_taken_back() -> None:
    """F is suspected, and G takes its place: 4/6 of ABCDEF and 4/6 of ABCDEG write, 3/6 of either read (A18)."""
    before, after = members(*range(6)), members(*range(5), 6)

    def writes(among: int) -> Table:
        return at_least(7, 4, among=among)

    def reads(among: int) -> Table:
        return at_least(7, 3, among=among)

    write, read = both(writes(before), writes(after)), either(reads(before), reads(after))

    assert meets(read, write)
    for side in (before, after):
        assert meets(write, writes(side))
        assert meets(reads(side), write)
    # Whoever knows the old members alone cannot read what is written to the new ones alone, if two were replaced.
    assert meets(reads(before), writes(after)) is False


@pytest.mark.parametrize("table", TABLES)
def test_quorums_take_tables(table: Table) -> None:
    assert Quorum("quorum", 6, table=table).table is table


@pytest.mark.parametrize("wrong", [(6, 7, None), (6, 3, members(0, 1)), (6, 1, members(6)), (6, -1, None)])
def test_a_table_that_nothing_satisfies_is_refused(wrong: tuple[int, int, int | None]) -> None:
    copies, needed, among = wrong

    with pytest.raises(ValueError, match="must be among"):
        at_least(copies, needed, among)


# ---------------------------------------------------------------- availability


@pytest.mark.parametrize(
    ("table", "availability", "expected", "tolerance"),
    [
        (WRITE, 0.99, 1.955e-5, 5e-9), (WRITE, 0.999, 1.996e-8, 5e-12), (READ, 0.99, 1.476e-7, 5e-11),
        (READ, 0.999, 1.498e-11, 5e-15), (at_least(3, 2), 0.99, 2.98e-4, 5e-7),
        (at_least(3, 2), 0.999, 2.998e-6, 5e-10), (at_least(4, 4), 0.99, 3.94e-2, 5e-5),
        (at_least(4, 4), 0.999, 3.994e-3, 5e-7),
    ],
)  # fmt: skip
def test_unavailability_of_independent_copies(
    table: Table, availability: float, expected: float, tolerance: float
) -> None:
    assert unavailability(table, availability) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("table", [WRITE, READ, MIXED_WRITE, MIXED_READ])
def test_unavailability_where_zones_fail_together(table: Table) -> None:
    """Each of 512 sets of copies and zones, in exact fractions."""
    copy, zone = Fraction(9, 10), Fraction(19, 20)
    expected = Fraction(0)
    for ups in itertools.product((0, 1), repeat=9):
        copies, zones = ups[:6], ups[6:]
        chance = math.prod(copy if up else 1 - copy for up in copies) * math.prod(
            zone if up else 1 - zone for up in zones
        )
        if not table[members(*(i for i in range(6) if copies[i] and zones[ZONES[i]]))]:
            expected += chance

    assert unavailability(table, 0.9, ZONES, 0.95) == pytest.approx(float(expected), rel=1e-12)


def test_a_copy_alone_in_its_zone_is_there_when_both_are() -> None:
    assert unavailability(at_least(3, 2), 0.9, (0, 1, 2), 0.8) == pytest.approx(unavailability(at_least(3, 2), 0.72))


# ---------------------------------------------------------------- time to loss


def birth_and_death_s(copies: int, losses: int, mttf_s: int, repair_s: int) -> Fraction:
    """Mean time until so many of like copies are down at once: each further one first takes time, or a way back."""
    total = step = Fraction(0)
    for down in range(losses):
        worse, better = Fraction(copies - down, mttf_s), Fraction(down, repair_s)
        step = (1 + better * step) / worse
        total += step
    return total


@pytest.mark.parametrize(("copies", "needed"), [(6, 4), (6, 3), (3, 2), (4, 4), (4, 1), (1, 1)])
@pytest.mark.parametrize(("mttf_s", "repair_s"), [(100, 10), (3, 5), (10**9, 10)])
def test_time_to_loss_of_like_copies(copies: int, needed: int, mttf_s: int, repair_s: int) -> None:
    """However rare: 3 of 6 with repairs of 10 s and 30 years between failures last 1e31 s."""
    expected_s = float(birth_and_death_s(copies, copies - needed + 1, mttf_s, repair_s))
    repairs = Repairs(mttf_s=float(mttf_s), repair_s=float(repair_s))

    assert mean_time_to_loss_s(at_least(copies, needed), repairs) == pytest.approx(expected_s, rel=1e-12)


def test_time_to_loss_of_a_mirrored_pair() -> None:
    """(3 lambda + mu) / (2 lambda**2): Patterson, Gibson and Katz, SIGMOD 1988."""
    failures, repairs = 1 / PAIR.mttf_s, 1 / PAIR.repair_s

    expected_s = (3 * failures + repairs) / (2 * failures**2)
    assert mean_time_to_loss_s(at_least(2, 1), PAIR) == pytest.approx(expected_s, rel=1e-12)


@pytest.mark.parametrize("table", [WRITE, READ, MIXED_WRITE, MIXED_READ])
def test_time_to_loss_where_zones_fail(table: Table) -> None:
    """Linear equations over all 512 states, for rates that are not far from one another."""
    repairs = Repairs(mttf_s=50.0, repair_s=5.0, zone_mttf_s=400.0, zone_repair_s=20.0)
    rates_per_s = [(1 / 50.0, 1 / 5.0)] * 6 + [(1 / 400.0, 1 / 20.0)] * 3
    left = [
        state for state in range(512)
        if table[members(*(i for i in range(6) if not state >> i & 1 and not state >> 6 + ZONES[i] & 1))]
    ]  # fmt: skip
    equations = np.zeros((len(left), len(left)))
    for row, state in enumerate(left):
        for unit, (fails, comes_back) in enumerate(rates_per_s):
            rate = comes_back if state >> unit & 1 else fails
            equations[row, row] -= rate
            if state ^ 1 << unit in left:
                equations[row, left.index(state ^ 1 << unit)] += rate

    expected_s = np.linalg.solve(equations, -np.ones(len(left)))[0]
    assert mean_time_to_loss_s(table, repairs, ZONES) == pytest.approx(expected_s, rel=1e-9)


def test_zones_that_never_fail_are_no_zones() -> None:
    assert mean_time_to_loss_s(READ, PAIR, ZONES) == pytest.approx(mean_time_to_loss_s(READ, PAIR), rel=1e-12)


def test_what_is_lost_at_once_and_what_never_is() -> None:
    assert mean_time_to_loss_s((False,) * 8, PAIR) == 0.0
    assert mean_time_to_loss_s((True,) * 8, PAIR) == math.inf


def test_a_loss_within_a_time() -> None:
    assert loss_probability(1e20, 10.0) == pytest.approx(1e-19, rel=1e-9)
    assert loss_probability(1.0, 1.0) == pytest.approx(1 - math.exp(-1))
    assert loss_probability(math.inf, 1e9) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: unavailability(WRITE, 1.1), lambda: unavailability(WRITE, 0.9, ZONES, -0.1),
        lambda: unavailability(WRITE, 0.9, (0, 1)), lambda: Repairs(0.0, 1.0), lambda: Repairs(1.0, math.inf),
        lambda: Repairs(1.0, 1.0, zone_mttf_s=0.0), lambda: mean_time_to_loss_s(at_least(12, 1), PAIR),
        lambda: loss_probability(0.0, 1.0), lambda: loss_probability(1.0, -1.0),
    ],
)  # fmt: skip
def test_arguments_out_of_range_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must"):
        call()
