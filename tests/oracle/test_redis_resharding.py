"""Slots of a Redis cluster move from shard to shard: who has what, who waits how long, and what is lost.

Goal: as few slots move as can be; each object is where its slot is, once, whatever clients do meanwhile; ASK and MOVED
cost a way there and back; MIGRATE keeps the source's one thread for as long as its bytes take; what a target has not
handed on when it dies is lost. Method: threads that take next to no time and ways that are constant, so that each
latency can be reckoned; probes of single keys; the places of all objects, looked up one by one, on both engines.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models import catalogue
from models.elasticache.sharding import CLUSTER_SLOTS, hash_slots, rebalanced
from models.kernel.arrivals import Poisson
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, ConstantSeconds
from models.kernel.outcome import Outcome
from models.kernel.parts import Cache
from models.kernel.plane import Plane
from models.kernel.program import Program
from models.kernel.random import mix
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import System
from models.region import RegionParameters
from tests.strategies.runs import replicate

ENGINES = ("simpy", "compiled")
MODEL = catalogue.MODELS["redis"]
WAY_S, AT_S, RATE = 0.001, 2.0, 1e6
SIZE_BYTES, HELD_BYTES = 1000, 1090
Script = Callable[["Redis", Plane], Generator[Any, Any, None]]


class Redis:
    """A cluster whose threads take next to no time, with constant ways."""

    def __init__(self, before: int, after: int, *, replicas: int = 0, clients: Any = None, **resharding: Any) -> None:
        way = ConstantSeconds(value_s=WAY_S)
        self.parameters = MODEL.parameters(
            shards=before, replicas=replicas, region=RegionParameters(near=way, far=way), slowness=1e-9, message_s=0.0,
            resharding={"at_s": AT_S, "shards": after, "bytes_per_s": RATE, "slot_s": 0.0, **resharding},
            clients={"connect_s": 0.0, **(clients or {})},
        )  # fmt: skip
        self.system: System = MODEL.build(self.parameters, ("read", "write"))
        program = Program(self.system, "system")
        self.cache: Cache = program.caches[0]
        (self.thread,) = [station for station in program.stations if station.name == "command thread"]
        self.copies, self.width, self.seen = program.copies, replicas + 1, {}
        self.plan = dict(rebalanced(hash_slots(range(before)), after))
        self.card_s = 1.0 / self.parameters.machine.bytes_per_s

    def keys(self, slot: int, count: int) -> list[int]:
        """The first keys of so many that belong to a slot."""
        return [key for key in range(count) if int(mix(key)) % CLUSTER_SLOTS == slot]

    def places(self, plane: Plane, keys: np.ndarray) -> np.ndarray:
        """Which nodes have which keys, shape (nodes, keys)."""
        return np.array([plane.sizes(self.cache, node, keys) >= 0 for node in range(self.cache.group.size)])

    def under(
        self, script: Script, *, engine: str, until_s: float, count: int, rate_per_s: float = 1e-9,
    ) -> Outcome:  # fmt: skip
        """Clients write and read keys by chance, and control does something besides."""
        controls = (*self.system.controls, lambda plane: script(self, plane))
        work = Workload(
            Poisson(rate_per_s=rate_per_s), UniformKeys(count=count), Constant(value=SIZE_BYTES),
            {"read": 0.5, "write": 0.5},
        )  # fmt: skip
        system = replace(self.system, controls=controls)
        (outcome,) = replicate(system, work, Span(0.0, until_s, until_s + 3.0, 10), 1, engine)
        return outcome

    def tried(self, plane: Plane, at_s: float, what: str, key: int, name: str) -> Generator[Any, Any, None]:
        """Ask once, and write down how long it took."""
        yield plane.until(at_s)
        answer = yield plane.submit(what, key, SIZE_BYTES)
        assert answer.ok
        self.seen[name] = answer.latency_s


def nothing(_: Redis, plane: Plane) -> Generator[Any, Any, None]:
    yield plane.until(0.0)


# ---------------------------------------------------------------- which slots


@given(st.integers(1, 60), st.integers(1, 60))
def test_as_few_slots_move_as_can_be(before: int, after: int) -> None:
    table = hash_slots(range(before))
    plan = rebalanced(table, after)

    owners = list(table)
    for slot, shard in plan:
        owners[slot] = shard
    had, have = Counter(table), Counter(owners)
    assert set(have) == set(range(after))
    assert max(have.values()) - min(have.values()) <= 1
    assert len(plan) == len({slot for slot, _ in plan}) == sum(max(0, had[s] - have[s]) for s in had)


# ---------------------------------------------------------------- what clients notice


@pytest.mark.parametrize("engine", ENGINES)
def test_ask_and_moved_are_a_way_there_and_back(engine: str) -> None:
    """Slots move half a second apart, so that the first is under way for so long. Of its keys one is there before."""
    redis, count = Redis(1, 2, slot_s=0.5, clients={"refresh_on_moved": False, "refresh_s": 1e4}), 60_000
    slot = next(iter(redis.plan))
    old, new, *_ = redis.keys(slot, count)

    def script(redis: Redis, plane: Plane) -> Generator[Any, Any, None]:
        process, tried = plane.env.process, redis.tried
        for at_s, what, key, name in (
            (1.0, "write", old, "write before"), (1.1, "read", old, "read before"),
            (2.1, "read", old, "read what is there"), (2.2, "read", new, "read what is not"),
            (2.3, "write", new, "write what is not"), (2.35, "write", old, "write what is there"),
            (2.9, "read", old, "read what was moved"), (2.92, "write", new, "write what was moved"),
        ):  # fmt: skip
            process(tried(plane, at_s, what, key, name))
        yield plane.until(2.4)
        redis.places_then = redis.places(plane, np.array([old, new]))
        yield plane.until(3.0)
        redis.places_after = redis.places(plane, np.array([old, new]))

    redis.under(script, engine=engine, until_s=4.0, count=count)

    card_s = SIZE_BYTES * redis.card_s
    once, twice = 2 * WAY_S + card_s, 4 * WAY_S + card_s
    expected = {
        "write before": once, "read before": once, "read what is there": once, "write what is there": once,
        "read what is not": twice, "read what was moved": twice,
        # The bytes of a write are on the cards of both.
        "write what is not": twice + card_s, "write what was moved": twice + card_s,
    }  # fmt: skip
    assert redis.seen == {name: pytest.approx(latency_s, abs=1e-6) for name, latency_s in expected.items()}
    assert redis.places_then.tolist() == [[True, False], [False, True]]
    assert redis.places_after.tolist() == [[False, False], [True, True]]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("learn", [True, False])
def test_clients_that_learn_ask_the_right_node(engine: str, learn: bool) -> None:
    """Slots move for a twentieth of the time."""
    redis, count = Redis(2, 3, clients={"refresh_on_moved": learn, "refresh_s": 1e4, "check_s": 0.1}), 300

    outcome = redis.under(nothing, engine=engine, until_s=20.0, count=count, rate_per_s=400.0)

    # If as many go twice as keys have moved, half of them are slower than this; else nobody is.
    moved = np.mean([int(mix(key)) % CLUSTER_SLOTS in redis.plan for key in range(count)])
    slow = outcome.operations["read"].latency.percentile_s(1.0 - 0.5 * moved)
    assert slow == pytest.approx((2 if learn else 4) * WAY_S + SIZE_BYTES * redis.card_s, rel=0.02)


# ---------------------------------------------------------------- how long it takes


@pytest.mark.parametrize("engine", ENGINES)
def test_moving_takes_the_time_of_slots_and_bytes(engine: str) -> None:
    """Nobody else is there: of each slot that moves, so many keys at a time."""
    redis, count = Redis(1, 2, slot_s=0.001, batch_keys=2), 20_000

    def script(_: Redis, plane: Plane) -> Generator[Any, Any, None]:
        for key in range(count):
            plane.submit("write", key, SIZE_BYTES)
        yield plane.until(0.0)

    outcome = redis.under(script, engine=engine, until_s=120.0, count=count)

    slots = Counter(int(mix(key)) % CLUSTER_SLOTS for key in range(count))
    keys = [slots[slot] for slot in redis.plan]
    moved_bytes = HELD_BYTES * sum(keys)
    batches = sum(math.ceil(each / 2) for each in keys)
    expected_s = (
        len(redis.plan) * 0.001 + moved_bytes * (2.0 / RATE + redis.card_s) + batches * 2 * WAY_S
    )  # fmt: skip
    (begun, done) = outcome.notes
    assert begun.at_s == AT_S
    assert done.at_s - AT_S == pytest.approx(expected_s, rel=1e-6)
    assert f"{len(redis.plan):,} slots were moved" in done.text
    assert f"{sum(keys):,} objects of {moved_bytes / 1e6:,.1f} MB" in done.text


@pytest.mark.parametrize("engine", ENGINES)
def test_migrate_keeps_the_thread_of_its_source(engine: str) -> None:
    """An object of 1,090 bytes at 1 kB/s keeps the source for 2.18 s, and the target for the second half."""
    redis, count = Redis(2, 3, bytes_per_s=1000.0), 60_000
    slot, target = next(iter(redis.plan.items()))
    source = hash_slots(range(2))[slot]
    mine = redis.keys(slot, count)[0]
    other = next(key for key in range(count) if hash_slots(range(2))[int(mix(key)) % CLUSTER_SLOTS] == source)
    elsewhere = next(key for key in range(count) if hash_slots(range(2))[int(mix(key)) % CLUSTER_SLOTS] == 1 - source)

    def script(redis: Redis, plane: Plane) -> Generator[Any, Any, None]:
        for at_s, what, key, name in (
            (1.0, "write", mine, "write"), (AT_S + 1.0, "read", other, "source"),
            (AT_S + 1.0, "read", elsewhere, "another"),
        ):  # fmt: skip
            plane.env.process(redis.tried(plane, at_s, what, key, name))
        yield plane.until(0.0)

    redis.under(script, engine=engine, until_s=6.0, count=count)

    card_s = SIZE_BYTES * redis.card_s
    took_s = 2 * HELD_BYTES / 1000.0 + HELD_BYTES * redis.card_s + 2 * WAY_S
    assert target == 2
    assert redis.seen["another"] == pytest.approx(2 * WAY_S + card_s, abs=1e-6)
    assert redis.seen["source"] == pytest.approx(took_s - 1.0 + WAY_S + card_s, abs=1e-6)


# ---------------------------------------------------------------- what is lost


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("before", "after"), [(2, 3), (4, 2)])
def test_every_object_is_where_its_slot_is_and_nothing_is_lost(engine: str, before: int, after: int) -> None:
    """Clients write and read while slots move to shards that come, or from shards that go."""
    redis, count = Redis(before, after, replicas=1, slot_s=0.0005), 5_000
    found: dict[str, Any] = {}

    def script(redis: Redis, plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(AT_S + 3.0)
        found["half-way"] = redis.places(plane, np.arange(count))[::2]
        yield plane.until(39.0)
        plane.stop_source(0)
        yield plane.until(39.9)
        found["end"] = redis.places(plane, np.arange(count))

    outcome = redis.under(script, engine=engine, until_s=40.0, count=count, rate_per_s=2000.0)

    owners = np.array(hash_slots(range(before)))
    owners[list(redis.plan)] = list(redis.plan.values())
    shard = owners[mix(np.arange(count)) % CLUSTER_SLOTS]
    assert len(outcome.notes) == 2
    assert found["half-way"].sum(axis=0).max() == 1
    written = found["end"].any(axis=0)
    mine = shard == np.repeat(np.arange(max(before, after)), 2)[:, None]
    assert np.array_equal(found["end"], mine & written)
    counters = outcome.counters
    assert counters["writes.acknowledged"] > 35_000
    assert counters["writes.lost"] == 0
    assert counters["writes.kept"] == written.sum() > 0.99 * count
    assert outcome.operations["read"].stale == 0
    assert dict(outcome.operations["write"].errors) == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_target_has_not_handed_on_dies_with_it(engine: str) -> None:
    """Nobody writes any more. The target dies as its replica lacks something, and the replica is promoted."""
    redis, count = Redis(1, 2, replicas=1, slot_s=0.0, bytes_per_s=1e8, at_s=5.0), 3000
    found: dict[str, Any] = {}

    def script(redis: Redis, plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(4.9)
        plane.stop_source(0)
        yield plane.until(6.0)
        lacking = 0
        while not lacking:
            yield plane.until(plane.env.now + 0.0003)
            primary, replica = redis.places(plane, np.arange(count))[2:]
            lacking = int((primary & ~replica).sum())
        found["primary"], found["lacks"] = int(primary.sum()), lacking
        plane.down(redis.thread.group, 2, "refuse")
        assert redis.copies is not None
        plane.forget(redis.copies, 2)

    outcome = redis.under(script, engine=engine, until_s=150.0, count=count, rate_per_s=4000.0)

    assert any("promoted" in note.text for note in outcome.notes)
    assert found["primary"] > 100
    assert outcome.counters["writes.lost"] == found["lacks"]
    assert any("slots were moved" in note.text for note in outcome.notes), "goes on with who was promoted"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"resharding": {"shards": 2}, "persistence": {}}, "leave one of them out"),
        ({"resharding": {"shards": 0}}, "greater than or equal to 1"),
        ({"resharding": {"shards": 2}, "failover": {"kind": "cluster"}}, "needs 3 shards or more"),
    ],
)
def test_what_does_not_go_together_is_refused(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MODEL.parameters(**parameters)
