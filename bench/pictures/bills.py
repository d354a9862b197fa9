"""Cost against tail latency, as numbers: where each system that is charged stands between dollars and p99."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from bench.datafiles import csv_text
from bench.pictures.data import Context, Frame, caption, interval_note, shown_operations
from bench.pictures.findings import Outcomes, cost_finding
from bench.statistics.figures import dollars_per_hour, dollars_per_million_requests, percentile_ms
from bench.statistics.intervals import estimate
from models.kernel.outcome import Outcome

Ends = tuple[float, float, float]
"""A mean and the ends of its interval, nan where there is none."""


@dataclass(frozen=True)
class Mark:
    """A system in a plane.

    Args:
        label: Which system.
        look: Index of its look: the system's place in the scenario.
        x: Mean and interval along the x axis.
        y: The same along the y axis.
    """

    label: str
    look: int
    x: Ends
    y: Ends


@dataclass(frozen=True)
class CostPanel:
    """Cost in one way of counting it, against the tail of one operation."""

    heading: str
    x_unit: str
    y_unit: str
    marks: Sequence[Mark]


@dataclass(frozen=True, eq=False)
class CostData:
    """Dollars against p99, by system; only systems that are charged, and operations whose p99 is known."""

    frame: Frame
    systems: Sequence[str]
    panels: Sequence[CostPanel]

    @classmethod
    def from_outcomes(cls, outcomes: Outcomes, context: Context) -> Self:
        """Compute dollars an hour and a million requests, and p99 of each operation."""
        operations = shown_operations(outcomes)
        paid = {name: each for name, each in outcomes.items() if each[0].charges}
        panels = []
        for operation in operations.shown:
            for words, unit, figure in (
                ("dollars an hour", "$/hour", dollars_per_hour),
                ("dollars a million requests", "$/million requests", dollars_per_million_requests),
            ):
                marks = [
                    Mark(name, index, *ends)
                    for index, (name, each) in enumerate(outcomes.items())
                    if name in paid
                    and (ends := _cost_and_tail(each, operation, figure, certain=name in context.certain))
                ]
                if marks:
                    panels.append(CostPanel(f"{operation} p99 against {words}", unit, "latency p99, ms", marks))
        notes = [
            interval_note(outcomes, context, "bars"),
            "what the measured time costs, at the scenario's prices",
            operations.note(),
        ]
        millions = {name: [dollars_per_million_requests(one) for one in each] for name, each in paid.items()}
        finding = cost_finding(paid, millions, operations.by_weight, certain=context.certain)
        frame = Frame("Cost against p99", context.question, finding, caption(outcomes, context, notes))
        return cls(frame, list(outcomes), panels)

    def csv_text(self) -> str:
        """The plotted numbers."""
        rows = [(panel.heading, mark.label, *mark.x, *mark.y) for panel in self.panels for mark in panel.marks]
        names = ("dollars", "dollars_low", "dollars_high", "p99_ms", "p99_ms_low", "p99_ms_high")
        return csv_text(("panel", "system", *names), rows)


def _cost_and_tail(
    replications: Sequence[Outcome], operation: str, cost: Callable[[Outcome], float | None], *, certain: bool
) -> tuple[Ends, Ends] | None:
    """A system's cost and p99; None where either is unknown."""
    both = (
        estimate([cost(each) for each in replications], certain=certain),
        estimate([_p99_ms(each, operation) for each in replications], certain=certain),
    )
    found = [(each.mean, *(each.interval or (math.nan, math.nan))) for each in both if each.mean is not None]
    return (found[0], found[1]) if len(found) == 2 else None


def _p99_ms(outcome: Outcome, operation: str) -> float | None:
    known = outcome.operations.get(operation)
    return None if known is None else percentile_ms(known.latency, 0.99)
