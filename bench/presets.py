"""Workloads that others have defined, by name: every key of a preset can be overridden in the scenario.

Limits:
    In Facebook's and Twitter's workloads an object is as popular for ever; none is new, but for cluster 12's, and none
    falls out of use. So what misses in a large cache has expired, and a production miss ratio, to which objects that
    nobody asked for before add theirs, is higher, in some clusters many times (tests/oracle/test_presets.py). Rates are
    production's; with times to live of days, no past of bearable length brings caches to where they would stay, and a
    run says so. What fills a cache after a miss (`add`) is no request, as a system's reads do it; of `set` no one can
    say which do, so each is a write. A key's popularity, size and time to live are independent of one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

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


ETC_SMALL = (
    0.00536, 0.00583, 0.18403, 0.27642, 0.27660, 0.30400, 0.30465, 0.31071, 0.31094, 0.31931, 0.32768, 0.41757, 0.41849,
    0.42175, 0.44155,
)  # fmt: skip
"""Share of values of at most 0, 1, ... 14 B."""
ETC_SCALE_BYTES, ETC_SHAPE = 214.476, 0.348238
"""The generalized Pareto law of larger values, from 0 on."""


def _etc_values() -> dict[str, Any]:
    """The published table up to 14 B; beyond, rounded up, what the published law has above 14 B, again such a law."""
    most = len(ETC_SMALL) - 1
    small = {
        "kind": "discrete",
        "values": [float(size) for size in range(most + 1)],
        "weights": [round(b - a, 5) for a, b in pairwise((0.0, *ETC_SMALL))],
    }
    large = {
        "kind": "generalized_pareto",
        "location": float(most),
        "scale": round(ETC_SCALE_BYTES + ETC_SHAPE * most, 3),
        "shape": ETC_SHAPE,
    }
    share = ETC_SMALL[-1]
    return {
        "kind": "mixture",
        "components": [{"weight": share, "law": small}, {"weight": round(1.0 - share, 5), "law": large}],
    }


FACEBOOK_ETC = Preset(
    "Facebook's general pool ETC: 30 reads an update, 36 B keys, values of a few bytes to many KB, 52,700 requests/s",
    "Atikoglu et al., SIGMETRICS 2012; keys: fitted to the skew of ETC, their number assumed",
    {
        "arrivals": {
            "kind": "renewal", "gap": {"kind": "generalized_pareto", "scale_s": 16.0292e-6, "shape": 0.154971},
        },
        "keys": {"kind": "zipf", "count": 1_000_000, "exponent": 1.9055, "shift": 7254.0},
        "key_size_bytes": {
            "kind": "generalized_extreme_value", "location": 30.7984, "scale": 8.20449, "shape": 0.078688,
        },
        "value_size_bytes": _etc_values(),
        "mix": {"read": 30 / 31, "write": 1 / 31},
    },
)  # fmt: skip

H, D = 3600.0, 86400.0
TWEMCACHE = (
    "J. Yang, Y. Yue, K. V. Rashmi, OSDI 2020; means of cache-trace, stat/2020Mar.md, CC BY 4.0; "
    "number of keys: working set over mean size"
)


class Cluster(NamedTuple):
    """Published means of one of Twitter's cache clusters.

    Args:
        use: Category: what it keeps.
        key_bytes: Mean size of a key.
        value_bytes: Mean size of a value.
        kilo_requests_per_s: Mean rate.
        working_set_mb: Of all objects asked for; of a cluster that inserts, of those that have not expired.
        alpha: Exponent of the popularity by Zipf's law.
        shares: Of the operations that are named with a share; `get` is get and gets, `set` is set and cas.
        ttls_s: Common times to live, and their shares; together less than 1 where the rest is not named.
        miss_ratio: In production; no part of the workload.
    """

    use: str
    key_bytes: int
    value_bytes: int
    kilo_requests_per_s: float
    working_set_mb: int
    alpha: float
    shares: dict[str, float]
    ttls_s: dict[float, float]
    miss_ratio: float

    @property
    def key_count(self) -> int:
        """Objects in the working set, to two digits."""
        return int(float(f"{self.working_set_mb * 1e6 / (self.key_bytes + self.value_bytes):.2g}"))


TWITTER = {
    7: Cluster(
        "computation", 17, 1936, 1.62, 7574, 1.0666, {"get": 0.82, "set": 0.18},
        {1.6 * H: 0.13, 1.7 * H: 0.24, 1.8 * H: 0.28, 1.9 * H: 0.23, 2 * H: 0.12}, 0.2004,
    ),
    11: Cluster("storage", 24, 170, 4.16, 1898, 1.4891, {"get": 0.97, "set": 0.01}, {20: 0.03, 5 * D: 0.97}, 0.0047),
    12: Cluster(
        "computation", 44, 1030, 4.36, 986, 0.3048, {"get": 0.2, "insert": 0.8}, {299: 0.02, 300: 0.98}, 0.0058,
    ),
    17: Cluster("storage", 19, 212, 0.35, 1162, 2.1106, {"get": 0.99}, {5 * D: 1.0}, 0.0002),
    18: Cluster("storage", 18, 37, 26.4, 311, 2.0994, {"get": 0.97, "set": 0.01}, {12 * H: 1.0}, 0.002),
    24: Cluster(
        "storage", 32, 699, 5.29, 5228, 1.3726, {"get": 0.99},
        {60: 0.19, H: 0.02, D: 0.02, 14 * D: 0.71, 30 * D: 0.03}, 0.0087,
    ),
    25: Cluster("storage", 49, 28, 18.97, 340, 0.9929, {"get": 0.97, "set": 0.02}, {30 * D: 0.99}, 0.0002),
    29: Cluster("storage", 36, 799, 10.73, 40520, 1.2323, {"get": 0.86, "set": 0.13}, {H: 0.67, 2 * H: 0.33}, 0.2242),
    44: Cluster("transient items", 25, 22, 9.41, 536, 1.4084, {"get": 0.98}, {30 * D: 1.0}, 0.0083),
    45: Cluster("storage", 10, 120, 0.33, 1046, 0.6372, {"get": 0.85}, {15 * D: 1.0}, 0.3685),
    52: Cluster(
        "storage", 20, 273, 24.25, 14057, 1.2117, {"get": 0.93, "set": 0.02}, {12 * H: 0.07, D: 0.65, 14 * D: 0.27},
        0.0189,
    ),
}  # fmt: skip
"""Those that the traces' authors recommend for a study of misses, of writes or of times to live, as far as all figures
are published, reads occur, and keys are at most `models.kernel.keys.MAX_KEYS`.

Cluster 12 sets an object at four of five requests, nearly always a new one (compulsory misses: 79 %). So its sets are
inserts, and its reads are of the newest records, as many as have not expired.
"""


def _twitter(number: int, cluster: Cluster) -> Preset:
    """Sizes are constant, as no more than their means are published."""
    read = cluster.shares["get"] / sum(cluster.shares.values())
    names = {"get": "read", "set": "write", "insert": "insert"}
    mix = {names[name]: 1.0 - read if name != "get" else read for name in cluster.shares}
    ttls_s = [float(ttl_s) for ttl_s in cluster.ttls_s]
    return Preset(
        f"Twitter's cache cluster {number}, {cluster.use}: {cluster.key_count:,} objects of "
        f"{cluster.key_bytes + cluster.value_bytes:,} B, {cluster.kilo_requests_per_s * 1000:,.0f} requests/s, "
        f"{100 * read:.3g} % reads",
        TWEMCACHE,
        {
            "arrivals": {"kind": "poisson", "rate_per_s": round(cluster.kilo_requests_per_s * 1000, 6)},
            "keys": {
                "kind": "latest" if "insert" in mix else "zipf", "count": cluster.key_count, "exponent": cluster.alpha,
            },
            "key_size_bytes": {"kind": "constant", "value": float(cluster.key_bytes)},
            "value_size_bytes": {"kind": "constant", "value": float(cluster.value_bytes)},
            "ttl_s": {"kind": "constant", "value": ttls_s[0]} if len(ttls_s) == 1 else {
                "kind": "discrete", "values": ttls_s, "weights": list(cluster.ttls_s.values()),
            },
            "mix": mix,
        },
    )  # fmt: skip


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
    "facebook-etc": FACEBOOK_ETC,
    **{f"twitter-cluster{number:02}": _twitter(number, cluster) for number, cluster in TWITTER.items()},
}
