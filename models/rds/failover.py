"""A primary that is lost, and who takes its place.

RDS looks at all instances from every zone. When the primary has not answered so many times in a row, its standby takes
its place, or else the first replica that answers. A mirror has the primary's blocks and no process: it starts, and
recovers as the primary itself would, which takes as long as there are pages to bring up to date. A standby that applies
what it takes needs no more than to be told. A replica first applies all that had come to it; what had not is lost.
Then the name leads there. A primary that was lost is kept from answering before another one takes its place; when it is
back it takes a copy of all, and follows.

A primary whose standby does not answer waits for it, or goes on alone after a while, as it is told to; the standby is
counted again when it is back and has a copy.

Source:
    RDS guide, "Multi-AZ deployments": failover typically in 60 to 120 s, the name's record is changed; PostgreSQL
    manual: a primary whose synchronous standby is gone waits.

Limits:
    How RDS finds failures, and how long each stage takes, is not published. A lost primary is fenced at once by those
    who replace it. Copies take no time.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from models.kernel.laws import NonNegative, Positive
from models.kernel.ledger import LEADER
from models.kernel.plane import Plane
from models.kernel.registry import Parameters, parameter
from models.looks import Interval, Process, heard_from, look_leg
from models.rds.instances import Instances

APPLIED = "all applied"
"""Operation by which an instance tells that it has applied what came before."""


class FailoverParameters(Parameters):
    """How a lost primary is found and replaced."""

    check_s: Interval = parameter(1.0, "seconds between looks at an instance", assumed="1 to 10 s: not published")
    failure_limit: Annotated[int, Field(ge=1, le=100)] = parameter(
        10, "looks in a row that must fail", assumed="5 to 30: not published"
    )
    promote_s: NonNegative = parameter(
        20.0, "seconds until another instance is there, beside recovery", assumed="5 to 60 s; 60 to 120 in all"
    )
    recover_page_s: NonNegative = parameter(
        0.0003,
        "seconds of recovery for each page that was not written yet",
        assumed="0.0001 to 0.001: read, and redone",
    )
    name_s: Positive = parameter(
        10.0, "seconds until clients have the name's new address", assumed="5 to 30 s: a TTL of 5 s, and who keeps it"
    )


class Failover:
    """Whoever minds the instances.

    Args:
        plane: The data plane.
        instances: Who is minded.
        zones: Of how many zones.
        parameters: How a lost primary is found.
        alone_after_s: When a primary goes on without its standby; None: never.
        hot: Whether a standby needs no recovery.
    """

    def __init__(
        self, plane: Plane, instances: Instances, zones: int, parameters: FailoverParameters,
        alone_after_s: float | None, *, hot: bool,
    ) -> None:  # fmt: skip
        self.plane, self.instances, self.zones, self.p = plane, instances, zones, parameters
        self.alone_after_s, self.hot = math.inf if alone_after_s is None else alone_after_s, hot
        self.primary, self.standby = 0, 1 if instances.has_standby else None
        self.count = instances.nodes.size
        self.answers, self.heard_s = [True] * self.count, [0.0] * self.count
        self.busy = False

    @property
    def now(self) -> float:
        """Seconds."""
        return float(self.plane.env.now)

    def start(self) -> None:
        """Mind all instances, at even distances."""
        for node in range(self.count):
            self.plane.env.process(self._mind(node))
            self.plane.env.process(self._come_back(node))

    def _mind(self, node: int) -> Process:
        """Look at an instance time and again, from every zone."""
        failures, at_s = 0, self.p.check_s * (node + 1) / (self.count + 1)
        while True:
            yield self.plane.until(at_s)
            self.answers[node] = (yield from heard_from(self.plane, self.instances.nodes, self.zones, node)) > 0
            failures = 0 if self.answers[node] else failures + 1
            self.heard_s[node] = self.now if self.answers[node] else self.heard_s[node]
            if failures >= self.p.failure_limit and node == self.primary and not self.busy:
                self.plane.note(f"instance {node}, the primary, does not answer")
                yield from self._fail_over(node)
                failures = 0
            if node == self.standby and self.now - self.heard_s[node] >= self.alone_after_s:
                self._go_alone("the standby does not answer")
            at_s = max(at_s + self.p.check_s, self.now)

    def _go_alone(self, why: str) -> None:
        """Nobody waits for the standby any more."""
        self.plane.swap_quorum(self.instances.mirrored, 0)
        self.plane.note(f"{why}: instance {self.primary} goes on alone")
        self.standby = None

    # ------------------------------------------------------------ who takes its place

    def _fail_over(self, lost: int) -> Process:
        """Make another instance the primary; without one, wait for the lost one."""
        best = self._best(lost)
        if best is None:
            self.plane.note("nobody can take its place")
            return
        self.busy = True
        is_standby = best == self.standby
        self.plane.down(self.instances.in_service, lost, "refuse")
        self.plane.note(f"instance {best}, {'the standby' if is_standby else 'a replica'}, is to take its place")
        yield self.plane.until(self.now + self.p.promote_s)
        if not is_standby:
            yield from self._apply_all(best)
        elif not self.hot:
            yield from self._recover(lost)
        self.primary = best
        if is_standby:
            self._go_alone("the standby is the primary")
        self._lead(best)
        yield self.plane.until(self.now + self.p.name_s)
        for zone in range(self.zones):
            self.plane.assign(self.instances.writer, zone, 0, best)
        self.plane.note(f"the name leads to instance {best}")
        self.busy = False

    def _best(self, lost: int) -> int | None:
        if self.standby is not None and self.answers[self.standby]:
            return self.standby
        replicas = [node for node in range(self.count) if node not in (lost, self.standby) and self.answers[node]]
        return min(replicas, default=None)

    def _apply_all(self, node: int) -> Process:
        """A replica comes to the end of what it has."""
        began_s = self.now
        yield self.plane.submit(APPLIED, leg=look_leg(self.instances.nodes, self.instances.nodes.zone(node), node))
        self.plane.note(f"instance {node} has applied what had come to it, after {self.now - began_s:.1f} s")

    def _recover(self, node: int) -> Process:
        """Bring up to date whatever pages an instance had not written yet."""
        pages = self.plane.held(self.instances.dirty, node)
        self.plane.note(f"{pages:,} pages are recovered")
        yield self.plane.until(self.now + pages * self.p.recover_page_s)

    def _lead(self, node: int) -> None:
        """An instance's copy is what counts from now on."""
        row = [node, *(other for other in range(self.count) if other != node)]
        for slot, member in enumerate(row):
            self.plane.assign(self.instances.copies.members, 0, LEADER + slot, member)

    # ------------------------------------------------------------ who comes back

    def _come_back(self, node: int) -> Process:
        """A primary that starts anew recovers; any other instance takes a copy of all, and answers again."""
        while True:
            yield self.plane.watch_up(self.instances.cpu, node)
            if node == self.primary and not self.busy:
                self.plane.down(self.instances.in_service, node, "refuse")
                yield from self._recover(node)
                if node == self.primary and not self.busy:
                    self.plane.up(self.instances.in_service, node)
                    self.plane.note(f"instance {node} is there again, and still the primary")
            elif node != self.primary and not self.busy:
                self._follow(node)

    def _follow(self, node: int) -> None:
        """An instance has all that the primary has, and what is written from now on."""
        self.plane.copy(self.instances.copies, 0, self.primary, node)
        self.plane.up(self.instances.in_service, node)
        self.plane.note(f"instance {node} follows instance {self.primary}")
        if self.instances.has_standby and self.standby is None and {node, self.primary} == {0, 1}:
            self.standby = node
            self.plane.swap_quorum(self.instances.mirrored, 1)
