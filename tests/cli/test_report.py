"""`report` and `plot`: pages and pictures of results that are there already."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.pictures.themes import COLOURS, DARK, GROUND
from tests.strategies.results import KINDS, forge, make_results
from tests.tools.command import tierbench


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a sweep and a comparison, not to be written to."""
    folder = tmp_path_factory.mktemp("made")
    make_results(folder)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    for kind in KINDS:
        shutil.copytree(made / kind, tmp_path / kind)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_stands_in_the_folder_that_it_is_about(place: Path, kind: str) -> None:
    result = tierbench("report", kind, cwd=place)

    assert (result.code, result.out, result.err) == (0, f"written: {kind}/report.html\n", "")
    assert (place / kind / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_the_same_results_give_the_same_page(place: Path) -> None:
    for name in ("one.html", "two.html"):
        assert tierbench("report", "run", "--out", name, "--quiet", cwd=place).code == 0

    assert (place / "one.html").read_bytes() == (place / "two.html").read_bytes()


def test_a_page_that_is_there_stays_unless_it_may_be_replaced(place: Path) -> None:
    (place / "mine.html").write_text("mine", "utf-8")

    refused = tierbench("report", "run", "--out", "mine.html", cwd=place)
    assert (refused.code, refused.out) == (2, "")
    assert "--overwrite" in refused.err
    assert (place / "mine.html").read_text("utf-8") == "mine"

    assert tierbench("report", "run", "--out", "mine.html", "--overwrite", cwd=place).code == 0
    assert (place / "mine.html").read_text("utf-8") != "mine"


def test_a_folder_with_a_page_can_be_run_anew(place: Path, made: Path) -> None:
    """The page can be made again, so it is nothing to be careful of."""
    shutil.copy(made / "small.toml", place)
    assert tierbench("report", "run", "--quiet", cwd=place).code == 0

    again = tierbench("run", "small.toml", "--engine", "simpy", "--quiet", "--out", "run", "--overwrite", cwd=place)

    assert again.code == 1
    assert not (place / "run" / "report.html").exists()


def test_several_results_need_a_place(place: Path) -> None:
    refused = tierbench("report", "run", "sweep", cwd=place)
    assert (refused.code, refused.out) == (2, "")
    assert "--out FILE" in refused.err

    written = tierbench("report", "run", "sweep", "--out", "new/both.html", "--json", cwd=place)
    assert written.code == 0
    assert json.loads(written.out) == {"schema": 1, "written": ["new/both.html"]}


@pytest.mark.parametrize("verb", ["report", "plot"])
def test_what_cannot_be_read_is_no_result(place: Path, verb: str) -> None:
    (place / "empty").mkdir()
    (place / "file").write_text("x", "utf-8")
    with (place / "run" / "explanation.json").open("a") as file:
        file.write(" ")
    forge(place / "sweep", place / "older", lambda value: value)
    manifest = json.loads((place / "older" / "manifest.json").read_text("utf-8"))
    for name in [name for name in manifest["files"] if name.startswith("pictures/") and name.endswith(".json")]:
        del manifest["files"][name]
    (place / "older" / "manifest.json").write_text(json.dumps(manifest), "utf-8")

    for folder, words in {
        "gone": "is missing", "file": "is no folder", "empty": "manifest.json: is missing",
        "run": "explanation.json: cannot be used", "older": "without the data that it was drawn from",
    }.items():  # fmt: skip
        result = tierbench(verb, folder, cwd=place)

        assert (result.code, result.out) == (4, ""), folder
        assert words in result.err
        assert "Traceback" not in result.err
    assert not (place / "results").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_all_pictures_are_drawn_again(place: Path, kind: str) -> None:
    result = tierbench("plot", kind, "--format", "svg", "--out", "drawn", cwd=place)

    assert result.code == 0
    stored = sorted(path.name for path in (place / kind / "pictures").glob("*.svg"))
    assert sorted(path.name for path in (place / "drawn").iterdir()) == stored
    for name in stored:
        assert (place / "drawn" / name).read_bytes() == (place / kind / "pictures" / name).read_bytes()
        assert f"written: drawn/{name}\n" in result.out


def png_size(content: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def test_a_picture_is_as_wide_and_as_fine_as_asked_for(place: Path) -> None:
    for arguments, width in (
        ((), 8 * 144), (("--dpi", "50"), 400), (("--width", "4"), 4 * 144), (("--width", "5", "--dpi", "100"), 500),
    ):  # fmt: skip
        out = f"out-{'-'.join(arguments)}"
        assert tierbench("plot", "run", "percentiles", *arguments, "--out", out, cwd=place).code == 0
        assert png_size((place / out / "percentiles.png").read_bytes())[0] == width
    wide = ET.parse(place / "run" / "pictures" / "percentiles.svg").getroot()  # noqa: S314 - our own picture
    assert tierbench("plot", "run", "percentiles", "--format", "svg", "--width", "4", "--out", "o", cwd=place).code == 0
    narrow = ET.parse(place / "o" / "percentiles.svg").getroot()  # noqa: S314 - our own picture
    assert wide.attrib["width"] == "576pt"
    assert narrow.attrib["width"] == "288pt"


def test_a_style_changes_every_colour_and_nothing_else(place: Path) -> None:
    """The dark picture is the light one with each colour replaced: the page relies on that, too."""
    for style in ("light", "dark", "grey"):
        arguments = ("--format", "svg", "--style", style, "--out", style)
        assert tierbench("plot", "run", *arguments, cwd=place).code == 0

    for path in (place / "light").iterdir():
        light, dark, grey = ((place / style / path.name).read_text("utf-8") for style in ("light", "dark", "grey"))
        assert COLOURS[0] in light
        assert DARK.colours[GROUND] in dark
        for colour in DARK.colours:
            assert colour not in dark, (path.name, colour)
        assert not [colour for colour in COLOURS if colour in grey]
        assert light.count("<path") == dark.count("<path") == grey.count("<path")


def test_a_pdf_is_one_and_the_same_each_time(place: Path) -> None:
    for out in ("a", "b"):
        assert tierbench("plot", "sweep", "axis", "--format", "pdf", "--out", out, cwd=place).code == 0

    content = (place / "a" / "axis.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content == (place / "b" / "axis.pdf").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "percentile"), "did you mean percentiles?"),
        (("run", "--format", "svg", "--dpi", "100"), "--dpi is for PNG"),
        (("run", "--width", "1"), "3.5"),
        (("run", "--style", "sepia"), "sepia"),
        (("run", "--out", "run/manifest.json"), "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_wrong_usage(place: Path, arguments: tuple[str, ...], words: str) -> None:
    before = (place / "run" / "manifest.json").read_bytes()

    result = tierbench("plot", *arguments, cwd=place)

    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert (place / "run" / "manifest.json").read_bytes() == before


def test_pictures_that_are_there_stay_unless_they_may_be_replaced(place: Path) -> None:
    assert tierbench("plot", "run", "bars", cwd=place).code == 0
    written = place / "results" / "plots" / "run" / "bars.png"
    before = written.read_bytes()

    assert tierbench("plot", "run", "--style", "dark", cwd=place).code == 2
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["bars.png"]
    assert tierbench("plot", "run", "bars", "--style", "dark", "--overwrite", cwd=place).code == 0
    assert written.read_bytes() != before
