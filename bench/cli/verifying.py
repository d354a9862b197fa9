"""`verify`: scenarios run again and held against their baselines, and baselines written anew."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import library
from bench.atomic import probe, write_file
from bench.cli import quiet_stdout
from bench.cli.running import VERDICT_CODES, progress, say_engine
from bench.errors import UsageError
from bench.regression import reports
from bench.regression.baseline import DEFAULT
from bench.regression.cases import Case, cases, orphans
from bench.regression.gates import GATES, Gate
from bench.regression.page import Page
from bench.regression.updates import full_names, update
from bench.scenario.suggest import hint
from bench.simulate import Choice, choose_engine

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""Where a step of GitHub's workflows says which file takes its summary."""


def verify_scenarios(
    files: Sequence[str],
    baselines: Path | None,
    replications: int | None,
    gates: str | None,
    margin: float,
    junit: Path | None,
    markdown: Path | None,
    github: bool,
    engine: Choice,
    as_json: bool,
    quiet: bool,
) -> int:
    """Verify scenarios; returns the exit code of the verdict."""
    chosen = _gates(gates)
    if not math.isfinite(margin):
        raise UsageError(f"--margin {margin}: is no part of a value; 0.01 stands for 1 %")
    _check_file(junit, "--junit")
    _check_file(markdown, "--markdown")
    found = cases(files, baselines, replications)
    lone = [] if files else orphans(baselines or library.baselines(), found)
    page = Page([case.name for case in found], quiet_stdout)
    shown = not (as_json or quiet)
    if shown:
        page.head()
    entries = []
    show = _Progress(engine, quiet=quiet)
    for case in found:
        with show.of(case) as tick:
            result = case.verify(show.engine, chosen, margin, tick)
        entries.append(reports.Entry(case.name, case.scenario.name, str(case.place), result))
        if shown:
            page.entry(entries[-1])
    if shown:
        page.tally(entries, lone)
    if as_json:
        _print_json(reports.as_json(entries))
    if junit is not None:
        _write(junit, "--junit", reports.as_junit(entries))
    if markdown is not None:
        _write(markdown, "--markdown", reports.as_markdown(entries).encode())
    if github:
        _tell_github(entries, to_stderr=as_json)
    return VERDICT_CODES[reports.overall(entries)]


def update_baselines(
    files: Sequence[str], baselines: Path | None, tolerances: Sequence[str], engine: Choice, as_json: bool, quiet: bool
) -> int:
    """Write the baselines of scenarios that have none, or that moved; returns the exit code."""
    given = dict(map(_tolerance, tolerances))
    folder = baselines or library.baselines()
    if baselines is None and folder.is_relative_to(Path(library.__file__).parent):
        raise UsageError("the baselines that came with the package stay as they are; choose a folder with --baselines")
    with _writing(folder, "--baselines"):
        probe(folder.absolute() / "baseline")
    found = cases(files, baselines, mend=True)
    _check_names(given, found)
    lone = [] if files else orphans(folder, found)
    show = _Progress(engine, quiet=quiet)
    updates = []
    for case in found:
        with show.of(case) as tick:
            updates.append(update(case, given, show.engine, tick))
    # Nothing is written before all have run: whoever interrupts finds everything as it was.
    for each in updates:
        if each.content is not None:
            _write(each.case.place, "--baselines", each.content)
    if as_json:
        _print_json({
            "schema": reports.SCHEMA,
            "updates": [each.as_json() for each in updates],
            "orphans": [str(path) for path in lone],
        })  # fmt: skip
    elif not quiet:
        Page((), quiet_stdout).updates(updates, lone)
    return 0


# What is asked ------------------------------------------------------------------------------------------------------


def _gates(text: str | None) -> tuple[Gate, ...]:
    """The gates that are named, in their order."""
    if text is None:
        return GATES
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in GATES:
            raise UsageError(f"--gates: there is no gate {name[:60]!r}; {hint(name, GATES, 'gates')}")
    return tuple(gate for gate in GATES if gate in names)


def _tolerance(text: str) -> tuple[str, float]:
    """Figure and part; without a figure, that of all which have none of their own."""
    name, _, number = text.rpartition("=")
    try:
        part = float(number)
    except ValueError:
        part = math.nan
    if not (math.isfinite(part) and part >= 0.0):
        raise UsageError(f"--tolerance {text[:100]}: is no part of a value; 0.001 stands for 0.1 %")
    return name.strip() or DEFAULT, part


def _check_names(tolerances: Mapping[str, float], found: Sequence[Case]) -> None:
    known: dict[str, str] = {DEFAULT: DEFAULT}
    for case in found:
        known |= full_names(case)
    for name in tolerances:
        if name not in known:
            remedy = hint(name, list(dict.fromkeys(known.values())), "figures")
            raise UsageError(f"--tolerance {name[:200]}: none of these scenarios has such a figure; {remedy}")


# What runs, and where it goes ---------------------------------------------------------------------------------------


class _Progress:
    """The engine that runs, and how far it is with a scenario; a bar is gone before its scenario's line is printed."""

    def __init__(self, wanted: Choice, *, quiet: bool) -> None:
        self.engine = choose_engine(wanted)
        self._errors, self._quiet = Console(stderr=True, highlight=False), quiet
        if not quiet:
            say_engine(self._errors, wanted, self.engine)

    def of(self, case: Case) -> AbstractContextManager[Callable[[int], None]]:
        """Within, what is to be told of requests that were simulated; on a terminal that is shown."""
        return progress(self._errors, int(case.requests), not self._quiet and self._errors.is_terminal)


def _print_json(document: Mapping[str, Any]) -> None:
    try:
        click.echo(json.dumps(document, allow_nan=False, indent=2))
    except BrokenPipeError:
        quiet_stdout()


def _check_file(path: Path | None, option: str) -> None:
    """See, before the long work, that a file can be written."""
    if path is None:
        return
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is no plain file; choose another one with {option}")
    with _writing(path, option):
        probe(path.absolute())


def _write(path: Path, option: str, content: bytes) -> None:
    with _writing(path, option):
        # Through a symbolic link, what it points to is replaced, not the link.
        write_file(path.resolve(), content)


@contextmanager
def _writing(path: Path, option: str) -> Iterator[None]:
    """Say what the system refuses as an error of the user's."""
    try:
        yield
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: cannot be written ({why}); choose another place with {option}") from error


def _tell_github(entries: Sequence[reports.Entry], *, to_stderr: bool) -> None:
    """Annotations for the log, and the summary of the step where there is a place for it."""
    for line in reports.workflow_commands(entries):
        click.echo(line, err=to_stderr)
    place = os.environ.get(SUMMARY_VARIABLE)
    if place:
        with _writing(Path(place), SUMMARY_VARIABLE), Path(place).open("a", encoding="utf-8") as file:
            file.write(reports.as_markdown(entries))
