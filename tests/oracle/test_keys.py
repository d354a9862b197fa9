"""Keys are as popular as each law says; YCSB's generator gives what its published formulas give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from models.kernel.compiled_engine import key_arrays
from models.kernel.keys import (
    YCSB_ITEMS,
    YCSB_ZETA,
    Hotspot,
    KeyLaw,
    Latest,
    ScrambledZipfian,
    UniformKeys,
    Zipf,
    draw_key,
    fnv,
    ycsb_rank,
)
from models.kernel.random import stream, uniforms
from models.kernel.sources import NumpyDrawing
from tests.strategies.compiled import compiled_over

COUNT = 100_000
LAWS: dict[str, KeyLaw] = {
    "uniform": UniformKeys(count=50),
    "one key": UniformKeys(count=1),
    "zipf 0": Zipf(count=50, exponent=0.0),
    "zipf 0.99": Zipf(count=50, exponent=0.99),
    "zipf 3": Zipf(count=7, exponent=3.0),
    "zipf with a shift": Zipf(count=50, exponent=1.9, shift=7.5),
    "latest": Latest(count=50),
    "scrambled zipfian": ScrambledZipfian(count=50),
    "hotspot": Hotspot(count=50),
    "hotspot of one": Hotspot(count=2, hot_keys=0.01, hot_operations=0.9),
    "cold only": Hotspot(count=10, hot_operations=0.0),
}


def drawn(law: KeyLaw, count: int = COUNT) -> np.ndarray[Any, Any]:
    return NumpyDrawing().keys(law, stream(5, 0, "keys"), 0, count, 0)


@pytest.mark.parametrize("name", LAWS)
def test_keys_are_as_popular_as_the_law_says(name: str) -> None:
    """Chi-square; 99.9 %, a frozen seed."""
    law = LAWS[name]
    popularity = law.popularity()

    counts = np.bincount(drawn(law), minlength=law.count)

    assert popularity.sum() == pytest.approx(1.0, abs=1e-12)
    asked = popularity > 0.0
    assert counts[~asked].sum() == 0
    assert asked.sum() == 1 or stats.chisquare(counts[asked], COUNT * popularity[asked]).pvalue > 0.001


@pytest.mark.parametrize("name", LAWS)
def test_a_block_and_compiled_code_give_the_same_keys(name: str) -> None:
    from models.kernel.compiled_engine import CompiledDrawing

    law = LAWS[name]

    assert drawn(law, 5_000).tolist() == CompiledDrawing().keys(law, stream(5, 0, "keys"), 0, 5_000, 0).tolist()


@pytest.mark.parametrize("name", [name for name in LAWS if name != "scrambled zipfian"])
def test_one_by_one_gives_the_same_keys(name: str) -> None:
    """Scrambled ranks are left out: their hash wraps, as plain integers do not."""
    law = LAWS[name]
    numbers, floats, table, guide = key_arrays(law)
    key = stream(5, 0, "keys")

    found = [
        draw_key(*numbers.tolist(), *floats.tolist(), table, guide, *uniforms(*key, ordinal, 0, 0, 0, 0, 0))
        for ordinal in range(500)
    ]

    assert found == drawn(law, 500).tolist()


def test_zipf_probabilities_are_powers() -> None:
    popularity = Zipf(count=1000, exponent=1.3).popularity()

    expected = np.arange(1, 1001) ** -1.3
    assert popularity == pytest.approx(expected / expected.sum(), rel=1e-9)


def test_a_shift_is_that_of_zipf_and_mandelbrot() -> None:
    """However far: with a shift of 10**7, a power of it would be too small for a number."""
    for shift, exponent in ((2.7, 1.3), (1e7, 10.0)):
        popularity = Zipf(count=1000, exponent=exponent, shift=shift).popularity()

        expected = ((np.arange(1, 1001) + shift) / (1.0 + shift)) ** -exponent
        assert popularity == pytest.approx(expected / expected.sum(), rel=1e-9)


# ---------------------------------------------------------------- YCSB, once more, in plain Python


def zipfian_rank(u: float, items: int, theta: float, zeta: float) -> int:
    """The formulas of J. Gray et al., SIGMOD 1994, as YCSB's ZipfianGenerator has them."""
    alpha = 1.0 / (1.0 - theta)
    zeta_2 = sum(1.0 / i**theta for i in (1, 2))
    eta = (1.0 - math.pow(2.0 / items, 1.0 - theta)) / (1.0 - zeta_2 / zeta)
    if u * zeta < 1.0:
        return 0
    if u * zeta < 1.0 + math.pow(0.5, theta):
        return 1
    return int(items * math.pow(eta * u - eta + 1.0, alpha))


def fnv_hash_64(value: int) -> int:
    """FNV-1 with the octets from the lowest on, xor first, in 64 bits with a sign, then its absolute value."""
    hashed = 0xCBF29CE484222325
    for _ in range(8):
        hashed ^= value & 0xFF
        value >>= 8
        hashed = hashed * 1099511628211 % 2**64
    return abs(hashed - 2**64 if hashed >= 2**63 else hashed)


def test_fnv_is_that_of_the_published_formulas() -> None:
    ranks = np.concatenate([np.arange(5_000), np.random.default_rng(1).integers(0, YCSB_ITEMS, 5_000)])

    assert fnv(ranks).tolist() == [fnv_hash_64(rank) for rank in ranks.tolist()]


def test_ranks_are_those_of_the_published_formulas() -> None:
    """A power that is one unit in the last place off may fall on the other side of a whole number, rarely."""
    u = np.random.default_rng(2).uniform(0.0, 1.0, 20_000)

    expected = np.array([zipfian_rank(x, YCSB_ITEMS, 0.99, YCSB_ZETA) for x in u.tolist()])

    difference = np.abs(ycsb_rank(u) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001
    assert compiled_over(ycsb_rank, u).tolist() == ycsb_rank(u).tolist()


def test_scrambled_keys_are_those_of_the_published_formulas() -> None:
    law = ScrambledZipfian(count=1000)
    key = stream(5, 0, "keys")
    u, _ = uniforms(*key, np.arange(5_000), 0, 0, 0, 0, 0)

    expected = [fnv_hash_64(zipfian_rank(x, YCSB_ITEMS, 0.99, YCSB_ZETA)) % 1000 for x in u.tolist()]

    assert (drawn(law, 5_000) == np.array(expected)).mean() > 0.999


def test_the_constant_is_the_sum_that_it_stands_for() -> None:
    """Sum of i**-0.99 for i up to 10**10: the first million one by one, the rest by Euler and Maclaurin."""
    theta, first, last = 0.99, 1_000_000, float(YCSB_ITEMS)
    head = math.fsum((np.arange(1, first, dtype=np.float64) ** -theta).tolist())
    integral = (last ** (1.0 - theta) - first ** (1.0 - theta)) / (1.0 - theta)
    ends = (first**-theta + last**-theta) / 2.0
    slopes = theta * (first ** (-theta - 1.0) - last ** (-theta - 1.0)) / 12.0

    assert head + integral + ends + slopes == pytest.approx(YCSB_ZETA, rel=1e-9)
