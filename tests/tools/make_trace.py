"""Writes scenarios/traces/small.csv, a made-up trace that tells replacement policies apart.

    python tests/tools/make_trace.py            write the file
    python tests/tools/make_trace.py --check    exit 1 if the file differs from what would be written

Zipf popularity alone is kind to every policy. So popularity drifts (some ranks swap their keys now and then), and scans
burst in: runs of neighbouring keys, each read once, at a higher rate and mixed with the usual requests. Sizes belong to
keys and change with some of the writes, so that a byte-bounded cache meets hits whose size has changed.

Only raw integers of a published generator are drawn, whose sequence does not change from one NumPy to the next.

Limits: Every figure is made up; it resembles no one's traffic.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

TRACE = Path(__file__).resolve().parents[2] / "scenarios" / "traces" / "small.csv"
SEED = 20261123

REQUESTS = 20_000
KEYS = 3_200
ZIPF_EXPONENT = 0.9
RATE_PER_S = 200.0

DRIFT_EVERY = 500  # requests between two drifts
DRIFT_SWAPS = 40  # pairs of ranks that swap their keys at a drift

SCAN_EVERY = 2_500  # requests from the start of one scan to that of the next
SCAN_KEYS = 250  # neighbouring keys that a scan reads
SCAN_SHARE = 0.6  # of the requests while a scan lasts
SCAN_SPEED_UP = 4.0  # arrivals come faster while a scan lasts

WRITE_SHARE = 0.05
RESIZE_SHARE = 0.4  # of the writes
SIZE_BYTES_MEDIAN = 300.0
SIZE_SPREAD = 4.0  # from the median to about the 84th percentile, as a factor
SIZE_BYTES_MIN, SIZE_BYTES_MAX = 16, 20_000


@dataclass(frozen=True)
class Request:
    """One line of the trace; time in microseconds, so that the text is exact."""

    time_us: int
    key: int
    size_bytes: int
    op: str

    def line(self) -> str:
        """The request as CSV."""
        seconds, micros = divmod(self.time_us, 1_000_000)
        return f"{seconds}.{micros:06d},{self.key},{self.size_bytes},{self.op}\n"


def make_requests() -> list[Request]:
    """All requests of the trace, in order of time."""
    bits = np.random.PCG64(SEED)
    # One row per request: gap, scan or not, key, write or not, resize or not, new size.
    draws = _uniforms(bits, (REQUESTS, 6))
    popularity = np.cumsum(np.arange(1, KEYS + 1, dtype=np.float64) ** -ZIPF_EXPONENT)
    popularity /= popularity[-1]
    key_by_rank = np.argsort(_uniforms(bits, (KEYS,)), kind="stable")
    size_bytes = [_size_bytes(u) for u in _uniforms(bits, (KEYS,))]

    requests: list[Request] = []
    time_us = 0
    scan_key, scan_left = 0, 0
    for index, (gap, scans, popular, writes, resizes, new_size) in enumerate(draws):
        if index % DRIFT_EVERY == DRIFT_EVERY - 1:
            ranks = (_uniforms(bits, (DRIFT_SWAPS, 2)) ** 2 * KEYS).astype(np.int64)  # the popular ones more often
            for one, other in ranks:
                key_by_rank[[one, other]] = key_by_rank[[other, one]]
        if index % SCAN_EVERY == SCAN_EVERY // 2:
            scan_key, scan_left = int(_uniforms(bits, (1,))[0] * KEYS), SCAN_KEYS

        rate_per_s = RATE_PER_S * (SCAN_SPEED_UP if scan_left else 1.0)
        time_us += round(-np.log(1.0 - gap) / rate_per_s * 1e6)
        if scan_left and scans < SCAN_SHARE:
            key, write = scan_key, False
            scan_key, scan_left = (scan_key + 1) % KEYS, scan_left - 1
        else:
            key, write = int(key_by_rank[popularity.searchsorted(popular, side="right")]), writes < WRITE_SHARE
        if write and resizes < RESIZE_SHARE:
            size_bytes[key] = _size_bytes(new_size)
        requests.append(Request(time_us, key, size_bytes[key], "write" if write else "read"))
    return requests


def main(arguments: list[str]) -> int:
    """Write the trace, or with --check compare it; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the small trace that the scenarios use.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file differs")
    check: bool = parser.parse_args(arguments).check
    content = ("time_s,key,size_bytes,op\n" + "".join(request.line() for request in make_requests())).encode("ascii")
    if check:
        same = TRACE.is_file() and TRACE.read_bytes() == content
        print(f"{TRACE.name}: {'as made' if same else 'differs from what make_trace.py writes'}", file=sys.stderr)
        return 0 if same else 1
    TRACE.parent.mkdir(parents=True, exist_ok=True)
    TRACE.write_bytes(content)
    print(f"{TRACE.name}: {REQUESTS:,} requests, {len(content):,} bytes", file=sys.stderr)
    return 0


def _uniforms(bits: np.random.PCG64, shape: tuple[int, ...]) -> FloatArray:
    """Uniform numbers in [0, 1), 53 bits each."""
    raw = bits.random_raw(int(np.prod(shape)))
    return (raw >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53


def _size_bytes(uniform: float) -> int:
    """A size from one uniform number: log-logistic, which looks lognormal and needs nothing but powers."""
    ratio = max(uniform, 1e-9) / (1.0 - uniform)
    size = SIZE_BYTES_MEDIAN * ratio ** (np.log(SIZE_SPREAD) / np.log(0.84 / 0.16))
    return int(min(max(size, SIZE_BYTES_MIN), SIZE_BYTES_MAX))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
