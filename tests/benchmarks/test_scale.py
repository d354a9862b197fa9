"""Time and memory from a hundred thousand to a hundred million requests of `dax_vs_dynamodb`, as a command.

Goal: at most 1.3 times the time per request of a million, and less than 1 GiB, at a hundred million. Each run is a
process of its own, whose memory is its own. Run with `make bench`; it takes some minutes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.command import process

SIZES = (100_000, 1_000_000, 10_000_000, 100_000_000)
"""Requests of both systems together."""
RATE_PER_S = 2_000.0
WARMUP_S = 5.0
LONGEST = 1.3
MEMORY_MB = 1024.0


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
