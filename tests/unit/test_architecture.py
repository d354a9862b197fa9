"""What a linter cannot see: which rooms of the house may know of which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = sorted(each.parent.name for each in (ROOT / "models").glob("*/__init__.py") if each.parent.name != "kernel")
IMPURE = {"os", "sys", "io", "pathlib", "tempfile", "time", "datetime", "random", "socket", "subprocess", "logging"}
"""Modules by which files, clock, environment, network or global randomness come in."""
COMPILES = "models/kernel/machine"
"""The only folder whose files may name llvmlite."""


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", files("models"), ids=name)
def test_models_never_import_bench(path: Path) -> None:
    assert not [module for module in imports(path) if within(module, "bench")]


@pytest.mark.parametrize("path", files("models/kernel"), ids=name)
def test_the_kernel_knows_no_service(path: Path) -> None:
    allowed = [module for module in imports(path) if within(module, "models") and not within(module, "models.kernel")]

    assert set(allowed) <= {"models"}


@pytest.mark.parametrize("service", SERVICES)
def test_services_never_reach_into_each_other(service: str) -> None:
    others = [f"models.{other}" for other in SERVICES if other != service]

    reached = [m for path in files(f"models/{service}") for m in imports(path) for o in others if within(m, o)]

    assert reached == []


@pytest.mark.parametrize("path", files("models"), ids=name)
def test_models_are_pure(path: Path) -> None:
    """No files, no clock, no environment, no global randomness; and nothing is printed."""
    calls = {node.func.id for node in ast.walk(ast.parse(path.read_text("utf-8")))
             if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
    taken = {module.split(".")[0] for module in imports(path)}

    assert not taken & IMPURE
    assert not calls & {"print", "open", "input", "eval", "exec", "compile"}


@pytest.mark.parametrize("path", [*files("models"), *files("bench")], ids=name)
def test_llvmlite_is_named_by_the_compiler_alone(path: Path) -> None:
    named = [module for module in imports(path) if within(module, "llvmlite")]

    assert not named or name(path.parent) == COMPILES


@pytest.mark.parametrize("path", [*files("models"), *files("bench")], ids=name)
def test_nothing_is_pickled_or_evaluated(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    assert not {"eval", "exec"} & names
    assert not [module for module in imports(path) if module.split(".")[0] in {"pickle", "marshal", "shelve", "dill"}]
    assert "allow_pickle=True" not in path.read_text("utf-8")


def test_no_module_hides_what_the_package_offers() -> None:
    """Once `bench.run` were imported as a module, `bench.run(...)` would be gone."""
    offered = next(
        [element.value for element in node.value.elts if isinstance(element, ast.Constant)]
        for node in ast.walk(ast.parse((ROOT / "bench" / "__init__.py").read_text("utf-8")))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List)
    )

    assert "run" in offered
    assert not {path.stem for path in (ROOT / "bench").iterdir()} & set(offered)
