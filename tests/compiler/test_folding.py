"""Folded inputs: the convolution of the folded tensor is that of the tensor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npusim import operators as op
from npusim.codes import UNIFORM
from npusim.compiler.compile import compile_network
from npusim.compiler.graph.folding import _axis, _folded_window, folded_plane
from npusim.compiler.linear.planes import Plane
from npusim.engines.engine import run
from npusim.engines.estimate import estimate
from npusim.engines.machine_network import read_tensor, write_tensor
from npusim.formats.files import load
from npusim.graph.network import Node
from npusim.isa.fold import Fold, fold_pixels
from npusim.machines import Machine
from npusim.simulator.run import load_image
from tests.compiler.agreement import random_inputs

DIGITS = Path(__file__).resolve().parents[2] / "npusim/networks/digits/digits_int8.onnx"


def convolve(x: np.ndarray, w: np.ndarray, window, outputs: tuple[int, int]) -> np.ndarray:
    """Return the sums [OH OW OC] of `x` [H W C] and `w` [OC KH KW C], padded with 0."""
    top, bottom, left, right = window.padding
    wide = np.pad(x.astype(np.int64), ((top, bottom + 99), (left, right + 99), (0, 0)))
    sums = np.zeros((*outputs, len(w)), np.int64)
    for i, j in np.ndindex(window.kernel):
        row, column = i * window.dilation[0], j * window.dilation[1]
        rows = row + window.stride[0] * np.arange(outputs[0])
        columns = column + window.stride[1] * np.arange(outputs[1])
        sums += wide[rows[:, None], columns] @ w[:, i, j].T.astype(np.int64)
    return sums


@pytest.mark.parametrize("seed", range(60))
def test_folded_convolution_is_the_convolution(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel, stride = rng.integers(1, 6, 2), rng.integers(1, 4, 2)
    padding = rng.integers(0, 3, (2, 2))
    size = rng.integers(6, 14, 2)
    taps = tuple(int(rng.integers(1, k + 1)) for k in kernel)
    outputs = tuple(int(n) for n in (size + padding.sum(1) - kernel) // stride + 1)
    axes = tuple(
        _axis(int(size[a]), outputs[a], (int(kernel[a]), int(stride[a]), *padding[a].tolist()),
              taps[a])
        for a in (0, 1)
    )  # fmt: skip
    y, x = axes
    values = rng.integers(-128, 128, (*size, 2)).astype(np.int8)
    codes = rng.integers(0, 128, (3, *kernel, 2)).astype(np.uint8)
    fold = Fold((y.step, x.step), taps, y.lead, x.lead, y.words, x.words, 0)
    stored = fold_pixels(values, fold).view(np.int8)
    plain = convolve(
        values, codes,
        _folded_window(tuple(
            _axis(int(size[a]), outputs[a],
                  (int(kernel[a]), int(stride[a]), *padding[a].tolist()), 1)
            for a in (0, 1)
        )), outputs,
    )  # fmt: skip
    plane = folded_plane(Plane(UNIFORM, 8, codes), taps)
    assert np.array_equal(convolve(stored, plane.codes, _folded_window(axes), outputs), plain)


def test_input_is_read_back_from_its_folded_place() -> None:
    network = load(DIGITS)
    program = compile_network(network, Machine.load("base"), keep_tensors=True)
    name = network.inputs[0]
    folded = [place for place in program.places if place.fold]
    assert [place.name for place in folded] == [name]
    dram = load_image(program)
    value = network.tensors[name].from_file_order(random_inputs(network, 3)[name])
    write_tensor(program, dram, name, value)
    assert np.array_equal(read_tensor(program, dram, name), value)


@pytest.mark.shared
def test_few_channels_fill_the_rows(shared: Path) -> None:
    network = load(shared / "models/tflite/kws_dscnn_int8.tflite")
    first = estimate(network, Machine.load("base")).layers[0]
    assert first.cycles < 4000  # 22,459 with one row of the array in use


def test_a_reshape_of_no_effect_before_the_first_layer_costs_nothing() -> None:
    network = load(DIGITS)
    given = network.inputs[0]
    inner = replace(network.tensors[given], name="inner")
    reshape = Node("reshape", op.Reshape(inner.shape), (given,), ("inner",))
    behind = tuple(
        replace(node, inputs=tuple("inner" if name == given else name for name in node.inputs))
        for node in network.nodes
    )
    longer = replace(network, nodes=(reshape, *behind), tensors={**network.tensors, "inner": inner})
    assert compile_network(longer, Machine.load("base")).place(given).fold
    assert estimate(longer).cycles == estimate(network).cycles
    x = np.load(DIGITS.with_name("digits_test.npz"))["x"][:2]
    found = run(longer, x, engine="machine").outputs
    expected = run(network, x).outputs
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("name", ["kws_dscnn", "vww_mbv1"])
def test_a_network_costs_the_same_in_every_form(shared: Path, name: str) -> None:
    models = shared / "models"
    forms = [f"tflite/{name}_int8.tflite", f"onnx/{name}_fp32.onnx", f"onnx/{name}_int8_QDQ.onnx",
             f"onnx/{name}_int8_QOperator.onnx"]  # fmt: skip
    costs = [estimate(load(models / form)) for form in forms]
    assert costs[0].cycles == costs[1].cycles
    products = [[layer.macs for layer in cost.layers if layer.macs] for cost in costs]
    assert products.count(products[0]) == len(products)
    first = [cost.layers[0].cycles for cost in costs]
    assert max(first) - min(first) <= 2  # zero points that the machine writes, or not
