"""What clients ask of a cache, and of the database behind it, as routes.

Cache-aside: a read asks the cache; on a miss the client reads the database and puts what it got into the cache. A write
goes to the database, and then the object is deleted from the cache, or stored there ("through"). Where the cache is all
there is, a write is a set, and a read that misses gets nothing. Where `writes` is "cache" and there is a database, a
read that misses makes anew what was lost, which is a write.

Where clients know another way, a read whose node refuses, or that has timed out once, takes it; and a write has then
done its duty at the database.

Where a node takes no object beyond some size, a set of one fails, and what the node had of it is gone. Whoever brings
one from the database has it nevertheless, and leaves it at that; a write fails where the cache is the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from models.elasticache.commands import Commands, Steps
from models.elasticache.database import Database
from models.elasticache.leases import Leases
from models.kernel.parts import Cache, Copies, Group, Station
from models.kernel.steps import Apply, Attempt, Drop, Each, Fill, Fit, Lookup, Occupy, Order, Step, Travel, Try
from models.kernel.steps.each import AT_ONCE_MAX
from models.kernel.system import REFUSED, REJECTED, Route
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
        door: What a node does first with a request that may have been sent to the wrong one.
        reader: How a client finds a node to read from, and what that does first; None: as for a write.
        checked: What a node looks at when it has come to a command about a key, given what it does for it: whether the
            key is its own; else another one does it.
        checked_by_reader: The same of a node that is read from.
        append: What comes before a node stores an object, so that replicas can have it too.
        replicate: How what it does then is done by replicas, given what each of them does.
        connections: Which connection a request keeps until it is done; None: there are always enough.
        leases: How a node lets one client at a time read the database; None: all that miss do.
        instead: The way of a read whose node refuses or has let it time out; None: there is none.
        attempts: How many may ask the cache, before it is taken to be silent.
        copies: Who holds which version, where the cache is the store.
        limited: Whether a set of an object that is too large for the cache fails.
    """

    region: Region
    find: Steps
    nodes: Group
    commands: Commands
    cache: Cache
    database: Database
    writes: Writes
    door: Steps = ()
    reader: tuple[Steps, Steps] | None = None
    checked: Callable[[Steps], Steps] = lambda _: ()
    checked_by_reader: Callable[[Steps], Steps] = lambda _: ()
    append: Steps = ()
    replicate: Callable[[Steps], Steps] = lambda _: ()
    connections: Station | None = None
    leases: Leases | None = None
    instead: Steps | None = None
    attempts: int = 1
    copies: Copies | None = None
    limited: bool = False

    def read(self) -> Steps:
        """A get and, on a miss, what follows."""
        get, look = self.commands.get, (*self.commands.give, Lookup(self.cache, Route(*self._miss())))
        way = self._ask(*get, *self.checked(get), *look)
        if self.reader is not None:
            serve = (*self.reader[1], *get, *self.checked_by_reader(get))
            way = self._or((*self.reader[0], self._there, *serve, *look, self._back), way)
        return way if self.instead is None else self._or(way, self.instead)

    def write(self) -> Steps:
        """A write."""
        ask, writes = self.database.write, self.writes
        if ask is None or writes == "cache":
            return self._ask(*self._stored("set", ordered=True))
        cached = self._at_best(self._ask(*self._stored(writes)))
        return (*ask(self.region.clients).steps, *(cached if self.instead is None else self._or(cached, ())))

    def batch(self) -> Steps:
        """Several gets in one request; they are taken to belong to the node of the first."""
        look = Route(Lookup(self.cache, Route(*self._miss())))
        return self._ask(*self.commands.batch, Each(look, most=AT_ONCE_MAX))

    def slow(self) -> Steps:
        """A command over many objects; it finds its node as a read does, and looks at no object of its own."""
        return self._ask(*self.commands.slow)

    def _ask(self, *what: Step) -> Steps:
        """Go to the node of a key, and back."""
        there_and_back = (self._there, *self.door, *what, self._back)
        if self.connections is None:
            return (*self.find, *there_and_back)
        return (*self.find, Occupy(self.connections, Route(*there_and_back)))

    def _or(self, way: Steps, instead: Steps) -> Steps:
        """A way of first attempts, and another where it is refused, and of later ones."""
        other = Route(*instead)
        return (Attempt(Route(Try(Route(*way), other, REFUSED)), other, self.attempts),)

    def _miss(self) -> Steps:
        """From the node to the database and back to the node, with what is stored there."""
        ask = self.database.read
        if ask is None:
            return ()
        again = () if self.reader is None else self.find
        stored = self._at_best((*again, self._there, *self.door, *self._stored("set", ordered=True)))
        fetch = (self._back, *ask(self.region.clients).steps, *stored)
        return fetch if self.leases is None else self.leases.one_at_a_time(fetch)

    def _at_best(self, stored: Steps) -> Steps:
        """To have an object stored, or else to do without."""
        return (Try(Route(*stored), Route(), REJECTED),) if self.limited else stored

    def _stored(self, writes: Writes, *, ordered: bool = False) -> Steps:
        """What a node does with an object; where it is the store, its order of versions is that in which it does so."""
        order: Steps = ()
        effect: Steps = (Drop(self.cache),) if writes == "delete" else (Fill(self.cache),)
        if self.copies is not None and ordered:
            order, effect = (Order(self.copies),), (*effect, Apply(self.copies))
        set_ = self.commands.set
        fit = (Fit(self.cache),) if self.limited and writes != "delete" else ()
        return (*set_, *self.checked(set_), *fit, *self.append, *order, *effect, *self.replicate(effect))

    @property
    def _there(self) -> Travel:
        return Travel(self.region.network, self.region.clients, self.nodes)

    @property
    def _back(self) -> Travel:
        return Travel(self.region.network, self.nodes, self.region.clients)
