"""Retry modes of the AWS SDKs: attempts, waits and quotas of each, worked out by hand on a service that always refuses.

Source:
    botocore 1.43.67 (August 2026), retryhandler.py, data/_retry.json, retries/standard.py. The wait before retry i is
    rand * 2**(i - 1) s in legacy mode, 0.05 * 2**(i - 1) s for DynamoDB, and rand * min(base * 2**(i - 1), 20 s) in
    standard mode.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from models.dynamodb.model import DynamodbClientParameters
from models.kernel.arrivals import Closed, ConstantArrivals, Poisson
from models.kernel.closed_forms.retries import load_amplification
from models.kernel.faults import Fault, StationFault, schedule
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, ConstantSeconds
from models.kernel.outcome import Outcome
from models.kernel.parts import Bucket, Group, Station
from models.kernel.plane import Plane
from models.kernel.recorder import Span
from models.kernel.registry import ClientParameters
from models.kernel.sources import Workload
from models.kernel.steps import Admit, Serve
from models.kernel.system import Client, Control, Operation, RetryQuota, Route, System
from tests.strategies.runs import replicate

ENGINES = ("simpy", "compiled")
CLIENTS = {"other": ClientParameters, "dynamodb": DynamodbClientParameters}
STANDARD = [1.0, 2.0]
BY_HAND: dict[tuple[str, str, str], list[float]] = {
    ("legacy", "other", "refused"): [1.0, 2.0, 4.0, 8.0],
    ("legacy", "other", "throttled"): [1.0, 2.0, 4.0, 8.0],
    ("legacy", "dynamodb", "refused"): [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8],
    ("legacy", "dynamodb", "throttled"): [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8],
    ("standard", "other", "refused"): STANDARD,
    ("standard", "other", "throttled"): STANDARD,
    ("standard", "dynamodb", "refused"): STANDARD,
    ("standard", "dynamodb", "throttled"): STANDARD,
    ("standard-2026", "other", "refused"): [0.05, 0.1],
    ("standard-2026", "other", "throttled"): [1.0, 2.0],
    ("standard-2026", "dynamodb", "refused"): [0.025, 0.05, 0.1],
    ("standard-2026", "dynamodb", "throttled"): [1.0, 2.0, 4.0],
}
"""Ceilings of the waits; the number of attempts is one more."""


def client(mode: str | None = None, service: str = "other", **keys: Any) -> Client:
    return CLIENTS[service](mode=mode, **keys).client()  # type: ignore[arg-type]


def refusing(error: str, whose: Client, *controls: Control) -> System:
    """A service that does nothing: its bucket is empty, or it is down and says so, or is silent."""
    group = Group("service")
    station = Station("service", group)
    bucket = Bucket("bucket", group, 0.0, 0.0)
    way = {
        "throttled": Admit((bucket,)), "refused": Serve(station, Constant(value=1.0)),
        "timeout": Serve(station, Constant(value=1.0)),
    }  # fmt: skip
    how: Any = "silent" if error == "timeout" else "refuse"
    down = schedule([Fault(0.0, 1e9, (StationFault(station, 0, how),))]) if error != "throttled" else None
    return System({"read": Operation(Route(way[error]), whose)}, controls=(*filter(None, [down]), *controls))


def run(system: System, engine: str, *, requests: int = 0, arrivals: Any = None, duration_s: float = 10.0) -> Outcome:
    """So many requests, a hundred a second, or other arrivals."""
    if arrivals is None:
        arrivals = ConstantArrivals(rate_per_s=100.0) if requests else Poisson(rate_per_s=1e-9)
        duration_s = (requests - 0.5) / 100.0 if requests else duration_s
    work = Workload(arrivals, UniformKeys(), Constant(value=1.0), {"read": 1.0})
    return replicate(system, work, Span(0.0, duration_s, duration_s + 100.0, 1), 1, engine)[0]


def waits(error: str, whose: Client, engine: str, probes: int) -> list[float]:
    """Seconds from the first attempt to the last failure, of so many requests."""
    seen: list[float] = []

    def control(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(1.0)
        answers = [plane.submit("read") for _ in range(probes)]
        for answer in answers:
            yield answer
            assert answer.value.error == error
            seen.append(answer.value.latency_s)

    run(refusing(error, whose, control), engine)
    return seen


@pytest.mark.parametrize(("mode", "service", "error"), BY_HAND)
@pytest.mark.parametrize("engine", ENGINES)
def test_attempts_of_each_mode_are_those_worked_out(mode: str, service: str, error: str, engine: str) -> None:
    """Three requests, so that no quota is in the way."""
    read = run(refusing(error, client(mode, service)), engine, requests=3).operations["read"]

    assert read.requests == 3
    assert read.attempts == 3 * (1 + len(BY_HAND[mode, service, error]))
    assert read.errors == {error: 3}


@pytest.mark.parametrize(("mode", "service", "error"), BY_HAND)
@pytest.mark.parametrize("engine", ENGINES)
def test_waits_of_each_mode_are_those_worked_out(mode: str, service: str, error: str, engine: str) -> None:
    """Goal: each ceiling. Method: cut the client's attempts to 2, 3, ...; what 400 requests wait has half of the
    ceilings' sum as its mean, and a twelfth of the sum of their squares as its variance.
    """
    ceilings = BY_HAND[mode, service, error]
    for retries in range(1, len(ceilings) + 1):
        total = np.array(waits(error, client(mode, service, max_attempts=retries + 1), engine, 400))
        expected = ceilings[:retries]

        if (mode, service) == ("legacy", "dynamodb"):
            assert total == pytest.approx(sum(expected), rel=1e-12)
        else:
            deviation = math.sqrt(sum(c * c for c in expected) / 12.0 / len(total))
            assert total.mean() == pytest.approx(sum(expected) / 2.0, abs=3.5 * deviation)
            assert 0.0 < total.min() < total.max() < sum(expected)


def test_no_wait_is_longer_than_the_cap() -> None:
    """Standard mode, ten attempts: 1 + 2 + 4 + 8 + 16, then four times 20 s; legacy mode has no cap: 2**9 - 1 s."""
    assert sum(client("standard", max_attempts=10).ceilings_s()) == 1 + 2 + 4 + 8 + 16 + 4 * 20
    assert sum(client("standard-2026", max_attempts=10).ceilings_s(throttled=True)) == 1 + 2 + 4 + 8 + 16 + 4 * 20
    assert sum(client("legacy", max_attempts=10).ceilings_s()) == 2**9 - 1


@pytest.mark.parametrize(
    ("mode", "error", "retries"),
    [
        ("standard", "refused", 100), ("standard", "throttled", 100), ("standard", "timeout", 50),
        ("standard-2026", "refused", 35), ("standard-2026", "throttled", 100), ("standard-2026", "timeout", 35),
    ],
)  # fmt: skip
@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_full_quota_pays_for_so_many_retries(
    mode: str, error: str, retries: int, processes: int, engine: str
) -> None:
    """500 tokens at 5, 10 or 14 each, for each process; then whoever fails has had its last attempt."""
    timeout_s = 0.01 if error == "timeout" else None
    whose = client(mode, timeout_s=timeout_s, processes=processes)

    read = run(refusing(error, whose), engine, requests=600).operations["read"]

    assert read.attempts == 600 + processes * retries


@pytest.mark.parametrize("engine", ENGINES)
def test_legacy_clients_retry_without_a_quota(engine: str) -> None:
    read = run(refusing("refused", client("legacy")), engine, requests=600).operations["read"]

    assert read.attempts == 5 * 600


@pytest.mark.parametrize("engine", ENGINES)
def test_a_client_of_a_closed_loop_stays_with_its_process(engine: str) -> None:
    """Four clients of two processes with tokens for three retries each: six retries in all."""
    quota = RetryQuota(3.0, 1.0, 1.0, 0.0)
    system = refusing("refused", Client(max_attempts=2, quota=quota, processes=2))
    closed = Closed(clients=4, think=ConstantSeconds(value_s=0.1))

    read = run(system, engine, arrivals=closed, duration_s=2.0).operations["read"]

    assert read.attempts == read.requests + 6


@pytest.mark.parametrize(("returns_cost", "ok"), [(True, 10), (False, 1)])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_success_after_a_retry_brings_back_what_it_cost(returns_cost: bool, ok: int, engine: str) -> None:
    """Ten requests that fail once each, five tokens, five for a retry: all go well if five come back, else the first
    alone, whose one token is too little for the second.
    """
    station = Station("service", Group("service"))
    # Requests come at 0, 1, ... s and again a quarter later, when the service is up.
    faults = [Fault(max(0.0, at_s - 0.125), at_s + 0.125, (StationFault(station, 0, "refuse"),)) for at_s in range(10)]
    whose = Client(
        max_attempts=2, backoff_base_s=0.25, quota=RetryQuota(5.0, 5.0, 10.0, 1.0, returns_cost=returns_cost)
    )
    system = System(
        {"read": Operation(Route(Serve(station, Constant(value=0.01))), whose)}, controls=(schedule(faults),)
    )

    read = run(system, engine, arrivals=ConstantArrivals(rate_per_s=1.0), duration_s=9.5).operations["read"]

    assert (read.requests, read.ok) == (10, ok)


@pytest.mark.parametrize("engine", ENGINES)
def test_tiers_that_retry_multiply_each_other_s_load(engine: str) -> None:
    """Goal: three tiers with three retries each make 64 attempts of one request. Method: the lowest tier's
    retries are its client's; those above it are processes that call again what failed, as no route can say that a part
    of the system retries.
    """
    retries, tops = 3, 5

    def control(plane: Plane) -> Generator[Any, Any, None]:
        def call(tier: int) -> Generator[Any, Any, bool]:
            if tier == 0:
                answer = plane.submit("read")
                yield answer
                return bool(answer.value.ok)
            for _ in range(1 + retries):
                if (yield from call(tier - 1)):
                    return True
            return False

        for _ in range(tops):
            assert not (yield from call(2))

    outcome = run(refusing("throttled", Client(max_attempts=1 + retries), control), engine)

    assert outcome.counters["bucket.throttled"] == tops * load_amplification(1.0, 1 + retries, layers=3) == tops * 64


def test_what_a_scenario_says_goes_before_its_mode() -> None:
    whose = DynamodbClientParameters(mode="standard-2026", max_attempts=7, retry_quota={"capacity": 50.0})  # type: ignore[arg-type]

    assert (whose.max_attempts, whose.backoff_base_s) == (7, 0.025)
    assert whose.retry_quota is not None
    assert (whose.retry_quota.capacity, whose.retry_quota.cost) == (50.0, 14.0)


def test_a_filled_in_scenario_means_the_same() -> None:
    """Goal: what a mode fills in is written down, and read again, without a change."""
    for mode in ("legacy", "standard", "standard-2026"):
        for whose in (ClientParameters, DynamodbClientParameters):
            filled = whose(mode=mode)  # type: ignore[arg-type]
            assert whose(**filled.model_dump(exclude_none=True)) == filled
