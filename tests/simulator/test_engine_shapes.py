"""The kernels engine on networks of other forms: no batch, scalars, several outputs, no nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

import npusim
from npusim import operators as op
from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Quantization, Tensor
from npusim.operators import steps
from npusim.operators.kinds.movement import Movement
from npusim.operators.page import Step
from npusim.prepared.engine import prepare
from npusim.words import Rule


def tensor(name: str, shape: tuple[int, ...], **fields: object) -> Tensor:
    q = Quantization(np.float32(0.5), np.int64(0))
    return Tensor(name, shape, np.dtype("int8"), q, **fields)


def network(nodes: Sequence[Node], tensors: Sequence[Tensor], inputs: str, outputs: str) -> Network:
    named = {t.name: t for t in tensors}
    return Network(
        "n", "tflite", tuple(nodes), named, tuple(inputs.split()), tuple(outputs.split())
    )


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-99, 99, shape).astype(np.int8)


@dataclass(frozen=True)
class Halves(Movement):
    """[N C] -> the first and the last half of each sample."""

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        n, c = inputs[0]
        return (n, c // 2), (n, c // 2)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = steps.step

    def step(network: Network, node: Node, rule: Rule) -> Step:
        if isinstance(node.operator, Halves):
            return lambda threads, x: tuple(np.split(x, 2, axis=1))
        return plain(network, node, rule)

    monkeypatch.setattr(steps, "step", step)


@pytest.mark.usefixtures("halves")
@pytest.mark.parametrize("count", [1, 5])
def test_a_node_with_two_outputs(count: int) -> None:
    tensors = [tensor("x", (1, 6)), tensor("a", (1, 3)), tensor("b", (1, 3)), tensor("s", (1, 6))]
    nodes = [
        Node("halves", Halves(), ("x",), ("a", "b")),
        Node("join", op.Concat(1), ("b", "a"), ("s",)),
    ]
    prepared = prepare(network(nodes, tensors, "x", "s a"), "litert")
    for seed in range(3):  # the second and third run are a workspace's
        x = values(count, 6, seed=seed)
        found = prepared.run(x)
        np.testing.assert_array_equal(found["s"], np.roll(x, 3, axis=1))
        np.testing.assert_array_equal(found["a"], x[:, :3])


def mean_of_all(shape: tuple[int, ...]) -> Network:
    mean = Node("mean", op.Mean(tuple(range(len(shape))), False), ("x",), ("y",))
    return network([mean], [tensor("x", shape), tensor("y", ())], "x", "y")


def test_an_output_of_rank_0() -> None:
    x = np.full((2, 3), 7, np.int8)
    result = npusim.run(mean_of_all((2, 3)), x)
    assert result.outputs["y"].shape == ()
    assert result.outputs["y"] == 7
    assert result.samples == 1
    runs = np.concatenate([x, x + np.int8(3), x - np.int8(9)])
    result = npusim.run(mean_of_all((2, 3)), runs)
    assert result.outputs["y"].tolist() == [7, 10, -2]
    assert result.samples == 3


def test_an_input_of_rank_0() -> None:
    clip = Node("relu", op.Clip(0.0), ("x",), ("y",))
    prepared = prepare(network([clip], [tensor("x", ()), tensor("y", ())], "x", "y"), "litert")
    for x, expected in ((np.int8(-3), 0), (np.int8(5), 5)):
        y = prepared.run({"x": np.array(x)})["y"]
        assert y.shape == ()
        assert y == expected
    assert prepared.run(np.array([-1, 2, 3], np.int8))["y"].tolist() == [0, 2, 3]
    with pytest.raises(ShapeError, match="expected a scalar"):
        prepared.run(np.zeros((2, 2), np.int8))


def test_leading_axes_that_are_no_batch() -> None:
    join = Node("join", op.Concat(0), ("a", "b"), ("y",))
    tensors = [tensor("a", (2, 4)), tensor("b", (3, 4)), tensor("y", (5, 4))]
    n = network([join], tensors, "a b", "y")
    a, b = values(4, 4), values(6, 4, seed=1)
    found = npusim.run(n, {"a": a, "b": b})
    expected = np.concatenate([a[:2], b[:3], a[2:], b[3:]])
    np.testing.assert_array_equal(found.outputs["y"], expected)
    assert found.samples == 2
    with pytest.raises(ShapeError, match="found a 2, b 1"):
        npusim.run(n, {"a": a, "b": b[:3]})


def test_a_scalar_beside_a_batch() -> None:
    add = Node("add", op.Add(), ("a", "b"), ("y",))
    n = network([add], [tensor("a", (2, 4)), tensor("b", ()), tensor("y", (2, 4))], "a b", "y")
    a = values(2, 4) // np.int8(2)
    y = npusim.run(n, {"a": a, "b": np.int8(9)}).outputs["y"]
    np.testing.assert_array_equal(y, a + np.int8(9))
    twice = npusim.run(n, {"a": np.concatenate([a, a]), "b": np.array([9, 0], np.int8)})
    np.testing.assert_array_equal(twice.outputs["y"], np.concatenate([y, a]))


def test_no_nodes() -> None:
    constant = tensor("c", (2, 2), data=values(2, 2))
    n = network([], [tensor("x", (1, 3)), constant], "x", "c x")
    x = values(4, 3)
    result = npusim.run(n, x)
    np.testing.assert_array_equal(result.outputs["c"], constant.data)
    np.testing.assert_array_equal(result.outputs["x"], x)
    assert not np.may_share_memory(result.outputs["x"], x)


def test_no_inputs() -> None:
    constant = tensor("c", (2, 2), data=values(2, 2))
    clip = Node("relu", op.Clip(0.0), ("c",), ("y",))
    result = npusim.run(network([clip], [constant, tensor("y", (2, 2))], "", "y c"), {})
    np.testing.assert_array_equal(result.outputs["y"], np.maximum(constant.data, 0))


def test_views_of_the_input_are_copies() -> None:
    reshape = Node("reshape", op.Reshape((1, 6)), ("x",), ("y",))
    n = network([reshape], [tensor("x", (1, 2, 3)), tensor("y", (1, 6))], "x", "y")
    x = values(1, 2, 3)
    y = prepare(n, "litert").run(x, threads=2)["y"]
    assert not np.may_share_memory(x, y)


def test_a_declared_batch_runs_at_once_or_row_by_row() -> None:
    rng = np.random.default_rng(4)
    w = tensor("w", (5, 8), data=rng.integers(-99, 99, (5, 8)).astype(np.int8))
    dense = Node("dense", op.FullyConnected(), ("x", "w"), ("y",))
    n = network([dense], [tensor("x", (256, 8)), w, tensor("y", (256, 5))], "x", "y")
    x = values(256, 8)
    whole = npusim.run(n, x)
    assert (whole.samples, whole.batch) == (256, 256)
    assert whole.macs == 256 * 5 * 8
    rows = [npusim.run(n, x[i : i + 1]).outputs["y"] for i in (0, 17, 255)]
    np.testing.assert_array_equal(whole.outputs["y"][[0, 17, 255]], np.concatenate(rows))
