"""fake_quant: floats moved to the nearest of 2^bits values between two ends.

Source: TFLite, kernels/fake_quant.cc and internal/reference/reference_ops.h (FakeQuant),
internal/quantization_util.h (NudgeQuantizationRange, FakeQuantizeArray).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, UnsupportedError
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.unary import Unary
from npusim.runtimes.float32 import halves_away

BITS_LEAST, BITS_MOST = 2, 16


@dataclass(frozen=True)
class FakeQuant(Unary):
    """`least` and `most` are moved so that 0 is one of the values."""

    least: float
    most: float
    bits: int


def real(operator: FakeQuant, x: NDArray) -> NDArray:
    """Return the nearest values in float32, halves upwards."""
    last = np.float32((1 << operator.bits) - 1)
    least, most = np.float32(operator.least), np.float32(operator.most)
    scale = (most - least) / last
    zero = np.clip(halves_away(np.array(-least / scale)), 0, last).astype(np.float32)
    low, high = -zero * scale, (last - zero) * scale
    steps = np.floor((np.clip(x, low, high) - low) * (np.float32(1) / scale) + np.float32(0.5))
    return np.asarray(steps * scale + low, np.float32)


def _read(layer: TfliteLayer) -> FakeQuant:
    least, most = float(layer.option("Min")), float(layer.option("Max"))
    bits = int(layer.option("NumBits"))
    if layer.option("NarrowRange"):
        raise UnsupportedError(f"{layer.record.name}: the runtime takes no narrow range")
    if not least <= 0 <= most or least == most or not BITS_LEAST <= bits <= BITS_MOST:
        raise RangeError(
            f"{layer.record.name}: expected ends around 0 and {BITS_LEAST} to {BITS_MOST} bits, "
            f"found {least} to {most} and {bits}"
        )
    return FakeQuant(least, most, bits)


PAGE = float_page(FakeQuant, (), real, tflite=(TfliteForm("FAKE_QUANT", 1, _read),))
