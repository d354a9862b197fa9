"""Tables as comma-separated values: what is written comes back, and a spreadsheet computes none of it."""

from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.datafiles import csv_rows, csv_text, parse_values, values_table
from bench.statistics.values import Figure

FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_is_a_formula(text: str) -> None:
    written = csv_text(("name", "value"), [(text, -1.5)])

    (cell, value), *_ = list(csv.reader(io.StringIO(written)))[1:]
    assert cell == f"'{text}"
    assert value == "-1.5"


# Names cannot hold a carriage return, which the writer would leave as it is.
TEXTS = st.text(st.characters(exclude_characters="\r") | st.sampled_from("'=+-@\t\",\n"))


@given(st.lists(st.tuples(TEXTS, st.floats(allow_nan=False)), max_size=5))
def test_texts_and_numbers_come_back(rows: list[tuple[str, float]]) -> None:
    written = csv_text(("text", "number"), rows)

    found = [(text, float(number)) for text, number in csv_rows(written, ("text", "number"))]

    assert rows == found


def test_an_unknown_number_is_an_empty_cell() -> None:
    assert csv_text(("a", "b"), [("x", math.nan)]) == "a,b\nx,\n"


def test_figures_of_a_system_with_an_odd_name_come_back() -> None:
    figures = [Figure(name, "ops.read.requests", "", "", (-1.5, None, 2.0), name == "'a") for name in (*FORMULAS, "'a")]

    assert figures == parse_values(csv_text(*values_table(figures)), {"'a"})


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "x"])
def test_a_figure_that_is_no_number_is_refused(cell: str) -> None:
    text = csv_text(*values_table([Figure("one", "x", "", "", (1.0,))])).replace("1.0", cell)

    with pytest.raises(ValueError, match=cell):
        parse_values(text)
