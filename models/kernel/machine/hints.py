"""What compiled code may tell the processor; in Python, nothing comes of it."""

from __future__ import annotations

from typing import Any


def soon(array: Any, index: int) -> None:
    """An element of an array will soon be asked for: let it be fetched meanwhile."""
