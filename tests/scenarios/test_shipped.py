"""Every scenario that ships, in a short form: it passes as it stands, and fails when its mechanism is switched off.

Goal: a scenario that would pass whatever its model did says nothing. Method: shorten it as far as its bounds still
hold, run it, then once more with the one setting that takes away what it is about: Aurora's by the command, as a user
would.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench import library
from bench.runs import run
from bench.scenario.load import Scenario, load
from bench.simulate import choose_engine
from tests.tools.command import process, tierbench

SHORT = {
    "aurora_backpressure": (),
    "aurora_durability": (),
    "aurora_grey_segment": (),
    "aurora_failover": ("replications=2",),
    "aurora_long_zone_loss": ("replications=3",),
    "aurora_quorum": ("replications=3", "duration_s=6.0"),
    "aurora_read_scaling": (),
    "aurora_repair": (),
    "aurora_replica_lag": (),
    "aurora_tails": (),
    "aurora_throughput": (),
    "aurora_vs_mysql": ("replications=3", "duration_s=10.0", "faults[0].until_s=10.0", "faults[1].until_s=10.0"),
    "aurora_vs_postgres": ("replications=4",),
    "aurora_zone_loss": (),
    "aurora_zone_plus_one": ("replications=3",),
    "cache_evictions": ("duration_s=30.0",),
    "cache_stampede": ("replications=2", "duration_s=35.0", "windows=70"),
    "cache_trace": (),
    "dax_vs_dynamodb": ("replications=2", "duration_s=15.0"),
    "dax_cold_start": ("replications=2", "duration_s=60.0", "windows=60"),
    "dax_cold_start_metastable": ("replications=2", "duration_s=50.0", "windows=50"),
    "dax_node_loss": (),
    "dax_primary_loss": (),
    "dax_query_cache_staleness": (),
    "dax_write_heavy": ("duration_s=10.0",),
    "dax_zone_loss": ("replications=2",),
    "dynamodb_autoscaling": (),
    "dynamodb_burst": ("replications=2",),
    "dynamodb_hot_partition": ("replications=3",),
    "dynamodb_leader_failover": ("replications=4", "duration_s=20.0", "windows=80"),
    "hot_key": ("replications=2", "duration_s=0.6"),
    "memcached_gutter": ("duration_s=30.0", "windows=60"),
    "memcached_node_loss": ("duration_s=50.0", "windows=100"),
    "memcached_vs_redis": ("replications=2",),
    "queue_mmc": (),
    "redis_durability": ("duration_s=32.0", "windows=64"),
    "redis_failover": ("replications=2",),
    "redis_io_threads": ("replications=2",),
    "redis_reshard": ("replications=2", "duration_s=70.0", "windows=140"),
    "redis_snapshot": (),
    "retry_storm": ("replications=2",),
    "quorum_copies": ("replications=6", "duration_s=50.0"),
    "quorum_staleness": ("replications=3",),
    "session_store": (),
    "session_store_zone_loss": (),
    "sdk_retry_modes": ("replications=2", "duration_s=70.0", "windows=70"),
    "slow_command": (),
    "write_through": (),
}
"""What to set for a run of a few seconds; the queue needs all of its length to keep within 2 %."""

SWITCHED_OFF = {
    "aurora_backpressure": ("systems.held.storage.lsn_limit=100_000", "then the writer is held"),
    "aurora_durability": ("systems.four_of_six.scheme=two_of_three", "a zone and one more copy may be lost"),
    "aurora_failover": ("systems.replica.replicas=0", "with a replica, nothing is written"),
    "aurora_grey_segment": ("systems.nearest.storage.probe_s=1000.0", "who asks the nearest, and looks"),
    "aurora_long_zone_loss": ("systems.left_out.storage.long_outage_s=1000.0", "where the dark copies are left out"),
    "aurora_quorum": ("systems.one_dead.storage.quorum={ write = 5, read = 2 }", "a dead copy is hardly noticed"),
    "aurora_read_scaling": ("systems.fifteen.replicas=4", "fifteen fifteen times"),
    "aurora_replica_lag": ("systems.too_slow.instance.apply_s=0.0001", "and one that cannot keep up"),
    "aurora_repair": ("systems.repaired.storage.repair.lost_s=1000.0", "who replaces a segment in the time"),
    "aurora_tails": ("systems.tails.storage.quorum.full=6", "when all tails are lost"),
    "aurora_throughput": ("systems.synchronous.standby=false", "where connections wait for commits"),
    "aurora_vs_mysql": ("systems.replicas.replicas.apply_s=0.0001", "a replica that applies one record"),
    "aurora_vs_postgres": ("systems.alone.alone_after_s=1000.0", "unless it goes on alone"),
    "aurora_zone_loss": ("systems.writer.failover=off", "with the writer gone, a replica is one"),
    "aurora_zone_plus_one": ("systems.repaired.storage.repair.lost_s=1000.0", "a segment that is replaced makes four"),
    "cache_evictions": ("systems.doubling.slabs.growth_factor=1.25", "chunks that double leave half"),
    "cache_stampede": ("systems.leases.leases=off", "with leases one client fetches"),
    "cache_trace": ("systems.lru.policy=fifo", "LRU keeps what is in use"),
    "dax_vs_dynamodb": ("systems.dax.item_ttl_s=0.001", "half of all reads come back at least twice as fast"),
    "dax_cold_start": ('systems.daily.table.capacity="unlimited"', "cold, it turns readers away"),
    "dax_cold_start_metastable": ("systems.three_tries.client.max_attempts=1", "half a minute later"),
    "dax_node_loss": ("systems.five.membership.check_interval_s=1000.0", "within ten seconds they have"),
    "dax_primary_loss": ("systems.dax.membership.promotion_s=1000.0", "writes are back"),
    "dax_query_cache_staleness": ("systems.dax.query_ttl_s=0.0", "one query in ten or more"),
    "dax_write_heavy": ("workload.mix={ read = 0.99, write = 0.01 }", "nine nodes are as busy as three"),
    "dynamodb_autoscaling": (
        "systems.scaled.capacity.auto_scaling.max_write_units_per_s=20.0",
        "what was saved carries a scaled table",
    ),
    "dax_zone_loss": ("systems.dax.membership.check_interval_s=1000.0", "then the nodes of the other zones"),
    "dynamodb_burst": ("systems.table.capacity.burst_s=0.0", "for a quarter of an hour"),
    "dynamodb_hot_partition": ('systems.even_shares.capacity.admission="global"', "with even shares"),
    "dynamodb_leader_failover": ('systems.table.failover="off"', "four seconds after the loss"),
    "memcached_gutter": ("systems.gutter.clients.gutter_ttl_s=0.1", "so that the database"),
    "memcached_node_loss": ("systems.ketama.distribution=modulo", "on a ring, a tenth of the keys moves"),
    "hot_key": ("workload.keys.hot_operations=0.0001", "twice as many shards"),
    "memcached_vs_redis": ("systems.memcached.threads.count=2", "under high load, Memcached"),
    "queue_mmc": ("systems.four.servers=5", "M/M/4 at 80 %"),
    "redis_durability": ("systems.always.persistence.appendfsync=everysec", "what is on the disk before"),
    "redis_failover": ("systems.wait.replication.wait_for=0", "none that a replica had to acknowledge"),
    "redis_io_threads": ("systems.eight.threads.io_threads=1", "eight threads answer"),
    "redis_reshard": ("systems.to_four.resharding.at_s=1000.0", "then each card carries half"),
    "redis_snapshot": ("systems.primary.replication.fork_s_per_gib=0.0", "a node of 4.8 GiB stands still"),
    "retry_storm": ("systems.one_retry.client.max_attempts=1", "one retry each keeps the outage alive"),
    "quorum_copies": ("systems.four_of_six.needed=6", "4 of 6: mean"),
    "quorum_staleness": ("systems.majorities.read_needed=1", "with majorities of both, none is"),
    "session_store": ("systems.multi_az.failover=off", "with a replica nobody logs in again"),
    "session_store_zone_loss": ("systems.multi_az.failover=off", "and fifteen seconds later all is well"),
    "sdk_retry_modes": ("systems.standard.client.mode=legacy", "a retry quota keeps"),
    "slow_command": ("systems.redis.threads.object_s=0.000000001", "on the one thread of Redis"),
    "write_through": ("systems.through.writes=delete", "where they store, none does"),
}
"""What takes the mechanism away, and how the expectation begins that must notice."""
BY_COMMAND = [name for name in SWITCHED_OFF if name.startswith("aurora")]
"""Those that the command runs, too, with all of their systems."""
QUICK = {"aurora_read_scaling", "aurora_repair", "aurora_replica_lag"}
"""Of these, those that take few seconds."""


def short(name: str, *settings: str) -> Scenario:
    """A short form of a scenario."""
    return load(library.find(name), (*SHORT[name], *settings))


def test_every_scenario_that_ships_is_tested() -> None:
    names = [entry.name for entry in library.entries()]

    assert names == sorted(SHORT) == sorted(SWITCHED_OFF)


@pytest.mark.parametrize("name", SHORT)
def test_a_scenario_passes(name: str) -> None:
    result = run(short(name), choose_engine("auto"))

    assert [each.text for each in result.judgements if each.verdict != "pass"] == []


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in BY_COMMAND]
)
def test_a_run_with_the_mechanism_set_off_exits_with_1(name: str, tmp_path: Path) -> None:
    """All systems run, twice: what the mechanism does is plain from two replications."""
    setting, text = SWITCHED_OFF[name]
    assignments = [each for each in (*SHORT[name], setting) if not each.startswith("replications=")]
    sets = [argument for each in assignments for argument in ("--set", each)]

    result = tierbench("run", name, *sets, "--replications", "2", "--json", cwd=tmp_path)

    assert result.code == 1, result.err
    verdicts = [each["verdict"] for each in json.loads(result.out)["expectations"] if each["text"].startswith(text)]
    assert verdicts == ["fail"]


@pytest.mark.parametrize("name", SWITCHED_OFF)
def test_a_scenario_fails_without_its_mechanism(name: str) -> None:
    """Only those systems run that the expectation looks at."""
    setting, text = SWITCHED_OFF[name]
    scenario = short(name, setting)
    (expectation,) = (each for each in scenario.spec.expect if each.text.startswith(text))
    looked_at = {metric.partition(".")[0] for metric in expectation.metrics}
    systems = {system: parts for system, parts in scenario.systems.items() if system in looked_at}
    spec = scenario.spec.model_copy(update={"expect": [expectation]})

    result = run(replace(scenario, spec=spec, systems=systems), choose_engine("auto"))

    assert [each.verdict for each in result.judgements] == ["fail"]


def test_a_sixteenth_replica_is_refused(tmp_path: Path) -> None:
    """By file, line and key, and with what may be had instead; as a setting, too."""
    shipped = library.find("aurora_read_scaling").read_text("utf-8")
    assert shipped.count("replicas = 15") == 1
    line = shipped[: shipped.index("replicas = 15")].count("\n") + 1
    (tmp_path / "sixteen.toml").write_text(shipped.replace("replicas = 15", "replicas = 16"), "utf-8")
    refusal = "systems.fifteen.replicas: must be at most 15, got 16"

    for verb in ("check", "run"):
        found = tierbench(verb, "sixteen.toml", cwd=tmp_path)
        assert (found.code, found.out) == (3, "")
        assert f"sixteen.toml:{line}:" in found.err
        assert refusal in found.err
    found = tierbench("check", "aurora_read_scaling", "--set", "systems.fifteen.replicas=16", cwd=tmp_path)
    assert found.code == 3
    assert refusal in found.err


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_two_replications_run_on_simpy(name: str, tmp_path: Path) -> None:
    """All of its length; how long that takes is printed, not judged."""
    started = time.perf_counter()
    result = process("run", name, "--engine", "simpy", "--replications", "2", "--json", cwd=tmp_path, timeout_s=1200)

    print(f"{name}: {time.perf_counter() - started:.1f} s")
    systems = json.loads(result.out)["systems"].values()
    assert {system["engine"] for system in systems} == {"simpy"}
    assert result.code in {0, 5}
