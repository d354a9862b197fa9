"""The command where it is installed in a place that nobody may write to, and there is no home either."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.command import ROOT, Result, environment

LOCKED = """
import os, sys

from bench.cli import main

allowed, tried = sys.argv[1], []
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")

def refuse(event, given):
    if event == "open":
        path, mode, flags = given
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    elif event in CHANGES:
        path, writes = given[0], True
    else:
        return
    if writes and isinstance(path, str | bytes | os.PathLike):
        where = os.path.abspath(os.fsdecode(path))
        if not where.startswith((allowed, "/dev/")):
            tried.append(where)
            raise PermissionError(13, "Permission denied", where)

sys.addaudithook(refuse)
try:
    main(sys.argv[2:])
finally:
    print(len(tried), file=sys.stderr)
"""
"""Runs the command, and refuses to change anything outside one folder, whoever runs it; says how often it was asked."""


def locked(*arguments: str, cwd: Path, home: Path) -> Result:
    """The command in a process that may change nothing outside a folder."""
    done = subprocess.run(
        [sys.executable, "-c", LOCKED, str(cwd), *arguments], cwd=cwd, capture_output=True, encoding="utf-8",
        env=environment(HOME=str(home), XDG_CACHE_HOME=str(home / "cache"), MPLCONFIGDIR=str(cwd / "mpl"),
                        TMPDIR=str(cwd), PYTHONDONTWRITEBYTECODE="1"), timeout=120.0,
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_an_install_that_cannot_be_written_to_works(engine: str, tmp_path: Path) -> None:
    """Code is compiled and not kept; results go where the user is."""
    folder, home = tmp_path / "work", ROOT / "no-such-home"
    folder.mkdir()

    done = locked(
        "run", "queue_mmc", "--engine", engine, "--json", "--set", "replications=1", "--set", "duration_s=2",
        "--set", "warmup_s=1", cwd=folder, home=home,
    )  # fmt: skip

    assert done.code in (0, 1, 5), done.err
    assert json.loads(done.out)["systems"]
    assert list(folder.rglob("manifest.json"))
    assert not home.exists()
    refused = int(done.err.splitlines()[-1])
    assert (refused > 0) == (engine == "compiled"), "the code's folder was asked for, and nothing else"
