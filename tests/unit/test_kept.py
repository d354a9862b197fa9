"""Finished cells are read as they were kept, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import ResultError
from bench.statistics.values import Figure
from bench.sweep.kept import Keeper, Kept

KEY = "0123456789abcdef"
CELL = Kept(
    {"verdict": "pass", "systems": {}},
    (
        Figure("one", "ops.read.latency_ms.p99", "ms", "lower", (1.0, 0.1 + 0.2, None)),
        Figure("two", "cost.events", "per replication", "", (7, 7, 7), certain=True),
    ),
    ("mind the gap",),
)


def test_a_cell_is_read_as_it_was_kept(tmp_path: Path) -> None:
    Keeper(tmp_path / "cells").keep(KEY, CELL)

    assert Keeper(tmp_path / "cells").find(KEY) == CELL
    assert [path.name for path in (tmp_path / "cells").iterdir()] == [f"{KEY}.json"]


def test_what_is_not_there_is_not_finished(tmp_path: Path) -> None:
    assert Keeper(tmp_path / "none").find(KEY) is None


def test_a_cell_is_simulated_once_more_if_that_is_wanted(tmp_path: Path) -> None:
    Keeper(tmp_path).keep(KEY, CELL)

    assert Keeper(tmp_path, fresh=True).find(KEY) is None


def test_any_flipped_byte_is_found_and_its_file_named(tmp_path: Path) -> None:
    Keeper(tmp_path).keep(KEY, CELL)
    path = tmp_path / f"{KEY}.json"
    whole = path.read_bytes()

    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ResultError, match=rf"{KEY}\.json: cannot be used: .*; remove it"):
            Keeper(tmp_path).find(KEY)


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_half_a_cell_is_none(size: int, tmp_path: Path) -> None:
    Keeper(tmp_path).keep(KEY, CELL)
    path = tmp_path / f"{KEY}.json"
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(ResultError):
        Keeper(tmp_path).find(KEY)


def test_a_cell_of_another_name_is_refused(tmp_path: Path) -> None:
    """Renamed, it would be taken for what another cell gave."""
    Keeper(tmp_path).keep(KEY, CELL)
    (tmp_path / f"{KEY}.json").rename(tmp_path / "other.json")

    with pytest.raises(ResultError):
        Keeper(tmp_path).find("other")
