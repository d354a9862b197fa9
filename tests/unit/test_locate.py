"""The locator on small documents whose places were counted by hand; random ones are in `tests/property`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import LimitError
from bench.scenario.document import read_document
from bench.scenario.locate import KeyPath, locate, path_text, walk


def places(text: str) -> dict[str, tuple[int, int, int, int]]:
    """By path as text: line and column of the key, line and column of the value."""
    return {path_text(path): tuple(location) for path, location in locate(text).items()}  # type: ignore[misc]


def test_keys_are_located_at_their_names_and_elements_at_their_values() -> None:
    text = """\
# comment = "no key"
schema = 1
  name="dax"
mix = { read = 0.95, write.share = 0.05 }
ratio = [ "a]", # ]
  "b", [1,2], ]
"""

    assert places(text) == {
        "schema": (2, 1, 2, 10),
        "name": (3, 3, 3, 8),
        "mix": (4, 1, 4, 7),
        "mix.read": (4, 9, 4, 16),
        "mix.write": (4, 22, 4, 22),
        "mix.write.share": (4, 28, 4, 36),
        "ratio": (5, 1, 5, 9),
        "ratio[0]": (5, 11, 5, 11),
        "ratio[1]": (6, 3, 6, 3),
        "ratio[2]": (6, 8, 6, 8),
        "ratio[2][0]": (6, 9, 6, 9),
        "ratio[2][1]": (6, 11, 6, 11),
    }


def test_tables_are_located_at_their_own_header_and_else_where_they_are_named_first() -> None:
    text = """\
[a.b]
x = 1
[ c . "d e" ]
[a]
y.z = 2
"""

    assert places(text) == {
        "a": (4, 2, 4, 1),  # named on line 1, but this is its own header
        "a.b": (1, 4, 1, 1),
        "a.b.x": (2, 1, 2, 5),
        "c": (3, 3, 3, 3),
        'c."d e"': (3, 7, 3, 1),
        "a.y": (5, 1, 5, 1),
        "a.y.z": (5, 3, 5, 7),
    }


def test_elements_of_arrays_of_tables_are_located_at_their_headers() -> None:
    text = """\
[[p.q]]
[[p.q.r]]
k = {}
[p.q.s]
[[p.q]]
[[p.q.r]]
"""

    assert places(text) == {
        "p": (1, 3, 1, 3),
        "p.q": (1, 5, 1, 1),
        "p.q[0]": (1, 1, 1, 1),
        "p.q[0].r": (2, 7, 2, 1),
        "p.q[0].r[0]": (2, 1, 2, 1),
        "p.q[0].r[0].k": (3, 1, 3, 5),
        "p.q[0].s": (4, 6, 4, 1),
        "p.q[1]": (5, 1, 5, 1),
        "p.q[1].r": (6, 7, 6, 1),
        "p.q[1].r[0]": (6, 1, 6, 1),
    }


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ('"""\n"""', 2),
        ('"""a""b"""""', 1),
        ('"""\\\n  \n x \\""""""', 3),
        ('"""a\\\\"""', 1),
        ("'''a''b'''''", 1),
        ("'''\n\\'''", 2),
        ('""', 1),
        ("''", 1),
        ('"\\"]#"', 1),
        ("'\\'", 1),
        ("1979-05-27 07:32:00.5-07:00", 1),
        ("1979-05-27 ", 1),
        ("07:32:00", 1),
        ("-1_000.5e+3", 1),
        ("+inf", 1),
        ("[\r\n1,\r\n]", 3),
        ("[[[]],{},[{}]]", 1),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_follows_a_value_is_found(value: str, lines: int, line_end: str) -> None:
    found = locate(f"a = {value}{line_end} next = [{value}, {{b={value},c=1}}]{line_end}")

    assert found["a",] == (1, 1, 1, 5)
    assert (lines + 1, 2, lines + 1, 9) == found["next",]
    assert found["next", 1, "c"].line == 3 * lines - 1


def test_columns_count_characters_not_bytes() -> None:
    assert places('"é𝄞" = { ß = 1 }'.replace("ß", '"ß"')) == {'"é𝄞"': (1, 1, 1, 8), '"é𝄞"."ß"': (1, 10, 1, 16)}


def test_names_are_read_as_toml_reads_them() -> None:
    text = '"" = 0\n\'\' . "a\\u00e9\\"\\U0001D11E" = 1'.replace("'' .", "'x\\y' .")

    assert set(locate(text)) == {("",), ("x\\y",), ("x\\y", 'aé"𝄞')}


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a =",
        "a = [",
        "[a",
        "[[a]",
        'a = "',
        "a = {b}",
        "= 1",
        'a = """',
        '"\\q" = 1',
        '"\\Uffffffff" = 1',
        '"\\U00110000" = 1',
    ],
)
def test_what_is_no_toml_is_refused_and_does_not_crash(text: str) -> None:
    with pytest.raises(ValueError, match="not TOML from line 1"):
        locate(text)


@given(st.text(st.sampled_from("ab[]{}=,.#\"'\\\n 1"), max_size=60))
def test_no_text_crashes_the_walk(text: str) -> None:
    walked = walk(text, "text")

    assert walked.stop is None or walked.stop.line >= 1


def test_a_bound_is_reported_with_its_place() -> None:
    with pytest.raises(LimitError, match=r"deep\.toml:2:37: error: nested more than 32 levels deep"):
        locate("# here\na = " + "[" * 100, "deep.toml")


@given(st.lists(st.text(max_size=4), min_size=1, max_size=4).map(tuple))
def test_a_path_is_written_as_set_reads_it(path: KeyPath) -> None:
    written = path_text(path)

    assert read_document(b"").override([f"{written} = 1"]).get(path) == 1
