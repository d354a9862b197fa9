"""Replications of a system under a workload, for tests that hold means against theory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from scipy import stats

from models.kernel.arrivals import Arrivals, Closed, ConstantArrivals
from models.kernel.keys import KeyLaw, UniformKeys
from models.kernel.laws import Constant, Law
from models.kernel.outcome import Outcome
from models.kernel.parts import Group, Station
from models.kernel.priming import Priming
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.simpy_engine import SimpyPlane
from models.kernel.sources import Block, NumpyDrawing, Trace, Workload, priming_source, sources_of
from models.kernel.steps import Serve
from models.kernel.system import Operation, Route, System

SEED = 20261123


def workload(arrivals: Arrivals | Closed, keys: KeyLaw | None = None, mix: dict[str, float] | None = None) -> Workload:
    """Objects of 100 bytes; reads of 1,000 keys alike unless told otherwise."""
    return Workload(arrivals, keys or UniformKeys(count=1000), Constant(value=100.0), mix or {"read": 1.0})


def recorded(*requests: tuple[float, str], keys: tuple[int, ...] = (), sizes: tuple[int, ...] = ()) -> Workload:
    """Requests at these times; all of one key and of 100 bytes unless told otherwise."""
    names = tuple(dict.fromkeys(name for _, name in requests))
    count = len(requests)
    block = Block(
        times_s=np.array([at_s for at_s, _ in requests]),
        operations=np.array([names.index(name) for _, name in requests], np.int64),
        keys=np.array(keys or [0] * count, np.int64),
        sizes_bytes=np.array(sizes or [100] * count, np.int64),
        items=np.ones(count, np.int64), ttls_s=np.full(count, np.inf),
    )  # fmt: skip
    trace = Trace.of(block, 1 + max(keys, default=0), names)
    return Workload(ConstantArrivals(rate_per_s=1.0), UniformKeys(count=1), Constant(value=1.0), {names[0]: 1.0}, trace)


def queue(law: Law, servers: int = 1, places: int | None = None) -> System:
    """One station."""
    station = Station("station", Group("group"), servers, places)
    return System({"read": Operation(Route(Serve(station, law)))})


def replicate(
    system: System,
    work: Workload,
    span: Span,
    replications: int,
    engine: str = "compiled",
    primed_ttl_s: float | None = None,
) -> list[Outcome]:
    """Outcomes of replications 0, 1, ...; primed with Poisson arrivals of the same rate if a longest TTL is given."""

    def run(replication: int, make: Callable[..., Any], drawing: Any) -> Outcome:
        sources = sources_of(work, SEED, replication, span.duration_s, drawing)
        plane = make(Program(system, "system"), sources, span, SEED, replication)
        if primed_ttl_s is not None:
            assert isinstance(work.arrivals, Arrivals)
            rate_per_s = work.arrivals.initial_rate_per_s()
            plane.prime(priming_source(work, SEED, replication, rate_per_s, drawing), Priming(primed_ttl_s))
        plane.run()
        return cast(Outcome, plane.outcome(replication, 1.0))

    def compiled(replication: int) -> Outcome:
        from models.kernel.compiled_engine import CompiledDrawing, CompiledPlane, ahead_or_in_step

        return ahead_or_in_step(lambda ahead: run(replication, partial(CompiledPlane, ahead=ahead), CompiledDrawing()))

    if engine == "compiled":
        return [compiled(replication) for replication in range(replications)]
    return [run(replication, SimpyPlane, NumpyDrawing()) for replication in range(replications)]


def assert_mean(
    outcomes: Sequence[Outcome], figure: Callable[[Outcome], float], expected: float, widest: float = 0.05
) -> None:
    """The expected value lies in the 99.9 % t-band of the replications' figures, and the band is narrow enough to tell.

    Args:
        outcomes: Independent replications.
        figure: One number of each.
        expected: What theory says.
        widest: Largest half-width of the band that still says something, as a part of the expected value.
    """
    values = np.array([figure(outcome) for outcome in outcomes])
    half = float(stats.t.ppf(0.9995, len(values) - 1)) * values.std(ddof=1) / math.sqrt(len(values))
    assert half < widest * abs(expected), f"{values.mean()} ± {half} says nothing about {expected}"
    assert abs(values.mean() - expected) <= half, f"{values.mean()} ± {half} is not {expected}"
