"""MySQL and PostgreSQL on EBS, against sums, fluids and closed forms.

Goal: a commit takes one volume after the other, as often as it flushes, each as long as the slower of its two servers
does, and needs all four; a page cleaner ends the throughput of a large database; a replica with one thread falls
behind as a fluid does; what takes a primary's place has what it must have, and lacks what it could not copy. Method:
constant times, by hand; a first-in-first-out list of dirty pages in closed form; the ledger of versions; both engines.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from models import catalogue
from models.kernel.arrivals import Closed, ConstantArrivals, Poisson
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, ConstantSeconds
from models.kernel.outcome import Outcome
from models.kernel.plane import Plane
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import Control, System
from tests.strategies.runs import assert_mean, recorded, replicate
from tests.strategies.systems import first_difference

NEAR_S, FAR_S, WRITE_S, LOG_BYTES = 0.0001, 0.0005, 0.001, 1000
"""Ways within a zone and across, a server's write, and what is written."""
LOG_S = LOG_BYTES / 320e6


def constant(value_s: float) -> dict[str, Any]:
    return {"kind": "constant", "value_s": value_s}


def database(model: str, *operations: str, **given: Any) -> System:
    """With constant times, and one zone's clients; CPUs need as good as no time."""
    known = catalogue.MODELS[model]
    plain = {
        "region": {"zones": 2, "near": constant(NEAR_S), "far": constant(FAR_S)},
        "volume": {"write": constant(WRITE_S), "read": constant(0.0)},
        "instance": {"read_s": 1e-9, "write_s": 1e-9},
    }
    return known.build(known.parameters(**{**plain, **given}), operations or ("write",))


def work(rate_per_s: float, keys: int = 100, mix: dict[str, float] | None = None) -> Workload:
    return Workload(
        Poisson(rate_per_s=rate_per_s), UniformKeys(count=keys), Constant(value=100.0), mix or {"write": 1.0}
    )  # fmt: skip


def write_latency_s(outcome: Outcome) -> float:
    return outcome.operations["write"].latency.mean_s


def with_a_loss(
    system: System, lost: str, span: Span, *, rate_per_s: float = 300.0, until_s: float = 1e6, engine: str = "compiled",
    mix: dict[str, float] | None = None, replications: int = 1,
) -> Outcome:  # fmt: skip
    """A member of a group is lost after a second, until some time; the outcome of the last replication."""
    asked = work(rate_per_s, 50, mix)
    return with_losses(system, [(lost, 1.0, until_s)], span, asked, engine=engine, replications=replications)


def with_losses(
    system: System, losses: list[tuple[str, float, float]], span: Span, asked: Workload, *, engine: str = "compiled",
    replications: int = 1,
) -> Outcome:  # fmt: skip
    """Members of groups are lost, each from some time until another; the outcome of the last replication."""
    groups = {each.name: each for each in Program(system, "system").groups}

    def control(lost: str, from_s: float, until_s: float) -> Control:
        name, member = lost.rstrip("]").split("[")

        def lose(plane: Plane) -> Any:
            yield plane.until(from_s)
            plane.down(groups[name], int(member), "silent")
            yield plane.until(until_s)
            plane.up(groups[name], int(member))

        return lose

    faults = tuple(control(*each) for each in losses)
    broken = replace(system, controls=(*system.controls, *system.watchers, *faults), watchers=())
    return replicate(broken, asked, span, replications, engine)[-1]


# ---------------------------------------------------------------- a commit


FLUSH_S = LOG_S + NEAR_S + max(WRITE_S, NEAR_S + WRITE_S + NEAR_S) + NEAR_S
"""To the first server, which writes while the second is sent the same, does, and says so; and back."""


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize(("model", "flushes"), [("mysql", 2), ("postgresql", 1)])
@pytest.mark.parametrize("standby", [False, True])
def test_a_commit_goes_its_steps_in_sequence(engine: str, model: str, flushes: int, standby: bool) -> None:
    """For a client in the primary's zone, and for one in the other; with a standby each flush is done there, too,
    behind the primary's own. What comes first brings the page, and is not measured.
    """
    asked = [(0.1 * number, "write") for number in range(40)]
    span = Span(0.05, 5.0, 9.0, 1)
    (outcome,) = replicate(database(model, standby=standby), recorded(*asked), span, 1, engine)

    once_s = flushes * (FLUSH_S + standby * (2 * FAR_S + FLUSH_S))
    found = outcome.operations["write"].latency.few_s
    near, far = found[found < once_s + 2.5 * NEAR_S], found[found >= once_s + 2.5 * NEAR_S]
    assert near == pytest.approx(once_s + 2 * NEAR_S, abs=1e-7)
    assert far == pytest.approx(once_s + 2 * FAR_S, abs=1e-7)
    assert min(len(near), len(far)) > 5


@pytest.mark.parametrize(("model", "flushes"), [("mysql", 2), ("postgresql", 1)])
@pytest.mark.parametrize("standby", [False, True])
def test_a_volume_takes_as_long_as_the_slower_of_its_servers(model: str, flushes: int, standby: bool) -> None:
    """The mean of the larger of two exponentials that begin together is 3/2 of theirs, and that of their sum would be
    2; commits that are far apart wait for nobody.
    """
    system = database(
        model, standby=standby, volume={"write": {"kind": "exponential", "mean_s": WRITE_S}, "read": constant(0.0)}
    )
    apart = Workload(ConstantArrivals(rate_per_s=20.0), UniformKeys(count=10), Constant(value=100.0), {"write": 1.0})
    outcomes = replicate(system, apart, Span(2.0, 300.0, 301.0, 1), 8)

    ways_s = flushes * (LOG_S + 2 * NEAR_S + standby * (LOG_S + 2 * NEAR_S + 2 * FAR_S)) + NEAR_S + FAR_S
    expected_s = flushes * (1 + standby) * larger_s(WRITE_S, 2 * NEAR_S) + ways_s
    assert_mean(outcomes, write_latency_s, expected_s, widest=0.03)


def larger_s(mean_s: float, later_s: float) -> float:
    """Mean of the larger of two exponentials of which one begins later: the first is over by then, or else both are
    as new.
    """
    over = -math.expm1(-later_s / mean_s)
    return later_s + mean_s * (1.0 + 0.5 * (1.0 - over))


@pytest.mark.parametrize(
    ("standby", "lost"),
    [(False, "volumes[0]"), (False, "mirrors[0]"), (True, "volumes[0]"), (True, "mirrors[0]"), (True, "volumes[1]"),
     (True, "mirrors[1]"), (True, "instances[1]")],
)  # fmt: skip
def test_all_servers_of_all_volumes_must_write(standby: bool, lost: str) -> None:
    """Two of two for a volume, four of four with a mirror."""
    system = database("mysql", standby=standby, failover="off", client={"timeout_s": 0.5})
    outcome = with_a_loss(system, lost, Span(2.0, 6.0, 9.0, 1))

    assert outcome.operations["write"].ok == 0
    assert outcome.operations["write"].errors["timeout"] == outcome.operations["write"].requests > 100


def test_a_flush_takes_all_who_wait() -> None:
    """A hundred clients that commit in turn would need a hundred times as long; together they miss one flush each."""
    closed = Workload(
        Closed(clients=100, think=ConstantSeconds(value_s=0.0)), UniformKeys(count=10), Constant(value=100.0),
        {"write": 1.0},
    )  # fmt: skip
    (outcome,) = replicate(database("postgresql"), closed, Span(1.0, 3.0, 4.0, 1), 1)

    alone_s = FLUSH_S + 2 * FAR_S
    assert alone_s < write_latency_s(outcome) < 2.2 * alone_s


@pytest.mark.parametrize("given", [{}, {"standby": True}, {"replicas": {"count": 1}}])
def test_a_busy_cpu_does_as_much_whatever_commits_wait_for(given: dict[str, Any]) -> None:
    """Fifty clients have 50 x 2 ms of work for one CPU, and wait some 5 ms for a commit: it is never without any."""
    system = database("postgresql", instance={"vcpus": 1, "read_s": 1e-9, "write_s": 0.002}, **given)
    closed = Workload(Closed(clients=50), UniformKeys(count=1000), Constant(value=100.0), {"write": 1.0})
    outcomes = replicate(system, closed, Span(1.0, 11.0, 12.0, 1), 6)

    assert_mean(outcomes, lambda outcome: outcome.operations["write"].answers_in_span / 10.0, 500.0, widest=0.06)


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize(("pages", "dirty"), [(4000, 1000), (4000, 2000), (4000, 3600), (40_000, 1000)])
def test_the_page_cleaner_ends_the_throughput_of_what_is_all_in_memory(pages: int, dirty: int) -> None:
    """Of pages that are changed at random, as many are dirty already as the list has of all; each other one makes the
    cleaner write one.
    """
    per_s, changed = 2000.0, 2.0
    system = database(
        "mysql", pages={"dirty": dirty, "written_per_s": per_s}, transaction={"writes": 1, "pages": changed}
    )
    closed = Workload(Closed(clients=200), UniformKeys(count=pages), Constant(value=100.0), {"write": 1.0})
    outcomes = replicate(system, closed, Span(10.0, 40.0, 45.0, 1), 4)

    def per_second(outcome: Outcome) -> float:
        return outcome.operations["write"].answers_in_span / 30.0

    assert_mean(outcomes, per_second, per_s / changed / (1.0 - dirty / pages), widest=0.1)


def test_whole_pages_are_in_the_log_once_between_checkpoints() -> None:
    """Of n changes to P pages, P (1 - (1 - 1/P)^n) are the first to theirs, which is what the log has more to write."""
    pages, per_s, every_s = 500, 400.0, 2.0
    system = database("postgresql", wal={"checkpoint_s": every_s, "page_bytes": 8192})
    outcomes = replicate(system, work(per_s, pages), Span(2.0, 22.0, 24.0, 1), 6)

    def first(outcome: Outcome) -> float:
        caches = outcome.caches["dirty pages"]
        return float(caches.misses.sum()) / 10.0

    # Of a Poisson number of changes, a page has none with chance exp(-n / P).
    expected = pages * -math.expm1(-per_s * every_s / pages)
    assert_mean(outcomes, first, expected, widest=0.05)


# ---------------------------------------------------------------- replicas


@pytest.mark.parametrize("rate_per_s", [1000.0, 3000.0])
def test_a_replica_with_one_thread_falls_behind_as_a_fluid_does(rate_per_s: float) -> None:
    """At 500 records/s, what it applies after T seconds was written T (1 - 500/rate) seconds ago."""
    ends_s = 20.0
    system = database(
        "mysql", "write", "read", replicas={"count": 1, "apply_s": 0.002}, read_from="replicas", pages={"dirty": 10_000}
    )
    (outcome,) = replicate(system, work(rate_per_s, 3, {"write": 0.5, "read": 0.5}), Span(1.0, ends_s, 21.0, 1), 1)

    expected_s = ends_s * (1.0 - 500.0 / (rate_per_s / 2.0)) if rate_per_s > 1000.0 else 0.0
    assert outcome.operations["read"].oldest_s == pytest.approx(expected_s, rel=0.03, abs=0.6)


# ---------------------------------------------------------------- who takes its place

FAST = {"check_s": 0.2, "failure_limit": 2, "promote_s": 0.5, "name_s": 0.5, "recover_page_s": 0.01}
LONG = Span(0.0, 12.0, 20.0, 24)


def answers_from_s(outcome: Outcome) -> float:
    """When the first window begins, after the loss, in which anything is answered."""
    ok = outcome.operations["write"].window_ok
    return float(next(index for index in range(3, len(ok)) if ok[index])) * 0.5


def test_a_mirror_recovers_as_many_pages_as_were_dirty() -> None:
    """Two looks fail after a second each; then another instance, 50 pages and the name take half a second each."""
    system = database("mysql", standby=True, failover=FAST, client={"timeout_s": 0.3})
    outcome = with_a_loss(system, "instances[0]", LONG)

    assert outcome.counters["writes.lost"] == 0
    notes = [note.text for note in outcome.notes]
    assert "50 pages are recovered" in notes
    assert 4.5 <= answers_from_s(outcome) <= 5.0


def test_a_standby_that_applies_what_it_takes_recovers_nothing() -> None:
    system = database("postgresql", standby=True, failover=FAST, client={"timeout_s": 0.3})
    outcome = with_a_loss(system, "instances[0]", LONG)

    assert outcome.counters["writes.lost"] == 0
    assert not [note for note in outcome.notes if "recovered" in note.text]
    assert 4.0 <= answers_from_s(outcome) <= 4.5


def test_a_replica_lacks_what_had_not_been_sent_and_applies_what_had() -> None:
    """Half a second's writes are not sent yet, and half of the keys were written within it. What had come takes a
    thread of 0.01 s a record: 100 of 300 a second were applied, and it is promoted when it has done all.
    """
    replicas = {"count": 1, "send": constant(0.5), "apply_s": 0.01}
    system = database("mysql", replicas=replicas, failover=FAST, client={"timeout_s": 0.3})
    outcome = with_a_loss(system, "instances[0]", LONG)

    assert 30 <= outcome.counters["writes.lost"] <= 50
    (applied,) = [note.text for note in outcome.notes if "has applied" in note.text]
    # 150 had come by the time of the loss, 100 a second are applied from 0.5 s on; it is asked after about 1 s more.
    assert float(applied.split()[-2]) < 0.6


def test_nothing_is_lost_that_was_sent() -> None:
    replicas = {"count": 2, "send": constant(0.0), "apply_s": 0.0001}
    system = database("mysql", replicas=replicas, failover=FAST, client={"timeout_s": 0.3})

    assert with_a_loss(system, "instances[0]", LONG).counters["writes.lost"] == 0


@pytest.mark.parametrize("alone_after_s", [None, 2.0])
def test_a_primary_waits_for_its_standby_or_goes_on_alone(alone_after_s: float | None) -> None:
    given = {} if alone_after_s is None else {"alone_after_s": alone_after_s}
    system = database("postgresql", standby=True, failover=FAST, client={"timeout_s": 0.3}, **given)
    outcome = with_a_loss(system, "instances[1]", LONG, until_s=8.0)

    ok = outcome.operations["write"].window_ok
    assert ok[3:6].sum() == 0
    assert (ok[8:16].sum() > 1000) == (alone_after_s is not None)
    assert ok[18:].sum() > 500
    assert outcome.counters["writes.lost"] == 0


def test_a_primary_that_starts_anew_recovers_first() -> None:
    system = database("mysql", failover=FAST, client={"timeout_s": 0.3})
    outcome = with_a_loss(system, "instances[0]", LONG, until_s=2.0)

    assert outcome.counters["writes.lost"] == 0
    assert 2.0 <= answers_from_s(outcome) <= 3.0
    assert [note.text for note in outcome.notes if "still the primary" in note.text]


LAST = 1e6
"""Seconds until somebody comes back who never does."""


@pytest.mark.parametrize("model", ["mysql", "postgresql"])
@pytest.mark.parametrize(("died_s", "is_copied"), [(5.9, False), (7.5, True)])
def test_what_only_a_dead_primary_had_is_lost(model: str, died_s: float, is_copied: bool) -> None:
    """A standby is away from 1 to 6 s, and its primary alone meanwhile, for 380 of 100 writes/s of 200 keys, so that
    200 (1 - exp(-380/200)) keys have one: these are lost if the primary dies for good before the standby is back. Who
    comes back after that has nobody to copy from, and has not what it missed.
    """
    given = {"standby": True, "alone_after_s": 1.0, "failover": FAST, "client": {"timeout_s": 0.3}}
    losses = [("instances[1]", 1.0, 6.0), ("instances[0]", died_s, LAST)]
    outcome = with_losses(database(model, **given), losses, Span(0.0, 14.0, 20.0, 28), work(100.0, 200))

    notes = [note.text for note in outcome.notes]
    assert ("instance 1 follows instance 0" in notes) == is_copied
    assert "the name leads to instance 1" in notes
    assert outcome.operations["write"].window_ok[-4:].sum() > 150
    alone_s = died_s - notes_s(outcome, "goes on alone")
    assert outcome.counters["writes.lost"] == (
        0 if is_copied else pytest.approx(200 * -math.expm1(-100.0 * alone_s / 200), abs=25)
    )


def notes_s(outcome: Outcome, text: str) -> float:
    """When something was written down first."""
    return next(note.at_s for note in outcome.notes if text in note.text)


def test_a_primary_that_is_back_during_a_failover_follows_after_it() -> None:
    """And is a standby again, which loses nothing when the other one dies."""
    system = database("postgresql", standby=True, failover=FAST, client={"timeout_s": 0.3})
    losses = [("instances[0]", 1.0, 3.5), ("instances[1]", 8.0, LAST)]
    outcome = with_losses(system, losses, Span(0.0, 16.0, 20.0, 32), work(100.0, 200))

    led_s, follows_s = notes_s(outcome, "the name leads to instance 1"), notes_s(outcome, "0 follows instance 1")
    assert led_s - 1.0 < 3.5 < led_s < follows_s < led_s + FAST["check_s"]
    assert notes_s(outcome, "instance 0, the standby, is to take its place") > 8.0
    assert outcome.counters["writes.lost"] == 0
    assert outcome.operations["write"].window_ok[-4:].sum() > 150


@pytest.mark.parametrize("count", [1, 2])
def test_a_replica_that_dies_while_it_applies_is_given_up(count: int) -> None:
    """It has more than 100 writes of 0.02 s to apply when it is asked, and dies before it has. The other one takes the
    primary's place, where there is another one; or else the primary does, when it is back.
    """
    replicas = {"count": count, "send": constant(0.0), "apply_s": 0.02}
    system = database("mysql", replicas=replicas, failover=FAST, client={"timeout_s": 0.3})
    losses = [("instances[0]", 1.0, 9.0), ("instances[1]", 3.5, LAST)]
    outcome = with_losses(system, losses, Span(0.0, 16.0, 20.0, 32), work(300.0))

    lost_s = notes_s(outcome, "instance 1 is lost, too")
    assert 3.5 < lost_s < 3.5 + 4 * 1.0
    if count == 2:
        assert notes_s(outcome, "the name leads to instance 2") > lost_s
        assert notes_s(outcome, "0 follows instance 2") > 9.0
    else:
        assert notes_s(outcome, "nobody can take its place") == lost_s
        assert notes_s(outcome, "is there again, and still the primary") >= 9.0
    assert outcome.operations["write"].window_ok[-4:].sum() > 450


def test_clients_read_from_replicas_that_are_there() -> None:
    """Half of the reads go to a lost replica, until two looks have failed after a second each and the name is changed;
    then all go to the other one, and half again when it is back.
    """
    system = database(
        "mysql", "read", failover=FAST, client={"timeout_s": 0.3}, replicas={"count": 2}, read_from="replicas",
        instance={"read_s": 0.001},
    )  # fmt: skip
    losses = [("instances[1]", 1.0, 8.0)]
    outcome = with_losses(system, losses, Span(0.0, 12.0, 13.0, 24), work(200.0, mix={"read": 1.0}))

    read, busy_s = outcome.operations["read"], outcome.stations["cpu"].busy_s
    failed = read.window_errors / (read.window_errors + read.window_ok)
    assert failed[3:6] == pytest.approx(0.5, abs=0.15)
    assert not failed[8:].any()
    assert busy_s[1, 8:16].sum() < 0.1 * busy_s[2, 8:16].sum()
    assert busy_s[1, -6:].sum() == pytest.approx(busy_s[2, -6:].sum(), rel=0.3)


@pytest.mark.parametrize("model", ["mysql", "postgresql"])
@pytest.mark.parametrize("given", [{"standby": True}, {"replicas": {"count": 2}, "read_from": "replicas"}])
@pytest.mark.parametrize("lost", ["instances[0]", "instances[1]"])
def test_both_engines_agree(model: str, given: dict[str, Any], lost: str) -> None:
    system = database(
        model, "write", "read", failover=FAST, client={"timeout_s": 0.3, "max_attempts": 2}, volume={}, **given
    )
    mix = {"write": 0.5, "read": 0.5}
    simpy, compiled = (
        with_a_loss(system, lost, Span(0.5, 4.0, 6.0, 8), until_s=3.0, engine=engine, mix=mix)
        for engine in ("simpy", "compiled")
    )

    assert first_difference(simpy, compiled) is None


@pytest.mark.parametrize("model", ["mysql", "postgresql"])
def test_a_standby_that_dies_as_it_takes_over_is_replaced_by_who_comes_back(model: str) -> None:
    """The primary is lost from 1 to 9 s, and its standby for good after it was chosen: nothing is lost, as both had
    all; and on both engines alike.
    """
    given = {"standby": True, "failover": FAST, "client": {"timeout_s": 0.3}, "volume": {}}
    losses, span = [("instances[0]", 1.0, 9.0), ("instances[1]", 3.3, LAST)], Span(0.0, 16.0, 18.0, 32)
    simpy, compiled = (
        with_losses(database(model, **given), losses, span, work(100.0), engine=engine)
        for engine in ("simpy", "compiled")
    )

    assert first_difference(simpy, compiled) is None
    assert 3.0 < notes_s(compiled, "is to take its place") < 3.3
    assert notes_s(compiled, "the name leads to instance 0") > 9.0
    assert compiled.counters["writes.lost"] == 0
    assert compiled.operations["write"].window_ok[-4:].sum() > 150


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("given", "says"),
    [({"read_from": "replicas"}, "needs replicas.count"), ({"alone_after_s": 5.0}, "without a standby")],
)
def test_what_says_nothing_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        database("mysql", **given)
