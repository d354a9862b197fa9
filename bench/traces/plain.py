"""Columns of plain text, read as machine words: eight bytes at once, and all fields of a column at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

WORDS_MAX = 6
"""Words of a field that is taken in words; they are filled up with zero bytes, which a trace does not hold."""
_DIGITS_MAX = 16
_DECIMALS_MAX = 19
PADDING = bytes(8 * WORDS_MAX)
"""What stands before and after the text, so that words may reach beyond it."""

_FIRST_BYTES = np.tri(8 * WORDS_MAX + 1, 8 * WORDS_MAX, -1, np.uint8).view("<u8") * np.uint64(0xFF)
"""For each number of bytes, the mask of so many at the front of a field's words."""
_LAST_BYTES = np.tri(_DIGITS_MAX + 1, _DIGITS_MAX, -1, np.uint8)[:, ::-1].copy().view("<u8") * np.uint64(0xFF)
"""For each number of digits, the mask of so many at the end of two words."""
_POWERS = 10 ** np.arange(_DIGITS_MAX + 1, dtype=np.uint64)
_EXTENDED = np.finfo(np.longdouble).nmant == 63 and np.dtype(np.longdouble).itemsize == 16
"""Whether there are floats of 64 bits beside the exponent, in two words, as in x86 processors."""


class PlainFields:
    """One field of each of some rows, where it stands in the bytes of a text.

    Args:
        data: The text, with padding on both sides.
        starts: Where the fields start in it.
        ends: Where they end.
    """

    def __init__(self, data: npt.NDArray[np.uint8], starts: IntArray, ends: IntArray) -> None:
        self.data, self.starts, self.ends = data, starts, ends
        self.lengths = ends - starts

    def width(self) -> int:
        """In how many words the fields fit, and where possible others that are a few bytes longer."""
        return min((int(self.lengths.max()) + 4) // 8 + 1, WORDS_MAX)

    def words(self, width: int) -> WordArray | None:
        """The fields as (fields, width) numbers, alike where the fields are alike; None if one is empty or too long."""
        if self.lengths.min() < 1 or self.lengths.max() > 8 * width:
            return None
        words = self._bytes_at(self.starts, 8 * width)
        words &= _FIRST_BYTES[self.lengths, :width]
        return words

    def whole_numbers(self) -> IntArray | None:
        """What int() makes of the fields; None if one is other than some digits."""
        if self.lengths.min() < 1:
            return None
        numbers = self._digits(self.ends, self.lengths)
        return None if numbers is None else numbers.view(np.int64)

    def decimals(self) -> FloatArray | None:
        """What float() makes of the fields, to the bit; None if one is other than some digits with or without a dot."""
        dots = np.append(np.flatnonzero(self.data == ord(".")), len(self.data))
        dots = np.minimum(dots[np.searchsorted(dots, self.starts)], self.ends)
        fraction_lengths = np.maximum(self.ends - dots - 1, 0)
        whole_lengths = dots - self.starts
        digits = whole_lengths + fraction_lengths
        if digits.min() < 1 or digits.max() > _DECIMALS_MAX:
            return None
        whole, fraction = self._digits(dots, whole_lengths), self._digits(self.ends, fraction_lengths)
        if whole is None or fraction is None:
            return None
        powers = _POWERS[fraction_lengths]
        # At most 19 digits together, which a word holds.
        return self._quotients(whole * powers + fraction, powers)

    def _quotients(self, dividends: WordArray, powers: WordArray) -> FloatArray | None:
        """The fields' values, given as quotients.

        Where both numbers are exact as floats, the quotient is rounded once, as it should be. More digits are divided
        to 64 bits, then rounded to 53, which comes to the same unless the first rounding ends midway between two
        floats; these few are left to float().
        """
        if dividends.max() <= 1 << 53:
            return dividends.astype(np.float64) / powers.astype(np.float64)
        if not _EXTENDED:
            return None
        quotients = dividends.astype(np.longdouble) / powers.astype(np.longdouble)
        values = quotients.astype(np.float64)
        for place in np.flatnonzero(quotients.view(np.uint64)[::2] & np.uint64(0x7FF) == 0x400).tolist():
            values[place] = float(self.data[self.starts[place] : self.ends[place]].tobytes())
        return values

    def _digits(self, ends: IntArray, lengths: IntArray) -> WordArray | None:
        """The numbers made of so many digits in front of the ends, 0 for none; None if too many or no digits."""
        longest = int(lengths.max())
        if longest > _DIGITS_MAX:
            return None
        count = 1 if longest <= 8 else 2
        words = self._bytes_at(ends - 8 * count, 8 * count) ^ _each(0x30)
        words &= _LAST_BYTES[lengths, -count:]
        if (((words + _each(0x76)) | words) & _each(0x80)).any():
            return None
        # Neighbours are joined: digits to pairs, pairs to fours, fours to eights. The first of them is the lowest byte.
        words = (words * np.uint64(10) + (words >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
        words = (words * np.uint64(100) + (words >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
        words = (words * np.uint64(10_000) + (words >> np.uint64(32))) & np.uint64(0x00000000FFFFFFFF)
        numbers: WordArray = words[:, -1]
        return numbers if count == 1 else words[:, 0] * np.uint64(10**8) + numbers

    def _bytes_at(self, places: IntArray, count: int) -> WordArray:
        """So many bytes from each place on, as (places, words) numbers."""
        windows: npt.NDArray[Any] = np.ndarray((len(self.data) - count + 1,), f"V{count}", self.data, strides=(1,))
        words: WordArray = windows[places].view("<u8").reshape(len(places), -1)
        return words


def _each(byte: int) -> np.uint64:
    """A word of eight such bytes."""
    return np.uint64(byte * 0x0101010101010101)
