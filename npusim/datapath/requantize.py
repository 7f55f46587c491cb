"""requantize: J x int32 accumulators -> int8/uint8, one rounding, saturating.

    T = B + sum_j M_j * A_j
    s = shift + channel_shift
    y = clamp(((T + rounding_constant(mode, T, s)) >> s) + zero_point, low, high)

There is exactly one rounding between the accumulators and the output. `>>` is the arithmetic shift.

| quantity  | width | why it fits                                           |
|-----------|-------|-------------------------------------------------------|
| A_j       | s32   | the compiler proves K * max|w| * max|xe| + |b| < 2^31 |
| M_j       | u31   | multipliers are normalized to [2^30, 2^31) or smaller |
| T         | s63   | the compiler proves |T| < 2^62                        |
| T + const | s64   | the constant is at most 2^61 + 2^30                   |
| s         | 0..62 | the compiler lowers channel_shift where it would pass |

Source: the fused shift-scaler is the weight-equalizing shift scaler (Oh et al., 2020) carried to J
terms; `tflite` is gemmlowp's SaturatingRoundingDoublingHighMul followed by RoundingDivideByPOT.
"""

from __future__ import annotations

from npusim.datapath.jit import scalar

ROUNDING_MODES = ("floor", "half_up", "half_away", "half_even", "tflite", "ruy")
"""The integer rounding modes; a mode's code in hardware is its place in this tuple."""

FLOOR, HALF_UP, HALF_AWAY, HALF_EVEN, TFLITE, RUY = range(len(ROUNDING_MODES))


@scalar
def rounding_constant(mode: int, total: int, shift: int) -> int:
    """Return what `mode` adds to the product sum `total` before the shift by `shift` >= 0 bits.

    `tflite` and `ruy` round twice (at bit 31, then at `shift`); nesting the two floors leaves one
    shift and one constant. A shift of 0 adds nothing.
    """
    if shift == 0 or mode == FLOOR:
        return 0
    half = 1 << (shift - 1)
    if mode == HALF_AWAY:
        return half - 1 if total < 0 else half
    if mode == HALF_EVEN:
        return half - 1 + ((total >> shift) & 1)
    if shift > 31:
        if mode == TFLITE:
            return half + (1 << 30) if total >= 0 else half - (1 << 30)
        if mode == RUY:
            return half + (1 << 30)
    return half


@scalar
def round_shift(mode: int, total: int, shift: int) -> int:
    """Return `total` * 2^-shift rounded by `mode`."""
    return (total + rounding_constant(mode, total, shift)) >> shift


@scalar
def clamp(value: int, low: int, high: int) -> int:
    """Return the nearest integer to `value` in low..high."""
    return low if value < low else (high if value > high else value)


@scalar
def requantize_total(
    total: int, mode: int, shift: int, zero_point: int, low: int, high: int
) -> int:
    """Return the output for the product sum `total` and the whole shift (n_c included)."""
    return clamp(round_shift(mode, total, shift) + zero_point, low, high)
