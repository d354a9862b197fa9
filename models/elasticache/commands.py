"""What a node does for a command: which of its threads work, for how long, and what they wait for.

Memcached: each of several worker threads takes a command from its own connections and does all of it. What changes
objects or their order of use takes a lock that all threads share, and a thread that waits for it does nothing else; so
the throughput of writes bends as threads are added, and ends at one over the time under the lock.

Redis: one thread executes commands, one after the other. Reading requests and writing answers can be left to I/O
threads, beside which the one thread has only the execution left; that is where its throughput ends. A slow command
keeps all others waiting.

Source:
    tidwall, cache-benchmarks (2025), raw results: 256 closed connections over UNIX sockets on a c8g.8xlarge. Memcached
    1.6.38, GET: 3.16 microseconds a command and thread. SET: 1 and 10 threads. Redis 8.2.1: 1, 2 and 10 threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from models.kernel.laws import NonNegative, Positive, seconds
from models.kernel.parts import UNLIMITED, Group, Station
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Occupy, Serve, Step
from models.kernel.system import Route

Steps = tuple[Step, ...]
BENCH = "tidwall, cache-benchmarks, raw results (2025)"
MEMCACHED = "memcached source and protocol notes"


@dataclass(frozen=True, eq=False)
class Commands:
    """What the chosen node does for each class of command, before its answer is on its way.

    Args:
        get: Look an object up.
        set: Store one; a delete is taken to cost the same.
        slow: A command over as many objects as the request asks for.
        door: The station that is down when the node is.
    """

    get: Steps
    set: Steps
    slow: Steps
    door: Station


class WorkerThreadParameters(Parameters):
    """Memcached's worker threads, and the lock that they share."""

    count: Annotated[int, Field(ge=1, le=128)] = parameter(4, "worker threads", source=MEMCACHED)
    get_s: Positive = parameter(3.16e-6, "seconds of a thread for a get", source=f"{BENCH}: GET, 1 and 10 threads")
    set_s: NonNegative = parameter(
        3.437e-6, "seconds of a thread for a set, without the lock", source=f"{BENCH}: SET, 1 and 10 threads"
    )
    lock_s: NonNegative = parameter(
        0.718e-6, "seconds under the lock for a set", source=f"{BENCH}: SET, 10 threads: 1/1,392,368 s"
    )


class CommandThreadParameters(Parameters):
    """The thread of Redis that executes commands, and those that help it with input and output."""

    io_threads: Annotated[int, Field(ge=1, le=128)] = parameter(
        1, "threads that read and write, the one that executes among them; 1: it does all", source="redis.conf: off"
    )
    io_s: NonNegative = parameter(
        2.66e-6, "seconds to read a request and write its answer", source=f"{BENCH}: GET, 1 and 10 threads"
    )
    get_s: Positive = parameter(0.654e-6, "seconds to execute a get", source=f"{BENCH}: GET, 10 threads")
    set_s: Positive = parameter(0.590e-6, "seconds to execute a set", source=f"{BENCH}: SET, 10 threads")
    object_s: NonNegative = parameter(
        0.1e-6, "seconds that a slow command takes for each object", assumed="0.05 to 1 microsecond"
    )


def worker_threads(nodes: Group, parameters: WorkerThreadParameters, of: str = "") -> Commands:
    """Memcached's."""
    threads, lock = Station(f"{of}threads", nodes, parameters.count), Station(f"{of}lock", nodes)
    alone = Serve(Station(f"{of}thread's work", nodes, UNLIMITED), seconds(parameters.set_s))
    set_ = Occupy(threads, Route(alone, Serve(lock, seconds(parameters.lock_s))))
    get = Serve(threads, seconds(parameters.get_s))
    return Commands((get,), (set_,), (Serve(threads, seconds(parameters.get_s), further=1.0),), threads)


def command_thread(nodes: Group, parameters: CommandThreadParameters) -> Commands:
    """That of Redis."""
    main, helpers = Station("command thread", nodes), parameters.io_threads - 1
    io = (Serve(Station("io threads", nodes, helpers), seconds(parameters.io_s)),) if helpers else ()
    before_s = 0.0 if helpers else parameters.io_s
    get = Serve(main, seconds(before_s + parameters.get_s))
    set_ = Serve(main, seconds(before_s + parameters.set_s))
    once_s = before_s + parameters.get_s
    slow = Serve(main, seconds(once_s), further=parameters.object_s / once_s)
    return Commands((*io, get), (*io, set_), (*io, slow), main)
