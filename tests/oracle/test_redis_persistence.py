"""What a Redis node has on its disk, against writes counted one by one, each of an object of its own.

Goal: what a node comes back with is what its disk had, by the policy: all that was answered, all up to the last fsync,
or all up to the last snapshot; and it comes back after the time that reading takes. Method: a write each millisecond, a
crash at a known instant, fsyncs and snapshots whose times follow from the parameters, on both engines; and clients that
write again at once, which group commit gives every other round (`test_rounds`).
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models import catalogue
from models.elasticache.persistence import INTERVALS_S, PATIENCE_S
from models.elasticache.redis import RedisParameters
from models.kernel.arrivals import Closed, ConstantArrivals
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, ConstantSeconds
from models.kernel.outcome import Outcome
from models.kernel.parts import Station
from models.kernel.plane import Plane
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Block, Trace, Workload
from models.kernel.system import System
from tests.strategies.runs import replicate

MODEL = catalogue.MODELS["redis"]
ENGINES = ("simpy", "compiled")
EVERY_S, OBJECT_BYTES, COUNT = 0.001, 1000, 9000
CRASH_S, BACK_S = 4.2, 5.0
RECORD_BYTES = OBJECT_BYTES + 90
"""Of a record, and of an object in memory."""


def redis(*operations: str, **parameters: Any) -> System:
    return MODEL.build(MODEL.parameters(**{"clients": {"check_s": 0.1}, **parameters}), operations or ("write",))


def crash(system: System, *, back: bool = True) -> System:
    """The primary's machine dies at one instant, and starts at another one."""
    program = Program(system, "system")
    (thread,) = [station for station in program.stations if station.name == "command thread"]

    def control(plane: Plane) -> Any:
        yield plane.until(CRASH_S)
        plane.down(thread.group, 0, "refuse")
        if program.copies is not None and program.copies.volatile:
            plane.forget(program.copies, 0)
        if back:
            yield plane.until(BACK_S)
            plane.up(thread.group, 0)

    return replace(system, controls=(*system.controls, *system.watchers, control))


def writes(count: int = COUNT) -> Workload:
    """One each millisecond, each of an object of its own."""
    whole = np.arange(count)
    block = Block(
        (whole + 0.5) * EVERY_S, whole * 0, whole, whole * 0 + OBJECT_BYTES, whole * 0 + 1, np.full(count, math.inf)
    )  # fmt: skip
    return Workload(
        ConstantArrivals(rate_per_s=1.0), UniformKeys(count=count), Constant(value=1.0), {"write": 1.0},
        Trace.of(block, count, ("write",)),
    )  # fmt: skip


def lost(engine: str, system: System) -> tuple[int, Outcome]:
    """Acknowledged writes that nobody has at the end."""
    (outcome,) = replicate(system, writes(), Span(0.0, 9.0, 12.0, 18), 1, engine)
    counters = outcome.counters
    assert counters["writes.kept"] + counters["writes.lost"] == counters["writes.acknowledged"]
    return counters["writes.lost"], outcome


def noted(outcome: Outcome, text: str) -> list[tuple[float, str]]:
    return [(at_s, note) for at_s, note in outcome.notes if re.search(text, note)]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_each_policy_loses(engine: str) -> None:
    """The only node has its fsyncs at 0.5, 1.5, 2.5, 3.5 s; its snapshot of 2 s is written in milliseconds."""
    snapshots = {"first_s": 2.0, "of": "primaries"}
    always, _ = lost(engine, crash(redis(persistence={"appendfsync": "always"})))
    everysec, _ = lost(engine, crash(redis(persistence={})))
    rdb, _ = lost(engine, crash(redis(persistence={"appendfsync": "off"}, snapshots=snapshots)))
    both, _ = lost(engine, crash(redis(persistence={}, snapshots=snapshots)))

    assert always == 0
    assert everysec == pytest.approx((CRASH_S - 3.5) / EVERY_S, abs=3)
    assert rdb == pytest.approx((CRASH_S - 2.0) / EVERY_S, abs=3)
    assert both == everysec


@pytest.mark.parametrize("engine", ENGINES)
def test_a_node_comes_back_when_it_has_read_its_file(engine: str) -> None:
    """An hour's log has nothing written down whole, and 3,500 commands; a snapshot has 2,000 objects."""
    p = MODEL.parameters()
    command_s = p.machine.slowness * (p.threads.parse_set_s + p.threads.set_s)
    slow = {"load_bytes_per_s": 2000 * RECORD_BYTES / 1.5}
    _, logged = lost(engine, crash(redis(persistence={})))
    _, saved = lost(engine, crash(redis(
        persistence={"appendfsync": "off"}, snapshots={"first_s": 2.0, "of": "primaries"}, replication=slow,
    )))  # fmt: skip

    ((begun_s, _),), ((back_s, _),) = noted(logged, "loads 0.0 MB and 3,500 comm"), noted(logged, "is back as the prim")
    assert back_s - begun_s == pytest.approx(3500 * command_s)
    ((begun_s, _),), ((back_s, _),) = noted(saved, "loads 2.2 MB and 0 commands"), noted(saved, "is back as the prim")
    assert back_s - begun_s == pytest.approx(1.5, rel=1e-3)
    refused = saved.operations["write"].errors["refused"]
    assert refused == pytest.approx((back_s - CRASH_S) / EVERY_S, abs=3)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_fsync_that_takes_too_long_makes_the_thread_wait(engine: str) -> None:
    """The first fsync, of half a second's writes, ends at 3.5 s; the thread waits for it from 2.5 s on. All that has
    waited is done then. The next one, of 3.5 s on, is too late for the crash.
    """
    disk_bytes_per_s = 500 * RECORD_BYTES / 3.0
    count, outcome = lost(engine, crash(redis(persistence={"disk_bytes_per_s": disk_bytes_per_s})))

    ((wait_s, _), *_) = noted(outcome, "waits for its disk")
    assert wait_s == pytest.approx(0.5 + PATIENCE_S)
    waited = outcome.operations["write"].latency.percentile_s(1.0)
    assert waited == pytest.approx(3.5 - wait_s, rel=0.01)
    assert count == pytest.approx((CRASH_S - 0.5) / EVERY_S, abs=5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_log_that_has_grown_is_written_anew(engine: str) -> None:
    """It is 1 MB after a second or so, and 2 MB after twice that; what it would hold again takes its place."""
    least = 1000 * RECORD_BYTES
    _, outcome = lost(engine, crash(redis(persistence={"rewrite_least_bytes": least}), back=True))

    forks = [at_s for at_s, _ in noted(outcome, "forks to save") if at_s < CRASH_S]
    # Looks are at 0.5 and each second after that: 1,500 objects, then 3,500, which are more than twice as many.
    assert forks == pytest.approx([1.5, 3.5])
    assert len(noted(outcome, "loads 3.8 MB and 0 commands")) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_new_machine_has_an_empty_disk(engine: str) -> None:
    failover = {"kind": "multi_az", "check_s": 0.1, "replacement": {"takes_s": 0.5}}
    count, outcome = lost(engine, crash(redis(persistence={"appendfsync": "always"}, failover=failover), back=False))

    assert len(noted(outcome, "is a new one, cold")) == 1
    assert count == pytest.approx(CRASH_S / EVERY_S, abs=3)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("persistence", [None, {}], ids=["nothing on the disk", "a log"])
def test_a_primary_that_starts_anew_takes_its_replicas_along(engine: str, persistence: Any) -> None:
    """Nobody promotes the replica, which has everything, and it copies what its primary came back with.

    Source: redis.io, replication: "Safety of replication when master has persistence turned off".
    """
    count, _ = lost(engine, crash(redis(persistence=persistence, replicas=1, failover="off")))

    # Fsyncs of the first of two nodes are at a third of each second.
    expected_s = CRASH_S if persistence is None else CRASH_S - (3.0 + 1.0 / 3.0)
    assert count == pytest.approx(expected_s / EVERY_S, abs=8)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_replica_that_is_promoted_has_all_whatever_the_disk_has(engine: str) -> None:
    failover = {"kind": "multi_az", "check_s": 0.1, "failure_limit": 2, "promote_s": 0.1, "name_s": 0.1}
    count, _ = lost(engine, crash(redis(persistence={"appendfsync": "no"}, replicas=1, failover=failover)))

    assert count <= 3


@pytest.mark.parametrize("engine", ENGINES)
def test_writes_share_an_fsync_and_reads_wait_for_it(engine: str) -> None:
    """Sixty clients, and a disk that takes a hundred times what the thread needs for all of them."""
    fsync_s, clients = 0.05, 60
    system = redis("read", "write", persistence={"appendfsync": "always", "fsync_s": fsync_s}, connections=clients)
    closed = Workload(
        Closed(clients=clients, think=ConstantSeconds(value_s=0.0)), UniformKeys(count=100), Constant(value=100.0),
        {"read": 0.5, "write": 0.5},
    )  # fmt: skip
    (outcome,) = replicate(system, closed, Span(1.0, 21.0, 22.0, 1), 1, engine)

    # In rounds without any write, and in what the network takes, there is no fsync: hence a little more than half.
    rate = sum(each.answers_in_span for each in outcome.operations.values()) / 20.0
    assert clients / (2.0 * fsync_s) < rate < 1.15 * clients / (2.0 * fsync_s)
    assert outcome.operations["read"].latency.mean_s > 0.8 * 2.0 * fsync_s


def test_intervals_are_those_of_the_file() -> None:
    assert INTERVALS_S == {"everysec": 1.0, "no": 30.0}


def test_snapshots_or_a_log_must_be_there() -> None:
    with pytest.raises(ValidationError, match=r"appendfsync = .off. leaves nothing on a disk but snapshots"):
        RedisParameters(persistence={"appendfsync": "off"})  # type: ignore[arg-type]


def test_only_those_who_wait_for_a_disk_work_in_rounds() -> None:
    def thread(**parameters: Any) -> Station:
        program = Program(redis(**parameters), "system")
        (found,) = [station for station in program.stations if station.name == "command thread"]
        return found

    assert thread(persistence={"appendfsync": "always"}).rounds
    assert not thread(persistence={"appendfsync": "everysec"}).rounds
