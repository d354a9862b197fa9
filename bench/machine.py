"""What the machine offers: numba or not, and a place where compiled code is kept between two runs."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

CACHE_VARIABLE = "TIERBENCH_CACHE_DIR"


def has_numba() -> bool:
    """Whether the compiled engine can run."""
    return find_spec("numba") is not None


@cache
def keep_compiled_code() -> None:
    """Let the compiled engine keep its code in the user's cache folder, if there is a place that can be written.

    The stamp is made of the content of the kernel's sources and of the versions that compile them, so that a change
    anywhere is seen, and code for other versions lies beside it.
    """
    from models.kernel import compilation

    folder = _folder()
    if folder is not None:
        compilation.keep_in(str(folder), _stamp())


def _folder() -> Path | None:
    given = os.environ.get(CACHE_VARIABLE)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(given) if given else home / "tierbench"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


@cache
def sources_digest(*packages: str) -> str:
    """Digest of all that some of our packages say: "models", or what else is to be told from before a change."""
    digest = hashlib.blake2b(digest_size=12)
    for package in packages:
        for path in sorted(Path(next(iter(import_module(package).__path__))).rglob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _stamp() -> str:
    digest = hashlib.blake2b(digest_size=12)
    digest.update(sources_digest("models.kernel").encode())
    digest.update(repr((sys.version, platform.machine(), platform.processor())).encode())
    for name in ("numpy", "numba", "llvmlite"):
        try:
            digest.update(version(name).encode())
        except PackageNotFoundError:
            digest.update(b"none")
    return digest.hexdigest()
