"""The command line: `tierbench VERB ...`.

stdout is the product, stderr the conversation. This module imports nothing heavy: each verb's work is imported when it is
called, so that help comes at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from bench.errors import ProblemsError, TierbenchError
from bench.terminal import safe_text

INTERNAL, INTERRUPTED = 70, 130

EXAMPLES = """\b
Examples:
  tierbench run dax_vs_dynamodb
  tierbench explain dax_vs_dynamodb
  tierbench run my.toml --set workload.arrivals.rate_per_s=5000 --out results/runs/five-thousand
"""


class Verbs(click.Group):
    """Verbs in the order of use, suggested when mistyped."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            from bench.scenario.suggest import hint

            remedy = hint(args[0], list(self.commands), "verbs")
            raise click.UsageError(f"there is no verb {safe_text(args[0])!r}; {remedy}")
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tierbench", prog_name="tierbench")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
def cli(debug: bool) -> None:
    """Benchmark tiers of caches and of copies: scenario in; table, verdict and pictures out."""


scenario_argument = click.argument("file", metavar="FILE")
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="PATH=VALUE", help="Override a key, as in systems.dax.nodes=5."
)


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(as_json: bool) -> None:
    """Scenarios that ship, models, and workload presets."""
    from bench.cli.listing import print_list

    print_list(as_json)


@cli.command()
@scenario_argument
@set_option
def check(file: str, assignments: tuple[str, ...]) -> None:
    """Check a scenario file; say every problem with its place."""
    from bench.cli.running import check_scenario

    check_scenario(file, assignments)


@cli.command()
@scenario_argument
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def explain(file: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Say what a scenario means before it runs: values and sources, load, bottleneck, cost."""
    from bench.cli.explaining import explain_scenario

    explain_scenario(file, assignments, as_json)


@cli.command()
@scenario_argument
@set_option
@click.option("--engine", type=click.Choice(["simpy", "compiled", "auto"]), default="auto", show_default=True,
              help="What walks the routes; the results are the same bits.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of all random numbers.")
@click.option("--replications", type=click.IntRange(1), help="Independent repetitions.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--overwrite", is_flag=True, help="Replace a run folder that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else on stdout.")
@click.option("--quiet", is_flag=True, help="No progress, no table.")
def run(file: str, assignments: tuple[str, ...], seed: int | None, replications: int | None, **options: Any) -> None:
    """Run a scenario: table, verdict, pictures and a stored result."""
    from bench.cli.running import run_scenario

    shorthand = {"seed": seed, "replications": replications}
    given = tuple(f"{key}={value}" for key, value in shorthand.items() if value is not None)
    sys.exit(run_scenario(file, (*assignments, *given), **options))


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), help="File to write instead of stdout.")
def schema(out: Path | None) -> None:
    """The JSON schema of scenario files, for editors."""
    from bench.cli.listing import print_schema

    print_schema(out)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        cli.main(arguments, prog_name="tierbench", standalone_mode=False)
        code = 0
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except ProblemsError as error:
        click.echo(str(error), err=True)
        code = error.exit_code
    except TierbenchError as error:
        click.echo(f"tierbench: error: {error}", err=True)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("tierbench: interrupted; nothing was written", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if "--debug" in arguments:
            raise
        what = safe_text(f"{type(error).__name__}: {error}", 400)
        again = safe_text(" ".join(["tierbench --debug", *arguments]), 1000)
        click.echo(f"tierbench: internal error: {what}\n  for the traceback: {again}", err=True)
        code = INTERNAL
    sys.exit(code)
