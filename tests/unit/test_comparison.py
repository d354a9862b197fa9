"""The pieces of a comparison: settings, counterparts, words, and pictures in which nothing overflows."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.comparison.judging import Compared, judge
from bench.comparison.matching import match
from bench.comparison.page import SETTINGS_SHOWN, Options, _broken, print_comparison
from bench.comparison.pictures import draw
from bench.comparison.settings import Setting, differing
from bench.comparison.sides import Side
from bench.comparison.wording import change, finding, values
from bench.errors import ResultError
from bench.pictures import Context, PercentileData, StalenessData, TimelineData, forest, percentiles
from bench.pictures.data import Frame
from bench.pictures.forest import ForestData, ForestPanel, Mark
from bench.pictures.overlays import Layer, course_panels, percentile_panels
from bench.pictures.style import style_sheet
from bench.statistics.comparing import Difference, compare
from bench.statistics.values import Figure, figures_of
from bench.summary import fingerprint
from models.kernel.outcome import Outcome
from tests.strategies.outcomes import OperationSketch, SystemSketch, lognormal, make_outcomes
from tests.unit.test_pictures import NASTY, assert_nothing_overflows, rows_of


def outcomes_of(*names: str, median_s: float = 2e-3) -> dict[str, list[Outcome]]:
    """Systems that are alike."""
    sketch = SystemSketch({"read": OperationSketch(300.0, lognormal(median_s, 0.4))}, 0.5, stations={"nodes": (2, 0.3)})
    return make_outcomes(dict.fromkeys(names, sketch), 3, duration_s=10.0, warmup_s=2.0, windows=5)


def side_of(label: str, outcomes: Mapping[str, Sequence[Outcome]], **more: Any) -> Side:
    """A side that has these outcomes."""
    context = Context("x")
    data = (PercentileData, TimelineData, StalenessData)
    tables = [each.from_outcomes(outcomes, context).csv_text() for each in data]
    settings = {"warmup_s": 2.0, "duration_s": 10.0, "faults": []}
    side = Side(
        label, "x", 7, 3, fingerprint(outcomes), {"python": "3"}, settings, figures_of(outcomes),
        dict(zip(("percentiles", "timeline", "staleness"), tables, strict=True)), Path("x/scenario.toml"),
    )  # fmt: skip
    return replace(side, **more)


@cache
def compared() -> Compared:
    """A contender that is slower."""
    baseline, contender = outcomes_of("one", "two"), outcomes_of("one", "two", median_s=3e-3)
    return judge(side_of("base", baseline), side_of("new", contender), 0.01)


def printed(some: Compared, width: int = 80, *, everything: bool = False) -> str:
    """What a console of a width shows."""
    file = io.StringIO()
    print_comparison(Console(file=file, width=width), [some], Options(0.01, everything))
    return file.getvalue()


# Settings.


def test_settings_are_compared_by_path() -> None:
    baseline = {"a": {"b": 1, "c": [1, {"d": 2}]}, "same": "x", "gone": True, "top": float("inf")}
    contender = {"a": {"b": 1.5, "c": [1, {"d": 3}, 4]}, "same": "x", "new": "y", "top": float("inf")}

    assert differing(baseline, contender) == [
        Setting("a.b", 1, 1.5),
        Setting("a.c[1].d", 2, 3),
        Setting("gone", True, None),
        Setting("a.c[2]", None, 4),
        Setting("new", None, "y"),
    ]
    assert differing({"top": float("inf")}, {"top": 1.0}) == [Setting("top", "inf", 1.0)]


def test_many_settings_are_cut_with_their_count() -> None:
    many = {f"k{index:02}": index for index in range(40)}
    found = judge(
        side_of("a", outcomes_of("one"), settings=many), side_of("b", outcomes_of("one"), settings={"k39": 0}), 0.01
    )

    text = printed(found)

    # What both sides have comes first.
    assert "differs       k39: 39 → 0\n              k00: 0 → –\n" in text
    assert text.count(" → –") == SETTINGS_SHOWN - 1
    assert f"and {40 - SETTINGS_SHOWN} more: see comparison.json" in text


def test_versions_are_said_if_they_differ() -> None:
    found = judge(side_of("a", outcomes_of("one")), side_of("b", outcomes_of("one"), versions={"python": "4"}), 0.01)

    assert "versions.python: 3 → 4" in printed(found)


# Counterparts.


def figure(system: str, name: str, *numbers: float | None, cell: str = "") -> Figure:
    """A figure of which less is better."""
    return Figure(system, name, "", "lower", numbers, cell=cell)


def test_cells_are_matched_like_systems_and_figures() -> None:
    baseline = side_of("a", outcomes_of("one"), figures=[figure("s", "x", 1.0, cell="p=1"), figure("s", "x", 1.0)])
    contender = side_of("b", outcomes_of("one"), figures=[figure("s", "x", 2.0), figure("s", "x", 3.0, cell="p=2")])

    found = match(baseline, contender, paired=True)

    assert [(one.values, other.values) for one, other in found.pairs] == [((1.0,), (2.0,))]
    assert [(each.cell, each.reason) for each in found.alone] == [
        ("p=1", "only the baseline has this figure"),
        ("p=2", "only the contender has this figure"),
    ]


# Words.


def difference(baseline: Sequence[float], contender: Sequence[float], name: str = "x", unit: Any = "") -> Difference:
    """How two figures differ, with independent seeds."""
    sides = [Figure("s", name, unit, "lower", tuple(numbers)) for numbers in (baseline, contender)]
    return compare([(sides[0], sides[1])], paired=False)[0][0]


@pytest.mark.parametrize(
    ("baseline", "contender", "words"),
    [
        (100.0, 100.0, "0 %"),
        (100.0, 101.2, "+1.2 %"),
        (100.0, 99.0, "−1.0 %"),
        (100.0, 340.0, "3.4×"),
        (100.0, 20.0, "0.2×"),
        (100.0, 0.0, "to 0"),
        (0.0, 1.0, "from 0"),
        (0.0, 0.0, "0 %"),
    ],
)
def test_a_change_is_said_in_percent_or_as_a_factor(baseline: float, contender: float, words: str) -> None:
    assert change(difference([baseline] * 2, [contender] * 2)) == words


def test_values_have_their_units_and_a_sign() -> None:
    assert values(difference([2.0, 2.0], [2.5, 2.5], unit="ms")) == ("2.000 ms", "2.500 ms", "+0.5000 ms ±0")
    assert values(difference([0.5, 0.5], [0.4, 0.4], name="caches.c.hit_ratio")) == (
        "50.00 %",
        "40.00 %",
        "−10.00 ±0 %",
    )
    assert values(difference([5.0], [4.0])) == ("5.000", "4.000", "−1.00")


def test_a_title_says_how_many_and_which() -> None:
    assert finding([compared()], 0.01, lambda _: False) == "Nothing could be compared"
    text = finding([compared()], 0.01, lambda each: each.baseline.name.endswith("latency_ms.p50"))
    assert text == "2 of 2 figures are worse: one read p50 +50 %, two read p50 +50 %"
    same = finding([compared()], 0.01, lambda each: each.baseline.name.endswith("error_ratio"))
    assert same == "No figure differs beyond 1 %"


def in_cells(*cells: str) -> Compared:
    """The same, as found in several cells of two sweeps."""
    found = [
        replace(each, baseline=replace(each.baseline, cell=cell)) for cell in cells for each in compared().differences
    ]
    return replace(compared(), differences=found)


def test_of_many_cells_a_title_names_a_figure_once() -> None:
    text = finding([in_cells("a=1", "a=2")], 0.01, lambda each: each.baseline.name.endswith("latency_ms.p50"))

    assert text == "4 of 4 figures are worse: one read p50 up to +50 %, two read p50 up to +50 %"


def test_a_cell_is_named_in_full_above_its_figures() -> None:
    cells = [f"workload.arrivals.rate_per_s={rate}, systems.four.servers=4" for rate in (200, 400)]
    console = Console(file=io.StringIO(), width=100)

    print_comparison(console, [in_cells(*cells)], Options(0.01))

    printed = console.file.getvalue()
    assert all(f"one, {cell}" in printed for cell in cells)


@pytest.mark.parametrize("width", [1, 5, 16, 100])
def test_a_long_name_is_broken_into_lines_that_fit(width: int) -> None:
    name = "money.charges.write requests.dollars_per_hour"

    lines = _broken(name, max(width, 4)).split("\n")

    assert max(map(len, lines)) <= max(width, 4)
    assert "".join(line.strip() for line in lines).replace(" ", "") == name.replace(" ", "")


# Pictures.


def test_curves_of_both_sides_lie_over_each_other() -> None:
    """What stands in the overlay is what stands in the pictures of both sides."""
    one, other = compared().baseline.tables, compared().contender.tables
    layers = [Layer("a", 0, {"one": "one"}, one["percentiles"]), Layer("b", 1, {"two": "one"}, other["percentiles"])]

    ((system, panel),) = percentile_panels(layers)

    assert (system, panel.heading) == ("one", "one reads")
    for curve, table, whose in zip(panel.curves, (one, other), ("one", "two"), strict=True):
        rows = [row for row in rows_of(table["percentiles"]) if row["system"] == whose]
        assert curve.y.tolist() == [float(row["latency_ms"]) for row in rows]


def test_the_course_of_a_single_system_lies_over_that_of_one_of_several() -> None:
    """A single system has a panel for two percentiles, others have two."""
    single, several = side_of("a", outcomes_of("one")), side_of("b", outcomes_of("one", "two"))
    tables = [side.tables["timeline"] for side in (single, several)]
    layers = [Layer("a", look, {"one": "one"}, table) for look, table in enumerate(tables)]

    panels = course_panels(layers)

    assert [panel.heading for _, panel in panels] == [
        "one read latency, p50", "one read latency, p99", "one throughput, all operations",
        "one load: requests in service or waiting at the last station", "one hit ratio, item_cache",
    ]  # fmt: skip
    assert all(len(panel.curves) == 2 for _, panel in panels)


def test_all_pictures_are_drawn_with_their_numbers() -> None:
    pictures = draw([compared()], 0.01)

    assert list(pictures) == ["percentiles", "course-one", "course-two", "differences"]
    rows = rows_of(pictures["differences"].csv)
    assert {row["verdict"] for row in rows} == {"worse", "same"}
    row = next(row for row in rows if row["figure"] == "read p50")
    assert float(row["difference_percent"]) == pytest.approx(50.0, rel=0.02)
    assert float(row["low"]) <= float(row["difference_percent"]) <= float(row["high"])
    for picture in pictures.values():
        assert "margin 1 %" in picture.caption
        assert "Paired by replication" in picture.caption


@pytest.mark.parametrize(
    "odd", [{"faults": [{"at_s": "x"}, {"at_s": 1.0, "until_s": []}, 5]}, {"faults": 7}, {"duration_s": "long"}, {}]
)
def test_settings_that_no_scenario_may_have_do_no_harm(odd: dict[str, Any]) -> None:
    both = [replace(side, settings=odd) for side in (compared().baseline, compared().contender)]

    assert draw([judge(*both, 0.01)], 0.01)


def test_a_table_that_is_something_else_is_an_error_of_the_result() -> None:
    broken = replace(compared().contender, tables={"percentiles": "a,b\n"})

    with pytest.raises(ResultError, match=r"percentiles\.csv"):
        draw([judge(compared().baseline, broken, 0.01)], 0.01)


@pytest.mark.parametrize("name", NASTY)
def test_no_label_overflows(name: str) -> None:
    label = NASTY[name]
    frame = Frame("Differences", "", f"worse: {label}", label)
    marks = [Mark(label, verdict, 3.0, -2.0, 500.0) for verdict in ("worse", "better", "unknown", "same")]
    layers = [Layer(label, look, {"one": "one"}, compared().baseline.tables["percentiles"]) for look in range(2)]
    panels = [panel for _, panel in percentile_panels(layers)]

    with style_sheet():
        drawn = [
            forest.draw(ForestData(frame, [ForestPanel(label, marks)], 1.0)),
            percentiles.draw(PercentileData(frame, [label, label], panels)),
        ]

    for figure in drawn:
        assert_nothing_overflows(figure)


@pytest.mark.parametrize(
    "ends", [(0.0, 0.0, 0.0), (1e-9, -1e-9, 2e-9), (5.0, 4.0, 6.0), (-99.0, -100.0, 3.0), (1e6, 1e5, 1e7)]
)
@pytest.mark.parametrize("margin", [0.0, 1.0, 50.0])
def test_differences_of_any_size_can_be_drawn(ends: tuple[float, float, float], margin: float) -> None:
    data = ForestData(Frame("a", "", "b", "c"), [ForestPanel("one", [Mark("x", "worse", *ends)])], margin)

    with style_sheet():
        figure = forest.draw(data)

    assert_nothing_overflows(figure)
    (axes,) = figure.axes
    assert 2 <= len(axes.get_xticks()) <= 12


def test_faults_that_both_sides_have_are_shaded() -> None:
    faults = [{"at_s": 3.0, "until_s": 5.0, "kind": "node-down", "target": "one.nodes"}]
    settings = {"warmup_s": 2.0, "duration_s": 10.0, "faults": faults}
    both = [replace(side, settings=settings) for side in (compared().baseline, compared().contender)]

    pictures = draw([judge(*both, 0.01)], 0.01)
    plain = draw([judge(both[0], compared().contender, 0.01)], 0.01)

    assert pictures["course-one"].svg.count(b"#f4b393") > 0
    assert plain["course-one"].svg.count(b"#f4b393") == 0
