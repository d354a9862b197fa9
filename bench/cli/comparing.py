"""`compare`."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from bench import library
from bench.cli import INTERRUPTED, quiet_stdout
from bench.cli.running import progress, say_engine
from bench.comparison import folder, pictures, sides
from bench.comparison.document import document_of
from bench.comparison.judging import Compared, judge
from bench.comparison.page import Options, print_comparison
from bench.comparison.sides import Side
from bench.cost import estimate
from bench.errors import UsageError
from bench.runs import run
from bench.scenario.load import Scenario, load
from bench.simulate import Choice, Engine, choose_engine
from bench.statistics.comparing import MARGIN
from bench.targets import open_target
from bench.terminal import safe_text

MORE = 4
"""How many times the replications are asked for where some figures are unknown."""
CODES = {"worse": 1, "unknown": 5, "better": 0, "same": 0}


def compare(
    results: Sequence[str],
    systems: tuple[str, str] | None,
    assignments: tuple[str, ...],
    engine: Choice,
    margin: float,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    everything: bool,
) -> int:
    """Compare results, store and print what came of it; returns the exit code of the verdict."""
    _check_usage(results, systems, margin)
    folders = [sides.is_folder(each) for each in results]
    if assignments and all(folders):
        raise UsageError("--set, --seed and --replications are for scenario files; folders hold finished runs")
    scenarios = {
        text: load(library.find(text), assignments)
        for text, is_folder in zip(results, folders, strict=True)
        if not is_folder
    }
    for scenario in scenarios.values():
        estimate(scenario).refuse_if_too_much(scenario.document)
    chosen = choose_engine(engine)
    target = open_target(folder.COMPARISON, out, overwrite=overwrite)
    read = {text: sides.read(text) for text, is_folder in zip(results, folders, strict=True) if is_folder}
    errors = Console(stderr=True, highlight=False)
    if scenarios and not quiet:
        say_engine(errors, engine, chosen)
    ran = {text: _run(text, scenario, chosen, errors, quiet=quiet) for text, scenario in scenarios.items()}
    compared = _compare([(read | ran)[text] for text in results], systems, margin)
    document = document_of(compared, margin)
    drawn = pictures.draw(compared, margin) if not all(each.nothing for each in compared) else {}
    written = folder.write_comparison(
        target,
        document,
        drawn,
        [side.explanation for side in (compared[0].baseline, *(each.contender for each in compared))],
        _command(results, systems, assignments, margin),
    )
    try:
        if as_json:
            click.echo(json.dumps(document, allow_nan=False, indent=2))
        elif not quiet:
            files = [written / name for name in ("comparison.json", "pictures/differences.png")]
            options = Options(
                margin,
                everything,
                [str(library.shortest(each)) for each in files if each.exists()],
                _next(results, systems, assignments, compared, margin, everything=everything),
            )
            print_comparison(Console(highlight=False), compared, options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the table has enough of it; the verdict is still the verdict.
        quiet_stdout()
    except KeyboardInterrupt:
        click.echo(f"tierbench: interrupted; the result is in {safe_text(str(written), 1000)}", err=True)
        return INTERRUPTED
    return CODES[document["verdict"]]


def _check_usage(results: Sequence[str], systems: tuple[str, str] | None, margin: float) -> None:
    if math.isnan(margin):
        raise UsageError("--margin must be a number from 0 to 1")
    if systems is not None and len(results) != 1:
        raise UsageError("--systems compares two systems of one result; give one folder or scenario")
    if systems is None and len(results) < 2:
        raise UsageError(
            "one result has nothing to be compared with; give a second one, or two of its systems with --systems A B"
        )
    if systems is not None and systems[0] == systems[1]:
        raise UsageError(f"--systems: {safe_text(systems[0])} is compared with itself; give two systems")


def _run(text: str, scenario: Scenario, engine: Engine, errors: Console, *, quiet: bool) -> Side:
    cost = estimate(scenario)
    with progress(errors, int(cost.requests + cost.primed), not quiet and errors.is_terminal) as tick:
        result = run(scenario, engine, tick)
    for warning in result.warnings if not quiet else ():
        errors.print(f"warning: {safe_text(text)}: {safe_text(warning, 1000)}", markup=False, soft_wrap=True)
    return sides.ran(text, scenario, result)


def _compare(found: Sequence[Side], systems: tuple[str, str] | None, margin: float) -> list[Compared]:
    if systems is not None:
        return [judge(found[0].only(systems[0]), found[0].only(systems[1]), margin)]
    return [judge(found[0], each, margin) for each in found[1:]]


def _next(
    results: Sequence[str],
    systems: tuple[str, str] | None,
    assignments: tuple[str, ...],
    compared: Sequence[Compared],
    margin: float,
    *,
    everything: bool,
) -> str:
    """What to do now: more replications where something is unknown, else a look at all figures."""
    if any(each.nothing for each in compared):
        return ""
    found = [compared[0].baseline, *(each.contender for each in compared)]
    paths = list(dict.fromkeys(str(side.path) for side in found)) if systems else [str(side.path) for side in found]
    if any(each.verdict == "unknown" for each in compared):
        # What was set for one side alone cannot be said again for both.
        alone = bool(assignments) and any(map(sides.is_folder, results))
        more = f"replications={MORE * max(side.replications for side in found)}"
        return "" if alone else _command(paths, systems, (*assignments, more), margin)
    if everything or not all(map(sides.is_folder, results)):
        return ""
    return f"{_command(results, systems, assignments, margin)} --all"


def _command(
    results: Sequence[str], systems: tuple[str, str] | None, assignments: tuple[str, ...], margin: float
) -> str:
    words = ["tierbench", "compare", *results]
    words += ["--systems", *systems] if systems else []
    words += [word for assignment in assignments for word in ("--set", assignment)]
    words += ["--margin", f"{margin:g}"] if margin != MARGIN else []
    return shlex.join(words)
