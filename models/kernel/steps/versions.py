"""Writing, applying and reading versions of objects on copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.codes import OP_APPLY, OP_ORDER, OP_READ
from models.kernel.ledger import READ, WROTE, ledger_get, ledger_newest, ledger_order, ledger_put
from models.kernel.parts import Copies
from models.kernel.steps.base import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token


@dataclass(frozen=True, eq=False)
class Order(Step):
    """Order the next version of the walk's object; when the walk ends well for its client, it is acknowledged."""

    copies: Copies
    op = OP_ORDER
    reads_key = True
    is_instant = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        program.copies_of(self.copies)
        return program.add(Site(self, self.op, next=after))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        assert plane.ledger is not None
        order = plane.ledger.order

        def walk(token: Token) -> int:
            token.version, token.access = order(token.key), WROTE
            return token.site

        return walk


@dataclass(frozen=True, eq=False)
class Apply(Step):
    """The chosen member's copy takes the walk's version, unless it has a newer one."""

    copies: Copies
    op = OP_APPLY
    reads_key = True
    is_instant = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        program.copies_of(self.copies)
        return program.add(Site(self, self.op, b=program.group(self.copies.members.group), next=after))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        assert plane.ledger is not None
        put, group = plane.ledger.put, site.b

        def walk(token: Token) -> int:
            put(token.members[group], token.key, token.version)
            return token.site

        return walk


@dataclass(frozen=True, eq=False)
class Read(Step):
    """Read the version that the chosen member's copy has; `newest`: the last that was ordered, wherever it is."""

    copies: Copies
    newest: bool = False
    op = OP_READ
    reads_key = True
    is_instant = True

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        program.copies_of(self.copies)
        group = -1 if self.newest else program.group(self.copies.members.group)
        return program.add(Site(self, self.op, b=group, next=after))

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        assert plane.ledger is not None
        get, newest, group = plane.ledger.get, plane.ledger.newest, site.b

        def walk(token: Token) -> int:
            key = token.key
            token.version = newest(key) if group < 0 else get(token.members[group], key)
            token.access = READ
            return token.site

        return walk


def order(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Order`."""
    token.version = ledger_order(w, token.key)
    token.access = WROTE
    return int(site.next)


def apply(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Apply`."""
    ledger_put(w, token.members[site.b], token.key, token.version)
    return int(site.next)


def read(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `Read`."""
    key = token.key
    token.version = ledger_newest(w, key) if site.b < 0 else ledger_get(w, token.members[site.b], key)
    token.access = READ
    return int(site.next)
