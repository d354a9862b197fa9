"""The pictures of a folder, drawn anew from their data for a wide and for a narrow page."""

from __future__ import annotations

import csv
import io
import math

from bench.errors import ResultError
from bench.manifest import StoredFolder, parse_json, reading
from bench.pictures.stored import Drawable, figure_of, parse_data
from bench.report.inline import inline_svg
from bench.report.parts import Cell, Figure, Table

NARROW_IN = 4.0
"""Width of a sheet that a telephone shows without making it smaller."""
ROWS_MAX = 500
PICTURES_MAX = 40
_FIRST = ("differences", "load", "percentiles", "timeline", "course", "axis", "bars")


def stored_pictures(stored: StoredFolder) -> dict[str, Drawable]:
    """Data of all pictures of a folder, by name.

    Raises:
        ResultError: If one cannot be read, or the folder is from before data were kept.
    """
    files = stored.manifest["files"]
    found = {}
    for file in files:
        folder, _, name = file.rpartition("/")
        if folder != "pictures" or not name.endswith(".svg"):
            continue
        data = f"pictures/{name.removesuffix('.svg')}.json"
        if data not in files:
            raise ResultError(
                f"{stored.folder / file}: was stored without the data that it was drawn from, by an earlier tierbench; "
                f"make the {stored.kind.noun} again: {stored.manifest['command']}"
            )
        with reading(stored.folder / data, f"make the {stored.kind.noun} again"):
            found[name.removesuffix(".svg")] = parse_data(parse_json(stored.content(data)))
    return found


def figures(stored: StoredFolder, key: str) -> list[Figure]:
    """The pictures of a folder, as parts of a page.

    Raises:
        ResultError: As `stored_pictures`, or if data cannot be drawn.
    """
    found = sorted(stored_pictures(stored).items(), key=lambda each: _rank(each[0]))
    return [_figure(stored, name, data, f"{key}-{index}") for index, (name, data) in enumerate(found[:PICTURES_MAX])]


def _rank(name: str) -> tuple[int, str]:
    """What answers most comes first."""
    return next((index for index, first in enumerate(_FIRST) if name.startswith(first)), len(_FIRST)), name


def _figure(stored: StoredFolder, name: str, data: Drawable, key: str) -> Figure:
    from bench.pictures.style import WIDTH_IN, render, style_sheet

    frame = data.frame
    drawn = []
    with reading(stored.folder / "pictures" / f"{name}.json", f"make the {stored.kind.noun} again"):
        for part, width_in in (("w", WIDTH_IN), ("n", NARROW_IN)):
            with style_sheet(width_in):
                svg = render(figure_of(data), "svg")
            drawn.append(inline_svg(svg, f"{key}{part}", frame.finding, f"{frame.subject}. {frame.caption}"))
        table = _table(data, name)
    return Figure(key, frame.subject, frame.finding, frame.caption, drawn[0], drawn[1], table)


def _table(data: Drawable, name: str) -> Table:
    """What was drawn, as far as a page has room for it."""
    header, *rows = csv.reader(io.StringIO(data.csv_text()))
    shown = [[Cell(_short(cell)) for cell in row] for row in rows[:ROWS_MAX]]
    caption = f"The numbers of this picture: {len(rows):,} rows"
    if len(rows) > ROWS_MAX:
        caption += f", of which the first {ROWS_MAX} are shown; all are in pictures/{name}.csv"
    names = next((place for place, text in enumerate(rows[0]) if _is_number(text)), 1) if rows else 1
    return Table(caption, header, shown, max(1, names), folded=True)


def _short(cell: str) -> str:
    """A cell without what keeps spreadsheets from running it, and a number in as many digits as matter."""
    if not _is_number(cell):
        return cell.removeprefix("'")
    return f"{float(cell):,.6g}" if len(cell) > 8 else cell


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
