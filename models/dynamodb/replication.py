"""The replicas of a table's partitions: who leads, who answers, and how they talk to one another.

Each partition has three replicas, one in each zone. Its leader orders writes and answers strongly consistent reads, but
only while it holds a lease. The lease stands in a book of its own: a station that does no work and is down for a
replica that does not hold one. A write is looked at twice, before the leader begins and before it answers.

Replicas talk over the network that requests use, and handle messages at the stations that requests use, so that what
cuts, slows or silences these does the same to their talk. What they say to one another is `failover`'s.

Source:
    Elhemali et al., Amazon DynamoDB, USENIX ATC 2022, sections 3 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.dynamodb.capacity import DDB22
from models.dynamodb.placement import Placement
from models.kernel.laws import ConstantSeconds, Law, NonNegative, Positive, SecondsLaw, seconds
from models.kernel.ledger import LEADER
from models.kernel.parts import Copies, Group, Membership, Network, Quorum, Station, everybody
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Apply, Choose, Fork, Order, Pass, Serve, Step, Travel
from models.kernel.system import Client, Operation, Route

REPLICAS = 3
THINK, MESSAGE, RECORD, ROLES = "replica thinks", "replica's message", "replica's record", "replica's roles"
"""Operations of the replicas' own."""


class FailoverParameters(Parameters):
    """How a partition finds out that its leader or a follower is lost, and what it does then."""

    lease_s: Positive = parameter(
        2.0,
        "seconds that a leader leads for after it last told a majority that it does",
        assumed=f'1.5 to 3 s: "a couple of seconds" ({DDB22}, section 5)',
    )
    heartbeat_s: Positive = parameter(0.5, "seconds between heartbeats of a leader", assumed="0.1 to 1 s")
    missed: Annotated[int, Field(ge=1, le=100)] = parameter(
        3, "heartbeats without which a replica is taken to be lost", assumed="2 to 5"
    )
    spread_s: NonNegative = parameter(
        0.05,
        "a follower waits up to so many seconds, at random, before it stands for election",
        assumed="0.01 to 0.3 s",
    )
    routers_learn_s: NonNegative = parameter(
        0.25, "seconds until request routers know of another leader, or of a lost replica", assumed="0.05 to 1 s"
    )
    message: SecondsLaw = parameter(
        ConstantSeconds(value_s=0.0001), "seconds of a replica's work on a message", assumed="0.05 to 0.2 ms"
    )
    log_replica_s: Positive = parameter(
        5.0,
        "seconds until a replica that holds the log alone stands in for a lost one",
        source=f"{DDB22}, section 5: within seconds",
    )
    full_replica_s: Positive = parameter(
        300.0, "seconds until it holds all", source=f"{DDB22}, section 5: several minutes"
    )

    @model_validator(mode="after")
    def _lease_outlives_heartbeats(self) -> FailoverParameters:
        if self.lease_s <= self.heartbeat_s:
            raise ValueError(f"lease_s must be longer than heartbeat_s = {self.heartbeat_s:g}, which renews the lease")
        return self

    @property
    def patience_s(self) -> float:
        """Seconds without a word after which a replica is taken to be lost."""
        return self.missed * self.heartbeat_s


Failover = FailoverParameters | Literal["off"]


@dataclass(frozen=True, eq=False)
class Replicas:
    """The replicas of all partitions, and where they stand.

    Args:
        network: Between the zones.
        partitions: Whose replicas they are.
        by_key: The partition of a key, by its hash.
        nodes: Storage nodes, on which replicas of many partitions stand.
        peers: The same, as those to whom a message goes.
        leaders: The replicas, as those who hold leases; replica s of partition p is member 3 p + s.
        homes: The node of each replica.
        station: Where a node works.
        door: Where requests come in, without waiting; a dead node does not even refuse.
        lease: Refuses who comes to a replica that does not lead.
        members: Nodes of a partition's replicas as routers know them, the leader's first.
        holders: The replicas themselves, in the same order.
        followers: A partition's replicas as its leader sends records to them; slots as in `members`.
        readers: A partition's replicas that eventually consistent reads may go to.
        copies: What they hold.
        append: Seconds that a record takes to be durable.
    """

    network: Network
    partitions: Group
    by_key: Membership
    nodes: Group
    peers: Group
    leaders: Group
    homes: tuple[int, ...]
    station: Station
    door: Station
    lease: Station
    members: Membership
    holders: Membership
    followers: Membership
    readers: Membership
    copies: Copies
    append: Law

    @classmethod
    def of(
        cls, members: Membership, placed: Placement, by_key: Membership, network: Network, servers: int, append: Law
    ) -> Replicas:
        """The replicas of partitions, on the storage nodes of these members, with so many servers each."""
        nodes, partitions = members.group, by_key.group
        peers = Group("peers", nodes.size, nodes.zones)
        homes = tuple(node for row in placed.rows for node in row)
        leaders = Group("leaders", len(homes), tuple(placed.zones[node] for node in homes), fails=False)
        readers = Membership(nodes, placed.rows, partitions)
        numbers = tuple(tuple(replica(p, slot) for slot in range(REPLICAS)) for p in range(partitions.size))
        return cls(
            network, partitions, by_key, nodes, peers, leaders, homes,
            Station("storage nodes", nodes, servers), Station("doors", nodes, 0), Station("lease", leaders, 0),
            members, Membership(leaders, numbers, partitions), Membership(peers, placed.rows, partitions), readers,
            Copies("copies", members, by_key), append,
        )  # fmt: skip

    @property
    def leader(self) -> Choose:
        """The node of a partition's leader, as routers know it."""
        return Choose(self.members, LEADER)

    @property
    def reader(self) -> Choose:
        """The node of any replica that routers know to be there."""
        return Choose(self.readers, "random")

    def led(self, routers: Group, *work: Step) -> tuple[Step, ...]:
        """From a router to the partition's leader and back; it works, and answers, while it holds the lease."""
        holds = Pass(self.lease)
        return (
            self.leader, Choose(self.holders, LEADER), Travel(self.network, routers, self.nodes),
            Serve(self.door, seconds(0.0)), holds, *work, holds, Travel(self.network, self.nodes, routers),
        )  # fmt: skip

    def followed(self, routers: Group, *work: Step) -> tuple[Step, ...]:
        """From a router to a reader that has been chosen, and back."""
        return (Travel(self.network, routers, self.nodes), *work, Travel(self.network, self.nodes, routers))

    def write(self, routers: Group) -> tuple[Step, ...]:
        """A record is durable when the leader and one of the two followers have it."""
        durable = Quorum("write quorum", REPLICAS, table=(False, False, False, True, False, True, False, True))
        legs = (Route(*self._record()), self._follower(1), self._follower(2))
        return self.led(routers, Order(self.copies), Fork(durable, legs))

    @property
    def _peer(self) -> Membership:
        """The node that a message has gone to."""
        return Membership(self.nodes, tuple((node,) for node in range(self.nodes.size)), self.peers)

    def _record(self) -> tuple[Step, ...]:
        return (Serve(self.station, self.append), Apply(self.copies))

    def _follower(self, slot: int) -> Route:
        """From the leader to a follower and back."""
        return Route(
            Choose(self.followers, slot), Travel(self.network, self.leaders, self.peers),
            Choose(self._peer, 0), *self._record(), Travel(self.network, self.peers, self.leaders),
        )  # fmt: skip

    def talk(self, parameters: FailoverParameters) -> Mapping[str, Operation]:
        """What replicas do for one another, each by the number of its leg: `think`, `record`, `message`.

        A message older than a lease says nothing any more. Nobody asks for `roles`: it leads through all that control
        rewrites, which a system need not have an operation for.
        """
        work = Serve(self.station, parameters.message)
        pairs = [(row[a], row[b]) for row in self.members.rows for a in range(REPLICAS) for b in range(REPLICAS)]
        itself = Choose(Membership(self.nodes, (self.homes,)), "leg")
        source = Choose(Membership(self.nodes, (tuple(source for source, _ in pairs),)), "leg")
        target = Choose(Membership(self.peers, (tuple(target for _, target in pairs),)), "leg")
        routes = {
            THINK: Route(itself, work),
            RECORD: Route(itself, Serve(self.station, self.append)),
            MESSAGE: Route(
                source, work, target, Travel(self.network, self.nodes, self.peers), Choose(self._peer, 0), work,
            ),
            ROLES: Route(
                Choose(everybody(self.partitions)), Choose(self.members), Choose(self.holders), Choose(self.followers),
                Choose(self.readers), Serve(self.door, seconds(0.0)), Pass(self.lease),
            ),
        }  # fmt: skip
        patience = Client(timeout_s=parameters.lease_s)
        return {name: Operation(route, patience) for name, route in routes.items()}


def replica(partition: int, slot: int) -> int:
    """Number of a partition's replica."""
    return REPLICAS * partition + slot


def message_leg(partition: int, source: int, target: int) -> int:
    """Number of the leg of a message from one replica of a partition to another."""
    return REPLICAS * replica(partition, source) + target
