"""What a model says of itself: name, parameters with their sources, operations, limits, and how to build a system.

Parameters are strict pydantic models, so that validation, schema, documentation and `explain` come from one place. Each
default names its source, or says that it is assumed, with a range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from models.kernel.laws import NonNegative, Positive
from models.kernel.parts import UNLIMITED
from models.kernel.retry_modes import MODES, ModeName, Modes, with_mode
from models.kernel.system import Client, Jitter, RetryQuota, System

MAX_SERVERS = 1_000_000
QUOTA = "botocore 1.43, standard mode (2026)"
Servers = Annotated[int, Field(ge=1, le=MAX_SERVERS)] | Literal["unlimited"]
"""Servers of a station, as a scenario gives them."""


class Parameters(BaseModel):
    """Base of every model's parameters: strict, nothing unknown, nothing infinite."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    def filled(self) -> dict[str, tuple[str, str]]:
        """Keys that another key has filled in where the scenario says nothing: what did so, and its source."""
        return {}


def parameter(
    default: Any,
    text: str,
    *,
    source: str | None = None,
    assumed: str | None = None,
    example: Any = None,
    **bounds: Any,
) -> Any:
    """A parameter's field: its default, what it means, and where the default comes from.

    Args:
        default: The default; ... where a scenario must give it.
        text: One line for `explain` and the schema.
        source: Where the default was published, with its date.
        assumed: Instead of a source: the range within which the truth is taken to lie, or why there is none.
        example: A value that a scenario may give, where the default is none.
        bounds: Constraints for pydantic, such as gt=0.
    """
    assert default is ... or default is None or (source is None) != (assumed is None), f"{text}: a source or a range"
    extra: dict[str, JsonValue] = {}
    if source is not None:
        extra["source"] = source
    if assumed is not None:
        extra["assumed"] = assumed
    examples = None if example is None else [example]
    return Field(default, description=text, json_schema_extra=extra, examples=examples, **bounds)


class QuotaParameters(Parameters):
    """A bucket of tokens that retries are paid from; when it is empty, nobody retries."""

    capacity: Positive = parameter(500.0, "tokens at most, and at first", source=QUOTA)
    cost: NonNegative = parameter(5.0, "tokens of a retry", source=QUOTA)
    timeout_cost: NonNegative = parameter(10.0, "tokens of a retry after a timeout", source=QUOTA)
    throttled_cost: NonNegative | None = parameter(
        None, "tokens of a retry after throttling; none: as `cost`", example=5.0
    )
    refund: NonNegative = parameter(1.0, "tokens that a success brings", source=QUOTA)
    returns_cost: bool = parameter(
        True, "whether a success after retries brings what the last one cost, instead of `refund`", source=QUOTA
    )


class ClientParameters(Parameters):
    """The patience of the clients; waits double from retry to retry."""

    MODES: ClassVar[Modes] = MODES
    """What each retry mode means for the service that is asked."""

    mode: ModeName | None = parameter(
        None,
        "how an AWS SDK retries; keys beside it go before it; none: as the keys say, which is no retry by default",
        example="standard",
    )
    timeout_s: Positive | None = parameter(
        None, "seconds until an attempt is given up; none: clients wait for ever", example=1.0
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = parameter(1, "attempts of a request", assumed="1 to 10")
    backoff_base_s: NonNegative = parameter(0.05, "ceiling of the wait before the first retry", assumed="0.025 to 1")
    throttled_base_s: NonNegative | None = parameter(
        None, "the same after throttling; none: as after any other error", example=0.5
    )
    backoff_cap_s: Positive | None = parameter(
        20.0, "highest ceiling; none: no such bound", source="botocore standard mode: 20 s (2026)"
    )
    jitter: Jitter = parameter("full", "share of the ceiling that is waited", source="botocore standard mode (2026)")
    processes: Annotated[int, Field(ge=1, le=100_000)] = parameter(
        1, "client processes, each with a retry quota of its own", assumed="one quota for all clients"
    )
    retry_quota: QuotaParameters | None = parameter(
        None, "bucket that a process pays its retries from; none: clients retry as they like"
    )

    @model_validator(mode="before")
    @classmethod
    def _as_the_mode_says(cls, given: Any) -> Any:
        return with_mode(given, cls.MODES)

    def filled(self) -> dict[str, tuple[str, str]]:
        if self.mode is None:
            return {}
        mode = self.MODES[self.mode]
        return dict.fromkeys(mode.keys, (f"mode {self.mode}", mode.source))

    def client(self) -> Client:
        """As the kernel takes it."""
        return Client(
            timeout_s=math.inf if self.timeout_s is None else self.timeout_s,
            max_attempts=self.max_attempts,
            backoff_base_s=self.backoff_base_s,
            throttled_base_s=self.throttled_base_s,
            backoff_cap_s=math.inf if self.backoff_cap_s is None else self.backoff_cap_s,
            jitter=self.jitter,
            processes=self.processes,
            quota=None if self.retry_quota is None else RetryQuota(**self.retry_quota.model_dump()),
        )


@dataclass(frozen=True)
class ClosedForm:
    """What a closed form says of a system, for whoever asks before it runs.

    Args:
        text: What it is of.
        value: How much; inf: never comes to an end.
        unit: Of the value, in words; "%" for a share of one, which is shown as percent.
    """

    text: str
    value: float
    unit: str


@dataclass(frozen=True)
class Model:
    """One model of the catalogue.

    Args:
        name: As a scenario names it.
        summary: One line for `list`.
        parameters: What a scenario may set.
        build: Makes a system of parameters, for the operations of a workload.
        operations: The operations that it knows; None: any name, all alike.
        limits: What is left out, one sentence each.
        closed_forms: What closed forms of the model's own say of parameters; None: there are none.
    """

    name: str
    summary: str
    parameters: type[Parameters]
    build: Callable[[Any, tuple[str, ...]], System]
    operations: tuple[str, ...] | None
    limits: tuple[str, ...]
    closed_forms: Callable[[Any], Sequence[ClosedForm]] | None = None

    ANY: ClassVar[None] = None


def servers_of(servers: int | str) -> int:
    """Servers as the kernel counts them."""
    return UNLIMITED if isinstance(servers, str) else servers
