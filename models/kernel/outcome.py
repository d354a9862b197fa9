"""What one replication of one system produced: plain counts and arrays, the same bits from either engine.

Totals are integers. Time is counted in ticks of 2**-40 s, so that adding in another order gives the same sum; latencies
are also counted in a log-linear histogram whose bins are the top bits of the float itself, 512 to an octave, which
bounds the relative error of a percentile by 1/1024 (a value is reported as the middle of its bin). While there are few
values, they are kept as they are, and percentiles are exact.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]

TICKS_PER_S = 2.0**40
"""Resolution of every total of time; a power of two, so the conversion of a float rounds once."""

AREA_TICKS_PER_S = 2.0**30
"""Resolution of integrals over time (busy servers, say), coarser, so that eight thousand million server-seconds fit."""

STAGE = "stage "
"""How a level's name begins that is 1 while a stage of what control does lasts, and 0 otherwise."""

WRITES = ("acknowledged", "kept", "lost", "superseded")
"""Writes that are counted: those acknowledged, and what became of them."""

FEW = 2048
"""So many latencies of an operation and replication are kept as they are."""


@dataclass(frozen=True)
class Scale:
    """A log-linear histogram's bins over float seconds: the top bits of the number are its bin.

    Args:
        steps_bits: log2 of the bins to an octave.
        lowest_exponent: Values below 2**lowest_exponent seconds count in bin 0, with a lower edge of 0.
        octaves: Octaves covered; larger values count in the last bin.
    """

    steps_bits: int
    lowest_exponent: int
    octaves: int

    @property
    def shift(self) -> int:
        """Bits of the float that a bin does not look at."""
        return 52 - self.steps_bits

    @property
    def offset(self) -> int:
        """What to take from the shifted bits to get the bin."""
        return ((1023 + self.lowest_exponent) << self.steps_bits) - 1

    @property
    def bins(self) -> int:
        """Number of bins, the one below the lowest octave included."""
        return (self.octaves << self.steps_bits) + 1

    def edges_s(self) -> FloatArray:
        """Lower edges of all bins and the upper edge of the last, seconds, shape (bins + 1,); not to be written to."""
        return _edges_s(self)

    def middles_s(self) -> FloatArray:
        """What a value of each bin is reported as, seconds, shape (bins,); not to be written to."""
        return _middles_s(self)


@cache
def _edges_s(scale: Scale) -> FloatArray:
    bits = (np.arange(1, scale.bins + 1, dtype=np.int64) + scale.offset) << scale.shift
    edges: FloatArray = np.concatenate([[0.0], bits.view(np.float64)])
    edges.setflags(write=False)
    return edges


@cache
def _middles_s(scale: Scale) -> FloatArray:
    edges = _edges_s(scale)
    middles = (edges[:-1] + edges[1:]) / 2
    middles[0] = 0.0
    middles.setflags(write=False)
    return middles


FINE = Scale(steps_bits=9, lowest_exponent=-40, octaves=64)
"""For a whole replication: relative error at most 1/1024."""
COARSE = Scale(steps_bits=5, lowest_exponent=-30, octaves=44)
"""For each window of time: relative error at most 1/64."""


@dataclass(frozen=True)
class Distribution:
    """Latencies of the successful, measured requests of one operation in one replication.

    Args:
        counts: Requests by bin of `FINE`, shape (FINE.bins,).
        total_ticks: Sum of all latencies, in ticks of 2**-40 s; exact.
        few_s: All latencies in ascending order, seconds, if there are no more than `FEW`; else none.
        lowest_s: The smallest latency, inf where there is none.
        highest_s: The largest latency, -inf where there is none.
    """

    counts: IntArray
    total_ticks: int
    few_s: FloatArray
    lowest_s: float
    highest_s: float

    @property
    def count(self) -> int:
        """Latencies counted."""
        return int(self.counts.sum())

    @property
    def mean_s(self) -> float:
        """Mean, seconds; nan where there is none."""
        count = self.count
        return self.total_ticks / count / TICKS_PER_S if count else math.nan

    def percentile_s(self, fraction: float) -> float:
        """The smallest latency that at least `fraction` of all do not exceed, seconds; see `percentiles_s`."""
        return float(self.percentiles_s([fraction])[0])

    def percentiles_s(self, fractions: Sequence[float]) -> FloatArray:
        """The smallest latencies that at least such fractions of all do not exceed, seconds, shape (fractions,).

        Exact while no more than `FEW` were counted, then within 1/1024 of it; nan where there is none.

        Raises:
            ValueError: If a fraction is not in (0, 1].
        """
        if not all(0.0 < fraction <= 1.0 for fraction in fractions):
            raise ValueError(f"a percentile's fraction lies in (0, 1], got {list(fractions)}")
        count = self.count
        if count == 0:
            return np.full(len(fractions), math.nan)
        ranks = np.array([max(1, math.ceil(fraction * count - 1e-9)) for fraction in fractions], np.int64)
        if count <= len(self.few_s):
            return self.few_s[ranks - 1]
        bins = np.searchsorted(np.cumsum(self.counts), ranks)
        return np.clip(FINE.middles_s()[bins], self.lowest_s, self.highest_s)


@dataclass(frozen=True)
class OperationOutcome:
    """One operation in one replication. Counts are of measured requests: intended arrival at or after the warm-up.

    Args:
        requests: Measured requests; requests = ok + sum(errors) + unfinished.
        ok: Requests that were answered.
        errors: Requests that failed in the end, by kind ("timeout", "refused", "throttled", "rejected", ...).
        unfinished: Requests that had not settled when the drain ended, counted then.
        attempts: Attempts made for measured requests, retries included.
        answers_in_span: Answers (ok) that completed between warm-up and duration, whenever they arrived.
        latency: Of the ok, from intended arrival to answer, retries included.
        batch_ok: Answers by time of completion, in equal parts of the time from zero to the end of arrivals, warm-up
            included, shape (batches,); for the warm-up cut.
        batch_total_s: Sums of their latencies, seconds, shape (batches,).
        window_ok: Answers by window of completion, warm-up included, shape (windows,).
        window_errors: Final failures of any kind by window, shape (windows,).
        window_latency: Answers by window and bin of `COARSE`, shape (windows, COARSE.bins).
        reads: Answers that returned a version of an object; none where versions are not followed.
        stale: Those whose version had been superseded before the request was made.
        ages: Since when, by bin of `COARSE`, shape (COARSE.bins,).
        oldest_s: The largest of these ages, seconds; 0 where there is none.
        window_stale: Stale answers by window of completion, warm-up included, shape (windows,).
    """

    requests: int
    ok: int
    errors: Mapping[str, int]
    unfinished: int
    attempts: int
    answers_in_span: int
    latency: Distribution
    batch_ok: IntArray
    batch_total_s: FloatArray
    window_ok: IntArray
    window_errors: IntArray
    window_latency: IntArray
    reads: int = 0
    stale: int = 0
    ages: IntArray = field(default_factory=lambda: np.zeros(COARSE.bins, np.int64))
    oldest_s: float = 0.0
    window_stale: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class StationOutcome:
    """A station family (one station on each member of a group) in one replication.

    Args:
        servers_s: Integral of servers over each window, server-seconds, shape (members, windows); inf for a member
            whose servers had no number, even for a while.
        span_servers_s: The same between warm-up and duration, shape (members,).
        busy_s: Integral of busy servers over each window, server-seconds, shape (members, windows).
        queue_s: Integral of waiting requests over each window, request-seconds, shape (members, windows).
        span_busy_s: The same between warm-up and duration, shape (members,).
        span_queue_s: The same between warm-up and duration, shape (members,).
        started: Services begun, shape (members,).
        rejected: Requests turned away by a full queue, shape (members,).
    """

    servers_s: FloatArray
    span_servers_s: FloatArray
    busy_s: FloatArray
    queue_s: FloatArray
    span_busy_s: FloatArray
    span_queue_s: FloatArray
    started: IntArray
    rejected: IntArray


@dataclass(frozen=True)
class CacheOutcome:
    """A cache family in one replication; counts are of measured requests, windows of all.

    Args:
        lookups: Lookups, shape (members,).
        hits: Hits among them, shape (members,).
        misses: Misses among them, counted on their own, shape (members,).
        window_lookups: Lookups by window, all members, shape (windows,).
        window_hits: Hits by window, all members, shape (windows,).
    """

    lookups: IntArray
    hits: IntArray
    misses: IntArray
    window_lookups: IntArray
    window_hits: IntArray


@dataclass(frozen=True)
class BucketOutcome:
    """A token bucket family in one replication; tokens are of all requests.

    Args:
        taken: Tokens taken between warm-up and duration.
        refused: Tokens wanted by those who found too few, in the same time.
        window_taken: Tokens taken by window, all members, shape (windows,).
        window_refused: The same of those refused, shape (windows,).
    """

    taken: float
    refused: float
    window_taken: FloatArray
    window_refused: FloatArray


_DIGEST = "_known_digest"
"""Where an outcome keeps its digest, which takes as long as all else that is read from it, and travels with it."""


class Note(NamedTuple):
    """Something that control did, in words, and when."""

    at_s: float
    text: str


@dataclass(frozen=True)
class LevelOutcome:
    """A level that control sets: its value from each time on.

    Args:
        times_s: When it changed, shape (changes,).
        values: What it was from then on, shape (changes,).
    """

    times_s: FloatArray
    values: FloatArray

    def integral(self, from_s: float, until_s: float) -> float:
        """Of the level over a stretch of time; nothing before its first value."""
        ends = np.append(self.times_s[1:], math.inf)
        lengths = np.clip(np.minimum(ends, until_s) - np.maximum(self.times_s, from_s), 0.0, None)
        return float((self.values * lengths).sum())


@dataclass(frozen=True)
class ChargeOutcome:
    """What one charge came to in one replication.

    Args:
        dollars: Between warm-up and duration.
        window_dollars: By window, shape (windows,).
    """

    dollars: float
    window_dollars: FloatArray


@dataclass(frozen=True)
class Outcome:
    """One replication of one system.

    Args:
        system: Name in the scenario.
        replication: Index from 0.
        engine: "simpy" or "compiled".
        span_s: Warm-up and duration: the measured span, seconds.
        window_edges_s: Edges of the windows of time, seconds, shape (windows + 1,).
        operations: By name.
        stations: By family name.
        caches: By family name.
        counters: Further counts of measured requests by dotted name, such as "item_cache.lookups".
        primed_requests: Requests replayed through the caches before time zero.
        simulated_requests: All requests simulated, warm-up included.
        events: Events of the data plane.
        wall_s: Seconds of wall time that simulating took, draws and measures included.
        certain: Whether nothing was left to chance, so that every replication is the same.
        buckets: By family name.
        notes: What control did, in order.
        levels: That control set, by name.
        charges: The bill, by name of the charge; empty where the model has no prices.
    """

    system: str
    replication: int
    engine: str
    span_s: tuple[float, float]
    window_edges_s: FloatArray
    operations: Mapping[str, OperationOutcome]
    stations: Mapping[str, StationOutcome]
    caches: Mapping[str, CacheOutcome]
    counters: Mapping[str, int]
    primed_requests: int
    simulated_requests: int
    events: int
    wall_s: float
    certain: bool = False
    buckets: Mapping[str, BucketOutcome] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    levels: Mapping[str, LevelOutcome] = field(default_factory=dict)
    charges: Mapping[str, ChargeOutcome] = field(default_factory=dict)

    @property
    def stages(self) -> dict[str, LevelOutcome]:
        """Levels that are stages of what control did, by the stage's name; those alone that it came to."""
        return {name.removeprefix(STAGE): each for name, each in self.levels.items() if name.startswith(STAGE)}

    def fingerprint(self) -> str:
        """Digest of everything that the model produced: equal for both engines, blind to wall time."""
        known = self.__dict__.get(_DIGEST)
        if known is None:
            known = self.__dict__[_DIGEST] = self._digest()
        return str(known)

    def _digest(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for each in fields(self):
            if each.name not in ("engine", "wall_s"):
                for piece in _canonical(each.name, getattr(self, each.name)):
                    digest.update(piece)
        return digest.hexdigest()


def _canonical(name: str, value: Any) -> Iterator[bytes]:
    """Bytes that stand for a value: names in sorted order, floats by their bits, lengths before contents."""
    yield name.encode() + b"\0"
    if is_dataclass(value):
        for each in fields(value):
            yield from _canonical(each.name, getattr(value, each.name))
    elif isinstance(value, Mapping):
        yield b"%d:" % len(value)
        for key in sorted(value):
            yield from _canonical(key, value[key])
    elif isinstance(value, np.ndarray):
        yield repr((value.dtype.str, value.shape)).encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, float):
        yield np.float64(value).tobytes()
    elif isinstance(value, tuple):
        yield b"%d:" % len(value)
        for item in value:
            yield from _canonical("", item)
    elif isinstance(value, int | np.integer):
        yield b"%d;" % int(value)
    else:
        yield repr(value).encode() + b"\0"
