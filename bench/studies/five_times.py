"""Aurora beside MySQL: what the paper that presented Aurora measured, and what the models give.

Each row of the paper's tables 1 to 4 is a run of a model: SysBench's transactions (4 statements that write, and 14 that
read where it is the mixed workload), as many connections that ask again at once, instances of 32 virtual CPUs with 170
GB for pages. Databases are a hundredth as large as theirs, and so is what they are held against: memory, and pages that
may be dirty. Some rows are what parameters are tuned on, or follow from what the paper says of its peaks; all others
are predicted. What one system has by the other's is partly tuned where one of the two rows is.

Source:
    Verbitski and others, Amazon Aurora: Design Considerations for High Throughput Cloud-Native Relational Databases,
    SIGMOD 2017, section 6: tables 1 to 4; peaks of 121,000 writes/s and 600,000 reads/s against about a fifth of that.

Limits:
    The paper does not say how many connections tables 1 and 2 had, which MySQL it was, or for how long a replica had
    fallen behind; 340 connections, 75, and 540 s are taken here. Lag is measured over a tenth of that time where a
    replica cannot keep up, as it grows in proportion. Nothing is tuned on table 3: more connections do not make MySQL's
    work longer, though that answered fewer of 5,000 than of 500.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.datafiles import csv_text
from bench.pictures.data import Frame
from bench.pictures.style import (
    HEADING_IN,
    Sheet,
    axis_label,
    body_in,
    log_ticks,
    look,
    side_by_side,
    ticks,
)
from bench.pictures.themes import INK, MUTED, RULE
from bench.quantities import plain
from bench.runs import run
from bench.scenario.document import read_document
from bench.scenario.load import Scenario, build
from bench.simulate import choose_engine
from bench.studies.exhibits import FOLDER, keep_study
from models.kernel.outcome import COARSE, Outcome
from models.kernel.plane import Plane
from models.kernel.program import Program
from models.kernel.system import System

System_ = Literal["aurora", "mysql"]
Unit = Literal["transactions/s", "I/O per transaction", "times Aurora's I/O", "writes/s", "ms"]
Use = Literal["tuned", "predicted", "bound", "partly tuned"]

PAGES_PER_GB, SMALLER = 65_536, 100
"""Of MySQL's 16 KiB; databases, memory and dirty pages are so many times smaller than in the paper."""
PAGE_BYTES = 800.0
"""Of what stands for a page, which is as large as the records of a transaction."""
MEMORY_GB, IN_MEMORY_GB = 170, 4.5
DIRTY_PAGES = 314_000
"""Tuned to table 2, MySQL, 10 GB: 2,400 writes/s by a page cleaner of 2,000 pages/s."""
WRITE_ONLY_S = 32 / 8_400
"""A statement's time of a CPU where all do nothing but write: tuned to table 2, MySQL, 1 GB."""
WRITES, READS, PAGES = 4, 14, 1.6
"""Statements of SysBench's transaction, and pages that each of the first changes."""
CONNECTIONS, MANY = 75, 340
"""Of table 2: tuned to Aurora's row of 1 TB, where pages must be brought; and of table 1: to Aurora's I/O operations,
which are the fewer the longer what is to be sent waits for a CPU."""
GROUP_GB, GROUPS_MOST = 10, 64
BEHIND_S, SHORTER = 540.0, 10


@dataclass(frozen=True)
class Row:
    """One figure of the paper.

    Args:
        table: Of which table.
        system: Of whom.
        at: Size in GB, connections, or writes/s.
        unit: Of the value.
        value: What was published.
        use: Whether a parameter was set by it, or by one of the two that it is made of, or it says no more than that
            there are less than two whole seconds.
    """

    table: int
    system: System_
    at: float
    unit: Unit
    value: float
    use: Use = "predicted"


PUBLISHED: tuple[Row, ...] = (
    Row(1, "aurora", 100, "transactions/s", 15_210), Row(1, "mysql", 100, "transactions/s", 433),
    Row(1, "aurora", 100, "I/O per transaction", 0.95, "tuned"), Row(1, "mysql", 100, "I/O per transaction", 7.4),
    Row(2, "aurora", 1, "writes/s", 107_000), Row(2, "aurora", 10, "writes/s", 107_000),
    Row(2, "aurora", 100, "writes/s", 101_000), Row(2, "aurora", 1000, "writes/s", 41_000, "tuned"),
    Row(2, "mysql", 1, "writes/s", 8_400, "tuned"), Row(2, "mysql", 10, "writes/s", 2_400, "tuned"),
    Row(2, "mysql", 100, "writes/s", 1_500), Row(2, "mysql", 1000, "writes/s", 1_200),
    Row(3, "aurora", 50, "writes/s", 40_000), Row(3, "aurora", 500, "writes/s", 71_000),
    Row(3, "aurora", 5000, "writes/s", 110_000), Row(3, "mysql", 50, "writes/s", 10_000),
    Row(3, "mysql", 500, "writes/s", 21_000), Row(3, "mysql", 5000, "writes/s", 13_000),
    Row(4, "aurora", 1000, "ms", 2.62, "tuned"), Row(4, "aurora", 2000, "ms", 3.42), Row(4, "aurora", 5000, "ms", 3.94),
    Row(4, "aurora", 10_000, "ms", 5.38),
    Row(4, "mysql", 1000, "ms", 1000, "bound"),
    Row(4, "mysql", 2000, "ms", 1000, "bound"), Row(4, "mysql", 5000, "ms", 60_000, "tuned"),
    Row(4, "mysql", 10_000, "ms", 300_000, "tuned"),
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A row, and what the model gives for it."""

    row: Row
    value: float

    @property
    def error(self) -> float:
        """How far the model is off, as a part of what was published."""
        return self.value / self.row.value - 1.0


def cells(rows: Sequence[Row] = PUBLISHED) -> Iterator[Cell]:
    """All rows, by their models."""
    for row in rows:
        yield Cell(row, MEASURES[row.table](row))


def operations_ratio(some: Sequence[Cell]) -> Cell:
    """MySQL's I/O operations per transaction by Aurora's: 7.4 by 0.95 as published."""
    mine = {each.row.system: each for each in some if each.row.unit == "I/O per transaction"}
    mysql, aurora = mine["mysql"], mine["aurora"]
    row = Row(1, "mysql", aurora.row.at, "times Aurora's I/O", mysql.row.value / aurora.row.value, "partly tuned")
    return Cell(row, mysql.value / aurora.value)


# ---------------------------------------------------------------- the four tables


def transactions(row: Row) -> float:
    """Table 1: writes alone, 100 GB; MySQL mirrored, Aurora with a replica in each of the other zones."""
    extra = "replicas = 2" if row.system == "aurora" else "standby = true"
    scenario = _closed(row.system, row.at, MANY, _write_only(row.system) + extra)
    per_s, outcome = _measure(scenario)
    return per_s if row.unit == "transactions/s" else _operations_per_s(scenario, outcome) / per_s


def by_size(row: Row) -> float:
    """Table 2: writes alone."""
    return WRITES * _measure(_closed(row.system, row.at, CONNECTIONS, _write_only(row.system)))[0]


def by_connections(row: Row) -> float:
    """Table 3: reads and writes, all in memory (250 tables of 25,000 rows)."""
    mixed = f"transaction = {{ reads = {READS}, writes = {WRITES}, pages = {PAGES} }}\n"
    return WRITES * _measure(_closed(row.system, IN_MEMORY_GB, int(row.at), mixed))[0]


def lag(row: Row) -> float:
    """Table 4: how much later a replica has a write than its client knows of it: in the mean or, where it grows, at the
    end.
    """
    is_behind = row.system == "mysql" and row.value >= 10_000
    scenario = _scenario(
        row.system, f'{{ kind = "poisson", rate_per_s = {row.at!r} }}', 1000, 1.0,
        "replicas = 1\n" if row.system == "aurora" else "replicas.count = 1\npages.dirty = 1_000_000\n",
        BEHIND_S / SHORTER if is_behind else 6.0,
    )  # fmt: skip
    window = scenario.span.windows - 1
    waiting = replace(scenario, systems={name: _waits(system) for name, system in scenario.systems.items()})
    plain, behind = (_run(each).operations["write"] for each in (scenario, waiting))
    if is_behind:
        last = COARSE.middles_s()[np.flatnonzero(behind.window_latency[window])[-1]]
        return 1000.0 * SHORTER * float(last)
    return 1000.0 * (behind.latency.mean_s - plain.latency.mean_s)


MEASURES = {1: transactions, 2: by_size, 3: by_connections, 4: lag}


# ---------------------------------------------------------------- runs


def _write_only(system: System_) -> str:
    """SysBench's transactions that do nothing but write."""
    own = "" if system == "aurora" else f"instance.write_s = {WRITE_ONLY_S!r}\n"
    return f"transaction = {{ writes = {WRITES}, pages = {PAGES} }}\n{own}"


def _closed(system: System_, size_gb: float, connections: int, keys: str) -> Scenario:
    """So many connections that ask again at once, of a database of some size."""
    pages = max(1, round(size_gb * PAGES_PER_GB / SMALLER))
    groups = min(GROUPS_MOST, max(1, round(size_gb / GROUP_GB)))
    dirty, aurora = f"pages.dirty = {DIRTY_PAGES // SMALLER}\n", f"storage.protection_groups = {groups}\n"
    own = aurora if system == "aurora" else dirty
    memory = f"instance.memory_bytes = {MEMORY_GB * PAGES_PER_GB / SMALLER * PAGE_BYTES!r}\n"
    return _scenario(
        system, f'{{ kind = "closed", clients = {connections} }}', pages, PAGE_BYTES, memory + own + keys, 8.0
    )


def _scenario(system: System_, arrivals: str, keys: int, size_bytes: float, own: str, duration_s: float) -> Scenario:
    text = f"""
schema = 1
name = "five-times"
seed = 20261206
replications = 1
duration_s = {duration_s!r}
warmup_s = {duration_s / 4!r}
windows = 50

[workload]
arrivals = {arrivals}
keys = {{ kind = "uniform", count = {keys} }}
value_size_bytes = {{ kind = "constant", value = {size_bytes!r} }}
mix = {{ write = 1.0 }}

[systems.it]
model = "{system}"
{own}"""
    return build(Path("five-times"), read_document(text.encode(), "five-times"))


def _run(scenario: Scenario) -> Outcome:
    return run(scenario, choose_engine("auto")).outcomes["it"][0]


def _measure(scenario: Scenario) -> tuple[float, Outcome]:
    """Transactions/s, and what else came of it."""
    outcome = _run(scenario)
    begin_s, end_s = outcome.span_s
    return outcome.operations["write"].answers_in_span / (end_s - begin_s), outcome


def _waits(system: System) -> System:
    """A client has its answer when a replica has applied the write, too."""
    quorum = next(each for each in Program(system, "it").quorums if each.name == "replicas")

    def wait(plane: Plane) -> Any:
        plane.swap_quorum(quorum, 1)
        yield plane.until(0.0)

    return replace(system, controls=(*system.controls, wait))


def _operations_per_s(scenario: Scenario, outcome: Outcome) -> float:
    """I/O operations that an instance issues each second: Aurora's batches, which are counted, or MySQL's flushes and
    pages, of which a station has begun as many as its busy time says.
    """
    begin_s, end_s = outcome.span_s
    p = scenario.spec.systems["it"]
    if p.model == "aurora":
        return outcome.buckets["batches"].taken / (end_s - begin_s)

    def busy(name: str) -> float:
        return float(outcome.stations[name].span_busy_s[0]) / (end_s - begin_s)

    return busy("log") / float(p.volume.write.mean()) + busy("page I/O") * float(p.volume.iops)


# ---------------------------------------------------------------- the picture

SYSTEMS: tuple[System_, ...] = ("aurora", "mysql")
CLAIM = 5.0
PANELS = ((2, "Writes alone, by size of the database", "GB"), (3, "Reads and writes, by connections", "connections"))
PANEL_IN, RATIO_ROW_IN, GAP_IN, LEFT_IN = 2.3, 0.24, 0.55, 0.62
"""Heights of panels and rows, and room between panels and left of them."""
RATIOS = "Aurora's writes/s by MySQL's"
QUESTION = "Is Aurora five times as fast as MySQL?"


def ratios(some: Sequence[Cell]) -> list[tuple[str, float, float]]:
    """Aurora's throughput by MySQL's: where, as published, and as the models have it."""
    found = []
    for table, _, unit in PANELS:
        mine = {(each.row.system, each.row.at): each for each in some if each.row.table == table}
        for at in sorted({at for _, at in mine}):
            aurora, mysql = mine["aurora", at], mine["mysql", at]
            where = f"{plain(at)} {unit}"
            found.append((where, aurora.row.value / mysql.row.value, aurora.value / mysql.value))
    return found


def finding(some: Sequence[Cell]) -> str:
    """What the rows say, from their numbers."""
    rows = ratios(some)
    published, given = [each for _, each, _ in rows], [each for _, _, each in rows]
    reach, operations = sum(each >= CLAIM for each in given), operations_ratio(some)
    return (
        f"From {min(published):.1f} to {max(published):.0f} times as published, {min(given):.1f} to {max(given):.0f} "
        f"by the models, which reach five times in {reach} of {len(rows)} cases: no one factor fits. MySQL needs "
        f"{operations.value:.1f} times as many I/O operations per transaction ({operations.row.value:.1f} as published)"
    )


FAR = 0.3
"""Error from which on a predicted cell is named."""
NAMES: Mapping[System_, str] = {"aurora": "Aurora", "mysql": "MySQL"}


def far_off(some: Sequence[Cell]) -> str:
    """All predicted cells that are off by more than 30 %, and by how much."""
    predicted = [each for each in some if each.row.use == "predicted"]
    far = [
        f"{NAMES[row.system]}, table {row.table}, {plain(row.at)} ({row.unit}): {100.0 * error:+.0f} %"
        for row, error in ((each.row, each.error) for each in predicted)
        if abs(error) > FAR
    ]
    return f"{len(far)} of {len(predicted)} predicted cells are off by more than {100.0 * FAR:.0f} %: {'; '.join(far)}."


def caption(some: Sequence[Cell]) -> str:
    """What the picture is of."""
    off = [abs(each.error) for each in some if each.row.use == "predicted" and each.row.unit == "writes/s"]
    near = sum(each <= 0.25 for each in off)
    return (
        f"Lines and crosses: the models; filled: published rows that they are tuned on; open: published rows that they "
        f"predict, {near} of {len(off)} within 25 %; the line at five: the claim. SysBench; 32 virtual CPUs, 170 GB "
        f"for pages; connections where the paper does not say: {MANY} in table 1, {CONNECTIONS} in table 2, both "
        f"tuned. I/O operations: Aurora's are tuned on, MySQL's predicted. {far_off(some)} Source: Verbitski and "
        f"others, SIGMOD 2017, section 6."
    )


def frame(some: Sequence[Cell]) -> Frame:
    """The texts around the panels."""
    return Frame("Study", QUESTION, finding(some), caption(some))


def draw(some: Sequence[Cell]) -> Figure:
    """Throughput of both by size and by connections, and what one is by the other; call it within `style_sheet`."""
    rows, columns = ratios(some), side_by_side(len(PANELS))
    row_in = HEADING_IN + PANEL_IN + GAP_IN
    top_in = row_in * (len(PANELS) // columns)
    sheet = Sheet(frame(some), tuple(NAMES.values()), top_in + HEADING_IN + RATIO_ROW_IN * len(rows) + GAP_IN)
    room_in = (body_in() - LEFT_IN + GAP_IN) / columns
    for index, (table, heading, unit) in enumerate(PANELS):
        left_in, above_in = LEFT_IN + index % columns * room_in, index // columns * row_in
        sheet.heading(heading, left_in, above_in, room_in)
        axes = sheet.axes(left_in, above_in + HEADING_IN, room_in - GAP_IN - 0.3, PANEL_IN)
        _draw_throughput(axes, [each for each in some if each.row.table == table], unit)
    sheet.heading(RATIOS, 1.2, top_in, body_in() - 1.2)
    axes = sheet.axes(1.2, top_in + HEADING_IN, body_in() - 1.3, RATIO_ROW_IN * len(rows))
    _draw_ratios(axes, rows)
    return sheet.figure


def _draw_throughput(axes: Axes, some: Sequence[Cell], unit: str) -> None:
    values = [value for each in some for value in (each.value, each.row.value)]
    at = sorted({each.row.at for each in some})
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(at[0] / 1.6, at[-1] * 1.6)
    low, high = min(values) / 1.4, max(values) * 1.4
    axes.set_ylim(low, high)
    ticks(axes.xaxis, at)
    ticks(axes.yaxis, log_ticks(low, high, 6))
    axis_label(axes, "x", unit)
    axis_label(axes, "y", "writes/s")
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    for index, system in enumerate(SYSTEMS):
        style = look(index)
        mine = sorted((each for each in some if each.row.system == system), key=lambda each: each.row.at)
        line = {**style.line, "marker": ""}
        axes.plot([each.row.at for each in mine], [each.value for each in mine], linewidth=1.6, zorder=2.0, **line)
        for each in mine:
            filled = each.row.use == "tuned"
            axes.plot(
                [each.row.at], [each.row.value], marker=style.marker, markersize=6.0, linestyle="none", zorder=3.0,
                markerfacecolor=style.colour if filled else "white", markeredgewidth=1.1,
                markeredgecolor=INK if filled else style.colour,
            )  # fmt: skip


def _draw_ratios(axes: Axes, rows: Sequence[tuple[str, float, float]]) -> None:
    most = max(max(published, given) for _, published, given in rows)
    axes.set_xscale("log")
    axes.set_xlim(1.0, most * 1.3)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    ticks(axes.xaxis, log_ticks(1.0, most * 1.3, 8))
    ticks(axes.yaxis, range(len(rows)), [where for where, _, _ in rows])
    axes.tick_params(axis="y", length=0, colors=INK)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.axvline(CLAIM, color=INK, linewidth=1.0, zorder=1.0)
    axis_label(axes, "x", "times as many")
    for row, (_, published, given) in enumerate(rows):
        axes.plot([published, given], [row, row], color=MUTED, linewidth=0.9, zorder=1.5)
        axes.plot([given], [row], marker="x", color=INK, markersize=6.0, markeredgewidth=1.6, zorder=3.0)
        axes.plot(
            [published], [row], marker="o", markersize=6.0, markerfacecolor="white", markeredgecolor=INK, zorder=2.5
        )


def table(some: Sequence[Cell]) -> str:
    """The numbers as CSV, one row for each figure of the paper, and one for the ratio of I/O operations."""
    return csv_text(
        ("table", "system", "at", "unit", "use", "published", "model", "error"),
        (
            (each.row.table, each.row.system, each.row.at, each.row.unit, each.row.use, round(each.row.value, 3),
             round(each.value, 3), round(each.error, 4))
            for each in (*some, operations_ratio(some))
        ),
    )  # fmt: skip


def main(folder: Path) -> None:
    """Run the study, and leave its picture and its numbers in a folder."""
    some = list(cells())
    command = "python -m bench.studies.five_times"
    keep_study(folder, "five-times", frame(some), command, lambda: draw(some), table(some))


if __name__ == "__main__":
    main(FOLDER)
