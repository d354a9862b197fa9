"""Both engines give the same bits, whatever the system, its work and its control.

Goal: the rules of time, ties, draws and measures mean the same in both. Method: random systems, small and full of ties,
run on both engines; everything that shows is compared: what control saw and when, the whole outcome, what the parts
counted, and the fingerprint. Planted differences must each be found, so that the comparison is known to bite.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from models.kernel import sampling, simpy_engine, sources, station
from models.kernel.amounts import ITEMS, RESULT, units
from models.kernel.arrivals import Renewal
from models.kernel.cache import CacheState
from models.kernel.codes import MAX_OCCUPIED
from models.kernel.entries import Entry
from models.kernel.keys import Zipf, zipf_table
from models.kernel.laws import Exponential
from models.kernel.ledger import READ, WROTE, LedgerState
from models.kernel.parts import CACHE_POLICIES, Group, Quorum, Station
from models.kernel.program import Site
from models.kernel.recorder import Recorder
from models.kernel.sampling import Sampler
from models.kernel.simpy_engine import Draws, QuotaState, SimpyPlane
from models.kernel.slabs import ACTIVE, COLD, FETCHED, HOT, NEW, WARM, SlabsState
from models.kernel.sources import NOTHING, ClosedSource, OpenSource, Workload
from models.kernel.station import REFUSING, StationState
from models.kernel.steps import (
    Admit,
    Append,
    Attempt,
    Each,
    Fit,
    Fork,
    Needed,
    Pass,
    Peek,
    Persist,
    Redirect,
    Serve,
    Try,
    admit,
    fork,
    lookup,
    serve,
)
from models.kernel.steps.admit import TRIES, BucketState
from models.kernel.steps.each import PartsState
from models.kernel.steps.fork import QuorumState
from models.kernel.steps.hold import RoomState
from models.kernel.steps.instead import _Guard
from models.kernel.steps.log import LogState
from models.kernel.steps.travel import _Delay
from models.kernel.steps.volume import VolumeState
from models.kernel.system import REFUSED, TIMEOUT, Client, Operation, RetryQuota, Route
from models.kernel.tokens import Request, Token
from tests.strategies.evictions import handed_over_case, sampled_case, saved_case, slabs_case
from tests.strategies.logs import log_case
from tests.strategies.systems import (
    GRID_S,
    Case,
    Seen,
    boxcar_case,
    busy_case,
    cases,
    cleared_case,
    expiring_case,
    first_difference,
    grid,
    living_case,
    moved_case,
    occupied_case,
    older_case,
    other_way_case,
    partial_quorum_case,
    restored_case,
    returning_case,
    rounds_case,
    run,
    several_case,
    throttled_case,
    unlike,
    waiting_case,
    with_operations,
)
from tests.strategies.volumes import volume_case

ROOT = Path(__file__).parents[2]
EXAMPLES = 300
SLOW_EXAMPLES, SLOW_ROUNDS = 1_100, 10
BLOCK, BLOCKS = 150, 10
"""Cases among which planted differences are looked for; blocks are drawn as long as nothing is found."""
RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def agree(case: Case, **options: Any) -> None:
    """Assert that the engines agree on a case; options are the compiled engine's."""
    reference, fast = run(case, "simpy"), run(case, "compiled", **options)
    assert unlike(reference, fast) is None


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=RELAXED)
@given(cases())
def test_engines_agree(case: Case) -> None:
    agree(case)


@pytest.mark.parametrize(
    "case",
    [
        busy_case(),
        cleared_case(),
        expiring_case(),
        several_case(),
        living_case(),
        log_case(),
        rounds_case(),
        restored_case(),
        moved_case(),
        volume_case(),
        volume_case(limit=2),
        volume_case(followed=False),
        partial_quorum_case(),
    ],
    ids=[
        "busy",
        "cleared",
        "expiring",
        "several",
        "living",
        "log",
        "rounds",
        "restored",
        "moved",
        "volume",
        "limited",
        "unfollowed",
        "partial",
    ],
)
def test_engines_agree_on_what_was_thought_of(case: Case) -> None:
    agree(case)


@pytest.mark.parametrize("capacity", [1, 4096])
@pytest.mark.parametrize("case", [
    sampled_case("sampled_lru"), sampled_case("sampled_lfu"), slabs_case(),
    *(handed_over_case(policy) for policy in CACHE_POLICIES if policy != "segmented_lru"),
    *(saved_case(policy) for policy in CACHE_POLICIES if policy != "segmented_lru"),
])  # fmt: skip
def test_engines_agree_on_what_is_evicted(case: Case, capacity: int) -> None:
    agree(case, capacity=capacity, specialised=capacity > 1)


@settings(max_examples=EXAMPLES // 5, deadline=None, derandomize=True, suppress_health_check=RELAXED)
@given(cases(), st.integers(1, 40), st.integers(1, 40))
def test_blocks_of_any_size_give_the_same_bits(case: Case, block_size: int, draw_block: int) -> None:
    """Draws and requests come in blocks for speed's sake alone."""
    expected = run(case, "simpy", block_size=4096, draw_block=2048)

    assert unlike(expected, run(case, "simpy", block_size=block_size, draw_block=draw_block)) is None
    assert unlike(expected, run(case, "compiled", block_size=block_size, draw_block=draw_block)) is None


@settings(max_examples=EXAMPLES // 5, deadline=None, derandomize=True, suppress_health_check=RELAXED)
@given(cases(), st.sampled_from([1, 2, 4096]))
def test_room_at_the_start_changes_nothing(case: Case, capacity: int) -> None:
    """The compiled engine begins with room for little, and must grow in the middle of a run, time and again."""
    agree(case, capacity=capacity)


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(SLOW_ROUNDS))
def test_engines_agree_on_many_systems(round_: int) -> None:
    """Rounds, so that several processes can share them; each draws other systems."""
    assert round_ < SLOW_ROUNDS

    @settings(max_examples=SLOW_EXAMPLES, deadline=None, suppress_health_check=RELAXED, print_blob=True)
    @given(cases(), st.sampled_from([1, 64]), st.sampled_from([3, 64]))
    def check(case: Case, capacity: int, block_size: int) -> None:
        agree(case, capacity=capacity, block_size=block_size, draw_block=block_size)

    check()


# ---------------------------------------------------------------- the comparison bites


def by_hand() -> list[Case]:
    some = (
        several_case, throttled_case, other_way_case, older_case, waiting_case, busy_case, expiring_case,
        returning_case, boxcar_case, cleared_case, occupied_case, living_case, log_case,
        partial(log_case, replicated=False), rounds_case, restored_case, moved_case, volume_case,
        partial(volume_case, limit=2), partial(volume_case, needed=4), partial_quorum_case,
    )  # fmt: skip
    evicting = [sampled_case("sampled_lru"), sampled_case("sampled_lfu"), slabs_case()]
    handed = [hand(policy) for hand in (handed_over_case, saved_case) for policy in ("clock", "sampled_lfu", "lru")]
    return [*(case() for case in some), *evicting, *handed]


@cache
def samples(block: int) -> list[tuple[Case, Seen]]:
    """Some cases, and what the compiled engine makes of them; those by hand come first."""
    drawn: list[Case] = [] if block else by_hand()

    @seed(block)
    @settings(max_examples=BLOCK, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=RELAXED)
    @given(cases())
    def draw(case: Case) -> None:
        drawn.append(case)

    draw()
    return [(case, run(case, "compiled")) for case in drawn]


def difference(planted: str) -> str | None:
    """What is found of a planted difference; cases are drawn, and compiled code runs, while nothing is planted."""
    for block in range(BLOCKS):
        compiled = samples(block)
        with pytest.MonkeyPatch.context() as patch:
            MUTANTS[planted](patch)
            found = next((found for case, seen in compiled if (found := unlike(run(case, "simpy"), seen))), None)
        if found is not None:
            return found
    return None


def arrival_before_its_successor(plane: SimpyPlane, index: int, arrival: Any) -> None:
    """A request begins, and only then the next arrival is put in the queue."""
    plane.events += 1
    if plane.active[index]:
        plane._begin(Request(index, plane.sources[index].client_base, *arrival[1:]))
        plane._drain()
    plane._next_arrival(index)


class Stack(deque[Any]):
    """Last come, first served."""

    popleft = deque.pop


def changed(owner: Any, name: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Any:
    """Replace a method by what `change` makes of it."""
    return lambda patch: patch.setattr(owner, name, change(getattr(owner, name)))


def after(action: Callable[..., None]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The same method, followed by an action on its object."""

    def change(method: Callable[..., Any]) -> Callable[..., Any]:
        def both(self: Any, *arguments: Any, **options: Any) -> Any:
            result = method(self, *arguments, **options)
            action(self)
            return result

        return both

    return change


def one_more_place(station: StationState) -> None:
    station.limit = None if station.limit is None else station.limit + 1


def no_recency(cache: CacheState) -> None:
    cache.policy = 1 if cache.policy == 0 else cache.policy


def no_marks(cache: CacheState) -> None:
    cache.policy = 1 if cache.policy == 2 else cache.policy


def any_leg(init: Callable[..., None]) -> Callable[..., None]:
    def change(quorum: QuorumState, part: Any) -> None:
        init(quorum, part)
        if part.table is not None:
            quorum.met = lambda answered: answered > 0

    return change


def one_bit_off(function: Callable[..., Any]) -> Callable[..., Any]:
    def change(draws: Draws) -> Callable[[Token], float]:
        draw = function(draws)
        return lambda token: float(np.nextafter(draw(token), math.inf))

    return change


def forget_what_waits(station: StationState, state: int) -> None:
    """A crash that lets the queue live."""
    waiting = list(station.queue)
    station.queue.clear()
    DOWN(station, state)
    station.queue.extend(waiting)


DOWN = StationState.down


def up_again(station: StationState) -> None:
    """A station that is up, and paused, goes on too, while what it served stays where it was."""
    station.state, station.paused = 0, False
    station.room = station.free_servers()


def other_visit(draws: Draws) -> None:
    draws.visit += 1


def same_branch(token: Token) -> None:
    if token.parent is not None:
        token.branch = token.parent.branch


def longer_lives(lookup: Callable[..., bool]) -> Callable[..., bool]:
    """An object is held at the very instant at which it expires."""
    return lambda cache, key, size, now: lookup(cache, key, size, float(np.nextafter(now, 0.0)))


def last_come(station: StationState) -> None:
    station.queue = Stack()


def delay_even_when_zero(bind: Callable[..., Any]) -> Callable[..., Any]:
    def change(step: _Delay, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        delay = bind(step, plane, site)

        def walk(token: Token) -> int:
            result: int = delay(token)
            if result < 0 or token.error:
                return result
            token.due = plane.now
            plane.wake_at(token.due, token)
            return -1

        return walk

    return change


def forget_one_block(block: Callable[..., Any]) -> Callable[..., Any]:
    """A block of draws that begins one request late."""

    def change(*some: Any) -> tuple[int, list[float]]:
        first, values = block(*some)
        return first, [*values[1:], values[0]]

    return change


def last_in_room_first(share: Callable[..., None]) -> Callable[..., None]:
    def change(room: RoomState, owner: Token, key: int) -> None:
        room.waiting.get(key, deque()).reverse()
        share(room, owner, key)

    return change


def all_is_shared(share: Callable[..., None]) -> Callable[..., None]:
    """Who goes along has read what the first one has."""

    def change(room: RoomState, owner: Token, key: int) -> None:
        for token, _ in room.waiting.get(key, ()):
            token.version, token.access = owner.version, owner.access
        share(room, owner, key)

    return change


def cleared_one_by_one(room: RoomState, state: int) -> None:
    """Each holds what it has until its own place is cleared."""
    for key in sorted(room.owners):
        owner = room.owners.pop(key, None)
        if owner is not None:
            room.plane.holding.pop(owner, None)
            for token, after in room.waiting.pop(key, ()):
                if state == REFUSING:
                    token.error, token.site = REFUSED, after
                    room.plane.ready.append(token)
                else:
                    room.plane.vanish(token)


def plain_refund(state: QuotaState, _: Request) -> None:
    state.tokens = min(state.quota.capacity, state.tokens + state.quota.refund)


def plain_price(quota: RetryQuota, error: int) -> float:
    return quota.timeout_cost if error == TIMEOUT else quota.cost


def first_quota(quota: Callable[..., Any]) -> Callable[..., Any]:
    return lambda plane, request: quota(plane, request) and plane.quotas[request.operation][0]


def full_at_once(bucket: BucketState) -> None:
    bucket.tokens = bucket.burst


def one_key_for_all(bind: Callable[..., None]) -> Callable[..., None]:
    """Parts ask for the key of the whole."""

    def change(parts: PartsState, *some: Any) -> None:
        bind(parts, *some)
        start = parts.start

        def start_same(walk: Token) -> None:
            if walk.parent is not None and walk.parent.parts is parts:
                walk.key = walk.parent.key
            start(walk)

        parts.start = start_same  # type: ignore[method-assign]

    return change


def spilled(refresh: Callable[..., None]) -> Callable[..., None]:
    """What a bucket cannot hold is lost."""

    def change(bucket: BucketState, now: float) -> None:
        below, bucket.overflow = bucket.overflow, None
        refresh(bucket, now)
        bucket.overflow = below

    return change


def goes_on_without(parts: PartsState) -> None:
    """A walk goes on when a part is lost, once the others have ended."""
    parts.vanish = parts.start  # type: ignore[method-assign]


def item_by_item(of: int, *some: int) -> int:
    """Sizes of a result are rounded up one by one."""
    return units(ITEMS if of == RESULT else of, *some)


def first_set_alone(bind: Callable[..., Any]) -> Callable[..., Any]:
    """Who finds too few in one set of buckets is throttled at once."""
    return lambda step, plane, site: bind(step, plane, replace(site, d=site.d & ~TRIES))


def first_part_read_nothing(join: Callable[..., None]) -> Callable[..., None]:
    """What the first part has read is not the walk's."""

    def change(parts: PartsState, part: Token, token: Token) -> None:
        part.version = part.access = 0
        join(parts, part, token)

    return change


def last_leg_alone(leg: Token, walk: Token) -> None:
    """The leg that answers last has the last word."""
    if leg.access == READ and walk.access != WROTE:
        walk.version, walk.access = leg.version, READ


def newest_of_all(leg: Token, walk: Token) -> None:
    if leg.access == READ:
        walk.version, walk.access = max(walk.version, leg.version), READ


def lost_with_all(vanish: Callable[..., None]) -> Callable[..., None]:
    """What it occupies goes with a walk that is lost."""

    def change(plane: SimpyPlane, token: Token) -> None:
        for nesting in range(MAX_OCCUPIED):
            plane.occupying.pop((token, nesting), None)
        vanish(plane, token)

    return change


def down_and_given_back(down: Callable[..., None]) -> Callable[..., None]:
    """Whoever occupied a server of a station that went down gives it back later."""

    def change(state: StationState, how: int) -> None:
        before = state.occupied()
        down(state, how)
        state.plane.occupying.update(dict.fromkeys(before, state))

    return change


def stays_where_it_was(remove: Callable[..., None]) -> Callable[..., None]:
    """Those behind an object that leaves move up, instead of the last taking its place."""

    def change(sampler: Sampler, entry: Entry, held: dict[int, Entry]) -> None:
        key = sampler.roster.pop(entry.place)
        for place, other in enumerate(sampler.roster):
            held[other].place = place
        assert remove
        assert key not in sampler.roster

    return change


def looked_at_again(victim: Callable[..., int]) -> Callable[..., int]:
    """Candidates that were used since they came into the pool are spared."""

    def change(sampler: Sampler, held: dict[int, Entry], *some: Any) -> int:
        sampler.pool = sorted(
            ((sampler._score(held[key], some[-1]), key) for _, key in sampler.pool if key in held),
            key=lambda candidate: candidate[0],
        )
        return victim(sampler, held, *some)

    return change


def fresh_pool(sampler: Sampler) -> None:
    sampler.pool.clear()


def active_at_once(fetch: Callable[..., None]) -> Callable[..., None]:
    def change(slabs: SlabsState, key: int, entry: Entry, now: float) -> None:
        entry.mark = FETCHED if entry.mark == NEW else entry.mark
        fetch(slabs, key, entry, now)

    return change


def never_active(fetch: Callable[..., None]) -> Callable[..., None]:
    def change(slabs: SlabsState, key: int, entry: Entry, now: float) -> None:
        if entry.mark == NEW or entry.place == COLD:
            fetch(slabs, key, entry, now)

    return change


def cold_for_ever(fetch: Callable[..., None]) -> Callable[..., None]:
    def change(slabs: SlabsState, key: int, entry: Entry, now: float) -> None:
        if entry.place == COLD:
            entry.mark = ACTIVE
        else:
            fetch(slabs, key, entry, now)

    return change


def larger(segment: int) -> Callable[[Callable[..., bool]], Callable[..., bool]]:
    """A segment has a fourth more."""

    def change(pull: Callable[..., bool]) -> Callable[..., bool]:
        return lambda slabs, slab, which, most, *some: pull(
            slabs, slab, which, most + most // 4 if which == segment else most, *some
        )

    return change


def nothing_from_cold(pull: Callable[..., bool]) -> Callable[..., bool]:
    return lambda slabs, slab, which, *some: which != COLD and pull(slabs, slab, which, *some)


def ageless(pull: Callable[..., bool]) -> Callable[..., bool]:
    """Nothing is too old for its segment."""
    return lambda slabs, slab, which, most, _, now: pull(slabs, slab, which, most, math.inf, now)


def written_in_place(write: Callable[..., None]) -> Callable[..., None]:
    """An object that is written again and has the size that it had is as it was."""

    def change(cache: CacheState, key: int, weight: int, expires: float, version: int, now: float) -> None:
        entry = cache.entries.get(key)
        if entry is None or entry.size != weight:
            write(cache, key, weight, expires, version, now)
        else:
            entry.expires, entry.version = expires, version

    return change


def emptied(down: Callable[..., None]) -> Callable[..., None]:
    def change(plane: SimpyPlane, part: Any, member: int, how: Any) -> None:
        down(plane, part, member, how)
        for each in plane.program.caches:
            if each.group is part:
                plane.flush(each, member)

    return change


def one_alone(_: Callable[..., None]) -> Callable[..., None]:
    """As if they were served one by one."""

    def change(station: StationState) -> None:
        while station.queue and station.room > 0:
            token = station.queue.popleft()
            station.queue_down(station.plane.now)
            token.begin(station, token)
            if not station.start_round():
                station.plane.ready.append(token)

    return change


def once_for_each(add: Callable[..., bool]) -> Callable[..., bool]:
    return lambda station, token, work_s, once_s: add(station, token, work_s + once_s, 0.0)


def after_its_round(down: Callable[..., None]) -> Callable[..., None]:
    """Those who are in a round with another one go on."""

    def change(station: StationState, state: int) -> None:
        station.plane.ready.extend(station.round[1:])
        del station.round[1:]
        down(station, state)

    return change


def restored_and_more(_: Callable[..., None]) -> Callable[..., None]:
    def change(ledger: LedgerState, member: int, image: dict[int, int]) -> None:
        for key, version in image.items():
            ledger.put(member, key, version)

    return change


def kept_as_well(move: Callable[..., None]) -> Callable[..., None]:
    return lambda *some, **_: move(*some, keep=True)


def over_what_is_there(_: Callable[..., None]) -> Callable[..., None]:
    def change(cache: CacheState, target: CacheState, keys: list[int], now: float, *, keep: bool) -> None:
        for key in keys:
            entry = cache.entries.get(key)
            if entry is not None:
                size, expires, version = entry.size, entry.expires, entry.version
                if not keep:
                    cache.drop(key)
                if expires > now:
                    target._put(key, size, expires, version, now)

    return change


def where_it_was(move: Callable[..., None]) -> Callable[..., None]:
    def change(ledger: LedgerState, row: int, source: int, target: int, keys: list[int]) -> None:
        rows = {key: history.row for key, history in ledger.histories.items()}
        move(ledger, row, source, target, keys)
        for key, before in rows.items():
            ledger.histories[key].row = before

    return change


def shared_instead(_: Callable[..., None]) -> Callable[..., None]:
    def change(ledger: LedgerState, row: int, source: int, target: int, keys: list[int]) -> None:
        ledger.share(source, target, keys)
        for key in keys:
            if key in ledger.histories:
                ledger.histories[key].row = row

    return change


def ageless_terms(bind: Callable[..., Any]) -> Callable[..., Any]:
    """A segment takes whatever follows its end."""

    def change(step: Persist, plane: SimpyPlane, site: Any) -> Callable[[Token], int]:
        persist, volume = bind(step, plane, site), plane.volume
        assert volume is not None

        def take(token: Token) -> int:
            segment = volume.segments[token.members[site.a]]
            term, segment.term = segment.term, 0
            went = persist(token)
            segment.term = max(term, segment.term)
            return int(went)

        return take

    return change


def over_holes(_: Callable[..., Any]) -> Callable[..., Any]:
    """A segment takes whatever is new."""

    def change(_: Persist, plane: SimpyPlane, site: Any) -> Callable[[Token], int]:
        volume = plane.volume
        assert volume is not None

        def take(token: Token) -> int:
            segment, record = volume.segments[token.members[site.a]], volume.records[token.record]
            if record.term < segment.term:
                token.error = REFUSED
            else:
                segment.term, segment.end = record.term, max(segment.end, token.record)
            return token.site

        return take

    return change


def anyone(volume: VolumeState, row: int, _: Any) -> None:
    volume.tables[row] = [having > 0 for having in range(len(volume.tables[row]))]


def durable_at_once(_: Callable[..., None]) -> Callable[..., None]:
    """The volume is durable up to the last record that any row is complete up to."""

    def change(volume: VolumeState, writer: Any, row: int) -> None:
        point = volume.point(writer, row)
        writer.points = [max(point, each) for each in writer.points]
        volume.advance(writer)

    return change


def without_limit(volume: VolumeState) -> None:
    volume.limit = 1 << 40


def waits_for_ever(_: Callable[..., None]) -> Callable[..., None]:
    def change(volume: VolumeState, number: int) -> None:
        writer = volume.writers[number]
        writer.leads, writer.outstanding = False, 0

    return change


def known_still(wipe: Callable[..., None]) -> Callable[..., None]:
    """Writers take a segment that has nothing to be as far as it was."""

    def change(volume: VolumeState, number: int) -> None:
        known = [list(writer.known) for writer in volume.writers]
        wipe(volume, number)
        for writer, before in zip(volume.writers, known, strict=True):
            writer.known = before

    return change


def restored_as_new(restore: Callable[..., None]) -> Callable[..., None]:
    """Nothing is remembered of what objects were used for."""

    def change(cache: CacheState, image: dict[int, Entry], now: float) -> None:
        restore(cache, image, now)
        for entry in cache.entries.values():
            entry.mark, entry.at = 0, now

    return change


def live_for_ever(cache: CacheState) -> None:
    for entry in cache.entries.values():
        entry.expires = math.inf


def nothing_under_way(forget: Callable[..., None]) -> Callable[..., None]:
    def change(ledger: LedgerState, member: int) -> None:
        part, ledger.part = ledger.part, replace(ledger.part, replicated=False)
        forget(ledger, member)
        ledger.part = part

    return change


def lost_early(log: LogState, record: int) -> bool:
    """What comes early is lost, and so is all behind it."""
    return False if log else record > 0


def leads_anyway(log: LogState) -> None:
    log.leads = True


def in_the_old_term(go: Callable[..., list[Token]]) -> Callable[..., list[Token]]:
    def change(log: LogState, end: int, size: int, *, leads: bool) -> list[Token]:
        return go(log, log.end if leads else end, size, leads=leads)

    return change


def waits_on(go: Callable[..., list[Token]]) -> Callable[..., list[Token]]:
    def change(log: LogState, *some: Any, **options: Any) -> list[Token]:
        log.waiting = go(log, *some, **options)
        return []

    return change


def keeps_its_pages(clear: Callable[..., None]) -> Callable[..., None]:
    """Which class has which pages outlives a restart."""

    def change(slabs: SlabsState) -> None:
        before = getattr(slabs, "slabs", [])
        pages = getattr(slabs, "pages", 0)
        clear(slabs)
        slabs.pages = pages
        for old, new in zip(before, slabs.slabs, strict=False):
            new.pages, new.free = old.pages, old.pages * old.per_page

    return change


def one_page_more(slabs: SlabsState) -> None:
    slabs.pages_most += 1


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "data goes before control on a tie": lambda patch: [
        patch.setattr(module, "DATA", -0.5) for module in (simpy_engine, station)
    ],
    "a draw is one bit off": changed(Draws, "function", one_bit_off),
    "who is wrong is not redirected": changed(Redirect, "bind", lambda _: lambda *_: lambda token: token.site),
    "what has failed before goes another way": changed(_Guard, "bind", lambda _: lambda *_: lambda token: token.site),
    "what has failed goes no other way": changed(Try, "bind", lambda _: lambda *_: lambda token: token.site),
    "what is too large is not turned away": changed(Fit, "bind", lambda _: lambda *_: lambda token: token.site),
    "a later attempt goes the first way": changed(Attempt, "bind", lambda _: lambda *_: lambda token: token.site),
    "a walk keeps what it occupied": changed(StationState, "release", lambda _: lambda _: None),
    "who is lost keeps what it occupied": changed(SimpyPlane, "vanish", lost_with_all),
    "a crash lets its servers be given back": changed(StationState, "down", down_and_given_back),
    "a crash lets the queue live": lambda patch: patch.setattr(StationState, "down", forget_what_waits),
    "the next arrival is pushed after what this one does": lambda patch: patch.setattr(
        SimpyPlane, "_arrive", arrival_before_its_successor
    ),
    "who waits is served last come first served": changed(StationState, "__init__", after(last_come)),
    "what is ready walks last come first served": lambda patch: patch.setattr(simpy_engine, "deque", Stack),
    "a delay of zero is an event": changed(_Delay, "bind", delay_even_when_zero),
    "a draw is made with another visit": changed(Draws, "__init__", after(other_visit)),
    "a leg draws as its parent does": changed(Token, "__init__", after(same_branch)),
    "a block of draws is one off": changed(Draws, "block", forget_one_block),
    "a queue has one place more": changed(StationState, "__init__", after(one_more_place)),
    "a cancelled event wakes nevertheless": lambda patch: patch.setattr(SimpyPlane, "cancel", lambda *_: None),
    "LRU does not move to the end": changed(CacheState, "__init__", after(no_recency)),
    "CLOCK gives no second chance": changed(CacheState, "__init__", after(no_marks)),
    "a sample draws with another number": changed(sampling, "draws", lambda draws: lambda key, _: draws(key, 7)),
    "who was last does not take an empty place": changed(Sampler, "remove", stays_where_it_was),
    "a candidate is forgotten after each eviction": changed(Sampler, "victim", after(fresh_pool)),
    "a candidate is looked at again": changed(Sampler, "victim", looked_at_again),
    "a candidate comes above its like": lambda patch: patch.setattr(sampling, "bisect_left", bisect_right),
    "the pool holds one more": lambda patch: patch.setattr(sampling, "POOL", 17),
    "a use is forgotten": lambda patch: patch.setattr(Sampler, "use", lambda *_: None),
    "a counter rises at each use": lambda patch: patch.setattr(sampling, "chance", lambda *_: 1.0),
    "a counter never falls": lambda patch: patch.setattr(sampling, "decayed", lambda counter, *_: counter),
    "idle times are exact": changed(sampling, "idle", lambda idle: lambda at, now, _: idle(at, now, 0.0)),
    "one fetch makes active": changed(SlabsState, "fetch", active_at_once),
    "no fetch makes active": changed(SlabsState, "fetch", never_active),
    "a fetch in COLD moves nothing": changed(SlabsState, "fetch", cold_for_ever),
    "HOT has a larger share": changed(SlabsState, "_pull", larger(HOT)),
    "WARM has a larger share": changed(SlabsState, "_pull", larger(WARM)),
    "what is expired stays at the end of COLD": changed(SlabsState, "_pull", nothing_from_cold),
    "nothing is too old for HOT and WARM": changed(SlabsState, "_pull", ageless),
    "there is one page more": changed(SlabsState, "__init__", after(one_page_more)),
    "what is written anew stays where it was": changed(CacheState, "_write", written_in_place),
    "a restart keeps its pages": changed(SlabsState, "clear", keeps_its_pages),
    "an object lives an instant longer": changed(CacheState, "lookup", longer_lives),
    "what is restored is new": changed(CacheState, "restore", restored_as_new),
    "what is restored lives for ever": changed(CacheState, "restore", after(live_for_ever)),
    "what was saved is what is there now": lambda patch: patch.setattr(CacheState, "save", lambda cache: cache.entries),
    "what was written after a save stays": changed(LedgerState, "restore", restored_and_more),
    "what is moved is there, too": changed(CacheState, "move", kept_as_well),
    "what is moved goes over what is as new": changed(CacheState, "move", over_what_is_there),
    "what is moved belongs to whom it did": changed(LedgerState, "move", where_it_was),
    "what is moved is with others, too": changed(LedgerState, "move", shared_instead),
    "nobody peeks": changed(Peek, "bind", lambda _: lambda *_: lambda token: token.site),
    "an older term is not refused": changed(Persist, "bind", ageless_terms),
    "what is missing is not missed": changed(Persist, "bind", over_holes),
    "what came early stays where it is": lambda patch: patch.setattr(VolumeState, "release", lambda *_: None),
    "one segment makes durable": changed(VolumeState, "suffice", lambda _: anyone),
    "any row makes durable": changed(VolumeState, "complete", durable_at_once),
    "there is no limit": changed(VolumeState, "__init__", after(without_limit)),
    "who waits outlives its writer": changed(VolumeState, "halt", waits_for_ever),
    "a new writer has all that there is": changed(VolumeState, "cut_off", lambda _: lambda *_: 0),
    "what is cut off is there still": lambda patch: patch.setattr(LedgerState, "undo", lambda *_: None),
    "nobody gossips": lambda patch: patch.setattr(VolumeState, "gossip", lambda *_: None),
    "what was cut off is valid": lambda patch: patch.setattr(VolumeState, "valid", lambda _, end, __: end),
    "what is old is kept": lambda patch: patch.setattr(VolumeState, "drop_old", VolumeState.release),
    "any segment is asked": lambda patch: patch.setattr(VolumeState, "seek", lambda _, __, order, *___: order[0]),
    "a segment has all there is": lambda patch: patch.setattr(VolumeState, "has", lambda *_: True),
    "who reads knows what it heard itself": lambda patch: patch.setattr(
        VolumeState, "knower", lambda volume, number: volume.writers[number]
    ),
    "nobody learns from an answer": lambda patch: patch.setattr(VolumeState, "learn", lambda *_: None),
    "a new segment is taken for the old one": changed(VolumeState, "wipe", known_still),
    "what nobody needs is done": changed(Needed, "bind", lambda _: lambda *_: lambda token: token.site),
    "a new segment knows all": lambda patch: patch.setattr(VolumeState, "wipe", lambda *_: None),
    "what outlasts its node does not": changed(SimpyPlane, "down", emptied),
    "a round takes one alone": changed(StationState, "take_all", one_alone),
    "each in a round wants it done for itself": changed(StationState, "add", once_for_each),
    "a crash lets a round live": changed(StationState, "down", after_its_round),
    "a flush is forgotten": lambda patch: patch.setattr(CacheState, "flush", lambda _: None),
    "a quorum needs one less": changed(
        QuorumState, "swap", lambda swap: lambda quorum, needed: swap(quorum, needed - 1)
    ),
    "a truth table is not looked at": changed(QuorumState, "__init__", any_leg),
    "a retry costs nothing": lambda patch: patch.setattr(QuotaState, "pay", lambda *_: True),
    "a success brings nothing": lambda patch: patch.setattr(QuotaState, "refund", lambda *_: None),
    "a success after retries brings as little as any": lambda patch: patch.setattr(QuotaState, "refund", plain_refund),
    "a retry after throttling costs as any other": lambda patch: patch.setattr(RetryQuota, "price", plain_price),
    "the wait after throttling is as any other": changed(
        Client, "ceilings_s", lambda ceilings_s: lambda client, **_: ceilings_s(client)
    ),
    "all processes share one quota": changed(SimpyPlane, "_quota", first_quota),
    "a bucket is always full": changed(BucketState, "refresh", after(full_at_once)),
    "what flows over is lost": changed(BucketState, "refresh", spilled),
    "no other set of buckets is tried": changed(Admit, "bind", first_set_alone),
    "a pause is no pause": lambda patch: patch.setattr(StationState, "pause", lambda _: None),
    "a station that is up comes up again": lambda patch: patch.setattr(StationState, "up", up_again),
    "a copy takes whatever comes": changed(
        LedgerState,
        "put",
        lambda _: lambda self, member, key, version: self.copies[member % self.width].update({key: version}),
    ),
    "what a new leader lacks is not looked into": changed(
        LedgerState,
        "audit",
        lambda audit: lambda self, row, final, **_: audit(self, row, final=final) if final else None,
    ),
    "a copy in memory outlives its node": lambda patch: patch.setattr(LedgerState, "forget", lambda *_: None),
    "a cache does not know which version it has": changed(
        CacheState, "fill", lambda fill: lambda *some: fill(*some[:-1], 0)
    ),
    "an age is counted from the answer": changed(
        LedgerState, "finished", lambda finished: lambda self, token, now: finished(self, token, now) + GRID_S
    ),
    "who waits in a room goes on last come first served": changed(RoomState, "share", last_in_room_first),
    "who goes along has read the same": changed(RoomState, "share", all_is_shared),
    "a boxcar is of one key": lambda patch: patch.setattr(RoomState, "key", lambda _, token: token.key),
    "a lost walk keeps its key": lambda patch: patch.setattr(RoomState, "hand_over", lambda *_: None),
    "a room is cleared one by one": lambda patch: patch.setattr(RoomState, "clear", cleared_one_by_one),
    "a cleared room is not": lambda patch: patch.setattr(RoomState, "clear", lambda *_: None),
    "a walk passes a dead node": changed(Pass, "bind", lambda _: lambda *_: lambda token: token.site),
    "tokens drawn are not written down": lambda patch: patch.setattr(Recorder, "_flush_drawn", lambda _: None),
    "control draws another number": changed(
        SimpyPlane, "uniform", lambda uniform: lambda plane, name, who, ordinal: uniform(plane, name, who, ordinal + 1)
    ),
    "an older version goes over a newer one": lambda patch: patch.setattr(CacheState, "has_newer", lambda *_: False),
    "nothing is no work": changed(
        Serve, "bind", lambda bind: lambda step, plane, site: bind(step, plane, replace(site, d=0))
    ),
    "a walk has not read what its legs have": lambda patch: patch.setattr(fork, "bring_version", lambda *_: None),
    "a walk has read what its last leg has": lambda patch: patch.setattr(fork, "bring_version", last_leg_alone),
    "a walk that writes has read what its legs have": lambda patch: patch.setattr(fork, "bring_version", newest_of_all),
    "a walk has not read what its first part has": changed(PartsState, "join", first_part_read_nothing),
    "parts have one key": changed(PartsState, "__init__", one_key_for_all),
    "a lost part is not missed": changed(PartsState, "__init__", after(goes_on_without)),
    "a part holds one item more": changed(
        PartsState, "items_in_part", lambda items: lambda parts, token: items(parts, token) + 1
    ),
    "a batch may be larger": changed(
        Each, "bind", lambda bind: lambda step, plane, site: bind(step, plane, replace(site, d=site.d and site.d + 1))
    ),
    "a result is rounded item by item, in work": lambda patch: patch.setattr(serve, "units", item_by_item),
    "a result is rounded item by item, in tokens": lambda patch: patch.setattr(admit, "units", item_by_item),
    "a whole result is as large as an item": lambda patch: patch.setattr(lookup, "all_items", lambda _, size: size),
    "further items are no work": changed(
        Serve, "bind", lambda bind: lambda step, plane, site: bind(step, plane, replace(site, x=0.0))
    ),
    "every operation asks for several items": lambda patch: patch.setattr(
        Workload, "asks_several", lambda workload: [True for _ in workload.operation_names]
    ),
    "an open source's inserts are not counted": lambda patch: patch.setattr(OpenSource, "inserts", lambda *_: 0),
    "a closed loop's inserts are not counted": changed(
        ClosedSource, "issue", lambda issue: lambda source, *who: source._drawn(*who) if issue else None
    ),
    "a closed loop's objects live for ever": changed(
        ClosedSource, "issue", lambda issue: lambda source, *who: (*issue(source, *who)[:4], math.inf)
    ),
    "a key has no bytes": changed(
        sources, "sizes_of", lambda sizes_of: lambda work, *some: sizes_of(replace(work, key_sizes=NOTHING), *some)
    ),
    "gaps are always exponential": lambda patch: patch.setattr(Renewal, "gaps", lambda *_: None),
    "the first keys stand apart": changed(Zipf, "table", lambda _: lambda law: zipf_table(law.count, law.exponent)),
    "a record that comes early is lost": changed(LogState, "wants", lambda _: lost_early),
    "who does not lead appends": changed(LogState, "__init__", after(leads_anyway)),
    "a new leader takes what was under way": changed(LogState, "go", in_the_old_term),
    "what waits goes on when a leader changes": changed(LogState, "go", waits_on),
    "a record has no header": changed(
        Append, "bind", lambda bind: lambda step, plane, site: bind(step, plane, replace(site, c=0))
    ),
    "what others have is lost with a node": changed(
        LedgerState, "audit", lambda audit: lambda ledger, row, final, **_: audit(ledger, row, final=final)
    ),
    "what may be under way is lost with a node": changed(LedgerState, "forget", nothing_under_way),
    "watches wake in reverse": changed(
        SimpyPlane, "notice", lambda notice: lambda plane, watches, value: notice(plane, watches, value + 1)
    ),
}


@pytest.mark.parametrize("planted", MUTANTS)
def test_a_planted_difference_is_found(planted: str) -> None:
    assert difference(planted) is not None


def test_the_comparison_names_what_differs() -> None:
    seen = run(busy_case(), "simpy")
    other = run(busy_case(), "simpy")
    assert seen.outcome is not None
    assert other.outcome is not None

    other.outcome.stations["cpu"].busy_s[1, 2] += 2.0**-30

    found = unlike(seen, other)
    assert found is not None
    assert found.startswith(".outcome.stations.cpu.busy_s[1, 2]: ")


# ---------------------------------------------------------------- what must not matter


def test_the_hash_seed_changes_nothing() -> None:
    """Nothing depends on the order of sets or of hashes: two processes with other seeds for them agree."""
    program = (
        "from bench.machine import keep_compiled_code\n"
        "from tests.strategies.systems import busy_case, run\n"
        "keep_compiled_code()\n"
        "print(run(busy_case(), 'simpy').fingerprint, run(busy_case(), 'compiled').fingerprint)"
    )

    outputs = [
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, text=True,
            capture_output=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip

    simpy, compiled = outputs[0].split()
    assert simpy == compiled
    assert outputs[0] == outputs[1]


@settings(max_examples=EXAMPLES // 6, deadline=None, derandomize=True, suppress_health_check=RELAXED)
@given(cases(), st.sampled_from(["simpy", "compiled"]))
def test_another_part_disturbs_no_draw(case: Case, engine: str) -> None:
    """Detached work at a new station, random as it may be, changes nothing that was there before.

    What it is allowed to change: the count of events, and of course its own station.
    """
    extra = Station("extra", Group("extra"), 0)
    aside = Fork(Quorum("aside", 1, 0), Route(Serve(extra, Exponential(mean=3 * GRID_S))))

    def with_extra(operation: Operation) -> Operation:
        return Operation(Route(aside, *operation.route.steps), operation.client)

    before = run(case, engine)
    added = run(with_operations(case, with_extra), engine)

    assert first_difference(before.log, added.log) is None
    assert before.stuck_at_s == added.stuck_at_s or added.stuck_at_s is not None
    if before.outcome is not None and added.outcome is not None:
        assert first_difference(before.outcome.operations, added.outcome.operations) is None
        stations = {name: each for name, each in added.outcome.stations.items() if name != "extra"}
        assert first_difference(dict(before.outcome.stations), stations) is None
        assert first_difference(before.outcome.caches, added.outcome.caches) is None


def test_time_that_stands_still_is_noticed_by_both() -> None:
    """A closed loop with neither think nor service time asks for ever at one instant."""
    from models.kernel.arrivals import Closed
    from models.kernel.keys import UniformKeys
    from models.kernel.laws import Constant, ConstantSeconds
    from models.kernel.recorder import Span
    from models.kernel.sources import Workload

    station = Station("station", Group("group"))
    closed = Workload(
        Closed(clients=2, think=ConstantSeconds(value_s=0.0)), UniformKeys(count=1), Constant(value=1.0), {"read": 1.0}
    )
    case = Case({"read": Operation(Route(Serve(station, grid(0))))}, (), (closed,), Span(0.0, 1.0, 2.0), 1)

    assert run(case, "simpy").stuck_at_s == 0.0
    assert run(case, "compiled").stuck_at_s == 0.0
