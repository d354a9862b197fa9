"""The `[[faults]]` of a scenario: what may be written, and the parts of a system that it means.

A target is `SYSTEM.PART[MEMBER]`: a group of nodes, a station, a cache or a network of that system, or its `zones`.
Without a member all of them are meant, and `*` is every system that has such a part. Changes of load have no target, as
all systems see the same requests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from bench.errors import Problem
from bench.scenario.locate import KeyPath
from bench.scenario.suggest import hint
from models.kernel.arrivals import Arrivals, Schedule, SteadyArrivals, with_load
from models.kernel.faults import Clear, Effect, Fault, Flush, Forget, Interrupt, LinkFault, Move, StationFault
from models.kernel.laws import NonNegative, Positive
from models.kernel.parts import Cache, Copies, Group, Network, Station
from models.kernel.plane import Down
from models.kernel.program import Program
from models.kernel.registry import Parameters

Target = Annotated[str, StringConstraints(min_length=1, max_length=200)]
How = Annotated[Down, Field(description='"silent": no answer at all; "refuse": an error at once')]
Zone = Annotated[int, Field(ge=0, le=100)]
_TARGET = re.compile(r"(?P<system>\*|[A-Za-z0-9_-]+)\.(?P<part>[^\[\]]+?)(\[(?P<member>[0-9]{1,9})\])?")
CLIENTS = "clients"
"""The group that requests start from; when its zone is lost, they start from the others."""
ZONES = "zones"
EVERY = "*"
"""Instead of a system's name: every system that has the part."""


class FaultSpec(Parameters):
    """What every fault has."""

    at_s: NonNegative = Field(description="when it begins, seconds")
    until_s: Positive | None = Field(None, description="when it is over; none: never")
    text: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        None, description="what happens, in words, for tables and pictures"
    )

    @model_validator(mode="after")
    def _takes_time(self) -> FaultSpec:
        if self.until_s is not None and self.until_s <= self.at_s:
            raise ValueError(f"until_s must be later than at_s = {self.at_s:g}")
        return self

    @property
    def end_s(self) -> float:
        """When it is over; inf: never."""
        return math.inf if self.until_s is None else self.until_s

    @property
    def label(self) -> str:
        """What happens, in words."""
        target = str(getattr(self, "target", "")).removeprefix(f"{EVERY}.")
        return self.text or ": ".join(filter(None, (target, self.what())))

    def what(self) -> str:
        """The kind, and how much of it."""
        factor = getattr(self, "factor", None)
        return str(getattr(self, "kind", "")) + ("" if factor is None else f" ×{factor:g}")


class NodeDown(FaultSpec):
    """A node is lost with all that it works on and holds in memory; it comes back with what it has on a disk."""

    kind: Literal["node-down"]
    target: Target
    how: How = "silent"


class StationDown(FaultSpec):
    """One station of a node is lost with all that it works on; the node's caches stay."""

    kind: Literal["station-down"]
    target: Target
    how: How = "silent"


class ZoneDown(FaultSpec):
    """A zone is lost: its nodes, and all links into it, out of it and within it; clients there go to other zones."""

    kind: Literal["zone-down"]
    target: Target
    how: How = "silent"
    clients: Literal["move", "stay"] = Field(
        "move", description='of the zone: "move" to other zones at once, as behind a load balancer, or "stay"'
    )
    reroute_s: NonNegative = Field(
        5.0,
        description="seconds until load balancers leave the zone's request routers out, and take them in again; "
        "assumed: 1 to 30",
    )


class Pause(FaultSpec):
    """A node or station stands still, as in a pause for garbage collection; work waits and goes on where it stood."""

    kind: Literal["pause"]
    target: Target


class Slow(FaultSpec):
    """All work of a node or station takes `factor` times as long."""

    kind: Literal["slow"]
    target: Target
    factor: Positive


class LinkCut(FaultSpec):
    """Messages between two zones are lost, or bounce."""

    kind: Literal["link-cut"]
    target: Target
    zones: Annotated[list[Zone], Field(min_length=2, max_length=2, description="from, to")]
    how: How = "silent"
    one_way: bool = Field(False, description="from the first zone to the second alone")


class LinkSlow(FaultSpec):
    """Messages between two zones take `factor` times as long."""

    kind: Literal["link-slow"]
    target: Target
    zones: Annotated[list[Zone], Field(min_length=2, max_length=2, description="from, to")]
    factor: Positive
    one_way: bool = Field(False, description="from the first zone to the second alone")


class CacheFlush(FaultSpec):
    """A cache forgets everything, once."""

    kind: Literal["cache-flush"]
    target: Target

    @model_validator(mode="after")
    def _is_an_instant(self) -> CacheFlush:
        if self.until_s is not None:
            raise ValueError("a flush is over at once; leave until_s out")
        return self

    @property
    def end_s(self) -> float:
        return self.at_s


class Load(FaultSpec):
    """Clients ask `factor` times as often."""

    kind: Literal["load"]
    factor: NonNegative


AnyFault = Annotated[
    NodeDown | StationDown | ZoneDown | Pause | Slow | LinkCut | LinkSlow | CacheFlush | Load,
    Field(discriminator="kind"),
]
MakeProblem = Callable[[KeyPath, str, str], Problem]


def check_times(specs: Sequence[FaultSpec], warmup_s: float, duration_s: float, problem: MakeProblem) -> list[Problem]:
    """Find faults outside of what is measured, before anything runs."""
    found = []
    for index, spec in enumerate(specs):
        path: KeyPath = ("faults", index, "at_s")
        if spec.at_s < warmup_s:
            what = f"{spec.at_s:g} s lies within the warm-up of {warmup_s:g} s, which ends before the first fault"
            found.append(problem(path, what, "let it begin later, or make warmup_s less"))
        elif spec.at_s >= duration_s:
            found.append(problem(path, f"requests end at {duration_s:g} s", "let it begin earlier"))
    return found


def under_load(
    arrivals: Any, specs: Sequence[FaultSpec], problem: MakeProblem, *, traced: bool
) -> tuple[Any, list[Problem]]:
    """The arrivals under changes of load, and what stands against these."""
    changes = [(spec.at_s, spec.end_s, spec.factor) for spec in specs if isinstance(spec, Load)]
    if not changes:
        return arrivals, []
    if traced or not isinstance(arrivals, SteadyArrivals | Schedule):
        what, remedy = "only steady or scheduled arrivals can change their load", "use poisson, constant or schedule"
        paths: list[KeyPath] = [("faults", i, "kind") for i, spec in enumerate(specs) if isinstance(spec, Load)]
        return arrivals, [problem(path, what, remedy) for path in paths]
    assert isinstance(arrivals, Arrivals)
    return with_load(arrivals, changes), []


def resolve(
    specs: Sequence[FaultSpec], programs: Mapping[str, Program], problem: MakeProblem
) -> tuple[dict[str, list[Fault]], list[Problem]]:
    """Faults of each system, on its own parts; and every target that does not exist.

    Args:
        specs: In the order of the scenario.
        programs: The systems, by name.
        problem: Makes a problem of a path in the scenario, what is wrong and what to do.
    """
    faults: dict[str, list[Fault]] = {name: [] for name in programs}
    problems = []
    for index, spec in enumerate(specs):
        target = getattr(spec, "target", None)
        if target is None:
            continue
        found: list[str] = []
        unknown: _UnknownError | None = None
        every = programs if target.startswith(f"{EVERY}.") else [target.split(".", 1)[0]]
        for system in every:
            try:
                meant = _faults(spec, target, system, programs)
            except _UnknownError as error:
                unknown = error
            else:
                found.append(system)
                faults[system].extend(meant)
        if not found and unknown is not None:
            problems.append(problem(("faults", index, unknown.key), unknown.what, unknown.remedy))
    return faults, problems


def targets(program: Program) -> dict[str, list[str]]:
    """What faults can happen to, without the system's name; of the nodes first those of the system's first station."""
    first = program.stations[0].group
    nodes = sorted(_nodes(program), key=lambda group: group is not first)
    zones = _zones(program) if program.networks else 0
    found = {
        "nodes": [group.name for group in nodes],
        "stations": [station.name for station in _machines(program)],
        "caches": [cache.name for cache in program.caches],
        "networks, for links": [network.name for network in program.networks],
        "zones": [f"{ZONES}[{zone}]" for zone in range(zones)],
    }
    return {what: names for what, names in found.items() if names}


class _UnknownError(Exception):
    """A target, or a zone, that does not exist."""

    def __init__(self, what: str, remedy: str, key: str = "target") -> None:
        self.what, self.remedy, self.key = what, remedy, key


def _faults(spec: Any, target: str, system: str, programs: Mapping[str, Program]) -> list[Fault]:
    """What a fault means for a system: its effects, and those that come of it a while later."""
    match = _TARGET.fullmatch(target)
    if match is None:
        raise _UnknownError(f"{target!r} names no part", "write SYSTEM.PART or SYSTEM.PART[MEMBER], as in dax.nodes[0]")
    part, given = match["part"], match["member"]
    if system not in programs:
        raise _UnknownError(f"there is no system {system!r}", hint(system, programs, "systems"))
    program, member = programs[system], None if given is None else int(given)
    until_s = spec.end_s if spec.end_s > spec.at_s else math.inf
    found = [Fault(spec.at_s, until_s, tuple(_effects(spec, program, part, member, system)))]
    if isinstance(spec, ZoneDown) and member is not None:
        away = tuple(_moves(program, member, lambda group: group.balanced))
        found.append(Fault(spec.at_s + spec.reroute_s, until_s + spec.reroute_s, away))
    return found


def _effects(spec: Any, program: Program, part: str, member: int | None, system: str) -> list[Effect]:
    """What a fault does to the parts of a system."""
    if isinstance(spec, ZoneDown):
        return list(_zone_effects(spec, program, part, member))
    if isinstance(spec, LinkCut | LinkSlow):
        return list(_link_effects(spec, _named(program.networks, part, system), member))
    if isinstance(spec, CacheFlush):
        cache = _named(program.caches, part, system)
        return [Flush(cache, each) for each in _members(cache.group, member)]
    stations = _stations(spec, program, part, system)
    how = getattr(spec, "how", None)
    effects: list[Effect] = [
        StationFault(station, each, how, isinstance(spec, Pause), getattr(spec, "factor", 1.0))
        for station in stations
        for each in _members(station.group, member)
    ]
    if isinstance(spec, NodeDown):
        group = _named(_nodes(program), part, system)
        effects += [Flush(c, each) for c in _volatile(program) if c.group is group for each in _members(group, member)]
        effects += [
            Clear(r, each, spec.how) for r in program.rooms if r.group is group for each in _members(group, member)
        ]
        effects += [
            Forget(c, each) for c in _forgetful(program) if c.members.group is group for each in _members(group, member)
        ]
        if group in _of_volume(program):
            assert program.volume is not None
            effects += [Interrupt(program.volume, group, each) for each in _members(group, member)]
    return effects


def _nodes(program: Program) -> list[Group]:
    """Groups whose members can fail: something stands on them."""
    stood_on = {id(station.group) for station in program.stations} | {id(cache.group) for cache in program.caches}
    links = list(program.link_groups.values())
    return [group for group in program.groups if group.fails and id(group) in stood_on and group not in links]


def _stations(spec: FaultSpec, program: Program, part: str, system: str) -> list[Station]:
    """The stations that a node's or a station's name means."""
    stations = _machines(program)
    if isinstance(spec, StationDown):
        return [_named(stations, part, system)]
    nodes = _nodes(program)
    if isinstance(spec, NodeDown) or part in [group.name for group in nodes]:
        node = _named(nodes, part, system)
        return [station for station in stations if station.group is node]
    return [_named(stations, part, system)]


def _machines(program: Program) -> list[Station]:
    """Stations that can fail: neither a link's bandwidth, nor bookkeeping."""
    links = program.link_stations.values()
    return [station for station in program.stations if station.group.fails and station not in links]


def _zone_effects(spec: ZoneDown, program: Program, part: str, zone: int | None) -> Iterator[Effect]:
    zones = _zones(program)
    if part != ZONES or zone is None or zone >= zones:
        named = part if zone is None else f"{part}[{zone}]"
        raise _UnknownError(f"{named} is no zone", f"there are zones[0] to zones[{zones - 1}]")
    for station in _machines(program):
        for member in range(station.group.size):
            if station.group.zone(member) == zone:
                yield StationFault(station, member, spec.how)
    for cache in _volatile(program):
        yield from (Flush(cache, m) for m in range(cache.group.size) if cache.group.zone(m) == zone)
    for room in (room for room in program.rooms if room.group.fails):
        yield from (Clear(room, m, spec.how) for m in range(room.group.size) if room.group.zone(m) == zone)
    for copies in _forgetful(program):
        group = copies.members.group
        yield from (Forget(copies, m) for m in range(group.size) if group.zone(m) == zone)
    for group in _of_volume(program):
        assert program.volume is not None
        yield from (Interrupt(program.volume, group, m) for m in range(group.size) if group.zone(m) == zone)
    for network in program.networks:
        for other in range(network.zones):
            yield LinkFault(network, zone, other, spec.how)
            if other != zone:
                yield LinkFault(network, other, zone, spec.how)
    if spec.clients == "move":
        yield from _moves(program, zone, lambda group: group.name == CLIENTS)


def _of_volume(program: Program) -> list[Group]:
    """The groups of which a volume has something in memory."""
    return [] if program.volume is None else [program.volume.writers, program.volume.segments]


def _volatile(program: Program) -> list[Cache]:
    """The caches that are empty after their node was lost."""
    return [cache for cache in program.caches if cache.volatile]


def _forgetful(program: Program) -> list[Copies]:
    """The copies that are gone with their node."""
    return [program.copies] if program.copies is not None and program.copies.volatile else []


def _zones(program: Program) -> int:
    """How many zones the system stands in."""
    return 1 + max((group.zone(m) for group in program.groups for m in range(group.size)), default=0)


def _moves(program: Program, zone: int, are_meant: Callable[[Group], bool]) -> Iterator[Effect]:
    """Whoever chooses a member of such groups in a lost zone gets one in another zone."""
    for table in program.memberships:
        group = table.group
        others = [m for m in range(group.size) if group.zone(m) != zone]
        lost = [(r, s) for r, row in enumerate(table.rows) for s, m in enumerate(row) if group.zone(m) == zone]
        if are_meant(group) and others:
            for turn, (row, slot) in enumerate(lost):
                yield Move(table, row, slot, others[turn % len(others)])


def _link_effects(spec: LinkCut | LinkSlow, network: Network, member: int | None) -> Iterator[Effect]:
    if member is not None:
        raise _UnknownError("a network has no members", "name the two zones with zones = [0, 1]")
    for zone in spec.zones:
        if zone >= network.zones:
            last = network.zones - 1
            raise _UnknownError(f"there is no zone {zone}", f"zones are 0 to {last}", "zones")
    first, second = spec.zones
    for source, target in {(first, second): None, **({} if spec.one_way else {(second, first): None})}:
        if isinstance(spec, LinkCut):
            yield LinkFault(network, source, target, spec.how)
        else:
            yield LinkFault(network, source, target, factor=spec.factor)


def _members(group: Group, member: int | None) -> Iterable[int]:
    """The member that is meant, or all."""
    if member is None:
        return range(group.size)
    if member >= group.size:
        raise _UnknownError(f"{group.name} has {group.size} members, none is [{member}]", f"[0] to [{group.size - 1}]")
    return (member,)


def _named(parts: Sequence[Any], name: str, system: str) -> Any:
    """The part of this name."""
    for part in parts:
        if part.name == name:
            return part
    known = hint(name, [part.name for part in parts], "for this kind of fault")
    raise _UnknownError(f"{system} has no {name!r} that this can happen to", known)
