"""Any trace, replayed with no service time, hits exactly where the reference caches hit.

Method: random traces, with tied timestamps, writes, lives of their own and objects that change their size; on both
engines. The references are written a second time, as plainly as possible, and share nothing with the kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from models.kernel.arrivals import ConstantArrivals
from models.kernel.cache import CacheState
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.parts import CACHE_POLICIES, Cache, CachePolicy, Group, Sampling, Slabs
from models.kernel.random import stream, uniforms
from models.kernel.recorder import Span
from models.kernel.sources import Block, Trace, Workload, alike
from models.kernel.steps import Fill, Lookup
from models.kernel.system import Operation, Route, System
from tests.oracle.reference_caches import POLICIES, Memcached, Sampled, SampledFrequency, chunk_sizes
from tests.oracle.reference_caches import Cache as Reference
from tests.strategies.runs import SEED, replicate

KEYS = 8
SLABS = Slabs(smallest_bytes=7, header_bytes=1, growth_factor=1.5, page_bytes=48, item_most_bytes=40)
"""Chunks of 8, 16 and 24 bytes; the largest objects take two."""
Row = tuple[float, int, int, int, float]
"""Time, operation (0 reads, 1 writes), key, size, own time to live."""


@st.composite
def rows(draw: DrawFn) -> list[Row]:
    """A trace in order of time."""
    row = st.tuples(
        st.integers(0, 12).map(float), st.sampled_from([0, 0, 0, 1]), st.integers(0, KEYS - 1),
        st.sampled_from([1, 2, 3, 5, 9, 30, 60]), st.sampled_from([math.inf, math.inf, 0.0, 1.0, 4.0]),
    )  # fmt: skip
    return sorted(draw(st.lists(row, max_size=60)), key=lambda each: each[0])


@st.composite
def caches(draw: DrawFn) -> Cache:
    """A cache of a few objects."""
    policy: CachePolicy = draw(st.sampled_from(CACHE_POLICIES))
    in_bytes, capacity = draw(st.booleans()) or policy == "segmented_lru", draw(st.integers(1, 8))
    ttl_s = draw(st.sampled_from([None, None, 1.0, 3.0]))
    ticks = st.sampled_from([0.0, 1.0, 2.5])
    sampling = Sampling(draw(st.sampled_from([1, 2, 5])), draw(ticks), draw(st.integers(0, 2)), draw(ticks))
    slabs = replace(
        SLABS, hot_percent=draw(st.sampled_from([20, 50])), hot_age_factor=draw(st.sampled_from([0.2, 2.0]))
    )
    if policy == "segmented_lru":
        capacity *= 32
        capacity += SLABS.page_bytes
    return Cache(
        "cache", Group("node"), policy, None if in_bytes else capacity, capacity if in_bytes else None, ttl_s,
        sampling=sampling, slabs=slabs,
    )  # fmt: skip


def uniforms_of(part: Cache) -> Iterator[float]:
    """What a cache draws, one number after the other."""
    key = stream(SEED, 0, "system", "system", f"{part.name} evictions")
    return (uniforms(*key, n, 0, 0, 0, 0, 0)[0] for n in count())


def reference_of(part: Cache) -> Reference | Memcached:
    """The same cache, written a second time."""
    in_bytes, ttl_s = part.capacity_bytes is not None, part.ttl_s or math.inf
    terms, slabs = part.sampling, part.slabs
    if part.policy == "segmented_lru":
        chunks = chunk_sizes(
            slabs.header_bytes + slabs.smallest_bytes, slabs.growth_factor, slabs.page_bytes // 2
        )  # fmt: skip
        return Memcached(
            part.capacity, chunks, slabs.page_bytes, ttl_s=ttl_s, header=slabs.header_bytes, most=slabs.item_most_bytes,
            shares=(slabs.hot_percent, slabs.warm_percent), ages=(slabs.hot_age_factor, slabs.warm_age_factor),
        )  # fmt: skip
    if not part.draws:
        return POLICIES[part.policy](part.capacity, in_bytes=in_bytes, ttl_s=ttl_s)
    drawing: dict[str, Any] = {"in_bytes": in_bytes, "ttl_s": ttl_s, "uniforms": uniforms_of(part)}
    drawing |= {"samples": terms.samples, "tick_s": terms.clock_s}
    if part.policy == "sampled_lru":
        return Sampled(part.capacity, **drawing)
    return SampledFrequency(part.capacity, log_factor=terms.lfu_log_factor, decay_s=terms.lfu_decay_s, **drawing)


def expected_hits(part: Cache, trace: list[Row]) -> int:
    """Reads that hit in the reference."""
    reference = reference_of(part)
    found = [
        reference.access(key, size, time, write=operation == 1, ttl_s=ttl) for time, operation, key, size, ttl in trace
    ]
    return sum(hit for hit, (_, operation, *_) in zip(found, trace, strict=True) if operation == 0)


def replayed(part: Cache, trace: list[Row], engine: str) -> Any:
    """The cache's outcome."""
    columns: list[list[Any]] = [[row[i] for row in trace] for i in range(5)]
    kinds = (np.float64, np.int64, np.int64, np.int64, np.float64)
    times, *rest, ttls = (np.array(column, kind) for column, kind in zip(columns, kinds, strict=True))
    block = Block(times, *rest, alike(1, len(trace)), ttls)
    work = Workload(
        ConstantArrivals(rate_per_s=1.0), UniformKeys(count=KEYS), Constant(value=1.0), {"read": 1.0},
        Trace.of(block, KEYS, ("read", "write")),
    )  # fmt: skip
    system = System({
        "read": Operation(Route(Lookup(part, Route(Fill(part))))), "write": Operation(Route(Fill(part))),
    })  # fmt: skip
    return replicate(system, work, Span(0.0, 12.0, 13.0, 3), 1, engine)[0].caches["cache"]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(caches(), rows())
def test_a_replayed_trace_hits_where_the_reference_hits(part: Cache, trace: list[Row]) -> None:
    expected = expected_hits(part, trace)
    reads = sum(operation == 0 for _, operation, *_ in trace)

    for engine in ("simpy", "compiled"):
        found = replayed(part, trace, engine)
        assert (reads, expected, reads - expected) == (found.lookups.sum(), found.hits.sum(), found.misses.sum()), (
            engine
        )


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(caches(), rows())
def test_many_replayed_traces_hit_where_the_reference_hits(part: Cache, trace: list[Row]) -> None:
    expected = expected_hits(part, trace)

    assert replayed(part, trace, "simpy").hits.sum() == expected
    assert replayed(part, trace, "compiled").hits.sum() == expected


def test_a_cache_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A canary: room made after a new object has come in, which only CLOCK tells from room made before."""
    make_room, fill = CacheState._make_room, CacheState.fill

    def late(self: CacheState, most: int, keep: int, now: float) -> None:
        if most == self.capacity:
            make_room(self, most, keep, now)

    def fill_then_make_room(self: CacheState, key: int, size: int, now: float, ttl: float, version: int) -> None:
        fill(self, key, size, now, ttl, version)
        make_room(self, self.capacity, key, now)

    monkeypatch.setattr(CacheState, "_make_room", late)
    monkeypatch.setattr(CacheState, "fill", fill_then_make_room)
    rng = np.random.default_rng(1)
    part = Cache("cache", Group("node"), "clock", capacity_items=3)

    def trace() -> list[Row]:
        return [(float(i // 4), 0, int(key), 1, math.inf) for i, key in enumerate(rng.integers(0, KEYS, 40))]

    assert any(
        replayed(part, each, "simpy").hits.sum() != expected_hits(part, each) for each in (trace() for _ in range(50))
    )
