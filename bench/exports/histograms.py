"""Latencies as HdrHistogram has them: `.hgrm`, percentiles to plot, and `.hlog`, a histogram for each window of time.

There is a file for each operation of each system, all replications together. `.hgrm` holds the measured requests; the
lines of `.hlog` are the windows of the run, warm-up included, by the time of the answer, and time zero is the run's.
Values are nanoseconds within the histogram, and milliseconds where they are read by people: in `.hgrm`, and as the
maximum of an interval.

An HdrHistogram of three digits reports the highest value that it cannot tell from the one that was recorded, which is
at most 1/1024 more. Recorded is the latency itself while a replication has 2048 or fewer, else the middle of its bin,
which is within 1/1024 of it (`FINE`), and within windows of time within 1/64 (`COARSE`). So a percentile in `.hgrm` is
at most 0.2 % off, one of a window 1.7 %, beside half a nanosecond.

Limits: Adding up the intervals of a log does not give the `.hgrm`, whose bins are finer and which has no warm-up.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.targets import file_name
from models.kernel.outcome import COARSE, FINE, Distribution, FloatArray, IntArray, Outcome

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

NS_PER_S, NS_PER_MS = 1e9, 1e6
HIGHEST_NS = 3_600 * 10**9
"""Histograms reach to an hour, by HdrHistogram's custom, so that those of several runs can be added; or further."""
DIGITS = 3
TICKS_PER_HALF_DISTANCE = 5
"""Lines of `.hgrm` on the way from one percentile to halfway between it and 100 %; HdrHistogram's custom."""
NAME_CHARACTERS_MAX = 40

_PERCENTILES_HEAD = f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n\n"
_LOG_HEAD = """#[Histogram log format version 1.3]
#[StartTime: 0.000 (seconds since epoch), 1970-01-01T00:00:00.000Z]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
"""


def histogram_files(kinds: Sequence[str], scenario: str, outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, bytes]:
    """Files of some of the kinds "hgrm" and "hlog", by their names.

    Args:
        kinds: Which.
        scenario: Its name, which each file says together with that of system and operation.
        outcomes: Replications by system.
    """
    writers: dict[str, Callable[[Sequence[Outcome], str, str], str]] = {"hgrm": percentiles_text, "hlog": log_text}
    operations = [(system, name) for system, (first, *_) in outcomes.items() for name in first.operations]
    names = _file_names(operations)
    return {
        f"{names[system, operation]}.{kind}": writers[kind](
            outcomes[system], operation, _about(scenario, system, operation, len(outcomes[system]))
        ).encode("ascii")
        for kind in kinds
        for system, operation in operations
    }


def percentiles_text(replications: Sequence[Outcome], operation: str, about: str) -> str:
    """The measured latencies of an operation as `.hgrm`: value in ms, percentile, count, and 1 / (1 - percentile).

    Args:
        replications: Of one system.
        operation: Which of its operations.
        about: A comment.
    """
    values = [_recorded(each.operations[operation].latency) for each in replications]
    values_s, counts = (np.concatenate(column) for column in zip(*values, strict=True))
    histogram = _histogram(values_s, counts)
    return "".join((_PERCENTILES_HEAD, *_percentile_lines(histogram), about))


def log_text(replications: Sequence[Outcome], operation: str, about: str) -> str:
    """The answers of an operation by window of time as `.hlog`.

    Args:
        replications: Of one system.
        operation: Which of its operations.
        about: A comment.
    """
    counts = sum((each.operations[operation].window_latency for each in replications), np.int64(0))
    edges_s = replications[0].window_edges_s.tolist()
    lines = [about, _LOG_HEAD]
    for begin_s, end_s, window in zip(edges_s[:-1], edges_s[1:], np.asarray(counts), strict=True):
        histogram = _histogram(COARSE.middles_s(), window)
        highest_ms = histogram.get_max_value() / NS_PER_MS
        lines.append(f"{begin_s:.6f},{end_s - begin_s:.6f},{highest_ms:.6f},{histogram.encode().decode('ascii')}\n")
    return "".join(lines)


def percentile_levels() -> Iterator[float]:
    """0, 0.1, 0.2 and so on: five equal steps on the way to halfway between each power of a half and 1, without end."""
    for halvings in itertools.count():
        for step in range(TICKS_PER_HALF_DISTANCE):
            yield 1.0 - 0.5**halvings + step * 0.5 ** (halvings + 1) / TICKS_PER_HALF_DISTANCE


def _recorded(latency: Distribution) -> tuple[FloatArray, IntArray]:
    """Values and how many there are of each: the latencies themselves where those are known."""
    if len(latency.few_s):
        return latency.few_s, np.ones(len(latency.few_s), np.int64)
    used = np.flatnonzero(latency.counts)
    return np.clip(FINE.middles_s()[used], latency.lowest_s, latency.highest_s), latency.counts[used]


def _histogram(values_s: FloatArray, counts: IntArray) -> HdrHistogram:
    from hdrh.histogram import HdrHistogram

    used = np.flatnonzero(counts)
    values_ns = np.rint(values_s[used] * NS_PER_S).astype(np.int64).tolist()
    histogram = HdrHistogram(1, max(HIGHEST_NS, *values_ns) if values_ns else HIGHEST_NS, DIGITS)
    for value_ns, count in zip(values_ns, counts[used].tolist(), strict=True):
        recorded = histogram.record_value(value_ns, count)
        assert recorded, value_ns
    return histogram


def _percentile_lines(histogram: HdrHistogram) -> Iterator[str]:
    """As HdrHistogram writes them, with as many decimals as nanoseconds take.

    The levels are our own: the plotters lay files over each other line by line, and the package has other levels than
    the original.
    """
    count, levels = histogram.get_total_count(), percentile_levels()
    fraction = next(levels)
    for each in histogram.get_recorded_iterator():
        values = f"{each.value_iterated_to / NS_PER_MS:12.6f}", f"{each.total_count_to_this_value:10d}"
        while each.total_count_to_this_value >= fraction * count - 1e-9:
            yield f"{values[0]} {fraction:14.12f} {values[1]} {1.0 / (1.0 - fraction):14.2f}\n"
            fraction = next(levels)
            if each.total_count_to_this_value == count:
                yield f"{values[0]} {1.0:14.12f} {values[1]}\n"
                break
    mean_ms, deviation_ms = histogram.get_mean_value() / NS_PER_MS, histogram.get_stddev() / NS_PER_MS
    yield f"#[Mean    = {mean_ms:12.6f}, StdDeviation   = {deviation_ms:12.6f}]\n"
    highest_ms, count = histogram.get_max_value() / NS_PER_MS, histogram.get_total_count()
    yield f"#[Max     = {highest_ms:12.6f}, Total count    = {count:12d}]\n"
    yield f"#[Buckets = {histogram.bucket_count:12d}, SubBuckets     = {histogram.sub_bucket_count:12d}]\n"


def _about(scenario: str, system: str, operation: str, replications: int) -> str:
    """A comment that says whose latencies these are: one line of ASCII, whatever the names hold."""
    about: dict[str, Any] = {
        "scenario": scenario, "system": system, "operation": operation, "replications": replications, "unit": "ms",
    }  # fmt: skip
    return f"#[tierbench {json.dumps(about)}]\n"


def _file_names(operations: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """System and operation as the name of a file, with a number where two would be alike but for case."""
    names: dict[tuple[str, str], str] = {}
    for system, operation in operations:
        plain = "-".join(
            file_name(name, kind)[:NAME_CHARACTERS_MAX].rstrip(".-")
            for name, kind in ((system, "system"), (operation, "operation"))
        )
        taken = {name.casefold() for name in names.values()}
        numbered = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(operations) + 1))
        names[system, operation] = next(name for name in numbered if name.casefold() not in taken)
    return names
