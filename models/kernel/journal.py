"""What the control plane says of itself: notes of what it did, and levels that it sets.

A failover's stages, say, with the time of each; or the units that a table is provisioned with, which auto scaling
changes. Control is the same Python on both engines, so one journal serves both.
"""

from __future__ import annotations

import numpy as np

from models.kernel.outcome import LevelOutcome, Note


class Journal:
    """Notes and levels of one replication, in order of time."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self._levels: dict[str, list[tuple[float, float]]] = {}

    def note(self, at_s: float, text: str) -> None:
        """Something has happened."""
        self.notes.append(Note(at_s, text))

    def level(self, at_s: float, name: str, value: float) -> None:
        """A level has this value from some time on."""
        self._levels.setdefault(name, []).append((at_s, value))

    def levels(self) -> dict[str, LevelOutcome]:
        """All levels, by name."""
        return {
            name: LevelOutcome(*(np.array(column, np.float64) for column in zip(*changes, strict=True)))
            for name, changes in sorted(self._levels.items())
        }
