"""Which keys are asked for: laws of popularity over a finite set of keys numbered from 0.

As with the laws of time, each can be drawn for a block of identities (NumPy) or for one (`draw_key`, compiled), with
the same bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.kernel.numerics import power, times, to_int
from models.kernel.outcome import FloatArray, Int32Array, IntArray

UNIFORM_KEYS, ZIPF, SCRAMBLED_ZIPFIAN, HOTSPOT, LATEST = range(5)
MAX_KEYS = 50_000_000
"""A table of so many popularities takes half a gigabyte."""
Count = Annotated[int, Field(ge=1, le=MAX_KEYS)]
GUIDE = 1 << 16
"""Entries of the guide into a table of cumulated popularities."""
NEAR = 3
"""Entries of a cell that are looked through as they are."""

FNV_OFFSET = -3750763034362895579
FNV_PRIME = 1099511628211
YCSB_ITEMS = 10_000_000_000
YCSB_ZETA = 26.46902820178302
"""Sum of i**-0.99 over YCSB's 10**10 items, as its source has it."""
YCSB_THETA = 0.99


class KeyLaw(BaseModel):
    """A law of popularity over `count` keys.

    The keys are a ring of records, written in the order of their numbers; an insert takes the place of the oldest, so
    that keys stay below `count`. That is no loss as long as inserts are far fewer than records.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    code: ClassVar[int]
    follows_newest: ClassVar[bool] = False
    """Whether its keys move on by one with each insert."""
    count: Count = 1000

    def parameters(self) -> list[float]:
        """Three numbers for `draw_key`."""
        return [0.0, 0.0, 0.0]

    def table(self) -> FloatArray:
        """Cumulated popularities, shape (count,), or an empty array where the law needs none."""
        return np.empty(0)

    def block(self, u1: FloatArray, u2: FloatArray) -> IntArray:
        """A key for each pair of uniforms, shape as theirs."""
        raise NotImplementedError

    def popularity(self) -> FloatArray:
        """Probability of each key, shape (count,)."""
        raise NotImplementedError


class UniformKeys(KeyLaw):
    """Every key alike."""

    code = UNIFORM_KEYS
    kind: Literal["uniform"] = "uniform"

    def block(self, u1: FloatArray, u2: FloatArray) -> IntArray:
        return (u1 * float(self.count)).astype(np.int64)

    def popularity(self) -> FloatArray:
        return np.full(self.count, 1.0 / self.count)


class Zipf(KeyLaw):
    """Key k has popularity proportional to (k + 1 + shift)**-exponent: an exact Zipf law over a finite set.

    With a shift it is Zipf and Mandelbrot's: the first keys are more alike, and the exponent holds far behind them.
    """

    code = ZIPF
    kind: Literal["zipf"] = "zipf"
    exponent: Annotated[float, Field(ge=0.0, le=10.0, allow_inf_nan=False)] = 0.99
    shift: Annotated[float, Field(ge=0.0, le=float(MAX_KEYS), allow_inf_nan=False)] = 0.0

    def table(self) -> FloatArray:
        return zipf_table(self.count, self.exponent, self.shift)

    def guide(self) -> Int32Array:
        """The guide into the table."""
        return guide(self.count, self.exponent, self.shift)

    def block(self, u1: FloatArray, u2: FloatArray) -> IntArray:
        return np.searchsorted(self.table(), u1, side="right").astype(np.int64)

    def popularity(self) -> FloatArray:
        return np.diff(self.table(), prepend=0.0)


class Latest(Zipf):
    """YCSB's "latest": the newest record is asked for most; its r-th predecessor as often as key r by `zipf`.

    Keys are as long as nothing has been inserted, so that the newest is the last; each insert moves them on by one. The
    popularity is that of the beginning.

    Source:
        SkewedLatestGenerator of YCSB, whose constant is 0.99; here the Zipf law is exact.
    """

    code = LATEST
    follows_newest = True
    kind: Literal["latest"] = "latest"  # type: ignore[assignment]

    def block(self, u1: FloatArray, u2: FloatArray) -> IntArray:
        return self.count - 1 - super().block(u1, u2)

    def popularity(self) -> FloatArray:
        return super().popularity()[::-1].copy()


class ScrambledZipfian(KeyLaw):
    """YCSB's scrambled Zipfian: ranks of a Zipf law over 10**10 items, hashed over the keys. Less skewed than `zipf`.

    Source:
        ScrambledZipfianGenerator and ZipfianGenerator of YCSB; J. Gray et al., SIGMOD 1994. Its constant is always
        0.99.
    """

    code = SCRAMBLED_ZIPFIAN
    kind: Literal["scrambled-zipfian"] = "scrambled-zipfian"

    def block(self, u1: FloatArray, u2: FloatArray) -> IntArray:
        return cast(IntArray, fnv(ycsb_rank(u1)) % self.count)

    def popularity(self) -> FloatArray:
        """By hashing the most popular 10**6 ranks; what is left is spread evenly.

        A rank's probability is that of the generator, which inverts an integral where Zipf's law has a sum: rank r
        comes of the uniforms between the r-th and the next edge, and only the first two are exact.
        """
        ranks = np.arange(min(1_000_000, YCSB_ITEMS), dtype=np.int64)
        zeta_2 = 1.0 + 0.5**YCSB_THETA
        eta = (1.0 - (2.0 / YCSB_ITEMS) ** (1.0 - YCSB_THETA)) / (1.0 - zeta_2 / YCSB_ZETA)
        edges = ((np.append(ranks, len(ranks)) / YCSB_ITEMS) ** (1.0 - YCSB_THETA) - 1.0 + eta) / eta
        weight = np.diff(np.maximum(edges, zeta_2 / YCSB_ZETA))
        weight[:2] += 1.0 / YCSB_ZETA, (zeta_2 - 1.0) / YCSB_ZETA
        share = np.bincount(fnv(ranks) % self.count, weights=weight, minlength=self.count)
        return cast(FloatArray, share + (1.0 - share.sum()) / self.count)


class Hotspot(KeyLaw):
    """A hot share of the keys gets a share of the operations; both parts are uniform within.

    Source:
        HotspotIntegerGenerator of YCSB.
    """

    code = HOTSPOT
    kind: Literal["hotspot"] = "hotspot"
    hot_keys: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    hot_operations: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8

    @model_validator(mode="after")
    def _both_parts(self) -> Hotspot:
        if self.count < 2:
            raise ValueError("a hotspot needs at least 2 keys")
        return self

    @property
    def hot(self) -> int:
        """Number of hot keys."""
        return min(max(1, round(self.hot_keys * self.count)), self.count - 1)

    def parameters(self) -> list[float]:
        return [float(self.hot), self.hot_operations, 0.0]

    def block(self, u1: FloatArray, u2: FloatArray) -> IntArray:
        hot = float(self.hot)
        cold = hot + u2 * (float(self.count) - hot)
        return np.where(u1 < self.hot_operations, u2 * hot, cold).astype(np.int64)

    def popularity(self) -> FloatArray:
        hot = self.hot
        share = np.full(self.count, (1.0 - self.hot_operations) / (self.count - hot))
        share[:hot] = self.hot_operations / hot
        return share


AnyKeys = Annotated[UniformKeys | Zipf | Latest | ScrambledZipfian | Hotspot, Field(discriminator="kind")]


@lru_cache(maxsize=4)
def zipf_table(count: int, exponent: float, shift: float = 0.0) -> FloatArray:
    """Cumulated popularities of a finite Zipf law, shape (count,); takes time and memory linear in `count`."""
    # Relative to the first key's, so that no shift makes all of them too small for a number.
    ranks = np.arange(1, count + 1, dtype=np.float64) / (1.0 + shift) + shift / (1.0 + shift)
    cumulated = np.cumsum(power(ranks, -exponent))
    table = cast(FloatArray, cumulated / cumulated[-1])
    table.setflags(write=False)
    return table


@lru_cache(maxsize=4)
def guide(count: int, exponent: float, shift: float = 0.0) -> Int32Array:
    """Where in `zipf_table` to look for a uniform u: from entry floor(u * GUIDE) to the next, shape (GUIDE + 1,)."""
    table = zipf_table(count, exponent, shift)
    return np.minimum(np.searchsorted(table, np.arange(GUIDE + 1) / GUIDE, side="right"), count - 1).astype(np.int32)


def ycsb_rank(u: Any) -> Any:
    """YCSB's rank among its 10**10 items, for a uniform: floats in compiled code or arrays."""
    alpha = 1.0 / (1.0 - YCSB_THETA)
    zeta_2 = 1.0 + power(0.5, YCSB_THETA)
    eta = (1.0 - power(2.0 / YCSB_ITEMS, 1.0 - YCSB_THETA)) / (1.0 - zeta_2 / YCSB_ZETA)
    rank = to_int(YCSB_ITEMS * power(eta * u - eta + 1.0, alpha))
    second = u * YCSB_ZETA < zeta_2
    first = u * YCSB_ZETA < 1.0
    rank = rank * (1 - second) + 1 * second
    return rank * (1 - first)


def fnv(value: Any) -> Any:
    """YCSB's 64-bit FNV-1a hash of a number's eight bytes, made non-negative: int64 arrays or compiled integers."""
    h = value * 0 + FNV_OFFSET
    for _ in range(8):
        h = times(h ^ (value & 0xFF), FNV_PRIME)
        value = value >> 8
    sign = h >> 63
    return (h ^ sign) - sign


def draw_key(
    kind: int, count: int, a: float, b: float, table: FloatArray, guide: Int32Array, u1: float, u2: float
) -> int:
    """One key for a pair of uniforms; compiled."""
    if kind == UNIFORM_KEYS:
        return int(u1 * float(count))
    if kind in (ZIPF, LATEST):
        rank = find_rank(table, guide, u1)
        return rank if kind == ZIPF else count - 1 - rank
    if kind == SCRAMBLED_ZIPFIAN:
        return int(fnv(ycsb_rank(u1)) % count)
    if u1 < b:
        return int(u2 * a)
    return int(a + u2 * (float(count) - a))


def find_rank(table: FloatArray, guide: Int32Array, u: float) -> int:
    """The first entry of a table of cumulated popularities that exceeds a uniform; compiled.

    Within a cell of the guide popularity hardly changes, so the entry lies close to a straight line through the cell.
    """
    x = u * GUIDE
    cell = int(x)
    low, high = guide[cell], guide[cell + 1]
    if high - low > NEAR:
        guess = low + int((x - cell) * (high - low))
        if table[guess] <= u:
            low = guess + 1
            if table[guess + 1] > u:
                return int(low)
        else:
            high = guess
            if guess == low or table[guess - 1] <= u:
                return int(high)
    while low < high:
        middle = (low + high) >> 1
        if table[middle] <= u:
            low = middle + 1
        else:
            high = middle
    return int(low)


def fill_keys(
    kind: int, count: int, a: float, b: float, table: FloatArray, guide: Int32Array,
    u1: FloatArray, u2: FloatArray, out: IntArray,
) -> None:  # fmt: skip
    """A key for each pair of uniforms; compiled."""
    for i in range(out.shape[0]):
        out[i] = draw_key(kind, count, a, b, table, guide, u1[i], u2[i])
