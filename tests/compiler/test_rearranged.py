"""Operators that only move values: words by addresses, lanes by the array, with every byte."""

from __future__ import annotations

import numpy as np
import pytest

from npusim import operators as op
from npusim.compiler.emit.gathers import FILL, Words, moves_of
from npusim.engines.engine import run
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Quantization, Tensor
from npusim.machines import Machine
from tests.compiler.agreement import assert_agrees, random_inputs
from tests.compiler.machines import random_machine

SAME = Quantization(np.array(0.5, np.float32), np.array(3, np.int64))
INT8 = np.dtype(np.int8)


def network_of(operator: op.Operator, *shapes: tuple[int, ...], indices: object = None) -> Network:
    names = [f"x{i}" for i in range(len(shapes))]
    tensors = {n: Tensor(n, s, INT8, SAME) for n, s in zip(names, shapes, strict=True)}
    inputs, given = tuple(names), list(shapes)
    if indices is not None:
        data = np.array(indices, np.int32)
        tensors["at"] = Tensor("at", data.shape, data.dtype, None, data)
        names.append("at")
        given.append(data.shape)
    outputs = []
    for number, shape in enumerate(output_shapes("node", operator, given)):
        outputs.append(f"y{number}")
        tensors[outputs[-1]] = Tensor(outputs[-1], shape, INT8, SAME)
    node = Node("node", operator, tuple(names), tuple(outputs))
    return Network("moves", "npusim", (node,), tensors, inputs, tuple(outputs))


CASES = {
    "rows gathered": network_of(op.Gather(1), (1, 9, 40), indices=[4, 4, 0, 8, 1]),
    "columns gathered": network_of(op.Gather(2), (1, 3, 7, 21), indices=[6, 0, 0, 3]),
    "channels gathered": network_of(op.Gather(3), (1, 3, 7, 21), indices=[20, 0, 0, 13]),
    "picked": network_of(op.Pick((None, (2, 0, 1, 1), (0, 0, 5), None)), (1, 3, 6, 20)),
    "packed rows": network_of(op.Pack(1), (1, 5, 21), (1, 5, 21), (1, 5, 21)),
    "unpacked rows": network_of(op.Unpack(1, 4), (1, 4, 5, 21)),
    "unpacked channels": network_of(op.Unpack(3, 3), (1, 4, 5, 3)),
    "strided": network_of(
        op.StridedSlice((0, 1, 5, 0), (1, 2, 3, 21), (1, 2, -2, 1), (), ()), (1, 5, 6, 21)
    ),
    "one row": network_of(
        op.StridedSlice((0, 3, 0, 0), (1, 1, 6, 21), (1, 1, 1, 1), (1,), ()), (1, 5, 6, 21)
    ),
    "channels backwards": network_of(op.Reverse((3,)), (1, 4, 5, 21)),
    "rows backwards": network_of(op.Reverse((1,)), (1, 4, 5, 21)),
    "space to depth": network_of(op.SpaceToDepth(2), (1, 6, 8, 32)),
    "space to depth of few channels": network_of(op.SpaceToDepth(2), (1, 6, 8, 5)),
    "depth to space": network_of(op.DepthToSpace(2), (1, 3, 4, 128)),
    "depth to space of few channels": network_of(op.DepthToSpace(2), (1, 3, 4, 12)),
    "depth to space, channels outermost": network_of(op.DepthToSpace(2, True), (1, 3, 4, 12)),
    "space to batch": network_of(op.SpaceToBatch((2, 2), (1, 0), (0, 1)), (1, 5, 7, 20)),
    "tiled": network_of(op.Tile((1, 2, 3, 1)), (1, 3, 4, 21)),
    "tiled channels": network_of(op.Tile((1, 1, 1, 3)), (1, 3, 4, 7)),
    "broadcast": network_of(op.BroadcastTo((1, 4, 6, 21)), (1, 1, 6, 21)),
    "mirrored": network_of(op.MirrorPad((0, 1, 2, 0), (0, 2, 1, 0), False), (1, 4, 5, 21)),
    "concat of five axes": network_of(op.Concat(2), (1, 2, 3, 4, 20), (1, 2, 2, 4, 20)),
}  # fmt: skip


def eager(machine: Machine) -> Machine:
    """Return the machine beside a host that is never quicker."""
    return machine.with_({"host.call_cycles": 10**7})


@pytest.mark.parametrize("case", CASES)
def test_values_move_on_the_machine(case: str) -> None:
    for machine in (Machine.load("nano"), random_machine(np.random.default_rng(len(case)))):
        compiled = assert_agrees(CASES[case], eager(machine))
        assert [step.kind for step in compiled.program.steps] == ["run"]


def test_space_becomes_samples_and_comes_back() -> None:
    there = CASES["space to batch"]
    back = op.BatchToSpace((2, 2), (1, 0), (0, 1))
    (shape,) = output_shapes("back", back, [there.tensors["y0"].shape])
    tensors = {**there.tensors, "z": Tensor("z", shape, INT8, SAME)}
    nodes = (*there.nodes, Node("back", back, ("y0",), ("z",)))
    network = Network("moves", "npusim", nodes, tensors, ("x0",), ("z",))
    compiled = assert_agrees(network, eager(Machine.load("nano")))
    assert [step.kind for step in compiled.program.steps] == ["run"]


@pytest.mark.parametrize("seed", range(30))
def test_moves_fill_each_word_from_its_own(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 60))
    runs = rng.integers(0, 40, count).repeat(int(rng.integers(1, 4)))[:count]
    pixels = (runs + np.arange(count) * int(rng.integers(0, 2))) % 50
    words = Words(rng.integers(FILL, 2, count), rng.integers(0, 2, count), pixels)
    found = {}
    for move in moves_of([words]) or []:
        for row in range(move.rows):
            for column in range(move.columns):
                to = move.to_pixel + row * move.to_step + column
                assert to not in found
                at = move.from_pixel + row * move.from_step + column
                found[to] = (move.source, move.from_block, at)
    for to in range(count):
        source = words.sources[to]
        if source == FILL:
            assert found[to][0] == FILL
        else:
            assert found[to] == (source, words.blocks[to], pixels[to])
    assert len(found) == count


def test_the_host_moves_what_it_moves_quicker() -> None:
    network = CASES["rows backwards"]
    quick = Machine.load("nano").with_({"host.call_cycles": 0, "host.cycles_per_element": 0.01})
    compiled = assert_agrees(network, quick)
    assert [step.kind for step in compiled.program.steps] == ["host"]


@pytest.mark.usefixtures("verilator")
def test_moves_on_the_verilog() -> None:
    for case in ("depth to space of few channels", "space to batch"):
        network, machine = CASES[case], eager(Machine.load("nano"))
        x = random_inputs(network, 5)
        found = run(network, x, engine="rtl", machine=machine)
        expected = run(network, x, engine="machine", machine=machine)
        assert found.cycles == expected.cycles
        for name, values in expected.outputs.items():
            assert np.array_equal(found.outputs[name], values)
