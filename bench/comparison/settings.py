"""How two scenarios are set otherwise: every key of the one beside the same of the other, defaults filled in.

Name, seed and replications have lines of their own wherever settings are shown; question and expectations change no
figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.scenario import settings as scenario_settings
from bench.scenario.settings import Value, flat

_ELSEWHERE = frozenset({"schema", "name", "question", "seed", "replications", "expect"})


@dataclass(frozen=True)
class Setting:
    """A key that both sides do not have alike; None where a side does not have it."""

    path: str
    baseline: Value | None
    contender: Value | None


def differing(baseline: Mapping[str, Any], contender: Mapping[str, Any]) -> list[Setting]:
    """Settings that differ, in the order of the files."""
    return [Setting(*each) for each in scenario_settings.differing(flat(baseline), flat(contender))]


def without_elsewhere(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A scenario's settings without those that are compared elsewhere."""
    return {key: value for key, value in settings.items() if key not in _ELSEWHERE}
