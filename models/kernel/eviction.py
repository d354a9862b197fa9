"""How a scenario gives the terms of caches that evict as Redis and Memcached do."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from models.kernel.laws import NonNegative
from models.kernel.parts import Sampling, Slabs
from models.kernel.registry import Parameters, parameter

REDIS = "redis.conf and src/server.h, Redis 7 (2022)"
MEMCACHED = "memcached 1.6, manual page and settings_init (2024)"
Bytes = Annotated[int, Field(ge=1, le=1 << 30)]
Percent = Annotated[int, Field(ge=0, le=99)]


class SamplingParameters(Parameters):
    """How Redis looks for what to evict, for policies `sampled_lru` and `sampled_lfu`."""

    samples: Annotated[int, Field(ge=1, le=64)] = parameter(
        Sampling.samples, "objects drawn for an eviction", source=REDIS
    )
    clock_s: NonNegative = parameter(Sampling.clock_s, "resolution of the clock of idle times; 0: exact", source=REDIS)
    lfu_log_factor: Annotated[int, Field(ge=0, le=10_000)] = parameter(
        Sampling.lfu_log_factor, "how much harder each step of a frequency counter is than the one before", source=REDIS
    )
    lfu_decay_s: NonNegative = parameter(
        Sampling.lfu_decay_s, "tick at which frequency counters fall by one; 0: never", source=REDIS
    )

    def sampling(self) -> Sampling:
        """For a cache."""
        return Sampling(**self.model_dump())


class SlabsParameters(Parameters):
    """How Memcached divides its memory, for policy `segmented_lru`."""

    smallest_bytes: Bytes = parameter(Slabs.smallest_bytes, "room for data in the smallest chunk", source=MEMCACHED)
    header_bytes: Bytes = parameter(
        Slabs.header_bytes, "what each object takes besides; 56 with a version number", source=MEMCACHED
    )
    growth_factor: Annotated[float, Field(gt=1.0, le=16.0)] = parameter(
        Slabs.growth_factor, "chunk of the next class to that of one", source=MEMCACHED
    )
    page_bytes: Annotated[int, Field(ge=1 << 10, le=1 << 27, multiple_of=16)] = parameter(
        Slabs.page_bytes, "memory that is given to a class at a time; the largest chunk is half of it", source=MEMCACHED
    )
    item_most_bytes: Bytes = parameter(
        Slabs.item_most_bytes, "larger objects, with their header, are not admitted", source=MEMCACHED
    )
    hot_percent: Percent = parameter(Slabs.hot_percent, "of a class's bytes, at most in HOT", source=MEMCACHED)
    warm_percent: Percent = parameter(Slabs.warm_percent, "of a class's bytes, at most in WARM", source=MEMCACHED)
    hot_age_factor: NonNegative = parameter(
        Slabs.hot_age_factor, "age at which an object leaves HOT, in ages of the oldest in COLD", source=MEMCACHED
    )
    warm_age_factor: NonNegative = parameter(
        Slabs.warm_age_factor, "age at which an object leaves WARM, in ages of the oldest in COLD", source=MEMCACHED
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self.slabs()
        return self

    def slabs(self) -> Slabs:
        """For a cache."""
        return Slabs(**self.model_dump())
