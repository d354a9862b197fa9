"""Which figure of a contender stands against which of the baseline's, and which have no counterpart.

Systems are matched by name. Where each side has a single one, these two are meant, whatever they are called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.comparison.sides import Side
from bench.statistics.comparing import NotCompared
from bench.statistics.values import Figure


@dataclass(frozen=True)
class Matching:
    """What has a counterpart.

    Args:
        systems: The contender's system for each of the baseline's.
        pairs: Baseline's and contender's figures.
        alone: Systems, and figures of matched systems, that only one side has.
    """

    systems: Mapping[str, str]
    pairs: Sequence[tuple[Figure, Figure]]
    alone: Sequence[NotCompared]


def match(baseline: Side, contender: Side, *, paired: bool) -> Matching:
    """Find the counterparts.

    Args:
        baseline: The one side.
        contender: The other.
        paired: Replications with the same index saw the same requests; what one side has more of them is left out.
    """
    systems = _systems(baseline.systems, contender.systems)
    alone = [_only_one_has(name, "", "the baseline") for name in baseline.systems if name not in systems]
    alone += [_only_one_has(name, "", "the contender") for name in contender.systems if name not in systems.values()]
    counterparts = {(figure.cell, figure.system, figure.name): figure for figure in contender.figures}
    pairs = []
    for figure in baseline.figures:
        if figure.system not in systems:
            continue
        counterpart = counterparts.pop((figure.cell, systems[figure.system], figure.name), None)
        if counterpart is None:
            alone.append(_only_one_has(figure.system, figure.name, "the baseline", figure.cell))
        else:
            pairs.append((figure, counterpart))
    alone += [
        _only_one_has(figure.system, figure.name, "the contender", figure.cell)
        for figure in counterparts.values()
        if figure.system in systems.values()
    ]
    if paired:
        pairs = [_common(*pair) for pair in pairs]
    if baseline.fingerprint == contender.fingerprint and not baseline.part:
        # The models produced the same bits, so that even of a single replication nothing can be otherwise.
        pairs = [(replace(one, certain=True), replace(other, certain=True)) for one, other in pairs]
    return Matching(systems, pairs, alone)


def _systems(baseline: Sequence[str], contender: Sequence[str]) -> dict[str, str]:
    if len(baseline) == len(contender) == 1:
        return {baseline[0]: contender[0]}
    return {name: name for name in baseline if name in contender}


def _common(baseline: Figure, contender: Figure) -> tuple[Figure, Figure]:
    """Both with the replications that both have."""
    count = min(len(baseline.values), len(contender.values))
    return replace(baseline, values=baseline.values[:count]), replace(contender, values=contender.values[:count])


def _only_one_has(system: str, name: str, side: str, cell: str = "") -> NotCompared:
    return NotCompared(system, name, f"only {side} has this {'figure' if name else 'system'}", cell)
