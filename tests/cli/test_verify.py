"""`tierbench verify` as a user runs it: what moved is found at the right gate, with its size, and nothing else is.

A scenario is run, kept, changed and run again. What is changed stands in the code (a constant, a figure's reading) or
in the scenario's file, so each test knows what must have moved.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench import library
from bench.errors import ResultError
from bench.regression.baseline import read_baseline
from bench.terminal import safe_text
from models.kernel.laws import Exponential
from models.kernel.simpy_engine import SimpyPlane
from tests.tools.command import Result, files_below, process, tierbench, unread
from tests.tools.two_queues import two_queues

SCENARIO = two_queues(4, second='{ kind = "constant", value_s = 0.001 }')
SIMPY = ("--engine", "simpy")
WHERE = ("--baselines", "kept")
MEAN = "one.ops.read.latency_ms.mean"


@pytest.fixture(autouse=True)
def within_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a patch is seen, and because starting workers takes longer than these runs."""
    monkeypatch.setattr("bench.runs.cores", lambda: 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scenario and its baseline, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "half.toml").write_text(SCENARIO, "utf-8")
    assert update(folder).out == "INSERT  half\n"
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A folder with a scenario and its baseline."""
    return shutil.copytree(made, tmp_path / "place")


def update(place: Path, *arguments: str) -> Result:
    result = tierbench("verify", "half.toml", *WHERE, "--update", *SIMPY, *arguments, cwd=place)
    assert result.code == 0, result.err
    return result


def verify(place: Path, *arguments: str | Path, files: tuple[str, ...] = ("half.toml",)) -> Result:
    return tierbench("verify", *files, *WHERE, *SIMPY, *arguments, cwd=place)


def document(place: Path, *arguments: str, files: tuple[str, ...] = ("half.toml",)) -> Any:
    """What `--json` prints, without the constants that JSON lacks."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(verify(place, "--json", *arguments, files=files).out, parse_constant=refuse)


@pytest.fixture
def slower(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Makes exponential services longer by a factor, of which the scenario knows nothing."""
    block = Exponential.block

    def by(factor: float) -> None:
        monkeypatch.setattr(Exponential, "block", lambda *arguments: block(*arguments) * factor)

    return by


# What moved ----------------------------------------------------------------------------------------------------------


def test_what_is_unchanged_passes(place: Path) -> None:
    result = verify(place)

    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "scenario  replications   fingerprint  summary  statistics",
        "half      4 of 4         ok           ok       ok",
        "verify: pass (of 1 scenario: 1 unchanged)",
    ]


def test_a_change_that_matters_moves_all_gates_and_is_named_with_its_size(
    place: Path, slower: Callable[[float], None]
) -> None:
    """Services of half the load that take a tenth longer: the mean grows from 1/(1-0.5) by 1.1 (1-0.5)/(1-0.55)."""
    slower(1.1)

    result = verify(place)
    found = document(place)

    (scenario,) = found["scenarios"]
    moved = {(each["gate"], each["figure"]): each for each in scenario["figures"]}
    assert result.code == 1
    assert (found["verdict"], scenario["first_moved"]) == ("fail", "fingerprint")
    assert {gate["verdict"] for gate in scenario["gates"].values()} == {"moved"}
    assert not any(each["figure"].startswith("two.") for each in scenario["figures"])
    assert moved["statistics", MEAN]["change"] == pytest.approx(0.22, abs=0.08)
    assert moved["summary", "one.stations.server.utilization"]["change"] == pytest.approx(0.1, abs=0.01)
    assert "half      4 of 4         moved        moved    moved\n" in result.out
    words = " ".join(result.out.split())
    assert "4 of 8 outcomes moved, first system one in replication 0" in words
    assert re.search(r"statistics: \d+ figures surely beyond 1 %; most: one\.", words)
    assert result.out.endswith("verify: fail (of 1 scenario: 1 moved)\n")


def test_a_change_within_the_margin_moves_the_exact_gates_only(place: Path, slower: Callable[[float], None]) -> None:
    slower(1.0 + 1e-6)

    (scenario,) = document(place)["scenarios"]

    verdicts = {name: gate["verdict"] for name, gate in scenario["gates"].items()}
    assert verdicts == {"fingerprint": "moved", "summary": "moved", "statistics": "ok"}
    assert "no figure surely beyond 1 %" in scenario["gates"]["statistics"]["detail"]


def test_a_tighter_margin_finds_it(place: Path, slower: Callable[[float], None]) -> None:
    slower(1.0 + 1e-6)

    (scenario,) = document(place, "--gates", "statistics", "--margin", "0")["scenarios"]

    assert scenario["first_moved"] == "statistics"


def test_a_declared_tolerance_lets_the_summary_pass_and_is_kept(place: Path, slower: Callable[[float], None]) -> None:
    update(place, "--tolerance", "1e-4", "--tolerance", "one.read.latency_ms.mean=0")
    slower(1.0 + 1e-6)

    (scenario,) = document(place)["scenarios"]
    kept = update(place)
    again = read_baseline(place / "kept" / "half.json")

    assert [each["figure"] for each in scenario["figures"] if each["gate"] == "summary"] == [MEAN]
    assert scenario["gates"]["summary"]["detail"].startswith("1 of ")
    assert kept.out.startswith("UPDATE  half\n")
    assert again is not None
    assert again.tolerance == {"default": 1e-4, MEAN: 0.0}


def test_gates_that_are_off_are_not_looked_at(place: Path, slower: Callable[[float], None]) -> None:
    slower(1.0 + 1e-6)

    result = verify(place, "--gates", "statistics")
    (scenario,) = document(place, "--gates", "summary, statistics")["scenarios"]

    assert result.code == 0
    assert "half      4 of 4         off          off      ok\n" in result.out
    assert scenario["first_moved"] == "summary"


def test_what_no_figure_shows_is_said_so(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.kernel.outcome.Outcome.fingerprint", lambda self: f"other {self.replication}")

    result = verify(place)

    assert result.code == 1
    assert "half      4 of 4         moved        ok       ok\n" in result.out
    assert "something moved that no figure shows" in " ".join(result.out.split())


def test_a_short_form_is_the_first_replications(place: Path, slower: Callable[[float], None]) -> None:
    same = verify(place, "--replications", "2")
    slower(1.1)
    moved = verify(place, "--replications", "1")

    assert "half      2 of 4         ok           ok       ok\n" in same.out
    assert "half      1 of 4         moved        moved    ok\n" in moved.out
    assert "one replication has no interval" in " ".join(moved.out.split())


def test_speed_is_the_number_of_events(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds may be what they are."""
    monkeypatch.setattr("bench.simulate.time.perf_counter", iter(range(10**6)).__next__)
    slow = verify(place)
    outcome = SimpyPlane.outcome
    monkeypatch.setattr(
        SimpyPlane, "outcome", lambda *arguments: replace(each := outcome(*arguments), events=each.events * 2)
    )
    busy = verify(place)

    assert slow.code == 0
    assert busy.code == 1
    assert "one.cost.events" in busy.out


def test_a_changed_scenario_is_told_from_a_changed_model(place: Path, slower: Callable[[float], None]) -> None:
    slower(1.1)
    model = verify(place)
    slower(1.0)
    changed = SCENARIO.replace("mean_s = 0.001 ", "mean_s = 0.0011 ").replace("seed = 7", "seed = 7\nwarmup_s = 0.5")
    (place / "half.toml").write_text(changed, "utf-8")
    scenario = " ".join(verify(place).out.split())

    assert "itself changed" not in model.out
    assert "the scenario itself changed: " in scenario
    assert "warmup_s was 0.0, is 0.5" in scenario
    assert "systems.one.service.mean_s was 0.001, is 0.0011" in scenario


def test_a_changed_default_is_named(place: Path) -> None:
    """What a baseline says was filled in is not what is filled in now."""
    path = place / "kept" / "half.json"
    sign(path, path.read_text("utf-8").replace('.client.backoff_base_s": 0.05', '.client.backoff_base_s": 0.06', 1))

    result = verify(place)

    assert result.code == 0
    assert "a default changed: systems.one.client.backoff_base_s was 0.06, is 0.05" in " ".join(result.out.split())


def test_words_that_change_nothing_are_no_change(place: Path) -> None:
    text = SCENARIO.replace('name = "half-load"', 'name = "half-load"\nquestion = "Why?"').replace(
        "replications = 4", "replications = 6"
    )
    (place / "half.toml").write_text(text, "utf-8")

    result = verify(place)

    assert (result.code, "itself changed" in result.out) == (0, False)


# Baselines -----------------------------------------------------------------------------------------------------------


def test_a_scenario_without_a_baseline_is_unknown(place: Path) -> None:
    (place / "other.toml").write_text(SCENARIO, "utf-8")

    result = verify(place, files=("half.toml", "other.toml"))
    found = document(place, files=("half.toml", "other.toml"))

    assert result.code == 5
    assert "other     no baseline\n    it has no baseline yet; --update writes one\n" in result.out
    assert [each["verdict"] for each in found["scenarios"]] == ["pass", "unknown"]
    assert found["verdict"] == "unknown"


def test_a_move_beats_what_is_unknown(place: Path, slower: Callable[[float], None]) -> None:
    (place / "other.toml").write_text(SCENARIO, "utf-8")
    slower(1.1)

    assert verify(place, files=("other.toml", "half.toml")).code == 1


def test_update_says_what_became_of_each(place: Path, slower: Callable[[float], None]) -> None:
    path = place / "kept" / "half.json"
    first = path.read_bytes()
    kept = update(place)
    unchanged = path.read_bytes()
    slower(1.1)
    moved = update(place)

    assert kept.out == "KEEP    half\n"
    assert unchanged == first
    assert moved.out.startswith("UPDATE  half\n    fingerprint moved first: 4 of 8 outcomes moved")
    assert path.read_bytes() != first
    assert verify(place).code == 0
    assert files_below(place / "kept") == {"half.json"}


def test_update_as_json_is_one_document(place: Path) -> None:
    found = json.loads(update(place, "--json").out)

    entry = {"scenario": "half-load", "file": "half", "baseline": "kept/half.json", "update": "KEEP", "moved": []}
    assert found == {"schema": 1, "updates": [entry], "orphans": []}


def test_an_update_that_is_ended_changes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = (place / "kept" / "half.json").read_bytes()
    (place / "a.toml").write_text(SCENARIO, "utf-8")
    monkeypatch.setattr("bench.cli.verifying.update", end)

    result = tierbench("verify", "a.toml", "half.toml", *WHERE, "--update", *SIMPY, cwd=place)

    assert result.code == 130
    assert files_below(place / "kept") == {"half.json"}
    assert (place / "kept" / "half.json").read_bytes() == before


def test_every_flipped_byte_is_found(place: Path) -> None:
    """Of a whole baseline, hundreds of positions, the last line among them, each bit in turn."""
    path = place / "kept" / "half.json"
    content = path.read_bytes()
    positions = sorted({*range(0, len(content), 17), *range(len(content) - 90, len(content))})

    assert len(positions) > 300
    for position in positions:
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        with pytest.raises(ResultError, match=r"half\.json: cannot be used"):
            read_baseline(path)


def test_a_baseline_that_cannot_be_read_ends_the_command_before_the_work(place: Path) -> None:
    path = place / "kept" / "half.json"
    path.write_bytes(path.read_bytes()[:-200])

    result = verify(place)

    assert (result.code, result.out) == (4, "")
    assert "kept/half.json: cannot be used" in result.err
    assert "write it anew with --update" in result.err
    assert "the one that was there could not be used" in " ".join(update(place).out.split())
    assert verify(place).code == 0


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"kind": "tierbench-baseline"', '"kind": "tierbench-run"', "it is no baseline"),
        ('"schema": 1', '"schema": 2', "it has schema 2, while this tierbench reads schema 1"),
        ('"replications": 4', '"replications": 5', "has not an entry for each replication"),
        ('"replications": 4', '"replications": true', "how many replications"),
        ('"default": 1e-09', '"default": -1.0', "a tolerance is none"),
        ('"default": 1e-09', '"default": NaN', "NaN is no number of JSON"),
        ('"default": 1e-09', '"default": 1e999', "a figure is no number"),
        ('"default": 1e-09', f'"default": {"9" * 400}', "a figure is no number"),
        ('"seed": 7', '"seed": []', "a setting is none"),
        ('"certain": []', '"certain": {}', "a list is missing"),
        ('"scenario": "half-load"', '"scenario": 1', "a text is missing"),
        ('"certain": []', '"certain": ' + "[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_baseline_is_read_strictly(place: Path, before: str, after: str, words: str) -> None:
    """Even if its checksum is right."""
    path = place / "kept" / "half.json"
    assert before in path.read_text("utf-8")
    sign(path, path.read_text("utf-8").replace(before, after, 1))

    result = verify(place)

    assert (result.code, result.out) == (4, "")
    assert words in result.err


def test_lines_may_have_other_ends(place: Path) -> None:
    path = place / "kept" / "half.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert verify(place).code == 0


def test_a_baseline_is_a_plain_file(place: Path) -> None:
    path = place / "kept" / "half.json"
    path.unlink()
    path.mkdir()

    assert "it is no plain file" in verify(place).err


def sign(path: Path, text: str) -> None:
    """Write a baseline with the checksum that it should have."""
    body, _, _ = text.rpartition('  "sha256": "')
    path.write_text(f'{body}  "sha256": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n', "utf-8")


def test_without_a_scenario_all_that_ship_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "gone.json").write_text("{}", "utf-8")

    result = tierbench("verify", *WHERE, cwd=tmp_path)

    assert result.code == 5
    assert result.out.count("no baseline\n") == len(library.entries())
    assert "kept/gone.json: belongs to no scenario that ships; remove it\n" in result.out


# Wrong usage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["half.toml"], 2, "half.toml: is none of the scenarios that ship; say where its baseline is with --baselines"),
        (["half.toml", "./half.toml", *WHERE], 2, "has the same name as half.toml"),
        (["half.toml", *WHERE, "--gates", "sumary"], 2, "there is no gate 'sumary'; did you mean summary?"),
        (["half.toml", *WHERE, "--gates", ""], 2, "there is no gate ''"),
        (["half.toml", *WHERE, "--margin", "nan"], 2, "is no part of a value"),
        (["half.toml", *WHERE, "--tolerance", "0.1"], 2, "give it together with --update"),
        (["half.toml", *WHERE, "--update", "--tolerance", "x"], 2, "--tolerance x: is no part of a value"),
        (
            ["half.toml", *WHERE, "--update", "--tolerance", "one.reed=1"],
            2,
            "none of these scenarios has such a figure",
        ),
        (["half.toml", *WHERE, "--update", "--replications", "1"], 2, "--replications has no meaning"),
        (["half.toml", *WHERE, "--update", "--gates", "summary"], 2, "--gates has no meaning"),
        (["half.toml", *WHERE, "--junit", "gone.toml/x"], 5, ""),
        (["half.toml", *WHERE, "--junit", "half.toml/x"], 2, "half.toml/x: cannot be written"),
        (["half.toml", *WHERE, "--markdown", "."], 2, ".: is no plain file; choose another one with --markdown"),
        (["half.toml", "--baselines", "half.toml"], 4, "half.toml/half.json: cannot be read"),
        (["half.toml", "--baselines", "half.toml", "--update"], 2, "cannot be written"),
        (["gone", *WHERE], 2, "gone: no such file or scenario"),
        (["gone.toml", *WHERE], 3, "there is no such file"),
    ],
)
def test_wrong_usage_is_said_before_the_work(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    (tmp_path / "half.toml").write_text(SCENARIO, "utf-8")

    result = tierbench("verify", *arguments, cwd=tmp_path)

    assert result.code == code
    assert words in result.err
    assert code == 5 or result.out == ""


# For machines --------------------------------------------------------------------------------------------------------


def test_junit_has_a_case_for_each_scenario_and_gate(place: Path, slower: Callable[[float], None]) -> None:
    (place / "other.toml").write_text(SCENARIO, "utf-8")
    slower(1.0 + 1e-6)
    verify(place, "--gates", "fingerprint,statistics", "--junit", "out/j.xml", files=("half.toml", "other.toml"))

    suite = ET.parse(place / "out" / "j.xml").getroot().find("testsuite")  # noqa: S314 - our own file
    assert suite is not None
    cases = {(case.get("classname"), case.get("name")): [each.tag for each in case] for case in suite}
    assert cases == {
        ("half", "fingerprint"): ["failure"],
        ("half", "summary"): ["skipped"],
        ("half", "statistics"): [],
        ("other", "baseline"): ["error"],
    }
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "first system one in replication 0" in str(failure.get("message"))


def test_github_gets_an_annotation_for_each_and_a_summary(
    place: Path, slower: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "other.toml").write_text(SCENARIO, "utf-8")
    (place / "step.md").write_text("before\n", "utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place / "step.md"))
    slower(1.1)

    both = ("half.toml", "other.toml")
    result = verify(place, "--github", files=both)
    as_json = verify(place, "--github", "--json", files=both)

    commands = [line for line in result.out.splitlines() if line.startswith("::")]
    assert commands[0].startswith("::error title=tierbench verify%3A half::fingerprint moved first: ")
    assert commands[1] == (
        "::warning title=tierbench verify%3A other::it has no baseline yet; --update writes one"
    )  # fmt: skip
    assert len(commands) == 2
    assert as_json.err.splitlines() == commands
    assert json.loads(as_json.out)["verdict"] == "fail"
    text = (place / "step.md").read_text("utf-8")
    assert text.startswith("before\n### tierbench verify: fail\n")
    assert text.count("### tierbench verify") == 2


def test_markdown_is_a_table_and_what_moved(place: Path, slower: Callable[[float], None]) -> None:
    slower(1.0 + 1e-6)

    verify(place, "--markdown", "summary.md")

    lines = (place / "summary.md").read_text("utf-8").splitlines()
    assert lines[:5] == [
        "### tierbench verify: fail",
        "",
        "| scenario | fingerprint | summary | statistics |",
        "| --- | --- | --- | --- |",
        "| `half` | ❌ moved | ❌ moved | ✅ ok |",
    ]
    assert any(line.startswith("- summary, moved: ") for line in lines)


HOSTILE = (
    "</script>", "[/bold]", "$x$", "=cmd()", "a|b`c", "##[error]x", "<!-- x", "]]>", "www.x.y", "@x", "::error::x",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_everywhere(
    place: Path, slower: Callable[[float], None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A file's name, a fault's label, a question: none ends an element, a cell or a line, or is a command."""
    file = f"{name.replace('/', '_')}\x1b[2J\n::error::.toml"
    label = json.dumps(f"{name}\x07")
    fault = f"\n[[faults]]\nat_s = 1.0\nuntil_s = 1.1\nkind = 'pause'\ntarget = 'one.server'\ntext = {label}\n"
    text = SCENARIO.replace("seed = 7", f"seed = 7\nquestion = {label}") + fault
    (place / file).write_text(text, "utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place / "step.md"))
    tierbench("verify", file, *WHERE, "--update", *SIMPY, cwd=place)
    (place / file).write_text(text.replace(label, json.dumps(f"{name}\r\n{name}")), "utf-8")
    slower(1.1)

    result = verify(place, "--github", "--junit", "j.xml", files=(file,))
    found = document(place, files=(file,))

    assert (result.code, result.err) == (1, "")
    assert not set("\x1b\x07\r") & set(result.out)
    assert [line.split(" ")[0] for line in result.out.splitlines() if line.lstrip().startswith("::")] == ["::error"]
    assert found["scenarios"][0]["file"] == file.removesuffix(".toml")
    assert "##[" not in result.out
    (case, *_) = ET.parse(place / "j.xml").getroot().iter("testcase")  # noqa: S314 - our own file
    assert safe_text(name.replace("/", "_"))[:5] in str(case.get("classname"))
    markdown = (place / "step.md").read_text("utf-8")
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert [row.count("|") for row in rows] == [5, 5, 5]
    for sign in ("<s", "</s", "[/", "$", "](", "<!", "::", "##[", "www.", "@"):
        assert sign not in markdown
    assert markdown.count("`") == 0


def test_a_reader_who_has_enough_does_not_change_the_verdict(place: Path) -> None:
    """As with `tierbench verify | head -1`: no complaint, and the exit code is still that of the verdict."""
    result = unread("verify", "half.toml", *WHERE, *SIMPY, cwd=place)

    assert (result.code, result.err) == (0, "")


def test_a_terminal_without_arrows_gets_other_signs(place: Path) -> None:
    (place / "half.toml").write_text(SCENARIO.replace("mean_s = 0.001 ", "mean_s = 0.0011 "), "utf-8")

    result = process("verify", "half.toml", *WHERE, *SIMPY, cwd=place, variables={"PYTHONIOENCODING": "ascii"})

    assert result.code == 1
    assert " -> " in result.out


def test_quiet_prints_nothing(place: Path) -> None:
    result = verify(place, "--quiet")

    assert (result.code, result.out, result.err) == (0, "", "")
