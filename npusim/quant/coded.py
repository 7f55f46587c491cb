"""What an encoder returns: the codes of one layer, and what an accumulator's unit is worth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npusim.codes.points import planes_of_points
from npusim.codes.schemes import code_of
from npusim.errors import RangeError, ShapeError

DEAD_RANGE = 1e-6


@dataclass(frozen=True, eq=False)
class CodedWeights:
    """Codes of a layer's weights [OC K] with real scales, before any activation is known.

    w[c] ~ sum_j scales[j, c] * plane_j[c] + offset[c]

    Attributes
    ----------
    scheme, bits, codes, points, magnitudes
        As in EncodedWeights; codes are [V K].
    scales : float64 [J OC]
        Real worth of one unit of term j, channel shift included; 0 for a dead term.
    channel_shift : int64 [OC]
        n_c of the shift-scaler: scales[0] * 2^n_c is the same for all channels where it is used.
    offset : float64 [OC]
        Added to every weight of the channel (the mean correction of the PWLQ paper), else 0.
    """

    scheme: str
    bits: int
    codes: NDArray
    points: NDArray[np.int64]
    magnitudes: NDArray[np.int64]
    scales: NDArray[np.float64]
    channel_shift: NDArray[np.int64]
    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if not self.offset.size:
            object.__setattr__(self, "offset", np.zeros(self.channels))

    @property
    def shared_scale(self) -> bool:
        """Whether one multiplier serves the layer and channels differ by powers of two alone."""
        return self.scheme == "wes" or bool(self.channel_shift.any())

    @property
    def channels(self) -> int:
        """Output channels."""
        return len(self.points)

    @property
    def forms(self) -> int:
        """Scales that a point takes."""
        return len(self.scales) // int(self.points.max(initial=1))

    def planes(self) -> NDArray[np.int64]:
        """Return the integers int64 [J OC K] that the accumulators of each term sum over."""
        return planes_of_points(planes_of_codes(self, self.codes), self.points)

    def real(self) -> NDArray[np.float64]:
        """Return the weights [OC K] that the codes stand for."""
        planes = self.planes()
        total = np.zeros(planes.shape[1:])
        for scale, plane in zip(self.scales, planes, strict=True):
            total = total + scale[:, None] * plane
        return total + self.offset[:, None]


def planes_of_codes(coded: CodedWeights, codes: NDArray) -> NDArray[np.int64]:
    """Return the integer planes int64 [F ...] of any codes of the layer's format."""
    code, levels = code_of(coded.scheme), tuple(coded.magnitudes.tolist())
    return code.decode(codes, coded.bits, levels, coded.forms).astype(np.int64)


def check_weights(
    weights: NDArray, bits: int, least_bits: int, most_bits: int, scheme: str
) -> None:
    """Raise unless `weights` are finite [OC K] and the scheme has `bits` bits."""
    if weights.ndim != 2:
        raise ShapeError(f"{scheme}: expected weights [OC K], found {list(weights.shape)}")
    if not least_bits <= bits <= most_bits:
        raise RangeError(f"{scheme}: expected {least_bits} to {most_bits} bits, found {bits}")
    if not np.isfinite(weights).all():
        where = np.argwhere(~np.isfinite(weights))[0]
        raise RangeError(
            f"{scheme}: expected finite weights, "
            f"found {weights[tuple(where)]} in channel {where[0]}"
        )


def live_channels(weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which channels [OC] of weights [OC K] are more than DEAD_RANGE of the layer's range.

    Training leaves channels of 1e-16 behind; they are coded like any other, but no budget is spent
    on them and no mean counts them.
    """
    ranges = np.abs(weights).max(axis=1, initial=0.0)
    return ranges > DEAD_RANGE * ranges.max(initial=0.0)


def sqnr_db(reference: NDArray, approximation: NDArray) -> float:
    """Return 10 log10 of signal over error power; inf where equal, nan where there is no signal."""
    signal = float((np.asarray(reference, np.float64) ** 2).sum())
    error = float(((np.asarray(reference, np.float64) - approximation) ** 2).sum())
    if signal == 0:
        return float("nan")
    return float("inf") if error == 0 else float(10 * np.log10(signal / error))
