"""The compiled engine: the same routes, walked by one compiled loop over records; the same bits as the SimPy engine.

SimPy's clock rules. Before each control event the data plane is advanced to that instant; when data wakes control, the
loop returns early, and control runs at that instant before the data that is left of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import simpy

from models.kernel import compilation, loop, slots, world
from models.kernel.cache import POLICY, SEGMENTED_LRU
from models.kernel.certainty import is_certain
from models.kernel.codes import FIRST, OP_ALLOCATE, OP_EACH, OP_FILL, OP_FORK, OP_ORDER
from models.kernel.controlled import Controlled
from models.kernel.instant import is_instant
from models.kernel.journal import Journal
from models.kernel.keys import KeyLaw, Zipf
from models.kernel.ledger import LEADER
from models.kernel.outcome import FloatArray, Int32Array, IntArray, Outcome
from models.kernel.parts import (
    MAX_LEGS,
    UNLIMITED,
    Bucket,
    Cache,
    Copies,
    Group,
    Log,
    Membership,
    Network,
    Quorum,
    Room,
    Station,
    Volume,
    check_table,
)
from models.kernel.plane import (
    Answer,
    Down,
    Extent,
    Image,
    check_factor,
    check_key,
    check_member,
    check_needed,
    check_order,
    check_servers,
)
from models.kernel.priming import Priming
from models.kernel.program import Program
from models.kernel.random import Stream, stream
from models.kernel.recorder import Parts, Span, make_outcome, new_tally, set_now, shift_level, to_area_ticks
from models.kernel.sampling import POOL
from models.kernel.simpy_engine import Environment
from models.kernel.slabs import SEGMENTS
from models.kernel.sources import Block, ClosedSource, OpenSource, Source, Workload
from models.kernel.standstill import WALKS_MAX, StandstillError
from models.kernel.station import REFUSING, SILENT, UP
from models.kernel.steps.log import TERM
from models.kernel.system import ERRORS, THROTTLED, Client
from models.kernel.world import NEVER

JITTER = {"none": 0, "full": 1, "equal": 2}


class TiedError(Exception):
    """A walk that went ahead of the clock comes at one instant with others, and their order is not known."""


Given = TypeVar("Given")


def ahead_or_in_step(run: Callable[[bool], Given]) -> Given:
    """What a run gives whose walks may go ahead of the clock or, if two of them tie, the same run in step.

    Args:
        run: Makes a plane anew, told whether its walks may go ahead, and runs it.
    """
    try:
        return run(True)
    except TiedError:
        return run(False)


class CompiledDrawing:
    """Blocks drawn in compiled loops. Implements `sources.Drawing`."""

    def __init__(self) -> None:
        self._functions = compilation.drawing()

    def exponentials(self, key: Stream, first: int, size: int) -> FloatArray:
        out = np.empty(size)
        self._functions["fill_exponentials"](*key, first, out)
        return out

    def pairs(self, key: Stream, first: int, size: int, client: int) -> tuple[FloatArray, FloatArray]:
        out = np.empty((2, size))
        self._functions["fill_pairs"](*key, first, client, *out)
        return out[0], out[1]

    def keys(self, law: KeyLaw, key: Stream, first: int, size: int, client: int) -> IntArray:
        out = np.empty(size, np.int64)
        numbers, floats, table, where = key_arrays(law)
        pairs = self.pairs(key, first, size, client)
        self._functions["fill_keys"](*numbers.tolist(), *floats.tolist(), table, where, *pairs, out)
        return out

    def operations(self, shares: FloatArray, key: Stream, first: int, size: int) -> IntArray:
        out = np.empty(size, np.int64)
        self._functions["fill_operations"](shares, *key, first, np.empty(size), out)
        return out


def key_arrays(law: KeyLaw) -> tuple[IntArray, FloatArray, FloatArray, Int32Array]:
    """A law of keys as `draw_key` reads it: kind and count, two parameters, table, guide."""
    where = law.guide() if isinstance(law, Zipf) else np.empty(0, np.int32)
    return np.array([law.code, law.count]), np.array(law.parameters()[:2]), law.table(), where


class CacheImage(NamedTuple):
    """What a cache held, in its order: the objects, and what its policy remembers of each; shape (objects,)."""

    keys: IntArray
    sizes: IntArray
    expiries: FloatArray
    versions: IntArray
    marks: IntArray
    times: FloatArray

    @classmethod
    def empty(cls) -> CacheImage:
        """Nothing."""
        numbers, floats = np.zeros(0, np.int64), np.zeros(0)
        return cls(numbers, numbers, floats, numbers, numbers, floats)


class HybridEnvironment(Environment):
    """SimPy keeps the clock; before each of its events the data plane catches up."""

    plane: CompiledPlane

    def step(self) -> None:
        woken_at = self.plane.advance(self.peek())
        if woken_at is None:
            super().step()
        else:
            self._now = woken_at
            self.plane.wake_control()


class CompiledPlane(Controlled):
    """The data plane of one replication, walked in compiled code. Implements `plane.Plane`.

    Args:
        program: The system.
        sources: Its work; closed ones share the keys, sizes and mix of the first.
        span: What is simulated and measured.
        seed: The scenario's seed.
        replication: Index of the replication.
        walks_max: Walks at one instant after which time is taken to stand still.
        capacity: Slots for what is in flight, at first.
        ahead: Whether walks may go ahead of the clock.
        specialised: Whether the loop is made for this system alone; None: if it pays.
    """

    def __init__(
        self, program: Program, sources: list[Source], span: Span, seed: int, replication: int,
        walks_max: int = WALKS_MAX, capacity: int = 64, *, ahead: bool = True, specialised: bool | None = None,
    ) -> None:  # fmt: skip
        self.program, self.sources, self.span = program, sources, span
        self._capacity, self._ahead = capacity, ahead
        self.env = HybridEnvironment()
        self.env.plane = self
        self.primed = self.probes = 0
        self.answers: dict[int, simpy.Event] = {}
        self.up_watches, self.by_slot, self.key_count = {}, {}, sources[0].workload.key_count
        self.terms = itertools.count(sum(part.group.size for part in program.logs) + 1)
        self.queue_watches: dict[int, list[tuple[int, simpy.Event]]] = {}
        self.error_watches: dict[int, list[tuple[int, simpy.Event]]] = {}
        self.blocks: list[Iterator[Block]] = [iter(())] * len(sources)
        self.fed = 0
        self._spreads: dict[Any, Any] = {}
        self.tally, self.journal = new_tally(program, span), Journal()
        self.control_key = partial(stream, seed, replication, "system", program.name, "control")
        for source in sources:
            if isinstance(source, OpenSource):
                source.draws_keys = program.reads_keys or source.workload.objects_differ
        sizes = (source.room for source in sources if isinstance(source, OpenSource))
        self._block_room = max(sizes, default=1)
        self.w = self._world(seed, replication)
        self._loop = compilation.loop_for(self.w, controlled=bool(program.system.controls))
        self._specialised, self._events = specialised, 0
        self._functions: Any = None
        self._take_functions()
        self.clock = self.w.clock[0]
        self.clock["walks_max"], self.clock["walks_at"] = walks_max, -1.0
        self._set_room()

    # ------------------------------------------------------------ the run

    def run(self) -> None:
        """From time zero to the end of the drain."""
        for index, source in enumerate(self.sources):
            if isinstance(source, OpenSource):
                self.blocks[index] = source.blocks()
                record = self.w.sources[index]
                record["block_at"] = record["block_end"] = 0
                record["more"] = 1
                self._more_requests(index)
                record["seq"] = self.clock["seq"]
                self.clock["seq"] += slots.NEXT
            else:
                self._ensure_heap(source.clients)
                self.f["wake_clients"](self.w, index)
        for control in self.program.system.controls:
            self.env.process(control(self))
        self.env.run(until=self.env.at(self.span.end_s, FIRST))
        if self.program.copies is not None:
            self.f["ledger_audit"](self.w, -1, True, self.program.copies.keepers)
        left = self.w.requests[(self.w.requests["settled"] == 0) & (self.w.requests["measured"] == 1)]
        np.add.at(self.tally.unfinished, left["operation"], 1)

    def advance(self, until: float) -> float | None:
        """Run the data plane up to an instant; returns the earlier one at which it woke control, or None."""
        until = min(until, self.span.end_s)
        while True:
            need = self.f["advance"](self.w, until)
            if need == loop.NOTHING:
                return None
            if need == loop.CONTROL:
                return float(self.clock["now"])
            self._provide(need)

    def _take_functions(self) -> None:
        """Call, from now on, whatever it pays to call; they all act on the same world in the same way."""
        events = int(self.w.clock[0]["events"])
        self._loop.ran(events - self._events)
        self._events = events
        functions = self._loop.functions(wanted=self._specialised)
        if functions is not self._functions:
            self._functions, self.f = functions, {**compilation.drawing(), **functions}

    def _provide(self, need: int) -> None:
        if need == loop.ROOM:
            self._grow()
        elif need == loop.REQUESTS:
            for index, source in enumerate(self.w.sources):
                if source["more"] and source["block_at"] == source["block_end"]:
                    self._more_requests(index)
            self._take_functions()
        elif need == loop.TIED:
            raise TiedError
        else:
            raise StandstillError(float(self.clock["now"]))

    def _control(self) -> None:
        """Control acts: the data plane is at the same instant, and what follows is not its own doing."""
        self.f["act"](self.w, self.env.now)

    def _drain(self) -> None:
        """Let what control has done run, and wake control of what comes of it."""
        while self.clock["ready_head"] >= 0 and (need := self.f["advance"](self.w, -math.inf)) != loop.CONTROL:
            if need != loop.NOTHING:
                self._provide(need)
        self.wake_control()

    def wake_control(self) -> None:
        """Tell control what it waits for, in order of happening."""
        count = int(self.clock["wakeups"])
        if not count:
            return
        self.clock["wakeups"] = 0
        for kind, who, value, latency in self.w.wakeups[:count].tolist():
            if kind == slots.ANSWERED:
                self.answers.pop(who).succeed(Answer(not value, ERRORS[value], latency, self.env.now))
            elif kind == slots.QUEUE_GREW:
                self._notice(self.queue_watches, self.w.stations, who, value)
            else:
                self._notice(self.error_watches, self.w.operations, who, value)

    def _notice(self, watches: dict[int, list[tuple[int, simpy.Event]]], records: Any, who: int, value: int) -> None:
        waiting = watches.get(who, [])
        for watch in [watch for watch in waiting if value >= watch[0]]:
            waiting.remove(watch)
            watch[1].succeed()
        records[who]["watch_at"] = min((mark for mark, _ in waiting), default=NEVER)

    # ------------------------------------------------------------ before time zero

    def prime(self, source: OpenSource, past: Priming) -> None:
        """Replay a past through the caches, every delay taken as zero, and call its end time zero."""
        record = self.w.sources[0]
        ahead, self.clock["ahead"] = int(self.clock["ahead"]), 0
        self.clock["priming"] = 1
        record["ordinal"] = 0
        for block in source.blocks():
            count = self._put_block(0, block, alone=True)
            self.clock["prime_lookups"] = self.clock["prime_hits"] = 0
            while need := self.f["advance"](self.w, 0.0):
                self._provide(need)
            hits, lookups = int(self.clock["prime_hits"]), int(self.clock["prime_lookups"])
            for each in self.sources:
                each.inserted += source.inserts(block)
            if past.enough(count, float(self.clock["now"]), lookups, hits):
                break
        self.w.entries["expires"][: self.clock["entries"]] -= self.clock["now"]
        self.w.uses["at"][: self.clock["entries"]] -= self.clock["now"]
        if self.program.copies is not None:
            self.f["ledger_begin"](self.w, float(self.clock["now"]))
        self.primed, self.clock["priming"], record["ordinal"] = int(record["ordinal"]), 0, 0
        for name, room in self._rooms_for_blocks().items():
            self.w.replace(name, room)
        self.clock["ahead"] = ahead
        self.w.sources["inserted"] = [each.inserted for each in self.sources]
        set_now(_Attributes(self.clock), self.tally, 0.0)

    # ------------------------------------------------------------ control

    def submit(self, operation: str, key: int = 0, size_bytes: int = 0, leg: int = 0) -> simpy.Event:
        check_key(key, self.key_count)
        index = self.program.operation(operation)
        answer = self.answers[self.probes] = simpy.Event(self.env)
        while not self.f["submit"](self.w, self.env.now, self.probes, index, key, size_bytes, leg):
            self._grow()
        self.probes += 1
        self._drain()
        return answer

    def watch_queue(self, station: Station, member: int, length: int) -> simpy.Event:
        index = self._station(station, member)
        return self._watch(self.queue_watches, self.w.stations, index, "queued", length)

    def watch_errors(self, operation: str, count: int) -> simpy.Event:
        index = self.program.operation_names.index(operation)
        return self._watch(self.error_watches, self.w.operations, index, "failures", count)

    def _watch(self, watches: dict[int, Any], records: Any, who: int, field: str, mark: int) -> simpy.Event:
        woken = simpy.Event(self.env)
        watches.setdefault(who, []).append((mark, woken))
        self._notice(watches, records, who, int(records[who][field]))
        return woken

    def down(self, part: Group | Station, member: int, how: Down) -> None:
        self._control()
        for index in self._on_member(part, member):
            self._station_call("station_down", index, SILENT if how == "silent" else REFUSING)
        self._drain()
        for cache in self.program.caches:
            if cache.group is part and cache.volatile:
                self.flush(cache, member)
        for room in self.program.rooms:
            if room.group is part:
                self.clear(room, member, how)
        volume = self.program.volume
        if volume is not None and part in (volume.writers, volume.segments):
            self.interrupt(volume, part, member)

    def up(self, part: Group | Station, member: int) -> None:
        for index in self._on_member(part, member):
            was_down = self.w.stations[index]["state"] != UP
            self._station_call("station_up", index)
            if was_down:
                self._came_up(index)

    def works(self, station: Station, member: int) -> bool:
        record = self.w.stations[self._station(station, member)]
        return bool(record["state"] == UP and not record["paused"])

    def pause(self, station: Station, member: int) -> None:
        self._control()
        self._station_call("station_pause", self._station(station, member))

    def resume(self, station: Station, member: int) -> None:
        self._control()
        self._station_call("station_resume", self._station(station, member))
        self._drain()

    def slow(self, station: Station, member: int, factor: float) -> None:
        check_factor(factor)
        self._control()
        self._station_call("station_slow", self._station(station, member), float(factor))

    def resize(self, station: Station, member: int, servers: int) -> None:
        check_servers(station, servers)
        self._control()
        self._station_call("station_resize", self._station(station, member), servers)
        self._drain()

    def flush(self, cache: Cache, member: int) -> None:
        check_member(cache.group, member)
        self.f["cache_flush"](self.w, self.program.cache(cache) + member)

    def held(self, cache: Cache, member: int) -> int:
        check_member(cache.group, member)
        return int(self.w.caches[self.program.cache(cache) + member]["used"])

    def save(self, part: Cache | Copies, member: int) -> Image:
        if isinstance(part, Copies):
            self._check_followed(part, member)
            versions = np.zeros(int(self.w.ledger[0]["histories"]) + 1, np.int64)
            self.f["ledger_save"](self.w, member, versions)
            return versions
        check_order(part)
        check_member(part.group, member)
        index = self.program.cache(part) + member
        slots = np.empty(self.f["cache_save"](self.w, index, np.empty(0, np.int64)), np.int64)
        self.f["cache_save"](self.w, index, slots)
        entries = self.w.entries[slots]
        keys, sizes, versions = (entries[name].astype(np.int64) for name in ("key", "size", "version"))
        times = self.w.uses["at"][slots] if part.draws else np.zeros(len(slots))
        return CacheImage(keys, sizes, entries["expires"].copy(), versions, self.w.marks[slots].astype(np.int64), times)

    def restore(self, part: Cache | Copies, member: int, image: Image | None) -> None:
        if isinstance(part, Copies):
            self._check_followed(part, member)
            self.f["ledger_restore"](self.w, member, np.zeros(0, np.int64) if image is None else image)
            return
        check_order(part)
        check_member(part.group, member)
        given = CacheImage.empty() if image is None else image
        self._spare_entries(len(given.keys))
        self.f["cache_restore"](self.w, self.program.cache(part) + member, *given, self.env.now)

    def sizes(self, cache: Cache, member: int, keys: IntArray) -> IntArray:
        check_member(cache.group, member)
        out = np.empty(len(keys), np.int64)
        self.f["cache_sizes"](self.w, self.program.cache(cache) + member, keys, self.env.now, out)
        return out

    def move(self, part: Cache | Copies, source: int, target: int, keys: IntArray, *, keep: bool = False) -> None:
        if isinstance(part, Copies):
            self._check_followed(part, source)
            self._check_followed(part, target)
            if keep:
                self.f["ledger_share"](self.w, source, target, keys)
            else:
                self.f["ledger_move"](self.w, self._row_of(part, target), source, target, keys)
            return
        check_member(part.group, source)
        check_member(part.group, target)
        self._spare_entries(len(keys))
        index = self.program.cache(part)
        self.f["cache_move"](self.w, index + source, index + target, keys, keep, self.env.now)

    def _spare_entries(self, count: int) -> None:
        """There is room for so many objects beside those that may come meanwhile."""
        while self.clock["spare_entries"] < count + int(self.clock["fills"]):
            self._more_entries()

    def tokens(self, bucket: Bucket, member: int) -> tuple[float, float]:
        check_member(bucket.group, member)
        state = self.w.buckets[self.program.bucket(bucket) + member]
        return float(state["taken"]), float(state["missed"])

    def refill(self, bucket: Bucket, member: int, rate_per_s: float, burst: float, tokens: float | None = None) -> None:
        check_member(bucket.group, member)
        index = self.program.bucket(bucket) + member
        self.f["refresh_bucket"](self.w, index, self.env.now)
        state = self.w.buckets[index]
        state["rate"], state["burst"] = rate_per_s, burst
        state["tokens"] = min(state["tokens"] if tokens is None else tokens, burst)

    def assign(self, membership: Membership, row: int, slot: int, member: int) -> None:
        check_member(membership.group, member)
        table = self.w.memberships[self.program.membership(membership)]
        self.w.slots[table["start"] + row * table["width"] + slot] = member
        copies = self.program.copies
        if copies is not None and membership is copies.members and slot == LEADER:
            self.f["ledger_audit"](self.w, row, False, 1)

    def clear(self, room: Room, member: int, how: Down) -> None:
        check_member(room.group, member)
        self._control()
        state = SILENT if how == "silent" else REFUSING
        self._ensure_heap(len(self.w.tokens))
        self.f["room_clear"](self.w, self.program.room(room) + member, state)
        self._drain()

    def copy(self, copies: Copies, row: int, source: int, target: int) -> None:
        assert copies is self.program.copies
        self.f["ledger_copy"](self.w, row, source, target)

    def _check_followed(self, copies: Copies, member: int) -> None:
        check_member(copies.members.group, member)
        assert copies is self.program.copies

    def forget(self, copies: Copies, member: int) -> None:
        self.restore(copies, member, None)
        table = self.w.memberships[self.program.membership(copies.members)]
        width = copies.members.width
        for row in range(len(copies.members.rows)):
            first = table["start"] + row * width
            if member in self.w.slots[first : first + width] and not copies.replicated:
                self.f["ledger_audit"](self.w, row, False, width)

    def _end(self, log: Log, member: int) -> tuple[int, int, bool]:
        record = self.w.logs[self._log(log, member)]
        return int(record["end"]), int(record["bytes"]), bool(record["head"] >= 0)

    def _go(self, log: Log, member: int, end: int, size: int, leads: bool) -> None:
        self._control()
        self._ensure_heap(len(self.w.tokens))
        self.f["log_go"](self.w, self._log(log, member), end, size, int(leads))
        self._drain()

    def _log(self, log: Log, member: int) -> int:
        check_member(log.group, member)
        return self.program.log(log) + member

    def extent(self, volume: Volume, segment: int) -> Extent:
        self._check_volume(volume, volume.segments, segment)
        state = self.w.segments_of[segment]
        return Extent(int(state["term"]), int(state["end"]))

    def outstanding(self, volume: Volume, writer: int) -> int:
        self._check_volume(volume, volume.writers, writer)
        return int(self.w.writers[writer]["outstanding"])

    def unsure(self, volume: Volume, writer: int) -> int:
        self._check_volume(volume, volume.writers, writer)
        return int(self.w.writers[writer]["unsure"])

    def halt(self, volume: Volume, writer: int) -> None:
        self._check_volume(volume, volume.writers, writer)
        self._control()
        self.f["volume_halt"](self.w, writer)
        self._drain()

    def interrupt(self, volume: Volume, group: Group, member: int) -> None:
        if group is volume.writers:
            self.halt(volume, member)
        else:
            self._check_volume(volume, volume.segments, member)
            self._control()
            self.f["volume_interrupt"](self.w, member)
            self._drain()

    def recover(self, volume: Volume, writer: int, segments: Sequence[int]) -> int:
        self._check_volume(volume, volume.writers, writer)
        self._control()
        best = np.zeros(volume.rows.size, np.int64)
        count = int(self.f["volume_recover"](self.w, writer, np.array(segments, np.int64), best))
        self._drain()
        return count

    def gossip(self, volume: Volume, target: int, source: int) -> None:
        self._check_volume(volume, volume.segments, target, source)
        self._control()
        self.f["volume_gossip"](self.w, target, source)
        self._drain()

    def wipe(self, volume: Volume, segment: int) -> None:
        self._check_volume(volume, volume.segments, segment)
        self._control()
        self.f["volume_wipe"](self.w, segment)
        self._drain()

    def learn(self, volume: Volume, writer: int, segment: int) -> None:
        self._check_volume(volume, volume.writers, writer)
        self._check_volume(volume, volume.segments, segment)
        self._control()
        self.f["volume_learn"](self.w, writer, segment)
        self._drain()

    def suffice(self, volume: Volume, row: int, table: Sequence[bool]) -> None:
        self._check_volume(volume, volume.rows, row)
        check_table(f"volume {volume.name}", volume.width, table)
        self._control()
        while not self._has_numbers():
            self._grow()
        self.f["volume_suffice"](self.w, row, np.array(table, np.int64))
        self._drain()

    def cut(self, network: Network, source_zone: int, target_zone: int, how: Down) -> None:
        self._link(network, source_zone, target_zone)["state"] = SILENT if how == "silent" else REFUSING

    def mend(self, network: Network, source_zone: int, target_zone: int) -> None:
        link = self._link(network, source_zone, target_zone)
        link["state"], link["factor"] = UP, 1.0

    def degrade(self, network: Network, source_zone: int, target_zone: int, factor: float) -> None:
        check_factor(factor)
        self._link(network, source_zone, target_zone)["factor"] = factor

    def swap_quorum(self, quorum: Quorum, needed: int) -> None:
        check_needed(quorum, needed)
        self.w.quorums[self.program.quorum(quorum)]["needed"] = needed

    def stop_source(self, source: int) -> None:
        self.w.sources[source]["active"] = 0

    def start_source(self, source: int) -> None:
        record = self.w.sources[source]
        record["active"] = 1
        self._control()
        done, parked = 0, int(record["parked_count"])
        while (done := self.f["issue_parked"](self.w, source, done)) < parked:
            self._grow()
        self._drain()

    def _station_call(self, name: str, index: int, *arguments: Any) -> None:
        self._ensure_heap(len(self.w.tokens))
        self.f[name](self.w, index, *arguments)

    def _station(self, station: Station, member: int) -> int:
        check_member(station.group, member)
        return self.program.station(station) + member

    def _link(self, network: Network, source_zone: int, target_zone: int) -> Any:
        base = self.program.link_base(self.program.network(network))
        return self.w.links[base + source_zone * network.zones + target_zone]

    # ------------------------------------------------------------ requests from the sources

    def _more_requests(self, index: int) -> None:
        """The next block of a source, which has come to the end of one."""
        record, block = self.w.sources[index], next(self.blocks[index], None)
        if block is None:
            record["more"] = 0
            return
        count = self._put_block(index, block, alone=len(self.sources) == 1)
        if index == 0:
            # Columns are those of the first source, whose requests their numbers belong to.
            self.f["fill_columns"](self.w, self.fed, count, int(record["client_base"]))
            self.fed += count

    def _put_block(self, index: int, block: Block, *, alone: bool) -> int:
        """Let the next requests of a source be those of a block: as they lie, if there are no others' beside."""
        count = len(block.times_s)
        # As numbers without sign, negative ones are above all bounds, too.
        assert not count or block.keys.view(np.uint64).max() < self.key_count, "keys within bounds"
        at = 0 if alone else index * self._block_room
        for name, column in zip(world.BLOCK, block, strict=True):
            if not alone:
                getattr(self.w, name)[at : at + count] = column
            elif column.strides == (0,):
                self.w.replace(name, self._spread(column[0], count))
            else:
                self.w.replace(name, np.ascontiguousarray(column))
        record = self.w.sources[index]
        record["block_at"], record["block_end"] = at, at + count
        return count

    def _rooms_for_blocks(self) -> dict[str, Any]:
        """Room for a block of each source."""
        count = len(self.sources) * self._block_room
        return {name: np.zeros(count, dtype) for name, dtype, _ in world.ARRAYS if name in world.BLOCK}

    def _spread(self, value: Any, count: int) -> Any:
        """So many times one value, as it must lie."""
        if (value, count) not in self._spreads:
            self._spreads[value, count] = np.full(count, value)
        return self._spreads[value, count]

    # ------------------------------------------------------------ room

    def _has_numbers(self) -> bool:
        volume = self.w.volume[0]
        return bool(volume["spare"] >= volume["appends"] + volume["queued"])

    def _grow(self) -> None:
        """Make all that follows what is in flight twice as large, or what is held, if that is it."""
        w = self.w
        if self.clock["spare_entries"] < self.clock["fills"]:
            self._more_entries()
            return
        if w.ledger[0]["spare"] < w.ledger[0]["orders"]:
            w.ledger[0]["spare"] += len(w.versions)
            for name in ("versions", "histories", "copies"):
                w.replace(name, _longer(getattr(w, name)))
            return
        if not self._has_numbers():
            w.volume[0]["spare"] += len(w.records)
            w.replace("records", _longer(w.records))
            return
        tokens, requests = _longer(w.tokens), _longer(w.requests)
        link_free(self.clock, "tokens", tokens, len(w.tokens))
        link_free(self.clock, "requests", requests, len(w.requests))
        w.replace("tokens", tokens)
        w.replace("requests", requests)
        w.replace("heap", _longer(w.heap))
        w.replace("wakeups", _longer(w.wakeups))
        self._set_room()

    def _more_entries(self) -> None:
        """Room for twice as many objects in caches."""
        w = self.w
        self.clock["spare_entries"] += len(w.entries)
        if len(w.uses) == len(w.entries):
            w.replace("uses", _longer(w.uses))
        w.replace("entries", _longer(w.entries))
        w.replace("marks", _longer(w.marks))

    def _ensure_heap(self, more: int) -> None:
        while self.clock["heap"] + more + slots.MARGIN > len(self.w.heap):
            self.w.replace("heap", _longer(self.w.heap))
            self._set_room()

    def _set_room(self) -> None:
        """Tell the loop how far it may go."""
        reserve = int(self.clock["reserve"])
        self.clock["heap_most"], self.clock["wakeups_most"] = len(self.w.heap) - reserve, len(self.w.wakeups) - reserve

    # ------------------------------------------------------------ the world

    @cached_property
    def _workload(self) -> Workload:
        return self.sources[0].workload

    def _world(self, seed: int, replication: int) -> world.World:
        program, workload = self.program, self._workload
        law_indexes = [
            (
                program.law(workload.sizes), program.law(s._think) if isinstance(s, ClosedSource) else 0,
                program.law(workload.items), program.law(workload.key_sizes),
                -1 if workload.ttls is None else program.law(workload.ttls),
            )
            for s in self.sources
        ]  # fmt: skip
        reserve = sum(site.b for site in program.sites if site.op in (OP_FORK, OP_EACH)) + slots.MARGIN
        capacity = 1 << (2 * reserve + self._capacity - 1).bit_length()
        clock = np.zeros(1, world.CLOCK)
        streams = [stream(seed, replication, "system", program.name, name) for name in program.stream_names]
        first = self.sources[0].streams
        own = [stream(seed, replication, "system", program.name, "client backoff")]
        work = [first.keys, first.operations, first.sizes, first.think, first.items, first.key_sizes, first.ttls]
        c = clock[0]
        c["backoff_stream"], c["work_stream"] = len(streams), len(streams) + 1
        c["ready_head"] = c["ready_tail"] = c["free_tokens"] = c["free_requests"] = c["free_entries"] = -1
        c["reserve"], c["windows"], c["window"] = reserve, self.span.windows, self.span.window_s
        c["batch"] = self.span.batch_s
        c["fills"] = sum(site.op == OP_FILL for site in program.sites)
        c["spare_entries"] = capacity
        c["groups"] = len(program.groups)
        c["warmup"], c["duration"], c["end"] = self.span.warmup_s, self.span.duration_s, self.span.end_s
        c["controlled"] = bool(program.system.controls)
        routes = (program.entries[: len(program.operation_names)], program.past_entries)
        instant, past_instant = (is_instant(program, entries) for entries in routes)
        opens = all(isinstance(source, OpenSource) for source in self.sources)
        c["copies"] = 0 if program.copies is None else program.copies.members.width
        c["caches"] = sum(part.group.size for part in program.caches)
        c["instant"], c["past_instant"] = instant and opens and not program.system.controls, past_instant
        c["ahead"] = self._ahead and not program.system.controls
        c["unheard"] = (
            opens
            and program.copies is None
            and all(o.client.timeout_s == math.inf and o.client.quota is None for o in program.operations)
        )
        c["duration_ticks"], c["warmup_ticks"] = to_area_ticks(self.span.duration_s), to_area_ticks(self.span.warmup_s)
        set_now(_Attributes(c), self.tally, 0.0)
        tokens, requests = np.zeros(capacity, world.TOKEN), np.zeros(capacity, world.REQUEST)
        link_free(c, "tokens", tokens, 0)
        link_free(c, "requests", requests, 0)
        zones, starts = program.zones()
        kinds, law_starts, data = program.laws.arrays()
        block = self._block_room
        clients = max((s.clients for s in self.sources if isinstance(s, ClosedSource)), default=1)
        n = len(self.sources)
        key_law, key_floats, key_table, key_guide = (
            key_arrays(workload.keys) if workload.trace is None
            else (np.array([0, workload.key_count]), np.zeros(2), np.empty(0), np.empty(0, np.int32))
        )  # fmt: skip
        patience = [operation.client for operation in program.operations]
        ceilings = [c.ceilings_s(throttled=throttled) for c in patience for throttled in (False, True)]
        return world.World(
            clock=clock, heap=np.zeros(capacity, world.EVENT), tokens=tokens, requests=requests,
            wakeups=np.zeros(capacity, world.WAKEUP), sites=program.rows(), legs=_ints(program.legs),
            leg_ends=np.zeros(MAX_LEGS), leg_sinces=np.zeros(MAX_LEGS),
            leg_origins=np.zeros(MAX_LEGS), leg_order=np.zeros(MAX_LEGS, np.int64),
            keys=np.array([*streams, *own, *work], np.int64), law_kinds=kinds, law_starts=law_starts, law_data=data,
            **self._stations(c), links=self._links(), **self._caches(capacity),
            entries=np.zeros(c["spare_entries"], world.ENTRY), held=self._held(),
            marks=np.zeros(c["spare_entries"], np.int32),
            buckets=self._buckets(), **self._ledger(capacity), **self._rooms(),
            logs=self._logs(), **self._volume(capacity),
            memberships=self._memberships(),
            slots=_ints([m for part in program.memberships for row in part.rows for m in row]),
            quorums=self._quorums(),
            quorum_table=_ints([int(x) for part in program.quorums for x in part.table or ()]),
            zones=_ints(zones), zone_starts=_ints(starts), operations=self._operations(), quotas=self._quotas(),
            ceilings=_matrix(ceilings), sources=self._sources(law_indexes),
            **self._rooms_for_blocks(), columns=self._columns(),
            drawn=np.empty((len(program.columns), 1 << (2 * block - 1).bit_length())),
            client_ordinals=np.zeros((n, clients), np.int64),
            parked=np.zeros((n, clients), np.int64), shares=np.ascontiguousarray(workload.shares()),
            key_law=key_law, key_floats=key_floats, key_table=key_table.copy() if key_table.size < 2 else key_table,
            key_guide=key_guide, **self.tally._asdict(),
        )  # fmt: skip

    def _stations(self, clock: Any) -> dict[str, Any]:
        """Stations, and the servers of those that are served in turn, all of them free."""
        in_turn, turns = {site.a for site in self.program.sites if site.turn}, 0
        records = np.zeros(max(1, sum(p.group.size for p in self.program.stations)), world.STATION)
        parts = [part for part in self.program.stations for _ in range(part.group.size)]
        for index, (record, part) in enumerate(zip(records, parts, strict=False)):
            shift_level(_Attributes(clock), self.tally, 3 * index + 2, part.servers)
            record["unlimited"], record["rounds"] = part.servers == UNLIMITED, part.rounds
            record["servers"], record["limit"] = part.servers, -1 if part.queue_limit is None else part.queue_limit
            record["head"] = record["tail"] = record["first"] = record["last"] = -1
            record["full"], record["slowdown"], record["watch_at"] = ERRORS.index(part.full), 1.0, NEVER
            if self.program.station(part) in in_turn:
                record["turns"] = turns
                turns += part.servers
        return {"stations": records, "turns": np.full(max(1, turns), -math.inf, world.TURN)}

    def _columns(self) -> Any:
        records = np.zeros(len(self.program.columns), world.COLUMN)
        for record, column in zip(records, self.program.columns, strict=True):
            record["stream"], record["visit"], record["branch"], record["form"] = column
        return records

    def _links(self) -> Any:
        records = np.zeros(max(1, sum(p.zones**2 for p in self.program.networks)), world.LINK)
        records["factor"] = 1.0
        return records

    def _caches(self, capacity: int) -> dict[str, Any]:
        """Caches, and what their policies need."""
        parts = [(part, member) for part in self.program.caches for member in range(part.group.size)]
        records = np.zeros(max(1, len(parts)), world.CACHE)
        slabs: list[tuple[int, int]] = []
        remembers = draws = False
        for index, (part, member) in enumerate(parts):
            record, first = records[index], index - member
            record["policy"], record["capacity"] = POLICY[part.policy], part.capacity
            record["family"] = self.program.caches.index(part)
            record["in_bytes"], record["overhead"] = part.capacity_bytes is not None, part.added_bytes
            record["ttl"] = math.inf if part.ttl_s is None else part.ttl_s
            record["stride"] = part.group.size
            record["base"] = first * self.key_count + member
            record["front"] = record["end"] = -1
            remembers |= record["policy"] >= SEGMENTED_LRU
            if part.draws:
                draws, terms = True, part.sampling
                record["samples"], record["counts"] = terms.samples, part.policy == "sampled_lfu"
                record["clock_s"], record["decay_s"] = terms.clock_s, terms.lfu_decay_s
                record["log_factor"], record["member"] = terms.lfu_log_factor, member
                record["stream"], record["pool"] = self.program.cache_stream(part), POOL * index
            elif part.policy == "segmented_lru":
                chunks = part.slabs.chunks_bytes()
                record["slabs"], record["classes"] = len(slabs), len(chunks)
                record["pages_most"] = part.capacity // part.slabs.page_bytes
                record["item_most"] = part.slabs.item_most_bytes
                for name in ("hot_percent", "warm_percent", "hot_age_factor", "warm_age_factor"):
                    record[name] = getattr(part.slabs, name)
                slabs += [(chunk, part.slabs.page_bytes // chunk) for chunk in chunks]
        classes = np.zeros(max(1, len(slabs)), world.SLAB)
        for record, sizes in zip(classes, slabs, strict=False):
            record["chunk"], record["per_page"] = sizes
        segments = np.zeros(SEGMENTS * len(classes), world.SEGMENT)
        segments["front"] = segments["end"] = -1
        return {
            "caches": records, "uses": np.zeros(capacity if remembers else 1, world.USE),
            "roster": np.zeros(len(parts) * self.key_count if draws else 1, np.int32),
            "pool": np.zeros(POOL * len(parts) if draws else 1, world.POOLED),
            "slabs": classes, "segments": segments,
        }  # fmt: skip

    def _held(self) -> Any:
        caches = sum(p.group.size for p in self.program.caches)
        return np.zeros(max(1, caches * self.key_count), np.int32)

    def _buckets(self) -> Any:
        parts = [(f, part, m) for f, part in enumerate(self.program.buckets) for m in range(part.group.size)]
        records = np.zeros(max(1, len(parts)), world.BUCKET)
        for record, (family, part, member) in zip(records, parts, strict=False):
            record["family"] = family
            record["overflow"] = -1 if part.overflow is None else self.program.bucket(part.overflow) + member
            record["rate"], record["burst"], record["tokens"] = part.rate_per_s, part.burst, part.burst
        return records

    def _rooms(self) -> dict[str, Any]:
        records, owners = np.zeros(max(1, sum(part.group.size for part in self.program.rooms)), world.ROOM), 0
        for part in self.program.rooms:
            first = self.program.room(part)
            for record in records[first : first + part.group.size]:
                record["base"], record["width"] = owners, self.key_count if part.by is None else part.by.size
                record["by"] = -1 if part.by is None else self.program.group(part.by)
                owners += int(record["width"])
        return {"rooms": records, "owners": np.zeros(max(1, owners), np.int32)}

    def _logs(self) -> Any:
        whom = [(whom, member) for part in self.program.logs for member, whom in enumerate(part.follows)]
        records = np.zeros(max(1, len(whom)), world.LOG)
        records["head"] = records["tail"] = -1
        for record, (leader, member) in zip(records, whom, strict=False):
            record["end"], record["leads"] = (leader + 1) * TERM, leader == member
        return records

    def _ledger(self, capacity: int) -> dict[str, Any]:
        """Versions, or next to nothing where they are not followed."""
        part, record = self.program.copies, np.zeros(1, world.LEDGER)
        keys, width = (0, 0) if part is None else (self.key_count, part.members.width)
        if part is not None:
            by_key = -1 if part.by_key is None else self.program.membership(part.by_key)
            record["members"], record["by_key"] = self.program.membership(part.members), by_key
            record["width"], record["spare"] = width, capacity - 1
            record["orders"] = sum(site.op == OP_ORDER for site in self.program.sites)
        histories = np.zeros(capacity, world.HISTORY)
        histories[0]["superseded_at"] = math.inf
        return {
            "ledger": record,
            "versions": np.zeros(capacity, world.VERSION),
            "histories": histories,
            "copies": np.zeros((capacity, width + 1), np.int32),
            "history_of": np.zeros(max(1, keys), np.int32),
        }

    def _volume(self, capacity: int) -> dict[str, Any]:
        """Writers and segments of a volume that has nothing, or next to nothing where there is none."""
        part, volume = self.program.volume, np.zeros(1, world.VOLUME)
        writers, rows, segments = (1, 1, 1) if part is None else (part.writers.size, part.rows.size, part.segments.size)
        leaders, copies = np.zeros(writers, world.WRITER), np.zeros(segments, world.SEGMENT_OF)
        leaders["head"] = leaders["tail"] = copies["head"] = copies["tail"] = -1
        suffices = np.zeros((rows, 1 if part is None else len(part.suffices)), np.int64)
        if part is not None:
            volume["width"], volume["limit"], volume["term"], volume["spare"] = part.width, part.limit, 1, capacity - 1
            volume["followed"] = part.copies is not None
            volume["appends"] = sum(site.op == OP_ALLOCATE for site in self.program.sites)
            leaders["term"], leaders[0]["leads"], copies["term"], suffices[:] = 1, 1, 1, part.suffices
        return {
            "volume": volume, "writers": leaders, "segments_of": copies,
            "records": np.zeros(capacity, world.RECORD), "firsts": np.zeros(rows, np.int64),
            "lasts": np.zeros((writers, rows), np.int64), "points": np.zeros((writers, rows), np.int64),
            "stable": np.zeros((writers, rows), np.int64), "known": np.zeros((writers, segments), np.int64),
            "suffices": suffices,
        }  # fmt: skip

    def _memberships(self) -> Any:
        records = np.zeros(max(1, len(self.program.memberships)), world.MEMBERSHIP)
        start = 0
        for record, part in zip(records, self.program.memberships, strict=False):
            record["group"] = self.program.group(part.group)
            record["of"] = self.program.group(part.of) if part.of is not None else -1
            record["width"], record["start"] = part.width, start
            start += part.width * len(part.rows)
        return records

    def _quorums(self) -> Any:
        records = np.zeros(max(1, len(self.program.quorums)), world.QUORUM)
        start = 0
        for record, part in zip(records, self.program.quorums, strict=False):
            record["needed"] = -1 if part.needed is None else part.needed
            record["everyone"], record["start"] = (1 << part.legs) - 1, start
            start += len(part.table or ())
        return records

    def _operations(self) -> Any:
        records = np.zeros(len(self.program.operations), world.OPERATION)
        for index, operation in enumerate(self.program.operations):
            record, client = records[index], operation.client
            record["entry"], record["timeout"] = self.program.entries[index], client.timeout_s
            if index < len(self.program.past_entries):
                record["past_entry"] = self.program.past_entries[index]
            record["max_attempts"], record["jitter"] = client.max_attempts, JITTER[client.jitter]
            record["watch_at"] = NEVER
            record["first"] = record["last"] = -1
            record["quota"] = self._paying().index(client) if client.quota is not None else -1
            record["processes"] = client.processes
        for record, several in zip(records, self._workload.asks_several(), strict=False):
            record["several"] = several
        return records

    def _paying(self) -> list[Client]:
        """Clients with a retry quota, each once for each of its processes."""
        clients = [operation.client for operation in self.program.operations]
        paying = dict.fromkeys(client for client in clients if client.quota is not None)
        return [client for client in paying for _ in range(client.processes)]

    def _quotas(self) -> Any:
        clients = self._paying()
        records = np.zeros(max(1, len(clients)), world.QUOTA)
        for record, client in zip(records, clients, strict=False):
            assert client.quota is not None
            for name, value in asdict(client.quota).items():
                record[name] = value or 0
            record["throttled_cost"], record["tokens"] = client.quota.price(THROTTLED), client.quota.capacity
        return records

    def _sources(self, law_indexes: Sequence[Sequence[int]]) -> Any:
        records = np.zeros(len(self.sources), world.SOURCE)
        for index, source in enumerate(self.sources):
            record = records[index]
            for name, law in zip(("size", "think", "items", "key_size", "ttl"), law_indexes[index], strict=True):
                record[f"{name}_law"] = law
            record["insert"] = source.workload.insert
            record["active"], record["client_base"] = 1, source.client_base
            if isinstance(source, ClosedSource):
                record["closed"], record["clients"] = 1, source.clients
        return records

    # ------------------------------------------------------------ the outcome

    def outcome(self, replication: int, wall_s: float) -> Outcome:
        """What this replication produced."""
        simulated, events = int(self.clock["simulated"]), int(self.clock["events"])
        return make_outcome(
            self.program, self.span, self.tally, self.parts(), self.journal, replication, "compiled",
            self.primed, simulated, events, wall_s, is_certain(self.program, self.sources),
        )  # fmt: skip

    def parts(self) -> Parts:
        """What the parts counted."""
        program, w = self.program, self.w
        stations = w.stations[: sum(p.group.size for p in program.stations)]
        caches = w.caches[: sum(p.group.size for p in program.caches)]
        buckets = w.buckets[: sum(p.group.size for p in program.buckets)]
        return Parts(
            unlimited=stations["unlimited"] == 1, started=stations["started"].copy(),
            rejected=stations["rejected"].copy(),
            lookups=np.stack([caches["lookups"], caches["hits"], caches["misses"]], axis=1),
            evictions=caches["evictions"].copy(),
            waited=w.rooms["waited"][: sum(p.group.size for p in program.rooms)].copy(),
            admitted=np.stack([buckets["admitted"], buckets["refused"]], axis=1),
        )  # fmt: skip


def link_free(clock: Any, name: str, records: Any, first: int) -> None:
    """Put the slots from `first` on in the list of free ones, lowest first."""
    count = len(records) - first
    records["after"][first:] = np.arange(first + 1, len(records) + 1)
    records["after"][-1] = clock[f"free_{name}"]
    if name == "requests":
        records["settled"][first:] = 1
    clock[f"free_{name}"] = first
    clock[f"spare_{name}"] += count


def _longer(records: Any) -> Any:
    longer = np.zeros((2 * len(records), *records.shape[1:]), records.dtype)
    longer[: len(records)] = records
    return longer


def _ints(values: list[int]) -> IntArray:
    return np.array(values or [0], np.int64)


def _matrix(rows: list[list[float]]) -> FloatArray:
    matrix = np.zeros((len(rows), max(1, *(len(row) for row in rows), 1)))
    for index, row in enumerate(rows):
        matrix[index, : len(row)] = row
    return matrix


class _Attributes:
    """A record seen by plain Python as compiled code sees it."""

    def __init__(self, record: Any) -> None:
        object.__setattr__(self, "_record", record)

    def __getattr__(self, name: str) -> Any:
        value = self._record[name]
        return value.item() if isinstance(value, np.generic) else value

    def __setattr__(self, name: str, value: Any) -> None:
        self._record[name] = value
