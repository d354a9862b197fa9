"""Draws ahead of their time, by the column.

What a request of an open source draws at a site is a pure function of its number, so it may be drawn as well when the
block is made that the request comes in: for thousands of requests in a row, of which a processor works at several at
once. What is drawn is the part of a variate that does not depend on its law's parameters (`slots.standard`), in a
column for each site and branch. Columns are a ring, long enough for the requests of two blocks.

Not every request comes to every site. A column is filled for the next block if enough requests of the last one drew
there; whoever finds nothing in a column draws for itself, and gets the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from models.kernel.codes import OP_CHOOSE, OP_FORK
from models.kernel.laws import FORM, LOGS, PLAIN
from models.kernel.numerics import _central, log, normal_quantile_of_one
from models.kernel.random import uniforms
from models.kernel.steps.choose import RANDOM

if TYPE_CHECKING:
    from models.kernel.outcome import FloatArray
    from models.kernel.program import Program, Site

SELDOM = 4
"""A column is filled where at least one in so many requests draws."""


class Column(NamedTuple):
    """What a column holds: draws of one form, of one visit to a stream, for one branch."""

    stream: int
    visit: int
    branch: int
    form: int


def lay_columns(program: Program) -> list[Column]:
    """Give each site that draws its columns, one for each branch that comes to it; the first belongs to nobody."""
    columns = [Column(0, 0, 0, PLAIN)]
    for site, branches in _branches(program):
        form = _form(program, site)
        if form is not None:
            site.column = len(columns) - branches.start
            columns += [Column(site.stream, site.visit, branch, form) for branch in branches]
    return columns


def _form(program: Program, site: Site) -> int | None:
    """The form of all that a site draws, if it is one."""
    if site.op == OP_CHOOSE and site.b == RANDOM:
        return PLAIN
    forms = {FORM.get(program.laws.laws[law].code) for law in site.laws}
    return forms.pop() if len(forms) == 1 else None


def _branches(program: Program) -> Iterator[tuple[Site, range]]:
    """Sites that clients' requests come to outside of forks, or down the legs of a fork that is in no other."""
    main = program.reached(program.entries[: len(program.operation_names)])
    yield from ((site, range(1)) for site in main)
    for fork in (site for site in main if site.op == OP_FORK):
        legs = program.legs[fork.a : fork.a + fork.b]
        for entry in dict.fromkeys(legs):
            first, last = legs.index(entry), len(legs) - legs[::-1].index(entry)
            for site in program.reached([entry]):
                yield site, range(first + 1, last + 1)


# Compiled.


def fill_columns(w: Any, first: int, count: int, client: int) -> None:
    """Draw for the requests of a block, from ordinal `first` on, what enough of those before them drew."""
    window = w.drawn.shape[1]
    at = first & (window - 1)
    before_end = min(count, window - at)
    for index in range(1, w.columns.shape[0]):
        column = w.columns[index]
        if column.used * SELDOM >= count:
            if column.end != first:
                column.first = first
            column.end = first + count
            column.first = max(column.first, column.end - window)
            fill_column(w, column, w.drawn[index], at, before_end, first, client)
            fill_column(w, column, w.drawn[index], 0, count - before_end, first + before_end, client)
        column.used = 0


def fill_column(w: Any, column: Any, out: FloatArray, at: int, count: int, first: int, client: int) -> None:
    """Draw for some requests in a row."""
    key = w.keys[column.stream]
    if column.form == PLAIN:
        fill_uniforms(key[0], key[1], first, client, column.branch, column.visit, out, at, count)
    elif column.form == LOGS:
        fill_uniforms(key[0], key[1], first, client, column.branch, column.visit, out, at, count)
        for i in range(count):
            out[at + i] = -log(out[at + i])
    else:
        plain = w.drawn[0]
        fill_uniforms(key[0], key[1], first, client, column.branch, column.visit, plain, at, count)
        # The formula of the middle for all, several at once; then the few that it is not for.
        for i in range(count):
            out[at + i] = _central(plain[at + i] - 0.5)
        for i in range(count):
            u = plain[at + i]
            if abs(u - 0.5) > 0.425:
                out[at + i] = normal_quantile_of_one(u)


def fill_uniforms(
    k0: int, k1: int, first: int, client: int, branch: int, visit: int, out: FloatArray, at: int, count: int
) -> None:
    """The first uniforms of some requests in a row."""
    for i in range(count):
        u, _ = uniforms(k0, k1, first + i, client, 0, branch, visit, 0)
        out[at + i] = u
