"""Three gates that a run passes on its way past a baseline, and what moved at each.

    fingerprint   every bit of what the models produced, replication by replication
    summary       every figure of every replication, within the tolerance that the baseline declares
    statistics    every figure over all replications: whether a difference is surely beyond a margin that matters

Each looks less closely than the one before, so the first one that moved says how far a change reaches: what moved the
fingerprint, but no figure beyond the margin, is a change that nobody would notice. Speed is among the figures as the
number of events that simulating took; seconds are not.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from bench.quantities import significant
from bench.regression.baseline import Baseline, Values
from bench.regression.settings import Change, changes
from bench.statistics.comparing import MARGIN, Difference, compare
from bench.statistics.values import Figure

Gate = Literal["fingerprint", "summary", "statistics"]
GATES: tuple[Gate, ...] = ("fingerprint", "summary", "statistics")
GateVerdict = Literal["ok", "moved", "off"]

DIGITS_MAX = 17
"""That tell any two numbers apart."""
SMALL, LARGE = 1e-6, 10.0
"""Relative changes below which, and factors from which on, a reader wants an order of magnitude."""


@dataclass(frozen=True)
class Moved:
    """A figure that is not what it was.

    Args:
        figure: Its full name, system included.
        unit: Its unit; empty for a ratio.
        baseline: What it was; None where it had no value, or where there was no such figure.
        now: What it is, likewise.
        replication: In which replication; None for the mean over all of them.
    """

    figure: str
    unit: str
    baseline: float | None
    now: float | None
    replication: int | None

    @property
    def change(self) -> float:
        """By what part of the baseline's value; infinite where that was zero or nothing."""
        if not self.baseline or self.now is None:
            return math.inf
        return (self.now - self.baseline) / abs(self.baseline)

    @property
    def values(self) -> str:
        """`1.234 → 1.287`, with as many digits as tell them apart."""
        digits = 4
        while digits < DIGITS_MAX and _digits(self.baseline, digits) == _digits(self.now, digits):
            digits += 1
        return f"{_digits(self.baseline, digits)} → {_digits(self.now, digits)}"

    @property
    def percent(self) -> str:
        """By how much: `+4.3 %`, `12×`; empty where there is nothing to divide by."""
        change = self.change
        if math.isinf(change):
            return ""
        if abs(change) >= LARGE:
            return f"{significant(1.0 + change)}×"
        return f"{100.0 * change:+.0e} %" if abs(change) < SMALL else f"{100.0 * change:+.3g} %"

    @property
    def plainly(self) -> str:
        """Name, values and change; untrusted, so not yet safe to print."""
        return f"{self.figure} {self.values}" + (f" ({self.percent})" if self.percent else "")

    def __str__(self) -> str:
        """The same, with the replication if it is of one."""
        return self.plainly + ("" if self.replication is None else f" in replication {self.replication}")


@dataclass(frozen=True)
class GateResult:
    """What a gate says.

    Args:
        verdict: Whether anything moved there.
        detail: In a sentence, what; untrusted, so not yet safe to print.
        figures: What moved, the most first.
    """

    verdict: GateVerdict
    detail: str
    figures: Sequence[Moved] = ()


@dataclass(frozen=True)
class Verification:
    """A run held against a baseline.

    Args:
        gates: What each gate says, in their order.
        replications: How many were compared.
        kept: How many the baseline has.
        scenario_changes: What the scenario says otherwise than before.
        default_changes: What is filled in otherwise than before.
        version_changes: What it runs on that the baseline was not made with; for information only.
        notes: What else there is to know; untrusted.
    """

    gates: Mapping[Gate, GateResult]
    replications: int
    kept: int
    scenario_changes: Sequence[Change] = ()
    default_changes: Sequence[Change] = ()
    version_changes: Sequence[Change] = ()
    notes: Sequence[str] = field(default=())

    @property
    def first_moved(self) -> Gate | None:
        """The first gate at which anything moved."""
        return next((name for name, gate in self.gates.items() if gate.verdict == "moved"), None)


def verify(
    baseline: Baseline, now: Baseline, figures: Sequence[Figure], chosen: Collection[Gate] = GATES,
    margin: float = MARGIN,
) -> Verification:  # fmt: skip
    """Hold what a run gave against a baseline.

    Args:
        baseline: What was kept.
        now: What would be kept of the run; of the replications, those are compared that both have.
        figures: The figures of the run.
        chosen: Gates that are looked at; the others are off.
        margin: Of the statistics gate: part of the baseline's value that does not matter.
    """
    count = min(baseline.replications, now.replications)
    pairs = list(_pairs(baseline, figures, count))
    looks = {
        "fingerprint": lambda: _fingerprint(baseline, now, pairs, count),
        "summary": lambda: _summary(baseline, now, pairs),
        "statistics": lambda: _statistics(pairs, margin),
    }
    gates = {name: looks[name]() if name in chosen else GateResult("off", "not looked at") for name in GATES}
    said = {*baseline.settings, *now.settings}
    settings = changes({**baseline.defaults, **baseline.settings}, {**now.defaults, **now.settings})
    return Verification(
        gates,
        count,
        baseline.replications,
        scenario_changes=[change for change in settings if change.key in said],
        # What came or went with a system or a new parameter is no news beside that.
        default_changes=[each for each in settings if each.key not in said and None not in (each.before, each.now)],
        version_changes=changes(cast("dict[str, str]", baseline.versions), cast("dict[str, str]", now.versions)),
        notes=list(_notes(baseline, now)),
    )


# Fingerprint --------------------------------------------------------------------------------------------------------


def _fingerprint(baseline: Baseline, now: Baseline, pairs: Sequence[tuple[Figure, Figure]], count: int) -> GateResult:
    one, other = baseline.fingerprints, now.fingerprints
    lone = [f"{name} is gone" for name in one if name not in other]
    lone += [f"{name} is new" for name in other if name not in one]
    both = [name for name in one if name in other]
    moved = [(index, name) for index in range(count) for name in both if one[name][index] != other[name][index]]
    if not moved:
        return (
            GateResult("moved", f"system {', system '.join(lone)}") if lone else GateResult("ok", "every bit the same")
        )
    index, system = moved[0]
    figures = _largest(
        _moved(old, new, index) for old, new in pairs if new.system == system and old.values[index] != new.values[index]
    )
    detail = f"{len(moved)} of {count * len(both)} outcomes moved, first system {system} in replication {index}"
    detail = "; ".join((detail, *(f"system {each}" for each in lone)))
    detail += f"; most there: {figures[0].plainly}" if figures else "; something moved that no figure shows"
    return GateResult("moved", detail, figures)


# Summary ------------------------------------------------------------------------------------------------------------


def _summary(baseline: Baseline, now: Baseline, pairs: Sequence[tuple[Figure, Figure]]) -> GateResult:
    found = []
    for old, new in pairs:
        tolerance = baseline.tolerance_of(_name(old))
        beyond = [index for index, values in enumerate(zip(old.values, new.values, strict=True)) if
                  not _within(*values, tolerance)]  # fmt: skip
        if beyond:
            found.append(_largest(_moved(old, new, index) for index in beyond)[0])
    gone = [
        f"{system}.{name}"
        for system, names in baseline.figures.items()
        for name in names
        if name not in now.figures.get(system, {})
    ]
    if not found and not gone:
        return GateResult("ok", f"{len(pairs)} figures within their tolerance")
    figures = _largest(found)
    parts = []
    if found:
        parts.append(f"{len(found)} of {len(pairs)} figures moved; most: {figures[0]}")
    if gone:
        parts.append(f"{_counted(len(gone), 'figure')} {'is' if len(gone) == 1 else 'are'} gone: {gone[0]}")
    return GateResult("moved", "; ".join(parts), figures)


def _within(old: float | None, new: float | None, tolerance: float) -> bool:
    if old is None or new is None:
        return old is new
    return abs(new - old) <= tolerance * abs(old)


# Statistics ---------------------------------------------------------------------------------------------------------


def _statistics(pairs: Sequence[tuple[Figure, Figure]], margin: float) -> GateResult:
    differences, skipped = compare(pairs, paired=True, margin=margin)
    moved = [each for each in differences if each.moved]
    # What is equal in every replication did not move, interval or not.
    differing = {(new.system, new.name) for old, new in pairs if old.values != new.values}
    unknown = [
        *(each.reason for each in differences if each.moved is None and _key(each.baseline) in differing),
        *(each.reason for each in skipped if (each.system, each.name) in differing),
    ]
    beyond = f"surely beyond {100.0 * margin:g} %"
    parts = []
    figures = _largest(map(_mean_moved, moved))
    if moved:
        parts.append(f"{_counted(len(moved), 'figure')} {beyond}; most: {figures[0]}{_interval(moved, figures[0])}")
    else:
        parts.append(f"no figure {beyond}")
    if unknown:
        why = f": {unknown[0]}" if len(set(unknown)) == 1 else ""
        parts.append(f"unknown for {_counted(len(unknown), 'figure')}{why}")
    return GateResult("moved" if moved else "ok", "; ".join(parts), figures)


def _mean_moved(each: Difference) -> Moved:
    one, other = (side.mean for side in each.estimates)
    return Moved(_name(each.baseline), each.contender.unit, one, other, None)


def _interval(differences: Sequence[Difference], figure: Moved) -> str:
    """The interval of the difference that a figure shows."""
    (ends,) = (each.contrast.interval for each in differences if _name(each.baseline) == figure.figure)
    if ends is None or ends[0] == ends[1]:
        return ""
    return f", 95 % interval of the difference {significant(ends[0])} to {significant(ends[1])}"


# All ----------------------------------------------------------------------------------------------------------------


def _pairs(baseline: Baseline, figures: Sequence[Figure], count: int) -> Iterator[tuple[Figure, Figure]]:
    """Figures that both have, with as many replications as both have."""
    for new in figures:
        values: Values | None = baseline.figures.get(new.system, {}).get(new.name)
        if values is not None:
            certain = new.system in baseline.certain
            old = Figure(new.system, new.name, new.unit, new.better, values[:count], certain)
            yield old, Figure(new.system, new.name, new.unit, new.better, new.values[:count], new.certain)


def _moved(old: Figure, new: Figure, index: int) -> Moved:
    return Moved(_name(old), new.unit, old.values[index], new.values[index], index)


def _name(figure: Figure) -> str:
    return f"{figure.system}.{figure.name}"


def _key(figure: Figure) -> tuple[str, str]:
    return figure.system, figure.name


def _largest(figures: Iterable[Moved]) -> list[Moved]:
    """The largest change first; what came from nothing cannot be measured so, and comes before."""
    return sorted(figures, key=lambda each: -abs(each.change))


def _notes(baseline: Baseline, now: Baseline) -> Iterator[str]:
    if baseline.scenario != now.scenario:
        yield f"the scenario was called {baseline.scenario}, and is called {now.scenario}"
    new = [
        f"{system}.{name}"
        for system, names in now.figures.items()
        if system in baseline.figures
        for name in names
        if name not in baseline.figures[system]
    ]
    if new:
        them = "it" if len(new) == 1 else "them"
        yield f"{_counted(len(new), 'figure')} of which the baseline knows nothing: {new[0]}; --update takes {them} in"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _digits(value: float | None, digits: int) -> str:
    return "nothing" if value is None else significant(value, digits)
