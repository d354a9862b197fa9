"""EBS volumes: where an instance's log and pages are.

A volume is on two servers of its zone: the first one sends on to the second what it takes, both write it at the same
time, and when both have it the instance has its answer. So a write is as slow as the slower of the two, and needs both
of them: two of two. A standby that is a mirror has such a volume of its own, in another zone, which is written when the
primary's has been; an answer needs all four. What happens in sequence is the primary's volume, the way to the standby,
and that one's volume.

The log of an instance is flushed once for all who commit meanwhile (group commit), by each server on its own: it takes
what has come since as soon as it has written what came before. Pages go by the volume's I/O operations per second.

Source:
    Verbitski and others, SIGMOD 2017, section 3.1 and figure 2: the five steps of a write, of which the first, the
    third and the fifth are in sequence, and the mirrors' beside those; and four of four. EBS guide: volumes are
    replicated within their zone.

Limits:
    Bandwidth is that of the volume alone. The paper does not say when the first server sends on what it takes: here at
    once. What EBS does when one of its servers is lost (it makes another copy) is left out, as in the paper: a lost
    server is a lost volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.kernel.laws import LognormalSeconds, Positive, SecondsLaw, seconds
from models.kernel.parts import UNLIMITED, Group, Membership, Quorum, Station
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Choose, Fork, Serve, Step, Travel
from models.kernel.system import Route
from models.region import Region

Steps = tuple[Step, ...]
NO_TIME = seconds(0.0)


class VolumeParameters(Parameters):
    """What a volume is."""

    write: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.0004, p99_s=0.003), "seconds for each of its two servers to write",
        assumed='0.0002 to 0.001, with a tail: "single-digit millisecond" for both and the way (EBS guide)',
    )  # fmt: skip
    read: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.0006, p99_s=0.003), "seconds to read a page", assumed="0.0003 to 0.001, with a tail"
    )
    iops: Positive = parameter(30_000.0, "I/O operations per second for pages", source="SIGMOD 2017: provisioned")
    bytes_per_s: Positive = parameter(320e6, "bytes/s of the log", source="EBS guide (2017): io1, 320 MiB/s at most")


@dataclass(frozen=True, eq=False)
class Volumes:
    """The volume of each instance, as parts.

    Args:
        region: Where they stand.
        parameters: What they are like.
        first: Their first servers.
        second: Their second servers.
        own: The volume of an instance.
        of_other: The volume of the other one, of those that something has gone to.
        mirror: The second server of a first one.
        log: Where the first servers write the log.
        second_log: Where the second ones do.
        both: Both servers must have written.
        bandwidth: By which the log gets there.
        pages: Where pages go in and out.
        latency: What reading one takes besides.
    """

    region: Region
    parameters: VolumeParameters
    first: Group
    second: Group
    own: Membership
    of_other: Membership
    mirror: Membership
    log: Station
    second_log: Station
    both: Quorum
    bandwidth: Station
    pages: Station
    latency: Station

    @classmethod
    def of(cls, region: Region, parameters: VolumeParameters, nodes: Group, peers: Group) -> Volumes:
        """One for each instance, in its zone."""
        zones = tuple(nodes.zone(member) for member in range(nodes.size))
        first, second = Group("volumes", nodes.size, zones), Group("mirrors", nodes.size, zones)
        each: Sequence[tuple[int]] = [(member,) for member in range(nodes.size)]
        return cls(
            region, parameters, first, second, Membership(first, tuple(each), of=nodes),
            Membership(first, tuple(each), of=peers), Membership(second, tuple(each), of=first),
            Station("log", first, rounds=True), Station("mirrored log", second, rounds=True), Quorum("volume", 2, 2),
            Station("log bandwidth", first), Station("page I/O", first),
            Station("page latency", first, UNLIMITED),
        )  # fmt: skip

    def flush(self, own: Membership, log_bytes: int) -> Steps:
        """What is in an instance's log gets to its volume, and the answer back; `own` says whose volume it is."""
        network, node = self.region.network, own.of
        assert node is not None
        write = self.parameters.write
        mirror = Route(
            Choose(self.mirror, 0), Travel(network, self.first, self.second),
            Serve(self.second_log, NO_TIME, once=write), Travel(network, self.second, self.first),
        )  # fmt: skip
        return (
            Choose(own, 0), Travel(network, node, self.first),
            Serve(self.bandwidth, seconds(log_bytes / self.parameters.bytes_per_s)),
            Fork(self.both, (Route(Serve(self.log, NO_TIME, once=write)), mirror)), Travel(network, self.first, node),
        )  # fmt: skip

    def write_more(self, size_bytes: int) -> Serve:
        """More bytes go into the log."""
        return Serve(self.bandwidth, seconds(size_bytes / self.parameters.bytes_per_s))

    @property
    def to_pages(self) -> Steps:
        """From an instance to its volume."""
        return (Choose(self.own, 0), Travel(self.region.network, self._nodes, self.first))

    def operations(self, count: float) -> Serve:
        """So many I/O operations on pages."""
        return Serve(self.pages, seconds(count / self.parameters.iops))

    def read(self) -> Steps:
        """A page from an instance's volume."""
        back = Travel(self.region.network, self.first, self._nodes)
        return (*self.to_pages, self.operations(1.0), Serve(self.latency, self.parameters.read), back)

    @property
    def _nodes(self) -> Group:
        assert self.own.of is not None
        return self.own.of
