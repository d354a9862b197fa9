"""Baselines written anew: which stay, which are new, and what moved in the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from bench.regression.baseline import DEFAULT, TOLERANCE, Baseline, render
from bench.regression.cases import Case
from bench.regression.gates import verify
from bench.regression.reports import explanations
from bench.simulate import Engine
from bench.statistics.metrics import known_metrics
from bench.statistics.values import Figure

What = Literal["KEEP", "INSERT", "UPDATE"]


@dataclass(frozen=True)
class Update:
    """What is to become of a baseline.

    Args:
        what: It stays, it is new, or it changes.
        case: The scenario.
        content: The file's new content; None where it stays.
        sentences: What is otherwise than before; untrusted, so not yet safe to print.
    """

    what: What
    case: Case
    content: bytes | None = None
    sentences: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The entry in the document of `verify --update`."""
        return {
            "scenario": self.case.scenario.name,
            "file": self.case.name,
            "baseline": str(self.case.place),
            "update": self.what,
            "moved": list(self.sentences),
        }


def full_names(case: Case) -> dict[str, str]:
    """Full names of a scenario's figures by every name that they have."""
    return {name: metric.name for name, metric in known_metrics(case.scenario.shapes).items()}


def update(
    case: Case, tolerances: Mapping[str, float], engine: Engine, tick: Callable[[int], None] = lambda _: None
) -> Update:
    """Run a scenario and say what is to become of its baseline.

    Args:
        case: The scenario.
        tolerances: Tolerances to be kept from now on, by figure; those that were declared before stay.
        engine: Which engine walks the routes.
        tick: As `bench.runs.run` calls it.
    """
    now, figures = case.walk(engine, tick)
    before = case.baseline
    names = full_names(case) | {DEFAULT: DEFAULT}
    given = {names[name]: part for name, part in tolerances.items() if name in names}
    kept = {} if before is None else before.tolerance
    now = replace(now, tolerance={DEFAULT: TOLERANCE, **kept, **given})
    if before is None:
        sentences = (f"the one that was there could not be used: {case.broken}",) if case.broken else ()
        return Update("UPDATE" if case.broken else "INSERT", case, render(now), sentences)
    if now.same_as(before):
        return Update("KEEP", case)
    return Update("UPDATE", case, render(now), tuple(_moved(before, now, figures)))


def _moved(before: Baseline, now: Baseline, figures: list[Figure]) -> Iterator[str]:
    """What is otherwise than before."""
    found = verify(before, now, figures)
    yield from explanations(found)
    if before.replications != now.replications:
        yield f"it has {now.replications} replications, and had {before.replications}"
    if before.tolerance != now.tolerance:
        yield "other tolerances are declared"
    first = found.first_moved
    yield "no gate moved" if first is None else f"{first} moved first: {found.gates[first].detail}"
