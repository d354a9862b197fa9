"""What threads of Memcached and Redis do, beside public benchmarks, published figures and closed forms.

Goal: what the models are not tuned on comes out as published, or the gap is known. Method: the benchmark's closed loop
is run on the models, row by row; what saturates is asked of the closed forms; latency under load is run with arrivals
as a load generator makes them.

Source:
    tidwall, cache-benchmarks (2025): see `bench.studies.threads`. MemoryDB paper (SIGMOD 2024): throughput by node
    size, latency by load. redis.io: benchmarks and pipelining guides. Valkey blog, "Unlock 1 million RPS" (2024). AWS
    Database Blog: enhanced I/O multiplexing, ElastiCache 7.1 (2023). Nishtala et al., NSDI 2013.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bench.statistics.figures import percentile_ms
from bench.studies.threads import (
    BENCHMARK,
    CLIENTS,
    PIPELINED,
    PUBLISHED,
    THREADS,
    Command,
    Engine,
    commands,
    error,
    is_tuned,
    measure,
)
from models.catalogue import MODELS
from models.elasticache.commands import CommandThreadParameters, WorkerThreadParameters, command_thread
from models.elasticache.node_types import BENCHMARK_READ_S, NODE_TYPES, R7G_READS_PER_S, Machine
from models.kernel.arrivals import Closed, Poisson
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.parts import Group
from models.kernel.predict import predict
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Block, Trace, Workload
from models.kernel.system import Operation, Route, System
from tests.strategies.runs import assert_mean, replicate

ROWS = [
    (engine, command, threads) for engine, command in PUBLISHED if engine != "valkey" for threads in THREADS
]  # fmt: skip
CROWDED = (3, 4, 5, 6)
"""Threads of which the benchmark gets less, each, than of fewer or more, whatever the engine."""
SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
R7G_WRITES_PER_S = dict(zip(SIZES, (164e3, 187e3, 207e3, 248e3, 285e3, 291e3, 286e3), strict=True))
OFFERED_PER_S = (20e3, 50e3, 100e3, 150e3, 200e3)
READ_MS = ((0.129, 0.30), (0.291, 1.44), (0.466, 1.09), (0.621, 1.53), (0.790, 1.41))
WRITE_MS = ((0.14, 0.80), (0.24, 1.02), (0.59, 1.04), (0.92, 2.55), (0.82, 1.66))
"""Median and p99 of one r7g.16xlarge, by load offered."""


def asking(rate_per_s: float, operation: str = "read", size_bytes: float = 100.0, items: int = 1) -> Workload:
    """Of objects that are all there."""
    return Workload(
        Poisson(rate_per_s=rate_per_s), UniformKeys(count=1000), Constant(value=size_bytes), {operation: 1.0},
        items=Constant(value=float(items)),
    )  # fmt: skip


def node(model: str, operation: str = "read", **parameters: Any) -> System:
    """One node, with nothing behind it."""
    one: Any = {"nodes": 1} if model == "memcached" else {}
    known = MODELS[model]
    return known.build(known.parameters(writes="cache", **one, **parameters), (operation,))


def saturation_per_s(system: System, work: Workload) -> float:
    """Requests that the busiest station can do."""
    prediction = predict(Program(system, "system"), work, 1.0)
    return min(each.saturation_per_s for each in prediction.stations.values())


@pytest.mark.parametrize(("engine", "command"), PUBLISHED)
def test_what_is_published_keeps_littles_law(engine: Engine, command: Command) -> None:
    """256 clients wait all the time; throughput and latency are medians of their own, which is good to 6 %."""
    row = PUBLISHED[engine, command]

    waiting = np.array(row.commands_per_s) * np.array(row.mean_ms) / 1000.0

    assert np.abs(waiting / CLIENTS - 1.0).max() < 0.06


@pytest.mark.parametrize(("engine", "command", "threads"), ROWS)
def test_throughput_by_threads(engine: Engine, command: Command, threads: int) -> None:
    """Rows that the models are tuned on, and those that they predict: 3 to 6 threads are up to 15 % too many."""
    point = measure(engine, command, threads, requests=20_000)

    least, most = (-0.015, 0.015) if is_tuned(point) else (0.03, 0.16) if threads in CROWDED else (-0.07, 0.07)
    assert least < error(point) < most
    assert point.commands_per_s * point.mean_ms / 1000.0 == pytest.approx(CLIENTS, rel=0.02)


@pytest.mark.parametrize("threads", CROWDED)
def test_what_a_set_costs_beside_a_get_is_predicted_at_all_numbers_of_threads(threads: int) -> None:
    """What the benchmark lacks there, it lacks of both: so it is no lock."""
    get, set_ = (PUBLISHED["memcached", command].commands_per_s[THREADS.index(threads)] for command in ("get", "set"))

    modelled = measure("memcached", "set", threads).commands_per_s / measure("memcached", "get", threads).commands_per_s

    assert modelled == pytest.approx(set_ / get, rel=0.03)


@pytest.mark.parametrize(("engine", "depth"), PIPELINED)
@pytest.mark.parametrize("threads", [1, 2, 6, 8, 10, 12, 14])
def test_throughput_of_several_commands_in_a_request(engine: Engine, depth: int, threads: int) -> None:
    """At 50 commands a thread of Memcached gives 20 % less than predicted: a command costs it more there than at 10."""
    point = measure(engine, "get", threads, depth, requests=5_000)

    least, most = (-0.09, 0.09) if depth == 10 else (-0.1, 0.17) if engine == "redis" else (0.1, 0.35)
    assert least < error(point) < most


@pytest.mark.parametrize(
    ("engine", "command", "threads"),
    [row for row in ROWS if (row[2] >= 7 if row[0] == "redis" else row[2] <= 3)],
)  # fmt: skip
def test_p99_where_nobody_waits_for_two_rounds(engine: Engine, command: Command, threads: int) -> None:
    row, at = PUBLISHED[engine, command], THREADS.index(threads)

    point = measure(engine, command, threads)

    assert point.p99_ms / point.p50_ms == pytest.approx(row.p99_ms[at] / row.p50_ms[at], rel=0.26)
    assert 1.1 < point.p99_ms / point.p50_ms < 1.25


def test_p99_of_redis_with_few_threads_is_missed_by_almost_half() -> None:
    """Its loop reads all, executes all, writes all: who comes too late for one round waits for two."""
    row = PUBLISHED["redis", "get"]

    point = measure("redis", "get", 1)

    assert row.p99_ms[0] / row.p50_ms[0] == pytest.approx(1.96, abs=0.01)
    assert point.p99_ms / row.p99_ms[0] == pytest.approx(0.6, abs=0.03)


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_sets_are_machines_and_a_repairman(threads: int) -> None:
    """Threads that work alone for an exponential time and then wait for the lock: a closed network of two stations,
    solved by mean value analysis.
    """
    parameters = WorkerThreadParameters(count=threads)
    alone_s = parameters.request_s + CLIENTS * parameters.connection_s + parameters.set_s
    queue, per_s = 0.0, 0.0
    for circulating in range(1, threads + 1):
        lock_s = parameters.lock_s * (1.0 + queue)
        per_s = circulating / (alone_s + lock_s)
        queue = per_s * lock_s
    system = System({"read": Operation(Route(*commands("memcached", threads).set))})
    work = Workload(Closed(clients=CLIENTS), UniformKeys(count=10), Constant(value=1.0), {"read": 1.0})
    duration_s = 100_000 / per_s

    outcomes = replicate(system, work, Span(duration_s / 2, duration_s, 2 * duration_s, 2), 6)

    assert_mean(outcomes, lambda o: int(o.operations["read"].window_ok[1]) / (duration_s / 2), per_s)


@pytest.mark.parametrize("engine", ["memcached", "redis"])
def test_threads_beyond_the_cpus_add_nothing(engine: Engine) -> None:
    four = Machine(vcpus=4, slowness=1.0, bytes_per_s=1e12, connections=CLIENTS)
    systems = [System({"read": Operation(Route(*commands(engine, threads, four).get))}) for threads in (4, 5, 64)]

    assert len({saturation_per_s(system, asking(1.0)) for system in systems}) == 1


@pytest.mark.parametrize(
    ("vcpus", "io_threads"), [("large", 1), ("xlarge", 3), ("2xlarge", 6), ("4xlarge", 8), ("16xlarge", 8)]
)
def test_defaults_follow_the_cpus(vcpus: str, io_threads: int) -> None:
    name = f"cache.r7g.{vcpus}"
    given = {"io_threads": io_threads}

    default = saturation_per_s(node("redis", node_type=name), asking(1.0))
    workers = saturation_per_s(node("memcached", node_type=name, network="burst"), asking(1.0, size_bytes=1.0))

    assert default == saturation_per_s(node("redis", node_type=name, threads=given), asking(1.0))
    thread_s = NODE_TYPES[name].slowness * (2.17e-6 + 256 * 0.11e-9 + 0.96e-6)
    assert workers == pytest.approx(NODE_TYPES[name].vcpus / thread_s, rel=1e-9)


def test_the_unit_of_slowness_is_a_read_on_the_benchmarks_machine() -> None:
    machine = Machine(vcpus=1, slowness=1.0, bytes_per_s=1e12, connections=1000)
    system = System({"read": Operation(Route(*command_thread(Group("nodes"), CommandThreadParameters(), machine).get))})

    assert 1.0 / saturation_per_s(system, asking(1.0)) == pytest.approx(BENCHMARK_READ_S, rel=1e-3)


@pytest.mark.parametrize("size", SIZES)
def test_throughput_by_node_size(size: str) -> None:
    """Nodes are tuned on reads; writes follow from what a set costs beside a get elsewhere: 1 to 14 % too many."""
    parameters: Any = {"node_type": f"cache.r7g.{size}", "connections": 1000, "threads": {"io_threads": 1}}

    reads = saturation_per_s(node("redis", **parameters), asking(1.0))
    writes = saturation_per_s(node("redis", "write", **parameters), asking(1.0, "write"))

    assert reads == pytest.approx(R7G_READS_PER_S[size], rel=0.002)
    assert 0.01 < writes / R7G_WRITES_PER_S[size] - 1.0 < 0.15


def in_batches(rate_per_s: float, every_s: float, duration_s: float) -> Trace:
    """Requests that come at once, every so often, as from a load generator that sleeps in between."""
    count = round(rate_per_s * every_s)
    batches = round(duration_s / every_s)
    times_s = np.repeat(np.arange(batches) * every_s, count)
    keys = np.arange(times_s.size, dtype=np.int64) % 1000
    none, ones = np.zeros_like(keys), np.ones_like(keys)
    return Trace.of(Block(times_s, none, keys, 100 * ones, ones, np.full(keys.size, math.nan)), 1000, ("read",))


def loaded_ms(rate_per_s: float, read: bool, every_s: float, way_s: float) -> tuple[float, float]:
    """Median and p99 of one r7g.16xlarge at so many requests/s; in batches, or one by one where these are none."""
    fast = NODE_TYPES["cache.r7g.16xlarge"]
    machine = Machine(fast.vcpus, fast.slowness, fast.baseline_gbit_per_s * 125e6, connections=1000)
    known = command_thread(Group("nodes"), CommandThreadParameters(io_threads=1), machine)
    system = System({"read": Operation(Route(*(known.get if read else known.set)))})
    trace = in_batches(rate_per_s, every_s, 1.0) if every_s else None
    work = Workload(
        Poisson(rate_per_s=rate_per_s), UniformKeys(count=1000), Constant(value=100.0), {"read": 1.0}, trace
    )
    outcome = replicate(system, work, Span(0.0, 1.0, 2.0, 1), 1)[0].operations["read"]
    p50, p99 = (percentile_ms(outcome.latency, fraction) for fraction in (0.5, 0.99))
    assert p50 is not None
    assert p99 is not None
    return p50 + 1000.0 * way_s, p99 + 1000.0 * way_s


EVERY_S, WAY_S = 0.00237, 0.0556e-3
"""How often batches come, and the way there and back: tuned on the medians of reads at 20,000/s and 200,000/s."""


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("at", range(len(OFFERED_PER_S)))
def test_latency_grows_with_load_as_with_a_load_generator_that_sends_in_batches(at: int, read: bool) -> None:
    """Two medians of ten are tuned; the others come within 35 %, p99 within a factor of 2.1, but for those at low load.

    These are up to 3.4 times as long, of something that batches do not explain.
    """
    published = (READ_MS if read else WRITE_MS)[at]

    p50_ms, p99_ms = loaded_ms(OFFERED_PER_S[at], read, EVERY_S, WAY_S)

    assert p50_ms == pytest.approx(published[0], rel=0.35)
    if at >= 2:
        assert 1 / 2.1 < p99_ms / published[1] < 1.3


@pytest.mark.parametrize(("rate_per_s", "published_ms"), [(100e3, 0.466), (200e3, 0.790)])
def test_requests_one_by_one_would_hardly_wait(rate_per_s: float, published_ms: float) -> None:
    """The server is busy for a third, or two thirds of the time: no queue explains half a millisecond."""
    p50_ms, _ = loaded_ms(rate_per_s, read=True, every_s=0.0, way_s=WAY_S)

    assert p50_ms < published_ms / 6.0


def test_thirty_thousand_connections_halve_what_a_hundred_get() -> None:
    """Tuned on this one figure."""
    parameters: Any = {"slowness": 1.0, "threads": {"io_threads": 1}, "network": "burst"}
    few, many = (saturation_per_s(node("redis", connections=n, **parameters), asking(1.0)) for n in (100, 30_000))

    assert many / few == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("model", ["memcached", "redis"])
def test_a_payload_matters_from_a_kilobyte_on(model: str) -> None:
    """Up to 1,000 bytes nothing changes, if there is a network for them: a card of 0.937 Gbit/s is full of 1,000 bytes
    at 117,000 answers/s, and of 100 KB at 1,171.
    """
    parameters: Any = {"node_type": "cache.r7g.large"}
    sizes_bytes = (1.0, 10.0, 100.0, 1000.0)

    fast = {
        saturation_per_s(node(model, network="burst", **parameters), asking(1.0, size_bytes=size))
        for size in sizes_bytes
    }
    slow = [saturation_per_s(node(model, **parameters), asking(1.0, size_bytes=size)) for size in (*sizes_bytes, 100e3)]

    assert len(fast) == 1
    assert slow[0] == slow[1] == slow[2] == next(iter(fast))
    assert slow[3:] == pytest.approx([0.937e9 / 8 / 1000, 0.937e9 / 8 / 100e3])


@pytest.mark.parametrize(("depth", "published"), [(10, 746_837 / 301_882), (25, 872_507 / 301_882), (50, 3.076)])
def test_what_pipelining_gains_one_thread_of_redis(depth: int, published: float) -> None:
    """At 10 commands it is tuned; over UNIX sockets."""
    batch = System({"batch_get": Operation(Route(*commands("redis", 1).batch))})
    single = System({"read": Operation(Route(*commands("redis", 1).get))})

    gain = (
        depth * saturation_per_s(batch, asking(1.0, "batch_get", items=depth)) / saturation_per_s(single, asking(1.0))
    )

    assert gain == pytest.approx(published, rel=0.08)


LOOPBACK_S = 8.24e-6
"""What a request over a loopback takes: tuned on what 16 gets in one bring on the first of these machines."""
LOOPBACK = {
    ("E5520", "get"): (123_601.76, 707_463.75), ("E5520", "set"): (122_556.53, 552_028.75),
    ("Linode 2048", "get"): (37_481.26, 250_187.64), ("Linode 2048", "set"): (35_001.75, 195_503.42),
    ("MacBook Air", "set"): (74_239.05, 403_063.28),
}  # fmt: skip
"""Commands/s of Redis 2.6 over a loopback, 50 clients: one in a request, and 16."""


def over_loopback(command: str, depth: int, slowness: float = 1.0) -> float:
    """Commands/s of one thread; a batch of sets is one of gets that cost what sets do."""
    known = CommandThreadParameters()
    cost = {"parse_s": known.parse_s, "get_s": known.get_s}
    if command == "set":
        cost = {"parse_s": known.parse_set_s, "get_s": known.set_s}
    parameters = CommandThreadParameters(io_threads=1, request_s=LOOPBACK_S, connection_s=0.0, **cost)
    machine = Machine(vcpus=1, slowness=slowness, bytes_per_s=1e12, connections=50)
    batch = command_thread(Group("nodes"), parameters, machine).batch
    system = System({"batch_get": Operation(Route(*batch))})
    return depth * saturation_per_s(system, asking(1.0, "batch_get", size_bytes=3.0, items=depth))


@pytest.mark.parametrize(("machine", "command"), LOOPBACK)
def test_what_sixteen_commands_in_a_request_gain_over_a_loopback(machine: str, command: str) -> None:
    """4.5 to 6.7 times: one of five is tuned, the others are predicted to 15 %, whatever the machine.

    A request is then worth seven gets, where it is worth two over the UNIX sockets of the benchmark, thirteen years
    later; the same guide has only half as much again for a UNIX socket as for the loopback.
    """
    single, sixteen = LOOPBACK[machine, command]

    gain = over_loopback(command, 16) / over_loopback(command, 1)

    assert gain == pytest.approx(sixteen / single, rel=0.005 if (machine, command) == ("E5520", "get") else 0.15)


@pytest.mark.parametrize("machine", ["E5520", "Linode 2048"])
def test_sets_over_a_loopback_follow_from_gets(machine: str) -> None:
    """How slow a machine is, is tuned on its gets one by one; sets are predicted to 6 %, 16 of them in one to 15 %."""
    slowness = over_loopback("get", 1) / LOOPBACK[machine, "get"][0]

    one, sixteen = (over_loopback("set", depth, slowness) for depth in (1, 16))

    assert one == pytest.approx(LOOPBACK[machine, "set"][0], rel=0.06)
    assert sixteen == pytest.approx(LOOPBACK[machine, "set"][1], rel=0.15)


@pytest.mark.parametrize("threads", THREADS)
def test_valkeys_threads_are_those_of_redis_to_a_fifth(threads: int) -> None:
    row = PUBLISHED["valkey", "get"]

    point = measure("redis", "get", threads, requests=20_000)

    assert point.commands_per_s == pytest.approx(row.commands_per_s[THREADS.index(threads)], rel=0.22)


def test_valkeys_million_is_predicted_half_too_high() -> None:
    """1.19 million sets/s of 512 bytes with 8 I/O threads, 650 clients, three million keys on a c7g.4xlarge, 780,000
    before it fetched memory ahead: what a thread waits for memory is not modelled, and the benchmark that the models
    are tuned on touches less of it.
    """
    parameters: Any = {"node_type": "cache.r7g.4xlarge", "connections": 650, "threads": {"io_threads": 8}}

    sets = saturation_per_s(node("redis", "write", network="burst", **parameters), asking(1.0, "write", 512.0))

    assert sets / 1.19e6 == pytest.approx(1.5, abs=0.15)


def test_io_threads_bring_more_than_multiplexing_is_said_to() -> None:
    """Up to 72 % more on an r6g.xlarge with 5,200 clients, over a version that had I/O threads already; here, over one
    that has none.
    """
    parameters: Any = {"node_type": "cache.r6g.xlarge", "connections": 5_200, "network": "burst"}

    with_, without = (
        saturation_per_s(node("redis", threads={"io_threads": threads}, **parameters), asking(1.0))
        for threads in (3, 1)
    )

    assert 1.72 < with_ / without < 2.3


def test_a_node_of_sixteen_cpus_answers_a_million() -> None:
    """AWS says "over a million requests per second" of an r7g.4xlarge."""
    million = saturation_per_s(node("redis", node_type="cache.r7g.4xlarge", network="burst"), asking(1.0))

    assert 1.0e6 < million < 1.6e6


def test_a_set_of_threads_has_its_machines_speed() -> None:
    """Twice as slow a machine does half."""
    slow = Machine(BENCHMARK.vcpus, 2.0, BENCHMARK.bytes_per_s, BENCHMARK.connections)
    fast_per_s, slow_per_s = (
        saturation_per_s(System({"read": Operation(Route(*commands("memcached", 4, machine).get))}), asking(1.0))
        for machine in (BENCHMARK, slow)
    )

    assert fast_per_s == pytest.approx(2.0 * slow_per_s)


def test_prices_are_those_of_the_price_list() -> None:
    """Sizes of a family cost in proportion to their CPUs, to a percent; Valkey a fifth less."""
    for name, each in NODE_TYPES.items():
        if "t4g" not in name:
            large = NODE_TYPES[f"{name.rpartition('.')[0]}.large"]
            assert each.dollars_per_hour / each.vcpus == pytest.approx(large.dollars_per_hour / 2, rel=0.01)
        assert each.price("valkey") == pytest.approx(0.8 * each.price("redis"))
        assert each.price("memcached") == each.price("redis")
