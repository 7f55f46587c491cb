"""Random small quantized layers against onnxruntime, byte for byte.

Cases are drawn so that half of the outputs are inside the range, some saturate, and ties are common
(scales whose ratios are small fractions). hypothesis is derandomized: the same cases everywhere;
NPUSIM_SEED draws others, and is printed.

Excluded, because onnxruntime itself is not one function there:

* int8 weights of 8 bits on processors without VNNI: its AVX2 and AVX-512 kernels add pairs of
  u8 x s8 products in 16 bits, which saturate. The cases ask the runtime first and take weights of 7
  bits where it does.
* ratios of scales beyond 2^23 in QLinearAdd: it converts float32 to int32 before it clamps, and a
  value beyond 2^31 comes out as the smallest.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import helper

from .onnxruntime_reference import ALL, DISABLED, MICROSOFT, assert_same_bytes, model, session

SEED = os.environ.get("NPUSIM_SEED")
CASES = int(os.environ.get("NPUSIM_CASES", "75"))

COMMON = settings(
    max_examples=CASES,
    deadline=None,
    derandomize=SEED is None,
    database=None,
    phases=[Phase.generate],  # a case is one seed: there is nothing to shrink
    suppress_health_check=list(HealthCheck),
)


def random_test(function):
    """Run `function` on random cases; NPUSIM_SEED draws others than the fixed ones."""
    if SEED is not None:
        print(f"NPUSIM_SEED={SEED}")
        function = seed(int(SEED))(function)
    return COMMON(function)


generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)
types = st.sampled_from([np.int8, np.uint8])
pairs = st.sampled_from([(np.int8, np.int8), (np.uint8, np.int8), (np.uint8, np.uint8)])
"""Activations and weights: onnxruntime has no kernel for int8 activations and uint8 weights."""


def integers(rng: np.random.Generator, dtype: type, shape: tuple[int, ...]) -> NDArray:
    """Return values of the whole range, of a narrow one, or only the extremes."""
    limits = np.iinfo(dtype)
    kind = rng.integers(4)
    if kind == 0:
        return rng.choice(np.array([limits.min, limits.max], dtype), shape)
    if kind == 1:
        return (rng.integers(0, 7, shape) + rng.integers(limits.min, limits.max - 6)).astype(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def accumulators_are_exact(weight: int) -> bool:
    """Return whether onnxruntime sums the products 255 * `weight` without saturating."""
    x, w = np.full((1, 64), 255, np.uint8), np.full((64, 16), weight, np.int8)
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    (y,) = session(model([node], {"x": x}, {"w": w}, {"y": np.int32}), DISABLED).run(None, {"x": x})
    return bool((y == 64 * 255 * weight).all())


@cache
def int8_weights_are_exact() -> bool:
    return accumulators_are_exact(127) and accumulators_are_exact(-128)


def weight_values(rng: np.random.Generator, dtype: type, shape: tuple[int, ...]) -> NDArray:
    """Return weights of the whole range, or of 7 bits where onnxruntime needs that."""
    values = integers(rng, dtype, shape)
    return values if dtype is np.uint8 or int8_weights_are_exact() else values >> 1


def zero_point(rng: np.random.Generator, dtype: type) -> NDArray:
    limits = np.iinfo(dtype)
    extremes = [limits.min, limits.min + 1, 0, limits.max]
    return np.array(
        rng.choice(extremes) if rng.random() < 0.5 else rng.integers(limits.min, limits.max + 1),
        dtype,
    )


def scale(rng: np.random.Generator) -> np.float32:
    return np.float32(np.exp(rng.uniform(-7, 1)))


def output_scale(rng: np.random.Generator, accumulator: float) -> np.float32:
    """Return a scale that puts `accumulator` around, or far outside, the output's range."""
    spread = rng.choice([20.0, 100.0, 1000.0, 1e7, 0.3], p=[0.4, 0.3, 0.15, 0.05, 0.1])
    value = np.float32(max(abs(accumulator), 1e-20) / spread)
    if rng.random() < 0.3:  # a power of two away: ties
        value = np.float32(2.0 ** np.round(np.log2(value)))
    return np.clip(value, np.float32(1e-30), np.float32(1e30))


def bias(rng: np.random.Generator, channels: int) -> NDArray:
    """Return int32 values, sometimes as near to the ends as the accumulator allows."""
    reach = rng.choice([0, 100, 1 << 16, (1 << 31) - (1 << 24)])
    return rng.integers(-reach, reach + 1, channels).astype(np.int32)


@random_test
@given(generators, pairs, st.booleans())
def test_qlinear_conv(rng, types, optimized):
    x_type, w_type = types
    groups = int(rng.choice([1, 1, 2, 3]))
    depthwise = rng.random() < 0.3
    ic = int(rng.integers(1, 9)) * groups
    if depthwise:
        groups = ic
    oc = groups * int(rng.integers(1, 5))
    kernel = rng.integers(1, 5, 2)
    stride, dilation = rng.integers(1, 4, 2), rng.integers(1, 3, 2)
    pads = rng.integers(0, 3, 4)
    span = (kernel - 1) * dilation + 1
    size = np.maximum(rng.integers(1, 14, 2), span - pads[:2] - pads[2:])
    x = integers(rng, x_type, (1, ic, *size.tolist()))
    # one zero point: onnxruntime takes only equal ones for weights of a layer
    per_channel = rng.random() < 0.6
    w = weight_values(rng, w_type, (oc, ic // groups, *kernel.tolist()))
    w_zero = np.zeros((), np.int8) if w_type is np.int8 else zero_point(rng, np.uint8)
    sw = np.exp(rng.uniform(-7, 0, oc if per_channel else ())).astype(np.float32)
    sx = scale(rng)
    zx = zero_point(rng, x_type)
    xe = x.astype(np.float64).std() + 1
    real = float(sx) * float(sw.mean()) * xe * (w.astype(float).std() + 1) * np.sqrt(w[0].size)
    constants = dict(
        sx=sx, zx=zx, w=w, sw=sw, sy=output_scale(rng, real), zy=zero_point(rng, x_type),
        zw=np.full(sw.shape, w_zero, w_type),
    )  # fmt: skip
    names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"]
    if rng.random() < 0.7:
        constants["b"] = bias(rng, oc)
        names.append("b")
    node = helper.make_node(
        "QLinearConv", names, ["y"], kernel_shape=kernel.tolist(), strides=stride.tolist(),
        dilations=dilation.tolist(), pads=pads.tolist(), group=groups,
    )  # fmt: skip
    assert_same_bytes([node], {"x": x}, constants, {"y": x_type}, ALL if optimized else DISABLED)


@random_test
@given(generators, pairs)
def test_qgemm(rng, types):
    x_type, w_type = types
    m, k, n = (int(rng.integers(1, top)) for top in (6, 200, 40))
    x, w = integers(rng, x_type, (m, k)), weight_values(rng, w_type, (k, n))
    transposed = int(rng.integers(2))
    per_channel = rng.random() < 0.6
    sw = np.exp(rng.uniform(-7, 0, n if per_channel else ())).astype(np.float32)
    sx = scale(rng)
    real = float(sx) * float(sw.mean()) * (x.astype(float).std() + 1) * 60 * np.sqrt(k)
    constants = dict(
        sx=sx, zx=zero_point(rng, x_type), w=np.ascontiguousarray(w.T) if transposed else w, sw=sw,
        zw=np.full(sw.shape, zero_point(rng, w_type), w_type), b=bias(rng, n),
        sy=output_scale(rng, real), zy=zero_point(rng, x_type),
    )  # fmt: skip
    names = ["x", "sx", "zx", "w", "sw", "zw", "b", "sy", "zy"]
    if rng.random() < 0.3:
        names[6] = ""
    node = helper.make_node("QGemm", names, ["y"], domain=MICROSOFT, transB=transposed)
    assert_same_bytes([node], {"x": x}, constants, {"y": x_type})


@random_test
@given(generators, pairs, st.booleans())
def test_qlinear_matmul(rng, types, computed):
    x_type, w_type = types
    m, k, n = (int(rng.integers(1, top)) for top in (6, 120, 30))
    batch = (int(rng.integers(1, 4)),) if computed else ()
    x = integers(rng, x_type, (*batch, m, k))
    w = weight_values(rng, w_type, (*batch, k, n))
    per_channel = not computed and rng.random() < 0.5
    sw = np.exp(rng.uniform(-7, 0, n if per_channel else ())).astype(np.float32)
    sx = scale(rng)
    real = float(sx) * float(sw.mean()) * (x.astype(float).std() + 1) * 60 * np.sqrt(k)
    constants = dict(
        sx=sx, zx=zero_point(rng, x_type), sw=sw,
        zw=np.full(sw.shape, zero_point(rng, w_type), w_type),
        sy=output_scale(rng, real), zy=zero_point(rng, x_type),
    )  # fmt: skip
    names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"]
    inputs = {"x": x}
    (inputs if computed else constants)["w"] = w
    node = helper.make_node("QLinearMatMul", names, ["y"])
    assert_same_bytes([node], inputs, constants, {"y": x_type})


@random_test
@given(generators, types, st.sampled_from(["QLinearAdd", "QLinearMul"]))
def test_qlinear_add_and_mul(rng, dtype, kind):
    shape = tuple(int(n) for n in rng.integers(1, 6, 4))
    other = tuple(n if rng.random() < 0.6 else 1 for n in shape)
    other = other[int(rng.integers(0, 3)) if rng.random() < 0.4 else 0 :]
    a, b = integers(rng, dtype, shape), integers(rng, dtype, other)
    if rng.random() < 0.5:
        a, b = b, a
    sa = scale(rng)
    sb = np.float32(sa * rng.choice([0.5, 1, 1.5, 2, 3])) if rng.random() < 0.5 else scale(rng)
    reach = float(sa + sb) if kind == "QLinearAdd" else float(sa) * float(sb) * 128
    sc = (
        output_scale(rng, reach * 128)
        if rng.random() < 0.6
        else np.float32(reach * rng.choice([0.5, 1, 2]))
    )
    constants = dict(
        sa=sa, za=zero_point(rng, dtype), sb=sb, zb=zero_point(rng, dtype), sc=sc,
        zc=zero_point(rng, dtype),
    )  # fmt: skip
    inputs = {"a": a}
    (constants if rng.random() < 0.3 else inputs)["b"] = b
    names = ["a", "sa", "za", "b", "sb", "zb", "sc", "zc"]
    node = helper.make_node(kind, names, ["y"], domain=MICROSOFT)
    assert_same_bytes([node], inputs, constants, {"y": dtype})


@random_test
@given(generators, types)
def test_pools(rng, dtype):
    kernel = rng.integers(1, 5, 2)
    pads = np.concatenate([rng.integers(0, kernel), rng.integers(0, kernel)])
    size = np.maximum(rng.integers(1, 12, 2), kernel)
    x = integers(rng, dtype, (1, int(rng.integers(1, 7)), *size.tolist()))
    sx = scale(rng)
    sy = np.float32(sx * rng.choice([0.25, 0.5, 1, 1, 2])) if rng.random() < 0.7 else scale(rng)
    constants = dict(sx=sx, zx=zero_point(rng, dtype), sy=sy, zy=zero_point(rng, dtype))
    window = dict(
        kernel_shape=kernel.tolist(), pads=pads.tolist(), strides=rng.integers(1, 4, 2).tolist()
    )
    names = ["x", "sx", "zx", "sy", "zy"]
    kind = rng.integers(3)
    if kind == 0:
        node = helper.make_node(
            "QLinearGlobalAveragePool", names, ["y"], domain=MICROSOFT, channels_last=0
        )
    elif kind == 1:
        counted = int(rng.integers(2))
        ceil = 0 if counted else int(rng.integers(2))
        node = helper.make_node(
            "QLinearAveragePool", names, ["y"], domain=MICROSOFT, count_include_pad=counted,
            ceil_mode=ceil, **window,
        )  # fmt: skip
    else:
        constants = {}
        node = helper.make_node("MaxPool", ["x"], ["y"], ceil_mode=int(rng.integers(2)), **window)
    assert_same_bytes([node], {"x": x}, constants, {"y": dtype})


@random_test
@given(generators, types)
def test_softmax_and_concat(rng, dtype):
    if rng.random() < 0.5:
        shape = tuple(int(n) for n in rng.integers(1, 12, int(rng.integers(1, 4))))
        x = integers(rng, dtype, shape)
        sy = np.float32(rng.choice([1 / 256, 1 / 255, 1 / 128, 0.01]))
        zy = np.array(np.iinfo(dtype).min if rng.random() < 0.7 else 0, dtype)
        node = helper.make_node(
            "QLinearSoftmax", ["x", "sx", "zx", "sy", "zy"], ["y"], domain=MICROSOFT, opset=13,
            axis=int(rng.integers(-len(shape), len(shape))),
        )  # fmt: skip
        constants = dict(sx=scale(rng), zx=zero_point(rng, dtype), sy=sy, zy=zy)
        assert_same_bytes([node], {"x": x}, constants, {"y": dtype})
        return
    parts = int(rng.integers(1, 4))
    shape = [int(n) for n in rng.integers(1, 6, 4)]
    axis = int(rng.integers(4))
    constants = dict(sy=scale(rng), zy=zero_point(rng, dtype))
    names, inputs = ["sy", "zy"], {}
    for part in range(parts):
        shape[axis] = int(rng.integers(1, 5))
        inputs[f"x{part}"] = integers(rng, dtype, tuple(shape))
        constants[f"s{part}"] = constants["sy"] if rng.random() < 0.3 else scale(rng)
        constants[f"z{part}"] = zero_point(rng, dtype)
        names += [f"x{part}", f"s{part}", f"z{part}"]
    node = helper.make_node("QLinearConcat", names, ["y"], domain=MICROSOFT, axis=axis)
    assert_same_bytes([node], inputs, constants, {"y": dtype})


@random_test
@given(generators, types)
def test_quantize_mean_dequantize(rng, dtype):
    """Float between DequantizeLinear and QuantizeLinear: the order of ReduceMean's additions."""
    x = integers(rng, dtype, tuple(int(n) for n in rng.integers(1, 10, 4)))
    sx = scale(rng)
    sy = np.float32(sx * rng.choice([0.125, 0.25, 0.5, 1])) if rng.random() < 0.6 else scale(rng)
    constants = dict(sx=sx, zx=zero_point(rng, dtype), sy=sy, zy=zero_point(rng, dtype))
    keep = int(rng.integers(2))
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["r"]),
        helper.make_node("ReduceMean", ["r"], ["m"], axes=[2, 3], keepdims=keep),
        helper.make_node("QuantizeLinear", ["m", "sy", "zy"], ["y"]),
    ]
    assert_same_bytes(nodes, {"x": x}, constants, {"y": dtype, "m": np.float32})


def test_products_of_seven_bit_weights_are_exact() -> None:
    """What the cases fall back to where int8 weights saturate (see the exclusions above)."""
    print(f"int8 weights exact on this processor: {int8_weights_are_exact()}")
    assert accumulators_are_exact(63)
