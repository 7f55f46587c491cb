"""uniform: a weight is an integer in two's complement, times the step of its layer or channel.

    code[b-1:0] is the weight

The shift-scaler (wes) and every point of multipoint store these codes as well.
"""

from __future__ import annotations

from npusim.codes.code import Element, Levels, WeightCode
from npusim.errors import RangeError
from npusim.parameter import Parameter


def weight(code: int, bits: int) -> int:
    """Return the integer that the two's complement code of `bits` bits stands for."""
    half = 1 << (bits - 1)
    return ((code & (2 * half - 1)) ^ half) - half


def code_of(value: int, bits: int) -> int:
    """Return the code of an integer weight; the inverse of `weight`.

    Raises
    ------
    RangeError
        The weight has more bits.
    """
    half = 1 << (bits - 1)
    if not -half <= value < half:
        raise RangeError(f"uniform weight: expected {-half}..{half - 1}, found {value}")
    return value & (2 * half - 1)


def _worth(code: int, bits: int, levels: Levels) -> tuple[int, int, int]:
    return weight(code, bits), 0, 0


UNIFORM = WeightCode(
    name="uniform",
    unit="mac_uniform",
    elements=(Element("uniform8", 8), Element("uniform6", 6), Element("uniform4", 4)),
    parameter=Parameter(
        "UNIFORM_BITS", "params0", "uniform_bits", 16, 4, "8, 6, 4, or 0: uniform not built in"
    ),
    worth=_worth,
)
