"""Cost: in the document, on the terminal and in a picture, what is shown is what was charged."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from rich.console import Console

from bench.pictures import Context, CostData, draw_all
from bench.pictures.bills import Mark
from bench.pictures.cost import Scale, draw, place_names
from bench.pictures.findings import cost_finding
from bench.pictures.style import style_sheet
from bench.statistics.figures import dollars_per_hour, dollars_per_million_requests, percentile_ms
from bench.statistics.intervals import estimate
from bench.summary import summarise
from bench.tables import Surroundings, print_run
from models.kernel.outcome import ChargeOutcome, Outcome
from tests.strategies.outcomes import degenerate, direct_and_dax
from tests.unit.test_pictures import DEGENERATE, assert_nothing_overflows

CONTEXT = Context("dax-vs-dynamodb", "What does it cost?", "0123456789abcdef")


def charged(outcomes: Mapping[str, Sequence[Outcome]], **dollars_an_hour: float) -> dict[str, list[Outcome]]:
    """The same outcomes, in which the named systems pay for nodes by the hour and a little for each answer."""

    def bill(each: Outcome, hourly: float) -> dict[str, ChargeOutcome]:
        widths_s = np.diff(each.window_edges_s)
        span_s = each.span_s[1] - each.span_s[0]
        ok = np.sum([o.window_ok for o in each.operations.values()] or [np.zeros(len(widths_s))], axis=0)
        answers = sum(o.answers_in_span for o in each.operations.values())
        return {
            "nodes": ChargeOutcome(hourly * span_s / 3600, hourly * widths_s / 3600),
            "requests": ChargeOutcome(1e-7 * answers, 1e-7 * ok),
        }

    return {
        name: [
            replace(each, charges=bill(each, dollars_an_hour[name])) if name in dollars_an_hour else each
            for each in replications
        ]
        for name, replications in outcomes.items()
    }


@cache
def both() -> dict[str, list[Outcome]]:
    """A table of 0.2 dollars an hour, and one of 0.8 behind a cache."""
    return charged(direct_and_dax(4, 500.0), direct=0.2, dax=0.8)


# The picture.


def test_the_numbers_of_the_picture_are_the_figures() -> None:
    text = CostData.from_outcomes(both(), CONTEXT).csv_text()

    rows = {(row["panel"], row["system"]): row for row in csv.DictReader(io.StringIO(text))}
    for system, replications in both().items():
        p99 = estimate([percentile_ms(each.operations["read"].latency, 0.99) for each in replications])
        for words, figure in (("hour", dollars_per_hour), ("million requests", dollars_per_million_requests)):
            cost = estimate([figure(each) for each in replications])
            row = rows[f"read p99 against dollars a{'n' if words == 'hour' else ''} {words}", system]
            assert [float(row["dollars"]), float(row["p99_ms"])] == pytest.approx([cost.mean, p99.mean])
            assert (float(row["p99_ms_low"]), float(row["p99_ms_high"])) == pytest.approx(p99.interval)


def test_it_is_drawn_where_a_system_is_charged_and_only_there() -> None:
    free = direct_and_dax(2, 200.0)

    assert "cost" not in draw_all(free, "free")
    assert "cost" in draw_all(charged(free, dax=1.0), "paid")
    assert {mark.label for panel in CostData.from_outcomes(charged(free, dax=1.0), CONTEXT).panels
            for mark in panel.marks} == {"dax"}  # fmt: skip


@pytest.mark.parametrize("name", ["usual", *DEGENERATE])
def test_nothing_overflows(name: str) -> None:
    outcomes = both() if name == "usual" else degenerate()[name]
    paid = outcomes if name == "usual" else charged(outcomes, **{s: 0.1 * 3**i for i, s in enumerate(outcomes)})

    with style_sheet():
        figure = draw(CostData.from_outcomes(paid, CONTEXT))

    assert_nothing_overflows(figure)


def test_names_of_marks_cover_nothing() -> None:
    """Two marks side by side find places; of twenty on one spot, only the first ones do."""
    across, up = Scale(0.0, 3.0, False, 3.0), Scale(0.0, 2.0, False, 2.0)
    names = {f"system-{index}": f"system-{index}" for index in range(20)}
    marks = [Mark(name, index, (1.0 + index, 0.9, 1.1), (1.0, 0.9, 1.1)) for index, name in enumerate(list(names)[:2])]
    heap = [Mark(name, index, (1.5, 1.4, 1.6), (1.0, 0.9, 1.1)) for index, name in enumerate(names)]

    places = place_names(marks, names, across, up)

    assert set(places) == {"system-0", "system-1"}
    (left, right) = places.values()
    assert left[2] <= right[0] or right[2] <= left[0] or left[3] <= right[1] or right[3] <= left[1]
    assert len(place_names(heap, names, across, up)) < 10


def test_a_scale_is_logarithmic_where_values_are_far_apart() -> None:
    linear, log = Scale.over(np.array([1.0, 4.0]), 2.0), Scale.over(np.array([0.01, 1.0]), 2.0)

    assert (linear.low, linear.log) == (0.0, False)
    assert log.log
    assert log.inches(0.1) == pytest.approx(1.0)
    assert linear.inches(2.5) == pytest.approx(1.0)


# Its title.


def finding(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    millions = {name: [dollars_per_million_requests(each) for each in some] for name, some in outcomes.items()}
    return cost_finding(outcomes, millions, ["read"])


def test_the_title_sets_cost_against_latency() -> None:
    """0.2 and 0.8 dollars an hour over 1.8 million answers, and 0.1 dollars a million: 0.211 and 0.544."""
    assert finding(both()).startswith("dax costs 2.6× as much as direct for each request; its reads: ")
    assert "faster at the median" in finding(both())


def test_the_title_claims_nothing_that_chance_may_have_done() -> None:
    one = {name: some[:1] for name, some in both().items()}
    same = charged(direct_and_dax(4, 500.0), direct=0.4, dax=0.4)

    assert re.fullmatch(r"A million requests cost direct \$0\.21\d, dax \$0\.54\d", finding(one))
    assert finding({"dax": both()["dax"]}).startswith("A million requests cost dax $0.5")
    assert "no difference" in finding(same).lower()


# Document and terminal.


def test_the_document_breaks_the_bill_down() -> None:
    systems = summarise(charged(direct_and_dax(2, 200.0), dax=0.8))

    assert "money" not in systems["direct"]
    money = systems["dax"]["money"]
    assert money["charges"]["nodes"]["dollars_per_hour"] == {
        "mean": pytest.approx(0.8),
        "ci95": [pytest.approx(0.8)] * 2,
    }
    pieces = sum(each["dollars_per_hour"]["mean"] for each in money["charges"].values())
    assert pieces == pytest.approx(money["dollars_per_hour"]["mean"])


@pytest.mark.parametrize("width", [80, 60])
def test_the_terminal_shows_cost_beside_latency(width: int) -> None:
    document = {
        "schema": 1, "scenario": "x", "fingerprint": "y", "verdict": "pass", "systems": summarise(both()),
        "expectations": [],
    }  # fmt: skip
    file = io.StringIO()

    print_run(Console(file=file, width=width), document, Surroundings())

    lines = file.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    assert any("$/hour" in line for line in lines)
    assert any("nodes 0.800" in line for line in lines)
    assert any("p99" in line and ("$/million requests" in line or width < 80) for line in lines)
