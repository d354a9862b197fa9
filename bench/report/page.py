"""Results as one HTML page: no script, no network, every text escaped, and a policy that forbids all else.

The policy names the one style sheet that the page holds by its digest, so nothing that a name or a question might
smuggle in could do anything, even if escaping were to fail.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.report.diagram import time_text
from bench.report.inline import dark_rules
from bench.report.parts import Result, Room
from bench.terminal import safe_text

TEXT_CHARACTERS_MAX = 4000
TITLE_CHARACTERS_MAX = 120


def page_text(results: Sequence[Result]) -> str:
    """The page of some results, at least one."""
    title = "; ".join(safe_text(result.name, TITLE_CHARACTERS_MAX) for result in results)
    return _rendered("report.html", title, results=results)


def gallery_text(rooms: Sequence[Room]) -> str:
    """The page of the gallery."""
    return _rendered("gallery.html", "Gallery", rooms=rooms)


def _rendered(template: str, title: str, **shown: object) -> str:
    environment = Environment(
        loader=PackageLoader("bench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"plain": _plain, "lines": _lines, "drawn": Markup, "time": time_text}
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    page = environment.get_template(template).render(title=title, style=style, policy=policy, **shown)
    # A lone surrogate, which a file name may hold, has no place in a file.
    return page.encode(errors="backslashreplace").decode()


def _style() -> str:
    """The style sheet, with the colours that pictures have in the dark."""
    sheet = resources.files("bench.report").joinpath("templates", "report.css").read_text("utf-8")
    return sheet.replace("/* pictures in the dark */", "\n  ".join(dark_rules()))


def _plain(text: object) -> str:
    """Text from anywhere in one line: what cannot be seen, or turns the line around, is shown by its number."""
    return safe_text(str(text), TEXT_CHARACTERS_MAX)


def _lines(text: str) -> str:
    """The same of several lines."""
    return "\n".join(map(_plain, text.splitlines()))
