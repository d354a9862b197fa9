"""Whether an installation works: what is there, what the machine offers, and whether the engines agree with theory.

The self-check is a short queue whose mean time theory knows. A run is the same bits on any machine, so the interval
around the closed form leaves room for the chance in one run of this seed, and for nothing else.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import machine
from bench.atomic import probe
from bench.extras import PACKAGES

if TYPE_CHECKING:
    from bench.simulate import Engine
    from models.kernel.outcome import Outcome

NEEDED = ("numpy", "simpy", "scipy", "matplotlib")
"""Packages without which nothing runs; llvmlite and those of extras may be missing."""
RATE_PER_S, SERVICE_S, SERVERS = 3_200.0, 0.001, 4
TOLERANCE = 0.05
"""Part of the closed form by which the simulated mean may differ; the standard error is about 0.02."""
WORDS = f"M/M/{SERVERS}, busy {100.0 * RATE_PER_S * SERVICE_S / SERVERS:.0f} % of the time"
QUEUE = f"""
schema = 1
name = "self-check"
seed = 20261123
duration_s = 20.0
warmup_s = 1.0

[workload]
arrivals = {{ kind = "poisson", rate_per_s = {RATE_PER_S} }}

[systems.queue]
model = "queue"
servers = {SERVERS}
service = {{ kind = "exponential", mean_s = {SERVICE_S} }}
"""


@dataclass(frozen=True)
class Check:
    """One engine, held against the closed form; figures are None where it does not run.

    Args:
        engine: Which engine.
        problem: What is wrong; empty if nothing is.
        mean_ms: The simulated mean time.
        closed_form_ms: What theory says.
        interval_ms: Where the mean must lie.
        fingerprint: Of what the model produced.
        requests_per_wall_s: How fast the engine is here; for information.
    """

    engine: str
    problem: str
    mean_ms: float | None = None
    closed_form_ms: float | None = None
    interval_ms: tuple[float, float] | None = None
    fingerprint: str | None = None
    requests_per_wall_s: float | None = None

    @property
    def good(self) -> bool:
        """Whether the engine does what it should."""
        return not self.problem

    def as_json(self) -> dict[str, Any]:
        """For the document."""
        return {"engine": self.engine, "good": self.good, **vars(self)}


@dataclass(frozen=True)
class Examination:
    """What was found.

    Args:
        installed: Versions by name; None for what is not installed.
        machine: What the machine offers.
        checks: One for each engine that there is; none where something is missing that both need.
    """

    installed: dict[str, str | None]
    machine: dict[str, Any]
    checks: tuple[Check, ...]

    @property
    def missing(self) -> list[str]:
        """What is needed and not installed."""
        return [name for name in NEEDED if self.installed[name] is None]

    @property
    def good(self) -> bool:
        """Whether everything that is needed is there, and works."""
        return not self.missing and bool(self.checks) and all(check.good for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The document of `doctor`."""
        return {
            "schema": 1,
            "installed": self.installed,
            "machine": self.machine,
            "self_check": [check.as_json() for check in self.checks],
            "good": self.good,
        }


def examine() -> Examination:
    """Look at what is installed and at the machine, and check the engines."""
    installed = {
        "tierbench": _version("tierbench"),
        "python": platform.python_version(),
        **{name: _version(name) for name in NEEDED},
        "llvmlite": _version("llvmlite") if machine.has_compiler() else None,
        **{package.name: _version(package.name) for package in PACKAGES.values()},
    }
    whole = all(installed[name] is not None for name in NEEDED)
    return Examination(installed, _machine(), tuple(_checks()) if whole else ())


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _machine() -> dict[str, Any]:
    memory_bytes = machine.memory_bytes()
    code, results = machine.code_folder(), Path.cwd() / "results" / "runs"
    return {
        "platform": platform.platform(),
        "cores": machine.cores(),
        "memory_gb": None if memory_bytes is None else round(memory_bytes / 1e9, 1),
        "compiled_code": {"folder": str(code), "writable": machine.can_keep_code(code)},
        "results": {"folder": str(results), "writable": _can_make(results / "run")},
    }


def _can_make(folder: Path) -> bool:
    try:
        probe(folder)
    except OSError:
        return False
    return True


def _checks() -> Iterator[Check]:
    """Each engine that there is; the second must also give the same bits as the first."""
    reference = _check("simpy")
    yield reference
    if machine.has_compiler():
        yield _check("compiled", reference.fingerprint)


def _check(engine: Engine, reference: str | None = None) -> Check:
    """One engine against the closed form, and against the fingerprint of another, if there is one."""
    try:
        expected_ms, outcome, bits = _theory_ms(), *_simulated(engine)
    except Exception as error:  # noqa: BLE001 - whatever an engine raises is what was asked for
        return Check(engine, f"does not run: {type(error).__name__}: {error}")
    low_ms, high_ms = (1.0 - TOLERANCE) * expected_ms, (1.0 + TOLERANCE) * expected_ms
    mean_ms = 1e3 * outcome.operations["read"].latency.mean_s
    problems = []
    if not low_ms <= mean_ms <= high_ms:
        problems.append("the mean is not what theory says")
    if reference is not None and bits != reference:
        problems.append("the results are not those of the SimPy engine")
    speed = outcome.simulated_requests / outcome.wall_s
    return Check(engine, "; ".join(problems), mean_ms, expected_ms, (low_ms, high_ms), bits, speed)


def _theory_ms() -> float:
    from models.kernel.closed_forms import mmc_response_mean_s

    return 1e3 * mmc_response_mean_s(RATE_PER_S, SERVICE_S, SERVERS)


def _simulated(engine: Engine) -> tuple[Outcome, str]:
    """What the engine makes of the queue, and the fingerprint of that."""
    from bench.scenario.document import read_document
    from bench.scenario.load import build
    from bench.simulate import simulate, warm_up
    from bench.summary import fingerprint

    scenario = build(Path("self-check"), read_document(QUEUE.encode(), "self-check"))
    if engine == "compiled":
        warm_up()
    outcome = simulate(scenario, "queue", 0, engine).outcome
    return outcome, fingerprint({"queue": [outcome]})
