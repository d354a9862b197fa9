"""A Dask cluster on this machine, of processes of its own: a scheduler, and workers that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.tools.command import environment

START_S = 60.0


@dataclass
class DaskCluster:
    """Processes that were started, and the scheduler's address."""

    folder: Path
    options: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def contact(self) -> Path:
        """Where the scheduler says how it can be reached."""
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        return str(json.loads(self.contact.read_text("utf-8"))["address"])

    def start_scheduler(self) -> None:
        self._start("scheduler", "--port", "0", "--scheduler-file", str(self.contact))
        self._wait_for(self.contact.exists)

    def start_worker(self, code: Path | None = None) -> subprocess.Popen[bytes]:
        """A worker of one thread, with our code or that of another folder; returns when it is known."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        worker = self._start(
            "worker", "--scheduler-file", str(self.contact), "--nthreads", "1", "--no-nanny", log=log,
            **({} if code is None else {"PYTHONPATH": str(code)}),
        )  # fmt: skip
        self.workers.append(worker)
        self._wait_for(lambda: "Registered to" in log.read_text("utf-8"))
        return worker

    def _start(self, kind: str, *options: str, log: Path | None = None, **variables: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--host", "127.0.0.1"]
        command += ["--dashboard-address", "127.0.0.1:0"]
        with (log or self.folder / f"{kind}.log").open("wb") as file:
            process = subprocess.Popen(
                [*command, *options, *self.options], cwd=self.folder, env=environment(**self.variables, **variables),
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def _wait_for(self, begun: object) -> None:
        assert callable(begun)
        until = time.monotonic() + START_S
        while not begun():
            dead = [each.args for each in self.processes if each.poll() is not None]
            assert not dead, (dead, [log.read_text("utf-8") for log in self.folder.glob("*.log")])
            assert time.monotonic() < until, [log.read_text("utf-8") for log in self.folder.glob("*.log")]
            time.sleep(0.05)


@contextmanager
def dask_cluster(folder: Path, workers: int, *options: str, **variables: str) -> Iterator[DaskCluster]:
    """A cluster that ends with the block; options and variables of the environment are for all of its processes."""
    folder.mkdir()
    cluster = DaskCluster(folder, options, variables)
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        for process in cluster.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
