"""How much a request is: its one item, its whole result, or its items one by one; and how a result comes in parts.

Services round sizes up to units of capacity or of work, and it matters whether sizes are added up first (DynamoDB's
Query and Scan) or rounded item by item (BatchGetItem). The functions are plain, and the same for both engines.
"""

from __future__ import annotations

from typing import Literal

Of = Literal["item", "result", "items"]
"""What units are of: one item; the sizes of all items of the walk, added up; or each of its items by itself."""
ITEM, RESULT, ITEMS = range(3)
OF: dict[Of, int] = {"item": ITEM, "result": RESULT, "items": ITEMS}

SIZE_BYTES_MAX = 2.0**50
"""Bytes of a key or a value; what is drawn beyond is cut there."""
ITEMS_MAX = 10_000
"""Items of one request."""
AMOUNT_MAX = 1 << 60
"""Bytes or units of a result; what would be more is cut there, as it would not fit 64 bits."""


def all_items(items: int, amount: int) -> int:
    """So many times an amount."""
    return items * min(amount, AMOUNT_MAX // items)


def units(of: int, items: int, size: int, unit_bytes: int, least: int) -> int:
    """Units of a walk's items.

    Args:
        of: `ITEM`, `RESULT` or `ITEMS`.
        items: Items of the walk, one or more.
        size: Bytes of each.
        unit_bytes: Bytes of a unit; what is begun counts whole.
        least: Units of whatever is rounded, at least.
    """
    if of == RESULT:
        return max(least, -(-all_items(items, size) // unit_bytes))
    one = max(least, -(-size // unit_bytes))
    return all_items(items, one) if of == ITEMS else one


def items_in_part(items: int, size: int, page_bytes: int) -> int:
    """Items of a full page, which holds whole items only, and one at least; of any part if there are no pages: one."""
    if page_bytes == 0:
        return 1
    return max(1, min(items, page_bytes // size)) if size > 0 else items
