"""block_steps: products of an input of 8 bits are onnxruntime's, at accuracy level 4."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from tests.processor import HAS_AVX512

from .onnx_cases import Case, equals_onnxruntime

by_integers = pytest.mark.skipif(
    not HAS_AVX512,
    reason="a processor without AVX-512, on which onnxruntime may multiply such codes as floats",
)


def _random(rng: np.random.Generator) -> Case:
    bits, block = int(rng.choice([4, 8])), int(rng.choice([16, 32, 64, 128]))
    inner, outer = int(rng.integers(1, 300)), int(rng.integers(1, 12))
    blocks = -(-inner // block)
    held: dict[str, NDArray] = {
        "w": rng.integers(0, 256, (outer, blocks, block * bits // 8)).astype(np.uint8),
        "s": rng.uniform(0.001, 0.01, outer * blocks).astype(np.float32),
    }
    node = helper.make_node(
        "MatMulNBits", ["x", *held], ["y"], domain="com.microsoft", K=inner, N=outer, bits=bits,
        block_size=block, accuracy_level=4,
    )  # fmt: skip
    x = rng.normal(size=(int(rng.integers(1, 5)), inner)).astype(np.float32)
    x[:, : block // 2] *= rng.integers(0, 2)
    return [node], {"x": x}, held, {"y": np.float32}


test_products_are_close_to_onnxruntime = by_integers(equals_onnxruntime(_random, last_places=32))
