"""The narrow interface between the planes: what control may do to data, and how data wakes control.

Requests are the data plane. Failure detectors, failovers, autoscalers and fault schedules are the control plane: SimPy
processes, the same on both engines, that act through this protocol and learn only from answers, deadlines and watches.
An action takes effect at once: what it sets free runs to its first positive delay before the call returns. At one
instant, control goes before data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import simpy

from models.kernel.outcome import IntArray, Outcome
from models.kernel.parts import Bucket, Cache, Copies, Group, Log, Membership, Network, Quorum, Room, Station, Volume

Down = Literal["refuse", "silent"]
"""How a dead part answers: with a refusal, or not at all."""


Image = Any
"""What was saved of a part of one replication; only the engine that made it can read it."""


class Answer(NamedTuple):
    """What a submitted request came to."""

    ok: bool
    error: str
    latency_s: float
    at_s: float


class Position(NamedTuple):
    """How far a log is: records, their bytes, and whether others wait for some that are missing."""

    records: int
    bytes: int
    gap: bool


class Extent(NamedTuple):
    """How far a volume's segment is: its term, and the number of the last record behind which nothing is missing."""

    term: int
    end: int


def when_answered(answer: simpy.Event, then: Callable[[], None], otherwise: Callable[[], None] = lambda: None) -> None:
    """Do something as soon as control's own request has been answered well, if it ever is; or else another thing."""

    def look(event: simpy.Event) -> None:
        answered: Any = event.value
        if answered.ok:
            then()
        else:
            otherwise()

    assert answer.callbacks is not None
    answer.callbacks.append(look)


def check_order(cache: Cache) -> None:
    """Memcached's memory is in classes and segments, and nothing hands it over."""
    if cache.policy == "segmented_lru":
        raise ValueError(f"cache {cache.name}: what segmented_lru holds cannot be taken over")


def check_servers(station: Station, servers: int) -> None:
    """A station that works in rounds has one server."""
    if station.rounds and servers != 1:
        raise ValueError(f"station {station.name}: one server works in rounds, got {servers}")


def check_factor(factor: float) -> None:
    """Only a positive, finite factor can be undone."""
    if not 0.0 < factor < math.inf:
        raise ValueError(f"a factor must be positive and finite, got {factor}")


def check_needed(quorum: Quorum, needed: int) -> None:
    """A quorum that all legs together cannot meet would never answer."""
    if not 0 <= needed <= quorum.legs:
        raise ValueError(f"quorum {quorum.name}: {needed} of {quorum.legs} can never answer")


def check_key(key: int, count: int) -> None:
    """Caches know the workload's keys and no others."""
    if not 0 <= key < count:
        raise ValueError(f"the workload's keys are 0 to {count - 1}, got {key}")


def check_member(group: Group, member: int) -> None:
    """A group has only so many members."""
    if not 0 <= member < group.size:
        raise ValueError(f"group {group.name} has members 0 to {group.size - 1}, got {member}")


class Plane(Protocol):
    """The data plane as control sees it. Times are absolute, in seconds."""

    @property
    def env(self) -> simpy.Environment:
        """SimPy's clock, the same for both planes."""

    def until(self, time_s: float) -> simpy.Event:
        """An event at an absolute time, now or later."""

    def submit(self, operation: str, key: int = 0, size_bytes: int = 0, leg: int = 0) -> simpy.Event:
        """Send a request of control's own; the event's value is its `Answer`. It may never come.

        Its walk has this number of a leg, which choices by "leg" look at.
        """

    def watch_queue(self, station: Station, member: int, length: int) -> simpy.Event:
        """Wakes when so many requests wait at the station."""

    def watch_errors(self, operation: str, count: int) -> simpy.Event:
        """Wakes when so many requests of clients have failed since time zero."""

    def works(self, station: Station, member: int) -> bool:
        """Whether a member's station is up and not paused: what is dead, or stands still, thinks nothing."""

    def watch_up(self, station: Station, member: int) -> simpy.Event:
        """Wakes when a member's station takes requests again after it was down: a process that starts knows that."""

    def down(self, part: Group | Station, member: int, how: Down) -> None:
        """All stations on a group's member lose what they hold and take nothing, its caches that are volatile are
        emptied, its rooms are cleared, and what a volume has in its memory is lost; or a member's one station does so,
        and nothing else.
        """

    def up(self, part: Group | Station, member: int) -> None:
        """The member, or its one station, takes requests again; a station that is not down goes on as it is."""

    def pause(self, station: Station, member: int) -> None:
        """Work stands still; requests queue."""

    def resume(self, station: Station, member: int) -> None:
        """Work goes on where it stood."""

    def slow(self, station: Station, member: int, factor: float) -> None:
        """All work, begun or not, takes `factor` times as long as its law says."""

    def resize(self, station: Station, member: int, servers: int) -> None:
        """More servers take waiting requests at once; with fewer, those in service finish."""

    def flush(self, cache: Cache, member: int) -> None:
        """The cache forgets everything."""

    def held(self, cache: Cache, member: int) -> int:
        """Bytes that a member's cache holds, with what each object takes besides; objects, where these are bounded."""

    def save(self, part: Cache | Copies, member: int) -> Image:
        """What a member's cache holds now, or which versions its copy has. Not for `segmented_lru`."""

    def restore(self, part: Cache | Copies, member: int, image: Image | None) -> None:
        """A member's cache forgets everything and holds what was saved of one of its like, but for what has expired:
        with the times that objects still have to live, in the order in which they would go, and with what its policy
        remembers of them. Or its copy has the versions that it had then, and none of what was written later. None: it
        has nothing.
        """

    def keys_of(self, membership: Membership, slot: int) -> IntArray:
        """All keys that fall on a slot of a table by their hash, shape (keys,)."""

    def sizes(self, cache: Cache, member: int, keys: IntArray) -> IntArray:
        """Bytes that each of a member's objects takes, as in `held`; -1 where it has none that lives."""

    def move(self, part: Cache | Copies, source: int, target: int, keys: IntArray, *, keep: bool = False) -> None:
        """Objects of one member are another's, and no longer that one's unless it keeps them. A cache takes them as new
        objects that have what time to live is left, but for those that it has as new. Copies: the target has the
        versions that the source has; unless these are kept, nobody else does, and the keys belong to the target's row
        from now on, whatever their hash says.
        """

    def take_over(self, cache: Cache, target: int, source: int) -> None:
        """One member's cache holds what another's does, as if that had been saved and restored here."""

    def extent(self, volume: Volume, segment: int) -> Extent:
        """How far a segment is."""

    def outstanding(self, volume: Volume, writer: int) -> int:
        """Records that a writer has allocated and that are not durable as far as it knows."""

    def unsure(self, volume: Volume, writer: int) -> int:
        """Rows of which too few segments are known to have what a writer recovered; until there are none, nothing that
        it writes is durable.
        """

    def halt(self, volume: Volume, writer: int) -> None:
        """A writer leads no more; walks that wait for its records are lost."""

    def recover(self, volume: Volume, writer: int, segments: Sequence[int]) -> int:
        """A writer begins a new term with what some segments have, which take nothing of older terms from now on;
        returns how many records are cut off. Acknowledged writes among these are lost.
        """

    def gossip(self, volume: Volume, target: int, source: int) -> None:
        """A segment takes what another one of its row has, unless that is of an older term."""

    def learn(self, volume: Volume, writer: int, segment: int) -> None:
        """A segment's answer tells a writer that leads how far the segment is; one of an older term takes the writer's,
        and has no more of what that cut off.
        """

    def interrupt(self, volume: Volume, group: Group, member: int) -> None:
        """The process of a volume's writer or segment dies: a writer halts, and a segment loses what came early; what
        it is complete up to is on its disk.
        """

    def wipe(self, volume: Volume, segment: int) -> None:
        """A segment has nothing any more, and is of no term."""

    def suffice(self, volume: Volume, row: int, table: Sequence[bool]) -> None:
        """Other sets of a row's segments make records durable from now on; writers of older terms halt."""

    def uses(self, part: Bucket | Log) -> bool:
        """Whether any route leads through a bucket or a log; one that none leads through cannot be asked or changed."""

    def tokens(self, bucket: Bucket, member: int) -> tuple[float, float]:
        """Tokens that were taken from a bucket since time zero, and tokens wanted by those who found too few, even if
        others let them in.
        """

    def refill(self, bucket: Bucket, member: int, rate_per_s: float, burst: float, tokens: float | None = None) -> None:
        """New terms for a token bucket; what it holds is kept up to the new burst, or replaced by so many tokens."""

    def assign(self, membership: Membership, row: int, slot: int, member: int) -> None:
        """Point one slot of a key-to-member table at a member. Where it leads a row of copies, acknowledged writes that
        it lacks are lost from now on.
        """

    def clear(self, room: Room, member: int, how: Down) -> None:
        """Nobody holds anything in the member's room any more, and whoever waits there is refused or lost."""

    def copy(self, copies: Copies, row: int, source: int, target: int) -> None:
        """One member of a row takes every version that another has and that is newer than its own."""

    def forget(self, copies: Copies, member: int) -> None:
        """What a member's copy has is gone, as what stands in memory is with its node; acknowledged writes that nobody
        else of its row has are lost, unless they may be under way.
        """

    def position(self, log: Log, member: int) -> Position:
        """How far a member's log is."""

    def lead(self, log: Log, member: int) -> None:
        """A member leads for a new term; its log goes on where it is, and what has not come to it yet never will."""

    def follow(self, log: Log, member: int, leader: int) -> None:
        """A member's log is another one's up to its end, and takes from now on what is appended there. What it lacked
        it is taken to have: whoever says so copies it.
        """

    def part(self, log: Log, member: int) -> None:
        """A member's log stays as it is; the member neither leads nor follows."""

    def cut(self, network: Network, source_zone: int, target_zone: int, how: Down) -> None:
        """Messages that start on this link from now on are lost (silent) or bounce (refuse)."""

    def mend(self, network: Network, source_zone: int, target_zone: int) -> None:
        """The link carries messages again, at its own latency."""

    def degrade(self, network: Network, source_zone: int, target_zone: int, factor: float) -> None:
        """Messages that start on this link from now on take `factor` times as long."""

    def swap_quorum(self, quorum: Quorum, needed: int) -> None:
        """Another predicate, judged from the next answer on."""

    def stop_source(self, source: int) -> None:
        """Clients of this source send nothing more."""

    def start_source(self, source: int) -> None:
        """Clients of this source go on; arrivals that fell into the gap did not happen."""

    def uniform(self, name: str, who: int, ordinal: int) -> float:
        """A number in (0, 1) of control's own: always the same for a name, who draws, and the how-manieth it is."""

    def note(self, text: str) -> None:
        """Write down what control does, for the outcome's `notes`."""

    def level(self, name: str, value: float, since_s: float | None = None) -> None:
        """Write down a level that control sets, for the outcome's `levels`: from now on, or since a while ago, but not
        before it was last set.
        """

    def outcome(self, replication: int, wall_s: float) -> Outcome:
        """What came of it, once the run has ended."""
