"""What the README says can be done is done, in its order; what it names is there."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from bench.library import entries
from bench.store import REQUIRED, read_run
from tests.tools.command import ROOT, tierbench

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Contents of the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def first_column(section: str) -> list[str]:
    """Names in the first column of a section's tables."""
    (text,) = re.findall(rf"^## {section}\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\| `([\w./]+)` \|", text, re.MULTILINE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the README's scenario, saved as it says."""
    folder = tmp_path_factory.mktemp("readme")
    scenario, faults = blocks("toml")
    (folder / "my.toml").write_text(scenario, "utf-8")
    (folder / "faults.toml").write_text(scenario + faults, "utf-8")
    return folder


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 8
    assert all(command.startswith("tierbench ") for command in COMMANDS)


def test_commands_work_in_their_order(place: Path) -> None:
    """One builds on another. Whoever asks what would be at another rate breaks the first expectation, which is about
    this one.
    """
    results = {command: tierbench(*shlex.split(command)[1:], cwd=place) for command in COMMANDS}

    wrong = {c: result.err for c, result in results.items() if result.code != (1 if "rate_per_s" in c else 0)}
    assert wrong == {}


def test_the_session_in_python_gives_what_it_shows(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (session,) = blocks("python")
    monkeypatch.chdir(place)
    test = doctest.DocTestParser().get_doctest(session, {}, "README", "README.md", 0)
    said: list[str] = []

    failed, tried = doctest.DocTestRunner().run(test, out=said.append)

    assert (failed, "".join(said)) == (0, "")
    assert tried > 8


def test_faults_added_to_the_scenario_pass(place: Path) -> None:
    result = tierbench("run", "faults.toml", "--json", "--quiet", cwd=place)

    verdicts = [each["verdict"] for each in json.loads(result.out)["expectations"]]
    assert verdicts == ["pass"] * 4


def test_the_run_folder_holds_what_the_table_says(place: Path) -> None:
    stored = tierbench("run", "my.toml", "--out", "table", "--quiet", cwd=place)
    rows = first_column("What a run leaves")

    assert stored.code == 0
    assert {name for name in rows if not name.endswith("/")} == {"manifest.json", "notes.csv", *REQUIRED}
    assert all((place / "table" / name).exists() for name in rows)
    assert read_run(place / "table").summary["verdict"] == "pass"


def test_paths_that_are_named_exist() -> None:
    linked = re.findall(r"\]\(([^)]+)\)", README)
    named = re.findall(r"`((?:bench|models|tests|scenarios)/[\w./]*)`", README)

    assert linked
    assert named
    assert [path for path in (*linked, *named) if not (ROOT / path).exists()] == []


def test_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")

    targets = set(re.findall(r"^make (\w+)$|`make (\w+)`", README, re.MULTILINE))
    assert targets
    for pair in targets:
        assert re.search(rf"^{pair[0] or pair[1]}:.*## ", makefile, re.MULTILINE), pair


def test_scenarios_that_are_named_ship() -> None:
    named = {shlex.split(command)[2] for command in COMMANDS if len(shlex.split(command)) > 2}
    described = first_column("Scenarios of Memcached and Redis")

    assert described
    assert (named | set(described)) - {"my.toml", "results/runs/half-load"} <= {entry.name for entry in entries()}


def test_the_package_shows_the_readme() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["readme"] == "README.md"
