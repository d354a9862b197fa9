"""What closed forms say of a system before it runs: how busy each station will be, and at which rate it saturates.

The flattened routes are read for how often a request visits each station and how long it is worked on there; how
members are chosen says how that spreads, down to the hottest. Caches are predicted by characteristic times. Where
walks go on together with the first one (a boxcar), as many go the way by themselves as there are firsts, and the busier
the way is, the fewer there are.

Limits:
    No faults, retries, rejections or timeouts; no legs that may not be needed; each cache is judged by the lookups of
    one site, under independent references at the mean rate, and as reads alone; what follows a fork waits for a leg of
    mean length, and so it is with items that are asked for at once. A station that works in rounds is taken to serve
    one by one, without what a round does once for all, and so to be less busy than it is. Walks come to rooms at
    random, each for itself, and what goes a way comes from members as what comes to the room does; near saturation
    fewer are said to go by themselves than do, and their station to be some per cents less busy than it is. Where keys
    are held, and in a room on the way of another, each goes by itself. Where a result has several pages, they are taken
    to be alike, and to have one key. Keys are as popular as before the first insert. Redis's sampled LRU is taken as
    LRU, a few thousandths below which it lies; its LFU as a perfect one, which it comes to within some per cents of, as
    long as keys are used more often than counters fall, and not at all otherwise; Memcached's segments as LRU among
    objects that are all of mean size, which they often beat by some per cents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np

from models.kernel.amounts import ITEM, RESULT
from models.kernel.arrivals import Arrivals, Closed
from models.kernel.closed_forms.caching import (
    approximate_capacity_items,
    approximate_clock_hit_ratio,
    approximate_lfu_hit_ratio,
    fifo_hit_ratio,
    lru_hit_ratio,
    ttl_hit_ratio,
)
from models.kernel.codes import (
    OP_ADMIT,
    OP_CHOOSE,
    OP_DELAY,
    OP_EACH,
    OP_ENTER,
    OP_FORK,
    OP_LOOKUP,
    OP_NEEDED,
    OP_OCCUPY,
    OP_REDIRECT,
    OP_SEEK,
    OP_SERVE,
    OP_VIA,
)
from models.kernel.keys import KeyLaw
from models.kernel.laws import Discrete, as_floats
from models.kernel.loads import BucketLoad, RoomLoad, StationLoad
from models.kernel.outcome import FloatArray
from models.kernel.parts import Cache
from models.kernel.program import END, Program, Site
from models.kernel.random import Stream, mix
from models.kernel.sources import Workload, items_of
from models.kernel.steps.admit import LOOKS
from models.kernel.steps.choose import KEY, LEG, SLOT
from models.kernel.steps.hold import Hold
from models.kernel.steps.volume import KEPT, OTHER

MAX_DEPTH = 400
"""Sites in a row; more is a route that leads in circles."""
SAMPLE = 4096
"""Requests whose numbers of items stand for all."""
NEAR = 1e-9
"""How near to a fixed point, as a part of all there is."""


@dataclass
class Prediction:
    """What is known of a system before it runs.

    Args:
        rate_per_s: Requests a second, offered or (closed loop) at most.
        stations: By name.
        buckets: Token buckets that do not only count, by name; those that are taken from first, where others may do.
        rooms: Rooms in which walks go on together, by name; none of those in which keys are held.
        hit_ratios: Predicted hit ratio of each cache family that is looked up.
        events: Events for each request.
        unloaded_s: Seconds of a request that never waits, by operation.
    """

    rate_per_s: float
    stations: dict[str, StationLoad] = field(default_factory=dict)
    buckets: dict[str, BucketLoad] = field(default_factory=dict)
    rooms: dict[str, RoomLoad] = field(default_factory=dict)
    hit_ratios: dict[str, float] = field(default_factory=dict)
    events: float = 1.0
    unloaded_s: dict[str, float] = field(default_factory=dict)

    @property
    def bottleneck(self) -> StationLoad | None:
        """The station that saturates first."""
        limited = [load for load in self.stations.values() if load.saturation_per_s < math.inf]
        return min(limited, key=lambda load: load.saturation_per_s, default=None)

    @property
    def throttle(self) -> BucketLoad | None:
        """The token bucket that throttles first."""
        limited = [load for load in self.buckets.values() if load.saturation_per_s < math.inf]
        return min(limited, key=lambda load: load.saturation_per_s, default=None)


def predict(program: Program, workload: Workload, duration_s: float) -> Prediction:
    """Read a system's routes under a workload."""
    shares = workload_shares(workload)
    if workload.trace is None and isinstance(workload.arrivals, Closed):
        first = _Reader(program, workload, 1.0, shares).read()
        mean_s = sum(shares[op] * first.unloaded_s[name] for op, name in enumerate(program.operation_names))
        cycle_s = workload.arrivals.think.mean() + mean_s
        limit = first.bottleneck.saturation_per_s if first.bottleneck is not None else math.inf
        rate_per_s = min(workload.arrivals.clients / cycle_s if cycle_s > 0 else math.inf, limit)
    else:
        rate_per_s = open_rate_per_s(workload, duration_s)
    return _Reader(program, workload, rate_per_s, shares).read()


def mean_responses_s(program: Program, workload: Workload, prediction: Prediction) -> dict[str, float]:
    """Mean seconds of a request with all of its waiting, by operation; inf where a station on its way saturates.

    Each station is taken alone, as `StationLoad.waits_s` has it: exact for one M/M/c or M/G/1 station, an approximation
    for routes through several. Who goes on with another walk waits for what is left of its way. Buckets that throttle,
    retries and rooms where keys are held are left out.
    """
    waits = {name: load.waits_s(prediction.rate_per_s) for name, load in prediction.stations.items()}
    shares = workload_shares(workload)
    return _Reader(program, workload, prediction.rate_per_s, shares, waits, prediction.rooms).read().unloaded_s


def open_rate_per_s(workload: Workload, duration_s: float) -> float:
    """Mean rate of an open workload, requests/s."""
    if workload.trace is not None:
        return workload.trace.arrived(duration_s) / duration_s if duration_s > 0 else math.inf
    assert isinstance(workload.arrivals, Arrivals)
    return workload.arrivals.mean_rate_per_s(duration_s)


def prior_rate_per_s(program: Program, workload: Workload) -> float:
    """The rate to assume before time zero for a closed loop, requests/s."""
    rate_per_s = predict(program, workload, 1.0).rate_per_s
    return rate_per_s if math.isfinite(rate_per_s) else 1000.0


def workload_shares(workload: Workload) -> FloatArray:
    """Share of each operation, shape (operations,)."""
    return np.array(list(workload.mix.values())) if workload.trace is None else workload.trace.shares


@dataclass(frozen=True, eq=False)
class _Walk:
    """What a walk is about.

    Args:
        leg: The number of its leg or part.
        items: Items that it asks for, a sample.
        popularity: How likely each key is the walk's, shape (keys,).
        until: The site that it is followed to, unless it comes to its end before.
    """

    leg: int
    items: FloatArray
    popularity: FloatArray
    until: int = END


@dataclass(frozen=True, eq=False)
class _Way:
    """What is done on the way of a room, if all who come by some site go by themselves.

    Args:
        room: The room family's name.
        weight: Visits of a request.
        shares: How likely each thing is what is wanted, shape (members, members of the group that things are of).
        took_s: Mean seconds, without waiting.
        done: What comes to stations and buckets.
    """

    room: str
    weight: float
    shares: FloatArray
    took_s: float
    done: Prediction


@dataclass
class _Reader:
    """One reading of all routes; with `waits_s`, a visit to a station takes its wait, too, and `rooms` are known."""

    program: Program
    workload: Workload
    rate_per_s: float
    shares: FloatArray
    waits_s: Mapping[str, FloatArray] = field(default_factory=dict)
    rooms: Mapping[str, RoomLoad] = field(default_factory=dict)

    def read(self) -> Prediction:
        program = self.program
        self.prediction, self.ways = self._nothing(events=1.0), list[_Way]()
        self.is_in_room, self.variance_s2 = False, 0.0
        for op, name in enumerate(program.operation_names):
            chosen = {index: _one(group.size, 0) for index, group in enumerate(program.groups)}
            unloaded_s = self._follow(program.entries[op], float(self.shares[op]), chosen, self._asked(op), 0)
            self.prediction.unloaded_s[name] = unloaded_s
        for load in self.prediction.stations.values():
            load.unshared_s = load.work_s
        if self.ways:
            self._share()
        return self.prediction

    def _nothing(self, events: float = 0.0) -> Prediction:
        """A prediction of routes that do nothing."""
        prediction = Prediction(self.rate_per_s, events=events)
        for part in self.program.stations:
            zeros = np.zeros(part.group.size)
            prediction.stations[part.name] = StationLoad(part.name, part.servers, zeros, zeros, zeros, zeros)
        for bucket in self.program.buckets:
            if bucket.burst < math.inf:
                load = BucketLoad(bucket.name, bucket.rate_per_s, np.zeros(bucket.group.size))
                prediction.buckets[bucket.name] = load
        return prediction

    def _share(self) -> None:
        """Add what is done on the ways of rooms, by those who go by themselves at this rate."""
        prediction, sharing = self.prediction, _Sharing(self.prediction, self.ways)
        alone = sharing.alone()
        prediction.stations.update((load.name, load) for load in sharing.loads(alone))
        for part, way in zip(alone.tolist(), self.ways, strict=True):
            prediction.events += part * way.done.events
            for name, bucket in way.done.buckets.items():
                prediction.buckets[name].tokens = prediction.buckets[name].tokens + part * bucket.tokens

    def _asked(self, op: int) -> _Walk:
        """What requests of an operation ask for."""
        w, popularity = self.workload, self.popularity
        if op == w.insert:
            popularity = np.full(len(popularity), 1.0 / len(popularity))
        of_op = np.full(SAMPLE, op)
        return _Walk(0, items_of(w, Stream(0, 0), of_op, 0, 0).astype(float), popularity)

    def _follow(self, index: int, weight: float, chosen: dict[int, FloatArray], walk: _Walk, depth: int) -> float:
        """Follow a route to its end; returns the mean seconds that it takes without waiting."""
        assert depth < MAX_DEPTH, "a route that leads in circles"
        if index in (END, walk.until) or weight == 0.0:
            return 0.0
        program, site = self.program, self.program.sites[index]
        took_s, after = 0.0, site.next
        if site.op in (OP_CHOOSE, OP_REDIRECT):
            chosen = {**chosen, program.group(program.memberships[site.a].group): self._choice(site, chosen, walk)}
        elif site.op == OP_SEEK and site.b != KEPT:
            chosen = {**chosen, program.group(program.memberships[site.a].group): self._sought(site, chosen)}
        elif site.op == OP_VIA:
            chosen = {**chosen, site.d: self._links(site, chosen)}
        elif site.op == OP_DELAY:
            took_s = self._delay_s(site, chosen[site.b])
            self.prediction.events += weight * (took_s > 0)
        elif site.op == OP_ADMIT and not site.d & LOOKS:
            self._admit(site, weight, chosen[site.b], walk)
        elif site.op == OP_SERVE:
            took_s = self._serve(site, weight, chosen[site.b], walk)
        elif site.op == OP_OCCUPY:
            took_s, after = self._occupy(site, weight, chosen, walk, depth), site.other
        elif site.op == OP_ENTER and not self.is_in_room and _goes_together(site):
            took_s, after = self._enter(site, weight, chosen, walk, depth), site.other
        elif site.op == OP_LOOKUP:
            hit = self._hit_ratio(site, weight, chosen[site.b], walk)
            missed_s = self._follow(site.other, weight * (1 - hit), chosen, walk, depth + 1)
            return hit * self._follow(site.next, weight * hit, chosen, walk, depth + 1) + (1 - hit) * missed_s
        elif site.op == OP_FORK:
            entries = program.legs[site.a : site.a + site.b]
            legs = [
                self._follow(entry, weight, chosen, replace(walk, leg=leg), depth + 1)
                for leg, entry in enumerate(entries)
                if not any(each.op == OP_NEEDED for each in program.reached([entry]))
            ]
            took_s = float(np.mean(legs)) if legs and program.quorums[site.c].needed != 0 else 0.0
        elif site.op == OP_EACH:
            count, part = self._parts(site, walk)
            took_s = self._follow(site.a, weight * count, chosen, part, depth + 1) * (count if site.c else 1.0)
        return took_s + self._follow(after, weight, chosen, walk, depth + 1)

    def _parts(self, site: Site, walk: _Walk) -> tuple[float, _Walk]:
        """How many parts there are, in the mean, and what each is about."""
        if site.c == 0:
            items = np.minimum(walk.items, site.d)
            return float(items.mean()), _Walk(0, np.ones(1), _neighbours(walk.popularity, items))
        full = max(1.0, site.c // self.mean_size_bytes) if self.mean_size_bytes >= 1.0 else math.inf
        pages = np.ceil(walk.items / full) if full < math.inf else np.ones(len(walk.items))
        several = float(pages.max()) > 1.0
        return float(pages.mean()), replace(
            walk, items=walk.items.sum(keepdims=True) / pages.sum()
        ) if several else walk

    def _choice(self, site: Site, chosen: dict[int, FloatArray], walk: _Walk) -> FloatArray:
        """Probability of each member after a choice."""
        membership = self.program.memberships[site.a]
        rows = np.array(membership.rows)
        row_share = chosen[self.program.group(membership.of)] if membership.of is not None else np.ones(1)
        slot_share = np.full(membership.width, 1.0 / membership.width)
        if site.b == KEY:
            slot_share = self._by_key(membership.width, walk.popularity)
        elif site.b in (LEG, SLOT):
            slot_share = _one(membership.width, (walk.leg if site.b == LEG else site.c) % membership.width)
        return as_floats(np.bincount(rows.ravel(), np.outer(row_share, slot_share).ravel(), membership.group.size))

    def _sought(self, site: Site, chosen: dict[int, FloatArray]) -> FloatArray:
        """Probability of each segment where the first or second of each order has what is durable."""
        program, table = self.program, self.program.memberships[site.a]
        assert program.volume is not None
        width, place = program.volume.width, min(int(site.b == OTHER), program.volume.width - 1)
        whose = chosen[program.group(table.of)] if table.of is not None else np.ones(1)
        shares = np.outer(whose, chosen[site.d]).ravel()
        return as_floats(np.bincount(np.array(table.rows)[:, place::width].ravel(), shares, table.group.size))

    def _by_key(self, width: int, popularity: FloatArray) -> FloatArray:
        """How likely a key belongs to each slot."""
        if popularity is self.popularity and self.workload.trace is None:
            return _slot_shares(self.workload.keys, width)
        return _shares_of(popularity, width)

    def _links(self, site: Site, chosen: dict[int, FloatArray]) -> FloatArray:
        """Probability of each link between zones."""
        source, target = (self._zone_shares(g, chosen, site.c) for g in (site.a, site.b))
        return np.outer(source, target).ravel()

    def _zone_shares(self, group: int, chosen: dict[int, FloatArray], zones: int) -> FloatArray:
        if group < 0:
            return _one(zones, 0)
        where = [self.program.groups[group].zone(member) for member in range(self.program.groups[group].size)]
        return as_floats(np.bincount(where, chosen[group], zones))

    def _delay_s(self, site: Site, links: FloatArray) -> float:
        laws = self.program.laws.laws
        near = sum(float(share) for link, share in enumerate(links) if link // site.d == link % site.d)
        return near * laws[site.law].mean() + (1.0 - near) * laws[site.c].mean()

    def _serve(self, site: Site, weight: float, members: FloatArray, walk: _Walk) -> float:
        law = self.program.laws.laws[site.law]
        times = 1.0 + site.x * (walk.items - 1.0)
        if site.c and site.of == RESULT:
            times = times * np.ceil(walk.items * self.mean_size_bytes / site.c)
        elif site.c:
            times = times * math.ceil(self.mean_size_bytes / site.c) * (1.0 if site.of == ITEM else walk.items)
        work_s = law.mean() * float(times.mean())
        square_s2 = (law.variance() + law.mean() ** 2) * float((times**2).mean())
        self.prediction.events += weight * (work_s > 0)
        self.variance_s2 += weight * max(0.0, square_s2 - work_s**2)
        return work_s + self._load(site.a, weight, members, work_s, square_s2)

    def _occupy(
        self, site: Site, weight: float, chosen: dict[int, FloatArray], walk: _Walk, depth: int
    ) -> float:  # fmt: skip
        """Mean seconds from being given a server to giving it back, taken to vary as an exponential does; and the wait
        before.
        """
        held_s = self._follow(site.next, weight, chosen, replace(walk, until=site.other), depth + 1)
        return held_s + self._load(site.a, weight, chosen[site.b], held_s, 2.0 * held_s**2)

    def _enter(self, site: Site, weight: float, chosen: dict[int, FloatArray], walk: _Walk, depth: int) -> float:
        """Mean seconds until those go on who come to a room: of one that never waits, or of all where waits are known.

        Who goes on with another walk waits for what is left of its way, of which times of work vary.
        """
        assert isinstance(site.step, Hold)
        assert site.step.room.by is not None
        name, shares = site.step.room.name, np.outer(chosen[site.b], chosen[self.program.group(site.step.room.by)])
        outside, self.prediction, self.is_in_room, self.variance_s2 = self.prediction, self._nothing(), True, 0.0
        took_s = self._follow(site.next, weight, chosen, replace(walk, until=site.other), depth + 1)
        done, self.prediction, self.is_in_room = self.prediction, outside, False
        outside.hit_ratios.update(done.hit_ratios)
        if name in self.rooms:
            if not 0.0 < took_s < math.inf:
                return took_s
            (alone,) = self.rooms[name].alone(self.rate_per_s, shares[None], np.array([took_s])).tolist()
            left_s = (took_s + self.variance_s2 / weight / took_s) / 2.0
            return float(alone * took_s + (1.0 - alone) * left_s)
        room = outside.rooms.setdefault(name, RoomLoad(name, np.zeros(shares.shape)))
        room.visits = room.visits + weight * shares
        self.ways.append(_Way(name, weight, shares, took_s, done))
        return took_s

    def _load(self, first: int, weight: float, members: FloatArray, work_s: float, square_s2: float) -> float:
        """Add work to a station's load; returns the mean wait for it, where that is known."""
        base, wait_s = 0, 0.0
        for part in self.program.stations:
            if base == first:
                load = self.prediction.stations[part.name]
                load.visits = load.visits + weight * members
                load.work_s = load.work_s + weight * work_s * members
                load.squares_s2 = load.squares_s2 + weight * square_s2 * members
                if part.name in self.waits_s:
                    wait_s = float(self.waits_s[part.name][members > 0] @ members[members > 0])
            base += part.group.size
        return wait_s

    def _units(self, site: Site, walk: _Walk) -> FloatArray:
        """Units of a walk's items, at one step."""
        if not site.c:
            return np.ones(len(walk.items))
        if site.of == RESULT:
            return as_floats(np.maximum(1.0, np.ceil(walk.items * self.mean_size_bytes / site.c)))
        one = max(1.0, math.ceil(self.mean_size_bytes / site.c))
        return np.full(len(walk.items), one) if site.of == ITEM else walk.items * one

    def _admit(self, site: Site, weight: float, members: FloatArray, walk: _Walk) -> None:
        load = self.prediction.buckets.get(self.program.bucket_at(site.a).name)
        if load is not None:
            load.tokens = load.tokens + weight * site.x * float(self._units(site, walk).mean()) * members

    def _hit_ratio(self, site: Site, weight: float, members: FloatArray, walk: _Walk) -> float:
        """Of the lookups of a site, over all members of the cache family."""
        base = 0
        part = self.program.caches[0]
        for cache in self.program.caches:
            if base == site.a:
                part = cache
            base += cache.group.size
        size_bytes = self.mean_size_bytes * (float(walk.items.mean()) if site.c else 1.0)
        ratios = {
            share: self._member_hit_ratio(part, weight * (1.0 if part.shared else share), size_bytes, walk.popularity)
            for share in set(members.tolist())
            if share > 0
        }
        hit = math.fsum(share * ratios[share] for share in members.tolist() if share > 0)
        self.prediction.hit_ratios[part.name] = hit
        return hit

    def _member_hit_ratio(
        self, cache: Cache, lookups_per_request: float, size_bytes: float, popularity: FloatArray
    ) -> float:
        rates = popularity[popularity > 0] * lookups_per_request * min(self.rate_per_s, 1e18)
        if not rates.size or rates.sum() <= 0:
            return 0.0
        capacity: float = cache.capacity
        if cache.capacity_bytes is not None:
            weight_bytes = size_bytes + cache.added_bytes or 1.0
            capacity = approximate_capacity_items(capacity, weight_bytes)
            if cache.policy == "segmented_lru":
                capacity = cache.slabs.fitting_items(cache.capacity, weight_bytes)
                if capacity == 0.0:
                    return 0.0
        forms = {
            "lru": lru_hit_ratio, "fifo": fifo_hit_ratio, "clock": approximate_clock_hit_ratio,
            "sampled_lru": lru_hit_ratio, "sampled_lfu": approximate_lfu_hit_ratio, "segmented_lru": lru_hit_ratio,
        }  # fmt: skip

        def hit_ratio(ttl_s: float) -> float:
            if capacity >= rates.size:
                return ttl_hit_ratio(rates, ttl_s) if math.isfinite(ttl_s) else 1.0
            return forms[cache.policy](rates, max(capacity, 1.0), ttl_s)

        most_s = math.inf if cache.ttl_s is None else cache.ttl_s
        # Which key has which time to live is drawn, so each key is as likely to have any of them.
        return math.fsum(share * hit_ratio(ttl_s) for ttl_s, share in self._ttls(most_s))

    def _ttls(self, most_s: float) -> list[tuple[float, float]]:
        """How long objects live, at most so long, and which share of them does; by the mean of laws but `discrete`."""
        law = None if self.workload.trace is not None else self.workload.ttls
        if isinstance(law, Discrete):
            return [(min(ttl_s, most_s), p) for ttl_s, p in zip(law.values, law.probabilities(), strict=True)]
        return [(min(math.inf if law is None else law.mean(), most_s), 1.0)]

    @cached_property
    def popularity(self) -> FloatArray:
        trace = self.workload.trace
        return self.workload.keys.popularity() if trace is None else trace.popularity

    @cached_property
    def mean_size_bytes(self) -> float:
        return self.workload.mean_size_bytes


class _Sharing:
    """How many go the ways of rooms by themselves, at the rate of a prediction.

    The longer all have to wait for the stations on their ways, the fewer go by themselves, and the less they wait: so
    there is one wait that brings itself about, which is taken to be the same on all ways.

    Args:
        prediction: What is done elsewhere, and what comes to rooms.
        ways: What is done on their ways.
    """

    def __init__(self, prediction: Prediction, ways: Sequence[_Way]) -> None:
        self.rate_per_s, self.ways = prediction.rate_per_s, ways
        self.took_s = np.array([way.took_s for way in ways])
        self.rooms = [
            (load, [index for index, way in enumerate(ways) if way.room == name])
            for name, load in prediction.rooms.items()
        ]
        self.shares = [np.stack([ways[index].shares for index in indices]) for _, indices in self.rooms]
        self.stations: list[tuple[StationLoad, FloatArray]] = []
        for name, load in prediction.stations.items():
            done = [way.done.stations[name] for way in ways]
            brought = np.array([(each.visits, each.work_s, each.squares_s2) for each in done])
            if brought.any():
                self.stations.append((load, brought))

    def alone(self) -> FloatArray:
        """Of those who come to each way, the part that goes by itself, shape (ways,)."""
        nobody = np.zeros(len(self.ways))
        if self.rate_per_s == 0.0:
            return nobody + 1.0
        if self.rate_per_s == math.inf:
            return nobody
        # Of the time between requests and the wait, the part of the former: 1 for no wait, and 0 for an endless one.
        low, high = 0.0, 1.0
        while high - low > NEAR:
            middle = (low + high) / 2.0
            waited_s = self._waited_s(middle)
            low, high = (low, middle) if self._wait_s(self._alone(waited_s)) > waited_s else (middle, high)
        return self._alone(self._waited_s(high)) if low > 0.0 else nobody

    def _waited_s(self, part: float) -> float:
        return (1.0 / part - 1.0) / self.rate_per_s

    def _alone(self, waited_s: float) -> FloatArray:
        """The same, where all wait so long on their ways."""
        alone = np.zeros(len(self.ways))
        for (load, indices), shares in zip(self.rooms, self.shares, strict=True):
            alone[indices] = load.alone(self.rate_per_s, shares, self.took_s[indices] + waited_s)
        return alone

    def _wait_s(self, alone: FloatArray) -> float:
        """Mean seconds of those who go a way that they wait on it, where so many do; inf where a station saturates."""
        total_s = 0.0
        for load, (_, brought) in zip(self.loads(alone), self.stations, strict=True):
            visits = brought[:, 0].sum(axis=0)
            members = np.flatnonzero(visits)
            total_s += float(load.waits_s(self.rate_per_s, members)[members] @ visits[members])
        return total_s / math.fsum(way.weight for way in self.ways)

    def loads(self, alone: FloatArray) -> list[StationLoad]:
        """What comes to stations on the ways, from elsewhere as well, where so many go by themselves."""
        loads = []
        for load, brought in self.stations:
            visits, work_s, squares_s2 = np.tensordot(alone, brought, 1)
            loads.append(
                replace(
                    load,
                    visits=load.visits + visits,
                    work_s=load.work_s + work_s,
                    squares_s2=load.squares_s2 + squares_s2,
                )
            )
        return loads


def _goes_together(site: Site) -> bool:
    """Whether those who come to a room go on with the first, and what is held is no key."""
    return isinstance(site.step, Hold) and site.step.share and site.step.room.by is not None


@lru_cache(maxsize=64)
def _slot_shares(keys: KeyLaw, width: int) -> FloatArray:
    """How likely each slot is that of a key; most sites, and most scenarios of a sweep, ask for the same."""
    return _shares_of(keys.popularity(), width)


def _shares_of(popularity: FloatArray, width: int) -> FloatArray:
    slots = mix(np.arange(len(popularity), dtype=np.int64)) % width
    return as_floats(np.bincount(slots, popularity, width))


def _neighbours(popularity: FloatArray, items: FloatArray) -> FloatArray:
    """How likely each key is one of the items from a popular key on, around the ring, shape (keys,)."""
    if items.max() <= 1.0 or np.ptp(popularity) == 0.0:
        return popularity
    further = np.arange(int(items.max()))
    reached = np.bincount(further % len(popularity), (items[:, None] > further).mean(axis=0), len(popularity))
    around = np.fft.irfft(np.fft.rfft(popularity) * np.fft.rfft(reached), len(popularity))
    around = np.maximum(around, 0.0)
    return as_floats(around / around.sum())


def _one(size: int, index: int) -> FloatArray:
    share = np.zeros(size)
    share[index] = 1.0
    return share
