"""PostgreSQL on EBS: one log, which has whole pages after each checkpoint, and a standby that takes it.

A commit waits for the log, and with a standby until that has written it, too. The first change to a page after a
checkpoint puts all of the page into the log, so that there is more to write for a while after each.

Source:
    PostgreSQL manual: WAL, full_page_writes, checkpoint_timeout, synchronous_commit.

Limits:
    What checkpoints write to the pages takes no time from anybody; they begin on time, however much was written.
    A standby has applied what it takes as soon as it has written it. Vacuum and bloat are left out. EBS makes no other
    copy of what a lost server had. Those of failovers stand in `models.rds.failover`.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import Field

from models.kernel.plane import Plane
from models.kernel.registry import Model, Parameters, parameter
from models.kernel.steps import Fill, Lookup
from models.kernel.system import Route, System
from models.rds.engine import OPERATIONS, Database, DatabaseParameters
from models.rds.failover import LIMITS

PAGES_MOST = 100_000_000


class WalParameters(Parameters):
    """What goes into the log beside a write's records."""

    page_bytes: Annotated[int, Field(ge=0, le=65_536)] = parameter(
        8192,
        "bytes of a page that goes into the log; 0: none do",
        source="PostgreSQL manual: full_page_writes, 8 KiB",
    )
    checkpoint_s: Annotated[float, Field(ge=0.1, le=100_000)] = parameter(
        300.0, "seconds between checkpoints", source="PostgreSQL manual: checkpoint_timeout, 5 min"
    )


class PostgreSqlParameters(DatabaseParameters):
    """Parameters of `postgresql`."""

    wal: WalParameters = parameter(WalParameters(), "what goes into the log", source="see its keys")


def build(parameters: PostgreSqlParameters, operations: tuple[str, ...]) -> System:
    """Clients in any zone ask the primary, or read from replicas."""
    p, database = parameters.wal, Database.of(parameters, dirty_pages=PAGES_MOST, flushes=1, hot=True)
    dirty, whole = (
        database.instances.dirty,
        database.volumes.write_more(int(parameters.transaction.changed * p.page_bytes)),
    )
    change = Lookup(dirty, Route(Fill(dirty), *database.volumes.to_pages, whole))
    return database.system(operations, (change,), partial(_checkpoints, database=database, every_s=p.checkpoint_s))


def _checkpoints(plane: Plane, database: Database, every_s: float) -> Any:
    """All pages are clean, time and again."""
    at_s = every_s
    while True:
        yield plane.until(at_s)
        for node in range(database.instances.nodes.size):
            plane.flush(database.instances.dirty, node)
        at_s += every_s


MODEL = Model(
    name="postgresql",
    summary="PostgreSQL on EBS, with a synchronous standby or replicas",
    parameters=PostgreSqlParameters,
    build=build,
    operations=OPERATIONS,
    limits=(
        "what checkpoints write to the pages takes no time from anybody",
        "no locks, no vacuum, and a write's statements go to one page",
        "EBS makes no other copy of what a lost server had",
        *LIMITS,
    ),
)
