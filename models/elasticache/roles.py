"""What each node of a shard is: primary, replica, or neither for now; and how a replica gets what its primary has.

A replica reports how far it is, time and again. A primary to which that says that something is missing, or that the
replica comes from elsewhere, sends it what it lacks: the end of the log, if its backlog still has all of that and the
replica's log is the beginning of its own (partial resynchronisation); or else a copy of all, for which it stands still
as it forks. Records that are written meanwhile come along the ordinary way.

A node that comes back has nothing, or what was on its disk (`persistence`). What it is then is for those to say who
were there: see `cluster` and `multi_az`.

Source:
    redis.io, replication; src/replication.c of Redis 7: replicationCron, masterTryPartialResynchronization, PSYNC2.

Limits:
    What the end of the log brings is there as soon as the primary has answered. A full copy takes the time of its bytes
    at given rates, and no bandwidth from others. Each replica that wants one makes the primary fork anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from models.elasticache.node_types import GIB
from models.elasticache.replication import MESSAGE, ReplicationParameters, Shards
from models.elasticache.snapshots import stand_still
from models.kernel.ledger import LEADER
from models.kernel.parts import Cache, Membership, Station
from models.kernel.plane import Plane, Position, when_answered
from models.looks import Process

STARTING, INCOMPLETE = "starting", "incomplete"
"""Why a node answers no client."""
NOWHERE = -1
"""The log of a node that has none."""


class Node:
    """What a node is, and what it knows of its own log."""

    def __init__(self, number: int, shard: int, primary: int) -> None:
        self.number, self.shard, self.primary = number, shard, primary
        self.boots = 0
        """How often its process has started anew."""
        self.loading = -1
        """Since which of these starts it loads what is on its disk, or has done so."""
        self.complete = True
        """Whether it has all that its log has."""
        self.term, self.before, self.began_at = primary, NOWHERE, 0
        """Whose log its own is; whose it was before, up to which record."""
        self.reported: dict[int, tuple[int, int]] = {}
        """As a primary: of each replica how far it was, and how far itself was then."""
        self.copying: set[int] = set()
        """As a primary: replicas that a full copy is on its way to."""
        self.silent_for: set[str] = set()
        """Why it answers no client now."""

    @property
    def leads(self) -> bool:
        """Whether it takes itself to be the primary."""
        return self.primary == self.number


class Fleet:
    """All nodes, and what they do to one another's logs.

    Args:
        plane: The data plane.
        parts: The nodes, as parts.
        thread: Where a node works.
        cache: What nodes hold.
        parameters: How replicas catch up.
    """

    def __init__(
        self, plane: Plane, parts: Shards, thread: Station, cache: Cache, parameters: ReplicationParameters
    ) -> None:
        self.plane, self.parts, self.thread, self.cache, self.parameters = plane, parts, thread, cache, parameters
        self.nodes = [
            Node(number, shard, parts.row(shard)[0]) for shard in range(parts.count) for number in parts.row(shard)
        ]
        self.terms = len(self.nodes)
        self.order = [list(parts.row(shard)) for shard in range(parts.count)]
        self.when_back: Callable[[Node], None] = self._nobody_asks
        self.load: Callable[[Node], Process] | None = None
        """Takes up what is on a node's disk; None: there is nothing."""
        self.lose: Callable[[Node], None] = lambda _: None
        """Empties it."""
        self.leaders: Membership | None = None
        """The primary of each shard, where anybody goes by that."""

    def start(self) -> None:
        """Let replicas report, and nodes notice that they start anew."""
        for node in self.nodes:
            self.plane.env.process(self._report(node))
            self.plane.env.process(self._come_back(node))

    @property
    def now(self) -> float:
        """Seconds."""
        return float(self.plane.env.now)

    def say(self, node: Node, text: str) -> None:
        """Write down what a node does."""
        self.plane.note(f"shard {node.shard}, node {node.number}: {text}")

    def send(self, source: int, target: int, then: Callable[[], None]) -> None:
        """A message from one node to another; something is done when it has come to it, if it ever does."""
        answer = self.plane.submit(MESSAGE, leg=self.parts.message_leg(source, target))
        when_answered(answer, then)

    def position(self, node: Node) -> int:
        """Records in a node's log."""
        return self.plane.position(self.parts.log, node.number).records

    # ------------------------------------------------------------ who leads

    def lead(self, node: Node, *, why: str, promoted: bool = True) -> None:
        """A node is the primary of its shard from now on, as far as it knows; one that was not promoted and only takes
        itself to be what it was does not count as such while another one leads.
        """
        old = self.nodes[self.order[node.shard][0]]
        gone = self.position(old) - self.position(node)
        other_leads = old is not node and old.leads
        self.terms += 1
        node.primary, node.complete, node.reported = node.number, True, {}
        node.before, node.began_at, node.term = node.term, self.position(node), self.terms
        self.plane.lead(self.parts.log, node.number)
        self.plane.assign(self.parts.believed, node.number, 0, node.number)
        self.silence(node, INCOMPLETE, False)
        if promoted or not other_leads:
            self._reorder(node)
        lacks = f", {max(0, gone)} records short of node {old.number}" if promoted else ""
        self.say(node, f"{why}{lacks}")

    def _reorder(self, node: Node) -> None:
        """Count a node's copies as those of its shard."""
        row = self.order[node.shard] = [node.number, *(o for o in self.order[node.shard] if o != node.number)]
        if self.parts.copies is not None:
            for slot, number in enumerate(row):
                self.plane.assign(self.parts.copies.members, node.shard, LEADER + slot, number)
        if self.leaders is not None:
            self.plane.assign(self.leaders, node.shard, 0, node.number)

    def obey(self, node: Node, primary: int) -> None:
        """A node learns that another one is the primary of its shard; one that led leads no more."""
        if node.primary == primary:
            return
        if node.leads:
            self.plane.part(self.parts.log, node.number)
            self.say(node, "is a replica now")
        node.primary = primary
        self.plane.assign(self.parts.believed, node.number, 0, primary)
        self.report(node)

    def silence(self, node: Node, why: str, is_so: bool) -> None:
        """Whether a node answers no client for some reason; it answers when there is none left."""
        if is_so == (why in node.silent_for):
            return
        before = bool(node.silent_for)
        (node.silent_for.add if is_so else node.silent_for.discard)(why)
        if before != bool(node.silent_for):
            if is_so:
                self.plane.down(self.parts.in_service, node.number, "refuse")
            else:
                self.plane.up(self.parts.in_service, node.number)

    # ------------------------------------------------------------ a node comes back

    def _come_back(self, node: Node) -> Process:
        """A process that starts has no memory of what it held, whatever its log says."""
        while True:
            yield self.plane.watch_up(self.thread, node.number)
            node.boots += 1
            node.complete, node.term, node.before, node.reported = False, NOWHERE, NOWHERE, {}
            self.plane.part(self.parts.log, node.number)
            self.silence(node, STARTING, True)
            self.when_back(node)

    def _nobody_asks(self, node: Node) -> None:
        """Nobody minds who was lost: a node is what it was."""
        self.resume(node)

    def resume(self, node: Node) -> None:
        """A node that came back is what it takes itself to be: a primary that has what is on its disk, or a replica."""
        if node.leads and self.load is not None:
            if node.loading != node.boots:
                node.loading = node.boots
                self.plane.env.process(self._lead_again(node, self.load))
            return
        self.silence(node, INCOMPLETE, not node.leads)
        self.silence(node, STARTING, False)
        if node.leads:
            self.lead(node, why="is back as the primary, with nothing", promoted=False)
        else:
            self.report(node)

    def _lead_again(self, node: Node, load: Callable[[Node], Process]) -> Process:
        """A primary loads what is on its disk, unless it is told meanwhile that it is none, or starts once more."""
        boots = node.boots
        yield from load(node)
        if node.boots == boots and node.leads:
            self.silence(node, STARTING, False)
            self.lead(node, why="is back as the primary, with what was on its disk", promoted=False)

    # ------------------------------------------------------------ a replica and its primary

    def _report(self, node: Node) -> Process:
        """Tell the primary how far this replica is, time and again; replicas do so at even distances."""
        at_s = self.parameters.ack_s * (node.number + 1) / (len(self.nodes) + 1)
        while True:
            yield self.plane.until(at_s)
            self.report(node)
            at_s += self.parameters.ack_s

    def report(self, node: Node) -> None:
        """Tell the primary how far this replica is now."""
        if not node.leads:
            here = self.plane.position(self.parts.log, node.number)
            said = partial(self._hear, node.primary, node, node.boots, node.term, here)
            self.send(node.number, node.primary, said)

    def _hear(self, primary: int, replica: Node, boots: int, term: int, here: Position) -> None:
        """A primary hears how far a replica is; one that is not as far as itself was at the last report, and has come
        no further or misses something, must have lost it.
        """
        me = self.nodes[primary]
        if not me.leads or STARTING in me.silent_for or replica.number in me.copying:
            return
        before, then = me.reported.get(replica.number, (-1, 0))
        me.reported[replica.number] = here.records, self.position(me)
        is_stuck = here.records < then and (here.gap or here.records == before)
        if term != me.term or is_stuck:
            catch_up = partial(self._catch_up, me, me.boots, replica, boots)
            self.send(primary, replica.number, catch_up)

    def _catch_up(self, primary: Node, primary_boots: int, replica: Node, boots: int) -> None:
        """A replica is told that what it lacks will come, and how."""
        is_stale = primary.boots != primary_boots or replica.boots != boots or replica.primary != primary.number
        if is_stale or not primary.leads or replica.number in primary.copying:
            return
        if self._is_prefix(replica, primary):
            lacks = self.position(primary) - self.position(replica)
            self._bring(replica, primary)
            self.say(replica, f"partial resynchronisation of {lacks} records from node {primary.number}")
        else:
            self.plane.env.process(self._copy(primary, replica))

    def _is_prefix(self, replica: Node, primary: Node) -> bool:
        """Whether the primary's log goes on where the replica's ends, and its backlog still has all from there on."""
        here = self.plane.position(self.parts.log, replica.number)
        ahead = self.plane.position(self.parts.log, primary.number)
        is_own = replica.term == primary.term and here.records <= ahead.records
        is_older = replica.term == primary.before and here.records <= primary.began_at
        return replica.complete and (is_own or is_older) and ahead.bytes - here.bytes <= self.parameters.backlog_bytes

    def _bring(self, replica: Node, primary: Node) -> None:
        """A replica has all that its primary has, and takes what is written from now on."""
        self.plane.follow(self.parts.log, replica.number, primary.number)
        if self.parts.copies is not None:
            self.plane.forget(self.parts.copies, replica.number)
            self.plane.copy(self.parts.copies, replica.shard, primary.number, replica.number)
        self.plane.take_over(self.cache, replica.number, primary.number)
        replica.term, replica.before = primary.term, NOWHERE
        primary.reported.pop(replica.number, None)

    def _copy(self, primary: Node, replica: Node) -> Process:
        """A full copy: the primary forks, sends all that it has, and the replica loads it."""
        p, boots = self.parameters, (primary.boots, replica.boots)
        primary.copying.add(replica.number)
        size = self.plane.held(self.cache, primary.number)
        fork_s = p.fork_s_per_gib * size / GIB
        self.say(replica, f"full resynchronisation from node {primary.number}: {size / 1e6:,.0f} MB")
        self.silence(replica, INCOMPLETE, True)
        self._bring(replica, primary)
        replica.complete = False
        yield from stand_still(self.plane, self.thread, primary.number, fork_s)
        yield self.plane.until(self.now + size / p.copy_bytes_per_s + size / p.load_bytes_per_s)
        primary.copying.discard(replica.number)
        if replica.boots != boots[1]:
            return
        if primary.boots != boots[0] or replica.primary != primary.number or replica.term != primary.term:
            self._lose(replica)
        else:
            replica.complete = True
            self.silence(replica, INCOMPLETE, False)
            self.say(replica, "has its copy")
        self.report(replica)

    def _lose(self, replica: Node) -> None:
        """A copy that did not come to its end is nothing."""
        replica.term = NOWHERE
        self.plane.part(self.parts.log, replica.number)
        self.plane.flush(self.cache, replica.number)
        if self.parts.copies is not None:
            self.plane.forget(self.parts.copies, replica.number)
        self.say(replica, "the copy did not come to its end")
