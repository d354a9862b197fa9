"""What writes of Aurora wait for: the limit of records that are not durable, and what segments do beside writes.

Goal: a writer never has more records outstanding than it may; without a limit, what is outstanding grows as long as
more comes than segments take, and so do batches; and work in the background, a backup say, makes no difference to
writes where it gives way, and does where it has its turn among them. Method: Little's law; segments that take one
record each millisecond, and pages that are there at once; the same bits with such work and without; work is conserved.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from models.kernel.outcome import Outcome
from models.kernel.plane import Plane
from tests.oracle.test_aurora_reads import AT_ONCE, aurora, parts, ran

ENGINES = ("simpy", "compiled")
RECORD_S = 0.001
GAUGE = "outstanding records"


def outstanding(outcome: Outcome, limit: int) -> float:
    """Mean records that are not durable, over the measured span."""
    part = outcome.stations[GAUGE]
    return float((part.span_busy_s / part.span_servers_s)[0]) * limit


@pytest.mark.parametrize("engine", ENGINES)
def test_no_more_is_outstanding_than_may_be(engine: str) -> None:
    """2,000 writes a second come, and segments take 1,000: a hundred are outstanding, and never more."""
    system, seen = aurora(read=AT_ONCE, record_s=RECORD_S, lsn_limit=100), []
    volume, _ = parts(system)

    def look(plane: Plane) -> Generator[Any, Any, None]:
        for step in range(1, 600):
            yield plane.until(step * 0.0073)
            seen.append(plane.outstanding(volume, 0))

    outcome = ran(system, 5.0, look, rate_per_s=2000.0, reads=0.0, from_s=1.0, engine=engine)

    assert max(seen) == 100
    assert outstanding(outcome, 100) == pytest.approx(100, rel=0.02)
    write = outcome.operations["write"]
    assert write.answers_in_span / 4.0 == pytest.approx(1.0 / RECORD_S, rel=0.02)


def test_the_limit_keeps_batches_small() -> None:
    """Without one, batches grow and writes wait for them; with one they do not.

    Without, each is twice as large as the one before, as twice as many come meanwhile: that of 2^k begins at
    2^k ms and takes 2^k ms, with 2^k to 3 * 2^k outstanding; who comes at t then waits for the end of the next, until
    4 * 2^k, and for 10 s at the end. In the mean over the seconds 1 to 5, of batches of 512 to 4,096:

        (0.024 * 1,513 + 1.024 * 2,048 + 2.048 * 4,096 + 0.904 * 5,001) / 4 = 3,760 are outstanding, and
        (0.024 * 1.036 + 1.024 * 2.560 + 2.048 * 5.120 + 0.904 * 5.452) / 4 = 4.515 s are waited.

    With it, writes go one by one for as good as all that it matters: who comes at t waits for t.
    """
    held, free = (
        ran(aurora(read=AT_ONCE, record_s=RECORD_S, lsn_limit=limit), 5.0, rate_per_s=2000.0, reads=0.0, from_s=1.0)
        for limit in (10, 1_000_000)
    )

    assert outstanding(free, 1_000_000) == pytest.approx(3760, rel=0.01)
    assert free.operations["write"].latency.mean_s == pytest.approx(4.515, rel=0.01)
    assert held.operations["write"].latency.mean_s == pytest.approx(3.0, rel=0.01)


@pytest.mark.parametrize("rate_per_s", [300.0, 800.0])
def test_what_is_outstanding_is_rate_times_time(rate_per_s: float) -> None:
    system = aurora(read=AT_ONCE, record_s=RECORD_S, lsn_limit=1000, persist={"kind": "exponential", "mean_s": 0.002})

    outcome = ran(system, 100.0, rate_per_s=rate_per_s, reads=0.0, poisson=True)

    write = outcome.operations["write"]
    assert outstanding(outcome, 1000) == pytest.approx(write.requests / 100.0 * write.latency.mean_s, rel=0.001)


WAYS = (None, "gives_way", "in_turn")


def backed_up(way: str | None) -> Outcome:
    """Writes of a busy volume, with half a millisecond of work in the background for each."""
    background = None if way is None else {"way": way, "work": {"kind": "constant", "value_s": 0.0005}}
    system = aurora(
        read=AT_ONCE,
        background=background,
        record_s=0.0002,
        write_s=0.0001,
        persist={"kind": "exponential", "mean_s": 0.0005},
    )
    return ran(system, 20.0, rate_per_s=1000.0, reads=0.0, poisson=True)


def busy(outcome: Outcome) -> dict[str, float]:
    """How busy a segment's disk is, by what for."""
    return {name: float(part.span_busy_s.sum()) / 6 / 20.0 for name, part in outcome.stations.items()}


def test_no_write_waits_for_a_backup_that_gives_way() -> None:
    """Not by a bit, though the work is done; the same work in its turn makes them take nearly twice as long. A disk has
    time for both.
    """
    outcomes = {way: backed_up(way) for way in WAYS}
    without, giving_way, in_turn = (outcomes[way].operations["write"].latency for way in WAYS)
    disks = busy(outcomes["gives_way"])

    assert disks["background"] > 0.45
    assert disks["log disk"] + disks["background"] < 0.9
    assert busy(outcomes["in_turn"])["log disk"] < 0.9
    assert np.array_equal(without.counts, giving_way.counts)
    assert without.total_ticks == giving_way.total_ticks
    assert in_turn.mean_s > 1.8 * without.mean_s


def test_background_work_is_the_same_whenever_it_is_done() -> None:
    """1,000 records a second of half a millisecond are half of a disk's time, in its turn or with what is left."""
    without, giving_way, in_turn = (busy(backed_up(way)) for way in WAYS)

    assert giving_way["background"] == pytest.approx(0.5, rel=0.03)
    assert giving_way["log disk"] == without["log disk"] < 0.5
    # Fewer, larger batches: what is done once for each is done less often.
    once_s = 0.1
    assert without["log disk"] + 0.5 - once_s < in_turn["log disk"] < without["log disk"] + 0.5
