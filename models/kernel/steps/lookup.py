"""Asking a cache, filling it, dropping from it, whether an object fits in, and whether it is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.kernel.amounts import all_items
from models.kernel.cache import cache_drop, cache_fill, cache_has, cache_has_newer, cache_lookup
from models.kernel.codes import OP_DROP, OP_FILL, OP_FIT, OP_LOOKUP, OP_PEEK
from models.kernel.entries import held_at
from models.kernel.ledger import READ
from models.kernel.parts import Cache
from models.kernel.steps.base import Step
from models.kernel.system import REJECTED, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token


@dataclass(frozen=True, eq=False)
class Lookup(Step):
    """Look the walk's key up in the chosen member's cache; a miss takes a way of its own, then goes on as a hit would.

    Args:
        cache: Which.
        on_miss: The way of a miss.
        whole: Whether the object is the walk's whole result, as large as its items together; otherwise it is one item.
    """

    cache: Cache
    on_miss: Route = field(default_factory=Route)
    whole: bool = False
    op = OP_LOOKUP
    reads_key = True
    is_instant = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        miss = program.flatten(self.on_miss, after, depth)
        cache, group = program.cache(self.cache), program.group(self.cache.group)
        return program.add(Site(self, self.op, a=cache, b=group, c=int(self.whole), next=after, other=miss))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        cache, group, miss, whole = site.a, site.b, site.other, site.c
        caches, looked_up = plane.caches[cache : cache + self.cache.group.size], plane.looked_up
        versions = plane.ledger is not None

        def look_up(token: Token) -> int:
            member, request = token.members[group], token.request
            size = all_items(token.items, request.size) if whole else request.size
            hit = caches[member].lookup(token.key, size, plane.now)
            looked_up(cache + member, request, hit)
            if hit and versions:
                token.version, token.access = caches[member].version, READ
            return token.site if hit else miss

        return look_up


@dataclass(frozen=True, eq=False)
class Fill(Step):
    """Put the walk's object into the chosen member's cache.

    Args:
        cache: Where.
        whole: Whether the object is the walk's whole result, as large as its items together; otherwise it is one item.
        keep_newer: Leave the object as it is where the cache holds a newer version than the walk brings.
    """

    cache: Cache
    whole: bool = False
    keep_newer: bool = False
    op = OP_FILL
    reads_key = True
    is_instant = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        return program.add(
            Site(
                self, self.op, a=program.cache(self.cache), b=program.group(self.cache.group), c=int(self.whole),
                d=int(self.keep_newer), next=after,
            )
        )  # fmt: skip

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        caches, group, whole = plane.caches[site.a : site.a + self.cache.group.size], site.b, site.c
        keep_newer = site.d

        def fill(token: Token) -> int:
            request, cache = token.request, caches[token.members[group]]
            if not (keep_newer and cache.has_newer(token.key, token.version, plane.now)):
                size = all_items(token.items, request.size) if whole else request.size
                cache.fill(token.key, size, plane.now, request.ttl, token.version)
            return token.site

        return fill


@dataclass(frozen=True, eq=False)
class Fit(Step):
    """Reject the walk if its item is too large for the chosen member's cache, which forgets what it has of the key.

    A fill alone leaves such an object out, and says nothing.

    Args:
        cache: Which; its capacity is in bytes.
    """

    cache: Cache
    op = OP_FIT
    reads_key = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        most = self.cache.item_most_bytes
        return program.add(
            Site(self, self.op, a=program.cache(self.cache), b=program.group(self.cache.group), c=most, next=after)
        )

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        caches, group, most = plane.caches[site.a : site.a + self.cache.group.size], site.b, site.c

        def fit(token: Token) -> int:
            if token.request.size > most:
                caches[token.members[group]].drop(token.key)
                token.error = REJECTED
            return token.site

        return fit


@dataclass(frozen=True, eq=False)
class Drop(Step):
    """Remove the walk's key from the chosen member's cache."""

    cache: Cache
    op = OP_DROP
    reads_key = True
    is_instant = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        return program.add(
            Site(self, self.op, a=program.cache(self.cache), b=program.group(self.cache.group), next=after)
        )

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        caches, group = plane.caches[site.a : site.a + self.cache.group.size], site.b

        def drop(token: Token) -> int:
            caches[token.members[group]].drop(token.key)
            return token.site

        return drop


@dataclass(frozen=True, eq=False)
class Peek(Step):
    """Go a way if the chosen member's cache lacks the walk's key; nobody counts that, and it is no use of the object.

    Args:
        cache: Which.
        otherwise: The way of those whose key it lacks.
    """

    cache: Cache
    otherwise: Route
    op = OP_PEEK
    reads_key = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        otherwise = program.flatten(self.otherwise, after, depth)
        cache, group = program.cache(self.cache), program.group(self.cache.group)
        return program.add(Site(self, self.op, a=cache, b=group, next=after, other=otherwise))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        caches, group, otherwise = plane.caches[site.a : site.a + self.cache.group.size], site.b, site.other

        def peek(token: Token) -> int:
            return token.site if caches[token.members[group]].has(token.key, plane.now) else otherwise

        return peek


def look_up(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Lookup`."""
    request, clock = w.requests[token.request], w.clock[0]
    index = site.a + token.members[site.b]
    cache = w.caches[index]
    size = all_items(token.items, request.size) if site.c else request.size
    hit = cache_lookup(w, cache, token.key, size, clock.now)
    if clock.priming:
        clock.prime_lookups += 1
        clock.prime_hits += hit
    else:
        if request.measured:
            cache.lookups += 1
            if hit:
                cache.hits += 1
            else:
                cache.misses += 1
        window = clock.window_now
        w.tally.window_lookups[cache.family, window] += 1
        w.tally.window_hits[cache.family, window] += hit
    if hit and w.ledger[0].width:
        token.version, token.access = cache.version, READ
    return int(site.next if hit else site.other)


def fill(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Fill`."""
    request = w.requests[token.request]
    cache, now = w.caches[site.a + token.members[site.b]], w.clock[0].now
    if site.d == 0 or not cache_has_newer(w, cache, token.key, token.version, now):
        size = all_items(token.items, request.size) if site.c else request.size
        cache_fill(w, cache, token.key, size, now, request.ttl, token.version)
    return int(site.next)


def fit(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Fit`."""
    if w.requests[token.request].size > site.c:
        drop(w, token, site)
        token.error = REJECTED
    return int(site.next)


def drop(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Drop`."""
    cache = w.caches[site.a + token.members[site.b]]
    i = w.held[held_at(cache, token.key)] - 1
    if i >= 0:
        cache_drop(w, cache, i)
    return int(site.next)


def peek(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Peek`."""
    cache = w.caches[site.a + token.members[site.b]]
    return int(site.next if cache_has(w, cache, token.key, w.clock[0].now) else site.other)
