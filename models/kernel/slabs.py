"""What Memcached evicts: within a class of sizes, what has come through a queue of segments to the tail of COLD.

Memory is given in pages to classes of chunks, to each as it needs one; a class that has none gets its first even when
all are given. An object takes a chunk of the smallest class in which it fits. When there are no pages left, a class
evicts among its own objects, however seldom they are used, and whatever lies idle in another (slab calcification).

A class has three segments. A new object enters HOT. One that was fetched is remembered; at its next fetch it becomes
active or, in COLD, goes to WARM at once. From the tails of HOT and WARM, active objects go to WARM, where they have
to be fetched again to be active; others go to COLD, when their segment has more than its share of the class's bytes or
they are older than a multiple of the age of the tail of COLD. Evictions take the tail of COLD. An object that is
written again is a new one, with memory of its own before the old one is forgotten.

Source:
    Memcached 1.6: slabs.c, items.c (lru_pull_tail, lru_maintainer_juggle, do_item_bump), doc/new_lru.txt.

Limits:
    The maintainer's thread has done all there is to do after each object that comes in, and before each eviction that
    finds COLD empty; ages are exact, where Memcached counts whole seconds. No page is ever taken from a class (no
    automover), no segment for short lives (TEMP), no crawler: an expired object is reclaimed at the tail of a segment
    or when it is asked for. An object larger than half a page takes two of the largest chunks; Memcached puts its end
    in a smaller one. A hit whose size changed is taken as a write.

`SlabsState` is the SimPy form, the functions below it are the compiled form.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from models.kernel.entries import Entry, forget, link, unlink

if TYPE_CHECKING:
    from models.kernel.cache import CacheState
    from models.kernel.parts import Cache

HOT, WARM, COLD = range(3)
SEGMENTS = 3
NEW, FETCHED, ACTIVE = range(3)
"""What has become of an object: it was never fetched, it was, it was lately."""


class Segment:
    """A queue of objects of one class, and their bytes."""

    def __init__(self) -> None:
        self.entries: OrderedDict[int, Entry] = OrderedDict()
        self.used = 0


class Slab:
    """A class of chunks.

    Args:
        chunk: Bytes of each.
        per_page: Chunks in a page.
    """

    def __init__(self, chunk: int, per_page: int) -> None:
        self.chunk, self.per_page, self.pages, self.free = chunk, per_page, 0, 0
        self.segments = [Segment() for _ in range(SEGMENTS)]


class SlabsState:
    """The memory of one cache of the SimPy engine.

    Args:
        part: The cache.
        cache: What is held.
    """

    def __init__(self, part: Cache, cache: CacheState) -> None:
        self.terms, self.cache = part.slabs, cache
        self.chunks = self.terms.chunks_bytes()
        self.pages_most = part.capacity // self.terms.page_bytes
        self.clear()

    def clear(self) -> None:
        """All memory is given back."""
        self.pages = 0
        self.slabs = [Slab(chunk, self.terms.page_bytes // chunk) for chunk in self.chunks]

    def make_room(self, weight: int, now: float) -> None:
        """See to it that so many bytes find chunks that are free."""
        slab = self._slab(weight)
        while slab.free < -(-weight // slab.chunk):
            if slab.pages == 0 or self.pages < self.pages_most:
                self.pages += 1
                slab.pages += 1
                slab.free += slab.per_page
            elif slab.segments[COLD].entries:
                key, entry = next(iter(slab.segments[COLD].entries.items()))
                self.cache.evictions += entry.expires > now
                self.cache.drop(key)
            else:
                self._juggle(slab, now)

    def add(self, key: int, entry: Entry, now: float) -> None:
        """A new object takes its chunks."""
        slab = self._slab(entry.size)
        slab.free -= -(-entry.size // slab.chunk)
        entry.at, entry.mark = now, NEW
        self._enter(slab, HOT, key, entry)
        self._juggle(slab, now)

    def remove(self, key: int, entry: Entry) -> None:
        """An object gives its chunks back."""
        slab = self._slab(entry.size)
        slab.free += -(-entry.size // slab.chunk)
        self._leave(slab, key, entry)

    def fetch(self, key: int, entry: Entry, now: float) -> None:
        """An object is fetched."""
        if entry.mark == NEW:
            entry.mark = FETCHED
        elif entry.mark == FETCHED:
            entry.at = now
            if entry.place == COLD:
                self._move(self._slab(entry.size), WARM, key, entry)
            else:
                entry.mark = ACTIVE

    def _slab(self, weight: int) -> Slab:
        """The class that an object belongs to."""
        return self.slabs[min(bisect_left(self.chunks, weight), len(self.chunks) - 1)]

    def _enter(self, slab: Slab, segment: int, key: int, entry: Entry) -> None:
        entry.place = segment
        slab.segments[segment].entries[key] = entry
        slab.segments[segment].used += entry.size

    def _leave(self, slab: Slab, key: int, entry: Entry) -> None:
        segment = slab.segments[entry.place]
        del segment.entries[key]
        segment.used -= entry.size

    def _move(self, slab: Slab, segment: int, key: int, entry: Entry) -> None:
        self._leave(slab, key, entry)
        self._enter(slab, segment, key, entry)

    def _juggle(self, slab: Slab, now: float) -> None:
        """Move what is at the tails until all of it may stay."""
        terms = self.terms
        total = sum(segment.used for segment in slab.segments)
        age = next((now - entry.at for entry in slab.segments[COLD].entries.values()), 0.0)
        while (
            self._pull(slab, HOT, total * terms.hot_percent // 100, age * terms.hot_age_factor, now)
            or self._pull(slab, WARM, total * terms.warm_percent // 100, age * terms.warm_age_factor, now)
            or self._pull(slab, COLD, total, age, now)
        ):
            pass

    def _pull(self, slab: Slab, segment: int, most: int, age: float, now: float) -> bool:
        """Whether the tail of a segment had to go, which it has then."""
        queue = slab.segments[segment]
        if not queue.entries:
            return False
        key, entry = next(iter(queue.entries.items()))
        if entry.expires <= now:
            self.cache.drop(key)
        elif segment == COLD:
            return False
        elif entry.mark == ACTIVE:
            entry.mark = FETCHED
            self._move(slab, WARM, key, entry)
        elif queue.used > most or now - entry.at > age:
            self._move(slab, COLD, key, entry)
        else:
            return False
        return True


# The compiled form. A cache's classes are `w.slabs` from `cache.slabs` on, the segments of each lie side by side in
# `w.segments`; an entry's segment is `w.uses[i].place`, how active it is `w.marks[i]`.


def slab_for(w: Any, cache: Any, weight: int) -> int:
    """Compiled form of `SlabsState._slab`."""
    index, last = cache.slabs, cache.slabs + cache.classes - 1
    while index < last and w.slabs[index].chunk < weight:
        index += 1
    return int(index)


def slab_make_room(w: Any, cache: Any, weight: int, now: float) -> None:
    """Compiled form of `SlabsState.make_room`."""
    index = slab_for(w, cache, weight)
    slab, cold = w.slabs[index], w.segments[SEGMENTS * index + COLD]
    while slab.free < -(-weight // slab.chunk):
        if slab.pages == 0 or cache.pages < cache.pages_most:
            cache.pages += 1
            slab.pages += 1
            slab.free += slab.per_page
        elif cold.front >= 0:
            cache.evictions += 1 if w.entries[cold.front].expires > now else 0
            slab_drop(w, cache, cold.front)
        else:
            slab_juggle(w, cache, index, now)


def slab_add(w: Any, cache: Any, i: int, now: float) -> None:
    """Compiled form of `SlabsState.add`."""
    entry = w.entries[i]
    index = slab_for(w, cache, entry.size)
    slab = w.slabs[index]
    slab.free -= -(-entry.size // slab.chunk)
    w.uses[i].at = now
    w.marks[i] = NEW
    slab_enter(w, SEGMENTS * index + HOT, i)
    slab_juggle(w, cache, index, now)


def slab_drop(w: Any, cache: Any, i: int) -> None:
    """Compiled form of `SlabsState.remove`, and of all that forgets an object."""
    slab = w.slabs[w.uses[i].place // SEGMENTS]
    slab.free += -(-w.entries[i].size // slab.chunk)
    slab_leave(w, i)
    forget(w, cache, i)


def slab_clear(w: Any, cache: Any) -> None:
    """Compiled form of `SlabsState.clear`, and of all that forgets the objects."""
    for index in range(cache.slabs, cache.slabs + cache.classes):
        for segment in range(SEGMENTS * index, SEGMENTS * (index + 1)):
            while w.segments[segment].front >= 0:
                slab_drop(w, cache, w.segments[segment].front)
        w.slabs[index].pages = 0
        w.slabs[index].free = 0
    cache.pages = 0


def slab_fetch(w: Any, i: int, now: float) -> None:
    """Compiled form of `SlabsState.fetch`."""
    if w.marks[i] == NEW:
        w.marks[i] = FETCHED
    elif w.marks[i] == FETCHED:
        use = w.uses[i]
        use.at = now
        if use.place % SEGMENTS == COLD:
            slab_move(w, use.place - COLD + WARM, i)
        else:
            w.marks[i] = ACTIVE


def slab_enter(w: Any, segment: int, i: int) -> None:
    """Compiled form of `SlabsState._enter`."""
    w.uses[i].place = segment
    link(w, w.segments[segment], i)
    w.segments[segment].used += w.entries[i].size


def slab_leave(w: Any, i: int) -> None:
    """Compiled form of `SlabsState._leave`."""
    segment = w.segments[w.uses[i].place]
    unlink(w, segment, i)
    segment.used -= w.entries[i].size


def slab_move(w: Any, segment: int, i: int) -> None:
    """Compiled form of `SlabsState._move`."""
    slab_leave(w, i)
    slab_enter(w, segment, i)


def slab_juggle(w: Any, cache: Any, index: int, now: float) -> None:
    """Compiled form of `SlabsState._juggle`."""
    first = SEGMENTS * index
    total = w.segments[first + HOT].used + w.segments[first + WARM].used + w.segments[first + COLD].used
    tail = w.segments[first + COLD].front
    age = now - w.uses[tail].at if tail >= 0 else 0.0
    hot_most, warm_most = total * cache.hot_percent // 100, total * cache.warm_percent // 100
    moving = True
    while moving:
        moving = (
            slab_pull(w, cache, first + HOT, hot_most, age * cache.hot_age_factor, now)
            or slab_pull(w, cache, first + WARM, warm_most, age * cache.warm_age_factor, now)
            or slab_pull(w, cache, first + COLD, total, age, now)
        )


def slab_pull(w: Any, cache: Any, segment: int, most: int, age: float, now: float) -> bool:
    """Compiled form of `SlabsState._pull`."""
    i = w.segments[segment].front
    if i < 0:
        return False
    kind = segment % SEGMENTS
    if w.entries[i].expires <= now:
        slab_drop(w, cache, i)
    elif kind == COLD:
        return False
    elif w.marks[i] == ACTIVE:
        w.marks[i] = FETCHED
        slab_move(w, segment - kind + WARM, i)
    elif w.segments[segment].used > most or now - w.uses[i].at > age:
        slab_move(w, segment - kind + COLD, i)
    else:
        return False
    return True
