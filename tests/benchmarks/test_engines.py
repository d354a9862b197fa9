"""How fast the engines are, as ratios to hand-written SimPy, measured in turns in one process.

Goal: the compiled engine is at least 15 times as fast as what an experienced user writes by hand, the SimPy engine no
slower. Method: the same systems, draws and measures included; the best of several turns of each, so that a busy machine
slows all three alike. Ratios stand in `extra_info`; run with `make bench`.
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
from tests.benchmarks import idiomatic

REQUESTS = 20_000
LONGER = 20
"""The compiled engine simulates so many times as many, as 20,000 take it but a few milliseconds."""
TURNS = 5
COLD = 100_000
"""Requests of all three where caches start cold: what a request costs depends on how many came before."""
FLOORS = {"simpy": 1.0, "compiled": 15.0}
"""Least ratio to SimPy by hand."""


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


CASES: dict[str, tuple[Callable[[int, int], Any], Callable[[], tuple[System, Workload]]]] = {
    "direct": (partial(idiomatic.ycsb_b, dax=False), partial(shipped, "direct")),
    "dax": (partial(idiomatic.ycsb_b, dax=True), partial(shipped, "dax")),
    "mmc": (idiomatic.mmc, mmc),
    "cache_aside": (idiomatic.cache_aside, cache_aside),
    "quorum_write": (idiomatic.quorum_write, quorum_write),
}


def simulate(system: System, work: Workload, requests: int, engine: str) -> int:
    """Simulate about so many requests, measures included; returns how many there were."""
    assert isinstance(work.arrivals, Poisson)
    duration_s = requests / work.arrivals.rate_per_s
    span = Span(0.0, duration_s, duration_s + 100.0)
    drawing: Any = NumpyDrawing() if engine == "simpy" else CompiledDrawing()
    plane_type: Any = SimpyPlane if engine == "simpy" else CompiledPlane
    sources = sources_of(work, 1, 0, duration_s, drawing)
    plane = plane_type(Program(system, "system"), sources, span, 1, 0)
    plane.run()
    return int(plane.outcome(0, 1.0).simulated_requests)


@pytest.mark.timing
@pytest.mark.parametrize("name", CASES)
def test_engines_against_hand_written_simpy(name: str, benchmark: Any) -> None:
    if benchmark.disabled:
        pytest.skip("times are taken by `make bench` alone")
    by_hand, make = CASES[name]
    system, work = make()
    cold = name in ("direct", "dax")
    requests, longer = (COLD, 1) if cold else (REQUESTS, LONGER)
    contestants: dict[str, Callable[[], int]] = {
        "idiomatic": lambda: int(by_hand(requests, 1).requests),
        "simpy": lambda: simulate(system, work, requests, "simpy"),
        "compiled": lambda: simulate(system, work, longer * requests, "compiled"),
    }
    rates = dict.fromkeys(contestants, 0.0)

    def turn() -> None:
        for contestant, run in contestants.items():
            started = time.perf_counter()
            done = run()
            rates[contestant] = max(rates[contestant], done / (time.perf_counter() - started))

    simulate(system, work, 1_000, "compiled")
    benchmark.pedantic(turn, rounds=TURNS, iterations=1, warmup_rounds=1)

    benchmark.extra_info |= {f"{contestant}_requests_per_s": round(rate) for contestant, rate in rates.items()}
    for engine, least in FLOORS.items():
        ratio = rates[engine] / rates["idiomatic"]
        benchmark.extra_info[f"{engine}_ratio"] = round(ratio, 2)
        assert ratio >= least, f"{engine} is {ratio:.2f} times as fast as SimPy by hand; {benchmark.extra_info}"
