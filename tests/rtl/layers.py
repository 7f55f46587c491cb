"""Networks of one small layer: every operator that the machine has, every scheme of weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Quantization, Tensor
from npusim.quant.options import PUBLISHED
from npusim.quant.quantize import quantize
from tests.compiler.test_moves import Chain, network_of
from tests.compiler.test_rearranged import CASES as REARRANGED
from tests.quant.networks import Maker

SCHEMES: dict[str, tuple[str, int, dict]] = {
    "uniform8": ("uniform", 8, {}),
    "uniform4": ("uniform", 4, {}),
    "uniform3 layer": ("uniform", 3, {"per_layer": True}),
    "pwlq4": ("pwlq", 4, {}),
    "pwlq3 corrected": ("pwlq", 3, {"bias_correction": "paper"}),
    "subset4": ("subset", 4, {}),
    "subset3 with zero": ("subset", 3, {"include_zero": True}),
    "lut4": ("lut", 4, {}),
    "pwlq_double4": ("pwlq_double", 4, {}),
    "multipoint4": ("multipoint", 4, {"points": 2.0}),
    "multipoint3 of pwlq": ("multipoint+pwlq", 3, {"points": 1.5}),
    "wes8": ("wes", 8, {}),
    "wes4": ("wes", 4, {}),
}
"""Name -> scheme, bits, options of the quantizer; the first word names its family."""
MIXED = {"conv": ("subset", 4), "depth": ("pwlq", 4), "dense": ("multipoint", 4)}

SOME = Quantization(np.array(0.5, np.float32), np.array(3, np.int64))
OTHER = Quantization(np.array(0.3, np.float32), np.array(-7, np.int64))
IMAGE = (1, 4, 5, 9)
"""Two channel blocks on `small`, three on `nano`, the last of one channel on both."""
FEW_PIXELS = (1, 2, 2, 9)
PIXELS = (0, 1, 2, 0), (1, 4, 5, 9), (1, 2, 2, 1)
CHANNELS = (0, 0, 0, 2), (1, 4, 5, 9), (1, 1, 1, 2)
"""Start, stop and step of slices."""
SQUARE = (1, 5, 5, 9)
WINDOWED = (1, 3, 4, 49)
"""Four channel blocks on an array of 16 rows, the last of one channel."""
WINDOWS = {"array.size": 16, "array.line_words": 16, "scratchpads.acc_banks": 4}
"""Sizes of a machine that multiplies nine taps of a depthwise kernel at once."""
FORMATS = {
    "lut4": ("uniform8", "lut"),
    "pwlq_double4": ("uniform6", "uniform4", "pwlq_double"),
}
"""Weight formats of a machine that runs the scheme, where none that comes with npusim does."""
MOVED = (
    "rows gathered", "picked", "packed rows", "unpacked rows", "strided", "channels backwards",
    "space to depth of few channels", "depth to space of few channels", "tiled", "broadcast",
    "mirrored",
)  # fmt: skip
"""Of the cases of tests/compiler/test_rearranged.py one an operator."""


@dataclass(frozen=True)
class Case:
    """A network and the rounding rule that it runs under."""

    make: Callable[[], Network]
    rule: str = "auto"
    is_moved: bool = False
    """Whether values only move, which a quick host would do."""
    sizes: Mapping[str, Any] = field(default_factory=dict)
    """Sizes in which its machine is another than the one named."""


def linear(kind: str, scheme: str) -> Network:
    """Return a quantized convolution, depthwise convolution, dense layer, or all in a row."""
    rng = np.random.default_rng(SCHEMES["uniform8" if scheme == "mixed" else scheme][1])
    image = FEW_PIXELS if kind == "dense" else IMAGE
    m = Maker(image)
    source, channels = "x", image[3]

    def weights(*shape: int) -> str:
        return m.constant(f"w{len(m.nodes)}", rng.normal(size=shape))

    if kind in ("conv", "all"):
        window = op.Window((2, 2), (1, 2), (1, 1), (1, 0, 0, 1))
        bias = m.constant("b", rng.normal(size=10))
        operator = op.Conv2D(window, 1, op.Clamp(0.0))
        source, channels = m.node("conv", operator, source, weights(10, 2, 2, 9), bias), 10
    if kind in ("depthwise", "all"):
        window = op.Window((3, 3), (1, 1), (1, 1), (1, 1, 0, 1))
        operator = op.Conv2D(window, channels)
        source = m.node("depth", operator, source, weights(channels, 3, 3, 1))
    if kind == "grouped":
        operator = op.Conv2D(op.Window((1, 2)), 3)
        source = m.node("grouped", operator, source, weights(6, 1, 2, 3))
    if kind in ("dense", "all"):
        taps = int(np.prod(m.tensors[source].shape))
        source = m.node("dense", op.FullyConnected(), source, weights(11, taps))
    return quantized(m, source, scheme)


def kernel_rows_at_once(scheme: str, stride: int = 1, dilation: int = 1) -> Network:
    """Return a depthwise layer of 3 x 3 taps, columns apart by `dilation`: at most 15 rows."""
    m, channels = Maker(WINDOWED), WINDOWED[3]
    taps = m.constant("w", np.random.default_rng(7).normal(size=(channels, 3, 3, 1)))
    window = op.Window((3, 3), (stride, stride), (1, dilation), (1, 1, dilation, dilation))
    return quantized(m, m.node("depth", op.Conv2D(window, channels), "x", taps), scheme)


def quantized(m: Maker, output: str, scheme: str) -> Network:
    """Return the network of `m` up to `output`, quantized by a scheme of SCHEMES or "mixed"."""
    name, bits, options = SCHEMES["uniform8" if scheme == "mixed" else scheme]
    shape = m.tensors["x"].shape[1:]
    samples = np.random.default_rng(5).normal(size=(8, *shape)).astype(np.float32)
    return quantize(
        m.network(output),
        samples,
        scheme=name,
        bits=bits,
        layers=MIXED if scheme == "mixed" else {},
        **{**PUBLISHED, **options},
    )


def other(*operators: op.Operator, inputs: tuple = ((IMAGE, SOME),)) -> Network:
    """Return int8 operators one after the other; the first takes all inputs, x0, x1, ..."""
    names = tuple(f"x{i}" for i in range(len(inputs)))
    chain: Chain = [
        (operator, names if i == 0 else (f"n{i - 1}",)) for i, operator in enumerate(operators)
    ]
    return network_of(chain, dict(zip(names, inputs, strict=True)))


def enlarged() -> Network:
    """Return a transposed convolution whose outputs lie between each other, one with no tap."""
    network = network_of([(op.Abs(), ("x",))], {"x": (FEW_PIXELS, SOME)})
    codes = np.random.default_rng(2).integers(-127, 128, (9, 5, 2, 3)).astype(np.int8)
    w = Tensor("w", codes.shape, codes.dtype, replace(OTHER, zero_point=np.array(0)), codes)
    operator = op.ConvTranspose(op.Window((2, 3), (3, 2), (1, 1), (1, 0, 0, 1)))
    (shape,) = output_shapes("node", operator, [FEW_PIXELS, w.shape])
    y = replace(network.tensors["n0"], shape=shape)
    node = Node("node", operator, ("x", "w"), ("n0",))
    return replace(network, nodes=(node,), tensors={**network.tensors, "w": w, "n0": y})


def pieces() -> Network:
    """Return channels in two pieces, joined in the other order."""
    whole = network_of([(op.Abs(), ("x",))], {"x": (IMAGE, SOME)})
    n0 = whole.tensors["n0"]
    parts = {n: replace(n0, name=n, shape=(*IMAGE[:3], c)) for n, c in (("a", 4), ("b", 5))}
    nodes = (
        *whole.nodes, Node("split", op.Split(3, (4, 5)), ("n0",), ("a", "b")),
        Node("joined", op.Concat(3), ("b", "a"), ("y",)),
    )  # fmt: skip
    tensors = dict(whole.tensors) | parts | {"y": replace(n0, name="y")}
    return Network("split", "npusim", nodes, tensors, whole.inputs, ("y",))


def matrices(turned: bool) -> tuple:
    """Return the inputs of two products each, whose last blocks are not whole."""
    second = (1, 2, 5, 9) if turned else (1, 2, 9, 5)
    return ((1, 2, 3, 9), SOME), (second, OTHER)


def pairs() -> Network:
    """Return products, differences and extremes of two operands, some of them one pixel."""
    pixel = (1, 1, 1, IMAGE[3])
    chain: Chain = [
        (op.Mul(), ("x", "y")), (op.Mul(), ("n0", "z")), (op.Sub(), ("y", "n1")),
        (op.Minimum(), ("n2", "x")), (op.Maximum(), ("z", "n3")),
    ]  # fmt: skip
    return network_of(chain, {"x": (IMAGE, SOME), "y": (IMAGE, OTHER), "z": (pixel, SOME)})


def rows() -> Network:
    """Return values less the mean of their pixel, times the sum of its squares."""
    chain: Chain = [
        (op.Mean((3,), True), ("x",)), (op.Sub(), ("x", "n0")), (op.Mul(), ("n1", "n1")),
        (op.Sum((3,), True), ("n2",)), (op.Mul(), ("n3", "n1")), (op.Sum((1, 2), True), ("n4",)),
    ]  # fmt: skip
    return network_of(chain, {"x": (IMAGE, SOME)})


def tables() -> Network:
    """Return functions of one byte in a row; some have a bare number for an operand."""
    chain: Chain = [
        (op.Abs(), ("x",)), (op.Sqrt(), ("n0",)), (op.Log(), ("n1",)), (op.Neg(), ("n2",)),
        (op.Exp(), ("n3",)), (op.Elu(), ("n4",)), (op.Gelu(False), ("n5",)),
        (op.Div(), ("n6", "c")), (op.SquaredDifference(), ("c", "n7")), (op.PRelu(), ("n8", "c")),
        (op.Mul(), ("n9", "n9")), (op.Sub(), ("c", "n10")), (op.Maximum(), ("n11", "c")),
        (op.Abs(), ("n12",)), (op.Rsqrt(), ("n13",)),
    ]  # fmt: skip
    network = network_of(chain, {"x": (IMAGE, SOME), "c": ((1, 1, 1, 1), SOME)})
    number = replace(network.tensors["c"], data=np.full((1, 1, 1, 1), 9, np.int8))
    above = Quantization(np.array(0.5, np.float32), np.array(-128, np.int64))  # no root below 0
    last = replace(network.tensors["n13"], quantization=above)
    tensors = dict(network.tensors) | {"c": number, "n13": last}
    return replace(network, inputs=("x",), tensors=tensors)


def formats(scheme: str) -> Mapping[str, Any]:
    """Return what a machine that runs the scheme has besides."""
    return {"array.formats": FORMATS[scheme], "array.pwlq_bits": 0} if scheme in FORMATS else {}


def _cases() -> dict[str, Case]:
    cases = {
        f"conv {scheme}": Case(partial(linear, "conv", scheme), sizes=formats(scheme))
        for scheme in SCHEMES
    }
    for scheme in FORMATS:
        layer = partial(linear, "depthwise", scheme)
        cases[f"depthwise {scheme}"] = Case(layer, sizes=formats(scheme))
    for scheme in ("uniform8", "uniform4", "pwlq4", "subset4", "multipoint4", "wes4"):
        cases[f"depthwise {scheme}"] = Case(partial(linear, "depthwise", scheme))
        cases[f"dense {scheme}"] = Case(partial(linear, "dense", scheme))
    cases["grouped uniform8"] = Case(partial(linear, "grouped", "uniform8"))
    cases["grouped subset4"] = Case(partial(linear, "grouped", "subset4"))
    for scheme, stride, dilation in (("uniform8", 1, 1), ("uniform4", 1, 2), ("pwlq4", 2, 1)):
        network = partial(kernel_rows_at_once, scheme, stride, dilation)
        name = f"window {scheme} stride {stride} dilation {dilation}"
        cases[name] = Case(network, sizes=WINDOWS)
    cases["mixed"] = Case(partial(linear, "all", "mixed"))
    two = ((IMAGE, SOME), (IMAGE, OTHER))
    window = op.Window((2, 3), (1, 2), (1, 1), (0, 1, 1, 0))
    beside = ((IMAGE, SOME), ((1, 4, 5, 5), OTHER))
    half = (IMAGE[0], *IMAGE[1:3], 2, 5)
    for name, rule, network in (
        ("add", "half_up", partial(other, op.Add(), inputs=two)),
        ("add of three roundings", "tosa", partial(other, op.Add(), inputs=two)),
        ("max pool", "half_up", partial(other, op.MaxPool(window))),
        ("average pool", "half_up", partial(other, op.AveragePool(window))),
        ("average pool with padding", "half_even", partial(other, op.AveragePool(window, True))),
        ("average pool of floored halves", "tosa", partial(other, op.AveragePool(window))),
        ("mean", "half_away", partial(other, op.Mean((1, 2), False))),
        ("quantize", "floor", partial(other, op.Quantize(), inputs=((IMAGE, OTHER),))),
        ("sigmoid", "half_up", partial(other, op.Sigmoid())),
        ("tanh", "half_up", partial(other, op.Tanh())),
        ("leaky relu", "tosa", partial(other, op.LeakyRelu(0.125))),
        ("hard swish", "tosa", partial(other, op.HardSwish())),
        ("clamp", "tosa", partial(other, op.Clip(0.0, 6.0))),
        ("product", "half_up", partial(other, op.MatMul(), inputs=matrices(False))),
        ("turned product", "tosa", partial(other, op.MatMul(turn_b=True), inputs=matrices(True))),
        (
            "turned matrices", "half_up",
            partial(
                other, op.Abs(), op.Transpose((0, 2, 1, 3)), op.Transpose((0, 1, 3, 2)),
                op.Transpose((0, 2, 3, 1)),
            ),
        ),
        (
            "channels to pixels", "half_up",
            partial(
                other, op.Reshape((1, 5, 2, 16)), op.Neg(), op.Reshape((1, 5, 32)), op.Neg(),
                inputs=(((1, 5, 32), SOME),),
            ),
        ),
        ("split", "half_up", pieces),
        ("transposed convolution", "tosa", enlarged),
        ("nearest pixels", "half_up", partial(other, op.ResizeNearest((8, 2)))),
        ("pairs", "tosa", pairs),
        ("rows", "tosa", rows),
        ("tables", "litert", tables),
        ("pad", "half_up", partial(other, op.Pad((0, 1, 2, 0), (0, 0, 1, 0)))),
        ("slice pixels", "half_up", partial(other, op.Slice(*PIXELS))),
        ("slice channels", "half_up", partial(other, op.Slice(*CHANNELS))),
        ("concat rows", "half_up", partial(other, op.Concat(1), inputs=((IMAGE, SOME),) * 2)),
        ("concat channels", "litert-opt", partial(other, op.Concat(3), inputs=beside)),
        (
            "shuffle", "half_up",
            partial(
                other, op.Reshape(half), op.Transpose((0, 1, 2, 4, 3)), op.Reshape((1, 4, 5, 10)),
                inputs=(((1, 4, 5, 10), SOME),),
            ),
        ),
    ):  # fmt: skip
        cases[name] = Case(network, rule)
    for name in MOVED:
        cases[name] = Case(partial(REARRANGED.__getitem__, name), "half_up", True)
    blocks = op.SpaceToBatch((2, 2), (1, 0), (0, 1)), op.BatchToSpace((2, 2), (1, 0), (0, 1))
    cases["blocks of pixels"] = Case(
        partial(other, *blocks, inputs=((SQUARE, SOME),)), is_moved=True
    )
    larger = partial(other, op.ResizeBilinear((8, 9), half_pixel_centers=True))
    cases["pixels between pixels"] = Case(larger, "half_up", True)
    least = partial(other, op.ReduceMax((1, 2), True, True))
    cases["least of an image"] = Case(least, "half_up")
    return cases


CASES = _cases()
