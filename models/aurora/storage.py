"""The storage volume: protection groups of six segments, two in each zone, that take the writer's log.

A writer gives each record its number and sends it to all segments of its group, over a connection of its own to each,
in boxcars: the first record asks for a CPU to send at once, and all that come until it is sent go along. So nobody
waits for others to come, and the busier the writer is, the more go together. A segment writes what has come since to
its disk, all in one go, and answers; a hole is filled from its like, which it asks time and again. Nobody waits for a
segment but the commit, and that for enough of them.

A read asks one segment: of those that the writer knows, from their answers, to have all of the group that is durable,
the one that has answered the instance fastest. When that takes too long, one more is asked as well, and the first
answer counts. Several are asked as a matter of course in a recovery alone; `reads` shows what it would cost.

What a segment does in the background (sort, coalesce, back up, collect garbage, scrub) is put off while it has writes
to do, and so no write waits for it; `background` shows what it would be like if it were done in turn.

Source:
    Verbitski and others, SIGMOD 2017, sections 2 and 3: segments of 10 GB, what is done in the foreground, background
    work that gives way to it, the limit of records; SIGMOD 2018, sections 2 and 3: boxcars, reads from one segment that
    is known to be complete, of lowest latency, with probes and hedges. Aurora guide (2023): backup is continuous, is
    done by storage nodes, and has no effect on performance.

Limits:
    A record ends its mini-transaction, so that what is complete (VCL) is durable (VDL). Of a boxcar that has been sent
    each record goes its own way and takes its own time to be on the disk: those of one boxcar arrive apart. A new
    writer's term begins at the instant at which it has heard from enough segments: these refuse what an old one sends
    from then on, without being told. A group's segments stand on storage nodes of their own. Pages are not made of
    records: a read takes its time whatever it needs, and finds what is durable. A replica knows at once what its writer
    has heard. What an instance learns of a segment's speed, it learns from probes, not from its reads; where nothing
    can fail nobody probes, and the nearest is the one of the reader's zone. Background work that gives way has the disk
    as if it had no writes: it is put off and made up for in no time. Where both together would be busier than one
    (`log disk` and `background` of a report), the model is too kind: in truth work would pile up, and writes wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.aurora.quorums import A17, QuorumParameters
from models.kernel.charges import Charge, Hourly
from models.kernel.laws import ConstantSeconds, LognormalSeconds, NonNegative, Positive, SecondsLaw, seconds
from models.kernel.parts import UNLIMITED, Bucket, Copies, Group, Membership, Quorum, Room, Station, Volume
from models.kernel.registry import MAX_SERVERS, Parameters, Servers, parameter, servers_of
from models.kernel.steps import (
    Admit,
    Allocate,
    Await,
    Choose,
    Find,
    Fork,
    Hold,
    Needed,
    Occupy,
    Order,
    Pass,
    Persist,
    Report,
    Seek,
    Serve,
    Step,
    Travel,
)
from models.kernel.system import Route
from models.region import Region

Steps = tuple[Step, ...]
MONTH_H = 730.0
LEAST_COPY_S = 0.001
Interval = Annotated[float, Field(ge=0.001, le=100_000)]
Reads = Literal["nearest", "any", "quorum"]
A18 = "Verbitski and others, SIGMOD 2018"


class RepairParameters(Parameters):
    """How a lost segment is replaced."""

    check_s: Interval = parameter(1.0, "seconds between looks at a group", assumed="0.1 to 10 s: not published")
    lost_s: Interval = parameter(
        10.0, "seconds without an answer until a segment is taken to be lost", assumed="5 to 300 s: not published"
    )
    copy_s_per_gb: Interval = parameter(
        1.0, "seconds to copy each GB of a segment", source=f"{A17}: 10 GB at 10 Gbit/s in 10 s"
    )

    def copy_s(self, segment_gb: float) -> float:
        """Seconds to copy a segment of so many GB."""
        return self.copy_s_per_gb * segment_gb


class BackgroundParameters(Parameters):
    """What a segment does with each record beside having it: sort, coalesce, back up, collect garbage, scrub."""

    work: SecondsLaw = parameter(
        ConstantSeconds(value_s=0.0001), "seconds of the disk for each record", assumed="0.00001 to 0.001"
    )
    way: Literal["gives_way", "in_turn"] = parameter(
        "gives_way", "whether it is put off while there are writes to do, or has its turn among them",
        source=f"{A17}, section 3: background work correlates negatively with the foreground",
    )  # fmt: skip


class StorageParameters(Parameters):
    """The segments and the way to them."""

    protection_groups: Annotated[int, Field(ge=1, le=64)] = parameter(
        4, "protection groups that the data is spread over", assumed="one for each 10 GB that is in use"
    )
    quorum: QuorumParameters = parameter(QuorumParameters(), "copies, and how many are enough", source="see its keys")
    send_s: NonNegative = parameter(
        0.00002, "seconds of a writer's CPU to send what there is for a segment", assumed="0.000005 to 0.0001"
    )
    persist: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.0002, p99_s=0.001), "seconds until a record that is written is on a segment's disk",
        assumed="NVMe and its file system: 0.00005 to 0.001, with a tail",
    )  # fmt: skip
    write_s: NonNegative = parameter(
        0.00002, "seconds that a segment's disk is busy with a batch", assumed="0.00001 to 0.0001"
    )
    record_s: NonNegative = parameter(
        0.000001, "seconds that it is busy with each record of a batch", assumed="0 to 0.00001: NVMe, small records"
    )
    background: BackgroundParameters | None = parameter(
        None,
        "what is done in the background; none: it gives way, and makes no difference",
        example={"way": "in_turn"},
    )
    reads: Reads = parameter(
        "nearest",
        "whom a read asks: of the segments known to be complete the one that answers fastest, or any; or always as "
        "many as a recovery, of whom the last counts",
        source=f"{A18}, section 3: one segment, of lowest latency",
    )
    hedge_s: Positive | Literal["off"] = parameter(
        0.01, "seconds without an answer after which one more segment is asked; off: never",
        assumed="0.002 to 0.05: it is published that, not when; later than nearly all answers",
    )  # fmt: skip
    probe_s: Interval = parameter(
        1.0, "seconds between an instance's looks at how fast segments answer", assumed="0.1 to 10 s: now and then"
    )
    read: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.0005, p99_s=0.002), "seconds of a segment to read a page", assumed="0.0002 to 0.005"
    )
    readers: Servers = parameter(32, "pages that a segment reads at once", assumed="8 to 128")
    lsn_limit: Annotated[int, Field(ge=1, le=10**9)] = parameter(
        10_000_000, "records that may be allocated and not durable", source=f"{A17}: LSN allocation limit"
    )
    gossip_s: Interval = parameter(0.1, "seconds between a segment's questions to its like", assumed="0.05 to 1")
    repair: RepairParameters | None = parameter(
        None, "how lost segments are replaced; none: nobody does", example={"lost_s": 10.0}
    )
    segment_gb: Positive = parameter(10.0, "GB of a segment's pages", source=f"{A17}: 10 GB")
    tail_gb: NonNegative = parameter(
        0.1, "GB of log that a segment has beside its pages, or instead of them", assumed="0.01 to 1"
    )
    copy_dollars_per_gb_month: NonNegative | None = parameter(
        None, "price of what a segment stores; none: nothing is charged", example=0.0167
    )
    long_outage_s: Interval | None = parameter(
        None, "seconds without an answer from a zone until its copies are left out; none: never", example=60.0
    )

    @model_validator(mode="after")
    def _takes_time(self) -> StorageParameters:
        if self.repair is not None and self.repair.copy_s(self.segment_gb) < LEAST_COPY_S:
            raise ValueError(f"repair.copy_s_per_gb times segment_gb must be {LEAST_COPY_S:g} s or more")
        return self

    @model_validator(mode="after")
    def _can_leave_out(self) -> StorageParameters:
        asked_s = 2.0 * self.gossip_s * self.quorum.copies
        if self.long_outage_s is not None and self.long_outage_s < asked_s:
            raise ValueError(f"long_outage_s must be {asked_s:g} or more, so that each segment has been asked by then")
        if self.long_outage_s is not None and (self.quorum.copies < 6 or self.quorum.full is not None):
            raise ValueError("long_outage_s needs six copies, all of them full: those of a zone must be few among them")
        return self


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
        read_from: The segments of a group that are read from.
        order: The same, as each instance prefers them.
        cpu: Where instances work, and send.
        boxcars: Where records go along with the first that is to be sent.
        batches: Counts what was sent.
        everyone: Nobody waits for all segments of a group.
        in_group: Refuses where a segment is no member of its group.
        copies: What the volume has, first, and what each instance has.
        volume: The log.
        outstanding: Where the writer keeps its records that are not durable yet; how full it is, is counted where the
            limit is no more than a station can have servers.
        disk: Where a segment writes, batch by batch.
        flash: Where what it has written gets to.
        readers: Where it reads.
        spare: What its disk has to spare for work that gives way.
        detached: Nobody waits for work in the background.
        patience: How long an instance waits for a segment.
        first: One answer is enough.
        enough: As many as a recovery asks.
        asked: Counts segments that were asked for a page.
        hedged: Counts those that were asked because another one was slow.
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
    order: Membership
    cpu: Station
    boxcars: Room
    batches: Bucket
    everyone: Quorum
    in_group: Station
    copies: Copies
    volume: Volume
    outstanding: Station
    disk: Station
    flash: Station
    readers: Station
    spare: Station
    detached: Quorum
    patience: Station
    first: Quorum
    enough: Quorum
    asked: Bucket
    hedged: Bucket

    @classmethod
    def of(
        cls, region: Region, parameters: StorageParameters, instances: Group, cpu: Station, copies: Copies
    ) -> Storage:
        """A volume that nobody has written to."""
        quorum, count, limit = parameters.quorum, parameters.protection_groups, parameters.lsn_limit
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
            Membership(segments, tuple(padded(with_pages(quorum, row), width) for row in rows), of=groups),
            Membership(
                segments,
                tuple(
                    first_order(region, parameters, instances.zone(each), rows, zones, each)
                    for each in range(instances.size)
                ),
                of=instances,
            ),
            cpu, Room("boxcars", channels, by=instances), Bucket("batches", instances, 0.0, math.inf),
            Quorum("segments", width, 0),
            Station("in group", channels, UNLIMITED),
            copies,
            Volume(
                "volume", instances, groups, segments, quorum.writes(width, range(quorum.copies)),
                limit, copies,
            ),
            Station("outstanding records", instances, limit if limit <= MAX_SERVERS else UNLIMITED),
            Station("log disk", segments, rounds=True), Station("flash", segments, UNLIMITED),
            Station("page disk", segments, servers_of(parameters.readers)), Station("background", segments),
            Quorum("background", 1, 0), Station("patience", instances, UNLIMITED), Quorum("hedged read", 2, 1),
            Quorum("quorum read", quorum.read, quorum.read), Bucket("segment reads", instances, 0.0, math.inf),
            Bucket("hedged reads", instances, 0.0, math.inf),
        )  # fmt: skip

    @property
    def charges(self) -> tuple[Charge, ...]:
        """What all copies store, by the hour; nothing where no price is given."""
        p = self.parameters
        if p.copy_dollars_per_gb_month is None:
            return ()
        full = p.quorum.copies if p.quorum.full is None else p.quorum.full
        stored_gb = p.protection_groups * (full * p.segment_gb + p.quorum.copies * p.tail_gb)
        return (Hourly("stored copies", p.copy_dollars_per_gb_month / MONTH_H, stored_gb),)

    def commit(self) -> Steps:
        """From a writer that has done its part to a record that is durable."""
        p, network = self.parameters, self.region.network
        send = Hold(self.boxcars, Route(Serve(self.cpu, seconds(p.send_s)), Admit((self.batches,))))
        write = Serve(self.disk, seconds(p.record_s), once=seconds(p.write_s))
        leg = Route(
            Choose(self.channel_of, "leg"), Pass(self.in_group), send, Choose(self.segment_of, 0),
            Travel(network, self.instances, self.segments), write, Serve(self.flash, p.persist), Persist(self.volume),
            *self._background(), Travel(network, self.segments, self.instances), Report(self.volume),
        )  # fmt: skip
        return (
            Choose(self.page, "key"), Order(self.copies), Allocate(self.volume),
            Occupy(self.outstanding, Route(Fork(self.everyone, leg), Await(self.volume))),
        )  # fmt: skip

    def _background(self) -> Steps:
        """What a segment does with a record that it has, when it has the time or in its turn."""
        background = self.parameters.background
        if background is None:
            return ()
        where = self.spare if background.way == "gives_way" else self.disk
        return (Fork(self.detached, Route(Serve(where, background.work))),)

    def read(self) -> Steps:
        """From an instance to a segment that has the page, and back; to another one, where that takes too long."""
        p, page, ask = self.parameters, Choose(self.page, "key"), (Admit((self.asked,)), *self.ask_for_page())
        if p.reads == "quorum":
            return page, Fork(self.enough, Route(Choose(self.read_from, "leg"), *ask))
        complete: Steps = (Find(self.volume),)
        ask = (*ask[:-1], *complete, ask[-1])
        if p.reads == "nearest":
            seek: Steps = (page, Seek(self.volume, self.order))
        else:
            seek = (page, Choose(self.read_from, "random"), Seek(self.volume, self.order, "kept"))
        if p.hedge_s == "off":
            return *seek, *ask
        late = (
            Serve(self.patience, seconds(p.hedge_s)), Needed(), Admit((self.hedged,)),
            Seek(self.volume, self.order, "other"),
        )  # fmt: skip
        return *seek, Fork(self.first, (Route(*ask), Route(*late, *ask)))

    def ask_for_page(self) -> Steps:
        """To a segment, and back."""
        network = self.region.network
        return (
            Travel(network, self.instances, self.segments), Serve(self.readers, self.parameters.read),
            Travel(network, self.segments, self.instances),
        )  # fmt: skip


def with_pages(quorum: QuorumParameters, row: tuple[int, ...]) -> tuple[int, ...]:
    """Segments of a group, in the order of their places, that have pages and not the log alone."""
    return tuple(segment for place, segment in enumerate(row[: quorum.copies]) if quorum.is_full(place))


def padded(members: Sequence[int], width: int) -> tuple[int, ...]:
    """As many slots, over and over the same members."""
    return tuple(members[slot % len(members)] for slot in range(width))


def distance_s(region: Region, parameters: StorageParameters, zone: int, other: int) -> float:
    """Mean seconds until a segment of some other zone has answered a read, or one of the same."""
    network = region.network
    way = network.near if zone == other or network.far is None else network.far
    return 2.0 * way.mean() + parameters.read.mean()


def preferred(members: Sequence[int], instance: int, took_s: Callable[[int], float]) -> tuple[int, ...]:
    """Segments of a group in the order in which an instance asks them: by time; those that are alike by turns."""
    first = instance % len(members)
    return tuple(sorted((*members[first:], *members[:first]), key=took_s))


def first_order(
    region: Region, parameters: StorageParameters, zone: int, rows: tuple[tuple[int, ...], ...], zones: tuple[int, ...],
    instance: int,
) -> tuple[int, ...]:  # fmt: skip
    """All segments, row by row, as an instance of some zone prefers them before it has asked any."""
    order: list[int] = []
    for row in rows:
        able = with_pages(parameters.quorum, row)
        order += padded(
            preferred(able, instance, lambda each: distance_s(region, parameters, zone, zones[each])), len(row)
        )
    return tuple(order)
