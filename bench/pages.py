"""What every product on a terminal is made of: lines, tables, lists, and figures with their uncertainty.

Whatever a scenario named is printed as text, never as markup, with control characters made visible. Colour only repeats
what the words say; a pipe gets the same words in the same places, and a narrow terminal gets lists instead of tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.quantities import interval
from bench.terminal import safe_text

TABLE_WIDTH_MIN = 80
"""Columns of a terminal that a table needs; below, the same figures are listed."""

NAME_WIDTH_MAX = 20
TEXT_CHARACTERS_MAX = 1000

VERDICT_STYLES = {"pass": "bold green", "fail": "bold red", "unknown": "bold yellow"}
_ASCII = {"±": "+/-", "×": "x", "…": "...", "–": "-", "−": "-", "µ": "u", "≥": ">=", "≤": "<=", "→": "->"}


class Page:
    """Prints pieces of a product in a form that suits the console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._narrow = console.width < TABLE_WIDTH_MIN

    def gap(self) -> None:
        """An empty line."""
        self._console.print()

    def line(self, text: str, style: str = "") -> None:
        """Text, wrapped to the width."""
        self._print(self._text(text, style))

    def verdict(self, verdict: str, tally: str, scenario: str) -> None:
        """The verdict, how it came about, and of which scenario."""
        line = self._text(f"{scenario}: ")
        line.append_text(self._text(verdict, VERDICT_STYLES.get(verdict, "bold")))
        line.append_text(self._text(f" ({tally})"))
        self._console.print(line)

    def unbroken(self, label: str, text: str) -> None:
        """Something to copy: the terminal may wrap it, we put no line break into it."""
        line = self._text(f"{label}: ", "dim")
        line.append_text(self._text(text))
        self._console.print(line, soft_wrap=True)

    def ending(self, warnings: Iterable[str], written: Iterable[str], next_command: str) -> None:
        """What to know before believing any of it, what was written, and what to do now."""
        for warning in warnings:
            self.line(f"warning: {warning}", "yellow")
        for path in written:
            self.unbroken("written", path)
        if next_command:
            self.unbroken("next", next_command)

    def _print(self, shown: Table | Text) -> None:
        """A table or a text; for a pipe, without the spaces that end or fill its lines."""
        if self._console.is_terminal:
            self._console.print(shown)
            return
        with self._console.capture() as captured:
            self._console.print(shown)
        for line in captured.get().splitlines():
            self._console.out(line.rstrip(), highlight=False)

    def _list(self, title: str, entries: Sequence[tuple[str, str]], extra: Iterable[str]) -> None:
        """Entries below a title, for narrow terminals."""
        self.line(title, "bold")
        width = max((len(label) for label, _ in entries), default=0)
        for label, value in entries:
            self.line(f"  {label:{width}}  {value}".rstrip())
        for text in extra:
            self.line(f"  {text}")

    def _text(self, text: str, style: str = "") -> Text:
        """Text as it may be printed: no markup, nothing invisible, nothing that the console's encoding lacks."""
        lines = [safe_text(line, TEXT_CHARACTERS_MAX) for line in text.split("\n")]
        return Text("\n".join(map(self._encodable, lines)), style=style)

    def _encodable(self, text: str) -> str:
        encoding = self._console.encoding
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            plain = "".join(_ASCII.get(character, character) for character in text)
            return plain.encode(encoding, "backslashreplace").decode(encoding)
        return text


def grid(header: Sequence[str], *, numbers: bool = True) -> Table:
    """A table without lines: the first column is a name, the others are numbers, unless said otherwise."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0) if numbers else (0, 2, 0, 0), header_style="bold")
    for index, name in enumerate(header):
        right = numbers and index > 0
        table.add_column(
            Text(safe_text(name, NAME_WIDTH_MAX if index else TEXT_CHARACTERS_MAX)),
            justify="right" if right else "left",
            no_wrap=right or index == 0,
            overflow="fold",
        )
    return table


def bounds(estimate: Mapping[str, Any]) -> tuple[float, float, float]:
    """Mean, low and high of an estimate of a document, nan where it has none."""
    mean, ends = estimate["mean"], estimate["ci95"]
    low, high = (math.nan, math.nan) if ends is None else ends
    return (math.nan if mean is None else mean), low, high


def figure(estimate: Mapping[str, Any]) -> tuple[str, str]:
    """An estimate of a document: its value, and its uncertainty."""
    return interval(*bounds(estimate))


def tally(expectations: Sequence[Mapping[str, Any]]) -> str:
    """How the verdict came about."""
    if not expectations:
        return "nothing is expected"
    counts = dict.fromkeys(("fail", "unknown", "pass"), 0)
    for expectation in expectations:
        counts[expectation["verdict"]] += 1
    found = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    return f"of {len(expectations)} {'expectation' if len(expectations) == 1 else 'expectations'}: {', '.join(found)}"
