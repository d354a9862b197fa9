"""Cases by hand for caches that draw whom to evict, and for those with slab classes, as large as they need."""

from __future__ import annotations

import numpy as np

from models.kernel.arrivals import Poisson
from models.kernel.keys import Zipf
from models.kernel.laws import Constant, Uniform
from models.kernel.parts import Cache, CachePolicy, Group, Sampling, Slabs, everybody
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.steps import Choose, Drop, Fill, Fit, Lookup
from models.kernel.system import Operation, Route
from tests.strategies.systems import DURATION_S, GRID_S, Act, Case

EVICTION_KEYS = 60
SPAN = Span(0.0, 4 * DURATION_S, 5 * DURATION_S, 4)


def _case(cache: Cache, sizes: Constant | Uniform, script: tuple[Act, ...], *, primed: bool) -> Case:
    fit = () if cache.capacity_bytes is None else (Fit(cache),)
    operations = {
        "read": Operation(Route(Choose(everybody(cache.group)), Lookup(cache, Route(Fill(cache))))),
        "write": Operation(Route(Choose(everybody(cache.group)), *fit, Fill(cache))),
        "insert": Operation(Route(Choose(everybody(cache.group)), Drop(cache))),
    }
    mix = {"read": 0.8, "write": 0.15, "insert": 0.05}
    work = Workload(Poisson(rate_per_s=6.0 / GRID_S), Zipf(count=EVICTION_KEYS, exponent=0.9), sizes, mix)
    return Case(operations, (script,), (work,), SPAN, 7, primed=primed)


def sampled_case(policy: CachePolicy) -> Case:
    """Two caches of thirty objects, of which few expire, and one is restarted."""
    terms = Sampling(3, clock_s=3 * GRID_S, lfu_log_factor=1, lfu_decay_s=20 * GRID_S)
    cache = Cache("cache", Group("node", 2), policy, capacity_items=30, ttl_s=90 * GRID_S, sampling=terms)
    return _case(cache, Constant(value=1.0), (Act(200 * GRID_S, "flush", (cache, 1)),), primed=True)


def slabs_case() -> Case:
    """Ten pages for four classes, some of whose objects expire, and one of two memories that is restarted; what is too
    large is left out, and writers are told.
    """
    terms = Slabs(smallest_bytes=24, header_bytes=8, growth_factor=1.5, page_bytes=320, item_most_bytes=300)
    cache = Cache("cache", Group("node", 2), "segmented_lru", capacity_bytes=3300, ttl_s=30 * GRID_S, slabs=terms)
    assert np.all(np.diff(terms.chunks_bytes()) > 0)
    return _case(cache, Uniform(low=1.0, high=310.0), (Act(200 * GRID_S, "flush", (cache, 1)),), primed=True)


def handed_over_case(policy: CachePolicy) -> Case:
    """A cache takes over what another one holds, time and again, and goes on evicting."""
    terms = Sampling(3, clock_s=3 * GRID_S, lfu_log_factor=1, lfu_decay_s=20 * GRID_S)
    cache = Cache("cache", Group("node", 2), policy, capacity_items=30, ttl_s=40 * GRID_S, sampling=terms)
    at = [(step, "take_over", (cache, step % 2, 1 - step % 2)) for step in range(30, 380, 37)]
    at += [(step + 1, "held", (cache, step % 2)) for step in range(30, 380, 37)]
    script = tuple(
        Act(step * GRID_S, verb, arguments) for step, verb, arguments in sorted(at, key=lambda each: each[0])
    )
    return _case(cache, Constant(value=1.0), script, primed=True)


def saved_case(policy: CachePolicy) -> Case:
    """What a cache holds is saved, and restored much later, with what was used least and has less time to live; between
    two crashes, of which it outlasts the node's.
    """
    terms = Sampling(3, clock_s=3 * GRID_S, lfu_log_factor=1, lfu_decay_s=20 * GRID_S)
    group = Group("node", 2)
    cache = Cache("cache", group, policy, capacity_items=30, ttl_s=160 * GRID_S, sampling=terms, volatile=False)
    at = [
        (60, "save", (cache, 0)), (110, "restore", (cache, 1)), (150, "restore", (cache, 0)),
        (200, "down", (group, 0, "refuse")), (201, "up", (group, 0)), (260, "save", (cache, 1)),
        (330, "restore", (cache, 0)),
    ]  # fmt: skip
    script = tuple(Act(step * GRID_S, verb, arguments) for step, verb, arguments in at)
    return _case(cache, Constant(value=1.0), script, primed=True)
