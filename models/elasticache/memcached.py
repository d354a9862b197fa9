"""ElastiCache for Memcached: nodes that know nothing of one another, among which clients share keys out.

Source:
    ElastiCache guide for Memcached (2023); memcached source and protocol notes. What threads do: `commands`. Which node
    a key belongs to: `sharding`.

Limits:
    Nothing is replicated, and nothing saved: what a lost node held is gone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from models.elasticache.asking import Asking
from models.elasticache.commands import WorkerThreadParameters, worker_threads
from models.elasticache.common import OPERATIONS, ElasticacheParameters, system, with_database
from models.elasticache.database import database
from models.elasticache.sharding import ketama, modulo, modulo_slots
from models.kernel.charges import Hourly
from models.kernel.parts import Cache, Group, Membership
from models.kernel.registry import Model, parameter
from models.kernel.steps import Choose
from models.kernel.system import System
from models.kernel.tier import Backend
from models.region import Region


class MemcachedParameters(ElasticacheParameters):
    """Parameters of `memcached`, but for what stands behind."""

    nodes: Annotated[int, Field(ge=1, le=40)] = parameter(3, "nodes", assumed="set it to what is studied")
    threads: WorkerThreadParameters = parameter(
        WorkerThreadParameters(), "worker threads of a node", source="see its keys"
    )
    distribution: Literal["ketama", "modulo"] = parameter(
        "ketama", "how clients share keys out among nodes", assumed="either; clients differ"
    )
    object_overhead_bytes: Annotated[int, Field(ge=0, le=100_000)] = parameter(
        56, "bytes of an object beside its value", assumed="48 to 60, and the key"
    )


def build(parameters: Any, operations: tuple[str, ...], backend: Backend) -> System:
    """Clients in every zone share keys out among the nodes."""
    region, count = Region.of(parameters.region), parameters.nodes
    nodes, everyone = Group("nodes", count, region.spread(count)), range(count)
    slots = ketama(everyone) if parameters.distribution == "ketama" else modulo(everyone, modulo_slots(count))
    known = Membership(nodes, (slots,) * region.zones, region.clients)
    cache = Cache(
        "objects", nodes, "lru", capacity_bytes=parameters.memory_bytes, ttl_s=parameters.ttl_s,
        overhead_bytes=parameters.object_overhead_bytes,
    )  # fmt: skip
    ask = Asking(
        region, (Choose(known, "key"),), nodes, worker_threads(nodes, parameters.threads, parameters.machine), cache,
        database(parameters.database, backend, region), parameters.writes,
    )  # fmt: skip
    return system(ask, operations, parameters, (Hourly("nodes", parameters.node.dollars_per_hour, count),), {})


def model(backend: Backend) -> Model:
    """The model of Memcached, in front of a backend or of some other database."""
    return Model(
        name="memcached",
        summary="an ElastiCache cluster of Memcached nodes",
        parameters=with_database(MemcachedParameters, "memcached", backend),
        build=lambda p, operations: build(p, operations, backend),
        operations=OPERATIONS,
        limits=("nothing is replicated or saved",),
    )
