"""Exports: what other tools read is what was measured, within the bounds that are promised, whatever names hold."""

from __future__ import annotations

import io
import json
import math
import re
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.datafiles import Table, csv_rows, csv_text, kind_of, run_tables
from bench.errors import LimitError, UsageError
from bench.exports import of_run, read_kinds
from bench.exports.histograms import histogram_files, log_text, percentile_levels, percentiles_text
from bench.exports.parquet import parquet_bytes
from bench.manifest import FILES_MAX, with_manifest
from bench.store import RUN
from models.kernel.outcome import FEW, FINE, Distribution, Outcome
from tests.strategies.outcomes import Law, OperationSketch, SystemSketch, constant, lognormal, make_outcomes

NASTY = (
    "=1+1", "</script><b>", 'a "quoted" one, with commas', "two\nlines\r\nand a\ttab", "é\N{GRINNING FACE}\U0001f468‍👩",
    "\u202egnitirw\u202c", "../../etc/passwd", "CON", "#[StartTime: 5.0", "Tag=x,0.1,0.2,0.3,HIST", "  1.0 2.0 3.0 4.0",
    "\x1b[31m", "A" * 300, "", "::error::", "'", "a", "A",
)  # fmt: skip


def outcomes(law: Law, rate_per_s: float = 400.0, name: str = "read") -> list[Outcome]:
    """Three replications of one system."""
    sketch = SystemSketch({name: OperationSketch(rate_per_s, law)})
    return list(make_outcomes({"a": sketch}, 3, duration_s=20.0, warmup_s=5.0, windows=10)["a"])


def hgrm_rows(text: str) -> list[tuple[float, float, int]]:
    """Values in ms, fractions and counts, as the original's plotter reads lines: four words, no comment."""
    lines = [line.split() for line in text.splitlines()[1:] if line and not line.startswith("#")]
    assert all(len(line) == (4 if number < len(lines) - 1 else 3) for number, line in enumerate(lines))
    return [(float(line[0]), float(line[1]), int(line[2])) for line in lines]


def test_levels_are_those_of_the_original() -> None:
    """The first lines of GoogleChartsExample/example1.txt in HdrHistogram, and its last one before 1."""
    published = [
        0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.775, 0.8, 0.825, 0.85, 0.875, 0.8875, 0.9, 0.9125,
        0.925, 0.9375, 0.94375, 0.95, 0.95625, 0.9625, 0.96875, 0.971875, 0.975, 0.978125, 0.98125, 0.984375,
    ]  # fmt: skip

    levels = list(islice(percentile_levels(), 96))

    assert levels[: len(published)] == pytest.approx(published, abs=1e-15)
    assert 1.0 / (1.0 - levels[95]) == pytest.approx(524288.0)


@pytest.mark.parametrize("rate_per_s", [20.0, 2000.0])
def test_percentiles_are_those_that_were_measured(rate_per_s: float) -> None:
    """With latencies that are kept as they are, and with bins: never more than 0.2 % off."""
    some = outcomes(lognormal(3e-3, 0.7), rate_per_s)
    latencies = [each.operations["read"].latency for each in some]
    assert all((latency.count <= FEW) == (rate_per_s < 100.0) for latency in latencies)
    rows = hgrm_rows(percentiles_text(some, "read", "#about\n"))

    total = sum(latency.count for latency in latencies)
    assert rows[-1][1:] == (1.0, total)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    values_ms = np.sort(np.concatenate([_values_ms(latency) for latency in latencies]))
    for value_ms, fraction, count in rows:
        below = int(np.searchsorted(values_ms, value_ms * (1 + 1e-9), side="right"))
        assert count >= fraction * total - 1e-6
        assert values_ms[count - 1] <= value_ms * (1 + 1e-9) <= values_ms[count - 1] * (1 + 2e-3) + 2e-6
        assert below >= count - 1, "what rounding to a nanosecond puts on the other side"
    assert rows[-1][0] == pytest.approx(1e3 * max(latency.highest_s for latency in latencies), rel=2e-3)


def _values_ms(latency: Distribution) -> Any:
    """What the recorder knows, value by value."""
    if len(latency.few_s):
        return 1e3 * latency.few_s
    return 1e3 * np.clip(np.repeat(FINE.middles_s(), latency.counts), latency.lowest_s, latency.highest_s)


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 3.7e-7, 0.0025, 1.0, 59.0, 7200.0, 1e6])
def test_a_constant_latency_is_one_value(seconds: float) -> None:
    """From nothing to weeks; an hour is no bound."""
    rows = hgrm_rows(percentiles_text(outcomes(constant(seconds)), "read", ""))

    assert {row[0] for row in rows} == {rows[0][0]}
    assert 1e3 * seconds * (1 - 1e-3) - 1e-6 <= rows[0][0] <= 1e3 * seconds * (1 + 2e-3) + 1e-6


def test_the_summary_below_is_in_the_same_unit() -> None:
    """The package gives the deviation in nanoseconds beside a mean in ms; here both are ms."""
    text = percentiles_text(outcomes(lognormal(3e-3, 0.5), 2000.0), "read", "")

    (mean, deviation), (highest, count) = re.findall(r"= +([0-9.]+),[^=]+= +([0-9.]+)\]", text)[:2]
    assert float(mean) == pytest.approx(3.0 * math.exp(0.125), rel=0.02)
    assert float(deviation) == pytest.approx(float(mean) * math.sqrt(math.exp(0.25) - 1.0), rel=0.05)
    assert float(highest) == pytest.approx(hgrm_rows(text)[-1][0])
    assert int(count) == hgrm_rows(text)[-1][2]


def test_a_published_reader_finds_every_window_in_the_log(tmp_path: Path) -> None:
    some = outcomes(lognormal(3e-3, 0.5))
    path = tmp_path / "read.hlog"
    path.write_text(log_text(some, "read", "#[about]\n"), "utf-8")
    reader = HistogramLogReader(str(path), HdrHistogram(1, 3_600 * 10**9, 3))
    found = []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        found.append(histogram)
    reader.close()

    counts = sum(each.operations["read"].window_ok for each in some)
    assert [each.get_total_count() for each in found] == list(counts)
    assert [each.get_start_time_stamp() / 1e3 for each in found] == pytest.approx(some[0].window_edges_s[:-1], abs=1e-5)
    for histogram in found:
        assert histogram.get_value_at_percentile(50.0) / 1e6 == pytest.approx(3.0, rel=0.1)
        assert (histogram.lowest_trackable_value, histogram.significant_figures) == (1, 3)


def test_a_window_without_answers_is_an_empty_histogram() -> None:
    text = log_text(outcomes(constant(0.001), 0.0), "read", "")

    payloads = [line.split(",")[-1] for line in text.splitlines() if line[0].isdigit()]
    assert len(payloads) == 10
    assert {HdrHistogram.decode(payload).get_total_count() for payload in payloads} == {0}
    assert hgrm_rows(percentiles_text(outcomes(constant(0.001), 0.0), "read", "")) == []


@pytest.mark.parametrize("kind", ["hgrm", "hlog"])
def test_nasty_names_pass_harmlessly_through_histograms(kind: str) -> None:
    """Files are named apart, within bounds and by safe characters; names stand in one comment, as JSON in ASCII."""
    some = {name: outcomes(constant(0.001), 20.0, NASTY[-1 - place]) for place, name in enumerate(NASTY)}
    files = histogram_files([kind], NASTY[3], some)

    assert len(files) == len(NASTY)
    assert len({name.casefold() for name in files}) == len(files)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,98}", name) for name in files)
    with_manifest(RUN, {f"exports/{name}": content for name, content in files.items()}, "", {})
    plain = histogram_files([kind], "plain", {"a": outcomes(constant(0.001), 20.0)})[f"a-read.{kind}"]
    for content, system, operation in zip(files.values(), NASTY, reversed(NASTY), strict=True):
        lines = content.decode("ascii").split("\n")
        assert all(line.isprintable() for line in lines)
        (about,) = (line for line in lines if line.startswith("#[tierbench "))
        said = json.loads(about.removeprefix("#[tierbench ").removesuffix("]"))
        assert (said["scenario"], said["system"], said["operation"]) == (NASTY[3], system, operation)
        others = [line for line in lines if line is not about]
        assert others == [line for line in plain.decode().split("\n") if not line.startswith("#[tierbench ")]


TEXTS = st.one_of(st.text(st.characters(exclude_categories=())), st.sampled_from(NASTY))
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(TEXTS, st.integers(-(2**63), 2**63 - 1), NUMBERS), max_size=6))
@settings(max_examples=50, deadline=None)
def test_nasty_names_and_numbers_come_back_from_parquet(rows: list[tuple[str, int, float]]) -> None:
    """As they are, with their types, be there rows or not: no text becomes a formula, a number or another text."""
    columns = {"=1+1, \u202e\N{GRINNING FACE}": str, "whole": int, "number": float}
    table = pq.read_table(io.BytesIO(parquet_bytes(Table(columns, rows))))

    assert table.column_names == list(columns)
    assert [str(each.type) for each in table.schema] == ["string", "int64", "double"]
    found = list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))
    expected = [
        (text.encode("utf-8", "backslashreplace").decode(), whole, None if math.isnan(number) else number)
        for text, whole, number in rows
    ]
    assert found == expected


def test_parquet_and_csv_say_the_same() -> None:
    some = {name: outcomes(lognormal(2e-3, 0.3), 60.0) for name in NASTY}
    files = of_run(["parquet"], "x", some)

    for name, (columns, rows) in run_tables(some).items():
        written = csv_text(columns, rows)
        table = pq.read_table(io.BytesIO(files[f"exports/{name}.parquet"]))
        cells = [[column.to_pylist() for column in table.columns]]
        found = [["" if cell is None else str(cell) for cell in row] for row in zip(*cells[0], strict=True)]
        # Only a carriage return is not kept by readers of comma-separated values.
        assert found == [
            [_typed(c, k) for c, k in zip(row, columns.values(), strict=True)] for row in csv_rows(written, columns)
        ]


def _typed(cell: str, kind: type) -> str:
    return str(kind(cell)) if cell and kind is not str else cell


@pytest.mark.parametrize(
    ("cells", "kind"),
    [([1, 2], int), ([1, 2.5], float), ([], int), ([1, "x"], str), ([2**63], str), ([-(2**63)], int), ([True], str)],
)
def test_a_column_has_one_kind(cells: list[str | float], kind: type) -> None:
    assert kind_of(cells) is kind


def test_kinds_are_read_and_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_kinds("hgrm, parquet,hgrm") == ("hgrm", "parquet")
    with pytest.raises(UsageError, match="did you mean hlog"):
        read_kinds("hlogs")
    with pytest.raises(UsageError, match="a sweep keeps no histograms"):
        read_kinds("hgrm", ("parquet",))
    monkeypatch.setattr("bench.extras.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=re.escape("needs hdrhistogram, which is not installed; install it with: pip")):
        read_kinds("hgrm")
    with pytest.raises(UsageError, match=re.escape("pip install 'tierbench[parquet]'")):
        read_kinds("parquet")


def test_a_folder_of_more_files_than_can_be_read_is_not_written() -> None:
    with pytest.raises(LimitError, match="would hold"):
        with_manifest(RUN, {f"exports/{number}.hgrm": b"" for number in range(FILES_MAX + 1)}, "", {})


def test_windows_follow_each_other() -> None:
    lines = [
        line.split(",") for line in log_text(outcomes(constant(0.01)), "read", "").splitlines() if line[0].isdigit()
    ]

    for (begin, length, *_), (following, *_) in pairwise(lines):
        assert float(begin) + float(length) == pytest.approx(float(following), abs=2e-6)
