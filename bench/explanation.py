"""What a scenario means, as a document: where values come from, what closed forms say, and how requests go.

`explain` prints it before a run, and every folder of results keeps it, so that a report needs no model: it says what
the models that ran said of themselves, whatever they have become since.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bench.cost import Cost
from bench.manifest import StoredFolder, json_bytes, reading
from bench.quantities import percent, significant
from bench.scenario.load import Scenario
from bench.scenario.origins import Setting, settings
from bench.terminal import encodable
from models.catalogue import MODELS
from models.kernel.arrivals import Closed
from models.kernel.outline import Move, outline
from models.kernel.predict import Prediction

SCHEMA = 1
EXPLANATION = "explanation.json"
"""The file of a folder of results."""
BUSY, FULL = 0.9, 1.0
"""Utilisation above which a warning is due, and from which there is no steady state."""


@dataclass(frozen=True)
class StationExplained:
    """What closed forms say of a station: None where it has no limit."""

    members: int
    servers: int
    utilization: float | None
    utilization_of_busiest: float | None
    saturation_per_s: float | None


@dataclass(frozen=True)
class BucketExplained:
    """What closed forms say of a token bucket."""

    tokens_per_s: float | None
    throttles_above_per_s: float | None


@dataclass(frozen=True)
class ClosedFormExplained:
    """What a closed form of the model's own says: a value of None never comes to an end."""

    text: str
    value: float | None
    unit: str


@dataclass(frozen=True)
class SystemExplained:
    """A system: its model, its routes, and what closed forms say of it.

    Args:
        model: The model's name.
        summary: What the model is, in a line.
        limits: What it leaves out, one sentence each.
        routes: What a request does, by operation.
        rate_per_s: Requests a second; None where there is no bound.
        unloaded_ms: Mean of a request that never waits, by operation.
        hit_ratios: By cache.
        stations: By name.
        bottleneck: The station that saturates first.
        buckets: By name.
        charges: What it is charged for, in words, by charge.
        closed_forms: What closed forms of the model's own say.
    """

    model: str
    summary: str
    limits: Sequence[str]
    routes: Mapping[str, Sequence[Move]]
    rate_per_s: float | None
    unloaded_ms: Mapping[str, float]
    hit_ratios: Mapping[str, float]
    stations: Mapping[str, StationExplained]
    bottleneck: str | None
    buckets: Mapping[str, BucketExplained]
    charges: Mapping[str, str]
    closed_forms: Sequence[ClosedFormExplained] = ()


@dataclass(frozen=True)
class Explanation:
    """What a scenario means.

    Args:
        schema: Of this document.
        scenario: The scenario's name.
        question: Its question.
        settings: Every key with its value, origin and source.
        systems: By name.
        cost: What it was estimated to cost.
        warnings: What to mind before it runs.
    """

    schema: int
    scenario: str
    question: str
    settings: Sequence[Setting]
    systems: Mapping[str, SystemExplained]
    cost: Mapping[str, float]
    warnings: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """As a document."""
        found: dict[str, Any] = encodable(asdict(self))
        return found


def explanation_of(scenario: Scenario, cost: Cost) -> Explanation:
    """What a scenario means.

    Args:
        scenario: It.
        cost: Its estimate, with the predictions of closed forms.
    """
    estimated = {
        "requests": cost.requests, "primed_requests": cost.primed, "events": cost.events, "memory_mb": cost.memory_mb,
    }  # fmt: skip
    return Explanation(
        SCHEMA,
        scenario.name,
        scenario.spec.question,
        settings(scenario),
        {name: _system(scenario, name, prediction) for name, prediction in cost.predictions.items()},
        estimated,
        list(warnings_of(scenario, cost)),
    )


def explanation_files(explanation: Explanation | None, name: str = EXPLANATION) -> dict[str, bytes]:
    """As a file of a folder of results, if there is one."""
    return {} if explanation is None else {name: json_bytes(explanation.as_json())}


def stored_explanation(stored: StoredFolder, name: str = EXPLANATION) -> Explanation | None:
    """That of a folder of results; None where it was written before there were any.

    Raises:
        ResultError: If the file is not what it should be.
    """
    if name not in stored.manifest["files"]:
        return None
    with reading(stored.folder / name, f"make the {stored.kind.noun} again"):
        return parse_explanation(stored.content(name))


def parse_explanation(content: bytes) -> Explanation:
    """What `as_json` wrote.

    Raises:
        ValueError: If it is something else.
    """
    try:
        found = _reader().validate_json(content)
    except ValidationError as error:
        raise ValueError(f"it is no explanation of a scenario: {error.errors()[0]['msg']}") from None
    if found.schema != SCHEMA:
        raise ValueError(f"it has schema {found.schema}, not {SCHEMA}")
    return found


@cache
def _reader() -> TypeAdapter[Explanation]:
    return TypeAdapter(Explanation)


def charges_of(scenario: Scenario, name: str) -> dict[str, str]:
    """What a system is charged for, in words, by charge."""
    charged = scenario.shapes[name].charges
    return {charge.name: charge.words for charge in scenario.systems[name].charges if charge.name in charged}


def closed_forms_of(scenario: Scenario, name: str) -> list[ClosedFormExplained]:
    """What closed forms of its model's own say of a system."""
    spec = scenario.spec.systems[name]
    say = MODELS[spec.model].closed_forms
    if say is None:
        return []
    return [ClosedFormExplained(each.text, _finite(each.value), each.unit) for each in say(spec)]


def _system(scenario: Scenario, name: str, prediction: Prediction) -> SystemExplained:
    model = MODELS[scenario.spec.systems[name].model]
    rate_per_s, bottleneck = prediction.rate_per_s, prediction.bottleneck
    return SystemExplained(
        model=model.name,
        summary=model.summary,
        limits=model.limits,
        routes={op: outline(each.route) for op, each in scenario.systems[name].operations.items()},
        rate_per_s=_finite(rate_per_s),
        unloaded_ms={op: 1e3 * seconds for op, seconds in prediction.unloaded_s.items()},
        hit_ratios=prediction.hit_ratios,
        stations={
            each.name: StationExplained(
                len(each.visits), each.servers, each.utilization(rate_per_s), each.hottest(rate_per_s),
                _finite(each.saturation_per_s),
            )
            for each in prediction.stations.values()
        },
        bottleneck=None if bottleneck is None else bottleneck.name,
        buckets={
            each.name: BucketExplained(_finite(float(each.tokens.sum()) * rate_per_s), _finite(each.saturation_per_s))
            for each in prediction.buckets.values()
        },
        charges=charges_of(scenario, name),
        closed_forms=closed_forms_of(scenario, name),
    )  # fmt: skip


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def warnings_of(scenario: Scenario, cost: Cost) -> Iterator[str]:
    """What to mind before it runs: stations that have no steady state, and buckets that throttle."""
    if scenario.workload.trace is None and isinstance(scenario.workload.arrivals, Closed):
        return  # clients that wait for answers cannot overload what answers them
    for name, prediction in cost.predictions.items():
        yield from _throttled(name, prediction)
        for load_ in prediction.stations.values():
            hottest = load_.hottest(prediction.rate_per_s)
            if hottest is not None and hottest >= FULL and scenario.workload.trace is None:
                yield (
                    f"{name}: {load_.name} would be {percent(hottest)} busy: there is no steady state; "
                    f"it saturates at {significant(load_.saturation_per_s)} requests/s"
                )
            elif hottest is not None and hottest >= BUSY:
                yield f"{name}: {load_.name} would be {percent(hottest)} busy: it takes long to settle; mind warmup_s"


def _throttled(name: str, prediction: Prediction) -> Iterator[str]:
    """Warn of a load that is throttled once what was saved is used up."""
    throttle = prediction.throttle
    if throttle is not None and prediction.rate_per_s > throttle.saturation_per_s:
        yield (
            f"{name}: {throttle.name} throttles above {significant(throttle.saturation_per_s)} requests/s, "
            "once what it has saved is used up"
        )
