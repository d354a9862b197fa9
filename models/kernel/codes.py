"""Small integers that both forms of the steps share: what a step is, and what a walk does next."""

from __future__ import annotations

(
    OP_END, OP_CHOOSE, OP_VIA, OP_DELAY, OP_SERVE, OP_LOOKUP, OP_FILL, OP_DROP, OP_ADMIT, OP_FORK, OP_ORDER, OP_APPLY,
    OP_READ, OP_ENTER, OP_LEAVE, OP_PASS, OP_EACH, OP_OCCUPY, OP_RELEASE, OP_CATCH, OP_REDIRECT, OP_ATTEMPT,
    OP_APPEND, OP_RECEIVE, OP_PEEK, OP_FIT, OP_GUARD,
    OP_ALLOCATE, OP_PERSIST, OP_REPORT, OP_AWAIT, OP_SEEK, OP_FIND, OP_NEEDED,
) = range(34)  # fmt: skip

PARKED = -1
"""The walk waits; whoever wakes it goes on at the site's next."""
GONE = -2
"""The walk has ended or was lost."""

FIRST, CONTROL, DATA = -1, 1, 2
"""Priorities of the run's end, of control and of data: SimPy's own events are 0 (urgent) and 1 (normal)."""

MAX_OCCUPIED = 4
"""Stations of which a walk can occupy a server at once."""
