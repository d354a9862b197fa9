"""What is installed from a wheel is all there is to need: no checkout, and scenarios among it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.library import entries
from tests.tools.command import ROOT


@pytest.mark.slow
def test_a_wheel_lists_and_runs_the_scenarios(tmp_path: Path) -> None:
    """Build one, install it with its dependencies where no checkout is, and use it as a stranger would."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}

    def call(*command: str | Path) -> str:
        done = subprocess.run(
            list(map(str, command)), cwd=tmp_path, env=outside, capture_output=True, encoding="utf-8", timeout=280
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "dist", ROOT)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    call(sys.executable, "-m", "venv", tmp_path / "venv")
    programs = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    call(programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)

    listed = json.loads(call(programs / "tierbench", "list", "--json"))
    assert [each["name"] for each in listed["scenarios"]] == [entry.name for entry in entries()]
    place = call(programs / "python", "-c", "import bench.library; print(bench.library.folder())")
    assert Path(place.strip()).is_relative_to(tmp_path / "venv")
    for entry in entries():
        assert ": good: " in call(programs / "tierbench", "check", entry.name)
    assert call(programs / "tierbench", "verify", "cache_trace").endswith("verify: pass (of 1 scenario: 1 unchanged)\n")
    shown = call(programs / "tierbench", "run", "cache_trace")
    assert "cache-trace: pass" in shown
    document = json.loads(call(programs / "tierbench", "run", "cache_trace", "--json", "--quiet"))
    assert {system["engine"] for system in document["systems"].values()} == {"simpy"}
