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
queue was full; throttled, a token bucket was empty. 0 is no error."""
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
    """

    capacity: float
    cost: float
    timeout_cost: float
    refund: float


@dataclass(frozen=True, eq=False)
class Client:
    """The patience of whoever asks: how long an attempt may take, how many there are, how long to wait in between.

    The wait before retry i (from 1) has the ceiling min(backoff_cap_s, backoff_base_s * backoff_factor**(i - 1));
    jitter "full" takes a uniform share of it, "equal" half of it plus a uniform share of the other half. Operations of
    one and the same client share its retry quota.
    """

    timeout_s: float = math.inf
    max_attempts: int = 1
    backoff_base_s: float = 0.0
    backoff_factor: float = 2.0
    backoff_cap_s: float = math.inf
    jitter: Jitter = "none"
    quota: RetryQuota | None = None

    def ceilings_s(self) -> list[float]:
        """Ceiling of the wait before each retry, seconds."""
        return [
            min(self.backoff_cap_s, self.backoff_base_s * self.backoff_factor**i) for i in range(self.max_attempts - 1)
        ]


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
    """

    operations: Mapping[str, Operation]
    probes: Mapping[str, Operation] = field(default_factory=dict)
    controls: tuple[Control, ...] = ()
    watchers: tuple[Control, ...] = ()
    controls_draw: bool = False
    charges: tuple[Charge, ...] = ()
