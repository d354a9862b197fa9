"""Folders of results that say themselves what they hold: a manifest with the size and the checksum of each file.

The manifest is written last. A reader trusts nothing that it says: paths stay within the folder, sizes are bounded, and
a file whose checksum differs is not used. What kinds of folder there are, and what each holds, is said by a `Kind`;
where a folder may be put is the business of `bench.targets`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.errors import LimitError, Problem, ResultError
from bench.machine import sources_digest
from bench.pictures.data import Picture

SCHEMA = 1
MANIFEST = "manifest.json"

MANIFEST_BYTES_MAX = 1 << 20
DOCUMENT_BYTES_MAX = 1 << 26
"""Bytes of a document, which is read into memory at once."""
FILE_BYTES_MAX = 1 << 30
"""Bytes of any other file. A replication's distribution of one operation takes about 200 kB."""
FILES_MAX = 1000

_PIECE_BYTES = 1 << 20

# No part begins with a point, so none leads up or hides.
_SAFE_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){0,3}")


@dataclass(frozen=True)
class Kind:
    """A kind of folder.

    Args:
        name: What the manifest calls it.
        noun: What people call it: "run".
        place: Where such folders are put by default, below the current directory.
        documents: Files that are read into memory at once.
        required: Files that it always has.
        texts: Keys of its manifest that hold a text, beside `command`.
    """

    name: str
    noun: str
    place: Path
    documents: tuple[str, ...]
    required: tuple[str, ...]
    texts: tuple[str, ...] = ()

    def bytes_max(self, file: str) -> int:
        """How large a file may be."""
        return DOCUMENT_BYTES_MAX if file in self.documents else FILE_BYTES_MAX


# Writing ------------------------------------------------------------------------------------------------------------


def with_manifest(kind: Kind, files: Mapping[str, bytes], command: str, facts: Mapping[str, Any]) -> dict[str, bytes]:
    """All files of a folder, the manifest last.

    Args:
        kind: What kind of folder it will be.
        files: Contents by path.
        command: The command that makes it again.
        facts: What else the manifest says.

    Raises:
        LimitError: If a file is larger than it may be.
    """
    assert all(_SAFE_PATH.fullmatch(name) for name in files), sorted(files)
    too_large = [name for name in files if len(files[name]) > kind.bytes_max(name)]
    if too_large:
        what = f"would be larger than {kind.bytes_max(too_large[0]):,} bytes"
        raise LimitError([Problem(too_large[0], what=what, remedy="ask for fewer replications")])
    if len(files) > FILES_MAX:
        what = f"would hold {len(files):,} files; the limit is {FILES_MAX:,}"
        raise LimitError([Problem(kind.noun, what=what, remedy="ask for fewer systems, or export less")])
    manifest = {
        "schema": SCHEMA,
        "kind": kind.name,
        **facts,
        "versions": versions(),
        "command": command,
        "files": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(files.items())
        },
    }
    return {**files, MANIFEST: json_bytes(manifest)}


def versions() -> dict[str, str | None]:
    """Versions of all that a result may depend on, and a digest of the models."""
    return (
        {"python": platform.python_version()}
        | {name: _version(name) for name in ("tierbench", "numpy", "simpy", "llvmlite")}
        | {"models": sources_digest("models")}
    )


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """A document as a file."""
    # What a terminal would obey or not show (a bidirectional override, or a lone surrogate from a file name that is no
    # UTF-8) can only stand within strings, and becomes the escape that JSON has for it.
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text).encode()


def picture_files(pictures: Mapping[str, Picture]) -> dict[str, bytes]:
    """Pictures as the files of a folder."""
    files: dict[str, bytes] = {}
    for name, picture in pictures.items():
        files |= {
            f"pictures/{name}.svg": picture.svg,
            f"pictures/{name}.png": picture.png,
            f"pictures/{name}.csv": picture.csv.encode(),
            f"pictures/{name}.json": picture.data,
        }
    return files


# Reading ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StoredFolder:
    """A folder that was read and found unchanged.

    Args:
        folder: Where it is.
        kind: Its kind.
        manifest: The manifest.
    """

    folder: Path
    kind: Kind
    manifest: Mapping[str, Any]

    def content(self, name: str) -> bytes:
        """A file of the folder, such as "pictures/bars.svg", once more compared with the manifest.

        Raises:
            ResultError: If the folder has no such file, or it has changed by now.
        """
        path = self.folder / name
        if name not in self.manifest["files"]:
            files = ", ".join(self.manifest["files"])
            raise ResultError(f"{path}: is no file of this {self.kind.noun}; it has {files}")
        return b"".join(_pieces(self.folder, name, self.kind, self.manifest))


def read_folder(folder: Path, kind: Kind) -> tuple[StoredFolder, dict[str, bytes]]:
    """A folder, if all of it is there and nothing has changed, and its documents.

    Files that the manifest does not name are not looked at.

    Raises:
        ResultError: If anything is missing, changed, too large or of another kind; it names the file and what to do.
    """
    manifest, _ = read_manifest(folder, kind)
    documents = {name: b"".join(_pieces(folder, name, kind, manifest)) for name in kind.documents}
    for name in manifest["files"].keys() - documents.keys():
        for _ in _pieces(folder, name, kind, manifest):
            pass
    return StoredFolder(folder, kind, manifest), documents


def read_manifest(folder: Path, *kinds: Kind) -> tuple[dict[str, Any], Kind]:
    """The manifest of a folder of one of these kinds, checked for its form; and which of them it is.

    Raises:
        ResultError: If there is none, or it is not what it should be.
    """
    path = folder / MANIFEST
    nouns = " or ".join(kind.noun for kind in kinds)
    with reading(path, f"give the folder of a finished {nouns}"):
        _check_regular(path, MANIFEST_BYTES_MAX)
        with path.open("rb") as file:
            manifest = parse_json(file.read(MANIFEST_BYTES_MAX))
        named = manifest.get("kind") if isinstance(manifest, dict) else None
        found = [kind for kind in kinds if kind.name == named]
        if not found:
            raise ValueError(f"it is no manifest of a {nouns} of tierbench")
    (kind,) = found
    schema = manifest.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        what = schema if isinstance(schema, int | str) else "none"
        raise ResultError(
            f"{path}: has schema {what}, while this tierbench reads schema {SCHEMA}; "
            f"read it with the version of tierbench that wrote it, or make the {kind.noun} again"
        )
    with reading(path, f"make the {kind.noun} again"):
        files = manifest.get("files")
        if not isinstance(files, dict) or not files or len(files) > FILES_MAX:
            raise ValueError(f"it does not list between 1 and {FILES_MAX} files")
        for key in (*kind.texts, "command"):
            if not isinstance(manifest.get(key), str):
                raise ValueError(f"its {key} is no text")  # noqa: TRY004 - wrong content, not a wrong call
        for name, entry in files.items():
            _check_entry(name, entry, kind)
        for name in kind.required:
            if name not in files:
                raise ValueError(f"it does not list {name}")
    return manifest, kind


def _check_entry(name: str, entry: object, kind: Kind) -> None:
    """A file's path stays within the folder, its size is bounded, its checksum is one."""
    if not _SAFE_PATH.fullmatch(name) or name == MANIFEST:
        raise ValueError(f"it lists {name!r}, which is no path within the folder")
    if not isinstance(entry, dict) or type(entry.get("bytes")) is not int or not isinstance(entry.get("sha256"), str):
        raise ValueError(f"it does not give size and checksum of {name}")
    if not 0 <= entry["bytes"] <= kind.bytes_max(name):
        raise ValueError(f"{name} is larger than {kind.bytes_max(name):,} bytes")


def _pieces(folder: Path, name: str, kind: Kind, manifest: Mapping[str, Any]) -> Iterator[bytes]:
    """Content of a file, piece by piece; complains at its end if it is not what the manifest says."""
    path = folder / name
    expected = manifest["files"][name]
    digest = hashlib.sha256()
    with reading(path, f"make the {kind.noun} again: {manifest['command']}"):
        for place in path.relative_to(folder).parents[:-1]:
            if (folder / place).is_symlink():
                raise ValueError(f"{place} is a symbolic link")
        size = _check_regular(path, kind.bytes_max(name))
        if size != expected["bytes"]:
            raise ValueError(f"it has {size:,} bytes instead of {expected['bytes']:,}")
        with path.open("rb") as file:
            left = size
            while left and (piece := file.read(min(left, _PIECE_BYTES))):
                digest.update(piece)
                left -= len(piece)
                yield piece
        if digest.hexdigest() != expected["sha256"]:
            raise ValueError(f"it was changed after the {kind.noun}: its checksum differs")


def _check_regular(path: Path, bytes_max: int) -> int:
    """Size of a plain file (a pipe would keep its reader waiting), if it is bounded."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no plain file")
    if status.st_size > bytes_max:
        raise ValueError(f"it is larger than {bytes_max:,} bytes")
    return status.st_size


def parse_json(content: bytes) -> Any:
    """A document, without the constants that JSON lacks.

    Raises:
        ValueError: If it is none.
    """
    return json.loads(content.decode(), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


@contextlib.contextmanager
def reading(path: Path, remedy: str = "make it again") -> Iterator[None]:
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
