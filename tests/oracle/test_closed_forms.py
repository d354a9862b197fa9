"""The closed forms against published values, and against brute force that shares nothing with them: chains solved as
linear equations, integrals, enumerations, textbook recursions in exact arithmetic, simulations with frozen seeds.
"""

import itertools
import math
from collections import OrderedDict
from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.special import betaincinv

from models.kernel import closed_forms as cf

FloatArray = npt.NDArray[np.float64]


def zipf(count: int, exponent: float) -> FloatArray:
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum())


def stationary(generator: FloatArray) -> FloatArray:
    """Stationary law of a chain in continuous time, as a linear system; the diagonal is filled in here."""
    generator = generator - np.diag(generator.sum(axis=1))
    equations = np.vstack([generator.T, np.ones(len(generator))])
    return np.asarray(np.linalg.lstsq(equations, np.append(np.zeros(len(generator)), 1.0), rcond=None)[0])


# Stations


@pytest.mark.parametrize(
    ("servers", "rho", "b", "c", "wait"),
    [
        (1, 0.8, 0.444444, 0.8, 4.0),
        (4, 0.8, 0.228145, 0.596432, 0.745541),
        (8, 0.8, 0.144394, 0.457645, 0.286028),
        (16, 0.9, 0.126412, 0.591343, 0.369590),
        (64, 0.9, 0.043124, 0.310663, 0.048541),
    ],
)
def test_erlang_and_mean_waits_agree_with_published_values(
    servers: int, rho: float, b: float, c: float, wait: float
) -> None:
    load = servers * rho

    assert cf.erlang_b(servers, load) == pytest.approx(b, abs=6e-7)
    assert cf.erlang_c(servers, load) == pytest.approx(c, abs=6e-7)
    assert cf.mmc_wait_mean_s(load, 1.0, servers) == pytest.approx(wait, abs=6e-7)
    assert cf.utilization(load, 1.0, servers) == pytest.approx(rho)


@pytest.mark.parametrize(("servers", "load"), [(1, Fraction(1, 3)), (7, Fraction(5)), (200, Fraction(190))])
def test_erlang_b_is_the_quotient_of_its_definition(servers: int, load: Fraction) -> None:
    """Goal: no digit is lost. Method: a^c/c! over the sum of a^n/n!, in fractions."""
    terms = [load**n / math.factorial(n) for n in range(servers + 1)]

    assert cf.erlang_b(servers, float(load)) == pytest.approx(float(terms[-1] / sum(terms)), rel=1e-12)


def test_erlang_forms_stay_finite_for_thousands_of_servers() -> None:
    """Method: with as many erlangs as servers, B tends to sqrt(2 / (pi c))."""
    servers = 100_000

    assert cf.erlang_b(servers, float(servers)) == pytest.approx(math.sqrt(2 / (math.pi * servers)), rel=0.01)
    assert cf.erlang_c(servers, 0.5 * servers) == 0.0


@pytest.mark.parametrize(("rho", "mean", "p99"), [(0.8, 5.0, 23.03), (0.9, 10.0, 46.05)])
def test_single_server_responses_agree_with_published_values(rho: float, mean: float, p99: float) -> None:
    assert cf.mmc_response_mean_s(rho, 1.0) == pytest.approx(mean)
    assert cf.mm1_response_quantile_s(rho, 1.0, 0.99) == pytest.approx(p99, abs=0.005)
    assert cf.mmc_response_quantile_s(rho, 1.0, 1, 0.99) == pytest.approx(cf.mm1_response_quantile_s(rho, 1.0, 0.99))


RESPONSE_CASES = [(2, 1.0), (2, 1.0 + 1e-9), (2, 1.7), (3, 2.0), (5, 1.0), (8, 7.6), (1, 0.5)]
"""Servers and load; in (2, 1.0) and (3, 2.0) the wait's rate c mu - lambda equals mu."""


@pytest.mark.parametrize(("servers", "load"), RESPONSE_CASES)
@pytest.mark.parametrize("time", [0.0, 0.3, 2.0, 9.0])
def test_response_tail_is_that_of_the_chain_a_request_walks(servers: int, load: float, time: float) -> None:
    """Method: a tagged arrival's place in the queue as an absorbing chain, its matrix exponential, truncated at 800."""
    places = 800
    weights = np.cumprod(np.append(1.0, load / np.minimum(np.arange(1, places + servers), servers)))
    found = weights / weights.sum()  # what an arrival finds present
    start = np.append(found[:servers].sum(), found[servers:])  # in service, or with 0, 1, ... waiting ahead
    chain = np.diag(np.full(len(start) - 1, float(servers)), -1)
    chain -= np.diag(np.append(1.0, np.full(len(start) - 1, float(servers))))

    expected = float((start @ expm(chain * time)).sum())

    assert cf.mmc_response_tail(load / 2.0, 2.0, servers, 2.0 * time) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("servers", "load"), RESPONSE_CASES)
def test_response_quantiles_invert_the_tail_and_integrate_to_the_mean(servers: int, load: float) -> None:
    for fraction in (0.001, 0.5, 0.99, 0.99999):
        quantile = cf.mmc_response_quantile_s(load, 1.0, servers, fraction)
        assert cf.mmc_response_tail(load, 1.0, servers, quantile) == pytest.approx(1 - fraction, rel=1e-9)

    mean, _ = quad(lambda time: cf.mmc_response_tail(load, 1.0, servers, time), 0, np.inf, limit=500)
    assert cf.mmc_response_mean_s(load, 1.0, servers) == pytest.approx(mean, rel=1e-7)


def test_wait_quantiles_start_at_zero_and_follow_the_exponential_tail() -> None:
    """Method: four servers at 0.8, where 59.6432 % wait, the wait's tail at the quantile found."""
    assert cf.mmc_wait_quantile_s(3.2, 1.0, 4, 0.4) == 0.0

    quantile = cf.mmc_wait_quantile_s(3.2, 1.0, 4, 0.9)

    assert 0.596432 * math.exp(-0.8 * quantile) == pytest.approx(0.1, abs=1e-6)


def test_a_saturated_station_has_infinite_times() -> None:
    for load in (4.0, 5.0):
        assert cf.erlang_c(4, load) == 1.0
        assert cf.mmc_wait_mean_s(load, 1.0, 4) == math.inf
        assert cf.mmc_wait_quantile_s(load, 1.0, 4, 0.5) == math.inf
        assert cf.mmc_response_quantile_s(load, 1.0, 4, 0.5) == math.inf
        assert cf.mmc_response_tail(load, 1.0, 4, 1e9) == 1.0


def test_an_idle_station_only_serves() -> None:
    assert cf.mmc_wait_mean_s(0.0, 2.0, 3) == 0.0
    assert cf.mmc_response_quantile_s(0.0, 2.0, 3, 0.5) == pytest.approx(2.0 * math.log(2.0))


@pytest.mark.parametrize(("rho", "wait"), [(0.5, 0.5), (0.8, 2.0), (0.9, 4.5)])
def test_constant_service_waits_agree_with_published_values(rho: float, wait: float) -> None:
    assert cf.mg1_wait_mean_s(rho, 1.0, 0.0) == pytest.approx(wait)


def test_pollaczek_khinchine_agrees_with_a_chain_of_service_phases() -> None:
    """Method: M/E2/1 as a chain over phases left, solved; by Poisson arrivals, the wait is their mean work."""
    rate, phases, size = 0.7, 2, 400
    chain = np.zeros((size, size))
    for left in range(size):
        if left + phases < size:
            chain[left, left + phases] = rate
        if left:
            chain[left, left - 1] = phases  # mean service 1
    work = float(stationary(chain) @ np.arange(size)) / phases
    second_moment = 1.0 + 1.0 / phases

    cv = cf.coefficient_of_variation(1.0, second_moment)

    assert cf.mg1_wait_mean_s(rate, 1.0, cv) == pytest.approx(work, rel=1e-9)


def test_the_approximation_is_exact_for_poisson_and_close_for_regular_arrivals_near_saturation() -> None:
    """Method: E2/M/1 by the root of its transform, x = (2 rate / (2 rate + 1 - x))**2, wait x / (1 - x)."""
    rate = 0.9
    root = brentq(lambda x: (2 * rate / (2 * rate + 1 - x)) ** 2 - x, 0.0, 0.999)
    exact = root / (1 - root)

    approximate = cf.approximate_ggc_wait_mean_s(rate, 1.0, 1, arrival_cv=math.sqrt(0.5), service_cv=1.0)

    assert approximate == pytest.approx(exact, rel=0.03)
    assert cf.approximate_ggc_wait_mean_s(3.2, 1.0, 4) == cf.mmc_wait_mean_s(3.2, 1.0, 4)
    assert cf.approximate_ggc_wait_mean_s(3.2, 1.0, 4, service_cv=0.0) == cf.mmc_wait_mean_s(3.2, 1.0, 4) / 2


@pytest.mark.parametrize(("servers", "waiting", "load"), [(1, 0, 0.5), (1, 5, 1.0), (3, 4, 2.0), (4, 10, 9.0)])
def test_bounded_queues_agree_with_their_chain(servers: int, waiting: int, load: float) -> None:
    size = servers + waiting + 1
    chain = np.zeros((size, size))
    for present in range(size - 1):
        chain[present, present + 1] = load / 0.5
        chain[present + 1, present] = min(present + 1, servers) / 0.5
    chances = stationary(chain)
    accepted_per_s = load / 0.5 * (1 - chances[-1])
    queue = float(chances @ np.maximum(np.arange(size) - servers, 0))

    found = cf.bounded_queue(load / 0.5, 0.5, servers, waiting)

    assert found.blocking == pytest.approx(chances[-1], rel=1e-9)
    assert found.throughput_per_s == pytest.approx(accepted_per_s, rel=1e-9)
    assert found.queue_mean == pytest.approx(queue, rel=1e-9, abs=1e-12)
    assert found.wait_mean_s == pytest.approx(queue / accepted_per_s, rel=1e-9, abs=1e-12)
    assert found.response_mean_s == pytest.approx(queue / accepted_per_s + 0.5, rel=1e-9)
    assert found.utilization == pytest.approx(accepted_per_s * 0.5 / servers, rel=1e-9)


def test_bounded_queues_meet_their_limits() -> None:
    """Method: no room is Erlang's loss, endless room is M/M/c, overload in a large room turns away the excess."""
    assert cf.bounded_queue(3.2, 1.0, 4, 0).blocking == pytest.approx(cf.erlang_b(4, 3.2))
    assert cf.bounded_queue(3.2, 1.0, 4, 100_000).wait_mean_s == pytest.approx(cf.mmc_wait_mean_s(3.2, 1.0, 4))
    assert cf.bounded_queue(2.0, 1.0, 1, 100_000).blocking == pytest.approx(0.5)


# Caches

CHE = [
    (10_000, 0.8, 100, 110.8, 0.15662, 0.30005),
    (10_000, 0.8, 1_000, 1_472.5, 0.43666, 0.57062),
    (10_000, 0.99, 100, 138.8, 0.37690, 0.51784),
    (10_000, 0.99, 1_000, 2_281.9, 0.66414, 0.75594),
    (100_000, 0.99, 1_000, 1_686.5, 0.48939, 0.60485),
    (100_000, 0.99, 10_000, 27_854.4, 0.72496, 0.80013),
    (1_000_000, 0.99, 10_000, 19_841.5, 0.56618, 0.66427),
    (1_000_000, 0.99, 100_000, 327_858, 0.76634, 0.83020),
    (10_000, 1.2, 100, 225.6, 0.65634, 0.75077),
    (10_000, 1.2, 1_000, 5_026.9, 0.86143, 0.90345),
]


@pytest.mark.parametrize(("keys", "exponent", "capacity", "time", "lru", "perfect"), CHE)
def test_cache_forms_agree_with_published_values(
    keys: int, exponent: float, capacity: int, time: float, lru: float, perfect: float
) -> None:
    rates = zipf(keys, exponent)

    assert cf.lru_characteristic_time(rates, capacity) == pytest.approx(time, abs=0.051 if time < 1e5 else 0.51)
    assert cf.lru_hit_ratio(rates, capacity) == pytest.approx(lru, abs=6e-6)
    assert cf.perfect_frequency_hit_ratio(rates, capacity) == pytest.approx(perfect, abs=6e-6)


@pytest.mark.parametrize("capacity", [0.5, 1.0, 333.3, 4_999.0, 4_999.999])
@pytest.mark.parametrize("spread", ["zipf", "steps", "geometric"])
def test_characteristic_times_fill_the_cache_exactly(capacity: float, spread: str) -> None:
    """Goal: Newton's method finds the root whatever the rates. Method: Brent's method between wide brackets."""
    ranks = np.arange(5_000)
    shapes = {"zipf": (ranks + 1.0) ** -0.99, "steps": np.where(ranks < 10, 1.0, 1e-9), "geometric": 0.99**ranks}
    rates = shapes[spread]

    def lru_room(log_time: float) -> float:
        return float(-np.expm1(-rates * math.exp(log_time)).sum()) - capacity

    def fifo_room(log_time: float) -> float:
        return float((1 / (1 + 1 / (rates * math.exp(log_time)))).sum()) - capacity

    for found, room in [
        (cf.lru_characteristic_time(rates, capacity), lru_room),
        (cf.fifo_characteristic_time(rates, capacity), fifo_room),
    ]:
        expected = brentq(room, -40.0, 90.0, xtol=1e-14)
        assert math.log(found) == pytest.approx(expected, abs=1e-7)


def simulated_hit_ratio(keys: npt.NDArray[np.int64], capacity: int, policy: str, ttl: float, gaps: FloatArray) -> float:
    """A plain cache that expires lazily; the first half warms it up."""
    held: OrderedDict[int, float] = OrderedDict()
    hits, half = 0, len(keys) // 2
    for i, (key, now) in enumerate(zip(keys.tolist(), np.cumsum(gaps).tolist(), strict=True)):
        if key in held and held[key] > now:
            hits += i >= half
            if policy == "lru":
                held.move_to_end(key)
        else:
            held.pop(key, None)
            if len(held) == capacity:
                held.popitem(last=False)
            held[key] = now + ttl
    return hits / (len(keys) - half)


@pytest.mark.parametrize("policy", ["lru", "fifo"])
@pytest.mark.parametrize("ttl", [math.inf, 6_000.0, 1_000.0, 100.0])
def test_simulated_caches_come_within_a_few_thousandths(policy: str, ttl: float) -> None:
    """Method: 600,000 independent Zipf requests with a frozen seed, the second half counted: 99.9 % band 0.003. The
    characteristic times are 2,282 (LRU) and 2,625 (FIFO), so that the ttls lie on both sides.
    """
    generator = np.random.default_rng(20_261_123)
    rates = zipf(10_000, 0.99)
    keys = generator.choice(len(rates), 600_000, p=rates)
    gaps = generator.exponential(1.0, len(keys))
    form = {"lru": cf.lru_hit_ratio, "fifo": cf.fifo_hit_ratio}[policy]

    expected = simulated_hit_ratio(keys, 1_000, policy, ttl, gaps)

    assert form(rates, 1_000, ttl) == pytest.approx(expected, abs=0.003)


def hits_per_fill_by_series(load: float, lives: float) -> float:
    """The renewal density's transform w (1 - E) / (s + w E) as its series of delayed powers, in 80 decimal digits."""
    with localcontext() as context:
        context.prec = 80
        w, y = Decimal(load), Decimal(lives)
        total = w * y
        for k in range(1, math.floor(lives) + 1):
            power = (-w) ** k * (-k * w).exp() * (y - k) ** k / math.factorial(k)
            total += w * power * (y - k) / (k + 1) + power
        return float(total)


@pytest.mark.parametrize("load", [0.001, 0.3, 0.9, 1.0, 1.1, 3.0, 12.0, 60.0])
@pytest.mark.parametrize("lives", [1.0000001, 1.5, 2.0, 7.3, 23.9, 24.0, 31.7, 90.0])
def test_an_lru_object_with_a_ttl_hits_as_often_as_the_exact_series_says(load: float, lives: float) -> None:
    """Goal: the numerical solution is good far beyond Che's own error. Method: one key that matters in a cache whose
    characteristic time the others set to 1, so that its hit ratio can be told from the total.
    """
    others = np.full(1_000, 1e-9)
    rates = np.append(load, others * 1e9 * math.log(2.0))  # each of the others is present half the time
    capacity = 500.0 - math.expm1(-load)
    assert cf.lru_characteristic_time(rates, capacity) == pytest.approx(1.0, rel=1e-9)
    other = hits_per_fill_by_series(math.log(2.0), lives)
    mine = hits_per_fill_by_series(load, lives)
    expected = (load * mine / (1 + mine) + 1_000 * math.log(2.0) * other / (1 + other)) / float(rates.sum())

    assert cf.lru_hit_ratio(rates, capacity, lives) == pytest.approx(expected, rel=1e-8)


def test_many_keys_are_interpolated_as_good_as_few_are_computed() -> None:
    """Method: the same rates, each ten times over, make the same cache ten times as large."""
    rates = zipf(3_000, 1.1)
    time = cf.lru_characteristic_time(rates, 300.0)

    few = cf.lru_hit_ratio(rates, 300.0, 3.0 * time)
    many = cf.lru_hit_ratio(np.tile(rates, 10), 3_000.0, 3.0 * time)

    assert many == pytest.approx(few, abs=1e-6)


def test_a_ttl_of_any_length_joins_its_limits() -> None:
    """Method: endless is none at all, very long nearly so, longer never hurts; where all fits, the ttl alone counts."""
    rates = zipf(2_000, 0.8)
    for form, time in [
        (cf.lru_hit_ratio, cf.lru_characteristic_time(rates, 200)),
        (cf.fifo_hit_ratio, cf.fifo_characteristic_time(rates, 200)),
    ]:
        ratios = [form(rates, 200, factor * time) for factor in (0.01, 0.5, 1.0, 1.001, 2, 10, 100, 1e4, 1e9, math.inf)]
        assert ratios == sorted(ratios)
        assert ratios[-2] == pytest.approx(ratios[-1], abs=1e-5)
        assert ratios[2] == pytest.approx(ratios[3], abs=1e-3)
        assert form(rates, 2_000, 50.0) == cf.ttl_hit_ratio(rates, 50.0)
        assert form(rates, 5_000) == 1.0


def test_a_ttl_alone_gives_the_renewal_ratio() -> None:
    assert cf.ttl_hit_ratio(np.array([2.0]), 3.0) == pytest.approx(6.0 / 7.0)
    assert cf.ttl_hit_ratio(np.array([2.0, 1.0]), 3.0) == pytest.approx((2.0 * 6 / 7 + 1.0 * 3 / 4) / 3.0)
    assert cf.ttl_hit_ratio(np.array([2.0, 0.0]), math.inf) == 1.0


def test_perfect_frequency_with_a_ttl_is_the_renewal_ratio_of_the_keys_that_are_held() -> None:
    rates = np.array([2.0, 1.0, 0.5])

    assert cf.approximate_lfu_hit_ratio(rates, 2, 3.0) == pytest.approx((2.0 * 6 / 7 + 1.0 * 3 / 4) / 3.5)
    assert cf.approximate_lfu_hit_ratio(rates, 2.9) == pytest.approx(3.0 / 3.5)
    assert cf.approximate_lfu_hit_ratio(rates, 9, 3.0) == pytest.approx(cf.ttl_hit_ratio(rates, 3.0))
    assert cf.approximate_lfu_hit_ratio(rates, 0.5, 3.0) == 0.0


def test_keys_without_requests_take_no_room() -> None:
    rates = zipf(100, 1.0)
    padded = np.concatenate([np.zeros(50), rates])

    for form in (cf.lru_hit_ratio, cf.fifo_hit_ratio, cf.approximate_clock_hit_ratio):
        assert form(padded, 20, 70.0) == pytest.approx(form(rates, 20, 70.0))
        assert form(padded, 100) == 1.0


def test_policies_keep_their_order_on_independent_references() -> None:
    """Goal: FIFO <= LRU <= the most popular keys, which theory proves (van den Berg and Gandolfi 1992)."""
    for exponent, capacity in itertools.product((0.6, 1.0, 1.4), (10, 300, 900)):
        rates = zipf(1_000, exponent)
        fifo, lru, best = (
            form(rates, capacity) for form in (cf.fifo_hit_ratio, cf.lru_hit_ratio, cf.perfect_frequency_hit_ratio)
        )
        assert fifo <= lru <= best


def test_ten_million_keys_are_no_trouble() -> None:
    rates = zipf(10_000_000, 0.99)

    time = cf.lru_characteristic_time(rates, 100_000.0)

    assert -np.expm1(-rates * time).sum() == pytest.approx(100_000.0, rel=1e-9)


def test_the_most_popular_keys_are_counted_whole() -> None:
    rates = np.array([1.0, 5.0, 2.0, 2.0])

    found = [cf.perfect_frequency_hit_ratio(rates, capacity) for capacity in (0.9, 1.0, 2.9, 3.0, 4.0, 9.0)]

    assert found == [0.0, 0.5, 0.7, 0.9, 1.0, 1.0]


def test_bytes_become_items_by_the_mean_size() -> None:
    assert cf.approximate_capacity_items(1_000_000, 400.0) == 2_500.0


# Quorums


@pytest.mark.parametrize(
    ("copies", "needed", "mean"),
    [
        (6, 1, 0.166667),
        (6, 3, 0.616667),
        (3, 2, 0.833333),
        (6, 4, 0.95),
        (4, 3, 1.083333),
        (5, 4, 1.283333),
        (4, 4, 2.083333),
        (6, 6, 2.45),
    ],
)
def test_quorum_means_agree_with_published_values(copies: int, needed: int, mean: float) -> None:
    assert cf.k_of_n_mean_s(copies, needed) == pytest.approx(mean, abs=6e-7)
    assert cf.k_of_n_mean_s(copies, needed, 0.004) == pytest.approx(0.004 * mean, abs=6e-9)


@pytest.mark.parametrize(
    ("copies", "needed", "fraction", "quantile"),
    [
        (3, 2, 0.5, 0.6931),
        (3, 2, 0.99, 2.8319),
        (3, 2, 0.999, 3.9970),
        (6, 4, 0.5, 0.8642),
        (6, 4, 0.99, 2.4683),
        (6, 4, 0.999, 3.2724),
        (6, 6, 0.5, 2.2155),
        (6, 6, 0.99, 6.3927),
        (6, 6, 0.999, 8.6991),
        (1, 1, 0.5, 0.6931),
        (1, 1, 0.99, 4.6052),
        (1, 1, 0.999, 6.9078),
    ],
)
def test_quorum_quantiles_agree_with_published_values(
    copies: int, needed: int, fraction: float, quantile: float
) -> None:
    found = cf.k_of_n_quantile_s(lambda level: -math.log1p(-level), copies, needed, fraction)

    assert found == pytest.approx(quantile, abs=6e-5)


def test_quorum_levels_are_those_of_the_beta_law() -> None:
    """Method: the k-th of n uniform numbers has a beta law; its quantiles by another library."""
    for copies in (1, 2, 6, 40, 2_000):
        for needed in {1, (copies + 1) // 2, copies}:
            for fraction in (1e-6, 0.5, 0.999):
                expected = betaincinv(needed, copies - needed + 1, fraction)
                assert cf.k_of_n_level(copies, needed, fraction) == pytest.approx(expected, rel=1e-9)


def chance_met(quorum: Sequence[tuple[int, ...]], copies: int, arrived: float) -> float:
    """Probability that the copies that have arrived form a quorum: every subset enumerated."""
    return math.fsum(
        math.prod(arrived if up else 1 - arrived for up in ups)
        for ups in itertools.product((0, 1), repeat=copies)
        if any(all(ups[i] for i in needed) for needed in quorum)
    )


def test_leader_and_first_of_two_followers_take_seven_sixths() -> None:
    """Method: the mean as the integral of the tail, over all eight subsets of who has answered."""
    quorum = [(0, 1), (0, 2)]
    mean, _ = quad(lambda time: 1 - chance_met(quorum, 3, -math.expm1(-time)), 0, np.inf)

    assert mean == pytest.approx(7 / 6, rel=1e-9)
    assert cf.leader_and_first_mean_s(2) == pytest.approx(7 / 6, rel=1e-12)
    assert cf.leader_and_first_mean_s(1, 3.0) == pytest.approx(cf.k_of_n_mean_s(2, 2, 3.0))
    for fraction in (0.01, 0.5, 0.999):
        assert chance_met(quorum, 3, cf.leader_and_first_level(2, fraction)) == pytest.approx(fraction)


def test_quorum_means_are_integrals_over_all_subsets() -> None:
    for copies in (3, 4, 6):
        for needed in range(1, copies + 1):
            quorum = list(itertools.combinations(range(copies), needed))
            mean, _ = quad(lambda time, q=quorum, n=copies: 1 - chance_met(q, n, -math.expm1(-time)), 0, np.inf)
            assert cf.k_of_n_mean_s(copies, needed) == pytest.approx(mean, rel=1e-7)


@pytest.mark.parametrize(
    ("slow", "branches", "expected", "tolerance"),
    [(0.01, 10, 0.0956, 6e-5), (0.01, 100, 0.6340, 6e-5), (1e-4, 2_000, 0.1813, 6e-5), (0.01, 100, 0.63, 0.005)],
)
def test_fan_out_agrees_with_published_values(slow: float, branches: int, expected: float, tolerance: float) -> None:
    assert cf.fan_out_slow_probability(slow, branches) == pytest.approx(expected, abs=tolerance)


def test_fan_out_keeps_its_digits_for_rare_events() -> None:
    exact = 1 - (1 - Fraction(1, 10**15)) ** 3

    assert cf.fan_out_slow_probability(1e-15, 3) == pytest.approx(float(exact), rel=1e-12)
    assert cf.fan_out_slow_probability(1.0, 3) == 1.0


# Closed networks


def test_a_lone_queue_without_thinking_is_always_busy() -> None:
    network = cf.closed_network([cf.StationDemand(0.25)], 5)

    assert network.throughput_per_s == pytest.approx([4.0] * 5)
    assert network.response_s == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.25])
    assert network.utilization[:, 0] == pytest.approx([1.0] * 5)


@pytest.mark.parametrize(("clients", "servers", "think", "service"), [(1, 1, 3, 1), (10, 1, 8, 1), (30, 4, 5, 1)])
def test_machine_repair_agrees_with_its_chain(clients: int, servers: int, think: float, service: float) -> None:
    chain = np.zeros((clients + 1, clients + 1))
    for waiting in range(clients):
        chain[waiting, waiting + 1] = (clients - waiting) / think
        chain[waiting + 1, waiting] = min(waiting + 1, servers) / service
    chances = stationary(chain)
    present = float(chances @ np.arange(clients + 1))
    throughput = (clients - present) / think

    network = cf.machine_repair(clients, think, service, servers)

    assert network.throughput_per_s[-1] == pytest.approx(throughput, rel=1e-9)
    assert network.number_mean[-1, 0] == pytest.approx(present, rel=1e-9)
    assert network.response_s[-1] == pytest.approx(present / throughput, rel=1e-9)
    assert network.utilization[-1, 0] == pytest.approx(throughput * service / servers, rel=1e-9)


def test_three_stations_agree_with_the_chain_over_all_their_states() -> None:
    """Method: a cycle of thinking, a single server, two servers and a pure delay; all ways to spread six clients."""
    demands: list[tuple[float, float]] = [(2.0, math.inf), (0.5, 1), (1.2, 2), (0.7, math.inf)]
    clients = 6
    states = [s for s in itertools.product(range(clients + 1), repeat=4) if sum(s) == clients]
    index = {state: i for i, state in enumerate(states)}
    chain = np.zeros((len(states), len(states)))
    for state in states:
        for at, (demand, servers) in enumerate(demands):
            if state[at]:
                moved = list(state)
                moved[at] -= 1
                moved[(at + 1) % 4] += 1
                chain[index[state], index[tuple(moved)]] += min(state[at], servers) / demand
    numbers = stationary(chain) @ np.array(states, dtype=float)
    throughput = numbers[0] / 2.0

    network = cf.closed_network(
        [cf.StationDemand(0.5), cf.StationDemand(1.2, 2), cf.StationDemand(0.7, None)], clients, 2.0
    )

    assert network.throughput_per_s[-1] == pytest.approx(throughput, rel=1e-9)
    assert network.number_mean[-1] == pytest.approx(numbers[1:], rel=1e-9)
    assert network.residence_s[-1] == pytest.approx(numbers[1:] / throughput, rel=1e-9)
    assert network.utilization[-1, :2] == pytest.approx([throughput * 0.5, throughput * 0.6], rel=1e-9)
    assert np.isnan(network.utilization[-1, 2])


def test_networks_agree_with_mean_value_analysis() -> None:
    """Method: the textbook recursion over the number of clients, marginal probabilities for several servers, in exact
    fractions, where its subtraction does no harm.
    """
    think, single, several, servers, clients = Fraction(3), Fraction(1, 4), Fraction(2), 8, 60
    queue, marginals = Fraction(0), [Fraction(1)] + [Fraction(0)] * (servers - 1)
    expected: list[tuple[Fraction, Fraction, Fraction]] = []
    for present in range(1, clients + 1):
        at_single = single * (1 + queue)
        waiting = sum(((servers - 1 - j) * marginals[j] for j in range(servers - 1)), Fraction(0))
        number_before = expected[-1][2] if expected else Fraction(0)
        at_several = several / servers * (1 + number_before + waiting)
        throughput = present / (think + at_single + at_several)
        queue, number = throughput * at_single, throughput * at_several
        busier = [throughput * several / j * marginals[j - 1] for j in range(1, servers)]
        idle = 1 - (throughput * several + sum((servers - j) * busier[j - 1] for j in range(1, servers))) / servers
        marginals = [idle, *busier]
        expected.append((throughput, queue, number))

    network = cf.closed_network([cf.StationDemand(0.25), cf.StationDemand(2.0, servers)], clients, 3.0)

    assert network.throughput_per_s == pytest.approx([float(row[0]) for row in expected], rel=1e-10)
    assert network.number_mean[:, 0] == pytest.approx([float(row[1]) for row in expected], rel=1e-10)
    assert network.number_mean[:, 1] == pytest.approx([float(row[2]) for row in expected], rel=1e-10)


@pytest.mark.parametrize("think_s", [0.0, 1.0, 50.0])
def test_networks_conserve_clients_and_keep_their_bounds(think_s: float) -> None:
    """Method: Little's law around the cycle, and the asymptotic bounds on either side, far into saturation."""
    stations = [cf.StationDemand(0.01), cf.StationDemand(0.2, 32), cf.StationDemand(0.05, None), cf.StationDemand(0.0)]
    clients = 800

    network = cf.closed_network(stations, clients, think_s)

    present = np.arange(1, clients + 1)
    assert network.number_mean.sum(axis=1) + network.throughput_per_s * think_s == pytest.approx(present, rel=1e-9)
    assert (np.diff(network.throughput_per_s) > -1e-9).all()
    for some in (1, 10, 100, clients):
        bounds = cf.asymptotic_bounds(stations, some, think_s)
        throughput, response = network.throughput_per_s[some - 1], network.response_s[some - 1]
        assert bounds.throughput_lower_per_s * (1 - 1e-9) <= throughput <= bounds.throughput_upper_per_s * (1 + 1e-9)
        assert bounds.response_lower_s - 1e-9 <= response <= bounds.response_upper_s + 1e-9
        assert bounds.knee_clients == pytest.approx((0.26 + think_s) / 0.01)


def test_bounds_without_a_bottleneck_are_lines() -> None:
    bounds = cf.asymptotic_bounds([cf.StationDemand(0.5, None)], 10, 0.5)

    assert bounds.throughput_lower_per_s == bounds.throughput_upper_per_s == pytest.approx(10.0)
    assert bounds.knee_clients == math.inf


# Retries


@pytest.mark.parametrize(
    ("failure", "max_attempts", "layers", "load"),
    [(1.0, 4, 1, 4), (1.0, 3, 5, 243), (1.0, 4, 5, 1_024), (0.0, 4, 5, 1)],
)
def test_stacked_retries_agree_with_published_values(failure: float, max_attempts: int, layers: int, load: int) -> None:
    assert cf.load_amplification(failure, max_attempts, layers) == load


def test_two_layers_of_retries_agree_with_all_ways_to_fail() -> None:
    """Method: every sequence of at most six outcomes at the lowest layer, walked by hand, weighted by its chance."""
    failure, total = 0.3, 0.0
    for fails in itertools.product((False, True), repeat=6):
        made = 0
        for _ in range(2):  # two attempts above, each with three below
            outcomes = list(fails[made : made + 3])
            calls = outcomes.index(False) + 1 if False in outcomes else 3
            made += calls
            if False in outcomes:
                break
        total += made * math.prod(failure if fail else 1 - failure for fail in fails)

    below = cf.mean_attempts(failure, 3)
    above = cf.mean_attempts(failure**3, 2)

    assert below * above == pytest.approx(total)
    assert cf.mean_attempts(failure, 3) == pytest.approx(1 + 0.3 + 0.09)
    assert cf.load_amplification(failure, 3, 2) == pytest.approx(below * cf.mean_attempts(failure**3, 3))


def test_a_token_bucket_caps_retries_and_metastable_rates_start_at_the_retried_load() -> None:
    assert cf.retry_bucket_amplification_max(0.1) == pytest.approx(1.1)
    assert cf.retry_bucket_amplification_max(0.1, 0.0) == 1.0
    assert cf.vulnerable_rates_per_s(300.0, 2) == (150.0, 300.0)
    assert 280.0 * cf.load_amplification(1.0, 2) == 560.0


# Arguments


@pytest.mark.parametrize(
    "call",
    [
        lambda: cf.erlang_b(0, 1.0),
        lambda: cf.erlang_b(2, -1.0),
        lambda: cf.utilization(math.nan, 1.0),
        lambda: cf.mmc_wait_mean_s(1.0, -1.0, 1),
        lambda: cf.mmc_wait_quantile_s(1.0, 0.1, 1, 1.0),
        lambda: cf.mmc_response_quantile_s(1.0, 0.1, 1, 0.0),
        lambda: cf.mmc_response_tail(1.0, 0.1, 1, -1.0),
        lambda: cf.mg1_wait_mean_s(1.0, 0.1, -0.5),
        lambda: cf.coefficient_of_variation(2.0, 3.0),
        lambda: cf.bounded_queue(1.0, 1.0, 1, -1),
        lambda: cf.lru_hit_ratio(np.array([1.0, 2.0]), 0.0),
        lambda: cf.lru_hit_ratio(np.array([1.0, 2.0]), 1.0, 0.0),
        lambda: cf.lru_hit_ratio(np.array([1.0, -2.0]), 1.0),
        lambda: cf.fifo_hit_ratio(np.array([0.0, 0.0]), 1.0),
        lambda: cf.ttl_hit_ratio(np.array([np.nan]), 1.0),
        lambda: cf.perfect_frequency_hit_ratio(np.array([[1.0]]), 1.0),
        lambda: cf.approximate_capacity_items(10.0, 0.0),
        lambda: cf.k_of_n_mean_s(3, 4),
        lambda: cf.k_of_n_level(3, 0, 0.5),
        lambda: cf.k_of_n_level(3, 2, 1.0),
        lambda: cf.leader_and_first_mean_s(0),
        lambda: cf.fan_out_slow_probability(1.1, 3),
        lambda: cf.closed_network([cf.StationDemand(0.0)], 3),
        lambda: cf.closed_network([cf.StationDemand(1.0)], 0),
        lambda: cf.closed_network([cf.StationDemand(1.0, 0)], 3),
        lambda: cf.asymptotic_bounds([cf.StationDemand(-1.0)], 3),
        lambda: cf.mean_attempts(0.5, 0),
        lambda: cf.load_amplification(0.5, 2, 0),
        lambda: cf.retry_bucket_amplification_max(0.0),
    ],
)
def test_arguments_out_of_range_are_refused(call: object) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=r"must|lies|moment|needs"):
        call()
