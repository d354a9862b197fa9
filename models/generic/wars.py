"""Partial quorums: writes and reads ask all copies and wait for some, so that a read may miss the last write.

Four delays, each one way and each drawn anew for each copy: of a write to the copy (W), of its acknowledgement back
(A), of a read's request to the copy (R), of its response back (S). A write orders the next version of its object, sends
it to all copies and is acknowledged when so many have answered; the others get it later. A read asks all copies as well
and returns the newest version among the first answers. Where a write and a read together wait for no more copies than
there are, none of those that answer a read need have the last write.

Source:
    Bailis, Venkataraman, Franklin, Hellerstein and Stoica, Probabilistically bounded staleness for practical partial
    quorums, PVLDB 5(8), 2012: the model WARS, section 4, and the fits of table 3, checked against public code by its
    first author; that has 3.5 for the shape of YMMR's W, not 3.35. As there, a client of the far copies is in any of
    the three places, for a write and for a read independently.

Limits:
    Delays are independent of one another, of the load and of the object. Nobody repairs: a write spreads by its own
    messages alone, which all arrive. Versions are in the order in which coordinators begin to write.
"""

from __future__ import annotations

from typing import Literal

from models.kernel.laws import (
    ComponentSeconds,
    ExponentialSeconds,
    Law,
    MixtureSeconds,
    NonNegative,
    ParetoSeconds,
    SecondsLaw,
    seconds,
)
from models.kernel.parts import Copies, Group, Network, Quorum, everybody
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Apply, Choose, Fork, Order, Read, Step, Travel
from models.kernel.system import Route

READ = "read"
"""The operation that reads; all others write."""
PBS = "PBS, PVLDB 5(8), 2012, table 3"
MS = 1e-3
EXAMPLE = {"kind": "exponential", "mean_s": 0.001}


class Delays(Parameters):
    """One-way delays between a coordinator and a copy."""

    write: SecondsLaw = parameter(..., "seconds of a write to a copy (W)", example=EXAMPLE)
    acknowledge: SecondsLaw | None = parameter(
        None, "seconds of its acknowledgement back (A); none: as `write`", example=EXAMPLE
    )
    read: SecondsLaw | None = parameter(
        None, "seconds of a read's request to a copy (R); none: as `acknowledge`", example=EXAMPLE
    )
    respond: SecondsLaw | None = parameter(None, "seconds of its response back (S); none: as `read`", example=EXAMPLE)
    between_zones_s: NonNegative = parameter(
        0.0,
        "more seconds each way to copies in other zones; each copy is in one of its own, requests start in any of them",
        assumed="0: one zone",
    )

    def networks(self) -> dict[str, Network]:
        """The ways, by what is under way on them."""
        acknowledge = self.acknowledge or self.write
        read = self.read or acknowledge
        laws = {"write": self.write, "acknowledge": acknowledge, "read": read, "respond": self.respond or read}
        return {name: Network(name, law) for name, law in laws.items()}


def _fit(minimum_ms: float, shape: float, share: float, rate_per_ms: float) -> Law:
    """A Pareto body, with an exponential tail of such a share."""
    body = ComponentSeconds(weight=1.0 - share, law=ParetoSeconds(minimum_s=minimum_ms * MS, shape=shape))
    tail = ComponentSeconds(weight=share, law=ExponentialSeconds(mean_s=MS / rate_per_ms))
    return MixtureSeconds(components=[body, tail])


_SSD, _DISK = _fit(0.235, 10.0, 0.0878, 1.66), _fit(1.05, 1.51, 0.62, 0.183)
DelaysName = Literal["lnkd-ssd", "lnkd-disk", "ymmr", "wan"]
FITTED: dict[DelaysName, Delays] = {
    "lnkd-ssd": Delays(write=_SSD),
    "lnkd-disk": Delays(write=_DISK, acknowledge=_SSD),
    "ymmr": Delays(write=_fit(3.0, 3.35, 0.061, 0.0028), acknowledge=_fit(1.5, 3.8, 0.018, 0.0217)),
    "wan": Delays(write=_DISK, acknowledge=_SSD, between_zones_s=0.075),
}
"""Fits to what was measured at LinkedIn (Voldemort on SSDs, and on spinning disks) and Yammer
(Riak); and LinkedIn's disks in three places 75 ms apart.
"""


class PartialQuorums:
    """Copies, and the ways to them.

    Args:
        count: Copies.
        delays: How long messages are under way.
    """

    def __init__(self, count: int, delays: Delays) -> None:
        apart = delays.between_zones_s > 0.0
        zones = tuple(range(count)) if apart else ()
        self.count = count
        self.coordinators = Group("coordinators", count if apart else 1, zones, fails=False)
        self.nodes = Group("copies", count, zones)
        self.members = everybody(self.nodes)
        self.versions = Copies("versions", self.members, led=False)
        self.between = Network("between zones", seconds(0.0), seconds(delays.between_zones_s), count) if apart else None
        self.ways = delays.networks()

    def route(self, operation: str, quorum: Quorum) -> Route:
        """A read or a write, from a coordinator to all copies; done when so many have answered."""
        if operation == READ:
            return Route(self._home, self._ask(quorum, "read", Read(self.versions), "respond"))
        return Route(self._home, Order(self.versions), self._ask(quorum, "write", Apply(self.versions), "acknowledge"))

    @property
    def _home(self) -> Choose:
        return Choose(everybody(self.coordinators), "random" if self.coordinators.size > 1 else 0)

    def _ask(self, quorum: Quorum, there: str, what: Step, back: str) -> Fork:
        """There and back; across zones, that much longer."""
        return Fork(quorum, Route(
            Choose(self.members, "leg"), *self._across(self.coordinators, self.nodes), Travel(self.ways[there]),
            what, Travel(self.ways[back]), *self._across(self.nodes, self.coordinators),
        ))  # fmt: skip

    def _across(self, source: Group, target: Group) -> tuple[Step, ...]:
        return () if self.between is None else (Travel(self.between, source, target),)
