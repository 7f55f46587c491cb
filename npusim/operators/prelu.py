"""prelu: x where it is not negative, slope * x elsewhere, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.binary import Binary
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.pairs import Integers, Pairs, pairs_step
from npusim.operators.page import NO_OWN_FORM, Absent, Page, no_macs
from npusim.runtimes.fixed_point import multiplied
from npusim.runtimes.requantization import affine, quantize_multiplier


@dataclass(frozen=True)
class PRelu(Binary):
    """x where x > 0, else slope * x; the second input is the slope."""


def single(operator: PRelu, x: NDArray, slope: NDArray) -> NDArray:
    """Return x, or slope * x where it is not above 0."""
    return np.where(x > 0, x, slope * x)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    b.emit(node.name, PRelu(), (b.value(node, 0), b.value(node, 1)), node.outputs[0])


def fixed_point(network: Network, node: Node, mode: str = "") -> Pairs:
    """Return TFLite's function (activations.cc, EvalPrelu): two requantizations."""
    slope = network.inputs_of(node)[1]
    if slope.dtype.itemsize > 1:  # LiteRT would read the bytes of an int16 one after the other
        raise UnsupportedError(
            f"{node.name}: expected slopes of 8 bits in {slope.name}, found {slope.dtype}"
        )
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    y = network.output_of(node)
    so, zo = affine(node, y)
    above = quantize_multiplier(float(s1 / so))
    below = quantize_multiplier(float(s1 * s2 / so))
    limits = np.iinfo(y.dtype)

    def of_pair(x: Integers, slope: Integers) -> Integers:
        x, slope = np.broadcast_arrays(x - z1, slope - z2)
        scaled = np.where(x >= 0, multiplied(x, *above), multiplied(x * slope, *below))
        return np.clip(scaled + zo, limits.min, limits.max)

    return of_pair


PAGE = Page(
    operator=PRelu,
    tflite=(TfliteForm("PRELU", 2, lambda layer: PRelu()),),
    onnx=(OnnxForm("PRelu", _read_onnx),),
    own=NO_OWN_FORM,
    real=single,
    constants=alike(fixed_point),
    quantized=pairs_step,
    float32=elementwise(single),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="vector unit",
)
