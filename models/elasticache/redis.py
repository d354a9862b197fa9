"""ElastiCache for Redis, or Valkey: shards by hash slot, each a primary and up to five replicas.

Source:
    ElastiCache guide for Redis (2023); Redis cluster specification. What threads do: `commands`. Replication:
    `replication`, `roles`. Failover: `cluster`, `multi_az`. What clients know: `topology`. How a node finds what to
    evict: `models.kernel.sampling`.

Limits:
    A client's timeout is one for the cache and the database alike. Objects that are evicted or expire are not counted
    as lost writes. Writes are followed where Redis is the store, and no table stands behind.

    ElastiCache sets maxmemory-policy to volatile-lru, which evicts only what has a time to live. Where all objects have
    one, by `ttl_s` or by the workload, that is allkeys-lru, the default here. Where none has, a full node refuses
    writes, as it does under noeviction; no policy here does that, nor minds that some objects have a time to live and
    others have not. allkeys-random, volatile-random and volatile-ttl are left out. A replica evicts by what it is asked
    itself, where in truth its primary tells it what to delete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from models.elasticache.asking import Asking
from models.elasticache.cluster import Cluster, ClusterParameters
from models.elasticache.commands import CommandThreadParameters, command_thread
from models.elasticache.common import GUIDE, OPERATIONS, WRITING, ElasticacheParameters, system, with_database
from models.elasticache.database import StationParameters, database
from models.elasticache.multi_az import MultiAz, MultiAzParameters
from models.elasticache.node_types import GIB
from models.elasticache.persistence import FSYNC, Disks, PersistenceParameters
from models.elasticache.replication import ReadFrom, ReplicationParameters, Shards
from models.elasticache.resharding import Resharding, ReshardingParameters, Slots
from models.elasticache.roles import Fleet
from models.elasticache.snapshots import Saver, SnapshotParameters
from models.elasticache.topology import Directory, RedisClientParameters, Topology
from models.kernel.charges import Hourly
from models.kernel.laws import NonNegative
from models.kernel.parts import Cache, CachePolicy, Sampling
from models.kernel.plane import Plane
from models.kernel.registry import Model, parameter
from models.kernel.system import Control, System
from models.kernel.tier import Backend
from models.looks import Process
from models.region import Region

Failover = Annotated[MultiAzParameters | ClusterParameters, Field(discriminator="kind")] | Literal["off"]
MaxmemoryPolicy = Literal["allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu"]
POLICIES: dict[MaxmemoryPolicy, CachePolicy] = {
    "allkeys-lru": "sampled_lru", "allkeys-lfu": "sampled_lfu",
    "volatile-lru": "sampled_lru", "volatile-lfu": "sampled_lfu",
}  # fmt: skip
"""What each is where all objects have a time to live."""
MASTERS_LEAST = 3
"""Primaries without which the loss of one leaves no majority of them."""


class RedisParameters(ElasticacheParameters):
    """Parameters of `redis`, but for what stands behind."""

    shards: Annotated[int, Field(ge=1, le=500)] = parameter(1, "shards", assumed="set it to what is studied")
    replicas: Annotated[int, Field(ge=0, le=5)] = parameter(
        0, "replicas of each shard", assumed="0 to 5; Multi-AZ needs one"
    )
    engine: Literal["redis", "valkey"] = parameter("redis", "whose price is asked", assumed="either")
    threads: CommandThreadParameters = parameter(CommandThreadParameters(), "threads of a node", source="see its keys")
    object_overhead_bytes: Annotated[int, Field(ge=0, le=100_000)] = parameter(
        90, "bytes of an object beside its value", assumed="60 to 120, and the key"
    )
    maxmemory_policy: MaxmemoryPolicy = parameter(
        "allkeys-lru", "what goes when memory is full; volatile-…: the same, where ttl_s is given",
        assumed="volatile-lru in ElastiCache, the same where all objects have a time to live",
    )  # fmt: skip
    maxmemory_samples: Annotated[int, Field(ge=1, le=64)] = parameter(
        3, "objects drawn for an eviction; redis.conf has 5", source=f"{GUIDE}: maxmemory-samples"
    )
    lfu_log_factor: Annotated[int, Field(ge=0, le=10_000)] = parameter(
        Sampling.lfu_log_factor, "how much harder each step of a frequency counter is than the one before",
        source=f"{GUIDE}: lfu-log-factor",
    )  # fmt: skip
    lfu_decay_s: NonNegative = parameter(
        Sampling.lfu_decay_s, "tick at which frequency counters fall by one; 0: never",
        source=f"{GUIDE}: lfu-decay-time",
    )  # fmt: skip
    replication: ReplicationParameters = parameter(
        ReplicationParameters(), "how replicas keep up", source="see its keys"
    )
    failover: Failover = parameter(
        MultiAzParameters(), "who promotes a replica when a primary is lost, where there are replicas",
        assumed="multi_az; cluster: the nodes themselves; off",
    )  # fmt: skip
    read_from: ReadFrom = parameter(
        "primary", "whom clients read from; replicas may lag behind", source="ElastiCache guide: primary endpoint"
    )
    clients: RedisClientParameters = parameter(
        RedisClientParameters(), "what clients do about lost nodes", assumed="see its keys"
    )
    snapshots: SnapshotParameters | None = parameter(
        None, "when nodes save all that they hold (BGSAVE); none: never", example={"first_s": 60.0}
    )
    persistence: PersistenceParameters | None = parameter(
        None, "what nodes come back with; none: nothing, as those of ElastiCache", example={"appendfsync": "everysec"}
    )
    resharding: ReshardingParameters | None = parameter(
        None, "when slots move to more shards, or to fewer; none: never", example={"at_s": 60.0, "shards": 4}
    )
    message_s: NonNegative = parameter(
        0.00001, "seconds of a node's one thread for a message of another node's", assumed="0.000005 to 0.00005"
    )

    @property
    def shards_most(self) -> int:
        """Shards that there ever are."""
        return self.shards if self.resharding is None else max(self.shards, self.resharding.shards)

    @model_validator(mode="after")
    def _fits_together(self) -> RedisParameters:
        if self.replication.wait_for > self.replicas:
            raise ValueError(f"replication.wait_for must be at most replicas = {self.replicas}")
        if self.maxmemory_policy.startswith("volatile") and self.ttl_s is None:
            raise ValueError(
                f'maxmemory_policy = "{self.maxmemory_policy}" evicts only what has a time to live: give ttl_s, or say '
                f'"{self.maxmemory_policy.replace("volatile", "allkeys")}" where the workload gives one to all objects'
            )
        if self.persistence is not None and self.persistence.appendfsync == "off" and self.snapshots is None:
            raise ValueError(
                'persistence.appendfsync = "off" leaves nothing on a disk but snapshots: say when, as in '
                "snapshots = { first_s = 60.0 }, or leave persistence out"
            )
        if self.persistence is not None and self.resharding is not None:
            raise ValueError("resharding is not known for nodes with persistence: leave one of them out")
        watched = self.replicas or self.persistence is not None or self.resharding is not None
        if isinstance(self.failover, ClusterParameters) and watched and self.shards_most < MASTERS_LEAST:
            raise ValueError(
                f'failover of kind "cluster" needs {MASTERS_LEAST} shards or more: most primaries must agree'
            )
        if self.read_from != "primary" and not self.replicas:
            raise ValueError(f'read_from = "{self.read_from}" needs replicas')
        return self


def build(parameters: Any, operations: tuple[str, ...], backend: Backend) -> System:
    """Clients in every zone ask the primary of a key's shard."""
    region, count = Region.of(parameters.region), parameters.shards_most * (parameters.replicas + 1)
    behind = database(parameters.database, backend, region)
    is_store = behind.write is None or parameters.writes == "cache"
    is_plain = parameters.database is None or isinstance(parameters.database, StationParameters)
    is_written = is_store and is_plain and any(name in operations for name in WRITING)
    charges = (Hourly("nodes", parameters.node.price(parameters.engine), count),)
    disk = parameters.persistence
    shards = Shards.of(
        region, parameters.shards_most, parameters.replicas, parameters.replication, parameters.read_from,
        followed=is_written, persistent=disk is not None, with_slots=parameters.shards,
    )  # fmt: skip
    nodes = shards.nodes
    cache = Cache(
        "objects", nodes, POLICIES[parameters.maxmemory_policy], capacity_bytes=parameters.memory_bytes,
        ttl_s=parameters.ttl_s, overhead_bytes=parameters.object_overhead_bytes,
        sampling=Sampling(
            parameters.maxmemory_samples, lfu_log_factor=parameters.lfu_log_factor, lfu_decay_s=parameters.lfu_decay_s
        ),
        volatile=disk is None or disk.in_rounds_s is None,
    )  # fmt: skip
    commands = command_thread(
        nodes, parameters.threads, parameters.machine, None if disk is None else disk.in_rounds_s
    )  # fmt: skip
    ask = Asking(
        region, shards.to_primary, nodes, commands, cache, behind, parameters.writes, copies=shards.copies,
    )  # fmt: skip
    is_logged = bool(parameters.replicas or disk is not None or parameters.snapshots is not None)
    if is_logged:
        ask = replace(ask, append=shards.append())
    if not parameters.replicas and disk is None and parameters.resharding is None:
        return system(ask, operations, parameters, charges, {}, controls=_saves(parameters, shards, ask))
    ask = replace(
        ask, door=shards.at_primary(commands.door),
        replicate=lambda effect: shards.replicate(commands, effect),
        reader=None if parameters.read_from == "primary" else (shards.to_reader, shards.serves),
    )  # fmt: skip
    talk = shards.talk(commands, parameters.clients.check_timeout_s, parameters.message_s, parameters.clients.connect_s)
    slots = None if parameters.resharding is None else Slots.of(shards, commands.door, cache)
    if slots is not None:
        ask = replace(ask, checked=slots.right_place, checked_by_reader=slots.right_shard)
        talk = {**talk, **slots.talk(commands, parameters.resharding)}
    watch = partial(_watch, shards=shards, ask=ask, parameters=parameters, slots=slots)
    if disk is None:
        saves = _saves(parameters, shards, ask)
        if slots is not None:
            return system(ask, operations, parameters, charges, talk, (*saves, watch), controls_draw=True)
        return system(ask, operations, parameters, charges, talk, controls=saves, watchers=(watch,))
    # What is on a disk is of no use without those who start nodes anew, and is written whether anything fails or not.
    talk = {**talk, FSYNC: disk.operation(nodes)}
    return system(ask, operations, parameters, charges, talk, controls=(watch,), controls_draw=True)


def _saves(parameters: Any, shards: Shards, ask: Asking) -> tuple[Control, ...]:
    """What nodes do to save what they hold."""
    snapshots = parameters.snapshots
    if snapshots is None:
        return ()
    saver = _saver(parameters, shards, ask, snapshots.write_bytes_per_s, snapshots.swap_in_s)
    return tuple(partial(saver.at_intervals, node=node, parameters=snapshots) for node in _savers(parameters, shards))


def _savers(parameters: Any, shards: Shards) -> tuple[int, ...]:
    """Which nodes save: one of each shard."""
    place = 1 if parameters.replicas and parameters.snapshots.of == "replicas" else 0
    return tuple(shards.row(shard)[place] for shard in range(shards.count))


def _saver(parameters: Any, shards: Shards, ask: Asking, write_bytes_per_s: float, swap_in_s: float) -> Saver:
    """How they do."""
    threads, memory_bytes = parameters.threads, parameters.node.memory_gib * GIB
    command_s = parameters.machine.slowness * (threads.request_s + threads.parse_s + threads.get_s)
    return Saver(
        ask.commands.door, ask.cache, shards.log, parameters.replication.fork_s_per_gib, memory_bytes, command_s,
        write_bytes_per_s, swap_in_s,
    )  # fmt: skip


def _disks(fleet: Fleet, shards: Shards, ask: Asking, parameters: Any) -> Disks:
    """What nodes have on their disks."""
    disk, snapshots, threads = parameters.persistence, parameters.snapshots, parameters.threads
    rate = disk.disk_bytes_per_s if snapshots is None else snapshots.write_bytes_per_s
    saver = _saver(parameters, shards, ask, rate, disk.swap_in_s if snapshots is None else snapshots.swap_in_s)
    return Disks(
        fleet, disk, snapshots, () if snapshots is None else _savers(parameters, shards), saver,
        parameters.replication.load_bytes_per_s, parameters.machine.slowness * (threads.parse_set_s + threads.set_s),
    )  # fmt: skip


class Unchanged:
    """Nobody promotes anybody."""

    def __init__(self, shards: Shards) -> None:
        self.shards = shards

    def primary_of(self, node: int, shard: int) -> int:
        """Who led it at first."""
        return self.shards.row(shard)[0]


def _watch(plane: Plane, shards: Shards, ask: Asking, parameters: Any, slots: Slots | None) -> Process:
    """Start what nodes, ElastiCache and clients do by themselves."""
    fleet = Fleet(plane, shards, ask.commands.door, ask.cache, parameters.replication)
    fleet.start()
    if parameters.persistence is not None:
        _disks(fleet, shards, ask, parameters).start()
    moved: Sequence[tuple[int, int]] = ()
    if slots is not None:
        resharding = Resharding(fleet, slots, parameters.resharding)
        resharding.start()
        moved = resharding.moved
    directory: Directory = Unchanged(shards)
    if parameters.failover != "off":
        make: Any = Cluster if isinstance(parameters.failover, ClusterParameters) else MultiAz
        directory = service = make(fleet, parameters.failover)
        service.start()
    zones = shards.region.zones
    for zone in range(zones):
        mine = parameters.connections // zones + (zone < parameters.connections % zones)
        Topology(fleet, directory, parameters.clients, zone, mine, parameters.read_from, moved).start()
    yield plane.until(0.0)


def model(backend: Backend) -> Model:
    """The model of Redis, in front of a backend or of some other database."""
    return Model(
        name="redis",
        summary="an ElastiCache cluster of Redis or Valkey shards",
        parameters=with_database(RedisParameters, "redis", backend),
        build=lambda p, operations: build(p, operations, backend),
        operations=OPERATIONS,
        limits=(
            "clients of a zone share one view, and learn from looks at intervals",
            "how fast ElastiCache finds a lost primary is not published",
            "writes are followed where Redis is the store and no table stands behind",
            "a node that is full evicts; none refuses writes (noeviction)",
        ),
    )
