"""One changed constant at a time, in a process of its own, held against the baselines of the scenarios.

The process imports the models with the change in it: one module is compiled from a syntax tree in which one number is
another, and everything else as it stands. Nothing is written. Compiled code is looked for under the digest of the
unchanged sources, so none is made anew; that is why no constant is changed here of which machine code is made.

Services import the kernel, never the other way round. So a process that is to change a service's constant takes the
kernel over from a server that has it ready, and only imports all that may know of the change. One that is to change
the kernel's starts from nothing.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

from tests.mutation.mutants import Mutant, path_of

TOGETHER = 2
"""Mutants at a time."""


@dataclass(frozen=True)
class Place:
    """Where scenarios and their baselines are.

    Args:
        name: A scenario that ships, or a file.
        baselines: Folder of its baseline; None for that of a scenario that ships.
    """

    name: str
    baselines: Path | None = None


@dataclass(frozen=True)
class Finding:
    """What became of a mutant.

    Args:
        mutant: The change.
        scenario: The first scenario that noticed it; empty where none did.
        gate: At which gate.
        detail: What that says.
        seconds: How long it took.
    """

    mutant: Mutant
    scenario: str
    gate: str
    detail: str
    seconds: float


def walk_all(
    wanted: Sequence[tuple[Mutant, Sequence[Place]]], gates: Sequence[str], replications: int | None
) -> Iterator[Finding]:
    """Look for each mutant in its scenarios, in their order, until one of them notices it; findings as they come."""
    warm, cold = get_context("forkserver"), get_context("spawn")
    warm.set_forkserver_preload(["tests.mutation.warm"])
    for context, in_kernel in ((warm, False), (cold, True)):
        with ProcessPoolExecutor(TOGETHER, context, max_tasks_per_child=1) as pool:
            some = [each for each in wanted if each[0].in_kernel == in_kernel]
            futures = [pool.submit(walk, mutant, places, gates, replications) for mutant, places in some]
            for future in as_completed(futures):
                yield future.result()


def walk(mutant: Mutant, places: Sequence[Place], gates: Sequence[str], replications: int | None) -> Finding:
    """Look for one mutant, in a process of its own."""
    started = time.monotonic()
    for name in [name for name in sys.modules if name.partition(".")[0] in {"bench", "models"}]:
        if mutant.in_kernel or not name.startswith("models.kernel"):
            del sys.modules[name]
    sys.meta_path.insert(0, _Finder(mutant))
    from bench.errors import TierbenchError

    try:
        import bench.runs
        from bench.regression.cases import cases
    except (AssertionError, ValueError) as error:
        # Defaults that contradict one another are refused before any scenario is read.
        return Finding(mutant, "", "error", f"{type(error).__name__}: {error}", time.monotonic() - started)

    bench.runs.cores = lambda: 1  # type: ignore[assignment]
    found = ("", "", "")
    for place in places:
        try:
            (case,) = cases([place.name], place.baselines, replications)
            result = case.verify("compiled", gates)  # type: ignore[arg-type]
        except (TierbenchError, AssertionError, ValueError) as error:
            # The model contradicts itself. That is noticed, too, but perhaps another scenario can say what moved.
            found = (place.name, "error", f"{type(error).__name__}: {error}")
            continue
        assert result is not None, f"{place.name} has no baseline"
        if result.first_moved is not None:
            found = (place.name, result.first_moved, result.gates[result.first_moved].detail)
            break
    return Finding(mutant, *found, time.monotonic() - started)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module with a number changed."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._mutant.module:
            return None
        place = path_of(name)
        inside = [str(place.parent)] if place.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(name, place, loader=self, submodule_search_locations=inside)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.source(), str(path_of(self._mutant.module)), "exec"), module.__dict__)  # noqa: S102
