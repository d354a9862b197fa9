"""What Redis and Memcached evict: traces worked by hand, the arithmetic of slab classes, and hit ratios.

The traces are for the kernel's SimPy form and for the references at once; that both engines agree, and hit where the
references do on any trace, is for `test_same_bits` and `test_cache_replay` to show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from models.generic.cache_aside import CacheAsideParameters
from models.kernel.arrivals import Poisson
from models.kernel.cache import CacheState
from models.kernel.closed_forms import approximate_lfu_hit_ratio, lru_hit_ratio
from models.kernel.keys import Zipf
from models.kernel.parts import Cache, CachePolicy, Group, Sampling, Slabs
from models.kernel.predict import predict
from models.kernel.program import Program
from models.kernel.random import Stream
from models.kernel.recorder import Span
from models.kernel.sampling import chance
from models.kernel.slabs import COLD, HOT, WARM
from models.kernel.steps import Fill, Fit, Lookup
from models.kernel.system import Operation, Route, System
from tests.oracle.reference_caches import Memcached, Sampled, SampledFrequency, chunk_sizes
from tests.oracle.test_queues import aside, hit_ratio
from tests.strategies.runs import recorded, replicate, workload

NODE = Group("node")
STREAM = Stream(1, 2)


class Kernel:
    """The kernel's cache, asked as the references are: keys are letters.

    Args:
        part: The cache.
        uniforms: What it draws.
    """

    def __init__(self, part: Cache, uniforms: Iterator[float] | None = None) -> None:
        self.state = CacheState(part, STREAM if part.draws else None)
        if self.state.sampler is not None:
            assert uniforms is not None
            self.state.sampler.draws = uniforms

    def access(self, key: str, size: int, now: float, write: bool = False) -> bool:
        """Read or write."""
        found = not write and self.state.lookup(ord(key), size, now)
        if not found:
            self.state.fill(ord(key), size, now, math.inf, 0)
        return found

    @property
    def held(self) -> set[str]:
        """Keys that are held."""
        return set(map(chr, self.state.entries))


# ---------------------------------------------------------------- Redis


SAMPLED_TRACE = "ABCADEFDGH"
SAMPLED_DRAWS = [0.1, 0.5, 0.9, 0.1, 0.1, 0.1, 0.4, 0.4, 0.1, 0.1, 0.9, 0.9]
"""Three fit, two are drawn. Second by second, with the row of what is held and the pool (score and key) behind it:

    0-3  A B C A   row ABC
    4    D: draws A (idle 1), B (3); B goes          row ACD  pool 1A
    5    E: draws D (1, below its like), A (2); A goes         row DCE  pool 1D 1A
    6    F: draws D (2), D (2); D goes               row ECF  pool 1D 1A 2D
    7    D: draws C (5), C; C goes                   row EFD  pool 1D 1A 2D 5C
    8    G: draws E (3), E; 5C is gone, E goes       row DFG  pool 1D 1A 2D 3E
    9    H: draws G (1), G; 3E is gone, 2D is held again, and goes, though F is idle for longer
"""


def sampled_caches() -> list[Any]:
    part = Cache("cache", NODE, "sampled_lru", capacity_items=3, sampling=Sampling(2, clock_s=0.0))
    return [Kernel(part, iter(SAMPLED_DRAWS)), Sampled(3, uniforms=iter(SAMPLED_DRAWS), samples=2)]


@pytest.mark.parametrize("cache", sampled_caches())
def test_redis_evicts_the_worst_it_has_ever_drawn(cache: Any) -> None:
    held = []
    for second, key in enumerate(SAMPLED_TRACE):
        cache.access(key, 1, float(second))
        held.append("".join(sorted(cache.held)))

    assert held[3:] == ["ABC", "ACD", "CDE", "CEF", "DEF", "DFG", "FGH"]


@pytest.mark.parametrize("kind", ["kernel", "reference"])
def test_a_frequency_counter_rises_by_chance_and_falls_with_time(kind: str) -> None:
    """Two fit, a factor of 1, ticks of 10 s. A comes (5), rises surely (6), not at 0.6 > 1/2 (6), at 0.4 (7). B comes
    (5). C draws A (7) and B (5), and B goes. At 25 s A has missed two ticks (5), and rises surely (6).
    """
    draws = iter([0.9, 0.6, 0.4, 0.1, 0.9, 0.9])
    terms = Sampling(2, lfu_log_factor=1, lfu_decay_s=10.0)
    cache: Any = SampledFrequency(2, uniforms=draws, samples=2, log_factor=1, decay_s=10.0)
    if kind == "kernel":
        cache = Kernel(Cache("cache", NODE, "sampled_lfu", capacity_items=2, sampling=terms), draws)

    for key, now in (("A", 0.0), ("A", 1.0), ("A", 2.0), ("A", 3.0), ("B", 4.0), ("C", 5.0), ("A", 25.0)):
        cache.access(key, 1, now)

    assert set(cache.held) == {"A", "C"}
    assert (cache.state.entries[ord("A")].mark if kind == "kernel" else cache.counters["A"]) == 6
    assert list(draws) == []


def test_as_many_hits_as_redis_says_saturate_a_counter() -> None:
    """redis.conf prints the counter after so many hits by factor; in the mean, from 5 on, step by step.

    At factor 0, every hit counts: 100 hits make 105 (printed: 104). At 10, 1,000 hits make 18 and 100,000 make 142; at
    100, 100,000 make 49. All of that is one run of their program, and so is some per cents off.
    """

    def after_hits(hits: int, factor: int) -> int:
        counter, mean_hits = 5, 0.0
        while counter < 255 and mean_hits < hits:
            mean_hits += 1.0 / chance(counter, factor)
            counter += 1
        return counter

    assert after_hits(100, 0) == pytest.approx(104, abs=1)
    assert after_hits(1_000, 0) == 255
    assert after_hits(1_000, 10) == pytest.approx(18, abs=2)
    assert after_hits(100_000, 10) == pytest.approx(142, rel=0.05)
    assert after_hits(1_000_000, 10) == 255
    assert after_hits(100_000, 100) == pytest.approx(49, rel=0.05)


# ---------------------------------------------------------------- Memcached


CLASSES = (
    96, 120, 152, 192, 240, 304, 384, 480, 600, 752, 944, 1184, 1480, 1856, 2320, 2904, 3632, 4544, 5680, 7104, 8880,
    11104, 13880, 17352, 21696, 27120, 33904, 42384, 52984, 66232, 82792, 103496, 129376, 161720, 202152, 252696,
    315872, 394840, 524288,
)  # fmt: skip
"""What `memcached -vv` prints on 64-bit machines, 1.5 and later."""


def test_chunks_are_those_that_memcached_prints() -> None:
    """Published too: with headers of 40 bytes (1.2), the first ten; how many chunks of 96 and 120 bytes a page has."""
    assert Slabs().chunks_bytes() == CLASSES
    assert chunk_sizes(48 + 48, 1.25, 1 << 19) == list(CLASSES)
    assert Slabs(header_bytes=40).chunks_bytes()[:10] == (88, 112, 144, 184, 232, 296, 376, 472, 592, 744)
    assert Slabs().fitting_items(1 << 20, 96) == 10_922
    assert Slabs().fitting_items(1 << 20, 97) == 8_738
    assert Slabs().fitting_items((1 << 20) + 1, (1 << 19) + 1) == 1
    assert Slabs().fitting_items(1 << 20, (1 << 20) + 1) == 0


def test_growth_bounds_what_a_chunk_wastes() -> None:
    """An object one byte larger than the class below wastes most: 1 - 1/growth of its chunk, and what rounding adds."""
    assert len(Slabs(growth_factor=1.07).chunks_bytes()) == 63, "Memcached has no more classes"
    for growth in (1.15, 1.25, 2.0):
        chunks = Slabs(growth_factor=growth).chunks_bytes()
        assert list(chunks) == sorted(set(chunks))
        assert all(chunk % 8 == 0 for chunk in chunks)
        for below, chunk in pairwise(chunks[:-1]):
            assert (chunk - below - 1) / chunk <= 1.0 - 1.0 / growth + 8.0 / chunk
        assert chunks[-1] / chunks[-2] <= growth * growth


def test_memory_in_use_is_what_the_classes_take_for_it() -> None:
    """One object of each size from 1 byte on: a class holds as many as there are sizes, in as few pages as can be."""
    terms = Slabs(page_bytes=1 << 13, item_most_bytes=1 << 12)
    cache = Kernel(Cache("cache", NODE, "segmented_lru", capacity_bytes=1 << 25, slabs=terms))
    sizes = range(1, (1 << 12) - 48 + 1)

    for size in sizes:
        cache.state.fill(size, size, 0.0, math.inf, 0)

    assert cache.state.slabs is not None
    below = 48
    for slab in cache.state.slabs.slabs:
        objects = slab.chunk - below
        assert slab.pages == math.ceil(objects / ((1 << 13) // slab.chunk))
        assert slab.pages * slab.per_page - slab.free == objects
        assert sum(segment.used for segment in slab.segments) == sum(range(below + 1, slab.chunk + 1))
        below = slab.chunk
    assert cache.state.used == sum(sizes) + 48 * len(sizes)


SEGMENTS_TRACE = (
    ("ABCDEF", "F", "", "ABCDE"), ("AA", "F", "A", "BCDE"), ("G", "G", "A", "CDEF"), ("GG", "G", "A", "CDEF"),
    ("H", "H", "AG", "DEF"), ("DD", "H", "AGD", "EF"), ("I", "I", "GD", "FHA"), ("G", "I", "GD", "FHA"),
    ("J", "J", "DG", "HAI"), ("KL", "L", "DG", "IJK"), ("A", "A", "DG", "JKL"),
)  # fmt: skip
"""Six objects of 8 bytes fit in a page; HOT may have 20 % of the bytes there are, WARM 40 % (2 of 5 or 6). All at once,
so that nothing ages. What is asked for, and HOT, WARM and COLD behind it, the oldest first:

    ABCDEF  each pushes the one before out of HOT, except F, which lies beside none once E has gone (8 <= 48 * 20 %)
    AA      fetched twice: from COLD to WARM, which may hold 19 bytes
    G       COLD's oldest, B, is evicted; F leaves HOT
    GG      fetched twice: active
    H       C goes; G, active, goes from HOT to WARM
    DD      to WARM, which is now too large, but nobody looks before the next object comes
    I       E goes; H leaves HOT; A leaves WARM, as it was not fetched again
    G       fetched again: active at once
    J       F goes; I leaves HOT; G, active, begins again in WARM, though WARM is not too large
    KL      H goes, then A
    A       I goes
"""


def test_memcached_moves_objects_from_segment_to_segment() -> None:
    terms = Slabs(smallest_bytes=7, header_bytes=1, growth_factor=1.5, page_bytes=48, item_most_bytes=40)
    kernel = Kernel(Cache("cache", NODE, "segmented_lru", capacity_bytes=48, slabs=terms))
    reference = Memcached(48, [8, 16, 24], 48, header=1, most=40)
    assert kernel.state.slabs is not None

    for asked, hot, warm, cold in SEGMENTS_TRACE:
        for key in asked:
            assert kernel.access(key, 7, 0.0) == reference.access(key, 7, 0.0)
        segments = kernel.state.slabs.slabs[0].segments
        shown = tuple("".join(map(chr, segments[which].entries)) for which in (HOT, WARM, COLD))
        assert (hot, warm, cold) == shown, asked
        assert shown == tuple("".join(map(str, reference.queues[8, s])) for s in "HWC")


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_who_brings_too_large_an_object_is_told_and_what_was_there_is_gone(engine: str) -> None:
    """Of 100 bytes, with 48 of a header, where 150 are the most: a write of 102 is stored, one of 103 is not, and the
    reads behind it miss.
    """
    terms = Slabs(item_most_bytes=150)
    part = Cache("cache", NODE, "segmented_lru", capacity_bytes=1 << 20, slabs=terms)
    system = System({"write": Operation(Route(Fit(part), Fill(part))), "read": Operation(Route(Lookup(part)))})
    script = [(0.0, "write", 102), (1.0, "read", 102), (2.0, "write", 103), (3.0, "read", 102)]
    trace = recorded(*((at_s, name) for at_s, name, _ in script), sizes=tuple(size for _, _, size in script))

    outcome = replicate(system, trace, Span(0.0, 4.0, 5.0, 4), 1, engine)[0]

    assert outcome.operations["write"].ok == 1
    assert outcome.operations["write"].errors == {"rejected": 1}
    assert list(outcome.caches["cache"].window_hits) == [0, 1, 0, 0]
    assert outcome.operations["read"].ok == 2


def test_what_counts_objects_weighs_none() -> None:
    with pytest.raises(ValueError, match="none is too large"):
        Program(System({"write": Operation(Route(Fit(Cache("cache", NODE, capacity_items=3))))}), "system")


def test_sizes_that_shift_find_the_memory_given_away() -> None:
    """Slab calcification: when all pages are given to small objects, large ones share the one page that a class without
    any gets, for ever, whatever lies idle beside it; in an empty memory they would have had all pages.
    """
    terms = Slabs(page_bytes=1 << 13, item_most_bytes=1 << 12)
    part = Cache("cache", NODE, "segmented_lru", capacity_bytes=8 << 13, slabs=terms)
    chunk = 1184
    shifted, fresh = CacheState(part), CacheState(part)
    small = int(terms.fitting_items(part.capacity, 96))
    for key in range(2 * small):
        shifted.fill(key, 48, 0.0, math.inf, 0)
    assert len(shifted.entries) == small
    assert shifted.evictions == small

    hits = {}
    for name, cache in (("shifted", shifted), ("fresh", fresh)):
        hits[name] = 0
        for turn in range(20):
            for key in range(10_000, 10_000 + 40):
                found = cache.lookup(key, chunk - 48, float(turn))
                hits[name] += found
                if not found:
                    cache.fill(key, chunk - 48, float(turn), math.inf, 0)

    per_page = (1 << 13) // chunk
    assert sum(key >= 10_000 for key in shifted.entries) == per_page
    assert sum(key < 10_000 for key in shifted.entries) == small, "none of the small ones had to go"
    assert hits == {"shifted": 0, "fresh": 19 * 40}, "LRU among six never holds any of forty that come in turn"


def test_a_scan_passes_through_cold() -> None:
    """Twenty objects are asked for every ten seconds, between a hundred that never come again, where 85 fit: the age of
    COLD is about six seconds, so that none leaves WARM before it is asked for, while under LRU each has gone by then.
    """
    terms = Slabs(page_bytes=1 << 13, item_most_bytes=1 << 12)
    fitting = (1 << 13) // 96
    segmented = CacheState(Cache("cache", NODE, "segmented_lru", capacity_bytes=1 << 13, slabs=terms))
    lru = CacheState(Cache("cache", NODE, capacity_items=fitting))
    often = range(20)

    hits: list[list[int]] = []
    for cache in (segmented, lru):
        hits.append([])
        for key in (*range(1_000, 1_000 + fitting), *often):
            cache.fill(key, 48, 0.0, math.inf, 0)
        for turn in range(12):
            hits[-1].append(sum(cache.lookup(key, 48, 10.0 * turn + 1.0) for key in often for _ in range(2)))
            for number in range(100):
                cache.fill(10_000 + 100 * turn + number, 48, 10.0 * turn + 1.0 + 0.1 * number, math.inf, 0)

    assert hits == [[40] * 12, [40] + [0] * 11]


# ---------------------------------------------------------------- hit ratios


def simulated(part: Cache, keys: int, exponent: float, warmup_s: float, requests: int = 1_000_000) -> float:
    """Hit ratio under independent references, one a second."""
    span = Span(warmup_s, warmup_s + requests, warmup_s + requests + 1.0, 1)
    work = workload(Poisson(rate_per_s=1.0), Zipf(count=keys, exponent=exponent))
    return hit_ratio(replicate(aside(part), work, span, 1)[0])


@pytest.mark.parametrize(
    ("exponent", "capacity", "lru"), [(0.8, 1_000, 0.43666), (0.99, 1_000, 0.66414), (1.2, 1_000, 0.86143)]
)
def test_samples_come_near_to_lru(exponent: float, capacity: int, lru: float) -> None:
    """Of a table of LRU after Che: with many samples the same, with 10 nearly, with 5 a bit below, with 1 (but for the
    pool) at random.
    """

    def sampled(samples: int) -> float:
        part = Cache("cache", NODE, "sampled_lru", capacity_items=capacity, sampling=Sampling(samples))
        return simulated(part, 10_000, exponent, 12.0 * capacity)

    assert sampled(64) == pytest.approx(lru, abs=0.002)
    assert sampled(10) == pytest.approx(lru, abs=0.003)
    assert lru - 0.01 < sampled(5) < lru + 0.0005
    assert sampled(1) < lru - 0.02


def test_frequency_beats_recency_where_popularity_stays() -> None:
    """Above LRU and below perfect frequency (a table's .66414 and .75594); below LRU where counters fall to nothing."""

    def lfu(decay_s: float) -> float:
        terms = Sampling(10, lfu_decay_s=decay_s)
        return simulated(
            Cache("cache", NODE, "sampled_lfu", capacity_items=1_000, sampling=terms), 10_000, 0.99, 20_000.0
        )

    assert 0.66414 + 0.04 < lfu(0.0) < 0.75594
    assert lfu(60.0) < 0.66414


def test_segments_beat_lru_on_independent_references() -> None:
    """A page of chunks of 152 bytes holds 6,898 objects of 100 bytes and their headers."""
    part = Cache("cache", NODE, "segmented_lru", capacity_bytes=1 << 20)
    popularity = Zipf(count=100_000, exponent=0.99).popularity()
    lru = lru_hit_ratio(popularity, 6_898)

    assert lru < simulated(part, 100_000, 0.99, 100_000.0) < lru + 0.04


def test_predictions_are_the_policies_that_are_imitated() -> None:
    work = workload(Poisson(rate_per_s=1.0), Zipf(count=10_000, exponent=0.99))
    popularity = Zipf(count=10_000, exponent=0.99).popularity()

    def predicted(policy: CachePolicy, **options: Any) -> float:
        program = Program(aside(Cache("cache", NODE, policy, **options)), "system")
        return predict(program, work, 1.0).hit_ratios["cache"]

    assert predicted("sampled_lru", capacity_items=1_000) == pytest.approx(0.66414, abs=1e-5)
    assert predicted("sampled_lfu", capacity_items=1_000) == pytest.approx(0.75594, abs=1e-5)
    assert predicted("sampled_lfu", capacity_items=1_000, ttl_s=500.0) == pytest.approx(
        approximate_lfu_hit_ratio(popularity, 1_000, 500.0)
    )
    terms = Slabs(page_bytes=1 << 14, item_most_bytes=1 << 14)
    assert predicted("segmented_lru", capacity_bytes=1 << 16, slabs=terms) == pytest.approx(
        lru_hit_ratio(popularity, 4 * ((1 << 14) // 152))
    )
    tiny = Slabs(item_most_bytes=147)
    assert predicted("segmented_lru", capacity_bytes=1 << 20, slabs=tiny) == 0.0


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"samples": 0}, "samples must be at least 1"),
        ({"clock_s": -1.0}, "must be finite and not negative"),
        ({"clock_s": math.nan}, "must be finite and not negative"),
        ({"lfu_decay_s": math.inf}, "must be finite and not negative"),
        ({"lfu_log_factor": -1}, "lfu_log_factor must not be negative"),
    ],
)
def test_terms_of_sampling_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Sampling(**options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"growth_factor": 1.0}, "growth_factor must be more than 1"),
        ({"growth_factor": math.nan}, "growth_factor must be more than 1"),
        ({"header_bytes": 0}, "at least 1"),
        ({"page_bytes": 1000}, "multiple of 16"),
        ({"item_most_bytes": 1 << 21}, "item_most_bytes must be from 1 to page_bytes"),
        ({"hot_percent": 60, "warm_percent": 40}, "leave something to COLD"),
        ({"warm_age_factor": -1.0}, "finite and not negative"),
    ],
)
def test_terms_of_slabs_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Slabs(**options)


@pytest.mark.parametrize("options", [{"capacity_items": 5_000_000}, {"capacity_bytes": 1_000_000}])
def test_segments_need_a_page_at_least(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="segmented_lru needs capacity_bytes"):
        Cache("cache", NODE, "segmented_lru", **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="segmented_lru needs capacity_bytes"):
        CacheAsideParameters.model_validate({"policy": "segmented_lru", **options})


def test_a_scenario_hears_of_terms_that_cannot_be() -> None:
    slabs = {"slabs": {"hot_percent": 70, "warm_percent": 40}, "policy": "segmented_lru", "capacity_bytes": 1 << 21}
    with pytest.raises(ValueError, match="leave something to COLD"):
        CacheAsideParameters.model_validate(slabs)
    with pytest.raises(ValueError, match="samples"):
        CacheAsideParameters.model_validate({"sampling": {"samples": 0}, "capacity_items": 5})
