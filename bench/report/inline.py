"""Pictures as parts of a page: SVG that a strict content-security policy lets through, and that screen readers name.

matplotlib says how things look in `style` attributes, which such a policy forbids, and calls its parts by names that
are the same in every picture. Here, styles become attributes of their own, and names get a prefix. Colours stay as they
are: the page's style sheet finds them by their value, and gives them others in the dark (`dark_rules`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from xml.etree import ElementTree as ET

from bench.pictures.themes import DARK
from bench.terminal import safe_text

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"
TEXT_CHARACTERS_MAX = 2000
_DROPPED = {f"{{{SVG}}}{tag}" for tag in ("metadata", "style", "title", "desc")}
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
    root = _stripped(svg, prefix, title, description)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def lone_svg(svg: bytes, title: str, description: str) -> bytes:
    """The same as a file of its own, which is dark where all is dark.

    Args:
        svg: The picture's file.
        title: What is seen.
        description: The small print.
    """
    root = _stripped(svg, "p", title, description)
    style = ET.Element(f"{{{SVG}}}style")
    style.text = f"@media (prefers-color-scheme: dark) {{ {' '.join(dark_rules())} }}"
    root.insert(0, style)
    return f"{ET.tostring(root, encoding='unicode')}\n".encode()


def _stripped(svg: bytes, prefix: str, title: str, description: str) -> ET.Element:
    """A picture without what a page does not need, its styles as attributes, and its parts named after it."""
    ET.register_namespace("", SVG)
    root = ET.fromstring(svg)  # noqa: S314 - we have written it ourselves
    for parent in list(root.iter()):
        for child in [each for each in parent if each.tag in _DROPPED]:
            parent.remove(child)
    wanted = set(_references(root))
    for element in root.iter():
        element.text, element.tail = (text if text and text.strip() else None for text in (element.text, element.tail))
        _unstyle(element)
        _rename(element, prefix, wanted)
    # What the picture's own style sheet, which was dropped, said of everything.
    root.attrib |= {"stroke-linejoin": "round", "stroke-linecap": "butt"}
    name(root, prefix, title, description)
    return root


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
        cut = _LONG.sub(lambda found: f"{float(found[0]):.2f}", element.attrib[key])
        element.set(key, " ".join(cut.split()))


def _references(root: ET.Element) -> Iterator[str]:
    """Names of parts that are called for."""
    for element in root.iter():
        for key, value in element.attrib.items():
            if key in {XLINK, "href"}:
                yield value.removeprefix("#")
            yield from _REFERENCE.findall(value)


def _rename(element: ET.Element, prefix: str, wanted: Collection[str]) -> None:
    """Names of parts that are wanted, and references to them."""
    if (old := element.attrib.pop("id", None)) in wanted:
        element.set("id", f"{prefix}-{old}")
    reference = element.attrib.pop(XLINK, "") or element.attrib.get("href", "")
    if reference:
        element.set("href", f"#{prefix}-{reference.removeprefix('#')}")
    for key, value in element.attrib.items():
        if "url(#" in value:
            element.set(key, _REFERENCE.sub(rf"url(#{prefix}-\1)", value))
