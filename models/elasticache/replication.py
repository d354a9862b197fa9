"""Shards of a primary and its replicas: who has what, and how requests and the replication stream get there.

A primary carries a write out, appends it to its log, answers, and sends the record to its replicas, over its network
card, and they carry it out when their one thread comes to it. Nobody waits for that, unless the client says how many
replicas must have answered (WAIT); which keeps a write from being lost only if one of these is promoted. A replica has
what its log says that it has. What has not left a primary's card when it dies is lost, and so is what a replica has not
carried out when it is promoted, and all that a primary that was cut off still takes.

Clients know the primary of each shard, zone by zone, and are wrong for a while after a failover. A node that is no
primary answers MOVED, with the node that it takes to be one; it knows no more than it was told. What nodes say to one
another to find that out is in `cluster`, what ElastiCache does in `multi_az`, and both in `roles`.

Source:
    redis.io: replication, cluster specification, WAIT; redis.conf of Redis 7.

Limits:
    What a primary's one thread spends on sending records, and a node on an answer of MOVED, is left out. A record takes
    what its command takes on the one thread of the replica, without the work of a client's connection. What is lost on
    its way is not sent again by TCP: the replica asks for it with its next report, as after a broken connection. A
    replica that takes a full copy serves nobody meanwhile, though Redis lets it give old answers until the copy is
    there. Which node a client of a zone asks is one view for all clients of that zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from models.elasticache.commands import Commands, Steps
from models.elasticache.sharding import hash_slots
from models.kernel.laws import NonNegative, Positive, seconds
from models.kernel.parts import UNLIMITED, Copies, Group, Log, Membership, Quorum, Station, everybody
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Append, Choose, Fork, Pass, Receive, Redirect, Serve, Travel, by_leg
from models.kernel.system import Client, Operation, Route
from models.looks import HEALTH, PATIENCE_S, health_check, look
from models.region import Region

CONF = "redis.conf of Redis 7"
LOOK, MESSAGE, CONNECT, ROLES = "client's look", "node's message", "connection", "roles"
"""Operations of the clients' and of the nodes' own."""
ReadFrom = Literal["primary", "replicas", "any"]


class ReplicationParameters(Parameters):
    """How replicas keep up with a primary, and catch up with it."""

    wait_for: Annotated[int, Field(ge=0, le=5)] = parameter(
        0,
        "replicas that must have a write before its client has its answer (WAIT)",
        source="redis.io: none unless asked",
    )
    record_bytes: Annotated[int, Field(ge=0, le=100_000)] = parameter(
        90, "bytes of a record beside its value", assumed="60 to 150: command, key, and their lengths"
    )
    backlog_bytes: Positive = parameter(
        float(1 << 20), "bytes of its log that a primary keeps for replicas that come back",
        source=f"{CONF}: repl-backlog-size",
    )  # fmt: skip
    ack_s: Annotated[float, Field(ge=0.01, le=100)] = parameter(
        1.0, "seconds between a replica's reports of how far it is", source="redis.io replication: every second"
    )
    fork_s_per_gib: NonNegative = parameter(
        0.012, "seconds for which a node stands still as it forks, to copy or to save, for each GiB that it holds",
        source="MemoryDB, SIGMOD 2024: about 12 ms per GB; Redis latency guide: 0.01 to 0.24",
    )  # fmt: skip
    copy_bytes_per_s: Positive = parameter(
        100e6, "bytes/s at which a full copy is sent", assumed="30 to 500 MB/s: dump, network and disk"
    )
    load_bytes_per_s: Positive = parameter(200e6, "bytes/s at which a copy is loaded", assumed="100 to 500 MB/s")


@dataclass(frozen=True, eq=False)
class Shards:
    """The nodes of all shards, and what is known of them. Node i of shard s is member s * width + i.

    Args:
        region: Where they stand.
        count: How many shards.
        width: Nodes of each.
        nodes: The nodes.
        peers: The same, as those to whom a message or a record goes.
        roles: The same, as a book of who may answer, which outlives them.
        places: The shards, as those that copies belong to.
        owner: Which shard has a slot.
        books: What clients of a zone know of a shard: member zone * count + shard.
        page: The book's page for a key, for clients of a zone.
        known: The primary, as clients of a zone know it.
        readers: Whom they read from, where not from the primary.
        believed: The primary of its shard, as each node has it.
        role: A node's entry in the book of roles.
        others: The other nodes of a node's shard.
        here: The node that something has gone to.
        in_service: Refuses where a node may not answer.
        log: The replication stream.
        acknowledged: How many replicas must have answered before a client has its answer; None: there are none.
        copies: Which node has which version; None where nobody minds.
    """

    region: Region
    count: int
    width: int
    nodes: Group
    peers: Group
    roles: Group
    places: Group
    owner: Membership
    books: Group
    page: Membership
    known: Membership
    readers: Membership
    believed: Membership
    role: Membership
    others: Membership
    here: Membership
    in_service: Station
    log: Log
    acknowledged: Quorum | None
    copies: Copies | None

    @classmethod
    def of(
        cls, region: Region, count: int, replicas: int, parameters: ReplicationParameters, read_from: ReadFrom,
        *, followed: bool, persistent: bool = False, with_slots: int | None = None,
    ) -> Shards:  # fmt: skip
        """Shards whose first nodes are primaries, each node in another zone than the one before; what nodes were told
        may be on their disks, and so many shards alone may have slots.
        """
        width = replicas + 1
        size = count * width
        zones = tuple((node // width + node % width) % region.zones for node in range(size))
        nodes, peers = Group("nodes", size, zones), Group("peers", size, zones, fails=False)
        roles, shards = Group("roles", size, zones, fails=False), Group("shards", count, fails=False)
        books = Group("known shards", region.zones * count, fails=False)
        slots = hash_slots(range(with_slots or count))
        rows = tuple(tuple(range(shard * width, (shard + 1) * width)) for shard in range(count))
        pages = tuple(tuple(zone * count + shard for shard in slots) for zone in range(region.zones))
        readers = [row if read_from == "any" or not replicas else row[1:] for row in rows] * region.zones
        owner = Membership(shards, (slots,))
        copies = Copies(
            "objects written", Membership(nodes, rows, of=shards), owner,
            volatile=not persistent, replicated=replicas > 0 or persistent,
        )  # fmt: skip
        return cls(
            region, count, width, nodes, peers, roles, shards, owner, books,
            Membership(books, pages, of=region.clients),
            Membership(nodes, tuple((row[0],) for row in rows) * region.zones, of=books),
            Membership(nodes, tuple(readers), of=books),
            Membership(nodes, tuple((row[0],) for row in rows for _ in row), of=nodes),
            Membership(roles, tuple((node,) for node in range(size)), of=nodes),
            Membership(
                peers, tuple(tuple(o for o in row if o != node) or (node,) for row in rows for node in row), of=nodes
            ),
            Membership(nodes, tuple((node,) for node in range(size)), of=peers),
            Station("in service", roles, UNLIMITED),
            Log("replication log", nodes, tuple(row[0] for row in rows for _ in row), parameters.record_bytes),
            Quorum("replicas that acknowledge", replicas, parameters.wait_for) if replicas else None,
            copies if followed else None,
        )  # fmt: skip

    # ------------------------------------------------------------ how requests go

    @property
    def to_primary(self) -> Steps:
        """The node that a client takes to be the primary of a key's shard."""
        return (Choose(self.page, "key"), Choose(self.known, 0))

    @property
    def to_reader(self) -> Steps:
        """A node that a client reads from."""
        return (Choose(self.page, "key"), Choose(self.readers, "random"))

    def at_primary(self, door: Station) -> Steps:
        """What a node does first with a request that is for the primary: says who is it, if it is not."""
        network, clients = self.region.network, self.region.clients
        moved = Route(Travel(network, self.nodes, clients), Travel(network, clients, self.nodes))
        return (Pass(door), Redirect(self.believed, moved, 0), *self.serves)

    @property
    def serves(self) -> Steps:
        """Refuse if the node may not answer."""
        return (Choose(self.role, 0), Pass(self.in_service))

    def append(self) -> Steps:
        """A write is in the log of a node that is a primary, and refused by any other."""
        return (Append(self.log),)

    def replicate(self, commands: Commands, effect: Steps) -> Steps:
        """Send a record to all replicas, which do the same with it; who sent it stands where its role does."""
        if self.acknowledged is None:
            return ()
        network = self.region.network
        answer = (Travel(network, self.nodes, self.roles),) if self.acknowledged.needed else ()
        leg = Route(
            *commands.record, Choose(self.others, "leg"), Travel(network, self.nodes, self.peers), Choose(self.here, 0),
            *commands.replica, Receive(self.log), *effect, *answer,
        )  # fmt: skip
        return (Fork(self.acknowledged, leg),)

    # ------------------------------------------------------------ how nodes, clients and ElastiCache talk

    def talk(
        self, commands: Commands, look_timeout_s: float, message_s: float, connect_s: float
    ) -> Mapping[str, Operation]:
        """Operations by the number of their leg: of looks, health checks and connections as `looks` has it, of messages
        `message_leg`. Nobody asks for `roles`: it leads through all that control rewrites.
        """
        network, clients, size = self.region.network, self.region.clients, self.nodes.size
        thread, look_from = commands.door, partial(look, self.region)
        messages = [(source, target) for source in range(size) for target in range(size)]
        handle = Serve(thread, seconds(message_s))
        message = Route(
            by_leg(self.nodes, [source for source, _ in messages]), handle,
            by_leg(self.peers, [target for _, target in messages]), Travel(network, self.nodes, self.peers),
            Choose(self.here, 0), handle,
        )  # fmt: skip
        roles = Route(
            Choose(everybody(clients)), *self.to_reader, *self.to_primary, *self.at_primary(thread), Append(self.log),
            Receive(self.log),
        )  # fmt: skip
        return {
            LOOK: Operation(look_from(clients, self.nodes, handle), Client(look_timeout_s)),
            HEALTH: health_check(self.region, self.nodes, handle),
            MESSAGE: Operation(message, Client(PATIENCE_S)),
            CONNECT: Operation(look_from(clients, self.nodes, Serve(thread, seconds(connect_s))), Client(PATIENCE_S)),
            ROLES: Operation(roles),
        }

    def message_leg(self, source: int, target: int) -> int:
        """Number of the leg of a message from one node to another."""
        return source * self.nodes.size + target

    def row(self, shard: int) -> range:
        """The nodes of a shard."""
        return range(shard * self.width, (shard + 1) * self.width)
