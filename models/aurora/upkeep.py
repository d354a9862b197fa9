"""What the volume does by itself: segments that fill their holes from their like, and readers that leave out the dead.

Time and again each segment asks another one of its group, one after the other, and takes what that one has and it has
not. A segment that answers nobody any more is not read from until it does.

Source:
    Verbitski and others, SIGMOD 2017, section 3: gossip among peers.

Limits:
    What is missing comes with the answer, whatever it is. All readers learn at once which segments answer.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import simpy

from models.aurora.instances import Instances
from models.aurora.storage import Storage
from models.kernel.laws import seconds
from models.kernel.parts import Group, Membership
from models.kernel.plane import Plane
from models.kernel.steps import Choose, Serve, Travel
from models.kernel.system import Client, Operation, Route
from models.region import Region

Process = Generator[simpy.Event, Any, None]
GOSSIP, ASK, HEALTH = "gossip", "how far a segment is", "health check"
PATIENCE_S = 1.0
"""Until a question has failed; assumed: 0.2 to 5 s."""


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
        self.answers = [True] * self.size

    def talk(self) -> Mapping[str, Operation]:
        """Operations by the number of their leg: of gossip by `pair`, of questions and health checks by source and
        target.
        """
        network, segments, peers = self.region.network, self.storage.segments, self.peers
        nodes, monitors = self.instances.nodes, self.monitors
        pairs = [
            (mine, mine // self.width * self.width + other) for mine in range(self.size) for other in range(self.width)
        ]
        work = Serve(self.storage.disk, seconds(0.0), once_s=self.storage.parameters.write_s)
        back = Membership(segments, tuple((each,) for each in range(self.size)), of=peers)
        gossip = Route(
            _by_leg(peers, [mine for mine, _ in pairs]), _by_leg(segments, [other for _, other in pairs]),
            Travel(network, peers, segments), work, Travel(network, segments, peers), Choose(back, 0), work,
        )  # fmt: skip
        ask = Route(
            _by_leg(nodes, [each for each in range(nodes.size) for _ in range(self.size)]),
            _by_leg(segments, list(range(self.size)) * nodes.size), Serve(self.instances.cpu, seconds(0.0)),
            Travel(network, nodes, segments), work, Travel(network, segments, nodes),
        )  # fmt: skip
        check = Route(
            _by_leg(monitors, [zone for zone in range(monitors.size) for _ in range(nodes.size)]),
            _by_leg(nodes, list(range(nodes.size)) * monitors.size), Travel(network, monitors, nodes),
            Serve(self.instances.cpu, seconds(0.0)), Travel(network, nodes, monitors),
        )  # fmt: skip
        client = Client(PATIENCE_S)
        return {GOSSIP: Operation(gossip, client), ASK: Operation(ask, client), HEALTH: Operation(check, client)}

    def start(self, plane: Plane) -> None:
        """Let all segments gossip, at even distances."""
        self.plane = plane
        for segment in range(self.size):
            plane.env.process(self._gossip(segment))

    def ask(self, instance: int, segment: int) -> simpy.Event:
        """An instance asks how far a segment is."""
        return self.plane.submit(ASK, leg=instance * self.size + segment)

    def check(self, zone: int, instance: int) -> simpy.Event:
        """A monitor asks whether an instance is there."""
        return self.plane.submit(HEALTH, leg=zone * self.instances.nodes.size + instance)

    def _gossip(self, segment: int) -> Process:
        """Ask the others of the group, one after the other."""
        interval_s, slot = self.storage.parameters.gossip_s, segment % self.width
        at_s, turn = interval_s * (segment + 1) / (self.size + 1), 0
        while True:
            yield self.plane.until(at_s)
            other = (slot + 1 + turn % (self.width - 1)) % self.width if self.width > 1 else slot
            turn += 1
            answer = yield self.plane.submit(GOSSIP, leg=segment * self.width + other)
            if answer.ok:
                self.plane.gossip(self.storage.volume, segment, segment - slot + other)
            self._read_from(segment, segment - slot + other, able=answer.ok)
            at_s = max(at_s + interval_s, float(self.plane.env.now))

    def _read_from(self, mine: int, other: int, *, able: bool) -> None:
        """Read from a segment or not, from now on; of whom nobody answers, all are read from."""
        if able and not self.answers[mine]:
            self._set(mine, able=True)
        if able != self.answers[other] and self.answers[mine]:
            self._set(other, able=able)

    def _set(self, segment: int, *, able: bool) -> None:
        self.answers[segment] = able
        group = segment // self.width
        row = range(group * self.width, (group + 1) * self.width)
        alive = [each for each in row if self.answers[each]] or list(row)
        for slot in range(self.width):
            self.plane.assign(self.storage.read_from, group, slot, alive[slot % len(alive)])


def _by_leg(group: Group, members: list[int]) -> Choose:
    return Choose(Membership(group, (tuple(members),)), "leg")
