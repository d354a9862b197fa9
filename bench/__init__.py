"""Drives and measures: scenario files, runs, statistics, results, pictures, the command line.

For notebooks and programs, `import bench` offers `load`, `run`, `read` and `compare` (`bench.api`). They are imported
when they are first used, so that the command's help comes at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api import Comparison, Result, compare, load, read, run
    from bench.errors import TierbenchError

__all__ = ["Comparison", "Result", "TierbenchError", "compare", "load", "read", "run"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bench import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
