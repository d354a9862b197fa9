"""One replication of one system, on either engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import simpy

from bench.errors import ScenarioError, UsageError
from bench.machine import GET_FAST, has_compiler, keep_compiled_code
from bench.scenario.load import Scenario
from models.kernel.arrivals import Arrivals, Poisson
from models.kernel.keys import Zipf
from models.kernel.laws import Constant, Exponential
from models.kernel.outcome import Outcome
from models.kernel.parts import Cache, Group, Station
from models.kernel.plane import Plane
from models.kernel.predict import prior_rate_per_s
from models.kernel.priming import Priming, longest_ttl_s
from models.kernel.program import Program
from models.kernel.random import Stream
from models.kernel.recorder import Span
from models.kernel.sources import Block, Drawing, NumpyDrawing, OpenSource, Workload, priming_source, sources_of
from models.kernel.standstill import StandstillError
from models.kernel.steps import Fill, Lookup, Serve
from models.kernel.system import Operation, Route, System

Engine = Literal["simpy", "compiled"]
Choice = Literal["simpy", "compiled", "auto"]

LOOKS = 100
"""Instants of a closed loop at which it can be ended."""


@dataclass(frozen=True)
class Replication:
    """What simulating one replication gave.

    Args:
        outcome: What the model produced.
        settled: False where the caches' hit ratio had not settled before time zero.
    """

    outcome: Outcome
    settled: bool


def choose_engine(wanted: Choice) -> Engine:
    """The engine to use.

    Raises:
        UsageError: If the compiled engine is asked for and llvmlite is not installed.
    """
    available = has_compiler()
    if wanted == "compiled" and not available:
        raise UsageError(f"--engine compiled needs llvmlite, which is not installed; {GET_FAST}")
    if wanted == "auto":
        return "compiled" if available else "simpy"
    return wanted


# Times beyond all numbers are never reached, so they need no warning.
@np.errstate(over="ignore")
def simulate(
    scenario: Scenario, system: str, replication: int, engine: Engine, tick: Callable[[int], None] = lambda _: None
) -> Replication:
    """Simulate one replication of one system.

    Args:
        scenario: The scenario.
        system: The system's name in it.
        replication: Index from 0.
        engine: Which engine walks the routes; the outcome does not depend on it.
        tick: Called with a number of requests each time that so many more are fed in; may raise to end the run.

    Raises:
        ScenarioError: If requests go round and round without any time passing.
    """
    started = time.perf_counter()
    try:
        plane, settled = _run(scenario, system, replication, engine, tick)
    except StandstillError as error:
        raise ScenarioError([scenario.document.problem(("systems", system), *_standstill(error), "key")]) from error
    return Replication(plane.outcome(replication, time.perf_counter() - started), settled)


def _run(
    scenario: Scenario, system: str, replication: int, engine: Engine, tick: Callable[[int], None]
) -> tuple[Plane, bool]:
    """Run a replication to its end; returns the plane, and whether the caches had settled."""
    if engine == "simpy":
        from models.kernel.simpy_engine import SimpyPlane

        return _run_on(SimpyPlane, NumpyDrawing(), scenario, system, replication, tick)
    keep_compiled_code()
    from models.kernel.compiled_engine import CompiledDrawing, CompiledPlane, ahead_or_in_step

    told = 0

    def run(ahead: bool) -> tuple[Plane, bool]:
        fed = 0

        def telling(count: int) -> None:
            """Tell of what was not told of before, should it come a second time."""
            nonlocal fed, told
            fed += count
            tick(max(0, fed - told))
            told = max(told, fed)

        make = partial(CompiledPlane, ahead=ahead)
        return _run_on(make, CompiledDrawing(), scenario, system, replication, telling)

    return ahead_or_in_step(run)


def _run_on(
    make: Callable[..., Any], drawing: Drawing, scenario: Scenario, system: str, replication: int,
    tick: Callable[[int], None],
) -> tuple[Plane, bool]:  # fmt: skip
    """Run a replication on a plane that is made for it."""
    workload, span, seed = scenario.workload, scenario.span, int(scenario.spec.seed)
    sources = sources_of(workload, seed, replication, span.duration_s, drawing)
    parts = scenario.systems[system]
    for source in sources:
        if isinstance(source, OpenSource):
            _watch(source, tick)
        else:
            parts = replace(parts, controls=(*parts.controls, partial(_tell, span=span, tick=tick)))
    program = Program(parts, system)
    plane = make(program, sources, span, seed, replication)
    settled = True
    if scenario.stationary and program.caches:
        past = Priming(longest_ttl_s(program, workload))
        rate_per_s = (
            workload.arrivals.initial_rate_per_s()
            if isinstance(workload.arrivals, Arrivals)
            else prior_rate_per_s(program, workload)
        )
        before = priming_source(workload, seed, replication, rate_per_s, drawing)
        _watch(before, tick)
        plane.prime(before, past)
        settled = past.settled
    plane.run()
    return plane, settled


def _standstill(error: StandstillError) -> tuple[str, str]:
    """What is wrong, and what to do."""
    what, _, remedy = str(error).partition("; ")
    return what, remedy


def _tell(plane: Plane, span: Span, tick: Callable[[int], None]) -> Generator[simpy.Event, None, None]:
    """Look up now and then from a closed loop, whose requests the engine makes for itself, so that it can be ended."""
    for look in range(1, LOOKS + 1):
        yield plane.until(span.end_s * look / (LOOKS + 1))
        tick(0)


def warm_up() -> None:
    """Load what the compiled engine needs, or compile it: a few requests through a cache, before anything is timed."""
    keep_compiled_code()
    from models.kernel.compiled_engine import CompiledDrawing, CompiledPlane

    cache = Cache("cache", Group("node"), capacity_items=1)
    serve = Serve(Station("node", cache.group), Exponential(mean=1.0))
    system = System({"read": Operation(Route(serve, Lookup(cache, Route(Fill(cache)))))})
    reads = Workload(Poisson(rate_per_s=1000.0), Zipf(count=2), Constant(value=1.0), {"read": 1.0})
    drawing, span = CompiledDrawing(), Span(0.0, 0.01, 0.02, 1)
    plane = CompiledPlane(Program(system, "warm-up"), sources_of(reads, 1, 0, 0.01, drawing), span, 1, 0)
    plane.prime(priming_source(reads, 1, 0, 1000.0, drawing), Priming(0.0))
    plane.run()
    drawing.pairs(Stream(1, 2), 0, 1, 0)


def _watch(source: OpenSource, tick: Callable[[int], None]) -> None:
    """Tell of each block of requests that a source gives."""
    blocks = source.blocks

    def watched() -> Iterator[Block]:
        for block in blocks():
            tick(len(block.times_s))
            yield block

    source.blocks = watched  # type: ignore[method-assign]
