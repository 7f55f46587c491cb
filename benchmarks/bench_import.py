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
from tools.checkout import commit

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


def seconds(nodes: int) -> tuple[float, int]:
    """Return the processor seconds that a chain of `nodes` nodes takes to read, and its layers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "chain.onnx")
        path.write_bytes(chain(nodes))
        start = time.process_time()
        network = npusim.load(path)
        return time.process_time() - start, len(network.nodes)


def table() -> list[str]:
    """Return the table of RESULTS.md."""
    lines = [
        "## Reading",
        "",
        "Processor seconds from a QDQ file in .onnx to a network, `benchmarks/bench_import.py` at "
        f"commit {commit()}.",
        "",
        "| nodes | layers | seconds | microseconds a node |",
        "|---|---|---|---|",
    ]
    seconds(NODES[0])  # what is imported and compiled once
    for nodes in NODES:
        taken, layers = seconds(nodes)
        lines.append(f"| {nodes:,} | {layers:,} | {taken:.2f} | {1e6 * taken / nodes:.0f} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


def main() -> int:
    """Print the processor seconds of each size."""
    for nodes in [int(text) for text in sys.argv[1:]] or NODES:
        taken, layers = seconds(nodes)
        print(f"{nodes:6} nodes: {taken:6.2f} s of the processor, {layers} layers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
