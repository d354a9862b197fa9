"""`report` and `plot`: what can be made of folders of results that are there already."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench import library, store
from bench.atomic import write_file
from bench.cli import quiet_stdout
from bench.comparison.folder import COMPARISON, open_comparison
from bench.errors import ResultError, UsageError
from bench.manifest import StoredFolder, read_folder, read_manifest, reading
from bench.scenario.suggest import hint
from bench.sweep.results import SWEEP
from bench.targets import file_name
from bench.terminal import safe_text

if TYPE_CHECKING:
    from bench.pictures.style import Form

SCHEMA = 1
REPORT = "report.html"
PLOTS = Path("results", "plots")


def report(results: Sequence[str], out: Path | None, overwrite: bool, as_json: bool, quiet: bool) -> int:
    """Write a page about some results; returns the exit code.

    Raises:
        UsageError: If there is no place for the page.
        ResultError: If a result cannot be read.
    """
    if out is None and len(results) > 1:
        raise UsageError(f"several results have no common folder for a {REPORT}; name the page with --out FILE")
    target = Path(results[0], REPORT) if out is None else out
    for folder in results:
        _check_folder(folder)
    _check_free([target], overwrite=overwrite)
    # Drawing takes matplotlib; only whoever has results waits for it.
    from bench.report.page import page_text
    from bench.report.results import read_result

    page = page_text([read_result(Path(folder), f"r{index}") for index, folder in enumerate(results)])
    _write({target: page.encode()}, overwrite=overwrite)
    _say({"schema": SCHEMA, "written": [str(target)]}, as_json=as_json, quiet=quiet)
    return 0


def plot(
    result: str,
    names: Sequence[str],
    form: Form,
    width: float | None,
    dpi: int | None,
    style: str,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Draw pictures of a result anew; returns the exit code.

    Raises:
        UsageError: If there is no such picture, or no place for it.
        ResultError: If the result cannot be read.
    """
    if dpi is not None and form != "png":
        raise UsageError(f"--dpi is for PNG; {form.upper()} has lines instead of dots; leave it out, or give --width")
    stored = _open(_check_folder(result))
    from bench.pictures.stored import figure_of
    from bench.pictures.style import PNG_DPI, WIDTH_IN, render, style_sheet
    from bench.pictures.themes import THEMES
    from bench.report.pictures import stored_pictures

    known = stored_pictures(stored)
    for name in names:
        if name not in known:
            raise UsageError(f"{result}: has no picture {safe_text(name, 60)!r}; {hint(name, list(known), 'pictures')}")
    place = PLOTS / file_name(stored.folder.resolve().name, stored.kind.noun) if out is None else out
    places = {name: place / f"{name}.{form}" for name in names or known}
    _check_free(list(places.values()), overwrite=overwrite)
    contents = {}
    for name, path in places.items():
        with reading(stored.folder / "pictures" / f"{name}.json"), style_sheet(width or WIDTH_IN):
            contents[path] = render(figure_of(known[name]), form, THEMES[style], dpi or PNG_DPI)
    _write(contents, overwrite=overwrite)
    _say({"schema": SCHEMA, "written": [str(path) for path in contents]}, as_json=as_json, quiet=quiet)
    return 0


def _check_folder(text: str) -> Path:
    """A folder, if it is one."""
    path = Path(text)
    if not path.is_dir():
        what = "is no folder" if path.exists() else "is missing"
        raise ResultError(f"{text}: {what}; give the folder of a finished run, sweep or comparison")
    return path


def _open(folder: Path) -> StoredFolder:
    """A folder of results, if all of it is there."""
    _, kind = read_manifest(folder, store.RUN, SWEEP, COMPARISON)
    return open_comparison(folder)[0] if kind is COMPARISON else read_folder(folder, kind)[0]


def _check_free(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse, before the work, to write over what is there."""
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; choose another place with --out")
        if path.exists() and not overwrite:
            raise UsageError(f"{path}: exists already; replace it with --overwrite, or choose another place with --out")


def _write(contents: Mapping[Path, bytes], *, overwrite: bool) -> None:
    for path, content in contents.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path.resolve(), content, new=not overwrite)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise UsageError(f"{path}: cannot be written ({why}); choose another place with --out") from error


def _say(document: Mapping[str, Any], *, as_json: bool, quiet: bool) -> None:
    """What was written, as a document or in lines."""
    try:
        if as_json:
            click.echo(json.dumps(document, indent=2))
        elif not quiet:
            for path in document["written"]:
                click.echo(f"written: {safe_text(str(library.shortest(Path(path))), 1000)}")
        sys.stdout.flush()
    except BrokenPipeError:
        quiet_stdout()
