"""The parts of a DAX cluster: its nodes, what stands on each of them, and who knows whom.

The nodes are spread over the zones; one of them is the primary. Each has servers, an item cache and, where overlapping
misses are coalesced, a waiting room. Clients know the nodes zone by zone: which of them they send reads to, and which
they take for the primary, to send writes to. Both tables stand as they are unless something fails; `membership`
rewrites them then.

A node's work is counted in normalised requests: a hit costs one for each KB, a miss ten, a write twenty-five on every
node. The published capacity of a node type is shared by its servers, each of which does 75,000 a second, the capacity
of the smallest type, so that a larger node is wider, not faster.

Source:
    DAX developer guide, "DAX cluster components" and "Sizing your DAX cluster" (2023).
"""

from __future__ import annotations

from dataclasses import dataclass

from models.kernel.amounts import Of
from models.kernel.laws import seconds
from models.kernel.parts import Cache, Group, Membership, Room, Station
from models.kernel.steps import Choose, Pass, Serve
from models.region import Region

UNITS_PER_SERVER_S = 75_000
HIT_UNITS, MISS_UNITS, WRITE_UNITS = 1, 10, 25
KB = 1000
"""A KB in the sizing arithmetic."""
PRIMARY = 0
"""The node that is the primary at first."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """A cluster's parts.

    Args:
        region: Where it stands, and its clients.
        nodes: Its nodes.
        peers: The same nodes, as those to whom something is sent.
        station: Where they work.
        item_cache: Where they hold items.
        query_cache: Where they hold results of queries; None: nowhere.
        misses: Where those wait whose item is on its way from the table; None: overlapping misses all go there.
        readers: The nodes that clients of each zone send reads to, in slots of equal shares.
        writers: The node that they send writes to.
        others: All nodes but the one at work; None where there is only one.
        receiver: The node that something was sent to.
        unit_s: Seconds of a server's work for one normalised request.
    """

    region: Region
    nodes: Group
    peers: Group
    station: Station
    item_cache: Cache
    query_cache: Cache | None
    misses: Room | None
    readers: Membership
    writers: Membership
    others: Membership | None
    receiver: Membership
    unit_s: float

    @classmethod
    def of(
        cls, region: Region, item_cache: Cache, query_cache: Cache | None, capacity_per_s: float, queue_limit: int, *,
        single_flight: bool,
    ) -> Cluster:  # fmt: skip
        """Nodes of such a capacity each, in normalised requests a second, under such caches."""
        nodes = item_cache.group
        peers = Group("other nodes", nodes.size, nodes.zones)
        servers = max(1, round(capacity_per_s / UNITS_PER_SERVER_S))
        everyone = range(nodes.size)
        others = tuple(tuple(other for other in everyone if other != node) for node in everyone)
        return cls(
            region=region,
            nodes=nodes,
            peers=peers,
            station=Station("nodes", nodes, servers, queue_limit, full="throttled"),
            item_cache=item_cache,
            query_cache=query_cache,
            misses=Room("misses", nodes) if single_flight else None,
            readers=Membership(nodes, (equal_shares(nodes.size),) * region.zones, of=region.clients),
            writers=Membership(nodes, ((PRIMARY,),) * region.zones, of=region.clients),
            others=Membership(peers, others, of=nodes) if nodes.size > 1 else None,
            receiver=Membership(nodes, tuple((node,) for node in everyone), of=peers),
            unit_s=servers / capacity_per_s,
        )

    @property
    def alive(self) -> Pass:
        """A node that has died meanwhile does nothing more."""
        return Pass(self.station)

    def work(self, units: int, of: Of = "item") -> Serve:
        """A node's work, for each KB, one at least: a missing item has none."""
        return Serve(self.station, seconds(units * self.unit_s), unit_bytes=KB, of=of, least=1)

    def arrive(self) -> Choose:
        """From here on, the node that something was sent to is the one at work."""
        return Choose(self.receiver, 0)


def nodes_of(region: Region, count: int) -> Group:
    """So many nodes, spread over the zones."""
    return Group("nodes", count, region.spread(count))


def equal_shares(nodes: int) -> tuple[int, ...]:
    """Slots for so many nodes, so many that they can be shared out evenly with any one left out."""
    return tuple(node for node in range(nodes) for _ in range(max(1, nodes - 1)))


def without(slots: tuple[int, ...], routes: list[int]) -> list[int]:
    """The slots with those of nodes that are no routes given to the routes in turn."""
    turns = iter(range(len(slots)))
    return [node if node in routes else routes[next(turns) % len(routes)] for node in slots]
