"""Sums, means and extremes run on the vector unit, over channels on the array: every byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from npusim import operators as op
from npusim.engines.engine import run
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Quantization, Tensor
from npusim.machines import Machine
from tests.compiler.agreement import assert_agrees, random_inputs
from tests.compiler.machines import random_machine

SAME = Quantization(np.array(0.5, np.float32), np.array(3, np.int64))
REDUCTIONS = [
    op.Mean((3,), True),
    op.Sum((3,), True),
    *(op.Sum(axes, keep) for axes in ((1,), (2,), (1, 2)) for keep in (True, False)),
    *(op.Mean(axes, keep) for axes in ((1,), (2,), (1, 2)) for keep in (True, False)),
    *(op.ReduceMax(axes, True, least) for axes in ((1,), (2,), (1, 2)) for least in (True, False)),
]


def network_of(operator: op.Operator, shape: tuple[int, ...], dtype: str = "int8") -> Network:
    (out,) = output_shapes("node", operator, [shape])
    kind = np.dtype(dtype)
    tensors = {"x": Tensor("x", shape, kind, SAME), "y": Tensor("y", out, kind, SAME)}
    return Network("reduce", "npusim", (Node("node", operator, ("x",), ("y",)),), tensors, ("x",),
                   ("y",))  # fmt: skip


@pytest.mark.parametrize("operator", REDUCTIONS, ids=str)
def test_rows_and_columns_are_reduced_on_the_machine(operator: op.Operator) -> None:
    for machine in (Machine.load("nano"), random_machine(np.random.default_rng(7))):
        for shape, dtype in (((1, 5, 7, 21), "int8"), ((1, 3, 4, 9), "uint8")):
            compiled = assert_agrees(network_of(operator, shape, dtype), machine, "half_up")
            assert [step.kind for step in compiled.program.steps] == ["run"]


def test_tokens_of_three_axes() -> None:
    for operator in (op.Mean((1,), False), op.ReduceMax((1,), False, True)):
        compiled = assert_agrees(network_of(operator, (1, 9, 21)), Machine.load("nano"), "half_up")
        assert [step.kind for step in compiled.program.steps] == ["run"]


RULES = ("litert", "litert-opt", "xnnpack", "half_up", "half_away", "tosa")


@pytest.mark.parametrize("seed", range(200))
def test_sums_and_means_of_any_scales(seed: int) -> None:
    rng = np.random.default_rng(seed)
    axes = ((1,), (2,), (1, 2), (3,))[seed % 4]
    kind = (op.Sum, op.Mean)[seed // 4 % 2]
    shape = (1, *(int(n) for n in rng.integers(1, (7, 7, 30))))
    network = network_of(kind(axes, True), shape, ("int8", "uint8")[int(rng.integers(2))])
    tensors = {}
    for name, tensor in network.tensors.items():
        limits = np.iinfo(tensor.dtype)
        zero_point = rng.choice([limits.min, limits.max, int(rng.integers(-9, 9)) % limits.max])
        scale = np.array(2.0 ** rng.uniform(-4, 2), np.float32)
        tensors[name] = replace(tensor, quantization=Quantization(scale, np.array(zero_point)))
    rule = RULES[seed % len(RULES)]
    machine = random_machine(rng, 16) if seed % 3 else Machine.load("nano")
    compiled = assert_agrees(replace(network, tensors=tensors), machine, rule, seed)
    if kind is op.Sum or rule not in ("litert-opt", "xnnpack"):
        assert [step.kind for step in compiled.program.steps] == ["run"]


def test_sums_of_all_axes_are_the_hosts() -> None:
    compiled = assert_agrees(
        network_of(op.Sum((1, 2, 3), True), (1, 2, 3, 9)), Machine.load("nano"), "half_up"
    )
    assert [step.kind for step in compiled.program.steps] == ["host"]


@pytest.mark.usefixtures("verilator")
def test_a_minimum_of_columns_on_the_verilog() -> None:
    network = network_of(op.ReduceMax((2,), True, True), (1, 5, 7, 6))
    x = random_inputs(network, 5)
    found = run(network, x, engine="rtl", machine="nano")
    expected = run(network, x, engine="machine", machine="nano")
    assert found.cycles == expected.cycles
    assert np.array_equal(found.outputs["y"], expected.outputs["y"])
