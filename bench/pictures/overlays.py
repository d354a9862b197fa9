"""Curves of several results laid over each other, from the numbers that the pictures of each have left.

Each result brings its own curves of each system; here, a panel is one system's, and has a curve for each result. What
only one result has cannot be laid over anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.datafiles import csv_rows, number
from bench.pictures.data import Curve, Panel

Row = tuple[str, str, str, float, float, float, float]
"""System, panel, unit, x, y, and the ends of y's interval."""

_JOINT = re.compile(r"(.+ latency): (p\d+) solid.*, (p\d+) dashed.*")
"""How the panel of a single system is headed that shows two percentiles."""
_WINDOWS = re.compile(r", windows of [\d.,]+ s$")
_PRESENT = re.compile(r"load: requests .*")
_KINDS = {"ms": "latency", "%": "share", "requests": "level"}


@dataclass(frozen=True)
class Layer:
    """The curves of one result.

    Args:
        label: What the result is called.
        look: Its place among the results.
        names: What each of its systems is called here, nothing if it is the only one; others are left out.
        table: The numbers of a picture, as comma-separated values.
    """

    label: str
    look: int
    names: Mapping[str, str]
    table: str


def percentile_panels(layers: Sequence[Layer]) -> list[tuple[str, Panel]]:
    """Panels of latency by percentile, each with its system.

    Raises:
        ValueError: If a table is something else.
    """
    columns = ("system", "operation", "fraction", "nines", "latency_ms", "low_ms", "high_ms")

    def rows(table: str) -> Iterator[Row]:
        for system, operation, _, *numbers in csv_rows(table, columns):
            x, y, low, high = map(number, numbers)
            yield system, operation, "latency, ms", x, y, low, high

    return _panels([(layer, rows(layer.table)) for layer in layers], "latency")


def staleness_panels(layers: Sequence[Layer]) -> list[tuple[str, Panel]]:
    """Panels of how stale reads are, each with its system.

    Raises:
        ValueError: If a table is something else.
    """

    def rows(table: str) -> Iterator[Row]:
        for system, operation, *numbers in csv_rows(
            table, ("system", "operation", "age_s", "older_percent", "low", "high")
        ):
            x, y, low, high = map(number, numbers)
            yield system, operation, "reads older than that, %", x, y, low, high

    return _panels([(layer, rows(layer.table)) for layer in layers], "share")


def sweep_panels(layers: Sequence[Layer]) -> list[tuple[str, Panel]]:
    """Panels of a sweep's figures along its axis, or against throughput, each with its system.

    Raises:
        ValueError: If a table is something else.
    """
    columns = ("panel", "unit", "system", "kind", "x", "value", "low", "high")

    def rows(table: str) -> Iterator[Row]:
        for heading, unit, system, kind, *numbers in csv_rows(table, columns):
            if kind == "simulated":
                x, y, low, high = map(number, numbers)
                yield system, heading, unit, x, y, low, high

    return _panels([(layer, rows(layer.table)) for layer in layers], "")


def course_panels(layers: Sequence[Layer]) -> list[tuple[str, Panel]]:
    """Panels of the course over time, each with its system.

    Raises:
        ValueError: If a table is something else.
    """
    return _panels([(layer, _course_rows(layer.table)) for layer in layers], "")


def _course_rows(table: str) -> Iterator[Row]:
    """Rows under headings that are the same however many systems a result has, and however many windows it took."""
    for heading, unit, curve, *numbers in csv_rows(table, ("panel", "unit", "curve", "time_s", "value", "low", "high")):
        system, shown = curve, _WINDOWS.sub("", heading)
        if joint := _JOINT.fullmatch(heading):
            system, _, percentile = curve.rpartition(" ")
            shown = f"{joint[1]}, {percentile}"
        shown = _PRESENT.sub("load: requests in service or waiting at the last station", shown)
        x, y, low, high = map(number, numbers)
        yield system, shown, unit, x, y, low, high


def _panels(layers: Sequence[tuple[Layer, Iterable[Row]]], kind: str) -> list[tuple[str, Panel]]:
    curves: dict[tuple[str, str, str], dict[int, list[tuple[float, ...]]]] = {}
    labels = {layer.look: layer.label for layer, _ in layers}
    for layer, rows in layers:
        for system, heading, unit, *point in rows:
            if system in layer.names:
                found = curves.setdefault((layer.names[system], heading, unit), {})
                found.setdefault(layer.look, []).append(tuple(point))
    order = list(dict.fromkeys(system for system, *_ in curves))
    return [
        (
            system,
            Panel(
                f"{system} {heading}".lstrip(),
                unit,
                [_curve(labels[look], look, points) for look, points in sorted(by_layer.items())],
                kind or _KINDS.get(unit, "rate"),
            ),
        )
        for name in order
        for (system, heading, unit), by_layer in curves.items()
        if system == name and len(by_layer) > 1
    ]


def _curve(label: str, look: int, points: Sequence[tuple[float, ...]]) -> Curve:
    x, y, low, high = np.array(points, dtype=np.float64).T
    return Curve(label, look, x, y, low, high)
