"""The tables of a run: how latencies are distributed, what happens over time, notes; and their form in the run folder,
comma-separated values.

Numbers are written so that they can be read back exactly; an empty cell is a number that does not exist. A text that a
spreadsheet would take for a formula has an apostrophe before it, which our own reader takes off again.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bench.statistics.curves import SystemSeries, time_series
from bench.statistics.values import Figure, Row, figures_from, figures_of, rows_of
from bench.terminal import safe_text
from models.kernel.outcome import FINE, Outcome

FloatArray = npt.NDArray[np.float64]

NOTE_CHARACTERS_MAX = 400

Columns = Mapping[str, type]
"""Names of columns, and what stands in them: `str`, `int` or `float`, where nan is a number that does not exist."""

_DISTRIBUTION_COLUMNS: Columns = {
    "system": str, "operation": str, "replication": int, "lower_s": float, "upper_s": float, "count": int,
}  # fmt: skip
_VALUES_COLUMNS: Columns = {
    "system": str, "figure": str, "unit": str, "better": str, "replication": int, "value": float,
}  # fmt: skip
_CELL_VALUES_COLUMNS: Columns = {"cell": int, **_VALUES_COLUMNS}
_NOTES_COLUMNS: Columns = {"system": str, "replication": int, "at_s": float, "text": str}
_SERIES_COLUMNS: Columns = {
    "system": str, "from_s": float, "until_s": float, "kind": str, "name": str, "quantity": str, "value": float,
    "low": float, "high": float,
}  # fmt: skip


class Table(NamedTuple):
    """A table, whatever form it is written in: its columns, and rows of as many cells, which are read once."""

    columns: Columns
    rows: Iterable[Sequence[str | float]]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Each column as an array: texts as objects, whole numbers in 64 bits, others as floats."""
        kinds = {str: np.dtype(object), int: np.dtype(np.int64), float: np.dtype(np.float64)}
        cells = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        return {
            name: np.array(list(map(str, column)) if kind is str else column, kinds[kind])
            for (name, kind), column in zip(self.columns.items(), cells, strict=True)
        }


def kind_of(cells: Iterable[str | float]) -> type:
    """What a column holds whose cells are not known beforehand: whole numbers of 64 bits, numbers, or else texts."""
    cells = list(cells)
    kinds = {type(cell) for cell in cells}
    if kinds <= {int}:
        return int if all(-(2**63) <= cell < 2**63 for cell in cells if isinstance(cell, int)) else str
    return float if kinds <= {int, float} else str


@dataclass(frozen=True, eq=False)
class StoredDistribution:
    """Latencies of one operation in one replication; arrays of shape (non-empty bins,)."""

    system: str
    operation: str
    replication: int
    lower_s: FloatArray
    upper_s: FloatArray
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True)
class SeriesRow:
    """One quantity of one part in one window of time.

    Args:
        system: The system.
        from_s: Start of the window.
        until_s: Its end.
        kind: "operation", "cache", "station" or "bucket".
        name: Name of the part.
        quantity: What it is, with its unit.
        value: Its value; nan where there is none.
        low: Lower end of its interval over replications; nan where there is none.
        high: Upper end.
    """

    system: str
    from_s: float
    until_s: float
    kind: str
    name: str
    quantity: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class StoredNote:
    """Something that control did in one replication of a system, and when."""

    system: str
    replication: int
    at_s: float
    text: str


def csv_text(header: Iterable[str], rows: Iterable[Sequence[str | float]]) -> str:
    """A table as text; nan becomes an empty cell, and no text a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(map(_cell, row) for row in rows)
    return text.getvalue()


_FORMULA = ("=", "+", "-", "@", "\t")
_QUOTE = "'"


def _cell(value: str | float) -> str | float:
    if isinstance(value, str):
        # A text that has an apostrophe gets another, so that one can always be taken off.
        return _QUOTE + value if value.startswith((*_FORMULA, _QUOTE)) else value
    return "" if math.isnan(value) else value


def run_tables(outcomes: Mapping[str, Sequence[Outcome]], certain: Collection[str] = ()) -> dict[str, Table]:
    """The tables of a run, by name.

    Args:
        outcomes: Replications by system.
        certain: Systems that left nothing to chance, whose single replication is exact.
    """
    return {
        "values": values_table(figures_of(outcomes, certain)),
        "distributions": _distributions_table(outcomes),
        "series": _series_table(outcomes, certain),
        "notes": _notes_table(outcomes),
    }


def _distributions_table(outcomes: Mapping[str, Sequence[Outcome]]) -> Table:
    """Non-empty bins of all latencies, by system, replication and operation."""
    edges = FINE.edges_s().tolist()
    return Table(
        _DISTRIBUTION_COLUMNS,
        (
            (system, name, outcome.replication, edges[index], edges[index + 1], int(operation.latency.counts[index]))
            for system, replications in outcomes.items()
            for outcome in replications
            for name, operation in outcome.operations.items()
            for index in np.flatnonzero(operation.latency.counts).tolist()
        ),
    )


def parse_distributions(text: str) -> list[StoredDistribution]:
    """Distributions as they were written.

    Raises:
        ValueError: If it is something else.
    """
    rows: dict[tuple[str, str, int], list[tuple[float, float, int]]] = {}
    for system, operation, replication, lower, upper, count in csv_rows(text, _DISTRIBUTION_COLUMNS):
        found = rows.setdefault((system, operation, int(replication)), [])
        found.append((float(lower), float(upper), int(count)))
    return [
        StoredDistribution(
            *key,
            np.array([lower for lower, _, _ in found]),
            np.array([upper for _, upper, _ in found]),
            np.array([count for _, _, count in found], dtype=np.int64),
        )
        for key, found in rows.items()
    ]


def stored_distributions_table(some: Iterable[StoredDistribution]) -> Table:
    """Distributions that were read, as they were written."""
    return Table(
        _DISTRIBUTION_COLUMNS,
        (
            (each.system, each.operation, each.replication, *bin_)
            for each in some
            for bin_ in zip(each.lower_s.tolist(), each.upper_s.tolist(), each.counts.tolist(), strict=True)
        ),
    )


def values_table(figures: Iterable[Figure]) -> Table:
    """Each figure of each system, with its value in each replication."""
    return Table(_VALUES_COLUMNS, map(_value_row, rows_of(figures)))


def _value_row(row: Row) -> tuple[str | float, ...]:
    return (*row[:5], math.nan if row[5] is None else row[5])


def parse_values(text: str, certain: Collection[str] = ()) -> list[Figure]:
    """Figures as they were written.

    Raises:
        ValueError: If it is something else.
    """
    return figures_from(
        (
            (system, name, unit, better, int(replication), _finite(value) if value else None)
            for system, name, unit, better, replication, value in csv_rows(text, _VALUES_COLUMNS)
        ),
        certain,
    )


def cell_values_table(cells: Iterable[Iterable[Figure]]) -> Table:
    """The figures of each cell of a sweep."""
    return Table(
        _CELL_VALUES_COLUMNS,
        ((index, *_value_row(row)) for index, figures in enumerate(cells) for row in rows_of(figures)),
    )


def parse_cell_values(text: str, certain: Collection[str] = ()) -> list[list[Figure]]:
    """Figures of cells as they were written.

    Raises:
        ValueError: If it is something else.
    """
    cells: dict[int, list[Row]] = {}
    for cell, system, name, unit, better, replication, value in csv_rows(text, _CELL_VALUES_COLUMNS):
        row = (system, name, unit, better, int(replication), _finite(value) if value else None)
        cells.setdefault(int(cell), []).append(row)
    if list(cells) != list(range(len(cells))):
        raise ValueError("its cells are not in order")
    return [figures_from(rows, certain) for rows in cells.values()]


def _finite(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell} is no value of a figure")
    return value


def _notes_table(outcomes: Mapping[str, Sequence[Outcome]]) -> Table:
    """What control noted, by system and replication, in order of time."""
    return Table(
        _NOTES_COLUMNS,
        (
            (system, outcome.replication, note.at_s, safe_text(note.text, NOTE_CHARACTERS_MAX))
            for system, replications in outcomes.items()
            for outcome in replications
            for note in outcome.notes
        ),
    )


def parse_notes(text: str) -> list[StoredNote]:
    """Notes as they were written.

    Raises:
        ValueError: If it is something else.
    """
    return [
        StoredNote(system, int(replication), float(at_s), note)
        for system, replication, at_s, note in csv_rows(text, _NOTES_COLUMNS)
    ]


def stored_notes_table(some: Iterable[StoredNote]) -> Table:
    """Notes that were read, as they were written."""
    return Table(_NOTES_COLUMNS, map(astuple, some))


def _series_table(outcomes: Mapping[str, Sequence[Outcome]], certain: Collection[str]) -> Table:
    """Rates, latencies, shares, utilization, queues and tokens by window of time."""
    return Table(
        _SERIES_COLUMNS,
        (
            row
            for system, replications in outcomes.items()
            for row in _series_rows(system, time_series(replications, certain=system in certain))
        ),
    )


def parse_series(text: str) -> list[SeriesRow]:
    """The course over time as it was written.

    Raises:
        ValueError: If it is something else.
    """
    return [
        SeriesRow(system, float(start), float(end), kind, name, quantity, *map(number, numbers))
        for system, start, end, kind, name, quantity, *numbers in csv_rows(text, _SERIES_COLUMNS)
    ]


def stored_series_table(some: Iterable[SeriesRow]) -> Table:
    """The course over time that was read, as it was written."""
    return Table(_SERIES_COLUMNS, map(astuple, some))


def _series_rows(system: str, series: SystemSeries) -> Iterator[tuple[str | float, ...]]:
    nothing = np.full(len(series.edges_s) - 1, math.nan)
    columns: list[tuple[str, str, str, FloatArray, FloatArray, FloatArray]] = []
    for name, operation in series.operations.items():
        rate, errors = operation.throughput_per_s, operation.errors_per_s
        columns += [
            ("operation", name, "throughput_per_s", rate.mean, rate.low, rate.high),
            ("operation", name, "errors_per_s", errors.mean, errors.low, errors.high),
            ("operation", name, "latency_p50_ms", operation.p50_ms, nothing, nothing),
            ("operation", name, "latency_p99_ms", operation.p99_ms, nothing, nothing),
        ]
        if len(operation.stale_ratio):
            columns.append(("operation", name, "stale_ratio", operation.stale_ratio, nothing, nothing))
    columns += [("cache", name, "hit_ratio", share, nothing, nothing) for name, share in series.hit_ratio.items()]
    for name, station in series.stations.items():
        columns += [
            ("station", name, "utilization", station.utilization, nothing, nothing),
            ("station", name, "mean_queue", station.mean_queue, nothing, nothing),
        ]
    for name, bucket in series.buckets.items():
        for quantity, rate in (("taken_per_s", bucket.taken_per_s), ("refused_per_s", bucket.refused_per_s)):
            columns.append(("bucket", name, quantity, rate.mean, rate.low, rate.high))
    windows = list(itertools.pairwise(series.edges_s.tolist()))
    for kind, name, quantity, *arrays in columns:
        for window, numbers in zip(windows, np.column_stack(arrays).tolist(), strict=True):
            yield system, *window, kind, name, quantity, *numbers


def csv_rows(text: str, columns: Collection[str]) -> Iterator[list[str]]:
    """Rows below the header of what `csv_text` wrote, each with as many cells as there are columns.

    Raises:
        ValueError: If it is something else.
    """
    rows = csv.reader(io.StringIO(text), strict=True)
    try:
        if next(rows, None) != list(columns):
            raise ValueError(f"its columns are not {', '.join(columns)}")
        for row in rows:
            if len(row) != len(columns):
                raise ValueError(f"line {rows.line_num} has {len(row)} cells instead of {len(columns)}")
            yield [cell.removeprefix(_QUOTE) for cell in row]
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num}: {error}") from error


def number(cell: str) -> float:
    """The number in a cell; nan where there is none."""
    return float(cell) if cell else math.nan
