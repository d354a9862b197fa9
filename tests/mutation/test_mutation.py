"""No constant of a service can change by five percent without a scenario that notices.

Goal: baselines are worth as much as they notice. Method: change one constant at a time and run the short form of the
scenarios that use its service, until one of them differs from its baseline; some constants that no scenario which ships
has a reason to look at have small ones beside these tests, whose baselines are made before anything is changed. What
must escape, or is not for them to notice, stands in a list, with the reason.

That is asked twice: of the fingerprint, where any bit will do, and of statistics alone, over all replications, as if
the fingerprint had been meant to change: some figure must surely be more than one percent from what it was.

Of the kernel, those modules are left out of which machine code is made, since each change would take minutes to
compile: their constants are the engine's own, and both engines and the oracles hold them (`tests/property`,
`tests/oracle`). So are codes and tables (`codes`, `program`, `world`), which are names and no quantities; the measures
(`outcome`, `recorder`), which are compiled; closed forms, which foretell and do not run; and `faults` and `parts`,
whose few numbers say that something is absent or alone, not how much of it there is.

Of ElastiCache, those modules are looked at that say how many nodes there are and what they hold. What a thread does is
tuned, and held by the benchmark (`tests/oracle/test_elasticache_threads.py`); timers, by arithmetic.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bench import library
from bench.cli.verifying import update_baselines
from tests.mutation.mutants import ROOT, Mutant, mutants
from tests.mutation.walking import Place, walk_all

SERVICES = ("region", "looks", "stages", "transactions", "dax", "dynamodb", "generic", "aurora", "rds")
KERNEL = ("charges", "priming", "registry", "retry_modes", "system")
ELASTICACHE = ("common", "memcached", "redis")
HERE = Path(__file__).parent / "scenarios"

DAX = (
    "dax_zone_loss", "dax_write_heavy", "dax_primary_loss", "dax_query_cache_staleness", "dax_node_loss",
    "dax_vs_dynamodb", "dax_cold_start_metastable",
)  # fmt: skip
DYNAMODB = (
    "dynamodb_leader_failover", "dynamodb_hot_partition", "dynamodb_burst", "sdk_retry_modes", "dynamodb_autoscaling",
)  # fmt: skip
GENERIC = ("cache_trace", "retry_storm", "quorum_copies", "quorum_staleness", "queue_mmc")
USED = {
    "generic": ("defaults", *GENERIC, "partial_quorums"),
    "region": (*DYNAMODB, *DAX),
    "dax": (*DAX, "dax_crowded", "dax_memory", "dax_queries", "node_types"),
    "dynamodb": (
        *DYNAMODB, "dynamodb_several", "dynamodb_idle", "dynamodb_hot", "dynamodb_growth", "dynamodb_lost_node",
        "dynamodb_days", *DAX,
    ),
    "elasticache": ("elasticache_small", "elasticache_full", "redis_failover"),
    "aurora": (
        "aurora_segments", "aurora_paths", "aurora_memory", "aurora_copies_fail", "aurora_zones_fail", "aurora_years",
        "aurora_near", "aurora_upkeep", "aurora_told", "aurora_connections", "aurora_failovers", "aurora_minutes",
    ),
    "rds": (
        "rds_paths", "rds_behind", "aurora_memory", "rds_failovers", "rds_recovery", "rds_checkpoints", "rds_dirty",
    ),
    "transactions": ("aurora_paths", "rds_paths"),
    "looks": ("rds_failovers",),
    "kernel": ("cache_trace", "retry_storm", "retries", "dax_crowded", *DYNAMODB, *DAX),
}  # fmt: skip
"""Scenarios in the order in which they are asked, by package, the quick ones first. `dax_cold_start`, the longest, has
nothing that the others have not."""
FIRST = {
    "models.aurora.durability": "aurora_segments",
    "models.aurora.endpoints": "aurora_connections",
    "models.aurora.failover": "aurora_failovers",
    "models.aurora.instances": "aurora_paths",
    "models.aurora.model": "aurora_paths",
    "models.aurora.nearness": "aurora_near",
    "models.aurora.outage": "aurora_upkeep",
    "models.aurora.proxy": "aurora_failovers",
    "models.aurora.quorums": "aurora_paths",
    "models.aurora.storage": "aurora_paths",
    "models.aurora.upkeep": "aurora_upkeep",
    "models.rds.failover": "rds_failovers",
    "models.dax.node_types": "node_types",
    "models.dax.prices": "node_types",
    "models.dynamodb.queries": "dynamodb_several",
    "models.dynamodb.scaling": "dynamodb_days",
    "models.kernel.retry_modes": "retries",
}
"""Where to look first for a module's constants."""

BOUND = "bounds what a scenario may ask for"
PAST = "decides only whether the past is doubled once more, and none of these scenarios lies so near the edge"
STATE = "where counting begins is no quantity"
SAID = "a default of the kernel's own, in whose place every service says something"
ESCAPES: dict[str, str] = {
    "aurora.durability:LEAST_S": "decides only of what closed forms say nothing, and nobody repairs in a nanosecond",
    "aurora.instances:REPLICAS_MOST": BOUND,
    "aurora.storage:LEAST_COPY_S": BOUND,
    "aurora.storage:StorageParameters.lsn_limit": "ten million records that are not durable are minutes of writes",
    "dax.membership:PROBE_BYTES": "two bytes are one unit of work as one is: rounded up to a KB",
    "dynamodb.admission:MAX_RANGES.left": "bounds the tables of more than 1,024 partitions that split",
    "dynamodb.admission:MAX_RANGES.right": "likewise",
    "dynamodb.capacity:QUOTA": BOUND,
    "dynamodb.capacity:MAX_UNITS.left": BOUND,
    "dynamodb.capacity:AutoScaling.cooldown_s": "a twentieth of a second is as good as none: looks are a minute apart",
    "dynamodb.failover:NOBODY": "a sign, whatever its number",
    "dynamodb.heat:LEAST_SHARE": "tests/oracle/test_dynamodb_admission.py cuts at its very edge",
    "dynamodb.scaling:DECREASES_PER_DAY": "never binds: four at any time and one an hour come to no more in a day",
    "dynamodb.failover:MAJORITY.left.right": "a third of three replicas, rounded down, is half of them, rounded down",
    "elasticache.redis:MASTERS_LEAST": BOUND,
    "generic.copies:MAX_COPIES": BOUND,
    "looks:PROBE_BYTES": "two bytes of a look are as good as one",
    "rds.instances:REPLICAS_MOST": BOUND,
    "rds.postgresql:PAGES_MOST": "bounds the pages that a checkpoint may find, and no scenario has so many",
    "generic.wars:EXAMPLE.mean_s": "what a draft shows",
    "kernel.charges:Hourly.units": SAID,
    "kernel.priming:MOST.left": "bounds the past of caches that never settle",
    "kernel.priming:MOST.right": "likewise",
    "kernel.priming:TOLERANCE": PAST,
    "kernel.priming:TTLS": PAST,
    "kernel.priming:Priming.requests": STATE,
    "kernel.priming:Priming._goal": STATE,
    "kernel.priming:Priming._lookups": STATE,
    "kernel.priming:Priming._hits": STATE,
    "kernel.registry:MAX_SERVERS": BOUND,
    "kernel.system:Client.backoff_base_s": SAID,
    "kernel.system:Client.processes": SAID,
}
"""Constants that no scenario can notice, or need notice, and why."""


MATTERS: dict[str, tuple[str, ...]] = {
    "aurora_connections": (
        "aurora.endpoints:ROUND_TRIPS", "aurora.endpoints:CONNECT_PATIENCE_S", "aurora.endpoints:AGAIN_S",
        "aurora.endpoints:EndpointParameters.connections",
        "aurora.endpoints:EndpointParameters.connect_s",
    ),
    "aurora_copies_fail": (
        "aurora.durability:DurabilityParameters.repair.value_s",
    ),
    "aurora_failovers": (
        "aurora.failover:FailoverParameters.check_s", "aurora.failover:FailoverParameters.failure_limit",
        "aurora.failover:FailoverParameters.promote_s", "aurora.failover:FailoverParameters.open_s",
        "aurora.failover:FailoverParameters.name_s", "aurora.proxy:ProxyParameters.check_s",
        "aurora.proxy:ProxyParameters.failure_limit",
    ),
    "aurora_memory": (
        "aurora.instances:InstanceParameters.memory_bytes", "rds.instances:InstanceParameters.memory_bytes",
    ),
    "aurora_minutes": (
        "aurora.failover:FailoverParameters.create_s", "aurora.proxy:ProxyParameters.borrow_s",
    ),
    "aurora_paths": (
        "aurora.instances:InstanceParameters.vcpus", "aurora.instances:InstanceParameters.read_s.mean_s",
        "aurora.instances:InstanceParameters.write_s.mean_s", "aurora.instances:InstanceParameters.stream.value_s",
        "aurora.instances:InstanceParameters.apply_s", "aurora.instances:InstanceParameters.bytes_per_s",
        "aurora.model:AuroraParameters.replicas", "aurora.proxy:ProxyParameters.work.median_s",
        "aurora.proxy:ProxyParameters.work.p99_s", "aurora.quorums:QuorumParameters.write",
        "aurora.quorums:QuorumParameters.read", "aurora.storage:MONTH_H",
        "aurora.storage:BackgroundParameters.work.value_s", "aurora.storage:StorageParameters.protection_groups",
        "aurora.storage:StorageParameters.send_s", "aurora.storage:StorageParameters.persist.median_s",
        "aurora.storage:StorageParameters.persist.p99_s", "aurora.storage:StorageParameters.write_s",
        "aurora.storage:StorageParameters.record_s", "aurora.storage:StorageParameters.hedge_s",
        "aurora.storage:StorageParameters.read.median_s", "aurora.storage:StorageParameters.read.p99_s",
        "aurora.storage:StorageParameters.readers", "aurora.storage:StorageParameters.segment_gb",
        "aurora.storage:StorageParameters.tail_gb", "transactions:TransactionParameters.reads",
        "transactions:TransactionParameters.writes",
    ),
    "rds_recovery": (
        "rds.failover:FailoverParameters.recover_page_s",
    ),
    "aurora_segments": (
        "aurora.durability:PAIRS.0", "aurora.durability:PAIRS.1", "aurora.durability:PAIRS.2",
        "aurora.durability:PAIRS.3", "aurora.durability:PAIRS.4", "aurora.durability:PAIRS.5",
        "aurora.durability:FULL.0", "aurora.durability:FULL.1", "aurora.durability:FULL.2",
        "aurora.durability:SCHEMES.four_of_six.1.1", "aurora.durability:SCHEMES.four_of_six.2.1",
        "aurora.durability:SCHEMES.full_and_tail.1.0.1", "aurora.durability:SCHEMES.full_and_tail.2.0.1",
        "aurora.durability:SCHEMES.full_and_tail.2.1.1", "aurora.durability:SCHEMES.two_of_three.0.0",
        "aurora.durability:SCHEMES.two_of_three.0.1", "aurora.durability:SCHEMES.two_of_three.0.2",
        "aurora.durability:SCHEMES.two_of_three.1.1", "aurora.durability:SCHEMES.two_of_three.2.1",
        "aurora.durability:SCHEMES.mirrored.0.0", "aurora.durability:SCHEMES.mirrored.0.1",
        "aurora.durability:SCHEMES.mirrored.0.2", "aurora.durability:SCHEMES.mirrored.0.3",
        "aurora.durability:SCHEMES.mirrored.2.1", "aurora.durability:DurabilityParameters.leg.mean_s",
    ),
    "aurora_told": (
        "aurora.endpoints:EndpointParameters.ttl_s",
    ),
    "aurora_upkeep": (
        "aurora.outage:LOOKS", "aurora.storage:StorageParameters.probe_s", "aurora.storage:RepairParameters.check_s",
        "aurora.storage:RepairParameters.lost_s", "aurora.storage:RepairParameters.copy_s_per_gb",
        "aurora.storage:StorageParameters.gossip_s",
        "aurora.upkeep:COPIES_MOST",
    ),
    "aurora_years": (
        "aurora.durability:YEAR_S.left", "aurora.durability:YEAR_S.right",
    ),
    "aurora_zones_fail": (
        "aurora.durability:DurabilityParameters.zone_repair.value_s",
    ),
    "rds_behind": (
        "rds.instances:ReplicaParameters.send.mean_s",
    ),
    "rds_checkpoints": (
        "rds.postgresql:WalParameters.checkpoint_s",
    ),
    "rds_dirty": (
        "rds.mysql:PageParameters.dirty",
    ),
    "rds_failovers": (
        "looks:PATIENCE_S", "rds.failover:FailoverParameters.check_s", "rds.failover:FailoverParameters.failure_limit",
        "rds.failover:FailoverParameters.promote_s",
        "rds.failover:FailoverParameters.name_s",
    ),
    "rds_paths": (
        "transactions:TransactionParameters.pages", "rds.engine:DatabaseParameters.log_bytes",
        "rds.instances:InstanceParameters.vcpus", "rds.instances:InstanceParameters.read_s",
        "rds.instances:InstanceParameters.write_s", "rds.instances:InstanceParameters.connections",
        "rds.instances:InstanceParameters.contention", "rds.instances:ReplicaParameters.count",
        "rds.instances:ReplicaParameters.apply_s", "rds.mysql:FLUSHES",
        "rds.mysql:PageParameters.written_per_s", "rds.postgresql:WalParameters.page_bytes", "rds.volumes:NO_TIME",
        "rds.volumes:VolumeParameters.write.median_s", "rds.volumes:VolumeParameters.write.p99_s",
        "rds.volumes:VolumeParameters.read.median_s", "rds.volumes:VolumeParameters.read.p99_s",
        "rds.volumes:VolumeParameters.iops", "rds.volumes:VolumeParameters.bytes_per_s",
    ),
    "cache_hits": (
        "generic.cache_aside:CacheAsideParameters.lookup.value_s",
    ),
    "cache_past": (
        "kernel.priming:FIRST.left", "kernel.priming:FIRST.right",
    ),
    "defaults": (
        "generic.cache_aside:CacheAsideParameters.backing.value_s", "generic.copies:CopiesParameters.copies",
        "generic.copies:CopiesParameters.needed", "generic.copies:CopiesParameters.leg.mean_s",
        "generic.queue:QueueParameters.servers", "generic.queue:QueueParameters.service.mean_s",
    ),
    "dynamodb_autoscaling": (
        "dynamodb.capacity:AutoScaling.target", "dynamodb.capacity:OnDemand.first_write_units_per_s",
        "dynamodb.prices:Prices.write_unit_dollars_per_hour",
    ),
    "dynamodb_batches": (
        "dynamodb.queries:BATCH_BYTES", "dynamodb.queries:BATCH_ITEMS",
    ),
    "dynamodb_burst": (
        "dynamodb.capacity:Provisioned.burst_s",
    ),
    "dynamodb_decreases": (
        "dynamodb.scaling:HOUR_S", "dynamodb.scaling:DECREASES_AT_ANY_TIME",
    ),
    "dynamodb_doubled": (
        "dynamodb.capacity:OnDemand.first_read_units_per_s", "dynamodb.capacity:OnDemand.growth_s",
    ),
    "dynamodb_full_replica": (
        "dynamodb.replication:FailoverParameters.full_replica_s",
    ),
    "dynamodb_growth": (
        "dynamodb.capacity:PARTITION_READ_UNITS",
    ),
    "dynamodb_hot_partition": (
        "dynamodb.model:TableParameters.replicas_per_node", "dynamodb.prices:Prices.read_unit_dollars_per_hour",
    ),
    "dynamodb_idle": (
        "dynamodb.capacity:AutoScaling.min_read_units_per_s", "dynamodb.capacity:AutoScaling.min_write_units_per_s",
        "dynamodb.capacity:AutoScaling.scale_in_minutes",
    ),
    "dynamodb_layers": (
        "dynamodb.capacity:PARTITIONS", "dynamodb.model:TableParameters.router.value_s",
        "dynamodb.model:TableParameters.further_item", "region:ZONES", "region:NEAR.median_s", "region:NEAR.p99_s",
        "region:FAR.median_s", "region:FAR.p99_s",
    ),
    "dynamodb_leader_failover": (
        "dynamodb.capacity:STRONG", "dynamodb.failover:MAJORITY.right",
        "dynamodb.model:TableParameters.read.median_s", "dynamodb.model:TableParameters.read.p99_s",
        "dynamodb.model:TableParameters.append.median_s", "dynamodb.model:TableParameters.append.p99_s",
        "dynamodb.model:TableParameters.node_servers", "dynamodb.prices:Prices.write_requests_dollars_per_million",
        "dynamodb.replication:FailoverParameters.lease_s", "dynamodb.replication:FailoverParameters.heartbeat_s",
        "dynamodb.replication:FailoverParameters.missed",
    ),
    "dynamodb_learned": (
        "dynamodb.replication:FailoverParameters.routers_learn_s",
    ),
    "dynamodb_lifted": (
        "dynamodb.supply:LIFT",
    ),
    "dynamodb_log_replica": (
        "dynamodb.replication:FailoverParameters.log_replica_s",
    ),
    "dynamodb_lost_router": (
        "dynamodb.supply:FORGETS",
    ),
    "dynamodb_new_day": (
        "dynamodb.scaling:DAY_S",
    ),
    "dynamodb_patience": (
        "dynamodb.model:DynamodbClientParameters.MODES.right.standard-2026.max_attempts",
        "dynamodb.model:DynamodbClientParameters.MODES.right.standard-2026.backoff_base_s", "kernel.charges:HOUR_S",
        "kernel.charges:MILLION", "kernel.retry_modes:MODES.standard-2026.0.throttled_base_s",
    ),
    "dynamodb_pulse": (
        "dynamodb.capacity:Throttled.router_refill_s",
    ),
    "dynamodb_ranges": (
        "dynamodb.admission:RANGES",
    ),
    "dynamodb_several": (
        "dynamodb.capacity:READ_UNIT_BYTES", "dynamodb.queries:PAGE_BYTES.left", "dynamodb.queries:PAGE_BYTES.right",
    ),
    "dynamodb_split": (
        "dynamodb.capacity:WRITE_UNIT_BYTES", "dynamodb.capacity:PARTITION_WRITE_UNITS",
        "dynamodb.capacity:SplitForHeat.hot_s", "dynamodb.capacity:SplitForHeat.hot_share",
        "dynamodb.capacity:SplitForHeat.spare_partitions", "dynamodb.scaling:MINUTE_S",
    ),
    "dynamodb_steps": (
        "dynamodb.capacity:AutoScaling.scale_in_below", "dynamodb.capacity:AutoScaling.scale_out_minutes",
        "dynamodb.capacity:AutoScaling.delay_s",
    ),
    "sdk_retry_modes": (
        "dynamodb.model:DynamodbClientParameters.MODES.right.legacy.max_attempts",
        "dynamodb.model:DynamodbClientParameters.MODES.right.legacy.backoff_base_s",
    ),
    "dax_crowded": (
        "dax.model:DaxParameters.queue_limit",
    ),
    "dax_forgetful": (
        "dax.model:DaxParameters.item_ttl_s", "dax.model:DaxParameters.query_ttl_s", "dynamodb.replication:REPLICAS",
    ),
    "dax_lost_primary": (
        "dax.membership:DaxMembershipParameters.refresh_interval_s",
        "dax.membership:DaxMembershipParameters.refresh_timeout_s",
        "dax.membership:DaxMembershipParameters.heartbeat_s",
        "dax.membership:DaxMembershipParameters.primary_timeout_s",
        "dax.membership:DaxMembershipParameters.promotion_s", "kernel.system:Client.max_attempts",
    ),
    "dax_lost_replica": (
        "dax.membership:DaxMembershipParameters.check_interval_s",
        "dax.membership:DaxMembershipParameters.check_timeout_s",
        "dax.membership:DaxMembershipParameters.check_attempts",
        "dax.membership:DaxMembershipParameters.check_retry_s",
    ),
    "dax_memory": (
        "dax.model:GB.left", "dax.model:GB.right", "dax.model:DaxParameters.item_overhead_bytes",
    ),
    "dax_node_loss": (
        "dax.cluster:HIT_UNITS",
    ),
    "dax_primary_loss": (
        "dax.cluster:PRIMARY",
    ),
    "dax_queries": (
        "dax.model:DaxParameters.query_share",
    ),
    "dax_query_cache_staleness": (
        "dax.cluster:MISS_UNITS", "dax.model:DaxParameters.nodes",
    ),
    "dax_small": (
        "dax.node_types:NODE_TYPES.1#2", "dax.node_types:NODE_TYPES.dax.t3.small.1",
        "dax.node_types:NODE_TYPES.dax.t3.medium.1", "dax.node_types:NODE_TYPES.dax.t2.small.1",
        "dax.node_types:NODE_TYPES.dax.t2.medium.1",
    ),
    "dax_vs_dynamodb": (
        "dax.model:DaxParameters.copy_units", "dynamodb.capacity:EVENTUAL",
        "dynamodb.prices:Prices.read_requests_dollars_per_million",
    ),
    "dax_wide": (
        "dax.cluster:UNITS_PER_SERVER_S",
    ),
    "dax_write_heavy": (
        "dax.cluster:WRITE_UNITS", "dax.node_types:UNITS_PER_VCPU_S", "dax.prices:_R5.large",
    ),
    "dax_zone_loss": (
        "dax.cluster:KB", "dynamodb.replication:FailoverParameters.message.value_s",
    ),
    "elasticache_full": (
        "elasticache.common:ElasticacheParameters.memory_share", "elasticache.memcached:MemcachedParameters.nodes",
        "elasticache.memcached:MemcachedParameters.object_overhead_bytes",
    ),
    "elasticache_small": (
        "elasticache.redis:RedisParameters.shards", "elasticache.redis:RedisParameters.replicas",
        "elasticache.redis:RedisParameters.object_overhead_bytes",
        "elasticache.redis:RedisParameters.maxmemory_samples",
    ),
    "node_types": (
        "dax.model:DaxParameters.memory_share", "dax.node_types:UNITS_PER_NODE_MAX_S", "dax.node_types:R4.large",
        "dax.node_types:R4.xlarge", "dax.node_types:R4.2xlarge", "dax.node_types:R4.4xlarge",
        "dax.node_types:R4.8xlarge", "dax.node_types:R4.16xlarge", "dax.node_types:R5.large",
        "dax.node_types:R5.xlarge", "dax.node_types:R5.2xlarge", "dax.node_types:R5.4xlarge",
        "dax.node_types:R5.8xlarge", "dax.node_types:R5.12xlarge", "dax.node_types:R5.16xlarge",
        "dax.node_types:R5.24xlarge", "dax.node_types:NODE_TYPES.1", "dax.node_types:NODE_TYPES.1#3",
        "dax.node_types:NODE_TYPES.dax.t3.small.0", "dax.node_types:NODE_TYPES.dax.t3.medium.0",
        "dax.node_types:NODE_TYPES.dax.t2.small.0", "dax.node_types:NODE_TYPES.dax.t2.medium.0",
        "dax.prices:_LARGES.large", "dax.prices:_LARGES.xlarge", "dax.prices:_LARGES.2xlarge",
        "dax.prices:_LARGES.4xlarge", "dax.prices:_LARGES.8xlarge", "dax.prices:_LARGES.16xlarge",
        "dax.prices:_R5.xlarge", "dax.prices:_R5.2xlarge", "dax.prices:_R5.4xlarge", "dax.prices:_R5.8xlarge",
        "dax.prices:_R5.12xlarge", "dax.prices:_R5.16xlarge", "dax.prices:_R5.24xlarge", "dax.prices:R4_LARGE",
        "dax.prices:R7I_TO_R5",
    ),
    "partial_quorums": (
        "generic.wars:MS", "generic.wars:Delays.between_zones_s", "generic.wars:_SSD.0", "generic.wars:_SSD.1",
        "generic.wars:_SSD.2", "generic.wars:_SSD.3", "generic.wars:_DISK.0", "generic.wars:_DISK.1",
        "generic.wars:_DISK.2", "generic.wars:_DISK.3", "generic.wars:FITTED.ymmr.write.0",
        "generic.wars:FITTED.ymmr.write.1", "generic.wars:FITTED.ymmr.write.2", "generic.wars:FITTED.ymmr.write.3",
        "generic.wars:FITTED.ymmr.acknowledge.0", "generic.wars:FITTED.ymmr.acknowledge.1",
        "generic.wars:FITTED.ymmr.acknowledge.2", "generic.wars:FITTED.ymmr.acknowledge.3",
        "generic.wars:FITTED.wan.between_zones_s",
    ),
    "retries_lost": (
        "kernel.registry:QuotaParameters.capacity", "kernel.registry:QuotaParameters.cost",
        "kernel.registry:QuotaParameters.timeout_cost", "kernel.registry:ClientParameters.max_attempts",
        "kernel.registry:ClientParameters.processes", "kernel.retry_modes:STANDARD_QUOTA.capacity",
        "kernel.retry_modes:STANDARD_QUOTA.cost", "kernel.retry_modes:STANDARD_QUOTA.timeout_cost",
        "kernel.retry_modes:STANDARD_QUOTA.throttled_cost", "kernel.retry_modes:MODES.legacy.0.max_attempts",
        "kernel.retry_modes:MODES.standard.0.max_attempts", "kernel.retry_modes:MODES.standard-2026.0.max_attempts",
        "kernel.retry_modes:MODES.standard-2026.0.retry_quota.cost",
        "kernel.retry_modes:MODES.standard-2026.0.retry_quota.timeout_cost",
    ),
    "retries_paid": (
        "kernel.registry:QuotaParameters.refund", "kernel.retry_modes:STANDARD_QUOTA.refund",
    ),
    "retries_waits": (
        "kernel.registry:ClientParameters.backoff_base_s", "kernel.registry:ClientParameters.backoff_cap_s",
        "kernel.retry_modes:MODES.legacy.0.backoff_base_s", "kernel.retry_modes:MODES.standard.0.backoff_base_s",
        "kernel.retry_modes:MODES.standard.0.backoff_cap_s",
        "kernel.retry_modes:MODES.standard-2026.0.backoff_base_s",
        "kernel.retry_modes:MODES.standard-2026.0.backoff_cap_s", "kernel.system:Client.backoff_factor",
    ),
}  # fmt: skip
"""Constants whose change of five percent surely moves some figure by more than the one percent that is taken not to
matter, by a scenario in which it does. Many of these scenarios are made so that little else than such a constant
decides what comes out."""
REFUSED: tuple[str, ...] = (
    "aurora.quorums:QuorumParameters.copies",
    "aurora.durability:SCHEMES.four_of_six.1.0", "aurora.durability:SCHEMES.four_of_six.2.0",
    "aurora.durability:SCHEMES.full_and_tail.1.0.0", "aurora.durability:SCHEMES.full_and_tail.1.1.0",
    "aurora.durability:SCHEMES.full_and_tail.1.1.1", "aurora.durability:SCHEMES.full_and_tail.2.0.0",
    "aurora.durability:SCHEMES.full_and_tail.2.1.0", "aurora.durability:SCHEMES.two_of_three.1.0",
    "aurora.durability:SCHEMES.two_of_three.2.0", "aurora.durability:SCHEMES.mirrored.1.0",
    "aurora.durability:SCHEMES.mirrored.1.1", "aurora.durability:SCHEMES.mirrored.2.0",
)  # fmt: skip
"""Constants that contradict others when they change, so that the model refuses to be built."""
TOO_LITTLE: dict[str, str] = {
    "elasticache.common:ElasticacheParameters.connections": "13 more cost a request a nanosecond and a half",
    "aurora.nearness:WEIGHT": "one look of seventeen less until a segment that was slow is known to be fast",
    "rds.mysql:CLEANERS": "pages are written at the same rate by however many",
    "rds.mysql:PageParameters.doublewrite": "a sixteenth of an I/O operation more, or a seventeenth, for each page",
    "elasticache.redis:RedisParameters.message_s": "half a microsecond of a thread, some messages a second",
    "dynamodb.replication:FailoverParameters.spread_s": (
        "the shorter of two random waits, a sixtieth of a second on average, after a lease of seconds"
    ),
}
"""Constants of which five percent is too little to move any figure by one percent for sure, and why."""


def all_mutants() -> list[Mutant]:
    """Every constant that is looked at."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "models").rglob("*.py"))
    ]
    looked_at = {f"models.kernel.{name}" for name in KERNEL} | {f"models.elasticache.{name}" for name in ELASTICACHE}
    return [
        mutant
        for module in modules
        if module.split(".")[1:2] and (module.split(".")[1] in SERVICES or module in looked_at)
        for mutant in mutants(module)
        # Codes of how a request ended are names.
        if not (module == "models.kernel.system" and mutant.name.isupper())
    ]


def places(mutant: Mutant, baselines: Path) -> list[Place]:
    """Where a mutant is looked for."""
    names = USED[mutant.module.split(".")[1]]
    if mutant.module in FIRST:
        names = (FIRST[mutant.module], *names)
    return [place(name, baselines) for name in dict.fromkeys(names)]


def place(name: str, baselines: Path) -> Place:
    """A scenario that ships, or one beside these tests."""
    return Place(str(HERE / f"{name}.toml"), baselines) if (HERE / f"{name}.toml").exists() else Place(name)


@pytest.fixture(scope="module")
def baselines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Baselines of the scenarios beside these tests, of the models as they are."""
    folder = tmp_path_factory.mktemp("baselines")
    files = [str(path) for path in sorted(HERE.glob("*.toml"))]
    assert update_baselines(files, folder, (), "auto", as_json=False, quiet=True) == 0
    return folder


def test_every_scenario_and_every_escape_exists() -> None:
    keys = [mutant.key for mutant in all_mutants()]
    named = {name for names in USED.values() for name in names} | set(FIRST.values()) | set(MATTERS)

    assert len(keys) == len(set(keys)) > 150
    assert named <= {entry.name for entry in library.entries()} | {path.stem for path in HERE.glob("*.toml")}
    assert {path.stem for path in HERE.glob("*.toml")} <= named


def test_every_constant_is_named_once() -> None:
    """It escapes, or matters somewhere, or is refused, or is too little to matter: one of these."""
    named = [*ESCAPES, *(key for keys in MATTERS.values() for key in keys), *REFUSED, *TOO_LITTLE]

    assert sorted(named) == sorted(mutant.key for mutant in all_mutants())


def test_a_mutant_is_the_module_with_one_number_changed() -> None:
    (mutant,) = (each for each in all_mutants() if each.key == "dax.cluster:MISS_UNITS")

    before = (ROOT / "models/dax/cluster.py").read_text("utf-8")
    after = ast.unparse(mutant.source())
    assert after == ast.unparse(ast.parse(before)).replace("(1, 10, 25)", "(1, 11, 25)")
    assert after != ast.unparse(ast.parse(before))


@pytest.mark.slow
def test_every_changed_constant_moves_a_fingerprint(baselines: Path) -> None:
    wanted = [(each, places(each, baselines)) for each in all_mutants() if each.key not in ESCAPES]

    findings = list(walk_all(wanted, ("fingerprint",), replications=1))

    for each in findings:
        print(f"{each.mutant.key} {each.mutant.value} → {each.mutant.changed}: {each.scenario}: {each.detail}")
    assert [each.mutant.key for each in findings if not each.gate] == []
    assert {*REFUSED} <= {each.mutant.key for each in findings if each.gate == "error"}
    assert len(findings) == len(wanted)


@pytest.mark.slow
def test_what_matters_moves_a_figure_for_sure(baselines: Path) -> None:
    """By statistics alone, over all replications, as if the fingerprint had been meant to change."""
    known = {mutant.key: mutant for mutant in all_mutants()}
    wanted = [(known[key], [place(name, baselines)]) for name, keys in MATTERS.items() for key in keys]

    findings = list(walk_all(wanted, ("statistics",), replications=None))

    for each in findings:
        print(f"{each.mutant.key} {each.mutant.value} → {each.mutant.changed}: {each.scenario}: {each.detail}")
    assert [each.mutant.key for each in findings if each.gate != "statistics"] == []
    assert len(findings) == len(wanted)


@pytest.mark.slow
def test_what_cannot_matter_is_not_noticed() -> None:
    """A change that changes nothing goes the same way as all others, and moves nothing."""
    known = {mutant.key: mutant for mutant in all_mutants()}
    wanted = [
        (known["dax.membership:PROBE_BYTES"], [Place("dax_zone_loss")]),
        (known["kernel.registry:MAX_SERVERS"], [Place("retry_storm")]),
    ]

    findings = list(walk_all(wanted, ("fingerprint", "summary", "statistics"), replications=1))

    assert [each.gate for each in findings] == ["", ""]
