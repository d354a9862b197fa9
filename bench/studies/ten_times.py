"""Where DAX reads ten times faster than DynamoDB, and where not: a study over hit ratio, load and percentile.

The sentence under test is the vendor's "up to 10 times". Two things that it hangs on are assumed, not published: how
long a table takes to read, and how far clients are from their nodes. Their ranges are those that the models' parameters
state; they were fixed before the ratio was looked at. Each cell runs both systems under the same requests, for each of
three assumptions: both in the middle of their ranges, and the two corners that are best and worst for DAX.

The hit ratio is set by the share of reads that go to two thousand hot keys; all others are spread so widely that they
miss, and each node has memory for the hot ones and little more. Load is the share of its published capacity that the
cluster of three is busy with. The table has partitions for all of it, so that no direct read waits for others: what is
compared is latency, not what a table that is too small does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from bench.datafiles import csv_text
from bench.pictures.data import Curve, Frame, Panel
from bench.pictures.multiples import Multiple, MultiplesData, draw
from bench.runs import run
from bench.scenario.document import read_document
from bench.scenario.load import build
from bench.simulate import choose_engine
from bench.statistics.figures import PERCENTILES, hit_ratio, percentile_ms
from bench.statistics.intervals import Estimate, estimate, ratio
from bench.studies.exhibits import FOLDER, keep_study
from models.dax.cluster import HIT_UNITS, MISS_UNITS
from models.dax.node_types import NODE_TYPES
from models.dynamodb.model import TableParameters
from models.kernel.laws import LognormalSeconds
from models.region import FAR, NEAR

HIT_SHARES = (0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
LOADS = (0.1, 0.5, 0.8)
SHOWN = ("p50", "p90", "p99")
CLAIM = 10.0
REPLICATIONS = 5
REQUESTS = 40_000
"""Of a replication, at least."""
NODES, NODE = 3, NODE_TYPES["dax.r5.large"]
HOT_KEYS, KEYS, SIZE_BYTES = 2_000, 1_000_000, 900
HELD_ITEMS = 12_000
"""Items that a node has memory for."""
ITEM_BYTES = SIZE_BYTES + 100
PARTITIONS = 64


READ = cast(LognormalSeconds, TableParameters().read)
"""What a replica's read takes by default."""


@dataclass(frozen=True)
class Assumption:
    """One choice out of the assumed ranges: medians of a replica's read and of one way, near and far, seconds.

    Tails are in proportion to those of the models' defaults.
    """

    name: str
    read_s: float
    near_s: float
    far_s: float


ASSUMPTIONS = (
    Assumption("slow table, short ways", 0.003, 0.0001, 0.00025),
    Assumption("middle of both ranges", READ.median, NEAR.median, FAR.median),
    Assumption("fast table, long ways", 0.0015, 0.00025, 0.00055),
)


@dataclass(frozen=True)
class Cell:
    """One point: what was asked, and what came of it."""

    assumption: Assumption
    load: float
    hits: Estimate
    ratios: dict[str, Estimate]


def scenario_text(assumption: Assumption, load: float, hit_share: float) -> str:
    """The scenario of one cell."""
    units = HIT_UNITS * hit_share + MISS_UNITS * (1.0 - hit_share)
    rate_per_s = load * (NODES * NODE.units_per_s) / units
    duration_s = REQUESTS / rate_per_s

    def law(median_s: float, like: LognormalSeconds) -> str:
        return f'{{ kind = "lognormal", median_s = {median_s!r}, p99_s = {median_s * (like.p99 / like.median)!r} }}'

    region = f"region = {{ near = {law(assumption.near_s, NEAR)}, far = {law(assumption.far_s, FAR)} }}"
    read = f"read = {law(assumption.read_s, READ)}"
    return f"""
schema = 1
name = "dax-ten-times"
seed = 20261123
replications = {REPLICATIONS}
duration_s = {duration_s!r}
warmup_s = {0.1 * duration_s!r}
windows = 10

[workload]
arrivals = {{ kind = "poisson", rate_per_s = {rate_per_s!r} }}
keys = {{ kind = "hotspot", count = {KEYS}, hot_keys = {HOT_KEYS / KEYS!r}, hot_operations = {hit_share!r} }}
value_size_bytes = {{ kind = "constant", value = {SIZE_BYTES}.0 }}

[systems.direct]
model = "dynamodb"
partitions = {PARTITIONS}
{region}
{read}

[systems.dax]
model = "dax"
nodes = {NODES}
item_ttl_s = 0.0
memory_share = {HELD_ITEMS * ITEM_BYTES / (NODE.memory_gb * 1e9)!r}
{region}
table = {{ partitions = {PARTITIONS}, {read} }}
"""


def cells(loads: Sequence[float] = LOADS, hit_shares: Sequence[float] = HIT_SHARES) -> Iterator[Cell]:
    """Run the grid, cell by cell."""
    for assumption in ASSUMPTIONS:
        for load in loads:
            for share in hit_shares:
                yield cell(assumption, load, share)


def cell(assumption: Assumption, load: float, hit_share: float) -> Cell:
    """Run one cell; ratios are taken within each replication, as both systems saw the same requests."""
    document = read_document(scenario_text(assumption, load, hit_share).encode(), "dax-ten-times")
    outcomes = run(build(Path("dax-ten-times"), document), choose_engine("auto")).outcomes
    direct, dax = outcomes["direct"], outcomes["dax"]
    ratios = {
        name: estimate(
            ratio(*([percentile_ms(each.operations["read"].latency, PERCENTILES[name]) for each in some]
                    for some in (direct, dax)))
        )
        for name in SHOWN
    }  # fmt: skip
    return Cell(assumption, load, estimate([hit_ratio(each, "item_cache") for each in dax]), ratios)


def picture_data(some: Sequence[Cell]) -> MultiplesData:
    """A row of panels for each percentile, a panel for each load, a curve for each assumption."""
    loads = sorted({each.load for each in some})
    rows = [
        [
            Multiple(Panel(
                f"{percentile}, nodes {load:.0%} busy", "times faster",
                [_curve(some, a, load, percentile, look) for look, a in enumerate(ASSUMPTIONS)], "ratio",
            ))
            for load in loads
        ]
        for percentile in SHOWN
    ]  # fmt: skip
    names = tuple(assumption.name for assumption in ASSUMPTIONS)
    frame = Frame("Study", "Where does DAX read ten times faster than DynamoDB?", finding(some), caption(some))
    return MultiplesData(
        frame, names, rows, "hit ratio, %", (40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0), levels=(1.0, CLAIM)
    )


def _curve(some: Sequence[Cell], assumption: Assumption, load: float, percentile: str, look: int) -> Curve:
    mine = sorted(
        (each for each in some if each.assumption == assumption and each.load == load),
        key=lambda each: each.hits.mean or 0.0,
    )
    estimates = [each.ratios[percentile] for each in mine]
    x, y, low, high = (
        np.array([math.nan if value is None else 100.0 * value for value in (each.hits.mean for each in mine)]),
        *(
            np.array([math.nan if (value := getattr(each, end)) is None else value for each in estimates])
            for end in ("mean", "low", "high")
        ),
    )
    return Curve(assumption.name, look, x, y, low, high)


def finding(some: Sequence[Cell]) -> str:
    """What the grid says, from its numbers."""
    known = [(each, name, each.ratios[name].mean or 0.0) for each in some for name in SHOWN]
    holds = [(each, name) for each, name, _ in known if (each.ratios[name].low or 0.0) >= CLAIM]
    best, at, most = max(known, key=lambda found: found[2])
    top = f"{most:.1f} times at {at} with {best.hits.mean:.0%} hits ({best.assumption.name})"
    if not holds:
        return f"Ten times faster nowhere in the assumed ranges; at most {top}"
    least = min(each.hits.mean or 1.0 for each, _ in holds)
    return f"Ten times faster in {len(holds)} of {len(known)} cases, from {least:.0%} hits on; at most {top}"


def caption(some: Sequence[Cell]) -> str:
    """What the picture is of."""
    return (
        f"Latency of a direct read divided by that through three dax.r5.large, {REPLICATIONS} paired replications of "
        f"at least {REQUESTS:,} reads, 95 % intervals; {len(some)} cells. Assumed: a replica reads in 1.5 to 3 ms, "
        "round trips take 0.2 to 0.5 ms within a zone and 0.5 to 1.1 ms across."
    )


def table(some: Sequence[Cell]) -> str:
    """The numbers as CSV, one row for each cell and percentile; empty where a figure has no value."""

    def known(value: float | None) -> float:
        return math.nan if value is None else value

    return csv_text(
        ("assumption", "load", "hit_ratio", "percentile", "times_faster", "low", "high"),
        (
            (each.assumption.name, each.load, known(each.hits.mean), name, *map(known, (v.mean, v.low, v.high)))
            for each in some
            for name, v in each.ratios.items()
        ),
    )


def main(folder: Path) -> None:
    """Run the study, and leave its picture and its numbers in a folder."""
    some = list(cells())
    data = picture_data(some)
    command = "python -m bench.studies.ten_times"
    keep_study(folder, "dax-ten-times", data.frame, command, lambda: draw(data), table(some))


if __name__ == "__main__":
    main(FOLDER)
