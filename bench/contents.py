"""What a run leaves behind, put together: its scenario with all that was left out, its pictures, and its command."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from bench import pictures
from bench.cost import estimate
from bench.explanation import explanation_of
from bench.runs import Run
from bench.scenario.load import Scenario, resolved_text
from bench.store import RunContents


def contents_of(scenario: Scenario, result: Run, command: str, exports: Collection[str] = ()) -> RunContents:
    """What a run leaves behind, its pictures drawn."""
    drawn = pictures.draw_all(
        result.outcomes,
        scenario.name,
        question=scenario.spec.question,
        fingerprint=result.document["fingerprint"],
        faults=[
            pictures.Span(
                fault.at_s,
                min(max(fault.end_s, fault.at_s + scenario.span.window_s), scenario.span.duration_s),
                fault.label,
            )
            for fault in scenario.spec.faults
        ],
        certain=result.certain,
    )
    return RunContents(
        summary=result.document,
        scenario_toml=resolved_text(scenario.spec),
        outcomes=result.outcomes,
        pictures=drawn,
        seed=int(scenario.spec.seed),
        replications=int(scenario.spec.replications),
        command=command,
        certain=result.certain,
        explanation=explanation_of(scenario, estimate(scenario)),
        reasons=[judgement.reason for judgement in result.judgements],
        warnings=result.warnings,
        exports=exports,
    )


def command_of(file: str, assignments: Sequence[str], exports: Collection[str] = ()) -> str:
    """The command that makes a run again."""
    words = ["tierbench", "run", file, *(word for assignment in assignments for word in ("--set", assignment))]
    return shlex.join([*words, "--export", ",".join(exports)] if exports else words)
