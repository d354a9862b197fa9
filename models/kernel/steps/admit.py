"""Admission by a token bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.codes import OP_ADMIT
from models.kernel.parts import Bucket
from models.kernel.steps.base import Step
from models.kernel.system import THROTTLED

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token


@dataclass(frozen=True, eq=False)
class Admit(Step):
    """Take tokens from the chosen member's bucket, or be throttled.

    Args:
        bucket: Whose tokens.
        tokens: Tokens for one unit.
        unit_bytes: If given, so many for each unit of the request's size, rounded up, one at least.
    """

    bucket: Bucket
    tokens: float = 1.0
    unit_bytes: int = 0
    op = OP_ADMIT
    takes_time = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        return program.add(
            Site(self, self.op, a=program.bucket(self.bucket), b=program.group(self.bucket.group), c=self.unit_bytes,
                 x=self.tokens, next=after)
        )  # fmt: skip

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        buckets, group = plane.buckets[site.a : site.a + self.bucket.group.size], site.b
        tokens, unit_bytes = site.x, site.c

        def admit(token: Token) -> int:
            wanted = tokens * max(1, -(-token.request.size // unit_bytes)) if unit_bytes else tokens
            if not buckets[token.members[group]].take(wanted, plane.now):
                token.error = THROTTLED
            return token.site

        return admit


class BucketState:
    """One token bucket of the SimPy engine, filled up when it is asked."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.tokens, self.last = rate, burst, burst, 0.0
        self.admitted, self.refused = 0, 0

    def refresh(self, now: float) -> None:
        """Let the tokens in that have come since the last look."""
        self.tokens = min(self.burst, self.tokens + (now - self.last) * self.rate)
        self.last = now

    def take(self, wanted: float, now: float) -> bool:
        """Take all tokens that are wanted, or none."""
        self.refresh(now)
        if self.tokens < wanted:
            self.refused += 1
            return False
        self.tokens -= wanted
        self.admitted += 1
        return True


def admit(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Admit`."""
    bucket = w.buckets[site.a + token.members[site.b]]
    wanted = site.x
    if site.c:
        wanted = site.x * max(1, -(-w.requests[token.request].size // site.c))
    bucket_refresh(bucket, w.clock[0].now)
    if bucket.tokens < wanted:
        bucket.refused += 1
        token.error = THROTTLED
    else:
        bucket.tokens -= wanted
        bucket.admitted += 1
    return int(site.next)


def bucket_refresh(bucket: Any, now: float) -> None:
    """Compiled form of `BucketState.refresh`."""
    bucket.tokens = min(bucket.burst, bucket.tokens + (now - bucket.last) * bucket.rate)
    bucket.last = now


def refresh_bucket(w: Any, index: int, now: float) -> None:
    """`bucket_refresh` for control."""
    bucket_refresh(w.buckets[index], now)
