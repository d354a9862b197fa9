"""Everything that a user can do wrong, and the exit code that says so.

    TierbenchError                70  base class; itself never raised
    ├── UsageError                 2  the command line asks for something that does not exist
    ├── WorkerError               70  processes that do the work die
    ├── ProblemsError                 base class; holds problems, each with its place
    │   ├── ScenarioError          3  a scenario's content, or an assignment with `--set`, is wrong
    │   └── LimitError             6  a bound is hit: on what a file may hold or on what a run may cost
    └── ResultError                4  a result cannot be read

Bugs are assertions, and no part of this tree. Whatever these exceptions say has passed the escaping helper, so printing
`str(error)` is safe whatever the file held.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from bench.limits import PROBLEMS_SHOWN_MAX
from bench.terminal import safe_text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it is, and what to do about it.

    Args:
        source: The file's name as the user gave it, or "--set".
        line: 1-based line in the file; None if there is none.
        column: 1-based column in code points; None if there is none.
        key: The dotted path of the key, as text; empty if the problem has none.
        what: What is wrong, without a full stop.
        remedy: What to do; empty if nothing can be said.
        assignment: The whole assignment, `path=value`, if it came with `--set`.
    """

    source: str
    line: int | None = None
    column: int | None = None
    key: str = ""
    what: str = ""
    remedy: str = ""
    assignment: str = ""

    def __str__(self) -> str:
        """`file:line:column: error: key: what; what to do`, in one line."""
        place = safe_text(self.source, 300)
        if self.assignment:
            place += " " + safe_text(self.assignment, 100)
        for number in (self.line, self.column):
            if number is not None:
                place += f":{number}"
        key = safe_text(self.key, 150) + ": " if self.key else ""
        remedy = "; " + safe_text(self.remedy, 1500) if self.remedy else ""
        return f"{place}: error: {key}{safe_text(self.what, 500)}{remedy}"


class TierbenchError(Exception):
    """Base of all errors that are the user's to mend; `exit_code` is what the command then returns."""

    exit_code: ClassVar[int] = 70

    def __str__(self) -> str:
        """The message, in one line, safe to print."""
        return safe_text(super().__str__(), 3000)


class UsageError(TierbenchError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class WorkerError(TierbenchError):
    """Processes that do the work die again and again."""


class ProblemsError(TierbenchError):
    """One or more problems, each with its place.

    Args:
        problems: At least one.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        assert self.problems, "an error without a problem"
        # The arguments are what pickling hands to the constructor when a worker's error travels to its parent.
        super().__init__(self.problems)

    def __str__(self) -> str:
        """One line for each problem; of very many, the first ones and how many more there are."""
        lines = [str(problem) for problem in self.problems[:PROBLEMS_SHOWN_MAX]]
        more = len(self.problems) - len(lines)
        if more:
            lines.append(f"and {more:,} more {'problem' if more == 1 else 'problems'}")
        return "\n".join(lines)


class ScenarioError(ProblemsError):
    """A scenario's content, or an assignment to it with `--set`, is wrong."""

    exit_code = 3


class LimitError(ProblemsError):
    """A bound is hit: on what a file may hold, or on what a run may cost."""

    exit_code = 6


class ResultError(TierbenchError):
    """A result cannot be read."""

    exit_code = 4
