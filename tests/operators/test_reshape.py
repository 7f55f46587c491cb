"""reshape: the same values under another shape, whatever their type and the batch."""

from __future__ import annotations

import numpy as np
import pytest

from npusim import operators as op
from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.prepared.engine import prepare
from tests.simulator.tflite_builder import Value, constant

from .litert_cases import Layer, compare


def network(before: tuple[int, ...], after: tuple[int, ...], dtype: str) -> Network:
    tensors = {"x": Tensor("x", before, np.dtype(dtype)), "y": Tensor("y", after, np.dtype(dtype))}
    node = Node("reshape", op.Reshape(after), ("x",), ("y",))
    return Network("net", "tflite", (node,), tensors, ("x",), ("y",))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "float32", "bool"])
@pytest.mark.parametrize(
    ("before", "after"),
    [((1, 6), (1, 2, 3)), ((1, 2, 3), (6,)), ((6,), (1, 1, 6)), ((1,), ()), ((), (1, 1)),
     ((2, 3), (3, 2)), ((1, 2, 1, 3, 1, 2), (1, 12)), ((4, 3), (4, 3, 1))],
)  # fmt: skip
def test_values_are_kept(before: tuple[int, ...], after: tuple[int, ...], dtype: str) -> None:
    x = np.arange(np.prod(before, dtype=int)).reshape(before).astype(dtype)
    found = prepare(network(before, after, dtype), "litert").run({"x": x})["y"]
    np.testing.assert_array_equal(found.reshape(after), x.reshape(after))
    assert found.dtype == x.dtype


def test_a_batch_of_samples_keeps_its_rows() -> None:
    x = np.arange(30, dtype=np.int8).reshape(5, 6)
    found = prepare(network((1, 6), (1, 2, 3), "int8"), "litert").run({"x": x})["y"]
    np.testing.assert_array_equal(found, x.reshape(5, 2, 3))


def test_a_scalar_whose_shape_a_file_states_in_no_bytes() -> None:
    shape = constant(np.zeros(0, np.int32))
    x = [np.ones((1, 1), np.float32)]
    compare(Layer("RESHAPE", [Value((1, 1), "float32"), shape], [Value((), "float32")], None, x))


def test_another_number_of_values_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"reshape: cannot reshape \[2, 3\] to \[7\]"):
        network((2, 3), (7,), "int8")
