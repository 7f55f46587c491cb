"""From real scales to the integer constants of the epilogue, proved to fit.

    M_j / 2^s = s_x * scale_j / s_o,   B / 2^s = bias / s_o

The shift s of a channel is the largest, at most 62, at which every M_j has at most 31 bits and
|T| < 2^62 for every input. Where channels share one multiplier (the shift-scaler), one s serves the
layer. To make room for s + n_c it is lowered as long as M keeps 20 bits, or rounding M moves no
output by more than 2^-9 of a step; where that is not enough the channel's n_c is lowered.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError
from npusim.graph.weights import EncodedWeights
from npusim.quant.coded import CodedWeights

LARGEST_SHIFT = 62
MULTIPLIER_LIMIT = 1 << 31
TOTAL_LIMIT = 1 << 62
ACCUMULATOR_LIMIT = 1 << 31
LEAST_SHARED_MULTIPLIER = 1 << 19
"""A shared multiplier of 20 bits has a relative error below 2^-20."""
HARMLESS_BITS = 8
"""Rounding M by half moves T by at most A/2: below 2^-9 of an output step where A < 2^(s-8)."""


class Epilogue:
    """The real constants of one layer's epilogue, and the integers that they become.

    Parameters
    ----------
    layer
        Name for messages.
    coded
        The layer's weights.
    bias : float64 [OC]
        In real units.
    input_scale, output_scale
        s_x and s_o.
    input_zero_point
        Bounds the operand: |x - zero_point| <= max(127 - zero_point, 128 + zero_point).

    Raises
    ------
    RangeError
        An accumulator can leave 32 bits.
    """

    def __init__(
        self,
        layer: str,
        coded: CodedWeights,
        bias: NDArray[np.float64],
        input_scale: float,
        input_zero_point: int,
        output_scale: float,
    ) -> None:
        self.layer, self.coded = layer, coded
        self.ratios = coded.scales * (input_scale / output_scale)
        self.window_ratio = coded.offset * (input_scale / output_scale)
        self.bias_ratio = bias / output_scale
        operand = max(127 - input_zero_point, 128 + input_zero_point)
        self.largest = np.abs(coded.planes()).sum(axis=2) * operand
        self.window_largest = coded.codes[0].size * operand
        if self.largest.size and self.largest.max() >= ACCUMULATOR_LIMIT:
            term, channel = np.argwhere(self.largest >= ACCUMULATOR_LIMIT)[0]
            raise RangeError(
                f"{layer}: the accumulator of channel {channel} needs "
                f"{int(self.largest[term, channel]).bit_length() + 1} bits, the limit is 32"
            )

    def integers(self, c: int, shift: int) -> tuple[list[int], int, int]:
        """Return (M_j, B, window sum's multiplier) of channel `c` at a whole shift of `shift`."""
        multipliers = [_scaled(float(ratio), shift) for ratio in self.ratios[:, c]]
        return (
            multipliers,
            _scaled(float(self.bias_ratio[c]), shift),
            _scaled(float(self.window_ratio[c]), shift),
        )

    def fits(self, c: int, shift: int) -> bool:
        """Return whether every input keeps channel `c` within the epilogue's widths."""
        multipliers, bias, window_sum = self.integers(c, shift)
        if max(*multipliers, abs(window_sum)) >= MULTIPLIER_LIMIT:
            return False
        total = abs(bias) + abs(window_sum) * self.window_largest
        total += sum(m * int(a) for m, a in zip(multipliers, self.largest[:, c], strict=True))
        return total < TOTAL_LIMIT

    def largest_shift(self, c: int) -> int:
        """Return the largest shift of channel `c` that fits.

        Raises
        ------
        RangeError
            None does, not even 0.
        """
        for shift in range(LARGEST_SHIFT, -1, -1):
            if self.fits(c, shift):
                return shift
        needed = max(float(self.ratios[:, c].max()), abs(float(self.bias_ratio[c])))
        raise RangeError(
            f"{self.layer}: channel {c} needs a factor of {needed:.4g} from accumulator to output "
            f"(or its bias is that many output steps), the limit is 2^31 (2^62 for the product sum)"
        )

    def shared_shift(self) -> tuple[int, NDArray[np.int64]]:
        """Return the layer's shift and the largest n_c int64 [OC] that a channel has room for."""
        shifts = self.coded.channel_shift
        base = np.ldexp(self.ratios[0], shifts).max(initial=0.0)
        channels = range(len(shifts))
        shift = LARGEST_SHIFT
        while shift > 0 and _scaled(float(base), shift) >= MULTIPLIER_LIMIT:
            shift -= 1
        while self._precise(shift - 1, float(base)) and not all(
            self._fits_shared(c, shift, int(shifts[c]), float(base)) for c in channels
        ):
            shift -= 1
        cap = shifts.copy()
        for c in channels:
            while cap[c] > 0 and not self._fits_shared(c, shift, int(cap[c]), float(base)):
                cap[c] -= 1
            if not self._fits_shared(c, shift, int(cap[c]), float(base)):
                raise RangeError(
                    f"{self.layer}: channel {c} has a bias of {self.bias_ratio[c]:.4g} output "
                    f"steps, which does not fit a product sum of 62 bits"
                )
        return shift, cap

    def _precise(self, shift: int, base: float) -> bool:
        """Return whether a shared multiplier at `shift` stands for `base` well enough."""
        harmless = int(self.largest.max(initial=0)) << HARMLESS_BITS <= 1 << max(shift, 0)
        return shift >= 0 and (harmless or _scaled(base, shift) >= LEAST_SHARED_MULTIPLIER)

    def _fits_shared(self, c: int, shift: int, channel_shift: int, base: float) -> bool:
        total_shift = shift + channel_shift
        if total_shift > LARGEST_SHIFT:
            return False
        bias = abs(_scaled(float(self.bias_ratio[c]), total_shift))
        window_sum = abs(_scaled(float(self.window_ratio[c]), total_shift))
        total = _scaled(base, shift) * int(self.largest[0, c]) + bias
        return window_sum < MULTIPLIER_LIMIT and (
            total + window_sum * self.window_largest < TOTAL_LIMIT
        )


def _scaled(ratio: float, shift: int) -> int:
    """Return ratio * 2^shift to the nearest integer, halves away from zero."""
    value = float(np.ldexp(abs(ratio), shift))
    whole = int(value)
    return (whole + (value - whole >= 0.5)) * (1 if ratio >= 0 else -1)


def encoded_weights(epilogue: Epilogue, shape: tuple[int, ...]) -> EncodedWeights:
    """Return the layer's codes, of weight shape `shape`, with their integer constants.

    Raises
    ------
    RangeError
        The constants of a channel do not fit, or the shift-scaler has no room for its n_c (encode
        again with the cap of `shared_shift`).
    """
    coded = epilogue.coded
    channels = coded.channels
    if coded.shared_scale:
        shift, cap = epilogue.shared_shift()
        if (cap < coded.channel_shift).any():
            raise RangeError(f"{epilogue.layer}: a channel shift does not fit the epilogue")
        shifts = np.full(channels, shift, np.int64)
    else:
        shifts = np.array([epilogue.largest_shift(c) for c in range(channels)], np.int64)
    constants = [
        epilogue.integers(c, int(shifts[c] + coded.channel_shift[c])) for c in range(channels)
    ]
    multipliers = np.array([m for m, _, _ in constants], np.int64).reshape(channels, -1).T
    return EncodedWeights(
        scheme=coded.scheme,
        bits=coded.bits,
        codes=coded.codes.reshape(len(coded.codes), *shape[1:]),
        points=coded.points,
        magnitudes=coded.magnitudes,
        multipliers=multipliers,
        bias=np.array([b for _, b, _ in constants], np.int64),
        shift=shifts,
        channel_shift=coded.channel_shift,
        window_sum=np.array([w for _, _, w in constants], np.int64),
    )
