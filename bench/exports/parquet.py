"""Tables as Parquet: columns with types, so that nothing need be guessed, and a text is a text whatever it says."""

from __future__ import annotations

import io

from bench.datafiles import Table


def parquet_bytes(table: Table) -> bytes:
    """A table as a Parquet file: texts, 64-bit integers, doubles; null where a number does not exist.

    A lone surrogate, which UTF-8 cannot have, stands as its escape.
    """
    import pyarrow as pa
    from pyarrow import parquet

    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    arrays = table.arrays()
    columns = {
        _text(name): pa.array(
            list(map(_text, arrays[name])) if kind is str else arrays[name], types[kind], from_pandas=True
        )
        for name, kind in table.columns.items()
    }
    written = io.BytesIO()
    parquet.write_table(pa.table(columns), written, compression="zstd")
    return written.getvalue()


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
