"""Routes as they are told: every kind of step can be, nothing is left out, and what happens is where it happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench.scenario.load import load
from models.kernel import steps
from models.kernel.laws import Constant
from models.kernel.outline import CLIENTS, Move, outline
from models.kernel.parts import Cache, Group, Network, Quorum, Station, everybody
from models.kernel.steps import Choose, Fill, Fork, Lookup, Serve, Step, Travel
from models.kernel.system import Route

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))


def seconds(value: float) -> Constant:
    return Constant(value=value)


def every(moves: Sequence[Move]) -> Iterator[Move]:
    """All moves, those of ways among them."""
    for move in moves:
        yield move
        for way in move.ways:
            yield from every(way.moves)


def steps_of(route: Route) -> Iterator[Step]:
    """All steps, those of routes within steps among them."""
    for step in route.steps:
        yield step
        for value in vars(step).values():
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, Route):
                    yield from steps_of(inner)


def test_a_cache_before_a_table_is_told_as_it_would_be_drawn() -> None:
    """By hand: to one of two nodes, a look, on a miss to the table and back, and back to the clients."""
    nodes, table = Group("nodes", 2), Group("table")
    network = Network("network", seconds(0.001), seconds(0.003), zones=3)
    cache = Cache("items", nodes, capacity_items=1)
    miss = Route(
        Travel(network, nodes, table), Serve(Station("table", table), seconds(0.004)), Travel(network, table, nodes),
        Fill(cache),
    )  # fmt: skip
    route = Route(
        Choose(everybody(nodes), "random"),
        Travel(network, None, nodes),
        Lookup(cache, miss),
        Travel(network, nodes, None),
    )

    told = outline(route)

    assert [(move.kind, move.at, move.to, move.text) for move in told] == [
        ("go", CLIENTS, "nodes", "1 of 2, at random"),
        ("ways", "nodes", "", "look up in items"),
        ("go", "nodes", CLIENTS, ""),
    ]
    assert told[0].means_s == (0.001, 0.003)
    (way,) = told[1].ways
    assert way.label == "on a miss"
    assert [(move.kind, move.at, move.to, move.text) for move in way.moves] == [
        ("go", "nodes", "table", ""),
        ("do", "table", "", "serve"),
        ("go", "table", "nodes", ""),
        ("do", "nodes", "", "put into items"),
    ]
    assert (way.moves[1].means_s, way.moves[1].station) == ((0.004,), "table")


def test_who_waits_for_a_fork_goes_on_from_where_it_parted() -> None:
    copies = Group("copies", 3)
    leg = Route(Choose(everybody(copies), "leg"), Serve(Station("copies", copies), seconds(0.001)))

    told = outline(Route(Fork(Quorum("quorum", 3, 2), leg)))

    assert [(move.kind, move.at, move.text) for move in told] == [("ways", CLIENTS, "quorum: wait for 2 of 3")]
    assert [way.label for way in told[0].ways] == ["each of 3, at once"]


def test_a_route_that_ends_elsewhere_comes_back_to_its_clients() -> None:
    told = outline(Route(Serve(Station("server", Group("server")), seconds(1.0))))

    assert [(move.kind, move.at, move.to) for move in told] == [
        ("go", CLIENTS, "server"),
        ("do", "server", ""),
        ("go", "server", CLIENTS),
    ]


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_that_ships_is_told_whole(path: Path) -> None:
    """Each service has its move, with its mean time; each move goes on where the one before has come to."""
    scenario = load(path)

    for system in scenario.systems.values():
        for operation in system.operations.values():
            told = outline(operation.route)
            served = [step for step in steps_of(operation.route) if isinstance(step, Serve)]
            boxes = [move for move in every(told) if move.kind == "do" and move.station]
            travelled = [step for step in steps_of(operation.route) if isinstance(step, Travel)]

            assert sorted(move.station for move in boxes) == sorted(step.station.name for step in served)
            assert sum(map(sum, (move.means_s for move in boxes))) == pytest.approx(
                sum(step.work.mean() for step in served)
            )
            assert sum(bool(move.means_s) or move.kind == "go" for move in every(told)) >= len(travelled)
            assert_joined(told, CLIENTS)


def assert_joined(moves: Sequence[Move], start: str) -> None:
    """What goes somewhere begins where the way has come to."""
    here = start
    for move in moves:
        assert move.at == here, (move, here)
        ends = [assert_joined_way(way.moves, here) for way in move.ways]
        if move.kind == "go":
            here = move.to
        elif move.kind == "ways" and move.text.startswith(("try", "by attempt", "hold", "take", "one at", "at once")):
            here = ends[0] if ends else here


def assert_joined_way(moves: Sequence[Move], start: str) -> str:
    """The same of a way; returns where it ends, as far as its last move says."""
    assert_joined(moves, start)
    last = moves[-1] if moves else None
    if last is None:
        return start
    if last.kind == "go":
        return last.to
    return (
        assert_joined_way(last.ways[0].moves, last.at)
        if last.ways and last.text.startswith(("try", "by attempt", "hold", "take", "one at", "at once"))
        else last.at
    )


def test_a_step_that_nobody_has_told_yet_is_refused() -> None:
    """Canary for the list of kinds: a new step must be told before it can be drawn."""

    class New(Step):
        pass

    with pytest.raises(TypeError, match="New"):
        outline(Route(New()))


def test_every_kind_of_step_has_words() -> None:
    source = (Path(steps.__file__).parent.parent / "outline.py").read_text("utf-8")
    kinds = {
        name for name in steps.__all__ if isinstance(value := getattr(steps, name), type) and issubclass(value, Step)
    }

    told = {name for name in kinds if f"case {name}():" in source or f"isinstance(step, {name})" in source}

    assert told == kinds - {"Step"}
