"""DAX, first form: a write-through cache cluster in front of a table.

The cluster's nodes are spread over the zones; the first is the primary. A client sends a read to any node. A hit is
answered from the node's item cache; a miss goes through to the table and fills the cache of that node. A write goes to
the primary, through to the table, into the primary's item cache, and from there to the other nodes, which nobody waits
for. A strongly consistent read passes through uncached.

A node's work is counted in normalised requests: a hit costs one for each KB, a miss ten, a write twenty-five on every
node. The published capacity of a node type is shared by its servers, each of which does 75,000 a second, the capacity
of the smallest type, so that a larger node is wider, not faster.

Source:
    DAX developer guide, pages "Sizing your DAX cluster" and "DAX: How it works" (2023).

A batch asks the item cache for its items one by one, all at once; those that miss are read through, each by itself. A
query passes through.

Limits:
    Item cache only: no query cache, no negative entries. Overlapping misses of one key all go to the table. No node
    failure, promotion or throttling of overload. Memory per item beyond its value is assumed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from models.dax.node_types import NODE_TYPES, NodeTypeName
from models.dax.prices import NODE_DOLLARS_PER_HOUR
from models.kernel.amounts import Of
from models.kernel.charges import Hourly
from models.kernel.laws import NonNegative, Positive, seconds
from models.kernel.parts import Cache, Group, Membership, Quorum, Station, everybody
from models.kernel.registry import ClientParameters, Model, Parameters, parameter
from models.kernel.steps import Choose, Each, Fill, Fork, Lookup, Serve, Step, Travel
from models.kernel.system import Operation, Route, System
from models.kernel.tier import Backend
from models.region import Region, RegionParameters

SIZING = "DAX guide, Sizing your DAX cluster (2023)"
GUIDE = "DAX guide (2023)"
UNITS_PER_SERVER_S = 75_000
HIT_UNITS, MISS_UNITS, WRITE_UNITS = 1, 10, 25
KB = 1000
"""A KB in the sizing arithmetic."""
GB = 10**9
PRIMARY = 0


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
    units_per_node_s: Positive | None = parameter(None, "normalised requests a second; none: as the node type has")
    node_dollars_per_hour: NonNegative | None = parameter(
        None,
        "price of a node; none: by its type",
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
    region: RegionParameters = parameter(RegionParameters(), "zones and network", assumed="see its keys")
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")

    @model_validator(mode="after")
    def _has_a_price(self) -> Self:
        if self.node_dollars_per_hour is None and self.node_type not in NODE_DOLLARS_PER_HOUR:
            raise ValueError(f"no price of {self.node_type} is known; give node_dollars_per_hour")
        return self


def build(parameters: Any, operations: tuple[str, ...], backend: Backend) -> System:
    """Clients in every zone ask the cluster, which stands before the backend."""
    region = Region.of(parameters.region)
    table = backend.build(parameters.table, region)
    clients, network = region.clients, region.network
    node_type = NODE_TYPES[parameters.node_type]
    capacity_per_s = parameters.units_per_node_s or node_type.units_per_s
    servers = max(1, round(capacity_per_s / UNITS_PER_SERVER_S))
    unit_s = servers / capacity_per_s
    nodes = Group("nodes", parameters.nodes, region.spread(parameters.nodes))
    station = Station("nodes", nodes, servers)
    cache = Cache(
        "item_cache", nodes, "lru",
        capacity_bytes=int(parameters.memory_share * node_type.memory_gb * GB),
        ttl_s=parameters.item_ttl_s or None, overhead_bytes=parameters.item_overhead_bytes,
    )  # fmt: skip

    def work(units: int, of: Of = "item") -> Serve:
        return Serve(station, seconds(units * unit_s), unit_bytes=KB, of=of)

    def ask(node: Literal["random"] | int, *what: Step) -> tuple[Step, ...]:
        """Ask a node, and come back."""
        return (
            Choose(everybody(nodes), node), Travel(network, clients, nodes), *what, Travel(network, nodes, clients),
        )  # fmt: skip

    through = Route(work(MISS_UNITS - HIT_UNITS), *table.read(nodes).steps, Fill(cache))
    look_up = Lookup(cache, on_miss=through)
    batch = Route(*ask("random", work(HIT_UNITS, "items"), Each(Route(look_up), most=table.batch_items)))
    read = ask("random", work(HIT_UNITS), look_up)
    write = ask(
        PRIMARY, work(WRITE_UNITS), *table.write(nodes).steps, Fill(cache), *_propagation(region, nodes, work, cache)
    )
    query = ask("random", work(MISS_UNITS, "result"), *table.query(nodes).steps)
    steps: dict[str, tuple[Step, ...]] = {
        "read": read,
        "strong_read": ask("random", work(MISS_UNITS), *table.strong_read(nodes).steps),
        "write": write,
        "insert": write,
        "read_modify_write": (*read, *write),
        "query": query,
        "scan": query,
        "batch_get": (Each(batch, table.batch_bytes, table.batch_items),),
    }
    from_client, client = Choose(region.everywhere, "random"), parameters.client.client()
    price = parameters.node_dollars_per_hour
    dollars = NODE_DOLLARS_PER_HOUR[parameters.node_type] if price is None else price
    return System(
        {name: Operation(Route(from_client, *steps[name]), client) for name in operations},
        controls=table.controls,
        probes=table.probes,
        watchers=table.watchers,
        controls_draw=bool(table.watchers),
        charges=(Hourly("nodes", dollars, nodes.size), *table.charges),
    )


def _propagation(region: Region, nodes: Group, work: Any, cache: Cache) -> tuple[Fork, ...]:
    """The primary sends a write on to the other nodes, and does not wait."""
    others = nodes.size - 1
    if others == 0:
        return ()
    targets = Group("replica nodes", nodes.size, nodes.zones)
    replicas = tuple(range(1, nodes.size))
    leg = Route(
        Choose(Membership(targets, (replicas,)), "leg"), Travel(region.network, nodes, targets),
        Choose(Membership(nodes, (replicas,)), "leg"), work(WRITE_UNITS), Fill(cache),
    )  # fmt: skip
    return (Fork(Quorum("propagation", others, needed=0), leg),)


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
        operations=("read", "strong_read", "write", "insert", "read_modify_write", "query", "scan", "batch_get"),
        limits=(
            "item cache only: no query cache, no negative entries; a query costs a node as much as a miss of its size",
            "items of a batch that miss are read through one by one",
            "overlapping misses of one key all go to the table",
            "no node failure, promotion or throttling of overload",
            "money is nodes and the table's capacity: no data transfer between zones, no storage",
            "capacities of nodes other than r5 are assumed; no CPU credits",
            "no retry mode `adaptive`: clients do not hold requests back",
        ),
    )
