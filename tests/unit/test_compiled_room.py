"""Room in the compiled engine: what is held in caches is kept in as many slots, which come back and become more."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from models.kernel.arrivals import Poisson
from models.kernel.compiled_engine import CompiledDrawing, CompiledPlane
from models.kernel.keys import UniformKeys
from models.kernel.laws import Uniform
from models.kernel.parts import Cache, Group, Slabs, everybody
from models.kernel.plane import Plane
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload, sources_of
from models.kernel.steps import Choose, Drop, Fill, Lookup
from models.kernel.system import Operation, Route, System

KEYS = 2_000


def simulated(part: Cache, capacity: int = 1, controls: tuple[Any, ...] = ()) -> CompiledPlane:
    """Reads with fills, and drops, over two caches of a family, for a second."""
    choose = Choose(everybody(part.group), "random")
    system = System(
        {
            "read": Operation(Route(choose, Lookup(part, Route(Fill(part))))),
            "remove": Operation(Route(choose, Drop(part))),
        },
        controls=controls,
    )
    work = Workload(
        Poisson(rate_per_s=20_000.0), UniformKeys(count=KEYS), Uniform(low=1.0, high=9.0), {"read": 0.8, "remove": 0.2}
    )
    plane = CompiledPlane(
        Program(system, "system"), sources_of(work, 1, 0, 1.0, CompiledDrawing()), Span(0.0, 1.0, 2.0), 1, 0,
        capacity=capacity,
    )  # fmt: skip
    plane.run()
    return plane


def held(plane: CompiledPlane) -> list[int]:
    """Objects held by each cache, after it was seen that slots, keys and lists agree."""
    w, counts = plane.w, []
    for index in range(2):
        cache = w.caches[index]
        slots = w.held[cache["base"] :: cache["stride"]][:KEYS]
        segments = range(3 * cache["slabs"], 3 * (cache["slabs"] + cache["classes"]))
        listed: list[int] = []
        for order in [cache, *w.segments[segments.start : segments.stop]]:
            i, before = int(order["front"]), -1
            while i >= 0:
                assert w.entries[i]["before"] == before
                listed.append(i)
                i, before = int(w.entries[i]["after"]), i
            assert int(order["end"]) == before
        if cache["samples"]:
            assert sorted(w.roster[cache["base"] :: cache["stride"]][: cache["count"]]) == sorted(listed)
        assert sorted(listed) == sorted(slots[slots > 0] - 1)
        assert all(slots[w.entries[i]["key"]] == i + 1 for i in listed)
        assert int(cache["used"]) == sum(int(w.entries[i]["size"]) for i in listed)
        counts.append(len(listed))
    return counts


SLABS = Slabs(smallest_bytes=1, header_bytes=1, page_bytes=64, item_most_bytes=64)
PARTS = {
    "nothing leaves but what is dropped": {"capacity_items": KEYS},
    "evictions by LRU": {"capacity_items": 300, "policy": "lru"},
    "evictions by FIFO": {"capacity_items": 300, "policy": "fifo"},
    "evictions by CLOCK": {"capacity_items": 300, "policy": "clock"},
    "evictions by sampled LRU": {"capacity_items": 300, "policy": "sampled_lru"},
    "evictions by sampled LFU": {"capacity_items": 300, "policy": "sampled_lfu"},
    "evictions by segmented LRU": {"capacity_bytes": 4_000, "policy": "segmented_lru", "slabs": SLABS},
    "bytes": {"capacity_bytes": 1_500},
    "expiry": {"capacity_items": KEYS, "ttl_s": 0.01},
}


@pytest.mark.parametrize("options", PARTS.values(), ids=list(PARTS))
def test_as_many_slots_are_taken_as_objects_are_held(options: Any) -> None:
    plane = simulated(Cache("cache", Group("node", 2), **options))
    counts, clock = held(plane), plane.clock

    assert min(counts) > 0
    assert len(plane.w.entries) - int(clock["spare_entries"]) == sum(counts)
    assert int(clock["entries"]) <= len(plane.w.entries) < 4 * max(int(clock["entries"]), 64)
    assert len(plane.w.entries) < KEYS or max(counts) > KEYS // 4, "as many as are held, not as could be"


def test_room_grows_without_a_trace_in_the_result() -> None:
    """Method: a pool that doubles again and again, and one that is large enough from the beginning."""
    part = Cache("cache", Group("node", 2), capacity_items=KEYS)

    small, large = simulated(part, capacity=1), simulated(part, capacity=8 * KEYS)

    assert held(small) == held(large)
    assert len(large.w.entries) >= 8 * KEYS
    for name in ("hits", "misses", "evictions"):
        np.testing.assert_array_equal(small.w.caches[name], large.w.caches[name])


def test_a_flush_gives_all_slots_back() -> None:
    part = Cache("cache", Group("node", 2), capacity_items=KEYS)

    def flush_both_at_the_end(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(1.5)
        for member in range(2):
            plane.flush(part, member)

    plane = simulated(part, controls=(flush_both_at_the_end,))

    assert held(plane) == [0, 0]
    assert int(plane.clock["spare_entries"]) == len(plane.w.entries)
    assert int(plane.clock["entries"]) > KEYS, "both caches had been full"
