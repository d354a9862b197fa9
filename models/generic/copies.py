"""n copies, of which k must answer: each request goes to all of them at once and waits for the first k.

With `leader`, copy 0 must be among those that answer (a replication group's leader plus k - 1 of its followers).

Limits: copies are independent; what a request leaves behind in slow copies goes on there.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from models.kernel.laws import ExponentialSeconds, SecondsLaw
from models.kernel.parts import Group, Quorum, Station, everybody
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
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.needed > self.copies:
            raise ValueError(f"needed = {self.needed} of copies = {self.copies} can never answer")
        if self.legs is not None and len(self.legs) != self.copies:
            raise ValueError(f"legs has {len(self.legs)} laws for {self.copies} copies")
        return self


def leader_and(copies: int, needed: int) -> tuple[bool, ...]:
    """Truth table over sets of copies: copy 0 and `needed` in all."""
    return tuple(bool(answered & 1) and answered.bit_count() >= needed for answered in range(1 << copies))


def build(parameters: CopiesParameters, operations: tuple[str, ...]) -> System:
    """Every operation asks all copies."""
    copies, needed = parameters.copies, parameters.needed
    group = Group("copies", copies)
    station = Station("copies", group, servers_of(parameters.servers))
    members = everybody(group)
    laws = parameters.legs or [parameters.leg] * copies
    quorum = (
        Quorum("quorum", copies, table=leader_and(copies, needed)) if parameters.leader
        else Quorum("quorum", copies, needed)
    )  # fmt: skip
    legs = (
        Route(Choose(members, "leg"), Serve(station, parameters.leg)) if parameters.legs is None
        else tuple(Route(Choose(members, index), Serve(station, law)) for index, law in enumerate(laws))
    )  # fmt: skip
    client = parameters.client.client()
    return System({name: Operation(Route(Fork(quorum, legs)), client) for name in operations})


MODEL = Model(
    name="copies",
    summary="n copies asked at once, k answers needed",
    parameters=CopiesParameters,
    build=build,
    operations=Model.ANY,
    limits=("copies are independent of one another", "stragglers go on working unnoticed"),
)
