"""A cache at work: bounded in items or in bytes, with an optional time to live, under one of several policies.

One order of keys serves LRU, FIFO and CLOCK. LRU moves a key that is hit to the end, FIFO leaves it, CLOCK marks it;
room is made at the front, where CLOCK sends a marked key to the end once more, its mark cleared (the hand of a clock in
another picture). Redis's policies draw whom to evict (see `sampling`). Memcached's has a memory and segments of its own
(see `slabs`).

Room for a new object is made before it comes in, so that it comes behind all that the hand has
passed. A hit whose size changed updates the object and then makes room among the others, or drops the object itself if
it alone exceeds the capacity; an object larger than the capacity is not admitted. An expired object is a miss, and
leaves when it is looked up; one that is filled again comes in as new. A flush is a restart.

`CacheState` is the SimPy form, on an `OrderedDict`; the functions below it are the compiled form, on linked records,
one for each object held, so that both are independent of one another.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from copy import copy
from typing import TYPE_CHECKING, Any

from models.kernel.entries import NOBODY, Entry, forget, held_at, link, unlink
from models.kernel.machine.hints import soon
from models.kernel.sampling import Sampler, sampler_add, sampler_remove, sampler_use, sampler_victim
from models.kernel.slabs import SlabsState, slab_add, slab_clear, slab_drop, slab_fetch, slab_make_room
from models.kernel.slots import take_entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.kernel.outcome import FloatArray, IntArray
    from models.kernel.parts import Cache
    from models.kernel.random import Stream

LRU, FIFO, CLOCK, SEGMENTED_LRU, SAMPLED_LRU, SAMPLED_LFU = range(6)
"""Those from `SEGMENTED_LRU` on remember uses, those from `SAMPLED_LRU` on draw."""
POLICY = {
    "lru": LRU, "fifo": FIFO, "clock": CLOCK, "segmented_lru": SEGMENTED_LRU, "sampled_lru": SAMPLED_LRU,
    "sampled_lfu": SAMPLED_LFU,
}  # fmt: skip


class CacheState:
    """One cache of the SimPy engine. `version` is that of the last hit.

    Args:
        part: The cache.
        key: The stream of its draws, where its policy draws.
        member: Which of its group it stands on.
    """

    def __init__(self, part: Cache, key: Stream | None = None, member: int = 0) -> None:
        self.policy, self.capacity = POLICY[part.policy], part.capacity
        self.in_bytes, self.overhead = part.capacity_bytes is not None, part.added_bytes
        self.ttl = math.inf if part.ttl_s is None else part.ttl_s
        self.entries: OrderedDict[int, Entry] = OrderedDict()
        self.used, self.evictions, self.version = 0, 0, 0
        self.sampler = None if key is None else Sampler(part, key, member)
        self.slabs = SlabsState(part, self) if self.policy == SEGMENTED_LRU else None
        self.item_most = part.slabs.item_most_bytes

    def lookup(self, key: int, size: int, now: float) -> bool:
        """Whether the key is held; a hit updates recency and size."""
        entry = self.entries.get(key)
        if entry is None:
            return False
        if entry.expires <= now:
            self.drop(key)
            return False
        self.version = entry.version
        self._touch(key, entry, self._weight(size), now)
        return True

    def fill(self, key: int, size: int, now: float, ttl: float, version: int) -> None:
        """Put the object in, or bring it up to date if it is alive; its time to live begins."""
        self._put(key, self._weight(size), now + min(self.ttl, ttl), version, now)

    def _put(self, key: int, weight: int, expires: float, version: int, now: float) -> None:
        entry = self.entries.get(key)
        if entry is not None and entry.expires <= now:
            self.drop(key)
            entry = None
        if self.slabs is not None:
            self._write(key, weight, expires, version, now)
        elif entry is not None:
            entry.expires, entry.version = expires, version
            self._touch(key, entry, weight, now)
        elif weight <= self.capacity:
            self._make_room(self.capacity - weight, NOBODY, now)
            self._admit(key, weight, expires, version, now)

    def has_newer(self, key: int, version: int, now: float) -> bool:
        """Whether the key is held in a newer version."""
        entry = self.entries.get(key)
        return entry is not None and entry.expires > now and entry.version > version

    def has(self, key: int, now: float) -> bool:
        """Whether the key is held, for nobody's use."""
        entry = self.entries.get(key)
        return entry is not None and entry.expires > now

    def move(self, target: CacheState, keys: list[int], now: float, *, keep: bool) -> None:
        """Another cache takes objects as if they were new, those that live and of which it has none as new."""
        for key in keys:
            entry = self.entries.get(key)
            if entry is not None:
                size, expires, version = entry.size, entry.expires, entry.version
                if not keep:
                    self.drop(key)
                if expires > now and not target.has_newer(key, version - 1, now):
                    target._put(key, size, expires, version, now)

    def drop(self, key: int) -> None:
        """Forget the key."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.used -= entry.size
            if self.sampler is not None:
                self.sampler.remove(entry, self.entries)
            elif self.slabs is not None:
                self.slabs.remove(key, entry)

    def flush(self) -> None:
        """Forget everything."""
        self.entries.clear()
        self.used = 0
        for memory in (self.sampler, self.slabs):
            if memory is not None:
                memory.clear()

    def save(self) -> dict[int, Entry]:
        """What is held, in the order in which it would go."""
        return {key: copy(entry) for key, entry in self.entries.items()}

    def restore(self, image: Mapping[int, Entry], now: float) -> None:
        """Forget everything, and hold what was saved that has not expired, with what is remembered of it."""
        self.flush()
        for key, entry in image.items():
            if entry.expires > now and entry.size <= self.capacity:
                self._make_room(self.capacity - entry.size, NOBODY, now)
                self._admit(key, entry.size, entry.expires, entry.version, now)
                mine = self.entries[key]
                mine.mark, mine.at = entry.mark, entry.at

    def shift(self, by_s: float) -> None:
        """Set the clock back, so that `by_s` becomes zero."""
        for entry in self.entries.values():
            entry.expires -= by_s
            entry.at -= by_s

    def _weight(self, size: int) -> int:
        return size + self.overhead if self.in_bytes else 1

    def _admit(self, key: int, weight: int, expires: float, version: int, now: float) -> None:
        """A new object comes in, for which there is room."""
        entry = self.entries[key] = Entry(weight, expires, version)
        self.used += weight
        if self.sampler is not None:
            self.sampler.add(key, entry, now)
        elif self.slabs is not None:
            self.slabs.add(key, entry, now)

    def _write(self, key: int, weight: int, expires: float, version: int, now: float) -> None:
        """Put an object in Memcached's memory, in the place of one that may be held."""
        if weight <= self.item_most:
            assert self.slabs is not None
            self.slabs.make_room(weight, now)
            self.drop(key)
            self._admit(key, weight, expires, version, now)
        elif key in self.entries:
            self.drop(key)
            self.evictions += 1

    def _touch(self, key: int, entry: Entry, weight: int, now: float) -> None:
        if self.slabs is not None:
            if entry.size == weight:
                self.slabs.fetch(key, entry, now)
            else:
                self._write(key, weight, entry.expires, entry.version, now)
            return
        if self.sampler is not None:
            self.sampler.use(entry, now)
        elif self.policy == CLOCK:
            entry.mark = 1
        elif self.policy == LRU:
            self.entries.move_to_end(key)
        if entry.size != weight:
            self.used += weight - entry.size
            entry.size = weight
            if weight > self.capacity:
                self.drop(key)
                self.evictions += 1
            else:
                self._make_room(self.capacity, key, now)

    def _make_room(self, most: int, keep: int, now: float) -> None:
        """Evict until no more than so much is used; the key to keep is passed over as it is."""
        while self.used > most:
            sampler = self.sampler
            self.drop(self._next(keep) if sampler is None else sampler.victim(self.entries, keep, now))
            self.evictions += 1

    def _next(self, keep: int) -> int:
        """The key that goes next, of others than the one to keep."""
        while True:
            front = iter(self.entries)
            victim = next(front)
            if victim == keep:
                if self.policy == CLOCK:
                    self.entries.move_to_end(keep)
                    continue
                victim = next(front)
            if self.policy == CLOCK and self.entries[victim].mark:
                self.entries[victim].mark = 0
                self.entries.move_to_end(victim)
                continue
            return victim


# The compiled form. Entries are linked by slot into one order for each cache, or for each segment of Memcached's.


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
    cache_touch(w, cache, i, size + cache.overhead if cache.in_bytes else 1, now)
    return True


def cache_fill(w: Any, cache: Any, key: int, size: int, now: float, ttl: float, version: int) -> None:
    """Compiled form of `CacheState.fill`."""
    cache_put(w, cache, key, size + cache.overhead if cache.in_bytes else 1, now + min(cache.ttl, ttl), version, now)


def cache_put(w: Any, cache: Any, key: int, weight: int, expires: float, version: int, now: float) -> None:
    """Compiled form of `CacheState._put`."""
    i = w.held[held_at(cache, key)] - 1
    if i >= 0 and w.entries[i].expires <= now:
        cache_drop(w, cache, i)
        i = NOBODY
    if cache.policy == SEGMENTED_LRU:
        cache_write(w, cache, key, weight, expires, version, now)
    elif i >= 0:
        w.entries[i].expires, w.entries[i].version = expires, version
        cache_touch(w, cache, i, weight, now)
    elif weight <= cache.capacity:
        cache_make_room(w, cache, cache.capacity - weight, NOBODY, now)
        cache_admit(w, cache, key, weight, expires, version, now)


def cache_has_newer(w: Any, cache: Any, key: int, version: int, now: float) -> bool:
    """Compiled form of `CacheState.has_newer`."""
    i = w.held[held_at(cache, key)] - 1
    return bool(i >= 0 and w.entries[i].expires > now and w.entries[i].version > version)


def cache_has(w: Any, cache: Any, key: int, now: float) -> bool:
    """Compiled form of `CacheState.has`."""
    i = w.held[held_at(cache, key)] - 1
    return bool(i >= 0 and w.entries[i].expires > now)


def cache_sizes(w: Any, index: int, keys: IntArray, now: float, out: IntArray) -> None:
    """What a cache's objects take that live; -1 where it has none of a key."""
    cache = w.caches[index]
    for n in range(keys.shape[0]):
        out[n] = w.entries[w.held[held_at(cache, keys[n])] - 1].size if cache_has(w, cache, keys[n], now) else NOBODY


def cache_move(w: Any, index: int, target: int, keys: IntArray, keep: bool, now: float) -> None:
    """Compiled form of `CacheState.move`."""
    cache, other = w.caches[index], w.caches[target]
    for n in range(keys.shape[0]):
        i = w.held[held_at(cache, keys[n])] - 1
        if i >= 0:
            entry = w.entries[i]
            size, expires, version = entry.size, entry.expires, entry.version
            if not keep:
                cache_drop(w, cache, i)
            if expires > now and not cache_has_newer(w, other, keys[n], version - 1, now):
                cache_put(w, other, keys[n], size, expires, version, now)


def cache_drop(w: Any, cache: Any, i: int) -> None:
    """Compiled form of `CacheState.drop`, of the entry in a slot."""
    if cache.policy == SEGMENTED_LRU:
        slab_drop(w, cache, i)
        return
    unlink(w, cache, i)
    if cache.policy >= SAMPLED_LRU:
        sampler_remove(w, cache, i)
    forget(w, cache, i)


def cache_flush(w: Any, index: int) -> None:
    """Compiled form of `CacheState.flush`."""
    cache = w.caches[index]
    while cache.front >= 0:
        cache_drop(w, cache, cache.front)
    cache.pooled = 0
    if cache.policy == SEGMENTED_LRU:
        slab_clear(w, cache)


def cache_save(w: Any, index: int, out: IntArray) -> int:
    """Slots of all that a cache holds, in its order, for as many as there is room for; returns how many there are."""
    count, i = 0, w.caches[index].front
    while i >= 0:
        if count < out.shape[0]:
            out[count] = i
        count += 1
        i = w.entries[i].after
    return count


def cache_restore(
    w: Any, index: int, keys: IntArray, sizes: IntArray, expiries: FloatArray, versions: IntArray, marks: IntArray,
    times: FloatArray, now: float,
) -> None:  # fmt: skip
    """Compiled form of `CacheState.restore`."""
    cache_flush(w, index)
    cache = w.caches[index]
    for n in range(keys.shape[0]):
        if expiries[n] > now and sizes[n] <= cache.capacity:
            cache_make_room(w, cache, cache.capacity - sizes[n], NOBODY, now)
            cache_admit(w, cache, keys[n], sizes[n], expiries[n], versions[n], now)
            mine = w.held[held_at(cache, keys[n])] - 1
            w.marks[mine] = marks[n]
            if cache.policy >= SAMPLED_LRU:
                w.uses[mine].at = times[n]


def cache_admit(w: Any, cache: Any, key: int, weight: int, expires: float, version: int, now: float) -> None:
    """Compiled form of `CacheState._admit`."""
    i = take_entry(w)
    entry = w.entries[i]
    entry.key, entry.size, entry.expires = key, weight, expires
    entry.version = version
    w.held[held_at(cache, key)] = i + 1
    cache.used += weight
    if cache.policy == SEGMENTED_LRU:
        slab_add(w, cache, i, now)
        return
    link(w, cache, i)
    if cache.policy == CLOCK:
        w.marks[i] = 0
    elif cache.policy >= SAMPLED_LRU:
        sampler_add(w, cache, i, now)


def cache_write(w: Any, cache: Any, key: int, weight: int, expires: float, version: int, now: float) -> None:
    """Compiled form of `CacheState._write`."""
    if weight <= cache.item_most:
        slab_make_room(w, cache, weight, now)
    i = w.held[held_at(cache, key)] - 1
    if i >= 0:
        slab_drop(w, cache, i)
    if weight <= cache.item_most:
        cache_admit(w, cache, key, weight, expires, version, now)
    elif i >= 0:
        cache.evictions += 1


def cache_touch(w: Any, cache: Any, i: int, weight: int, now: float) -> None:
    """Compiled form of `CacheState._touch`."""
    entry = w.entries[i]
    if cache.policy == SEGMENTED_LRU:
        if entry.size == weight:
            slab_fetch(w, i, now)
        else:
            cache_write(w, cache, entry.key, weight, entry.expires, entry.version, now)
        return
    if cache.policy >= SAMPLED_LRU:
        sampler_use(w, cache, i, now)
    if cache.policy == CLOCK:
        w.marks[i] = 1
    if cache.policy == LRU and cache.end != i:
        unlink(w, cache, i)
        link(w, cache, i)
    if entry.size != weight:
        cache.used += weight - entry.size
        entry.size = weight
        if weight > cache.capacity:
            cache_drop(w, cache, i)
            cache.evictions += 1
        else:
            cache_make_room(w, cache, cache.capacity, i, now)


def cache_make_room(w: Any, cache: Any, most: int, keep: int, now: float) -> None:
    """Compiled form of `CacheState._make_room`."""
    while cache.used > most:
        if cache.policy >= SAMPLED_LRU:
            cache_drop(w, cache, sampler_victim(w, cache, keep, now))
            cache.evictions += 1
            continue
        victim = cache.front
        if victim == keep:
            if cache.policy == CLOCK:
                unlink(w, cache, victim)
                link(w, cache, victim)
                continue
            victim = w.entries[victim].after
        if cache.policy == CLOCK and w.marks[victim]:
            w.marks[victim] = 0
            unlink(w, cache, victim)
            link(w, cache, victim)
            continue
        cache_drop(w, cache, victim)
        cache.evictions += 1
