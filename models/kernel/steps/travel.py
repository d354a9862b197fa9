"""Going from one place to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.kernel.codes import GONE, OP_DELAY, OP_VIA, PARKED
from models.kernel.laws import Constant
from models.kernel.parts import Group, Network
from models.kernel.slots import WAKE, draw, heap_push
from models.kernel.station import REFUSING, SILENT, vanish
from models.kernel.steps.base import Step
from models.kernel.steps.serve import Serve
from models.kernel.system import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.kernel.program import Program, Site
    from models.kernel.simpy_engine import SimpyPlane
    from models.kernel.tokens import Token


@dataclass(frozen=True, eq=False)
class Travel(Step):
    """Cross a network: pick the link between two members' zones, wait for its bandwidth, then for its latency.

    A failed request goes the rest of its way too, so that bad news travels no faster than good.

    Args:
        network: What is crossed.
        source: Group whose chosen member it starts from; None: zone 0.
        target: Group whose chosen member it goes to; None: zone 0.
    """

    network: Network
    source: Group | None = None
    target: Group | None = None

    def place(self, program: Program, after: int, depth: int) -> int:
        from models.kernel.program import Site

        network = program.network(self.network)
        links = program.group(program.link_groups[network])
        base = program.link_base(network)
        far = self.network.far if self.network.far is not None else self.network.near
        after = program.add(
            Site(
                _Delay(), OP_DELAY, a=base, b=links, c=program.law(far), law=program.law(self.network.near), next=after,
                carries=1, d=self.network.zones, **program.visit(self.network.name),
            )
        )  # fmt: skip
        if self.network.bytes_per_s is not None:
            per_byte = Constant(value=1.0 / self.network.bytes_per_s)
            transmit = Serve(program.link_stations[network], per_byte, unit_bytes=1, carries=True)
            after = transmit.place(program, after, depth)
        if self.network.zones > 1:
            source = -1 if self.source is None else program.group(self.source)
            target = -1 if self.target is None else program.group(self.target)
            after = program.add(
                Site(_Via(), OP_VIA, a=source, b=target, c=self.network.zones, d=links, next=after, carries=1)
            )
        return after


class _Via(Step):
    """Pick the link between the zones of two chosen members."""

    op = OP_VIA
    is_private = True
    is_instant = True

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        zones = plane.zones
        then, after, _ = plane.sites[site.next]
        source_group, target_group, width, links = site.a, site.b, site.c, site.d

        def via(token: Token) -> int:
            members = token.members
            source = zones[source_group][members[source_group]] if source_group >= 0 else 0
            target = zones[target_group][members[target_group]] if target_group >= 0 else 0
            members[links] = source * width + target
            token.site = after
            return then(token)

        return via


class _Delay(Step):
    """Take a link's latency: near within a zone, far across."""

    op = OP_DELAY
    takes_time = True
    is_private = True

    def bind(self, plane: SimpyPlane, site: Site) -> Callable[[Token], int]:
        zones, group = site.d, site.b
        links = plane.links[site.a : site.a + zones**2]
        near, far = plane.draws[site.index], plane.far_draws[site.index]
        draws = [near if link // zones == link % zones else far for link in range(zones**2)]
        wake_at = plane.wake_at

        def delay(token: Token) -> int:
            member = token.members[group]
            link = links[member]
            if link.state == SILENT:
                plane.vanish(token)
                return GONE
            if link.state == REFUSING:
                token.error = token.error or REFUSED
                return token.site
            delay_s = draws[member](token) * link.factor
            if delay_s <= 0.0:
                return token.site
            token.due = plane.now + delay_s
            wake_at(token.due, token)
            return PARKED

        return delay


def via(w: Any, token: Any, site: Any) -> int:
    """Compiled form of `_Via`."""
    source = w.zones[w.zone_starts[site.a] + token.members[site.a]] if site.a >= 0 else 0
    target = w.zones[w.zone_starts[site.b] + token.members[site.b]] if site.b >= 0 else 0
    token.members[site.d] = source * site.c + target
    return int(site.next)


def delay_of(w: Any, token: Any, site: Any, member: int) -> float:
    """Seconds that a walk takes over a link."""
    near = member // site.d == member % site.d
    return float(draw(w, token, site, site.law if near else site.c) * w.links[site.a + member].factor)


def delay(w: Any, i: int, token: Any, site: Any) -> int:
    """Compiled form of `_Delay`."""
    member = token.members[site.b]
    link = w.links[site.a + member]
    if link.state == SILENT:
        vanish(w, i)
        return GONE
    if link.state == REFUSING:
        if token.error == 0:
            token.error = REFUSED
        return int(site.next)
    delay_s = delay_of(w, token, site, member)
    if delay_s <= 0.0:
        return int(site.next)
    token.due = w.clock[0].now + delay_s
    token.origin = w.clock[0].since
    heap_push(w.clock[0], w.heap, token.due, WAKE, i, token.stamp)
    return PARKED
