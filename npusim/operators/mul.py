"""mul: a * b with their own scales, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.attributes import Clamp, fused
from npusim.graph.network import Network, Node
from npusim.kernels import elementwise as loops
from npusim.kernels import floating_point
from npusim.operators.forms.own import (
    ACTIVATION,
    RULE,
    Attributes,
    OwnForm,
    clamped_scale,
    epilogue,
)
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.binary import Binary, plain_integers
from npusim.operators.kinds.elements import elements_step, integers, one_channel
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.page import Page, PerRuntime, Step, no_macs
from npusim.runtimes import onnxruntime
from npusim.runtimes.requantization import Requantization, activation_bounds, affine, one_term


@dataclass(frozen=True)
class Mul(Binary):
    """a * b with their own scales, shapes broadcast."""

    activation: Clamp | None = None


def real(operator: Mul, a: NDArray, b: NDArray) -> NDArray:
    """Return a * b within the fused activation."""
    return fused(operator.activation, a * b)


def fixed_point(network: Network, node: Node, mode: str = "tflite") -> Requantization:
    """Return TFLite's constants (mul.cc, Prepare): A = (x_1 - z_1) * (x_2 - z_2)."""
    assert isinstance(node.operator, Mul)
    y = network.output_of(node)
    s1, s2 = (affine(node, x)[0] for x in network.inputs_of(node))
    so, zo = affine(node, y)
    low, high = activation_bounds(node.operator.activation, so, zo, y.dtype)
    return one_term(node, float(s1 * s2 / so), 0, mode, zo, low, high)


def xnnpack_product(network: Network, node: Node) -> Requantization:
    """Return XNNPACK's: one multiplier, ties to even."""
    return fixed_point(network, node, "half_even")


def step(network: Network, node: Node, c: Requantization | np.float32) -> Step:
    """Return the step that multiplies two 8-bit operands by the constants of any runtime."""
    assert isinstance(node.operator, Mul)
    zero_points = [affine(node, x)[1] for x in network.inputs_of(node)]
    if isinstance(c, Requantization):
        values = integers(*zero_points, *one_channel(c))
        return elements_step(network, node, loops.multiply, values)
    y = network.output_of(node)
    rest = (c, affine(node, y)[1], *onnxruntime.bounds(node, node.operator.activation, y))
    return elements_step(network, node, floating_point.multiply_rounded, *zero_points, *rest)


def implied(network: Network, node: Node) -> Attributes:
    """Return the constants of npusim's own form."""
    zeros: Attributes = {
        f"{name}_zero_point": affine(node, x)[1]
        for name, x in zip("ab", network.inputs_of(node), strict=True)
    }
    return clamped_scale(network, node) | epilogue(fixed_point(network, node, RULE)) | zeros


PAGE = Page(
    operator=Mul,
    tflite=(TfliteForm("MUL", 2, lambda layer: Mul(layer.activation())),),
    onnx=(),
    own=(OwnForm("Mul", (ACTIVATION,), implied, values=2),),
    real=real,
    constants=PerRuntime(
        litert=fixed_point,
        litert_opt=fixed_point,
        xnnpack=xnnpack_product,
        onnxruntime=onnxruntime.multiply_ratio,
        tosa=fixed_point,
        integer=fixed_point,
    ),
    quantized=step,
    float32=elementwise(real),
    plain=plain_integers(np.multiply),
    macs=no_macs,
    unit="host",
)
