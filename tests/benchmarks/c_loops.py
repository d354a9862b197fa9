"""The systems of `idiomatic` as plain event loops in C: what the compiled engine is measured against.

`event_loops.c` is built by the machine's own compiler when the first loop is called. The tables of key popularities
are made once and kept, as `idiomatic.zipf_cdf` is; all else that a loop needs it makes anew at each call.

Limits: No warm-up, timeouts, retries or faults; caches start empty. Latencies are kept as a histogram, 128 bins to an
octave. Fewer than 2**24 requests are in flight at once; memory that runs out ends the process.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.benchmarks.idiomatic import zipf_cdf

SOURCE = Path(__file__).with_name("event_loops.c")
FLAGS = ("-O3", "-march=native", "-std=c11", "-shared", "-fPIC")
BIN_BITS, LOWEST_OCTAVE, OCTAVES = 7, -30, 40
"""As in the source: bins to an octave, as a power of two; the octave of the first bin; octaves."""
BINS = OCTAVES << BIN_BITS


class _Latencies(ctypes.Structure):
    _fields_ = (("count", ctypes.c_int64), ("total_s", ctypes.c_double), ("bins", ctypes.c_int64 * BINS))


class _Outcome(ctypes.Structure):
    _fields_ = (
        ("reads", _Latencies),
        ("writes", _Latencies),
        ("hits", ctypes.c_int64),
        ("stale", ctypes.c_int64),
        ("events", ctypes.c_int64),
        ("read_units", ctypes.c_double),
        ("write_units", ctypes.c_double),
    )


class _Keys(ctypes.Structure):
    _fields_ = (
        ("cdf", ctypes.c_void_p),
        ("guide", ctypes.c_void_p),
        ("count", ctypes.c_uint32),
        ("guides", ctypes.c_uint32),
    )
    arrays: tuple[npt.NDArray[np.float64], npt.NDArray[np.uint32]]
    """Keeps alive what is pointed to."""


@dataclass(frozen=True)
class Latencies:
    """What is kept of latencies.

    Args:
        count: Requests that were answered.
        mean_s: Mean, seconds; exact. NaN where there were none.
        p99_s: The 99th percentile, seconds, within 0.4 %. NaN where there were none.
    """

    count: int
    mean_s: float
    p99_s: float


@dataclass(frozen=True)
class Result:
    """What a loop brings home.

    Args:
        latencies: Of all requests, from arrival to answer.
        requests: Requests that were sent; all of them are answered.
        events: Events that took place.
        hits: Lookups that found a live item; 0 where there is no cache.
    """

    latencies: Latencies
    requests: int
    events: int
    hits: int = 0


@dataclass(frozen=True)
class Answers:
    """What one side of a comparison measured.

    Args:
        reads: Latencies of reads.
        writes: Latencies of writes.
        hits: Reads answered by a cache.
        stale: Reads of a version that had been superseded when they arrived; a few in a million.
        events: Events that took place.
        read_units: Read capacity units that the table consumed.
        write_units: Write capacity units that the table consumed.
    """

    reads: Latencies
    writes: Latencies
    hits: int
    stale: int
    events: int
    read_units: float
    write_units: float

    @property
    def requests(self) -> int:
        """Requests that were answered."""
        return self.reads.count + self.writes.count


def compiler() -> str | None:
    """The path of a C compiler, or None where there is none."""
    return shutil.which("cc") or shutil.which("gcc")


def build(folder: Path) -> Path:
    """Compile the loops into a shared library in a folder; returns its path.

    Raises:
        FileNotFoundError: There is no C compiler.
        subprocess.CalledProcessError: The compiler fails; what it says goes to the standard error.
    """
    path = compiler()
    if path is None:
        raise FileNotFoundError("found neither cc nor gcc; install a C compiler")
    library = folder / "event_loops.so"
    subprocess.run([path, *FLAGS, "-o", str(library), str(SOURCE), "-lm"], check=True)
    return library


@lru_cache(maxsize=1)
def loaded() -> ctypes.CDLL:
    """The loops, built once in a temporary folder that is gone as soon as they are loaded."""
    with tempfile.TemporaryDirectory() as folder:
        return _declared(build(Path(folder)))


def mmc(requests: int, seed: int) -> Result:
    """M/M/4 at 80 % load, as `idiomatic.mmc`; the arguments mean the same, the draws are others."""
    return _result(_run("mmc", requests, seed))


def cache_aside(requests: int, seed: int) -> Result:
    """An LRU cache beside a store, as `idiomatic.cache_aside`."""
    return _result(_run("cache_aside", requests, seed, _keys(100_000, 0.99)))


def quorum_write(requests: int, seed: int) -> Result:
    """Four answers of six copies, as `idiomatic.quorum_write`."""
    return _result(_run("quorum_write", requests, seed))


def ycsb_b(requests: int, seed: int, *, dax: bool) -> Answers:
    """YCSB B through DAX or directly to the table, as `idiomatic.ycsb_b`."""
    outcome = _run("ycsb_b", requests, seed, ctypes.c_bool(dax), _keys(1_000_000, 0.99))
    return Answers(
        _latencies(outcome.reads),
        _latencies(outcome.writes),
        outcome.hits,
        outcome.stale,
        outcome.events,
        outcome.read_units,
        outcome.write_units,
    )


def lru_replay(keys: npt.NDArray[np.int64], capacity: int, key_count: int) -> int:
    """Replay keys through an LRU cache that starts empty and takes in every key that it misses.

    Args:
        keys: Keys in order of their lookups, each in [0, key_count).
        capacity: Items that fit in, at least 1.
        key_count: Keys that there are, less than 2**32 - 1.

    Returns:
        Lookups that found their key.
    """
    keys = np.ascontiguousarray(keys, dtype=np.int64)
    pointer = keys.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))
    return int(loaded().lru_replay(pointer, keys.size, capacity, key_count))


def _declared(path: Path) -> ctypes.CDLL:
    """A library whose functions know their arguments."""
    library = ctypes.CDLL(str(path))
    asked, outcome, keys = (ctypes.c_int64, ctypes.c_uint64), ctypes.POINTER(_Outcome), ctypes.POINTER(_Keys)
    library.mmc.argtypes = library.quorum_write.argtypes = (*asked, outcome)
    library.cache_aside.argtypes = (*asked, keys, outcome)
    library.ycsb_b.argtypes = (*asked, ctypes.c_bool, keys, outcome)
    library.mmc.restype = library.quorum_write.restype = library.cache_aside.restype = library.ycsb_b.restype = None
    library.lru_replay.argtypes = (ctypes.POINTER(ctypes.c_int64), ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
    library.lru_replay.restype = ctypes.c_int64
    return library


def _run(name: str, requests: int, seed: int, *more: Any) -> _Outcome:
    outcome = _Outcome()
    getattr(loaded(), name)(requests, seed, *more, outcome)
    return outcome


@lru_cache(maxsize=4)
def _keys(count: int, exponent: float) -> _Keys:
    """A Zipf law for the loops: cumulated popularities, and where to begin to search from each step of u on."""
    cdf = zipf_cdf(count, exponent)
    guides = 1 << (count - 1).bit_length()  # a power of two, so that a step's bounds are exact
    guide = cdf.searchsorted(np.arange(guides) / guides, side="right").astype(np.uint32)
    keys = _Keys(cdf.ctypes.data, guide.ctypes.data, count, guides)
    keys.arrays = (cdf, guide)
    return keys


def _result(outcome: _Outcome) -> Result:
    return Result(_latencies(outcome.reads), outcome.reads.count, outcome.events, outcome.hits)


def _latencies(measured: _Latencies) -> Latencies:
    if measured.count == 0:
        return Latencies(0, float("nan"), float("nan"))
    return Latencies(measured.count, measured.total_s / measured.count, _percentile_s(measured, 0.99))


def _percentile_s(measured: _Latencies, share: float) -> float:
    """The middle of the bin that a percentile is in, seconds."""
    cumulated = np.cumsum(np.frombuffer(measured.bins, dtype=np.int64))
    octave, part = divmod(int(cumulated.searchsorted(share * measured.count)), 1 << BIN_BITS)
    return float(2.0 ** (octave + LOWEST_OCTAVE) * (1.0 + (part + 0.5) / (1 << BIN_BITS)))
