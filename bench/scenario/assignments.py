"""Assignments on the command line: `path=value`, and `path=v1,v2,…` for the values of a sweep.

A path is a dotted key as in TOML, with `[n]` behind a list's name for the element n, from 0 on. A value is read as
TOML; what is not TOML but a single word is taken as text.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

from bench.errors import LimitError, Problem
from bench.limits import ASSIGNMENT_CHARACTERS_MAX, NESTING_DEPTH_MAX
from bench.scenario.locate import KeyPath, match_name, path_text, read_name, walk
from bench.scenario.suggest import syntax_hint

SET: Final = "--set"
SWEEP: Final = "--sweep"
"""The sources of what was given on the command line: one value, or one value for each cell."""


class RefusedError(Exception):
    """An assignment that cannot be read or carried out; `path` is as far as it is understood."""

    def __init__(self, what: str, remedy: str, path: KeyPath = ()) -> None:
        self.what = what
        self.remedy = remedy
        self.path = path


_INDEX = re.compile(r"[ \t]*+\[[ \t]*+([0-9]{1,9})[ \t]*+\]")
_PATH_REMEDY = "write names with dots between, and [n] for an element: systems.dax.nodes=5, expect[0].at_least=3"
# What a shell user types without quotes: a name, a path. Brackets and quotes would be TOML gone wrong.
_WORD = re.compile(r"""[^\s"'\[\]{},\#]++""", re.VERBOSE)
_NUMBER_LIKE = re.compile(r"[+-]?[0-9][0-9_.eE:+-]*")


def read_assignment(assignment: str) -> tuple[KeyPath, object]:
    """Take `path=value` apart.

    Raises:
        RefusedError: If it cannot be read.
        LimitError: If a bound is exceeded.
    """
    path, written = _halves(assignment, SET)
    if not written:
        raise RefusedError("the value is missing", 'write it behind =; an empty text is ""', path)
    return path, _value(written, path, assignment, SET)


def read_axis(assignment: str) -> tuple[KeyPath, object]:
    """Take `path=v1,v2,…` apart: the values as a list, or a table that says which they are.

    Raises:
        RefusedError: If it cannot be read.
        LimitError: If a bound is exceeded.
    """
    path, written = _halves(assignment, SWEEP)
    if not written:
        raise RefusedError("the values are missing", "write them behind =, with commas between", path)
    words = [word.strip() for word in written.split(",")]
    if len(words) > 1 and all(map(_is_word, words)):
        return path, words
    if written.startswith("{"):
        try:
            return path, _value(written, path, assignment, SWEEP)
        except RefusedError:
            # Several tables, which are values themselves.
            pass
    return path, [_value(word, path, assignment, SWEEP) for word in _pieces(written)]


def _pieces(written: str) -> list[str]:
    """What stands between the commas that are in no brackets and no quotes."""
    pieces, depth, quote = [""], 0, ""
    for character in written:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            depth += (character in "[{") - (character in "]}")
            if character == "," and depth == 0:
                pieces.append("")
                continue
        pieces[-1] += character
    return [piece.strip() for piece in pieces]


def _halves(assignment: str, source: str) -> tuple[KeyPath, str]:
    """The path, and what stands behind the sign."""
    if len(assignment) > ASSIGNMENT_CHARACTERS_MAX:
        what = f"an assignment of {len(assignment):,} characters; the limit is {ASSIGNMENT_CHARACTERS_MAX:,}"
        raise LimitError([Problem(source, what=what, remedy="put it into the file", assignment=assignment)])
    path, position = read_path(assignment, source)
    return path, assignment[position:].strip()


def _value(written: str, path: KeyPath, assignment: str, source: str) -> object:
    """One value, as TOML, or a word."""
    text = f"value = {written}"
    try:
        walk(text, source)
    except LimitError as error:
        found = error.problems[0]
        problem = Problem(source, key=path_text(path), what=found.what, remedy=found.remedy, assignment=assignment)
        raise LimitError([problem]) from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if _is_word(written):
            return written
        message, line, column = split_message(str(error), text)
        shown = text.split("\n")[line - 1]
        remedy = syntax_hint(message, shown[: column - 1], shown[column - 1 :])
        raise RefusedError(f"not a TOML value: {message[:1].lower()}{message[1:]}", remedy, path) from None
    if data.keys() != {"value"}:
        raise RefusedError("more than one value", "give each key an assignment of its own", path)
    return data["value"]


def _is_word(written: str) -> bool:
    """Whether a value without quotes is plainly meant as text: no number or truth value gone wrong."""
    if _NUMBER_LIKE.fullmatch(written) or written.casefold() in {"true", "false"}:
        return False
    return _WORD.fullmatch(written) is not None and written.isprintable()


def read_path(assignment: str, source: str = SET) -> tuple[KeyPath, int]:
    """Read the path in front of `=`; return it with the position behind the sign.

    Raises:
        RefusedError: If it cannot be read.
        LimitError: If a bound is exceeded.
    """
    path: KeyPath = ()
    position = 0
    while True:
        position = _behind_space(assignment, position)
        match = match_name(assignment, position)
        name = None if match is None else read_name(match[0])
        if match is None or name is None:
            what = "the path is not complete" if path else "there is no name of a key"
            raise RefusedError(what, _PATH_REMEDY, path)
        parts: list[str | int] = [name]
        position = match.end()
        while (index := _INDEX.match(assignment, position)) is not None:
            parts.append(int(index[1]))
            position = index.end()
        path = (*path, *parts)
        if len(path) > NESTING_DEPTH_MAX:
            what = f"a path of more than {NESTING_DEPTH_MAX} parts"
            raise LimitError([Problem(source, what=what, remedy="no scenario is so deep", assignment=assignment)])
        position = _behind_space(assignment, position)
        if assignment.startswith("=", position):
            return path, position + 1
        if not assignment.startswith(".", position):
            has_sign = "=" in assignment[position:]
            what = f"the path is wrong behind {path_text(path)}" if has_sign else "there is no = in it"
            raise RefusedError(what, _PATH_REMEDY, path)
        position += 1


def _behind_space(text: str, position: int) -> int:
    """The position behind spaces and tabs."""
    while text.startswith((" ", "\t"), position):
        position += 1
    return position


def split_message(error: str, text: str) -> tuple[str, int, int]:
    """`tomllib`'s message without the place, and the place: line and column."""
    # Keys are quoted inside the message, so only its very end is the place.
    found = re.search(r" \(at line ([0-9]+), column ([0-9]+)\)\Z", error)
    if found is not None:
        return error[: found.start()], int(found[1]), int(found[2])
    lines = text.split("\n")
    return error.removesuffix(" (at end of document)"), len(lines), len(lines[-1]) + 1
