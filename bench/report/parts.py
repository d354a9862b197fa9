"""What a page is made of: tables, pictures, systems, settings; as plain texts, before there is any HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.kernel.outline import Move


@dataclass(frozen=True)
class Cell:
    """A field of a table: a text, what stands below it in small print, and a word that may colour it."""

    text: str
    notes: Sequence[str] = ()
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A table: the first `names` columns are names, which head their rows; `numbers` flush right.

    Args:
        caption: What it is; a screen reader says it first.
        header: Headings of the columns.
        rows: As many cells each.
        names: How many of the first columns are names.
        numbers: Whether the others are numbers.
        folded: Whether it is shown only when asked for.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    names: int = 1
    numbers: bool = True
    folded: bool = False


@dataclass(frozen=True)
class Figure:
    """A picture of a page.

    Args:
        key: Its name on the page, unlike any other's.
        subject: What kind of picture it is.
        title: What is seen.
        caption: The small print.
        wide: The picture, as an element of the page.
        narrow: The same for narrow screens.
        data: Its numbers.
    """

    key: str
    subject: str
    title: str
    caption: str
    wide: str
    narrow: str
    data: Table


@dataclass(frozen=True)
class Route:
    """What a request of one operation does: as a picture, and as the list that a screen reader reads out.

    Where another system has the same route, it is named instead.
    """

    operation: str
    picture: str
    moves: Sequence[Move]
    same_as: str = ""


@dataclass(frozen=True)
class System:
    """A system: what it is, how requests go, how busy its parts were, and what its model leaves out."""

    name: str
    model: str
    summary: str
    routes: Sequence[Route]
    facts: Sequence[tuple[str, str]]
    tables: Sequence[Table]
    limits: Sequence[str]


@dataclass(frozen=True)
class Meaning:
    """What a scenario means: its systems, and where each of its values comes from."""

    title: str
    systems: Sequence[System]
    settings: Sequence[Table]
    toml: str = ""


@dataclass(frozen=True)
class Result:
    """All that a page says of one folder of results.

    Args:
        key: What names on the page begin with.
        noun: "run", "sweep" or "comparison".
        name: What it is of.
        question: The scenario's question.
        verdict: What came of it.
        tally: How the verdict came about.
        facts: What else there is to know, by heading.
        warnings: What to know before believing any of it.
        findings: Sentences of its own.
        verdicts: What was expected, or compared.
        figures: Pictures.
        tables: Its numbers.
        notes: What signs in the tables mean.
        meanings: Of the scenario, or of each side's.
        command: What makes it again.
        versions: Of all that it may depend on.
    """

    key: str
    noun: str
    name: str
    question: str
    verdict: str
    tally: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    findings: Sequence[str]
    verdicts: Sequence[Table]
    figures: Sequence[Figure]
    tables: Sequence[Table]
    notes: Sequence[str]
    meanings: Sequence[Meaning]
    command: str
    versions: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Exhibit:
    """A picture of the gallery, and all that stands beside it.

    Args:
        key: What names on the page begin with.
        question: What it answers.
        claim: What is said of it; empty if nothing.
        finding: The answer.
        verdict: What came of the expectations; empty if there are none.
        tally: How the verdict came about.
        expected: The expectations.
        wide: The picture, as an element of the page.
        narrow: The same for narrow screens.
        command: What makes its numbers again.
        files: What they hold, and where they are, beside the page.
    """

    key: str
    question: str
    claim: str
    finding: str
    verdict: str
    tally: str
    expected: Table
    wide: str
    narrow: str
    command: str
    files: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Room:
    """Pictures of the gallery that belong together."""

    title: str
    exhibits: Sequence[Exhibit]


def texts(*cells: str) -> list[Cell]:
    """A row of plain cells."""
    return [Cell(text) for text in cells]
