"""`tierbench doctor`: what is there is said, what is missing with a remedy, and an engine that is wrong is found."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from bench import health, machine, simulate
from tests.tools.command import files_below, process, tierbench

EXTRAS = {"distributed": "cluster", "hdrhistogram": "hdr", "pyarrow": "parquet", "pandas": "frames"}
INSTALLED = ["tierbench", "python", "numpy", "simpy", "scipy", "matplotlib", "llvmlite", *EXTRAS]


def strict(text: str) -> Any:
    """One JSON document, without the constants that JSON lacks."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


def without(names: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let packages be missing."""
    version = metadata.version

    def found(name: str) -> str:
        if name in names:
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr("importlib.metadata.version", found)
    if "llvmlite" in names:
        monkeypatch.setattr(machine, "has_compiler", lambda: False)


def breaking(monkeypatch: pytest.MonkeyPatch, engine: str, slower: float) -> None:
    """Let an engine's latencies be so many times as long."""
    sound = simulate.simulate

    def broken(scenario: Any, system: str, replication: int, which: Any) -> simulate.Replication:
        found = sound(scenario, system, replication, which)
        if which != engine:
            return found
        read = found.outcome.operations["read"]
        latency = replace(read.latency, total_ticks=int(slower * read.latency.total_ticks))
        operations = {"read": replace(read, latency=latency)}
        return replace(found, outcome=replace(found.outcome, operations=operations))

    monkeypatch.setattr(simulate, "simulate", broken)


def test_a_whole_installation_is_good(tmp_path: Path) -> None:
    result = tierbench("doctor", cwd=tmp_path)

    lines = [line.split() for line in result.out.splitlines()]
    assert result.code == 0, result.out
    assert [line[0] for line in lines[1 : 1 + len(INSTALLED)]] == INSTALLED
    assert ["numpy", metadata.version("numpy")] in lines
    assert f"can be written to {tmp_path / 'results' / 'runs'}" in " ".join(result.out.split())
    assert "good, the same bits as simpy" in result.out
    assert result.out.splitlines()[-2:] == ["all is good", "next: tierbench list"]
    assert "compiling takes a few seconds" in result.err
    assert files_below(tmp_path) == set()


def test_the_document_says_the_same(tmp_path: Path) -> None:
    """As a process: one strict document on stdout, nothing on stderr."""
    result = process("doctor", "--json", cwd=tmp_path, timeout_s=300.0)

    document = strict(result.out)
    assert (result.code, result.err) == (0, "")
    assert list(document) == ["schema", "installed", "machine", "self_check", "good"]
    assert (document["schema"], document["good"]) == (1, True)
    assert list(document["installed"]) == INSTALLED
    assert document["machine"]["cores"] >= 1
    assert document["machine"]["results"] == {"folder": str(tmp_path / "results" / "runs"), "writable": True}
    checks = document["self_check"]
    assert [check["engine"] for check in checks] == ["simpy", "compiled"]
    assert len({check["fingerprint"] for check in checks}) == 1
    for check in checks:
        low_ms, high_ms = check["interval_ms"]
        assert low_ms < check["closed_form_ms"] < high_ms
        assert low_ms <= check["mean_ms"] <= high_ms
        assert (check["good"], check["problem"]) == (True, "")
        assert check["requests_per_wall_s"] > 0


def test_the_closed_form_is_erlangs(tmp_path: Path) -> None:
    """M/M/4 at 80 %: 1.7455 mean services, as in the tables."""
    assert health.RATE_PER_S * health.SERVICE_S / health.SERVERS == 0.8

    checks = strict(tierbench("doctor", "--json", cwd=tmp_path).out)["self_check"]

    assert checks[0]["closed_form_ms"] == pytest.approx(1.745541, abs=1e-6)


@pytest.mark.parametrize("columns", ["80", "60"])
def test_lines_fit_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All but paths, which stay whole."""
    monkeypatch.setenv("COLUMNS", columns)
    without({"llvmlite"}, monkeypatch)

    lines = tierbench("doctor", cwd=tmp_path).out.splitlines()
    without({"scipy"}, monkeypatch)
    lines += tierbench("doctor", cwd=tmp_path).out.splitlines()

    assert [line for line in lines if len(line) > int(columns) and "/" not in line] == []


def test_without_llvmlite_there_is_a_remark_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without({"llvmlite"}, monkeypatch)

    result = tierbench("doctor", cwd=tmp_path)
    document = strict(tierbench("doctor", "--json", cwd=tmp_path).out)

    assert (result.code, result.err) == (0, "")
    assert "with the same results" in " ".join(result.out.split())
    assert "pip install 'tierbench[fast]'" in " ".join(result.out.split())
    assert document["installed"]["llvmlite"] is None
    assert [check["engine"] for check in document["self_check"]] == ["simpy"]
    assert document["good"] is True


def test_without_extras_it_says_what_they_are_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(set(EXTRAS), monkeypatch)

    result = tierbench("doctor", cwd=tmp_path)

    shown = " ".join(result.out.split())
    assert result.code == 0
    for name, extra in EXTRAS.items():
        assert re.search(rf"{name} not installed; for [a-zA-Z ]+: pip install 'tierbench\[{extra}\]'", shown)


def test_a_package_that_is_needed_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without({"scipy", "simpy"}, monkeypatch)

    result = tierbench("doctor", cwd=tmp_path)

    assert result.code == 1
    assert "pip install scipy" in result.out
    assert "it needs simpy and scipy" in result.out
    assert result.out.splitlines()[-1] == "not all is good: see above"
    assert strict(tierbench("doctor", "--json", cwd=tmp_path).out)["self_check"] == []


def test_an_engine_that_departs_from_theory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, "compiled", 1.2)

    result = tierbench("doctor", cwd=tmp_path)
    document = strict(tierbench("doctor", "--json", cwd=tmp_path).out)

    words = " ".join(result.out.split())
    assert result.code == 1
    assert "FAILED: the mean is not what theory says; the results are not those of the SimPy engine" in words
    assert "trust none of its results install anew" in words
    assert (document["good"], [check["good"] for check in document["self_check"]]) == (False, [True, False])


def test_other_bits_are_found_where_the_mean_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, "compiled", 1.000_001)

    (_, compiled) = strict(tierbench("doctor", "--json", cwd=tmp_path).out)["self_check"]

    assert compiled["problem"] == "the results are not those of the SimPy engine"


def test_another_closed_form_fails_both_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.kernel.closed_forms.mmc_response_mean_s", lambda *_: 0.0015)

    result = tierbench("doctor", cwd=tmp_path)

    assert result.code == 1
    assert result.out.count("FAILED: the mean is not what theory says") == 2


def test_an_engine_that_does_not_run_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as llvmlite for another Python; what it says is shown safely."""

    def raising() -> None:
        raise ImportError("needs\x1b[31m another Python")

    monkeypatch.setattr(simulate, "warm_up", raising)

    result = tierbench("doctor", cwd=tmp_path)
    document = strict(tierbench("doctor", "--json", cwd=tmp_path).out)

    assert result.code == 1
    assert "FAILED: does not run: ImportError: needs\\x1b[31m another Python" in " ".join(result.out.split())
    assert [check["good"] for check in document["self_check"]] == [True, False]
    assert document["self_check"][1]["mean_ms"] is None


def test_a_package_that_does_not_import_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there by its name alone, as after an upgrade that went wrong."""
    monkeypatch.delitem(sys.modules, "models.kernel.closed_forms", raising=False)
    monkeypatch.setitem(sys.modules, "models.kernel.closed_forms", None)

    document = strict(tierbench("doctor", "--json", cwd=tmp_path).out)

    assert document["good"] is False
    assert all("does not run: ModuleNotFoundError" in check["problem"] for check in document["self_check"])


def test_places_that_cannot_be_written_are_said_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files stand where folders would be made; neither is an error."""
    (tmp_path / "file").write_text("", "utf-8")
    (tmp_path / "results").write_text("", "utf-8")
    monkeypatch.setenv(machine.CACHE_VARIABLE, str(tmp_path / "file" / "code"))

    result = tierbench("doctor", cwd=tmp_path)

    words = " ".join(result.out.split())
    assert result.code == 0
    assert f"code cannot be kept in {tmp_path / 'file' / 'code'}" in words
    assert f"name another folder in {machine.CACHE_VARIABLE}" in words
    assert f"cannot be written to {tmp_path / 'results' / 'runs'} go to another folder, or run with --out" in words


def test_memory_is_that_of_the_container_if_it_has_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bound = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "MEMORY_OF_CONTAINER", bound)
    whole = machine.memory_bytes()

    bound.write_text("1000000\n", "ascii")
    bounded = machine.memory_bytes()
    bound.write_text("max\n", "ascii")

    assert whole is not None
    assert bounded == min(1_000_000, whole)
    assert machine.memory_bytes() == whole
