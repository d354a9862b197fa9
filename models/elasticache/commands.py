"""What a node does for a command: which of its threads work, for how long, and what they wait for.

Memcached: each of several worker threads reads a request, does all that it asks for, and writes the answer. What
changes objects or their order of use takes a lock that all threads share, and a thread that waits for it does nothing
else; so the throughput of writes bends as threads are added, and ends at one over the time under the lock.

Redis: one thread executes commands, one after the other. Reading requests and writing answers can be left to I/O
threads, beside which the one thread has only the execution left, and to collect what each of them has read; that is
where its throughput ends. A slow command keeps all others waiting. Of a request of several commands, an I/O thread
parses the first; the one thread parses the others.

To be woken, to read and to write is paid once for a request, however many commands are in it; that is what pipelining
saves. It grows with the number of open connections. A message of more than 16 KB takes a call for each 16 KB, and all
bytes go over the node's network card.

Work of a thread is exponential: 256 clients that wait for one thread then have a p99 of 1.15 times their median; it is
1.19 in the benchmark.

Source:
    tidwall, cache-benchmarks (September 2025), medians of 31 runs: 256 closed connections over UNIX sockets on a
    c8g.8xlarge, values of 1 to 1,024 bytes, 12 numbers of threads, 1 to 50 commands in a request. The rows that each
    number is tuned on are its source; `tests/oracle/test_elasticache_threads.py` has the errors on all others.

Limits:
    From 3 to 6 threads the benchmark gives each thread of each engine 7 to 12 % less than it gives one thread or ten;
    no mechanism here says why. Its load generator ends at 3.1 million requests/s. Threads of a node share one queue:
    in truth each has connections of its own, and a slow command holds up those of its thread. A loop over connections
    that reads all, and then writes all, makes some wait for two rounds: of Memcached from 4 threads on, and of Redis
    below 5, p99 is up to twice the median in the benchmark, and 1.2 times here. A delete costs what a set does. On the
    card, commands and keys weigh nothing.

    Over a network, published medians grow with load long before the thread is full (MemoryDB paper, SIGMOD 2024): from
    0.13 ms at 20,000 reads/s to 0.79 ms at 200,000, where requests that come one by one take a sixth of that here. A
    load generator that sends every 2.4 ms what is due explains all of them to 35 %; at 50,000/s and less, p99 is up to
    3.4 times what that gives, which nothing here explains. What connections cost is known from one figure, between 100
    and 30,000 of them, and taken to be a straight line. A request over a loopback is worth seven gets in the Redis
    guide, and two over UNIX sockets in the benchmark; `request_s` is the latter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from models.elasticache.node_types import Machine
from models.kernel.amounts import Of
from models.kernel.laws import Exponential, Law, NonNegative, Positive, seconds
from models.kernel.parts import UNLIMITED, Group, Station
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Occupy, Serve, Step
from models.kernel.system import Route

Steps = tuple[Step, ...]
BENCH = "tidwall, cache-benchmarks (2025)"
CONNECTIONS = "redis.io benchmarks guide: with 30,000 connections half of what 100 get; tuned on that alone"
CALL_BYTES = 16_384
"""What one call reads or writes at most. Source: PROTO_IOBUF_LEN of Redis, READ_BUFFER_SIZE of memcached."""
IO_THREADS = ((16, 8), (8, 6), (4, 3))
"""I/O threads from so many CPUs on. Source: redis.conf: 2 or 3 of 4 cores, 6 of 8; more than 8 hardly help."""


@dataclass(frozen=True, eq=False)
class Commands:
    """What the chosen node does for each class of command, before its answer is on its way.

    Args:
        get: Look an object up.
        give: Send it.
        set: Store one; a delete is taken to cost the same.
        batch: Look several up, that one request asks for.
        slow: A command over as many objects as the request asks for.
        door: The station that is down when the node is.
        record: What it takes to send a record of the replication stream to one replica.
        replica: What a replica does for a record; no client waits for it.
    """

    get: Steps
    give: Steps
    set: Steps
    batch: Steps
    slow: Steps
    door: Station
    record: Steps = ()
    replica: Steps = ()


class WorkerThreadParameters(Parameters):
    """Memcached's worker threads, and the lock that they share."""

    count: Annotated[int, Field(ge=1, le=128)] | None = parameter(
        None, "worker threads; none: one for each CPU, as ElastiCache has it", example=4
    )
    request_s: NonNegative = parameter(
        2.17e-6, "seconds of a thread to read a request and write its answer, without connections",
        source=f"{BENCH}: GET, 1 thread, 1 and 10 commands in a request",
    )  # fmt: skip
    connection_s: NonNegative = parameter(
        0.11e-9, "seconds by which each open connection adds to that", assumed="as Redis: 0 to 0.2 ns"
    )
    get_s: Positive = parameter(
        0.96e-6,
        "seconds of a thread to execute a get",
        source=f"{BENCH}: GET, 1 thread, 1 and 10 commands in a request",
    )
    set_s: NonNegative = parameter(
        1.25e-6, "seconds of a thread to execute a set, without the lock", source=f"{BENCH}: SET, 1 and 10 threads"
    )
    lock_s: NonNegative = parameter(
        0.7065e-6, "seconds under the lock for a set", source=f"{BENCH}: SET, 1 and 10 threads"
    )


class CommandThreadParameters(Parameters):
    """The thread of Redis that executes commands, and those that help it with input and output."""

    io_threads: Annotated[int, Field(ge=1, le=128)] | None = parameter(
        None,
        "threads that read and write, the one that executes among them; 1: it does all; none: by the number of CPUs, "
        "1 below 4, then 3, 6 from 8 on, 8 from 16 on",
        example=4,
    )
    request_s: NonNegative = parameter(
        2.165e-6, "seconds to read a request and write its answer, without connections",
        source=f"{BENCH}: GET, 1 thread, 1 and 10 commands in a request",
    )  # fmt: skip
    connection_s: NonNegative = parameter(
        0.11e-9, "seconds by which each open connection adds to that", source=CONNECTIONS
    )
    parse_s: NonNegative = parameter(
        0.278e-6, "seconds to parse a get", source=f"{BENCH}: GET, 6 threads, 1 and 10 commands in a request"
    )
    parse_set_s: NonNegative = parameter(
        0.588e-6, "seconds to parse a set", source=f"{BENCH}: SET, 6 threads, 10 commands in a request"
    )
    get_s: Positive = parameter(0.575e-6, "seconds to execute a get", source=f"{BENCH}: GET, 6 and 16 threads")
    set_s: Positive = parameter(0.488e-6, "seconds to execute a set", source=f"{BENCH}: SET, 7 threads")
    answer_s: NonNegative = parameter(
        0.267e-6, "seconds that the answer to each command adds to writing",
        source=f"{BENCH}: GET, 1 thread, 1 and 10 commands in a request",
    )  # fmt: skip
    handover_s: NonNegative = parameter(
        0.251e-6, "seconds of an I/O thread to hand a request over", source=f"{BENCH}: GET, 2 threads"
    )
    collect_s: NonNegative = parameter(
        3.085e-6,
        "seconds of the one thread to collect what an I/O thread has read: a request of each of its connections, "
        "under full load",
        source=f"{BENCH}: GET, 6 and 16 threads",
    )
    object_s: NonNegative = parameter(
        0.1e-6, "seconds that a slow command takes for each object", assumed="0.05 to 1 microsecond"
    )


def worker_threads(nodes: Group, parameters: WorkerThreadParameters, machine: Machine, of: str = "") -> Commands:
    """Memcached's; `of` goes before the names of stations."""
    p, stand = parameters, _Stand(nodes, machine, of)
    count = min(p.count or machine.vcpus, machine.vcpus)
    threads, lock = Station(f"{of}threads", nodes, count), Station(f"{of}lock", nodes)
    request_s = p.request_s + machine.connections * p.connection_s
    alone = stand.call(Station(f"{of}thread's work", nodes, UNLIMITED), request_s + p.set_s)
    set_ = Occupy(threads, Route(alone, stand.work(lock, p.lock_s)))
    get = stand.call(threads, request_s + p.get_s)
    several = (stand.call(threads, request_s + p.get_s, p.get_s), stand.send("result"))
    return Commands((get,), (stand.send("item"),), (stand.send("item"), set_), several, several, threads)


def command_thread(
    nodes: Group, parameters: CommandThreadParameters, machine: Machine, sync_s: float | None = None
) -> Commands:
    """That of Redis; where it waits for a disk, so many seconds for all writes of a round of its event loop."""
    p, stand = parameters, _Stand(nodes, machine)
    helpers = min(p.io_threads or _io_threads(machine.vcpus), machine.vcpus) - 1
    main = Station("command thread", nodes, rounds=sync_s is not None)
    io = Station("io threads", nodes, max(1, helpers))
    request_s = p.request_s + machine.connections * p.connection_s + p.answer_s

    def steps(
        parse_s: float, execute_s: float, further_s: float = 0.0, answer_s: float = 0.0, once_s: float = 0.0
    ) -> Steps:
        """A request: its first command, and what each item beyond the first adds to work and to the answer."""
        if not helpers:
            return (stand.call(main, request_s + parse_s + execute_s, further_s + answer_s, once_s),)
        collect_s = p.collect_s / max(1.0, machine.connections / helpers)
        return (
            stand.call(io, request_s + parse_s + p.handover_s, answer_s),
            stand.work(main, collect_s + execute_s, further_s, once_s),
        )

    return Commands(
        get=steps(p.parse_s, p.get_s),
        give=(stand.send("item"),),
        set=(stand.send("item"), *steps(p.parse_set_s, p.set_s, once_s=sync_s or 0.0)),
        batch=(*steps(p.parse_s, p.get_s, p.parse_s + p.get_s, p.answer_s), stand.send("result")),
        slow=(*steps(p.parse_s, p.get_s, p.object_s), stand.send("result")),
        door=main,
        record=(stand.send("item"),),
        replica=(stand.work(main, p.parse_set_s + p.set_s, once_s=sync_s or 0.0),),
    )


def _io_threads(vcpus: int) -> int:
    return next((threads for least, threads in IO_THREADS if vcpus >= least), 1)


class _Stand:
    """Steps of work on nodes of one kind."""

    def __init__(self, nodes: Group, machine: Machine, of: str = "") -> None:
        self.slowness, self.byte_s = machine.slowness, 1.0 / machine.bytes_per_s
        self.card = Station(f"{of}network card", nodes)

    def work(self, station: Station, first_s: float, further_s: float = 0.0, once_s: float = 0.0) -> Serve:
        """A thread's work, with so much for each item beyond the first, and what a round does once."""
        return Serve(station, self._law(first_s), further=further_s / first_s, once=_once(once_s))

    def call(self, station: Station, first_s: float, further_s: float = 0.0, once_s: float = 0.0) -> Serve:
        """The same, where messages are read and written."""
        return Serve(station, self._law(first_s), CALL_BYTES, further=further_s / first_s, least=1, once=_once(once_s))

    def send(self, of: Of) -> Serve:
        """All bytes of an object, or of all objects, over the network card."""
        return Serve(self.card, seconds(self.byte_s), 1, of=of)

    def _law(self, mean_s: float) -> Law:
        return Exponential(mean=self.slowness * mean_s)


def _once(once_s: float) -> Law | None:
    return seconds(once_s) if once_s else None
