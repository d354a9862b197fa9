"""Where a folder of results may be put: found out before the long work, and once more when it is written.

A folder takes the place of one of its own kind if it may, and never that of anything else.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.atomic import probe, write_folder
from bench.errors import ResultError, UsageError
from bench.manifest import MANIFEST, Kind, read_manifest

DERIVED = frozenset({"report.html"})
"""Files that can be made again from a folder; one that holds others beside its own is not overwritten."""
NAME_CHARACTERS_MAX = 60


@dataclass(frozen=True)
class Target:
    """A place that was found fit to take a folder of results.

    Args:
        kind: What kind of folder.
        folder: The folder; with `named` False, the one in which it will be made.
        named: The user named the folder.
        overwrite: A folder of its kind that is there may be replaced.
    """

    kind: Kind
    folder: Path
    named: bool
    overwrite: bool


def open_target(kind: Kind, out: Path | None, *, overwrite: bool = False) -> Target:
    """Check, before the long work, that a folder can be written; nothing is left there.

    Args:
        kind: What kind of folder.
        out: The folder; None for one in the default place of its kind, to be named when it is written.
        overwrite: A folder of its kind that is there may be replaced.

    Raises:
        UsageError: If the place is taken or not writable.
    """
    # Through a symbolic link, what it points to is replaced, not the link.
    folder = Path(os.path.realpath(kind.place if out is None else out))
    if out is not None:
        _check_free(folder, kind, overwrite=overwrite)
    with _writing(folder):
        probe(folder / kind.noun if out is None else folder)
    return Target(kind, folder, out is not None, overwrite)


def write_to(target: Target, files: Mapping[str, bytes], name: str) -> Path:
    """Write a folder, whole or not at all.

    Args:
        target: Where to.
        files: Contents by path, the manifest last.
        name: What the folder is called where the user did not name it.

    Returns:
        The folder. In the default place, one of the same name that holds something else is left alone, and the new one
        has a number behind its name.

    Raises:
        UsageError: If the place is taken by now, or cannot be written.
    """
    folder = target.folder if target.named else _default_folder(target, name)
    if target.named:
        _check_free(folder, target.kind, overwrite=target.overwrite)
    with _writing(folder):
        write_folder(folder, files)
    return folder


def file_name(text: str, otherwise: str) -> str:
    """A text, whatever it is, as part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:NAME_CHARACTERS_MAX].strip(".-") or otherwise


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Say what the system refuses as an error of the user's, to be mended with another place."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another place with --out"
        ) from error


def _check_free(folder: Path, kind: Kind, *, overwrite: bool) -> None:
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
        manifest, _ = read_manifest(folder, kind)
    except ResultError as error:
        what = f"holds something that is no {kind.noun} of tierbench"
        raise UsageError(f"{folder}: {what}; choose another place with --out") from error
    foreign = sorted(entries - {MANIFEST, *manifest["files"]} - DERIVED)
    if foreign:
        what = f"holds {foreign[0]}, which the {kind.noun} there did not write"
        raise UsageError(f"{folder}: {what}; move it, or choose another place with --out")
    if not overwrite:
        what = f"holds a {kind.noun} already"
        raise UsageError(f"{folder}: {what}; replace it with --overwrite, or choose another place with --out")


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


def _default_folder(target: Target, name: str) -> Path:
    """A folder of a name, or of that name with a number, that is free or holds one of the same kind."""
    for number in range(1, 100):
        folder = target.folder / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(UsageError):
            _check_free(folder, target.kind, overwrite=True)
            return folder
    raise UsageError(f"{target.folder / name}: is taken, and so are its numbered names; choose a place with --out")
