"""The knee of a curve, held against M/M/1: there, throughput by latency is largest at half of the saturation rate."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.statistics.values import Figure
from bench.sweep.kept import Kept
from bench.sweep.knee import knees, power, refinements
from bench.sweep.plan import Plan, make_plan
from bench.sweep.run import Finished
from tests.unit.test_sweep_plan import SCENARIO


def swept(folder: Path, *rates: float) -> tuple[Plan, list[Finished]]:
    """A sweep of an M/M/1 queue that saturates at 1,000/s, with the figures that theory gives."""
    path = folder / "half.toml"
    path.write_text(SCENARIO, "utf-8")
    plan = make_plan(path, (), [f"workload.arrivals.rate_per_s={','.join(map(str, rates))}"], "compiled", 0)
    finished = []
    for cell in plan.cells:
        rate = float(cell.parameters["workload.arrivals.rate_per_s"])
        figures = (
            Figure("one", "ops.read.throughput_per_s", "/s", "higher", (rate, rate)),
            Figure("one", "ops.read.latency_ms.mean", "ms", "lower", (1e3 / (1000.0 - rate),) * 2),
        )
        finished.append(Finished(cell, Kept({}, figures, ())))
    return plan, finished


def test_power_is_throughput_by_mean_latency(tmp_path: Path) -> None:
    _, finished = swept(tmp_path, 250, 500, 750)

    assert power(finished[0].gave.figures, "one") == pytest.approx(250.0 * 750.0)


def test_the_knee_of_a_queue_is_at_half_of_its_saturation(tmp_path: Path) -> None:
    plan, finished = swept(tmp_path, *range(100, 1000, 100))

    (knee,) = knees(plan, finished)["one"]

    assert knee.cell.parameters == {"workload.arrivals.rate_per_s": 500}


def test_further_cells_lie_on_both_sides_of_the_knee(tmp_path: Path) -> None:
    plan, finished = swept(tmp_path, 200, 450, 900)

    assert [next(iter(each.values())) for each in refinements(plan, finished)] == [325, 675]


def test_refining_again_and_again_closes_in_on_the_knee(tmp_path: Path) -> None:
    rates = [100.0, 400.0, 900.0]

    for _ in range(6):
        plan, finished = swept(tmp_path, *sorted(rates))
        rates += [next(iter(each.values())) for each in refinements(plan, finished)]
    plan, finished = swept(tmp_path, *sorted(rates))
    (knee,) = knees(plan, finished)["one"]

    assert knee.cell.parameters["workload.arrivals.rate_per_s"] == pytest.approx(500.0, abs=10.0)


def test_a_curve_that_rises_to_its_end_has_no_cells_around_a_knee(tmp_path: Path) -> None:
    plan, finished = swept(tmp_path, 100, 200, 300)

    assert refinements(plan, finished) == []


def test_words_and_two_values_have_no_knee(tmp_path: Path) -> None:
    plan, finished = swept(tmp_path, 100, 200)

    assert knees(plan, finished) == {}


def test_what_changes_no_throughput_has_no_knee(tmp_path: Path) -> None:
    """Along the size of a cache, say: latency falls, but nobody asks for more."""
    plan, finished = swept(tmp_path, 500, 510, 520, 530)

    assert knees(plan, finished) == {}
