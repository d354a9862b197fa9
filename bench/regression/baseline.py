"""The baseline of a scenario: what it gave when somebody last looked and found it good.

One file of JSON, made to be read as a difference between two commits: every setting, figure and fingerprint has a line
of its own, with a value for each replication. Replications are independent and in order, so the first ones of a
baseline are a baseline for the first ones of a run.

The last line holds a checksum of all that stands before it: a baseline is written by `tierbench verify --update`, never
by hand. A reader believes nothing else that it says before that holds.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.errors import LimitError, Problem
from bench.manifest import parse_json, reading, versions
from bench.regression.settings import settings_of
from bench.runs import Run
from bench.scenario.load import Scenario
from bench.scenario.settings import Settings
from bench.statistics.values import Figure, figures_of

KIND = "tierbench-baseline"
SCHEMA = 1
BYTES_MAX = 1 << 26
"""Bytes of a baseline; one of a hundred figures and ten replications has some 20 kB."""
COUNT_MAX = 1 << 63
TOLERANCE = 1e-9
"""Part of a baseline's value by which a figure may differ, unless the baseline says otherwise."""
DEFAULT = "default"
"""Whose tolerance is that of every figure without one of its own."""

REMEDY = "take it back from version control, or write it anew with --update"

Values = tuple[float | None, ...]
_TAIL = re.compile(rb'  "sha256": "([0-9a-f]{64})"\n}\n')


@dataclass(frozen=True)
class Baseline:
    """What a scenario gave.

    Args:
        scenario: Its name.
        replications: How many of them.
        certain: Systems that left nothing to chance.
        settings: What the scenario's file said.
        defaults: What was filled in beside it.
        fingerprints: Of each replication, by system.
        figures: Values of each replication, by system and full name.
        tolerance: Relative differences that are let pass, by figure; `DEFAULT` for all others.
        versions: What it was made with; for information only.
    """

    scenario: str
    replications: int
    certain: frozenset[str]
    settings: Settings
    defaults: Settings
    fingerprints: Mapping[str, Sequence[str]]
    figures: Mapping[str, Mapping[str, Values]]
    tolerance: Mapping[str, float] = field(default_factory=lambda: {DEFAULT: TOLERANCE})
    versions: Mapping[str, str | None] = field(default_factory=dict)

    def same_as(self, other: Baseline) -> bool:
        """Whether two say the same, whatever they were made with."""
        one, two = (replace(each, versions={}) for each in (self, other))
        return render(one) == render(two)

    def tolerance_of(self, figure: str) -> float:
        """What is let pass of a figure, given by its full name, system included."""
        return self.tolerance.get(figure, self.tolerance.get(DEFAULT, TOLERANCE))


def baseline_of(scenario: Scenario, run: Run) -> Baseline:
    """What is to be kept of a run."""
    by_system: dict[str, dict[str, Values]] = {name: {} for name in run.outcomes}
    for figure in figures_now(scenario, run):
        by_system[figure.system][figure.name] = figure.values
    said, filled_in = settings_of(scenario)
    return Baseline(
        scenario=scenario.name,
        replications=int(scenario.spec.replications),
        certain=run.certain,
        settings=said,
        defaults=filled_in,
        fingerprints={name: [each.fingerprint() for each in outcomes] for name, outcomes in run.outcomes.items()},
        figures=by_system,
        versions=versions(),
    )


def figures_now(scenario: Scenario, run: Run) -> list[Figure]:
    """Every figure that a run of the scenario could have, whether or not it came about in these replications."""
    return figures_of(run.outcomes, run.certain, scenario.shapes)


# Writing ------------------------------------------------------------------------------------------------------------


def render(baseline: Baseline) -> bytes:
    """The file's content.

    Raises:
        LimitError: If it would be larger than it may be.
    """
    document = {
        "kind": KIND,
        "schema": SCHEMA,
        "scenario": baseline.scenario,
        "replications": baseline.replications,
        "certain": sorted(baseline.certain),
        "versions": dict(baseline.versions),
        "tolerance": dict(baseline.tolerance),
        "settings": baseline.settings,
        "defaults": baseline.defaults,
        "fingerprints": {name: list(each) for name, each in baseline.fingerprints.items()},
        "figures": {
            name: {key: list(values) for key, values in each.items()} for name, each in baseline.figures.items()
        },
    }
    body = "{\n" + "".join(f"  {json.dumps(key)}: {_pretty(value, '  ')},\n" for key, value in document.items())
    content = body.encode()
    content += f'  "sha256": "{hashlib.sha256(content).hexdigest()}"\n}}\n'.encode()
    assert _TAIL.search(content), "what is written can be read"
    if len(content) > BYTES_MAX:
        what = f"its baseline would be larger than {BYTES_MAX:,} bytes"
        raise LimitError([Problem(baseline.scenario, what=what, remedy="ask for fewer replications")])
    return content


def _pretty(value: object, indent: str) -> str:
    """JSON with a line for each entry of an object, and lists in one line."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value, allow_nan=False)
    inner = indent + "  "
    lines = (f"{inner}{json.dumps(key)}: {_pretty(each, inner)}" for key, each in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


# Reading ------------------------------------------------------------------------------------------------------------


def read_baseline(path: Path) -> Baseline | None:
    """Read a baseline, if nothing in it has changed; None if there is none.

    Raises:
        ResultError: If it cannot be used; it names the file and what to do.
    """
    with reading(path, REMEDY):
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no plain file")
        if status.st_size > BYTES_MAX:
            raise ValueError(f"it is larger than {BYTES_MAX:,} bytes")
        with path.open("rb") as file:
            # A checkout may have given lines other ends.
            content = file.read(BYTES_MAX + 1).replace(b"\r\n", b"\n")
        return _parse(content)


def _parse(content: bytes) -> Baseline:
    body, _, _ = content.rpartition(b'  "sha256": "')
    tail = _TAIL.fullmatch(content, len(body))
    if tail is None or hashlib.sha256(body).hexdigest().encode() != tail[1]:
        raise ValueError("its checksum differs: it was not written so by tierbench")
    document = parse_json(content)
    schema = document.get("schema")
    if document.get("kind") != KIND or type(schema) is not int:
        raise ValueError("it is no baseline")
    if schema != SCHEMA:
        raise ValueError(f"it has schema {schema}, while this tierbench reads schema {SCHEMA}")
    count = document.get("replications")
    if type(count) is not int or count < 1:
        raise ValueError("it does not say how many replications it has")
    return Baseline(
        scenario=_text(document.get("scenario")),
        replications=count,
        certain=frozenset(map(_text, _list(document.get("certain")))),
        settings=_settings(document.get("settings")),
        defaults=_settings(document.get("defaults")),
        fingerprints={
            name: [_text(each) for each in _list(values, count)]
            for name, values in _object(document.get("fingerprints")).items()
        },
        figures={
            name: {key: tuple(map(_value, _list(values, count))) for key, values in _object(each).items()}
            for name, each in _object(document.get("figures")).items()
        },
        tolerance={key: _tolerance(value) for key, value in _object(document.get("tolerance")).items()},
        versions={
            key: None if value is None else _text(value) for key, value in _object(document.get("versions")).items()
        },
    )


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a table is missing")  # noqa: TRY004 - wrong content, not a wrong call
    return value


def _list(value: Any, count: int | None = None) -> list[Any]:
    if not isinstance(value, list) or count not in {None, len(value)}:
        raise ValueError("a list is missing, or has not an entry for each replication")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is missing")  # noqa: TRY004 - wrong content, not a wrong call
    return value


def _settings(value: Any) -> Settings:
    found = _object(value)
    if not all(isinstance(each, str | int | float) for each in found.values()):
        raise ValueError("a setting is none")
    return found


def _value(value: Any) -> float | None:
    is_count = type(value) is int and abs(value) < COUNT_MAX
    if value is not None and not is_count and not (type(value) is float and math.isfinite(value)):
        raise ValueError("a figure is no number")
    number: float | None = value
    return number


def _tolerance(value: Any) -> float:
    number = _value(value)
    if number is None or number < 0.0:
        raise ValueError("a tolerance is none")
    return number
