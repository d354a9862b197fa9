"""Throughput of Memcached, Redis and Valkey by threads: what a public benchmark measured, beside what the models give.

The benchmark's clients wait for an answer and ask again, 256 of them, over UNIX sockets; the caches have 16 CPUs, the
load generator 16 others. Some rows are what the models' parameters are tuned on; all others are predicted. The load
generator is a station of its own, as it is what ends Memcached's gets from ten threads on.

Source:
    tidwall, cache-benchmarks (September 2025), github.com/tidwall/cache-benchmarks at 9a9320c: results/runs, medians of
    31 runs on a c8g.8xlarge.

Limits:
    Valkey's rows are held against Redis's parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from bench.datafiles import csv_text
from bench.pictures.data import Curve, Frame, Panel
from bench.pictures.multiples import Multiple, MultiplesData, draw
from bench.pictures.style import look
from bench.pictures.themes import INK
from bench.statistics.figures import latency_mean_ms, percentile_ms
from bench.studies.exhibits import FOLDER, keep_study
from models.elasticache.commands import (
    Commands,
    CommandThreadParameters,
    WorkerThreadParameters,
    command_thread,
    worker_threads,
)
from models.elasticache.node_types import Machine
from models.kernel.arrivals import Closed
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, Exponential
from models.kernel.parts import Group, Station
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload, sources_of
from models.kernel.steps import Serve
from models.kernel.system import Operation, Route, System

Engine = Literal["memcached", "redis", "valkey"]
Command = Literal["get", "set"]

THREADS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)
TICKS = (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0)
CLIENTS, VALUE_BYTES = 256, 512.0
BENCHMARK = Machine(vcpus=16, slowness=1.0, bytes_per_s=1e12, connections=CLIENTS)
"""The machine; nothing goes over a network."""
GENERATOR_THREADS, GENERATOR_S = 16, 16 / 3_106_016
"""Of the load generator, and what a request takes one of them: Memcached's gets at 16 threads."""
SEED, REQUESTS = 20261123, 60_000


@dataclass(frozen=True)
class Row:
    """What was published of an engine and a command, by `THREADS`.

    Args:
        commands_per_s: Throughput.
        mean_ms, p50_ms, p99_ms: Latency of a request.
        tuned: At which numbers of threads the models are tuned on it.
        depth: Commands in a request.
    """

    commands_per_s: tuple[float, ...]
    mean_ms: tuple[float, ...] = ()
    p50_ms: tuple[float, ...] = ()
    p99_ms: tuple[float, ...] = ()
    tuned: tuple[int, ...] = ()
    depth: int = 1


PUBLISHED: dict[tuple[Engine, Command], Row] = {
    ("memcached", "get"): Row(
        (316_474, 616_925, 878_800, 1_139_823, 1_414_321, 1_725_357, 2_131_743, 2_601_307, 3_160_040, 3_083_498,
         3_070_704, 3_106_016),
        (0.807, 0.412, 0.292, 0.223, 0.179, 0.147, 0.119, 0.097, 0.08, 0.083, 0.083, 0.082),
        (0.807, 0.415, 0.295, 0.223, 0.183, 0.143, 0.119, 0.095, 0.079, 0.079, 0.087, 0.079),
        (0.959, 0.487, 0.391, 0.431, 0.359, 0.295, 0.239, 0.191, 0.127, 0.127, 0.127, 0.127),
        tuned=(1, 16),
    ),
    ("memcached", "set"): Row(
        (240_682, 444_246, 615_859, 780_595, 911_913, 1_053_675, 1_190_498, 1_271_805, 1_392_368, 1_426_137, 1_412_935,
         1_355_368),
        (1.063, 0.575, 0.413, 0.331, 0.28, 0.241, 0.222, 0.199, 0.182, 0.181, 0.19, 0.185),
        (1.063, 0.575, 0.415, 0.335, 0.279, 0.239, 0.223, 0.199, 0.183, 0.175, 0.183, 0.167),
        (1.151, 0.639, 0.471, 0.391, 0.559, 0.479, 0.447, 0.399, 0.367, 0.375, 0.399, 0.423),
        tuned=(1, 10),
    ),
    ("redis", "get"): Row(
        (301_882, 334_553, 597_704, 899_180, 1_222_917, 1_573_539, 1_571_652, 1_513_408, 1_528_947, 1_465_179,
         1_412_220, 1_322_593),
        (0.848, 0.755, 0.434, 0.29, 0.209, 0.164, 0.162, 0.168, 0.167, 0.174, 0.18, 0.193),
        (0.839, 0.719, 0.391, 0.247, 0.223, 0.167, 0.167, 0.175, 0.167, 0.175, 0.183, 0.199),
        (1.647, 1.503, 0.807, 0.487, 0.327, 0.247, 0.199, 0.207, 0.207, 0.215, 0.223, 0.239),
        tuned=(1, 2, 6, 16),
    ),
    ("redis", "set"): Row(
        (274_102, 288_606, 524_777, 794_337, 1_097_643, 1_437_760, 1_786_206, 1_669_915, 1_696_033, 1_615_006,
         1_549_156, 1_464_812),
        (0.94, 0.884, 0.492, 0.324, 0.236, 0.177, 0.145, 0.153, 0.15, 0.158, 0.164, 0.174),
        (0.927, 0.839, 0.447, 0.263, 0.231, 0.183, 0.143, 0.159, 0.151, 0.159, 0.167, 0.175),
        (1.831, 1.767, 0.927, 0.567, 0.391, 0.287, 0.215, 0.191, 0.191, 0.199, 0.207, 0.215),
        tuned=(7,),
    ),
    ("valkey", "get"): Row(
        (290_573, 359_797, 586_602, 941_539, 1_315_617, 1_333_266, 1_275_196, 1_331_683, 1_395_046, 1_390_085,
         1_473_645, 1_378_141),
        (0.881, 0.711, 0.435, 0.281, 0.206, 0.193, 0.2, 0.191, 0.183, 0.183, 0.173, 0.185),
        (0.871, 0.711, 0.439, 0.295, 0.223, 0.199, 0.199, 0.199, 0.191, 0.191, 0.175, 0.191),
        (1.711, 0.767, 0.591, 0.351, 0.287, 0.271, 0.279, 0.263, 0.215, 0.207, 0.191, 0.215),
    ),
    ("valkey", "set"): Row(
        (266_139, 317_916, 541_711, 856_001, 1_203_606, 1_231_709, 1_385_376, 1_423_688, 1_424_770, 1_408_389,
         1_440_873, 1_395_078),
        (0.977, 0.804, 0.482, 0.309, 0.22, 0.209, 0.184, 0.18, 0.179, 0.181, 0.177, 0.183),
        (0.967, 0.807, 0.487, 0.319, 0.239, 0.215, 0.191, 0.183, 0.183, 0.183, 0.183, 0.183),
        (1.887, 0.887, 0.687, 0.375, 0.295, 0.255, 0.247, 0.287, 0.239, 0.215, 0.199, 0.207),
    ),
}  # fmt: skip
PIPELINED: dict[tuple[Engine, int], Row] = {
    ("memcached", 10): Row(
        (846_637, 1_588_214, 2_360_034, 3_204_168, 4_167_420, 4_727_990, 5_572_971, 6_269_023, 7_900_362, 10_010_480,
         11_035_872, 10_766_322),
        tuned=(1,), depth=10,
    ),
    ("memcached", 50): Row(
        (839_725, 1_601_036, 2_397_761, 3_272_011, 4_246_147, 4_915_714, 5_554_690, 6_169_320, 7_648_056, 9_792_633,
         11_520_540, 12_128_431),
        depth=50,
    ),
    ("redis", 10): Row(
        (746_837, 1_135_605, 1_143_775, 1_090_361, 1_196_769, 1_203_111, 1_174_370, 1_144_255, 1_163_067, 1_178_575,
         1_164_238, 998_969),
        tuned=(1, 6), depth=10,
    ),
    ("redis", 50): Row(
        (928_735, 1_062_973, 1_057_512, 1_075_205, 1_038_673, 1_145_107, 1_186_800, 1_205_594, 1_178_466, 1_212_661,
         1_191_956, 1_025_177),
        depth=50,
    ),
}  # fmt: skip
"""Gets with several commands in a request. Redis's set is tuned on one such row as well, of sets at 6 threads."""


@dataclass(frozen=True)
class Point:
    """What a model gives for an engine, a command and a number of threads."""

    engine: Engine
    command: Command
    threads: int
    commands_per_s: float
    mean_ms: float
    p50_ms: float
    p99_ms: float
    depth: int = 1


def commands(engine: Engine, threads: int, machine: Machine = BENCHMARK) -> Commands:
    """Of the only node."""
    nodes = Group("nodes")
    if engine == "memcached":
        return worker_threads(nodes, WorkerThreadParameters(count=threads), machine)
    return command_thread(nodes, CommandThreadParameters(io_threads=threads), machine)


def measure(engine: Engine, command: Command, threads: int, depth: int = 1, requests: int = REQUESTS) -> Point:
    """Run the benchmark on a model; half of it warms up."""
    from models.kernel.compiled_engine import CompiledDrawing, CompiledPlane, ahead_or_in_step

    known = commands(engine, threads)
    generator = Serve(Station("load generator", Group("clients"), GENERATOR_THREADS), Exponential(mean=GENERATOR_S))
    name = "read" if depth == 1 else "batch_get"
    steps = {"get": known.get, "set": known.set}[command] if depth == 1 else known.batch
    system = System({name: Operation(Route(generator, *steps))})
    work = Workload(
        Closed(clients=CLIENTS), UniformKeys(count=10), Constant(value=VALUE_BYTES), {name: 1.0},
        items=Constant(value=float(depth)),
    )  # fmt: skip
    published = PUBLISHED[engine, command] if depth == 1 else PIPELINED[engine, depth]
    duration_s = 2 * requests * depth / published.commands_per_s[THREADS.index(threads)]
    span = Span(duration_s / 2, duration_s, duration_s + 60.0, 2)
    sources = sources_of(work, SEED, 0, duration_s, CompiledDrawing())

    def run(ahead: bool) -> CompiledPlane:
        plane = CompiledPlane(Program(system, engine), sources, span, SEED, 0, ahead=ahead)
        plane.run()
        return plane

    outcome = ahead_or_in_step(run).outcome(0, 1.0).operations[name]
    per_s = depth * int(outcome.window_ok[1]) / (duration_s / 2)
    latency = outcome.latency
    return Point(
        engine, command, threads, per_s, latency_mean_ms(latency) or 0.0,
        percentile_ms(latency, 0.5) or 0.0, percentile_ms(latency, 0.99) or 0.0, depth,
    )  # fmt: skip


def points() -> Iterator[Point]:
    """Memcached and Redis at every number of threads."""
    for engine, command in PUBLISHED:
        if engine != "valkey":
            for threads in THREADS:
                yield measure(engine, command, threads)


def error(point: Point) -> float:
    """How far a model is off what was published, as a part of that."""
    row = PUBLISHED[point.engine, point.command] if point.depth == 1 else PIPELINED[point.engine, point.depth]
    return point.commands_per_s / row.commands_per_s[THREADS.index(point.threads)] - 1.0


def is_tuned(point: Point) -> bool:
    """Whether its row is one that the models are tuned on."""
    row = PUBLISHED[point.engine, point.command] if point.depth == 1 else PIPELINED[point.engine, point.depth]
    return point.threads in row.tuned


def picture_data(some: Sequence[Point]) -> MultiplesData:
    """A panel for each command, a curve for each engine."""
    engines: tuple[Engine, ...] = ("memcached", "redis")
    row = [
        Multiple(
            Panel(
                f"{command}, one command in a request", "million/s",
                [_curve(some, engine, command, index) for index, engine in enumerate(engines)], "rate",
            )
        )
        for command in ("get", "set")
    ]  # fmt: skip
    frame = Frame("Study", "What do more threads bring?", finding(some), CAPTION)
    return MultiplesData(
        frame,
        ("Memcached 1.6.38", "Redis 8.2.1"),
        [row],
        "threads",
        tuple(float(n) for n in (1, 2, 4, 6, 8, 10, 12, 16)),
    )


def _curve(some: Sequence[Point], engine: Engine, command: Command, index: int) -> Curve:
    mine = [each for each in some if (each.engine, each.command) == (engine, command)]
    y = np.array([each.commands_per_s / 1e6 for each in mine])
    nothing = np.full(len(mine), np.nan)
    return Curve(engine, index, np.array([float(each.threads) for each in mine]), y, nothing, nothing)


def finding(some: Sequence[Point]) -> str:
    """What the rows say, from their numbers."""
    off = [abs(error(each)) for each in some if not is_tuned(each)]
    near = sum(each <= 0.05 for each in off)
    return (
        "Memcached's gets grow with threads, its sets end at a lock, Redis at its command thread; "
        f"{near} of {len(off)} predicted rows within 5 %"
    )


CAPTION = (
    "Lines: the models; filled: published rows that they are tuned on; open: published rows that they predict. 256 "
    "closed connections, values of 1 to 1,024 bytes, UNIX sockets, 16 CPUs; the load generator ends at 3.1 million/s. "
    "Source: tidwall, cache-benchmarks (2025), medians of 31 runs."
)


def drawn(some: Sequence[Point]) -> Figure:
    """The figure: models as lines, published rows as points; call it within `style_sheet`."""
    figure = draw(picture_data(some))
    panels = [axes for axes in figure.axes if axes.get_lines()]
    for axes, command in zip(panels, ("get", "set"), strict=True):
        for line in axes.get_lines():
            line.set_marker("")
        for index, engine in enumerate(("memcached", "redis")):
            row = PUBLISHED[engine, command]  # type: ignore[index]
            style = look(index)
            for threads, per_s in zip(THREADS, row.commands_per_s, strict=True):
                face = style.colour if threads in row.tuned else "white"
                axes.plot(
                    threads, per_s / 1e6, marker=style.marker, markersize=5.5, markerfacecolor=face,
                    markeredgecolor=style.colour if threads not in row.tuned else INK, markeredgewidth=1.0, zorder=3,
                )  # fmt: skip
    return figure


def table(some: Sequence[Point]) -> str:
    """The numbers as CSV, one row for each point."""
    return csv_text(
        ("engine", "command", "threads", "use", "published_per_s", "model_per_s", "error", "published_mean_ms",
         "model_mean_ms", "published_p50_ms", "model_p50_ms", "published_p99_ms", "model_p99_ms"),
        (_table_row(each) for each in some),
    )  # fmt: skip


def _table_row(point: Point) -> tuple[str | int | float, ...]:
    row, at = PUBLISHED[point.engine, point.command], THREADS.index(point.threads)
    return (
        point.engine, point.command, point.threads, "tuned" if is_tuned(point) else "predicted", row.commands_per_s[at],
        round(point.commands_per_s), round(error(point), 4), row.mean_ms[at], point.mean_ms, row.p50_ms[at],
        point.p50_ms, row.p99_ms[at], point.p99_ms,
    )  # fmt: skip


def main(folder: Path) -> None:
    """Run the study, and leave its picture and its numbers in a folder."""
    some = list(points())
    frame = picture_data(some).frame
    command = "python -m bench.studies.threads"
    keep_study(folder, "threads", frame, command, lambda: drawn(some), table(some))


if __name__ == "__main__":
    main(FOLDER)
