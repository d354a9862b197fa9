"""`tierbench run` as a user runs it: what goes where, what is stored, and which exit code says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bench import store
from tests.tools.command import environment, files_below, process, tierbench, unread

QUESTION = "How long is the wait at half load?"
SCENARIO = f"""
schema = 1
name = "half-load"
question = "{QUESTION}"
seed = 7
replications = 3
duration_s = 2.0

[workload]
arrivals = {{ kind = "poisson", rate_per_s = 500.0 }}

[systems.one]
model = "queue"
service = {{ kind = "exponential", mean_s = 0.001 }}

[[expect]]
metric = "one.read.latency_ms.mean"
at_most = 100.0
"""
SIMPY = ("--engine", "simpy")
FILES = {
    "manifest.json", "summary.json", "scenario.toml", "values.csv", "distributions.csv", "series.csv", "notes.csv",
    "explanation.json",
    *(f"pictures/{name}.{end}" for name in ("percentiles", "timeline", "bars")
      for end in ("svg", "png", "csv", "json")),
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a scenario in it."""
    (tmp_path / "half.toml").write_text(SCENARIO, "utf-8")
    return tmp_path


def strict(text: str) -> Any:
    """One JSON document, without the constants that JSON lacks."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


def test_a_run_prints_its_product_and_stores_its_result(place: Path) -> None:
    result = tierbench("run", "half.toml", *SIMPY, "--out", "kept", cwd=place)

    assert result.code == 0
    assert result.out.startswith(QUESTION)
    assert "half-load: pass (of 1 expectation: 1 pass)" in result.out
    assert "written: kept/summary.json" in result.out
    assert "next: tierbench explain half.toml" in result.out
    assert "simulated in" in result.err
    assert "simulated in" not in result.out
    assert {name for name in files_below(place / "kept") if "." in name} == FILES
    stored = store.read_run(place / "kept")
    assert stored.summary["verdict"] == "pass"
    assert stored.manifest["command"] == "tierbench run half.toml"
    assert (stored.manifest["seed"], stored.manifest["replications"]) == (7, 3)


def test_without_out_a_run_is_stored_below_results(place: Path) -> None:
    result = tierbench("run", "half.toml", *SIMPY, "--quiet", cwd=place)

    assert (result.code, result.out, result.err) == (0, "", "")
    (folder,) = (place / "results" / "runs").iterdir()
    summary = store.read_run(folder).summary
    assert folder.name == f"half-load-{summary['fingerprint'][:12]}"


def test_json_is_one_strict_document_and_nothing_else(place: Path) -> None:
    """As a process, so that nothing can slip past what the test has put in place of stdout."""
    result = process("run", "half.toml", *SIMPY, "--out", "kept", "--json", cwd=place)

    assert result.code == 0
    document = strict(result.out)
    assert document == strict((place / "kept" / "summary.json").read_text("utf-8"))
    assert list(document) == ["schema", "scenario", "fingerprint", "verdict", "systems", "expectations"]
    read = document["systems"]["one"]["ops"]["read"]
    assert read["requests"] == read["ok"] + sum(read["errors"].values()) + read["unfinished"]
    assert "Traceback" not in result.err


def test_json_and_quiet_leave_stderr_empty(place: Path) -> None:
    result = tierbench("run", "half.toml", *SIMPY, "--json", "--quiet", cwd=place)

    assert strict(result.out)["verdict"] == "pass"
    assert result.err == ""


def test_an_error_with_json_leaves_stdout_empty(place: Path) -> None:
    result = tierbench("run", "half.toml", "--json", "--set", "replications=0", cwd=place)

    assert (result.code, result.out) == (3, "")


def test_a_folder_that_holds_a_run_is_kept_unless_it_may_be_overwritten(place: Path) -> None:
    first = tierbench("run", "half.toml", *SIMPY, "--out", "kept", cwd=place)
    before = (place / "kept" / "manifest.json").read_bytes()
    again = tierbench("run", "half.toml", *SIMPY, "--out", "kept", "--seed", "8", cwd=place)
    unchanged = (place / "kept" / "manifest.json").read_bytes()
    replaced = tierbench("run", "half.toml", *SIMPY, "--out", "kept", "--seed", "8", "--overwrite", cwd=place)

    assert (first.code, again.code, replaced.code) == (0, 2, 0)
    assert "holds a run already" in again.err
    assert unchanged == before
    assert store.read_run(place / "kept").manifest["seed"] == 8


def test_a_folder_of_somebody_else_is_never_replaced(place: Path) -> None:
    (place / "thesis").mkdir()
    (place / "thesis" / "chapter.txt").write_text("words", "utf-8")

    result = tierbench("run", "half.toml", *SIMPY, "--out", "thesis", "--overwrite", cwd=place)

    assert result.code == 2
    assert "holds something that is no run of tierbench" in result.err
    assert files_below(place / "thesis") == {"chapter.txt"}


def test_a_place_that_cannot_be_written_is_found_before_the_work(place: Path) -> None:
    result = tierbench("run", "half.toml", "--out", "half.toml/below", cwd=place)

    assert result.code == 2
    assert "cannot be written" in result.err
    assert "simulated" not in result.err


def test_seed_replications_and_set_change_what_is_run(place: Path) -> None:
    plain = strict(tierbench("run", "half.toml", *SIMPY, "--json", "--out", "a", cwd=place).out)
    same = strict(tierbench("run", "half.toml", *SIMPY, "--json", "--out", "b", cwd=place).out)
    other = strict(tierbench("run", "half.toml", *SIMPY, "--json", "--seed", "8", "--out", "c", cwd=place).out)
    fewer = tierbench("run", "half.toml", *SIMPY, "--json", "--replications", "2", "--out", "d", cwd=place)
    setting = "systems.one.servers=2"
    wider = strict(tierbench("run", "half.toml", *SIMPY, "--json", "--set", setting, "--out", "e", cwd=place).out)

    assert same["fingerprint"] == plain["fingerprint"]
    assert len({plain["fingerprint"], other["fingerprint"], wider["fingerprint"]}) == 3
    assert store.read_run(place / "d").manifest["replications"] == 2
    assert (
        strict(fewer.out)["systems"]["one"]["ops"]["read"]["requests"]
        < plain["systems"]["one"]["ops"]["read"]["requests"]
    )
    assert wider["systems"]["one"]["ops"]["read"]["latency_ms"]["p90"]["mean"] < (
        plain["systems"]["one"]["ops"]["read"]["latency_ms"]["p90"]["mean"]
    )  # fmt: skip
    settings = tomllib.loads((place / "e" / "scenario.toml").read_text("utf-8"))
    assert settings["systems"]["one"]["servers"] == 2


def test_the_stored_scenario_gives_the_same_result_again(place: Path) -> None:
    """Every default is filled in, so the stored file says all that the run depended on."""
    first = strict(tierbench("run", "half.toml", *SIMPY, "--json", "--seed", "9", "--out", "a", cwd=place).out)
    again = strict(tierbench("run", "a/scenario.toml", *SIMPY, "--json", "--out", "b", cwd=place).out)

    assert again["fingerprint"] == first["fingerprint"]


@pytest.mark.parametrize(
    ("bound", "code", "verdict"),
    [("at_most = 100.0", 0, "pass"), ("at_most = 0.001", 1, "fail"), ("at_most = BETWEEN", 5, "unknown")],
)
def test_the_exit_code_is_the_verdict(place: Path, bound: str, code: int, verdict: str) -> None:
    """A bound in the middle of the interval leaves the verdict open."""
    measured = strict(tierbench("run", "half.toml", *SIMPY, "--json", "--out", "first", cwd=place).out)
    value = measured["expectations"][0]["value"]
    text = SCENARIO.replace("at_most = 100.0", bound.replace("BETWEEN", repr(value)))
    (place / "half.toml").write_text(text, "utf-8")

    result = tierbench("run", "half.toml", *SIMPY, "--out", "second", cwd=place)

    assert result.code == code
    assert f"half-load: {verdict}" in result.out


def test_one_replication_of_something_random_is_unknown(place: Path) -> None:
    result = tierbench("run", "half.toml", *SIMPY, "--replications", "1", cwd=place)

    assert result.code == 5
    assert "one replication has no interval; run two or more" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["rnu", "half.toml"],
            "there is no verb 'rnu'; did you mean run? verbs: list, new, check, explain, run, sweep, compare, verify,",
        ),
        (["run"], "Missing argument 'FILE'"),
        (["run", "half.toml", "--sed", "1"], "No such option"),
        (["run", "half.toml", "--engine", "fast"], "is not one of"),
        (["run", "half.toml", "--seed", "-1"], "is not in the range"),
        (["run", "half.toml", "--replications", "0"], "is not in the range"),
        (["run", "queue_mm"], "queue_mm: no such file or scenario; did you mean queue_mmc? scenarios that ship: "),
        (["run", "\x1b[2J"], r"\x1b[2J: no such file or scenario"),
        (["\x1b[2J"], r"there is no verb '\x1b[2J'"),
    ],
)
def test_wrong_usage_is_said_with_what_to_do(place: Path, arguments: list[str], words: str) -> None:
    result = tierbench(*arguments, cwd=place)

    assert (result.code, result.out) == (2, "")
    assert words in result.err.replace(r"\\", "\\")
    assert "\x1b" not in result.err


def test_a_file_that_is_not_there_is_an_invalid_scenario(place: Path) -> None:
    result = tierbench("run", "gone.toml", cwd=place)

    assert (result.code, result.out) == (3, "")
    assert result.err == "gone.toml: error: there is no such file; check the name\n"


def test_a_run_beyond_a_limit_is_refused(place: Path) -> None:
    result = tierbench("run", "half.toml", "--set", "workload.arrivals.rate_per_s=1e12", cwd=place)

    assert (result.code, result.out) == (6, "")
    assert "the run would simulate 6e+12 requests" in result.err
    assert files_below(place) == {"half.toml"}


def test_a_defect_of_ours_is_said_in_two_lines(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh\x1b[2J")

    monkeypatch.setattr("bench.runs.summarise", broken)

    result = tierbench("run", "half.toml", *SIMPY, "--set", "question='a b'", cwd=place)

    assert (result.code, result.out) == (70, "")
    assert r"internal error: ZeroDivisionError: oh\x1b[2J" in result.err
    assert "tierbench --debug run half.toml --engine simpy --set" in result.err
    assert "Traceback" not in result.err
    assert files_below(place) == {"half.toml"}


# llvmlite ------------------------------------------------------------------------------------------------------------

WITHOUT_LLVMLITE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("llvmlite",):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name.split(".")[0] == "llvmlite" else found(name, package)
from bench.cli import main
main()
"""


def without_llvmlite(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command where llvmlite is not installed."""
    command = [sys.executable, "-c", WITHOUT_LLVMLITE, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, encoding="utf-8", timeout=120)


def test_without_llvmlite_the_compiled_engine_is_refused_with_how_to_get_it(place: Path) -> None:
    result = without_llvmlite("run", "half.toml", "--engine", "compiled", cwd=place)

    assert (result.returncode, result.stdout) == (2, "")
    assert "--engine compiled needs llvmlite, which is not installed" in result.stderr
    assert "pip install 'tierbench[fast]'" in result.stderr
    assert files_below(place) == {"half.toml"}


def test_without_llvmlite_auto_falls_back_and_says_so(place: Path) -> None:
    # One replication runs within the process itself, in which llvmlite is hidden.
    result = without_llvmlite("run", "half.toml", "--json", "--replications", "1", cwd=place)

    assert result.returncode == 5
    assert strict(result.stdout)["systems"]["one"]["engine"] == "simpy"
    assert "llvmlite is not installed: running on the SimPy engine; install the fast engine with" in result.stderr


@pytest.mark.slow
def test_both_engines_give_the_same_document(place: Path) -> None:
    """The same bits: fingerprints and every figure, but for what the machine took."""
    documents = []
    for engine in ("simpy", "compiled"):
        result = process("run", "half.toml", "--engine", engine, "--json", "--out", engine, cwd=place, timeout_s=280)
        document = strict(result.out)
        for system in document["systems"].values():
            assert system.pop("engine") == engine
            del system["cost"]
        documents.append(document)

    assert documents[0] == documents[1]


# Ended from outside --------------------------------------------------------------------------------------------------

LONG = ("run", "half.toml", "--engine", "simpy", "--set", "duration_s=4000.0", "--out", "kept")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_leaves_nothing(place: Path, number: signal.Signals) -> None:
    """Ctrl-C goes to all processes of a terminal, SIGTERM to one; neither leaves a file or a worker behind.

    A shell starts what runs in the background deaf to Ctrl-C, and so these tests, perhaps: the command is made to
    listen.
    """
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listen}; from bench.cli import main; print('up', flush=True); main()"
    command = [sys.executable, "-c", code, *LONG]
    with subprocess.Popen(
        command, cwd=place, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(6.0)
        if number == signal.SIGINT:
            os.killpg(running.pid, number)
        else:
            running.send_signal(number)
        out, err = running.communicate(timeout=30)

    assert running.returncode == 130
    assert out == b""
    assert err.decode().strip() == "tierbench: interrupted; nothing was written"
    assert files_below(place) == {"half.toml"}
    assert_nobody_is_left(running.pid)


def test_workers_end_with_a_command_that_is_killed(place: Path) -> None:
    """Nothing can be done on SIGKILL; its workers notice that they are alone."""
    running = subprocess.Popen(
        [sys.executable, "-m", "bench", *LONG], cwd=place, env=environment(), stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(6.0)

    running.kill()
    running.wait(30)

    assert_nobody_is_left(running.pid)
    assert files_below(place) == {"half.toml"}


def assert_nobody_is_left(session: int) -> None:
    """Of the processes that a command began; the system needs a moment to clear them away."""
    patience_until_s = time.monotonic() + 20.0
    while time.monotonic() < patience_until_s:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("processes are left")


def test_a_reader_who_has_enough_does_not_change_the_verdict(place: Path) -> None:
    """As with `tierbench run ... | head -1`: no complaint, and the exit code is still that of the verdict."""
    arguments = ("run", "half.toml", *SIMPY, "--set", "expect[0].at_most=0.001")
    result = unread(*arguments, cwd=place)

    assert result.code == 1
    assert "Traceback" not in result.err
    assert "BrokenPipe" not in result.err
