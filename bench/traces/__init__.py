"""Recorded requests from a CSV file, plain or packed, as blocks of numbers that both engines read.

A file is read as a stream: bytes, unpacked bytes, whole lines of text, rows, columns of numbers, which go to a
temporary file where they are many. Never is more of it in memory than a few dozen megabytes and a table of its keys, so
that a small file that unpacks to an enormous one meets a limit and not the end of memory. What is wrong is said with
file and line, several problems at once, before anything runs.
"""

from bench.traces.columns import OPERATIONS
from bench.traces.reading import COLUMNS, Pace, Trace, read_trace

__all__ = ["COLUMNS", "OPERATIONS", "Pace", "Trace", "read_trace"]
