"""`tierbench new`: what it writes runs as it is, and every line in it that is commented out can be made active."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from bench.atomic import write_file
from bench.scenario.commented import NOT_ALONE, WIDTH, branches
from bench.scenario.faults import AnyFault
from models.catalogue import MODELS
from models.kernel.registry import Parameters
from tests.tools.command import files_below, process, tierbench

KEY = re.compile(r"# (?P<indent> *)(?P<code>[A-Za-z_][\w.]* = .*?)( +# (?P<words>.*))?")
TRACE = "time_s,key,size_bytes,op,ttl_s\n" + "".join(f"{k / 100},a,10,get,60\n" for k in range(4_000))
"""Longer than the warm-up at each pace that is shown."""


def text_for(model: str, folder: Path) -> str:
    result = tierbench("new", model, "-", cwd=folder)
    assert (result.code, result.err) == (0, "")
    return result.out


def made_active(text: str) -> Iterator[tuple[str, str, bool]]:
    """Each line that is commented out, the file in which it is active, and whether that is to be good.

    A block that begins with a header becomes active as a whole; an indented line goes into the braces that it is under.
    """
    lines = text.splitlines()
    roots: list[tuple[int, str]] = []
    in_block = False
    for number, line in enumerate(lines):
        if line.startswith("# [["):
            size = next((k for k, each in enumerate(lines[number:]) if not each), len(lines) - number)
            block = [each.removeprefix("# ") for each in lines[number : number + size]]
            yield line, "\n".join([*lines[:number], *block, *lines[number + size :]]), True
            in_block = True
        in_block = in_block and bool(line)
        match = KEY.fullmatch(line)
        if match is None or in_block:
            continue
        words = match["words"] or (lines[number + 1].strip() if lines[number + 1].startswith(" ") else "")
        level = len(match["indent"]) // 4
        roots[level:] = [(number, match["code"])]
        code = match["code"]
        for _, outer in reversed(roots[:level]):
            assert outer.endswith(" }"), outer
            code = f"{outer[:-2]}, {code} }}"
        place = roots[0][0]
        good = not words.removeprefix("# ").startswith(NOT_ALONE)
        yield line, "\n".join([*lines[:place], code, *lines[place + 1 :]]), good


@pytest.mark.parametrize("model", MODELS)
def test_a_new_scenario_is_good_and_runs(model: str, tmp_path: Path) -> None:
    written = tierbench("new", model, cwd=tmp_path)
    checked = tierbench("check", f"{model}.toml", cwd=tmp_path)
    run = tierbench("run", f"{model}.toml", "--set", "duration_s=5", "--json", "--quiet", cwd=tmp_path)

    assert written.out == f"written: {model}.toml\nnext: tierbench run {model}.toml\n"
    assert (written.code, written.err) == (0, "")
    assert (checked.code, checked.err) == (0, "")
    assert run.code == 0, run.err
    assert [each["verdict"] for each in json.loads(run.out)["expectations"]] == ["pass"]


@pytest.mark.parametrize("model", MODELS)
def test_every_line_that_is_commented_out_can_be_made_active(model: str, tmp_path: Path) -> None:
    """One at a time; a line that says that it cannot stand alone is refused indeed.

    Columns of a trace are left out: which of them go together is the trace's business.
    """
    (tmp_path / "requests.csv").write_text(TRACE, "utf-8")
    text = text_for(model, tmp_path)
    count = 0

    for line, active, good in made_active(text):
        if line.startswith("#     columns."):
            continue
        count += 1
        (tmp_path / "active.toml").write_text(active, "utf-8")
        result = tierbench("check", "active.toml", cwd=tmp_path)
        assert result.code == (0 if good else 3), f"{line}\n{result.err}"
        assert tomllib.loads(active) != tomllib.loads(text), line
    assert count > 20


def test_columns_of_a_trace_can_be_made_active_together(tmp_path: Path) -> None:
    (tmp_path / "requests.csv").write_text(TRACE.replace("get", "read"), "utf-8")
    text = text_for("cache_aside", tmp_path)
    columns = re.findall(r"^#     (columns\.\w+ = \S+)", text, re.MULTILINE)

    trace = f'trace = {{ file = "requests.csv", {", ".join(columns)} }}'
    active = text.replace('# trace = { file = "requests.csv" }', trace)
    (tmp_path / "active.toml").write_text(active, "utf-8")

    assert len(columns) == 5
    assert tierbench("check", "active.toml", cwd=tmp_path).err == ""


@pytest.mark.parametrize("model", MODELS)
def test_every_key_of_a_model_is_shown(model: str, tmp_path: Path) -> None:
    text = text_for(model, tmp_path)

    def keys(kind: type[Parameters]) -> Iterator[str]:
        for name, field in kind.model_fields.items():
            inner = [each for each in branches(field.annotation)
                     if isinstance(each, type) and issubclass(each, Parameters)]  # fmt: skip
            yield from (each for each in ([name] if not inner else []))
            for each in inner:
                yield from keys(each)

    shown = set(re.findall(r"([A-Za-z_]+) = ", text))
    assert set(keys(MODELS[model].parameters)) <= shown


@pytest.mark.parametrize("model", MODELS)
def test_comments_keep_within_the_width(model: str, tmp_path: Path) -> None:
    """Code may need more, and is then alone on its line."""
    long = [line for line in text_for(model, tmp_path).splitlines() if len(line) > WIDTH]

    assert [line for line in long if not re.fullmatch(r"# *\w+ = [^#]*", line)] == []
    assert len(long) <= 1


def test_every_target_that_is_named_can_fail(tmp_path: Path) -> None:
    """The kinds of fault are those that there are; of a model with all kinds of parts, each target takes its kind."""
    text = text_for("dax", tmp_path)
    kinds = {get_args(each.model_fields["kind"].annotation)[0] for each in branches(AnyFault)}
    fitting = {"nodes": "node-down", "stations": "station-down", "caches": "cache-flush", "zones": "zone-down",
               "networks, for links": "link-cut"}  # fmt: skip
    assert {kind for kind in kinds if f"\n#     {kind}" in text} == kinds

    faults = []
    for what, kind in fitting.items():
        (names,) = re.findall(rf"^#     {what}: (.*)$", text, re.MULTILINE)
        more = "zones = [0, 1]\n" if kind == "link-cut" else ""
        faults += [f'[[faults]]\nat_s = 2.0\nkind = "{kind}"\ntarget = "{name}"\n{more}' for name in names.split(", ")]
    (tmp_path / "faults.toml").write_text(text + "\n".join(faults), "utf-8")

    assert len(faults) > 10
    assert tierbench("check", "faults.toml", cwd=tmp_path).err == ""


def test_every_figure_that_is_named_can_be_expected(tmp_path: Path) -> None:
    text = text_for("dax", tmp_path)
    (listed,) = re.findall(r"^# Figures here:\n((?:#     .*\n)+)", text, re.MULTILINE)
    entries = re.sub(r"\n#       ", " ", listed).removeprefix("#     ").splitlines()

    names = [
        f"{part}.{figure}"
        for entry in entries
        for part in entry.removeprefix("#     ").partition(": ")[0].split(", ")
        for figure in entry.partition(": ")[2].split(", ")
    ]
    expected = "".join(f'[[expect]]\nmetric = "{name}"\nat_least = 0.0\n' for name in names)
    (tmp_path / "figures.toml").write_text(text + expected, "utf-8")

    assert len(names) > 50
    assert tierbench("check", "figures.toml", cwd=tmp_path).err == ""


def test_an_unknown_model_is_wrong_usage_with_a_suggestion(tmp_path: Path) -> None:
    result = tierbench("new", "dynamo_db", cwd=tmp_path)

    assert (result.code, result.out) == (2, "")
    assert "there is no model 'dynamo_db'; did you mean dynamodb?" in result.err
    assert all(model in result.err for model in MODELS)
    assert files_below(tmp_path) == set()


def test_a_name_from_a_stranger_is_shown_safely(tmp_path: Path) -> None:
    result = tierbench("new", "qu\x1b[31meue", cwd=tmp_path)

    assert result.code == 2
    assert "\x1b" not in result.err


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "queue.toml").write_text("mine", "utf-8")
    (tmp_path / "link.toml").symlink_to("nowhere.toml")
    (tmp_path / "folder").mkdir()

    for arguments in (["queue"], ["dax", "queue.toml"], ["queue", "link.toml"], ["queue", "folder"]):
        result = tierbench("new", *arguments, cwd=tmp_path)
        assert (result.code, result.out) == (2, "")
        assert f"{arguments[-1].removesuffix('.toml')}" in result.err
        assert "exists already, and stays as it is; give another FILE, or move it away" in result.err
    assert (tmp_path / "queue.toml").read_text("utf-8") == "mine"
    assert files_below(tmp_path) == {"queue.toml", "link.toml", "folder"}


@pytest.mark.parametrize("place", ["gone/my.toml", "queue.toml/my.toml", "x" * 300 + ".toml", "a\0b"])
def test_a_place_that_cannot_be_written_is_wrong_usage(place: str, tmp_path: Path) -> None:
    (tmp_path / "queue.toml").write_text("mine", "utf-8")

    result = tierbench("new", "queue", place, cwd=tmp_path)

    assert (result.code, result.out) == (2, "")
    assert "cannot be written" in result.err
    assert "give another FILE, or - for stdout" in result.err
    assert files_below(tmp_path) == {"queue.toml"}


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full when the content is to be forced to it."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)

    with pytest.raises(OSError, match="No space"):
        write_file(tmp_path / "new.toml", b"content", new=True)
    assert files_below(tmp_path) == set()


def test_a_file_is_written_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)

    write_file(tmp_path / "new.toml", b"content", new=True)
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "new.toml", b"other", new=True)

    assert (tmp_path / "new.toml").read_bytes() == b"content"
    assert files_below(tmp_path) == {"new.toml"}


def test_on_stdout_there_is_the_scenario_and_nothing_else(tmp_path: Path) -> None:
    """As a process, whose output another would read."""
    result = process("new", "queue", "-", cwd=tmp_path)
    tierbench("new", "queue", cwd=tmp_path)

    assert (result.code, result.err) == (0, "")
    assert result.out == (tmp_path / "queue.toml").read_text("utf-8")
    assert result.out.isascii()


@pytest.mark.parametrize(("file", "name"), [("half-load.toml", "half-load"), ("my scenario.toml", "queue")])
def test_a_scenario_is_named_after_its_file_if_it_can_be(file: str, name: str, tmp_path: Path) -> None:
    result = tierbench("new", "queue", file, cwd=tmp_path)

    assert tomllib.loads((tmp_path / file).read_text("utf-8"))["name"] == name
    assert result.out.splitlines()[1] == f"next: tierbench run {file if ' ' not in file else repr(file)}"
