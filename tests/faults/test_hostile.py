"""A scenario by somebody who means us no good: one clear error each time, soon, and nothing written.

Goal: whatever stands in a file or behind `--set`, the command ends with exit code 3 or 6, one line for each problem
that says where it is, what is wrong and (mostly) what to do, no traceback, and no file. Method: a list of hostile
inputs, each with the code and the words that it must give; what none of them may do is asserted for all.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.tools.command import Result, files_below, tierbench

HEAD = 'schema = 1\nname = "hostile"\n'
QUEUE = '[systems.a]\nmodel = "queue"\n'
CACHE = '[systems.a]\nmodel = "cache_aside"\ncapacity_items = 10\n'
POISSON = '[workload]\narrivals = { kind = "poisson", rate_per_s = 10.0 }\n'
INVALID, LIMIT = 3, 6


def scenario(*parts: str) -> str:
    """A scenario with a queue; parts before a table belong to the top."""
    return HEAD + "".join(part if part.endswith("\n") else f"{part}\n" for part in parts) + QUEUE


def service(law: str) -> str:
    """A scenario whose queue serves by this law."""
    return f"{HEAD}{QUEUE}service = {law}\n"


def nested_mixtures(depth: int) -> str:
    """Mixtures within mixtures."""
    law = '{ kind = "constant", value_s = 0.001 }'
    for _ in range(depth):
        law = f'{{ kind = "mixture", components = [{{ weight = 1.0, law = {law} }}] }}'
    return law


WRONG: dict[str, tuple[str | bytes, int, str]] = {
    "a number for a name": (scenario().replace('"hostile"', "5"), INVALID, ":2:8: error: name: expected a string"),
    "a string for a number": (scenario('seed = "1"'), INVALID, "seed: expected an integer"),
    "a list for a table": (scenario("workload = []"), INVALID, "workload: expected a table"),
    "a table for a list": (scenario("expect = {}"), INVALID, "expect: expected a list"),
    "a date for a number": (scenario("duration_s = 2026-01-01"), INVALID, "duration_s: expected a number, got a date"),
    "a truth value for a number": (scenario("replications = true"), INVALID, "replications: expected an integer"),
    "an integer that is a float": (scenario("replications = 5.5"), INVALID, "replications: expected an integer"),
    "an unknown key": (scenario("sead = 1"), INVALID, ":3:1: error: sead: unknown key; did you mean seed?"),
    "an unknown key in a law": (service('{ kind = "exponential", mean = 1.0 }'), INVALID, "mean: unknown key"),
    "an unknown model": (scenario().replace('"queue"', '"queu"'), INVALID, "unknown model 'queu'; did you mean queue?"),
    "an unknown law": (service('{ kind = "gaussian" }'), INVALID, "unknown kind 'gaussian'"),
    "an unknown metric": (
        scenario() + '[[expect]]\nmetric = "a.read.latency_ms.p98"\nat_most = 1.0\n',
        INVALID,
        "there is no metric",
    ),
    "an unknown operation": (
        HEAD + "[workload]\nmix = { scan = 1.0 }\n" + CACHE,
        INVALID,
        "asks for 'scan', which model cache_aside does not",
    ),
    "no systems": (HEAD, INVALID, "systems: required key is missing"),
    "nothing at all": ("", INVALID, "schema: required key is missing; add `schema = 1`"),
    "another schema": (scenario().replace("schema = 1", "schema = 2"), INVALID, "schema: must be 1, got 2"),
    "not a number": (scenario("duration_s = nan"), INVALID, "duration_s: must be finite, got nan"),
    "infinity": (scenario("duration_s = inf"), INVALID, "duration_s: must be"),
    "minus infinity": (scenario("warmup_s = -inf"), INVALID, "warmup_s: must be"),
    "not a number in a law": (service('{ kind = "constant", value_s = nan }'), INVALID, "value_s: must be finite"),
    "infinity in a bound": (
        scenario() + '[[expect]]\nmetric = "a.read.ok"\nat_most = inf\n',
        INVALID,
        "at_most: must be finite",
    ),
    "a mix that is no whole": (scenario("workload = { mix = { read = 0.5 } }"), INVALID, "the shares add up to 0.5"),
    "a mix without bounds": (
        scenario("workload = { mix = { read = 1e308, write = 1e308 } }"),
        INVALID,
        "the shares add up to inf",
    ),
    "a mix of nothing": (scenario("workload = { mix = { read = 0.0 } }"), INVALID, "the shares add up to 0"),
    "a mix of nobody": (scenario("workload = { mix = {} }"), INVALID, "must have at least 1 key"),
    "a duration of nothing": (scenario("duration_s = 0"), INVALID, "duration_s: must be greater than 0"),
    "a warm-up that is all": (scenario("duration_s = 1.0", "warmup_s = 1.0"), INVALID, "leaves nothing to measure"),
    "nested brackets": (scenario("x = " + "[" * 5000 + "]" * 5000), LIMIT, ":3:"),
    "nested tables": (scenario("x = " + "{ a = " * 5000 + "1" + " }" * 5000), LIMIT, ":3:"),
    "a deep dotted key": (scenario(".".join("a" * 5000) + " = 1"), LIMIT, ":3:"),
    "a number of 6,000 digits": (scenario("seed = " + "9" * 6000), LIMIT, ":3:8: error:"),
    "a float of 6,000 digits": (scenario("duration_s = 1." + "9" * 6000), LIMIT, ":3:14: error:"),
    "an integer of 300 digits": (scenario("seed = " + "9" * 300), INVALID, "seed: "),
    "a float with a huge exponent": (scenario("duration_s = 1e400"), INVALID, "duration_s: must be"),
    "200,000 keys": (scenario(*(f"k{index} = 1" for index in range(200_000))), LIMIT, "error: "),
    "40,000 short keys": (scenario(*(f"k{index} = 1" for index in range(40_000))), LIMIT, "error: "),
    "10,000 unknown keys": (
        scenario(*(f"k{index} = 1" for index in range(10_000))),
        INVALID,
        "and 9,950 more problems",
    ),
    "a million elements": (scenario("x = [" + "1," * 500_000 + "]"), LIMIT, "error: "),
    "a long string": (scenario(f'question = "{"x" * 20_000}"'), LIMIT, ":3:12: error:"),
    "a question too long": (scenario(f'question = "{"x" * 2000}"'), INVALID, "question: must have at most 1000"),
    "a million empty lines": (scenario("\n" * 1_000_000), LIMIT, "error: "),
    "invalid UTF-8": (HEAD.encode() + b'question = "\xff\xfe"\n', INVALID, ":3:13: error: not UTF-8: byte 0xff"),
    "UTF-16": (HEAD.encode("utf-16"), INVALID, ":1:1: error: the file is UTF-16; save it as UTF-8"),
    "a NUL": (HEAD.encode() + b"\0", INVALID, "NUL byte"),
    "a lone surrogate": (scenario(r'question = "\ud800"'), INVALID, ":3:"),
    "JSON": ('{"schema": 1}', INVALID, "this looks like JSON"),
    "a key given twice": (scenario("seed = 1", "seed = 2"), INVALID, ":4:1: error: seed: given twice, first on line 3"),
    "a million million requests a second": (
        scenario("workload.arrivals = { kind = 'poisson', rate_per_s = 1e15 }"),
        LIMIT,
        "error: workload.arrivals: the run would simulate 3e+17 requests, the limit is 5e+09; lower the rate",
    ),
    "a rate beyond floats": (
        scenario("workload.arrivals = { kind = 'poisson', rate_per_s = 1e308 }"),
        LIMIT,
        "would simulate",
    ),
    "a rate by schedule": (
        scenario("workload.arrivals = { kind = 'schedule', points = [[0.0, 1e308], [1e300, 1e308]] }"),
        LIMIT,
        "would simulate",
    ),
    "a rate in bursts": (
        scenario(
            "workload.arrivals = { kind = 'bursty', on_rate_per_s = 10.0, on_mean_s = 1e-12, off_mean_s = 1e-12 }"
        ),
        LIMIT,
        "the rate would change",
    ),
    "bursts that hardly ever come": (
        scenario("workload.arrivals = { kind = 'bursty', on_rate_per_s = 1e-300, on_mean_s = 1.0, off_mean_s = 1.0 }"),
        LIMIT,
        "the rate would change",
    ),
    "a quintillion keys": (
        scenario("workload.keys = { kind = 'zipf', count = 1000000000000000000 }"),
        INVALID,
        "count: must be at most",
    ),
    "all keys in many caches": (
        HEAD + "workload.keys = { kind = 'zipf', count = 50_000_000 }\n[systems.a]\nmodel = 'dax'\nnodes = 11\n",
        LIMIT,
        "workload.keys: the run would take about",
    ),
    "replications without end": (
        scenario("replications = 1_000_000_000"),
        INVALID,
        "replications: must be at most 10000",
    ),
    "replications that fill the memory": (
        scenario("replications = 10_000", "windows = 1000", "duration_s = 1e-6"),
        LIMIT,
        "replications: the run would take about",
    ),
    "a duration of ages": (scenario("duration_s = 1e12"), INVALID, "duration_s: must be at most"),
    "a trillion clients": (
        scenario("workload.arrivals = { kind = 'closed', clients = 1_000_000_000_000 }"),
        INVALID,
        "clients: must be at",
    ),
    "clients that never rest": (
        scenario("workload.arrivals = { kind = 'closed', clients = 100_000 }")
        + "servers = 'unlimited'\nservice = { kind = 'constant', value_s = 1e-12 }\n",
        LIMIT,
        "would simulate",
    ),
    "a closed loop without time": (
        scenario("workload.arrivals = { kind = 'closed', clients = 5 }")
        + "servers = 'unlimited'\nservice = { kind = 'constant', value_s = 0.0 }\n",
        INVALID,
        "workload.arrivals: in a time would stand still",
    ),
    "a closed loop without time on one server": (
        scenario("workload.arrivals = { kind = 'closed', clients = 1 }")
        + "service = { kind = 'constant', value_s = 0.0 }\n",
        INVALID,
        "time would stand still",
    ),
    "a billion servers": (scenario() + "servers = 1_000_000_000\n", INVALID, "servers: must be at most 1000000"),
    "servers for ages": (
        scenario("duration_s = 4e6", "workload.arrivals = { kind = 'poisson', rate_per_s = 1.0 }")
        + "servers = 1_000_000\n",
        LIMIT,
        "systems.a: a would add up 4e+12 server-seconds",
    ),
    "a queue that grows for ever": (
        scenario("duration_s = 3600.0", "workload.arrivals = { kind = 'poisson', rate_per_s = 100_000.0 }")
        + "service = { kind = 'constant', value_s = 10.0 }\n",
        LIMIT,
        "error: ",
    ),
    "a million windows": (scenario("windows = 1_000_000"), INVALID, "windows: must be at most 1000"),
    "too many systems": (
        HEAD + "".join(f"[systems.s{index}]\nmodel = 'queue'\n" for index in range(60)),
        INVALID,
        "systems: must have at most 50",
    ),
    "deep laws": (service(nested_mixtures(12)), LIMIT, "error: "),
    "a law of nothing": (service('{ kind = "mixture", components = [] }'), INVALID, "components: must have at least 1"),
    "a law of a million values": (
        service('{ kind = "empirical", probabilities = [' + "0.1," * 300_000 + "], values_s = [0.0] }"),
        LIMIT,
        "error: ",
    ),
    "a law of two minds": (
        service('{ kind = "lognormal", median_s = 1.0, mean_s = 1.0 }'),
        INVALID,
        "a lognormal takes",
    ),
    "more needed than there are": (
        HEAD + "[systems.a]\nmodel = 'copies'\ncopies = 2\nneeded = 3\n",
        INVALID,
        "needed = 3 of copies = 2 can never",
    ),
    "no capacity": (HEAD + "[systems.a]\nmodel = 'cache_aside'\n", INVALID, "give capacity_items or capacity_bytes"),
    "a path out of the folder": (
        scenario("workload.trace = { file = '../../secret.csv' }"),
        INVALID,
        ":3:27: error: workload.trace.file: leads out of the scenario's folder; put the trace beside the scenario",
    ),
    "an absolute path": (scenario("workload.trace = { file = '/etc/passwd' }"), INVALID, "leads out of the scenario's"),
    "a path with a NUL": (scenario(r'workload.trace = { file = "a\u0000b" }'), INVALID, "trace"),
    "a trace that is not there": (scenario("workload.trace = { file = 'gone.csv' }"), INVALID, "cannot be opened"),
    "a folder for a trace": (scenario("workload.trace = { file = '.' }"), INVALID, "folder"),
    "a name that escapes": (
        scenario().replace('"hostile"', r'"\u001b[31m\u202ered"'),
        INVALID,
        r"got '\x1b[31m\u202ered'",
    ),
    "a system that escapes": (HEAD + '[systems."\\u001b[2J"]\nmodel = "queue"\n', INVALID, r"\x1b[2J"),
    "a model that escapes": (scenario().replace('"queue"', r'"\u001b[2J\u0007"'), INVALID, r"'\x1b[2J\x07'"),
    "a key that escapes": (scenario(r'"\u001b]0;title\u0007" = 1'), INVALID, r'"\u001b]0;title\u0007": unknown key'),
    "a key of markup": (scenario('"[bold red]x[/]" = 1'), INVALID, "[bold red]x[/]"),
    "a metric that escapes": (
        scenario() + '[[expect]]\nmetric = "a\\u001b[2J.read"\nat_most = 1.0\n',
        INVALID,
        r"\x1b[2J",
    ),
    "a name that is a path": (scenario().replace('"hostile"', '"../../x"'), INVALID, "name: must match"),
}


def outcome_of(arguments: list[str | Path], cwd: Path) -> Result:
    """Call the command, and assert what no input may do."""
    before = files_below(cwd)
    result = tierbench(*arguments, cwd=cwd)
    assert result.out == ""
    assert "Traceback" not in result.err
    assert "internal error" not in result.err
    assert "Warning" not in result.err
    assert all(each.isprintable() or each == "\n" for each in result.err), ascii(result.err)
    assert len(result.err) < 200_000
    lines = result.err.splitlines()
    for line in lines[:-1] if lines[-1].startswith("and ") else lines:
        assert re.match(r"(hostile\.toml|--set .*|gone\.csv|\.|a\\x00b|[\w./]+)(:\d+(:\d+)?)?: error: ", line), line
    assert files_below(cwd) == before
    return result


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_hostile_file_is_refused(verb: str, name: str, tmp_path: Path) -> None:
    content, code, words = WRONG[name]
    (tmp_path / "hostile.toml").write_bytes(content if isinstance(content, bytes) else content.encode())

    result = outcome_of([verb, "hostile.toml"], tmp_path)

    assert words in result.err
    assert result.code == code


SETTINGS: dict[str, tuple[str, int, str]] = {
    "a wrong type": ("replications=many", INVALID, "replications: expected an integer, got a string"),
    "an unknown key": ("systems.a.server=2", INVALID, "systems.a.server: unknown key; did you mean servers?"),
    "no value": ("seed=", INVALID, "seed: the value is missing"),
    "no sign": ("seed", INVALID, "there is no = in it"),
    "no key": ("=5", INVALID, "there is no name of a key"),
    "not a number": ("duration_s=nan", INVALID, "duration_s: must be finite"),
    "a deep path": (".".join("a" * 5000) + "=1", LIMIT, "a path of more than"),
    "a deep value": ("systems.a.service=" + "[" * 5000 + "]" * 5000, LIMIT, "systems.a.service: "),
    "a deep table": ("systems.a.service=" + "{a=" * 5000 + "1" + "}" * 5000, LIMIT, "systems.a.service: "),
    "a number of 6,000 digits": ("seed=" + "9" * 6000, LIMIT, "seed: "),
    "a huge list": ("systems.a.service=[" + "1," * 49_000 + "]", LIMIT, "systems.a.service: "),
    "a huge text": ("question=" + "x" * 200_000, LIMIT, "200,009 characters"),
    "an index that leads nowhere": ("expect[999999999].at_least=1", INVALID, "expect"),
    "escapes": ("question=\x1b[2J\u202e", INVALID, r"\x1b[2J\u202e"),
    "a rate without bounds": ("workload.arrivals={kind='poisson',rate_per_s=1e15}", LIMIT, "would simulate"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_hostile_assignment_is_refused(name: str, tmp_path: Path) -> None:
    assignment, code, words = SETTINGS[name]
    (tmp_path / "hostile.toml").write_text(scenario(), "utf-8")

    result = outcome_of(["run", "hostile.toml", "--set", assignment], tmp_path)

    assert result.err.startswith("--set ")
    assert words in result.err
    assert result.code == code


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A hundred megabytes of holes: what is read is one byte more than the bound."""
    with (tmp_path / "hostile.toml").open("wb") as file:
        file.truncate(100_000_000)

    result = outcome_of(["run", "hostile.toml"], tmp_path)

    assert "hostile.toml: error: the file is larger than 1,048,576 bytes; a scenario is a page or two" in result.err
    assert result.code == LIMIT


STRANGE = r"\u001b[2J\u202e \u0007 [bold red]x[/] <script>&amp;</script> $\\frac{1}{2}$ \u0085 \u2028 %s {0}"


def test_strange_words_are_shown_safely_everywhere(tmp_path: Path) -> None:
    """A question and an expectation of escapes, markup and formulas: in the terminal, TOML, JSON, CSV and SVG."""
    text = scenario(f'question = "{STRANGE}"', "replications = 2", "duration_s = 1.0", POISSON)
    expect = f'[[expect]]\ntext = "{STRANGE}"\nmetric = "a.read.ok"\nat_least = 1.0\n'
    (tmp_path / "hostile.toml").write_text(text + expect, "utf-8")

    result = tierbench("run", "hostile.toml", "--engine", "simpy", "--out", "out", cwd=tmp_path)

    assert result.code == 0
    assert all(each.isprintable() or each == "\n" for each in result.out + result.err)
    assert "[bold red]x[/] <script>" in result.out
    stored = {path.name: path.read_text("utf-8") for path in (tmp_path / "out").rglob("*.*") if path.suffix != ".png"}
    for name, content in stored.items():
        assert all(each.isprintable() or each == "\n" for each in content), name
        if name.endswith(".svg"):
            elements = ET.fromstring(content).iter()  # noqa: S314 - our own, which is what is tested
            assert "script" not in {element.tag.rpartition("}")[2] for element in elements}
    question = tomllib.loads(text)["question"]
    assert tomllib.loads(stored["scenario.toml"])["question"] == question
    assert json.loads(stored["summary.json"])["expectations"][0]["text"] == question


@pytest.mark.slow
def test_a_loop_that_only_stands_still_when_it_runs_is_said(tmp_path: Path) -> None:
    """The mean says that time passes; for most requests it does not, and one client's next is at the same instant."""
    closed = "workload.arrivals = { kind = 'closed', clients = 2 }"
    law = "{ kind = 'mixture', components = [{ weight = 1e12, law = { kind = 'constant', value_s = 0.0 } }, "
    law += "{ weight = 1.0, law = { kind = 'constant', value_s = 1e9 } }] }"
    (tmp_path / "hostile.toml").write_text(scenario(closed, "replications = 1") + f"service = {law}\n", "utf-8")

    result = outcome_of(["run", "hostile.toml", "--engine", "simpy", "--quiet"], tmp_path)

    assert (
        "systems.a: time stands still at 0 s: requests go round without any delay; give the closed loop" in result.err
    )
    assert result.code == INVALID
