"""pow: a to the power of b, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError
from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.binary import Binary
from npusim.operators.kinds.host import float_page
from npusim.operators.page import Step
from npusim.words import Rule


@dataclass(frozen=True)
class Pow(Binary):
    """a to the power of b, shapes broadcast."""


def single(operator: Pow, a: NDArray, b: NDArray) -> NDArray:
    """Return a ** b; squares and cubes are products, as onnxruntime computes them."""
    if b.size == 1 and b.ravel()[0] in (2, 3):
        return a * a if b.ravel()[0] == 2 else a * a * a
    return np.power(a.astype(np.float64), b.astype(np.float64)).astype(a.dtype)


def plain(network: Network, node: Node) -> Step:
    """Return the step on int32: results wrap, an exponent below 0 raises RangeError."""

    def power(threads: int, a: NDArray, b: NDArray) -> NDArray:
        if (b < 0).any():
            raise RangeError(f"{node.name}: an exponent below 0")
        return np.power(a, b).astype(a.dtype, copy=False)

    return power


def to_base(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step where a or b is of floats: in float64, then in a's type."""
    operator: Any = node.operator
    dtype = network.inputs_of(node)[0].dtype

    def power(threads: int, a: NDArray, b: NDArray) -> NDArray:
        with np.errstate(all="ignore"):
            if dtype.kind == "f" and b.dtype.kind == "f":
                return np.asarray(single(operator, a, b), dtype)
            return np.power(a.astype(np.float64), b.astype(np.float64)).astype(dtype)

    return power


PAGE = replace(
    float_page(Pow, (OnnxForm("Pow", reads(lambda node: Pow(), inputs=2)),), single),
    tflite=(TfliteForm("POW", 2, lambda layer: Pow()),),
    float32=to_base,
    plain=plain,
)
