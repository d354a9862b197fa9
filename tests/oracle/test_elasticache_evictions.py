"""What nodes of Memcached and Redis evict and refuse, through the whole model, beside closed forms and counts by hand.

Goal: what the kernel's caches are known to do (`test_evictions`), nodes do, in the terms that their servers give to it.
Method: full nodes under independent references, beside Che's approximation; slab classes filled one object after the
other, and counted; single requests of single objects, step by step.

Source:
    Che's approximation: `closed_forms.caching`. Chunks of a growth factor: what `memcached -vv` prints at 1.25; worked
    out by hand for others. Limit of an item: memcached, protocol.txt and option -I.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.catalogue import MODELS
from models.elasticache.node_types import GIB, NODE_TYPES
from models.kernel.arrivals import ConstantArrivals, Poisson
from models.kernel.closed_forms import lru_hit_ratio, perfect_frequency_hit_ratio
from models.kernel.keys import UniformKeys, Zipf
from models.kernel.laws import Constant
from models.kernel.outcome import Outcome
from models.kernel.recorder import Span
from models.kernel.sources import Block, Trace, Workload
from models.kernel.system import System
from tests.strategies.runs import recorded, replicate

ENGINES = ("simpy", "compiled")
NODE_TYPE, PAGE = "cache.t4g.micro", 1 << 20
HEADER_BYTES, END_BYTES, REDIS_BYTES = 48, 11, 90
"""Of each object: Memcached's header, its version and ends; what Redis takes."""


def node(model: str, operations: tuple[str, ...], pages: int, **parameters: Any) -> System:
    """One node whose objects may take so many MiB; it answers as fast as a small one does."""
    share = pages * PAGE / (NODE_TYPES[NODE_TYPE].memory_gib * GIB)
    one = {"nodes": 1} if model == "memcached" else {"shards": 1}
    given = {"node_type": NODE_TYPE, "network": "burst", "memory_share": share, "region": {"zones": 1}}
    known = MODELS[model]
    return known.build(known.parameters.model_validate({**one, **given, **parameters}), operations)


DATABASE = {
    "kind": "station", "servers": "unlimited", "read": {"kind": "constant", "value_s": 0.001},
    "write": {"kind": "constant", "value_s": 0.001},
}  # fmt: skip

# ---------------------------------------------------------------- hit ratios

KEYS, EXPONENT, VALUE_BYTES = 100_000, 0.99, 200
POPULARITY = Zipf(count=KEYS, exponent=EXPONENT).popularity()


def hit_ratio(model: str, pages: int, **parameters: Any) -> float:
    """Of reads of objects of one size, whose popularity stays what it is; what is not there comes from a database."""
    system = node(model, ("read",), pages, database=DATABASE, **parameters)
    work = Workload(
        Poisson(rate_per_s=20_000.0), Zipf(count=KEYS, exponent=EXPONENT), Constant(value=float(VALUE_BYTES)),
        {"read": 1.0},
    )  # fmt: skip
    objects = replicate(system, work, Span(1.0, 16.0, 20.0, 1), 1, primed_ttl_s=0.0)[0].caches["objects"]
    return float(objects.hits.sum() / objects.lookups.sum())


@pytest.mark.parametrize(("growth_factor", "chunk"), [(1.25, 304), (2.0, 384)])
def test_memcached_hits_a_bit_more_often_than_lru_among_as_many_objects_as_its_chunks_hold(
    growth_factor: float, chunk: int
) -> None:
    """Objects of 259 bytes, eight pages: WARM keeps what is asked for often from what comes once, up to 0.04."""
    assert VALUE_BYTES + HEADER_BYTES + END_BYTES == 259
    lru = lru_hit_ratio(POPULARITY, 8 * (PAGE // chunk))

    measured = hit_ratio("memcached", 8, slabs={"growth_factor": growth_factor})

    assert lru < measured < lru + 0.04


@pytest.mark.parametrize(("samples", "below", "above"), [(64, 0.003, 0.003), (10, 0.004, 0.003), (3, 0.02, 0.0005)])
def test_redis_hits_nearly_as_often_as_lru(samples: int, below: float, above: float) -> None:
    lru = lru_hit_ratio(POPULARITY, 8 * PAGE / (VALUE_BYTES + REDIS_BYTES))

    measured = hit_ratio("redis", 8, maxmemory_samples=samples)

    assert lru - below < measured < lru + above


def test_three_samples_are_what_elasticache_draws() -> None:
    assert hit_ratio("redis", 8) == hit_ratio("redis", 8, maxmemory_samples=3)
    assert hit_ratio("redis", 8) < hit_ratio("redis", 8, maxmemory_samples=10)


def test_frequency_beats_recency_where_popularity_stays() -> None:
    """Redis counts uses: above LRU, below a cache that always holds the most popular; where counters fall to nothing
    between two uses, it has hardly anything to go by.
    """
    items = 8 * PAGE / (VALUE_BYTES + REDIS_BYTES)
    lru, most = lru_hit_ratio(POPULARITY, items), perfect_frequency_hit_ratio(POPULARITY, items)

    counted = hit_ratio("redis", 8, maxmemory_policy="allkeys-lfu", maxmemory_samples=10, lfu_decay_s=0.0)
    forgotten = hit_ratio("redis", 8, maxmemory_policy="allkeys-lfu", maxmemory_samples=10, lfu_decay_s=0.001)

    assert lru + 0.02 < counted < most
    assert forgotten < lru


def test_policies_of_what_has_a_time_to_live_are_those_of_all_keys_where_all_have_one() -> None:
    def measured(policy: str) -> float:
        return hit_ratio("redis", 8, maxmemory_policy=policy, ttl_s=5.0)

    assert measured("volatile-lru") == measured("allkeys-lru")
    assert measured("volatile-lfu") == measured("allkeys-lfu") != measured("allkeys-lru")


@pytest.mark.parametrize("policy", ["volatile-lru", "volatile-lfu"])
def test_they_are_refused_where_none_has(policy: str) -> None:
    """Redis would evict nothing, and refuse writes."""
    with pytest.raises(ValueError, match=f'{policy}" evicts only what has a time to live: give ttl_s, or say "allkeys'):
        node("redis", ("read",), 8, maxmemory_policy=policy)


# ---------------------------------------------------------------- slab classes


def written_and_read(count: int, value_bytes: int) -> Workload:
    """So many objects are written, one after the other, and then each is read once."""
    times_s = np.arange(2 * count) * 1e-4
    none, ones = np.zeros(2 * count, np.int64), np.ones(2 * count, np.int64)
    operations = np.repeat(np.array([0, 1], np.int64), count)
    keys = np.tile(np.arange(count, dtype=np.int64), 2)
    block = Block(times_s, operations, keys, none + value_bytes, ones, np.full(2 * count, np.inf))
    trace = Trace.of(block, count, ("write", "read"))
    return Workload(ConstantArrivals(rate_per_s=1.0), UniformKeys(count=1), Constant(value=1.0), {"read": 1.0}, trace)


@pytest.mark.parametrize(
    ("growth_factor", "value_bytes", "chunk", "wasted"),
    [
        (1.25, 200, 304, 0.148), (2.0, 200, 384, 0.326), (1.1, 200, 272, 0.048),
        (1.25, 245, 304, 0.0), (1.25, 246, 384, 0.206),
    ],
)  # fmt: skip
def test_a_node_holds_as_many_objects_as_its_pages_have_chunks(
    growth_factor: float, value_bytes: int, chunk: int, wasted: float
) -> None:
    """Chunks by hand, rounded up to 8: 96 120 152 192 240 304 384; 96 192 384; 96 112 128 144 160 176 200 224 248 272.

    An object of 200 bytes takes 259, so a growth factor of 2 wastes a third of the memory, and 1.1 a twentieth. One
    byte more than fits a chunk costs a fifth of all objects.
    """
    fitting, count = 2 * (PAGE // chunk), 12_000
    system = node("memcached", ("write", "read"), 2, writes="cache", slabs={"growth_factor": growth_factor})

    outcome = replicate(system, written_and_read(count, value_bytes), Span(0.0, 2.5, 3.0, 1), 1)[0]

    assert outcome.operations["write"].ok == outcome.operations["read"].ok == count
    held = int(outcome.caches["objects"].hits.sum())
    assert held == fitting == count - outcome.counters["objects.evictions"]
    assert 1.0 - held * (value_bytes + HEADER_BYTES + END_BYTES) / (2 * PAGE) == pytest.approx(wasted, abs=0.001)


def test_redis_wastes_nothing_but_what_it_takes_for_each_object() -> None:
    count = 12_000
    system = node("redis", ("write", "read"), 2, writes="cache")

    outcome = replicate(system, written_and_read(count, 200), Span(0.0, 2.5, 3.0, 1), 1)[0]

    assert outcome.caches["objects"].hits.sum() == 2 * PAGE // (200 + REDIS_BYTES)


def test_a_node_needs_memory_for_a_page() -> None:
    node("memcached", ("read",), 1)
    with pytest.raises(ValueError, match="a node needs memory for one page of 2097152 bytes"):
        node("memcached", ("read",), 1, slabs={"page_bytes": 2 * PAGE})


# ---------------------------------------------------------------- what is refused

MOST_BYTES = PAGE - HEADER_BYTES - END_BYTES


def one_by_one(model: str, engine: str, *script: tuple[str, int], **parameters: Any) -> Outcome:
    """Requests for one object, of so many bytes each, a second apart; of each one is a window."""
    requests = [(float(second), name) for second, (name, _) in enumerate(script)]
    work = recorded(*requests, sizes=tuple(size for _, size in script))
    system = node(model, tuple(dict.fromkeys(name for name, _ in script)), 8, **parameters)
    return replicate(system, work, Span(0.0, float(len(script)), len(script) + 1.0, len(script)), 1, engine)[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_memcached_refuses_an_item_of_more_than_a_megabyte_and_forgets_what_it_had(engine: str) -> None:
    outcome = one_by_one(
        "memcached", engine, ("write", MOST_BYTES), ("read", MOST_BYTES), ("write", MOST_BYTES + 1), ("read", 1),
        writes="cache",
    )  # fmt: skip

    write = outcome.operations["write"]
    assert (write.ok, write.errors) == (1, {"rejected": 1})
    assert list(write.window_errors) == [0, 0, 1, 0]
    assert list(outcome.caches["objects"].window_hits) == [0, 1, 0, 0]
    assert outcome.counters["objects.evictions"] == 0


def test_its_limit_can_be_raised_with_its_pages() -> None:
    outcome = one_by_one(
        "memcached", "compiled", ("write", MOST_BYTES + 1), ("read", MOST_BYTES + 1), writes="cache",
        slabs={"page_bytes": 2 * PAGE, "item_most_bytes": 2 * PAGE},
    )  # fmt: skip

    assert outcome.operations["write"].errors == {}
    assert outcome.caches["objects"].hits.sum() == 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("writes", ["set", "delete"])
def test_whoever_has_it_from_the_database_does_without(engine: str, writes: str) -> None:
    """A read brings it nevertheless, each time from the database; a write is done there."""
    large = MOST_BYTES + 1

    outcome = one_by_one(
        "memcached", engine, ("read", 100), ("read", 100), ("write", large), ("read", large), ("read", large),
        writes=writes, database=DATABASE,
    )  # fmt: skip

    assert outcome.operations["write"].errors == outcome.operations["read"].errors == {}
    assert list(outcome.caches["objects"].window_hits) == [0, 1, 0, 0, 0]
    assert outcome.stations["database"].started.sum() == 4


def test_redis_takes_it() -> None:
    outcome = one_by_one("redis", "compiled", ("write", 3 * PAGE), ("read", 3 * PAGE), writes="cache")

    assert outcome.operations["write"].errors == {}
    assert outcome.caches["objects"].hits.sum() == 1
