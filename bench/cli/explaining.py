"""`explain`: what a scenario means before it runs."""

from __future__ import annotations

import json
import math

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bench import library
from bench.cost import Cost, estimate
from bench.explanation import charges_of, closed_forms_of, explanation_of, warnings_of
from bench.quantities import amount, milliseconds, percent, significant
from bench.scenario.load import Scenario, load
from bench.scenario.origins import Setting, by_section, settings
from bench.simulate import choose_engine
from bench.terminal import safe_text
from models.catalogue import MODELS
from models.kernel.predict import Prediction


def explain_scenario(file: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Print what a scenario means, where its values come from, and what closed forms say of it."""
    scenario = load(library.find(file), assignments)
    cost = estimate(scenario)
    cost.refuse_if_too_much(scenario.document)
    if as_json:
        click.echo(json.dumps(explanation_of(scenario, cost).as_json(), indent=2, allow_nan=False))
        return
    console = Console(highlight=False)
    _say(console, scenario.spec.question or scenario.name, "bold")
    console.print()
    _print_settings(console, settings(scenario))
    for name, prediction in cost.predictions.items():
        _print_prediction(console, scenario, name, prediction)
    _print_cost(console, cost)
    _print_sweep(console, scenario)
    for warning in warnings_of(scenario, cost):
        _say(console, f"warning: {warning}", "yellow")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(safe_text(text, 2000), style=style), soft_wrap=False)


def _print_settings(console: Console, entries: list[Setting]) -> None:
    """Values beside their origins and sources; a section's keys stand under its name."""
    for section, inside in by_section(entries).items():
        _say(console, f"[{section}]" if section else "scenario", "bold")
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False, expand=True)
        table.add_column(ratio=5, overflow="fold")
        table.add_column(ratio=4, overflow="fold")
        for entry in inside:
            key = entry.path.rpartition(".")[2]
            where = Text(entry.origin, style="cyan" if entry.origin != "default" else "")
            if entry.source:
                where.append(f"; {entry.source}", style="dim")
            table.add_row(Padding(Text(f"{safe_text(key, 60)} = {safe_text(entry.value, 300)}"), (0, 0, 0, 2)), where)
        console.print(table)
    console.print()


def _print_prediction(console: Console, scenario: Scenario, name: str, prediction: Prediction) -> None:
    model = scenario.spec.systems[name].model
    _say(console, f"{name}: what closed forms say ({model}, {significant(prediction.rate_per_s)} requests/s)", "bold")
    unloaded = ", ".join(f"{op} {milliseconds(1e3 * s)}" for op, s in prediction.unloaded_s.items())
    _say(console, f"  mean without any waiting: {unloaded}")
    for each in closed_forms_of(scenario, name):
        _say(console, f"  {each.text}: {amount(each.value, each.unit)}")
    for cache, ratio in prediction.hit_ratios.items():
        _say(console, f"  {cache}: hit ratio about {percent(ratio)}")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading, justify in (("  station", "left"), ("servers", "right"), ("utilization", "right"),
                             ("busiest member", "right"), ("saturates at", "right")):  # fmt: skip
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for load_ in prediction.stations.values():
        busy, hottest = load_.utilization(prediction.rate_per_s), load_.hottest(prediction.rate_per_s)
        table.add_row(
            Text(f"  {load_.name}"),
            f"{len(load_.visits)} x {load_.servers}" if load_.servers else "unlimited",
            "-" if busy is None else percent(busy),
            "-" if hottest is None else percent(hottest),
            "never" if load_.saturation_per_s == math.inf else f"{significant(load_.saturation_per_s)} requests/s",
        )
    console.print(table)
    bottleneck = prediction.bottleneck
    if bottleneck is not None:
        _say(console, f"  bottleneck: {bottleneck.name}")
    if (throttle := prediction.throttle) is not None:
        _say(console, f"  throttles above {significant(throttle.saturation_per_s)} requests/s: {throttle.name}")
    for charge, words in charges_of(scenario, name).items():
        _say(console, f"  charged: {charge}: {words}")
    for limit in MODELS[model].limits:
        _say(console, f"  left out: {limit}", "dim")
    console.print()


def _print_sweep(console: Console, scenario: Scenario) -> None:
    """What a sweep would go over."""
    spec = scenario.spec.sweep
    if spec is None:
        return
    paths = dict.fromkeys([*spec.grid, *spec.zipped, *(path for row in spec.rows for path in row)])
    _say(
        console, f"sweep: over {', '.join(map(safe_text, paths))} (tierbench sweep {safe_text(scenario.document.name)})"
    )


def _print_cost(console: Console, cost: Cost) -> None:
    engine = choose_engine("auto")
    primed = f", {cost.primed:,.0f} before time zero" if cost.primed else ""
    _say(
        console,
        f"cost: about {cost.requests:,.0f} requests{primed}, {cost.events:,.0f} events, {cost.memory_mb:,.0f} MB, "
        f"{max(1.0, cost.seconds(engine)):,.0f} s on the {engine} engine",
    )
