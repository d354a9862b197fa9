"""Figures of stretches of time, and how long it takes until a figure is as it was: worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.expectations import Course, Expectation, check, judge
from bench.scenario.load import load
from bench.simulate import simulate
from bench.statistics.figures import (
    error_ratio,
    hit_ratio,
    latency_mean_ms,
    mean_queue,
    percentile_ms,
    throughput_per_s,
    utilization,
)
from bench.statistics.metrics import Shape
from bench.statistics.windows import phases, recovery_s, windows_within, within
from models.kernel.outcome import Outcome
from tests.tools.command import tierbench

SCENARIO = """
schema = 1
name = "stretches"
replications = 3
duration_s = 20.0
warmup_s = 2.0
windows = 40
[workload]
arrivals = { kind = "poisson", rate_per_s = 400.0 }
keys = { kind = "uniform", count = 1000 }
[systems.store]
model = "cache_aside"
capacity_items = 500
lookup = { kind = "constant", value_s = 0.0002 }
lookup_servers = 1
backing = { kind = "constant", value_s = 0.002 }
backing_servers = 2
client = { timeout_s = 0.5 }
[[faults]]
at_s = 8.0
until_s = 12.0
kind = "slow"
target = "store.backing"
factor = 4.0
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One replication: from 8 to 12 s the backing store takes four times as long."""
    path = tmp_path_factory.mktemp("stretches") / "stretches.toml"
    path.write_text(SCENARIO, "utf-8")
    return simulate(load(path), "store", 0, "compiled").outcome


# Which windows.


@pytest.mark.parametrize(
    ("stretch", "expected"),
    [
        ((0.0, 4.0), (0, 4)), ((1.0, 3.0), (1, 3)), ((0.5, 3.5), (1, 3)), ((1.2, 1.8), (2, 2)),
        ((1.0, 1.0 + 1e-12), (1, 1)), ((3.0, math.inf), (3, 4)), ((0.9999999999, 2.0000000001), (1, 2)),
    ],
)  # fmt: skip
def test_only_whole_windows_tell(stretch: tuple[float, float], expected: tuple[int, int]) -> None:
    some = windows_within([0.0, 1.0, 2.0, 3.0, 4.0], stretch)

    assert (some.start, some.stop) == expected


def test_phases_lie_around_all_faults() -> None:
    assert phases([(5.0, 7.0), (6.0, 9.0)], 1.0, 20.0) == {
        "before": (1.0, 5.0), "during": (5.0, 9.0), "after": (9.0, 20.0),
    }  # fmt: skip
    assert phases([(5.0, math.inf)], 1.0, 20.0) == {"before": (1.0, 5.0), "during": (5.0, 20.0)}
    assert phases([(1.0, 3.0)], 1.0, 3.0) == {"during": (1.0, 3.0)}
    assert phases([], 1.0, 20.0) == {}


# What they tell.


def test_the_measured_span_says_what_the_whole_run_says(outcome: Outcome) -> None:
    """Method: all windows of the measured span beside the run's own figures, which are counted apart."""
    stretch = within(outcome, (2.0, 20.0))
    whole, part = outcome.operations["read"], stretch.operations["read"]

    assert part.answers_in_span == whole.answers_in_span
    assert throughput_per_s(stretch, "read") == throughput_per_s(outcome, "read")
    assert latency_mean_ms(part.latency) == pytest.approx(latency_mean_ms(whole.latency), rel=1 / 64)
    for fraction in (0.5, 0.9, 0.99):
        assert percentile_ms(part.latency, fraction) == pytest.approx(
            percentile_ms(whole.latency, fraction), rel=1 / 32
        )
    assert hit_ratio(stretch, "cache") == pytest.approx(hit_ratio(outcome, "cache"), abs=0.002)
    for station in ("lookup", "backing"):
        assert utilization(stretch, station) == pytest.approx(utilization(outcome, station))
        assert mean_queue(stretch, station) == pytest.approx(mean_queue(outcome, station), abs=1e-6)


def test_a_stretch_sees_its_fault_and_its_neighbours_do_not(outcome: Outcome) -> None:
    before, during, after = (within(outcome, each) for each in ((2.0, 8.0), (8.0, 12.0), (14.0, 20.0)))

    # Half of 400/s miss: 200/s x 2 ms on two servers is 20 %, and 80 % while it is slow.
    assert utilization(before, "backing") == pytest.approx(0.2, abs=0.04)
    assert utilization(during, "backing") == pytest.approx(0.8, abs=0.1)
    assert utilization(after, "backing") == pytest.approx(0.2, abs=0.04)
    assert error_ratio(before.operations["read"]) == 0.0


# How long until all is as before.


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([10, 10, 10, 10, 10, 10], 0.0),
        ([10, 10, 30, 10, 10, 10], 1.0),
        ([10, 10, 30, 10, 30, 10], 3.0),
        ([10, 10, None, 10, 10, 10], 1.0),
        ([10, 10, 30, 30, 30, 30], 4.0),
        ([10, 99, 10.9, 10, 9.1, 10], 0.0),
        ([10, 10, 11.1, 10, 10, 10], 1.0),
        ([10, 10, 10, 10, 10, None], 4.0),
    ],
)
def test_recovery_ends_with_the_last_window_that_differs(values: list[Any], seconds: float) -> None:
    assert recovery_s(values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 10.0, 2.0, 0.1) == seconds


# Expectations of them.


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"metric": "store.read.requests", "when": "before"}, "is a figure of the whole run alone"),
        ({"metric": "store.read.latency_ms.max", "from_s": 1.0}, "is a figure of the whole run alone"),
        ({"metric": "store.counters.cache.hits", "until_s": 9.0}, "is a figure of the whole run alone"),
        ({"metric": "store.read.throughput_per_s", "from_s": 3.1, "until_s": 3.4}, "no window of 0.5 s lies wholly"),
        ({"metric": "store.read.throughput_per_s", "when": "after"}, "nothing lies after the faults"),
        ({"recovery": "store.read.attempts"}, "is a figure of the whole run alone"),
    ],
)
def test_what_no_window_can_tell_is_refused_before_the_run(entry: dict[str, Any], message: str) -> None:
    from bench.errors import Problem

    shape = Shape(("read",), ("backing",), ("cache",), ("cache.evictions",))
    course = Course([0.5 * k for k in range(41)], {"before": (2.0, 8.0), "during": (8.0, 20.0)})
    expectation = Expectation.model_validate({**entry, "at_least": 1.0})

    found = check([expectation], {"store": shape}, lambda path, what, _: Problem("x", key=str(path), what=what), course)

    assert [message in str(problem) for problem in found] == [True], found


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"metric": "a", "when": ["before", "after"]}, "one figure has one stretch"),
        ({"metric": "a", "when": "before", "from_s": 1.0}, "give when, or from_s and until_s"),
        ({"recovery": "a", "when": "before"}, "recovery looks at all of the run"),
        ({"metric": "a", "tolerance": 0.5}, "tolerance goes with recovery alone"),
        ({"metric": "a", "from_s": 2.0, "until_s": 2.0}, "until_s must be later"),
        ({"metric": "a", "when": "while"}, "when"),
    ],
)
def test_an_entry_names_one_stretch(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Expectation.model_validate({**entry, "at_least": 1.0})


def test_a_percentile_with_too_few_answers_is_unknown(outcome: Outcome) -> None:
    expectation = Expectation.model_validate(
        {"metric": "store.read.latency_ms.p999", "from_s": 3.0, "until_s": 3.5, "at_most": 1.0}
    )

    (judged,) = judge([expectation], {"store": [outcome]}, {"store": Shape.of([outcome])})

    assert (judged.verdict, judged.estimate.mean) == ("unknown", None)


def test_stretches_are_judged_in_a_run(tmp_path: Path) -> None:
    """Goal: a fault's effect and its end, as a scenario asserts them; each would fail without the fault."""
    expected = """
[[expect]]
ratio = ["store.stations.backing.utilization", "store.stations.backing.utilization"]
when = ["during", "before"]
at_least = 3.0
[[expect]]
difference = ["store.read.latency_ms.p50", "store.read.latency_ms.p50"]
when = ["after", "before"]
at_least = -1.0
at_most = 1.0
[[expect]]
metric = "store.read.error_ratio"
when = "before"
equals = 0.0
[[expect]]
recovery = "store.stations.backing.utilization"
tolerance = 0.7
at_least = 3.5
at_most = 5.0
"""
    (tmp_path / "stretches.toml").write_text(SCENARIO + expected, "utf-8")

    result = tierbench("run", "stretches.toml", "--json", "--quiet", cwd=tmp_path)

    document = json.loads(result.out)
    assert [each["verdict"] for each in document["expectations"]] == ["pass"] * 4
    assert document["expectations"][0]["text"].startswith("store.backing utilization during the faults / ")
    assert "recovery of store.backing utilization (±70 %)" in document["expectations"][3]["text"]
    without = tierbench("run", "stretches.toml", "--set", "faults[0].factor=1.0", "--json", "--quiet", cwd=tmp_path)
    verdicts = [each["verdict"] for each in json.loads(without.out)["expectations"]]
    assert verdicts[0] == verdicts[3] == "fail"
    assert np.isfinite(document["expectations"][3]["value"])
