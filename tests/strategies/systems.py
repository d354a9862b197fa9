"""Random systems, work for them, and control processes that act at the same instants as the requests do.

Nearly all times are multiples of one binary fraction, so that arrivals, services, timeouts and acts of control meet at
the same instants again and again: what an engine does first then decides what comes of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import simpy
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from models.kernel.amounts import OF
from models.kernel.arrivals import Arrivals, Bursty, Closed, ConstantArrivals, Poisson, Renewal, Schedule
from models.kernel.charges import Hourly, PerToken
from models.kernel.keys import Hotspot, KeyLaw, Latest, ScrambledZipfian, UniformKeys, Zipf
from models.kernel.laws import (
    Component,
    Constant,
    ConstantSeconds,
    Discrete,
    DiscreteSeconds,
    Empirical,
    Erlang,
    ErlangSeconds,
    Exponential,
    ExponentialSeconds,
    GeneralizedExtremeValue,
    GeneralizedPareto,
    Hyperexponential,
    Law,
    Lognormal,
    Mixture,
    Pareto,
    Uniform,
    Weibull,
)
from models.kernel.outcome import Outcome
from models.kernel.parts import (
    CACHE_POLICIES,
    Bucket,
    Cache,
    Copies,
    Group,
    Log,
    Membership,
    Network,
    Quorum,
    Room,
    Sampling,
    Slabs,
    Station,
    Volume,
    everybody,
)
from models.kernel.plane import Answer, Image, Plane
from models.kernel.priming import Priming
from models.kernel.program import Program
from models.kernel.recorder import Parts, Span
from models.kernel.simpy_engine import SimpyPlane
from models.kernel.sources import (
    Block,
    ClosedSource,
    NumpyDrawing,
    OpenSource,
    Source,
    Streams,
    Trace,
    Workload,
    priming_source,
)
from models.kernel.standstill import StandstillError
from models.kernel.steps import (
    Admit,
    Allocate,
    Append,
    Apply,
    At,
    Attempt,
    Await,
    Choose,
    Drop,
    Each,
    Fill,
    Find,
    Fit,
    Fork,
    Hold,
    Lookup,
    Needed,
    Occupy,
    Order,
    Pass,
    Peek,
    Persist,
    Read,
    Receive,
    Redirect,
    Report,
    Seek,
    Serve,
    Step,
    Travel,
    Try,
)
from models.kernel.system import REFUSED, Client, Operation, RetryQuota, Route, System

GRID_S = 2.0**-10
DURATION_S = 96 * GRID_S
WALKS_MAX = 3_000
"""Few, so that a standstill is found at once."""
KEYS = 12
PROBE = "control's own"


def grid(steps: int) -> Constant:
    """So many steps of the grid, always."""
    return Constant(value=steps * GRID_S)


LAWS: tuple[Law, ...] = (
    grid(1), grid(0), grid(2), grid(3), grid(5), grid(8), grid(1), grid(0),
    Exponential(mean=3 * GRID_S),
    Uniform(low=0.0, high=4 * GRID_S),
    Erlang(shape=3, mean=3 * GRID_S),
    Lognormal(median=2 * GRID_S, p99=9 * GRID_S),
    Hyperexponential(mean=3 * GRID_S, cv=2.0),
    Weibull(shape=0.7, scale=2 * GRID_S),
    Pareto(shape=2.5, minimum=GRID_S), GeneralizedPareto(scale=2 * GRID_S, shape=0.2),
    GeneralizedExtremeValue(location=3 * GRID_S, scale=0.4 * GRID_S, shape=0.1),
    Empirical(probabilities=[0.0, 0.5, 1.0], values=[0.0, GRID_S, 6 * GRID_S]),
    Discrete(values=[0.0, 4 * GRID_S, GRID_S], weights=[1.0, 1.0, 2.0]),
    Mixture(components=[Component(weight=2.0, law=grid(2)), Component(weight=1.0, law=Exponential(mean=4 * GRID_S))]),
    Mixture(
        components=[Component(weight=1.0, law=grid(0)), Component(weight=1.0, law=Erlang(shape=2, mean=2 * GRID_S))]
    ),
)  # fmt: skip
SIZES: tuple[Law, ...] = (
    Constant(value=100.0), Constant(value=0.0), Uniform(low=1.0, high=300.0), Exponential(mean=120.0),
)  # fmt: skip
SLABS = Slabs(smallest_bytes=39, header_bytes=1, growth_factor=1.6, page_bytes=320, item_most_bytes=240)
QUOTAS = (
    None, RetryQuota(6.0, 2.0, 3.0, 0.5), RetryQuota(1.0, 1.0, 1.0, 0.1), RetryQuota(5.0, 2.0, 1.0, 0.5, 3.0, True),
)  # fmt: skip
KEY_LAWS: tuple[KeyLaw, ...] = (
    UniformKeys(count=KEYS), Zipf(count=KEYS, exponent=0.99), Zipf(count=KEYS, shift=1.5), UniformKeys(count=1),
    Hotspot(count=KEYS), ScrambledZipfian(count=KEYS), Latest(count=KEYS), Latest(count=KEYS),
)  # fmt: skip
KEY_SIZES: tuple[Law, ...] = (Constant(value=0.0), Constant(value=20.0), Exponential(mean=40.0))
TTLS: tuple[Law | None, ...] = (
    None, None, grid(5), Exponential(mean=9 * GRID_S),
    Discrete(values=[GRID_S, 6 * GRID_S, 1.0], weights=[1.0, 2.0, 1.0]),
)  # fmt: skip
GAPS = (
    ExponentialSeconds(mean_s=GRID_S), DiscreteSeconds(values_s=[0.0, GRID_S, 4 * GRID_S], weights=[1.0, 2.0, 1.0]),
    ErlangSeconds(shape=3, mean_s=2 * GRID_S),
)  # fmt: skip
ITEMS: tuple[Law, ...] = (
    Constant(value=1.0), Constant(value=3.0), Uniform(low=0.0, high=5.0), Exponential(mean=2.0),
)  # fmt: skip


# ---------------------------------------------------------------- control


@dataclass(frozen=True)
class Act:
    """Something that control does at an instant.

    Args:
        at_s: When; an act whose time has passed is done at once.
        verb: A method of the plane, or "probe", "burst", "react-queue", "react-errors".
        arguments: What the verb takes.
    """

    at_s: float
    verb: str
    arguments: tuple[Any, ...]


Diary = list[tuple[Any, ...]]


def controller(number: int, acts: Sequence[Act], diary: Diary) -> Callable[[Plane], Generator[Any, Any, None]]:
    """A control process that does these acts and writes down all it sees."""

    def control(plane: Plane) -> Generator[Any, Any, None]:
        def note(*what: Any) -> None:
            diary.append((plane.env.now, number, *what))

        def wait(event: simpy.Event, deadline_s: float) -> Generator[Any, Any, bool]:
            yield event | plane.until(plane.env.now + deadline_s)
            return event.triggered

        saved: dict[tuple[Cache | Copies, int], Image] = {}
        for act in acts:
            yield plane.until(act.at_s)
            note(act.verb)
            if act.verb == "probe":
                operation, key, size, deadline_s, leg = act.arguments
                note("drawn", plane.uniform("probes", number, leg))
                answer = plane.submit(operation, key, size, leg)
                answered = yield from wait(answer, deadline_s)
                note("answer", answer.value if answered else None)
            elif act.verb == "burst":
                operation, key, size, count = act.arguments
                for index in range(count):
                    answer = plane.submit(operation, key, size)
                    answer.callbacks.append(lambda event, index=index: note("answer", index, event.value))
            elif act.verb == "tokens":
                note("tokens", plane.tokens(*act.arguments))
                plane.level("tokens", plane.tokens(*act.arguments)[0])
                plane.note("looked")
            elif act.verb == "save":
                part, member = act.arguments
                saved[part, member if isinstance(part, Copies) else 0] = plane.save(part, member)
            elif act.verb == "restore":
                part, member = act.arguments
                plane.restore(part, member, saved.get((part, member if isinstance(part, Copies) else 0)))
            elif act.verb == "move":
                part, source, target, keys, keep = act.arguments
                every = plane.keys_of(ANY, 0)
                moved = np.unique(every[np.array(keys, np.int64) % len(every)])
                if isinstance(part, Cache):
                    note("sizes", plane.sizes(part, source, moved).tolist(), plane.sizes(part, target, moved).tolist())
                plane.move(part, source, target, moved, keep=keep)
            elif act.verb == "keys_of":
                note("keys", plane.keys_of(*act.arguments).tolist())
            elif act.verb in ("position", "held", "extent", "outstanding", "unsure", "recover"):
                note(act.verb, getattr(plane, act.verb)(*act.arguments))
            elif act.verb == "react-up":
                station, member, deadline_s = act.arguments
                note("up", (yield from wait(plane.watch_up(station, member), deadline_s)), plane.works(station, member))
            elif act.verb == "react-queue":
                station, member, length, deadline_s, servers = act.arguments
                grown = yield from wait(plane.watch_queue(station, member, length), deadline_s)
                note("queue", grown)
                if grown:
                    plane.resize(station, member, servers)
            elif act.verb == "react-errors":
                operation, count, deadline_s, station, factor = act.arguments
                failed = yield from wait(plane.watch_errors(operation, count), deadline_s)
                note("errors", failed)
                if failed:
                    plane.slow(station, 0, factor)
            else:
                getattr(plane, act.verb)(*act.arguments)

    return control


# ---------------------------------------------------------------- a case and what comes of it


@dataclass(frozen=True)
class Case:
    """A system, its work and its control; both engines are given the very same."""

    operations: dict[str, Operation]
    scripts: tuple[tuple[Act, ...], ...]
    workloads: tuple[Workload, ...]
    span: Span
    seed: int
    primed: bool = False
    probes: dict[str, Operation] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """All that a run shows: what control saw, the outcome and what the parts counted, or when time stood still."""

    log: Diary
    outcome: Outcome | None
    parts: Parts | None
    stuck_at_s: float | None
    past: Priming | None

    @property
    def fingerprint(self) -> str:
        """The outcome's, or none."""
        return "" if self.outcome is None else self.outcome.fingerprint()


CHARGES = (
    Hourly("level", 0.7, 2.0, "tokens"),
    *(PerToken(f"{name} tokens", 0.3, name) for name in ("bucket0", "bucket1", "limit")),
)
"""A price for every bucket's tokens, and for the level that control writes down."""


def run(
    case: Case, engine: str, *, block_size: int = 64, draw_block: int = 64, capacity: int = 64,
    specialised: bool | None = None,
) -> Seen:  # fmt: skip
    """Run a case on an engine."""
    if engine != "compiled":
        return run_on(SimpyPlane, NumpyDrawing(), case, block_size, draw_block)
    from models.kernel.compiled_engine import CompiledDrawing, CompiledPlane, ahead_or_in_step

    make = partial(CompiledPlane, capacity=capacity, specialised=specialised)
    return ahead_or_in_step(
        lambda ahead: run_on(partial(make, ahead=ahead), CompiledDrawing(), case, block_size, draw_block)
    )


def run_on(make: Any, drawing: Any, case: Case, block_size: int = 64, draw_block: int = 64) -> Seen:
    """Run a case on a plane that is made for it."""
    diary: Diary = []
    controls = tuple(controller(number, acts, diary) for number, acts in enumerate(case.scripts))
    program = Program(System(case.operations, case.probes, controls, charges=CHARGES), "system")
    sources = sources_of_case(case, drawing, block_size, draw_block)
    plane = make(program, sources, case.span, case.seed, 0, walks_max=WALKS_MAX)
    past = None
    if case.primed:
        ttls = [cache.ttl_s or 0.0 for cache in program.caches]
        past = Priming(max(ttls, default=0.0), first=64, most=256)
        before = priming_source(case.workloads[0], case.seed, 0, 1.0 / GRID_S, drawing)
        before.block_size = 32
        plane.prime(before, past)
    try:
        plane.run()
    except StandstillError as error:
        # What control still sees of that instant is nobody's concern.
        return Seen([entry for entry in diary if entry[0] < error.at_s], None, None, error.at_s, past)
    return Seen(diary, plane.outcome(0, 0.0), plane.parts(), None, past)


def sources_of_case(case: Case, drawing: Any, block_size: int, draw_block: int) -> list[Source]:
    """Open sources are client 0, closed ones have a thousand clients each at most."""
    streams = Streams.of(case.seed, 0)
    sources: list[Source] = []
    for index, workload in enumerate(case.workloads):
        base = 1000 * index
        if workload.trace is None and isinstance(workload.arrivals, Closed):
            sources.append(ClosedSource(workload, streams, base, max(1, draw_block // 8)))
        else:
            sources.append(OpenSource(workload, streams, case.span.duration_s, drawing, block_size, base, draw_block))
    return sources


def first_difference(a: Any, b: Any, where: str = "") -> str | None:
    """Where two results differ first, and how; None where they do not."""
    if type(a) is not type(b):
        return f"{where}: {a!r} is not {b!r}"
    if is_dataclass(a) and not isinstance(a, type):
        names = [each.name for each in fields(a) if each.name not in ("engine", "wall_s")]
        pairs: list[tuple[str, Any, Any]] = [(name, getattr(a, name), getattr(b, name)) for name in names]
    elif isinstance(a, dict):
        if list(a) != list(b):
            return f"{where}: {list(a)} are not {list(b)}"
        pairs = [(str(key), a[key], b[key]) for key in a]
    elif isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"{where}: {a.dtype} {a.shape} is not {b.dtype} {b.shape}"
        unequal = np.flatnonzero(np.ravel(a != b) & ~np.ravel((a != a) & (b != b)))  # noqa: PLR0124 - nan is nan here
        if unequal.size:
            at = np.unravel_index(int(unequal[0]), a.shape)
            return f"{where}{list(map(int, at))}: {a[at]!r} is not {b[at]!r}; {unequal.size} differ"
        return None
    elif isinstance(a, list | tuple):
        names = list(getattr(a, "_fields", range(len(a))))
        pairs = [(str(name), x, y) for name, x, y in zip(names, a, b, strict=False)]
        if len(a) != len(b):
            pairs.append(("length", len(a), len(b)))
    else:
        return None if a == b or (a != a and b != b) else f"{where}: {a!r} is not {b!r}"  # noqa: PLR0124
    return next((found for name, x, y in pairs if (found := first_difference(x, y, f"{where}.{name}"))), None)


# ---------------------------------------------------------------- strategies


ANY = Membership(Group("any"), ((0,),))
"""A table of one slot, on which all keys fall."""


@dataclass
class Pieces:
    """The parts that routes of a case may lead through."""

    groups: list[Group]
    memberships: list[Membership]
    stations: list[Station]
    networks: list[Network]
    caches: list[Cache]
    buckets: list[Bucket]
    quorums: list[Quorum]
    copies: Copies | None = None
    rooms: list[Room] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    volume: Volume | None = None


OFS = st.sampled_from(list(OF))


def times(most: int = 40, least: int = 0) -> SearchStrategy[float]:
    """Instants and lengths on the grid."""
    return st.integers(least, most).map(lambda steps: steps * GRID_S)


def laws() -> SearchStrategy[Law]:
    """A law of times; constants on the grid come more often."""
    return st.sampled_from(LAWS)


@st.composite
def pieces(draw: DrawFn) -> Pieces:
    """Groups, and parts on them."""
    small = st.integers(1, 3)
    groups = []
    for index in range(draw(st.integers(1, 4))):
        size = draw(st.integers(1, 4))
        zones = tuple(draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))) if draw(st.booleans()) else ()
        groups.append(Group(f"group{index}", size, zones))
    memberships = [everybody(group) for group in groups]
    for group in groups:
        if draw(st.booleans()):
            of = draw(st.sampled_from([None, *groups]))
            width = draw(small)
            row = st.tuples(*[st.integers(0, group.size - 1)] * width)
            rows = draw(st.tuples(*[row] * (1 if of is None else of.size)))
            memberships.append(Membership(group, rows, of))
    pick = st.sampled_from(groups)
    stations = [
        Station(
            f"station{index}",
            draw(pick),
            1 if rounds else draw(st.integers(0, 3)),
            draw(st.sampled_from([None, None, 0, 1, 3])),
            draw(st.sampled_from(["rejected", "throttled"])),
            rounds,
        )
        for index in range(draw(small))
        for rounds in [draw(st.integers(0, 3)) == 0]
    ]
    networks = [
        Network(
            f"network{index}",
            draw(laws()),
            draw(st.none() | laws()),
            draw(small),
            draw(st.sampled_from([None, None, 50 / GRID_S, 300 / GRID_S])),
        )
        for index in range(draw(st.integers(0, 2)))
    ]
    caches = [draw(stores(f"cache{index}", pick)) for index in range(draw(st.integers(0, 2)))]
    buckets = [
        Bucket(f"bucket{index}", draw(pick), draw(st.sampled_from([0.25, 0.5, 1.0, 0.3])) / GRID_S, draw(small) * 1.0)
        for index in range(draw(st.sampled_from([0, 1, 1, 2])))
    ]
    if len(buckets) > 1 and draw(st.booleans()):
        below = replace(buckets[1], group=buckets[0].group, rate_per_s=0.0)
        buckets = [replace(buckets[0], overflow=below), below]
    if buckets and draw(st.integers(0, 3)) == 0:
        buckets.append(Bucket("meter", draw(pick), 0.0, math.inf))
    rooms = [Room(f"room{index}", draw(pick), draw(st.none() | pick)) for index in range(draw(st.integers(0, 1)))]
    copies = None
    if draw(st.booleans()):
        width, rows = draw(small), draw(small)
        holders = Group("holders", width * rows)
        order = draw(st.permutations(range(width)))
        by_key = draw(st.sampled_from([None, Membership(Group("rows", rows), (tuple(range(rows)),))]))
        of = None if by_key is None else by_key.group
        table = tuple(tuple(width * row + slot for slot in order) for row in range(1 if of is None else rows))
        members = Membership(holders, table, of)
        memberships += [members, *([] if by_key is None else [by_key])]
        copies = Copies("copies", members, by_key, replicated=draw(st.booleans()))
    recorded = draw(st.sampled_from(["nowhere", "nowhere", "log", "log", "volume"]))
    logs = [draw(log_parts(pick))] if recorded == "log" else []
    volume = draw(volumes(groups, copies)) if recorded == "volume" else None
    return Pieces(groups, memberships, stations, networks, caches, buckets, [], copies, rooms, logs, volume)


def sufficing(width: int, count: int) -> tuple[bool, ...]:
    """So many of a row's segments."""
    return tuple(having.bit_count() >= count for having in range(1 << width))


@st.composite
def volumes(draw: DrawFn, groups: Sequence[Group], copies: Copies | None) -> Volume:
    """A volume of few segments, some of which suffice."""
    rows, width = draw(st.integers(1, 2)), draw(st.integers(1, 4))
    needed, limit = draw(st.integers(1, width)), draw(st.sampled_from([1, 3, 100]))
    suffices = sufficing(width, needed)
    writers = draw(st.sampled_from(groups))
    followed = copies if draw(st.booleans()) else None
    return Volume("volume", writers, Group("pages", rows), Group("segments", rows * width), suffices, limit, followed)


@st.composite
def log_parts(draw: DrawFn, groups: SearchStrategy[Group]) -> Log:
    """A log whose first member leads, and perhaps the second."""
    group = draw(groups)
    leaders = draw(st.integers(1, min(2, group.size)))
    return Log("log", group, tuple(member % leaders for member in range(group.size)), draw(st.sampled_from([0, 40])))


@st.composite
def stores(draw: DrawFn, name: str, groups: SearchStrategy[Group]) -> Cache:
    """A cache of a few objects, of any policy."""
    policy = draw(st.sampled_from(CACHE_POLICIES))
    slabs, in_items = SLABS, policy != "segmented_lru" and draw(st.booleans())
    if policy == "segmented_lru":
        slabs = draw(st.sampled_from([SLABS, replace(SLABS, hot_percent=50, hot_age_factor=3.0, warm_percent=20)]))
    capacities_bytes = [320, 640, 700] if policy == "segmented_lru" else [50, 250, 600]
    ticks = st.sampled_from([0.0, 2.5 * GRID_S])
    sampling = Sampling(draw(st.sampled_from([1, 2, 5])), draw(ticks), 1, draw(ticks))
    return Cache(
        name,
        draw(groups),
        policy,
        draw(st.integers(1, 6)) if in_items else None,
        None if in_items else draw(st.sampled_from(capacities_bytes)),
        draw(st.none() | times(least=1)),
        draw(st.sampled_from([0, 0, 7])),
        sampling=sampling,
        slabs=slabs,
        volatile=draw(st.booleans()),
    )


def zoned(groups: Sequence[Group], zones: int) -> list[Group | None]:
    """The groups whose zones a network has, and nobody."""
    return [None, *(group for group in groups if max(group.zones, default=0) < zones)]


@st.composite
def routes(
    draw: DrawFn, parts: Pieces, depth: int = 0, *, held: bool = False, occupied: tuple[Station, ...] = ()
) -> Route:  # fmt: skip
    """A route of a few steps."""
    kinds = ["serve", "serve", "choose"]
    kinds += ["travel"] * bool(parts.networks) + ["lookup", "fill", "drop", "peek"] * bool(parts.caches)
    kinds += ["fit"] * any(cache.capacity_bytes for cache in parts.caches)
    kinds += ["hold"] * bool(parts.rooms and not held and depth < 2) + ["pass"]
    kinds += ["try", "attempt", "redirect"] * (depth < 2)
    vacant = [part for part in parts.stations if part not in occupied and not part.rounds]
    kinds += ["occupy"] * (depth < 2 and bool(vacant))
    kinds += ["order", "apply", "read"] * bool(parts.copies)
    kinds += ["persist", "seek", *["write"] * (2 * (depth < 2))] * bool(parts.volume)
    kinds += ["append", "receive", *["replicate"] * (depth < 2)] * bool(parts.logs)
    kinds += ["admit"] * bool(parts.buckets) + ["fork", "each"] * (depth < 2)
    steps: list[Step] = []
    for kind in draw(
        st.lists(st.sampled_from(kinds), min_size=2 if depth == 0 else 0, max_size=6 if depth == 0 else 3)
    ):
        if kind == "serve":
            station = draw(st.sampled_from(parts.stations))
            further = draw(st.sampled_from([0.0, 0.0, 0.5]))
            unit_bytes, least = draw(st.sampled_from([(0, 0), (0, 0), (64, 0), (64, 1)]))
            work = draw(laws())
            once = draw(st.sampled_from([None, grid(1), draw(laws())])) if station.rounds else None
            if once is not None and not isinstance(once, Constant):
                work = grid(draw(st.integers(0, 2)))
            steps.append(Serve(station, work, unit_bytes, of=draw(OFS), further=further, least=least, once=once))
        elif kind == "choose":
            membership = draw(st.sampled_from(parts.memberships))
            steps.append(Choose(membership, draw(st.sampled_from(["round-robin", "random", "key", "leg", 0, 1, 5]))))
        elif kind == "travel":
            network = draw(st.sampled_from(parts.networks))
            ends = st.sampled_from(zoned(parts.groups, network.zones))
            steps.append(Travel(network, draw(ends), draw(ends)))
        elif kind == "lookup":
            cache = draw(st.sampled_from(parts.caches))
            miss = draw(routes(parts, depth + 1, held=held, occupied=occupied))
            whole = draw(st.booleans())
            filled = (Fill(cache, whole, draw(st.booleans())),) if draw(st.booleans()) else ()
            steps.append(Lookup(cache, Route(*miss.steps, *filled), whole))
        elif kind == "peek":
            otherwise = draw(routes(parts, depth + 1, held=held, occupied=occupied))
            steps.append(Peek(draw(st.sampled_from(parts.caches)), otherwise))
        elif kind == "hold":
            way = draw(routes(parts, depth + 1, held=True, occupied=occupied))
            steps.append(Hold(draw(st.sampled_from(parts.rooms)), way, share=draw(st.booleans())))
        elif kind == "occupy":
            station = draw(st.sampled_from(vacant))
            steps.append(Occupy(station, draw(routes(parts, depth + 1, held=held, occupied=(*occupied, station)))))
        elif kind == "redirect":
            table, by = draw(st.sampled_from(parts.memberships)), draw(st.sampled_from(["key", 0, 1, 5]))
            steps.append(Redirect(table, draw(routes(parts, depth + 1, held=held, occupied=occupied)), by))
        elif kind == "try":
            ways = routes(parts, depth + 1, held=held, occupied=occupied)
            steps.append(Try(draw(ways), draw(ways), draw(st.sampled_from([0, 0, REFUSED]))))
        elif kind == "attempt":
            ways = routes(parts, depth + 1, held=held, occupied=occupied)
            steps.append(Attempt(draw(ways), draw(ways), draw(st.integers(1, 2))))
        elif kind == "pass":
            steps.append(Pass(draw(st.sampled_from(parts.stations))))
        elif kind in ("order", "apply", "read"):
            assert parts.copies is not None
            steps.append({"order": Order, "apply": Apply, "read": Read}[kind](parts.copies))
        elif kind in ("append", "receive"):
            steps.append({"append": Append, "receive": Receive}[kind](parts.logs[0]))
        elif kind == "persist":
            assert parts.volume is not None
            steps.append(draw(st.sampled_from([Persist, Report, Await]))(parts.volume))
        elif kind == "seek":
            steps += draw(sought(parts))
        elif kind == "write":
            steps += draw(written(parts, depth))
        elif kind == "replicate":
            steps += draw(replications(parts, depth))
        elif kind == "fill":
            steps.append(Fill(draw(st.sampled_from(parts.caches)), draw(st.booleans()), draw(st.booleans())))
        elif kind == "fit":
            steps.append(Fit(draw(st.sampled_from([cache for cache in parts.caches if cache.capacity_bytes]))))
        elif kind == "drop":
            steps.append(Drop(draw(st.sampled_from(parts.caches))))
        elif kind == "admit":
            steps.append(draw(admissions(parts, depth, held=held, occupied=occupied)))
        elif kind == "each":
            page_bytes, most = draw(st.sampled_from([(0, 4), (0, 100), (250, 0), (100, 0), (400, 3)]))
            steps.append(Each(draw(routes(parts, depth + 1)), page_bytes, most))
        else:
            steps.append(draw(forks(parts, depth)))
    return Route(*steps)


@st.composite
def admissions(draw: DrawFn, parts: Pieces, depth: int, *, held: bool, occupied: tuple[Station, ...]) -> Admit:
    """Tokens of some buckets, and perhaps of the first of several sets that has enough."""
    some = st.lists(st.sampled_from(parts.buckets), min_size=1, max_size=2, unique_by=id).map(tuple)

    def placed(bucket: Bucket) -> Bucket | At:
        """As it is, or of a member chosen for it."""
        tables = [table for table in parts.memberships if table.group is bucket.group]
        if draw(st.integers(0, 2)):
            return bucket
        return At(Choose(draw(st.sampled_from(tables)), draw(st.sampled_from(["key", "round-robin", 0, 1]))), bucket)

    tokens, unit_bytes = draw(st.sampled_from([1.0, 0.5, 2.0])), draw(st.sampled_from([0, 0, 100]))
    then = draw(routes(parts, depth + 1, held=held, occupied=occupied)) if draw(st.booleans()) else Route()
    sets = draw(st.lists(some, max_size=2)) if draw(st.booleans()) else []
    either = tuple(tuple(placed(bucket) for bucket in each) for each in sets)
    always = tuple(placed(bucket) for bucket in draw(some)) if not either or draw(st.booleans()) else ()
    return Admit(always, tokens, unit_bytes, then, draw(OFS), either)


@st.composite
def forks(draw: DrawFn, parts: Pieces, depth: int) -> Fork:
    """A fork: k of n, a truth table, or detached work."""
    legs = draw(st.integers(1, 4 if depth == 0 else 2))
    name = f"quorum{len(parts.quorums)}"
    if draw(st.integers(0, 3)) == 0:
        minimal = draw(st.lists(st.integers(1, (1 << legs) - 1), min_size=1, max_size=3))
        table = tuple(any(held & wanted == wanted for wanted in minimal) for held in range(1 << legs))
        quorum = Quorum(name, legs, table=table)
    else:
        quorum = Quorum(name, legs, draw(st.integers(0, legs)))
    parts.quorums.append(quorum)
    needed = (Needed(),) * draw(st.integers(0, 1))
    if draw(st.booleans()):
        before, behind = draw(routes(parts, depth + 1)), draw(routes(parts, depth + 1))
        membership = draw(st.sampled_from(parts.memberships))
        return Fork(quorum, Route(Choose(membership, "leg"), *before.steps, *needed, *behind.steps))
    first, *others = (draw(routes(parts, depth + 1)) for _ in range(legs))
    return Fork(quorum, (first, *(Route(*other.steps, *needed, *first.steps) for other in others)))


@st.composite
def replications(draw: DrawFn, parts: Pieces, depth: int) -> tuple[Step, ...]:
    """A record that goes to some members, on the way to which others may overtake it."""
    log = parts.logs[0]
    legs = min(3, log.group.size + 1)
    quorum = Quorum(f"quorum{len(parts.quorums)}", legs, draw(st.integers(0, 1)))
    parts.quorums.append(quorum)
    before, behind = draw(routes(parts, depth + 1)), draw(routes(parts, depth + 1))
    leg = Route(*before.steps, Choose(everybody(log.group), "leg"), Receive(log), *behind.steps)
    return (Append(log), Fork(quorum, leg))


@st.composite
def sought(draw: DrawFn, parts: Pieces) -> tuple[Step, ...]:
    """A segment that is to have what is durable, in an order of anybody's own."""
    volume = parts.volume
    assert volume is not None
    of = draw(st.sampled_from([None, *parts.groups]))
    segments = range(volume.segments.size)
    orders = tuple(tuple(draw(st.permutations(segments))) for _ in range(1 if of is None else of.size))
    row = Choose(Membership(volume.rows, (tuple(range(volume.rows.size)),)), draw(st.sampled_from(["key", 0, 1])))
    which = draw(st.sampled_from(["first", "kept", "other"]))
    found = (Find(volume),) * draw(st.integers(0, 1))
    return (row, Seek(volume, Membership(volume.segments, orders, of), which), *found)


@st.composite
def written(draw: DrawFn, parts: Pieces, depth: int) -> tuple[Step, ...]:
    """A record that goes to a row's segments, and for which the walk waits."""
    volume = parts.volume
    assert volume is not None
    legs = min(4, volume.width)
    quorum = Quorum(f"quorum{len(parts.quorums)}", legs, 0)
    parts.quorums.append(quorum)
    row = Membership(volume.rows, (tuple(range(volume.rows.size)),))
    segments = Membership(
        volume.segments,
        tuple(tuple(range(at * volume.width, (at + 1) * volume.width)) for at in range(volume.rows.size)),
        of=volume.rows,
    )
    before, behind = draw(routes(parts, depth + 1)), draw(routes(parts, depth + 1))
    leg = Route(Choose(segments, "leg"), *before.steps, Persist(volume), *behind.steps, Report(volume))
    order = () if volume.copies is None else (Order(volume.copies),)
    by = draw(st.sampled_from(["key", "random"]))
    return (Choose(row, by), *order, Allocate(volume), Fork(quorum, leg), Await(volume))


@st.composite
def clients(draw: DrawFn) -> Client:
    """A client's patience."""
    if draw(st.booleans()):
        return Client()
    return Client(
        timeout_s=draw(st.sampled_from([math.inf, 2 * GRID_S, 4 * GRID_S, 9 * GRID_S, 3.3 * GRID_S])),
        max_attempts=draw(st.integers(1, 4)),
        backoff_base_s=draw(st.sampled_from([0.0, GRID_S, 3 * GRID_S])),
        backoff_factor=draw(st.sampled_from([1.0, 2.0])),
        backoff_cap_s=draw(st.sampled_from([math.inf, 2 * GRID_S])),
        jitter=draw(st.sampled_from(["none", "full", "equal"])),
        quota=draw(st.sampled_from([None, *QUOTAS])),
        throttled_base_s=draw(st.sampled_from([None, 0.0, 4 * GRID_S])),
        processes=draw(st.sampled_from([1, 2, 3])),
    )


@st.composite
def arrivals(draw: DrawFn) -> Arrivals:
    """Open arrivals, at most about one at each step of the grid."""
    rate = draw(st.sampled_from([1.0, 0.5, 1.3])) / GRID_S
    kind = draw(st.integers(0, 4))
    if kind == 4:
        return Renewal(gap=draw(st.sampled_from(GAPS)))
    if kind == 0:
        return ConstantArrivals(rate_per_s=rate)
    if kind == 1:
        return Poisson(rate_per_s=rate)
    if kind == 2:
        return Bursty(on_rate_per_s=2 * rate, off_rate_per_s=0.0, on_mean_s=8 * GRID_S, off_mean_s=8 * GRID_S)
    return Schedule(
        points=[[0.0, rate], [30 * GRID_S, rate], [30 * GRID_S, 0.0], [50 * GRID_S, 0.0], [60 * GRID_S, rate]]
    )


@st.composite
def traces(draw: DrawFn, names: tuple[str, ...]) -> Workload:
    """Recorded requests, many at one instant; objects change their size."""
    count = draw(st.integers(0, 6)) * 10

    def column(values: SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=count, max_size=count))

    at = sorted(column(st.integers(0, 100)))
    block = Block(
        np.array(at, np.float64) * GRID_S,
        np.array(column(st.integers(0, len(names) - 1)), np.int64),
        np.array(column(st.integers(0, KEYS - 1)), np.int64),
        np.array(column(st.sampled_from([100, 0, 30, 250, 700])), np.int64),
        np.array(column(st.sampled_from([1, 1, 4])), np.int64),
        np.array(column(st.sampled_from([math.inf, math.inf, 0.0, 5 * GRID_S])), np.float64),
    )
    return Workload(
        ConstantArrivals(rate_per_s=1.0), UniformKeys(count=KEYS), Constant(value=1.0), {names[0]: 1.0},
        Trace.of(block, KEYS, names),
    )  # fmt: skip


@st.composite
def workloads(draw: DrawFn, names: tuple[str, ...]) -> tuple[Workload, ...]:
    """One source or two, which ask for the same keys and sizes with the same mix."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return (draw(traces(names)),)
    keys, sizes = draw(st.sampled_from(KEY_LAWS)), draw(st.sampled_from(SIZES))
    mix = {name: 1.0 / len(names) for name in names}
    think = draw(st.sampled_from([
        ConstantSeconds(value_s=2 * GRID_S), ConstantSeconds(value_s=0.0), ExponentialSeconds(mean_s=4 * GRID_S),
    ]))  # fmt: skip
    opened = Workload(
        draw(arrivals()), keys, sizes, mix, items=draw(st.sampled_from(ITEMS)),
        key_sizes=draw(st.sampled_from(KEY_SIZES)), ttls=draw(st.sampled_from(TTLS)),
    )  # fmt: skip
    closed = replace(opened, arrivals=Closed(clients=draw(st.integers(1, 4)), think=think))
    return ((opened,), (closed,), (opened, closed))[kind - 1]


@st.composite
def acts(draw: DrawFn, parts: Pieces, names: tuple[str, ...], sources: int) -> tuple[Act, ...]:
    """One act of control, and perhaps what undoes it."""
    group = draw(st.sampled_from(parts.groups))
    member = draw(st.integers(0, group.size - 1))
    how = st.sampled_from(["refuse", "silent"])
    factor = draw(st.sampled_from([2.0, 0.5, 3.0, 1.0, 0.3]))
    small, some_keys = st.integers(0, 3), st.sets(st.integers(0, KEYS - 1), max_size=4).map(tuple)
    choices: list[tuple[str, Callable[[], tuple[Any, ...]]]] = [
        ("probe", lambda: (draw(st.sampled_from((*names, PROBE))), 0, 70, draw(times(12)), draw(st.integers(0, 3)))),
        ("burst", lambda: (draw(st.sampled_from(names)), 0, 200, draw(st.integers(1, 3)))),
        *[("down", lambda: (group, member, draw(how)))] * 3,
        ("up", lambda: (group, member)),
        ("stop_source", lambda: (draw(st.integers(0, sources - 1)),)),
        ("start_source", lambda: (draw(st.integers(0, sources - 1)),)),
    ]
    if parts.stations:
        station = draw(st.sampled_from(parts.stations))
        seat, servers = draw(st.integers(0, station.group.size - 1)), st.just(1) if station.rounds else small
        choices += [
            *[("pause", lambda: (station, seat))] * 2, *[("resume", lambda: (station, seat))] * 2,
            *[("slow", lambda: (station, seat, factor))] * 2, ("resize", lambda: (station, seat, draw(servers))),
            ("react-up", lambda: (station, seat, draw(times(30)))),
            ("react-queue", lambda: (station, seat, draw(small), draw(times(20)), draw(servers))),
            ("react-errors", lambda: (draw(st.sampled_from(names)), draw(small), draw(times(20)), station, factor)),
        ]  # fmt: skip
    if parts.caches:
        cache = draw(st.sampled_from(parts.caches))
        nodes = st.integers(0, cache.group.size - 1)
        choices += [("flush", lambda: (cache, draw(nodes)))] * 2
        choices += [("held", lambda: (cache, draw(nodes)))]
        choices += [("move", lambda: (cache, draw(nodes), draw(nodes), draw(some_keys), draw(st.booleans())))] * 2
        if cache.policy != "segmented_lru":
            choices += [("take_over", lambda: (cache, draw(nodes), draw(nodes)))] * 2
            choices += [("save", lambda: (cache, draw(nodes))), *[("restore", lambda: (cache, draw(nodes)))] * 2]
    if parts.buckets:
        bucket = draw(st.sampled_from(parts.buckets))
        which = st.integers(0, bucket.group.size - 1)
        choices.append(("tokens", lambda: (bucket, draw(which))))
        terms = st.sampled_from([(0.5 / GRID_S, 1.0), (0.0, 3.0, 2.0), (0.3 / GRID_S, 2.0, 4.0)])
        choices += [("refill", lambda: (bucket, draw(which), *draw(terms)))] * 2
    if parts.networks:
        network = draw(st.sampled_from(parts.networks))
        link = (network, draw(st.integers(0, network.zones - 1)), draw(st.integers(0, network.zones - 1)))
        choices += [
            *[("cut", lambda: (*link, draw(how)))] * 2, ("mend", lambda: link), ("degrade", lambda: (*link, factor)),
        ]  # fmt: skip
    if parts.quorums:
        quorum = draw(st.sampled_from(parts.quorums))
        choices.append(("swap_quorum", lambda: (quorum, draw(st.integers(0, quorum.legs)))))
    if parts.memberships:
        table = draw(st.sampled_from(parts.memberships))
        row, slot = draw(st.integers(0, len(table.rows) - 1)), draw(st.integers(0, table.width - 1))
        choices.append(("assign", lambda: (table, row, slot, draw(st.integers(0, table.group.size - 1)))))
        choices.append(("keys_of", lambda: (table, slot)))
    if parts.rooms:
        room = parts.rooms[0]
        choices.append(("clear", lambda: (room, draw(st.integers(0, room.group.size - 1)), draw(how))))
    if parts.volume is not None:
        volume, width = parts.volume, parts.volume.width
        writer, each = draw(st.integers(0, volume.writers.size - 1)), draw(st.integers(0, volume.segments.size - 1))
        like = each // width * width + draw(st.integers(0, width - 1))
        some = st.sets(st.integers(0, volume.segments.size - 1)).map(lambda found: tuple(sorted(found)))
        choices += [
            ("extent", lambda: (volume, each)), ("outstanding", lambda: (volume, writer)),
            ("unsure", lambda: (volume, writer)),
            ("halt", lambda: (volume, writer)), ("wipe", lambda: (volume, each)),
            *[("learn", lambda: (volume, writer, each))] * 2,
            ("interrupt", lambda: (volume, volume.segments, each)),
            *[("recover", lambda: (volume, writer, draw(some)))] * 2, *[("gossip", lambda: (volume, each, like))] * 2,
            ("suffice", lambda: (volume, each // width, sufficing(width, draw(st.integers(1, width))))),
        ]  # fmt: skip
    if parts.logs:
        log = parts.logs[0]
        who, whom = (draw(st.integers(0, log.group.size - 1)) for _ in range(2))
        choices += [
            ("lead", lambda: (log, who)), ("position", lambda: (log, who)), ("part", lambda: (log, who)),
            *[("follow", lambda: (log, who, whom))] * 2,
        ]  # fmt: skip
    if parts.copies is not None:
        held = parts.copies
        whoever = st.sampled_from([member for members in held.members.rows for member in members])
        whose = draw(st.integers(0, len(held.members.rows) - 1))
        one, other = draw(st.sampled_from(held.members.rows[whose])), draw(st.sampled_from(held.members.rows[whose]))
        choices += [
            ("copy", lambda: (held, whose, one, other)),
            *[("move", lambda: (held, draw(whoever), draw(whoever), draw(some_keys), draw(st.booleans())))] * 2,
            ("forget", lambda: (held, one)), ("save", lambda: (held, one)), ("restore", lambda: (held, one)),
            *[("assign", lambda: (held.members, whose, 0, one))] * 2,
        ]  # fmt: skip
    verb, arguments = draw(st.sampled_from(choices))
    # One in five is off the grid, where sums are rounded.
    steps = draw(st.integers(0, 90))
    act = Act(steps * GRID_S * (1.0 if steps % 5 else 1.03), verb, arguments())
    undoing: dict[str, Callable[[], tuple[str, tuple[Any, ...]]]] = {
        "pause": lambda: draw(st.sampled_from([("resume", (station, seat)), ("up", (station.group, seat))])),
        "down": lambda: ("up", (group, member)),
        "cut": lambda: ("mend", link),
        "stop_source": lambda: ("start_source", act.arguments),
    }
    if verb in undoing and draw(st.integers(0, 3)):
        return act, Act(act.at_s + draw(times(30)), *undoing[verb]())
    return (act,)


def passed(groups: list[Group], operations: dict[str, Operation]) -> Pieces:
    """What the routes lead through, which is all that control may act on."""
    p = Program(System(operations), "routes")
    links = p.link_stations.values()
    stations = [station for station in p.stations if station not in links]
    return Pieces(
        groups,
        p.memberships,
        stations,
        p.networks,
        p.caches,
        p.buckets,
        p.quorums,
        p.copies,
        p.rooms,
        p.logs,
        p.volume,
    )


@st.composite
def cases(draw: DrawFn, *, controlled: bool = True) -> Case:
    """A system, its work and its control."""
    parts = draw(pieces())
    names = ("read", "insert", "scan", "write")[: draw(st.integers(1, 4))]
    operations = {name: Operation(draw(routes(parts)), draw(clients())) for name in names}
    work, probes = draw(workloads(names)), {PROBE: Operation(draw(routes(parts)), draw(clients()))}
    scripts: tuple[tuple[Act, ...], ...] = ()
    if controlled:
        on_routes = passed(parts.groups, {**operations, **probes})
        script = st.lists(acts(on_routes, names, len(work)), min_size=2, max_size=8).map(
            lambda some: tuple(sorted((act for few in some for act in few), key=lambda act: act.at_s))
        )
        scripts = tuple(draw(st.lists(script, min_size=1, max_size=2)))
    span = Span(
        warmup_s=draw(st.sampled_from([0.0, 16 * GRID_S, 10.7 * GRID_S])),
        duration_s=DURATION_S,
        end_s=DURATION_S + draw(st.sampled_from([64 * GRID_S, 0.0, 1000 * GRID_S])),
        windows=draw(st.sampled_from([4, 1, 7])),
    )
    primed = work[0].trace is None and draw(st.integers(0, 3)) == 0
    return Case(operations, scripts, work, span, draw(st.integers(0, 1000)), primed, probes)


def unlike(a: Seen, b: Seen) -> str | None:
    """How two runs differ; None where they do not. The fingerprint must see what the comparison of fields sees."""
    found = first_difference(a, b)
    if found is None and a.fingerprint != b.fingerprint:
        return "the fingerprints differ, and nothing else does"
    if found is not None and ".outcome" in found and a.fingerprint == b.fingerprint:
        return f"{found}; the fingerprints do not see it"
    return found


def busy_case() -> Case:
    """A case by hand that uses nearly everything at once, for tests that need but one."""
    nodes, client, store = Group("nodes", 3, (0, 1, 2)), Group("client"), Group("store", 3, (0, 1, 2))
    cpu, disk = Station("cpu", nodes, 1, 4), Station("disk", store, 2)
    cache = Cache("cache", nodes, "clock", capacity_bytes=600, ttl_s=20 * GRID_S, overhead_bytes=7)
    net = Network("net", grid(1), Exponential(mean=2 * GRID_S), 3, 300 / GRID_S)
    limit = Bucket("limit", nodes, 0.5 / GRID_S, 3.0)
    quorum = Quorum("quorum", 3, 2)
    table = Membership(store, ((0, 1, 2), (1, 2, 0), (2, 0, 1)), of=nodes)
    write = Fork(
        quorum, Route(Choose(table, "leg"), Travel(net, nodes, store), Serve(disk, LAWS[12]), Travel(net, store, nodes))
    )
    ask = Route(Admit((limit,)), Choose(table, "random"), Serve(disk, LAWS[8]), Fill(cache))
    patience = Client(8 * GRID_S, 3, GRID_S, jitter="full")
    operations = {
        "read": Operation(
            Route(
                Choose(everybody(nodes)),
                Travel(net, client, nodes),
                Serve(cpu, grid(1)),
                Lookup(cache, ask),
                Travel(net, nodes, client),
            ),
            patience,
        ),
        "write": Operation(Route(Choose(everybody(nodes), "key"), Serve(cpu, grid(2)), write, Drop(cache)), patience),
    }
    script = (
        Act(10 * GRID_S, "burst", ("read", 1, 70, 3)), Act(20 * GRID_S, "down", (nodes, 1, "silent")),
        Act(24 * GRID_S, "slow", (disk, 0, 3.0)), Act(30 * GRID_S, "probe", ("write", 2, 100, 6 * GRID_S, 0)),
        Act(40 * GRID_S, "up", (nodes, 1)), Act(41 * GRID_S, "react-queue", (cpu, 0, 1, 20 * GRID_S, 2)),
        Act(60 * GRID_S, "cut", (net, 0, 1, "refuse")), Act(70 * GRID_S, "mend", (net, 0, 1)),
    )  # fmt: skip
    keys, sizes, mix = Zipf(count=KEYS), SIZES[2], {"read": 0.7, "write": 0.3}
    closed = Closed(clients=3, think=ExponentialSeconds(mean_s=4 * GRID_S))
    work = (Workload(Poisson(rate_per_s=0.5 / GRID_S), keys, sizes, mix), Workload(closed, keys, sizes, mix))
    return Case(operations, (script,), work, Span(10 * GRID_S, DURATION_S, 3 * DURATION_S, 4), 11, primed=True)


def expiring_case() -> Case:
    """A case by hand in which one object is asked for at the very instant at which it expires, again and again."""
    cache = Cache("cache", Group("node"), capacity_items=2, ttl_s=4 * GRID_S)
    operations = {"read": Operation(Route(Lookup(cache, Route(Fill(cache)))))}
    work = Workload(ConstantArrivals(rate_per_s=1 / GRID_S), UniformKeys(count=1), SIZES[0], {"read": 1.0})
    return Case(operations, (), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 1)


def living_case() -> Case:
    """A case by hand in which objects live as long as their keys say, in room for some; one source is closed."""
    cache = Cache("cache", Group("node"), capacity_bytes=900)
    disk = Station("disk", Group("disk"), 1)
    operations = {"read": Operation(Route(Lookup(cache, Route(Serve(disk, grid(1)), Fill(cache)))))}
    opened = Workload(
        Renewal(gap=GAPS[1]), KEY_LAWS[2], SIZES[2], {"read": 1.0}, key_sizes=KEY_SIZES[2], ttls=TTLS[4]
    )  # fmt: skip
    closed = replace(opened, arrivals=Closed(clients=2, think=ConstantSeconds(value_s=2 * GRID_S)))
    return Case(operations, (), (opened, closed), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 3)


def several_case() -> Case:
    """A case by hand in which items are asked for at once and page by page, and some of them are lost; tokens are taken
    for whole results.
    """
    store = Group("store", 4)
    disk, limit = Station("disk", store, 0), Bucket("limit", Group("table"), 1.0 / GRID_S, 4.0)
    item = Route(Choose(everybody(store), "key"), Serve(disk, grid(2)))
    patience = Client(9 * GRID_S, 2)
    operations = {
        "batch_get": Operation(Route(Each(item, most=8), Serve(disk, grid(1))), patience),
        "query": Operation(Route(Admit((limit,), 1.0, 250, of="result"), Each(item, page_bytes=250)), patience),
    }
    script = (Act(20 * GRID_S, "down", (store, 2, "silent")), Act(60 * GRID_S, "up", (store, 2)))
    work = Workload(
        Poisson(rate_per_s=0.5 / GRID_S), UniformKeys(count=KEYS), SIZES[0], {"batch_get": 0.5, "query": 0.5},
        items=ITEMS[2],
    )  # fmt: skip
    return Case(operations, (script,), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 5)


def throttled_case() -> Case:
    """A case by hand in which an empty bucket throttles nearly all, and retries are paid for until a quota is empty."""
    bucket = Bucket("bucket", Group("node"), 0.1 / GRID_S, 1.0)
    patience = Client(max_attempts=3, backoff_base_s=GRID_S, quota=RetryQuota(9.0, 1.0, 1.0, 0.5, 3.0))
    operations = {"read": Operation(Route(Admit((bucket,))), patience)}
    work = Workload(ConstantArrivals(rate_per_s=1 / GRID_S), UniformKeys(count=1), SIZES[0], {"read": 1.0})
    return Case(operations, (), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 1)


def other_way_case() -> Case:
    """A case by hand in which two of three must answer, by a table; who finds one bucket empty tries another; who
    comes again goes another way, and so does who has failed, unless that was before.
    """
    store, node = Group("store", 3), Group("node")
    disk, slow = Station("disk", store, 0), Station("slow", node, 0)
    few, more = Bucket("few", node, 0.1 / GRID_S, 1.0), Bucket("more", node, 0.4 / GRID_S, 2.0)
    two = Quorum("two", 3, table=tuple(answered.bit_count() >= 2 for answered in range(8)))
    ask = Fork(two, Route(Choose(everybody(store), "leg"), Serve(disk, LAWS[12])))
    patience = Client(max_attempts=3, backoff_base_s=GRID_S)
    again = Attempt(Route(Admit((), either=((few,), (more,)))), Route(Serve(slow, grid(3))))
    work = Workload(Poisson(rate_per_s=1.0 / GRID_S), UniformKeys(count=1), SIZES[0], {"read": 0.8, "write": 0.2})
    instead = Try(Route(Admit((more,))), Route(Serve(slow, grid(2))))
    operations = {
        "read": Operation(Route(again, ask), patience),
        "write": Operation(Route(Admit((few,)), instead, Serve(slow, grid(1)))),
    }
    return Case(operations, (), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 1)


def boxcar_case() -> Case:
    """A case by hand in which walks of any key go along with the first that waits for a busy server, whatever they have
    read before, until that is served; now and then it is down.
    """
    node = Group("node")
    copies, room = Copies("copies", everybody(node)), Room("boxcar", node, by=node)
    cpu, disk = Station("cpu", node), Station("disk", Group("store"), 0)
    go = Hold(room, Route(Serve(cpu, grid(1))))
    operations = {
        "read": Operation(Route(Serve(cpu, grid(1)), Read(copies), go, Read(copies))),
        "write": Operation(
            Route(Serve(cpu, grid(1)), Order(copies), go, Apply(copies), Serve(disk, grid(4)), Pass(cpu))
        ),
    }
    script = tuple(
        act
        for at, how in ((30, "refuse"), (60, "silent"))
        for act in (Act(at * GRID_S, "down", (node, 0, how)), Act((at + 5) * GRID_S, "up", (node, 0)))
    )
    mix = {"read": 0.5, "write": 0.5}
    work = Workload(Poisson(rate_per_s=0.6 / GRID_S), UniformKeys(count=3), SIZES[0], mix)
    return Case(operations, (script,), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 1)


def cleared_case() -> Case:
    """A case by hand in which walks hold one thing in a room while a leg of theirs waits there for another, and the
    room is cleared time and again: with a leg its walk may be lost, which holds nothing any more by then.
    """
    node, things = Group("node"), Group("things", 2)
    room, either = Room("room", node, by=things), everybody(things)
    disk = Station("disk", Group("store"), 0)
    leg = Route(Choose(either, 0), Hold(room, Route(Serve(disk, grid(6))), share=False))
    operations = {
        "read": Operation(Route(Choose(either, 0), Hold(room, Route(Serve(disk, grid(20))), share=False))),
        "write": Operation(Route(Choose(either, 1), Hold(room, Route(Fork(Quorum("leg", 1, 1), leg)), share=False))),
    }
    script = tuple(
        Act(at * GRID_S, "clear", (room, 0, how)) for at, how in ((20, "silent"), (45, "refuse"), (70, "silent"))
    )
    mix = {"read": 0.5, "write": 0.5}
    work = Workload(Poisson(rate_per_s=1.0 / GRID_S), UniformKeys(count=2), SIZES[0], mix)
    return Case(operations, (script,), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 1)


def returning_case() -> Case:
    """A case by hand in which buckets let some through at last, whose retries are given back, and one fills another;
    and an LRU cache of two whole results is asked for three keys, of one, two or three items.
    """
    node = Group("node")
    cache = Cache("cache", node, capacity_bytes=500)
    spare = Bucket("spare", node, 0.0, 3.0)
    bucket = Bucket("bucket", node, 0.6 / GRID_S, 2.0, overflow=spare)
    patience = Client(max_attempts=3, backoff_base_s=GRID_S, quota=RetryQuota(9.0, 3.0, 1.0, 0.5, returns_cost=True))
    operations = {
        "read": Operation(Route(Admit((bucket,))), patience),
        "write": Operation(Route(Admit((spare,)))),
        "query": Operation(Route(Lookup(cache, Route(Fill(cache, whole=True)), whole=True))),
    }
    work = Workload(
        Poisson(rate_per_s=2.0 / GRID_S), UniformKeys(count=3), Constant(value=100.0),
        {"read": 0.4, "write": 0.2, "query": 0.4}, items=Uniform(low=0.5, high=3.0),
    )  # fmt: skip
    return Case(operations, (), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 1)


def older_case() -> Case:
    """A case by hand in which reads bring a version to a cache that has a newer one by then, and so do writes to copies
    that they come to in another order.
    """
    node = Group("node")
    copies, cache = Copies("copies", everybody(node)), Cache("cache", node, capacity_items=2)
    fill, wait = Fill(cache, keep_newer=True), Serve(Station("disk", node, 0), grid(4))
    late = Serve(Station("log", node, 0), Uniform(low=0.0, high=8 * GRID_S))
    operations = {
        "read": Operation(Route(Read(copies), wait, fill)),
        "write": Operation(Route(Order(copies), late, Apply(copies), fill)),
        "look": Operation(Route(Lookup(cache))),
    }
    mix = {"read": 0.4, "write": 0.2, "look": 0.4}
    work = Workload(Poisson(rate_per_s=0.5 / GRID_S), UniformKeys(count=1), SIZES[0], mix)
    return Case(operations, (), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 1)


def partial_quorum_case() -> Case:
    """A case by hand in which writes come to three copies at different times, and reads ask all for the newer of the
    first two; some look at one copy before, and some writes look at all.
    """
    group, client = Group("copies", 3, (0, 1, 2)), Group("client", 3, (0, 1, 2))
    members = everybody(group)
    copies, far = Copies("versions", members, led=False), Network("net", grid(0), grid(2), 3)
    there, back = Travel(far, client, group), Travel(far, group, client)
    door, late = Station("door", group, 0), Serve(Station("way", group, 0), LAWS[12])
    asked = Fork(
        Quorum("read quorum", 3, 2),
        Route(Choose(members, "leg"), there, Serve(door, LAWS[8]), Read(copies), Serve(door, grid(1)), back),
    )
    written = Fork(Quorum("write quorum", 3, 1), Route(Choose(members, "leg"), there, late, Apply(copies), back))
    home = Choose(everybody(client), "random")
    operations = {
        "read": Operation(Route(home, asked)),
        "look": Operation(Route(home, Choose(members, "random"), Read(copies), asked)),
        "write": Operation(Route(home, Order(copies), written)),
        "change": Operation(Route(home, asked, Order(copies), asked, written)),
    }
    script = (Act(20 * GRID_S, "down", (group, 0, "refuse")), Act(24 * GRID_S, "up", (group, 0)))
    mix = {"read": 0.4, "look": 0.2, "write": 0.3, "change": 0.1}
    work = Workload(Poisson(rate_per_s=0.5 / GRID_S), UniformKeys(count=2), SIZES[0], mix)
    return Case(operations, (script,), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 5)


def waiting_case() -> Case:
    """A case by hand in which many wait for one who holds their key, and the room is cleared time and again."""
    node = Group("node")
    room, disk = Room("room", node), Station("disk", Group("store"), 0)
    one = Serve(Station("one", node), grid(1))
    operations = {"read": Operation(Route(Hold(room, Route(Serve(disk, grid(8)))), one), Client(60 * GRID_S, 2))}
    script = tuple(
        Act(at * GRID_S, "clear", (room, 0, how)) for at, how in ((20, "refuse"), (45, "silent"), (70, "refuse"))
    )
    work = Workload(Poisson(rate_per_s=1.0 / GRID_S), UniformKeys(count=2), SIZES[0], {"read": 1.0})
    return Case(operations, (script,), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 3)


def occupied_case() -> Case:
    """A case by hand in which threads wait for a lock, some of them with a connection of a pool, and the threads go
    down and come up again while there are walks that occupy them.
    """
    node = Group("node")
    pool, threads, lock = Station("pool", Group("client"), 3), Station("threads", node, 2), Station("lock", node, 1)
    disk = Station("disk", Group("store"), 0)
    work = Occupy(threads, Route(Serve(disk, grid(3)), Serve(lock, grid(1))))
    operations = {
        "read": Operation(Route(work), Client(40 * GRID_S, 2)),
        "write": Operation(Route(Occupy(pool, Route(work, Serve(disk, grid(1)))))),
    }
    script = (
        Act(20 * GRID_S, "down", (threads, 0, "refuse")), Act(21 * GRID_S, "up", (threads, 0)),
        Act(45 * GRID_S, "down", (threads, 0, "silent")), Act(46 * GRID_S, "up", (threads, 0)),
        Act(60 * GRID_S, "pause", (threads, 0)), Act(66 * GRID_S, "resume", (threads, 0)),
        Act(70 * GRID_S, "resize", (pool, 0, 1)), Act(75 * GRID_S, "down", (lock, 0, "silent")),
        Act(80 * GRID_S, "up", (lock, 0)),
    )  # fmt: skip
    mix = {"read": 0.5, "write": 0.5}
    load = Workload(Poisson(rate_per_s=0.6 / GRID_S), UniformKeys(count=2), SIZES[0], mix)
    return Case(operations, (script,), (load,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 3)


def rounds_case() -> Case:
    """A case by hand of stations that work in rounds, one of which is paused, slowed and killed."""
    node = Group("node")
    loop, disk = Station("loop", node, rounds=True), Station("disk", node, queue_limit=6, rounds=True)
    operations = {
        "read": Operation(Route(Serve(loop, grid(1)))),
        "write": Operation(Route(Serve(loop, grid(1), once=grid(4))), Client(40 * GRID_S, 2)),
        "insert": Operation(Route(Serve(disk, grid(0), once=grid(5)), Serve(loop, grid(2)))),
    }
    script = (
        Act(20 * GRID_S, "pause", (loop, 0)), Act(27 * GRID_S, "resume", (loop, 0)),
        Act(36 * GRID_S, "slow", (loop, 0, 2.0)), Act(48 * GRID_S, "slow", (loop, 0, 1.0)),
        Act(55 * GRID_S, "down", (disk, 0, "refuse")), Act(58 * GRID_S, "up", (disk, 0)),
        Act(75 * GRID_S, "down", (loop, 0, "silent")), Act(79 * GRID_S, "up", (loop, 0)),
    )  # fmt: skip
    mix = {"read": 0.4, "write": 0.2, "insert": 0.4}
    work = Workload(Poisson(rate_per_s=0.8 / GRID_S), UniformKeys(count=2), SIZES[0], mix)
    return Case(operations, (script,), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 3)


def restored_case() -> Case:
    """A case by hand in which copies are taken back to what was saved of them, one of them leads then, and forgets all
    that nobody else has.
    """
    holders = Group("holders", 4)
    shards = Group("shards", 2)
    rows, by_key = Membership(holders, ((0, 1), (2, 3)), of=shards), Membership(shards, ((0, 1, 0, 1),))
    copies = Copies("copies", rows, by_key, replicated=True)
    to_leader = (Choose(by_key, "key"), Choose(rows, 0))
    operations = {
        "write": Operation(Route(*to_leader, Order(copies), Apply(copies))),
        "read": Operation(Route(*to_leader, Read(copies))),
    }
    at = [
        (20, "save", (copies, 0)), (30, "copy", (copies, 0, 0, 1)), (40, "save", (copies, 3)),
        (45, "restore", (copies, 0)), (45, "assign", (rows, 0, 0, 0)), (60, "restore", (copies, 0)),
        (61, "assign", (rows, 0, 0, 1)), (70, "restore", (copies, 3)), (71, "assign", (rows, 1, 0, 3)),
        (78, "forget", (copies, 1)),
    ]  # fmt: skip
    script = tuple(Act(step * GRID_S, verb, arguments) for step, verb, arguments in at)
    work = Workload(
        Poisson(rate_per_s=0.8 / GRID_S), UniformKeys(count=12), SIZES[0], {"write": 0.6, "read": 0.4},
    )  # fmt: skip
    return Case(operations, (script,), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 3)


def moved_case() -> Case:
    """A case by hand in which objects and their copies go from row to row, and who asks a node that lacks one is sent
    to the other one.
    """
    holders, shards = Group("holders", 4), Group("shards", 2)
    rows, by_key = Membership(holders, ((0, 1), (2, 3)), of=shards), Membership(shards, ((0, 1, 0, 1),))
    others = Membership(holders, ((2,), (3,), (0,), (1,)), of=holders)
    copies = Copies("copies", rows, by_key, volatile=True)
    cache = Cache("objects", holders, capacity_items=9, ttl_s=70 * GRID_S)
    to_leader = (Choose(by_key, "key"), Choose(rows, 0), Peek(cache, Route(Redirect(others, Route(), 0))))
    operations = {
        "write": Operation(Route(*to_leader, Order(copies), Fill(cache), Apply(copies))),
        "read": Operation(Route(*to_leader, Lookup(cache, Route(Read(copies))))),
    }
    every = tuple(range(12))
    at = [
        (30, "move", (cache, 0, 2, every, False)), (30, "move", (copies, 0, 2, every, False)),
        (34, "keys_of", (by_key, 3)), (36, "move", (cache, 2, 3, every, True)),
        (36, "move", (copies, 2, 3, (1, 3, 5, 7), True)), (50, "assign", (rows, 1, 0, 3)),
        (60, "move", (cache, 2, 0, (2, 4, 6), True)), (61, "move", (copies, 3, 1, (0, 2, 4), False)),
        (62, "forget", (copies, 1)), (65, "move", (cache, 2, 3, every, True)), (70, "forget", (copies, 3)),
        (85, "move", (cache, 3, 1, every, False)),
    ]  # fmt: skip
    script = tuple(Act(step * GRID_S, verb, arguments) for step, verb, arguments in at)
    work = Workload(
        Poisson(rate_per_s=2.0 / GRID_S), UniformKeys(count=12), SIZES[0], {"write": 0.6, "read": 0.4},
    )  # fmt: skip
    return Case(operations, (script,), (work,), Span(0.0, DURATION_S, 2 * DURATION_S, 4), 3)


def with_operations(case: Case, change: Callable[[Operation], Operation]) -> Case:
    """The same case with other operations."""
    return replace(case, operations={name: change(each) for name, each in case.operations.items()})


__all__ = [
    "GRID_S",
    "Act",
    "Answer",
    "Case",
    "Seen",
    "busy_case",
    "cases",
    "expiring_case",
    "first_difference",
    "moved_case",
    "occupied_case",
    "older_case",
    "restored_case",
    "returning_case",
    "rounds_case",
    "run",
    "several_case",
    "throttled_case",
    "unlike", "waiting_case",
    "with_operations",
]  # fmt: skip
