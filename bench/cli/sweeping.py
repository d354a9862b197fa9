"""`sweep`."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench import library
from bench.cli import INTERRUPTED, quiet_stdout
from bench.cli.running import VERDICT_CODES, say_engine
from bench.cost import EVENTS_PER_S
from bench.errors import UsageError
from bench.extras import need
from bench.machine import cores
from bench.simulate import Choice, choose_engine
from bench.sweep.kept import DEFAULT_PLACE, Keeper
from bench.sweep.plan import Plan, make_plan
from bench.targets import open_target
from bench.terminal import safe_text
from bench.workers import WORKERS_MAX

if TYPE_CHECKING:
    from bench.sweep.cluster import Remote
    from bench.sweep.run import Carrier

SOON_S = 3.0
"""About as long as it takes to start a worker."""


@dataclass(frozen=True)
class Crew:
    """Who simulates a sweep.

    Args:
        carry: The work itself.
        hands: How many work at once.
        who: What they are called.
    """

    carry: Carrier
    hands: int
    who: str


def sweep_scenario(
    file: str,
    assignments: tuple[str, ...],
    sweeps: tuple[str, ...],
    refine: int | None,
    engine: Choice,
    workers: int | None,
    remote: Remote | None,
    cells: Path | None,
    fresh: bool,
    export: str | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Sweep over a scenario, store and print what came of it; returns the exit code of its verdict."""
    from bench.exports import OF_SWEEPS, read_kinds
    from bench.sweep import results
    from bench.sweep.pictures import draw_all
    from bench.sweep.run import sweep

    if remote is not None:
        need("cluster", "--cluster")
        if workers is not None:
            raise UsageError(
                "--workers are processes of this machine, and --cluster has its own; leave out one of them"
            )
    from bench.sweep.tables import print_sweep

    kinds = () if export is None else read_kinds(export, OF_SWEEPS)
    chosen = choose_engine(engine)
    target = open_target(results.SWEEP, out, overwrite=overwrite)
    plan = make_plan(library.find(file), assignments, sweeps, chosen, refine)
    keeper = Keeper(DEFAULT_PLACE if cells is None else cells, fresh=fresh)
    errors = Console(stderr=True, highlight=False)
    try:
        with _crew(plan, workers, remote) as crew:
            if not quiet:
                say_engine(errors, engine, chosen)
                errors.print(_announcement(plan, crew), markup=False, style="dim", soft_wrap=True)
            started = time.monotonic()
            with _progress(errors, plan, shown=errors.is_terminal and not quiet) as tick:
                finished = sweep(plan, keeper, crew.carry, tick)
    except KeyboardInterrupt:
        again = f"finished cells are kept in {keeper.folder}; the same command goes on from there"
        click.echo(f"tierbench: interrupted; {safe_text(again, 1000)}", err=True)
        return INTERRUPTED
    if not quiet:
        errors.print(f"simulated in {time.monotonic() - started:.1f} s; drawing", markup=False, style="dim")
    document = results.document_of(plan, finished)
    pictures = draw_all(plan, finished, document["fingerprint"])
    command = _command(file, assignments, sweeps, refine, kinds)
    folder = results.write_sweep(target, plan, finished, document, pictures, command, kinds)
    try:
        if as_json:
            click.echo(json.dumps(document, allow_nan=False, indent=2))
        elif not quiet:
            files = (
                "sweep.json",
                "cells.csv",
                *(f"pictures/{name}.png" for name in pictures),
                *(["exports"] if kinds else []),
            )
            written = [str(library.shortest(folder / name)) for name in files]
            again = f"tierbench compare {shlex.quote(str(library.shortest(folder)))} OTHER-SWEEP"
            print_sweep(Console(highlight=False), plan, finished, document, written, again)
        sys.stdout.flush()
    except BrokenPipeError:
        quiet_stdout()
    return VERDICT_CODES[document["verdict"]]


def _hands(plan: Plan) -> int:
    """One worker for each core; one alone for so little that starting others takes longer."""
    alone_s = sum(cell.events for cell in plan.cells) / EVENTS_PER_S[plan.engine]
    return min(cores(), WORKERS_MAX) if alone_s > SOON_S else 1


@contextmanager
def _crew(plan: Plan, workers: int | None, remote: Remote | None) -> Iterator[Crew]:
    """Who simulates; whoever came for this sweep leaves with the block."""
    if remote is None:
        from bench.sweep.run import here

        hands = _hands(plan) if workers is None else workers
        yield Crew(here(hands), hands, f"{hands} {'worker' if hands == 1 else 'workers'}")
        return
    from bench.sweep.cluster import connected

    with connected(remote) as cluster:
        cluster.check(plan.engine)
        threads = cluster.threads()
        count = sum(threads.values())
        who = f"{count} {'thread' if count == 1 else 'threads'} of {len(threads)} Dask workers at {cluster.url}"
        yield Crew(cluster.carry, max(1, count), who if threads else f"no Dask worker yet at {cluster.url}")


def _announcement(plan: Plan, crew: Crew) -> str:
    """What it will cost, before it begins."""
    requests, events = (sum(getattr(cell, what) for cell in plan.cells) for what in ("requests", "events"))
    seconds = max(1.0, events / EVENTS_PER_S[plan.engine] / crew.hands)
    count = len(plan.cells)
    return (
        f"{count} {'cell' if count == 1 else 'cells'} of {max(cell.replications for cell in plan.cells)} replications, "
        f"{crew.who}: about {requests:,.0f} requests, {seconds:,.0f} s"
    )


def _command(
    file: str, assignments: Sequence[str], sweeps: Sequence[str], refine: int | None, kinds: Sequence[str]
) -> str:
    words = ["tierbench", "sweep", file]
    words += [word for assignment in assignments for word in ("--set", assignment)]
    words += [word for axis in sweeps for word in ("--sweep", axis)]
    words += [] if refine is None else ["--refine", str(refine)]
    return shlex.join([*words, "--export", ",".join(kinds)] if kinds else words)


@contextmanager
def _progress(console: Console, plan: Plan, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Replications done and to do, and the time left, on a terminal."""
    if not shown:
        yield lambda _done, _more: None
        return
    columns = (
        TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TextColumn("replications"), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    total = sum(cell.replications for cell in plan.cells)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)

        def tick(done: int, more: int) -> None:
            nonlocal total
            total += more
            progress.update(task, total=total, advance=done)

        yield tick
