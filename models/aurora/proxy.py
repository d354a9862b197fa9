"""RDS Proxy: nodes in each zone between clients and instances, which find a new writer without its name.

A proxy's node takes requests of its zone's clients, and passes them on over connections of its own. It looks at all
instances time and again. An instance that answers says whether it is the writer, and since which term; of two that say
so the newer one is. When no writer has answered so many times in a row, the node holds what comes for it, instead of
sending it into the void, until it has a connection to one, or for so long at most.

Source:
    RDS Proxy guide (2023): failover without DNS, connections that are kept, ConnectionBorrowTimeout of 120 s. AWS
    Database Blog, "Improving application availability with Amazon RDS Proxy": clients recover up to 79 % sooner.

Limits:
    How a proxy looks at instances is not published. It has as many connections as it needs, with one hop and some work
    more for each request, and no multiplexing of sessions. When requests have been held for too long, all that are held
    are refused, those that came late with them, and so are those that come until a writer is found. A request that its
    client has given up is held and sent all the same. Nothing stands in for a node that is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from models.aurora.endpoints import Endpoints, Pool
from models.aurora.storage import Interval, Steps
from models.kernel.laws import LognormalSeconds, Positive, SecondsLaw, seconds
from models.kernel.parts import UNLIMITED, Group, Membership, Station
from models.kernel.plane import Plane
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Choose, Serve, Travel
from models.kernel.system import Client, Operation, Route
from models.looks import PATIENCE_S, Process
from models.region import Region

LOOK = "proxy's look"


class ProxyParameters(Parameters):
    """What stands between clients and instances."""

    work: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.0003, p99_s=0.001), "seconds that a request takes in it", assumed="0.0001 to 0.005"
    )
    check_s: Interval = parameter(1.0, "seconds between its looks at instances", assumed="0.2 to 5 s: not published")
    failure_limit: Annotated[int, Field(ge=1, le=100)] = parameter(
        2, "looks in a row that find no writer, until requests are held", assumed="1 to 5: not published"
    )
    borrow_s: Positive = parameter(
        120.0, "seconds for which requests are held at most", source="RDS Proxy guide (2023): 120 s"
    )


@dataclass(frozen=True, eq=False)
class Proxy:
    """A proxy as parts.

    Args:
        region: Where it stands.
        parameters: What it is like.
        nodes: One in each zone.
        work: Where a request takes its time.
        borrow: Where it waits for a connection.
    """

    region: Region
    parameters: ProxyParameters
    nodes: Group
    work: Station
    borrow: Station

    @classmethod
    def of(cls, region: Region, parameters: ProxyParameters) -> Proxy:
        """A node in each zone."""
        nodes = Group("proxies", region.zones, tuple(range(region.zones)))
        return cls(region, parameters, nodes, Station("proxy", nodes, UNLIMITED), Station("borrow", nodes, UNLIMITED))

    def ways(self) -> tuple[Steps, Steps]:
        """From a client to a connection, and back from the proxy."""
        clients, network = self.region.clients, self.region.network
        mine = Membership(self.nodes, tuple((zone,) for zone in range(clients.size)), of=clients)
        there = (
            Choose(mine, 0), Travel(network, clients, self.nodes), Serve(self.work, self.parameters.work),
            Serve(self.borrow, seconds(0.0)),
        )  # fmt: skip
        return there, (Travel(network, self.nodes, clients),)

    def talk(self, endpoints: Endpoints) -> Mapping[str, Operation]:
        """Its looks, by the legs of the endpoints."""
        network, nodes = self.region.network, endpoints.instances.nodes
        look = Route(
            *endpoints.legs, Travel(network, self.nodes, nodes), Serve(endpoints.instances.cpu, seconds(0.0)),
            Travel(network, nodes, self.nodes),
        )  # fmt: skip
        return {LOOK: Operation(look, Client(PATIENCE_S))}


class Watch:
    """How one node of a proxy finds the writer.

    Args:
        plane: The data plane.
        proxy: Its parts.
        pool: The node's connections.
        term_of: The term for which an instance that is asked says it writes; 0: it does not.
    """

    def __init__(self, plane: Plane, proxy: Proxy, pool: Pool, term_of: Callable[[int], int]) -> None:
        self.plane, self.proxy, self.p, self.pool, self.term_of = plane, proxy, proxy.parameters, pool, term_of
        self.held_s: float | None = None
        """Since when requests are held."""

    def start(self, *, reads: bool) -> None:
        """Look at instances, nodes at even distances."""
        self.plane.env.process(self._look(self.p.check_s * (self.pool.asker + 1) / (self.proxy.nodes.size + 1), reads))

    def _look(self, at_s: float, reads: bool) -> Process:
        """Look at all instances, time and again."""
        failures, instances = 0, range(self.pool.endpoints.instances.nodes.size)
        while True:
            yield self.plane.until(at_s)
            looks = [self.plane.submit(LOOK, leg=self.pool.endpoints.leg(self.pool.asker, each)) for each in instances]
            answers = yield self.plane.env.all_of(looks)
            terms = {each: self.term_of(each) for each in instances if answers[looks[each]].ok}
            writer = max(terms, key=terms.__getitem__, default=0)
            failures = 0 if terms.get(writer) else failures + 1
            if not failures:
                self._found(writer)
            elif failures >= self.p.failure_limit:
                self._hold()
            if reads and terms:
                self.pool.read_from([each for each in terms if not terms[each]] or [writer])
            at_s = max(at_s + self.p.check_s, float(self.plane.env.now))

    def _found(self, writer: int) -> None:
        """The writer is where it was, or a new one is connected to."""
        if writer == self.pool.writer:
            self._let_go()
        else:
            self._hold()
            self.pool.write_to(writer, self._let_go)

    def _hold(self) -> None:
        if self.held_s is None:
            self.held_s = float(self.plane.env.now)
            self.plane.pause(self.proxy.borrow, self.pool.asker)
            self.plane.env.process(self._give_up(self.held_s))

    def _let_go(self) -> None:
        if self.held_s is not None:
            self.held_s = None
            self.plane.up(self.proxy.borrow, self.pool.asker)
            self.plane.resume(self.proxy.borrow, self.pool.asker)

    def _give_up(self, held_s: float) -> Process:
        """Refuse what has been held for too long."""
        yield self.plane.until(held_s + self.p.borrow_s)
        if self.held_s == held_s:
            self.plane.down(self.proxy.borrow, self.pool.asker, "refuse")
