"""Capacity of a table, as a scenario gives it: unlimited, provisioned or on demand, and what comes with each.

Provisioned capacity is read and write units for the whole table, unused ones kept for 300 s. Two ways of admission:
`partition`, the older one, gives each partition its even share, which adaptive capacity may lift; `global` lets request
routers draw on the table's units. On demand a table has no units of its own, but a growth that it can follow. In each a
partition serves no more than its ceiling. `admission` makes buckets of it, `control` refills them.

Source:
    Elhemali et al., Amazon DynamoDB, USENIX ATC 2022, section 4; Amazon DynamoDB Developer Guide (2023).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.kernel.laws import NonNegative, Positive
from models.kernel.registry import Parameters, parameter

PARTITIONS = 4
READ_UNIT_BYTES, WRITE_UNIT_BYTES = 4096, 1024
PARTITION_READ_UNITS, PARTITION_WRITE_UNITS = 3_000.0, 1_000.0
"""Units a second that one partition serves at most (DynamoDB guide, 2023)."""
QUOTA = 40_000.0
"""Units a second of a table (default quota, DynamoDB guide, 2023)."""
MAX_UNITS = 1_000 * QUOTA
STRONG, EVENTUAL = 1.0, 0.5
"""Read units of a strongly and of an eventually consistent read of up to 4 KB."""
DDB22 = "Elhemali et al., USENIX ATC 2022"
GUIDE = "DynamoDB guide (2023)"

Units = Annotated[float, Field(ge=1, le=MAX_UNITS)]
Minutes = Annotated[int, Field(ge=1, le=1_440)]


class SplitForHeat(Parameters):
    """Splitting of partitions that are asked for too much."""

    hot_s: Positive = parameter(
        300.0, "seconds that a partition must be hot before it has split", assumed=f"60 to 1,800: minutes, says {DDB22}"
    )
    hot_share: Annotated[float, Field(gt=0, le=1)] = parameter(
        0.8, "share of its ceiling from which a partition is hot", assumed="0.5 to 1"
    )
    spare_partitions: Annotated[int, Field(ge=1, le=10_000)] = parameter(
        8, "partitions that splits may add", assumed="as many as a run needs: a limit of the simulation"
    )


class Throttled(Parameters):
    """What all capacity that has limits knows."""

    router_refill_s: Annotated[float, Field(ge=0, le=60)] = parameter(
        2.0,
        "seconds between refills of the request routers' own tokens; 0: they all draw on the table's at once",
        assumed=f"1 to 5: every few seconds, says {DDB22}",
    )
    split_for_heat: SplitForHeat | None = parameter(None, "splits of hot partitions; none: partitions stay as they are")


class AutoScaling(Parameters):
    """Target tracking of the units that a table is provisioned with."""

    max_read_units_per_s: Units = parameter(..., "most read units", example=4_000.0)
    max_write_units_per_s: Units = parameter(..., "most write units", example=2_000.0)
    min_read_units_per_s: Units = parameter(1.0, "fewest read units", source=GUIDE)
    min_write_units_per_s: Units = parameter(1.0, "fewest write units", source=GUIDE)
    target: Annotated[float, Field(ge=0.2, le=0.9)] = parameter(
        0.7, "utilization to keep", source="DynamoDB guide, worked example: 70 %, 20 to 90 allowed (2023)"
    )
    scale_in_below: Annotated[float, Field(ge=0, le=1)] = parameter(
        0.2,
        "how far below the target utilization must be to scale in",
        assumed="0.1 to 0.2: alarms of a table of 5 units stand at 210 and 150 units a minute (recalled)",
    )
    scale_out_minutes: Minutes = parameter(
        2, "minutes in a row above the target before it scales out", source="DynamoDB guide, two consecutive (2023)"
    )
    scale_in_minutes: Minutes = parameter(
        15, "minutes in a row below it before it scales in", source="CloudWatch alarms of target tracking (recalled)"
    )
    delay_s: NonNegative = parameter(
        60.0, "seconds from the last of these minutes to the new units", assumed="0 to 180: up to a few minutes"
    )
    cooldown_s: NonNegative = parameter(
        0.0,
        "seconds after a change in which no further one is made",
        source="Application Auto Scaling, for DynamoDB (recalled)",
    )

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        if self.min_read_units_per_s > self.max_read_units_per_s:
            raise ValueError("min_read_units_per_s is above max_read_units_per_s")
        if self.min_write_units_per_s > self.max_write_units_per_s:
            raise ValueError("min_write_units_per_s is above max_write_units_per_s")
        return self


class Provisioned(Throttled):
    """Provisioned capacity of a table."""

    mode: Literal["provisioned"] = parameter(..., "capacity mode")
    read_units_per_s: Units = parameter(
        ...,
        "read units (RCU): a strongly consistent read of up to 4 KB, two eventually consistent ones, per second",
        example=1_000.0,
    )
    write_units_per_s: Units = parameter(..., "write units (WCU): a write of up to 1 KB, per second", example=500.0)
    admission: Literal["global", "partition"] = parameter(
        "global", "whether partitions share the table's units, or have each an even share", source=f"{DDB22}, section 4"
    )
    burst_s: Annotated[float, Field(ge=0, le=86_400)] = parameter(
        300.0, "seconds of unused units that can be used later", source="DynamoDB guide: 300 s (2023)"
    )
    adaptive_s: Positive | None = parameter(
        None,
        "of admission by partitions: seconds from one look of adaptive capacity to the next; none: no such thing",
        example=10.0,
    )
    node_read_units_per_s: NonNegative = parameter(
        PARTITION_READ_UNITS,
        "of admission by partitions: read units that a storage node has for bursts",
        assumed="0 to 3,000: what other tables leave; by default no less than one partition may use",
    )
    node_write_units_per_s: NonNegative = parameter(
        PARTITION_WRITE_UNITS,
        "of admission by partitions: write units that a storage node has for bursts",
        assumed="0 to 1,000: what other tables leave; by default no less than one partition may use",
    )
    auto_scaling: AutoScaling | None = parameter(None, "scaling of the units; none: they stay as they are")

    @model_validator(mode="after")
    def _one_age(self) -> Self:
        if self.admission == "partition" and self.split_for_heat is not None:
            raise ValueError('split_for_heat came with global admission: leave it out, or set admission = "global"')
        if self.admission == "global" and self.adaptive_s is not None:
            raise ValueError('adaptive_s lifts the shares of partitions: leave it out, or set admission = "partition"')
        return self


class OnDemand(Throttled):
    """Capacity on demand: a table carries twice the traffic that it has carried before."""

    mode: Literal["on-demand"] = parameter(..., "capacity mode")
    first_read_units_per_s: Units = parameter(
        12_000.0, "read units that a table carries at first", source="DynamoDB guide, a new table (2023)"
    )
    first_write_units_per_s: Units = parameter(
        4_000.0, "write units that a table carries at first", source="DynamoDB guide, a new table (2023)"
    )
    growth_s: NonNegative = parameter(
        1_800.0,
        "seconds until a peak of traffic counts as a previous one, twice of which is carried",
        source="DynamoDB guide: may throttle if it doubles within 30 minutes (2023)",
    )


Capacity = Literal["unlimited"] | Annotated[Provisioned | OnDemand, Field(discriminator="mode")]


def partitions_needed(units_per_s: float, ceiling: float, before: int = 1) -> int:
    """Partitions of a table that is given so many units: they split in two until each is below its ceiling.

    Args:
        units_per_s: Read or write units of the table.
        ceiling: Units that one partition serves at most.
        before: Partitions that there are already; they never merge. A new table starts with just enough.
    """
    if before == 1:
        return max(1, math.ceil(units_per_s / ceiling))
    while units_per_s / before > ceiling:
        before *= 2
    return before


def partitions_of(partitions: int | None, capacity: Capacity) -> int:
    """Partitions of a table: as many as are said, or as its capacity needs, or may need where it is scaled."""
    if partitions is not None:
        return partitions
    if isinstance(capacity, str):
        return PARTITIONS
    if isinstance(capacity, OnDemand):
        reads, writes = capacity.first_read_units_per_s, capacity.first_write_units_per_s
    else:
        reads, writes = capacity.read_units_per_s, capacity.write_units_per_s
        if (scaling := capacity.auto_scaling) is not None:
            reads, writes = max(reads, scaling.max_read_units_per_s), max(writes, scaling.max_write_units_per_s)
    return max(partitions_needed(reads, PARTITION_READ_UNITS), partitions_needed(writes, PARTITION_WRITE_UNITS))


def spare_partitions(capacity: Capacity) -> int:
    """Partitions that stand idle until others split."""
    if isinstance(capacity, str) or capacity.split_for_heat is None:
        return 0
    return capacity.split_for_heat.spare_partitions
