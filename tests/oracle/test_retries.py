"""Retries: what they multiply load by, what a retry quota caps it to, and the load that retries keep alive.

Source:
    M. Brooker's notes on retries and token buckets; Bronson et al., Metastable Failures in Distributed Systems, HotOS
    2021 (300 requests/s, timeout 1 s, one retry: stable below 150, vulnerable up to 300).
"""

from __future__ import annotations

import pytest

from models.kernel.arrivals import Poisson, with_load
from models.kernel.faults import Fault, StationFault, schedule
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.outcome import Outcome
from models.kernel.parts import Group, Station
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.steps import Serve
from models.kernel.system import Client, Operation, RetryQuota, Route, System
from tests.strategies.runs import replicate

ENGINES = ("simpy", "compiled")
OUTAGE_S = (20.0, 30.0)
TENTH = RetryQuota(capacity=10.0, cost=1.0, timeout_cost=1.0, refund=0.1)
"""A tenth of a retry for each success: at most 1.1 attempts a request in the long run."""


def database(
    rate_per_s: float, client: Client, *faults: Fault, duration_s: float = 120.0, engine: str = "compiled",
    cut: tuple[float, float] | None = None, station: Station | None = None,
) -> Outcome:  # fmt: skip
    """Thirty servers of 0.1 s: 300 requests/s, in windows of a second."""
    station = station or Station("database", Group("database"), 30)
    system = System(
        {"read": Operation(Route(Serve(station, Constant(value=0.1))), client)}, controls=(schedule(faults),)
    )
    arrivals = Poisson(rate_per_s=rate_per_s)
    load = arrivals if cut is None else with_load(arrivals, [(*cut, 0.0)])
    work = Workload(load, UniformKeys(), Constant(value=1.0), {"read": 1.0})
    return replicate(system, work, Span(0.0, duration_s, duration_s + 60.0, round(duration_s)), 1, engine)[0]


def after_outage(rate_per_s: float, client: Client, cut: tuple[float, float] | None = None) -> tuple[float, float]:
    """Answers per second in the ten seconds before a pause of ten seconds, and in the last ten of the run."""
    station = Station("database", Group("database"), 30)
    fault = Fault(*OUTAGE_S, (StationFault(station, 0, paused=True),))
    ok = database(rate_per_s, client, fault, cut=cut, station=station).operations["read"].window_ok
    return float(ok[10:20].sum()) / 10.0, float(ok[-10:].sum()) / 10.0


# Amplification.


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("engine", ENGINES)
def test_when_all_fails_load_is_multiplied_by_attempts(retries: int, engine: str) -> None:
    station = Station("database", Group("database"), 30)
    dead = Fault(0.0, 1000.0, (StationFault(station, 0, "refuse"),))

    outcome = database(
        20.0, Client(max_attempts=retries + 1), dead, duration_s=20.0, engine=engine, station=station
    ).operations["read"]

    assert outcome.attempts == (1 + retries) * outcome.requests


@pytest.mark.parametrize("engine", ENGINES)
def test_a_quota_caps_what_retries_add(engine: str) -> None:
    """In every other second all is refused; what the seconds between bring in is what retries can be paid from."""
    station = Station("database", Group("database"), 30)
    faults = [Fault(at_s, at_s + 1.0, (StationFault(station, 0, "refuse"),)) for at_s in range(0, 60, 2)]
    client = Client(max_attempts=4, quota=TENTH)

    read = database(100.0, client, *faults, duration_s=60.0, engine=engine, station=station).operations["read"]

    retried = read.attempts - read.requests
    assert 0 < retried <= TENTH.capacity + 0.1 * read.ok
    assert retried > 0.85 * (TENTH.capacity + 0.1 * read.ok), "little is lost to a full bucket"


def test_a_quota_that_is_never_empty_is_no_quota() -> None:
    station = Station("database", Group("database"), 30)
    fault = Fault(5.0, 8.0, (StationFault(station, 0, "refuse"),))
    patient = {"max_attempts": 3, "backoff_base_s": 0.1, "jitter": "full"}
    rich = Client(**patient, quota=RetryQuota(1e9, 1.0, 1.0, 0.0))  # type: ignore[arg-type]

    with_, without = (
        database(50.0, client, fault, duration_s=20.0, station=station)
        for client in (rich, Client(**patient))  # type: ignore[arg-type]
    )

    assert with_.fingerprint() == without.fingerprint()


def test_a_retry_after_a_timeout_has_its_own_price() -> None:
    """One server, one request in its way for ever: each that times out pays three of nine tokens, so three retry."""
    station = Station("database", Group("database"), 1)
    stuck = Fault(0.0, 1000.0, (StationFault(station, 0, paused=True),))
    client = Client(timeout_s=0.5, max_attempts=2, quota=RetryQuota(9.0, 1.0, 3.0, 0.0))

    read = database(5.0, client, stuck, duration_s=10.0, station=station).operations["read"]

    assert read.attempts - read.requests == 3
    assert read.errors == {"timeout": read.requests}


# The load that keeps itself alive.

ONE_RETRY = Client(timeout_s=1.0, max_attempts=2)


@pytest.mark.parametrize("rate_per_s", [100.0, 120.0])
def test_below_half_of_the_capacity_an_outage_passes(rate_per_s: float) -> None:
    """Even when all time out and try twice, servers have time to spare: the backlog drains at 300 - 2 x the rate."""
    before, later = after_outage(rate_per_s, ONE_RETRY)

    assert later == pytest.approx(before, rel=0.1)


@pytest.mark.parametrize("rate_per_s", [200.0, 280.0])
def test_above_it_an_outage_stays(rate_per_s: float) -> None:
    """Ninety seconds after it ended, next to nothing is answered in time, though it all could be."""
    before, later = after_outage(rate_per_s, ONE_RETRY)

    assert before == pytest.approx(rate_per_s, rel=0.1)
    assert later < 0.1 * before


def test_cutting_load_frees_it() -> None:
    before, later = after_outage(280.0, ONE_RETRY, cut=(40.0, 80.0))

    assert later == pytest.approx(before, rel=0.1)


def test_a_retry_quota_frees_it() -> None:
    """At 230 requests/s a tenth more is 253, if that many succeed: the backlog drains at 47 a second or more."""
    client = Client(timeout_s=1.0, max_attempts=2, quota=TENTH)

    before, later = after_outage(230.0, client)

    assert later == pytest.approx(before, rel=0.1)
    assert after_outage(230.0, ONE_RETRY)[1] < 0.1 * before
