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
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


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
