"""What clients of each zone know of shards, and how they find out that it has changed.

They look at the nodes that they ask as their requests would. After so many failures in a row, or when told to ask
elsewhere, they look the primary up anew: in the answer of another node, or behind the endpoint's name; and now and then
without any reason. Then they learn of slots that have moved, too. When a primary is another, all of their connections
to it are made, at once or over some seconds.

Source:
    Client libraries with adaptive topology refresh, such as Lettuce; ElastiCache guide, best practices for clients.

Limits:
    All clients of a zone share one view, and learn from looks at intervals, not from each request. A look is a message
    to a node's one thread. A connection takes a round trip and some work of that thread; those that fail are not tried
    again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from pydantic import Field

from models.elasticache.replication import CONNECT, LOOK, ReadFrom
from models.elasticache.roles import Fleet
from models.kernel.laws import NonNegative
from models.kernel.registry import Parameters, parameter
from models.looks import Interval, Process, look_leg


class RedisClientParameters(Parameters):
    """What clients do about nodes that do not answer."""

    check_s: Interval = parameter(0.5, "seconds between looks at a node", assumed="0.01 to 5: as requests come")
    check_timeout_s: Interval = parameter(0.25, "seconds until a look has failed", assumed="0.05 to 1")
    failure_limit: Annotated[int, Field(ge=1, le=100)] = parameter(
        2, "failures in a row after which the primary is looked up anew", assumed="1 to 5"
    )
    refresh_s: Interval = parameter(
        60.0, "seconds between looking up without a reason", source="Lettuce 6: periodic refresh, 60 s"
    )
    connect_s: NonNegative = parameter(
        0.0001, "seconds of a node's one thread for a new connection", assumed="0.00005; 0.0005 to 0.002 with TLS"
    )
    refresh_on_moved: bool = parameter(
        True, "whether being told that a slot has moved is a reason",
        source="redis-py and Jedis do so; Lettuce 6 if asked (adaptive triggers)",
    )  # fmt: skip
    reconnect_spread_s: NonNegative = parameter(
        0.0, "seconds over which all connections are made anew", assumed="0: at once; 1 to 10 with random waits"
    )


class Directory(Protocol):
    """Whoever can tell who leads a shard."""

    def primary_of(self, node: int, shard: int) -> int:
        """Who leads a shard, as a node that is asked knows it."""


class Topology:
    """The clients of one zone.

    Args:
        fleet: The nodes.
        directory: Who is asked where they are.
        parameters: What clients do.
        zone: Theirs.
        connections: How many the clients of this zone have to each node.
        read_from: Whom they read from.
        moved: Slots and the shards that got them, as they are moved.
    """

    def __init__(
        self, fleet: Fleet, directory: Directory, parameters: RedisClientParameters, zone: int, connections: int,
        read_from: ReadFrom, moved: Sequence[tuple[int, int]] = (),
    ) -> None:  # fmt: skip
        self.fleet, self.plane, self.parts, self.p = fleet, fleet.plane, fleet.parts, parameters
        self.directory, self.zone, self.connections, self.read_from = directory, zone, connections, read_from
        self.known = [self.parts.row(shard)[0] for shard in range(self.parts.count)]
        self.out: set[int] = set()
        """Nodes that are not read from."""
        self.moved, self.learned = moved, 0
        """How many of the moves they know of."""
        self.asked = set(self.parts.owner.rows[0])
        """Shards that they are connected to."""
        self.draws = 0

    def start(self) -> None:
        """Look at the nodes that are asked, at even distances, and refresh now and then."""
        part = (self.zone + 1) / (self.parts.region.zones + 1)
        for node in range(self.parts.nodes.size):
            self.plane.env.process(self._check(node, part * self.p.check_s))
        self.plane.env.process(self._refresh(part * self.p.refresh_s))

    def _check(self, node: int, first_s: float) -> Process:
        """Look at a node time and again; look up who leads when the primary fails, or is none any more."""
        failures, at_s = 0, first_s
        shard = self.fleet.nodes[node].shard
        while True:
            yield self.plane.until(at_s)
            if self.read_from == "primary" and self.known[shard] != node:
                failures, at_s = 0, at_s + self.p.check_s
                continue
            answer = yield self.plane.submit(LOOK, leg=look_leg(self.parts.nodes, self.zone, node))
            there = self.fleet.nodes[node]
            failures = 0 if answer.ok else failures + 1
            has_failed = failures >= self.p.failure_limit
            is_told = answer.ok and (not there.leads or (self.p.refresh_on_moved and self.learned < len(self.moved)))
            if self.known[shard] == node and (has_failed or is_told):
                yield from self._look_up()
            self._read_from(node, able=not has_failed and not there.silent_for)
            at_s = max(at_s + self.p.check_s, self.fleet.now)

    def _refresh(self, first_s: float) -> Process:
        """Look up now and then."""
        at_s = first_s
        while True:
            yield self.plane.until(at_s)
            yield from self._look_up()
            at_s = max(at_s + self.p.refresh_s, self.fleet.now)

    def _look_up(self) -> Process:
        """Ask one node after the other who leads, until one answers."""
        size = self.parts.nodes.size
        first = int(self._uniform() * size)
        for turn in range(size):
            node = (first + turn) % size
            answer = yield self.plane.submit(LOOK, leg=look_leg(self.parts.nodes, self.zone, node))
            if answer.ok and not self.fleet.nodes[node].silent_for:
                for shard in range(self.parts.count):
                    self._know(shard, self.directory.primary_of(node, shard))
                self._learn()
                return

    def _learn(self) -> None:
        """Ask other shards for the slots that have moved."""
        moved, self.learned = self.moved[self.learned :], len(self.moved)
        for slot, shard in moved:
            self.plane.assign(self.parts.page, self.zone, slot, self.zone * self.parts.count + shard)
            if shard not in self.asked:
                self.asked.add(shard)
                self.plane.env.process(self._connect(self.known[shard]))

    def _know(self, shard: int, primary: int) -> None:
        """Ask another node from now on."""
        if primary != self.known[shard]:
            self.known[shard] = primary
            book = self.zone * self.parts.count + shard
            self.plane.assign(self.parts.known, book, 0, primary)
            self.plane.note(f"clients of zone {self.zone} ask node {primary}")
            self._tell_readers(shard)
            self.plane.env.process(self._connect(primary))

    def _read_from(self, node: int, *, able: bool) -> None:
        """Read from a node or not, from now on."""
        if able == (node in self.out):
            (self.out.discard if able else self.out.add)(node)
            self._tell_readers(self.fleet.nodes[node].shard)

    def _tell_readers(self, shard: int) -> None:
        row, known = self.parts.row(shard), self.known[shard]
        wanted = [node for node in row if self.read_from == "any" or node != known]
        able = [node for node in wanted if node not in self.out] or [known]
        book = self.zone * self.parts.count + shard
        for slot in range(self.parts.readers.width):
            self.plane.assign(self.parts.readers, book, slot, able[slot % len(able)])

    def _connect(self, node: int) -> Process:
        """All clients of the zone connect to a node."""
        times_s = sorted(self.fleet.now + self.p.reconnect_spread_s * self._uniform() for _ in range(self.connections))
        for at_s in times_s:
            if at_s > self.fleet.now:
                yield self.plane.until(at_s)
            self.plane.submit(CONNECT, leg=look_leg(self.parts.nodes, self.zone, node))

    def _uniform(self) -> float:
        self.draws += 1
        return self.plane.uniform("topology", self.zone, self.draws)
