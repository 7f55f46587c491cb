"""16-bit activations: products, sums and tables of int16 equal LiteRT's in every byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import (
    Draw,
    Layer,
    build,
    compare,
    integers,
    network,
    random_layers,
    run,
    witness,
)
from .test_wide import bias, layer, values, weights, wide


@random_layers
def test_batch_matmul(draw: Draw) -> None:
    m, k, n = (draw.between(1, 9) for _ in range(3))
    leading = draw.shape(0, 2, 3)
    turn_a, turn_b = draw.flag(), draw.flag()
    a = wide(draw, (*leading, k, m) if turn_a else (*leading, m, k))
    b = wide(draw, (*leading, n, k) if turn_b else (*leading, k, n))
    y = wide(draw, (*leading, m, n), np.float32(a.scale * b.scale * draw.rng.uniform(2, 1e5)))
    fields = options("BatchMatMulOptions", adjX=turn_a, adjY=turn_b)
    compare(layer(draw, "BATCH_MATMUL", [a, b], y, fields))


@random_layers
def test_transpose_conv(draw: Draw) -> None:
    (h, w, ic, oc), k, s = (draw.between(1, 5) for _ in range(4)), draw.between(1, 4), 2
    size = [(n - 1) * s + max(k, s) for n in (h, w)]
    x = wide(draw, (1, h, w, ic))
    kernel, scale = weights(draw, (oc, k, k, ic), oc, 0)
    products = np.float32(x.scale) * scale.astype(np.float32)
    b = bias(draw, oc, products) if draw.flag() else None
    if b is not None and b.dtype == "int32":
        b = constant(b.data.astype(np.int64), b.scale)
    y = wide(draw, (1, *size, oc), np.float32(products.max() * draw.rng.uniform(2, 400)))
    fields = options("TransposeConvOptions", padding=1, strideH=s, strideW=s)
    inputs = [integers(*y.shape), kernel, x, *([] if b is None else [b])]
    compare(Layer("TRANSPOSE_CONV", inputs, [y], fields, [values(draw, x)], version=3))


@random_layers
def test_mean(draw: Draw) -> None:
    shape = draw.shape(1, 4, 6)
    axes = sorted({draw.between(0, len(shape) - 1) for _ in range(draw.between(1, len(shape)))})
    keep = draw.flag()
    x = wide(draw, shape)
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)
    y = wide(draw, kept, np.float32(x.scale * draw.rng.uniform(0.2, 3)))
    fields = options("ReducerOptions", keepDims=keep)
    compare(Layer("MEAN", [x, integers(*axes)], [y], fields, [values(draw, x)], version=3))


@random_layers
def test_concatenation(draw: Draw) -> None:
    shape = draw.shape(1, 4)
    axis = draw.between(0, len(shape) - 1)
    parts = [wide(draw, (*shape[:axis], draw.between(1, 4), *shape[axis + 1 :]), 2.0**-10)
             for _ in range(draw.between(1, 4))]  # fmt: skip
    joined = (*shape[:axis], sum(x.shape[axis] for x in parts), *shape[axis + 1 :])
    fields = options("ConcatenationOptions", axis=axis)
    compare(layer(draw, "CONCATENATION", parts, wide(draw, joined, 2.0**-10), fields))


CURVES = {"EXP": "ExpOptions", "LOG": None, "ABS": "AbsOptions"}


@pytest.mark.parametrize("kind", CURVES)
def test_functions(kind: str) -> None:
    def case(draw: Draw) -> None:
        shape, name = draw.shape(1, 4), CURVES[kind]
        x = wide(draw, shape, draw.scale(-17, -9))
        greatest = {"EXP": np.exp(x.scale * 32768), "LOG": 12}.get(kind, x.scale * 32768)
        y = wide(draw, shape, np.float32(greatest / 32768 * draw.rng.uniform(0.3, 3)))
        compare(layer(draw, kind, [x], y, None if name is None else options(name)))

    random_layers(case)()


def test_gelu() -> None:
    """Every value of int16, 100 pairs of scales: one more or less where the C library is not exact.

    A step of the table is 128 values; of 51,200 steps those of a few entries may differ.
    """
    draw, every = Draw(1), np.arange(-(1 << 15), 1 << 15).astype(np.int16)
    differing = 0
    for approximate in [False, True] * 50:
        x = wide(draw, every.shape, draw.scale(-17, -9))
        y = wide(draw, every.shape, np.float32(x.scale * draw.rng.uniform(0.3, 3)))
        fields = options("GeluOptions", approximate=approximate)
        content = build(Layer("GELU", [x], [y], fields, [every], version=2))
        (right,) = witness(content, "ref", [every])
        (found,) = run(network(content), "litert", [every])
        distance = np.abs(found.astype(np.int64) - right)
        assert distance.max() <= 1
        differing += int(np.count_nonzero(distance))
    assert differing <= 30 * 256


@random_layers
def test_means_of_plain_integers(draw: Draw) -> None:
    x = draw.plain(draw.shape(1, 4, 6), draw.pick(["int32", "int64"]))
    axis = draw.between(0, len(x.shape) - 1)
    y = Value((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype)
    fields = options("ReducerOptions", keepDims=False)
    compare(Layer("MEAN", [x, integers(axis)], [y], fields, [draw.array(x)]))


@random_layers
def test_prelu(draw: Draw) -> None:
    shape = draw.shape(2, 4)
    x = wide(draw, shape)
    data = draw.rng.integers(-128, 128, (*[1] * (len(shape) - 2), shape[-1])).astype(np.int8)
    slope = constant(data, draw.scale(-9, -5))
    y = wide(draw, shape, np.float32(x.scale * draw.rng.uniform(0.3, 3)))
    compare(replace(layer(draw, "PRELU", [x, slope], y), version=1))
