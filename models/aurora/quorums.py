"""Which sets of copies make a record durable, and which sets are enough to find every record that is.

Any set that is enough to read must meet any set that is enough to write, and any two that are enough to write must meet
each other; otherwise a new writer may not find what an old one has acknowledged, or two may write at once. Some copies
may be full, with pages, and the others tails, with the log alone: then all full ones, too, are enough to write, and of
those that read one must be full.

While a segment is being replaced, a set must be enough with and without it.

Source:
    Verbitski and others, SIGMOD 2017, section 2: 4 and 3 of 6; SIGMOD 2018, sections 3 and 4: epochs, full and tail
    segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field, model_validator

from models.kernel.registry import Parameters, parameter

A17 = "Verbitski and others, SIGMOD 2017"
Table = tuple[bool, ...]


class QuorumParameters(Parameters):
    """How many copies there are, and how many of them are enough."""

    copies: Annotated[int, Field(ge=1, le=6)] = parameter(6, "copies of each protection group", source=A17)
    write: Annotated[int, Field(ge=1, le=6)] = parameter(4, "copies that make a record durable", source=A17)
    read: Annotated[int, Field(ge=1, le=6)] = parameter(3, "copies that a recovery must ask", source=A17)
    full: Annotated[int, Field(ge=1, le=6)] | None = parameter(
        None, "how many copies have pages and not the log alone; none: all", example=3
    )
    unsafe_quorum: bool = parameter(
        False, "whether sets that need not meet are taken all the same", assumed="false, but to see what it costs"
    )

    @model_validator(mode="after")
    def _meet(self) -> QuorumParameters:
        if max(self.write, self.read, self.full or 0) > self.copies:
            raise ValueError(f"write, read and full must be at most copies = {self.copies}")
        members = range(self.copies)
        writes, reads = self.writes(self.copies, members), self.reads(self.copies, members)
        if not self.unsafe_quorum and not (meet(writes, reads) and meet(writes, writes)):
            raise ValueError(
                f"a set of {self.write} of {self.copies} copies and one of {self.read} need not meet, or two of "
                f"{self.write} need not: acknowledged writes may be lost; take more than "
                f"{self.copies} for both together, and more than half to write, or say unsafe_quorum = true"
            )
        return self

    def is_full(self, place: int) -> bool:
        """Whether the member at some place of its group is full; those of a zone take turns."""
        return self.full is None or place in sorted(range(self.copies), key=lambda each: (each % 2, each))[: self.full]

    def writes(self, width: int, members: Sequence[int]) -> Table:
        """Sets of slots that make a record durable, where some slots are members, in the order of their places."""
        full = _mask(slot for place, slot in enumerate(members) if self.is_full(place))
        everyone, by_full = _mask(members), self.full is not None
        return tuple(
            (having & everyone).bit_count() >= self.write or (by_full and having & full == full)
            for having in range(1 << width)
        )

    def reads(self, width: int, members: Sequence[int]) -> Table:
        """Sets of slots that find every record that is durable."""
        full = _mask(slot for place, slot in enumerate(members) if self.is_full(place))
        everyone = _mask(members)
        return tuple(
            (having & everyone).bit_count() >= self.read and bool(having & full) for having in range(1 << width)
        )


def both(one: Table, other: Table) -> Table:
    """Sets that are enough for either."""
    return tuple(first and second for first, second in zip(one, other, strict=True))


def either(one: Table, other: Table) -> Table:
    """Sets that are enough for one of the two."""
    return tuple(first or second for first, second in zip(one, other, strict=True))


def meet(one: Table, other: Table) -> bool:
    """Whether each set of the one table has something in common with each of the other."""
    sets, others = ([having for having, enough in enumerate(table) if enough] for table in (one, other))
    return all(mine & theirs for mine in sets for theirs in others)


def _mask(slots: Iterable[int]) -> int:
    return sum(1 << slot for slot in slots)
