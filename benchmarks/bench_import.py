"""How long a QDQ network of many nodes takes to read: it must grow with the nodes, not faster.

    python -m benchmarks.bench_import [NODES ...]

A chain of convolutions with Relu, each between DequantizeLinear and QuantizeLinear, as exporters
write it: five nodes a convolution.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import npusim

NODES = (1_000, 2_500, 5_000, 10_000)
NODES_A_LAYER = 5
CHANNELS, PIXELS = 8, 4


def chain(nodes: int) -> bytes:
    """Return an .onnx file of `nodes` nodes."""
    weights = np.ones((CHANNELS, CHANNELS, 1, 1), np.int8)
    constants = [
        numpy_helper.from_array(np.float32(0.05), "s"),
        numpy_helper.from_array(np.int8(0), "z"),
        numpy_helper.from_array(np.int8(-128), "zr"),
    ]
    made = []
    for i in range(nodes // NODES_A_LAYER):
        constants.append(numpy_helper.from_array(weights, f"w{i}"))
        zero = "z" if not i else "zr"
        made += [
            helper.make_node("DequantizeLinear", [f"q{i}", "s", zero], [f"x{i}"]),
            helper.make_node("DequantizeLinear", [f"w{i}", "s", "z"], [f"d{i}"]),
            helper.make_node("Conv", [f"x{i}", f"d{i}"], [f"c{i}"], f"conv{i}"),
            helper.make_node("Relu", [f"c{i}"], [f"r{i}"]),
            helper.make_node("QuantizeLinear", [f"r{i}", "s", "zr"], [f"q{i + 1}"]),
        ]
    shape = (1, CHANNELS, PIXELS, PIXELS)
    last = f"q{nodes // NODES_A_LAYER}"
    graph = helper.make_graph(
        made, "chain",
        [helper.make_tensor_value_info("q0", TensorProto.INT8, shape)],
        [helper.make_tensor_value_info(last, TensorProto.INT8, shape)],
        constants,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def main() -> int:
    """Print the processor seconds of each size."""
    for nodes in [int(text) for text in sys.argv[1:]] or NODES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "chain.onnx")
            path.write_bytes(chain(nodes))
            start = time.process_time()
            network = npusim.load(path)
            seconds = time.process_time() - start
        print(f"{nodes:6} nodes: {seconds:6.2f} s of the processor, {len(network.nodes)} layers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
