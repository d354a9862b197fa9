"""ElastiCache for Redis, or Valkey: shards by hash slot, each a primary.

Source:
    ElastiCache guide for Redis (2023); Redis cluster specification. What threads do: `commands`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from models.elasticache.asking import Asking
from models.elasticache.commands import CommandThreadParameters, command_thread
from models.elasticache.common import OPERATIONS, ElasticacheParameters, system, with_database
from models.elasticache.database import database
from models.elasticache.sharding import hash_slots
from models.kernel.charges import Hourly
from models.kernel.parts import Cache, Group, Membership
from models.kernel.registry import Model, parameter
from models.kernel.steps import Choose
from models.kernel.system import System
from models.kernel.tier import Backend
from models.region import Region


class RedisParameters(ElasticacheParameters):
    """Parameters of `redis`, but for what stands behind."""

    shards: Annotated[int, Field(ge=1, le=500)] = parameter(1, "shards", assumed="set it to what is studied")
    engine: Literal["redis", "valkey"] = parameter("redis", "whose price is asked", assumed="either")
    threads: CommandThreadParameters = parameter(CommandThreadParameters(), "threads of a node", source="see its keys")
    object_overhead_bytes: Annotated[int, Field(ge=0, le=100_000)] = parameter(
        90, "bytes of an object beside its value", assumed="60 to 120, and the key"
    )


def build(parameters: Any, operations: tuple[str, ...], backend: Backend) -> System:
    """Clients in every zone ask the primary of a key's shard."""
    region, count = Region.of(parameters.region), parameters.shards
    nodes = Group("nodes", count, region.spread(count))
    known = Membership(nodes, (hash_slots(range(count)),))
    cache = Cache(
        "objects", nodes, "lru", capacity_bytes=parameters.memory_bytes, ttl_s=parameters.ttl_s,
        overhead_bytes=parameters.object_overhead_bytes,
    )  # fmt: skip
    ask = Asking(
        region, (Choose(known, "key"),), nodes, command_thread(nodes, parameters.threads, parameters.machine), cache,
        database(parameters.database, backend, region), parameters.writes,
    )  # fmt: skip
    return system(ask, operations, parameters, (Hourly("nodes", parameters.node.price(parameters.engine), count),), {})


def model(backend: Backend) -> Model:
    """The model of Redis, in front of a backend or of some other database."""
    return Model(
        name="redis",
        summary="an ElastiCache cluster of Redis or Valkey shards",
        parameters=with_database(RedisParameters, "redis", backend),
        build=lambda p, operations: build(p, operations, backend),
        operations=OPERATIONS,
        limits=("shards are primaries alone",),
    )
