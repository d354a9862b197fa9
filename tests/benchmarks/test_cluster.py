"""What a cell costs on a Dask cluster, and whom: the numbers of the README's table.

Goal: nearly all CPU time is that of the workers, so that more of them are of use. Method: 40 large cells on two workers
of one thread; CPU time, which a busy machine spoils less than time on the clock. Run with `make bench`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.benchmarks.test_sweep import SCENARIO
from tests.tools.command import environment
from tests.tools.dask_cluster import dask_cluster

CELLS = 40
OTHERS_MAX = 0.2
"""Part of the workers' time that this process and the scheduler may take, beginning and pictures included."""


def cpu_s(*processes: subprocess.Popen[Any]) -> float:
    """CPU time that processes have taken."""
    times = [psutil.Process(process.pid).cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


@pytest.mark.timing
def test_workers_take_nearly_all_of_the_time(benchmark: Any, tmp_path: Path) -> None:
    if benchmark.disabled:
        pytest.skip("times are taken by `make bench` alone")
    (tmp_path / "speed.toml").write_text(SCENARIO, "utf-8")
    command = [
        sys.executable,
        "-m",
        "bench",
        "sweep",
        "speed.toml",
        "--quiet",
        "--fresh",
        "--overwrite",
        "--out",
        "far",
    ]
    home_s = 0.0

    with dask_cluster(tmp_path / "dask", 2) as cluster:
        scheduler, *workers = cluster.processes

        def turn() -> None:
            nonlocal home_s
            with subprocess.Popen([*command, "--cluster", cluster.address], cwd=tmp_path, env=environment()) as running:
                while running.poll() is None:
                    home_s = cpu_s(running)
                    time.sleep(0.05)
            assert running.returncode == 0

        turn()
        before_s = cpu_s(scheduler), cpu_s(*workers)
        benchmark.pedantic(turn, rounds=1, iterations=1)
        scheduler_s, workers_s = cpu_s(scheduler) - before_s[0], cpu_s(*workers) - before_s[1]

    benchmark.extra_info |= {
        "worker_cpu_s_per_cell": workers_s / CELLS, "home_cpu_s": home_s, "scheduler_cpu_s": scheduler_s,
    }  # fmt: skip
    assert home_s + scheduler_s <= OTHERS_MAX * workers_s
