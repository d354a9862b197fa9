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

    def work(self, cpu: Station, read: Law, write: Law) -> tuple[Step, ...]:
        """All its statements, one after the other."""
        return (Serve(cpu, read),) * self.reads + (Serve(cpu, write),) * self.writes
