"""The figures of a system as numbers, one for each replication: what is stored, compared, and kept as a baseline.

Everything that a comparison says is made of these numbers; neither a mean nor its interval would do, since runs with
the same seeds are compared replication by replication.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.statistics.metrics import Better, Shape, known_metrics
from models.kernel.outcome import Outcome

Row = tuple[str, str, str, str, int, float | None]
"""System, figure, unit, better side, replication, value."""


@dataclass(frozen=True)
class Figure:
    """One figure of one system.

    Args:
        system: The system.
        name: Full name within the system, such as "ops.read.latency_ms.p99".
        unit: Its unit; empty for a ratio.
        better: Which side is the better one.
        values: One number for each replication, in order; None where that has none.
        certain: Nothing was left to chance, so that a single replication is exact.
        cell: The cell of a sweep that it belongs to; empty for a run.
    """

    system: str
    name: str
    unit: str
    better: Better
    values: tuple[float | None, ...]
    certain: bool = False
    cell: str = ""

    @property
    def short(self) -> str:
        """Its name without the section of the document, such as "read.latency_ms.p99"."""
        return short_of(self.name)


def short_of(name: str) -> str:
    """A figure's name without the section of the document."""
    section, _, rest = name.partition(".")
    return rest if section in {"ops", "caches", "stations", "buckets", "counters"} else name


def figures_of(
    outcomes: Mapping[str, Sequence[Outcome]], certain: Collection[str] = (), shapes: Mapping[str, Shape] | None = None
) -> list[Figure]:
    """All figures that an expectation could name, in the order in which `bench.statistics.metrics` has them.

    Args:
        outcomes: Replications in order, by system.
        certain: Systems that left nothing to chance.
        shapes: What each system has; by default what is in the outcomes.
    """
    shapes = shapes or {system: Shape.of(replications) for system, replications in outcomes.items()}
    metrics = {metric.name: metric for metric in known_metrics(shapes).values()}
    return [
        Figure(
            metric.system,
            metric.name.removeprefix(f"{metric.system}."),
            metric.unit,
            metric.better,
            tuple(metric.read(outcome) for outcome in outcomes[metric.system]),
            metric.system in certain,
        )
        for metric in metrics.values()
    ]


def rows_of(figures: Iterable[Figure]) -> Iterator[Row]:
    """The figures as rows of a table, one for each value."""
    for figure in figures:
        for replication, value in enumerate(figure.values):
            yield figure.system, figure.name, figure.unit, figure.better, replication, value


def figures_from(rows: Iterable[Row], certain: Collection[str] = ()) -> list[Figure]:
    """What `rows_of` was given.

    Raises:
        ValueError: If a figure's replications are not 0, 1, 2 and so on.
    """
    found: dict[tuple[str, str], tuple[str, str, list[float | None]]] = {}
    for system, name, unit, better, replication, value in rows:
        _, _, values = found.setdefault((system, name), (unit, better, []))
        if replication != len(values):
            raise ValueError(f"replication {replication} of {system}.{name} is not in its place")
        values.append(value)
    return [
        Figure(system, name, unit, _side(better), tuple(values), system in certain)
        for (system, name), (unit, better, values) in found.items()
    ]


def _side(text: str) -> Better:
    if text == "lower":
        return "lower"
    if text == "higher":
        return "higher"
    if text:
        raise ValueError(f"{text} is no side of a figure")
    return ""
