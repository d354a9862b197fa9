"""Looks at nodes: by clients, who want to know whether a node answers, and by a service that minds its nodes.

A look goes from a zone to a node as a request would, and its operation finds both by the number of a leg: zone by zone,
the nodes.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, Any

import simpy
from pydantic import Field

from models.kernel.parts import Group
from models.kernel.plane import Plane
from models.kernel.steps import Step, Travel, by_leg
from models.kernel.system import Client, Operation, Route
from models.region import Region

Process = Generator[simpy.Event, Any, None]
Interval = Annotated[float, Field(ge=0.01, le=100_000)]
"""Seconds; what is done time and again takes its time."""
HEALTH = "health check"
"""A service's look."""
PATIENCE_S = 1.0
"""Until a question to the configuration endpoint, a message between nodes, or a service's look has failed;
assumed: 0.2 to 5 s."""
PROBE_BYTES = 1


def look_leg(nodes: Group, zone: int, node: int) -> int:
    """Number of the leg of a look from a zone at a node."""
    return zone * nodes.size + node


def look(region: Region, source: Group, nodes: Group, *work: Step) -> Route:
    """From the member of a source in some zone to some node, which works, and back."""
    pairs = [(zone, node) for zone in range(region.zones) for node in range(nodes.size)]
    return Route(
        by_leg(source, [zone for zone, _ in pairs]), by_leg(nodes, [node for _, node in pairs]),
        Travel(region.network, source, nodes), *work, Travel(region.network, nodes, source),
    )  # fmt: skip


def health_check(region: Region, nodes: Group, *work: Step) -> Operation:
    """A service's look at a node, from any zone."""
    monitors = Group("monitor", region.zones, tuple(range(region.zones)), fails=False)
    return Operation(look(region, monitors, nodes, *work), Client(PATIENCE_S))


def heard_from(plane: Plane, nodes: Group, zones: int, node: int) -> Generator[simpy.Event, Any, int]:
    """Look at a node from every zone; returns from how many there was an answer, when all have one or have given up."""
    legs = [look_leg(nodes, zone, node) for zone in range(zones)]
    looks = [plane.submit(HEALTH, size_bytes=PROBE_BYTES, leg=leg) for leg in legs]
    heard = 0
    for each in looks:
        answer = yield each
        heard += answer.ok
    return heard
