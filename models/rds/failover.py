"""A primary that is lost, and who takes its place.

RDS looks at all instances from every zone. When the primary has not answered so many times in a row, its standby takes
its place, or else the first replica that answers. A mirror has the primary's blocks and no process: it starts, and
recovers as the primary itself would, which takes as long as there are pages to bring up to date. A standby that applies
what it takes needs no more than to be told. A replica first applies all that had come to it, and another one is taken
if it is lost meanwhile; what had not come is lost. Then the name leads there. A primary that was lost is kept from
answering before another one takes its place. Who is back takes a copy of all from a primary that answers, and follows;
until one does, it stays behind, and what only the primary had is lost if it must take its place.

A primary whose standby does not answer waits for it, or goes on alone after a while, as it is told to; the standby is
counted again when it is back and has a copy. Replicas that are lost are taken off the name that clients read by, and
put there again when they are back.

Source:
    RDS guide, "Multi-AZ deployments": failover typically in 60 to 120 s, the name's record is changed; PostgreSQL
    manual: a primary whose synchronous standby is gone waits.

Limits:
    How RDS finds failures, and how long each stage takes, is not published. A lost primary is fenced at once by those
    who replace it. Copies take no time. Clients read by one name for all replicas; where these are fewer than there
    were, some of them may have one share of the reads more than others.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import Field

from models.kernel.laws import NonNegative, Positive
from models.kernel.ledger import LEADER
from models.kernel.plane import Plane, when_answered
from models.kernel.registry import Parameters, parameter
from models.looks import HEALTH, PATIENCE_S, PROBE_BYTES, Interval, Process, heard_from, look_leg
from models.rds.instances import Instances

APPLIED = "all applied"
"""Operation by which an instance tells that it has applied what came before."""
LIMITS = (
    "how RDS finds a lost primary, and how long each stage takes, is not published",
    "a lost primary is fenced at once, and who is back has a copy of all in no time",
    "where replicas are lost, some of the others may have one share of the reads more",
)
"""What both engines' reports say of this."""


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
        self.failures, self.heard_s = [0] * self.count, [0.0] * self.count
        self.busy, self.behind = False, set[int]()
        """Whether somebody is about to take the primary's place; who must recover, or take a copy, before it counts."""

    @property
    def now(self) -> float:
        """Seconds."""
        return float(self.plane.env.now)

    def start(self) -> None:
        """Mind all instances, at even distances."""
        for node in range(self.count):
            self.plane.env.process(self._mind(node))
            self.plane.env.process(self._see_start(node))

    def _mind(self, node: int) -> Process:
        """Look at an instance time and again, from every zone."""
        at_s = self.p.check_s * (node + 1) / (self.count + 1)
        while True:
            yield self.plane.until(at_s)
            answers = (yield from heard_from(self.plane, self.instances.nodes, self.zones, node)) > 0
            was_lost = self._is_lost(node)
            self.failures[node] = 0 if answers else self.failures[node] + 1
            self.heard_s[node] = self.now if answers else self.heard_s[node]
            if self._is_lost(node) != was_lost:
                self._list_readers()
            if self._is_lost(node) and node == self.primary and not self.busy:
                self.plane.note(f"instance {node}, the primary, does not answer")
                yield from self._fail_over(node)
            if node == self.standby and self.now - self.heard_s[node] >= self.alone_after_s:
                self._go_alone("the standby does not answer")
            at_s = max(at_s + self.p.check_s, self.now)

    def _is_lost(self, node: int) -> bool:
        return self.failures[node] >= self.p.failure_limit

    def _go_alone(self, why: str) -> None:
        """Nobody waits for the standby any more."""
        self.plane.swap_quorum(self.instances.mirrored, 0)
        self.plane.note(f"{why}: instance {self.primary} goes on alone")
        self.standby = None

    def _list_readers(self) -> None:
        """In a while clients read from all replicas that are there, or else from the primary."""

        def change() -> Process:
            yield self.plane.until(self.now + self.p.name_s)
            away = {self.primary, self.standby, *self.behind}
            able = [node for node in range(self.count) if node not in away and not self._is_lost(node)]
            readers = able or [self.primary]
            for zone in range(self.zones):
                for slot in range(self.instances.readers.width):
                    self.plane.assign(self.instances.readers, zone, slot, readers[slot % len(readers)])

        self.plane.env.process(change())

    # ------------------------------------------------------------ who takes its place

    def _fail_over(self, lost: int) -> Process:
        """Make another instance the primary; without one, wait for the lost one."""
        best = self._best(lost)
        if best is not None:
            self.busy = True
            self.plane.down(self.instances.in_service, lost, "refuse")
            while best is not None and not (yield from self._promote(best, lost)):
                best = self._best(lost)
            self.busy = False
            self._await(lost)
        if best is None:
            self.plane.note("nobody can take its place")
            self.failures[lost] = 0

    def _promote(self, best: int, lost: int) -> Any:
        """Bring an instance to the primary's place; returns whether it got there."""
        is_standby = best == self.standby
        self.plane.note(f"instance {best}, {'the standby' if is_standby else 'a replica'}, is to take its place")
        yield self.plane.until(self.now + self.p.promote_s)
        if self.instances.has_standby and best in {0, 1}:
            if not self.hot:
                yield from self._recover(lost)
        elif not (yield from self._apply_all(best)):
            return False
        self.primary = best
        self.behind.discard(best)
        self.plane.up(self.instances.in_service, best)
        if is_standby:
            self._go_alone("the standby is the primary")
        self._lead(best)
        self._list_readers()
        yield self.plane.until(self.now + self.p.name_s)
        for zone in range(self.zones):
            self.plane.assign(self.instances.writer, zone, 0, best)
        self.plane.note(f"the name leads to instance {best}")
        return True

    def _best(self, lost: int) -> int | None:
        """The standby, a replica, or else one that lacks what it has not copied yet: the first that answers."""
        able = [node for node in range(self.count) if node != lost and not self.failures[node]]
        return min(able, key=lambda node: (node != self.standby, node in self.behind, node), default=None)

    def _apply_all(self, node: int) -> Any:
        """A replica comes to the end of what it has, which it is asked time and again; returns whether it did, or was
        lost itself.
        """
        began_s, nodes, applied = self.now, self.instances.nodes, self.plane.env.event()

        def tell() -> None:
            if not applied.triggered:
                applied.succeed()

        while True:
            when_answered(self.plane.submit(APPLIED, leg=look_leg(nodes, nodes.zone(node), node)), tell)
            heard = yield applied | self.plane.until(self.now + PATIENCE_S)
            if applied in heard:
                self.plane.note(f"instance {node} has applied what had come to it, after {self.now - began_s:.1f} s")
                return True
            if self._is_lost(node):
                self.plane.note(f"instance {node} is lost, too")
                return False

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

    def _see_start(self, node: int) -> Process:
        """An instance that starts anew has missed something; a primary answers when it has recovered."""
        while True:
            yield self.plane.watch_up(self.instances.cpu, node)
            if node == self.primary:
                self.plane.down(self.instances.in_service, node, "refuse")
            self._await(node)

    def _await(self, node: int) -> None:
        """An instance is to come back, as soon as it can."""
        if node not in self.behind:
            self.behind.add(node)
            self.plane.env.process(self._come_back(node))

    def _come_back(self, node: int) -> Process:
        """Once it runs, and nobody is about to be made the primary: look again until it is back."""
        while node in self.behind:
            if self._may_come(node):
                yield from self._restart(node) if node == self.primary else self._follow(node)
            if node in self.behind:
                yield self.plane.until(self.now + self.p.check_s)

    def _may_come(self, node: int) -> bool:
        return not self.busy and self.plane.works(self.instances.cpu, node)

    def _restart(self, node: int) -> Process:
        """A primary recovers, and is there again unless another one is by then."""
        yield from self._recover(node)
        if node == self.primary and self._may_come(node):
            self._answer(node, "is there again, and still the primary")

    def _follow(self, node: int) -> Process:
        """If the primary answers, an instance has all that it has, and what is written from now on."""
        primary, nodes = self.primary, self.instances.nodes
        answer = yield self.plane.submit(HEALTH, size_bytes=PROBE_BYTES, leg=look_leg(nodes, nodes.zone(node), primary))
        if not answer.ok or primary != self.primary or not self._may_come(node):
            return
        self.plane.copy(self.instances.copies, 0, primary, node)
        self._answer(node, f"follows instance {primary}")
        if self.instances.has_standby and self.standby is None and {node, primary} == {0, 1}:
            self.standby = node
            self.plane.swap_quorum(self.instances.mirrored, 1)

    def _answer(self, node: int, what: str) -> None:
        """An instance counts again."""
        self.behind.discard(node)
        self.plane.up(self.instances.in_service, node)
        self.plane.note(f"instance {node} {what}")
        self._list_readers()
