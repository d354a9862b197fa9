"""The random numbers are Philox4x32-10 as published, and uniform, independent and the same bits in all three forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from models.kernel.outcome import FloatArray, IntArray
from models.kernel.random import mix, philox, stream, uniforms
from tests.strategies.compiled import compiled

VECTORS = [
    ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
"""Counter, key and result: the known answers published with the generator (Random123, kat_vectors)."""


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_philox_gives_the_published_answers(counter: str, key: str, expected: str) -> None:
    assert philox(*words(counter), *words(key)) == tuple(words(expected))


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_philox_gives_the_published_answers_in_arrays(counter: str, key: str, expected: str) -> None:
    columns = [np.array([word, word], np.int64) for word in words(counter)]

    found = philox(*columns, *words(key))

    assert [column.tolist() for column in found] == [[word, word] for word in words(expected)]


def philox_of(c: IntArray, k: IntArray, out: IntArray) -> None:
    out[0], out[1], out[2], out[3] = philox(c[0], c[1], c[2], c[3], k[0], k[1])


def test_philox_gives_the_published_answers_in_compiled_code() -> None:
    for counter, key, expected in VECTORS:
        found = np.empty(4, np.int64)
        compiled(philox_of)(np.array(words(counter), np.int64), np.array(words(key), np.int64), found)
        assert found.tolist() == words(expected)


def identities(count: int) -> np.ndarray[Any, Any]:
    """Ordinal, client, attempt, branch, visit, draw, up to the largest of each."""
    bits = (32, 24, 8, 24, 16, 16)
    rng = np.random.default_rng(1)
    rows = np.stack([rng.integers(0, 1 << width, count) for width in bits], axis=1)
    rows[0], rows[1] = 0, [(1 << width) - 1 for width in bits]
    return rows


def uniforms_of(k0: int, k1: int, rows: IntArray, out: FloatArray) -> None:
    for i in range(out.shape[0] // 2):
        j = 6 * i
        out[2 * i], out[2 * i + 1] = uniforms(
            k0, k1, rows[j], rows[j + 1], rows[j + 2], rows[j + 3], rows[j + 4], rows[j + 5]
        )


def test_uniforms_are_the_same_bits_in_all_forms() -> None:
    rows, key = identities(2_000), stream(1, 2, "system", "x", "y")

    by_compiled_code = np.empty((len(rows), 2))
    compiled(uniforms_of)(*key, rows, by_compiled_code)
    one_by_one = np.array([uniforms(*key, *row) for row in rows.tolist()])
    by_array = np.stack(uniforms(*key, *rows.T), axis=1)

    assert one_by_one.tobytes() == by_array.tobytes() == by_compiled_code.tobytes()


def test_uniforms_lie_strictly_between_0_and_1() -> None:
    """The smallest and the largest that 52 bits can give are 2**-53 and 1 - 2**-53."""
    largest = (((1 << 52) - 1) + 0.5) * 2.0**-52

    assert 0.0 < 0.5 * 2.0**-52
    assert largest < 1.0


def test_each_part_of_an_identity_matters() -> None:
    """Neighbouring identities, and those that differ in one part alone, give other numbers; no two coincide."""
    key = stream(7, 0, "x")
    base = [5, 4, 3, 2, 1, 0]
    rows = [base] + [[*base[:i], base[i] + step, *base[i + 1 :]] for i in range(6) for step in range(1, 200)]

    values = {uniforms(*key, *row) for row in rows}

    assert len(values) == len(rows)


def test_streams_are_told_apart_by_seed_replication_and_name() -> None:
    keys = {
        stream(seed, replication, *names)
        for seed in (0, 1, -1, 12)
        for replication in (0, 1, 2)
        for names in (("a", "b"), ("ab",), ("b", "a"), ("a", "b", ""))
    }

    assert len(keys) == 4 * 3 * 4


@pytest.mark.parametrize("part", range(6), ids=["ordinal", "client", "attempt", "branch", "visit", "draw"])
def test_uniforms_along_each_part_are_uniform_and_independent(part: int) -> None:
    """Kolmogorov-Smirnov for both, correlation of the pair and of neighbours; 99.9 % bands, a frozen seed."""
    count = 256 if part == 2 else 20_000
    rows = np.zeros((count, 6), np.int64)
    rows[:, part] = np.arange(count)

    u, v = uniforms(*stream(3, 1, "z"), *rows.T)

    bound = 3.29 / np.sqrt(count)
    assert stats.kstest(u, "uniform").pvalue > 0.001
    assert stats.kstest(v, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(u, v)[0, 1]) < bound
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < bound


def mixed(keys: IntArray, out: IntArray) -> None:
    for i in range(keys.shape[0]):
        out[i] = mix(keys[i])


def test_mix_spreads_keys_evenly_and_alike_in_all_forms() -> None:
    """Chi-square over 7 members (a small prime) for keys in a row; 99.9 %."""
    keys = np.arange(70_000, dtype=np.int64)
    out = np.empty_like(keys)
    compiled(mixed)(keys, out)
    hashed = mix(keys)

    assert hashed.tolist() == [mix(key) for key in keys.tolist()] == out.tolist()
    assert hashed.min() >= 0
    assert stats.chisquare(np.bincount(hashed % 7)).pvalue > 0.001
