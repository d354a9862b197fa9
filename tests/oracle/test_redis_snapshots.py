"""What a save costs a Redis node, against what is known of it without a model.

Goal: a fork stands still for its published time per GB; pages that are written to while a save lasts are as many as
chance says; memory that is short makes the one thread wait. Method: figures by hand, pages counted one by one, levels
and notes that control writes down, on both engines.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models import catalogue
from models.elasticache.commands import CommandThreadParameters
from models.elasticache.node_types import GIB, NODE_TYPES
from models.elasticache.snapshots import ENTRY_BYTES, PAGE_BYTES, SnapshotParameters, distinct_pages
from models.kernel.arrivals import Poisson
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.outcome import Outcome
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from tests.strategies.runs import replicate

MODEL = catalogue.MODELS["redis"]
ENGINES = ("simpy", "compiled")
OBJECT_BYTES, OVERHEAD_BYTES, KEYS, FIRST_S, RATE_PER_S = 500_000, 90, 900, 10.0, 100.0
HELD = KEYS * (OBJECT_BYTES + OVERHEAD_BYTES)


def save(
    engine: str, *, writes: bool = True, until_s: float = 40.0, rate_per_s: float = RATE_PER_S,
    object_bytes: int = OBJECT_BYTES, **parameters: Any,
) -> Outcome:  # fmt: skip
    """A node that holds 450 MB of objects before it saves, half a MB each unless told otherwise."""
    terms = {"first_s": FIRST_S, "of": "primaries", "write_bytes_per_s": HELD / 20.0, **parameters.pop("snapshots", {})}
    given = {"snapshots": SnapshotParameters(**terms), "network": "burst", **parameters}
    operation = "write" if writes else "read"
    system = MODEL.build(MODEL.parameters(**given), (operation,))
    system = replace(system, controls=(*system.controls, *system.watchers))
    work = Workload(
        Poisson(rate_per_s=rate_per_s), UniformKeys(count=KEYS * OBJECT_BYTES // object_bytes),
        Constant(value=float(object_bytes)), {operation: 1.0},
    )  # fmt: skip
    return replicate(system, work, Span(0.0, until_s, until_s + 5.0, 80), 1, engine, primed_ttl_s=60.0)[0]


def noted(outcome: Outcome, text: str) -> float:
    """A number in what control wrote down."""
    (found,) = [match[1] for _, note in outcome.notes if (match := re.search(text, note))]
    return float(found)


@pytest.mark.parametrize(("pages", "writes"), [(1000, 100), (1000, 1000), (1000, 5000), (50, 20)])
def test_distinct_pages_are_as_many_as_chance_says(pages: int, writes: int) -> None:
    draws = np.random.default_rng(7).integers(0, pages, (2000, writes))
    counts = np.array([len(np.unique(row)) for row in draws])

    # Exactly it is P (1 - (1 - 1/P)^w), of which the exponential is less than one page short.
    assert distinct_pages(pages, writes) == pytest.approx(pages * (1 - (1 - 1 / pages) ** writes), abs=0.6)
    assert abs(counts.mean() - distinct_pages(pages, writes)) < 4 * counts.std() / math.sqrt(len(counts)) + 0.6


@pytest.mark.parametrize("ms_per_gib", [10.0, 23.3, 239.3], ids=["EC2 HVM", "KVM", "EC2 Xen"])
def test_a_fork_stands_still_for_its_time(ms_per_gib: float) -> None:
    """Times per GB of the Redis latency guide. Who comes early in the pause waits for most of it, and for no reason
    would anybody wait so long without. So many requests are for the quick engine.
    """

    def longest_s(fork_s_per_gib: float) -> tuple[float, Outcome]:
        outcome = save(
            "compiled", until_s=12.0, rate_per_s=4000.0, object_bytes=50_000,
            replication={"fork_s_per_gib": fork_s_per_gib},
        )  # fmt: skip
        return outcome.operations["write"].latency.percentile_s(1.0), outcome

    expected_ms = ms_per_gib * HELD / GIB
    without_s, _ = longest_s(0.0)
    with_s, outcome = longest_s(ms_per_gib / 1000.0)
    assert noted(outcome, r"stands still for (\d+) ms") == pytest.approx(expected_ms, abs=1.0)
    assert without_s < 0.7 * expected_ms / 1000.0 < with_s < 1.1 * expected_ms / 1000.0 + without_s


@pytest.mark.parametrize("engine", ENGINES)
def test_a_save_takes_memory_by_the_pages_that_are_written_to(engine: str) -> None:
    """A hundred writes a second of 123 pages each, for 20 s, to 110,000 pages."""
    outcome = save(engine)

    memory = NODE_TYPES["cache.r7g.large"].memory_gib * GIB
    pages = HELD / PAGE_BYTES
    writes = RATE_PER_S * 20.0 * (1.0 + (OBJECT_BYTES + OVERHEAD_BYTES) / PAGE_BYTES)
    used = HELD + PAGE_BYTES * pages * (1.0 - math.exp(-writes / pages)) + ENTRY_BYTES * pages
    assert noted(outcome, r"at most (\d+) % of its memory") == pytest.approx(100 * used / memory, abs=1.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_copied_where_nothing_is_written(engine: str) -> None:
    outcome = save(engine, writes=False, database={"kind": "station", "servers": "unlimited"})

    memory = NODE_TYPES["cache.r7g.large"].memory_gib * GIB
    assert noted(outcome, r"at most (\d+) % of its memory") == pytest.approx(100 * HELD * 1.002 / memory, abs=1.0)


def test_a_node_without_reserve_swaps_until_it_has_saved() -> None:
    """Of 0.5 GiB, 450 MB are held, and at full speed nine pages of ten would be copied: it would use 159 % of all
    memory. It swaps as soon as copies exceed what is left, and then writes hardly anything any more.
    """
    outcome = save("compiled", node_type="cache.t4g.micro", memory_share=1.0)

    assert 104 < noted(outcome, r"at most (\d+) % of its memory") < 120
    assert outcome.stations["command thread"].busy_s[0].max() > 0.45


def test_a_replica_saves_instead_of_its_primary() -> None:
    first = save("compiled", replicas=1, snapshots={"of": "replicas"})
    primary = save("compiled", replicas=1, snapshots={"of": "primaries"})

    assert [text.split(" forks")[0] for _, text in first.notes if "forks" in text] == ["node 1"]
    assert [text.split(" forks")[0] for _, text in primary.notes if "forks" in text] == ["node 0"]


def test_saves_are_repeated() -> None:
    outcome = save("compiled", snapshots={"every_s": 12.0, "write_bytes_per_s": HELD / 5.0})

    assert [round(at_s) for at_s, text in outcome.notes if "forks" in text] == [10, 22, 34]


def test_a_page_table_is_as_large_as_published() -> None:
    """24 GB of pages of 4 KB, with 8 bytes for each: 48 MB (Redis latency guide)."""
    assert 24 * GIB // PAGE_BYTES * ENTRY_BYTES == 48 << 20


@pytest.mark.parametrize(("swap_in_s", "most"), [(0.01, 0.01), (0.001, 0.05)])
def test_a_node_that_swaps_a_twelfth_of_its_memory_does_next_to_nothing(swap_in_s: float, most: float) -> None:
    """Published of Redis (MemoryDB paper): beyond about 8 %, throughput is near zero, and tails are over a second."""
    share, p99_s = swapping(swap_in_s)

    assert share < most
    assert p99_s > 1.0


def test_which_a_disk_ten_times_as_fast_as_assumed_would_not_do_to_it() -> None:
    """A page in 0.1 ms: the node still answers all that is asked of it, a seventh of what it can do."""
    share, _ = swapping(0.0001)

    assert share > 0.12


def swapping(swap_in_s: float) -> tuple[float, float]:
    """Answers/s of a node just after it has begun to swap 8 % or more, in parts of what its thread does otherwise, and
    p99 of all.

    20,000 writes a second, of 2 KB and so a page and a half each, meet a node that has hardly a reserve; 8 % of its
    memory is short half a second after it forks.
    """
    outcome = save(
        "compiled", node_type="cache.t4g.micro", memory_share=0.97, until_s=16.0, rate_per_s=20_000.0,
        object_bytes=2_000, snapshots={"swap_in_s": swap_in_s},
    )  # fmt: skip
    known, threads = NODE_TYPES["cache.t4g.micro"], CommandThreadParameters()
    work_s = threads.request_s + 256 * threads.connection_s + threads.parse_set_s + threads.set_s + threads.answer_s
    level = outcome.levels["node 0 memory used of all"]
    from_s = float(level.times_s[level.values >= 1.08][0])
    assert from_s == pytest.approx(FIRST_S + 1.0, abs=0.02)
    assert level.values[level.times_s <= from_s].max() < 1.09
    first = math.ceil(from_s / 0.2)
    per_s = float(outcome.operations["write"].window_ok[first : first + 3].mean()) / 0.2
    return per_s * known.slowness * work_s, outcome.operations["write"].latency.percentile_s(0.99)
