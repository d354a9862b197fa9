"""The product of `run` on a terminal: what was asked, the verdict, a table for each operation, and what was written.

Everything comes from the document of the run, so a stored run prints the same. How it is printed safely, and in which
width, stands in `bench.pages`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.pages import NAME_WIDTH_MAX, TEXT_CHARACTERS_MAX, VERDICT_STYLES, Page, bounds, figure, grid, tally
from bench.quantities import milliseconds_interval, percent, significant
from bench.terminal import safe_text

LATENCIES = {"mean": "mean", "p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9"}
"""Latency figures of the document, and how their columns are headed."""

PART_WIDTH_MAX = 16
"""Characters of the name of a cache or a station."""
ERROR_KINDS_SHOWN = 5
MONEY_OPERATIONS_MAX = 2
"""Operations whose latency stands beside what it costs."""
Row = tuple[str, Sequence[str], Sequence[tuple[str, str]]]
"""Name, remarks, and figures with their uncertainty."""

STAGES_SHOWN = 12

_FACTS = ("engine", "hit ratio", "stale reads", "writes lost", "most used station", "simulated/s")
"""What is said of a system as a whole, in this order."""


@dataclass(frozen=True)
class Surroundings:
    """What the command knows about a run beside its document.

    Args:
        question: The scenario's question.
        reasons: What to add to each expectation's verdict, in their order; may be shorter.
        warnings: What the reader should know before believing the figures.
        written: Paths that were written.
        next_command: What to do now.
        stages: What control did in the first replication: when, in seconds, in which system, and what.
    """

    question: str = ""
    reasons: Sequence[str] = ()
    warnings: Sequence[str] = ()
    written: Sequence[str] = ()
    next_command: str = ""
    stages: Sequence[tuple[float, str, str]] = ()


def print_run(console: Console, document: Mapping[str, Any], surroundings: Surroundings) -> None:
    """Print a run.

    Args:
        console: Where to; with its file's width and encoding.
        document: The document of `run`.
        surroundings: What else there is to say.
    """
    page = _Page(console)
    if surroundings.question:
        page.line(surroundings.question, "bold")
    page.verdict(str(document["verdict"]), tally(document["expectations"]), str(document["scenario"]))
    systems: Mapping[str, Mapping[str, Any]] = document["systems"]
    for operation in dict.fromkeys(name for system in systems.values() for name in system["ops"]):
        having = {name: system for name, system in systems.items() if operation in system["ops"]}
        page.gap()
        page.operation(operation, having)
    paid = {name: system for name, system in systems.items() if "money" in system}
    if paid:
        page.gap()
        page.money(paid)
    page.gap()
    page.systems(systems)
    for text in losses_of(systems):
        page.line(text, "bold")
    if surroundings.stages:
        page.gap()
        page.stages(surroundings.stages, several=len(systems) > 1)
    if document["expectations"]:
        page.gap()
        page.expectations(document["expectations"], surroundings.reasons)
    page.gap()
    for note in notes_of(systems):
        page.line(note, "dim")
    page.ending(surroundings.warnings, surroundings.written, surroundings.next_command)


class _Page(Page):
    """Prints pieces of the product in a form that suits the console."""

    def operation(self, operation: str, systems: Mapping[str, Mapping[str, Any]]) -> None:
        """Figures of one operation: a row for each system, with the failures below its name."""
        self._figures(*operation_table(operation, systems), "red")

    def money(self, systems: Mapping[str, Mapping[str, Any]]) -> None:
        """What each system costs, beside the latencies that this buys; below its name what that is made of."""
        self._figures(*money_table(systems), "dim")

    def systems(self, systems: Mapping[str, Mapping[str, Any]]) -> None:
        """What is known of each system as a whole."""
        header, facts = facts_table(systems)
        if self._narrow:
            for name, known in facts.items():
                self._list(name, [(key, ", ".join(known[key])) for key in known], [])
            return
        table = grid(["system", *header], numbers=False)
        for name, known in facts.items():
            cells = [self._text("\n".join(known.get(key, ["–"]))) for key in header]
            table.add_row(self._text(safe_text(name, NAME_WIDTH_MAX), "bold"), *cells)
            for column, cell in zip(table.columns[1:], cells, strict=True):
                # Where the table is too wide, lines are broken between words only.
                column.min_width = max(column.min_width or 0, *map(len, cell.plain.split()))
        self._print(table)

    def expectations(self, expectations: Sequence[Mapping[str, Any]], reasons: Sequence[str]) -> None:
        """Each expectation with its verdict, and on what numbers that rests."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for index, expectation in enumerate(expectations):
            verdict = str(expectation["verdict"])
            body = self._text(safe_text(str(expectation["text"]), TEXT_CHARACTERS_MAX))
            body.append_text(self._text(f"\n{measured(expectation)}", "dim"))
            reason = reasons[index] if index < len(reasons) else ""
            if reason and not is_exact(expectation):
                body.append_text(self._text(f"\n{safe_text(reason, TEXT_CHARACTERS_MAX)}", "dim"))
            table.add_row(self._text(verdict, VERDICT_STYLES.get(verdict, "bold")), body)
        self._print(table)

    def stages(self, stages: Sequence[tuple[float, str, str]], *, several: bool) -> None:
        """What control did and when, if that is little enough to read."""
        if len(stages) > STAGES_SHOWN:
            self.line(f"control did {len(stages):,} things in replication 0: see notes.csv", "dim")
            return
        self.line("what control did in replication 0", "bold")
        width = max(len(f"{at_s:,.3f}") for at_s, _, _ in stages)
        for at_s, system, text in stages:
            whose = f"{safe_text(system, NAME_WIDTH_MAX)}: " if several else ""
            self.line(f"{at_s:{width},.3f} s  {whose}{safe_text(text, TEXT_CHARACTERS_MAX)}")

    def _figures(self, header: Sequence[str], rows: Sequence[Row], style: str) -> None:
        """A row of figures for each system, with remarks below its name."""
        if self._narrow:
            for name, remarks, cells in rows:
                self._list(f"{header[0]}, {name}", [*zip(header[1:], map(" ".join, cells), strict=True)], remarks)
            return
        table = grid(header)
        for name, remarks, cells in rows:
            first = Text.assemble(self._text(safe_text(name, NAME_WIDTH_MAX), "bold"))
            for remark in remarks:
                first.append_text(self._text("\n"))
                first.append_text(self._text(remark, "dim" if remark.startswith("no ") else style))
            table.add_row(first, *(self._cell(*cell) for cell in cells))
        self._print(table)

    def _cell(self, value: str, plus_minus: str) -> Text:
        cell = self._text(value)
        cell.append_text(self._text(f"\n{plus_minus}", "dim"))
        return cell


def operation_table(operation: str, systems: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[Row]]:
    """Header and rows of the figures of one operation, for the systems that have it."""
    header = [operation, "answers/s", *LATENCIES.values()]
    rows: list[Row] = []
    for name, system in systems.items():
        figures = system["ops"][operation]
        cells = [figure(figures["throughput_per_s"])]
        cells += [_latency(figures["latency_ms"].get(key)) for key in LATENCIES]
        rows.append((name, _failures(figures), cells))
    return header, rows


def money_table(systems: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[Row]]:
    """Header and rows of what systems cost, beside the latencies that this buys, for those that have a price."""
    operations = list(dict.fromkeys(name for system in systems.values() for name in system["ops"]))
    operations = operations[:MONEY_OPERATIONS_MAX]
    header = ["money", "$/hour", "$/million requests", *(f"{operation} p99" for operation in operations)]
    rows: list[Row] = []
    for name, system in systems.items():
        money = system["money"]
        cells = [figure(money["dollars_per_hour"]), figure(money["dollars_per_million_requests"])]
        latencies = {operation: each["latency_ms"].get("p99") for operation, each in system["ops"].items()}
        cells += [_latency(latencies.get(operation)) for operation in operations]
        rows.append((name, _charges(money["charges"]), cells))
    return header, rows


def facts_table(systems: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], dict[str, dict[str, list[str]]]]:
    """What is known of each system as a whole: the headings that occur, and by system what stands below each."""
    facts = {name: _facts(system) for name, system in systems.items()}
    return [key for key in _FACTS if any(key in known for known in facts.values())], facts


def _latency(estimate: Mapping[str, Any] | None) -> tuple[str, str]:
    return ("–", "") if estimate is None or estimate["mean"] is None else milliseconds_interval(*bounds(estimate))


def _failures(figures: Mapping[str, Any]) -> list[str]:
    """Errors by kind, the most frequent first, and what never settled."""
    kinds = sorted(
        ((count, kind) for kind, count in figures["errors"].items() if count), key=lambda each: (-each[0], each[1])
    )
    found = [f"{count:,} {safe_text(kind, NAME_WIDTH_MAX)}" for count, kind in kinds[:ERROR_KINDS_SHOWN]]
    others = kinds[ERROR_KINDS_SHOWN:]
    if others:
        found.append(f"{sum(count for count, _ in others):,} of {len(others)} other kinds")
    if figures["unfinished"]:
        found.append(f"{figures['unfinished']:,} unfinished")
    return found or (["no errors"] if figures["requests"] else ["no requests"])


def _charges(charges: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a bill is made of, if it is more than one thing."""
    known = {name: each["dollars_per_hour"]["mean"] for name, each in charges.items()}
    return [
        f"{safe_text(name, PART_WIDTH_MAX)} {significant(dollars)}"
        for name, dollars in known.items()
        if dollars is not None and len(known) > 1
    ]


def _facts(system: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is known of a system, by heading."""
    counters: Mapping[str, int] = system["counters"]
    facts = {"engine": [str(system["engine"])]}
    hits = []
    for name, lookups in counters.items():
        cache = name.removesuffix(".lookups")
        if cache != name and lookups:
            hits.append(f"{safe_text(cache, PART_WIDTH_MAX)} {percent(counters.get(f'{cache}.hits', 0) / lookups)}")
    if hits:
        facts["hit ratio"] = hits
    shares = {name: each["stale_ratio"]["mean"] for name, each in system["ops"].items() if "stale_ratio" in each}
    stale = [
        f"{safe_text(name, PART_WIDTH_MAX)} {percent(share)}"
        for name, share in shares.items()
        if share is not None and (share or counters.get("writes.acknowledged"))
    ]
    # Where nobody writes, nothing can be stale, and that is not worth a column.
    if stale:
        facts["stale reads"] = stale
    if counters.get("writes.acknowledged"):
        lost = counters.get("writes.lost", 0)
        facts["writes lost"] = [f"{lost:,} of {counters['writes.acknowledged']:,}"]
    used = {name: each["utilization"] for name, each in system["stations"].items() if each["utilization"] is not None}
    if used:
        station = max(used, key=used.__getitem__)
        facts["most used station"] = [f"{safe_text(station, PART_WIDTH_MAX)} {percent(used[station])}"]
    rate = system["cost"]["requests_per_wall_s"]
    if rate is not None:
        facts["simulated/s"] = [significant(rate)]
    return facts


def losses_of(systems: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """In words, which systems lost writes that they had acknowledged, and what became of the others."""
    for name, system in systems.items():
        counters = system["counters"]
        if lost := counters.get("writes.lost", 0):
            fates = [f"{counters[f'writes.{fate}']:,} {fate}" for fate in _FATES if f"writes.{fate}" in counters]
            others = f"; of the others, {' and '.join(fates)}" if fates else ""
            writes = "write was" if lost == 1 else "writes were"
            of = f" of {counters['writes.acknowledged']:,}" if "writes.acknowledged" in counters else ""
            yield f"{safe_text(name, NAME_WIDTH_MAX)}: {lost:,}{of} acknowledged {writes} lost{others}"


_FATES = ("kept", "superseded")
"""What may become of an acknowledged write that is not lost: it is there, or a later one has taken its place."""


def measured(expectation: Mapping[str, Any]) -> str:
    """Value, interval and bound of an expectation."""
    value, ends = expectation["value"], expectation["ci95"]
    bound = f"bound {_exact(expectation['bound'])}"
    if value is None:
        return f"no value; {bound}"
    if ends is None:
        return f"{significant(value, 4)}, no interval; {bound}"
    if is_exact(expectation):
        return f"{significant(value, 4)} exactly; {bound}"
    return f"{significant(value, 4)}, 95 % interval {_between(*ends)}; {bound}"


def is_exact(expectation: Mapping[str, Any]) -> bool:
    """Whether the line of numbers says that there is no variance."""
    ends = expectation["ci95"]
    return ends is not None and ends[0] == ends[1]


def _between(low: float, high: float) -> str:
    """Both ends of an interval, with as many digits as tell them apart."""
    digits = 4
    while digits < 12 and significant(low, digits) == significant(high, digits):
        digits += 1
    return f"{significant(low, digits)} to {significant(high, digits)}"


def _exact(bound: float | None) -> str:
    return "none" if bound is None else f"{bound:,.12g}"


def notes_of(systems: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the signs in the tables mean, as far as they occur."""
    figures = [
        estimate
        for system in systems.values()
        for operation in system["ops"].values()
        for estimate in (operation["throughput_per_s"], *(operation["latency_ms"].get(key) for key in LATENCIES))
        if estimate is not None
    ]
    notes = []
    if any("money" in system for system in systems.values()):
        notes.append("money: below a system's name, what it is charged for an hour.")
    if any(estimate["ci95"] is not None for estimate in figures):
        notes.append("±: half of the 95 % interval over replications.")
    if any(estimate["ci95"] is None and estimate["mean"] is not None for estimate in figures):
        notes.append("Figures without ±: one replication gives no interval.")
    if any(estimate["mean"] is None for estimate in figures):
        notes.append("–: too few requests in a replication to say.")
    return notes
