"""What is optional: packages that only some of what there is to do needs, and how to get them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from bench.errors import UsageError

Extra = Literal["cluster", "hdr", "parquet", "frames"]


@dataclass(frozen=True)
class Package:
    """What an extra brings.

    Args:
        name: As it is installed.
        module: As it is imported.
        purpose: What needs it.
    """

    name: str
    module: str
    purpose: str


PACKAGES: dict[Extra, Package] = {
    "cluster": Package("distributed", "distributed", "sweeps on a Dask cluster"),
    "hdr": Package("hdrhistogram", "hdrh", "exports for HdrHistogram"),
    "parquet": Package("pyarrow", "pyarrow", "exports as Parquet"),
    "frames": Package("pandas", "pandas", "data frames in Python"),
}
"""By extra. (`fast` is not among them: without it the same is done, more slowly.)"""


def need(extra: Extra, what: str) -> None:
    """Refuse, before the long work, what cannot be done with what is installed.

    Args:
        extra: Our extra.
        what: What needs it, as the user asked for it.

    Raises:
        UsageError: If its package is not installed; it says what to install.
    """
    package = PACKAGES[extra]
    if find_spec(package.module) is None:
        raise UsageError(f"{what} needs {package.name}, which is not installed; install it with: {remedy(extra)}")


def remedy(extra: Extra) -> str:
    """How to get it."""
    return f"pip install 'tierbench[{extra}]'"
