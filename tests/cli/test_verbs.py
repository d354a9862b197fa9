"""The other verbs, and help: what there is to use is listed from one place, checked before it runs, shown at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import library
from bench.presets import PRESETS
from models.catalogue import MODELS
from tests.tools.command import ROOT, environment, files_below, process, tierbench

SCHEMA_FILE = ROOT / "scenarios" / "scenario.schema.json"
HEAVY = ("numpy", "pydantic", "matplotlib", "scipy", "simpy", "llvmlite", "rich")


HELPED = ("run", "sweep", "compare", "verify", "report", "plot", "new", "doctor")


@pytest.mark.parametrize("arguments", [["--help"], *([verb, "--help"] for verb in HELPED), ["--version"], []])
def test_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    """By names of modules, not by seconds: a process that shows help, then says what it has imported."""
    code = (
        "import sys\nfrom bench.cli import main\ntry:\n    main(sys.argv[1:])\nfinally:\n"
        f"    print('HEAVY', [name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, env=environment(), capture_output=True, encoding="utf-8"
    )

    assert result.stdout.splitlines()[-1] == "HEAVY []"


def test_help_opens_with_three_examples(tmp_path: Path) -> None:
    shown = tierbench("--help", cwd=tmp_path)
    start, _, rest = shown.out.partition("Options:")

    assert shown.code == 0
    assert start.count("\n    tierbench ") == 3
    verbs = "list new check explain run sweep compare verify report plot doctor schema"
    assert all(verb in rest for verb in verbs.split())
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "..." not in rest


def test_without_a_verb_help_is_shown_as_wrong_usage(tmp_path: Path) -> None:
    result = tierbench(cwd=tmp_path)

    assert (result.code, result.out) == (2, "")
    assert "tierbench run dax_vs_dynamodb" in result.err


def test_the_module_is_the_command(tmp_path: Path) -> None:
    assert process("--version", cwd=tmp_path).out == tierbench("--version", cwd=tmp_path).out


def test_list_names_everything_that_there_is(tmp_path: Path) -> None:
    result = tierbench("list", cwd=tmp_path)

    names = [line.split()[0] for line in result.out.splitlines() if line.startswith("  ") and line[2] != " "]
    assert result.code == 0
    assert names == [*(entry.name for entry in library.entries()), *MODELS, *PRESETS]
    assert all(line == line.rstrip() for line in result.out.splitlines())


def test_list_as_json_is_one_document(tmp_path: Path) -> None:
    document = json.loads(tierbench("list", "--json", cwd=tmp_path).out)

    assert [each["name"] for each in document["models"]] == list(MODELS)
    assert [each["name"] for each in document["presets"]] == list(PRESETS)
    assert [each["name"] for each in document["scenarios"]] == [entry.name for entry in library.entries()]
    assert all(each["question"] for each in document["scenarios"])


@pytest.mark.parametrize("entry", library.entries(), ids=lambda entry: entry.name)
def test_a_scenario_that_ships_is_good(entry: library.Entry, tmp_path: Path) -> None:
    result = tierbench("check", entry.name, cwd=tmp_path)

    assert (result.code, result.err) == (0, "")
    assert ": good: " in result.out
    assert files_below(tmp_path) == set()


def test_check_says_all_problems_in_the_order_of_lines(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        'schema = 1\nname = "bad"\nsead = 1\nreplications = "5"\n[systems.a]\nmodel = "queue"\nserver = 2\n', "utf-8"
    )

    result = tierbench("check", "bad.toml", cwd=tmp_path)

    assert (result.code, result.out) == (3, "")
    assert [line.split(" error: ")[0] for line in result.err.splitlines()] == [
        "bad.toml:3:1:", "bad.toml:4:16:", "bad.toml:7:1:"
    ]  # fmt: skip


# The schema ----------------------------------------------------------------------------------------------------------


def test_the_committed_schema_is_current(tmp_path: Path) -> None:
    """`tierbench schema --out scenarios/scenario.schema.json` (or `make schema`) writes it anew."""
    result = tierbench("schema", "--out", "made.json", cwd=tmp_path)

    assert (result.code, result.out) == (0, "")
    assert (tmp_path / "made.json").read_text("utf-8") == SCHEMA_FILE.read_text("utf-8")
    assert tierbench("schema", cwd=tmp_path).out == SCHEMA_FILE.read_text("utf-8")


def test_a_schema_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    result = tierbench("schema", "--out", "gone/schema.json", cwd=tmp_path)

    assert result.code == 2
    assert "gone/schema.json: cannot be written" in result.err


def test_the_schema_knows_every_key_of_every_model() -> None:
    """From the schema alone: a system is told by `model`, and has that model's parameters and no others."""
    schema = json.loads(SCHEMA_FILE.read_text("utf-8"))
    (system,) = schema["properties"]["systems"]["patternProperties"].values()

    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["additionalProperties"] is False
    assert {"schema", "name", "systems"} == set(schema["required"])
    assert set(system["discriminator"]["mapping"]) == set(MODELS)
    for name, reference in system["discriminator"]["mapping"].items():
        definition = resolve(schema, {"$ref": reference})
        assert set(definition["properties"]) == {*MODELS[name].parameters.model_fields, "model"}
        assert definition["additionalProperties"] is False
        for key, each in definition["properties"].items():
            assert each.get("description"), f"{name}.{key}"


@pytest.mark.parametrize("entry", library.entries(), ids=lambda entry: entry.name)
def test_the_schema_takes_every_scenario_that_ships(entry: library.Entry) -> None:
    schema = json.loads(SCHEMA_FILE.read_text("utf-8"))

    assert list(misfits(schema, schema, library.read(entry.path), "")) == []


MUTANTS = {
    "an unknown key": lambda data: data.update(sead=1),
    "a wrong type": lambda data: data.update(replications="5"),
    "a missing key": lambda data: data.pop("name"),
    "an unknown law": lambda data: data["systems"]["four"].update(service={"kind": "gaussian"}),
    "a name of another form": lambda data: data["systems"].update({"a b": data["systems"]["four"]}),
    "a negative number": lambda data: data.update(duration_s=-1.0),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_schema_refuses_what_is_wrong(mutant: str) -> None:
    """A canary for the small validator below as well."""
    schema = json.loads(SCHEMA_FILE.read_text("utf-8"))
    data = library.read(library.find("queue_mmc"))
    MUTANTS[mutant](data)

    assert list(misfits(schema, schema, data, "")) != []


def resolve(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    while "$ref" in part:
        part = schema["$defs"][part["$ref"].removeprefix("#/$defs/")]
    return part


KINDS: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
    "null": type(None),
}  # fmt: skip


def misfits(schema: dict[str, Any], part: dict[str, Any], value: Any, path: str) -> list[str]:
    """What of a value does not fit: as much of JSON schema as our schema uses."""
    part = resolve(schema, part)
    for word in ("anyOf", "oneOf"):
        if word in part:
            found = [misfits(schema, branch, value, path) for branch in part[word]]
            return [] if any(not each for each in found) else min(found, key=len)
    kind = part.get("type")
    if kind is not None and (not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [f"{path}: no {kind}"]
    wrong = []
    if "const" in part and value != part["const"]:
        wrong.append(f"{path}: not {part['const']}")
    if "enum" in part and value not in part["enum"]:
        wrong.append(f"{path}: none of {part['enum']}")
    if isinstance(value, int | float):
        wrong += [f"{path}: below" for bound in [part.get("minimum")] if bound is not None and value < bound]
        wrong += [f"{path}: above" for bound in [part.get("maximum")] if bound is not None and value > bound]
        wrong += [
            f"{path}: too low" for bound in [part.get("exclusiveMinimum")] if bound is not None and value <= bound
        ]
    if isinstance(value, dict):
        known, others = part.get("properties", {}), part.get("additionalProperties", True)
        patterns = part.get("patternProperties", {})
        known = known | {
            key: inner for key in value for pattern, inner in patterns.items() if re.search(pattern, str(key))
        }
        wrong += [f"{path}.{key}: missing" for key in part.get("required", ()) if key not in value]
        for key, each in value.items():
            if key in known:
                wrong += misfits(schema, known[key], each, f"{path}.{key}")
            elif others is False:
                wrong.append(f"{path}.{key}: unknown")
            elif isinstance(others, dict):
                wrong += misfits(schema, others, each, f"{path}.{key}")
    if isinstance(value, list):
        places = part.get("prefixItems", [])
        for index, each in enumerate(value):
            item = places[index] if index < len(places) else part.get("items", {})
            wrong += misfits(schema, item if isinstance(item, dict) else {}, each, f"{path}[{index}]")
    return wrong
