"""What stands behind a cache: nothing, some station, or a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from models.kernel.charges import Charge
from models.kernel.laws import LognormalSeconds, SecondsLaw
from models.kernel.parts import Group, Station, everybody
from models.kernel.registry import Parameters, Servers, parameter, servers_of
from models.kernel.steps import Choose, Serve, Travel
from models.kernel.system import Control, Operation, Route
from models.kernel.tier import Backend
from models.region import Region


class StationParameters(Parameters):
    """A database of which nothing is known but how long it takes, and how much it can do at once."""

    kind: Literal["station"] = parameter("station", "a station", assumed="or table")
    read: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.005, p99_s=0.02), "seconds that a read takes", assumed="1 to 20 ms"
    )
    write: SecondsLaw = parameter(
        LognormalSeconds(median_s=0.008, p99_s=0.03), "seconds that a write takes", assumed="2 to 30 ms"
    )
    servers: Servers = parameter(64, "requests that it works on at once", assumed="16 to 1,000")
    queue_limit: Annotated[int, Field(ge=0, le=1_000_000)] | None = parameter(
        None, "requests that wait before it rejects; none: no bound", example=1_000
    )


@dataclass(frozen=True, eq=False)
class Database:
    """Routes from a member of some group to the database and back, and what comes with it.

    Args:
        read: Of one object; None where there is no database.
        write: Durable when it answers; None where there is no database.
        charges, controls, probes, watchers: As in `tier.Tier`.
    """

    read: Callable[[Group], Route] | None = None
    write: Callable[[Group], Route] | None = None
    charges: tuple[Charge, ...] = ()
    controls: tuple[Control, ...] = ()
    probes: Mapping[str, Operation] = field(default_factory=dict)
    watchers: tuple[Control, ...] = ()


def table_parameters(backend: Backend) -> Any:
    """Parameters of a table, told apart by its kind."""
    kind: Any = (Literal["table"], parameter("table", "a table", assumed="or station"))
    return create_model("TableBehindParameters", __base__=backend.parameters, __doc__="A table.", kind=kind)


def database(parameters: Any, backend: Backend, region: Region) -> Database:
    """What parameters say; of none, nothing."""
    if parameters is None:
        return Database()
    if isinstance(parameters, StationParameters):
        return _station(parameters, region)
    table = backend.build(parameters, region)
    return Database(table.read, table.write, table.charges, table.controls, table.probes, table.watchers)


def _station(parameters: StationParameters, region: Region) -> Database:
    group = Group("database", 1, (0,))
    station = Station("database", group, servers_of(parameters.servers), parameters.queue_limit)

    def ask(origin: Group, work: Any) -> Route:
        return Route(
            Choose(everybody(group)), Travel(region.network, origin, group), Serve(station, work),
            Travel(region.network, group, origin),
        )  # fmt: skip

    return Database(lambda origin: ask(origin, parameters.read), lambda origin: ask(origin, parameters.write))
