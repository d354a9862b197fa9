"""Copies that fail and are repaired, simulated, against all sets that may be down and a chain over them.

Method: failures so frequent that nothing is rare, independent replications, 99.9 % t-bands; what real rates come to
stands on the same formulas, whose terms are worked out by hand here.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bench.explanation import parse_explanation
from bench.runs import run as run_scenario
from bench.scenario.load import load
from models.aurora.durability import LOST, SCHEMES, YEAR_S, DurabilityParameters, SchemeName, build, outlook
from models.kernel.arrivals import Poisson
from models.kernel.closed_forms import Repairs
from models.kernel.laws import ConstantSeconds, ExponentialSeconds
from models.kernel.outcome import Outcome
from models.kernel.recorder import Span
from models.kernel.system import System
from tests.strategies.runs import assert_mean, replicate, workload
from tests.tools.command import tierbench

FREQUENT = Repairs(mttf_s=100.0, repair_s=30.0)
ZONES_TOO = Repairs(mttf_s=100.0, repair_s=20.0, zone_mttf_s=300.0, zone_repair_s=30.0)
IN_EARNEST = Repairs(mttf_s=YEAR_S, repair_s=10.0, zone_mttf_s=2.0 * YEAR_S, zone_repair_s=14_400.0)
"""A copy fails every year and is repaired in ten seconds; a zone is dark for four hours every two years."""


def system(scheme: SchemeName, repairs: Repairs, **more: Any) -> System:
    given = {
        "repair": ExponentialSeconds(mean_s=repairs.repair_s), "leg": ConstantSeconds(value_s=0.0),
        "zone_mttf_s": None if repairs.zone_mttf_s == math.inf else repairs.zone_mttf_s,
        "zone_repair": ExponentialSeconds(mean_s=repairs.zone_repair_s), **more,
    }  # fmt: skip
    return build(DurabilityParameters(scheme=scheme, mttf_s=repairs.mttf_s, **given), ("read", "write"))


def run(of: System, span: Span, replications: int, rate_per_s: float, engine: str = "compiled") -> list[Outcome]:
    return replicate(
        of, workload(Poisson(rate_per_s=rate_per_s), mix={"read": 0.5, "write": 0.5}), span, replications, engine
    )


def refused(operation: str) -> Any:
    return lambda outcome: (
        outcome.operations[operation].errors.get("refused", 0) / outcome.operations[operation].requests
    )


@pytest.mark.parametrize(("scheme", "repairs"), [("four_of_six", FREQUENT), *((name, ZONES_TOO) for name in SCHEMES)])
def test_requests_are_refused_as_often_as_too_few_copies_are_there(scheme: SchemeName, repairs: Repairs) -> None:
    expected = outlook(SCHEMES[scheme], repairs)

    outcomes = run(system(scheme, repairs), Span(1_000.0, 41_000.0, 41_100.0, 4), 16, 0.15)

    assert_mean(outcomes, refused("write"), expected.write_unavailability, widest=0.15)
    assert_mean(outcomes, refused("read"), expected.read_unavailability, widest=0.6)


def test_how_long_repairs_take_matters_by_their_mean_alone() -> None:
    """A copy is there for a share of the time that does not depend on the laws; no more does a set of them."""
    expected = outlook(SCHEMES["four_of_six"], FREQUENT).write_unavailability
    constant = system("four_of_six", FREQUENT, repair=ConstantSeconds(value_s=30.0))

    outcomes = run(constant, Span(1_000.0, 41_000.0, 41_100.0, 4), 16, 0.15)

    assert_mean(outcomes, refused("write"), expected, widest=0.15)


@pytest.mark.parametrize(
    ("scheme", "repairs"),
    [("four_of_six", FREQUENT), ("four_of_six", ZONES_TOO), ("two_of_three", ZONES_TOO), ("full_and_tail", ZONES_TOO)],
)
def test_the_first_loss_comes_when_the_chain_says(scheme: SchemeName, repairs: Repairs) -> None:
    expected_s = outlook(SCHEMES[scheme], repairs).mean_time_to_loss_s

    outcomes = run(system(scheme, repairs), Span(0.0, 14.0 * expected_s, 15.0 * expected_s, 4), 120, 0.0001, "simpy")

    # One that is later than 14 times the mean would be missing: one in a million.
    assert [[note.text for note in outcome.notes] for outcome in outcomes] == [[LOST]] * 120
    assert_mean(outcomes, lambda outcome: outcome.notes[0].at_s, expected_s, widest=0.4)


def test_both_engines_see_the_same_failures() -> None:
    one, other = (
        run(system("mirrored", ZONES_TOO), Span(0.0, 3_000.0, 3_100.0, 4), 1, 0.5, engine)[0]
        for engine in ("simpy", "compiled")
    )

    assert one.notes == other.notes
    assert {name: o.errors for name, o in one.operations.items()} == {
        name: o.errors for name, o in other.operations.items()
    }
    assert sum(o.ok for o in one.operations.values()) > 100


FAULTS = """
schema = 1
name = "zone-and-one"
question = "A zone is lost, and later one more copy: who can still read and write?"
replications = 1
duration_s = 400.0
workload = { arrivals = { kind = "poisson", rate_per_s = 20.0 }, mix = { read = 0.5, write = 0.5 } }

[systems.six]
model = "aurora_durability"

[systems.three]
model = "aurora_durability"
scheme = "two_of_three"

[[faults]]
at_s = 100.0
until_s = 300.0
kind = "zone-down"
target = "*.zones[1]"
how = "refuse"

[[faults]]
at_s = 200.0
until_s = 300.0
kind = "node-down"
target = "*.copies[0]"
how = "refuse"
"""


def test_faults_come_to_copies_as_well(tmp_path: Path) -> None:
    """With a zone lost all go on; with one more copy six can be read, and three no more; all are well in the end."""
    (tmp_path / "faults.toml").write_text(FAULTS, "utf-8")

    outcomes = run_scenario(load(tmp_path / "faults.toml", ()), "compiled").outcomes

    quarters = {
        (name, operation): each.window_errors.reshape(4, -1).sum(axis=1) > 0
        for name, (outcome,) in outcomes.items() for operation, each in outcome.operations.items()
    }  # fmt: skip
    assert quarters.pop(("six", "read")).tolist() == [False] * 4
    assert [each.tolist() for each in quarters.values()] == [[False, False, True, False]] * 3


def test_a_zone_and_one_more_copy() -> None:
    """While a zone is dark for four hours, one failure of two copies ends it for 2 of 3; 4 of 6 needs two of four at
    once, within ten seconds (SIGMOD 2017, section 2): (7 a + b) / (12 a**2) for rates a of failures and b of repairs.
    """
    fails, repaired, dark_s = 1.0 / IN_EARNEST.mttf_s, 1.0 / IN_EARNEST.repair_s, IN_EARNEST.zone_repair_s

    three, six = (outlook(SCHEMES[name], IN_EARNEST).loss_in_outage for name in ("two_of_three", "four_of_six"))

    assert three == pytest.approx(-math.expm1(-2.0 * fails * dark_s), rel=1e-9)
    assert six == pytest.approx(dark_s * 12.0 * fails**2 / (7.0 * fails + repaired), rel=1e-6)
    assert three > 1e5 * six


def test_what_is_rare_in_earnest() -> None:
    """Of independent failures of copies alone: their first terms, by hand."""
    alone = Repairs(mttf_s=YEAR_S, repair_s=10.0)
    down = 10.0 / YEAR_S

    six, three, mirrored = (outlook(SCHEMES[name], alone) for name in ("four_of_six", "two_of_three", "mirrored"))

    assert six.write_unavailability == pytest.approx(20.0 * down**3, rel=1e-5)
    assert six.read_unavailability == pytest.approx(15.0 * down**4, rel=1e-5)
    assert three.write_unavailability == pytest.approx(3.0 * down**2, rel=1e-5)
    assert mirrored.write_unavailability == pytest.approx(4.0 * down, rel=1e-5)
    assert mirrored.read_unavailability == pytest.approx(down**4, rel=1e-5)
    # The last of the copies that may fail does so while all before it are under repair: a year for the first one.
    assert three.loss_per_year == pytest.approx(6.0 * down, rel=1e-5)
    assert six.loss_per_year == pytest.approx(360.0 / 6.0 * down**3, rel=1e-5)


IN_EARNEST_TOML = """
schema = 1
name = "in-earnest"
question = "How long do copies hold together?"
replications = 1
duration_s = 10.0
workload = { arrivals = { kind = "poisson", rate_per_s = 20.0 }, mix = { read = 0.5, write = 0.5 } }

[systems.three]
model = "aurora_durability"
scheme = "two_of_three"

[systems.mirrored]
model = "aurora_durability"
scheme = "mirrored"
mttf_s = 900.0
repair = { kind = "exponential", mean_s = 100.0 }
zone_mttf_s = 400.0
zone_repair = { kind = "constant", value_s = 100.0 }

[systems.at_once]
model = "aurora_durability"
repair = { kind = "constant", value_s = 0.0 }
"""


def test_a_user_sees_what_closed_forms_say(tmp_path: Path) -> None:
    """Of each system with its own parameters: before it runs, and in its report.

    Two of three copies that fail once a year and are repaired in ten seconds: 3 of 2 at once, and 6 a year for each
    second of a repair. Mirrors: four copies that are there for 9/10 of the time, and two zones for 4/5.
    """
    (tmp_path / "in-earnest.toml").write_text(IN_EARNEST_TOML, "utf-8")
    year_min, down = YEAR_S / 60.0, 10.0 / YEAR_S

    said = json.loads(tierbench("explain", "in-earnest.toml", "--json", cwd=tmp_path).out)["systems"]
    printed = tierbench("explain", "in-earnest.toml", cwd=tmp_path).out
    ran = tierbench("run", "in-earnest.toml", "--out", "ran", cwd=tmp_path)
    reported = tierbench("report", "ran", cwd=tmp_path)

    three, mirrored = (
        {each["text"]: (each["value"], each["unit"]) for each in said[name]["closed_forms"]}
        for name in ("three", "mirrored")
    )
    cannot = 1.0 - 0.9**4 * 0.8**2
    assert mirrored["unavailability of writes"] == (pytest.approx(cannot), "%")
    assert mirrored["nobody can write for"] == (pytest.approx(cannot * year_min), "minutes a year")
    assert three["unavailability of reads"] == (pytest.approx(3.0 * down**2, rel=1e-5), "%")
    assert three["nobody can read for"] == (pytest.approx(3.0 * down**2 * year_min, rel=1e-5), "minutes a year")
    assert three["chance of a loss within a year"] == (pytest.approx(6.0 * down, rel=1e-5), "%")
    assert three["mean time until a loss: too few copies to read"] == (
        pytest.approx(1 / (6.0 * down), rel=1e-5),
        "years",
    )
    assert "chance of a loss while a zone is dark" in set(mirrored) - set(three)
    assert said["at_once"]["closed_forms"] == []

    assert (ran.code, reported.code) == (0, 0), ran.err + reported.err
    (page,) = (path.read_text("utf-8") for path in tmp_path.rglob("*.html"))
    assert "By closed form" in page
    for text in ("unavailability of writes", "chance of a loss while a zone is dark", f"{cannot * 100:.1f} %"):
        assert text in printed
        assert text in page


def test_an_explanation_from_before_closed_forms_were_kept_can_be_read(tmp_path: Path) -> None:
    document = json.loads(tierbench("explain", "aurora_durability", "--json", cwd=tmp_path).out)
    assert all(system.pop("closed_forms") for system in document["systems"].values())

    found = parse_explanation(json.dumps(document).encode())

    assert [list(system.closed_forms) for system in found.systems.values()] == [[]] * 4
