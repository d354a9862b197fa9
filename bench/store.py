"""The run folder: everything that a run produced, written whole or not at all, and read only if nothing has changed.

    manifest.json        what the folder holds, with size and checksum of each file, and how to make it again
    summary.json         the document of `run`
    scenario.toml        the scenario with every default filled in
    distributions.csv    latencies: non-empty bins by system, operation and replication
    values.csv           every figure of every system, replication by replication
    series.csv           the course over time
    notes.csv            what control did, and when
    pictures/NAME.*      each picture as SVG, as PNG, and as the numbers in it

The manifest is written last. A reader trusts nothing that it says: paths stay within the folder, sizes are bounded, and
a file whose checksum differs is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.atomic import probe, write_folder
from bench.datafiles import (
    SeriesRow,
    StoredDistribution,
    StoredNote,
    distributions_text,
    notes_text,
    parse_distributions,
    parse_notes,
    parse_series,
    parse_values,
    series_text,
    values_text,
)
from bench.errors import LimitError, Problem, ResultError, UsageError
from bench.machine import sources_digest
from bench.pictures.data import Picture
from bench.statistics.values import Figure, figures_of
from models.kernel.outcome import Outcome

SCHEMA = 1
KIND = "tierbench-run"
MANIFEST = "manifest.json"
REQUIRED = ("summary.json", "scenario.toml", "values.csv", "distributions.csv", "series.csv")
DEFAULT_PLACE = Path("results", "runs")
"""Below the current directory."""
DERIVED = frozenset({"report.html"})
"""Files that can be made again from a run; a folder that holds others beside its own is not overwritten."""

MANIFEST_BYTES_MAX = 1 << 20
DOCUMENT_BYTES_MAX = 1 << 26
"""Bytes of the document and of the scenario, which are read into memory at once."""
FILE_BYTES_MAX = 1 << 30
"""Bytes of any other file. A replication's distribution of one operation takes about 200 kB."""
FILES_MAX = 200
FINGERPRINT_PREFIX = 12
"""Characters of the fingerprint in a folder's name."""

_DOCUMENTS = ("summary.json", "scenario.toml")
_PIECE_BYTES = 1 << 20

# No part begins with a point, so none leads up or hides.
_SAFE_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){0,3}")


@dataclass(frozen=True)
class RunContents:
    """What a run leaves behind.

    Args:
        summary: The document of `run`.
        scenario_toml: The resolved scenario, as text.
        outcomes: Replications by system.
        pictures: Pictures by name.
        seed: The seed that was used.
        replications: Replications of each system.
        command: The command that reproduces the run.
        certain: Systems that left nothing to chance, whose single replication is exact.
    """

    summary: Mapping[str, Any]
    scenario_toml: str
    outcomes: Mapping[str, Sequence[Outcome]]
    pictures: Mapping[str, Picture]
    seed: int
    replications: int
    command: str
    certain: Collection[str] = ()


@dataclass(frozen=True)
class Target:
    """A place that was found fit to take a run.

    Args:
        folder: The run folder; with `named` False, the folder in which one will be made.
        named: The user named the folder.
        overwrite: A run folder that is there may be replaced.
    """

    folder: Path
    named: bool
    overwrite: bool


@dataclass(frozen=True)
class StoredRun:
    """A run folder that was read and found unchanged.

    Args:
        folder: Where it is.
        manifest: The manifest.
        summary: The document of `run`.
        scenario_toml: The resolved scenario.
    """

    folder: Path
    manifest: Mapping[str, Any]
    summary: Mapping[str, Any]
    scenario_toml: str

    def content(self, name: str) -> bytes:
        """A file of the run, such as "pictures/bars.svg", once more compared with the manifest.

        Raises:
            ResultError: If the run has no such file, or it has changed by now.
        """
        path = self.folder / name
        if name not in self.manifest["files"]:
            raise ResultError(f"{path}: is no file of this run; it has {', '.join(self.manifest['files'])}")
        return b"".join(_checked(self.folder, name, self.manifest))

    def figures(self) -> list[Figure]:
        """Every figure of every system, replication by replication.

        Raises:
            ResultError: If the file is not what it should be.
        """
        with _reading(self.folder / "values.csv"):
            return parse_values(self.content("values.csv").decode(), self.manifest["certain"])

    def distributions(self) -> list[StoredDistribution]:
        """Latencies by system, operation and replication.

        Raises:
            ResultError: If the file is not what it should be.
        """
        with _reading(self.folder / "distributions.csv"):
            return parse_distributions(self.content("distributions.csv").decode())

    def series(self) -> list[SeriesRow]:
        """The course over time.

        Raises:
            ResultError: If the file is not what it should be.
        """
        with _reading(self.folder / "series.csv"):
            return parse_series(self.content("series.csv").decode())

    def notes(self) -> list[StoredNote]:
        """What control did; nothing where the run was written before there were notes.

        Raises:
            ResultError: If the file is not what it should be.
        """
        if "notes.csv" not in self.manifest["files"]:
            return []
        with _reading(self.folder / "notes.csv"):
            return parse_notes(self.content("notes.csv").decode())


# Writing ------------------------------------------------------------------------------------------------------------


def open_target(out: Path | None, *, overwrite: bool = False) -> Target:
    """Check, before the long work, that a run can be written; nothing is left there.

    Args:
        out: The run folder; None for one below `results/runs`, named after scenario and fingerprint.
        overwrite: A run folder that is there may be replaced.

    Raises:
        UsageError: If the place is taken or not writable.
    """
    # Through a symbolic link, what it points to is replaced, not the link.
    folder = Path(os.path.realpath(DEFAULT_PLACE if out is None else out))
    if out is not None:
        _check_free(folder, overwrite=overwrite)
    with _writing(folder):
        probe(folder / "run" if out is None else folder)
    return Target(folder, out is not None, overwrite)


def write_run(target: Target, contents: RunContents) -> Path:
    """Write a run folder, whole or not at all.

    Returns:
        The folder. In the default place, one of the same name that holds something else is left alone, and the new one
        has a number behind its name.

    Raises:
        UsageError: If the place is taken by now, or cannot be written.
    """
    files = _files(contents)
    files[MANIFEST] = _json(_manifest(contents, files))
    folder = target.folder if target.named else _default_folder(target.folder, contents.summary)
    if target.named:
        _check_free(folder, overwrite=target.overwrite)
    with _writing(folder):
        write_folder(folder, files)
    return folder


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Say what the system refuses as an error of the user's, to be mended with another place."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another place with --out"
        ) from error


def _check_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a place that holds anything of somebody else's."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise UsageError(f"{folder}: is a file; choose a folder with --out")
    if Path.cwd().is_relative_to(folder):
        raise UsageError(f"{folder}: holds the current directory; choose a folder below it with --out")
    with _writing(folder):
        entries = _entries(folder)
    if not entries:
        return
    try:
        ours = {MANIFEST, *_read_manifest(folder)["files"]}
    except ResultError as error:
        what = "holds something that is no run of tierbench"
        raise UsageError(f"{folder}: {what}; choose another place with --out") from error
    foreign = sorted(entries - ours - DERIVED)
    if foreign:
        what = f"holds {foreign[0]}, which the run there did not write"
        raise UsageError(f"{folder}: {what}; move it, or choose another place with --out")
    if not overwrite:
        raise UsageError(f"{folder}: holds a run already; remove it, or choose another place with --out")


def _entries(folder: Path) -> set[str]:
    """Paths of all files below a folder, and of empty folders."""
    found = set()
    for place, folders, names in os.walk(folder, onerror=_raise):
        relative = Path(place).relative_to(folder)
        found |= {(relative / name).as_posix() for name in names}
        found |= {(relative / name).as_posix() for name in folders if (Path(place) / name).is_symlink()}
        if not folders and not names and place != str(folder):
            found.add(relative.as_posix())
    return found


def _raise(error: OSError) -> None:
    raise error


def _default_folder(place: Path, summary: Mapping[str, Any]) -> Path:
    """A folder named after scenario and fingerprint, that is free or holds a run of the same name."""
    scenario = re.sub(r"[^A-Za-z0-9._-]+", "-", str(summary["scenario"]))[:60].strip(".-") or "run"
    name = f"{scenario}-{str(summary['fingerprint'])[:FINGERPRINT_PREFIX]}"
    for number in range(1, 100):
        folder = place / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(UsageError):
            _check_free(folder, overwrite=True)
            return folder
    raise UsageError(f"{place / name}: is taken, and so are its numbered names; choose a place with --out")


def _files(contents: RunContents) -> dict[str, bytes]:
    """All files but the manifest, by path."""
    files = {
        "summary.json": _json(contents.summary),
        "scenario.toml": contents.scenario_toml.encode(errors="backslashreplace"),
        "values.csv": values_text(figures_of(contents.outcomes, contents.certain)).encode(),
        "distributions.csv": distributions_text(contents.outcomes).encode(),
        "series.csv": series_text(contents.outcomes, contents.certain).encode(),
        "notes.csv": notes_text(contents.outcomes).encode(),
    }
    for name, picture in contents.pictures.items():
        files |= {
            f"pictures/{name}.svg": picture.svg,
            f"pictures/{name}.png": picture.png,
            f"pictures/{name}.csv": picture.csv.encode(),
        }
    assert all(_SAFE_PATH.fullmatch(name) for name in files), sorted(files)
    too_large = [name for name in files if len(files[name]) > _bytes_max(name)]
    if too_large:
        what = f"would be larger than {_bytes_max(too_large[0]):,} bytes"
        raise LimitError([Problem(too_large[0], what=what, remedy="ask for fewer replications")])
    return files


def _bytes_max(name: str) -> int:
    return DOCUMENT_BYTES_MAX if name in _DOCUMENTS else FILE_BYTES_MAX


def _manifest(contents: RunContents, files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "scenario": contents.summary["scenario"],
        "fingerprint": contents.summary["fingerprint"],
        "seed": contents.seed,
        "replications": contents.replications,
        "certain": sorted(contents.certain),
        "engine": "+".join(sorted({system["engine"] for system in contents.summary["systems"].values()})),
        "versions": {"python": platform.python_version()}
        | {name: _version(name) for name in ("tierbench", "numpy", "simpy", "numba")}
        | {"models": sources_digest("models")},
        "command": contents.command,
        "files": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(files.items())
        },
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _json(document: Mapping[str, Any]) -> bytes:
    # What a terminal would obey or not show (a bidirectional override, or a lone surrogate from a file name that is no
    # UTF-8) can only stand within strings, and becomes the escape that JSON has for it.
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text).encode()


# Reading ------------------------------------------------------------------------------------------------------------


def read_run(folder: Path) -> StoredRun:
    """Read a run folder, if all of it is there and nothing has changed.

    Files that the manifest does not name are not looked at.

    Raises:
        ResultError: If anything is missing, changed, too large or of another kind; it names the file and what to do.
    """
    manifest = _read_manifest(folder)
    documents = {name: b"".join(_checked(folder, name, manifest)) for name in _DOCUMENTS}
    for name in manifest["files"].keys() - documents.keys():
        for _ in _checked(folder, name, manifest):
            pass
    with _reading(folder / "summary.json"):
        summary = _parse_json(documents["summary.json"])
        if not isinstance(summary, dict) or summary.get("schema") != SCHEMA:
            raise ValueError("it is no document of a run")
        if any(summary.get(key) != manifest[key] for key in ("scenario", "fingerprint")):
            raise ValueError("it belongs to another run than the manifest")
    with _reading(folder / "scenario.toml"):
        scenario_toml = documents["scenario.toml"].decode()
    return StoredRun(folder, manifest, summary, scenario_toml)


def _read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, checked for its form."""
    path = folder / MANIFEST
    with _reading(path, "give the folder of a finished run"):
        _check_regular(path, MANIFEST_BYTES_MAX)
        with path.open("rb") as file:
            manifest = _parse_json(file.read(MANIFEST_BYTES_MAX))
        if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
            raise ValueError("it is no manifest of a run of tierbench")
    schema = manifest.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        what = schema if isinstance(schema, int | str) else "none"
        raise ResultError(
            f"{path}: has schema {what}, while this tierbench reads schema {SCHEMA}; "
            "read it with the version of tierbench that wrote it, or run its scenario again"
        )
    with _reading(path):
        files = manifest.get("files")
        if not isinstance(files, dict) or not files or len(files) > FILES_MAX:
            raise ValueError(f"it does not list between 1 and {FILES_MAX} files")
        for key in ("scenario", "fingerprint", "command"):
            if not isinstance(manifest.get(key), str):
                raise ValueError(f"its {key} is no text")  # noqa: TRY004 - wrong content, not a wrong call
        certain = manifest.get("certain")
        if not isinstance(certain, list) or not all(isinstance(name, str) for name in certain):
            raise ValueError("it does not say which systems left nothing to chance")
        for name, entry in files.items():
            _check_entry(name, entry)
        for name in REQUIRED:
            if name not in files:
                raise ValueError(f"it does not list {name}")
    return manifest


def _check_entry(name: str, entry: object) -> None:
    """A file's path stays within the folder, its size is bounded, its checksum is one."""
    if not _SAFE_PATH.fullmatch(name) or name == MANIFEST:
        raise ValueError(f"it lists {name!r}, which is no path within the folder")
    if not isinstance(entry, dict) or type(entry.get("bytes")) is not int or not isinstance(entry.get("sha256"), str):
        raise ValueError(f"it does not give size and checksum of {name}")
    if not 0 <= entry["bytes"] <= _bytes_max(name):
        raise ValueError(f"{name} is larger than {_bytes_max(name):,} bytes")


def _checked(folder: Path, name: str, manifest: Mapping[str, Any]) -> Iterator[bytes]:
    """Content of a file, piece by piece; complains at its end if it is not what the manifest says."""
    path = folder / name
    expected = manifest["files"][name]
    digest = hashlib.sha256()
    with _reading(path, f"make the run again: {manifest['command']}"):
        for place in path.relative_to(folder).parents[:-1]:
            if (folder / place).is_symlink():
                raise ValueError(f"{place} is a symbolic link")
        size = _check_regular(path, _bytes_max(name))
        if size != expected["bytes"]:
            raise ValueError(f"it has {size:,} bytes instead of {expected['bytes']:,}")
        with path.open("rb") as file:
            left = size
            while left and (piece := file.read(min(left, _PIECE_BYTES))):
                digest.update(piece)
                left -= len(piece)
                yield piece
        if digest.hexdigest() != expected["sha256"]:
            raise ValueError("it was changed after the run: its checksum differs")


def _check_regular(path: Path, bytes_max: int) -> int:
    """Size of a plain file (a pipe would keep its reader waiting), if it is bounded."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no plain file")
    if status.st_size > bytes_max:
        raise ValueError(f"it is larger than {bytes_max:,} bytes")
    return status.st_size


def _parse_json(content: bytes) -> Any:
    return json.loads(content.decode(), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


@contextlib.contextmanager
def _reading(path: Path, remedy: str = "make the run again") -> Iterator[None]:
    """Say what is wrong with a file as an error that names the file and what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise ResultError(f"{path}: is missing; {remedy}") from error
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror or error}); {remedy}") from error
    except RecursionError as error:
        raise ResultError(f"{path}: is nested too deeply; {remedy}") from error
    except ValueError as error:
        raise ResultError(f"{path}: cannot be used: {error}; {remedy}") from error
