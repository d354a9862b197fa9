"""Where each value of a resolved scenario comes from."""

from __future__ import annotations

from pathlib import Path

from bench.scenario.load import load
from bench.scenario.origins import by_section, settings


def test_what_is_assumed_within_a_choice_is_said(tmp_path: Path) -> None:
    """Goal: a choice that has parameters of its own hides none of their sources."""
    path = tmp_path / "choice.toml"
    path.write_text(
        'schema = 1\nname = "choice"\n[systems.redis]\nmodel = "redis"\nreplicas = 1\n'
        'failover = { kind = "multi_az", check_s = 0.5 }\n'
    )

    sections = by_section(settings(load(path)))

    keys = {entry.path.rpartition(".")[2]: entry for entry in sections["systems.redis.failover"]}
    assert next(iter(keys)) == "kind"
    assert (keys["kind"].origin, keys["check_s"].origin, keys["promote_s"].origin) == ("line 6", "line 6", "default")
    assert keys["promote_s"].source.startswith("assumed: 1 to 10 s")
    assert "systems.redis.failover" not in {entry.path for entry in sections["systems.redis"]}


def test_a_law_is_one_value(tmp_path: Path) -> None:
    path = tmp_path / "law.toml"
    path.write_text(
        'schema = 1\nname = "law"\n[workload]\nvalue_size_bytes = { kind = "constant", value = 9.0 }\n'
        '[systems.queue]\nmodel = "queue"\n'
    )

    values = {entry.path: entry.value for entry in settings(load(path))}

    assert values["workload.value_size_bytes"] == '{ kind = "constant", value = 9.0 }'
