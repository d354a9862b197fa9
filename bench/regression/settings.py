"""What a run depended on, flat, one value for each key: said by the scenario's file, or filled in.

So a reader who sees a figure move is told whether the scenario itself was changed, or a default of the models, or
neither, which leaves the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.scenario.load import Scenario
from bench.scenario.settings import Settings, Value, differing, flat

WITHOUT_EFFECT = frozenset({"schema", "name", "question", "expect", "sweep", "replications"})
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
    before: Value | None
    now: Value | None

    def __str__(self) -> str:
        """`duration_s was 60.0, is 50.0`; untrusted, so not yet safe to print."""
        if self.before is None:
            return f"{self.key} is new: {_shown(self.now)}"
        if self.now is None:
            return f"{self.key} was {_shown(self.before)}, is gone"
        return f"{self.key} was {_shown(self.before)}, is {_shown(self.now)}"


def settings_of(scenario: Scenario) -> tuple[Settings, Settings]:
    """What the scenario's file says, and what was filled in beside it: by its preset and by the models' defaults."""
    said = flat(scenario.document.data, WITHOUT_EFFECT)
    whole = flat(scenario.spec.model_dump(mode="json", by_alias=True, exclude_none=True), WITHOUT_EFFECT)
    if scenario.trace_sha256 is not None:
        said["workload.trace.sha256"] = scenario.trace_sha256
    return said, {key: value for key, value in whole.items() if key not in said}


def changes(before: Mapping[str, Value], now: Mapping[str, Value]) -> list[Change]:
    """Settings that differ, in order of the keys of both."""
    return [Change(*each) for each in differing(before, now)]


def _shown(value: Value | None) -> str:
    return repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
