"""The picture of stages: when each began and ended, what the time counts from, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bench.pictures import RecoveryData, Span, draw_all
from bench.pictures.data import Context
from bench.pictures.recovery import Stay
from models.kernel.outcome import STAGE, LevelOutcome, Outcome
from tests.strategies.handmade import operation, outcome

FAULTS = [Span(11.0, 12.0, "a disk"), Span(14.0, 30.0, "the writer dies")]


def stage(*changes: tuple[float, float]) -> LevelOutcome:
    """From when on it lasts (1) or does not (0)."""
    return LevelOutcome(*(np.array(column) for column in zip(*changes, strict=True)))


def failed_over(replication: int, promoted_s: float) -> Outcome:
    """Detected twice, once for good; promoted; and then recovering until the end."""
    return outcome(
        "aurora", replication, operations={"write": operation([0.001])},
        levels={
            f"{STAGE}detection": stage((15.0, 1.0), (16.0, 0.0), (18.0, 1.0), (20.0, 0.0)),
            f"{STAGE}promotion": stage((20.0, 1.0), (promoted_s, 0.0)),
            f"{STAGE}recovery": stage((promoted_s, 1.0)),
            "units": stage((0.0, 5.0)),
        },
    )  # fmt: skip


def stays(data: RecoveryData) -> Sequence[Stay]:
    (row,) = data.rows
    return row.stays


def test_stages_count_from_the_last_fault_before_them_and_end_with_the_run() -> None:
    outcomes = {"aurora": [failed_over(0, 23.0), failed_over(1, 25.0)], "other": [outcome("other")]}
    data = RecoveryData.from_outcomes(outcomes, Context("scenario", faults=FAULTS))

    assert stays(data) == [
        Stay("detection", 1.0, 2.0), Stay("detection", 4.0, 6.0), Stay("promotion", 6.0, 9.0),
        Stay("recovery", 9.0, 16.0),
    ]  # fmt: skip
    assert {name: time.mean for name, time in data.rows[0].times} == {
        "detection": 3.0, "promotion": pytest.approx(4.0), "recovery": pytest.approx(6.0),
    }  # fmt: skip
    assert data.rows[0].total.mean == pytest.approx(13.0)
    assert data.rows[0].zero == "the fault"
    assert "aurora 13.0 s (recovery 6.00 s)" in data.frame.finding


def test_without_stages_there_is_no_picture_of_them() -> None:
    plain = {"aurora": [outcome("aurora", operations={"write": operation([0.001])})]}
    drawn = draw_all({"aurora": [failed_over(0, 23.0)]}, "scenario", faults=FAULTS)

    assert "stages" not in draw_all(plain, "scenario")
    assert drawn["stages"].csv.splitlines()[0] == "system,stage,from_s,until_s,time_s,time_s_low,time_s_high"
    assert len(drawn["stages"].csv.splitlines()) == 5
