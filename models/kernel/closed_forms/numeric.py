"""What the closed forms share: checks of arguments, and a bisection down to neighbouring floats."""

import math
from collections.abc import Callable


def require_positive(**values: float) -> None:
    """Raise ValueError unless every value is positive and finite."""
    for name, value in values.items():
        if not 0.0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")


def require_non_negative(**values: float) -> None:
    """Raise ValueError unless every value is finite and at least zero."""
    for name, value in values.items():
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{name} must be finite and not negative, got {value}")


def require_probability(**values: float) -> None:
    """Raise ValueError unless every value lies in [0, 1]."""
    for name, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} must lie in [0, 1], got {value}")


def require_fraction(fraction: float) -> None:
    """Raise ValueError unless a quantile's fraction lies in (0, 1)."""
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"a quantile's fraction lies in (0, 1), got {fraction}")


def require_count(**values: int) -> None:
    """Raise ValueError unless every value is a whole number of at least one."""
    for name, value in values.items():
        if value < 1 or value != int(value):
            raise ValueError(f"{name} must be a whole number of at least 1, got {value}")


def first_reached(reached: Callable[[float], bool], low: float, high: float) -> float:
    """The smallest float in [low, high] at which a monotone condition holds.

    Args:
        reached: False up to some point, true from there on; true at `high`.
        low: Where it may still be false.
        high: Where it is true.
    """
    while low < (middle := low + (high - low) / 2) < high:
        if reached(middle):
            high = middle
        else:
            low = middle
    return high
