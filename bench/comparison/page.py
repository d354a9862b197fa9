"""The product of `compare` on a terminal: what is compared, what differs, the verdict, and the figures that made it.

What is worse or better comes first, then what is unknown; what is the same is counted. A figure without a better side
is named if it moved. Nothing is left out without being counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.comparison.document import verdict_of
from bench.comparison.judging import VERDICTS, Compared
from bench.comparison.wording import by_weight, change, figures, values, within
from bench.pages import Page, grid
from bench.scenario.settings import Value
from bench.statistics.comparing import Difference
from bench.statistics.values import short_of
from bench.terminal import safe_text

SETTINGS_SHOWN = 12
UNKNOWN_SHOWN = 8
"""Unknown figures of a system that are listed."""
MOVED_SHOWN = 8
NAMES_SHOWN = 6
"""Figures that are named beside a reason why they are not compared."""
PLACES_SHOWN = 2
"""Cells of a sweep that are named where the same figures are not compared in many."""
VALUE_CHARACTERS = 40
FIGURE_WIDTH_MIN = 16
"""Characters of a figure's name within a line of a table; on a wide terminal there may be more."""

STYLES = {"better": "bold green", "worse": "bold red", "unknown": "bold yellow", "same": "bold"}


@dataclass(frozen=True)
class Options:
    """What is shown, and what stands below it.

    Args:
        margin: Part of the baseline's value that does not matter.
        everything: List all figures, those that are the same, too.
        written: Paths that were written.
        next_command: What to do now.
    """

    margin: float
    everything: bool = False
    written: Sequence[str] = ()
    next_command: str = ""


def print_comparison(console: Console, some: Sequence[Compared], options: Options) -> None:
    """Print a comparison.

    Args:
        console: Where to; with its file's width and encoding.
        some: One for each contender, at least one.
        options: What is shown.
    """
    page = _Page(console, options)
    if len(some) > 1:
        page.judgement(f"{len(some)} contenders", verdict_of(some), "the worst of them")
        page.gap()
    for each in some:
        page.header(each)
        page.gap()
        if each.nothing:
            page.line(f"nothing could be compared: {each.nothing}", "bold yellow")
        else:
            page.judgement("", each.verdict, _tally(each))
            for system, cell in dict.fromkeys((one.baseline.system, one.baseline.cell) for one in each.differences):
                page.system(each, system, cell)
        page.not_compared(each)
        page.gap()
    page.notes(some)
    page.ending((), options.written, options.next_command)


class _Page(Page):
    """Prints the pieces of a comparison."""

    def __init__(self, console: Console, options: Options) -> None:
        super().__init__(console)
        self._options = options

    def header(self, compared: Compared) -> None:
        """Which sides these are, how they are compared, and what else differs."""
        baseline, contender = compared.baseline, compared.contender
        self.line(f"{contender.label} against {baseline.label}", "bold")
        entries = [
            ("scenario", _both(baseline.scenario, contender.scenario)),
            *_renamed(compared),
            ("seed", _both(str(baseline.seed), str(contender.seed))),
            ("replications", _replications(compared)),
        ]
        entries += [("differs", each) for each in _settings(compared)] or [("differs", _no_difference(compared))]
        width = max(len(label) for label, _ in entries)
        before = ""
        for label, value in entries:
            self._hanging(f"{'' if label == before else label:{width}}  ", value)
            before = label

    def judgement(self, what: str, verdict: str, why: str) -> None:
        """A verdict and how it came about."""
        line = self._text(f"{what}: " if what else "")
        line.append_text(self._text(verdict, STYLES[verdict]))
        line.append_text(self._text(f": {why}" if not what else f" ({why})"))
        self._print(line)

    def system(self, compared: Compared, system: str, cell: str) -> None:
        """The figures of one system."""
        found = [each for each in compared.differences if (each.baseline.system, each.baseline.cell) == (system, cell)]
        judged = [each for each in found if each.verdict]
        changed = by_weight(judged)
        unknown = [each for each in judged if each.verdict == "unknown"]
        same = [each for each in judged if each.verdict == "same"]
        everything = self._options.everything
        listed = [*changed, *(unknown if everything else unknown[:UNKNOWN_SHOWN]), *(same if everything else ())]
        name = compared.name_of(system)
        self.gap()
        self._table(name if not cell else f"{name}, {cell}", listed)
        unlisted = len(unknown) - sum(each.verdict == "unknown" for each in listed)
        if unlisted:
            self.line(f"and {unlisted} more unknown: --all lists them", "dim")
        if same and not everything:
            margin = f" within {within(self._options.margin)}" if self._options.margin else ""
            self.line(f"{figures(len(same))} the same{margin}", "dim")
        moved = [each for each in found if each.verdict is None and each.moved]
        if moved:
            # Hits of a cache are counters, too.
            names = list(dict.fromkeys(f"{each.baseline.short} {change(each)}" for each in moved))
            self.line(
                f"also moved, neither for better nor for worse: {_some(names, MOVED_SHOWN, everything=everything)}",
                "dim",
            )

    def not_compared(self, compared: Compared) -> None:
        """What has no counterpart or no value, by reason."""
        if not compared.not_compared:
            return
        self.gap()
        several = len(compared.systems) > 1
        lacking: dict[tuple[str, str, str], list[str]] = {}
        for each in compared.not_compared:
            lacking.setdefault((each.reason, each.system, each.cell), []).append(short_of(each.name))
        alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for (reason, system, cell), names in lacking.items():
            whose = ", ".join(filter(None, [system if several or not names[0] else "", cell]))
            alike.setdefault((reason, tuple(names)), []).append(whose)
        for (reason, same), places in alike.items():
            names = list(same)
            where = f", {'; '.join(places[:PLACES_SHOWN])}" if places[0] else ""
            if len(places) > PLACES_SHOWN:
                where += f" and {len(places) - PLACES_SHOWN} more"
            shown = _some(names, NAMES_SHOWN, everything=self._options.everything) if names[0] else ""
            self.line(f"not compared{where}: {reason}{f': {shown}' if shown else ''}", "dim")

    def notes(self, some: Sequence[Compared]) -> None:
        """What the signs mean, as far as they occur, and why figures are unknown."""
        every = [each for compared in some for each in compared.differences]
        for reason, count in Counter(each.reason for each in every if each.verdict == "unknown").items():
            self.line(f"unknown, {figures(count, verb=False)}: {reason}.", "dim")
        if any(each.contrast.known for each in every):
            paired = sum(compared.paired for compared in some)
            how = {len(some): ", replication by replication", 0: ", by Welch"}.get(paired, "")
            self.line(f"±: half of the 95 % interval of the difference{how}.", "dim")

    def _table(self, title: str, differences: Sequence[Difference]) -> None:
        if not differences:
            self.line(title, "bold")
            return
        header = [title, "baseline", "contender", "difference", "change", "verdict"]
        rows = [(each, [*values(each), change(each)]) for each in differences]
        if self._narrow:
            self.line(title, "bold")
            for each, cells in rows:
                line = self._text(f"  {each.baseline.short}: ")
                line.append_text(self._text(str(each.verdict), STYLES[str(each.verdict)]))
                self._print(line)
                self.line(f"    {cells[0]} → {cells[1]}, {cells[2]}, {cells[3]}")
            return
        columns = zip(header[1:], *([*cells, str(each.verdict)] for each, cells in rows), strict=True)
        others = sum(max(map(len, column)) + 1 for column in columns)
        width = max(FIGURE_WIDTH_MIN, self._console.width - others - 1)
        if len(title) > width:
            # A cell's values must be read in full: they tell it from the others.
            self.line(title, "bold")
            title = ""
        table = grid([title, *header[1:]])
        for each, cells in rows:
            verdict = self._text(str(each.verdict), STYLES[str(each.verdict)])
            table.add_row(self._text(_broken(each.baseline.short, width)), *map(self._text, cells), verdict)
        table.columns[-1].justify = "left"
        self._print(table)

    def _hanging(self, label: str, text: str) -> None:
        """A label, and text that hangs beside it where it takes more than a line."""
        table = Table.grid()
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row(self._text(label, "dim"), self._text(text))
        self._print(table)


def _tally(compared: Compared) -> str:
    counts = compared.counts
    found = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    return f"of {figures(sum(counts.values()), verb=False)} {', '.join(found)}"


def _both(baseline: str, contender: str) -> str:
    return f"{baseline}, the same" if baseline == contender else f"{baseline} → {contender}"


def _replications(compared: Compared) -> str:
    counts = (compared.baseline.replications, compared.contender.replications)
    text = f"{counts[0]}" if counts[0] == counts[1] else f"{counts[0]} → {counts[1]}"
    if not compared.paired:
        return f"{text}, independent of each other, since the seeds differ"
    common = "" if counts[0] == counts[1] else f" the first {compared.common} of both,"
    return f"{text},{common} paired: the same requests on both sides"


def _renamed(compared: Compared) -> list[tuple[str, str]]:
    return [("system", f"{ours} → {theirs}") for ours, theirs in compared.systems.items() if ours != theirs]


def _settings(compared: Compared) -> list[str]:
    """What differs, those that both sides have first; of many the first."""
    order = sorted(compared.differs, key=lambda each: each.baseline is None or each.contender is None)
    shown = [f"{each.path}: {_value(each.baseline)} → {_value(each.contender)}" for each in order]
    more = len(shown) - SETTINGS_SHOWN
    return shown if more <= 1 else [*shown[:SETTINGS_SHOWN], f"and {more} more: see comparison.json"]


def _no_difference(compared: Compared) -> str:
    baseline, contender = compared.baseline, compared.contender
    same_bits = not baseline.part and baseline.fingerprint == contender.fingerprint
    return "nothing: settings and versions are the same" + (", and so is every bit of the results" if same_bits else "")


def _value(value: Value | None) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "–" if value is None else safe_text(text, VALUE_CHARACTERS)


def _some(names: Sequence[str], count: int, *, everything: bool) -> str:
    """Names, cut with how many more there are."""
    shown = names if everything or len(names) <= count + 1 else names[:count]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return f"{', '.join(shown)}{more}"


def _broken(name: str, width: int) -> str:
    """A figure's name in lines of a width, broken after a point or the like where it has some."""
    lines, indent = [], ""
    while len(indent) + len(name) > width:
        room = width - len(indent)
        cut = max(name.rfind(mark, 0, room) for mark in ". _") + 1 or room
        lines.append(indent + name[:cut].rstrip())
        name, indent = name[cut:], "  "
    return "\n".join([*lines, indent + name])
