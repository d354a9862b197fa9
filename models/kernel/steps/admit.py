"""Admission by token buckets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.kernel.amounts import ITEM, OF, Of, units
from models.kernel.codes import OP_ADMIT
from models.kernel.parts import Bucket
from models.kernel.recorder import record_drawn
from models.kernel.steps.base import Step
from models.kernel.steps.choose import Choose
from models.kernel.system import THROTTLED, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token

LOOKS, TRIES = 1, 2
"""What a site may do but take or throttle: only look; go on elsewhere where there are too few."""


@dataclass(frozen=True, eq=False)
class At:
    """A bucket of a member that is chosen for its tokens' sake; the choice is remembered as any other.

    Args:
        choice: Whose bucket it is.
        bucket: Must stand on the group that is chosen from.
    """

    choice: Choose
    bucket: Bucket

    def __post_init__(self) -> None:
        if self.choice.membership.group is not self.bucket.group:
            raise ValueError(f"bucket {self.bucket.name} does not stand on {self.choice.membership.group.name}")


Buckets = tuple[Bucket | At, ...]


@dataclass(frozen=True, eq=False)
class Admit(Step):
    """Take tokens from the chosen members' buckets, from all of them or from none; who is throttled leaves out the way
    of those who are admitted.

    Args:
        buckets: Whose tokens; the first that has too few is the one that throttles.
        tokens: Tokens for one unit.
        unit_bytes: If given, so many for each unit of so many bytes, rounded up, one at least.
        of: What the units are of.
        then: The way of those who are admitted, before both go on.
        either: Sets of buckets, and tokens of the first set in which all have enough; without such a set, the first
            bucket of the last one that has too few throttles. No bucket's member may come twice in a set.
    """

    buckets: Buckets
    tokens: float = 1.0
    unit_bytes: int = 0
    then: Route = field(default_factory=Route)
    of: Of = "item"
    either: tuple[Buckets, ...] = ()
    op = OP_ADMIT
    takes_time = True

    def __post_init__(self) -> None:
        sets = [self.buckets, *self.either] if self.buckets or not self.either else self.either
        if any(len(set(some)) < max(1, len(some)) for some in sets):
            raise ValueError("one bucket or more, each of them once")

    def place(self, program: Program, after: int, depth: int) -> int:
        refused, after = after, program.flatten(self.then, after, depth)
        # No time passes from the first look to the last taking, so what all have is taken from all.
        after = self._row(program, self.buckets, 0, after, refused, depth)
        taken, instead = after, refused
        for some in reversed(self.either):
            tries = TRIES if some is not self.either[-1] else 0
            first = self._row(program, some, tries, taken, instead, depth)
            if len(some) > 1:
                first = self._row(program, some, LOOKS | tries, first, instead, depth)
            after = instead = first
        if len(self.buckets) > 1 or self.either:
            after = self._row(program, self.buckets, LOOKS, after, refused, depth)
        return after

    def _row(
        self, program: Program, buckets: Sequence[Bucket | At], flags: int, after: int, other: int, depth: int
    ) -> int:
        """A site for each bucket; `other` is where those go on for whom there are too few."""
        from models.kernel.program import Site

        for each in reversed(buckets):
            bucket = each.bucket if isinstance(each, At) else each
            after = program.add(
                Site(self, self.op, a=program.bucket(bucket), b=program.group(bucket.group), c=self.unit_bytes,
                     d=flags, of=OF[self.of], x=self.tokens, next=after, other=other)
            )  # fmt: skip
            if isinstance(each, At):
                after = each.choice.place(program, after, depth)
        return after

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        part, recorder = plane.program.bucket_at(site.a), plane.recorder
        family = plane.program.buckets.index(part)
        note_taken, note_missed = recorder.drawn[2 * family].append, recorder.drawn[2 * family + 1].append
        buckets, group = plane.buckets[site.a : site.a + part.group.size], site.b
        tokens, unit_bytes, of = site.x, site.c, site.of
        one_unit = (unit_bytes or math.inf) if of == ITEM else -1
        refused, looks_only, tries = site.other, site.d & LOOKS, site.d & TRIES
        then, after, _ = plane.sites[site.next]
        infinite = math.inf

        def admit(token: Token) -> int:
            size = token.request.size
            wanted = tokens
            if unit_bytes and size > one_unit:
                wanted = tokens * float(units(of, token.items, size, unit_bytes, 1))
            bucket = buckets[token.members[group]]
            if bucket.tokens < infinite and not bucket.holds(wanted, plane.now):
                bucket.missed += wanted
                if not tries:
                    bucket.refused += 1
                    note_missed((plane.now, wanted))
                    token.error = THROTTLED
                return refused
            if not looks_only:
                bucket.tokens -= wanted
                bucket.admitted += 1
                bucket.taken += wanted
                note_taken((plane.now, wanted))
            token.site = after
            return then(token)

        return admit


class BucketState:
    """One token bucket of the SimPy engine, filled up when it is asked."""

    overflow: BucketState | None = None

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.tokens, self.last = rate, burst, burst, 0.0
        self.admitted, self.refused = 0, 0
        self.taken, self.missed = 0.0, 0.0

    def refresh(self, now: float) -> None:
        """Let the tokens in that have come since the last look; what it cannot hold flows over."""
        tokens = self.tokens + (now - self.last) * self.rate
        self.last = now
        if tokens > self.burst:
            if (below := self.overflow) is not None:
                below.tokens = min(below.burst, below.tokens + (tokens - self.burst))
            tokens = self.burst
        self.tokens = tokens

    def holds(self, wanted: float, now: float) -> bool:
        """Whether there are so many tokens now."""
        self.refresh(now)
        return self.tokens >= wanted


def admit(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Admit`."""
    bucket = w.buckets[site.a + token.members[site.b]]
    wanted = site.x
    if site.c:
        wanted = site.x * float(units(site.of, token.items, w.requests[token.request].size, site.c, 1))
    bucket_refresh(w, bucket, w.clock[0].now)
    if bucket.tokens < wanted:
        bucket.missed += wanted
        if site.d & TRIES == 0:
            bucket.refused += 1
            record_drawn(w, 2 * bucket.family + 1, wanted)
            token.error = THROTTLED
        return int(site.other)
    if site.d & LOOKS == 0:
        bucket.tokens -= wanted
        bucket.admitted += 1
        bucket.taken += wanted
        record_drawn(w, 2 * bucket.family, wanted)
    return int(site.next)


def bucket_refresh(w: Any, bucket: Any, now: float) -> None:
    """Compiled form of `BucketState.refresh`."""
    tokens = bucket.tokens + (now - bucket.last) * bucket.rate
    bucket.last = now
    if tokens > bucket.burst:
        if bucket.overflow >= 0:
            below = w.buckets[bucket.overflow]
            below.tokens = min(below.burst, below.tokens + (tokens - bucket.burst))
        tokens = bucket.burst
    bucket.tokens = tokens


def refresh_bucket(w: Any, index: int, now: float) -> None:
    """`bucket_refresh` for control."""
    bucket_refresh(w, w.buckets[index], now)
