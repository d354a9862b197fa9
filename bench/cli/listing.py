"""`list` and `schema`: what there is to use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench import library
from bench.errors import UsageError
from bench.presets import PRESETS
from bench.terminal import safe_text
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
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    console = Console(highlight=False)
    sections = {
        "Scenarios": [(entry.name, entry.question) for entry in entries],
        "Models": [(model.name, model.summary) for model in MODELS.values()],
        "Workload presets": [(name, preset.summary) for name, preset in PRESETS.items()],
    }
    width = max(len(name) for rows in sections.values() for name, _ in rows)
    for title, rows in sections.items():
        _print_section(console, title, rows, width)
    click.echo("next: tierbench explain NAME, or tierbench run NAME")


def _print_section(console: Console, title: str, rows: Sequence[tuple[str, str]], width: int) -> None:
    """Names beside what they are; for a pipe, without the spaces that fill the lines."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, min_width=width + 2)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(Text(f"  {safe_text(name)}", style="bold"), Text(safe_text(text, 1000)))
    console.print(Text(title, style="bold"))
    if console.is_terminal:
        console.print(table)
    else:
        with console.capture() as captured:
            console.print(table)
        for line in captured.get().splitlines():
            console.out(line.rstrip(), highlight=False)
    console.print()


def print_schema(out: Path | None) -> None:
    """The JSON schema of scenario files.

    Raises:
        UsageError: If the file cannot be written.
    """
    from bench.scenario.schema import json_schema

    text = json.dumps(json_schema(), indent=2) + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, "utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{out}: cannot be written ({why}); choose another file with --out") from error
