"""What a page says of a run, of a sweep, and of a comparison."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import store
from bench.comparison.folder import COMPARISON, open_comparison, side_file
from bench.comparison.wording import change_text, value_texts, within
from bench.errors import ResultError
from bench.explanation import Explanation, stored_explanation
from bench.manifest import Kind, StoredFolder, read_manifest, reading
from bench.pages import bounds, figure, tally
from bench.quantities import significant
from bench.report.meanings import meaning_of
from bench.report.parts import Cell, Meaning, Result, Table, texts
from bench.report.pictures import figures
from bench.statistics.values import short_of
from bench.sweep.results import SWEEP, cell_text, read_sweep
from bench.tables import LATENCIES, Row, facts_table, losses_of, measured, money_table, notes_of, operation_table

STAGES_MAX = 200
CELLS_MAX = 400
FIGURES_MAX = 1000


def read_result(folder: Path, key: str) -> Result:
    """All that a page says of a folder.

    Args:
        folder: Of a run, a sweep or a comparison.
        key: What names on the page begin with.

    Raises:
        ResultError: If it is no such folder, has changed, or cannot be read.
    """
    _, kind = read_manifest(folder, *_READERS)
    with reading(folder, f"make the {kind.noun} again"):
        try:
            return _READERS[kind](folder, key)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            # A document whose checksum is right, and whose form is not, was never ours.
            raise ValueError(f"its document is not that of a {kind.noun}") from error


# Runs ---------------------------------------------------------------------------------------------------------------


def _run(folder: Path, key: str) -> Result:
    stored = store.read_run(folder)
    document, manifest = stored.summary, stored.manifest
    explanation = _explanation(stored)
    systems: Mapping[str, Mapping[str, Any]] = document["systems"]
    return Result(
        key=key,
        noun="run",
        name=str(document["scenario"]),
        question=explanation.question,
        verdict=str(document["verdict"]),
        tally=tally(document["expectations"]),
        facts=_facts(manifest),
        warnings=_texts(manifest, "warnings"),
        findings=list(losses_of(systems)),
        verdicts=[_expectations(document["expectations"], _texts(manifest, "reasons"))],
        figures=figures(stored, key),
        tables=[*_system_tables(systems), *_stages(stored)],
        notes=notes_of(systems),
        meanings=[meaning_of(explanation, key, "", systems, stored.scenario_toml)],
        command=str(manifest["command"]),
        versions=manifest["versions"],
    )


def _expectations(expectations: Sequence[Mapping[str, Any]], reasons: Sequence[str]) -> Table:
    rows = []
    for index, each in enumerate(expectations):
        reason = reasons[index] if index < len(reasons) else ""
        notes = [text for text in (measured(each), reason) if text]
        rows.append([Cell(str(each["verdict"]), tone=str(each["verdict"])), Cell(str(each["text"]), notes)])
    return Table("What was expected", ["verdict", "expectation"], rows, numbers=False)


def _system_tables(systems: Mapping[str, Mapping[str, Any]]) -> Iterator[Table]:
    """The tables of `run`: operation by operation, then money, then all else."""
    for operation in dict.fromkeys(name for system in systems.values() for name in system["ops"]):
        having = {name: system for name, system in systems.items() if operation in system["ops"]}
        header, rows = operation_table(operation, having)
        yield _figures(f"Operation {operation}", ["system", *header[1:]], rows)
    paid = {name: system for name, system in systems.items() if "money" in system}
    if paid:
        header, rows = money_table(paid)
        yield _figures("Money", ["system", *header[1:]], rows)
    heads, facts = facts_table(systems)
    cells = [
        [Cell(name), *(Cell(known[head][0], known[head][1:]) if head in known else Cell("–") for head in heads)]
        for name, known in facts.items()
    ]
    yield Table("Systems", ["system", *heads], cells, numbers=False)


def _figures(caption: str, header: Sequence[str], rows: Sequence[Row]) -> Table:
    found = []
    for name, remarks, cells in rows:
        found.append([
            Cell(name, remarks),
            *(Cell(value, [plus_minus] if plus_minus else []) for value, plus_minus in cells),
        ])  # fmt: skip
    return Table(caption, header, found)


def _stages(stored: store.StoredRun) -> list[Table]:
    """What control did in the first replication."""
    notes = sorted((note for note in stored.notes() if note.replication == 0), key=lambda note: note.at_s)
    if not notes:
        return []
    rows = [texts(f"{note.at_s:,.3f}", note.system, note.text) for note in notes[:STAGES_MAX]]
    more = f": the first {STAGES_MAX} of {len(notes):,}, all are in notes.csv" if len(notes) > STAGES_MAX else ""
    return [
        Table(f"What control did in replication 0{more}", ["s", "system", "what"], rows, numbers=False, folded=True)
    ]


# Sweeps -------------------------------------------------------------------------------------------------------------


def _sweep(folder: Path, key: str) -> Result:
    stored = read_sweep(folder)
    document, manifest = stored.document, stored.manifest
    explanation = _explanation(stored)
    cells: Sequence[Mapping[str, Any]] = document["cells"]
    expected = [each for cell in cells for each in cell["run"]["expectations"]]
    return Result(
        key=key,
        noun="sweep",
        name=str(document["scenario"]),
        question=explanation.question,
        verdict=str(document["verdict"]),
        tally=f"{len(cells)} cells; {tally(expected)}",
        facts=[
            *_facts(manifest),
            *((f"axis {axis['path']}", cell_text({"": axis["values"]})[1:]) for axis in document["axes"]),
        ],
        warnings=_texts(manifest, "warnings"),
        findings=list(_knees(document)),
        verdicts=[_sweep_expectations(cells)],
        figures=figures(stored, key),
        tables=list(_cells(cells)),
        notes=["±: half of the 95 % interval over replications.",
               "closed form: the mean, each station taken alone, without retries and throttling."],
        meanings=[meaning_of(explanation, key, "The scenario, before any cell's values", {}, stored.scenario_toml)],
        command=str(manifest["command"]),
        versions=manifest["versions"],
    )  # fmt: skip


def _knees(document: Mapping[str, Any]) -> Iterator[str]:
    for system, tops in document["knees"]["systems"].items():
        for top in tops:
            yield f"Knee of {system}: {cell_text(top)}"


def _sweep_expectations(cells: Sequence[Mapping[str, Any]]) -> Table:
    """Each expectation: in how many cells it held, and in which it did not."""
    found: dict[str, list[tuple[str, str]]] = {}
    for cell in cells:
        for each in cell["run"]["expectations"]:
            found.setdefault(str(each["text"]), []).append((str(each["verdict"]), cell_text(cell["parameters"])))
    rows = []
    for text, verdicts in found.items():
        counts = Counter(verdict for verdict, _ in verdicts)
        worst = next(verdict for verdict in ("fail", "unknown", "pass") if counts[verdict])
        notes = [f"{counts[verdict]} {verdict}" for verdict in ("fail", "unknown", "pass") if counts[verdict]]
        where = [f"{verdict}: {place}" for verdict, place in verdicts if verdict != "pass"]
        if len(where) < len(verdicts):
            notes += where[:12]
        rows.append([Cell(worst, tone=worst), Cell(text, notes)])
    return Table("What was expected, in all cells", ["verdict", "expectation"], rows, numbers=False)


def _cells(cells: Sequence[Mapping[str, Any]]) -> Iterator[Table]:
    """A row for each system in each cell, operation by operation."""
    paths = list(dict.fromkeys(path for cell in cells for path in cell["parameters"]))
    operations = dict.fromkeys(
        operation for cell in cells for system in cell["run"]["systems"].values() for operation in system["ops"]
    )
    for operation in operations:
        rows = []
        for cell in cells[:CELLS_MAX]:
            values = [cell_text({"": cell["parameters"].get(path)})[1:] for path in paths]
            for name, system in cell["run"]["systems"].items():
                if operation in system["ops"]:
                    figures_ = system["ops"][operation]
                    theory = cell["closed_form_ms"].get(name, {}).get(operation)
                    rows.append([
                        *texts(*values, name),
                        _estimate(figures_["throughput_per_s"]),
                        *(_estimate(figures_["latency_ms"].get(each)) for each in LATENCIES),
                        Cell(f"{sum(figures_['errors'].values()):,}"),
                        Cell("–" if theory is None else significant(theory)),
                    ])  # fmt: skip
        heads = [*paths, "system", "answers/s", *(f"{each} ms" for each in LATENCIES.values()), "errors",
                 "closed form ms"]  # fmt: skip
        more = f"; the first {CELLS_MAX} of {len(cells):,} cells" if len(cells) > CELLS_MAX else ""
        yield Table(f"Operation {operation} in each cell{more}", heads, rows, names=len(paths) + 1)


def _estimate(known: Mapping[str, Any] | None) -> Cell:
    if known is None:
        return Cell("–")
    value, plus_minus = figure(known)
    return Cell(value, [plus_minus] if plus_minus else [])


# Comparisons --------------------------------------------------------------------------------------------------------


def _comparison(folder: Path, key: str) -> Result:
    stored, document = open_comparison(folder)
    baseline, contenders = document["baseline"], document["contenders"]
    manifest = stored.manifest
    sides = [baseline, *contenders]
    return Result(
        key=key,
        noun="comparison",
        name=" and ".join(str(each["name"]) for each in contenders) + f" against {baseline['name']}",
        question="",
        verdict=str(document["verdict"]),
        tally="; ".join(_counts(each) for each in contenders),
        facts=[
            ("margin", within(document["margin"])),
            *(
                (
                    f"{'baseline' if index == 0 else 'contender'} {side['name']}",
                    ", ".join(f"{what} {side[what]}" for what in ("scenario", "seed", "replications", "fingerprint")),
                )
                for index, side in enumerate(sides)
            ),
        ],
        warnings=[str(each["reason"]) for each in contenders if each["reason"]],
        findings=[],
        verdicts=[table for each in contenders for table in _contender(each, several=len(contenders) > 1)],
        figures=figures(stored, key),
        tables=[],
        notes=["±: half of the 95 % interval of the difference.",
               "worse, better: the whole interval lies beyond the margin; same: within it."],
        meanings=list(_sides(stored, sides, key)),
        command=str(manifest["command"]),
        versions=baseline["versions"],
    )  # fmt: skip


def _counts(contender: Mapping[str, Any]) -> str:
    found = [f"{count} {verdict}" for verdict, count in contender["counts"].items() if count]
    return f"{contender['name']}: {', '.join(found) or 'nothing compared'}"


_ORDER = ("worse", "better", "unknown", "same", None)


def _contender(contender: Mapping[str, Any], *, several: bool) -> Iterator[Table]:
    """What differs in a contender: settings, figures by verdict, and what has no counterpart."""
    whose = f" of {contender['name']}" if several else ""
    differing = [
        texts(str(each["path"]), _setting(each["baseline"]), _setting(each["contender"]))
        for each in contender["differs"]
    ]
    header = ["figure", "baseline", "contender", "difference", "change", "verdict"]
    for verdict in _ORDER:
        rows = [_difference(each) for each in contender["figures"] if each["verdict"] == verdict]
        words = f"Figures{whose} that are {verdict}" if verdict else f"Figures{whose} without a better side"
        if rows:
            yield Table(f"{words} ({len(rows):,})", header, rows[:FIGURES_MAX], folded=verdict in {"same", None})
    if differing:
        yield Table(
            f"Settings{whose} that differ", ["setting", "baseline", "contender"], differing, numbers=False, folded=True
        )
    lacking = [
        texts(", ".join(filter(None, (str(each["system"]), short_of(str(each["figure"])), str(each["cell"])))),
              str(each["reason"]))
        for each in contender["not_compared"]
    ]  # fmt: skip
    if lacking:
        words = f"Figures{whose} that are not compared ({len(lacking):,})"
        yield Table(words, ["figure", "why"], lacking[:FIGURES_MAX], numbers=False, folded=True)


def _difference(each: Mapping[str, Any]) -> list[Cell]:
    means = [bounds(each[side])[0] for side in ("baseline", "contender")]
    low, high = each["difference"]["ci95"] or (math.nan, math.nan)
    mean = each["difference"]["mean"]
    whose = str(each["system"])
    if each["contender_system"] != each["system"]:
        whose += f" → {each['contender_system']}"
    verdict = each["verdict"] or ""
    return [
        Cell(f"{whose}: {short_of(str(each['figure']))}", [str(each["cell"])] if each["cell"] else []),
        *texts(*value_texts(str(each["figure"]), str(each["unit"]), means, (mean, low, high))),
        Cell(change_text(each["ratio"], mean)),
        Cell(str(verdict or "–"), [str(each["reason"])] if each["reason"] else [], str(verdict)),
    ]


def _setting(value: object) -> str:
    return "–" if value is None else cell_text({"": value})[1:]


def _sides(stored: StoredFolder, sides: Sequence[Mapping[str, Any]], key: str) -> Iterator[Meaning]:
    """The scenario of each side, once where several are of the same run."""
    seen: set[str] = set()
    for index, side in enumerate(sides):
        explanation = stored_explanation(stored, side_file(index))
        if explanation is not None and str(side["fingerprint"]) not in seen:
            seen.add(str(side["fingerprint"]))
            yield meaning_of(explanation, f"{key}-m{index}", f"Scenario of {side['name']}", {})


# What folders of all kinds say --------------------------------------------------------------------------------------


def _explanation(stored: StoredFolder) -> Explanation:
    found = stored_explanation(stored)
    if found is None:
        raise ResultError(
            f"{stored.folder}: was written by an earlier tierbench, which kept neither routes nor sources; "
            f"make the {stored.kind.noun} again: {stored.manifest['command']}"
        )
    return found


def _facts(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(manifest[name])) for name in ("seed", "replications", "engine", "fingerprint")]


def _texts(manifest: Mapping[str, Any], name: str) -> list[str]:
    return [str(text) for text in manifest.get(name, ())]


_READERS: Mapping[Kind, Callable[[Path, str], Result]] = {store.RUN: _run, SWEEP: _sweep, COMPARISON: _comparison}
