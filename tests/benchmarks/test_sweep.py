"""How much faster two workers sweep than one: 40 cells of ten replications, as a command, in turns.

Goal: at least 1.8 times on two cores, start of the workers, checking of the cells and all that one process must do for
both included. Run with `make bench`, on a quiet machine.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from bench.machine import cores
from tests.tools.command import process

SCENARIO = """
schema = 1
name = "sweep-speed"
replications = 10
duration_s = 600.0
warmup_s = 1.0

[workload]
arrivals = { kind = "poisson", rate_per_s = 2000.0 }

[systems.one]
model = "queue"
servers = 4
service = { kind = "exponential", mean_s = 0.001 }

[sweep.grid]
"workload.arrivals.rate_per_s" = { from = 2000, to = 3900, count = 20 }
"systems.one.servers" = [4, 5]
"""
LEAST = 1.8
TURNS = 2


@pytest.mark.timing
def test_two_workers_sweep_nearly_twice_as_fast_as_one(benchmark: Any, tmp_path: Path) -> None:
    if benchmark.disabled or cores() < 2:
        pytest.skip("times are taken by `make bench` alone, with two cores or more")
    (tmp_path / "speed.toml").write_text(SCENARIO, "utf-8")
    seconds = {1: float("inf"), 2: float("inf")}

    def turn() -> None:
        for workers, best in list(seconds.items()):
            started = time.perf_counter()
            done = process(
                "sweep", "speed.toml", "--workers", str(workers), "--fresh", "--quiet", "--overwrite",
                "--out", f"with-{workers}", cwd=tmp_path, timeout_s=900.0,
            )  # fmt: skip
            assert done.code == 0, done.err
            seconds[workers] = min(best, time.perf_counter() - started)

    process("run", "speed.toml", "--replications", "1", "--quiet", cwd=tmp_path)
    benchmark.pedantic(turn, rounds=TURNS, iterations=1)

    ratio = seconds[1] / seconds[2]
    benchmark.extra_info |= {f"seconds_{workers}": round(taken, 1) for workers, taken in seconds.items()}
    benchmark.extra_info["ratio"] = round(ratio, 2)
    assert ratio >= LEAST, f"two workers are {ratio:.2f} times as fast as one; {benchmark.extra_info}"
