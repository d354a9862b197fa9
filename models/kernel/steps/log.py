"""A log that one member appends to and others follow: records in order, each once, and nothing of another leader's.

Each member has the log up to some record, its end. Whoever leads does so for a term, which nobody has led before it;
its log goes on where it was when the term began. A follower takes records of the term that it follows, in their order:
one that comes before those in front of it waits for them, and one that it has already is lost, as is one of any other
term. Replication is a fork from the leader to its followers, asynchronous where nobody waits for an answer: what is
still under way when another member begins to lead comes too late.

`LogState` is the SimPy form of one member's log; the functions below it are the compiled form.

Source:
    Terms and logs as in Ongaro and Ousterhout, In search of an understandable consensus algorithm, USENIX ATC 2014;
    replication identifiers and offsets of Redis are the same thing.

Limits:
    A log knows how many records it has, and how many bytes; what is in them is in caches and copies, and whoever lets a
    member follow another one sees to it that these agree.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from models.kernel.codes import GONE, OP_APPEND, OP_RECEIVE, PARKED
from models.kernel.parts import Log
from models.kernel.slots import ready_put
from models.kernel.station import vanish
from models.kernel.steps.base import Step
from models.kernel.system import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token

TERM = 1 << 40
"""A record's name is its term times this, and how many records there are up to it."""


@dataclass(frozen=True, eq=False)
class Append(Step):
    """Append a record to the chosen member's log, which must lead; else the walk fails as refused."""

    log: Log
    op = OP_APPEND

    def place(self, program: Program, after: int, depth: int) -> int:
        return _place(self, self.log, program, after)

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        logs, group, header = plane.logs[site.a : site.a + self.log.group.size], site.b, site.c

        def append(token: Token) -> int:
            log = logs[token.members[group]]
            if log.leads:
                log.take(token.request.size + header)
                token.record = log.end
            else:
                token.error = REFUSED
            return token.site

        return append


@dataclass(frozen=True, eq=False)
class Receive(Step):
    """The chosen member's log takes the walk's record, in turn; a walk whose record it has no use for is lost."""

    log: Log
    op = OP_RECEIVE

    def place(self, program: Program, after: int, depth: int) -> int:
        return _place(self, self.log, program, after)

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        logs, group, header = plane.logs[site.a : site.a + self.log.group.size], site.b, site.c

        def receive(token: Token) -> int:
            log = logs[token.members[group]]
            if token.record == log.end + 1:
                log.take(token.request.size + header)
                while log.waiting and log.waiting[0].record == log.end + 1:
                    first = log.waiting.pop(0)
                    log.take(first.request.size + header)
                    plane.ready.append(first)
                return token.site
            if log.wants(token.record):
                insort(log.waiting, token, key=RECORD)
                return PARKED
            plane.vanish(token)
            return GONE

        return receive


def _place(step: Append | Receive, log: Log, program: Program, after: int) -> int:
    from models.kernel.program import Site

    return program.add(
        Site(step, step.op, a=program.log(log), b=program.group(log.group), c=log.record_bytes, next=after)
    )  # fmt: skip


RECORD = attrgetter("record")


class LogState:
    """One member's log of the SimPy engine: the record at its end, bytes up to there, and what waits for others."""

    def __init__(self, term: int, *, leads: bool) -> None:
        self.end, self.leads, self.bytes = term * TERM, leads, 0
        self.waiting: list[Token] = []

    def take(self, size: int) -> None:
        """The next record is there."""
        self.end += 1
        self.bytes += size

    def wants(self, record: int) -> bool:
        """Whether it is of the term that this log follows, not there yet, and does not wait already."""
        is_new = not self.leads and record > self.end and record // TERM == self.end // TERM
        return is_new and all(other.record != record for other in self.waiting)

    def go(self, end: int, size: int, *, leads: bool) -> list[Token]:
        """The log ends elsewhere; returns the walks of which it wants none any more."""
        self.end, self.bytes, self.leads = end, size, leads
        waiting, self.waiting = self.waiting, []
        return waiting


# The compiled form.


def append(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Append`."""
    log = w.logs[site.a + token.members[site.b]]
    if log.leads:
        log_take(log, w.requests[token.request].size + site.c)
        token.record = log.end
    else:
        token.error = REFUSED
    return int(site.next)


def receive(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Receive`."""
    log = w.logs[site.a + token.members[site.b]]
    if token.record == log.end + 1:
        log_take(log, w.requests[token.request].size + site.c)
        while log.head >= 0 and w.tokens[log.head].record == log.end + 1:
            first = log.head
            log.head = w.tokens[first].after
            if log.head < 0:
                log.tail = -1
            else:
                w.tokens[log.head].before = -1
            log_take(log, w.requests[w.tokens[first].request].size + site.c)
            ready_put(w.clock[0], w.tokens, first)
        return int(site.next)
    if log.leads == 0 and token.record > log.end and token.record // TERM == log.end // TERM:
        behind, before = -1, log.tail
        while before >= 0 and w.tokens[before].record > token.record:
            behind = before
            before = w.tokens[before].before
        if before < 0 or w.tokens[before].record != token.record:
            token.before, token.after = before, behind
            if before < 0:
                log.head = i
            else:
                w.tokens[before].after = i
            if behind < 0:
                log.tail = i
            else:
                w.tokens[behind].before = i
            return PARKED
    vanish(w, i)
    return GONE


def log_take(log: Any, size: int) -> None:
    """Compiled form of `LogState.take`."""
    log.end += 1
    log.bytes += size


def log_go(w: Any, index: int, end: int, size: int, leads: int) -> None:
    """Compiled form of `LogState.go`, and the end of those walks."""
    log = w.logs[index]
    log.end, log.bytes, log.leads = end, size, leads
    i = log.head
    log.head, log.tail = -1, -1
    while i >= 0:
        after = w.tokens[i].after
        vanish(w, i)
        i = after
