"""The elementary functions are right to a few units in the last place, and the same bits in each of their three
forms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

from models.kernel import numerics
from tests.strategies.compiled import compiled_over

DIGITS = 60


def exact(function: Callable[[Decimal], Decimal], x: float) -> Decimal:
    """A function of a float to 60 digits."""
    with localcontext() as context:
        context.prec = DIGITS
        return function(Decimal(x))


def relative_error(value: float, true: Decimal) -> float:
    with localcontext() as context:
        context.prec = DIGITS
        return float(abs((Decimal(value) - true) / true)) if true else abs(value)


def positive_numbers() -> list[float]:
    """Numbers of all sizes, and many about 1, where a logarithm is hardest."""
    rng = np.random.default_rng(1)
    wide = np.exp(rng.uniform(-600.0, 600.0, 1_000))
    near = 1.0 + rng.uniform(-0.5, 1.0, 1_000) * 10.0 ** rng.uniform(-15.0, 0.0, 1_000)
    return [
        *wide.tolist(),
        *near.tolist(),
        1.0,
        2.0,
        0.5,
        numerics.SQRT2,
        math.nextafter(numerics.SQRT2, 0.0),
        2.0**-52,
    ]


def test_log_is_right_within_two_to_the_minus_51() -> None:
    """Method: `Decimal.ln` to 60 digits."""
    errors = [relative_error(numerics.log(x), exact(Decimal.ln, x)) for x in positive_numbers()]

    assert max(errors) < 2.0**-51


def test_exp_is_right_within_two_to_the_minus_50() -> None:
    """Method: `Decimal.exp` to 60 digits."""
    rng = np.random.default_rng(2)
    xs = [*rng.uniform(-700.0, 700.0, 1_000), *rng.uniform(-1.0, 1.0, 1_000), 0.0, -700.0, 700.0]

    errors = [relative_error(numerics.exp(float(x)), exact(Decimal.exp, float(x))) for x in xs]

    assert max(errors) < 2.0**-50


def test_exp_stays_at_its_ends_beyond_them() -> None:
    assert numerics.exp(1e6) == numerics.exp(700.0)
    assert numerics.exp(-1e6) == numerics.exp(-700.0)


def test_power_is_right_as_far_as_its_argument_allows() -> None:
    """An error of the logarithm is multiplied by the exponent: |y ln x| 2**-51, and the exponential's own on top."""
    rng = np.random.default_rng(3)
    pairs = zip(np.exp(rng.uniform(-20.0, 20.0, 1_000)).tolist(), rng.uniform(-10.0, 10.0, 1_000).tolist(), strict=True)

    for x, y in pairs:
        true = exact(lambda base, y=y: base ** Decimal(y), x)  # type: ignore[misc]
        assert relative_error(numerics.power(x, y), true) < (abs(y * math.log(x)) + 2.0) * 2.0**-51


def test_normal_quantile_undoes_the_distribution_function() -> None:
    """Method: the distribution function by `math.erfc`, whose error is moved over through the density."""
    rng = np.random.default_rng(4)
    lower = [*(10.0 ** rng.uniform(-15.0, -0.3, 2_000)).tolist(), 0.5, 0.075, 0.425, 2.0**-53]

    for p in lower:
        x = numerics.normal_quantile(p)
        density = math.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi)
        assert abs(0.5 * math.erfc(-x / math.sqrt(2.0)) - p) / density < 2.0**-49 * max(1.0, abs(x))


def test_normal_quantile_is_odd_about_a_half() -> None:
    """1 - p is exact for these p."""
    for k in range(1, 50):
        p = 2.0**-k
        assert numerics.normal_quantile(1.0 - p) == -numerics.normal_quantile(p)


@pytest.mark.parametrize(
    ("function", "xs"),
    [
        (numerics.log, np.array(positive_numbers())),
        (numerics.exp, np.random.default_rng(5).uniform(-710.0, 710.0, 5_000)),
        (numerics.normal_quantile, np.random.default_rng(6).uniform(0.0, 1.0, 5_000) ** 4),
    ],
    ids=["log", "exp", "normal_quantile"],
)
def test_floats_arrays_and_compiled_code_give_the_same_bits(function: Any, xs: np.ndarray[Any, Any]) -> None:
    one_by_one = np.array([function(float(x)) for x in xs])
    by_array = function(xs)
    by_compiled_code = compiled_over(function, xs)

    assert one_by_one.tobytes() == by_array.tobytes() == by_compiled_code.tobytes()


def test_the_bits_of_a_float_are_those_that_ieee_says() -> None:
    """1.5 is a sign of 0, an exponent of 1023 and the first bit of the fraction."""
    assert numerics.float_bits(1.5) == (1023 << 52) | (1 << 51)
    assert numerics.bits_float((1023 << 52) | (1 << 51)) == 1.5
