"""Aurora: a writer and its replicas on one volume of six copies over three zones.

A write takes CPU time and, as a read does, a way to the volume if its page is not in memory; it gets its number, and is
acknowledged when the volume is durable up to it (`storage`). How clients get to an instance is in `endpoints`, and in
`proxy`; who writes, and who finds out that it must be another, in `failover`; how segments are minded, in `upkeep`.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from models.aurora.endpoints import EndpointParameters, Endpoints
from models.aurora.failover import STAGES, Failover, FailoverParameters
from models.aurora.instances import REPLICAS_MOST, InstanceParameters, Instances
from models.aurora.proxy import Proxy, ProxyParameters
from models.aurora.storage import Steps, Storage, StorageParameters
from models.aurora.upkeep import Segments, Upkeep
from models.kernel.laws import Constant, seconds
from models.kernel.parts import Membership, Quorum, everybody
from models.kernel.plane import Plane
from models.kernel.registry import ClientParameters, Model, Parameters, parameter
from models.kernel.steps import Apply, Choose, Fill, Fork, Lookup, Read, Serve, Travel
from models.kernel.steps.choose import By
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
    endpoints: EndpointParameters = parameter(
        EndpointParameters(), "how clients find instances, and connect to them", source="see its keys"
    )
    proxy: ProxyParameters | None = parameter(
        None, "RDS Proxy between clients and instances; none: clients connect by themselves", example={"check_s": 1.0}
    )
    region: RegionParameters = parameter(RegionParameters(), "zones and network", assumed="see its keys")
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")

    @model_validator(mode="after")
    def _has_replicas(self) -> AuroraParameters:
        if self.read_from == "replicas" and not self.replicas:
            raise ValueError('read_from = "replicas" needs replicas')
        if self.failover != "off" and len(self.failover.tiers) not in {0, self.replicas}:
            given = len(self.failover.tiers)
            raise ValueError(f"failover.tiers: {given} for {self.replicas} replicas; give one for each, or none")
        return self


def build(parameters: AuroraParameters, operations: tuple[str, ...]) -> System:
    """Clients in any zone ask the writer, or read from replicas."""
    region = Region.of(parameters.region)
    instances = Instances.of(region, parameters.instance, parameters.replicas)
    storage = Storage.of(region, parameters.storage, instances.nodes, instances.cpu, instances.copies)
    proxy = None if parameters.proxy is None else Proxy.of(region, parameters.proxy)
    askers = region.clients if proxy is None else proxy.nodes
    endpoints = Endpoints.of(region, instances, parameters.endpoints, askers)
    routes = _Routes(parameters, region, instances, storage, endpoints, proxy)
    steps: dict[str, Any] = {
        "read": routes.read,
        "write": routes.write,
        "insert": routes.write,
        "read_modify_write": lambda: (*routes.read(), *routes.write()),
    }
    from_client, client = Choose(region.everywhere, "random"), parameters.client.client()
    upkeep = Upkeep(region, instances, storage)
    watch = partial(_watch, upkeep=upkeep, parameters=parameters, endpoints=endpoints, proxy=proxy)
    is_always_there = parameters.storage.repair is not None
    find = (Choose(everybody(region.clients)), *routes.to(endpoints.writer)[0], Choose(endpoints.readers, 0))
    return System(
        {name: Operation(Route(from_client, *steps[name]()), client) for name in operations},
        probes={**upkeep.talk(find), **endpoints.talk(), **({} if proxy is None else proxy.talk(endpoints))},
        controls=(watch,) if is_always_there else (),
        watchers=() if is_always_there else (watch,),
        charges=storage.charges,
        controls_draw=parameters.failover != "off",
        stages=() if parameters.failover == "off" else STAGES,
    )


class _Routes:
    """What clients ask."""

    def __init__(
        self, parameters: AuroraParameters, region: Region, instances: Instances, storage: Storage,
        endpoints: Endpoints, proxy: Proxy | None,
    ) -> None:  # fmt: skip
        self.p, self.region, self.instances, self.storage = parameters, region, instances, storage
        self.endpoints, self.proxy = endpoints, proxy
        self.everyone = Quorum("replicas", max(1, parameters.replicas), 0)

    def write(self) -> Steps:
        """To the writer, which answers when the record is durable, and tells its replicas."""
        p, (there, back) = self.p.instance, self.to(self.endpoints.writer)
        card_s = 1.0 / p.bytes_per_s
        copies = self.p.storage.quorum.copies
        send = Serve(self.instances.card, seconds(card_s * copies), 1)
        work = self.p.transaction.work(self.instances.cpu, p.read_s, p.write_s)
        return (
            *there, *work, self._pages(self.p.transaction.found), send, *self.storage.commit(),
            Fill(self.instances.buffer), *self._tell_replicas(), *back,
        )  # fmt: skip

    def read(self) -> Steps:
        """To the writer, or to a replica, which looks in its memory and then asks the volume."""
        from_writer = self.p.read_from == "writer"
        there, back = self.to(self.endpoints.writer) if from_writer else self.to(self.endpoints.readers, "random")
        work = Serve(self.instances.cpu, self.p.instance.read_s)
        return (*there, work, self._pages(), Choose(self.instances.view, 0), Read(self.instances.copies), *back)

    def _pages(self, count: int = 1) -> Lookup:
        buffer = self.instances.buffer
        return Lookup(buffer, Route(*self.storage.read() * count, Fill(buffer)))

    def to(self, instances: Membership, by: By | int = 0) -> tuple[Steps, Steps]:
        """From a client to an instance, and back."""
        there, back = self.endpoints.ways(Choose(instances, by))
        if self.proxy is None:
            return there, back
        to_proxy, from_proxy = self.proxy.ways()
        return (*to_proxy, *there), (*back, *from_proxy)

    def _tell_replicas(self) -> Steps:
        if not self.p.replicas:
            return ()
        i = self.instances
        leg = Route(
            Choose(i.others, "leg"), Travel(self.region.network, i.nodes, i.peers), Choose(i.here, 0),
            Serve(i.stream, self.p.instance.stream), Serve(i.redo, Constant(value=self.p.instance.apply_s)),
            Choose(i.own, 0), Apply(i.copies),
        )  # fmt: skip
        return (Fork(self.everyone, leg),)


def _watch(
    plane: Plane, upkeep: Upkeep, parameters: AuroraParameters, endpoints: Endpoints, proxy: Proxy | None
) -> Any:
    """Start what Aurora does by itself."""
    segments = Segments(plane, upkeep)
    segments.start()
    if parameters.failover != "off":
        reads = parameters.read_from == "replicas"
        Failover(plane, segments, parameters.failover, endpoints, proxy, reads=reads).start()
    yield plane.until(0.0)


MODEL = Model(
    name="aurora",
    summary="Aurora: a writer and its replicas on one volume of six copies",
    parameters=AuroraParameters,
    build=build,
    operations=OPERATIONS,
    limits=(
        "a write is one record, and commits at once: no locks, no transactions of several statements; VDL is VCL",
        "records of one boxcar arrive apart: each goes its own way, and takes its own time to be on a disk",
        "pages are not made of records; a read of the writer finds what is durable",
        "a replica answers with the version that it has applied, even from a page that it has just brought",
        "a replica knows at once how far its writer has heard that segments are",
        "replicas cost the writer neither CPU nor network: fifteen answer fifteen times as much because of that",
        "CPU times are those of published throughput: its ratios are put in where CPUs are what limits",
        "work in the background that gives way is made up for in no time, even where a disk has none left for it",
        "a repair loads no link, and shares with no other repair; a tail segment's takes as long as a full one's",
        "a group has one spare in each zone: a second loss there waits until the first lost segment is back",
        "while a zone is dark, its segments are replaced nowhere else",
        "a writer's term begins, and segments refuse an old writer, at the instant it has heard from enough of them",
        "how Aurora finds a lost writer, and how long each stage takes, is not published",
    ),
)
