"""The run folder: whole or not at all when written, unchanged or refused when read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import atomic
from bench.errors import ResultError, UsageError
from bench.pictures.data import Picture
from bench.store import RunContents, StoredRun, open_target, read_run, write_run
from bench.summary import fingerprint, summarise
from models.kernel.outcome import FINE, Note
from tests.strategies.outcomes import OperationSketch, SystemSketch, lognormal, make_outcomes

REPLICATIONS = 3
PICTURE = Picture("bars", "dax is faster", "n = 3", b"<svg/>", b"\x89PNG", "panel,value\nread,1.5\n", b"{}\n")


@cache
def contents(scenario: str = "small", median_s: float = 2e-3) -> RunContents:
    """A small run."""
    sketch = SystemSketch({"read": OperationSketch(30.0, lognormal(median_s, 0.4))}, 0.5, stations={"nodes": (2, 0.3)})
    outcomes = make_outcomes({"a": sketch, "b": sketch}, REPLICATIONS, duration_s=10.0, warmup_s=2.0, windows=5)
    summary = {
        "schema": 1,
        "scenario": scenario,
        "fingerprint": fingerprint(outcomes),
        "verdict": "pass",
        "systems": summarise(outcomes),
        "expectations": [],
    }
    command = "tierbench run small.toml --seed 7"
    return RunContents(summary, 'name = "small"\n', outcomes, {"bars": PICTURE}, 7, REPLICATIONS, command)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder to copy: forcing it to disk takes longer than everything else."""
    return write_run(open_target(tmp_path_factory.mktemp("master") / "run"), contents())


@pytest.fixture
def stored(place: Path, master: Path) -> Path:
    """A run folder."""
    return shutil.copytree(master, place / "run")


def listing(folder: Path) -> list[str]:
    """All that there is, hidden files included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def rewrite_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest as somebody else might."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


# Writing.


def test_a_run_is_read_as_it_was_written(place: Path) -> None:
    written = contents()

    folder = write_run(open_target(place / "deep" / "run"), written)
    run = read_run(folder)

    assert run.summary == written.summary
    assert run.scenario_toml == written.scenario_toml
    assert run.content("pictures/bars.png") == PICTURE.png
    assert run.content("pictures/bars.csv").decode() == PICTURE.csv
    assert listing(folder) == [
        "distributions.csv", "manifest.json", "notes.csv", "pictures", "pictures/bars.csv", "pictures/bars.json",
        "pictures/bars.png", "pictures/bars.svg", "scenario.toml", "series.csv", "summary.json", "values.csv",
    ]  # fmt: skip


def test_the_manifest_says_how_to_make_the_run_again(stored: Path) -> None:
    manifest = read_run(stored).manifest

    assert manifest["command"] == "tierbench run small.toml --seed 7"
    assert (manifest["schema"], manifest["seed"], manifest["replications"]) == (1, 7, REPLICATIONS)
    assert manifest["engine"] == "compiled"
    assert set(manifest["versions"]) == {"tierbench", "python", "numpy", "simpy", "llvmlite", "models"}
    assert manifest["versions"]["numpy"] == np.__version__
    for name, entry in manifest["files"].items():
        content = (stored / name).read_bytes()
        assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_distributions_come_back_bin_by_bin(stored: Path) -> None:
    """The file has all non-empty bins and no other: put back into a histogram, they are what was counted."""
    outcomes = contents().outcomes
    edges = FINE.edges_s()

    found = read_run(stored).distributions()

    assert len(found) == 2 * REPLICATIONS
    for each in found:
        counts = np.zeros(FINE.bins, dtype=np.int64)
        counts[np.searchsorted(edges, each.lower_s)] = each.counts
        expected = outcomes[each.system][each.replication].operations[each.operation].latency.counts
        assert np.array_equal(expected, counts)
        assert np.array_equal(each.upper_s, edges[np.searchsorted(edges, each.lower_s) + 1])


def test_series_hold_the_rates_of_every_window(stored: Path) -> None:
    outcomes = contents().outcomes["a"]

    rows = [row for row in read_run(stored).series() if (row.system, row.quantity) == ("a", "throughput_per_s")]

    expected = np.mean([each.operations["read"].window_ok for each in outcomes], axis=0) / 2.0
    assert [row.value for row in rows] == pytest.approx(expected)
    assert [(row.from_s, row.until_s) for row in rows] == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0), (8.0, 10.0)]
    assert all(row.low <= row.value <= row.high for row in rows)


def test_notes_of_control_come_back_with_their_times(place: Path) -> None:
    """What is written is safe to show; a run that was written before there were notes has none."""
    noted = {
        name: [replace(each, notes=(Note(1.25 + each.replication, 'say "hello", \x1b[31m'),)) for each in replications]
        for name, replications in contents().outcomes.items()
    }
    folder = write_run(open_target(place / "run"), replace(contents(), outcomes=noted))

    found = read_run(folder).notes()

    assert [(each.system, each.replication, each.at_s) for each in found] == [
        (name, index, 1.25 + index) for name in "ab" for index in range(REPLICATIONS)
    ]
    assert {each.text for each in found} == {'say "hello", \\x1b[31m'}
    (folder / "notes.csv").unlink()
    rewrite_manifest(folder, lambda manifest: manifest["files"].pop("notes.csv"))
    assert read_run(folder).notes() == []


def test_writing_the_same_run_twice_gives_the_same_bytes(place: Path) -> None:
    first = write_run(open_target(place / "first"), contents())
    second = write_run(open_target(place / "second"), contents())

    assert listing(first) == listing(second)
    for name in listing(first):
        if (first / name).is_file():
            assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_default_place_is_named_after_scenario_and_fingerprint(place: Path) -> None:
    written = contents("../evil name/é")

    folder = write_run(open_target(None), written)

    assert folder.parent == place / "results" / "runs"
    assert folder.name == f"evil-name-{written.summary['fingerprint'][:12]}"


def test_the_default_place_replaces_a_run_of_its_name_and_leaves_others_alone(place: Path) -> None:
    first = write_run(open_target(None), contents())
    assert first.is_relative_to(place)

    again = write_run(open_target(None), contents())
    (first / "notes.txt").write_text("mine")
    beside = write_run(open_target(None), contents())

    assert again == first
    assert beside.name == f"{first.name}-2"
    assert (first / "notes.txt").read_text() == "mine"


def test_opening_a_target_leaves_nothing(place: Path) -> None:
    open_target(place / "a" / "b")
    open_target(None)

    assert listing(place) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_somebody_else_is_refused(place: Path, overwrite: bool) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "thesis.txt").write_text("years of work")

    with pytest.raises(UsageError, match="no run of tierbench"):
        open_target(place / "mine", overwrite=overwrite)

    assert (place / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_run_folder_with_a_file_of_somebody_else_is_refused(stored: Path) -> None:
    (stored / "notes.txt").write_text("mine")

    with pytest.raises(UsageError, match=r"notes\.txt"):
        open_target(stored, overwrite=True)


def test_a_file_and_the_current_directory_are_refused(place: Path) -> None:
    (place / "file").write_text("")

    with pytest.raises(UsageError, match="is a file"):
        open_target(place / "file")
    with pytest.raises(UsageError, match="current directory"):
        open_target(place)


def test_a_place_below_a_file_is_refused(place: Path) -> None:
    (place / "file").write_text("")

    with pytest.raises(UsageError, match="--out"):
        open_target(place / "file" / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_is_not_writable_is_refused_before_the_work(place: Path) -> None:
    (place / "locked").mkdir(mode=0o500)

    with pytest.raises(UsageError, match="cannot be written"):
        open_target(place / "locked" / "run")


def test_an_empty_folder_is_taken(place: Path) -> None:
    (place / "run").mkdir()

    folder = write_run(open_target(place / "run"), contents())

    assert read_run(folder).summary["scenario"] == "small"


def test_a_run_is_replaced_only_when_asked(stored: Path) -> None:
    with pytest.raises(UsageError, match="holds a run already"):
        open_target(stored)

    write_run(open_target(stored, overwrite=True), contents("other", 3e-3))

    assert read_run(stored).summary["scenario"] == "other"
    assert listing(stored.parent) == sorted(["run", *(f"run/{name}" for name in listing(stored))])


def test_a_run_is_replaced_where_names_cannot_be_swapped(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_exchange", lambda _one, _other: False)

    write_run(open_target(stored, overwrite=True), contents("other", 3e-3))

    assert read_run(stored).summary["scenario"] == "other"
    assert [path.name for path in stored.parent.iterdir()] == ["run"]


def test_the_old_run_comes_back_if_the_new_one_cannot_take_its_place(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_exchange", lambda _one, _other: False)
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if ".partial-" in path.name:
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)

    with pytest.raises(UsageError, match="Input/output error"):
        write_run(open_target(stored, overwrite=True), contents("other"))

    assert read_run(stored).summary["scenario"] == "small"
    assert [path.name for path in stored.parent.iterdir()] == ["run"]


def count_syncs(monkeypatch: pytest.MonkeyPatch, fail_at: int, error: BaseException) -> list[int]:
    """Let the given call of fsync, counted from 0, fail; before the folder takes its name, there are 12."""
    calls: list[int] = []
    sync = os.fsync

    def counted(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) - 1 == fail_at:
            raise error
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    return calls


@pytest.mark.parametrize("fail_at", range(13))
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_on_the_way_leaves_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, fail_at: int, error: BaseException
) -> None:
    """Goal: whole or not at all. Method: fail at each call that forces something to disk before the last one."""
    target = open_target(place / "deep" / "run")
    count_syncs(monkeypatch, fail_at, error)

    with pytest.raises((UsageError, KeyboardInterrupt)):
        write_run(target, contents())

    assert listing(place) == []


@pytest.mark.parametrize("fail_at", range(13))
def test_a_failure_on_the_way_keeps_the_run_that_was_there(
    stored: Path, monkeypatch: pytest.MonkeyPatch, fail_at: int
) -> None:
    target = open_target(stored, overwrite=True)
    count_syncs(monkeypatch, fail_at, KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        write_run(target, contents("other"))

    assert read_run(stored).summary["scenario"] == "small"
    assert [path.name for path in stored.parent.iterdir()] == ["run"]


def test_everything_is_forced_to_disk_before_the_folder_takes_its_name(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Canary of the two tests above: there are 11 files and 2 folders to force, and then the folder above."""
    target = open_target(place / "run")
    calls = count_syncs(monkeypatch, -1, AssertionError())

    write_run(target, contents())

    assert len(calls) == 14


KILLED = """
import os, signal, sys
from pathlib import Path
from bench.store import open_target, write_run
from tests.unit.test_store import contents
sync, calls = os.fsync, []
def kill(descriptor):
    calls.append(descriptor)
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)
os.fsync = kill
write_run(open_target(Path(sys.argv[1]), overwrite=True), contents("killed"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
@pytest.mark.parametrize("killed_at", [1, 5, 10])
def test_a_killed_writer_leaves_no_half_run_and_the_next_one_clears_up(stored: Path, killed_at: int) -> None:
    """Goal: not even SIGKILL leaves half a run. Method: another process kills itself while it writes over a run."""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", KILLED, str(stored), str(killed_at)]

    result = subprocess.run(command, cwd=root, capture_output=True, text=True)

    assert result.returncode == -9, result.stderr
    assert read_run(stored).summary["scenario"] == "small"
    leftovers = [path.name for path in stored.parent.iterdir() if path != stored]
    assert len(leftovers) == 1
    assert leftovers[0].startswith(".run.partial-")

    write_run(open_target(stored, overwrite=True), contents("next"))

    assert [path.name for path in stored.parent.iterdir()] == ["run"]


def test_a_writer_that_is_alive_is_not_cleared_away(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs write to the same place at once: the second one finds the first one's sibling and leaves it alone."""
    outer = open_target(place / "run", overwrite=True)
    sync = os.fsync
    inner: list[Path] = []

    def write_another(descriptor: int) -> None:
        if not inner:
            inner.append(place)
            write_run(open_target(place / "run", overwrite=True), contents("inner"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", write_another)

    write_run(outer, contents("outer"))

    assert read_run(place / "run").summary["scenario"] == "outer"
    assert [path.name for path in place.iterdir()] == ["run"]


# Reading.


def read_all(folder: Path) -> StoredRun:
    """Read a run and everything in it."""
    run = read_run(folder)
    run.distributions()
    run.series()
    return run


@pytest.mark.parametrize("name", ["manifest.json", "summary.json", "distributions.csv", "pictures/bars.png"])
def test_a_missing_file_is_named(stored: Path, name: str) -> None:
    (stored / name).unlink()

    with pytest.raises(ResultError, match=name.replace(".", r"\.")) as caught:
        read_all(stored)

    assert "is missing" in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("name", ["summary.json", "scenario.toml", "series.csv", "pictures/bars.svg"])
def test_a_truncated_file_is_named_with_the_command_that_makes_it_again(stored: Path, name: str) -> None:
    content = (stored / name).read_bytes()
    (stored / name).write_bytes(content[:-1])

    with pytest.raises(ResultError, match="instead of") as caught:
        read_all(stored)

    assert name in str(caught.value)
    assert "tierbench run small.toml --seed 7" in str(caught.value)


@pytest.mark.parametrize("name", ["summary.json", "scenario.toml", "series.csv", "pictures/bars.png"])
def test_a_changed_file_is_named(stored: Path, name: str) -> None:
    content = bytearray((stored / name).read_bytes())
    content[len(content) // 2] ^= 1
    (stored / name).write_bytes(bytes(content))

    with pytest.raises(ResultError, match="changed") as caught:
        read_all(stored)

    assert name in str(caught.value)


def test_a_file_that_changes_after_the_run_was_read_is_noticed(stored: Path) -> None:
    run = read_run(stored)
    text = (stored / "series.csv").read_text()
    (stored / "series.csv").write_text(text.replace("cache", "CACHE"))

    with pytest.raises(ResultError, match="changed"):
        run.series()


@pytest.mark.parametrize(
    "path",
    ["../secret", "/etc/passwd", "pictures/../../secret", "..", ".", "", "a//b", "c:\\secret", "..\\secret", "a\nb"],
)
def test_a_path_that_leaves_the_folder_is_refused(stored: Path, path: str) -> None:
    """The file outside is there, with the right size and checksum, so only the path can be what is refused."""
    (stored.parent / "secret").write_bytes(b"secret")
    entry = {"bytes": 6, "sha256": hashlib.sha256(b"secret").hexdigest()}
    rewrite_manifest(stored, lambda manifest: manifest["files"].update({path: entry}))

    with pytest.raises(ResultError, match=r"manifest\.json.*no path within"):
        read_run(stored)


@pytest.mark.skipif(sys.platform == "win32", reason="links need privileges")
def test_symbolic_links_out_of_the_folder_are_refused(stored: Path) -> None:
    summary = stored / "summary.json"
    summary.rename(stored.parent / "elsewhere.json")
    summary.symlink_to(stored.parent / "elsewhere.json")

    with pytest.raises(ResultError, match="no plain file"):
        read_run(stored)

    summary.unlink()
    (stored.parent / "elsewhere.json").rename(summary)
    (stored / "pictures").rename(stored.parent / "elsewhere")
    (stored / "pictures").symlink_to(stored.parent / "elsewhere")

    with pytest.raises(ResultError, match="symbolic link"):
        read_run(stored)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_refused_and_not_waited_for(stored: Path) -> None:
    (stored / "manifest.json").unlink()
    os.mkfifo(stored / "manifest.json")

    with pytest.raises(ResultError, match="no plain file"):
        read_run(stored)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.pop("kind"),
        lambda manifest: manifest.update(kind="something-else"),
        lambda manifest: manifest.update(schema=2),
        lambda manifest: manifest.update(schema=True),
        lambda manifest: manifest.update(schema=[1]),
        lambda manifest: manifest.pop("schema"),
        lambda manifest: manifest.pop("command"),
        lambda manifest: manifest.pop("certain"),
        lambda manifest: manifest.update(certain=[1]),
        lambda manifest: manifest.update(seed="7"),
        lambda manifest: manifest.update(versions=None),
        lambda manifest: manifest.update(files=[]),
        lambda manifest: manifest.update(files={}),
        lambda manifest: manifest["files"].pop("summary.json"),
        lambda manifest: manifest["files"].update({"summary.json": None}),
        lambda manifest: manifest["files"]["summary.json"].update(bytes=-1),
        lambda manifest: manifest["files"]["summary.json"].update(bytes=1 << 60),
        lambda manifest: manifest["files"]["summary.json"].update(bytes="1"),
        lambda manifest: manifest["files"]["summary.json"].pop("sha256"),
        lambda manifest: manifest["files"].update({f"f{index}": {"bytes": 0, "sha256": ""} for index in range(1000)}),
        lambda manifest: manifest.update(fingerprint="of another run"),
    ],
)
def test_a_foreign_or_damaged_manifest_is_refused(stored: Path, change: Callable[[dict[str, Any]], object]) -> None:
    rewrite_manifest(stored, change)

    with pytest.raises(ResultError, match=r"(manifest|summary)\.json"):
        read_run(stored)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"kind": NaN}',
        b"[" * 100_000,
        b"9" * 10_000,
        b"\0" * 100,
        b" " * (2 << 20),
    ],
)
def test_anything_in_place_of_the_manifest_is_refused(stored: Path, content: bytes) -> None:
    (stored / "manifest.json").write_bytes(content)

    with pytest.raises(ResultError, match=r"manifest\.json"):
        read_run(stored)


def test_a_newer_schema_is_told_from_damage(stored: Path) -> None:
    rewrite_manifest(stored, lambda manifest: manifest.update(schema=2))

    with pytest.raises(ResultError, match="has schema 2, while this tierbench reads schema 1"):
        read_run(stored)


def test_a_message_hides_no_escape_sequence_from_a_manifest(stored: Path) -> None:
    rewrite_manifest(stored, lambda manifest: manifest.update(command="\x1b[2Jtrust me"))
    (stored / "series.csv").unlink()

    with pytest.raises(ResultError) as caught:
        read_run(stored)

    assert "\x1b" not in str(caught.value)


def test_a_folder_that_is_none_is_refused(place: Path) -> None:
    with pytest.raises(ResultError, match="is missing"):
        read_run(place / "nowhere")
    (place / "file").write_text("")
    with pytest.raises(ResultError, match="cannot be read"):
        read_run(place / "file")


def test_a_table_with_a_right_checksum_and_wrong_content_is_refused(stored: Path) -> None:
    for name, content in (("distributions.csv", b"system,operation\na,b\n"), ("series.csv", b'"')):
        (stored / name).write_bytes(content)
        entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        rewrite_manifest(stored, lambda manifest, name=name, entry=entry: manifest["files"].update({name: entry}))
    run = read_run(stored)

    with pytest.raises(ResultError, match=r"distributions\.csv"):
        run.distributions()
    with pytest.raises(ResultError, match=r"series\.csv"):
        run.series()


def test_a_file_name_that_is_no_text_does_not_lose_the_run(place: Path) -> None:
    """A command line may hold bytes that are no UTF-8; Python hands them on as lone surrogates."""
    written = contents()
    odd = RunContents(**{**vars(written), "command": "tierbench run caf\udce9.toml"})

    folder = write_run(open_target(place / "run"), odd)

    assert read_run(folder).manifest["command"] == "tierbench run caf\udce9.toml"
