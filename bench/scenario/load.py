"""From a scenario file to what can be run: every key checked, presets filled in, the trace read, the systems built.

All problems are said at once, each with its place; nothing has been run or written by then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bench import expectations
from bench.errors import Problem, ScenarioError
from bench.presets import PRESETS
from bench.scenario import faults
from bench.scenario.document import Document, read_document
from bench.scenario.problems import problems_from_validation
from bench.scenario.schema import TraceSpec, WorkloadSpec, scenario_model
from bench.scenario.suggest import hint
from bench.statistics.metrics import Shape
from bench.statistics.windows import phases
from bench.traces import Trace, read_trace
from models.catalogue import MODELS
from models.kernel.charges import charges_made
from models.kernel.faults import schedule
from models.kernel.outcome import WRITES
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import ERRORS, System

MIX_SLACK = 1e-9
DEFAULT_DURATION_S = 60.0
"""Without a trace, which has an end of its own."""


@dataclass(frozen=True)
class Scenario:
    """A scenario, ready to run.

    Args:
        path: The file.
        assignments: What was set on the command line.
        document: The file's values, with what was set.
        spec: The validated keys, presets filled in.
        workload: What clients ask for.
        systems: By name.
        span: What is simulated and measured.
        shapes: What figures each system will have.
        course: What happens when.
        trace_sha256: Digest of the trace's file, if there is one.
    """

    path: Path
    assignments: tuple[str, ...]
    document: Document
    spec: Any
    workload: Workload
    systems: Mapping[str, System]
    span: Span
    shapes: Mapping[str, Shape]
    course: expectations.Course
    trace_sha256: str | None

    @property
    def stationary(self) -> bool:
        """Whether caches start as the workload would have left them."""
        return bool(self.spec.initial == "stationary" and self.workload.trace is None)

    @property
    def name(self) -> str:
        """The scenario's name."""
        return str(self.spec.name)


def load(path: Path | str, assignments: Sequence[str] = ()) -> Scenario:
    """Read a scenario file and all that it names.

    Args:
        path: The file.
        assignments: `path=value` pairs that override it.

    Raises:
        ScenarioError: All that is wrong with it.
        LimitError: Something in it is too large.
    """
    document = read_document(Path(path), str(path)).override(list(assignments))
    return build(Path(path), document, tuple(assignments))


def build(path: Path, document: Document, assignments: tuple[str, ...] = ()) -> Scenario:
    """Check a document, read what it names, and make its systems.

    Args:
        path: The scenario's file, for what it names in its folder.
        document: The file's values, with what was set.
        assignments: What was set.

    Raises:
        ScenarioError: All that is wrong with it.
        LimitError: Something in it is too large.
    """
    try:
        spec: Any = scenario_model().model_validate(_with_preset(document))
    except ValidationError as error:
        raise ScenarioError(problems_from_validation(error, document, scenario_model())) from None
    problems = [*_workload_problems(spec, document), *_time_problems(spec, document)]
    trace = _trace(spec.workload, document, path.parent, problems)
    _raise_any(problems)
    arrivals, found = faults.under_load(spec.workload.arrivals, spec.faults, document.problem, traced=trace is not None)
    problems.extend(found)
    workload = _workload(spec, arrivals, trace)
    span = _span(spec, workload)
    if span.warmup_s >= span.duration_s > 0.0 and trace is not None:
        what = f"leaves nothing to measure: the trace ends at {span.duration_s:g} s"
        problems.append(document.problem(("warmup_s",), what, "make it less", "value"))
    systems = _systems(spec, workload.operation_names, document, problems)
    _raise_any(problems)
    programs = {name: Program(system, name) for name, system in systems.items()}
    happening, found = faults.resolve(spec.faults, programs, document.problem)
    _raise_any([*faults.check_times(spec.faults, span.warmup_s, span.duration_s, document.problem), *found])
    systems = {
        name: replace(system, controls=(schedule(happening[name]), *system.controls, *system.watchers))
        if happening[name]
        else system
        for name, system in systems.items()
    }
    shapes = {name: replace(shape_of(program), disturbed=bool(happening[name])) for name, program in programs.items()}
    times = [(fault.at_s, fault.end_s) for fault in spec.faults]
    course = expectations.Course(
        [span.window_s * k for k in range(span.windows + 1)], phases(times, span.warmup_s, span.duration_s)
    )
    _raise_any(expectations.check(spec.expect, shapes, document.problem, course))
    sha256 = None if trace is None else trace.sha256
    return Scenario(path, assignments, document, spec, workload, systems, span, shapes, course, sha256)


def _raise_any(problems: list[Problem]) -> None:
    if problems:
        raise ScenarioError(problems)


def shape_of(program: Program) -> Shape:
    """What figures a system will have."""
    buckets = [bucket.name for bucket in program.buckets]
    return Shape(
        operations=program.operation_names,
        stations=[station.name for station in program.stations],
        caches=[cache.name for cache in program.caches],
        counters=[
            *(f"{cache.name}.evictions" for cache in program.caches),
            *(f"{name}.{what}" for name in buckets for what in ("admitted", "throttled")),
            *(f"{room.name}.waited" for room in program.rooms),
            *(f"writes.{what}" for what in WRITES if program.copies is not None),
        ],
        error_kinds=ERRORS[1:],
        buckets=buckets,
        charges=[charge.name for charge in charges_made(program.system.charges, buckets)],
        stages=program.system.stages,
    )


def _with_preset(document: Document) -> dict[str, Any]:
    """The file's data with the preset's keys under the workload's own.

    A table of the workload that does not say of which kind it is, and has no key but those of the table that holds
    otherwise, changes that one: `arrivals.rate_per_s = 500` leaves arrivals as they are, but for their rate.
    """
    data = dict(document.data)
    workload = data.get("workload")
    if not isinstance(workload, dict):
        return data
    name = workload.get("preset")
    preset = PRESETS[name].workload if isinstance(name, str) and name in PRESETS else {}
    otherwise = {**WorkloadSpec().model_dump(mode="json", exclude_none=True), **preset}
    data["workload"] = {
        **preset, **{key: _over(otherwise.get(key), value) for key, value in workload.items()}
    }  # fmt: skip
    return data


def _over(table: object, value: object) -> object:
    """A table's keys under those of a value that changes some of them; any other value as it is."""
    if not (isinstance(table, dict) and isinstance(value, dict)) or "kind" not in table or "kind" in value:
        return value
    return {**table, **value} if value and value.keys() <= table.keys() else value


def _workload_problems(spec: Any, document: Document) -> list[Problem]:
    mix = spec.workload.mix
    total = sum(mix.values())
    if abs(total - 1.0) > MIX_SLACK and spec.workload.trace is None:
        path = ("workload", "mix")
        return [document.problem(path, f"the shares add up to {total:g}", "make them add up to 1", at="value")]
    return []


def _time_problems(spec: Any, document: Document) -> list[Problem]:
    duration_s = DEFAULT_DURATION_S if spec.duration_s is None else spec.duration_s
    if spec.workload.trace is None and spec.warmup_s >= duration_s:
        what = f"leaves nothing to measure of the {duration_s:g} s that requests arrive"
        return [document.problem(("warmup_s",), what, "make it less than duration_s", "value")]
    return []


def _trace(workload: Any, document: Document, folder: Path, problems: list[Problem]) -> Trace | None:
    """Read the trace; a path in the file stays within the file's folder, one that was set may be anywhere."""
    spec: TraceSpec | None = workload.trace
    if spec is None:
        return None
    origin = document.origin(("workload", "trace", "file"))
    path = Path(spec.file)
    if origin is None or origin.kind == "file":
        path = folder / path
        if Path(spec.file).is_absolute() or not _is_inside(path, folder):
            remedy = "put the trace beside the scenario, or give its path with --set workload.trace.file=PATH"
            place = ("workload", "trace", "file")
            problems.append(document.problem(place, "leads out of the scenario's folder", remedy, "value"))
            return None
    columns = {name: value for name, value in spec.columns.model_dump().items() if value is not None}
    pace = spec.pace if isinstance(spec.pace, str) else spec.pace.model_dump()
    size_bytes = math.ceil(workload.drawn().mean_size_bytes)
    try:
        return read_trace(path, columns or None, pace, spec.file, header=spec.header, size_bytes=size_bytes)
    except ScenarioError as error:
        problems.extend(error.problems)
        return None


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a path stays within a folder, links followed."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        # A NUL in the name, or links that lead in circles.
        return False


def _workload(spec: Any, arrivals: Any, trace: Trace | None) -> Workload:
    drawn: Workload = spec.workload.drawn()
    return replace(drawn, arrivals=arrivals, trace=None if trace is None else trace.requests)


def _systems(spec: Any, operations: tuple[str, ...], document: Document, problems: list[Problem]) -> dict[str, System]:
    systems = {}
    for name, parameters in spec.systems.items():
        model = MODELS[parameters.model]
        unknown = [op for op in operations if model.operations is not None and op not in model.operations]
        for op in unknown:
            known = model.operations or ()
            what = f"the workload asks for {op!r}, which model {model.name} does not know"
            problems.append(document.problem(("systems", name, "model"), what, hint(op, known, "it knows"), "value"))
        if not unknown:
            systems[name] = model.build(parameters, operations)
    return systems


def _span(spec: Any, workload: Workload) -> Span:
    duration_s = DEFAULT_DURATION_S if spec.duration_s is None else spec.duration_s
    if workload.trace is not None:
        last_s = workload.trace.last_s
        duration_s = last_s if spec.duration_s is None else min(last_s, spec.duration_s)
    return Span(spec.warmup_s, duration_s, duration_s + spec.drain_s, spec.windows)


def resolved_text(spec: BaseModel) -> str:
    """A scenario file with all keys and their values, defaults filled in and absent ones left out.

    What a terminal would not show, or would obey, stands as its number: it can only be within quotes, where TOML has
    escapes for it.
    """
    import tomli_w

    text = tomli_w.dumps(spec.model_dump(mode="json", by_alias=True, exclude_none=True))
    return "".join(each if each.isprintable() or each == "\n" else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
