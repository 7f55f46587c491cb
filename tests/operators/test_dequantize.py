"""dequantize: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from npusim.formats.files import load
from npusim.prepared.engine import prepare
from tests.simulator.litert_witness import litert
from tests.simulator.test_tflite_subgraphs import File, Graph
from tests.simulator.tflite_builder import options

from .three_kernels import equals_litert

test_random_layers = equals_litert("DEQUANTIZE")


def test_constants_of_float16_are_widened(tmp_path: Path) -> None:
    """Weights that a converter halved: DEQUANTIZE gives their float32 when the file is read."""
    file = File()
    graph = Graph(file)
    halves = np.array([[0.5, -1.25, 3e-5, 60000]], np.float16)
    x = graph.tensor(kind=schema.TensorType.FLOAT32)
    held = graph.tensor(halves, schema.TensorType.FLOAT16)
    wide, y = (graph.tensor(kind=schema.TensorType.FLOAT32) for _ in range(2))
    graph.add("DEQUANTIZE", [held], [wide], options("DequantizeOptions"))
    graph.add("ADD", [x, wide], [y], options("AddOptions"))
    graph.ends([x], [y])
    path = tmp_path / "net.tflite"
    path.write_bytes(file.content())
    given = np.array([[1, 2, 3, 4]], np.float32)
    (found,) = prepare(load(path), "litert").run(given).values()
    interpreter = litert(file.content(), "ref")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
    interpreter.invoke()
    np.testing.assert_array_equal(found, interpreter.get_tensor(y))
