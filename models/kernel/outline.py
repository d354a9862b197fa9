"""A route as somebody would tell it: who does what, where, in which order, and which ways part.

A third reading of the same data, beside the engines and the closed forms: `outline` turns the steps of a route into
moves between places, which a page draws as an arrow diagram and reads out as a list. A place is a group of members, or
the clients, where every route begins. A choice of a member is told with the way to it, or, where none leads there,
where it is made.

Limits:
    Where steps name no network, a place is entered in no time; a way that starts elsewhere than it ends is told up to
    its end, and what follows goes on from the end of the first of several ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from models.kernel.laws import Law
from models.kernel.parts import Bucket, Group
from models.kernel.steps import (
    Admit,
    Allocate,
    Append,
    Apply,
    At,
    Attempt,
    Await,
    Choose,
    Drop,
    Each,
    Fill,
    Find,
    Fit,
    Fork,
    Hold,
    Lookup,
    Needed,
    Occupy,
    Order,
    Pass,
    Peek,
    Persist,
    Read,
    Receive,
    Redirect,
    Report,
    Seek,
    Serve,
    Step,
    Travel,
    Try,
)
from models.kernel.system import ERRORS, Route

CLIENTS = "clients"
"""Where every route begins, whether or not a group is called so."""


@dataclass(frozen=True)
class Way:
    """One of the ways that part at a move."""

    label: str
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class Move:
    """One thing that happens on a route.

    Args:
        kind: "do" something at a place, "go" from a place to another, or take one of several "ways" and come together.
        at: The place.
        text: What it is, in words; empty for going where nothing more is to be said.
        to: Where "go" leads.
        means_s: Mean seconds that it takes; of a network within a zone and, if that differs, across.
        per: What the time is for, if not for all of it: "item", "1,024 B".
        station: The station that serves, or a server of which is held.
        ways: The ways that part here.
    """

    kind: Literal["do", "go", "ways"]
    at: str
    text: str
    to: str = ""
    means_s: tuple[float, ...] = ()
    per: str = ""
    station: str = ""
    ways: tuple[Way, ...] = ()


def outline(route: Route) -> tuple[Move, ...]:
    """A client's route from its beginning to its end."""
    reader = _Reader(CLIENTS)
    moves = tuple(reader.read(route))
    return moves if reader.here == CLIENTS else (*moves, Move("go", reader.here, "", CLIENTS))


class _Reader:
    """Reads one way from a place on; `here` is where it has come to.

    Several groups may be names of the same nodes, from which another member is chosen (the primary and its peers). Who
    goes on as the member that an earlier choice stands for is still at the same place.
    """

    def __init__(self, start: str) -> None:
        self.start = self.here = start
        self.told: dict[Group, str] = {}
        self.same: dict[Group, str] = {}

    def read(self, route: Route) -> Iterator[Move]:
        """The moves of a route."""
        for index, step in enumerate(route.steps):
            rest = route.steps[index + 1 :]
            if isinstance(step, Choose):
                yield from self._choose(step, rest)
            elif isinstance(step, Travel):
                yield self._travel(step, rest)
            elif isinstance(step, Seek):
                self.told[step.volume.segments] = _SOUGHT[step.which]
            else:
                place = self._place(step)
                if place not in ("", self.here):
                    yield Move("go", self.here, "", place)
                    self.here = place
                yield self._move(step)

    def _choose(self, step: Choose, rest: Sequence[Step]) -> Iterator[Move]:
        """A choice is told with the way there."""
        group, of = step.membership.group, step.membership.of
        words = _choice(step)
        ways_out = [each.target for each in rest if isinstance(each, Travel)]
        is_here = step.membership.width == 1 and of is not None and self.here in {of.name, self.same.get(of)}
        if is_here and ways_out[:1] != [group]:
            self.same[group] = self.here
        elif group in ways_out:
            self.told[group] = words
        elif words and group.name != self.here:
            yield Move("do", self.here, f"choose {words} ({group.name})")

    def _travel(self, step: Travel, rest: Sequence[Step]) -> Move:
        source, target, network = self.here, step.target, step.network
        words = ""
        if target is None:
            self.here = next(filter(None, map(self._place, rest)), self.start)
        elif target in self.told or target.fails:
            self.here, words = target.name, self.told.pop(target, "")
            self.same.clear()
        else:
            # Books are no place: whoever is found in them is where this way began.
            self.here = self.start
        means_s = [network.near.mean()]
        if network.far is not None and network.zones > 1:
            means_s.append(network.far.mean())
        return Move("go", source, "" if self.here == CLIENTS else words, self.here, tuple(means_s))

    def _place(self, step: Step) -> str:
        """Where a step happens; empty where it may be anywhere."""
        group = _group(step)
        if group is None:
            return ""
        return self.same.get(group, group.name if group.fails else "")

    def _move(self, step: Step) -> Move:
        """A step that stands still, or parts ways."""
        here = self.here
        match step:
            case Serve():
                name = step.station.name
                return Move(
                    "do",
                    here,
                    "serve" if name == here else name,
                    means_s=_means_s(step.work),
                    per=_per(step),
                    station=name,
                )
            case Occupy():
                return self._ways(f"hold a server of {step.station.name}", ("meanwhile", step.then))
            case Lookup():
                return self._ways(f"look up in {step.cache.name}", ("on a miss", step.on_miss), stay=True)
            case Peek():
                return self._ways(f"peek into {step.cache.name}", ("if it lacks the key", step.otherwise), stay=True)
            case Admit():
                words = f"take tokens of {_names(step.buckets)}"
                words += "".join(f", or of {_names(some)}" for some in step.either)
                return self._ways(words, ("if there are enough", step.then))
            case Fork():
                return self._fork(step)
            case Each():
                what = f"page of {step.page_bytes:,} B" if step.page_bytes else "item"
                return self._ways("at once" if step.at_once else "one after another", (f"each {what}", step.route))
            case Hold():
                others = "the others share what comes of it" if step.share else "the others wait their turn"
                by = "key" if step.room.by is None else step.room.by.name
                return self._ways(f"one at a time by {by} ({step.room.name})", (others, step.then))
            case Try():
                failure = f"if {ERRORS[step.error]}" if step.error else "if that fails"
                return self._ways("try", ("first", step.then), (failure, step.instead))
            case Attempt():
                first = "first attempt" if step.count == 1 else f"first {step.count} attempts"
                return self._ways("by attempt", (first, step.first), ("later attempts", step.later))
            case Redirect():
                return self._ways(
                    f"check {step.membership.group.name}", ("if another one is right", step.then), stay=True
                )
            case Fill():
                return Move("do", here, f"put into {step.cache.name}")
            case Fit():
                return Move("do", here, f"reject if too large for {step.cache.name}")
            case Drop():
                return Move("do", here, f"remove from {step.cache.name}")
            case Pass():
                return Move("do", here, f"{step.station.name} must be up")
            case Append():
                return Move("do", here, f"append to {step.log.name}")
            case Receive():
                return Move("do", here, f"receive in {step.log.name}, in turn")
            case Order():
                return Move("do", here, f"order the next version of {step.copies.name}")
            case Apply():
                return Move("do", here, f"apply to {step.copies.name}")
            case Read():
                return Move("do", here, f"read {'the newest of' if step.newest else 'from'} {step.copies.name}")
            case Allocate():
                return Move("do", here, f"allocate a record of {step.volume.name}")
            case Persist():
                return Move("do", here, f"persist in {step.volume.name}")
            case Report():
                return Move("do", here, f"acknowledged for {step.volume.name}")
            case Find():
                return Move("do", here, f"refuse if {step.volume.name} is not complete here")
            case Needed():
                return Move("do", here, "end if others have answered")
            case Await():
                return Move("do", here, f"wait until {step.volume.name} is durable")
        raise TypeError(f"nobody has said how {type(step).__name__} is told")

    def _fork(self, step: Fork) -> Move:
        """Legs at once; who waits for them goes on from where they parted."""
        quorum = step.quorum
        if quorum.needed == 0:
            words = "and nobody waits"
        elif quorum.needed is not None:
            words = f"wait for {quorum.needed} of {quorum.legs}"
        else:
            words = f"wait for a quorum of {quorum.legs}"
        if isinstance(step.legs, Route):
            return self._ways(f"{quorum.name}: {words}", (f"each of {quorum.legs}, at once", step.legs), stay=True)
        legs = [(f"{index + 1} of {quorum.legs}, at once", leg) for index, leg in enumerate(step.legs)]
        return self._ways(f"{quorum.name}: {words}", *legs, stay=True)

    def _ways(self, text: str, *ways: tuple[str, Route], stay: bool = False) -> Move:
        """Ways from here; then on from here, if they `stay`, or else from the end of the first."""
        here = self.here
        told = []
        for index, (label, route) in enumerate(ways):
            reader = _Reader(here)
            reader.same.update(self.same)
            told.append(Way(label, tuple(reader.read(route))))
            if index == 0 and not stay:
                self.here = reader.here
        return Move("ways", here, text, ways=tuple(way for way in told if way.moves))


def _group(step: Step) -> Group | None:
    """The group on whose chosen member a step happens; None for one that may be anywhere."""
    match step:
        case Serve() | Occupy() | Pass():
            return step.station.group
        case Lookup() | Peek() | Fill() | Fit() | Drop():
            return step.cache.group
        case Append() | Receive():
            return step.log.group
        case Apply() | Read():
            return step.copies.members.group
        case Persist() | Find():
            return step.volume.segments
        case Allocate() | Report() | Await():
            return step.volume.writers
        case Hold():
            return step.room.group
        case _:
            return None


_SOUGHT = {
    "first": "the first that is known to be complete", "kept": "the same, if it is known to be complete",
    "other": "another that is known to be complete",
}  # fmt: skip
_BY = {"round-robin": "in turn", "random": "at random", "key": "by key", "leg": "each another"}


def _choice(step: Choose) -> str:
    """Which member; empty where there is no choice."""
    width = step.membership.width
    if width == 1:
        return ""
    return f"number {step.by + 1} of {width:,}" if isinstance(step.by, int) else f"1 of {width:,}, {_BY[step.by]}"


def _means_s(law: Law) -> tuple[float, ...]:
    mean_s = law.mean()
    return (mean_s,) if mean_s > 0.0 else ()


def _per(step: Serve) -> str:
    return f"{step.unit_bytes:,} B" if step.unit_bytes else ""


def _names(buckets: Sequence[Bucket | At] | Bucket) -> str:
    some = (buckets,) if isinstance(buckets, Bucket) else buckets
    return " and ".join(each.bucket.name if isinstance(each, At) else each.name for each in some)
