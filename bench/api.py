"""What programs and notebooks use: load a scenario, run it, read what is stored, compare; with arrays or data frames.

    import bench

    result = bench.run("my.toml", {"systems.dax.nodes": 5})
    result.values("dax.read.latency_ms.p99")        one number for each replication
    result.to_frame("series")                       the course over time, for pandas
    bench.compare(result, "results/runs/before").verdict

What is wrong is raised as a `TierbenchError`, whose text says what, where and what to do. Nothing is printed, and
nothing is written but by `save`.

Limits: The SimPy engine works in processes of its own, so a program that runs it stands below
`if __name__ == "__main__":`, as with every pool of processes; notebooks need not. Sweeps are made by the command, and
read here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench import library, store
from bench.comparison import sides
from bench.comparison.document import document_of, verdict_of
from bench.comparison.judging import Compared, judge
from bench.comparison.sides import Side
from bench.contents import command_of, contents_of
from bench.cost import estimate
from bench.datafiles import (
    Columns,
    Table,
    cell_values_table,
    kind_of,
    run_tables,
    stored_distributions_table,
    stored_notes_table,
    stored_series_table,
    values_table,
)
from bench.errors import TierbenchError, UsageError
from bench.exports import read_kinds
from bench.extras import need
from bench.manifest import read_manifest
from bench.runs import Run
from bench.runs import run as run_all
from bench.scenario.load import Scenario
from bench.scenario.load import load as load_file
from bench.scenario.suggest import hint
from bench.simulate import Choice, choose_engine
from bench.statistics.comparing import MARGIN
from bench.sweep.results import SWEEP, StoredSweep, read_sweep
from bench.terminal import safe_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "Result", "TierbenchError", "compare", "load", "read", "run"]

Settings = Mapping[str, Any]
"""Values by path, as `--set` has them: {"systems.dax.nodes": 5}."""
FloatArray = npt.NDArray[np.float64]

_COMPARED: Columns = {
    "contender": str, "cell": str, "system": str, "contender_system": str, "figure": str, "unit": str,
    "baseline": float, "value": float, "difference": float, "low": float, "high": float, "ratio": float,
    "verdict": str, "reason": str,
}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Result:
    """What a run gave, or the folder of a run or a sweep holds.

    Args:
        document: The document that `run --json` or `sweep --json` prints.
        side: What can be compared of it.
        warnings: What the reader should know before believing the figures; empty for a folder.
        tables: Makes each of its tables, by name.
        ran: The scenario and its run; None for a folder.
    """

    document: Mapping[str, Any]
    side: Side
    warnings: Sequence[str]
    tables: Mapping[str, Callable[[], Table]]
    ran: tuple[Scenario, Run] | None = None

    def __repr__(self) -> str:
        return safe_text(f"<Result of {self.side.scenario}: {self.verdict}>")

    @property
    def verdict(self) -> str:
        """Of all expectations together: "pass", "fail" or "unknown"."""
        return str(self.document["verdict"])

    @property
    def fingerprint(self) -> str:
        """Digest of what the models produced."""
        return str(self.document["fingerprint"])

    @property
    def figures(self) -> list[str]:
        """Names of all figures, such as "dax.read.latency_ms.p99"."""
        return list(dict.fromkeys(f"{figure.system}.{figure.short}" for figure in self.side.figures))

    def values(self, figure: str) -> FloatArray:
        """A figure of a run, one number for each replication; nan where that has none.

        Args:
            figure: Its name, in full or as `figures` has it.

        Raises:
            UsageError: If there is none of that name, or one in each cell of a sweep.
        """
        found = [f for f in self.side.figures if figure in (f"{f.system}.{f.short}", f"{f.system}.{f.name}")]
        if not found:
            raise UsageError(f"{safe_text(figure)}: no such figure; {hint(figure, self.figures, 'figures')}")
        if found[0].cell:
            raise UsageError(f"{safe_text(figure)}: each cell of a sweep has one; they are in to_frame()")
        return np.array([math.nan if value is None else value for value in found[0].values])

    def table(self, name: str = "values") -> dict[str, npt.NDArray[Any]]:
        """A table as one array for each column.

        Args:
            name: "values", each figure by replication, for a sweep with the parameters of its cell; of a run also
                "distributions", its latencies by bin, "series", the course over time, and "notes", what control did.

        Raises:
            UsageError: If it has no such table.
            ResultError: If a folder's file has changed.
        """
        if name not in self.tables:
            raise UsageError(f"{safe_text(name)}: no such table; {hint(name, list(self.tables), 'tables')}")
        return self.tables[name]().arrays()

    def to_frame(self, name: str = "values") -> pd.DataFrame:
        """A table as a data frame of pandas; see `table`.

        Raises:
            UsageError: If it has no such table, or pandas is not installed.
        """
        return _frame(self.table(name))

    def save(self, folder: str | Path, *, export: str = "", overwrite: bool = False) -> Path:
        """Write what was run, as `tierbench run --out` does.

        Args:
            folder: Where to.
            export: Further forms, as in "hgrm,parquet".
            overwrite: A run folder that is there is replaced.

        Raises:
            UsageError: If the place is taken, the form is not known, or this was read from a folder.
        """
        if self.ran is None:
            raise UsageError("this was read from a folder, where it is stored already")
        kinds = read_kinds(export) if export else ()
        target = store.open_target(Path(folder), overwrite=overwrite)
        scenario, result = self.ran
        command = command_of(str(scenario.path), scenario.assignments, kinds)
        return store.write_run(target, contents_of(scenario, result, command, kinds))


@dataclass(frozen=True, repr=False)
class Comparison:
    """Contenders against a baseline.

    Args:
        document: The document that `compare --json` prints.
        compared: One for each contender.
    """

    document: Mapping[str, Any]
    compared: Sequence[Compared]

    def __repr__(self) -> str:
        return safe_text(f"<Comparison with {self.compared[0].baseline.label}: {self.verdict}>")

    @property
    def verdict(self) -> str:
        """Of all figures together: "worse", "unknown", "better" or "same"."""
        return verdict_of(self.compared)

    def table(self) -> dict[str, npt.NDArray[Any]]:
        """Each figure of each contender: means of both sides, difference with its 95 % interval, ratio, verdict."""
        return Table(_COMPARED, self._rows()).arrays()

    def to_frame(self) -> pd.DataFrame:
        """The same as a data frame of pandas.

        Raises:
            UsageError: If pandas is not installed.
        """
        return _frame(self.table())

    def _rows(self) -> Iterator[tuple[str | float, ...]]:
        for contender in self.document["contenders"]:
            for each in contender["figures"]:
                low, high = each["difference"]["ci95"] or (None, None)
                numbers = (
                    each["baseline"]["mean"], each["contender"]["mean"], each["difference"]["mean"], low, high,
                    each["ratio"],
                )  # fmt: skip
                yield (
                    contender["name"], each["cell"], each["system"], each["contender_system"], each["figure"],
                    each["unit"], *(math.nan if number is None else number for number in numbers),
                    each["verdict"] or "", each["reason"] or "",
                )  # fmt: skip


def load(source: str | Path, settings: Settings | None = None) -> Scenario:
    """Read and check a scenario.

    Args:
        source: Its file, or the name of one that ships.
        settings: What to set otherwise.

    Raises:
        ScenarioError: All that is wrong with it.
        LimitError: Something in it is too large, or it would cost too much.
        UsageError: There is no such scenario.
    """
    return _checked(load_file(library.find(str(source)), _assignments(settings)))


def run(source: Scenario | str | Path, settings: Settings | None = None, *, engine: Choice = "auto") -> Result:
    """Run a scenario.

    Args:
        source: The scenario, its file, or the name of one that ships.
        settings: What to set otherwise.
        engine: "simpy", "compiled", or "auto", the faster one of what is installed; the bits are the same.

    Raises:
        TierbenchError: As `load`, or if the engine is not installed.
    """
    if not isinstance(source, Scenario):
        scenario = load(source, settings)
    elif settings:
        scenario = _checked(load_file(source.path, (*source.assignments, *_assignments(settings))))
    else:
        scenario = source
    result = run_all(scenario, choose_engine(engine))
    tables = {name: partial(_table, result, name) for name in ("values", "distributions", "series", "notes")}
    side = sides.ran(scenario.name, scenario, result)
    return Result(result.document, side, tuple(result.warnings), tables, (scenario, result))


def read(folder: str | Path) -> Result:
    """Read the folder of a run or a sweep, if all of it is there and unchanged.

    Raises:
        ResultError: If it is not; it names the file and what to do.
    """
    side = sides.read(str(folder))
    _, kind = read_manifest(Path(folder), store.RUN, SWEEP)
    if kind == SWEEP:
        swept = read_sweep(Path(folder))
        return Result(swept.document, side, (), {"values": lambda: _swept(swept)})
    stored = store.read_run(Path(folder))
    tables: dict[str, Callable[[], Table]] = {
        "values": lambda: values_table(stored.figures()),
        "distributions": lambda: stored_distributions_table(stored.distributions()),
        "series": lambda: stored_series_table(stored.series()),
        "notes": lambda: stored_notes_table(stored.notes()),
    }
    return Result(stored.summary, side, (), tables)


def compare(
    baseline: Result | Scenario | str | Path,
    *contenders: Result | Scenario | str | Path,
    systems: tuple[str, str] | None = None,
    margin: float = MARGIN,
) -> Comparison:
    """Compare results, or two systems of one.

    Args:
        baseline: A result, the folder of one, or a scenario, which is run.
        contenders: Likewise; at least one, or none with `systems`.
        systems: Two systems of the baseline, the second of which is compared with the first.
        margin: Part of the baseline's value that does not matter.

    Raises:
        TierbenchError: If something cannot be read or run, or there is nothing to compare.
    """
    if (systems is None) == (not contenders):
        raise UsageError("compare takes two results or more, or systems=(A, B) of a single one")
    if not 0.0 <= margin <= 1.0:
        raise UsageError("margin must be a number from 0 to 1")
    first = _side(baseline)
    if systems is None:
        compared = [judge(first, _side(each), margin) for each in contenders]
    else:
        compared = [judge(first.only(systems[0]), first.only(systems[1]), margin)]
    return Comparison(document_of(compared, margin), compared)


def _side(source: Result | Scenario | str | Path) -> Side:
    if isinstance(source, Result):
        return source.side
    if not isinstance(source, Scenario) and sides.is_folder(str(source)):
        return sides.read(str(source))
    return run(source).side


def _checked(scenario: Scenario) -> Scenario:
    estimate(scenario).refuse_if_too_much(scenario.document)
    return scenario


def _assignments(settings: Settings | None) -> tuple[str, ...]:
    """Settings as they are given on the command line."""
    return tuple(f"{path}={_written(value)}" for path, value in (settings or {}).items())


def _written(value: Any) -> str:
    """A value as TOML, in one line."""
    import tomli_w

    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_written(str(key))} = {_written(each)}' for key, each in value.items())} }}"
    if isinstance(value, list | tuple | np.ndarray):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, np.generic):
        value = value.item()
    try:
        return tomli_w.dumps({"value": value}).removeprefix("value = ").rstrip("\n")
    except TypeError as error:
        raise UsageError(
            f"{safe_text(repr(value))} is no value of a setting; give a number, a text or a list"
        ) from error


def _table(result: Run, name: str) -> Table:
    return run_tables(result.outcomes, result.certain)[name]


def _swept(stored: StoredSweep) -> Table:
    """The figures of all cells, with the cells' parameters."""
    cells = stored.figures()
    some = [parameters for parameters, _ in cells]
    paths = list(dict.fromkeys(path for parameters in some for path in parameters))
    plain = cell_values_table(figures for _, figures in cells)
    columns = {
        "cell": int,
        **{path: kind_of(parameters.get(path, "") for parameters in some) for path in paths},
        **{name: kind for name, kind in plain.columns.items() if name != "cell"},
    }
    rows = ((row[0], *(some[int(row[0])].get(path, "") for path in paths), *row[1:]) for row in plain.rows)
    return Table(columns, rows)


def _frame(columns: Mapping[str, npt.NDArray[Any]]) -> pd.DataFrame:
    need("frames", "to_frame()")
    import pandas as pd

    return pd.DataFrame(columns)
