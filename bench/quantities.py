"""Numbers as a reader wants them: few digits, the unit that keeps them short, and an uncertainty that is honest about
both. The table, the pictures' titles and their axes all say a number in the same way, through these functions.
"""

from __future__ import annotations

import math

_MS_UNITS = ((0.1, "µs", 1e3), (1e3, "ms", 1.0), (math.inf, "s", 1e-3))
"""Milliseconds below which a unit serves, its name, and its factor."""

_DIGITS_MAX = 4
"""Nobody reads more digits of a figure than these, however narrow its interval."""


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, thousands separated, never in powers of ten: "0.213", "1.20", "12,346".

    All digits before the point are there.
    """
    if not math.isfinite(value):
        return "–"
    if value == 0.0:
        return "0"
    # What rounds up to a power of ten has one digit more before the point.
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{value:,.{decimals}f}"


def plain(value: float) -> str:
    """A number for a tick of an axis: as short as it can be said, "0.05", "1", "2.5", "10,000"; tiny ones as "1e-7"."""
    if value != 0.0 and abs(value) < 1e-5:
        return f"{value:.0e}".replace("e-0", "e-")
    text = f"{value:,.10g}" if abs(value) < 1e-4 else f"{value:,.6f}"
    if "e" in text:
        text = f"{value:.8f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def milliseconds(value_ms: float, digits: int = 3) -> str:
    """A length of time, given in milliseconds, in the unit that suits it: "35 µs", "0.213 ms", "1.20 s"."""
    unit, factor = _unit(value_ms)
    return f"{significant(value_ms * factor, digits)} {unit}"


def milliseconds_interval(mean_ms: float, low_ms: float, high_ms: float) -> tuple[str, str]:
    """A length of time with its interval, all in milliseconds: the value with its unit, and "±" what, in that unit."""
    unit, factor = _unit(mean_ms)
    value, plus_minus = interval(mean_ms * factor, low_ms * factor, high_ms * factor)
    return f"{value} {unit}", plus_minus


def interval(mean: float, low: float, high: float) -> tuple[str, str]:
    """A mean and its interval: the value, and "±" the interval's half-width.

    The half-width decides how many decimals both have: it keeps two digits, as long as the value needs no more than
    four (and those before the point). A half-width too small for the last of them appears as "±<0.001". Of a lopsided
    interval the longer side counts. "±0" means exact: every replication gave the same. Where there is no interval (a
    single replication), the second text is empty.
    """
    if not math.isfinite(mean):
        return "–", ""
    half = max(high - mean, mean - low)
    if not math.isfinite(half):
        return significant(mean), ""
    assert half >= 0.0, (mean, low, high)
    if half <= abs(mean) * 1e-12:
        return significant(mean, 4), "±0"
    leading = math.floor(math.log10(abs(mean))) if mean != 0.0 else 0
    decimals_max = max(0, _DIGITS_MAX - 1 - leading)
    decimals = min(max(0, 1 - math.floor(math.log10(half))), decimals_max)
    quantum = 10.0**-decimals
    if half < quantum / 2:
        return f"{mean:,.{decimals}f}", f"±<{quantum:.{decimals}f}"
    return f"{mean:,.{decimals}f}", f"±{half:,.{decimals}f}"


def percent(fraction: float, digits: int = 3) -> str:
    """A share of one as percent: "90.1 %"; one that is nearly, but not quite, all is never rounded up to all."""
    if not math.isfinite(fraction):
        return "–"
    if 0.0 < fraction < 1.0:
        for decimals in range(max(0, digits - 2), 8):
            text = f"{fraction * 100:.{decimals}f}"
            if 0.0 < float(text) < 100.0:
                return f"{text} %"
    return f"{significant(fraction * 100, digits)} %"


def amount(value: float | None, unit: str) -> str:
    """A value with its unit, however large or small: "13.8 minutes a year", "1.65e25 years"; None: "never".

    A share of one is shown as percent: "98.4 %", "1.91e-16 %".
    """
    if value is None:
        return "never"
    if unit == "%" and value >= 1e-6:
        return percent(value)
    value = 100.0 * value if unit == "%" else value
    if value == 0.0 or 1e-4 <= abs(value) < 1e7:
        return f"{significant(value)} {unit}"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa}e{int(exponent)} {unit}"


def factor(ratio: float) -> str:
    """By what factor: "2.4×", "12×", "1.04×"; ratios near one keep the digits that tell them from one."""
    if ratio < 1.1:
        return f"{ratio:.3f}".rstrip("0").rstrip(".") + "×"
    return f"{ratio:.1f}×" if ratio < 9.95 else f"{ratio:,.0f}×"


def _unit(value_ms: float) -> tuple[str, float]:
    """The unit in which `value_ms` is said, once rounded to three digits, and its factor."""
    if value_ms == 0.0 or not math.isfinite(value_ms):
        return "ms", 1.0
    size = abs(float(f"{value_ms:.2e}"))
    return next((unit, scale) for below, unit, scale in _MS_UNITS if size < below)
