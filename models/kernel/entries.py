"""Objects in caches: the SimPy form is an `Entry`; in the compiled form they are records, linked by slot into orders.

`w.held[held_at(cache, key)]` is one more than the slot of the key's entry, 0 where it is not held. An order has a
`front` (next to go) and an `end`: a cache is one, or its segments are.
"""

from __future__ import annotations

from typing import Any

from models.kernel.slots import free_entry

NOBODY = -1
"""No key, or no slot."""


class Entry:
    """An object in a cache: bytes, when it expires, which version it is; and what policies remember of it.

    `mark` is CLOCK's mark, LFU's counter or how active Memcached's object is; `at` when it was used; `place` where
    it stands among its like.
    """

    __slots__ = ("at", "expires", "mark", "place", "size", "version")

    def __init__(self, size: int, expires: float, version: int) -> None:
        self.size, self.expires, self.version = size, expires, version
        self.mark, self.place, self.at = 0, 0, 0.0


def held_at(cache: Any, key: int) -> int:
    """Where in `w.held` a key has its place; those of the caches of a family lie side by side."""
    return int(cache.base + key * cache.stride)


def link(w: Any, order: Any, i: int) -> None:
    """Put an entry at the end of an order."""
    entry = w.entries[i]
    entry.before, entry.after = order.end, NOBODY
    if order.end >= 0:
        w.entries[order.end].after = i
    else:
        order.front = i
    order.end = i


def unlink(w: Any, order: Any, i: int) -> None:
    """Take an entry out of an order."""
    entry = w.entries[i]
    if entry.before >= 0:
        w.entries[entry.before].after = entry.after
    else:
        order.front = entry.after
    if entry.after >= 0:
        w.entries[entry.after].before = entry.before
    else:
        order.end = entry.before


def forget(w: Any, cache: Any, i: int) -> None:
    """A cache no longer holds the object of an entry, which is in no order any more."""
    entry = w.entries[i]
    w.held[held_at(cache, entry.key)] = 0
    cache.used -= entry.size
    free_entry(w, i)
