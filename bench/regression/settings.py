"""What a run depended on, flat, one value for each key: said by the scenario's file, or filled in.

So a reader who sees a figure move is told whether the scenario itself was changed, or a default of the models, or
neither, which leaves the code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.scenario.load import Scenario
from bench.scenario.locate import KeyPath, path_text

Setting = str | int | float | bool
Settings = dict[str, Setting]

WITHOUT_EFFECT = frozenset({"schema", "name", "question", "expect", "replications"})
"""Keys of a scenario that change nothing in any of its replications."""


@dataclass(frozen=True)
class Change:
    """A setting that is not what it was.

    Args:
        key: Dotted path, as `--set` takes it.
        before: What it was; None where there was none.
        now: What it is; None where there is none any more.
    """

    key: str
    before: Setting | None
    now: Setting | None

    def __str__(self) -> str:
        """`duration_s was 60.0, is 50.0`; untrusted, so not yet safe to print."""
        if self.before is None:
            return f"{self.key} is new: {_shown(self.now)}"
        if self.now is None:
            return f"{self.key} was {_shown(self.before)}, is gone"
        return f"{self.key} was {_shown(self.before)}, is {_shown(self.now)}"


def settings_of(scenario: Scenario) -> tuple[Settings, Settings]:
    """What the scenario's file says, and what was filled in beside it: by its preset and by the models' defaults."""
    said = _flat(scenario.document.data)
    whole = _flat(scenario.spec.model_dump(mode="json", by_alias=True, exclude_none=True))
    if scenario.trace_sha256 is not None:
        said["workload.trace.sha256"] = scenario.trace_sha256
    return said, {key: value for key, value in whole.items() if key not in said}


def changes(before: Mapping[str, Setting], now: Mapping[str, Setting]) -> list[Change]:
    """Settings that differ, in order of the keys of both."""
    keys = dict.fromkeys((*before, *now))
    # True is equal to 1, which is another setting all the same.
    return [Change(key, before.get(key), now.get(key)) for key in keys if repr(before.get(key)) != repr(now.get(key))]


def _flat(data: Mapping[str, Any]) -> Settings:
    return {path_text(path): value for path, value in _leaves((), data) if path[0] not in WITHOUT_EFFECT}


def _leaves(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Setting]]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _leaves((*path, key), each)
    elif isinstance(value, list | tuple) and value:
        for index, each in enumerate(value):
            yield from _leaves((*path, index), each)
    elif isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        yield path, value
    elif path:
        # Nothing at all, or what JSON has no number for.
        yield path, str(value)


def _shown(value: Setting | None) -> str:
    return repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
