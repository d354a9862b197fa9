"""Running until a figure is known well enough: `--until "read.p99 ±5%"` adds replications until it is.

Replications are in order and independent, so a run that stopped at nine is the run that was asked for nine. It stops
when half of the 95 % interval is within the wanted part of the mean, for each figure that the words name. Looking again
and again favours intervals that are narrow by chance, the more so the fewer replications they are made of; therefore
never fewer than `REPLICATIONS_MIN` are made, and the next look comes when the last one says that it may be enough.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.cost import REQUESTS_MAX, Cost
from bench.errors import UsageError
from bench.runs import Part, Run, gather, replicate
from bench.scenario.load import Scenario
from bench.scenario.suggest import hint
from bench.simulate import Engine, Replication
from bench.statistics.figures import PERCENTILES
from bench.statistics.intervals import estimate
from bench.statistics.metrics import Metric, known_metrics
from bench.terminal import safe_text

REPLICATIONS_MIN = 5
CAP = 200
"""Replications at most, unless said otherwise."""
GROWTH_MAX = 2.0
"""A look more is cheaper than having gone much too far."""

_WORDS = re.compile(r"\s*(?P<figure>[^±+]+?)\s*(?:±|\+/?-)\s*(?P<percent>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*%\s*")
_EXAMPLE = '--until "read.p99 ±5%"'


@dataclass(frozen=True)
class Goal:
    """Figures, and how well they are to be known.

    Args:
        words: What the user said.
        metrics: The figures.
        part: Half of the interval by the mean, at most.
    """

    words: str
    metrics: tuple[Metric, ...]
    part: float


def read_goal(words: str, scenario: Scenario) -> Goal:
    """What the words ask for; a figure without a system is that of each system that has it.

    Raises:
        UsageError: If they cannot be read, or no system has such a figure.
    """
    found = _WORDS.fullmatch(words)
    if found is None or not 0.0 < float(found["percent"]) < 100.0:
        raise UsageError(f"--until {safe_text(words, 100)}: is no figure with its precision; write {_EXAMPLE}")
    known = known_metrics(scenario.shapes)
    name = found["figure"]
    metrics = [known[full] for full in _full_names(name, scenario) if full in known]
    if not metrics:
        operations = dict.fromkeys(operation for shape in scenario.shapes.values() for operation in shape.operations)
        short = [f"{operation}.{last}" for operation in operations for last in ("mean", *PERCENTILES)]
        remedy = hint(name, short, "short names of figures")
        raise UsageError(f"--until {safe_text(words, 100)}: no system has the figure {safe_text(name, 100)}; {remedy}")
    return Goal(words, tuple({metric.name: metric for metric in metrics}.values()), float(found["percent"]) / 100.0)


def _full_names(name: str, scenario: Scenario) -> list[str]:
    """What a short name may stand for: with a system before it, and with the word latency before its last part."""
    head, _, last = name.rpartition(".")
    forms = [name, f"{head}.latency_ms.{last}"]
    return [*forms, *(f"{system}.{form}" for system in scenario.systems for form in forms)]


def run_until(
    scenario: Scenario, engine: Engine, goal: Goal, cap: int, cost: Cost, tick: Callable[[int], None]
) -> tuple[Scenario, Run, str]:
    """Run a scenario until its figures are known well enough.

    Args:
        scenario: What to run, and with how many replications to begin.
        engine: Which engine walks the routes.
        goal: The figures.
        cap: Replications at most.
        cost: What the scenario will cost as it stands.
        tick: Called now and then with a number of requests that have been fed in since.

    Returns:
        The scenario with as many replications as were made, its run, and why the goal was missed; empty if it was met.
    """
    first = int(scenario.spec.replications)
    affordable = int(REQUESTS_MAX / max(1.0, (cost.requests + cost.primed) / first))
    cap = max(2, min(cap, affordable))
    count = min(cap, max(first, REPLICATIONS_MIN))
    done: dict[Part, Replication] = {}
    while True:
        done |= replicate(scenario, engine, range(len(done) // len(scenario.systems), count), tick)
        widths = {metric.name: _width(metric, done, count) for metric in goal.metrics}
        if count >= cap or any(map(math.isnan, widths.values())):
            break
        worst = max(widths.values())
        if worst <= goal.part:
            break
        growth = min(GROWTH_MAX, (worst / goal.part) ** 2) if math.isfinite(worst) else GROWTH_MAX
        count = min(cap, max(count + 1, math.ceil(count * growth)))
    scenario = replace(scenario, spec=scenario.spec.model_copy(update={"replications": count}))
    return scenario, gather(scenario, done), _missed(goal, widths, count)


def _width(metric: Metric, done: Mapping[Part, Replication], count: int) -> float:
    """Half of a figure's interval by its mean; nan where it has no value, which no further replication would mend."""
    values = [metric.read(done[metric.system, replication].outcome) for replication in range(count)]
    certain = all(done[metric.system, replication].outcome.certain for replication in range(count))
    known = estimate(values, certain=certain)
    if known.mean is None:
        return math.nan
    if known.interval is None:
        return math.inf
    half = (known.interval[1] - known.interval[0]) / 2.0
    return half / abs(known.mean) if known.mean else (0.0 if half == 0.0 else math.inf)


def _missed(goal: Goal, widths: Mapping[str, float], count: int) -> str:
    """Why the goal was missed; empty if it was met."""
    reasons: Sequence[str] = [
        f"{name} has no value in every replication; run longer ones" if math.isnan(width)
        else f"{name} is known to ±{100.0 * width:.2g} % after {count} replications; allow more with --max-replications"
        for name, width in widths.items()
        if not width <= goal.part
    ]  # fmt: skip
    return "; ".join(reasons)
