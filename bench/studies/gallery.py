"""The gallery: a picture for each question that the owner of a database has, from a scenario or from a study.

`draw` runs a scenario as `tierbench run` does, and keeps the one picture of it that answers the question, with no more
panels than that takes. `page` writes the index from what is kept. What it says is what the runs found.

    python -m bench.studies.gallery all                all scenarios, and the page
    python -m bench.studies.gallery redis-failover     one of them, and the page
    python -m bench.studies.gallery                    the page alone, after a study
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bench import library
from bench.contents import command_of, contents_of
from bench.errors import UsageError
from bench.manifest import parse_json
from bench.pages import tally
from bench.pictures.course import TimelineData
from bench.pictures.data import BarPanel, BarsData, Panel, PercentileData
from bench.pictures.findings import capital
from bench.pictures.stored import Drawable, figure_of, parse_data
from bench.pictures.style import render
from bench.quantities import significant
from bench.report.inline import inline_svg
from bench.report.page import gallery_text
from bench.report.parts import Cell, Exhibit, Room, Table
from bench.runs import run
from bench.scenario.load import load
from bench.scenario.suggest import hint
from bench.simulate import choose_engine
from bench.studies import exhibits
from bench.studies.exhibits import FOLDER, NARROW, Card, Expected
from bench.tables import measured
from bench.terminal import encodable

INDEX = "index.html"
AnyPanel = TypeVar("AnyPanel", Panel, BarPanel)


@dataclass(frozen=True)
class Entry:
    """A picture of the gallery.

    Args:
        name: What its files are called.
        claim: What is said of it, by a vendor or in an architect's notes; empty where nobody says anything.
        scenario: The scenario that ships; empty for a study.
        picture: Which of the run's pictures.
        panels: How the headings of the panels begin that are shown; all, if none is named.
    """

    name: str
    claim: str = ""
    scenario: str = ""
    picture: str = ""
    panels: Sequence[str] = ()


ROOMS: dict[str, Sequence[Entry]] = {
    "DynamoDB and DAX": (
        Entry("dax-vs-dynamodb", "DAX reads up to ten times faster", "dax_vs_dynamodb", "percentiles"),
        Entry("dax-ten-times", "DAX reads up to ten times faster"),
        Entry("dax-node-loss", "DAX is managed, and highly available", "dax_node_loss", "timeline",
              ("read latency, p50", "answered", "load")),
        Entry("dax-cold-start", "", "dax_cold_start_metastable", "timeline", ("answered", "load", "hit ratio")),
        Entry("retry-storm", "", "retry_storm", "timeline", ("answered", "load")),
        Entry("hot-partition", "", "dynamodb_hot_partition", "timeline", ("answered", "throughput", "load")),
    ),
    "Memcached and Redis": (
        Entry("threads", "Redis has no multithreaded performance"),
        Entry("per-dollar"),
        Entry("redis-failover", "Redis is for Multi-AZ", "redis_failover", "bars",
              ("acknowledged writes lost", "failed requests", "write latency, p50")),
        Entry("redis-durability", "Redis is for backup and restore", "redis_durability", "bars",
              ("acknowledged writes lost", "write latency, p50")),
        Entry("session-store", "Sessions are kept in DynamoDB, not in a cache", "session_store", "bars",
              ("acknowledged writes lost", "failed requests", "read latency, p99")),
    ),
    "Aurora": (
        Entry("five-times", "Five times MySQL"),
        Entry("aurora-throughput", "Three times PostgreSQL", "aurora_throughput", "bars",
              ("throughput, all operations", "write latency, p50")),
        Entry("aurora-quorum", "Six copies in three zones", "aurora_quorum", "percentiles"),
        Entry("aurora-zone-loss", "Six copies in three zones", "aurora_zone_loss", "timeline",
              ("read latency, p50", "answered")),
        Entry("aurora-failover", "A failover loses nothing, and a proxy makes it shorter", "aurora_failover", "stages"),
        Entry("aurora-vs-mysql", "", "aurora_vs_mysql", "bars", ("write latency, p50", "write latency, p99")),
        Entry("aurora-vs-postgres", "", "aurora_vs_postgres", "bars",
              ("acknowledged writes lost", "failed requests", "write latency, p50")),
        Entry("aurora-replica-lag", "Fifteen replicas, with little lag", "aurora_replica_lag", "staleness"),
    ),
    "Tierbench": (Entry("speed"),),
}  # fmt: skip


def entries() -> Iterator[Entry]:
    """All pictures, in the order of the page."""
    for some in ROOMS.values():
        yield from some


def draw(entry: Entry, folder: Path) -> None:
    """Run a picture's scenario, and keep what it shows."""
    scenario = load(library.find(entry.scenario))
    contents = contents_of(scenario, run(scenario, choose_engine("auto")), command_of(entry.scenario, ()))
    keep(entry, folder, contents.pictures[entry.picture].data, contents.summary, contents.command)


def keep(entry: Entry, folder: Path, stored: bytes, summary: Mapping[str, Any], command: str) -> None:
    """Keep a picture of a run.

    Args:
        entry: Which one.
        folder: The gallery's.
        stored: The picture's data, as a run folder has them.
        summary: The run's document.
        command: What makes it again.
    """
    data = chosen(parse_data(parse_json(stored)), entry.panels)
    frame, expectations = data.frame, summary["expectations"]
    card = Card(
        frame.subject, frame.question, frame.finding, frame.caption, command, summary["verdict"], tally(expectations),
        summary["fingerprint"], [Expected(each["verdict"], each["text"], measured(each)) for each in expectations],
    )  # fmt: skip
    exhibits.keep(folder, entry.name, card, lambda: render(figure_of(data), "svg"), encodable(data.csv_text()))


def chosen(data: Drawable, panels: Sequence[str]) -> Drawable:
    """A picture with some of its panels, in their order; of bars, the title says what these show.

    Raises:
        UsageError: If one is not there.
    """
    if panels and isinstance(data, BarsData):
        bars = _named(data.panels, panels)
        finding = "; ".join(range_clause(panel, data.systems) for panel in bars)
        return replace(data, panels=bars, frame=replace(data.frame, finding=capital(finding)))
    if panels and isinstance(data, TimelineData | PercentileData):
        return replace(data, panels=_named(data.panels, panels))
    return data


def _named(panels: Sequence[AnyPanel], names: Sequence[str]) -> list[AnyPanel]:
    """Panels whose headings begin so."""
    for name in names:
        if not any(panel.heading.startswith(name) for panel in panels):
            remedy = hint(name, [panel.heading for panel in panels], "panels")
            raise UsageError(f"there is no panel {name!r}; {remedy}")
    return [panel for name in names for panel in panels if panel.heading.startswith(name)]


def range_clause(panel: BarPanel, systems: Sequence[str]) -> str:
    """From where to where the bars of a panel reach, and whose these are."""
    low, high = int(np.nanargmin(panel.values)), int(np.nanargmax(panel.values))
    ends = [f"{significant(panel.values[each], 2)} {panel.unit} ({systems[each]})" for each in (low, high)]
    return f"{panel.heading}: {' to '.join(ends)}"


def page(folder: Path) -> str:
    """The index of what is kept in a folder."""
    return gallery_text([
        Room(title, [_exhibit(folder, entry, f"g{room}-{index}") for index, entry in enumerate(some)])
        for room, (title, some) in enumerate(ROOMS.items())
    ])  # fmt: skip


def _exhibit(folder: Path, entry: Entry, key: str) -> Exhibit:
    kept = exhibits.read(folder, entry.name)
    card = kept.card
    wide, narrow = (
        inline_svg(svg, f"{key}{which}", card.finding, f"{card.subject}. {card.caption}")
        for which, svg in (("w", kept.wide), ("n", kept.narrow))
    )
    rows = [[Cell(each.verdict, tone=each.verdict), Cell(each.text, [each.measured])] for each in card.expected]
    return Exhibit(
        key=key,
        question=card.question,
        claim=entry.claim,
        finding=card.finding,
        verdict=card.verdict,
        tally=card.tally,
        expected=Table("What was expected", ["verdict", "expectation"], rows, numbers=False, folded=True),
        wide=wide,
        narrow=narrow,
        command=card.command,
        files=[
            ("picture", f"{entry.name}.svg"),
            ("for a narrow page", f"{NARROW}/{entry.name}.svg"),
            ("numbers", f"{entry.name}.csv"),
        ],
    )


def main(names: Sequence[str], folder: Path) -> None:
    """Draw the pictures that are named, and write the page."""
    known = {entry.name: entry for entry in entries() if entry.scenario}
    for name in known if list(names) == ["all"] else names:
        if name not in known:
            raise UsageError(f"{name}: is no picture of a scenario; {hint(name, list(known), 'pictures')}")
        sys.stderr.write(f"{name}: {known[name].scenario}\n")
        draw(known[name], folder)
    (folder / INDEX).write_text(page(folder), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:], FOLDER)
