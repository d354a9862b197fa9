"""Aurora: a writer and its replicas on one volume of six copies over three zones.

A write takes CPU time and, as a read does, a way to the volume if its page is not in memory; it gets its number, and is
acknowledged when the volume is durable up to it (`storage`). Who writes, and who finds out that it must be another, is
in `failover`; how segments are minded, in `upkeep`.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from models.aurora.failover import Failover, FailoverParameters
from models.aurora.instances import REPLICAS_MOST, InstanceParameters, Instances
from models.aurora.storage import Steps, Storage, StorageParameters
from models.aurora.upkeep import Segments, Upkeep
from models.kernel.laws import Constant, seconds
from models.kernel.parts import Quorum
from models.kernel.plane import Plane
from models.kernel.registry import ClientParameters, Model, Parameters, parameter
from models.kernel.steps import Apply, Choose, Fill, Fork, Lookup, Pass, Read, Serve, Travel
from models.kernel.system import Operation, Route, System
from models.region import Region, RegionParameters
from models.transactions import TransactionParameters

OPERATIONS = ("read", "write", "insert", "read_modify_write")
ReadFrom = Literal["writer", "replicas"]


class AuroraParameters(Parameters):
    """Parameters of `aurora`."""

    replicas: Annotated[int, Field(ge=0, le=REPLICAS_MOST)] = parameter(
        1, "instances that read the writer's volume, and can take its place", source="Aurora guide (2023): 0 to 15"
    )
    read_from: ReadFrom = parameter(
        "writer", "whom clients read from: the cluster endpoint, or the reader endpoint", assumed="either"
    )
    instance: InstanceParameters = parameter(InstanceParameters(), "what an instance is", source="see its keys")
    transaction: TransactionParameters = parameter(
        TransactionParameters(), "what a client's write is made of", assumed="see its keys"
    )
    storage: StorageParameters = parameter(StorageParameters(), "the volume", source="see its keys")
    failover: FailoverParameters | Literal["off"] = parameter(
        FailoverParameters(), "who takes over when the writer is lost; off: nobody", assumed="see its keys"
    )
    region: RegionParameters = parameter(RegionParameters(), "zones and network", assumed="see its keys")
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")

    @model_validator(mode="after")
    def _has_replicas(self) -> AuroraParameters:
        if self.read_from == "replicas" and not self.replicas:
            raise ValueError('read_from = "replicas" needs replicas')
        return self


def build(parameters: AuroraParameters, operations: tuple[str, ...]) -> System:
    """Clients in any zone ask the writer, or read from replicas."""
    region = Region.of(parameters.region)
    instances = Instances.of(region, parameters.instance, parameters.replicas)
    storage = Storage.of(region, parameters.storage, instances.nodes, instances.copies)
    routes = _Routes(parameters, region, instances, storage)
    steps: dict[str, Any] = {
        "read": routes.read,
        "write": routes.write,
        "insert": routes.write,
        "read_modify_write": lambda: (*routes.read(), *routes.write()),
    }
    from_client, client = Choose(region.everywhere, "random"), parameters.client.client()
    failover = None if parameters.failover == "off" else parameters.failover
    upkeep = Upkeep(region, instances, storage)
    watch = partial(_watch, upkeep=upkeep, failover=failover)
    is_always_there = parameters.storage.repair is not None
    return System(
        {name: Operation(Route(from_client, *steps[name]()), client) for name in operations},
        probes=upkeep.talk(),
        controls=(watch,) if is_always_there else (),
        watchers=() if is_always_there else (watch,),
    )


class _Routes:
    """What clients ask."""

    def __init__(self, parameters: AuroraParameters, region: Region, instances: Instances, storage: Storage) -> None:
        self.p, self.region, self.instances, self.storage = parameters, region, instances, storage
        self.everyone = Quorum("replicas", max(1, parameters.replicas), 0)

    def write(self) -> Steps:
        """To the writer, which answers when the record is durable, and tells its replicas."""
        p, there, back = self.p.instance, *self._ways()
        card_s = 1.0 / p.bytes_per_s
        copies = self.p.storage.quorum.copies
        send = Serve(self.instances.card, seconds(card_s * copies), 1)
        work = self.p.transaction.work(self.instances.cpu, p.read_s, p.write_s)
        return (
            Choose(self.instances.writer, 0), *there, *work, self._pages(self.p.transaction.found), send,
            *self.storage.commit(), Fill(self.instances.buffer), *self._tell_replicas(), back,
        )  # fmt: skip

    def read(self) -> Steps:
        """To the writer, or to a replica, which looks in its memory and then asks the volume."""
        p, there, back = self.p.instance, *self._ways()
        work, look = Serve(self.instances.cpu, p.read_s), self._pages()
        read = Read(self.instances.copies)
        if self.p.read_from == "writer":
            return (
                Choose(self.instances.writer, 0),
                *there,
                work,
                look,
                Choose(self.instances.volume_view, 0),
                read,
                back,
            )
        return (
            Choose(self.instances.readers, "random"), *there, work, look, Choose(self.instances.view, 0), read, back,
        )  # fmt: skip

    def _pages(self, count: int = 1) -> Lookup:
        buffer = self.instances.buffer
        return Lookup(buffer, Route(*self.storage.read() * count, Fill(buffer)))

    def _ways(self) -> tuple[Steps, Travel]:
        """To an instance that may answer, and back."""
        network, clients, nodes = self.region.network, self.region.clients, self.instances.nodes
        serves = (Choose(self.instances.role, 0), Pass(self.instances.in_service))
        return (Travel(network, clients, nodes), *serves), Travel(network, nodes, clients)

    def _tell_replicas(self) -> Steps:
        if not self.p.replicas:
            return ()
        i = self.instances
        leg = Route(
            Choose(i.others, "leg"), Travel(self.region.network, i.nodes, i.peers), Choose(i.here, 0),
            Serve(i.stream, self.p.instance.stream), Serve(i.redo, Constant(value=self.p.instance.apply_s)),
            Choose(i.view, 0), Apply(i.copies),
        )  # fmt: skip
        return (Fork(self.everyone, leg),)


def _watch(plane: Plane, upkeep: Upkeep, failover: FailoverParameters | None) -> Any:
    """Start what Aurora does by itself."""
    segments = Segments(plane, upkeep)
    segments.start()
    if failover is not None:
        Failover(plane, segments, failover).start()
    yield plane.until(0.0)


MODEL = Model(
    name="aurora",
    summary="Aurora: a writer and its replicas on one volume of six copies",
    parameters=AuroraParameters,
    build=build,
    operations=OPERATIONS,
    limits=(
        "a write is one record, and commits at once: no locks, no transactions of several statements",
        "pages are not made of records; a read finds what is durable",
        "how Aurora finds a lost writer, and how long each stage takes, is not published",
    ),
)
