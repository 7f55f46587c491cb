"""One float operator between DequantizeLinear and QuantizeLinear against onnxruntime, by bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from tests.simulator.onnxruntime_reference import ALL, assert_same_bytes, model

from .drawn import Drawn

CASES = 100
"""For each of two types: 200 an operator."""

Made = tuple[Any, dict[str, NDArray], tuple[int, ...]]
"""A node that reads `r` and writes `s`, its float constants, and the shape of `r`."""


Make = Callable[[np.random.Generator], Made]
TYPES = (np.int8, np.uint8)
OPSET = 23


Graph = tuple[list[Any], dict[str, NDArray], dict[str, NDArray], dict[str, type]]
"""Nodes, the graph's inputs, its constants, and its outputs' types."""


def graph(make: Make, dtype: type, seed: int) -> Graph:
    """Return the graph x - DQ - node - Q - y that `seed` draws."""
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    node, constants, shape = make(rng)
    x = rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
    scales = 2.0 ** rng.uniform(-8, -3, 2)
    if rng.random() < 0.3:
        scales = 2.0 ** np.rint(np.log2(scales))  # ties
    zeros = rng.choice([limits.min, 0, 7, limits.max], 2)
    held = {
        "sx": np.float32(scales[0]), "zx": dtype(zeros[0]),
        "sy": np.float32(scales[1]), "zy": dtype(zeros[1]),
    }  # fmt: skip
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["r"]),
        node,
        helper.make_node("QuantizeLinear", ["s", "sy", "zy"], ["y"]),
    ]
    arrays = {key: np.asarray(value) for key, value in (constants | held).items()}
    return nodes, {"x": x}, arrays, {"y": dtype}


def compare(make: Make, dtype: type, seed: int) -> None:
    """Assert that the graph that `seed` draws has onnxruntime's bytes."""
    assert_same_bytes(*graph(make, dtype, seed), ALL, OPSET)


def equals_onnxruntime(make: Make) -> Callable[..., None]:
    """Return the test that random graphs x - DQ - node - Q - y have onnxruntime's bytes."""

    @pytest.mark.parametrize("dtype", TYPES)
    def test(dtype: type) -> None:
        for seed in range(CASES):
            compare(make, dtype, seed)

    def content(seed: int) -> bytes:
        return model(*graph(make, TYPES[seed % 2], seed), OPSET).SerializeToString()

    def compare_types(seed: int) -> None:
        for dtype in TYPES:
            compare(make, dtype, seed)

    test.drawn = Drawn(".onnx", content, compare_types)  # type: ignore[attr-defined]
    return test


def any_shape(rng: np.random.Generator, least: int = 1, most: int = 4) -> tuple[int, ...]:
    """Return a shape of `least` to `most` axes."""
    return tuple(int(n) for n in rng.integers(1, 7, rng.integers(least, most + 1)))


def normal(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Return float32 values around 0."""
    return rng.normal(size=shape).astype(np.float32)
