"""Admission by a token bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.kernel.amounts import OF, Of, units
from models.kernel.codes import OP_ADMIT
from models.kernel.parts import Bucket
from models.kernel.recorder import record_drawn
from models.kernel.steps.base import Step
from models.kernel.system import THROTTLED, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token


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
    """

    buckets: tuple[Bucket, ...]
    tokens: float = 1.0
    unit_bytes: int = 0
    then: Route = field(default_factory=Route)
    of: Of = "item"
    op = OP_ADMIT
    takes_time = True

    def __post_init__(self) -> None:
        if len(set(self.buckets)) < max(1, len(self.buckets)):
            raise ValueError("one bucket or more, each of them once")

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        refused, after = after, program.flatten(self.then, after, depth)
        # No time passes from the first look to the last taking, so what all have is taken from all.
        looks = self.buckets if len(self.buckets) > 1 else ()
        for bucket, looks_only in reversed([*((b, 1) for b in looks), *((b, 0) for b in self.buckets)]):
            after = program.add(
                Site(self, self.op, a=program.bucket(bucket), b=program.group(bucket.group), c=self.unit_bytes,
                     d=looks_only, of=OF[self.of], x=self.tokens, next=after, other=refused)
            )  # fmt: skip
        return after

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        buckets, group, tokens, unit_bytes, looks_only = plane.buckets, site.b, site.x, site.c, site.d
        family, drawn = plane.program.buckets.index(plane.program.bucket_at(site.a)), plane.recorder.drawn
        first, refused, of = site.a, site.other, site.of

        def admit(token: Token) -> int:
            wanted = tokens
            if unit_bytes:
                wanted = tokens * float(units(of, token.items, token.request.size, unit_bytes, 1))
            bucket = buckets[first + token.members[group]]
            if not bucket.holds(wanted, plane.now):
                drawn(2 * family + 1, plane.now, wanted)
                token.error = THROTTLED
                return refused
            if not looks_only:
                bucket.take(wanted)
                drawn(2 * family, plane.now, wanted)
            return token.site

        return admit


class BucketState:
    """One token bucket of the SimPy engine, filled up when it is asked."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.tokens, self.last = rate, burst, burst, 0.0
        self.admitted, self.refused = 0, 0
        self.taken, self.missed = 0.0, 0.0

    def refresh(self, now: float) -> None:
        """Let the tokens in that have come since the last look."""
        self.tokens = min(self.burst, self.tokens + (now - self.last) * self.rate)
        self.last = now

    def holds(self, wanted: float, now: float) -> bool:
        """Whether there are so many tokens now; one refusal more if not."""
        self.refresh(now)
        if self.tokens >= wanted:
            return True
        self.refused += 1
        self.missed += wanted
        return False

    def take(self, wanted: float) -> None:
        """Take tokens that are there."""
        self.tokens -= wanted
        self.admitted += 1
        self.taken += wanted


def admit(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Admit`."""
    bucket = w.buckets[site.a + token.members[site.b]]
    wanted = site.x
    if site.c:
        wanted = site.x * float(units(site.of, token.items, w.requests[token.request].size, site.c, 1))
    bucket_refresh(bucket, w.clock[0].now)
    if bucket.tokens < wanted:
        bucket.refused += 1
        bucket.missed += wanted
        record_drawn(w, 2 * bucket.family + 1, wanted)
        token.error = THROTTLED
        return int(site.other)
    if site.d == 0:
        bucket.tokens -= wanted
        bucket.admitted += 1
        bucket.taken += wanted
        record_drawn(w, 2 * bucket.family, wanted)
    return int(site.next)


def bucket_refresh(bucket: Any, now: float) -> None:
    """Compiled form of `BucketState.refresh`."""
    bucket.tokens = min(bucket.burst, bucket.tokens + (now - bucket.last) * bucket.rate)
    bucket.last = now


def refresh_bucket(w: Any, index: int, now: float) -> None:
    """`bucket_refresh` for control."""
    bucket_refresh(w.buckets[index], now)
