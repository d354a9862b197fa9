"""How long until enough copies have answered: order statistics of independent delays with one law.

Any such time is a monotone function of the one law F: the probability that the quorum is complete by t is a polynomial
in F(t). So its quantile is the law's own quantile at another fraction, its *level*, and serves any law: an exponential,
a constant plus a tail, an empirical one.
"""

import math
from collections.abc import Callable

from models.kernel.closed_forms.numeric import (
    first_reached,
    require_count,
    require_fraction,
    require_positive,
    require_probability,
)


def k_of_n_mean_s(copies: int, needed: int, mean_s: float = 1.0) -> float:
    """Mean time until `needed` of `copies` independent exponential delays are over, seconds.

    Args:
        copies: Delays that start together.
        needed: How many must be over, 1 <= needed <= copies.
        mean_s: Mean of one delay, seconds.

    Raises:
        ValueError: If `needed` is out of range or the mean is not positive.

    Source:
        (H(n) - H(n-k)) times the mean: while i delays are left, the next ends after mean / i (Renyi 1953); exact.
    """
    _require_quorum(copies, needed)
    require_positive(mean_s=mean_s)
    return mean_s * math.fsum(1.0 / left for left in range(copies - needed + 1, copies + 1))


def k_of_n_level(copies: int, needed: int, fraction: float) -> float:
    """The fraction of one delay's law at which `needed` of `copies` are over with probability `fraction`.

    Args:
        copies: Independent delays with one law that start together.
        needed: How many must be over, 1 <= needed <= copies.
        fraction: In (0, 1), 0.99 for the 99th percentile.

    Returns:
        u with P(Binomial(copies, u) >= needed) = fraction.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        The order statistic's law, inverted by bisection; exact to rounding.
    """
    _require_quorum(copies, needed)
    require_fraction(fraction)
    return first_reached(lambda level: _binomial_tail(copies, needed, level) >= fraction, 0.0, 1.0)


def k_of_n_quantile_s(inverse_s: Callable[[float], float], copies: int, needed: int, fraction: float) -> float:
    """The time by which `needed` of `copies` delays are over with probability `fraction`, seconds.

    Args:
        inverse_s: Quantile function (inverse distribution function) of one delay, seconds.
        copies: Independent delays with that law that start together.
        needed: How many must be over, 1 <= needed <= copies.
        fraction: In (0, 1), 0.99 for the 99th percentile.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        As `k_of_n_level`.
    """
    return inverse_s(k_of_n_level(copies, needed, fraction))


def leader_and_first_mean_s(followers: int, mean_s: float = 1.0) -> float:
    """Mean time until a leader and the first of its followers are done, all exponential with one mean, seconds.

    Args:
        followers: How many followers, at least one.
        mean_s: Mean of one delay, seconds.

    Raises:
        ValueError: If there is no follower or the mean is not positive.

    Source:
        In units of the mean, the first of m followers is Exp(m), and E max(L, M) = E L + E M - E min(L, M) =
        1 + 1/m - 1/(1 + m). Two followers: 1 + 1/2 - 1/3 = 7/6; exact.
    """
    require_count(followers=followers)
    require_positive(mean_s=mean_s)
    return mean_s * (1.0 + 1.0 / followers - 1.0 / (1 + followers))


def leader_and_first_level(followers: int, fraction: float) -> float:
    """The fraction of one delay's law at which leader and first follower are done with probability `fraction`.

    Args:
        followers: How many followers, at least one.
        fraction: In (0, 1), 0.99 for the 99th percentile.

    Returns:
        u with u (1 - (1 - u)**followers) = fraction; the law's quantile at u is the time.

    Raises:
        ValueError: If an argument is out of range.

    Source:
        Product of the two independent distribution functions, inverted by bisection; exact to rounding.
    """
    require_count(followers=followers)
    require_fraction(fraction)
    return first_reached(lambda level: level * (1.0 - (1.0 - level) ** followers) >= fraction, 0.0, 1.0)


def fan_out_slow_probability(slow_probability: float, branches: int) -> float:
    """Probability that at least one of several independent branches is slow, and so the whole request.

    Args:
        slow_probability: Of one branch.
        branches: Branches that must all answer.

    Raises:
        ValueError: If the probability is out of range or there is no branch.

    Source:
        1 - (1 - p)**n, Dean and Barroso, CACM 56(2), 2013; exact for independent branches.
    """
    require_probability(slow_probability=slow_probability)
    require_count(branches=branches)
    if slow_probability == 1.0:
        return 1.0
    return -math.expm1(branches * math.log1p(-slow_probability))


def _require_quorum(copies: int, needed: int) -> None:
    """Raise ValueError unless 1 <= needed <= copies."""
    require_count(copies=copies, needed=needed)
    if needed > copies:
        raise ValueError(f"needed must not exceed the {copies} copies, got {needed}")


def _binomial_tail(trials: int, needed: int, chance: float) -> float:
    """P(Binomial(trials, chance) >= needed) for a chance in (0, 1), as a sum of positive terms."""
    log_chance, log_other = math.log(chance), math.log1p(-chance)
    log_ways = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(
            log_ways
            - math.lgamma(done + 1)
            - math.lgamma(trials - done + 1)
            + done * log_chance
            + (trials - done) * log_other
        )
        for done in range(needed, trials + 1)
    )
