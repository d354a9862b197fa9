"""The locator against `tomllib` and against a writer that knows where it put every key."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from bench.errors import ScenarioError
from bench.scenario.document import Document, read_document
from bench.scenario.locate import KeyPath, Location, Locations, locate, path_text, walk
from tests.strategies.toml import Written, documents, flat

LOOKED_AT_OFTEN = settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
LOOKED_AT_VERY_OFTEN = settings(LOOKED_AT_OFTEN, max_examples=20_000)


def disagreement(document: Written, locator: Callable[[str], Locations]) -> str:
    """What is wrong with a locator's answer; empty if nothing is."""
    parsed = tomllib.loads(document.text)
    assert flat(document.data) == flat(parsed), "the writer itself is wrong"
    found = {path: tuple(location) for path, location in locator(document.text).items()}
    if found.keys() != flat(parsed).keys():
        return f"other paths than tomllib: {sorted(map(path_text, found.keys() ^ flat(parsed).keys()))}"
    wrong = [f"{path_text(p)} at {found[p]}, not {place}" for p, place in document.places.items() if found[p] != place]
    return "; ".join(wrong)


@given(documents())
@LOOKED_AT_OFTEN
def test_every_path_is_found_where_it_was_written(document: Written) -> None:
    assert not disagreement(document, locate)


@pytest.mark.slow
@given(documents(leaves_max=200))
@LOOKED_AT_VERY_OFTEN
def test_every_path_of_a_larger_document_is_found_where_it_was_written(document: Written) -> None:
    assert not disagreement(document, locate)


@given(documents())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_valid_document_repeats_nothing(document: Written) -> None:
    walked = walk(document.text, "text")

    assert walked.repeats == ()
    assert walked.stop is None


@st.composite
def damaged_documents(draw: st.DrawFn) -> str:
    """A document with a few places cut out, doubled or overwritten; some of them are still valid."""
    text = draw(documents()).text
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        put_in = draw(st.sampled_from(["", "", text[start:end] * 2, *"[]{}=,.#'\"\n\\ 1a", "[[", '"""', "\r", "= 1\n"]))
        text = text[:start] + put_in + text[end:]
    return text


def misjudged(text: str, reader: Callable[[bytes, str], Document]) -> str:
    """What is wrong with a reader's opinion of any text at all; empty if nothing is."""
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        parsed = None
    try:
        document = reader(text.encode(), "damaged.toml")
    except ScenarioError as error:
        return "" if parsed is None else f"refused although it is valid: {error}"
    if parsed is None:
        return "accepted although it is not valid"
    return "" if flat(parsed).keys() == document.locations.keys() else "other paths than tomllib"


@given(damaged_documents())
@settings(LOOKED_AT_OFTEN, max_examples=1000)
def test_a_damaged_document_is_read_exactly_when_it_is_still_valid(text: str) -> None:
    assert not misjudged(text, read_document)


@pytest.mark.slow
@given(damaged_documents())
@LOOKED_AT_VERY_OFTEN
def test_many_damaged_documents_are_read_exactly_when_they_are_still_valid(text: str) -> None:
    assert not misjudged(text, read_document)


def test_a_reader_that_forgives_is_caught() -> None:
    def read_what_is_there(content: bytes, name: str) -> Document:
        """Reads up to the first mistake."""
        walked = walk(content.decode(), name)
        return Document(name, {}, walked.locations)

    find(
        damaged_documents(),
        lambda text: bool(misjudged(text, read_what_is_there)),
        settings=settings(LOOKED_AT_OFTEN, database=None, phases=[Phase.generate]),
    )


def one_column_late(text: str) -> Locations:
    return {path: found._replace(column=found.column + 1) for path, found in locate(text).items()}


def values_at_their_keys(text: str) -> Locations:
    return {path: Location(*found[:2], *found[:2]) for path, found in locate(text).items()}


def line_ends_in_strings_uncounted(text: str) -> Locations:
    """Takes a backslash at the end of a line for a space."""
    return locate(text.replace("\\\n", "\\ "))


def comments_taken_for_text(text: str) -> Locations:
    """Sees the brackets and signs in comments."""
    return locate(text.replace("#", " "))


def bytes_for_columns(text: str) -> Locations:
    lines = text.split("\n")

    def in_bytes(line: int, column: int) -> int:
        return len(lines[line - 1][: column - 1].encode()) + 1

    return {
        path: Location(
            found.line,
            in_bytes(found.line, found.column),
            found.value_line,
            in_bytes(found.value_line, found.value_column),
        )
        for path, found in locate(text).items()
    }


def last_element_forgotten(text: str) -> Locations:
    found = locate(text)
    last: KeyPath = max(found, key=lambda path: found[path], default=())
    return {path: place for path, place in found.items() if not (path == last and isinstance(path[-1], int))}


def header_of_its_own_ignored(text: str) -> Locations:
    """A table stays where it was named first, although its own header follows."""
    found = dict(locate(text))
    for path in sorted(found, key=len, reverse=True):
        below = [found[other] for other in found if len(other) == len(path) + 1 and other[:-1] == path]
        if below and min(below) < found[path]:
            found[path] = min(below)
    return found


@pytest.mark.parametrize(
    "mutant",
    [
        one_column_late,
        values_at_their_keys,
        bytes_for_columns,
        line_ends_in_strings_uncounted,
        comments_taken_for_text,
        last_element_forgotten,
        header_of_its_own_ignored,
    ],
)
def test_a_wrong_locator_is_caught(mutant: Callable[[str], Locations]) -> None:
    def is_caught(document: Written) -> bool:
        try:
            return bool(disagreement(document, mutant))
        except ValueError:
            return True

    # `find` raises unless there is a document for which the mutant is caught.
    find(documents(), is_caught, settings=settings(LOOKED_AT_OFTEN, database=None, phases=[Phase.generate]))
