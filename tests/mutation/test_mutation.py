"""No constant of a service can change by five percent without a scenario that notices.

Goal: baselines are worth as much as they notice. Method: change one constant at a time and run the short form of the
scenarios that use its service, until one of them differs from its baseline; some constants that no scenario which ships
has a reason to look at have small ones beside these tests, whose baselines are made before anything is changed. What
must escape, or is not for them to notice, stands in a list, with the reason.

Of the kernel, those modules are left out of which machine code is made, since each change would take minutes to
compile: their constants are the engine's own, and both engines and the oracles hold them (`tests/property`,
`tests/oracle`). So are codes and tables (`codes`, `program`, `world`), which are names and no quantities; the measures
(`outcome`, `recorder`), which are compiled; closed forms, which foretell and do not run; and `faults` and `parts`,
whose few numbers say that something is absent or alone, not how much of it there is.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bench import library
from bench.cli.verifying import update_baselines
from tests.mutation.mutants import ROOT, Mutant, mutants
from tests.mutation.walking import Place, walk_all

SERVICES = ("region", "dax", "dynamodb", "generic")
KERNEL = ("charges", "priming", "registry", "retry_modes", "system")
HERE = Path(__file__).parent / "scenarios"

DAX = (
    "dax_zone_loss", "dax_write_heavy", "dax_primary_loss", "dax_query_cache_staleness", "dax_node_loss",
    "dax_vs_dynamodb", "dax_cold_start_metastable",
)  # fmt: skip
DYNAMODB = (
    "dynamodb_leader_failover", "dynamodb_hot_partition", "dynamodb_burst", "sdk_retry_modes", "dynamodb_autoscaling",
)  # fmt: skip
GENERIC = ("cache_trace", "retry_storm", "quorum_copies", "queue_mmc")
USED = {
    "generic": ("defaults", *GENERIC),
    "region": (*DYNAMODB, *DAX),
    "dax": (*DAX, "dax_crowded", "dax_memory", "dax_queries", "node_types"),
    "dynamodb": (
        *DYNAMODB, "dynamodb_several", "dynamodb_idle", "dynamodb_hot", "dynamodb_growth", "dynamodb_lost_node",
        "dynamodb_days", *DAX,
    ),
    "kernel": ("cache_trace", "retry_storm", "retries", "dax_crowded", *DYNAMODB, *DAX),
}  # fmt: skip
"""Scenarios in the order in which they are asked, by package, the quick ones first. `dax_cold_start`, the longest, has
nothing that the others have not."""
FIRST = {
    "models.dax.node_types": "node_types",
    "models.dax.prices": "node_types",
    "models.dynamodb.queries": "dynamodb_several",
    "models.dynamodb.scaling": "dynamodb_days",
    "models.kernel.retry_modes": "retries",
}
"""Where to look first for a module's constants."""

BOUND = "bounds what a scenario may ask for"
PAST = "decides only whether the past is doubled once more, and none of these scenarios lies so near the edge"
STATE = "where counting begins is no quantity"
SAID = "a default of the kernel's own, in whose place every service says something"
ESCAPES: dict[str, str] = {
    "dax.membership:PROBE_BYTES": "two bytes are one unit of work as one is: rounded up to a KB",
    "dynamodb.admission:MAX_RANGES.left": "bounds the tables of more than 1,024 partitions that split",
    "dynamodb.admission:MAX_RANGES.right": "likewise",
    "dynamodb.capacity:QUOTA": BOUND,
    "dynamodb.capacity:MAX_UNITS.left": BOUND,
    "dynamodb.capacity:AutoScaling.cooldown_s": "a twentieth of a second is as good as none: looks are a minute apart",
    "dynamodb.failover:NOBODY": "a sign, whatever its number",
    "dynamodb.heat:LEAST_SHARE": "tests/oracle/test_dynamodb_admission.py cuts at its very edge",
    "dynamodb.scaling:DECREASES_PER_DAY": "never binds: four at any time and one an hour come to no more in a day",
    "dynamodb.failover:MAJORITY.left.right": "a third of three replicas, rounded down, is half of them, rounded down",
    "generic.copies:MAX_COPIES": BOUND,
    "kernel.charges:Hourly.units": SAID,
    "kernel.priming:MOST.left": "bounds the past of caches that never settle",
    "kernel.priming:MOST.right": "likewise",
    "kernel.priming:TOLERANCE": PAST,
    "kernel.priming:TTLS": PAST,
    "kernel.priming:Priming.requests": STATE,
    "kernel.priming:Priming._goal": STATE,
    "kernel.priming:Priming._lookups": STATE,
    "kernel.priming:Priming._hits": STATE,
    "kernel.registry:MAX_SERVERS": BOUND,
    "kernel.system:Client.backoff_base_s": SAID,
    "kernel.system:Client.processes": SAID,
}
"""Constants that no scenario can notice, or need notice, and why."""


MATTERS = {
    "region:FAR.median_s": "dynamodb_leader_failover",
    "dax.cluster:HIT_UNITS": "dax_node_loss",
    "dax.cluster:WRITE_UNITS": "dax_write_heavy",
    "dax.node_types:UNITS_PER_VCPU_S": "dax_write_heavy",
    "dax.prices:_R5.large": "dax_write_heavy",
    "dynamodb.model:TableParameters.read.median_s": "dynamodb_leader_failover",
    "dynamodb.model:TableParameters.read.p99_s": "dynamodb_leader_failover",
    "dynamodb.model:TableParameters.append.median_s": "dynamodb_leader_failover",
    "dynamodb.replication:FailoverParameters.lease_s": "dynamodb_leader_failover",
    "dynamodb.replication:FailoverParameters.missed": "dynamodb_leader_failover",
    "dynamodb.capacity:AutoScaling.target": "dynamodb_autoscaling",
    "dynamodb.capacity:Provisioned.burst_s": "dynamodb_burst",
    "dynamodb.capacity:EVENTUAL": "dax_vs_dynamodb",
    "dynamodb.prices:Prices.write_unit_dollars_per_hour": "dynamodb_autoscaling",
    "dynamodb.prices:Prices.read_requests_dollars_per_million": "dax_vs_dynamodb",
    "dynamodb.model:DynamodbClientParameters.MODES.right.legacy.max_attempts": "sdk_retry_modes",
}
"""A sample of constants, of each service and kind, whose change of five percent moves some figure by more than the one
percent that is taken not to matter, and the scenario in which it does."""


def all_mutants() -> list[Mutant]:
    """Every constant that is looked at."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "models").rglob("*.py"))
    ]
    looked_at = {f"models.kernel.{name}" for name in KERNEL}
    return [
        mutant
        for module in modules
        if module.split(".")[1:2] and (module.split(".")[1] in SERVICES or module in looked_at)
        for mutant in mutants(module)
        # Codes of how a request ended are names.
        if not (module == "models.kernel.system" and mutant.name.isupper())
    ]


def places(mutant: Mutant, baselines: Path) -> list[Place]:
    """Where a mutant is looked for."""
    names = USED[mutant.module.split(".")[1]]
    if mutant.module in FIRST:
        names = (FIRST[mutant.module], *names)
    return [place(name, baselines) for name in dict.fromkeys(names)]


def place(name: str, baselines: Path) -> Place:
    """A scenario that ships, or one beside these tests."""
    return Place(str(HERE / f"{name}.toml"), baselines) if (HERE / f"{name}.toml").exists() else Place(name)


@pytest.fixture(scope="module")
def baselines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Baselines of the scenarios beside these tests, of the models as they are."""
    folder = tmp_path_factory.mktemp("baselines")
    files = [str(path) for path in sorted(HERE.glob("*.toml"))]
    assert update_baselines(files, folder, (), "auto", as_json=False, quiet=True) == 0
    return folder


def test_every_scenario_and_every_escape_exists() -> None:
    keys = [mutant.key for mutant in all_mutants()]
    named = {name for names in USED.values() for name in names} | set(FIRST.values())

    assert len(keys) == len(set(keys)) > 150
    assert {*ESCAPES, *MATTERS} <= set(keys)
    assert named <= {entry.name for entry in library.entries()} | {path.stem for path in HERE.glob("*.toml")}
    assert {path.stem for path in HERE.glob("*.toml")} <= named


def test_a_mutant_is_the_module_with_one_number_changed() -> None:
    (mutant,) = (each for each in all_mutants() if each.key == "dax.cluster:MISS_UNITS")

    before = (ROOT / "models/dax/cluster.py").read_text("utf-8")
    after = ast.unparse(mutant.source())
    assert after == ast.unparse(ast.parse(before)).replace("(1, 10, 25)", "(1, 11, 25)")
    assert after != ast.unparse(ast.parse(before))


@pytest.mark.slow
def test_every_changed_constant_moves_a_fingerprint(baselines: Path) -> None:
    wanted = [(each, places(each, baselines)) for each in all_mutants() if each.key not in ESCAPES]

    findings = list(walk_all(wanted, ("fingerprint",), replications=1))

    for each in findings:
        print(f"{each.mutant.key} {each.mutant.value} → {each.mutant.changed}: {each.scenario}: {each.detail}")
    assert [each.mutant.key for each in findings if not each.gate] == []
    assert len(findings) == len(wanted)


@pytest.mark.slow
def test_what_matters_moves_a_figure_for_sure() -> None:
    """By statistics alone, over all replications, as if the fingerprint had been meant to change."""
    known = {mutant.key: mutant for mutant in all_mutants()}
    wanted = [(known[key], [Place(name)]) for key, name in MATTERS.items()]

    findings = list(walk_all(wanted, ("statistics",), replications=None))

    assert [each.mutant.key for each in findings if each.gate != "statistics"] == []
    assert len(findings) == len(wanted)


@pytest.mark.slow
def test_what_cannot_matter_is_not_noticed() -> None:
    """A change that changes nothing goes the same way as all others, and moves nothing."""
    known = {mutant.key: mutant for mutant in all_mutants()}
    wanted = [
        (known["dax.membership:PROBE_BYTES"], [Place("dax_zone_loss")]),
        (known["kernel.registry:MAX_SERVERS"], [Place("retry_storm")]),
    ]

    findings = list(walk_all(wanted, ("fingerprint", "summary", "statistics"), replications=1))

    assert [each.gate for each in findings] == ["", ""]
