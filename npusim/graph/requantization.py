"""How a layer's accumulators become its outputs: the constants, under a named rounding rule.

The rules are `litert`, `ruy`, `tflite`, `fp32` and the plain integer modes; which constants they give
for which operator is TFLite's and onnxruntime's business, see docs/numerics.md. A `Requantization` is
integers only and is what the compiler and the RTL take; a `FloatRequantization` imitates runtimes that
use floating point and exists on the kernels engine alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.graph.tensor import frozen

Rule = Literal["litert", "ruy", "tflite", "fp32", "half_up", "half_even", "half_away", "floor"]
RULES: tuple[Rule, ...] = (
    "litert", "ruy", "tflite", "fp32", "half_up", "half_even", "half_away", "floor",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Requantization:
    """y = clamp(round(T >> shift) + zero_point, low, high), T = bias + sum_j multipliers[j] * A_j.

    multipliers int64 [J OC] (unsigned, at most 31 bits), bias int64 [OC] in units of T, shift int64
    [OC] with any channel shift included; `rounding` is a mode of npusim/datapath/requantize.py.
    """

    multipliers: NDArray[np.int64]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    rounding: str
    zero_point: int
    low: int
    high: int

    def __post_init__(self) -> None:
        for name in ("multipliers", "bias", "shift"):
            object.__setattr__(self, name, frozen(np.asarray(getattr(self, name), np.int64)))


@dataclass(frozen=True, eq=False)
class FloatRequantization:
    """A runtime's floating-point epilogue: one accumulator, `bias` int64 [OC] added to it first.

    kind `fp32`: clamp(rint(float32(acc) * float32 scale[c]) + zero_point), ties to even.
    kind `double_away`: clamp(round_half_away(float64(acc) * float64 scale[c]) + zero_point).
    """

    kind: Literal["fp32", "double_away"]
    scale: NDArray
    bias: NDArray[np.int64]
    zero_point: int
    low: int
    high: int

    def __post_init__(self) -> None:
        dtype = np.float32 if self.kind == "fp32" else np.float64
        object.__setattr__(self, "scale", frozen(np.asarray(self.scale, dtype)))
        object.__setattr__(self, "bias", frozen(np.asarray(self.bias, np.int64)))


def quantize_multiplier(multiplier: float) -> tuple[int, int]:
    """Return (M, e) with multiplier = M * 2^(e - 31), M in [2^30, 2^31), as TFLite computes it.

    M is rounded half away from zero; a multiplier below 2^-32 becomes (0, 0), a dead channel.
    Source: TFLite, quantization_util.cc, QuantizeMultiplier.
    """
    if multiplier == 0:
        return 0, 0
    fraction, exponent = np.frexp(np.float64(multiplier))
    m = int(np.floor(fraction * (1 << 31) + 0.5))
    e = int(exponent)
    if m == 1 << 31:
        m, e = m // 2, e + 1
    return (0, 0) if e < -31 else (m, e)
