"""What is optional: packages that only some of what there is to do needs, and how to get them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from bench.errors import UsageError

Extra = Literal["cluster", "hdr", "parquet", "frames"]

PACKAGES: dict[Extra, str] = {"cluster": "distributed", "hdr": "hdrh", "parquet": "pyarrow", "frames": "pandas"}
"""The module that each extra brings. (`fast` is not among them: without it the same is done, more slowly.)"""
NAMES = {"hdrh": "hdrhistogram", "distributed": "Dask distributed"}
"""What packages are called where their modules have other names."""


def need(extra: Extra, what: str) -> None:
    """Refuse, before the long work, what cannot be done with what is installed.

    Args:
        extra: Our extra.
        what: What needs it, as the user asked for it.

    Raises:
        UsageError: If its package is not installed; it says what to install.
    """
    module = PACKAGES[extra]
    if find_spec(module) is None:
        name = NAMES.get(module, module)
        raise UsageError(
            f"{what} needs {name}, which is not installed; install it with: pip install 'tierbench[{extra}]'"
        )
