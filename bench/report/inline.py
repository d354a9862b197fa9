"""Pictures as parts of a page: SVG that a strict content-security policy lets through, and that screen readers name.

matplotlib says how things look in `style` attributes, which such a policy forbids, and calls its parts by names that
are the same in every picture. Here, styles become attributes of their own, and names get a prefix. Colours stay as they
are: the page's style sheet finds them by their value, and gives them others in the dark (`dark_rules`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from bench.pictures.themes import DARK
from bench.terminal import safe_text

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"
TEXT_CHARACTERS_MAX = 2000
_DROPPED = {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}
_LONG = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_COORDINATES = {"d", "x", "y", "points"}


def inline_svg(svg: bytes, prefix: str, title: str, description: str) -> str:
    """A picture that we drew as an element of a page.

    Args:
        svg: The picture's file.
        prefix: What its names begin with, unlike those of any other on the page.
        title: What is seen.
        description: The small print.
    """
    ET.register_namespace("", SVG)
    root = ET.fromstring(svg)  # noqa: S314 - we have written it ourselves
    for parent in list(root.iter()):
        for child in [each for each in parent if each.tag in _DROPPED]:
            parent.remove(child)
    for element in root.iter():
        _unstyle(element)
        _rename(element, prefix)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    # What the picture's own style sheet, which was dropped, said of everything.
    root.attrib |= {"stroke-linejoin": "round", "stroke-linecap": "butt"}
    name(root, prefix, title, description)
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def name(root: ET.Element, prefix: str, title: str, description: str) -> None:
    """Say what a picture is, for those who cannot see it."""
    root.attrib |= {"role": "img", "aria-labelledby": f"{prefix}-title", "aria-describedby": f"{prefix}-desc"}
    for index, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(f"{{{SVG}}}{tag}", {"id": f"{prefix}-{tag}"})
        element.text = safe_text(text, TEXT_CHARACTERS_MAX)
        root.insert(index, element)


def dark_rules() -> Iterator[str]:
    """Rules of a style sheet that give pictures the colours of the dark theme."""
    for light, dark in DARK.colours.items():
        for paint in ("fill", "stroke"):
            yield f'[{paint}="{light}"] {{ {paint}: {dark}; }}'


def _unstyle(element: ET.Element) -> None:
    """Each property of a style as an attribute; long numbers cut to what can be seen."""
    for declaration in element.attrib.pop("style", "").split(";"):
        key, _, value = declaration.partition(":")
        if key.strip():
            element.set(key.strip(), value.strip())
    for key in _COORDINATES & element.attrib.keys():
        element.set(key, _LONG.sub(lambda found: f"{float(found[0]):.2f}", element.attrib[key]))


def _rename(element: ET.Element, prefix: str) -> None:
    """Names of parts, and references to them."""
    if "id" in element.attrib:
        element.set("id", f"{prefix}-{element.attrib['id']}")
    reference = element.attrib.pop(XLINK, "")
    if reference:
        element.set("href", f"#{prefix}-{reference.removeprefix('#')}")
    for key, value in element.attrib.items():
        if "url(#" in value:
            element.set(key, _REFERENCE.sub(rf"url(#{prefix}-\1)", value))
