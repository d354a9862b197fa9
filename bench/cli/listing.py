"""`list` and `schema`: what there is to use."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench import library
from bench.presets import PRESETS
from models.catalogue import MODELS


def print_list(as_json: bool) -> None:
    """Scenarios, models and presets."""
    entries = library.entries()
    if as_json:
        document = {
            "schema": 1,
            "scenarios": [{"name": e.name, "question": e.question} for e in entries],
            "models": [
                {"name": m.name, "summary": m.summary, "operations": m.operations, "limits": m.limits}
                for m in MODELS.values()
            ],
            "presets": [{"name": n, "summary": p.summary, "source": p.source} for n, p in PRESETS.items()],
        }
        print(json.dumps(document, indent=2))
        return
    console = Console(highlight=False)
    _table(console, "Scenarios", [(entry.name, entry.question) for entry in entries])
    _table(console, "Models", [(model.name, model.summary) for model in MODELS.values()])
    _table(console, "Workload presets", [(name, preset.summary) for name, preset in PRESETS.items()])
    console.print("Next: tierbench run NAME, or tierbench explain NAME", style="dim")


def _table(console: Console, title: str, rows: list[tuple[str, str]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    for name, text in rows:
        table.add_row(Text(f"  {name}", style="bold"), Text(text))
    console.print(Text(title, style="bold"))
    console.print(table)
    console.print()


def print_schema(out: Path | None) -> None:
    """The JSON schema of scenario files."""
    from bench.scenario.schema import json_schema

    text = json.dumps(json_schema(), indent=2) + "\n"
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, "utf-8")
