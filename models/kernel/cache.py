"""A cache at work: LRU, FIFO and CLOCK, bounded in items or in bytes, with an optional time to live.

One order of keys serves all three policies. LRU moves a key that is hit to the end, FIFO leaves it, CLOCK marks it;
room is made at the front, where CLOCK sends a marked key to the end once more, its mark cleared (the hand of a clock in
another picture). Room for a new object is made before it comes in, so that it comes behind all that the hand has
passed. A hit whose size changed updates the object and then makes room among the others, or drops the object itself if
it alone exceeds the capacity; an object larger than the capacity is not admitted. An expired object is a miss, and
leaves when it is looked up; one that is filled again comes in as new.

`CacheState` is the SimPy form, on an `OrderedDict`; the functions below it are the compiled form, on linked records,
one for each object held, so that both are independent of one another.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from models.kernel.machine.hints import soon
from models.kernel.slots import free_entry, take_entry

if TYPE_CHECKING:
    from models.kernel.parts import Cache

LRU, FIFO, CLOCK = range(3)
NOBODY = -1
"""No key, or no slot."""
POLICY = {"lru": LRU, "fifo": FIFO, "clock": CLOCK}


class Entry:
    """An object in a cache: bytes, when it expires, CLOCK's mark, which version it is."""

    __slots__ = ("expires", "marked", "size", "version")

    def __init__(self, size: int, expires: float, version: int) -> None:
        self.size, self.expires, self.marked, self.version = size, expires, False, version


class CacheState:
    """One cache of the SimPy engine. `version` is that of the last hit."""

    def __init__(self, part: Cache) -> None:
        self.policy, self.capacity = POLICY[part.policy], part.capacity
        self.in_bytes, self.overhead = part.capacity_bytes is not None, part.overhead_bytes
        self.ttl = math.inf if part.ttl_s is None else part.ttl_s
        self.entries: OrderedDict[int, Entry] = OrderedDict()
        self.used, self.evictions, self.version = 0, 0, 0

    def lookup(self, key: int, size: int, now: float) -> bool:
        """Whether the key is held; a hit updates recency and size."""
        entry = self.entries.get(key)
        if entry is None:
            return False
        if entry.expires <= now:
            self.drop(key)
            return False
        self.version = entry.version
        self._touch(key, entry, self._weight(size))
        return True

    def fill(self, key: int, size: int, now: float, ttl: float, version: int) -> None:
        """Put the object in, or bring it up to date if it is alive; its time to live begins."""
        weight = self._weight(size)
        expires = now + min(self.ttl, ttl)
        entry = self.entries.get(key)
        if entry is not None and entry.expires <= now:
            self.drop(key)
            entry = None
        if entry is not None:
            entry.expires, entry.version = expires, version
            self._touch(key, entry, weight)
        elif weight <= self.capacity:
            self._make_room(self.capacity - weight, NOBODY)
            self.entries[key] = Entry(weight, expires, version)
            self.used += weight

    def has_newer(self, key: int, version: int, now: float) -> bool:
        """Whether the key is held in a newer version."""
        entry = self.entries.get(key)
        return entry is not None and entry.expires > now and entry.version > version

    def drop(self, key: int) -> None:
        """Forget the key."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.used -= entry.size

    def flush(self) -> None:
        """Forget everything."""
        self.entries.clear()
        self.used = 0

    def shift(self, by_s: float) -> None:
        """Set the clock back, so that `by_s` becomes zero."""
        for entry in self.entries.values():
            entry.expires -= by_s

    def _weight(self, size: int) -> int:
        return size + self.overhead if self.in_bytes else 1

    def _touch(self, key: int, entry: Entry, weight: int) -> None:
        entry.marked = True
        if self.policy == LRU:
            self.entries.move_to_end(key)
        if entry.size != weight:
            self.used += weight - entry.size
            entry.size = weight
            if weight > self.capacity:
                self.drop(key)
                self.evictions += 1
            else:
                self._make_room(self.capacity, key)

    def _make_room(self, most: int, keep: int) -> None:
        """Evict until no more than so much is used; the key to keep is passed over as it is."""
        while self.used > most:
            front = iter(self.entries)
            victim = next(front)
            if victim == keep:
                if self.policy == CLOCK:
                    self.entries.move_to_end(keep)
                    continue
                victim = next(front)
            if self.policy == CLOCK and self.entries[victim].marked:
                self.entries[victim].marked = False
                self.entries.move_to_end(victim)
                continue
            self.drop(victim)
            self.evictions += 1


# The compiled form. `w.held[held_at(cache, key)]` is one more than the slot of the key's entry, 0 where it is not held;
# entries are linked by slot into one list for each cache, front (next to go) to end.


def held_at(cache: Any, key: int) -> int:
    """Where in `w.held` a key has its place; those of the caches of a family lie side by side."""
    return int(cache.base + key * cache.stride)


def fetch_cached(w: Any, first: int, second: int, third: int) -> None:
    """Let the processor fetch what the first of all caches holds of three keys, each a step further: where a key is
    held, its entry, the entries beside that.
    """
    cache = w.caches[0]
    soon(w.held, held_at(cache, first))
    entry = w.held[held_at(cache, second)] - 1
    if entry >= 0:
        soon(w.entries, entry)
    entry = w.held[held_at(cache, third)] - 1
    if entry >= 0:
        soon(w.entries, max(w.entries[entry].before, 0))
        soon(w.entries, max(w.entries[entry].after, 0))


def cache_lookup(w: Any, cache: Any, key: int, size: int, now: float) -> bool:
    """Compiled form of `CacheState.lookup`."""
    i = w.held[held_at(cache, key)] - 1
    if i < 0:
        return False
    if w.entries[i].expires <= now:
        cache_drop(w, cache, i)
        return False
    cache.version = w.entries[i].version
    cache_touch(w, cache, i, size + cache.overhead if cache.in_bytes else 1)
    return True


def cache_fill(w: Any, cache: Any, key: int, size: int, now: float, ttl: float, version: int) -> None:
    """Compiled form of `CacheState.fill`."""
    weight = size + cache.overhead if cache.in_bytes else 1
    expires = now + min(cache.ttl, ttl)
    i = w.held[held_at(cache, key)] - 1
    if i >= 0 and w.entries[i].expires <= now:
        cache_drop(w, cache, i)
        i = NOBODY
    if i >= 0:
        w.entries[i].expires, w.entries[i].version = expires, version
        cache_touch(w, cache, i, weight)
    elif weight <= cache.capacity:
        cache_make_room(w, cache, cache.capacity - weight, NOBODY)
        i = take_entry(w)
        entry = w.entries[i]
        entry.key, entry.size, entry.expires = key, weight, expires
        if cache.policy == CLOCK:
            w.marks[i] = 0
        entry.version = version
        w.held[held_at(cache, key)] = i + 1
        cache_link(w, cache, i)
        cache.used += weight


def cache_has_newer(w: Any, cache: Any, key: int, version: int, now: float) -> bool:
    """Compiled form of `CacheState.has_newer`."""
    i = w.held[held_at(cache, key)] - 1
    return bool(i >= 0 and w.entries[i].expires > now and w.entries[i].version > version)


def cache_drop(w: Any, cache: Any, i: int) -> None:
    """Compiled form of `CacheState.drop`, of the entry in a slot."""
    entry = w.entries[i]
    cache_unlink(w, cache, i)
    w.held[held_at(cache, entry.key)] = 0
    cache.used -= entry.size
    free_entry(w, i)


def cache_flush(w: Any, index: int) -> None:
    """Compiled form of `CacheState.flush`."""
    cache = w.caches[index]
    while cache.front >= 0:
        cache_drop(w, cache, cache.front)


def cache_touch(w: Any, cache: Any, i: int, weight: int) -> None:
    """Compiled form of `CacheState._touch`."""
    entry = w.entries[i]
    if cache.policy == CLOCK:
        w.marks[i] = 1
    if cache.policy == LRU and cache.end != i:
        cache_unlink(w, cache, i)
        cache_link(w, cache, i)
    if entry.size != weight:
        cache.used += weight - entry.size
        entry.size = weight
        if weight > cache.capacity:
            cache_drop(w, cache, i)
            cache.evictions += 1
        else:
            cache_make_room(w, cache, cache.capacity, i)


def cache_make_room(w: Any, cache: Any, most: int, keep: int) -> None:
    """Compiled form of `CacheState._make_room`."""
    while cache.used > most:
        victim = cache.front
        if victim == keep:
            if cache.policy == CLOCK:
                cache_unlink(w, cache, victim)
                cache_link(w, cache, victim)
                continue
            victim = w.entries[victim].after
        if cache.policy == CLOCK and w.marks[victim]:
            w.marks[victim] = 0
            cache_unlink(w, cache, victim)
            cache_link(w, cache, victim)
            continue
        cache_drop(w, cache, victim)
        cache.evictions += 1


def cache_link(w: Any, cache: Any, i: int) -> None:
    """Put an entry at the end of the order."""
    entry = w.entries[i]
    entry.before, entry.after = cache.end, NOBODY
    if cache.end >= 0:
        w.entries[cache.end].after = i
    else:
        cache.front = i
    cache.end = i


def cache_unlink(w: Any, cache: Any, i: int) -> None:
    """Take an entry out of the order."""
    entry = w.entries[i]
    if entry.before >= 0:
        w.entries[entry.before].after = entry.after
    else:
        cache.front = entry.after
    if entry.after >= 0:
        w.entries[entry.after].before = entry.before
    else:
        cache.end = entry.before
