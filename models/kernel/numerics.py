"""Logarithm, exponential, power and normal quantile, built from IEEE basic operations only.

A library's `log` may differ in the last bit between platforms and versions; ours is a fixed sequence of additions,
multiplications, divisions, square roots and bit moves, each of which IEEE 754 fixes to the bit. Every function here
takes a Python float, a NumPy array, or (once the compiled engine has registered it) a number inside compiled code, and
gives the same bits in all three. Only the functions at the end look at what they are given.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

LN2_HIGH = 6.93147180369123816490e-01
"""The leading 33 bits of ln 2: its product with a small integer is exact."""
LN2_LOW = 1.90821492927058770002e-10
"""What is left of ln 2."""
SQRT2 = 1.4142135623730951
MANTISSA = (1 << 52) - 1
ONE_BITS = 1023 << 52


def log(x: Any) -> Any:
    """Natural logarithm of a positive, finite, normal number; relative error below 2**-51.

    The mantissa is brought to [sqrt(1/2), sqrt(2)), then ln m = 2 artanh((m - 1) / (m + 1)) by its own series, in
    pieces that a processor can work on side by side.
    """
    bits = float_bits(x)
    exponent = (bits >> 52) - 1023
    mantissa = bits_float((bits & MANTISSA) | ONE_BITS)
    above = mantissa >= SQRT2
    mantissa = select(above, mantissa * 0.5, mantissa)
    exponent = select(above, exponent + 1, exponent) * 1.0
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    z2 = z * z
    z4 = z2 * z2
    low = (1.0 / 3.0 + 1.0 / 5.0 * z) + (1.0 / 7.0 + 1.0 / 9.0 * z) * z2
    middle = (1.0 / 11.0 + 1.0 / 13.0 * z) + (1.0 / 15.0 + 1.0 / 17.0 * z) * z2
    tail = low + z4 * (middle + z4 * (1.0 / 19.0 + 1.0 / 21.0 * z))
    return exponent * LN2_HIGH + (2.0 * s + (2.0 * s * z * tail + exponent * LN2_LOW))


def exp(x: Any) -> Any:
    """e**x for x in [-700, 700] (clipped there); relative error below 2**-50.

    x = k ln 2 + r with |r| <= ln(2)/2; e**r by its Taylor series, 2**k by its bits.
    """
    x = select(x > 700.0, 700.0, x)
    x = select(x < -700.0, -700.0, x)
    k = np.floor(x * 1.4426950408889634 + 0.5)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (1.0 / 2.0 + 1.0 / 6.0 * r) + (1.0 / 24.0 + 1.0 / 120.0 * r) * r2
    middle = (1.0 / 720.0 + 1.0 / 5040.0 * r) + (1.0 / 40320.0 + 1.0 / 362880.0 * r) * r2
    high = (1.0 / 3628800.0 + 1.0 / 39916800.0 * r) + (1.0 / 479001600.0 + 1.0 / 6227020800.0 * r) * r2
    series = 1.0 + (r + r2 * (low + r4 * (middle + r4 * high)))
    return series * bits_float((to_int(k) + 1023) << 52)


def power(x: Any, y: Any) -> Any:
    """x**y for positive x, by exp(y log x); relative error about |y log x| * 2**-51."""
    return exp(y * log(x))


def normal_quantile(p: Any) -> Any:
    """Quantile of the standard normal distribution for p in (0, 1).

    Source:
        M. J. Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988), 477-484; about 1 part in 10**16.
    """
    if not isinstance(p, np.ndarray):
        return normal_quantile_of_one(p)
    q = p - 0.5
    r = np.sqrt(-log(np.where(q < 0.0, p, 1.0 - p)))
    tail = np.where(r <= 5.0, _middle(r), _outer(r))
    return np.where(abs(q) <= 0.425, _central(q), np.where(q < 0.0, -tail, tail))


def normal_quantile_of_one(p: Any) -> Any:
    """`normal_quantile` of one number, which needs only one of three formulas."""
    q = p - 0.5
    if abs(q) <= 0.425:
        return _central(q)
    r = np.sqrt(-log(p if q < 0.0 else 1.0 - p))
    tail = _middle(r) if r <= 5.0 else _outer(r)
    return -tail if q < 0.0 else tail


def _central(q: Any) -> Any:
    """AS 241 within 0.425 of the median."""
    r = 0.180625 - q * q
    r2 = r * r
    r4 = r2 * r2
    above = (
        (3.3871328727963666080e0 + 1.3314166789178437745e2 * r)
        + (1.9715909503065514427e3 + 1.3731693765509461125e4 * r) * r2
    ) + (
        (4.5921953931549871457e4 + 6.7265770927008700853e4 * r)
        + (3.3430575583588128105e4 + 2.5090809287301226727e3 * r) * r2
    ) * r4
    below = ((1.0 + 4.2313330701600911252e1 * r) + (6.8718700749205790830e2 + 5.3941960214247511077e3 * r) * r2) + (
        (2.1213794301586595867e4 + 3.9307895800092710610e4 * r)
        + (2.8729085735721942674e4 + 5.2264952788528545610e3 * r) * r2
    ) * r4
    return q * (above / below)


def _middle(r: Any) -> Any:
    """AS 241 in the tails, for sqrt(-log p) up to 5."""
    s = r - 1.6
    s2 = s * s
    s4 = s2 * s2
    above = (
        (1.42343711074968357734e0 + 4.63033784615654529590e0 * s)
        + (5.76949722146069140550e0 + 3.64784832476320460504e0 * s) * s2
    ) + (
        (1.27045825245236838258e0 + 2.41780725177450611770e-1 * s)
        + (2.27238449892691845833e-2 + 7.74545014278341407640e-4 * s) * s2
    ) * s4
    below = ((1.0 + 2.05319162663775882187e0 * s) + (1.67638483018380384940e0 + 6.89767334985100004550e-1 * s) * s2) + (
        (1.48103976427480074590e-1 + 1.51986665636164571966e-2 * s)
        + (5.47593808499534494600e-4 + 1.05075007164441684324e-9 * s) * s2
    ) * s4
    return above / below


def _outer(r: Any) -> Any:
    """AS 241 far out in the tails."""
    t = r - 5.0
    t2 = t * t
    t4 = t2 * t2
    above = (
        (6.65790464350110377720e0 + 5.46378491116411436990e0 * t)
        + (1.78482653991729133580e0 + 2.96560571828504891230e-1 * t) * t2
    ) + (
        (2.65321895265761230930e-2 + 1.24266094738807843860e-3 * t)
        + (2.71155556874348757815e-5 + 2.01033439929228813265e-7 * t) * t2
    ) * t4
    below = (
        (1.0 + 5.99832206555887937690e-1 * t) + (1.36929880922735805310e-1 + 1.48753612908506148525e-2 * t) * t2
    ) + (
        (7.86869131145613259100e-4 + 1.84631831751005468180e-5 * t)
        + (1.42151175831644588870e-7 + 2.04426310338993978564e-15 * t) * t2
    ) * t4
    return above / below


def select(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where the condition holds, `no` elsewhere."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, yes, no)
    return yes if condition else no


def times(a: Any, b: Any) -> Any:
    """Product of two 64-bit integers, wrapped to 64 bits.

    Compiled code takes it that a plain product never overflows, and may draw any conclusion from that.
    """
    if isinstance(a, np.ndarray):
        return a * b
    return ((a * b + (1 << 63)) & ((1 << 64) - 1)) - (1 << 63)


def float_bits(x: Any) -> Any:
    """The bits of a float as a signed integer."""
    if isinstance(x, np.ndarray):
        return x.view(np.int64)
    return struct.unpack("<q", struct.pack("<d", x))[0]


def bits_float(bits: Any) -> Any:
    """The float whose bits these are."""
    if isinstance(bits, np.ndarray):
        return bits.view(np.float64)
    return struct.unpack("<d", struct.pack("<q", bits))[0]


def to_int(x: Any) -> Any:
    """A whole float as an integer."""
    if isinstance(x, np.ndarray):
        return x.astype(np.int64)
    return int(x)
