"""Scenarios that are to be verified: found, read and checked, all of them before the first is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import library
from bench.cost import estimate
from bench.errors import ResultError, UsageError
from bench.regression.baseline import Baseline, baseline_of, figures_now, read_baseline
from bench.regression.gates import GATES, Gate, Verification, verify
from bench.runs import run
from bench.scenario.load import Scenario, load
from bench.simulate import Engine
from bench.statistics.comparing import MARGIN
from bench.statistics.values import Figure

ENDING = ".json"


@dataclass(frozen=True)
class Case:
    """A scenario that is to be verified.

    Args:
        name: What a user calls it: its file, without folder and ending.
        scenario: The scenario, with as many replications as are wanted.
        place: Where its baseline is, or will be.
        baseline: What was kept; None where nothing was, or where it cannot be read.
        broken: Why it cannot be read; empty where it can.
    """

    name: str
    scenario: Scenario
    place: Path
    baseline: Baseline | None
    broken: str = ""

    @property
    def requests(self) -> float:
        """Requests that running it will take, about."""
        cost = estimate(self.scenario)
        return cost.requests + cost.primed

    def walk(self, engine: Engine, tick: Callable[[int], None] = lambda _: None) -> tuple[Baseline, list[Figure]]:
        """Run the scenario: what would be kept of it, and its figures."""
        done = run(self.scenario, engine, tick)
        return baseline_of(self.scenario, done), figures_now(self.scenario, done)

    def verify(
        self, engine: Engine, gates: Sequence[Gate] = GATES, margin: float = MARGIN,
        tick: Callable[[int], None] = lambda _: None,
    ) -> Verification | None:  # fmt: skip
        """Run the scenario and hold it against its baseline; None, and no run, where it has none."""
        if self.baseline is None:
            return None
        return verify(self.baseline, *self.walk(engine, tick), gates, margin)


def cases(
    names: Sequence[str], baselines: Path | None, replications: int | None = None, *, mend: bool = False
) -> list[Case]:
    """Find scenarios and their baselines.

    Args:
        names: Files or names of scenarios; none for all that ship.
        baselines: Folder of the baselines; None for those of the scenarios that ship, which are then the only ones.
        replications: At most so many of each; None for as many as the baseline has.
        mend: A baseline that cannot be read is to be written anew, so it is no error.

    Raises:
        UsageError: If a scenario is not there, or where its baseline is cannot be told.
        ScenarioError: If a scenario is wrong.
        LimitError: If one would cost too much.
        ResultError: If a baseline cannot be read.
    """
    paths = [library.find(name) for name in names or [entry.name for entry in library.entries()]]
    found: dict[str, Case] = {}
    for path in paths:
        if baselines is None and not library.ships(path):
            raise UsageError(
                f"{path}: is none of the scenarios that ship; say where its baseline is with --baselines DIR"
            )
        if path.stem in found:
            raise UsageError(
                f"{path}: has the same name as {found[path.stem].scenario.path}; verify one after the other"
            )
        found[path.stem] = _case(path, baselines or library.baselines(), replications, mend=mend)
    return list(found.values())


def orphans(folder: Path, found: Sequence[Case]) -> list[Path]:
    """Baselines in a folder that belong to none of the scenarios."""
    known = {case.place.name for case in found}
    return sorted(path for path in folder.glob(f"*{ENDING}") if path.name not in known)


def _case(path: Path, folder: Path, replications: int | None, *, mend: bool) -> Case:
    scenario = load(path)
    place = folder / f"{path.stem}{ENDING}"
    baseline, broken = None, ""
    try:
        baseline = read_baseline(place)
    except ResultError as error:
        if not mend:
            raise
        broken = str(error)
    wanted = int(scenario.spec.replications)
    if not mend:
        kept = wanted if baseline is None else baseline.replications
        wanted = min(wanted, kept, replications or kept)
    if wanted < int(scenario.spec.replications):
        scenario = load(path, (f"replications={wanted}",))
    estimate(scenario).refuse_if_too_much(scenario.document)
    return Case(path.stem, scenario, library.shortest(place), baseline, broken)
