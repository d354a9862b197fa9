"""What must hold: the `[[expect]]` entries of a scenario, the figures that they can name, and the verdict.

`bench.statistics.metrics` has the names. What is judged is the mean of a figure over replications, with its interval; a
ratio or difference is taken within each replication, then judged.

An expectation passes when the whole interval satisfies the bounds, fails when all of it violates them, and is unknown
otherwise, also where there is no value or no interval (`bench.statistics.intervals` has the rules for a single
replication). Clocks round: a bound may be missed by one part in 10^9, and a time by one tick of the measurement.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from bench.errors import Problem
from bench.scenario.locate import KeyPath
from bench.scenario.suggest import hint
from bench.statistics.intervals import Estimate, difference, estimate, ratio
from bench.statistics.metrics import Metric, Shape, known_metrics
from models.kernel.outcome import TICKS_PER_S, Outcome

Verdict = Literal["pass", "fail", "unknown"]
MetricName = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Pair = Annotated[tuple[MetricName, MetricName], Field(strict=False)]
"""Two metrics. A TOML array is a list, which a strict tuple would not take."""

SLACK = 1e-9
"""Part of a bound by which it may be missed: the rounding of sums, quotients and decimals, and no more."""


class Expectation(BaseModel):
    """One thing that must hold: a figure, or two compared, and the bounds."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    metric: MetricName | None = Field(None, description="the figure itself, such as dax.read.latency_ms.p99")
    ratio: Pair | None = Field(None, description="two figures: the first divided by the second, per replication")
    difference: Pair | None = Field(None, description="two figures: the first minus the second, per replication")
    at_least: float | None = Field(None, description="lower bound")
    at_most: float | None = Field(None, description="upper bound; together with at_least, a band")
    equals: float | None = Field(None, description="instead of bounds: the exact value, for facts without chance")
    text: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = Field(
        None, description="what the expectation says, in words; by default made from the rest"
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Expectation:
        given = [name for name in ("metric", "ratio", "difference") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of metric, ratio and difference is needed, got {_listed(given)}")
        if self.equals is not None and (self.at_least is not None or self.at_most is not None):
            raise ValueError("equals stands alone, without at_least and at_most")
        if self.equals is None and self.at_least is None and self.at_most is None:
            raise ValueError("a bound is needed: at_least, at_most, both, or equals")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"no number is at least {_number(self.at_least)} and at most {_number(self.at_most)}")
        return self

    @property
    def kind(self) -> Literal["metric", "ratio", "difference"]:
        """Which of the three was given."""
        return "metric" if self.metric is not None else "ratio" if self.ratio is not None else "difference"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the one or two figures."""
        return (self.metric,) if self.metric is not None else self.ratio or self.difference or ()

    @property
    def lower(self) -> float | None:
        """Lower bound; for `equals`, both bounds are the value."""
        return self.at_least if self.equals is None else self.equals

    @property
    def upper(self) -> float | None:
        """Upper bound."""
        return self.at_most if self.equals is None else self.equals


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
) -> list[Problem]:
    """Find every metric that no system will have, before anything runs, and differences of unlike figures.

    Args:
        expectations: In the order of the scenario.
        shapes: What each system will have.
        problem: Makes a problem of a path in the scenario, what is wrong and what to do (`Document.problem`).
    """
    known = known_metrics(shapes)
    problems = []
    for index, expectation in enumerate(expectations):
        path: KeyPath = ("expect", index, expectation.kind)
        unknown = [(position, name) for position, name in enumerate(expectation.metrics) if name not in known]
        for position, name in unknown:
            place = path if expectation.kind == "metric" else (*path, position)
            problems.append(problem(place, *_unknown(name, shapes, known)))
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
) -> list[Judgement]:
    """Judge each expectation, in order.

    Args:
        expectations: As `check` found good.
        outcomes: Replications in order, by system; the same replications of each.
        shapes: What each system has, as given to `check`.
        certain: Systems that left nothing to chance, whose single replication is exact.

    Raises:
        KeyError: If a metric or its system is unknown.
    """
    known = known_metrics(shapes)
    return [
        _judgement(each, [known[name] for name in each.metrics], outcomes, certain=certain) for each in expectations
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
    *,
    certain: Collection[str],
) -> Judgement:
    """Judge one expectation."""
    rows = [[metric.read(outcome) for outcome in outcomes[metric.system]] for metric in metrics]
    numbers = [[outcome.replication for outcome in outcomes[metric.system]] for metric in metrics]
    assert numbers[0] == numbers[-1], "systems are compared replication by replication"
    combine = {"metric": lambda values, _: values, "ratio": ratio, "difference": difference}[expectation.kind]
    value = estimate(combine(rows[0], rows[-1]), certain=all(metric.system in certain for metric in metrics))
    is_time = expectation.kind != "ratio" and metrics[0].unit == "ms"
    verdict = verdict_on(value, expectation.lower, expectation.upper, 1000.0 / TICKS_PER_S if is_time else 0.0)
    text = expectation.text or _sentence(expectation, metrics)
    return Judgement(text, value, _deciding_bound(value, expectation), verdict, _reason(value, verdict))


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
    sign = {"metric": "", "ratio": " / ", "difference": " − "}[expectation.kind]
    subject = sign.join(metric.label for metric in metrics)
    unit = "" if expectation.kind == "ratio" or not metrics[0].unit else f" {metrics[0].unit}"
    if expectation.equals is not None:
        return f"{subject} = {_number(expectation.equals)}{unit}"
    if expectation.at_least is not None and expectation.at_most is not None:
        return f"{_number(expectation.at_least)} ≤ {subject} ≤ {_number(expectation.at_most)}{unit}"
    if expectation.at_least is not None:
        return f"{subject} ≥ {_number(expectation.at_least)}{unit}"
    assert expectation.at_most is not None
    return f"{subject} ≤ {_number(expectation.at_most)}{unit}"


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
    for section in ("ops", "caches", "stations"):
        rest = rest.removeprefix(f"{section}.")
    shape = shapes[system]
    parts = [*shape.operations, *shape.caches, *shape.stations, "counters"]
    named = [part for part in parts if f"{rest}.".startswith(f"{part}.")]
    if not named:
        return what, hint(rest.split(".", 1)[0], parts, f"parts of {system}")
    part = max(named, key=len)
    figures = [each.removeprefix(f"{part}.") for each in names if each.startswith(f"{part}.")]
    return what, hint(rest.removeprefix(part).removeprefix("."), figures, f"figures of {system}.{part}")


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return " and ".join(names) if names else "none"
