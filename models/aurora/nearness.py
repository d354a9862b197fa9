"""How fast segments answer each instance, as far as it has found out; and whom it therefore asks first.

At first an instance takes segments to be as far as their zone. Time and again it asks, of each group, the one that it
prefers and one of the others in turn for a page, and takes a moving mean of how long they take; no answer counts as all
of its patience. A segment that is slow for whatever reason falls behind those that are not, and comes to the front
again some looks after it is as fast as they are. An answer says, too, how far the segment is.

Source:
    Verbitski and others, SIGMOD 2018, section 3: the segment of lowest latency, with occasional requests to others.

Limits:
    How the latency is reckoned is not published. Reads of clients teach nothing. An instance that is down forgets
    nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import simpy

from models.aurora.instances import Instances
from models.aurora.storage import Storage, distance_s, padded, preferred
from models.kernel.plane import Plane

PROBE = "how fast a segment is"
WEIGHT = 0.2
"""Of an answer, beside what was known before; assumed: 0.1 to 0.5."""


class Nearness:
    """What instances know of how fast segments are.

    Args:
        plane: The data plane.
        instances: Who reads.
        storage: The volume.
        able: The segments of a group that can be read from.
        patience_s: Until a question has failed.
    """

    def __init__(
        self, plane: Plane, instances: Instances, storage: Storage, able: Callable[[int], Sequence[int]],
        patience_s: float,
    ) -> None:  # fmt: skip
        self.plane, self.instances, self.storage = plane, instances, storage
        self.able, self.patience_s = able, patience_s
        nodes, segments = instances.nodes, storage.segments
        self.took_s = [
            [distance_s(storage.region, storage.parameters, nodes.zone(node), segments.zone(each))
             for each in range(segments.size)]
            for node in range(nodes.size)
        ]  # fmt: skip

    def start(self) -> None:
        """Let all instances look, at even distances, if they mind."""
        if self.storage.parameters.reads == "nearest":
            for instance in range(self.instances.nodes.size):
                self.plane.env.process(self._look(instance))

    def arrange(self, group: int) -> None:
        """Other segments of a group can be read from than before."""
        for instance in range(self.instances.nodes.size):
            self._arrange(instance, group)

    def _look(self, instance: int) -> Generator[simpy.Event, Any, None]:
        interval_s, count = self.storage.parameters.probe_s, self.instances.nodes.size
        at_s, turn = interval_s * (instance + 1) / (count + 1), 0
        while True:
            yield self.plane.until(at_s)
            if self._works(instance):
                for group in range(self.storage.groups.size):
                    first, *others = self._preferred(instance, group)
                    self._ask(instance, first)
                    if others:
                        self._ask(instance, others[turn % len(others)])
                turn += 1
            at_s += interval_s

    def _ask(self, instance: int, segment: int) -> None:
        answer = self.plane.submit(PROBE, leg=instance * self.storage.segments.size + segment)
        assert answer.callbacks is not None
        answer.callbacks.append(partial(self._hear, instance, segment))

    def _hear(self, instance: int, segment: int, event: simpy.Event) -> None:
        """An answer, or none in all that time; who is down meanwhile learns nothing."""
        answer: Any = event.value
        if self._works(instance):
            took_s = answer.latency_s if answer.ok else self.patience_s
            self.took_s[instance][segment] += WEIGHT * (took_s - self.took_s[instance][segment])
            self._arrange(instance, segment // self.storage.width)
            if answer.ok:
                self.plane.learn(self.storage.volume, instance, segment)

    def _works(self, instance: int) -> bool:
        return self.plane.works(self.instances.cpu, instance)

    def _preferred(self, instance: int, group: int) -> tuple[int, ...]:
        return preferred(self.able(group), instance, self.took_s[instance].__getitem__)

    def _arrange(self, instance: int, group: int) -> None:
        width = self.storage.width
        for slot, segment in enumerate(padded(self._preferred(instance, group), width)):
            self.plane.assign(self.storage.order, instance, group * width + slot, segment)
