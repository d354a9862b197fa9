"""Rows of numbers that are written once and read often, kept in a temporary file as soon as they are many.

The file has no name and is gone with the last reference to the rows, or with the process. It takes the bytes of a row
for each of them, in the folder that `tempfile` chooses: TMPDIR's, or else the system's own. Where that folder lies in
memory (tmpfs), so do the rows.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from io import FileIO
from typing import Any

import numpy as np
import numpy.typing as npt

HELD_BYTES = 8 << 20
"""Rows are held in memory up to so many bytes."""


class Spool:
    """Rows of numbers.

    Args:
        row: The names and types of a row's numbers.
    """

    def __init__(self, row: np.dtype[Any]) -> None:
        self.row = row
        self._held = bytearray()
        self._file: FileIO | None = None

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Put rows behind those there are; raises OSError if the file cannot be made or written."""
        self._held += rows.tobytes()
        if self._file is not None or len(self._held) > HELD_BYTES:
            self._write()

    def read(self, first: int, last: int) -> npt.NDArray[Any]:
        """The rows from one on up to another, both of which there are, shape (last - first,)."""
        start, size = first * self.row.itemsize, (last - first) * self.row.itemsize
        # By its offset, not where the file stands: that is one place for all who read, even across a fork. And not
        # mapped: mapped pages count as memory of the process.
        data = self._held[start : start + size] if self._file is None else os.pread(self._file.fileno(), size, start)
        return np.ndarray(last - first, self.row, data)

    def _write(self) -> None:
        """Move what is held to the end of the file."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (closed with the rows)
            weakref.finalize(self, self._file.close)
        rest = memoryview(self._held)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._held = bytearray()
