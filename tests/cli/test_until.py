"""`tierbench run --until`: replications are added until a figure is known well enough, and no more than allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.store import read_run
from tests.tools.command import Result, tierbench
from tests.tools.two_queues import two_queues

SCENARIO = two_queues(2, 20.0, second='{ kind = "exponential", mean_s = 0.001 }')


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "half.toml").write_text(SCENARIO, "utf-8")
    return tmp_path


def run(place: Path, *arguments: str) -> Result:
    return tierbench("run", "half.toml", "--engine", "compiled", "--out", "kept", "--json", *arguments, cwd=place)


def part(document: dict[str, Any], system: str, percentile: str) -> float:
    """Half of the interval by the mean."""
    known = document["systems"][system]["ops"]["read"]["latency_ms"][percentile]
    return float((known["ci95"][1] - known["ci95"][0]) / 2.0 / known["mean"])


@pytest.mark.parametrize("words", ["read.p99 ±2%", "read.p99 +-2 %", "read.latency_ms.p99±2.0%"])
def test_every_system_s_figure_is_known_so_well_in_the_end(words: str, place: Path) -> None:
    result = run(place, "--until", words)

    document = json.loads(result.out)
    assert result.code == 0, result.err
    assert max(part(document, system, "p99") for system in ("one", "two")) <= 0.02
    assert read_run(place / "kept").manifest["replications"] > 5


def test_it_is_the_run_that_was_asked_for_so_many_replications(place: Path) -> None:
    until = json.loads(run(place, "--until", "one.read.p99 ±2%").out)
    count = read_run(place / "kept").manifest["replications"]

    again = json.loads(run(place, "--replications", str(count), "--overwrite").out)

    assert until["fingerprint"] == again["fingerprint"]
    assert until["systems"]["two"]["ops"] == again["systems"]["two"]["ops"]


def test_the_stored_command_makes_the_same_run(place: Path) -> None:
    run(place, "--until", "read.mean ±1%")

    stored = read_run(place / "kept")
    assert stored.manifest["command"] == f"tierbench run half.toml --set replications={stored.manifest['replications']}"
    assert f"replications = {stored.manifest['replications']}" in stored.scenario_toml


def test_chance_is_not_taken_for_precision(place: Path) -> None:
    """Two replications may agree by chance, so there are five at least."""
    run(place, "--until", "read.mean ±90%")

    assert read_run(place / "kept").manifest["replications"] == 5


def test_a_cap_that_is_hit_is_said_and_is_the_exit_code(place: Path) -> None:
    result = tierbench("run", "half.toml", "--until", "read.p99 ±0.01%", "--max-replications", "7", cwd=place)

    assert result.code == 6
    assert "after 7 replications; allow more with --max-replications" in " ".join(result.out.split())


def test_a_figure_without_a_value_is_not_waited_for(place: Path) -> None:
    result = run(place, "--until", "read.p999 ±5%", "--set", "duration_s=2.0")

    assert result.code == 6
    assert read_run(place / "kept").manifest["replications"] == 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--until", "read.p99"), 'write --until "read.p99 ±5%"'),
        (("--until", "read.p99 ±0%"), 'write --until "read.p99 ±5%"'),
        (("--until", "reed.p99 ±5%"), "did you mean read.p99?"),
        (("--until", "three.read.p99 ±5%"), "no system has the figure three.read.p99"),
        (("--max-replications", "9"), "--max-replications goes with --until"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...], says: str, place: Path) -> None:
    result = run(place, *arguments)

    assert (result.code, result.out) == (2, "")
    assert says in result.err
