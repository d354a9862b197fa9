"""Pictures of a run: what its numbers look like, each with its title, its small print and its numbers as a table.

`data` computes what is shown, `style` says how it looks, and each picture has a module that places it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bench.pictures.ages import StalenessData
from bench.pictures.bills import CostData
from bench.pictures.course import TimelineData
from bench.pictures.data import BarsData, Context, PercentileData, Picture
from bench.pictures.findings import Outcomes, Span
from bench.pictures.recovery import RecoveryData
from bench.pictures.stored import Drawable, draw

__all__ = [
    "BarsData", "Context", "CostData", "Outcomes", "PercentileData", "Picture", "RecoveryData", "Span", "StalenessData",
    "TimelineData", "draw_all",
]  # fmt: skip


def draw_all(
    outcomes: Outcomes,
    scenario_name: str,
    *,
    question: str = "",
    fingerprint: str = "",
    faults: Sequence[Span] = (),
    certain: Collection[str] = (),
) -> dict[str, Picture]:
    """Draw every picture of a run.

    Args:
        outcomes: Replications by system, in the scenario's order; at least one system, and one replication of each.
        scenario_name: As the user wrote it; it is made safe to draw.
        question: The scenario's question, likewise.
        fingerprint: Digest of what the models produced.
        faults: Faults with their times, to be shaded.
        certain: Systems that left nothing to chance, whose single replication is exact.

    Returns:
        Pictures by name: "percentiles", "timeline", "bars", "staleness" if a read was stale, "stages" if control came
        to any, and "cost" if a system is charged.
    """
    context = Context(scenario_name, question, fingerprint, tuple(faults), certain)
    some: dict[str, Drawable] = {
        "percentiles": PercentileData.from_outcomes(outcomes, context),
        "timeline": TimelineData.from_outcomes(outcomes, context),
        "bars": BarsData.from_outcomes(outcomes, context),
    }
    if (ages := StalenessData.from_outcomes(outcomes, context)).panels:
        some["staleness"] = ages
    if (stages := RecoveryData.from_outcomes(outcomes, context)).rows:
        some["stages"] = stages
    if any(replications[0].charges for replications in outcomes.values()):
        some["cost"] = CostData.from_outcomes(outcomes, context)
    return draw(some)
