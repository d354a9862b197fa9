"""Pictures: what is drawn is what was measured, in the same bytes each time, and nothing overflows."""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench.pictures import (
    BarsData,
    Context,
    PercentileData,
    Span,
    StalenessData,
    TimelineData,
    bars,
    draw_all,
    percentiles,
    staleness,
    timeline,
)
from bench.pictures.course_findings import Course, Ends, timeline_finding
from bench.pictures.findings import bars_finding, percentiles_finding, plural
from bench.pictures.style import WIDTH_IN, drawable, log_ticks, look, render, style_sheet, width_in, wrap
from bench.statistics.figures import percentile_ms
from bench.statistics.intervals import estimate
from models.kernel.outcome import BucketOutcome, Note, Outcome
from tests.strategies.handmade import operation, outcome, station
from tests.strategies.outcomes import (
    OperationSketch,
    SystemSketch,
    constant,
    degenerate,
    direct_and_dax,
    lognormal,
    make_outcomes,
)

ROOT = Path(__file__).resolve().parents[2]
FAULTS = (Span(20.0, 35.0, "node-down: dax.nodes[0]"), Span(24.0, 50.0, "az-down"), Span(26.0, 28.0, "slow-link"))
DEGENERATE = (
    "one-system", "one-replication", "no-requests", "no-operations", "few", "constant", "zero", "six-long-names",
    "five-decades", "stale", "only-errors", "one-window", "no-warmup",
)  # fmt: skip
NASTY = {
    "mathtext": r"$\frac{1}{0}$ and $x^2_$ and $\unknown{ \textbf{x}",
    "markup": "<script>alert('1')</script> & [bold]x[/bold] %s {0} ]]>",
    "right-to-left": "\u202eevil\u202c " + "שלום עולם مرحبا بالعالم " * 20,
    "emoji": "🔥🚀👩‍👩‍👧‍👦 名前は何ですか 한국어 " * 10,
    "stacked accents": "e" + "\u0301" * 200 + " Z" + "\u0336\u0322\u0328" * 60,
    "one long word": "W" * 9_000,
    "many words": "supercalifragilistic " * 500,
    "control": "a\nb\tc\x1b[31mred\x00\x07\r\x9b2J\u2028\ud800",
    "empty": "",
}


@cache
def realistic() -> dict[str, list[Outcome]]:
    """Two systems, ten replications, a fault."""
    return direct_and_dax(fault=(20.0, 35.0))


@cache
def odd() -> dict[str, dict[str, list[Outcome]]]:
    """The degenerate outcomes."""
    return degenerate()


def figures(outcomes: Mapping[str, Sequence[Outcome]], context: Context) -> dict[str, Figure]:
    """All pictures as figures."""
    ages = StalenessData.from_outcomes(outcomes, context)
    with style_sheet():
        return {
            "percentiles": percentiles.draw(PercentileData.from_outcomes(outcomes, context)),
            "timeline": timeline.draw(TimelineData.from_outcomes(outcomes, context)),
            "bars": bars.draw(BarsData.from_outcomes(outcomes, context)),
            **({"staleness": staleness.draw(ages)} if ages.panels else {}),
        }


def assert_nothing_overflows(figure: Figure) -> None:
    """All texts lie within the figure, and none lies over another."""
    with style_sheet():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer: Any = canvas.get_renderer()
        texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
        boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    width, height = figure.bbox.width, figure.bbox.height
    for name, box in boxes:
        assert box.x0 >= 0, name
        assert box.y0 >= 0, name
        assert box.x1 <= width, name
        assert box.y1 <= height, name
    for (name, box), (other, its) in itertools.combinations(boxes, 2):
        # Boxes are padded by a pixel or two for the slopes of letters.
        slack = 4.0
        apart = (
            box.x1 <= its.x0 + slack or its.x1 <= box.x0 + slack or box.y1 <= its.y0 + slack or its.y1 <= box.y0 + slack
        )
        assert apart, (name, other)


def test_the_search_for_overflows_finds_some() -> None:
    """Canary: a text across the edge, and one over another."""
    figure = Figure(figsize=(WIDTH_IN, 1.0))
    figure.text(0.9, 0.5, "far too long for what is left of the line")
    with pytest.raises(AssertionError, match="far too long"):
        assert_nothing_overflows(figure)

    figure = Figure(figsize=(WIDTH_IN, 1.0))
    figure.text(0.1, 0.5, "first")
    figure.text(0.12, 0.5, "second")
    with pytest.raises(AssertionError, match="second"):
        assert_nothing_overflows(figure)


# The same bytes.


PRINT_DIGESTS = """
import hashlib
from bench.pictures import draw_all, Span
from tests.strategies.outcomes import direct_and_dax
outcomes = direct_and_dax(2, 200.0)
for name, picture in draw_all(outcomes, "same", question="Is it?", faults=[Span(20.0, 30.0, "down")]).items():
    print(name, hashlib.sha256(picture.svg).hexdigest(), hashlib.sha256(picture.csv.encode()).hexdigest())
"""


def test_pictures_are_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    """Goal: byte-equal SVG. Method: two processes with other hash seeds, one of them with settings of its own."""
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 20\nlines.linewidth: 9\nsvg.fonttype: none\naxes.grid: True\nfigure.dpi: 300\nsvg.hashsalt: x\n"
    )

    outputs = [
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGESTS],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for settings in (
            {"PYTHONHASHSEED": "0"},
            {"PYTHONHASHSEED": "12345", "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "SOURCE_DATE_EPOCH": "1"},
        )
    ]

    assert outputs[0].count("\n") == 3
    assert outputs[0] == outputs[1]


def test_drawing_twice_in_one_process_gives_the_same_bytes() -> None:
    outcomes = odd()["one-system"]

    first, second = (draw_all(outcomes, "same") for _ in range(2))

    assert first == second


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    before = dict(mpl.rcParams)

    draw_all(odd()["few"], "x")

    assert before == dict(mpl.rcParams)


def test_only_drawing_imports_matplotlib_and_nothing_imports_pyplot() -> None:
    program = (
        "import sys, bench.pictures, bench.store; early = 'matplotlib' in sys.modules\n"
        "from tests.strategies.outcomes import *\n"
        "bench.pictures.draw_all(make_outcomes({'a': SystemSketch({})}, 1), 'x')\n"
        "print(early, 'matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )

    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)

    assert result.stdout == "False True False\n", result.stderr


# What is drawn is what was measured.


def rows_of(text: str) -> list[dict[str, str]]:
    """Rows of comma-separated text."""
    return list(csv.DictReader(io.StringIO(text)))


def drawn_lines(figure: Figure) -> list[list[tuple[float, float]]]:
    """Points of all lines within axes, without gaps."""
    lines = [line for axes in figure.axes for line in axes.get_lines()]
    points = [zip(*(np.asarray(each, dtype=float) for each in line.get_data()), strict=True) for line in lines]
    return [[(float(x), float(y)) for x, y in line if math.isfinite(y)] for line in points]


def test_percentile_curves_are_the_numbers_of_the_csv() -> None:
    data = PercentileData.from_outcomes(realistic(), Context("x"))
    with style_sheet():
        figure = percentiles.draw(data)

    rows = rows_of(data.csv_text())

    keys = list(dict.fromkeys((row["operation"], row["system"]) for row in rows))
    expected = [
        [(float(row["nines"]), float(row["latency_ms"])) for row in rows if (row["operation"], row["system"]) == key]
        for key in keys
    ]
    assert keys == [("reads", "direct"), ("reads", "dax"), ("writes", "direct"), ("writes", "dax")]
    assert expected == drawn_lines(figure)


def test_timeline_curves_are_the_numbers_of_the_csv() -> None:
    data = TimelineData.from_outcomes(realistic(), Context("x", faults=FAULTS))
    with style_sheet():
        figure = timeline.draw(data)

    rows = rows_of(data.csv_text())

    keys = list(dict.fromkeys((row["panel"], row["curve"]) for row in rows))
    expected = [
        [(float(row["time_s"]), float(row["value"])) for row in rows if (row["panel"], row["curve"]) == key]
        for key in keys
    ]
    assert expected == drawn_lines(figure)


def test_bars_are_as_long_as_the_numbers_of_the_csv() -> None:
    data = BarsData.from_outcomes(realistic(), Context("x"))
    with style_sheet():
        figure = bars.draw(data)

    drawn = [float(patch.get_width()) for axes in figure.axes for patch in axes.patches]

    assert [float(row["value"]) for row in rows_of(data.csv_text())] == drawn


def test_a_percentile_curve_goes_through_the_percentiles_and_their_interval() -> None:
    """The numbers on the curve at 50 %, 90 % and 99 % are those that anybody would compute from the replications."""
    outcomes = realistic()
    curve = PercentileData.from_outcomes(outcomes, Context("x")).panels[0].curves[1]

    for fraction in (0.5, 0.9, 0.99):
        index = int(np.argmin(np.abs(curve.x + math.log10(1.0 - fraction))))
        expected = estimate([percentile_ms(each.operations["read"].latency, fraction) for each in outcomes["dax"]])

        assert curve.label == "dax"
        assert curve.x[index] == pytest.approx(-math.log10(1.0 - fraction))
        assert (curve.y[index], curve.low[index], curve.high[index]) == (expected.mean, expected.low, expected.high)


def test_a_percentile_curve_ends_before_ten_answers_are_left_beyond() -> None:
    outcomes = realistic()
    fewest = min(each.operations["write"].latency.count for each in outcomes["direct"])

    curve = PercentileData.from_outcomes(outcomes, Context("x")).panels[1].curves[0]

    assert 10.0 <= fewest * 10.0 ** -curve.x[-1] < 10.0 * 10.0**0.1


def test_neighbouring_windows_are_taken_together_where_one_has_too_few_answers() -> None:
    """Writes: 100/s in 10 replications are 1,000 in a window of 1 s, of which hardly ten lie beyond p99."""
    data = TimelineData.from_outcomes(realistic(), Context("x"))

    panels = {panel.heading: panel for panel in data.panels}

    assert "read latency, p99" in panels
    merged = panels["write latency, p99, windows of 2 s"]
    assert all(np.isfinite(curve.y).all() for curve in merged.curves)
    assert merged.curves[0].x.tolist() == [1.0 + 2.0 * index for index in range(30)]


def test_every_axis_has_a_name_with_a_unit() -> None:
    for figure in figures(realistic(), Context("x")).values():
        for axes in figure.axes:
            assert re.search(r"ms|answers/s|errors/s|units/s|requests|%", axes.get_ylabel() + axes.get_xlabel())
        assert figure.axes[-1].get_xlabel() in {"percentile of answers, %", "time, s", "%"}


def test_captions_say_what_a_reader_needs_to_judge() -> None:
    for picture in draw_all(realistic(), "dax-vs-dynamodb", fingerprint="0123456789abcdef").values():
        requests = sum(op.requests for each in realistic().values() for one in each for op in one.operations.values())
        assert f"n = {requests:,} measured requests in 10 replications of 60 s, of which 5 s warm-up" in picture.caption
        assert "95 % interval" in picture.caption
        assert "Scenario dax-vs-dynamodb, fingerprint 01234567." in picture.caption


# Titles.


def two(first: float, second: float, replications: int = 5, rate_per_s: float = 200.0) -> dict[str, list[Outcome]]:
    """Two systems of which only the median differs."""
    sketches = {
        name: SystemSketch({"read": OperationSketch(rate_per_s, lognormal(median_s, 0.3))})
        for name, median_s in (("old", first), ("new", second))
    }
    return make_outcomes(sketches, replications)


def test_a_clear_difference_is_said_with_its_size() -> None:
    assert percentiles_finding(two(4e-3, 2e-3), ["read"]) == "new reads are 2.0× faster than old at the median and p99"
    assert percentiles_finding(two(2e-3, 6e-3), ["read"]) == "new reads are 3.0× slower than old at the median and p99"


def test_overlapping_intervals_are_no_difference() -> None:
    title = percentiles_finding(two(2e-3, 2e-3), ["read"])

    assert title == "No difference seen between new and old reads at the median and p99"


def test_a_difference_within_the_margin_is_none_even_if_it_is_sure() -> None:
    """Constant latencies have no variance, so 0.5 % is exact, and still not worth a title; 5 % is."""
    sketch = {
        name: SystemSketch({"read": OperationSketch(200.0, constant(seconds))})
        for name, seconds in (("old", 1.0e-3), ("new", 1.005e-3), ("newer", 1.05e-3))
    }
    outcomes = make_outcomes(sketch, 3)

    little = percentiles_finding({name: outcomes[name] for name in ("old", "new")}, ["read"])
    more = percentiles_finding({name: outcomes[name] for name in ("old", "newer")}, ["read"])

    assert little == "No difference beyond 1 % seen between new and old reads at the median and p99"
    assert more == "newer reads are 5.0 % slower than old at the median and p99"


def test_opposite_differences_are_both_said() -> None:
    outcomes = realistic()

    title = percentiles_finding(outcomes, ["read"])

    assert re.fullmatch(r"dax reads are 8\.\d× faster than direct at the median but 2\.\d× slower at p99", title)


def test_one_replication_claims_nothing() -> None:
    title = percentiles_finding(two(4e-3, 2e-3, replications=1), ["read"])

    assert "faster" not in title
    assert title.endswith("(one replication: chance unknown)")


def test_a_replication_that_is_certain_may_claim() -> None:
    sketch = {
        name: SystemSketch({"read": OperationSketch(200.0, constant(seconds))})
        for name, seconds in (("old", 3e-3), ("new", 1e-3))
    }
    outcomes = make_outcomes(sketch, 1)

    assert percentiles_finding(outcomes, ["read"], certain={"old", "new"}).startswith("new reads are 3.0× faster")


def test_too_few_answers_are_said_and_not_compared() -> None:
    title = percentiles_finding(two(4e-3, 2e-3, replications=3, rate_per_s=0.2), ["read"])

    assert title == "Too few reads to compare new with old"


def test_throughput_is_compared_in_the_title_of_the_bars() -> None:
    more = bars_finding({"a": [100.0, 101.0, 99.0], "b": [300.0, 301.0, 302.0]}, {"a": ("disk", 0.5)})
    same = bars_finding({"a": [100.0, 110.0, 90.0], "b": [101.0, 111.0, 91.0]}, {})

    assert more == "b answers 3.0× as many requests per second as a; the most used station is disk of a, at 50 %"
    assert same.startswith("No difference seen in throughput")


def test_failed_requests_are_in_the_title_of_the_bars() -> None:
    rates = {"a": [100.0, 101.0, 99.0], "b": [300.0, 301.0, 302.0]}
    few = bars_finding(rates, {}, None, {"a": [12.0, 13.0, 11.0], "b": [0.3, 0.4, 0.2]})
    none = bars_finding(rates, {}, None, {"a": [0.0, 0.0, 0.0], "b": [1.0, 3.0, 2.0]})

    assert few.endswith("; 12 % of a's requests fail, 0.3 % of b's")
    assert none.endswith("; 2 % of b's requests fail, none of a's")
    assert "fail" not in bars_finding(rates, {}, None, {"a": [0.0], "b": [0.0]})


def test_lost_writes_are_in_the_title_of_the_bars() -> None:
    rates = {"a": [100.0, 101.0, 99.0], "b": [300.0, 301.0, 302.0]}
    one = bars_finding(rates, {}, {"a": [1.0, 3.0, 2.0], "b": [0.0, 0.0, 0.0]})
    both = bars_finding(rates, {}, {"a": [1.0, 3.0, 2.0], "b": [20.0, 21.0, 22.0]})

    assert one.endswith("; a loses 2 % of acknowledged writes, b none")
    assert both.endswith("; b loses 21 % of acknowledged writes")
    assert "writes" not in bars_finding(rates, {}, {"a": [0.0], "b": [0.0]})


def test_a_fault_that_leaves_its_mark_is_the_title_of_the_timeline() -> None:
    title = TimelineData.from_outcomes(realistic(), Context("x", faults=FAULTS[:1])).frame.finding

    assert re.fullmatch(
        r"Up to \d\d % of dax's requests fail from 20 s to 24 s; "
        r'dax read p50 rises from 0\.39 ms to 1\.2 ms during "node-down: dax\.nodes\[0\]"',
        title,
    )


def test_a_change_within_the_usual_range_is_no_change() -> None:
    middles = np.arange(30.0)
    noise = np.where(np.arange(30) % 2 == 0, 1.0, 3.0)
    noise[10:20] = 2.5
    fault = [Span(10.0, 20.0, "down")]

    calm = timeline_finding([Course("a read p99", middles, noise)], 0.0, fault, 0)
    loud = timeline_finding(
        [Course("a read p99", middles, np.where((middles >= 10) & (middles < 20), 9.0, noise))], 0.0, fault, 1
    )

    assert calm == 'No change of latency seen during "down"'
    assert loud == 'a read p99 rises from 2.0 ms to 9.0 ms during "down"; one request failed'


def ends(name: str, errors_per_s: Sequence[float], answers_per_s: Sequence[float] | float = 100.0) -> Ends:
    """A system that answers so much and fails so much in windows of a second."""
    failed = np.array(errors_per_s, dtype=np.float64)
    return Ends(name, np.arange(len(failed)) + 0.5, np.broadcast_to(np.array(answers_per_s), failed.shape), failed)


def test_a_title_says_who_fails_and_from_when_to_when() -> None:
    """25 of 125 requests of each second from 10 s to 20 s are a fifth; below a hundredth nobody is said to fail."""
    failing = [0.0] * 10 + [25.0] * 10 + [0.0] * 10
    steady = [Course("a read p99", np.arange(30.0), np.full(30, 2.0))]

    alone = timeline_finding([], 0.0, [], 250, [ends("a", failing)])
    beside = timeline_finding(steady, 0.0, [], 250, [ends("a", failing), ends("b", [0.0] * 30)])
    both = timeline_finding([], 0.0, [], 250, [ends("a", failing), ends("b", [0.0] * 20 + [100.0] * 10)])
    little = timeline_finding([], 0.0, [], 4_321, [ends("a", [0.0] * 10 + [0.9] * 20)])

    assert alone == "Up to 20 % of a's requests fail from 10 s to 20 s"
    assert beside == f"{alone}; none of b's; latencies are as before most of the time"
    assert both == f"{alone}, up to 50 % of b's from 20 s to the end"
    assert little == "4,321 requests failed"


def test_requests_that_never_end_are_told_though_no_window_has_them() -> None:
    steady = [Course("a read p99", np.arange(30.0), np.full(30, 2.0))]

    some, hardly = (timeline_finding(steady, 0.0, [], 0, [], share) for share in (0.017, 0.009))

    assert some == f"{hardly}; 2 % of all requests never end"


def test_failures_that_come_and_go_lie_between_two_times() -> None:
    twice = timeline_finding([], 0.0, [], 1, [ends("a", [0.0] * 5 + [100.0] * 2 + [0.0] * 10 + [100.0] + [0.0] * 5)])
    always = timeline_finding([], 0.0, [], 1, [ends("a", [9.0] * 20, 0.0)])

    assert twice == "Up to 50 % of a's requests fail between 5 s and 18 s"
    assert always == "All of a's requests fail throughout"


def test_of_many_failing_systems_the_worst_are_told() -> None:
    title = timeline_finding(
        [], 0.0, [], 1, [ends(f"s{share}", [0.0, float(share), 0.0]) for share in range(50, 100, 10)]
    )

    assert title == (
        "Up to 41 % of s70's requests fail from 1 s to 2 s, up to 44 % of s80's from 1 s to 2 s, "
        "up to 47 % of s90's from 1 s to 2 s, 2 other systems' fail, too"
    )


def test_a_system_that_does_not_recover_is_named_and_when_the_others_did() -> None:
    middles, fault = np.arange(40.0) + 0.5, [Span(10.0, 15.0, "down")]
    lost = np.where((middles < 10) | (middles > 20), 0.0, 97.0)
    dead = ends("a", [0.0] * 40, np.where(middles < 10, 100.0, 3.0).tolist())
    slow = ends("b", [0.0] * 40, (100.0 - lost).tolist())
    back = ends("b", lost.tolist(), (100.0 - lost).tolist())

    assert timeline_finding([], 0.0, fault, 9, [dead, slow]) == (
        "a does not recover from what ends at 15 s; the other does"
    )
    assert timeline_finding([], 0.0, fault, 9, [dead, back]).endswith("; the other does by 20 s")
    assert timeline_finding([], 0.0, fault, 9, [dead]) == "a does not recover from what ends at 15 s"
    assert timeline_finding([], 0.0, fault, 9, [slow]) == "9 requests failed"


def test_operations_are_put_into_the_plural() -> None:
    assert [plural(word) for word in ("read", "query", "batch", "pass", "key")] == [
        "reads", "queries", "batches", "passes", "keys",
    ]  # fmt: skip


# Whatever comes.


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_outcomes_are_drawn_without_a_warning_and_within_the_sheet(name: str) -> None:
    """Warnings are errors here. Overlaps and overflows are looked for among all texts."""
    assert set(DEGENERATE) == set(odd())

    for figure in figures(odd()[name], Context(name, "Is it?", "0123456789")).values():
        assert_nothing_overflows(figure)


def test_a_usual_picture_fits() -> None:
    for figure in figures(realistic(), Context("x", "When is it faster?", "0123456789", FAULTS)).values():
        assert_nothing_overflows(figure)


@pytest.mark.parametrize("kind", NASTY)
def test_nasty_names_are_drawn_as_text_and_stay_within_the_sheet(kind: str) -> None:
    text = NASTY[kind]
    outcomes = odd()["one-replication"]
    context = Context(text, text, text, (Span(10.0, 20.0, text), Span(11.0, 30.0, text)))

    for figure in figures(outcomes, context).values():
        assert_nothing_overflows(figure)
        with style_sheet():
            svg = render(figure, "svg")
        root = ET.fromstring(svg)  # noqa: S314 - our own
        assert not [node for node in root.iter() if node.tag.rpartition("}")[2] in {"script", "text", "image"}]
    for data in (PercentileData, TimelineData, BarsData):
        frame = data.from_outcomes(outcomes, context).frame
        assert (frame.finding + frame.caption).isprintable()


@pytest.mark.parametrize(
    "names", [("_hidden", "$a$"), ("x" * 300, "y" * 300), tuple(f"system-{i:02}" for i in range(24))]
)
def test_names_of_systems_of_any_kind_are_drawn(names: tuple[str, ...]) -> None:
    sketch = SystemSketch({"read": OperationSketch(100.0, lognormal(2e-3, 0.3))}, 0.5, stations={"n" * 200: (1, 0.5)})
    outcomes = make_outcomes(dict.fromkeys(names, sketch), 2, windows=6)

    for figure in figures(outcomes, Context("x")).values():
        assert_nothing_overflows(figure)


def test_many_operations_are_bounded_and_the_caption_says_so() -> None:
    operations = {f"operation-{index}": OperationSketch(20.0 + index, lognormal(2e-3, 0.3)) for index in range(9)}
    outcomes = make_outcomes({"a": SystemSketch(operations)}, 2, windows=6)

    data = PercentileData.from_outcomes(outcomes, Context("x"))

    assert [panel.heading for panel in data.panels] == [f"operation-{index}s" for index in range(5, 9)]
    assert "the 5 rarest operations are left out" in data.frame.caption


def test_systems_may_have_different_operations() -> None:
    outcomes = {
        **realistic(),
        "reader": make_outcomes({"reader": SystemSketch({"scan": OperationSketch(50.0, constant(1.0))})}, 10)["reader"],
    }

    data = PercentileData.from_outcomes(outcomes, Context("x"))

    assert {panel.heading: [curve.label for curve in panel.curves] for panel in data.panels} == {
        "reads": ["direct", "dax"],
        "writes": ["direct", "dax"],
        "scans": ["reader"],
    }
    for figure in figures(outcomes, Context("x")).values():
        assert_nothing_overflows(figure)


# Stages, faults and load.


def noted(outcomes: Mapping[str, Sequence[Outcome]], notes: Mapping[str, Sequence[Note]]) -> dict[str, list[Outcome]]:
    """The outcomes with notes of control in the first replication."""
    return {
        name: [replace(replications[0], notes=tuple(notes.get(name, ()))), *replications[1:]]
        for name, replications in outcomes.items()
    }


FAILOVER = (
    Note(20.5, "replica 1 misses a heartbeat of the primary"),
    Note(21.304, "2 of 3 sentinels agree that the primary is down"),
    Note(21.31, "sentinel 2 leads the failover"),
    Note(24.0, "replica 1 is promoted"),
    Note(59.0, "clients use the new primary"),
)


def test_stages_are_lines_with_numbers_and_a_key_that_says_whose_and_when() -> None:
    outcomes = noted(realistic(), {"dax": FAILOVER, "direct": [Note(20.0, "nothing happens here")]})
    data = TimelineData.from_outcomes(outcomes, Context("x", faults=FAULTS))
    with style_sheet():
        figure = timeline.draw(data)

    texts = [text.get_text() for text in figure.texts]
    lines = sorted({patch for axes in figure.axes for patch in vertical_lines(axes)})

    assert_nothing_overflows(figure)
    assert lines == [20.0, 20.5, 21.304, 21.31, 24.0, 59.0]
    assert [text for text in texts if re.fullmatch(r"\d(–\d)?", text)] == [
        "1–4",
        "5",
        "6",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
    ]
    assert "dax: replica 1 is promoted" in texts
    assert "direct: nothing happens here" in texts
    assert "21.304 s" in texts


def vertical_lines(axes: Axes) -> list[float]:
    """Where stages are marked in a panel."""
    return [float(x[0]) for line in axes.lines if len(x := np.asarray(line.get_xdata())) == 2 and x[0] == x[1]]


def test_stages_beyond_a_dozen_are_counted_and_stay_within_the_sheet() -> None:
    notes = [Note(10.0 + index * 0.7, f"step {index} of a failover with a rather long name") for index in range(40)]
    outcomes = noted(odd()["one-system"], {"alone": notes})
    data = TimelineData.from_outcomes(outcomes, Context("x"))
    with style_sheet():
        figure = timeline.draw(data)

    texts = [text.get_text() for text in figure.texts]

    assert_nothing_overflows(figure)
    assert "what control did in replication 0: the first 12, and 28 more" in texts
    assert sum(text.startswith("step ") for text in texts) == 12


def test_what_a_stage_says_is_wrapped_where_there_is_little_room() -> None:
    """All of it is there, and each stage begins below the lines of the one before."""
    said = "instance 1 recovers in 0.9 ms: 13 segments asked, 0 records cut off"
    outcomes = noted(odd()["one-system"], {"alone": [Note(20.0, said), Note(21.0, "the name leads to it")]})
    with style_sheet(WIDTH_IN / 2):
        figure = timeline.draw(TimelineData.from_outcomes(outcomes, Context("x")))

    height = {text.get_text(): text.get_position()[1] for text in figure.texts}
    lines = [text for text in height if len(text) > 1 and text in said]

    assert_nothing_overflows(figure)
    assert len(lines) > 1
    assert " ".join(lines) == said
    assert height[lines[-1]] > height["the name leads to it"]
    assert height["21.000 s"] == height["the name leads to it"]


def test_faults_without_room_for_their_names_are_counted() -> None:
    faults = tuple(Span(20.0 + index, 50.0, f"a fault with a name, {index}") for index in range(9))
    with style_sheet():
        figure = timeline.draw(TimelineData.from_outcomes(realistic(), Context("x", faults=faults)))

    texts = [text.get_text() for text in figure.texts]

    assert_nothing_overflows(figure)
    assert sum(text.startswith("a fault") for text in texts) == 4
    assert "and 5 more" in texts


def test_faults_by_one_name_at_one_time_have_one_label() -> None:
    """Three parts restart in a deploy, one of them later."""
    faults = (Span(20.0, 25.0, "a deploy"), Span(20.0, 25.0, "a deploy"), Span(40.0, 45.0, "a deploy"))
    with style_sheet():
        figure = timeline.draw(TimelineData.from_outcomes(realistic(), Context("x", faults=faults)))

    assert [text.get_text() for text in figure.texts].count("a deploy") == 2


def test_the_load_is_the_units_asked_of_a_capacity_or_the_requests_at_the_last_station() -> None:
    """Windows of 10 s: (300 + 50 + 20) units in the second are 37 a second; (8 + 12) request-seconds are 2 requests."""
    buckets = {
        "read capacity": BucketOutcome(300.0, 50.0, np.array([0.0, 300.0, 0.0]), np.array([0.0, 50.0, 0.0])),
        "read ceiling": BucketOutcome(300.0, 20.0, np.array([0.0, 300.0, 0.0]), np.array([0.0, 20.0, 0.0])),
        "write capacity": BucketOutcome(0.0, 0.0, np.zeros(3), np.zeros(3)),
    }
    stations = {"disks": station([4], [16.0], [24.0]), "nodes": station([4], [80.0], [0.0])}
    reads = {"read": operation([0.002] * 40)}
    outcomes = {
        "table": [replace(outcome("table", operations=reads, stations=stations), buckets=buckets)],
        "server": [outcome("server", operations=reads, stations=stations)],
    }

    data = TimelineData.from_outcomes(outcomes, Context("x"))

    loads = {
        (panel.heading, panel.unit): {curve.label: curve.y.tolist() for curve in panel.curves}
        for panel in data.panels
        if panel.heading.startswith("load")
    }
    assert loads == {
        ("load: read capacity asked for, granted or not", "units/s"): {"table": [0.0, 37.0, 0.0]},
        ("load: requests at disks, in service or waiting", "requests"): {"server": [0.0, 2.0, 2.0]},
    }


def test_one_system_has_both_percentiles_in_one_panel() -> None:
    data = TimelineData.from_outcomes({"dax": realistic()["dax"]}, Context("x"))

    panels = {panel.heading: [(curve.label, curve.second) for curve in panel.curves] for panel in data.panels}

    assert panels["read latency: p50 solid, p99 dashed"] == [("dax p50", False), ("dax p99", True)]
    assert "write latency: p50 solid, p99 dashed, windows of 2 s" in panels


def test_a_window_without_answers_is_a_gap() -> None:
    """An outage: no latency is drawn where nothing was answered, and nothing is drawn across it."""
    whole = make_outcomes({"a": SystemSketch({"read": OperationSketch(2000.0, lognormal(2e-3, 0.3))})}, 1)["a"][0]
    read = whole.operations["read"]
    silent = read.window_latency.copy()
    silent[20:30] = 0
    gone = replace(read, window_latency=silent, window_ok=silent.sum(axis=1))

    data = TimelineData.from_outcomes({"a": [replace(whole, operations={"read": gone})]}, Context("x"))

    assert np.flatnonzero(np.isnan(data.panels[0].curves[0].y)).tolist() == list(range(20, 30))


# Staleness.


def test_reads_that_are_all_as_old_have_a_curve_a_decade_long() -> None:
    data = StalenessData.from_outcomes(
        {"a": [outcome("a", operations={"read": operation([0.002] * 100, ages_s=[300.0] * 10)})]}, Context("x")
    )

    (curve,) = data.panels[0].curves

    assert curve.x[0] == pytest.approx(30.0, rel=1 / 16)
    assert curve.y.tolist() == [10.0] * len(curve.y)


def test_a_staleness_curve_falls_from_the_stale_share_to_the_oldest_read() -> None:
    """100 of 1,000 reads are stale: 90 since 1 s, 9 since 10 s, one since 300 s."""
    ages_s = [1.0] * 90 + [10.0] * 9 + [300.0]
    reads = [outcome("a", index, operations={"read": operation([0.002] * 1000, ages_s=ages_s)}) for index in range(2)]

    data = StalenessData.from_outcomes({"a": reads}, Context("x"))

    (panel,) = data.panels
    (curve,) = panel.curves

    def older(age_s: float) -> float:
        return float(curve.y[np.searchsorted(curve.x, age_s)])

    assert [older(age_s) for age_s in (0.0, 2.0, 9.0, 11.0, 200.0)] == pytest.approx([10.0, 1.0, 1.0, 0.1, 0.1])
    assert 0.9 < curve.x[0] <= 1.0
    assert 290.0 < curve.x[-1] <= 300.0
    assert (curve.low[0], curve.high[0]) == (10.0, 10.0)
    assert data.frame.finding == "10 % of a reads are stale, up to 300 s old"
    assert rows_of(data.csv_text())[0]["older_percent"] == "10.0"


def test_staleness_is_told_of_whom_it_is_known() -> None:
    outcomes = {
        name: [outcome(name, operations={"read": operation([0.002] * 1000, ages_s=ages_s)})]
        for name, ages_s in (("none", None), ("fresh", []), ("new", [0.2]), ("old", [5.0] * 30))
    }

    title = StalenessData.from_outcomes(outcomes, Context("x")).frame.finding

    assert title == (
        "3.0 % of old reads are stale, up to 5.0 s old; 0.10 % of new reads, up to 200 ms old; none of fresh reads"
    )


def test_staleness_without_a_stale_read_says_so() -> None:
    data = StalenessData.from_outcomes(odd()["one-system"], Context("x"))
    with style_sheet():
        figure = staleness.draw(data)

    assert data.frame.finding == "No read is stale"
    assert_nothing_overflows(figure)


def test_staleness_is_drawn_only_where_some_read_was_stale() -> None:
    fresh, stale = (
        {"a": [outcome("a", operations={"read": operation([0.002] * 100, ages_s=ages_s)})]} for ages_s in ([], [1.0])
    )

    assert "staleness" not in draw_all(fresh, "x")
    assert draw_all(stale, "x")["staleness"].title == "1.0 % of a reads are stale, up to 1.0 s old"


def test_stale_answers_have_a_panel_over_time() -> None:
    """5 of 100 answers of the second window."""
    reads = outcome("a", operations={"read": operation([0.002] * 100, ages_s=[1.0] * 5)})

    panels = {panel.heading: panel for panel in TimelineData.from_outcomes({"a": [reads]}, Context("x")).panels}

    np.testing.assert_array_equal(panels["stale answers, read"].curves[0].y, [math.nan, 5.0, math.nan])


# Looks and texts.


def test_hundreds_of_systems_look_different() -> None:
    looks = [look(index) for index in range(500)]

    assert len(set(looks)) == 500


def test_neighbours_differ_in_dashes_and_marker_too() -> None:
    for first, second in itertools.pairwise(look(index) for index in range(50)):
        assert first.dashes != second.dashes
        assert first.marker != second.marker


def test_wrapped_lines_fit_and_keep_the_words() -> None:
    text = "the quick brown fox jumps over aurora-postgresql-serverless-v2-with-two-readers again and again"

    lines = wrap(text, 2.0, 9.0, 99)

    assert all(width_in(line, 9.0) <= 2.0 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert any(line.endswith("-") for line in lines)


def test_too_long_a_text_ends_in_an_ellipsis() -> None:
    lines = wrap("word " * 100, 2.0, 9.0, 2)

    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert width_in(lines[1], 9.0) <= 2.0


def test_letters_that_the_font_lacks_are_replaced() -> None:
    assert drawable("a 🔥 b") == "a \ufffd b"
    assert drawable("é × ≥ шалом") == "é × ≥ шалом"
    assert drawable("a\nb\x1b") == "a b\\x1b"


def test_log_ticks_are_few_and_round() -> None:
    assert log_ticks(0.9, 11.0, 8) == [1.0, 2.0, 5.0, 10.0]
    assert log_ticks(0.009, 1100.0, 8) == [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]
    assert len(log_ticks(1e-6, 1e6, 4)) <= 4
