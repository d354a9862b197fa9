"""The compiled engine's world: everything that a system is and does, as records of numbers.

The compiled forms of the steps read like the SimPy forms because the records have names: `token.due`, `station.busy`. A
`World` is one replication. The arrays that follow what is in flight (heap, tokens, requests, wakeups) or held (entries)
are replaced by larger ones between two calls of the loop, never within one. This module is plain NumPy;
`machine` compiles what acts on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.kernel.codes import MAX_OCCUPIED
from models.kernel.program import MAX_GROUPS, SITE
from models.kernel.recorder import TALLY_DIMENSIONS, TALLY_FLOATS

NEVER = 1 << 62
"""A count that nothing comes to."""
Records = Any
"""An array of records."""


def _record(ints: str, floats: str = "", *more: tuple[Any, ...]) -> np.dtype[Any]:
    return np.dtype([(n, np.int64) for n in ints.split()] + [(n, np.float64) for n in floats.split()] + list(more))


EVENT = _record("seq what", "time since")
"""A scheduled event: `what` packs its kind, whom it concerns and the stamp that must still be theirs (see `loop`). Of
those of one time, what was scheduled earlier comes first: by `since`, the time when it was, and by `seq`. An event of
what went ahead of the clock was scheduled when its last step began, with the clock or not; its `seq` is -1."""

TOKEN = _record(
    "request site place attempt branch leg key items error parent parent_join join quorum answered failed parts "
    "outstanding where after before stamp version access record held first last",
    "due origin",
    ("members", np.int64, (MAX_GROUPS,)),
    ("occupied", np.int64, (MAX_OCCUPIED,)),
)
"""A walk. `due` is when it wakes or, while it waits at a station, its work there; `origin` is since when the event was
scheduled in which it was said to wake. `after` and `before` link it into one
list at a time (free, ready, a queue, in service); `where` is the station that serves it, or -1; `held` is the place in
`owners` of the key that it holds, or -1, and `first` to `last` wait for that. `parts` tells an `Each` from a fork.
`occupied` tells the stations of which it occupies a server: one more than which, and how often that had been down.
`stamp` and `join` go on counting when the slot is used again."""

REQUEST = _record(
    "source client ordinal operation key size items attempt stamp tokens settled measured probe leg after spot "
    "timed sooner later deadline_seq",
    "arrival ttl paid deadline deadline_since",
)
"""What a client waits for; the slot is free again when it is settled and no walk of it is left. `spot` is its place in
the columns of draws, or -1. `timed`: its attempt has a deadline, and a place in the line of those (see `timers`)."""

STATION = _record(
    "servers unlimited limit state paused busy queued head tail first last started rejected full watch_at turns "
    "times_down rounds",
    "slowdown paused_at",
)
"""`head` to `tail` wait, `first` to `last` are in service, each in order. Or it is served in turn, by the servers from
`turns` on."""

TURN = _record("", "free since origin")
"""A server of a station that is served in turn: when it is free; since when that is scheduled, and since when the event
in which it was."""
LINK = _record("state", "factor")
CACHE = _record(
    "policy capacity in_bytes overhead base family stride used front end lookups hits misses evictions version "
    "samples counts log_factor stream member draws count pool pooled "
    "slabs classes pages pages_most item_most hot_percent warm_percent",
    "ttl clock_s decay_s hot_age_factor warm_age_factor",
)
"""A cache. The second line is of those that are sampled, the third of those that have slabs."""
USE = _record("place", "at")
"""What a policy remembers of an object: where it stands among its like, when it was used."""
POOLED = _record("key", "score")
SLAB = _record("chunk per_page pages free")
SEGMENT = _record("front end used")
ENTRY = np.dtype(
    [("size", np.int64), ("expires", np.float64), *((n, np.int32) for n in ("key", "version", "before", "after"))]
)  # fmt: skip
"""An object in a cache; `before` and `after` are slots in the order of its cache, or `after` the next free slot. Two of
them fill a line of a processor's cache."""
ROOM = _record("base width waited by")
"""A member's waiting room: of `owners`, `width` from `base` on are its own, one for each key (`by` is -1), or for each
member of the group `by`; `waited`: walks that had to wait."""
LOG = _record("end leads bytes head tail")
"""A member's log; `head` to `tail` wait for records in front of theirs, in order."""
VOLUME = _record("width limit term newest records spare appends queued followed")
"""What there is of records: `appends` is how many one walk may append, beside those `queued` for a number; `followed`:
the first copy has what the volume has."""
WRITER = _record("leads term last durable first outstanding unsure head tail")
"""A volume's writer; of `unsure` rows too few segments are known to have what it recovered; `head` to `tail` wait for a
number."""
SEGMENT_OF = _record("term end head tail")
"""A volume's segment; `head` to `tail` came early, in order."""
RECORD = _record("term row back prior follow next key version over cut waiter")
"""A volume's record; `waiter` is one more than the slot of the walk that waits for it."""
LEDGER = _record("members by_key width versions histories spare orders")
"""What there is of versions: `orders` is how many one walk may order, `spare` how many there is room for."""
VERSION = _record("after", "superseded_at")
HISTORY = _record("key oldest acknowledged measured row", "superseded_at")
"""Versions of a key that was written: the oldest not superseded (linked by `after`), the newest acknowledged; and the
row that it was moved to."""
BUCKET = _record("family admitted refused overflow", "rate burst tokens last taken missed")
MEMBERSHIP = _record("group of width start turn")
QUORUM = _record("needed everyone start")
QUOTA = _record("returns_cost", "tokens capacity cost timeout_cost throttled_cost refund")
OPERATION = _record(
    "entry past_entry max_attempts jitter quota processes failures watch_at several first last timing", "timeout"
)
"""`first` to `last` are the requests whose attempts have deadlines, in order; `timing`: the next one is an event."""
SOURCE = _record(
    "closed client_base clients active block_at block_end more ordinal parked_count size_law think_law items_law "
    "key_size_law ttl_law insert inserted seq",
    "since origin",
)
"""The next request is `block_at` of the block, which ends before `block_end`; `more`: another block may come. `since`
and `seq` are the next arrival's place in the order of events; `insert` is the operation that inserts, or -1;
`inserted` counts those of a closed source."""
COLUMN = _record("stream visit branch form first end used")
"""Draws ahead of their time (see `columns`), of the requests from ordinal `first` to before `end`."""
CLOCK = _record(
    "seq heap free_tokens free_requests spare_tokens spare_requests reserve heap_most wakeups_most ready_head "
    "ready_tail wakeups entries free_entries spare_entries fills need priming events simulated walks walks_max windows "
    "window_now window_left span_left warmup_ticks duration_ticks prime_lookups prime_hits groups backoff_stream "
    "work_stream next_source controlled ahead unheard tied instant past_instant caches copies run "
    "run_operation run_measured run_window run_batch batch_now",
    "now walks_at warmup duration window batch next_time end stretch_end since",
)
"""The one record of all that is going on.

`reserve` is what one walk may start, `fills` what it may put in caches; `entries` counts the slots that ever were used;
`walks` counts those at one instant. `stretch_end` is when the window or the batch of now ends. `since` is since when
the event of now was scheduled. `next_source` is the open source whose request comes next, at `next_time`, or -1.
`caches`, `copies`: how many there are. `controlled`: control may act on what is in service. `ahead`: a walk that
touches nothing that others see may go ahead of the clock; `unheard`: nothing waits for any answer; `tied`: a walk that
went ahead might have its place elsewhere. `instant`: no request takes any time; `past_instant`: nor do those before
time zero part. `run`: requests that were answered at once, and are not counted yet."""
WAKEUP = _record("kind who value", "latency")
"""Something that control waits for has happened."""


INT, FLOAT = np.dtype(np.int64), np.dtype(np.float64)

ARRAYS: tuple[tuple[str, np.dtype[Any], int], ...] = (
    ("clock", CLOCK, 1),  # one
    ("heap", EVENT, 1),  # capacity
    ("tokens", TOKEN, 1),  # capacity
    ("requests", REQUEST, 1),  # capacity
    ("wakeups", WAKEUP, 1),  # capacity
    ("sites", SITE, 1),
    ("legs", INT, 1),  # entry site of each leg of each fork
    ("leg_ends", FLOAT, 1),  # legs: when those of one fork come to their ends, in order
    ("leg_sinces", FLOAT, 1),  # legs: when their last steps began
    ("leg_origins", FLOAT, 1),  # legs: when the steps before those did
    ("leg_order", INT, 1),  # legs: which they are
    ("keys", INT, 2),  # streams, words of the key
    ("law_kinds", INT, 1),
    ("law_starts", INT, 1),
    ("law_data", FLOAT, 1),
    ("stations", STATION, 1),
    ("turns", TURN, 1),  # servers of those that are served in turn
    ("links", LINK, 1),
    ("caches", CACHE, 1),
    ("entries", ENTRY, 1),  # capacity
    ("marks", np.dtype(np.int32), 1),  # capacity: CLOCK's mark of each entry, LFU's counter, or how active it is
    ("uses", USE, 1),  # capacity, where uses are remembered
    ("roster", np.dtype(np.int32), 1),  # sampled caches x keys: slots of the entries to draw from
    ("pool", POOLED, 1),  # sampled caches x candidates
    ("slabs", SLAB, 1),  # classes of all caches that have slabs
    ("segments", SEGMENT, 1),  # three for each of those
    ("held", np.dtype(np.int32), 1),  # caches x keys: slot + 1 of the object's entry, or 0
    ("buckets", BUCKET, 1),
    ("rooms", ROOM, 1),
    ("owners", np.dtype(np.int32), 1),  # by room, then key or member: slot + 1 of the walk that holds it, or 0
    ("logs", LOG, 1),
    ("volume", VOLUME, 1),  # one
    ("writers", WRITER, 1),
    ("segments_of", SEGMENT_OF, 1),  # row by row
    ("records", RECORD, 1),  # capacity; the first is none
    ("firsts", INT, 1),  # rows: their first record
    ("lasts", INT, 2),  # writers x rows: the last record that each appended
    ("points", INT, 2),  # writers x rows: up to where each knows that they are complete
    ("stable", INT, 2),  # writers x rows: the last record of each that the volume is durable up to
    ("known", INT, 2),  # writers x segments: how far each knows that they are
    ("suffices", INT, 2),  # rows x sets of segments
    ("ledger", LEDGER, 1),  # one
    ("versions", VERSION, 1),  # capacity
    ("histories", HISTORY, 1),  # capacity
    ("copies", np.dtype(np.int32), 2),  # capacity x (copies of a row: which version each has; the last ordered)
    ("history_of", np.dtype(np.int32), 1),  # keys: the place of their history and of their copies, or 0
    ("memberships", MEMBERSHIP, 1),
    ("slots", INT, 1),  # members, of all tables
    ("quorums", QUORUM, 1),
    ("quorum_table", INT, 1),  # entries of all truth tables
    ("zones", INT, 1),  # of all members of all groups
    ("zone_starts", INT, 1),  # groups
    ("operations", OPERATION, 1),
    ("quotas", QUOTA, 1),
    ("ceilings", FLOAT, 2),  # operations x (other errors, throttling), attempts: ceiling of the wait
    ("sources", SOURCE, 1),
    ("block_times", FLOAT, 1),  # requests of all sources' blocks
    ("block_operations", INT, 1),
    ("block_keys", INT, 1),
    ("block_sizes", INT, 1),
    ("block_items", INT, 1),
    ("block_ttls", FLOAT, 1),
    ("columns", COLUMN, 1),
    ("drawn", FLOAT, 2),  # columns, spots
    ("client_ordinals", INT, 2),  # sources, clients
    ("parked", INT, 2),  # sources, clients
    ("shares", FLOAT, 1),  # cumulated shares of all operations but the last
    ("key_law", INT, 1),  # kind, and count of keys
    ("key_floats", FLOAT, 1),  # two parameters
    ("key_table", FLOAT, 1),
    ("key_guide", np.dtype(np.int32), 1),
    *((name, FLOAT if name in TALLY_FLOATS else INT, dimensions) for name, dimensions in TALLY_DIMENSIONS.items()),
)
"""What a world is made of: name, type, dimensions. The names of a tally are among them."""
NICKNAME = "tally"
"""A world's tally is the world itself to compiled code."""


GROWING = frozenset(
    (
        "heap",
        "tokens",
        "requests",
        "wakeups",
        "entries",
        "marks",
        "uses",
        "versions",
        "histories",
        "records",
    )
)
"""Arrays that are replaced by longer ones, whose new records are zero."""
FROM_OUTSIDE = frozenset((
    "clock", "heap", "wakeups", "columns", "entries", "uses.at", "versions", "histories", "ledger.spare",
    "records", "volume.spare",
    "tokens.after", "requests.after", "requests.settled",
    *(f"sources.{field}" for field in (
        "block_at", "block_end", "more", "ordinal", "inserted", "seq", "since", "origin",
    )),
))  # fmt: skip
"""Arrays and fields that the engine itself changes between two calls of compiled code."""
FROM_CONTROL = frozenset((
    "stations.watch_at", "operations.watch_at", "buckets.rate", "buckets.burst", "buckets.tokens", "links.state",
    "links.factor", "quorums.needed", "sources.active",
))  # fmt: skip
"""And those that it changes when control acts, beside what compiled code does for control."""


class World:
    """All arrays of one replication, and the table of their addresses that compiled code goes by."""

    def __init__(self, **arrays: Any) -> None:
        self.table = np.zeros((len(ARRAYS), 4), np.int64)
        self.address: int = self.table.ctypes.data
        """Of the table; asked for with each call."""
        for name, _, _ in ARRAYS:
            self.replace(name, arrays[name])

    def replace(self, name: str, array: Any) -> None:
        """Put another array in the place of one, a longer one mostly."""
        if self.__dict__.get(name) is array:
            return
        index = _INDEX[name]
        _, dtype, dimensions = ARRAYS[index]
        assert array.dtype == dtype, name
        assert array.ndim == dimensions, name
        assert array.flags.c_contiguous, name
        setattr(self, name, array)
        # Not from the array's interface, which describes all fields of a record anew.
        self.table[index, 0] = array.ctypes.data
        self.table[index, 1 : 1 + dimensions] = array.shape

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


BLOCK = ("block_times", "block_operations", "block_keys", "block_sizes", "block_items", "block_ttls")
"""Requests that are to come, in the order of `sources.Block`."""
_INDEX = {name: index for index, (name, _, _) in enumerate(ARRAYS)}
