"""The kernel's plain functions, run in compiled code over arrays, to be held against the same functions in Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.kernel import compilation


def compiled_over(function: Any, *columns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The function of each row of float columns, computed in compiled code."""
    njit = compilation._prepared().njit
    if len(columns) == 1:

        @njit
        def over(xs: Any, out: Any) -> None:
            for i in range(xs.shape[0]):
                out[i] = function(xs[i])

    else:

        @njit
        def over(xs: Any, ys: Any, out: Any) -> None:
            for i in range(xs.shape[0]):
                out[i] = function(xs[i], ys[i])

    out = np.empty(len(columns[0]))
    over(*columns, out)
    return out


def compiled_identities(function: Any, identities: np.ndarray[Any, Any], *before: Any) -> np.ndarray[Any, Any]:
    """`function(*before, identity...)`, a float, for each row of 64-bit integers, in compiled code."""
    njit = compilation._prepared().njit

    @njit
    def over(before: Any, rows: Any, out: Any) -> None:
        for i in range(rows.shape[0]):
            r = rows[i]
            out[i] = function(*before, r[0], r[1], r[2], r[3], r[4])

    out = np.empty(len(identities))
    over(before, identities, out)
    return out
