"""Measuring: what the engines count while they run, and the outcome made of it.

A `Tally` is arrays of integers, the same for both engines. The SimPy engine keeps what happens in lists and adds it up
in NumPy, block by block; the compiled engine adds each thing as it happens. Both come to the same integers, because
nothing that is added up is a float.

An integral over time (busy servers, waiting requests) is kept by window as the sum of change x (end of window - time of
change), in ticks, and the sum of changes; the level at a window's start is the sum of all changes before it. So it is
exact, needs no state between changes, and does not care about their order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models.kernel.charges import bill
from models.kernel.numerics import bits_float, float_bits, select, to_int
from models.kernel.outcome import (
    AREA_TICKS_PER_S,
    COARSE,
    FEW,
    FINE,
    TICKS_PER_S,
    WRITES,
    BucketOutcome,
    CacheOutcome,
    Distribution,
    IntArray,
    OperationOutcome,
    Outcome,
    StationOutcome,
)
from models.kernel.system import ERRORS

if TYPE_CHECKING:
    from models.kernel.journal import Journal
    from models.kernel.program import Program
    from models.kernel.simpy_engine import SimpyPlane

BATCHES = 2048
"""Batches of answers, for the warm-up cut, from time zero to the end of arrivals."""
WORD = 1 << 62
"""Totals that could exceed 64 bits are kept as high * WORD + low."""
FLUSH = 1 << 15


@dataclass(frozen=True)
class Span:
    """What is simulated and what of it is measured, seconds.

    Args:
        warmup_s: Requests that arrive from here on are measured.
        duration_s: Arrivals stop.
        end_s: The drain ends; what has not settled is unfinished.
        windows: Windows of equal length from zero to `duration_s`.
    """

    warmup_s: float
    duration_s: float
    end_s: float
    windows: int = 60

    @property
    def window_s(self) -> float:
        """Length of a window, seconds."""
        return self.duration_s / self.windows if self.duration_s > 0 else 1.0

    @property
    def batch_s(self) -> float:
        """Time in which a batch of answers comes, seconds."""
        return self.duration_s / BATCHES if self.duration_s > 0 else 1.0


class Tally(NamedTuple):
    """What is counted, as arrays; `ops`, `stations`, `families` and `windows` give the shapes.

    One window more than there are takes what comes after the last, and so does one batch. Nothing depends on the order
    in which requests come to their ends.
    """

    requests_measured: IntArray  # (ops,)
    attempts_measured: IntArray  # (ops,)
    unfinished: IntArray  # (ops,) measured requests that are not settled at the end
    errors: IntArray  # (ops, kinds) final failures of measured requests; kind 0 is ok
    in_span: IntArray  # (ops,) answers within the measured span
    totals: IntArray  # (ops, 2) sum of latencies in ticks: high, low
    extremes: Any  # (ops, 2) float: lowest, highest
    fine: IntArray  # (ops, FINE.bins)
    few: Any  # (ops, FEW) float: the first that came
    batch_ok: IntArray  # (ops, BATCHES + 1) answers
    batch_ticks: IntArray  # (ops, BATCHES + 1) sums of their latencies
    window_ok: IntArray  # (ops, windows + 1)
    window_errors: IntArray  # (ops, windows + 1)
    window_latency: IntArray  # (ops, windows + 1, COARSE.bins)
    areas: (
        IntArray  # (3 * stations, windows + 1) area ticks; 3 i: busy servers of station i, then its queue, its servers
    )
    levels: IntArray  # (3 * stations, windows + 1) changes
    spans: IntArray  # (3 * stations,) area ticks, within the measured span
    edges: IntArray  # (windows + 2,) area ticks
    window_lookups: IntArray  # (families, windows + 1)
    window_hits: IntArray  # (families, windows + 1)
    window_tokens: Any  # (2 * buckets, windows + 1) float; 2 i: taken from bucket family i, then wanted in vain
    writes: IntArray  # (4,) measured writes: acknowledged, kept, lost, superseded
    reads: IntArray  # (ops,) measured answers that returned a version
    stale: IntArray  # (ops,) those that were stale
    ages: IntArray  # (ops, COARSE.bins) ages of stale reads
    oldest: Any  # (ops,) float: the largest age, 0 where none was stale
    window_stale: IntArray  # (ops, windows + 1) of all requests
    span_tokens: Any  # (2 * buckets,) float, within the measured span


TALLY_DIMENSIONS = {
    "requests_measured": 1, "attempts_measured": 1, "unfinished": 1, "errors": 2, "in_span": 1, "totals": 2,
    "extremes": 2, "fine": 2, "few": 2, "batch_ok": 2, "batch_ticks": 2, "window_ok": 2, "window_errors": 2,
    "window_latency": 3, "areas": 2, "levels": 2, "spans": 1, "edges": 1, "window_lookups": 2, "window_hits": 2,
    "window_tokens": 2, "writes": 1, "reads": 1, "stale": 1, "ages": 2, "oldest": 1, "window_stale": 2,
    "span_tokens": 1,
}  # fmt: skip
"""Dimensions of each array of a tally."""
TALLY_FLOATS = ("extremes", "few", "oldest", "window_tokens", "span_tokens")
"""Those of floats. Tokens are added up as floats, one by one in order of events, which both engines share."""


def new_tally(program: Program, span: Span) -> Tally:
    """A tally with nothing in it."""
    ops, w = len(program.operation_names), span.windows + 1
    stations = sum(part.group.size for part in program.stations)
    families, buckets = len(program.caches), len(program.buckets)
    extremes = np.empty((ops, 2))
    extremes[:, 0], extremes[:, 1] = math.inf, -math.inf
    return Tally(
        requests_measured=np.zeros(ops, np.int64), attempts_measured=np.zeros(ops, np.int64),
        unfinished=np.zeros(ops, np.int64), errors=np.zeros((ops, len(ERRORS)), np.int64),
        in_span=np.zeros(ops, np.int64),
        totals=np.zeros((ops, 2), np.int64), extremes=extremes, fine=np.zeros((ops, FINE.bins), np.int64),
        few=np.zeros((ops, FEW)), batch_ok=np.zeros((ops, BATCHES + 1), np.int64),
        batch_ticks=np.zeros((ops, BATCHES + 1), np.int64),
        window_ok=np.zeros((ops, w), np.int64), window_errors=np.zeros((ops, w), np.int64),
        window_latency=np.zeros((ops, w, COARSE.bins), np.int64),
        areas=np.zeros((3 * stations, w), np.int64), levels=np.zeros((3 * stations, w), np.int64),
        spans=np.zeros(3 * stations, np.int64),
        edges=np.array([to_area_ticks(span.window_s * k) for k in range(w + 1)], np.int64),
        window_lookups=np.zeros((families, w), np.int64), window_hits=np.zeros((families, w), np.int64),
        window_tokens=np.zeros((2 * buckets, w)), writes=np.zeros(4, np.int64), reads=np.zeros(ops, np.int64),
        stale=np.zeros(ops, np.int64), ages=np.zeros((ops, COARSE.bins), np.int64), oldest=np.zeros(ops),
        window_stale=np.zeros((ops, w), np.int64), span_tokens=np.zeros(2 * buckets),
    )  # fmt: skip


def to_ticks(seconds: Any) -> Any:
    """Seconds to whole ticks, rounded half up: floats, arrays, or numbers in compiled code."""
    return to_int(np.floor(seconds * TICKS_PER_S + 0.5))


def to_area_ticks(seconds: Any) -> Any:
    """Seconds to whole ticks of an integral over time, rounded half up; as `to_ticks`."""
    return to_int(np.floor(seconds * AREA_TICKS_PER_S + 0.5))


def bin_of(seconds: Any, shift: int, offset: int, bins: int) -> Any:
    """Bin of a latency on a `Scale`."""
    index = (float_bits(seconds) >> shift) - offset
    index = select(index < 0, 0, index)
    return select(index >= bins, bins - 1, index)


def window_of(seconds: Any, window_s: float, windows: int) -> Any:
    """Window of a time; `windows` for all that comes after the last."""
    window = seconds / window_s
    return to_int(select(window < windows, window, windows * 1.0))


class Meter:
    """An integral over time in the SimPy engine: the times at which its level went up or down by one, added up now and
    then.
    """

    def __init__(self, plane: SimpyPlane) -> None:
        self.plane = plane
        self.row = len(plane.recorder.meters)
        plane.recorder.meters.append(self)
        self.ups: list[float] = []
        self.downs: list[float] = []

    def change(self, by: int) -> None:
        """The level changes now."""
        (self.ups if by > 0 else self.downs).extend([self.plane.now] * abs(by))

    def flush(self) -> None:
        """Add up what is listed."""
        recorder = self.plane.recorder
        tally, span = recorder.tally, recorder.span
        for sign, changes in ((1, self.ups), (-1, self.downs)):
            times = np.array(changes)
            changes.clear()
            window = window_of(times, span.window_s, span.windows)
            np.add.at(tally.areas[self.row], window, sign * (tally.edges[window + 1] - to_area_ticks(times)))
            tally.levels[self.row] += sign * np.bincount(window, minlength=span.windows + 1)
            clipped = np.clip(times, span.warmup_s, span.duration_s)
            within = to_area_ticks(span.duration_s) - to_area_ticks(clipped)
            tally.spans[self.row] += sign * int(within.sum())


class Recorder:
    """The measures of the SimPy engine."""

    def __init__(self, span: Span, program: Program) -> None:
        self.span, self.tally = span, new_tally(program, span)
        self.window_s, self.windows = span.window_s, span.windows
        self.meters: list[Meter] = []
        self.lookups = [[0, 0, 0] for part in program.caches for _ in range(part.group.size)]
        self.window_lookups = [[[0, 0] for _ in range(span.windows + 1)] for _ in program.caches]
        self.drawn: list[list[tuple[float, float]]] = [[] for _ in range(2 * len(program.buckets))]
        """Times and tokens: taken from a bucket family, then wanted in vain; added up now and then."""
        self.reads = [0] * len(program.operation_names)
        self.rows: list[list[tuple[float, float, bool, int, int]]] = [[] for _ in program.operation_names]
        self.few: list[list[float]] = [[] for _ in program.operation_names]

    def settled(self, operation: int, arrival: float, now: float, measured: bool, error: int, attempts: int) -> None:
        """A request has come to its end."""
        rows = self.rows[operation]
        rows.append((arrival, now, measured, error, attempts))
        if len(rows) >= FLUSH:
            self._flush(operation)
            self.flush_meters()
            self._flush_drawn()

    def unfinished(self, operation: int, attempts: int) -> None:
        """A measured request has not come to its end."""
        self.tally.requests_measured[operation] += 1
        self.tally.attempts_measured[operation] += attempts
        self.tally.unfinished[operation] += 1

    def looked_up(self, cache: int, family: int, now: float, measured: bool, hit: bool) -> None:
        """A cache was asked."""
        if measured:
            counts = self.lookups[cache]
            counts[0] += 1
            counts[1 if hit else 2] += 1
        # As `window_of`, which also knows arrays.
        window = now / self.window_s
        counts = self.window_lookups[family][int(window) if window < self.windows else self.windows]
        counts[0] += 1
        counts[1] += hit

    def read(self, operation: int, now: float, measured: bool, age_s: float) -> None:
        """A client was given a version, of this age if it was stale."""
        self.reads[operation] += measured
        if age_s > 0.0:
            tally = self.tally
            tally.window_stale[operation, window_of(now, self.window_s, self.windows)] += 1
            if measured:
                tally.stale[operation] += 1
                tally.ages[operation, bin_of(np.float64(age_s), COARSE.shift, COARSE.offset, COARSE.bins)] += 1
                tally.oldest[operation] = max(tally.oldest[operation], age_s)

    def flush_meters(self) -> None:
        """Add up what the meters have listed."""
        for meter in self.meters:
            meter.flush()

    def finish(self) -> None:
        """Add up all that is left."""
        for family, windows in enumerate(self.window_lookups):
            self.tally.window_lookups[family], self.tally.window_hits[family] = zip(*windows, strict=True)
        self.tally.reads[:] = self.reads
        self._flush_drawn()
        self.flush_meters()
        for operation in range(len(self.rows)):
            self._flush(operation)

    def _flush_drawn(self) -> None:
        tally, span = self.tally, self.span
        for row, drawn in enumerate(self.drawn):
            if drawn:
                times, tokens = np.array(drawn).T
                drawn.clear()
                # In order, one by one, as compiled code adds them.
                np.add.at(tally.window_tokens[row], window_of(times, span.window_s, span.windows), tokens)
                within = tokens[(span.warmup_s <= times) & (times <= span.duration_s)]
                np.add.at(tally.span_tokens, np.full(len(within), row), within)

    def _flush(self, op: int) -> None:
        rows = self.rows[op]
        if not rows:
            return
        tally, span = self.tally, self.span
        arrivals, times, flags, errors, attempts = (np.array(column) for column in zip(*rows, strict=True))
        measured, errors = flags.astype(bool), errors.astype(np.int64)
        rows.clear()
        tally.requests_measured[op] += int(measured.sum())
        tally.attempts_measured[op] += int(attempts[measured].sum())
        ok = errors == 0
        window = window_of(times, span.window_s, span.windows)
        np.add.at(tally.window_errors[op], window[~ok], 1)
        np.add.at(tally.errors[op], errors[measured], 1)
        latency = (times - arrivals)[ok]
        batch = window_of(times[ok], span.batch_s, BATCHES)
        np.add.at(tally.batch_ok[op], batch, 1)
        np.add.at(tally.batch_ticks[op], batch, to_ticks(latency))
        window, times, measured = window[ok], times[ok], measured[ok]
        np.add.at(tally.window_ok[op], window, 1)
        np.add.at(tally.window_latency[op], (window, bin_of(latency, COARSE.shift, COARSE.offset, COARSE.bins)), 1)
        tally.in_span[op] += int(((times >= span.warmup_s) & (times <= span.duration_s)).sum())
        latency = latency[measured]
        if latency.size:
            np.add.at(tally.fine[op], bin_of(latency, FINE.shift, FINE.offset, FINE.bins), 1)
            total = int(to_ticks(latency).astype(object).sum()) + int(tally.totals[op, 0]) * WORD
            tally.totals[op] = divmod(total + int(tally.totals[op, 1]), WORD)
            tally.extremes[op, 0] = min(tally.extremes[op, 0], latency.min())
            tally.extremes[op, 1] = max(tally.extremes[op, 1], latency.max())
            have = len(self.few[op])
            if have < FEW:
                self.few[op].extend(latency[: FEW - have].tolist())
                tally.few[op, : len(self.few[op])] = self.few[op]


# The compiled form.


def record_settled(w: Any, op: int, latency: float, measured: int, error: int, now: float) -> None:
    """Compiled form of `Recorder.settled`."""
    clock, tally = w.clock[0], w.tally
    window, batch = window_at(clock, now), batch_at(clock, now)
    if error:
        tally.window_errors[op, window] += 1
        if measured:
            tally.errors[op, error] += 1
        return
    ticks = to_ticks(latency)
    tally.batch_ok[op, batch] += 1
    tally.batch_ticks[op, batch] += ticks
    tally.window_ok[op, window] += 1
    tally.window_latency[op, window, bin_of(latency, COARSE_SHIFT, COARSE_OFFSET, COARSE_BINS)] += 1
    if clock.warmup <= now <= clock.duration:
        tally.in_span[op] += 1
    if measured:
        tally.errors[op, 0] += 1
        count = tally.errors[op, 0]
        if count <= FEW:
            tally.few[op, count - 1] = latency
        tally.fine[op, bin_of(latency, FINE_SHIFT, FINE_OFFSET, FINE_BINS)] += 1
        tally.totals[op, 1] += ticks
        if tally.totals[op, 1] >= WORD:
            tally.totals[op, 1] -= WORD
            tally.totals[op, 0] += 1
        tally.extremes[op, 0] = min(tally.extremes[op, 0], latency)
        tally.extremes[op, 1] = max(tally.extremes[op, 1], latency)


def record_at_once(w: Any, op: int, window: int, batch: int, measured: int, count: int) -> None:
    """`record_settled` of so many requests in a row, answered well and in no time; with their beginning."""
    tally = w.tally
    tally.batch_ok[op, batch] += count
    tally.window_ok[op, window] += count
    tally.window_latency[op, window, bin_of(0.0, COARSE_SHIFT, COARSE_OFFSET, COARSE_BINS)] += count
    if measured:
        tally.requests_measured[op] += count
        tally.attempts_measured[op] += count
        tally.in_span[op] += count
        for place in range(tally.errors[op, 0], min(tally.errors[op, 0] + count, FEW)):
            tally.few[op, place] = 0.0
        tally.errors[op, 0] += count
        tally.fine[op, bin_of(0.0, FINE_SHIFT, FINE_OFFSET, FINE_BINS)] += count
        tally.extremes[op, 0] = min(tally.extremes[op, 0], 0.0)
        tally.extremes[op, 1] = max(tally.extremes[op, 1], 0.0)


def record_read(w: Any, op: int, measured: int, age_s: float) -> None:
    """Compiled form of `Recorder.read`."""
    clock, tally = w.clock[0], w.tally
    tally.reads[op] += measured
    if age_s > 0.0:
        tally.window_stale[op, clock.window_now] += 1
        if measured:
            tally.stale[op] += 1
            tally.ages[op, bin_of(age_s, COARSE_SHIFT, COARSE_OFFSET, COARSE_BINS)] += 1
            tally.oldest[op] = max(tally.oldest[op], age_s)


def record_drawn(w: Any, row: int, tokens: float) -> None:
    """Tokens were taken, or wanted in vain; in the SimPy engine `Recorder.drawn` lists them."""
    clock, tally = w.clock[0], w.tally
    tally.window_tokens[row, clock.window_now] += tokens
    if clock.warmup <= clock.now <= clock.duration:
        tally.span_tokens[row] += tokens


FINE_SHIFT, FINE_OFFSET, FINE_BINS = FINE.shift, FINE.offset, FINE.bins
COARSE_SHIFT, COARSE_OFFSET, COARSE_BINS = COARSE.shift, COARSE.offset, COARSE.bins


def shift_level(clock: Any, tally: Any, row: int, change: int) -> None:
    """Compiled form of `Meter`: a level changes now."""
    tally.areas[row, clock.window_now] += change * clock.window_left
    tally.levels[row, clock.window_now] += change
    tally.spans[row] += change * clock.span_left


def shift_level_at(w: Any, row: int, change: int, time: float) -> None:
    """`shift_level` at another time, not before now."""
    clock, tally = w.clock[0], w.tally
    ticks = to_area_ticks(time)
    window = window_at(clock, time)
    tally.areas[row, window] += change * (tally.edges[window + 1] - ticks)
    tally.levels[row, window] += change
    tally.spans[row] += change * span_left(clock, ticks)


def shift_level_between(w: Any, row: int, start: float, end: float) -> None:
    """A level is one higher from some time, not before now, to another or to the run's end."""
    clock, tally = w.clock[0], w.tally
    end = min(end, clock.end)
    if end < clock.stretch_end:
        start_ticks, end_ticks = to_area_ticks(start), to_area_ticks(end)
        tally.areas[row, clock.window_now] += end_ticks - start_ticks
        tally.spans[row] += span_left(clock, start_ticks) - span_left(clock, end_ticks)
    else:
        shift_level_at(w, row, 1, start)
        shift_level_at(w, row, -1, end)


def window_at(clock: Any, time: float) -> int:
    """The window of a time not before now."""
    return int(clock.window_now if time < clock.stretch_end else window_of(time, clock.window, clock.windows))


def batch_at(clock: Any, time: float) -> int:
    """The batch of a time not before now."""
    return int(clock.batch_now if time < clock.stretch_end else window_of(time, clock.batch, BATCHES))


def span_left(clock: Any, ticks: int) -> int:
    """Area ticks that are left of the measured span at a time."""
    return int(clock.duration_ticks - min(max(ticks, clock.warmup_ticks), clock.duration_ticks))


def set_time(clock: Any, now: float) -> None:
    """Set the clock, and the window and the batch that it is in."""
    if now < clock.now or now >= clock.stretch_end:
        clock.window_now = window_of(now, clock.window, clock.windows)
        clock.batch_now = window_of(now, clock.batch, BATCHES)
        clock.stretch_end = min(
            window_end(clock.window_now, clock.window, clock.windows), window_end(clock.batch_now, clock.batch, BATCHES)
        )
    clock.now = now


def window_end(window: int, window_s: float, windows: int) -> float:
    """The first instant that `window_of` has in a later window, to the bit; inf after the last."""
    if window >= windows:
        return math.inf
    end = (window + 1.0) * window_s
    while end / window_s >= window + 1.0:
        end = bits_float(float_bits(end) - 1)
    while end / window_s < window + 1.0:
        end = bits_float(float_bits(end) + 1)
    return float(end)


def set_now(clock: Any, tally: Any, now: float) -> None:
    """Set the clock, and what measures need to know of the time: its window, and area ticks to the window's and span's
    end.
    """
    set_time(clock, now)
    ticks = to_area_ticks(now)
    clock.window_left = tally.edges[clock.window_now + 1] - ticks
    clock.span_left = span_left(clock, ticks)


# The outcome, from either engine's tally.


class Parts(NamedTuple):
    """What the parts counted themselves, members in the program's order."""

    unlimited: Any  # (stations,) bool: servers had no number, even for a while
    started: IntArray  # (stations,)
    rejected: IntArray  # (stations,)
    lookups: IntArray  # (caches, 3) lookups, hits and misses of measured requests
    evictions: IntArray  # (caches,)
    waited: IntArray  # (rooms,) walks that had to wait
    admitted: IntArray  # (buckets, 2) admitted and throttled


def make_outcome(
    program: Program, span: Span, tally: Tally, parts: Parts, journal: Journal, replication: int, engine: str,
    primed: int, simulated: int, events: int, wall_s: float, certain: bool = False,
) -> Outcome:  # fmt: skip
    """The outcome of a replication."""
    operations = {name: _operation(tally, op, span) for op, name in enumerate(program.operation_names)}
    stations, base = {}, 0
    for part in program.stations:
        members = slice(base, base + part.group.size)
        rows = slice(3 * base, 3 * (base + part.group.size))
        base += part.group.size
        integrals = _integrals_s(tally, rows, span.windows)
        in_span = tally.spans[rows] / AREA_TICKS_PER_S
        unlimited = parts.unlimited[members]
        stations[part.name] = StationOutcome(
            servers_s=np.where(unlimited[:, np.newaxis], math.inf, integrals[2::3]),
            span_servers_s=np.where(unlimited, math.inf, in_span[2::3]),
            busy_s=integrals[0::3], queue_s=integrals[1::3], span_busy_s=in_span[0::3], span_queue_s=in_span[1::3],
            started=parts.started[members], rejected=parts.rejected[members],
        )  # fmt: skip
    caches, base = {}, 0
    for family, cache in enumerate(program.caches):
        members = slice(base, base + cache.group.size)
        base += cache.group.size
        caches[cache.name] = CacheOutcome(
            lookups=parts.lookups[members, 0], hits=parts.lookups[members, 1], misses=parts.lookups[members, 2],
            window_lookups=tally.window_lookups[family, : span.windows].copy(),
            window_hits=tally.window_hits[family, : span.windows].copy(),
        )  # fmt: skip
    span_s = (span.warmup_s, span.duration_s)
    edges_s = np.array([span.window_s * k for k in range(span.windows + 1)])
    buckets, levels = _buckets(program, span, tally), journal.levels()
    return Outcome(
        system=program.name, replication=replication, engine=engine, span_s=span_s, window_edges_s=edges_s,
        operations=operations, stations=stations, caches=caches, buckets=buckets, levels=levels,
        charges=bill(program.system.charges, span_s, edges_s, buckets, levels),
        notes=tuple(journal.notes), counters=_counters(program, tally, parts),
        primed_requests=primed, simulated_requests=simulated, events=events, wall_s=wall_s, certain=certain,
    )  # fmt: skip


def _buckets(program: Program, span: Span, tally: Tally) -> dict[str, BucketOutcome]:
    return {
        bucket.name: BucketOutcome(
            *tally.span_tokens[2 * family : 2 * family + 2].tolist(),
            *tally.window_tokens[2 * family : 2 * family + 2, : span.windows].copy(),
        )
        for family, bucket in enumerate(program.buckets)
    }


def _counters(program: Program, tally: Tally, parts: Parts) -> dict[str, int]:
    """Counts by dotted name, members of a family added up. Evictions and admissions are of all requests."""
    counters, base = {}, 0
    for cache in program.caches:
        members = slice(base, base + cache.group.size)
        base += cache.group.size
        counters[f"{cache.name}.evictions"] = int(parts.evictions[members].sum())
    base = 0
    for bucket in program.buckets:
        members = slice(base, base + bucket.group.size)
        base += bucket.group.size
        counters[f"{bucket.name}.admitted"] = int(parts.admitted[members, 0].sum())
        counters[f"{bucket.name}.throttled"] = int(parts.admitted[members, 1].sum())
    base = 0
    for room in program.rooms:
        counters[f"{room.name}.waited"] = int(parts.waited[base : base + room.group.size].sum())
        base += room.group.size
    if program.copies is not None:
        counters.update((f"writes.{what}", int(n)) for what, n in zip(WRITES, tally.writes, strict=True))
    return counters


def _operation(tally: Tally, op: int, span: Span) -> OperationOutcome:
    ok = int(tally.errors[op, 0])
    failed = {ERRORS[kind]: int(n) for kind, n in enumerate(tally.errors[op]) if kind and n}
    requests = int(tally.requests_measured[op])
    return OperationOutcome(
        requests=requests, ok=ok, errors=failed, unfinished=int(tally.unfinished[op]),
        attempts=int(tally.attempts_measured[op]), answers_in_span=int(tally.in_span[op]),
        latency=Distribution(
            counts=tally.fine[op].copy(), total_ticks=int(tally.totals[op, 0]) * WORD + int(tally.totals[op, 1]),
            few_s=np.sort(tally.few[op, : ok if ok <= FEW else 0]),
            lowest_s=float(tally.extremes[op, 0]), highest_s=float(tally.extremes[op, 1]),
        ),
        batch_ok=tally.batch_ok[op, :BATCHES].copy(), batch_total_s=tally.batch_ticks[op, :BATCHES] / TICKS_PER_S,
        window_ok=tally.window_ok[op, : span.windows].copy(),
        window_errors=tally.window_errors[op, : span.windows].copy(),
        window_latency=tally.window_latency[op, : span.windows].copy(),
        reads=int(tally.reads[op]), stale=int(tally.stale[op]), ages=tally.ages[op].copy(),
        oldest_s=float(tally.oldest[op]), window_stale=tally.window_stale[op, : span.windows].copy(),
    )  # fmt: skip


def _integrals_s(tally: Tally, rows: slice, windows: int) -> Any:
    """Integral over each window: what changed within it, and the level that it began with."""
    levels = tally.levels[rows, :windows]
    at_start = np.cumsum(levels, axis=1) - levels
    widths = np.diff(tally.edges)[:windows]
    return (tally.areas[rows, :windows] + at_start * widths) / AREA_TICKS_PER_S
