"""Recorded requests from a CSV file, plain or packed, as arrays that both engines read.

A file is read as a stream: bytes, unpacked bytes, whole lines of text, rows, columns of numbers. Never is more of it in
memory than a few dozen megabytes and the numbers wanted, so that a small file that unpacks to an enormous one meets a
limit and not the end of memory. What is wrong is said with file and line, several problems at once, before anything runs.

Python's own csv module takes the rows apart, since it gets every quoting right; what is left to do is done for a block of
rows at once, and field by field only where something is wrong. The stages stand in one file because each is meaningless
without its neighbours.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import lzma
import math
import os
import stat
import zlib
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from itertools import accumulate, chain, count, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from bench.errors import LimitError, Problem, ScenarioError
from bench.scenario.suggest import hint, names_text
from bench.terminal import safe_text

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Pace = str | Mapping[str, float]
"""When requests arrive: `"recorded"`, `{"speed": 10.0}` or `{"rate_per_s": 1000.0}`."""

TRACE_BYTES_MAX = 4 << 30
"""Bytes of a trace, unpacked."""
TRACE_ROWS_MAX = 50_000_000
"""Requests of a trace; each takes 40 bytes of memory."""
TRACE_KEYS_MAX = 20_000_000
"""Different keys of a trace; while it is read, each takes its text and about 200 bytes of memory."""
TRACE_LINE_BYTES_MAX = 1 << 18
"""Bytes of one line."""
TRACE_SIZE_BYTES_MAX = 1 << 50
"""Bytes of one object."""
TRACE_PROBLEMS_MAX = 20
"""Problems after which no more are looked for."""

COLUMNS = ("time_s", "key", "size_bytes", "op", "ttl_s")
"""What a trace can tell of a request."""

OPERATIONS: Mapping[str, str] = {
    **dict.fromkeys(("read", "r", "get", "gets", "mget", "hget", "query", "select", "fetch", "find", "lookup"), "read"),
    **dict.fromkeys(
        ("write", "w", "set", "add", "put", "cas", "hset", "update", "insert", "upsert", "replace"), "write"
    ),
    **dict.fromkeys(("append", "prepend", "incr", "decr"), "write"),
}
"""What the names of operations in a file stand for, in upper or lower case. A delete is neither a read nor a write."""

_PIECE_BYTES = 1 << 16
_FEED_BYTES = 1 << 11
"""So much packed data is unpacked at once: a byte of it can become 32 KiB (xz, zstandard), all of it 64 MiB."""
_XZ_MEMORY_BYTES = 1 << 28
_ZSTD_WINDOW_BYTES = 1 << 27
_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Trace:
    """Requests in order; each array has shape (requests,).

    Args:
        name: The file as the user named it.
        sha256: Digest of the file's bytes, in hexadecimal.
        times_s: Intended arrivals on the simulation's clock, seconds; the first is 0.
        operations: Index into `operation_names`.
        operation_names: By first appearance; ("read",) where the file does not tell.
        keys: Numbers from 0 by first appearance; all 0 where the file does not tell.
        key_count: Different keys.
        sizes_bytes: Sizes of the objects; all 0 where the file does not tell.
        ttls_s: Time to live of the objects, seconds; nan or inf where there is none.
        has_keys: Whether the file tells keys.
        has_sizes: Whether the file tells sizes.
        has_operations: Whether the file tells operations.
        has_ttls: Whether the file tells times to live.
    """

    name: str
    sha256: str
    times_s: FloatArray
    operations: IntArray
    operation_names: tuple[str, ...]
    keys: IntArray
    key_count: int
    sizes_bytes: IntArray
    ttls_s: FloatArray
    has_keys: bool
    has_sizes: bool
    has_operations: bool
    has_ttls: bool

    def __len__(self) -> int:
        """Number of requests, at least one."""
        return len(self.times_s)


def read_trace(
    path: Path,
    columns: Mapping[str, str | int] | None = None,
    pace: Pace | None = None,
    name: str | None = None,
    *,
    header: bool = True,
    operations: Mapping[str, str] | None = None,
) -> Trace:
    """Read a trace: CSV in UTF-8, plain or packed by gzip, xz or zstandard, which its first bytes tell.

    Args:
        path: The file; whether it may be read is the caller's business.
        columns: From our names (`COLUMNS`) to the file's: a name in its header, or an index from 0. Without it, the
            columns that bear our names.
        pace: "recorded" for the file's times, shifted so that the first is 0; {"speed": x} for the same x times as fast;
            {"rate_per_s": r} for request i at i / r, whatever the file's times. Without it, as recorded.
        name: What messages call the file; its path, if not given.
        header: Whether the first row names the columns; if not, `columns` gives indices.
        operations: What further names of operations stand for, beside `OPERATIONS`.

    Returns:
        At least one request.

    Raises:
        ScenarioError: If the file cannot be read, is broken or does not fit the arguments: all that was found.
        LimitError: If it is too large.

    Limits:
        Keys are any text but the empty one. A ttl that is empty or 0 is none, as in memcached. Without a key, the trace
        must have times. Empty lines are skipped.
    """
    complaints = _Complaints(str(path) if name is None else name)
    speed, rate_per_s = _checked_pace(pace, complaints)
    wanted = _checked_columns(columns, header, complaints)
    meanings = {known.casefold(): operation for known, operation in {**OPERATIONS, **(operations or {})}.items()}
    digest = hashlib.sha256()
    with _opened(path, complaints) as file:
        table = _Table(wanted, header, pace, meanings, complaints)
        try:
            table.read(_texts(_unpacked(_pieces(file, digest.update), complaints), complaints))
        except OSError as error:
            complaints.stop(None, f"the trace cannot be read: {error.strerror}")

    times_s = table.array("time_s", 0.0) if rate_per_s is None else np.arange(table.rows_count) / rate_per_s
    with np.errstate(over="ignore"):
        times_s = (times_s - times_s[0]) / speed
    if not math.isfinite(times_s[-1]):
        complaints.stop(None, "the last request comes after an infinite time", "change the pace", "pace")
    return Trace(
        name=complaints.name,
        sha256=digest.hexdigest(),
        times_s=times_s,
        operations=table.array("op", 0),
        operation_names=tuple(table.names("op")) or ("read",),
        keys=table.array("key", 0),
        key_count=len(table.names("key")) or 1,
        sizes_bytes=table.array("size_bytes", 0),
        ttls_s=table.array("ttl_s", math.nan),
        has_keys="key" in table.columns,
        has_sizes="size_bytes" in table.columns,
        has_operations="op" in table.columns,
        has_ttls="ttl_s" in table.columns,
    )


class _Complaints:
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
        if len(self.problems) >= TRACE_PROBLEMS_MAX:
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


# What the caller asked for


def _checked_pace(pace: Pace | None, complaints: _Complaints) -> tuple[float, float | None]:
    """Speed, and rate where the file's times do not count."""
    remedy = 'write "recorded", { speed = 10.0 } or { rate_per_s = 1000.0 }'
    if pace is None or pace == "recorded":
        return 1.0, None
    if isinstance(pace, str) or len(pace) != 1:
        complaints.stop(None, "not a pace", remedy, "pace")
    ((kind, value),) = pace.items()
    if kind not in {"speed", "rate_per_s"}:
        complaints.stop(None, "unknown kind of pace", hint(kind, ("recorded", "speed", "rate_per_s")), f"pace.{kind}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < math.inf:
        complaints.stop(None, "must be a positive, finite number", remedy, f"pace.{kind}")
    return (float(value), None) if kind == "speed" else (1.0, float(value))


def _checked_columns(
    columns: Mapping[str, str | int] | None, header: bool, complaints: _Complaints
) -> dict[str, str | int]:
    """The columns that are asked for, before the file is looked at; none where our own names shall be looked for."""
    wanted = dict(columns or {})
    for ours, theirs in wanted.items():
        if ours not in COLUMNS:
            complaints.add(None, "unknown column", hint(ours, COLUMNS, "known columns"), f"columns.{ours}")
        elif isinstance(theirs, bool) or not isinstance(theirs, str | int):
            complaints.add(None, "must be a name or an index", "columns count from 0", f"columns.{ours}")
        elif isinstance(theirs, str) and not header:
            complaints.add(None, "a file without a header has no names", "give the index, from 0", f"columns.{ours}")
    if not wanted and not header:
        complaints.add(None, "a file without a header needs columns", "such as { key = 0 }, counted from 0", "columns")
    if wanted and "key" not in wanted and "time_s" not in wanted:
        complaints.add(None, "a trace needs the column key, or time_s, or both", "name it", "columns")
    complaints.stop_if_any()
    return wanted


# From the file to blocks of text


def _opened(path: Path, complaints: _Complaints) -> BinaryIO:
    """Open a regular file; a pipe must not make us wait, nor a device run for ever."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        # Where the system refuses to open a folder at all, it gives another reason.
        reason = "it is a folder" if path.is_dir() else error.strerror
        complaints.stop(None, f"the trace cannot be opened: {reason}", "check its path and who may read it")
    except ValueError:
        complaints.stop(None, "the trace cannot be opened: a NUL character in its path", "check its path")
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"
        complaints.stop(None, f"the trace is {kind}", "name a file: CSV, plain or packed by gzip, xz or zstandard")
    return os.fdopen(descriptor, "rb")


def _pieces(file: BinaryIO, note: Callable[[bytes], None]) -> Iterator[bytes]:
    """The file's bytes, each piece noted (for the digest)."""
    while piece := file.read(_PIECE_BYTES):
        note(piece)
        yield piece


class _Decoder(Protocol):
    """What the decoders of zlib, lzma and zstandard have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of a member has come."""

    @property
    def unused_data(self) -> bytes:
        """What came behind it."""

    def decompress(self, data: bytes, /) -> bytes:
        """Unpack."""


def _packing(start: bytes) -> tuple[str, Callable[[], _Decoder], type[Exception]] | None:
    """How a file that starts so is packed: name, maker of decoders, their error; None for a plain one."""
    if start.startswith(b"\x1f\x8b"):
        return "gzip", lambda: zlib.decompressobj(wbits=31), zlib.error
    if start.startswith(b"\xfd7zXZ\x00"):
        return "xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES), lzma.LZMAError
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        return "zstandard", unpacker.decompressobj, zstandard.ZstdError
    return None


def _unpacked(pieces: Iterator[bytes], complaints: _Complaints) -> Iterator[bytes]:
    """The text's bytes, up to the limit."""
    first = next(pieces, b"")
    pieces = chain((first,), pieces)
    packing = _packing(first)
    total = 0
    for block in pieces if packing is None else _unpacked_members(pieces, *packing, complaints):
        total += len(block)
        if total > TRACE_BYTES_MAX:
            complaints.over_limit("bytes" if packing is None else "bytes, unpacked", TRACE_BYTES_MAX)
        yield block


def _unpacked_members(
    pieces: Iterator[bytes],
    packing: str,
    make: Callable[[], _Decoder],
    broken: type[Exception],
    complaints: _Complaints,
) -> Iterator[bytes]:
    """Unpack a file of one or more members (streams, frames); there may be zero bytes between them."""
    decoder: _Decoder | None = None
    for piece in pieces:
        for start in range(0, len(piece), _FEED_BYTES):
            data = piece[start : start + _FEED_BYTES]
            while data:
                if decoder is None:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    decoder = make()
                try:
                    yield decoder.decompress(data)
                except broken as error:
                    complaints.stop(None, f"broken {packing} data: {error}", "copy or pack the file once more")
                data = b""
                if decoder.eof:
                    data, decoder = decoder.unused_data, None
    if decoder is not None:
        complaints.stop(None, f"the file ends in the middle of its {packing} data", "copy the whole file")


def _texts(blocks: Iterator[bytes], complaints: _Complaints) -> Iterator[str]:
    """Text in blocks of whole lines, of about a piece's length."""
    waiting: list[bytes] = []
    lines = 0
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= _PIECE_BYTES:
            data = b"".join(waiting)
            end = data.rfind(b"\n") + 1
            if len(data) - end > TRACE_LINE_BYTES_MAX:
                line = lines + data.count(b"\n") + 1
                complaints.stop(line, f"a line of more than {TRACE_LINE_BYTES_MAX:,} bytes", "is this a CSV file?")
            waiting = [data[end:]]
            text = _decoded(data[:end], lines, complaints)
            lines += text.count("\n")
            yield text
    yield _decoded(b"".join(waiting), lines, complaints)


def _decoded(data: bytes, lines: int, complaints: _Complaints) -> str:
    """Text from the bytes that follow so many lines; a byte order mark in front of all is dropped."""
    if lines == 0:
        data = data.removeprefix(codecs.BOM_UTF8)
    nul = data.find(b"\0")
    if nul >= 0:
        complaints.stop(lines + data.count(b"\n", 0, nul) + 1, "a NUL byte", "save the trace as text in UTF-8")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = lines + data.count(b"\n", 0, error.start) + 1
        complaints.stop(line, f"byte 0x{data[error.start]:02x} is not UTF-8", "save the trace as text in UTF-8")


# From text to rows


@dataclass(frozen=True)
class _Rows:
    """Rows of the file in sequence, empty lines among them, and the line on which the first begins."""

    rows: list[list[str]]
    first_line: int

    def line_of(self, index: int) -> int:
        """The line on which a row begins; quoted fields may hold line ends."""
        return self.first_line + sum(1 + sum(field.count("\n") for field in row) for row in self.rows[:index])


class _RowReader:
    """Takes text apart into rows.

    Args:
        texts: Blocks of whole lines.
        complaints: Where problems go.
    """

    def __init__(self, texts: Iterator[str], complaints: _Complaints) -> None:
        self.lines_given = 0
        self.reader = csv.reader(chain.from_iterable(map(self._opened, texts)), strict=True)
        self.complaints = complaints

    def _opened(self, text: str) -> Iterable[str]:
        """The lines of one block, their ends as they are."""
        self.lines_given += text.count("\n")
        return StringIO(text, newline="\n")

    def __iter__(self) -> Iterator[_Rows]:
        """Rows in blocks as large as those of the text."""
        going = True
        while going:
            rows: list[list[str]] = []
            found = _Rows(rows, self.reader.line_num + 1)
            broken, last_line = "", math.inf
            try:
                # Few at a time, so that the rows run hardly beyond the block, which the first of them opens.
                while going and self.reader.line_num < last_line:
                    before = len(rows)
                    rows.extend(islice(self.reader, _ROWS_AT_ONCE))
                    going = len(rows) == before + _ROWS_AT_ONCE
                    last_line = min(last_line, self.lines_given)
            except csv.Error as error:
                broken = str(error)
            yield found
            if broken:
                self.complaints.stop(found.line_of(len(rows)), *_csv_advice(broken))


def _csv_advice(message: str) -> tuple[str, str]:
    """What is wrong with a row and what to do, from what Python's csv module says."""
    if "end of data" in message:
        return "a quote that opens here is never closed", "close it; a quote inside quotes is written twice"
    if "field limit" in message:
        return "a field longer than 131,072 characters", "is a quote not closed?"
    if "expected after" in message:
        return "text follows a closing quote", "a comma or the line's end must; a quote inside quotes is written twice"
    if "new-line" in message:
        return "a carriage return in the middle of a line", "end lines by LF or CRLF"
    return f"broken CSV: {message}", ""


# From rows to columns


class _FieldError(Exception):
    """A field is not what its column holds."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


class _Column(ABC):
    """One of our columns, converted block by block: all fields at once, or one by one to find what is wrong."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.parts: list[npt.NDArray[Any]] = []
        self.numbers: dict[str, int] = {}

    @abstractmethod
    def convert(self, texts: list[str]) -> npt.NDArray[Any]:
        """All fields; raises ValueError, OverflowError or _FieldError where they need a closer look."""

    @abstractmethod
    def convert_one(self, text: str) -> float:
        """One field; raises _FieldError, which says what is wrong."""


class _Times(_Column):
    """Seconds that never go back."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.last_s = -math.inf

    def convert(self, texts: list[str]) -> FloatArray:
        """All fields."""
        values = np.fromiter(map(float, _plain(texts)), np.float64, len(texts))
        if not np.isfinite(values).all() or values[0] < self.last_s or (values[1:] < values[:-1]).any():
            raise ValueError
        self.last_s = float(values[-1])
        return values

    def convert_one(self, text: str) -> float:
        """One field."""
        value = _number(text)
        if not math.isfinite(value):
            raise _FieldError(f"{_shown(text)} is not a finite number of seconds")
        last_s, self.last_s = self.last_s, value
        if value < last_s:
            raise _FieldError(f"time goes back from {last_s!r} to {value!r}", "sort the trace by time, or set a rate")
        return value


class _Sizes(_Column):
    """Whole numbers of bytes."""

    def convert(self, texts: list[str]) -> IntArray:
        """All fields."""
        values = np.fromiter(map(int, _plain(texts)), np.int64, len(texts))
        if values.min() < 0 or values.max() > TRACE_SIZE_BYTES_MAX:
            raise ValueError
        return values

    def convert_one(self, text: str) -> float:
        """One field."""
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit()):
            raise _FieldError(f"{_shown(text)} is not a size", "write a whole number of bytes in digits alone")
        if len(digits) > 20 or int(digits) > TRACE_SIZE_BYTES_MAX:
            raise _FieldError(f"{_shown(text)} bytes are more than {TRACE_SIZE_BYTES_MAX:,}")
        return int(digits)


class _Ttls(_Column):
    """Seconds from the fill on; empty, 0, nan or inf for none."""

    def convert(self, texts: list[str]) -> FloatArray:
        """All fields."""
        values = np.fromiter(map(float, [text or "nan" for text in _plain(texts)]), np.float64, len(texts))
        if (values < 0.0).any():
            raise ValueError
        values[values == 0.0] = math.nan
        return values

    def convert_one(self, text: str) -> float:
        """One field."""
        value = _number(text) if text.strip() else math.nan
        if value < 0.0:
            raise _FieldError(f"{_shown(text)} is a negative time to live", "write seconds, or nothing for none")
        return value or math.nan


class _Keys(_Column):
    """Any text, numbered."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.numbers = defaultdict(count().__next__)

    def convert(self, texts: list[str]) -> IntArray:
        """All fields."""
        if "" in texts:
            raise ValueError
        return np.fromiter(map(self.numbers.__getitem__, texts), np.int64, len(texts))

    def convert_one(self, text: str) -> float:
        """One field."""
        if not text:
            raise _FieldError("the key is empty")
        return self.numbers[text]


class _Operations(_Column):
    """Names of operations, by what they stand for.

    Args:
        index: Of the column in the file.
        meanings: From names in a file, in lower case, to operations.
    """

    def __init__(self, index: int, meanings: Mapping[str, str]) -> None:
        super().__init__(index)
        self.meanings = meanings
        self.codes: dict[str, int] = {}

    def convert(self, texts: list[str]) -> IntArray:
        """All fields."""
        for text in dict.fromkeys(texts):
            if text not in self.codes:
                self.codes[text] = int(self.convert_one(text))
        return np.fromiter(map(self.codes.__getitem__, texts), np.int64, len(texts))

    def convert_one(self, text: str) -> float:
        """One field."""
        operation = self.meanings.get(text.strip().casefold())
        if operation is None:
            remedy = f"known are {names_text(self.meanings)}; say in `operations` what it stands for"
            raise _FieldError(f"unknown operation {_shown(text)}", remedy)
        return self.numbers.setdefault(operation, len(self.numbers))


class _Table:
    """The columns of a trace.

    Args:
        wanted: From our names to the file's or to indices; empty for those that bear our names.
        header: Whether the first row names the columns.
        pace: As the user gave it.
        meanings: What the names of operations stand for.
        complaints: Where problems go.
    """

    def __init__(
        self,
        wanted: Mapping[str, str | int],
        header: bool,
        pace: Pace | None,
        meanings: Mapping[str, str],
        complaints: _Complaints,
    ) -> None:
        self.wanted, self.header, self.pace = wanted, header, pace
        self.kinds: dict[str, Callable[[int], _Column]] = {
            "time_s": _Times,
            "key": _Keys,
            "size_bytes": _Sizes,
            "op": lambda index: _Operations(index, meanings),
            "ttl_s": _Ttls,
        }
        self.complaints = complaints
        self.columns: dict[str, _Column] = {}
        self.rows_count = 0

    def read(self, texts: Iterator[str]) -> None:
        """Take in all rows, or say what is wrong with them."""
        width = 0
        for block in _RowReader(texts, self.complaints):
            start = 0
            if not width:
                start = next((index for index, row in enumerate(block.rows) if row), len(block.rows))
                if start == len(block.rows):
                    continue
                width = len(block.rows[start])
                self._choose(block.rows[start], block.line_of(start))
                start += self.header
            self._take(block, start, width)
        self.complaints.stop_if_any()
        if not self.rows_count:
            what = "the trace has a header but no request" if width else "the trace is empty"
            self.complaints.stop(None, what, "it needs a line for each request")

    def array(self, name: str, default: float) -> npt.NDArray[Any]:
        """A column's values, or as many defaults; to be asked once."""
        column = self.columns.get(name)
        if column is None:
            return np.full(self.rows_count, default) if default else np.zeros(self.rows_count, dtype=np.int64)
        parts, column.parts = column.parts, []
        return np.concatenate(parts)

    def names(self, name: str) -> Mapping[str, int]:
        """The names that a column holds, numbered by first appearance."""
        return self.columns[name].numbers if name in self.columns else {}

    def _take(self, block: _Rows, start: int, width: int) -> None:
        """Take in the rows of a block from one on."""
        rows, line_of = block.rows[start:], lambda index: block.line_of(start + index)
        if set(map(len, rows)) - {width}:
            kept = []
            for index, row in enumerate(rows):
                if len(row) == width:
                    kept.append(index)
                elif row:
                    what = f"{len(row)} fields instead of {width}"
                    self.complaints.add(line_of(index), what, "put fields that hold a comma into double quotes")
            rows = [rows[index] for index in kept]
            line_of = lambda index: block.line_of(start + kept[index])  # noqa: E731 (as above)
        self.rows_count += len(rows)
        if self.rows_count > TRACE_ROWS_MAX:
            self.complaints.over_limit("requests", TRACE_ROWS_MAX)
        for name, column in self.columns.items() if rows else ():
            texts = list(map(itemgetter(column.index), rows))
            try:
                column.parts.append(column.convert(texts))
            except (ValueError, OverflowError, _FieldError):
                column.parts.append(self._one_by_one(name, column, texts, line_of))
        if len(self.names("key")) > TRACE_KEYS_MAX:
            self.complaints.over_limit("different keys", TRACE_KEYS_MAX)

    def _one_by_one(
        self, name: str, column: _Column, texts: list[str], line_of: Callable[[int], int]
    ) -> npt.NDArray[Any]:
        """Convert fields among which some are odd; what is wrong is noted."""
        values: list[float] = []
        for index, text in enumerate(texts):
            try:
                values.append(column.convert_one(text))
            except _FieldError as error:
                self.complaints.add(line_of(index), error.what, error.remedy, name)
        return np.array(values)

    def _choose(self, row: list[str], line: int) -> None:
        """Find the columns that are wanted, by the first row."""
        names = [field.strip() for field in row] if self.header else []
        wanted = self.wanted or {name: name for name in COLUMNS if name in names}
        if not {"key", "time_s"} & wanted.keys():
            remedy = f'say which it is, such as columns = {{ key = "id" }}; the header has {names_text(names)}'
            self.complaints.stop(line, "no column is called key or time_s", remedy, "columns")
        timed = not (isinstance(self.pace, Mapping) and "rate_per_s" in self.pace)
        if timed and "time_s" not in wanted:
            what = "the trace has no times" if self.pace is None else "this pace needs the column time_s"
            self.complaints.add(line, what, "set a rate, such as pace = { rate_per_s = 1000.0 }", "pace")
        for ours, theirs in wanted.items():
            if isinstance(theirs, str) and names.count(theirs.strip()) != 1:
                what = "is in the header twice" if theirs.strip() in names else "is not in the header"
                what = f"the column {_shown(theirs)} {what}"
                self.complaints.add(line, what, hint(theirs, names, "columns"), f"columns.{ours}")
            elif isinstance(theirs, int) and not 0 <= theirs < len(row):
                what = f"there is no column {theirs}"
                self.complaints.add(line, what, f"there are {len(row)}, counted from 0", f"columns.{ours}")
            elif ours != "time_s" or timed:
                index = theirs if isinstance(theirs, int) else names.index(theirs.strip())
                self.columns[ours] = self.kinds[ours](index)
        self.complaints.stop_if_any()


def _plain(texts: list[str]) -> list[str]:
    """The fields, if numbers among them are written plainly: int and float take 1_000 and digits of other scripts."""
    together = "".join(texts)
    if "_" in together or not together.isascii():
        raise ValueError
    return texts


def _number(text: str) -> float:
    """A number from a field."""
    try:
        return float(_plain([text])[0])
    except ValueError:
        raise _FieldError(f"{_shown(text)} is not a number") from None


def _shown(text: str) -> str:
    """A field's text, short and in quotes."""
    return f'"{safe_text(text, 60)}"'
