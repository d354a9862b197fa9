"""The product on a terminal: every figure is there, in a width that fits, and names are text, whatever they say."""

from __future__ import annotations

import copy
import io
import re
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from rich.console import Console

from bench.quantities import amount, factor, interval, milliseconds, milliseconds_interval, percent, plain, significant
from bench.summary import fingerprint, summarise
from bench.tables import Surroundings, print_run
from models.kernel.outcome import Outcome
from tests.strategies.outcomes import degenerate, direct_and_dax

EXPECTATIONS = [
    {
        "text": "direct.read p50 / dax.read p50 ≥ 2",
        "value": 8.345,
        "ci95": [8.33, 8.36],
        "bound": 2.0,
        "verdict": "pass",
    },
    {"text": "dax.read p99 ≤ 4 ms", "value": 13.24, "ci95": [13.18, 13.3], "bound": 4.0, "verdict": "fail"},
    {"text": "dax.read p999 ≤ 4 ms", "value": None, "ci95": None, "bound": 4.0, "verdict": "unknown"},
    {"text": "dax.counters.lost = 0", "value": 0.0, "ci95": [0.0, 0.0], "bound": 0.0, "verdict": "pass"},
]
SURROUNDINGS = Surroundings(
    "When is DAX ten times faster?",
    ["", "", "no data: a replication has no such value"],
    ["the warm-up of dax is too short"],
    ["results/runs/dax-0123"],
    "tierbench report results/runs/dax-0123",
)


def document_of(outcomes: dict[str, list[Outcome]]) -> dict[str, Any]:
    """The document of a run that gave these outcomes."""
    return {
        "schema": 1,
        "scenario": "dax-vs-dynamodb",
        "fingerprint": fingerprint(outcomes),
        "verdict": "fail",
        "systems": summarise(outcomes),
        "expectations": copy.deepcopy(EXPECTATIONS),
    }


@cache
def _documents() -> dict[str, dict[str, Any]]:
    return {"usual": document_of(direct_and_dax(3, 500.0))} | {
        name: document_of(outcomes) for name, outcomes in degenerate().items()
    }


def document(name: str = "usual") -> dict[str, Any]:
    """A document that a test may change."""
    return copy.deepcopy(_documents()[name])


def printed(
    document: dict[str, Any], surroundings: Surroundings = SURROUNDINGS, width: int = 80, **options: Any
) -> str:
    """What a console of a width shows."""
    file = io.StringIO()
    print_run(Console(file=file, width=width, **options), document, surroundings)
    return file.getvalue()


def test_every_figure_of_the_document_is_printed() -> None:
    """A row of figures as worked out by hand from the document: the value, and half of the interval below it."""
    known = document()
    figures = {
        "throughput_per_s": {"mean": 1900.24, "ci95": [1899.14, 1901.34]},
        "latency_ms": {
            "mean": {"mean": 0.7134, "ci95": [0.7011, 0.7257]},
            "p50": {"mean": 0.0213, "ci95": [0.0211, 0.0215]},
            "p90": {"mean": 1.5, "ci95": [1.5, 1.5]},
            "p99": {"mean": 1234.5, "ci95": [1134.5, 1334.5]},
            "p999": {"mean": None, "ci95": None},
        },
    }
    known["systems"]["dax"]["ops"]["read"].update(figures)

    text = printed(known)

    lines = text.splitlines()
    row = next(index for index, line in enumerate(lines) if line.startswith("dax "))
    assert lines[row].split() == ["dax", "1,900", "0.713", "ms", "21.30", "µs", "1.500", "ms", "1.23", "s", "–"]
    assert lines[row + 1].split()[-5:] == ["±1", "±0.012", "±0.20", "±0", "±0.10"]


def test_failures_are_counted_by_kind_and_what_never_settled_is_named() -> None:
    known = document()
    operation = known["systems"]["dax"]["ops"]["read"]
    operation["errors"] = {"refused": 3, "timeout": 12_345, "throttled": 0}
    operation["unfinished"] = 7

    text = printed(known)

    assert [line.strip() for line in re.findall(r"^(?:12,345 timeout|3 refused|7 unfinished)", text, re.MULTILINE)] == [
        "12,345 timeout", "3 refused", "7 unfinished",
    ]  # fmt: skip
    assert "throttled" not in text.split("write")[0]


def test_many_kinds_of_failure_are_summed_up() -> None:
    known = document()
    known["systems"]["dax"]["ops"]["read"]["errors"] = {f"kind-{index}": 100 - index for index in range(20)}

    text = printed(known)

    assert "96 kind-4" in text
    assert "kind-5" not in text
    assert f"{sum(range(81, 96)):,} of 15 other" in text


def test_systems_show_hit_ratio_lost_writes_and_the_most_used_station() -> None:
    known = document()
    dax = known["systems"]["dax"]
    dax["counters"] = {
        "item_cache.lookups": 1000, "item_cache.hits": 901, "query_cache.lookups": 0, "query_cache.hits": 0,
        "writes.acknowledged": 100_000, "writes.lost": 3,
    }  # fmt: skip
    dax["stations"] = {
        "nodes": {"utilization": 0.41, "mean_queue": 0.2},
        "table": {"utilization": None, "mean_queue": 0},
    }

    text = printed(known, width=120)

    assert "item_cache 90.1 %" in text
    assert "query_cache" not in text
    assert "3 of 100,000" in text
    assert "nodes 41.0 %" in text


def test_lost_writes_are_told_in_words_with_what_became_of_the_others() -> None:
    known = document()
    known["systems"]["dax"]["counters"] = {
        "writes.acknowledged": 100_000, "writes.kept": 98_000, "writes.lost": 3, "writes.superseded": 1_997,
    }  # fmt: skip
    known["systems"]["direct"]["counters"] = {
        "writes.acknowledged": 5, "writes.kept": 4, "writes.lost": 0, "writes.superseded": 1,
    }  # fmt: skip

    lines = printed(known, width=120).splitlines()

    told = "dax: 3 of 100,000 acknowledged writes were lost; of the others, 98,000 kept and 1,997 superseded"
    assert [line for line in lines if "acknowledged" in line] == [told]


def test_stale_reads_are_told_of_whom_they_are_known() -> None:
    known = document()
    known["systems"]["dax"]["ops"]["read"]["stale_ratio"] = {"mean": 0.0131, "ci95": [0.012, 0.014]}

    text = printed(known, width=120)

    assert "stale reads" in text
    assert "read 1.3 %" in text
    assert "stale reads" not in printed(document(), width=120)


def test_stages_are_told_with_their_times_if_they_are_few() -> None:
    stages = [(9.5, "dax", "a node is missed"), (1021.304, "direct", "nothing"), (1021.31, "dax", "[bold]elected")]

    few = printed(document(), replace(SURROUNDINGS, stages=stages), width=120).splitlines()
    many = printed(document(), replace(SURROUNDINGS, stages=stages * 5), width=120)

    at = few.index("what control did in replication 0")
    assert few[at + 1 : at + 4] == [
        "    9.500 s  dax: a node is missed", "1,021.304 s  direct: nothing", "1,021.310 s  dax: [bold]elected",
    ]  # fmt: skip
    assert "control did 15 things in replication 0: see notes.csv" in many
    assert "control did" not in printed(document())


def test_the_verdict_says_how_it_came_about() -> None:
    text = printed(document())

    assert "dax-vs-dynamodb: fail (of 4 expectations: 1 fail, 1 unknown, 2 pass)" in text


def test_no_expectation_is_said_so() -> None:
    known = document()
    known["expectations"], known["verdict"] = [], "pass"

    assert "dax-vs-dynamodb: pass (nothing is expected)" in printed(known)


def test_expectations_show_value_interval_bound_and_reason() -> None:
    text = printed(document())

    assert "8.345, 95 % interval 8.330 to 8.360; bound 2" in text
    assert "no value; bound 4" in text
    assert "no data: a replication has no such value" in text
    assert "0 exactly; bound 0" in text


def test_a_narrow_interval_is_shown_with_digits_that_tell_its_ends_apart() -> None:
    known = document()
    known["expectations"][0].update(value=2.0000012, ci95=[2.0000011, 2.0000013])

    assert "2.0000011 to 2.0000013" in printed(known)


def test_surroundings_are_printed() -> None:
    text = printed(document())

    assert text.startswith("When is DAX ten times faster?\n")
    assert "warning: the warm-up of dax is too short\n" in text
    assert "written: results/runs/dax-0123\n" in text
    assert text.endswith("next: tierbench report results/runs/dax-0123\n")


def test_signs_are_explained_where_they_occur() -> None:
    usual, single, idle = (printed(document(name)) for name in ("usual", "one-replication", "no-requests"))

    assert "±: half of the 95 % interval" in usual
    assert "one replication gives no interval" not in usual
    assert "one replication gives no interval" in single
    assert "±" not in single.replace("Figures without ±", "")
    assert "–: too few requests" in idle
    assert "no requests" in idle


@pytest.mark.parametrize("name", sorted(degenerate()))
@pytest.mark.parametrize("width", [40, 60, 79, 80, 81, 100, 200])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    """Paths and commands to copy are left out: they are not broken."""
    for line in printed(document(name), width=width).splitlines():
        assert len(line) <= width or line.startswith(("written: ", "next: "))


def test_a_narrow_terminal_gets_the_same_figures() -> None:
    wide, narrow = (printed(document(), width=width) for width in (80, 60))

    def figures(text: str) -> set[str]:
        return set(re.findall(r"[\d.,]+ (?:ms|µs|s|%)|±[\d.,<]+", text))

    assert figures(wide) == figures(narrow)


def test_a_pipe_gets_plain_text_without_trailing_spaces() -> None:
    text = printed(document())

    assert "\x1b" not in text
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)


def test_the_same_document_prints_the_same_text() -> None:
    assert printed(document()) == printed(document())


def test_colour_is_forced_and_refused_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = printed(document(), color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    plain_text = printed(document(), color_system="standard")
    monkeypatch.delenv("FORCE_COLOR")

    assert "\x1b[1;31mfail" in coloured
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain_text)
    assert re.sub(r"\x1b\[[0-9;]*m| +$", "", coloured, flags=re.MULTILINE) == printed(document())


def test_untrusted_names_are_text_and_not_markup() -> None:
    nasty = "[bold red]x[/bold red] :smile: \x1b[2J\u202e"
    known = document()
    known["scenario"] = nasty
    known["expectations"][0]["text"] = nasty
    known["systems"][nasty] = known["systems"].pop("dax")
    known["systems"][nasty]["ops"]["read"]["errors"] = {nasty: 3}
    surroundings = Surroundings(nasty, [nasty], [nasty], [nasty], nasty)

    for width in (60, 80, 200):
        text = printed(known, surroundings, width=width)

        assert "\x1b" not in text
        assert "\u202e" not in text
        assert text.count("[bold red]x[/bold red] :smile: \\x1b[2J") >= 4


def test_a_path_to_copy_is_not_broken() -> None:
    path = "results/runs/" + "x" * 200

    assert f"written: {path}\n" in printed(document(), Surroundings(written=[path]))


def test_an_encoding_without_our_signs_gets_others() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_run(Console(file=file, width=80), document(), Surroundings("Müller’s?"))
    file.flush()

    text = file.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]

    assert "+/-" in text
    assert "M\\xfcller" in text
    assert "p50 >= 2" in text


# Numbers as they are said.


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (0.2134, "0.213"), (1.0, "1.00"), (9.996, "10.0"), (99.95, "100"), (1234.5, "1,234"),
        (0.000012345, "0.0000123"), (-2.5, "-2.50"), (float("nan"), "–"), (float("inf"), "–"),
    ],
)  # fmt: skip
def test_significant_digits(value: float, text: str) -> None:
    assert significant(value) == text


@pytest.mark.parametrize(
    ("value_ms", "text"),
    [
        (0.213, "0.213 ms"), (1200.0, "1.20 s"), (0.02, "20.0 µs"), (0.09999, "0.100 ms"), (999.7, "1.00 s"),
        (0.0, "0 ms"), (3_600_000.0, "3,600 s"),
    ],
)  # fmt: skip
def test_milliseconds_take_the_unit_that_suits(value_ms: float, text: str) -> None:
    assert milliseconds(value_ms) == text


@pytest.mark.parametrize(
    ("estimate", "texts"),
    [
        ((0.7134, 0.7011, 0.7257), ("0.713", "±0.012")),
        ((1900.2, 1899.1, 1901.3), ("1,900", "±1")),
        ((21345.0, 20111.0, 22579.0), ("21,345", "±1,234")),
        ((5.0, 4.999_999, 5.000_001), ("5.000", "±<0.001")),
        ((5.0, 5.0, 5.0), ("5.000", "±0")),
        ((0.0, 0.0, 0.0), ("0", "±0")),
        ((0.0, -0.2, 0.2), ("0.00", "±0.20")),
        ((3.0, -2.0, 8.0), ("3.0", "±5.0")),
        ((2.0, 1.9, 2.3), ("2.00", "±0.30")),
        ((2.0, float("nan"), float("nan")), ("2.00", "")),
        ((float("nan"), float("nan"), float("nan")), ("–", "")),
    ],
)
def test_an_interval_decides_the_decimals(estimate: tuple[float, float, float], texts: tuple[str, str]) -> None:
    assert interval(*estimate) == texts


def test_an_interval_of_time_has_one_unit() -> None:
    assert milliseconds_interval(1234.5, 1134.5, 1334.5) == ("1.23 s", "±0.10")
    assert milliseconds_interval(0.0213, 0.0211, 0.0215) == ("21.30 µs", "±0.20")


def test_a_share_that_is_nearly_all_is_not_all() -> None:
    assert percent(1.0) == "100 %"
    assert percent(0.0) == "0 %"
    assert percent(0.99996) == "99.996 %"
    assert percent(0.00004) == "0.004 %"
    assert percent(0.901) == "90.1 %"


def test_an_amount_is_readable_however_small_or_large() -> None:
    given = [(8230.4, "h"), (0.00157, "years"), (1.652e25, "years"), (3.35e-13, "h"), (0.0, "h"), (None, "years")]

    assert [amount(*each) for each in given] == [
        "8,230 h", "0.00157 years", "1.65e25 years", "3.35e-13 h", "0 h", "never"
    ]  # fmt: skip
    assert [amount(share, "%") for share in (0.0156, 1.0, 0.0, 1.91e-18)] == ["1.6 %", "100 %", "0 %", "1.91e-16 %"]


def test_factors_and_plain_numbers() -> None:
    assert [factor(ratio) for ratio in (1.04, 2.44, 9.96, 12.3, 12345.0)] == ["1.04×", "2.4×", "10×", "12×", "12,345×"]
    assert [plain(value) for value in (0.0, 0.05, 2.5, 10_000.0, 1e-7, 3.0)] == [
        "0",
        "0.05",
        "2.5",
        "10,000",
        "1e-7",
        "3",
    ]
