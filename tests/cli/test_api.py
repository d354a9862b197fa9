"""`import bench`: the same results as the command gives, as arrays and data frames, and the same files."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import bench
from bench.errors import ResultError, ScenarioError, UsageError
from bench.store import read_run
from tests.tools.command import environment, tierbench
from tests.tools.two_queues import two_queues

SCENARIO = f"""{two_queues()}
[[expect]]
metric = "one.read.latency_ms.mean"
at_most = 100.0
"""
NASTY = ["=1+1", "</script>, \n", 'a "quoted" one', "\u202egnitirw\u202c", "\U0001f600", "'", "", "-5"]
"""What a text may hold; names of systems and operations are letters and digits."""


pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a scenario in it."""
    (tmp_path / "half.toml").write_text(SCENARIO, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_importing_it_imports_nothing_else() -> None:
    code = (
        "import sys, bench; dir(bench); print(sorted(m for m in sys.modules if m.split('.')[0] in ('bench', 'numpy')))"
    )

    shown = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, encoding="utf-8")

    assert shown.stdout == "['bench']\n"
    assert set(bench.__all__) <= set(dir(bench))
    with pytest.raises(AttributeError, match="no attribute 'sweeps'"):
        bench.sweeps  # noqa: B018 - that is what is tested


def test_a_run_is_that_of_the_command(place: Path) -> None:
    result = bench.run("half.toml", {"replications": 4}, engine="simpy")
    document = json.loads(tierbench("run", "half.toml", "--replications", "4", "--json", "--quiet", cwd=place).out)

    assert (result.verdict, result.fingerprint) == (document["verdict"], document["fingerprint"])
    means = result.values("one.read.latency_ms.mean")
    assert means.shape == (4,)
    assert means.mean() == pytest.approx(document["systems"]["one"]["ops"]["read"]["latency_ms"]["mean"]["mean"])
    assert np.array_equal(means, result.values("one.ops.read.latency_ms.mean"))
    assert "two.read.latency_ms.p99" in result.figures
    assert not (place / "results" / "cells").exists()


def test_settings_are_values_of_python() -> None:
    """Numbers, texts, truth values, lists, tables and numbers of NumPy, as `--set` would have them."""
    scenario = bench.load("half.toml", {
        "question": 'is it "so"?\n', "duration_s": np.float64(1.5), "replications": np.int64(2),
        "workload.mix": {"read": 0.75, "write": 0.25},
        "workload.arrivals": {"kind": "schedule", "points": [[0.0, 10.0], [1.0, 20.0]]},
    })  # fmt: skip

    assert scenario.spec.question == 'is it "so"?\n'
    assert (scenario.spec.duration_s, scenario.spec.replications) == (1.5, 2)
    assert scenario.workload.operation_names == ("read", "write")
    assert [list(point) for point in scenario.spec.workload.arrivals.points] == [[0.0, 10.0], [1.0, 20.0]]
    again = bench.run(scenario, {"seed": 8})
    assert again.side.settings["seed"] == 8
    assert again.side.settings["duration_s"] == 1.5
    with pytest.raises(UsageError, match="is no value of a setting"):
        bench.load("half.toml", {"seed": {1, 2}})
    with pytest.raises(ScenarioError, match="did you mean seed"):
        bench.load("half.toml", {"sead": 1})


@pytest.mark.parametrize("name", ["values", "distributions", "series", "notes"])
def test_a_folder_gives_the_tables_of_its_run(name: str) -> None:
    """And what is saved is a run folder, with what was asked for in it."""
    result = bench.run("half.toml", {"replications": 2})
    folder = result.save("kept", export="hgrm,hlog,parquet")
    stored = bench.read(folder)

    ours, theirs = result.table(name), stored.table(name)
    assert list(ours) == list(theirs)
    for column, array in ours.items():
        assert array.dtype == theirs[column].dtype
        assert np.array_equal(array, theirs[column], equal_nan=array.dtype.kind == "f")
    assert stored.fingerprint == result.fingerprint
    assert {f"exports/{table}.parquet" for table in result.tables} <= set(read_run(folder).manifest["files"])
    assert set(result.table("values")["system"]) == {"one", "two"}
    with pytest.raises(UsageError, match="holds a run already"):
        result.save("kept")
    with pytest.raises(UsageError, match="read from a folder"):
        stored.save("elsewhere")


def test_frames_hold_columns_with_types() -> None:
    frame = bench.run("half.toml").to_frame()

    assert list(frame.columns) == ["system", "figure", "unit", "better", "replication", "value"]
    assert (frame["replication"].dtype, frame["value"].dtype) == (np.int64, np.float64)
    assert sorted(set(frame["system"])) == sorted(["one", "two"])
    assert frame.groupby("system")["replication"].max().tolist() == [2, 2]


def test_a_sweep_is_read_with_its_parameters(place: Path) -> None:
    axes = ("--sweep", "workload.arrivals.rate_per_s=100,300", "--sweep", "systems.one.servers=1,2")
    done = tierbench("sweep", "half.toml", *axes, "--quiet", "--export", "parquet", "--out", "swept", cwd=place)
    assert done.code == 0, done.err
    swept = bench.read("swept")

    frame = swept.to_frame()
    means = frame[(frame["figure"] == "ops.read.throughput_per_s") & (frame["system"] == "one")]
    pivot = means.pivot_table("value", "workload.arrivals.rate_per_s", "systems.one.servers")
    assert pivot.shape == (2, 2)
    assert pivot.to_numpy()[:, 0] == pytest.approx([100.0, 300.0], rel=0.15)
    assert (place / "swept" / "exports" / "cells.parquet").exists()
    with pytest.raises(UsageError, match="each cell of a sweep has one"):
        swept.values("one.read.latency_ms.mean")


def test_nasty_texts_pass_harmlessly_through_a_sweep(place: Path) -> None:
    """Into Parquet, the folder and a frame, each as it is; in comma-separated values none is a formula."""
    axis = "question=" + ",".join(json.dumps(text, ensure_ascii=False) for text in NASTY)
    done = tierbench("sweep", "half.toml", "--sweep", axis, "--export", "parquet", "--out", "swept", "--quiet",
                     "--set", "duration_s=0.5", cwd=place)  # fmt: skip

    assert done.code == 0, done.err
    cells = pq.read_table(place / "swept" / "exports" / "cells.parquet").to_pydict()
    assert list(dict.fromkeys(cells["question"])) == NASTY
    assert list(dict.fromkeys(bench.read("swept").to_frame()["question"])) == NASTY
    table = (place / "swept" / "cells.csv").read_text("utf-8")
    rows = list(csv.reader(io.StringIO(table)))
    assert not [cell for row in rows for cell in row if cell.startswith("=")]


def test_comparing_is_that_of_the_command() -> None:
    """A result, a folder and a scenario are the same thing."""
    slower = bench.run("half.toml", {"systems.one.service.mean_s": 0.0012, "replications": 6})
    before = bench.run("half.toml", {"replications": 6})
    before.save("before")

    compared = bench.compare(before, slower, "before", margin=0.02)
    frame = compared.to_frame()
    means = frame[frame["figure"] == "ops.read.latency_ms.mean"].set_index(["contender", "system"])["verdict"]
    assert compared.verdict == "worse"
    assert [each["verdict"] for each in compared.document["contenders"]] == ["worse", "same"]
    assert means["half-load", "one"] == "worse"
    assert set(frame[frame["contender"] == "before"]["verdict"]) <= {"same", ""}
    two = bench.compare("before", systems=("one", "two"))
    assert set(two.table()["contender_system"]) == {"two"}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: bench.run("half.tml"), "half.tml"),
        (lambda: bench.run("no_such"), "no such file or scenario"),
        (lambda: bench.run("half.toml").values("one.read.latency_ms.p98"), "no such figure; did you mean"),
        (lambda: bench.run("half.toml").table("value"), "no such table; did you mean values"),
        (lambda: bench.compare("half.toml"), "two results or more"),
        (lambda: bench.compare("half.toml", "half.toml", margin=float("nan")), "margin must be"),
    ],
)
def test_what_is_wrong_is_said(call: object, says: str) -> None:
    assert callable(call)
    with pytest.raises(bench.TierbenchError, match=says):
        call()


def test_a_folder_that_was_changed_is_refused(place: Path) -> None:
    bench.run("half.toml").save("kept")
    path = place / "kept" / "values.csv"
    path.write_bytes(path.read_bytes().replace(b"one", b"two", 1))

    with pytest.raises(ResultError, match=r"values\.csv"):
        bench.read("kept")


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    result = bench.run("half.toml")
    monkeypatch.setattr("bench.extras.find_spec", lambda _: None)

    with pytest.raises(UsageError, match=r"pip install 'tierbench\[frames\]'"):
        result.to_frame()
    assert len(result.table()["value"])


def test_the_command_exports(place: Path) -> None:
    """What is exported is under the manifest; a kind that there is not is refused before anything runs."""
    done = tierbench("run", "half.toml", "--export", "hgrm,parquet", "--out", "kept", cwd=place)
    refused = tierbench("run", "half.toml", "--export", "hgrn", "--out", "other", cwd=place)

    assert done.code == 0, done.err
    assert "written: kept/exports" in done.out
    names = {name for name in read_run(place / "kept").manifest["files"] if name.startswith("exports/")}
    tables = {f"exports/{name}.parquet" for name in ("values", "distributions", "series", "notes")}
    assert str(read_run(place / "kept").manifest["command"]).endswith("--export hgrm,parquet")
    assert names == tables | {"exports/one-read.hgrm", "exports/two-read.hgrm"}
    assert (refused.code, (place / "other").exists()) == (2, False)
    assert "did you mean hgrm" in refused.err
