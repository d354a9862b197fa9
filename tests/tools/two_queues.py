"""The scenario that tests of the command run: two queues under one load."""

from __future__ import annotations

SECOND = '{ kind = "exponential", mean_s = 0.002 }'


def two_queues(
    replications: int = 3, duration_s: float = 2.0, *, name: str = "half-load", rate_per_s: float = 500.0,
    second: str = SECOND,
) -> str:  # fmt: skip
    """A scenario file's text, to which tables can be added.

    Args:
        replications: Of the run.
        duration_s: Of each, seconds.
        name: Of the scenario.
        rate_per_s: Requests of both systems.
        second: Law of the service of the second system, which has two servers.
    """
    return f"""
schema = 1
name = "{name}"
seed = 7
replications = {replications}
duration_s = {duration_s!r}

[workload]
arrivals = {{ kind = "poisson", rate_per_s = {rate_per_s!r} }}

[systems.one]
model = "queue"
service = {{ kind = "exponential", mean_s = 0.001 }}

[systems.two]
model = "queue"
servers = 2
service = {second}
"""
