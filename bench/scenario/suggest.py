"""Near misses: what did the user probably mean? Asked of a name that is not known, and of a text that is not TOML."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from itertools import islice

from bench.limits import NAMES_SHOWN_MAX, SUGGESTION_CHARACTERS_MAX, SUGGESTION_NAMES_MAX
from bench.terminal import ELLIPSIS, safe_text

_ALIKE = 0.6
"""Share of characters in common from which names count as near: `read` and `reads` are, `read` and `write` are not."""


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Find the known name that looks most like `word`.

    Case and the choice of `-` or `_` do not count. The work is bounded, however long or many the names are: long ones
    are passed over, and only the first of very many are looked at.

    Args:
        word: What the user wrote.
        known: What could have been written.

    Returns:
        The nearest known name, the first of equally near ones; None if none is near.
    """
    if not 0 < len(word) <= SUGGESTION_CHARACTERS_MAX:
        return None
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(_plain(word))
    best: str | None = None
    best_ratio = 0.0
    for name in islice(known, SUGGESTION_NAMES_MAX):
        if len(name) > SUGGESTION_CHARACTERS_MAX:
            continue
        matcher.set_seq1(_plain(name))
        floor = max(_ALIKE, best_ratio)
        # The first two are cheap upper bounds of the third; most names end there.
        if matcher.real_quick_ratio() < floor or matcher.quick_ratio() < floor:
            continue
        ratio = matcher.ratio()
        if ratio >= _ALIKE and ratio > best_ratio:
            best, best_ratio = name, ratio
    return best


def hint(word: str, known: Iterable[str], label: str = "known") -> str:
    """Say what to write instead of an unknown name.

    Args:
        word: What the user wrote.
        known: What could have been written; may be empty.
        label: What to call the list of these: "known keys", "known".

    Returns:
        "did you mean write_quorum? known keys: copies, write_quorum", as far as it applies.
    """
    names = list(dict.fromkeys(known))
    nearest = did_you_mean(word, names)
    question = f"did you mean {safe_text(nearest, SUGGESTION_CHARACTERS_MAX)}? " if nearest is not None else ""
    return f"{question}{label}: {names_text(names)}"


def names_text(names: Iterable[str]) -> str:
    """The names, separated by commas, each cut to a bearable length; of very many, the first."""
    shown = [safe_text(name, SUGGESTION_CHARACTERS_MAX) for name in islice(names, NAMES_SHOWN_MAX + 1)]
    if len(shown) > NAMES_SHOWN_MAX:
        shown[-1] = ELLIPSIS
    return ", ".join(shown) if shown else "none"


def syntax_hint(message: str, before: str, rest: str) -> str:
    """Say how to mend a text that is not TOML, where a common cause can be recognised.

    Args:
        message: What `tomllib` says, without the place.
        before: The line up to the place.
        rest: The line from the place on.

    Returns:
        What to do; empty if the cause is not recognised.
    """
    for beginning, advise in _ADVICE.items():
        if message.startswith(beginning):
            return advise(before[-SUGGESTION_CHARACTERS_MAX:], rest[:SUGGESTION_CHARACTERS_MAX])
    return ""


_CURLY_QUOTES = "“”„‘’‚«»"  # noqa: RUF001 (these are what the user may have typed)
_NO_QUOTE = "the closing quote is missing; text over several lines stands between three quotes on either side"
_BACKSLASH = "in double quotes a backslash is written twice; in single quotes it stands for itself"


def _of_statement(_before: str, rest: str) -> str:
    """Advice where a key or a header should start."""
    if rest.startswith(("//", "/*", ";", "--")):
        return "a comment starts with #"
    if rest.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        return "a merge left its marks; keep one side"
    if rest.startswith("="):
        return "write the key in front of ="
    if rest.startswith("{"):
        return "this looks like JSON; a scenario is TOML, one `key = value` on a line"
    if rest.startswith(("]", "}", ")", ",")):
        return f"nothing is open that {rest[0]} could belong to; remove it"
    if rest[:1] in _CURLY_QUOTES:
        return "use straight quotes"
    return "write `key = value` or `[table]`; a key with other characters than A-Z, a-z, 0-9, _ and - needs quotes"


def _of_equals_sign(_before: str, rest: str) -> str:
    """Advice where `=` should stand."""
    if rest.startswith(":"):
        return "write = instead of the colon"
    if not rest.strip() or rest.startswith("#"):
        return "write `key = value`, or `[table]` for a table's header"
    return "write `key = value`; a key with spaces or other characters than A-Z, a-z, 0-9, _ and - needs quotes"


def _of_key(before: str, rest: str) -> str:
    """Advice where a key, or one more part of it, should start."""
    if rest.startswith("}") and before.rstrip().endswith(","):
        return "remove the comma before }"
    if (not rest.strip() or rest.startswith("#")) and before.rstrip().endswith(("{", ",")):
        return "an inline table { } stays on one line; use a `[table]` of its own for a long one"
    if rest[:1] in _CURLY_QUOTES:
        return "use straight quotes"
    return "a key is made of A-Z, a-z, 0-9, _ and -; others need quotes"


def _of_value(before: str, rest: str) -> str:
    """Advice where a value should start."""
    found = re.match(r"[^\s,\]}#]+", rest)
    if found is None:
        if before.rstrip().endswith(("[", ",")):
            return "remove the comma that has no value behind it" if rest.startswith(",") else ""
        return "write a value behind ="
    word = found[0]
    plain = word.casefold()
    if plain in {"true", "false"}:
        return f"write {plain} in lower case"
    if plain in {"none", "null", "nil"}:
        return "TOML has no empty value; leave the key out"
    if word[0] in _CURLY_QUOTES:
        return "use straight quotes"
    if re.match(r"[+-]?\.[0-9]", word):
        return "write a digit before the point, as in 0.5"
    goes_on = re.match(r"\s+[^\s#]", rest[found.end() :])
    return f'text needs quotes: "{safe_text(word, 40)}{" " + ELLIPSIS if goes_on else ""}"'


def _of_statement_end(before: str, rest: str) -> str:
    """Advice where something stands behind a value."""
    number = re.search(r"(?:^|[\s=\[{,])([+-]?[0-9][0-9_.eE+-]*)$", before)
    if number is not None:
        if number[1].lstrip("+-") == "0" and rest[:1].isdigit():
            return "a number does not start with 0; put it in quotes if it is text"
        if re.match(r",[0-9]", rest):
            return "write 1_000 for 1,000"
        if rest.startswith("."):
            return "write a digit behind the point, as in 5.0; put it in quotes if it is text"
        if rest[:1].isalpha() or rest.startswith("%"):
            return "a number has no unit, the key's name has it; put it in quotes if it is text"
    if rest.startswith(","):
        return "remove the comma; every key has its own line"
    if before.endswith(("'", '"')):
        quote = before[-1]
        return f"the text ends at the second {quote}; put it in the other kind of quotes if one belongs to it"
    if rest[:1].isalnum():
        return "every key has its own line; text needs quotes"
    return "every key has its own line; a comment starts with #"


def _always(advice: str) -> Callable[[str, str], str]:
    """Advice that does not look at the line."""
    return lambda _before, _rest: advice


_ADVICE: dict[str, Callable[[str, str], str]] = {
    "Invalid statement": _of_statement,
    "Expected '=' after": _of_equals_sign,
    "Invalid initial character for a key": _of_key,
    "Invalid value": _of_value,
    "Expected newline or end": _of_statement_end,
    "Illegal character '\\n'": _always(_NO_QUOTE),
    "Illegal character '\\r'": _always(_NO_QUOTE),
    "Found invalid character '\\n'": _always(_NO_QUOTE),
    "Unterminated string": _always(_NO_QUOTE),
    "Expected \"'": _always(_NO_QUOTE),
    "Illegal character": _always("write it as \\u and four digits, or remove it"),
    "Found invalid character": _always("remove it"),
    "Unescaped '\\' in": _always(_BACKSLASH),
    "Invalid hex value": _always(_BACKSLASH),
    "Unclosed array": _always("separate elements by commas and close the list with ]"),
    "Unclosed inline table": _always("separate keys by commas and close the table with } on the same line"),
    "Expected ']'": _always("close the header with ]"),
    "Expected ']]'": _always("close the header with ]]"),
    "Invalid date": _always("there is no such day or time; write dates as 2026-01-31"),
    "Cannot mutate immutable namespace": _always("put all its keys into the one inline table, or give it a `[table]`"),
    "Cannot overwrite a value": _always("it is given above already, or is no table; keep one of them"),
    "Cannot declare": _always("it is given above already; keep one of them"),
    "Cannot redefine namespace": _always("it is given above already; put its keys there"),
    "Duplicate inline table key": _always("keep one of them"),
}
"""By the beginning of what `tomllib` says. Other versions of Python may say it otherwise; then there is no advice."""


def _plain(name: str) -> str:
    """The name without what people get wrong without noticing."""
    return name.casefold().replace("-", "_")
