"""A contender against the baseline: what differs in the settings, in each figure, and what all of that comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.comparison.matching import match
from bench.comparison.settings import Setting, differing, without_elsewhere
from bench.comparison.sides import Side
from bench.statistics.comparing import Comparison, Difference, NotCompared, compare, overall

VERDICTS: tuple[Comparison, ...] = ("worse", "better", "same", "unknown")


@dataclass(frozen=True)
class Compared:
    """A contender beside the baseline.

    Args:
        baseline: The one side.
        contender: The other.
        differs: What else differs: settings, and versions as `versions.NAME`.
        paired: Whether replications with the same index saw the same requests.
        systems: The contender's system for each of the baseline's.
        differences: Every figure of both.
        not_compared: What has no counterpart, or no value.
    """

    baseline: Side
    contender: Side
    differs: Sequence[Setting]
    paired: bool
    systems: Mapping[str, str]
    differences: Sequence[Difference]
    not_compared: Sequence[NotCompared]

    @property
    def verdict(self) -> Comparison:
        """What all figures say together."""
        return overall(each.verdict for each in self.differences)

    @property
    def counts(self) -> dict[str, int]:
        """How many figures have which verdict."""
        verdicts = [each.verdict for each in self.differences]
        return {verdict: verdicts.count(verdict) for verdict in VERDICTS}

    def name_of(self, system: str) -> str:
        """A system of the baseline beside its counterpart: "direct → dax" where that has another name."""
        theirs = self.systems.get(system, system)
        return system if theirs == system else f"{system} → {theirs}"

    @property
    def common(self) -> int:
        """How many replications both have."""
        return min(self.baseline.replications, self.contender.replications)

    @property
    def nothing(self) -> str:
        """Why nothing could be compared; empty where something was."""
        if any(each.verdict for each in self.differences):
            return ""
        if not self.systems:
            theirs = [", ".join(side.systems) or "none" for side in (self.baseline, self.contender)]
            return (
                f"they have no system in common: the baseline has {theirs[0]}, the contender {theirs[1]}; "
                "compare two systems of one result with --systems"
            )
        if self.differences:
            return "no figure that both have has a better side"
        return "no figure has a value on both sides"


def judge(baseline: Side, contender: Side, margin: float) -> Compared:
    """Compare a contender with the baseline.

    Args:
        baseline: The one side.
        contender: The other.
        margin: Part of the baseline's value that does not matter.
    """
    paired = baseline.seed == contender.seed
    matching = match(baseline, contender, paired=paired)
    differences, lacking = compare(matching.pairs, paired=paired, margin=margin)
    return Compared(
        baseline,
        contender,
        list(_differs(baseline, contender, matching.systems)),
        paired,
        matching.systems,
        differences,
        [*matching.alone, *lacking],
    )


def _differs(baseline: Side, contender: Side, systems: Mapping[str, str]) -> Iterator[Setting]:
    if baseline.part:
        yield from differing(*(_system(side.settings, side.part) for side in (baseline, contender)))
    else:
        back = {theirs: ours for ours, theirs in systems.items()}
        yield from differing(
            without_elsewhere(baseline.settings), _renamed(without_elsewhere(contender.settings), back)
        )
    for name in dict.fromkeys((*baseline.versions, *contender.versions)):
        ours, theirs = baseline.versions.get(name), contender.versions.get(name)
        if ours != theirs:
            yield Setting(f"versions.{name}", ours, theirs)


def _system(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    systems = settings.get("systems")
    found = systems.get(name) if isinstance(systems, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _renamed(settings: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Settings whose systems have the names of those that they are compared with."""
    systems = settings.get("systems")
    if not isinstance(systems, Mapping):
        return dict(settings)
    return {**settings, "systems": {names.get(name, name): each for name, each in systems.items()}}
