"""add: a + b with their own scales, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.attributes import Clamp, fused
from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.onnx_scales import reads_binary
from npusim.operators.forms.own import (
    ACTIVATION,
    RULE,
    Attributes,
    OwnForm,
    clamped_scale,
    epilogue,
)
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.binary import Binary, of_any_number, plain_integers
from npusim.operators.kinds.float32 import by_runtime, clamped, elementwise
from npusim.operators.kinds.pairs import Pairs
from npusim.operators.kinds.sums import (
    ThreeStepAdd,
    may_shift,
    one_epilogue,
    onnxruntime_sum,
    sum_step,
    three_steps,
    wide_sum,
    xnnpack_sum,
)
from npusim.operators.kinds.vector_sums import optimized_sum, vectors_step
from npusim.operators.kinds.wide import by_width
from npusim.operators.page import Page, PerRuntime, Step, no_macs
from npusim.runtimes.litert_opt import VectorAndRest
from npusim.runtimes.onnxruntime import FusedAdd
from npusim.runtimes.requantization import Requantization

Constants = ThreeStepAdd | Requantization | FusedAdd | Pairs | VectorAndRest[Pairs]


@dataclass(frozen=True)
class Add(Binary):
    """a + b with their own scales, shapes broadcast.

    `shifts_int16`: 16-bit operands whose scales are powers of two are added by shifts alone.
    """

    activation: Clamp | None = None
    shifts_int16: bool = False


def _read(layer: TfliteLayer) -> Add:
    return Add(layer.activation(), may_shift(layer))


def real(operator: Add, a: NDArray, b: NDArray) -> NDArray:
    """Return a + b within the fused activation."""
    return fused(operator.activation, a + b)


def single(operator: Add, a: NDArray, b: NDArray) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it."""
    return clamped(a + b, operator.activation)


def delegated(network: Network, node: Node) -> Constants:
    """Return XNNPACK's constants; those of LiteRT's optimized kernel for what is left to it."""
    return xnnpack_sum(network, node) or optimized_sum(network, node)


def step(network: Network, node: Node, c: Constants) -> Step:
    """Return the step that adds two operands by the constants of any runtime."""
    if isinstance(c, VectorAndRest):
        return vectors_step(network, node, c)
    return sum_step(network, node, c)


def implied(network: Network, node: Node) -> Attributes:
    """Return the constants of npusim's own form."""
    return clamped_scale(network, node) | epilogue(one_epilogue(network, node, RULE))


PAGE = Page(
    operator=Add,
    tflite=(TfliteForm("ADD", 2, _read),),
    onnx=(
        OnnxForm("Add", reads(lambda node: Add(), 2)),
        OnnxForm("Sum", of_any_number(Add)),
        OnnxForm("QLinearAdd", reads_binary(Add), "com.microsoft"),
    ),
    own=(OwnForm("Add", (ACTIVATION,), implied, values=2),),
    real=real,
    constants=by_width(
        PerRuntime(
            litert=three_steps,
            litert_opt=optimized_sum,
            xnnpack=delegated,
            onnxruntime=onnxruntime_sum,
            tosa=three_steps,
            integer=one_epilogue,
        ),
        wide_sum,
    ),
    quantized=step,
    float32=by_runtime(elementwise(real), onnxruntime=elementwise(single)),
    plain=plain_integers(np.add),
    macs=no_macs,
    unit="vector unit",
)
