"""What the pictures show, as plain numbers: curves, panels and bars, computed from outcomes before anything is drawn.

The drawing code only places what stands here, and the CSV beside each picture holds the same numbers. Intervals are over
replications, one number each. Not-a-number stands for "no value" and, at the ends of an interval, for "no interval".
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from bench.pictures.findings import Span, Values, bars_finding, percentiles_finding, plural, timeline_finding
from bench.quantities import percent, plain
from bench.statistics.intervals import Band, band, estimate
from bench.summary import (
    error_ratio,
    hit_ratio,
    lookups,
    percentile_curve,
    percentile_ms,
    throughput_per_s,
    time_series,
    utilization,
)
from models.kernel.outcome import Outcome

FloatArray = npt.NDArray[np.float64]
Outcomes = Mapping[str, Sequence[Outcome]]
"""Replications by system, in the scenario's order; at least one of each."""

OPERATIONS_MAX = 4
"""Operations that get panels of their own; more would not be readable, and the caption says what was left out."""

FINGERPRINT_SHOWN = 8
"""Characters of the fingerprint in a caption."""


@dataclass(frozen=True)
class Context:
    """What a picture says besides its numbers.

    Args:
        scenario: The scenario's name, as the user wrote it.
        question: Its question.
        fingerprint: Digest of what the models produced.
        faults: Faults with their times.
        certain: Nothing was left to chance, so that one replication is exact.
    """

    scenario: str
    question: str = ""
    fingerprint: str = ""
    faults: Sequence[Span] = ()
    certain: bool = False


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
    """

    label: str
    look: int
    x: FloatArray
    y: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves on common axes.

    Args:
        heading: What is drawn, such as "read latency, p99".
        unit: Of y, such as "ms".
        curves: One or more.
        kind: "latency", "rate" or "share".
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
    """

    name: str
    title: str
    caption: str
    svg: bytes
    png: bytes
    csv: str


@dataclass(frozen=True, eq=False)
class PercentileData:
    """Latency percentile curves: a panel for each operation, a curve for each system, x in nines: -log10(1 - fraction)."""

    frame: Frame
    systems: Sequence[str]
    panels: Sequence[Panel]

    @classmethod
    def from_outcomes(cls, outcomes: Outcomes, context: Context) -> Self:
        """Compute the curves, as far out as every replication has ten answers beyond."""
        operations = _operations(outcomes)
        panels = []
        for operation in operations.shown:
            curves = []
            for index, (system, replications) in enumerate(outcomes.items()):
                if operation not in replications[0].operations:
                    continue
                curve = percentile_curve(replications, operation, certain=context.certain)
                if len(curve.fractions):
                    x = -np.log10(1.0 - curve.fractions)
                    curves.append(_curve(system, index, x, curve.latency_ms))
            if curves:
                panels.append(Panel(plural(operation), "latency, ms", curves, "latency"))
        notes = [
            _interval_note(outcomes, context, "band"),
            "curves end where fewer than ten answers of a replication lie beyond",
            operations.note(),
        ]
        frame = Frame(
            "Latency by percentile",
            context.question,
            percentiles_finding(outcomes, operations.by_weight, certain=context.certain),
            _caption(outcomes, context, notes),
        )
        return cls(frame, list(outcomes), panels)

    def csv_text(self) -> str:
        """The plotted numbers."""
        rows = [
            (curve.label, panel.heading, 1.0 - 10.0**-x, x, y, low, high)
            for panel in self.panels
            for curve in panel.curves
            for x, y, low, high in _points(curve)
        ]
        return _csv(("system", "operation", "fraction", "nines", "latency_ms", "low_ms", "high_ms"), rows)


@dataclass(frozen=True, eq=False)
class TimelineData:
    """The course over time: panels that share their x axis, in seconds; latencies of a window are those of all replications."""

    frame: Frame
    systems: Sequence[str]
    panels: Sequence[Panel]
    duration_s: float
    warmup_s: float
    faults: Sequence[Span]

    @classmethod
    def from_outcomes(cls, outcomes: Outcomes, context: Context) -> Self:
        """Compute latency p50 and p99, throughput, errors and hit ratio by window."""
        first = next(iter(outcomes.values()))[0]
        operations = _operations(outcomes)
        series = {name: time_series(each, certain=context.certain) for name, each in outcomes.items()}
        looks = {name: index for index, name in enumerate(outcomes)}
        latencies = {
            (system, operation, percentile): getattr(each.operations[operation], f"{percentile}_ms")
            for operation in operations.shown
            for percentile in ("p50", "p99")
            for system, each in series.items()
            if operation in each.operations
        }
        headings = {(operation, percentile): f"{operation} latency, {percentile}" for _, operation, percentile in latencies}
        panels = [
            Panel(
                heading,
                "ms",
                [
                    _curve(system, looks[system], series[system].middles_s, _bare(latency))
                    for (system, *what), latency in latencies.items()
                    if what == [operation, percentile]
                ],
                "latency",
            )
            for (operation, percentile), heading in headings.items()
        ]
        panels += [
            Panel(heading, unit, [_curve(name, looks[name], series[name].middles_s, rates[name]) for name in rates], "rate")
            for heading, unit, rates in (
                ("throughput, all operations", "answers/s", _rates(outcomes, "window_ok", certain=context.certain)),
                ("errors, all operations", "errors/s", _rates(outcomes, "window_errors", certain=context.certain)),
            )
        ]
        hits = [
            _curve(f"{system}: {cache}", looks[system], each.middles_s, _bare(share * 100.0))
            for system, each in series.items()
            for cache, share in each.hit_ratio.items()
        ]
        panels.append(Panel("hit ratio", "%", hits, "share"))
        failed = sum(int(op.window_errors.sum()) for each in outcomes.values() for one in each for op in one.operations.values())
        notes = [
            _interval_note(outcomes, context, "bands of throughput and errors"),
            "latencies and hit ratios of a window are those of all replications together",
            "no errors" if not failed else "",
            operations.note(),
        ]
        warmup_s, duration_s = first.span_s
        middles_s = next(iter(series.values())).middles_s
        frame = Frame(
            "Course over time",
            context.question,
            timeline_finding(latencies, middles_s, warmup_s, context.faults, failed),
            _caption(outcomes, context, notes),
        )
        shown = [panel for panel in panels if any(np.isfinite(c.y).any() and (panel.kind != "rate" or c.y.any()) for c in panel.curves)]
        return cls(frame, list(outcomes), shown, duration_s, warmup_s, context.faults)

    def csv_text(self) -> str:
        """The plotted numbers."""
        rows = [
            (panel.heading, panel.unit, curve.label, x, y, low, high)
            for panel in self.panels
            for curve in panel.curves
            for x, y, low, high in _points(curve)
        ]
        return _csv(("panel", "unit", "curve", "time_s", "value", "low", "high"), rows)


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
        """Compute latency p50 and p99 by operation, throughput, failed requests, hit ratio and utilisation by system."""
        operations = _operations(outcomes)
        throughputs = {
            name: _over(replications, lambda each: _sum(throughput_per_s(each, name) for name in each.operations))
            for name, replications in outcomes.items()
        }
        panels = [
            _bar_panel(
                f"{operation} latency, {words}",
                "ms",
                {
                    system: _over(
                        replications,
                        lambda each, operation=operation, fraction=fraction: (
                            percentile_ms(each.operations[operation].latency, fraction)
                            if operation in each.operations
                            else None
                        ),
                    )
                    for system, replications in outcomes.items()
                },
                context,
            )
            for operation in operations.shown
            for words, fraction in (("p50", 0.5), ("p99", 0.99))
        ]
        panels.append(_bar_panel("throughput, all operations", "answers/s", throughputs, context))
        failures = {name: _over(replications, _failed_percent) for name, replications in outcomes.items()}
        if any(any(values) for values in failures.values()):
            panels.append(_bar_panel("failed requests", "%", failures, context, highest=100.0))
        caches = {name: _largest_cache(replications) for name, replications in outcomes.items()}
        hits: dict[str, Values] = {
            name: _over(outcomes[name], lambda each, cache=cache: _percent(hit_ratio(each, cache))) if cache else [None]
            for name, cache in caches.items()
        }
        panels.append(_bar_panel("hit ratio", "%", hits, context, notes=caches, highest=100.0))
        stations = {name: _most_used(replications) for name, replications in outcomes.items()}
        used: dict[str, Values] = {
            name: _over(outcomes[name], lambda each, station=station: _percent(utilization(each, station))) if station else [None]
            for name, (station, _) in stations.items()
        }
        station_names = {name: station for name, (station, _) in stations.items()}
        panels.append(_bar_panel("utilisation, most used station", "%", used, context, notes=station_names, highest=100.0))
        known = {name: found for name, found in stations.items() if found[0]}
        notes = [_interval_note(outcomes, context, "whisker"), operations.note()]
        frame = Frame(
            "Figures by system",
            context.question,
            bars_finding(throughputs, known, certain=context.certain),
            _caption(outcomes, context, notes),
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
        return _csv(("panel", "unit", "system", "value", "low", "high", "note"), rows)


# Helpers.


@dataclass(frozen=True)
class _Operations:
    """Operations that are shown, in the scenario's order; the same by weight; and how many are not shown."""

    shown: Sequence[str]
    by_weight: Sequence[str]
    left_out: int

    def note(self) -> str:
        return f"the {self.left_out} rarest operations are left out" if self.left_out else ""


def _operations(outcomes: Outcomes) -> _Operations:
    weights: dict[str, int] = {}
    for replications in outcomes.values():
        for each in replications:
            for name, operation in each.operations.items():
                weights[name] = weights.get(name, 0) + operation.requests
    order = list(weights)
    by_weight = sorted(order, key=lambda name: (-weights[name], order.index(name)))[:OPERATIONS_MAX]
    shown = [name for name in order if name in by_weight]
    return _Operations(shown, by_weight, len(order) - len(shown))


def _curve(label: str, look: int, x: FloatArray, values: Band) -> Curve:
    return Curve(label, look, x, values.mean, values.low, values.high)


def _bare(values: FloatArray) -> Band:
    """Values without intervals."""
    nothing = np.full(len(values), math.nan)
    return Band(values, nothing, nothing)


def _rates(outcomes: Outcomes, counted: str, *, certain: bool) -> dict[str, Band]:
    """What all operations of a system count by window, per second."""
    rates = {}
    for name, replications in outcomes.items():
        widths_s = np.diff(replications[0].window_edges_s)
        rows = [
            sum((getattr(each, counted) for each in one.operations.values()), np.zeros(len(widths_s))) / widths_s
            for one in replications
        ]
        rates[name] = band(rows, certain=certain)
    return rates


def _over(replications: Sequence[Outcome], measure: Callable[[Outcome], float | None]) -> Values:
    return [measure(each) for each in replications]


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if not known or None in known else math.fsum(value for value in known if value is not None)


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100.0


def _failed_percent(outcome: Outcome) -> float | None:
    requests = sum(each.requests for each in outcome.operations.values())
    failed = sum(sum(each.errors.values()) for each in outcome.operations.values())
    return failed / requests * 100.0 if requests else None


def _largest_cache(replications: Sequence[Outcome]) -> str:
    """The cache family with the most lookups; empty if there is none."""
    names = replications[0].caches
    return max(names, key=lambda name: sum(lookups(each, name) for each in replications), default="")


def _most_used(replications: Sequence[Outcome]) -> tuple[str, float]:
    """The station family with the highest utilisation, and that; an empty name if none has one."""
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
    estimates = [estimate(each, certain=context.certain) for each in values.values()]
    means, lows, highs = (
        np.array([math.nan if number is None else number for number in numbers], dtype=np.float64)
        for numbers in ([e.mean for e in estimates], [e.low for e in estimates], [e.high for e in estimates])
    )
    return BarPanel(heading, unit, means, lows, highs, [(notes or {}).get(name, "") for name in values], highest)


def _interval_note(outcomes: Outcomes, context: Context, what: str) -> str:
    if any(len(replications) > 1 for replications in outcomes.values()):
        return f"{what}: 95 % interval of the mean over replications"
    return "one replication, nothing left to chance" if context.certain else "one replication, hence no interval"


def _caption(outcomes: Outcomes, context: Context, notes: Iterable[str]) -> str:
    """n, replications, time, notes, scenario and fingerprint."""
    first = next(iter(outcomes.values()))
    warmup_s, duration_s = first[0].span_s
    measured = sum(
        operation.requests for each in outcomes.values() for one in each for operation in one.operations.values()
    )
    count = len(first)
    pieces = [
        f"n = {measured:,} measured requests in {count} {'replication' if count == 1 else 'replications'}"
        f" of {plain(duration_s)} s, of which {plain(warmup_s)} s warm-up",
        *filter(None, notes),
    ]
    mark = f", fingerprint {context.fingerprint[:FINGERPRINT_SHOWN]}" if context.fingerprint else ""
    return f"{'; '.join(pieces)}. Scenario {context.scenario}{mark}."


def _points(curve: Curve) -> Iterable[tuple[float, float, float, float]]:
    """Points of a curve that have a value."""
    columns = (curve.x.tolist(), curve.y.tolist(), curve.low.tolist(), curve.high.tolist())
    return (point for point in zip(*columns, strict=True) if math.isfinite(point[1]))


def _csv(header: Sequence[str], rows: Iterable[Sequence[str | float]]) -> str:
    """Comma-separated text; a missing number is an empty cell, any other is written so that it can be read back exactly."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow(["" if isinstance(cell, float) and math.isnan(cell) else cell for cell in row])
    return text.getvalue()
