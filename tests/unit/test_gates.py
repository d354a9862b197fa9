"""What the gates of a regression say of baselines made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.regression.baseline import Baseline, Values
from bench.regression.gates import Gate, Moved, Verification, verify
from bench.statistics.values import Figure

P99, ERRORS, EVENTS = "ops.read.latency_ms.p99", "ops.read.errors", "cost.events"


def baseline(p99: Values = (1.0, 2.0, 1.5), **others: Values) -> Baseline:
    """A system with one figure, or more, and a fingerprint that tells their values apart."""
    figures = {P99: p99, **others}
    prints = [repr([values[index] for values in figures.values()]) for index in range(len(p99))]
    return Baseline("s", len(p99), frozenset(), {}, {}, {"a": prints}, {"a": figures})


def held(kept: Baseline, now: Baseline, *gates: Gate, margin: float = 0.01) -> Verification:
    figures = [
        Figure(system, name, "ms", "lower", values)
        for system, each in now.figures.items()
        for name, values in each.items()
    ]
    return verify(kept, now, figures, gates or ("fingerprint", "summary", "statistics"), margin)


def verdicts(found: Verification) -> list[str]:
    return [gate.verdict for gate in found.gates.values()]


def test_what_is_equal_moves_nowhere_even_without_an_interval() -> None:
    found = held(baseline((1.0,)), baseline((1.0,)))

    assert verdicts(found) == ["ok", "ok", "ok"]
    assert "unknown" not in found.gates["statistics"].detail
    assert found.first_moved is None


def test_no_value_on_both_sides_is_equal_and_on_one_side_moved() -> None:
    nothing, some = baseline((None, 2.0)), baseline((1.0, 2.0))

    assert verdicts(held(nothing, nothing)) == ["ok", "ok", "ok"]
    for kept, now in ((nothing, some), (some, nothing)):
        found = held(kept, now)
        assert verdicts(found) == ["moved", "moved", "ok"]
        assert "unknown for 1 figure" in found.gates["statistics"].detail


@pytest.mark.parametrize(("now", "verdict"), [(2.0 + 1e-9, "ok"), (2.0 - 1e-9, "ok"), (2.0 + 3e-9, "moved")])
def test_a_tolerance_is_a_part_of_the_value(now: float, verdict: str) -> None:
    assert held(baseline((2.0,)), baseline((now,)), "summary").gates["summary"].verdict == verdict


def test_from_zero_anything_has_moved() -> None:
    (figure,) = held(baseline((0.0,)), baseline((1e-300,)), "summary").gates["summary"].figures

    assert figure.percent == ""
    assert str(figure).startswith("a.ops.read.latency_ms.p99 0 → 0.000")


def test_a_figure_has_the_tolerance_that_is_declared_for_it() -> None:
    kept = replace(baseline((1.0,), **{ERRORS: (10.0,)}), tolerance={"default": 0.0, f"a.{ERRORS}": 0.1})

    assert held(kept, baseline((1.0,), **{ERRORS: (11.0,)}), "summary").first_moved is None
    assert held(kept, baseline((1.1,), **{ERRORS: (11.0,)}), "summary").first_moved == "summary"


def test_the_first_replication_and_system_that_moved_are_named() -> None:
    found = held(baseline(), baseline((1.0, 2.5, 1.8)))

    detail = found.gates["fingerprint"].detail
    assert detail.startswith("2 of 3 outcomes moved, first system a in replication 1; most there: a.ops.read")
    assert detail.endswith("2.000 → 2.500 (+25 %)")


def test_replications_that_one_side_lacks_are_not_compared() -> None:
    longer = baseline((1.0, 2.0, 1.5, 9.0))

    assert held(baseline(), longer).first_moved is None
    assert held(longer, baseline()).first_moved is None
    assert held(longer, baseline()).replications == 3


def test_systems_and_figures_that_come_and_go_are_said() -> None:
    one, two = baseline(), baseline(**{EVENTS: (1, 2, 3)})
    two = replace(two, fingerprints=one.fingerprints)
    other = replace(one, fingerprints={"b": one.fingerprints["a"]}, figures={"b": one.figures["a"]})

    gone = held(two, one)
    assert verdicts(gone) == ["ok", "moved", "ok"]
    assert gone.gates["summary"].detail == "1 figure is gone: a.cost.events"
    new = held(one, two)
    assert verdicts(new) == ["ok", "ok", "ok"]
    assert new.notes == ["1 figure of which the baseline knows nothing: a.cost.events; --update takes it in"]
    assert held(one, other).gates["fingerprint"].detail == "system a is gone, system b is new"


def test_statistics_look_beyond_the_margin() -> None:
    """Every replication grows by 2 %: beyond 1 % for sure, as all grow alike, and within 5 %."""
    kept = baseline((10.0, 10.01, 9.99, 10.0, 10.02))
    now = baseline(tuple(value * 1.02 for value in (10.0, 10.01, 9.99, 10.0, 10.02)))

    moved = held(kept, now, "statistics")
    still = held(kept, now, "statistics", margin=0.05)

    assert moved.gates["statistics"].detail.startswith(
        "1 figure surely beyond 1 %; most: a.ops.read.latency_ms.p99 10.00 "
    )
    assert "95 % interval of the difference 0.200 to 0.200" in moved.gates["statistics"].detail
    assert still.first_moved is None


@pytest.mark.parametrize(
    ("before", "now", "values", "percent"),
    [
        (1.0, 1.05, "1.000 → 1.050", "+5 %"),
        (1.0, 1.0 + 1e-12, "1.000000000000 → 1.000000000001", "+1e-10 %"),
        (2.0, 200.0, "2.000 → 200.0", "100×"),
        (2.0, 1.0, "2.000 → 1.000", "-50 %"),
        (None, 1.0, "nothing → 1.000", ""),
        (1.0, None, "1.000 → nothing", ""),
        (-2.0, -1.0, "-2.000 → -1.000", "+50 %"),
    ],
)
def test_a_change_is_shown_with_as_many_digits_as_it_takes(
    before: float | None, now: float | None, values: str, percent: str
) -> None:
    moved = Moved("x", "ms", before, now, 0)

    assert (moved.values, moved.percent) == (values, percent)
