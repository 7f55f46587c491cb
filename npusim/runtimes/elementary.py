"""exp, ln and tanh from correctly rounded operations only: the same bits on every machine.

The C library's and numpy's versions differ in the last bit between processors, and a last bit can
move a breakpoint, a range or an entry of an activation table, and with it a code. Accuracy here is
a few units in the last place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
"""ln 2 in two parts: a multiple of the first below 2^20 is exact."""
EXPONENTIAL_TERMS = 14
LOGARITHM_TERMS = 12
LARGEST_EXPONENT = 700.0
SMALL_ARGUMENT = 0.34
"""Below it e^x is its series alone, and so is e^x - 1 without cancellation."""


def exp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e^x elementwise; arguments are clamped to +-700."""
    x = np.clip(np.asarray(x, np.float64), -LARGEST_EXPONENT, LARGEST_EXPONENT)
    k = np.rint(x * (1 / (LN2_HIGH + LN2_LOW)))
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    total = np.ones_like(r)
    for i in range(EXPONENTIAL_TERMS, 0, -1):
        total = 1 + total * r / i
    return np.ldexp(total, k.astype(np.int64))


def expm1(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e^x - 1 elementwise, small values to their last bits too."""
    x = np.asarray(x, np.float64)
    r = np.clip(x, -SMALL_ARGUMENT, SMALL_ARGUMENT)
    total = np.ones_like(r)
    for i in range(EXPONENTIAL_TERMS, 1, -1):
        total = 1 + total * r / i
    return np.where(np.abs(x) < SMALL_ARGUMENT, r * total, exp(x) - 1)


def logs(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ln x elementwise, x > 0, by 2 artanh((m - 1) / (m + 1)) of its mantissa."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    small = mantissa < np.sqrt(0.5)
    mantissa, exponent = np.where(small, mantissa * 2, mantissa), exponent - small
    t = (mantissa - 1) / (mantissa + 1)
    square = t * t
    total = np.zeros_like(square)
    for i in range(2 * LOGARITHM_TERMS + 1, 0, -2):
        total = total * square + 1.0 / i
    return 2 * t * total + exponent * LN2_LOW + exponent * LN2_HIGH


def ln(x: float) -> float:
    """Return the natural logarithm of x > 0."""
    return float(logs(np.asarray(x)))


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + e^-x) elementwise."""
    return 1 / (1 + exp(-x))


def tanh(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the hyperbolic tangent elementwise, small values to their last bits too."""
    x = np.asarray(x, np.float64)
    small = expm1(np.clip(2 * x, -SMALL_ARGUMENT, SMALL_ARGUMENT))
    return np.where(np.abs(2 * x) < SMALL_ARGUMENT, small / (small + 2), 1 - 2 / (exp(2 * x) + 1))
