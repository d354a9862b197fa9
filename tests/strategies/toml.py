"""Random TOML documents, each with its data and with the place of every key, as noted while writing.

The data is drawn first, then a writer puts it down in random styles: dotted and quoted keys, headers in any legal
order, inline tables, arrays over several lines, all kinds of strings and numbers, comments, blank lines, both kinds of
line ends. The writer knows where it is and notes it. It shares no code with the locator, which has to find the same
places from the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from random import Random
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]
Place = tuple[int, int]


@dataclass(frozen=True)
class Written:
    """A document as it was written.

    Args:
        text: The TOML text.
        data: What it says.
        places: By path: line and column of the key, line and column of the value.
    """

    text: str
    data: dict[str, Any] = field(repr=False)
    places: dict[Path, tuple[int, int, int, int]] = field(repr=False)


def flat(data: Mapping[str, Any]) -> dict[Path, str]:
    """Every path with its value as text, so that documents with NaN and -0.0 can be compared."""
    found: dict[Path, str] = {}
    waiting: list[tuple[Path, Any]] = [((name,), value) for name, value in data.items()]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            found[path] = "table"
            waiting.extend(((*path, name), child) for name, child in value.items())
        elif isinstance(value, list):
            found[path] = "list"
            waiting.extend(((*path, index), child) for index, child in enumerate(value))
        else:
            found[path] = repr(value)
    return found


# Much of what has a meaning in TOML, some that has none, and characters of one to four bytes.
_CHARACTERS = st.sampled_from("[]{}#=,.\"\"''\\\\\n\n\r\t  -_:+019abcxyzuU\x00\x1f\x7f\x85é日𝄞\u0301\u202e\u2028\ufeff")
_NAMES = st.one_of(st.sampled_from(["a", "b", "c", "d-e", "1", "2", "true", ""]), st.text(_CHARACTERS, max_size=4))
_ZONES = st.one_of(st.none(), st.just(UTC), st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))))
_SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 99),
    st.floats(),
    st.text(_CHARACTERS, max_size=12),
    # Which of the two hours in autumn is meant, TOML cannot say.
    st.datetimes(timezones=_ZONES).map(lambda moment: moment.replace(fold=0)),
    st.dates(),
    st.times().map(lambda moment: moment.replace(fold=0)),
)


@st.composite
def documents(draw: st.DrawFn, leaves_max: int = 50) -> Written:
    """A random document.

    Hypothesis chooses the names, the single values and the size. How they are put together and in which style follows
    from one more number, because thousands of small choices for Hypothesis to keep account of would take far longer.

    Args:
        draw: Hypothesis's.
        leaves_max: About so many values, at most.
    """
    names = draw(st.lists(_NAMES, min_size=1, max_size=6, unique=True))
    scalars = draw(st.lists(_SCALARS, min_size=1, max_size=6))
    leaves = draw(st.integers(4, leaves_max))
    random = Random(draw(st.integers(0, 2**32 - 1)))  # noqa: S311
    data = _table(random, names, scalars, leaves)
    writer = _Writer(random)
    writer.write_document(data)
    return Written("".join(writer.pieces), data, {path: (*key, *value) for path, (key, value) in writer.places.items()})


def _table(random: Random, names: list[str], scalars: list[Any], leaves: int) -> dict[str, Any]:
    """A table with about so many values in it, at any depth."""
    parts = _parts(random, leaves, len(names))
    chosen = random.sample(names, len(parts))
    return {name: _value(random, names, scalars, part) for name, part in zip(chosen, parts, strict=True)}


def _value(random: Random, names: list[str], scalars: list[Any], leaves: int) -> Any:
    """A single value, a table, a list, or a list of tables, which may become headers in double brackets."""
    kinds = ["scalar", "scalar", "scalar", "empty"] if leaves <= 1 else ["table", "table", "list", "tables"]
    kind = random.choice(kinds)
    if kind == "scalar":
        return random.choice(scalars)
    if kind == "empty":
        return random.choice([{}, []])
    if kind == "table":
        return _table(random, names, scalars, leaves)
    grow = _table if kind == "tables" else _value
    return [grow(random, names, scalars, part) for part in _parts(random, leaves, 4)]


def _parts(random: Random, total: int, parts_max: int) -> list[int]:
    """Numbers, at most so many, that add up to less than `total`, so that nothing grows without end."""
    total = total * 4 // 5
    count = random.randint(min(2, total, parts_max), min(parts_max, total))
    cuts = sorted(random.randint(0, total) for _ in range(count - 1))
    return [end - start for start, end in zip([0, *cuts], [*cuts, total], strict=True)] if count else []


@dataclass
class _Block:
    """A header, unless it is the root's, and the statements below it.

    Args:
        path: The table's path.
        is_element: Whether the header has double brackets.
        statements: Dotted keys with their values.
    """

    path: Path
    is_element: bool = False
    statements: list[tuple[tuple[str, ...], Any]] = field(default_factory=list)


class _Writer:
    """Writes and notes where.

    Args:
        random: All choices of style.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.pieces: list[str] = []
        self.places: dict[Path, tuple[Place, Place]] = {}
        self.line = 1
        self.column = 1

    def write_document(self, data: dict[str, Any]) -> None:
        root, rest = self.planned((), data)
        self.filler()
        for number, block in enumerate([root, *rest]):
            if number:
                self.header(block)
                self.line_end()
            for names, value in block.statements:
                self.statement(block.path, names, value)
                self.line_end()
        if self.chance(0.2):
            self.put(self.random.choice(["# the end", " ", "\t# [x"]))

    # --- what goes where

    def planned(self, path: Path, table: dict[str, Any]) -> tuple[_Block, list[_Block]]:
        """Share a table's content out: statements of its own block, and the blocks below it in a legal order."""
        block = _Block(path)
        below: list[list[_Block]] = []
        self.plan(block, path, table, (), below)
        self.random.shuffle(block.statements)
        return block, self.merged(below)

    def plan(
        self, block: _Block, path: Path, table: dict[str, Any], names: tuple[str, ...], below: list[list[_Block]]
    ) -> None:
        for name, value in table.items():
            here = (*path, name)
            if isinstance(value, dict) and value and self.chance(0.3):
                self.plan(block, here, value, (*names, name), below)
            elif isinstance(value, dict) and self.chance(0.6):
                below.append(self.blocks_of_table(here, value))
            elif _is_list_of_tables(value) and self.chance(0.7):
                below.append(self.blocks_of_elements(here, value))
            else:
                block.statements.append(((*names, name), value))

    def blocks_of_table(self, path: Path, table: dict[str, Any]) -> list[_Block]:
        block, below = self.planned(path, table)
        if below and not block.statements and self.chance(0.5):
            return below
        # A table's own header may come after those below it, but not if a dotted key then reaches into one of them.
        if any(len(names) > 1 for names, _ in block.statements) or self.chance(0.5):
            return [block, *below]
        return self.merged([[block], below])

    def blocks_of_elements(self, path: Path, tables: list[dict[str, Any]]) -> list[_Block]:
        blocks = []
        for index, table in enumerate(tables):
            block, below = self.planned((*path, index), table)
            block.is_element = True
            blocks += [block, *below]
        return blocks

    def merged(self, lists: list[list[_Block]]) -> list[_Block]:
        """All blocks, those of each list in their order."""
        waiting = [list(blocks) for blocks in lists if blocks]
        if self.chance(0.6):
            self.random.shuffle(waiting)
            return [block for blocks in waiting for block in blocks]
        result = []
        while waiting:
            blocks = self.random.choice(waiting)
            result.append(blocks.pop(0))
            waiting = [others for others in waiting if others]
        return result

    # --- keys and headers

    def header(self, block: _Block) -> None:
        start = self.here
        self.put("[[" if block.is_element else "[")
        # The last index of an element's path is its own; its header names the list.
        path = block.path[:-1] if block.is_element else block.path
        for size, part in enumerate(path, start=1):
            if isinstance(part, str):
                self.space()
                place = self.here
                self.name(part)
                self.space()
                is_last = size == len(path)
                if is_last and not block.is_element:
                    self.places[path] = (place, start)
                else:
                    self.places.setdefault(path[:size], (place, start if is_last else place))
                if not is_last:
                    self.put(".")
        if block.is_element:
            self.places[block.path] = (start, start)
        self.put("]]" if block.is_element else "]")

    def statement(self, path: Path, names: tuple[str, ...], value: Any) -> None:
        place = self.here
        for number, name in enumerate(names):
            if number:
                self.space()
                self.put(".")
                self.space()
                self.places.setdefault(path, (place, place))
            place = self.here
            self.name(name)
            path = (*path, name)
        self.space()
        self.put("=")
        self.space()
        assert path not in self.places
        self.places[path] = (place, self.here)
        self.value(path, value)

    def name(self, name: str) -> None:
        styles = ['"']
        if re.fullmatch("[A-Za-z0-9_-]+", name):
            styles += ["bare"] * 3
        if "'" not in name and not _has_control(name):
            styles.append("'")
        style = self.random.choice(styles)
        self.put(name if style == "bare" else f"'{name}'" if style == "'" else self.basic(name))

    # --- values

    def value(self, path: Path, value: Any) -> None:
        if isinstance(value, dict):
            self.inline_table(path, value)
        elif isinstance(value, list):
            self.array(path, value)
        elif isinstance(value, str):
            self.put(self.string(value))
        else:
            self.put(self.scalar(value))

    def inline_table(self, path: Path, table: dict[str, Any]) -> None:
        block = _Block(path)
        self.plan_inline(block, table, ())
        self.random.shuffle(block.statements)
        self.put("{")
        for number, (names, value) in enumerate(block.statements):
            if number:
                self.put(",")
            self.space()
            self.statement(path, names, value)
            self.space()
        self.space()
        self.put("}")

    def plan_inline(self, block: _Block, table: dict[str, Any], names: tuple[str, ...]) -> None:
        for name, value in table.items():
            if isinstance(value, dict) and value and self.chance(0.4):
                self.plan_inline(block, value, (*names, name))
            else:
                block.statements.append(((*names, name), value))

    def array(self, path: Path, values: list[Any]) -> None:
        self.put("[")
        for index, value in enumerate(values):
            self.filler_in_array()
            self.places[*path, index] = (self.here, self.here)
            self.value((*path, index), value)
            self.filler_in_array()
            if index < len(values) - 1 or self.chance(0.3):
                self.put(",")
        self.filler_in_array()
        self.put("]")

    def scalar(self, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return self.integer(value)
        if isinstance(value, float):
            # Python's own notation of floats is TOML's, but for the plus sign.
            text = repr(value)
            return text if text.startswith("-") else self.random.choice(["", "", "+"]) + text
        assert isinstance(value, date | time)
        text = value.isoformat()
        if isinstance(value, datetime):
            text = text.replace("T", self.random.choice("Tt "))
            if text.endswith("+00:00") and self.chance(0.5):
                text = text.removesuffix("+00:00") + self.random.choice("Zz")
        return text

    def integer(self, value: int) -> str:
        if value >= 0 and self.chance(0.3):
            return self.random.choice([f"0x{value:x}", f"0x{value:_X}", f"0o{value:o}", f"0b{value:b}"])
        return ("+" if value >= 0 and self.chance(0.2) else "") + (f"{value:_d}" if self.chance(0.3) else str(value))

    def string(self, value: str) -> str:
        styles: list[Callable[[str], str]] = [self.basic, self.basic_lines]
        plain = value.replace("\n", "")
        if not _has_control(plain) and "'''" not in value:
            styles.append(self.literal_lines)
            if "'" not in value and "\n" not in value:
                styles.append(lambda text: f"'{text}'")
        return self.random.choice(styles)(value)

    def basic(self, value: str) -> str:
        return '"' + "".join(map(self.escaped, value)) + '"'

    def basic_lines(self, value: str) -> str:
        """In three double quotes, with as few escapes as are legal, and some more."""
        text = self.first_newline(value)
        quotes = 0
        for character in value:
            # A backslash at the end of a line swallows white space, so none of the value's own may follow it.
            if self.chance(0.05) and character not in " \t\n":
                text += (
                    "\\"
                    + self.random.choice(["", " "])
                    + self.newline()
                    + self.random.choice(["", "  ", self.newline()])
                )
                quotes = 0
            if character == "\n":
                text += self.newline()
            elif character == '"' and quotes < 2:
                text += character
            else:
                text += self.escaped(character)
            quotes = quotes + 1 if text.endswith('"') and not text.endswith('\\"') else 0
        return f'"""{text}"""'

    def literal_lines(self, value: str) -> str:
        return "'''" + self.first_newline(value) + "".join(self.newline() if c == "\n" else c for c in value) + "'''"

    def first_newline(self, value: str) -> str:
        """The newline behind the opening quotes does not count, so a value's own first one needs one before it."""
        return self.newline() if value.startswith("\n") or self.chance(0.3) else ""

    def escaped(self, character: str) -> str:
        short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
        must = character in '"\\' or (_has_control(character) and character != "\t")
        if not must and self.chance(0.9):
            return character
        code = ord(character)
        forms = [f"\\U{code:08x}"] + ([f"\\u{code:04X}"] if code <= 0xFFFF else [])
        return self.random.choice(forms + [short[character]] * 4) if character in short else self.random.choice(forms)

    # --- what means nothing

    def space(self) -> None:
        self.put(self.random.choice(["", "", " ", " ", "\t", "  "]))

    def filler(self) -> None:
        """Blank lines and comments between statements."""
        while self.chance(0.25):
            self.put(
                self.random.choice(["", " ", "\t", "# x = 1", " # [a.b]", '# """ é [[', "#", "#'''𝄞"]) + self.newline()
            )
        self.space()

    def filler_in_array(self) -> None:
        while self.chance(0.25):
            self.put(self.random.choice(["", " ", " # ]", "# [ { ,", "\t#"]) + self.newline())
        self.space()

    def line_end(self) -> None:
        self.space()
        self.put(self.random.choice(["", "", "# ]", "# = 'é", '#"']) + self.newline())
        self.filler()

    def newline(self) -> str:
        return self.random.choice(["\n", "\n", "\r\n"])

    # --- bookkeeping

    @property
    def here(self) -> Place:
        return self.line, self.column

    def put(self, text: str) -> None:
        self.pieces.append(text)
        lines = text.split("\n")
        if len(lines) > 1:
            self.line += len(lines) - 1
            self.column = 1
        self.column += len(lines[-1])

    def chance(self, share: float) -> bool:
        return self.random.random() < share


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(element, dict) for element in value)


def _has_control(text: str) -> bool:
    """Whether there is a character that TOML only allows as an escape."""
    return any((ord(character) < 0x20 and character != "\t") or character == "\x7f" for character in text)
