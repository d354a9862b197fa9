"""What the next requests of a block will ask for, fetched while those before them are at work.

A key's place in a cache and its versions lie anywhere in memory, and a processor that learns of the key only when it
needs them waits. But the keys of a block are known; from one thing to fetch it learns the next, a few requests later.
"""

from __future__ import annotations

from typing import Any

from models.kernel.cache import fetch_cached
from models.kernel.ledger import fetch_versions

FETCHED = 6
"""Requests that pass while the processor fetches something."""


def fetch_ahead(w: Any, at: int, end: int) -> None:
    """Let the processor fetch what the requests behind this one of a block, which ends there, will ask for."""
    clock = w.clock[0]
    if (clock.caches or clock.copies) and at + 3 * FETCHED < end:
        far, near = w.block_keys[at + 3 * FETCHED], w.block_keys[at + 2 * FETCHED]
        if clock.caches:
            fetch_cached(w, far, near, w.block_keys[at + FETCHED])
        if clock.copies:
            fetch_versions(w, far, near)
