"""A trace, and how it is read: what was asked for is checked, its columns are found, its rows are taken in.

What a row tells is kept as numbers, of 4 to 32 bytes, in a `Spool`: where there are many rows, in a temporary file.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.scenario.suggest import hint, names_text
from bench.traces import limits
from bench.traces.columns import OPERATIONS, Column, FieldError, Keys, Operations, Sizes, Times, Ttls, shown
from bench.traces.complaints import Complaints
from bench.traces.rows import Block, blocks_of
from bench.traces.spool import Spool
from bench.traces.unpacking import open_file, pieces_of, texts_of, unpacked
from models.kernel import sources

Pace = str | Mapping[str, float]
"""When requests arrive: `"recorded"`, `{"speed": 10.0}` or `{"rate_per_s": 1000.0}`."""

COLUMNS: Mapping[str, str] = {"time_s": "f8", "key": "i4", "size_bytes": "i8", "op": "i4", "ttl_s": "f8"}
"""What a trace can tell of a request, and the type of number that keeps it; `limits` lets no key reach 2^31."""


@dataclass(frozen=True, eq=False)
class Trace:
    """What a file tells.

    Args:
        name: The file as the user named it.
        sha256: Digest of the file's bytes, in hexadecimal.
        told: Those of `COLUMNS` that the requests have from the file.
        requests: At least one, the first at 0 s. Operations and keys are numbered by first appearance; where the file
            does not tell, all are reads, of key 0, without a time to live.
    """

    name: str
    sha256: str
    told: tuple[str, ...]
    requests: sources.Trace


def read_trace(
    path: Path,
    columns: Mapping[str, str | int] | None = None,
    pace: Pace | None = None,
    name: str | None = None,
    *,
    header: bool = True,
    operations: Mapping[str, str] | None = None,
    size_bytes: int = 0,
) -> Trace:
    """Read a trace: CSV in UTF-8, plain or packed by gzip, xz or zstandard, which its first bytes tell.

    Args:
        path: The file; whether it may be read is the caller's business.
        columns: From our names (`COLUMNS`) to the file's: a name in its header, or an index from 0. Without it, the
            columns that bear our names.
        pace: "recorded" for the file's times, shifted so that the first is 0; {"speed": x} for the same, x times as
            fast; {"rate_per_s": r} for request i at i / r, whatever the file's times. Without it, as recorded.
        name: What messages call the file; its path, if not given.
        header: Whether the first row names the columns; if not, `columns` gives indices.
        operations: What further names of operations stand for, beside `OPERATIONS`.
        size_bytes: Of each object, where the file does not tell.

    Raises:
        ScenarioError: If the file cannot be read, is broken or does not fit the arguments, or its requests cannot be
            kept: all that was found.
        LimitError: If it is too large.

    Limits:
        Keys are any text but the empty one. A ttl that is empty or 0 is none, as in memcached. Without a key, the trace
        must have times. Empty lines are skipped.
    """
    complaints = Complaints(str(path) if name is None else name)
    speed, rate_per_s = _checked_pace(pace, complaints)
    wanted = _checked_columns(columns, header, complaints)
    meanings = {known.casefold(): operation for known, operation in {**OPERATIONS, **(operations or {})}.items()}
    digest = hashlib.sha256()
    with open_file(path, complaints) as file:
        table = _Table(wanted, header, speed if rate_per_s is None else None, meanings, complaints)
        try:
            table.read(texts_of(unpacked(pieces_of(file, digest.update), complaints), complaints))
        except OSError as error:
            complaints.stop(None, f"the trace cannot be read: {error.strerror}")

    block = _blocks(table.spool, rate_per_s, size_bytes)
    requests = sources.Trace(table.rows_count, block, table.key_count, table.operation_names())
    with np.errstate(over="ignore"):
        if not math.isfinite(requests.last_s):
            complaints.stop(None, "the last request comes after an infinite time", "change the pace", "pace")
    return Trace(complaints.name, digest.hexdigest(), tuple(table.columns), requests)


def _blocks(spool: Spool, rate_per_s: float | None, size_bytes: int) -> Callable[[int, int], sources.Block]:
    """How to get the requests from one on up to another."""

    def block(first: int, last: int) -> sources.Block:
        rows = spool.read(first, last)

        def column(name: str, otherwise: float) -> npt.NDArray[Any]:
            if name in (spool.row.names or ()):
                return rows[name].astype(type(otherwise))
            return sources.alike(otherwise, len(rows))

        return sources.Block(
            column("time_s", math.inf) if rate_per_s is None else np.arange(first, last) / rate_per_s,
            column("op", 0),
            column("key", 0),
            column("size_bytes", size_bytes),
            sources.alike(1, len(rows)),
            column("ttl_s", math.inf),
        )

    return block


def _checked_pace(pace: Pace | None, complaints: Complaints) -> tuple[float, float | None]:
    """Speed, and rate where the file's times do not count."""
    remedy = 'write "recorded", { speed = 10.0 } or { rate_per_s = 1000.0 }'
    if pace is None or pace == "recorded":
        return 1.0, None
    if not isinstance(pace, Mapping) or len(pace) != 1:
        complaints.stop(None, "not a pace", remedy, "pace")
    kind, given = next(iter(pace.items()))
    value: object = given
    if kind not in {"speed", "rate_per_s"}:
        complaints.stop(None, "unknown kind of pace", hint(kind, ("recorded", "speed", "rate_per_s")), f"pace.{kind}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value <= sys.float_info.max:
        complaints.stop(None, "must be a positive, finite number", remedy, f"pace.{kind}")
    return (float(value), None) if kind == "speed" else (1.0, float(value))


def _checked_columns(
    columns: Mapping[str, str | int] | None, header: bool, complaints: Complaints
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


class _Table:
    """The columns of a trace.

    Args:
        wanted: From our names to the file's or to indices; empty for those that bear our names.
        header: Whether the first row names the columns.
        speed: How many times as fast as in the file requests come; None where its times are not wanted.
        meanings: What the names of operations stand for.
        complaints: Where problems go.
    """

    def __init__(
        self,
        wanted: Mapping[str, str | int],
        header: bool,
        speed: float | None,
        meanings: Mapping[str, str],
        complaints: Complaints,
    ) -> None:
        self.wanted, self.header, self.speed = wanted, header, speed
        self.kinds: dict[str, Callable[[int], Column]] = {
            "time_s": Times,
            "key": Keys,
            "size_bytes": Sizes,
            "op": lambda index: Operations(index, meanings),
            "ttl_s": Ttls,
        }
        self.complaints = complaints
        self.columns: dict[str, Column] = {}
        self.spool = Spool(np.dtype([]))
        self.rows_count = 0
        self.first_s = math.nan

    def read(self, texts: Iterator[str]) -> None:
        """Take in all rows, or say what is wrong with them."""
        width = 0
        for block in blocks_of(texts, self.complaints):
            start = 0
            if not width:
                width = block.width
                self._choose([block.column(index, 0)[0] for index in range(width)], block.line_of(0))
                start = int(self.header)
            self._take(block, start)
        self.complaints.stop_if_any()
        if not self.rows_count:
            what = "the trace has a header but no request" if width else "the trace is empty"
            self.complaints.stop(None, what, "it needs a line for each request")

    @property
    def key_count(self) -> int:
        """Different keys; 1 where the file does not tell."""
        column = self.columns.get("key")
        return column.distinct if isinstance(column, Keys) else 1

    def operation_names(self) -> tuple[str, ...]:
        """By first appearance."""
        return tuple(self.columns["op"].numbers) if "op" in self.columns else ("read",)

    def _take(self, block: Block, start: int) -> None:
        """Take in the rows of a block from one on."""
        for line, count in block.misfits():
            remedy = "put fields that hold a comma into double quotes"
            self.complaints.add(line, f"{count} fields instead of {block.width}", remedy)
        count = len(block) - start
        self.rows_count += count
        if self.rows_count > limits.TRACE_ROWS_MAX:
            self.complaints.over_limit("requests", limits.TRACE_ROWS_MAX)
        rows = np.empty(count, self.spool.row)
        for name, column in self.columns.items() if count else ():
            values = self._converted(name, column, block, start)
            if not self.complaints.problems:
                rows[name] = self._paced(values) if name == "time_s" else values
        if self.key_count > limits.TRACE_KEYS_MAX:
            self.complaints.over_limit("different keys", limits.TRACE_KEYS_MAX)
        if not self.complaints.problems:
            self._keep(rows)

    def _paced(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """From the file's times to when requests come: the first at 0, the others as fast as wanted."""
        assert self.speed is not None
        if math.isnan(self.first_s):
            self.first_s = float(values[0])
        with np.errstate(over="ignore"):
            return np.divide(values - self.first_s, self.speed)

    def _keep(self, rows: npt.NDArray[Any]) -> None:
        """Put rows behind those there are."""
        try:
            self.spool.append(rows)
        except OSError as error:
            size = self.spool.row.itemsize
            what = f"its requests, {size} bytes each, cannot be kept in a temporary file: {error.strerror}"
            self.complaints.stop(None, what, "make room, or set TMPDIR to a folder that has room")

    def _converted(self, name: str, column: Column, block: Block, start: int) -> npt.NDArray[Any]:
        """A column of the rows of a block from one on, in the first of three ways that goes."""
        plain = block.plain_column(column.index, start)
        values = None if plain is None else column.convert_plain(plain)
        if values is not None:
            return values
        texts = block.column(column.index, start)
        try:
            return column.convert(texts)
        except (ValueError, OverflowError, FieldError):
            return self._one_by_one(name, texts, block, start)

    def _one_by_one(self, name: str, texts: list[str], block: Block, start: int) -> npt.NDArray[Any]:
        """Convert fields among which some are odd; what is wrong is noted."""
        values: list[float] = []
        for place, text in enumerate(texts, start):
            try:
                values.append(self.columns[name].convert_one(text))
            except FieldError as error:
                self.complaints.add(block.line_of(place), error.what, error.remedy, name)
        return np.array(values)

    def _choose(self, row: list[str], line: int) -> None:
        """Find the columns that are wanted, by the first row."""
        names = [field.strip() for field in row] if self.header else []
        wanted = self.wanted or {name: name for name in COLUMNS if name in names}
        if not {"key", "time_s"} & wanted.keys():
            remedy = f'say which it is, such as columns = {{ key = "id" }}; the header has: {names_text(names)}'
            self.complaints.stop(line, "no column is called key or time_s", remedy, "columns")
        if self.speed is not None and "time_s" not in wanted:
            remedy = "set a rate, such as pace = { rate_per_s = 1000.0 }, or name the column time_s"
            self.complaints.add(line, "the trace has no times", remedy, "pace")
        for ours, theirs in wanted.items():
            index = self._index(ours, theirs, names, len(row), line)
            if index is not None and (ours != "time_s" or self.speed is not None):
                self.columns[ours] = self.kinds[ours](index)
        self.complaints.stop_if_any()
        self.spool = Spool(np.dtype([(name, COLUMNS[name]) for name in self.columns]))

    def _index(self, ours: str, theirs: str | int, names: list[str], width: int, line: int) -> int | None:
        """Where a column stands in a row; None, and a problem noted, where there is no such column."""
        key = f"columns.{ours}"
        if isinstance(theirs, int):
            if 0 <= theirs < width:
                return theirs
            self.complaints.add(line, f"there is no column {theirs}", f"there are {width}, counted from 0", key)
        elif theirs.strip() not in names:
            remedy = hint(theirs.strip(), names, "the header has")
            self.complaints.add(line, f"there is no column {shown(theirs)}", remedy, key)
        elif names.count(theirs.strip()) > 1:
            what = f"there are several columns {shown(theirs)}"
            self.complaints.add(line, what, "give the index of one, counted from 0", key)
        else:
            return names.index(theirs.strip())
        return None
