"""Every scenario that ships gives what it gave when its baseline was written.

Goal: no change of a model goes by unseen. Method: run the scenario and hold it against its baseline at every gate. The
short form is the first replication alone, in which nothing may move by a bit; all of them run slow.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import library
from tests.tools.command import tierbench

NAMES = [entry.name for entry in library.entries()]
SHORT = 1
"""Replications of the short form: all scenarios together take some 20 s on two cores, and each more as much again."""


def test_every_scenario_has_a_baseline_and_no_other_is_there() -> None:
    """`tierbench verify --update` (or `make baselines`) writes what is missing."""
    assert sorted(path.name for path in library.baselines().iterdir()) == [f"{name}.json" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_its_first_replication_is_the_same(name: str, tmp_path: Path) -> None:
    result = tierbench("verify", name, "--replications", str(SHORT), cwd=tmp_path)

    assert result.code == 0, result.out + result.err


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_replications_are_the_same(name: str, tmp_path: Path) -> None:
    result = tierbench("verify", name, cwd=tmp_path)

    assert result.code == 0, result.out + result.err
