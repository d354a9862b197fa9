"""The run folder: everything that a run produced, written whole or not at all, and read only if nothing has changed.

    manifest.json        what the folder holds, with size and checksum of each file, and how to make it again
    summary.json         the document of `run`
    scenario.toml        the scenario with every default filled in
    explanation.json     what the scenario means: sources of all values, routes, limits, what closed forms say
    distributions.csv    latencies: non-empty bins by system, operation and replication
    values.csv           every figure of every system, replication by replication
    series.csv           the course over time
    notes.csv            what control did, and when
    pictures/NAME.*      each picture as SVG, as PNG, as the numbers in it, and as all that it was drawn from (JSON)
    exports/NAME.*       what was asked for in the forms of other tools

How that is assured is the same for all kinds of folders, and stands in `bench.manifest`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import exports, targets
from bench.datafiles import (
    SeriesRow,
    StoredDistribution,
    StoredNote,
    csv_text,
    parse_distributions,
    parse_notes,
    parse_series,
    parse_values,
    run_tables,
)
from bench.explanation import Explanation, explanation_files
from bench.manifest import (
    MANIFEST,
    SCHEMA,
    Kind,
    StoredFolder,
    json_bytes,
    parse_json,
    picture_files,
    read_folder,
    reading,
    with_manifest,
)
from bench.pictures.data import Picture
from bench.statistics.values import Figure
from bench.targets import Target, file_name
from models.kernel.outcome import Outcome

REQUIRED = ("summary.json", "scenario.toml", "values.csv", "distributions.csv", "series.csv")
RUN = Kind(
    "tierbench-run", "run", Path("results", "runs"), ("summary.json", "scenario.toml"), REQUIRED,
    texts=("scenario", "fingerprint"),
)  # fmt: skip
FINGERPRINT_PREFIX = 12
"""Characters of the fingerprint in a folder's name."""


@dataclass(frozen=True)
class RunContents:
    """What a run leaves behind.

    Args:
        summary: The document of `run`.
        scenario_toml: The resolved scenario, as text.
        outcomes: Replications by system.
        pictures: Pictures by name.
        seed: The seed that was used.
        replications: Replications of each system.
        command: The command that reproduces the run.
        certain: Systems that left nothing to chance, whose single replication is exact.
        explanation: What the scenario means.
        reasons: Of each expectation, what made its verdict.
        warnings: What the reader should know before believing the figures.
        exports: Kinds of export (`bench.exports`).
    """

    summary: Mapping[str, Any]
    scenario_toml: str
    outcomes: Mapping[str, Sequence[Outcome]]
    pictures: Mapping[str, Picture]
    seed: int
    replications: int
    command: str
    certain: Collection[str] = ()
    explanation: Explanation | None = None
    reasons: Sequence[str] = ()
    warnings: Sequence[str] = ()
    exports: Collection[str] = ()


@dataclass(frozen=True)
class StoredRun(StoredFolder):
    """A run folder that was read and found unchanged.

    Args:
        folder: Where it is.
        kind: That of runs.
        manifest: The manifest.
        summary: The document of `run`.
        scenario_toml: The resolved scenario.
    """

    summary: Mapping[str, Any]
    scenario_toml: str

    def figures(self) -> list[Figure]:
        """Every figure of every system, replication by replication.

        Raises:
            ResultError: If the file is not what it should be.
        """
        with _reading(self.folder / "values.csv"):
            return parse_values(self.content("values.csv").decode(), self.manifest["certain"])

    def distributions(self) -> list[StoredDistribution]:
        """Latencies by system, operation and replication.

        Raises:
            ResultError: If the file is not what it should be.
        """
        with _reading(self.folder / "distributions.csv"):
            return parse_distributions(self.content("distributions.csv").decode())

    def series(self) -> list[SeriesRow]:
        """The course over time.

        Raises:
            ResultError: If the file is not what it should be.
        """
        with _reading(self.folder / "series.csv"):
            return parse_series(self.content("series.csv").decode())

    def notes(self) -> list[StoredNote]:
        """What control did; nothing where the run was written before there were notes.

        Raises:
            ResultError: If the file is not what it should be.
        """
        if "notes.csv" not in self.manifest["files"]:
            return []
        with _reading(self.folder / "notes.csv"):
            return parse_notes(self.content("notes.csv").decode())


def open_target(out: Path | None, *, overwrite: bool = False) -> Target:
    """Check, before the long work, that a run can be written; nothing is left there.

    Args:
        out: The run folder; None for one below `results/runs`, named after scenario and fingerprint.
        overwrite: A run folder that is there may be replaced.

    Raises:
        UsageError: If the place is taken or not writable.
    """
    return targets.open_target(RUN, out, overwrite=overwrite)


def write_run(target: Target, contents: RunContents) -> Path:
    """Write a run folder, whole or not at all.

    Returns:
        The folder, as `bench.targets.write_to` says.

    Raises:
        UsageError: If the place is taken by now, or cannot be written.
        LimitError: If a file would be larger than it may be.
    """
    facts = {
        "scenario": contents.summary["scenario"],
        "fingerprint": contents.summary["fingerprint"],
        "seed": contents.seed,
        "replications": contents.replications,
        "certain": sorted(contents.certain),
        "reasons": list(contents.reasons),
        "warnings": list(contents.warnings),
        "engine": "+".join(sorted({system["engine"] for system in contents.summary["systems"].values()})),
    }
    files = with_manifest(RUN, _files(contents), contents.command, facts)
    fingerprint = str(contents.summary["fingerprint"])[:FINGERPRINT_PREFIX]
    return targets.write_to(target, files, f"{file_name(str(contents.summary['scenario']), 'run')}-{fingerprint}")


def _files(contents: RunContents) -> dict[str, bytes]:
    """All files but the manifest, by path."""
    return {
        "summary.json": json_bytes(contents.summary),
        "scenario.toml": contents.scenario_toml.encode(errors="backslashreplace"),
        **explanation_files(contents.explanation),
        **{
            f"{name}.csv": csv_text(*table).encode()
            for name, table in run_tables(contents.outcomes, contents.certain).items()
        },
        **picture_files(contents.pictures),
        **exports.of_run(contents.exports, str(contents.summary["scenario"]), contents.outcomes, contents.certain),
    }


def read_run(folder: Path) -> StoredRun:
    """Read a run folder, if all of it is there and nothing has changed.

    Files that the manifest does not name are not looked at.

    Raises:
        ResultError: If anything is missing, changed, too large or of another kind; it names the file and what to do.
    """
    stored, documents = read_folder(folder, RUN)
    manifest = stored.manifest
    with _reading(folder / MANIFEST):
        certain = manifest.get("certain")
        if not isinstance(certain, list) or not all(isinstance(name, str) for name in certain):
            raise ValueError("it does not say which systems left nothing to chance")
        for key in ("seed", "replications"):
            if type(manifest.get(key)) is not int:
                raise ValueError(f"its {key} is no whole number")
        if not isinstance(manifest.get("versions"), dict):
            raise ValueError("it does not say which versions made it")  # noqa: TRY004 - as above
    with _reading(folder / "summary.json"):
        summary = parse_json(documents["summary.json"])
        if not isinstance(summary, dict) or summary.get("schema") != SCHEMA:
            raise ValueError("it is no document of a run")
        if any(summary.get(key) != manifest[key] for key in ("scenario", "fingerprint")):
            raise ValueError("it belongs to another run than the manifest")
    with _reading(folder / "scenario.toml"):
        scenario_toml = documents["scenario.toml"].decode()
    return StoredRun(folder, RUN, manifest, summary, scenario_toml)


def _reading(path: Path) -> Any:
    return reading(path, "make the run again")
