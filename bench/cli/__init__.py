"""The command line: `tierbench VERB ...`.

stdout is the product, stderr the conversation. This module imports nothing heavy: each verb's work is imported when it
is called, so that help comes at once.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from bench.errors import ProblemsError, TierbenchError
from bench.terminal import safe_text

USAGE, INTERNAL, INTERRUPTED = 2, 70, 130
MESSAGE_CHARACTERS_MAX = 1000

ABOUT = """Benchmark tiers of caches and of copies: scenario in; table, verdict and pictures out.

\b
Examples:
  tierbench run dax_vs_dynamodb
  tierbench explain dax_vs_dynamodb
  tierbench run my.toml --set systems.dax.nodes=5 --out five-nodes
"""

ABOUT_NEW = """Write a scenario for a model: it runs as it is, and shows every key with its default and what it means.

MODEL is one of those in `tierbench list`; FILE is MODEL.toml by default, and - for stdout.

\b
Examples:
  tierbench new queue
  tierbench new dax my.toml
  tierbench new dynamodb -
"""

ABOUT_RUN = """Run a scenario: table, verdict, pictures and a stored result.

FILE is a scenario file, or the name of a scenario that ships (see `tierbench list`).

\b
Examples:
  tierbench run dax_vs_dynamodb
  tierbench run my.toml --set workload.arrivals.rate_per_s=5000
  tierbench run my.toml --until "read.p99 ±2%"
  tierbench run my.toml --json --quiet > run.json
  tierbench run my.toml --export hgrm,hlog,parquet

All tables are stored as comma-separated values. With --export, exports/ of the folder holds further forms: hgrm,
HdrHistogram's percentiles, and hlog, its histograms by window of time, one file for each operation of each system
(needs tierbench[hdr]); parquet, all tables (needs tierbench[parquet]).

Exit codes: 0 all expectations pass; 1 one failed; 5 one is unknown; 2 wrong usage; 3 the scenario is invalid; 6 a limit
was hit, that of --until among them; 70 internal error; 130 interrupted.
"""


ABOUT_SWEEP = """Run a scenario again and again, each time with other values.

FILE is a scenario file, or the name of a scenario that ships. The values come from its [sweep], or from --sweep: with
several of these, every combination is a cell. All cores work; finished cells are kept in results/cells, so that a sweep
that was ended goes on where it stopped when the same command is given again.

\b
Examples:
  tierbench sweep queue_mmc --sweep workload.arrivals.rate_per_s=800,1600,2400,3200,3600
  tierbench sweep my.toml --sweep "systems.dax.nodes={ from = 1, to = 11, count = 6 }"
  tierbench sweep my.toml --refine 6 --json > sweep.json
  tierbench sweep my.toml --cluster tcp://127.0.0.1:8786

With --cluster, cells are simulated by the workers of a Dask cluster that runs already, with the same results. It needs
the extra tierbench[cluster], here and there. Whoever can reach a Dask scheduler can run programs on all its machines
and on this one: reach only those that you trust, by TLS.

Exit codes: 0 all expectations pass in all cells; 1 one failed; 5 one is unknown; else as `tierbench run`.
"""


ABOUT_COMPARE = """Compare results, figure by figure: the first is the baseline, each of the others a contender.

Each RESULT is the folder of a run, a scenario file, or the name of a scenario that ships; scenarios are run. With
--systems, two systems of one result are compared.

\b
Examples:
  tierbench compare results/runs/before results/runs/after
  tierbench compare results/runs/before my.toml --margin 0.02
  tierbench compare dax_vs_dynamodb --systems direct dax

A figure is worse or better where it surely differs by more than the margin, the same where it surely differs by less.

Exit codes: 0 all is better or the same; 1 a figure is worse; 5 a figure is unknown, or nothing could be compared;
2 wrong usage; 3 a scenario is invalid; 4 a folder cannot be read; 6 a limit was hit; 70 internal error; 130
interrupted.
"""


ABOUT_VERIFY = """Compare with committed baselines: which gate moved first, and by how much.

SCENARIO is a scenario file, or the name of a scenario that ships; without any, all of those are verified. Gates:
"fingerprint", every bit; "summary", every figure within the tolerance that the baseline declares; "statistics", every
figure beyond the margin for sure. Seconds are not compared, numbers of events are.

\b
Examples:
  tierbench verify
  tierbench verify dax_vs_dynamodb --replications 1
  tierbench verify my.toml --baselines baselines --update

Exit codes: 0 nothing moved; 1 a gate moved; 5 a scenario has no baseline; 2 wrong usage; 3 a scenario is invalid; 4 a
baseline cannot be read; 6 a limit was hit; 70 internal error; 130 interrupted.
"""


ABOUT_REPORT = """Write a page about results: one HTML file that needs nothing else, for any browser, and for print.

Each RESULT is the folder of a run, a sweep or a comparison. The page has verdicts, pictures with their numbers, each
system's routes, the sources of all values, what the models leave out, and the command that makes it all again.

\b
Examples:
  tierbench report results/runs/before
  tierbench report results/sweeps/rates --out rates.html
  tierbench report results/runs/before results/runs/after --out both.html

Exit codes: 0 written; 2 wrong usage; 4 a folder cannot be read; 70 internal error; 130 interrupted.
"""


ABOUT_PLOT = """Draw the pictures of a result again, in another format, size or style; nothing is simulated.

RESULT is the folder of a run, a sweep or a comparison; PICTURE is one of its pictures, such as percentiles; by default
all are drawn.

\b
Examples:
  tierbench plot results/runs/before --format pdf
  tierbench plot results/runs/before percentiles --style dark --dpi 300
  tierbench plot results/sweeps/rates --format svg --width 5 --style grey --out figures

Exit codes: 0 written; 2 wrong usage; 4 a folder cannot be read; 70 internal error; 130 interrupted.
"""


class Verbs(click.Group):
    """Verbs in the order of use, suggested when mistyped."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            from bench.scenario.suggest import hint

            remedy = hint(args[0], list(self.commands), "verbs")
            raise click.UsageError(f"there is no verb {safe_text(args[0], 60)!r}; {remedy}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, help=ABOUT, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tierbench", prog_name="tierbench")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
def cli(debug: bool) -> None:
    """Take the options that stand before the verb."""


scenario_argument = click.argument("file", metavar="FILE")
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="PATH=VALUE", help="Override a key, as in systems.dax.nodes=5."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress, no table.")
engine_option = click.option(
    "--engine", type=click.Choice(["simpy", "compiled", "auto"]), default="auto", show_default=True,
    help="What walks the routes; the results are the same bits.",
)  # fmt: skip
seed_option = click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of all random numbers.")
replications_option = click.option("--replications", type=click.IntRange(1), help="Independent repetitions.")
readable_file = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace a run folder that is there.")


def with_shorthand(assignments: tuple[str, ...], seed: int | None, replications: int | None) -> tuple[str, ...]:
    """What was set, and what has an option of its own."""
    shorthand = {"seed": seed, "replications": replications}
    return (*assignments, *(f"{key}={value}" for key, value in shorthand.items() if value is not None))


@cli.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List scenarios, models and presets."""
    from bench.cli.listing import print_list

    print_list(as_json)


@cli.command(help=ABOUT_NEW, short_help="Write a first scenario for a model.")
@click.argument("model", metavar="MODEL")
@click.argument("file", metavar="[FILE]", required=False)
def new(model: str, file: str | None) -> None:
    """Write a scenario that runs, and shows every key of the model."""
    from bench.cli.beginning import write_scenario

    write_scenario(model, file)


@cli.command()
@scenario_argument
@set_option
def check(file: str, assignments: tuple[str, ...]) -> None:
    """Check a scenario; say every problem and its place."""
    from bench.cli.running import check_scenario

    check_scenario(file, assignments)


@cli.command(short_help="Say what a scenario means before it runs.")
@scenario_argument
@set_option
@json_option
def explain(file: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Say what a scenario means before it runs: values and sources, load, bottleneck, cost."""
    from bench.cli.explaining import explain_scenario

    explain_scenario(file, assignments, as_json)


@cli.command(help=ABOUT_RUN, short_help="Run a scenario; print and store what came of it.")
@scenario_argument
@set_option
@click.option("--until", metavar="FIGURE±PERCENT", help='Add replications until it is so well known: "read.p99 ±5%".')
@click.option("--max-replications", type=click.IntRange(2, 10_000), help="With --until: no more than these; 200.")
@engine_option
@seed_option
@replications_option
@click.option("--export", metavar="KINDS", help="Write hgrm, hlog (HdrHistogram), parquet, too.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results, instead of one in results/runs.")
@overwrite_option
@json_option
@quiet_option
def run(file: str, assignments: tuple[str, ...], seed: int | None, replications: int | None, **options: Any) -> None:
    """Run a scenario and leave with the exit code of its verdict."""
    from bench.cli.running import run_scenario

    sys.exit(run_scenario(file, with_shorthand(assignments, seed, replications), **options))


@cli.command(help=ABOUT_SWEEP, short_help="Run a scenario with many values; show where things bend.")
@scenario_argument
@set_option
@click.option("--sweep", "sweeps", multiple=True, metavar="PATH=V1,V2,…", help="An axis, in place of [sweep].")
@click.option("--refine", type=click.IntRange(0, 100), help="Further cells around each system's knee.")
@engine_option
@seed_option
@replications_option
@click.option("--workers", type=click.IntRange(1, 64), help="Processes at once; by default one for each core.")
@click.option("--cluster", metavar="ADDRESS", help="Scheduler of a Dask cluster: tcp://HOST:PORT or tls://HOST:PORT.")
@click.option("--tls-ca", type=readable_file, help="With tls: certificate of the authority, PEM.")
@click.option("--tls-cert", type=readable_file, help="With tls: our certificate, PEM.")
@click.option("--tls-key", type=readable_file, help="With tls: its key, PEM.")
@click.option("--cells", type=click.Path(path_type=Path), help="Where finished cells are kept, not in results/cells.")
@click.option("--fresh", is_flag=True, help="Simulate cells that are kept already once more.")
@click.option("--export", metavar="KINDS", help="Write the tables as parquet, too.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results, not one in results/sweeps.")
@overwrite_option
@json_option
@quiet_option
def sweep(
    file: str,
    assignments: tuple[str, ...],
    seed: int | None,
    replications: int | None,
    cluster: str | None,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    **options: Any,
) -> None:
    """Sweep over a scenario and leave with the exit code of its verdict."""
    from bench.cli.sweeping import sweep_scenario
    from bench.sweep.cluster import Remote

    if cluster is None and (tls_ca or tls_cert or tls_key):
        raise click.UsageError("--tls-ca, --tls-cert and --tls-key go with --cluster")
    remote = None if cluster is None else Remote(cluster, tls_ca, tls_cert, tls_key)
    settings = with_shorthand(assignments, seed, replications)
    sys.exit(sweep_scenario(file, settings, remote=remote, **options))


@cli.command(help=ABOUT_COMPARE, short_help="Compare results: what is better, worse, the same.")
@click.argument("results", nargs=-1, required=True, metavar="RESULT...")
@click.option("--systems", nargs=2, metavar="A B", help="Compare system B with system A of a single result.")
@click.option("--margin", type=click.FloatRange(0.0, 1.0), default=0.01, show_default=True,
              help="Part of the baseline's value that does not matter.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="List every figure, those that are the same, too.")
@set_option
@engine_option
@seed_option
@replications_option
@click.option("--out", type=click.Path(path_type=Path), help="Folder, instead of one in results/comparisons.")
@click.option("--overwrite", is_flag=True, help="Replace a comparison that is there.")
@json_option
@quiet_option
def compare(
    results: tuple[str, ...],
    assignments: tuple[str, ...],
    seed: int | None,
    replications: int | None,
    **options: Any,
) -> None:
    """Compare results and leave with the exit code of the verdict."""
    from bench.cli import comparing

    sys.exit(comparing.compare(results, assignments=with_shorthand(assignments, seed, replications), **options))


@cli.command(help=ABOUT_VERIFY, short_help="Compare with committed baselines.")
@click.argument("files", metavar="[SCENARIO]...", nargs=-1)
@click.option("--baselines", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder of the baselines, instead of results/baselines.")  # fmt: skip
@click.option("--replications", type=click.IntRange(1), help="Compare no more than the first ones.")
@click.option("--gates", metavar="GATES", help="Some of fingerprint,summary,statistics; by default, all.")
@click.option("--margin", type=click.FloatRange(0.0), default=0.01, show_default=True,
              help="Part of a figure's value that does not matter to statistics.")  # fmt: skip
@click.option("--update", is_flag=True, help="Write what is new or has moved into the baselines.")
@click.option("--tolerance", "tolerances", multiple=True, metavar="[FIGURE=]PART",
              help="With --update: part by which the figure, or every figure, may differ.")  # fmt: skip
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write a summary in Markdown.")
@click.option("--github", is_flag=True, help="Print annotations, and write the step's summary.")
@engine_option
@json_option
@quiet_option
def verify(files: tuple[str, ...], update: bool, tolerances: tuple[str, ...], **options: Any) -> None:
    """Verify scenarios, or write their baselines anew, and leave with the exit code of what came of it."""
    from bench.cli.verifying import update_baselines, verify_scenarios

    if update:
        _no_others(options, "replications", "gates", "junit", "markdown", "github")
        both = {name: options[name] for name in ("baselines", "engine", "as_json", "quiet")}
        sys.exit(update_baselines(files, tolerances=tolerances, **both))
    if tolerances:
        raise click.UsageError("--tolerance is kept in the baseline; give it together with --update")
    sys.exit(verify_scenarios(files, **options))


def _no_others(options: Mapping[str, Any], *names: str) -> None:
    """Refuse what says how to verify, where nothing is verified."""
    for name in names:
        if options[name]:
            raise click.UsageError(f"--update verifies nothing, so --{name} has no meaning; leave out one of them")


@cli.command(help=ABOUT_REPORT, short_help="Write a page about results: one HTML file.")
@click.argument("results", nargs=-1, required=True, metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE",
              help="The page; of a single result, by default report.html in its folder.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a page that is there.")
@json_option
@click.option("--quiet", is_flag=True, help="Do not say what was written.")
def report(results: tuple[str, ...], **options: Any) -> None:
    """Write a page about results."""
    from bench.cli import reporting

    sys.exit(reporting.report(results, **options))


@cli.command(help=ABOUT_PLOT, short_help="Draw the pictures of a result again.")
@click.argument("result", metavar="RESULT")
@click.argument("names", nargs=-1, metavar="[PICTURE]...")
@click.option("--format", "form", type=click.Choice(["png", "svg", "pdf"]), default="png", show_default=True,
              help="Of the files.")  # fmt: skip
@click.option("--width", type=click.FloatRange(3.5, 30.0), metavar="INCHES",
              help="Width of a picture, 8 by default; type keeps its size, and the height follows.")  # fmt: skip
@click.option("--dpi", type=click.IntRange(36, 600), help="Dots to an inch of a PNG; 144 by default.")
@click.option("--style", type=click.Choice(["light", "dark", "grey"]), default="light", show_default=True,
              help="Colours.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder, instead of one of the result's name in results/plots.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace pictures that are there.")
@json_option
@click.option("--quiet", is_flag=True, help="Do not say what was written.")
def plot(result: str, names: tuple[str, ...], **options: Any) -> None:
    """Draw pictures of a result anew."""
    from bench.cli import reporting

    sys.exit(reporting.plot(result, names, **options))


@cli.command(short_help="Say what is installed; test the engines.")
@json_option
def doctor(as_json: bool) -> None:
    """Say what is installed and what the machine can do, and hold each engine against a closed form.

    Exit codes: 0 all is good; 1 something that is needed is missing, or the self-check failed.
    """
    from bench.cli.examining import print_examination

    sys.exit(print_examination(as_json))


@cli.command(short_help="Print the JSON schema of scenario files.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write instead of stdout.")
def schema(out: Path | None) -> None:
    """Print the JSON schema of scenario files, with which an editor completes and checks them."""
    from bench.cli.listing import print_schema

    print_schema(out)


class Terminated(KeyboardInterrupt):
    """SIGTERM came: it asks a process to end, as Ctrl-C does."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and leave with its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    code = _call(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        quiet_stdout()
    sys.exit(code)


def _call(arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    try:
        with _terminable():
            cli.main(arguments, prog_name="tierbench", standalone_mode=False)
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        return _refuse(error)
    except ProblemsError as error:
        click.echo(str(error), err=True)
        return error.exit_code
    except TierbenchError as error:
        click.echo(f"tierbench: error: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("tierbench: interrupted; nothing was written", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        quiet_stdout()
    except Exception as error:
        if "--debug" in arguments:
            raise
        what = safe_text(f"{type(error).__name__}: {error}", MESSAGE_CHARACTERS_MAX)
        again = safe_text(shlex.join(["tierbench", "--debug", *arguments]), MESSAGE_CHARACTERS_MAX)
        click.echo(f"tierbench: internal error: {what}\n  this is a defect; for its traceback: {again}", err=True)
        return INTERNAL
    return 0


def _refuse(error: click.ClickException) -> int:
    """Say what is wrong with the command line; what the user typed is shown safely."""
    message = safe_text(error.format_message(), MESSAGE_CHARACTERS_MAX)
    context = error.ctx if isinstance(error, click.UsageError) else None
    verb = context.command_path if context is not None else "tierbench"
    click.echo(f"tierbench: error: {message}\n  for help: {verb} --help", err=True)
    return error.exit_code


def quiet_stdout() -> None:
    """Nobody reads any more: what is still to come goes nowhere, without complaint."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _terminable() -> Iterator[None]:
    """Within, SIGTERM ends the command as Ctrl-C does, so that it can clear up."""

    def end(*_: object) -> NoReturn:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
