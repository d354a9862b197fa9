"""The command as a user runs it: inside this process, which is quick, or as a process of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.cli import main

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str


def tierbench(*arguments: str | Path, cwd: Path) -> Result:
    """Call the command inside this process."""
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(each) for each in arguments])
        except SystemExit as leave:
            code = leave.code
    assert isinstance(code, int), code
    return Result(code, out.getvalue(), err.getvalue())


def environment(**more: str) -> dict[str, str]:
    """This process's environment, with our code importable from anywhere."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def process(
    *arguments: str | Path, cwd: Path, variables: Mapping[str, str] | None = None, timeout_s: float = 120.0
) -> Result:
    """Call the command as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", *map(str, arguments)],
        cwd=cwd,
        env=environment(**(variables or {})),
        capture_output=True,
        encoding="utf-8",
        timeout=timeout_s,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def unread(*arguments: str | Path, cwd: Path) -> Result:
    """Call the command as a process whose stdout nobody reads any more, as with `tierbench run ... | head -1`."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench", *map(str, arguments)],
        cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    ) as running:  # fmt: skip
        assert running.stdout is not None
        running.stdout.close()
        assert running.stderr is not None
        err = running.stderr.read()
        return Result(running.wait(60), "", err)


def files_below(folder: Path) -> set[str]:
    """Everything in a folder, hidden files too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
