"""What is compared: a folder with a result, or a scenario that is run for it.

Either way a side has every figure in each replication, all of its settings, and the numbers of its pictures. Folders
say by their manifest what kind of result they hold; each kind that can be compared has a reader in `_READERS`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import store
from bench.comparison.settings import differing
from bench.cost import estimate
from bench.errors import ResultError, UsageError
from bench.explanation import Explanation, explanation_of, stored_explanation
from bench.manifest import Kind, StoredFolder, read_manifest, reading, versions
from bench.pictures import Context, PercentileData, StalenessData, TimelineData
from bench.runs import Run
from bench.scenario.load import Scenario, resolved_text
from bench.scenario.suggest import hint
from bench.statistics.values import Figure, figures_of
from bench.sweep.results import SWEEP, cell_text, read_sweep
from bench.terminal import safe_text

TABLES = ("percentiles", "timeline", "staleness")
SWEEP_TABLES = ("load", "axis")
"""Pictures of a run, and of a sweep, whose numbers can be laid over each other."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Args:
        label: What the user called it.
        scenario: The scenario's name.
        seed: Seed of all random numbers.
        replications: How many there are.
        fingerprint: Digest of what the models produced.
        versions: Of all that the result may depend on.
        settings: The scenario with every default filled in.
        figures: Every figure of every system.
        tables: Numbers of pictures, by the picture's name, as comma-separated values.
        path: Where the resolved scenario, or the scenario's file, can be found.
        part: The system, where only one of them is looked at; otherwise empty.
        explanation: What the scenario means, if that is known.
    """

    label: str
    scenario: str
    seed: int
    replications: int
    fingerprint: str
    versions: Mapping[str, str | None]
    settings: Mapping[str, Any]
    figures: Sequence[Figure]
    tables: Mapping[str, str]
    path: Path
    part: str = ""
    explanation: Explanation | None = None

    @property
    def systems(self) -> list[str]:
        """Its systems, in the order of the scenario."""
        return list(dict.fromkeys(figure.system for figure in self.figures))

    def only(self, system: str) -> Side:
        """The same with one of its systems.

        Raises:
            UsageError: If it has no such system.
        """
        if system not in self.systems:
            remedy = hint(system, self.systems, f"systems of {self.label}")
            raise UsageError(f"--systems: {self.label} has no system {safe_text(system)!r}; {remedy}")
        figures = [figure for figure in self.figures if figure.system == system]
        return replace(self, label=system, figures=figures, part=system)


def is_folder(text: str) -> bool:
    """Whether a user means a folder with a result, not a scenario.

    Raises:
        ResultError: If it looks like a folder and there is none.
    """
    path = Path(text)
    if path.is_dir():
        return True
    if path.suffix != ".toml" and path.name != text and not path.exists():
        raise ResultError(f"{text}: is missing; give the folder of a finished run, or a scenario file")
    return False


def read(label: str) -> Side:
    """Read a folder.

    Raises:
        ResultError: If it holds no result that can be compared, or has changed.
    """
    folder = Path(label)
    _, kind = read_manifest(folder, *_READERS)
    return _READERS[kind](label, folder)


def ran(label: str, scenario: Scenario, run: Run) -> Side:
    """A scenario that was run."""
    context = Context(scenario.name, certain=run.certain)
    drawn = {
        "percentiles": PercentileData.from_outcomes(run.outcomes, context).csv_text(),
        "timeline": TimelineData.from_outcomes(run.outcomes, context).csv_text(),
        "staleness": StalenessData.from_outcomes(run.outcomes, context).csv_text(),
    }
    return Side(
        label=label,
        scenario=scenario.name,
        seed=int(scenario.spec.seed),
        replications=int(scenario.spec.replications),
        fingerprint=str(run.document["fingerprint"]),
        versions=versions(),
        settings=tomllib.loads(resolved_text(scenario.spec)),
        figures=figures_of(run.outcomes, run.certain),
        tables=drawn,
        path=scenario.path,
        explanation=explanation_of(scenario, estimate(scenario)),
    )


def _of_run(label: str, folder: Path) -> Side:
    stored = store.read_run(folder)
    return _of_folder(label, stored, stored.summary, stored.scenario_toml, stored.figures(), TABLES)


def _of_sweep(label: str, folder: Path) -> Side:
    stored = read_sweep(folder)
    figures = [replace(figure, cell=cell_text(parameters)) for parameters, some in stored.figures() for figure in some]
    return _of_folder(label, stored, stored.document, stored.scenario_toml, figures, SWEEP_TABLES)


def _of_folder(
    label: str,
    stored: StoredFolder,
    document: Mapping[str, Any],
    scenario_toml: str,
    figures: Sequence[Figure],
    tables: Sequence[str],
) -> Side:
    """What folders of all kinds say alike."""
    with reading(stored.folder / "scenario.toml", f"make the {stored.kind.noun} again"):
        settings = tomllib.loads(scenario_toml)
        # Now, while it can be said which file it is, if they are too deep to be looked at.
        assert not differing(settings, settings)
    names, files = {name: f"pictures/{name}.csv" for name in tables}, stored.manifest["files"]
    return Side(
        label=label,
        scenario=str(document["scenario"]),
        seed=stored.manifest["seed"],
        replications=stored.manifest["replications"],
        fingerprint=str(document["fingerprint"]),
        versions=stored.manifest["versions"],
        settings=settings,
        figures=figures,
        tables={name: stored.content(file).decode() for name, file in names.items() if file in files},
        path=stored.folder / "scenario.toml",
        explanation=stored_explanation(stored),
    )


_READERS: Mapping[Kind, Callable[[str, Path], Side]] = {store.RUN: _of_run, SWEEP: _of_sweep}
