"""A recovery, worked by hand: what it found must be where the next one looks, before anything behind it is durable.

Goal: of two groups of four segments, three of which make a record durable and two of which find it, the first has a
record on two when its writer is lost. The next writer asks these two, and takes the record; what it writes to the other
group is not durable before a third segment has it. Otherwise a recovery that asks the first two would miss the record,
and cut off all that follows. Method: constant ways; segments that are down when a record comes; both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from models.kernel.laws import Constant
from models.kernel.outcome import Outcome
from models.kernel.parts import Copies, Group, Membership, Quorum, Station, Volume
from models.kernel.plane import Plane
from models.kernel.predicates import at_least
from models.kernel.recorder import Span
from models.kernel.steps import Allocate, Await, Choose, Fork, Order, Persist, Report, Serve
from models.kernel.steps.volume import VolumeState
from models.kernel.system import Operation, Route, System
from tests.strategies.runs import recorded, replicate

WRITERS, GROUPS, SEGMENTS = Group("writers", 2), Group("groups", 2), Group("segments", 8)
LEADING = Membership(WRITERS, ((0,),))
WAY_S = 0.001


@dataclass
class Seen:
    """What control saw: rows that a writer was unsure of after each step, and how far segments were in the end."""

    unsure: list[int]
    ends: list[int]
    outcome: Outcome


def run(engine: str, *steps: tuple[float, str, Any]) -> Seen:
    """Write to the first group at 0.1 s and, while its first two segments are down, at 0.2 s; to the second one at 0.4
    s. Then or before control does what it is told.
    """
    copies = Copies("copies", Membership(Group("copy", 1), ((0,),)))
    volume = Volume("volume", WRITERS, GROUPS, SEGMENTS, at_least(4, 3), 10, copies)
    of_group = Membership(SEGMENTS, ((0, 1, 2, 3), (4, 5, 6, 7)), of=GROUPS)
    either, disk = Membership(GROUPS, ((0, 1),)), Station("disk", SEGMENTS, 0)
    leg = Route(Choose(of_group, "leg"), Serve(disk, Constant(value=WAY_S)), Persist(volume), Report(volume))
    operations = {
        name: Operation(Route(
            Choose(LEADING, 0), Choose(either, group), Order(copies), Allocate(volume), Fork(Quorum(name, 4, 0), leg),
            Await(volume),
        ))
        for group, name in enumerate(("first", "second"))
    }  # fmt: skip
    seen = Seen([], [], None)  # type: ignore[arg-type]

    def control(plane: Plane) -> Any:
        both: Sequence[tuple[float, str, Any]] = (
            (0.15, "down", (disk, 0, "silent")), (0.15, "down", (disk, 1, "silent")), (0.25, "up", (disk, 0)),
            (0.25, "up", (disk, 1)), *((at_s, verb, arguments) for at_s, verb, arguments in steps),
        )  # fmt: skip
        for at_s, verb, arguments in both:
            yield plane.until(at_s)
            if verb == "recover":
                writer, asked = arguments
                plane.recover(volume, writer, asked)
                plane.assign(LEADING, 0, 0, writer)
            elif verb in ("gossip", "learn", "suffice"):
                getattr(plane, verb)(volume, *arguments)
            else:
                getattr(plane, verb)(*arguments)
            seen.unsure.append(max(plane.unsure(volume, each) for each in range(2)))
        yield plane.until(0.9)
        seen.ends = [plane.extent(volume, each).end for each in range(8)]

    system = System(operations, controls=(control,))
    (seen.outcome,) = replicate(
        system, recorded((0.1, "first"), (0.2, "first"), (0.4, "second")), Span(0.0, 1.0, 1.0, 1), 1, engine
    )
    return seen


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_what_two_of_four_have_is_not_built_upon(engine: str) -> None:
    """The second recovery cuts off both records, of which nobody had been told that they are there."""
    seen = run(engine, (0.3, "recover", (1, (2, 3, 4, 5))), (0.5, "recover", (0, (0, 1, 4, 5))))

    assert seen.unsure[-2:] == [1, 1]
    assert seen.outcome.counters["writes.acknowledged"] == 1
    assert seen.outcome.counters["writes.lost"] == 0


def sure_at_once(recover: Callable[..., int]) -> Callable[..., int]:
    """What was recovered is taken to be durable, whoever has it."""

    def change(volume: VolumeState, number: int, asked: Sequence[int]) -> int:
        count, writer = recover(volume, number, asked), volume.writers[number]
        writer.points, writer.unsure = list(writer.stable), 0
        return count

    return change


def test_it_would_be_lost_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VolumeState, "recover", sure_at_once(VolumeState.recover))
    seen = run("simpy", (0.3, "recover", (1, (2, 3, 4, 5))), (0.5, "recover", (0, (0, 1, 4, 5))))

    assert seen.outcome.counters["writes.lost"] == 1


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize("asked", [(0, 1, 4, 5), (0, 3, 6, 7), (1, 2, 4, 7)])
def test_it_is_as_soon_as_a_third_one_has_it(engine: str, asked: tuple[int, ...]) -> None:
    """The first segment takes the new term from the writer, then the record from the third one."""
    seen = run(
        engine, (0.3, "recover", (1, (2, 3, 4, 5))), (0.41, "learn", (1, 0)), (0.42, "gossip", (0, 2)),
        (0.43, "learn", (1, 0)), (0.5, "recover", (0, asked)),
    )  # fmt: skip

    assert seen.unsure[4:7] == [1, 1, 1]
    assert seen.unsure[7] == 0
    assert seen.outcome.counters["writes.acknowledged"] == 2
    assert seen.outcome.counters["writes.lost"] == 0
    assert seen.outcome.operations["second"].latency.mean_s == pytest.approx(0.03, abs=1e-6)


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_segment_that_learns_of_a_term_has_nothing_any_more_that_it_cut_off(engine: str) -> None:
    """The first two are asked, and know nothing of the second record, which the others have until they are told."""
    seen = run(engine, (0.3, "recover", (1, (0, 1, 4, 5))), (0.6, "learn", (1, 2)))

    first, second, third = 1, 2, 3
    assert seen.ends == [first, first, first, second, third, third, third, third]
    assert seen.unsure[-2:] == [1, 0]
    assert seen.outcome.counters["writes.acknowledged"] == 2


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_rule_that_others_go_by_says_nothing_to_a_writer_of_an_older_term(engine: str) -> None:
    """It has heard from two that they have its second record, which is cut off, and two are enough from now on."""
    seen = run(engine, (0.3, "recover", (1, (0, 1, 4, 5))), (0.5, "suffice", (0, at_least(4, 2))))

    assert seen.outcome.counters["writes.acknowledged"] == 2
    assert seen.outcome.counters["writes.lost"] == 0
