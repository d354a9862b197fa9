"""Caches written down a second time, as plainly as possible, to hold the kernel's against; slow, and meant to be.

The contract, for LRU, FIFO and CLOCK, with a capacity in items or in bytes:

- A read looks the key up and, on a miss, fills it at the same instant. A write fills it, or updates it if it is held.
- An object lives for its time to live from its fill (or update) on: it is held while now < filled + ttl. A read that
  hits does not prolong it. An expired object is a miss; it keeps its room until it is looked up or evicted.
- A hit, or the update of an object that is held, is a use: LRU moves it to the front, CLOCK sets its bit, FIFO does
  nothing.
- A hit whose size changed updates the object, then evicts others by the policy until all fits, or the object itself,
  and nothing else, if it alone exceeds the capacity. While others are evicted, the object is passed over as it is.
- For a new object room is made first, by the policy. Then it comes in: for LRU at the front, for FIFO at the end of the
  queue, for CLOCK just behind the hand (so that the hand reaches it last) with its bit clear. One that is larger than
  the capacity is not admitted and evicts nothing.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What is asked of a cache: a read or a write of a key, the object's size, and when."""

    key: Hashable
    size_bytes: int = 1
    now_s: float = 0.0
    write: bool = False


@dataclass
class Held:
    """An object in a cache: the room it takes, when it expires, CLOCK's bit."""

    room: int
    expires_s: float
    used: bool = False


class Cache:
    """What all policies share; a policy says in which order objects go.

    Args:
        capacity: Items or bytes that fit.
        in_bytes: Whether the capacity is in bytes.
        ttl_s: Life of an object from its fill on, seconds.
    """

    def __init__(self, capacity: int, *, in_bytes: bool = False, ttl_s: float = math.inf) -> None:
        self.capacity = capacity
        self.in_bytes = in_bytes
        self.ttl_s = ttl_s
        self.held: dict[Hashable, Held] = {}

    def access(self, key: Hashable, size: int, now: float, write: bool = False, *, ttl_s: float = math.inf) -> bool:
        """Read (look up, then fill on a miss) or write (fill or update) a key; True if it was held.

        Args:
            key: Anything hashable.
            size: The object's size, bytes.
            now: Seconds; never goes back.
            write: Whether this is a write.
            ttl_s: The object's own time to live, if shorter than the cache's.
        """
        room = size if self.in_bytes else 1
        expires_s = now + min(self.ttl_s, ttl_s)
        if key in self.held and self.held[key].expires_s <= now:
            self._remove(key)

        if key in self.held:
            found = self.held[key]
            if write:
                found.expires_s = expires_s
            self.on_use(key)
            if found.room != room:
                found.room = room
                if room > self.capacity:
                    self._remove(key)
                while self._taken() > self.capacity:
                    self._remove(self.next_out(passed_over=key))
            return True

        if room <= self.capacity:
            while self._taken() + room > self.capacity:
                self._remove(self.next_out(passed_over=None))
            self.held[key] = Held(room, expires_s)
            self.on_insert(key)
        return False

    def _taken(self) -> int:
        return sum(item.room for item in self.held.values())

    def _remove(self, key: Hashable) -> None:
        self.on_remove(key)
        del self.held[key]

    def on_insert(self, key: Hashable) -> None:
        """A new object has come in."""
        raise NotImplementedError

    def on_use(self, key: Hashable) -> None:
        """An object that is held was asked for or updated."""
        raise NotImplementedError

    def on_remove(self, key: Hashable) -> None:
        """An object leaves."""
        raise NotImplementedError

    def next_out(self, passed_over: Hashable | None) -> Hashable:
        """The object to evict next; never the one that is passed over."""
        raise NotImplementedError


class Fifo(Cache):
    """First in, first out: a list in order of insertion."""

    def __init__(self, capacity: int, *, in_bytes: bool = False, ttl_s: float = math.inf) -> None:
        super().__init__(capacity, in_bytes=in_bytes, ttl_s=ttl_s)
        self.order: list[Hashable] = []

    def on_insert(self, key: Hashable) -> None:
        self.order.append(key)

    def on_use(self, key: Hashable) -> None:
        pass

    def on_remove(self, key: Hashable) -> None:
        self.order.remove(key)

    def next_out(self, passed_over: Hashable | None) -> Hashable:
        return next(key for key in self.order if key != passed_over)


class Lru(Fifo):
    """Least recently used: the same list, where a use moves the key to the end."""

    def on_use(self, key: Hashable) -> None:
        self.order.remove(key)
        self.order.append(key)


class ClockRing(Cache):
    """CLOCK as a ring of slots and a hand, which points at the slot that it looks at next."""

    def __init__(self, capacity: int, *, in_bytes: bool = False, ttl_s: float = math.inf) -> None:
        super().__init__(capacity, in_bytes=in_bytes, ttl_s=ttl_s)
        self.slots: list[Hashable] = []
        self.hand = 0

    def on_insert(self, key: Hashable) -> None:
        self.slots.insert(self.hand, key)
        self.hand += 1

    def on_use(self, key: Hashable) -> None:
        self.held[key].used = True

    def on_remove(self, key: Hashable) -> None:
        slot = self.slots.index(key)
        del self.slots[slot]
        if slot < self.hand:
            self.hand -= 1

    def next_out(self, passed_over: Hashable | None) -> Hashable:
        while True:
            if self.hand >= len(self.slots):
                self.hand = 0
            key = self.slots[self.hand]
            if key != passed_over:
                if not self.held[key].used:
                    return key
                self.held[key].used = False
            self.hand += 1


class ClockQueue(Cache):
    """CLOCK as a queue with second chances: the front is where the hand points, its end is just behind the hand."""

    def __init__(self, capacity: int, *, in_bytes: bool = False, ttl_s: float = math.inf) -> None:
        super().__init__(capacity, in_bytes=in_bytes, ttl_s=ttl_s)
        self.queue: OrderedDict[Hashable, bool] = OrderedDict()  # the bit of each key

    def on_insert(self, key: Hashable) -> None:
        self.queue[key] = False

    def on_use(self, key: Hashable) -> None:
        self.queue[key] = True

    def on_remove(self, key: Hashable) -> None:
        del self.queue[key]

    def next_out(self, passed_over: Hashable | None) -> Hashable:
        while True:
            key, used = self.queue.popitem(last=False)
            if key != passed_over and not used:
                self.queue[key] = False
                self.queue.move_to_end(key, last=False)
                return key
            self.queue[key] = used if key == passed_over else False


class Sampled(Cache):
    """Redis's approximation: draw a few objects, keep the sixteen worst ever drawn, evict the worst that is there.

    The objects that are held stand in a row; a new one stands last, and the last one takes the place of one that
    leaves. A uniform u draws the object at place floor(u * objects). A candidate stands in the pool with the score that
    it had when it was drawn, below those of the same score; when there are seventeen, the lowest goes, and one that
    would be the lowest of seventeen does not come in. The one passed over is no candidate.

    Args:
        capacity: Items or bytes that fit.
        in_bytes: Whether the capacity is in bytes.
        ttl_s: Life of an object from its fill on, seconds.
        uniforms: Numbers in (0, 1).
        samples: Objects drawn for an eviction.
        tick_s: Resolution of the clock; 0: exact.
    """

    def __init__(
        self, capacity: int, *, in_bytes: bool = False, ttl_s: float = math.inf, uniforms: Iterator[float],
        samples: int = 5, tick_s: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(capacity, in_bytes=in_bytes, ttl_s=ttl_s)
        self.uniforms, self.samples, self.tick_s = uniforms, samples, tick_s
        self.row: list[Hashable] = []
        self.pool: list[tuple[float, Hashable]] = []
        self.used_s: dict[Hashable, float] = {}
        self.now = 0.0

    def access(self, key: Hashable, size: int, now: float, write: bool = False, *, ttl_s: float = math.inf) -> bool:
        self.now = now
        return super().access(key, size, now, write, ttl_s=ttl_s)

    def on_insert(self, key: Hashable) -> None:
        self.row.append(key)
        self.used_s[key] = self.now

    def on_use(self, key: Hashable) -> None:
        self.used_s[key] = self.now

    def on_remove(self, key: Hashable) -> None:
        self.row[self.row.index(key)] = self.row[-1]
        self.row.pop()
        del self.used_s[key]

    def ticks(self, key: Hashable, tick_s: float) -> float:
        """Ticks of a clock since an object was used."""
        if tick_s == 0.0:
            return self.now - self.used_s[key]
        return self.now // tick_s - self.used_s[key] // tick_s

    def score(self, key: Hashable) -> float:
        """The higher, the sooner an object goes."""
        return self.ticks(key, self.tick_s)

    def next_out(self, passed_over: Hashable | None) -> Hashable:
        while True:
            for _ in range(self.samples):
                key = self.row[math.floor(next(self.uniforms) * len(self.row))]
                if key == passed_over:
                    continue
                score = self.score(key)
                below = [candidate for candidate in self.pool if candidate[0] < score]
                if len(self.pool) < 16 or below:
                    self.pool = [*below, (score, key), *self.pool[len(below) :]][-16:]
            while self.pool:
                _, key = self.pool.pop()
                if key in self.held and key != passed_over:
                    return key


class SampledFrequency(Sampled):
    """The same with a logarithmic counter of uses, from 5 to 255, in the place of idle times.

    Args:
        capacity: Items or bytes that fit.
        in_bytes: Whether the capacity is in bytes.
        ttl_s: Life of an object from its fill on, seconds.
        log_factor: A counter at c rises with probability 1 / (log_factor * (c - 5) + 1).
        decay_s: It falls by one at each tick of a clock of this resolution; 0: never.
        options: Those of `Sampled`.
    """

    def __init__(
        self, capacity: int, *, in_bytes: bool = False, ttl_s: float = math.inf, log_factor: int = 10,
        decay_s: float = 60.0, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(capacity, in_bytes=in_bytes, ttl_s=ttl_s, **options)
        self.log_factor, self.decay_s = log_factor, decay_s
        self.counters: dict[Hashable, float] = {}

    def on_insert(self, key: Hashable) -> None:
        super().on_insert(key)
        self.counters[key] = 5.0

    def on_use(self, key: Hashable) -> None:
        counter = self.counter(key)
        if counter < 255.0:
            likely = 1.0 if counter <= 5.0 else 1.0 / (self.log_factor * (counter - 5.0) + 1.0)
            counter += next(self.uniforms) < likely
        self.counters[key] = counter
        super().on_use(key)

    def counter(self, key: Hashable) -> float:
        """An object's counter as it stands now."""
        fallen = self.ticks(key, self.decay_s) if self.decay_s else 0.0
        return max(0.0, self.counters[key] - fallen)

    def score(self, key: Hashable) -> float:
        return 255.0 - self.counter(key)


@dataclass
class Chunked:
    """An object in Memcached: its bytes with its header, its class, its segment, what it has seen, and when."""

    weight: int
    expires_s: float
    chunk: int
    segment: str
    since_s: float
    fetched: bool = False
    active: bool = False


class Memcached:
    """Slab classes, each with three segments; a list of keys for each segment, the oldest first.

    Args:
        capacity: Bytes, of which whole pages are used.
        ttl_s: Life of an object from its fill on, seconds.
        chunks: Sizes of chunks, rising.
        page: Bytes of a page.
        header: Bytes of an object's header.
        most: The largest object with its header.
        shares: Percent of a class's bytes that HOT and WARM may hold.
        ages: Of the age of COLD's oldest, what HOT's and WARM's may have.
    """

    def __init__(
        self, capacity: int, chunks: Sequence[int], page: int, *, ttl_s: float = math.inf, header: int = 48,
        most: int = 1 << 20, shares: tuple[int, int] = (20, 40), ages: tuple[float, float] = (0.2, 2.0),
    ) -> None:  # fmt: skip
        self.page, self.pages_most, self.chunks, self.ttl_s = page, capacity // page, chunks, ttl_s
        self.header, self.most, self.shares, self.ages = header, most, shares, ages
        self.pages = dict.fromkeys(chunks, 0)
        self.held: dict[Hashable, Chunked] = {}
        self.queues: dict[tuple[int, str], list[Hashable]] = {(c, s): [] for c in chunks for s in ("H", "W", "C")}
        self.evicted: list[Hashable] = []
        self.now = 0.0

    def access(self, key: Hashable, size: int, now: float, write: bool = False, *, ttl_s: float = math.inf) -> bool:
        """As `Cache.access`; a hit on an object that has another size writes it anew, with the life that it had."""
        self.now = now
        expires_s = now + min(self.ttl_s, ttl_s)
        item = self.held.get(key)
        if item is not None and item.expires_s <= now:
            self._remove(key)
            item = None
        if item is None or write:
            self._store(key, size + self.header, expires_s)
        elif item.weight != size + self.header:
            self._store(key, size + self.header, item.expires_s)
        elif not item.fetched:
            item.fetched = True
        elif item.segment == "C":
            item.since_s = now
            self._go(key, "W")
        elif not item.active:
            item.active, item.since_s = True, now
        return item is not None

    def used_chunks(self, chunk: int) -> int:
        """Chunks of a class that objects take."""
        return sum(math.ceil(item.weight / chunk) for item in self.held.values() if item.chunk == chunk)

    def _store(self, key: Hashable, weight: int, expires_s: float) -> None:
        if weight > self.most:
            if key in self.held:
                self._remove(key)
            return
        chunk = next((c for c in self.chunks if c >= weight), self.chunks[-1])
        per_page = self.page // chunk
        while self.used_chunks(chunk) + math.ceil(weight / chunk) > self.pages[chunk] * per_page:
            if self.pages[chunk] == 0 or sum(self.pages.values()) < self.pages_most:
                self.pages[chunk] += 1
            elif self.queues[chunk, "C"]:
                self.evicted.append(self.queues[chunk, "C"][0])
                self._remove(self.evicted[-1])
            else:
                self._settle(chunk)
        if key in self.held:
            self._remove(key)
        self.held[key] = Chunked(weight, expires_s, chunk, "H", self.now)
        self.queues[chunk, "H"].append(key)
        self._settle(chunk)

    def _remove(self, key: Hashable) -> None:
        item = self.held.pop(key)
        self.queues[item.chunk, item.segment].remove(key)

    def _go(self, key: Hashable, segment: str) -> None:
        item = self.held[key]
        self.queues[item.chunk, item.segment].remove(key)
        item.segment = segment
        self.queues[item.chunk, segment].append(key)

    def _bytes(self, chunk: int, segments: str) -> int:
        return sum(self.held[key].weight for s in segments for key in self.queues[chunk, s])

    def _settle(self, chunk: int) -> None:
        """HOT first, then WARM, then what is expired in COLD; from the beginning as long as something moves."""
        total = self._bytes(chunk, "HWC")
        cold = self.queues[chunk, "C"]
        age = self.now - self.held[cold[0]].since_s if cold else 0.0
        rules = dict(zip("HW", zip(self.shares, self.ages, strict=True), strict=True))
        moved = True
        while moved:
            moved = False
            for segment in "HWC":
                if not self.queues[chunk, segment]:
                    continue
                key = self.queues[chunk, segment][0]
                item = self.held[key]
                if item.expires_s <= self.now:
                    self._remove(key)
                elif segment == "C":
                    continue
                elif item.active:
                    item.active = False
                    self._go(key, "W")
                else:
                    share, factor = rules[segment]
                    within = self._bytes(chunk, segment) <= total * share // 100
                    if within and self.now - item.since_s <= age * factor:
                        continue
                    self._go(key, "C")
                moved = True
                break


def chunk_sizes(first: int, factor: float, largest: int) -> list[int]:
    """Chunks of Memcached's classes: each is the factor times the one before, rounded down, then up to 8 bytes.

    Args:
        first: The smallest, before it is rounded.
        factor: More than 1.
        largest: The last; a class comes before it as long as it is smaller than a factor less.
    """
    sizes: list[int] = []
    size = first
    while size < largest / factor:
        sizes.append(math.ceil(size / 8) * 8)
        size = math.floor(sizes[-1] * factor)
    return [*sizes, largest]


POLICIES: dict[str, type[Cache]] = {"lru": Lru, "fifo": Fifo, "clock": ClockRing}


def hits(
    policy: str, capacity: int, requests: Iterable[Request], *, in_bytes: bool = False, ttl_s: float = math.inf
) -> list[bool]:
    """Whether each request finds its key, in a cache that starts empty.

    Args:
        policy: "lru", "fifo" or "clock".
        capacity: Items or bytes that fit.
        requests: In order of time.
        in_bytes: Whether the capacity is in bytes.
        ttl_s: Life of an object from its fill on, seconds.
    """
    cache = POLICIES[policy](capacity, in_bytes=in_bytes, ttl_s=ttl_s)
    return [cache.access(*request) for request in requests]


def lru_hits_by_stack_distance(keys: Sequence[Hashable], capacity: int) -> list[bool]:
    """LRU in items, without a cache: a key hits when fewer than `capacity` others were asked for since it was last.

    Source:
        Mattson et al., Evaluation techniques for storage hierarchies, IBM Systems Journal 9(2), 1970.
    """
    found = []
    for i, key in enumerate(keys):
        before = [j for j in range(i) if keys[j] == key]
        found.append(bool(before) and len(set(keys[before[-1] + 1 : i])) < capacity)
    return found


def fifo_hits_by_last_fills(keys: Sequence[Hashable], capacity: int) -> list[bool]:
    """FIFO in items, without a cache: a key hits when it is among the last `capacity` that missed."""
    found: list[bool] = []
    missed: list[Hashable] = []
    for key in keys:
        found.append(key in missed[max(0, len(missed) - capacity) :])
        if not found[-1]:
            missed.append(key)
    return found
