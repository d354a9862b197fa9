"""Whether a run leaves anything to chance, as is judged by what is declared."""

from __future__ import annotations

import pytest

from models.kernel.arrivals import ConstantArrivals
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant
from models.kernel.parts import Group, Room, Station
from models.kernel.recorder import Span
from models.kernel.sources import Workload
from models.kernel.steps import Hold, Serve
from models.kernel.system import Operation, Route, System
from tests.strategies.runs import replicate

NODE = Group("node")


@pytest.mark.parametrize(("by", "keys", "certain"), [(None, 1, True), (None, 2, False), (NODE, 2, True)])
def test_keys_count_where_one_is_held(by: Group | None, keys: int, certain: bool) -> None:
    """Constant gaps and constant work; who waits for whom is a matter of keys, or it is not."""
    work = Serve(Station("work", NODE, 0), Constant(value=1.5))
    system = System({"read": Operation(Route(Hold(Room("room", NODE, by=by), Route(work), share=False)))})
    workload = Workload(
        ConstantArrivals(rate_per_s=1.0), UniformKeys(count=keys), Constant(value=1.0), {"read": 1.0}
    )  # fmt: skip
    outcomes = replicate(system, workload, Span(0, 9, 9, 1), 2)
    first, second = (each.operations["read"].latency.mean_s for each in outcomes)

    assert {each.certain for each in outcomes} == {certain}
    assert first == second if certain else first != second
