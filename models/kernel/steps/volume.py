"""A log whose records go each to one row of segments, and how far it is durable.

A writer allocates the next record's number, of its term: the record follows the last one of the volume, and the last
one of its row. A segment is complete up to its end: it takes a record that follows its end, and keeps one that comes
before those in front of it until these are there. What is of an older term than its own it refuses. An answer says how
far a segment is; a row is complete up to a record when those segments that have it suffice; the volume is durable up to
the first record whose row is not complete up to it. Walks wait for that, and go on in the order of their records.

A writer that begins a term has asked segments how far they are. It takes all records up to the first one that none of
those has; what follows is cut off, whoever has it, and those segments take nothing of older terms any more. A segment
that was not asked learns of that from the writer, from another one, or from a record of the new term that follows its
end. What was recovered need not be where the next recovery looks: until enough segments of each row are known to have
it, no record behind it is durable. When other sets of segments suffice from some time on, a writer of an older term
halts.

Whoever reads asks one segment, of those that are known from answers to have all of their row that the volume is durable
up to: the writer knows what it has heard; others know what the newest writer has. A segment that lacks something of
that all the same, or is of a newer term than the writer that asks, refuses.

`VolumeState` is the SimPy form; the functions below it are the compiled form.

Source:
    Verbitski and others, Amazon Aurora: design considerations, SIGMOD 2017; On avoiding distributed consensus, SIGMOD
    2018: LSNs with links within a protection group, SCL, PGCL, VCL, epochs, recovery by read quorum.

Limits:
    Every record ends a mini-transaction, so that VDL is VCL. What a writer needs to know for a new term (which record
    follows which in the volume, what an older term cut off) is in the records and segments that it has asked; here it
    stands in one table. What the newest writer knows, those that read beside it know at once.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from models.kernel.codes import GONE, OP_ALLOCATE, OP_AWAIT, OP_FIND, OP_PERSIST, OP_REPORT, OP_SEEK, PARKED
from models.kernel.ledger import LEADER, ledger_get, ledger_put, ledger_undo
from models.kernel.parts import Membership, Volume
from models.kernel.slots import ready_put
from models.kernel.station import vanish
from models.kernel.steps.base import Step
from models.kernel.system import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.kernel.ledger import LedgerState
    from models.kernel.outcome import IntArray
    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token

NOTHING = 0
"""The record in front of the first one."""
NUMBER = attrgetter("record")
Which = Literal["first", "kept", "other"]
FIRST, KEPT, OTHER = range(3)
WHICH = {"first": FIRST, "kept": KEPT, "other": OTHER}


@dataclass(frozen=True, eq=False)
class Allocate(Step):
    """The walk's record is the chosen writer's next one, in the chosen row; where too many are not durable, it waits.

    A writer that does not lead refuses.
    """

    volume: Volume
    op = OP_ALLOCATE

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        program.volume_of(self.volume)
        return program.add(
            Site(self, self.op, a=program.group(self.volume.writers), b=program.group(self.volume.rows), next=after)
        )

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        assert plane.volume is not None
        volume, writers, rows = plane.volume, site.a, site.b

        def allocate(token: Token) -> int:
            writer = volume.writers[token.members[writers]]
            if not writer.leads:
                token.error = REFUSED
            elif writer.outstanding >= volume.limit or writer.queue:
                token.answered = token.members[rows]
                writer.queue.append(token)
                return PARKED
            else:
                volume.allocate(writer, token, token.members[rows])
            return token.site

        return allocate


@dataclass(frozen=True, eq=False)
class Persist(Step):
    """The chosen segment has the walk's record, once it has all of its row in front of that."""

    volume: Volume
    op = OP_PERSIST

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        program.volume_of(self.volume)
        return program.add(Site(self, self.op, a=program.group(self.volume.segments), next=after))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        assert plane.volume is not None
        volume, segments = plane.volume, site.a

        def persist(token: Token) -> int:
            segment, record = volume.segments[token.members[segments]], volume.records[token.record]
            if record.term < segment.term:
                token.error = REFUSED
            elif record.back == segment.end:
                segment.term, segment.end = record.term, token.record
                volume.release(segment)
            elif token.record > segment.end:
                insort(segment.waiting, token, key=NUMBER)
                return PARKED
            return token.site

        return persist


@dataclass(frozen=True, eq=False)
class Report(Step):
    """The chosen writer learns that the chosen segment has the walk's record, and all of its row in front of it."""

    volume: Volume
    op = OP_REPORT

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        program.volume_of(self.volume)
        return program.add(
            Site(self, self.op, a=program.group(self.volume.writers), b=program.group(self.volume.segments), next=after)
        )

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        assert plane.volume is not None
        volume, writers, segments = plane.volume, site.a, site.b

        def report(token: Token) -> int:
            writer, segment = volume.writers[token.members[writers]], token.members[segments]
            if writer.leads and volume.records[token.record].term == writer.term:
                volume.hear(writer, segment, token.record)
            return token.site

        return report


@dataclass(frozen=True, eq=False)
class Await(Step):
    """Wait until the volume is durable up to the walk's record; lost where its writer leads no more."""

    volume: Volume
    op = OP_AWAIT

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        program.volume_of(self.volume)
        return program.add(Site(self, self.op, a=program.group(self.volume.writers), next=after))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        assert plane.volume is not None
        volume, writers = plane.volume, site.a

        def wait(token: Token) -> int:
            writer, record = volume.writers[token.members[writers]], volume.records[token.record]
            if not writer.leads or record.term != writer.term:
                plane.vanish(token)
                return GONE
            if token.record <= writer.durable:
                return token.site
            record.waiter = token
            return PARKED

        return wait


@dataclass(frozen=True, eq=False)
class Seek(Step):
    """Choose a segment of the chosen row that is known to have all that is durable; the walk's record is the last of
    that. Where none is known, one is tried.

    Args:
        volume: Of which volume.
        order: The segments of each row, row by row, in the order in which they are preferred.
        which: The first that there is; the one that is chosen already, if it will do, and else the first; or the first
            other than that.
    """

    volume: Volume
    order: Membership
    which: Which = "first"
    op = OP_SEEK

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        program.volume_of(self.volume)
        if self.order.group is not self.volume.segments or self.order.width != self.volume.segments.size:
            raise ValueError(f"{program.name}: an order of preference has all segments of volume {self.volume.name}")
        return program.add(
            Site(
                self, self.op, a=program.membership(self.order), b=WHICH[self.which],
                c=program.group(self.volume.writers), d=program.group(self.volume.rows), next=after,
            )
        )  # fmt: skip

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        assert plane.volume is not None
        volume, table, which, writers, rows = plane.volume, plane.memberships[site.a], site.b, site.c, site.d

        def seek(token: Token) -> int:
            row = token.members[rows]
            order = table.rows[token.members[table.of] if table.of >= 0 else 0]
            writer = volume.knower(token.members[writers])
            token.record = writer.stable[row]
            chosen = token.members[table.group]
            if which != KEPT or writer.known[chosen] < token.record:
                first = row * volume.width
                token.members[table.group] = volume.seek(
                    writer, order[first : first + volume.width], token.record, chosen if which == OTHER else -1
                )
            return token.site

        return seek


@dataclass(frozen=True, eq=False)
class Find(Step):
    """The chosen segment has the walk's record and all of its row in front of it; or it refuses."""

    volume: Volume
    op = OP_FIND

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        program.volume_of(self.volume)
        return program.add(
            Site(self, self.op, a=program.group(self.volume.writers), b=program.group(self.volume.segments), next=after)
        )

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        assert plane.volume is not None
        volume, writers, segments = plane.volume, site.a, site.b

        def find(token: Token) -> int:
            writer, segment = volume.writers[token.members[writers]], volume.segments[token.members[segments]]
            if not volume.has(segment, token.record) or (writer.leads and writer.term < segment.term):
                token.error = REFUSED
            return token.site

        return find


class Record:
    """A record: of which term, in which row; those in front of it, in its row and in the volume, and that behind it in
    its row; the next one of its writer; what it writes, and over which version; the term that cut it off, or 0.
    """

    __slots__ = ("back", "cut", "follow", "key", "next", "over", "prior", "row", "term", "version", "waiter")

    def __init__(self, term: int, row: int, back: int, prior: int, key: int, version: int) -> None:
        self.term, self.row, self.back, self.prior, self.key, self.version = term, row, back, prior, key, version
        self.follow = self.next = NOTHING
        self.over = self.cut = 0
        self.waiter: Token | None = None


class Writer:
    """What a writer knows: the last record, up to where the volume is durable, the first that is not; the last of each
    row, up to where each row is complete, the last of it that is durable (at first what was recovered), how far each
    segment is; of how many rows too few are known to have what was recovered; and who waits for a number.
    """

    def __init__(self, rows: int, segments: int, term: int, *, leads: bool) -> None:
        self.leads, self.term, self.outstanding, self.unsure = leads, term, 0, 0
        self.last = self.durable = self.first = NOTHING
        self.lasts, self.points, self.stable = [NOTHING] * rows, [NOTHING] * rows, [NOTHING] * rows
        self.known = [NOTHING] * segments
        self.queue: deque[Token] = deque()


class Segment:
    """A segment: its term, its last record behind which nothing is missing, and what came early."""

    def __init__(self, term: int) -> None:
        self.term, self.end = term, NOTHING
        self.waiting: list[Token] = []


class VolumeState:
    """The volume of the SimPy engine."""

    def __init__(self, plane: SimpyPlane, part: Volume, ledger: LedgerState | None) -> None:
        self.plane, self.limit, self.width, self.ledger = plane, part.limit, part.width, ledger
        rows, segments = part.rows.size, part.segments.size
        self.term, self.newest = 1, 0
        self.writers = [Writer(rows, segments, 1, leads=number == 0) for number in range(part.writers.size)]
        self.segments = [Segment(1) for _ in range(segments)]
        self.tables = [list(part.suffices)] * rows
        self.records = [Record(0, -1, NOTHING, NOTHING, -1, 0)]
        self.firsts = [NOTHING] * rows
        """The first record of each row."""

    def allocate(self, writer: Writer, token: Token, row: int) -> None:
        """The next record."""
        number, back = len(self.records), writer.lasts[row]
        record = Record(writer.term, row, back, writer.last, token.key, token.version)
        self.records.append(record)
        if writer.term < self.term:
            record.cut = self.term
        else:
            if back:
                self.records[back].follow = number
            else:
                self.firsts[row] = number
            if self.ledger is not None:
                record.over = self.ledger.get(LEADER, token.key)
                self.ledger.put(LEADER, token.key, token.version)
        if writer.outstanding:
            self.records[writer.last].next = number
        else:
            writer.first = number
        writer.last = writer.lasts[row] = token.record = number
        writer.outstanding += 1

    def release(self, segment: Segment) -> None:
        """What came early goes on as soon as nothing in front of it is missing."""
        while segment.waiting:
            first = segment.waiting[0]
            record = self.records[first.record]
            if first.record > segment.end:
                if record.back != segment.end or record.term < segment.term:
                    break
                segment.term, segment.end = record.term, first.record
            del segment.waiting[0]
            self.plane.ready.append(first)

    def hear(self, writer: Writer, number: int, record: int) -> None:
        """A segment has all of its row up to a record."""
        if record > writer.known[number]:
            writer.known[number] = record
            row = number // self.width
            self.complete(writer, row)

    def complete(self, writer: Writer, row: int) -> None:
        """A row may be complete up to a later record, and the volume durable."""
        point, before = self.point(writer, row), writer.points[row]
        if point > before:
            writer.points[row] = point
            # While any row is unsure nothing new is durable; later on, a row is complete up to what is.
            writer.unsure -= before < writer.stable[row] <= point
            self.advance(writer)

    def point(self, writer: Writer, row: int) -> int:
        """The last record that enough segments of a row have."""
        first, table = row * self.width, self.tables[row]
        left, having = (1 << self.width) - 1, 0
        while left:
            best = -1
            for slot in range(self.width):
                if left >> slot & 1 and (best < 0 or writer.known[first + slot] > writer.known[first + best]):
                    best = slot
            left ^= 1 << best
            having |= 1 << best
            if table[having]:
                return writer.known[first + best]
        return NOTHING

    def advance(self, writer: Writer) -> None:
        """Walks whose records are durable go on, in order; and then those that wait for a number."""
        while writer.outstanding and not writer.unsure:
            number = writer.first
            record = self.records[number]
            if number > writer.points[record.row]:
                break
            writer.durable = writer.stable[record.row] = number
            writer.first = record.next
            writer.outstanding -= 1
            if record.waiter is not None:
                self.plane.ready.append(record.waiter)
                record.waiter = None
        while writer.queue and writer.outstanding < self.limit:
            token = writer.queue.popleft()
            self.allocate(writer, token, token.answered)
            self.plane.ready.append(token)

    def knower(self, number: int) -> Writer:
        """Who knows how far segments are, for one that reads: itself while it leads, else the newest writer."""
        return self.writers[number if self.writers[number].leads else self.newest]

    def seek(self, writer: Writer, order: Sequence[int], record: int, but: int) -> int:
        """The first in an order that is known to have a record; or the first of all; not some one, where others are."""
        others = [member for member in order if member != but]
        return next((member for member in others if writer.known[member] >= record), others[0] if others else but)

    def has(self, segment: Segment, record: int) -> bool:
        """Whether a segment has a record that is durable: it is no further than the segment's end, nor of a newer term
        than all that the segment has.
        """
        return record <= segment.end and self.records[record].term <= segment.term

    # ------------------------------------------------------------ for control

    def halt(self, number: int) -> None:
        """A writer leads no more, and whoever waits for it is lost."""
        writer = self.writers[number]
        writer.leads = False
        while writer.outstanding:
            record = self.records[writer.first]
            if record.waiter is not None:
                self.plane.vanish(record.waiter)
                record.waiter = None
            writer.first = record.next
            writer.outstanding -= 1
        while writer.queue:
            self.plane.vanish(writer.queue.popleft())

    def valid(self, end: int, term: int) -> int:
        """The last record up to one that no term up to some other one has cut off."""
        while end and 0 < self.records[end].cut <= term:
            end = self.records[end].back
        return end

    def recover(self, number: int, asked: Sequence[int]) -> int:
        """A writer begins a term with what some segments have; returns how many records it cuts off."""
        self.halt(number)
        writer = self.writers[number]
        rows = len(writer.lasts)
        # Of all rows: segments of one that was quiet meanwhile need not know of a term, of which others have records.
        newest, best = max((self.segments[each].term for each in asked), default=0), [NOTHING] * rows
        for each in asked:
            row = each // self.width
            best[row] = max(best[row], self.valid(self.segments[each].end, newest))
        missing = NOTHING
        for row in range(rows):
            follow = self.records[best[row]].follow if best[row] else self.firsts[row]
            if follow and (missing == NOTHING or follow < missing):
                missing = follow
        durable = self.records[missing].prior if missing else max(best)
        self.term += 1
        self.newest = number
        count = self.cut_off(durable)
        for row in range(rows):
            while best[row] > durable:
                best[row] = self.records[best[row]].back
            if best[row]:
                self.records[best[row]].follow = NOTHING
            else:
                self.firsts[row] = NOTHING
        writer.leads, writer.term, writer.last, writer.durable = True, self.term, durable, durable
        writer.lasts, writer.stable = best, list(best)
        writer.known = [NOTHING] * len(self.segments)
        for each in asked:
            segment = self.segments[each]
            while segment.end > durable or self.records[segment.end].cut:
                segment.end = self.records[segment.end].back
            segment.term, writer.known[each] = self.term, segment.end
            self.drop_old(segment)
        writer.points = [self.point(writer, row) for row in range(rows)]
        writer.unsure = sum(point < last for point, last in zip(writer.points, best, strict=True))
        return count

    def cut_off(self, last: int) -> int:
        """All but the records that lead to some last one are cut off; returns how many."""
        count, at = 0, len(self.records) - 1
        while at and not (at == last and self.records[at].cut == 0):
            record = self.records[at]
            if at == last:
                record.cut, last = 0, record.prior
            elif record.cut == 0:
                record.cut = self.term
                count += 1
                if self.ledger is not None:
                    self.ledger.undo(LEADER, record.key, record.version, record.over)
            at -= 1
        return count

    def drop_old(self, segment: Segment) -> None:
        """Records of older terms that came early are of no use any more."""
        waiting, segment.waiting = segment.waiting, []
        for token in waiting:
            if self.records[token.record].term < segment.term:
                self.plane.vanish(token)
            else:
                segment.waiting.append(token)
        self.release(segment)

    def gossip(self, target: int, source: int) -> None:
        """A segment takes what another one of its row has, unless that is of an older term."""
        mine, other = self.segments[target], self.segments[source]
        if other.term >= mine.term:
            mine.end, mine.term = max(self.valid(mine.end, other.term), other.end), other.term
            self.drop_old(mine)

    def wipe(self, number: int) -> None:
        """A segment has nothing any more, and writers know it."""
        self.interrupt(number)
        self.segments[number].term, self.segments[number].end = 0, NOTHING
        for writer in self.writers:
            writer.known[number] = NOTHING

    def learn(self, number: int, index: int) -> None:
        """A writer learns how far a segment is, and that one of the writer's term, unless it knows of a newer one."""
        writer, segment = self.writers[number], self.segments[index]
        if writer.leads and segment.term < writer.term:
            segment.end, segment.term = self.valid(segment.end, writer.term), writer.term
            self.drop_old(segment)
        if writer.leads and segment.term == writer.term:
            self.hear(writer, index, segment.end)

    def interrupt(self, number: int) -> None:
        """What came early to a segment is lost."""
        segment = self.segments[number]
        waiting, segment.waiting = segment.waiting, []
        for token in waiting:
            self.plane.vanish(token)

    def suffice(self, row: int, table: Sequence[bool]) -> None:
        """Other sets of segments of a row suffice from now on, for the writer of the newest term. One of an older term,
        whose answers are from before others could cut off its records, halts: it is not told who belongs to a row now.
        """
        self.tables[row] = list(table)
        for number, writer in enumerate(self.writers):
            if writer.leads and writer.term < self.term:
                self.halt(number)
            elif writer.leads:
                self.complete(writer, row)


# The compiled form. `w.volume` is one record; `w.records` by number; `w.lasts`, `w.points`, `w.stable` and `w.known` by
# writer.


def allocate(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Allocate`."""
    number = token.members[site.a]
    writer, volume = w.writers[number], w.volume[0]
    if writer.leads == 0:
        token.error = REFUSED
    elif writer.outstanding >= volume.limit or writer.head >= 0:
        token.answered, token.after = token.members[site.b], -1
        if writer.head < 0:
            writer.head = i
        else:
            w.tokens[writer.tail].after = i
        writer.tail = i
        volume.queued += 1
        return PARKED
    else:
        volume_allocate(w, number, i, token.members[site.b])
    return int(site.next)


def persist(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Persist`."""
    index = token.members[site.a]
    segment, record = w.segments_of[index], w.records[token.record]
    if record.term < segment.term:
        token.error = REFUSED
    elif record.back == segment.end:
        segment.term, segment.end = record.term, token.record
        volume_release(w, index)
    elif token.record > segment.end:
        behind, before = -1, segment.tail
        while before >= 0 and w.tokens[before].record > token.record:
            behind = before
            before = w.tokens[before].before
        token.before, token.after = before, behind
        if before < 0:
            segment.head = i
        else:
            w.tokens[before].after = i
        if behind < 0:
            segment.tail = i
        else:
            w.tokens[behind].before = i
        return PARKED
    return int(site.next)


def report(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Report`."""
    number, index = token.members[site.a], token.members[site.b]
    writer = w.writers[number]
    if writer.leads and w.records[token.record].term == writer.term and token.record > w.known[number, index]:
        w.known[number, index] = token.record
        volume_complete(w, number, index // w.volume[0].width)
    return int(site.next)


def wait_durable(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `Await`."""
    writer, record = w.writers[token.members[site.a]], w.records[token.record]
    if writer.leads == 0 or record.term != writer.term:
        vanish(w, i)
        return GONE
    if token.record <= writer.durable:
        return int(site.next)
    record.waiter = i + 1
    return PARKED


def seek(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Seek`."""
    table, row = w.memberships[site.a], token.members[site.d]
    number, chosen = volume_knower(w, token.members[site.c]), token.members[table.group]
    token.record = w.stable[number, row]
    if site.b != KEPT or w.known[number, chosen] < token.record:
        whose = token.members[table.of] if table.of >= 0 else 0
        first = table.start + whose * table.width + row * w.volume[0].width
        token.members[table.group] = volume_seek(w, number, first, token.record, chosen if site.b == OTHER else -1)
    return int(site.next)


def find(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Find`."""
    writer, index = w.writers[token.members[site.a]], token.members[site.b]
    if not volume_has(w, index, token.record) or (writer.leads and writer.term < w.segments_of[index].term):
        token.error = REFUSED
    return int(site.next)


def volume_knower(w: Any, number: int) -> int:
    """Compiled form of `VolumeState.knower`."""
    return int(number if w.writers[number].leads else w.volume[0].newest)


def volume_seek(w: Any, number: int, first: int, record: int, but: int) -> int:
    """Compiled form of `VolumeState.seek`, of the slots of a table from some one on."""
    other = but
    for slot in range(first, first + w.volume[0].width):
        member = w.slots[slot]
        if member != but:
            if w.known[number, member] >= record:
                return int(member)
            if other == but:
                other = member
    return int(other)


def volume_has(w: Any, index: int, record: int) -> bool:
    """Compiled form of `VolumeState.has`."""
    segment = w.segments_of[index]
    return bool(record <= segment.end and w.records[record].term <= segment.term)


def volume_allocate(w: Any, number: int, i: int, row: int) -> None:
    """Compiled form of `VolumeState.allocate`."""
    writer, volume, token = w.writers[number], w.volume[0], w.tokens[i]
    volume.spare -= 1
    volume.records += 1
    new, back = volume.records, w.lasts[number, row]
    record = w.records[new]
    record.term, record.row, record.back, record.prior = writer.term, row, back, writer.last
    record.key, record.version, record.over = token.key, token.version, 0
    record.follow, record.next, record.cut, record.waiter = NOTHING, NOTHING, 0, 0
    if writer.term < volume.term:
        record.cut = volume.term
    else:
        if back:
            w.records[back].follow = new
        else:
            w.firsts[row] = new
        if volume.followed:
            record.over = ledger_get(w, LEADER, token.key)
            ledger_put(w, LEADER, token.key, token.version)
    if writer.outstanding:
        w.records[writer.last].next = new
    else:
        writer.first = new
    writer.last = new
    w.lasts[number, row] = new
    token.record = new
    writer.outstanding += 1


def volume_release(w: Any, index: int) -> None:
    """Compiled form of `VolumeState.release`."""
    segment = w.segments_of[index]
    while segment.head >= 0:
        first = segment.head
        number = w.tokens[first].record
        record = w.records[number]
        if number > segment.end:
            if record.back != segment.end or record.term < segment.term:
                break
            segment.term, segment.end = record.term, number
        segment.head = w.tokens[first].after
        if segment.head < 0:
            segment.tail = -1
        else:
            w.tokens[segment.head].before = -1
        ready_put(w.clock[0], w.tokens, first)


def volume_complete(w: Any, number: int, row: int) -> None:
    """Compiled form of `VolumeState.complete`."""
    point, before = volume_point(w, number, row), w.points[number, row]
    if point > before:
        w.points[number, row] = point
        if before < w.stable[number, row] <= point:
            w.writers[number].unsure -= 1
        volume_advance(w, number)


def volume_point(w: Any, number: int, row: int) -> int:
    """Compiled form of `VolumeState.point`."""
    width = w.volume[0].width
    first, left, having = row * width, (1 << width) - 1, 0
    while left:
        best = -1
        for slot in range(width):
            if left >> slot & 1 and (best < 0 or w.known[number, first + slot] > w.known[number, first + best]):
                best = slot
        left ^= 1 << best
        having |= 1 << best
        if w.suffices[row, having]:
            return int(w.known[number, first + best])
    return NOTHING


def volume_advance(w: Any, number: int) -> None:
    """Compiled form of `VolumeState.advance`."""
    writer, volume = w.writers[number], w.volume[0]
    while writer.outstanding and writer.unsure == 0:
        following = writer.first
        record = w.records[following]
        if following > w.points[number, record.row]:
            break
        writer.durable, writer.first = following, record.next
        w.stable[number, record.row] = following
        writer.outstanding -= 1
        if record.waiter:
            ready_put(w.clock[0], w.tokens, record.waiter - 1)
            record.waiter = 0
    while writer.head >= 0 and writer.outstanding < volume.limit:
        i = writer.head
        writer.head = w.tokens[i].after
        volume.queued -= 1
        volume_allocate(w, number, i, w.tokens[i].answered)
        ready_put(w.clock[0], w.tokens, i)


def volume_halt(w: Any, number: int) -> None:
    """Compiled form of `VolumeState.halt`."""
    writer, volume = w.writers[number], w.volume[0]
    writer.leads = 0
    while writer.outstanding:
        record = w.records[writer.first]
        if record.waiter:
            vanish(w, record.waiter - 1)
            record.waiter = 0
        writer.first = record.next
        writer.outstanding -= 1
    while writer.head >= 0:
        i = writer.head
        writer.head = w.tokens[i].after
        volume.queued -= 1
        vanish(w, i)


def volume_valid(w: Any, end: int, term: int) -> int:
    """Compiled form of `VolumeState.valid`."""
    while end and 0 < w.records[end].cut <= term:
        end = w.records[end].back
    return end


def volume_recover(w: Any, number: int, asked: IntArray, best: IntArray) -> int:
    """Compiled form of `VolumeState.recover`, with zeros for each row to write on."""
    volume_halt(w, number)
    writer, volume = w.writers[number], w.volume[0]
    width, newest = volume.width, 0
    for n in range(asked.shape[0]):
        newest = max(newest, w.segments_of[asked[n]].term)
    for n in range(asked.shape[0]):
        row = asked[n] // width
        best[row] = max(best[row], volume_valid(w, w.segments_of[asked[n]].end, newest))
    missing, durable = NOTHING, NOTHING
    for row in range(best.shape[0]):
        follow = w.records[best[row]].follow if best[row] else w.firsts[row]
        if follow and (missing == NOTHING or follow < missing):
            missing = follow
        durable = max(durable, best[row])
    if missing:
        durable = w.records[missing].prior
    volume.term += 1
    volume.newest = number
    count = volume_cut_off(w, durable)
    for row in range(best.shape[0]):
        while best[row] > durable:
            best[row] = w.records[best[row]].back
        if best[row]:
            w.records[best[row]].follow = NOTHING
        else:
            w.firsts[row] = NOTHING
        w.lasts[number, row] = best[row]
        w.stable[number, row] = best[row]
    writer.leads, writer.term, writer.last, writer.durable = 1, volume.term, durable, durable
    for index in range(w.known.shape[1]):
        w.known[number, index] = NOTHING
    for n in range(asked.shape[0]):
        segment = w.segments_of[asked[n]]
        while segment.end > durable or w.records[segment.end].cut:
            segment.end = w.records[segment.end].back
        segment.term = volume.term
        w.known[number, asked[n]] = segment.end
        volume_drop_old(w, asked[n])
    writer.unsure = 0
    for row in range(best.shape[0]):
        w.points[number, row] = volume_point(w, number, row)
        if w.points[number, row] < best[row]:
            writer.unsure += 1
    return count


def volume_cut_off(w: Any, last: int) -> int:
    """Compiled form of `VolumeState.cut_off`."""
    volume = w.volume[0]
    count, at = 0, volume.records
    while at and not (at == last and w.records[at].cut == 0):
        record = w.records[at]
        if at == last:
            record.cut = 0
            last = record.prior
        elif record.cut == 0:
            record.cut = volume.term
            count += 1
            if volume.followed:
                ledger_undo(w, LEADER, record.key, record.version, record.over)
        at -= 1
    return count


def volume_drop_old(w: Any, index: int) -> None:
    """Compiled form of `VolumeState.drop_old`."""
    segment = w.segments_of[index]
    i, last = segment.head, -1
    segment.head, segment.tail = -1, -1
    while i >= 0:
        token = w.tokens[i]
        after = token.after
        if w.records[token.record].term < segment.term:
            vanish(w, i)
        else:
            token.before, token.after = last, -1
            if last < 0:
                segment.head = i
            else:
                w.tokens[last].after = i
            last = i
            segment.tail = i
        i = after
    volume_release(w, index)


def volume_gossip(w: Any, target: int, source: int) -> None:
    """Compiled form of `VolumeState.gossip`."""
    mine, other = w.segments_of[target], w.segments_of[source]
    if other.term >= mine.term:
        mine.end = max(volume_valid(w, mine.end, other.term), other.end)
        mine.term = other.term
        volume_drop_old(w, target)


def volume_wipe(w: Any, index: int) -> None:
    """Compiled form of `VolumeState.wipe`."""
    volume_interrupt(w, index)
    w.segments_of[index].term, w.segments_of[index].end = 0, NOTHING
    for number in range(w.writers.shape[0]):
        w.known[number, index] = NOTHING


def volume_learn(w: Any, number: int, index: int) -> None:
    """Compiled form of `VolumeState.learn`."""
    writer, segment = w.writers[number], w.segments_of[index]
    if writer.leads and segment.term < writer.term:
        segment.end = volume_valid(w, segment.end, writer.term)
        segment.term = writer.term
        volume_drop_old(w, index)
    if writer.leads and segment.term == writer.term and segment.end > w.known[number, index]:
        w.known[number, index] = segment.end
        volume_complete(w, number, index // w.volume[0].width)


def volume_interrupt(w: Any, index: int) -> None:
    """Compiled form of `VolumeState.interrupt`."""
    segment = w.segments_of[index]
    i = segment.head
    segment.head, segment.tail = -1, -1
    while i >= 0:
        after = w.tokens[i].after
        vanish(w, i)
        i = after


def volume_suffice(w: Any, row: int, table: IntArray) -> None:
    """Compiled form of `VolumeState.suffice`."""
    for having in range(table.shape[0]):
        w.suffices[row, having] = table[having]
    for number in range(w.writers.shape[0]):
        writer = w.writers[number]
        if writer.leads and writer.term < w.volume[0].term:
            volume_halt(w, number)
        elif writer.leads:
            volume_complete(w, number, row)
