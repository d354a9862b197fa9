"""What a scenario file may say: strict models of all of its keys.

The keys of a system are its model's own; they come from the catalogue, as do the names of the models.
"""

from __future__ import annotations

from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, Field, JsonValue, StringConstraints, create_model, model_validator

from bench.expectations import Expectation
from bench.presets import PRESETS
from bench.scenario.faults import AnyFault
from models.catalogue import MODELS
from models.kernel.arrivals import AnyArrivals, Poisson
from models.kernel.keys import AnyKeys, UniformKeys
from models.kernel.laws import AnyLaw, Constant, NonNegative, Positive
from models.kernel.registry import Model, Parameters
from models.kernel.sources import Workload

SCHEMA = 1
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
NAME_CHARACTERS_MAX = 64
DURATION_S_MAX = 4.0e6
"""Ticks of 2**-40 s fill 63 bits after twice that."""
SYSTEMS_MAX = 50
REPLICATIONS_MAX = 10_000
CELLS_MAX = 2_000

Name = Annotated[str, StringConstraints(pattern=NAME, max_length=NAME_CHARACTERS_MAX)]


class Columns(Parameters):
    """Where a trace's file has what: a column's name in the header, or its index from 0."""

    time_s: str | int | None = Field(None, description="time of arrival, seconds", examples=["time_s"])
    key: str | int | None = Field(None, description="key of the object", examples=["key"])
    size_bytes: str | int | None = Field(None, description="size of the object, bytes", examples=["size_bytes"])
    op: str | int | None = Field(None, description="operation, such as get or set", examples=["op"])
    ttl_s: str | int | None = Field(None, description="time to live, seconds", examples=["ttl_s"])


class Speed(Parameters):
    """The recorded times, so many times as fast."""

    speed: Positive = Field(description="how many times as fast", examples=[10.0])


class Rate(Parameters):
    """Evenly at a rate, whatever the recorded times."""

    rate_per_s: Positive = Field(description="requests a second", examples=[1000.0])


class TraceSpec(Parameters):
    """Recorded requests instead of arrivals, keys, sizes and mix."""

    file: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="CSV, plain or packed by gzip, xz or zstandard; within the scenario's folder",
        examples=["requests.csv"],
    )
    columns: Columns = Field(Columns(), description="which column is what; by the header's names where none is given")
    pace: Literal["recorded"] | Speed | Rate = Field("recorded", description='"recorded", { speed } or { rate_per_s }')
    header: bool = Field(True, description="whether the first row names the columns")


class WorkloadSpec(Parameters):
    """What clients ask for."""

    preset: Literal[tuple(PRESETS)] | None = Field(  # type: ignore[valid-type]
        None, description="a workload to start from; keys beside it go before it"
    )
    arrivals: AnyArrivals = Field(Poisson(rate_per_s=1000.0), description="when requests come")
    keys: AnyKeys = Field(UniformKeys(count=1000), description="which objects are asked for")
    value_size_bytes: AnyLaw = Field(
        Constant(value=100.0), description="bytes of an object's value, drawn once for each key"
    )
    key_size_bytes: AnyLaw = Field(
        Constant(value=0.0), description="bytes of an object's key, which add to its value's; drawn once for each key"
    )
    ttl_s: AnyLaw | None = Field(
        None,
        description="time to live of an object, drawn once for each key; none: as long as a cache lets it",
        examples=[{"kind": "constant", "value": 300.0}],
    )
    items_per_request: AnyLaw = Field(
        Constant(value=1.0),
        description="items that a scan, query or batch_get asks for, rounded up, 1 to 10,000; in traces one",
    )
    mix: Annotated[dict[Name, NonNegative], Field(min_length=1, max_length=16)] = Field(
        {"read": 1.0}, description="share of each operation; together 1"
    )
    trace: TraceSpec | None = Field(None, description="recorded requests instead")

    def drawn(self) -> Workload:
        """What is drawn, with no regard to a trace."""
        mix = {name: share for name, share in self.mix.items() if share > 0}
        return Workload(
            self.arrivals, self.keys, self.value_size_bytes, mix, None, self.items_per_request, self.key_size_bytes,
            self.ttl_s,
        )  # fmt: skip


class Range(Parameters):
    """Values from one number to another; whole numbers if both ends are."""

    from_: int | float = Field(alias="from", description="the first value")
    to: int | float = Field(description="the last value")
    count: Annotated[int, Field(ge=2, le=CELLS_MAX)] = Field(description="how many values")
    spacing: Literal["linear", "log"] = Field("linear", description="equal steps, or equal factors")

    @model_validator(mode="after")
    def _has_logarithms(self) -> Self:
        if self.spacing == "log" and min(self.from_, self.to) <= 0:
            raise ValueError("equal factors need positive ends")
        return self

    def values(self) -> list[int | float]:
        """The values, each once, in order; of factors, four digits."""
        steps = [index / (self.count - 1) for index in range(self.count)]
        if self.spacing == "log":
            found = [float(f"{self.from_ * (self.to / self.from_) ** step:.4g}") for step in steps]
        else:
            found = [float(f"{self.from_ + (self.to - self.from_) * step:.12g}") for step in steps]
        found[0], found[-1] = float(self.from_), float(self.to)
        if isinstance(self.from_, int) and isinstance(self.to, int):
            return list(dict.fromkeys(map(round, found)))
        return list(dict.fromkeys(found))


Axis = Annotated[list[JsonValue], Field(min_length=1, max_length=CELLS_MAX)] | Range
Path = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class SweepSpec(Parameters):
    """Cells: the scenario again and again, each time with other values; paths are written as `--set` has them."""

    grid: Annotated[dict[Path, Axis], Field(max_length=8)] = Field(
        {},
        description="values by path, in quotes if it has dots; every combination is a cell",
        examples=[{"workload.arrivals.rate_per_s": [200, 400, 800]}],
    )
    zipped: Annotated[dict[Path, Axis], Field(max_length=50)] = Field(
        {},
        alias="zip",
        description="values by path, lists of one length: the first of each, then the second of each",
        examples=[{"seed": [1, 2], "replications": [2, 4]}],
    )
    rows: Annotated[list[dict[Path, JsonValue]], Field(max_length=CELLS_MAX)] = Field(
        [],
        alias="list",
        description="instead: one table of values by path for each cell",
        examples=[[{"seed": 1}, {"seed": 2, "replications": 4}]],
    )
    refine: Annotated[int, Field(ge=0, le=100)] = Field(
        0, description="further cells around the knee of each system, on the first axis of numbers"
    )


@cache
def scenario_model() -> type[BaseModel]:
    """The model of a whole scenario file, with the systems of the catalogue."""
    # Types that are made when the catalogue is known; mypy sees types only where they are written down.
    systems: list[Any] = [_system_model(model) for model in MODELS.values()]
    system: Any = Annotated[reduce(or_, systems), Field(discriminator="model")]
    by_name: Any = Annotated[dict[Name, system], Field(min_length=1, max_length=SYSTEMS_MAX)]
    return create_model(
        "Scenario",
        __base__=ScenarioBase,
        __doc__="One question, as a scenario file asks it.",
        systems=(by_name, Field(description="the systems to compare, by name")),
    )


def _system_model(model: Model) -> type[BaseModel]:
    """A model's parameters, and the key that names the model."""
    name: Any = Literal[model.name]
    return create_model(
        f"{model.name}_system",
        __base__=model.parameters,
        __doc__=model.summary,
        model=(name, Field(description=model.summary)),
    )


class ScenarioBase(Parameters):
    """What every scenario has beside its systems."""

    schema_: Literal[1] = Field(alias="schema", description="version of the scenario format")
    name: Name = Field(description="short name; names the run folder")
    question: Annotated[str, StringConstraints(max_length=1000)] = Field("", description="the question in words")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(1, description="of all random numbers")
    replications: Annotated[int, Field(ge=1, le=REPLICATIONS_MAX)] = Field(5, description="independent repetitions")
    duration_s: Annotated[float, Field(gt=0, le=DURATION_S_MAX)] | None = Field(
        None, description="simulated seconds during which requests arrive; a trace may end before; 60 without a trace"
    )
    warmup_s: Annotated[float, Field(ge=0, le=DURATION_S_MAX)] = Field(
        0.0, description="requests that arrive before are not measured"
    )
    drain_s: Annotated[float, Field(ge=0, le=DURATION_S_MAX)] = Field(
        60.0, description="simulated seconds after the duration in which requests may still settle"
    )
    windows: Annotated[int, Field(ge=1, le=1000)] = Field(60, description="windows of time in the course over time")
    initial: Literal["stationary", "cold"] = Field(
        "stationary",
        description="caches at time zero: as the workload would have left them, or empty; a trace starts cold",
    )
    workload: WorkloadSpec = Field(WorkloadSpec(), description="what clients ask for")
    faults: Annotated[list[AnyFault], Field(max_length=1000)] = Field([], description="what happens to parts, and when")
    sweep: SweepSpec | None = Field(None, description="cells of `tierbench sweep`")
    expect: Annotated[list[Expectation], Field(max_length=1000)] = Field([], description="what must hold")


def json_schema() -> dict[str, Any]:
    """The JSON schema of scenario files."""
    schema = scenario_model().model_json_schema(by_alias=True)
    _close(schema)
    return cast(dict[str, Any], {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def _close(part: Any) -> None:
    """Where names must have a form, no others are allowed."""
    if isinstance(part, dict):
        if "patternProperties" in part:
            part.setdefault("additionalProperties", False)
        for each in part.values():
            _close(each)
    elif isinstance(part, list):
        for each in part:
            _close(each)
