"""How fast the engines are, beside hand-written SimPy and plain event loops in C, measured in turns in one process.

Goal: the compiled engine is at least 40 times as fast as what an experienced user writes by hand in SimPy, and has at
least a third of the speed of what he would write in C; the SimPy engine is no slower than SimPy by hand. Method:
the same systems, draws and measures included; the best of several turns of each, so that a busy machine slows all of
them alike. The compiled engine runs twice: with the loop that walks any system, and with one made for the system, whose
making is not timed. Ratios stand in `extra_info`; `make bench` prints and draws them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from bench import library
from bench.scenario.load import load
from models.kernel.arrivals import Poisson
from models.kernel.compiled_engine import CompiledDrawing, CompiledPlane
from models.kernel.keys import UniformKeys, Zipf
from models.kernel.laws import Constant, Exponential
from models.kernel.parts import Cache, Group, Quorum, Station, everybody
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.simpy_engine import SimpyPlane
from models.kernel.sources import NumpyDrawing, Workload, sources_of
from models.kernel.steps import Choose, Fill, Fork, Lookup, Serve
from models.kernel.system import Operation, Route, System
from tests.benchmarks import c_loops, idiomatic

REQUESTS = 20_000
LONGER = 20
"""Compiled loops simulate so many times as many, as 20,000 take them but a few milliseconds."""
TURNS = 5
COLD = 100_000
"""Requests of all where caches start cold: what a request costs depends on how many came before."""
FLOORS = {"simpy": 1.0, "interpreting": 30.0, "specialised": 40.0}
"""Least ratio to SimPy by hand."""
FLOOR_OF_C = 1 / 3
"""Least part of the speed in C."""


def mmc() -> tuple[System, Workload]:
    """M/M/4 at 80 % load."""
    station = Station("server", Group("server"), servers=4)
    system = System({"read": Operation(Route(Serve(station, Exponential(mean=0.001))))})
    return system, Workload(Poisson(rate_per_s=3_200.0), UniformKeys(), Constant(value=100.0), {"read": 1.0})


def cache_aside() -> tuple[System, Workload]:
    """A cache of 10,000 items beside a store of 100,000."""
    node, store = Group("node"), Group("store")
    cache = Cache("cache", node, capacity_items=10_000)
    ask = Route(Serve(Station("store", store, 0), Exponential(mean=0.002)), Fill(cache))
    route = Route(Serve(Station("lookup", node, 0), Exponential(mean=0.0002)), Lookup(cache, ask))
    keys = Zipf(count=100_000, exponent=0.99)
    return System({"read": Operation(route)}), Workload(
        Poisson(rate_per_s=2_000.0), keys, Constant(value=100.0), {"read": 1.0}
    )


def quorum_write() -> tuple[System, Workload]:
    """Six copies, four answers."""
    copies = Group("copies", 6)
    leg = Route(Choose(everybody(copies), "leg"), Serve(Station("copies", copies, 0), Exponential(mean=0.001)))
    system = System({"write": Operation(Route(Fork(Quorum("quorum", 6, 4), leg)))})
    return system, Workload(Poisson(rate_per_s=1_000.0), UniformKeys(), Constant(value=100.0), {"write": 1.0})


def shipped(name: str) -> tuple[System, Workload]:
    """A system of the scenario `dax_vs_dynamodb`, under the load of its hand-written twin."""
    scenario = load(library.find("dax_vs_dynamodb"), ["workload.arrivals.rate_per_s=2000.0"])
    return scenario.systems[name], scenario.workload


Loop = Callable[[int, int], Any]
CASES: dict[str, tuple[Loop, Loop, Callable[[], tuple[System, Workload]]]] = {
    "direct": (partial(idiomatic.ycsb_b, dax=False), partial(c_loops.ycsb_b, dax=False), partial(shipped, "direct")),
    "dax": (partial(idiomatic.ycsb_b, dax=True), partial(c_loops.ycsb_b, dax=True), partial(shipped, "dax")),
    "mmc": (idiomatic.mmc, c_loops.mmc, mmc),
    "cache_aside": (idiomatic.cache_aside, c_loops.cache_aside, cache_aside),
    "quorum_write": (idiomatic.quorum_write, c_loops.quorum_write, quorum_write),
}
"""By hand in SimPy, by hand in C, and as a system."""


def simulate(system: System, work: Workload, requests: int, engine: str) -> int:
    """Simulate about so many requests, measures included; returns how many there were."""
    assert isinstance(work.arrivals, Poisson)
    duration_s = requests / work.arrivals.rate_per_s
    span = Span(0.0, duration_s, duration_s + 100.0)
    drawing: Any = NumpyDrawing() if engine == "simpy" else CompiledDrawing()
    make: Any = SimpyPlane if engine == "simpy" else partial(CompiledPlane, specialised=engine == "specialised")
    sources = sources_of(work, 1, 0, duration_s, drawing)
    plane = make(Program(system, "system"), sources, span, 1, 0)
    plane.run()
    return int(plane.outcome(0, 1.0).simulated_requests)


@pytest.mark.timing
@pytest.mark.parametrize("name", CASES)
def test_engines_against_simpy_and_c_by_hand(name: str, benchmark: Any) -> None:
    if benchmark.disabled:
        pytest.skip("times are taken by `make bench` alone")
    by_hand, in_c, make = CASES[name]
    system, work = make()
    cold = name in ("direct", "dax")
    requests, longer = (COLD, COLD) if cold else (REQUESTS, LONGER * REQUESTS)
    contestants: dict[str, Callable[[], int]] = {"by hand": lambda: int(by_hand(requests, 1).requests)}
    if c_loops.compiler() is not None:
        contestants["C"] = lambda: int(in_c(longer, 1).requests)
    contestants["simpy"] = lambda: simulate(system, work, requests, "simpy")
    for loop in ("interpreting", "specialised"):
        contestants[loop] = partial(simulate, system, work, longer, loop)
        simulate(system, work, 1_000, loop)
    rates = dict.fromkeys(contestants, 0.0)

    def turn() -> None:
        for contestant, run in contestants.items():
            # What takes no time is timed more often, as the best of few is still chance.
            for _ in range(1 if contestant in ("by hand", "simpy") else 3):
                started = time.perf_counter()
                done = run()
                rates[contestant] = max(rates[contestant], done / (time.perf_counter() - started))

    benchmark.pedantic(turn, rounds=TURNS, iterations=1, warmup_rounds=1)

    benchmark.extra_info["requests_per_s"] = {contestant: round(rate) for contestant, rate in rates.items()}
    for engine, least in FLOORS.items():
        assert rates[engine] / rates["by hand"] >= least, f"{engine}: {benchmark.extra_info}"
    if "C" in rates:
        assert rates["specialised"] / rates["C"] >= FLOOR_OF_C, benchmark.extra_info
