"""Constants of the models, each of which can be changed by a little: where they stand, and what they are called.

Taken are the numbers that say how a service behaves: defaults of parameters (the first argument of `parameter`) and of
fields, and constants of modules and classes. Left out is what only bounds or describes an input (`Field(ge=1)`).
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
GROWTH = 0.05
BOUNDS = frozenset({"Field", "StringConstraints"})
"""Calls whose keywords bound an input."""


@dataclass(frozen=True)
class Mutant:
    """A number of a module, and what it is changed into.

    Args:
        module: The module's name.
        name: Where the number stands in it: `DaxParameters.nodes`, `FAR.p99_s`, `NODE_TYPES.dax.r5.large.2`.
        line: 1-based line of the number.
        column: 0-based column, as `ast` counts.
        value: What it is.
    """

    module: str
    name: str
    line: int
    column: int
    value: float

    @property
    def key(self) -> str:
        """A name for it that no edit elsewhere changes."""
        return f"{self.module.removeprefix('models.')}:{self.name}"

    @property
    def in_kernel(self) -> bool:
        """Whether it is part of the kernel, which all services stand on."""
        return self.module.startswith("models.kernel")

    @property
    def changed(self) -> float:
        """Five percent more; an integer at least one more, and nothing becomes something."""
        if isinstance(self.value, int):
            return self.value + max(1, round(self.value * GROWTH))
        return self.value * (1.0 + GROWTH) or GROWTH

    def source(self) -> ast.Module:
        """The module's code with this one number changed."""
        tree = ast.parse(path_of(self.module).read_text("utf-8"))
        (number,) = (
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and (node.lineno, node.col_offset) == (self.line, self.column)
        )
        assert number.value == self.value
        number.value = self.changed
        return tree


def path_of(module: str) -> Path:
    """The file of a module."""
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def mutants(module: str) -> Iterator[Mutant]:
    """The numbers of a module, in the order in which they stand."""
    tree = ast.parse(path_of(module).read_text("utf-8"))
    seen = Counter[str]()
    for name, number in _in_body(tree.body, ""):
        seen[name] += 1
        unique = name if seen[name] == 1 else f"{name}#{seen[name]}"
        yield Mutant(module, unique, number.lineno, number.col_offset, number.value)


def _in_body(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.Constant]]:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _in_body(statement.body, f"{prefix}{statement.name}.")
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            yield from _numbers(statement.value, prefix + ast.unparse(statement.target))
        elif isinstance(statement, ast.Assign):
            target = statement.targets[0]
            if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                for each, value in zip(target.elts, statement.value.elts, strict=True):
                    yield from _numbers(value, prefix + ast.unparse(each))
            else:
                yield from _numbers(statement.value, prefix + ast.unparse(target))


def _numbers(value: ast.expr, name: str) -> Iterator[tuple[str, ast.Constant]]:
    """Numbers of an expression, each with a name that says where in it they stand."""
    if isinstance(value, ast.Constant):
        if isinstance(value.value, int | float) and not isinstance(value.value, bool):
            yield name, value
    elif isinstance(value, ast.Call):
        function = ast.unparse(value.func)
        if function in {"parameter", "field"}:
            for argument in value.args[:1]:
                yield from _numbers(argument, name)
        elif function not in BOUNDS:
            for index, argument in enumerate(value.args):
                yield from _numbers(argument, f"{name}.{index}" if len(value.args) > 1 else name)
            for keyword in value.keywords:
                yield from _numbers(keyword.value, f"{name}.{keyword.arg}")
    elif isinstance(value, ast.Dict):
        for key, each in zip(value.keys, value.values, strict=True):
            yield from _numbers(each, f"{name}.{ast.literal_eval(key)}" if isinstance(key, ast.Constant) else name)
    elif isinstance(value, ast.Tuple | ast.List):
        for index, each in enumerate(value.elts):
            yield from _numbers(each, f"{name}.{index}")
    elif isinstance(value, ast.BinOp):
        yield from _numbers(value.left, f"{name}.left")
        yield from _numbers(value.right, f"{name}.right")
    elif isinstance(value, ast.UnaryOp):
        yield from _numbers(value.operand, name)
