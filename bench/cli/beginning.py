"""`new`: a first scenario for a model."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from bench.atomic import write_file
from bench.errors import UsageError
from bench.scenario.draft import draft
from bench.scenario.schema import NAME, NAME_CHARACTERS_MAX
from bench.scenario.suggest import hint
from bench.terminal import safe_text
from models.catalogue import MODELS

STDOUT = "-"


def write_scenario(model: str, file: str | None) -> None:
    """Write a scenario for a model, and say what to do with it; to stdout, nothing but the scenario.

    Raises:
        UsageError: If there is no such model, or the file is there already or cannot be written.
    """
    if model not in MODELS:
        raise UsageError(f"there is no model {safe_text(model, 60)!r}; {hint(model, list(MODELS), 'models')}")
    path = Path(f"{model}.toml" if file is None else file)
    is_name = re.match(NAME, path.stem) and len(path.stem) <= NAME_CHARACTERS_MAX
    text = draft(MODELS[model], path.stem if is_name and file != STDOUT else model)
    if file == STDOUT:
        click.echo(text, nl=False)
        return
    try:
        write_file(path, text.encode(), new=True)
    except FileExistsError as error:
        raise UsageError(f"{path}: exists already, and stays as it is; give another FILE, or move it away") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: cannot be written ({why}); give another FILE, or - for stdout") from error
    click.echo(f"written: {safe_text(str(path), 1000)}")
    click.echo(f"next: {safe_text(shlex.join(['tierbench', 'run', str(path)]), 1000)}")
