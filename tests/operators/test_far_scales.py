"""Scales too far apart for LiteRT: its own bytes up to there, and a note behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.simulator.tflite_builder import Value, constant
from tests.simulator.tflite_builder import options as table

from .litert_cases import KERNELS, Layer, build, integers, network, run, witness

SCALE = 0.5
EVERY = np.arange(256, dtype=np.uint8)
OTHERS = np.random.default_rng(0).permutation(EVERY)
FLAT, IMAGE = (1, 256), (1, 4, 4, 16)
POOLED = integers(1, 2)


def value(shape: tuple[int, ...], scale: float = SCALE, dtype: str = "int8") -> Value:
    return Value(shape, dtype, np.float32(scale), 3 if dtype == "int8" else 130)


def layer(kind: str, power: int) -> Layer:
    """Return a layer of `kind` whose scales have the ratio 2^power."""
    dtype = "uint8" if kind == "CONCATENATION" else "int8"
    bytes_ = [EVERY.view(dtype).reshape(FLAT), OTHERS.view(dtype).reshape(FLAT)]
    one, two = SCALE / 2.0**power, SCALE**2 / 2.0**power
    made: dict[str, tuple[tuple[int, ...], tuple[int, ...], float, Any]] = {
        "QUANTIZE": (FLAT, FLAT, one, None),
        "RELU6": (FLAT, FLAT, one, None),
        "LEAKY_RELU": (FLAT, FLAT, one, table("LeakyReluOptions", alpha=0.3)),
        "HARD_SWISH": (FLAT, FLAT, one, None),
        "MEAN": (IMAGE, (1, 16), one, table("ReducerOptions")),
        "SUM": (IMAGE, (1, 16), one, table("ReducerOptions")),
        "ADD": (FLAT, FLAT, one, table("AddOptions")),
        "SUB": (FLAT, FLAT, one, table("SubOptions")),
        "MUL": (FLAT, FLAT, two, table("MulOptions")),
        "BATCH_MATMUL": ((1, 16, 16), (1, 16, 16), two, table("BatchMatMulOptions")),
        "CONCATENATION": (FLAT, (2, 256), one, table("ConcatenationOptions")),
    }
    if kind == "TRANSPOSE_CONV":
        weights = np.random.default_rng(1).integers(-127, 128, (2, 2, 2, 4)).astype(np.int8)
        held = constant(weights, np.full(2, SCALE, np.float32), 0, 0)
        chosen = table("TransposeConvOptions", strideH=2, strideW=2)
        inputs = [integers(1, 8, 8, 2), held, value((1, 4, 4, 4))]
        x = bytes_[0].ravel()[:64].reshape(1, 4, 4, 4)
        return Layer(kind, inputs, [value((1, 8, 8, 2), two)], chosen, [x], 3)
    shape, result, scale, chosen = made[kind]
    count = 2 if kind in ("ADD", "SUB", "MUL", "BATCH_MATMUL", "CONCATENATION") else 1
    inputs = [value(shape, dtype=dtype) for _ in range(count)]
    fixed = [POOLED] if kind in ("MEAN", "SUM") else []
    arrays = [array.reshape(shape) for array in bytes_[:count]]
    return Layer(kind, [*inputs, *fixed], [value(result, scale, dtype)], chosen, arrays)


REGIONS: dict[str, tuple[int, int, int | None, tuple[str, ...]]] = {
    "QUANTIZE": (22, 23, 24, ("ref", "opt", "xnn")),
    "RELU6": (22, 23, 24, ("ref", "opt", "xnn")),
    "LEAKY_RELU": (22, 23, 24, ("ref", "opt", "xnn")),
    "HARD_SWISH": (-9, -10, -10, ("ref", "opt", "xnn")),
    "MEAN": (18, 19, 30, ("ref", "opt")),
    "SUM": (18, 19, 26, ("opt",)),
    "ADD": (18, 19, None, ("ref", "opt")),
    "SUB": (18, 19, 22, ("ref", "opt", "xnn")),
    "MUL": (0, 1, 2, ("opt",)),
    "BATCH_MATMUL": (10, 11, 18, ("ref", "opt", "xnn")),
    "CONCATENATION": (22, 23, 26, ("ref", "opt", "xnn")),
    "TRANSPOSE_CONV": (10, 11, 24, ("ref", "opt")),
}
"""The last power of two without a note, the first with one, and one at which kernels differ.

LiteRT ends the process where ADD comes to it.
"""


@pytest.mark.parametrize("kind", REGIONS)
def test_the_region_is_named(kind: str) -> None:
    last, first, inside, kernels = REGIONS[kind]
    for power, is_named in ((last, False), (first, True), (inside, True)):
        if power is None:
            continue
        made = layer(kind, power)
        content = build(made)
        of = network(content)
        assert len(of.notes) == is_named, (power, of.notes)
        assert all("where kernels of LiteRT leave what they are" in note for note in of.notes)
        for name in kernels if power != first else ():
            (expected,) = witness(content, name, made.arrays)
            (found,) = run(of, KERNELS[name], made.arrays)
            assert np.array_equal(found, expected) == (not is_named), (power, name)
