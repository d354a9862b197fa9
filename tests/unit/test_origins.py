"""Where each value of a resolved scenario comes from."""

from __future__ import annotations

from pathlib import Path

from bench.scenario.load import load
from bench.scenario.origins import Setting, by_section, settings


def settings_of(folder: Path, text: str) -> list[Setting]:
    """All keys of a scenario that begins with this."""
    path = folder / "some.toml"
    path.write_text(f'schema = 1\nname = "some"\n{text}', "utf-8")
    return settings(load(path))


def test_what_is_assumed_within_a_choice_is_said(tmp_path: Path) -> None:
    """Goal: a choice that has parameters of its own hides none of their sources."""
    sections = by_section(settings_of(
        tmp_path,
        '[systems.redis]\nmodel = "redis"\nreplicas = 1\nfailover = { kind = "multi_az", check_s = 0.5 }\n',
    ))  # fmt: skip

    keys = {entry.path.rpartition(".")[2]: entry for entry in sections["systems.redis.failover"]}
    assert next(iter(keys)) == "kind"
    assert (keys["kind"].origin, keys["check_s"].origin, keys["promote_s"].origin) == ("line 6", "line 6", "default")
    assert keys["promote_s"].source.startswith("assumed: 1 to 10 s")
    assert "systems.redis.failover" not in {entry.path for entry in sections["systems.redis"]}


def test_a_law_is_one_value(tmp_path: Path) -> None:
    law = '{ kind = "constant", value = 9.0 }'
    text = f'[workload]\nvalue_size_bytes = {law}\n[systems.queue]\nmodel = "queue"\n'

    values = {entry.path: entry.value for entry in settings_of(tmp_path, text)}

    assert values["workload.value_size_bytes"] == law


def test_settings_say_what_a_mode_has_filled_in(tmp_path: Path) -> None:
    client = 'client = { mode = "standard", max_attempts = 7, retry_quota = { capacity = 9.0 } }'

    entries = settings_of(tmp_path, f'[systems.table]\nmodel = "dynamodb"\n{client}\n')

    origins = {entry.path: entry.origin for entry in entries}
    client_ = "systems.table.client"
    assert origins[f"{client_}.max_attempts"] == "line 5"
    assert origins[f"{client_}.backoff_base_s"] == "mode standard"
    assert origins[f"{client_}.timeout_s"] == "default"
    assert origins[f"{client_}.retry_quota.capacity"] == "line 5"
    assert origins[f"{client_}.retry_quota.timeout_cost"] == "mode standard"
