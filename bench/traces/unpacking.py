"""From a file to text: opened with care, unpacked as its first bytes tell, decoded in blocks of whole lines."""

from __future__ import annotations

import codecs
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol

from bench.traces import limits
from bench.traces.complaints import Complaints

_PIECE_BYTES = 1 << 16
"""Text is worked on in blocks of this size: what a block's rows take then stays in the processor's caches."""
_FEED_BYTES = 1 << 11
"""So much packed data is unpacked at once: a byte of it can become 32 KiB (xz, zstandard), all of it 64 MiB."""
_XZ_MEMORY_BYTES = 1 << 28
_ZSTD_WINDOW_BYTES = 1 << 27


def open_file(path: Path, complaints: Complaints) -> BinaryIO:
    """Open a regular file; a pipe must not make us wait, nor a device run for ever."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        # Where the system refuses to open a folder at all, it gives another reason.
        reason = "it is a folder" if path.is_dir() else error.strerror
        complaints.stop(None, f"the trace cannot be opened: {reason}", "check its path and who may read it")
    except ValueError:
        complaints.stop(None, "the trace cannot be opened: a NUL character in its path", "check its path")
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"
        complaints.stop(None, f"the trace is {kind}", "name a file: CSV, plain or packed by gzip, xz or zstandard")
    return os.fdopen(descriptor, "rb")


def pieces_of(file: BinaryIO, note: Callable[[bytes], None]) -> Iterator[bytes]:
    """The file's bytes, each piece noted (for the digest)."""
    while piece := file.read(_PIECE_BYTES):
        note(piece)
        yield piece


class _Decoder(Protocol):
    """What the decoders of zlib, lzma and zstandard have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of a member has come."""

    @property
    def unused_data(self) -> bytes:
        """What came behind it."""

    def decompress(self, data: bytes, /) -> bytes:
        """Unpack."""


def _packing(start: bytes) -> tuple[str, Callable[[], _Decoder], type[Exception]] | None:
    """How a file that starts so is packed: name, maker of decoders, their error; None for a plain one."""
    if start.startswith(b"\x1f\x8b"):
        return "gzip", lambda: zlib.decompressobj(wbits=31), zlib.error
    if start.startswith(b"\xfd7zXZ\x00"):
        return "xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES), lzma.LZMAError
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        return "zstandard", unpacker.decompressobj, zstandard.ZstdError
    return None


def unpacked(pieces: Iterator[bytes], complaints: Complaints) -> Iterator[bytes]:
    """The text's bytes in pieces, up to the limit."""
    first = next(pieces, b"")
    pieces = chain((first,), pieces)
    packing = _packing(first)
    total = 0
    for block in pieces if packing is None else _unpacked_members(pieces, *packing, complaints):
        total += len(block)
        if total > limits.TRACE_BYTES_MAX:
            complaints.over_limit("bytes" if packing is None else "bytes, unpacked", limits.TRACE_BYTES_MAX)
        for start in range(0, len(block), _PIECE_BYTES):
            yield block[start : start + _PIECE_BYTES]


def _unpacked_members(
    pieces: Iterator[bytes],
    packing: str,
    make: Callable[[], _Decoder],
    broken: type[Exception],
    complaints: Complaints,
) -> Iterator[bytes]:
    """Unpack a file of one or more members (streams, frames); there may be zero bytes between them."""
    decoder: _Decoder | None = None
    for piece in pieces:
        for start in range(0, len(piece), _FEED_BYTES):
            data = piece[start : start + _FEED_BYTES]
            while data:
                if decoder is None:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    decoder = make()
                try:
                    block = decoder.decompress(data)
                except broken as error:
                    complaints.stop(None, f"broken {packing} data: {error}", "copy or pack the file once more")
                yield block
                data = b""
                if decoder.eof:
                    data, decoder = decoder.unused_data, None
    if decoder is not None:
        complaints.stop(None, f"the file ends in the middle of its {packing} data", "copy the whole file")


def texts_of(blocks: Iterator[bytes], complaints: Complaints) -> Iterator[str]:
    """Text in blocks of whole lines, of about a piece's length."""
    waiting: list[bytes] = []
    lines = 0
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= _PIECE_BYTES:
            data = b"".join(waiting)
            end = data.rfind(b"\n") + 1
            if len(data) - end > limits.TRACE_LINE_BYTES_MAX:
                what = f"a line of more than {limits.TRACE_LINE_BYTES_MAX:,} bytes"
                complaints.stop(lines + data.count(b"\n") + 1, what, "is this a CSV file?")
            waiting = [data[end:]]
            text = _decoded(data[:end], lines, complaints)
            lines += text.count("\n")
            yield text
    yield _decoded(b"".join(waiting), lines, complaints)


def _decoded(data: bytes, lines: int, complaints: Complaints) -> str:
    """Text from the bytes that follow so many lines; a byte order mark in front of all is dropped."""
    if lines == 0:
        data = data.removeprefix(codecs.BOM_UTF8)
    nul = data.find(b"\0")
    if nul >= 0:
        complaints.stop(lines + data.count(b"\n", 0, nul) + 1, "a NUL byte", "save the trace as text in UTF-8")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = lines + data.count(b"\n", 0, error.start) + 1
        complaints.stop(line, f"byte 0x{data[error.start]:02x} is not UTF-8", "save the trace as text in UTF-8")
