"""Folders of results to make pages of: small ones, and the same with names that nobody would give in good faith."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.tools.command import tierbench

SCENARIO = """
schema = 1
name = "small"
question = "Is one server fast enough?"
seed = 7
replications = 3
duration_s = 4.0
warmup_s = 0.5

[workload]
arrivals = { kind = "poisson", rate_per_s = 300.0 }
mix = { read = 0.8, write = 0.2 }

[systems.one]
model = "queue"
service = { kind = "exponential", mean_s = 0.001 }

[systems.two]
model = "cache_aside"
capacity_items = 100

[[faults]]
at_s = 2.0
until_s = 3.0
kind = "slow"
target = "one.server[0]"
factor = 2.0

[[expect]]
text = "a cache is in the way"
ratio = ["one.read.latency_ms.mean", "two.read.latency_ms.mean"]
at_most = 100.0

[[expect]]
text = "nobody can tell"
metric = "one.read.latency_ms.mean"
at_most = 0.01

[sweep]
grid = { "workload.arrivals.rate_per_s" = [100.0, 300.0, 500.0], "systems.two.capacity_items" = [10, 100] }
"""
SIMPY = ("--engine", "simpy", "--quiet")
KINDS = ("run", "sweep", "comparison")


def make_results(folder: Path) -> None:
    """A run, a sweep and a comparison, in folders of these names."""
    (folder / "small.toml").write_text(SCENARIO, "utf-8")
    made = [
        tierbench("run", "small.toml", *SIMPY, "--out", "run", cwd=folder),
        tierbench("sweep", "small.toml", *SIMPY, "--workers", "1", "--out", "sweep", cwd=folder),
        tierbench("compare", "run", "small.toml", "--seed", "8", *SIMPY, "--out", "comparison", cwd=folder),
    ]
    assert all(result.code in {0, 1, 5} for result in made), made


def forge(source: Path, folder: Path, change: Callable[[Any], Any]) -> None:
    """A copy of a folder of results in which all documents are changed, with checksums that are right."""
    shutil.copytree(source, folder)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    for name in manifest["files"]:
        path = folder / name
        if path.suffix == ".json":
            path.write_text(json.dumps(change(json.loads(path.read_text("utf-8")))), "utf-8")
            content = path.read_bytes()
            manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    kept = {key: manifest[key] for key in ("files", "kind", "versions", "fingerprint") if key in manifest}
    (folder / "manifest.json").write_text(json.dumps({**change(manifest), **kept}), "utf-8")


def renamed(text: str) -> Callable[[Any], Any]:
    """A change that gives systems, operations, parts, questions and expectations a name."""
    words = {"one", "two", "read", "write", "small", "server", "Is one server fast enough?", "a cache is in the way"}

    def change(value: Any) -> Any:
        if isinstance(value, dict):
            return {f"{text} {key}" if key in words else key: change(each)
                    for key, each in value.items()}  # fmt: skip
        if isinstance(value, list):
            return [change(each) for each in value]
        return f"{text} {value}" if isinstance(value, str) and value in words else value

    return change
