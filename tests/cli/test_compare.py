"""`tierbench compare` as a user runs it: what is said to differ, what is stored, and which exit code says so."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.comparison.folder import read_comparison
from bench.errors import ResultError
from tests.cli.test_run import SIMPY, strict
from tests.tools.command import files_below, tierbench, unread
from tests.tools.two_queues import two_queues

SCENARIO = two_queues(4, rate_per_s=300.0, second='{ kind = "exponential", mean_s = 0.001 }')
SLOWER = SCENARIO.replace("mean_s = 0.001 }\n\n[systems.two]", "mean_s = 0.00102 }\n\n[systems.two]")
HOSTILE = "</script> [/bold] $x$ =cmd() ::error::x ##[error] \x1b[2J"


def scenario_file(folder: Path, name: str, text: str) -> Path:
    """A scenario file."""
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with scenarios and their runs."""
    folder = tmp_path_factory.mktemp("runs")
    texts = {
        "base": SCENARIO,
        "slower": SLOWER,
        "other": SCENARIO.replace("seed = 7", "seed = 8"),
        "fewer": SLOWER.replace("replications = 4", "replications = 3"),
        "single": SCENARIO.replace("replications = 4", "replications = 1"),
        "alien": SCENARIO.replace("systems.one", "systems.three").replace("systems.two", "systems.four"),
        "lone": SCENARIO.split("[systems.two]", maxsplit=1)[0],
        "renamed": SCENARIO.split("[systems.two]", maxsplit=1)[0].replace("systems.one", "systems.uno"),
    }
    for name, text in texts.items():
        path = scenario_file(folder, name, text)
        assert tierbench("run", path.name, *SIMPY, "--quiet", "--out", name, cwd=folder).code == 0
    return folder


def compared(runs: Path, out: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document of a comparison."""
    result = tierbench("compare", *arguments, "--json", "--quiet", "--out", out / "kept", cwd=runs)
    assert result.err == ""
    return result.code, strict(result.out)


def test_a_run_is_the_same_as_itself(runs: Path, tmp_path: Path) -> None:
    result = tierbench("compare", "base", "base", "--out", tmp_path / "kept", cwd=runs)

    assert result.code == 0
    assert "base against base" in result.out
    assert re.search(r"^same: of (\d+) figures \1 same$", result.out, re.MULTILINE)
    assert "settings and versions are the same, and so is every bit of the results" in " ".join(result.out.split())


def test_of_a_run_of_one_replication_the_same_bits_are_the_same(runs: Path, tmp_path: Path) -> None:
    """No interval is needed where the models produced the same; a system beside another needs one."""
    code, document = compared(runs, tmp_path, "single", "single")
    within, _ = compared(runs, tmp_path / "systems", "single", "--systems", "one", "two")

    assert (code, document["verdict"]) == (0, "same")
    assert within == 5


def test_two_percent_more_of_service_are_worse_and_said_with_what_was_set(runs: Path, tmp_path: Path) -> None:
    result = tierbench("compare", "base", "slower", "--out", tmp_path / "kept", cwd=runs)
    document = read_comparison(tmp_path / "kept")

    assert result.code == 1
    assert "systems.one.service.mean_s: 0.001 → 0.00102" in result.out
    assert "4, paired: the same requests on both sides" in result.out
    assert "also moved" in result.out
    assert "one.read.utilization" not in result.out
    assert "figures are the same within 1 %" in result.out
    (contender,) = document["contenders"]
    assert contender["differs"] == [{"path": "systems.one.service.mean_s", "baseline": 0.001, "contender": 0.00102}]
    worse = {(each["system"], each["figure"]) for each in contender["figures"] if each["verdict"] == "worse"}
    assert ("one", "ops.read.latency_ms.mean") in worse
    assert {system for system, _ in worse} == {"one"}
    mean = next(each for each in contender["figures"] if each["figure"] == "ops.read.latency_ms.mean")
    assert 1.01 < mean["ratio"] < 1.06
    low, high = mean["difference"]["ci95"]
    assert low <= mean["difference"]["mean"] <= high
    assert mean["difference"]["mean"] == pytest.approx(mean["contender"]["mean"] - mean["baseline"]["mean"])


def test_the_other_way_round_it_is_better(runs: Path, tmp_path: Path) -> None:
    _, document = compared(runs, tmp_path, "slower", "base")

    verdicts = {each["figure"]: each["verdict"] for each in document["contenders"][0]["figures"]}
    assert verdicts["ops.read.latency_ms.mean"] == "better" or document["contenders"][0]["counts"]["better"]
    assert document["contenders"][0]["counts"]["worse"] == 0


def test_the_margin_decides_what_matters(runs: Path, tmp_path: Path) -> None:
    """2 % are nothing within a margin of half, and something without any."""
    wide, _ = compared(runs, tmp_path / "wide", "base", "slower", "--margin", "0.5")
    none, document = compared(runs, tmp_path / "none", "base", "slower", "--margin", "0")

    assert wide == 0
    assert none == 1
    assert document["margin"] == 0.0


def test_other_seeds_are_not_paired(runs: Path, tmp_path: Path) -> None:
    result = tierbench("compare", "base", "other", "--out", tmp_path / "kept", cwd=runs)
    document = read_comparison(tmp_path / "kept")

    assert result.code == 5
    assert "7 → 8" in result.out
    assert "independent of each other, since the seeds differ" in result.out
    assert "by Welch" in result.out
    assert "next: tierbench compare base/scenario.toml other/scenario.toml --set replications=16" in result.out
    assert document["contenders"][0]["paired"] is False
    assert document["contenders"][0]["counts"]["worse"] == 0


def test_of_unequal_counts_the_common_replications_are_compared(runs: Path, tmp_path: Path) -> None:
    result = tierbench("compare", "base", "fewer", "--out", tmp_path / "kept", cwd=runs)

    assert "4 → 3, the first 3 of both, paired" in " ".join(result.out.split())
    (contender,) = read_comparison(tmp_path / "kept")["contenders"]
    mean = next(each for each in contender["figures"] if each["figure"] == "ops.read.latency_ms.mean")
    assert mean["difference"]["mean"] == pytest.approx(mean["contender"]["mean"] - mean["baseline"]["mean"])


def test_where_nothing_is_in_common_it_is_said_why(runs: Path, tmp_path: Path) -> None:
    result = tierbench("compare", "base", "alien", "--out", tmp_path / "kept", cwd=runs)

    assert result.code == 5
    why = (
        "nothing could be compared: they have no system in common: the baseline has one, two, the contender three, four"
    )
    assert why in " ".join(result.out.split())
    assert "not compared, one; two: only the baseline has this system" in result.out
    assert "not compared, three; four: only the contender has this system" in result.out
    assert files_below(tmp_path / "kept") == {
        "manifest.json",
        "comparison.json",
        "sides",
        "sides/0.json",
        "sides/1.json",
    }


def test_two_systems_with_other_names_are_compared_if_they_are_the_only_ones(runs: Path, tmp_path: Path) -> None:
    result = tierbench("compare", "lone", "renamed", "--out", tmp_path / "kept", cwd=runs)

    assert "one → uno" in result.out
    assert "systems.uno" not in result.out
    assert {each["contender_system"] for each in read_comparison(tmp_path / "kept")["contenders"][0]["figures"]} == {
        "uno"
    }


def test_a_system_that_one_side_lacks_is_listed(runs: Path, tmp_path: Path) -> None:
    _, document = compared(runs, tmp_path, "base", "lone")

    lacking = [each for each in document["contenders"][0]["not_compared"] if not each["figure"]]
    assert lacking == [{"system": "two", "cell": "", "figure": "", "reason": "only the baseline has this system"}]
    assert document["verdict"] == "same"


def test_percentiles_without_a_value_are_listed_as_not_compared(runs: Path, tmp_path: Path) -> None:
    result = tierbench("compare", "base", "slower", "--out", tmp_path / "kept", cwd=runs)

    text = " ".join(result.out.split())
    assert "not compared, one; two: no value in some replication of either side: read.latency_ms.p99" in text
    names = {each["figure"] for each in read_comparison(tmp_path / "kept")["contenders"][0]["not_compared"]}
    assert "ops.read.latency_ms.p999" in names


def test_systems_of_one_run_are_compared(runs: Path, tmp_path: Path) -> None:
    result = tierbench("compare", "base", "--systems", "one", "two", "--out", tmp_path / "kept", cwd=runs)
    (contender,) = read_comparison(tmp_path / "kept")["contenders"]

    assert result.out.startswith("two against one\n")
    assert "servers: 1 → 2" in result.out
    assert contender["paired"] is True
    assert {(each["system"], each["contender_system"]) for each in contender["figures"]} == {("one", "two")}
    assert contender["counts"]["better"] > 0
    assert (tmp_path / "kept" / "pictures" / "course.png").exists()


def test_scenario_files_are_run_and_compared_with_a_folder(runs: Path, tmp_path: Path) -> None:
    """The same scenario is the same bits, whether it was run before or for this."""
    plain = tierbench("compare", "base", "base.toml", *SIMPY, "--out", tmp_path / "plain", cwd=runs)
    setting = "systems.two.servers=3"
    wider = tierbench("compare", "base", "base.toml", *SIMPY, "--set", setting, "--out", tmp_path / "wider", cwd=runs)

    assert plain.code == 0
    assert "and so is every bit of the results" in " ".join(plain.out.split())
    assert "systems.two.servers: 2 → 3" in wider.out
    assert json.loads((tmp_path / "wider" / "manifest.json").read_text("utf-8"))["command"] == (
        "tierbench compare base base.toml --set systems.two.servers=3"
    )
    for name in ("percentiles", "course-one", "course-two", "differences"):
        assert (tmp_path / "plain" / "pictures" / f"{name}.csv").stat().st_size > 100


def test_several_contenders_are_as_bad_as_the_worst(runs: Path, tmp_path: Path) -> None:
    result = tierbench("compare", "base", "slower", "base", "--out", tmp_path / "kept", cwd=runs)
    document = read_comparison(tmp_path / "kept")

    assert result.code == 1
    assert result.out.startswith("2 contenders: worse (the worst of them)\n")
    assert [each["verdict"] for each in document["contenders"]] == ["worse", "same"]
    assert document["verdict"] == "worse"
    assert (tmp_path / "kept" / "pictures" / "differences-2.png").exists()


def test_everything_is_listed_on_demand(runs: Path, tmp_path: Path) -> None:
    short = tierbench("compare", "base", "slower", "--out", tmp_path / "kept", cwd=runs)
    full = tierbench("compare", "base", "slower", "--all", "--overwrite", "--out", tmp_path / "kept", cwd=runs)

    assert "read.unfinished" not in short.out.split("not compared")[0]
    assert "read.unfinished" in full.out.split("not compared")[0]
    assert "next: tierbench compare base slower --all" in short.out


def test_json_is_one_strict_document_and_what_is_stored(runs: Path, tmp_path: Path) -> None:
    _, document = compared(runs, tmp_path, "base", "slower")

    assert document == read_comparison(tmp_path / "kept")
    assert list(document) == ["schema", "margin", "verdict", "baseline", "contenders"]
    assert document["baseline"]["versions"]["models"]
    (contender,) = document["contenders"]
    assert sum(contender["counts"].values()) == sum(each["verdict"] is not None for each in contender["figures"])
    assert {each["verdict"] for each in contender["figures"] if not each["better"]} == {None}


def test_without_out_it_is_stored_below_results(runs: Path, tmp_path: Path) -> None:
    for name in ("base", "slower"):
        shutil.copytree(runs / name, tmp_path / "some" / name)

    result = tierbench("compare", "some/base", "some/slower", "--quiet", cwd=tmp_path)

    assert (result.code, result.out, result.err) == (1, "", "")
    assert [path.name for path in (tmp_path / "results" / "comparisons").iterdir()] == ["base-vs-slower"]


def test_a_comparison_is_no_run_and_is_not_replaced_unasked(runs: Path, tmp_path: Path) -> None:
    compared(runs, tmp_path, "base", "base")
    again = tierbench("compare", "base", "slower", "--out", tmp_path / "kept", cwd=runs)
    over_a_run = tierbench("compare", "base", "slower", "--overwrite", "--out", "base", cwd=runs)
    as_a_side = tierbench("compare", "base", tmp_path / "kept", cwd=runs)

    assert (again.code, over_a_run.code, as_a_side.code) == (2, 2, 4)
    assert "holds a comparison already" in again.err
    assert "holds something that is no comparison of tierbench" in over_a_run.err
    assert "it is no manifest of a run or sweep of tierbench" in as_a_side.err


@pytest.mark.parametrize("name", ["values.csv", "summary.json", "pictures/percentiles.csv"])
def test_a_folder_that_was_changed_is_not_compared(runs: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(runs / "base", tmp_path / "copy")
    content = bytearray((tmp_path / "copy" / name).read_bytes())
    content[-2] ^= 1
    (tmp_path / "copy" / name).write_bytes(bytes(content))

    result = tierbench("compare", tmp_path / "copy", "base", cwd=runs)

    assert (result.code, result.out) == (4, "")
    assert f"copy/{name}: cannot be used: it was changed after the run" in result.err


def test_a_stored_comparison_that_was_changed_is_not_read(runs: Path, tmp_path: Path) -> None:
    compared(runs, tmp_path, "base", "base")
    (tmp_path / "kept" / "comparison.json").write_text("{}", "utf-8")

    with pytest.raises(ResultError, match=r"comparison\.json"):
        read_comparison(tmp_path / "kept")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["compare"], 2, "Missing argument 'RESULT...'"),
        (["compare", "base"], 2, "one result has nothing to be compared with; give a second one"),
        (["compare", "base", "slower", "--systems", "one", "two"], 2, "give one folder or scenario"),
        (["compare", "base", "--systems", "one", "one"], 2, "is compared with itself"),
        (["compare", "base", "--systems", "one", "tow"], 2, "base has no system 'tow'; did you mean two?"),
        (["compare", "base", "slower", "--margin", "-1"], 2, "is not in the range"),
        (["compare", "base", "slower", "--margin", "nan"], 2, "--margin must be a number from 0 to 1"),
        (["compare", "base", "slower", "--seed", "1"], 2, "are for scenario files; folders hold finished runs"),
        (["compare", "base", "queue_mm"], 2, "queue_mm: no such file or scenario; did you mean queue_mmc?"),
        (["compare", "base", "gone.toml"], 3, "gone.toml: error: there is no such file"),
        (["compare", "base", "gone/run"], 4, "gone/run: is missing; give the folder of a finished run"),
        (["compare", "base", "."], 4, "manifest.json: is missing; give the folder of a finished run"),
        (["compare", "base", "base.toml", "--set", "workload.arrivals.rate_per_s=1e12"], 6, "would simulate"),
    ],
)
def test_wrong_usage_is_said_with_what_to_do(runs: Path, arguments: list[str], code: int, words: str) -> None:
    result = tierbench(*arguments, cwd=runs)

    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert not (runs / "results").exists()


def forged(folder: Path) -> None:
    """Give the run in a folder, and a setting of it, a name that no scenario may have."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    settings = (
        (folder / "scenario.toml").read_text("utf-8").replace('kind = "poisson"', f"kind = {json.dumps(HOSTILE)}")
    )
    files = {"summary.json": json.dumps({**summary, "scenario": HOSTILE}).encode(), "scenario.toml": settings.encode()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
        manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "scenario": HOSTILE}), "utf-8")


def test_hostile_names_are_text(runs: Path, tmp_path: Path) -> None:
    """In a terminal, a picture, a table and a log of a build server, a name is only a name."""
    name = "=cmd() ::error::x [bold] $x$ <script>"
    shutil.copytree(runs / "slower", tmp_path / name)
    shutil.copytree(runs / "base", tmp_path / "base")
    forged(tmp_path / name)

    result = tierbench("compare", "base", name, "--out", "kept", cwd=tmp_path)

    assert result.code == 1
    for out in (result.out, result.err):
        assert "::" not in out
        assert "##[" not in out
        assert "\x1b" not in out
    assert r"\x1b[2J" in result.out
    assert "[/bold]" in result.out
    pictures = tmp_path / "kept" / "pictures"
    for picture in pictures.glob("*.svg"):
        text = picture.read_text("utf-8")
        assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own picture
        assert "<script" not in text
    for table in pictures.glob("*.csv"):
        cells = [cell for row in csv.reader(io.StringIO(table.read_text("utf-8"))) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    assert read_comparison(tmp_path / "kept")["contenders"][0]["scenario"] == HOSTILE


def test_a_reader_who_has_enough_does_not_change_the_verdict(runs: Path, tmp_path: Path) -> None:
    arguments = ("compare", "base", "slower", "--out", str(tmp_path / "kept"))
    result = unread(*arguments, cwd=runs)

    assert result.code == 1
    assert "Traceback" not in result.err


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_no_line_is_wider_than_the_terminal(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    result = tierbench("compare", "base", "slower", "--all", "--out", tmp_path / "kept", cwd=runs)

    shown = [line for line in result.out.splitlines() if not line.startswith(("written: ", "next: "))]
    assert max(map(len, shown)) <= int(columns)
    assert all(line == line.rstrip() for line in shown)
    assert "worse" in result.out
