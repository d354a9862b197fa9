"""The names of figures: what a scenario can expect something of, and what reads it.

A figure is named by its system and its place in the document of a run, in full or without the section:

    SYSTEM[.ops].OPERATION.latency_ms.(mean | p50 | p90 | p95 | p99 | p999 | max)
    SYSTEM[.ops].OPERATION.throughput_per_s
    SYSTEM[.ops].OPERATION.stale_ratio
    SYSTEM[.ops].OPERATION.stale_ms.(mean | p50 | p99 | max)
    SYSTEM[.ops].OPERATION.(requests | ok | unfinished | attempts | error_ratio | errors | errors.KIND)
    SYSTEM[.ops].OPERATION.unavailable_s
    SYSTEM[.caches].CACHE.(lookups | hits | misses | hit_ratio)
    SYSTEM[.stations].STATION.(utilization | mean_queue)
    SYSTEM[.buckets].BUCKET.(taken_per_s | refused_per_s)
    SYSTEM.money.(dollars_per_hour | dollars_per_million_requests)
    SYSTEM.money.charges.CHARGE.dollars_per_hour
    SYSTEM.counters.NAME
    SYSTEM.stages.STAGE.time_s
    SYSTEM.cost.events

So `dax.read.latency_ms.p99` and `dax.ops.read.latency_ms.p99` are the same. Names of parts may have spaces, as in
`direct.buckets.read capacity.taken_per_s`. Where a short name fits two figures, it is
the first in this list; the full name always says which. What the machine needed (wall time, memory) has no name here:
whether an expectation holds must not depend on who runs the scenario.

Every figure is a number of one replication. That goes for counts, too: the document gives their sums, a metric is so
many *per replication*, and so means the same for any number of replications.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from bench.statistics import figures
from models.kernel.outcome import Distribution, OperationOutcome, Outcome

Unit = Literal["ms", "s", "/s", "$/h", "$/million", "per replication", ""]
Better = Literal["lower", "higher", ""]
"""Which side of a figure is the better one. Neither for what only says what happened (how much was asked), for what has
a figure with a better side already (errors have their ratio), and for extremes, which grow with the length of a run."""
Reading = Callable[[Outcome], float | None]
"""A figure of one replication; None where that has none."""


@dataclass(frozen=True)
class Shape:
    """What one system will have figures of; known before it runs.

    Args:
        operations: Names of operations.
        stations: Names of station families.
        caches: Names of cache families.
        counters: Names of counters beside those of the caches, which follow from these.
        error_kinds: Kinds of failure that can occur.
        buckets: Names of token bucket families.
        charges: Names of charges.
        stages: What control may be at.
        disturbed: Whether faults happen to it.
    """

    operations: Collection[str] = ()
    stations: Collection[str] = ()
    caches: Collection[str] = ()
    counters: Collection[str] = ()
    error_kinds: Collection[str] = ()
    buckets: Collection[str] = ()
    charges: Collection[str] = ()
    stages: Collection[str] = ()
    disturbed: bool = False

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Shape:
        """What the outcomes of one system have; of kinds of failure, those that did occur; and whether any did."""
        every = list(outcomes)
        return cls(
            operations=_union(each.operations for each in every),
            stations=_union(each.stations for each in every),
            caches=_union(each.caches for each in every),
            counters=_union(each.counters for each in every),
            error_kinds=_union(operation.errors for each in every for operation in each.operations.values()),
            buckets=_union(each.buckets for each in every),
            charges=_union(each.charges for each in every),
            stages=_union(each.stages for each in every),
            disturbed=any(operation.window_errors.any() for each in every for operation in each.operations.values()),
        )


@dataclass(frozen=True)
class Metric:
    """A figure that an expectation can name.

    Args:
        system: The system that it is of.
        name: Its full name: the system, then its place in the document.
        label: How it is called in a sentence.
        unit: Its unit; counts are per replication.
        read: Its value in one replication; None where that has none.
        windowed: Whether a stretch of time has this figure, too (`bench.statistics.windows`).
        better: Which side is the better one.
    """

    system: str
    name: str
    label: str
    unit: Unit
    read: Reading
    windowed: bool = False
    better: Better = ""


def known_metrics(shapes: Mapping[str, Shape]) -> dict[str, Metric]:
    """Every name that an expectation may use, short and full, with its figure; full names first."""
    named = [(path, metric) for system, shape in shapes.items() for path, metric in _metrics(system, shape)]
    known: dict[str, Metric] = {}
    for _, metric in named:
        known.setdefault(metric.name, metric)
    for path, metric in named:
        known.setdefault(f"{metric.system}.{path}", metric)
    return known


_Read = Callable[[Outcome, str], float | None]
"""A figure of the named part, which the outcome has."""


def _latency(figure: Callable[[Distribution], float | None]) -> _Read:
    """Reads an operation's latencies."""
    return lambda outcome, name: figure(outcome.operations[name].latency)


def _operation(figure: Callable[[OperationOutcome], float | None]) -> _Read:
    """Reads an operation's counts."""
    return lambda outcome, name: figure(outcome.operations[name])


def _errors_of(kind: str) -> _Read:
    """Reads one kind of failure. A kind that did not occur may be left out: that is zero, not no data."""
    return _operation(lambda operation: int(operation.errors.get(kind, 0)))


_Table = Mapping[str, tuple[str, Unit, Better, _Read]]
"""Name within a part, how it is called in a sentence, unit, better side, reading."""

_OPERATIONS: _Table = {
    "latency_ms.mean": ("mean latency", "ms", "lower", _latency(figures.latency_mean_ms)),
    **{
        f"latency_ms.{name}": (name, "ms", "lower", _latency(partial(figures.percentile_ms, fraction=fraction)))
        for name, fraction in figures.PERCENTILES.items()
    },
    "latency_ms.max": ("maximum latency", "ms", "", _latency(figures.latency_max_ms)),
    "throughput_per_s": ("throughput", "/s", "higher", figures.throughput_per_s),
    "requests": ("requests", "per replication", "", _operation(lambda operation: int(operation.requests))),
    "ok": ("answers", "per replication", "", _operation(lambda operation: int(operation.ok))),
    "unfinished": ("unfinished requests", "per replication", "lower", _operation(lambda each: int(each.unfinished))),
    "attempts": ("attempts", "per replication", "", _operation(lambda operation: int(operation.attempts))),
    "errors": ("errors", "per replication", "", _operation(figures.errors)),
    "error_ratio": ("error ratio", "", "lower", _operation(figures.error_ratio)),
    "stale_ratio": ("stale ratio", "", "lower", _operation(figures.stale_ratio)),
    "stale_ms.mean": ("mean age of stale reads", "ms", "lower", _operation(figures.stale_mean_ms)),
    **{
        f"stale_ms.{name}": (
            f"{name} age of stale reads",
            "ms",
            "lower",
            _operation(partial(figures.stale_percentile_ms, fraction=figures.PERCENTILES[name])),
        )
        for name in figures.STALE_PERCENTILES
    },
    "stale_ms.max": ("maximum age of stale reads", "ms", "", _operation(figures.stale_max_ms)),
}
_DISTURBED: _Table = {"unavailable_s": ("time without answers", "s", "lower", figures.unavailable_s)}
"""Figures of an operation of a system that faults happen to."""
_CACHES: _Table = {
    "lookups": ("lookups", "per replication", "", figures.lookups),
    "hits": ("hits", "per replication", "", figures.hits),
    "misses": ("misses", "per replication", "", figures.misses),
    "hit_ratio": ("hit ratio", "", "higher", figures.hit_ratio),
}
_STATIONS: _Table = {
    "utilization": ("utilization", "", "", figures.utilization),
    "mean_queue": ("mean queue", "", "lower", figures.mean_queue),
}
_BUCKETS: _Table = {
    "taken_per_s": ("taken", "/s", "", figures.taken_per_s),
    "refused_per_s": ("refused", "/s", "lower", figures.refused_per_s),
}
_MONEY: Mapping[str, tuple[str, Unit, Reading]] = {
    "dollars_per_hour": ("hourly cost", "$/h", figures.dollars_per_hour),
    "dollars_per_million_requests": ("cost of requests", "$/million", figures.dollars_per_million_requests),
}


LOST, THROTTLED = "writes.lost", ".throttled"
"""Counters of which less is better: acknowledged writes that are gone, and how those of turned-away requests end."""

_STALE_AGES = {name for name in _OPERATIONS if name.startswith("stale_ms.")}
_WHOLE = {"latency_ms.max", "requests", "unfinished", "attempts", *_STALE_AGES}
"""Figures of an operation that no window tells."""


def _metrics(system: str, shape: Shape) -> Iterator[tuple[str, Metric]]:
    """All figures of one system, each with its name within the document's section."""
    errors: _Table = {
        f"errors.{kind}": (f"{kind} errors", "per replication", "", _errors_of(kind)) for kind in shape.error_kinds
    }
    disturbed = _DISTURBED if shape.disturbed else {}
    sections: list[tuple[str, Collection[str], _Table, Callable[[Outcome], Collection[str]]]] = [
        ("ops", shape.operations, {**_OPERATIONS, **errors, **disturbed}, lambda outcome: outcome.operations),
        ("caches", shape.caches, _CACHES, lambda outcome: outcome.caches),
        ("stations", shape.stations, _STATIONS, lambda outcome: outcome.stations),
        ("buckets", shape.buckets, _BUCKETS, lambda outcome: outcome.buckets),
    ]
    for section, parts, table, present in sections:
        for part in parts:
            for name, (label, unit, better, read) in table.items():
                reading = _where_present(present, part, read)
                path = f"{part}.{name}"
                windowed = name not in _WHOLE and not name.startswith("errors.")
                full, words = f"{system}.{section}.{path}", f"{system}.{part} {label}"
                yield path, Metric(system, full, words, unit, reading, windowed, better)
    for path, (words, unit, reading) in _money(shape.charges).items():
        full, label = f"{system}.{path}", f"{system} {words}"
        yield path, Metric(system, full, label, unit, reading, windowed=True, better="lower")
    names = {*shape.counters, *(f"{cache}.{word}" for cache in shape.caches for word in ("lookups", "hits"))}
    for name in sorted(names):
        path = f"counters.{name}"
        side: Better = "lower" if name == LOST or name.endswith(THROTTLED) else ""
        reading = _counter(name)
        yield path, Metric(system, f"{system}.{path}", f"{system}.{name}", "per replication", reading, better=side)
    for stage in shape.stages:
        path = f"stages.{stage}.time_s"
        label = f"{system} time in stage {stage}"
        yield (
            path,
            Metric(system, f"{system}.{path}", label, "s", partial(figures.stage_s, stage=stage), better="lower"),
        )
    path = "cost.events"
    yield path, Metric(system, f"{system}.{path}", f"{system} events", "per replication", lambda each: int(each.events))


def _money(charges: Collection[str]) -> dict[str, tuple[str, Unit, Reading]]:
    """Figures of the bill by path; none where nothing is charged."""
    found = {f"money.{name}": each for name, each in _MONEY.items()} if charges else {}
    for charge in charges:
        reading = _where_present(lambda outcome: outcome.charges, charge, figures.charge_dollars_per_hour)
        found[f"money.charges.{charge}.dollars_per_hour"] = (f"{charge} hourly cost", "$/h", reading)
    return found


def _where_present(present: Callable[[Outcome], Collection[str]], part: str, read: _Read) -> Reading:
    """The figure of a part, None where an outcome has no such part."""
    return lambda outcome: read(outcome, part) if part in present(outcome) else None


def _counter(name: str) -> Reading:
    """A counter's value. One that a model did not give is no data; it is not zero."""
    return lambda outcome: figures.counters(outcome).get(name)


def _union(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """All names, each once, in order of first appearance."""
    return tuple(dict.fromkeys(name for some in names for name in some))
