"""Results in the forms of other tools: HdrHistogram's percentiles and logs, and Parquet.

`histograms` writes `.hgrm` and `.hlog`, `parquet` the tables that a folder has as comma-separated values anyway. What
is exported stands in `exports/` of the folder, under its manifest, like all else that came of a run or a sweep.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bench.datafiles import Table, run_tables
from bench.errors import UsageError
from bench.extras import Extra, need
from bench.scenario.suggest import hint
from bench.terminal import safe_text
from models.kernel.outcome import Outcome

FOLDER = "exports"
EXTRAS: dict[str, Extra] = {"hgrm": "hdr", "hlog": "hdr", "parquet": "parquet"}
"""The kinds of export, and what each needs."""
OF_SWEEPS = ("parquet",)
"""Kinds that a sweep has: of its cells no histograms are kept."""


def read_kinds(words: str, known: Collection[str] = tuple(EXTRAS)) -> tuple[str, ...]:
    """Kinds of export as a user lists them, "hgrm,parquet".

    Args:
        words: What the user wrote.
        known: Kinds that there are here.

    Raises:
        UsageError: If there is no such kind, or what it needs is not installed.
    """
    kinds = tuple(dict.fromkeys(word.strip() for word in words.split(",")))
    for kind in kinds:
        if kind not in known:
            only = "; a sweep keeps no histograms of its cells" if kind in EXTRAS else ""
            raise UsageError(f"--export {safe_text(kind)}: no such kind here{only}; {hint(kind, list(known), 'kinds')}")
        need(EXTRAS[kind], f"--export {kind}")
    return kinds


def of_run(
    kinds: Collection[str], scenario: str, outcomes: Mapping[str, Sequence[Outcome]], certain: Collection[str] = ()
) -> dict[str, bytes]:
    """The exports of a run, by path within its folder.

    Args:
        kinds: Which.
        scenario: Its name.
        outcomes: Replications by system.
        certain: Systems that left nothing to chance.
    """
    files: dict[str, bytes] = {}
    if "hgrm" in kinds or "hlog" in kinds:
        from bench.exports.histograms import histogram_files

        files |= histogram_files([kind for kind in ("hgrm", "hlog") if kind in kinds], scenario, outcomes)
    if "parquet" in kinds:
        files |= parquet_files(run_tables(outcomes, certain))
    return {f"{FOLDER}/{name}": content for name, content in files.items()}


def parquet_files(tables: Mapping[str, Table]) -> dict[str, bytes]:
    """Tables as Parquet, by the name of their file."""
    from bench.exports.parquet import parquet_bytes

    return {f"{name}.parquet": parquet_bytes(table) for name, table in tables.items()}
