"""`doctor`: whether this installation works, and what to do where it does not."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator

import click

from bench import machine
from bench.extras import PACKAGES, remedy
from bench.health import NEEDED, TOLERANCE, WORDS, Check, Examination, examine
from bench.machine import CACHE_VARIABLE, GET_FAST
from bench.terminal import safe_text

NAME_WIDTH = 14
WIDTH_MAX = 100
SLOWER = "not installed, which is no harm: everything runs on SimPy, with the same results, more slowly"
REINSTALL = ("install anew: `make setup` in a checkout, else", "pip install --force-reinstall tierbench")
Entry = tuple[str, ...]
"""A name, and lines that say something of it: what is, then what to do."""


def print_examination(as_json: bool) -> int:
    """Print what was found; returns the exit code."""
    if machine.has_compiler() and not as_json:
        click.echo("testing the engines; the first time, compiling takes a few seconds", err=True)
    found = examine()
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2, allow_nan=False))
        return 0 if found.good else 1
    sections = {
        "Installed": _installed(found),
        "Machine": _machine(found),
        f"Self-check: {WORDS}": _self_check(found),
    }
    for title, entries in sections.items():
        click.echo(title)
        for name, *lines in entries:
            for number, line in enumerate(lines):
                click.echo(_wrapped("" if number else name, line))
        click.echo()
    click.echo("all is good" if found.good else "not all is good: see above")
    if found.good:
        click.echo("next: tierbench list")
    return 0 if found.good else 1


def _installed(found: Examination) -> Iterator[Entry]:
    extras = {package.name: (extra, package.purpose) for extra, package in PACKAGES.items()}
    for name, version in found.installed.items():
        if version is not None:
            yield name, version
        elif name == "tierbench":
            yield name, "not installed, but run from its folder; to install it: pip install ."
        elif name in NEEDED:
            yield name, f"not installed, but needed: pip install {name}"
        elif name in extras:
            extra, purpose = extras[name]
            yield name, f"not installed; for {purpose}: {remedy(extra)}"
        else:
            yield name, SLOWER, GET_FAST


def _machine(found: Examination) -> Iterator[Entry]:
    has, memory_gb = found.machine, found.machine["memory_gb"]
    yield "platform", has["platform"]
    yield "cores", f"{has['cores']} that can be used"
    yield "memory", "not known" if memory_gb is None else f"{memory_gb:.1f} GB"
    folder = has["compiled_code"]["folder"]
    if has["compiled_code"]["writable"]:
        yield "compiled", f"code is kept in {folder}"
    else:
        remedy = f"each run compiles anew, which takes some seconds; name another folder in {CACHE_VARIABLE}"
        yield "compiled", f"code cannot be kept in {folder}", remedy
    folder = has["results"]["folder"]
    if has["results"]["writable"]:
        yield "results", f"can be written to {folder}"
    else:
        yield "results", f"cannot be written to {folder}", "go to another folder, or run with --out FOLDER"


def _self_check(found: Examination) -> Iterator[Entry]:
    """Closed form, then engine by engine."""
    if not found.checks:
        yield "not done", f"it needs {' and '.join(found.missing)}"
        return
    for check in found.checks:
        if check.interval_ms is not None:
            low_ms, high_ms = check.interval_ms
            allowed = f"within {100.0 * TOLERANCE:.0f} %, {low_ms:.3f} to {high_ms:.3f} ms, is good"
            yield "closed form", f"mean {check.closed_form_ms:.3f} ms; {allowed}"
            break
    for check in found.checks:
        yield check.engine, *_checked(check)


def _checked(check: Check) -> Entry:
    if check.mean_ms is None or check.requests_per_wall_s is None:
        return f"FAILED: {check.problem}", *REINSTALL
    if not check.good:
        return f"mean {check.mean_ms:.3f} ms: FAILED: {check.problem}", "trust none of its results", *REINSTALL
    same = ", the same bits as simpy" if check.engine != "simpy" else ""
    return (f"mean {check.mean_ms:.3f} ms: good{same}; {round(check.requests_per_wall_s, -3):,.0f} requests/s",)


def _wrapped(name: str, line: str) -> str:
    """A name and a line, within the width of the terminal; a path stays whole."""
    width = min(WIDTH_MAX, shutil.get_terminal_size().columns)
    return textwrap.fill(
        safe_text(line, 1000),
        max(width, 2 * NAME_WIDTH),
        initial_indent=f"  {name:{NAME_WIDTH}}",
        subsequent_indent=" " * (NAME_WIDTH + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
