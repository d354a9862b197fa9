"""What the machine offers: a compiler or not, a place where compiled code is kept, cores and memory."""

from __future__ import annotations

import hashlib
import os
import resource
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

CACHE_VARIABLE = "TIERBENCH_CACHE_DIR"
GET_FAST = "install the fast engine with: pip install 'tierbench[fast]'"
STATUS_OF_PROCESS = Path("/proc/self/status")
MEMORY_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def has_compiler() -> bool:
    """Whether the compiled engine can run."""
    return find_spec("llvmlite") is not None


@cache
def keep_compiled_code() -> None:
    """Let the compiled engine keep its code in the user's cache folder."""
    from bench.code_shelf import code_shelf
    from models.kernel import compilation

    compilation.keep_in(code_shelf())


def code_folder() -> Path:
    """Where compiled code is kept, if that can be written."""
    given = os.environ.get(CACHE_VARIABLE)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else home / "tierbench"


def can_keep_code(folder: Path) -> bool:
    """Whether the folder can be written; it is made where there is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Memory of the machine, or of the container if that has less; None where the system does not say."""
    try:
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, OSError, ValueError):
        return None
    # Without a bound the file says "max"; where there is no container, there is no file.
    with suppress(OSError, ValueError):
        found.append(int(MEMORY_OF_CONTAINER.read_text("ascii")))
    return min(found)


def peak_memory_mb() -> float:
    """The most that this process has held."""
    # Where the system says so itself; what it says of resources begins with what the process held that started this.
    with suppress(OSError, ValueError, StopIteration):
        lines = STATUS_OF_PROCESS.read_text("ascii", "replace").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def has_compiled_code() -> bool:
    """Whether the compiled engine finds its code where it keeps it."""
    from bench.code_shelf import code_shelf

    return "loop" in code_shelf()


@cache
def sources_digest(*packages: str) -> str:
    """Digest of all that some of our packages say: "models", or what else is to be told from before a change."""
    digest = hashlib.blake2b(digest_size=12)
    for package in packages:
        for path in sorted(Path(next(iter(import_module(package).__path__))).rglob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
