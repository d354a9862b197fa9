"""Which node a key belongs to, as clients and clusters reckon it: tables from slots to nodes.

A key's hash falls evenly on one of so many slots, and a table tells whose each slot is. So a client that divides by the
number of nodes, a ring of points and a cluster's hash slots are tables that differ in nothing but what is in them, and
a node that goes or comes changes entries.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

CLUSTER_SLOTS = 16_384
"""Hash slots of a Redis cluster. Source: Redis cluster specification."""
POINTS_PER_NODE = 160
"""Points of a node on the ring: of each of 40 digests four. Source: libketama, as libmemcached and others have it."""
POINTS_PER_DIGEST = 4
RING = 1 << 32
RING_SLOTS = 1 << 14
"""Arcs of equal length that stand for the ring; assumed: a point is off by a 32,768th of the ring at most."""


def modulo(nodes: Sequence[int], slots: int) -> tuple[int, ...]:
    """The table of clients that divide a key's hash by the number of nodes.

    Args:
        nodes: Those that clients know of, in their order; one at least.
        slots: A multiple of all numbers of nodes that there will be, such as `modulo_slots` gives.
    """
    return tuple(nodes[slot % len(nodes)] for slot in range(slots))


def modulo_slots(nodes: int, gone: int = 1) -> int:
    """Slots for tables by division of so many nodes, and of up to so many fewer."""
    return math.lcm(*range(max(1, nodes - gone), nodes + 1))


def ketama(nodes: Sequence[int], slots: int = RING_SLOTS) -> tuple[int, ...]:
    """The table of clients that hash nodes and keys to a ring; a key belongs to the next point's node.

    Args:
        nodes: Those on the ring; one at least. Where a node's points lie depends on nothing but its number.
        slots: Arcs of the ring; each is owned as its middle is.
    """
    points = sorted((point, node) for node in nodes for point in _points(node))
    places = [point for point, _ in points]
    middles = ((2 * slot + 1) * RING // (2 * slots) for slot in range(slots))
    return tuple(points[bisect_left(places, middle) % len(points)][1] for middle in middles)


def _points(node: int) -> list[int]:
    """Where a node's points lie on the ring."""
    found = []
    for index in range(POINTS_PER_NODE // POINTS_PER_DIGEST):
        digest = hashlib.md5(f"node-{node}:11211-{index}".encode(), usedforsecurity=False).digest()
        found += [int.from_bytes(digest[4 * part : 4 * part + 4], "little") for part in range(POINTS_PER_DIGEST)]
    return found


def hash_slots(primaries: Sequence[int]) -> tuple[int, ...]:
    """A cluster's table as it is made: each primary has slots in a row, all about as many.

    Source: redis-cli --cluster create, which rounds the end of each share.
    """
    each = CLUSTER_SLOTS / len(primaries)
    ends = [round(each * (index + 1)) for index in range(len(primaries))]
    return tuple(primaries[bisect_left(ends, slot + 1)] for slot in range(CLUSTER_SLOTS))


def rebalanced(table: Sequence[int], shards: int) -> list[tuple[int, int]]:
    """The fewest slots that must move for so many first shards to have all, evenly, and to which shard each goes.

    Args:
        table: Whose each slot is.
        shards: How many shards are to have some; those that are beyond give all of theirs.
    """
    each, rest = divmod(len(table), shards)
    wanted = Counter({shard: each + (shard < rest) for shard in range(shards)})
    wanted.subtract(table)
    lacking = [shard for shard in range(shards) for _ in range(wanted[shard])]
    given: list[int] = []
    for slot in reversed(range(len(table))):
        if wanted[table[slot]] < 0:
            wanted[table[slot]] += 1
            given.append(slot)
    return list(zip(sorted(given), lacking, strict=True))


def moved(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """The slots that belong to another node than before."""
    return [slot for slot, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
