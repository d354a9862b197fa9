"""What a run will cost, said before it runs, and refused above a limit.

The cheap questions come first, so that a scenario that asks for far too much is refused at once, and not after its
closed forms have been worked out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from bench.errors import LimitError, Problem, ScenarioError
from bench.scenario.document import Document
from bench.scenario.load import Scenario
from bench.scenario.locate import KeyPath
from models.kernel.arrivals import Arrivals, Bursty, Closed
from models.kernel.outcome import AREA_TICKS_PER_S, COARSE, FINE
from models.kernel.predict import Prediction, predict, prior_rate_per_s, workload_shares
from models.kernel.priming import longest_ttl_s, predicted_requests
from models.kernel.program import Program
from models.kernel.sources import BLOCK
from models.kernel.system import System

REQUESTS_MAX = 5e9
"""Requests of a run, those before time zero included: hours on the fast engine."""
MEMORY_MB_MAX = 16_000.0
AREA_MAX_S = 2.0**63 / AREA_TICKS_PER_S / 2
"""Server-seconds and request-seconds of one station; twice as many would not fit the totals."""
PHASES_MAX = 2e6
"""Changes of rate of a bursty workload in one replication."""

HELD_BYTES = 4
"""Where a cache of the compiled engine looks for a key, one for each key that could be there."""
ENTRY_BYTES = 72
"""An object in a cache; while room for more is made, there are two of each."""
KEY_BYTES = 24
"""A key's popularity, and where to look for its versions, in two systems."""
IN_FLIGHT_BYTES = 1000
"""A request that waits; assumed, between the engines'."""
EVENTS_PER_S = {"compiled": 7e6, "simpy": 1e5}
"""About so many events a second and core; assumed, for an estimate only."""
BASE_MB = 200.0
IN_PARALLEL = 2

Reason = tuple[KeyPath, str, str]
"""Where it is too much, what is, and what to do."""
ARRIVALS: KeyPath = ("workload", "arrivals")
FEWER = "lower the rate, duration_s or replications"


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Args:
        requests: Of all systems and replications.
        primed: Replayed before time zero.
        events: Of the data plane, about.
        memory_mb: Peak, about.
        predictions: By system; none where the run is refused.
        reasons: Why the run is refused, if it is.
        stands_still: Whether it is because no time would pass.
    """

    requests: float
    primed: float
    events: float
    memory_mb: float
    predictions: dict[str, Prediction]
    reasons: tuple[Reason, ...] = ()
    stands_still: bool = False

    def seconds(self, engine: str) -> float:
        """Wall time on two cores, about."""
        return (self.events + self.primed) / EVENTS_PER_S[engine] / IN_PARALLEL

    def refuse_if_too_much(self, document: Document) -> None:
        """Refuse what would exceed a limit.

        Raises:
            LimitError: With everything that would.
            ScenarioError: If no time would pass.
        """
        problems: list[Problem] = [document.problem(path, what, remedy, "value") for path, what, remedy in self.reasons]
        if problems:
            raise (ScenarioError if self.stands_still else LimitError)(problems)


def estimate(scenario: Scenario) -> Cost:
    """What a scenario will cost."""
    with np.errstate(all="ignore"):
        sums = _Sums(scenario)
        for reasons in (sums.at_a_glance, sums.by_prediction):
            sums.reasons.extend(reasons())
            if sums.reasons:
                break
        found = (*sums.reasons,)
        return Cost(sums.requests, sums.primed, sums.events, sums.memory_mb, sums.predictions, found, sums.stands_still)


def offered(scenario: Scenario) -> float:
    """Requests of one replication of an open workload; 0 for a closed one, whose clients ask as fast as they can."""
    workload, span = scenario.workload, scenario.span
    if workload.trace is not None:
        return float(workload.trace.arrived(span.duration_s))
    if isinstance(workload.arrivals, Closed):
        return 0.0
    return workload.arrivals.mean_rate_per_s(span.duration_s) * span.duration_s


@dataclass
class _Sums:
    """What adds up over systems and replications."""

    scenario: Scenario
    requests: float = 0.0
    primed: float = 0.0
    events: float = 0.0
    memory_mb: float = BASE_MB
    predictions: dict[str, Prediction] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    stands_still: bool = False

    def at_a_glance(self) -> Iterator[Reason]:
        """What is too much by plain multiplication."""
        scenario = self.scenario
        workload, replications = scenario.workload, int(scenario.spec.replications)
        self.requests = offered(self.scenario) * replications * len(scenario.systems)
        yield from self._requests_reason()
        arrivals = workload.arrivals
        if isinstance(arrivals, Bursty) and workload.trace is None:
            # A block of requests is drawn at once, however long that takes the clock.
            rate_per_s = arrivals.initial_rate_per_s()
            seconds = max(scenario.span.duration_s, BLOCK / rate_per_s if rate_per_s > 0 else math.inf)
            phases = 2.0 * seconds / (arrivals.on_mean_s + arrivals.off_mean_s)
            if not phases <= PHASES_MAX:
                what = f"the rate would change {phases:.3g} times, the limit is {PHASES_MAX:.0e}"
                yield ARRIVALS, what, "make on_mean_s and off_mean_s longer"
        caches = max(_caches_bytes(_program(each, ""), workload.key_count) for each in scenario.systems.values())
        tables = IN_PARALLEL * caches + workload.key_count * KEY_BYTES
        self.memory_mb += tables / 1e6
        yield from self._memory_reason(("workload", "keys"), "use fewer keys or cache nodes")
        operations = sum(len(each.operations) for each in scenario.systems.values())
        stored = replications * operations * (FINE.bins + scenario.span.windows * COARSE.bins) * 8
        self.memory_mb += stored / 1e6
        yield from self._memory_reason(("replications",), "ask for fewer replications or windows")

    def by_prediction(self) -> Iterator[Reason]:
        """What closed forms say is too much."""
        scenario = self.scenario
        workload, span, replications = scenario.workload, scenario.span, int(scenario.spec.replications)
        closed = workload.trace is None and isinstance(workload.arrivals, Closed)
        self.requests, most_in_flight = 0.0, 0.0
        for name, system in scenario.systems.items():
            program = _program(system, name)
            prediction = self.predictions[name] = predict(program, workload, span.duration_s)
            if closed and prediction.rate_per_s == math.inf:
                self.stands_still = True
                what = f"in {name} time would stand still: clients do not think, and requests take no time"
                yield ARRIVALS, what, "give arrivals a think time, or a part of the system some time"
                return
            count = prediction.rate_per_s * span.duration_s if closed else offered(self.scenario)
            self.requests += count * replications
            self.events += count * prediction.events * replications
            self.primed += self._primed(program) * replications
            in_flight = self._in_flight(prediction)
            most_in_flight = max(most_in_flight, in_flight)
            servers = max((load.servers for load in prediction.stations.values()), default=0)
            area_s = max(servers, in_flight) * span.end_s
            if not area_s <= AREA_MAX_S:
                what = f"{name} would add up {area_s:.3g} server-seconds, the limit is {AREA_MAX_S:.0e}"
                yield ("systems", name), what, "use fewer servers, a lower rate or a shorter duration_s"
        yield from self._requests_reason()
        self.memory_mb += IN_PARALLEL * most_in_flight * IN_FLIGHT_BYTES / 1e6
        yield from self._memory_reason(
            ARRIVALS, "requests would pile up: lower the rate, or give the systems more servers"
        )

    def _primed(self, program: Program) -> float:
        """Requests that are replayed before time zero, in one replication."""
        scenario = self.scenario
        if not program.caches or not scenario.stationary:
            return 0.0
        arrivals = scenario.workload.arrivals
        rate_per_s = (
            arrivals.initial_rate_per_s()
            if isinstance(arrivals, Arrivals)
            else prior_rate_per_s(program, scenario.workload)
        )
        items = max(part.capacity_items or 0 for part in program.caches)
        return float(predicted_requests(longest_ttl_s(program, scenario.workload), rate_per_s, items))

    def _in_flight(self, prediction: Prediction) -> float:
        """Requests that are in a system at once, at most: Little's law, and what piles up at the bottleneck."""
        workload, span = self.scenario.workload, self.scenario.span
        if workload.trace is None and isinstance(workload.arrivals, Closed):
            return float(workload.arrivals.clients)
        rate_per_s = prediction.rate_per_s
        shares = workload_shares(workload)
        times_s = [prediction.unloaded_s[name] for name in workload.operation_names]
        mean_s = sum(float(share) * time_s for share, time_s in zip(shares, times_s, strict=True) if share > 0)
        bottleneck = prediction.bottleneck
        excess_per_s = 0.0 if bottleneck is None else max(0.0, rate_per_s - bottleneck.saturation_per_s)
        flowing = rate_per_s * mean_s if mean_s < span.end_s else offered(self.scenario)
        return min(flowing + excess_per_s * span.duration_s, offered(self.scenario))

    def _requests_reason(self) -> Iterator[Reason]:
        total = self.requests + self.primed
        if not total <= REQUESTS_MAX:
            yield ARRIVALS, f"the run would simulate {total:.3g} requests, the limit is {REQUESTS_MAX:.0e}", FEWER

    def _memory_reason(self, path: KeyPath, remedy: str) -> Iterator[Reason]:
        if not self.memory_mb <= MEMORY_MB_MAX:
            wanted, limit = f"{self.memory_mb:,.0f} MB", f"{MEMORY_MB_MAX:,.0f} MB"
            yield path, f"the run would take about {wanted} of memory, the limit is {limit}", remedy


def _caches_bytes(program: Program, keys: int) -> float:
    """Memory for a system's caches, full."""
    return sum(
        part.group.size * (keys * HELD_BYTES + min(part.capacity_items or keys, keys) * ENTRY_BYTES)
        for part in program.caches
    )


def _program(system: System, name: str) -> Program:
    return Program(system, name)
