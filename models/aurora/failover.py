"""A writer that is lost, and the replica that takes its place.

Aurora looks at the writer from every zone at intervals. When nobody has had an answer so many times in a row, the
replica with the lowest promotion tier of those that answer is made the writer; without one, a new instance is, which
takes minutes. It asks all segments how far they are, until those that have answered are enough in each group; takes what
is durable; and cuts off the rest, under a new term that the old writer's records are refused under. A while later the
cluster endpoint's name leads to it. A writer that only stood still for a while, and is there when it is looked at, does
the same and goes on.

Source:
    Aurora guide (2023), "High availability": less than 60 s with a replica, often less than 30; less than 10 minutes
    without; tiers. AWS Database Blog: the endpoint's time to live is 5 s. Verbitski and others, SIGMOD 2017 and 2018:
    recovery by read quorum, truncation, epochs.

Limits:
    How the writer is looked at is not published. Undo of what was not committed is done beside new work, in no time.
    Replicas of equal tier are taken by their number. What segments say is looked at when enough have said it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from models.aurora.upkeep import Process, Upkeep
from models.kernel.laws import NonNegative, Positive
from models.kernel.plane import Plane, when_answered
from models.kernel.registry import Parameters, parameter

GUIDE = "Aurora guide (2023)"
Interval = Annotated[float, Field(ge=0.01, le=100_000)]
NOBODY = -1


class FailoverParameters(Parameters):
    """How a lost writer is found and replaced."""

    check_s: Interval = parameter(1.0, "seconds between looks at the writer", assumed="1 to 10 s: not published")
    failure_limit: Annotated[int, Field(ge=1, le=100)] = parameter(
        5, "looks in a row that must fail", assumed="2 to 10: not published"
    )
    promote_s: NonNegative = parameter(
        3.0, "seconds until a replica is ready to recover the volume", assumed="1 to 10 s: it restarts"
    )
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
        upkeep: The volume, and what can be asked of it.
        parameters: How a lost writer is found.
    """

    def __init__(self, plane: Plane, upkeep: Upkeep, parameters: FailoverParameters) -> None:
        self.plane, self.upkeep, self.p = plane, upkeep, parameters
        self.instances, self.storage = upkeep.instances, upkeep.storage
        self.count = self.instances.nodes.size
        self.writer, self.answers = 0, [True] * self.count
        self.reads = self.storage.parameters.quorum.reads(self.storage.width, range(self.storage.width))

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
            if failures == self.p.failure_limit and instance == self.writer:
                self.plane.note(f"instance {instance}, the writer, does not answer")
                yield from self._fail_over(instance)
                failures = 0
            at_s = max(at_s + self.p.check_s, self.now)

    def _heard_from(self, instance: int) -> Any:
        looks = [self.upkeep.check(zone, instance) for zone in range(self.upkeep.region.zones)]
        heard = False
        for look in looks:
            answer = yield look
            heard = heard or answer.ok
        return heard

    def _fail_over(self, lost: int) -> Process:
        """Make another instance the writer, or a new one in the place of the lost one."""
        able = [each for each in range(self.count) if each != lost and self.answers[each]]
        if able:
            best = min(able, key=lambda each: (self._tier(each), each))
            self.writer = best
            self.plane.note(f"instance {best} is promoted")
            yield self.plane.until(self.now + self.p.promote_s)
        else:
            best = lost
            self.plane.note("no replica answers: a new instance is made")
            yield self.plane.until(self.now + self.p.create_s)
            self.plane.up(self.instances.nodes, best)
        yield from self._recover(best)
        yield self.plane.until(self.now + self.p.name_s)
        if self.writer == best:
            for zone in range(self.upkeep.region.zones):
                self.plane.assign(self.instances.writer, zone, 0, best)
            self.plane.note(f"the cluster endpoint leads to instance {best}")

    def _tier(self, instance: int) -> int:
        return self.p.tiers[instance - 1] if 0 < instance <= len(self.p.tiers) else 0

    def _come_back(self, instance: int) -> Process:
        """An instance that starts anew is what Aurora takes it to be: the writer, if it still is, recovers."""
        while True:
            yield self.plane.watch_up(self.instances.cpu, instance)
            self.plane.copy(self.instances.copies, 0, 0, instance + 1)
            if self.writer == instance and self.count > 1:
                self.plane.note(f"instance {instance} is there again, and still the writer")
                yield from self._recover(instance)

    def _recover(self, instance: int) -> Process:
        """Ask segments until enough have answered in each group; begin a term with what they have."""
        began_s, storage = self.now, self.storage
        while True:
            heard: set[int] = set()
            answers = [self.upkeep.ask(instance, segment) for segment in range(storage.segments.size)]
            enough = self.plane.env.event()
            for segment, answer in enumerate(answers):
                when_answered(answer, lambda segment=segment: self._hear(heard, segment, enough))  # type: ignore[misc]
            yield enough | self.plane.until(self.now + 1.0)
            if enough.triggered:
                break
        cut = self.plane.recover(storage.volume, instance, sorted(heard))
        self.plane.note(
            f"instance {instance} has recovered the volume in {1000.0 * (self.now - began_s):.1f} ms from "
            f"{len(heard)} segments, {cut} records that were not durable are cut off"
        )

    def _hear(self, heard: set[int], segment: int, enough: Any) -> None:
        heard.add(segment)
        width = self.storage.width
        having = [
            sum(1 << slot for slot in range(width) if group * width + slot in heard)
            for group in range(self.storage.groups.size)
        ]
        if all(self.reads[each] for each in having) and not enough.triggered:
            enough.succeed()
