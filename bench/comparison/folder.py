"""The folder that a comparison leaves behind.

manifest.json      what the folder holds, with checksums, and how to make it again
comparison.json    the document of `compare`
sides/N.json       what the scenario of each side means, the baseline first, as `bench.explanation` has it
pictures/NAME.*    each picture as SVG, as PNG, as the numbers in it, and as all that it was drawn from (JSON)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import targets
from bench.explanation import Explanation, explanation_files
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
from bench.targets import Target, file_name

DOCUMENT = "comparison.json"
SIDES_MAX = 50
"""Sides whose explanations are kept."""
COMPARISON = Kind(
    "tierbench-comparison", "comparison", Path("results", "comparisons"), (DOCUMENT,), (DOCUMENT,),
    texts=("baseline", "verdict"),
)  # fmt: skip


def write_comparison(
    target: Target,
    document: Mapping[str, Any],
    pictures: Mapping[str, Picture],
    explanations: Sequence[Explanation | None],
    command: str,
) -> Path:
    """Write the folder, whole or not at all.

    Args:
        target: Where to.
        document: The document of `compare`.
        pictures: Pictures by name.
        explanations: Of the scenario of each side, the baseline first.
        command: The command that makes it again.

    Raises:
        UsageError: If the place is taken by now, or cannot be written.
    """
    baseline, (first, *others) = document["baseline"]["name"], (each["name"] for each in document["contenders"])
    files = {DOCUMENT: json_bytes(document), **picture_files(pictures)}
    for index, explanation in enumerate(explanations[:SIDES_MAX]):
        files |= explanation_files(explanation, side_file(index))
    facts = {"baseline": baseline, "contenders": [first, *others], "verdict": document["verdict"]}
    name = f"{_short(baseline)}-vs-{_short(first)}" + (f"-and-{len(others)}-more" if others else "")
    return targets.write_to(target, with_manifest(COMPARISON, files, command, facts), name)


def side_file(index: int) -> str:
    """Where the explanation of a side is kept."""
    return f"sides/{index}.json"


def read_comparison(folder: Path) -> dict[str, Any]:
    """The document of a comparison; as `open_comparison`."""
    return open_comparison(folder)[1]


def open_comparison(folder: Path) -> tuple[StoredFolder, dict[str, Any]]:
    """The folder of a comparison that is there and unchanged, and its document.

    Raises:
        ResultError: If anything is missing, changed or of another kind.
    """
    stored, documents = read_folder(folder, COMPARISON)
    with reading(folder / DOCUMENT):
        document = parse_json(documents[DOCUMENT])
        if not isinstance(document, dict):
            raise ValueError("it is no document of a comparison")  # noqa: TRY004 - wrong content, not a wrong call
    return stored, document


def _short(label: str) -> str:
    """What a side is called in the folder's name."""
    return file_name(Path(label).name.removesuffix(".toml"), "side")
