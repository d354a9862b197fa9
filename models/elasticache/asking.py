"""What clients ask of a cache, and of the database behind it, as routes.

Cache-aside: a read asks the cache; on a miss the client reads the database and puts what it got into the cache. A write
goes to the database, and then the object is deleted from the cache, or stored there ("through"). Where the cache is all
there is, a write is a set, and a read that misses gets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.elasticache.commands import Commands, Steps
from models.elasticache.database import Database
from models.kernel.parts import Cache, Group
from models.kernel.steps import Drop, Each, Fill, Lookup, Travel
from models.kernel.steps.each import AT_ONCE_MAX
from models.kernel.system import Route
from models.region import Region

Writes = Literal["delete", "set", "cache"]


@dataclass(frozen=True, eq=False)
class Asking:
    """Routes of one cache.

    Args:
        region: Where it stands, and its clients.
        find: How a client finds the node of a key.
        nodes: The nodes.
        commands: What a node does.
        cache: What it holds.
        database: What stands behind.
        writes: What a write does beside the database: delete or set the cached object; "cache": set it and nothing
            else.
        stored: What a node does once it has stored an object, such as to send it on to replicas.
    """

    region: Region
    find: Steps
    nodes: Group
    commands: Commands
    cache: Cache
    database: Database
    writes: Writes
    stored: Steps = ()

    def read(self) -> Steps:
        """A get and, on a miss, what follows."""
        return (*self.find, self._there, *self.commands.get, Lookup(self.cache, Route(*self._miss())), self._back)

    def write(self) -> Steps:
        """A write."""
        ask, writes = self.database.write, self.writes
        if ask is None or writes == "cache":
            return (*self.find, self._there, *self._stored("set"), self._back)
        return (*ask(self.region.clients).steps, *self.find, self._there, *self._stored(writes), self._back)

    def batch(self) -> Steps:
        """Several gets in one request; they are taken to belong to the node of the first."""
        look = Route(Lookup(self.cache, Route(*self._miss())))
        return (*self.find, self._there, *self.commands.batch, Each(look, most=AT_ONCE_MAX), self._back)

    def slow(self) -> Steps:
        """A command over many objects; it finds its node as a read does, and looks at no object of its own."""
        return (*self.find, self._there, *self.commands.slow, self._back)

    def _miss(self) -> Steps:
        """From the node to the database and back to the node, with what is stored there."""
        ask = self.database.read
        if ask is None:
            return ()
        return (self._back, *ask(self.region.clients).steps, self._there, *self._stored("set"))

    def _stored(self, writes: Writes) -> Steps:
        if writes == "delete":
            return (*self.commands.set, Drop(self.cache), *self.stored)
        return (*self.commands.set, Fill(self.cache), *self.stored)

    @property
    def _there(self) -> Travel:
        return Travel(self.region.network, self.region.clients, self.nodes)

    @property
    def _back(self) -> Travel:
        return Travel(self.region.network, self.nodes, self.region.clients)
