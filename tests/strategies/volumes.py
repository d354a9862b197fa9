"""A case by hand for volumes: records overtake one another, segments are cut off and wiped, and writers change."""

from __future__ import annotations

from models.kernel.arrivals import Poisson
from models.kernel.keys import UniformKeys
from models.kernel.laws import Exponential, Uniform
from models.kernel.parts import UNLIMITED, Copies, Group, Membership, Network, Quorum, Station, Volume
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.steps import (
    Allocate,
    Await,
    Choose,
    Find,
    Fork,
    Needed,
    Order,
    Persist,
    Read,
    Report,
    Seek,
    Serve,
    Step,
    Travel,
)
from models.kernel.steps.volume import Which
from models.kernel.system import Client, Operation, Route
from tests.strategies.systems import DURATION_S, GRID_S, KEYS, SIZES, Act, Case, grid, sufficing

ROWS, WIDTH = 2, 4
WRITERS = Group("writers", 2, (0, 1))
PAGES = Group("pages", ROWS)
SEGMENTS = Group("segments", ROWS * WIDTH, tuple(index % 3 for index in range(ROWS * WIDTH)))
OF_ROW = Membership(SEGMENTS, tuple(tuple(range(row * WIDTH, (row + 1) * WIDTH)) for row in range(ROWS)), of=PAGES)
LEADING = Membership(WRITERS, ((0,),))
NET = Network("net", Uniform(low=0.0, high=4 * GRID_S), Exponential(mean=3 * GRID_S), 3)
DISK = Station("disk", SEGMENTS, 1)
ANY_PAGE = Membership(PAGES, ((0, 1, 0),))
ORDERS = Membership(SEGMENTS, ((3, 1, 0, 2, 7, 5, 6, 4), (2, 0, 1, 3, 4, 6, 5, 7)), of=WRITERS)
TIMER = Station("timer", WRITERS, UNLIMITED)
PAGE_DISK = Station("page disk", SEGMENTS, 2)


def written(volume: Volume, copies: Copies, name: str) -> tuple[Step, ...]:
    """A write that is durable when enough segments have it and all in front of it."""
    leg = Route(
        Choose(OF_ROW, "leg"), Travel(NET, WRITERS, SEGMENTS), Serve(DISK, grid(1)), Persist(volume),
        Travel(NET, SEGMENTS, WRITERS), Report(volume),
    )  # fmt: skip
    return (
        Choose(ANY_PAGE, "key"), Order(copies), Allocate(volume), Fork(Quorum(name, WIDTH, 0), leg), Await(volume),
    )  # fmt: skip


def asked(volume: Volume) -> tuple[Step, ...]:
    """A read of one segment, and of another one if that has not answered in time."""

    def ask(before: Step, which: Which) -> Route:
        return Route(
            before, Needed(), Seek(volume, ORDERS, which), Travel(NET, WRITERS, SEGMENTS), Serve(PAGE_DISK, grid(2)),
            Find(volume), Travel(NET, SEGMENTS, WRITERS),
        )  # fmt: skip

    both = (ask(Seek(volume, ORDERS), "kept"), ask(Serve(TIMER, grid(6)), "other"))
    return Choose(ANY_PAGE, "key"), Seek(volume, ORDERS), Fork(Quorum("read", 2, 1), both)


def volume_case(needed: int = 3, limit: int = 6, *, followed: bool = True) -> Case:
    """Two writers, the second of which takes over and is taken over from while the first goes on."""
    copies = Copies("copies", Membership(Group("volume copies", 1), ((0,),)))
    volume = Volume("volume", WRITERS, PAGES, SEGMENTS, sufficing(WIDTH, needed), limit, copies if followed else None)
    both = Membership(WRITERS, ((0, 1),))
    operations = {
        "write": Operation(Route(Choose(LEADING, 0), *written(volume, copies, "write")), Client(30 * GRID_S)),
        "insert": Operation(Route(Choose(both, "random"), *written(volume, copies, "insert"))),
        "read": Operation(Route(Choose(both, "random"), *asked(volume), Read(copies))),
    }
    at = [
        (10, "extent", (volume, 1)), (14, "cut", (NET, 0, 1, "silent")), (20, "mend", (NET, 0, 1)),
        (21, "gossip", (volume, 1, 0)), (21, "learn", (volume, 0, 1)), (21, "extent", (volume, 1)),
        (22, "gossip", (volume, 5, 6)),
        (26, "wipe", (volume, 2)), (30, "gossip", (volume, 2, 3)), (31, "outstanding", (volume, 0)),
        (32, "recover", (volume, 1, (0, 2, 3, 4, 5, 7))), (32, "assign", (LEADING, 0, 0, 1)),
        (33, "extent", (volume, 1)), (33, "extent", (volume, 2)), (34, "unsure", (volume, 1)),
        (38, "halt", (volume, 0)),
        (40, "gossip", (volume, 1, 0)), (41, "gossip", (volume, 6, 5)),
        (46, "suffice", (volume, 0, sufficing(WIDTH, 2))), (46, "wipe", (volume, 3)), (54, "gossip", (volume, 3, 1)),
        (55, "recover", (volume, 0, (1, 2, 6, 7))), (55, "assign", (LEADING, 0, 0, 0)), (56, "gossip", (volume, 0, 1)),
        (57, "gossip", (volume, 4, 6)), (58, "gossip", (volume, 5, 6)), (60, "outstanding", (volume, 1)),
        (70, "recover", (volume, 1, (3,))), (71, "outstanding", (volume, 0)), (71, "unsure", (volume, 1)),
        (71, "learn", (volume, 1, 0)), (72, "halt", (volume, 0)),
        (74, "recover", (volume, 0, tuple(range(8)))),
    ]  # fmt: skip
    script = tuple(Act(step * GRID_S, verb, arguments) for step, verb, arguments in at)
    work = Workload(
        Poisson(rate_per_s=1.2 / GRID_S), UniformKeys(count=KEYS), SIZES[2], {"write": 0.5, "insert": 0.2, "read": 0.3},
    )  # fmt: skip
    return Case(operations, (script,), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 3)
