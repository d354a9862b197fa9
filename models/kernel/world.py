"""The compiled engine's world: everything that a system is and does, as records of numbers.

The compiled forms of the steps read like the SimPy forms because the records have names: `token.due`, `station.busy`. One
`World` is one replication. Arrays that grow with what is in flight (tokens, requests, events, ready) are replaced by larger
ones between two calls of the loop, never within one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from models.kernel.program import MAX_GROUPS

Records = Any
"""An array of records."""

I, F = np.int64, np.float64  # noqa: E741


def _record(ints: str, floats: str = "", *more: tuple[Any, ...]) -> np.dtype[Any]:
    return np.dtype([(n, I) for n in ints.split()] + [(n, F) for n in floats.split()] + list(more))


TOKEN = _record(
    "request parent parent_join leg attempt branch error site after before station where stamp "
    "join quorum answered failed outstanding",
    "due",
    ("members", np.int32, (MAX_GROUPS,)),
)
"""One walk: an attempt, or a leg of a fork. `after` and `before` link it into one list at a time (free, ready, queue, in
service); `where` says which; `stamp` makes events for an earlier wait stale; `join` numbers its forks, so that a straggler's
answer to an earlier one is known for what it is."""

REQUEST = _record(
    "source client ordinal operation key size attempt attempts stamp tokens settled measured probe free priming",
    "arrival ttl",
)
STATION = _record(
    "servers limit busy queued state paused head tail first last started rejected area_base watch_at watch_id",
    "slowdown paused_at span_busy_unused",
)
LINK = _record("law state", "factor")
CACHE = _record(
    "policy capacity in_bytes overhead used count head tail entries family lookups hits evictions",
    "ttl",
)
ENTRY = np.dtype([("before", np.int32), ("after", np.int32), ("held", np.int8), ("marked", np.int8), ("size", np.int64),
                  ("expires", np.float64)])  # fmt: skip
BUCKET = _record("admitted refused", "rate burst tokens last")
MEMBERSHIP = _record("group of width start turn")
QUORUM = _record("legs needed start")
OPERATION = _record(
    "entry max_attempts jitter backoff requests ok settled answers_in_span attempts total_high total_low few "
    "failed watch_at watch_id batch_size batch_count batch_filled batch_total",
    "timeout lowest highest",
)
SOURCE = _record(
    "closed client active block_at block_end clients operation_count keys_kind keys_count size_law parked arrived",
    "think_unused",
)
CLOCK = _record(
    "seq heap free_token free_request ready_head ready_tail tokens requests events simulated answers priming "
    "windows need measuring stuck lookups hits",
    "now warmup duration window",
)
EVENT = np.dtype([("time", F), ("seq", I), ("what", I)])


class World(NamedTuple):
    """All arrays of one replication. Shapes are given where they are made, in `compiled_engine`."""

    clock: Records
    heap: Records
    tokens: Records
    requests: Records
