"""What a route does to caches, and nothing else: the reading of a route that replays a workload's past.

Work, ways and limits of admission are left out, as before time zero every delay is taken as zero; so are choices on
which no cache depends. Versions are ordered, and whoever reads gets the newest, as no copy lags behind. What is left
says which cache a request looks up, fills or drops from, in the order of the route.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from models.kernel.parts import Group
from models.kernel.steps.admit import Admit
from models.kernel.steps.base import Step
from models.kernel.steps.choose import Choose, Redirect
from models.kernel.steps.each import Each
from models.kernel.steps.fork import Fork
from models.kernel.steps.hold import Hold
from models.kernel.steps.instead import Attempt, Try
from models.kernel.steps.lookup import Drop, Fill, Lookup, Peek
from models.kernel.steps.occupy import Occupy
from models.kernel.steps.versions import Order, Read
from models.kernel.system import Route


def past_routes(routes: Iterable[Route]) -> list[Route]:
    """The routes of a system's operations, as its caches see them."""
    routes = list(routes)
    every = [step for route in routes for step in _steps(route)]
    groups = {step.cache.group for step in every if isinstance(step, Lookup | Fill | Drop)}
    size = -1
    while len(groups) > size:
        size = len(groups)
        chosen = [step.membership for step in every if isinstance(step, Choose | Redirect)]
        groups |= {table.of for table in chosen if table.group in groups and table.of is not None}
    return [_past(route, groups) for route in routes]


def _past(route: Route, groups: set[Group]) -> Route:
    kept: list[Step] = []
    for step in route.steps:
        if isinstance(step, Lookup):
            kept.append(Lookup(step.cache, _past(step.on_miss, groups), step.whole))
        elif isinstance(step, Read):
            kept.append(Read(step.copies, newest=True))
        elif isinstance(step, Admit | Attempt | Hold | Occupy | Try):
            kept.extend(_past(step.then, groups).steps)
        elif isinstance(step, Redirect):
            if step.membership.group in groups:
                kept.append(Choose(step.membership, step.by))
        elif isinstance(step, Fill | Drop | Order) or (isinstance(step, Choose) and step.membership.group in groups):
            kept.append(step)
        elif isinstance(step, Each):
            part = _past(step.route, groups)
            if part.steps:
                kept.append(replace(step, route=part))
        elif isinstance(step, Fork):
            one = isinstance(step.legs, Route)
            legs = [_past(leg, groups) for leg in ([step.legs] if isinstance(step.legs, Route) else step.legs)]
            if any(leg.steps for leg in legs):
                kept.append(Fork(step.quorum, legs[0] if one else tuple(legs)))
    return Route(*kept)


def _steps(route: Route) -> Iterator[Step]:
    """All steps of a route, those within steps included."""
    for step in route.steps:
        yield step
        if isinstance(step, Lookup):
            yield from _steps(step.on_miss)
        elif isinstance(step, Peek):
            yield from _steps(step.otherwise)
        elif isinstance(step, Admit | Attempt | Hold | Occupy | Try):
            yield from _steps(step.then)
        elif isinstance(step, Each):
            yield from _steps(step.route)
        elif isinstance(step, Fork):
            for leg in [step.legs] if isinstance(step.legs, Route) else step.legs:
                yield from _steps(leg)
