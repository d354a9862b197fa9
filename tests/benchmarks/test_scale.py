"""Time and memory from a hundred thousand to a hundred million requests of `dax_vs_dynamodb`, as a command; and memory
for a trace of a million requests, and of ten.

Goal: at most 1.3 times the time per request of a million, and less than 1 GiB, at a hundred million; ten times as long
a trace of as many keys takes hardly more memory. Each run is a process of its own, whose memory is its own. Run with
`make bench`; it takes some minutes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tools.command import process

SIZES = (100_000, 1_000_000, 10_000_000, 100_000_000)
"""Requests of both systems together."""
RATE_PER_S = 2_000.0
WARMUP_S = 5.0
LONGEST = 1.3
MEMORY_MB = 1024.0
TRACES, KEYS = (1_000_000, 10_000_000), 100_000
TRACE_MORE_MB = 30.0
"""Ten million rows of times, keys and sizes are 200 MB as numbers."""
REPLAY = """
schema = 1
name = "replay"
replications = 1

[workload]
trace = { file = "trace.csv" }

[systems.lru]
model = "cache_aside"
capacity_items = 10_000
lookup = { kind = "constant", value_s = 0.0002 }
backing = { kind = "constant", value_s = 0.005 }
"""


@pytest.mark.timing
def test_a_hundred_million_requests_take_no_more_than_their_time_and_little_memory(
    benchmark: Any, tmp_path: Path
) -> None:
    if benchmark.disabled:
        pytest.skip("times are taken by `make bench` alone")
    found: dict[str, dict[str, float]] = {}

    def turn() -> None:
        for requests in SIZES:
            settings = {
                # Requests before time zero take no time in the model and little here: they would flatter short runs.
                "initial": "cold",
                "replications": 1, "workload.arrivals.rate_per_s": RATE_PER_S,
                "duration_s": requests / 2 / RATE_PER_S,
            }  # fmt: skip
            done = process(
                "run", "dax_vs_dynamodb", "--json", "--quiet", "--engine", "compiled",
                *(word for name, value in settings.items() for word in ("--set", f"{name}={value}")),
                cwd=tmp_path, timeout_s=3600.0,
            )  # fmt: skip
            assert done.code in (0, 1, 5), done.err
            costs = [system["cost"] for system in json.loads(done.out)["systems"].values()]
            found[str(requests)] = {
                "ns_per_request": sum(1e9 / cost["requests_per_wall_s"] for cost in costs) / len(costs),
                "peak_memory_mb": max(cost["peak_memory_mb"] for cost in costs),
            }

    benchmark.pedantic(turn, rounds=1, iterations=1)
    benchmark.extra_info["scale"] = found

    million, most = found[str(SIZES[1])], found[str(SIZES[-1])]
    assert most["peak_memory_mb"] < MEMORY_MB, found
    assert most["ns_per_request"] <= LONGEST * million["ns_per_request"], found


def write_trace(path: Path, requests: int) -> None:
    """Requests a millisecond apart, of each key in turn and then of any."""
    generator = np.random.default_rng(1)
    with path.open("w", encoding="utf-8") as file:
        file.write("time_s,key,size_bytes\n")
        for first in range(0, requests, KEYS):
            keys = (generator.integers(0, KEYS, KEYS) if first else np.arange(KEYS)).tolist()
            file.writelines(f"{at / 1000},object{key},{key % 4096}\n" for at, key in enumerate(keys, first))


@pytest.mark.timing
def test_a_long_trace_takes_no_more_memory_than_a_short_one(benchmark: Any, tmp_path: Path) -> None:
    if benchmark.disabled:
        pytest.skip("memory is measured by `make bench` alone")
    (tmp_path / "replay.toml").write_text(REPLAY, "utf-8")
    peaks_mb: dict[str, float] = {}

    def turn() -> None:
        for requests in TRACES:
            write_trace(tmp_path / "trace.csv", requests)
            # The second time, since to compile a loop takes memory too, the first time that it pays.
            for _ in range(2):
                run = "run", "replay.toml", "--json", "--quiet", "--engine", "compiled"
                done = process(*run, cwd=tmp_path, timeout_s=600.0)
                assert done.code == 0, done.err
            system = json.loads(done.out)["systems"]["lru"]
            assert system["counters"]["cache.lookups"] == requests
            peaks_mb[str(requests)] = system["cost"]["peak_memory_mb"]

    benchmark.pedantic(turn, rounds=1, iterations=1)
    benchmark.extra_info["peaks_mb"] = peaks_mb

    short, long = peaks_mb.values()
    assert long <= short + TRACE_MORE_MB, peaks_mb
