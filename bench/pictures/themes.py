"""The colours of all pictures, and what becomes of them on other grounds: on a dark one, and in grey.

Pictures are drawn in light colours. A theme says what each of them turns into, so that a file can be painted over, and
a page can do the same to a picture that it holds, in a dark room, by its style sheet alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

INK = "#1a1a1a"
MUTED = "#595959"
RULE = "#e3e3e3"
WARMUP = "#ececec"
FAULT = "#f4b393"
GROUND = "#ffffff"
WORSE, BETTER, UNKNOWN = "#a3161f", "#1b8a6b", "#8a6a00"
"""Of a figure that differs, or may."""
ON_LIGHT, ON_DARK, ON_NOTHING = "#1b1b1b", "#fefefe", "#5a5a5a"
"""Numbers on the fields of a colour scale, which are the same in every theme."""

# Lightness differs from neighbour to neighbour, and no two differ in nothing but red against green.
COLOURS = ("#0b5fa5", "#d1600a", "#1b8a6b", "#9c4f96", "#b28600", "#5aa9dd", "#7a1f2b", "#4d4d4d")


@dataclass(frozen=True)
class Theme:
    """What colours turn into; those that it does not name stay, or turn into grey.

    Args:
        name: What it is called.
        colours: Colours by the one in light.
        grey: Whether there is no other colour but greys.
    """

    name: str
    colours: Mapping[str, str] = field(default_factory=dict)
    grey: bool = False

    def colour(self, light: str) -> str:
        """What a light colour, in hexadecimal digits, turns into."""
        if self.grey:
            return _grey(light)
        return self.colours.get(light, light)


def _grey(colour: str) -> str:
    """The grey that is as light."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    level = round(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return f"#{level:02x}{level:02x}{level:02x}"


LIGHT = Theme("light")
DARK = Theme(
    "dark",
    {
        INK: "#e8e8e8",
        MUTED: "#a9aeb6",
        RULE: "#363a41",
        WARMUP: "#2b2e35",
        FAULT: "#8f4d2e",
        GROUND: "#17191e",
        WORSE: "#ff8080",
        UNKNOWN: "#dcb23a",
    }
    | dict(
        zip(
            COLOURS,
            ("#5aaaf0", "#f08c3c", "#3fbf97", "#cf86c9", "#dcb23a", "#9ad6ff", "#e0707e", "#bdbdbd"),
            strict=True,
        )
    ),
)
GREY = Theme("grey", grey=True)
THEMES = {theme.name: theme for theme in (LIGHT, DARK, GREY)}
