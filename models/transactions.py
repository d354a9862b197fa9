"""What a transaction is, to all relational databases alike: statements that read and write, and one commit."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.kernel.laws import Law
from models.kernel.parts import Station
from models.kernel.registry import Parameters, parameter
from models.kernel.steps import Serve, Step


class TransactionParameters(Parameters):
    """What a client's write is made of; a read is one statement."""

    reads: Annotated[int, Field(ge=0, le=100)] = parameter(
        0, "statements of a write that read", assumed="0; SysBench OLTP has 14 (10 points, 4 ranges)"
    )
    writes: Annotated[int, Field(ge=1, le=100)] = parameter(
        1, "statements of a write that write", assumed="1; SysBench has 4 (two updates, a delete, an insert)"
    )
    pages: Annotated[float, Field(gt=0, le=100)] = parameter(
        1.0, "pages that such a statement changes",
        assumed="1 to 4; SysBench 1.6: a row's own, and those of its index for two of four",
    )  # fmt: skip

    @property
    def changed(self) -> float:
        """Pages that a write changes."""
        return self.writes * self.pages

    @property
    def found(self) -> int:
        """Pages that are brought, one after the other, where a write finds nothing in memory."""
        return max(1, round(self.changed))

    def work(self, cpu: Station, read: Law, write: Law) -> tuple[Step, ...]:
        """All its statements, one after the other."""
        return (Serve(cpu, read),) * self.reads + (Serve(cpu, write),) * self.writes
