"""Where the last bit decides: dense sweeps of operands with scales that put results on ties.

Random layers hardly ever land where one order of float32 operations rounds up and another down.
Each sweep here was made so that a wrong order, a missing fma or a constant rounded once too often
changes some byte of it.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from .onnxruntime_reference import MICROSOFT, assert_same_bytes

DTYPES = [np.int8, np.uint8]


def all_values(dtype: type) -> NDArray:
    limits = np.iinfo(dtype)
    return np.arange(limits.min, limits.max + 1).astype(dtype)


def any_value(rng: np.random.Generator, dtype: type) -> NDArray:
    return rng.choice(all_values(dtype))


def binary(kind: str) -> object:
    names = ["a", "sa", "za", "b", "sb", "zb", "sc", "zc"]
    return helper.make_node(kind, names, ["y"], domain=MICROSOFT)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shapes", [(256, 256), (1, 256), (256, 1)], ids=str)
def test_add(dtype: type, shapes: tuple[int, int]) -> None:
    """All pairs of values, or one value against all; ratios of scales are small fractions."""
    rng = np.random.default_rng(5)
    every = all_values(dtype)
    pairs = [grid.ravel() for grid in np.meshgrid(every, every, indexing="ij")]
    for case in range(20 if shapes == (256, 256) else 400):
        sc = np.float32(rng.uniform(0.01, 1))
        sa = np.float32(sc * np.float32(rng.integers(1, 2000)) / np.float32(2000))
        sb = np.float32(sc * np.float32(rng.integers(1, 200)) / np.float32(200))
        if case % 3 == 0:
            sa = np.float32(rng.uniform(0.001, 0.1))
            sb = np.float32(sa * rng.choice([0.5, 1, 1.5, 2, 3]))
            sc = np.float32(sa * rng.choice([1, 2, 3, 4]))
        a, b = pairs
        if shapes != (256, 256):
            a, b = (every if n == 256 else any_value(rng, dtype).reshape(1) for n in shapes)
        za, zb, zc = (any_value(rng, dtype) for _ in range(3))
        constants = {"sa": sa, "za": za, "sb": sb, "zb": zb, "sc": sc, "zc": zc}
        # constant operands: one value is no batch
        if shapes == (256, 256):
            assert_same_bytes([binary("QLinearAdd")], {"a": a, "b": b}, constants, {"y": dtype})
        elif shapes == (1, 256):
            constants["a"] = a
            assert_same_bytes([binary("QLinearAdd")], {"b": b}, constants, {"y": dtype})
        else:
            constants["b"] = b
            assert_same_bytes([binary("QLinearAdd")], {"a": a}, constants, {"y": dtype})


@pytest.mark.parametrize("dtype", DTYPES)
def test_multiply(dtype: type) -> None:
    rng = np.random.default_rng(6)
    a, b = (grid.ravel() for grid in np.meshgrid(*[all_values(dtype)] * 2, indexing="ij"))
    for case in range(40):
        sa = np.float32(rng.uniform(0.001, 0.1))
        sb = np.float32(sa * rng.choice([0.5, 1, 1.5, 2, 3]))
        if case % 2:
            sb = np.float32(rng.uniform(0.001, 0.1))
        sc = np.float32(sa * sb * np.float32(rng.choice([20, 30, 64, 50, 128])))
        za, zb, zc = (any_value(rng, dtype) for _ in range(3))
        constants = {"sa": sa, "za": za, "sb": sb, "zb": zb, "sc": sc, "zc": zc}
        assert_same_bytes([binary("QLinearMul")], {"a": a, "b": b}, constants, {"y": dtype})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["QLinearGlobalAveragePool", "QLinearAveragePool"])
def test_average_pools(dtype: type, kind: str) -> None:
    """3000 channels a case; output scales are the input's times small fractions."""
    rng = np.random.default_rng(7)
    node = {
        "QLinearGlobalAveragePool": {"channels_last": 0},
        "QLinearAveragePool": {"kernel_shape": [2, 3], "pads": [1, 1, 0, 1]},
    }[kind]
    operator = helper.make_node(
        kind, ["x", "sx", "zx", "sy", "zy"], ["y"], domain=MICROSOFT, **node
    )
    for case in range(40):
        size = [int(n) for n in rng.integers(3, 9, 2)]
        x = rng.choice(all_values(dtype), (1, 3000 if "Global" in kind else 300, *size))
        sx = np.float32(rng.uniform(0.001, 0.1))
        sy = np.float32(sx * np.float32(rng.integers(1, 64)) / np.float32(32))
        if case % 2:
            sy = np.float32(sx * rng.choice([0.25, 0.5, 1, 2]))
        constants = {"sx": sx, "zx": any_value(rng, dtype), "sy": sy, "zy": any_value(rng, dtype)}
        assert_same_bytes([operator], {"x": x}, constants, {"y": dtype})


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax(dtype: type) -> None:
    """Many short rows: the table's common factor shows in the last bit of a sum."""
    rng = np.random.default_rng(8)
    operator = helper.make_node(
        "QLinearSoftmax", ["x", "sx", "zx", "sy", "zy"], ["y"], domain=MICROSOFT, opset=13, axis=-1
    )
    least = np.iinfo(dtype).min
    for case in range(60):
        x = (rng.integers(0, 30, (4000, int(rng.integers(2, 12)))) + least).astype(dtype)
        sx = np.float32(np.exp(rng.uniform(-6, 0)))
        sy = np.float32(1 / 255 if case % 3 == 0 else 1 / 256)
        constants = {"sx": sx, "zx": dtype(0), "sy": sy, "zy": dtype(least)}
        assert_same_bytes([operator], {"x": x}, constants, {"y": dtype})
