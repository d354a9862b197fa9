"""The names of figures: what a scenario can expect something of, and what reads it.

A figure is named by its system and its place in the document of a run, in full or without the section:

    SYSTEM[.ops].OPERATION.latency_ms.(mean | p50 | p90 | p95 | p99 | p999 | max)
    SYSTEM[.ops].OPERATION.throughput_per_s
    SYSTEM[.ops].OPERATION.(requests | ok | unfinished | attempts | error_ratio | errors | errors.KIND)
    SYSTEM[.caches].CACHE.(lookups | hits | misses | hit_ratio)
    SYSTEM[.stations].STATION.(utilization | mean_queue)
    SYSTEM.counters.NAME
    SYSTEM.cost.events

So `dax.read.latency_ms.p99` and `dax.ops.read.latency_ms.p99` are the same. Where a short name fits two figures, it is
the first in this list; the full name always says which. What the machine needed (wall time, memory) has no name here:
whether an expectation holds must not depend on who runs the scenario.

Every figure is a number of one replication. That goes for counts, too: the document gives their sums, a metric is so
many *per replication*, and so means the same for any number of replications.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from bench.statistics import figures
from models.kernel.outcome import OperationOutcome, Outcome

Unit = Literal["ms", "/s", "per replication", ""]
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
    """

    operations: Collection[str] = ()
    stations: Collection[str] = ()
    caches: Collection[str] = ()
    counters: Collection[str] = ()
    error_kinds: Collection[str] = ()

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Shape:
        """What the outcomes of one system have; of kinds of failure, those that did occur."""
        every = list(outcomes)
        return cls(
            operations=_union(each.operations for each in every),
            stations=_union(each.stations for each in every),
            caches=_union(each.caches for each in every),
            counters=_union(each.counters for each in every),
            error_kinds=_union(operation.errors for each in every for operation in each.operations.values()),
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
    """

    system: str
    name: str
    label: str
    unit: Unit
    read: Reading


def known_metrics(shapes: Mapping[str, Shape]) -> dict[str, Metric]:
    """Every name that an expectation may use, short and full, with its figure; full names first."""
    short: dict[str, Metric] = {}
    full: dict[str, Metric] = {}
    for system, shape in shapes.items():
        for section, path, label, unit, read in _rows(shape):
            metric = Metric(system, f"{system}.{section}.{path}", f"{system}{label}", unit, read)
            full[metric.name] = metric
            if section not in {"counters", "cost"}:
                short.setdefault(f"{system}.{path}", metric)
    return full | {name: metric for name, metric in short.items() if name not in full}


Row = tuple[str, str, str, Unit, Reading]
"""Section, name within it, label after the system's name, unit, reading."""


def _rows(shape: Shape) -> Iterator[Row]:
    """All figures of one system."""
    for name in shape.operations:
        yield from _operation_rows(name, shape.error_kinds)
    for name in shape.caches:
        yield from _cache_rows(name)
    for name in shape.stations:
        yield from _station_rows(name)
    names = {*shape.counters, *(f"{cache}.{word}" for cache in shape.caches for word in ("lookups", "hits"))}
    for name in sorted(names):
        yield "counters", name, f".{name}", "per replication", _counter(name)
    yield "cost", "events", " events", "per replication", lambda outcome: int(outcome.events)


def _operation_rows(name: str, error_kinds: Iterable[str]) -> Iterator[Row]:
    """Figures of one operation."""

    def of(read: Callable[[OperationOutcome], float | None]) -> Reading:
        return lambda outcome: read(outcome.operations[name]) if name in outcome.operations else None

    def percentile(fraction: float) -> Reading:
        return of(lambda operation: figures.percentile_ms(operation.latency, fraction))

    def errors_of(kind: str) -> Reading:
        return of(lambda operation: int(operation.errors.get(kind, 0)))

    latency = f"{name}.latency_ms"
    mean = of(lambda operation: figures.latency_mean_ms(operation.latency))
    yield "ops", f"{latency}.mean", f".{name} mean latency", "ms", mean
    for word, fraction in figures.PERCENTILES.items():
        yield "ops", f"{latency}.{word}", f".{name} {word}", "ms", percentile(fraction)
    highest = of(lambda operation: figures.latency_max_ms(operation.latency))
    yield "ops", f"{latency}.max", f".{name} maximum latency", "ms", highest
    yield (
        "ops", f"{name}.throughput_per_s", f".{name} throughput", "/s",
        lambda outcome: figures.throughput_per_s(outcome, name) if name in outcome.operations else None,
    )  # fmt: skip
    counts: dict[str, Callable[[OperationOutcome], float | None]] = {
        "requests": lambda operation: int(operation.requests),
        "ok": lambda operation: int(operation.ok),
        "unfinished": lambda operation: int(operation.unfinished),
        "attempts": lambda operation: int(operation.attempts),
        "errors": figures.errors,
    }
    for word, read in counts.items():
        yield "ops", f"{name}.{word}", f".{name} {word}", "per replication", of(read)
    yield "ops", f"{name}.error_ratio", f".{name} error ratio", "", of(figures.error_ratio)
    for kind in error_kinds:
        yield "ops", f"{name}.errors.{kind}", f".{name} {kind} errors", "per replication", errors_of(kind)


def _cache_rows(name: str) -> Iterator[Row]:
    """Figures of one cache family."""

    def of(read: Callable[[Outcome, str], float | None]) -> Reading:
        return lambda outcome: read(outcome, name) if name in outcome.caches else None

    yield "caches", f"{name}.lookups", f".{name} lookups", "per replication", of(figures.lookups)
    yield "caches", f"{name}.hits", f".{name} hits", "per replication", of(figures.hits)
    misses = of(lambda outcome, cache: figures.lookups(outcome, cache) - figures.hits(outcome, cache))
    yield "caches", f"{name}.misses", f".{name} misses", "per replication", misses
    yield "caches", f"{name}.hit_ratio", f".{name} hit ratio", "", of(figures.hit_ratio)


def _station_rows(name: str) -> Iterator[Row]:
    """Figures of one station family."""
    readings = {"utilization": figures.utilization, "mean_queue": figures.mean_queue}
    for word, read in readings.items():
        yield "stations", f"{name}.{word}", f".{name} {word.replace('_', ' ')}", "", _station_reading(read, name)


def _station_reading(read: Callable[[Outcome, str], float | None], name: str) -> Reading:
    """A station's figure, None where the outcome has no such station."""
    return lambda outcome: read(outcome, name) if name in outcome.stations else None


def _counter(name: str) -> Reading:
    """A counter's value. One that a model did not give is no data; it is not zero."""
    return lambda outcome: figures.counters(outcome).get(name)


def _union(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """All names, each once, in order of first appearance."""
    return tuple(dict.fromkeys(name for some in names for name in some))
