"""What MySQL and PostgreSQL do alike: reads, writes, commits, and what goes to a standby and to replicas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from models.kernel.laws import NonNegative, seconds
from models.kernel.parts import everybody
from models.kernel.plane import Plane
from models.kernel.registry import ClientParameters, Parameters, parameter
from models.kernel.steps import Apply, Choose, Fill, Fork, Lookup, Order, Pass, Read, Serve, Travel
from models.kernel.system import Control, Operation, Route, System
from models.looks import HEALTH, health_check, look
from models.rds.failover import APPLIED, Failover, FailoverParameters
from models.rds.instances import InstanceParameters, Instances, ReplicaParameters
from models.rds.volumes import Steps, VolumeParameters, Volumes
from models.region import Region, RegionParameters
from models.transactions import TransactionParameters

OPERATIONS = ("read", "write", "insert", "read_modify_write")
PARTS = "parts"
"""An operation of the service's own."""
ReadFrom = Literal["primary", "replicas"]


class DatabaseParameters(Parameters):
    """What both engines' parameters have in common."""

    instance: InstanceParameters = parameter(InstanceParameters(), "what an instance is", source="see its keys")
    transaction: TransactionParameters = parameter(
        TransactionParameters(), "what a client's write is made of", assumed="see its keys"
    )
    volume: VolumeParameters = parameter(VolumeParameters(), "what an EBS volume is", source="see its keys")
    log_bytes: Annotated[int, Field(ge=0, le=100_000)] = parameter(
        1000, "bytes of log of a write", assumed="200 to 5,000: a record for each statement"
    )
    standby: bool = parameter(False, "an instance in another zone that has all before a client has its answer",
                              source="RDS guide: Multi-AZ deployments have one")  # fmt: skip
    replicas: ReplicaParameters = parameter(ReplicaParameters(), "instances that come behind", assumed="see its keys")
    read_from: ReadFrom = parameter("primary", "whom clients read from", assumed="either")
    alone_after_s: NonNegative | None = parameter(
        None, "seconds without an answer of the standby until the primary goes on alone; none: it waits for ever",
        example=10.0,
    )  # fmt: skip
    failover: FailoverParameters | Literal["off"] = parameter(
        FailoverParameters(), "who takes over when the primary is lost; off: nobody", assumed="see its keys"
    )
    region: RegionParameters = parameter(RegionParameters(), "zones and network", assumed="see its keys")
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")

    @model_validator(mode="after")
    def _has_whom_it_names(self) -> DatabaseParameters:
        if self.read_from == "replicas" and not self.replicas.count:
            raise ValueError('read_from = "replicas" needs replicas.count')
        if self.alone_after_s is not None and not self.standby:
            raise ValueError("alone_after_s says nothing without a standby")
        return self


@dataclass(frozen=True, eq=False)
class Database:
    """One database as parts.

    Args:
        p: Its parameters.
        region: Where it stands.
        instances: Its instances.
        volumes: Their volumes.
        flushes: How often a commit waits for the log.
        hot: Whether a standby applies what it takes, and needs no recovery.
    """

    p: DatabaseParameters
    region: Region
    instances: Instances
    volumes: Volumes
    flushes: int
    hot: bool

    @classmethod
    def of(cls, p: DatabaseParameters, *, dirty_pages: int, flushes: int, hot: bool) -> Database:
        """A database whose instances all have the same."""
        region = Region.of(p.region)
        instances = Instances.of(
            region, p.instance, standby=p.standby, replicas=p.replicas.count, dirty_pages=dirty_pages
        )
        volumes = Volumes.of(region, p.volume, instances.nodes, instances.peers)
        return cls(p, region, instances, volumes, flushes, hot)

    def system(self, operations: tuple[str, ...], change: Steps, *controls: Control) -> System:
        """All operations; `change` is what a write does to its pages."""
        client = self.p.client.client()
        steps: Mapping[str, Any] = {
            "read": self.read,
            "write": partial(self.write, change),
            "insert": partial(self.write, change),
            "read_modify_write": lambda: (*self.read(), *self.write(change)),
        }
        from_client = Choose(self.region.everywhere, "random")
        return System(
            {name: Operation(Route(from_client, *steps[name]()), client) for name in operations},
            probes=self.talk(),
            controls=controls,
            watchers=() if self.p.failover == "off" else (partial(_watch, database=self, parameters=self.p.failover),),
        )

    # ------------------------------------------------------------ what clients ask

    def read(self) -> Steps:
        """To the primary or a replica, which looks in its memory and then on its volume."""
        i = self.instances
        there, back = self._ways()
        whom = Choose(i.writer, 0) if self.p.read_from == "primary" else Choose(i.readers, "random")
        work = Serve(i.cpu, self.p.instance.work(self.p.instance.read_s))
        return (whom, *there, work, self._pages(), Read(i.copies), back)

    def write(self, change: Steps) -> Steps:
        """To the primary, which has the page, changes it, and answers when the log is where it must be."""
        i, p = self.instances, self.p.instance
        there, back = self._ways()
        work = self.p.transaction.work(i.cpu, p.work(p.read_s), p.work(p.write_s))
        return (
            Choose(i.writer, 0), *there, *work, self._pages(self.p.transaction.found), *change, Order(i.copies),
            *self._commit(), *self._tell_replicas(), back,
        )  # fmt: skip

    def _pages(self, count: int = 1) -> Lookup:
        buffer = self.instances.buffer
        return Lookup(buffer, Route(*self.volumes.read() * count, Fill(buffer)))

    def _ways(self) -> tuple[Steps, Travel]:
        """To an instance that may answer, and back."""
        i, network, clients = self.instances, self.region.network, self.region.clients
        serves = (Choose(i.role, 0), Pass(i.in_service))
        return (Travel(network, clients, i.nodes), *serves), Travel(network, i.nodes, clients)

    def _commit(self) -> Steps:
        """The log on the primary's volume and then, with a standby, on that one's, each time on both of its servers; as
        often as a commit asks for.
        """
        i, log_bytes = self.instances, self.p.log_bytes
        flush, steps = self.volumes.flush(self.volumes.own, log_bytes), list[Any]()
        for number in range(self.flushes):
            steps.extend((*flush, Pass(i.cpu)))
            if i.has_standby:
                has_it = (Apply(i.copies),) if number == self.flushes - 1 else ()
                leg = Route(
                    Choose(i.standby, 0), Travel(self.region.network, i.nodes, i.peers), Choose(i.here, 0), Pass(i.cpu),
                    *self.volumes.flush(self.volumes.of_other, log_bytes), Pass(i.cpu), *has_it,
                    Choose(i.primary, 0), Travel(self.region.network, i.peers, i.nodes),
                )  # fmt: skip
                steps.append(Fork(i.mirrored, leg))
        return (*steps, Apply(i.copies))

    def _tell_replicas(self) -> Steps:
        if not self.p.replicas.count:
            return ()
        i = self.instances
        leg = Route(
            Serve(i.sender, self.p.replicas.send), Choose(i.replicas, "leg"),
            Travel(self.region.network, i.nodes, i.peers), Choose(i.here, 0),
            Serve(i.applier, seconds(self.p.replicas.apply_s)), Apply(i.copies),
        )  # fmt: skip
        return (Fork(i.everyone, leg),)

    # ------------------------------------------------------------ what the service asks

    def talk(self) -> Mapping[str, Operation]:
        """Looks at instances by zone and instance, and whether an instance has applied all that came before, by the
        same. Nobody asks for `parts`: it leads through all that control rewrites.
        """
        i, region = self.instances, self.region
        parts = Route(Choose(everybody(region.clients)), Choose(i.readers, 0), Choose(i.writer, 0), *self._ways()[0])
        return {
            HEALTH: health_check(region, i.nodes, Serve(i.cpu, seconds(0.0))),
            APPLIED: Operation(look(region, region.clients, i.nodes, Serve(i.applier, seconds(0.0)))),
            PARTS: Operation(parts),
        }  # fmt: skip


def _watch(plane: Plane, database: Database, parameters: FailoverParameters) -> Any:
    """Start what RDS does by itself."""
    zones, alone_after_s = database.region.zones, database.p.alone_after_s
    Failover(plane, database.instances, zones, parameters, alone_after_s, hot=database.hot).start()
    yield plane.until(0.0)
