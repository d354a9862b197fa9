"""How two scenarios are set otherwise: every key of the one beside the same of the other, defaults filled in.

Name, seed and replications have lines of their own wherever settings are shown; question and expectations change no
figure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool | None
_ELSEWHERE = frozenset({"schema", "name", "question", "seed", "replications", "expect"})


@dataclass(frozen=True)
class Setting:
    """A key that both sides do not have alike; None where a side does not have it."""

    path: str
    baseline: Value
    contender: Value


def differing(baseline: Mapping[str, Any], contender: Mapping[str, Any]) -> list[Setting]:
    """Settings that differ, in the order of the files."""
    both = (dict(_flat("", baseline)), dict(_flat("", contender)))
    paths = dict.fromkeys((*both[0], *both[1]))
    found = (Setting(path, both[0].get(path), both[1].get(path)) for path in paths)
    return [each for each in found if each.baseline != each.contender]


def without_elsewhere(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A scenario's settings without those that are compared elsewhere."""
    return {key: value for key, value in settings.items() if key not in _ELSEWHERE}


def _flat(path: str, value: Any) -> Iterator[tuple[str, Value]]:
    """Values by dotted path; of numbers, those that JSON lacks are words."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(f"{path}.{key}" if path else str(key), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _flat(f"{path}[{index}]", each)
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, str(value)
    else:
        yield path, value if isinstance(value, str | int | float | bool) else str(value)
