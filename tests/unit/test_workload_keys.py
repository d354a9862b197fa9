"""Keys of a workload's table can be changed one by one, where the table itself is a preset's or the default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import ScenarioError
from bench.scenario.load import load

SCENARIO = """
schema = 1
name = "keys"
[workload]
{workload}
[systems.table]
model = "dynamodb"
"""


def workload(folder: Path, text: str, *settings: str) -> Any:
    (folder / "keys.toml").write_text(SCENARIO.format(workload=text), "utf-8")
    return load(folder / "keys.toml", settings).spec.workload


def test_a_rate_alone_leaves_arrivals_as_they_are_by_default(tmp_path: Path) -> None:
    arrivals = workload(tmp_path, "arrivals.rate_per_s = 300.0").arrivals

    assert (arrivals.kind, arrivals.rate_per_s) == ("poisson", 300.0)


def test_a_number_of_keys_alone_leaves_the_preset_s_law(tmp_path: Path) -> None:
    keys = workload(tmp_path, 'preset = "ycsb-b"', "workload.keys.count=5_000").keys

    assert (keys.kind, keys.count) == ("scrambled-zipfian", 5_000)


def test_another_kind_takes_nothing_from_the_preset(tmp_path: Path) -> None:
    keys = workload(tmp_path, 'preset = "ycsb-b"\nkeys = { kind = "uniform", count = 7 }').keys

    assert (keys.kind, keys.count) == ("uniform", 7)


@pytest.mark.parametrize("text", ["arrivals = { clients = 5 }", "arrivals = {}", "keys = { exponent = 1.0 }"])
def test_keys_of_another_kind_want_that_kind_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="kind: required key is missing"):
        workload(tmp_path, text)


def test_a_mix_is_taken_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"add up to 0\.5"):
        workload(tmp_path, 'preset = "ycsb-b"\nmix = { read = 0.5 }')
