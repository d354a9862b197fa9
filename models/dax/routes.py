"""What is asked of a DAX cluster, as routes.

A client sends a read to any node. A hit is answered from the node's item cache. A miss goes through to the table; what
comes back, be it that there is no such item, is put in the cache of the node that asked, and goes on to those of all
other nodes, which nobody waits for. A write goes to the primary, through to the table, into the primary's item cache,
and likewise on to the other nodes. What the table turns away is not cached. Strongly consistent reads and
transactions that read pass through.

No node takes an older version of an item for a newer one: whoever reads through DAX after a write sees that write until
the item is evicted, as the guide says.

A batch asks the item cache for its items one by one, all at once; those that miss are read through, each by itself. A
query asks the query cache for its whole result, by the record where it starts; what it gets is as old as what was read
of that record. No write touches the query cache.

Source:
    DAX developer guide, "DAX: How it works" and "DAX and DynamoDB consistency models" (2023): steps of GetItem, the
    fifth of which replicates the item to all nodes, and of writes; behaviour of the query cache.

Limits:
    The guide says elsewhere that a miss is written to the primary's cache, and replicas kept in sync with that: here it
    goes from the node that asked to all others at once, one hop instead of two. Nodes send copies straight away, not in
    the order of a log, and a node whose queue is full loses them. What a batch reads from the table stays on the node
    that asked. Queries that start at one record are taken to ask for the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from models.dax.cluster import HIT_UNITS, MISS_UNITS, WRITE_UNITS, Cluster
from models.kernel.parts import Group, Membership, Quorum
from models.kernel.steps import Choose, Each, Fill, Fork, Hold, Lookup, Step, Travel
from models.kernel.system import Route
from models.kernel.tier import Tier

Steps = tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class Routes:
    """The routes of a cluster in front of a table.

    Args:
        cluster: The cluster.
        table: What stands behind it.
        copy_units: Work of a node with an item that another one has read, in normalised requests; None: it is not sent.
        copy_queries: Whether results of queries are sent on as well.
    """

    cluster: Cluster
    table: Tier
    copy_units: int | None
    copy_queries: bool

    def read(self) -> Steps:
        """An eventually consistent read."""
        return self._ask(self.cluster.readers, self.cluster.work(HIT_UNITS), self._item(self._copies_of_misses()))

    def strong_read(self) -> Steps:
        """A strongly consistent read."""
        work = self.cluster.work(MISS_UNITS)
        return self._ask(self.cluster.readers, work, *self._from_table(self.table.strong_read))

    def transact_read(self) -> Steps:
        """A transaction that reads one item; it passes through, and nothing is cached."""
        work = self.cluster.work(MISS_UNITS)
        return self._ask(self.cluster.readers, work, *self._from_table(self.table.transact_read))

    def write(self) -> Steps:
        """A write."""
        return self._ask(
            self.cluster.writers, self.cluster.work(WRITE_UNITS), *self._from_table(self.table.write),
            self._fill, *self._copies("propagation", WRITE_UNITS, self._fill),
        )  # fmt: skip

    def read_modify_write(self) -> Steps:
        """A read, and then a write of the same item."""
        return (*self.read(), *self.write())

    def batch_get(self) -> Steps:
        """Several items, each from the item cache or through it."""
        items = Each(Route(self._item(())), most=self.table.batch_items)
        batch = self._ask(self.cluster.readers, self.cluster.work(HIT_UNITS, "items"), items)
        return (Each(Route(*batch), self.table.batch_bytes, self.table.batch_items),)

    def query(self) -> Steps:
        """The items from a key on: a whole result, from the query cache or through it."""
        cluster, cache = self.cluster, self.cluster.query_cache
        from_table = self._from_table(self.table.query)
        if cache is None:
            return self._ask(cluster.readers, cluster.work(MISS_UNITS, "result"), *from_table)
        fill = Fill(cache, whole=True)
        copies = self._copies("copies of queries", self.copy_units or 0, fill) if self.copy_queries else ()
        miss = Route(cluster.work(MISS_UNITS - HIT_UNITS, "result"), *from_table, fill, *copies)
        return self._ask(cluster.readers, cluster.work(HIT_UNITS, "result"), Lookup(cache, miss, whole=True))

    def _ask(self, whom: Membership, *what: Step) -> Steps:
        """Clients of a zone ask a node that they know."""
        network, clients, nodes = self.cluster.region.network, self.cluster.region.clients, self.cluster.nodes
        return (
            Choose(whom, "random" if whom.width > 1 else 0), Travel(network, clients, nodes), *what,
            Travel(network, nodes, clients),
        )  # fmt: skip

    def _item(self, copies: Steps) -> Lookup:
        """Look an item up; a miss reads it through, alone or behind whoever does so already."""
        cluster = self.cluster
        through = (
            cluster.work(MISS_UNITS - HIT_UNITS), *self._from_table(self.table.read), self._fill, *copies,
        )  # fmt: skip
        return Lookup(
            cluster.item_cache,
            Route(*through) if cluster.misses is None else Route(Hold(cluster.misses, Route(*through))),
        )

    def _from_table(self, ask: Callable[[Group], Route]) -> Steps:
        """Ask the table, and be there when it answers."""
        return (*ask(self.cluster.nodes).steps, self.cluster.alive)

    @property
    def _fill(self) -> Fill:
        return Fill(self.cluster.item_cache, keep_newer=True)

    def _copies_of_misses(self) -> Steps:
        return () if self.copy_units is None else self._copies("copies of misses", self.copy_units, self._fill)

    def _copies(self, name: str, units: int, fill: Fill) -> Steps:
        """Send what has come to all other nodes, and do not wait."""
        cluster = self.cluster
        if cluster.others is None:
            return ()
        leg = Route(
            Choose(cluster.others, "leg"), Travel(cluster.region.network, cluster.nodes, cluster.peers),
            cluster.arrive(), cluster.work(units) if units else cluster.alive, fill,
        )  # fmt: skip
        return (Fork(self._nobody_waits.setdefault(name, Quorum(name, cluster.others.width, needed=0)), leg),)

    @cached_property
    def _nobody_waits(self) -> dict[str, Quorum]:
        """Quorums of detached work, by name, as routes share them."""
        return {}
