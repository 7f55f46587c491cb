"""Operators of a .tflite file whose scales lie so far apart that LiteRT leaves its own definition.

LiteRT multiplies by a ratio of scales as by a mantissa and a shift (common.cc). Where the ratio is
1 or more it shifts left, in 32 bits that wrap; its optimized kernel of MUL shifts by negative
counts then, and HARD_SWISH by more than 16 bits hold. npusim computes what the reference kernel is
defined to, or saturates.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from npusim.formats.tflite.overflow import LIMIT, left_shifts
from npusim.graph.network import Node
from npusim.graph.tensor import Tensor, is_quantized

MOST = 255
"""The farthest that 8 bits lie from a zero point."""
FROM = {"Mul": 2.0, "Add": 2.0**19, "Sub": 2.0**19}
"""The ratio from which on a kernel leaves the definition, whatever the operands.

ADD and SUB shift operands left by 20 bits: from here on sums wrap, or LiteRT ends the process.
"""
BELOW = {"HardSwish": 2.0**-9}
"""The ratio below which one does."""


def notes(nodes: Sequence[Node], tensors: dict[str, Tensor]) -> tuple[str, ...]:
    """Return a line for each operator on 8-bit integers that LiteRT can compute otherwise."""
    found = []
    for node in nodes:
        inputs, output = [tensors[name] for name in node.inputs], tensors[node.outputs[0]]
        if not all(x.dtype.itemsize == 1 and is_quantized(x) for x in (*inputs[:2], output)):
            continue
        ratio, reach = _ratio_and_reach(node.kind, inputs, output)
        is_far = ratio >= FROM.get(node.kind, np.inf) or 0 < ratio < BELOW.get(node.kind, 0.0)
        if is_far or _shifted(reach, ratio) >= LIMIT:
            found.append(
                f"{node.name}: its scales have the ratio {ratio:.3g}, where kernels of LiteRT "
                "leave what they are defined to compute (docs/numerics.md)"
            )
    return tuple(found)


def _shifted(reach: float, ratio: float) -> float:
    (shift,) = left_shifts(np.array([ratio]))
    return reach * 2.0 ** min(int(shift), 64)


def _ratio_and_reach(kind: str, inputs: Sequence[Tensor], output: Tensor) -> tuple[float, float]:
    """Return by what an operator multiplies, and how large what it multiplies can be.

    (0, 0) of operators that multiply by no ratio of scales.
    """
    of, to, x = [_scale(x) for x in inputs[:2]], _scale(output), inputs[0]
    if not all(of) or not to:
        return 0.0, 0.0
    ratio, product = max(of) / to, of[0] * of[-1] / to
    match kind:
        case "Quantize" | "Clip" | "LeakyRelu" | "Concat":
            return ratio, MOST
        case "Add" | "Sub" | "HardSwish":
            return ratio, 0
        case "Mean" | "Sum":
            return ratio, MOST * prod(x.shape) / max(prod(output.shape), 1)
        case "Mul":
            return product, MOST**2
        case "PRelu":
            return max(ratio, product), MOST**2
        case "MatMul":
            return product, MOST**2 * x.shape[-1]
        case "ConvTranspose":
            return product, MOST**2 * prod(inputs[1].shape) / max(output.shape[-1], 1)
    return 0.0, 0.0


def _scale(x: Tensor) -> float:
    """Return the greatest scale; 0 where it is no finite number."""
    assert x.quantization is not None
    most = float(x.quantization.scale.max(initial=0.0))
    return most if np.isfinite(most) else 0.0
