"""What a table costs: each unit taken, on demand; each unit held for an hour, where capacity is provisioned.

A table of unlimited capacity is paid on demand, as on-demand tables are the ones without a limit of their own. Who is
throttled pays nothing; who fails for another reason has used the units that were taken.

Source:
    Amazon DynamoDB pricing pages: what a unit is (stored copies, without their tables of prices). Prices: ScyllaDB's
    public cost calculator (July 2025); those on demand also in Airbyte's guide to DynamoDB pricing (July 2025), which
    dates them to November 2024.

Limits:
    Storage, backups, streams, replication to other Regions and data transfer are left out, and so are reserved
    capacity, savings plans and the free tier.
"""

from __future__ import annotations

from models.dynamodb.capacity import Capacity, Provisioned
from models.kernel.charges import MILLION, Charge, Hourly, PerToken
from models.kernel.laws import NonNegative
from models.kernel.registry import Parameters, parameter

SOURCE = "us-east-1, standard table class; ScyllaDB cost calculator (July 2025)"
READ_LEVEL, WRITE_LEVEL = "read units provisioned", "write units provisioned"
"""Levels by which control says how many units a table has."""


class Prices(Parameters):
    """Prices of a table's capacity, dollars."""

    read_requests_dollars_per_million: NonNegative = parameter(
        0.125, "price of a million read request units, on demand", source=f"{SOURCE}, from November 2024 on"
    )
    write_requests_dollars_per_million: NonNegative = parameter(
        0.625, "price of a million write request units, on demand", source=f"{SOURCE}, from November 2024 on"
    )
    read_unit_dollars_per_hour: NonNegative = parameter(
        0.00013, "price of a provisioned read unit for an hour", source=SOURCE
    )
    write_unit_dollars_per_hour: NonNegative = parameter(
        0.00065, "price of a provisioned write unit for an hour", source=SOURCE
    )


def charges(prices: Prices, capacity: Capacity) -> tuple[Charge, ...]:
    """What a table of this capacity is charged for."""
    if isinstance(capacity, Provisioned):
        return (
            Hourly("read units", prices.read_unit_dollars_per_hour, capacity.read_units_per_s, READ_LEVEL),
            Hourly("write units", prices.write_unit_dollars_per_hour, capacity.write_units_per_s, WRITE_LEVEL),
        )
    return (
        PerToken("read requests", prices.read_requests_dollars_per_million / MILLION, "read capacity"),
        PerToken("write requests", prices.write_requests_dollars_per_million / MILLION, "write capacity"),
    )
