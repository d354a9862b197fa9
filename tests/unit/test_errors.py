"""Errors say what, where and what to do, safely, and carry their exit code."""

from __future__ import annotations

import pickle

import pytest

from bench.errors import LimitError, Problem, ResultError, ScenarioError, TierbenchError, UsageError
from bench.limits import PROBLEMS_SHOWN_MAX


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            Problem("a.toml", 18, 1, "systems.aurora.write_quorm", "unknown key", "did you mean write_quorum?"),
            "a.toml:18:1: error: systems.aurora.write_quorm: unknown key; did you mean write_quorum?",
        ),
        (Problem("a.toml", what="there is no such file"), "a.toml: error: there is no such file"),
        (Problem("a.toml", 3, what="no TOML"), "a.toml:3: error: no TOML"),
        (
            Problem("--set", key="nodes", what="must be greater than 0, got -3", assignment="nodes=-3"),
            "--set nodes=-3: error: nodes: must be greater than 0, got -3",
        ),
    ],
)
def test_a_problem_is_one_line_with_place_key_and_remedy(problem: Problem, text: str) -> None:
    assert text == str(problem)


def test_no_part_of_a_problem_reaches_the_terminal_unescaped() -> None:
    evil = "\x1b[2J\n\u202e"
    problem = Problem(evil, 1, 1, evil, evil, evil, evil)

    assert str(problem).isprintable()
    assert str(problem).count("\\") == 5 * 3  # five parts of three such characters each
    assert str(ScenarioError([problem])).isprintable()
    assert str(UsageError(evil)).isprintable()


def test_no_part_of_a_problem_is_long() -> None:
    long = "x" * 100_000

    assert len(str(Problem(long, 1, 1, long, long, long, long))) < 4000


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such verb"), 2),
        (ScenarioError([Problem("a")]), 3),
        (ResultError("no summary"), 4),
        (LimitError([Problem("a")]), 6),
    ],
)
def test_each_error_has_its_exit_code(error: TierbenchError, code: int) -> None:
    assert code == error.exit_code


def test_all_problems_are_kept_and_the_first_are_shown() -> None:
    error = ScenarioError(Problem("a", line) for line in range(1, PROBLEMS_SHOWN_MAX + 3))

    assert len(error.problems) == PROBLEMS_SHOWN_MAX + 2
    assert len(str(error).splitlines()) == PROBLEMS_SHOWN_MAX + 1
    assert str(error).endswith("and 2 more problems")


def test_problems_survive_the_way_from_a_worker_to_its_parent() -> None:
    error = LimitError([Problem("a", 1, 2, "key", "what", "remedy")])

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)

    assert error.problems == again.problems
    assert str(error) == str(again)
