"""Where Memcached answers more, and where Redis: per dollar and per CPU, over node sizes and shares of sets.

Each cell asks one node for as much as it can answer: two thousand clients that wait for nothing but answers, with no
network between them and the node but its card. Objects are of 100 bytes. Valkey is what Redis is, for four fifths of
the price.

Limits:
    That a thread of Memcached does as much beside 31 others as beside 15 is published nowhere, nor more than 3.1
    million requests/s of one node; the largest nodes are extrapolated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datafiles import csv_text
from bench.pictures.data import Curve, Frame, Panel
from bench.pictures.multiples import Multiple, MultiplesData, draw
from bench.runs import run
from bench.scenario.document import read_document
from bench.scenario.load import build
from bench.simulate import choose_engine
from bench.statistics.figures import throughput_per_s
from bench.statistics.intervals import Estimate, estimate
from bench.studies.exhibits import FOLDER, keep_study
from models.elasticache.node_types import NODE_TYPES, VALKEY_TO_REDIS, NodeType

SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge")
SET_SHARES = {"gets": 0.0, "half of each": 0.5, "sets": 1.0}
REPLICATIONS = 3
REQUESTS = 150_000
"""Of a replication of the faster system, about."""
NAMES = ("Memcached", "Redis", "Valkey")
HOUR_S = 3600.0


@dataclass(frozen=True)
class Cell:
    """What a node of a size answers, by engine, thousand commands/s."""

    size: str
    mix: str
    answers: dict[str, Estimate]

    @property
    def node(self) -> NodeType:
        """The node type."""
        return NODE_TYPES[f"cache.r7g.{self.size}"]


def scenario_text(size: str, share: float) -> str:
    """The scenario of one cell."""
    node = NODE_TYPES[f"cache.r7g.{size}"]
    duration_s = REQUESTS * 3.4e-6 * node.slowness / node.vcpus
    mix = ", ".join(f"{name} = {part!r}" for name, part in (("read", 1.0 - share), ("write", share)) if part)
    common = f"""
node_type = "cache.r7g.{size}"
connections = 2_000
writes = "cache"
region = {{ near = {{ kind = "constant", value_s = 0.0 }}, far = {{ kind = "constant", value_s = 0.0 }} }}
"""
    return f"""
schema = 1
name = "per-dollar"
seed = 20261123
replications = {REPLICATIONS}
duration_s = {duration_s!r}
warmup_s = {0.2 * duration_s!r}
windows = 10
initial = "cold"

[workload]
arrivals = {{ kind = "closed", clients = 2_000 }}
keys = {{ kind = "uniform", count = 1_000 }}
value_size_bytes = {{ kind = "constant", value = 100.0 }}
mix = {{ {mix} }}

[systems.memcached]
model = "memcached"
nodes = 1
{common}
[systems.redis]
model = "redis"
{common}"""


def cells() -> Iterator[Cell]:
    """Run the grid, cell by cell."""
    for mix, share in SET_SHARES.items():
        for size in SIZES:
            yield cell(size, mix, share)


def cell(size: str, mix: str, share: float) -> Cell:
    """Run one cell."""
    document = read_document(scenario_text(size, share).encode(), "per-dollar")
    outcomes = run(build(Path("per-dollar"), document), choose_engine("auto")).outcomes
    answers = {
        system: estimate(
            [math.fsum(throughput_per_s(each, name) or 0.0 for name in each.operations) / 1e3 for each in some]
        )
        for system, some in outcomes.items()
    }
    return Cell(size, mix, {"Memcached": answers["memcached"], "Redis": answers["redis"], "Valkey": answers["redis"]})


def per_dollar(some: Cell, name: str) -> float:
    """Billion commands that a dollar buys."""
    dollars = some.node.dollars_per_hour * (VALKEY_TO_REDIS if name == "Valkey" else 1.0)
    return (some.answers[name].mean or math.nan) * 1e3 * HOUR_S / dollars / 1e9


def per_cpu(some: Cell, name: str) -> float:
    """Thousand commands/s for each CPU of the node."""
    return (some.answers[name].mean or math.nan) / some.node.vcpus


def picture_data(some: Sequence[Cell]) -> MultiplesData:
    """A column for each mix, a row for what a dollar buys and one for what a CPU does."""
    rows = [
        [
            Multiple(Panel(f"{mix}{of}", unit, [_curve(some, mix, name, index, figure) for index, name in shown], kind))
            for mix in SET_SHARES
        ]
        for of, unit, figure, shown, kind in (
            (", per dollar", "billion commands", per_dollar, list(enumerate(NAMES)), "rate"),
            (", per CPU", "thousand commands/s", per_cpu, list(enumerate(NAMES))[:2], "level"),
        )
    ]
    frame = Frame("Study", "Memcached or Redis: which answers more?", finding(some), CAPTION)
    places = tuple(float(index) for index in range(len(SIZES)))
    cpus = tuple(str(NODE_TYPES[f"cache.r7g.{size}"].vcpus) for size in SIZES)
    return MultiplesData(frame, NAMES, rows, "CPUs of the node", places, cpus)


def _curve(some: Sequence[Cell], mix: str, name: str, index: int, figure: object) -> Curve:
    mine = [each for each in some if each.mix == mix]
    assert callable(figure)
    y = np.array([figure(each, name) for each in mine])
    nothing = np.full(len(mine), math.nan)
    return Curve(name, index, np.arange(len(mine), dtype=np.float64), y, nothing, nothing)


def finding(some: Sequence[Cell]) -> str:
    """Who wins, from the numbers."""
    times = {
        (each.mix, each.size): (each.answers["Memcached"].mean or 0.0) / (each.answers["Redis"].mean or math.nan)
        for each in some
    }
    gets = [times["gets", size] for size in SIZES]
    ahead = [size for size in SIZES if times["sets", size] < 1.0]
    since = f"from {NODE_TYPES[f'cache.r7g.{ahead[0]}'].vcpus} CPUs on" if ahead else "nowhere"
    most = f"{min(gets):.1f} to {max(gets):.1f} times as many"
    return f"Gets: Memcached, {most}. Sets: Redis {since}, as a lock ends Memcached"


CAPTION = (
    "What one r7g node answers at most, objects of 100 bytes, one command in a request, 2,000 connections; threads as "
    f"ElastiCache sets them. {REPLICATIONS} replications, which differ by less than 2 %. On demand, us-east-1; "
    "Memcached costs what Redis costs, Valkey four fifths. Nodes of 32 CPUs are extrapolated for Memcached."
)


def table(some: Sequence[Cell]) -> str:
    """The numbers as CSV, one row for each cell and engine."""
    return csv_text(
        ("mix", "node_type", "cpus", "engine", "thousand_per_s", "billion_per_dollar", "thousand_per_s_per_cpu"),
        (
            (each.mix, f"cache.r7g.{each.size}", each.node.vcpus, name, each.answers[name].mean or math.nan,
             per_dollar(each, name), per_cpu(each, name))
            for each in some
            for name in NAMES
        ),
    )  # fmt: skip


def main(folder: Path) -> None:
    """Run the study, and leave its picture and its numbers in a folder."""
    some = list(cells())
    data = picture_data(some)
    command = "python -m bench.studies.per_dollar"
    keep_study(folder, "per-dollar", data.frame, command, lambda: draw(data), table(some))


if __name__ == "__main__":
    main(FOLDER)
