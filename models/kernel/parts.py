"""The parts that routes lead through: groups of members, and what stands on each member.

A group is a set of like nodes (the three nodes of a DAX cluster, the replicas of a table). It is the unit that is
chosen and that fails. Stations, caches and token buckets stand on groups: one on every member. Links and networks lie
between. Parts are declarations; what changes while a system runs lives in the engines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from models.kernel.laws import Law

MAX_LEGS = 62
"""Legs of a fork, which are bits of a set."""
UNLIMITED = 0
"""Servers of a station that never makes anybody wait."""

CachePolicy = Literal["lru", "fifo", "clock", "sampled_lru", "sampled_lfu", "segmented_lru"]
CACHE_POLICIES: tuple[CachePolicy, ...] = ("lru", "fifo", "clock", "sampled_lru", "sampled_lfu", "segmented_lru")
CHUNK_ALIGN_BYTES, MAX_SLAB_CLASSES = 8, 63


@dataclass(frozen=True, eq=False)
class Group:
    """Like nodes, numbered from 0.

    Args:
        name: Unique within the system.
        size: Number of members.
        zones: Zone of each member, by index; empty: all in zone 0.
        balanced: Whether a load balancer stands before the members, and leaves out those of a lost zone in time.
        fails: Whether faults can hit the members; who holds a lease, say, is kept in books and is no machine.
    """

    name: str
    size: int = 1
    zones: tuple[int, ...] = ()
    fails: bool = True
    balanced: bool = False

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"group {self.name}: size must be at least 1, got {self.size}")
        if self.zones and len(self.zones) != self.size:
            raise ValueError(f"group {self.name}: {len(self.zones)} zones for {self.size} members")

    def zone(self, member: int) -> int:
        """Zone of a member."""
        return self.zones[member] if self.zones else 0


@dataclass(frozen=True, eq=False)
class Membership:
    """Which members of a group a choice may fall on: the key-to-member table that control can rewrite.

    Args:
        group: The group chosen from.
        rows: Members by slot; one row, or one for each member of `of`. Rows have equal lengths.
        of: The group whose chosen member selects the row (the partition whose replicas these are).
    """

    group: Group
    rows: tuple[tuple[int, ...], ...]
    of: Group | None = None

    def __post_init__(self) -> None:
        wanted = self.of.size if self.of is not None else 1
        if len(self.rows) != wanted:
            raise ValueError(f"membership of {self.group.name}: {len(self.rows)} rows, {wanted} needed")
        if not self.rows[0] or len({len(row) for row in self.rows}) != 1:
            raise ValueError(f"membership of {self.group.name}: rows must have one equal, positive length")
        if any(not 0 <= member < self.group.size for row in self.rows for member in row):
            raise ValueError(f"membership of {self.group.name}: a slot names no member")

    @property
    def width(self) -> int:
        """Slots in a row."""
        return len(self.rows[0])


def everybody(group: Group) -> Membership:
    """One row with every member once."""
    return Membership(group, (tuple(range(group.size)),))


@dataclass(frozen=True, eq=False)
class Station:
    """Servers and one first-come-first-served queue, on each member of a group.

    Args:
        name: Unique within the system.
        group: The members that have one each.
        servers: Servers of each; `UNLIMITED` for no queueing.
        queue_limit: Waiting places; a request that finds them full is turned away. None: no bound.
        full: What it is told then.
        rounds: Whether its one server works in rounds: it takes all who wait at once, does the work of each and, once,
            what any of them wants done for all; then they go on together (group commit, an event loop).
    """

    name: str
    group: Group
    servers: int = 1
    queue_limit: int | None = None
    full: Literal["rejected", "throttled"] = "rejected"
    rounds: bool = False

    def __post_init__(self) -> None:
        if self.servers < 0 or (self.queue_limit is not None and self.queue_limit < 0):
            raise ValueError(f"station {self.name}: servers and queue_limit must not be negative")
        if self.rounds and self.servers != 1:
            raise ValueError(f"station {self.name}: one server works in rounds, got {self.servers}")


@dataclass(frozen=True, eq=False)
class Network:
    """Links between zones: one for each ordered pair, near within a zone and far across.

    Args:
        name: Unique within the system.
        zones: Number of zones.
        near: One-way latency within a zone, seconds.
        far: One-way latency across zones, seconds; None: as near.
        bytes_per_s: Bandwidth of each link; messages that exceed it wait their turn. None: unlimited.
    """

    name: str
    near: Law
    far: Law | None = None
    zones: int = 1
    bytes_per_s: float | None = None


@dataclass(frozen=True)
class Sampling:
    """How Redis looks for what to evict (policies `sampled_lru` and `sampled_lfu`).

    Args:
        samples: Objects drawn for each eviction; 10 come near to exact LRU.
        clock_s: Resolution of the clock that idle times are told by, seconds; 0: exact.
        lfu_log_factor: How much harder each step of an object's frequency counter is than the one before.
        lfu_decay_s: The counter falls by one whenever a clock of this resolution ticks, seconds; 0: it never falls.

    Source:
        redis.conf and src/server.h of Redis 7: maxmemory-samples, LRU_CLOCK_RESOLUTION, lfu-log-factor, lfu-decay-time.
    """

    samples: int = 5
    clock_s: float = 1.0
    lfu_log_factor: int = 10
    lfu_decay_s: float = 60.0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples must be at least 1, got {self.samples}")
        if not (0.0 <= self.clock_s < math.inf and 0.0 <= self.lfu_decay_s < math.inf):
            raise ValueError("clock_s and lfu_decay_s must be finite and not negative")
        if self.lfu_log_factor < 0:
            raise ValueError(f"lfu_log_factor must not be negative, got {self.lfu_log_factor}")


@dataclass(frozen=True)
class Slabs:
    """How Memcached divides its memory among sizes, and each size's objects among segments (policy `segmented_lru`).

    Args:
        smallest_bytes: Room for data in the smallest chunk.
        header_bytes: What each object takes besides: the item's structure, 8 more with a version number (CAS).
        growth_factor: Of the chunks of one class and the next; they are rounded up to 8 bytes.
        page_bytes: Memory is given to classes in pages; the largest chunk is half a page.
        item_most_bytes: Larger objects, with their header, are not admitted.
        hot_percent: Of a class's bytes, at most in HOT.
        warm_percent: At most in WARM.
        hot_age_factor: An object leaves HOT when it is older than so many times the age of the oldest in COLD.
        warm_age_factor: The same for WARM.

    Source:
        Memcached 1.6, options -n, -f, -I, hot_lru_pct, warm_lru_pct, hot_max_factor, warm_max_factor; slabs.c, items.c.
    """

    smallest_bytes: int = 48
    header_bytes: int = 48
    growth_factor: float = 1.25
    page_bytes: int = 1 << 20
    item_most_bytes: int = 1 << 20
    hot_percent: int = 20
    warm_percent: int = 40
    hot_age_factor: float = 0.2
    warm_age_factor: float = 2.0

    def __post_init__(self) -> None:
        if self.smallest_bytes < 1 or self.header_bytes < 1:
            raise ValueError("smallest_bytes and header_bytes must be at least 1")
        if not 1.0 < self.growth_factor < math.inf:
            raise ValueError(f"growth_factor must be more than 1, got {self.growth_factor}")
        if self.page_bytes < 2 * CHUNK_ALIGN_BYTES or self.page_bytes % (2 * CHUNK_ALIGN_BYTES):
            raise ValueError(f"page_bytes must be a positive multiple of 16, got {self.page_bytes}")
        if not 1 <= self.item_most_bytes <= self.page_bytes:
            raise ValueError(f"item_most_bytes must be from 1 to page_bytes, got {self.item_most_bytes}")
        if min(self.hot_percent, self.warm_percent) < 0 or self.hot_percent + self.warm_percent > 99:
            raise ValueError("hot_percent and warm_percent must not be negative, and leave something to COLD")
        if not (0.0 <= self.hot_age_factor < math.inf and 0.0 <= self.warm_age_factor < math.inf):
            raise ValueError("hot_age_factor and warm_age_factor must be finite and not negative")

    def chunks_bytes(self) -> tuple[int, ...]:
        """Bytes of a chunk of each class, rising; the last is half a page."""
        largest = self.page_bytes // 2
        chunks: list[int] = []
        size = self.header_bytes + self.smallest_bytes
        while size < largest / self.growth_factor and len(chunks) < MAX_SLAB_CLASSES - 1:
            size += -size % CHUNK_ALIGN_BYTES
            chunks.append(size)
            size = max(size + 1, int(size * self.growth_factor))
        return (*(chunk for chunk in chunks if chunk < largest), largest)

    def fitting_items(self, capacity_bytes: int, weight_bytes: float) -> float:
        """Objects that fit, all of so many bytes with what they take besides; 0 where they are not admitted."""
        if weight_bytes > self.item_most_bytes:
            return 0.0
        chunks = self.chunks_bytes()
        chunk = next((chunk for chunk in chunks if chunk >= weight_bytes), chunks[-1])
        return capacity_bytes // self.page_bytes * (self.page_bytes // chunk) / math.ceil(weight_bytes / chunk)


@dataclass(frozen=True, eq=False)
class Cache:
    """A bounded store of objects by key, on each member of a group.

    Args:
        name: Unique within the system.
        group: The members that have one each.
        policy: What goes first when room is needed: least recently used, oldest, or CLOCK's second chance; what Redis
            finds least recently or least frequently used in a sample; or what is oldest in COLD of Memcached's class.
        capacity_items: Objects that fit, or None.
        capacity_bytes: Bytes that fit, or None; exactly one of the two is given.
        ttl_s: Seconds after its fill that an object expires; None: never. A request's own TTL goes before it.
        overhead_bytes: Added to each object's size.
        shared: Whether routes bring what one member is filled with to all of them; predictions alone look at it.
        sampling: Terms of the sampled policies.
        slabs: Terms of `segmented_lru`, whose capacity is in bytes, of which whole pages are used.
        volatile: Whether all is forgotten when the member goes down.
    """

    name: str
    group: Group
    policy: CachePolicy = "lru"
    capacity_items: int | None = None
    capacity_bytes: int | None = None
    ttl_s: float | None = None
    overhead_bytes: int = 0
    shared: bool = False
    sampling: Sampling = Sampling()
    slabs: Slabs = Slabs()
    volatile: bool = True

    def __post_init__(self) -> None:
        if (self.capacity_items is None) == (self.capacity_bytes is None):
            raise ValueError(f"cache {self.name}: give capacity_items or capacity_bytes")
        if self.policy not in CACHE_POLICIES:
            raise ValueError(f"cache {self.name}: unknown policy {self.policy!r}")
        if self.policy == "segmented_lru" and (self.capacity_bytes or 0) < self.slabs.page_bytes:
            raise ValueError(f"cache {self.name}: segmented_lru needs capacity_bytes, {self.slabs.page_bytes} or more")

    @property
    def draws(self) -> bool:
        """Whether chance has a say in what is evicted."""
        return self.policy in ("sampled_lru", "sampled_lfu")

    @property
    def added_bytes(self) -> int:
        """What an object takes beside its size."""
        return self.overhead_bytes + (self.slabs.header_bytes if self.policy == "segmented_lru" else 0)

    @property
    def item_most_bytes(self) -> int:
        """Size of the largest object that is admitted, where the capacity is in bytes."""
        if self.capacity_bytes is None:
            raise ValueError(f"cache {self.name}: objects are counted there, and none is too large")
        most = self.slabs.item_most_bytes if self.policy == "segmented_lru" else self.capacity_bytes
        return most - self.added_bytes

    @property
    def capacity(self) -> int:
        """In items or bytes."""
        return self.capacity_items if self.capacity_items is not None else self.capacity_bytes or 0


@dataclass(frozen=True, eq=False)
class Room:
    """A waiting room on each member of a group: one walk holds a key, or what stands for a member of some other group,
    and others wait, first come first served.

    Args:
        name: Unique within the system.
        group: The members that have one each.
        by: The group of whose members each has something to hold there; None: each key has. Faults of such a member
            touch what it holds by the stations on the way alone.
    """

    name: str
    group: Group
    by: Group | None = None


@dataclass(frozen=True, eq=False)
class Copies:
    """Copies of all objects on the members of some rows, of which the first slot may lead; a system has one such set.

    Args:
        name: Unique within the system.
        members: The rows. Members are numbered row by row, so that member % width tells copies of a row apart.
        by_key: The table that finds a key's row by its hash; None where there is one row.
        volatile: Whether a member's copy is gone when faults take its node down.
        replicated: Whether what a node had when it was lost may be under way to others, so that what became of it shows
            when one of them leads, or the same again.
        led: Whether the first of a row leads, so that what it lacks in the end is lost; else any of them keeps a write.
    """

    name: str
    members: Membership
    by_key: Membership | None = None
    volatile: bool = False
    replicated: bool = False
    led: bool = True

    def __post_init__(self) -> None:
        width = self.members.width
        if any(sorted(member % width for member in row) != list(range(width)) for row in self.members.rows):
            raise ValueError(f"copies {self.name}: members of a row must differ by their number modulo {width}")
        if self.by_key is not None and len(self.by_key.rows) != 1:
            raise ValueError(f"copies {self.name}: one row finds a key's row")

    @property
    def keepers(self) -> int:
        """First members of a row, one of which must have a write in the end."""
        return 1 if self.led else self.members.width


@dataclass(frozen=True, eq=False)
class Log:
    """A log of records on each member of a group: members lead or follow, as control says after the beginning.

    Args:
        name: Unique within the system.
        group: The members that have one each.
        follows: Whom each member follows at first; itself: it leads.
        record_bytes: Bytes of a record beside its object's.
    """

    name: str
    group: Group
    follows: tuple[int, ...]
    record_bytes: int = 0

    def __post_init__(self) -> None:
        if len(self.follows) != self.group.size:
            raise ValueError(f"log {self.name}: {len(self.follows)} members follow, there are {self.group.size}")
        if any(not 0 <= whom < self.group.size or self.follows[whom] != whom for whom in self.follows):
            raise ValueError(f"log {self.name}: who is followed must lead")


@dataclass(frozen=True, eq=False)
class Volume:
    """A log that is kept in rows of segments, by whichever writer leads; a system has one at most.

    Args:
        name: Unique within the system.
        writers: Who can write; the first leads at first.
        rows: The rows; whoever writes has chosen one.
        segments: All segments, row by row, as many of each.
        suffices: Truth table over sets of a row's segments: those that make a record durable, shape (2**width,); must
            be monotone.
        limit: Records that may be allocated and not durable.
        copies: Those whose first member has what the volume has; None: nobody minds.
    """

    name: str
    writers: Group
    rows: Group
    segments: Group
    suffices: tuple[bool, ...]
    limit: int = 10_000_000
    copies: Copies | None = None

    def __post_init__(self) -> None:
        if self.segments.size % self.rows.size:
            raise ValueError(f"volume {self.name}: {self.segments.size} segments are no whole rows")
        if self.limit < 1:
            raise ValueError(f"volume {self.name}: limit must be 1 or more")
        check_table(f"volume {self.name}", self.width, self.suffices)

    @property
    def width(self) -> int:
        """Segments of a row."""
        return self.segments.size // self.rows.size


@dataclass(frozen=True, eq=False)
class Bucket:
    """A token bucket on each member of a group; full at the start.

    Args:
        name: Unique within the system.
        group: The members that have one each.
        rate_per_s: Tokens that flow in.
        burst: Tokens that it holds at most; inf for one that only counts.
        overflow: The bucket on the same member that gets what this one cannot hold, whenever this one is looked at.
    """

    name: str
    group: Group
    rate_per_s: float
    burst: float
    overflow: Bucket | None = None

    def __post_init__(self) -> None:
        below = self.overflow
        if below is not None and (below.group is not self.group or below.overflow is not None):
            raise ValueError(f"bucket {self.name}: what it cannot hold goes to a last bucket of the same group")


@dataclass(frozen=True, eq=False)
class Quorum:
    """When a fork's answers suffice: a predicate over the set of legs that have answered.

    Args:
        name: Unique within the system; control can swap the predicate behind it.
        legs: Number of legs.
        needed: Legs that must answer (0: nobody waits, the work is detached), or None if `table` says it.
        table: Truth table over sets of legs, bit i of the index for leg i, shape (2**legs,); must be monotone.
    """

    name: str
    legs: int
    needed: int | None = None
    table: tuple[bool, ...] | None = None

    def __post_init__(self) -> None:
        if (self.needed is None) == (self.table is None):
            raise ValueError(f"quorum {self.name}: give needed or table")
        if not 1 <= self.legs <= MAX_LEGS:
            raise ValueError(f"quorum {self.name}: 1 to {MAX_LEGS} legs, got {self.legs}")
        if self.needed is not None and not 0 <= self.needed <= self.legs:
            raise ValueError(f"quorum {self.name}: {self.needed} of {self.legs} can never answer")
        if self.table is not None:
            check_table(f"quorum {self.name}", self.legs, self.table)


def check_table(whose: str, count: int, table: Sequence[bool]) -> None:
    """Whether a truth table is one over sets of so many.

    Raises:
        ValueError: It has another length, is not monotone, or nothing suffices.
    """
    if len(table) != 1 << count:
        raise ValueError(f"{whose}: a table over {count} has {1 << count} entries, got {len(table)}")
    subsets = ((s, s | 1 << one) for s in range(len(table)) for one in range(count))
    if any(table[small] and not table[large] for small, large in subsets):
        raise ValueError(f"{whose}: one more must never undo it")
    if not table[-1]:
        raise ValueError(f"{whose}: all together must suffice")
