"""Versions of objects, worked out by hand: stale reads and their ages, writes kept, lost or superseded; waiting rooms.

Goal: what a reader gets and what a failover loses follow from who had which version when. Method: recorded requests at
known instants, constant times, on both engines.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from models.kernel.laws import Constant
from models.kernel.outcome import COARSE, Outcome
from models.kernel.parts import Cache, Copies, Group, Membership, Network, Quorum, Room, Station
from models.kernel.plane import Plane
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.steps import Apply, Choose, Fill, Fork, Hold, Lookup, Order, Pass, Read, Serve, Travel
from models.kernel.system import Control, Operation, Route, System
from tests.strategies.runs import recorded, replicate

ENGINES = ("simpy", "compiled")
SPAN = Span(0.0, 10.0, 30.0, 10)
LEADER, FOLLOWER = 0, 1


class Pair:
    """A leader that makes a write durable in 0.1 s and answers, and a follower that has it after 0.5 s."""

    def __init__(self) -> None:
        self.group = Group("copies", 2)
        self.members = Membership(self.group, ((LEADER, FOLLOWER),))
        self.copies = Copies("copies", self.members)
        self.disk = Station("disk", self.group, 0)
        aside = Route(Choose(self.members, FOLLOWER), Serve(self.disk, Constant(value=0.5)), Apply(self.copies))
        self.write = Route(
            Choose(self.members, LEADER), Order(self.copies), Fork(Quorum("aside", 1, 0), aside),
            Serve(self.disk, Constant(value=0.1)), Apply(self.copies),
        )  # fmt: skip

    def read(self, slot: int) -> Route:
        return Route(Choose(self.members, slot), Serve(self.disk, Constant(value=0.01)), Read(self.copies))

    def run(self, work: Workload, engine: str, *controls: Control) -> Outcome:
        routes = {"write": self.write, "leader": self.read(0), "follower": self.read(1)}
        system = System({name: Operation(routes[name]) for name in work.operation_names}, controls=controls)
        return replicate(system, work, SPAN, 1, engine)[0]


def fates(outcome: Outcome) -> tuple[int, ...]:
    return tuple(outcome.counters[f"writes.{fate}"] for fate in ("acknowledged", "kept", "lost", "superseded"))


@pytest.mark.parametrize("engine", ENGINES)
class TestStaleness:
    def test_a_follower_is_stale_from_the_acknowledgement_until_it_has_the_write(self, engine: str) -> None:
        """Written at 1.0, acknowledged at 1.1, at the follower at 1.5."""
        work = recorded((1.0, "write"), (1.05, "follower"), (1.2, "leader"), (1.3, "follower"), (1.485, "follower"),
                        (1.6, "follower"))  # fmt: skip
        outcome = Pair().run(work, engine)

        follower, leader = outcome.operations["follower"], outcome.operations["leader"]
        # At 1.05 nothing newer was acknowledged; that of 1.3 is 0.2 s behind, that of 1.485 (read at 1.495) 0.385 s.
        assert (follower.reads, follower.stale, leader.reads, leader.stale) == (4, 2, 1, 0)
        assert follower.oldest_s == pytest.approx(0.385)
        ages = np.repeat(COARSE.middles_s(), follower.ages)
        assert ages == pytest.approx([0.2, 0.385], rel=1 / 64)
        assert follower.window_stale.tolist() == [0, 2, 0, 0, 0, 0, 0, 0, 0, 0]
        assert fates(outcome) == (1, 1, 0, 0)

    def test_an_age_counts_from_the_first_newer_write(self, engine: str) -> None:
        """A follower that has neither of two writes is as old as the first of them is."""
        work = recorded((1.0, "write"), (1.2, "write"), (1.4, "follower"))
        outcome = Pair().run(work, engine)

        assert outcome.operations["follower"].oldest_s == pytest.approx(1.4 - 1.1)
        assert fates(outcome) == (2, 1, 0, 1)

    def test_a_cache_that_is_not_told_of_writes_is_stale_until_its_time_to_live_ends(self, engine: str) -> None:
        pair = Pair()
        cache = Cache("cache", Group("node"), capacity_items=5, ttl_s=4.0)
        read = Route(Lookup(cache, Route(*pair.read(0).steps, Fill(cache))))
        operations = {"cached": Operation(read), "write": Operation(pair.write)}
        work = recorded((0.5, "cached"), (1.0, "write"), (2.1, "cached"), (4.0, "cached"), (5.0, "cached"))

        outcome = replicate(System(operations), work, SPAN, 1, engine)[0]

        # Filled at 0.51 for four seconds; superseded at 1.1.
        cached = outcome.operations["cached"]
        assert (cached.reads, cached.stale) == (4, 2)
        assert cached.oldest_s == pytest.approx(2.9)
        assert outcome.caches["cache"].hits.sum() == 2

    def test_retries_and_reads_that_fail_count_nothing(self, engine: str) -> None:
        pair = Pair()
        work = recorded((1.0, "write"), (2.0, "follower"))

        outcome = pair.run(work, engine, down(pair.disk, FOLLOWER, 1.2))

        assert outcome.operations["follower"].errors == {"refused": 1}
        assert outcome.operations["follower"].reads == 0
        assert fates(outcome) == (1, 1, 0, 0)


def down(station: Station, member: int, at_s: float) -> Control:
    def control(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(at_s)
        plane.down(station, member, "refuse")

    return control


def lead(pair: Pair, at_s: float, *, copy: bool) -> Control:
    """The follower takes over."""

    def control(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(at_s)
        if copy:
            plane.copy(pair.copies, 0, LEADER, FOLLOWER)
        plane.assign(pair.members, 0, LEADER, FOLLOWER)

    return control


@pytest.mark.parametrize("engine", ENGINES)
class TestFates:
    @pytest.mark.parametrize(
        ("at_s", "copy", "expected"),
        [
            # The follower has it at 1.5: what was acknowledged at 1.1 is lost before, kept after, or when it is copied.
            (1.3, False, (1, 0, 1, 0)), (1.3, True, (1, 1, 0, 0)), (1.7, False, (1, 1, 0, 0)),
            # Not acknowledged yet when the follower takes over: nobody was promised anything; it gets there by itself.
            (1.05, False, (1, 1, 0, 0)),
        ],
    )  # fmt: skip
    def test_an_acknowledged_write_is_lost_with_a_leader_that_alone_has_it(
        self, engine: str, at_s: float, copy: bool, expected: tuple[int, ...]
    ) -> None:
        pair = Pair()

        outcome = pair.run(recorded((1.0, "write")), engine, lead(pair, at_s, copy=copy))

        assert fates(outcome) == expected

    def test_what_is_lost_is_not_superseded_by_what_comes_later(self, engine: str) -> None:
        pair = Pair()
        work = recorded((1.0, "write"), (3.0, "write"), (4.0, "write"))

        outcome = pair.run(work, engine, lead(pair, 1.3, copy=False), down(pair.disk, LEADER, 9.0))

        assert fates(outcome) == (3, 1, 1, 1)

    def test_only_the_row_that_fails_over_loses(self, engine: str) -> None:
        """Two rows of two copies, found by key; the leader of row 1 fails before its follower has anything."""
        rows, holders = Group("rows", 2), Group("copies", 4)
        by_key, members = Membership(rows, ((0, 1),)), Membership(holders, ((0, 1), (2, 3)), of=rows)
        copies, disk = Copies("copies", members, by_key), Station("disk", holders, 0)
        write = Route(
            Choose(by_key, "key"), Choose(members, 0), Order(copies), Serve(disk, Constant(value=0.1)), Apply(copies)
        )
        keys = tuple(range(20))
        work = recorded(*[(1.0 + 0.01 * key, "write") for key in keys], keys=keys)
        fail = failing(members, 1, 3, 5.0)

        outcome = replicate(System({"write": Operation(write)}, controls=(fail,)), work, SPAN, 1, engine)[0]

        lost = int(outcome.stations["disk"].started[2])
        assert 0 < lost < 20
        assert fates(outcome) == (20, 20 - lost, lost, 0)


def failing(members: Membership, row: int, follower: int, at_s: float) -> Control:
    def control(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(at_s)
        plane.assign(members, row, 0, follower)

    return control


@pytest.mark.parametrize("engine", ENGINES)
class TestRooms:
    def room(self, *, share: bool) -> tuple[Room, Station, Route]:
        room, table = Room("room", Group("node")), Station("table", Group("table"), 0)
        return room, table, Route(Hold(room, Route(Serve(table, Constant(value=1.0))), share=share))

    def test_overlapping_misses_are_one_read(self, engine: str) -> None:
        """Three of one key within its second of work, one of another key, one after all is over."""
        _, table, route = self.room(share=True)
        work = recorded(
            (1.0, "read"), (1.25, "read"), (1.5, "read"), (1.5, "read"), (3.0, "read"), keys=(0, 0, 0, 1, 0)
        )

        outcome = replicate(System({"read": Operation(route)}), work, SPAN, 1, engine)[0]

        assert outcome.stations[table.name].started.sum() == 3
        assert outcome.counters["room.waited"] == 2
        latencies = sorted(outcome.operations["read"].latency.few_s.tolist())
        assert latencies == pytest.approx([0.5, 0.75, 1.0, 1.0, 1.0])

    def test_a_lock_is_held_by_one_after_the_other(self, engine: str) -> None:
        _, table, route = self.room(share=False)
        work = recorded((1.0, "read"), (1.25, "read"), (1.5, "read"))

        outcome = replicate(System({"read": Operation(route)}), work, SPAN, 1, engine)[0]

        assert outcome.stations[table.name].started.sum() == 3
        assert sorted(outcome.operations["read"].latency.few_s.tolist()) == pytest.approx([1.0, 1.75, 2.5])

    def test_those_who_wait_share_a_failure_too(self, engine: str) -> None:
        _, table, route = self.room(share=True)
        work = recorded((1.0, "read"), (1.25, "read"), (1.5, "read"))

        outcome = replicate(
            System({"read": Operation(route)}, controls=(down(table, 0, 1.75),)), work, SPAN, 1, engine
        )[0]

        assert outcome.operations["read"].errors == {"refused": 3}

    def test_who_is_lost_leaves_the_key_to_the_first_who_waits(self, engine: str) -> None:
        """The table is silent from 1.75 to 1.75: what it works on is lost, and nothing that comes later."""
        _, table, route = self.room(share=True)
        work = recorded((1.0, "read"), (1.25, "read"), (1.5, "read"))

        def blink(plane: Plane) -> Generator[Any, Any, None]:
            yield plane.until(1.75)
            plane.pause(table, 0)
            plane.down(table, 0, "silent")
            plane.up(table, 0)

        outcome = replicate(System({"read": Operation(route)}, controls=(blink,)), work, SPAN, 1, engine)[0]

        read = outcome.operations["read"]
        # The second is handed the key while the table is silent, and is lost as well; so is the third.
        assert (read.ok, read.unfinished) == (0, 3)

    def test_a_cleared_room_refuses_those_who_wait_and_lets_the_one_go_on(self, engine: str) -> None:
        room, table, route = self.room(share=True)
        work = recorded((1.0, "read"), (1.25, "read"), (1.5, "read"), (1.8, "read"))

        def clear(plane: Plane) -> Generator[Any, Any, None]:
            yield plane.until(1.75)
            plane.clear(room, 0, "refuse")

        outcome = replicate(System({"read": Operation(route)}, controls=(clear,)), work, SPAN, 1, engine)[0]

        read = outcome.operations["read"]
        assert (read.ok, dict(read.errors)) == (2, {"refused": 2})
        assert outcome.stations[table.name].started.sum() == 2, "the last one found the key free"


@pytest.mark.parametrize(("how", "expected"), [("refuse", (1, {"refused": 1}, 0)), ("silent", (1, {}, 1))])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_answer_does_not_come_through_a_node_that_died_meanwhile(
    engine: str, how: Any, expected: tuple[int, dict[str, int], int]
) -> None:
    """A node asks a table for a second; it dies after half of it. The table's work is done, and told to nobody."""
    node, table = Group("node"), Station("table", Group("table"), 0)
    station, network = Station("node", node), Network("network", Constant(value=0.0))
    route = Route(
        Travel(network), Serve(station, Constant(value=0.0)), Serve(table, Constant(value=1.0)), Pass(station)
    )

    def die(plane: Plane) -> Generator[Any, Any, None]:
        yield plane.until(3.5)
        plane.down(station, 0, how)

    outcome = replicate(
        System({"read": Operation(route)}, controls=(die,)), recorded((1.0, "read"), (3.0, "read")), SPAN, 1, engine
    )[0]

    read = outcome.operations["read"]
    assert (read.ok, dict(read.errors), read.unfinished) == expected
    assert outcome.stations["table"].started.sum() == 2
