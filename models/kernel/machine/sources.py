"""Functions as syntax trees."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

Function = Callable[..., Any]


class UnsupportedError(Exception):
    """A function says something that this package does not know how to write down."""


@cache
def tree_of(function: Function) -> ast.FunctionDef:
    """A function's syntax tree, with the line numbers of its file."""
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    ast.increment_lineno(tree, first - 1)
    return tree


@cache
def parameters_of(function: Function) -> tuple[str, ...]:
    """Names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)


@cache
def names_known_to(function: Function) -> dict[str, Any]:
    """What a function sees beside its own variables: what encloses it, its module, and Python's own."""
    inner = inspect.getclosurevars(function)
    seen = {**inner.builtins, **inner.globals, **inner.nonlocals}
    # A variable of its own is nothing else, where it stands for nothing yet, too.
    own = {node.id for node in ast.walk(tree_of(function)) if isinstance(node, ast.Name) and is_store(node)}
    return {name: thing for name, thing in seen.items() if name not in own}


def is_store(node: ast.Name) -> bool:
    """Whether a name is assigned, rather than looked at."""
    return isinstance(node.ctx, ast.Store)


def complete(function: Function, given: list[Any]) -> list[Any]:
    """Arguments of a call, with the defaults of those that are not given."""
    wanted = list(inspect.signature(function).parameters.values())
    return given + [parameter.default for parameter in wanted[len(given) :]]


@cache
def assigned_in(loop: ast.While | ast.For) -> frozenset[str]:
    """Variables that a loop's body assigns."""
    return frozenset(
        node.id
        for statement in loop.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and is_store(node)
    )


def unsupported(function: Function, node: ast.AST, what: str) -> NoReturn:
    """Refuse what is not known here."""
    where = f"{inspect.getsourcefile(function)}:{getattr(node, 'lineno', '?')}"
    raise UnsupportedError(f"{where}: in {function.__name__}: {what}")
