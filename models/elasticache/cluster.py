"""How the nodes of a Redis cluster find out that a primary is lost, and agree on another: no one stands above them.

Nodes ping one another. One that has not answered for a while is suspected (PFAIL) by whoever asked it; each message
tells who its sender suspects, and a node that has heard a majority of primaries suspect another takes it for lost
(FAIL), and says so to all. A replica of a lost primary waits a while, longer if others have more of its log, and asks
the primaries for their votes; each gives one in an epoch. With a majority it is the primary, and tells all. A node that
cannot reach most primaries answers nobody, so that clients of a minority are soon refused.

All talk is over the network that requests use, and takes the thread that executes commands: a node that a command keeps
busy answers late, and may be taken for lost.

Source:
    Redis cluster specification; src/cluster.c of Redis 7: clusterCron, markNodeAsFailingIfNeeded,
    clusterHandleSlaveFailover, clusterSendFailoverAuthIfNeeded, clusterUpdateState.

Limits:
    A message tells of all nodes, where Redis tells of a tenth of them and all suspects. Two configurations of one epoch
    do not come up. Replicas do not move between shards. Each node handles a few messages a second, and each second of a
    node costs about a millisecond of a run's time.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from models.elasticache.roles import Fleet, Node
from models.kernel.laws import NonNegative
from models.kernel.registry import Parameters, parameter
from models.looks import Process

CUT_OFF = "cut off"
SPEC = "Redis cluster specification"
TICK_S, PING_S, ASKED_AT_RANDOM = 0.1, 1.0, 5
"""A node looks at its timers ten times a second, and once a second pings who has been silent longest of so many at
random. Source: clusterCron."""
REPORT_TIMES, VOTE_TIMES, VOTE_LEAST_S = 2.0, 2.0, 2.0
"""A report of a suspect, and a vote for a shard, hold for so many node timeouts; an election lasts as long, at least so
many seconds. Source: the specification."""
DELAY_S, SPREAD_S, RANK_S = 0.5, 0.5, 1.0
"""What a replica waits before it asks for votes; up to so much more at random; and for each that has more. Source: the
specification."""
REJOIN_S, WRITABLE_S = 5.0, 2.0
"""How long a primary answers nobody after it was cut off, and after it has started. Source: cluster.c,
CLUSTER_MAX_REJOIN_DELAY and CLUSTER_WRITABLE_DELAY; the first is at most a node timeout."""


class ClusterParameters(Parameters):
    """Failover among the nodes themselves."""

    kind: Literal["cluster"] = parameter("cluster", "nodes agree among themselves", assumed="or multi_az")
    node_timeout_s: Annotated[float, Field(ge=0.5, le=1000)] = parameter(
        15.0, "seconds without an answer after which a node is suspected", source=f"{SPEC}: cluster-node-timeout"
    )
    validity_factor: NonNegative = parameter(
        10.0, "a replica that has not heard its primary for so many timeouts stands for no election; 0: always does",
        source="redis.conf: cluster-replica-validity-factor",
    )  # fmt: skip
    full_coverage: bool = parameter(
        False, "whether no node answers while a shard has no primary", source="ElastiCache guide: off, unlike Redis"
    )


class View(NamedTuple):
    """What a message tells: who sent it, who leads each shard since which epoch, whom the sender suspects or knows to
    be lost, how far its own log is, and whether it leads.
    """

    sender: int
    epoch: int
    primaries: tuple[tuple[int, int], ...]
    suspects: frozenset[int]
    lost: frozenset[int]
    position: int
    leads: bool


class Peer:
    """What one node knows of the others. Times are absolute, seconds."""

    def __init__(self, node: Node, size: int, primaries: list[int], now: float) -> None:
        self.node = node
        self.heard_s = [now] * size
        self.asked_s: dict[int, float] = {}
        """Since when a ping waits for its answer."""
        self.again_s: dict[int, float] = {}
        """When to ask again who has not answered."""
        self.suspects: set[int] = set()
        self.lost: dict[int, float] = {}
        """Since when."""
        self.reports: dict[int, dict[int, float]] = {}
        """Of each suspect: which primaries suspect it, since when."""
        self.primaries = [(0, primary) for primary in primaries]
        """Epoch and primary of each shard."""
        self.positions = [0] * size
        self.epoch = self.voted = 0
        self.voted_s: dict[int, float] = {}
        self.stands = False
        self.votes: set[int] = set()
        self.election = 0
        self.silent_until_s = 0.0


class Cluster:
    """All nodes, and what they tell one another."""

    def __init__(self, fleet: Fleet, parameters: ClusterParameters) -> None:
        self.fleet, self.plane, self.p = fleet, fleet.plane, parameters
        self.timeout_s = parameters.node_timeout_s
        self.size, self.shards = len(fleet.nodes), fleet.parts.count
        self.majority = self.shards // 2 + 1
        first = [fleet.parts.row(shard)[0] for shard in range(self.shards)]
        self.peers = [Peer(node, self.size, first, 0.0) for node in fleet.nodes]
        self.draws = 0
        fleet.when_back = self._come_back

    def start(self) -> None:
        """Let all nodes begin, each with answers of others as old as chance has it."""
        for peer in self.peers:
            for other in self.peers:
                if other is not peer:
                    peer.heard_s[other.node.number] = -0.5 * self.timeout_s * self._uniform()
            self.plane.env.process(self._cron(peer, peer.node.boots))

    def primary_of(self, node: int, shard: int) -> int:
        """Who leads a shard, as a node knows it."""
        return self.peers[node].primaries[shard][1]

    @property
    def now(self) -> float:
        """Seconds."""
        return self.fleet.now

    def _uniform(self) -> float:
        self.draws += 1
        return self.plane.uniform("cluster", 0, self.draws)

    # ------------------------------------------------------------ pings

    def _cron(self, peer: Peer, boots: int) -> Process:
        """Ping whom it is time to ping, and suspect who has not answered."""
        next_s = self.now + PING_S * self._uniform()
        while True:
            due_s = min(self._due_s(peer, other) for other in range(self.size) if other != peer.node.number)
            yield self.plane.until(min(next_s, max(due_s, self.now) + TICK_S * self._uniform()))
            if peer.node.boots != boots:
                return
            if not self.plane.works(self.fleet.thread, peer.node.number):
                next_s = self.now + PING_S
                yield self.plane.until(next_s)
                continue
            if self.now >= next_s:
                self._ping_at_random(peer)
                next_s += PING_S
            for other in range(self.size):
                if other != peer.node.number:
                    self._mind(peer, other)
            self._look(peer)

    def _due_s(self, peer: Peer, other: int) -> float:
        """When there is something to do about another node, if it goes on saying nothing."""
        asked_s = peer.asked_s.get(other)
        if asked_s is None:
            return peer.heard_s[other] + 0.5 * self.timeout_s
        again_s = peer.again_s[other]
        return again_s if other in peer.suspects else min(again_s, asked_s + self.timeout_s)

    def _ping_at_random(self, peer: Peer) -> None:
        drawn = [int(self._uniform() * self.size) for _ in range(ASKED_AT_RANDOM)]
        able = [other for other in drawn if other != peer.node.number and other not in peer.asked_s]
        if able:
            self._ping(peer, min(able, key=lambda other: peer.heard_s[other]))

    def _mind(self, peer: Peer, other: int) -> None:
        """Ping who has been silent for long, again who does not answer, and suspect him in the end."""
        asked_s = peer.asked_s.get(other)
        if asked_s is None:
            if self.now - peer.heard_s[other] > 0.5 * self.timeout_s:
                self._ping(peer, other)
            return
        if self.now >= peer.again_s[other]:
            self._ping(peer, other)
        if self.now - asked_s > self.timeout_s and other not in peer.suspects:
            self._suspect(peer, other)

    def _ping(self, peer: Peer, other: int) -> None:
        peer.asked_s.setdefault(other, self.now)
        peer.again_s[other] = self.now + 0.5 * self.timeout_s
        self._tell(peer, other, answers=False)

    def _tell(self, peer: Peer, other: int, *, answers: bool) -> None:
        """A ping, or the answer to one."""
        node = peer.node
        view = View(
            node.number, peer.epoch, tuple(peer.primaries), frozenset(peer.suspects), frozenset(peer.lost),
            self.fleet.position(node), node.leads,
        )  # fmt: skip
        self.fleet.send(node.number, other, partial(self._hear, self.peers[other], view, answers))

    def _hear(self, peer: Peer, view: View, answers: bool) -> None:
        """A node hears another's ping or answer."""
        if not answers:
            self._tell(peer, view.sender, answers=True)
        else:
            peer.heard_s[view.sender] = self.now
            peer.asked_s.pop(view.sender, None)
            self._trust(peer, view)
        peer.positions[view.sender] = view.position
        peer.epoch = max(peer.epoch, view.epoch)
        for shard, (epoch, primary) in enumerate(view.primaries):
            self._learn(peer, shard, epoch, primary)
        if view.leads:
            for other in range(self.size):
                if other in view.suspects or other in view.lost:
                    peer.reports.setdefault(other, {})[view.sender] = self.now
                else:
                    peer.reports.get(other, {}).pop(view.sender, None)
        for suspect in sorted(peer.suspects):
            self._count_reports(peer, suspect)
        self._look(peer)

    # ------------------------------------------------------------ who is lost

    def _suspect(self, peer: Peer, other: int) -> None:
        peer.suspects.add(other)
        self._count_reports(peer, other)

    def _count_reports(self, peer: Peer, suspect: int) -> None:
        """Take a suspect for lost if most primaries suspect it."""
        if suspect in peer.lost:
            return
        fresh_s = self.now - REPORT_TIMES * self.timeout_s
        reporters = sum(at_s >= fresh_s for at_s in peer.reports.get(suspect, {}).values())
        if reporters + peer.node.leads >= self.majority:
            self.fleet.say(peer.node, f"node {suspect} has failed, say most primaries")
            self._lose(peer, suspect)
            for other in range(self.size):
                if other not in (peer.node.number, suspect):
                    self.fleet.send(peer.node.number, other, partial(self._lose, self.peers[other], suspect))

    def _lose(self, peer: Peer, lost: int) -> None:
        """A node takes another one for lost, or is told so."""
        if lost == peer.node.number or lost in peer.lost:
            return
        peer.suspects.add(lost)
        peer.lost[lost] = self.now
        if lost == peer.node.primary and not peer.stands:
            peer.stands = True
            self.plane.env.process(self._stand(peer, lost, peer.node.boots))
        self._look(peer)

    def _trust(self, peer: Peer, view: View) -> None:
        """Who answers is there; a primary that was lost is there again if nobody took its place for long."""
        since_s = peer.lost.get(view.sender)
        if since_s is not None:
            leads = peer.primaries[self.fleet.nodes[view.sender].shard][1] == view.sender
            if leads and self.now - since_s <= REPORT_TIMES * self.timeout_s:
                return
            del peer.lost[view.sender]
        peer.suspects.discard(view.sender)

    # ------------------------------------------------------------ elections

    def _stand(self, peer: Peer, lost: int, boots: int) -> Process:
        """A replica of a lost primary asks for votes, after a while, until it is the primary or somebody else is."""
        node, p = peer.node, self.p
        while node.boots == boots and lost in peer.lost and node.primary == lost:
            silent_s = self.now - peer.heard_s[lost]
            if not node.complete or (
                p.validity_factor and silent_s > p.validity_factor * self.timeout_s + self.timeout_s
            ):
                break
            rank = sum(
                other not in (lost, node.number) and peer.positions[other] > self.fleet.position(node)
                for other in self.fleet.parts.row(node.shard)
            )  # fmt: skip
            yield self.plane.until(self.now + DELAY_S + SPREAD_S * self._uniform() + RANK_S * rank)
            if node.boots != boots or lost not in peer.lost or node.primary != lost:
                break
            epoch = peer.election = peer.epoch = peer.epoch + 1
            peer.votes = set()
            lasts_s = max(VOTE_TIMES * self.timeout_s, VOTE_LEAST_S)
            for _, primary in peer.primaries:
                if primary != lost:
                    self.fleet.send(node.number, primary, partial(self._vote, self.peers[primary], node, lost, epoch))
            yield self.plane.until(self.now + lasts_s)
            if peer.election != epoch:
                break
            yield self.plane.until(self.now + lasts_s)
        if node.boots == boots:
            peer.stands = False

    def _vote(self, peer: Peer, candidate: Node, lost: int, epoch: int) -> None:
        """A primary is asked for its vote: it has one in an epoch, and one for a shard in a while."""
        recent_s = self.now - VOTE_TIMES * self.timeout_s
        is_free = epoch > peer.voted and peer.voted_s.get(candidate.shard, -1e9) < recent_s
        peer.epoch = max(peer.epoch, epoch)
        if peer.node.leads and lost in peer.lost and is_free and peer.primaries[candidate.shard][1] == lost:
            peer.voted, peer.voted_s[candidate.shard] = epoch, self.now
            count = partial(self._count, self.peers[candidate.number], peer.node.number, lost, epoch)
            self.fleet.send(peer.node.number, candidate.number, count)

    def _count(self, peer: Peer, voter: int, lost: int, epoch: int) -> None:
        """A replica has a vote; with most of them it is the primary."""
        if peer.election != epoch or peer.node.primary != lost:
            return
        peer.votes.add(voter)
        if len(peer.votes) == self.majority:
            peer.election = 0
            peer.primaries[peer.node.shard] = epoch, peer.node.number
            self.fleet.lead(peer.node, why=f"elected with {len(peer.votes)} votes")
            for other in range(self.size):
                if other != peer.node.number:
                    self._tell(peer, other, answers=True)

    def _learn(self, peer: Peer, shard: int, epoch: int, primary: int) -> None:
        """A node is told who leads a shard; what is newer counts."""
        if epoch > peer.primaries[shard][0]:
            peer.primaries[shard] = epoch, primary
            if shard == peer.node.shard and primary != peer.node.number:
                self.fleet.obey(peer.node, primary)
                peer.silent_until_s = 0.0

    # ------------------------------------------------------------ who may answer clients

    def _look(self, peer: Peer) -> None:
        """Answer clients while most primaries can be reached, and begin again a while later."""
        primaries = [primary for _, primary in peer.primaries]
        reached = sum(primary not in peer.suspects for primary in primaries)
        covered = not self.p.full_coverage or not any(primary in peer.lost for primary in primaries)
        is_well = reached >= self.majority and covered
        if not is_well:
            peer.silent_until_s = self.now + (min(REJOIN_S, self.timeout_s) if peer.node.leads else 0.0)
            if CUT_OFF not in peer.node.silent_for:
                self.fleet.say(peer.node, "reaches too few primaries, and answers nobody")
        self.fleet.silence(peer.node, CUT_OFF, not is_well or self.now < peer.silent_until_s)

    def _come_back(self, node: Node) -> None:
        """A node starts with the configuration that it had, and answers nobody until it may have heard of another."""
        old = self.peers[node.number]
        peer = self.peers[node.number] = Peer(node, self.size, [], self.now)
        peer.primaries, peer.epoch, peer.voted = old.primaries, old.epoch, old.voted
        peer.heard_s = [self.now - self.timeout_s] * self.size
        peer.silent_until_s = self.now + WRITABLE_S
        self.plane.env.process(self._cron(peer, node.boots))
        self._look(peer)
        self.fleet.resume(node)
