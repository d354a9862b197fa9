"""A writer that is lost, and the replica that takes its place.

Aurora looks at the writer from every zone at intervals. When nobody has had an answer so many times in a row, the
replica with the lowest promotion tier of those that answer is made the writer; without one, a new instance is, which
takes minutes, unless the lost one answers before. It asks all segments how far they are, until those that have answered
are enough in each group; takes what may be durable; and cuts off the rest, under a new term, so that segments refuse
the old writer's records. Then it opens. Nothing that it writes is durable before enough segments of each group have
what it recovered. A while later the cluster endpoint's name leads to it, and clients get there as `endpoints` says, or
a proxy finds it. A writer that is there again before that recovers the volume itself, and goes on. A replica that is
lost is taken off the reader endpoint's name, and put there again when it answers.

How long each stage took is written down (`STAGES`).

Source:
    Aurora guide (2023), "High availability": less than 60 s with a replica, often less than 30; less than 10 minutes
    without; tiers. Verbitski and others, SIGMOD 2017 and 2018: recovery by read quorum, truncation, epochs; less than
    10 s even after 100,000 writes/s.

Limits:
    How the writer is looked at, and how long each stage takes, is not published. Undo of what was not committed is done
    beside new work, in no time. Of replicas of equal tier the largest goes first: here all are alike, and go by their
    number. What segments say is looked at when enough have said it, and these take the new term at that instant; Aurora
    has it recorded by a write quorum before it opens. No new instance is made for one that is paused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from models.aurora.endpoints import Endpoints, Names, Pool, mind_names
from models.aurora.proxy import Proxy, Watch
from models.aurora.storage import Interval
from models.aurora.upkeep import Segments
from models.kernel.laws import NonNegative
from models.kernel.plane import Plane, when_answered
from models.kernel.registry import Parameters, parameter
from models.looks import PATIENCE_S, Process, heard_from
from models.stages import Stages

GUIDE = "Aurora guide (2023)"
DETECT, PROMOTE, CREATE, RECOVER, OPEN, RENAME, EXPIRE, NOTICE, CONNECT = STAGES = (
    "detection", "promotion", "new instance", "recovery", "opening", "name change", "time to live", "notice",
    "connections",
)  # fmt: skip
"""From the first look without an answer until the writer is taken to be lost; until a replica is ready, or a new
instance is there; until it has heard from enough segments; until it has opened the volume; until the name is changed,
and the last zone's clients know of it, or, instead of these two, the last node of a proxy does; until all connections
stand."""


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
        300.0,
        "seconds until a new instance is, where no replica answers",
        assumed=f"100 to 600 s: less than 10 minutes ({GUIDE})",
    )
    name_s: NonNegative = parameter(
        1.0, "seconds until an endpoint's name leads elsewhere", assumed="0.1 to 5 s: not published"
    )
    tiers: list[Annotated[int, Field(ge=0, le=15)]] = parameter(
        [],
        "promotion tiers of the replicas, in their order; the lowest goes first; none: all alike; the first writer "
        "has 0, when it is a replica",
        assumed="any",
    )


class Failover:
    """Whoever minds the writer.

    Args:
        plane: The data plane.
        segments: The volume's, and what can be asked.
        parameters: How a lost writer is found.
        endpoints: How requests find it.
        proxy: What stands in between; None: nothing.
        reads: Whether anybody asks the reader endpoint.
    """

    def __init__(
        self, plane: Plane, segments: Segments, parameters: FailoverParameters, endpoints: Endpoints,
        proxy: Proxy | None, *, reads: bool,
    ) -> None:  # fmt: skip
        self.plane, self.segments, self.p, self.endpoints, self.proxy = plane, segments, parameters, endpoints, proxy
        self.instances, self.storage, self.reads = segments.upkeep.instances, segments.storage, reads
        self.zones, self.count = segments.upkeep.region.zones, self.instances.nodes.size
        self.writer, self.busy, self.term = 0, False, 1
        self.failures = [0] * self.count
        """Looks at each instance in a row that have failed."""
        self.leads = [each == 0 for each in range(self.count)]
        """Whether an instance may write, as far as it knows."""
        self.open_terms = [int(leads) for leads in self.leads]
        """The term in which an instance is open to writers, as it says itself; 0: it is not."""
        self.names, self.stages = Names(endpoints.readers.rows[0]), Stages(plane)
        self.arrival = _Arrival(self.stages, endpoints.askers.size)

    @property
    def now(self) -> float:
        """Seconds."""
        return float(self.plane.env.now)

    def start(self) -> None:
        """Mind all instances, at even distances; let those who send requests find out about changes."""
        for instance in range(self.count):
            self.plane.env.process(self._mind(instance))
            self.plane.env.process(self._come_back(instance))
        for asker in range(self.endpoints.askers.size):
            pool = Pool(self.plane, self.endpoints, asker, self.arrival.told, self.arrival.connected)
            if self.proxy is not None:
                Watch(self.plane, self.proxy, pool, self.open_terms.__getitem__).start(reads=self.reads)
            else:
                self.plane.env.process(mind_names(self.plane, pool, self.names, reads=self.reads))

    # ------------------------------------------------------------ who answers

    def _mind(self, instance: int) -> Process:
        """Look at an instance time and again, from every zone."""
        silent_s, at_s = 0.0, self.p.check_s * (instance + 1) / (self.count + 1)
        while True:
            yield self.plane.until(at_s)
            asked_s = self.now
            heard = self.zones < 2 * (yield from heard_from(self.plane, self.instances.nodes, self.zones, instance))
            was_lost = self._is_lost(instance)
            if not self.failures[instance]:
                silent_s = asked_s
            self.failures[instance] = 0 if heard else self.failures[instance] + 1
            if self._is_lost(instance) != was_lost:
                self._list_readers()
            if heard and instance != self.writer and self.leads[instance] and not self.busy:
                self._step_down(instance)
            if self._is_lost(instance) and instance == self.writer and not self.busy:
                self.plane.note(f"instance {instance}, the writer, does not answer")
                self.stages.begin(DETECT, silent_s)
                self.busy = True
                self.plane.env.process(self._fail_over(instance))
            at_s = max(at_s + self.p.check_s, self.now)

    def _is_lost(self, instance: int) -> bool:
        return self.failures[instance] >= self.p.failure_limit

    def _list_readers(self) -> None:
        """In a while the reader endpoint's name leads to all replicas that answer."""

        def change() -> Process:
            yield self.plane.until(self.now + self.p.name_s)
            able = [each for each in range(self.count) if each != self.writer and not self._is_lost(each)]
            self.names.readers = tuple(able or [self.writer])

        self.plane.env.process(change())

    def _step_down(self, instance: int) -> None:
        """Who led before is told that it leads no more, and reads what is durable."""
        self.leads[instance], self.open_terms[instance] = False, 0
        self.plane.halt(self.storage.volume, instance)
        self.plane.copy(self.instances.copies, 0, 0, instance + 1)
        self.plane.note(f"instance {instance} is a replica now")

    # ------------------------------------------------------------ who takes over

    def _fail_over(self, lost: int) -> Process:
        """Make another instance the writer, or a new one in the place of the lost one."""
        self.arrival.expect(None)
        is_there = False
        while not is_there:
            able = [each for each in range(self.count) if each != lost and not self.failures[each]]
            self.writer = min(able, key=lambda each: (self._tier(each), each), default=lost)
            yield from self._promote(self.writer) if able else self._create(lost)
            is_there = yield from self._take_over(self.writer)
        self.busy = False
        yield from self._rename(self.writer)

    def _tier(self, instance: int) -> int:
        return self.p.tiers[instance - 1] if self.p.tiers and instance else 0

    def _promote(self, replica: int) -> Process:
        """A replica restarts."""
        self.plane.note(f"instance {replica} is promoted")
        self.stages.begin(PROMOTE)
        self.plane.down(self.instances.in_service, replica, "refuse")
        yield self.plane.until(self.now + self.p.promote_s)

    def _create(self, instance: int) -> Process:
        """A new instance is made, unless the lost one answers before that."""
        self.plane.note("no replica answers: a new instance is made")
        self.stages.begin(CREATE)
        ready_s = self.now + self.p.create_s
        while self.failures[instance] and self.now < ready_s:
            yield self.plane.until(min(self.now + self.p.check_s, ready_s))
        if self.failures[instance]:
            self.plane.up(self.instances.nodes, instance)
            self.failures[instance] = 0

    def _rename(self, writer: int) -> Process:
        """The names lead elsewhere; who has a proxy does not go by them."""
        if self.proxy is not None:
            self.stages.begin(NOTICE)
            self.arrival.expect(writer)
        else:
            self.stages.begin(RENAME)
        self._list_readers()
        yield self.plane.until(self.now + self.p.name_s)
        if self.writer == writer and not self.busy:
            self.names.writer = writer
            self.plane.note(f"the cluster endpoint leads to instance {writer}")
            if self.proxy is None:
                self.stages.begin(EXPIRE)
                self.arrival.expect(writer)

    def _come_back(self, instance: int) -> Process:
        """An instance that starts anew has what is durable; the writer, if it still is, recovers the volume first."""
        while True:
            yield self.plane.watch_up(self.instances.cpu, instance)
            self.leads[instance], self.open_terms[instance] = False, 0
            self.plane.copy(self.instances.copies, 0, 0, instance + 1)
            if self.writer == instance and not self.busy:
                self.plane.note(f"instance {instance} is there again, and still the writer")
                self.busy = True
                self.arrival.expect(None)
                yield from self._take_over(instance)
                self.stages.end()
                self.busy = False

    def _take_over(self, instance: int) -> Any:
        """Recover the volume and open it; returns whether the instance is the writer then, and not lost itself."""
        self.plane.down(self.instances.in_service, instance, "refuse")
        self.stages.begin(RECOVER)
        yield from self._recover(instance)
        self.stages.begin(OPEN)
        yield self.plane.until(self.now + self.p.open_s)
        self.plane.up(self.instances.in_service, instance)
        self.open_terms[instance] = self.term if self.leads[instance] else 0
        return self.leads[instance]

    def _recover(self, instance: int) -> Process:
        """Ask segments until enough have answered in each group; begin a term with what they have."""
        began_s, volume = self.now, self.storage.volume
        hearing = _Hearing(self.plane, self.segments)
        while not hearing.enough.triggered:
            self._ask(instance, range(volume.segments.size), hearing.hear)
            yield hearing.enough | self.plane.until(self.now + PATIENCE_S)
            if self._is_lost(instance):
                self.plane.note(f"instance {instance} is lost, too")
                return
        cut = self.plane.recover(volume, instance, sorted(hearing.heard))
        self.term += 1
        self.leads[instance] = True
        self._see(instance)
        self.plane.env.process(self._settle(instance, self.term))
        self.plane.note(
            f"instance {instance} recovers in {1000.0 * (self.now - began_s):.1f} ms: {len(hearing.heard)} segments "
            f"asked, {cut} records cut off"
        )

    def _ask(self, instance: int, segments: Iterable[int], then: Callable[[int], None]) -> None:
        """Ask segments how far they are, and do something with each that answers."""
        for segment in segments:
            when_answered(self.segments.ask(instance, segment), partial(then, segment))

    def _settle(self, instance: int, term: int) -> Process:
        """Tell segments of the new term until enough of each group have what was recovered, as they get it by gossip;
        no new write is durable before.
        """
        volume, interval_s = self.storage.volume, self.storage.parameters.gossip_s
        while self.term == term and self.plane.unsure(volume, instance):
            complete = [each for each in range(volume.segments.size) if self.segments.complete[each]]
            self._ask(instance, complete, partial(self.plane.learn, volume, instance))
            yield self.plane.until(self.now + interval_s)

    def _see(self, writer: int) -> None:
        """The writer knows all that the volume has; who wrote before knows what it had until now."""
        for each in range(self.count):
            self.plane.assign(self.instances.view, each, 0, 0 if each == writer else each + 1)
            if each != writer and self.leads[each]:
                self.plane.copy(self.instances.copies, 0, 0, each + 1)


class _Arrival:
    """How far those who send requests have got on their way to a new writer, for the stages; it changes nothing.

    Args:
        stages: Where that is written down.
        askers: How many they are.
    """

    def __init__(self, stages: Stages, askers: int) -> None:
        self.stages, self.target = stages, -1
        self.writers, self.stands = [0] * askers, [True] * askers

    def expect(self, writer: int | None) -> None:
        """Wait for all to get to a new writer, or for nobody."""
        self.target = -1 if writer is None else writer
        self._look()

    def told(self, asker: int, writer: int) -> None:
        """One of them knows where to go."""
        self.writers[asker], self.stands[asker] = writer, False
        self._look()

    def connected(self, asker: int, writer: int) -> None:
        """All connections of one stand."""
        self.stands[asker] = self.writers[asker] == writer
        self._look()

    def _look(self) -> None:
        if all(writer == self.target for writer in self.writers):
            if self.stages.stage != CONNECT:
                self.stages.begin(CONNECT)
            if all(self.stands):
                self.target = -1
                self.stages.end()


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
