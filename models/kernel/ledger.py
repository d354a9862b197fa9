"""Versions of objects: who ordered which, who holds which, and what became of those that were acknowledged.

Each write orders the next version of its key. Copies, caches and walks hold versions, by number; numbers grow over all
keys, and 0 is the original that nobody has written. A version is superseded when a newer one of its key is
acknowledged, and a read is stale if the version that it returns was superseded before the read began; its age is the
time between.

An acknowledged write is superseded by a newer one, or else kept if the copy that leads its key has it (or any copy,
where none leads), or lost. That is looked into when another copy begins to lead, as it would be hidden by the next
write, and when the run has ended. What a copy had that was in memory is lost with its node, unless another copy has it
or may yet get it.

`LedgerState` is the SimPy form; the functions below it are the compiled form.

Source:
    The age of a read is that of delta-atomicity (Golab, Li and Shah, PODC 2011) and of t-visibility (Bailis et al.,
    VLDB 2012): how long a newer value had been acknowledged when the read began.

Limits:
    What is remembered of each write is when it was superseded: 16 bytes each in compiled code, and as many in NumPy.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

from models.kernel.machine.hints import soon
from models.kernel.random import mix
from models.kernel.recorder import record_read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.kernel.outcome import IntArray
    from models.kernel.parts import Copies
    from models.kernel.simpy_engine import MembershipState
    from models.kernel.tokens import Token

ACKNOWLEDGED, KEPT, LOST, SUPERSEDED = range(4)
"""Counts of measured writes."""
NOTHING, READ, WROTE = range(3)
"""What a walk has done to the object that it is about."""
ORIGINAL = 0
NOWHERE = -1
LEADER = 0
"""Slot of the member that leads its row."""


class History:
    """One key that was written: its versions that none acknowledged has superseded, and the newest acknowledged."""

    __slots__ = ("acknowledged", "live", "measured", "row", "superseded_at")

    def __init__(self) -> None:
        self.acknowledged, self.measured = ORIGINAL, False
        self.live: deque[int] = deque()
        self.superseded_at = math.inf
        self.row = NOWHERE
        """Where it was moved to; nowhere: it is where its hash says."""


class LedgerState:
    """The ledger of the SimPy engine, and the copies that it is about."""

    def __init__(self, part: Copies, members: MembershipState, by_key: MembershipState | None, counts: Any) -> None:
        self.part, self.members, self.by_key = part, members, by_key
        self.width, self.counts = part.members.width, counts
        self.histories: dict[int, History] = {}
        self.copies: list[dict[int, int]] = [{} for _ in range(self.width)]
        self.superseded: list[float] = [math.inf]

    def order(self, key: int) -> int:
        """The next version of a key."""
        history = self.histories.get(key)
        if history is None:
            history = self.histories[key] = History()
        self.superseded.append(math.inf)
        version = len(self.superseded) - 1
        history.live.append(version)
        return version

    def newest(self, key: int) -> int:
        """The last that was ordered."""
        history = self.histories.get(key)
        return history.live[-1] if history is not None else ORIGINAL

    def get(self, member: int, key: int) -> int:
        """What a member's copy has."""
        return self.copies[member % self.width].get(key, ORIGINAL)

    def put(self, member: int, key: int, version: int) -> None:
        """A member's copy takes a version, unless it has a newer one."""
        copy = self.copies[member % self.width]
        if copy.get(key, ORIGINAL) < version:
            copy[key] = version

    def acknowledge(self, key: int, version: int, measured: bool, now: float) -> None:
        """Whoever wrote a version was told that it is there."""
        history, counts = self.histories[key], self.counts
        counts[ACKNOWLEDGED] += measured
        if history.acknowledged > version:
            counts[SUPERSEDED] += measured
            return
        if history.acknowledged:
            counts[SUPERSEDED] += history.measured
        history.acknowledged, history.measured = version, measured
        history.superseded_at = min(history.superseded_at, now)
        while history.live[0] < version:
            self.superseded[history.live.popleft()] = now

    def superseded_at(self, key: int, version: int) -> float:
        """When a newer version than this was first acknowledged; inf if none was."""
        if version:
            return self.superseded[version]
        history = self.histories.get(key)
        return history.superseded_at if history is not None else math.inf

    def row(self, key: int) -> int:
        """The row of members that has a key."""
        history = self.histories.get(key)
        if history is not None and history.row != NOWHERE:
            return history.row
        return 0 if self.by_key is None else self.by_key.rows[0][mix(key) % len(self.by_key.rows[0])]

    def audit(self, row: int, *, final: bool, width: int = 1) -> None:
        """Count the acknowledged writes that the leader of a row (-1: of each) lacks as lost, and forget them; and the
        others as kept, if this is final. With a width, so many first members must lack them.
        """
        for key, history in self.histories.items():
            mine = self.row(key)
            if history.acknowledged and row in (-1, mine):
                newest = max(self.get(member, key) for member in self.members.rows[mine][:width])
                if newest < history.acknowledged:
                    self.counts[LOST] += history.measured
                    history.acknowledged = ORIGINAL
                elif final:
                    self.counts[KEPT] += history.measured

    def copy(self, row: int, source: int, target: int) -> None:
        """One member of a row takes all that another has."""
        for key in self.histories:
            if self.row(key) == row:
                self.put(target, key, self.get(source, key))

    def move(self, row: int, source: int, target: int, keys: list[int]) -> None:
        """A member of some row has what another one has, and nobody else does; keys belong to that row now."""
        for key in keys:
            history = self.histories.get(key)
            if history is not None:
                version, history.row = self.get(source, key), row
                for copy in self.copies:
                    copy.pop(key, None)
                self.put(target, key, version)

    def share(self, source: int, target: int, keys: list[int]) -> None:
        """A member takes of some keys what another one has."""
        for key in keys:
            self.put(target, key, self.get(source, key))

    def undo(self, member: int, key: int, version: int, before: int) -> None:
        """A version was never written as far as a member is concerned, which had another one before; lost, if it was
        acknowledged.
        """
        history, copy = self.histories[key], self.copies[member % self.width]
        if copy.get(key, ORIGINAL) == version:
            copy[key] = before
        if history.acknowledged == version:
            self.counts[LOST] += history.measured
            history.acknowledged = ORIGINAL

    def forget(self, member: int) -> None:
        """What a member has is gone, and lost if nobody else of its row has it, or may yet get it."""
        self.restore(member, {})
        for row, members in enumerate(self.members.rows):
            if member in members and not self.part.replicated:
                self.audit(row, final=False, width=self.width)

    def save(self, member: int) -> dict[int, int]:
        """What a member has."""
        held = self.copies[member % self.width]
        return {key: version for key, version in held.items() if member in self.members.rows[self.row(key)]}

    def restore(self, member: int, image: Mapping[int, int]) -> None:
        """A member has what was saved, and nothing else."""
        held = self.copies[member % self.width]
        for key in self.histories:
            if member in self.members.rows[self.row(key)]:
                held.pop(key, None)
        held.update(image)

    def begin(self, now: float) -> None:
        """The past ends: every copy has what was ordered, and this instant becomes zero."""
        for key, history in self.histories.items():
            history.superseded_at -= now
            for slot in range(self.width):
                self.put(slot, key, history.live[-1])
        self.superseded = [at - now for at in self.superseded]

    def finished(self, token: Token, now: float) -> float:
        """A walk has come to its end, for its client; returns the age of what it read, -inf if it is not stale."""
        request = token.request
        if token.access == WROTE:
            self.acknowledge(request.key, token.version, request.measured, now)
            return -math.inf
        return request.arrival - self.superseded_at(request.key, token.version)


# The compiled form: `w.versions` by number, `w.histories` and `w.copies` by the place that `w.history_of` says for a
# key. Place 0 is that of all keys that never were written: version 0 everywhere, superseded never. Behind a key's
# copies stands the last version that was ordered: a read looks at both, and nearly always finds them the same.


def fetch_versions(w: Any, first: int, second: int) -> None:
    """Let the processor fetch what there is of two keys, the second a step further."""
    soon(w.history_of, first)
    place = w.history_of[second]
    soon(w.copies, place)
    soon(w.histories, place)


def ledger_order(w: Any, key: int) -> int:
    """Compiled form of `LedgerState.order`."""
    ledger = w.ledger[0]
    ledger.spare -= 1
    ledger.versions += 1
    version = ledger.versions
    w.versions[version].superseded_at, w.versions[version].after = math.inf, 0
    place = w.history_of[key]
    if place == 0:
        ledger.histories += 1
        place = ledger.histories
        w.history_of[key] = place
        history = w.histories[place]
        history.key, history.oldest, history.superseded_at = key, version, math.inf
        history.acknowledged, history.measured, history.row = 0, 0, NOWHERE
    else:
        w.versions[w.copies[place, ledger.width]].after = version
    w.copies[place, ledger.width] = version
    return int(version)


def ledger_newest(w: Any, key: int) -> int:
    """The last version that was ordered, or 0."""
    return int(w.copies[w.history_of[key], w.ledger[0].width])


def ledger_get(w: Any, member: int, key: int) -> int:
    """Compiled form of `LedgerState.get`."""
    return int(w.copies[w.history_of[key], member % w.ledger[0].width])


def ledger_put(w: Any, member: int, key: int, version: int) -> None:
    """Compiled form of `LedgerState.put`."""
    if version:
        place, slot = w.history_of[key], member % w.ledger[0].width
        w.copies[place, slot] = max(w.copies[place, slot], version)


def ledger_acknowledge(w: Any, key: int, version: int, measured: int) -> None:
    """Compiled form of `LedgerState.acknowledge`."""
    history, counts, now = w.histories[w.history_of[key]], w.tally.writes, w.clock[0].now
    counts[ACKNOWLEDGED] += measured
    if history.acknowledged > version:
        counts[SUPERSEDED] += measured
        return
    if history.acknowledged:
        counts[SUPERSEDED] += history.measured
    history.acknowledged, history.measured = version, measured
    history.superseded_at = min(history.superseded_at, now)
    while history.oldest < version:
        oldest = w.versions[history.oldest]
        oldest.superseded_at = now
        history.oldest = oldest.after


def ledger_superseded_at(w: Any, key: int, version: int) -> float:
    """Compiled form of `LedgerState.superseded_at`."""
    place = w.history_of[key]
    if version == w.copies[place, w.ledger[0].width]:
        return math.inf
    return float(w.versions[version].superseded_at if version else w.histories[place].superseded_at)


def ledger_row(w: Any, key: int) -> int:
    """Compiled form of `LedgerState.row`."""
    by_key, place = w.ledger[0].by_key, w.history_of[key]
    if place > 0 and w.histories[place].row != NOWHERE:
        return int(w.histories[place].row)
    if by_key < 0:
        return 0
    table = w.memberships[by_key]
    return int(w.slots[table.start + mix(key) % table.width])


def ledger_audit(w: Any, row: int, final: bool, width: int) -> None:
    """Compiled form of `LedgerState.audit`."""
    ledger, counts = w.ledger[0], w.tally.writes
    table = w.memberships[ledger.members]
    for place in range(1, ledger.histories + 1):
        history = w.histories[place]
        if history.acknowledged:
            mine = ledger_row(w, history.key)
            if row in (-1, mine):
                newest, first = ORIGINAL, table.start + mine * table.width
                for slot in range(first, first + width):
                    newest = max(newest, w.copies[place, w.slots[slot] % ledger.width])
                if newest < history.acknowledged:
                    counts[LOST] += history.measured
                    history.acknowledged = 0
                elif final:
                    counts[KEPT] += history.measured


def ledger_copy(w: Any, row: int, source: int, target: int) -> None:
    """Compiled form of `LedgerState.copy`."""
    for place in range(1, w.ledger[0].histories + 1):
        key = w.histories[place].key
        if ledger_row(w, key) == row:
            ledger_put(w, target, key, ledger_get(w, source, key))


def ledger_move(w: Any, row: int, source: int, target: int, keys: IntArray) -> None:
    """Compiled form of `LedgerState.move`."""
    width = w.ledger[0].width
    for n in range(keys.shape[0]):
        place = w.history_of[keys[n]]
        if place:
            version, w.histories[place].row = w.copies[place, source % width], row
            for slot in range(width):
                w.copies[place, slot] = ORIGINAL
            w.copies[place, target % width] = version


def ledger_share(w: Any, source: int, target: int, keys: IntArray) -> None:
    """Compiled form of `LedgerState.share`."""
    for n in range(keys.shape[0]):
        ledger_put(w, target, keys[n], ledger_get(w, source, keys[n]))


def ledger_undo(w: Any, member: int, key: int, version: int, before: int) -> None:
    """Compiled form of `LedgerState.undo`."""
    place, slot = w.history_of[key], member % w.ledger[0].width
    history = w.histories[place]
    if w.copies[place, slot] == version:
        w.copies[place, slot] = before
    if history.acknowledged == version:
        w.tally.writes[LOST] += history.measured
        history.acknowledged = 0


def ledger_save(w: Any, member: int, out: IntArray) -> None:
    """Compiled form of `LedgerState.save`: by place, from 1 on."""
    for place in range(1, out.shape[0]):
        if ledger_holds(w, member, place):
            out[place] = w.copies[place, member % w.ledger[0].width]


def ledger_restore(w: Any, member: int, image: IntArray) -> None:
    """Compiled form of `LedgerState.restore`."""
    ledger = w.ledger[0]
    for place in range(1, ledger.histories + 1):
        if ledger_holds(w, member, place):
            w.copies[place, member % ledger.width] = image[place] if place < image.shape[0] else ORIGINAL


def ledger_holds(w: Any, member: int, place: int) -> bool:
    """Whether a member is in the row of a key that was written."""
    table = w.memberships[w.ledger[0].members]
    first = table.start + ledger_row(w, w.histories[place].key) * table.width
    for slot in range(first, first + table.width):  # noqa: SIM110
        if w.slots[slot] == member:
            return True
    return False


def ledger_begin(w: Any, now: float) -> None:
    """Compiled form of `LedgerState.begin`."""
    ledger = w.ledger[0]
    for place in range(1, ledger.histories + 1):
        history = w.histories[place]
        history.superseded_at -= now
        for slot in range(ledger.width):
            ledger_put(w, slot, history.key, w.copies[place, ledger.width])
    for version in range(1, ledger.versions + 1):
        w.versions[version].superseded_at -= now


def ledger_finished(w: Any, token: Any, request: Any) -> None:
    """Compiled form of `LedgerState.finished`, and of what the engine does with the age."""
    if token.access == WROTE:
        ledger_acknowledge(w, request.key, token.version, request.measured)
    elif token.access == READ and w.clock[0].priming == 0 and request.probe < 0:
        age_s = request.arrival - ledger_superseded_at(w, request.key, token.version)
        record_read(w, request.operation, request.measured, age_s)
