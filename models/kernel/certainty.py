"""Whether a run leaves anything to chance, so that one replication of it says all there is to say.

It is judged by what is declared, not by what happened: every law on a route constant, no random choice, no cache that
draws what it evicts and no jitter, arrivals at constant gaps or recorded, think times constant. Keys and sizes count
only where something looks at them.
When in doubt, a run is taken to be random.
"""

from __future__ import annotations

from models.kernel.arrivals import Closed, ConstantArrivals
from models.kernel.codes import OP_CHOOSE
from models.kernel.laws import CONSTANT
from models.kernel.program import Program
from models.kernel.sources import Source, Workload
from models.kernel.steps.choose import RANDOM
from models.kernel.system import Client


def is_certain(program: Program, sources: list[Source]) -> bool:
    """Whether every replication of this system under this work is the same."""
    return _system_is_certain(program) and all(_work_is_certain(program, source.workload) for source in sources)


def _system_is_certain(program: Program) -> bool:
    laws = program.laws.laws
    used = {law for site in program.sites if site.step.takes_time for law in site.laws}
    clients = [operation.client for operation in program.system.operations.values()]
    return (
        not program.system.controls_draw
        and all(laws[law].code == CONSTANT for law in used if law < len(laws))
        and not any(site.op == OP_CHOOSE and site.b == RANDOM for site in program.sites)
        and not any(cache.draws for cache in program.caches)
        and all(client.jitter == "none" or not _waits(client) for client in clients)
    )


def _waits(client: Client) -> bool:
    return any(client.ceilings_s()) or any(client.ceilings_s(throttled=True))


def _work_is_certain(program: Program, workload: Workload) -> bool:
    if workload.trace is not None:
        return True
    arrivals = workload.arrivals
    steady = isinstance(arrivals, ConstantArrivals) or (
        isinstance(arrivals, Closed) and arrivals.think.code == CONSTANT and not program.caches
    )
    return (
        steady
        and len(workload.mix) == 1
        and not workload.objects_differ
        and (workload.items.code == CONSTANT or not any(workload.asks_several()))
        and (workload.keys.count == 1 or not program.reads_keys)
    )
