"""Near misses are found, far ones are not, and no name makes it slow."""

from __future__ import annotations

import pytest

from bench.limits import NAMES_SHOWN_MAX, SUGGESTION_CHARACTERS_MAX, SUGGESTION_NAMES_MAX
from bench.scenario import suggest
from bench.scenario.suggest import did_you_mean, hint, names_text, syntax_hint

KEYS = ["copies", "read_quorum", "write_quorum", "lag_s"]


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("write_quorm", "write_quorum"),
        ("write-quorum", "write_quorum"),
        ("WriteQuorum", "write_quorum"),
        ("COPIES", "copies"),
        ("copy", "copies"),
        ("lags", "lag_s"),
        ("nothing", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_the_nearest_name_is_suggested_if_it_is_near(word: str, nearest: str | None) -> None:
    assert did_you_mean(word, KEYS) == nearest


def test_of_equally_near_names_the_first_is_suggested() -> None:
    assert did_you_mean("node_c", ["node_a", "node_b"]) == "node_a"
    assert did_you_mean("node_c", ["node_b", "node_a"]) == "node_b"


def test_an_exact_name_but_for_case_beats_a_similar_one() -> None:
    assert did_you_mean("LRU", ["lfu", "lru2", "lru"]) == "lru"


def test_the_work_is_bounded_however_long_or_many_the_names_are(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    plain = suggest._plain

    def watched(name: str) -> str:
        compared.append(name)
        return plain(name)

    monkeypatch.setattr(suggest, "_plain", watched)

    did_you_mean("abc", ["x" * 10**6, *(f"name {number}" for number in range(10**5))])

    assert len(compared) == SUGGESTION_NAMES_MAX
    assert max(map(len, compared)) <= SUGGESTION_CHARACTERS_MAX


def test_a_hint_lists_what_is_known() -> None:
    assert hint("write_quorm", KEYS, "known keys") == (
        "did you mean write_quorum? known keys: copies, read_quorum, write_quorum, lag_s"
    )
    assert hint("x", ["a", "b"]) == "known: a, b"
    assert hint("x", []) == "known: none"


def test_listed_names_are_few_short_and_safe() -> None:
    text = names_text(["\x1b[2J", "y" * 1000, *map(str, range(1000))])

    assert text.startswith(r"\x1b[2J, yyy")
    assert text.endswith(", …")
    assert len(text.split(", ")) == NAMES_SHOWN_MAX + 1
    assert len(text) < NAMES_SHOWN_MAX * (SUGGESTION_CHARACTERS_MAX + 2)


def test_an_unknown_message_of_the_parser_gets_no_advice() -> None:
    assert not syntax_hint("Something new", "a = ", "b")
