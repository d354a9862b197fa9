"""Counter-based random numbers: a variate is a pure function of who asks for it, and for what.

Philox4x32-10 maps a 128-bit counter under a 64-bit key to 128 random bits. The key says which stream (seed,
replication, name); the counter says which request, attempt, branch, visit and draw. So no draw depends on what was
drawn before: adding a system or a part disturbs nobody, and blocks of any size give the same numbers.

`philox` and `uniforms` take Python integers, NumPy int64 arrays, or numbers inside compiled code alike.

Source:
    J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from models.kernel.numerics import times

MASK32 = 0xFFFFFFFF
MULTIPLIER_0 = 0xD2511F53
MULTIPLIER_1 = 0xCD9E8D57
WEYL_0 = 0x9E3779B9
WEYL_1 = 0xBB67AE85

ORDINAL_BITS = 32
CLIENT_BITS = 24
ATTEMPT_BITS = 8
BRANCH_BITS = 24
VISIT_BITS = 16
DRAW_BITS = 16


class Stream(NamedTuple):
    """The key of one stream: two 32-bit words."""

    key_0: int
    key_1: int


def stream(seed: int, replication: int, *names: str) -> Stream:
    """The stream of this name in this replication.

    Args:
        seed: The scenario's seed, any integer.
        replication: Index of the replication.
        names: What the stream belongs to, outermost first: ("workload", "keys") or ("system", "dax", "nodes.cpu").
    """
    text = "\0".join([str(seed), str(replication), *names])
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=b"tierbench").digest()
    return Stream(int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little"))


def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """Philox4x32-10: four 32-bit words for a counter of four words under a key of two, each in an int64."""
    for _ in range(10):
        p0 = times(c0, MULTIPLIER_0)
        p1 = times(c2, MULTIPLIER_1)
        c0, c1, c2, c3 = ((p1 >> 32) & MASK32) ^ c1 ^ k0, p1 & MASK32, ((p0 >> 32) & MASK32) ^ c3 ^ k1, p0 & MASK32
        k0 = (k0 + WEYL_0) & MASK32
        k1 = (k1 + WEYL_1) & MASK32
    return c0, c1, c2, c3


def uniforms(k0: Any, k1: Any, ordinal: Any, client: Any, attempt: Any, branch: Any, visit: Any, draw: Any) -> Any:
    """Two independent uniforms in (0, 1), 52 bits each and never 0 or 1, for one identity.

    Args:
        k0: First word of the stream's key.
        k1: Second word of the stream's key.
        ordinal: Which request of its client, below 2**32.
        client: Which client or source, below 2**24.
        attempt: Which attempt of the request, below 2**8.
        branch: Which path of forks, below 2**24.
        visit: Which visit to the stream's part on the route, below 2**16.
        draw: Which pair of uniforms of that visit, below 2**16.
    """
    w0, w1, w2, w3 = philox(ordinal, (attempt << 24) | client, branch, (visit << 16) | draw, k0, k1)
    return ((w0 << 20 | w1 >> 12) + 0.5) * 2.0**-52, ((w2 << 20 | w3 >> 12) + 0.5) * 2.0**-52


def mix(x: Any) -> Any:
    """A 31-bit hash of a key below 2**62, the same on every machine.

    Source:
        The 32-bit finaliser of MurmurHash3 (A. Appleby, public domain), over the folded key.
    """
    h = (x & MASK32) ^ (times(x >> 32, 0x9E3779B1) & MASK32)
    h = times(h ^ (h >> 16), 0x85EBCA6B) & MASK32
    h = times(h ^ (h >> 13), 0xC2B2AE35) & MASK32
    return (h ^ (h >> 16)) >> 1
