"""Text that came from a stranger, made safe to show.

A scenario's names and values end up in messages on a terminal. There, an escape sequence could rewrite what was printed
before, a bidirectional override could reverse it, and a newline could fake a message of ours. In the log of a build
server, a line with `::` or `##[` could be a command to that server. `safe_text` shows such characters by their number
and keeps the text short; everything untrusted passes through it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ELLIPSIS = "…"


def safe_text(text: str, limit: int = 200) -> str:
    r"""Show `text` in one line of printable characters, cut in the middle when it is long.

    Whatever Unicode does not call printable is escaped: control characters (newlines, ANSI escapes), format characters
    (bidirectional overrides, zero-width ones), line separators, odd spaces, lone surrogates, unassigned ones. So are
    the second of two colons, and the bracket of `##[`. The backslash is not, so a text that is already safe and short
    stays as it is.

    Args:
        text: Anything.
        limit: Longest result, in characters, at least 1.

    Returns:
        Text in which such a character appears as `\xNN`, `\uNNNN` or `\UNNNNNNNN`; where something was cut out, an
        ellipsis stands. The work depends on `limit`, not on how long the text is.
    """
    assert limit >= 1, limit

    if len(text) <= limit:
        shown = "".join(_pieces(text))
        if len(shown) <= limit:
            return shown
    room = limit - len(ELLIPSIS)
    head_room = (room + 1) // 2
    head = _fitting(_pieces(text[:head_room]), head_room)
    tail_room = room - head_room
    tail = _fitting(reversed(_pieces(text[max(0, len(text) - tail_room) :])), tail_room)
    return "".join((*head, ELLIPSIS, *reversed(tail)))


def encodable(value: Any) -> Any:
    """A document whose texts can all be encoded: halves of characters, as a file name may hold, appear by number."""
    if isinstance(value, dict):
        return {encodable(key): encodable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(each) for each in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _fitting(pieces: Iterable[str], room: int) -> list[str]:
    """As many of the first pieces as fit into `room` characters."""
    used = 0
    shown = []
    for piece in pieces:
        used += len(piece)
        if used > room:
            break
        shown.append(piece)
    return shown


def _pieces(text: str) -> list[str]:
    """Each character as it is shown: as itself or as its escape."""
    pieces = list(map(_shown, text))
    for begin, last in _COMMANDS:
        place = text.find(begin)
        while place >= 0:
            pieces[place + len(begin) - 1] = last
            place = text.find(begin, place + 1)
    return pieces


_COMMANDS = (("::", r"\x3a"), ("##[", r"\x5b"))
"""What begins a command to a build server, and its last character as shown."""


def _shown(character: str) -> str:
    """One character as itself or as its escape."""
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
