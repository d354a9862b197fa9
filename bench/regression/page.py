"""What `verify` prints: a line for each scenario with its gates, what moved below it, and a tally."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bench.regression.gates import GATES, Gate, GateResult
from bench.regression.reports import Entry, Verdict, explanations, overall
from bench.regression.updates import Update
from bench.terminal import safe_text

FIGURES_SHOWN = 3
NAME_WIDTH_MAX = 40
TEXT_CHARACTERS_MAX = 1000
INDENT = "    "
_STYLES = {
    "ok": "green", "moved": "bold red", "off": "dim", "pass": "bold green", "fail": "bold red",
    "unknown": "bold yellow", "INSERT": "bold green", "UPDATE": "bold yellow", "ORPHAN": "bold red",
}  # fmt: skip


class Page:
    """Prints a verification, line by line.

    Args:
        names: What the scenarios are called.
        closed: Called once when nobody reads any more.
    """

    def __init__(self, names: Iterable[str], closed: Callable[[], None]) -> None:
        self._console = Console(highlight=False)
        self._closed = closed
        self._width = max((len(safe_text(name, NAME_WIDTH_MAX)) for name in (*names, "scenario")), default=0) + 2

    def head(self) -> None:
        """What the columns are."""
        self._print(Text(f"{'scenario':{self._width}}{'replications':15}{'  '.join(GATES)}", style="bold"))

    def entry(self, entry: Entry) -> None:
        """A scenario: how each gate found it, and what moved."""
        line = Text(f"{safe_text(entry.name, NAME_WIDTH_MAX):{self._width}}")
        found = entry.verification
        if found is None:
            line.append("no baseline", "bold yellow")
            self._print(line)
            self._below(entry.reason)
            return
        line.append(f"{f'{found.replications} of {found.kept}':15}", "dim")
        for name, gate in found.gates.items():
            line.append(f"{gate.verdict:{len(name) + 2}}", _STYLES[gate.verdict])
        line.rstrip()
        self._print(line)
        for sentence in explanations(found):
            self._below(sentence)
        first = found.first_moved
        if first is not None:
            for sentence in _gates(found.gates, first):
                self._below(sentence)

    def updates(self, updates: Sequence[Update], lone: Sequence[Path]) -> None:
        """What became of each baseline, and those that belong to nothing."""
        for each in updates:
            self._update(each.what, each.case.name, each.sentences)
        for path in lone:
            self._update("ORPHAN", str(path), ["no scenario of this name ships any more; remove it"])

    def tally(self, entries: Sequence[Entry], lone: Sequence[Path]) -> None:
        """How many passed, and what to do now."""
        for path in lone:
            self._below(f"{path}: belongs to no scenario that ships; remove it", "")
        verdict = overall(entries)
        counts = Counter(entry.verdict for entry in entries)
        words: dict[Verdict, str] = {"pass": "unchanged", "fail": "moved", "unknown": "without a baseline"}
        found = [f"{counts[each]} {word}" for each, word in words.items() if counts[each]]
        line = Text("verify: ")
        line.append(verdict, _STYLES[verdict])
        line.append(f" (of {len(entries)} {'scenario' if len(entries) == 1 else 'scenarios'}: {', '.join(found)})")
        self._print(line)

    def _update(self, what: str, name: str, sentences: Iterable[str]) -> None:
        line = Text(f"{what:8}", style=_STYLES.get(what, ""))
        self._print(line.append(safe_text(name), "not bold"))
        for sentence in sentences:
            self._below(sentence)

    def _below(self, text: str, indent: str = INDENT) -> None:
        """A sentence below a scenario's line, wrapped to the width."""
        room = max(20, self._console.width - len(indent) - 2)
        # A number and its sign of percent stay together: safe text has no NUL.
        whole = safe_text(text, TEXT_CHARACTERS_MAX).replace(" %", "\0%")
        lines = textwrap.wrap(whole, room, break_long_words=False, break_on_hyphens=False)
        for index, line in enumerate(lines):
            hanging = "  " if index else ""
            self._print(Text(indent + hanging + line.replace("\0", " ")))

    def _print(self, line: Text) -> None:
        try:
            self._console.print(self._encodable(line), soft_wrap=True)
        except (BrokenPipeError, SystemExit):
            # Whoever read has enough of it (newer releases of rich would leave here); the verdict is still the verdict.
            self._closed()

    def _encodable(self, line: Text) -> Text:
        encoding = self._console.encoding
        try:
            line.plain.encode(encoding)
        except UnicodeEncodeError:
            plain = line.plain.replace("→", "->").replace("×", "x").replace("…", "...")
            return Text(plain.encode(encoding, "backslashreplace").decode(encoding))
        return line


def _gates(gates: Mapping[Gate, GateResult], first: Gate) -> Iterator[str]:
    """What each gate that was looked at says, with the figures that moved most at the first."""
    for name, gate in gates.items():
        if gate.verdict == "off":
            continue
        yield f"{name}{' moved first' if name == first else ''}: {gate.detail}"
        if name == first:
            for figure in gate.figures[1:FIGURES_SHOWN]:
                yield f"  {figure.plainly}"
