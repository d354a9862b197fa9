"""MySQL on EBS: a log, a binlog, pages that are written twice, a mirror, and replicas that read the binlog.

A commit waits for the log and for the binlog. A page that is changed is dirty until it is written, which the page
cleaner does at its own pace, the oldest first: first to the doublewrite buffer, together with others, then where it
belongs. A write that makes another page dirty, when the log has room for no more, waits until the oldest is written. So
where a database is so large that its pages are hardly changed twice before they are written, the page cleaner is what
ends its throughput, though all is in memory.

Source:
    MySQL 5.6 and 5.7 manuals: sync_binlog, innodb_flush_log_at_trx_commit, innodb_io_capacity_max, doublewrite buffer,
    adaptive flushing; Verbitski and others, SIGMOD 2017, section 3.1.

Limits:
    Dirty pages are bounded by a number, not by the bytes of the log. A write's pages are dirty, or not, all together.
    What the page cleaner writes takes its time and its I/O operations, and holds up nobody who reads. EBS makes no
    other copy of what a lost server had. Those of failovers stand in `models.rds.failover`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.kernel.laws import Positive, seconds
from models.kernel.parts import Quorum, Station
from models.kernel.registry import Model, Parameters, parameter
from models.kernel.steps import Fill, Fork, Lookup, Serve
from models.kernel.system import Route, System
from models.rds.engine import OPERATIONS, Database, DatabaseParameters
from models.rds.failover import LIMITS
from models.rds.volumes import Steps

FLUSHES = 2
"""Of a commit: its log, and its binlog."""
CLEANERS = 8
"""Pages that the page cleaner has in hand; what matters is their rate."""


class PageParameters(Parameters):
    """What happens to pages that are changed."""

    dirty: Annotated[int, Field(ge=1, le=100_000_000)] = parameter(
        314_000, "pages that may be dirty before the oldest must be written",
        assumed="as many as a log of 1 to 4 GB has room for; tuned to SIGMOD 2017, table 2, 10 GB",
    )  # fmt: skip
    written_per_s: Positive = parameter(
        2000.0, "pages/s that the page cleaner writes", source="MySQL manual: innodb_io_capacity_max, 2,000 by default"
    )
    doublewrite: Annotated[int, Field(ge=1, le=1000)] = parameter(
        16, "pages that go into the doublewrite buffer with one I/O", source="EBS guide: an I/O is 256 KiB at most"
    )


class MySqlParameters(DatabaseParameters):
    """Parameters of `mysql`."""

    pages: PageParameters = parameter(PageParameters(), "what happens to changed pages", source="see its keys")


def build(parameters: MySqlParameters, operations: tuple[str, ...]) -> System:
    """Clients in any zone ask the primary, or read from replicas."""
    database = Database.of(parameters, dirty_pages=parameters.pages.dirty, flushes=FLUSHES, hot=False)
    return database.system(operations, _change(database, parameters))


def _change(database: Database, parameters: MySqlParameters) -> Steps:
    """A page that is clean is dirty now, and another one must be written."""
    p, dirty, pages = parameters.pages, database.instances.dirty, parameters.transaction.changed
    cleaner = Station("page cleaner", database.instances.nodes, CLEANERS)
    written = Serve(cleaner, seconds(CLEANERS * pages / p.written_per_s))
    leg = Route(written, *database.volumes.to_pages, database.volumes.operations(pages * (1.0 + 1.0 / p.doublewrite)))
    return (Lookup(dirty, Route(Fill(dirty), Serve(cleaner, seconds(0.0)), Fork(Quorum("pages", 1, 0), leg))),)


MODEL = Model(
    name="mysql",
    summary="MySQL on EBS: mirrored, or with replicas that read its binlog",
    parameters=MySqlParameters,
    build=build,
    operations=OPERATIONS,
    limits=(
        "dirty pages are bounded by a number, not by the bytes of the log",
        "no locks, and a write's statements go to one page",
        "EBS makes no other copy of what a lost server had",
        *LIMITS,
    ),
)
