"""Short keys, numbered many at once: a hash table whose rows are looked up, and taken, by whole columns of keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.traces.plain import WORDS_MAX, IntArray, WordArray

_FACTORS: WordArray = np.frombuffer(os.urandom(8 * WORDS_MAX), np.uint64) | np.uint64(1)
"""Other ones in each process, so that no trace can make its keys collide. The numbers do not depend on them."""
_FIRST_BITS = 16
_KEYS_AT_ONCE = 1 << 16


class KeyTable:
    """Numbers for keys of a few words, from 0 by first appearance.

    The table is one of open addressing, at most half full. A row is a key and its number plus one, or zeros if it is
    free. Whoever meets another key in a row tries the next.

    Args:
        width: Words of a key.
    """

    def __init__(self, width: int) -> None:
        self.width, self.count = width, 0
        self.row = np.dtype((np.void, 8 * (width + 1)))
        self._clear(_FIRST_BITS)

    def numbers(self, keys: WordArray) -> IntArray:
        """The numbers of keys, of shape (keys, words)."""
        while 2 * (self.count + len(keys)) > len(self.rows):
            self._grow()
        known = self.count
        numbers, places = np.empty((2, len(keys)), np.int64)
        waiting, slots = np.arange(len(keys)), self._slots(keys)
        while len(waiting):
            rows = self._rows_at(slots)
            free = np.flatnonzero(rows[:, -1] == 0)
            if len(free):
                self._claim(slots[free], keys[free])
                rows[free] = self._rows_at(slots[free])
            numbers[waiting], places[waiting] = rows[:, -1], slots
            other = rows[:, 0] != keys[:, 0]
            for word in range(1, self.width):
                other |= rows[:, word] != keys[:, word]
            astray = np.flatnonzero(other)
            waiting, keys, slots = waiting[astray], keys[astray], self._next(slots[astray])
        numbers -= 1
        self._order(numbers, places, known)
        return numbers

    def texts(self) -> Iterator[tuple[str, int]]:
        """All keys and their numbers."""
        for start in range(0, len(self.rows), _KEYS_AT_ONCE):
            rows = self.rows[start : start + _KEYS_AT_ONCE]
            rows = rows[rows[:, -1] > 0]
            keys = rows[:, :-1].astype("<u8").view(f"S{8 * self.width}")[:, 0]
            yield from zip(map(bytes.decode, keys.tolist()), (rows[:, -1] - np.uint64(1)).tolist(), strict=True)

    def _claim(self, slots: IntArray, keys: WordArray) -> None:
        """Put new keys into free rows; where several want the same, one of them gets it."""
        rows = np.empty((len(keys), self.width + 1), np.uint64)
        rows[:, :-1] = keys
        rows[:, -1] = np.arange(1, len(keys) + 1)
        self._put(slots, rows)
        winners = slots[self.rows[slots, -1] == rows[:, -1]]
        self.rows[winners, -1] = np.arange(self.count + 1, self.count + len(winners) + 1)
        self.count += len(winners)

    def _order(self, numbers: IntArray, places: IntArray, known: int) -> None:
        """Number keys that were claimed just now by first appearance, given where they and others stand."""
        new = np.flatnonzero(numbers >= known)
        claims = numbers[new] - known
        firsts = np.empty(self.count - known, np.int64)
        # Backwards, so that the first is the last to be written.
        firsts[claims[::-1]] = new[::-1]
        order = np.argsort(firsts)
        ranks = np.empty_like(order)
        ranks[order] = np.arange(len(order))
        numbers[new] = known + ranks[claims]
        self.rows[places[firsts], -1] = known + ranks + 1

    def _slots(self, keys: WordArray) -> IntArray:
        """Where to look for keys first."""
        hashes: WordArray = keys[:, 0] * _FACTORS[0]
        for word in range(1, self.width):
            hashes += keys[:, word] * _FACTORS[word]
        return (hashes >> np.uint64(64 - self.bits)).astype(np.int64)

    def _next(self, slots: IntArray) -> IntArray:
        """Where to look for them next."""
        return (slots + 1) & (len(self.rows) - 1)

    def _rows_at(self, slots: IntArray) -> WordArray:
        """Copies of rows; each is moved as one piece, which is several times as fast as word by word."""
        rows: npt.NDArray[Any] = self.rows.view(self.row)[slots, 0]
        return rows.view(np.uint64).reshape(-1, self.width + 1)

    def _put(self, slots: IntArray, rows: WordArray) -> None:
        """Overwrite rows."""
        self.rows.view(self.row)[slots, 0] = rows.view(self.row)[:, 0]

    def _clear(self, bits: int) -> None:
        """An empty table."""
        self.bits = bits
        self.rows = np.zeros((1 << bits, self.width + 1), np.uint64)

    def _grow(self) -> None:
        """Twice as many rows."""
        rows = self.rows[self.rows[:, -1] > 0]
        self._clear(self.bits + 1)
        slots = self._slots(rows)
        while len(rows):
            free = self.rows[slots, -1] == 0
            self._put(slots[free], rows[free])
            astray = self.rows[slots, -1] != rows[:, -1]
            rows, slots = rows[astray], self._next(slots[astray])
