"""Where replicas stand: storage nodes in zones, each with replicas of many partitions.

A table gets as many nodes as its replicas need, and they are spread evenly over the nodes of a zone, leaders as well.
Nothing is drawn, so the same table stands the same way in every system.

Nodes are dealt out in hands of three, one of each kind, and a partition has a replica on each kind of node. So its
replicas never share one, and a node's number modulo three tells them apart.

Source:
    Elhemali et al., USENIX ATC 2022, section 3: a storage node hosts replicas of many partitions, of many tables; the
    replicas of a partition are in different zones. How they are spread within a zone is assumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Zone = int
Home = tuple[int, int]
"""A replica: its partition and its slot there."""


@dataclass(frozen=True)
class Placement:
    """Nodes, and who stands on them.

    Args:
        zones: Zone of each node.
        rows: Nodes of each partition's replicas, by slot.
    """

    zones: tuple[Zone, ...]
    rows: tuple[tuple[int, ...], ...]


def place(homes: list[tuple[Zone, ...]], per_node: int) -> Placement:
    """Put replicas on nodes.

    Args:
        homes: Zones of each partition's replicas, by slot.
        per_node: Replicas that a node holds at most.
    """
    width = len(homes[0])
    kinds: list[dict[Zone, list[Home]]] = [{} for _ in range(width)]
    for slot in range(width):
        for partition, home in enumerate(homes):
            kinds[(partition + slot) % width].setdefault(home[slot], []).append((partition, slot))
    counts = [{zone: math.ceil(len(here) / per_node) for zone, here in kind.items()} for kind in kinds]
    hands = max(sum(count.values()) for count in counts)
    zones = [0] * (width * hands)
    rows = [[0] * width for _ in homes]
    for index, (kind, count) in enumerate(zip(kinds, counts, strict=True)):
        first = 0
        for zone, nodes in _filled_up(kind, count, hands):
            for place_, (partition, slot) in enumerate(kind[zone]):
                rows[partition][slot] = width * (first + place_ % nodes) + index
            for node in range(first, first + nodes):
                zones[width * node + index] = zone
            first += nodes
    return Placement(tuple(zones), tuple(map(tuple, rows)))


def _filled_up(kind: dict[Zone, list[Home]], count: dict[Zone, int], hands: int) -> list[tuple[Zone, int]]:
    """Zones and their nodes of a kind, with more of them where nodes are fullest, until there is one for each hand."""
    while sum(count.values()) < hands:
        count[max(sorted(count), key=lambda zone: len(kind[zone]) / count[zone])] += 1
    return sorted(count.items())
