"""How long it takes to replace a lost segment, and when nobody does, by hand.

Goal: a copy takes its bytes over its bandwidth; what the model leaves out of repairs is left out as it says. Method:
segments that are lost at known instants, ways that take no time, and what was written down of each replacement.
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from models.kernel.faults import Fault
from models.kernel.system import System
from tests.oracle.test_aurora_commit import aurora, lost, written

LOST_S = 2.0


def minded(segment_gb: float = 0.5, **repair: Any) -> System:
    """One group, whose segments are replaced when they have been lost for two seconds."""
    return aurora(protection_groups=1, segment_gb=segment_gb, repair={"lost_s": LOST_S, "check_s": 0.1, **repair})


def loss(system: System, segment: int, at_s: float, until_s: float = float("inf")) -> Fault:
    """A segment is lost for a while, or for ever."""
    return lost(system, segment, at_s=at_s, until_s=until_s, how="refuse")


def replaced(system: System, *losses: Fault, until_s: float = 60.0) -> list[tuple[float, float, str]]:
    """When each replacement began, what it took, and of which segment by which."""
    notes = written(system, int(until_s / 0.05), *losses).notes
    begun = [note for note in notes if "is to take the place" in note.text]
    ended = [note for note in notes if "is left out" in note.text]
    assert len(begun) == len(ended)
    return [
        (begin.at_s, end.at_s - begin.at_s, begin.text.partition(": ")[2])
        for begin, end in zip(begun, ended, strict=True)
    ]


@pytest.mark.parametrize(("segment_gb", "copy_s_per_gb"), [(10.0, 1.0), (20.0, 1.0), (5.0, 1.0), (10.0, 0.5)])
def test_a_copy_takes_its_bytes_over_its_bandwidth(segment_gb: float, copy_s_per_gb: float) -> None:
    """A segment of 10 GB takes ten seconds over 10 Gbit/s, as published; one of twice the size twice as long."""
    system = minded(segment_gb, copy_s_per_gb=copy_s_per_gb)

    ((began_s, took_s, text),) = replaced(system, loss(system, 0, 1.0))

    assert text == "segment 6 is to take the place of 0"
    assert LOST_S + 0.4 <= began_s <= LOST_S + 1.2, "since its last answer, which was half a second before at most"
    assert took_s == pytest.approx(segment_gb * copy_s_per_gb, abs=1e-6)


def test_a_zone_has_one_spare_for_a_second_loss() -> None:
    """Segments 0 and 1 are of zone 0, whose spare, 6, takes the place of 0; nobody takes that of 1 until 0 is back."""
    system = minded()

    first, second = replaced(system, loss(system, 0, 1.0, 30.0), loss(system, 1, 10.0))
    (alone,) = replaced(system, loss(system, 0, 1.0), loss(system, 1, 10.0))

    assert first == alone
    assert second[2] == "segment 0 is to take the place of 1"
    assert 30.0 <= second[0] <= 30.2


def test_other_zones_make_no_segment_for_a_dark_one() -> None:
    """Segments 4 and 5, and the spare of their zone, 8, are gone: those of other zones stay spare."""
    system = minded()

    assert replaced(system, *(loss(system, segment, 1.0) for segment in (4, 5, 8))) == []


def test_repairs_do_not_share_what_they_take() -> None:
    """Two groups that are repaired at once take as long as one."""
    system = aurora(protection_groups=2, segment_gb=10.0, repair={"lost_s": LOST_S, "check_s": 0.1})

    both = replaced(system, loss(system, 0, 1.0), loss(system, 9, 1.0))

    assert [took_s for _, took_s, _ in both] == pytest.approx([10.0, 10.0], abs=1e-6)


def test_a_copy_takes_some_time() -> None:
    """A control process that waits for no time would go round for ever."""
    with pytest.raises(ValidationError, match=r"copy_s_per_gb times segment_gb must be 0\.001 s or more"):
        minded(0.0001)
