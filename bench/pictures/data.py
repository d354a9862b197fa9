"""What the pictures show, as plain numbers: curves, panels and bars, computed from outcomes before anything is drawn.

The drawing code only places what stands here, and the CSV beside each picture holds the same numbers. Intervals are
over replications, one number each. Not-a-number stands for "no value" and, at the ends of an interval, for "no
interval". It is longer than most modules, because the numbers of all pictures are made of the same pieces; those of the
course over time and of staleness have modules of their own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import PlainSerializer, PlainValidator

from bench.datafiles import csv_text
from bench.pictures.findings import (
    Outcomes,
    Span,
    Values,
    bars_finding,
    percentiles_finding,
    plural,
)
from bench.quantities import plain
from bench.statistics.curves import percentile_curve
from bench.statistics.figures import errors, hit_ratio, lookups, percentile_ms, throughput_per_s, utilization
from bench.statistics.intervals import Band, estimate
from bench.terminal import safe_text
from models.kernel.outcome import Outcome


def _numbers(array: npt.NDArray[np.float64]) -> list[Any]:
    """An array as a document has it: null where there is no value."""
    return [_numbers(each) if each.ndim else None if math.isnan(each) else float(each) for each in array]


def _array(value: object) -> npt.NDArray[np.float64]:
    array = np.array(value, dtype=np.float64)
    if array.ndim not in (1, 2):
        raise ValueError("an array of numbers has one dimension, or two")
    return array


FloatArray = Annotated[npt.NDArray[np.float64], PlainValidator(_array), PlainSerializer(_numbers)]
OPERATIONS_MAX = 4
"""Operations that get panels of their own; more would not be readable, and the caption says what was left out."""

FINGERPRINT_SHOWN = 8
"""Characters of the fingerprint in a caption."""
SCENARIO_SHOWN = 80
"""Characters of the scenario's name in a caption."""


@dataclass(frozen=True)
class Context:
    """What a picture says besides its numbers.

    Args:
        scenario: The scenario's name, as the user wrote it.
        question: Its question.
        fingerprint: Digest of what the models produced.
        faults: Faults with their times.
        certain: Systems that left nothing to chance, whose single replication is exact.
    """

    scenario: str
    question: str = ""
    fingerprint: str = ""
    faults: Sequence[Span] = ()
    certain: Collection[str] = ()


@dataclass(frozen=True)
class Frame:
    """The texts around the panels: what kind of picture, the scenario's question, what is seen, and the small print."""

    subject: str
    question: str
    finding: str
    caption: str


@dataclass(frozen=True, eq=False)
class Curve:
    """A line with its band; arrays of shape (points,).

    Args:
        label: Whose curve it is.
        look: Index of its look: the system's place in the scenario.
        x: In the unit of the picture.
        y: Values; nan where there is none, so the line has a gap.
        low: Lower ends of the intervals, nan where there is none.
        high: Upper ends.
        second: Whether it is another figure of a system that has a curve already, and is drawn dashed for it.
    """

    label: str
    look: int
    x: FloatArray
    y: FloatArray
    low: FloatArray
    high: FloatArray
    second: bool = False

    def __post_init__(self) -> None:
        if {self.y.shape, self.low.shape, self.high.shape} != {(len(self.x),)}:
            raise ValueError("a curve has a value, and both ends of its interval, at each place")


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves on common axes.

    Args:
        heading: What is drawn, such as "read latency, p99".
        unit: Of y, such as "ms".
        curves: One or more.
        kind: "latency", "rate", "level" or "share".
    """

    heading: str
    unit: str
    curves: Sequence[Curve]
    kind: str


@dataclass(frozen=True)
class Picture:
    """A drawn picture.

    Args:
        name: Its name, and that of its files.
        title: What is seen.
        caption: The small print.
        svg: Scalable form; the same bytes whenever it is drawn from the same data.
        png: Raster form.
        csv: The numbers that were drawn.
        data: All that was drawn, to draw it again; see `bench.pictures.stored`.
    """

    name: str
    title: str
    caption: str
    svg: bytes
    png: bytes
    csv: str
    data: bytes


@dataclass(frozen=True, eq=False)
class PercentileData:
    """Latency percentile curves by operation and system; x is in nines, -log10(1 - fraction)."""

    frame: Frame
    systems: Sequence[str]
    panels: Sequence[Panel]

    @classmethod
    def from_outcomes(cls, outcomes: Outcomes, context: Context) -> Self:
        """Compute the curves, as far out as every replication has ten answers beyond."""
        operations = shown_operations(outcomes)
        panels = []
        for operation in operations.shown:
            curves = []
            for index, (system, replications) in enumerate(outcomes.items()):
                if operation not in replications[0].operations:
                    continue
                curve = percentile_curve(replications, operation, certain=system in context.certain)
                if len(curve.fractions):
                    x = -np.log10(1.0 - curve.fractions)
                    curves.append(curve_of(system, index, x, curve.latency_ms))
            if curves:
                panels.append(Panel(plural(operation), "latency, ms", curves, "latency"))
        notes = [
            interval_note(outcomes, context, "band"),
            "curves end where fewer than ten answers of a replication lie beyond",
            operations.note(),
        ]
        frame = Frame(
            "Latency by percentile",
            context.question,
            percentiles_finding(outcomes, operations.by_weight, certain=context.certain),
            caption(outcomes, context, notes),
        )
        return cls(frame, list(outcomes), panels)

    def csv_text(self) -> str:
        """The plotted numbers."""
        rows = [
            (curve.label, panel.heading, round(1.0 - 10.0**-x, 12), x, y, low, high)
            for panel in self.panels
            for curve in panel.curves
            for x, y, low, high in points(curve)
        ]
        return csv_text(("system", "operation", "fraction", "nines", "latency_ms", "low_ms", "high_ms"), rows)


@dataclass(frozen=True, eq=False)
class BarPanel:
    """One figure of every system; arrays of shape (systems,).

    Args:
        heading: What is drawn, such as "read latency, p99".
        unit: Such as "ms".
        values: Means over replications, nan where there is none.
        low: Lower ends of the intervals, nan where there is none.
        high: Upper ends.
        notes: What else a bar is about, such as which station; empty texts where there is nothing to say.
        highest: Largest value that is possible, inf if there is none.
    """

    heading: str
    unit: str
    values: FloatArray
    low: FloatArray
    high: FloatArray
    notes: Sequence[str]
    highest: float = math.inf


@dataclass(frozen=True, eq=False)
class BarsData:
    """Figures by system as bars, a panel for each figure."""

    frame: Frame
    systems: Sequence[str]
    panels: Sequence[BarPanel]

    @classmethod
    def from_outcomes(cls, outcomes: Outcomes, context: Context) -> Self:
        """Latency p50 and p99, throughput, failed requests, lost writes, hit ratio and utilization by system."""
        operations = shown_operations(outcomes)
        throughputs = {name: [_throughput(each) for each in replications] for name, replications in outcomes.items()}
        panels = [
            _bar_panel(
                f"{operation} latency, {words}",
                "ms",
                {name: [_percentile(each, operation, fraction) for each in outcomes[name]] for name in outcomes},
                context,
            )
            for operation in operations.shown
            for words, fraction in (("p50", 0.5), ("p99", 0.99))
        ]
        panels.append(_bar_panel("throughput, all operations", "answers/s", throughputs, context))
        failures = {name: [_failed(each) for each in replications] for name, replications in outcomes.items()}
        if any(any(values) for values in failures.values()):
            panels.append(_bar_panel("failed requests", "%", failures, context, highest=100.0))
        losses = {name: [_lost(each) for each in replications] for name, replications in outcomes.items()}
        if any(any(values) for values in losses.values()):
            panels.append(_bar_panel("acknowledged writes lost", "%", losses, context, highest=100.0))
        caches = {name: _largest_cache(replications) for name, replications in outcomes.items()}
        hits: dict[str, Values] = {
            name: [_percent(hit_ratio(each, cache)) if cache else None for each in outcomes[name]]
            for name, cache in caches.items()
        }
        panels.append(_share_panel("hit ratio", "largest cache", hits, caches, context))
        stations = {name: _most_used(replications) for name, replications in outcomes.items()}
        used: dict[str, Values] = {
            name: [_percent(utilization(each, station)) if station else None for each in outcomes[name]]
            for name, (station, _) in stations.items()
        }
        station_names = {name: station for name, (station, _) in stations.items()}
        panels.append(_share_panel("utilization", "most used station", used, station_names, context))
        known = {name: found for name, found in stations.items() if found[0]}
        notes = [interval_note(outcomes, context, "whisker"), operations.note()]
        frame = Frame(
            "Figures by system",
            context.question,
            bars_finding(throughputs, known, losses, failures, certain=context.certain),
            caption(outcomes, context, notes),
        )
        return cls(frame, list(outcomes), [panel for panel in panels if np.isfinite(panel.values).any()])

    def csv_text(self) -> str:
        """The plotted numbers."""
        rows = [
            (panel.heading, panel.unit, system, value, low, high, note)
            for panel in self.panels
            for system, value, low, high, note in zip(
                self.systems, panel.values.tolist(), panel.low.tolist(), panel.high.tolist(), panel.notes, strict=True
            )
            if math.isfinite(value)
        ]
        return csv_text(("panel", "unit", "system", "value", "low", "high", "note"), rows)


# Helpers.


@dataclass(frozen=True)
class ShownOperations:
    """Operations that are shown, in the scenario's order; the same by weight; and how many are not shown."""

    shown: Sequence[str]
    by_weight: Sequence[str]
    left_out: int

    def note(self) -> str:
        """What a caption says of those that are not shown."""
        return f"the {self.left_out} rarest operations are left out" if self.left_out else ""


def shown_operations(outcomes: Outcomes) -> ShownOperations:
    """The operations with the most requests."""
    weights: dict[str, int] = {}
    for replications in outcomes.values():
        for each in replications:
            for name, operation in each.operations.items():
                weights[name] = weights.get(name, 0) + operation.requests
    order = list(weights)
    by_weight = sorted(order, key=lambda name: (-weights[name], order.index(name)))[:OPERATIONS_MAX]
    shown = [name for name in order if name in by_weight]
    return ShownOperations(shown, by_weight, len(order) - len(shown))


def curve_of(label: str, look: int, x: FloatArray, values: Band) -> Curve:
    """The curve of some estimates."""
    return Curve(label, look, x, values.mean, values.low, values.high)


def _throughput(outcome: Outcome) -> float | None:
    """Answers per second of all operations."""
    rates = [throughput_per_s(outcome, name) for name in outcome.operations]
    return None if not rates or None in rates else math.fsum(rate for rate in rates if rate is not None)


def _percentile(outcome: Outcome, operation: str, fraction: float) -> float | None:
    known = outcome.operations.get(operation)
    return None if known is None else percentile_ms(known.latency, fraction)


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100.0


def _failed(outcome: Outcome) -> float | None:
    """Part of all requests that failed, percent."""
    requests = sum(each.requests for each in outcome.operations.values())
    failed = sum(errors(each) for each in outcome.operations.values())
    return failed / requests * 100.0 if requests else None


def _lost(outcome: Outcome) -> float | None:
    """Part of all acknowledged writes that nobody has any more, percent; None: nobody follows them."""
    acknowledged = outcome.counters.get("writes.acknowledged", 0)
    return outcome.counters["writes.lost"] / acknowledged * 100.0 if acknowledged else None


def _largest_cache(replications: Sequence[Outcome]) -> str:
    """The cache family with the most lookups; empty if there is none."""
    names = replications[0].caches
    return max(names, key=lambda name: sum(lookups(each, name) for each in replications), default="")


def _most_used(replications: Sequence[Outcome]) -> tuple[str, float]:
    """The station family with the highest utilization, and that; an empty name if none has one."""
    shares = {
        name: share
        for name in replications[0].stations
        if (share := estimate([utilization(each, name) for each in replications]).mean) is not None
    }
    name = max(shares, key=shares.__getitem__, default="")
    return name, shares.get(name, math.nan)


def _bar_panel(
    heading: str,
    unit: str,
    values: Mapping[str, Values],
    context: Context,
    notes: Mapping[str, str] | None = None,
    highest: float = math.inf,
) -> BarPanel:
    estimates = [estimate(each, certain=name in context.certain) for name, each in values.items()]
    means, lows, highs = (
        np.array([math.nan if number is None else number for number in numbers], dtype=np.float64)
        for numbers in ([e.mean for e in estimates], [e.low for e in estimates], [e.high for e in estimates])
    )
    return BarPanel(heading, unit, means, lows, highs, [(notes or {}).get(name, "") for name in values], highest)


def _share_panel(
    heading: str, which: str, values: Mapping[str, Values], parts: Mapping[str, str], context: Context
) -> BarPanel:
    """A share of each system's own part; the heading names the part if all have the same, otherwise each bar does."""
    names = set(filter(None, parts.values()))
    if len(names) == 1:
        return _bar_panel(f"{heading}, {names.pop()}", "%", values, context, highest=100.0)
    return _bar_panel(f"{heading}, {which}", "%", values, context, parts, highest=100.0)


def interval_note(outcomes: Outcomes, context: Context, what: str) -> str:
    """What a band or whisker stands for, or why there is none."""
    if any(len(replications) > 1 for replications in outcomes.values()):
        return f"{what}: 95 % interval of the mean over replications"
    exact = set(outcomes) <= set(context.certain)
    return "one replication, nothing left to chance" if exact else "one replication, hence no interval"


def caption(outcomes: Outcomes, context: Context, notes: Iterable[str]) -> str:
    """n, replications, time, notes, scenario and fingerprint."""
    first = next(iter(outcomes.values()))
    warmup_s, duration_s = first[0].span_s
    measured = sum(
        operation.requests for each in outcomes.values() for one in each for operation in one.operations.values()
    )
    count = len(first)
    replications = "1 replication" if count == 1 else f"{count} replications"
    length = f"{plain(duration_s)} s, of which {plain(warmup_s)} s warm-up"
    pieces = [f"n = {measured:,} measured requests in {replications} of {length}", *filter(None, notes)]
    mark = f", fingerprint {safe_text(context.fingerprint[:FINGERPRINT_SHOWN])}" if context.fingerprint else ""
    return f"{'; '.join(pieces)}. Scenario {safe_text(context.scenario, SCENARIO_SHOWN)}{mark}."


def points(curve: Curve) -> Iterable[tuple[float, float, float, float]]:
    """Points of a curve that have a value."""
    columns = (curve.x.tolist(), curve.y.tolist(), curve.low.tolist(), curve.high.tolist())
    return (point for point in zip(*columns, strict=True) if math.isfinite(point[1]))
