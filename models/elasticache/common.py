"""What both engines of ElastiCache have in common: parameters, and the frame of a system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, create_model

from models.elasticache.asking import Asking, Writes
from models.elasticache.database import StationParameters, table_parameters
from models.elasticache.node_types import GIB, NODE_TYPES, NodeType, NodeTypeName
from models.kernel.charges import Charge
from models.kernel.laws import Positive
from models.kernel.registry import ClientParameters, Parameters, parameter
from models.kernel.steps import Choose
from models.kernel.system import Control, Operation, Route, System
from models.kernel.tier import Backend
from models.region import RegionParameters

GUIDE = "ElastiCache guide (2023)"
WRITING = ("write", "insert", "read_modify_write")
OPERATIONS = ("read", *WRITING, "scan")


class ElasticacheParameters(Parameters):
    """Parameters that Memcached and Redis share, but for what stands behind."""

    node_type: NodeTypeName = parameter("cache.r7g.large", "sets a node's memory and price", assumed="any")
    memory_share: Annotated[float, Field(gt=0, le=1)] = parameter(
        0.75, "share of a node's memory that holds objects", source=f"{GUIDE}: 25 % are reserved"
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
) -> System:
    """Clients in any zone ask; what the database brings with it stands beside what the cache has."""
    routes: dict[str, Callable[[], Any]] = {
        "read": ask.read,
        "write": ask.write,
        "insert": ask.write,
        "read_modify_write": lambda: (*ask.read(), *ask.write()),
        "scan": ask.slow,
    }
    from_client, client, behind = Choose(ask.region.everywhere, "random"), parameters.client.client(), ask.database
    watching = (*behind.watchers, *watchers)
    return System(
        {name: Operation(Route(from_client, *routes[name]()), client) for name in operations},
        probes={**behind.probes, **probes},
        controls=(*behind.controls, *controls),
        watchers=watching,
        controls_draw=bool(watching),
        charges=(*charges, *behind.charges),
    )
