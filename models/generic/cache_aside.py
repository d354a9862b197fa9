"""A cache beside a backing store: a read looks the cache up, and on a miss asks the store and fills the cache.

A write goes to the store, then drops the object from the cache (or brings it up to date, or leaves it).

Limits: misses of one key that overlap all go to the store; the cache is one node and never fails by itself; no network.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.kernel.eviction import SamplingParameters, SlabsParameters
from models.kernel.laws import ConstantSeconds, Positive, SecondsLaw
from models.kernel.parts import Cache, CachePolicy, Group, Station
from models.kernel.registry import ClientParameters, Model, Parameters, Servers, parameter, servers_of
from models.kernel.steps import Drop, Fill, Lookup, Serve, Step
from models.kernel.system import Operation, Route, System


class CacheAsideParameters(Parameters):
    """Parameters of `cache_aside`."""

    policy: CachePolicy = parameter(
        "lru",
        "what goes when room is needed; `sampled_…` as in Redis, `segmented_lru` as in Memcached",
        assumed="any of them",
    )
    sampling: SamplingParameters = parameter(
        SamplingParameters(), "how sampled policies draw what they evict", assumed="as Redis is shipped"
    )
    slabs: SlabsParameters = parameter(
        SlabsParameters(), "how `segmented_lru` divides memory", assumed="as Memcached is shipped"
    )
    capacity_items: Annotated[int, Field(ge=1, le=10**12)] | None = parameter(None, "objects that fit", example=1_000)
    capacity_bytes: Annotated[int, Field(ge=1, le=10**18)] | None = parameter(None, "bytes that fit", example=1_000_000)
    ttl_s: Positive | None = parameter(None, "seconds after its fill that an object expires; none: never", example=60.0)
    lookup: SecondsLaw = parameter(
        ConstantSeconds(value_s=0.0002), "seconds to look the cache up", assumed="0.0001 to 0.001"
    )
    backing: SecondsLaw = parameter(
        ConstantSeconds(value_s=0.005), "seconds that the store takes", assumed="0.001 to 0.01"
    )
    lookup_servers: Servers = parameter("unlimited", "servers of the cache", assumed="no queueing")
    backing_servers: Servers = parameter("unlimited", "servers of the store", assumed="no queueing")
    on_write: Literal["drop", "fill", "leave"] = parameter(
        "drop", "what a write does to the cached object, after the store", assumed="drop, fill or leave"
    )
    client: ClientParameters = parameter(ClientParameters(), "patience of the clients", assumed="no timeout, no retry")

    @model_validator(mode="after")
    def _one_capacity(self) -> Self:
        if (self.capacity_items is None) == (self.capacity_bytes is None):
            raise ValueError("give capacity_items or capacity_bytes, one of the two")
        if self.policy == "segmented_lru" and (self.capacity_bytes or 0) < self.slabs.page_bytes:
            raise ValueError(f"segmented_lru needs capacity_bytes, a page of {self.slabs.page_bytes} bytes or more")
        return self


def build(parameters: CacheAsideParameters, operations: tuple[str, ...]) -> System:
    """Reads ask the cache first, writes the store."""
    node, store = Group("cache"), Group("backing")
    cache = Cache(
        "cache", node, parameters.policy, parameters.capacity_items, parameters.capacity_bytes, parameters.ttl_s,
        sampling=parameters.sampling.sampling(), slabs=parameters.slabs.slabs(),
    )  # fmt: skip
    look = Serve(Station("lookup", node, servers_of(parameters.lookup_servers)), parameters.lookup)
    ask = Serve(Station("backing", store, servers_of(parameters.backing_servers)), parameters.backing)
    after: dict[str, tuple[Step, ...]] = {"drop": (Drop(cache),), "fill": (Fill(cache),), "leave": ()}
    read = Route(look, Lookup(cache, on_miss=Route(ask, Fill(cache))))
    write = Route(ask, *after[parameters.on_write])
    routes = {
        "read": read,
        "write": write,
        "insert": write,
        "read_modify_write": Route(*read.steps, *write.steps),
    }
    client = parameters.client.client()
    return System({name: Operation(routes[name], client) for name in operations})


MODEL = Model(
    name="cache_aside",
    summary="a cache beside a backing store, filled on a miss",
    parameters=CacheAsideParameters,
    build=build,
    operations=("read", "write", "insert", "read_modify_write"),
    limits=(
        "overlapping misses of one key all go to the store",
        "the cache is one node that never fails by itself",
        "no network between client, cache and store",
        "segmented_lru: a page that a class of sizes has is never taken from it; what is expired goes when it is met",
    ),
)
