"""How long Aurora's copies hold together: segments that fail and are repaired, zones that go dark, over years.

Each copy of a volume's segment fails now and then and is repaired by copying what the others have; each zone goes dark
now and then and comes back with what its copies had. Clients write and read all the while: a request is answered if the
copies that are there suffice for it, and refused otherwise, so that the share of refused requests is the
unavailability. When fewer are there than a read needs, nobody can tell what was committed; the first time is noted.

Failures and repairs are processes of the control plane. What they come to where all times are exponential,
`outlook` says exactly, for rates that no run could wait for; `tierbench explain` and reports show it for each system.

Source:
    Verbitski et al., Amazon Aurora, SIGMOD 2017, section 2: six copies, two in each of three zones, of which four
    write and three read; a segment of 10 GB is repaired in ten seconds over 10 Gbit/s; 2 of 3 loses its quorum with a
    zone and one more copy; section 3.1: MySQL on mirrored volumes, 4 of 4. Verbitski et al., SIGMOD 2018, section 4.2:
    three full and three tail segments.

Limits:
    How often segments and zones fail is not published. Copies fail independently of one another, and are repaired so,
    all at once if need be; a repair goes on in a dark zone, and needs nobody that it could copy from. What was lost
    below a read's quorum is there again when its repairs are over, as if restored from a backup. What a copy has begun
    with when it fails is answered. Nobody changes the quorum while a zone is dark.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from models.kernel.closed_forms import Repairs, loss_probability, mean_time_to_loss_s, unavailability
from models.kernel.laws import ConstantSeconds, ExponentialSeconds, Law, Positive, SecondsLaw
from models.kernel.outcome import FloatArray
from models.kernel.parts import Group, Membership, Quorum, Station, everybody
from models.kernel.plane import Plane
from models.kernel.predicates import Table, at_least, both, either, members, without
from models.kernel.registry import ClientParameters, ClosedForm, Model, Parameters, parameter
from models.kernel.steps import Choose, Fork, Pass, Serve
from models.kernel.system import Operation, Route, System

A17 = "Aurora, SIGMOD 2017"
YEAR_S = 365.25 * 86_400.0
LEAST_S = 1e-9
"""Shorter times are as good as none to `closed_forms`."""
Process = Generator[Any, Any, None]
LOST = "fewer copies are there than a read needs, for the first time"
"""The note."""


@dataclass(frozen=True)
class Scheme:
    """Copies in zones, and which of them suffice.

    Args:
        zones: Zone of each copy.
        write: For a write.
        read: For a read.
    """

    zones: tuple[int, ...]
    write: Table
    read: Table

    @property
    def copies(self) -> int:
        """How many there are."""
        return len(self.zones)

    def read_without(self, zone: int) -> Table:
        """What suffices for a read while a zone is dark."""
        return without(self.read, members(*(copy for copy, its in enumerate(self.zones) if its == zone)))


PAIRS = (0, 0, 1, 1, 2, 2)
FULL = members(0, 2, 4)
"""The segments of three that have pages, where the others have the tail of the log alone."""
SchemeName = Literal["four_of_six", "full_and_tail", "two_of_three", "mirrored"]
SCHEMES: dict[SchemeName, Scheme] = {
    "four_of_six": Scheme(PAIRS, at_least(6, 4), at_least(6, 3)),
    "full_and_tail": Scheme(
        PAIRS, either(at_least(6, 4), at_least(6, 3, among=FULL)), both(at_least(6, 3), at_least(6, 1, among=FULL))
    ),
    "two_of_three": Scheme((0, 1, 2), at_least(3, 2), at_least(3, 2)),
    "mirrored": Scheme((0, 0, 1, 1), at_least(4, 4), at_least(4, 1)),
}


@dataclass(frozen=True)
class Outlook:
    """What a scheme comes to.

    Args:
        write_unavailability: Share of time in which nobody can write.
        read_unavailability: Share of time in which nobody can read.
        mean_time_to_loss_s: Mean seconds until fewer copies are there than a read needs, for the first time.
        loss_per_year: Probability of that within a year.
        loss_in_outage: Probability of that within a zone's outage of mean length, whichever zone suits it worst, by
            failures of copies in the others.
    """

    write_unavailability: float
    read_unavailability: float
    mean_time_to_loss_s: float
    loss_per_year: float
    loss_in_outage: float


def outlook(scheme: Scheme, repairs: Repairs) -> Outlook:
    """What a scheme comes to where copies and zones fail and come back after exponential times; exact.

    Args:
        scheme: Copies in zones, and which of them suffice.
        repairs: How often they fail, and how long repairs take.

    Limits:
        Probabilities of loss are approximations, and good where repairs are fast (`loss_probability`).
    """
    up = repairs.availability, scheme.zones, repairs.zone_availability
    loss_s, dark_s = mean_time_to_loss_s(scheme.read, repairs, scheme.zones), repairs.zone_repair_s
    copies_alone = replace(repairs, zone_mttf_s=math.inf)
    left_s = [mean_time_to_loss_s(table, copies_alone) for table in map(scheme.read_without, set(scheme.zones))]
    return Outlook(
        write_unavailability=unavailability(scheme.write, *up),
        read_unavailability=unavailability(scheme.read, *up),
        mean_time_to_loss_s=loss_s,
        loss_per_year=loss_probability(loss_s, YEAR_S),
        loss_in_outage=loss_probability(min(left_s), dark_s),
    )


class DurabilityParameters(Parameters):
    """Parameters of `aurora_durability`."""

    scheme: SchemeName = parameter(
        "four_of_six",
        "copies and which of them suffice: 4 of 6 write and 3 read; the same with three full and three tail segments; "
        "2 of 3; or mirrored volumes, of which all four write",
        source=f"{A17}, section 2",
    )
    mttf_s: Positive = parameter(
        YEAR_S, "mean seconds until a copy fails", assumed="0.1 to 30 years, for whatever reason; exponential"
    )
    repair: SecondsLaw = parameter(
        ConstantSeconds(value_s=10.0),
        "seconds until it is there again",
        source=f"{A17}, section 2.2: 10 GB over 10 Gbit/s, ten seconds",
    )
    zone_mttf_s: Positive | None = parameter(
        None, "mean seconds until a zone goes dark; none: never", example=2.0 * YEAR_S
    )
    zone_repair: SecondsLaw = parameter(
        ConstantSeconds(value_s=14_400.0), "seconds until it is back, with what its copies had", assumed="1 to 24 hours"
    )
    leg: SecondsLaw = parameter(
        ExponentialSeconds(mean_s=0.001), "seconds that a copy takes to answer", assumed="0.5 to 5 ms"
    )
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")


def closed_forms(parameters: DurabilityParameters) -> Sequence[ClosedForm]:
    """What `outlook` says of parameters, repairs and outages being exponential of the same means.

    Shares of time depend on no more than these means. There is nothing to say of times that are none, or have no mean.
    """
    p, zones_fail = parameters, parameters.zone_mttf_s is not None
    zone_mttf_s = math.inf if p.zone_mttf_s is None else p.zone_mttf_s
    times_s = p.mttf_s, p.repair.mean(), p.zone_repair.mean()
    if min(*times_s, zone_mttf_s) < LEAST_S or max(times_s) == math.inf:
        return ()
    repairs = Repairs(p.mttf_s, p.repair.mean(), zone_mttf_s, p.zone_repair.mean())
    found = outlook(SCHEMES[p.scheme], repairs)
    year_min = YEAR_S / 60.0
    outage = (ClosedForm("chance of a loss while a zone is dark", found.loss_in_outage, "%"),) if zones_fail else ()
    return (
        ClosedForm("unavailability of writes", found.write_unavailability, "%"),
        ClosedForm("nobody can write for", found.write_unavailability * year_min, "minutes a year"),
        ClosedForm("unavailability of reads", found.read_unavailability, "%"),
        ClosedForm("nobody can read for", found.read_unavailability * year_min, "minutes a year"),
        ClosedForm("mean time until a loss: too few copies to read", found.mean_time_to_loss_s / YEAR_S, "years"),
        ClosedForm("chance of a loss within a year", found.loss_per_year, "%"),
        *outage,
    )


def build(parameters: DurabilityParameters, operations: tuple[str, ...]) -> System:
    """Requests go to all copies; one that has failed, or whose zone is dark, refuses.

    What has failed is kept in books beside the nodes, so that faults of a scenario can hit these as well.
    """
    scheme = SCHEMES[parameters.scheme]
    nodes = Group("copies", scheme.copies, scheme.zones)
    copies = everybody(nodes)
    books, zones = Group("segments", scheme.copies, fails=False), Group("zones", max(scheme.zones) + 1, fails=False)
    segments, power = Station("segments", books, 0), Station("power", zones, 0)
    leg = Route(
        Choose(copies, "leg"), Choose(everybody(books), "leg"), Choose(Membership(zones, (scheme.zones,)), "leg"),
        Pass(power), Pass(segments), Serve(Station("copies", nodes, 0), parameters.leg),
    )  # fmt: skip
    quorums = {
        "write": Quorum("write quorum", scheme.copies, table=scheme.write),
        "read": Quorum("read quorum", scheme.copies, table=scheme.read),
    }
    client = parameters.client.client()
    return System(
        {name: Operation(Route(Fork(quorums[name], leg)), client) for name in operations},
        controls=(lambda plane: Wear(plane, parameters, scheme, segments, power).run(),), controls_draw=True,
    )  # fmt: skip


class Wear:
    """Failures and repairs of one replication.

    Args:
        plane: Where they happen.
        parameters: How often, and how long.
        scheme: What a read needs.
        segments: Where the books are on copies that have failed.
        power: And on zones that are dark.
    """

    def __init__(
        self, plane: Plane, parameters: DurabilityParameters, scheme: Scheme, segments: Station, power: Station
    ) -> None:
        self.plane, self.p, self.scheme = plane, parameters, scheme
        self.segments, self.power = segments, power
        self.failed: set[int] = set()
        self.dark: set[int] = set()
        self.lost = False

    def run(self) -> Process:
        """All copies and zones, side by side."""
        fails = ExponentialSeconds(mean_s=self.p.mttf_s)
        each = [
            self._go_on(self.segments, copy, self.failed, fails, self.p.repair) for copy in range(self.scheme.copies)
        ]
        if self.p.zone_mttf_s is not None:
            fails = ExponentialSeconds(mean_s=self.p.zone_mttf_s)
            zones = range(self.power.group.size)
            each += [self._go_on(self.power, zone, self.dark, fails, self.p.zone_repair) for zone in zones]
        yield self.plane.env.all_of([self.plane.env.process(one) for one in each])

    def _go_on(self, station: Station, member: int, down: set[int], fails: Law, repair: Law) -> Process:
        """One copy or zone is there, and is not, by turns."""
        plane, at_s = self.plane, 0.0
        for ordinal in itertools.count():
            at_s += self._lasting_s(fails, f"{station.name} fail", member, ordinal)
            yield plane.until(at_s)
            down.add(member)
            plane.down(station, member, "refuse")
            self._look()
            at_s += self._lasting_s(repair, f"{station.name} are repaired", member, ordinal)
            yield plane.until(at_s)
            down.discard(member)
            plane.up(station, member)

    def _look(self) -> None:
        """Say so when reads lose their quorum for the first time."""
        here = (c for c, zone in enumerate(self.scheme.zones) if c not in self.failed and zone not in self.dark)
        if not self.lost and not self.scheme.read[members(*here)]:
            self.lost = True
            self.plane.note(LOST)

    def _lasting_s(self, law: Law, name: str, member: int, ordinal: int) -> float:
        """A time of a law, drawn from control's own numbers."""

        def pair(draw: int) -> tuple[FloatArray, FloatArray]:
            first, second = (
                np.array([self.plane.uniform(f"{name} {draw} {half}", member, ordinal)]) for half in range(2)
            )
            return first, second

        return float(law.block(pair)[0])


MODEL = Model(
    name="aurora_durability",
    summary="copies that fail and are repaired, in zones that go dark",
    parameters=DurabilityParameters,
    build=build,
    operations=("read", "write"),
    limits=(
        "copies fail and are repaired independently of one another",
        "what was lost below a read's quorum is there again after its repairs",
        "nobody changes the quorum while a zone is dark",
    ),
    closed_forms=closed_forms,
)
