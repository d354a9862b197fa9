"""Pictures of a comparison: curves of both sides laid over each other, and the differences themselves.

A picture of the course over time is drawn for each system. Titles say what was found, with the verdicts of the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.comparison.judging import Compared
from bench.comparison.sides import Side
from bench.comparison.wording import Chosen, finding, relative, within, words
from bench.manifest import reading
from bench.pictures.ages import StalenessData
from bench.pictures.course import TimelineData
from bench.pictures.data import FINGERPRINT_SHOWN, SCENARIO_SHOWN, Frame, Panel, PercentileData, Picture
from bench.pictures.findings import Span, capital
from bench.pictures.forest import ForestData, ForestPanel, Mark
from bench.pictures.overlays import Layer, course_panels, percentile_panels, staleness_panels, sweep_panels
from bench.pictures.stored import Drawable
from bench.pictures.stored import draw as draw_pictures
from bench.statistics.comparing import Difference
from bench.targets import file_name
from bench.terminal import safe_text

if TYPE_CHECKING:
    from bench.pictures.multiples import MultiplesData

PANELS_MAX = 12
"""Panels of one picture; a caption says how many were left out."""
ROWS_MAX = 70
"""Differences of one picture; of those that are the same, the smallest are left out, and counted."""
SYSTEMS_MAX = 8
"""Systems whose course is drawn."""

_Panels = Callable[[Sequence[Layer]], list[tuple[str, Panel]]]


def draw(some: Sequence[Compared], margin: float) -> dict[str, Picture]:
    """Draw all pictures.

    Args:
        some: One for each contender, at least one.
        margin: Part of the baseline's value that does not matter.

    Raises:
        ResultError: If a side's numbers cannot be read.
    """
    sides = [some[0].baseline, *(each.contender for each in some)]
    labels = [f"{'baseline' if index == 0 else 'contender'}: {side.label}" for index, side in enumerate(sides)]
    drawn: dict[str, Drawable] = {}

    def frame(subject: str, chosen: Chosen, *notes: str) -> Frame:
        return Frame(subject, "", finding(some, margin, chosen), _caption(some, margin, notes))

    band = "band: 95 % interval of the mean over replications"
    found = _overlaid(some, labels, "percentiles", percentile_panels)
    if found:
        panels, left_out = _cut([panel for _, panel in found])
        drawn["percentiles"] = PercentileData(
            frame("Latency by percentile", lambda each: ".latency_ms." in each.baseline.name, band, left_out),
            labels, panels,
        )  # fmt: skip
    courses: dict[str, list[Panel]] = {}
    for system, panel in _overlaid(some, labels, "timeline", course_panels):
        courses.setdefault(system, []).append(panel)
    for system, panels in list(courses.items())[:SYSTEMS_MAX]:
        shown, left_out = _cut(panels)
        title = frame(
            f"Course over time of {system}" if system else "Course over time", partial(_asked, system),
            "latencies and shares of a window are those of all replications together", left_out,
        )  # fmt: skip
        name = f"course-{file_name(system, 'system')}" if system else "course"
        drawn[name] = _course(title, labels, shown, sides)
    found = _overlaid(some, labels, "staleness", staleness_panels)
    if found:
        panels, left_out = _cut([panel for _, panel in found])
        drawn["staleness"] = StalenessData(
            frame("Staleness", lambda each: ".stale_" in each.baseline.name, band, left_out), labels, panels
        )
    for table, x_label in (("load", "throughput of all operations, answers/s"), ("axis", "the sweep's axis")):
        found = _overlaid(some, labels, table, sweep_panels)
        if found:
            title = frame("Figures of both sweeps", lambda each: ".latency_ms." in each.baseline.name)
            drawn[table] = _swept(title, labels, found, x_label)
            break
    for index, each in enumerate(some):
        drawn["differences" if index == 0 else f"differences-{index + 1}"] = _forest(each, margin)
    return draw_pictures(drawn)


def _swept(frame: Frame, labels: Sequence[str], found: Sequence[tuple[str, Panel]], x_label: str) -> MultiplesData:
    """Panels of both sweeps, two side by side if they are even in number; each has a y axis of its own."""
    from bench.pictures.multiples import Multiple, MultiplesData

    some = [Multiple(replace(panel, kind=panel.heading)) for _, panel in found[:PANELS_MAX]]
    columns = 2 if len(some) % 2 == 0 else 1
    rows = [some[start : start + columns] for start in range(0, len(some), columns)]
    return MultiplesData(frame, labels, rows, x_label, own_scales=True)


def _asked(system: str, each: Difference) -> bool:
    """Whether a figure is one of the operations of a system, or of the only one."""
    return each.baseline.name.startswith("ops.") and system in {each.baseline.system, ""}


def _overlaid(some: Sequence[Compared], labels: Sequence[str], table: str, panels: _Panels) -> list[tuple[str, Panel]]:
    """Panels in which the baseline has a curve and a contender has, too."""
    baseline = some[0].baseline
    # Where the counterpart has another name, neither name says whose curves they are, and there is only one system.
    renamed = any(ours != theirs for each in some for ours, theirs in each.systems.items())
    matched = {name: "" if renamed else name for each in some for name in each.systems}
    sides: list[tuple[Side, Mapping[str, str]]] = [(baseline, matched)]
    sides += [(each.contender, {theirs: matched[ours] for ours, theirs in each.systems.items()}) for each in some]
    layers = []
    for index, (side, names) in enumerate(sides):
        if table in side.tables:
            layers.append(Layer(labels[index], index, names, side.tables[table]))
            with reading(side.path.parent / "pictures" / f"{table}.csv"):
                panels(layers[-1:])
    found = panels(layers)
    return [(system, panel) for system, panel in found if panel.curves[0].look == 0]


def _cut(panels: Sequence[Panel]) -> tuple[Sequence[Panel], str]:
    more = len(panels) - PANELS_MAX
    return panels[:PANELS_MAX], f"{more} more panels are left out" if more > 0 else ""


def _course(frame: Frame, labels: Sequence[str], panels: Sequence[Panel], sides: Sequence[Side]) -> TimelineData:
    """The course; warm-up and faults are shaded where all sides have the same."""
    last = max(float(curve.x[-1] + curve.x[0]) for panel in panels for curve in panel.curves)
    settings = [side.settings for side in sides]
    duration_s = max(_number(each.get("duration_s"), last) for each in settings)
    warmups_s = {_number(each.get("warmup_s"), 0.0) for each in settings}
    faults = settings[0].get("faults")
    shared = faults if isinstance(faults, list) and all(each.get("faults") == faults for each in settings) else []
    spans = [_span(each, duration_s) for each in shared if isinstance(each, Mapping)]
    return TimelineData(frame, labels, panels, duration_s, warmups_s.pop() if len(warmups_s) == 1 else 0.0, spans)


def _span(fault: Mapping[str, Any], duration_s: float) -> Span:
    """When a fault is shaded: an instant takes as much as can be seen."""
    at_s = _number(fault.get("at_s"), 0.0)
    until_s = max(_number(fault.get("until_s"), duration_s), at_s + duration_s / 200.0)
    words = filter(None, (str(fault.get(key, "")) for key in ("target", "kind")))
    return Span(at_s, until_s, str(fault.get("text") or ": ".join(words)))


def _number(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else otherwise


def _forest(compared: Compared, margin: float) -> ForestData:
    judged = [each for each in compared.differences if each.verdict and each.estimates[0].mean]
    undrawn = sum(bool(each.verdict) for each in compared.differences) - len(judged)
    same = sorted((each for each in judged if each.verdict == "same"), key=lambda each: abs(relative(each)))
    dropped = {id(each) for each in same[: max(0, len(judged) - ROWS_MAX)]}
    shown = [each for each in judged if id(each) not in dropped]
    panels = [
        ForestPanel(
            ", ".join(filter(None, (compared.name_of(system), cell))),
            [_mark(each) for each in shown if (each.baseline.system, each.baseline.cell) == (system, cell)],
        )
        for system, cell in dict.fromkeys((each.baseline.system, each.baseline.cell) for each in shown)
    ]
    notes = [
        "line: 95 % interval of the difference",
        f"{undrawn} figures whose baseline is zero are not drawn" if undrawn else "",
        f"{len(dropped)} that are the same are left out" if dropped else "",
    ]
    frame = Frame("Differences", "", finding([compared], margin, lambda _: True), _caption([compared], margin, notes))
    return ForestData(frame, panels, margin * 100.0)


def _mark(each: Difference) -> Mark:
    base = abs(each.estimates[0].mean or 1.0) / 100.0
    low, high = each.contrast.interval or (math.nan, math.nan)
    return Mark(words(each), str(each.verdict), each.contrast.mean / base, low / base, high / base)


def _caption(some: Sequence[Compared], margin: float, notes: Sequence[str]) -> str:
    """Sides, replications, pairing, margin."""
    sides = [("baseline", some[0].baseline), *(("contender", each.contender) for each in some)]
    named = [
        f"{role} {safe_text(side.label, SCENARIO_SHOWN)} (scenario {safe_text(side.scenario, SCENARIO_SHOWN)}, "
        f"{side.replications} replication{'' if side.replications == 1 else 's'}, "
        f"fingerprint {safe_text(side.fingerprint[:FINGERPRINT_SHOWN])})"
        for role, side in sides
    ]
    pairing = {each.paired for each in some}
    how = {True: "paired by replication", False: "independent seeds"}
    text = how[pairing.pop()] if len(pairing) == 1 else "paired where seeds are equal"
    about = f"{text}; margin {within(margin)}" if margin else f"{text}; no margin"
    return f"{capital('; '.join([about, *filter(None, notes)]))}. {capital('; '.join(named))}."
