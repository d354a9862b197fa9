"""The study of where DAX reads ten times faster: its cells ask what they say, and its words follow from its numbers.

Goal: the picture in the README is no better than these. Method: the scenarios of all cells are loaded; one cell is run
and held against its parts; findings and tables of made-up cells.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.pictures.multiples import draw
from bench.pictures.style import render, style_sheet
from bench.runs import run
from bench.scenario.document import read_document
from bench.scenario.load import Scenario, build
from bench.statistics.intervals import Estimate
from bench.studies import ten_times as study
from models.kernel.predict import predict
from models.kernel.program import Program


def scenario(assumption: study.Assumption, load: float, hit_share: float) -> Scenario:
    text = study.scenario_text(assumption, load, hit_share)
    return build(Path("study"), read_document(text.encode(), "study"))


def made_up(*times: float, hits: float = 0.9) -> list[study.Cell]:
    """A cell for each ratio, the same at every percentile."""
    exact = [Estimate(value, value, value, (value,), exact=True) for value in times]
    share = Estimate(hits, hits, hits, (hits,), exact=True)
    return [
        study.Cell(study.ASSUMPTIONS[index % 3], study.LOADS[0], share, dict.fromkeys(study.SHOWN, each))
        for index, each in enumerate(exact)
    ]


@pytest.mark.parametrize("load", study.LOADS)
@pytest.mark.parametrize("hit_share", study.HIT_SHARES)
def test_nodes_are_as_busy_as_a_cell_says(load: float, hit_share: float) -> None:
    of = scenario(study.ASSUMPTIONS[1], load, hit_share)

    busy = predict(Program(of.systems["dax"], "dax"), of.workload, of.span.duration_s).stations["nodes"]

    assert busy.utilization(of.workload.arrivals.rate_per_s) == pytest.approx(load, rel=0.05)


def test_all_that_is_not_assumed_is_the_models_own() -> None:
    """With the middle of the ranges, both systems are what they are by default, but for size and memory."""
    of = scenario(study.ASSUMPTIONS[1], 0.5, 0.9)
    direct = of.spec.systems["direct"]

    assert direct.read == type(direct)(model="dynamodb").read
    assert of.spec.systems["dax"].region == direct.region == type(direct)(model="dynamodb").region


@pytest.mark.parametrize("assumption", study.ASSUMPTIONS, ids=lambda assumption: assumption.name)
def test_where_all_reads_hit_a_cell_s_ratio_is_that_of_their_ways(assumption: study.Assumption) -> None:
    """Method: mean times without any waiting, at a tenth of the load. A read's time has a longer tail than a hit's, so
    its median lies further below its mean, and the ratio of medians below that of means.
    """
    of = scenario(assumption, 0.1, 1.0)
    expected, means = [], []
    outcomes = run(of, "compiled").outcomes
    for name in ("direct", "dax"):
        expected.append(predict(Program(of.systems[name], name), of.workload, of.span.duration_s).unloaded_s["read"])
        means.append(sum(each.operations["read"].latency.mean_s for each in outcomes[name]) / len(outcomes[name]))

    cell = study.cell(assumption, 0.1, 1.0)

    assert cell.hits.mean == 1.0
    assert means[0] / means[1] == pytest.approx(expected[0] / expected[1], rel=0.02)
    assert 0.85 < cell.ratios["p50"].mean / (expected[0] / expected[1]) < 1.0


def test_the_finding_says_nowhere_where_no_cell_reaches_the_claim() -> None:
    assert study.finding(made_up(3.0, 9.9)) == (
        "Ten times faster nowhere in the assumed ranges; at most 9.9 times at p50 with 90% hits (middle of both ranges)"
    )


def test_the_finding_counts_the_cells_that_do() -> None:
    assert study.finding(made_up(3.0, 12.0)) == (
        "Ten times faster in 3 of 6 cases, from 90% hits on; at most 12.0 times at p50 with 90% hits "
        "(middle of both ranges)"
    )


def test_the_table_has_a_row_for_each_cell_and_percentile_and_the_picture_is_drawn() -> None:
    cells = made_up(2.0, 4.0, 8.0)

    rows = study.table(cells).splitlines()
    with style_sheet():
        figure = draw(study.picture_data(cells))
        svg, png = render(figure, "svg"), render(figure, "png")

    assert rows[0] == "assumption,load,hit_ratio,percentile,times_faster,low,high"
    assert len(rows) == 1 + 3 * len(study.SHOWN)
    assert svg.startswith(b"<?xml")
    assert png.startswith(b"\x89PNG")
