"""A Redis shard loses its primary, or only seems to: who is promoted when, and what is lost.

Goal: the time of a failover is that of its parts; writes lost are the records that replication had not carried; a
partial resynchronisation needs the backlog and the beginning of the same log; a minority falls silent. Method: constant
latencies, stages read from what control writes down, bounds of the cluster specification's timers, each key written
once where writes are counted, on both engines.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models import catalogue
from models.elasticache.cluster import ClusterParameters
from models.elasticache.multi_az import MultiAzParameters
from models.elasticache.replication import ReplicationParameters
from models.kernel.arrivals import Poisson
from models.kernel.faults import Effect, Fault, Flush, Forget, LinkFault, StationFault, schedule
from models.kernel.keys import KeyLaw, Latest, UniformKeys
from models.kernel.laws import Constant, ConstantSeconds
from models.kernel.outcome import Outcome
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.region import RegionParameters
from tests.strategies.runs import replicate

WAY_S, LOST_S, FOR_EVER = 0.001, 20.0, math.inf
ENGINES = ("simpy", "compiled")
MODEL = catalogue.MODELS["redis"]


class Redis:
    """Shards with constant latencies, and what can happen to them."""

    def __init__(self, **parameters: Any) -> None:
        way = ConstantSeconds(value_s=WAY_S)
        given = {
            "shards": 3, "replicas": 1, "region": RegionParameters(near=way, far=way), "failover": ClusterParameters(),
            "client": {"timeout_s": 0.1}, **parameters,
        }  # fmt: skip
        self.parameters = MODEL.parameters(**given)
        self.system = MODEL.build(self.parameters, ("read", "write", "insert"))
        self.program = Program(self.system, "system")

    def node(self, *members: int, down: Any = "silent", **how: Any) -> tuple[Effect, ...]:
        """What a fault of some nodes does."""
        nodes = next(group for group in self.program.groups if group.name == "nodes")
        effects: list[Effect] = []
        for member in members:
            stations = [station for station in self.program.stations if station.group is nodes]
            effects += [StationFault(station, member, down, **how) for station in stations]
            if down is not None:
                effects += [Flush(cache, member) for cache in self.program.caches if cache.group is nodes]
                assert self.program.copies is not None
                effects.append(Forget(self.program.copies, member))
        return tuple(effects)

    def cut(self, zone: int) -> tuple[Effect, ...]:
        """A zone whose links to the others carry nothing."""
        network = self.program.networks[0]
        ways = [(zone, other) for other in range(3) if other != zone]
        return tuple(LinkFault(network, *way, "silent") for pair in ways for way in (pair, pair[::-1]))

    def under(
        self, *faults: Fault, engine: str = "compiled", until_s: float = 60.0, rate_per_s: float = 20.0,
        mix: dict[str, float] | None = None, keys: KeyLaw | None = None, replications: int = 1,
        size_bytes: float = 100.0,
    ) -> list[Outcome]:  # fmt: skip
        """What comes of faults."""
        mix = mix or {"write": 1.0}
        operations = {name: self.system.operations[name] for name in mix}
        controls = (schedule(faults), *self.system.watchers)
        system = replace(self.system, operations=operations, controls=controls)
        work = Workload(
            Poisson(rate_per_s=rate_per_s), keys or UniformKeys(count=1000), Constant(value=size_bytes), mix
        )
        return replicate(system, work, Span(0.0, until_s, until_s + 5.0, int(2 * until_s)), replications, engine)


def when(outcome: Outcome, text: str) -> list[float]:
    """When something was written down."""
    return [at_s for at_s, note in outcome.notes if re.search(text, note)]


def gone(outcome: Outcome) -> list[int]:
    """Records that each promoted node lacked of what the one before had."""
    found = [re.search(r"(\d+) records short of", note) for _, note in outcome.notes]
    return [int(match[1]) for match in found if match]


# ---------------------------------------------------------------- the cluster's timers


@pytest.mark.parametrize("timeout_s", [15.0, 5.0])
def test_a_cluster_fails_over_in_the_time_of_its_timers(timeout_s: float) -> None:
    """Detection takes 1 to 1.5 node timeouts, then 0.5 to 1 s, then a round of votes: 15.5 to 24 s at defaults."""
    redis = Redis(shards=5, failover=ClusterParameters(node_timeout_s=timeout_s))

    outcomes = redis.under(
        Fault(LOST_S, FOR_EVER, redis.node(0)), rate_per_s=1.0, replications=20, until_s=LOST_S + 2 * timeout_s
    )

    took_s = np.array([when(outcome, "elected")[0] for outcome in outcomes]) - LOST_S
    failed_s = np.array([when(outcome, "has failed")[0] for outcome in outcomes]) - LOST_S
    assert [len(when(outcome, "elected")) for outcome in outcomes] == [1] * len(outcomes)
    assert np.all(failed_s > timeout_s)
    assert np.all(failed_s < 1.5 * timeout_s + 0.5)
    assert np.all(took_s > timeout_s + 0.5)
    assert np.all(took_s < 1.5 * timeout_s + 1.5)
    # A uniform wait of half a second, and half a second before it.
    waits_s = took_s - failed_s
    assert waits_s.min() > 0.5
    assert waits_s.max() < 1.0 + 10 * WAY_S
    assert waits_s.mean() == pytest.approx(0.75, abs=4 * 0.5 / math.sqrt(12 * len(waits_s)) + 0.01)


def test_the_replica_that_has_more_is_elected() -> None:
    """One replica takes records late; it waits a second longer, and the other one is first."""
    redis = Redis(replicas=2)
    slow = Fault(LOST_S - 5.0, FOR_EVER, redis.node(1, down=None, factor=3e4))

    (outcome,) = redis.under(slow, Fault(LOST_S, FOR_EVER, redis.node(0)), rate_per_s=200.0)

    assert len(when(outcome, r"shard 0, node 2: elected")) == 1
    assert gone(outcome) == [0]


def test_a_cluster_of_one_majority_lost_elects_nobody() -> None:
    redis = Redis()

    (outcome,) = redis.under(Fault(LOST_S, FOR_EVER, redis.node(0, 2)))

    assert when(outcome, "elected") == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_node_that_pauses_for_less_than_the_timeout_stays(engine: str) -> None:
    redis = Redis()

    (outcome,) = redis.under(Fault(LOST_S, LOST_S + 12.0, redis.node(0, down=None, paused=True)), engine=engine)

    assert when(outcome, "elected") == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_node_that_is_busy_for_longer_is_failed_over_though_it_lives(engine: str) -> None:
    """It finds another in its place, and what it had written since is thrown away."""
    redis = Redis()

    (outcome,) = redis.under(Fault(LOST_S, LOST_S + 30.0, redis.node(0, down=None, paused=True)), engine=engine)

    assert len(when(outcome, "node 1: elected")) == 1
    (demoted_s,) = when(outcome, "node 0: is a replica now")
    assert LOST_S + 30.0 < demoted_s < LOST_S + 31.0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_primary_in_a_minority_falls_silent_after_the_timeout(engine: str) -> None:
    """Clients of its zone reach it until then, and what they write is lost; a majority elects another."""
    redis = Redis(shards=3, replicas=2)

    (outcome,) = redis.under(
        Fault(LOST_S, LOST_S + 40.0, redis.cut(0)), engine=engine, until_s=80.0, rate_per_s=100.0, mix={"insert": 1.0},
        keys=Latest(count=9000),
    )  # fmt: skip

    (silent_s,) = when(outcome, "shard 0, node 0: reaches too few")
    (elected_s,) = when(outcome, "shard 0, node .: elected")
    assert 15.0 < silent_s - LOST_S < 15.0 + 7.5 + 1.0
    assert elected_s > LOST_S + 15.5
    assert len(when(outcome, "node 0: is a replica now")) == 1
    # A third of the clients, of whose keys a third is its own, for as long as it answered.
    expected = 100.0 / 9 * (silent_s - LOST_S)
    assert outcome.counters["writes.lost"] == pytest.approx(expected, rel=0.35)


# ---------------------------------------------------------------- what is lost


@pytest.mark.parametrize("engine", ENGINES)
def test_the_writes_lost_are_the_records_that_had_not_left(engine: str) -> None:
    """Values of 100 kB keep the network card busy for 1.1 ms, on their way in and out. What the ledger counts as lost
    is what the log lacks, but for what had not been acknowledged yet: writes of the last millisecond.
    """
    shards, rate_per_s, lost_s = 10, 420.0, 5.0
    redis = Redis(shards=shards, failover=MultiAzParameters(), client={"timeout_s": 2.0})

    (outcome,) = redis.under(
        Fault(lost_s, FOR_EVER, redis.node(*range(0, 2 * shards, 2))), engine=engine, until_s=12.5,
        rate_per_s=rate_per_s * shards, mix={"insert": 1.0}, keys=Latest(count=60_000), size_bytes=100_000.0,
    )  # fmt: skip

    assert len(gone(outcome)) == shards
    assert outcome.counters["writes.lost"] > 5
    assert 0 <= sum(gone(outcome)) - outcome.counters["writes.lost"] <= 4 * WAY_S * rate_per_s * shards


def test_over_many_shards_the_writes_lost_are_rate_times_lag() -> None:
    """Little's law: records at the card when all primaries die at once are those that come in the time that one takes
    there. A value takes a service on its way in, and joins the queue again to take another as a record.

    With rate r, service s and a = r s: an arrival waits for all that it finds, W1 = a (W1 + W2) + a s. The work that is
    there is that of M/D/1 with services of 2 s, 2 a s / (1 - 2 a), and that of those who are there, 2 a W1 + a W2 +
    2 a s. So W2 = 2 a s / ((1 - 2 a) (1 + a)). All shards have the same rate, as there are many more keys.
    """
    shards, rate_per_s, lost_s = 100, 420.0, 5.0
    redis = Redis(shards=shards, failover=MultiAzParameters())
    service_s = 100_000 / redis.parameters.machine.bytes_per_s

    outcomes = redis.under(
        Fault(lost_s, FOR_EVER, redis.node(*range(0, 2 * shards, 2))), until_s=12.5, rate_per_s=rate_per_s * shards,
        keys=UniformKeys(count=200_000), size_bytes=100_000.0, replications=4,
    )  # fmt: skip

    lacks = np.array([count for outcome in outcomes for count in gone(outcome)])
    a = rate_per_s * service_s
    waits_s = 2.0 * a * service_s / ((1.0 - 2.0 * a) * (1.0 + a))
    assert 0.6 < 2.0 * a < 0.8
    assert len(lacks) == 4 * shards
    assert lacks.mean() == pytest.approx(
        rate_per_s * (waits_s + service_s), abs=3.3 * lacks.std() / math.sqrt(len(lacks))
    )
    assert 3.3 * lacks.std() / math.sqrt(len(lacks)) < 0.3


@pytest.mark.parametrize("engine", ENGINES)
def test_who_waits_for_a_replica_loses_nothing_to_a_failover(engine: str) -> None:
    far = ConstantSeconds(value_s=0.05)
    redis = Redis(
        region=RegionParameters(near=far, far=far), replication=ReplicationParameters(wait_for=1), replicas=2,
        client={"timeout_s": 2.0},
    )  # fmt: skip

    (outcome,) = redis.under(
        Fault(LOST_S, FOR_EVER, redis.node(0)), engine=engine, rate_per_s=500.0, mix={"insert": 1.0},
        keys=Latest(count=40_000),
    )  # fmt: skip

    assert len(gone(outcome)) == len(when(outcome, "elected")) == 1
    assert outcome.counters["writes.acknowledged"] > 15_000
    assert outcome.counters["writes.lost"] == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_who_waits_for_a_replica_waits_for_a_way_there_and_back(engine: str) -> None:
    """Replicas are in other zones; threads and cards take next to no time."""
    near, far = ConstantSeconds(value_s=0.001), ConstantSeconds(value_s=0.01)
    given: dict[str, Any] = {"region": RegionParameters(near=near, far=far), "slowness": 1e-9, "failover": "off"}
    alone, wait = (Redis(replication=ReplicationParameters(wait_for=each), **given) for each in (0, 1))

    means_s = [each.under(engine=engine)[0].operations["write"].latency.mean_s for each in (alone, wait)]

    assert means_s[1] - means_s[0] == pytest.approx(2 * 0.01, rel=1e-3)


# ---------------------------------------------------------------- catching up


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("cut_s", "how"), [(2.0, "partial"), (12.0, "full")])
def test_a_replica_that_was_cut_off_needs_the_backlog(engine: str, cut_s: float, how: str) -> None:
    """190 bytes a record, 333 records/s of its shard: a quarter of a MiB of backlog lasts for 4.1 s."""
    backlog = 2.0**20 / 4
    redis = Redis(replication=ReplicationParameters(backlog_bytes=backlog), failover="off")
    lasts_s = backlog / (190.0 * 1000.0 / 3.0)
    assert (cut_s < lasts_s) == (how == "partial")
    zone = 1

    (outcome,) = redis.under(
        Fault(LOST_S, LOST_S + cut_s, redis.cut(zone)), engine=engine, until_s=45.0, rate_per_s=1000.0
    )  # fmt: skip

    assert when(outcome, f"shard 0, node 1: {how} resynchronisation .*from node 0") != []
    assert outcome.counters["writes.lost"] == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_primary_that_comes_back_at_once_has_nothing_and_takes_all_from_its_replica(engine: str) -> None:
    """Redis without persistence: the replica copies the empty primary. The documentation warns of it."""
    redis = Redis(failover="off")

    (outcome,) = redis.under(
        Fault(LOST_S, LOST_S + 0.5, redis.node(0)), engine=engine, until_s=30.0, mix={"insert": 1.0},
        keys=Latest(count=2000),
    )  # fmt: skip

    assert when(outcome, "shard 0, node 0: is back as the primary, with nothing") != []
    assert when(outcome, "shard 0, node 1: full resynchronisation") != []
    assert outcome.counters["writes.lost"] == pytest.approx(20.0 * LOST_S / 3.0, rel=0.2)


@pytest.mark.parametrize("engine", ENGINES)
def test_elasticache_gives_no_primary_its_role_back_that_has_nothing(engine: str) -> None:
    redis = Redis(failover=MultiAzParameters())

    (outcome,) = redis.under(
        Fault(LOST_S, LOST_S + 0.5, redis.node(0)), engine=engine, until_s=40.0, mix={"insert": 1.0},
        keys=Latest(count=2000),
    )  # fmt: skip

    assert len(when(outcome, "node 1: promoted, 0 records short of node 0")) == 1
    assert when(outcome, "with nothing") == []
    assert outcome.counters["writes.lost"] == 0


def test_a_lost_primary_loses_nothing_while_its_replica_has_all() -> None:
    redis = Redis()

    (outcome,) = redis.under(
        Fault(LOST_S, FOR_EVER, redis.node(0)), mix={"insert": 1.0}, keys=Latest(count=4000)
    )  # fmt: skip

    assert gone(outcome) == [0]
    assert outcome.counters["writes.lost"] == 0
    assert outcome.counters["writes.acknowledged"] > 1000


# ---------------------------------------------------------------- clients


@pytest.mark.parametrize("engine", ENGINES)
def test_clients_make_all_their_connections_anew(engine: str) -> None:
    """They are as many as the new primary has open, and each takes some of its one thread's time."""
    redis = Redis(connections=3000, clients={"connect_s": 0.001}, failover=MultiAzParameters())

    (outcome,) = redis.under(Fault(LOST_S, FOR_EVER, redis.node(0)), engine=engine, rate_per_s=5.0)

    threads = outcome.stations["command thread"]
    busy_s = threads.busy_s[1].max()
    assert len(when(outcome, "clients of zone . ask node 1")) == 3
    assert threads.busy_s[1].sum() > 3.0
    assert busy_s <= 0.5 + 1e-9


@pytest.mark.parametrize("engine", ENGINES)
def test_replicas_that_are_read_from_are_left_out_while_they_are_lost(engine: str) -> None:
    redis = Redis(replicas=2, read_from="replicas", client={"timeout_s": 0.1, "max_attempts": 2})

    (outcome,) = redis.under(
        Fault(LOST_S, LOST_S + 20.0, redis.node(1)), engine=engine, mix={"read": 0.5, "write": 0.5}, rate_per_s=200.0
    )  # fmt: skip

    errors = outcome.operations["read"].errors
    assert sum(errors.values()) <= 2


@pytest.mark.parametrize("bad", [
    {"replicas": 0, "read_from": "any"},
    {"shards": 2, "failover": {"kind": "cluster"}},
    {"replicas": 1, "replication": {"wait_for": 2}},
])  # fmt: skip
def test_what_does_not_fit_together_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"replicas|shards"):
        MODEL.parameters(**{"shards": 3, "replicas": 1, **bad})
