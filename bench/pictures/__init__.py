"""Pictures of a run: what its numbers look like, each with its title, its small print and its numbers as a table.

`data` computes what is shown, `style` says how it looks, and each picture has a module that places it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from bench.pictures.ages import StalenessData
from bench.pictures.bills import CostData
from bench.pictures.course import TimelineData
from bench.pictures.data import BarsData, Context, Frame, PercentileData, Picture
from bench.pictures.findings import Outcomes, Span
from bench.pictures.recovery import RecoveryData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "BarsData", "Context", "CostData", "Outcomes", "PercentileData", "Picture", "RecoveryData", "Span", "StalenessData",
    "TimelineData", "draw_all",
]  # fmt: skip


class _Data(Protocol):
    """The numbers of any picture."""

    @property
    def frame(self) -> Frame: ...

    def csv_text(self) -> str: ...


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
    # matplotlib takes half a second to import; only whoever draws waits for it.
    from bench.pictures import bars, cost, percentiles, recovery_bars, staleness, timeline
    from bench.pictures.style import render, style_sheet

    context = Context(scenario_name, question, fingerprint, tuple(faults), certain)
    pictures = {}
    with style_sheet():
        drawn: list[tuple[str, _Data, Figure]] = [
            ("percentiles", (curves := PercentileData.from_outcomes(outcomes, context)), percentiles.draw(curves)),
            ("timeline", (course := TimelineData.from_outcomes(outcomes, context)), timeline.draw(course)),
            ("bars", (figures := BarsData.from_outcomes(outcomes, context)), bars.draw(figures)),
        ]
        if (ages := StalenessData.from_outcomes(outcomes, context)).panels:
            drawn.append(("staleness", ages, staleness.draw(ages)))
        if (stages := RecoveryData.from_outcomes(outcomes, context)).rows:
            drawn.append(("stages", stages, recovery_bars.draw(stages)))
        if any(replications[0].charges for replications in outcomes.values()):
            bills = CostData.from_outcomes(outcomes, context)
            drawn.append(("cost", bills, cost.draw(bills)))
        for name, data, figure in drawn:
            svg, png = render(figure)
            pictures[name] = Picture(name, data.frame.finding, data.frame.caption, svg, png, data.csv_text())
    return pictures
