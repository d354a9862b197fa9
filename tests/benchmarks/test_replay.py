"""How fast a trace is replayed through an LRU cache without service time, beside an `OrderedDict` in Python.

Goal: at least 5 times as fast over keys that are numbered already, and at least twice as fast with reading and
numbering the file on both sides. Run with `make bench`.
"""

from __future__ import annotations

import csv
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.traces import read_trace
from models.kernel.arrivals import Poisson
from models.kernel.compiled_engine import CompiledDrawing, CompiledPlane
from models.kernel.keys import UniformKeys, Zipf
from models.kernel.laws import Constant
from models.kernel.outcome import IntArray
from models.kernel.parts import Cache, Group, Station
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Block, Trace, Workload, alike, sources_of
from models.kernel.steps import Fill, Lookup, Serve
from models.kernel.system import Operation, Route, System

REQUESTS, KEYS, HELD = 2_000_000, 1_000_000, 100_000
RATE_PER_S = 1_000.0
TURNS = 5
LEAST, LEAST_WITH_READING = 5.0, 2.0


def keys() -> IntArray:
    """What is asked for: Zipf over a million."""
    u = np.random.default_rng(1).random((2, REQUESTS))
    return Zipf(count=KEYS, exponent=0.99).block(u[0], u[1])


def by_hand(asked: Sequence[int]) -> int:
    """An LRU cache as one writes it in Python; returns its hits."""
    held: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for key in asked:
        if key in held:
            held.move_to_end(key)
            hits += 1
        else:
            if len(held) >= HELD:
                held.popitem(last=False)
            held[key] = None
    return hits


def numbered(asked: IntArray) -> Trace:
    """A trace of keys that are numbered already."""
    count = len(asked)
    none, forever = np.broadcast_to(np.int64(0), count), np.broadcast_to(np.inf, count)
    block = Block(np.arange(count) / RATE_PER_S, none, asked, none, alike(1, count), forever)
    return Trace.of(block, KEYS, ("read",))


def replayed(trace: Trace, *, specialised: bool) -> int:
    """The same on the compiled engine, with all its measures."""
    node, store = Group("node"), Group("store")
    cache = Cache("cache", node, capacity_items=HELD)
    ask = Route(Serve(Station("store", store, 0), Constant(value=0.0)), Fill(cache))
    route = Route(Serve(Station("lookup", node, 0), Constant(value=0.0)), Lookup(cache, ask))
    poisson = Poisson(rate_per_s=RATE_PER_S)
    work = Workload(poisson, UniformKeys(count=trace.key_count), Constant(value=0.0), {"read": 1.0}, trace=trace)
    span = Span(0.0, trace.count / RATE_PER_S, trace.count / RATE_PER_S + 1.0)
    sources = sources_of(work, 1, 0, span.duration_s, CompiledDrawing())
    system = System({"read": Operation(route)})
    plane = CompiledPlane(Program(system, "replay"), sources, span, 1, 0, specialised=specialised)
    plane.run()
    return int(plane.outcome(0, 0.0).caches["cache"].hits.sum())


def read_by_hand(path: Path) -> int:
    """Reading, numbering and replaying in one loop."""
    numbers: dict[str, int] = {}
    with path.open(newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return by_hand([numbers.setdefault(row[0], len(numbers)) for row in rows])


def read_and_replayed(path: Path) -> int:
    trace = read_trace(path, {"key": "key"}, {"rate_per_s": RATE_PER_S})
    return replayed(trace.requests, specialised=True)


def compete(benchmark: Any, contestants: dict[str, Callable[[], int]], turns: int = TURNS) -> dict[str, float]:
    """Seconds of each, the best of several turns; all must find the same hits."""
    seconds = dict.fromkeys(contestants, float("inf"))
    hits = {name: run() for name, run in contestants.items()}
    assert len(set(hits.values())) == 1, hits

    def turn() -> None:
        for name, run in contestants.items():
            started = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - started)

    benchmark.pedantic(turn, rounds=turns, iterations=1)
    benchmark.extra_info["requests_per_s"] = {name: round(REQUESTS / value) for name, value in seconds.items()}
    return seconds


@pytest.mark.timing
def test_replay_against_an_ordered_dict(benchmark: Any) -> None:
    if benchmark.disabled:
        pytest.skip("times are taken by `make bench` alone")
    asked = keys()
    contestants: dict[str, Callable[[], int]] = {"by hand": partial(by_hand, asked.tolist())}
    for loop in ("interpreting", "specialised"):
        contestants[loop] = partial(replayed, numbered(asked), specialised=loop == "specialised")

    seconds = compete(benchmark, contestants)

    assert seconds["by hand"] / seconds["specialised"] >= LEAST, benchmark.extra_info


@pytest.mark.timing
def test_replay_with_reading_against_an_ordered_dict(benchmark: Any, tmp_path: Path) -> None:
    if benchmark.disabled:
        pytest.skip("times are taken by `make bench` alone")
    path = tmp_path / "trace.csv"
    path.write_text("key\n" + "".join(f"object{key}\n" for key in keys().tolist()), "utf-8")

    contestants = {"by hand": partial(read_by_hand, path), "specialised": partial(read_and_replayed, path)}
    seconds = compete(benchmark, contestants, turns=3)

    assert seconds["by hand"] / seconds["specialised"] >= LEAST_WITH_READING, benchmark.extra_info
