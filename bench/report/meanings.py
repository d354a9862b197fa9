"""What a scenario means, as parts of a page: systems with their routes, and settings with their sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.explanation import Explanation, StationExplained, SystemExplained
from bench.quantities import amount, milliseconds, percent, significant
from bench.report import diagram
from bench.report.parts import Cell, Meaning, Route, System, Table, texts
from bench.scenario.origins import Setting, by_section
from models.kernel.outline import Move

NOTHING = "–"


def meaning_of(
    explanation: Explanation, key: str, title: str, measured: Mapping[str, Mapping[str, Any]], toml: str = ""
) -> Meaning:
    """A scenario, its systems beside what was measured of them.

    Args:
        explanation: What was kept of the scenario.
        key: What names on the page begin with.
        title: Whose scenario it is.
        measured: By system, as the document of `run` has them; none where nothing was.
        toml: The resolved scenario.
    """
    drawn: dict[tuple[str, tuple[Move, ...]], str] = {}
    systems = [
        _system(name, system, measured.get(name, {}), f"{key}-s{index}", drawn)
        for index, (name, system) in enumerate(explanation.systems.items())
    ]
    sections = [_settings(section, entries) for section, entries in by_section(explanation.settings).items()]
    return Meaning(title, systems, sections, toml)


def _settings(section: str, entries: Sequence[Setting]) -> Table:
    rows = [
        [
            Cell(entry.path.rpartition(".")[2], [entry.meaning] if entry.meaning else []),
            Cell(entry.value),
            Cell(entry.origin, [entry.source] if entry.source else [], _tone(entry)),
        ]
        for entry in entries
    ]
    return Table(f"[{section}]" if section else "scenario", ["key", "value", "where from"], rows, numbers=False)


def _tone(entry: Setting) -> str:
    return "assumed" if entry.source.startswith("assumed") else ""


def _system(
    name: str,
    explained: SystemExplained,
    measured: Mapping[str, Any],
    key: str,
    drawn: dict[tuple[str, tuple[Move, ...]], str],
) -> System:
    """A system; a route that is `drawn` already is not drawn again."""
    stations: Mapping[str, Mapping[str, Any]] = measured.get("stations", {})
    used = {
        station: figures["utilization"] for station, figures in stations.items() if figures["utilization"] is not None
    }
    limiting = max(used, key=used.__getitem__, default=None) if used else explained.bottleneck
    load = diagram.Load(used, limiting)
    routes = []
    for index, (operation, moves) in enumerate(explained.routes.items()):
        same_as = drawn.setdefault((operation, tuple(moves)), name)
        if same_as != name:
            routes.append(Route(operation, "", (), same_as))
            continue
        title = f"{operation} of {name}: what a request does"
        picture = diagram.draw(moves, load, f"{key}-r{index}", title, "The list below says the same, step by step.")
        routes.append(Route(operation, picture, moves))
    facts = [
        ("requests", f"{_number(explained.rate_per_s)} a second"),
        ("mean without any waiting", ", ".join(f"{op} {milliseconds(ms)}" for op, ms in explained.unloaded_ms.items())),
        ("bottleneck by closed forms", explained.bottleneck or "none"),
    ]
    if used and limiting:
        facts.append(("busiest station", f"{limiting}, {percent(used[limiting])}"))
    tables = [
        table
        for table in (
            _closed_forms(explained),
            _stations(explained, stations),
            _caches(explained, measured.get("counters", {})),
            _buckets(explained),
            Table("What is charged", ["charge", "what for"], [texts(*each) for each in explained.charges.items()],
                  numbers=False),
        )
        if table.rows
    ]  # fmt: skip
    return System(name, explained.model, explained.summary, routes, facts, tables, explained.limits)


def _closed_forms(explained: SystemExplained) -> Table:
    rows = [texts(each.text, amount(each.value, each.unit)) for each in explained.closed_forms]
    return Table("By closed form", ["figure", "value"], rows)


def _stations(explained: SystemExplained, measured: Mapping[str, Mapping[str, Any]]) -> Table:
    """Each station: what closed forms say, and what was measured."""
    rows = []
    for name, station in explained.stations.items():
        found = measured.get(name, {})
        rows.append([
            Cell(name, ["saturates first"] if name == explained.bottleneck else []),
            *texts(
                _servers(station),
                _share(station.utilization),
                _share(station.utilization_of_busiest),
                _number(station.saturation_per_s, "never"),
                _share(found.get("utilization")),
                NOTHING if found.get("mean_queue") is None else significant(found["mean_queue"]),
            ),
        ])  # fmt: skip
    header = ["station", "servers", "utilization, closed form", "of its busiest member", "saturates at, requests/s",
              "utilization, measured", "waiting, measured"]  # fmt: skip
    return Table("Stations", header, rows)


def _caches(explained: SystemExplained, counters: Mapping[str, int]) -> Table:
    """Each cache that is looked up: hit ratios."""
    rows = []
    for name, ratio in explained.hit_ratios.items():
        lookups = counters.get(f"{name}.lookups")
        found = counters.get(f"{name}.hits", 0) / lookups if lookups else None
        rows.append(texts(name, percent(ratio), _share(found)))
    return Table("Caches", ["cache", "hit ratio, closed form", "hit ratio, measured"], rows)


def _buckets(explained: SystemExplained) -> Table:
    rows = [
        texts(name, _number(bucket.tokens_per_s), _number(bucket.throttles_above_per_s, "never"))
        for name, bucket in explained.buckets.items()
    ]
    return Table("Token buckets", ["bucket", "tokens asked for a second", "throttles above, requests/s"], rows)


def _servers(station: StationExplained) -> str:
    servers = f"{station.servers:,}" if station.servers else "unlimited"
    return servers if station.members == 1 else f"{station.members:,} × {servers}"


def _share(value: float | None) -> str:
    return NOTHING if value is None else percent(value)


def _number(value: float | None, otherwise: str = NOTHING) -> str:
    return otherwise if value is None else significant(value)
