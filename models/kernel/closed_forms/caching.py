"""Hit ratios under independent references: each key is asked for in a Poisson stream of its own, at a fixed rate.

Che's approximation replaces a full cache by a time: an object leaves when it has not been asked for (LRU), or has been
in the cache (FIFO), for the *characteristic time*, the one at which the expected number of objects equals the capacity.
Each key is then on its own, and its hit ratio is elementary.

`rates` are requests per unit of time by key, in any order; probabilities will do, and then the unit of every time here
is one request. A key whose rate is zero is never asked for and takes no room.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.polynomial.legendre import leggauss

from models.kernel.closed_forms.numeric import require_positive
from models.kernel.outcome import FloatArray

_NODES = 12
"""Gauss nodes on each unit interval: the functions between them are polynomials with coefficients below 1/(n! e**n)."""
_INTERVALS = 24
"""Intervals that are integrated; from there on the slowest exponential is all that is left."""
_TABLE = 4096
"""Rates at which a hit ratio without an elementary form is computed; between them it is interpolated (error < 1e-5)."""


def lru_characteristic_time(rates: FloatArray, capacity_items: float) -> float:
    """Time without a request after which an object leaves an LRU cache; inf where every key fits.

    Args:
        rates: Requests per unit of time, shape (keys,).
        capacity_items: Objects that fit, need not be whole.

    Raises:
        ValueError: If the capacity is not positive, or the rates are negative, not finite, or all zero.

    Source:
        sum(1 - exp(-rate t)) = capacity: Che, Tung and Wang, IEEE JSAC 20(7), 2002; Fagin 1977.

    Limits:
        An approximation: good to about 1e-3 in the hit ratio from a hundred objects up, poor for a handful.
    """

    def occupancy(time: float) -> tuple[float, float]:
        stays = np.multiply(rates, -time)
        np.expm1(stays, out=stays)
        expected = -float(stays.sum())
        stays += 1.0
        return expected, float(rates @ stays)

    return _characteristic_time(rates, capacity_items, occupancy)


def lru_hit_ratio(rates: FloatArray, capacity_items: float, ttl: float = math.inf) -> float:
    """Hit ratio of an LRU cache, by Che's approximation.

    Args:
        rates: Requests per unit of time, shape (keys,).
        capacity_items: Objects that fit, need not be whole.
        ttl: Life of an object from its fill on, in the unit of time of the rates; a hit does not prolong it.

    Raises:
        ValueError: If the capacity or the ttl is not positive, or the rates are negative, not finite, or all zero.

    Source:
        As `lru_characteristic_time`. With a ttl: a request hits when no gap since the fill was longer than the
        characteristic time and the fill is younger than the ttl; the renewal equation is solved numerically.

    Limits:
        As `lru_characteristic_time`. An object past its ttl keeps its room until it is asked for or evicted, as in a
        cache that expires lazily; so the ttl leaves the characteristic time as it is.
    """
    _require_ttl(ttl)
    time = lru_characteristic_time(rates, capacity_items)
    if ttl <= time:
        return ttl_hit_ratio(rates, ttl)
    if math.isinf(ttl):
        return _by_requests(rates, -np.expm1(rates * -time))
    return _by_requests(rates, _lru_ttl_hit_ratios(rates, time, ttl))


def fifo_characteristic_time(rates: FloatArray, capacity_items: float) -> float:
    """Time that an object spends in a FIFO (or random replacement) cache; inf where every key fits.

    Args:
        rates: Requests per unit of time, shape (keys,).
        capacity_items: Objects that fit, need not be whole.

    Raises:
        ValueError: If the capacity is not positive, or the rates are negative, not finite, or all zero.

    Source:
        sum(rate t / (1 + rate t)) = capacity: Martina, Garetto and Leonardi, INFOCOM 2014; the two policies have one
        hit ratio under independent references, Gelenbe 1973.

    Limits:
        As `lru_characteristic_time`.
    """

    def occupancy(time: float) -> tuple[float, float]:
        absent = 1.0 / (1.0 + rates * time)
        return float((1.0 - absent).sum()), float(rates @ (absent * absent))

    return _characteristic_time(rates, capacity_items, occupancy)


def fifo_hit_ratio(rates: FloatArray, capacity_items: float, ttl: float = math.inf) -> float:
    """Hit ratio of a FIFO cache, by its characteristic time.

    Args:
        rates: Requests per unit of time, shape (keys,).
        capacity_items: Objects that fit, need not be whole.
        ttl: Life of an object from its fill on, in the unit of time of the rates.

    Raises:
        ValueError: If the capacity or the ttl is not positive, or the rates are negative, not finite, or all zero.

    Source:
        As `fifo_characteristic_time`; an object is served for the shorter of that time and the ttl.

    Limits:
        As `lru_hit_ratio`, lazy expiry included.
    """
    _require_ttl(ttl)
    time = min(fifo_characteristic_time(rates, capacity_items), ttl)
    return ttl_hit_ratio(rates, time)


def approximate_clock_hit_ratio(rates: FloatArray, capacity_items: float, ttl: float = math.inf) -> float:
    """Hit ratio of a CLOCK cache, approximated by that of LRU.

    Args:
        rates: Requests per unit of time, shape (keys,).
        capacity_items: Objects that fit, need not be whole.
        ttl: Life of an object from its fill on, in the unit of time of the rates.

    Raises:
        ValueError: As `lru_hit_ratio`.

    Source:
        CLOCK was made to imitate LRU (Corbato 1968); no form of its own is used here.

    Limits:
        A rule of thumb: CLOCK often lies some tenths of a per cent to a few per cent away, on either side.
    """
    return lru_hit_ratio(rates, capacity_items, ttl)


def approximate_lfu_hit_ratio(rates: FloatArray, capacity_items: float, ttl: float = math.inf) -> float:
    """Hit ratio of an LFU cache, approximated by that of one that always holds the most popular keys.

    Args:
        rates: Requests per unit of time, shape (keys,).
        capacity_items: Objects that fit; a fraction of one does not.
        ttl: Life of an object from its fill on, in the unit of time of the rates.

    Raises:
        ValueError: If the capacity or the ttl is not positive, or the rates are negative, not finite, or all zero.

    Source:
        As `perfect_frequency_hit_ratio`; with a ttl, each key that is held is as in `ttl_hit_ratio`.

    Limits:
        An upper bound: counters are noisy, new objects have to be held to be counted, and old ones decay.
    """
    _require_ttl(ttl)
    perfect = perfect_frequency_hit_ratio(rates, capacity_items)
    kept = min(int(capacity_items), len(rates))
    if kept == 0 or math.isinf(ttl):
        return perfect
    most = np.partition(rates, len(rates) - kept)[len(rates) - kept :]
    return float((most * (1.0 - 1.0 / (1.0 + most * ttl))).sum() / rates.sum())


def ttl_hit_ratio(rates: FloatArray, ttl: float) -> float:
    """Hit ratio of a cache that never evicts, and whose objects live for a ttl from their fill on.

    Args:
        rates: Requests per unit of time, shape (keys,).
        ttl: Life of an object in the unit of time of the rates; inf for ever.

    Raises:
        ValueError: If the ttl is not positive, or the rates are negative, not finite, or all zero.

    Source:
        rate ttl / (1 + rate ttl): one miss and on average rate * ttl hits to a life; exact for Poisson requests.
    """
    _require_ttl(ttl)
    _require_rates(rates)
    if math.isinf(ttl):
        return 1.0
    return _by_requests(rates, 1.0 - 1.0 / (1.0 + rates * ttl))


def perfect_frequency_hit_ratio(rates: FloatArray, capacity_items: float) -> float:
    """Hit ratio of a cache that always holds the most popular keys: no policy does better under independent references.

    Args:
        rates: Requests per unit of time, shape (keys,).
        capacity_items: Objects that fit; a fraction of one does not.

    Raises:
        ValueError: If the capacity is not positive, or the rates are negative, not finite, or all zero.

    Source:
        Sum of the largest probabilities; exact.
    """
    require_positive(capacity_items=capacity_items)
    _require_rates(rates)
    kept = int(capacity_items)
    if kept == 0:
        return 0.0
    if kept >= len(rates):
        return 1.0
    return float(np.partition(rates, len(rates) - kept)[len(rates) - kept :].sum() / rates.sum())


def approximate_capacity_items(capacity_bytes: float, size_mean_bytes: float) -> float:
    """Objects that fit in so many bytes, approximate.

    Args:
        capacity_bytes: Bytes that fit.
        size_mean_bytes: Mean size of the objects, over keys and not over requests.

    Raises:
        ValueError: If either is not positive.

    Limits:
        Good where sizes do not depend on popularity and all are much smaller than the capacity.
    """
    require_positive(capacity_bytes=capacity_bytes, size_mean_bytes=size_mean_bytes)
    return capacity_bytes / size_mean_bytes


def _require_ttl(ttl: float) -> None:
    """Raise ValueError unless a ttl is positive; inf is a ttl that never ends."""
    if not ttl > 0.0:
        raise ValueError(f"ttl must be positive, got {ttl}")


def _require_rates(rates: FloatArray) -> None:
    """Raise ValueError unless the rates are a vector of finite numbers, none negative, not all zero."""
    if rates.ndim != 1 or not np.isfinite(rates).all() or not (rates >= 0.0).all() or not rates.any():
        raise ValueError("rates must be a vector of finite numbers, none negative and not all zero")


def _by_requests(rates: FloatArray, hit_ratios: FloatArray) -> float:
    """The mean of a ratio over requests."""
    return float(rates @ hit_ratios / rates.sum())


def _characteristic_time(
    rates: FloatArray, capacity_items: float, occupancy: Callable[[float], tuple[float, float]]
) -> float:
    """The time at which an expected number of objects equals the capacity.

    Newton's method from zero on: the number of objects is a concave, rising function of time, so that each step ends at
    or before the root, whatever the rates; rounding ends it.

    Args:
        rates: Requests per unit of time, shape (keys,).
        capacity_items: The number of objects to reach.
        occupancy: Expected number of objects at a time, and its slope there.
    """
    require_positive(capacity_items=capacity_items)
    _require_rates(rates)
    if capacity_items >= np.count_nonzero(rates):
        return math.inf
    time = 0.0
    for _ in range(200):
        expected, slope = occupancy(time)
        missing = capacity_items - expected
        if missing <= 0.0 or slope <= 0.0:
            break
        step = missing / slope
        time += step
        if step <= 1e-13 * time:
            break
    return time


def _lru_ttl_hit_ratios(rates: FloatArray, time: float, ttl: float) -> FloatArray:
    """Hit ratio by key of an LRU cache whose characteristic time is shorter than the ttl.

    Args:
        rates: Requests per unit of time, shape (keys,).
        time: Characteristic time.
        ttl: Life from the fill on, longer than `time`.
    """
    loads = rates * time
    if len(loads) <= _TABLE:
        hits = _hits_per_fill(loads, ttl / time)
        return hits / (1.0 + hits)
    positive = loads[loads > 0.0]
    table = np.geomspace(positive.min(), positive.max(), _TABLE)
    hits = _hits_per_fill(table, ttl / time)
    logs = np.log(np.maximum(loads, table[0]))
    return np.asarray(np.interp(logs, np.log(table), hits / (1.0 + hits)), dtype=np.float64)


def _hits_per_fill(loads: FloatArray, lives: float) -> FloatArray:
    """Expected hits between one fill of an object and the next.

    In units of the characteristic time, let A(y) be the probability that an object filled at 0 has seen no gap longer
    than 1 up to y. It is 1 before y = 1, falls by exp(-w) there (no request at all), and then A'(y) is
    -w exp(-w) A(y - 1): it dies now when its last request came 1 ago. Requests hit while it lives, so that their number
    is w times the integral of A up to the ttl.

    Args:
        loads: w, requests per characteristic time, shape (keys,).
        lives: The ttl in characteristic times, more than 1.
    """
    nodes, weights = leggauss(_NODES)
    nodes, weights = (nodes + 1.0) / 2.0, weights / 2.0
    death = loads * np.exp(-loads)
    alive = np.ones((len(loads), _NODES))
    at_end = -np.expm1(-loads)
    integral = np.ones_like(loads)
    to_nodes = np.stack([_partial_weights(nodes, node) for node in nodes])
    previous_end = np.ones_like(loads)
    for interval in range(1, _INTERVALS):
        previous_end, previous = at_end, alive
        alive = previous_end[:, np.newaxis] - death[:, np.newaxis] * (previous @ to_nodes.T)
        if lives <= interval + 1:
            return loads * (integral + alive @ _partial_weights(nodes, lives - interval))
        at_end = previous_end - death * (previous @ weights)
        integral += alive @ weights
    lasting = at_end > 1e-10
    decay = np.log(previous_end[lasting] / at_end[lasting])
    left = np.maximum(decay * (lives - _INTERVALS), 1e-300)
    integral[lasting] += at_end[lasting] * (lives - _INTERVALS) * -np.expm1(-left) / left
    return loads * integral


def _partial_weights(nodes: FloatArray, end: float) -> FloatArray:
    """Weights at the nodes that integrate a polynomial from 0 to `end`, exact up to degree len(nodes) - 1."""
    degrees = np.arange(len(nodes))
    powers = np.vander(2.0 * nodes - 1.0, increasing=True)
    moments = ((2.0 * end - 1.0) ** (degrees + 1) - (-1.0) ** (degrees + 1)) / (2.0 * (degrees + 1))
    return np.asarray(np.linalg.solve(powers.T, moments), dtype=np.float64)
