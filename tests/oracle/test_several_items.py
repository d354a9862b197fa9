"""Requests for several items: how many there are, what they amount to, what is done for each, and who asks for what is
newest. Held against closed forms, order statistics and traces worked by hand.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from bench.presets import PRESETS
from models.kernel.amounts import AMOUNT_MAX, ITEM, ITEMS, RESULT, all_items, items_in_part, units
from models.kernel.arrivals import Closed, ConstantArrivals, Poisson
from models.kernel.keys import Latest, UniformKeys, Zipf
from models.kernel.laws import Constant, ConstantSeconds, Exponential, Law, Uniform
from models.kernel.outcome import Outcome
from models.kernel.parts import Cache, Group, Network, Station, everybody
from models.kernel.predict import predict
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Block, ClosedSource, NumpyDrawing, OpenSource, Streams, Trace, Workload
from models.kernel.steps import Choose, Each, Fill, Lookup, Serve, Travel
from models.kernel.system import Operation, Route, System
from tests.strategies.runs import SEED, assert_mean, replicate

ENGINES = ("simpy", "compiled")


def asking(items: Law, sizes: Law | None = None, keys: Any = None, rate_per_s: float = 100.0) -> Workload:
    """Evenly spaced queries."""
    return Workload(
        ConstantArrivals(rate_per_s=rate_per_s), keys or UniformKeys(count=1000), sizes or Constant(value=100.0),
        {"query": 1.0}, items=items,
    )  # fmt: skip


def outcome(route: Route, work: Workload, engine: str = "compiled", duration_s: float = 10.0) -> Outcome:
    return replicate(System({"query": Operation(route)}), work, Span(0.0, duration_s, 2 * duration_s, 1), 1, engine)[0]


def served(law: Law, **amounts: Any) -> Serve:
    return Serve(Station("station", Group("group"), 0), law, **amounts)


def mean_s(of: Outcome) -> float:
    return of.operations["query"].latency.mean_s


# ---------------------------------------------------------------- amounts


@pytest.mark.parametrize(
    ("of", "least", "expected"), [(ITEM, 0, 1), (RESULT, 0, 4), (ITEMS, 0, 10), (ITEM, 1, 1), (RESULT, 1, 4)]
)
def test_ten_items_of_1500_bytes_in_units_of_4096(of: int, least: int, expected: int) -> None:
    assert units(of, 10, 1500, 4096, least) == expected


def test_nothing_still_costs_what_it_must() -> None:
    assert [units(of, 7, 0, 4096, 1) for of in (ITEM, RESULT, ITEMS)] == [1, 1, 7]
    assert [units(of, 7, 0, 4096, 0) for of in (ITEM, RESULT, ITEMS)] == [0, 0, 0]


def test_no_amount_leaves_64_bits() -> None:
    assert all_items(10_000, 1 << 50) <= AMOUNT_MAX
    assert units(ITEMS, 10_000, 1 << 50, 1, 0) <= AMOUNT_MAX
    assert all_items(1, 1 << 50) == 1 << 50


@pytest.mark.parametrize(
    ("items", "size", "page", "expected"),
    [(5, 100, 0, 1), (5, 100, 250, 2), (5, 100, 200, 2), (5, 300, 250, 1), (5, 0, 250, 5), (2, 100, 1000, 2)],
)
def test_a_page_holds_whole_items_and_one_at_least(items: int, size: int, page: int, expected: int) -> None:
    assert items_in_part(items, size, page) == expected


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("amounts", "times"),
    [
        ({}, 1), ({"unit_bytes": 1000}, 2), ({"unit_bytes": 1000, "of": "result"}, 15),
        ({"unit_bytes": 1000, "of": "items"}, 20), ({"further": 0.5}, 5.5),
        ({"unit_bytes": 1000, "of": "result", "further": 1.0}, 150),
    ],
)  # fmt: skip
def test_work_is_counted_in_units_of_what_is_said(amounts: Any, times: float, engine: str) -> None:
    """Ten items of 1,500 bytes."""
    work = asking(Constant(value=10.0), Constant(value=1500.0))
    route = Route(served(Constant(value=2.0**-20), **amounts))

    assert mean_s(outcome(route, work, engine)) == times * 2.0**-20
    assert predict(Program(System({"query": Operation(route)}), "s"), work, 1.0).unloaded_s["query"] == pytest.approx(
        times * 2.0**-20
    )


# ---------------------------------------------------------------- how many items


def blocks_of(work: Workload, block_size: int = 4096, duration_s: float = 100.0, **options: Any) -> Block:
    """All requests of an open source."""
    source = OpenSource(work, Streams.of(SEED, 0), duration_s, NumpyDrawing(), block_size, **options)
    return Block(*(np.concatenate(column) for column in zip(*source.blocks(), strict=True)))


def test_scans_of_ycsb_e_are_as_long_as_it_says() -> None:
    """Uniform from 1 to 100: mean 50.5, every length alike (chi-square, 99.9 %); an insert is of one record."""
    preset = PRESETS["ycsb-e"].workload
    work = Workload(
        Poisson(rate_per_s=1000.0), UniformKeys(count=1000), Constant(value=1.0), preset["mix"],
        items=Uniform(**preset["items_per_request"]),
    )  # fmt: skip

    asked = blocks_of(work)

    scans = asked.items[asked.operations == 0]
    assert scans.min() == 1
    assert scans.max() == 100
    assert stats.chisquare(np.bincount(scans, minlength=101)[1:]).pvalue > 0.001
    assert abs(scans.mean() - 50.5) < 3.3 * math.sqrt((100**2 - 1) / 12 / len(scans))
    assert set(asked.items[asked.operations == 1].tolist()) == {1}


@pytest.mark.parametrize(
    ("law", "expected"),
    [(Constant(value=0.0), 1), (Constant(value=1.2), 2), (Constant(value=1e9), 10_000), (Constant(value=7.0), 7)],
)
def test_items_are_whole_and_within_bounds(law: Law, expected: int) -> None:
    assert set(blocks_of(asking(law), duration_s=1.0).items.tolist()) == {expected}


def test_how_many_items_disturbs_no_other_draw() -> None:
    sizes = Uniform(low=1.0, high=99.0)
    few, many = (blocks_of(asking(law, sizes)) for law in (Constant(value=1.0), Uniform(low=0.0, high=9.0)))

    assert (few.items != many.items).any()
    for name in ("times_s", "operations", "keys", "sizes_bytes"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name))


# ---------------------------------------------------------------- for each


@pytest.mark.parametrize("count", [1, 10, 100])
def test_a_batch_takes_as_long_as_the_longest_of_its_items(count: int) -> None:
    """Goal: the mean of the largest of n exponentials is the n-th harmonic number. With 100 it also shows that no two
    items of a batch draw alike.
    """
    route = Route(Each(Route(served(Exponential(mean=0.001))), most=100))
    system = System({"query": Operation(route)})
    work = asking(Constant(value=float(count)), rate_per_s=200.0)

    outcomes = replicate(system, work, Span(0.0, 20.0, 30.0, 1), 10)

    assert_mean(outcomes, mean_s, 0.001 * sum(1 / k for k in range(1, count + 1)), 0.02)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("page_bytes", "pages"), [(100, 10), (250, 5), (1000, 1), (999, 2), (1, 10)])
def test_pages_come_one_after_the_other(page_bytes: int, pages: int, engine: str) -> None:
    """Ten items of 100 bytes, a round trip of 2 ms for each page; the first page is not asked for twice."""
    net = Network("net", Constant(value=0.001))
    route = Route(Each(Route(Travel(net), served(Constant(value=0.0)), Travel(net)), page_bytes))

    of = outcome(route, asking(Constant(value=10.0)), engine)

    assert mean_s(of) == pytest.approx(pages * 0.002, rel=1e-9)
    assert of.stations["station"].started.sum() == pages * of.operations["query"].requests


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("page_bytes", "keys"), [(0, [8, 9, 0, 1, 2]), (100, [8, 9, 0, 1, 2]), (200, [8, 0, 2]), (300, [8, 1]), (500, [8])]
)
def test_a_part_s_key_is_that_of_its_first_item(page_bytes: int, keys: list[int], engine: str) -> None:
    """Method: of ten keys, five items of 100 bytes from key 8 on, each part filling a cache; then all are looked up."""
    cache = Cache("cache", Group("node"), capacity_items=100)
    system = System({
        "query": Operation(Route(Each(Route(Fill(cache)), page_bytes, most=5))),
        "read": Operation(Route(Lookup(cache))),
    })  # fmt: skip

    def hits(asked: list[int]) -> int:
        count = len(asked) + 1
        block = Block(
            np.arange(count) * 1.0, np.array([0, *[1] * len(asked)]), np.array([8, *asked]), np.full(count, 100),
            np.full(count, 5), np.full(count, math.inf),
        )  # fmt: skip
        trace = Trace.of(block, 10, ("query", "read"))
        work = replace(asking(Constant(value=1.0)), trace=trace)
        return int(replicate(system, work, Span(0.0, 99.0, 99.0, 1), 1, engine)[0].caches["cache"].hits.sum())

    assert hits(keys) == len(keys)
    assert hits(list(set(range(10)) - set(keys))) == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_more_items_than_may_be_asked_for_are_rejected(engine: str) -> None:
    route = Route(Each(Route(served(Constant(value=0.001))), most=3))

    of = outcome(route, asking(Uniform(low=0.0, high=6.0)), engine)

    asked = blocks_of(asking(Uniform(low=0.0, high=6.0)), duration_s=10.0)
    assert of.operations["query"].errors == {"rejected": int((asked.items > 3).sum())}
    assert of.stations["station"].started.sum() == asked.items[asked.items <= 3].sum()


def test_an_each_without_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 1000 items at once, got 0"):
        Each(Route())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("whole", "hits"), [(False, 999), (True, 0)])
def test_a_cache_of_results_counts_whole_results(whole: bool, hits: int, engine: str) -> None:
    """Three items of 100 bytes do not fit into 250 bytes, one does."""
    cache = Cache("cache", Group("node"), capacity_bytes=250)
    route = Route(Lookup(cache, Route(Fill(cache, whole)), whole))

    found = outcome(route, asking(Constant(value=3.0), keys=UniformKeys(count=1)), engine, 9.995).caches["cache"]

    assert found.lookups.sum() == 1000
    assert found.hits.sum() == hits


@pytest.mark.parametrize(("most", "page_bytes"), [(20, 0), (0, 300)])
def test_what_is_predicted_of_parts_is_what_is_served(most: int, page_bytes: int) -> None:
    """Visits of a station and work at each of its members, chosen by key, within the noise of a run."""
    nodes = Group("nodes", 3)
    station = Station("station", nodes, 1)
    part = Route(Choose(everybody(nodes), "key"), Serve(station, Constant(value=1e-4)))
    route = Route(Each(part, page_bytes, most))
    work = asking(Uniform(low=0.0, high=20.0), keys=Zipf(count=30), rate_per_s=300.0)

    expected = predict(Program(System({"query": Operation(route)}), "s"), work, 1.0).stations["station"]
    found = outcome(route, work, duration_s=60.0)

    requests = found.operations["query"].requests
    assert found.stations["station"].started.sum() / requests == pytest.approx(expected.visits.sum(), rel=0.02)
    if most:
        measured = found.stations["station"].started / requests
        assert measured == pytest.approx(expected.visits, rel=0.04)


# ---------------------------------------------------------------- inserts, and what is latest


def inserting(keys: Any, share: float = 0.2, sizes: Law | None = None, arrivals: Any = None) -> Workload:
    mix = {"read": 1.0 - share, "insert": share}
    return Workload(arrivals or Poisson(rate_per_s=1000.0), keys, sizes or Constant(value=100.0), mix)


@pytest.mark.parametrize("keys", [Latest(count=50), UniformKeys(count=50)], ids=["latest", "uniform"])
def test_inserts_take_one_key_after_the_other_around_the_ring(keys: Any) -> None:
    asked = blocks_of(inserting(keys))

    inserted = asked.keys[asked.operations == 1]
    assert inserted.tolist() == (np.arange(len(inserted)) % 50).tolist()
    assert len(inserted) > 10_000


@pytest.mark.parametrize("block_size", [1, 7, 4096])
def test_blocks_of_any_size_insert_alike(block_size: int) -> None:
    work = inserting(Latest(count=50), sizes=Uniform(low=1.0, high=99.0))

    expected, found = blocks_of(work, 1000, 1.0), blocks_of(work, block_size, 1.0)

    for name in Block._fields:
        np.testing.assert_array_equal(getattr(expected, name), getattr(found, name))


def ranks(operations: list[int], keys: list[int], count: int) -> list[int]:
    """How far behind the newest each read was; an insert makes its key the newest."""
    newest, found = count - 1, []
    for operation, key in zip(operations, keys, strict=True):
        if operation == 1:
            newest = key
        else:
            found.append((newest - key) % count)
    return found


def test_reads_of_the_latest_are_zipf_behind_the_newest() -> None:
    """Chi-square, 99.9 %."""
    asked = blocks_of(inserting(Latest(count=50)))

    counts = np.bincount(ranks(asked.operations.tolist(), asked.keys.tolist(), 50), minlength=50)

    assert stats.chisquare(counts, counts.sum() * Zipf(count=50).popularity()).pvalue > 0.001


def test_clients_of_a_closed_loop_see_one_another_s_inserts() -> None:
    """Twenty clients in turn; the newest is the newest of them all, and a record's size belongs to its key."""
    sizes = Uniform(low=1.0, high=1e6)
    closed = Closed(clients=20, think=ConstantSeconds(value_s=1.0))
    source = ClosedSource(inserting(Latest(count=50), sizes=sizes, arrivals=closed), Streams.of(SEED, 0))

    asked = [source.issue(client, ordinal) for ordinal in range(1000) for client in range(20)]

    operations, keys, of_key, *_ = (list(column) for column in zip(*asked, strict=True))
    counts = np.bincount(ranks(operations, keys, 50), minlength=50)
    assert stats.chisquare(counts, counts.sum() * Zipf(count=50).popularity()).pvalue > 0.001
    assert len(set(zip(keys, of_key, strict=True))) == 50


def latest_hit_ratio(count: int, capacity: int, inserts_per_read: float) -> float:
    """Of reads of the latest by an LRU cache that inserts fill too, by its characteristic time.

    Method: a record a inserts old is asked for at the rate p(a); it is held if it was asked for, or inserted, within
    the time T before, in which it was younger. T is the time in which as many records are touched as fit.
    """
    p = Zipf(count=count).popularity()
    passed = np.concatenate([[0.0], np.cumsum(p)]) / inserts_per_read
    ages = np.arange(count) + 0.5

    def held(reads: float) -> Any:
        """Share of the records of each age that are held: reads meanwhile, from its age then to its age now."""
        then = ages - reads * inserts_per_read
        asked = np.interp(ages, np.arange(count + 1), passed) - np.interp(then, np.arange(count + 1), passed)
        return np.where(then <= 0.0, 1.0, -np.expm1(-asked))

    reads = optimize.brentq(lambda reads: held(reads).sum() - capacity, 1.0, 1e6)
    return float((p * held(reads)).sum())


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_an_lru_cache_holds_the_latest_as_theory_says(share: float) -> None:
    """Goal: the law, the inserts, and that the past before time zero leads over into the run: there is no warm-up."""
    count, capacity = 10_000, 500
    cache = Cache("cache", Group("node"), capacity_items=capacity)
    system = System({
        "read": Operation(Route(Lookup(cache, Route(Fill(cache))))), "insert": Operation(Route(Fill(cache))),
    })  # fmt: skip
    work = inserting(Latest(count=count), share)

    outcomes = replicate(system, work, Span(0.0, 20.0, 21.0, 2), 5, primed_ttl_s=0.0)

    found = [of.caches["cache"].hits.sum() / of.caches["cache"].lookups.sum() for of in outcomes]
    assert np.mean(found) == pytest.approx(latest_hit_ratio(count, capacity, share / (1 - share)), abs=0.006)
    windows = [of.caches["cache"].window_hits / of.caches["cache"].window_lookups for of in outcomes]
    early, late = np.mean(windows, axis=0)
    assert early == pytest.approx(late, abs=0.012)
