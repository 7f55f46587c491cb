"""Products of computed matrices, turned matrices, images of other sizes: on the machine."""

from __future__ import annotations

import numpy as np
import pytest

from npusim import operators as op
from npusim.compiler.emit.resample import progressions
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Quantization, Tensor
from npusim.machines import Machine
from npusim.operators.top_k import TopK
from tests.compiler.agreement import assert_agrees
from tests.compiler.machines import random_machine
from tests.compiler.test_moves import OTHER, SAME, network_of

MACHINES = tuple(Machine.load(name) for name in ("nano", "base", "wide"))


def product(operator: op.MatMul, a: tuple, b: tuple, zero_points: tuple, types: tuple) -> Network:
    """Return a product, of two types, whose int8 outputs spread over all bytes."""
    (shape,) = output_shapes("y", operator, [a, b])
    scale = np.float32(6 * np.sqrt(a[-1]))
    tensors = {}
    for name, size, kind, step, zero in (
        ("a", a, types[0], 0.5, zero_points[0]), ("b", b, types[1], 0.25, zero_points[1]),
        ("y", shape, "int8", 4 * scale, 5),
    ):  # fmt: skip
        q = Quantization(np.array(step, np.float32), np.array(zero, np.int64))
        tensors[name] = Tensor(name, size, np.dtype(kind), q)
    node = Node("product", operator, ("a", "b"), ("y",))
    return Network("product", "tflite", (node,), tensors, ("a", "b"), ("y",))


@pytest.mark.parametrize(
    ("a", "b", "turned"),
    [
        ((1, 2, 5, 21), (1, 2, 21, 32), False),
        ((1, 2, 5, 21), (1, 2, 21, 37), False),
        ((1, 2, 19, 40), (1, 2, 19, 40), True),
        ((1, 3, 70, 16), (1, 1, 16, 33), False),
        ((1, 7, 3), (1, 3, 1), False),
    ],
)
def test_products_of_any_shape(a: tuple, b: tuple, turned: bool) -> None:
    """The zero points of b: none, one plane, and the one that takes two passes."""
    for zero_points, types in (
        ((3, 0), ("int8", "int8")),
        ((200, 77), ("uint8", "int8")),
        ((-128, -128), ("int8", "int8")),
        ((7, 200), ("uint8", "uint8")),
        ((0, 0), ("int8", "uint8")),
    ):
        network = product(op.MatMul(turn_b=turned), a, b, zero_points, types)
        for machine in MACHINES:
            compiled = assert_agrees(network, machine, "litert")
            assert [step.kind for step in compiled.program.steps] == ["run"]
            assert_agrees(network, machine, "xnnpack")  # float32: the host where no twin is exact
        for seed in range(3):
            assert_agrees(network, random_machine(np.random.default_rng(seed)), "half_up")


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (0, 1, 3, 2), (0, 2, 3, 1), (0, 2, 1)])
def test_turned_matrices(order: tuple[int, ...]) -> None:
    shape = (1, 19, 3, 21)[-len(order) :] if len(order) == 4 else (1, 40, 9)
    chain = [(op.Abs(), ("x",)), (op.Transpose(order), ("n0",))]
    for machine in MACHINES:
        compiled = assert_agrees(network_of(chain, {"x": (shape, SAME)}), machine)
        assert [step.kind for step in compiled.program.steps] == ["run"]
    for seed in range(3):
        machine = random_machine(np.random.default_rng(seed))
        assert_agrees(network_of(chain, {"x": (shape, OTHER)}), machine)


@pytest.mark.parametrize("size", [(8, 12), (6, 9), (2, 3), (4, 1)])
def test_nearest_pixels(size: tuple[int, int]) -> None:
    network = network_of([(op.ResizeNearest(size), ("x",))], {"x": ((1, 4, 6, 21), SAME)})
    for machine in MACHINES:
        compiled = assert_agrees(network, machine)
        assert [step.kind for step in compiled.program.steps] == ["run"]


def test_places_without_a_short_period_are_the_hosts() -> None:
    assert progressions(np.array([0, 0, 1, 1, 2, 2])) is not None
    assert progressions(np.arange(40) ** 2) is None


@pytest.mark.parametrize("parts", [2, 3])
def test_channels_become_pixels_and_come_back(parts: int) -> None:
    """Heads of an attention: whole blocks move, and parts of blocks lane by lane."""
    for each in (64, 9):
        chain = [
            (op.Abs(), ("x",)), (op.Reshape((1, 7, parts, each)), ("n0",)), (op.Abs(), ("n1",)),
            (op.Reshape((1, 7, parts * each)), ("n2",)), (op.Abs(), ("n3",)),
        ]  # fmt: skip
        network = network_of(chain, {"x": ((1, 7, parts * each), SAME)})
        for machine in MACHINES:
            compiled = assert_agrees(network, machine)
            assert [step.kind for step in compiled.program.steps] == ["run"]


@pytest.mark.parametrize(
    ("axis", "sizes"), [(1, (1, 3)), (2, (2, 2, 1)), (3, (4, 17)), (3, (16, 5))]
)
def test_pieces_are_copied(axis: int, sizes: tuple[int, ...]) -> None:
    network = split(op.Split(axis, sizes))
    for machine in MACHINES:
        compiled = assert_agrees(network, machine)
        assert [step.kind for step in compiled.program.steps] == ["run"]


def test_every_output_of_a_host_operator_has_its_place() -> None:
    """Pieces of int32 indices beside int8 values: the machine has no such thing."""
    network = split(TopK(3))
    compiled = assert_agrees(network, MACHINES[0])
    assert [step.kind for step in compiled.program.steps] == ["run", "host", "run"]


def split(operator: op.Operator) -> Network:
    """Return Abs, an operator of several outputs, and Neg of each that is int8."""
    network = network_of([(op.Abs(), ("x",))], {"x": ((1, 4, 5, 21), SAME)})
    shapes = output_shapes("split", operator, [(1, 4, 5, 21)])
    names = tuple(f"p{i}" for i in range(len(shapes)))
    tensors, nodes = dict(network.tensors), [*network.nodes]
    nodes.append(Node("split", operator, ("n0",), names))
    for i, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        if i and isinstance(operator, TopK):
            tensors[name] = Tensor(name, shape, np.dtype(np.int32))
            continue
        tensors[name] = Tensor(name, shape, np.dtype(np.int8), SAME)
        tensors[f"y{i}"] = Tensor(f"y{i}", shape, np.dtype(np.int8), SAME)
        nodes.append(Node(f"neg{i}", op.Neg(), (name,), (f"y{i}",)))
    outputs = tuple(name for name in (*tensors,) if name.startswith("y"))
    outputs += names[1:] if isinstance(operator, TopK) else ()
    return Network("split", "npusim", tuple(nodes), tensors, network.inputs, outputs)
