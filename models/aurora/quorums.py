"""Which sets of copies make a record durable, and which sets are enough to find every record that is.

Any set that is enough to read must meet any set that is enough to write, and any two that are enough to write must meet
each other; otherwise a new writer may not find what an old one has acknowledged, or two may write at once. Some copies
may be full, with pages, and the others tails, with the log alone: then all full ones, too, are enough to write, and of
those that read one must be full.

While a segment is being replaced, a set must be enough with and without it. While the copies of a zone are left out,
all but one of the others are enough, and two of them find what is durable (`outage`).

Source:
    Verbitski and others, SIGMOD 2017, section 2: 4 and 3 of 6; SIGMOD 2018, sections 3 and 4: epochs, full and tail
    segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, model_validator

from models.kernel.predicates import Table, at_least, both, either, meets, members
from models.kernel.registry import Parameters, parameter

A17 = "Verbitski and others, SIGMOD 2017"


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
        every = range(self.copies)
        writes, reads = self.writes(self.copies, every), self.reads(self.copies, every)
        if not self.unsafe_quorum and not (meets(writes, reads) and meets(writes, writes)):
            raise ValueError(
                f"a set of {self.write} of {self.copies} copies and one of {self.read} need not meet, or two of "
                f"{self.write} need not: acknowledged writes may be lost; take more than "
                f"{self.copies} for both together, and more than half to write, or say unsafe_quorum = true"
            )
        return self

    def is_full(self, place: int) -> bool:
        """Whether the member at some place of its group is full; those of a zone take turns."""
        return self.full is None or place in sorted(range(self.copies), key=lambda each: (each % 2, each))[: self.full]

    def writes(self, width: int, slots: Sequence[int]) -> Table:
        """Sets of slots that make a record durable, where some slots are members, in the order of their places."""
        enough = at_least(width, self.write, members(*slots))
        return enough if self.full is None else either(enough, at_least(width, self.full, self._full(slots)))

    def reads(self, width: int, slots: Sequence[int]) -> Table:
        """Sets of slots that find every record that is durable."""
        return both(at_least(width, self.read, members(*slots)), at_least(width, 1, self._full(slots)))

    def writes_left(self, width: int, slots: Sequence[int]) -> Table:
        """The same while others are left out: all but one of the slots."""
        return at_least(width, len(slots) - 1, members(*slots))

    def reads_left(self, width: int, slots: Sequence[int]) -> Table:
        """And what finds these records: any two of the slots."""
        return at_least(width, 2, members(*slots))

    def _full(self, slots: Sequence[int]) -> int:
        return members(*(slot for place, slot in enumerate(slots) if self.is_full(place)))
