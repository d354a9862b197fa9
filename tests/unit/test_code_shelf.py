"""Compiled code is kept whole or not at all, and what is not whole is not used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import code_shelf
from bench.code_shelf import CodeShelf
from bench.machine import CACHE_VARIABLE
from models.kernel import compilation
from models.kernel.machine import native


def test_what_is_put_is_found_by_another(tmp_path: Path) -> None:
    CodeShelf(tmp_path, "one").put("loop", b"code")

    found = CodeShelf(tmp_path, "one")
    assert found.get("loop") == b"code"
    assert "loop" in found
    assert found.get("blocks") is None
    assert "blocks" not in found


def test_code_of_other_sources_is_not_found(tmp_path: Path) -> None:
    CodeShelf(tmp_path, "one").put("loop", b"code")

    assert CodeShelf(tmp_path, "two").get("loop") is None


@pytest.mark.parametrize("harm", [lambda b: b[:-1], lambda _: b"", lambda b: b[:40] + b"x" + b[41:], lambda b: b[:20]])
def test_code_that_is_not_whole_is_taken_for_none(tmp_path: Path, harm: object) -> None:
    """Cut short or changed: it would be run as it is."""
    shelf = CodeShelf(tmp_path, "one")
    shelf.put("loop", bytes(range(256)))
    (file,) = tmp_path.rglob("*.code")

    file.write_bytes(harm(file.read_bytes()))  # type: ignore[operator]

    assert shelf.get("loop") is None


def test_where_nothing_can_be_written_nothing_is_kept_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    shelf = CodeShelf(tmp_path / "file" / "cache", "one")

    shelf.put("loop", b"code")

    assert shelf.get("loop") is None
    monkeypatch.setattr(compilation, "_shelves", [shelf])
    assert set(compilation._compiled("blocks", compilation.BLOCKS, inline=True)) >= {"fill_keys"}


def test_the_stamp_tells_sources_and_processors_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    here = code_shelf.code_shelf()
    here.put("loop", b"code")

    monkeypatch.setattr(native, "described", lambda: "another processor")
    assert code_shelf.code_shelf().get("loop") is None
    monkeypatch.undo()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert code_shelf.code_shelf().get("loop") == b"code"
    monkeypatch.setattr(code_shelf, "sources_digest", lambda *_: "other sources")
    assert code_shelf.code_shelf().get("loop") is None


def test_code_that_nobody_has_used_for_long_is_thrown_away(tmp_path: Path) -> None:
    """When code of a new stamp comes; what was used lately stays, and what is not ours."""
    old, lately, ours = "0" * 24, "1" * 24, "2" * 24
    for stamp in (old, lately, "something else"):
        CodeShelf(tmp_path, stamp).put("loop", b"code")
    (tmp_path / ("3" * 24)).mkdir()
    (tmp_path / ("3" * 24) / "notes.txt").write_text("mine")
    for file in tmp_path.glob("*/*"):
        if file.parent.name != lately:
            os.utime(file, (0.0, 0.0))

    CodeShelf(tmp_path, ours)

    assert {folder.name for folder in tmp_path.iterdir()} == {lately, "something else", "3" * 24}
