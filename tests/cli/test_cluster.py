"""`tierbench sweep --cluster`: the same bits as on this machine alone, whoever dies meanwhile, and nobody let in."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme

from bench.errors import UsageError, WorkerError
from bench.sweep.cluster import _job, do_job
from bench.sweep.plan import make_plan
from tests.tools.command import ROOT, Result, environment, process, tierbench
from tests.tools.dask_cluster import DaskCluster, dask_cluster
from tests.tools.two_queues import two_queues

SCENARIO = f"""{two_queues(duration_s=4.0, name="forty-cells")}
[sweep.grid]
"workload.arrivals.rate_per_s" = {{ from = 100, to = 670, count = 20 }}
"systems.two.servers" = [2, 3]
"""
CELLS = 40
OPTIONS = ("--engine", "simpy", "--quiet", "--json")
FEW = ("--sweep", "workload.arrivals.rate_per_s=100,200", "--set", "duration_s=1.0")
"""A sweep of two short cells."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a scenario in it."""
    (tmp_path / "forty.toml").write_text(SCENARIO, "utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers."""
    with dask_cluster(tmp_path_factory.mktemp("dask") / "plain", 2) as found:
        yield found


def sweep(place: Path, *arguments: str) -> Result:
    return process("sweep", "forty.toml", *OPTIONS, *arguments, cwd=place)


def inside(place: Path, *arguments: str) -> Result:
    """The same within this process, which is quicker."""
    return tierbench("sweep", "forty.toml", *OPTIONS, *arguments, cwd=place)


def begun(place: Path, *arguments: str) -> subprocess.Popen[str]:
    """A sweep that was begun, half of whose cells are done."""
    running = subprocess.Popen(
        [sys.executable, "-m", "bench", "sweep", "forty.toml", *OPTIONS, *arguments], cwd=place, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    while kept(place) < CELLS // 2:
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    return running


def kept(place: Path) -> int:
    """Cells that are done."""
    return len(list((place / "results" / "cells").glob("*.json")))


def listening(processes: Sequence[subprocess.Popen[Any]]) -> set[str]:
    """Addresses on which processes can be reached."""
    found = [each for process in processes for each in psutil.Process(process.pid).net_connections()]
    return {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}


def without_cost(document: dict[str, Any]) -> dict[str, Any]:
    """What must be the same however often and wherever it is simulated."""
    for cell in document["cells"]:
        for system in cell["run"]["systems"].values():
            for name in ("wall_s", "requests_per_wall_s", "peak_memory_mb"):
                del system["cost"][name]
    return document


def test_a_worker_that_is_killed_half_way_changes_nothing(place: Path) -> None:
    """Goal: 40 cells on two workers, one of which dies, are the bits of the local pool; the command listens nowhere.

    Method: kill when half of the cells are kept, with tasks in the worker's hands and others waiting for it.
    """
    with dask_cluster(place / "dask", 2) as cluster:
        running = begun(place, "--cluster", cluster.address, "--out", "far")
        ours, theirs = (listening(each) for each in ([running], cluster.processes))
        cluster.workers[0].send_signal(signal.SIGKILL)
        cluster.workers[0].wait()
        at_death = kept(place)
        out, err = running.communicate(timeout=120)
    near = sweep(place, "--workers", "2", "--cells", "others", "--out", "near")

    assert (running.returncode, near.code) == (0, 0), err + near.err
    assert at_death < CELLS
    assert ours == set()
    assert theirs == {"127.0.0.1"}, "with the options that the README has"
    assert without_cost(json.loads(out)) == without_cost(json.loads(near.out))
    for name in ("cells.csv", "values.csv", "scenario.toml", "pictures/load.svg"):
        assert (place / "far" / name).read_bytes() == (place / "near" / name).read_bytes()


@pytest.mark.slow
def test_a_sweep_that_was_ended_goes_on_anywhere(place: Path, cluster: DaskCluster) -> None:
    """Begun on the cluster and killed, gone on with at home; and the other half of the cells was not made again."""
    running = begun(place, "--cluster", cluster.address)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    before = {path.name: path.stat().st_mtime_ns for path in (place / "results" / "cells").glob("*.json")}
    rest = json.loads(sweep(place).out)
    after = {path.name: path.stat().st_mtime_ns for path in (place / "results" / "cells").glob("*.json")}

    whole = json.loads(sweep(place, "--cells", "others").out)
    assert len(before) < len(after) == CELLS
    assert {name: after[name] for name in before} == before
    assert without_cost(rest) == without_cost(whole)


def test_ctrl_c_says_how_to_go_on(place: Path, cluster: DaskCluster) -> None:
    running = begun(place, "--cluster", cluster.address)
    running.send_signal(signal.SIGTERM)
    _, says = running.communicate(timeout=30)

    assert running.returncode == 130
    assert "the same command goes on from there" in says


@pytest.mark.slow
def test_a_scheduler_that_dies_is_an_error_with_what_is_kept(place: Path) -> None:
    with dask_cluster(place / "dask", 1) as cluster:
        running = begun(place, "--cluster", cluster.address)
        cluster.processes[0].send_signal(signal.SIGKILL)
        _, says = running.communicate(timeout=60)

    assert running.returncode == 70
    assert says.count("\n") == 1
    assert "finished cells are kept; the same command goes on from there" in says


@pytest.mark.slow
def test_a_cell_that_kills_its_workers_ends_the_sweep(place: Path) -> None:
    """Dask gives a task up after some deaths, here after the first one."""
    with dask_cluster(place / "dask", 1, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as cluster:
        running = begun(place, "--cluster", cluster.address)
        cluster.workers[0].send_signal(signal.SIGKILL)
        _, says = running.communicate(timeout=60)

    assert running.returncode == 70
    assert "died again and again with one cell; is there too little memory for it? finished cells are kept" in says


@pytest.mark.slow
def test_a_cluster_may_be_empty_at_first(place: Path) -> None:
    with dask_cluster(place / "dask", 0) as cluster:
        words = ("sweep", "forty.toml", "--engine", "simpy", *FEW, "--cluster", cluster.address)
        with subprocess.Popen(
            [sys.executable, "-m", "bench", *words], cwd=place, env=environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, encoding="utf-8",
        ) as running:  # fmt: skip
            assert running.stderr is not None
            says = running.stderr.readline()
            cluster.start_worker()
            running.communicate(timeout=60)

    assert f"no Dask worker yet at {cluster.address}" in says
    assert running.returncode == 0


@pytest.mark.slow
def test_workers_with_other_code_are_refused(place: Path) -> None:
    """A comment more is another version: nobody can say what it changes."""
    for name in ("bench", "models"):
        shutil.copytree(ROOT / name, place / "other" / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (place / "other" / "models" / "region.py").open("a", encoding="utf-8") as file:
        file.write("# another version\n")

    with dask_cluster(place / "dask", 1) as cluster:
        cluster.start_worker(place / "other")
        result = sweep(place, "--cluster", cluster.address, *FEW)

    assert result.code == 2
    assert "has no tierbench, or another one" in result.err
    assert kept(place) == 0


def test_a_task_refuses_code_and_traces_that_are_not_its_own(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that come later were never asked; so each task asks, and the refusal travels back."""
    cell = make_plan(place / "forty.toml", ["duration_s=1.0"], [], "simpy", 0).cells[0]
    job = _job(cell, "simpy")
    gave = do_job(job)
    with pytest.raises(WorkerError, match="is another one on the machine that does the work"):
        do_job(replace(job, recipe=replace(job.recipe, trace_sha256="another")))
    monkeypatch.setattr("bench.sweep.cluster.our_code", lambda: "another")

    assert set(gave.document["systems"]) == {"one", "two"}
    with pytest.raises(UsageError, match="a worker that came later has no tierbench, or another one"):
        do_job(job)


@pytest.mark.slow
def test_tls_lets_in_who_has_a_certificate(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster's own authority is needed: nobody comes in without a certificate, or with that of another one."""
    ours, others = certificates(place / "ours"), certificates(place / "others")
    monkeypatch.setattr("bench.sweep.cluster.CONNECT_S", 1.0)
    options = [f"--tls-{name}={ours[name]}" for name in ("ca-file", "cert", "key")]
    mine = ("--tls-ca", ours["ca-file"], "--tls-cert", ours["cert"], "--tls-key", ours["key"])
    foreign = ("--tls-ca", others["ca-file"], "--tls-cert", others["cert"], "--tls-key", others["key"])
    with dask_cluster(place / "dask", 1, *options, "--protocol", "tls") as cluster:
        assert cluster.address.startswith("tls://")
        good = sweep(place, "--cluster", cluster.address, *mine, *FEW, "--out", "far")
        plain = cluster.address.removeprefix("tls://")
        bare = sweep(place, "--cluster", plain, *mine, *FEW, "--out", "bare")
        wrong = inside(place, "--cluster", cluster.address, *foreign, *FEW)
        without = inside(place, "--cluster", cluster.address, *FEW)
        clear = inside(place, "--cluster", f"tcp://{plain}", *FEW)

    sweep(place, *FEW, "--out", "near", "--cells", "others")
    assert (good.code, bare.code) == (0, 0), good.err + bare.err
    assert (place / "far" / "values.csv").read_bytes() == (place / "near" / "values.csv").read_bytes()
    for refused in (wrong, without, clear):
        assert refused.code == 2
        assert "no scheduler can be reached" in refused.err
        assert "Traceback" not in refused.err


def certificates(folder: Path) -> dict[str, str]:
    """An authority, and a certificate for this machine."""
    folder.mkdir()
    authority = trustme.CA()
    mine = authority.issue_cert("127.0.0.1", "localhost")
    paths = {name: folder / f"{name}.pem" for name in ("ca-file", "cert", "key")}
    authority.cert_pem.write_to_path(paths["ca-file"])
    mine.cert_chain_pems[0].write_to_path(paths["cert"])
    mine.private_key_pem.write_to_path(paths["key"])
    return {name: os.fspath(path) for name, path in paths.items()}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--cluster", "nowhere"], "is no address; write tcp://HOST:PORT, or tls://HOST:PORT"),
        (["--cluster", "http://127.0.0.1:8786"], "is no address"),
        (["--cluster", "tcp://a:1/\x1b[31m"], r"\x1b"),
        (["--cluster", "tls://127.0.0.1:1", "--tls-ca", "forty.toml"], "give --tls-cert and --tls-key, too"),
        (["--tls-ca", "forty.toml"], "go with --cluster"),
        (["--cluster", "tcp://127.0.0.1:1", "--workers", "2"], "leave out one of them"),
        (
            ["--cluster", "tcp://127.0.0.1:1", *(f"--tls-{name}=forty.toml" for name in ("ca", "cert", "key"))],
            "write tls://127.0.0.1:1",
        ),
        (
            ["--cluster", "127.0.0.1:1", *(f"--tls-{name}=forty.toml" for name in ("ca", "cert", "key"))],
            "no scheduler can be reached",
        ),
    ],
)
def test_wrong_usage_is_said_before_anything_runs(place: Path, arguments: list[str], says: str) -> None:
    result = inside(place, *arguments)

    assert result.code == 2
    assert says in result.err
    assert "\x1b" not in result.err
    assert not (place / "results").exists()


def test_without_dask_it_says_what_to_install(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.extras.find_spec", lambda _: None)

    result = inside(place, "--cluster", "tcp://127.0.0.1:8786")

    assert result.code == 2
    assert "pip install 'tierbench[cluster]'" in result.err
