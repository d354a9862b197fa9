"""The cells of a sweep: which values at which paths, each checked before anything runs.

All cells have the scenario's seed, and streams of random numbers go by name; so all see the same arrivals, keys and
sizes as far as their values allow, and a difference between two cells is a difference of their values.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cost import Cost, estimate
from bench.errors import LimitError, Problem, ProblemsError, ScenarioError
from bench.machine import sources_digest
from bench.scenario.assignments import SWEEP, RefusedError, read_axis, read_path
from bench.scenario.document import Document, Origin, read_document
from bench.scenario.load import Scenario, build, resolved_text
from bench.scenario.locate import KeyPath
from bench.scenario.schema import CELLS_MAX, Range
from bench.simulate import Engine
from bench.workers import Recipe
from models.kernel.arrivals import Closed
from models.kernel.predict import mean_responses_s
from models.kernel.program import Program

Parameters = Mapping[str, Any]
"""Values by path, as `--set` writes it."""


@dataclass(frozen=True)
class Expected:
    """What closed forms say of one system in one cell.

    Args:
        means_ms: Mean latency by operation; inf beyond saturation; empty where there is none, as for closed loops.
        rate_per_s: The rate of requests, all operations together.
        saturation_per_s: The rate of requests at which the bottleneck is always busy; inf where there is none.
    """

    means_ms: Mapping[str, float]
    rate_per_s: float
    saturation_per_s: float


@dataclass(frozen=True)
class Cell:
    """One point of a sweep.

    Args:
        parameters: Its values.
        recipe: How to make its scenario; the recipe's key stands for all that its result depends on.
        systems: Names of its systems.
        replications: Of each.
        requests: About how many it will simulate, all systems and replications together.
        events: About how many events that takes.
        expected: What closed forms say, by system.
    """

    parameters: Parameters
    recipe: Recipe
    systems: tuple[str, ...]
    replications: int
    requests: float
    events: float
    expected: Mapping[str, Expected]


@dataclass(frozen=True)
class Plan:
    """What a sweep will do.

    Args:
        scenario: The scenario itself.
        engine: Which engine walks the routes.
        paths: The paths whose values change, in order.
        cells: The cells, in order.
        refine: Further cells around each system's knee.
    """

    scenario: Scenario
    engine: Engine
    paths: tuple[str, ...]
    cells: tuple[Cell, ...]
    refine: int

    @property
    def axes(self) -> dict[str, list[Any]]:
        """The values of each path, in order of first appearance."""
        return {
            path: list(
                {repr(value): value for cell in self.cells if (value := cell.parameters.get(path)) is not None}.values()
            )
            for path in self.paths
        }

    def with_values(self, some: Sequence[Parameters]) -> tuple[Cell, ...]:
        """Further cells.

        Raises:
            ScenarioError: With all that is wrong with their values.
            LimitError: If one of them would cost too much.
        """
        return _cells(self.scenario, self.engine, some)


def make_plan(
    path: Path, assignments: Sequence[str], sweeps: Sequence[str], engine: Engine, refine: int | None
) -> Plan:
    """Read a scenario and make its cells.

    Args:
        path: The scenario's file.
        assignments: What was set on the command line for all cells.
        sweeps: `path=v1,v2,…` for each axis, in place of the scenario's own sweep.
        engine: Which engine walks the routes.
        refine: Further cells around each system's knee; None as the scenario says.

    Raises:
        ScenarioError: All that is wrong with the scenario, its sweep or one of its cells.
        LimitError: Something is too large.
    """
    document = read_document(path, str(path)).override(list(assignments))
    if sweeps:
        document = _with_axes(document, sweeps)
    scenario = build(path, document, tuple(assignments))
    spec = scenario.spec.sweep
    if spec is None or not (spec.grid or spec.zipped or spec.rows):
        remedy = "add [sweep], or give --sweep path=v1,v2,…"
        raise ScenarioError([document.problem(("sweep",), "the scenario has no cells to sweep over", remedy)])
    _check(spec, document)
    some = list(itertools.islice(_combinations(spec), CELLS_MAX + 1))
    if len(some) > CELLS_MAX:
        what = f"more than {CELLS_MAX:,} cells"
        raise LimitError([document.problem(("sweep",), what, "sweep over fewer values")])
    paths = tuple(dict.fromkeys(name for each in some for name in each))
    return Plan(scenario, engine, paths, _cells(scenario, engine, some), spec.refine if refine is None else refine)


def _with_axes(document: Document, sweeps: Sequence[str]) -> Document:
    """A document whose sweep is what was given on the command line."""
    grid, problems = [], []
    for text in sweeps:
        origin = Origin(SWEEP, assignment=text)
        try:
            path, values = read_axis(text)
        except RefusedError as refused:
            problems.append(Problem(SWEEP, what=refused.what, remedy=refused.remedy, assignment=text))
            continue
        name = text[: text.index("=")].strip() if path else ""
        grid.append((("sweep", "grid", name), values, origin))
    if problems:
        raise ScenarioError(problems)
    return document.without("sweep").put(grid)


def _check(spec: Any, document: Document) -> None:
    """What the form of the keys does not say: that paths can be read, and that lists fit together."""
    problems = []
    if spec.rows and (spec.grid or spec.zipped):
        problems.append(document.problem(("sweep", "list"), "stands alone, without grid and zip", "keep one of them"))
    for kind, axes in (("grid", spec.grid), ("zip", spec.zipped)):
        for name in axes:
            problems += _path_problems(("sweep", kind, name), name, document)
    for index, row in enumerate(spec.rows):
        for name in row:
            problems += _path_problems(("sweep", "list", index, name), name, document)
    lengths = {name: len(_values(axis)) for name, axis in spec.zipped.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        problems.append(document.problem(("sweep", "zip"), f"its lists differ in length: {found}", "make them equal"))
    if problems:
        raise ScenarioError(problems)


def _path_problems(at: KeyPath, name: str, document: Document) -> list[Problem]:
    try:
        path = key_path(name)
    except RefusedError as refused:
        return [document.problem(at, refused.what, refused.remedy)]
    if path[0] in ("sweep", "expect"):
        return [document.problem(at, f"{path[0]} is the same in all cells", "sweep over something else")]
    return []


def key_path(name: str) -> KeyPath:
    """The path that a text such as `systems.dax.nodes` or `faults[0].at_s` stands for.

    Raises:
        RefusedError: If it stands for none.
    """
    path, position = read_path(f"{name}=")
    if position != len(name) + 1:
        raise RefusedError("there is a = in the path", "write the path alone", path)
    return path


def _combinations(spec: Any) -> Iterator[Parameters]:
    """The values of each cell: of a grid, the last axis changes first."""
    if spec.rows:
        yield from spec.rows
        return
    axes: list[list[Parameters]] = [[{name: value} for value in _values(axis)] for name, axis in spec.grid.items()]
    if spec.zipped:
        columns = {name: _values(axis) for name, axis in spec.zipped.items()}
        axes.append([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])
    for some in itertools.product(*axes):
        yield {name: value for each in some for name, value in each.items()}


def _values(axis: Any) -> list[Any]:
    return axis.values() if isinstance(axis, Range) else list(axis)


def _cells(scenario: Scenario, engine: Engine, some: Sequence[Parameters]) -> tuple[Cell, ...]:
    """Cells with such values, all of them checked."""
    cells: list[Cell] = []
    problems: dict[Problem, None] = {}
    limits: dict[Problem, None] = {}
    for parameters in some:
        try:
            cells.append(_cell(scenario, engine, parameters))
        except ProblemsError as error:
            kind = limits if isinstance(error, LimitError) else problems
            kind.update(dict.fromkeys(error.problems))
    if problems:
        raise ScenarioError(problems)
    if limits:
        raise LimitError(limits)
    return tuple(cells)


def _cell(scenario: Scenario, engine: Engine, parameters: Parameters) -> Cell:
    document = scenario.document
    values = [(key_path(name), value, _origin(document, name, value)) for name, value in parameters.items()]
    bare = document.without("sweep").put(values)
    made = build(scenario.path, bare, scenario.assignments)
    cost = estimate(made)
    cost.refuse_if_too_much(bare)
    recipe = Recipe.of(made, _key(made, engine))
    expected = {name: _expected(made, cost, name) for name in made.systems}
    return Cell(
        dict(parameters), recipe, tuple(made.systems), int(made.spec.replications),
        cost.requests + cost.primed, cost.events, expected,
    )  # fmt: skip


def _origin(document: Document, name: str, value: Any) -> Origin:
    """Where a cell's value came from: its place in the sweep, as near as there is one."""
    for kind in ("grid", "zip"):
        axis = document.get(("sweep", kind, name))
        if isinstance(axis, list) and value in axis:
            found = document.origin(("sweep", kind, name, axis.index(value)))
        else:
            found = document.origin(("sweep", kind, name))
        if found is not None:
            return found
    rows = document.get(("sweep", "list"))
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        if row.get(name) == value:
            found = document.origin(("sweep", "list", index, name))
            if found is not None:
                return found
    found = document.origin(("sweep",))
    assert found is not None, "a sweep came from somewhere"
    return found


def _key(scenario: Scenario, engine: Engine) -> str:
    """Digest of all that a cell's result depends on: what it says, its trace, and our own code."""
    digest = hashlib.blake2b(digest_size=16)
    for piece in (resolved_text(scenario.spec), str(scenario.trace_sha256), engine, sources_digest("bench", "models")):
        digest.update(f"{len(piece)}:{piece}".encode(errors="backslashreplace"))
    return digest.hexdigest()


def _expected(scenario: Scenario, cost: Cost, name: str) -> Expected:
    prediction = cost.predictions[name]
    bottleneck = prediction.bottleneck
    saturation_per_s = math.inf if bottleneck is None else bottleneck.saturation_per_s
    if scenario.workload.trace is None and isinstance(scenario.workload.arrivals, Closed):
        return Expected({}, prediction.rate_per_s, saturation_per_s)
    means_s = mean_responses_s(Program(scenario.systems[name], name), scenario.workload, prediction)
    means_ms = {op: 1e3 * mean_s for op, mean_s in means_s.items()}
    return Expected(means_ms, prediction.rate_per_s, saturation_per_s)
