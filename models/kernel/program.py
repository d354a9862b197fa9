"""A system as numbers: the routes of its operations flattened into sites, its parts into tables.

A site is one place on a route: a step, where to go next, and what the step needs, as small integers. Both engines walk the
same sites; the compiled engine sees them as rows of one record array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.kernel.laws import Law, LawTable
from models.kernel.parts import Bucket, Cache, Group, Membership, Network, Quorum, Station
from models.kernel.steps.base import Step
from models.kernel.system import Route, System

END = 0
"""The site where every route ends."""
MAX_GROUPS = 12
"""Groups that a walk can remember its chosen member of."""
MAX_DEPTH = 4
"""Forks within forks: a branch takes six bits of the draws' identity."""

SITE = np.dtype(
    [(name, np.int64) for name in
     ("op", "a", "b", "c", "d", "law", "stream", "visit", "next", "other", "carries", "takes_time")] + [("x", np.float64)]
)  # fmt: skip


@dataclass
class Site:
    """One place on a route. What a to d, x and other mean is the step's own business."""

    step: Step
    op: int
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0
    law: int = 0
    stream: int = 0
    visit: int = 0
    next: int = END
    other: int = END
    carries: int = 0
    x: float = 0.0


@dataclass
class Program:
    """A flattened system.

    Args:
        system: What it was made from.
        name: The system's name in the scenario; its streams are drawn under it.
    """

    system: System
    name: str
    sites: list[Site] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)
    past_entries: list[int] = field(default_factory=list)
    operation_names: list[str] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)
    stations: list[Station] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    caches: list[Cache] = field(default_factory=list)
    buckets: list[Bucket] = field(default_factory=list)
    quorums: list[Quorum] = field(default_factory=list)
    legs: list[int] = field(default_factory=list)
    laws: LawTable = field(default_factory=LawTable)
    stream_names: list[str] = field(default_factory=list)
    link_groups: dict[int, Group] = field(default_factory=dict)
    link_stations: dict[int, Station] = field(default_factory=dict)
    forks: int = 0

    def __post_init__(self) -> None:
        from models.kernel.past import past_routes
        from models.kernel.steps.base import End

        self.sites.append(Site(End(), End.op))
        for name, operation in self.system.operations.items():
            self.operation_names.append(name)
            self._visits: dict[int, int] = {}
            self.entries.append(self.flatten(operation.route, END))
        for route in past_routes(o.route for o in self.system.operations.values()):
            self._visits = {}
            self.past_entries.append(self.flatten(route, END))
        names = [part.name for family in (self.groups, self.stations, self.caches, self.buckets) for part in family]
        if len(self.groups) > MAX_GROUPS:
            raise ValueError(f"a system has at most {MAX_GROUPS} groups, {self.name} has {len(self.groups)}")
        assert all(names), "parts have names"

    def flatten(self, route: Route, after: int, depth: int = 0) -> int:
        """Add a route's sites, from its end to its beginning; returns the index of its first, `after` if it is empty."""
        assert depth <= MAX_DEPTH, "forks are nested too deep"
        for step in reversed(route.steps):
            after = step.place(self, after, depth)
        return after

    def add(self, site: Site) -> int:
        """Add one site; returns its index."""
        self.sites.append(site)
        return len(self.sites) - 1

    def group(self, group: Group) -> int:
        """Register of a group."""
        return _index(self.groups, group)

    def membership(self, membership: Membership) -> int:
        """Index of a key-to-member table."""
        self.group(membership.group)
        if membership.of is not None:
            self.group(membership.of)
        return _index(self.memberships, membership)

    def station(self, station: Station) -> int:
        """Index of the station family's first member."""
        self.group(station.group)
        return _base(self.stations, station)

    def cache(self, cache: Cache) -> int:
        """Index of the cache family's first member."""
        self.group(cache.group)
        return _base(self.caches, cache)

    def bucket(self, bucket: Bucket) -> int:
        """Index of the bucket family's first member."""
        self.group(bucket.group)
        return _base(self.buckets, bucket)

    def network(self, network: Network) -> int:
        """Index of a network; its links are a group of their own, and stations where bandwidth is bounded."""
        index = _index(self.networks, network)
        if index not in self.link_groups:
            self.link_groups[index] = links = Group(network.name, network.zones**2)
            self.group(links)
            if network.bytes_per_s is not None:
                self.link_stations[index] = Station(network.name, links)
                self.station(self.link_stations[index])
        return index

    def link_base(self, network: int) -> int:
        """Index of a network's first link."""
        return sum(n.zones**2 for n in self.networks[:network])

    def quorum(self, quorum: Quorum) -> int:
        """Index of a quorum."""
        return _index(self.quorums, quorum)

    def visit(self, name: str) -> dict[str, int]:
        """Stream of a part's draws, and which visit of this operation to it this is, counted from the route's end."""
        stream = self.stream(name)
        visit = self._visits[stream] = self._visits.get(stream, -1) + 1
        return {"stream": stream, "visit": visit}

    def stream(self, name: str) -> int:
        """Index of a stream by its name within the system."""
        if name not in self.stream_names:
            self.stream_names.append(name)
        return self.stream_names.index(name)

    def law(self, law: Law) -> int:
        """Index of a law."""
        return self.laws.add(law)

    def rows(self) -> np.ndarray[Any, Any]:
        """The sites as records."""
        rows = np.zeros(len(self.sites), SITE)
        for index, site in enumerate(self.sites):
            for name in SITE.names or ():
                rows[index][name] = site.step.takes_time if name == "takes_time" else getattr(site, name)
        return rows

    def zones(self) -> tuple[list[int], list[int]]:
        """Zone of every member of every group, and where each group's members begin."""
        flat: list[int] = []
        bases = []
        for group in self.groups:
            bases.append(len(flat))
            flat.extend(group.zone(member) for member in range(group.size))
        return flat, bases


def _index(known: list[Any], part: Any) -> int:
    for index, other in enumerate(known):
        if other is part:
            return index
    known.append(part)
    return len(known) - 1


def _base(known: Sequence[Any], part: Any) -> int:
    base = 0
    for other in known:
        if other is part:
            return base
        base += other.group.size
    known.append(part)  # type: ignore[attr-defined]
    return base
