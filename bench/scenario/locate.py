"""Where in a TOML document does each value stand? `tomllib` gives values without places, so a second, smaller reader
finds the places.

It knows only the skeleton of TOML 1.0: keys, headers, brackets, strings, comments. What a number or a date is, and
which documents are valid, `tomllib` decides; on every document that `tomllib` accepts both agree on all paths (a
property test holds them to it). The walk takes linear time, keeps a stack of its own instead of recursing, and stops at
the first bound in `bench.limits` that the text exceeds. So it is also the guard before `tomllib`, which would recurse
or convert without bound: as far as a text is valid the guard sees the brackets, keys and numbers that `tomllib` will
see, and beyond the first mistake `tomllib` does not go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, NoReturn, TypeAlias

from bench.errors import LimitError, Problem
from bench.limits import ENTRIES_MAX, NESTING_DEPTH_MAX, NUMBER_DIGITS_MAX, STRING_CHARACTERS_MAX

KeyPath: TypeAlias = tuple[str | int, ...]
"""Names of keys and indices of array elements, from the document's root."""


class Location(NamedTuple):
    """Where one key and its value stand; all 1-based, columns in code points.

    Args:
        line: Line of the key; of the value for an array's element.
        column: Column of that.
        value_line: Line where the value starts.
        value_column: Column of that.
    """

    line: int
    column: int
    value_line: int
    value_column: int


Locations: TypeAlias = Mapping[KeyPath, Location]
"""The place of every path in a document.

A table stands where its own header names it; without a header of its own (`[a.b]` makes `a`, too, and so does the key
`a.b`) where it is named first. The value of a table with a header starts at the header's bracket, that of a table
without one at its name. An element of an array of tables stands at its header's bracket.
"""


class Repeat(NamedTuple):
    """A key or table that the document gives twice.

    Args:
        path: Which.
        first: Where it is given first.
        again: Where it is given again.
    """

    path: KeyPath
    first: Location
    again: Location


class Stop(NamedTuple):
    """Where a walk could not go on, because the text is no TOML.

    Args:
        line: 1-based line.
        column: 1-based column.
        opened_line: Line of the innermost bracket that is still open; None if none is.
    """

    line: int
    column: int
    opened_line: int | None


@dataclass(frozen=True)
class Walk:
    """What one walk over a text found.

    Args:
        locations: The place of every path, as far as the walk came.
        repeats: What is given twice; none in a valid document.
        stop: Where the walk ended early; None if it reached the end of the text.
    """

    locations: Locations
    repeats: tuple[Repeat, ...]
    stop: Stop | None


def locate(text: str, source: str = "text") -> Locations:
    """Find the place of every key, table and array element.

    Args:
        text: A valid TOML 1.0 document, with either kind of line end.
        source: The document's name, for an error's place.

    Returns:
        The location of each path but the empty one. Whether an invalid document gives some or an error is left open.

    Raises:
        LimitError: If the text exceeds a bound on depth, entries, or the length of a number or string.
        ValueError: If the text is no TOML and the walk noticed.
    """
    found = walk(text, source)
    if found.stop is not None:
        raise ValueError(f"not TOML from line {found.stop.line}, column {found.stop.column} on")
    return found.locations


def walk(text: str, source: str) -> Walk:
    """Walk over any text, valid or not; as `locate`, but a text that is no TOML gives a `Walk` with a stop.

    Raises:
        LimitError: If the text, as far as it is TOML, exceeds a bound.
    """
    walker = _Walker(text, source)
    stop = None
    try:
        walker.walk_document()
    except _NotTomlError as error:
        opened_line = None if error.opened is None else _places(text, [error.opened])[error.opened][0]
        stop = Stop(*_places(text, [error.position])[error.position], opened_line)
    repeated = [offset for _, *both in walker.repeats for offsets in both for offset in offsets]
    places = _places(text, [*chain.from_iterable(walker.offsets.values()), *repeated])
    return Walk(
        locations={path: Location(*places[key], *places[value]) for path, (key, value) in walker.offsets.items()},
        repeats=tuple(
            Repeat(path, *(Location(*places[key], *places[value]) for key, value in both))
            for path, *both in walker.repeats
        ),
        stop=stop,
    )


def path_text(path: KeyPath) -> str:
    """Write a path as `--set` reads it: `expect[0].at_least`, with quotes where a name needs them."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if BARE_NAME.fullmatch(part) else quoted(part))
    return text


def quoted(text: str) -> str:
    """The text as a TOML string in double quotes."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def match_name(text: str, position: int) -> re.Match[str] | None:
    """Find one part of a key, bare or quoted, that starts at `position`."""
    return BARE_NAME.match(text, position) or _QUOTED_NAME.match(text, position)


def read_name(written: str) -> str | None:
    """The name that one part of a key stands for.

    Args:
        written: What `match_name` found.

    Returns:
        The name, without quotes and escapes; None if an escape is not one of TOML's.
    """
    if written[0] not in "\"'":
        return written
    if "\\" not in written or written[0] == "'":
        return written[1:-1]
    try:
        return _ESCAPE.sub(_unescaped, written[1:-1])
    except (KeyError, ValueError, OverflowError):
        return None


def _unescaped(escape: re.Match[str]) -> str:
    """The character that an escape stands for."""
    code = escape[1] or escape[2] or escape[3]
    return chr(int(code, 16)) if code else _SHORT_ESCAPES[escape[4]]


def _places(text: str, offsets: Iterable[int]) -> dict[int, tuple[int, int]]:
    """1-based line and column of each offset; one sweep over the text, however many there are."""
    places = {}
    line, line_start, swept = 1, 0, 0
    for offset in sorted(set(offsets)):
        line += text.count("\n", swept, offset)
        line_start = max(line_start, text.rfind("\n", swept, offset) + 1)
        swept = offset
        places[offset] = (line, offset - line_start + 1)
    return places


# Possessive repetition (*+, ++) never steps back, so each pattern takes time linear in what it looks at.
BARE_NAME = re.compile(r"[A-Za-z0-9_-]++")
_QUOTED_NAME = re.compile(r""" "(?:[^"\\\n]++|\\[^\n])*+" | '[^'\n]*+' """, re.VERBOSE)
# Escapes of TOML 1.0 and the two that 1.1 adds; whether the document may use these, tomllib knows.
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_SHORT_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}
_SPACE = re.compile(r"[ \t]*+")
_BLANK = re.compile(r"(?:[ \t\r\n]++|\#[^\n]*+)*+")
# The closing quotes of a multi-line string may be preceded by one or two that belong to it.
_STRING = re.compile(
    r"""
      \"{3} (?: [^"\\]++ | \\. | "(?!"") )*+ \"{3,5}
    | '{3} (?: [^']++ | '(?!'') )*+ '{3,5}
    | "(?!"") (?: [^"\\\n]++ | \\[^\n] )*+ "
    | '(?!'') [^'\n]*+ '
    """,
    re.VERBOSE | re.DOTALL,
)
# A number, a date, true or false; one space may stand between a date and a time.
_BARE_VALUE = re.compile(
    r"""
      [0-9]{4}-[0-9]{2}-[0-9]{2} \  [0-9]{2}:[^\s,\]}\#]*+
    | [^\s,\[\]{}=\#"']++
    """,
    re.VERBOSE,
)

_Offsets: TypeAlias = tuple[int, int]


class _NotTomlError(Exception):
    """The text is no TOML at `position`; `opened` is where the innermost open bracket stands."""

    def __init__(self, position: int, opened: int | None = None) -> None:
        self.position = position
        self.opened = opened


@dataclass(slots=True)
class _Bracket:
    """An array or inline table that is open.

    Args:
        opened: Offset of the bracket.
        closer: The character that closes it.
        path: Path of the array or table.
        count: Values in it so far.
    """

    opened: int
    closer: str
    path: KeyPath
    count: int = 0


class _Walker:
    """The walk itself; all positions are offsets into the text until it is done.

    Args:
        text: The document.
        source: Its name, for an error's place.
    """

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.offsets: dict[KeyPath, _Offsets] = {}
        self.repeats: list[tuple[KeyPath, _Offsets, _Offsets]] = []
        self._entries = 0
        # Given by `key = value` or by a `[header]`, not only on the way to something else.
        self._given: set[KeyPath] = set()
        self._last_index: dict[KeyPath, int] = {}

    def walk_document(self) -> None:
        """Walk over all statements."""
        table: KeyPath = ()
        position = self._skip(_BLANK, 0)
        while position < len(self.text):
            if self.text[position] == "[":
                table, position = self._walk_header(position)
            else:
                path, position = self._walk_key_of_value(position, table, opened=None)
                position = self._walk_value(position, path)
            position = self._skip(_BLANK, position)

    def _walk_header(self, start: int) -> tuple[KeyPath, int]:
        """Walk over `[a.b]` or `[[a.b]]`; return the path of the table that it opens and the position behind it."""
        brackets = 2 if self.text.startswith("[[", start) else 1
        parts, position = self._walk_key(start + brackets, depth=0, opened=start)
        if not self.text.startswith("]" * brackets, position):
            raise _NotTomlError(position, start)

        path: KeyPath = ()
        for name, offset in parts[:-1]:
            path = self._enter((*path, name), offset, offset)
            # Through an array of tables, a header leads into the newest element.
            if path in self._last_index:
                path = (*path, self._last_index[path])
        name, offset = parts[-1]
        path = (*path, name)
        if path in self._given or (brackets == 1 and path in self._last_index):
            self.repeats.append((path, self.offsets[path], (offset, start)))
        self._enter(path, offset, start)
        if brackets == 1:
            self._given.add(path)
            self.offsets[path] = (offset, start)
        else:
            index = self._last_index[path] = self._last_index.get(path, -1) + 1
            path = self._enter((*path, index), start, start)
        return path, position + brackets

    def _walk_key_of_value(self, position: int, table: KeyPath, opened: int | None) -> tuple[KeyPath, int]:
        """Walk over `key =`; return the path that it names and the position of the value."""
        parts, position = self._walk_key(position, len(table), opened)
        if not self.text.startswith("=", position):
            raise _NotTomlError(position, opened)
        position = self._skip(_SPACE, position + 1)
        path = table
        for name, offset in parts[:-1]:
            path = self._enter((*path, name), offset, offset)
        name, offset = parts[-1]
        path = (*path, name)
        if path in self.offsets:
            self.repeats.append((path, self.offsets[path], (offset, position)))
        self._given.add(path)
        return self._enter(path, offset, position), position

    def _walk_key(self, position: int, depth: int, opened: int | None) -> tuple[list[tuple[str, int]], int]:
        """Walk over a dotted key; return its names with their offsets and the position of what follows it."""
        parts: list[tuple[str, int]] = []
        while True:
            position = self._skip(_SPACE, position)
            match = match_name(self.text, position)
            if match is None:
                raise _NotTomlError(position, opened)
            self._check_length("a key", position, match.end())
            name = read_name(match[0])
            if name is None:
                raise _NotTomlError(position, opened)
            parts.append((name, position))
            # Looked at here already, because a single key may have as many parts as the file has room for.
            self._check_depth(depth + len(parts), position)
            position = self._skip(_SPACE, match.end())
            if not self.text.startswith(".", position):
                return parts, position
            position += 1

    def _walk_value(self, position: int, path: KeyPath) -> int:
        """Walk over one value with everything in it; return the position behind it."""
        brackets: list[_Bracket] = []
        while True:
            character = self.text[position : position + 1]
            if character == "[":
                brackets.append(_Bracket(position, "]", path))
                position += 1
            elif character == "{":
                brackets.append(_Bracket(position, "}", path))
                position += 1
            else:
                position = self._walk_scalar(position, opened=brackets[-1].opened if brackets else None)
            position = self._walk_to_next(position, brackets)
            if not brackets:
                return position
            inner = brackets[-1]
            if inner.closer == "]":
                path = self._enter((*inner.path, inner.count), position, position)
            else:
                path, position = self._walk_key_of_value(position, inner.path, inner.opened)
            inner.count += 1

    def _walk_to_next(self, position: int, brackets: list[_Bracket]) -> int:
        """Behind a value or an opening bracket: close what ends here; return where the next item starts, if any."""
        while brackets:
            inner = brackets[-1]
            position = self._skip(_BLANK, position)
            may_go_on = inner.count == 0
            if inner.count and self.text.startswith(",", position):
                position = self._skip(_BLANK, position + 1)
                may_go_on = True
            if self.text.startswith(inner.closer, position):
                brackets.pop()
                position += 1
            elif may_go_on:
                return position
            else:
                raise _NotTomlError(position, inner.opened)
        return position

    def _walk_scalar(self, position: int, opened: int | None) -> int:
        """Walk over a string, number, date or truth value; return the position behind it."""
        if self.text[position : position + 1] in {'"', "'"}:
            match = _STRING.match(self.text, position)
            if match is None:
                raise _NotTomlError(position, opened)
            self._check_length("a string", position, match.end())
            return match.end()
        match = _BARE_VALUE.match(self.text, position)
        if match is None:
            raise _NotTomlError(position, opened)
        if match.end() - position > NUMBER_DIGITS_MAX and match[0][0] in "+-0123456789":
            digits = sum(map(str.isalnum, match[0]))
            if digits > NUMBER_DIGITS_MAX:
                self._refuse(
                    position,
                    f"a number of {digits:,} digits; the limit is {NUMBER_DIGITS_MAX:,}",
                    "write it in scientific notation, such as 1.5e300, or put it in quotes if it is text",
                )
        return match.end()

    def _skip(self, pattern: re.Pattern[str], position: int) -> int:
        """The position behind what the pattern, which may match nothing, matches."""
        match = pattern.match(self.text, position)
        assert match is not None
        return match.end()

    def _enter(self, path: KeyPath, key: int, value: int) -> KeyPath:
        """Note where a path is named, unless it was named before; check what it adds to depth and number of entries."""
        self._check_depth(len(path), key)
        self._entries += 1
        if self._entries > ENTRIES_MAX:
            self._refuse(
                key,
                f"more than {ENTRIES_MAX:,} keys and array elements",
                "a scenario asks one question; put large inputs into a trace file",
            )
        self.offsets.setdefault(path, (key, value))
        return path

    def _check_depth(self, depth: int, position: int) -> None:
        """Refuse a path that is too deep."""
        if depth > NESTING_DEPTH_MAX:
            self._refuse(
                position,
                f"nested more than {NESTING_DEPTH_MAX} levels deep",
                "no scenario needs this; is a bracket repeated, or the file not a scenario?",
            )

    def _check_length(self, what: str, start: int, end: int) -> None:
        """Refuse a string that is too long."""
        if end - start > STRING_CHARACTERS_MAX:
            self._refuse(
                start,
                f"{what} of {end - start:,} characters; the limit is {STRING_CHARACTERS_MAX:,}",
                "put large inputs into a trace file",
            )

    def _refuse(self, position: int, what: str, remedy: str) -> NoReturn:
        """End the walk because a bound is exceeded."""
        line, column = _places(self.text, [position])[position]
        raise LimitError([Problem(self.source, line, column, what=what, remedy=remedy)])
