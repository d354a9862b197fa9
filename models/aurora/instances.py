"""Instances: one that writes, and up to fifteen that read the same volume.

The writer sends its replicas what it commits, when it is durable. A replica brings what it has in memory up to date,
and answers reads from that or from the volume: it lags behind by as long as the record is on its way and being applied.

Source:
    Verbitski and others, SIGMOD 2017, section 4: replicas apply what is durable, lag below 20 ms. Aurora guide (2023):
    fifteen replicas.

Limits:
    Work of an instance's CPU is exponential, and its virtual CPUs are alike. How long it takes is what makes 32 of them
    answer the published 600,000 reads or 121,000 writes a second: where CPUs are what limits, ratios of throughput are
    put in, not found. A buffer cache is of objects, not of pages. A replica's answer has the version that it has
    applied itself, even where it has just brought the page from the volume, which may have a newer one. Replicas cost
    the writer neither CPU nor network, and each other nothing: fifteen answer fifteen times as much as one because of
    that. There are no locks and no transactions of several statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from models.kernel.laws import ConstantSeconds, ExponentialSeconds, Positive, SecondsLaw
from models.kernel.parts import UNLIMITED, Cache, Copies, Group, Membership, Station
from models.kernel.registry import Parameters, parameter
from models.region import Region

REPLICAS_MOST = 15


class InstanceParameters(Parameters):
    """What an instance is, all alike."""

    vcpus: Annotated[int, Field(ge=1, le=192)] = parameter(32, "virtual CPUs", source="r3.8xlarge, SIGMOD 2017")
    memory_bytes: Positive = parameter(170e9, "bytes of the buffer cache", source="SIGMOD 2017: 170 GB")
    read_s: SecondsLaw = parameter(
        ExponentialSeconds(mean_s=0.000053), "seconds of a CPU for a read", assumed="32 CPUs, 600,000 reads/s"
    )
    write_s: SecondsLaw = parameter(
        ExponentialSeconds(mean_s=0.00026), "seconds of a CPU for a write", assumed="32 CPUs, 121,000 writes/s"
    )
    stream: SecondsLaw = parameter(
        ConstantSeconds(value_s=0.0022), "seconds of the log stream until a replica applies a record, beside its way",
        assumed="tuned to SIGMOD 2017, table 4: 2.62 ms in all at 1,000 writes/s",
    )  # fmt: skip
    apply_s: Positive = parameter(0.00001, "seconds of a replica to apply a record", assumed="0.000005 to 0.00005")
    bytes_per_s: Positive = parameter(1.25e9, "bytes/s of the network card", source="r3.8xlarge: 10 Gbit/s")


@dataclass(frozen=True, eq=False)
class Instances:
    """All instances of a cluster as parts; the first one writes at first.

    Args:
        nodes: The instances.
        peers: The same, as those to whom a record goes.
        cpu: Where they work.
        card: Their network cards.
        stream: On its way to where a replica applies it.
        redo: Where a replica applies records.
        buffer: What they have in memory.
        copies: What the volume has, and what each instance has.
        own: An instance's own.
        view: What an instance reads: its own, or what the volume has where it is the writer.
        others: The instances that a writer sends its log to.
        here: The instance that something has gone to.
        role: An instance's entry among those that may answer.
        in_service: Refuses where an instance may not answer.
    """

    nodes: Group
    peers: Group
    cpu: Station
    card: Station
    stream: Station
    redo: Station
    buffer: Cache
    copies: Copies
    own: Membership
    view: Membership
    others: Membership
    here: Membership
    role: Membership
    in_service: Station

    @classmethod
    def of(cls, region: Region, parameters: InstanceParameters, replicas: int) -> Instances:
        """A writer, and replicas in the zones behind its own."""
        count = replicas + 1
        nodes, peers = (
            Group(name, count, region.spread(count), fails=fails)
            for name, fails in (("instances", True), ("peers", False))
        )
        views = Group("views", count + 1, (0, *region.spread(count)), fails=False)
        everyone = tuple(range(count))
        copies = Copies("committed", Membership(views, (tuple(range(count + 1)),)), replicated=True)
        return cls(
            nodes, peers, Station("cpu", nodes, parameters.vcpus), Station("network card", nodes),
            Station("log stream", nodes, UNLIMITED), Station("redo", nodes),
            Cache("buffer cache", nodes, "lru", capacity_bytes=int(parameters.memory_bytes)), copies,
            Membership(views, tuple((each + 1,) for each in everyone), of=nodes),
            Membership(views, ((0,), *((each + 1,) for each in everyone[1:])), of=nodes),
            Membership(peers, tuple(tuple(o for o in everyone if o != each) or (each,) for each in everyone), of=nodes),
            Membership(nodes, tuple((each,) for each in everyone), of=peers),
            Membership(peers, tuple((each,) for each in everyone), of=nodes),
            Station("in service", peers, UNLIMITED),
        )  # fmt: skip
