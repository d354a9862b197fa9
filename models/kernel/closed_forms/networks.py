"""Closed loops: so many clients that think, ask, wait for the answer and think again; and the bounds on what they get.

A network of such stations has a product form, so its steady state is exact. The numbers are those of mean value
analysis; they are found by convolution, in logarithms, because the recursion of mean value analysis for stations of
several servers subtracts nearly equal numbers close to saturation, while a convolution only adds positive ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.kernel.closed_forms.numeric import require_count, require_non_negative, require_positive
from models.kernel.outcome import FloatArray


@dataclass(frozen=True)
class StationDemand:
    """What one request of a client asks of one station.

    Args:
        demand_s: Mean visits times mean service time, seconds.
        servers: Number of servers; None for a pure delay, where nobody waits.
    """

    demand_s: float
    servers: int | None = 1


@dataclass(frozen=True)
class ClosedNetwork:
    """Exact steady state for 1, 2, ... clients; row n - 1 belongs to n clients.

    Args:
        throughput_per_s: Requests of all clients per second, shape (clients,).
        response_s: Mean response without thinking, seconds, shape (clients,).
        residence_s: Mean time at each station per request, waits included, seconds, shape (clients, stations).
        number_mean: Mean requests at each station, waiting or served, shape (clients, stations).
        utilization: Mean busy fraction of each station's servers, shape (clients, stations); nan at pure delays.
    """

    throughput_per_s: FloatArray
    response_s: FloatArray
    residence_s: FloatArray
    number_mean: FloatArray
    utilization: FloatArray


@dataclass(frozen=True)
class AsymptoticBounds:
    """What any closed network with these demands obeys, for one number of clients.

    Args:
        throughput_lower_per_s: When every request finds all others ahead of it at each station.
        throughput_upper_per_s: The smaller of no waiting at all and the bottleneck at work all the time.
        response_lower_s: Response at the upper throughput, seconds.
        response_upper_s: Response at the lower throughput, seconds.
        knee_clients: Clients at which the two upper bounds cross: from here on the bottleneck limits; inf without one.
    """

    throughput_lower_per_s: float
    throughput_upper_per_s: float
    response_lower_s: float
    response_upper_s: float
    knee_clients: float


def closed_network(stations: Sequence[StationDemand], clients: int, think_s: float = 0.0) -> ClosedNetwork:
    """Exact throughput, response and station loads of a closed network of one class of clients.

    Args:
        stations: What a request asks of each station; the order does not matter.
        clients: Number of clients. Time grows with its square, and with the square of the stations.
        think_s: Mean time between an answer and the client's next request, seconds; not part of the response.

    Raises:
        ValueError: If an argument is out of range, or nothing takes any time.

    Source:
        Product form: Gordon and Newell 1967; convolution: Buzen, CACM 16(9), 1973. The same numbers as mean value
        analysis: Reiser and Lavenberg, JACM 27(2), 1980.

    Limits:
        Exponential service at first come first served stations; any law at pure delays and for thinking.
    """
    _require_network(stations, clients, think_s)
    columns = [*stations, StationDemand(think_s, None)]
    factors = [_log_factors(station, clients) for station in columns]
    log_g = _convolve_all(factors)
    throughput_per_s = np.exp(log_g[:-1] - log_g[1:])
    number_mean = np.zeros((clients, len(stations)))
    with np.errstate(divide="ignore"):
        log_counts = np.log(np.arange(clients + 1))
    for index, station in enumerate(stations):
        if station.demand_s > 0.0:
            others = _convolve_all(factors[:index] + factors[index + 1 :])
            number_mean[:, index] = np.exp(_convolve(factors[index] + log_counts, others)[1:] - log_g[1:])
    residence_s = number_mean / throughput_per_s[:, np.newaxis]
    per_server_s = np.array([station.demand_s / (station.servers or math.nan) for station in stations])
    return ClosedNetwork(
        throughput_per_s=throughput_per_s,
        response_s=residence_s.sum(axis=1),
        residence_s=residence_s,
        number_mean=number_mean,
        utilization=throughput_per_s[:, np.newaxis] * per_server_s,
    )


def machine_repair(clients: int, think_s: float, service_mean_s: float, servers: int = 1) -> ClosedNetwork:
    """Clients that think and then queue at one station; its one column is that station.

    Args:
        clients: Number of clients (machines).
        think_s: Mean time until a client asks (a machine fails), seconds.
        service_mean_s: Mean service (repair) time, seconds.
        servers: Servers (repairmen).

    Raises:
        ValueError: If an argument is out of range.

    Source:
        As `closed_network`; the classical M/M/c//N.
    """
    require_positive(service_mean_s=service_mean_s)
    return closed_network([StationDemand(service_mean_s, servers)], clients, think_s)


def asymptotic_bounds(stations: Sequence[StationDemand], clients: int, think_s: float = 0.0) -> AsymptoticBounds:
    """Bounds on throughput and response of a closed network.

    Args:
        stations: What a request asks of each station.
        clients: Number of clients.
        think_s: Mean time between an answer and the next request, seconds.

    Raises:
        ValueError: If an argument is out of range, or nothing takes any time.

    Source:
        Muntz and Wong 1974; Lazowska et al., Quantitative System Performance, 1984, chapter 5.

    Limits:
        The upper bound on throughput needs no law at all; the lower one holds for first come first served stations.
    """
    _require_network(stations, clients, think_s)
    delay_s = think_s + math.fsum(station.demand_s for station in stations if station.servers is None)
    queueing_s = math.fsum(station.demand_s for station in stations if station.servers is not None)
    bottleneck_s = max((station.demand_s / station.servers for station in stations if station.servers), default=0.0)
    cycle_s = delay_s + queueing_s
    lower_per_s = clients / (delay_s + clients * queueing_s)
    upper_per_s = min(clients / cycle_s, 1.0 / bottleneck_s if bottleneck_s > 0.0 else math.inf)
    return AsymptoticBounds(
        throughput_lower_per_s=lower_per_s,
        throughput_upper_per_s=upper_per_s,
        response_lower_s=clients / upper_per_s - think_s,
        response_upper_s=clients / lower_per_s - think_s,
        knee_clients=cycle_s / bottleneck_s if bottleneck_s > 0.0 else math.inf,
    )


def _require_network(stations: Sequence[StationDemand], clients: int, think_s: float) -> None:
    """Raise ValueError unless the numbers are in range and some time is spent somewhere."""
    require_count(clients=clients)
    require_non_negative(think_s=think_s, **{f"stations[{i}].demand_s": s.demand_s for i, s in enumerate(stations)})
    require_count(**{f"stations[{i}].servers": s.servers for i, s in enumerate(stations) if s.servers is not None})
    if think_s == 0.0 and not any(station.demand_s > 0.0 for station in stations):
        raise ValueError("a closed network needs a station with a demand, or a time to think")


def _log_factors(station: StationDemand, clients: int) -> FloatArray:
    """Logarithms of the product form's factors of a station with 0, 1, ... clients at it."""
    if station.demand_s == 0.0:
        return np.concatenate([[0.0], np.full(clients, -math.inf)])
    present = np.arange(1, clients + 1)
    working = present if station.servers is None else np.minimum(present, station.servers)
    return np.concatenate([[0.0], np.cumsum(math.log(station.demand_s) - np.log(working))])


def _convolve_all(factors: Sequence[FloatArray]) -> FloatArray:
    """Convolution of all, in logarithms; there is at least one."""
    total = factors[0]
    for factor in factors[1:]:
        total = _convolve(total, factor)
    return total


def _convolve(left: FloatArray, right: FloatArray) -> FloatArray:
    """log(sum over j of exp(left[j] + right[n - j])) for each n; -inf stands for zero."""
    result = np.empty_like(left)
    for total in range(len(left)):
        terms = left[: total + 1] + right[total::-1]
        peak = terms.max()
        result[total] = peak + math.log(np.exp(terms - peak).sum()) if peak > -math.inf else -math.inf
    return result
