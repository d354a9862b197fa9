"""Asking a table for several items: a query in pages, a batch of items at once.

`query` reads the items from a key on in its item collection, which lies in one partition. It comes in pages of 1 MB,
each a round trip of the client's through a request router; units are counted over a whole page, rounded up to 4 KB.
`scan` is YCSB's, the N records from a key on: it is a query here, as YCSB's records make up one ordered collection; a
table scan partition by partition is another thing.

`batch_get` asks a router for up to 100 items, which it reads from their partitions at the same time; units are counted
item by item. Of more than 16 MB, as many items come as fit, and the client asks for the rest in another round trip, as
it would for the unprocessed keys. More than 100 items are rejected.

Source:
    Amazon DynamoDB Developer Guide (2023) and API reference, BatchGetItem: 100 items; of 100 items of 300 KB, 52 come.
"""

from __future__ import annotations

from models.kernel.steps import Each, Step
from models.kernel.system import Route

PAGE_BYTES = 1 << 20
"""A page of a query; one of 1 MB costs 128 units when it is eventually consistent (DynamoDB guide, 2023)."""
BATCH_BYTES = 16_000_000
"""What a batch brings at most: 52 items of 300 KB (API reference, BatchGetItem)."""
BATCH_ITEMS = 100
LIMITS = (
    "a query's items lie in one partition, that of its first key, and nothing is filtered out",
    "the first item of a batch that fails fails the batch: no unprocessed keys but for size",
    "a client that has given up still asks for the pages that are left",
    "a batch of more than 100 items is rejected at once, as if by the client",
    "what a query or a batch reads is not judged stale or fresh",
    "inserts, and what is modified after a read, are plain writes",
)


def query(find: tuple[Step, ...], page: Route) -> Route:
    """Page after page, all from the partition of the first key."""
    return Route(*find, Each(page, PAGE_BYTES))


def at_once(*item: Step) -> Each:
    """All items of a batch at the same time."""
    return Each(Route(*item), most=BATCH_ITEMS)


def batch_get(batch: Route) -> Route:
    """Batch after batch, until all items have come."""
    return Route(Each(batch, BATCH_BYTES, BATCH_ITEMS))
