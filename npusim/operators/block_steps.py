"""block_steps: x rounded to 127 steps of the greatest magnitude of each block of its last axis.

    scale = max |x| / 127,   y = round_half_even(x * (127 / max |x|)) * scale

onnxruntime does so to the input of MatMulNBits at accuracy level 4, whose integers it multiplies.
Source: onnxruntime 1.31, core/mlas/lib/sqnbitgemm_kernel_avx512.cpp (QuantizeARow_CompInt8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.unary import Unary

STEPS = 127


@dataclass(frozen=True)
class BlockSteps(Unary):
    """x in steps, `block` values of a scale; the last block of a row may be shorter."""

    block: int

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return len(inputs[0].shape) > 1


def single(operator: BlockSteps, x: NDArray) -> NDArray:
    """Return the rounded values in x's type."""
    starts = range(0, x.shape[-1], operator.block)
    greatest = np.maximum.reduceat(np.abs(x), [*starts], axis=-1)
    lengths = np.diff([*starts, x.shape[-1]])
    most = np.repeat(greatest, lengths, axis=-1)
    steps = x.dtype.type(STEPS)
    inverse = np.divide(steps, most, out=np.zeros_like(most), where=most != 0)
    return np.asarray(np.rint(x * inverse) * (most / steps), x.dtype)


def _of_onnx(node: OnnxNode) -> BlockSteps:
    return BlockSteps(node.integer("block", 1))


PAGE = float_page(BlockSteps, (OnnxForm("BlockSteps", reads(_of_onnx), "npusim.fused"),), single)
