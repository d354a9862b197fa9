"""Writing a folder, or a single file, whole or not at all.

A folder's files are written into a sibling of the folder, `.NAME.partial-*`, and forced to disk, one after the other;
then the sibling takes the folder's name in one step, or changes places with a folder of that name. An exception on the
way, Ctrl-C included, removes the sibling. If the process is killed, the sibling stays, but never under the folder's
name, and the next write to the same place clears it away; a lock tells it from one that is still being written. A
single file is written beside its place and takes its name in the same way.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path


def probe(folder: Path) -> None:
    """Find out whether a folder can be made here, and leave nothing.

    Raises:
        OSError: If it cannot.
    """
    ancestor = next(place for place in folder.parents if place.exists())
    trial = ancestor / f"{_prefix(folder)}{secrets.token_hex(6)}"
    trial.mkdir()
    trial.rmdir()


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder, in the order of `files`, in place of one of that name, if there is one.

    Args:
        folder: An absolute path; what is missing above it is made.
        files: Contents by path within the folder.

    Raises:
        OSError: If the system refuses; then everything is as it was before.
    """
    with _parents_made(folder.parent):
        _sweep(folder)
        _write_whole(folder, files)


def write_file(path: Path, content: bytes, *, new: bool = False) -> None:
    """Write a file in place of one of that name, if there is one.

    Args:
        path: The file; folders that are missing above it are made, unless it is to be new.
        content: All of it.
        new: Only where there is none.

    Raises:
        FileExistsError: If `new`, and something has this name; it stays as it is.
        OSError: If the system refuses; then everything is as it was before.
    """
    with contextlib.nullcontext() if new else _parents_made(path.parent):
        _sweep(path)
        partial = path.with_name(f"{_prefix(path)}{secrets.token_hex(6)}")
        try:
            with partial.open("xb") as file, _locked(partial):
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if new:
                _take_name(partial, path)
            else:
                partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _take_name(partial: Path, path: Path) -> None:
    """Give a whole file its name, unless something has it; where there are no links, it stands empty for an instant."""
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:
        path.open("xb").close()
        partial.replace(path)


def _write_whole(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files to a sibling, the last one last, and give it the folder's name."""
    partial, lock = _make_partial(folder)
    try:
        for name, content in files.items():
            path = partial / name
            path.parent.mkdir(exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for place in sorted({(partial / name).parent for name in files}, reverse=True):
            _sync_folder(place)
        _put_in_place(partial, folder)
        # By now the folder is there and whole; at worst its name does not survive a power failure.
        with contextlib.suppress(OSError):
            _sync_folder(folder.parent)
    finally:
        _unlock(lock)
        # In place, there is nothing left under this name, or else it is the folder that was replaced.
        shutil.rmtree(partial, ignore_errors=True)


def _put_in_place(partial: Path, folder: Path) -> None:
    """Give the new folder its name; if there is one of that name, the two change places.

    Where the system cannot swap two names at once, the old one steps aside for an instant, whole, and comes back if the
    new one cannot take its place.
    """
    if not (folder.exists() and any(folder.iterdir())):
        partial.rename(folder)
    elif not _exchange(partial, folder):
        aside = partial.with_name(partial.name.replace(".partial-", ".previous-"))
        folder.rename(aside)
        try:
            partial.rename(folder)
        except BaseException:
            aside.rename(folder)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step, where the system can: Linux and macOS."""
    if os.name != "posix":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    paths = (os.fsencode(one), os.fsencode(other))
    if hasattr(library, "renameat2"):
        at_cwd, exchange = -100, 2
        return bool(library.renameat2(at_cwd, paths[0], at_cwd, paths[1], exchange) == 0)
    if hasattr(library, "renamex_np"):
        swap = 2
        return bool(library.renamex_np(*paths, swap) == 0)
    return False


def _make_partial(folder: Path) -> tuple[Path, int | None]:
    """A fresh sibling, and its lock, which tells a sweep that its writer is alive."""
    while True:
        partial = folder.with_name(f"{_prefix(folder)}{secrets.token_hex(6)}")
        partial.mkdir()
        lock = _lock(partial)
        # A sweep may have taken it for a leftover in the instant before it was locked.
        if partial.exists():
            return partial, lock
        _unlock(lock)


def _prefix(folder: Path) -> str:
    """How the names of its siblings begin; a long name is cut, since names have a greatest length."""
    return f".{folder.name[:100]}.partial-"


def _sweep(folder: Path) -> None:
    """Remove what writers that were killed left beside the folder."""
    for leftover in folder.parent.glob(f"{glob.escape(_prefix(folder))}*"):
        lock = _lock(leftover)
        if lock is not None:
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
            _unlock(lock)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Within, a sweep leaves this alone."""
    lock = _lock(path)
    try:
        yield
    finally:
        _unlock(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder or file; None if somebody else has, or if the system cannot."""
    if sys.platform == "win32":
        return None
    import fcntl

    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
        else:
            return descriptor
    return None


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _sync_folder(folder: Path) -> None:
    """Force a folder's entries to disk; Windows has no such thing."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _parents_made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; if what follows fails, remove those that were made."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for place in missing:
            with contextlib.suppress(OSError):
                place.rmdir()
        raise
