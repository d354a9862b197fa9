"""Who does the work: pools of threads or processes, and the one function that a worker process is asked to do.

What is to be done is a `Task`: all that a worker needs to make one replication of a scenario, as values, so that any
`concurrent.futures.Executor` can carry it, on this machine or on another. Who did it, and when, changes nothing.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path

from bench.errors import WorkerError
from bench.scenario.document import Document
from bench.scenario.load import Scenario, build
from bench.simulate import Engine, Replication, simulate

WORKERS_MAX = 64
AHEAD = 4
"""Tasks that each worker finds waiting for it; others are handed out later, so that what is begun is ended first."""
BREAKS_MAX = 3
"""Times that a pool is made anew after a worker of it died."""


@dataclass(frozen=True)
class Recipe:
    """A scenario as it travels: equal recipes make equal scenarios.

    Args:
        key: Stands for all of the rest.
        path: The scenario's file, for what it names in its folder.
        document: Its values.
        assignments: What was set on the command line.
        trace_sha256: Digest of the trace, which must not change meanwhile; None where there is none.
    """

    key: str
    path: Path
    document: Document
    assignments: tuple[str, ...]
    trace_sha256: str | None

    @classmethod
    def of(cls, scenario: Scenario, key: str = "") -> Recipe:
        """How to make a scenario again."""
        return cls(key, scenario.path, scenario.document, scenario.assignments, scenario.trace_sha256)

    def __hash__(self) -> int:
        return hash((self.key, self.path))


@dataclass(frozen=True)
class Task:
    """One replication of some systems of a scenario."""

    recipe: Recipe
    systems: tuple[str, ...]
    replication: int
    engine: Engine


def work(task: Task) -> dict[str, Replication]:
    """Do a task."""
    scenario = made(task.recipe)
    done = {name: simulate(scenario, name, task.replication, task.engine) for name in task.systems}
    for each in done.values():
        # Worked out here, it need not be where all results come together.
        each.outcome.fingerprint()
    return done


@lru_cache(maxsize=4)
def made(recipe: Recipe) -> Scenario:
    """The scenario of a recipe; those that were made last are kept.

    Raises:
        WorkerError: If its trace is not what it was, or another one on the machine that does the work.
    """
    scenario = build(recipe.path, recipe.document, recipe.assignments)
    if scenario.trace_sha256 != recipe.trace_sha256:
        raise WorkerError("the trace changed meanwhile, or is another one on the machine that does the work")
    return scenario


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """A pool of processes; whatever ends the block ends them, and so does the end of this process."""
    pool = ProcessPoolExecutor(count, get_context("spawn"), _begin)
    try:
        yield pool
    except BaseException:
        # Shutting down forgets them.
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in workers:
            process.terminate()
        raise
    pool.shutdown()


def do_all(tasks: Iterable[Task], count: int) -> Generator[tuple[Task, dict[str, Replication]]]:
    """Do tasks on so many worker processes, or in this one if that is one; gives them as they are done.

    A worker that dies (for want of memory, say) takes the pool with it; what was not done is done on a new one. Whoever
    does not take all of them closes the iterator, which ends the workers.

    Raises:
        WorkerError: If workers die again and again.
    """
    if count == 1:
        for task in tasks:
            yield task, work(task)
        return
    left, again = iter(tasks), deque[Task]()
    for _ in range(BREAKS_MAX + 1):
        running: dict[Future[dict[str, Replication]], Task] = {}
        try:
            with processes(count) as executor:
                while _hand_out(executor, left, again, running, count * AHEAD):
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        yield running.pop(future), result
        except BrokenExecutor:
            again.extend(running.values())
        else:
            return
    raise WorkerError("worker processes died again and again; is there too little memory? try fewer --workers")


def _hand_out(
    executor: Executor,
    left: Iterator[Task],
    again: deque[Task],
    running: dict[Future[dict[str, Replication]], Task],
    ahead: int,
) -> bool:
    """See that so many tasks are with an executor; False if none is left."""
    while len(running) < ahead:
        if not again:
            again.extend(islice(left, 1))
        if not again:
            break
        future = executor.submit(work, again[0])
        running[future] = again.popleft()
    return bool(running)


def _begin() -> None:
    """A worker leaves Ctrl-C to its parent, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed has nobody to work for."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
