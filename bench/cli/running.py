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
from bench.scenario.load import Scenario, load, resolved_text
from bench.simulate import GET_FAST, Choice, Engine, choose_engine
from bench.terminal import safe_text

if TYPE_CHECKING:
    from bench.run import Run
    from bench.store import RunContents

VERDICT_CODES = {"pass": 0, "fail": 1, "unknown": 5}


def check_scenario(file: str, assignments: tuple[str, ...]) -> None:
    """Check a scenario and say that it is good."""
    scenario = load(library.find(file), assignments)
    estimate(scenario).refuse_if_too_much(scenario.document)
    systems = ", ".join(scenario.systems)
    click.echo(safe_text(f"{scenario.document.name}: good: {scenario.name}, systems {systems}", 2000))


def run_scenario(
    file: str,
    assignments: tuple[str, ...],
    engine: Choice,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run a scenario, store and print what came of it; returns the exit code of its verdict."""
    from bench import store
    from bench.run import run

    scenario = load(library.find(file), assignments)
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
        result = run(scenario, chosen, tick)
    if talk:
        errors.print(f"simulated in {time.monotonic() - started:.1f} s; drawing", markup=False, style="dim")
    contents = _contents(scenario, result, _command(file, assignments))
    folder = store.write_run(target, contents)
    code = VERDICT_CODES[result.document["verdict"]]
    try:
        if as_json:
            click.echo(json.dumps(result.document, allow_nan=False, indent=2))
        elif not quiet:
            _print(scenario, result, folder, file)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the table has enough of it; the verdict is still the verdict.
        quiet_stdout()
    except KeyboardInterrupt:
        click.echo(f"tierbench: interrupted; the result is in {safe_text(str(folder), 1000)}", err=True)
        return INTERRUPTED
    return code


def say_engine(errors: Console, wanted: Choice, chosen: Engine) -> None:
    """Say how it could go faster, if nothing else was asked for."""
    if wanted == "auto" and chosen == "simpy":
        text = f"numba is not installed: running on the SimPy engine; {GET_FAST}"
        errors.print(text, markup=False, style="dim", soft_wrap=True)


def _print(scenario: Scenario, result: Run, folder: Path, file: str) -> None:
    """Table, verdict and what was written."""
    from bench.tables import Surroundings, print_run

    files = [folder / name for name in ("summary.json", "pictures/percentiles.png")]
    print_run(
        Console(highlight=False),
        result.document,
        Surroundings(
            question=scenario.spec.question,
            reasons=[judgement.reason for judgement in result.judgements],
            warnings=result.warnings,
            stages=_stages(scenario, result),
            written=[shortest(each) for each in files if each.exists()],
            next_command=f"tierbench explain {shlex.quote(file)}",
        ),
    )


def _stages(scenario: Scenario, result: Run) -> list[tuple[float, str, str]]:
    """What control did in the first replication of each system, in order of time, where something failed."""
    if not scenario.spec.faults:
        return []
    notes = ((name, note) for name, replications in result.outcomes.items() for note in replications[0].notes)
    return sorted(((note.at_s, name, note.text) for name, note in notes), key=lambda stage: stage[0])


def shortest(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _contents(scenario: Scenario, result: Run, command: str) -> RunContents:
    from bench import pictures, store

    drawn = pictures.draw_all(
        result.outcomes,
        scenario.name,
        question=scenario.spec.question,
        fingerprint=result.document["fingerprint"],
        faults=[
            pictures.Span(
                fault.at_s,
                min(max(fault.end_s, fault.at_s + scenario.span.window_s), scenario.span.duration_s),
                fault.label,
            )
            for fault in scenario.spec.faults
        ],
        certain=result.certain,
    )
    return store.RunContents(
        summary=result.document,
        scenario_toml=resolved_text(scenario.spec),
        outcomes=result.outcomes,
        pictures=drawn,
        seed=int(scenario.spec.seed),
        replications=int(scenario.spec.replications),
        command=command,
        certain=result.certain,
    )


def _command(file: str, assignments: tuple[str, ...]) -> str:
    settings = [word for assignment in assignments for word in ("--set", assignment)]
    return shlex.join(["tierbench", "run", file, *settings])


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
            rate = done / max(time.monotonic() - started, 1e-9)
            progress.update(task, rate=f"{rate / 1e3:,.0f} k requests/s")

        yield tick
