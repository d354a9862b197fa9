"""Finished cells, kept by what they are made of, so that a sweep that was ended goes on where it stopped.

Each cell is one file, `KEY.json`, written whole or not at all: a first line with its checksum, a second one with what
the cell gave. The key stands for the cell's scenario, its trace and our own code; so a file is either right or belongs
to something else, and cells that two sweeps have in common are simulated once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.atomic import write_file
from bench.errors import ResultError, UsageError
from bench.statistics.values import Figure, figures_from, rows_of

DEFAULT_PLACE = Path("results", "cells")
"""Below the current directory."""
SCHEMA = 1
BYTES_MAX = 1 << 27


@dataclass(frozen=True)
class Kept:
    """What a finished cell gave.

    Args:
        document: The document of its run.
        figures: Every figure of every system, replication by replication.
        warnings: What the reader should know before believing the figures.
    """

    document: Mapping[str, Any]
    figures: tuple[Figure, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Keeper:
    """A folder of finished cells.

    Args:
        folder: Where it is.
        fresh: Whatever is there is left unread, and written anew.
    """

    folder: Path
    fresh: bool = False

    def find(self, key: str) -> Kept | None:
        """The cell of that key, if it is finished.

        Raises:
            ResultError: If its file is not what was written.
        """
        path = self._path(key)
        if self.fresh:
            return None
        try:
            with path.open("rb") as file:
                return _parsed(key, file.read(BYTES_MAX + 1))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ResultError(f"{path}: cannot be read ({error.strerror or error}); remove it") from error
        except ValueError as error:
            raise ResultError(f"{path}: cannot be used: {error}; remove it, and its cell is simulated again") from error

    def keep(self, key: str, cell: Kept) -> None:
        """Write a finished cell.

        Raises:
            UsageError: If the system refuses.
        """
        path = self._path(key)
        try:
            write_file(path, _text(key, cell))
        except OSError as error:
            what = f"cannot be written ({error.strerror or error})"
            raise UsageError(f"{path}: {what}; choose another place with --cells") from error

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def _text(key: str, cell: Kept) -> bytes:
    certain = sorted({figure.system for figure in cell.figures if figure.certain})
    content = {
        "document": cell.document, "figures": list(rows_of(cell.figures)), "certain": certain,
        "warnings": list(cell.warnings),
    }  # fmt: skip
    body = json.dumps(content, allow_nan=False).encode()
    return _head(key, body) + body + b"\n"


def _head(key: str, body: bytes) -> bytes:
    head = {"kind": "tierbench-cell", "schema": SCHEMA, "key": key, "sha256": hashlib.sha256(body).hexdigest()}
    return json.dumps(head).encode() + b"\n"


def _parsed(key: str, text: bytes) -> Kept:
    if len(text) > BYTES_MAX:
        raise ValueError(f"it is larger than {BYTES_MAX:,} bytes")
    head, _, rest = text.partition(b"\n")
    body = rest.removesuffix(b"\n")
    if head + b"\n" != _head(key, body) or len(rest) != len(body) + 1:
        raise ValueError("it is no cell, or was changed: its checksum differs")
    content = json.loads(body)
    figures = figures_from(map(tuple, content["figures"]), content["certain"])
    return Kept(content["document"], tuple(figures), tuple(content["warnings"]))
