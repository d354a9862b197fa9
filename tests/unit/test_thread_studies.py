"""The studies of threads: their cells ask what they say, and their words and pictures follow from their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.pictures.multiples import draw
from bench.pictures.style import render, style_sheet
from bench.scenario.document import read_document
from bench.scenario.load import build
from bench.statistics.intervals import Estimate
from bench.studies import per_dollar, threads


def exactly(value: float) -> Estimate:
    return Estimate(value, value, value, (value,), exact=True)


def made_up(mix: str, size: str, memcached: float, redis: float) -> per_dollar.Cell:
    answers = dict(zip(per_dollar.NAMES, map(exactly, (memcached, redis, redis)), strict=True))
    return per_dollar.Cell(size, mix, answers)


GRID = [
    made_up(mix, size, 400.0 * 2**at, 400.0 * 2**at if mix == "gets" else 100.0 * 5**at)
    for mix in per_dollar.SET_SHARES
    for at, size in enumerate(per_dollar.SIZES)
]
"""Memcached doubles; Redis does as many gets, and passes it in sets with 8 CPUs: 2,500 to 1,600."""
POINTS = [
    threads.Point(engine, command, count, 1.04 * per_s, 1.0, 1.0, 1.0)
    for (engine, command), row in threads.PUBLISHED.items()
    if engine != "valkey"
    for count, per_s in zip(threads.THREADS, row.commands_per_s, strict=True)
]
"""All four percent too many."""


@pytest.mark.parametrize("size", per_dollar.SIZES)
@pytest.mark.parametrize("share", per_dollar.SET_SHARES.values())
def test_a_cell_asks_two_nodes_of_one_type_as_fast_as_they_answer(size: str, share: float) -> None:
    document = read_document(per_dollar.scenario_text(size, share).encode(), "study")

    scenario = build(Path("study"), document)

    systems = scenario.spec.systems
    assert {name: system.node_type for name, system in systems.items()} == dict.fromkeys(
        ("memcached", "redis"), f"cache.r7g.{size}"
    )
    assert systems["memcached"].nodes == systems["redis"].shards == 1
    assert scenario.workload.mix.get("write", 0.0) == pytest.approx(share)


def test_a_dollar_buys_what_an_hour_of_it_answers() -> None:
    """A cache.r7g.large for 0.219 dollars an hour, 400,000 commands/s: 1.44 billion an hour, 6.575 billion a dollar; a
    Valkey node costs a fifth less.
    """
    cell = made_up("gets", "large", 400.0, 400.0)

    assert per_dollar.per_dollar(cell, "Memcached") == pytest.approx(1.44 / 0.219)
    assert per_dollar.per_dollar(cell, "Valkey") == pytest.approx(1.44 / 0.219 / 0.8)
    assert per_dollar.per_cpu(cell, "Redis") == 200.0


def test_the_findings_follow_from_the_numbers() -> None:
    assert per_dollar.finding(GRID).startswith("Gets: Memcached, 1.0 to 1.0 times as many. Sets: Redis from 8 CPUs on")
    assert "39 of 39 predicted rows within 5 %" in threads.finding(POINTS)


def test_errors_are_parts_of_what_was_published() -> None:
    assert {round(threads.error(point), 9) for point in POINTS} == {0.04}
    assert sum(threads.is_tuned(point) for point in POINTS) == len(POINTS) - 39


def test_pictures_and_tables_are_the_same_every_time() -> None:
    with style_sheet():
        assert render(threads.drawn(POINTS), "svg") == render(threads.drawn(POINTS), "svg")
        svg = render(draw(per_dollar.picture_data(GRID)), "svg")

    assert svg.startswith(b"<?xml")
    assert len(threads.table(POINTS).splitlines()) == len(POINTS) + 1
    assert len(per_dollar.table(GRID).splitlines()) == len(GRID) * len(per_dollar.NAMES) + 1
