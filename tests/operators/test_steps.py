"""A node's step is its page's, by its types; under a rule without one the host has the file's."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.operators.abs import Abs
from npusim.operators.steps import host_step, step


def network(dtype: str, q: Quantization | None) -> Network:
    tensors = {name: Tensor(name, (1, 4), np.dtype(dtype), q) for name in "xy"}
    node = Node("n", Abs(), ("x",), ("y",))
    return Network("net", "tflite", (node,), tensors, ("x",), ("y",))


X = np.array([[-3, -1, 0, 2]])
QUANTIZED = network("int8", Quantization(np.float32(0.5), np.int64(-1)))


def test_types_choose_the_part() -> None:
    for found in (network("float32", None), network("int32", None)):
        x = X.astype(found.tensors["x"].dtype)
        assert step(found, found.nodes[0], "litert")(1, x).tolist() == [[3, 1, 0, 2]]
    assert step(QUANTIZED, QUANTIZED.nodes[0], "litert")(1, X.astype(np.int8)).tolist() == [
        [1, -1, 0, 2]  # magnitudes of x + 1, less 1
    ]


def test_the_host_takes_the_files_rule_where_the_programs_has_none() -> None:
    with pytest.raises(UnsupportedError, match="n: Abs"):
        step(QUANTIZED, QUANTIZED.nodes[0], "onnxruntime")
    on_host = host_step(QUANTIZED, QUANTIZED.nodes[0], "onnxruntime")
    assert on_host(1, X.astype(np.int8)).tolist() == [[1, -1, 0, 2]]
