"""hard_swish: x * min(max(x + 3, 0), 6) / 6."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.requantize import HALF_AWAY, HALF_UP, clamp, round_shift
from npusim.errors import RangeError
from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.scale import values_of
from npusim.operators.kinds.table import Table, float32_table, table_step
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Absent, Page, PerRuntime, no_macs
from npusim.runtimes.requantization import affine, quantize_multiplier


@dataclass(frozen=True)
class HardSwish(Unary):
    """x * min(max(x + 3, 0), 6) / 6."""


def real(operator: HardSwish, x: NDArray) -> NDArray:
    """Return x * relu6(x + 3) / 6."""
    return x * np.clip(x + 3, 0, 6) / 6


def single(operator: HardSwish, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same in float32, as TFLite's tables have it."""
    return x * np.clip(x + np.float32(3), 0, 6) / np.float32(6)


def single_onnxruntime(operator: HardSwish, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return x times its hard sigmoid: a product of two operators, as ONNX defines it."""
    one = np.float32(1)
    return x * np.maximum(np.minimum(np.float32(1 / 6) * x + np.float32(0.5), one), np.float32(0))


HARD_SWISH_INPUT_SHIFT_BITS = 7


@dataclass(frozen=True)
class HardSwishConstants:
    """TFLite's hard swish in 16 bits: x * relu6(x + 3) / 6.

    Multipliers are Q0.15; exponents are those of their ratios: of the input scaled by 2^7 to the
    output, and to relu6's own scale of 3 / 32768.
    """

    output_multiplier: int
    output_exponent: int
    relu_multiplier: int
    relu_exponent: int
    input_zero_point: int
    zero_point: int


def hard_swish(network: Network, node: Node) -> HardSwishConstants:
    """Return the constants of TFLite's hard swish.

    Raises
    ------
    RangeError
        The output's scale is so small that TFLite's 16 bits do not hold the product.
    """
    (sx, zx), (so, zo) = (
        affine(node, network.inputs_of(node)[0]),
        affine(node, network.output_of(node)),
    )
    fine = np.float32(1 / 128) * sx
    output_multiplier, output_exponent = quantize_multiplier(float(fine / so))
    relu_multiplier, relu_exponent = quantize_multiplier(float(fine / np.float32(3 / 32768)))
    if output_exponent > 0 or relu_exponent > 15:
        raise RangeError(f"{node.name}: input scale {sx}, output scale {so} do not fit 16 bits")
    return HardSwishConstants(
        _upper_half(output_multiplier),
        output_exponent,
        _upper_half(relu_multiplier),
        relu_exponent,
        zx,
        zo,
    )


def _upper_half(multiplier: int) -> int:
    """Return a Q0.31 multiplier as Q0.15, rounded, saturating."""
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1)


def fixed_point(network: Network, node: Node) -> Table:
    """Return TFLite's table (hard_swish.h, HardSwish; activations.cc, HardSwishPrepare)."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    c = hard_swish(network, node)
    limits = np.iinfo(y.dtype)
    outputs = (_hard_swish(c, value) for value in values_of(x))
    return np.array([clamp(v, int(limits.min), int(limits.max)) for v in outputs], y.dtype)


def _int16(value: int) -> int:
    return clamp(value, -(1 << 15), (1 << 15) - 1)


def _multiply_high(a: int, b: int) -> int:
    """Return a * b * 2^-15 rounded half up, within int16."""
    return _int16(round_shift(HALF_UP, a * b, 15))


def _hard_swish(c: HardSwishConstants, value: int) -> int:
    """Return TFLite's hard swish of one value, before the clamp."""
    x = (value - c.input_zero_point) << HARD_SWISH_INPUT_SHIFT_BITS
    scaled = _multiply_high(x, c.output_multiplier)
    relu = x
    if c.relu_exponent > 0:
        relu = _int16(relu << (c.relu_exponent - 1))
    relu = _multiply_high(relu, c.relu_multiplier)
    if c.relu_exponent > 0:
        relu = _int16(relu << 1)
    relu = round_shift(HALF_AWAY, relu, max(-c.relu_exponent, 0))
    relu = (relu + (1 << 15)) >> 1
    product = relu * scaled
    truncated = product >> 15 if product >= 0 else -(-product >> 15)
    return round_shift(HALF_AWAY, _int16(truncated), -c.output_exponent) + c.zero_point


CONSTANTS = PerRuntime(
    litert=fixed_point,
    litert_opt=fixed_point,
    xnnpack=fixed_point,
    onnxruntime=Absent("is not supported under onnxruntime's rule"),
    tosa=fixed_point,
    integer=float32_table(single),
)

PAGE = Page(
    operator=HardSwish,
    tflite=(TfliteForm("HARD_SWISH", 1, lambda layer: HardSwish()),),
    onnx=(OnnxForm("HardSwish", reads(lambda node: HardSwish())),),
    own=(table_form("hard_swish", CONSTANTS),),
    real=real,
    constants=CONSTANTS,
    quantized=table_step,
    float32=by_runtime(elementwise(single), onnxruntime=elementwise(single_onnxruntime)),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="vector unit",
)
