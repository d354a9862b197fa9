"""What a DAX node costs an hour, by node type, on demand in us-east-1.

Source:
    r5: ScyllaDB's public cost calculator (July 2025). r4 and t3: price lists in public cost tools, restated alike by
    several (r4.large 0.269, t3.small 0.04, t3.medium 0.08). t2 and r7i are not in what was read, and are assumed: t2 as
    t3 (0.03 to 0.05 for a t2.small); r7i at 1.05 times r5, which is what EC2 asks for the same machines (1 to 1.2).
"""

from __future__ import annotations

_LARGES = {"large": 1, "xlarge": 2, "2xlarge": 4, "4xlarge": 8, "8xlarge": 16, "16xlarge": 32}
"""Size of an r4 node, in nodes of type large."""
_R5 = {
    "large": 0.255, "xlarge": 0.509, "2xlarge": 1.017, "4xlarge": 2.034, "8xlarge": 4.069, "12xlarge": 6.12,
    "16xlarge": 8.137, "24xlarge": 12.24,
}  # fmt: skip
R4_LARGE, R7I_TO_R5 = 0.269, 1.05

NODE_DOLLARS_PER_HOUR: dict[str, float] = {
    **{f"dax.{family}.small": 0.04 for family in ("t2", "t3")},
    **{f"dax.{family}.medium": 0.08 for family in ("t2", "t3")},
    **{f"dax.r4.{size}": R4_LARGE * larges for size, larges in _LARGES.items()},
    **{f"dax.r5.{size}": dollars for size, dollars in _R5.items()},
    **{f"dax.r7i.{size}": round(R7I_TO_R5 * dollars, 3) for size, dollars in _R5.items()},
}
