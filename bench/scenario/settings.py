"""A scenario's settings, flat: one value for each path, as `--set` writes it; and which of them differ from others."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bench.scenario.locate import KeyPath, path_text

Value = str | int | float | bool
Settings = dict[str, Value]


def flat(data: Mapping[str, Any], without: Collection[str] = ()) -> Settings:
    """Values by path, but for some of the root's keys; what JSON has no number for is a word."""
    return {path_text(path): value for path, value in _leaves((), data) if path[0] not in without}


def differing(before: Mapping[str, Value], now: Mapping[str, Value]) -> list[tuple[str, Value | None, Value | None]]:
    """Paths whose values differ, with both; None where one side has none."""
    paths = dict.fromkeys((*before, *now))
    # True is equal to 1, which is another setting all the same.
    return [(path, before.get(path), now.get(path)) for path in paths if repr(before.get(path)) != repr(now.get(path))]


def _leaves(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Value]]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _leaves((*path, key), each)
    elif isinstance(value, list | tuple) and value:
        for index, each in enumerate(value):
            yield from _leaves((*path, index), each)
    elif isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        yield path, value
    elif path:
        yield path, str(value)
