"""mul: a * b with their own scales, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Clamp, fused
from npusim.graph.network import Network, Node
from npusim.kernels import elementwise as loops
from npusim.kernels import floating_point
from npusim.operators.add import Add
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_scales import reads_binary
from npusim.operators.forms.own import (
    ACTIVATION,
    RULE,
    Attributes,
    OwnForm,
    clamped_scale,
    epilogue,
    zero_points,
)
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.binary import Binary, of_any_number, plain_integers
from npusim.operators.kinds.elements import elements_step, integers, one_channel
from npusim.operators.kinds.float32 import by_runtime, clamped, elementwise
from npusim.operators.kinds.pairs import Integers, Pairs, pairs_step
from npusim.operators.kinds.wide import by_width
from npusim.operators.page import Page, PerRuntime, Step, no_macs
from npusim.runtimes import onnxruntime, xnnpack
from npusim.runtimes.fixed_point import multiplied
from npusim.runtimes.litert_opt import INTEGER_LANES, LANES, VectorAndRest
from npusim.runtimes.requantization import (
    Requantization,
    activation_bounds,
    affine,
    one_term,
    quantize_multiplier,
)

WRAPS = 2.0**30
"""Ratios from here on shift the product out of 32 bits; files have them where all values are 0."""
BEYOND = 2.0**31
"""Ratios from here on ask for shifts of more than 31 bits."""


@dataclass(frozen=True)
class Mul(Binary):
    """a * b with their own scales, shapes broadcast."""

    activation: Clamp | None = None


def real(operator: Mul, a: NDArray, b: NDArray) -> NDArray:
    """Return a * b within the fused activation."""
    return fused(operator.activation, a * b)


def single(operator: Mul, a: NDArray, b: NDArray) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it."""
    return clamped(a * b, operator.activation)


def fixed_point(network: Network, node: Node, mode: str = "tflite") -> Requantization:
    """Return TFLite's constants (mul.cc, Prepare): A = (x_1 - z_1) * (x_2 - z_2)."""
    assert isinstance(node.operator, Mul)
    y = network.output_of(node)
    so, zo = affine(node, y)
    low, high = activation_bounds(node.operator.activation, so, zo, y.dtype)
    return one_term(node, _ratio(network, node), 0, mode, zo, low, high)


def _ratio(network: Network, node: Node) -> float:
    s1, s2 = (affine(node, x)[0] for x in network.inputs_of(node))
    return float(s1 * s2 / affine(node, network.output_of(node))[0])


def reference(network: Network, node: Node) -> Requantization | Pairs:
    """Return LiteRT's reference; a shift to the left beyond 31 bits is one of its low 5 bits."""
    ratio = _ratio(network, node)
    if ratio < WRAPS:
        return fixed_point(network, node)
    m, e = quantize_multiplier(ratio)
    return _beyond(network, node, m, e & 31)


def optimized(network: Network, node: Node) -> Requantization | Pairs | VectorAndRest[Pairs]:
    """Return the same of LiteRT's optimized kernel, whose vectors such a shift leaves at 0."""
    rest = reference(network, node)
    if isinstance(rest, Requantization) or _ratio(network, node) < BEYOND:
        return rest
    lanes = INTEGER_LANES if network.output_of(node).dtype == np.int8 else LANES
    return VectorAndRest(_beyond(network, node, 0, 0), rest, lanes)


def _beyond(network: Network, node: Node, multiplier: int, exponent: int) -> Pairs:
    """Return the product of two integers where int32 may wrap on the way."""
    assert isinstance(node.operator, Mul)
    z1, z2 = (affine(node, x)[1] for x in network.inputs_of(node))
    y = network.output_of(node)
    so, zo = affine(node, y)
    low, high = activation_bounds(node.operator.activation, so, zo, y.dtype)

    def product(a: Integers, b: Integers) -> Integers:
        return np.clip(multiplied((a - z1) * (b - z2), multiplier, exponent) + zo, low, high)

    return product


def xnnpack_product(network: Network, node: Node) -> Requantization | Pairs | VectorAndRest[Pairs]:
    """Return XNNPACK's: the product times a float32 ratio, ties to even (qs8-vmul, fp32)."""
    if _ratio(network, node) >= WRAPS:  # the delegate leaves it to the built-in kernel
        return optimized(network, node)
    assert isinstance(node.operator, Mul)
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    y = network.output_of(node)
    so, zo = affine(node, y)
    low, high = xnnpack.activation_bounds(node.operator.activation, so, zo, y.dtype)
    ratio = np.float32(s1) * np.float32(s2) / np.float32(so)

    def product(a: Integers, b: Integers) -> NDArray:
        scaled = ((a - z1) * (b - z2)).astype(np.float32) * ratio
        return np.clip(np.rint(scaled) + zo, low, high)

    return product


def of_integers(network: Network, node: Node) -> Pairs:
    """Return the product of 16-bit operands (reference_integer_ops, Mul)."""
    return _beyond(network, node, *quantize_multiplier(_ratio(network, node)))


def step(
    network: Network,
    node: Node,
    c: Requantization | Pairs | VectorAndRest[Pairs] | np.float32,
) -> Step:
    """Return the step that multiplies two 8-bit operands by the constants of any runtime."""
    assert isinstance(node.operator, Mul)
    if callable(c):
        return pairs_step(network, node, c)
    if isinstance(c, VectorAndRest):
        vector, scalar = (pairs_step(network, node, part) for part in (c.vector, c.rest))
        last = prod(network.output_of(node).shape) % c.lanes

        def run(threads: int, a: NDArray, b: NDArray) -> NDArray:
            y: NDArray = vector(threads, a, b)
            if last:
                y.ravel()[-last:] = scalar(threads, a, b).ravel()[-last:]
            return y

        return run
    zero_points = [affine(node, x)[1] for x in network.inputs_of(node)]
    if isinstance(c, Requantization):
        values = integers(*zero_points, *one_channel(c))
        return elements_step(network, node, loops.multiply, values)
    y = network.output_of(node)
    rest = (c, affine(node, y)[1], *onnxruntime.bounds(node, node.operator.activation, y))
    return elements_step(network, node, floating_point.multiply_rounded, *zero_points, *rest)


def implied(network: Network, node: Node) -> Attributes:
    """Return the constants of npusim's own form."""
    constants = clamped_scale(network, node) | epilogue(fixed_point(network, node, RULE))
    return constants | zero_points(network, node, "ab")


def _read_mean(b: Builder, node: OnnxNode) -> None:
    """Read the mean of any number of values: onnxruntime multiplies their sum."""
    total = b.free(f"{node.outputs[0]}:sum")
    of_any_number(Add)(b, replace(node, name=f"{node.name}:sum", outputs=(total,)))
    share = np.float32(1) / np.float32(len(node.inputs))
    factor = b.store(f"{node.name}:share", np.asarray(share))
    b.emit(node.name, Mul(), (total, factor), node.outputs[0])


PAGE = Page(
    operator=Mul,
    tflite=(TfliteForm("MUL", 2, lambda layer: Mul(layer.activation())),),
    onnx=(
        OnnxForm("Mul", reads(lambda node: Mul(), 2)),
        OnnxForm("Mean", _read_mean),
        OnnxForm("QLinearMul", reads_binary(Mul), "com.microsoft"),
    ),
    own=(OwnForm("Mul", (ACTIVATION,), implied, values=2),),
    real=real,
    constants=by_width(
        PerRuntime(
            litert=reference,
            litert_opt=optimized,
            xnnpack=xnnpack_product,
            onnxruntime=onnxruntime.multiply_ratio,
            tosa=fixed_point,
            integer=fixed_point,
        ),
        of_integers,
    ),
    quantized=step,
    float32=by_runtime(elementwise(real), onnxruntime=elementwise(single)),
    plain=plain_integers(np.multiply),
    macs=no_macs,
    unit="vector unit",
)
