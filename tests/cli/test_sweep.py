"""`tierbench sweep` as a user runs it: what it prints and leaves, and that it goes on where it was ended."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.errors import ResultError
from bench.sweep.results import read_sweep
from tests.tools.command import Result, environment, files_below, process, tierbench
from tests.tools.two_queues import two_queues

SCENARIO = f"""question = "How long is the wait?"{two_queues()}
[sweep.grid]
"workload.arrivals.rate_per_s" = [100, 400, 700]
"systems.two.servers" = [2, 3]

[[expect]]
metric = "one.read.latency_ms.mean"
at_most = 2.0
"""
RATE, SERVERS = "workload.arrivals.rate_per_s", "systems.two.servers"
OPTIONS = ("--engine", "simpy", "--workers", "1")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a scenario in it."""
    (tmp_path / "half.toml").write_text(SCENARIO, "utf-8")
    return tmp_path


def sweep(place: Path, *arguments: str) -> Result:
    return tierbench("sweep", "half.toml", *OPTIONS, *arguments, cwd=place)


def without_cost(document: dict[str, Any]) -> dict[str, Any]:
    """What must be the same however often and wherever it is simulated."""
    for cell in document["cells"]:
        for system in cell["run"]["systems"].values():
            for name in ("wall_s", "requests_per_wall_s", "peak_memory_mb"):
                del system["cost"][name]
    return document


def test_a_sweep_prints_its_product_and_stores_its_result(place: Path) -> None:
    result = sweep(place, "--out", "kept")

    assert result.code == 1, result.err
    lines = result.out.splitlines()
    assert lines[0] == "How long is the wait?"
    assert lines[1] == "half-load: fail (6 cells; of 6 expectations: 2 fail, 4 pass)"
    failed = "fail in 2 of 6 cells: one.read mean latency ≤ 2 ms: rate_per_s 700, servers 2; rate_per_s 700, servers 3"
    assert failed in " ".join(result.out.split())
    assert "written: kept/sweep.json" in result.out
    assert "6 cells of 3 replications, 1 worker" in result.err
    files = {name for name in files_below(place / "kept") if "." in name}
    assert files == {
        "manifest.json", "sweep.json", "scenario.toml", "cells.csv", "values.csv", "explanation.json",
        *(f"pictures/{name}.{kind}" for name in ("load", "axis", "heat") for kind in ("svg", "png", "csv", "json")),
    }  # fmt: skip


def test_json_gives_each_cell_with_its_parameters_and_the_document_of_its_run(place: Path) -> None:
    document = json.loads(sweep(place, "--json", "--quiet", "--out", "kept").out)

    assert document == json.loads((place / "kept" / "sweep.json").read_text("utf-8"))
    assert document["axes"] == [{"path": RATE, "values": [100, 400, 700]}, {"path": SERVERS, "values": [2, 3]}]
    assert [cell["parameters"] for cell in document["cells"]] == [
        {RATE: rate, SERVERS: servers} for rate in (100, 400, 700) for servers in (2, 3)
    ]
    for cell in document["cells"][::5]:
        settings = [word for path, value in cell["parameters"].items() for word in ("--set", f"{path}={value}")]
        run = json.loads(tierbench("run", "half.toml", "--engine", "simpy", *settings, "--json", cwd=place).out)
        assert run["fingerprint"] == cell["run"]["fingerprint"]
        assert run["systems"]["one"]["ops"] == cell["run"]["systems"]["one"]["ops"]
    assert document["cells"][0]["closed_form_ms"]["one"]["read"] == pytest.approx(1e3 / 900.0)


def test_cells_see_the_same_requests(place: Path) -> None:
    """System one is the same in both columns, so its figures are, too."""
    cells = json.loads(sweep(place, "--json", "--quiet").out)["cells"]

    ops = [cell["run"]["systems"]["one"]["ops"] for cell in cells]
    assert ops[0] == ops[1]
    assert ops[2] == ops[3]


def test_a_second_sweep_simulates_only_what_is_new(place: Path) -> None:
    sweep(place, "--quiet")
    cells = {path: path.stat().st_mtime_ns for path in (place / "results" / "cells").iterdir()}

    sweep(place, "--quiet", "--sweep", f"{RATE}=100,400,700,800", "--sweep", f"{SERVERS}=2")

    after = {path: path.stat().st_mtime_ns for path in (place / "results" / "cells").iterdir()}
    assert len(after) == len(cells) + 1
    assert {path: after[path] for path in cells} == cells


def test_how_many_work_changes_nothing(place: Path) -> None:
    alone = json.loads(sweep(place, "--json", "--quiet", "--out", "alone").out)
    together = json.loads(
        process("sweep", "half.toml", "--engine", "simpy", "--workers", "3", "--fresh", "--json", "--quiet",
                "--out", "together", cwd=place).out
    )  # fmt: skip

    assert without_cost(alone) == without_cost(together)
    for name in ("cells.csv", "values.csv", "scenario.toml", "pictures/load.svg", "pictures/axis.svg"):
        assert (place / "alone" / name).read_bytes() == (place / "together" / name).read_bytes()


def test_further_cells_are_added_around_the_knee(place: Path) -> None:
    axes = ("--sweep", f"{RATE}=100,300,500,700,900", "--refine", "4")
    document = json.loads(sweep(place, *axes, "--json", "--quiet").out)

    added = [cell["parameters"][RATE] for cell in document["cells"][5:]]
    assert len(added) == 4
    assert all(250 <= rate <= 850 for rate in added)
    assert document["knees"]["axis"] == RATE


def test_the_table_of_cells_has_a_row_for_each_operation_of_each_system(place: Path) -> None:
    sweep(place, "--quiet", "--out", "kept")

    rows = list(csv.DictReader((place / "kept" / "cells.csv").read_text("utf-8").splitlines()))
    assert len(rows) == 12
    assert (rows[0][RATE], rows[0][SERVERS], rows[0]["system"], rows[0]["operation"]) == ("100", "2", "one", "read")
    assert float(rows[0]["latency_ms.mean.low"]) < float(rows[0]["latency_ms.mean"])


def test_any_changed_file_of_a_sweep_is_named(place: Path) -> None:
    sweep(place, "--quiet", "--out", "kept")

    for name in ("sweep.json", "values.csv", "cells.csv", "pictures/load.svg"):
        path = place / "kept" / name
        whole = path.read_bytes()
        path.write_bytes(whole[:99] + bytes([whole[99] ^ 1]) + whole[100:])
        with pytest.raises(ResultError, match=name):
            read_sweep(place / "kept")
        path.write_bytes(whole)
    assert len(read_sweep(place / "kept").figures()) == 6


def test_a_kept_cell_that_was_changed_ends_the_sweep(place: Path) -> None:
    sweep(place, "--quiet")
    path = next((place / "results" / "cells").iterdir())
    path.write_bytes(path.read_bytes().replace(b"latency", b"Latency", 1))

    result = sweep(place, "--quiet")

    assert result.code == 4
    assert path.name in result.err
    assert "remove it" in result.err


def test_a_scenario_without_cells_says_what_to_do(place: Path) -> None:
    (place / "half.toml").write_text(SCENARIO.split("[sweep", 1)[0], "utf-8")

    result = sweep(place)

    assert result.code == 3
    assert "add [sweep], or give --sweep path=v1,v2,…" in result.err


def test_every_cell_is_checked_before_any_runs(place: Path) -> None:
    result = sweep(place, "--sweep", f"{SERVERS}=2,0,-1")

    assert result.code == 3
    assert "must be at least 1, got 0" in result.err
    assert "must be at least 1, got -1" in result.err
    assert result.err.count(f"--sweep {SERVERS}=2,0,-1: error: {SERVERS}") == 2
    assert not (place / "results").exists()


def test_hostile_values_pass_harmlessly(place: Path) -> None:
    """Through the terminal, the pictures, the tables and the document."""
    names = ["</script>", "[/bold]", "$x$", "=cmd()", "::error::", "\x1b[31m"]
    axis = "question=" + ",".join(json.dumps(name) for name in names)
    result = sweep(place, "--sweep", axis, "--out", "kept")

    assert "\x1b" not in result.out
    assert not [line for line in result.out.splitlines() if line.lstrip().startswith("::")]
    table = (place / "kept" / "cells.csv").read_text("utf-8")
    assert not [cell for row in csv.reader(table.splitlines()) for cell in row if cell.startswith("=")]
    assert "</script>" not in (place / "kept" / "pictures" / "axis.svg").read_text("utf-8")
    assert [cell["parameters"]["question"] for cell in read_sweep(place / "kept").document["cells"]] == names


def test_a_sweep_that_is_ended_goes_on_where_it_stopped(place: Path) -> None:
    """Killed again and again, then let run through: the same bits as a sweep that was never disturbed."""
    whole = json.loads(sweep(place, "--json", "--quiet", "--fresh", "--cells", "others", "--out", "whole").out)
    command = [sys.executable, "-m", "bench", "sweep", "half.toml", "--engine", "simpy", "--workers", "2", "--quiet",
               "--out", "pieces"]  # fmt: skip

    for moment_s in (1.1, 2.7, 1.9):
        running = subprocess.Popen(command, cwd=place, env=environment(), start_new_session=True)
        time.sleep(moment_s)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert not (place / "pieces").exists() or read_sweep(place / "pieces")
    pieces = json.loads(sweep(place, "--json", "--quiet", "--out", "pieces", "--overwrite").out)

    assert without_cost(pieces) == without_cost(whole)
    left = files_below(place / "results" / "cells")
    assert {name for name in left if "partial" not in name} == {f"{cell['key']}.json" for cell in whole["cells"]}


def test_ctrl_c_says_how_to_go_on(place: Path) -> None:
    """A shell starts what runs in the background deaf to Ctrl-C, and so these tests, perhaps; the command listens."""
    (place / "half.toml").write_text(SCENARIO.replace("duration_s = 2.0", "duration_s = 2000.0"), "utf-8")
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{listen}; from bench.cli import main; main()", "sweep", "half.toml",
               "--engine", "simpy", "--workers", "2"]  # fmt: skip
    with subprocess.Popen(command, cwd=place, env=environment(), stderr=subprocess.PIPE, encoding="utf-8") as running:
        assert running.stderr is not None
        assert "6 cells" in running.stderr.readline()
        time.sleep(1.0)
        running.send_signal(signal.SIGINT)
        _, says = running.communicate(timeout=30)

    assert running.returncode == 130
    assert "the same command goes on from there" in says


def test_two_sweeps_are_compared_cell_by_cell(place: Path) -> None:
    """One system became slower: it is worse in each cell, and the other one is the same."""
    sweep(place, "--quiet", "--out", "before", "--set", "replications=8")
    sweep(place, "--quiet", "--out", "after", "--set", "replications=8", "--set", "systems.one.service.mean_s=0.00105")

    same = tierbench("compare", "before", "before", "--json", "--quiet", cwd=place)
    slower = tierbench("compare", "before", "after", "--json", "--quiet", "--out", "compared", cwd=place)

    assert (same.code, json.loads(same.out)["verdict"]) == (0, "same")
    assert slower.code == 1
    (contender,) = json.loads(slower.out)["contenders"]
    means = [each for each in contender["figures"] if each["figure"] == "ops.read.latency_ms.mean"]
    verdicts = {(each["cell"], each["system"]): each["verdict"] for each in means}
    assert len(verdicts) == 12
    assert {verdict for (_, system), verdict in verdicts.items() if system == "one"} == {"worse"}
    assert {verdict for (_, system), verdict in verdicts.items() if system == "two"} == {"same"}
    assert f"{RATE}=100, {SERVERS}=2" in {cell for cell, _ in verdicts}
    assert {"load.svg", "differences.svg"} <= {path.name for path in (place / "compared" / "pictures").iterdir()}


def test_a_sweep_and_a_run_have_no_cell_in_common(place: Path) -> None:
    sweep(place, "--quiet", "--out", "swept")
    tierbench("run", "half.toml", "--engine", "simpy", "--quiet", "--out", "ran", cwd=place)

    result = tierbench("compare", "swept", "ran", cwd=place)

    assert result.code == 5
    assert "nothing could be compared" in result.out
