"""Where compiled code is kept between two processes: files named after what the code was made from.

The folder of the shelf bears a stamp of the kernel's sources, of LLVM and of the processor, so that a change anywhere
is seen, and code for other versions lies beside it, until nobody has used that for long. A file begins with the digest
of what follows: one that was not written to its end, or has been changed since, is taken for none.
"""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import suppress
from pathlib import Path

from bench.atomic import write_file
from bench.machine import can_keep_code, code_folder, sources_digest

DIGEST_BYTES = 32
STAMP = re.compile("[0-9a-f]{24}")
UNUSED_S = 60 * 24 * 3600.0
"""Code of another stamp is thrown away when its files have not been read or written for so long."""


class CodeShelf:
    """Keeps object code in a folder. Implements `compilation.Shelf`.

    Args:
        folder: Of all code, whatever it was made from.
        stamp: What it is made from now.
    """

    def __init__(self, folder: Path, stamp: str) -> None:
        self._folder, self._writable = folder / stamp, can_keep_code(folder)
        if self._writable and not self._folder.exists():
            self._tidy()

    def get(self, name: str) -> bytes | None:
        try:
            content = self._path(name).read_bytes()
        except OSError:
            return None
        digest, code = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        return code if hashlib.sha256(code).digest() == digest else None

    def put(self, name: str, code: bytes) -> None:
        # What cannot be kept is compiled again.
        if self._writable:
            with suppress(OSError):
                write_file(self._path(name), hashlib.sha256(code).digest() + code)

    def _tidy(self) -> None:
        """Throw away code of other stamps that nobody has used for long; what is not ours stays."""
        oldest = time.time() - UNUSED_S
        for folder in self._folder.parent.iterdir():
            with suppress(OSError):
                if STAMP.fullmatch(folder.name) and all(_is_unused(file, oldest) for file in folder.iterdir()):
                    for file in folder.iterdir():
                        file.unlink()
                    folder.rmdir()

    def __contains__(self, name: str) -> bool:
        return self._path(name).exists()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.code"


def _is_unused(file: Path, since: float) -> bool:
    """Whether it is a file of code that has not been used since a time."""
    found = file.stat()
    return file.suffix == ".code" and max(found.st_atime, found.st_mtime) < since


def code_shelf() -> CodeShelf:
    """The shelf in the user's cache folder."""
    from models.kernel.machine.native import described

    digest = hashlib.blake2b(digest_size=12)
    digest.update(sources_digest("models.kernel").encode() + described().encode())
    return CodeShelf(code_folder(), digest.hexdigest())
