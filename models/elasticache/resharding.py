"""Moving hash slots from shard to shard while clients go on, as when a cluster grows or shrinks.

One slot after the other: who moves it tells both primaries; then MIGRATE takes some of its keys at a time. The source
writes them down, sends them, and waits until the target has read them in; nobody else has its one thread meanwhile, and
the target's serves nobody else while it reads. When none is left, the slot is the target's.

A node whose slot it is no more answers MOVED. While a slot is on its way, the source answers for the keys that it still
has, and ASK for those that it lacks, whether they are moved or new. Either way a client asks the other node then; after
MOVED it looks up who has which slots, if it is one of those that do.

Source:
    Redis cluster specification: live resharding, ASK and MOVED; src/cluster.c of Redis 7, MIGRATE; redis-cli:
    --cluster-pipeline, 10 keys. ElastiCache guide, online resharding: slots are moved evenly, clients go on.

Limits:
    What ElastiCache does in the place of redis-cli is not published: how many slots at once, and how fast. All nodes
    know at the same time whose a slot is. An answer of MOVED or ASK costs a node what its command would. What is moved
    goes to the target's replicas beside its log, dies with the target on its way there, and is gone from the source's
    at once. A target that is dead keeps the mover waiting until its timeout, and not the source's thread, too. Nodes
    are paid for from the beginning to the end. A primary without slots votes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import Field

from models.elasticache.commands import Commands, Steps
from models.elasticache.replication import Shards
from models.elasticache.roles import NOWHERE, Fleet, Node
from models.elasticache.sharding import rebalanced
from models.kernel.laws import NonNegative, Positive, seconds
from models.kernel.outcome import IntArray
from models.kernel.parts import UNLIMITED, Cache, Membership, Station
from models.kernel.plane import when_answered
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Choose, Occupy, Pass, Peek, Redirect, Serve, Travel, by_leg
from models.kernel.system import Client, Operation, Route
from models.looks import Process

MIGRATE, HANDED_ON = "MIGRATE", "moved objects"
TIMEOUT_S = 60.0
"""Until a MIGRATE has failed. Source: redis-cli, 60,000 ms."""
AGAIN_S = 1.0
"""Until it is tried once more; assumed."""


class ReshardingParameters(Parameters):
    """When a cluster gets other shards, and how its slots get there."""

    at_s: NonNegative = parameter(0.0, "when slots begin to move, seconds", assumed="set it to what is studied")
    shards: Annotated[int, Field(ge=1, le=500)] = parameter(
        2, "shards among which the slots are spread evenly then", assumed="set it to what is studied"
    )
    batch_keys: Annotated[int, Field(ge=1, le=100_000)] = parameter(
        10, "keys that one MIGRATE takes", source="redis-cli: --cluster-pipeline"
    )
    bytes_per_s: Positive = parameter(
        100e6, "bytes/s at which the one thread writes objects down, or reads them in", assumed="50 to 500 MB/s"
    )
    slot_s: NonNegative = parameter(
        0.002, "seconds for each slot beside its keys: questions and commands of who moves it", assumed="0.001 to 0.01"
    )


@dataclass(frozen=True, eq=False)
class Slots:
    """Who has a slot, and who is about to get it.

    Args:
        shards: The shards.
        door: The station that is down when a node is.
        cache: What nodes hold.
        mine: A node's shard.
        leaders: The primary of a shard, as all nodes have it.
        importing: The shard that a slot is moved to; else the one that has it.
    """

    shards: Shards
    door: Station
    cache: Cache
    mine: Membership
    leaders: Membership
    importing: Membership

    @classmethod
    def of(cls, shards: Shards, door: Station, cache: Cache) -> Slots:
        """As it is before anything moves."""
        places, nodes, count = shards.places, shards.nodes, range(shards.count)
        return cls(
            shards, door, cache,
            Membership(places, tuple((shard,) for shard in count for _ in shards.row(shard)), of=nodes),
            Membership(nodes, tuple((shards.row(shard)[0],) for shard in count), of=places),
            Membership(places, shards.owner.rows),
        )  # fmt: skip

    def right_place(self, work: Steps) -> Steps:
        """What a primary looks at when it has come to a command; who was wrong has it done elsewhere."""
        ask = Route(Redirect(self.importing, self._elsewhere(work), "key"))
        return (*self.right_shard(work), Peek(self.cache, ask))

    def right_shard(self, work: Steps) -> Steps:
        """The same where nothing is written: a replica knows no more than whose the slot is."""
        return (Choose(self.mine, 0), Redirect(self.shards.owner, self._elsewhere(work), "key"))

    def _elsewhere(self, work: Steps) -> Route:
        """Back to the client, and to the primary of the shard that it was told."""
        network, clients, nodes = self.shards.region.network, self.shards.region.clients, self.shards.nodes
        go = (Travel(network, nodes, clients), Choose(self.leaders, 0), Travel(network, clients, nodes))
        return Route(*go, Pass(self.door), *self.shards.serves, *work)

    def talk(self, commands: Commands, parameters: ReshardingParameters) -> dict[str, Operation]:
        """Operations by the number of a message's leg."""
        shards, byte_s = self.shards, seconds(1.0 / parameters.bytes_per_s)
        network, nodes, peers, thread = shards.region.network, shards.nodes, shards.peers, commands.door
        messages = [(source, target) for source in range(nodes.size) for target in range(nodes.size)]
        sources = by_leg(nodes, [source for source, _ in messages])
        targets = by_leg(peers, [target for _, target in messages])
        there = (
            *commands.record, targets, Travel(network, nodes, peers), Choose(shards.here, 0), Serve(thread, byte_s, 1),
        )  # fmt: skip
        written = Serve(Station("dump", nodes, UNLIMITED), byte_s, 1)
        both = Route(written, *there, Travel(network, nodes, shards.roles))
        return {
            MIGRATE: Operation(Route(sources, Choose(shards.role, 0), Occupy(thread, both)), Client(TIMEOUT_S)),
            HANDED_ON: Operation(Route(sources, *there), Client(TIMEOUT_S)),
        }


class Resharding:
    """Whoever moves the slots.

    Args:
        fleet: The nodes.
        slots: Whose they are.
        parameters: When they are moved, and how.
    """

    def __init__(self, fleet: Fleet, slots: Slots, parameters: ReshardingParameters) -> None:
        self.fleet, self.plane, self.parts, self.p = fleet, fleet.plane, slots, parameters
        self.cache, self.copies, self.owner = slots.cache, slots.shards.copies, slots.shards.owner
        self.moved: list[tuple[int, int]] = []
        """Slots and the shards that have them now, in the order in which they were moved."""
        self.objects = self.bytes = 0
        fleet.leaders = slots.leaders

    def start(self) -> None:
        """Begin when it is time."""
        self.plane.env.process(self._run())

    def _run(self) -> Process:
        plan = rebalanced(self.owner.rows[0], self.p.shards)
        yield self.plane.until(self.p.at_s)
        self.plane.note(f"{len(plan):,} slots begin to move, to be on {self.p.shards} shards")
        for slot, shard in plan:
            yield from self._move(slot, shard)
        took_s = self.fleet.now - self.p.at_s
        self.plane.note(
            f"{len(plan):,} slots were moved in {took_s:.1f} s, with {self.objects:,} objects of "
            f"{self.bytes / 1e6:,.1f} MB"
        )

    def _move(self, slot: int, shard: int) -> Process:
        """Move one slot, with all that the source has of it."""
        before = self.owner.rows[0][slot]
        self.plane.assign(self.parts.importing, 0, slot, shard)
        yield self.plane.until(self.fleet.now + self.p.slot_s)
        keys = self.plane.keys_of(self.owner, slot)
        while True:
            source, target = (self.fleet.nodes[self.fleet.order[each][0]] for each in (before, shard))
            sizes = self.plane.sizes(self.cache, source.number, keys)
            is_held = sizes >= 0
            if not is_held.any():
                break
            batch = keys[is_held][: self.p.batch_keys]
            yield from self._migrate(source, target, batch, int(sizes[is_held][: self.p.batch_keys].sum()))
        self.plane.assign(self.owner, 0, slot, shard)
        self.moved.append((slot, shard))

    def _migrate(self, source: Node, target: Node, keys: IntArray, size_bytes: int) -> Process:
        """Move some keys; who did not answer is asked again a while later."""
        boots, leg = (source.boots, target.boots), self.parts.shards.message_leg(source.number, target.number)
        answer = yield self.plane.submit(MIGRATE, size_bytes=size_bytes, leg=leg)
        if not answer.ok or boots != (source.boots, target.boots) or not (source.leads and target.leads):
            yield self.plane.until(self.fleet.now + AGAIN_S)
            return
        self.objects, self.bytes = self.objects + len(keys), self.bytes + size_bytes
        # Whoever else of the source's shard has them has them no newer than the target, which keeps its own.
        for number in self.fleet.order[source.shard]:
            self.plane.move(self.cache, number, target.number, keys)
        if self.copies is not None:
            self.plane.move(self.copies, source.number, target.number, keys)
        for number in self.fleet.order[target.shard][1:]:
            self._hand_on(target, self.fleet.nodes[number], keys, size_bytes)

    def _hand_on(self, primary: Node, replica: Node, keys: IntArray, size_bytes: int) -> None:
        """A replica gets what its primary was given, or else has a hole, and wants a copy of all."""
        boots = replica.boots
        leg = self.parts.shards.message_leg(primary.number, replica.number)
        answer = self.plane.submit(HANDED_ON, size_bytes=size_bytes, leg=leg)
        when_answered(
            answer, partial(self._take, primary, replica, boots, keys), partial(self._lack, replica, boots),
        )  # fmt: skip

    def _take(self, primary: Node, replica: Node, boots: int, keys: IntArray) -> None:
        if replica.boots == boots and replica.primary == primary.number and replica.term == primary.term:
            self.plane.move(self.cache, primary.number, replica.number, keys, keep=True)
            if self.copies is not None:
                self.plane.move(self.copies, primary.number, replica.number, keys, keep=True)

    def _lack(self, replica: Node, boots: int) -> None:
        if replica.boots == boots and not replica.leads:
            replica.term = NOWHERE
