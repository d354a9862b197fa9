"""ElastiCache's Multi-AZ: a service that looks at all nodes, promotes a replica, and tells names where to lead.

From every zone it looks at each node at intervals. A primary from which nobody got an answer so many times in a row is
replaced by the replica that has most of its log, of those that answer; a while later the endpoint's name leads there.
So is one that has started anew, and has nothing. A node that answers again is told what it is now. Lost nodes can be
replaced by cold ones, which take a full copy.

Source:
    ElastiCache guide for Redis, "Minimizing downtime with Multi-AZ" (2023): the replica with the least lag is promoted
    as soon as the failure of the primary is found, typically within a few seconds; then its name is.

Limits:
    How the service finds failures, how long each stage takes, and that a primary is not given its role back when it has
    nothing, is not published. A primary that is cut off, and not dead, goes on for whoever reaches it until the service
    does.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.elasticache.clients import ReplacementParameters
from models.elasticache.roles import STARTING, Fleet, Node
from models.kernel.registry import Parameters, parameter
from models.looks import HEALTH, Interval, Process, heard_from, look_leg


class MultiAzParameters(Parameters):
    """Failover by ElastiCache."""

    kind: Literal["multi_az"] = parameter("multi_az", "ElastiCache promotes a replica", assumed="or cluster")
    check_s: Interval = parameter(1.0, "seconds between its looks at a node", assumed="0.5 to 10 s: not published")
    failure_limit: Annotated[int, Field(ge=1, le=100)] = parameter(
        5, "looks in a row that must fail", assumed="2 to 10: not published"
    )
    promote_s: Interval = parameter(
        2.0, "seconds that promoting takes", assumed='1 to 10 s: "typically within a few seconds"'
    )
    name_s: Interval = parameter(
        5.0,
        "seconds until the endpoint's name leads to another node",
        assumed="1 to 30 s: its time to live is 5 s or less",
    )
    replacement: ReplacementParameters | None = parameter(
        None, "how lost nodes are replaced; none: they come back as faults say", example={"takes_s": 300.0}
    )


class MultiAz:
    """The service."""

    def __init__(self, fleet: Fleet, parameters: MultiAzParameters) -> None:
        self.fleet, self.plane, self.p = fleet, fleet.plane, parameters
        self.parts = fleet.parts
        self.primaries = [self.parts.row(shard)[0] for shard in range(self.parts.count)]
        """Of each shard, as the service has it."""
        self.names = list(self.primaries)
        """Where each shard's name leads."""
        self.busy = [False] * self.parts.count
        self.answers = [True] * self.parts.nodes.size
        fleet.when_back = self._come_back

    def start(self) -> None:
        """Mind all nodes, at even distances."""
        for node in self.fleet.nodes:
            self.plane.env.process(self._mind(node))

    def primary_of(self, node: int, shard: int) -> int:
        """Where a shard's name leads, whoever asks."""
        return self.names[shard]

    def _mind(self, node: Node) -> Process:
        """Look at a node time and again, from every zone."""
        failures, zones = 0, self.parts.region.zones
        at_s = self.p.check_s * (node.number + 1) / (len(self.fleet.nodes) + 1)
        while True:
            yield self.plane.until(at_s)
            heard = (yield from heard_from(self.plane, self.parts.nodes, zones, node.number)) > 0
            self.answers[node.number] = heard
            failures = 0 if heard else failures + 1
            if heard:
                self._tell(node)
            elif failures == self.p.failure_limit:
                self.fleet.say(node, "does not answer ElastiCache")
                if self.p.replacement is not None:
                    self.plane.env.process(self._replace(node, self.p.replacement.takes_s))
            leads = self.primaries[node.shard] == node.number
            if failures >= self.p.failure_limit and leads and not self.busy[node.shard]:
                self.plane.env.process(self._promote(node))
            at_s = max(at_s + self.p.check_s, self.fleet.now)

    def _tell(self, node: Node) -> None:
        """A node that answers is told what it is."""
        primary = self.primaries[node.shard]
        if self.busy[node.shard]:
            return
        if STARTING not in node.silent_for:
            self.fleet.obey(node, primary)
        elif primary == node.number and self._able(node):
            self.plane.env.process(self._promote(node))
        else:
            self.fleet.obey(node, primary)
            self.fleet.resume(node)

    def _promote(self, lost: Node) -> Process:
        """Make the replica that has most the primary."""
        shard, able = lost.shard, self._able(lost)
        if not able:
            return
        self.busy[shard] = True
        best = max(able, key=lambda node: (self.fleet.position(node), -node.number))
        yield self.plane.until(self.fleet.now + self.p.promote_s)
        nodes = self.parts.nodes
        look = yield self.plane.submit(HEALTH, leg=look_leg(nodes, nodes.zone(best.number), best.number))
        self.busy[shard] = False
        if look.ok and best.complete and not best.leads:
            self.primaries[shard] = best.number
            self.fleet.lead(best, why="promoted")
            yield self.plane.until(self.fleet.now + self.p.name_s)
            if self.primaries[shard] == best.number:
                self.names[shard] = best.number
                self.fleet.say(best, "is where the name leads")

    def _able(self, lost: Node) -> list[Node]:
        """Who could stand in for a primary: whoever answers and has all that its log has."""
        others = [self.fleet.nodes[number] for number in self.parts.row(lost.shard) if number != lost.number]
        return [node for node in others if self.answers[node.number] and node.complete]

    def _replace(self, node: Node, takes_s: float) -> Process:
        """Put a cold node in the place of one that was lost, unless it is there again."""
        yield self.plane.until(self.fleet.now + takes_s)
        if not self.answers[node.number]:
            self.fleet.lose(node)
            self.plane.up(self.parts.nodes, node.number)
            self.fleet.say(node, "is a new one, cold")

    def _come_back(self, node: Node) -> None:
        """A node that starts asks what it is; it is told as it is looked at."""
