"""Traces by way of the command: where they may lie, and what is said of broken lines."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bench.traces import spool
from tests.tools.command import tierbench

SCENARIO = """
schema = 1
name = "replay"
replications = 1

[workload]
trace = { file = "small.csv", pace = { rate_per_s = 100.0 } }

[systems.lru]
model = "cache_aside"
capacity_items = 2
lookup = { kind = "constant", value_s = 0.001 }
backing = { kind = "constant", value_s = 0.010 }
"""
KEYS = "key\na\nb\na\nc\nb\na\n"
"""With room for two: a and b miss, a hits, c drives out b, b drives out a, a misses: 1 of 6."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a scenario and its trace, beside another with a trace."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "replay.toml").write_text(SCENARIO, "utf-8")
    (tmp_path / "inside" / "small.csv").write_text(KEYS, "utf-8")
    (tmp_path / "outside.csv").write_text(KEYS, "utf-8")
    return tmp_path


def test_a_trace_with_nothing_but_keys_is_replayed(place: Path) -> None:
    result = tierbench("run", "inside/replay.toml", "--engine", "simpy", "--json", "--quiet", cwd=place)

    assert result.code == 0
    counters = json.loads(result.out)["systems"]["lru"]["counters"]
    assert (counters["cache.lookups"], counters["cache.hits"]) == (6, 1)


def test_a_trace_that_was_set_may_lie_anywhere(place: Path) -> None:
    """And its path is taken from where the user stands, not from the scenario's folder."""
    setting = "workload.trace.file=outside.csv"
    result = tierbench("run", "inside/replay.toml", "--engine", "simpy", "--json", "--set", setting, cwd=place)

    assert result.code == 0
    assert json.loads(result.out)["systems"]["lru"]["counters"]["cache.hits"] == 1


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_replay_is_the_same_from_memory_and_from_a_file(
    place: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: two systems and as many replications in turns; two blocks of requests, with all that a trace can tell."""
    lines = (
        f"{at / 500},k{at * at % 997},{'set' if at % 7 == 0 else 'get'},{at % 99},{at % 5}" for at in range(35_000)
    )
    (place / "inside" / "small.csv").write_text("time_s,key,op,size_bytes,ttl_s\n" + "\n".join(lines), "utf-8")
    text = SCENARIO.replace(", pace = { rate_per_s = 100.0 }", "").replace("replications = 1", "replications = 2")
    text += text[text.index("[systems.lru]") :].replace("lru", "second")
    (place / "inside" / "replay.toml").write_text(text, "utf-8")

    def systems() -> dict[str, Any]:
        run = tierbench("run", "inside/replay.toml", "--engine", engine, "--json", "--quiet", cwd=place)
        assert run.code == 0, run.err
        found: dict[str, Any] = json.loads(run.out)["systems"]
        for each in found.values():
            del each["cost"]
        return found

    in_memory = systems()
    monkeypatch.setattr(spool, "HELD_BYTES", 0)
    assert systems() == in_memory
    assert in_memory["second"]["counters"]["cache.lookups"] == 2 * 30_000


@pytest.mark.parametrize("file", ["../outside.csv", "link.csv", "sub/../../outside.csv"])
def test_a_trace_in_the_file_stays_within_its_folder(place: Path, file: str) -> None:
    (place / "inside" / "link.csv").symlink_to(place / "outside.csv")
    text = SCENARIO.replace("small.csv", file)
    (place / "inside" / "replay.toml").write_text(text, "utf-8")

    result = tierbench("run", "inside/replay.toml", cwd=place)

    assert result.code == 3
    assert "inside/replay.toml:7:18: error: workload.trace.file: leads out of the scenario's folder; " in result.err
    assert "--set workload.trace.file=PATH" in result.err


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        ("key,size_bytes\na,1\nb,many\n", 'small.csv:3: error: size_bytes: "many" is not a size'),
        ("key,size_bytes\na,1\nb,-5\n", 'small.csv:3: error: size_bytes: "-5" is not a size'),
        ("key,size_bytes\na,1,1\n", "small.csv:2: error: 3 fields instead of 2"),
        ('key\n"a\n', "small.csv:2: error: a quote that opens here is never closed"),
        ("key\na\n\0\n", "small.csv:3: error: a NUL byte"),
        ("", "small.csv: error: the trace is empty"),
        ("key\n", "small.csv: error: the trace has a header but no request"),
        ("id\na\n", "small.csv:1: error: columns: no column is called key or time_s"),
        ("key,op\na,read\nb,fly\n", 'small.csv:3: error: op: unknown operation "fly"'),
    ],
)
def test_a_broken_trace_is_said_by_line(place: Path, trace: str, words: str) -> None:
    (place / "inside" / "small.csv").write_text(trace, "utf-8")

    result = tierbench("check", "inside/replay.toml", cwd=place)

    assert (result.code, result.out) == (3, "")
    assert words in result.err


def test_a_trace_that_cannot_be_kept_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "HELD_BYTES", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(place / "absent"))

    result = tierbench("check", "inside/replay.toml", cwd=place)

    assert (result.code, result.out) == (3, "")
    assert "small.csv: error: its requests, 4 bytes each, cannot be kept in a temporary file: " in result.err
    assert "set TMPDIR" in result.err


def test_an_operation_that_the_model_lacks_is_said(place: Path) -> None:
    (place / "inside" / "small.csv").write_text("key,op\na,get\nb,set\n", "utf-8")
    text = SCENARIO.replace('model = "cache_aside"', 'model = "queue"').split("capacity_items")[0]
    (place / "inside" / "replay.toml").write_text(text, "utf-8")

    assert tierbench("check", "inside/replay.toml", cwd=place).code == 0
