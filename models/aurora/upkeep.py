"""What the volume does by itself: segments fill their holes from their like, and lost ones are replaced.

Time and again each segment asks another one of its group, one after the other, and takes what that one has and it has
not. One that nobody of its group has had an answer from for so long is taken to be lost: where segments are replaced, a
new one of its zone is to take its place. From then on a record is durable only when enough have it with the old one and
with the new one. The new one takes a copy of all, which takes its time; then the old one is left out. If the old one
answers before that, the new one is left out instead. A recovery asks enough with the one or with the other, and counts
none that has no copy yet. What is done about a zone that is dark for long is in `outage`.

Source:
    Verbitski and others, SIGMOD 2017, sections 2 and 3: gossip, 10 GB in 10 s; SIGMOD 2018, section 4: membership
    changes in two steps, epochs.

Limits:
    What is missing comes with the answer, whatever it is. One segment of a group is replaced at a time. A repair takes
    its time and nothing else: it loads no link and no disk, and shares with no other repair. A tail segment's takes as
    long as a full one's. A group has one spare in each zone: a second loss there waits for the first one's segment to
    come back, and while a zone is dark its segments are replaced nowhere else. Who belongs to a group is known to all
    who ask, and is never lost.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from typing import Any

import simpy

from models.aurora.instances import Instances
from models.aurora.nearness import PROBE, Nearness
from models.aurora.outage import LOOKS, Outage
from models.aurora.storage import RepairParameters, Steps, Storage, padded
from models.kernel.laws import seconds
from models.kernel.parts import Group, Membership
from models.kernel.plane import Plane
from models.kernel.predicates import Table, both, either
from models.kernel.steps import Choose, Seek, Serve, Travel, by_leg
from models.kernel.system import Client, Operation, Route
from models.looks import HEALTH, PATIENCE_S, Process, health_check
from models.region import Region

GOSSIP, ASK, PARTS = "gossip", "how far a segment is", "parts"
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

    def talk(self, find: Steps) -> Mapping[str, Operation]:
        """Operations by the number of their leg: of gossip by who asks and whom of its group, of questions and
        probes by instance and segment, of health checks by zone and instance. Nobody asks for `parts`: it leads through
        all that control looks at or rewrites, how clients find instances among it.
        """
        network, segments, peers = self.region.network, self.storage.segments, self.peers
        nodes, width = self.instances.nodes, self.width
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
        probe = Route(*ask.steps[:3], *self.storage.ask_for_page())
        check = health_check(self.region, nodes, Serve(self.instances.cpu, seconds(0.0)))
        client = Client(PATIENCE_S)
        orders = Choose(self.storage.read_from, 0), Seek(self.storage.volume, self.storage.order)
        view = Choose(self.instances.view, 0)
        parts = Route(*find, view, *self.storage.commit(), *self.storage.read(), *orders)
        return {
            GOSSIP: Operation(gossip, client), ASK: Operation(ask, client), PROBE: Operation(probe, client),
            HEALTH: check, PARTS: Operation(parts),
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
        self.out: list[frozenset[int]] = [frozenset() for _ in self.groups]
        """Slots of members that count for nothing, as their zone is dark."""
        self.heard_s = [0.0] * self.storage.segments.size
        self.heard_abroad_s = [0.0] * self.storage.segments.size
        """The same of segments in another zone."""
        self.answers = [True] * self.storage.segments.size
        self.nearness = Nearness(plane, upkeep.instances, self.storage, self._able, PATIENCE_S)

    @property
    def now(self) -> float:
        """Seconds."""
        return float(self.plane.env.now)

    def start(self) -> None:
        """Let all segments gossip, at even distances, and somebody see to those that are lost."""
        for group in self.groups:
            for slot in range(self.quorum.copies, self.width):
                self.plane.down(self.storage.in_group, self.segment(group, slot), "refuse")
        for segment in range(self.storage.segments.size):
            self.plane.env.process(self._gossip(segment))
        self.nearness.start()
        if self.storage.parameters.repair is not None or self.storage.parameters.long_outage_s is not None:
            for group in self.groups:
                self.plane.env.process(self._mind(group))

    # ------------------------------------------------------------ what is asked

    def ask(self, instance: int, segment: int) -> simpy.Event:
        """An instance asks how far a segment is."""
        return self.plane.submit(ASK, leg=instance * self.storage.segments.size + segment)

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
                self._hear(segment, self.segment(group, other), ok=answer.ok)
            at_s = max(at_s + interval_s, self.now)

    def _hear(self, mine: int, other: int, *, ok: bool) -> None:
        """What one knows of another after it has asked."""
        if ok:
            self.heard_s[other] = self.now
            if self.storage.segments.zone(mine) != self.storage.segments.zone(other):
                self.heard_abroad_s[other] = self.now
            if self.complete[mine] and self.complete[other]:
                self.plane.gossip(self.storage.volume, mine, other)
        lost_s = 3.0 * self.storage.parameters.gossip_s * self.quorum.copies
        for segment in (mine, other):
            self.answers[segment] = self.now - self.heard_s[segment] <= lost_s

    def _able(self, group: int) -> list[int]:
        """Members of a group that have pages."""
        slots = (slot for place, slot in enumerate(self.members[group]) if self.quorum.is_full(place))
        return [self.segment(group, slot) for slot in slots]

    def _read_from(self, group: int) -> None:
        """Others belong to a group, and are read from."""
        for slot, segment in enumerate(padded(self._able(group), self.width)):
            self.plane.assign(self.storage.read_from, group, slot, segment)
        self.nearness.arrange(group)

    # ------------------------------------------------------------ who belongs to a group

    def segment(self, group: int, slot: int) -> int:
        """The segment at a slot of a group."""
        return group * self.width + slot

    def zone_of(self, group: int, slot: int) -> int:
        """Where it is."""
        return self.storage.segments.zone(self.segment(group, slot))

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
        """Leave out zones that are dark for long, and replace who is lost; one change at a time."""
        repair, long_s = self.storage.parameters.repair, self.storage.parameters.long_outage_s
        outage = None if long_s is None else Outage(self, long_s)
        check_s = min(
            *([] if repair is None else [repair.check_s]), *([] if long_s is None else [long_s / LOOKS]), math.inf
        )
        at_s = check_s * (group + 1) / (len(self.groups) + 1)
        while True:
            yield self.plane.until(at_s)
            if outage is not None:
                yield from outage.look(group)
            if repair is not None:
                yield from self._repair(group, repair)
            at_s = max(at_s + check_s, self.now)

    def _repair(self, group: int, repair: RepairParameters) -> Process:
        """Replace a segment that is lost, where there is one to take its place."""
        for place, slot in enumerate(self.members[group]):
            if self.now - self.heard_s[self.segment(group, slot)] > repair.lost_s:
                new = yield from self._spare(group, self.segment(group, slot))
                if new is not None:
                    yield from self._replace(group, place, new, repair.copy_s(self.storage.parameters.segment_gb))
                    return

    def _replace(self, group: int, place: int, new: int, copy_s: float) -> Process:
        """Put a new segment in the place of a lost one, unless that answers before it has its copy."""
        old = self.segment(group, self.members[group][place])
        self.plane.wipe(self.storage.volume, new)
        self.joining[group] = (place, new % self.width)
        self.suffice(group)
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
        self.suffice(group)
        self.plane.down(self.storage.in_group, left, "refuse")
        self.plane.note(f"group {group}: segment {left} is left out, after {self.now - began_s:.1f} s")
        self._read_from(group)

    def _spare(self, group: int, lost: int) -> Generator[simpy.Event, Any, int | None]:
        """A segment that belongs to nobody, in the zone of a lost one, and is there."""
        zone = self.storage.segments.zone
        for slot in range(self.width):
            spare = self.segment(group, slot)
            if slot not in self.members[group] and zone(spare) == zone(lost):
                answer = yield self.plane.submit(GOSSIP, leg=spare * self.width + slot)
                if answer.ok:
                    return spare
        return None

    def _copy(self, group: int, new: int) -> Generator[simpy.Event, Any, bool]:
        """Take what each member has, of so many that nothing durable is missed; returns whether they were enough."""
        having = 0
        for slot in self.members[group]:
            source = self.segment(group, slot)
            if self.complete[source] and self.answers[source] and (yield from self.pull(new, source)):
                having |= 1 << slot
        return self._tables(group, self.members[group])[1][having]

    def pull(self, mine: int, other: int) -> Generator[simpy.Event, Any, bool]:
        """One segment of a group takes what another one has; returns whether it did. From one of an older term than its
        own it takes nothing.
        """
        answer = yield self.plane.submit(GOSSIP, leg=mine * self.width + other % self.width)
        if answer.ok:
            self.heard_s[other] = self.now
        volume = self.storage.volume
        if not answer.ok or self.plane.extent(volume, other).term < self.plane.extent(volume, mine).term:
            return False
        self.plane.gossip(volume, mine, other)
        return True

    def _tables(self, group: int, members: list[int]) -> tuple[Table, Table]:
        """Sets of slots that make a record durable with such members, and that find all that is."""
        stay = [slot for slot in members if slot not in self.out[group]]
        if len(stay) < len(members):
            return self.quorum.writes_left(self.width, stay), self.quorum.reads_left(self.width, stay)
        return self.quorum.writes(self.width, members), self.quorum.reads(self.width, members)

    def suffice(self, group: int) -> None:
        """Records are durable by the old members and by the new, and found by the one or the other."""
        (old, finds_old), (new, finds_new) = (self._tables(group, members) for members in self._old_and_new(group))
        self.reads[group] = either(finds_old, finds_new)
        self.plane.suffice(self.storage.volume, group, both(old, new))
