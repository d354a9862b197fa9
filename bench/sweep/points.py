"""What one cell says of one operation of one system: the points of a sweep's table, its data file and its pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.scenario.locate import path_text
from bench.statistics.intervals import Estimate, estimate
from bench.sweep.plan import Cell, key_path
from bench.sweep.run import Finished

FIGURES = ("throughput_per_s", "latency_ms.mean", "latency_ms.p50", "latency_ms.p99", "error_ratio")
"""The figures of a point, by their names within an operation."""


@dataclass(frozen=True)
class Point:
    """One operation of one system in one cell.

    Args:
        finished: The cell and what it gave.
        index: The cell's place in the sweep.
        system: The system.
        operation: The operation.
        requests: Its requests, all replications together.
        figures: Estimates by the names of `FIGURES`.
        closed_form_ms: Its mean latency by closed forms; nan where there is none, inf beyond saturation.
    """

    finished: Finished
    index: int
    system: str
    operation: str
    requests: int
    figures: dict[str, Estimate]
    closed_form_ms: float

    @property
    def cell(self) -> Cell:
        """The cell."""
        return self.finished.cell


def points(finished: Sequence[Finished]) -> list[Point]:
    """All points, cell by cell, system by system."""
    return [point for index, each in enumerate(finished) for point in _points(index, each)]


def _points(index: int, finished: Finished) -> Iterator[Point]:
    by_name = {(figure.system, figure.name): figure for figure in finished.gave.figures}
    for system, document in finished.gave.document["systems"].items():
        for operation, counts in document["ops"].items():
            figures = {
                name: estimate(figure.values, certain=figure.certain)
                for name in FIGURES
                if (figure := by_name.get((system, f"ops.{operation}.{name}"))) is not None
            }
            expected = finished.cell.expected[system].means_ms.get(operation, math.nan)
            yield Point(finished, index, system, operation, counts["requests"], figures, expected)


def main_operations(some: Sequence[Point]) -> list[str]:
    """Operations, the one with the most requests first."""
    weights: dict[str, int] = {}
    for point in some:
        weights[point.operation] = weights.get(point.operation, 0) + point.requests
    return sorted(weights, key=lambda name: -weights[name])


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Paths by as many of their last parts as tell them apart: "nodes", or "dax.nodes" where there are two."""
    names = {}
    for path in paths:
        parts = key_path(path)
        for count in range(1, len(parts) + 1):
            tail = parts[-count:]
            unique = sum(key_path(other)[-count:] == tail for other in paths) == 1
            if unique and isinstance(tail[0], str):
                break
        names[path] = path_text(parts[-count:])
    return names
