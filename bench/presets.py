"""Workloads that others have defined, by name: every key of a preset can be overridden in the scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

YCSB = "YCSB core workloads, github.com/brianfrankcooper/YCSB: 10 fields of 100 B, Zipfian constant 0.99"


@dataclass(frozen=True)
class Preset:
    """A workload with a name.

    Args:
        summary: One line.
        source: Who defined it.
        workload: Keys of `[workload]`, as a scenario would write them.
    """

    summary: str
    source: str
    workload: dict[str, Any]


def _ycsb(summary: str, mix: dict[str, float], **more: Any) -> Preset:
    return Preset(
        summary,
        YCSB,
        {
            "keys": {"kind": "scrambled-zipfian", "count": 1_000_000},
            "value_size_bytes": {"kind": "constant", "value": 1000.0},
            "mix": mix,
            **more,
        },
    )


PRESETS: dict[str, Preset] = {
    "ycsb-a": _ycsb("update heavy: half reads, half updates", {"read": 0.5, "write": 0.5}),
    "ycsb-b": _ycsb("read mostly: 95 % reads, 5 % updates", {"read": 0.95, "write": 0.05}),
    "ycsb-c": _ycsb("reads only", {"read": 1.0}),
    "ycsb-d": _ycsb(
        "read latest: 95 % reads, 5 % inserts",
        {"read": 0.95, "insert": 0.05},
        keys={"kind": "latest", "count": 1_000_000},
    ),
    "ycsb-e": _ycsb(
        "short ranges: 95 % scans of 1 to 100 records, all lengths alike, 5 % inserts",
        {"scan": 0.95, "insert": 0.05},
        items_per_request={"kind": "uniform", "low": 0.0, "high": 100.0},
    ),
    "ycsb-f": _ycsb(
        "read, modify, write: half reads, half records read and written back", {"read": 0.5, "read_modify_write": 0.5}
    ),
}
