"""The stages of what control does, such as a failover, one after the other, each with its beginning and its end.

A stage is a level of its own (`Plane.level`): 1 while it lasts, so that its integral is the time that it took.
"""

from __future__ import annotations

from models.kernel.outcome import STAGE
from models.kernel.plane import Plane


class Stages:
    """What something is at.

    Args:
        plane: The data plane.
    """

    def __init__(self, plane: Plane) -> None:
        self.plane, self.stage = plane, ""

    def begin(self, stage: str, since_s: float | None = None) -> None:
        """Another stage begins, or has begun a while ago; the one before it is over."""
        self.end()
        self.stage = stage
        self.plane.level(f"{STAGE}{stage}", 1.0, since_s)

    def end(self) -> None:
        """It is over, and none begins."""
        if self.stage:
            self.plane.level(f"{STAGE}{self.stage}", 0.0)
        self.stage = ""
