"""Which copies suffice: predicates over sets of copies as truth tables, and what can be asked of them.

A set of copies is a number, bit i for copy i; a table has an entry for each set, 64 for six copies. Quorums and volumes
take such tables, so that 4 of 6, a leader and one follower, full and tail segments, and the two steps of a change of
membership are all the same to them.

Source:
    Quorums by votes: Gifford, SOSP 1979. Quorum sets with members of two kinds, and of two memberships at once:
    Verbitski et al., Amazon Aurora: On avoiding distributed consensus for I/Os, commits, and membership changes,
    SIGMOD 2018, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable

Table = tuple[bool, ...]
"""Truth table over sets of copies, shape (2**copies,)."""


def members(*copies: int) -> int:
    """The set of these copies."""
    return sum(1 << copy for copy in set(copies))


def at_least(copies: int, needed: int, among: int | None = None) -> Table:
    """So many copies.

    Args:
        copies: Copies that there are.
        needed: How many suffice.
        among: The set of those that count; None: all.

    Raises:
        ValueError: If not even all of them suffice.
    """
    counted = (1 << copies) - 1 if among is None else among
    if not 0 <= counted < 1 << copies or not 0 <= needed <= counted.bit_count():
        raise ValueError(f"{needed} must be among {counted.bit_count()} of {copies} copies")
    return tuple((held & counted).bit_count() >= needed for held in range(1 << copies))


def both(*tables: Table) -> Table:
    """What satisfies all of these."""
    return tuple(all(entries) for entries in zip(*tables, strict=True))


def either(*tables: Table) -> Table:
    """What satisfies any of these."""
    return tuple(any(entries) for entries in zip(*tables, strict=True))


def without(table: Table, lost: int) -> Table:
    """What satisfies a table while some copies count for nothing."""
    return tuple(table[held & ~lost] for held in range(len(table)))


def meets(one: Table, other: Table) -> bool:
    """Whether no set that satisfies the one can miss a set that satisfies the other: they have a copy in common.

    Reads see every write if this holds of what suffices for a read and for a write; of two writers, one at most can
    go on, if it holds of what suffices for a write and itself. Both tables are monotone.
    """
    everyone = len(one) - 1
    return not any(one[held] and other[everyone & ~held] for held in range(len(one)))


def satisfied_by_losses(table: Table) -> tuple[tuple[int, int], ...]:
    """For each number of lost copies: the sets of so many that leave enough, and all sets of so many."""
    copies = (len(table) - 1).bit_length()
    lost = [copies - held.bit_count() for held in range(len(table))]
    return tuple(
        (_count(table[held] for held in range(len(table)) if lost[held] == losses), lost.count(losses))
        for losses in range(copies + 1)
    )


def _count(entries: Iterable[bool]) -> int:
    return sum(map(int, entries))
