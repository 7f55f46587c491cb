"""Weights that are codes in blocks: products and rows of them are onnxruntime's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.operators.onnx_cases import Case, equals_onnxruntime
from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session

MICROSOFT = "com.microsoft"


def _normal(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.normal(size=shape).astype(np.float32)


def _codes(rng: np.random.Generator) -> Case:
    bits, block = int(rng.choice([2, 4, 8])), int(rng.choice([16, 32, 64]))
    inner, outer = int(rng.integers(1, 150)), int(rng.integers(1, 12))
    blocks = -(-inner // block)
    held: dict[str, NDArray] = {
        "w": rng.integers(0, 256, (outer, blocks, block * bits // 8)).astype(np.uint8),
        "s": rng.uniform(0.01, 0.1, outer * blocks).astype(np.float32),
    }
    if rng.random() < 0.5:
        size = outer * -(-blocks * bits // 8)
        held["z"] = rng.integers(0, 256, size).astype(np.uint8)
    node = helper.make_node(
        "MatMulNBits", ["x", *held], ["y"], domain=MICROSOFT,
        K=inner, N=outer, bits=bits, block_size=block,
    )  # fmt: skip
    x = np.rint(9 * _normal(rng, int(rng.integers(1, 5)), inner)) / 4
    held["s"] = np.exp2(np.rint(np.log2(held["s"]))).astype(np.float32)  # every order sums alike
    return [node], {"x": x.astype(np.float32)}, held, {"y": np.float32}


test_products_of_codes = equals_onnxruntime(_codes)


def _bnb4(rng: np.random.Generator) -> Case:
    inner, outer, block = int(rng.integers(1, 70)), int(rng.integers(1, 12)), 16
    held = {
        "w": rng.integers(0, 256, (inner * outer + 1) // 2).astype(np.uint8),
        "s": np.exp2(rng.integers(-4, 1, -(-inner * outer // block))).astype("f"),
    }
    node = helper.make_node(
        "MatMulBnb4", ["x", *held], ["y"], domain=MICROSOFT, K=inner, N=outer, block_size=block,
        quant_type=int(rng.integers(2)),
    )  # fmt: skip
    return [node], {"x": _normal(rng, int(rng.integers(1, 4)), inner)}, held, {"y": np.float32}


test_products_of_four_bits = equals_onnxruntime(_bnb4, last_places=8)


def _rows(rng: np.random.Generator) -> Case:
    bits, block = int(rng.choice([4, 8])), 16
    rows, blocks = int(rng.integers(1, 9)), int(rng.integers(1, 4))
    held: dict[str, Any] = {
        "w": rng.integers(0, 256, (rows, blocks * block * bits // 8)).astype(np.uint8),
        "s": rng.uniform(0.01, 0.1, (rows, blocks)).astype("f"),
    }
    if rng.random() < 0.5:
        held["z"] = rng.integers(0, 256, (rows, -(-blocks * bits // 8))).astype(np.uint8)
    names = ["w", "i", "s", *(["z"] if "z" in held else [])]
    node = helper.make_node(
        "GatherBlockQuantized", names, ["y"], domain=MICROSOFT, bits=bits, block_size=block,
        quantize_axis=1, gather_axis=0,
    )  # fmt: skip
    return [node], {"i": rng.integers(0, rows, (2, 3))}, held, {"y": np.float32}


test_rows_of_codes = equals_onnxruntime(_rows)


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4])
@pytest.mark.parametrize("zeros", [True, False])
def test_rows_of_a_table_of_four_bits(kind: int, zeros: bool) -> None:
    rng = np.random.default_rng(0)
    low = -8 if kind == TensorProto.INT4 else 0
    indices, scales = rng.integers(0, 4, (2, 3)), rng.uniform(0.01, 0.1, (4, 2)).astype("f")
    names = ["w", "i", "s", *(["z"] if zeros else [])]
    node = helper.make_node("GatherBlockQuantized", names, ["y"], domain=MICROSOFT, block_size=16)
    proto = model([node], {"i": indices}, {"s": scales}, {"y": np.float32}, 21)
    proto.ir_version = 10
    for name, shape in (("w", (4, 32)), ("z", (4, 2))):
        codes = rng.integers(low, low + 16, shape).ravel()
        proto.graph.initializer.append(helper.make_tensor(name, kind, shape, codes))
    (expected,) = session(proto, ALL).run(None, {"i": indices})
    np.testing.assert_array_equal(npusim_run(loaded(proto), {"i": indices})["y"], expected)


def _embedding(rng: np.random.Generator) -> Case:
    size, rows = int(rng.integers(2, 40)), 9
    held: dict[str, Any] = {
        name: rng.integers(0, 256, (rows, size) if i < 3 else size).astype(np.uint8)
        for i, name in enumerate(("words", "positions", "kinds", "gamma", "beta"))
    }
    tables = [*held]
    held |= {f"{name}_scale": np.float32(rng.uniform(0.01, 0.1)) for name in tables}
    held |= {f"{name}_zero": np.uint8(rng.integers(256)) for name in tables}
    names = ["ids", "segments", *tables, "", *list(held)[5:]]
    given = {
        "ids": rng.integers(0, rows, (2, 5)).astype(np.int32),
        "segments": rng.integers(0, rows, (2, 5)).astype(np.int32),
    }
    node = helper.make_node("QEmbedLayerNormalization", names, ["y", "lengths"], domain=MICROSOFT)
    return [node], given, held, {"y": np.float32}


test_embeddings_of_codes = equals_onnxruntime(_embedding, last_places=4)
