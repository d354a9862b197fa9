"""The warm-up cut, against series worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bench.runs import run
from bench.scenario.load import load
from bench.statistics.warmup import BATCHES_MIN, mser, warmup_cuts
from tests.strategies.handmade import operation, outcome


def test_one_odd_batch_is_cut_as_worked_by_hand() -> None:
    """Series 10 1 2 1 2 1 2 1; the statistic is the squares of what remains by its number squared; d goes up to 8/2.

    d = 0: mean 20/8, squares 66, 66/64 = 1.031; d = 1: mean 10/7, squares 12/7, 12/343 = .0350;
    d = 2: mean 3/2, squares 3/2, 1.5/36 = .0417; d = 3: 1.2/25 = .0480; d = 4: 1/16 = .0625. The least is at d = 1.
    """
    cut = mser([10.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0])

    assert (cut.batches, cut.count, cut.settled) == (1, 8, True)
    assert cut.fraction == 1 / 8
    assert cut.seconds(0.5) == 0.5


def test_only_the_first_half_is_eligible() -> None:
    """Without the rule, the three equal batches at the end (statistic 0) would win; such a series is too short."""
    cut = mser([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 1.0, 1.0, 1.0])

    assert (cut.batches, cut.settled) == (5, False)


def test_a_level_series_is_not_cut() -> None:
    """Neither where all batches are equal, nor where only the clock's rounding tells them apart."""
    noise = np.random.default_rng(3).standard_normal(100) * 1e-14

    assert mser([0.1] * 20).batches == 0
    assert mser((0.1 + noise).tolist()).batches == 0
    assert mser([0.0] * 20).settled


@pytest.mark.parametrize("series", [[], [1.0], [1.0, math.nan]])
def test_what_is_no_series_is_refused(series: list[float]) -> None:
    with pytest.raises(ValueError, match="batch"):
        mser(series)


def test_cut_finds_the_end_of_a_decaying_bias() -> None:
    """Goal: it does what it is for. Method: a bias e^(-i/20) under noise of .05 is down to the noise at i = 60."""
    index = np.arange(1_000)
    series = 1.0 + np.exp(-index / 20.0) + 0.05 * np.random.default_rng(11).standard_normal(1_000)

    cut = mser(series)

    assert cut.settled
    assert 30 <= cut.batches <= 120


def test_cut_on_the_clock_is_where_the_first_batch_begins_that_is_kept() -> None:
    """Four of twenty batches are cut, which share 30 s."""
    series = [5.0, 4.0, 3.0, 2.0, *([1.0, 1.1] * 8)]
    outcomes = [outcome(replication=index, operations={"read": operation(batch_means_s=series)}) for index in range(2)]

    found = warmup_cuts(outcomes)["read"]

    assert found is not None
    assert (found.cut.batches, found.cut.count) == (4, 20)
    assert found.warmup_s == 6.0


@pytest.mark.parametrize("until_s", [15.0, 16.4])
def test_what_comes_after_a_change_is_not_looked_at(until_s: float) -> None:
    """Twenty batches share 30 s; from 15 s on, after ten, it is another level, which alone would be kept."""
    series = [5.0, 4.0, 3.0, 2.0, *([1.0, 1.1] * 3), *([9.0] * 10)]
    outcomes = [outcome(operations={"read": operation(batch_means_s=series)})]

    whole, part = (warmup_cuts(outcomes, end_s)["read"] for end_s in (math.inf, until_s))

    assert whole is not None
    assert part is not None
    assert whole.warmup_s == 15.0
    assert (part.warmup_s, part.cut.count) == (6.0, 10)
    assert warmup_cuts(outcomes, 0.0) == {"read": None}


START = """
schema = 1
name = "start"
question = "Does it start as it goes on?"
replications = 3
duration_s = 60.0
warmup_s = 1.0
initial = "cold"

[workload]
keys = { kind = "uniform", count = 1000 }
"""
QUEUE = """
[systems.one]
model = "queue"
service = { kind = "exponential", mean_s = 0.002 }
"""
CACHE = """
[systems.one]
model = "cache_aside"
capacity_items = 1000
"""
STEADY = 'arrivals = { kind = "poisson", rate_per_s = 200.0 }'
FALLING = 'arrivals = { kind = "schedule", points = [[0.0, 400.0], [20.0, 400.0], [20.0, 100.0]] }'
FASTER = """
[[faults]]
at_s = 20.0
kind = "slow"
target = "one.PART"
factor = 0.2
"""
REDIS = """
mix = { read = 0.5, write = 0.5 }
[systems.one]
model = "redis"
node_type = "cache.t4g.micro"
writes = "cache"
snapshots = { first_s = 20.0, of = "primaries", write_bytes_per_s = 1e6 }
replication = { fork_s_per_gib = 10_000.0 }
"""


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (STEADY + QUEUE, False),
        (FALLING + QUEUE, False),
        (STEADY + QUEUE + FASTER.replace("PART", "server"), False),
        (STEADY + REDIS, False),
        (STEADY + CACHE, True),
        (FALLING + CACHE, True),
        (STEADY + CACHE + FASTER.replace("PART", "backing"), True),
    ],
)
def test_a_run_warns_of_its_start_and_not_of_what_is_changed_later(text: str, warned: bool, tmp_path: Path) -> None:
    """A cold cache of 1,000 keys takes seconds to fill; queues and nodes of Redis are in the long run at once. A load
    that falls, a server that is faster, and a snapshot change the course later, whatever the start was.
    """
    path = tmp_path / "start.toml"
    path.write_text(START + text, "utf-8")

    warnings = run(load(path), "compiled").warnings

    assert any("MSER" in warning for warning in warnings) == warned


def test_batches_of_few_answers_are_joined_and_replications_put_together() -> None:
    """Five answers in each pair of batches; what differs between the replications cancels out in their mean."""
    early = operation(batch_means_s=[9.0, 9.0] + [1.5, 2.5] * 10, batch_ok=[3, 2] * 11)
    late = operation(batch_means_s=[9.0, 9.0] + [2.5, 1.5] * 10, batch_ok=[3, 2] * 11)

    outcomes = [outcome(replication=index, operations={"read": each}) for index, each in enumerate([early, late])]
    found = warmup_cuts(outcomes)["read"]

    assert found is not None
    assert (found.cut.batches, found.cut.count) == (1, 11)
    assert found.warmup_s == pytest.approx(30.0 / 11)


def test_batches_without_answers_are_passed_over_but_keep_their_time() -> None:
    """Nothing is answered in the second and third of twelve batches; the first is cut, so the fourth is kept."""
    each = operation(batch_means_s=[9.0, 0.0, 0.0] + [1.0, 1.1, 1.0] * 3, batch_ok=[20, 0, 0] + [10] * 9)

    found = warmup_cuts([outcome(operations={"read": each})])["read"]

    assert found is not None
    assert (found.cut.batches, found.cut.count) == (1, 10)
    assert found.warmup_s == pytest.approx(30.0 * 3 / 12)


def test_few_batches_say_nothing() -> None:
    each = operation(batch_means_s=[1.0] * (BATCHES_MIN - 1))

    assert warmup_cuts([outcome(operations={"read": each})]) == {"read": None}


def test_few_answers_say_nothing() -> None:
    """One for each of 40 batches makes eight of five."""
    each = operation(batch_means_s=[1.0] * 40, batch_ok=[1] * 40)

    assert warmup_cuts([outcome(operations={"read": each})]) == {"read": None}


def test_no_cut_is_no_time_even_where_answers_come_late() -> None:
    each = operation(batch_means_s=[0.0] * 5 + [1.0] * BATCHES_MIN, batch_ok=[0] * 5 + [10] * BATCHES_MIN)

    found = warmup_cuts([outcome(operations={"read": each})])["read"]

    assert found is not None
    assert found.warmup_s == 0.0
