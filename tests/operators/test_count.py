"""What a table says of a layer: work, stored bytes, scheme, rounding."""

from __future__ import annotations

from pathlib import Path

import npusim
from npusim.operators.count import layer_macs, layer_rounding, layer_scheme, layer_weight_bytes

DIGITS = Path(npusim.__file__).parent / "networks" / "digits"


def test_coded_layers_of_the_shipped_network() -> None:
    network = npusim.load(DIGITS / "digits_int8.onnx")
    stem, add = network.nodes[0], next(n for n in network.nodes if n.kind == "Add")
    assert layer_macs(network, stem) == 8 * 8 * 16 * 9
    assert layer_scheme(network, stem) == "uniform 8"
    assert layer_weight_bytes(network, stem) > 16 * 9
    assert (layer_macs(network, add), layer_scheme(network, add)) == (0, "")


def test_a_dense_layer_rounds_otherwise_than_a_convolution_under_litert() -> None:
    network = npusim.load(DIGITS / "digits_int8.onnx")
    kinds = {node.kind: node for node in network.nodes}
    assert layer_rounding(network, kinds["Conv2D"], "litert") == "tflite"
    assert layer_rounding(network, kinds["FullyConnected"], "litert") == "double_away"
    assert layer_rounding(network, kinds["FullyConnected"], "half_even") == "half_even"
