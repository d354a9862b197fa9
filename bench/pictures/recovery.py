"""Where the time of a recovery goes, as numbers: the stages of what control did, by system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from bench.datafiles import csv_text
from bench.pictures.data import Context, Frame, caption, interval_note
from bench.pictures.findings import Outcomes
from bench.quantities import significant
from bench.statistics.figures import stage_s
from bench.statistics.intervals import Estimate, estimate
from models.kernel.outcome import LevelOutcome, Outcome


@dataclass(frozen=True)
class Stay:
    """A stage that a system was in, once.

    Args:
        stage: Its name.
        from_s: Since the row's zero, seconds.
        until_s: Likewise; where the axis ends if it never ended.
    """

    stage: str
    from_s: float
    until_s: float


@dataclass(frozen=True)
class Row:
    """The stages of one system.

    Args:
        system: Its name.
        zero: What its time counts from.
        stays: In the first replication, in order of time.
        times: How long each stage took in all, by name, in the order of the stays: over replications.
        total: The same of all stages together.
    """

    system: str
    zero: str
    stays: Sequence[Stay]
    times: Sequence[tuple[str, Estimate]]
    total: Estimate


@dataclass(frozen=True, eq=False)
class RecoveryData:
    """Stages by system; only systems whose control came to any in the first replication.

    Args:
        frame: What stands around the panels.
        rows: One for each such system.
        stages: All names, in order of first appearance.
    """

    frame: Frame
    rows: Sequence[Row]
    stages: Sequence[str]

    @classmethod
    def from_outcomes(cls, outcomes: Outcomes, context: Context) -> Self:
        """Compute when each stage began and ended."""
        rows = [
            _row(name, replications, context, certain=name in context.certain)
            for name, replications in outcomes.items()
            if replications[0].stages
        ]
        stages = list(dict.fromkeys(stay.stage for row in rows for stay in row.stays))
        notes = [
            "bars: when each stage began and ended in replication 0; times: mean over replications",
            interval_note(outcomes, context, "±"),
        ]
        frame = Frame("Stages", context.question, _finding(rows), caption(outcomes, context, notes))
        return cls(frame, rows, stages)

    def csv_text(self) -> str:
        """The drawn numbers."""
        rows = [
            (row.system, stay.stage, stay.from_s, stay.until_s, *ends(dict(row.times)[stay.stage]))
            for row in self.rows
            for stay in row.stays
        ]
        return csv_text(("system", "stage", "from_s", "until_s", "time_s", "time_s_low", "time_s_high"), rows)


def _row(system: str, replications: Sequence[Outcome], context: Context, *, certain: bool) -> Row:
    """Time counts from the last fault that began before the first stage did."""
    first = replications[0]
    began_s = min(float(level.times_s[0]) for level in first.stages.values())
    zero_s = max((fault.from_s for fault in context.faults if fault.from_s <= began_s), default=0.0)
    stays = sorted(
        (stay for name, level in first.stages.items() for stay in _stays(name, level, zero_s, first.span_s[1])),
        key=lambda stay: (stay.from_s, stay.until_s),
    )
    names = dict.fromkeys(stay.stage for stay in stays)
    times = [(name, estimate([stage_s(each, name) for each in replications], certain=certain)) for name in names]
    total = estimate([sum(stage_s(each, name) for name in each.stages) for each in replications], certain=certain)
    return Row(system, "the fault" if zero_s else "the beginning", stays, times, total)


def _stays(stage: str, level: LevelOutcome, zero_s: float, end_s: float) -> list[Stay]:
    """From each time at which a stage's level is set until it changes."""
    ends_s = [*level.times_s[1:].tolist(), end_s]
    return [
        Stay(stage, from_s - zero_s, min(until_s, end_s) - zero_s)
        for from_s, until_s, value in zip(level.times_s.tolist(), ends_s, level.values.tolist(), strict=True)
        if value and from_s < end_s
    ]


def _finding(rows: Sequence[Row]) -> str:
    """What took longest, in each system."""
    pieces = []
    for row in rows:
        stage, time = max(row.times, key=lambda each: each[1].mean or 0.0)
        pieces.append(f"{row.system} {_seconds(row.total)} ({stage} {_seconds(time)})")
    return f"Time in stages, and in the longest: {', '.join(pieces)}"


def _seconds(time: Estimate) -> str:
    return "no time" if time.mean is None else f"{significant(time.mean, 3)} s"


def ends(time: Estimate) -> tuple[float, float, float]:
    """Its mean and interval, nan where there is none."""
    low, high = time.interval or (math.nan, math.nan)
    return (math.nan if time.mean is None else time.mean), low, high
