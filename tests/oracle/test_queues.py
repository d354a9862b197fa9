"""Simulated queues, quorums, closed loops and caches agree with theory.

Method: independent replications on the compiled engine, 99.9 % t-bands over one figure of each; bands that are too wide
to tell anything fail too. One of each kind runs on SimPy as well; that both engines agree to the bit is tested
elsewhere. Times are in units of a mean service of one second.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from models.kernel.arrivals import Closed, Poisson
from models.kernel.closed_forms import (
    StationDemand,
    bounded_queue,
    closed_network,
    k_of_n_mean_s,
    k_of_n_quantile_s,
    machine_repair,
    mmc_response_quantile_s,
)
from models.kernel.keys import UniformKeys, Zipf
from models.kernel.laws import Constant, Erlang, Exponential, ExponentialSeconds, Hyperexponential, Law, Lognormal
from models.kernel.outcome import Outcome
from models.kernel.parts import Cache, Group, Quorum, Station, everybody
from models.kernel.predict import predict
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.steps import Choose, Fill, Fork, Lookup, Occupy, Serve
from models.kernel.system import Operation, Route, System
from tests.strategies.runs import assert_mean, queue, replicate, workload

REPLICATIONS = 20
LONG = Span(3_000.0, 60_000.0, 70_000.0, 4)
SHORT = Span(400.0, 4_000.0, 5_000.0, 4)


def latency_s(outcome: Outcome) -> float:
    return outcome.operations["read"].latency.mean_s


def percentile_s(fraction: float) -> Callable[[Outcome], float]:
    return lambda outcome: outcome.operations["read"].latency.percentile_s(fraction)


# ---------------------------------------------------------------- one station


@pytest.mark.parametrize(
    ("servers", "load", "wait_s"),
    [(1, 0.5, 1.0), (1, 0.8, 4.0), (4, 0.8, 0.745541), (8, 0.8, 0.286028), (16, 0.9, 0.369590), (64, 0.9, 0.048541)],
)
def test_mean_waits_of_exponential_servers(servers: int, load: float, wait_s: float) -> None:
    """Erlang's C over c (1 - rho); the table of closed forms."""
    work = workload(Poisson(rate_per_s=load * servers))
    span = Span(3_000.0 / servers + 300.0, 120_000.0 / servers + 2_000.0, 200_000.0, 4)

    outcomes = replicate(queue(Exponential(mean=1.0), servers), work, span, REPLICATIONS)

    assert_mean(outcomes, latency_s, 1.0 + wait_s, widest=0.06)


def test_mean_wait_of_exponential_servers_on_simpy() -> None:
    span = Span(200.0, 4_000.0, 4_500.0, 4)

    outcomes = replicate(queue(Exponential(mean=1.0), 4), workload(Poisson(rate_per_s=3.2)), span, 10, "simpy")

    assert_mean(outcomes, latency_s, 1.745541, widest=0.1)


@pytest.mark.parametrize(
    ("law", "load", "wait_s"),
    [
        (Constant(value=1.0), 0.5, 0.5),
        (Constant(value=1.0), 0.8, 2.0),
        (Constant(value=1.0), 0.9, 4.5),
        (Erlang(shape=4, mean=1.0), 0.8, 2.0 * 1.25),
        (Lognormal(mean=1.0, cv=1.5), 0.7, 0.7 * 3.25 / 0.6),
        (Hyperexponential(mean=1.0, cv=2.0), 0.6, 0.6 * 5.0 / 0.8),
    ],
    ids=["constant .5", "constant .8", "constant .9", "erlang", "lognormal", "hyperexponential"],
)
def test_mean_waits_of_one_server_of_any_law(law: Law, load: float, wait_s: float) -> None:
    """Pollaczek and Khinchine: rho (1 + cv**2) / (2 (1 - rho))."""
    outcomes = replicate(queue(law), workload(Poisson(rate_per_s=load)), LONG, REPLICATIONS)

    assert_mean(outcomes, latency_s, 1.0 + wait_s, widest=0.08)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.8), (1, 0.9), (4, 0.8)])
def test_p99_of_exponential_servers(servers: int, load: float) -> None:
    """23.03 S for one server at .8, 46.05 S at .9."""
    expected = mmc_response_quantile_s(load * servers, 1.0, servers, 0.99)
    assert servers > 1 or expected == pytest.approx({0.8: 23.03, 0.9: 46.05}[load], abs=0.005)
    span = Span(5_000.0, 500_000.0 / servers, 600_000.0, 4)

    outcomes = replicate(
        queue(Exponential(mean=1.0), servers), workload(Poisson(rate_per_s=load * servers)), span, REPLICATIONS
    )

    assert_mean(outcomes, percentile_s(0.99), expected, widest=0.1)


@pytest.mark.parametrize(("rate", "servers", "places"), [(0.9, 1, 0), (3.0, 4, 2), (6.0, 4, 5)])
def test_a_bounded_queue_turns_away_as_its_chain_says(rate: float, servers: int, places: int) -> None:
    """M/M/c/K, in overload too: blocking, throughput and the wait of those who got in."""
    theory = bounded_queue(rate, 1.0, servers, places)

    outcomes = replicate(
        queue(Exponential(mean=1.0), servers, places), workload(Poisson(rate_per_s=rate)), LONG, REPLICATIONS
    )

    def rejected(outcome: Outcome) -> float:
        read = outcome.operations["read"]
        return read.errors["rejected"] / read.requests

    def busy(outcome: Outcome) -> float:
        station = outcome.stations["station"]
        return float(station.span_busy_s[0] / station.span_servers_s[0])

    assert_mean(outcomes, rejected, theory.blocking)
    assert_mean(outcomes, latency_s, theory.response_mean_s)
    assert_mean(outcomes, busy, theory.utilization)
    assert places == 0 or abs(theory.queue_mean) > 0.0


def test_queue_and_busy_servers_obey_little() -> None:
    """What waits and is served on the average is rate times latency, from counts that know nothing of latency."""
    outcomes = replicate(queue(Exponential(mean=1.0), 4), workload(Poisson(rate_per_s=3.2)), LONG, REPLICATIONS)

    for outcome in outcomes:
        station, length_s = outcome.stations["station"], LONG.duration_s - LONG.warmup_s
        inside = float(station.span_busy_s[0] + station.span_queue_s[0]) / length_s
        read = outcome.operations["read"]
        assert inside == pytest.approx(read.answers_in_span / length_s * read.latency.mean_s, rel=2e-3)


# ---------------------------------------------------------------- quorums


def copies(quorum: Quorum) -> System:
    group = Group("copies", quorum.legs)
    leg = Route(Choose(everybody(group), "leg"), Serve(Station("copies", group, 0), Exponential(mean=1.0)))
    return System({"read": Operation(Route(Fork(quorum, leg)))})


@pytest.mark.parametrize(("copies_count", "needed"), [(6, 1), (6, 3), (3, 2), (6, 4), (4, 3), (5, 4), (6, 6)])
def test_a_quorum_is_an_order_statistic(copies_count: int, needed: int) -> None:
    """H(n) - H(n - k); .95 for 4 of 6."""
    system = copies(Quorum("quorum", copies_count, needed))

    outcomes = replicate(system, workload(Poisson(rate_per_s=5.0)), SHORT, REPLICATIONS)

    assert_mean(outcomes, latency_s, k_of_n_mean_s(copies_count, needed), widest=0.01)
    level_s = k_of_n_quantile_s(lambda p: -math.log1p(-p), copies_count, needed, 0.99)
    assert_mean(outcomes, percentile_s(0.99), level_s, widest=0.03)


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_a_leader_and_the_first_follower(engine: str) -> None:
    """The later of the leader and the first of two followers: 1 + 1/2 - 1/3 = 7/6."""
    table = tuple(bool(held & 1) and held.bit_count() >= 2 for held in range(8))
    short = Span(0.0, 1_000.0, 1_100.0, 4)

    outcomes = replicate(copies(Quorum("quorum", 3, table=table)), workload(Poisson(rate_per_s=3.0)), short, 10, engine)

    assert_mean(outcomes, latency_s, 7.0 / 6.0, widest=0.05)


# ---------------------------------------------------------------- closed loops


def test_a_closed_loop_is_machine_repair() -> None:
    """Exact mean value analysis; throughput and response, from half idle to saturated."""
    for clients in (2, 10, 40):
        theory = machine_repair(clients, 9.0, 1.0)
        work = workload(Closed(clients=clients, think=ExponentialSeconds(mean_s=9.0)))

        outcomes = replicate(queue(Exponential(mean=1.0)), work, LONG, 12)

        assert_mean(outcomes, latency_s, float(theory.response_s[-1]))
        assert_mean(outcomes, _throughput, float(theory.throughput_per_s[-1]))


def _throughput(outcome: Outcome) -> float:
    start_s, end_s = outcome.span_s
    return outcome.operations["read"].answers_in_span / (end_s - start_s)


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_a_closed_network_of_three_stations(engine: str) -> None:
    """One server, two servers, servers without number, and thinking clients: exact, by its product form."""
    one, two, many = (Station(name, Group(name), servers) for name, servers in (("one", 1), ("two", 2), ("many", 0)))
    route = Route(
        Serve(one, Exponential(mean=0.5)), Serve(two, Exponential(mean=1.2)), Serve(many, Exponential(mean=2.0))
    )
    system = System({"read": Operation(route)})
    theory = closed_network([StationDemand(0.5, 1), StationDemand(1.2, 2), StationDemand(2.0, None)], 6, 1.0)
    span = Span(500.0, 40_000.0, 40_100.0, 4) if engine == "compiled" else Span(100.0, 2_000.0, 2_100.0, 4)

    outcomes = replicate(system, workload(Closed(clients=6, think=ExponentialSeconds(mean_s=1.0))), span, 10, engine)

    assert_mean(outcomes, latency_s, float(theory.response_s[-1]))
    assert_mean(outcomes, _throughput, float(theory.throughput_per_s[-1]))
    for outcome in outcomes:
        # Little's law for the whole loop: each client asks or thinks.
        assert _throughput(outcome) * (latency_s(outcome) + 1.0) == pytest.approx(6.0, rel=0.03)


# ---------------------------------------------------------------- servers that walks occupy


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_occupying_a_server_while_served_elsewhere_is_being_served(engine: str) -> None:
    """Erlang's C again: four servers, each held for an exponential time that passes at another station."""
    pool, elsewhere = Station("pool", Group("pool"), 4), Station("elsewhere", Group("elsewhere"), 0)
    system = System({"read": Operation(Route(Occupy(pool, Route(Serve(elsewhere, Exponential(mean=1.0))))))})
    span = Span(1_000.0, 30_000.0, 40_000.0, 4) if engine == "compiled" else Span(200.0, 4_000.0, 4_500.0, 4)

    outcomes = replicate(system, workload(Poisson(rate_per_s=3.2)), span, 10, engine)

    assert_mean(outcomes, latency_s, 1.745541, widest=0.1)
    for outcome in outcomes:
        station = outcome.stations["pool"]
        within_s = station.servers_s.sum() / 4.0
        assert station.busy_s.sum() == pytest.approx(3.2 * within_s, rel=0.1)


@pytest.mark.parametrize("threads", [1, 2, 4, 10])
def test_threads_that_wait_for_a_lock_are_machines_under_repair(threads: int) -> None:
    """Far more clients than threads, so each thread is always at work or waits for the lock: as many machines, repaired
    by one. The bend of Memcached's writes: a thread that waits for the lock does nothing else meanwhile.
    """
    node = Group("node")
    pool, lock = Station("threads", node, threads), Station("lock", node, 1)
    work = Serve(Station("work", node, 0), Exponential(mean=4.0))
    system = System({"read": Operation(Route(Occupy(pool, Route(work, Serve(lock, Exponential(mean=1.0))))))})
    theory = machine_repair(threads, 4.0, 1.0)

    outcomes = replicate(system, workload(Closed(clients=64, think=ExponentialSeconds(mean_s=0.1))), LONG, 10)

    assert_mean(outcomes, _throughput, float(theory.throughput_per_s[-1]))
    assert_mean(outcomes, lambda o: float(o.stations["threads"].span_busy_s.sum()) / 57_000.0, float(threads))


def test_the_load_of_who_occupies_is_the_way_s_whole_time() -> None:
    """Four threads, each held for 4 s of work and 1 s of the lock; the 2 s behind are nobody's."""
    node = Group("node")
    pool, lock = Station("threads", node, 4), Station("lock", node, 1)
    work, after = (Station(name, node, 0) for name in ("work", "after"))
    way = Route(Serve(work, Exponential(mean=4.0)), Serve(lock, Exponential(mean=1.0)))
    system = System({"read": Operation(Route(Occupy(pool, way), Serve(after, Constant(value=2.0))))})

    found = predict(Program(system, "threads"), workload(Poisson(rate_per_s=0.5)), 100.0)

    assert found.unloaded_s["read"] == pytest.approx(7.0)
    assert found.stations["threads"].work_s.tolist() == pytest.approx([5.0])
    assert found.stations["threads"].saturation_per_s == pytest.approx(0.8)
    assert found.stations["lock"].saturation_per_s == pytest.approx(1.0)


# ---------------------------------------------------------------- caches


def aside(cache: Cache) -> System:
    """A cache that is filled on a miss, at once."""
    return System({"read": Operation(Route(Lookup(cache, Route(Fill(cache)))))})


def hit_ratio(outcome: Outcome) -> float:
    cache = outcome.caches["cache"]
    return float(cache.hits.sum() / cache.lookups.sum())


CHE = [
    (10_000, 0.8, 100, 0.15662),
    (10_000, 0.8, 1_000, 0.43666),
    (10_000, 0.99, 100, 0.37690),
    (10_000, 0.99, 1_000, 0.66414),
    (100_000, 0.99, 1_000, 0.48939),
    (100_000, 0.99, 10_000, 0.72496),
    (10_000, 1.2, 100, 0.65634),
    (10_000, 1.2, 1_000, 0.86143),
    pytest.param(1_000_000, 0.99, 10_000, 0.56618, marks=pytest.mark.slow),
    pytest.param(1_000_000, 0.99, 100_000, 0.76634, marks=pytest.mark.slow),
]
"""Keys, exponent, capacity, and the hit ratio of LRU after Che."""


@pytest.mark.parametrize(("keys", "exponent", "capacity", "expected"), CHE)
def test_lru_hits_as_che_says(keys: int, exponent: float, capacity: int, expected: float) -> None:
    """Good to about .001 at these sizes; several characteristic times of warm-up, a million requests and more."""
    warmup_s = 12.0 * capacity
    system = aside(Cache("cache", Group("node"), "lru", capacity_items=capacity))
    span = Span(warmup_s, warmup_s + 1_000_000.0, warmup_s + 1_000_001.0, 1)

    outcome = replicate(system, workload(Poisson(rate_per_s=1.0), Zipf(count=keys, exponent=exponent)), span, 1)[0]

    assert hit_ratio(outcome) == pytest.approx(expected, abs=0.002)


def test_lru_hits_as_che_says_on_simpy() -> None:
    system = aside(Cache("cache", Group("node"), "lru", capacity_items=100))
    work = workload(Poisson(rate_per_s=1.0), Zipf(count=10_000, exponent=0.99))

    outcome = replicate(system, work, Span(2_000.0, 102_000.0, 102_001.0, 1), 1, "simpy")[0]

    assert hit_ratio(outcome) == pytest.approx(0.37690, abs=0.006)


def test_a_stationary_start_needs_no_warm_up() -> None:
    """After priming, the first requests hit as often as all later ones would."""
    system = aside(Cache("cache", Group("node"), "lru", capacity_items=1_000))
    work = workload(Poisson(rate_per_s=1.0), Zipf(count=10_000, exponent=0.99))

    outcomes = replicate(system, work, Span(0.0, 10_000.0, 10_001.0, 1), 12, primed_ttl_s=0.0)

    assert_mean(outcomes, hit_ratio, 0.66414)


@pytest.mark.parametrize("primed", [False, True], ids=["warmed up", "primed"])
@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_a_cache_with_nothing_but_a_time_to_live(engine: str, primed: bool) -> None:
    """Lambda T / (1 + lambda T) for each key, as the life begins at the fill; ages are right after priming too."""
    keys, ttl_s = 50, 100.0
    rate = 1.0 / keys
    system = aside(Cache("cache", Group("node"), "fifo", capacity_items=keys, ttl_s=ttl_s))
    warmup_s, length_s, replications = (0.0 if primed else 1_000.0), (20_000.0 if engine == "compiled" else 5_000.0), 10
    span = Span(warmup_s, warmup_s + length_s, warmup_s + length_s + 1.0, 1)
    if engine == "simpy" and primed:
        replications = 3
    work = workload(Poisson(rate_per_s=1.0), UniformKeys(count=keys))

    outcomes = replicate(system, work, span, replications, engine, ttl_s if primed else None)

    assert_mean(outcomes, hit_ratio, rate * ttl_s / (1.0 + rate * ttl_s), widest=0.1)
