"""The cells of a sweep: which values they have, and what is said of those that no cell can have."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from bench.errors import ScenarioError
from bench.scenario.assignments import RefusedError, read_axis
from bench.scenario.schema import Range
from bench.sweep.plan import Plan, make_plan
from bench.sweep.points import short_names
from models.kernel.closed_forms.queueing import mmc_response_mean_s

SCENARIO = """
schema = 1
name = "half-load"
duration_s = 2.0

[workload]
arrivals = { kind = "poisson", rate_per_s = 500.0 }

[systems.one]
model = "queue"
service = { kind = "exponential", mean_s = 0.001 }
"""


def plan(folder: Path, sweep: str = "", *sweeps: str, refine: int | None = None) -> Plan:
    """The plan of the scenario with a sweep of its own, and axes given on the command line."""
    path = folder / "half.toml"
    path.write_text(SCENARIO + sweep, "utf-8")
    return make_plan(path, (), sweeps, "compiled", refine)


def parameters(made: Plan) -> list[dict[str, Any]]:
    return [dict(cell.parameters) for cell in made.cells]


def test_a_grid_is_every_combination_and_its_last_axis_changes_first(tmp_path: Path) -> None:
    made = plan(tmp_path, '[sweep.grid]\n"systems.one.servers" = [1, 2]\nseed = [7, 8]\n')

    assert parameters(made) == [
        {"systems.one.servers": 1, "seed": 7},
        {"systems.one.servers": 1, "seed": 8},
        {"systems.one.servers": 2, "seed": 7},
        {"systems.one.servers": 2, "seed": 8},
    ]
    assert made.axes == {"systems.one.servers": [1, 2], "seed": [7, 8]}


def test_a_zip_goes_along_all_of_its_lists_at_once(tmp_path: Path) -> None:
    made = plan(tmp_path, '[sweep.zip]\n"systems.one.servers" = [1, 2]\nseed = [7, 8]\n')

    assert parameters(made) == [{"systems.one.servers": 1, "seed": 7}, {"systems.one.servers": 2, "seed": 8}]


def test_a_zip_is_one_axis_of_a_grid(tmp_path: Path) -> None:
    sweep = '[sweep]\ngrid = { replications = [2, 3] }\nzip = { "systems.one.servers" = [1, 2], seed = [7, 8] }\n'

    assert len(plan(tmp_path, sweep).cells) == 4


def test_a_list_is_one_cell_after_the_other(tmp_path: Path) -> None:
    rows = '[[sweep.list]]\nseed = 3\n[[sweep.list]]\n"systems.one.servers" = 4\nseed = 5\n'

    assert parameters(plan(tmp_path, rows)) == [{"seed": 3}, {"systems.one.servers": 4, "seed": 5}]


def test_axes_of_the_command_line_take_the_place_of_the_scenario_s(tmp_path: Path) -> None:
    made = plan(tmp_path, "[sweep.grid]\nseed = [7, 8]\n", "systems.one.servers=1,2,4", "duration_s=1.0,2.0")

    assert made.paths == ("systems.one.servers", "duration_s")
    assert len(made.cells) == 6


def test_a_cell_knows_what_closed_forms_say_of_it(tmp_path: Path) -> None:
    made = plan(tmp_path, "", "workload.arrivals.rate_per_s=500,900,1500")

    means = [cell.expected["one"].means_ms["read"] for cell in made.cells]
    assert means[:2] == pytest.approx([1e3 * mmc_response_mean_s(rate, 0.001, 1) for rate in (500.0, 900.0)])
    assert means[2] == math.inf
    assert {cell.expected["one"].saturation_per_s for cell in made.cells} == {1000.0}


def test_equal_cells_have_one_key_and_others_another(tmp_path: Path) -> None:
    """The key stands for what a cell says, not for where or how that was written."""
    first = plan(tmp_path, "[sweep.grid]\nseed = [7, 8]\n").cells
    second = plan(tmp_path, "", "seed=8,9").cells

    assert first[1].recipe.key == second[0].recipe.key
    assert len({cell.recipe.key for cell in (*first, *second)}) == 3


def test_every_wrong_value_is_said_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        plan(
            tmp_path,
            '[sweep.grid]\n"systems.one.servers" = [1,\n 0]\n"systems.two.servers" = [1]\nduration_s = [-1.0]\n',
        )

    says = str(caught.value)
    assert "half.toml:14:2: error: systems.one.servers:" in says
    assert "half.toml:15:" in says
    assert "half.toml:16:" in says


def test_a_wrong_value_of_the_command_line_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"^--sweep systems.one.servers=1,0: error: systems.one.servers: "):
        plan(tmp_path, "", "systems.one.servers=1,0")


@pytest.mark.parametrize(
    ("sweep", "says"),
    [
        ("", "no cells to sweep over; add [sweep]"),
        ("[sweep]\nrefine = 3\n", "no cells to sweep over"),
        ("[sweep.zip]\nseed = [1, 2]\nduration_s = [1.0]\n", "differ in length: seed has 2, duration_s has 1"),
        ("[sweep]\ngrid = { seed = [1] }\nlist = [{ seed = 2 }]\n", "stands alone"),
        ('[sweep.grid]\n"systems..one" = [1]\n', "write names with dots between"),
        ('[sweep.grid]\n"expect[0].at_least" = [1.0]\n', "the same in all cells"),
        ("[sweep.grid]\nseed = []\n", "sweep.grid.seed"),
        ("[sweep.grid]\nsystems.one.servers = [1, 2]\n", "sweep.grid.systems"),
        ("[sweep.grid]\nseed = { from = 1, to = 3 }\n", "count"),
        ('[sweep.grid]\nduration_s = { from = 0.0, to = 3.0, count = 3, spacing = "log" }\n', "equal factors"),
        ("[sweep.grid]\nseed = { from = 1, to = 2000, count = 2000 }\nwindows = [1, 2]\n", "more than 2,000"),
    ],
)  # fmt: skip
def test_a_sweep_that_cannot_be_is_refused(sweep: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=says.replace("[", r"\[").replace(".", r"\.")):
        plan(tmp_path, sweep)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a.b=1,2,3", [1, 2, 3]),
        ("a=1.5", [1.5]),
        ("a=lru, fifo", ["lru", "fifo"]),
        ('a="x,y",z', ["x,y", "z"]),
        ("a=true,false", [True, False]),
        ("a={ x = 1, y = 2 },{ x = 3 }", [{"x": 1, "y": 2}, {"x": 3}]),
        ("a=[1, 2],[3]", [[1, 2], [3]]),
        ("a={ from = 1, to = 9, count = 3 }", {"from": 1, "to": 9, "count": 3}),
        ("a=dax.r5.large,dax.r4.large", ["dax.r5.large", "dax.r4.large"]),
    ],
)
def test_values_of_an_axis_are_read(text: str, values: object) -> None:
    assert read_axis(text)[1] == values


@pytest.mark.parametrize("text", ["a=", "a", "=1", "a=1,,2", "a=1,", "a=1.2.3", 'a="x'])
def test_an_axis_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        read_axis(text)


@pytest.mark.parametrize(
    ("between", "values"),
    [
        ({"from": 1, "to": 9, "count": 3}, [1, 5, 9]),
        ({"from": 1, "to": 3, "count": 9}, [1, 2, 3]),
        ({"from": 0.0, "to": 1.0, "count": 5}, [0.0, 0.25, 0.5, 0.75, 1.0]),
        ({"from": 10, "to": 1000, "count": 3, "spacing": "log"}, [10, 100, 1000]),
        ({"from": 0.5, "to": 8.0, "count": 5, "spacing": "log"}, [0.5, 1.0, 2.0, 4.0, 8.0]),
        ({"from": 9, "to": 1, "count": 3}, [9, 5, 1]),
    ],
)
def test_values_between_two_ends(between: dict[str, Any], values: list[float]) -> None:
    found = Range.model_validate(between).values()

    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_paths_are_shortened_as_far_as_they_stay_apart() -> None:
    names = short_names(["systems.a.nodes", "systems.b.nodes", "workload.arrivals.rate_per_s", "faults[0].at_s"])

    assert names == {
        "systems.a.nodes": "a.nodes",
        "systems.b.nodes": "b.nodes",
        "workload.arrivals.rate_per_s": "rate_per_s",
        "faults[0].at_s": "at_s",
    }
