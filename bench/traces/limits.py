"""Bounds on what a trace can make large.

A trace is written by a machine and can be long; within these bounds, reading it takes minutes at worst, memory for its
different keys, and room on disk for its requests.
"""

TRACE_BYTES_MAX = 4 << 30
"""Bytes of a trace, unpacked (4 GiB)."""

TRACE_ROWS_MAX = 200_000_000
"""Requests of a trace; each takes up to 32 bytes of a temporary file."""

TRACE_KEYS_MAX = 20_000_000
"""Different keys of a trace; while it is read, each takes its text and about 200 bytes of memory."""

TRACE_LINE_BYTES_MAX = 1 << 18
"""Bytes of one line (256 KiB)."""

TRACE_SIZE_BYTES_MAX = 1 << 50
"""Bytes of one object (1 PiB): sums of sizes then stay whole numbers."""

TRACE_PROBLEMS_MAX = 20
"""Problems after which no more are looked for."""
