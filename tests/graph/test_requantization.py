"""From scales to integers: the constants of each operator, against figures known elsewhere."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from npusim import operators as op
from npusim.datapath.requantize import requantize_total
from npusim.errors import RangeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.graph.weights import EncodedWeights
from npusim.operators.kinds.sums import ThreeStepAdd
from npusim.operators.pages import constants_of
from npusim.runtimes.requantization import (
    FloatRequantization,
    Requantization,
    activation_bounds,
    quantize_multiplier,
    quantize_multipliers,
)
from npusim.runtimes.rule import resolve_rule
from npusim.words import ROUNDINGS, RULES


def tensor(name: str, shape: tuple, scale: float, zero_point: int = 0, **kw: object) -> Tensor:
    quantization = Quantization(np.float32(scale), np.int64(zero_point))
    return Tensor(name, shape, np.dtype(kw.pop("dtype", "int8")), quantization, **kw)


def layer(
    sx: float, sw: object, so: float, *, fully: bool = False, source: str = "tflite"
) -> Network:
    scale = np.asarray(sw, np.float32)
    weights = np.ones((2, 3), np.int8) if fully else np.ones((2, 1, 1, 3), np.int8)
    axis = 0 if scale.ndim else None
    q = Quantization(scale, np.zeros(scale.shape, np.int64), axis)
    operator = op.FullyConnected() if fully else op.Conv2D(op.Window((1, 1)))
    x = tensor("x", (1, 3) if fully else (1, 1, 1, 3), sx)
    y = tensor("y", (1, 2) if fully else (1, 1, 1, 2), so, 5)
    tensors = {
        "x": x,
        "w": Tensor("w", weights.shape, weights.dtype, q, weights),
        "b": Tensor("b", (2,), np.dtype("int32"), None, np.array([585, -7], np.int32)),
        "y": y,
    }
    node = Node("layer", operator, ("x", "w", "b"), ("y",))
    return Network("net", source, (node,), tensors, ("x",), ("y",))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, (0, 0)),
        (0.5, (1 << 30, 0)),
        (1.0, (1 << 30, 1)),
        (1 - 2.0**-40, (1 << 30, 1)),  # M rounds up to 2^31 and is halved
        (2.0**-32, (1 << 30, -31)),
        (2.0**-33, (0, 0)),  # a dead channel
        (1527099593 * 2.0**-37, (1527099593, -6)),
    ],
)
def test_quantize_multiplier(value: float, expected: tuple[int, int]) -> None:
    assert quantize_multiplier(value) == expected


def test_quantize_multipliers_is_the_nearest_31_bit_number() -> None:
    values = 2.0 ** np.random.default_rng(0).uniform(-31, 8, 2000)
    for value, m, e in zip(values, *quantize_multipliers(values), strict=True):
        assert 1 << 30 <= m < 1 << 31
        error = abs(Fraction(int(m)) * Fraction(2) ** int(e - 31) - Fraction(float(value)))
        assert error <= Fraction(2) ** int(e - 32)


def test_the_row_everyone_argues_about() -> None:
    """acc = 585: 7 under tosa and half_up, 6 under xnnpack, from the same scales."""
    network = layer(0.0766, float.fromhex("0x1.83dac2p-10"), 0.0102)
    (node,) = network.nodes
    for rule in ("tosa", "half_up"):
        r = constants_of(network, node, rule)
        assert isinstance(r, Requantization)
        assert (int(r.multipliers[0, 0]), int(r.shift[0])) == (1527099593, 31 + 6)
        assert int(r.bias[0]) == 585 * 1527099593
        mode = ROUNDINGS.index(r.rounding)
        assert requantize_total(int(r.bias[0]), mode, int(r.shift[0]), 0, -128, 127) == 7
    r = constants_of(network, node, "xnnpack")
    assert isinstance(r, FloatRequantization)
    assert np.rint(np.float32(585) * r.scale[0]) == 6


def test_each_rule_names_its_arithmetic() -> None:
    network, dense = layer(0.1, [0.1, 0.2], 0.3), layer(0.1, 0.1, 0.3, fully=True)
    kinds = {}
    for rule in RULES:
        conv, fc = (constants_of(n, n.nodes[0], rule) for n in (network, dense))
        kinds[rule] = tuple(
            r.kind if isinstance(r, FloatRequantization) else r.rounding for r in (conv, fc)
        )
    assert kinds == {
        "litert": ("tflite", "double_away"),
        "litert-opt": ("ruy", "ruy"),
        "xnnpack": ("fp32", "fp32"),
        "onnxruntime": ("fp32", "fp32"),
        "tosa": ("tflite", "tflite"),
        "onnx": ("fp32", "fp32"),
        **{rule: (rule, rule) for rule in ROUNDINGS},
    }


def test_auto_is_the_rule_of_the_files_runtime() -> None:
    for source, rule in (("tflite", "litert"), ("onnx", "onnxruntime"), ("npusim", "half_up")):
        assert resolve_rule(layer(0.1, 0.1, 0.1, source=source)) == rule
    assert resolve_rule(layer(0.1, 0.1, 0.1), "floor") == "floor"
    with pytest.raises(
        UnsupportedError, match=r"expected one of auto, litert, .*, found 'nearest'"
    ):
        resolve_rule(layer(0.1, 0.1, 0.1), "nearest")


def test_ratios_that_no_shift_holds() -> None:
    for rule in ("tosa", "litert"):
        network = layer(1e30, 1e3, 1e-3)
        with pytest.raises(RangeError, match=r"layer: .*ratio"):
            constants_of(network, network.nodes[0], rule)


def test_coded_weights_bring_their_constants() -> None:
    encoded = EncodedWeights(
        scheme="pwlq",
        bits=4,
        codes=np.zeros((2, 1, 1, 3), np.uint8),
        points=np.ones(2),
        magnitudes=np.zeros(0),
        multipliers=np.array([[3, 4], [5, 6]]),
        bias=np.array([7, 8]),
        shift=np.array([9, 10]),
        channel_shift=np.array([0, 2]),
        window_sum=np.array([-11, 12]),
    )
    operator = op.Conv2D(op.Window((1, 1)), activation=op.Clamp(0.0), encoding=encoded)
    tensors = {"x": tensor("x", (1, 1, 1, 3), 0.1), "y": tensor("y", (1, 1, 1, 2), 0.1, -20)}
    node = Node("coded", operator, ("x",), ("y",))
    network = Network("net", "npusim", (node,), tensors, ("x",), ("y",))
    r = constants_of(network, node, "half_up")
    assert isinstance(r, Requantization)
    assert r.multipliers.tolist() == [[3, 4], [5, 6], [11, 12]]
    assert (r.bias.tolist(), r.shift.tolist()) == ([7, 8], [9, 12])
    assert (r.rounding, r.zero_point, r.low, r.high) == ("half_up", -20, -20, 127)
    with pytest.raises(UnsupportedError, match="rule xnnpack"):
        constants_of(network, node, "xnnpack")


@pytest.mark.parametrize(
    ("clamp", "scale", "zero_point", "dtype", "expected"),
    [
        (None, 0.1, 3, "int8", (-128, 127)),
        (op.Clamp(0.0), 0.1, -128, "int8", (-128, 127)),
        (op.Clamp(0.0, 6.0), 0.1, -100, "int8", (-100, -40)),
        (op.Clamp(0.0, 6.0), 0.0235294122248888, -128, "int8", (-128, 127)),
        (op.Clamp(-1.0, 1.0), 0.4, 100, "uint8", (97, 103)),  # 2.5 steps round away from zero
        (op.Clamp(0.0), 0.1, 0, "uint8", (0, 255)),
        (op.Clamp(0.0, 6.0), 1e-30, 0, "int8", (0, 127)),
    ],
)
def test_activation_bounds(
    clamp: op.Clamp | None, scale: float, zero_point: int, dtype: str, expected: tuple[int, int]
) -> None:
    assert activation_bounds(clamp, np.float32(scale), zero_point, np.dtype(dtype)) == expected


def elementwise(operator: op.Operator, shape: tuple, so: float, out: tuple) -> tuple[Network, Node]:
    names = ("a", "b") if isinstance(operator, op.Add) else ("a",)
    tensors = {name: tensor(name, shape, 0.1 + 0.05 * i, i) for i, name in enumerate(names)}
    tensors["y"] = tensor("y", out, so, -3)
    node = Node("node", operator, names, ("y",))
    return Network("net", "npusim", (node,), tensors, names, ("y",)), node


@pytest.mark.parametrize("rule", ["half_up", "half_even", "half_away", "floor"])
def test_add_is_one_epilogue_of_two_terms(rule: str) -> None:
    network, node = elementwise(op.Add(), (1, 4), 0.2, (1, 4))
    r = constants_of(network, node, rule)
    assert isinstance(r, Requantization)
    assert r.multipliers.shape == (2, 1)
    assert r.multipliers.max() >= 1 << 30
    real = r.multipliers[:, 0] * 2.0 ** -int(r.shift[0])
    np.testing.assert_allclose(real, [0.5, 0.75], rtol=1e-6)
    assert int(r.bias[0]) == -int(r.multipliers[1, 0])  # zero points 0 and 1
    assert r.rounding == rule


def test_add_keeps_three_roundings_under_the_runtimes_rules() -> None:
    network, node = elementwise(op.Add(), (1, 4), 0.2, (1, 4))
    for rule in ("litert", "tosa", "litert-opt"):
        r = constants_of(network, node, rule)
        assert isinstance(r, ThreeStepAdd)
        assert r.multipliers[1] == 1 << 30  # the larger scale over twice itself is 1/2
        assert r.shifts[1] == 31


def test_mean_divides_in_its_multiplier() -> None:
    network, node = elementwise(op.Mean((1, 2), True), (1, 7, 7, 4), 0.1, (1, 1, 1, 4))
    r = constants_of(network, node, "half_up")
    assert isinstance(r, Requantization)
    # M = 2^30, e = 1; sh = floor(log2 49) = 5
    assert int(r.multipliers[0, 0]) == ((1 << 30) << 5) // 49
    assert int(r.shift[0]) == 31 - 1 + 5


@pytest.mark.shared
def test_dead_channels_of_a_real_network(shared: Path) -> None:
    from npusim.formats.files import load

    network = load(shared / "models" / "tflite" / "vww_mbv1_int8.tflite")
    dead = 0
    for node in network.nodes:
        if node.kind == "Conv2D":
            r = constants_of(network, node, "litert")
            assert isinstance(r, Requantization)
            dead += int(np.count_nonzero(r.multipliers == 0))
            assert r.shift.min() >= 0
            assert r.shift.max() <= 62
    assert dead == 20
