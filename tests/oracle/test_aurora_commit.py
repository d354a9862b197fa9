"""How long a commit takes, through the whole way of a write, against order statistics and against by-hand traces.

Goal: a record is durable when the fourth of six copies has it, in the mean and in the tail; with a zone gone, the last
of four; when copies of a zone are far, those of the others decide. Records are acknowledged in order, and a segment has
one when it has all in front of it. Method: ways and work that take no time, but for the law that is looked at; writes
far apart, or two of them a known time apart; `closed_forms.quorums` and figures that were reckoned elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from math import log1p
from typing import Any

import pytest
from pydantic import ValidationError

from models import catalogue
from models.aurora.quorums import QuorumParameters
from models.kernel.arrivals import ConstantArrivals
from models.kernel.closed_forms.quorums import k_of_n_mean_s, k_of_n_quantile_s
from models.kernel.faults import Fault, Interrupt, StationFault, schedule
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.outcome import Outcome
from models.kernel.predicates import both, either, meets, satisfied_by_losses
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import System
from tests.strategies.runs import replicate

MODEL = catalogue.MODELS["aurora"]
ENGINES = ("simpy", "compiled")
AT_ONCE = {"kind": "constant", "value_s": 0.0}
MEAN_S = 0.001


def aurora(instance: dict[str, Any] | None = None, **storage: Any) -> System:
    """Nothing takes time but what segments do to have a record."""
    storage = {
        "protection_groups": 2, "send_s": 0.0, "write_s": 0.0, "record_s": 0.0, "read": AT_ONCE,
        "persist": {"kind": "exponential", "mean_s": MEAN_S},
        **storage,
    }  # fmt: skip
    parameters = MODEL.parameters(
        replicas=0, region={"near": AT_ONCE, "far": AT_ONCE}, storage=storage,
        instance={"write_s": AT_ONCE, "bytes_per_s": 1e18, **(instance or {})},
    )  # fmt: skip
    return MODEL.build(parameters, ("write",))


def written(system: System, count: int, *faults: Fault, every_s: float = 0.05, engine: str = "compiled") -> Outcome:
    """Writes at even distances."""
    work = Workload(
        ConstantArrivals(rate_per_s=1.0 / every_s), UniformKeys(count=100), Constant(value=100.0), {"write": 1.0}
    )
    watchers = system.watchers if faults else ()
    system = replace(system, controls=(schedule(faults), *system.controls, *watchers), watchers=())
    until_s = count * every_s
    return replicate(system, work, Span(0.0, until_s, until_s + 5.0, 1), 1, engine)[0]


def lost(system: System, *segments: int) -> Fault:
    """Segments that are not there from the beginning."""
    program = Program(system, "system")
    volume = program.volume
    assert volume is not None
    stations = [station for station in program.stations if station.group is volume.segments]
    effects = [StationFault(station, segment, "silent") for segment in segments for station in stations]
    return Fault(0.0, float("inf"), (*effects, *(Interrupt(volume, volume.segments, segment) for segment in segments)))


@pytest.mark.parametrize(
    ("copies", "write", "read", "p99"), [(6, 4, 3, 2.4683), (6, 6, 1, 6.3927), (3, 2, 2, 2.8319), (4, 3, 2, None)]
)
def test_a_commit_waits_for_the_last_copy_that_it_needs(copies: int, write: int, read: int, p99: float | None) -> None:
    """Figures of p99 are those that were reckoned for exponential delays of mean 1."""
    system = aurora(quorum={"copies": copies, "write": write, "read": read})
    latency = written(system, 60_000).operations["write"].latency

    def inverse_s(fraction: float) -> float:
        return -MEAN_S * log1p(-fraction)

    assert latency.mean_s == pytest.approx(k_of_n_mean_s(copies, write, MEAN_S), rel=0.01)
    for fraction in (0.5, 0.9, 0.99):
        expected_s = k_of_n_quantile_s(inverse_s, copies, write, fraction)
        assert latency.percentile_s(fraction) == pytest.approx(expected_s, rel=0.03)
        if p99 and fraction == 0.99:
            assert expected_s == pytest.approx(p99 * MEAN_S, rel=1e-4)


@pytest.mark.parametrize(("gone", "of"), [((2,), 5), ((2, 3), 4)])
def test_with_copies_gone_the_slowest_of_the_rest_decide(gone: tuple[int, ...], of: int) -> None:
    """Of both groups; four of five, or all four."""
    system = aurora()
    both_groups = [group * 6 + slot for group in range(2) for slot in gone]
    latency = written(system, 20_000, lost(system, *both_groups)).operations["write"].latency

    assert latency.mean_s == pytest.approx(k_of_n_mean_s(of, 4, MEAN_S), rel=0.02)


def test_without_four_copies_nothing_is_acknowledged() -> None:
    system = aurora()

    write = written(system, 200, lost(system, 0, 1, 2)).operations["write"]

    assert write.ok < 20, "those in front of the first record of the group that lacks three"
    assert write.ok + write.unfinished == write.requests


@pytest.mark.parametrize("engine", ENGINES)
def test_records_are_acknowledged_in_order(engine: str) -> None:
    """Each write takes 10 ms at its segments, which have them in parallel; those of an odd number come 1 ms behind
    one that takes as long: nothing waits, and none is acknowledged before the one in front of it.
    """
    system = aurora(persist={"kind": "constant", "value_s": 0.01})

    latency = written(system, 100, every_s=0.001, engine=engine).operations["write"].latency

    assert latency.mean_s == pytest.approx(0.01, rel=1e-6)
    assert latency.highest_s == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_comes_until_a_batch_is_sent_goes_along(engine: str) -> None:
    """It takes 3.5 ms to send: of writes 1 ms apart, the first and the three behind it leave together, after 3.5, 2.5,
    1.5 and 0.5 ms; and so do the next four.
    """
    system = aurora(protection_groups=1, send_s=0.0035, persist=AT_ONCE)

    outcome = written(system, 8, every_s=0.001, engine=engine)

    latency = outcome.operations["write"].latency
    assert latency.count == 8
    assert latency.mean_s == pytest.approx((3.5 + 2.5 + 1.5 + 0.5) * 0.001 / 4, rel=1e-6)
    assert outcome.counters["batches.admitted"] == 2 * 6
    assert outcome.counters["boxcars.waited"] == 6 * 6


@pytest.mark.parametrize("engine", ENGINES)
def test_a_busy_writer_sends_more_at_once(engine: str) -> None:
    """Writes come half a millisecond apart. One CPU has three statements of 1 ms to work on before it comes to the
    first write's six batches of 0.1 ms; the other two go along, and all are durable as the fourth batch is sent, at
    3.4 ms.
    """
    system = aurora(
        protection_groups=1, send_s=0.0001, persist=AT_ONCE,
        instance={"vcpus": 1, "write_s": {"kind": "constant", "value_s": 0.001}},
    )  # fmt: skip

    latency = written(system, 3, every_s=2.0**-11, engine=engine).operations["write"].latency

    assert latency.count == 3
    assert latency.highest_s == pytest.approx(0.0034, rel=1e-6)
    assert latency.mean_s == pytest.approx(0.0034 - 2.0**-11, rel=1e-6)


def test_a_busy_segment_writes_what_has_come_in_one_go() -> None:
    """At 5,000 writes/s a disk of 1 ms a write would be busy five times over; it writes five or six at once."""
    system = aurora(protection_groups=1, write_s=0.001, persist=AT_ONCE)

    write = written(system, 20_000, every_s=0.0002).operations["write"]

    assert write.ok == write.requests
    assert write.latency.highest_s < 0.0021


# ---------------------------------------------------------------- sets


def test_all_subsets_of_lost_copies() -> None:
    """Writable and readable, as reckoned for 4 of 6 and 3 of 6."""
    quorum, members = QuorumParameters(), range(6)
    writes, reads = quorum.writes(6, members), quorum.reads(6, members)

    assert satisfied_by_losses(writes) == ((1, 1), (6, 6), (15, 15), (0, 20), (0, 15), (0, 6), (0, 1))
    assert satisfied_by_losses(reads) == ((1, 1), (6, 6), (15, 15), (20, 20), (0, 15), (0, 6), (0, 1))


def test_full_and_tail_segments_by_enumeration() -> None:
    """Three of a zone each are full: any four, or those three; to read any three with a full one among them."""
    quorum, members = QuorumParameters(full=3), range(6)
    full = {place for place in members if quorum.is_full(place)}
    writes, reads = quorum.writes(6, members), quorum.reads(6, members)

    assert {place // 2 for place in full} == {0, 1, 2}
    for having in range(64):
        there = {place for place in members if having >> place & 1}
        assert writes[having] == (len(there) >= 4 or full <= there)
        assert reads[having] == (len(there) >= 3 and bool(full & there))
    assert meets(writes, reads)
    assert meets(writes, writes)


def test_both_sets_meet_either_set_while_a_member_changes() -> None:
    quorum = QuorumParameters()
    old, new = range(6), [0, 1, 2, 3, 4, 6]
    writes = both(quorum.writes(7, old), quorum.writes(7, new))
    reads = either(quorum.reads(7, old), quorum.reads(7, new))

    assert meets(writes, reads)
    assert meets(writes, writes)
    assert not meets(quorum.writes(7, old), either(quorum.reads(7, old), quorum.reads(7, new)))


@pytest.mark.parametrize("quorum", [{"write": 3}, {"read": 2}, {"copies": 4, "write": 2, "read": 3}, {"copies": 3}])
def test_quorums_that_cannot_be_are_refused(quorum: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"need not meet|at most copies"):
        QuorumParameters(**quorum)
