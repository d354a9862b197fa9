"""`check` and `run`."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench import library
from bench.cli import INTERRUPTED, quiet_stdout
from bench.cost import estimate
from bench.errors import LimitError, UsageError
from bench.machine import GET_FAST
from bench.scenario.load import Scenario, load
from bench.simulate import Choice, Engine, choose_engine
from bench.terminal import safe_text

if TYPE_CHECKING:
    from bench.runs import Run

VERDICT_CODES = {"pass": 0, "fail": 1, "unknown": 5}


def check_scenario(file: str, assignments: tuple[str, ...]) -> None:
    """Check a scenario and say that it is good."""
    scenario = load(library.find(file), assignments)
    estimate(scenario).refuse_if_too_much(scenario.document)
    cells = ""
    sweep = scenario.spec.sweep
    if sweep is not None and (sweep.grid or sweep.zipped or sweep.rows):
        from bench.sweep.plan import make_plan

        count = len(make_plan(library.find(file), assignments, (), choose_engine("auto"), None).cells)
        cells = f", {count} {'cell' if count == 1 else 'cells'} to sweep over"
    systems = ", ".join(scenario.systems)
    click.echo(safe_text(f"{scenario.document.name}: good: {scenario.name}, systems {systems}{cells}", 2000))


def run_scenario(
    file: str,
    assignments: tuple[str, ...],
    until: str | None,
    max_replications: int | None,
    engine: Choice,
    export: str | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run a scenario, store and print what came of it; returns the exit code of its verdict."""
    from bench import store
    from bench.contents import command_of, contents_of
    from bench.exports import read_kinds
    from bench.precision import CAP, read_goal, run_until
    from bench.runs import run

    if max_replications is not None and until is None:
        raise UsageError('--max-replications goes with --until; write --until "read.p99 ±5%", too')
    kinds = () if export is None else read_kinds(export)
    scenario = load(library.find(file), assignments)
    goal = None if until is None else read_goal(until, scenario)
    cost = estimate(scenario)
    cost.refuse_if_too_much(scenario.document)
    chosen = choose_engine(engine)
    target = store.open_target(out, overwrite=overwrite)
    errors = Console(stderr=True, highlight=False)
    talk = not quiet
    if talk:
        say_engine(errors, engine, chosen)
    started = time.monotonic()
    with progress(errors, int(cost.requests + cost.primed), talk and errors.is_terminal) as tick:
        if goal is None:
            result, missed = run(scenario, chosen, tick), ""
        else:
            scenario, result, missed = run_until(scenario, chosen, goal, max_replications or CAP, cost, tick)
            assignments = (*assignments, f"replications={scenario.spec.replications}")
    if missed:
        result.warnings.append(missed)
    if talk:
        errors.print(f"simulated in {time.monotonic() - started:.1f} s; drawing", markup=False, style="dim")
    contents = contents_of(scenario, result, command_of(file, assignments, kinds), kinds)
    folder = store.write_run(target, contents)
    code = VERDICT_CODES[result.document["verdict"]] or (LimitError.exit_code if missed else 0)
    try:
        if as_json:
            click.echo(json.dumps(result.document, allow_nan=False, indent=2))
        elif not quiet:
            _print(scenario, result, folder)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the table has enough of it; the verdict is still the verdict.
        quiet_stdout()
    except KeyboardInterrupt:
        click.echo(f"tierbench: interrupted; the result is in {safe_text(str(folder), 1000)}", err=True)
        return INTERRUPTED
    return code


def _print(scenario: Scenario, result: Run, folder: Path) -> None:
    """Table, verdict and what was written."""
    from bench.tables import Surroundings, print_run

    files = [folder / name for name in ("summary.json", "pictures/percentiles.png", "exports")]
    print_run(
        Console(highlight=False),
        result.document,
        Surroundings(
            question=scenario.spec.question,
            reasons=[judgement.reason for judgement in result.judgements],
            warnings=result.warnings,
            stages=_stages(scenario, result),
            written=[str(library.shortest(each)) for each in files if each.exists()],
            next_command=f"tierbench report {shlex.quote(str(library.shortest(folder)))}",
        ),
    )


def _stages(scenario: Scenario, result: Run) -> list[tuple[float, str, str]]:
    """What control did in the first replication of each system, in order of time, where something failed."""
    if not scenario.spec.faults:
        return []
    notes = ((name, note) for name, replications in result.outcomes.items() for note in replications[0].notes)
    return sorted(((note.at_s, name, note.text) for name, note in notes), key=lambda stage: stage[0])


def say_engine(console: Console, wanted: Choice, chosen: Engine) -> None:
    """Say that the slow engine runs, and why, where the user has not asked for it."""
    if wanted == "auto" and chosen == "simpy":
        what = f"llvmlite is not installed: running on the SimPy engine; {GET_FAST}"
        console.print(what, markup=False, style="dim", soft_wrap=True)


@contextmanager
def progress(console: Console, total: int, shown: bool) -> Iterator[Callable[[int], None]]:
    """Progress with rate and time left, on a terminal."""
    if not shown:
        yield lambda _: None
        return
    columns = (
        TextColumn("simulating"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=max(total, 1), rate="")
        started = time.monotonic()

        def tick(requests: int) -> None:
            progress.advance(task, requests)
            done = progress.tasks[0].completed
            if done > (progress.tasks[0].total or 0):
                progress.update(task, total=done)
            rate = done / max(time.monotonic() - started, 1e-9)
            progress.update(task, rate=f"{rate / 1e3:,.0f} k requests/s")

        yield tick
