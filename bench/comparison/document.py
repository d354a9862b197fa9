"""The JSON document of `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.comparison.judging import Compared
from bench.comparison.sides import Side
from bench.statistics.comparing import Comparison, Difference, overall

SCHEMA = 1


def document_of(some: Sequence[Compared], margin: float) -> dict[str, Any]:
    """All contenders against their baseline.

    Args:
        some: One for each contender, at least one.
        margin: Part of the baseline's value that does not matter.
    """
    return {
        "schema": SCHEMA,
        "margin": margin,
        "verdict": verdict_of(some),
        "baseline": _side(some[0].baseline),
        "contenders": [_contender(each) for each in some],
    }


def verdict_of(some: Sequence[Compared]) -> Comparison:
    """What all contenders come to: the worst of them."""
    return overall(each.verdict for each in some)


def _side(side: Side) -> dict[str, Any]:
    return {
        "name": side.label,
        "scenario": side.scenario,
        "fingerprint": side.fingerprint,
        "seed": side.seed,
        "replications": side.replications,
        "versions": dict(side.versions),
    }


def _contender(compared: Compared) -> dict[str, Any]:
    return {
        **_side(compared.contender),
        "differs": [
            {"path": each.path, "baseline": each.baseline, "contender": each.contender} for each in compared.differs
        ],
        "paired": compared.paired,
        "verdict": compared.verdict,
        "counts": compared.counts,
        "reason": compared.nothing,
        "figures": [_figure(each) for each in compared.differences],
        "not_compared": [
            {"system": each.system, "cell": each.cell, "figure": each.name, "reason": each.reason}
            for each in compared.not_compared
        ],
    }


def _figure(each: Difference) -> dict[str, Any]:
    ends = each.contrast.interval
    return {
        "system": each.baseline.system,
        "contender_system": each.contender.system,
        "cell": each.baseline.cell,
        "figure": each.baseline.name,
        "unit": each.baseline.unit,
        "better": each.baseline.better,
        "baseline": each.estimates[0].as_json(),
        "contender": each.estimates[1].as_json(),
        "difference": {"mean": each.contrast.mean, "ci95": None if ends is None else list(ends)},
        "ratio": each.ratio,
        "verdict": each.verdict,
        "moved": each.moved,
        "reason": each.reason,
    }
