"""A run: all replications of all systems of a scenario, what they say together, and the verdict.

Replications are independent, so they run side by side: the compiled engine in threads, as its loop holds no lock, the
SimPy engine in processes, each of which gets the scenario's values and makes its systems of them. Which ran where or
when changes nothing.
"""

from __future__ import annotations

import math
import resource
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.cost import offered
from bench.expectations import Judgement, judge, overall
from bench.machine import cores, peak_memory_mb
from bench.scenario.load import Scenario
from bench.simulate import Engine, Replication, simulate, warm_up
from bench.statistics.warmup import warmup_cuts
from bench.summary import fingerprint, summarise
from bench.workers import WORKERS_MAX, Recipe, Task, do_all
from models.kernel.arrivals import Arrivals
from models.kernel.outcome import Outcome

SCHEMA = 1
FEW_REQUESTS = 20_000
"""So many are simulated while a process starts."""
Part = tuple[str, int]
"""A system's name and a replication of it."""


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
    warnings: list[str]
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
    return gather(scenario, replicate(scenario, engine, range(int(scenario.spec.replications)), tick))


def replicate(
    scenario: Scenario, engine: Engine, replications: range, tick: Callable[[int], None] = lambda _: None
) -> dict[Part, Replication]:
    """Simulate some replications of all systems of a scenario."""
    parts = [(name, replication) for replication in replications for name in scenario.systems]
    workers = min(cores(), len(parts), WORKERS_MAX)
    if engine == "simpy" and workers > 1 and not _is_soon_done(scenario, len(parts)):
        return _in_processes(scenario, parts, workers, tick)
    return _in_threads(scenario, engine, parts, workers, tick)


def _is_soon_done(scenario: Scenario, parts: int) -> bool:
    """Whether so little is to be simulated that starting processes would take longer."""
    has_past = scenario.stationary and any(shape.caches for shape in scenario.shapes.values())
    return not has_past and 0.0 < offered(scenario) * parts < FEW_REQUESTS


def gather(scenario: Scenario, done: Mapping[Part, Replication]) -> Run:
    """Make a run of its replications: as many as the scenario asks for, of each of its systems."""
    names, count = list(scenario.systems), int(scenario.spec.replications)
    outcomes = {name: [done[name, replication].outcome for replication in range(count)] for name in names}
    certain = frozenset(name for name in names if all(outcome.certain for outcome in outcomes[name]))
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
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return max(peak_memory_mb(), workers)


def _in_processes(
    scenario: Scenario, parts: Sequence[Part], workers: int, tick: Callable[[int], None]
) -> dict[Part, Replication]:
    recipe = Recipe.of(scenario)
    done: dict[Part, Replication] = {}
    with closing(do_all((Task(recipe, (name,), index, "simpy") for name, index in parts), workers)) as results:
        for task, replications in results:
            for name, replication in replications.items():
                done[name, task.replication] = replication
                tick(replication.outcome.simulated_requests + replication.outcome.primed_requests)
    return done


def _in_threads(
    scenario: Scenario, engine: Engine, parts: Sequence[Part], workers: int, tick: Callable[[int], None]
) -> dict[Part, Replication]:
    """The compiled loop holds no lock, so threads are enough; what is one at a time anyway runs in one."""
    cancelled = threading.Event()
    told: Counter[Part] = Counter()

    def tell(part: Part, requests: int) -> None:
        if cancelled.is_set():
            raise Cancelled
        told[part] += requests
        tick(requests)

    if engine == "compiled":
        warm_up()
    done: dict[Part, Replication] = {}
    pool = ThreadPoolExecutor(max(1, workers))
    try:
        futures = {pool.submit(simulate, scenario, *part, engine, partial(tell, part)): part for part in parts}
        for future in as_completed(futures):
            part = futures[future]
            outcome = (done.setdefault(part, future.result())).outcome
            # A closed loop says nothing on the way.
            tick(max(0, outcome.simulated_requests + outcome.primed_requests - told[part]))
    except BaseException:
        cancelled.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return done


def _warnings(scenario: Scenario, outcomes: Mapping[str, Sequence[Outcome]], unsettled: Sequence[str]) -> Iterator[str]:
    for name in unsettled:
        yield f"{name}: the caches' hit ratio had not settled before time zero; the start is not stationary"
    for name, replications in outcomes.items():
        for operation, cut in warmup_cuts(replications, _undisturbed_until_s(scenario, replications)).items():
            if cut is not None and cut.warmup_s > scenario.span.warmup_s:
                yield (
                    f"{name}: {operation}: MSER would cut the first {cut.warmup_s:.3g} s, "
                    f"warmup_s is {scenario.span.warmup_s:g}"
                    + ("" if cut.cut.settled else "; the latencies never settle, there may be no steady state")
                )
        requests = sum(o.requests for outcome in replications for o in outcome.operations.values())
        unfinished = sum(o.unfinished for outcome in replications for o in outcome.operations.values())
        if unfinished:
            yield f"{name}: {unfinished:,} of {requests:,} requests had not settled when the run ended"


def _undisturbed_until_s(scenario: Scenario, replications: Sequence[Outcome]) -> float:
    """When a system's course is first changed on purpose: by a fault, a load that was told to change, or control.

    What control does before measuring begins belongs to the start, whose end is looked for.
    """
    arrivals = scenario.workload.arrivals
    steady_until_s = arrivals.steady_until_s() if isinstance(arrivals, Arrivals) else math.inf
    faults_s = (fault.at_s for fault in scenario.spec.faults)
    notes_s = (note.at_s for each in replications for note in each.notes if note.at_s >= scenario.span.warmup_s)
    return float(min([steady_until_s, *faults_s, *notes_s]))
