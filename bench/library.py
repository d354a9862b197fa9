"""The scenarios that ship: by name, wherever the package is installed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.scenario.suggest import hint
from bench.terminal import safe_text


@dataclass(frozen=True)
class Entry:
    """A scenario that ships.

    Args:
        name: As `run` takes it.
        path: Its file.
        question: What it asks.
    """

    name: str
    path: Path
    question: str


def folder() -> Path:
    """Where the scenarios are: in the package, or in the checkout beside it."""
    packaged = Path(__file__).parent / "scenarios"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "scenarios"


def baselines() -> Path:
    """Where the baselines of these scenarios are: in the package, or in the checkout beside it."""
    packaged = Path(__file__).parent / "baselines"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "results" / "baselines"


def entries() -> list[Entry]:
    """All scenarios that ship, by name."""
    return [Entry(path.stem, path, str(read(path).get("question", ""))) for path in sorted(folder().glob("*.toml"))]


def read(path: Path) -> dict[str, Any]:
    """The values of a scenario that ships."""
    return tomllib.loads(path.read_text("utf-8"))


def find(name: str) -> Path:
    """The file that a user means: a path, or the name of a scenario that ships.

    Raises:
        UsageError: If there is neither.
    """
    path = Path(name)
    looks_like_path = path.suffix != "" or path.name != name
    if looks_like_path or path.exists():
        return path
    known = {entry.name: entry.path for entry in entries()}
    if name not in known:
        remedy = hint(name, list(known), "scenarios that ship")
        raise UsageError(f"{safe_text(name)}: no such file or scenario; {remedy}")
    return shortest(known[name])


def ships(path: Path) -> bool:
    """Whether a file is that of a scenario that ships."""
    return path.resolve() in {entry.path.resolve() for entry in entries()}


def shortest(path: Path) -> Path:
    """A path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
