"""A DynamoDB table: request routers, partitions by key hash, three replicas of each on storage nodes in three zones.

A request goes over the network to a request router, which finds the partition by the hash of the key. An eventually
consistent read is answered by any replica, a strongly consistent one by the leader. A write is acknowledged when the
leader and one of the two followers have the log record.

Absolute latencies of DynamoDB are not published: both papers print their axes without numbers. The medians below are
assumed within "single-digit milliseconds". The tails are fitted, once, to the mean ratio of p99 to p50 that clients of
YCSB A saw (figure 5: reads 1.79, writes 1.66); those of YCSB B (figure 6: reads 1.83, writes 1.63) are predicted, and
tested.

What a table may serve is `capacity`'s, who is throttled `admission`'s, what changes that over time `control`'s. Who
leads, and how replicas talk, is `replication`'s, what they do when one is lost, `failover`'s. How several items are
asked for is `queries`'; what it costs, `prices`'; on which storage nodes replicas stand, `placement`'s. A node serves
the replicas of all its
partitions with the same servers. As a table grows it has more partitions and more nodes, so that a node has no more to
do than before: that keeps latency flat.

Source:
    Elhemali et al., Amazon DynamoDB, USENIX ATC 2022; Amazon DynamoDB Developer Guide (2023).

Limits:
    Partitions split for heat alone, not for size or growth of the units. Other tables put no load on the storage nodes.
    Items' sizes do not change latencies. Items do not expire: what has a time to live is deleted within a few days of
    it, in the background and for free, and readers filter what is still there, which takes the same units.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.dynamodb import queries
from models.dynamodb.admission import Admission
from models.dynamodb.capacity import DDB22, EVENTUAL, STRONG, Capacity, partitions_of, spare_partitions
from models.dynamodb.control import controls
from models.dynamodb.failover import watchers
from models.dynamodb.placement import place
from models.dynamodb.prices import Prices, charges
from models.dynamodb.replication import REPLICAS, Failover, FailoverParameters, Replicas
from models.kernel.amounts import Of
from models.kernel.laws import ConstantSeconds, LognormalSeconds, NonNegative, SecondsLaw
from models.kernel.parts import Group, Membership, Station, everybody
from models.kernel.registry import ClientParameters, Model, Parameters, Servers, parameter, servers_of
from models.kernel.retry_modes import MODES
from models.kernel.steps import Choose, Read, Serve, Step, Travel
from models.kernel.system import Operation, Route, System
from models.kernel.tier import Backend, Tier
from models.region import Region, RegionParameters


class TableParameters(Parameters):
    """Parameters of a table, wherever it stands."""

    capacity: Capacity = parameter(
        "unlimited",
        "capacity: unlimited, provisioned units, or on demand",
        assumed="no throttling, unless units are given",
    )
    partitions: Annotated[int, Field(ge=1, le=10_000)] | None = parameter(
        None, "partitions, by key hash; none: as many as its units need, else 4", example=4
    )
    router: SecondsLaw = parameter(
        ConstantSeconds(value_s=0.0001), "seconds in the request router", assumed="0.05 to 0.2 ms"
    )
    read: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.002, p99_s=0.0046),
        "seconds that a replica takes to read",
        assumed=f"median 1.5 to 3 ms; p99 fitted to the clients' p99/p50 in {DDB22}, figure 5",
    )
    further_item: NonNegative = parameter(
        0.005,
        "work of a replica for each further item of a query, as a part of its work for the first",
        assumed="0.001 to 0.05: 2 to 100 microseconds, as neighbours lie together",
    )
    append: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.002, p99_s=0.0052),
        "seconds that a replica takes to make a log record durable",
        assumed=f"median 1.5 to 3 ms; p99 fitted to the clients' p99/p50 in {DDB22}, figure 5",
    )
    replicas_per_node: Annotated[int, Field(ge=1, le=30_000)] = parameter(
        1,
        "replicas of the table on one storage node",
        assumed="a node has thousands of replicas, but of many tables; 1 to 1,000 of one table",
    )
    node_servers: Servers = parameter(
        32, "requests that a storage node works on at once", assumed="16 to 128; a queue's depth of a flash disk is 32"
    )
    failover: Failover = parameter(
        FailoverParameters(), 'what replicas do where faults happen; "off": nothing', assumed="see its keys"
    )
    prices: Prices = parameter(Prices(), "prices of capacity", source="see its keys")


class DynamodbClientParameters(ClientParameters):
    """The patience of DynamoDB's clients; waits double from retry to retry."""

    MODES = MODES | {
        "legacy": MODES["legacy"].but(
            "botocore 1.43, for DynamoDB (2026)",
            max_attempts=10, backoff_base_s=0.05, jitter="none",
        ),
        "standard-2026": MODES["standard-2026"].but(
            "botocore 1.43, AWS_NEW_RETRIES_2026, for DynamoDB (2026)",
            max_attempts=4, backoff_base_s=0.025,
        ),
    }  # fmt: skip


class DynamodbParameters(TableParameters):
    """Parameters of `dynamodb`."""

    consistency: Literal["eventual", "strong"] = parameter(
        "eventual",
        "of all that reads but `strong_read`",
        source="DynamoDB guide: eventually consistent by default (2023)",
    )
    region: RegionParameters = parameter(RegionParameters(), "zones and network", assumed="see its keys")
    client: DynamodbClientParameters = parameter(
        DynamodbClientParameters(), "patience of the clients", assumed="no timeout, no retry"
    )


def tier(parameters: TableParameters, region: Region) -> Tier:
    """The table as others ask it."""
    at_first = partitions_of(parameters.partitions, parameters.capacity)
    count = at_first + spare_partitions(parameters.capacity)
    routers = Group("routers", region.zones, tuple(range(region.zones)), balanced=True)
    partitions = Group("partitions", count)
    placed = place([region.spread(REPLICAS, partition) for partition in range(count)], parameters.replicas_per_node)
    nodes = Group("storage nodes", len(placed.zones), placed.zones)
    members = Membership(nodes, placed.rows, partitions)
    admission = Admission(parameters.capacity, partitions, at_first, routers, members)
    servers = servers_of(parameters.node_servers)
    replicas = Replicas.of(members, placed, admission.by_key, region.network, servers, parameters.append)
    router = Serve(Station("routers", routers, 0), parameters.router)
    anywhere, find, network = everybody(routers), admission.find, region.network

    def ask(origin: Group, *work: Step) -> Route:
        """Through a request router in any zone."""
        return Route(
            Choose(anywhere, "random"), Travel(network, origin, routers), router, *work,
            Travel(network, routers, origin),
        )  # fmt: skip

    def at_replica(strong: bool, of: Of = "item") -> tuple[Step, ...]:
        """A read at one replica, of one item or of several, if the table has units for it."""
        further = 0.0 if of == "item" else parameters.further_item
        look_up = (Serve(replicas.station, parameters.read, further=further), Read(replicas.copies))
        if strong:
            return replicas.leader, admission.read(STRONG, *replicas.led(routers, *look_up), of=of)
        return replicas.reader, admission.read(EVENTUAL, *replicas.followed(routers, *look_up), of=of)

    def read(origin: Group, *, strong: bool) -> Route:
        return ask(origin, *find, *at_replica(strong))

    def query(origin: Group, *, strong: bool) -> Route:
        return queries.query(find, ask(origin, *at_replica(strong, "result")))

    def batch_get(origin: Group, *, strong: bool) -> Route:
        return queries.batch_get(ask(origin, queries.at_once(*find, *at_replica(strong))))

    failover = parameters.failover
    return Tier(
        read=lambda origin: read(origin, strong=False),
        strong_read=lambda origin: read(origin, strong=True),
        transact_read=lambda origin: ask(origin, *find, *at_replica(True), *at_replica(True)),
        write=lambda origin: ask(origin, *find, admission.write(*replicas.write(routers))),
        query=lambda origin: query(origin, strong=False),
        strong_query=lambda origin: query(origin, strong=True),
        batch_get=lambda origin: batch_get(origin, strong=False),
        strong_batch_get=lambda origin: batch_get(origin, strong=True),
        batch_bytes=queries.BATCH_BYTES,
        batch_items=queries.BATCH_ITEMS,
        charges=charges(parameters.prices, parameters.capacity),
        controls=controls(admission),
        probes={} if failover == "off" else replicas.talk(failover),
        watchers=() if failover == "off" else watchers(replicas, failover),
    )


def build(parameters: DynamodbParameters, operations: tuple[str, ...]) -> System:
    """Clients in every zone ask the table."""
    region = Region.of(parameters.region)
    table = tier(parameters, region)
    clients, strong = region.clients, parameters.consistency == "strong"
    from_client = Choose(region.everywhere, "random")
    read = (table.strong_read if strong else table.read)(clients)
    query = (table.strong_query if strong else table.query)(clients)
    write = table.write(clients)
    routes = {
        "read": read,
        "strong_read": table.strong_read(clients),
        "transact_read": table.transact_read(clients),
        "write": write,
        "insert": write,
        "read_modify_write": Route(*read.steps, *write.steps),
        "query": query,
        "scan": query,
        "batch_get": (table.strong_batch_get if strong else table.batch_get)(clients),
    }
    client = parameters.client.client()
    asked = {name: Operation(Route(from_client, *routes[name].steps), client) for name in operations}
    return System(
        asked, probes=table.probes, controls=table.controls, watchers=table.watchers,
        controls_draw=bool(table.watchers), charges=table.charges,
    )  # fmt: skip


BACKEND = Backend(TableParameters, tier)
MODEL = Model(
    name="dynamodb",
    summary="a DynamoDB table read and written directly",
    parameters=DynamodbParameters,
    build=build,
    operations=(
        "read",
        "strong_read",
        "transact_read",
        "write",
        "insert",
        "read_modify_write",
        "query",
        "scan",
        "batch_get",
    ),
    limits=(
        "partitions split for heat alone, not for size or growth of the units",
        "other tables take no tokens of a storage node",
        "clocks of replicas agree; a lost storage node is replaced as a whole; no planned handover of a leader",
        "other tables put no load on the storage nodes",
        "transactions: `transact_read` of one item alone, in its two phases, and nobody writes between these",
        "sizes do not change latencies",
        "items do not expire; deletion by time to live takes days, is free, and readers filter what is still there",
        *queries.LIMITS,
        "money is capacity alone, unlimited paid as on-demand: no storage, backups, streams or data transfer",
        "no retry mode `adaptive`: clients do not hold requests back",
    ),
)
