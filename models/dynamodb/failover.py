"""Failover of a partition: a leader's lease, followers that miss it, an election, and replicas that are replaced.

Each replica knows only what it was told. A leader sends heartbeats; each renews its lease when one follower has
answered, counted from when it was sent, and each binds the follower not to vote for anybody else for as long. When its
lease runs out, a leader leads no more. A follower that hears nothing asks its peer whether that one does; if not, it
waits until neither is bound any more, and a little longer at random, and stands for election. Whoever has two of three
votes, each a durable record, leads. Request routers learn of it a while later.

A leader that misses one follower lets routers leave it out of eventually consistent reads, and has it replaced: first
by a replica that holds the log alone, which can acknowledge writes and vote, later by one that holds all. A leader that
misses both says nothing of them, as it may be the one who is cut off.

All talk is one-way messages over the data plane; what they say is looked at when they arrive, if they do.

Source:
    Elhemali et al., Amazon DynamoDB, USENIX ATC 2022, section 5: leases, elections that wait for the old lease, peers
    that are asked first, log replicas. How votes are counted is Paxos's; random waits are those of Ongaro and
    Ousterhout, In search of an understandable consensus algorithm, USENIX ATC 2014.

Limits:
    Clocks of replicas run alike. Records come along with votes, and to a follower that missed heartbeats with the next
    one that it answers, in no time; one that missed records and no heartbeat stays without them. What a replica has
    promised outlives its crash, and so does what it held. Only heartbeats renew a lease, writes do not. Leaders never
    resign before a planned move. Nobody heals a partition that has no leader; a lost node is replaced as a whole, by
    the first of its partitions that misses it, in its zone, even where that is lost. Where a scenario has faults, each
    partition sends eight messages a second, and each of its seconds costs about four milliseconds of a run's time:
    dozens of partitions are fine, hundreds are slow.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import simpy

from models.dynamodb.replication import (
    MESSAGE,
    RECORD,
    REPLICAS,
    THINK,
    FailoverParameters,
    Replicas,
    message_leg,
    replica,
)
from models.kernel.ledger import LEADER
from models.kernel.plane import Plane, when_answered
from models.kernel.system import Control

Process = Generator[simpy.Event, Any, None]
MAJORITY = REPLICAS // 2 + 1
NOBODY = -1


def watchers(replicas: Replicas, parameters: FailoverParameters) -> tuple[Control, ...]:
    """A control process for each partition."""
    return tuple(
        partial(_watch, partition=partition, replicas=replicas, parameters=parameters)
        for partition in range(replicas.partitions.size)
    )


def _watch(plane: Plane, partition: int, replicas: Replicas, parameters: FailoverParameters) -> Process:
    """Start what the replicas of a partition do by themselves."""
    Partition(plane, partition, replicas, parameters).start()
    yield plane.until(0.0)


class Replica:
    """What one replica knows, and what it has promised. Others are known by their slot; times are absolute, seconds."""

    def __init__(self, lease_s: float) -> None:
        self.term, self.leader = 0, LEADER
        self.heard_s = 0.0
        """When it last heard its leader, or itself began to follow or lead."""
        self.bound_s = lease_s
        """Until when it votes for nobody else."""
        self.leads = False
        self.lease_s = 0.0
        """Until when it may lead."""
        self.answered_s = [0.0] * REPLICAS
        """As a leader: when each follower last answered."""
        self.candidacy = 0
        """The term that it stands for, 0 if it does not."""
        self.votes: set[int] = set()
        self.highest_term = 0
        """That it has heard of."""
        self.silence = ""
        """What it has noted since it last heard its leader."""
        self.waits = False
        """Whether it waits to stand for election."""


class Partition:
    """One partition's three replicas, and what request routers were told of them."""

    def __init__(self, plane: Plane, index: int, replicas: Replicas, parameters: FailoverParameters) -> None:
        self.plane, self.index, self.parts, self.parameters = plane, index, replicas, parameters
        self.lease_s, self.heartbeat_s, self.patience_s = (
            parameters.lease_s, parameters.heartbeat_s, parameters.patience_s,
        )  # fmt: skip
        self.replicas = [Replica(self.lease_s) for _ in range(REPLICAS)]
        self.order = list(range(REPLICAS))
        self.told_term = 0
        self.missing: set[int] = set()
        self.left_out: set[int] = set()
        self.log_alone: set[int] = set()
        self.draws = 0

    def start(self) -> None:
        """The replica in the first slot leads, and has just been granted its lease."""
        for me in range(1, REPLICAS):
            self._step_down(me)
        self._lead(LEADER, 0, self.now, self.heartbeat_s * self._uniform())
        for me in range(REPLICAS):
            self.plane.env.process(self._mind(me))

    # ------------------------------------------------------------ the leader

    def _lead(self, me: int, term: int, from_s: float, first_s: float) -> None:
        """Begin to lead, with a lease from a time on and a first heartbeat after a while."""
        node = self.replicas[me]
        node.term, node.leader, node.leads, node.candidacy = term, me, True, 0
        node.heard_s, node.lease_s, node.answered_s = self.now, from_s + self.lease_s, [self.now] * REPLICAS
        self.missing = set()
        self.plane.up(self.parts.lease, replica(self.index, me))
        self.plane.env.process(self._keep_lease(me, term))
        self.plane.env.process(self._beat(me, term, first_s))

    def _keep_lease(self, me: int, term: int) -> Process:
        """Lead until the lease runs out; the replica's own clock tells, whatever else it can do."""
        node = self.replicas[me]
        while self.now < node.lease_s:
            yield self.plane.until(node.lease_s)
        if node.term == term:
            self._step_down(me)

    def _step_down(self, me: int) -> None:
        """Lead no more."""
        self.replicas[me].leads = False
        self.plane.down(self.parts.lease, replica(self.index, me), "refuse")

    def _beat(self, me: int, term: int, first_s: float) -> Process:
        """Send heartbeats, and look who has not answered for long."""
        node = self.replicas[me]
        yield self.plane.until(self.now + first_s)
        while node.leads and node.term == term:
            node.heard_s = self.now
            for other in self._others(me):
                self._send(me, other, partial(self._hear, other, me, term, self.now))
            self._miss(me, term)
            yield self.plane.until(self.now + self.heartbeat_s)

    def _hear(self, me: int, leader: int, term: int, sent_s: float) -> None:
        """A follower hears a heartbeat."""
        node = self.replicas[me]
        node.highest_term = max(node.highest_term, term)
        if term >= node.term:
            if node.leads:
                self._step_down(me)
            node.term, node.leader, node.candidacy, node.silence = term, leader, 0, ""
            node.heard_s, node.bound_s = self.now, self.now + self.lease_s
            self._send(me, leader, partial(self._answer, leader, me, term, sent_s))

    def _answer(self, me: int, follower: int, term: int, sent_s: float) -> None:
        """A leader hears that a follower has heard it."""
        node = self.replicas[me]
        if node.leads and node.term == term:
            node.lease_s = max(node.lease_s, sent_s + self.lease_s)
            if self.now > node.answered_s[follower] + 1.5 * self.heartbeat_s:
                self._learn(follower, me)
            node.answered_s[follower] = self.now
            self.missing.discard(follower)
            if follower in self.left_out - self.log_alone:
                self._tell_routers(follower, out=False, say="answers again")

    # ------------------------------------------------------------ a follower

    def _mind(self, me: int) -> Process:
        """Look whether the leader is to be heard."""
        node = self.replicas[me]
        while True:
            while self.now < node.heard_s + self.patience_s:
                yield self.plane.until(node.heard_s + self.patience_s)
            # A dead replica thinks nothing, and one that stood still hears first what has waited for it.
            thought = yield self.plane.submit(THINK, leg=replica(self.index, me))
            if thought.ok and self._is_lost(me) and me not in self.log_alone:
                self._say_once(me, "leads no more" if node.leader == me else "leader silent")
                for peer in self._others(me):
                    if peer != node.leader:
                        self._send(me, peer, partial(self._asked, peer, me))
                self._say_once(me, "asks its peer")
            yield self.plane.until(self.now + self.heartbeat_s)

    def _asked(self, me: int, who: int) -> None:
        """A replica is asked by another whether it hears a leader."""
        node = self.replicas[me]
        self._send(me, who, partial(self._told, who, self._is_lost(me), node.bound_s, node.term))

    def _told(self, me: int, peer_lost: bool, peer_bound_s: float, peer_term: int) -> None:
        """A replica that hears no leader is told whether its peer does."""
        node = self.replicas[me]
        node.highest_term = max(node.highest_term, peer_term)
        if not self._is_lost(me):
            return
        if not peer_lost:
            self._say_once(me, "its peer hears the leader")
        elif not node.waits:
            node.waits = True
            self.plane.env.process(self._stand(me, max(node.bound_s, peer_bound_s)))

    def _stand(self, me: int, free_s: float) -> Process:
        """Wait until nobody is bound to the old leader, then ask for votes."""
        node = self.replicas[me]
        yield self.plane.until(free_s)
        if self._is_lost(me):
            self._say_once(me, "lease expires")
            yield self.plane.until(self.now + self.parameters.spread_s * self._uniform())
        node.waits = False
        if not self._is_lost(me) or self.now < node.bound_s:
            return
        term = node.candidacy = max(node.term, node.highest_term) + 1
        node.votes = set()
        for other in self._others(me):
            self._send(me, other, partial(self._vote, other, me, term, self.now))
        self._record(me, partial(self._count, me, me, term, self.now))
        yield self.plane.until(self.now + self.heartbeat_s)
        if node.candidacy == term:
            node.candidacy = 0

    def _vote(self, me: int, candidate: int, term: int, sent_s: float) -> None:
        """A replica is asked for its vote; it has one in each term, and none while it is bound or leads."""
        node = self.replicas[me]
        node.highest_term = max(node.highest_term, term)
        if term > max(node.term, node.candidacy) and self.now >= node.bound_s and not node.leads:
            node.term, node.leader, node.candidacy, node.silence = term, NOBODY, 0, ""
            node.heard_s, node.bound_s = self.now, self.now + self.lease_s
            granted = partial(self._count, candidate, me, term, sent_s)
            self._record(me, lambda: self._send(me, candidate, granted))

    def _count(self, me: int, voter: int, term: int, sent_s: float) -> None:
        """A candidate has a vote; with a majority it leads, and its lease counts from when it asked."""
        node = self.replicas[me]
        if node.candidacy == term:
            node.votes.add(voter)
            if len(node.votes) == MAJORITY:
                self._say(f"elected in zone {self._zone(me)}")
                for other in sorted(node.votes - {me}):
                    self._learn(me, other)
                self._lead(me, term, sent_s, 0.0)
                self.plane.env.process(self._announce(me, term))

    # ------------------------------------------------------------ what routers know, and who is replaced

    def _announce(self, me: int, term: int) -> Process:
        """Routers learn who leads."""
        yield self.plane.until(self.now + self.parameters.routers_learn_s)
        if term > self.told_term:
            self.told_term, self.order = term, [me, *(slot for slot in self.order if slot != me)]
            for role, slot in enumerate(self.order):
                self.plane.assign(self.parts.members, self.index, role, self._node(slot))
                self.plane.assign(self.parts.holders, self.index, role, replica(self.index, slot))
                self.plane.assign(self.parts.followers, self.index, role, self._node(slot))
            self._say("routers know")

    def _miss(self, me: int, term: int) -> None:
        """A leader looks who has not answered for long; if nobody has, it may be the one who is cut off."""
        node = self.replicas[me]
        others = self._others(me)
        silent = [other for other in others if self.now >= node.answered_s[other] + self.patience_s]
        if len(silent) == 1 and silent[0] not in self.missing:
            self.missing.add(silent[0])
            self._say(f"replica in zone {self._zone(silent[0])} silent")
            self._tell_routers(silent[0], out=True, say="left out of reads")
            self.plane.env.process(self._replace(me, silent[0], term))

    def _replace(self, me: int, lost: int, term: int) -> Process:
        """Put a replica of the log alone in a lost one's place, and a full one later."""
        yield self.plane.until(self.now + self.parameters.log_replica_s)
        if lost in self.missing and self.replicas[me].leads and self.replicas[me].term == term:
            self.log_alone.add(lost)
            self.plane.up(self.parts.nodes, self._node(lost))
            self._say(f"log replica in zone {self._zone(lost)}")
            yield self.plane.until(self.now + self.parameters.full_replica_s)
            self.log_alone.discard(lost)
            self._say(f"full replica in zone {self._zone(lost)}")

    def _tell_routers(self, slot: int, *, out: bool, say: str) -> None:
        """Routers learn whether eventually consistent reads may go to a replica."""
        (self.left_out.add if out else self.left_out.discard)(slot)

        def later() -> Process:
            yield self.plane.until(self.now + self.parameters.routers_learn_s)
            if out == (slot in self.left_out):
                able = [each for each in range(REPLICAS) if each not in self.left_out]
                for role in range(REPLICAS):
                    reader = role if role in able else able[role % len(able)]
                    self.plane.assign(self.parts.readers, self.index, role, self._node(reader))
                self._say(f"replica in zone {self._zone(slot)} {say}")

        self.plane.env.process(later())

    def _learn(self, me: int, other: int) -> None:
        """A replica takes the records that another has and it has not."""
        self.plane.copy(self.parts.copies, self.index, self._node(other), self._node(me))

    # ------------------------------------------------------------ means

    @property
    def now(self) -> float:
        """The time."""
        return float(self.plane.env.now)

    def _others(self, me: int) -> Iterator[int]:
        return (slot for slot in range(REPLICAS) if slot != me)

    def _is_lost(self, me: int) -> bool:
        """Whether a replica has not heard its leader for long."""
        return self.now >= self.replicas[me].heard_s + self.patience_s

    def _send(self, source: int, target: int, then: Callable[[], None]) -> None:
        """A message from one replica to another; `then` happens when, and if, it arrives."""
        when_answered(self.plane.submit(MESSAGE, leg=message_leg(self.index, source, target)), then)

    def _record(self, me: int, then: Callable[[], None]) -> None:
        """A replica writes down what it promises."""
        when_answered(self.plane.submit(RECORD, leg=replica(self.index, me)), then)

    def _uniform(self) -> float:
        self.draws += 1
        return self.plane.uniform("failover", self.index, self.draws)

    def _zone(self, slot: int) -> int:
        return self.parts.leaders.zone(replica(self.index, slot))

    def _node(self, slot: int) -> int:
        return self.parts.homes[replica(self.index, slot)]

    def _say(self, text: str) -> None:
        self.plane.note(f"partition {self.index}: {text}")

    def _say_once(self, me: int, text: str) -> None:
        """Say something once for each silence."""
        node = self.replicas[me]
        if text not in node.silence:
            node.silence += text + "; "
            self._say(f"{text} (zone {self._zone(me)})")
