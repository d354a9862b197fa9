"""The storage volume: protection groups of six segments, two in each zone, that take the writer's log.

A writer gives each record its number and sends it to all segments of its group, over a connection of its own to each:
the first record is on its way at once, and those that come meanwhile go together when the connection is free. A segment
writes what has come since to its disk, all in one go, and answers; a hole is filled from its like, which it asks time
and again. Nobody waits for a segment but the commit, and that for enough of them.

What a segment does in the background (sort, coalesce, back up) takes a share of its disk.

Source:
    Verbitski and others, SIGMOD 2017, sections 2 and 3: segments of 10 GB, what is done in the foreground; SIGMOD 2018,
    section 2: boxcars, reads from one segment that is known to be complete.

Limits:
    A record ends its mini-transaction. A group's segments stand on storage nodes of their own. Pages are not made of
    records: a read takes its time whatever it needs, and finds what is durable. A reader asks any segment that answers,
    as if it knew which is complete; it does not hedge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from models.aurora.quorums import A17, QuorumParameters
from models.kernel.laws import LognormalSeconds, NonNegative, SecondsLaw, seconds
from models.kernel.parts import UNLIMITED, Copies, Group, Membership, Quorum, Station, Volume
from models.kernel.registry import Parameters, Servers, parameter, servers_of
from models.kernel.steps import Allocate, Await, Choose, Fork, Order, Pass, Persist, Report, Serve, Step, Travel
from models.kernel.system import Route
from models.region import Region

Steps = tuple[Step, ...]
NO_TIME = seconds(0.0)
Interval = Annotated[float, Field(ge=0.001, le=100_000)]


class RepairParameters(Parameters):
    """How a lost segment is replaced."""

    check_s: Interval = parameter(1.0, "seconds between looks at a group", assumed="0.1 to 10 s: not published")
    lost_s: Interval = parameter(
        10.0, "seconds without an answer until a segment is taken to be lost", assumed="5 to 300 s: not published"
    )
    copy_s: Interval = parameter(10.0, "seconds to copy a segment", source=f"{A17}: 10 GB at 10 Gbit/s in 10 s")


class StorageParameters(Parameters):
    """The segments and the way to them."""

    protection_groups: Annotated[int, Field(ge=1, le=64)] = parameter(
        4, "protection groups that the data is spread over", assumed="one for each 10 GB that is in use"
    )
    quorum: QuorumParameters = parameter(QuorumParameters(), "copies, and how many are enough", source="see its keys")
    send_s: NonNegative = parameter(
        0.00002, "seconds that a writer's connection is busy with a batch", assumed="0.00001 to 0.0001"
    )
    persist: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.0002, p99_s=0.001), "seconds until a record that is written is on a segment's disk",
        assumed="NVMe and its file system: 0.00005 to 0.001, with a tail",
    )  # fmt: skip
    write_s: NonNegative = parameter(
        0.00002, "seconds that a segment's disk is busy with a batch", assumed="0.00001 to 0.0001"
    )
    background: Annotated[float, Field(ge=0, lt=1)] = parameter(
        0.0, "share of a segment's disk that work in the background takes", assumed="0 to 0.5"
    )
    read: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.0005, p99_s=0.002), "seconds of a segment to read a page", assumed="0.0002 to 0.005"
    )
    readers: Servers = parameter(32, "pages that a segment reads at once", assumed="8 to 128")
    record_bytes: Annotated[int, Field(ge=0, le=100_000)] = parameter(
        200, "bytes of a record beside what is written", assumed="100 to 400"
    )
    lsn_limit: Annotated[int, Field(ge=1, le=10**9)] = parameter(
        10_000_000, "records that may be allocated and not durable", source=f"{A17}: LSN allocation limit"
    )
    gossip_s: Interval = parameter(0.1, "seconds between a segment's questions to its like", assumed="0.05 to 1")
    repair: RepairParameters | None = parameter(
        None, "how lost segments are replaced; none: nobody does", example={"lost_s": 10.0}
    )


@dataclass(frozen=True, eq=False)
class Storage:
    """A volume as parts. Segment i of group g is member g * width + i.

    Args:
        region: Where it stands.
        parameters: What it is like.
        width: Segments of a group.
        instances: Who reads and writes.
        groups: The protection groups.
        segments: Their segments.
        channels: The writer's connection to each of them.
        page: The group of a key.
        channel_of: The connections of a group.
        segment_of: The segment of a connection.
        read_from: The segments that are read from.
        channel: Sends, batch by batch.
        everyone: Nobody waits for all segments of a group.
        in_group: Refuses where a segment is no member of its group.
        copies: What the volume has, first, and what each instance has.
        volume: The log.
        disk: Where a segment writes, batch by batch.
        flash: Where what it has written gets to.
        readers: Where it reads.
    """

    region: Region
    parameters: StorageParameters
    width: int
    instances: Group
    groups: Group
    segments: Group
    channels: Group
    page: Membership
    channel_of: Membership
    segment_of: Membership
    read_from: Membership
    channel: Station
    everyone: Quorum
    in_group: Station
    copies: Copies
    volume: Volume
    disk: Station
    flash: Station
    readers: Station

    @classmethod
    def of(cls, region: Region, parameters: StorageParameters, instances: Group, copies: Copies) -> Storage:
        """A volume that nobody has written to."""
        quorum, count = parameters.quorum, parameters.protection_groups
        spare = 0 if parameters.repair is None else region.zones
        width = quorum.copies + spare
        size = count * width
        of_slot = [slot * region.zones // quorum.copies for slot in range(quorum.copies)] + list(range(spare))
        zones = tuple(of_slot[index % width] for index in range(size))
        groups, segments = Group("protection groups", count, fails=False), Group("segments", size, zones)
        channels = Group("channels", size, zones, fails=False)
        rows = tuple(tuple(range(group * width, (group + 1) * width)) for group in range(count))
        return cls(
            region, parameters, width, instances, groups, segments, channels,
            Membership(groups, (tuple(range(count)),)), Membership(channels, rows, of=groups),
            Membership(segments, tuple((index,) for index in range(size)), of=channels),
            Membership(segments, tuple((row[: quorum.copies] * 2)[:width] for row in rows), of=groups),
            Station("channel", channels, rounds=True), Quorum("segments", width, 0),
            Station("in group", channels, UNLIMITED),
            copies,
            Volume(
                "volume", instances, groups, segments, quorum.writes(width, range(quorum.copies)),
                parameters.lsn_limit, copies,
            ),
            Station("log disk", segments, rounds=True), Station("flash", segments, UNLIMITED),
            Station("page disk", segments, servers_of(parameters.readers)),
        )  # fmt: skip

    def commit(self) -> Steps:
        """From a writer that has done its part to a record that is durable."""
        p, network = self.parameters, self.region.network
        send = Serve(self.channel, NO_TIME, once=seconds(p.send_s))
        write = Serve(self.disk, NO_TIME, once=seconds(p.write_s / (1.0 - p.background)))
        leg = Route(
            Choose(self.channel_of, "leg"), Pass(self.in_group), send, Choose(self.segment_of, 0),
            Travel(network, self.instances, self.segments), write, Serve(self.flash, p.persist), Persist(self.volume),
            Travel(network, self.segments, self.instances), Report(self.volume),
        )  # fmt: skip
        return (
            Choose(self.page, "key"), Order(self.copies), Allocate(self.volume),
            Fork(self.everyone, leg), Await(self.volume),
        )  # fmt: skip

    def read(self) -> Steps:
        """From an instance to a segment that has the page, and back."""
        network = self.region.network
        return (
            Choose(self.page, "key"), Choose(self.read_from, "random"), Travel(network, self.instances, self.segments),
            Serve(self.readers, self.parameters.read), Travel(network, self.segments, self.instances),
        )  # fmt: skip
