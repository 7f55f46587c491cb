"""Weights in the codes of one of the papers' schemes, with the integer constants of their epilogue.

What a quantizer hands over and a saved model holds: integers only, so that every engine and the RTL
start from the same bits. How a code becomes an integer stands on its page in `npusim/codes/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npusim.codes import Levels, WeightCode
from npusim.codes.schemes import code_of
from npusim.errors import RangeError, ShapeError
from npusim.graph.tensor import frozen
from npusim.remade import Remade


@dataclass(frozen=True, eq=False)
class EncodedWeights(Remade):
    """Codes and integer constants of one convolution or fully connected layer.

    y = clamp(((T + round) >> (shift + channel_shift)) + zero_point), T = bias + sum_j M_j * A_j.

    Attributes
    ----------
    scheme, bits
        One of SCHEMES, and the bits of its multiply.
    codes : uint8 [V KH KW IC/groups] or [V K]
        One code a weight, right aligned (uint16 where it stores more than 8 bits). V virtual
        channels: the points of output channel 0, then of channel 1, ...; V = OC except for
        multipoint.
    points : int64 [OC]
        Virtual channels of each output channel; ones except for multipoint.
    magnitudes : int64 [2^(bits-1)] or [2^bits]
        The layer's integers, ascending, that a code's index selects: magnitudes of subset, signed
        levels of lut; empty otherwise.
    multipliers : int64 [J OC]
        M_j, unsigned, at most 31 bits; term j of a channel with fewer terms is 0. The terms are:
        the points for multipoint, (centre, tail) for pwlq, one otherwise. A third term of pwlq
        weighs the tail's sign alone: its breakpoint is then not n steps of the centre.
    bias : int64 [OC]
        B, in units of the product sum T.
    shift, channel_shift : int64 [OC]
        Shift of the layer or channel, and the 4-bit n_c of wes (0 elsewhere).
    window_sum : int64 [OC]
        Signed, below 2^31: what the sum of all operands xe of the window is worth in T, one
        accumulator a pixel and group. Zeros except for the PWLQ paper's mean correction.
    """

    scheme: str
    bits: int
    codes: NDArray[np.uint8]
    points: NDArray[np.int64]
    magnitudes: NDArray[np.int64]
    multipliers: NDArray[np.int64]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    channel_shift: NDArray[np.int64]
    window_sum: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        if not self.window_sum.size:
            object.__setattr__(self, "window_sum", np.zeros(len(self.bias), np.int64))
        for name in (
            "points", "magnitudes", "multipliers", "bias", "shift", "channel_shift", "window_sum",
        ):  # fmt: skip
            object.__setattr__(self, name, frozen(np.asarray(getattr(self, name), np.int64)))
        object.__setattr__(self, "codes", frozen(self.codes))
        channels = len(self.bias)
        expected = self.code.dtype(self.bits)
        if self.codes.dtype != expected:
            raise ShapeError(
                f"{self.scheme} weights: expected {expected} codes, found {self.codes.dtype}"
            )
        if len(self.codes) != self.points.sum():
            raise ShapeError(
                f"{self.scheme} weights: expected {self.points.sum()} virtual channels, "
                f"found {len(self.codes)}"
            )
        for name in ("points", "shift", "channel_shift", "window_sum"):
            if getattr(self, name).shape != (channels,):
                raise ShapeError(
                    f"{self.scheme} weights: expected {channels} values of {name}, "
                    f"found {list(getattr(self, name).shape)}"
                )
        if self.multipliers.ndim != 2 or self.multipliers.shape[1] != channels:
            raise ShapeError(
                f"{self.scheme} weights: expected multipliers [J {channels}], "
                f"found {list(self.multipliers.shape)}"
            )
        if (
            self.multipliers.size
            and not 0 <= self.multipliers.min() <= self.multipliers.max() < 1 << 31
        ):
            raise RangeError(f"{self.scheme} weights: expected multipliers of at most 31 bits")
        if channels and not 0 <= self.channel_shift.min() <= self.channel_shift.max() <= 15:
            raise RangeError(f"{self.scheme} weights: expected channel shifts of 0..15")
        if len(self.magnitudes) != self.code.level_count(self.bits):
            raise ShapeError(
                f"{self.scheme} weights: expected {self.code.level_count(self.bits)} "
                f"{self.code.level_name}, found {len(self.magnitudes)}"
            )
        self.code.level_words(self.levels)  # which refuses what the array has no word for
        total = self.shift + self.channel_shift
        if channels and not 0 <= total.min() <= total.max() <= 62:
            raise RangeError(f"{self.scheme} weights: expected shifts of 0..62")

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights that the codes stand for: [OC KH KW IC/groups] or [OC K]."""
        return (len(self.bias), *self.codes.shape[1:])

    @property
    def code(self) -> WeightCode:
        """The code that the scheme stores."""
        return code_of(self.scheme)

    @property
    def levels(self) -> Levels:
        """The layer's own table, as the code takes it."""
        return tuple(self.magnitudes.tolist())

    @property
    def forms(self) -> int:
        """Terms of the epilogue that a point takes.

        Raises
        ------
        RangeError
            There are not as many multipliers as the code and its points have terms.
        """
        most_points = int(self.points.max(initial=1))
        forms, left = divmod(len(self.multipliers), most_points)
        if left or forms not in self.code.forms:
            raise RangeError(
                f"{self.scheme} weights: expected {self.code.forms[0] * most_points} multipliers a "
                f"channel, found {len(self.multipliers)}"
            )
        return forms

    @property
    def code_bits(self) -> int:
        """Bits that one stored code takes."""
        return self.code.stored_bits(self.bits)

    @property
    def storage_bits(self) -> int:
        """Bits of everything a memory holds for this layer: codes, tables, and constants.

        Per channel a 64-bit bias, a 6-bit shift and a 31-bit multiplier for each term in use; with
        the shift-scaler one shift and multiplier a layer and 4 bits a channel. The code's bits for
        each level of the layer's table; 2 bits of point count where points vary; 32 bits a channel
        where the window sum is in use.
        """
        channels = len(self.bias)
        codes = self.codes.size * self.code_bits
        if self.scheme == "wes" or self.channel_shift.any():
            scaling = 31 + 6 + 4 * channels
        else:
            scaling = 31 * self.forms * int(self.points.sum()) + 6 * channels
        counts = 2 * channels if self.points.max(initial=1) > 1 else 0
        window_sums = 32 * channels if self.window_sum.any() else 0
        levels = self.code.level_bits * len(self.magnitudes)
        return codes + scaling + 64 * channels + counts + window_sums + levels
