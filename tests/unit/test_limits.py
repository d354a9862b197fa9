"""Each bound on a scenario file: what lies just within is read, what lies just beyond is refused with its place."""

from __future__ import annotations

import tomllib

import pytest

from bench.errors import LimitError
from bench.limits import (
    ENTRIES_MAX,
    FILE_BYTES_MAX,
    LINES_MAX,
    NESTING_DEPTH_MAX,
    NUMBER_DIGITS_MAX,
    STRING_CHARACTERS_MAX,
)
from bench.scenario.document import read_document

LONG_LINE = b"#" + b"x" * 999 + b"\n"


def padded(size: int) -> bytes:
    return LONG_LINE * (size // 1001) + b"#" * (size % 1001)


def nested(opening: str, closing: str, depth: int) -> bytes:
    """A value whose innermost part lies `depth` names and indices deep."""
    return ("a = " + opening * (depth - 1) + "1" + closing * (depth - 1)).encode()


@pytest.mark.parametrize(
    ("within", "beyond", "says"),
    [
        (padded(FILE_BYTES_MAX), padded(FILE_BYTES_MAX + 1), "x.toml: error: the file is larger than 1,048,576 bytes"),
        (b"\n" * LINES_MAX, b"\n" * (LINES_MAX + 1), "x.toml: error: 50,001 lines"),
        (
            nested("[", "]", NESTING_DEPTH_MAX),
            nested("[", "]", NESTING_DEPTH_MAX + 1),
            "x.toml:1:37: error: nested more than 32 levels",
        ),
        (
            nested("{a=", "}", NESTING_DEPTH_MAX),
            nested("{a=", "}", NESTING_DEPTH_MAX + 1),
            "x.toml:1:99: error: nested more than 32 levels",
        ),
        (
            b"a." * (NESTING_DEPTH_MAX - 1) + b"a = 1",
            b"a." * NESTING_DEPTH_MAX + b"a = 1",
            "x.toml:1:65: error: nested more than 32 levels",
        ),
        (
            b"[" + b"a." * (NESTING_DEPTH_MAX - 1) + b"a]",
            b"[" + b"a." * NESTING_DEPTH_MAX + b"a]",
            "x.toml:1:66: error: nested more than 32 levels",
        ),
        (
            b"[" + b"a." * (NESTING_DEPTH_MAX - 2) + b"a]\nb = 1",
            b"[" + b"a." * (NESTING_DEPTH_MAX - 1) + b"a]\nb = 1",
            "x.toml:2:1: error: nested more than 32 levels",
        ),
        (
            b"a = 1" + b"0" * (NUMBER_DIGITS_MAX - 1),
            b"a = 1" + b"0" * NUMBER_DIGITS_MAX,
            "x.toml:1:5: error: a number of 401 digits",
        ),
        (
            b"a = 1" + b"_0" * (NUMBER_DIGITS_MAX - 1),
            b"a = [-1" + b"_0" * NUMBER_DIGITS_MAX + b"]",
            "x.toml:1:6: error: a number of 401 digits",
        ),
        (b"a = 0." + b"1" * (NUMBER_DIGITS_MAX - 1), b"a = 0." + b"1" * NUMBER_DIGITS_MAX, "a number of 401 digits"),
        (
            b"a = [" + b"1," * (ENTRIES_MAX - 1) + b"]",
            b"a = [" + b"1," * ENTRIES_MAX + b"]",
            "x.toml:1:40004: error: more than 20,000 keys and array elements",
        ),
        (
            b"".join(b"k%d=1\n" % number for number in range(ENTRIES_MAX)),
            b"".join(b"k%d=1\n" % number for number in range(ENTRIES_MAX + 1)),
            "x.toml:20001:1: error: more than 20,000 keys",
        ),
        (
            b'a = "' + b"x" * (STRING_CHARACTERS_MAX - 2) + b'"',
            b'a = "' + b"x" * (STRING_CHARACTERS_MAX - 1) + b'"',
            "x.toml:1:5: error: a string of 10,001 characters",
        ),
        (
            b"x" * STRING_CHARACTERS_MAX + b" = 1",
            b"x" * (STRING_CHARACTERS_MAX + 1) + b" = 1",
            "x.toml:1:1: error: a key of 10,001 characters",
        ),
    ],
)
def test_a_file_up_to_a_bound_is_read_and_beyond_it_is_refused(within: bytes, beyond: bytes, says: str) -> None:
    document = read_document(within, "x.toml")
    with pytest.raises(LimitError) as caught:
        read_document(beyond, "x.toml")

    assert repr(tomllib.loads(within.decode())) == repr(document.data)
    assert says in str(caught.value)
    assert caught.value.exit_code == 6


@pytest.mark.parametrize(
    "text",
    [
        "a = '" + "[" * 5000 + "'",
        'a = "' + "{a=" * 3000 + '"',
        'a = """\n' + "[[\n" * 3000 + '"""',
        "# " + "[" * 5000 + "\na = 1",
        "a = [ # " + "[" * 5000 + "\n]",
        "a = '" + "1" * 6000 + "'",
        "# " + "1" * 6000,
        "1" * 6000 + " = 1",
        '"' + "[" * 5000 + '" = 1',
        "a = '''" + "\\" * 5000 + "'''",
        "a = [\"]\", '[', \"\"\"]\"\"\", '''[''']\n" + "b = [[]]\n",
        "# " + ", = " * 30_000,
    ],
)
def test_what_stands_in_strings_comments_and_keys_counts_for_nothing(text: str) -> None:
    document = read_document(text.encode())

    assert tomllib.loads(text) == document.data
