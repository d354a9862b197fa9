"""ElastiCache for Memcached: nodes that know nothing of one another, among which clients share keys out.

Source:
    ElastiCache guide for Memcached (2023); memcached source and protocol notes. What threads do: `commands`. Which node
    a key belongs to: `sharding`. What a node evicts: `models.kernel.slabs`. What it refuses: protocol.txt, "object too
    large for cache"; max_item_size, chunk_size and chunk_size_growth_factor of the guide have the server's defaults.

Limits:
    Nothing is replicated, and nothing saved: what a lost node held is gone. A client's timeout is one for the cache and
    the database alike; a later attempt of a read goes past the cache, whatever was slow. What clients do about lost
    nodes: `clients`; about herds: `leases`. Objects that are evicted or expire are not counted as lost writes. Writes
    are followed where Memcached is the store, and no table stands behind. Memory that one class of sizes has is never
    given to another; slab_automove, which does so slowly, is left out. A node that is full evicts;
    error_on_memory_exhausted is off, as ElastiCache has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from models.elasticache.asking import Asking
from models.elasticache.clients import Known, MemcachedClientParameters, ReplacementParameters, probes, watchers
from models.elasticache.commands import WorkerThreadParameters, worker_threads
from models.elasticache.common import OPERATIONS, WRITING, ElasticacheParameters, system, with_database
from models.elasticache.database import StationParameters, database
from models.elasticache.leases import PERIOD_S, Leases
from models.elasticache.sharding import ketama, modulo, modulo_slots
from models.kernel.charges import Hourly
from models.kernel.eviction import SlabsParameters
from models.kernel.laws import Positive
from models.kernel.parts import Cache, Copies, Group, Membership
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
    clients: MemcachedClientParameters = parameter(
        MemcachedClientParameters(), "what clients do about lost nodes", assumed="see its keys"
    )
    replacement: ReplacementParameters | None = parameter(
        None, "how ElastiCache replaces lost nodes; none: they come back as faults say", example={"takes_s": 300.0}
    )
    leases: Literal["off", "wait", "stale"] = parameter(
        "off",
        "whether one client at a time reads the database for a key; others wait, or later get stale values",
        assumed="off: memcached itself; NSDI 2013 added them",
    )
    lease_period_s: Positive = parameter(
        PERIOD_S, "seconds in which a node hands out one lease for a key, for `stale`", source="NSDI 2013, 3.2.1"
    )
    slabs: SlabsParameters = parameter(
        SlabsParameters(), "how a node divides its memory among sizes of objects, and the largest that it takes",
        source="see its keys",
    )  # fmt: skip
    object_overhead_bytes: Annotated[int, Field(ge=0, le=100_000)] = parameter(
        11, "bytes of an object beside its key, value and header",
        source="memcached 1.6, items.c: 8 of its version (CAS), 3 that end key and value",
    )  # fmt: skip

    @model_validator(mode="after")
    def _has_a_page(self) -> Self:
        if self.memory_bytes < self.slabs.page_bytes:
            raise ValueError(f"a node needs memory for one page of {self.slabs.page_bytes} bytes: raise memory_share")
        return self


def build(parameters: Any, operations: tuple[str, ...], backend: Backend) -> System:
    """Clients in every zone share keys out among the nodes."""
    region, clients = Region.of(parameters.region), parameters.clients
    nodes = Group("nodes", parameters.nodes, region.spread(parameters.nodes))
    behind = database(parameters.database, backend, region)
    is_store = behind.write is None or parameters.writes == "cache"
    is_plain = parameters.database is None or isinstance(parameters.database, StationParameters)
    is_written = is_store and is_plain and any(name in operations for name in WRITING)
    known = Known.of(region, nodes, clients.connections, _shares(parameters), owned=is_written)
    needs_connections = clients.connections is not None or clients.lost_node != "remap"
    ask = Asking(
        region, known.find, nodes, worker_threads(nodes, parameters.threads, parameters.machine),
        _cache(parameters, "objects", nodes), behind, parameters.writes,
        connections=known.connections if needs_connections else None,
        copies=_copies(known, nodes) if is_written else None, limited=True,
    )  # fmt: skip
    if parameters.leases != "off":
        period_s = parameters.lease_period_s if parameters.leases == "stale" else None
        ask = replace(ask, leases=Leases.on(ask.cache, period_s))
    count = parameters.nodes
    if behind.read is not None:
        ask = replace(ask, instead=behind.read(region.clients).steps)
    if clients.lost_node == "gutter":
        count += clients.gutter_nodes
        ask = replace(ask, instead=_gutter(ask, parameters).read())
    return system(
        ask, operations, parameters, (Hourly("nodes", parameters.node.dollars_per_hour, count),),
        probes(known, (*ask.commands.get, *ask.commands.give), clients.check_timeout_s),
        watchers=watchers(known, clients, parameters.replacement),
    )  # fmt: skip


def _shares(parameters: Any) -> Callable[[list[int]], tuple[int, ...]]:
    """How clients share keys out."""
    if parameters.distribution == "ketama":
        return ketama
    return partial(modulo, slots=modulo_slots(parameters.nodes, min(2, parameters.nodes - 1)))


def _cache(parameters: Any, name: str, nodes: Group, ttl_s: float | None = None) -> Cache:
    """What nodes hold."""
    return Cache(
        name, nodes, "segmented_lru", capacity_bytes=parameters.memory_bytes, ttl_s=ttl_s or parameters.ttl_s,
        overhead_bytes=parameters.object_overhead_bytes, slabs=parameters.slabs.slabs(),
    )  # fmt: skip


def _copies(known: Known, nodes: Group) -> Copies:
    """One version of each object on each node, of which the one whose its key is counts."""
    assert known.owners is not None
    everyone = range(nodes.size)
    rows = tuple(tuple((owner + further) % nodes.size for further in everyone) for owner in everyone)
    return Copies("objects written", Membership(nodes, rows, of=known.owners.group), known.owners, volatile=True)


def _gutter(ask: Asking, parameters: Any) -> Asking:
    """Spare nodes, whose objects live for a short while; nobody minds whether they are there."""
    count = parameters.clients.gutter_nodes
    spare = Group("gutter", count, ask.region.spread(count))
    return Asking(
        ask.region, (Choose(Membership(spare, (ketama(range(count)),)), "key"),), spare,
        worker_threads(spare, parameters.threads, parameters.machine, "gutter "),
        _cache(parameters, "gutter objects", spare, parameters.clients.gutter_ttl_s), ask.database, "set",
        instead=ask.instead, attempts=2, limited=True,
    )  # fmt: skip


def model(backend: Backend) -> Model:
    """The model of Memcached, in front of a backend or of some other database."""
    return Model(
        name="memcached",
        summary="an ElastiCache cluster of Memcached nodes",
        parameters=with_database(MemcachedParameters, "memcached", backend),
        build=lambda p, operations: build(p, operations, backend),
        operations=OPERATIONS,
        limits=(
            "nothing is replicated or saved",
            "clients of a zone share one view, and learn from looks at intervals",
            "who waits for a lease keeps its connection; deletes take no lease back",
            "writes are followed where Memcached is the store and no table stands behind",
            "memory that a class of sizes has is never given to another",
        ),
    )
