"""When time is taken to stand still: requests go round and round at one instant.

A closed loop without think time over stations without service time asks for ever, and time never passes. Walks are
counted; when there are too many of them and no time has passed since the last time that there were, time stands still.
An arrival from outside, of which there are only so many, and an act of control begin the count anew.
"""

from __future__ import annotations

WALKS_MAX = 1_000_000
"""Walks after which it is asked whether time has passed."""


class StandstillError(RuntimeError):
    """A system in which requests go round without any time passing.

    Args:
        at_s: When.
    """

    def __init__(self, at_s: float) -> None:
        # SimPy makes an exception that passes through a process anew from its arguments.
        super().__init__(at_s)
        self.at_s = at_s

    def __str__(self) -> str:
        return (
            f"time stands still at {self.at_s:g} s: requests go round without any delay; give the closed loop a think "
            "time, or a station on its route a service time"
        )
