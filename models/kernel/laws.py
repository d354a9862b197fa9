"""Laws of random times and sizes, as a scenario writes them and as the engines draw them.

Each law is an inverse distribution function over the uniforms of `random`, through the logarithms of `numerics`. It
can be drawn in two ways that give the same bits: `block` for many identities at once (NumPy), and `draw_law` for one
(plain Python, or compiled), which reads the laws of a system from one table of numbers, `LawTable`.

In a scenario a law of times carries the unit in its keys (`{ kind = "exponential", mean_s = 0.001 }`), a law of sizes
does not, because the key that holds it does (`value_size_bytes = { kind = "constant", value = 100 }`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from models.kernel.numerics import exp, log, normal_quantile, power
from models.kernel.outcome import FloatArray, IntArray
from models.kernel.random import uniforms

(
    CONSTANT, EXPONENTIAL, UNIFORM, LOGNORMAL, ERLANG, HYPEREXPONENTIAL, WEIBULL, PARETO, EMPIRICAL, MIXTURE,
    GENERALIZED_PARETO, GENERALIZED_EXTREME_VALUE, DISCRETE,
) = range(13)  # fmt: skip

PLAIN, LOGS, NORMALS = range(3)
"""Forms of draws before their law's parameters come in: a uniform u, -log u, the normal quantile of u."""
FORM = {
    EXPONENTIAL: LOGS, UNIFORM: PLAIN, LOGNORMAL: NORMALS, WEIBULL: LOGS, PARETO: LOGS, GENERALIZED_PARETO: LOGS,
    GENERALIZED_EXTREME_VALUE: LOGS,
}  # fmt: skip
"""Of the laws that take one uniform alone."""

Uniforms = Callable[[int], tuple[FloatArray, FloatArray]]
"""Gives the draw-th pair of uniforms of each identity of a block."""

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
TailIndex = Annotated[float, Field(ge=-10.0, le=10.0, allow_inf_nan=False)]
LEAST_TAIL_INDEX = 1e-4
"""Nearer to 0 than this, a law's formula loses its digits."""
NEVER_BELOW = 2.0**-54
"""No uniform is smaller, so what is as improbable never comes."""
MAX_ERLANG_SHAPE = 1000
MAX_COMPONENTS = 64
MAX_QUANTILES = 10_000
MAX_CV2 = 1e12
"""Squared coefficient of variation of a hyperexponential; beyond, its rarer phase hardly ever comes."""


class LawTable:
    """The laws of a system as numbers: law i is of kind `kinds[i]`, with its parameters from `data[starts[i]]` on."""

    def __init__(self) -> None:
        self.laws: list[Law] = []
        self._known: dict[str, int] = {}
        self._kinds: list[int] = []
        self._starts: list[int] = []
        self._data: list[float] = []

    def add(self, law: Law) -> int:
        """Enter a law, its components first; equal laws are entered once. Returns its index."""
        # A name for all that it is: comparing with each known law would take time that grows with the square.
        name = f"{type(law).__name__} {law.model_dump_json()}"
        if name in self._known:
            return self._known[name]
        parameters = law.parameters(self)
        self._known[name] = len(self.laws)
        self.laws.append(law)
        self._kinds.append(law.code)
        self._starts.append(len(self._data))
        self._data.extend(parameters)
        return len(self.laws) - 1

    def arrays(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Kinds, starts and data."""
        return (
            np.array(self._kinds or [0], dtype=np.int64),
            np.array(self._starts or [0], dtype=np.int64),
            np.array(self._data or [0.0], dtype=np.float64),
        )


class Law(BaseModel):
    """A non-negative random quantity."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    code: ClassVar[int]
    dimensioned: ClassVar[tuple[str, ...]]

    def mean(self) -> float:
        """Mean; inf where there is none."""
        raise NotImplementedError

    def variance(self) -> float:
        """Variance; inf where there is none."""
        raise NotImplementedError

    def parameters(self, table: LawTable) -> list[float]:
        """What `draw_law` needs to know, as numbers."""
        raise NotImplementedError

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        """One variate for each identity of a block, shape as `uniforms` gives."""
        raise NotImplementedError

    def cv2(self) -> float:
        """Squared coefficient of variation; nan for a mean of zero, inf where there is none."""
        mean = self.mean()
        return self.variance() / mean**2 if mean > 0 else math.nan

    def is_zero(self) -> bool:
        """Whether every variate is zero."""
        return self.mean() == 0.0


class Constant(Law):
    """Always the same value; zero is legal."""

    code = CONSTANT
    dimensioned = ("value",)
    kind: Literal["constant"] = "constant"
    value: NonNegative

    def mean(self) -> float:
        return self.value

    def variance(self) -> float:
        return 0.0

    def parameters(self, table: LawTable) -> list[float]:
        return [self.value]

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        u, _ = uniforms(first_draw)
        return np.full(u.shape, self.value)


class Exponential(Law):
    """Memoryless, of the given mean."""

    code = EXPONENTIAL
    dimensioned = ("mean",)
    kind: Literal["exponential"] = "exponential"
    mean_: Positive = Field(alias="mean")

    def mean(self) -> float:
        return self.mean_

    def variance(self) -> float:
        return self.mean_**2

    def parameters(self, table: LawTable) -> list[float]:
        return [self.mean_]

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        return as_floats(exponential(uniforms(first_draw)[0], self.mean_))


class Uniform(Law):
    """Evenly between low and high."""

    code = UNIFORM
    dimensioned = ("low", "high")
    kind: Literal["uniform"] = "uniform"
    low: NonNegative
    high: Positive

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("low must not exceed high")
        return self

    def mean(self) -> float:
        return (self.low + self.high) / 2

    def variance(self) -> float:
        return (self.high - self.low) ** 2 / 12

    def parameters(self, table: LawTable) -> list[float]:
        return [self.low, self.high - self.low]

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        return as_floats(self.low + (self.high - self.low) * uniforms(first_draw)[0])


class Lognormal(Law):
    """The exponential of a normal, given by median and p99, or by mean and cv."""

    code = LOGNORMAL
    dimensioned = ("median", "p99", "mean")
    kind: Literal["lognormal"] = "lognormal"
    median: Positive | None = None
    p99: Positive | None = None
    mean_: Positive | None = Field(default=None, alias="mean")
    cv: Positive | None = None

    @model_validator(mode="after")
    def _one_pair(self) -> Self:
        given = [self.median is not None, self.p99 is not None, self.mean_ is not None, self.cv is not None]
        if given not in ([True, True, False, False], [False, False, True, True]):
            raise ValueError("a lognormal takes median and p99, or mean and cv")
        if self.median is not None and self.p99 is not None and self.p99 <= self.median:
            raise ValueError("p99 must exceed the median")
        if not all(map(math.isfinite, (*self._mu_sigma(), self.mean(), self.variance()))):
            raise ValueError("this lognormal is so wide that its mean or variance is beyond any number")
        return self

    def _mu_sigma(self) -> tuple[float, float]:
        if self.median is not None and self.p99 is not None:
            return log(self.median), log(self.p99 / self.median) / normal_quantile(0.99)
        assert self.mean_ is not None
        assert self.cv is not None
        variance = log(1.0 + self.cv * self.cv)
        return log(self.mean_) - variance / 2, math.sqrt(variance)

    def mean(self) -> float:
        mu, sigma = self._mu_sigma()
        return _exp_or_inf(mu + sigma**2 / 2)

    def variance(self) -> float:
        _, sigma = self._mu_sigma()
        mean = self.mean()
        return (_exp_or_inf(sigma**2) - 1.0) * mean * mean if sigma > 1.0 else math.expm1(sigma**2) * mean * mean

    def parameters(self, table: LawTable) -> list[float]:
        return list(self._mu_sigma())

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        return as_floats(lognormal(uniforms(first_draw)[0], *self._mu_sigma()))


class Erlang(Law):
    """The sum of `shape` exponentials."""

    code = ERLANG
    dimensioned = ("mean",)
    kind: Literal["erlang"] = "erlang"
    shape: Annotated[int, Field(ge=1, le=MAX_ERLANG_SHAPE)]
    mean_: Positive = Field(alias="mean")

    def mean(self) -> float:
        return self.mean_

    def variance(self) -> float:
        return self.mean_**2 / self.shape

    def parameters(self, table: LawTable) -> list[float]:
        return [self.mean_ / self.shape, float(self.shape)]

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        total: Any = 0.0
        for j in range(0, self.shape, 2):
            u1, u2 = uniforms(first_draw + (j >> 1))
            total = total - log(u1)
            if j + 1 < self.shape:
                total = total - log(u2)
        return as_floats(total * (self.mean_ / self.shape))


class Hyperexponential(Law):
    """One of several exponentials: by probabilities and means, or two with balanced means by mean and cv > 1."""

    code = HYPEREXPONENTIAL
    dimensioned = ("means", "mean")
    kind: Literal["hyperexponential"] = "hyperexponential"
    probabilities: Annotated[list[Positive], Field(min_length=1, max_length=MAX_COMPONENTS)] | None = None
    means: Annotated[list[Positive], Field(min_length=1, max_length=MAX_COMPONENTS)] | None = None
    mean_: Positive | None = Field(default=None, alias="mean")
    cv: Annotated[float, Field(ge=1.0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [self.probabilities is not None, self.means is not None, self.mean_ is not None, self.cv is not None]
        if given not in ([True, True, False, False], [False, False, True, True]):
            raise ValueError("a hyperexponential takes probabilities and means, or mean and cv")
        if self.probabilities is not None and self.means is not None:
            if len(self.probabilities) != len(self.means):
                raise ValueError("probabilities and means must have the same length")
            if abs(sum(self.probabilities) - 1.0) > 1e-9:
                raise ValueError(f"probabilities must add up to 1, these add up to {sum(self.probabilities):g}")
        if self.cv is not None and not (self.cv * self.cv < MAX_CV2 and math.isfinite(self.phases()[1][1])):
            raise ValueError(f"cv must be below {math.sqrt(MAX_CV2):g}")
        return self

    def phases(self) -> tuple[list[float], list[float]]:
        """Probabilities and means of the exponentials."""
        if self.probabilities is not None and self.means is not None:
            return list(self.probabilities), list(self.means)
        assert self.mean_ is not None
        assert self.cv is not None
        c2 = self.cv * self.cv
        p = (1.0 + math.sqrt((c2 - 1.0) / (c2 + 1.0))) / 2
        return [p, 1.0 - p], [self.mean_ / (2 * p), self.mean_ / (2 * (1.0 - p))]

    def mean(self) -> float:
        return math.fsum(p * m for p, m in zip(*self.phases(), strict=True))

    def variance(self) -> float:
        return math.fsum(2 * p * m * m for p, m in zip(*self.phases(), strict=True)) - self.mean() ** 2

    def parameters(self, table: LawTable) -> list[float]:
        probabilities, means = self.phases()
        return [float(len(means)), *np.cumsum(probabilities)[:-1].tolist(), 2.0, *means]

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        probabilities, means = self.phases()
        u1, u2 = uniforms(first_draw)
        phase = np.searchsorted(np.cumsum(probabilities)[:-1], u1, side="right")
        return as_floats(exponential(u2, np.array(means)[phase]))


class Weibull(Law):
    """Weibull of the given shape and scale: shape < 1 has a heavy tail, 1 is exponential."""

    code = WEIBULL
    dimensioned = ("scale",)
    kind: Literal["weibull"] = "weibull"
    shape: Annotated[float, Field(ge=0.1, le=100.0, allow_inf_nan=False)]
    scale: Positive

    def mean(self) -> float:
        return self.scale * math.gamma(1 + 1 / self.shape)

    def variance(self) -> float:
        return self.scale**2 * (math.gamma(1 + 2 / self.shape) - math.gamma(1 + 1 / self.shape) ** 2)

    def parameters(self, table: LawTable) -> list[float]:
        return [self.scale, 1.0 / self.shape]

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        return as_floats(weibull(uniforms(first_draw)[0], self.scale, 1.0 / self.shape))


class Pareto(Law):
    """At least `minimum`, with P(X > x) = (minimum / x)**shape; no mean for shape <= 1, no variance for shape <= 2."""

    code = PARETO
    dimensioned = ("minimum",)
    kind: Literal["pareto"] = "pareto"
    shape: Annotated[float, Field(ge=0.1, le=1000.0, allow_inf_nan=False)]
    minimum: Positive

    def mean(self) -> float:
        return self.shape * self.minimum / (self.shape - 1) if self.shape > 1 else math.inf

    def variance(self) -> float:
        a = self.shape
        return self.minimum**2 * a / ((a - 1) ** 2 * (a - 2)) if a > 2 else math.inf

    def parameters(self, table: LawTable) -> list[float]:
        return [self.minimum, 1.0 / self.shape]

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        return as_floats(pareto(uniforms(first_draw)[0], self.minimum, 1.0 / self.shape))


class _Generalized(Law):
    """A law by location, scale and tail index, the last called shape."""

    dimensioned = ("location", "scale")
    location: NonNegative = 0.0
    scale: Positive
    shape: TailIndex

    @model_validator(mode="after")
    def _has_a_tail(self) -> Self:
        if abs(self.shape) < LEAST_TAIL_INDEX:
            raise ValueError(f"shape must be {LEAST_TAIL_INDEX:g} away from 0 at least; nearer, its formula fails")
        return self

    def parameters(self, table: LawTable) -> list[float]:
        return [self.location, self.scale, self.shape]


class GeneralizedPareto(_Generalized):
    """The excess over a threshold: P(X > x) = (1 + shape (x - location) / scale)**(-1 / shape).

    A positive shape has a power's tail with index 1 / shape; a negative one ends at location - scale / shape. Its limit
    at shape 0 is an exponential.
    """

    code = GENERALIZED_PARETO
    kind: Literal["generalized_pareto"] = "generalized_pareto"

    def mean(self) -> float:
        return self.location + self.scale / (1.0 - self.shape) if self.shape < 1.0 else math.inf

    def variance(self) -> float:
        k = self.shape
        return self.scale**2 / ((1.0 - k) ** 2 * (1.0 - 2.0 * k)) if k < 0.5 else math.inf

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        return as_floats(generalized_pareto(uniforms(first_draw)[0], self.location, self.scale, self.shape))


class GeneralizedExtremeValue(_Generalized):
    """The largest of many: P(X <= x) = exp(-(1 + shape (x - location) / scale)**(-1 / shape)).

    A positive shape has a power's tail with index 1 / shape (Frechet); a negative one ends at location - scale / shape.
    It must lie so far above zero that nothing below ever comes.
    """

    code = GENERALIZED_EXTREME_VALUE
    kind: Literal["generalized_extreme_value"] = "generalized_extreme_value"
    location: Positive

    @model_validator(mode="after")
    def _is_above_zero(self) -> Self:
        if self._below_zero() > NEVER_BELOW:
            raise ValueError(f"with these, {self._below_zero():.2g} of all would be below zero; raise the location")
        return self

    def _below_zero(self) -> float:
        base = 1.0 - self.shape * self.location / self.scale
        if base <= 0.0:
            return 0.0
        exponent = -math.log(base) / self.shape
        return math.exp(-math.exp(exponent)) if exponent < 709.0 else 0.0

    def mean(self) -> float:
        if self.shape >= 1.0:
            return math.inf
        return self.location + self.scale * (math.gamma(1.0 - self.shape) - 1.0) / self.shape

    def variance(self) -> float:
        if self.shape >= 0.5:
            return math.inf
        first, second = math.gamma(1.0 - self.shape), math.gamma(1.0 - 2.0 * self.shape)
        return self.scale**2 * (second - first * first) / self.shape**2

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        return as_floats(generalized_extreme_value(uniforms(first_draw)[0], self.location, self.scale, self.shape))


class Empirical(Law):
    """A table of quantiles, linear in between: value[i] is the quantile of probability[i], from 0 to 1."""

    code = EMPIRICAL
    dimensioned = ("values",)
    kind: Literal["empirical"] = "empirical"
    probabilities: Annotated[list[NonNegative], Field(min_length=2, max_length=MAX_QUANTILES)]
    values: Annotated[list[NonNegative], Field(min_length=2, max_length=MAX_QUANTILES)]

    @model_validator(mode="after")
    def _a_table(self) -> Self:
        if len(self.probabilities) != len(self.values):
            raise ValueError("probabilities and values must have the same length")
        if self.probabilities[0] != 0.0 or self.probabilities[-1] != 1.0:
            raise ValueError("probabilities must begin with 0 and end with 1")
        if any(a >= b for a, b in pairwise(self.probabilities)) or any(a > b for a, b in pairwise(self.values)):
            raise ValueError("probabilities must increase, and values must not decrease")
        return self

    def mean(self) -> float:
        p, v = self.probabilities, self.values
        return math.fsum((p[i + 1] - p[i]) * (v[i] + v[i + 1]) / 2 for i in range(len(p) - 1))

    def variance(self) -> float:
        p, v = self.probabilities, self.values
        second = math.fsum(
            (p[i + 1] - p[i]) * (v[i] ** 2 + v[i] * v[i + 1] + v[i + 1] ** 2) / 3 for i in range(len(p) - 1)
        )
        return second - self.mean() ** 2

    def parameters(self, table: LawTable) -> list[float]:
        return [float(len(self.values)), *self.probabilities, *self.values]

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        u, _ = uniforms(first_draw)
        p, v = np.array(self.probabilities), np.array(self.values)
        right = np.searchsorted(p, u, side="right")
        return as_floats(between(u, p[right - 1], p[right], v[right - 1], v[right]))


class Discrete(Law):
    """One of several values, by weight."""

    code = DISCRETE
    dimensioned = ("values",)
    kind: Literal["discrete"] = "discrete"
    values: Annotated[list[NonNegative], Field(min_length=1, max_length=MAX_COMPONENTS)]
    weights: Annotated[list[Positive], Field(min_length=1, max_length=MAX_COMPONENTS)]

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        if len(self.values) != len(self.weights):
            raise ValueError("values and weights must have the same length")
        if not math.isfinite(sum(self.weights)):
            raise ValueError("the weights add up to more than any number")
        return self

    def probabilities(self) -> list[float]:
        """Of each value."""
        total = math.fsum(self.weights)
        return [weight / total for weight in self.weights]

    def mean(self) -> float:
        return math.fsum(p * v for p, v in zip(self.probabilities(), self.values, strict=True))

    def variance(self) -> float:
        mean = self.mean()
        return math.fsum(p * (v - mean) ** 2 for p, v in zip(self.probabilities(), self.values, strict=True))

    def parameters(self, table: LawTable) -> list[float]:
        return [float(len(self.values)), *np.cumsum(self.probabilities())[:-1].tolist(), 2.0, *self.values]

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        u, _ = uniforms(first_draw)
        choice = np.searchsorted(np.cumsum(self.probabilities())[:-1], u, side="right")
        return as_floats(np.array(self.values)[choice])


class Component(BaseModel):
    """One law of a mixture, with its weight."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    weight: Positive
    law: AnyLaw


class Mixture(Law):
    """One of several laws, by weight."""

    code = MIXTURE
    dimensioned = ()
    kind: Literal["mixture"] = "mixture"
    components: Annotated[list[Component], Field(min_length=1, max_length=MAX_COMPONENTS)]

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        if not math.isfinite(sum(c.weight for c in self.components)):
            raise ValueError("the weights add up to more than any number")
        return self

    def _probabilities(self) -> list[float]:
        total = math.fsum(c.weight for c in self.components)
        return [c.weight / total for c in self.components]

    def mean(self) -> float:
        return math.fsum(p * c.law.mean() for p, c in zip(self._probabilities(), self.components, strict=True))

    def variance(self) -> float:
        second = math.fsum(
            p * (c.law.variance() + c.law.mean() ** 2)
            for p, c in zip(self._probabilities(), self.components, strict=True)
        )
        return second - self.mean() ** 2 if math.isfinite(second) else math.inf

    def parameters(self, table: LawTable) -> list[float]:
        indexes = [float(table.add(c.law)) for c in self.components]
        return [float(len(indexes)), *np.cumsum(self._probabilities())[:-1].tolist(), 2.0, *indexes]

    def block(self, uniforms: Uniforms, first_draw: int = 0) -> FloatArray:
        u, _ = uniforms(first_draw)
        choice = np.searchsorted(np.cumsum(self._probabilities())[:-1], u, side="right")
        values = np.empty(u.shape)
        for index, component in enumerate(self.components):
            chosen = choice == index
            values[chosen] = component.law.block(uniforms, first_draw + 1)[chosen]
        return values


AnyLaw = Annotated[
    Constant
    | Exponential
    | Uniform
    | Lognormal
    | Erlang
    | Hyperexponential
    | Weibull
    | Pareto
    | GeneralizedPareto
    | GeneralizedExtremeValue
    | Empirical
    | Discrete
    | Mixture,
    Field(discriminator="kind"),
]
Component.model_rebuild()


def _in_seconds(law: type[Law]) -> Any:
    """The same law with the unit in its keys: `mean` becomes `mean_s`."""
    renamed: dict[str, Any] = {}
    for name, field in law.model_fields.items():
        if (field.alias or name) in law.dimensioned:
            copy = field._copy()
            copy.alias = copy.validation_alias = copy.serialization_alias = f"{field.alias or name}_s"
            copy.alias_priority = 2
            renamed[name] = (field.annotation, copy)
    return create_model(f"{law.__name__}Seconds", __base__=law, __doc__=law.__doc__, **renamed)


ConstantSeconds = _in_seconds(Constant)
ExponentialSeconds = _in_seconds(Exponential)
UniformSeconds = _in_seconds(Uniform)
LognormalSeconds = _in_seconds(Lognormal)
ErlangSeconds = _in_seconds(Erlang)
HyperexponentialSeconds = _in_seconds(Hyperexponential)
WeibullSeconds = _in_seconds(Weibull)
ParetoSeconds = _in_seconds(Pareto)
GeneralizedParetoSeconds = _in_seconds(GeneralizedPareto)
GeneralizedExtremeValueSeconds = _in_seconds(GeneralizedExtremeValue)
EmpiricalSeconds = _in_seconds(Empirical)
DiscreteSeconds = _in_seconds(Discrete)


class ComponentSeconds(BaseModel):
    """One law of a mixture of times, with its weight."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    weight: Positive
    law: SecondsLaw


class MixtureSeconds(Mixture):
    """One of several laws of times, by weight."""

    components: Annotated[list[ComponentSeconds], Field(min_length=1, max_length=MAX_COMPONENTS)]  # type: ignore[assignment]


if TYPE_CHECKING:
    SecondsLaw = Law
else:
    SecondsLaw = Annotated[
        ConstantSeconds
        | ExponentialSeconds
        | UniformSeconds
        | LognormalSeconds
        | ErlangSeconds
        | HyperexponentialSeconds
        | WeibullSeconds
        | ParetoSeconds
        | GeneralizedParetoSeconds
        | GeneralizedExtremeValueSeconds
        | EmpiricalSeconds
        | DiscreteSeconds
        | MixtureSeconds,
        Field(discriminator="kind"),
    ]
ComponentSeconds.model_rebuild()
MixtureSeconds.model_rebuild()


def _exp_or_inf(x: float) -> float:
    return math.exp(x) if x < 709.0 else math.inf


def as_floats(values: Any) -> FloatArray:
    """What a formula gives for a block."""
    assert isinstance(values, np.ndarray)
    return values


def seconds(value_s: float) -> Law:
    """The constant law of so many seconds."""
    return Constant(value=float(value_s))


# The formulas, shared by both ways of drawing: floats, arrays, or numbers in compiled code.


def exponential(u: Any, mean: Any) -> Any:
    """Inverse distribution function of the exponential, in the uniform's complement."""
    return -log(u) * mean


def lognormal(u: Any, mu: Any, sigma: Any) -> Any:
    """Inverse distribution function of the lognormal."""
    return exp(mu + sigma * normal_quantile(u))


def weibull(u: Any, scale: Any, inverse_shape: Any) -> Any:
    """Inverse distribution function of the Weibull, in the uniform's complement."""
    return scale * power(-log(u), inverse_shape)


def pareto(u: Any, minimum: Any, inverse_shape: Any) -> Any:
    """Inverse distribution function of the Pareto, in the uniform's complement."""
    return minimum * exp(-log(u) * inverse_shape)


def generalized_pareto(u: Any, location: Any, scale: Any, shape: Any) -> Any:
    """Inverse distribution function of the generalized Pareto, in the uniform's complement."""
    return location + scale * ((exp(-log(u) * shape) - 1.0) / shape)


def generalized_extreme_value(u: Any, location: Any, scale: Any, shape: Any) -> Any:
    """Inverse distribution function of the generalized extreme value law."""
    return location + scale * ((power(-log(u), -shape) - 1.0) / shape)


def of_standard(kind: int, data: FloatArray, at: int, x: float) -> float:
    """The variate of a law of one of the forms, in the operations of the functions above."""
    if kind == EXPONENTIAL:
        return float(x * data[at])
    if kind == LOGNORMAL:
        return float(exp(data[at] + data[at + 1] * x))
    if kind == UNIFORM:
        return float(data[at] + data[at + 1] * x)
    if kind == WEIBULL:
        return float(data[at] * power(x, data[at + 1]))
    if kind == GENERALIZED_PARETO:
        return float(data[at] + data[at + 1] * ((exp(x * data[at + 2]) - 1.0) / data[at + 2]))
    if kind == GENERALIZED_EXTREME_VALUE:
        return float(data[at] + data[at + 1] * ((power(x, -data[at + 2]) - 1.0) / data[at + 2]))
    return float(data[at] * exp(x * data[at + 1]))


def between(u: Any, p0: Any, p1: Any, v0: Any, v1: Any) -> Any:
    """Linear interpolation in a table of quantiles."""
    return v0 + (v1 - v0) * ((u - p0) / (p1 - p0))


def draw_law(
    kinds: IntArray, starts: IntArray, data: FloatArray, law: int, k0: int, k1: int,
    ordinal: int, client: int, attempt: int, branch: int, visit: int,
) -> float:  # fmt: skip
    """One variate of a law of a `LawTable` for one identity (see `random.uniforms`)."""
    draw = 0
    kind, at = kinds[law], starts[law]
    if kind == CONSTANT:
        return float(data[at])
    u1, u2 = uniforms(k0, k1, ordinal, client, attempt, branch, visit, draw)
    while kind == MIXTURE:
        n, i = int(data[at]), 1
        while u1 >= data[at + i]:
            i += 1
        law = int(data[at + n + i])
        kind, at = kinds[law], starts[law]
        draw += 1
        u1, u2 = uniforms(k0, k1, ordinal, client, attempt, branch, visit, draw)
    if kind == EXPONENTIAL:
        return float(exponential(u1, data[at]))
    if kind == CONSTANT:
        return float(data[at])
    if kind == UNIFORM:
        return float(data[at] + data[at + 1] * u1)
    if kind == LOGNORMAL:
        return float(lognormal(u1, data[at], data[at + 1]))
    if kind in (HYPEREXPONENTIAL, DISCRETE):
        n, i = int(data[at]), 1
        while u1 >= data[at + i]:
            i += 1
        return float(data[at + n + i]) if kind == DISCRETE else float(exponential(u2, data[at + n + i]))
    if kind == WEIBULL:
        return float(weibull(u1, data[at], data[at + 1]))
    if kind == PARETO:
        return float(pareto(u1, data[at], data[at + 1]))
    if kind == GENERALIZED_PARETO:
        return float(generalized_pareto(u1, data[at], data[at + 1], data[at + 2]))
    if kind == GENERALIZED_EXTREME_VALUE:
        return float(generalized_extreme_value(u1, data[at], data[at + 1], data[at + 2]))
    if kind == EMPIRICAL:
        n, low = int(data[at]), 0
        high = n - 1
        while high - low > 1:
            middle = (low + high) >> 1
            if data[at + 1 + middle] <= u1:
                low = middle
            else:
                high = middle
        p, v = at + 1 + low, at + 1 + n + low
        return float(between(u1, data[p], data[p + 1], data[v], data[v + 1]))
    shape = int(data[at + 1])
    total = 0.0
    for j in range(0, shape, 2):
        if j > 0:
            u1, u2 = uniforms(k0, k1, ordinal, client, attempt, branch, visit, draw + (j >> 1))
        total = total - log(u1)
        if j + 1 < shape:
            total = total - log(u2)
    return float(total * data[at])
