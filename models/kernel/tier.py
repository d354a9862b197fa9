"""A tier: what can stand behind another service, asked from one of its members.

A service that can be put in front of a database takes a `Backend` and never imports it; the catalogue brings the two
together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.kernel.parts import Group
from models.kernel.system import Control, Operation, Route

if TYPE_CHECKING:
    from models.kernel.charges import Charge
    from models.kernel.registry import Parameters


@dataclass(frozen=True)
class Tier:
    """Routes from a member of some group to the tier and back.

    Args:
        read: Any copy may answer.
        strong_read: The answer reflects every acknowledged write.
        transact_read: A transaction that reads one item.
        write: Durable when it answers.
        query: The items from a key on, as many as the request asks for, in pages; any copy may answer.
        strong_query: The same, reflecting every acknowledged write.
        batch_get: As many items, each asked for by itself and all at once; any copy may answer.
        strong_batch_get: The same, reflecting every acknowledged write.
        batch_bytes: Bytes that a batch brings at most; the rest is asked for again.
        batch_items: Items that a batch may ask for at most; more are rejected.
        charges: What the tier costs, whoever asks it.
        controls: Control processes of its own, for the system that it is part of.
        probes: Operations of its control's own.
        watchers: Its control processes that matter where something can fail; they draw random numbers.
    """

    read: Callable[[Group], Route]
    strong_read: Callable[[Group], Route]
    transact_read: Callable[[Group], Route]
    write: Callable[[Group], Route]
    query: Callable[[Group], Route]
    strong_query: Callable[[Group], Route]
    batch_get: Callable[[Group], Route]
    strong_batch_get: Callable[[Group], Route]
    batch_bytes: int
    batch_items: int
    charges: tuple[Charge, ...] = ()
    controls: tuple[Control, ...] = ()
    probes: Mapping[str, Operation] = field(default_factory=dict)
    watchers: tuple[Control, ...] = ()


@dataclass(frozen=True)
class Backend:
    """How to make a tier: its parameters, and a function of them and of the region that both stand in."""

    parameters: type[Parameters]
    build: Callable[[Any, Any], Tier]
