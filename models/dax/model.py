"""Amazon DynamoDB Accelerator (DAX): a write-through cache cluster in front of a table.

`cluster` has its parts, `routes` what is asked of it, `membership` what happens when a node is lost.

An item that is not there is cached, too: it is one of zero bytes (a law of `value_size_bytes` may have zeros), which
takes memory for what stands beside the value, and one unit to look up. A write of zero bytes leaves it missing.

Source:
    DAX developer guide (2023): "DAX: How it works", "DAX and DynamoDB consistency models", "DAX cluster components",
    "Sizing your DAX cluster".

Limits:
    Memory per item beyond its value is assumed. Replicas do not forward writes: clients send them to the primary, as
    those for Java, Python and JavaScript do. Further limits stand in `routes` and `membership`.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, create_model, model_validator

from models.dax import membership
from models.dax.cluster import Cluster, nodes_of
from models.dax.membership import DaxMembershipParameters
from models.dax.node_types import NODE_TYPES, NodeTypeName
from models.dax.prices import NODE_DOLLARS_PER_HOUR
from models.dax.routes import Routes
from models.kernel.charges import Hourly
from models.kernel.laws import NonNegative, Positive
from models.kernel.parts import Cache, Group
from models.kernel.registry import ClientParameters, Model, Parameters, parameter
from models.kernel.steps import Choose
from models.kernel.system import Operation, Route, System
from models.kernel.tier import Backend
from models.region import Region, RegionParameters

SIZING = "DAX guide, Sizing your DAX cluster (2023)"
GUIDE = "DAX guide (2023)"
GB = 10**9


class DaxParameters(Parameters):
    """Parameters of `dax`, but for the table behind it."""

    nodes: Annotated[int, Field(ge=1, le=11)] = parameter(
        3, "nodes: one primary, the others read replicas", source=GUIDE
    )
    node_type: NodeTypeName = parameter(
        "dax.r5.large",
        "sets a node's capacity and memory; capacities are published for r5, others assumed by virtual CPUs",
        source=SIZING,
    )
    units_per_node_s: Positive | None = parameter(
        None, "normalised requests a second; none: as the node type has", example=75_000.0
    )
    node_dollars_per_hour: NonNegative | None = parameter(
        None,
        "price of a node; none: by its type",
        example=0.255,
        source="us-east-1, on demand; r5: ScyllaDB cost calculator (July 2025), others: see models/dax/prices.py",
    )
    item_ttl_s: NonNegative = parameter(
        300.0, "seconds that an item lives in the item cache; 0: until it is evicted or overwritten", source=GUIDE
    )
    memory_share: Annotated[float, Field(gt=0, le=1)] = parameter(
        0.75, "share of a node's memory that holds items", assumed="0.5 to 0.9"
    )
    item_overhead_bytes: Annotated[int, Field(ge=0, le=100_000)] = parameter(
        100, "bytes of an item beside its value", assumed="DynamoDB counts 100 bytes per item for indexing; 50 to 500"
    )
    query_ttl_s: NonNegative = parameter(
        300.0, "seconds that a result lives in the query cache; 0: results are not cached", source=GUIDE
    )
    query_share: Annotated[float, Field(gt=0, lt=1)] = parameter(
        0.25,
        "share of the memory for items that the query cache takes, where there are queries",
        assumed="0.05 to 0.5: nothing is published",
    )
    copy_queries: bool = parameter(
        False,
        "whether results of queries go to all nodes",
        assumed="either: the guide says so of items alone",
    )
    copy_misses: bool = parameter(
        True,
        "whether an item that a node has read from the table goes to all nodes",
        source="DAX guide, DAX and DynamoDB consistency models, GetItem, step 5 (2023)",
    )
    copy_units: Annotated[int, Field(ge=0, le=100)] = parameter(
        0,
        "normalised requests that such a copy costs each of the other nodes",
        assumed="0 to 25: the guide counts ten for a miss, however many nodes there are",
    )
    single_flight: bool = parameter(
        False,
        "whether a node asks the table once for misses of an item that overlap",
        assumed="either: nothing is published",
    )
    queue_limit: Annotated[int, Field(ge=0, le=1_000_000)] = parameter(
        1_000, "requests that wait at a node before it throttles", assumed="100 to 10,000: 1 to 133 ms of hits"
    )
    membership: DaxMembershipParameters = parameter(
        DaxMembershipParameters(), "how nodes and clients find out who is there", assumed="see its keys"
    )
    region: RegionParameters = parameter(RegionParameters(), "zones and network", assumed="see its keys")
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")

    @model_validator(mode="after")
    def _has_a_price(self) -> Self:
        if self.node_dollars_per_hour is None and self.node_type not in NODE_DOLLARS_PER_HOUR:
            raise ValueError(f"no price of {self.node_type} is known; give node_dollars_per_hour")
        return self


QUERIES = ("query", "scan")


def build(parameters: Any, operations: tuple[str, ...], backend: Backend) -> System:
    """Clients in every zone ask the cluster, which stands before the backend."""
    region = Region.of(parameters.region)
    table = backend.build(parameters.table, region)
    node_type = NODE_TYPES[parameters.node_type]
    cluster = Cluster.of(
        region, *_caches(parameters, node_type.memory_gb, nodes_of(region, parameters.nodes), operations),
        parameters.units_per_node_s or node_type.units_per_s, parameters.queue_limit,
        single_flight=parameters.single_flight,
    )  # fmt: skip
    ask = Routes(cluster, table, parameters.copy_units if parameters.copy_misses else None, parameters.copy_queries)
    routes = {
        "read": ask.read,
        "strong_read": ask.strong_read,
        "transact_read": ask.transact_read,
        "write": ask.write,
        "insert": ask.write,
        "read_modify_write": ask.read_modify_write,
        "query": ask.query,
        "scan": ask.query,
        "batch_get": ask.batch_get,
    }
    from_client, client = Choose(region.everywhere, "random"), parameters.client.client()
    price = parameters.node_dollars_per_hour
    dollars = NODE_DOLLARS_PER_HOUR[parameters.node_type] if price is None else price
    return System(
        {name: Operation(Route(from_client, *routes[name]()), client) for name in operations},
        probes={**table.probes, **membership.probes(cluster, parameters.membership)},
        controls=table.controls,
        watchers=(*table.watchers, *membership.watchers(cluster, parameters.membership)),
        controls_draw=bool(table.watchers),
        charges=(Hourly("nodes", dollars, parameters.nodes), *table.charges),
    )


def _caches(parameters: Any, memory_gb: float, nodes: Group, operations: tuple[str, ...]) -> tuple[Cache, Cache | None]:
    """The item cache, and the query cache where there are queries and they are cached; they share a node's memory."""
    memory_bytes = parameters.memory_share * memory_gb * GB
    has_queries = parameters.query_ttl_s > 0 and any(name in operations for name in QUERIES)
    query_bytes = int(parameters.query_share * memory_bytes) if has_queries else 0
    overhead_bytes = parameters.item_overhead_bytes
    return (
        Cache(
            "item_cache", nodes, "lru", capacity_bytes=int(memory_bytes) - query_bytes,
            ttl_s=parameters.item_ttl_s or None, overhead_bytes=overhead_bytes, shared=parameters.copy_misses,
        ),
        Cache(
            "query_cache", nodes, "lru", capacity_bytes=query_bytes, ttl_s=parameters.query_ttl_s,
            overhead_bytes=overhead_bytes, shared=parameters.copy_queries,
        ) if has_queries else None,
    )  # fmt: skip


def model(backend: Backend) -> Model:
    """The model of DAX in front of a backend."""
    parameters = create_model(
        "DaxParametersWithTable",
        __base__=DaxParameters,
        __doc__="Parameters of `dax`.",
        table=(backend.parameters, parameter(backend.parameters(), "the table behind", assumed="see its keys")),
    )
    return Model(
        name="dax",
        summary="a DAX cluster in front of a DynamoDB table",
        parameters=parameters,
        build=lambda p, operations: build(p, operations, backend),
        operations=(
            "read",
            "strong_read",
            "transact_read",
            "write",
            "insert",
            "read_modify_write",
            *QUERIES,
            "batch_get",
        ),
        limits=(
            "replicas do not forward writes: clients send them to the primary",
            "nodes send copies straight away, not in the order of a log; a node whose queue is full loses them",
            "clients find a node lost by health checks alone, not by reads that fail; those of a zone share one view",
            "queries that start at one record are taken to ask for the same",
            "items of a batch that miss are read through one by one, and stay on the node that asked",
            "no TransactWriteItems; TransactGetItems of one item alone",
            "money is nodes and the table's capacity: no data transfer between zones, no storage",
            "capacities of nodes other than r5 are assumed; no CPU credits",
            "no retry mode `adaptive`: clients do not hold requests back",
        ),
    )
