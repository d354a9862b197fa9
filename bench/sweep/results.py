"""The sweep folder: what a sweep produced, written whole or not at all, and read only if nothing has changed.

manifest.json        what the folder holds, with size and checksum of each file, and how to make it again
sweep.json           the document of `sweep`: each cell with its parameters and the document of its run
scenario.toml        the scenario with every default filled in, the sweep's axes among them
cells.csv            a row for each operation of each system in each cell
values.csv           every figure of every system, by cell and replication
explanation.json     what the scenario means: sources of all values, routes, limits, what closed forms say
pictures/NAME.*      each picture as SVG, as PNG, as the numbers in it, and as all that it was drawn from (JSON)
exports/NAME.*       what was asked for in the forms of other tools
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import exports, targets
from bench.cost import estimate
from bench.datafiles import Table, cell_values_table, csv_text, kind_of, parse_cell_values
from bench.explanation import explanation_files, explanation_of
from bench.manifest import (
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
from bench.scenario.load import resolved_text
from bench.statistics.intervals import Estimate
from bench.statistics.values import Figure
from bench.sweep.knee import knees, load_axis
from bench.sweep.plan import Plan
from bench.sweep.points import FIGURES, points
from bench.sweep.run import Finished
from bench.targets import Target, file_name

SCHEMA = 1
SWEEP = Kind(
    "tierbench-sweep", "sweep", Path("results", "sweeps"), ("sweep.json", "scenario.toml"),
    ("sweep.json", "scenario.toml", "values.csv"), texts=("scenario", "fingerprint"),
)  # fmt: skip
FINGERPRINT_PREFIX = 12
WARNINGS_MAX = 100


def document_of(plan: Plan, finished: Sequence[Finished]) -> dict[str, Any]:
    """The JSON document of `sweep`.

    A cell's `closed_form_ms` and `saturation_per_s` are null where there is none; beyond saturation, the former is too.
    """
    verdicts = {each.gave.document["verdict"] for each in finished}
    found = knees(plan, finished)
    cells = [
        {
            "parameters": dict(each.cell.parameters),
            "key": each.cell.recipe.key,
            "closed_form_ms": {
                name: {op: _finite(mean_ms) for op, mean_ms in expected.means_ms.items()}
                for name, expected in each.cell.expected.items()
            },
            "saturation_per_s": {name: _finite(each_.saturation_per_s) for name, each_ in each.cell.expected.items()},
            "run": each.gave.document,
        }
        for each in finished
    ]
    return {
        "schema": SCHEMA,
        "scenario": plan.scenario.name,
        "fingerprint": fingerprint(finished),
        "verdict": "fail" if "fail" in verdicts else "unknown" if "unknown" in verdicts else "pass",
        "axes": [{"path": path, "values": values} for path, values in plan.axes.items()],
        "knees": {
            "axis": load_axis(plan),
            "systems": {name: [dict(each.cell.parameters) for each in tops] for name, tops in found.items()},
        },
        "cells": cells,
    }


def fingerprint(finished: Sequence[Finished]) -> str:
    """Digest of what the models produced, cell by cell; blind to wall time, and to when or where a cell was run."""
    digest = hashlib.blake2b(digest_size=16)
    for each in finished:
        piece = json.dumps([dict(each.cell.parameters), each.gave.document["fingerprint"]], sort_keys=True)
        digest.update(piece.encode() + b"\n")
    return digest.hexdigest()


def write_sweep(
    target: Target,
    plan: Plan,
    finished: Sequence[Finished],
    document: Mapping[str, Any],
    pictures: Mapping[str, Picture],
    command: str,
    kinds: Collection[str] = (),
) -> Path:
    """Write a sweep folder, whole or not at all.

    Args:
        target: Where to.
        plan: What was to be done.
        finished: What came of it.
        document: The document of `sweep`.
        pictures: Pictures by name.
        command: The command that makes it again.
        kinds: Kinds of export (`bench.exports`).

    Raises:
        UsageError: If the place is taken by now, or cannot be written.
        LimitError: If a file is larger than it may be.
    """
    files = {
        "sweep.json": json_bytes(document),
        "scenario.toml": resolved_text(plan.scenario.spec).encode(errors="backslashreplace"),
        **{f"{name}.csv": csv_text(*table).encode() for name, table in sweep_tables(plan, finished).items()},
        **explanation_files(explanation_of(plan.scenario, estimate(plan.scenario))),
        **picture_files(pictures),
    }
    if "parquet" in kinds:
        exported = exports.parquet_files(sweep_tables(plan, finished))
        files |= {f"{exports.FOLDER}/{name}": content for name, content in exported.items()}
    facts = {
        "scenario": document["scenario"],
        "fingerprint": document["fingerprint"],
        "seed": int(plan.scenario.spec.seed),
        "replications": int(plan.scenario.spec.replications),
        "certain": sorted({f.system for each in finished for f in each.gave.figures if f.certain}),
        "engine": plan.engine,
        "warnings": list(dict.fromkeys(text for each in finished for text in each.gave.warnings))[:WARNINGS_MAX],
    }
    name = f"{file_name(document['scenario'], 'sweep')}-{document['fingerprint'][:FINGERPRINT_PREFIX]}"
    return targets.write_to(target, with_manifest(SWEEP, files, command, facts), name)


@dataclass(frozen=True)
class StoredSweep(StoredFolder):
    """A sweep folder that was read and found unchanged.

    Args:
        document: The document of `sweep`.
        scenario_toml: The resolved scenario.
    """

    document: Mapping[str, Any]
    scenario_toml: str

    def figures(self) -> list[tuple[Mapping[str, Any], list[Figure]]]:
        """Each cell's parameters and figures.

        Raises:
            ResultError: If the file is not what it should be.
        """
        with reading(self.folder / "values.csv"):
            by_cell = parse_cell_values(self.content("values.csv").decode(), self.manifest["certain"])
            if len(by_cell) != len(self.document["cells"]):
                raise ValueError("it has other cells than the document")
        return [(cell["parameters"], figures) for cell, figures in zip(self.document["cells"], by_cell, strict=True)]


def read_sweep(folder: Path) -> StoredSweep:
    """Read a sweep folder, if all of it is there and nothing has changed.

    Raises:
        ResultError: If anything is missing, changed, too large or of another kind; it names the file and what to do.
    """
    stored, documents = read_folder(folder, SWEEP)
    with reading(folder / "sweep.json"):
        document = parse_json(documents["sweep.json"])
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError("it is no document of a sweep")
        if any(document.get(key) != stored.manifest[key] for key in ("scenario", "fingerprint")):
            raise ValueError("it belongs to another sweep than the manifest")
    with reading(folder / "scenario.toml"):
        scenario_toml = documents["scenario.toml"].decode()
    return StoredSweep(stored.folder, stored.kind, stored.manifest, document, scenario_toml)


def cell_text(parameters: Mapping[str, Any]) -> str:
    """A cell's name: its parameters as `--set` has them."""
    return ", ".join(f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in parameters.items())


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def sweep_tables(plan: Plan, finished: Sequence[Finished]) -> dict[str, Table]:
    """The tables of a sweep, by name."""
    return {
        "cells": _cells_table(plan, finished),
        "values": cell_values_table([each.gave.figures for each in finished]),
    }


def _cells_table(plan: Plan, finished: Sequence[Finished]) -> Table:
    """A row for each point, its estimates with both ends of their intervals."""
    parameters = {path: [_cell_text(each.cell.parameters.get(path)) for each in finished] for path in plan.paths}
    figures = [f"{name}{end}" for name in FIGURES for end in ("", ".low", ".high")]
    columns = {
        "cell": int,
        **{path: kind_of(values) for path, values in parameters.items()},
        "system": str,
        "operation": str,
        **dict.fromkeys(figures, float),
        "closed_form_mean_ms": float,
    }
    rows = (
        (
            point.index,
            *(parameters[path][point.index] for path in plan.paths),
            point.system,
            point.operation,
            *(end for name in FIGURES for end in _ends(point.figures.get(name))),
            point.closed_form_ms if math.isfinite(point.closed_form_ms) else math.nan,
        )
        for point in points(finished)
    )
    return Table(columns, rows)


def _ends(known: Estimate | None) -> Iterator[float]:
    for end in ("mean", "low", "high"):
        value = None if known is None else getattr(known, end)
        yield math.nan if value is None else value


def _cell_text(value: Any) -> str | float:
    """A parameter's value in a table: numbers and words as they are, all else as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return json.dumps(value)
    return value
