"""A scenario as it was given: values, and the place of each, in the file or in an assignment on the command line.

`read_document` is the door through which a stranger's file comes in. It reads no more than the bound, opens nothing but
regular files, walks over the text before `tomllib` sees it, and has one clear error for everything that can be wrong.
What the values mean is no business of this file.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bench.errors import LimitError, Problem, ScenarioError
from bench.limits import ASSIGNMENTS_MAX, FILE_BYTES_MAX, LINES_MAX
from bench.scenario.assignments import SET, RefusedError, read_assignment, split_message
from bench.scenario.locate import KeyPath, Location, Locations, Walk, path_text, walk
from bench.scenario.suggest import syntax_hint
from bench.terminal import safe_text

_TOO_LARGE = "a scenario is a page or two; put data into a trace file"


@dataclass(frozen=True)
class Origin:
    """Where a value came from.

    Args:
        kind: The file or an option of the command line.
        location: Its place in the file; None for the command line.
        assignment: The whole `path=value`; empty for the file.
    """

    kind: Literal["file", "--set", "--sweep"]
    location: Location | None = None
    assignment: str = ""

    @property
    def line(self) -> int | None:
        """Line in the file; None for the command line."""
        return None if self.location is None else self.location.line

    def __str__(self) -> str:
        """`line 12` or `--set path=value`."""
        return (
            f"{self.kind} {safe_text(self.assignment, 100)}" if self.location is None else f"line {self.location.line}"
        )


@dataclass(frozen=True)
class Document:
    """A scenario's values and their places.

    Args:
        name: The file's name as the user gave it.
        data: Tables, lists and values, as `tomllib` gives them; not to be changed.
        locations: The place of every path that came from the file.
        assignments: What gave a path after the file was read, and with it all that lies below without an own entry.
    """

    name: str
    data: Mapping[str, object]
    locations: Locations
    assignments: Mapping[KeyPath, Origin] = field(default_factory=dict)

    def override(self, assignments: Sequence[str]) -> Document:
        """Put in what was given as `--set path=value`, one after the other.

        A path is a dotted key as in TOML, with `[n]` behind a list's name for the element n, from 0 on. Tables on the
        way are made if they are missing. A value is read as TOML; what is not TOML but a single word is taken as text.
        The value replaces what was there, a table as a whole.

        Args:
            assignments: Texts of the form `path=value`.

        Returns:
            A new document; this one stays as it is.

        Raises:
            ScenarioError: With every assignment that cannot be read or carried out.
            LimitError: If a bound is exceeded.
        """
        if len(assignments) > ASSIGNMENTS_MAX:
            what = f"{len(assignments):,} assignments; the limit is {ASSIGNMENTS_MAX:,}"
            raise LimitError([Problem(SET, what=what, remedy="put them into the file")])
        return self._with((Origin(SET, assignment=each), partial(read_assignment, each)) for each in assignments)

    def put(self, values: Iterable[tuple[KeyPath, object, Origin]]) -> Document:
        """Put in values at their paths, one after the other, as `override` does.

        Args:
            values: Path, value, and where the value came from: its place in the file or on the command line.

        Returns:
            A new document; this one stays as it is.

        Raises:
            ScenarioError: With every value that cannot be put in its place.
        """
        return self._with((origin, partial(_given, path, value)) for path, value, origin in values)

    def without(self, name: str) -> Document:
        """A document that lacks one of the root's keys."""
        return Document(
            self.name,
            {key: value for key, value in self.data.items() if key != name},
            {path: location for path, location in self.locations.items() if path[0] != name},
            {path: origin for path, origin in self.assignments.items() if path[0] != name},
        )

    def _with(self, values: Iterable[tuple[Origin, Callable[[], tuple[KeyPath, object]]]]) -> Document:
        """A document with values put in, each of which is yet to be read."""
        data = self.data
        locations = dict(self.locations)
        given = dict(self.assignments)
        problems = []
        for origin, read in values:
            try:
                path, value = read()
                changed = _changed(data, path, value)
            except RefusedError as refused:
                problems.append(self._problem(origin, refused.path, refused.what, refused.remedy))
                continue
            for gone in _paths_at(data, path):
                locations.pop(gone, None)
                given.pop(gone, None)
            made = next((path[:size] for size in range(1, len(path)) if not _holds(data, path[:size])), path)
            given[made] = given[path] = origin
            data = changed
        if problems:
            raise ScenarioError(problems)
        return Document(self.name, data, locations, given)

    def origin(self, path: KeyPath) -> Origin | None:
        """Where the value at `path` came from; None if the document has no such path, so that a default holds."""
        return self._nearest(path) if _holds(self.data, path) else None

    def get(self, path: KeyPath) -> object:
        """The value at a path; None if the document has no such path."""
        return _get(self.data, path)[1]

    def problem(self, path: KeyPath, what: str, remedy: str = "", at: Literal["key", "value"] = "key") -> Problem:
        """Say that something is wrong at a path.

        Args:
            path: Which; it need not exist. The place is that of the deepest part that does.
            what: What is wrong.
            remedy: What to do.
            at: Point at the key, or at its value.

        Returns:
            The problem with its place; without a line if only the root exists.
        """
        origin = self._nearest(path)
        if origin is None:
            return Problem(self.name, key=path_text(path), what=what, remedy=remedy)
        return self._problem(origin, path, what, remedy, at if _holds(self.data, path) else "key")

    def _problem(
        self, origin: Origin, path: KeyPath, what: str, remedy: str, at: Literal["key", "value"] = "key"
    ) -> Problem:
        """The problem with something that came from there."""
        if origin.location is None:
            return Problem(origin.kind, key=path_text(path), what=what, remedy=remedy, assignment=origin.assignment)
        place = origin.location[2:] if at == "value" else origin.location[:2]
        return Problem(self.name, *place, key=path_text(path), what=what, remedy=remedy)

    def _nearest(self, path: KeyPath) -> Origin | None:
        """Where the deepest part of `path` that the document has came from; None for the root."""
        for size in range(len(path), 0, -1):
            if path[:size] in self.assignments:
                return self.assignments[path[:size]]
            if path[:size] in self.locations:
                return Origin("file", self.locations[path[:size]])
        return None


def read_document(source: Path | str | bytes, name: str | None = None) -> Document:
    """Read a scenario file, or its content.

    Args:
        source: The file's path, or the content itself as bytes.
        name: What to call the file in messages; by default the path.

    Returns:
        Its values and their places.

    Raises:
        ScenarioError: If the file cannot be read, is no regular file, no UTF-8 or no TOML.
        LimitError: If the file exceeds a bound in `bench.limits`.
    """
    if isinstance(source, bytes):
        name = "text" if name is None else name
        content = source
    else:
        name = os.fspath(source) if name is None else name
        content = _read_file(source, name)
    if len(content) > FILE_BYTES_MAX:
        what = f"the file is larger than {FILE_BYTES_MAX:,} bytes"
        raise LimitError([Problem(name, what=what, remedy=_TOO_LARGE)])
    return _parse(_decode(content, name), name)


def _read_file(path: Path | str, name: str) -> bytes:
    """Read a regular file up to one byte more than the bound."""
    try:
        # Opening a pipe waits for a writer and opening a device may do something, so look before.
        _check_regular(Path(path).stat(), name)
        # And should it be exchanged meanwhile: do not wait, and look again at what was opened.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            _check_regular(os.fstat(descriptor), name)
            # What has nothing ready without waiting, such as some files below /proc, gives None.
            return file.read(FILE_BYTES_MAX + 1) or b""
    except FileNotFoundError:
        raise _refusal(name, "there is no such file", "check the name") from None
    except PermissionError:
        raise _refusal(name, "the file may not be read", "check its permissions") from None
    except (OSError, ValueError) as error:
        # ValueError: a name with a NUL or with a lone surrogate, which no file can have.
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _refusal(name, f"the file cannot be read: {why}", "check the name") from None


def _check_regular(status: os.stat_result, name: str) -> None:
    """Refuse all that is no regular file."""
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    if not stat.S_ISREG(status.st_mode):
        kind = kinds.get(stat.S_IFMT(status.st_mode), "a device")
        raise _refusal(name, f"this is {kind}, not a file", "name a scenario file")


def _decode(content: bytes, name: str) -> str:
    """UTF-8 to text."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refusal(name, "the file is UTF-16", "save it as UTF-8", 1, 1)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        offset = error.start
        line_start = content.rfind(b"\n", 0, offset) + 1
        raise _refusal(
            name,
            f"not UTF-8: byte {content[offset]:#04x} at offset {offset:,}",
            "save the file as UTF-8",
            content.count(b"\n", 0, offset) + 1,
            len(content[line_start:offset].decode()) + 1,
        ) from None
    if text.startswith("\ufeff"):
        raise _refusal(name, "the file starts with a byte order mark", "save it as UTF-8 without one", 1, 1)
    nul = text.find("\0")
    if nul >= 0:
        line, column = text.count("\n", 0, nul) + 1, nul - text.rfind("\n", 0, nul)
        raise _refusal(name, "the file holds a NUL byte, so it is no text", "save it as UTF-8", line, column)
    return text


def _parse(text: str, name: str) -> Document:
    """Text to values; the walk goes first, as guard."""
    lines = text.count("\n")
    if lines > LINES_MAX:
        what = f"{lines:,} lines; the limit is {LINES_MAX:,}"
        raise LimitError([Problem(name, what=what, remedy=_TOO_LARGE)])
    walked = walk(text, name)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(_syntax_problems(str(error), text, name, walked)) from None
    except (ValueError, RecursionError) as error:
        # Out of reach behind the guard, as far as we know; if not, it is still the file's fault and not ours.
        raise _refusal(name, f"not valid TOML: {error}", "") from None
    assert walked.stop is None, f"stopped at line {walked.stop.line} of a valid document"
    assert not walked.repeats, f"{walked.repeats[0].path} is no repetition in a valid document"
    return Document(name, data, walked.locations)


def _syntax_problems(error: str, text: str, name: str, walked: Walk) -> list[Problem]:
    """What `tomllib` says, with its place and with what to do."""
    message, line, column = split_message(error, text)
    if walked.repeats and message.startswith(("Cannot", "Duplicate")):
        return [
            Problem(
                name,
                repeat.again.line,
                repeat.again.column,
                path_text(repeat.path),
                f"given twice, first on line {repeat.first.line}",
                "keep one of them",
            )
            for repeat in walked.repeats
        ]
    if walked.stop is not None and message.startswith(_OPEN_STRING):
        # Where the string starts helps more than where its line or the file ends.
        line, column = walked.stop.line, walked.stop.column
    lines = text.split("\n", line)
    shown = lines[line - 1].removesuffix("\r")
    remedy = syntax_hint(message, shown[: column - 1], shown[column - 1 :])
    what = f"not valid TOML: {message[:1].lower()}{message[1:]}"
    if message.startswith("Unclosed") and walked.stop is not None and walked.stop.opened_line is not None:
        what += f" (opened on line {walked.stop.opened_line})"
    return [Problem(name, line, column, what=what, remedy=remedy)]


_OPEN_STRING = ("Unterminated string", "Expected \"'", "Illegal character '\\n'", "Found invalid character '\\n'")


def _refusal(name: str, what: str, remedy: str, line: int | None = None, column: int | None = None) -> ScenarioError:
    """An error with the one problem."""
    return ScenarioError([Problem(name, line, column, what=what, remedy=remedy)])


def _given(path: KeyPath, value: object) -> tuple[KeyPath, object]:
    return path, value


def _changed(data: Mapping[str, object], path: KeyPath, value: object) -> dict[str, object]:
    """A copy of `data` with `value` at `path`; only the tables and lists on the way are copied."""
    root = dict(data)
    node: Any = root
    for depth, part in enumerate(path):
        _check_step(node, path, depth)
        if depth == len(path) - 1:
            child = value
        elif isinstance(node, dict) and part not in node:
            child = {}
        else:
            child = _copied(node[part])
        node[part] = child
        node = child
    return root


def _check_step(node: object, path: KeyPath, depth: int) -> None:
    """Refuse the step from `node`, which stands at `path[:depth]`, to `path[depth]` if it leads nowhere."""
    part = path[depth]
    here = path_text(path[:depth])
    if isinstance(part, int):
        if not isinstance(node, list):
            what = f"{here} is {_kind(node)}, not a list" if node != {} else f"there is no list {here}"
            raise RefusedError(what, "set it as a whole", path)
        if part >= len(node):
            there = f"the last one is [{len(node) - 1}]" if node else "the list is empty"
            raise RefusedError(f"there is no element [{part}]", f"{there}; to make it longer, set it as a whole", path)
    elif isinstance(node, list):
        raise RefusedError(f"{here} is a list", f"name an element: {path_text((*path[:depth], 0, part))}", path)
    elif not isinstance(node, dict):
        raise RefusedError(f"{here} is {_kind(node)}, not a table", "set it as a whole", path)


def _copied(node: object) -> object:
    """A table or list that may be changed; anything else as it is."""
    if isinstance(node, dict):
        return dict(node)
    return list(node) if isinstance(node, list) else node


def _kind(value: object) -> str:
    """What a value is, in a word."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return "a single value"


def _get(data: object, path: KeyPath) -> tuple[bool, object]:
    """Whether the path exists, and what is there."""
    node = data
    for part in path:
        if isinstance(part, str):
            if not isinstance(node, Mapping) or part not in node:
                return False, None
            node = node[part]
        else:
            if not isinstance(node, list) or not 0 <= part < len(node):
                return False, None
            node = node[part]
    return True, node


def _holds(data: object, path: KeyPath) -> bool:
    """Whether the path exists."""
    return _get(data, path)[0]


def _paths_at(data: object, path: KeyPath) -> Iterator[KeyPath]:
    """The path, if it exists, and all paths below it."""
    exists, value = _get(data, path)
    waiting: list[tuple[KeyPath, object]] = [(path, value)] if exists else []
    while waiting:
        path, value = waiting.pop()
        yield path
        if isinstance(value, dict):
            waiting.extend(((*path, name), child) for name, child in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, index), child) for index, child in enumerate(value))
