"""The loops in C simulate what the hand-written SimPy models do, so that a race against them is a fair one."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import simpy
from scipy import optimize, stats

from tests.benchmarks import c_loops, idiomatic

pytestmark = pytest.mark.skipif(c_loops.compiler() is None, reason="there is no C compiler: neither cc nor gcc")

LEVEL = 1e-4
"""Chance that a test fails although both programs are right; seeds are frozen, so it does so always or never."""
C_SEEDS = 100
"""Replications in C; they cost next to nothing, so that the spread of the difference is SimPy's alone."""
P99_RELATIVE = 0.5 / (1 << c_loops.BIN_BITS)
"""How far from a percentile the middle of its bin may be."""

Figures = dict[str, float]


def one_kind_in_simpy(model: Callable[[int, int], idiomatic.Result], requests: int, seed: int) -> Figures:
    result = model(requests, seed)
    return _of_list("", result.latencies_s) | {"hit ratio": result.hits / requests}


def one_kind_in_c(model: Callable[[int, int], c_loops.Result], requests: int, seed: int) -> Figures:
    result = model(requests, seed)
    return _of_histogram("", result.latencies) | {"hit ratio": result.hits / requests}


def ycsb_in_simpy(requests: int, seed: int, *, dax: bool) -> Figures:
    answers = idiomatic.ycsb_b(requests, seed, dax=dax)
    shares = {"hit ratio": answers.hits / len(answers.reads_s), "reads": len(answers.reads_s) / requests}
    return _of_list("read ", answers.reads_s) | _of_list("write ", answers.writes_s) | shares


def ycsb_in_c(requests: int, seed: int, *, dax: bool) -> Figures:
    answers = c_loops.ycsb_b(requests, seed, dax=dax)
    shares = {"hit ratio": answers.hits / answers.reads.count, "reads": answers.reads.count / requests}
    return _of_histogram("read ", answers.reads) | _of_histogram("write ", answers.writes) | shares


def _of_list(prefix: str, latencies_s: list[float]) -> Figures:
    return {
        f"{prefix}mean": float(np.mean(latencies_s)),
        f"{prefix}p99": float(np.quantile(latencies_s, 0.99, method="inverted_cdf")),
    }


def _of_histogram(prefix: str, latencies: c_loops.Latencies) -> Figures:
    return {f"{prefix}mean": latencies.mean_s, f"{prefix}p99": latencies.p99_s}


PAIRS: dict[str, tuple[Callable[[int, int], Figures], Callable[[int, int], Figures], int, int]] = {
    "mmc": (partial(one_kind_in_simpy, idiomatic.mmc), partial(one_kind_in_c, c_loops.mmc), 8_000, 20),
    # Long enough that the cache is full and evicts.
    "cache_aside": (
        partial(one_kind_in_simpy, idiomatic.cache_aside),
        partial(one_kind_in_c, c_loops.cache_aside),
        60_000,
        8,
    ),
    "quorum_write": (
        partial(one_kind_in_simpy, idiomatic.quorum_write),
        partial(one_kind_in_c, c_loops.quorum_write),
        8_000,
        12,
    ),
    "direct": (partial(ycsb_in_simpy, dax=False), partial(ycsb_in_c, dax=False), 8_000, 10),
    "dax": (partial(ycsb_in_simpy, dax=True), partial(ycsb_in_c, dax=True), 8_000, 10),
}
"""SimPy, C, requests of a replication, replications in SimPy."""


@pytest.mark.parametrize("name", PAIRS)
def test_c_and_simpy_agree(name: str) -> None:
    """Goal: two programs of one system. Method: Welch's test of every figure over independent replications."""
    in_simpy, in_c, requests, seeds = PAIRS[name]

    by_hand = [in_simpy(requests, seed) for seed in range(seeds)]
    in_loops = [in_c(requests, seed) for seed in range(1_000, 1_000 + C_SEEDS)]

    for figure in by_hand[0]:
        theirs, ours = ([figures[figure] for figures in side] for side in (by_hand, in_loops))
        if np.ptp(theirs) == np.ptp(ours) == 0.0:
            assert theirs[0] == ours[0], figure
            continue
        chance = stats.ttest_ind(theirs, ours, equal_var=False).pvalue
        assert chance > LEVEL, (
            f"{figure}: {np.mean(theirs):.6g} in SimPy, {np.mean(ours):.6g} in C, chance {chance:.1e}"
        )


def test_mmc_waits_as_erlang_says() -> None:
    """Goal: mean and p99 of M/M/4 at 80 % load. Method: Erlang C gives Wq/S = .745541; whoever waits does so for an
    exponential time of mean S/(4 - 3.2). Long replications, whose beginnings do not count.
    """
    results = [c_loops.mmc(200_000, seed) for seed in range(40)]

    waiting_chance = 0.745541 * 0.8

    def longer_ms(t: float) -> float:
        return (1.0 - waiting_chance) * math.exp(-t) + waiting_chance * (math.exp(-0.8 * t) - 0.8 * math.exp(-t)) / 0.2

    p99_ms = optimize.brentq(lambda t: longer_ms(t) - 0.01, 1.0, 50.0)
    means_ms = np.array([1_000.0 * result.latencies.mean_s for result in results])
    p99s_ms = np.array([1_000.0 * result.latencies.p99_s for result in results])
    assert means_ms.mean() == pytest.approx(1.745541, abs=half_width(means_ms))
    assert p99s_ms.mean() == pytest.approx(p99_ms, abs=half_width(p99s_ms) + P99_RELATIVE * p99_ms)


def test_quorum_write_is_the_fourth_of_six() -> None:
    """Goal: the time to a quorum. Method: the fourth of six unit exponentials has mean 1/6 + 1/5 + 1/4 + 1/3 = .95."""
    means_ms = np.array([1_000.0 * c_loops.quorum_write(50_000, seed).latencies.mean_s for seed in range(20)])

    assert means_ms.mean() == pytest.approx(0.95, abs=half_width(means_ms))


def test_writes_of_the_table_take_as_long_as_their_legs() -> None:
    """Goal: the mean of writes to the table, of which the comparison with SimPy sees few. Method: nothing queues, so
    the latency is one formula of legs and appends, drawn by NumPy; the band is that of two samples.
    """
    rng, draws = np.random.default_rng(1), 1_000_000

    def way_s(source: npt.NDArray[np.int64], target: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.where(source == target, 0.00015, 0.0004) * rng.lognormal(0.0, idiomatic.SIGMA_2, draws)

    client, router, leader = rng.integers(3, size=(3, draws))  # by symmetry of the zones, any law of leaders will do
    followers = [(leader + other) % 3 for other in (1, 2)]
    appends_s = 0.002 * rng.lognormal(0.0, idiomatic.SIGMA_APPEND, (3, draws))
    acknowledged_s = [
        way_s(leader, follower) + append_s + way_s(follower, leader)
        for follower, append_s in zip(followers, appends_s[1:], strict=True)
    ]
    durable_s = np.maximum(appends_s[0], np.minimum(*acknowledged_s))
    there_s = way_s(client, router) + 0.0001 + way_s(router, leader)
    back_s = way_s(leader, router) + way_s(router, client)
    drawn_s = there_s + durable_s + back_s

    means_s = np.array([c_loops.ycsb_b(200_000, seed, dax=False).writes.mean_s for seed in range(20)])
    band_s = math.hypot(half_width(means_s), 3.9 * drawn_s.std() / math.sqrt(draws))
    assert means_s.mean() == pytest.approx(drawn_s.mean(), abs=band_s)


def half_width(values: npt.NDArray[np.float64]) -> float:
    """Half of the t-interval of a mean that leaves out LEVEL, from one value per replication."""
    quantile = stats.t.ppf(1.0 - LEVEL / 2.0, values.size - 1)
    return float(quantile * values.std(ddof=1) / np.sqrt(values.size))


def replayed(keys: Iterable[int], capacity: int) -> int:
    """The hits of a plain LRU cache."""
    cache: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for key in keys:
        if key in cache:
            hits += 1
            cache.move_to_end(key)
            continue
        cache[key] = None
        if len(cache) > capacity:
            cache.popitem(last=False)
    return hits


@pytest.mark.parametrize("capacity", [1, 2, 30, 1_000, 19_999, 20_000, 50_000])
def test_lru_replay_counts_the_hits_of_an_ordered_dict(capacity: int) -> None:
    rng = np.random.default_rng(capacity)
    key_count = 20_000
    ranks = idiomatic.zipf_cdf(key_count, 0.99).searchsorted(rng.random(200_000), side="right")
    keys = rng.permutation(key_count)[ranks]

    assert c_loops.lru_replay(keys, capacity, key_count) == replayed(keys.tolist(), capacity)


@pytest.mark.parametrize("count", [0, 1, 5, 12, 13])
def test_lru_replay_of_few_keys(count: int) -> None:
    keys = np.arange(count) % 3

    assert c_loops.lru_replay(keys, 3, 3) == max(0, count - 3)


@pytest.mark.parametrize("requests", [0, 1, 300])
def test_every_request_is_answered_and_a_seed_repeats(requests: int) -> None:
    for model in (c_loops.mmc, c_loops.cache_aside, c_loops.quorum_write):
        first, second, other = model(requests, 7), model(requests, 7), model(requests, 8)

        assert first.requests == first.latencies.count == requests
        assert requests == 0 or (first == second and first != other)
    for dax in (False, True):
        answers, again = (c_loops.ycsb_b(requests, 7, dax=dax) for _ in range(2))

        assert answers.requests == requests
        assert answers.write_units == answers.writes.count
        assert answers.read_units == 0.5 * (answers.reads.count - answers.hits)
        assert requests < 300 or answers == again


def test_every_departure_and_every_copy_is_an_event() -> None:
    assert c_loops.mmc(1_000, 1).events == 2 * 1_000
    assert c_loops.quorum_write(1_000, 1).events == 7 * 1_000


@pytest.mark.parametrize("dax", [False, True])
def test_every_timeout_of_simpy_is_an_event(dax: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: as many events as SimPy has timeouts. Method: counts per hit, per read of the table and per write hold for
    both programs; as they draw differently, each is held against its own requests.
    """
    timeouts = 0
    make = simpy.Timeout.__init__

    def counted(timeout: simpy.Timeout, env: simpy.Environment, delay: float, value: Any = None) -> None:
        nonlocal timeouts
        timeouts += 1
        make(timeout, env, delay, value)

    monkeypatch.setattr(simpy.Timeout, "__init__", counted)
    by_hand, in_loop = idiomatic.ycsb_b(1_000, 1, dax=dax), c_loops.ycsb_b(1_000, 1, dax=dax)

    per_hit, per_miss, per_write = (4, 13, 20) if dax else (0, 7, 13)

    def expected(hits: int, reads: int, writes: int) -> int:
        return per_hit * hits + per_miss * (reads - hits) + per_write * writes

    assert timeouts == expected(by_hand.hits, len(by_hand.reads_s), len(by_hand.writes_s))
    assert in_loop.events == expected(in_loop.hits, in_loop.reads.count, in_loop.writes.count)
    assert in_loop.hits > 0 or not dax


def test_the_library_is_built_where_it_is_wanted(tmp_path: Path) -> None:
    library = c_loops.build(tmp_path)

    assert library.parent == tmp_path
    assert library.is_file()
