"""n copies, of which k must answer: each request goes to all of them at once and waits for the first k.

With `leader`, copy 0 must be among those that answer (a replication group's leader plus k - 1 of its followers). With
`delays` the copies hold versions of objects, and a read may find an old one (`wars`).

Limits: copies are independent; what a request leaves behind in slow copies goes on there.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from models.generic.wars import FITTED, PBS, READ, Delays, DelaysName, PartialQuorums
from models.kernel.laws import ExponentialSeconds, SecondsLaw
from models.kernel.parts import Group, Quorum, Station, everybody
from models.kernel.predicates import Table, at_least, both, members
from models.kernel.registry import ClientParameters, Model, Parameters, Servers, parameter, servers_of
from models.kernel.steps import Choose, Fork, Serve
from models.kernel.system import Operation, Route, System

MAX_COPIES = 16


class CopiesParameters(Parameters):
    """Parameters of `copies`."""

    copies: Annotated[int, Field(ge=1, le=MAX_COPIES)] = parameter(6, "copies", source="Aurora: six (SIGMOD 2017)")
    needed: Annotated[int, Field(ge=1, le=MAX_COPIES)] = parameter(
        4, "answers needed", source="Aurora: four (SIGMOD 2017)"
    )
    leader: bool = parameter(False, "whether copy 0 must be among them", assumed="false: all copies alike")
    leg: SecondsLaw = parameter(
        ExponentialSeconds(mean_s=0.001), "seconds that each copy takes", assumed="set it to what is studied"
    )
    legs: Annotated[list[SecondsLaw], Field(min_length=1, max_length=MAX_COPIES)] | None = parameter(
        None,
        "a law for each copy, instead of `leg`",
        example=[{"kind": "exponential", "mean_s": 0.001}] * 5 + [{"kind": "exponential", "mean_s": 0.01}],
    )
    servers: Servers = parameter("unlimited", "servers of each copy", assumed="no queueing")
    delays: Delays | DelaysName | None = parameter(
        None,
        "one-way delays, instead of `leg`; then copies hold versions, which reads return; or as fitted, "
        f"{', '.join(FITTED)} ({PBS})",
        example="lnkd-disk",
    )
    read_needed: Annotated[int, Field(ge=1, le=MAX_COPIES)] | None = parameter(
        None, "answers that reads need, where `delays` are given; none: as many as writes", example=1
    )
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for key, needed in (("needed", self.needed), ("read_needed", self.read_needed or 1)):
            if needed > self.copies:
                raise ValueError(f"{key} = {needed} of copies = {self.copies} can never answer")
        if self.delays is None and self.read_needed is not None:
            raise ValueError("read_needed says nothing without delays")
        if self.delays is not None and (given := {"leader", "leg", "legs", "servers"} & self.model_fields_set):
            raise ValueError(f"{min(given)} and delays are two ways to say how long copies take: give one")
        if self.legs is not None and len(self.legs) != self.copies:
            raise ValueError(f"legs has {len(self.legs)} laws for {self.copies} copies")
        return self


def leader_and(copies: int, needed: int) -> Table:
    """Copy 0 and `needed` in all."""
    return both(at_least(copies, 1, among=members(0)), at_least(copies, needed))


def build(parameters: CopiesParameters, operations: tuple[str, ...]) -> System:
    """Every operation asks all copies."""
    client = parameters.client.client()
    routes = _alike(parameters, operations) if parameters.delays is None else _versioned(parameters, operations)
    return System({name: Operation(route, client) for name, route in routes.items()})


def _alike(parameters: CopiesParameters, operations: tuple[str, ...]) -> dict[str, Route]:
    """Operations that differ in nothing."""
    copies, needed = parameters.copies, parameters.needed
    group = Group("copies", copies)
    station = Station("copies", group, servers_of(parameters.servers))
    everyone = everybody(group)
    laws = parameters.legs or [parameters.leg] * copies
    quorum = (
        Quorum("quorum", copies, table=leader_and(copies, needed)) if parameters.leader
        else Quorum("quorum", copies, needed)
    )  # fmt: skip
    legs = (
        Route(Choose(everyone, "leg"), Serve(station, parameters.leg)) if parameters.legs is None
        else tuple(Route(Choose(everyone, index), Serve(station, law)) for index, law in enumerate(laws))
    )  # fmt: skip
    return {name: Route(Fork(quorum, legs)) for name in operations}


def _versioned(parameters: CopiesParameters, operations: tuple[str, ...]) -> dict[str, Route]:
    """Reads, and other operations, which write."""
    copies, needed, delays = parameters.copies, parameters.needed, parameters.delays
    assert delays is not None
    parts = PartialQuorums(copies, FITTED[delays] if isinstance(delays, str) else delays)
    writes = Quorum("write quorum", copies, needed)
    reads = Quorum("read quorum", copies, parameters.read_needed or needed)
    return {name: parts.route(name, reads if name == READ else writes) for name in operations}


MODEL = Model(
    name="copies",
    summary="n copies asked at once, k answers needed",
    parameters=CopiesParameters,
    build=build,
    operations=Model.ANY,
    limits=(
        "copies are independent of one another",
        "stragglers go on working unnoticed",
        "copies that hold versions never fail, and nobody repairs what they lack",
    ),
)
