"""Keys stay where they are as far as each way of sharding lets them."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from models.elasticache.sharding import (
    CLUSTER_SLOTS,
    POINTS_PER_NODE,
    RING_SLOTS,
    hash_slots,
    ketama,
    modulo,
    modulo_slots,
    moved,
)


@pytest.mark.parametrize("nodes", [2, 3, 5, 10])
def test_division_moves_all_but_one_in_so_many(nodes: int) -> None:
    """A slot of lcm(n, n - 1) stays with node r < n - 1 where its rests by n and by n - 1 are both r: one in n."""
    slots = modulo_slots(nodes)
    before, after = modulo(range(nodes), slots), modulo(range(nodes - 1), slots)

    assert len(moved(before, after)) / slots == pytest.approx(1.0 - 1.0 / nodes)


def test_the_nodes_left_are_numbered_anew() -> None:
    """The first of three is gone: of six slots, those of the second were 1 and 4, and are 0, 2 and 4."""
    assert modulo([0, 1, 2], 6) == (0, 1, 2, 0, 1, 2)
    assert modulo([1, 2], 6) == (1, 2, 1, 2, 1, 2)


@pytest.mark.parametrize("nodes", [3, 10, 50])
def test_a_ring_moves_what_the_node_had_and_nothing_else(nodes: int) -> None:
    before, after = ketama(range(nodes)), ketama(range(1, nodes))

    gone = moved(before, after)

    assert {before[slot] for slot in gone} == {0}
    assert 0 not in after
    assert len(gone) == before.count(0)
    assert len(gone) / RING_SLOTS == pytest.approx(1.0 / nodes, rel=0.3)


def test_shares_of_a_ring_vary_as_those_of_random_points() -> None:
    """Of k points of n k on a ring, a share's coefficient of variation is sqrt((n - 1) / (n k + 1)): 7.8 % here."""
    nodes = 50
    shares = Counter(ketama(range(nodes)))
    mean = RING_SLOTS / nodes
    expected = math.sqrt((nodes - 1) / (nodes * POINTS_PER_NODE + 1))

    found = math.sqrt(sum((shares[node] - mean) ** 2 for node in range(nodes)) / (nodes - 1)) / mean

    # The deviation of 50 normal values is within 27 % of their law's in 99 of 100 cases.
    assert found == pytest.approx(expected, rel=0.27)


def test_a_node_comes_back_to_what_it_had() -> None:
    assert ketama([2, 0, 1]) == ketama([0, 1, 2])


@pytest.mark.parametrize("primaries", [1, 3, 7, 500])
def test_hash_slots_are_shared_in_rows_of_like_length(primaries: int) -> None:
    table = hash_slots(range(primaries))

    assert len(table) == CLUSTER_SLOTS
    assert list(table) == sorted(table)
    counts = Counter(table)
    assert len(counts) == primaries
    assert max(counts.values()) - min(counts.values()) <= 1


def test_three_primaries_share_as_redis_cli_prints_it() -> None:
    """0 to 5460, 5461 to 10922, 10923 to 16383."""
    table = hash_slots([7, 8, 9])

    assert [table.index(primary) for primary in (7, 8, 9)] == [0, 5461, 10923]
