"""What Redis evicts: the worst of a few objects drawn at random, and of the best candidates of draws before.

An eviction draws `samples` of the objects held and scores them, by idle time (LRU) or by a counter of how often they
were used (LFU). The 16 with the highest scores ever seen are kept in a pool, in order; the highest that is still held
goes. A score is not looked at again: an object that was used since it came into the pool goes nevertheless.

LFU's counter begins at 5 and rises to 255 at most: at a use, by one with probability 1 / (factor x (counter - 5) + 1);
it falls by one at each tick of a clock of minutes.

Source:
    Redis 7, src/evict.c and the documentation page "Key eviction"; lfu-log-factor and lfu-decay-time of redis.conf.

Limits:
    Objects are drawn independently and uniformly, where Redis takes neighbours in its hash table. There is one pool for
    each cache. An object that is being brought up to date is passed over. Redis's clocks wrap after 194 and 45 days.
    Where lfu-decay-time is more than a minute, Redis counts the minutes since the use; here all objects fall at once.

`Sampler` is the SimPy form, the functions below it are the compiled form; both draw the same numbers, which are a
function of the cache's own stream, its member and how many it has drawn before. Where an object stands among those
held (`roster`) is the same in both: at the end when it comes in, the last takes the place of one that leaves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from models.kernel.entries import NOBODY, Entry, held_at
from models.kernel.numerics import to_int
from models.kernel.random import MASK32, ORDINAL_BITS, Stream, uniforms

if TYPE_CHECKING:
    from models.kernel.parts import Cache

POOL = 16
"""Candidates that are kept from one eviction to the next."""
COUNTER_FIRST, COUNTER_MOST = 5, 255
BLOCK = 1024
"""Numbers that the SimPy form draws at a time."""


def idle(at: float, now: float, clock_s: float) -> float:
    """Since when an object has not been used, in ticks of a clock, or in seconds of one that is exact."""
    if clock_s <= 0.0:
        return now - at
    return np.floor(now / clock_s) - np.floor(at / clock_s)  # type: ignore[no-any-return]


def decayed(counter: int, at: float, now: float, decay_s: float) -> int:
    """A counter as it stands now, of an object that was used last at some time."""
    if decay_s <= 0.0:
        return counter
    return counter - min(counter, to_int(idle(at, now, decay_s)))  # type: ignore[no-any-return]


def chance(counter: int, log_factor: int) -> float:
    """The probability that a use raises a counter."""
    return 1.0 / (max(counter - COUNTER_FIRST, 0) * log_factor + 1.0)


def draws(key: Stream, member: int) -> Iterator[float]:
    """A cache's uniforms, one after the other."""
    first = 0
    while True:
        numbers = np.arange(first, first + BLOCK)
        yield from uniforms(*key, numbers & MASK32, member, 0, numbers >> ORDINAL_BITS, 0, 0)[0].tolist()
        first += BLOCK


class Sampler:
    """The objects of one cache of the SimPy engine, to be sampled from.

    Args:
        part: The cache.
        key: The stream of its draws.
        member: Which of its group it stands on.
    """

    def __init__(self, part: Cache, key: Stream, member: int) -> None:
        self.terms, self.counts = part.sampling, part.policy == "sampled_lfu"
        self.draws = draws(key, member)
        self.roster: list[int] = []
        self.pool: list[tuple[float, int]] = []

    def add(self, key: int, entry: Entry, now: float) -> None:
        """An object has come in."""
        entry.at, entry.mark, entry.place = now, COUNTER_FIRST, len(self.roster)
        self.roster.append(key)

    def remove(self, entry: Entry, held: Mapping[int, Entry]) -> None:
        """An object leaves."""
        last = self.roster.pop()
        if entry.place < len(self.roster):
            self.roster[entry.place] = last
            held[last].place = entry.place

    def use(self, entry: Entry, now: float) -> None:
        """An object is used."""
        if self.counts:
            counter = decayed(entry.mark, entry.at, now, self.terms.lfu_decay_s)
            if counter < COUNTER_MOST and next(self.draws) < chance(counter, self.terms.lfu_log_factor):
                counter += 1
            entry.mark = counter
        entry.at = now

    def victim(self, held: Mapping[int, Entry], keep: int, now: float) -> int:
        """The key to evict, of others than the one to keep."""
        while True:
            for _ in range(self.terms.samples):
                key = self.roster[min(len(self.roster) - 1, int(next(self.draws) * len(self.roster)))]
                if key != keep:
                    self._propose(key, self._score(held[key], now))
            while self.pool:
                _, key = self.pool.pop()
                if key in held and key != keep:
                    return key

    def clear(self) -> None:
        """Nothing is held any more."""
        self.roster.clear()
        self.pool.clear()

    def _score(self, entry: Entry, now: float) -> float:
        if self.counts:
            return float(COUNTER_MOST - decayed(entry.mark, entry.at, now, self.terms.lfu_decay_s))
        return idle(entry.at, now, self.terms.clock_s)

    def _propose(self, key: int, score: float) -> None:
        """A candidate comes into the pool below those of its score; the lowest leaves a pool that is full."""
        place = bisect_left(self.pool, score, key=lambda candidate: candidate[0])
        if len(self.pool) < POOL:
            self.pool.insert(place, (score, key))
        elif place:
            self.pool.insert(place, (score, key))
            del self.pool[0]


# The compiled form. The slot of the object at a place among those held is `w.roster[held_at(cache, place)]`, of which
# there are `cache.count`. The pool's `cache.pooled` candidates are in `w.pool`, from `cache.pool` on.


def sampler_add(w: Any, cache: Any, i: int, now: float) -> None:
    """Compiled form of `Sampler.add`."""
    use = w.uses[i]
    use.at, use.place = now, cache.count
    w.marks[i] = COUNTER_FIRST
    w.roster[held_at(cache, cache.count)] = i
    cache.count += 1


def sampler_remove(w: Any, cache: Any, i: int) -> None:
    """Compiled form of `Sampler.remove`."""
    cache.count -= 1
    place, last = w.uses[i].place, w.roster[held_at(cache, cache.count)]
    w.roster[held_at(cache, place)] = last
    w.uses[last].place = place


def sampler_use(w: Any, cache: Any, i: int, now: float) -> None:
    """Compiled form of `Sampler.use`."""
    if cache.counts:
        counter = decayed(w.marks[i], w.uses[i].at, now, cache.decay_s)
        if counter < COUNTER_MOST and sampler_draw(w, cache) < chance(counter, cache.log_factor):
            counter += 1
        w.marks[i] = counter
    w.uses[i].at = now


def sampler_victim(w: Any, cache: Any, keep: int, now: float) -> int:
    """Compiled form of `Sampler.victim`, in slots."""
    found = NOBODY
    while found < 0:
        for _ in range(cache.samples):
            place = min(cache.count - 1, to_int(np.floor(sampler_draw(w, cache) * cache.count)))
            i = w.roster[held_at(cache, place)]
            if i != keep:
                if cache.counts:
                    score = 1.0 * (COUNTER_MOST - decayed(w.marks[i], w.uses[i].at, now, cache.decay_s))
                else:
                    score = idle(w.uses[i].at, now, cache.clock_s)
                sampler_propose(w, cache, w.entries[i].key, score)
        while found < 0 and cache.pooled > 0:
            cache.pooled -= 1
            i = w.held[held_at(cache, w.pool[cache.pool + cache.pooled].key)] - 1
            if i != keep:
                found = i
    return int(found)


def sampler_propose(w: Any, cache: Any, key: int, score: float) -> None:
    """Compiled form of `Sampler._propose`."""
    first, count = cache.pool, cache.pooled
    place = 0
    while place < count and w.pool[first + place].score < score:
        place += 1
    if count == POOL:
        if place == 0:
            return
        place -= 1
        for j in range(first, first + place):
            here, above = w.pool[j], w.pool[j + 1]
            here.key, here.score = above.key, above.score
    else:
        cache.pooled = count + 1
        j = first + count
        while j > first + place:
            here, below = w.pool[j], w.pool[j - 1]
            here.key, here.score = below.key, below.score
            j -= 1
    candidate = w.pool[first + place]
    candidate.key, candidate.score = key, score


def sampler_draw(w: Any, cache: Any) -> float:
    """The cache's next uniform."""
    n = cache.draws
    cache.draws = n + 1
    k0, k1 = w.keys[cache.stream, 0], w.keys[cache.stream, 1]
    u, _ = uniforms(k0, k1, n & MASK32, cache.member, 0, n >> ORDINAL_BITS, 0, 0)
    return u  # type: ignore[no-any-return]
