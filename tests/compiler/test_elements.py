"""Functions of one and two bytes: on the vector unit, with the runtime's own bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from npusim import operators as op
from npusim.compiler.byte_functions import of_two_bytes
from npusim.compiler.pair_operations import outputs, products
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.machines import Machine
from tests.compiler.agreement import assert_agrees
from tests.rtl.layers import CASES

BASE = Machine.load("base")
PAIRS = (op.Mul(), op.Mul(op.Clamp(0.0, 6.0)), op.Sub(), op.Minimum(), op.Maximum())


def quantization(rng: np.random.Generator, dtype: str) -> Quantization:
    limits = np.iinfo(dtype)
    zero_point = int(rng.integers(limits.min, limits.max + 1))
    scale = np.float32(2.0 ** rng.uniform(-7, -1))
    return Quantization(np.array(scale), np.array(zero_point, np.int64))


def pair(operator: op.Operator, rng: np.random.Generator, dtype: str, shapes: tuple) -> Network:
    tensors = {
        name: Tensor(name, shape, np.dtype(dtype), quantization(rng, dtype))
        for name, shape in zip("aby", (*shapes, np.broadcast_shapes(*shapes)), strict=True)
    }
    node = Node("pair", operator, ("a", "b"), ("y",))
    return Network("pair", "tflite", (node,), tensors, ("a", "b"), ("y",))


@pytest.mark.parametrize("operator", PAIRS, ids=str)
def test_pairs_of_any_scales_and_types_are_the_runtimes(operator: op.Operator) -> None:
    """Same shapes, and one pixel on either side; every rule that the operator has."""
    rng = np.random.default_rng(7)
    image, pixel = (1, 3, 5, 21), (1, 1, 1, 21)
    for rule in ("litert", "litert-opt", "xnnpack", "half_up", "half_even"):
        for dtype, shapes in (
            ("int8", (image, image)), ("uint8", (image, pixel)), ("int8", (pixel, image)),
        ):  # fmt: skip
            compiled = assert_agrees(pair(operator, rng, dtype, shapes), BASE, rule)
            kinds = [step.kind for step in compiled.program.steps]
            host = isinstance(operator, op.Sub) and rule == "xnnpack"
            assert kinds == ["run"] or host


@pytest.mark.parametrize("case", ["pairs", "tables"])
def test_rows_of_them_run_whole(case: str) -> None:
    compiled = assert_agrees(CASES[case].make(), BASE, CASES[case].rule)
    assert [step.kind for step in compiled.program.steps] == ["run"]


def test_a_constant_pixel_is_loaded_with_the_weights() -> None:
    rng = np.random.default_rng(3)
    network = pair(op.Mul(), rng, "int8", ((1, 4, 4, 9), (1, 1, 1, 9)))
    data = rng.integers(-128, 128, (1, 1, 1, 9)).astype(np.int8)
    constant = replace(network.tensors["b"], data=data)
    network = replace(network, inputs=("a",), tensors=dict(network.tensors) | {"b": constant})
    compiled = assert_agrees(network, BASE, "litert")
    assert [step.kind for step in compiled.program.steps] == ["run"]


@pytest.mark.parametrize("operator", [*PAIRS, op.Add()], ids=str)
@pytest.mark.parametrize("number", [(1, 4, 4, 1), (1, 1, 1, 1)])
def test_one_number_a_pixel_is_spread_over_the_lanes(
    operator: op.Operator, number: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(4)
    image = (1, 4, 4, 21)
    for dtype, shapes in (("int8", (image, number)), ("uint8", (number, image))):
        for machine in (BASE, Machine.load("nano")):
            compiled = assert_agrees(pair(operator, rng, dtype, shapes), machine)
            assert [step.kind for step in compiled.program.steps] == ["run"]


def test_a_row_spread_over_rows_is_the_hosts() -> None:
    rng = np.random.default_rng(4)
    compiled = assert_agrees(pair(op.Mul(), rng, "int8", ((1, 4, 4, 9), (1, 1, 4, 9))), BASE)
    assert [step.kind for step in compiled.program.steps] == ["host"]


def test_a_multiplier_without_bias_equals_what_a_runtime_multiplies_in_floating_point() -> None:
    """The constants are found from the outputs alone, and compared for every pair of bytes."""
    rng, exact, rule = np.random.default_rng(5), 0, "onnxruntime"
    for _ in range(12):
        network = pair(op.Mul(), rng, "int8", ((1, 2, 2, 9),) * 2)
        (node,) = network.nodes
        values = of_two_bytes(network, node, rule)
        scales = [float(network.tensors[name].quantization.scale) for name in "aby"]
        found = products(network, node, values, scales[0] * scales[1] / scales[2])
        exact += any(np.array_equal(outputs(o, network, node), values) for o in found)
    assert exact == 12
