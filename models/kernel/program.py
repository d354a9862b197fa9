"""A system as numbers: the routes of its operations flattened into sites, its parts into tables.

A site is one place on a route: a step, where to go next, and what the step needs, as small integers. Both engines walk
the same sites; the compiled engine sees them as rows of one record array.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np

from models.kernel.codes import OP_DELAY, OP_SERVE
from models.kernel.columns import Column, lay_columns
from models.kernel.laws import Law, LawTable
from models.kernel.parts import Bucket, Cache, Copies, Group, Log, Membership, Network, Quorum, Room, Station, Volume
from models.kernel.steps.base import Step
from models.kernel.system import Operation, Route, System

END = 0
"""The site where every route ends."""
MAX_GROUPS = 12
"""Groups that a walk can remember its chosen member of."""
MAX_DEPTH = 4
"""Forks within forks: a branch takes six bits of the draws' identity."""

SITE = np.dtype(
    [(name, np.int64) for name in
     ("op", "a", "b", "c", "d", "of", "law", "stream", "visit", "next", "other", "carries", "column", "private", "turn",
      "ahead", "once")]
    + [("x", np.float64)]
)  # fmt: skip


@dataclass
class Site:
    """One place on a route.

    What a to d, x and other mean is the step's own business; `of` is what units are of; `once` is the law of what a
    round does for all in it, -1 for nothing; `column` plus a walk's branch is where its draws may lie (see `columns`),
    -1 for nowhere. `private`: nobody else sees what it does; `turn`: it is served in turn; `ahead`: walks go ahead of
    the clock from here (see `steps.ahead`).
    """

    step: Step
    op: int
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0
    of: int = 0
    law: int = 0
    stream: int = 0
    visit: int = 0
    next: int = END
    other: int = END
    carries: int = 0
    column: int = -1
    private: int = 0
    turn: int = 0
    ahead: int = 0
    once: int = -1
    x: float = 0.0
    index: int = 0

    @property
    def laws(self) -> list[int]:
        """All laws that it draws from."""
        if self.op == OP_DELAY:
            return [self.law, self.c]
        return [self.law, *([self.once] if self.once >= 0 else [])] if self.op == OP_SERVE else []


@dataclass
class Program:
    """A flattened system.

    Args:
        system: What it was made from.
        operations: Those of clients, by the index of their name, then control's own.
        name: The system's name in the scenario; its streams are drawn under it.
    """

    system: System
    name: str
    sites: list[Site] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)
    past_entries: list[int] = field(default_factory=list)
    operation_names: list[str] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)
    stations: list[Station] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    caches: list[Cache] = field(default_factory=list)
    buckets: list[Bucket] = field(default_factory=list)
    quorums: list[Quorum] = field(default_factory=list)
    rooms: list[Room] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    copies: Copies | None = None
    volume: Volume | None = None
    legs: list[int] = field(default_factory=list)
    laws: LawTable = field(default_factory=LawTable)
    stream_names: list[str] = field(default_factory=list)
    link_groups: dict[int, Group] = field(default_factory=dict)
    link_stations: dict[int, Station] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    occupied: list[tuple[int, Station]] = field(default_factory=list)
    """While routes are read: the stations that are occupied there, by depth."""
    holding: list[int] = field(default_factory=list)
    """While routes are read: depths at which something is held in a waiting room there."""
    _complete: bool = False

    def __post_init__(self) -> None:
        from models.kernel.past import past_routes
        from models.kernel.steps.ahead import lay_ahead
        from models.kernel.steps.base import End

        self.sites.append(Site(End(), End.op))
        self.operation_names.extend(self.system.operations)
        self.operations.extend([*self.system.operations.values(), *self.system.probes.values()])
        for operation in self.operations:
            self._visits: dict[int, int] = {}
            self.entries.append(self.flatten(operation.route, END))
        for route in past_routes(o.route for o in self.system.operations.values()):
            self._visits = {}
            self.past_entries.append(self.flatten(route, END))
        self.columns.extend(lay_columns(self))
        lay_ahead(self)
        if self.logs and self.volume is not None:
            raise ValueError(f"{self.name}: a walk has one record: of a log or of a volume, not of either")
        if len(self.groups) > MAX_GROUPS:
            raise ValueError(f"a system has at most {MAX_GROUPS} groups, {self.name} has {len(self.groups)}")
        families: list[list[Any]] = [
            [*self.stations, *self.networks],
            self.caches,
            self.buckets,
            self.quorums,
            self.rooms,
            self.logs,
            list(self.system.charges),
        ]
        for family in families:
            names = [part.name for part in family if part not in self.link_stations.values()]
            if not all(names) or len(set(names)) < len(names):
                raise ValueError(f"{self.name}: like parts must have names of their own, these are called {names}")
        self._complete = True

    @property
    def reads_keys(self) -> bool:
        """Whether it matters to anything which key a request asks for."""
        return any(site.step.reads_key for site in self.sites)

    def flatten(self, route: Route, after: int, depth: int = 0) -> int:
        """Add a route's sites, from its end to its beginning; returns the index of its first, `after` if it is
        empty.
        """
        assert depth <= MAX_DEPTH, "forks are nested too deep"
        for step in reversed(route.steps):
            after = step.place(self, after, depth)
        return after

    def reached(self, entries: list[int]) -> list[Site]:
        """Sites on the way from some others to their route's end, which is not among them."""
        found: dict[int, Site] = {}
        waiting = list(entries)
        while waiting:
            index = waiting.pop()
            if index != END and index not in found:
                site = found[index] = self.sites[index]
                waiting += [site.next, site.other]
        return list(found.values())

    def operation(self, name: str) -> int:
        """Index of an operation, of clients or of control."""
        return [*self.operation_names, *self.system.probes].index(name)

    def add(self, site: Site) -> int:
        """Add one site; returns its index."""
        site.index = len(self.sites)
        self.sites.append(site)
        return len(self.sites) - 1

    def group(self, group: Group) -> int:
        """Register of a group."""
        return self._index(self.groups, group)

    def membership(self, membership: Membership) -> int:
        """Index of a key-to-member table."""
        self.group(membership.group)
        if membership.of is not None:
            self.group(membership.of)
        return self._index(self.memberships, membership)

    def station(self, station: Station) -> int:
        """Index of the station family's first member."""
        self.group(station.group)
        return self._base(self.stations, station)

    def cache(self, cache: Cache) -> int:
        """Index of the cache family's first member."""
        self.group(cache.group)
        if cache.draws:
            self.cache_stream(cache)
        return self._base(self.caches, cache)

    def cache_stream(self, cache: Cache) -> int:
        """Index of the stream that a sampled cache draws from."""
        return self.stream(f"{cache.name} evictions")

    def bucket_at(self, index: int) -> Bucket:
        """The family of which the bucket of this index is a member."""
        return [part for part in self.buckets for _ in range(part.group.size)][index]

    def bucket(self, bucket: Bucket) -> int:
        """Index of the bucket family's first member."""
        self.group(bucket.group)
        base = self._base(self.buckets, bucket)
        if bucket.overflow is not None:
            self.bucket(bucket.overflow)
        return base

    def network(self, network: Network) -> int:
        """Index of a network; its links are a group of their own, and stations where bandwidth is bounded."""
        index = self._index(self.networks, network)
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
        return self._index(self.quorums, quorum)

    def room(self, room: Room) -> int:
        """Index of the room family's first member."""
        self.group(room.group)
        if room.by is not None:
            self.group(room.by)
        return self._base(self.rooms, room)

    def log(self, log: Log) -> int:
        """Index of the log family's first member."""
        self.group(log.group)
        return self._base(self.logs, log)

    def copies_of(self, copies: Copies) -> None:
        """Register the one set of copies."""
        self.membership(copies.members)
        if copies.by_key is not None:
            self.membership(copies.by_key)
        if self.copies not in (None, copies):
            raise ValueError(f"{self.name}: a system has one set of copies")
        self.copies = copies

    def volume_of(self, volume: Volume) -> None:
        """Register the one volume."""
        for group in (volume.writers, volume.rows, volume.segments):
            self.group(group)
        if volume.copies is not None:
            self.copies_of(volume.copies)
        if self.volume not in (None, volume):
            raise ValueError(f"{self.name}: a system has one volume")
        self.volume = volume

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
        numbers = attrgetter(*(SITE.names or ()))
        return np.array([numbers(site) for site in self.sites], SITE)

    def zones(self) -> tuple[list[int], list[int]]:
        """Zone of every member of every group, and where each group's members begin."""
        flat: list[int] = []
        bases = []
        for group in self.groups:
            bases.append(len(flat))
            flat.extend(group.zone(member) for member in range(group.size))
        return flat, bases

    def _index(self, known: list[Any], part: Any) -> int:
        """Where a part stands among its like; a new one is entered while the routes are read, and not later."""
        for index, other in enumerate(known):
            if other is part:
                return index
        if self._complete:
            raise ValueError(f"{self.name}: no route leads through {part}")
        known.append(part)
        return len(known) - 1

    def _base(self, known: list[Any], part: Any) -> int:
        """Where the first member of a part's family stands."""
        index = self._index(known, part)
        return sum(other.group.size for other in known[:index])
