"""What is wrong with a trace, collected."""

from __future__ import annotations

from typing import NoReturn

from bench.errors import LimitError, Problem, ScenarioError
from bench.traces import limits


class Complaints:
    """What is wrong with a trace, collected until there is enough of it.

    Args:
        name: What messages call the file.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []

    def add(self, line: int | None, what: str, remedy: str = "", key: str = "") -> None:
        """Note a problem; the last that fits ends the reading."""
        self.problems.append(Problem(self.name, line, key=key, what=what, remedy=remedy))
        if len(self.problems) >= limits.TRACE_PROBLEMS_MAX:
            raise ScenarioError(self.problems)

    def stop(self, line: int | None, what: str, remedy: str = "", key: str = "") -> NoReturn:
        """Give up because of this problem, and of those noted before."""
        self.add(line, what, remedy, key)
        raise ScenarioError(self.problems)

    def stop_if_any(self) -> None:
        """Give up if a problem was noted."""
        if self.problems:
            raise ScenarioError(self.problems)

    def over_limit(self, what: str, limit: int) -> NoReturn:
        """Give up because the file holds too much of something."""
        raise LimitError([Problem(self.name, what=f"more than {limit:,} {what}", remedy="use a shorter trace")])
