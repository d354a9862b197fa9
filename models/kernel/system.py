"""A system: its operations, each with a route and the client's patience."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from models.kernel.charges import Charge
    from models.kernel.plane import Plane
    from models.kernel.steps.base import Step

Jitter = Literal["none", "full", "equal"]

ERRORS = ("", "timeout", "refused", "rejected", "throttled")
"""Kinds of failure by code: timeout, the client's patience ended; refused, a part that is down said so; rejected, a
queue was full or an object too large; throttled, a token bucket was empty. 0 is no error."""
TIMEOUT, REFUSED, REJECTED, THROTTLED = 1, 2, 3, 4


@dataclass(frozen=True, eq=False)
class Route:
    """What a request does, in order."""

    steps: tuple[Step, ...]

    def __init__(self, *steps: Step) -> None:
        object.__setattr__(self, "steps", steps)


@dataclass(frozen=True)
class RetryQuota:
    """A bucket of tokens that retries are paid from; without enough, an attempt that fails is the last.

    Args:
        capacity: Tokens that it holds at most, and at first.
        cost: Tokens of a retry.
        timeout_cost: Tokens of a retry after a timeout.
        refund: Tokens that a success brings.
        throttled_cost: Tokens of a retry after throttling; None: as `cost`.
        returns_cost: Whether a success after retries brings back what the last of them cost, instead of `refund`.
    """

    capacity: float
    cost: float
    timeout_cost: float
    refund: float
    throttled_cost: float | None = None
    returns_cost: bool = False

    def price(self, error: int) -> float:
        """Tokens of a retry after an error."""
        if error == THROTTLED and self.throttled_cost is not None:
            return self.throttled_cost
        return self.timeout_cost if error == TIMEOUT else self.cost


@dataclass(frozen=True, eq=False)
class Client:
    """The patience of whoever asks: how long an attempt may take, how many there are, how long to wait in between.

    The wait before retry i (from 1) has the ceiling min(backoff_cap_s, backoff_base_s * backoff_factor**(i - 1));
    after throttling, throttled_base_s takes the place of backoff_base_s if it is given. Jitter "full" takes a uniform
    share of the ceiling, "equal" half of it plus a uniform share of the other half.

    Each of `processes` has a retry quota of its own, which all operations of one and the same client share. A closed
    loop's client stays with one process; requests of an open source go to the processes in turn.
    """

    timeout_s: float = math.inf
    max_attempts: int = 1
    backoff_base_s: float = 0.0
    backoff_factor: float = 2.0
    backoff_cap_s: float = math.inf
    jitter: Jitter = "none"
    quota: RetryQuota | None = None
    throttled_base_s: float | None = None
    processes: int = 1

    def ceilings_s(self, *, throttled: bool = False) -> list[float]:
        """Ceiling of the wait before each retry, seconds; after throttling, or after any other error."""
        base_s = self.throttled_base_s if throttled and self.throttled_base_s is not None else self.backoff_base_s
        return [min(self.backoff_cap_s, base_s * self.backoff_factor**i) for i in range(self.max_attempts - 1)]


@dataclass(frozen=True, eq=False)
class Operation:
    """What a client may ask of a system."""

    route: Route
    client: Client = field(default_factory=Client)


Control = Callable[["Plane"], Generator[Any, Any, None]]
"""A process of the control plane: a SimPy generator that acts on the data plane through `Plane`."""


@dataclass(frozen=True, eq=False)
class System:
    """Operations by name, the control processes beside them, and what the model says of itself.

    Args:
        operations: Route and client of each operation.
        probes: Operations of control's own, which no client asks for and of which there are no figures.
        controls: Control processes, started in order at time zero.
        watchers: Control processes that matter only where something can fail, such as detectors: started after the
            others where a scenario has faults, and left out elsewhere.
        controls_draw: Whether any of them draws random numbers.
        charges: What it costs; none where the model has no prices.
        stages: What control may be at, in order: a failover's detection, say (`models.stages`).
    """

    operations: Mapping[str, Operation]
    probes: Mapping[str, Operation] = field(default_factory=dict)
    controls: tuple[Control, ...] = ()
    watchers: tuple[Control, ...] = ()
    controls_draw: bool = False
    charges: tuple[Charge, ...] = ()
    stages: tuple[str, ...] = ()
