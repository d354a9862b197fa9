"""What retries cost: attempts per request, and the load that a failing system has to carry on top.

Attempts fail independently here. Under overload they do not: there the load itself makes them fail, which is what the
scenarios simulate; these forms bound it.
"""

import math

from models.kernel.closed_forms.numeric import require_count, require_positive, require_probability


def mean_attempts(failure_probability: float, max_attempts: int) -> float:
    """Mean attempts per request when each fails independently and is tried again at once.

    Args:
        failure_probability: Of one attempt.
        max_attempts: Attempts before giving up, the first included (retries + 1).

    Raises:
        ValueError: If the probability is out of range or no attempt is allowed.

    Source:
        1 + p + ... + p**retries: attempt i + 1 is made when i have failed; exact.
    """
    require_probability(failure_probability=failure_probability)
    require_count(max_attempts=max_attempts)
    return math.fsum(failure_probability**failed for failed in range(max_attempts))


def load_amplification(failure_probability: float, max_attempts: int, layers: int = 1) -> float:
    """Attempts at the lowest layer per request at the top, when each layer above it retries on its own.

    Args:
        failure_probability: Of one attempt at the lowest layer.
        max_attempts: Attempts of each layer per call, the first included.
        layers: Layers that retry, one upon the other.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        A layer's call fails when all its attempts did, p**max_attempts; each layer multiplies by `mean_attempts` at the
        failure probability of the one below it. When everything fails, max_attempts**layers; exact for independent
        failures.
    """
    require_count(layers=layers)
    amplification = 1.0
    for _ in range(layers):
        amplification *= mean_attempts(failure_probability, max_attempts)
        failure_probability **= max_attempts
    return amplification


def retry_bucket_amplification_max(deposit_per_success: float, success_fraction: float = 1.0) -> float:
    """Most attempts per request, in the long run, that a token bucket for retries lets through.

    Args:
        deposit_per_success: Tokens put in for each success; a retry takes one.
        success_fraction: Fraction of requests that succeed.

    Raises:
        ValueError: If the deposit is not positive or the fraction is out of range.

    Source:
        Retries cannot outnumber deposits: 1 + deposit times success fraction (Brooker, posts on retries).

    Limits:
        A full bucket allows a burst of its size on top.
    """
    require_positive(deposit_per_success=deposit_per_success)
    require_probability(success_fraction=success_fraction)
    return 1.0 + deposit_per_success * success_fraction


def vulnerable_rates_per_s(capacity_per_s: float, max_attempts: int) -> tuple[float, float]:
    """The span of rates in which a system runs well but cannot recover once everything fails.

    Below the first rate it carries even the load of all retries; from the second on it is overloaded anyway.

    Args:
        capacity_per_s: Attempts per second that it serves in time.
        max_attempts: Attempts per request, the first included.

    Raises:
        ValueError: If the capacity is not positive or no attempt is allowed.

    Source:
        Bronson et al., Metastable Failures in Distributed Systems, HotOS 2021: 300/s with one retry gives 150 to 300/s.
    """
    require_positive(capacity_per_s=capacity_per_s)
    require_count(max_attempts=max_attempts)
    return capacity_per_s / load_amplification(1.0, max_attempts), capacity_per_s
