"""A first scenario for a model, made of what the model says of itself: a file that runs as it is, and shows every key.

What is active is little: a load that keeps the model's bottleneck half busy, and one expectation that will hold. The
rest stands there commented out, to be made active line by line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, get_args

from bench.expectations import Expectation
from bench.scenario.commented import Table, active_lines, branches, commented_lines, entry, example, prose, refusal
from bench.scenario.faults import AnyFault, FaultSpec, targets
from bench.scenario.load import shape_of
from bench.scenario.origins import toml_value
from bench.scenario.schema import SCHEMA, ScenarioBase, WorkloadSpec
from bench.statistics.metrics import known_metrics
from models.kernel.laws import AnyLaw
from models.kernel.predict import Prediction, predict
from models.kernel.priming import TTLS
from models.kernel.program import Program
from models.kernel.registry import Model

DURATION_S, WARMUP_S, REPLICATIONS = 20.0, 1.0, 3
RATE_PER_S_MAX = 1_000.0
PAST_MAX = 100_000
"""Requests that are replayed before time zero: a few seconds, or half a minute on SimPy."""
BUSY = 0.5
"""How busy the bottleneck is to be."""
PATIENCE = 3.0
"""How many times as long as without waiting a request may take on average; half busy, one server makes it 2."""

HEAD = (
    "Lines that begin with `# KEY =` show a default, or an example where there is none. Each can be made active alone, "
    "without its mark; an indented one goes within the braces above it."
)
SCHEMA_HINT = """\
# An editor completes and checks this file after `tierbench schema --out scenario.schema.json` if it
# begins with this line:
#     #:schema ./scenario.schema.json
"""


def draft(model: Model, name: str) -> str:
    """The text of a scenario file for a model.

    Args:
        model: The model.
        name: What the scenario is called; a name as scenarios have it.
    """
    parameters, operations = _least(model), _operations(model)
    program = Program(model.build(model.parameters.model_validate(parameters), operations), model.name)
    workload: dict[str, Any] = {
        "arrivals": {"kind": "poisson", "rate_per_s": RATE_PER_S_MAX},
        **({} if model.operations is None else _objects()),
        "mix": dict(zip(operations, (0.9, 0.1), strict=True)) if len(operations) > 1 else {operations[0]: 1.0},
    }
    prediction = _predict(program, workload)
    workload["arrivals"]["rate_per_s"] = _rate_per_s(program, prediction)
    sections = (
        _top(model, name),
        _workload(model, workload),
        _system(model, parameters),
        _faults(program),
        _expectations(program, prediction),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _least(model: Model) -> dict[str, Any]:
    """The parameters that the model cannot do without: none, or the first one that makes it whole."""
    fields = model.parameters.model_fields.items()
    single = ({name: example(field)} for name, field in fields if field.default is None and field.examples)
    return next(each for each in ({}, *single) if not refusal(model.parameters, each))


def _operations(model: Model) -> tuple[str, ...]:
    """Reads and writes, as far as the model knows them; reads alone where it takes all alike."""
    if model.operations is None:
        return ("read",)
    return tuple(name for name in ("read", "write") if name in model.operations) or model.operations[:1]


def _objects() -> dict[str, Any]:
    return {
        "keys": {"kind": "zipf", "count": 10_000, "exponent": 0.99},
        "value_size_bytes": {"kind": "constant", "value": 1000.0},
    }


def _predict(program: Program, workload: dict[str, Any]) -> Prediction:
    """What closed forms say of the system."""
    spec = WorkloadSpec.model_validate(workload)
    return predict(program, spec.drawn(), DURATION_S)


def _rate_per_s(program: Program, prediction: Prediction) -> float:
    """A round rate, of which the system can do twice as much, and which fills its caches in a short while."""
    bottleneck = prediction.bottleneck
    most = math.inf if bottleneck is None else BUSY * bottleneck.saturation_per_s
    past_s = TTLS * max((cache.ttl_s or 0.0 for cache in program.caches), default=0.0)
    quick = PAST_MAX / past_s if past_s else math.inf
    return float(f"{min(RATE_PER_S_MAX, most, quick):.1g}")


def _top(model: Model, name: str) -> Iterator[str]:
    yield from prose(f"A scenario for the model `{model.name}`; it runs as it is. {HEAD}")
    yield SCHEMA_HINT
    head = {"schema": SCHEMA, "name": name, "question": f"How fast is this: {model.summary}?"}
    active = {
        "seed": 1,
        "replications": REPLICATIONS,
        "duration_s": DURATION_S,
        "warmup_s": WARMUP_S,
    }
    yield from (f"{key} = {toml_value(value)}" for key, value in head.items())
    yield from active_lines(Table.of(ScenarioBase, active))
    # The sections that follow are no keys of this one.
    yield from commented_lines(Table.of(ScenarioBase, head | active | {"workload": {}, "faults": [], "expect": []}))


def _workload(model: Model, active: dict[str, Any]) -> Iterator[str]:
    table = Table.of(WorkloadSpec, active)
    laws = ", ".join(law.model_fields["kind"].default for law in branches(AnyLaw))
    yield "[workload]"
    yield from prose(f"What clients ask for. A size or a time has a law, which is one of these kinds: {laws}.")
    known = "any name" if model.operations is None else ", ".join(model.operations)
    yield from prose(f"Operations that this model knows: {known}.")
    yield from active_lines(table)
    yield from commented_lines(table)


def _system(model: Model, parameters: dict[str, Any]) -> Iterator[str]:
    table = Table.of(model.parameters, parameters)
    yield f"[systems.{model.name}]"
    yield from prose(f"What is asked: {model.summary}. More such sections, of other names, are compared with this one.")
    for limit in model.limits:
        yield from prose(f"left out: {limit}", hanging=2)
    yield f"model = {toml_value(model.name)}"
    yield from active_lines(table)
    yield from commented_lines(table)


def _faults(program: Program) -> Iterator[str]:
    """What can happen, and to what; one of them as an example."""
    yield from prose("What happens to parts, and when. Keys of [[faults]], beside `kind` and `target`:")
    for name, field in FaultSpec.model_fields.items():
        yield from entry(name, str(field.description))
    yield from prose("Kinds:")
    for fault in branches(AnyFault):
        needed = [name for name, field in fault.model_fields.items() if field.is_required()]
        own = [name for name in needed if name not in {*FaultSpec.model_fields, "kind", "target"}]
        kind = get_args(fault.model_fields["kind"].annotation)[0]
        needs = f", with {', '.join(own)}" if own else ""
        yield from entry(f"{kind}{needs}", str(fault.__doc__))
    found = targets(program)
    yield from prose("Targets here, each as a whole or one member of it, as in [0]:")
    for what, names in found.items():
        yield from entry(what, ", ".join(f"{program.name}.{name}" for name in names))
    happening = {
        "at_s": 0.4 * DURATION_S,
        "until_s": 0.5 * DURATION_S,
        "kind": "node-down",
        "target": f"{program.name}.{found['nodes'][0]}[0]",
    }
    yield from _block("faults", happening, "# ")


def _expectations(program: Program, prediction: Prediction) -> Iterator[str]:
    """One that will hold, and others to choose from."""
    yield from prose("What must hold. Keys of [[expect]]:")
    for name, field in Expectation.model_fields.items():
        yield from entry(name, str(field.description))
    yield from prose("Figures here:")
    for parts, figures in _figures(program):
        yield from entry(parts, figures)
    operation = f"{program.name}.{program.operation_names[0]}"
    alone_ms = float(f"{1e3 * prediction.unloaded_s[program.operation_names[0]]:.3g}")
    held = {
        "text": f"on average, at most {PATIENCE:g} times the {alone_ms:g} ms that closed forms say without waiting",
        "metric": f"{operation}.latency_ms.mean",
        "at_most": float(f"{PATIENCE * alone_ms:.3g}"),
    }
    others: tuple[dict[str, Any], ...] = (
        {"metric": f"{operation}.latency_ms.p99", "at_most": float(f"{10.0 * PATIENCE * alone_ms:.3g}")},
        {"metric": f"{operation}.error_ratio", "equals": 0.0},
    )
    yield from _block("expect", held)
    for each in others:
        yield from _block("expect", each, "# ")


def _figures(program: Program) -> Iterator[tuple[str, str]]:
    """The names of figures, with the parts of the system that have them."""
    shape = shape_of(program)
    names = {
        metric.name.removeprefix(f"{program.name}."): None for metric in known_metrics({program.name: shape}).values()
    }
    sections = {
        "ops.": shape.operations,
        "caches.": shape.caches,
        "stations.": shape.stations,
        "buckets.": shape.buckets,
    }
    for section, parts in sections.items():
        if parts:
            start = f"{section}{next(iter(parts))}."
            told = (f"{program.name}.{section.removeprefix('ops.')}{part}" for part in parts)
            yield ", ".join(told), ", ".join(name.removeprefix(start) for name in names if name.startswith(start))
    yield program.name, ", ".join(name for name in names if not name.startswith(tuple(sections)))


def _block(section: str, values: dict[str, Any], start: str = "") -> Iterator[str]:
    """One table of a list, active or commented out as a whole."""
    yield ""
    yield f"{start}[[{section}]]"
    for key, value in values.items():
        yield f"{start}{key} = {toml_value(value)}"
