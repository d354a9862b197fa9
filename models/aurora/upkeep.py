"""What the volume does by itself: segments fill their holes from their like, and lost ones are replaced.

Time and again each segment asks another one of its group, one after the other, and takes what that one has and it has
not. One that nobody of its group has had an answer from for so long is taken to be lost: it is not read from, and where
segments are replaced, a new one of its zone is to take its place. From then on a record is durable only when enough
have it with the old one and with the new one. The new one takes a copy of all, which takes its time; then the old one
is left out. If the old one answers before that, the new one is left out instead. A recovery asks enough with the one
or with the other, and counts none that has no copy yet.

Source:
    Verbitski and others, SIGMOD 2017, sections 2 and 3: gossip, 10 GB in 10 s; SIGMOD 2018, section 4: membership
    changes in two steps, epochs.

Limits:
    What is missing comes with the answer, whatever it is. Whoever reads learns at once which segments answer. One
    segment of a group is replaced at a time. Who belongs to a group is known to all who ask, and is never lost.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import simpy

from models.aurora.instances import Instances
from models.aurora.storage import Storage
from models.kernel.laws import seconds
from models.kernel.parts import Group, Membership, everybody
from models.kernel.plane import Plane
from models.kernel.predicates import both, either
from models.kernel.steps import Choose, Pass, Serve, Travel, by_leg
from models.kernel.system import Client, Operation, Route
from models.region import Region

Process = Generator[simpy.Event, Any, None]
GOSSIP, ASK, HEALTH, PARTS = "gossip", "how far a segment is", "health check", "parts"
PATIENCE_S = 1.0
"""Until a question has failed; assumed: 0.2 to 5 s."""
COPIES_MOST = 10.0
"""In how many times as long as a copy takes it must be there; assumed."""


class Upkeep:
    """The segments of a volume, and what is asked of them.

    Args:
        region: Where they stand.
        instances: Who writes and reads.
        storage: The volume.
    """

    def __init__(self, region: Region, instances: Instances, storage: Storage) -> None:
        self.region, self.instances, self.storage = region, instances, storage
        self.width, self.size = storage.width, storage.segments.size
        self.peers = Group("other segments", self.size, storage.segments.zones, fails=False)
        self.monitors = Group("monitor", region.zones, tuple(range(region.zones)), fails=False)

    def talk(self) -> Mapping[str, Operation]:
        """Operations by the number of their leg: of gossip by who asks and whom of its group, of questions by instance
        and segment, of health checks by zone and instance. Nobody asks for `parts`: it leads through all that control
        looks at or rewrites.
        """
        network, segments, peers = self.region.network, self.storage.segments, self.peers
        nodes, monitors, width = self.instances.nodes, self.monitors, self.width
        pairs = [(mine, mine // width * width + slot) for mine in range(self.size) for slot in range(width)]
        work = Serve(self.storage.disk, seconds(0.0), once=seconds(self.storage.parameters.write_s))
        back = Membership(segments, tuple((each,) for each in range(self.size)), of=peers)
        gossip = Route(
            by_leg(peers, [mine for mine, _ in pairs]), by_leg(segments, [other for _, other in pairs]),
            Travel(network, peers, segments), work, Travel(network, segments, peers), Choose(back, 0), work,
        )  # fmt: skip
        ask = Route(
            by_leg(nodes, [each for each in range(nodes.size) for _ in range(self.size)]),
            by_leg(segments, list(range(self.size)) * nodes.size), Serve(self.instances.cpu, seconds(0.0)),
            Travel(network, nodes, segments), work, Travel(network, segments, nodes),
        )  # fmt: skip
        check = Route(
            by_leg(monitors, [zone for zone in range(monitors.size) for _ in range(nodes.size)]),
            by_leg(nodes, list(range(nodes.size)) * monitors.size), Travel(network, monitors, nodes),
            Serve(self.instances.cpu, seconds(0.0)), Travel(network, nodes, monitors),
        )  # fmt: skip
        client = Client(PATIENCE_S)
        from_client = (
            Choose(everybody(self.region.clients)), Choose(self.instances.writer, 0), Choose(self.instances.role, 0),
            Pass(self.instances.in_service),
        )  # fmt: skip
        parts = Route(*from_client, *self.storage.commit(), *self.storage.read())
        return {
            GOSSIP: Operation(gossip, client), ASK: Operation(ask, client), HEALTH: Operation(check, client),
            PARTS: Operation(parts),
        }  # fmt: skip


class Segments:
    """What the segments of one volume do, and who belongs to which group.

    Args:
        plane: The data plane.
        upkeep: What can be asked.
    """

    def __init__(self, plane: Plane, upkeep: Upkeep) -> None:
        self.plane, self.upkeep, self.storage = plane, upkeep, upkeep.storage
        self.quorum, self.width = self.storage.parameters.quorum, self.storage.width
        self.groups = range(self.storage.groups.size)
        self.members = [list(range(self.quorum.copies)) for _ in self.groups]
        """The slots of each group, by their places."""
        self.joining: list[tuple[int, int] | None] = [None for _ in self.groups]
        """The place that is being filled anew, and the slot that is to have it."""
        self.complete = [slot < self.quorum.copies for _ in self.groups for slot in range(self.width)]
        """Whether a segment has had its copy of all."""
        self.reads = [self.quorum.reads(self.width, members) for members in self.members]
        """Sets of each group's slots that find all that is durable."""
        self.heard_s = [0.0] * self.storage.segments.size
        self.answers = [True] * self.storage.segments.size

    @property
    def now(self) -> float:
        """Seconds."""
        return float(self.plane.env.now)

    def start(self) -> None:
        """Let all segments gossip, at even distances, and somebody see to those that are lost."""
        for group in self.groups:
            for slot in range(self.quorum.copies, self.width):
                self.plane.down(self.storage.in_group, self._segment(group, slot), "refuse")
        for segment in range(self.storage.segments.size):
            self.plane.env.process(self._gossip(segment))
        if self.storage.parameters.repair is not None:
            for group in self.groups:
                self.plane.env.process(self._mind(group))

    # ------------------------------------------------------------ what is asked

    def ask(self, instance: int, segment: int) -> simpy.Event:
        """An instance asks how far a segment is."""
        return self.plane.submit(ASK, leg=instance * self.storage.segments.size + segment)

    def check(self, zone: int, instance: int) -> simpy.Event:
        """A monitor asks whether an instance is there."""
        return self.plane.submit(HEALTH, leg=zone * self.upkeep.instances.nodes.size + instance)

    # ------------------------------------------------------------ gossip

    def _gossip(self, segment: int) -> Process:
        """Ask the others of the group, one after the other; who is no member does not."""
        interval_s, (group, slot) = self.storage.parameters.gossip_s, divmod(segment, self.width)
        at_s, turn = interval_s * (segment + 1) / (self.storage.segments.size + 1), 0
        while True:
            yield self.plane.until(at_s)
            others = [other for other in self._slots(group) if other != slot]
            if slot in self._slots(group) and others:
                other = others[turn % len(others)]
                turn += 1
                answer = yield self.plane.submit(GOSSIP, leg=segment * self.width + other)
                self._hear(segment, self._segment(group, other), ok=answer.ok)
            at_s = max(at_s + interval_s, self.now)

    def _hear(self, mine: int, other: int, *, ok: bool) -> None:
        """What one knows of another after it has asked."""
        if ok:
            self.heard_s[other] = self.now
            if self.complete[mine] and self.complete[other]:
                self.plane.gossip(self.storage.volume, mine, other)
        lost_s = 3.0 * self.storage.parameters.gossip_s * self.quorum.copies
        for segment in (mine, other):
            able = self.now - self.heard_s[segment] <= lost_s
            if able != self.answers[segment]:
                self.answers[segment] = able
                self._read_from(segment // self.width)

    def _read_from(self, group: int) -> None:
        """Read from those of a group that answer; of whom nobody does, all are read from."""
        row = [self._segment(group, slot) for slot in self.members[group]]
        alive = [each for each in row if self.answers[each] and self.complete[each]] or row
        for slot in range(self.width):
            self.plane.assign(self.storage.read_from, group, slot, alive[slot % len(alive)])

    # ------------------------------------------------------------ who belongs to a group

    def _segment(self, group: int, slot: int) -> int:
        return group * self.width + slot

    def _slots(self, group: int) -> list[int]:
        """All that take part, those that are about to as well."""
        joining = self.joining[group]
        return self.members[group] + ([] if joining is None else [joining[1]])

    def _old_and_new(self, group: int) -> tuple[list[int], list[int]]:
        """The members as they are, and as they are to be."""
        old, joining = self.members[group], self.joining[group]
        new = list(old)
        if joining is not None:
            new[joining[0]] = joining[1]
        return old, new

    def _mind(self, group: int) -> Process:
        """Replace who is lost, one at a time."""
        repair = self.storage.parameters.repair
        assert repair is not None
        at_s = repair.check_s * (group + 1) / (len(self.groups) + 1)
        while True:
            yield self.plane.until(at_s)
            for place, slot in enumerate(self.members[group]):
                if self.now - self.heard_s[self._segment(group, slot)] > repair.lost_s:
                    new = yield from self._spare(group, self._segment(group, slot))
                    if new is not None:
                        yield from self._replace(group, place, new, repair.copy_s)
                        break
            at_s = max(at_s + repair.check_s, self.now)

    def _replace(self, group: int, place: int, new: int, copy_s: float) -> Process:
        """Put a new segment in the place of a lost one, unless that answers before it has its copy."""
        old = self._segment(group, self.members[group][place])
        self.plane.wipe(self.storage.volume, new)
        self.joining[group] = (place, new % self.width)
        self._suffice(group)
        self.plane.up(self.storage.in_group, new)
        self.plane.note(f"group {group}: segment {new} is to take the place of {old}")
        began_s, kept_s = self.now, self.heard_s[old]
        while self.heard_s[old] == kept_s and self.now - began_s < COPIES_MOST * copy_s:
            yield self.plane.until(self.now + copy_s)
            has_copy = yield from self._copy(group, new)
            if has_copy and self.heard_s[old] == kept_s:
                self.complete[new], self.members[group][place] = True, new % self.width
                break
        left = old if self.complete[new] else new
        self.joining[group], self.complete[left] = None, False
        self._suffice(group)
        self.plane.down(self.storage.in_group, left, "refuse")
        self.plane.note(f"group {group}: segment {left} is left out, after {self.now - began_s:.1f} s")
        self._read_from(group)

    def _spare(self, group: int, lost: int) -> Generator[simpy.Event, Any, int | None]:
        """A segment that belongs to nobody, in the zone of a lost one, and is there."""
        zone = self.storage.segments.zone
        for slot in range(self.width):
            spare = self._segment(group, slot)
            if slot not in self.members[group] and zone(spare) == zone(lost):
                answer = yield self.plane.submit(GOSSIP, leg=spare * self.width + slot)
                if answer.ok:
                    return spare
        return None

    def _copy(self, group: int, new: int) -> Generator[simpy.Event, Any, bool]:
        """Take what each member has, of so many that nothing durable is missed; returns whether they were enough."""
        having = 0
        for slot in self.members[group]:
            source = self._segment(group, slot)
            if self.complete[source] and self.answers[source]:
                answer = yield self.plane.submit(GOSSIP, leg=new * self.width + slot)
                if answer.ok:
                    self.heard_s[source] = self.now
                    self.plane.gossip(self.storage.volume, new, source)
                    having |= 1 << slot
        return self.quorum.reads(self.width, self.members[group])[having]

    def _suffice(self, group: int) -> None:
        """Records are durable by the old members and by the new, and found by the one or the other."""
        old, new = self._old_and_new(group)
        self.reads[group] = either(self.quorum.reads(self.width, old), self.quorum.reads(self.width, new))
        table = both(self.quorum.writes(self.width, old), self.quorum.writes(self.width, new))
        self.plane.suffice(self.storage.volume, group, table)
