"""What an experienced SimPy user would write by hand: the yardstick of the engines' speed.

One process per request, `simpy.Resource`, conditions, one scalar draw at a time from a NumPy generator, latencies
appended to a list. Nothing here is slow on purpose and nothing is tuned past what stays readable; the kernel is not
used at all, so these models are also a second opinion on its results.

Limits: No warm-up, timeouts, retries or faults; caches start empty.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import simpy
from simpy.events import Event, ProcessGenerator


@dataclass(frozen=True)
class Result:
    """What a hand-written model brings home.

    Args:
        latencies_s: Seconds from arrival to answer, in order of completion.
        requests: Requests that were sent; all of them are answered.
        hits: Lookups that found a live item; 0 where there is no cache.
    """

    latencies_s: list[float]
    requests: int
    hits: int = 0


def mmc(requests: int, seed: int) -> Result:
    """M/M/4 at 80 % load: Poisson arrivals, exponential service of mean 1 ms, one queue.

    Args:
        requests: Requests to send.
        seed: Seed of the generator.

    Returns:
        Latencies of all requests.
    """
    env = simpy.Environment()
    rng = np.random.default_rng(seed)
    servers = simpy.Resource(env, capacity=4)
    service_s_mean = 0.001
    latencies_s: list[float] = []

    def request() -> ProcessGenerator:
        arrival_s = env.now
        with servers.request() as turn:
            yield turn
            yield env.timeout(rng.exponential(service_s_mean))
        latencies_s.append(env.now - arrival_s)

    _send(env, rng, requests, rate_per_s=0.8 * servers.capacity / service_s_mean, request=request)
    return Result(latencies_s, requests)


def cache_aside(requests: int, seed: int) -> Result:
    """An LRU cache of 10,000 items beside a store of 100,000 keys with Zipf(0.99) popularity, 2,000 requests/s.

    Args:
        requests: Requests to send.
        seed: Seed of the generator.

    Returns:
        Latencies of all requests and the hits among them; the cache starts empty.
    """
    env = simpy.Environment()
    rng = np.random.default_rng(seed)
    key_cdf = zipf_cdf(100_000, 0.99)
    cache: OrderedDict[int, None] = OrderedDict()
    capacity_items = 10_000
    latencies_s: list[float] = []
    hits = 0

    def request() -> ProcessGenerator:
        nonlocal hits
        arrival_s = env.now
        key = int(key_cdf.searchsorted(rng.random(), side="right"))
        yield env.timeout(rng.exponential(0.0002))
        if key in cache:
            hits += 1
            cache.move_to_end(key)
        else:
            yield env.timeout(rng.exponential(0.002))
            cache[key] = None
            cache.move_to_end(key)
            if len(cache) > capacity_items:
                cache.popitem(last=False)
        latencies_s.append(env.now - arrival_s)

    _send(env, rng, requests, rate_per_s=2_000.0, request=request)
    return Result(latencies_s, requests, hits)


def quorum_write(requests: int, seed: int) -> Result:
    """Writes to six copies at once, acknowledged when four have answered, 1,000 writes/s.

    Args:
        requests: Writes to send.
        seed: Seed of the generator.

    Returns:
        Latencies of all writes.
    """
    env = simpy.Environment()
    rng = np.random.default_rng(seed)
    copies_count, needed = 6, 4
    latencies_s: list[float] = []

    def quorum_met(_legs: tuple[Event, ...], answered: int) -> bool:
        return answered >= needed

    def request() -> ProcessGenerator:
        arrival_s = env.now
        legs = [env.timeout(rng.exponential(0.001)) for _ in range(copies_count)]
        yield simpy.events.Condition(env, quorum_met, legs)
        latencies_s.append(env.now - arrival_s)

    _send(env, rng, requests, rate_per_s=1_000.0, request=request)
    return Result(latencies_s, requests)


def dax_vs_dynamodb(requests: int, seed: int) -> Result:
    """YCSB B (95 % reads, 5 % updates) over 1,000,000 Zipf(0.99) keys, through DAX and directly to the table.

    The two are simulated one after the other, each with `requests` requests at 2,000/s.

    Args:
        requests: Requests to send to each of the two.
        seed: Seed of both generators.

    Returns:
        Latencies of the requests through DAX, then of the direct ones; twice `requests` in all; the hits of DAX.
    """
    through_dax = _ycsb_b(requests, seed, dax=True)
    direct = _ycsb_b(requests, seed, dax=False)
    return Result(through_dax.latencies_s + direct.latencies_s, 2 * requests, through_dax.hits)


@lru_cache(maxsize=4)
def zipf_cdf(count: int, exponent: float) -> npt.NDArray[np.float64]:
    """Distribution function of a bounded Zipf law by rank, the most popular first.

    Args:
        count: Keys.
        exponent: Popularity of rank r is in proportion to r ** -exponent.

    Returns:
        Probabilities, shape (count,), ascending, the last one 1.
    """
    cumulative = np.cumsum(np.arange(1, count + 1, dtype=np.float64) ** -exponent)
    cdf: npt.NDArray[np.float64] = cumulative / cumulative[-1]
    return cdf


def _send(
    env: simpy.Environment,
    rng: np.random.Generator,
    requests: int,
    rate_per_s: float,
    request: Callable[[], ProcessGenerator],
) -> None:
    """Start one process per request at Poisson times and run until the last answer."""

    def source() -> ProcessGenerator:
        for _ in range(requests):
            yield env.timeout(rng.exponential(1.0 / rate_per_s))
            env.process(request())

    env.process(source())
    env.run()


# ------------------------------------------------------------------------------------------- DAX and the table

LINK_S = 0.00025
"""One way between any two machines: half of a 0.5 ms round trip within a zone (HAT, VLDB 2013, table 1)."""


class _Table:
    """One DynamoDB partition: a leader and two followers, each a station.

    Service is lognormal with median 2 ms and sigma 0.25, so that p99 is 1.8 times the median (assumed); 16 servers
    a replica (assumed).
    """

    def __init__(self, env: simpy.Environment, rng: np.random.Generator) -> None:
        self.env = env
        self.rng = rng
        self.replicas = [simpy.Resource(env, capacity=16) for _ in range(3)]

    def read(self) -> ProcessGenerator:
        """An eventually consistent read: any replica answers."""
        yield self.env.timeout(LINK_S)
        yield from self._serve(self.replicas[int(self.rng.integers(3))])
        yield self.env.timeout(LINK_S)

    def write(self) -> ProcessGenerator:
        """A write: acknowledged when the leader and one of the two followers have made it durable."""
        yield self.env.timeout(LINK_S)
        leader, *followers = self.replicas
        legs = [self.env.process(self._persist_on(follower)) for follower in followers]
        yield self.env.process(self._serve(leader)) & (legs[0] | legs[1])
        yield self.env.timeout(LINK_S)

    def _persist_on(self, follower: simpy.Resource) -> ProcessGenerator:
        yield self.env.timeout(LINK_S)
        yield from self._serve(follower)
        yield self.env.timeout(LINK_S)

    def _serve(self, replica: simpy.Resource) -> ProcessGenerator:
        with replica.request() as turn:
            yield turn
            yield self.env.timeout(self.rng.lognormal(np.log(0.002), 0.25))


class _DaxNode:
    """One DAX node: one server (13.3 us an operation, an r5.large's 75,000/s) and an LRU item cache with a TTL.

    Simpler than DAX: any node takes writes, a read's fill stays on its node, a miss and a write cost a node what a hit
    costs, and space never runs out within a run.
    """

    ttl_s = 300.0  # DAX's default
    capacity_items = 10_000_000  # 16 GB of items of 1 kB, overhead included (assumed)

    def __init__(self, env: simpy.Environment, rng: np.random.Generator, table: _Table) -> None:
        self.env = env
        self.rng = rng
        self.table = table
        self.peers: list[_DaxNode] = []
        self.server = simpy.Resource(env, capacity=1)
        self.expires_s: OrderedDict[int, float] = OrderedDict()
        self.hits = 0

    def read(self, key: int) -> ProcessGenerator:
        """Answer from the item cache, or read through it."""
        yield self.env.timeout(LINK_S)
        yield from self._work()
        if self.expires_s.get(key, 0.0) > self.env.now:
            self.hits += 1
            self.expires_s.move_to_end(key)
        else:
            yield from self.table.read()
            self.fill(key)
        yield self.env.timeout(LINK_S)

    def write(self, key: int) -> ProcessGenerator:
        """Write through: first the table, then this node's cache, the other nodes' a little later."""
        yield self.env.timeout(LINK_S)
        yield from self._work()
        yield from self.table.write()
        self.fill(key)
        for peer in self.peers:
            self.env.process(peer.fill_later(key))
        yield self.env.timeout(LINK_S)

    def fill(self, key: int) -> None:
        """Put an item at the young end, with a whole TTL before it."""
        self.expires_s[key] = self.env.now + self.ttl_s
        self.expires_s.move_to_end(key)
        if len(self.expires_s) > self.capacity_items:
            self.expires_s.popitem(last=False)

    def fill_later(self, key: int) -> ProcessGenerator:
        """A write that another node took, on its way here."""
        yield self.env.timeout(LINK_S)
        self.fill(key)

    def _work(self) -> ProcessGenerator:
        with self.server.request() as turn:
            yield turn
            yield self.env.timeout(self.rng.exponential(13.3e-6))


def _ycsb_b(requests: int, seed: int, *, dax: bool) -> Result:
    """One side of the comparison: the same clients in front of three DAX nodes, or of the table itself."""
    env = simpy.Environment()
    rng = np.random.default_rng(seed)
    table = _Table(env, rng)
    nodes = [_DaxNode(env, rng, table) for _ in range(3)]
    for node in nodes:
        node.peers = [peer for peer in nodes if peer is not node]
    key_cdf = zipf_cdf(1_000_000, 0.99)
    latencies_s: list[float] = []
    turn_index = 0

    def request() -> ProcessGenerator:
        nonlocal turn_index
        arrival_s = env.now
        key = int(key_cdf.searchsorted(rng.random(), side="right"))
        reads = rng.random() < 0.95
        if dax:
            node = nodes[turn_index % len(nodes)]
            turn_index += 1
            yield from node.read(key) if reads else node.write(key)
        else:
            yield from table.read() if reads else table.write()
        latencies_s.append(env.now - arrival_s)

    _send(env, rng, requests, rate_per_s=2_000.0, request=request)
    return Result(latencies_s, requests, sum(node.hits for node in nodes))
