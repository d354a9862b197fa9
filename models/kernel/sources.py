"""Sources of work: a workload as the scenario describes it, and the streams of requests drawn from it.

Arrivals, keys, operations, sizes and numbers of items are drawn from streams of the workload, not of a system, so all
systems of a scenario see the same requests. An object's size and its time to live belong to its key: they are drawn
once for each key, so that reading an object twice finds it as large as before.

An operation called `insert` writes a new record, the one after the newest. Inserts count in the order of a source's
requests: as they arrive at an open one, as they are issued in a closed one. The past before time zero inserts as well,
and the run goes on from its newest record; so systems whose pasts differ in length call the same record by another key,
and find it equally long ago.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt

from models.kernel.amounts import ITEMS_MAX, SIZE_BYTES_MAX
from models.kernel.arrivals import Arrivals, Closed, ConstantArrivals, Poisson, ordinals, unit_process
from models.kernel.keys import KeyLaw
from models.kernel.laws import Constant, Discrete, Law, LawTable, draw_law, exponential
from models.kernel.outcome import FloatArray, IntArray
from models.kernel.random import Stream, stream, uniforms

BLOCK = 8192
"""Requests that are drawn at once; any size gives the same requests."""
RECORDED = 4
"""So many times as many where nothing needs to be drawn."""
INSERT = "insert"
"""The operation that writes a new record."""
SEVERAL = ("query", "scan", "batch_get")
"""Operations that ask for several items."""

NOTHING, ONE = Constant(value=0.0), Constant(value=1.0)


class Block(NamedTuple):
    """Some requests in order of arrival; each array has shape (requests,)."""

    times_s: FloatArray
    operations: IntArray
    keys: IntArray
    sizes_bytes: IntArray
    items: IntArray
    ttls_s: FloatArray

    def rows(self, first: int) -> Iterator[tuple[float, int, int, int, int, int, float]]:
        """The requests as plain numbers: time, ordinal from `first` on, operation, key, size, items, time to live."""
        times, *rest = (column.tolist() for column in self)
        return zip(times, range(first, first + len(times)), *rest, strict=True)


@dataclass(frozen=True, eq=False)
class Trace:
    """Recorded requests, asked for some at once, so that they need not be in memory.

    Args:
        count: Number of them.
        block: Gives those from an ordinal on up to another; whoever asks again is given the same.
        key_count: Keys are below this.
        operation_names: What a block's operations mean.
    """

    count: int
    block: Callable[[int, int], Block]
    key_count: int
    operation_names: tuple[str, ...]

    @classmethod
    def of(cls, block: Block, key_count: int, operation_names: tuple[str, ...]) -> Trace:
        """Requests that are in memory."""
        count = len(block.times_s)
        return cls(
            count, lambda first, last: Block._make(column[first:last] for column in block), key_count, operation_names
        )

    def blocks(self, end: int, size: int = RECORDED * BLOCK) -> Iterator[Block]:
        """All before the ordinal `end`, so many at once."""
        return (self.block(first, min(first + size, end)) for first in range(0, end, size))

    def arrived(self, time_s: float) -> int:
        """How many arrive up to an instant, it included."""
        return bisect_right(range(self.count), time_s, key=self._time_s)

    @property
    def last_s(self) -> float:
        """When the last arrives."""
        return self._time_s(self.count - 1)

    @cached_property
    def shares(self) -> FloatArray:
        """Share of each operation, shape (operations,)."""
        return _shares((block.operations for block in self.blocks(self.count)), len(self.operation_names))

    @cached_property
    def popularity(self) -> FloatArray:
        """Share of each key, shape (keys,)."""
        return _shares((block.keys for block in self.blocks(self.count)), self.key_count)

    @cached_property
    def mean_size_bytes(self) -> float:
        """Of a request's object."""
        return math.fsum(block.sizes_bytes.sum(dtype=np.float64) for block in self.blocks(self.count)) / self.count

    def _time_s(self, ordinal: int) -> float:
        return float(self.block(ordinal, ordinal + 1).times_s[0])


@dataclass(frozen=True, eq=False)
class Workload:
    """What clients ask for.

    Args:
        arrivals: When, or by whom in a closed loop; ignored with a trace.
        keys: Which keys.
        sizes: Bytes of an object's value, drawn once for each key.
        mix: Share of each operation, by name; shares add up to 1.
        trace: Recorded requests instead of all of these; what they insert has the recorded key.
        items: Items that a request of one of the operations `SEVERAL` asks for, rounded up, from 1 to `ITEMS_MAX`.
        key_sizes: Bytes of an object's key, drawn once for each key; an object has those of its key and its value.
        ttls: Seconds that an object lives after it was written or cached, drawn once for each key; None: for ever.
    """

    arrivals: Arrivals | Closed
    keys: KeyLaw
    sizes: Law
    mix: Mapping[str, float]
    trace: Trace | None = None
    items: Law = ONE
    key_sizes: Law = NOTHING
    ttls: Law | None = None

    @property
    def objects_differ(self) -> bool:
        """Whether an object's size or its time to live depends on its key."""
        return not all(isinstance(law, Constant) for law in (self.sizes, self.key_sizes, self.ttls or NOTHING))

    @property
    def mean_size_bytes(self) -> float:
        """Of an object, recorded or drawn; of a law without a mean, where it is cut."""
        if self.trace is not None:
            return self.trace.mean_size_bytes
        return math.fsum(min(law.mean(), SIZE_BYTES_MAX) for law in (self.sizes, self.key_sizes))

    def longest_ttl_s(self) -> float:
        """Seconds that the objects live that live longest, inf for ever; of a law without an end, the mean."""
        if self.ttls is None or self.trace is not None:
            return math.inf
        return max(self.ttls.values) if isinstance(self.ttls, Discrete) else self.ttls.mean()

    @property
    def operation_names(self) -> tuple[str, ...]:
        """Operations in the order of their index."""
        return self.trace.operation_names if self.trace is not None else tuple(self.mix)

    @property
    def key_count(self) -> int:
        """Keys are below this."""
        return self.trace.key_count if self.trace is not None else self.keys.count

    @property
    def insert(self) -> int:
        """Index of the operation that takes the next key, or -1."""
        names = self.operation_names
        return names.index(INSERT) if self.trace is None and INSERT in names else -1

    def asks_several(self) -> list[bool]:
        """Whether each operation asks for several items."""
        return [self.trace is None and name in SEVERAL for name in self.operation_names]

    def shares(self) -> FloatArray:
        """Cumulated shares of all operations but the last, shape (operations - 1,)."""
        return cast(FloatArray, np.cumsum(list(self.mix.values()))[:-1])


class Drawing(Protocol):
    """How blocks are drawn: in NumPy, or compiled; the same bits."""

    def exponentials(self, key: Stream, first: int, size: int) -> FloatArray:
        """Unit exponentials for the ordinals from `first` on, shape (size,)."""

    def pairs(self, key: Stream, first: int, size: int, client: int) -> tuple[FloatArray, FloatArray]:
        """Two uniforms for each ordinal from `first` on, each of shape (size,)."""

    def keys(self, law: KeyLaw, key: Stream, first: int, size: int, client: int) -> IntArray:
        """A key for each ordinal from `first` on, shape (size,)."""

    def operations(self, shares: FloatArray, key: Stream, first: int, size: int) -> IntArray:
        """An operation for each ordinal from `first` on, shape (size,), by cumulated shares."""


class NumpyDrawing:
    """Blocks drawn in NumPy."""

    def exponentials(self, key: Stream, first: int, size: int) -> FloatArray:
        u, _ = self.pairs(key, first, size, 0)
        return cast(FloatArray, exponential(u, 1.0))

    def pairs(self, key: Stream, first: int, size: int, client: int) -> tuple[FloatArray, FloatArray]:
        u1, u2 = uniforms(key.key_0, key.key_1, ordinals(first, size), client, 0, 0, 0, 0)
        return u1, u2

    def keys(self, law: KeyLaw, key: Stream, first: int, size: int, client: int) -> IntArray:
        return law.block(*self.pairs(key, first, size, client))

    def operations(self, shares: FloatArray, key: Stream, first: int, size: int) -> IntArray:
        u, _ = self.pairs(key, first, size, 0)
        return np.searchsorted(shares, u, side="right").astype(np.int64)


class Streams(NamedTuple):
    """The keys of a workload's streams in one replication."""

    arrivals: Stream
    operations: Stream
    keys: Stream
    sizes: Stream
    think: Stream
    items: Stream
    key_sizes: Stream
    ttls: Stream

    @classmethod
    def of(cls, seed: int, replication: int, before: str = "") -> Streams:
        """Streams of a replication; `before` sets those apart that are drawn before time zero."""
        names = ("arrivals", "operations", "keys", "sizes", "think", "items", "key sizes", "ttls")
        # What belongs to keys is the same before and after time zero.
        of_keys = ("sizes", "key sizes", "ttls")
        return cls(*(stream(seed, replication, "workload", n if n in of_keys else before + n) for n in names))


@dataclass
class OpenSource:
    """Requests that come whatever happens to those before them."""

    workload: Workload
    streams: Streams
    duration_s: float
    drawing: Drawing = field(default_factory=NumpyDrawing)
    block_size: int = BLOCK
    client_base: int = 0
    draw_block: int = 4096
    inserted: int = 0
    """Records inserted before the first request."""
    draws_keys: bool = True
    """False where nobody looks at keys: then all are 0, and none is drawn."""

    def blocks(self) -> Iterator[Block]:
        """All requests that arrive before the duration, in blocks."""
        if self.workload.trace is not None:
            trace = self.workload.trace
            yield from trace.blocks(trace.arrived(self.duration_s), self.room)
            return
        arrivals = self.workload.arrivals
        assert isinstance(arrivals, Arrivals)
        key = self.streams.arrivals
        clock = arrivals.clock(key)
        gaps = arrivals.gaps(key) or (lambda first, size: self.drawing.exponentials(key, first, size))
        unit = unit_process(arrivals.random_gaps, gaps, self.block_size)
        inserted = self.inserted
        while True:
            first, passed = unit()
            times = clock(passed)
            kept = int(np.searchsorted(times, self.duration_s, side="left"))
            if kept:
                block = Block(times[:kept], *self.requests(first, kept, inserted))
                inserted += self.inserts(block)
                yield block
            if kept < self.block_size:
                return

    @property
    def room(self) -> int:
        """Requests of a block, at most."""
        return self.block_size * (RECORDED if self.workload.trace is not None else 1)

    def inserts(self, block: Block) -> int:
        """Inserts in a block of requests."""
        insert = self.workload.insert
        return int(np.count_nonzero(block.operations == insert)) if insert >= 0 else 0

    def requests(
        self, first: int, size: int, inserted: int
    ) -> tuple[IntArray, IntArray, IntArray, IntArray, FloatArray]:
        """Operation, key, size, items and time to live of the requests from ordinal `first` on, before which so many
        records were inserted.
        """
        w, streams = self.workload, self.streams
        keys, operations = alike(0, size), alike(0, size)
        if self.draws_keys:
            keys = self.drawing.keys(w.keys, streams.keys, first, size, 0)
        if len(w.mix) > 1:
            operations = self.drawing.operations(w.shares(), streams.operations, first, size)
        if w.insert >= 0:
            new = operations == w.insert
            before = inserted + np.cumsum(new) - new
            if w.keys.follows_newest:
                keys = (keys + before) % w.keys.count
            keys = np.where(new, before % w.keys.count, keys)
        items = items_of(w, streams.items, operations, first, 0)
        return operations, keys, sizes_of(w, streams, keys), items, ttls_of(w, streams, keys)


@dataclass
class ClosedSource:
    """Clients that wait for an answer, think, and ask again; what a client asks depends on its own past alone."""

    workload: Workload
    streams: Streams
    client_base: int = 0
    draw_block: int = 32

    def __post_init__(self) -> None:
        closed = self.workload.arrivals
        assert isinstance(closed, Closed)
        self.clients: int = closed.clients
        self._think: Law = closed.think
        self._held: dict[int, tuple[int, list[tuple[int, int, int, int, float]]]] = {}
        self.inserted = 0
        self._table = LawTable()
        self._table.add(self._think)
        self._arrays = self._table.arrays()

    def first_wake_s(self, client: int) -> float:
        """When a client asks first: after a think time, so that not all come at once."""
        return self._think_s(client, 0, 1)

    def think(self, client: int, ordinal: int) -> float:
        """Seconds between the answer to a client's request and its next request."""
        return self._think_s(client, ordinal, 0)

    def _think_s(self, client: int, ordinal: int, visit: int) -> float:
        index = len(self._table.laws) - 1
        return draw_law(*self._arrays, index, *self.streams.think, ordinal, self.client_base + client, 0, 0, visit)

    def issue(self, client: int, ordinal: int) -> tuple[int, int, int, int, float]:
        """Operation, key, size, items and time to live of a client's request, to be asked for in order of issue."""
        operation, key, size, items, ttl_s = self._drawn(client, ordinal)
        w, drawn = self.workload, key
        if operation == w.insert:
            key = self.inserted % w.keys.count
            self.inserted += 1
        elif w.keys.follows_newest:
            key = (key + self.inserted) % w.keys.count
        if key != drawn:
            size = int(sizes_of(w, self.streams, np.array([key]))[0])
            ttl_s = float(ttls_of(w, self.streams, np.array([key]))[0])
        return operation, key, size, items, ttl_s

    def _drawn(self, client: int, ordinal: int) -> tuple[int, int, int, int, float]:
        """Operation, key, size, items and time to live as they would be if nothing were inserted."""
        number, index = divmod(ordinal, self.draw_block)
        held = self._held.get(client)
        if held is None or held[0] != number:
            held = self._held[client] = (number, self._draw(client, number * self.draw_block))
        return held[1][index]

    def _draw(self, client: int, first: int) -> list[tuple[int, int, int, int, float]]:
        w, streams, drawing, size = self.workload, self.streams, NumpyDrawing(), self.draw_block
        keys = drawing.keys(w.keys, streams.keys, first, size, self.client_base + client)
        u, _ = drawing.pairs(streams.operations, first, size, self.client_base + client)
        operations = np.searchsorted(w.shares(), u, side="right")
        items = items_of(w, streams.items, operations, first, self.client_base + client)
        columns = operations, keys, sizes_of(w, streams, keys), items, ttls_of(w, streams, keys)
        return list(zip(*(column.tolist() for column in columns), strict=True))


Source = OpenSource | ClosedSource


def sizes_of(workload: Workload, streams: Streams, keys: IntArray) -> IntArray:
    """Bytes of each key's object: those of the key and of the value, each rounded up, shape as `keys`."""
    values = _bytes_of(workload.sizes, streams.sizes, keys)
    if workload.key_sizes == NOTHING:
        return values
    return cast(IntArray, values + _bytes_of(workload.key_sizes, streams.key_sizes, keys))


def _bytes_of(law: Law, key: Stream, keys: IntArray) -> IntArray:
    if isinstance(law, Constant):
        return alike(math.ceil(min(law.value, SIZE_BYTES_MAX)), len(keys))
    return cast(IntArray, np.ceil(np.minimum(_of_keys(law, key, keys), SIZE_BYTES_MAX)).astype(np.int64))


def ttls_of(workload: Workload, streams: Streams, keys: IntArray) -> FloatArray:
    """Seconds that each key's object lives, inf for ever, shape as `keys`."""
    law = workload.ttls
    if law is None or isinstance(law, Constant):
        return alike(math.inf if law is None else law.value, len(keys))
    return _of_keys(law, streams.ttls, keys)


def _of_keys(law: Law, key: Stream, keys: IntArray) -> FloatArray:
    """What is drawn once for each key."""
    return law.block(lambda draw: uniforms(key.key_0, key.key_1, keys, 0, 0, 0, 0, draw))


def items_of(workload: Workload, key: Stream, operations: IntArray, first: int, client: int) -> IntArray:
    """Items that each request of a client asks for, from ordinal `first` on, shape as `operations`."""
    several = np.array(workload.asks_several())
    if not several.any():
        return alike(1, len(operations))
    numbers = ordinals(first, len(operations))
    values = workload.items.block(lambda draw: uniforms(key.key_0, key.key_1, numbers, client, 0, 0, 0, draw))
    items = np.ceil(np.minimum(np.maximum(values, 1.0), ITEMS_MAX)).astype(np.int64)
    return np.where(several[operations], items, 1)


def _shares(parts: Iterable[IntArray], kinds: int) -> FloatArray:
    """Share of each number below `kinds` among all that come in parts, shape (kinds,)."""
    counts = np.zeros(kinds, np.int64)
    for numbers in parts:
        np.add.at(counts, numbers, 1)
    return cast(FloatArray, counts / counts.sum())


@lru_cache(maxsize=64, typed=True)
def alike(value: float, count: int) -> npt.NDArray[Any]:
    """The same number for each of so many requests, shape (count,); takes no memory, and cannot be written to."""
    return np.broadcast_to(np.array(value), count)


def sources_of(workload: Workload, seed: int, replication: int, duration_s: float, drawing: Drawing) -> list[Source]:
    """The sources of one replication."""
    streams = Streams.of(seed, replication)
    if workload.trace is None and isinstance(workload.arrivals, Closed):
        return [ClosedSource(workload, streams)]
    return [OpenSource(workload, streams, duration_s, drawing)]


def priming_source(workload: Workload, seed: int, replication: int, rate_per_s: float, drawing: Drawing) -> OpenSource:
    """The workload as it was before time zero: Poisson arrivals without end, from streams of their own."""
    arrivals = workload.arrivals
    before: Arrivals = (
        ConstantArrivals(rate_per_s=rate_per_s)
        if isinstance(arrivals, ConstantArrivals)
        else Poisson(rate_per_s=rate_per_s)
    )
    past = replace(workload, arrivals=before, trace=None)
    return OpenSource(past, Streams.of(seed, replication, "before "), math.inf, drawing)
