"""What an experienced SimPy user would write by hand: the yardstick of the engines' speed.

One process per request, `simpy.Resource`, conditions, one scalar draw at a time from a NumPy generator, latencies
appended to a list. Nothing here is slow on purpose and nothing is tuned past what stays readable; the kernel is not
used at all, so these models are also a second opinion on its results.

Limits: No warm-up, timeouts, retries or faults; caches start empty.
"""

from __future__ import annotations

import math
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
    through_dax, direct = ycsb_b(requests, seed, dax=True), ycsb_b(requests, seed, dax=False)
    latencies_s = through_dax.reads_s + through_dax.writes_s + direct.reads_s + direct.writes_s
    return Result(latencies_s, 2 * requests, through_dax.hits)


@dataclass
class Answers:
    """What one side of a comparison measured.

    Args:
        reads_s: Latencies of reads, seconds.
        writes_s: Latencies of writes, seconds.
        hits: Reads answered by a cache.
    """

    reads_s: list[float]
    writes_s: list[float]
    hits: int

    @property
    def requests(self) -> int:
        """Requests that were answered."""
        return len(self.reads_s) + len(self.writes_s)


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

SIGMA_2 = math.log(2.0) / 2.3263478740408408
"""Sigma of a lognormal whose p99 is twice its median."""
SIGMA_READ = math.log(2.3) / 2.3263478740408408
"""Sigma of a lognormal whose p99 is 2.3 times its median."""
SIGMA_APPEND = math.log(2.6) / 2.3263478740408408
"""Sigma of a lognormal whose p99 is 2.6 times its median."""
UNIT_S = 1.0 / 75_000.0
"""What a normalised request takes an r5.large."""


ITEM_BYTES = 1000


class _Region:
    """Three zones and the network between them: one way near 0.15 ms, far 0.4 ms, p99 twice that."""

    def __init__(self, env: simpy.Environment, rng: np.random.Generator) -> None:
        self.env = env
        self.rng = rng

    def somewhere(self) -> int:
        """A zone at random."""
        return int(self.rng.integers(3))

    def travel(self, source: int, target: int) -> simpy.Timeout:
        """One way between two zones."""
        median_s = 0.00015 if source == target else 0.0004
        return self.env.timeout(self.rng.lognormal(math.log(median_s), SIGMA_2))


class _Table:
    """A DynamoDB table: request routers, four partitions, a leader and two followers of each, one in each zone.

    Every replica stands on a storage node of its own that works on 32 requests at once. Replicas know which write of a
    key they have, so that stale reads are counted.
    """

    def __init__(self, env: simpy.Environment, rng: np.random.Generator, region: _Region) -> None:
        self.env = env
        self.rng = rng
        self.region = region
        self.read_units = self.write_units = 0.0
        self.nodes = [simpy.Resource(env, capacity=32) for _ in range(12)]
        self.held: list[dict[int, int]] = [{} for _ in range(3)]
        self.ordered = self.reads = self.stale = 0
        self.acknowledged: dict[int, int] = {}
        self.superseded_s: dict[tuple[int, int], float] = {}

    def read(self, origin: int, key: int) -> ProcessGenerator:
        """An eventually consistent read from a zone: any replica answers; returns the version that it has."""
        router, travel = self.region.somewhere(), self.region.travel
        yield travel(origin, router)
        yield self.env.timeout(0.0001)
        self.read_units += 0.5 * max(1, math.ceil(ITEM_BYTES / 4096))
        partition = hash(key) % 4
        replica = (partition + int(self.rng.integers(3))) % 3
        yield travel(router, replica)
        yield from self._work(partition, replica, SIGMA_READ)
        version = self.held[replica].get(key, 0)
        yield travel(replica, router)
        yield travel(router, origin)
        return version

    def was_read(self, key: int, version: int, arrival_s: float) -> None:
        """A client has been given a version."""
        self.reads += 1
        self.stale += self.superseded_s.get((key, version), math.inf) < arrival_s

    def was_written(self, key: int, version: int) -> None:
        """A client has been told that its write is there."""
        before = self.acknowledged.get(key, 0)
        if version > before:
            self.acknowledged[key] = version
            self.superseded_s[key, before] = self.env.now

    def write(self, origin: int, key: int) -> ProcessGenerator:
        """A write from a zone, acknowledged when the leader and one of two followers have it durable; its version."""
        router, travel = self.region.somewhere(), self.region.travel
        yield travel(origin, router)
        yield self.env.timeout(0.0001)
        self.write_units += max(1, math.ceil(ITEM_BYTES / 1024))
        partition = hash(key) % 4
        leader = partition % 3
        yield travel(router, leader)
        self.ordered += 1
        version = self.ordered
        followers = [
            self.env.process(self._append_on(partition, leader, (leader + other) % 3, key, version)) for other in (1, 2)
        ]
        yield self.env.process(self._append(partition, leader, key, version)) & (followers[0] | followers[1])
        yield travel(leader, router)
        yield travel(router, origin)
        return version

    def _append_on(self, partition: int, leader: int, follower: int, key: int, version: int) -> ProcessGenerator:
        yield self.region.travel(leader, follower)
        yield from self._append(partition, follower, key, version)
        yield self.region.travel(follower, leader)

    def _append(self, partition: int, replica: int, key: int, version: int) -> ProcessGenerator:
        yield from self._work(partition, replica, SIGMA_APPEND)
        self.held[replica][key] = max(version, self.held[replica].get(key, 0))

    def _work(self, partition: int, replica: int, sigma: float) -> ProcessGenerator:
        with self.nodes[3 * partition + replica].request() as turn:
            yield turn
            yield self.env.timeout(self.rng.lognormal(math.log(0.002), sigma))


class _DaxNode:
    """One DAX node: one server, and an LRU item cache with a TTL; a hit costs one unit, a miss ten, a write 25."""

    ttl_s = 300.0
    capacity_items = 10_909_090  # three quarters of 16 GB, in items of 1,100 bytes

    def __init__(self, env: simpy.Environment, region: _Region, zone: int, table: _Table) -> None:
        self.env = env
        self.region = region
        self.zone = zone
        self.table = table
        self.peers: list[_DaxNode] = []
        self.server = simpy.Resource(env, capacity=1)
        self.held: OrderedDict[int, tuple[float, int]] = OrderedDict()
        self.hits = 0

    def read(self, origin: int, key: int) -> ProcessGenerator:
        """Answer from the item cache, or read through it."""
        yield self.region.travel(origin, self.zone)
        yield from self._work(1)
        expires_s, version = self.held.get(key, (0.0, 0))
        if expires_s > self.env.now:
            self.hits += 1
            self.held.move_to_end(key)
        else:
            yield from self._work(9)
            version = yield from self.table.read(self.zone, key)
            self.fill(key, version)
            for peer in self.peers:
                self.env.process(peer.fill_later(self.zone, key, version, 0))
        yield self.region.travel(self.zone, origin)
        return version

    def write(self, origin: int, key: int) -> ProcessGenerator:
        """Write through: first the table, then this node's cache, the other nodes' a little later."""
        yield self.region.travel(origin, self.zone)
        yield from self._work(25)
        version = yield from self.table.write(self.zone, key)
        self.fill(key, version)
        for peer in self.peers:
            self.env.process(peer.fill_later(self.zone, key, version, 25))
        yield self.region.travel(self.zone, origin)
        return version

    def fill(self, key: int, version: int) -> None:
        """Put an item at the young end, with a whole TTL before it, unless a newer version is there."""
        expires_s, there = self.held.get(key, (0.0, 0))
        if there > version and expires_s > self.env.now:
            return
        self.held[key] = (self.env.now + self.ttl_s, version)
        self.held.move_to_end(key)
        if len(self.held) > self.capacity_items:
            self.held.popitem(last=False)

    def fill_later(self, origin: int, key: int, version: int, units: int) -> ProcessGenerator:
        """What another node has written or read, on its way here."""
        yield self.region.travel(origin, self.zone)
        if units:
            yield from self._work(units)
        self.fill(key, version)

    def _work(self, units: int) -> ProcessGenerator:
        with self.server.request() as turn:
            yield turn
            yield self.env.timeout(units * UNIT_S)


def ycsb_b(requests: int, seed: int, *, dax: bool) -> Answers:
    """One side of the comparison, from cold: the clients in front of three DAX nodes, or of the table itself."""
    env = simpy.Environment()
    rng = np.random.default_rng(seed)
    region = _Region(env, rng)
    table = _Table(env, rng, region)
    nodes = [_DaxNode(env, region, zone, table) for zone in range(3)]
    primary = nodes[0]
    for node in nodes:
        node.peers = [other for other in nodes if other is not node]
    key_cdf = zipf_cdf(1_000_000, 0.99)
    answers = Answers([], [], 0)

    def request() -> ProcessGenerator:
        arrival_s, zone = env.now, region.somewhere()
        key = int(key_cdf.searchsorted(rng.random(), side="right"))
        reads = rng.random() < 0.95
        if dax:
            node = nodes[int(rng.integers(3))] if reads else primary
            version = yield from (node.read(zone, key) if reads else node.write(zone, key))
        else:
            version = yield from (table.read(zone, key) if reads else table.write(zone, key))
        if reads:
            table.was_read(key, version, arrival_s)
        else:
            table.was_written(key, version)
        (answers.reads_s if reads else answers.writes_s).append(env.now - arrival_s)

    _send(env, rng, requests, rate_per_s=2_000.0, request=request)
    answers.hits = sum(node.hits for node in nodes)
    return answers
