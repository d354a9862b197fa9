"""Pages about results: whole, escaped, self-contained; and pictures that are drawn again to the same bytes."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bench.errors import ResultError
from bench.explanation import EXPLANATION, parse_explanation
from bench.pictures.stored import data_bytes, draw, figure_of, parse_data
from bench.pictures.style import style_sheet
from bench.pictures.themes import COLOURS, DARK, GREY, GROUND, INK, MUTED, UNKNOWN, WORSE
from bench.report import diagram
from bench.report.page import page_text
from bench.report.pictures import stored_pictures
from bench.report.results import read_result
from bench.store import read_run
from models.kernel.outline import Move, Way
from tests.strategies.results import KINDS, forge, make_results, renamed
from tests.tools.command import tierbench
from tests.unit.test_pictures import NASTY, assert_nothing_overflows

VOID = {"meta", "link", "br", "img", "input", "hr", "path", "use"}


class Read(HTMLParser):
    """What a browser would find on a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.styles: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), attrs
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.styles.append(data)
        elif data.strip():
            self.words.append(data)

    @property
    def text(self) -> str:
        """All that can be read."""
        return " ".join(" ".join(self.words).split())

    def values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [str(attributes[name]) for _, attributes in self.tags if name in attributes]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a sweep and a comparison."""
    folder = tmp_path_factory.mktemp("results")
    make_results(folder)
    return folder


def page_of(*folders: Path) -> str:
    return page_text([read_result(folder, f"r{index}") for index, folder in enumerate(folders)])


def assert_harmless(page: str) -> Read:
    """Well formed; nothing runs, nothing is loaded, and names of parts are names of one part."""
    found = Read(page)
    assert found.open == []
    tags = {tag for tag, _ in found.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img", "image", "form", "base", "foreignobject"}
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    assert all(value.startswith("#") for name in ("href", "src", "xlink:href") for value in found.values(name))
    assert not re.findall(r"url\((?!#)", page)
    ids = found.values("id")
    assert len(set(ids)) == len(ids)
    wanted = {value.removeprefix("#") for value in found.values("href")}
    for name in ("aria-labelledby", "aria-describedby"):
        wanted |= {each for value in found.values(name) for each in value.split()}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", page))
    assert wanted <= set(ids)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_needs_nothing_else_and_its_policy_lets_its_own_style_alone_through(results: Path, kind: str) -> None:
    found = assert_harmless(page_of(results / kind))

    (style,) = found.styles
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert [attributes["content"] for tag, attributes in found.tags if attributes.get("http-equiv")] == [
        f"default-src 'none'; style-src 'sha256-{digest}'"
    ]


def test_the_page_of_a_run_says_all_that_there_is(results: Path) -> None:
    """Question, verdicts and reasons, figures, sources, limits, routes as lists, and how to make it again."""
    stored = read_run(results / "run")
    text = Read(page_of(results / "run")).text

    for words in (
        "Is one server fast enough?", "a cache is in the way", "nobody can tell", "slow: one.server[0]"[:4],
        "workload.arrivals"[:8], "assumed", "What model queue leaves out", "The same as a list", "look up",
        str(stored.manifest["command"]), str(stored.manifest["fingerprint"]), "Stations", "saturates first",
    ):  # fmt: skip
        assert words in text, words
    explanation = parse_explanation((results / "run" / EXPLANATION).read_bytes())
    for system in explanation.systems.values():
        assert all(limit in text for limit in system.limits)
    for setting in explanation.settings:
        assert setting.path.rpartition(".")[2] in text
        assert " ".join(setting.source.split()) in text


def test_the_page_of_a_sweep_has_every_cell(results: Path) -> None:
    document = json.loads((results / "sweep" / "sweep.json").read_text("utf-8"))
    found = Read(page_of(results / "sweep"))

    rows = sum(len(system["ops"]) for cell in document["cells"] for system in cell["run"]["systems"].values())
    tables = [piece.partition("</table>")[0] for piece in page_of(results / "sweep").split("<caption><bdi>Operation ")]
    assert sum(table.count("<tr>") - 1 for table in tables[1:]) == rows
    assert "Knee of one" in found.text


def test_the_page_of_a_comparison_has_every_figure(results: Path) -> None:
    document = json.loads((results / "comparison" / "comparison.json").read_text("utf-8"))
    text = Read(page_of(results / "comparison")).text

    for figure in document["contenders"][0]["figures"]:
        assert f"{figure['system']}: {figure['figure'].partition('.')[2]}" in text or figure["figure"] in text


def test_several_results_share_a_page(results: Path) -> None:
    found = assert_harmless(page_of(*(results / kind for kind in KINDS)))

    assert "3 results" in found.text
    assert sum(tag == "article" for tag, _ in found.tags) == 3


MEETINGS = [*(("markup", kind) for kind in KINDS),
            *zip(sorted(NASTY.keys() - {"markup"}), itertools.cycle(KINDS), strict=False)]  # fmt: skip
"""Markup on each kind of page, and other names on one kind, as drawing a page takes a second; the rest is slow."""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(*each, marks=() if each in MEETINGS else pytest.mark.slow)
        for each in itertools.product(NASTY, KINDS)
    ],
)
def test_nasty_names_are_only_names(results: Path, tmp_path: Path, name: str, kind: str) -> None:
    """In folders whose checksums are right; what cannot be seen, or turns text around, is shown by its number."""
    forge(results / kind, tmp_path / kind, renamed(NASTY[name].encode(errors="backslashreplace").decode()))
    page = page_of(tmp_path / kind)

    found = assert_harmless(page)
    assert [each for each in page if not each.isprintable() and each != "\n"] == []
    if (name, kind) == ("markup", "run"):
        assert "<script>alert('1')</script> & [bold]x[/bold] %s {0} ]]>" in found.text


def test_a_picture_is_drawn_again_to_the_same_bytes(results: Path) -> None:
    """From what is stored, and whatever kind of picture it is."""
    for kind in KINDS:
        known = stored_pictures(read_result_folder(results / kind))
        again = draw(known)

        assert known
        for name, picture in again.items():
            for suffix, content in (("svg", picture.svg), ("png", picture.png), ("csv", picture.csv.encode())):
                assert (results / kind / "pictures" / f"{name}.{suffix}").read_bytes() == content, (kind, name, suffix)
            assert (results / kind / "pictures" / f"{name}.json").read_bytes() == picture.data


def test_a_file_name_that_is_no_text_is_shown_by_its_number(results: Path, tmp_path: Path) -> None:
    """A command line may hold bytes that are no UTF-8; Python hands them on as lone surrogates."""
    name = "caf\udce9"
    for folder in (name, "run"):
        shutil.copytree(results / "run", tmp_path / folder)
    assert tierbench("compare", "run", name, "--quiet", "--out", "both", cwd=tmp_path).code == 0

    assert r"caf\udce9" in Read(page_of(tmp_path / "both")).text


def read_result_folder(folder: Path) -> Any:
    from bench.cli.reporting import _open

    return _open(folder)


@pytest.mark.parametrize("width_in", [3.5, 4.0, 5.9, 6.0, 12.0])
def test_nothing_overflows_at_any_width(results: Path, width_in: float) -> None:
    for kind in KINDS:
        for data in stored_pictures(read_result_folder(results / kind)).values():
            with style_sheet(width_in):
                figure = figure_of(data)

            assert figure.get_figwidth() == width_in
            assert_nothing_overflows(figure)


def test_numbers_that_json_lacks_come_back(results: Path) -> None:
    """Not-a-number at the ends of an interval, and a bar without a highest value."""
    stored = read_result_folder(results / "run")
    bars: Any = stored_pictures(stored)["bars"]

    again: Any = parse_data(json.loads(data_bytes(bars)))

    assert math.inf in {panel.highest for panel in again.panels}
    for one, other in itertools.zip_longest(bars.panels, again.panels):
        assert one.values.tobytes() == other.values.tobytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["data"]["panels"][0]["curves"][0]["x"].pop(),
        lambda d: d["data"]["panels"][0]["curves"][0].update(x=[[[1.0]]]),
        lambda d: d["data"]["panels"][0]["curves"][0].update(y="many"),
        lambda d: d["data"].pop("frame"),
        lambda d: d.update(form="__import__"),
        lambda d: d.update(form=["bars"]),
        lambda d: d.update(schema=2),
        lambda d: d["data"].update(panels=5),
    ],
)
def test_data_that_is_no_pictures_is_refused(results: Path, tmp_path: Path, change: Any) -> None:
    def changed(value: Any) -> Any:
        if isinstance(value, dict) and value.get("form") == "percentiles":
            change(value)
        return value

    forge(results / "run", tmp_path / "run", changed)

    with pytest.raises(ResultError, match=r"percentiles\.json: cannot be used"):
        page_of(tmp_path / "run")


def test_a_document_of_another_form_is_refused(results: Path, tmp_path: Path) -> None:
    for number, change in enumerate(({"systems": 5}, {"expectations": None}, {"systems": {"one": {}}})):
        forge(
            results / "run",
            tmp_path / str(number),
            lambda value, change=change: (
                {**value, **change} if isinstance(value, dict) and "verdict" in value else value
            ),
        )

        with pytest.raises(ResultError, match="its document is not that of a run"):
            page_of(tmp_path / str(number))


def test_the_busiest_station_stands_out_and_a_deep_route_stays_on_its_sheet() -> None:
    """Frames get narrower up to a depth, so that boxes keep room for their words."""
    moves: tuple[Move, ...] = (Move("do", "clients", "serve", means_s=(0.001,), station="server"),)
    for depth in range(20):
        moves = (Move("ways", "clients", f"way {depth}", ways=(Way("deeper", moves),)),)

    drawn = diagram.draw(moves, diagram.Load({"server": 0.5}, "server"), "x", "title", "description")

    assert ">50 % busy<" in drawn
    assert drawn.count('stroke-width="3"') == 1
    widths = [float(width) for width in re.findall(r'<rect [^>]* width="([0-9.]+)"', drawn)]
    assert all(width > 60.0 for width in widths)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255.0 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_stand_out_from_their_ground() -> None:
    """WCAG 2.2, 1.4.3 and 1.4.11: 4.5 for text, 3 for what is drawn, in the dark as in the light."""
    for paint in (str, DARK.colour):
        ground = paint(GROUND)
        assert all(contrast(paint(colour), ground) >= 4.5 for colour in (INK, MUTED, WORSE, UNKNOWN))
        drawn = {colour: contrast(paint(colour), ground) for colour in COLOURS}
        assert sum(value >= 3.0 for value in drawn.values()) >= len(COLOURS) - 2, drawn


def test_in_grey_there_is_no_colour() -> None:
    for colour in (*COLOURS, WORSE):
        grey = GREY.colour(colour)
        assert grey[1:3] == grey[3:5] == grey[5:7]
        assert abs(luminance(grey) - luminance(colour)) < 0.12
