"""The reference caches against traces worked by hand, against definitions without a cache, and against one another."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.reference_caches import (
    POLICIES,
    Cache,
    ClockQueue,
    ClockRing,
    Fifo,
    Lru,
    Request,
    fifo_hits_by_last_fills,
    hits,
    lru_hits_by_stack_distance,
)

CLOCKS = [ClockRing, ClockQueue]


def items(keys: str) -> list[Request]:
    """Reads of one-letter keys, one second apart."""
    return [Request(key, now_s=float(second)) for second, key in enumerate(keys)]


def shown(found: list[bool]) -> str:
    return "".join("h" if hit else "-" for hit in found)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        # Three fit: A B C, then A is used. D puts out B under LRU and A under FIFO. CLOCK: A's bit is cleared, B goes.
        #            A B C A D A B
        ("lru", "---h-h-"),
        ("fifo", "---h---"),
        ("clock", "---h-h-"),
    ],
)
def test_policies_differ_where_they_should(policy: str, expected: str) -> None:
    assert shown(hits(policy, 3, items("ABCADAB"))) == expected


@pytest.mark.parametrize("kind", CLOCKS)
def test_clock_places_a_new_object_where_the_hand_comes_last(kind: type[Cache]) -> None:
    """Two fit: A B, A used. C: the hand clears A, puts out B, C takes B's place, the hand is at A. D puts out A."""
    cache = kind(2)

    found = [cache.access(*request) for request in items("ABACDCA")]

    assert shown(found) == "--h--h-"
    assert set(cache.held) == {"C", "A"}  # A: the hand finds C used and clears it, then D goes


@pytest.mark.parametrize("kind", CLOCKS)
def test_clock_inserts_with_the_bit_clear(kind: type[Cache]) -> None:
    """Two fit: A, B, and B is used. C puts out A at once, D clears B and puts out C, whose bit was clear."""
    cache = kind(2)

    for request in items("ABBCD"):
        cache.access(*request)

    assert set(cache.held) == {"B", "D"}


def test_lru_in_bytes_makes_room_for_what_comes_and_what_grows() -> None:
    cache = Lru(10, in_bytes=True)
    cache.access("A", 4, 0.0)
    cache.access("B", 4, 1.0)
    cache.access("C", 4, 2.0)  # 12 do not fit: A goes
    assert set(cache.held) == {"B", "C"}
    assert cache.access("B", 7, 3.0)  # a hit that grew to 7: 11 do not fit, C goes
    assert set(cache.held) == {"B"}
    assert cache.access("B", 3, 4.0)  # it shrinks
    assert not cache.access("D", 7, 5.0)  # 10 fit exactly
    assert set(cache.held) == {"B", "D"}
    assert not cache.access("E", 11, 6.0)  # larger than all: not admitted, nobody has to go
    assert set(cache.held) == {"B", "D"}
    assert cache.access("B", 11, 7.0)  # a hit, but it grew larger than all: it goes, and only it
    assert set(cache.held) == {"D"}


def test_fifo_passes_over_the_oldest_when_it_is_the_one_that_grew() -> None:
    cache = Fifo(10, in_bytes=True)
    for key in "ABC":
        cache.access(key, 3, 0.0)

    assert cache.access("A", 5, 1.0)  # 11: A is the oldest but passed over, B goes
    assert set(cache.held) == {"A", "C"}
    cache.access("D", 3, 2.0)  # 11: A is still the oldest and goes now
    assert set(cache.held) == {"C", "D"}


@pytest.mark.parametrize("kind", CLOCKS)
def test_clock_passes_over_what_grew_without_clearing_its_bit(kind: type[Cache]) -> None:
    cache = kind(10, in_bytes=True)
    for key in "ABC":
        cache.access(key, 3, 0.0)
    cache.access("A", 3, 1.0)  # A's bit
    cache.access("B", 5, 2.0)  # 11, B's bit: the hand clears A, passes B, puts out C; it is at A again
    assert set(cache.held) == {"A", "B"}
    cache.access("D", 2, 3.0)  # 10 fit; D lies behind the hand
    cache.access("E", 3, 4.0)  # the hand puts out A
    assert set(cache.held) == {"B", "D", "E"}
    cache.access("F", 4, 5.0)  # B's bit is still set: cleared, passed; D goes, 12; E goes, 9 fit
    assert set(cache.held) == {"B", "F"}


@pytest.mark.parametrize("policy", POLICIES)
def test_an_object_lives_from_its_fill_for_its_ttl(policy: str) -> None:
    """Filled at 0 for 5 s: a hit at 3 does not prolong it, at 5 it is gone; a write at 9 does."""
    trace = [("A", 0.0, False), ("A", 3.0, False), ("A", 5.0, False), ("A", 9.0, True), ("A", 13.0, False)]
    requests = [Request(key, 1, now, write) for key, now, write in [*trace, ("A", 14.0, False)]]

    assert shown(hits(policy, 3, requests, ttl_s=5.0)) == "-h-hh-"


def test_an_expired_object_keeps_its_room_and_its_refill_is_new() -> None:
    """Two fit, 5 s: A at 0, B at 1; A at 5 is a refill behind B, so that C at 5.5 puts out B and not A."""
    requests = [Request("A", 1, 0.0), Request("B", 1, 1.0), Request("A", 1, 5.0), Request("C", 1, 5.5)]

    assert shown(hits("fifo", 2, [*requests, Request("A", 1, 5.6)], ttl_s=5.0)) == "----h"

    cache = Fifo(2, ttl_s=5.0)
    for request in requests[:2]:
        cache.access(*request)
    cache.access("C", 1, 5.5)  # A is over, B is not; A, the older, goes by the policy, not because it is over
    assert set(cache.held) == {"B", "C"}


def test_a_shorter_ttl_of_the_object_counts() -> None:
    cache = Lru(2, ttl_s=5.0)
    cache.access("A", 1, 0.0, ttl_s=2.0)
    cache.access("B", 1, 0.0, ttl_s=9.0)

    assert not cache.access("A", 1, 2.0)
    assert cache.access("B", 1, 4.9)
    assert not cache.access("B", 1, 5.0)


@pytest.mark.parametrize("policy", POLICIES)
def test_an_empty_capacity_holds_nothing_but_empty_objects(policy: str) -> None:
    assert shown(hits(policy, 0, items("AAA"))) == "---"
    assert shown(
        hits(policy, 0, [Request("A", 0), Request("A", 0), Request("A", 1), Request("A", 0)], in_bytes=True)
    ) == ("-hh-")


keys = st.lists(st.sampled_from("ABCDEFG"), max_size=60)
requests = st.lists(
    st.tuples(st.sampled_from("ABCDEF"), st.integers(0, 9), st.sampled_from([0.0, 0.5, 1.0]), st.booleans()),
    max_size=60,
)


@given(keys, st.integers(1, 6))
def test_lru_is_stack_distance(trace: list[str], capacity: int) -> None:
    assert hits("lru", capacity, [Request(key) for key in trace]) == lru_hits_by_stack_distance(trace, capacity)


@given(keys, st.integers(1, 6))
def test_fifo_is_the_last_fills(trace: list[str], capacity: int) -> None:
    assert hits("fifo", capacity, [Request(key) for key in trace]) == fifo_hits_by_last_fills(trace, capacity)


@given(requests, st.integers(0, 12), st.booleans(), st.sampled_from([math.inf, 3.0]))
def test_both_clocks_are_one(
    trace: list[tuple[str, int, float, bool]], capacity: int, in_bytes: bool, ttl_s: float
) -> None:
    """Goal: ring and queue agree on every hit, on what is held, and on who goes next."""
    ring = ClockRing(capacity, in_bytes=in_bytes, ttl_s=ttl_s)
    queue = ClockQueue(capacity, in_bytes=in_bytes, ttl_s=ttl_s)
    now = 0.0
    for key, size, gap, write in trace:
        now += gap
        assert ring.access(key, size, now, write) == queue.access(key, size, now, write)
        assert ring.held.keys() == queue.held.keys()
        assert ring.slots[ring.hand :] + ring.slots[: ring.hand] == list(queue.queue)
        assert {key: item.used for key, item in ring.held.items()} == dict(queue.queue)


@given(
    requests, st.integers(0, 12), st.sampled_from([Lru, Fifo, ClockRing, ClockQueue]), st.sampled_from([math.inf, 3.0])
)
def test_no_cache_ever_holds_more_than_fits(
    trace: list[tuple[str, int, float, bool]], capacity: int, kind: type[Cache], ttl_s: float
) -> None:
    """Goal: the bound holds at every instant, and what was asked for last is held if it fits at all."""
    cache, now = kind(capacity, in_bytes=True, ttl_s=ttl_s), 0.0
    for key, size, gap, write in trace:
        now += gap
        cache.access(key, size, now, write)
        assert sum(item.room for item in cache.held.values()) <= capacity
        assert (key in cache.held) == (size <= capacity)
