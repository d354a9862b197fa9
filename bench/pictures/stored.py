"""Pictures from their data, and the data as a file, from which the same picture can be drawn again in another form.

Each kind of picture has its data, a dataclass of plain numbers and texts, and a module that draws it. What is stored is
that data, whole: not the outcomes that it was made of, which would be far more, and not the numbers of its table alone,
from which titles and shading could not be had again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import TypeAdapter, ValidationError

from bench.pictures.data import Frame, Picture
from bench.terminal import encodable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = 1


class Drawable(Protocol):
    """The data of any picture."""

    @property
    def frame(self) -> Frame:
        """The texts around the panels."""

    def csv_text(self) -> str:
        """The plotted numbers."""


@dataclass(frozen=True)
class Form:
    """A kind of picture: what its data is, and who draws it."""

    data: type[Any]
    draw: Callable[[Any], Figure]


@cache
def forms() -> dict[str, Form]:
    """All kinds of pictures, by the name that files know them by."""
    from bench.pictures import (
        ages,
        bars,
        bills,
        cost,
        course,
        data,
        forest,
        heat,
        multiples,
        percentiles,
        recovery,
        recovery_bars,
        staleness,
        timeline,
    )

    return {
        "percentiles": Form(data.PercentileData, percentiles.draw),
        "timeline": Form(course.TimelineData, timeline.draw),
        "bars": Form(data.BarsData, bars.draw),
        "staleness": Form(ages.StalenessData, staleness.draw),
        "stages": Form(recovery.RecoveryData, recovery_bars.draw),
        "cost": Form(bills.CostData, cost.draw),
        "multiples": Form(multiples.MultiplesData, multiples.draw),
        "heat": Form(heat.HeatData, heat.draw),
        "forest": Form(forest.ForestData, forest.draw),
    }


def draw(pictures: Mapping[str, Drawable]) -> dict[str, Picture]:
    """Draw pictures as they are stored.

    Args:
        pictures: Their data, by name.
    """
    from bench.pictures.style import render, style_sheet

    drawn = {}
    with style_sheet():
        for name, data in pictures.items():
            figure, texts = figure_of(data), data.frame
            svg, png = render(figure, "svg"), render(figure, "png")
            table = encodable(data.csv_text())
            drawn[name] = Picture(name, texts.finding, texts.caption, svg, png, table, data_bytes(data))
    return drawn


def figure_of(data: Drawable) -> Figure:
    """The figure; call it within `style_sheet`."""
    return forms()[_name_of(data)].draw(data)


def data_bytes(data: Drawable) -> bytes:
    """A picture's data as a file."""
    name = _name_of(data)
    document = {"schema": SCHEMA, "form": name, "data": _plain(encodable(_adapter(name).dump_python(data)))}
    return (json.dumps(document, allow_nan=False) + "\n").encode()


def _plain(value: Any) -> Any:
    """JSON has no number for what is not one, or is infinite; pydantic reads the words for them."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def parse_data(document: Any) -> Drawable:
    """The data of the document that `data_bytes` wrote.

    Raises:
        ValueError: If it is something else.
    """
    form = document.get("form") if isinstance(document, dict) and document.get("schema") == SCHEMA else None
    if not isinstance(form, str) or form not in forms():
        raise ValueError("it is no data of a picture that this tierbench draws")
    try:
        found: Drawable = _adapter(form).validate_python(document.get("data"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"it is no data of a picture: {place}: {first['msg']}") from None
    return found


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(forms()[name].data)


def _name_of(data: Drawable) -> str:
    return next(name for name, form in forms().items() if isinstance(data, form.data))
