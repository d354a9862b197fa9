"""How stale reads are, as numbers: the share of reads that is older than each age, by operation and system.

A read is as old as the time since which its version had been superseded by an acknowledged write, when it was asked.
A curve begins at the share of reads that is stale at all, and ends at the oldest read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from bench.datafiles import csv_text
from bench.pictures.data import (
    Context,
    Curve,
    Frame,
    Panel,
    caption,
    curve_of,
    interval_note,
    points,
    shown_operations,
)
from bench.pictures.findings import Outcomes, capital, plural, short_name
from bench.quantities import milliseconds, significant
from bench.statistics.intervals import band
from models.kernel.outcome import COARSE, OperationOutcome

YOUNGEST_SHARE = 0.01
"""Part of the stale reads that may be younger than where the axis begins: the curves are flat there."""
_DECADE_BINS: int = math.ceil(math.log2(10.0) * (1 << COARSE.steps_bits))
CLAUSES_MAX = 3
"""Systems and operations that a title tells of."""


@dataclass(frozen=True, eq=False)
class StalenessData:
    """Share of reads older than an age; x is in seconds, y in percent. No panels where no read was stale."""

    frame: Frame
    systems: Sequence[str]
    panels: Sequence[Panel]

    @classmethod
    def from_outcomes(cls, outcomes: Outcomes, context: Context) -> Self:
        """Compute the curves, each from where the first reads are older than that to where the last one is."""
        operations = shown_operations(outcomes)
        drawn = [
            (name, operation, each)
            for name, operation, each in _tracked(outcomes, operations.shown)
            if any(one.stale for one in each) and all(one.reads for one in each)
        ]
        first = min((_first_bin(each) for *_, each in drawn), default=0)
        looks = {name: look for look, name in enumerate(outcomes)}
        panels = []
        for operation in dict.fromkeys(operation for _, operation, _ in drawn):
            curves = [
                _curve(name, looks[name], each, first, certain=name in context.certain)
                for name, its, each in drawn
                if its == operation
            ]
            panels.append(Panel(f"stale {plural(operation)}", "reads older than that, %", curves, "share"))
        notes = [
            interval_note(outcomes, context, "band"),
            "the age of a read is the time since its version was superseded, known to 1/64",
            operations.note(),
        ]
        finding = staleness_finding(outcomes, operations.shown)
        frame = Frame("Staleness", context.question, finding, caption(outcomes, context, notes))
        return cls(frame, list(outcomes), panels)

    def csv_text(self) -> str:
        """The plotted numbers."""
        rows = [
            (curve.label, panel.heading, x, y, low, high)
            for panel in self.panels
            for curve in panel.curves
            for x, y, low, high in points(curve)
        ]
        return csv_text(("system", "operation", "age_s", "older_percent", "low", "high"), rows)


def staleness_finding(outcomes: Outcomes, operations: Sequence[str]) -> str:
    """How many reads of whom are stale, and how old they get: "1.3 % of dax reads are stale, up to 300 s old".

    Args:
        outcomes: Replications by system.
        operations: Operations to speak of.
    """
    clauses, fresh = [], []
    for name, operation, each in _tracked(outcomes, operations):
        stale, reads = sum(int(one.stale) for one in each), sum(int(one.reads) for one in each)
        subject = f"{short_name(name)} {plural(operation)}"
        if stale:
            oldest = milliseconds(max(one.oldest_s for one in each) * 1000.0, 2)
            clauses.append(
                (stale / reads, f"{significant(stale / reads * 100.0, 2)} % of {subject} are stale, up to {oldest} old")
            )
        else:
            fresh.append(subject)
    if not clauses:
        return "No read is stale"
    told = sorted(clauses, key=lambda clause: -clause[0])[:CLAUSES_MAX]
    pieces = [text.replace(" are stale", "") if index else text for index, (_, text) in enumerate(told)]
    if len(clauses) > CLAUSES_MAX:
        pieces.append(f"and {len(clauses) - CLAUSES_MAX} more")
    if fresh:
        pieces.append(f"none of {fresh[0]}" if len(fresh) == 1 else "none of the others")
    return capital("; ".join(pieces))


def _tracked(outcomes: Outcomes, operations: Sequence[str]) -> Iterator[tuple[str, str, list[OperationOutcome]]]:
    """Systems, operations and their replications, where answers have versions."""
    for name in outcomes:
        for operation in operations:
            each = _of(outcomes, name, operation)
            if any(one.reads for one in each):
                yield name, operation, each


def _of(outcomes: Outcomes, name: str, operation: str) -> list[OperationOutcome]:
    return [one.operations[operation] for one in outcomes[name] if operation in one.operations]


def _first_bin(replications: Sequence[OperationOutcome]) -> int:
    """The bin of ages where a curve may begin: hardly any stale read is younger; and a decade before the oldest."""
    younger = np.cumsum(np.sum([one.ages for one in replications], axis=0))
    found = int(np.searchsorted(younger, YOUNGEST_SHARE * younger[-1], side="right"))
    return max(1, min(found, _last_bin(replications) - _DECADE_BINS))


def _last_bin(replications: Sequence[OperationOutcome]) -> int:
    return int(np.flatnonzero(np.sum([one.ages for one in replications], axis=0))[-1])


def _curve(label: str, look: int, replications: Sequence[OperationOutcome], first: int, *, certain: bool) -> Curve:
    """Share of the reads older than each age, percent, from the first bin to the last that has a read."""
    last = max(first, _last_bin(replications))
    # What lies in a bin or beyond is older than its lower edge.
    rows = [np.cumsum(one.ages[::-1])[::-1] / one.reads * 100.0 for one in replications]
    estimates = band([row[first : last + 1] for row in rows], certain=certain)
    return curve_of(label, look, COARSE.edges_s()[first : last + 1], estimates)
