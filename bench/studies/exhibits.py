"""What the gallery keeps of a run or a study: a picture, its numbers as CSV, and a card that says what they are.

The picture is drawn for a wide and for a narrow page. What stands beside it on the gallery's page is on the card, so
the page is written from these files alone, and whatever is drawn anew leaves the others as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from pydantic import TypeAdapter

from bench.pictures.data import Frame
from bench.pictures.style import WIDTH_IN, render, style_sheet
from bench.report.inline import lone_svg
from bench.report.pictures import NARROW_IN

FOLDER = Path("results", "gallery")
NARROW = "narrow"
"""Folder of the pictures for narrow pages, within that of the gallery."""


@dataclass(frozen=True)
class Expected:
    """What a scenario expected: the verdict, the expectation, and what was measured."""

    verdict: str
    text: str
    measured: str


@dataclass(frozen=True)
class Card:
    """What a picture is.

    Args:
        subject: What kind of picture it is.
        question: What it answers.
        finding: What is seen.
        caption: The small print.
        command: What makes its numbers again.
        verdict: What became of the expectations; empty for a study, which has none.
        tally: How the verdict came about.
        fingerprint: Digest of what the models produced; empty for a study.
        expected: The expectations.
    """

    subject: str
    question: str
    finding: str
    caption: str
    command: str
    verdict: str = ""
    tally: str = ""
    fingerprint: str = ""
    expected: Sequence[Expected] = ()


@dataclass(frozen=True)
class Exhibit:
    """A card with its picture, as files hold it, for wide and for narrow pages."""

    card: Card
    wide: bytes
    narrow: bytes


_CARDS = TypeAdapter(Card)


def keep(folder: Path, name: str, card: Card, draw: Callable[[], bytes], numbers: str) -> None:
    """Leave a picture in the gallery.

    Args:
        folder: The gallery's.
        name: What its files are called.
        card: What it is.
        draw: Draws it as SVG, as wide as the style sheet says in which it is called.
        numbers: What was drawn, as CSV.
    """
    (folder / NARROW).mkdir(parents=True, exist_ok=True)
    for place, width_in in ((folder, WIDTH_IN), (folder / NARROW, NARROW_IN)):
        with style_sheet(width_in):
            svg = draw()
        (place / f"{name}.svg").write_bytes(lone_svg(svg, card.finding, f"{card.subject}. {card.caption}"))
    (folder / f"{name}.csv").write_text(numbers, "utf-8")
    (folder / f"{name}.json").write_bytes(_CARDS.dump_json(card, indent=2) + b"\n")


def keep_study(folder: Path, name: str, frame: Frame, command: str, draw: Callable[[], Figure], numbers: str) -> None:
    """Leave the picture of a study in the gallery; it is drawn with the texts of a frame."""
    card = Card(frame.subject, frame.question, frame.finding, frame.caption, command)
    keep(folder, name, card, lambda: render(draw(), "svg"), numbers)


def read(folder: Path, name: str) -> Exhibit:
    """What was kept."""
    card = _CARDS.validate_json((folder / f"{name}.json").read_bytes())
    wide, narrow = ((place / f"{name}.svg").read_bytes() for place in (folder, folder / NARROW))
    return Exhibit(card, wide, narrow)
