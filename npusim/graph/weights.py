"""Weights in the codes of one of the papers' schemes, with the integer constants of their epilogue.

What a quantizer hands over and a saved model holds: integers only, so that every engine and the RTL
start from the same bits. How a code becomes an integer is `npusim/datapath/weight_decode.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError
from npusim.graph.tensor import frozen

Scheme = Literal["uniform", "wes", "pwlq", "subset", "multipoint"]
SCHEMES: tuple[Scheme, ...] = ("uniform", "wes", "pwlq", "subset", "multipoint")


@dataclass(frozen=True, eq=False)
class EncodedWeights:
    """Codes and integer constants of one convolution or fully connected layer.

    y = clamp(((T + round) >> (shift + channel_shift)) + zero_point), T = bias + sum_j M_j * A_j.

    Attributes
    ----------
    scheme, bits
        One of SCHEMES, and the bits of its multiply (pwlq stores bits + 1 per weight).
    codes : uint8 [V KH KW IC/groups] or [V K]
        One code a weight, right aligned. V virtual channels: the points of output channel 0, then
        of channel 1, ...; V = OC except for multipoint.
    points : int64 [OC]
        Virtual channels of each output channel; ones except for multipoint.
    magnitudes : int64 [2^(bits-1)]
        subset: the layer's integers, ascending, that a code's index selects; empty otherwise.
    multipliers : int64 [J OC]
        M_j, unsigned, at most 31 bits; term j of a channel with fewer terms is 0. The terms are:
        the points for multipoint, (centre, tail) for pwlq, one otherwise.
    bias : int64 [OC]
        B, in units of the product sum T.
    shift, channel_shift : int64 [OC]
        Shift of the layer or channel, and the 4-bit n_c of wes (0 elsewhere).
    """

    scheme: Scheme
    bits: int
    codes: NDArray[np.uint8]
    points: NDArray[np.int64]
    magnitudes: NDArray[np.int64]
    multipliers: NDArray[np.int64]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    channel_shift: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("points", "magnitudes", "multipliers", "bias", "shift", "channel_shift"):
            object.__setattr__(self, name, frozen(np.asarray(getattr(self, name), np.int64)))
        object.__setattr__(self, "codes", frozen(self.codes))
        channels = len(self.bias)
        if self.codes.dtype != np.uint8:
            raise ShapeError(
                f"{self.scheme} weights: expected uint8 codes, found {self.codes.dtype}"
            )
        if len(self.codes) != self.points.sum():
            raise ShapeError(
                f"{self.scheme} weights: expected {self.points.sum()} virtual channels, "
                f"found {len(self.codes)}"
            )
        for name in ("points", "shift", "channel_shift"):
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
        total = self.shift + self.channel_shift
        if channels and not 0 <= total.min() <= total.max() <= 62:
            raise RangeError(f"{self.scheme} weights: expected shifts of 0..62")

    @property
    def code_bits(self) -> int:
        """Bits that one stored code takes: pwlq adds a region bit to sign and magnitude."""
        return self.bits + 1 if self.scheme == "pwlq" else self.bits

    @property
    def storage_bits(self) -> int:
        """Bits of everything a memory holds for this layer: codes, tables, and constants.

        Per channel a 64-bit bias, and a 31-bit multiplier for each term in use; a 6-bit shift per
        channel, but once a layer (as the one multiplier) for wes, whose channels keep 4 bits; a
        4-bit pair of shift selectors for each magnitude of subset; 2 bits of point count for
        multipoint.
        """
        channels = len(self.bias)
        codes = self.codes.size * self.code_bits
        if self.scheme == "wes":
            return codes + 31 + 6 + channels * (4 + 64)
        terms = int(self.points.sum()) if self.scheme == "multipoint" else self.multipliers.size
        per_channel = 64 + 6 + (2 if self.scheme == "multipoint" else 0)
        return codes + 31 * terms + per_channel * channels + 4 * len(self.magnitudes)
