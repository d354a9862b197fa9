"""Text that came from a stranger, made safe to show.

A scenario's names and values end up in messages on a terminal. There, an escape sequence could rewrite what was printed
before, a bidirectional override could reverse it, and a newline could fake a message of ours. `safe_text` shows such
characters by their number and keeps the text short; everything untrusted passes through it.
"""

ELLIPSIS = "…"


def safe_text(text: str, limit: int = 200) -> str:
    r"""Show `text` in one line of printable characters, cut in the middle when it is long.

    Whatever Unicode does not call printable is escaped: control characters (newlines, ANSI escapes), format characters
    (bidirectional overrides, zero-width ones), line separators, odd spaces, lone surrogates, unassigned ones. The
    backslash is not, so a text that is already safe and short stays as it is.

    Args:
        text: Anything.
        limit: Longest result, in characters, at least 1.

    Returns:
        Text in which such a character appears as `\xNN`, `\uNNNN` or `\UNNNNNNNN`; where something was cut out, an
        ellipsis stands. The work depends on `limit`, not on how long the text is.
    """
    assert limit >= 1, limit

    if len(text) <= limit:
        shown = "".join(map(_shown, text))
        if len(shown) <= limit:
            return shown
    room = limit - len(ELLIPSIS)
    head_room = (room + 1) // 2
    head = _fitting(text[:head_room], head_room)
    tail_room = room - head_room
    tail = _fitting(text[max(0, len(text) - tail_room) :][::-1], tail_room)
    return "".join((*head, ELLIPSIS, *reversed(tail)))


def _fitting(text: str, room: int) -> list[str]:
    """Characters of `text`, as shown, from its start and as many as fit into `room`."""
    used = 0
    shown = []
    for character in map(_shown, text):
        used += len(character)
        if used > room:
            break
        shown.append(character)
    return shown


def _shown(character: str) -> str:
    """One character as itself or as its escape."""
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
