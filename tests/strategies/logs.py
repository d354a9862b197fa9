"""A case by hand for logs: records overtake one another on the way, are lost and come twice, and leaders change."""

from __future__ import annotations

from models.kernel.arrivals import Poisson
from models.kernel.keys import UniformKeys
from models.kernel.laws import Exponential, Uniform
from models.kernel.parts import Copies, Group, Log, Membership, Network, Quorum, Station
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.steps import Append, Apply, Choose, Fork, Order, Read, Receive, Serve, Travel
from models.kernel.system import Client, Operation, Route
from tests.strategies.systems import DURATION_S, GRID_S, KEYS, SIZES, Act, Case, grid

NODES = Group("nodes", 3, (0, 1, 2))
PEERS = Group("peers", 3, (0, 1, 2))
MEMBERS = Membership(NODES, ((0, 1, 2),))
LOG = Log("log", NODES, (0, 0, 0), 30)
CPU = Station("cpu", NODES, 1)
NET = Network("net", Uniform(low=0.0, high=6 * GRID_S), Exponential(mean=5 * GRID_S), 3)


def replicate(copies: Copies, name: str, needed: int) -> tuple[Append | Order | Apply | Fork, ...]:
    """A write at the leader, which so many members must have; a leg goes to the leader itself, which wants nothing."""
    here = Membership(NODES, ((0,), (1,), (2,)), of=PEERS)
    leg = Route(
        Choose(Membership(PEERS, ((0, 1, 2),)), "leg"), Travel(NET, NODES, PEERS), Choose(here, 0), Serve(CPU, grid(1)),
        Receive(LOG), Apply(copies), Travel(NET, PEERS, NODES),
    )  # fmt: skip
    return (Append(LOG), Order(copies), Apply(copies), Fork(Quorum(name, 3, needed), leg))


def log_case(*, replicated: bool = True) -> Case:
    """Writes for which nobody waits, and some for which one follower must answer; two failovers."""
    copies = Copies("copies", MEMBERS, volatile=True, replicated=replicated)
    operations = {
        "write": Operation(Route(Choose(MEMBERS, 0), *replicate(copies, "write", 0))),
        "insert": Operation(Route(Choose(MEMBERS, 0), *replicate(copies, "insert", 1)), Client(20 * GRID_S)),
        "read": Operation(Route(Choose(MEMBERS, "random"), Read(copies))),
        "scan": Operation(Route(Choose(MEMBERS, "random"), *replicate(copies, "scan", 0))),
    }
    at = [
        (20, "part", (LOG, 2)), (26, "position", (LOG, 1)), (26, "lead", (LOG, 1)), (26, "assign", (MEMBERS, 0, 0, 1)),
        (26, "position", (LOG, 0)), (34, "follow", (LOG, 2, 1)), (34, "copy", (copies, 0, 1, 2)),
        (40, "forget", (copies, 0)), (44, "follow", (LOG, 0, 1)), (44, "copy", (copies, 0, 1, 0)),
        (50, "cut", (NET, 1, 0, "silent")), (54, "mend", (NET, 1, 0)), (60, "follow", (LOG, 0, 1)),
        (60, "copy", (copies, 0, 1, 0)), (70, "forget", (copies, 1)), (72, "lead", (LOG, 0)),
        (72, "assign", (MEMBERS, 0, 0, 0)), (72, "position", (LOG, 0)), (72, "position", (LOG, 2)),
    ]  # fmt: skip
    script = tuple(Act(step * GRID_S, verb, arguments) for step, verb, arguments in at)
    mix = {"write": 0.5, "insert": 0.2, "read": 0.2, "scan": 0.1}
    work = Workload(Poisson(rate_per_s=1.0 / GRID_S), UniformKeys(count=KEYS), SIZES[2], mix)
    return Case(operations, (script,), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 3)
