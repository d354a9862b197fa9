"""An AWS Region as all services stand in it: zones, the network between them, and clients spread over the zones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from models.kernel.laws import LognormalSeconds, SecondsLaw
from models.kernel.parts import Group, Membership, Network, everybody
from models.kernel.registry import Parameters, parameter

ZONES = 3
NEAR = LognormalSeconds(median_s=0.00015, p99_s=0.0003)
FAR = LognormalSeconds(median_s=0.0004, p99_s=0.0008)


class RegionParameters(Parameters):
    """Zones and the network between them."""

    zones: Annotated[int, Field(ge=1, le=6)] = parameter(
        ZONES, "Availability Zones", source="DynamoDB guide: three (2023)"
    )
    near: SecondsLaw = parameter(
        NEAR, "one-way latency within a zone", assumed="round trip 0.2 to 0.5 ms (pings; HAT, VLDB 2013)"
    )
    far: SecondsLaw = parameter(
        FAR, "one-way latency between zones", assumed="round trip 0.5 to 1.1 ms (HAT, VLDB 2013; public AZ surveys)"
    )


@dataclass(frozen=True, eq=False)
class Region:
    """Zones, network and clients of one system."""

    zones: int
    network: Network
    clients: Group
    everywhere: Membership

    @classmethod
    def of(cls, parameters: RegionParameters) -> Region:
        """The region that parameters describe."""
        clients = Group("clients", parameters.zones, tuple(range(parameters.zones)))
        network = Network("network", parameters.near, parameters.far, parameters.zones)
        return cls(parameters.zones, network, clients, everybody(clients))

    def spread(self, count: int, first: int = 0) -> tuple[int, ...]:
        """Zones for so many nodes, in turn."""
        return tuple((first + index) % self.zones for index in range(count))
