"""Who is there, and who is the primary: what nodes find out among themselves, and what clients learn of it.

Nodes. The primary sends every node a heartbeat. A node that has heard none for a while asks the others whether they
have; if a majority of the nodes has not (or, of two nodes, the one that is left), the first of those who can still be
heard becomes the primary, after a while, and says so with its heartbeats. A later primary goes before an earlier one,
which hears of it when it comes back: cold, as one node like the others.

Clients, zone by zone. At intervals they check every node; one that does not answer, tries again included, gets no more
reads until it does answer. If less than two thirds of the nodes would be left, clients ask all of them. At other
intervals they ask some node who the primary is, and send writes there. Nobody knows more than he was told.

Source:
    Clients: the AWS DAX clients for Go (1.2, 2024) and Python (2.1): health checks, refreshes of the cluster, routes
    that fail open. Nodes: DAX developer guide, "DAX cluster components" and "Sizing your DAX cluster" (2023), which
    say that a replica is promoted "quickly", not how.

Limits:
    A client that has seen five reads of a node fail in a row leaves it out at once; here it waits for its next check.
    All clients of a zone share one view. A retry may fall on the node that has just failed. A node cut off from the
    others goes on as their primary for clients that can reach it, until it hears of a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import simpy
from pydantic import Field, model_validator

from models.dax.cluster import HIT_UNITS, PRIMARY, Cluster, equal_shares, without
from models.kernel.laws import NonNegative
from models.kernel.plane import Plane, when_answered
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Choose, Travel, by_leg
from models.kernel.system import Client, Control, Operation, Route

Process = Generator[simpy.Event, Any, None]
GO = "DAX client for Go 1.2 (2024)"
CHECK, REFRESH, MESSAGE, VIEWS = "health check", "refresh", "node's message", "views"
"""Operations of the clients' and of the nodes' own."""
Interval = Annotated[float, Field(ge=0.01, le=100_000)]
"""Seconds; what is done time and again takes its time."""
PROBE_BYTES = 1
"""A probe is the smallest request there is: one unit."""


class DaxMembershipParameters(Parameters):
    """How nodes and clients find out who is there."""

    check_interval_s: Interval = parameter(5.0, "seconds between a client's checks of a node", source=GO)
    check_timeout_s: Interval = parameter(1.0, "seconds that a check waits for its answer", source=GO)
    check_attempts: Annotated[int, Field(ge=1, le=10)] = parameter(
        3, "checks in a row that must fail", source="DAX client for Python 2.1"
    )
    check_retry_s: NonNegative = parameter(0.5, "seconds between these", source="DAX client for Python 2.1")
    refresh_interval_s: Interval = parameter(
        4.0, "seconds between a client's questions who is the primary", source=f"{GO}, and for Python 2.1"
    )
    refresh_timeout_s: Interval = parameter(5.0, "seconds until it asks another node", source=GO)
    heartbeat_s: Interval = parameter(1.0, "seconds between heartbeats of the primary", assumed="0.5 to 2 s")
    primary_timeout_s: Interval = parameter(
        5.0,
        "seconds without heartbeats after which a node takes the primary to be lost",
        assumed='4 to 10 s: the client for JavaScript calls 4 s "a little less than the leader timeout"',
    )
    promotion_s: NonNegative = parameter(
        1.0, "seconds that a node takes to become the primary", assumed='0.5 to 30 s: "quickly" (DAX guide)'
    )

    @model_validator(mode="after")
    def _heartbeats_are_heard(self) -> DaxMembershipParameters:
        if self.primary_timeout_s <= self.heartbeat_s:
            raise ValueError(f"primary_timeout_s must be longer than heartbeat_s = {self.heartbeat_s:g}")
        return self


def probes(cluster: Cluster, parameters: DaxMembershipParameters) -> dict[str, Operation]:
    """What clients and nodes ask for by themselves, each with the number of a leg.

    Nobody asks for `views`: it leads through all that control rewrites, which a system need not have an operation for.
    """
    region, nodes = cluster.region, cluster.nodes
    pairs = [(zone, node) for zone in range(region.zones) for node in range(nodes.size)]
    links = [(source, target) for source in range(nodes.size) for target in range(nodes.size)]
    work, network = cluster.work(HIT_UNITS), region.network
    there_and_back = Route(
        by_leg(region.clients, [zone for zone, _ in pairs]), by_leg(nodes, [node for _, node in pairs]),
        Travel(network, region.clients, nodes), work, Travel(network, nodes, region.clients),
    )  # fmt: skip
    message = Route(
        by_leg(nodes, [source for source, _ in links]), cluster.alive, by_leg(cluster.peers, [t for _, t in links]),
        Travel(network, nodes, cluster.peers), cluster.arrive(), work,
    )  # fmt: skip
    views = Route(Choose(region.everywhere), Choose(cluster.readers, 0), Choose(cluster.writers, 0))
    check = Client(parameters.check_timeout_s, parameters.check_attempts, parameters.check_retry_s, backoff_factor=1.0)
    return {
        CHECK: Operation(there_and_back, check),
        REFRESH: Operation(there_and_back, Client(parameters.refresh_timeout_s)),
        MESSAGE: Operation(message, Client(parameters.primary_timeout_s)),
        VIEWS: Operation(views),
    }


def watchers(cluster: Cluster, parameters: DaxMembershipParameters) -> tuple[Control, ...]:
    """The control process of a cluster and its clients."""
    return (partial(_watch, cluster=cluster, parameters=parameters),)


def _watch(plane: Plane, cluster: Cluster, parameters: DaxMembershipParameters) -> Process:
    nodes = Nodes(plane, cluster, parameters)
    for zone in range(cluster.region.zones):
        Clients(plane, cluster, parameters, nodes, zone).start()
    nodes.start()
    yield plane.until(0.0)


class Node:
    """What one node knows of the primary."""

    def __init__(self) -> None:
        self.term, self.primary = 0, PRIMARY
        """How many primaries there have been before this one, as far as it has heard."""
        self.heard_s = 0.0
        """When it last heard it."""
        self.lost = False
        """Whether it has noted that it is silent."""


@dataclass
class Poll:
    """What a node has heard from the others: who of them can be heard, and whether one of them hears the primary."""

    answered: set[int]
    somebody_hears: bool = False


class Nodes:
    """The nodes among themselves."""

    def __init__(self, plane: Plane, cluster: Cluster, parameters: DaxMembershipParameters) -> None:
        self.plane, self.parameters, self.size = plane, parameters, cluster.nodes.size
        self.nodes = [Node() for _ in range(self.size)]

    def start(self) -> None:
        """The first node is the primary; where there is but one, nobody minds."""
        if self.size > 1:
            for me in range(self.size):
                self.plane.env.process(self._beat(me))
                self.plane.env.process(self._mind(me))

    def _beat(self, me: int) -> Process:
        """A primary sends heartbeats."""
        while True:
            node = self.nodes[me]
            if node.primary == me:
                for other in self._others(me):
                    self._send(me, other, partial(self._hear, other, node.term, me))
            yield self.plane.until(self.now + self.parameters.heartbeat_s)

    def _hear(self, me: int, term: int, primary: int) -> None:
        """A node hears a heartbeat; a later primary goes before an earlier one, whom it is told of."""
        node = self.nodes[me]
        if term > node.term and node.primary == me:
            self.plane.note(f"node {me} is a replica of node {primary}")
        if term >= node.term:
            node.term, node.primary, node.heard_s, node.lost = term, primary, self.now, False
        else:
            self._send(me, primary, partial(self._hear, primary, node.term, node.primary))

    def _mind(self, me: int) -> Process:
        """Look whether the primary is to be heard; if not, ask the others."""
        patience_s, node = self.parameters.primary_timeout_s, self.nodes[me]
        while True:
            while not self._is_lost(me):
                since_s = self.now if node.primary == me else node.heard_s
                yield self.plane.until(since_s + patience_s)
            if not (yield from self._thinks(me)):
                yield self.plane.until(self.now + self.parameters.heartbeat_s)
                continue
            poll = Poll(set())
            for other in self._others(me):
                self._send(me, other, partial(self._asked, other, me, poll))
            yield self.plane.until(self.now + self.parameters.heartbeat_s)
            if self._is_lost(me) and self._may_promote(me, poll):
                self._say_lost(me)
                if me == min(poll.answered | {me}):
                    yield from self._become_primary(me)

    def _asked(self, me: int, who: int, poll: Poll) -> None:
        """A node is asked whether it hears the primary."""
        self._send(me, who, partial(self._told, me, self._is_lost(me), poll))

    def _told(self, who: int, lost: bool, poll: Poll) -> None:
        poll.answered.add(who)
        poll.somebody_hears |= not lost

    def _may_promote(self, me: int, poll: Poll) -> bool:
        """Whether a majority, or the other of two, is there and hears no primary."""
        return not poll.somebody_hears and (self.size == 2 or 2 * (len(poll.answered) + 1) > self.size)

    def _thinks(self, me: int) -> Generator[simpy.Event, Any, bool]:
        """Whether a node is able to do anything: it sends itself a message."""
        answer = yield self.plane.submit(MESSAGE, size_bytes=PROBE_BYTES, leg=me * self.size + me)
        return bool(answer.ok)

    def _become_primary(self, me: int) -> Process:
        node = self.nodes[me]
        term = node.term + 1
        self.plane.note(f"node {me} is promoted")
        yield self.plane.until(self.now + self.parameters.promotion_s)
        if node.term < term and (yield from self._thinks(me)):
            node.term, node.primary = term, me
            self.plane.note(f"node {me} is the primary")
            for other in self._others(me):
                self._send(me, other, partial(self._hear, other, term, me))

    def _is_lost(self, me: int) -> bool:
        node = self.nodes[me]
        return node.primary != me and self.now >= node.heard_s + self.parameters.primary_timeout_s

    def _say_lost(self, me: int) -> None:
        node = self.nodes[me]
        if not node.lost:
            node.lost = True
            self.plane.note(f"node {me}: primary silent")

    def _others(self, me: int) -> list[int]:
        return [other for other in range(self.size) if other != me]

    def _send(self, source: int, target: int, then: Callable[[], None]) -> None:
        """Send a message; what it says is looked at when it arrives, if it does."""
        leg = source * self.size + target
        when_answered(self.plane.submit(MESSAGE, size_bytes=PROBE_BYTES, leg=leg), then)

    @property
    def now(self) -> float:
        """The time, seconds."""
        return float(self.plane.env.now)


class Clients:
    """The clients of one zone."""

    def __init__(
        self, plane: Plane, cluster: Cluster, parameters: DaxMembershipParameters, nodes: Nodes, zone: int
    ) -> None:
        self.plane, self.cluster, self.parameters, self.nodes, self.zone = plane, cluster, parameters, nodes, zone
        self.size = cluster.nodes.size
        self.healthy = set(range(self.size))
        self.slots = list(equal_shares(self.size))
        self.primary, self.term, self.turn = PRIMARY, 0, zone

    def start(self) -> None:
        """Zones check and ask at even distances, so that not all do at once."""
        part = (self.zone + 1) / (self.cluster.region.zones + 1)
        for node in range(self.size):
            self.plane.env.process(self._check(node, part * self.parameters.check_interval_s))
        self.plane.env.process(self._refresh(part * self.parameters.refresh_interval_s))

    def _check(self, node: int, first_s: float) -> Process:
        """See whether a node answers, time and again."""
        at_s = first_s
        while True:
            yield self.plane.until(at_s)
            answer = yield self.plane.submit(CHECK, size_bytes=PROBE_BYTES, leg=self._leg(node))
            if answer.ok != (node in self.healthy):
                (self.healthy.add if answer.ok else self.healthy.discard)(node)
                self.plane.note(f"clients of zone {self.zone} {'ask' if answer.ok else 'leave out'} node {node}")
                self._route()
            at_s = max(at_s + self.parameters.check_interval_s, float(self.plane.env.now))

    def _route(self) -> None:
        """Read from the nodes that answer, or from all if too few are left."""
        enough = 3 * len(self.healthy) >= 2 * self.size
        routes = sorted(self.healthy) if enough else list(range(self.size))
        slots = without(equal_shares(self.size), routes)
        for slot, node in enumerate(slots):
            if node != self.slots[slot]:
                self.plane.assign(self.cluster.readers, self.zone, slot, node)
        self.slots = slots

    def _refresh(self, first_s: float) -> Process:
        """Ask one node after another who is the primary, until one answers; time and again."""
        at_s = first_s
        while True:
            yield self.plane.until(at_s)
            for _ in range(self.size):
                node = self.turn % self.size
                self.turn += 1
                answer = yield self.plane.submit(REFRESH, size_bytes=PROBE_BYTES, leg=self._leg(node))
                if answer.ok:
                    self._learn(self.nodes.nodes[node])
                    break
            at_s = max(at_s + self.parameters.refresh_interval_s, float(self.plane.env.now))

    def _learn(self, told: Node) -> None:
        """Write to whom a node takes for the primary, unless a later one is known."""
        if told.term > self.term:
            self.term, self.primary = told.term, told.primary
            self.plane.assign(self.cluster.writers, self.zone, 0, self.primary)
            self.plane.note(f"clients of zone {self.zone} write to node {self.primary}")

    def _leg(self, node: int) -> int:
        return self.zone * self.size + node
