"""The course over time as numbers: panels for latency, errors, throughput, load, hit ratio and stale reads, and stages.

The load is what reaches the part that everything leads to in the end. Where that part sells capacity, it is the units
asked of it, whether they were granted or refused; elsewhere it is the number of requests in service or waiting at the
last station of the way, which every model has.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from bench.datafiles import csv_text
from bench.pictures.course_findings import Course, Ends, timeline_finding
from bench.pictures.data import (
    Context,
    Curve,
    FloatArray,
    Frame,
    Panel,
    caption,
    curve_of,
    interval_note,
    points,
    shown_operations,
)
from bench.pictures.findings import Outcomes, Span, nothing_answered
from bench.quantities import plain
from bench.statistics.curves import SystemSeries, time_series
from bench.statistics.figures import errors
from bench.statistics.intervals import Band, band
from models.kernel.outcome import Outcome

CACHES_MAX = 3
"""Cache families that get panels of their own."""
LOADS_MAX = 3
"""Kinds of load that do."""
STAGES_MAX = 12
"""Stages that are named; how many more there are is said."""

WINDOWS_KNOWN_MIN = 0.9
"""Part of the windows with answers whose percentile must be known before their neighbours are left alone."""
WINDOWS_SHOWN_MIN = 6
"""Windows that remain when neighbours are taken together."""
_MERGED_WINDOWS = (1, 2, 3, 4, 5, 6, 10)

_CAPACITY = " capacity"
"""How the name of a bucket family ends whose tokens are units of capacity."""


@dataclass(frozen=True)
class Stage:
    """What the control of a system did in its first replication, and when.

    Args:
        at_s: When.
        system: Whose control.
        look: The system's place in the scenario.
        text: What it did.
    """

    at_s: float
    system: str
    look: int
    text: str


@dataclass(frozen=True, eq=False)
class TimelineData:
    """The course over time: panels that share their x axis, in seconds.

    Args:
        frame: What stands around the panels.
        systems: Names of the systems.
        panels: From top to bottom.
        duration_s: Where the time axis ends.
        warmup_s: Where measuring begins.
        faults: To be shaded.
        stages: The first stages, in order of time.
        stages_left_out: How many there are beside them.
    """

    frame: Frame
    systems: Sequence[str]
    panels: Sequence[Panel]
    duration_s: float
    warmup_s: float
    faults: Sequence[Span]
    stages: Sequence[Stage] = ()
    stages_left_out: int = 0

    @classmethod
    def from_outcomes(cls, outcomes: Outcomes, context: Context) -> Self:
        """Compute everything by window."""
        first = next(iter(outcomes.values()))[0]
        assert all(np.array_equal(first.window_edges_s, each[0].window_edges_s) for each in outcomes.values())
        warmup_s, duration_s = first.span_s
        operations = shown_operations(outcomes)
        latencies = [_latency(outcomes, each, percentile) for each in operations.shown for percentile in _PERCENTILES]
        rates = {
            counted: {name: _rate(each, counted, certain=name in context.certain) for name, each in outcomes.items()}
            for counted in ("window_errors", "window_ok")
        }
        middles_s = (first.window_edges_s[:-1] + first.window_edges_s[1:]) / 2.0
        found = {name: time_series(each, certain=name in context.certain) for name, each in outcomes.items()}
        panels = [
            *(_latency_panels(latencies) if len(outcomes) > 1 else _joint_panels(latencies)),
            *(
                _panel(f"answered, {each}", "% of what ended", "share", middles_s, outcomes, values)
                for each, values in _answered(outcomes, operations.shown)
            ),
            _panel("errors, all operations", "errors/s", "rate", middles_s, outcomes, rates["window_errors"]),
            _panel("throughput, all operations", "answers/s", "rate", middles_s, outcomes, rates["window_ok"]),
            *(
                _panel(heading, unit, kind, middles_s, outcomes, values)
                for heading, unit, kind, values in (*_loads(outcomes, found, context.certain), *_shares(found))
            ),
        ]
        shown = [panel for panel in panels if _has_something(panel)]
        every = [each for replications in outcomes.values() for one in replications for each in one.operations.values()]
        unsettled = sum(each.unfinished for each in every) / max(1, sum(each.requests for each in every))
        failed = sum(map(errors, every)) or int(np.sum([each.window_errors for each in every]))
        courses = [course for each in latencies for course in each.courses]
        ends = [
            Ends(name, middles_s, rates["window_ok"][name].mean, rates["window_errors"][name].mean) for name in outcomes
        ]
        finding = (
            timeline_finding(courses, warmup_s, context.faults, failed, ends, unsettled)
            if shown
            else nothing_answered(outcomes)
        )
        stages = sorted(_stages(outcomes), key=lambda stage: stage.at_s)
        pooled = "latencies and shares" if any(panel.kind == "share" for panel in shown) else "latencies"
        notes = [
            interval_note(outcomes, context, "bands of errors, throughput and load"),
            f"{pooled} of a window are those of all replications together",
            "" if failed or not shown else "no errors",
            operations.note(),
        ]
        frame = Frame("Course over time", context.question, finding, caption(outcomes, context, notes))
        return cls(
            frame, list(outcomes), shown, duration_s, warmup_s, context.faults,
            stages[:STAGES_MAX], len(stages[STAGES_MAX:]),
        )  # fmt: skip

    def csv_text(self) -> str:
        """The plotted numbers."""
        rows = [
            (panel.heading, panel.unit, curve.label, x, y, low, high)
            for panel in self.panels
            for curve in panel.curves
            for x, y, low, high in points(curve)
        ]
        return csv_text(("panel", "unit", "curve", "time_s", "value", "low", "high"), rows)


# Latency.

_PERCENTILES = ("p50", "p99")


@dataclass(frozen=True, eq=False)
class _Latency:
    """A percentile of an operation's latency in one system.

    Args:
        operation: The operation.
        percentile: Such as "p99".
        windows: What to say of the windows, where neighbours were taken together.
        curves: One for each system.
        courses: The same, to speak of.
    """

    operation: str
    percentile: str
    windows: str
    curves: Sequence[Curve]
    courses: Sequence[Course]


def _latency_panels(latencies: Iterable[_Latency]) -> Iterator[Panel]:
    """A panel for each percentile, with a curve for each system."""
    for each in latencies:
        yield Panel(f"{each.operation} latency, {each.percentile}{each.windows}", "ms", each.curves, "latency")


def _joint_panels(latencies: Sequence[_Latency]) -> Iterator[Panel]:
    """A panel for each operation of the only system, with a curve for each percentile: the first solid, then dashed."""
    for operation in dict.fromkeys(each.operation for each in latencies):
        known = [
            (each, curve)
            for each in latencies
            for curve in each.curves
            if each.operation == operation and np.isfinite(curve.y).any()
        ]
        if len(known) < 2:
            yield from _latency_panels(each for each, _ in known)
            continue
        (one, _), (other, _) = known
        names = f"{one.percentile} solid{one.windows}, {other.percentile} dashed{other.windows}"
        curves = [
            replace(curve, label=f"{curve.label} {each.percentile}", second=each is other) for each, curve in known
        ]
        yield Panel(f"{operation} latency: {names}", "ms", curves, "latency")


def _latency(outcomes: Outcomes, operation: str, percentile: str) -> _Latency:
    """A percentile of an operation's latency over time.

    Where many windows have too few answers for the percentile, neighbours are taken together until they have enough.
    """
    having = [name for name, replications in outcomes.items() if operation in replications[0].operations]
    edges_s = outcomes[having[0]][0].window_edges_s
    windows = len(edges_s) - 1
    steps = [step for step in _MERGED_WINDOWS if windows % step == 0 and windows // step >= WINDOWS_SHOWN_MIN] or [1]
    found: dict[int, dict[str, FloatArray]] = {}
    for step in steps:
        series = {name: time_series([_merged(each, operation, step) for each in outcomes[name]]) for name in having}
        found[step] = {name: getattr(each.operations[operation], f"{percentile}_ms") for name, each in series.items()}
        answered = sum(int((each.operations[operation].throughput_per_s.mean > 0.0).sum()) for each in series.values())
        known = sum(int(np.isfinite(values).sum()) for values in found[step].values())
        if known >= WINDOWS_KNOWN_MIN * answered:
            break
    else:
        step = steps[0]
    merged_s = edges_s[::step]
    middles_s = (merged_s[:-1] + merged_s[1:]) / 2.0
    wide = f", windows of {plain(float(f'{merged_s[1] - merged_s[0]:.3g}'))} s" if step > 1 else ""
    looks = {name: index for index, name in enumerate(outcomes)}
    return _Latency(
        operation,
        percentile,
        wide,
        [curve_of(name, looks[name], middles_s, _bare(values)) for name, values in found[step].items()],
        [Course(f"{name} {operation} {percentile}", middles_s, values) for name, values in found[step].items()],
    )


def _merged(outcome: Outcome, operation: str, step: int) -> Outcome:
    """The outcome with only one operation, and so many neighbouring windows taken together."""
    whole = outcome.operations[operation]
    starts = np.arange(0, len(whole.window_ok), step)
    merged = replace(
        whole,
        window_ok=np.add.reduceat(whole.window_ok, starts),
        window_errors=np.add.reduceat(whole.window_errors, starts),
        window_latency=np.add.reduceat(whole.window_latency, starts, axis=0),
        reads=0,
    )
    edges_s = outcome.window_edges_s[::step]
    return replace(outcome, window_edges_s=edges_s, operations={operation: merged}, stations={}, caches={}, buckets={})


# Everything else.

_Values = tuple[str, str, str, Mapping[str, Band]]
"""Heading, unit and kind of a panel, and the values of each system that has some."""


def _loads(outcomes: Outcomes, found: Mapping[str, SystemSeries], certain: Collection[str]) -> list[_Values]:
    """What reaches the part behind: units of each kind of capacity, or requests at the last station."""
    asked: dict[str, dict[str, Band]] = {}
    for name, replications in outcomes.items():
        for family in replications[0].buckets:
            if family.endswith(_CAPACITY):
                asked.setdefault(family, {})[name] = _asked(replications, family, certain=name in certain)
    loads: list[_Values] = [
        (f"load: {family} asked for, granted or not", "units/s", "rate", values)
        for family, values in asked.items()
        if any(each.mean.any() for each in values.values())
    ]
    # The stations of an outcome are in the order of the routes, from their end.
    last = {
        name: next(iter(series.stations))
        for name, series in found.items()
        if series.stations and not any(name in values for *_, values in loads)
    }
    if last:
        whose = [f"{station} of {name}" for name, station in last.items()]
        where = f"at {', '.join(whose if len(set(last.values())) > 1 else [next(iter(last.values()))])}"
        present = {name: found[name].stations[station].present for name, station in last.items()}
        loads.append((f"load: requests {where}, in service or waiting", "requests", "level", present))
    return loads[:LOADS_MAX]


def _asked(replications: Sequence[Outcome], family: str, *, certain: bool) -> Band:
    """Units asked of a kind of capacity, per second: taken, or refused by this or another limit to the same kind."""
    widths_s = np.diff(replications[0].window_edges_s)
    kind = family.removesuffix(_CAPACITY)
    rows = [
        (
            each.buckets[family].window_taken
            + sum(
                (bucket.window_refused for name, bucket in each.buckets.items() if name.startswith(f"{kind} ")),
                np.zeros(len(widths_s)),
            )
        )
        / widths_s
        for each in replications
    ]
    return band(rows, certain=certain)


def _shares(found: Mapping[str, SystemSeries]) -> list[_Values]:
    """Hit ratios by cache, and stale reads by operation."""
    caches = list(dict.fromkeys(cache for series in found.values() for cache in series.hit_ratio))[:CACHES_MAX]
    hits: list[_Values] = [
        (
            f"hit ratio, {cache}", "%", "share",
            {name: _bare(s.hit_ratio[cache] * 100.0) for name, s in found.items() if cache in s.hit_ratio},
        )
        for cache in caches
    ]  # fmt: skip
    stale: dict[str, dict[str, Band]] = {}
    for name, series in found.items():
        for operation, each in series.operations.items():
            if np.nan_to_num(each.stale_ratio).any():
                stale.setdefault(operation, {})[name] = _bare(each.stale_ratio * 100.0)
    return [*hits, *((f"stale answers, {name}", "%", "share", values) for name, values in stale.items())]


def _answered(outcomes: Outcomes, operations: Sequence[str]) -> list[tuple[str, dict[str, Band]]]:
    """The share of what ended in a window that was answered, by operation; nothing where all was."""
    found = []
    for operation in operations:
        having = {name: [each.operations[operation] for each in some] for name, some in outcomes.items()
                  if operation in some[0].operations}  # fmt: skip
        ok, failed = (
            {name: np.sum([getattr(each, counted) for each in some], axis=0) for name, some in having.items()}
            for counted in ("window_ok", "window_errors")
        )
        with np.errstate(invalid="ignore"):
            found.append((operation, {name: _bare(100.0 * ok[name] / (ok[name] + failed[name])) for name in having}))
    return found if any((band.mean < 100.0).any() for _, values in found for band in values.values()) else []


def _panel(
    heading: str, unit: str, kind: str, middles_s: FloatArray, outcomes: Outcomes, values: Mapping[str, Band]
) -> Panel:
    looks = {name: index for index, name in enumerate(outcomes)}
    return Panel(heading, unit, [curve_of(name, looks[name], middles_s, each) for name, each in values.items()], kind)


def _has_something(panel: Panel) -> bool:
    """Whether a panel shows any value; rates that are all zero are said in the caption, not drawn."""
    values = np.concatenate([curve.y for curve in panel.curves]) if panel.curves else np.empty(0)
    finite = values[np.isfinite(values)]
    return bool(finite.any()) if panel.kind == "rate" else bool(len(finite))


def _bare(values: FloatArray) -> Band:
    """Values without intervals."""
    nothing = np.full(len(values), math.nan)
    return Band(values, nothing, nothing)


def _rate(replications: Sequence[Outcome], counted: str, *, certain: bool) -> Band:
    """What all operations of a system count by window, per second."""
    widths_s = np.diff(replications[0].window_edges_s)
    rows = [
        sum((getattr(each, counted) for each in one.operations.values()), np.zeros(len(widths_s))) / widths_s
        for one in replications
    ]
    return band(rows, certain=certain)


def _stages(outcomes: Outcomes) -> Iterator[Stage]:
    for look, (name, replications) in enumerate(outcomes.items()):
        for at_s, text in replications[0].notes:
            yield Stage(at_s, name, look, text)
