"""How requests find the writer and the replicas: the endpoints' names, and connections that are made anew.

A cluster endpoint's name leads to the writer, a reader endpoint's to the replicas that answer, or to the writer where
there is none. The service changes a name at one instant. Clients of a zone keep what they were told until its time to
live has run out, each zone at a phase of its own; then they ask again. To an instance that is new to them they open all
their connections at once: some round trips each, and work of the instance's CPU. As soon as the first one stands,
requests go there, and queue with the connections that are still being made.

With a proxy in front (`proxy`) it is the proxy that has connections, and finds the writer in another way.

Source:
    AWS Database Blog, "Improve application availability on Amazon Aurora": a time to live of 5 s. Aurora guide (2023):
    reader endpoint, what it leads to without replicas.

Limits:
    All clients of a zone share one view, and ask a name server that always answers. They ask when the time to live is
    over, whether their connections work or not, and go where they are told. Connections to an instance that starts
    anew, or to a new one in its place, which has its address, are there again in no time. Clients that move to another
    zone use the connections of those that are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import Field

from models.aurora.instances import Instances
from models.aurora.storage import Steps
from models.kernel.laws import Constant, NonNegative, Positive
from models.kernel.parts import Group, Membership
from models.kernel.plane import Plane, when_answered
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Choose, Pass, Serve, Step, Travel, by_leg
from models.kernel.system import Client, Operation, Route
from models.looks import Process
from models.region import Region

CONNECT = "connection"
ROUND_TRIPS = 3
"""Before the last one, in which the instance works: TCP, and two of TLS 1.2."""
CONNECT_PATIENCE_S = 10.0
"""Until an attempt to connect has failed; assumed: 1 to 30 s."""
AGAIN_S = 0.5
"""Until those connections are tried again that have failed; assumed: 0.1 to 5 s."""


class EndpointParameters(Parameters):
    """Names and connections."""

    ttl_s: Positive = parameter(
        5.0, "seconds for which clients keep what a name led to", source="AWS Database Blog (2023): TTL of 5 s"
    )
    connections: Annotated[int, Field(ge=1, le=20_000)] = parameter(
        100, "connections of a zone's clients, or of a proxy's node, to an instance", assumed="10 to 5,000"
    )
    connect_s: NonNegative = parameter(
        0.002, "seconds of an instance's CPU for a new connection", assumed="0.0005 to 0.02: TLS, authentication"
    )


@dataclass(frozen=True, eq=False)
class Endpoints:
    """Whom requests go to, as each of those has it who send them.

    Args:
        region: Where they are.
        instances: What the names lead to.
        parameters: Of names and connections.
        askers: Who has connections: clients by zone, or a proxy's nodes.
        writer: Where each of them takes the writer to be.
        readers: Where it takes the replicas to be.
    """

    region: Region
    instances: Instances
    parameters: EndpointParameters
    askers: Group
    writer: Membership
    readers: Membership

    @classmethod
    def of(cls, region: Region, instances: Instances, parameters: EndpointParameters, askers: Group) -> Endpoints:
        """The first instance writes, and everybody knows."""
        nodes = instances.nodes
        readers = tuple(range(1, nodes.size)) or (0,)
        return cls(
            region, instances, parameters, askers, Membership(nodes, ((0,),) * askers.size, of=askers),
            Membership(nodes, (readers,) * askers.size, of=askers),
        )  # fmt: skip

    @property
    def enter(self) -> Steps:
        """Into an instance, if it answers."""
        return (Choose(self.instances.role, 0), Pass(self.instances.in_service))

    def ways(self, choice: Step) -> tuple[Steps, Steps]:
        """From who asks to an instance that may answer, and back."""
        network, nodes = self.region.network, self.instances.nodes
        return (choice, Travel(network, self.askers, nodes), *self.enter), (Travel(network, nodes, self.askers),)

    def talk(self) -> Mapping[str, Operation]:
        """What it takes to connect, with a leg for each that asks and each instance: all instances of the first one,
        and so on.
        """
        network, nodes, legs = self.region.network, self.instances.nodes, self.legs
        there, back = Travel(network, self.askers, nodes), Travel(network, nodes, self.askers)
        work = Serve(self.instances.cpu, Constant(value=self.parameters.connect_s))
        connect = Route(*legs, *(there, back) * ROUND_TRIPS, there, *self.enter, work, back)
        return {CONNECT: Operation(connect, Client(CONNECT_PATIENCE_S))}

    @property
    def legs(self) -> Steps:
        """Who asks which instance, by the number of a leg."""
        askers, nodes = range(self.askers.size), range(self.instances.nodes.size)
        return (
            by_leg(self.askers, [asker for asker in askers for _ in nodes]),
            by_leg(self.instances.nodes, [node for _ in askers for node in nodes]),
        )

    def leg(self, asker: int, instance: int) -> int:
        """Its number."""
        return asker * self.instances.nodes.size + instance


class Names:
    """What the endpoints' names lead to.

    Args:
        readers: The replicas, at first.
    """

    def __init__(self, readers: Sequence[int]) -> None:
        self.writer, self.readers = 0, tuple(readers)


class Pool:
    """The connections of one of those who send requests.

    Args:
        plane: The data plane.
        endpoints: Where they go.
        asker: Whose they are.
        on_told: Called with the asker and an instance when it is told that this is the writer.
        on_connected: Called with the same when all connections to it stand.
    """

    def __init__(
        self, plane: Plane, endpoints: Endpoints, asker: int, on_told: Callable[[int, int], None],
        on_connected: Callable[[int, int], None],
    ) -> None:  # fmt: skip
        self.plane, self.endpoints, self.asker = plane, endpoints, asker
        self.on_told, self.on_connected = on_told, on_connected
        self.writer = 0
        self.readers: Sequence[int] = endpoints.readers.rows[asker]
        self.open_readers = set(self.readers)

    def write_to(self, instance: int, then: Callable[[], None] = lambda: None) -> None:
        """Connect to a new writer; something is done when requests go there."""
        if instance == self.writer:
            return
        self.writer = instance
        self.on_told(self.asker, instance)

        def use() -> None:
            self.plane.assign(self.endpoints.writer, self.asker, 0, instance)
            then()

        self.plane.env.process(self._connect(instance, lambda: self.writer == instance, use, self.on_connected))

    def read_from(self, instances: Sequence[int]) -> None:
        """Leave instances that the name leads to no more, and connect to those that it did not lead to before."""
        before, self.readers = self.readers, instances
        if set(instances) != set(before):
            self._share_out()
            for each in (new for new in instances if new not in before):
                self.plane.env.process(self._connect(each, partial(self._reads_from, each), partial(self._read, each)))

    def _reads_from(self, instance: int) -> bool:
        return instance in self.readers

    def _read(self, instance: int) -> None:
        self.open_readers.add(instance)
        self._share_out()

    def _share_out(self) -> None:
        """Read from those that there are connections to; without any, from wherever it was before."""
        self.open_readers.intersection_update(self.readers)
        able = [each for each in self.readers if each in self.open_readers]
        for slot in range(self.endpoints.readers.width if able else 0):
            self.plane.assign(self.endpoints.readers, self.asker, slot, able[slot % len(able)])

    def _connect(
        self, instance: int, is_wanted: Callable[[], bool], use: Callable[[], None],
        done: Callable[[int, int], None] = lambda _, __: None,
    ) -> Process:  # fmt: skip
        """Open all connections to an instance, and those again that fail, for as long as it is wanted."""
        missing, is_used = self.endpoints.parameters.connections, False

        def stand() -> None:
            nonlocal missing, is_used
            missing -= 1
            if not is_used and is_wanted():
                is_used = True
                use()

        while missing and is_wanted():
            answers = [self.plane.submit(CONNECT, leg=self.endpoints.leg(self.asker, instance)) for _ in range(missing)]
            for answer in answers:
                when_answered(answer, stand)
            yield self.plane.env.all_of(answers)
            if missing:
                yield self.plane.until(float(self.plane.env.now) + AGAIN_S)
        if is_wanted():
            done(self.asker, instance)


def mind_names(plane: Plane, pool: Pool, names: Names, *, reads: bool) -> Process:
    """The clients of a zone ask for the names whenever what they know is too old."""
    ttl_s = pool.endpoints.parameters.ttl_s
    at_s = ttl_s * plane.uniform("time to live", pool.asker, 0)
    while True:
        yield plane.until(at_s)
        pool.write_to(names.writer)
        if reads:
            pool.read_from(names.readers)
        at_s += ttl_s
