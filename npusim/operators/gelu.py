"""gelu: x times the share of a normal distribution below x, or its approximation by tanh.

On integers a table made in float32, under every set of kernels. That of int16 shows the last bits
of erfc and tanh: here they are rounded correctly, as the C library does it from glibc 2.41 on;
under an older one LiteRT has another value in about one entry of 10,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, erfc

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.kernels import mlas
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.own import integer
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.functions import function_page
from npusim.operators.kinds.table import int16_table
from npusim.operators.kinds.unary import Unary
from npusim.runtimes.elementary import tanh

ROOT_OF_HALF = np.sqrt(0.5)
TWO_OVER_ROOT_OF_PI = 2 / np.sqrt(np.pi)
CUBIC = 0.044715

_erf = np.vectorize(erf, otypes=[np.float64])
_erfc = np.vectorize(erfc, otypes=[np.float64])


@dataclass(frozen=True)
class Gelu(Unary):
    """x * (1 + erf(x / sqrt 2)) / 2; `approximate`: by tanh(sqrt(2 / pi) (x + 0.044715 x^3))."""

    approximate: bool = False


def single(operator: Gelu, x: NDArray) -> NDArray:
    """Return the function, in x's type."""
    wide = x.astype(np.float64)
    if operator.approximate:
        inner = TWO_OVER_ROOT_OF_PI * ROOT_OF_HALF * (wide + CUBIC * wide * wide * wide)
        return (0.5 * wide * (1 + tanh(inner))).astype(x.dtype)
    return (0.5 * wide * (1 + _erf(wide * ROOT_OF_HALF))).astype(x.dtype)


def single_litert(operator: Gelu, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as LiteRT has it (reference/gelu.h), every step rounded."""
    half, one, root = np.float32(0.5), np.float32(1), np.float32(ROOT_OF_HALF)
    if not operator.approximate:
        return half * x * _erfc((x * -root).astype(np.float64)).astype(np.float32)
    factor = np.float32(TWO_OVER_ROOT_OF_PI * ROOT_OF_HALF)
    inner = factor * (x + np.float32(CUBIC) * x * x * x)
    return half * x * (one + tanh(inner.astype(np.float64)).astype(np.float32))


def single_onnxruntime(operator: Gelu, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it, every step rounded."""
    half, one = np.float32(0.5), np.float32(1)
    if not operator.approximate:
        return half * x * (mlas.erf(x * np.float32(ROOT_OF_HALF)) + one)
    factor, cubic = np.float32(TWO_OVER_ROOT_OF_PI * ROOT_OF_HALF), np.float32(CUBIC)
    return half * x * (one + mlas.tanh(x * (factor + factor * cubic * x * x)))


def _read(node: OnnxNode) -> Gelu:
    return Gelu(node.attributes.get("approximate", "none") == "tanh")


PAGE = function_page(
    Gelu,
    (TfliteForm("GELU", 1, lambda layer: Gelu(bool(layer.option("Approximate")))),),
    single,
    single_onnxruntime=single_onnxruntime,
    onnx=(
        OnnxForm("Gelu", reads(_read)),
        OnnxForm("Gelu", reads(_read), "com.microsoft"),
    ),
    wide=int16_table(single_litert),
    fields=(integer("approximate", kind=bool),),
)
