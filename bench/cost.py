"""What a run will cost, said before it runs, and refused above a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.errors import LimitError
from bench.scenario.document import Document
from bench.scenario.load import Scenario
from models.kernel.arrivals import Arrivals, Closed
from models.kernel.predict import Prediction, predict, prior_rate_per_s
from models.kernel.priming import predicted_requests
from models.kernel.program import Program

REQUESTS_MAX = 5e9
"""Requests of a run, those before time zero included: hours on the fast engine."""
MEMORY_MB_MAX = 16_000.0
ENTRY_BYTES = 40
"""An object's place in a cache of the compiled engine, one for each key that could be there."""
KEY_BYTES = 16
EVENTS_PER_S = {"compiled": 3e6, "simpy": 1e5}
"""About so many events a second and core; assumed, for an estimate only."""
BASE_MB = 200.0
IN_PARALLEL = 2


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Args:
        requests: Of all systems and replications.
        primed: Replayed before time zero.
        events: Of the data plane, about.
        memory_mb: Peak, about.
        predictions: By system.
    """

    requests: float
    primed: float
    events: float
    memory_mb: float
    predictions: dict[str, Prediction]

    def seconds(self, engine: str) -> float:
        """Wall time on two cores, about."""
        return (self.events + self.primed) / EVENTS_PER_S[engine] / IN_PARALLEL

    def refuse_if_too_much(self, document: Document) -> None:
        """Raises LimitError where the run would exceed a limit."""
        problems = []
        total = self.requests + self.primed
        if not total <= REQUESTS_MAX:
            what = f"the run would simulate {total:.3g} requests, the limit is {REQUESTS_MAX:.0e}"
            remedy = "lower the rate, duration_s or replications"
            problems.append(document.problem(("workload", "arrivals"), what, remedy, "value"))
        if self.memory_mb > MEMORY_MB_MAX:
            what = f"the run would take about {self.memory_mb:,.0f} MB of memory, the limit is {MEMORY_MB_MAX:,.0f} MB"
            problems.append(document.problem(("workload", "keys"), what, "use fewer keys or cache nodes", "value"))
        if problems:
            raise LimitError(problems)


def estimate(scenario: Scenario) -> Cost:
    """What a scenario will cost."""
    workload, span = scenario.workload, scenario.span
    replications = int(scenario.spec.replications)
    requests = primed = events = caches = 0.0
    predictions = {}
    offered = _offered(scenario)
    if offered * replications * len(scenario.systems) > REQUESTS_MAX:
        return Cost(offered * replications * len(scenario.systems), 0.0, math.inf, 0.0, {})
    for name, system in scenario.systems.items():
        program = Program(system, name)
        prediction = predictions[name] = predict(program, workload, span.duration_s)
        closed = workload.trace is None and isinstance(workload.arrivals, Closed)
        count = prediction.rate_per_s * span.duration_s if closed else offered
        requests += count * replications
        events += count * prediction.events * replications
        members = sum(part.group.size for part in program.caches)
        caches = max(caches, members * workload.key_count)
        if members and scenario.stationary:
            rate_per_s = (
                workload.arrivals.initial_rate_per_s() if isinstance(workload.arrivals, Arrivals)
                else prior_rate_per_s(program, workload)
            )  # fmt: skip
            ttl_s = max((part.ttl_s or 0.0 for part in program.caches), default=0.0)
            items = max(part.capacity_items or 0 for part in program.caches)
            primed += predicted_requests(ttl_s, rate_per_s, items) * replications
    memory_mb = BASE_MB + (IN_PARALLEL * caches * ENTRY_BYTES + workload.key_count * KEY_BYTES) / 1e6
    return Cost(requests, primed, events, memory_mb, predictions)


def _offered(scenario: Scenario) -> float:
    """Requests of a replication of an open workload; 0 for a closed one."""
    workload, span = scenario.workload, scenario.span
    if workload.trace is not None:
        return float(len(workload.trace.block.times_s))
    if isinstance(workload.arrivals, Closed):
        return 0.0
    return workload.arrivals.mean_rate_per_s(span.duration_s) * span.duration_s
