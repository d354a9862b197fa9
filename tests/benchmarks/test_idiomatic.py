"""The hand-written models agree with closed forms, so that a race against them is a race against correct programs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from bench import library
from bench.scenario.load import load
from bench.simulate import simulate
from tests.benchmarks import idiomatic


def half_width_999(values: npt.NDArray[np.float64]) -> float:
    """Half of the 99.9 % t-interval of a mean, from one value per replication."""
    return float(stats.t.ppf(0.9995, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size))


def test_mmc_waits_as_erlang_says() -> None:
    """Goal: the wait of M/M/4 at 80 % load. Method: Erlang C gives Wq/S = .745541; the start of each
    replication is cut off.
    """
    replications = [idiomatic.mmc(8_000, seed) for seed in range(12)]

    waits = np.array([np.mean(result.latencies_s[1_000:]) / 0.001 - 1.0 for result in replications])

    assert waits.mean() == pytest.approx(0.745541, abs=half_width_999(waits))


def test_cache_aside_hits_as_che_says() -> None:
    """Goal: the LRU hit ratio once the cache is full. Method: Che's approximation; the first 100,000 requests,
    more than three characteristic times, are dropped as a shorter run with the same seed. The band is the binomial's.
    """
    dropped, measured = 100_000, 100_000
    first = idiomatic.cache_aside(dropped, seed=1)
    whole = idiomatic.cache_aside(dropped + measured, seed=1)

    hit_ratio = (whole.hits - first.hits) / measured

    assert hit_ratio == pytest.approx(0.72496, abs=0.0047)


def test_cache_aside_mean_latency_follows_from_its_hits() -> None:
    """Goal: a miss costs the store's 2 ms on top of the lookup's 0.2 ms. Method: nothing queues, so means add up."""
    results = [idiomatic.cache_aside(5_000, seed) for seed in range(10)]

    excess_s = np.array(
        [np.mean(run.latencies_s) - 0.0002 - 0.002 * (1.0 - run.hits / run.requests) for run in results]
    )

    assert excess_s.mean() == pytest.approx(0.0, abs=half_width_999(excess_s))


def test_quorum_write_is_the_fourth_of_six() -> None:
    """Goal: the time to a quorum. Method: the fourth of six unit exponentials has mean 1/6 + 1/5 + 1/4 + 1/3 = .95."""
    replications = [idiomatic.quorum_write(1_500, seed) for seed in range(10)]

    means_ms = np.array([1_000.0 * np.mean(result.latencies_s) for result in replications])

    assert means_ms.mean() == pytest.approx(0.95, abs=half_width_999(means_ms))


def test_dynamodb_reads_as_its_laws_add_up() -> None:
    """Goal: reads of the table. Method: nothing queues, so the means of four ways, the router and the replica add up;
    of all pairs of zones, one in three is near.
    """
    z99 = stats.norm.ppf(0.99)
    near, far = (stats.lognorm(s=np.log(2.0) / z99, scale=median_s).mean() for median_s in (0.00015, 0.0004))
    service = stats.lognorm(s=np.log(2.3) / z99, scale=0.002).mean()
    expected_ms = 1_000.0 * (4.0 * (near + 2.0 * far) / 3.0 + 0.0001 + service)

    results = [idiomatic.ycsb_b(2_000, seed, dax=False) for seed in range(8)]

    means_ms = np.array([1_000.0 * np.mean(result.reads_s) for result in results])
    assert means_ms.mean() == pytest.approx(expected_ms, abs=half_width_999(means_ms))


@pytest.mark.parametrize("system", ["direct", "dax"])
def test_the_shipped_scenario_agrees_with_the_hand_written_models(system: str) -> None:
    """Goal: two independent programs of one description agree. Method: latencies of reads and writes and the hit ratio,
    caches cold, as the difference of two means with a 99.9 % band.
    """
    replications, requests = 6, 6_000
    short = ["initial='cold'", "workload.arrivals.rate_per_s=2000.0", f"duration_s={requests / 2_000}", "warmup_s=0.0"]
    scenario = load(library.find("dax_vs_dynamodb"), short)

    by_hand = [idiomatic.ycsb_b(requests, seed, dax=system == "dax") for seed in range(replications)]
    ours = [simulate(scenario, system, replication, "simpy").outcome for replication in range(replications)]

    pairs = {
        "read": ([np.mean(r.reads_s) for r in by_hand], [o.operations["read"].latency.mean_s for o in ours]),
        "write": ([np.mean(r.writes_s) for r in by_hand], [o.operations["write"].latency.mean_s for o in ours]),
    }
    if system == "dax":
        hits = [o.caches["item_cache"].hits.sum() / o.caches["item_cache"].lookups.sum() for o in ours]
        pairs["hit ratio"] = ([r.hits / len(r.reads_s) for r in by_hand], hits)
    for name, (theirs, mine) in pairs.items():
        spread = np.sqrt((np.var(theirs, ddof=1) + np.var(mine, ddof=1)) / replications)
        assert np.mean(theirs) == pytest.approx(
            np.mean(mine), abs=stats.t.ppf(0.9995, 2 * replications - 2) * spread
        ), name


def test_dax_hits_what_its_nodes_have_seen() -> None:
    """Goal: the hits of DAX from cold. Method: within one TTL and with room for all, a read hits if its key was
    among all earlier requests, as what one node has read or written all nodes get; summed over keys, and by quadrature
    over the requests. The band is the binomial's 99.9 %.
    """
    requests = 20_000
    popularity = np.diff(idiomatic.zipf_cdf(1_000_000, 0.99), prepend=0.0)
    nodes, weights = np.polynomial.legendre.leggauss(16)
    earlier = 0.5 * requests * (1.0 + nodes)
    seen = [1.0 - (1.0 - popularity) ** n for n in earlier]
    hit_ratio = float(np.sum(0.5 * weights * [np.dot(popularity, chance) for chance in seen]))

    result = idiomatic.dax_vs_dynamodb(requests, seed=3)

    reads = 0.95 * requests
    assert result.hits == pytest.approx(reads * hit_ratio, abs=3.3 * np.sqrt(reads * hit_ratio * (1.0 - hit_ratio)))


@pytest.mark.parametrize(
    "model", [idiomatic.mmc, idiomatic.cache_aside, idiomatic.quorum_write, idiomatic.dax_vs_dynamodb]
)
def test_every_request_is_answered_and_a_seed_repeats(model: Callable[[int, int], idiomatic.Result]) -> None:
    first, second = model(300, 7), model(300, 7)

    assert first == second
    assert len(first.latencies_s) == first.requests
