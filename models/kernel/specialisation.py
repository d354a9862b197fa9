"""What is known of one system before it runs: what makes its loop a loop for it alone.

Two things are known. Some arrays never change: the sites of its routes, the kinds of its laws. And many fields have the
same neutral value in all records, no limit, no slowdown, no timeout, and keep it, as nothing that runs for this system
ever writes another: which fields those are is found out while the loop is written (`machine.unit.Unit.broken`).

Only what a system is made of counts, no parameter that one would vary in a sweep: so that systems of like structure
share their code.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from functools import cache

import numpy as np

from models.kernel import instant, loop
from models.kernel.codes import GONE, PARKED
from models.kernel.machine.unit import Known
from models.kernel.steps import ahead
from models.kernel.world import ARRAYS, FROM_CONTROL, FROM_OUTSIDE, GROWING, NEVER, World

TABLES = ("sites", "legs", "law_kinds", "law_starts", "zones", "zone_starts")
"""Arrays that never change."""
FIELDS = {
    "columns": ["stream", "visit", "branch", "form"],
    "memberships": ["group", "of", "width", "start"],
    "operations": ["entry", "past_entry"],
    "quorums": ["everyone", "start"],
}
"""Fields that never change, of arrays that do."""
KINDS = ("controlled", "unheard", "instant", "past_instant", "caches", "copies")
"""What the clock knows of the kind of run, which never changes."""
LAID_OUT = (loop.walk, ahead.walk_ahead, instant.walk_at_once)
"""Functions that go from site to site."""
NEUTRAL = (0, -1, 1, math.inf, NEVER)
"""Values that mean that something is not there or does nothing."""


def known_of(w: World, *, controlled: bool) -> Known:
    """What is known of a world before it runs.

    Args:
        w: The world.
        controlled: Whether control may act on it.
    """
    tables = {name: getattr(w, name) for name in TABLES}
    tables |= {name: getattr(w, name)[fields] for name, fields in FIELDS.items()}
    places = frozenset([*range(len(w.sites)), PARKED, GONE])
    single = frozenset(name for name, dtype, _ in ARRAYS if dtype.fields and len(getattr(w, name)) == 1)
    facts = dict(_facts(w, controlled)) | {f"clock.{name}": int(w.clock[0][name]) for name in KINDS}
    return Known(tables, facts, single, along=dict.fromkeys(LAID_OUT, ("index", places)))


def _facts(w: World, controlled: bool) -> Iterator[tuple[str, int | float]]:
    """Fields that have one neutral value in all records, and that nobody but compiled code may change."""
    excepted = FROM_OUTSIDE | FROM_CONTROL if controlled else FROM_OUTSIDE
    for name, dtype, _ in ARRAYS:
        for field in dtype.names or ():
            tag = f"{name}.{field}"
            if name in excepted or tag in excepted or name in TABLES or field in FIELDS.get(name, ()):
                continue
            values = getattr(w, name)[field]
            value = values.flat[0].item()
            if value in NEUTRAL and bool((values == value).all()) and (value == 0 or name not in GROWING):
                yield tag, value


_layout = cache(str)
"""A type's fields in words, which takes its time."""


def name_of(known: Known, entries: list[str]) -> str:
    """A name for code that was made of this, the same in every process."""
    digest = hashlib.blake2b(digest_size=12)
    digest.update(" ".join(entries).encode())
    for name, table in sorted(known.tables.items()):
        digest.update(f"{name} {_layout(table.dtype)} {table.shape}".encode())
        digest.update(np.ascontiguousarray(table).tobytes())
    digest.update(repr((sorted(known.facts.items()), sorted(known.single))).encode())
    return digest.hexdigest()
