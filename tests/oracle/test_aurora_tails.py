"""Three full copies and three tails: commit times against all sets of copies, reads by where they end, and the bill.

Goal: a record is durable with any four copies or the three full ones, pages are read where there are pages, and three
copies with pages cost half of six. Method: the mean time until a random set of exponential copies suffices, exactly, by
enumeration; services begun at each segment; bytes by hand.
"""

from __future__ import annotations

from math import factorial

import pytest
from pydantic import ValidationError

from models import catalogue
from models.aurora.quorums import QuorumParameters
from models.kernel.arrivals import ConstantArrivals
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from tests.oracle.test_aurora_commit import MEAN_S, aurora, written
from tests.strategies.runs import replicate

MODEL = catalogue.MODELS["aurora"]


def suffices_s(quorum: QuorumParameters) -> float:
    """Mean time until exponential copies of mean 1 suffice.

    The integral over time of the chance that a set of k is there and no other copy is, summed over the sets that do not
    suffice, is k! (5 - k)! / 6!.
    """
    short = [having for having, enough in enumerate(quorum.writes(6, range(6))) if not enough]
    return sum(factorial(h.bit_count()) * factorial(5 - h.bit_count()) for h in short) / factorial(6)


def test_a_record_is_durable_with_any_four_or_with_all_full_ones() -> None:
    six, tails = QuorumParameters(), QuorumParameters(full=3)
    assert suffices_s(six) == pytest.approx(1 / 6 + 1 / 5 + 1 / 4 + 1 / 3)
    assert suffices_s(tails) == pytest.approx(suffices_s(six) - 1 / 60)

    for quorum, given in ((six, {}), (tails, {"full": 3})):
        latency = written(aurora(quorum=given), 60_000).operations["write"].latency
        assert latency.mean_s == pytest.approx(MEAN_S * suffices_s(quorum), rel=0.005)


def test_pages_are_read_where_there_are_pages() -> None:
    storage = {"protection_groups": 2, "quorum": {"full": 3}}
    system = MODEL.build(MODEL.parameters(replicas=0, storage=storage, instance={"memory_bytes": 1.0}), ("read",))
    work = Workload(ConstantArrivals(rate_per_s=100.0), UniformKeys(count=100), Constant(value=100.0), {"read": 1.0})

    (outcome,) = replicate(system, work, Span(0.0, 10.0, 15.0, 1), 1, "compiled")

    begun = outcome.stations["page disk"].started
    assert begun.sum() >= 1000
    assert begun.reshape(2, 6)[:, [1, 3, 5]].sum() == 0


def test_three_copies_with_pages_cost_half_of_six() -> None:
    """In two groups: six of 10 GB each, or three, and the log of six."""
    month_h = 730.0
    prices = {"protection_groups": 2, "copy_dollars_per_gb_month": 0.02, "tail_gb": 0.5}
    charged = []
    for quorum in ({}, {"full": 3}):
        parameters = MODEL.parameters(storage={**prices, "quorum": quorum})
        (charge,) = MODEL.build(parameters, ("write",)).charges
        charged.append(charge.dollars(0.0, 3600.0 * month_h, {}))

    assert charged == pytest.approx([0.02 * 2 * (60.0 + 3.0), 0.02 * 2 * (30.0 + 3.0)])
    assert MODEL.build(MODEL.parameters(), ("write",)).charges == ()


@pytest.mark.parametrize(
    "storage",
    [
        {"long_outage_s": 60.0, "quorum": {"full": 3}},
        {"long_outage_s": 60.0, "quorum": {"copies": 3, "write": 2, "read": 2}},
        {"long_outage_s": 0.1},
    ],
)
def test_who_cannot_leave_out_a_zone_says_so(storage: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="long_outage_s"):
        MODEL.parameters(storage=storage)
