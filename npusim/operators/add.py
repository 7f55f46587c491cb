"""add: a + b with their own scales, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.attributes import Clamp, fused
from npusim.graph.network import Network, Node
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
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.sums import (
    one_epilogue,
    onnxruntime_sum,
    sum_step,
    three_steps,
    xnnpack_sum,
)
from npusim.operators.page import Page, PerRuntime, no_macs


@dataclass(frozen=True)
class Add(Binary):
    """a + b with their own scales, shapes broadcast."""

    activation: Clamp | None = None


def real(operator: Add, a: NDArray, b: NDArray) -> NDArray:
    """Return a + b within the fused activation."""
    return fused(operator.activation, a + b)


def implied(network: Network, node: Node) -> Attributes:
    """Return the constants of npusim's own form."""
    return clamped_scale(network, node) | epilogue(one_epilogue(network, node, RULE))


PAGE = Page(
    operator=Add,
    tflite=(TfliteForm("ADD", 2, lambda layer: Add(layer.activation())),),
    onnx=(),
    own=(OwnForm("Add", (ACTIVATION,), implied, values=2),),
    real=real,
    constants=PerRuntime(
        litert=three_steps,
        litert_opt=three_steps,
        xnnpack=xnnpack_sum,
        onnxruntime=onnxruntime_sum,
        tosa=three_steps,
        integer=one_epilogue,
    ),
    quantized=sum_step,
    float32=elementwise(real),
    plain=plain_integers(np.add),
    macs=no_macs,
    unit="vector unit",
)
