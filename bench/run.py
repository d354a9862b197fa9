"""A run: all replications of all systems of a scenario, what they say together, and the verdict.

Replications are independent, so they run side by side: the compiled engine in threads, as its loop holds no lock, the
SimPy engine in processes, each of which gets the scenario's values and makes its systems of them. Which ran where or
when changes nothing.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bench.expectations import Judgement, judge, overall
from bench.scenario.document import Document
from bench.scenario.load import Scenario, build
from bench.simulate import Engine, Replication, simulate, warm_up
from bench.statistics.warmup import warmup_cuts
from bench.summary import fingerprint, summarise
from models.kernel.outcome import Outcome

SCHEMA = 1
Task = tuple[str, int]
"""A system's name and a replication of it."""
WORKERS_MAX = 64


@dataclass(frozen=True)
class Run:
    """What a run gave.

    Args:
        document: The JSON document of `run`.
        outcomes: Replications by system.
        judgements: One for each expectation.
        warnings: What the reader should know before believing the figures.
        certain: Systems that left nothing to chance.
    """

    document: Mapping[str, Any]
    outcomes: Mapping[str, Sequence[Outcome]]
    judgements: Sequence[Judgement]
    warnings: Sequence[str]
    certain: frozenset[str]


class Cancelled(BaseException):
    """The run is to end."""


def run(scenario: Scenario, engine: Engine, tick: Callable[[int], None] = lambda _: None) -> Run:
    """Run a scenario.

    Args:
        scenario: What to run.
        engine: Which engine walks the routes.
        tick: Called now and then with a number of requests that have been fed in since.
    """
    names, count = list(scenario.systems), int(scenario.spec.replications)
    tasks = [(name, replication) for replication in range(count) for name in names]
    done: dict[Task, Replication] = {}
    told: Counter[Task] = Counter()

    def tell(task: Task, requests: int) -> None:
        told[task] += requests
        tick(requests)

    with _pool(scenario, engine, len(tasks), tell) as submit:
        futures = {submit(*task): task for task in tasks}
        for future in as_completed(futures):
            task = futures[future]
            outcome = (done.setdefault(task, future.result())).outcome
            # A process of its own, and a closed loop, say nothing on the way.
            tick(max(0, outcome.simulated_requests + outcome.primed_requests - told[task]))
    outcomes = {name: [done[name, replication].outcome for replication in range(count)] for name in names}
    certain = frozenset(name for name in names if all(getattr(outcome, "certain", False) for outcome in outcomes[name]))
    judgements = judge(scenario.spec.expect, outcomes, scenario.shapes, certain=certain, course=scenario.course)
    memory_mb = _peak_memory_mb()
    document = {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "fingerprint": fingerprint(outcomes),
        "verdict": overall(judgements),
        "systems": summarise(outcomes, peak_memory_mb=dict.fromkeys(names, memory_mb), certain=certain),
        "expectations": [judgement.as_json() for judgement in judgements],
    }
    unsettled = [name for name in names if not all(done[name, r].settled for r in range(count))]
    return Run(document, outcomes, judgements, list(_warnings(scenario, outcomes, unsettled)), certain)


def _peak_memory_mb() -> float:
    """The most that this process, or one of its workers, has held."""
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(peaks) / (2**20 if sys.platform == "darwin" else 2**10)


@contextmanager
def _pool(
    scenario: Scenario, engine: Engine, tasks: int, tell: Callable[[Task, int], None]
) -> Iterator[Callable[[str, int], Future[Replication]]]:
    """Something that simulates a replication in the background."""
    workers = max(1, min(os.cpu_count() or 1, tasks, WORKERS_MAX))
    cancelled = threading.Event()

    def tell_or_end(task: Task, requests: int) -> None:
        if cancelled.is_set():
            raise Cancelled
        tell(task, requests)

    pool: Executor
    processes: Sequence[BaseProcess] = ()
    if engine == "compiled" or workers == 1:
        pool = ThreadPoolExecutor(workers)

        def submit(name: str, replication: int) -> Future[Replication]:
            return pool.submit(simulate, scenario, name, replication, engine, partial(tell_or_end, (name, replication)))

        if engine == "compiled":
            warm_up()
    else:
        arguments = (scenario.path, scenario.document, scenario.assignments, scenario.trace_sha256)
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin_worker, arguments)

        def submit(name: str, replication: int) -> Future[Replication]:
            return pool.submit(_work, name, replication, engine)

    try:
        yield submit
    except BaseException:
        cancelled.set()
        if isinstance(pool, ProcessPoolExecutor):
            # Shutting down forgets them.
            processes = list((pool._processes or {}).values())
        pool.shutdown(wait=isinstance(pool, ThreadPoolExecutor), cancel_futures=True)
        for process in processes:
            process.terminate()
        raise
    pool.shutdown()


_scenario: Scenario | None = None


def _begin_worker(path: Path, document: Document, assignments: tuple[str, ...], trace_sha256: str | None) -> None:
    """A worker process makes its own systems of what its parent read; the parent answers for Ctrl-C."""
    global _scenario  # noqa: PLW0603 - a worker process has one scenario for all its life
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _scenario = build(path, document, assignments)
    if _scenario.trace_sha256 != trace_sha256:
        raise RuntimeError("the trace changed while the run began")


def _end_with_parent() -> None:
    """A worker whose parent was killed has nobody to work for."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(name: str, replication: int, engine: Engine) -> Replication:
    assert _scenario is not None
    return simulate(_scenario, name, replication, engine)


def _warnings(scenario: Scenario, outcomes: Mapping[str, Sequence[Outcome]], unsettled: Sequence[str]) -> Iterator[str]:
    for name in unsettled:
        yield f"{name}: the caches' hit ratio had not settled before time zero; the start is not stationary"
    for name, replications in outcomes.items():
        # Where faults change the course on purpose, a cut of it says nothing about the start.
        cuts = {} if scenario.spec.faults else warmup_cuts(replications)
        for operation, cut in cuts.items():
            if cut is not None and cut.warmup_s > scenario.span.warmup_s:
                yield (
                    f"{name}: {operation}: MSER-5 would cut the first {cut.warmup_s:.3g} s, "
                    f"warmup_s is {scenario.span.warmup_s:g}"
                    + ("" if cut.cut.settled else "; the latencies never settle, there may be no steady state")
                )
        requests = sum(o.requests for outcome in replications for o in outcome.operations.values())
        unfinished = sum(o.unfinished for outcome in replications for o in outcome.operations.values())
        if unfinished:
            yield f"{name}: {unfinished:,} of {requests:,} requests had not settled when the run ended"
