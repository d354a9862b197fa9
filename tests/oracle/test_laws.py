"""Each law has the distribution that it says, its own mean and variance, and the same bits in each form of drawing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from models.kernel.laws import (
    Component,
    Constant,
    Discrete,
    Empirical,
    Erlang,
    Exponential,
    GeneralizedExtremeValue,
    GeneralizedPareto,
    Hyperexponential,
    Law,
    LawTable,
    Lognormal,
    Mixture,
    Pareto,
    Uniform,
    Weibull,
    draw_law,
)
from models.kernel.random import stream, uniforms
from tests.strategies.compiled import compiled_draws

COUNT = 40_000
KEY = stream(20261123, 0, "laws")
SIGMA_99 = 2.3263478740408408
"""The 99th percentile of the standard normal."""


def mixture_cdf(weights: list[float], cdfs: list[Any]) -> Any:
    return lambda x: sum(weight * cdf(x) for weight, cdf in zip(weights, cdfs, strict=True))


def interpolated(p: list[float], v: list[float]) -> Any:
    return lambda x: np.interp(x, v, p)


LAWS: dict[str, tuple[Law, Any]] = {
    "exponential": (Exponential(mean=0.002), stats.expon(scale=0.002).cdf),
    "uniform": (Uniform(low=1.0, high=3.0), stats.uniform(1.0, 2.0).cdf),
    "lognormal by median and p99": (
        Lognormal(median=0.002, p99=0.01), stats.lognorm(s=math.log(5.0) / SIGMA_99, scale=0.002).cdf,
    ),
    "lognormal by mean and cv": (
        Lognormal(mean=3.0, cv=0.8),
        stats.lognorm(s=math.sqrt(math.log(1.64)), scale=3.0 / math.sqrt(1.64)).cdf,
    ),
    "erlang 1": (Erlang(shape=1, mean=2.0), stats.expon(scale=2.0).cdf),
    "erlang 4": (Erlang(shape=4, mean=2.0), stats.gamma(4, scale=0.5).cdf),
    "erlang 7": (Erlang(shape=7, mean=2.0), stats.gamma(7, scale=2.0 / 7.0).cdf),
    "hyperexponential": (
        Hyperexponential(probabilities=[0.2, 0.3, 0.5], means=[5.0, 1.0, 0.1]),
        mixture_cdf([0.2, 0.3, 0.5], [stats.expon(scale=mean).cdf for mean in (5.0, 1.0, 0.1)]),
    ),
    "weibull 0.7": (Weibull(shape=0.7, scale=2.0), stats.weibull_min(0.7, scale=2.0).cdf),
    "weibull 3": (Weibull(shape=3.0, scale=2.0), stats.weibull_min(3.0, scale=2.0).cdf),
    "pareto": (Pareto(shape=9.0, minimum=2.0), stats.pareto(9.0, scale=2.0).cdf),
    "generalized pareto": (
        GeneralizedPareto(location=1.0, scale=2.0, shape=0.1), stats.genpareto(0.1, loc=1.0, scale=2.0).cdf,
    ),
    "generalized pareto with an end": (
        GeneralizedPareto(scale=2.0, shape=-0.5), stats.genpareto(-0.5, scale=2.0).cdf,
    ),
    "generalized extreme value": (
        GeneralizedExtremeValue(location=30.7984, scale=8.20449, shape=0.078688),
        stats.genextreme(-0.078688, loc=30.7984, scale=8.20449).cdf,
    ),
    "generalized extreme value with an end": (
        GeneralizedExtremeValue(location=30.0, scale=2.0, shape=-0.3), stats.genextreme(0.3, loc=30.0, scale=2.0).cdf,
    ),
    "empirical": (
        Empirical(probabilities=[0.0, 0.5, 0.9, 1.0], values=[1.0, 2.0, 4.0, 20.0]),
        interpolated([0.0, 0.5, 0.9, 1.0], [1.0, 2.0, 4.0, 20.0]),
    ),
    "mixture": (
        Mixture(components=[
            Component(weight=3.0, law=Erlang(shape=5, mean=1.0)), Component(weight=1.0, law=Uniform(low=2.0, high=4.0)),
        ]),
        mixture_cdf([0.75, 0.25], [stats.gamma(5, scale=0.2).cdf, stats.uniform(2.0, 2.0).cdf]),
    ),
    "mixture of mixtures": (
        Mixture(components=[
            Component(weight=1.0, law=Mixture(components=[
                Component(weight=1.0, law=Exponential(mean=1.0)), Component(weight=1.0, law=Exponential(mean=3.0)),
            ])),
            Component(weight=1.0, law=Weibull(shape=2.0, scale=1.0)),
        ]),
        mixture_cdf(
            [0.25, 0.25, 0.5], [stats.expon(scale=1.0).cdf, stats.expon(scale=3.0).cdf, stats.weibull_min(2.0).cdf]
        ),
    ),
}  # fmt: skip
MORE: dict[str, Law] = {
    "constant": Constant(value=3.0),
    "zero": Constant(value=0.0),
    "discrete": Discrete(values=[5.0, 0.0, 11.0], weights=[2.0, 1.0, 5.0]),
    "discrete of one": Discrete(values=[5.0], weights=[0.1]),
    "empirical with ties": Empirical(probabilities=[0.0, 0.25, 0.75, 1.0], values=[1.0, 2.0, 2.0, 2.0]),
    "mixture with constants": Mixture(
        components=[Component(weight=1.0, law=Constant(value=0.0)), Component(weight=2.0, law=Constant(value=5.0))]
    ),
}


def sample(law: Law, count: int = COUNT) -> np.ndarray[Any, Any]:
    ordinals = np.arange(count, dtype=np.int64)
    return law.block(lambda draw: uniforms(*KEY, ordinals, 3, 0, 0, 9, draw))


@pytest.mark.parametrize("name", LAWS)
def test_a_law_has_the_distribution_that_it_says(name: str) -> None:
    """Kolmogorov-Smirnov against the distribution functions of scipy; 99.9 %, a frozen seed."""
    law, cdf = LAWS[name]

    assert stats.kstest(sample(law), cdf).pvalue > 0.001


@pytest.mark.parametrize("name", [*LAWS, *MORE])
def test_mean_and_variance_are_what_samples_have(name: str) -> None:
    """99.9 % bands of the sample's mean and of its variance, by their asymptotic standard errors."""
    law = LAWS[name][0] if name in LAWS else MORE[name]
    values = sample(law)
    centred = values - law.mean()
    mean_error = centred.std() / math.sqrt(COUNT)
    variance_error = math.sqrt(max((centred**4).mean() - (centred**2).mean() ** 2, 0.0) / COUNT)

    assert abs(values.mean() - law.mean()) <= 3.29 * mean_error + 1e-12
    assert abs((centred**2).mean() - law.variance()) <= 3.29 * variance_error + 1e-12


@pytest.mark.parametrize("name", [*LAWS, *MORE])
def test_a_block_one_by_one_and_compiled_code_give_the_same_bits(name: str) -> None:
    law, count = LAWS[name][0] if name in LAWS else MORE[name], 400
    table = LawTable()
    table.add(Exponential(mean=17.0))
    index = table.add(law)
    arrays = table.arrays()
    identities = np.array([[ordinal, 3, 0, 0, 9] for ordinal in range(count)], np.int64)

    block = sample(law, count)
    one_by_one = np.array([draw_law(*arrays, index, *KEY, *row) for row in identities.tolist()])
    by_compiled_code = compiled_draws(arrays, index, KEY, identities)

    assert block.tobytes() == one_by_one.tobytes() == by_compiled_code.tobytes()


def test_values_come_as_often_as_their_weights_say() -> None:
    """Chi-square; 99.9 %, a frozen seed."""
    values, counts = np.unique(sample(MORE["discrete"]), return_counts=True)

    assert values.tolist() == [0.0, 5.0, 11.0]
    assert stats.chisquare(counts, COUNT * np.array([1.0, 2.0, 5.0]) / 8.0).pvalue > 0.001


def test_values_and_weights_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="the same length"):
        Discrete(values=[1.0, 2.0], weights=[1.0])
    with pytest.raises(ValueError, match="more than any number"):
        Discrete(values=[1.0, 2.0], weights=[1e308, 1e308])


def test_a_hyperexponential_by_mean_and_cv_has_balanced_means() -> None:
    """p1 m1 = p2 m2, the usual third condition."""
    law = Hyperexponential(mean=2.0, cv=3.0)

    (p1, p2), (m1, m2) = law.phases()

    assert p1 * m1 == pytest.approx(p2 * m2)
    assert law.mean() == pytest.approx(2.0)
    assert law.variance() == pytest.approx(36.0)


def test_a_lognormal_has_the_median_and_p99_that_it_was_given() -> None:
    mu, sigma = Lognormal(median=0.002, p99=0.01)._mu_sigma()

    assert math.exp(mu) == pytest.approx(0.002, rel=1e-12)
    assert math.exp(mu + SIGMA_99 * sigma) == pytest.approx(0.01, rel=1e-12)


def test_heavy_tails_have_no_mean_or_no_variance() -> None:
    assert math.isinf(Pareto(shape=1.0, minimum=1.0).mean())
    assert math.isinf(Pareto(shape=2.0, minimum=1.0).variance())
    assert math.isfinite(Pareto(shape=2.0, minimum=1.0).mean())


def test_generalized_laws_agree_with_published_moments() -> None:
    """Gaps of Facebook's ETC pool: 52.7 thousand requests a second, as 1 / (sigma / (1 - k)) has it."""
    gaps_us = GeneralizedPareto(scale=16.0292, shape=0.154971)

    assert 1e6 / gaps_us.mean() == pytest.approx(52_718, rel=1e-3)
    assert GeneralizedPareto(scale=1.0, shape=0.5).variance() == math.inf
    assert GeneralizedPareto(scale=1.0, shape=1.0).mean() == math.inf
    assert GeneralizedExtremeValue(location=100.0, scale=1.0, shape=1.0).mean() == math.inf
    assert GeneralizedExtremeValue(location=100.0, scale=1.0, shape=0.5).variance() == math.inf


def test_a_generalized_law_is_refused_where_its_formula_or_its_sign_fails() -> None:
    with pytest.raises(ValueError, match="away from 0"):
        GeneralizedPareto(scale=1.0, shape=1e-5)
    with pytest.raises(ValueError, match="away from 0"):
        GeneralizedExtremeValue(location=9.0, scale=1.0, shape=-1e-5)
    with pytest.raises(ValueError, match=r"0\.066 of all would be below zero; raise the location"):
        GeneralizedExtremeValue(location=1.0, scale=1.0, shape=1e-4)
    with pytest.raises(ValueError, match="would be below zero"):
        GeneralizedExtremeValue(location=1.0, scale=1.0, shape=-0.5)
