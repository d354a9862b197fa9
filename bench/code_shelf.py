"""Where compiled code is kept between two processes: files named after what the code was made from.

The folder of the shelf bears a stamp of the kernel's sources, of LLVM and of the processor, so that a change anywhere
is seen, and code for other versions lies beside it. A file begins with the digest of what follows: one that was not
written to its end, or has been changed since, is taken for none.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from bench.atomic import write_file
from bench.machine import can_keep_code, code_folder, sources_digest

DIGEST_BYTES = 32


class CodeShelf:
    """Keeps object code in a folder. Implements `compilation.Shelf`.

    Args:
        folder: Of all code, whatever it was made from.
        stamp: What it is made from now.
    """

    def __init__(self, folder: Path, stamp: str) -> None:
        self._folder, self._writable = folder / stamp, can_keep_code(folder)

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

    def __contains__(self, name: str) -> bool:
        return self._path(name).exists()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.code"


def code_shelf() -> CodeShelf:
    """The shelf in the user's cache folder."""
    from models.kernel.machine.native import described

    digest = hashlib.blake2b(digest_size=12)
    digest.update(sources_digest("models.kernel").encode() + described().encode())
    return CodeShelf(code_folder(), digest.hexdigest())
