"""What both engines of ElastiCache have in common: parameters, and the frame of a system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from models.elasticache.asking import Asking, Writes
from models.elasticache.database import StationParameters, table_parameters
from models.elasticache.node_types import GBIT_BYTES, GIB, NODE_TYPES, Machine, NodeType, NodeTypeName
from models.kernel.charges import Charge
from models.kernel.laws import Positive
from models.kernel.registry import ClientParameters, Parameters, parameter
from models.kernel.steps import Choose
from models.kernel.system import Control, Operation, Route, System
from models.kernel.tier import Backend
from models.region import RegionParameters

GUIDE = "ElastiCache guide (2023)"
WRITING = ("write", "insert", "read_modify_write")
OPERATIONS = ("read", *WRITING, "batch_get", "scan")


class ElasticacheParameters(Parameters):
    """Parameters that Memcached and Redis share, but for what stands behind."""

    node_type: NodeTypeName = parameter(
        "cache.r7g.large", "sets a node's threads, memory, network and price", assumed="any"
    )
    memory_share: Annotated[float, Field(gt=0, le=1)] = parameter(
        0.75, "share of a node's memory that holds objects", source=f"{GUIDE}: 25 % are reserved"
    )
    connections: Annotated[int, Field(ge=1, le=65_000)] = parameter(
        256, "open connections of each node; it accepts no more than 65,000", assumed="set it to what is studied"
    )
    network: Literal["baseline", "burst"] = parameter(
        "baseline", "bandwidth that a node has: what lasts, or what it has for minutes", assumed="either"
    )
    slowness: Positive | None = parameter(
        None,
        "what a thread's work takes, in multiples of what it takes on a c8g.8xlarge; none: as the node type says",
        example=1.0,
    )
    ttl_s: Positive | None = parameter(None, "seconds that an object lives; none: until it is evicted", example=300.0)
    writes: Writes = parameter(
        "delete",
        "what a write does beside the database: delete or set the object; cache: set it, and leave the database alone",
        assumed="delete; set; cache",
    )
    region: RegionParameters = parameter(RegionParameters(), "zones and network", assumed="see its keys")
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")

    @property
    def node(self) -> NodeType:
        """The type of a node."""
        return NODE_TYPES[self.node_type]

    @property
    def machine(self) -> Machine:
        """What the threads of a node run on."""
        node = self.node
        gbit = node.baseline_gbit_per_s if self.network == "baseline" else node.burst_gbit_per_s
        return Machine(node.vcpus, self.slowness or node.slowness, gbit * GBIT_BYTES, self.connections)

    @property
    def memory_bytes(self) -> int:
        """Of a node, for objects."""
        return int(self.memory_share * self.node.memory_gib * GIB)


def with_database(parameters: type[ElasticacheParameters], name: str, backend: Backend) -> type[Parameters]:
    """The same parameters, with those of what stands behind."""
    behind: Any = Annotated[StationParameters | table_parameters(backend), Field(discriminator="kind")]
    database: Any = (behind | None, parameter(None, "what stands behind; none: nothing", example={"kind": "station"}))
    return create_model(
        f"{parameters.__name__}WithDatabase",
        __base__=parameters,
        __doc__=f"Parameters of `{name}`.",
        database=database,
    )


def system(
    ask: Asking,
    operations: tuple[str, ...],
    parameters: ElasticacheParameters,
    charges: tuple[Charge, ...],
    probes: Mapping[str, Operation],
    controls: tuple[Control, ...] = (),
    watchers: tuple[Control, ...] = (),
    *,
    controls_draw: bool = False,
) -> System:
    """Clients in any zone ask; what the database brings with it stands beside what the cache has."""
    routes: dict[str, Callable[[], Any]] = {
        "read": ask.read,
        "write": ask.write,
        "insert": ask.write,
        "read_modify_write": lambda: (*ask.read(), *ask.write()),
        "batch_get": ask.batch,
        "scan": ask.slow,
    }
    from_client, client, behind = Choose(ask.region.everywhere, "random"), parameters.client.client(), ask.database
    watching = (*behind.watchers, *watchers)
    return System(
        {name: Operation(Route(from_client, *routes[name]()), client) for name in operations},
        probes={**behind.probes, **probes},
        controls=(*behind.controls, *controls),
        watchers=watching,
        controls_draw=bool(watching) or controls_draw,
        charges=(*charges, *behind.charges),
    )
