"""Every key of a resolved scenario with its value, where that came from, and on whose word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from bench.presets import PRESETS
from bench.scenario.document import Document
from bench.scenario.load import Scenario
from bench.scenario.locate import KeyPath, path_text
from models.kernel.registry import Parameters


@dataclass(frozen=True)
class Setting:
    """One key.

    Args:
        path: Where it is in the scenario.
        value: What it is, as TOML would say it.
        origin: "line 12", "--set path=value", "preset ycsb-b", "mode standard", or "default".
        source: Who published the default, or the range within which it is assumed; empty for what the user chose.
        meaning: One line.
    """

    path: str
    value: str
    origin: str
    source: str
    meaning: str


def settings(scenario: Scenario) -> list[Setting]:
    """All keys of a scenario but its expectations, in the file's order of sections."""
    return list(_settings(scenario.spec, (), scenario.document, scenario.spec.workload.preset, {}))


def by_section(entries: Iterable[Setting]) -> dict[str, list[Setting]]:
    """Settings by the table that they stand in; that of the scenario's own keys is empty."""
    sections: dict[str, list[Setting]] = {}
    for entry in entries:
        sections.setdefault(entry.path.rpartition(".")[0], []).append(entry)
    return sections


def _settings(
    spec: BaseModel, path: KeyPath, document: Document, preset: str | None, filled: Mapping[str, tuple[str, str]]
) -> Iterator[Setting]:
    """The keys of a table; `filled` are those that another key has filled in."""
    fields = type(spec).model_fields
    if isinstance(spec, Parameters):
        filled = {**filled, **spec.filled()}
    for name in sorted(fields, key=lambda name: name not in ("model", "kind")):
        field = fields[name]
        value, key = getattr(spec, name), (*path, field.alias or name)
        if key in (("expect",), ("schema",), ("sweep",)):
            continue
        if key == ("systems",):
            for system, parameters in value.items():
                yield from _settings(parameters, (*key, system), document, preset, {})
        elif key == ("faults",) and value:
            for index, fault in enumerate(value):
                yield from _settings(fault, (*key, index), document, preset, {})
        elif isinstance(value, Parameters) or (isinstance(value, BaseModel) and not hasattr(value, "kind")):
            below = dict.fromkeys(type(value).model_fields, filled[name]) if name in filled else {}
            yield from _settings(value, key, document, preset, below)
        else:
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            origin, source = _origin(key, document, preset)
            if origin == "default" and name in filled:
                origin, source = filled[name]
            if origin == "default":
                assumed = extra.get("assumed")
                source = f"assumed: {assumed}" if assumed is not None else str(extra.get("source", ""))
            yield Setting(path_text(key), toml_value(value), origin, source, field.description or "")


def _origin(key: KeyPath, document: Document, preset: str | None) -> tuple[str, str]:
    found = document.origin(key)
    if found is not None:
        return str(found), ""
    if key[0] == "workload" and preset is not None and key[1] in PRESETS[preset].workload:
        return f"preset {preset}", PRESETS[preset].source
    return "default", ""


def toml_value(value: Any) -> str:
    """A value as one line of TOML; `-` for one that is absent."""
    if value is None:
        return "-"
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{path_text((key,))} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        f'"{value}"'
        if isinstance(value, str)
        else f"{value:,}".replace(",", "_")
        if isinstance(value, int)
        else repr(value)
    )
