"""The SimPy engine: the reference. It walks routes as plain Python on a SimPy clock.

Data events stand in SimPy's own queue, at absolute times and with a priority after all of SimPy's own, so that control
goes before data at one instant and data keeps its own sequence. Whatever an event sets going (a request that goes on, a
waiting one that a free server takes, the legs of a fork) is put in line in `ready` and walks, first come first served,
to its first positive delay before the next event: a zero delay is no event.

Each site of a route is bound once to a function of the walk alone (`Step.bind`), which spares a look at what it is each
time; `advance` is the loop that calls them, the counterpart of `loop.advance`.
"""

from __future__ import annotations

import gc
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from heapq import heappop, heappush
from itertools import accumulate, chain, count, tee
from operator import itemgetter
from typing import Any

import numpy as np
import simpy

from models.kernel.arrivals import ordinals
from models.kernel.cache import CacheState
from models.kernel.certainty import is_certain
from models.kernel.codes import DATA, FIRST, MAX_OCCUPIED, OP_CHOOSE, OP_DELAY, OP_SERVE
from models.kernel.controlled import Controlled
from models.kernel.entries import NOBODY
from models.kernel.journal import Journal
from models.kernel.laws import Constant, draw_law
from models.kernel.ledger import LEADER, READ, LedgerState
from models.kernel.outcome import IntArray, Outcome
from models.kernel.parts import (
    Bucket,
    Cache,
    Copies,
    Group,
    Log,
    Membership,
    Network,
    Quorum,
    Room,
    Station,
    Volume,
    check_table,
)
from models.kernel.plane import (
    Answer,
    Down,
    Extent,
    Image,
    check_factor,
    check_key,
    check_member,
    check_needed,
    check_order,
    check_servers,
)
from models.kernel.priming import Priming
from models.kernel.program import END, Program, Site
from models.kernel.random import stream, uniforms
from models.kernel.recorder import Meter, Parts, Recorder, Span, make_outcome
from models.kernel.slots import PRIMING_CLIENT, PROBE_CLIENT
from models.kernel.sources import Block, ClosedSource, OpenSource, Source
from models.kernel.standstill import WALKS_MAX, StandstillError
from models.kernel.station import REFUSING, SILENT, UP, StationState
from models.kernel.steps.admit import BucketState
from models.kernel.steps.choose import RANDOM
from models.kernel.steps.fork import QuorumState, join
from models.kernel.steps.hold import RoomState
from models.kernel.steps.log import LogState
from models.kernel.steps.volume import VolumeState
from models.kernel.system import ERRORS, THROTTLED, TIMEOUT, RetryQuota
from models.kernel.tokens import Request, Token

Arrival = tuple[float, int, int, int, int, int, float]
"""A request's time, ordinal, operation, key, size, items and time to live."""


class MembershipState:
    """A key-to-member table of the SimPy engine."""

    def __init__(self, program: Program, part: Membership) -> None:
        self.group = program.group(part.group)
        self.of = program.group(part.of) if part.of is not None else -1
        self.rows = [list(row) for row in part.rows]
        self.turn = 0


class QuotaState:
    """One process's retry quota of the SimPy engine."""

    def __init__(self, quota: RetryQuota) -> None:
        self.quota, self.tokens = quota, quota.capacity

    def pay(self, request: Request, error: int) -> bool:
        """Whether a request's retry can be paid after such an error; if so, it is."""
        cost = self.quota.price(error)
        if self.tokens < cost:
            return False
        self.tokens -= cost
        request.paid = cost
        return True

    def refund(self, request: Request) -> None:
        """A request has succeeded."""
        back = request.paid if self.quota.returns_cost and request.attempt else self.quota.refund
        self.tokens = min(self.quota.capacity, self.tokens + back)


class LinkState:
    """A link of the SimPy engine."""

    def __init__(self) -> None:
        self.state, self.factor = UP, 1.0


class Environment(simpy.Environment):
    """SimPy's environment, with events at absolute times, and data after all control of its instant.

    In SimPy's queue stand entries (time, priority, number, event). What the data plane puts there has no event but whom
    to call and with what, which costs half as much.
    """

    def at(self, time: float, priority: int) -> simpy.Event:
        """An event of SimPy's at an absolute time."""
        event = simpy.Event(self)
        event._ok, event._value = True, None
        heappush(self._queue, (time, priority, next(self._eid), event))  # type: ignore[misc]
        return event

    def data(self, time: float, call: Callable[[Any, Any], None], who: Any, stamp: Any) -> None:
        """Call somebody at an absolute time, after all control; the stamp tells whether it is still wanted then."""
        heappush(self._queue, (time, DATA, next(self._eid), call, who, stamp))  # type: ignore[misc]

    advance: Callable[[], None]
    """Lets data events happen until control is next."""

    def step(self) -> None:
        if self._queue and self._queue[0][1] == DATA:
            self.advance()
        else:
            super().step()


class Draws:
    """The variates of one site under one law, or its uniforms (-1).

    Each is a function of the token's identity alone; they are drawn in blocks, as one alone is dear in Python, except
    for retries and requests of control's own, which are few. A block is the first ordinal of its successive requests of
    one client, and their variates. Requests overtake one another, so that two blocks are in use about their boundary.
    """

    def __init__(self, plane: SimpyPlane, site: Site, law: int) -> None:
        self.sources, self.visit, self.key = plane.sources, site.visit, plane.keys[site.stream]
        self.table, self.law = plane.program.laws, law
        self.blocks: dict[int, tuple[int, list[float]]] = {}
        self.older: dict[int, tuple[int, list[float]]] = {}

    def function(self) -> Callable[[Token], float]:
        """What draws the variate for a token's identity."""
        law = self.table.laws[self.law] if self.law >= 0 else None
        if isinstance(law, Constant):
            return lambda _: law.value
        block_of, drawn = self.blocks.get, self.drawn

        def draw(token: Token) -> float:
            request = token.request
            block = block_of(request.lane + token.branch)
            if block is not None and not token.attempt:
                first, values = block
                if 0 <= (index := request.ordinal - first) < len(values):
                    return values[index]
            return drawn(token)

        return draw

    def drawn(self, token: Token) -> float:
        """The variate for an identity that is not in the newest block."""
        request, whose = token.request, token.request.lane + token.branch
        if token.attempt or request.answer is not None:
            return self.alone(request.ordinal, request.client, token.attempt, token.branch)
        first, values = self.older.get(whose, (0, []))
        if not first <= request.ordinal < first + len(values):
            first, values = self.block(request, token.branch)
            if whose in self.blocks:
                self.older[whose] = self.blocks[whose]
            self.blocks[whose] = first, values
        return values[request.ordinal - first]

    def alone(self, ordinal: int, client: int, attempt: int, branch: int) -> float:
        """One variate."""
        if self.law < 0:
            return uniforms(*self.key, ordinal, client, attempt, branch, self.visit, 0)[0]  # type: ignore[no-any-return]
        return draw_law(*self.table.arrays(), self.law, *self.key, ordinal, client, attempt, branch, self.visit)

    def block(self, request: Request, branch: int) -> tuple[int, list[float]]:
        """The block in which a request's variate is."""
        size = self.sources[request.source].draw_block
        first = request.ordinal - request.ordinal % size
        numbers = ordinals(first, size)

        def pairs(draw: int) -> Any:
            return uniforms(*self.key, numbers, request.client, 0, branch, self.visit, draw)

        values = pairs(0)[0] if self.law < 0 else self.table.laws[self.law].block(pairs)
        return first, values.tolist()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Python's collector of cycles runs seldom: walks make none, and what is in flight is much to go through."""
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def arrivals(source: OpenSource) -> Iterator[Arrival]:
    """A source's requests, one by one."""
    blocks, firsts = tee(source.blocks())
    starts = accumulate((len(block.keys) for block in firsts), initial=0)
    return chain.from_iterable(map(Block.rows, blocks, starts))


class SimpyPlane(Controlled):
    """The data plane of one replication, walked in Python. Implements `plane.Plane`.

    Args:
        program: The system.
        sources: Its work.
        span: What is simulated and measured.
        seed: The scenario's seed.
        replication: Index of the replication.
        walks_max: Walks at one instant after which time is taken to stand still.
    """

    # In slots, as CPython 3.11 reaches past thirty attributes of an instance by the long way.
    __slots__ = (
        "active", "arrivals", "arrive", "backoff_key", "buckets", "by_slot", "caches", "ceilings", "clients",
        "closed", "control_key", "counts", "draws", "env", "error_watches", "events", "failures", "families",
        "far_draws", "groups", "holding", "journal", "key_count", "keys", "ledger", "links", "logs",
        "memberships", "now", "numbers", "occupying", "once_draws", "parked", "prime_hits", "prime_lookups",
        "primed", "priming", "probes", "program", "queue", "quorums", "quotas", "ready", "recorder", "rooms",
        "settled", "simulated", "sites", "sources", "span", "stations", "terms", "timeouts_s", "unsettled",
        "up_watches", "volume", "walks", "walks_at", "walks_max", "zones",
    )  # fmt: skip

    def __init__(
        self, program: Program, sources: list[Source], span: Span, seed: int, replication: int,
        walks_max: int = WALKS_MAX,
    ) -> None:  # fmt: skip
        self.program, self.sources = program, sources
        self.walks, self.walks_max, self.walks_at = 0, walks_max, -1.0
        self.env = Environment()
        self.env.advance = self.advance
        self.queue: list[Any] = self.env._queue
        self.numbers = self.env._eid
        self.arrive = self._arrive
        self.now = 0.0
        self.span = span
        self.ready: deque[Token] = deque()
        self.priming = False
        self.events = self.simulated = self.primed = self.probes = 0
        self.prime_lookups = self.prime_hits = 0
        self.recorder, self.journal = Recorder(span, program), Journal()
        self.settled = self.recorder.settled
        self.keys = [stream(seed, replication, "system", program.name, name) for name in program.stream_names]
        self.backoff_key = stream(seed, replication, "system", program.name, "client backoff")
        self.control_key = partial(stream, seed, replication, "system", program.name, "control")
        self.draws = {
            site.index: Draws(self, site, -1 if site.op == OP_CHOOSE else site.law).function()
            for site in program.sites
            if site.op in (OP_SERVE, OP_DELAY) or (site.op == OP_CHOOSE and site.b == RANDOM)
        }
        self.far_draws = {s.index: Draws(self, s, s.c).function() for s in program.sites if s.op == OP_DELAY}
        self.once_draws = {s.index: Draws(self, s, s.once).function() for s in program.sites if s.once >= 0}
        self.unsettled: dict[Request, None] = {}
        self.clients = [o.client for o in program.operations]
        self.ceilings = [(c.ceilings_s(), c.ceilings_s(throttled=True)) for c in self.clients]
        states = {
            client: [QuotaState(client.quota) for _ in range(client.processes)]
            for client in self.clients if client.quota is not None
        }  # fmt: skip
        self.quotas = [states.get(client, []) for client in self.clients]
        self.timeouts_s = [client.timeout_s for client in self.clients]
        self.zones = [[g.zone(m) for m in range(g.size)] for g in program.groups]
        self.memberships = [MembershipState(program, part) for part in program.memberships]
        self.ledger = self._ledger()
        self.volume = None
        if program.volume is not None:
            followed = None if program.volume.copies is None else self.ledger
            self.volume = VolumeState(self, program.volume, followed)
        self.holding: dict[Token, tuple[RoomState, int]] = {}
        self.occupying: dict[tuple[Token, int], StationState] = {}
        self.rooms = [RoomState(self, part) for part in program.rooms for _ in range(part.group.size)]
        self.logs = [
            LogState(whom + 1, leads=whom == member)
            for part in program.logs
            for member, whom in enumerate(part.follows)
        ]
        self.terms = count(len(self.logs) + 1)
        self.up_watches, self.by_slot, self.key_count = {}, {}, sources[0].workload.key_count
        self.stations = [StationState(self, part) for part in program.stations for _ in range(part.group.size)]
        self.links = [LinkState() for part in program.networks for _ in range(part.zones**2)]
        self.caches = [
            CacheState(part, self.keys[program.cache_stream(part)] if part.draws else None, member)
            for part in program.caches for member in range(part.group.size)
        ]  # fmt: skip
        self.families = [f for f, part in enumerate(program.caches) for _ in range(part.group.size)]
        self.buckets = [
            BucketState(part.rate_per_s, part.burst) for part in program.buckets for _ in range(part.group.size)
        ]
        for part in program.buckets:
            if part.overflow is not None:
                first, below = program.bucket(part), program.bucket(part.overflow)
                for member in range(part.group.size):
                    self.buckets[first + member].overflow = self.buckets[below + member]
        self.quorums = [QuorumState(part) for part in program.quorums]
        self.sites: list[tuple[Callable[[Token], int], int, int]] = []
        for site in program.sites:
            self.sites.append((site.step.bind(self, site), site.next, site.carries))
        self.closed = [source if isinstance(source, ClosedSource) else None for source in sources]
        self.active = [True] * len(sources)
        self.parked: list[deque[int]] = [deque() for _ in sources]
        self.counts: list[dict[int, int]] = [{} for _ in sources]
        self.error_watches: list[list[tuple[int, Any]]] = [[] for _ in program.operation_names]
        self.failures = [0] * len(program.operation_names)
        self.groups = max(1, len(program.groups))
        self.arrivals: list[Iterator[Arrival]] = [
            arrivals(source) if isinstance(source, OpenSource) else iter(()) for source in sources
        ]

    def _ledger(self) -> LedgerState | None:
        part = self.program.copies
        if part is None:
            return None
        members, by_key = (
            None if table is None else self.memberships[self.program.membership(table)]
            for table in (part.members, part.by_key)
        )
        assert members is not None
        return LedgerState(part, members, by_key, self.recorder.tally.writes)

    def meter(self) -> Meter:
        """An integral over time, for a part that is being made."""
        return Meter(self)

    # ------------------------------------------------------------ requests

    def run(self) -> None:
        """From time zero to the end of the drain."""
        for index, source in enumerate(self.sources):
            if isinstance(source, OpenSource):
                self._next_arrival(index)
            else:
                for client in range(source.clients):
                    self.env.data(source.first_wake_s(client), self._wake_client, client, index)
        for control in self.program.system.controls:
            self.env.process(control(self))
        with seldom_collected():
            self.env.run(until=self.env.at(self.span.end_s, FIRST))
        for request in self.unsettled:
            if request.measured:
                self.recorder.unfinished(request.operation, request.attempts)
        if self.ledger is not None:
            self.ledger.audit(-1, final=True, width=self.ledger.part.keepers)
        self.recorder.finish()

    def _next_arrival(self, index: int) -> None:
        arrival = next(self.arrivals[index], None)
        if arrival is not None:
            heappush(self.queue, (arrival[0], DATA, next(self.numbers), self.arrive, index, arrival))

    def _arrive(self, index: int, arrival: Arrival) -> None:
        self.events += 1
        self._next_arrival(index)
        if self.active[index]:
            _, ordinal, operation, key, size, items, ttl = arrival
            self._begin(Request(index, self.sources[index].client_base, ordinal, operation, key, size, items, ttl))

    def _wake_client(self, client: int, index: int) -> None:
        self.events += 1
        if not self.active[index]:
            self.parked[index].append(client)
        elif self.now < self.span.duration_s:
            self._issue(index, client)

    def _issue(self, index: int, client: int) -> None:
        source = self.closed[index]
        assert source is not None
        ordinal = self.counts[index].get(client, 0)
        self.counts[index][client] = ordinal + 1
        self._begin(Request(index, source.client_base + client, ordinal, *source.issue(client, ordinal)))

    def _begin(self, request: Request) -> None:
        request.measured = self.now >= self.span.warmup_s
        self.simulated += 1
        self.unsettled[request] = None
        self._attempt(request)

    def _attempt(self, request: Request) -> None:
        if request.attempts == 0:
            request.arrival = self.now
        request.attempts += 1
        timeout_s = self.timeouts_s[request.operation]
        if timeout_s < math.inf:
            self.env.data(self.now + timeout_s, self._time_out, request, request.stamp)
        entry = self.program.entries[request.operation]
        self.ready.append(Token(request, entry, request.attempt, 0, request.leg, [0] * self.groups))

    def _time_out(self, request: Request, stamp: int) -> None:
        if request.stamp == stamp:
            self.events += 1
            self._fail(request, TIMEOUT)

    def _fail(self, request: Request, error: int) -> None:
        """An attempt has failed: try again after a while, or give up."""
        client = self.clients[request.operation]
        request.stamp += 1
        quota = self._quota(request)
        if request.attempt + 1 >= client.max_attempts or (quota is not None and not quota.pay(request, error)):
            self._settle(request, error)
            return
        wait_s = self.ceilings[request.operation][error == THROTTLED][request.attempt]
        request.attempt += 1
        if wait_s > 0.0 and client.jitter != "none":
            u, _ = uniforms(*self.backoff_key, request.ordinal, request.client, request.attempt, 0, 0, 0)
            wait_s = wait_s * u if client.jitter == "full" else wait_s * 0.5 + wait_s * 0.5 * u
        if wait_s > 0.0:
            self.env.data(self.now + wait_s, self._retry, request, request.stamp)
        else:
            self._attempt(request)

    def _quota(self, request: Request) -> QuotaState | None:
        """The retry quota of the process that asks; control's own requests have none."""
        quotas = self.quotas[request.operation]
        if not quotas or request.answer is not None:
            return None
        who = request.ordinal if self.closed[request.source] is None else request.client
        return quotas[who % len(quotas)]

    def _retry(self, request: Request, stamp: int) -> None:
        if request.stamp == stamp:
            self.events += 1
            self._attempt(request)

    def _settle(self, request: Request, error: int) -> None:
        request.settled = True
        request.stamp += 1
        if request.answer is not None:
            request.answer.succeed(Answer(not error, ERRORS[error], self.now - request.arrival, self.now))
            return
        del self.unsettled[request]
        self.settled(request.operation, request.arrival, self.now, request.measured, error, request.attempts)
        if error:
            self.failures[request.operation] += 1
            self.notice(self.error_watches[request.operation], self.failures[request.operation])
        elif self.quotas[request.operation] and (quota := self._quota(request)) is not None:
            quota.refund(request)
        source = self.closed[request.source]
        if source is not None:
            client = request.client - source.client_base
            think_s = source.think(client, request.ordinal)
            if think_s > 0.0:
                self.env.data(self.now + think_s, self._wake_client, client, request.source)
            elif not self.active[request.source]:
                self.parked[request.source].append(client)
            elif self.now < self.span.duration_s:
                self._issue(request.source, client)

    # ------------------------------------------------------------ walks

    def advance(self, *, events: bool = True) -> None:
        """Let all that is ready walk to its first positive delay, and so on from one data event to the next, until
        control is next; without `events`, none is let happen.
        """
        queue, env, ready, sites, arrive = self.queue, self.env, self.ready, self.sites, self.arrive
        walks, walks_max, woken = self.walks, self.walks_max, 0
        while True:
            if ready:
                token = ready.popleft()
            elif not events or not queue or queue[0][1] != DATA:
                break
            else:
                now, _, _, call, token, stamp = heappop(queue)
                self.now = env._now = now
                if call is not None:
                    if call is arrive:
                        walks = 0
                    call(token, stamp)
                    continue
                if token.stamp != stamp:
                    continue
                woken += 1
                if (station := token.station) is not None:
                    station.complete(token)
            walks += 1
            if walks > walks_max:
                if self.now == self.walks_at:
                    raise StandstillError(self.now)
                walks, self.walks_at = 0, self.now
            index = token.site
            while index > END:
                step, after, carries = sites[index]
                token.site = after
                index = after if token.error and not carries else step(token)
            if index == END:
                if (parent := token.parent) is None:
                    self._finish(token)
                elif parent.join == token.parent_join:
                    join(self, token, parent)
        self.walks = walks
        self.events += woken

    def _drain(self) -> None:
        """Let what is ready walk, and nothing else happen."""
        self.advance(events=False)

    def wake_at(self, time: float, token: Token) -> None:
        """Let a token walk on at an absolute time, unless it is cancelled before."""
        heappush(self.queue, (time, DATA, next(self.numbers), None, token, token.stamp))

    def served_by(self, station: StationState) -> list[Token]:
        """What a station works at, in order of its wake-ups' numbers, which is the order of start."""
        data = [entry for entry in self.queue if entry[1] == DATA and entry[3] is None]
        mine = [entry for entry in data if entry[4].station is station and entry[4].stamp == entry[5]]
        return [entry[4] for entry in sorted(mine, key=itemgetter(2))]

    def cancel(self, token: Token) -> None:
        """Make the event that would wake the token stale."""
        token.stamp += 1

    def _finish(self, token: Token) -> None:
        """An attempt has come to the end of its route."""
        request = token.request
        if not request.settled and request.attempt == token.attempt:
            if token.access and not token.error:
                self._accessed(token)
            if self.priming:
                request.settled = True
            elif token.error:
                self._fail(request, token.error)
            else:
                self._settle(request, 0)

    def _accessed(self, token: Token) -> None:
        """A client learns that its write is there, or which version it has read."""
        assert self.ledger is not None
        request, age_s = token.request, self.ledger.finished(token, self.now)
        if token.access == READ and request.answer is None and not self.priming:
            self.recorder.read(request.operation, self.now, request.measured, age_s)

    def vanish(self, token: Token) -> None:
        """A walk is lost without a word."""
        token.stamp += 1
        if token in self.holding:
            room, key = self.holding.pop(token)
            room.hand_over(key)
        for nesting in range(MAX_OCCUPIED) if self.occupying else ():
            if (station := self.occupying.pop((token, nesting), None)) is not None:
                station.release()
        parent = token.parent
        if parent is not None and parent.join == token.parent_join:
            parent.outstanding -= 1
            if parent.outstanding == 0:
                parent.join += 1
                self.vanish(parent)

    def looked_up(self, cache: int, request: Request, hit: bool) -> None:
        """Count a lookup."""
        if self.priming:
            self.prime_lookups += 1
            self.prime_hits += hit
        else:
            self.recorder.looked_up(cache, self.families[cache], self.now, request.measured, hit)

    # ------------------------------------------------------------ before time zero

    def prime(self, source: OpenSource, past: Priming) -> None:
        """Replay a past through the caches, every delay taken as zero, and call its end time zero."""
        self.priming = True
        for block in source.blocks():
            self.prime_lookups = self.prime_hits = 0
            for arrival in block.rows(self.primed):
                self.now = arrival[0]
                request = Request(0, PRIMING_CLIENT, *arrival[1:])
                self.walks = 0
                entry = self.program.past_entries[request.operation]
                self.ready.append(Token(request, entry, 0, 0, 0, [0] * self.groups))
                self._drain()
            self.primed += len(block.keys)
            for each in self.sources:
                each.inserted += source.inserts(block)
            if past.enough(len(block.keys), self.now, self.prime_lookups, self.prime_hits):
                break
        for cache in self.caches:
            cache.shift(self.now)
        if self.ledger is not None:
            self.ledger.begin(self.now)
        self.now, self.priming = 0.0, False

    # ------------------------------------------------------------ control

    def submit(self, operation: str, key: int = 0, size_bytes: int = 0, leg: int = 0) -> simpy.Event:
        self._control()
        check_key(key, self.key_count)
        index = self.program.operation(operation)
        request = Request(0, PROBE_CLIENT, self.probes, index, key, size_bytes, 1, math.inf)
        request.leg = leg
        self.probes += 1
        request.answer = simpy.Event(self.env)
        self._attempt(request)
        self._drain()
        return request.answer

    def watch_queue(self, station: Station, member: int, length: int) -> simpy.Event:
        state = self._station(station, member)
        return self._watch(state.watches, len(state.queue), length)

    def watch_errors(self, operation: str, count: int) -> simpy.Event:
        index = self.program.operation_names.index(operation)
        return self._watch(self.error_watches[index], self.failures[index], count)

    def _watch(self, watches: list[tuple[int, simpy.Event]], value: int, threshold: int) -> simpy.Event:
        woken = simpy.Event(self.env)
        watches.append((threshold, woken))
        self.notice(watches, value)
        return woken

    def notice(self, watches: list[tuple[int, simpy.Event]], value: int) -> None:
        """Wake whoever watches for such a value, in the order of watching."""
        for watch in [watch for watch in watches if value >= watch[0]]:
            watches.remove(watch)
            watch[1].succeed()

    def down(self, part: Group | Station, member: int, how: Down) -> None:
        self._control()
        for index in self._on_member(part, member):
            self.stations[index].down(SILENT if how == "silent" else REFUSING)
        self._drain()
        for cache in self.program.caches:
            if cache.group is part and cache.volatile:
                self.flush(cache, member)
        for room in self.program.rooms:
            if room.group is part:
                self.clear(room, member, how)
        volume = self.program.volume
        if volume is not None and part in (volume.writers, volume.segments):
            self.interrupt(volume, part, member)

    def up(self, part: Group | Station, member: int) -> None:
        for index in self._on_member(part, member):
            was_down = self.stations[index].state != UP
            self.stations[index].up()
            if was_down:
                self._came_up(index)

    def works(self, station: Station, member: int) -> bool:
        state = self._station(station, member)
        return state.state == UP and not state.paused

    def pause(self, station: Station, member: int) -> None:
        self._control()
        self._station(station, member).pause()

    def resume(self, station: Station, member: int) -> None:
        self._control()
        self._station(station, member).resume()
        self._drain()

    def slow(self, station: Station, member: int, factor: float) -> None:
        check_factor(factor)
        self._control()
        self._station(station, member).slow(factor)

    def resize(self, station: Station, member: int, servers: int) -> None:
        check_servers(station, servers)
        self._control()
        self._station(station, member).resize(servers)
        self._drain()

    def flush(self, cache: Cache, member: int) -> None:
        check_member(cache.group, member)
        self.caches[self.program.cache(cache) + member].flush()

    def held(self, cache: Cache, member: int) -> int:
        check_member(cache.group, member)
        return self.caches[self.program.cache(cache) + member].used

    def save(self, part: Cache | Copies, member: int) -> Image:
        if isinstance(part, Copies):
            return self._followed(part, member).save(member)
        check_order(part)
        check_member(part.group, member)
        return self.caches[self.program.cache(part) + member].save()

    def restore(self, part: Cache | Copies, member: int, image: Image | None) -> None:
        if isinstance(part, Copies):
            self._followed(part, member).restore(member, image or {})
            return
        check_order(part)
        check_member(part.group, member)
        self.caches[self.program.cache(part) + member].restore(image or {}, self.env.now)

    def sizes(self, cache: Cache, member: int, keys: IntArray) -> IntArray:
        check_member(cache.group, member)
        state = self.caches[self.program.cache(cache) + member]
        held = [state.entries[key].size if state.has(key, self.env.now) else NOBODY for key in keys.tolist()]
        return np.array(held, np.int64)

    def move(self, part: Cache | Copies, source: int, target: int, keys: IntArray, *, keep: bool = False) -> None:
        if isinstance(part, Copies):
            self._followed(part, source)
            ledger = self._followed(part, target)
            if keep:
                ledger.share(source, target, keys.tolist())
            else:
                ledger.move(self._row_of(part, target), source, target, keys.tolist())
            return
        check_member(part.group, source)
        check_member(part.group, target)
        first = self.program.cache(part)
        self.caches[first + source].move(self.caches[first + target], keys.tolist(), self.env.now, keep=keep)

    def tokens(self, bucket: Bucket, member: int) -> tuple[float, float]:
        check_member(bucket.group, member)
        state = self.buckets[self.program.bucket(bucket) + member]
        return state.taken, state.missed

    def refill(self, bucket: Bucket, member: int, rate_per_s: float, burst: float, tokens: float | None = None) -> None:
        check_member(bucket.group, member)
        state = self.buckets[self.program.bucket(bucket) + member]
        state.refresh(self.env.now)
        state.rate, state.burst = rate_per_s, burst
        state.tokens = min(state.tokens if tokens is None else tokens, burst)

    def assign(self, membership: Membership, row: int, slot: int, member: int) -> None:
        check_member(membership.group, member)
        self.memberships[self.program.membership(membership)].rows[row][slot] = member
        if self.ledger is not None and membership is self.ledger.part.members and slot == LEADER:
            self.ledger.audit(row, final=False)

    def clear(self, room: Room, member: int, how: Down) -> None:
        check_member(room.group, member)
        self._control()
        self.rooms[self.program.room(room) + member].clear(SILENT if how == "silent" else REFUSING)
        self._drain()

    def copy(self, copies: Copies, row: int, source: int, target: int) -> None:
        assert self.ledger is not None
        assert copies is self.ledger.part
        self.ledger.copy(row, source, target)

    def forget(self, copies: Copies, member: int) -> None:
        self._followed(copies, member).forget(member)

    def _followed(self, copies: Copies, member: int) -> LedgerState:
        check_member(copies.members.group, member)
        assert self.ledger is not None
        assert copies is self.ledger.part
        return self.ledger

    def _end(self, log: Log, member: int) -> tuple[int, int, bool]:
        state = self._log(log, member)
        return state.end, state.bytes, bool(state.waiting)

    def _go(self, log: Log, member: int, end: int, size: int, leads: bool) -> None:
        self._control()
        for token in self._log(log, member).go(end, size, leads=leads):
            self.vanish(token)
        self._drain()

    def _log(self, log: Log, member: int) -> LogState:
        check_member(log.group, member)
        return self.logs[self.program.log(log) + member]

    def extent(self, volume: Volume, segment: int) -> Extent:
        state = self._volume(volume, volume.segments, segment).segments[segment]
        return Extent(state.term, state.end)

    def outstanding(self, volume: Volume, writer: int) -> int:
        return self._volume(volume, volume.writers, writer).writers[writer].outstanding

    def unsure(self, volume: Volume, writer: int) -> int:
        return self._volume(volume, volume.writers, writer).writers[writer].unsure

    def halt(self, volume: Volume, writer: int) -> None:
        self._control()
        self._volume(volume, volume.writers, writer).halt(writer)
        self._drain()

    def interrupt(self, volume: Volume, group: Group, member: int) -> None:
        if group is volume.writers:
            self.halt(volume, member)
        else:
            self._control()
            self._volume(volume, volume.segments, member).interrupt(member)
            self._drain()

    def recover(self, volume: Volume, writer: int, segments: Sequence[int]) -> int:
        self._control()
        count = self._volume(volume, volume.writers, writer).recover(writer, segments)
        self._drain()
        return count

    def gossip(self, volume: Volume, target: int, source: int) -> None:
        self._control()
        self._volume(volume, volume.segments, target, source).gossip(target, source)
        self._drain()

    def wipe(self, volume: Volume, segment: int) -> None:
        self._control()
        self._volume(volume, volume.segments, segment).wipe(segment)
        self._drain()

    def learn(self, volume: Volume, writer: int, segment: int) -> None:
        self._control()
        self._check_volume(volume, volume.writers, writer)
        self._volume(volume, volume.segments, segment).learn(writer, segment)
        self._drain()

    def suffice(self, volume: Volume, row: int, table: Sequence[bool]) -> None:
        check_table(f"volume {volume.name}", volume.width, table)
        self._control()
        self._volume(volume, volume.rows, row).suffice(row, table)
        self._drain()

    def _volume(self, volume: Volume, group: Group, *members: int) -> VolumeState:
        self._check_volume(volume, group, *members)
        assert self.volume is not None
        return self.volume

    def cut(self, network: Network, source_zone: int, target_zone: int, how: Down) -> None:
        self._link(network, source_zone, target_zone).state = SILENT if how == "silent" else REFUSING

    def mend(self, network: Network, source_zone: int, target_zone: int) -> None:
        link = self._link(network, source_zone, target_zone)
        link.state, link.factor = UP, 1.0

    def degrade(self, network: Network, source_zone: int, target_zone: int, factor: float) -> None:
        check_factor(factor)
        self._link(network, source_zone, target_zone).factor = factor

    def swap_quorum(self, quorum: Quorum, needed: int) -> None:
        state = self.quorums[self.program.quorum(quorum)]
        check_needed(quorum, needed)
        state.swap(needed)

    def stop_source(self, source: int) -> None:
        self.active[source] = False

    def start_source(self, source: int) -> None:
        self._control()
        self.active[source] = True
        parked, self.parked[source] = self.parked[source], deque()
        for client in parked:
            if self.now < self.span.duration_s:
                self._issue(source, client)
        self._drain()

    def _control(self) -> None:
        """Control acts: the data plane is at the same instant, and what follows is not its own doing."""
        self.now, self.walks = self.env.now, 0

    def _station(self, station: Station, member: int) -> StationState:
        check_member(station.group, member)
        return self.stations[self.program.station(station) + member]

    def _link(self, network: Network, source_zone: int, target_zone: int) -> LinkState:
        index = self.program.network(network)
        return self.links[self.program.link_base(index) + source_zone * network.zones + target_zone]

    # ------------------------------------------------------------ the outcome

    def outcome(self, replication: int, wall_s: float) -> Outcome:
        """What this replication produced."""
        return make_outcome(
            self.program, self.span, self.recorder.tally, self.parts(), self.journal, replication, "simpy",
            self.primed, self.simulated, self.events, wall_s, is_certain(self.program, self.sources),
        )  # fmt: skip

    def parts(self) -> Parts:
        """What the parts counted."""
        return Parts(
            unlimited=np.array([s.unlimited for s in self.stations], np.bool_),
            started=np.array([s.started for s in self.stations], np.int64),
            rejected=np.array([s.rejected for s in self.stations], np.int64),
            lookups=np.array(self.recorder.lookups, np.int64).reshape(-1, 3),
            evictions=np.array([c.evictions for c in self.caches], np.int64),
            waited=np.array([r.waited for r in self.rooms], np.int64),
            admitted=np.array([(b.admitted, b.refused) for b in self.buckets], np.int64).reshape(-1, 2),
        )
