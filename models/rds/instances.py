"""Instances: a primary, perhaps a standby that has all that the primary has, and replicas that come behind.

A standby has a record before its client has an answer: MySQL's mirrors the primary's volume block by block, and
PostgreSQL's takes the log. Replicas take what is committed, and apply it on one thread. When they cannot keep up they
fall behind for as long as it lasts, and one that is promoted lacks what had not come to it.

Source:
    Verbitski and others, SIGMOD 2017, section 3.1 (mirrored MySQL) and table 4 (a replica's lag); MySQL 5.7 manual:
    replication with one SQL thread unless told otherwise; PostgreSQL manual: synchronous_commit.

Limits:
    Work of the CPUs is exponential; connections make it longer, in proportion. A buffer pool is of objects, which are
    pages here. A primary sends each record for itself, and its network card is never busy. There are no locks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from models.kernel.laws import ExponentialSeconds, Law, NonNegative, Positive, SecondsLaw
from models.kernel.parts import UNLIMITED, Cache, Copies, Group, Membership, Quorum, Station
from models.kernel.registry import Parameters, parameter
from models.region import Region

REPLICAS_MOST = 15


class InstanceParameters(Parameters):
    """What an instance is, all alike."""

    vcpus: Annotated[int, Field(ge=1, le=192)] = parameter(32, "virtual CPUs", source="r3.8xlarge, SIGMOD 2017")
    memory_bytes: Positive = parameter(170e9, "bytes of the buffer pool", source="SIGMOD 2017: 170 GB")
    read_s: Positive = parameter(
        0.000256, "mean seconds of a CPU for a statement that reads", source="SIGMOD 2017: 125,000/s by 32 CPUs"
    )
    write_s: Positive = parameter(
        0.0016, "mean seconds of a CPU for a statement that writes", source="SIGMOD 2017: 20,000/s by 32 CPUs"
    )
    connections: Annotated[int, Field(ge=1, le=100_000)] = parameter(
        1, "connections that are open, each with a thread", assumed="as many as there are clients"
    )
    contention: NonNegative = parameter(
        0.0, "part by which each connection beyond the CPUs makes all work longer",
        assumed="0 to 0.0005: not published, so none; SIGMOD 2017, table 3, has less at 5,000 than at 500",
    )  # fmt: skip

    def work(self, mean_s: float) -> Law:
        """Work of a CPU, with all those connections."""
        law: Law = ExponentialSeconds(mean_s=mean_s * (1.0 + self.contention * max(0, self.connections - self.vcpus)))
        return law


class ReplicaParameters(Parameters):
    """Replicas that come behind (asynchronous replication)."""

    count: Annotated[int, Field(ge=0, le=REPLICAS_MOST)] = parameter(0, "replicas", assumed="0 to 15")
    send: SecondsLaw = parameter(
        ExponentialSeconds(mean_s=0.001), "seconds until a primary has sent a record", assumed="0.0001 to 0.01"
    )
    apply_s: Positive = parameter(
        0.000225, "seconds of a replica's one thread for a record", assumed="4,444/s: tuned to SIGMOD 2017, table 4"
    )


@dataclass(frozen=True, eq=False)
class Instances:
    """All instances as parts; the first is the primary, the second its standby if there is one.

    Args:
        nodes: The instances.
        peers: The same, as those to whom something goes.
        cpu: Where they work.
        sender: Where a primary has what it has not sent yet; it dies with the primary.
        applier: Where a replica applies records.
        buffer: What they have in memory.
        dirty: Pages that have changed since they were written, or since the last checkpoint.
        copies: What each instance has.
        writer: The primary, as clients know it.
        readers: Whom they read from.
        standby: The standby of a primary.
        primary: Whose standby one is.
        replicas: To whom a primary sends what is committed.
        here: The instance that something has gone to.
        role: An instance's entry among those that may answer.
        in_service: Refuses where an instance may not answer.
        mirrored: How many standbys must have a record.
        everyone: Nobody waits for replicas.
        has_standby: Whether there is one.
    """

    nodes: Group
    peers: Group
    cpu: Station
    sender: Station
    applier: Station
    buffer: Cache
    dirty: Cache
    copies: Copies
    writer: Membership
    readers: Membership
    standby: Membership
    primary: Membership
    replicas: Membership
    here: Membership
    role: Membership
    in_service: Station
    mirrored: Quorum
    everyone: Quorum
    has_standby: bool

    @classmethod
    def of(
        cls, region: Region, parameters: InstanceParameters, *, standby: bool, replicas: int, dirty_pages: int
    ) -> Instances:  # fmt: skip
        """Each in the zone behind the one before."""
        first = 1 + standby
        count = first + replicas
        nodes, peers = (
            Group(name, count, region.spread(count), fails=fails)
            for name, fails in (("instances", True), ("peers", False))
        )
        everyone = tuple(range(count))
        same = tuple((each,) for each in everyone)
        behind = tuple(range(first, count))
        pair = tuple((1 - each if each < first == 2 else each,) for each in everyone)
        receivers = tuple(tuple(other if other != each else 0 for other in behind) or (each,) for each in everyone)
        by_zone = region.zones
        return cls(
            nodes, peers, Station("cpu", nodes, parameters.vcpus), Station("log sender", nodes, UNLIMITED),
            Station("replication thread", nodes),
            Cache("buffer pool", nodes, "lru", capacity_bytes=int(parameters.memory_bytes)),
            Cache("dirty pages", nodes, "fifo", capacity_items=dirty_pages, volatile=False),
            Copies("committed", Membership(nodes, (everyone,)), replicated=count > 1),
            Membership(nodes, ((0,),) * by_zone, of=region.clients),
            Membership(nodes, (behind or (0,),) * by_zone, of=region.clients),
            Membership(peers, pair, of=nodes), Membership(nodes, pair, of=peers),
            Membership(peers, receivers, of=nodes), Membership(nodes, same, of=peers),
            Membership(peers, same, of=nodes),
            Station("in service", peers, UNLIMITED), Quorum("standby", 1, 1), Quorum("replicas", max(1, replicas), 0),
            standby,
        )  # fmt: skip
