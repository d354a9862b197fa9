"""The gallery: its page is written from what is kept, and what is kept is what the scenarios give.

Goal: nobody shows a picture that the models would not draw today. Method: the committed page is written again; each
picture's fingerprint is held against the baseline of its scenario, which `verify` holds against the models; panels are
chosen, and titles made, of bars that are worked by hand.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import library
from bench.errors import UsageError
from bench.pictures.data import BarPanel, BarsData, Frame
from bench.studies import exhibits, gallery
from bench.studies.exhibits import NARROW, Card, Expected
from tests.tools.command import ROOT
from tests.unit.test_pictures import NASTY
from tests.unit.test_report import Read

FOLDER = ROOT / "results" / "gallery"
ENTRIES = list(gallery.entries())
OF_SCENARIOS = [entry for entry in ENTRIES if entry.scenario]
PAGE = (FOLDER / gallery.INDEX).read_text("utf-8")


def test_the_page_is_that_of_what_is_kept() -> None:
    assert gallery.page(FOLDER) == PAGE


def test_every_file_belongs_to_a_picture_and_every_picture_has_its_files() -> None:
    expected = {gallery.INDEX}
    for entry in ENTRIES:
        expected |= {f"{entry.name}.{suffix}" for suffix in ("svg", "csv", "json")} | {f"{NARROW}/{entry.name}.svg"}

    found = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}

    assert found == expected


def test_links_of_the_page_lead_to_files_or_to_parts_of_it() -> None:
    read = Read(PAGE)
    ids = set(read.values("id"))

    links = read.values("href")

    assert len([link for link in links if not link.startswith("#")]) == 3 * len(ENTRIES)
    assert [
        link for link in links if not (link[1:] in ids if link.startswith("#") else (FOLDER / link).is_file())
    ] == []


@pytest.mark.parametrize("entry", OF_SCENARIOS, ids=lambda entry: entry.name)
def test_a_picture_is_of_the_results_that_are_the_baseline(entry: gallery.Entry) -> None:
    """The fingerprint of a run is a digest of those of its replications, which the baseline has."""
    baseline = json.loads((library.baselines() / f"{entry.scenario}.json").read_text("utf-8"))
    digest = hashlib.blake2b(digest_size=16)
    for system, some in sorted(baseline["fingerprints"].items()):
        for replication, each in enumerate(some):
            digest.update(f"{system}\0{replication}\0{each}\n".encode())

    card = exhibits.read(FOLDER, entry.name).card

    assert card.fingerprint == digest.hexdigest()
    assert card.verdict == "pass"
    assert card.question == library.read(library.find(entry.scenario))["question"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_picture_says_what_its_card_says(entry: gallery.Entry) -> None:
    kept = exhibits.read(FOLDER, entry.name)

    for svg in (kept.wide, kept.narrow):
        assert f">{kept.card.finding}</title>" in svg.decode().replace("&gt;", ">").replace("&amp;", "&")
        assert "prefers-color-scheme: dark" in svg.decode()


BARS = BarsData(
    Frame("Figures by system", "Who?", "all", "n = 1"),
    ["one", "two", "three"],
    [
        BarPanel("read latency, p50", "ms", np.array([2.0, 1.0, math.nan]), *[np.full(3, math.nan)] * 2, [""] * 3),
        BarPanel("failed requests", "%", np.array([5.0, 0.0, 30.0]), *[np.full(3, math.nan)] * 2, [""] * 3),
    ],
)


def test_bars_are_chosen_and_the_title_says_from_where_to_where_they_reach() -> None:
    shown = gallery.chosen(BARS, ("failed", "read latency"))

    assert isinstance(shown, BarsData)
    assert [panel.heading for panel in shown.panels] == ["failed requests", "read latency, p50"]
    assert (
        shown.frame.finding
        == "Failed requests: 0 % (two) to 30 % (three); read latency, p50: 1.0 ms (two) to 2.0 ms (one)"
    )
    assert gallery.chosen(BARS, ()) is BARS


def test_a_panel_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UsageError, match="did you mean"):
        gallery.chosen(BARS, ("failed request of",))


def test_what_a_card_says_is_only_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = exhibits.read(FOLDER, "threads")
    nasty = NASTY["markup"]
    card = Card(*[nasty] * 8, [Expected("pass", nasty, nasty)])
    monkeypatch.setattr(exhibits, "read", lambda *_: replace(kept, card=card))

    page = gallery.page(tmp_path)

    assert nasty not in page
    assert not {"script", "img"} & {tag for tag, _ in Read(page).tags}
    assert len(re.findall("<article", page)) == len(ENTRIES)
