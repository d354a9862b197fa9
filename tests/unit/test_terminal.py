"""What a stranger wrote cannot rewrite, reverse or flood the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.terminal import safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("write_quorum", "write_quorum"),
        ("größe 大きさ 𝄞", "größe 大きさ 𝄞"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\n", r"a\x0ab\x0d\x0a"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("a\u2028b", r"a\u2028b"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        (r"C:\x1b", r"C:\x1b"),
        # Commands to a build server, wherever they stand.
        ("::error::x", r":\x3aerror:\x3ax"),
        ("a ::: b", r"a :\x3a\x3a b"),
        ("##[error]x ##[[", r"##\x5berror]x ##\x5b["),
        ("a: #[b", "a: #[b"),
    ],
)
def test_what_is_not_printable_is_shown_by_its_number(text: str, shown: str) -> None:
    assert shown == safe_text(text)


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcdefgh", 8, "abcdefgh"),
        ("abcdefghi", 8, "abcd…ghi"),
        ("abcdefghi", 2, "a…"),
        ("abcdefghi", 1, "…"),
        # An escape stands as a whole or not at all.
        ("a\nbc\nd", 8, "a…d"),
        ("\n" * 3, 9, r"\x0a…\x0a"),
        ("a::b::c", 12, r"a:\x3a…\x3ac"),
    ],
)
def test_long_text_is_cut_in_the_middle(text: str, limit: int, shown: str) -> None:
    assert shown == safe_text(text, limit)


@given(st.text(st.characters() | st.sampled_from(":#["), max_size=300), st.integers(1, 250))
def test_any_text_becomes_short_printable_and_stays_as_it_is_then(text: str, limit: int) -> None:
    shown = safe_text(text, limit)

    assert shown.isprintable()
    assert len(shown) <= limit
    assert "::" not in shown
    assert "##[" not in shown
    assert shown == safe_text(shown, limit)


def test_a_very_long_text_is_not_looked_at_as_a_whole() -> None:
    class Unreadable(str):
        """Text that may be cut but not walked over."""

        __slots__ = ()

        def __iter__(self) -> None:  # type: ignore[override]
            raise AssertionError

    assert safe_text(Unreadable("a" * 1000), 3) == "a…a"
