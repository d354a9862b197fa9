"""Stations with Poisson arrivals: how busy they are, how long work waits, and when they turn work away.

Everywhere `rate_per_s` is the arrival rate, `service_mean_s` the mean service time, and the queue is first come first
served without limit unless said otherwise. A station offered as much work as its servers can do, or more, has no steady
state: its means and quantiles are inf, so that a table of stations can be printed without a special case.
"""

import math
from dataclasses import dataclass

import numpy as np

from models.kernel.closed_forms.numeric import (
    first_reached,
    require_count,
    require_fraction,
    require_non_negative,
    require_positive,
)


def utilization(rate_per_s: float, service_mean_s: float, servers: int = 1) -> float:
    """Work offered over work that the servers can do; 1 and more where the station saturates.

    Raises:
        ValueError: If the rate or the mean is negative or not finite, or there is no server.
    """
    require_non_negative(rate_per_s=rate_per_s, service_mean_s=service_mean_s)
    require_count(servers=servers)
    return rate_per_s * service_mean_s / servers


def erlang_b(servers: int, offered_load: float) -> float:
    """Probability that an arrival finds all servers busy where nothing can wait (M/G/c/c).

    Args:
        servers: Number of servers.
        offered_load: Arrival rate times mean service time, in erlangs.

    Raises:
        ValueError: If there is no server, or the load is negative or not finite.

    Source:
        Erlang 1917, by the recursion B(n) = a B(n-1) / (n + a B(n-1)), which has no cancellation; exact.
    """
    require_count(servers=servers)
    require_non_negative(offered_load=offered_load)
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = offered_load * blocked / (busy + offered_load * blocked)
    return blocked


def erlang_c(servers: int, offered_load: float) -> float:
    """Probability that an arrival has to wait (M/M/c); 1 where the station saturates.

    Args:
        servers: Number of servers.
        offered_load: Arrival rate times mean service time, in erlangs.

    Raises:
        ValueError: If there is no server, or the load is negative or not finite.

    Source:
        Erlang 1917, from `erlang_b`; exact.
    """
    blocked = erlang_b(servers, offered_load)
    if offered_load >= servers:
        return 1.0
    return servers * blocked / (servers - offered_load * (1.0 - blocked))


def mmc_wait_mean_s(rate_per_s: float, service_mean_s: float, servers: int = 1) -> float:
    """Mean wait before service in an M/M/c queue, over all arrivals, seconds; inf where it saturates.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        C(c, a) S / (c (1 - rho)), Erlang 1917; exact.
    """
    return approximate_ggc_wait_mean_s(rate_per_s, service_mean_s, servers, arrival_cv=1.0, service_cv=1.0)


def mmc_response_mean_s(rate_per_s: float, service_mean_s: float, servers: int = 1) -> float:
    """Mean wait and service in an M/M/c queue, seconds; inf where it saturates.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        As `mmc_wait_mean_s`; exact.
    """
    return mmc_wait_mean_s(rate_per_s, service_mean_s, servers) + service_mean_s


def mmc_wait_quantile_s(rate_per_s: float, service_mean_s: float, servers: int, fraction: float) -> float:
    """The wait that a fraction of all arrivals to an M/M/c queue do not exceed, seconds; inf where it saturates.

    Args:
        rate_per_s: Arrivals per second.
        service_mean_s: Mean service time, seconds.
        servers: Number of servers.
        fraction: In (0, 1), 0.99 for the 99th percentile.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        P(W > t) = C(c, a) exp(-(c mu - lambda) t); exact.
    """
    require_fraction(fraction)
    require_positive(service_mean_s=service_mean_s)
    if utilization(rate_per_s, service_mean_s, servers) >= 1.0:
        return math.inf
    waits = erlang_c(servers, rate_per_s * service_mean_s)
    if waits <= 1.0 - fraction:
        return 0.0
    return math.log(waits / (1.0 - fraction)) / (servers / service_mean_s - rate_per_s)


def mmc_response_tail(rate_per_s: float, service_mean_s: float, servers: int, time_s: float) -> float:
    """Probability that wait and service in an M/M/c queue take longer than a time; 1 where it saturates.

    Args:
        rate_per_s: Arrivals per second.
        service_mean_s: Mean service time, seconds.
        servers: Number of servers.
        time_s: Seconds since the arrival, at least zero.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        Service is Exp(mu); the wait is 0 with probability 1 - C and else Exp(theta), theta = c mu - lambda, independent
        of it. Hence P(T > t) = e^(-mu t) + C mu t e^(-min(mu, theta) t) g(|theta - mu| t) with g(x) = (1 - e^(-x)) / x,
        which stays whole where theta = mu, g(0) = 1; exact.
    """
    require_positive(service_mean_s=service_mean_s)
    require_non_negative(time_s=time_s)
    if utilization(rate_per_s, service_mean_s, servers) >= 1.0:
        return 1.0
    mu = 1.0 / service_mean_s
    theta = servers * mu - rate_per_s
    waits = erlang_c(servers, rate_per_s * service_mean_s)
    gap = abs(theta - mu) * time_s
    shrink = -math.expm1(-gap) / gap if gap > 0.0 else 1.0
    return math.exp(-mu * time_s) + waits * mu * time_s * math.exp(-min(mu, theta) * time_s) * shrink


def mmc_response_quantile_s(rate_per_s: float, service_mean_s: float, servers: int, fraction: float) -> float:
    """The response that a fraction of all arrivals to an M/M/c queue do not exceed, seconds; inf where it saturates.

    Args:
        rate_per_s: Arrivals per second.
        service_mean_s: Mean service time, seconds.
        servers: Number of servers.
        fraction: In (0, 1), 0.99 for the 99th percentile.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        Inverse of `mmc_response_tail` by bisection; exact to rounding.
    """
    require_fraction(fraction)
    high_s = mmc_response_mean_s(rate_per_s, service_mean_s, servers)
    if math.isinf(high_s):
        return math.inf

    def reached(time_s: float) -> bool:
        return mmc_response_tail(rate_per_s, service_mean_s, servers, time_s) <= 1.0 - fraction

    while not reached(high_s):
        high_s *= 2.0
    return first_reached(reached, 0.0, high_s)


def mm1_response_quantile_s(rate_per_s: float, service_mean_s: float, fraction: float) -> float:
    """The response that a fraction of all arrivals to an M/M/1 queue do not exceed, seconds; inf where it saturates.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        The response is exponential with mean S / (1 - rho); exact.
    """
    require_fraction(fraction)
    return -math.log1p(-fraction) * mmc_response_mean_s(rate_per_s, service_mean_s, 1)


def coefficient_of_variation(mean: float, second_moment: float) -> float:
    """Standard deviation over mean, from the mean of a law and the mean of its square.

    Raises:
        ValueError: If the mean is not positive, or the second moment is smaller than its square.
    """
    require_positive(mean=mean)
    if not mean * mean <= second_moment * (1.0 + 1e-12) < math.inf:
        raise ValueError(f"a second moment is finite and at least the mean's square {mean * mean}, got {second_moment}")
    return math.sqrt(max(second_moment - mean * mean, 0.0)) / mean


def mg1_wait_mean_s(rate_per_s: float, service_mean_s: float, service_cv: float) -> float:
    """Mean wait before service in an M/G/1 queue, seconds; inf where it saturates.

    Args:
        rate_per_s: Arrivals per second.
        service_mean_s: Mean service time, seconds.
        service_cv: Its standard deviation over its mean (see `coefficient_of_variation`).

    Raises:
        ValueError: If an argument is out of range.

    Source:
        rho (1 + cv**2) S / (2 (1 - rho)), Pollaczek 1930, Khinchine 1932; exact.
    """
    return approximate_ggc_wait_mean_s(rate_per_s, service_mean_s, 1, arrival_cv=1.0, service_cv=service_cv)


def approximate_ggc_wait_mean_s(
    rate_per_s: float, service_mean_s: float, servers: int, *, arrival_cv: float = 1.0, service_cv: float = 1.0
) -> float:
    """Mean wait before service with any laws of arrival and service, approximate, seconds; inf where it saturates.

    Args:
        rate_per_s: Arrivals per second.
        service_mean_s: Mean service time, seconds.
        servers: Number of servers.
        arrival_cv: Standard deviation over mean of the time between arrivals; 1 for Poisson arrivals.
        service_cv: Standard deviation over mean of the service time.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        Allen-Cunneen: the M/M/c wait times (arrival_cv**2 + service_cv**2) / 2. With Poisson arrivals this is Lee and
        Longton 1959 (M/G/c), with one server Kingman 1961 in heavy traffic (G/G/1).

    Limits:
        Exact for M/M/c and M/G/1. Else good near saturation; light traffic, regular arrivals or highly variable service
        over several servers can be off by tens of per cent.
    """
    require_non_negative(arrival_cv=arrival_cv, service_cv=service_cv)
    rho = utilization(rate_per_s, service_mean_s, servers)
    if rho >= 1.0:
        return math.inf
    wait_mmc_s = erlang_c(servers, rate_per_s * service_mean_s) * service_mean_s / (servers * (1.0 - rho))
    return wait_mmc_s * (arrival_cv**2 + service_cv**2) / 2.0


@dataclass(frozen=True)
class BoundedQueue:
    """Steady state of an M/M/c queue with room for so many waiting; means are over what was admitted.

    Args:
        blocking: Probability that an arrival is turned away.
        utilization: Mean fraction of the servers that are busy.
        throughput_per_s: Rate of what is admitted and served.
        queue_mean: Mean number waiting.
        wait_mean_s: Mean wait before service, seconds.
        response_mean_s: Mean wait and service, seconds.
    """

    blocking: float
    utilization: float
    throughput_per_s: float
    queue_mean: float
    wait_mean_s: float
    response_mean_s: float


def bounded_queue(rate_per_s: float, service_mean_s: float, servers: int, waiting_max: int) -> BoundedQueue:
    """M/M/c/K: c servers and room for `waiting_max` waiting, K = c + waiting_max; stable at any load.

    Args:
        rate_per_s: Arrivals per second, the blocked ones included.
        service_mean_s: Mean service time, seconds.
        servers: Number of servers.
        waiting_max: Places to wait; 0 for Erlang's loss system. Time and memory grow with servers + waiting_max.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        The birth and death chain's balance: p(n) = p(n-1) a / min(n, c); exact.
    """
    require_positive(rate_per_s=rate_per_s, service_mean_s=service_mean_s)
    require_count(servers=servers)
    if waiting_max < 0:
        raise ValueError(f"waiting_max must not be negative, got {waiting_max}")
    present = np.arange(servers + waiting_max + 1)
    steps = np.log(rate_per_s * service_mean_s) - np.log(np.minimum(present[1:], servers))
    log_weights = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(log_weights - log_weights.max())
    chances = weights / weights.sum()
    blocking = float(chances[-1])
    throughput_per_s = rate_per_s * (1.0 - blocking)
    queue_mean = float(chances @ np.maximum(present - servers, 0))
    busy_mean = float(chances @ np.minimum(present, servers))
    wait_mean_s = queue_mean * service_mean_s / busy_mean
    return BoundedQueue(
        blocking, busy_mean / servers, throughput_per_s, queue_mean, wait_mean_s, wait_mean_s + service_mean_s
    )
