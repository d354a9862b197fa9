"""Rows that are kept in memory or in a file: each read gives what was written, and nothing is left behind."""

import tempfile
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.traces import spool
from bench.traces.spool import Spool

ROW = np.dtype([("small", "i4"), ("large", "f8")])
COUNT = 1_000


class Halting(FileIO):
    """A file that writes a few bytes at once, as a file may."""

    def write(self, data: Any, /) -> int:
        return super().write(data[:7])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Temporary files made, in a folder of their own."""
    made: list[Any] = []
    make = tempfile.TemporaryFile

    def noted(**others: Any) -> Any:
        made.append(make(**others))
        return made[-1]

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", noted)
    return made


def rows() -> Any:
    """Some rows, no two alike."""
    made = np.empty(COUNT, ROW)
    made["small"], made["large"] = np.arange(COUNT), np.random.default_rng(1).random(COUNT)
    return made


def spooled(given: Any, at_once: int) -> Spool:
    kept = Spool(ROW)
    for first in range(0, len(given), at_once):
        kept.append(given[first : first + at_once])
    return kept


@pytest.mark.parametrize("at_once", [1, 7, 250, COUNT])
@pytest.mark.parametrize(
    ("held_bytes", "in_file"), [(0, True), (5_000, True), (12 * COUNT - 1, True), (12 * COUNT, False), (1 << 20, False)]
)
def test_rows_are_read_as_they_were_written(
    files: list[Any], at_once: int, held_bytes: int, in_file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the limit and beyond; reads jump to and fro."""
    monkeypatch.setattr(spool, "HELD_BYTES", held_bytes)
    given = rows()

    kept = spooled(given, at_once)

    assert len(files) == in_file
    for first, last in [(0, COUNT), (990, COUNT), (3, 4), (500, 900), (0, 1), (COUNT, COUNT), (416, 417)]:
        assert kept.read(first, last).tobytes() == given[first:last].tobytes()


def test_reading_moves_no_place_in_the_file(files: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: processes that share the file after a fork, and threads, do not get each other's rows."""
    monkeypatch.setattr(spool, "HELD_BYTES", 0)
    kept = spooled(rows(), COUNT)
    place = files[0].tell()

    kept.read(10, 20)

    assert files[0].tell() == place


def test_writes_that_halt_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "HELD_BYTES", 100)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Halting(tmp_path / "rows", "w+b"))
    given = rows()

    kept = spooled(given, 90)

    assert kept.read(0, COUNT).tobytes() == given.tobytes()


def test_nothing_is_left_behind(files: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "HELD_BYTES", 0)
    kept = spooled(rows(), COUNT)
    assert len(files) == 1
    assert list(tmp_path.iterdir()) == []

    del kept

    assert files[0].closed


def test_rows_may_be_without_numbers(files: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace of times alone at a rate of its own has them."""
    monkeypatch.setattr(spool, "HELD_BYTES", 0)
    kept = Spool(np.dtype([]))
    kept.append(np.empty(5, kept.row))

    assert len(kept.read(2, 5)) == 3
    assert files == []
