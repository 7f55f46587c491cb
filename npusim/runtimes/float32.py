"""Float32 arithmetic that numpy does not have, exact for the operands of 8-bit networks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32] | np.float32


def fused_multiply_add(a: Float32, b: Float32, c: Float32) -> NDArray[np.float32]:
    """Return a * b + c rounded once to float32 (IEEE 754 fusedMultiplyAdd), shapes broadcast.

    The product of two float32 is exact in float64. Its sum with c is rounded to float64 and then to
    float32; where the first fell on a tie of the second, the exact sum decides.
    """
    product = np.multiply(a, b, dtype=np.float64)
    product, addend = np.broadcast_arrays(product, np.asarray(c, np.float64))
    total = product + addend
    nearest = total.astype(np.float32)
    for place in zip(*np.nonzero(_is_tie(total, nearest)), strict=True):
        exact = Fraction(float(product[place])) + Fraction(float(addend[place]))
        nearest[place] = _nearest(exact, nearest[place])
    return nearest


def _is_tie(total: NDArray[np.float64], nearest: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where `total` lies halfway between two float32 values."""
    away = np.where(total > nearest, np.float32(np.inf), np.float32(-np.inf))
    other = np.nextafter(nearest, away).astype(np.float64)
    return (total != nearest) & (np.abs(total - nearest) == np.abs(other - total))


def _nearest(exact: Fraction, guess: np.float32) -> np.float32:
    """Return the float32 nearest to `exact`, which is `guess` or a neighbour of it."""
    infinity = np.float32(np.inf)
    around = (np.nextafter(guess, -infinity), guess, np.nextafter(guess, infinity))
    distance = [abs(Fraction(float(value)) - exact) for value in around]
    closest = [v for v, d in zip(around, distance, strict=True) if d == min(distance)]
    return min(closest, key=lambda v: int(np.float32(v).view(np.uint32)) & 1)


def halves_away(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the nearest whole numbers, halves away from zero, what is just below a half as well.

    Adding a half first would round 0.49999997 up.
    """
    whole = np.trunc(x)
    with np.errstate(invalid="ignore"):  # infinity less itself
        is_half = np.abs(x - whole) >= x.dtype.type(0.5)
    return whole + np.where(is_half, np.sign(x), x.dtype.type(0))
