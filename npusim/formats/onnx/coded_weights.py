"""Operators of com.microsoft whose weights are codes, several to a byte: their weights made real.

Sources: onnxruntime 1.31, docs/ContribOperators.md; contrib_ops/cpu/quantization
(matmul_nbits.cc, gather_block_quantized.cc, blockwise_quant_block_bnb4.h).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.written import Parts

IN_STEPS = 4
"""The accuracy level at which the runtime brings a product's input to 8 bits."""
FP4 = np.array([
    0.0, 5.208333333e-03, 0.66666667, 1.0, 0.33333333, 0.5, 0.16666667, 0.25,
    -0.0, -5.208333333e-03, -0.66666667, -1.0, -0.33333333, -0.5, -0.16666667, -0.25,
], np.float32)  # fmt: skip
NF4 = np.array([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
], np.float32)  # fmt: skip
"""What the codes of bitsandbytes are worth."""


def codes_of(packed: NDArray, bits: int, count: int) -> NDArray[np.int64]:
    """Return `count` codes of each row, from the low bits of the first byte on."""
    each = np.unpackbits(packed.reshape(packed.shape[0], -1), axis=1, bitorder="little")
    each = each[:, : each.shape[1] // bits * bits].reshape(packed.shape[0], -1, bits)
    return (each[:, :count].astype(np.int64) << np.arange(bits)).sum(2)


def _product_of_codes(p: Parts) -> None:
    node = p.node
    inner, outer, bits, block = (
        node.integer(name, default)
        for name, default in (("K", 0), ("N", 0), ("bits", 4), ("block_size", 32))
    )
    if node.input(4):
        raise p.refused("an order of groups, g_idx,")
    blocks = -(-inner // block)
    codes = codes_of(p.constant(1, "weights").reshape(outer, -1), bits, blocks * block)
    scales = p.constant(2, "scale").astype(np.float32).reshape(outer, blocks, 1)
    zeros: NDArray = np.full((outer, blocks), 1 << bits - 1)
    if node.input(3):
        held = p.constant(3, "zero point").reshape(outer, -1)
        zeros = codes_of(held, bits, blocks) if held.dtype == np.uint8 else held
    steps = codes.reshape(outer, blocks, block) - zeros[..., None]
    weights = (steps.astype(np.float32) * scales).reshape(outer, -1)[:, :inner]
    end = "" if node.input(5) else p.output
    x = node.inputs[0]
    if node.integer("accuracy_level", 0) == IN_STEPS:
        x = p.put("BlockSteps", x, domain="npusim.fused", block=block)
    y = p.put("MatMul", x, np.ascontiguousarray(weights.T), output=end)
    if node.input(5):
        p.put("Add", y, node.input(5), output=p.output)


def _product_of_bnb4(p: Parts) -> None:
    node = p.node
    inner, outer, block, kind = (
        node.integer(name, 0) for name in ("K", "N", "block_size", "quant_type")
    )
    packed = p.constant(1, "weights").ravel()
    codes = np.stack([packed >> 4, packed & 15], 1).ravel()[: inner * outer]
    scales = np.repeat(p.constant(2, "scale").ravel().astype(np.float32), block)[: len(codes)]
    weights = ((NF4 if kind else FP4)[codes] * scales).reshape(outer, inner)
    p.put("MatMul", node.inputs[0], np.ascontiguousarray(weights.T), output=p.output)


def _rows_of_codes(p: Parts) -> None:
    """Write out GatherBlockQuantized: the whole table real, then its rows."""
    node = p.node
    data, scales = p.constant(0, "table"), p.constant(2, "scale").astype(np.float32)
    bits, block = node.integer("bits", 4), node.integer("block_size", 128)
    along, axis = (node.integer(name, default) for name, default in (
        ("quantize_axis", 1), ("gather_axis", 0)))  # fmt: skip
    along %= data.ndim
    in_bytes = data.dtype == np.uint8 and node.inputs[0] not in p.graph.four_bits
    is_packed = in_bytes and bits < 8

    def unpacked(held: NDArray, count: int) -> NDArray:
        if not is_packed:
            return held.astype(np.int64)
        rows = codes_of(held.reshape(-1, held.shape[-1]), bits, count)
        return rows.reshape(*held.shape[:-1], count)

    codes = unpacked(data, data.shape[-1] * (8 // bits if is_packed else 1))
    zeros: NDArray = np.asarray(1 << bits - 1 if in_bytes else 0)
    if node.input(3):
        zeros = unpacked(p.constant(3, "zero point"), scales.shape[-1])

    def spread(values: NDArray) -> NDArray:
        if not values.ndim:
            return values
        return np.repeat(values, block, along).take(range(codes.shape[along]), along)

    table = (codes - spread(zeros)).astype(np.float32) * spread(scales)
    p.put("Gather", table, node.inputs[1], output=p.output, axis=axis)


def with_real_tables(p: Parts) -> OnnxNode:
    """Return QEmbedLayerNormalization as the node on floats, its five tables made real."""
    inputs = [*p.node.inputs, *[""] * (18 - len(p.node.inputs))]
    for table, name in enumerate(inputs[2:7]):
        if name:
            codes = p.constant(2 + table, "table").astype(np.int64)
            scale = p.constant(8 + table, "scale").astype(np.float32)
            zero = p.constant(13 + table, "zero point").astype(np.int64)
            inputs[2 + table] = p.named((codes - zero).astype(np.float32) * scale)
    return replace(p.node, inputs=tuple(inputs[:8]))


WRITERS: dict[str, Callable[[Parts], None]] = {
    "GatherBlockQuantized": _rows_of_codes,
    "MatMulBnb4": _product_of_bnb4,
    "MatMulNBits": _product_of_codes,
}
