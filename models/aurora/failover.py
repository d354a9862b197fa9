"""A writer that is lost, and the replica that takes its place.

Aurora looks at the writer from every zone at intervals. When nobody has had an answer so many times in a row, the
replica with the lowest promotion tier of those that answer is made the writer; without one, a new instance is, which
takes minutes. It asks all segments how far they are, until those that have answered are enough in each group; takes
what is durable; and cuts off the rest, under a new term, so that segments refuse the old writer's records. A while
later the cluster endpoint's name leads to it. A writer that is there again before that does the same, and goes on.

Source:
    Aurora guide (2023), "High availability": less than 60 s with a replica, often less than 30; less than 10 minutes
    without; tiers. AWS Database Blog: the endpoint's time to live is 5 s. Verbitski and others, SIGMOD 2017 and 2018:
    recovery by read quorum, truncation, epochs.

Limits:
    How the writer is looked at is not published. Undo of what was not committed is done beside new work, in no time.
    Replicas of equal tier are taken by their number. What segments say is looked at when enough have said it.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import Field

from models.aurora.upkeep import PATIENCE_S, Process, Segments
from models.kernel.laws import NonNegative, Positive
from models.kernel.plane import Plane, when_answered
from models.kernel.registry import Parameters, parameter

GUIDE = "Aurora guide (2023)"
Interval = Annotated[float, Field(ge=0.01, le=100_000)]


class FailoverParameters(Parameters):
    """How a lost writer is found and replaced."""

    check_s: Interval = parameter(1.0, "seconds between looks at the writer", assumed="1 to 10 s: not published")
    failure_limit: Annotated[int, Field(ge=1, le=100)] = parameter(
        5, "looks in a row that must fail", assumed="2 to 10: not published"
    )
    promote_s: NonNegative = parameter(
        3.0, "seconds until a replica is ready to recover the volume", assumed="1 to 10 s: it restarts"
    )
    open_s: NonNegative = parameter(
        1.0, "seconds that an instance takes to open the volume, beside asking segments",
        assumed="0.5 to 5 s; less than 10 in all (SIGMOD 2017), 1.2 for PostgreSQL",
    )  # fmt: skip
    create_s: NonNegative = parameter(
        300.0, "seconds until a new instance is, where no replica answers", source=f"{GUIDE}: less than 10 minutes"
    )
    name_s: Positive = parameter(
        5.0, "seconds until clients have the endpoint's new address", source="AWS Database Blog: TTL of 5 s"
    )
    tiers: list[Annotated[int, Field(ge=0, le=15)]] = parameter(
        [], "promotion tiers of the replicas, the lowest first; none: all alike", assumed="any"
    )


class Failover:
    """Whoever minds the writer.

    Args:
        plane: The data plane.
        segments: The volume's, and what can be asked.
        parameters: How a lost writer is found.
    """

    def __init__(self, plane: Plane, segments: Segments, parameters: FailoverParameters) -> None:
        self.plane, self.segments, self.p = plane, segments, parameters
        self.instances, self.storage = segments.upkeep.instances, segments.storage
        self.zones, self.count = segments.upkeep.region.zones, self.instances.nodes.size
        self.writer, self.busy = 0, False
        self.answers, self.leads = [True] * self.count, [each == 0 for each in range(self.count)]

    @property
    def now(self) -> float:
        """Seconds."""
        return float(self.plane.env.now)

    def start(self) -> None:
        """Mind all instances, at even distances."""
        for instance in range(self.count):
            self.plane.env.process(self._mind(instance))
            self.plane.env.process(self._come_back(instance))

    def _mind(self, instance: int) -> Process:
        """Look at an instance time and again, from every zone."""
        failures, at_s = 0, self.p.check_s * (instance + 1) / (self.count + 1)
        while True:
            yield self.plane.until(at_s)
            heard = yield from self._heard_from(instance)
            self.answers[instance] = heard
            failures = 0 if heard else failures + 1
            if heard and instance != self.writer and self.leads[instance] and not self.busy:
                self._step_down(instance)
            if failures >= self.p.failure_limit and instance == self.writer and not self.busy:
                self.plane.note(f"instance {instance}, the writer, does not answer")
                yield from self._fail_over(instance)
                failures = 0
            at_s = max(at_s + self.p.check_s, self.now)

    def _heard_from(self, instance: int) -> Any:
        """Whether most zones had an answer."""
        looks = [self.segments.check(zone, instance) for zone in range(self.zones)]
        heard = 0
        for look in looks:
            answer = yield look
            heard += answer.ok
        return 2 * heard > self.zones

    def _step_down(self, instance: int) -> None:
        """Who led before is told that it leads no more, and reads what is durable."""
        self.leads[instance] = False
        self.plane.halt(self.storage.volume, instance)
        self.plane.copy(self.instances.copies, 0, 0, instance + 1)
        self.plane.note(f"instance {instance} is a replica now")

    def _fail_over(self, lost: int) -> Process:
        """Make another instance the writer, or a new one in the place of the lost one."""
        self.busy = True
        able = [each for each in range(self.count) if each != lost and self.answers[each]]
        best = min(able, key=lambda each: (self._tier(each), each), default=lost)
        self.writer = best
        if able:
            self.plane.note(f"instance {best} is promoted")
            yield self.plane.until(self.now + self.p.promote_s)
        else:
            self.plane.note("no replica answers: a new instance is made")
            yield self.plane.until(self.now + self.p.create_s)
            self.plane.up(self.instances.nodes, best)
        yield from self._recover(best)
        yield self.plane.until(self.now + self.p.name_s)
        for zone in range(self.zones):
            self.plane.assign(self.instances.writer, zone, 0, best)
        self.plane.note(f"the cluster endpoint leads to instance {best}")
        self.busy = False

    def _tier(self, instance: int) -> int:
        return self.p.tiers[instance - 1] if 0 < instance <= len(self.p.tiers) else 0

    def _come_back(self, instance: int) -> Process:
        """An instance that starts anew has what is durable; the writer, if it still is, recovers the volume first."""
        while True:
            yield self.plane.watch_up(self.instances.cpu, instance)
            self.leads[instance] = False
            self.plane.copy(self.instances.copies, 0, 0, instance + 1)
            if self.writer == instance and not self.busy:
                self.plane.note(f"instance {instance} is there again, and still the writer")
                self.busy = True
                self.plane.down(self.instances.in_service, instance, "refuse")
                yield from self._recover(instance)
                self.plane.up(self.instances.in_service, instance)
                self.busy = False

    def _recover(self, instance: int) -> Process:
        """Ask segments until enough have answered in each group; begin a term with what they have."""
        began_s, volume = self.now, self.storage.volume
        hearing = _Hearing(self.plane, self.segments)
        while not hearing.enough.triggered:
            for segment in range(volume.segments.size):
                when_answered(self.segments.ask(instance, segment), partial(hearing.hear, segment))
            yield hearing.enough | self.plane.until(self.now + PATIENCE_S)
        cut = self.plane.recover(volume, instance, sorted(hearing.heard))
        self.leads[instance] = True
        self.plane.note(
            f"instance {instance} recovers in {1000.0 * (self.now - began_s):.1f} ms: {len(hearing.heard)} segments "
            f"asked, {cut} records cut off"
        )
        yield self.plane.until(self.now + self.p.open_s)


class _Hearing:
    """Which segments have answered, and whether they are enough in each group."""

    def __init__(self, plane: Plane, segments: Segments) -> None:
        self.segments, self.width = segments, segments.width
        self.heard: set[int] = set()
        self.enough = plane.env.event()

    def hear(self, segment: int) -> None:
        """One more has; one that has no copy of all yet does not count."""
        if self.segments.complete[segment] and not self.enough.triggered:
            self.heard.add(segment)
            if all(self.segments.reads[group][self._having(group)] for group in self.segments.groups):
                self.enough.succeed()

    def _having(self, group: int) -> int:
        return sum(1 << slot for slot in range(self.width) if group * self.width + slot in self.heard)
