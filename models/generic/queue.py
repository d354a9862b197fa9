"""One station: requests queue for servers, first come first served. M/M/c and all its kin.

Limits: one class of requests; no priorities; no network.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.kernel.laws import ExponentialSeconds, SecondsLaw
from models.kernel.parts import Group, Station
from models.kernel.registry import ClientParameters, Model, Parameters, Servers, parameter, servers_of
from models.kernel.steps import Serve
from models.kernel.system import Operation, Route, System


class QueueParameters(Parameters):
    """Parameters of `queue`."""

    servers: Servers = parameter(1, "servers", assumed="set it to what is studied")
    service: SecondsLaw = parameter(
        ExponentialSeconds(mean_s=0.001), "seconds of service", assumed="set it to what is studied"
    )
    queue_limit: Annotated[int, Field(ge=0, le=10_000_000)] | None = parameter(
        None, "waiting places; a request that finds them full is rejected; none: no bound", example=100
    )
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")


def build(parameters: QueueParameters, operations: tuple[str, ...]) -> System:
    """Every operation takes the one station."""
    station = Station("server", Group("server"), servers_of(parameters.servers), parameters.queue_limit)
    client = parameters.client.client()
    return System({name: Operation(Route(Serve(station, parameters.service)), client) for name in operations})


MODEL = Model(
    name="queue",
    summary="one station with c servers and a first-come-first-served queue",
    parameters=QueueParameters,
    build=build,
    operations=Model.ANY,
    limits=("one class of requests, no priorities", "no network between client and station"),
)
