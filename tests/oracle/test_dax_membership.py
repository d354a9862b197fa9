"""A DAX cluster that loses a node: who finds out, when, and who takes over.

Goal: times and shares follow from the parts of the protocol. Method: a node dies at a known time; notes of control and
counts of single nodes are held against what the parameters say.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from models.catalogue import MODELS
from models.dax.cluster import equal_shares, without
from models.kernel.arrivals import Poisson
from models.kernel.faults import Fault, Flush, StationFault, schedule
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.outcome import Outcome
from models.kernel.program import Program
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.system import System
from tests.strategies.runs import replicate

DAX = MODELS["dax"]
DIES_S, BACK_S, END_S = 15.0, 45.0, 60.0
SPAN = Span(2.0, END_S, END_S + 20.0, 60)
PATIENCE = {"timeout_s": 0.25, "max_attempts": 1}


def losing(
    node: int, mix: dict[str, float], rate_per_s: float = 300.0, size_bytes: float = 900.0, engine: str = "compiled",
    **settings: Any,
) -> Outcome:  # fmt: skip
    """What comes of a node that falls silent and comes back, its caches empty; items do not expire."""
    parameters = DAX.parameters.model_validate({"client": PATIENCE, "item_ttl_s": 0.0} | settings)
    system: System = DAX.build(parameters, tuple(mix))
    program = Program(system, "system")
    (station,) = [each for each in program.stations if each.name == "nodes"]
    effects = [StationFault(station, node, "silent"), *(Flush(each, node) for each in program.caches)]
    faults = schedule([Fault(DIES_S, BACK_S, tuple(effects))])
    work = Workload(Poisson(rate_per_s=rate_per_s), UniformKeys(count=500), Constant(value=size_bytes), mix)
    whole = replace(system, controls=(faults, *system.watchers))
    return replicate(whole, work, SPAN, 1, engine, primed_ttl_s=0.0)[0]


@cache
def primary_lost(promotion_s: float) -> Outcome:
    """The first node dies; half of all requests are writes."""
    return losing(0, {"read": 0.5, "write": 0.5}, membership={"promotion_s": promotion_s})


def when(outcome: Outcome, text: str) -> list[float]:
    """Times of the notes that begin so."""
    return [note.at_s for note in outcome.notes if note.text.startswith(text)]


def writes_back_s(outcome: Outcome) -> float:
    """The last second in which a write fails."""
    return float(np.flatnonzero(outcome.operations["write"].window_errors)[-1] + 1)


@pytest.mark.parametrize("promotion_s", [1.0, 6.0])
def test_writes_stand_still_for_detection_promotion_and_the_clients_refresh(promotion_s: float) -> None:
    outcome = primary_lost(promotion_s)
    lost_s, promoted_s, primary_s = (
        when(outcome, text)[0] for text in ("node 1: primary silent", "node 1 is promoted", "node 1 is the primary")
    )
    clients_s = [when(outcome, f"clients of zone {zone} write to node 1") for zone in range(3)]

    # The last heartbeat came up to a second before; the others are asked for a second.
    assert DIES_S + 4.0 <= lost_s <= DIES_S + 6.1
    assert promoted_s == lost_s
    assert primary_s == pytest.approx(promoted_s + promotion_s, abs=0.01)
    # A refresh every four seconds, and five for each time that the dead node is asked.
    assert all(len(times) == 1 and primary_s <= times[0] <= primary_s + 4.0 + 5.0 + 0.1 for times in clients_s)
    assert writes_back_s(outcome) == pytest.approx(max(clients_s)[0], abs=1.3)


def test_a_longer_promotion_is_what_writes_wait_for() -> None:
    early, late = (when(primary_lost(promotion_s), "node 1 is the primary")[0] for promotion_s in (1.0, 6.0))

    assert late - early == pytest.approx(5.0, abs=0.01)


def test_no_acknowledged_write_is_lost_with_the_primary() -> None:
    outcome = primary_lost(1.0)

    assert outcome.counters["writes.acknowledged"] > 1000
    assert outcome.counters["writes.lost"] == 0


def test_the_old_primary_comes_back_as_a_replica() -> None:
    outcome = primary_lost(1.0)

    (replica_s,) = when(outcome, "node 0 is a replica of node 1")
    assert BACK_S <= replica_s <= BACK_S + 1.1
    assert when(outcome, "node 1 is the primary") == [pytest.approx(21.0, abs=1.2)]


def test_a_short_outage_changes_nobody() -> None:
    """Goal: no promotion for less than the nodes' patience. Method: patience of longer than the outage."""
    outcome = losing(0, {"read": 0.5, "write": 0.5}, membership={"primary_timeout_s": 40.0})

    assert when(outcome, "node 1") == when(outcome, "node 2") == []


@pytest.mark.parametrize("nodes", [3, 5])
def test_survivors_take_n_over_n_minus_one(nodes: int) -> None:
    """Hits of 20 units, so that nodes are busy; node 2 is left out by 25 s, and asked again from 50 s on."""
    outcome = losing(2, {"read": 1.0}, 1500.0, 20_000.0, nodes=nodes)

    busy_s = outcome.stations["nodes"].busy_s
    before, after = busy_s[:, 3:15].mean(axis=1), busy_s[:, 26:45].mean(axis=1)
    survivors = [node for node in range(nodes) if node != 2]
    assert after[2] == 0.0
    assert after[survivors].mean() / before[survivors].mean() == pytest.approx(nodes / (nodes - 1), rel=0.03)
    assert after[survivors] == pytest.approx(after[survivors].mean(), rel=0.06)


def test_until_clients_notice_a_share_of_the_reads_is_lost_and_then_none() -> None:
    """Checks every five seconds, each three times a second and half a second between: 9 s at most."""
    read = losing(2, {"read": 1.0}, 900.0).operations["read"]

    errors, answers = read.window_errors, read.window_ok
    assert errors[16:18].sum() / (errors + answers)[16:18].sum() == pytest.approx(1 / 3, abs=0.05)
    assert int(errors[25:].sum()) == 0


def test_a_node_that_comes_back_is_cold() -> None:
    """It has its share of reads again, and asks the table for what it does not hold, of 500 items."""
    outcome = losing(2, {"read": 1.0}, 900.0)

    cache = outcome.caches["item_cache"]
    misses = cache.window_lookups - cache.window_hits
    assert misses[3:45].sum() == 0
    assert 490 <= misses[45:].sum() < 600
    assert len(when(outcome, "clients of zone")) == 6


def test_the_one_that_is_left_of_two_is_promoted_and_clients_ask_both() -> None:
    """Less than two thirds would be left, so that clients do not leave the dead node out, whatever checks say."""
    outcome = losing(0, {"read": 0.5, "write": 0.5}, nodes=2)

    read = outcome.operations["read"]
    assert len(when(outcome, "node 1 is the primary")) == 1
    share = read.window_errors[30:44].sum() / (read.window_errors + read.window_ok)[30:44].sum()
    assert share == pytest.approx(0.5, abs=0.05)


def test_two_of_five_lost_are_still_fewer_than_all_of_a_third() -> None:
    """Slots of nodes left out go to the others evenly, as nearly as they can be shared out."""
    slots = without(equal_shares(5), [0, 1, 3])

    counts = np.bincount(slots, minlength=5)
    assert counts[[2, 4]].tolist() == [0, 0]
    assert counts.sum() == 20
    assert counts[[0, 1, 3]].max() - counts[[0, 1, 3]].min() <= 1


@pytest.mark.parametrize("nodes", range(2, 12))
def test_any_one_left_out_leaves_equal_shares(nodes: int) -> None:
    for lost in range(nodes):
        routes = [node for node in range(nodes) if node != lost]
        counts = np.bincount(without(equal_shares(nodes), routes), minlength=nodes)
        assert set(counts[routes].tolist()) == {nodes}


def test_a_cluster_of_one_node_has_nobody_to_promote() -> None:
    outcome = losing(0, {"read": 0.5, "write": 0.5}, nodes=1)

    assert when(outcome, "node 0") == []
    assert outcome.operations["write"].window_ok[46:].sum() > 0


def test_both_engines_see_the_same_failover() -> None:
    mix = {"read": 0.4, "write": 0.3, "query": 0.2, "batch_get": 0.1}

    first, second = (losing(0, mix, 60.0, engine=engine, single_flight=True) for engine in ("simpy", "compiled"))

    assert first.notes == second.notes
    assert first.fingerprint() == second.fingerprint()
