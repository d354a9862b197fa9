"""What clients of Memcached know of its nodes, and ElastiCache of those that it must replace.

Clients, zone by zone. They look at every node at intervals, as their requests would. After so many failures in a row
they take it to be lost: they share its keys out among the others ("remap"), or close their connections to it, so that
its requests go to a pool of spare nodes ("gutter") or to the database at once. After a while they try it again.

ElastiCache looks at every node, too. One that has been silent for a while is replaced, if so asked: by a cold one, at
another address, which clients ask their configuration endpoint for, at intervals. Nobody knows more than he was told.

Source:
    twemproxy, README.md: server_failure_limit 2, server_retry_timeout 30,000 ms, no timeout, and no auto_eject_hosts,
    without which a lost server keeps its keys; notes/recommendation.md would have that on, with a server_failure_limit
    of 3 and a timeout of 400 ms. ElastiCache guide for Memcached, auto discovery (2023). Gutter: Nishtala et al.,
    Scaling Memcache at Facebook, NSDI 2013, section 3.3.

Limits:
    All clients of a zone share one view. They learn from looks at intervals, not from each request. How fast
    ElastiCache finds and replaces a lost node is not published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from models.elasticache.commands import Steps
from models.kernel.laws import Positive, seconds
from models.kernel.parts import UNLIMITED, Group, Membership, Station
from models.kernel.plane import Plane
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Choose, Serve, Travel, by_leg
from models.kernel.system import Client, Control, Operation, Route
from models.looks import (
    HEALTH,
    PATIENCE_S,
    PROBE_BYTES,
    Interval,
    Process,
    heard_from,
    look,
    look_leg,
)
from models.region import Region

TWEMPROXY = "twemproxy, README.md: configuration"
CHECK, POLL = "client's look", "auto discovery"
"""Operations of the clients' own."""
ANSWER_S = 0.0001
"""What the configuration endpoint takes for an answer; assumed: little."""


class MemcachedClientParameters(Parameters):
    """What clients do about nodes that they find lost."""

    lost_node: Literal["remap", "gutter", "database"] = parameter(
        "remap",
        "where requests of a lost node go: its keys to the other nodes, all to spare nodes, or to the database",
        assumed="remap: twemproxy with auto_eject_hosts, off by default; gutter: Facebook (NSDI 2013)",
    )
    connections: Annotated[int, Field(ge=1, le=65_000)] | None = parameter(
        None, "connections of a zone's clients to each node; none: always enough", example=300
    )
    check_s: Interval = parameter(0.5, "seconds between looks at a node", assumed="0.01 to 5: as requests come")
    check_timeout_s: Interval = parameter(
        0.25, "seconds until a look has failed", assumed="0.05 to 1; twemproxy waits for ever, or 0.4 as recommended"
    )
    failure_limit: Annotated[int, Field(ge=1, le=100)] = parameter(
        2, "failures in a row after which a node is taken to be lost", source=f"{TWEMPROXY}: server_failure_limit"
    )
    retry_s: Interval = parameter(
        30.0, "seconds until a lost node is tried again", source=f"{TWEMPROXY}: server_retry_timeout"
    )
    discovery_s: Interval = parameter(
        60.0, "seconds between questions to the configuration endpoint", source="ElastiCache guide, auto discovery"
    )
    gutter_nodes: Annotated[int, Field(ge=1, le=40)] = parameter(
        1, "spare nodes, for `gutter`", source="NSDI 2013: 1 % of the servers"
    )
    gutter_ttl_s: Positive = parameter(
        10.0, "seconds that an object lives there", assumed='1 to 60 s: "expire quickly" (NSDI 2013)'
    )


class ReplacementParameters(Parameters):
    """How ElastiCache replaces nodes that it finds lost."""

    check_s: Interval = parameter(10.0, "seconds between its looks at a node", assumed="5 to 60 s: not published")
    failure_limit: Annotated[int, Field(ge=1, le=100)] = parameter(
        3, "looks in a row that must fail", assumed="2 to 5: not published"
    )
    takes_s: Interval = parameter(
        300.0, "seconds that a new node takes", assumed='60 to 900 s: "several minutes" to launch'
    )


@dataclass(frozen=True, eq=False)
class Known:
    """What clients know of nodes.

    Args:
        region: Where they are.
        nodes: The nodes.
        addresses: For each zone, its clients' connections to each node, zone by zone.
        table: Slots of keys and addresses, in a row for each zone.
        node_of: The node at an address.
        connections: A zone's connections to a node; closed where it is taken to be lost.
        owners: Whose each slot is, as whoever looked last has it; None where nobody minds.
        shares: How clients share keys out among nodes.
    """

    region: Region
    nodes: Group
    addresses: Group
    table: Membership
    node_of: Membership
    connections: Station
    owners: Membership | None
    shares: Callable[[list[int]], tuple[int, ...]]

    @classmethod
    def of(
        cls, region: Region, nodes: Group, connections: int | None, shares: Callable[[list[int]], tuple[int, ...]],
        *, owned: bool,
    ) -> Known:  # fmt: skip
        """All nodes are there."""
        count = nodes.size
        addresses = Group("addresses", region.zones * count, fails=False)
        slots = shares(list(range(count)))
        rows = tuple(tuple(zone * count + node for node in slots) for zone in range(region.zones))
        return cls(
            region, nodes, addresses, Membership(addresses, rows, of=region.clients),
            Membership(nodes, tuple((address % count,) for address in range(addresses.size)), of=addresses),
            Station("connections", addresses, connections or UNLIMITED),
            Membership(Group("owners", count, fails=False), (slots,)) if owned else None,
            shares,
        )  # fmt: skip

    @property
    def find(self) -> Steps:
        """How a client finds the node of a key."""
        return (Choose(self.table, "key"), Choose(self.node_of, 0))


def probes(known: Known, get: Steps, check_timeout_s: float) -> dict[str, Operation]:
    """What clients and ElastiCache ask for by themselves, each with the number of a leg: zone by zone, the nodes."""
    region, nodes = known.region, known.nodes
    endpoint = Group("configuration endpoint", region.zones, tuple(range(region.zones)))
    zones = [zone for zone in range(region.zones) for _ in range(nodes.size)]
    answer = Serve(Station("configuration endpoint", endpoint, UNLIMITED), seconds(ANSWER_S))

    poll = Route(
        by_leg(region.clients, zones), by_leg(endpoint, zones), Travel(region.network, region.clients, endpoint),
        answer, Travel(region.network, endpoint, region.clients),
    )  # fmt: skip
    return {
        CHECK: Operation(look(region, region.clients, nodes, *get), Client(check_timeout_s)),
        POLL: Operation(poll, Client(PATIENCE_S)),
        HEALTH: Operation(look(region, endpoint, nodes, *get), Client(PATIENCE_S)),
    }


def watchers(
    known: Known, parameters: MemcachedClientParameters, replacement: ReplacementParameters | None
) -> tuple[Control, ...]:
    """The control process of clients and of ElastiCache."""
    return (partial(_watch, known=known, parameters=parameters, replacement=replacement),)


def _watch(
    plane: Plane, known: Known, parameters: MemcachedClientParameters, replacement: ReplacementParameters | None
) -> Process:  # fmt: skip
    service = Service(plane, known)
    if replacement is not None:
        service.start(replacement)
    for zone in range(known.region.zones):
        Clients(plane, known, parameters, service, zone).start()
    yield plane.until(0.0)


class Service:
    """ElastiCache, which knows each node's address: how many nodes have stood in its place before."""

    def __init__(self, plane: Plane, known: Known) -> None:
        self.plane, self.nodes, self.zones = plane, known.nodes, known.region.zones
        self.addresses = [0] * known.nodes.size

    def start(self, parameters: ReplacementParameters) -> None:
        """Mind all nodes."""
        for node in range(self.nodes.size):
            self.plane.env.process(self._mind(node, parameters))

    def _mind(self, node: int, parameters: ReplacementParameters) -> Process:
        """Look at a node time and again, from every zone; replace it if nobody gets an answer."""
        failures, at_s = 0, parameters.check_s
        while True:
            yield self.plane.until(at_s)
            heard = (yield from heard_from(self.plane, self.nodes, self.zones, node)) > 0
            failures = 0 if heard else failures + 1
            if failures >= parameters.failure_limit:
                self.plane.note(f"ElastiCache replaces node {node}")
                yield self.plane.until(float(self.plane.env.now) + parameters.takes_s)
                self.plane.up(self.nodes, node)
                self.addresses[node] += 1
                failures = 0
                self.plane.note(f"node {node} is a new one, cold")
            at_s = max(at_s + parameters.check_s, float(self.plane.env.now))


class Clients:
    """The clients of one zone."""

    def __init__(
        self, plane: Plane, known: Known, parameters: MemcachedClientParameters, service: Service, zone: int
    ) -> None:
        self.plane, self.known, self.parameters, self.service, self.zone = plane, known, parameters, service, zone
        self.size = known.nodes.size
        self.lost: set[int] = set()
        self.addresses = list(service.addresses)
        self.slots = known.shares(list(range(self.size)))

    def start(self) -> None:
        """Zones look and ask at even distances, so that not all do at once."""
        part = (self.zone + 1) / (self.known.region.zones + 1)
        for node in range(self.size):
            self.plane.env.process(self._check(node, part * self.parameters.check_s))
        self.plane.env.process(self._poll(part * self.parameters.discovery_s))

    def _check(self, node: int, first_s: float) -> Process:
        """Look whether a node answers, time and again; one at another address than is known does not."""
        failures, at_s = 0, first_s
        while True:
            yield self.plane.until(at_s)
            answer = yield self.plane.submit(
                CHECK, size_bytes=PROBE_BYTES, leg=look_leg(self.known.nodes, self.zone, node)
            )
            answers = answer.ok and self.addresses[node] == self.service.addresses[node]
            failures = 0 if answers else failures + 1
            if answers and node in self.lost:
                self._set(node, lost=False)
            elif failures >= self.parameters.failure_limit and node not in self.lost:
                self._set(node, lost=True)
            wait_s = self.parameters.retry_s if node in self.lost else self.parameters.check_s
            at_s = max(at_s + wait_s, float(self.plane.env.now))

    def _poll(self, first_s: float) -> Process:
        """Ask for the addresses of all nodes, time and again; what is at a new one is asked."""
        at_s = first_s
        while True:
            yield self.plane.until(at_s)
            answer = yield self.plane.submit(POLL, size_bytes=PROBE_BYTES, leg=look_leg(self.known.nodes, self.zone, 0))
            if answer.ok:
                new = [node for node in self.lost if self.addresses[node] != self.service.addresses[node]]
                self.addresses = list(self.service.addresses)
                for node in sorted(new):
                    self._set(node, lost=False)
            at_s = max(at_s + self.parameters.discovery_s, float(self.plane.env.now))

    def _set(self, node: int, *, lost: bool) -> None:
        """Leave a node out, or ask it again."""
        (self.lost.add if lost else self.lost.discard)(node)
        self.plane.note(f"clients of zone {self.zone} {'leave out' if lost else 'ask'} node {node}")
        if self.parameters.lost_node == "remap":
            self._remap()
        elif lost:
            self.plane.down(self.known.connections, self.zone * self.size + node, "refuse")
        else:
            self.plane.up(self.known.connections, self.zone * self.size + node)

    def _remap(self) -> None:
        """Share keys out among those that are left, or among all if none is."""
        left = [node for node in range(self.size) if node not in self.lost] or list(range(self.size))
        slots = self.known.shares(left)
        for slot, (old, new) in enumerate(zip(self.slots, slots, strict=True)):
            if old != new:
                self.plane.assign(self.known.table, self.zone, slot, self.zone * self.size + new)
                if self.known.owners is not None:
                    self.plane.assign(self.known.owners, 0, slot, new)
        self.slots = slots
