"""What must hold: the `[[expect]]` entries of a scenario, the figures that they can name, and the verdict.

`bench.statistics.metrics` has the names. What is judged is the mean of a figure over replications, with its interval; a
ratio or difference is taken within each replication, then judged.

A figure may be that of a stretch of time: before, during or after the faults, or from one time to another; the windows
that lie wholly within it tell.

An expectation passes when the whole interval satisfies the bounds, fails when all of it violates them, and is unknown
otherwise, also where there is no value or no interval (`bench.statistics.intervals` has the rules for a single
replication). Clocks round: a bound may be missed by one part in 10^9, and a time by one tick of the measurement.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from bench.errors import Problem
from bench.scenario.locate import KeyPath
from bench.scenario.suggest import hint
from bench.statistics.intervals import Estimate, difference, estimate, ratio
from bench.statistics.metrics import Metric, Shape, known_metrics
from bench.statistics.windows import Phase, Stretch, recovery_s, windows_within, within
from models.kernel.outcome import TICKS_PER_S, Outcome

Verdict = Literal["pass", "fail", "unknown"]
MetricName = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Pair = Annotated[tuple[MetricName, MetricName], Field(strict=False)]
"""Two metrics. A TOML array is a list, which a strict tuple would not take."""

Kind = Literal["metric", "ratio", "difference", "recovery"]
KINDS: tuple[Kind, ...] = ("metric", "ratio", "difference", "recovery")
TOLERANCE = 0.1
"""Part by which a figure may differ from before and be taken as recovered."""
SLACK = 1e-9
"""Part of a bound by which it may be missed: the rounding of sums, quotients and decimals, and no more."""


class Expectation(BaseModel):
    """One thing that must hold: a figure, or two compared, and the bounds."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    metric: MetricName | None = Field(None, description="the figure itself, such as dax.read.latency_ms.p99")
    ratio: Pair | None = Field(None, description="two figures: the first divided by the second, per replication")
    difference: Pair | None = Field(None, description="two figures: the first minus the second, per replication")
    recovery: MetricName | None = Field(
        None, description="a figure: seconds from the first fault until it is as before again, and stays so"
    )
    tolerance: Annotated[float, Field(gt=0)] | None = Field(
        None, description="with recovery: part by which the figure may differ from before; 0.1 if not given"
    )
    when: Phase | Annotated[tuple[Phase, Phase], Field(strict=False)] | None = Field(
        None, description="before, during or after the faults; of a ratio or difference also two, one for each figure"
    )
    from_s: Annotated[float, Field(ge=0)] | None = Field(None, description="instead: from this time on, seconds")
    until_s: Annotated[float, Field(gt=0)] | None = Field(None, description="and up to this one")
    at_least: float | None = Field(None, description="lower bound")
    at_most: float | None = Field(None, description="upper bound; together with at_least, a band")
    equals: float | None = Field(None, description="instead of bounds: the exact value, for facts without chance")
    text: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = Field(
        None, description="what the expectation says, in words; by default made from the rest"
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Expectation:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of metric, ratio, difference and recovery is needed, got {_listed(given)}")
        if self.tolerance is not None and self.recovery is None:
            raise ValueError("tolerance goes with recovery alone")
        if isinstance(self.when, tuple) and self.metric is not None:
            raise ValueError("one figure has one stretch of time; two go with ratio or difference")
        timed = (self.when is not None, self.from_s is not None or self.until_s is not None, self.recovery is not None)
        if sum(timed) > 1:
            raise ValueError("give when, or from_s and until_s; recovery looks at all of the run")
        if self.from_s is not None and self.until_s is not None and self.from_s >= self.until_s:
            raise ValueError("until_s must be later than from_s")
        if self.equals is not None and (self.at_least is not None or self.at_most is not None):
            raise ValueError("equals stands alone, without at_least and at_most")
        if self.equals is None and self.at_least is None and self.at_most is None:
            raise ValueError("a bound is needed: at_least, at_most, both, or equals")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"no number is at least {_number(self.at_least)} and at most {_number(self.at_most)}")
        return self

    @property
    def kind(self) -> Kind:
        """Which of them was given."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the one or two figures."""
        single = self.metric or self.recovery
        return (single,) if single is not None else self.ratio or self.difference or ()

    @property
    def of_a_stretch(self) -> bool:
        """Whether it looks at less than the whole measured span, or at window after window."""
        times = (self.when, self.from_s, self.until_s, self.recovery)
        return any(each is not None for each in times)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that it names."""
        return self.when if isinstance(self.when, tuple) else () if self.when is None else (self.when,)

    def stretches(self, course: Course) -> tuple[Stretch | None, ...]:
        """The stretch of time of each figure; None for all of the measured span."""
        if self.from_s is not None or self.until_s is not None:
            until_s = course.edges_s[-1] if self.until_s is None else self.until_s
            return ((self.from_s or 0.0, until_s),) * len(self.metrics)
        if self.when is None:
            return (None,) * len(self.metrics)
        named = self.phases if len(self.phases) == 2 else self.phases * len(self.metrics)
        return tuple(course.phases[phase] for phase in named)

    @property
    def lower(self) -> float | None:
        """Lower bound; for `equals`, both bounds are the value."""
        return self.at_least if self.equals is None else self.equals

    @property
    def upper(self) -> float | None:
        """Upper bound."""
        return self.at_most if self.equals is None else self.equals


@dataclass(frozen=True)
class Course:
    """What happens when.

    Args:
        edges_s: Edges of the windows, seconds.
        phases: Before, during and after the faults, as far as there are any.
    """

    edges_s: Sequence[float] = (0.0, math.inf)
    phases: Mapping[Phase, Stretch] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """What became of one expectation.

    Args:
        text: What was expected.
        estimate: The judged value.
        bound: The bound that decided: of two, the one that is violated, or not surely kept, or else nearer.
        verdict: Pass, fail or unknown.
        reason: Why it is unknown, or that the value is exact; empty if there is nothing to add.
    """

    text: str
    estimate: Estimate
    bound: float
    verdict: Verdict
    reason: str

    def as_json(self) -> dict[str, str | float | list[float] | None]:
        """The entry in the document of a run."""
        value = self.estimate.as_json()
        return {
            "text": self.text,
            "value": self.estimate.mean,
            "ci95": value["ci95"],
            "bound": self.bound,
            "verdict": self.verdict,
        }


def check(
    expectations: Sequence[Expectation],
    shapes: Mapping[str, Shape],
    problem: Callable[[KeyPath, str, str], Problem],
    course: Course | None = None,
) -> list[Problem]:
    """Find every metric that no system will have, before anything runs, and differences of unlike figures.

    Args:
        expectations: In the order of the scenario.
        shapes: What each system will have.
        problem: Makes a problem of a path in the scenario, what is wrong and what to do (`Document.problem`).
        course: What happens when.
    """
    known, course = known_metrics(shapes), course or Course()
    problems = []
    for index, expectation in enumerate(expectations):
        path: KeyPath = ("expect", index, expectation.kind)
        unknown = [(position, name) for position, name in enumerate(expectation.metrics) if name not in known]
        for position, name in unknown:
            place = path if len(expectation.metrics) == 1 else (*path, position)
            problems.append(problem(place, *_unknown(name, shapes, known)))
        problems.extend(
            problem(("expect", index, key), what, remedy) for key, what, remedy in _untimely(expectation, course)
        )
        whole = [name for name in expectation.metrics if name in known and not known[name].windowed]
        for name in whole if expectation.of_a_stretch else ():
            what = f"{name} is a figure of the whole run alone"
            problems.append(problem(path, what, "a stretch of time has latencies, rates and ratios"))
        if expectation.kind == "difference" and not unknown:
            first, second = (known[name] for name in expectation.metrics)
            if first.unit != second.unit:
                what = f"{first.name} and {second.name} have different units, so their difference says nothing"
                problems.append(problem(path, what, "compare figures of one kind, or take their ratio"))
    return problems


def judge(
    expectations: Sequence[Expectation],
    outcomes: Mapping[str, Sequence[Outcome]],
    shapes: Mapping[str, Shape],
    *,
    certain: Collection[str] = (),
    course: Course | None = None,
) -> list[Judgement]:
    """Judge each expectation, in order.

    Args:
        expectations: As `check` found good.
        outcomes: Replications in order, by system; the same replications of each.
        shapes: What each system has, as given to `check`.
        certain: Systems that left nothing to chance, whose single replication is exact.
        course: What happens when, as given to `check`.

    Raises:
        KeyError: If a metric or its system is unknown.
    """
    known = known_metrics(shapes)
    return [
        _judgement(each, [known[name] for name in each.metrics], outcomes, course or Course(), certain=certain)
        for each in expectations
    ]


def overall(judgements: Iterable[Judgement]) -> Verdict:
    """The verdict of a run: fail beats unknown beats pass; nothing expected is a pass."""
    verdicts = {judgement.verdict for judgement in judgements}
    return "fail" if "fail" in verdicts else "unknown" if "unknown" in verdicts else "pass"


def verdict_on(value: Estimate, lower: float | None, upper: float | None, slack: float = 0.0) -> Verdict:
    """Pass if the whole interval lies within the bounds, fail if it lies outside, unknown otherwise.

    Args:
        value: What was measured.
        lower: Lower bound; None for none.
        upper: Upper bound; None for none.
        slack: What each bound may be missed by, beside the part `SLACK` of itself.
    """
    if value.low is None or value.high is None:
        return "unknown"
    least = -math.inf if lower is None else lower - SLACK * abs(lower) - slack
    most = math.inf if upper is None else upper + SLACK * abs(upper) + slack
    if least <= value.low and value.high <= most:
        return "pass"
    return "fail" if value.high < least or most < value.low else "unknown"


def _judgement(
    expectation: Expectation,
    metrics: Sequence[Metric],
    outcomes: Mapping[str, Sequence[Outcome]],
    course: Course,
    *,
    certain: Collection[str],
) -> Judgement:
    """Judge one expectation."""
    rows = [
        [_value(expectation, metric, outcome, stretch, course) for outcome in outcomes[metric.system]]
        for metric, stretch in zip(metrics, expectation.stretches(course), strict=True)
    ]
    numbers = [[outcome.replication for outcome in outcomes[metric.system]] for metric in metrics]
    assert numbers[0] == numbers[-1], "systems are compared replication by replication"
    combine = {"ratio": ratio, "difference": difference}.get(expectation.kind, lambda values, _: values)
    value = estimate(combine(rows[0], rows[-1]), certain=all(metric.system in certain for metric in metrics))
    is_time = expectation.kind in ("metric", "difference") and metrics[0].unit == "ms"
    verdict = verdict_on(value, expectation.lower, expectation.upper, 1000.0 / TICKS_PER_S if is_time else 0.0)
    text = expectation.text or _sentence(expectation, metrics)
    return Judgement(text, value, _deciding_bound(value, expectation), verdict, _reason(value, verdict))


def _value(
    expectation: Expectation, metric: Metric, outcome: Outcome, stretch: Stretch | None, course: Course
) -> float | None:
    """A figure of one replication, of all of it or of a stretch of time; or how long it took to be as before."""
    if expectation.recovery is None:
        return metric.read(outcome if stretch is None else within(outcome, stretch))
    usual = metric.read(within(outcome, course.phases["before"]))
    edges_s = outcome.window_edges_s.tolist()
    values = [metric.read(within(outcome, window)) for window in pairwise(edges_s)]
    answered = np.sum([operation.window_ok for operation in outcome.operations.values()], axis=0)
    at_s = course.phases["before"][1]
    if usual is None or any(
        value is None and count and end_s > at_s
        for value, count, end_s in zip(values, answered, edges_s[1:], strict=True)
    ):
        return None
    return recovery_s(values, edges_s, usual, at_s, expectation.tolerance or TOLERANCE)


def _untimely(expectation: Expectation, course: Course) -> Iterator[tuple[str, str, str]]:
    """Stretches of time that there are not: key, what is wrong, what to do."""
    wanted = [*expectation.phases, *(["before"] if expectation.recovery is not None else [])]
    missing = [phase for phase in wanted if phase not in course.phases]
    key = "recovery" if expectation.recovery is not None else "when"
    for phase in dict.fromkeys(missing):
        yield (
            key,
            f"nothing lies {phase} the faults",
            "add [[faults]]" if not course.phases else "move them, or warmup_s",
        )
    if missing:
        return
    stretches = [course.phases["before"]] if expectation.recovery is not None else expectation.stretches(course)
    for stretch in dict.fromkeys(each for each in stretches if each is not None):
        some = windows_within(course.edges_s, stretch)
        if some.start >= some.stop:
            width_s = course.edges_s[1] - course.edges_s[0]
            what = f"no window of {width_s:g} s lies wholly within {stretch[0]:g} to {stretch[1]:g} s"
            yield "from_s" if expectation.from_s is not None else key, what, "take more windows, or more time"


def _deciding_bound(value: Estimate, expectation: Expectation) -> float:
    """The only bound; of two, the one that the interval (or the mean) oversteps most, or comes nearest to."""
    lower, upper = expectation.lower, expectation.upper
    if lower is None or upper is None:
        bound = lower if lower is not None else upper
        assert bound is not None, "an expectation has a bound"
        return bound
    if value.mean is None:
        return lower
    low, high = value.interval or (value.mean, value.mean)
    return lower if lower - low >= high - upper else upper


def _reason(value: Estimate, verdict: Verdict) -> str:
    """What to add to a verdict."""
    if value.mean is None:
        return "no data: a replication has no such value, or too few requests for it"
    if value.interval is None:
        return "one replication has no interval; run two or more"
    if verdict == "unknown":
        return "the interval reaches across the bound; run more replications or longer ones"
    return "exact: no variance at all" if value.exact else ""


def _sentence(expectation: Expectation, metrics: Sequence[Metric]) -> str:
    """What is expected, such as `direct.read p50 / dax.read p50 ≥ 2`."""
    sign = {"ratio": " / ", "difference": " − "}.get(expectation.kind, "")
    stretches = _stretch_words(expectation)
    subject = sign.join(f"{metric.label}{words}" for metric, words in zip(metrics, stretches, strict=True))
    unit = "" if expectation.kind == "ratio" or not metrics[0].unit else f" {metrics[0].unit}"
    if expectation.recovery is not None:
        subject, unit = f"recovery of {subject} (±{100 * (expectation.tolerance or TOLERANCE):g} %)", " s"
    if expectation.equals is not None:
        return f"{subject} = {_number(expectation.equals)}{unit}"
    if expectation.at_least is not None and expectation.at_most is not None:
        return f"{_number(expectation.at_least)} ≤ {subject} ≤ {_number(expectation.at_most)}{unit}"
    if expectation.at_least is not None:
        return f"{subject} ≥ {_number(expectation.at_least)}{unit}"
    assert expectation.at_most is not None
    return f"{subject} ≤ {_number(expectation.at_most)}{unit}"


def _stretch_words(expectation: Expectation) -> list[str]:
    """What to say of each figure's stretch of time."""
    if expectation.from_s is not None or expectation.until_s is not None:
        until = "" if expectation.until_s is None else f" until {_number(expectation.until_s)} s"
        return [f" from {_number(expectation.from_s or 0.0)} s{until}"] * len(expectation.metrics)
    named = expectation.phases if len(expectation.phases) == 2 else expectation.phases * len(expectation.metrics)
    return [f" {phase} the faults" for phase in named] or [""] * len(expectation.metrics)


def _number(value: float) -> str:
    """A bound as a person would write it."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _unknown(name: str, shapes: Mapping[str, Shape], known: Mapping[str, Metric]) -> tuple[str, str]:
    """What is wrong with an unknown metric, and what to do: is it the system, the part of it, or the figure?"""
    what = f"there is no metric {name}"
    systems = [system for system in shapes if f"{name}.".startswith(f"{system}.")]
    if not systems:
        return what, hint(name.split(".", 1)[0], shapes, "systems")
    system = max(systems, key=len)
    names = [each.removeprefix(f"{system}.") for each in known if known[each].system == system]
    rest = name.removeprefix(system).removeprefix(".")
    if rest.split(".", 1)[0] == "cost":
        return (
            what,
            "wall time and memory differ from machine to machine; of the cost, only cost.events can be expected",
        )
    if rest.split(".", 1)[0] == "money" and not shapes[system].charges:
        paid = [each for each, shape in shapes.items() if shape.charges]
        remedy = hint("", paid, "systems that have") if paid else "take a model of a service; generic ones have none"
        return f"{what}: the model of {system} has no prices", remedy
    for section in ("ops", "caches", "stations", "buckets"):
        rest = rest.removeprefix(f"{section}.")
    shape = shapes[system]
    money = ["money"] if shape.charges else []
    parts = [*shape.operations, *shape.caches, *shape.stations, *shape.buckets, *money, "counters"]
    named = [part for part in parts if f"{rest}.".startswith(f"{part}.")]
    if not named:
        return what, hint(rest.split(".", 1)[0], parts, f"parts of {system}")
    part = max(named, key=len)
    figures = [each.removeprefix(f"{part}.") for each in names if each.startswith(f"{part}.")]
    return what, hint(rest.removeprefix(part).removeprefix("."), figures, f"figures of {system}.{part}")


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return " and ".join(names) if names else "none"
