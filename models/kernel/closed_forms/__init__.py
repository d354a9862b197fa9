"""What theory says about parts and routes: waits, hit ratios, quorums, repairs, saturation; exact unless labelled.

A closed form reads the same stations and loads that the engines simulate, so it tells where a system saturates before
anything runs and stands as an oracle beside what ran. A name that begins with `approximate_` is a known approximation;
Che's characteristic time, behind the LRU forms, is one too, and each function's Limits say how good it is.
"""

from models.kernel.closed_forms.caching import (
    approximate_capacity_items,
    approximate_clock_hit_ratio,
    approximate_lfu_hit_ratio,
    fifo_characteristic_time,
    fifo_hit_ratio,
    lru_characteristic_time,
    lru_hit_ratio,
    perfect_frequency_hit_ratio,
    ttl_hit_ratio,
)
from models.kernel.closed_forms.networks import (
    AsymptoticBounds,
    ClosedNetwork,
    StationDemand,
    asymptotic_bounds,
    closed_network,
    machine_repair,
)
from models.kernel.closed_forms.queueing import (
    BoundedQueue,
    approximate_ggc_wait_mean_s,
    bounded_queue,
    coefficient_of_variation,
    erlang_b,
    erlang_c,
    mg1_wait_mean_s,
    mm1_response_quantile_s,
    mmc_response_mean_s,
    mmc_response_quantile_s,
    mmc_response_tail,
    mmc_wait_mean_s,
    mmc_wait_quantile_s,
    utilization,
)
from models.kernel.closed_forms.quorums import (
    fan_out_slow_probability,
    k_of_n_level,
    k_of_n_mean_s,
    k_of_n_quantile_s,
    leader_and_first_level,
    leader_and_first_mean_s,
)
from models.kernel.closed_forms.reliability import (
    Repairs,
    loss_probability,
    mean_time_to_loss_s,
    unavailability,
)
from models.kernel.closed_forms.retries import (
    load_amplification,
    mean_attempts,
    retry_bucket_amplification_max,
    vulnerable_rates_per_s,
)

__all__ = [
    "AsymptoticBounds",
    "BoundedQueue",
    "ClosedNetwork",
    "Repairs",
    "StationDemand",
    "approximate_capacity_items",
    "approximate_clock_hit_ratio",
    "approximate_ggc_wait_mean_s",
    "approximate_lfu_hit_ratio",
    "asymptotic_bounds",
    "bounded_queue",
    "closed_network",
    "coefficient_of_variation",
    "erlang_b",
    "erlang_c",
    "fan_out_slow_probability",
    "fifo_characteristic_time",
    "fifo_hit_ratio",
    "k_of_n_level",
    "k_of_n_mean_s",
    "k_of_n_quantile_s",
    "leader_and_first_level",
    "leader_and_first_mean_s",
    "load_amplification",
    "loss_probability",
    "lru_characteristic_time",
    "lru_hit_ratio",
    "machine_repair",
    "mean_attempts",
    "mean_time_to_loss_s",
    "mg1_wait_mean_s",
    "mm1_response_quantile_s",
    "mmc_response_mean_s",
    "mmc_response_quantile_s",
    "mmc_response_tail",
    "mmc_wait_mean_s",
    "mmc_wait_quantile_s",
    "perfect_frequency_hit_ratio",
    "retry_bucket_amplification_max",
    "ttl_hit_ratio",
    "unavailability",
    "utilization",
    "vulnerable_rates_per_s",
]
